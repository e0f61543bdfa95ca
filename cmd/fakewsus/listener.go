package main

import (
	"io"
	"net"
	"sync"
	"time"
)

// Limits for a client that takes an answer slowly, as http.sys has them: the time
// that it may take in any case, and the bytes a second that it must then take.
const (
	stalled = 120 * time.Second
	slowest = 240
)

// A listener can cut off the connections that it accepted.
type listener struct {
	net.Listener
	mu   sync.Mutex
	open map[*conn]bool
	over bool
}

func listen(address string) (*listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, open: map[*conn]bool{}}, nil
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: accepted.(*net.TCPConn), by: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		accepted.Close()
		return nil, net.ErrClosed
	}
	l.open[c] = true
	return c, nil
}

// cut closes l, and all connections under whoever serves them.
func (l *listener) cut() {
	l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for c := range l.open {
		c.TCPConn.Close()
	}
}

// A conn is cut off when its client does not take what is written. It is still a
// TCP connection: it can be half closed and reset, and sendfile stays possible.
type conn struct {
	*net.TCPConn
	by *listener

	holding bool
	held    []byte // of heldBuffers; nil for nothing
}

// heldBuffers are for what is held back: as much as net/http writes of a head and
// the start of its body.
var heldBuffers = sync.Pool{New: func() any { return new([4 << 10]byte) }}

// Hold keeps the next write back, until the one behind it or Release.
func (c *conn) Hold() { c.holding = true }

// Release writes what is still held back. An error shows at the next write.
func (c *conn) Release() {
	c.holding = false
	if c.held != nil {
		c.Write(nil)
	}
}

// writeHeld writes what is held back, and p, at once.
func (c *conn) writeHeld(p []byte) (int, error) {
	held := c.held
	c.held = nil
	pieces := net.Buffers{held, p}
	n, err := pieces.WriteTo(c.TCPConn)
	heldBuffers.Put((*[4 << 10]byte)(held[:4<<10]))
	return max(0, int(n)-len(held)), err
}

// allow gives the next n bytes their time.
func (c *conn) allow(n int64) {
	c.SetWriteDeadline(time.Now().Add(stalled + time.Duration(n/slowest)*time.Second))
}

func (c *conn) Write(p []byte) (int, error) {
	if c.holding && len(p) <= 4<<10 {
		c.holding = false
		buffer := heldBuffers.Get().(*[4 << 10]byte)
		c.held = buffer[:copy(buffer[:], p)]
		return len(p), nil
	}
	c.holding = false
	c.allow(int64(len(c.held) + len(p)))
	if c.held != nil {
		return c.writeHeld(p)
	}
	return c.TCPConn.Write(p)
}

func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok { // there is no telling how much it is
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	c.allow(limited.N)
	return c.TCPConn.ReadFrom(r)
}

func (c *conn) Close() error {
	c.by.mu.Lock()
	delete(c.by.open, c)
	c.by.mu.Unlock()
	return c.TCPConn.Close()
}
