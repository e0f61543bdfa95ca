package probe

import (
	"slices"

	"proxycheck/probe/wuerr"
)

// The same code has several causes. What a run shows of the others.

// Carries tells whether some Windows logs f under c.
func (f *Finding) Carries(c wuerr.Code) bool {
	return slices.ContainsFunc(f.known(), func(k Coded) bool { return k.Code == c })
}

// known are the codes of f: those of its own and, where it is logged by the status
// of the answer, those of its usual statuses.
func (f *Finding) known() []Coded {
	if f.NoCode {
		return nil
	}
	codes := slices.DeleteFunc(slices.Clone(f.Codes), func(c Coded) bool { return c.Code == ofStatus })
	for _, status := range f.Statuses {
		for _, l := range loggers {
			agents := []Agent{l.agent}
			if l.agent == "" {
				agents = makers[l.layer]
			}
			for _, agent := range agents {
				codes = append(codes, Coded{Agent: agent, Layer: l.layer, Code: l.code(status), Source: l.source, Sure: Documented})
			}
		}
	}
	return codes
}

// makers are the agents that make the requests of a layer.
var makers = map[Layer][]Agent{SOAP: {WUA}, Fetch: {WUA}, Job: {BITS, DO}}

// otherCauses are the findings that r does not show and under which Windows logs
// one of codes too: with the step that rules each out, and those that none does. Of
// what is shown, nil for nothing, they leave out what it accounts for.
func otherCauses(r *Run, all []*judged, codes []wuerr.Code, shown *Finding) (ruledOut []Cause, open []string) {
	ruledOut, open = []Cause{}, []string{}
	for _, f := range Findings {
		if f == shown || related(f, shown) || shown != nil && slices.Contains(shown.Explains, f) || len(having(all, f)) > 0 || elsewhere(r, f) {
			continue
		}
		candidate, by := false, ""
		for _, c := range f.known() {
			if by != "" || !slices.Contains(codes, c.Code) || !r.Client.Profile.Windows.Within(c.Since, c.Until) {
				continue
			}
			can, told := ruledOutBy(f, c, all)
			candidate, by = candidate || can, told
		}
		switch {
		case by != "":
			ruledOut = append(ruledOut, Cause{f.Name, by})
		case candidate:
			open = append(open, f.Name)
		}
	}
	return ruledOut, open
}

// unopenedFindings are those of what happens before a request is sent, which is the
// same for each agent.
var unopenedFindings = thenOf(unopened)

// ofDirect and ofProxy are findings of runs without and with a proxy.
var (
	ofDirect = []*Finding{ServerNameUnknown, ServerRefuses, ServerUnreachable}
	ofProxy  = []*Finding{ProxyNameUnknown, ProxyRefuses, ProxyUnreachable, ProxyNotHTTP, ProxyIsServer}
)

// elsewhere tells whether f is of another route than the one of r.
func elsewhere(r *Run, f *Finding) bool {
	if r.Client.Proxy == "" {
		return slices.Contains(ofProxy, f)
	}
	return slices.Contains(ofDirect, f)
}

// related tells whether two findings are ways to see the same: which of them it is,
// narrow has decided.
func related(f, g *Finding) bool {
	return slices.ContainsFunc(narrowed, func(n narrowing) bool {
		return n.from == f && n.to == g || n.from == g && n.to == f ||
			n.to == g && slices.ContainsFunc(narrowed, func(m narrowing) bool { return m.from == n.from && m.to == f })
	})
}

// toldBy are the findings whose rules do not tell by themselves that they are not
// there, by what does.
var toldBy = map[*Finding]func(all []*judged, j *judged) bool{
	RangeWrong: is(partFetched), LengthMissing: is(partFetched), ColdFails: cameTwice, WarmFails: cameTwice,
	FarRangeBroken: is(farInside), SlowStart: is(opens), RevocationBlocked: is(made(CryptoAPI)), ConnectivityAltered: is(made(NCSI)),
	SignedURLRefused: is(signedURL), SlashesMerged: is(twoSlashes),
	ServerUnavailable: func(_ []*judged, j *judged) bool {
		return j.shows(ServerBehindProxyDown) && j.Observation.Witness == nil && byProxy(j.Observation) != ""
	},
	ServerBehindProxyDown: func(_ []*judged, j *judged) bool { return j.shows(ServerUnavailable) },
}

func is(sort func(*judged) bool) func([]*judged, *judged) bool {
	return func(_ []*judged, j *judged) bool { return sort(j) && fetched(j) }
}

// cameTwice tells whether j is a part that came well and had come well before.
func cameTwice(all []*judged, j *judged) bool {
	first := named(all, j.Step.Name)
	return j.Step.Variant == warm && partFetched(j) && first != nil && fetched(first)
}

// ruledOutBy is the first step that shows that f is not there as what is logged as
// c, or "", and whether any step can show it.
func ruledOutBy(f *Finding, c Coded, all []*judged) (can bool, step string) {
	tells, special := toldBy[f]
	for _, j := range all {
		anyAgent := special || slices.Contains(unopenedFindings, f)
		if !anyAgent && !c.logs(j.Step) || !special && !slices.Contains(canShow(j.Step), f) {
			continue
		}
		can = true
		switch {
		case j.Observation == nil:
		case special && tells(all, j), !special && slices.Contains(j.ruledOut, f):
			return true, j.id()
		}
	}
	return can, ""
}

// logs tells whether c is logged for what s meets.
func (c Coded) logs(s *Step) bool {
	return c.Layer == s.Layer && (c.Agent == s.By || c.Agent == WUA) || c.Layer == "" && c.Agent == s.By
}

// canShow are the findings that rules may give s.
func canShow(s *Step) []*Finding {
	return slices.Concat(brokenFindings, thenOf(shared), thenOf(s.Kind.Rules), thenOf(s.Kind.Broken), thenOf(s.Rules))
}

// A Question is a code that an administrator has seen, and what a run says of it.
type Question struct {
	Code        string   `json:"code"`
	Symbol      string   `json:"symbol"`
	ExplainedBy []string `json:"explained_by"`
	RuledOut    []Cause  `json:"ruled_out"`
	NotRuledOut []string `json:"not_ruled_out"`
}

// question says of a code whether what was found explains it.
func question(r *Run, c wuerr.Code, found []*shown, all []*judged) Question {
	q := Question{Code: c.String(), Symbol: c.Symbol(), ExplainedBy: []string{}}
	for _, f := range found {
		if slices.ContainsFunc(f.coded(), func(k Coded) bool { return k.Code == c && r.Client.Profile.Windows.Within(k.Since, k.Until) }) {
			q.ExplainedBy = append(q.ExplainedBy, f.Name)
		}
	}
	q.RuledOut, q.NotRuledOut = otherCauses(r, all, []wuerr.Code{c}, nil)
	return q
}
