package sim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// A box in the path of a client that has no proxy.

// inPath takes the proxy out of the client's settings and puts it into its path,
// where it takes the connections that the client means for the server. It answers
// what comes to the plain port, so what f breaks of the proxy it breaks of the path.
// Of TLS it passes on each byte, unless f changes what becomes of tunnels.
func inPath(f func(*Net)) func(*Net) {
	return func(n *Net) {
		n.touch(atPath)
		n.Direct, n.InPath, n.atClient = true, true, n.breaking
		f(n)
	}
}

// startPath opens the TLS port of a box in the path, if there is one.
func (n *Net) startPath() error {
	if !n.InPath {
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.path = &line{Listener: l, near: l, rest: n.tunnel}
	n.path.open()
	return nil
}

// tunnel is one to the TLS port of the server, which the proxy opens as for a client
// that asks for it.
func (n *Net) tunnel(ctx context.Context) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", n.Addr())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	fmt.Fprintf(c, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", net.JoinHostPort(ServerName, securePort))
	// What the server says goes to the client, so nothing is read behind the head.
	answer, err := http.ReadResponse(bufio.NewReader(eachByte{c}), &http.Request{Method: http.MethodConnect})
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the tunnel was answered %s", answer.Status)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// eachByte reads one byte at a time.
type eachByte struct{ io.Reader }

func (e eachByte) Read(p []byte) (int, error) { return e.Reader.Read(p[:min(len(p), 1)]) }

// toOrigin serves also what is written for a server (RFC 9112, 3.2.1), as if it were
// written for a proxy.
func toOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect && !r.URL.IsAbs() {
			r.URL.Scheme, r.URL.Host = "http", r.Host
		}
		h.ServeHTTP(w, r)
	})
}
