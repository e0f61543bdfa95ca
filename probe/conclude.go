package probe

import (
	"cmp"
	"slices"
	"strings"
)

// maxHead is the most of a head that a report shows, in bytes.
const maxHead = 16 << 10

// Conclude judges a run and says it all in one value. It is pure.
func Conclude(r *Run, about About) *Report {
	all := judge(r)
	found := merge(all)
	report := &Report{
		Schema: Schema, Tool: Tool{about.Version, Catalogue()}, Run: r.ID,
		Started: r.Started.UTC(), TookMS: r.Took.Milliseconds(),
		Requests: r.Requests, BytesSent: r.Out, BytesReceived: r.In,
		Complete: r.StoppedBy == "", StoppedBy: r.StoppedBy,
		Route:     route(r, about),
		Target:    Asked{about.Server, r.Target.Kind},
		As:        r.Client.Profile.Windows,
		NotTested: append(notTested(r), about.Open...), LeftOut: leftOut(r),
		Routes: routes(r, about), RunAs: about.RunAs, ClockSkewMS: timingOf(r).ahead.Milliseconds(), Lists: append([]List{}, about.Lists...), Hosts: askedHosts(all), Names: shownNames(r), Figures: figures(r, all), Certificates: certificates(all),
		Findings: []Shown{}, Steps: []Played{}, Seen: []Question{},
	}
	for _, s := range found {
		report.Findings = append(report.Findings, s.report(r, all, found, about))
	}
	for _, j := range all {
		report.Steps = append(report.Steps, j.report(r))
	}
	for _, c := range about.Seen {
		report.Seen = append(report.Seen, question(r, c, found, all))
	}
	report.Verdict = verdict(report)
	return report
}

// verdict is what a report says in one word. What was not run has not passed.
func verdict(r *Report) Status {
	some := func(s Status) bool {
		return slices.ContainsFunc(r.Steps, func(p Played) bool { return p.Status == s })
	}
	left := slices.ContainsFunc(r.Steps, func(p Played) bool { return p.Status == StatusSkip && p.Spared == "" })
	judged := some(StatusPass) || some(StatusWarn)
	switch {
	case some(StatusFail):
		return StatusFail
	case !r.Complete, !judged, some(StatusUnknown), left:
		return StatusUnknown
	case some(StatusWarn):
		return StatusWarn
	}
	return StatusPass
}

// route says how the exchanges of r went, and how that is known.
func route(r *Run, about About) Route {
	route := Route{Proxy: about.Proxy, Source: about.Source}
	var proxied []*Observation
	seen := ""
	for _, result := range r.Results {
		o := result.Observation
		if o == nil || o.Remote == "" || o.NoProxy {
			continue
		}
		proxied = append(proxied, o)
		for _, via := range o.Answer.All("Via") {
			seen = cmp.Or(seen, ", and answers bear Via: "+quoted(via))
		}
	}
	if len(proxied) > 0 {
		route.ProvenBy = wentTo(proxied) + seen + seenFrom(r)
	}
	product, by := recognise(r)
	if route.ProductBy = by; product != nil {
		route.Product = product.Name
	}
	return route
}

// routes are the ways that were tried beside the one of the run: the one without
// the proxy, or none.
func routes(r *Run, about About) []Route {
	var direct []*Observation
	for _, result := range r.Results {
		if o := result.Observation; o != nil && o.Direct != nil {
			direct = append(direct, o.Direct)
		}
	}
	if len(direct) == 0 {
		return []Route{}
	}
	return []Route{{Source: about.Direct, ProvenBy: wentTo(direct)}}
}

// wentTo says to which addresses connections went.
func wentTo(some []*Observation) string {
	var remotes []string
	for _, o := range some {
		remotes = appendNew(remotes, o.Remote)
	}
	return "every connection went to " + strings.Join(remotes, " or ")
}

// leftOut names the steps of this Windows that the run was told not to make.
func leftOut(r *Run) []string {
	left := []string{}
	for _, s := range unmade(r) {
		left = append(left, s.ID())
	}
	return left
}

// unmade are the steps of this Windows that r has no result of.
func unmade(r *Run) []*Step {
	made := map[string]bool{}
	for _, result := range r.Results {
		made[result.Step.ID()] = true
	}
	return slices.DeleteFunc(r.Client.AllSteps(), func(s *Step) bool { return made[s.ID()] })
}

