package probe

import (
	"bytes"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// A Status is what a step came to. That it was not run is not that it passed.
type Status string

// Statuses.
const (
	StatusPass    Status = "pass"
	StatusWarn    Status = "warn"
	StatusFail    Status = "fail"
	StatusSkip    Status = "skip"    // pointless after what others saw
	StatusUnknown Status = "unknown" // the run ended before it could be told
)

// A judged result is a result with what is thought of it.
type judged struct {
	*Result
	node     string // of the run, when it is one of several
	verdicts []Verdict
	unproved bool   // it came well, which proves nothing
	spared   string // why a failure is only a warning; "" when it is not
}

// judge is what is thought of a run, step by step: the verdicts of Judge, and
// what only a look at several steps can tell.
func judge(r *Run) (all []*judged) {
	for _, part := range r.parts() {
		all = append(all, judgeOne(part)...)
	}
	return all
}

// judgeOne judges one turn.
func judgeOne(r *Run) []*judged {
	var all []*judged
	for _, result := range r.Results {
		j := &judged{Result: result, node: r.Node}
		if result.Observation != nil {
			j.verdicts = Judge(result.Step, result.Observation)
		}
		all = append(all, j)
	}
	for _, compare := range compared {
		compare(all)
	}
	if r.Target.Kind == FakeWSUS {
		rename(having(all, ServerNotWSUS), ServerNotWSUS, RequestRefused, "; the server has said that it is one")
	}
	idleCut(r, all)
	for _, j := range all {
		j.spare(r)
		j.acquit(r)
	}
	return all
}

// acquit takes the blame off a fake WSUS, which does not fail by itself: somebody
// passed on what it says, or its name.
func (j *judged) acquit(r *Run) {
	for i, v := range j.verdicts {
		if v.Owner == Server && r.Target.Kind == FakeWSUS {
			j.verdicts[i].Owner = Unknown
		}
	}
}

// compared lists what can be told only by comparing steps.
var compared = []func([]*judged){
	loginGiven, serverNotHTTP, narrow, partsDisagree, clientsDiffer, repetitionsDiffer, connectionsEnd, turnedAwayTogether, limitsFound, cacheProvesNothing,
}

// loginGiven keeps what a login hides that was given for this run: the services
// of Windows have none.
func loginGiven(all []*judged) {
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		for _, leg := range j.Observation.asked() {
			asked := &Observation{Exchange: leg, Direct: j.Observation.Direct}
			finding, evidence := LoginUnusable, loginUseless(asked)
			if evidence == "" {
				finding, evidence = LoginWanted, answered(407)(asked)
			}
			if broken := loginBroken(asked); broken != "" {
				finding, evidence = LoginBroken, broken
			}
			if evidence != "" && !j.shows(finding) {
				evidence += "; the rest was tried with the login that was given"
				j.verdicts = append(j.verdicts, Verdict{finding, Fail, owner(finding, asked), evidence})
			}
		}
	}
}

// asked are the exchanges of o before the last, those of its CONNECT too.
func (o *Observation) asked() []*wire.Exchange {
	if o.Tunnel == nil {
		return o.Legs
	}
	return append(slices.Clone(o.Legs), o.Tunnel.Before...)
}

// loginBroken matches a challenge of NTLM behind which the connection ends, to
// which it belongs.
func loginBroken(o *Observation) string {
	challenge := slices.IndexFunc(o.Answer.All("Proxy-Authenticate"), func(v string) bool { return strings.HasPrefix(v, "NTLM ") })
	if o.Answer.Status() != 407 || challenge < 0 || o.Closed != wire.ClosedPeer {
		return ""
	}
	return "the challenge came and the connection was closed: " + answerOf(o)
}

// serverNotHTTP tells a server that wants TLS from a proxy that does: a proxy
// that opens a tunnel speaks HTTP itself, and passes on what the server says.
func serverNotHTTP(all []*judged) {
	speaks := slices.ContainsFunc(all, func(j *judged) bool {
		if j.Observation == nil || j.Observation.Tunnel == nil {
			return j.Observation != nil && j.Observation.Answer.Get("Via") != ""
		}
		status := j.Observation.Tunnel.Answer.Status()
		return status != 0 && status != 400
	})
	if speaks {
		rename(having(all, ProxyNotHTTP), ProxyNotHTTP, ServerNotWSUS, "; the proxy speaks HTTP, so it is the server")
	}
}

