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
func (s *session) greet(ctx context.Context, conn *wire.Conn) *wire.Exchange {
	hop := s.hop(&wire.Request{Authority: s.run.Target.Host})
	if _, shut := s.gate.shut(hop); shut || ctx.Err() != nil {
		return nil
	}
	text := new(capped)
	host := shortHost(s.run.Target.Host, s.run.Target.TLS)
	req := &wire.Request{
		Head: wire.Lines("GET " + wusp.HelloPath + "?" + s.run.ID + " HTTP/1.1\n" +
			"Connection: Keep-Alive\nAccept: */*\nUser-Agent: proxycheck\nHost: " + host),
		Sink: func(wire.Head) io.Writer { return text }, Limit: maxText,
		Authority: s.run.Target.Host, TLS: s.run.Target.TLS,
	}
	x := s.exchange(ctx, conn, req)
	if s.wantsLogin(x) {
		text.Reset()
		x = s.exchange(ctx, conn, req)
	}
	s.gate.note(hop, greeting, x, false)
	var hello wusp.Hello
	if x.Answer.Status() == 200 && json.Unmarshal(text.gunzipped(), &hello) == nil {
		s.run.Target = s.run.Target.hello(hello)
	}
	return x
}

// greeting stands for the greeting where the names of steps stand.
const greeting = "hello"

// inherit settles a step that was not sent by what the greeting met before it
// could be sent: it would have met the same.
func (s *session) inherit(r *Result, x *wire.Exchange) {
	r.Observation = &Observation{Exchange: x, Direct: s.client.Proxy == "", Known: -1, Past: Past{}}
	s.gate.rename(greeting, r.Step.ID())
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

// gunzipped is what was written with gzip undone, which nobody offered.
func (c *capped) gunzipped() []byte {
	r, err := gzip.NewReader(bytes.NewReader(c.Bytes()))
	if err != nil {
		return c.Bytes()
	}
	plain, _ := io.ReadAll(io.LimitReader(r, maxText))
	return plain
}
