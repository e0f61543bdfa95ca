package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// How an exchange breaks is the phase that it was in, and the manner.
func TestFailures(t *testing.T) {
	t.Parallel()
	const (
		half    = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"
		chunk   = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
		denied  = "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied"
		alert   = "\x15\x03\x01\x00\x02\x02\x46" // of TLS: fatal, protocol_version
		tls10   = "\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01"
		random  = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
		session = "\x00\x00\x2f\x00" // no id, TLS_RSA_WITH_AES_128_CBC_SHA, no compression
	)
	interim := strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100)
	trailer := "0\r\n" + strings.Repeat("X: a\r\n", HeadLimit/6+1)
	endless := "X: " + strings.Repeat("a", HeadLimit) + "\r\n"
	for _, tt := range []struct {
		name    string
		peer    script
		phase   Phase
		failure Failure
	}{
		{"CONNECT denied", script{hears, says(denied), stays}, Tunnel, Denied},
		{"CONNECT denied, with half a page", script{hears, says(denied[:len(denied)-1])}, Tunnel, Denied},
		{"CONNECT denied, with a page that resets", script{hears, says(denied[:len(denied)-1]), resets}, Tunnel, Denied},
		{"CONNECT redirected", script{hears, says("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"), stays}, Tunnel, Denied},
		{"CONNECT upgraded", script{hears, says("HTTP/1.1 101 Switching Protocols\r\n\r\n"), stays}, Tunnel, Denied},
		{"hung up on CONNECT", script{hears}, Tunnel, Cut},
		{"hung up in the answer to CONNECT", script{hears, says(established[:20])}, Tunnel, Cut},
		{"reset on CONNECT", script{hears, resets}, Tunnel, Reset},
		{"no answer to CONNECT", script{hears, stays}, Tunnel, Silent},
		{"another protocol on CONNECT", script{hears, says("220 mail ESMTP\r\n"), stays}, Tunnel, Garbled},
		{"no end of the answer to CONNECT", script{hears, says("HTTP/1.1 200 OK\r\n" + endless), stays}, Tunnel, TooLarge},
		{"ended in CONNECT", script{hears, cancels, stays}, Tunnel, Stopped},

		{"TLS too old, and an alert", script{hears, says(established), secures(oldTLS()), stays}, Secure, NoAgreement},
		{"TLS too old, whatever was offered",
			script{hears, says(established), hearsHello, says(tls10 + random + session), stays}, Secure, NoAgreement},
		{"clear text in a tunnel", script{hears, says(established + denied), stays}, Secure, NotTLS},
		{"hung up on the ClientHello", script{hears, says(established), hearsHello}, Secure, Cut},
		{"reset on the ClientHello", script{hears, says(established), hearsHello, resets}, Secure, Reset},
		{"no answer to the ClientHello", script{hears, says(established), hearsHello, stays}, Secure, Silent},
		{"ended in TLS", script{hears, says(established), hearsHello, cancels, stays}, Secure, Stopped},

		{"hung up on the request", script{hears}, FirstByte, Cut},
		{"hung up in the head", script{hears, says("HTTP/1.1 200 OK\r\nETa")}, FirstByte, Cut},
		{"reset on the request", script{hears, resets}, FirstByte, Reset},
		{"no answer", script{hears, stays}, FirstByte, Silent},
		{"half a word and no more", script{hears, says("HTT"), stays}, FirstByte, Silent},
		// These wait for nothing more, or they would be silent.
		{"a banner without the end of its line", script{hears, says("SSH-2.0-OpenSSH_9.6"), stays}, FirstByte, Garbled},
		{"a banner of one letter", script{says("S"), stays}, FirstByte, Garbled},
		{"an alert of TLS", script{hears, says(alert), stays}, FirstByte, Garbled},
		{"a page without a head", script{hears, says("<html>"), stays}, FirstByte, Garbled},
		{"a status line without a status", script{hears, says("HTTP/1.1 OK\r\n\r\n"), stays}, FirstByte, Garbled},
		{"no end of the head", script{hears, says("HTTP/1.1 200 OK\r\n" + endless), stays}, FirstByte, TooLarge},
		{"no end of interim answers", script{hears, says(interim), stays}, FirstByte, TooLarge},
		{"ended before the answer", script{hears, cancels, stays}, FirstByte, Stopped},

		{"hung up in the body", script{hears, says(half)}, BodyRead, Cut},
		{"hung up in a chunk", script{hears, says(chunk + "3\r\n")}, BodyRead, Cut},
		{"hung up between chunks", script{hears, says(chunk)}, BodyRead, Cut},
		{"hung up in the trailer", script{hears, says(chunk + "0\r\nX: a\r\n")}, BodyRead, Cut},
		{"reset in the body", script{hears, says(half), untilShown, resets}, BodyRead, Reset},
		{"reset in a body without a length", script{hears, says("HTTP/1.1 200 OK\r\n\r\nabc"), untilShown, resets}, BodyRead, Reset},
		{"half a body and no more", script{hears, says(half), stays}, BodyRead, Silent},
		{"a chunk and no more", script{hears, says(chunk), stays}, BodyRead, Silent},
		{"a trickle", script{hears, says(half[:len(half)-8] + "60000\r\n\r\nabc"), trickles}, BodyRead, Trickled},
		{"a chunk without a length", script{hears, says(chunk + "no\r\n"), stays}, BodyRead, Garbled},
		{"a chunk longer than it says", script{hears, says(chunk[:len(chunk)-2] + "def\r\n"), stays}, BodyRead, Garbled},
		{"no end of the trailer", script{hears, says(chunk + trailer), stays}, BodyRead, TooLarge},
		{"ended in the body", script{hears, says(half), untilShown, cancels, stays}, BodyRead, Stopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, r := play(t, tt.peer), get()
			if tt.phase == Tunnel || tt.phase == Secure {
				r = secureGet()
			}
			c := p.client(t)
			if tt.failure == Silent || tt.failure == Trickled {
				c.Timeout = brief
			}
			r.Sink = p.sink
			x := c.Exchange(p.ctx, r)
			checkFailure(t, x, tt.phase, tt.failure)
			if x.Duration() >= patience {
				t.Errorf("it took %v to say so", x.Duration())
			}
			if tt.phase == BodyRead && !strings.HasPrefix(string(x.Body.Excerpt), "abc") {
				t.Errorf("of the body is kept %q, want what came", x.Body.Excerpt)
			}
			if len(x.Raw) > HeadLimit {
				t.Errorf("%d bytes of the head are kept", len(x.Raw))
			}
		})
	}
}

