package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A lane is one connection of one agent with what the agent keeps in mind
// beside it. Its exchanges are in sequence.
type lane struct {
	name     string
	conn     *wire.Conn
	freed    []string // the steps whose end let it begin
	last     string   // the step that was done on it last, by its ID; "" for none
	calls    int      // of the client web service, which MS-CV counts
	requests int
	cookie   []byte   // the last that was answered, as an element
	updates  []string // the revisions that SyncUpdates has named
	passed   bool     // a rung of its ladder has
	own      Past     // what only this agent has seen: the calls that it repeated
}

// index is the number of the connection among those of its agent, which the
// names of Delivery Optimization's end with.
func (l *lane) index() string {
	i := strings.LastIndexByte(strings.TrimSuffix(l.name, "-"+second), '-')
	if n := number(l.name[i+1 : min(i+2, len(l.name))]); n > 0 {
		return fmt.Sprint(n)
	}
	return "1"
}

// known is the part of SyncUpdates that says which updates the client has been
// told of: none in the first call (wire.md 3.5).
func (l *lane) known() string {
	if len(l.updates) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("<OtherCachedUpdateIDs>")
	for _, id := range l.updates[:min(len(l.updates), maxKnown)] {
		b.WriteString("<int>" + escaped(id) + "</int>")
	}
	b.WriteString("</OtherCachedUpdateIDs>")
	return b.String()
}

// maxKnown is the most updates that a call names, beyond which a server refuses
// it (wire.md 3.5).
const maxKnown = 400

// maxID is the longest number of an update, in digits: they have 32 bits.
const maxID = 11

// note keeps what the agent learns from an exchange. What WinHTTP does for it, a
// login or a redirect, it does not count.
func (l *lane) note(x *wire.Exchange, text []byte) {
	if status := x.Answer.Status(); status == 407 || status/100 == 3 && status != 304 {
		return
	}
	if x.Sent.Get("MS-CV") != "" && x.Sent.Get("SOAPAction") != "" {
		l.calls++
	}
	l.requests++
	if x.Answer.Status() != 200 || len(text) == 0 {
		return
	}
	if data := wusp.Element(text, "EncryptedData"); data != "" {
		expiration := wusp.Element(text, "Expiration")
		l.cookie = []byte(wusp.Tag("Cookie", wusp.Tag("Expiration", escaped(expiration))+wusp.Tag("EncryptedData", escaped(data))))
	}
	if len(l.updates) < maxKnown {
		tooLong := func(id string) bool { return len(id) > maxID }
		l.updates = append(l.updates, slices.DeleteFunc(wusp.Elements(text, "UpdateInfo/ID"), tooLong)...)
	}
}

// play makes the exchanges of one connection, one after another.
func (s *session) play(ctx context.Context, l *lane, line []*Result) {
	for _, r := range line {
		s.one(ctx, l, r)
		l.last, l.freed = r.Step.ID(), nil
		s.settle(r)
	}
}

// one makes the exchange of one step, if anything speaks for trying.
func (s *session) one(ctx context.Context, l *lane, r *Result) {
	if why := s.leaves(r.Step); why != "" {
		r.WaitedFor, r.Skipped, r.LeftOut = why, true, true
		return
	}
	if l.climbed(r.Step) {
		r.WaitedFor, r.Skipped, r.LeftOut = "a higher rung has passed", true, true
		return
	}
	b := s.blanks(l, r.Step)
	req, err := s.prepare(ctx, b, r)
	switch {
	case ctx.Err() != nil:
		r.WaitedFor = context.Cause(ctx).Error()
		return
	case err != nil:
		r.WaitedFor, r.Skipped = err.Error(), true
		return
	case r.Step.Kind == whole && b.object.File == nil && s.left() < b.size():
		r.WaitedFor = fmt.Sprintf("the file has %d bytes, more than may be moved", b.size())
		r.Skipped, r.LeftOut = true, true
		return
	case s.left() < overhead, r.Step.Kind == whole && s.left() < b.size():
		r.WaitedFor = fmt.Sprintf("%v: %d bytes are left", errBytes, max(s.left(), 0))
		return
	}
	if c, shut := s.gate.shut(s.hop(req)); shut {
		r.WaitedFor, r.Behind, r.Skipped = c.why, c.step, true
		return
	}
	r.Observation = s.observe(ctx, l, r.Step, req, b)
	if r.Step.isRung() { // whose failure is a figure, and shuts no way
		l.passed = good(r.Step, r.Observation)
		return
	}
	spared := r.Step.Kind.Silent || r.Step.Spare != nil && r.Step.Spare(s.circumstances()) != ""
	s.gate.note(s.hop(req), r.Step.ID(), r.Observation.Exchange, spared)
}

// leaves says why a step is left out, or "".
func (s *session) leaves(step *Step) string {
	if step.Only == nil {
		return ""
	}
	return step.Only(s.circumstances())
}

func (s *session) circumstances() *Circumstances {
	return &Circumstances{s.client.Profile, &s.run.Target, s.client.Register}
}

// blanks fill the request of a step on a connection.
func (s *session) blanks(l *lane, step *Step) *blanks {
	family := strings.TrimSuffix(step.On, "-"+second)
	return &blanks{Circumstances: s.circumstances(), step: step, run: s.run.ID, cv: s.cv, now: time.Now(), lane: l,
		file:   func(argument string) Object { return s.board.object(&s.run.Target, s.run.ID, family, argument) },
		stream: func() wusp.Stream { return s.board.stream(&s.run.Target, s.run.ID) },
	}
}

// prepare fills the request of a step, once the steps are done that know what
// it says.
func (s *session) prepare(ctx context.Context, b *blanks, r *Result) (*wire.Request, error) {
	r.After = slices.Concat(b.lane.freed, listOf(b.lane.last))
	s.await(ctx, r, append(listOf(r.Step.Behind), refersTo(r.Step)...)...)
	b.past = s.board.past(b.lane.own)
	req, err := b.request(r.Step)
	var need needError
	if errors.As(err, &need) && !slices.Contains(r.After, need.step) {
		s.await(ctx, r, need.step)
		b.past = s.board.past(b.lane.own)
		req, err = b.request(r.Step)
	}
	return req, err
}

// await waits for other steps to be done, those of them that are part of the run.
func (s *session) await(ctx context.Context, r *Result, steps ...string) {
	for _, id := range steps {
		if s.board.wait(ctx, id) && !slices.Contains(r.After, id) {
			r.After = append(r.After, id)
		}
	}
}

// refersTo names the steps whose answers the request of a step quotes.
func refersTo(step *Step) []string {
	var names []string
	for _, at := range blanksIn(step.Send) {
		if (at.kind == "." || at.kind == "/") && at.name != cookie && !slices.Contains(names, at.name) {
			names = append(names, at.name)
		}
	}
	return names
}

// listOf is a list of s, or an empty one when there is none.
func listOf(s string) []string {
	if s == "" {
		return []string{}
	}
	return []string{s}
}

// settle makes known that a step is done.
func (s *session) settle(r *Result) {
	s.board.post(r)
	if s.client.Progress != nil {
		s.progress.Lock()
		defer s.progress.Unlock()
		s.client.Progress(r)
	}
}
