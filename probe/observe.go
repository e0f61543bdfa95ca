package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// maxLegs is the most requests that one step makes; WinHTTP follows as many
// redirects by default.
const maxLegs = 10

// maxText is the most of a body that is kept to be read, in bytes.
const maxText = 1 << 20

// slack is how much more than was asked for is read before a body is left.
const slack = 256 << 10

// observe makes the exchange of one step, with the legs that the client adds
// by itself, and notes what is to be known of it.
func (s *session) observe(ctx context.Context, conn *wire.Conn, step *Step, req *wire.Request, b *blanks) *Observation {
	o := &Observation{Direct: s.Proxy == "", Given: s.Login != nil, Known: -1, Past: b.past}
	if strings.Contains(step.Send, "{object}") {
		o.Known = b.size()
	}
	for {
		text := new(capped)
		req.Sink = func(answer wire.Head) io.Writer {
			if step.Kind.Text {
				return text
			}
			o.Compared = compare(b.object, req.Head, answer)
			return o.Compared
		}
		req.Limit = s.limit(b, req)
		x := s.exchange(ctx, conn, req)
		next := s.leg(step, o, req, x)
		if next == nil || len(o.Legs) == maxLegs {
			o.Exchange, o.Text = x, text.plain(x.Answer)
			break
		}
		o.Legs, req = append(o.Legs, x), next
	}
	if o.Stopped == wire.Tunnel && o.Failure == wire.Denied && !strings.HasSuffix(o.Authority, ":443") {
		o.Port443 = s.port443(ctx, o.Authority)
	}
	return o
}

// exchange makes one exchange in the form that the next hop wants.
func (s *session) exchange(ctx context.Context, conn *wire.Conn, req *wire.Request) *wire.Exchange {
	sent := *req
	if s.Proxy != "" && !req.TLS {
		sent.Head = s.authorize(req.Head.ToProxy(req.Authority))
	}
	x := conn.Exchange(ctx, &sent)
	s.count(x)
	return x
}

// limit is how much of the answer to req is read.
func (s *session) limit(b *blanks, req *wire.Request) int64 {
	most := int64(slack)
	if from, to, ok := parseRange(req.Head.Get("Range")); ok {
		most += to - from
	} else if req.Head.Get("Host") == fillers["content"](b, "") {
		most += max(b.size(), 0)
	} else {
		most += maxText
	}
	return min(most, max(s.left(), 1))
}

// port443 asks for a tunnel to port 443 of the same machine, to see whether it
// was the port that the proxy minded.
func (s *session) port443(ctx context.Context, authority string) *wire.Exchange {
	conn := &wire.Conn{Dialer: s.dialer}
	defer conn.Close()
	host := authority[:strings.LastIndexByte(authority, ':')]
	req := &wire.Request{Head: s.connect(host + ":443"), Authority: host + ":443", Limit: slack}
	x := conn.Exchange(ctx, req)
	s.count(x)
	return x
}

// leg is the request that the client makes next by itself, or nil when x is
// the last.
func (s *session) leg(step *Step, o *Observation, req *wire.Request, x *wire.Exchange) *wire.Request {
	reply, _ := (&Observation{Exchange: x}).reply()
	status := reply.Status()
	next := *req
	switch {
	case s.wantsLogin(x):
		return &next
	case status == 501 && step.Layer == Fetch && req.Head.Method() == http.MethodHead: // wire.md 2.3
		next.Head.Start = "GET" + strings.TrimPrefix(req.Head.Start, "HEAD")
		return &next
	case status/100 == 3 && status != 304 && req.Head.Method() != http.MethodPost && x.Complete():
		return redirected(req, reply.Get("Location"))
	}
	return nil
}

// greet asks the server what it is. Only a fake WSUS answers.
func (s *session) greet(ctx context.Context, conn *wire.Conn) {
	hop := s.hop(&wire.Request{Authority: s.run.Target.Host})
	if ctx.Err() != nil || s.gate.shut(hop) != "" {
		return
	}
	text := new(capped)
	host := shortHost(s.run.Target.Host, s.run.Target.TLS)
	req := &wire.Request{
		Head: wire.Lines("GET " + wusp.HelloPath + "?" + s.run.ID + " HTTP/1.1\nConnection: Keep-Alive\nAccept: */*\nUser-Agent: proxycheck\nHost: " + host),
		Sink: func(wire.Head) io.Writer { return text }, Limit: maxText,
		Authority: s.run.Target.Host, TLS: s.run.Target.TLS,
	}
	x := s.exchange(ctx, conn, req)
	if s.wantsLogin(x) {
		text.Reset()
		x = s.exchange(ctx, conn, req)
	}
	s.gate.note(hop, "hello", x)
	var hello wusp.Hello
	if x.Answer.Status() == 200 && json.Unmarshal(text.gunzipped(), &hello) == nil && hello.Kind == string(FakeWSUS) {
		s.run.Target = s.run.Target.hello(hello)
	}
}

// A capped buffer keeps the start of what is written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), maxText-c.Len())])
	return len(p), nil
}

// plain is what was written with the coding xpress undone, which the client
// offers. What cannot be undone is left as it is.
func (c *capped) plain(answer wire.Head) []byte {
	if strings.EqualFold(answer.Get("Content-Encoding"), "xpress") {
		if plain, err := wusp.DecodeXpress(c.Bytes(), maxText); err == nil {
			return plain
		}
	}
	return c.Bytes()
}

// gunzipped is what was written with gzip undone, which nobody offered.
func (c *capped) gunzipped() []byte {
	r, err := gzip.NewReader(bytes.NewReader(c.Bytes()))
	if err != nil {
		return c.Bytes()
	}
	plain, _ := io.ReadAll(io.LimitReader(r, maxText))
	return plain
}

// A Comparison holds a body against the file that it should be from.
type Comparison struct {
	From    int64 // where in the file the body should begin
	Length  int64 // bytes that were compared
	Differs int64 // where in the file the first other byte is; -1 for nowhere

	file io.ReaderAt
}

// compare begins a comparison for the answer to a request, or is nil when the
// file's bytes are not known or the answer is not to be one of them.
func compare(o Object, request, answer wire.Head) *Comparison {
	if o.File == nil || !strings.Contains(request.Start, " "+o.Path+" ") {
		return nil
	}
	c := &Comparison{Differs: -1, file: o.File}
	switch answer.Status() {
	case 200:
	case 206:
		c.From, _, _ = parseRange(request.Get("Range"))
	default:
		return nil
	}
	return c
}

// Write compares p with what should come next. A nil Comparison takes all.
func (c *Comparison) Write(p []byte) (int, error) {
	if c == nil || c.Differs >= 0 {
		return len(p), nil
	}
	want := make([]byte, len(p))
	at := c.From + c.Length
	n, _ := c.file.ReadAt(want, at)
	for i, b := range p {
		if i >= n || b != want[i] {
			c.Differs = at + int64(i)
			return len(p), nil
		}
	}
	c.Length += int64(len(p))
	return len(p), nil
}