// checkFailure holds x against what it should have come to.
func checkFailure(t *testing.T, x *Exchange, phase Phase, f Failure) {
	t.Helper()
	if x.Stopped != phase || x.Failure != f || x.Err == nil || x.Complete() {
		t.Errorf("stopped at %s: %q (%v), want %s: %q", x.Stopped, x.Failure, x.Err, phase, f)
	}
	if entered := entered(x); entered[len(entered)-1] != x.Stopped {
		t.Errorf("stopped at %s, but entered %v", x.Stopped, entered)
	}
	closed := ClosedUs
	switch {
	case x.Remote == "":
		closed = StillOpen // there was none
	case f == Cut, f == Reset:
		closed = ClosedPeer
	}
	if x.Closed != closed {
		t.Errorf("closed by %q, want %q", x.Closed, closed)
	}
}

// oldTLS is a server that speaks nothing newer than TLS 1.1.
func oldTLS() *tls.Config {
	c := unverified()
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}

// The page that comes with a refusal is the evidence, so it is kept.
func TestDeniedPage(t *testing.T) {
	const page = "<html><title>Denied</title></html>"
	p := play(t, script{hears, says("HTTP/1.1 407 Proxy Authentication Required\r\n" +
		"Proxy-Authenticate: NTLM\r\nContent-Length: 34\r\n\r\n" + page), stays})
	x := p.client(t).Exchange(p.ctx, secureGet())
	checkFailure(t, x, Tunnel, Denied)
	if x.Tunnel == nil {
		t.Fatal("of the tunnel nothing is noted")
	}
	checkBody(t, x.Tunnel.Body, ByLength, page)
	if a := x.Tunnel.Answer; a.Status() != 407 || a.Get("Proxy-Authenticate") != "NTLM" {
		t.Errorf("the answer is %q", a.Bytes())
	}
	if x.Answer.Start != "" || x.Raw != nil || x.TLS != nil {
		t.Errorf("the request itself, which was not sent, was answered with %q", x.Raw)
	}
}

