package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
)

// report is j as a report shows it.
func (j *judged) report(r *Run) Played {
	p := Played{ID: j.id(), Name: j.Step.Name, Variant: j.Step.Variant, Turn: j.node, Title: j.Step.Title, By: j.Step.By, Route: "proxy",
		Connection: j.Step.On, Status: j.status(), Findings: []string{}, WaitedFor: j.WaitedFor, Spared: j.spared,
		After: append([]string{}, j.After...), Phases: map[wire.Phase]float64{}, Legs: []Leg{},
		Origin: []string{}, Replies: []string{}, Changes: []string{}}
	if j.LeftOut {
		p.Spared = j.WaitedFor
	}
	if r.Client.Proxy == "" || j.Step.Kind == pac {
		p.Route = "direct"
	}
	for _, v := range j.verdicts {
		p.Findings = append(p.Findings, v.Finding.Name)
		p.Evidence = cmp.Or(p.Evidence, v.Evidence)
		s := &shown{Finding: v.Finding, by: []*judged{j}}
		if c, ok := s.loggedBy(j.Step.By, j.Step, r.Client.Profile.Windows); ok && p.Code == "" {
			p.Code = c.Code.String()
		}
	}
	if j.Observation != nil {
		p.observed(j.Observation)
		p.Direct = j.direct(r)
	}
	return p
}

// direct is what became of j without the proxy, or nil when that was not tried.
func (j *judged) direct(r *Run) *PlayedDirect {
	o := j.Observation.Direct
	if o == nil {
		return nil
	}
	d := &judged{Result: &Result{Step: j.Step, Observation: o}, verdicts: Judge(j.Step, o)}
	d.spare(r)
	p := &PlayedDirect{Status: d.status(), Findings: []string{}, Remote: o.Remote,
		Phases: phases(o), Sent: sentText(o.Exchange), Received: receivedText(o.Exchange)}
	for _, v := range d.verdicts {
		p.Findings = append(p.Findings, v.Finding.Name)
		p.Evidence = cmp.Or(p.Evidence, v.Evidence)
	}
	if j.Step.isRung() && !good(j.Step, o) { // which has no verdicts of its own
		p.Status = StatusFail
	}
	p.Evidence = cmp.Or(p.Evidence, anything(o))
	return p
}

// phases is how long each phase of o took.
func phases(o *Observation) map[wire.Phase]float64 {
	took := map[wire.Phase]float64{}
	for phase, d := range o.Took {
		took[phase] = ms(d)
	}
	return took
}

// observed adds to p what was seen.
func (p *Played) observed(o *Observation) {
	started := o.Started.UTC()
	p.Started, p.TookMS = &started, ms(o.Duration())
	p.Phases = phases(o)
	p.Local, p.Remote, p.Reused, p.ClosedBy = o.Local, o.Remote, o.Reused, o.Closed
	p.Sent, p.Received = sentText(o.Exchange), receivedText(o.Exchange)
	p.ProxyNode = o.Answer.Get("Via")
	p.RequestID = o.Sent.Get("MS-CV")
	if p.Attempt = 1; o.Retried {
		p.Attempt = 2
	}
	if o.Body.Framing != "" {
		p.Body = &PlayedBody{o.Body.Length, fmt.Sprintf("%x", o.Body.SHA256), o.Body.Framing}
	}
	if p.Status == StatusUnknown && p.Evidence == "" {
		p.Evidence = cmp.Or(string(o.Failure), fmt.Sprintf("the body was left after %d bytes", o.Body.Length))
		if p.Status == StatusUnknown && o.Complete() && fromCache(o) {
			p.Evidence = "it came from a cache, which does not show whether a part is fetched as one; --object names another file"
		}
	}
	p.witnessed(o)
	for i, leg := range o.Legs {
		var w *Witness
		if len(o.Before) > 0 {
			w = o.Before[i]
		}
		requests, answers := w.heads()
		p.Legs = append(p.Legs, Leg{sentText(leg), receivedText(leg), requests, answers})
	}
}

// witnessed adds to p what the server saw.
func (p *Played) witnessed(o *Observation) {
	w := o.Witness
	if w == nil {
		return
	}
	p.Witnessed = "by what names the run"
	if w.ByTime {
		p.Witnessed = "by its path and its time"
	}
	p.Origin, p.Replies = w.heads()
	a := w.Closest
	if a == nil {
		p.Changes = append(p.Changes, "nothing of this request arrived at the server")
		return
	}
	for _, c := range requestChanges(o.Exchange, a) {
		p.Changes = append(p.Changes, "request: "+c.String())
	}
	for _, c := range answerChanges(o.Exchange, a) {
		p.Changes = append(p.Changes, "answer: "+c.String())
	}
}

// heads are those that arrived, and those that were sent for them. That which is
// most like what was sent is the last.
func (w *Witness) heads() (requests, answers []string) {
	requests, answers = []string{}, []string{}
	if w == nil {
		return requests, answers
	}
	some := slices.DeleteFunc(slices.Clone(w.Arrived), func(a *Arrival) bool { return a == w.Closest })
	for _, a := range some {
		requests, answers = append(requests, latin1(a.Head)), append(answers, latin1(a.Answer))
	}
	if w.Closest != nil {
		requests, answers = append(requests, latin1(w.Closest.Head)), append(answers, latin1(w.Closest.Answer))
	}
	return requests, answers
}

// sentText is the heads that left, without a login.
func sentText(x *wire.Exchange) string {
	var text string
	if x.Tunnel != nil {
		text = string(withoutLogin(x.Tunnel.Sent).Bytes())
	}
	if x.Stopped == wire.FirstByte || x.Stopped == wire.BodyRead || x.Stopped == wire.Done {
		text += string(withoutLogin(x.Sent).Bytes())
	}
	return latin1([]byte(text))
}

// receivedText is the heads that came.
func receivedText(x *wire.Exchange) string {
	var raw []byte
	if x.Tunnel != nil {
		raw = append(raw, x.Tunnel.Raw...)
	}
	return latin1(append(raw, x.Raw...))
}

// withoutLogin is h with the value of each login hidden.
func withoutLogin(h wire.Head) wire.Head {
	h.Fields = slices.Clone(h.Fields)
	for i, f := range h.Fields {
		if strings.EqualFold(f.Name, authorization) || strings.EqualFold(f.Name, "Authorization") {
			scheme, _, _ := strings.Cut(f.Value, " ")
			h.Fields[i].Value = scheme + " ***"
		}
	}
	return h
}

// latin1 is the start of raw as text, one character for each byte.
func latin1(raw []byte) string {
	raw = raw[:min(len(raw), maxHead)]
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
