package wire

import (
	"context"
	"crypto/tls"
	"slices"
	"strings"
	"testing"
)

// A connection is kept for the next exchange, for whichever server in clear.
func TestReuse(t *testing.T) {
	p := play(t, script{hears, says(answered), hears, says(answered), stays})
	c, elsewhere := p.client(t), get()
	elsewhere.Authority = "other.test:80"
	first, second := c.Exchange(p.ctx, get()), c.Exchange(p.ctx, elsewhere)
	if !first.Complete() || first.Reused || first.Closed != StillOpen {
		t.Errorf("the first: %s (%v), reused: %v, closed by %q", first.Stopped, first.Err, first.Reused, first.Closed)
	}
	if !second.Complete() || !second.Reused || second.Retried || second.Local != first.Local {
		t.Errorf("the second: %s (%v), reused: %v, retried: %v, from %s and %s",
			second.Stopped, second.Err, second.Reused, second.Retried, first.Local, second.Local)
	}
	if want := []Phase{FirstByte, BodyRead}; !slices.Equal(entered(second), want) || second.In != int64(len(answered)) {
		t.Errorf("the second took %v and %d bytes, want %v and %d", entered(second), second.In, want, len(answered))
	}
	if p.accepted() != 1 {
		t.Errorf("%d connections were opened", p.accepted())
	}
}

// A connection is not bound to the context of an exchange that is over.
func TestReuseOutlivesContext(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	noticed := make(chan struct{})
	context.AfterFunc(over, func() { close(noticed) })
	ends := func(*line) {
		end()
		<-noticed
	}
	p := play(t, script{hears, says(answered), hears, ends, says(answered), stays})
	c := p.client(t)
	c.Exchange(over, get())
	if x := c.Exchange(p.ctx, get()); !x.Complete() || !x.Reused {
		t.Errorf("stopped at %s: %q (%v), reused: %v", x.Stopped, x.Failure, x.Err, x.Reused)
	}
}

// Nor to the time-out of one: each phase has its own.
func TestReuseOutlivesTimeout(t *testing.T) {
	t.Parallel()
	p, silent := play(t, script{hears, says(answered), hears, says(answered), stays}), play(t, script{hears, stays})
	c, meanwhile := p.client(t), silent.client(t)
	c.Timeout, meanwhile.Timeout = brief, brief
	c.Exchange(p.ctx, get())
	checkFailure(t, meanwhile.Exchange(p.ctx, get()), FirstByte, Silent) // which takes all of one
	if x := c.Exchange(p.ctx, get()); !x.Complete() || !x.Reused {
		t.Errorf("stopped at %s: %q (%v), reused: %v", x.Stopped, x.Failure, x.Err, x.Reused)
	}
}

// Closed, a Conn starts anew.
func TestClose(t *testing.T) {
	p := play(t, script{hears, says(answered), stays}, script{hears, says(answered), stays})
	c := p.client(t)
	c.Exchange(p.ctx, get())
	c.Close()
	c.Close()
	if x := c.Exchange(p.ctx, get()); !x.Complete() || x.Reused || p.accepted() != 2 {
		t.Errorf("%s (%v), reused: %v, of %d connections", x.Stopped, x.Err, x.Reused, p.accepted())
	}
}

// A kept connection that died is replaced, once and only before any answer.
func TestRetry(t *testing.T) {
	lives := script{hears, says(answered), stays}
	for _, tt := range []struct {
		name     string
		dies     script // how the first connection ends, behind one exchange
		next     script // nil when there must be no second
		stopped  Phase
		failure  Failure
		retried  bool
		attempts int
	}{
		{name: "closed while idle", next: lives, stopped: Done, retried: true},
		{name: "closed on the request", dies: script{hears}, next: lives, stopped: Done, retried: true},
		{name: "reset on the request", dies: script{hears, resets}, next: lives, stopped: Done, retried: true},
		{name: "the next one dies too", dies: script{hears}, next: script{hears}, stopped: FirstByte, failure: Cut, retried: true},
		{name: "in the answer's head", dies: script{hears, says("HTTP/1.1 2")}, stopped: FirstByte, failure: Cut},
		{name: "behind an interim answer", dies: script{hears, says("HTTP/1.1 100 Continue\r\n\r\n")}, stopped: FirstByte, failure: Cut},
		{name: "in the body", dies: script{hears, says(answered[:len(answered)-1])}, stopped: BodyRead, failure: Cut},
		{name: "garbage", dies: script{hears, says("SSH-2.0")}, stopped: FirstByte, failure: Garbled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			scripts := []script{slices.Concat(script{hears, says(answered)}, tt.dies)}
			if tt.next != nil {
				scripts = append(scripts, tt.next)
			}
			p := play(t, scripts...)
			c, r := p.client(t), get()
			c.Exchange(p.ctx, r)
			x := c.Exchange(p.ctx, r)
			if x.Stopped != tt.stopped || x.Failure != tt.failure || x.Retried != tt.retried || x.Reused == tt.retried {
				t.Errorf("stopped at %s: %q (%v), retried: %v, reused: %v; want %s: %q, %v",
					x.Stopped, x.Failure, x.Err, x.Retried, x.Reused, tt.stopped, tt.failure, tt.retried)
			}
			sent := 1
			if tt.retried {
				sent = 2
			}
			if want := int64(sent * len(r.Head.Bytes())); x.Out != want {
				t.Errorf("%d bytes left, want %d: the request %d times", x.Out, want, sent)
			}
			if p.accepted() != len(scripts) {
				t.Errorf("%d connections were opened, want %d", p.accepted(), len(scripts))
			}
		})
	}
}