// Of a long page the start will do.
func TestLongDeniedPage(t *testing.T) {
	p := play(t, script{hears, says("HTTP/1.1 403 Forbidden\r\nContent-Length: 10737418240\r\n\r\n"), zeros(10 << 30)})
	x := p.client(t).Exchange(p.ctx, secureGet())
	checkFailure(t, x, Tunnel, Denied)
	if b := x.Tunnel.Body; !b.Abandoned || len(b.Excerpt) != ExcerptLimit {
		t.Errorf("of the page, %d bytes are kept, abandoned: %v", len(b.Excerpt), b.Abandoned)
	}
}

// A context that has ended opens no connection, and uses none that is kept.
func TestStoppedBefore(t *testing.T) {
	p := play(t, script{hears, says(answered), stays})
	ended, end := context.WithCancel(t.Context())
	end()
	c := p.client(t)
	checkFailure(t, c.Exchange(ended, get()), Resolve, Stopped)
	if x := c.Exchange(p.ctx, get()); !x.Complete() {
		t.Fatalf("stopped at %s (%v)", x.Stopped, x.Err)
	}
	x := c.Exchange(ended, get())
	checkFailure(t, x, FirstByte, Stopped)
	if x.Out != 0 || x.Retried {
		t.Errorf("%d bytes left, retried: %v", x.Out, x.Retried)
	}
}

// Whoever is shown the body may end the exchange, and need not wait for it.
func TestStoppedBySink(t *testing.T) {
	p, r := play(t, script{hears, says("HTTP/1.1 200 OK\r\n\r\nabc"), stays}), get()
	noticed := make(chan struct{})
	context.AfterFunc(p.ctx, func() { close(noticed) })
	r.Sink = func(Head) io.Writer {
		return writer(1, func() {
			p.stop()
			<-noticed // as the connection has by now, most likely: it must not forget it
		})
	}
	x := p.client(t).Exchange(p.ctx, r)
	checkFailure(t, x, BodyRead, Stopped)
	if x.Duration() >= patience {
		t.Errorf("it took %v", x.Duration())
	}
}

func TestRefused(t *testing.T) {
	p := play(t)
	c := p.client(t)
	c.Proxy = nobody(t)
	checkFailure(t, c.Exchange(p.ctx, get()), Connect, Refused)
}

// A kept connection that falls silent may still be alive, so it is not replaced.
// And a head has one time-out for all of it, even behind a body, which had one
// for each read.
func TestSilentWhenReused(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]script{
		"no answer":         {hears, stays},
		"a head by trickle": {hears, says("HTTP/1.1 200 OK\r\nX: "), trickles},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, slices.Concat(script{hears, says(answered)}, second))
			c := p.client(t)
			c.Timeout = brief
			if x := c.Exchange(p.ctx, get()); !x.Complete() {
				t.Fatalf("stopped at %s (%v)", x.Stopped, x.Err)
			}
			x := c.Exchange(p.ctx, get())
			checkFailure(t, x, FirstByte, Silent)
			if !x.Reused || x.Retried {
				t.Errorf("reused: %v, retried: %v", x.Reused, x.Retried)
			}
		})
	}
}

