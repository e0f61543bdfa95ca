package sim

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// The connections of a listener, and how they are counted, edited and closed.

// connKey is for the connection in the context of a request.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf is the connection on which r came, or nil for one out of a tunnel that
// was opened by force.
func connOf(r *http.Request) *trackedConn {
	c, _ := r.Context().Value(connKey{}).(*trackedConn)
	return c
}

// A tracked listener closes with itself what it accepted, also what a handler
// has taken over from net/http.
type tracked struct {
	net.Listener
	most int // connections of one client at once; 0 for no limit

	mu     sync.Mutex
	conns  map[*net.TCPConn]bool // whether each was let in
	closed bool
}

func track(l net.Listener) *tracked {
	return &tracked{Listener: l, conns: map[*net.TCPConn]bool{}}
}

func (t *tracked) Accept() (net.Conn, error) {
	for {
		accepted, err := t.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &trackedConn{TCPConn: accepted.(*net.TCPConn), by: t}
		switch in, err := t.add(c.TCPConn); {
		case err != nil:
			c.TCPConn.Close()
			return nil, err
		case in:
			return c, nil
		}
		go linger(c)
	}
}

// add takes note of a connection, and tells whether it is let in.
func (t *tracked) add(c *net.TCPConn) (in bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false, net.ErrClosed
	}
	in = t.most == 0 || t.of(machine(c)) < t.most
	t.conns[c] = in
	return in, nil
}

// of is how many connections of a machine were let in.
func (t *tracked) of(client string) (n int) {
	for c, in := range t.conns {
		if in && machine(c) == client {
			n++
		}
	}
	return n
}

// machine is the address from which c came, without its port.
func machine(c net.Conn) string {
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return host
}

func (t *tracked) Close() error {
	err := t.Listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.conns {
		c.Close()
	}
	return err
}

// A trackedConn is still a TCP connection: it can be half closed and reset. Its
// edit is that of the answer under way.
type trackedConn struct {
	*net.TCPConn
	by    *tracked
	edit  *edit       // nil to send what is written
	notes map[any]any // what faults keep about it, from one request to the next
}

// note is what a fault keeps about c under key.
func (c *trackedConn) note(key any, first func() any) any {
	if c.notes == nil {
		c.notes = map[any]any{}
	}
	if c.notes[key] == nil {
		c.notes[key] = first()
	}
	return c.notes[key]
}

func (c *trackedConn) Write(p []byte) (int, error) {
	if c.edit != nil {
		return c.edit.write(c, p)
	}
	return c.TCPConn.Write(p)
}

// ReadFrom lets sendfile stay possible where nothing is changed.
func (c *trackedConn) ReadFrom(r io.Reader) (int64, error) {
	if c.edit != nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	return c.TCPConn.ReadFrom(r)
}

func (c *trackedConn) Close() error {
	c.by.mu.Lock()
	delete(c.by.conns, c.TCPConn)
	c.by.mu.Unlock()
	return c.TCPConn.Close()
}
