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