// The time-out of a body is for each read: one that is slow but steady may take
// longer than it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := play(t, script{hears, says("HTTP/1.1 200 OK\r\nContent-Length: 599943\r\n\r\nabc"), untilShown, paces(180, 3333)})
	c, r := p.client(t), get()
	c.Timeout, r.Sink = brief, p.sink
	if x := c.Exchange(p.ctx, r); !x.Complete() || x.Took[BodyRead] < c.Timeout*4/3 {
		t.Errorf("%s: %d bytes came in %v (%v)", x.Stopped, x.Body.Length, x.Took[BodyRead], x.Err)
	}
}

// paces writes that many pieces of that size, a little apart.
func paces(pieces, size int) move {
	return func(l *line) {
		tick := time.NewTicker(time.Second / 40)
		defer tick.Stop()
		for range pieces {
			<-tick.C
			l.Write(make([]byte, size))
		}
	}
}

// Whoever wraps an error, and however often, its failure stays.
func TestFailure(t *testing.T) {
	system := func(n syscall.Errno) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", n)}
	}
	rows := []struct {
		err  error
		want Failure
	}{
		{errDenied, Denied},
		{fmt.Errorf("%w: %w", errDenied, io.ErrUnexpectedEOF), Denied},
		{fmt.Errorf("%w: %w", errDenied, os.ErrDeadlineExceeded), Denied},
		{errTrickled, Trickled},
		{errTooLarge, TooLarge},
		{errGarbled, Garbled},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, NotTLS},
		{errors.New("malformed chunked encoding"), Local},
		{fmt.Errorf("%w: %w", errStopped, context.Canceled), Stopped},
		{fmt.Errorf("%w: %w", errStopped, context.DeadlineExceeded), Stopped},
		{fmt.Errorf("%w: %w", errStopped, io.EOF), Stopped},
		{context.DeadlineExceeded, Silent},
		{os.ErrDeadlineExceeded, Silent},
		{system(syscall.ETIMEDOUT), Silent},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}, Silent},
		{&net.DNSError{Err: "i/o timeout", Name: "proxy.test", IsTimeout: true}, Silent},
		{&net.DNSError{Err: "no such host", Name: "proxy.test", IsNotFound: true}, NoName},
		{&net.DNSError{Err: "server misbehaving", Name: "proxy.test", IsTemporary: true}, NoService},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, NoAgreement},
		{&net.OpError{Op: "local error", Err: errors.New("tls: protocol version not supported")}, NoAgreement},
		{errors.New("tls: server selected unsupported protocol version 301"), NoAgreement},
		{io.EOF, Cut},
		{io.ErrUnexpectedEOF, Cut},
	}
	for want, numbers := range map[Failure][]syscall.Errno{Refused: refused, Reset: reset, Unreachable: unreachable} {
		for _, n := range numbers {
			rows = append(rows, struct {
				err  error
				want Failure
			}{system(n), want})
		}
	}
	for _, tt := range rows {
		once := fmt.Errorf("in the answer's head: %w", tt.err)
		for _, err := range []error{tt.err, once, errors.Join(errors.New("another"), once)} {
			if got := failure(err); got != tt.want {
				t.Errorf("%T %v is %q, want %q", err, err, got, tt.want)
			}
		}
	}
	if got := failure(nil); got != "" {
		t.Errorf("no error is %q", got)
	}
}

// A body may be slow at first; then it must keep its rate.
func TestTrickled(t *testing.T) {
	const timeout = 15 * time.Second
	for _, tt := range []struct {
		bytes int64
		took  time.Duration
		want  bool
	}{
		{0, 0, false},
		{0, 20 * time.Second, false},
		{0, 21 * time.Second, true},
		{21*trickleRate - 1, 21 * time.Second, true},
		{21 * trickleRate, 21 * time.Second, false},
		{1 << 30, time.Hour, false},
	} {
		if got := trickled(tt.bytes, tt.took, timeout); got != tt.want {
			t.Errorf("%d bytes in %v: %v, want %v", tt.bytes, tt.took, got, tt.want)
		}
	}
}
