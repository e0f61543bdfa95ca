package wire

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// A meter counts what passes over a connection and holds it to its time.
type meter struct {
	net.Conn
	ctx     context.Context
	spend   func(bytes int) bool // nil for any number
	stopped atomic.Bool          // it said no
	release func() bool
	out, in int64
	idle    time.Duration // for each read of a body; 0 outside bodies
	got     int64         // bytes of the body
	since   time.Time
}

// begin starts the count for an exchange, which ends at once when ctx does.
func (m *meter) begin(ctx context.Context) {
	m.ctx, m.out, m.in = ctx, 0, 0
	m.release = context.AfterFunc(ctx, func() { m.Conn.SetDeadline(past) })
}

// past is a deadline that ends at once what waits.
var past = time.Unix(1, 0)

// end is the count since begin.
func (m *meter) end() (out, in int64) {
	m.release()
	return m.out, m.in
}

func (m *meter) Write(p []byte) (int, error) {
	if !m.pay(len(p)) {
		return 0, errStopped
	}
	n, err := m.Conn.Write(p)
	m.out += int64(n)
	return n, err
}

func (m *meter) Read(p []byte) (int, error) {
	if m.idle > 0 {
		if err := m.patience(); err != nil {
			return 0, err
		}
	}
	if m.stopped.Load() {
		return 0, errStopped
	}
	n, err := m.Conn.Read(p)
	m.in += int64(n)
	m.got += int64(n)
	if !m.pay(n) {
		return 0, errStopped
	}
	return n, err
}

// pay tells whether n bytes may pass. Once they may not, nothing more is waited
// for: what was begun will not be answered.
func (m *meter) pay(n int) bool {
	if m.spend != nil && !m.spend(n) {
		m.stopped.Store(true)
		m.Conn.SetDeadline(time.Unix(1, 0))
	}
	return !m.stopped.Load()
}

// patience gives the next read of a body its time.
func (m *meter) patience() error {
	if m.got == 0 {
		m.since = time.Now()
	}
	if trickled(m.got, time.Since(m.since), m.idle) {
		return errTrickled
	}
	m.Conn.SetReadDeadline(time.Now().Add(m.idle))
	return m.ctx.Err()
}
