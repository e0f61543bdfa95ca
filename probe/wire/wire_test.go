package wire

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A request leaves as it was given, to the byte.
func TestSent(t *testing.T) {
	for _, tt := range []struct {
		name, head, authority, body, want string
	}{
		{name: "order and spelling", authority: "www.test:8530",
			head: "GET http://www.test:8530/a HTTP/1.1\nconnection: Keep-Alive\nAccept: */*\nMS-CV: x.0\nHost: www.test:8530",
			want: "GET http://www.test:8530/a HTTP/1.1\r\nconnection: Keep-Alive\r\nAccept: */*\r\nMS-CV: x.0\r\nHost: www.test:8530\r\n\r\n"},
		{name: "a length of 0 on GET, and a field without a value", authority: "www.test:80",
			head: "GET http://www.test/ HTTP/1.1\nPragma\nContent-Length: 0",
			want: "GET http://www.test/ HTTP/1.1\r\nPragma: \r\nContent-Length: 0\r\n\r\n"},
		{name: "a field twice, neither Host nor User-Agent", authority: "www.test:80",
			head: "HEAD http://www.test/ HTTP/1.0\nRange: bytes=0-1\nrange: bytes=2-3",
			want: "HEAD http://www.test/ HTTP/1.0\r\nRange: bytes=0-1\r\nrange: bytes=2-3\r\n\r\n"},
		{name: "a body", authority: "www.test:80", body: "<s:Envelope/>\r\n\x00",
			head: "POST http://www.test/a.asmx HTTP/1.1\nSOAPAction: \"b\"\nContent-Length: 16",
			want: "POST http://www.test/a.asmx HTTP/1.1\r\nSOAPAction: \"b\"\r\nContent-Length: 16\r\n\r\n<s:Envelope/>\r\n\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := play(t, script{hears, says("HTTP/1.1 204 No Content\r\n\r\n"), stays})
			r := &Request{Head: Lines(tt.head), Body: []byte(tt.body), Authority: tt.authority}
			x := p.client(t).Exchange(p.ctx, r)
			if !x.Complete() {
				t.Fatalf("stopped at %s: %v", x.Stopped, x.Err)
			}
			if got := p.requests(); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("the proxy heard\n%q, want\n%q", got, tt.want)
			}
			if !reflect.DeepEqual(x.Sent, r.Head) || string(x.SentBody) != tt.body || x.Authority != tt.authority {
				t.Errorf("noted as sent to %s:\n%q%q", x.Authority, x.Sent.Bytes(), x.SentBody)
			}
		})
	}
}

// To a proxy, a request in clear goes in absolute form.
func TestSentToProxy(t *testing.T) {
	p, r := play(t, script{hears, says(answered), stays}), get()
	r.Head = Lines("GET /a.cab HTTP/1.1\nConnection: Keep-Alive\nAccept: */*\nHost: www.test").ToProxy(r.Authority)
	p.client(t).Exchange(p.ctx, r)
	want := "GET http://www.test/a.cab HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\nAccept: */*\r\nHost: www.test\r\n\r\n"
	if got := p.requests(); !slices.Equal(got, []string{want}) {
		t.Errorf("the proxy heard\n%q, want\n%q", got, want)
	}
}

// CONNECT leaves as the dialer gives it, and behind it the request inside TLS.
func TestSentThroughTunnel(t *testing.T) {
	p := play(t, script{hears, says(established), secures(unverified()), hears, says(answered), stays})
	x := p.client(t).Exchange(p.ctx, secureGet())
	want := []string{
		"CONNECT www.test:443 HTTP/1.1\r\nUser-Agent: Windows-Update-Agent\r\nHost: www.test:443\r\n\r\n",
		"GET /a.cab HTTP/1.1\r\nHost: www.test\r\n\r\n",
	}
	if got := p.requests(); !x.Complete() || !slices.Equal(got, want) {
		t.Errorf("%s (%v): the proxy heard\n%q, want\n%q", x.Stopped, x.Err, got, want)
	}
	if x.Tunnel == nil || string(x.Tunnel.Sent.Bytes()) != want[0] || string(x.Tunnel.Raw) != established {
		t.Errorf("of the tunnel is noted: %+v", x.Tunnel)
	}
}

