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
	if s.gate.wasSilent(hop) { // it need not use up a second time-out to be known as dead
		patient := l.conn.Dialer
		defer func() { l.conn.Dialer = patient }()
		l.conn.Dialer = s.dialerWithin(s.client.Timeout / 3)
		l.conn.Dialer.Spend = s.spend
	}
	x, text := s.ask(ctx, l, hello)
	s.gate.note(hop, hello.Name, x, false)
	if all := s.run.Results; len(all) > 0 && all[0].Observation != nil { // which met the same before
		s.gate.rename(hello.Name, all[0].Step.ID())
	}
	var said wusp.Hello
	if x.Answer.Status() == 200 && json.Unmarshal(gunzipped(text), &said) == nil {
		s.run.Target = s.run.Target.hello(said)
	}
	if s.run.Target.Kind == WSUS {
		reply, _ := (&Observation{Exchange: x}).reply()
		s.run.Greeting = reply.Start
	}
	return x
}

// ask makes the exchange of a question that no client of Windows asks, with the
// login that the proxy wants.
func (s *session) ask(ctx context.Context, l *lane, question *Step) (x *wire.Exchange, text []byte) {
	b := s.blanks(l, question)
	req, err := b.request(question)
	if err != nil {
		panic(err) // it has no blank that could be lacking
	}
	t := &turn{session: s, lane: l, step: question, blanks: b, o: &Observation{Known: -1}, req: req}
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
	return t.x, t.text
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
	r.Observation = &Observation{Exchange: x, NoProxy: s.client.Proxy == "", Known: -1, Past: Past{}}
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
