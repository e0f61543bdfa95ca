package probe

import (
	"context"
	"io"
	"net/http"
	"strings"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// maxText is the most of a body that is kept to be read, in bytes.
const maxText = 1 << 20

// slack is how much more than was asked for is read before a body is left: enough
// to tell that there is more, and to see a page.
const slack = 32 << 10

// rangeSlack is that for a part of a file: that the whole comes says the head.
const rangeSlack = 8 << 10

// observe makes the exchange of one step, with the legs that the client adds
// by itself, and notes what is to be known of it.
func (s *session) observe(ctx context.Context, l *lane, step *Step, req *wire.Request, b *blanks) *Observation {
	o := &Observation{NoProxy: s.client.Proxy == "", Known: -1, File: b.object.File, Past: b.past, Host: step.Host}
	if b.object.Path != "" {
		o.Known = b.size()
	}
	if _, operation := wusp.Operation(req.Head.Get("SOAPAction")); operation == "GetConfig" && s.run.Target.ours() {
		o.KnownText = wusp.ConfigResponse
	}
	if s.run.Target.ours() && !s.run.Target.TLS {
		o.Content = shortHost(s.run.Target.Content, false)
	}
	t := &turn{session: s, lane: l, step: step, blanks: b, o: o, req: req}
	for t.make(ctx); ; t.make(ctx) {
		next := t.next(ctx)
		if next == nil {
			break
		}
		o.Legs, t.req = append(o.Legs, t.x), next
	}
	o.Exchange, o.Text = t.x, t.text
	if o.Stopped == wire.Tunnel && o.Failure == wire.Denied && !strings.HasSuffix(o.Authority, ":443") {
		o.Port443 = s.port443(ctx, o.Authority)
	}
	return o
}

// A turn is one exchange of a step, from which the next leg may follow.
type turn struct {
	*session
	lane   *lane
	step   *Step
	blanks *blanks
	o      *Observation
	req    *wire.Request
	x      *wire.Exchange
	text   []byte // of its body, when the kind keeps it
	before []byte // that of the one before, when the client asked for more
}

// make makes the exchange.
func (t *turn) make(ctx context.Context) {
	text := new(capped)
	t.req.Sink = func(answer wire.Head) io.Writer {
		if t.step.Kind.Text {
			return text
		}
		t.o.Compared = compare(t.blanks.object, t.req.Head, answer)
		return t.o.Compared
	}
	t.req.Limit = t.limit()
	t.x = t.exchange(ctx, t.lane.conn, t.req)
	t.text = text.plain(t.x.Answer)
	t.lane.note(t.x, t.text)
}

// exchange makes one exchange in the form that the next hop wants.
func (s *session) exchange(ctx context.Context, conn *wire.Conn, req *wire.Request) *wire.Exchange {
	sent := *req
	if s.client.Proxy != "" && !req.TLS {
		sent.Head = s.authorize(req.Head.ToProxy(req.Authority))
	}
	x := conn.Exchange(ctx, &sent)
	s.count(x)
	return x
}

// limit is how much of the answer is wanted.
func (t *turn) limit() int64 {
	if spans, ok := parseRanges(t.req.Head.Get("Range")); ok {
		wanted := int64(rangeSlack)
		for _, s := range spans {
			wanted += s.length() - 1
		}
		return wanted
	}
	if t.step.Host != nil {
		return slack
	}
	if t.blanks.object.Path != "" && t.req.Head.Method() == http.MethodGet {
		return max(t.blanks.size(), 0) + slack
	}
	return maxText
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

// maxAlone is how much is tried again that was turned away.
const maxAlone = 16

// tryAlone makes again what was turned away in the middle of a run, now that no
// other connection is open, to see whether it was their number that the proxy
// minded.
func (s *session) tryAlone(ctx context.Context) {
	tried := 0
	for _, r := range s.run.Results {
		o := r.Observation
		if o == nil || o.Alone != nil || !turnedAway(o) || ctx.Err() != nil || !s.gate.proved(s.hop(&wire.Request{Authority: o.Authority})) || s.left() < overhead {
			continue
		}
		if o.Stopped == wire.Tunnel && denied(o) && tried == 0 {
			continue // tunnels are denied for themselves more often
		}
		conn := &wire.Conn{Dialer: s.dialer}
		o.Alone = conn.Exchange(ctx, &wire.Request{Head: o.Sent, Body: o.SentBody, Authority: o.Authority, TLS: o.Tunnel != nil || o.TLS != nil, Limit: slack})
		s.count(o.Alone)
		conn.Close()
		if tried++; tried == maxAlone || o.Alone.Failure == wire.Silent || denied(o) && !answeredAlone(o) {
			return // what is denied alone is denied for what it is
		}
	}
}

// denied tells whether o is answered 403, in the words of some proxies for a client
// that has too many connections too.
func denied(o *Observation) bool {
	answer, _ := o.reply()
	return answer.Status() == 403
}

// turnedAway tells whether o got no answer, or one that may say that there are too
// many, on a connection of its own.
func turnedAway(o *Observation) bool {
	switch o.Stopped {
	case wire.Done:
		status := o.Answer.Status()
		return status == 403 || !o.Reused && status == 503
	case wire.Connect:
		return o.Failure == wire.Refused || o.Failure == wire.Reset || o.Failure == wire.Silent
	case wire.FirstByte, wire.Tunnel:
		return !o.Reused && (len(o.Raw) == 0 && (o.Failure == wire.Cut || o.Failure == wire.Reset) || denied(o))
	}
	return false
}