// narrowed lists findings that are less than they seem: where all that shows one
// is of a sort, and others get through, it is that sort which is not wanted. The
// first that fits is taken.
var narrowed = []struct {
	from, to *Finding
	sort     func(all, shown []*judged) bool
	because  string
	among    *Kind // only steps of this kind are looked at; nil for all
}{
	{RequestDenied, HeadRefused, each(isHead, fetched), "; a GET of the same is not denied", nil},
	{RequestDenied, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is denied", nil},
	{PageInstead, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is replaced", nil},
	{RedirectUnusable, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is sent elsewhere", nil},
	{FileMissing, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is missing", nil},
	{RequestDenied, RevocationBlocked, each(made(CryptoAPI), cabinetsCome), "; nothing else is denied", nil},
	{RequestDenied, SignedURLRefused, each(signedURL, fetched), "; requests for other URLs are not denied", nil},
	{RequestDenied, SizeDenied, tooBig, "; all that is smaller is not denied", nil},
	{RequestDenied, RangeRefused, each(asksPart, wholeFetched), "; the same method is not denied for whole files", nil},
	{RequestRefused, RangeRefused, each(asksPart, wholeFetched), "; the same method is not refused for whole files", nil},
	{RequestDenied, FileTypeDenied, someTypes, "; files of another type are not denied", nil},
	{RequestDenied, AgentDenied, oneAgent, "; requests of other agents are not denied", nil},
	{FileMissing, SlashesMerged, each(twoSlashes, fetched), "; files at other URLs are there", nil},
	{ProxySilent, RangeFetchedWhole, each(farInside, partFetched), "; parts from the start of a file come at once", nil},
	{RangeWrong, FarRangeBroken, each(farInside, partFetched), "; parts from the start of a file are right", ranged},
	{ContentAltered, FarRangeBroken, each(farInside, partFetched), "; parts from the start of a file are right", ranged},
}

// narrow puts what a finding really is in its place.
func narrow(all []*judged) {
	for _, n := range narrowed {
		shown := slices.DeleteFunc(having(all, n.from), func(j *judged) bool { return n.among != nil && j.Step.Kind != n.among })
		if len(shown) > 0 && n.sort(all, shown) {
			rename(shown, n.from, n.to, n.because)
		}
	}
}

// each fits when all that shows a finding is of a sort, and some of the run
// is of the other.
func each(sort, other func(*judged) bool) func(all, shown []*judged) bool {
	return func(all, shown []*judged) bool {
		not := func(j *judged) bool { return j.Observation == nil || !sort(j) }
		return !slices.ContainsFunc(shown, not) && slices.ContainsFunc(all, func(j *judged) bool { return not(j) && other(j) })
	}
}

func isHead(j *judged) bool { return isHEAD(j.Observation) != "" }

func made(by Agent) func(*judged) bool { return func(j *judged) bool { return j.Step.By == by } }

func signedURL(j *judged) bool {
	return j.Observation != nil && strings.Contains(j.Observation.Sent.Target(), "&P4=")
}

func asksPart(j *judged) bool { return j.Observation.Sent.Get("Range") != "" }

func wholeFetched(j *judged) bool { return j.Step.Kind == whole && fetched(j) }

func twoSlashes(j *judged) bool { return j.Step.Name == "do-hashes" }

func farInside(j *judged) bool { return j.Step.Name == "bits-big-range" }

func partFetched(j *judged) bool { return j.Step.Kind == ranged && fetched(j) }

// cabinetsCome tells whether j is a cabinet for another agent: where those are
// denied too, it is the type.
func cabinetsCome(j *judged) bool { return fetched(j) && fileType(j.Observation) == ".cab" }

// tooBig fits when all that is denied is of more bytes than anything that comes.
func tooBig(all, denied []*judged) bool {
	least, most := int64(math.MaxInt64), int64(0)
	for _, j := range denied {
		least = min(least, wanted(j.Observation))
	}
	for _, j := range all {
		if partFetched(j) {
			most = max(most, j.Observation.Body.Length)
		}
	}
	return most > 0 && least > most
}

// wanted is how many bytes o asked for: a part, or a file whose size is known; 0
// when it asked for none.
func wanted(o *Observation) int64 {
	if from, to, ok := parseRange(o.Sent.Get("Range")); ok {
		return to - from + 1
	}
	if o.Sent.Method() != "GET" {
		return 0
	}
	return max(o.Known, 0)
}

// someTypes fits when nothing comes of the types that are denied, in the form in
// which they are, while the web service answers and other types come, or there is
// only one that is denied.
func someTypes(all, denied []*judged) bool {
	types := map[string]bool{}
	for _, j := range denied {
		types[fileType(j.Observation)] = true
	}
	works, others := false, len(types) == 1
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		kind := fileType(j.Observation)
		works = works || good(j.Step, j.Observation) && kind == ".asmx" && j.Observation.Trust == nil
		came := fetched(j) && slices.ContainsFunc(denied, func(d *judged) bool { // rules look at the end of a URL
			return kind == fileType(d.Observation) && asksQuery(d.Observation) == asksQuery(j.Observation)
		})
		if came {
			return false
		}
		others = others || fetched(j) && !types[kind] && j.Step.Kind == whole
	}
	return works && others && !types[""] && !types[".asmx"]
}

// oneAgent fits when all that is denied is of one User-Agent, and nothing of
// that comes.
func oneAgent(all, denied []*judged) bool {
	name := userAgent(denied[0])
	same := func(j *judged) bool { return j.Observation != nil && userAgent(j) == name }
	others := slices.ContainsFunc(denied, func(j *judged) bool { return !same(j) })
	came := slices.ContainsFunc(all, func(j *judged) bool { return same(j) && good(j.Step, j.Observation) })
	types := map[string]bool{} // of one type alone, it may be the type
	for _, j := range denied {
		types[fileType(j.Observation)] = true
	}
	return name != "" && len(types) > 1 && !others && !came && slices.ContainsFunc(all, func(j *judged) bool { return fetched(j) && !same(j) })
}

// userAgent is the name of the program that made the request of j, without its
// version.
func userAgent(j *judged) string {
	name, _, _ := strings.Cut(j.Observation.Sent.Get("User-Agent"), "/")
	return name
}

// partsDisagree holds parts of a file against the whole, where nobody knows
// what the file should be.
func partsDisagree(all []*judged) {
	i := slices.IndexFunc(all, func(j *judged) bool { return j.Step.Kind == whole && fetched(j) })
	if i < 0 || all[i].Observation.Compared != nil || all[i].Observation.File != nil {
		return
	}
	file := all[i].Observation.Body.Excerpt
	for _, j := range all {
		if j.Step.Kind != ranged || !fetched(j) || j.Observation.Answer.Status() != 206 {
			continue
		}
		from, _, _ := parseRange(j.Observation.Sent.Get("Range"))
		part := j.Observation.Body.Excerpt
		if from >= int64(len(file)) {
			continue
		}
		n := min(len(part), len(file)-int(from))
		if !bytes.Equal(part[:n], file[from:int(from)+n]) {
			j.verdicts = append(j.verdicts, Verdict{ContentAltered, Fail, Unknown,
				fmt.Sprintf("the part from byte %d on is not the same as in the whole file", from)})
		}
	}
}

// fetched tells whether j is a file, or a part of one, that came well.
func fetched(j *judged) bool {
	return j.Observation != nil && j.Observation.Complete() && j.Observation.Answer.Status()/100 == 2 &&
		j.Observation.Sent.Method() == "GET" && !slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade == Fail })
}

// id names j among all results of a run, and of one that is repeated.
func (j *judged) id() string {
	if j.node == "" {
		return j.Step.ID()
	}
	return j.Step.ID() + "@" + j.node
}

// shows tells whether j shows f.
func (j *judged) shows(f *Finding) bool {
	return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Finding == f })
}

