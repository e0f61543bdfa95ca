package probe

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// Which request that arrived at a fake WSUS is which that left.

// A clock is that of the server, as seen from here.
type clock struct {
	ahead time.Duration
	slack time.Duration // by which that may be wrong
}

// clockOf reads the clock of the server from what it told in x, between the request
// and the body of its answer. A machine that is busy takes its time between the phases.
func clockOf(t *wusp.Testimony, x *wire.Exchange) clock {
	begin, end := x.Started, x.Ended.Add(-x.Took[wire.BodyRead])
	for _, before := range []wire.Phase{wire.Resolve, wire.Connect, wire.Tunnel, wire.Secure} {
		begin = begin.Add(x.Took[before])
	}
	half := end.Sub(begin) / 2
	return clock{ahead: t.Now.Sub(begin.Add(half)), slack: half + time.Millisecond}
}

// sharpen narrows c down by what was sent once and came once: it came after it had
// left, and before its answer was there.
func (c clock) sharpen(sent []*sending, arrived []*Arrival) clock {
	leaving, coming := map[string][]*sending{}, map[string][]*Arrival{}
	for _, s := range sent {
		key := looks(s.Sent, s.path, s.body)
		leaving[key] = append(leaving[key], s)
	}
	for _, a := range arrived {
		key := looks(a.Request, simplest(a.Request.Target()), a.SHA256)
		coming[key] = append(coming[key], a)
	}
	least, most := c.ahead-c.slack, c.ahead+c.slack
	for key, some := range leaving {
		if len(some) != 1 || len(coming[key]) != 1 {
			continue
		}
		s, at := some[0], coming[key][0].At
		from, to := at.Sub(s.Ended), at.Sub(s.Started)
		if from > c.ahead+c.slack || to < c.ahead-c.slack {
			continue // a cache answered ours, and what came is of an earlier run
		}
		least, most = max(least, from), min(most, to)
	}
	if least > most {
		return c // they did not belong together, or a clock was set
	}
	return clock{ahead: (least + most) / 2, slack: (most-least)/2 + 50*time.Microsecond}
}

// looks is what tells a request from others, as far as a proxy leaves it alone.
func looks(h wire.Head, path, body string) string {
	return strings.Join([]string{h.Method(), path, h.Get("Range"), h.Get("MS-CV"), body}, "\n")
}

// A sending is one exchange of a run, and what arrived of it.
type sending struct {
	*wire.Exchange
	path    string // that it asks for, in the simplest form
	body    string // SHA-256 of its body, in hexadecimal; "" for none
	named   bool   // it bears what names the run
	arrived []*Arrival
}

// attach gives each step what arrived of it.
func (r *Run) attach(t *wusp.Testimony, cv string, c clock) {
	sent := r.sendings(cv)
	var arrived []*Arrival
	for i := range t.Arrivals {
		a := &t.Arrivals[i]
		arrived = append(arrived, &Arrival{Arrival: a, Request: wire.Lines(string(a.Head)), Reply: wire.Lines(string(a.Answer))})
	}
	slices.SortFunc(arrived, func(a, b *Arrival) int { return a.At.Compare(b.At) })
	c = c.sharpen(sent, arrived)
	var strays []time.Time
	for _, a := range arrived {
		at := a.At.Add(-c.ahead)
		if s := senderOf(sent, a, at, c.slack); s != nil {
			s.arrived = append(s.arrived, a)
		} else if !strings.HasPrefix(simplest(a.Request.Target()), wusp.HelloPath) { // which is no step
			strays = append(strays, at)
		}
	}
	of := map[*wire.Exchange]*sending{}
	for _, s := range sent {
		of[s.Exchange] = s
	}
	witness := func(x *wire.Exchange) *Witness {
		if of[x] == nil {
			return nil
		}
		return of[x].witness(arrived, strays, c, t.Others > 0)
	}
	for _, result := range r.Results {
		if o := result.Observation; o != nil {
			o.Witness, o.Before = witness(o.Exchange), nil
			for _, leg := range o.Legs {
				o.Before = append(o.Before, witness(leg))
			}
		}
	}
	paths := map[string]bool{}
	for _, a := range arrived {
		paths[simplest(a.Request.Target())] = true
	}
	if slices.ContainsFunc(r.Results, func(result *Result) bool { return result.fromElsewhere(paths) }) {
		r.disbelieve()
	}
}

