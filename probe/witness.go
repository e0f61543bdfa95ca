package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A Witness is what a fake WSUS saw of one exchange.
type Witness struct {
	Arrived []*Arrival // the requests that arrived for it, oldest first; none when it was not passed on
	Closest *Arrival   // of those the one that is most like what was sent; nil for none
	Earlier *Arrival   // where none arrived: an earlier one for the same, whose answer a cache may have given again; nil for none
	ByTime  bool       // nothing in the request names the run: it was known by its path and its time
}

// An Arrival is a request as it arrived, and the answer as it was sent.
type Arrival struct {
	*wusp.Arrival
	Request, Reply wire.Head // Reply is zero when there was none
}

// nonceDigits is how much of the base of MS-CV names a run.
const nonceDigits = 16

// What asking for a witness may cost beyond the limits of a run, which it is worth:
// what arrived tells who must act.
const (
	maxAsking = 2 * time.Second // where the time is used up
	maxAnswer = 5 * time.Second // of each phase

	maxQuestions = 3 // that are too long on their way
)

// testify asks a fake WSUS what arrived there, through the same proxy, and adds
// it to the observations.
func (s *session) testify(ctx context.Context) {
	path := s.run.Target.Witness
	if path == "" || !s.gate.proved(s.hop(&wire.Request{Authority: s.run.Target.Host})) {
		return
	}
	if context.Cause(ctx) == ErrTime {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), maxAsking)
		defer cancel()
	}
	if ctx.Err() != nil {
		s.run.Untold = "it was not asked: the run was interrupted"
		return
	}
	l := &lane{name: "witness", conn: &wire.Conn{Dialer: s.dialerWithin(min(s.client.Timeout, maxAnswer))}, own: Past{}}
	defer l.conn.Close()
	x, text, late := s.askWitness(ctx, l, path)
	switch status := x.Answer.Status(); {
	case status == 404 && signed(x.Answer, serverSigns):
		s.run.Untold = "another one answered than at the start: it was started anew, or there are several"
		s.run.Target.CA, s.run.Several = "", true
		return
	case status != 200:
		s.run.Untold = "it was asked, and " + anything(&Observation{Exchange: x})
		return
	}
	t, err := wusp.OpenTestimony(text)
	switch {
	case len(text) == maxText:
		err = errTooLong
	case late:
		err = errLate
	case err == nil && t.Lost:
		err = errForgot
	}
	if err != nil {
		s.run.Untold = "what it told cannot be used: " + err.Error()
		return
	}
	s.run.attach(t, s.cv, clockOf(t, x))
}

// askWitness asks what arrived since the run began. The server counts back from when
// the question comes to it, so one that is long on its way asks for too little: it is
// asked again, for as much more as that took. It is late when that never was enough.
func (s *session) askWitness(ctx context.Context, l *lane, path string) (x *wire.Exchange, text []byte, late bool) {
	early := time.Second // for the greeting of the clocks, and for the way
	for range maxQuestions {
		asked := time.Now()
		x, text = s.ask(ctx, l, &Step{Name: l.name, Kind: hello.Kind, Send: fmt.Sprintf(`
GET %s/%d/%x/%x HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: proxycheck
Host: {host}
`, path, (asked.Sub(s.run.Started) + early).Milliseconds(), s.run.ID, s.cv[:nonceDigits])})
		took := x.Ended.Sub(asked)
		if late = took > early; !late || x.Answer.Status() != 200 {
			break
		}
		early += took
	}
	return x, text, late
}

// Why what a server told cannot be used.
var (
	errForgot  = errors.New("there were more requests than it keeps")
	errTooLong = errors.New("it is too long")
	errLate    = errors.New("the question took too long to tell what arrived at the start")
)