// A kept connection that was reset while idle takes no request at all.
func TestResetWhileIdle(t *testing.T) {
	gone := make(chan struct{})
	p := play(t,
		script{hears, says(answered), untilShown, resets, func(*line) { close(gone) }},
		script{hears, says(answered), stays})
	c, r := p.client(t), get()
	r.Sink = p.sink
	c.Exchange(p.ctx, r)
	<-gone
	x := c.Exchange(p.ctx, get())
	if !x.Complete() || !x.Retried || x.Out != int64(len(r.Head.Bytes())) {
		t.Errorf("%s: %q (%v), retried: %v, %d bytes out", x.Stopped, x.Failure, x.Err, x.Retried, x.Out)
	}
}

// A new connection that dies is not replaced: that is what is to be found out.
func TestNoRetryOfTheFirst(t *testing.T) {
	p := play(t, script{hears})
	if x := p.client(t).Exchange(p.ctx, get()); x.Failure != Cut || x.Retried || p.accepted() != 1 {
		t.Errorf("%s: %q, retried: %v, of %d connections", x.Stopped, x.Failure, x.Retried, p.accepted())
	}
}

// Who closes is told by the head of the answer, for a proxy in either spelling.
func TestClosedByPeer(t *testing.T) {
	for answer, want := range map[string]Closer{
		"HTTP/1.1 204 No Content\r\n\r\n":                                               StillOpen,
		"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n":                     StillOpen,
		"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n":                          ClosedPeer,
		"HTTP/1.1 204 No Content\r\nconnection: X-Hop, Close\r\n\r\n":                   ClosedPeer,
		"HTTP/1.1 204 No Content\r\nProxy-Connection: close\r\n\r\n":                    ClosedPeer,
		"HTTP/1.1 204 No Content\r\nX: a\r\nConnection: a\r\nConnection: close\r\n\r\n": ClosedPeer,
		"HTTP/1.1 204 No Content\r\nConnection: closed\r\n\r\n":                         StillOpen,
		"HTTP/1.0 204 No Content\r\n\r\n":                                               ClosedPeer,
		"HTTP/1.0 204 No Content\r\nConnection: Keep-Alive\r\n\r\n":                     StillOpen,
		"HTTP/1.0 204 No Content\r\nProxy-Connection: keep-alive\r\n\r\n":               StillOpen,
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n":                                  ClosedPeer,
	} {
		p := play(t, script{hears, says(answer), stays}, script{hears, says(answered), stays})
		c := p.client(t)
		x := c.Exchange(p.ctx, get())
		if !x.Complete() || x.Closed != want {
			t.Errorf("%q: %s (%v), closed by %q, want %q", answer, x.Stopped, x.Err, x.Closed, want)
		}
		if want == ClosedPeer && c.Exchange(p.ctx, get()).Reused {
			t.Errorf("%q: the connection was used once more", answer)
		}
	}
}

