package sim

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"proxycheck/probe"
)

// trustFaults are the faults of certificates.
var trustFaults = []*Fault{
	{
		Name: "clock-ahead", Title: "this machine's clock is two days ahead of the servers'",
		Source: "WinHTTP error messages", Break: setBack(48 * time.Hour), Shows: shows(probe.ClockWrong),
	},
	{
		Name: "tunnel-idle-cut", Title: "idle tunnels are closed after half a second, and other connections kept",
		Source: "HAProxy: timeout tunnel", Idle: 3 * time.Second,
		Break: tunnelIdle(500 * time.Millisecond), Shows: shows(probe.IdleCut),
	},
}

// setBack sets the clocks of all servers back, so that the client's is ahead of theirs
// by so much. Their certificates hold for half that time.
func setBack(by time.Duration) func(*Net) {
	return func(n *Net) {
		n.touch(atClient) // whose clock it is, as seen from there
		now := func() time.Time { return time.Now().Add(-by) }
		n.Server.Authority.Now, n.Server.Authority.Valid = now, by/2
		n.Microsoft.Authority.SetClock(now, by/2)
		n.Server.Handler, n.Microsoft.Handler = dated(n.Server.Handler, now), dated(n.Microsoft.Handler, now)
	}
}

// dated lets a server take now for the time at which it answers.
func dated(h http.Handler, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", now().UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

// tunnelIdle closes a tunnel over which nothing passed for so long.
func tunnelIdle(after time.Duration) func(*Net) {
	return func(n *Net) {
		honest := n.Proxy.Dial
		dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := honest(ctx, network, addr)
			if err != nil || !strings.HasSuffix(addr, ":"+n.Server.TLSPort) {
				return c, err
			}
			return &impatientConn{c, after}, nil
		})(n)
	}
}

// An impatientConn fails to read when nothing was written or came for so long.
type impatientConn struct {
	net.Conn
	after time.Duration
}

func (c *impatientConn) Read(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.after))
	return c.Conn.Read(p)
}

func (c *impatientConn) Write(p []byte) (int, error) {
	c.SetReadDeadline(time.Now().Add(c.after))
	return c.Conn.Write(p)
}
