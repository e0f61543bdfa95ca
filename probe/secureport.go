package probe

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"proxycheck/probe/wire"
)

// A port that wants TLS often ends a connection in clear without a word.

// trySecure looks whether TLS is spoken where nothing was answered in clear, and every
// connection ended.
func (s *session) trySecure(ctx context.Context) {
	tried := map[string]bool{} // by the machine, whether it speaks TLS
	for _, r := range s.run.Results {
		o := r.Observation
		if o == nil || !endedUnheard(o) || ctx.Err() != nil {
			continue
		}
		hop := s.hop(&wire.Request{Authority: o.Authority})
		if s.gate.proved(hop) {
			continue
		}
		if _, ok := tried[hop]; !ok {
			tried[hop] = s.speaksTLS(ctx, o.Remote)
		}
		o.WantsTLS = tried[hop]
	}
}

// endedUnheard tells whether the connection of o ended before anything came, in clear.
func endedUnheard(o *Observation) bool {
	ended := o.Failure == wire.Cut || o.Failure == wire.Reset
	early := o.Stopped == wire.FirstByte || o.Stopped == wire.Tunnel
	return ended && early && o.TLS == nil && len(o.Raw) == 0 && (o.Tunnel == nil || len(o.Tunnel.Raw) == 0)
}

// speaksTLS tells whether a handshake with address comes to its end.
func (s *session) speaksTLS(ctx context.Context, address string) bool {
	limited, cancel := context.WithTimeout(ctx, min(s.client.Timeout, maxReach))
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: maxReach}, Config: &tls.Config{InsecureSkipVerify: true}} // nothing is said to it
	conn, err := d.DialContext(limited, "tcp", address)
	if err != nil {
		return false
	}
	conn.SetDeadline(time.Now())
	conn.Close()
	return true
}
