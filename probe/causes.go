package probe

import (
	"cmp"
	"slices"
	"strings"

	"proxycheck/probe/wuerr"
)

// The same code has several causes. What a run shows of the others.

// LoggedAs lists who logs f under c: which agent and layer, on which versions of
// Windows, and how sure that is. It is empty where nobody does.
func (f *Finding) LoggedAs(c wuerr.Code) []Coded {
	return slices.DeleteFunc(f.Logged(), func(k Coded) bool { return k.Code != c })
}

// Carries tells whether some Windows logs f under c.
func (f *Finding) Carries(c wuerr.Code) bool {
	return slices.ContainsFunc(f.Logged(), func(k Coded) bool { return k.Code == c })
}

// Logged are the codes under which Windows logs f, of every version: those of its own
// and, where it is logged by the status of the answer, those of its usual statuses.
func (f *Finding) Logged() []Coded {
	if f.NoCode {
		return nil
	}
	if f.Codes == nil {
		return f.byStatuses(Coded{Sure: Documented})
	}
	var codes []Coded
	for _, c := range f.Codes {
		if c.Code == ofStatus {
			codes = append(codes, f.byStatuses(c)...)
		} else {
			codes = append(codes, c)
		}
	}
	return codes
}

// byStatuses are the codes of the usual statuses of f, where c is not of another agent
// or layer.
func (f *Finding) byStatuses(c Coded) []Coded {
	var codes []Coded
	for _, status := range f.Statuses {
		for _, l := range loggers {
			agents := []Agent{l.agent}
			if l.agent == "" {
				agents = makers[l.layer]
			}
			for _, agent := range agents {
				if c.isFor(l.layer, agent, l.agent) {
					codes = append(codes, Coded{agent, l.layer, c.Since, c.Until, l.code(status), l.source, sureOf(l.code(status), c.Sure)})
				}
			}
		}
	}
	return codes
}

// makers are the agents that make the requests of a layer.
var makers = map[Layer][]Agent{SOAP: {WUA}, Fetch: {WUA}, Job: {BITS, DO}}

// otherCauses are the findings that r does not show and under which Windows logs
// one of codes too: with a step that rules each out, and those that are open. Of
// what is shown, nil for nothing, they leave out what it accounts for.
func otherCauses(r *Run, all []*judged, codes []wuerr.Code, shown *Finding) (ruledOut []Cause, open []string) {
	ruledOut, open = []Cause{}, []string{}
	planned := slices.Concat(all, notPlanned(r))
	for _, f := range Findings {
		if f == shown || related(f, shown) || shown != nil && slices.Contains(shown.Explains, f) || len(having(all, f)) > 0 || elsewhere(r, f) {
			continue
		}
		logged := slices.DeleteFunc(f.Logged(), func(c Coded) bool {
			return !slices.Contains(codes, c.Code) || !r.Client.Profile.Windows.Within(c.Since, c.Until)
		})
		if len(logged) == 0 {
			continue
		}
		switch by, can := ruledOutBy(f, logged, planned, shown); {
		case by != "":
			ruledOut = append(ruledOut, Cause{f.Name, by})
		case can:
			open = append(open, f.Name)
		}
	}
	return ruledOut, open
}

// notPlanned are the steps of this Windows that the run was told not to make: what
// they would show is open.
func notPlanned(r *Run) []*judged {
	var left []*judged
	for _, s := range unmade(r) {
		left = append(left, &judged{Result: &Result{Step: s}})
	}
	return left
}

// Findings of runs without and with a proxy, and those that only the counts of a
// server show.
var (
	ofDirect = []*Finding{ServerNameUnknown, ServerRefuses, ServerUnreachable}
	ofProxy  = []*Finding{ProxyNameUnknown, ProxyRefuses, ProxyUnreachable, ProxyNotHTTP, ProxyIsServer}
	ofCounts = []*Finding{ScanUnfinished}
)

// elsewhere tells whether f is of another route than the one of r, or of none, or of
// other servers.
func elsewhere(r *Run, f *Finding) bool {
	other := ofDirect
	if r.Client.Proxy == "" {
		other = ofProxy
	}
	ofLists := r.Target.Kind != Microsoft && slices.Contains(hostFindings, f)
	return slices.Contains(other, f) || slices.Contains(ofCounts, f) || ofLists
}

// related tells whether two findings are ways to see the same: which of them it is,
// narrow has decided.
func related(f, g *Finding) bool {
	return slices.ContainsFunc(narrowed, func(n narrowing) bool {
		return n.from == f && n.to == g || n.from == g && n.to == f ||
			n.to == g && slices.ContainsFunc(narrowed, func(m narrowing) bool { return m.from == n.from && m.to == f })
	})
}

// ruledOutBy is the first step that shows that f is not there as what is logged under
// one of codes, "" when that is open, and whether any step can show it. What only
// narrow gives is ruled out with all that it is narrowed from.
func ruledOutBy(f *Finding, codes []Coded, planned []*judged, shown *Finding) (by string, can bool) {
	sources := sourcesOf(f)
	if len(sources) == 0 { // a look at several steps shows it, or none
		if i := slices.IndexFunc(planned, func(j *judged) bool { return slices.Contains(j.ruledOut, f) }); i >= 0 {
			return planned[i].id(), true
		}
		return "", true
	}
	for _, source := range sources {
		relevant := slices.DeleteFunc(slices.Clone(planned), func(j *judged) bool {
			return !meets(j, f, codes) && !slices.Contains(unreachedFindings, source) || !j.mayShow(source)
		})
		if len(relevant) == 0 {
			continue // no step of this run is of its sort
		}
		can = true
		if one := clearedBy(source, relevant, shown); one == "" {
			return "", can
		} else if by == "" {
			by = one
		}
	}
	return by, can
}

