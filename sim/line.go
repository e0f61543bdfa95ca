package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// A line between client and proxy that takes its time.

// A line makes the way to a listener longer: what is written arrives half a
// round trip later at the other end, and a connection takes a whole one to be
// set up. It delays and does not throttle: much can be on the way at once.
type line struct {
	net.Listener // at the far end
	near         net.Listener
	rtt          time.Duration
	rest         func(context.Context) (net.Conn, error) // opens what lies behind the line, over TCP

	ended context.Context
	end   context.CancelFunc
	conns sync.WaitGroup
}

// lengthen is near at the far end of a line. It closes near with itself.
func lengthen(near net.Listener, rtt time.Duration) (*line, error) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		near.Close()
		return nil, err
	}
	l := &line{Listener: far, near: near, rtt: rtt, rest: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", far.Addr().String())
	}}
	l.open()
	return l, nil
}

// open begins to take connections.
func (l *line) open() {
	l.ended, l.end = context.WithCancel(context.Background())
	l.conns.Go(l.serve)
}

func (l *line) serve() {
	for {
		c, err := l.near.Accept()
		if err != nil {
			return
		}
		l.conns.Go(func() { l.carry(c.(*net.TCPConn)) })
	}
}

// carry sets up the rest of the connection and passes bytes both ways.
func (l *line) carry(client *net.TCPConn) {
	defer client.Close()
	if !l.until(time.Now().Add(l.rtt)) {
		return
	}
	c, err := l.rest(l.ended)
	if err != nil {
		return
	}
	defer c.Close()
	server := c.(*net.TCPConn)
	stop := context.AfterFunc(l.ended, func() { client.Close(); server.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { l.pass(server, client) })
	both.Go(func() { l.pass(client, server) })
	both.Wait()
}

// A parcel is what one read gave, on its way.
type parcel struct {
	bytes []byte
	err   error // the last parcel has one
	due   time.Time
}

// onTheWay is the most parcels on their way in one direction of a connection.
const onTheWay = 1 << 10

// pass delivers at dst what comes from src half a round trip later, the end of
// it too: FIN as FIN, and RST as RST.
func (l *line) pass(dst, src *net.TCPConn) {
	way := make(chan parcel, onTheWay)
	go l.take(src, way)
	var err error
	for p := range way {
		if err == nil && l.until(p.due) {
			err = deliver(dst, p)
		}
		if err != nil {
			src.Close() // and the rest of the parcels is nobody's
		}
	}
}

// take puts what comes from src on the way, up to the end.
func (l *line) take(src net.Conn, way chan<- parcel) {
	defer close(way)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		way <- parcel{bytes.Clone(buf[:n]), err, time.Now().Add(l.rtt / 2)}
		if err != nil {
			return
		}
	}
}

// deliver does at dst what p tells.
func deliver(dst *net.TCPConn, p parcel) error {
	if _, err := dst.Write(p.bytes); err != nil {
		return err
	}
	switch {
	case p.err == io.EOF:
		return dst.CloseWrite()
	case p.err != nil:
		dst.SetLinger(0)
		return dst.Close()
	}
	return nil
}

// until waits, and tells whether the line still stands.
func (l *line) until(t time.Time) bool {
	select {
	case <-time.After(time.Until(t)):
		return true
	case <-l.ended.Done():
		return false
	}
}

// Close ends the line and every connection over it, and waits for them.
func (l *line) Close() error {
	l.end()
	err := errors.Join(l.near.Close(), l.Listener.Close())
	l.conns.Wait()
	return err
}
