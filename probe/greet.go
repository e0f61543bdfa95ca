package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"strings"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// greet asks the server what it is. Only a fake WSUS answers. What it returns is
// nil when the way is known to be closed.
func (s *session) greet(ctx context.Context, l *lane) *wire.Exchange {
	hop := s.hop(&wire.Request{Authority: s.run.Target.Host})
	if _, shut := s.gate.shut(hop); shut || ctx.Err() != nil {
		return nil
	}
	b := s.blanks(l, hello)
	req, err := b.request(hello)
	if err != nil {
		panic(err) // it has no blank that could be lacking
	}
	t := &turn{session: s, lane: l, step: hello, blanks: b, o: &Observation{Known: -1}, req: req}
	for t.make(ctx); len(t.o.Legs) < maxLegs; t.make(ctx) {
		next := t.login(ctx)
		if next == nil {
			next = t.negotiate(ctx)
		}
		if next == nil {
			break
		}
		t.o.Legs, t.req = append(t.o.Legs, t.x), next
	}
	s.gate.note(hop, hello.Name, t.x, false)
	var said wusp.Hello
	if t.x.Answer.Status() == 200 && json.Unmarshal(gunzipped(t.text), &said) == nil {
		s.run.Target = s.run.Target.hello(said)
	}
	if s.run.Target.Kind == WSUS {
		s.run.Greeting = t.reply().Start
	}
	return t.x
}

// hello is the question what the server is, which no client of Windows asks.
var hello = &Step{Name: "hello", Kind: &Kind{Name: "hello", Text: true}, Send: `
GET ` + wusp.HelloPath + `?{run} HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: proxycheck
Host: {host}
`}

// inherit settles a step that was not sent by what the greeting met before it
// could be sent: it would have met the same.
func (s *session) inherit(r *Result, x *wire.Exchange) {
	r.Observation = &Observation{Exchange: x, Direct: s.client.Proxy == "", Known: -1, Past: Past{}}
	s.gate.rename(hello.Name, r.Step.ID())
	s.settle(r)
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

// gunzipped is text with gzip undone, which nobody offered.
func gunzipped(text []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return text
	}
	plain, _ := io.ReadAll(io.LimitReader(r, maxText))
	return plain
}