// clearedBy is the first of the steps that may show f that rules it out, or "" when
// one of them does not. Of those that show the finding at hand, and those that wait
// for them, no more is asked than that others of their kind rule it out.
func clearedBy(f *Finding, relevant []*judged, shown *Finding) string {
	by := ""
	hidden, cleared := map[*Kind]bool{}, map[*Kind]bool{}
	for _, j := range relevant {
		explained := shown != nil && (j.shows(shown) || slices.ContainsFunc(shown.Explains, j.shows) || j.Skipped)
		unmade := j.Observation == nil
		switch {
		case unmade && (explained || slices.Contains(unreachedFindings, f)):
		case !unmade && slices.Contains(j.ruledOut, f) && (facts[f] == nil || facts[f](j.Observation)):
			by, cleared[j.Step.Kind] = cmp.Or(by, j.id()), true
		case explained:
			hidden[j.Step.Kind] = true
		default:
			return ""
		}
	}
	for kind := range hidden {
		if !cleared[kind] {
			return ""
		}
	}
	return by
}

// meets tells whether what j meets is logged under one of codes as f: what CryptoAPI
// fetches for others, they log.
func meets(j *judged, f *Finding, codes []Coded) bool {
	if f == RevocationBlocked || f == ListsStale {
		return j.Step.By == CryptoAPI
	}
	return slices.ContainsFunc(codes, func(c Coded) bool { return c.logs(j.Step) })
}

// unreachedFindings are those of what each agent meets in the same way.
var unreachedFindings = slices.DeleteFunc(thenOf(unreached), func(f *Finding) bool { return slices.Contains(thenOf(statuses), f) })

// sourcesOf are the findings that rules give and that f is, or is narrowed from.
func sourcesOf(f *Finding) []*Finding {
	if slices.Contains(given, f) {
		return []*Finding{f}
	}
	var from []*Finding
	for _, n := range narrowed {
		if n.to == f && !slices.Contains(from, n.from) {
			from = append(from, n.from)
		}
	}
	return from
}

// given are the findings that rules give.
var given = func() []*Finding {
	all := slices.Concat(brokenFindings, thenOf(shared), thenOf(reaching.Rules), thenOf(reaching.Broken))
	for _, s := range Steps {
		all = slices.Concat(all, thenOf(s.Kind.Rules), thenOf(s.Kind.Broken), thenOf(s.Rules))
	}
	return all
}()

// Findings that only some exchanges show: those of tunnels, and those of bodies.
var (
	ofTunnels = []*Finding{TunnelOnly443, TunnelDenied, TunnelServerDown, TLSBroken, TLSInspected, CertificateWanted, CertificateInvalid, IssuerUnknown}
	ofBodies  = []*Finding{PageInstead, ProgressPage, ContentRecoded, BytesBehind, BodyCut, BodyTrickles}
)

// mayShow tells whether a rule may give j the finding f.
func (j *judged) mayShow(f *Finding) bool {
	method, target, _ := strings.Cut(strings.TrimSpace(j.Step.Send), " ")
	tunnel := strings.HasPrefix(target, "https://") || j.Observation != nil && (j.Observation.TLS != nil || j.Observation.Tunnel != nil)
	switch {
	case j.Step.Kind == pac:
		return slices.Contains(thenOf(pacRules), f)
	case j.Step.Kind.Silent, j.LeftOut && j.Step.By != WUA: // hosts that there are not
		return false
	case slices.Contains(ofTunnels, f) && !tunnel, slices.Contains(ofBodies, f) && method == "HEAD":
		return false
	}
	return slices.Contains(brokenFindings, f) || slices.ContainsFunc([][]Rule{shared, j.Step.Kind.Rules, j.Step.Kind.Broken, j.Step.Rules},
		func(rules []Rule) bool { return slices.Contains(thenOf(rules), f) })
}

// facts tell whether an observation has what the rules for some findings need: they
// say nothing where it is not known, and what is not said is not ruled out.
var facts = map[*Finding]func(*Observation) bool{
	ContentAltered:    func(o *Observation) bool { return o.Compared != nil || o.KnownText != "" || o.File != nil },
	RangeFetchedWhole: func(o *Observation) bool { return o.Witness != nil },
	SizeWrong:         func(o *Observation) bool { return o.Known >= 0 },
	DateHidden:        func(o *Observation) bool { return o.Known >= 0 },
	ClientsDiffer:     func(*Observation) bool { return false }, // only all of them together show it
	TLSInspected: func(o *Observation) bool {
		return o.Trust != nil && o.Trust.By != BySystem && (o.Trust.By != ByIssuer || o.Trust.OwnRoot)
	},
	IssuerUnknown:      func(o *Observation) bool { return o.Trust != nil },
	CertificateInvalid: func(o *Observation) bool { return o.Trust != nil },
	// Some proxies put their own name in the place of the one by which the stopped service is known.
	ServerUnavailable: func(o *Observation) bool { return answered(503)(o) == "" || byProxy(o) != "" },
}

// logs tells whether c is logged for what s meets.
func (c Coded) logs(s *Step) bool {
	return c.Layer == s.Layer && (c.Agent == s.By || c.Agent == WUA) || c.Layer == "" && c.Agent == s.By
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