// fromElsewhere tells whether r came well although nothing of it arrived, and nobody
// else can have had it: a call in a tunnel that a fake WSUS answered, or a file that
// was just made up.
func (r *Result) fromElsewhere(arrived map[string]bool) bool {
	o := r.Observation
	if o == nil || o.Witness == nil || o.Witness.Closest != nil || o.Witness.ByTime || !o.Complete() || o.Answer.Status()/100 != 2 {
		return false
	}
	if o.Sent.Method() == "POST" {
		return o.TLS != nil && o.Text != nil && wusp.Element(o.Text, "GetConfigResult/LastChange") == wusp.LastChange
	}
	return o.Compared != nil && o.Compared.Length > 0 && o.Compared.Differs < 0 && !arrived[simplest(o.Sent.Target())]
}

// disbelieve forgets what did not arrive at the server: another one answers under
// its name, and may have had it.
func (r *Run) disbelieve() {
	r.Untold = "answers came that it did not give, so another one answers under the same name"
	r.Target.CA, r.Several = "", true
	for _, result := range r.Results {
		if o := result.Observation; o != nil && o.Witness != nil && o.Witness.Closest == nil {
			o.Witness = nil
		}
	}
}

// sendings are the exchanges of r whose requests left, in no order.
func (r *Run) sendings(cv string) []*sending {
	var sent []*sending
	add := func(x *wire.Exchange) {
		if x == nil || x.Stopped != wire.FirstByte && x.Stopped != wire.BodyRead && x.Stopped != wire.Done {
			return
		}
		s := &sending{Exchange: x, path: simplest(x.Sent.Target())}
		text := strings.ToLower(x.Sent.Start + "\n" + x.Sent.Get("MS-CV") + "\n" + string(x.SentBody[:min(len(x.SentBody), maxText)]))
		s.named = strings.Contains(text, strings.ToLower(r.ID)) || strings.Contains(text, strings.ToLower(cv[:nonceDigits]))
		s.body, _ = bodySum(x)
		sent = append(sent, s)
	}
	for _, result := range r.Results {
		if o := result.Observation; o != nil {
			add(o.Exchange)
			add(o.Alone)
			for _, leg := range o.Legs {
				add(leg)
			}
		}
	}
	return sent
}

// simplest is the path of a target in a form that survives what proxies make of
// it: without host and query, decoded, in lower case, with single slashes.
func simplest(target string) string {
	target, _, _ = strings.Cut(wire.OriginForm(target), "?")
	if plain, err := url.PathUnescape(target); err == nil {
		target = plain
	}
	for strings.Contains(target, "//") {
		target = strings.ReplaceAll(target, "//", "/")
	}
	return strings.ToLower(target)
}

// senderOf is the sending that a is of, or nil: of those for the same path the one
// that was under way when it came, or the last that had begun; of several, the
// one that it is most like.
func senderOf(sent []*sending, a *Arrival, at time.Time, slack time.Duration) *sending {
	path := simplest(a.Request.Target())
	var fits []*sending
	within := false
	for _, s := range sent {
		begun := !at.Before(s.Started.Add(-slack))
		underWay := begun && !at.After(s.Ended.Add(slack))
		switch {
		case s.path != path || !begun || !s.compatible(a) || within && !underWay:
		case underWay && !within:
			fits, within = []*sending{s}, true
		default:
			fits = append(fits, s)
		}
	}
	if len(fits) == 0 {
		return nil
	}
	return slices.MaxFunc(fits, func(x, y *sending) int {
		if d := x.likeness(a) - y.likeness(a); d != 0 {
			return d
		}
		if d := len(y.arrived) - len(x.arrived); d != 0 && within { // each came once, as a rule
			return d
		}
		if within { // whose time ends first could be no other's later
			return y.Ended.Compare(x.Ended)
		}
		return x.Started.Compare(y.Started)
	})
}

