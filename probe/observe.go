package probe

import (
	"context"
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
	o := &Observation{Direct: s.client.Proxy == "", Known: -1, Past: b.past}
	if strings.Contains(step.Send, "{object}") {
		o.Known = b.size()
	}
	if step.Kind == soap && s.run.Target.Kind != WSUS {
		o.KnownText = wusp.ConfigResponse
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
		want := s.limit(b, step, req)
		req.Limit = s.reserve(want)
		x := s.exchange(ctx, conn, req)
		s.release(req.Limit)
		o.OutOfBytes = x.Body.Abandoned && req.Limit < want
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
	if s.client.Proxy != "" && !req.TLS {
		sent.Head = s.authorize(req.Head.ToProxy(req.Authority))
	}
	x := conn.Exchange(ctx, &sent)
	s.count(x)
	return x
}

// limit is how much of the answer to a step is wanted.
func (s *session) limit(b *blanks, step *Step, req *wire.Request) int64 {
	if from, to, ok := parseRange(req.Head.Get("Range")); ok {
		return to - from + slack
	}
	if strings.Contains(step.Send, "{object}") && req.Head.Method() == http.MethodGet {
		return max(b.size(), 0) + slack
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