// report is s as a report shows it.
func (s *shown) report(r *Run, all []*judged, found []*shown, about About) Shown {
	f := Shown{Name: s.Name, Title: s.Title, Grade: s.grade, Owner: s.owner, Usual: cmp.Or(s.Owner, Unknown), Effect: s.Effect,
		Codes: map[Agent]string{}, CodesAll: []ShownCode{}, Condition: s.Condition, Fix: s.Fix,
		Fixes: map[string]string{}, Mends: []ShownMend{}, Sources: []string{s.Source}, Steps: []string{}, Evidence: s.evidence, Explains: []string{},
	}
	for _, m := range MendsOf(s.Finding) {
		if m.Product.Serves && r.Target.Kind == Microsoft {
			continue // which is nobody's to type into
		}
		lines := r.Target.Fill(m.Lines)
		f.Mends = append(f.Mends, ShownMend{m.Product.Name, r.Target.Fill(m.Cause), m.Where(), lines, m.Backing()})
		f.Fixes[m.Product.Name] = strings.TrimPrefix(f.Fixes[m.Product.Name]+"\n"+lines, "\n")
	}
	for _, j := range s.by {
		f.Steps = append(f.Steps, j.id())
	}
	for _, j := range append(slices.Clone(s.by), waiting(s, all)...) {
		for _, agent := range []Agent{j.Step.By, WUA} {
			if c, ok := s.loggedBy(agent, j.Step, r.Client.Profile.Windows); ok && f.Codes[agent] == "" {
				f.Codes[agent], f.Sure = c.Code.String(), weaker(f.Sure, c.Sure)
			}
		}
	}
	for _, c := range s.coded() {
		f.CodesAll = append(f.CodesAll, ShownCode{c.Code.String(), c.Code.Symbol(), c.Agent, c.Layer, c.Since, c.Until,
			c.Sure, c.Source, seenIn[c.Agent], outcome(c)})
		if !slices.Contains(f.Sources, c.Source) {
			f.Sources = append(f.Sources, c.Source)
		}
	}
	for _, other := range found {
		if other.under == s.Finding {
			f.Explains = append(f.Explains, other.Name)
		}
	}
	if s.under != nil {
		f.Under = s.under.Name
	}
	if share := s.share(r); share != "" {
		f.Evidence = share + ": " + f.Evidence
	}
	f.RuledOut, f.NotRuledOut = otherCauses(r, all, s.logged(r.Client.Profile.Windows), s.Finding)
	f.Sure = cmp.Or(f.Sure, Documented)
	f.Retest = about.Command
	return f
}

// waiting are the steps that were not sent because a step that shows s had
// found the way closed: their agents would meet the same.
func waiting(s *shown, all []*judged) []*judged {
	type place struct{ node, step string }
	closed := map[place]bool{}
	for _, b := range s.by {
		closed[place{b.node, b.Step.ID()}] = true
	}
	var some []*judged
	for _, j := range all {
		if j.Skipped && closed[place{j.node, j.Behind}] {
			some = append(some, j)
		}
	}
	return some
}

// weaker is the less sure of two; "" is as sure as can be.
func weaker(a, b Sure) Sure {
	order := []Sure{"", Documented, Seen, Unsure}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// A shown finding is one that some steps of a run show.
type shown struct {
	*Finding
	grade    Grade
	owner    Owner
	by       []*judged // the steps that show it
	proven   bool      // the other end of the wire shows the owner
	evidence string
	under    *Finding // the finding that accounts for it; nil for none
	codes    []Coded  // see coded; nil until they are asked for
}

// merge makes one of the verdicts that have the same cause.
func merge(all []*judged) []*shown {
	var found []*shown
	for _, f := range Findings {
		s := &shown{Finding: f, by: having(all, f)}
		for _, j := range s.by {
			s.add(j)
		}
		if len(s.by) > 0 {
			found = append(found, s)
		}
	}
	order := []Grade{Fail, Warn, Note}
	for _, s := range found {
		for _, other := range found {
			asBad := slices.Index(order, other.grade) <= slices.Index(order, s.grade)
			if s.under == nil && asBad && slices.Contains(other.Explains, s.Finding) {
				s.under = other.Finding
			}
		}
	}
	slices.SortStableFunc(found, func(a, b *shown) int {
		return slices.Index(order, a.grade) - slices.Index(order, b.grade)
	})
	return found
}

// add takes in what one step says of s: the worst grade, and the evidence of
// the first that has it. Steps that blame different owners prove none.
func (s *shown) add(j *judged) {
	proven := slices.Contains(j.proven, s.Finding)
	for _, v := range j.verdicts {
		switch {
		case v.Finding != s.Finding:
		case s.grade == "" || s.grade != Fail && v.Grade == Fail, v.Grade == s.grade && proven && !s.proven:
			s.grade, s.owner, s.proven, s.evidence = v.Grade, v.Owner, proven, v.Evidence
		case v.Grade == s.grade && proven == s.proven && v.Owner != s.owner:
			s.owner = Unknown
		}
	}
}