// having are those of all that show f.
func having(all []*judged, f *Finding) []*judged {
	var some []*judged
	for _, j := range all {
		if j.shows(f) {
			some = append(some, j)
		}
	}
	return some
}

// rename puts the finding to in the place of from, and adds to its evidence.
func rename(some []*judged, from, to *Finding, evidence string) {
	for _, j := range some {
		for i, v := range j.verdicts {
			if v.Finding == from {
				j.verdicts[i] = Verdict{to, to.Grade, owner(to, j.Observation), v.Evidence + evidence}
			}
		}
	}
}

// fileType is the extension of what o asked for, in lower case.
func fileType(o *Observation) string {
	target, _, _ := strings.Cut(o.Sent.Target(), "?")
	return strings.ToLower(path.Ext(target))
}

// asksQuery tells whether o asked for a URL with a query.
func asksQuery(o *Observation) bool { return strings.Contains(o.Sent.Target(), "?") }

// spare makes warnings of the failures of a step that this Windows can do
// without.
func (j *judged) spare(r *Run) {
	if j.Step.Spare == nil {
		return
	}
	why := j.Step.Spare(&Circumstances{r.Client.Profile, &r.Target, r.Client.Register})
	for i, v := range j.verdicts {
		switch {
		case why == "" || v.Grade != Fail:
		case slices.Contains(j.Step.Absent, v.Finding):
			j.spared, j.verdicts[i].Grade = why, Note
		default:
			j.spared, j.verdicts[i].Grade = why, Warn
		}
	}
}

// status is what j came to.
func (j *judged) status() Status {
	graded := func(g Grade) bool {
		return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade == g })
	}
	switch {
	case j.Observation == nil && j.Skipped:
		return StatusSkip
	case j.Observation == nil, j.Observation.Failure == wire.Stopped:
		return StatusUnknown
	case j.Step.Kind == rung && !graded(Fail) && !graded(Warn):
		return StatusPass // whatever it shows is a figure
	case graded(Fail):
		return StatusFail
	case graded(Warn):
		return StatusWarn
	case graded(Note) && j.spared != "":
		return StatusSkip // it showed nothing but that the server lacks what was tried
	case j.Observation.Body.Abandoned:
		return StatusUnknown
	case j.unproved:
		return StatusUnknown
	}
	return StatusPass
}