// sameAnswered tells whether a cache that keeps the answer to a may give it to s: a
// refusal stands for all of a file, and a file or a part of it for the same.
func (s *sending) sameAnswered(a *Arrival) bool {
	status := s.Answer.Status()
	same := s.Sent.Method() == a.Request.Method() && s.Sent.Get("Range") == a.Request.Get("Range")
	return simplest(a.Request.Target()) == s.path && a.Reply.Status() == status && (same || status >= 400)
}

// compatible tells whether a may be of s: what both name is the same.
func (s *sending) compatible(a *Arrival) bool {
	mine, theirs := s.Sent.Get("MS-CV"), a.Request.Get("MS-CV")
	return mine == "" || theirs == "" || mine == theirs
}

// likeness is how much of what tells requests apart is the same. Of two that are
// the same and under way together, such as those of two clients, only their
// answers are left to tell.
func (s *sending) likeness(a *Arrival) int {
	const conn, body, target, method, field, answer = 1 << 13, 1 << 12, 1 << 11, 1 << 10, 2, 1
	same := 0
	for _, part := range []struct {
		weight int
		equal  bool
	}{
		{conn, sameConnection(s.Exchange, a)},
		{body, s.body == a.SHA256},
		{target, wire.OriginForm(s.Sent.Target()) == wire.OriginForm(a.Request.Target())},
		{method, s.sameMethod(a)},
		{answer, sameAnswer(s.Answer, a.Reply)},
	} {
		if part.equal {
			same += part.weight
		}
	}
	for _, f := range s.Sent.Fields {
		if a.Request.Get(f.Name) == f.Value {
			same += field
		}
	}
	return same
}

// sameMethod tells whether a has the method of s, or may be what a cache makes of
// it, which fetches a file, or a slice of it, also for its head.
func (s *sending) sameMethod(a *Arrival) bool {
	was, is := s.Sent.Method(), a.Request.Method()
	return was == is || was == "HEAD" && is == "GET" && len(s.arrived) == 0
}

// sameConnection tells whether a came on the very connection on which x left:
// nobody was between.
func sameConnection(x *wire.Exchange, a *Arrival) bool { return a.From == x.Local && a.To == x.Remote }

// sameAnswer tells whether an answer may be the one that was sent.
func sameAnswer(came, sent wire.Head) bool {
	for _, name := range []string{"ETag", "Last-Modified", "Content-Type"} { // in which the boundary of several parts stands
		if came.Get(name) != sent.Get(name) {
			return false
		}
	}
	return came.Status() == sent.Status()
}

// witness is what is known at the other end of s; nil when that is not certain: what
// bears no name may be somebody else's, if there are others.
func (s *sending) witness(all []*Arrival, strays []time.Time, c clock, others bool) *Witness {
	stray := slices.ContainsFunc(strays, func(at time.Time) bool {
		return !at.Before(s.Started.Add(-c.slack)) && !at.After(s.Ended.Add(c.slack))
	})
	if len(s.arrived) == 0 && stray {
		return nil // it may have come under another path
	}
	for _, a := range s.arrived {
		if !s.named && (others || a.Conn != s.arrived[0].Conn) {
			return nil
		}
	}
	w := &Witness{Arrived: s.arrived, ByTime: !s.named}
	if len(s.arrived) > 0 {
		w.Closest = slices.MaxFunc(s.arrived, func(a, b *Arrival) int { return s.likeness(a) - s.likeness(b) })
		return w
	}
	for _, a := range all {
		before := !a.At.Add(-c.ahead).After(s.Ended.Add(c.slack))
		if before && s.sameAnswered(a) {
			w.Earlier = a
			if a.CRC32C == checksum(s.Exchange) {
				break // it is this one
			}
		}
	}
	return w
}
