package wire

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// How a body ends is told by the head and the method (RFC 9112, 6.3).
func TestFrame(t *testing.T) {
	for _, tt := range []struct {
		name, method, head string
		framing            Framing
		stated             int64
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\nContent-Length: 5", ByLength, 5},
		{"a length of nothing", "GET", "HTTP/1.1 200 OK\nContent-Length: 0", ByLength, 0},
		{"two lengths: the first", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 7", ByLength, 5},
		{"two lengths in one line", "GET", "HTTP/1.1 200 OK\nContent-Length: 5, 7", ByLength, 5},
		{"a length that is none", "GET", "HTTP/1.1 200 OK\nContent-Length: many", ByLength, -1},
		{"a length below zero", "GET", "HTTP/1.1 200 OK\nContent-Length: -1", ByLength, -1},
		{"a length beyond all numbers", "GET", "HTTP/1.1 200 OK\nContent-Length: 9223372036854775808", ByLength, -1},
		{"neither length nor coding", "GET", "HTTP/1.1 200 OK", ByClose, -1},
		{"chunked", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: Chunked", Chunked, -1},
		{"chunked, which outdoes a length", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\ntransfer-encoding: chunked", Chunked, 5},
		{"chunked behind another coding", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked", Chunked, -1},
		{"chunked before another coding", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked, gzip", ByClose, -1},
		{"a coding that only ends in the word", "GET", "HTTP/1.1 200 OK\nTransfer-Encoding: unchunked", ByClose, -1},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\nContent-Length: 5", NoBody, 5},
		{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked", NoBody, -1},
		{"204", "GET", "HTTP/1.1 204 No Content\nContent-Length: 5", NoBody, 5},
		{"304", "GET", "HTTP/1.1 304 Not Modified\nContent-Length: 5", NoBody, 5},
		{"101", "GET", "HTTP/1.1 101 Switching Protocols", NoBody, -1},
	} {
		h := Lines(tt.head)
		b := frame(h, tt.method)
		if b.Framing != tt.framing || b.Stated != tt.stated {
			t.Errorf("%s: by %s, %d stated; want by %s, %d", tt.name, b.Framing, b.Stated, tt.framing, tt.stated)
		}
		if want := h.All("Content-Length"); !slices.Equal(b.Lengths, want) {
			t.Errorf("%s: the lengths are %q, want %q", tt.name, b.Lengths, want)
		}
	}
}

// Whole answers, of which each comes in one piece, so that what stands behind
// its end has come as well.
func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name, method, answer string
		body, extra          string
		framing              Framing
		closed               Closer
	}{
		{name: "by length", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", body: "abc", framing: ByLength},
		{name: "by length, and a word behind it", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", body: "abc", extra: "def", framing: ByLength, closed: ClosedUs},
		{name: "of no length", method: "POST",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", framing: ByLength},
		{name: "chunked", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nab\r\n01; c \r\nc\r\n0\r\n\r\n",
			body:   "abc", framing: Chunked},
		{name: "chunked, with blanks and bare LF", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 ;a=\"b\"\nab\n00000000000000000001; c \nc\n0\n\n",
			body:   "abc", framing: Chunked},
		{name: "chunked, with a trailer", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
			body:   "abc", framing: Chunked},
		{name: "chunked, and a word behind it", method: "GET",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\ndef", extra: "def", framing: Chunked, closed: ClosedUs},
		{name: "until the end", method: "GET",
			answer: "HTTP/1.1 200 OK\r\n\r\nabc", body: "abc", framing: ByClose, closed: ClosedPeer},
		{name: "HEAD", method: "HEAD",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", framing: NoBody},
		{name: "HEAD, with a body", method: "HEAD",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", extra: "abc", framing: NoBody, closed: ClosedUs},
		{name: "204", method: "GET", answer: "HTTP/1.1 204 No Content\r\n\r\n", framing: NoBody},
		{name: "304, with a length", method: "GET",
			answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", framing: NoBody},
		{name: "304, with a body", method: "GET",
			answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc", extra: "abc", framing: NoBody, closed: ClosedUs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := script{hears, says(tt.answer), stays}
			if tt.framing == ByClose {
				s = s[:2]
			}
			p, r := play(t, s), get()
			r.Head.Start = tt.method + " http://www.test/ HTTP/1.1"
			var shown bytes.Buffer
			r.Sink = func(Head) io.Writer { return &shown }
			x := p.client(t).Exchange(p.ctx, r)
			if x.Stopped != Done || x.Failure != "" {
				t.Fatalf("stopped at %s: %s: %v", x.Stopped, x.Failure, x.Err)
			}
			checkBody(t, x.Body, tt.framing, tt.body)
			if shown.String() != tt.body {
				t.Errorf("the sink was shown %q, want %q", shown.String(), tt.body)
			}
			if string(x.Extra) != tt.extra || x.Closed != tt.closed {
				t.Errorf("behind it came %q, and it was closed by %q; want %q, %q", x.Extra, x.Closed, tt.extra, tt.closed)
			}
		})
	}
}

func checkBody(t *testing.T, b Body, framing Framing, want string) {
	t.Helper()
	if b.Framing != framing || b.Length != int64(len(want)) || string(b.Excerpt) != want || b.Abandoned {
		t.Errorf("the body ends by %s, has %d bytes, %q, abandoned: %v; want by %s, %d, %q, false",
			b.Framing, b.Length, b.Excerpt, b.Abandoned, framing, len(want), want)
	}
	if b.SHA256 != sha256.Sum256([]byte(want)) {
		t.Errorf("its digest is %x, which is not that of %q", b.SHA256, want)
	}
}

// Of a long body only the start is kept, but its digest is over all of it.
func TestExcerpt(t *testing.T) {
	var text strings.Builder
	for i := range byte(200) {
		text.Write(bytes.Repeat([]byte{i}, 1000))
	}
	p := play(t, script{hears, says("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + text.String()), stays})
	r := get()
	r.Limit = int64(text.Len()) // which is not beyond it
	x := p.client(t).Exchange(p.ctx, r)
	if !x.Complete() || x.Body.Length != 200_000 || x.Body.Abandoned {
		t.Errorf("%s: %d bytes came, abandoned: %v (%v)", x.Stopped, x.Body.Length, x.Body.Abandoned, x.Err)
	}
	if want := sha256.Sum256([]byte(text.String())); x.Body.SHA256 != want {
		t.Errorf("their digest is %x, want %x", x.Body.SHA256, want)
	}
	if string(x.Body.Excerpt) != text.String()[:ExcerptLimit] {
		t.Errorf("the excerpt is %d bytes, want the first %d", len(x.Body.Excerpt), ExcerptLimit)
	}
}

// Beyond the limit a body is left, with the connection, and that is no failure.
func TestAbandoned(t *testing.T) {
	for name, head := range map[string]string{
		"by length": "Content-Length: 10737418240\r\n\r\n",
		"chunked":   "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, script{hears, says("HTTP/1.1 200 OK\r\n" + head), zeros(10 << 30)}, script{hears, says(answered), stays})
			c, r := p.client(t), get()
			r.Limit = 100_000
			x := c.Exchange(p.ctx, r)
			if x.Stopped != Done || !x.Body.Abandoned || x.Closed != ClosedUs || x.Extra != nil {
				t.Errorf("stopped at %s (%v), abandoned: %v, closed by %q, behind it %.20q",
					x.Stopped, x.Err, x.Body.Abandoned, x.Closed, x.Extra)
			}
			if n := x.Body.Length; n <= r.Limit || n > r.Limit+32<<10 {
				t.Errorf("%d bytes came of a limit of %d", n, r.Limit)
			}
			if x := c.Exchange(p.ctx, get()); !x.Complete() || x.Reused {
				t.Errorf("the next exchange: %s (%v), reused: %v", x.Stopped, x.Err, x.Reused)
			}
		})
	}
}

// A body costs no memory, however long it is.
func TestLongBody(t *testing.T) {
	const size = 256 << 20
	p := play(t, script{hears, says("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n"), zeros(size), stays})
	c := p.client(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x := c.Exchange(p.ctx, get())
	runtime.ReadMemStats(&after)
	if !x.Complete() || x.Body.Length != size {
		t.Errorf("%s: %d of %d bytes came (%v)", x.Stopped, x.Body.Length, size, x.Err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("%d bytes were allocated for a body of %d, want at most 8 MiB", grown, size)
	}
}

// zeros writes that many of them, or as many as the client takes.
func zeros(n int) move {
	return func(l *line) {
		block := make([]byte, 256<<10)
		for left := n; left > 0; left -= len(block) {
			if _, err := l.Write(block[:min(left, len(block))]); err != nil {
				return
			}
		}
	}
}

// A sink may decline.
func TestNoSink(t *testing.T) {
	p, r := play(t, script{hears, says(answered), stays}), get()
	var asked []int
	r.Sink = func(answer Head) io.Writer {
		asked = append(asked, answer.Status())
		return nil
	}
	x := p.client(t).Exchange(p.ctx, r)
	if !x.Complete() || string(x.Body.Excerpt) != "ok" || !slices.Equal(asked, []int{200}) {
		t.Errorf("%s: %q came (%v); the sink was asked for %v", x.Stopped, x.Body.Excerpt, x.Err, asked)
	}
}

// As far as it wants a body, the client has it; then it hangs up, and that is
// no failure and nobody else's doing.
func TestLeft(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		leave        int64
		body         string
		left         bool
	}{
		{"by length", "HTTP/1.1 206 Partial Content\r\nContent-Length: 60\r\n\r\nabcdef", 4, "abcd", true},
		{"by length, though the peer hangs up", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 60\r\n\r\nabcdef", 4, "abcd", true},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n30\r\ndef", 4, "abcd", true},
		{"until the end", "HTTP/1.1 200 OK\r\n\r\nabcdef", 4, "abcd", true},
		{"all that there is", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 4, "abcd", true},
		{"more than there is", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd", 5, "abcd", false},
		{"of no body", "HTTP/1.1 204 No Content\r\n\r\n", 1, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := play(t, script{hears, says(tt.answer), stays}, script{hears, says(answered), stays})
			var shown bytes.Buffer
			c, r := p.client(t), get()
			r.Leave, r.Sink = tt.leave, func(Head) io.Writer { return &shown }
			x := c.Exchange(p.ctx, r)
			if !x.Complete() || x.Failure != "" || x.Body.Left != tt.left || x.Body.Abandoned || x.Extra != nil {
				t.Fatalf("stopped at %s: %q (%v), left: %v, abandoned: %v, behind it %q",
					x.Stopped, x.Failure, x.Err, x.Body.Left, x.Body.Abandoned, x.Extra)
			}
			if string(x.Body.Excerpt) != tt.body || shown.String() != tt.body || x.Body.SHA256 != sha256.Sum256([]byte(tt.body)) {
				t.Errorf("%q came and %q was shown, want %q", x.Body.Excerpt, shown.String(), tt.body)
			}
			if !tt.left {
				if x.Closed != StillOpen {
					t.Errorf("closed by %q", x.Closed)
				}
				return
			}
			if y := c.Exchange(p.ctx, get()); x.Closed != ClosedUs || !y.Complete() || y.Reused {
				t.Errorf("closed by %q; the next: %s (%v), reused: %v", x.Closed, y.Stopped, y.Err, y.Reused)
			}
		})
	}
}

// Of a long body no more than wanted is read, whatever the limit.
func TestLeftWithLimit(t *testing.T) {
	for _, limit := range []int64{0, 1, 8 << 10, 1 << 20} {
		p := play(t, script{hears, says("HTTP/1.1 206 Partial Content\r\nContent-Length: 65536\r\n\r\n"), zeros(65536), stays})
		r := get()
		r.Leave, r.Limit = 8<<10, limit
		x := p.client(t).Exchange(p.ctx, r)
		abandoned := limit == 1
		if !x.Complete() || x.Body.Left == abandoned || x.Body.Abandoned != abandoned || x.Closed != ClosedUs {
			t.Errorf("with a limit of %d: %s (%v), left: %v, abandoned: %v, closed by %q",
				limit, x.Stopped, x.Err, x.Body.Left, x.Body.Abandoned, x.Closed)
		}
		if !abandoned && x.Body.Length != 8<<10 {
			t.Errorf("with a limit of %d, %d bytes came", limit, x.Body.Length)
		}
	}
}

// A length that is none ends the exchange at once: nobody can tell where the body
// does (RFC 9112, 6.3).
func TestInvalidLength(t *testing.T) {
	for _, length := range []string{"-5", "+5", "many", "99999999999999999999"} {
		b := frame(Lines("HTTP/1.1 200 OK\nContent-Length: "+length), "GET")
		err := b.read(bufio.NewReader(strings.NewReader("abc")), 0, 0, io.Discard)
		if failure(err) != Garbled || b.Stated != -1 {
			t.Errorf("Content-Length: %s: %v, %d stated", length, err, b.Stated)
		}
	}
}
