package wire

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tooLong is more than the buffers of two sockets take.
const tooLong = 16 << 20

// post is a request with a body of n bytes.
func post(n int) *Request {
	r := get()
	r.Head = Lines("POST http://www.test/a.asmx HTTP/1.1\nHost: www.test\nContent-Length: " + strconv.Itoa(n))
	r.Body = bytes.Repeat([]byte("a"), n)
	return r
}

// takes reads n bytes and keeps none.
func takes(n int64) move {
	return func(l *line) {
		if got, err := io.CopyN(io.Discard, l.br, n); err != nil {
			l.t.Errorf("the peer took %d of %d bytes, then: %v", got, n, err)
		}
	}
}

// holds keeps the connection and reads nothing, until the test ends.
func holds(l *line) { <-l.ctx.Done() }

const refused413 = "HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 2\r\n\r\nno"

// A proxy that has read enough says so, and is believed, whatever it does with
// the connection and however little of the body it takes.
func TestRefusedWhileSending(t *testing.T) {
	t.Parallel()
	tunnel := script{hears, says(established), secures(unverified())}
	for _, tt := range []struct {
		name   string
		peer   script
		tls    bool
		closed Closer
	}{
		{"it keeps the connection", script{takes(16 << 10), says(refused413), holds}, false, ClosedUs},
		{"it has read nothing", script{says(refused413), holds}, false, ClosedUs},
		{"it says that it hangs up", script{takes(16 << 10), says(strings.Replace(refused413, "\r\n", "\r\nConnection: close\r\n", 1)), holds}, false, ClosedPeer},
		{"it hangs up", script{takes(16 << 10), says(refused413)}, false, ClosedUs},
		{"in TLS", slices.Concat(tunnel, script{takes(16 << 10), says(refused413), holds}), true, ClosedUs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := play(t, tt.peer, script{hears, says(answered), stays})
			c, r := p.client(t), post(tooLong)
			if tt.tls {
				r.TLS, r.Authority = true, "www.test:443"
			}
			x := c.Exchange(p.ctx, r)
			if !x.Complete() || x.Answer.Status() != 413 || string(x.Body.Excerpt) != "no" {
				t.Fatalf("stopped at %s: %q (%v): %q, %q", x.Stopped, x.Failure, x.Err, x.Raw, x.Body.Excerpt)
			}
			if x.Closed != tt.closed || x.Duration() >= patience || x.Out >= tooLong {
				t.Errorf("closed by %q, want %q; it took %v, and %d bytes left", x.Closed, tt.closed, x.Duration(), x.Out)
			}
			if y := c.Exchange(p.ctx, get()); !y.Complete() || y.Reused {
				t.Errorf("the next: %s (%v), reused: %v", y.Stopped, y.Err, y.Reused)
			}
		})
	}
}

// Whoever answers early and takes the body all the same keeps the connection.
func TestAnsweredWhileSending(t *testing.T) {
	r := post(1 << 20)
	p := play(t, script{says(refused413), hears, hears, says(answered), stays})
	c := p.client(t)
	x, y := c.Exchange(p.ctx, r), c.Exchange(p.ctx, get())
	if x.Answer.Status() != 413 || x.Closed != StillOpen || !y.Complete() || !y.Reused {
		t.Errorf("%s, closed by %q; the next: %s (%v), reused: %v", x.Stopped, x.Closed, y.Stopped, y.Err, y.Reused)
	}
	if want := int64(len(r.Head.Bytes()) + len(r.Body)); x.Out != want {
		t.Errorf("%d bytes left, want %d", x.Out, want)
	}
}

// An interim answer does not end a long request.
func TestInterimWhileSending(t *testing.T) {
	p := play(t, script{says("HTTP/1.1 100 Continue\r\n\r\n"), hears, says(answered), stays})
	x := p.client(t).Exchange(p.ctx, post(tooLong))
	if !x.Complete() || len(x.Interim) != 1 || x.Answer.Status() != 200 || x.Closed != StillOpen {
		t.Errorf("stopped at %s: %q (%v): %d interim answers, %q, closed by %q",
			x.Stopped, x.Failure, x.Err, len(x.Interim), x.Raw, x.Closed)
	}
}

// A long request may take longer than the time-out, as long as it is taken; the
// answer has its time from then on.
func TestSlowSending(t *testing.T) {
	t.Parallel()
	p := play(t, script{hearsSlowly(tooLong), says(answered), stays})
	c := p.client(t)
	c.Timeout = brief
	if x := c.Exchange(p.ctx, post(tooLong)); !x.Complete() || x.Took[FirstByte] < c.Timeout {
		t.Errorf("stopped at %s: %q (%v) after %v, want it to take longer than %v",
			x.Stopped, x.Failure, x.Err, x.Took[FirstByte], c.Timeout)
	}
}

// hearsSlowly takes a request with a body of n bytes, a piece every now and then.
func hearsSlowly(n int) move {
	return func(l *line) {
		l.raw.SetReadBuffer(64 << 10)
		for { // the head
			if b, err := l.br.ReadString('\n'); b == "\r\n" || err != nil {
				break
			}
		}
		tick := time.NewTicker(time.Second / 40)
		defer tick.Stop()
		for piece := n / 160; n > 0; n -= piece { // for longer than brief
			<-tick.C
			if _, err := io.CopyN(io.Discard, l.br, int64(min(n, piece))); err != nil {
				l.t.Errorf("the peer waits for %d more bytes: %v", n, err)
				return
			}
		}
	}
}

// How sending breaks is told as how waiting does.
func TestSendingFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		peer    script
		failure Failure
	}{
		{"nothing is taken", script{holds}, Silent},
		{"some is taken", script{takes(64 << 10), holds}, Silent},
		{"all is taken, and no answer", script{hears, stays}, Silent},
		{"reset", script{takes(64 << 10), resets}, Reset},
		{"ended", script{takes(64 << 10), cancels, holds}, Stopped},
		{"garbage", script{takes(64 << 10), says("SSH-2.0"), holds}, Garbled},
		{"hung up", script{hears}, Cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := play(t, tt.peer)
			c := p.client(t)
			if tt.failure == Silent {
				c.Timeout = brief
			}
			x := c.Exchange(p.ctx, post(tooLong))
			checkFailure(t, x, FirstByte, tt.failure)
			if x.Duration() >= patience {
				t.Errorf("it took %v to say so", x.Duration())
			}
		})
	}
}

// A long request is sent once more where a short one would be.
func TestSendingRetried(t *testing.T) {
	lives := script{hears, says(answered), stays}
	p := play(t, script{hears, says(answered), takes(64 << 10), resets}, lives)
	c := p.client(t)
	c.Exchange(p.ctx, get())
	if x := c.Exchange(p.ctx, post(tooLong)); !x.Complete() || !x.Retried {
		t.Errorf("stopped at %s: %q (%v), retried: %v", x.Stopped, x.Failure, x.Err, x.Retried)
	}
}