// TLS is spoken to any server, whoever vouches for it, and what it showed is kept.
func TestSecure(t *testing.T) {
	for _, tt := range []struct {
		name   string
		direct bool
		phases []Phase
	}{
		{"through a proxy", false, []Phase{Resolve, Connect, Tunnel, Secure, FirstByte, BodyRead}},
		{"to the server itself", true, []Phase{Resolve, Connect, Secure, FirstByte, BodyRead}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := script{secures(unverified()), hears, says(answered), hears, says(answered), stays}
			if !tt.direct {
				s = slices.Concat(script{hears, says(established)}, s)
			}
			p := play(t, s)
			c, r := p.client(t), secureGet()
			if tt.direct {
				c.Proxy, r.Authority = "", p.addr
			}
			x := c.Exchange(p.ctx, r)
			if !x.Complete() || string(x.Body.Excerpt) != "ok" || !slices.Equal(entered(x), tt.phases) {
				t.Fatalf("stopped at %s (%v) behind %v, want %v", x.Stopped, x.Err, entered(x), tt.phases)
			}
			if (x.Tunnel == nil) != tt.direct {
				t.Errorf("of a tunnel is noted: %+v", x.Tunnel)
			}
			if s := x.TLS; s == nil || s.Version != tls.VersionTLS13 || s.PeerCertificates[0].DNSNames[0] != "elsewhere.test" {
				t.Errorf("of TLS is noted: %+v", s)
			}
			if payload := int64(len(r.Head.Bytes())); x.Out < payload+200 || x.In < int64(len(answered))+200 {
				t.Errorf("%d bytes out and %d in are too few for TLS", x.Out, x.In)
			}
			if y := c.Exchange(p.ctx, r); !y.Complete() || !y.Reused || y.Tunnel != nil || y.TLS == nil {
				t.Errorf("the next: %s (%v), reused: %v, with a tunnel: %v, in TLS: %v",
					y.Stopped, y.Err, y.Reused, y.Tunnel != nil, y.TLS != nil)
			}
			if c.TLS.ServerName != "" || c.TLS.InsecureSkipVerify {
				t.Errorf("the dialer's own TLS was changed: %+v", c.TLS)
			}
		})
	}
}

// A connection inside TLS is good for one server, and for nothing in clear.
func TestConnectionPerServer(t *testing.T) {
	s := script{hears, says(established), secures(unverified()), hears, says(answered), stays}
	p := play(t, s, s, script{hears, says(answered), stays}, s)
	c, elsewhere := p.client(t), secureGet()
	elsewhere.Authority = "other.test:443"
	for i, r := range []*Request{secureGet(), elsewhere, get(), secureGet()} {
		x := c.Exchange(p.ctx, r)
		if !x.Complete() || x.Reused || (x.TLS != nil) != r.TLS || (x.Tunnel != nil) != r.TLS {
			t.Errorf("to %s: %s (%v), reused: %v, in TLS: %v, through a tunnel: %v",
				r.Authority, x.Stopped, x.Err, x.Reused, x.TLS != nil, x.Tunnel != nil)
		}
		if p.accepted() != i+1 {
			t.Errorf("behind %s, %d connections were opened, want %d", r.Authority, p.accepted(), i+1)
		}
	}
}

// Without a proxy, a connection is good for its server alone.
func TestDirect(t *testing.T) {
	s := script{hears, says(answered), hears, says(answered), stays}
	one, other := play(t, s), play(t, s)
	c := one.client(t)
	c.Proxy = ""
	for _, p := range []*peer{one, other} {
		for _, reused := range []bool{false, true} {
			r := get()
			r.Authority = p.addr
			if x := c.Exchange(p.ctx, r); !x.Complete() || x.Remote != p.addr || x.Reused != reused {
				t.Errorf("to %s: %s (%v), at %s, reused: %v", p.addr, x.Stopped, x.Err, x.Remote, x.Reused)
			}
		}
	}
}

// What a connection knew of TLS goes with it.
func TestNoTLSWithoutConnection(t *testing.T) {
	p := play(t, script{hears, says(established), secures(unverified()), hears,
		says("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")})
	c := p.client(t)
	if x := c.Exchange(p.ctx, secureGet()); !x.Complete() || x.TLS == nil {
		t.Fatalf("stopped at %s (%v), in TLS: %v", x.Stopped, x.Err, x.TLS != nil)
	}
	c.Dialer.Proxy = nobody(t)
	if x := c.Exchange(p.ctx, get()); x.Stopped != Connect || x.TLS != nil {
		t.Errorf("stopped at %s (%v), where there is no connection, in TLS: %v", x.Stopped, x.Err, x.TLS != nil)
	}
}

// The first message of TLS fits one segment: what comes in two, some boxes drop.
func TestClientHelloFitsOneSegment(t *testing.T) {
	p := play(t, script{hears, says(established), hearsHello})
	x := p.client(t).Exchange(p.ctx, secureGet())
	heard := p.requests()
	if len(heard) != 2 {
		t.Fatalf("stopped at %s (%v); the proxy heard %q", x.Stopped, x.Err, heard)
	}
	hello := heard[1]
	if !strings.HasPrefix(hello, "\x16\x03") || !strings.Contains(hello, "www.test") {
		t.Errorf("this is no ClientHello with the server's name: %q", hello)
	}
	if len(hello) > 1400 {
		t.Errorf("the ClientHello has %d bytes, want at most 1400", len(hello))
	}
	if sent := len(connectTo("www.test:443").Bytes()) + len(hello); x.Out != int64(sent) {
		t.Errorf("%d bytes left, want %d: CONNECT and the ClientHello", x.Out, sent)
	}
}
