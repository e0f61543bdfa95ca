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
}

// allow gives the next n bytes their time.
func (c *conn) allow(n int64) {
	c.SetWriteDeadline(time.Now().Add(stalled + time.Duration(n/slowest)*time.Second))
}

func (c *conn) Write(p []byte) (int, error) {
	c.allow(int64(len(p)))
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