// What came is kept as it came, also where it was read leniently.
func TestAnswer(t *testing.T) {
	const head = "\r\nHTTP/1.1 200 Fine\nx-b: 1\r\nX-A:2\r\nVia: one\r\n\ttwo\r\nContent-Length: 2\r\ncontent-length:  3\r\n\r\n"
	p := play(t, script{hears, says(head + "ok"), stays})
	x := p.client(t).Exchange(p.ctx, get())
	want := Lines("HTTP/1.1 200 Fine\nx-b: 1\nX-A: 2\nVia: one two\nContent-Length: 2\ncontent-length: 3")
	if !reflect.DeepEqual(x.Answer, want) || string(x.Raw) != head {
		t.Errorf("the answer is\n%q\n%q, want\n%q\n%q", x.Answer.Bytes(), x.Raw, want.Bytes(), head)
	}
	if want := []string{"2", "3"}; !slices.Equal(x.Body.Lengths, want) || x.Body.Stated != 2 || !x.Complete() {
		t.Errorf("%s: the lengths are %q, of which %d counts; want %q, 2", x.Stopped, x.Body.Lengths, x.Body.Stated, want)
	}
}

// Answers of 1xx are passed over and kept; there may be so many and no more.
func TestInterim(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\n"
	for _, tt := range []struct {
		interim string
		stopped Phase
		failure Failure
		kept    int
	}{
		{"HTTP/1.1 102 Processing\r\nX: a\r\n\r\n" + interim, Done, "", 2},
		{strings.Repeat(interim, maxInterim), Done, "", maxInterim},
		{strings.Repeat(interim, maxInterim+1), FirstByte, TooLarge, maxInterim},
	} {
		p := play(t, script{hears, says(tt.interim + answered), stays})
		x := p.client(t).Exchange(p.ctx, get())
		if x.Stopped != tt.stopped || x.Failure != tt.failure {
			t.Errorf("%d of 1xx: stopped at %s: %q (%v); want %s: %q",
				strings.Count(tt.interim, "HTTP"), x.Stopped, x.Failure, x.Err, tt.stopped, tt.failure)
		}
		if len(x.Interim) < tt.kept || x.Complete() && string(x.Raw)+"ok" != answered {
			t.Errorf("%d of 1xx are kept, and the answer is %q", len(x.Interim), x.Raw)
		}
	}
}

// 101 is final: nothing that follows is HTTP.
func TestSwitching(t *testing.T) {
	p := play(t, script{hears, says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\x00\x00"), stays})
	x := p.client(t).Exchange(p.ctx, get())
	if !x.Complete() || x.Answer.Status() != 101 || string(x.Extra) != "\x00\x00" || x.Closed != ClosedUs {
		t.Errorf("%s: %d, behind it %q, closed by %q (%v)", x.Stopped, x.Answer.Status(), x.Extra, x.Closed, x.Err)
	}
}

// A proxy that refuses a long body says so and hangs up, and is believed.
func TestAnswerBeforeTheRequestHasLeft(t *testing.T) {
	p := play(t, script{says("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")})
	r := get()
	r.Body = make([]byte, 8<<20) // more than the buffers of two sockets take
	x := p.client(t).Exchange(p.ctx, r)
	if !x.Complete() || x.Answer.Status() != 413 || string(x.Body.Excerpt) != "no" {
		t.Errorf("stopped at %s (%v): %q, %q", x.Stopped, x.Err, x.Raw, x.Body.Excerpt)
	}
	if x.Out >= int64(len(r.Body)) {
		t.Errorf("%d bytes left of a request that was not read", x.Out)
	}
}

// What is known of every exchange: where it went, how long and how much.
func TestFigures(t *testing.T) {
	p := play(t, script{hears, says(answered), stays})
	r := get()
	x := p.client(t).Exchange(p.ctx, r)
	if x.Remote != p.addr || x.Local == "" || x.Started.IsZero() {
		t.Errorf("from %q to %q at %v, want to %s", x.Local, x.Remote, x.Started, p.addr)
	}
	if out, in := len(r.Head.Bytes()), len(answered); x.Out != int64(out) || x.In != int64(in) {
		t.Errorf("%d bytes out and %d in, want %d and %d", x.Out, x.In, out, in)
	}
	if want := []Phase{Resolve, Connect, FirstByte, BodyRead}; !slices.Equal(entered(x), want) || x.Duration() <= 0 {
		t.Errorf("the phases %v took %v, want %v", entered(x), x.Duration(), want)
	}
}

// Every phase can be put in words.
func TestDoing(t *testing.T) {
	for _, p := range phases {
		if p.Doing() == "" {
			t.Errorf("what is done in %q has no words", p.Phase)
		}
	}
	if Done.Doing() == "" {
		t.Error("being done has no words")
	}
}
