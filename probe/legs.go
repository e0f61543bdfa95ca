package probe

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// maxLegs is the most requests that one step makes; WinHTTP follows as many
// redirects by default.
const maxLegs = 10

// maxTrips is how often a scan asks for more before it gives up (wire.md 3.9).
const maxTrips = 200

// legs are what makes the client ask again by itself: each is the next request,
// or nil when it does not apply.
var legs = []func(*turn, context.Context) *wire.Request{
	(*turn).login, (*turn).negotiate, (*turn).getInstead, (*turn).redirect, (*turn).recover, (*turn).again,
}

// next is the request that the client makes next by itself, or nil when the
// exchange is the last.
func (t *turn) next(ctx context.Context) *wire.Request {
	if len(t.o.Legs)-t.o.Trips >= maxLegs {
		return nil
	}
	for _, leg := range legs {
		if next := leg(t, ctx); next != nil {
			return next
		}
	}
	return nil
}

// reply is what answered the exchange: the server or, to CONNECT, the proxy.
func (t *turn) reply() wire.Head {
	reply, _ := (&Observation{Exchange: t.x}).reply()
	return reply
}

// same is the request as it was, to be sent again.
func (t *turn) same() *wire.Request {
	next := *t.req
	return &next
}

// login repeats the request with the login in clear.
func (t *turn) login(context.Context) *wire.Request {
	if !t.wantsLogin(t.x) {
		return nil
	}
	return t.same()
}

// negotiate repeats the request with the next message of NTLM.
func (t *turn) negotiate(context.Context) *wire.Request {
	if t.x.Tunnel != nil {
		return t.tunnelAnew()
	}
	message, ok := t.ntlm(t.x.Sent, t.x.Answer)
	if !ok {
		return nil
	}
	next := t.same()
	next.Head = withLogin(next.Head, message)
	return next
}

// tunnelAnew opens the tunnel once more with the first message of NTLM, where the
// proxy had hung up behind its 407 (wire.md 5.2).
func (t *turn) tunnelAnew() *wire.Request {
	denied := t.x.Tunnel
	_, wanted := t.ntlm(denied.Sent, denied.Answer)
	if !wanted || denied.Closed != wire.ClosedPeer || denied.Sent.Get(authorization) != "" {
		return nil
	}
	t.greetsNTLM.Store(true)
	return t.same()
}

// getInstead asks by GET where HEAD is not implemented (wire.md 2.3).
func (t *turn) getInstead(context.Context) *wire.Request {
	if t.reply().Status() != 501 || t.step.Layer != Fetch || t.req.Head.Method() != http.MethodHead {
		return nil
	}
	next := t.same()
	next.Head.Start = "GET" + strings.TrimPrefix(t.req.Head.Start, "HEAD")
	return next
}

// redirect asks where the answer points to.
func (t *turn) redirect(context.Context) *wire.Request {
	if t.step.Host != nil {
		return nil // it is the host itself that is asked for
	}
	status := t.reply().Status()
	if status/100 != 3 || status == 304 || t.req.Head.Method() == http.MethodPost || !t.x.Complete() {
		return nil
	}
	return redirected(t.req, t.reply().Get("Location"))
}

// recoveries are the calls that the client makes when a call is answered by a
// SOAP fault, before it makes that call again (wire.md 3.8).
var recoveries = map[string][]string{
	"ConfigChanged":              {"wua-config", "wua-authorization", "wua-cookie"},
	"ServerChanged":              {"wua-config", "wua-authorization", "wua-cookie"},
	"InvalidCookie":              {"wua-config", "wua-authorization", "wua-cookie"},
	"CookieExpired":              {"wua-authorization", "wua-cookie"},
	"InvalidAuthorizationCookie": {"wua-authorization"},
	"RegistrationRequired":       {"wua-register"},
}

// recover makes the calls that a SOAP fault asks for, once, and then the same
// call with what they gave.
func (t *turn) recover(ctx context.Context) *wire.Request {
	fault, ok := wusp.ParseFault(t.text)
	if !ok || t.o.Recovered != "" || recoveries[fault.Code] == nil {
		return nil
	}
	t.o.Recovered = fault.Code
	for _, name := range recoveries[fault.Code] {
		made := t.call(ctx, stepNamed(name))
		if made == nil {
			return nil
		}
		t.o.Legs = append(t.o.Legs, t.x)
		if t.x, t.text = made.Exchange, made.Text; !made.Complete() || made.Answer.Status() != 200 {
			return nil // what became of it is what became of the step
		}
	}
	next, err := t.blanks.request(t.step)
	if err != nil {
		return nil
	}
	return next
}

// call makes the exchange of another step on the same connection, or returns nil
// when its request cannot be made. What is answered is known to this agent alone
// from then on; a cookie takes the place of the one that was refused.
func (t *turn) call(ctx context.Context, step *Step) *Observation {
	if t.leaves(step) != "" {
		return nil
	}
	b := t.session.blanks(t.lane, step)
	b.past = t.blanks.past
	req, err := b.request(step)
	if err != nil {
		return nil
	}
	o := &Observation{Past: b.past, Known: -1}
	c := &turn{session: t.session, lane: t.lane, step: step, blanks: b, o: o, req: req}
	c.make(ctx)
	o.Exchange, o.Text = c.x, c.text
	t.lane.own[step.ID()] = o
	for _, refused := range refersTo(t.step) {
		if step.Name == "wua-cookie" && strings.HasSuffix(refused, "-cookie") {
			t.lane.own[refused] = o
		}
	}
	t.blanks.past = t.board.past(t.lane.own)
	return o
}

// again asks for more, as long as the answer says that there is.
func (t *turn) again(context.Context) *wire.Request {
	answered := &Observation{Exchange: t.x, Text: t.text}
	if t.step.Again == nil || t.o.Trips == maxTrips || !answered.Complete() || !t.step.Again(answered) {
		return nil
	}
	if t.o.Replayed = bytes.Equal(t.text, t.before); t.o.Replayed {
		return nil // which would go on for all of the client's trips
	}
	next, err := t.blanks.request(t.step)
	if err != nil {
		return nil
	}
	t.before = t.text
	t.o.Trips++
	return next
}

// stepNamed is a row of the table.
func stepNamed(name string) *Step {
	for _, s := range Steps {
		if s.Name == name {
			return s
		}
	}
	panic("no step is called " + name)
}
