package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

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
	ruledOut []*Finding // those that it shows not to be there
	unproved bool       // it came well, which proves nothing
	proven   []*Finding // of these the other end of the wire shows who must act
	spared   string     // why a failure is only a warning; "" when it is not
}

// judge is what is thought of a run, step by step: the verdicts of Judge, and
// what only a look at several steps can tell.
func judge(r *Run) (all []*judged) {
	for _, part := range r.parts() {
		one := judgeOne(part)
		resolvedBadly(part, one)
		all = slices.Concat(all, one, judgePAC(part))
	}
	return all
}

// judgeOne judges one turn.
func judgeOne(r *Run) []*judged {
	var all []*judged
	for _, result := range r.Results {
		j := &judged{Result: result, node: r.Node}
		if result.Observation != nil {
			j.verdicts, j.ruledOut = weigh(result.Step, result.Observation)
		}
		all = append(all, j)
	}
	for _, compare := range compared {
		compare(all)
	}
	if r.Target.Kind == FakeWSUS {
		others := slices.DeleteFunc(having(all, ServerNotWSUS), (*judged).answeredByServer)
		rename(others, ServerNotWSUS, RequestRefused, "; the server has said that it is one")
	}
	idleCut(r, all)
	clockWrong(r, all)
	for _, j := range all {
		j.spare(r)
		j.leaveToMicrosoft(r)
		j.blame(r)
		j.acquit(r)
	}
	outrank(all)
	return all
}

// answeredByServer tells whether what j got is the server's own answer.
func (j *judged) answeredByServer() bool {
	o := j.Observation
	if o.NoProxy {
		return true
	}
	return o.Witness != nil && o.Witness.Closest != nil && o.Witness.Closest.Reply.Status() == o.Answer.Status()
}

// madeUp tells whether what j got is no answer of the server.
func (j *judged) madeUp() bool {
	o := j.Observation
	return o != nil && o.Witness != nil && o.Witness.Closest == nil && o.Witness.Earlier == nil
}

// acquit takes the blame off a fake WSUS that is not proved to be at fault: it
// does not fail by itself, and somebody may pass on its name.
func (j *judged) acquit(r *Run) {
	for i, v := range j.verdicts {
		if v.Owner == Server && !slices.Contains(j.proven, v.Finding) && r.Target.Kind == FakeWSUS {
			j.verdicts[i].Owner = Unknown
		}
	}
}

// compared lists what can be told only by comparing steps.
var compared = []func([]*judged){
	loginGiven, serverNotHTTP, hostsCompared, narrow, partsDisagree, partsOverlap, unlikeDirect, clientsDiffer, repetitionsDiffer, connectionsEnd, turnedAwayTogether, limitsFound, cacheProvesNothing, hostChanged, changedOnTheWay, pathIntercepted,
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

// partsOverlap holds the parts of a file of Microsoft's against each other, which
// nobody else knows: those of one date that have bytes in common.
func partsOverlap(all []*judged) {
	var parts []*judged
	for _, j := range all {
		if j.Step.Kind == ranged && fetched(j) && j.Observation.Compared == nil && j.Observation.Answer.Status() == 206 {
			parts = append(parts, j)
		}
	}
	for i, j := range parts {
		for _, before := range parts[:i] {
			if at := unlikeWhereBoth(before.Observation, j.Observation); at >= 0 {
				j.verdicts = append(j.verdicts, Verdict{ContentAltered, Fail, Unknown,
					fmt.Sprintf("byte %d of the file is not the same as in %s", at, before.Step.ID())})
				break
			}
		}
	}
}

// unlikeWhereBoth is the first byte of a file that two parts of it have, and in which
// they differ; -1 for none.
func unlikeWhereBoth(a, b *Observation) int64 {
	same := func(name string) bool { return a.Answer.Get(name) == b.Answer.Get(name) }
	if a.Sent.Target() != b.Sent.Target() || a.Authority != b.Authority || !same("Last-Modified") || !same("ETag") ||
		a.Answer.Get("Last-Modified")+a.Answer.Get("ETag") == "" {
		return -1
	}
	from, _, _ := parseRange(a.Sent.Get("Range"))
	other, _, _ := parseRange(b.Sent.Get("Range"))
	if from > other {
		return unlikeWhereBoth(b, a)
	}
	one, two := a.Body.Excerpt, b.Body.Excerpt
	for at := other; at < min(from+int64(len(one)), other+int64(len(two))); at++ {
		if one[at-from] != two[at-other] {
			return at
		}
	}
	return -1
}

// unlikeDirect holds what nobody knows against the same without the proxy: then the
// server has it so.
func unlikeDirect(all []*judged) {
	for _, j := range all {
		if !fetched(j) || j.Observation.Compared != nil || j.Observation.Direct == nil || !j.Observation.Direct.Complete() {
			continue
		}
		o, direct := j.Observation, j.Observation.Direct
		same := func(name string) bool { return o.Answer.Get(name) == direct.Answer.Get(name) }
		switch told, had := o.Answer.Get("Last-Modified"), direct.Answer.Get("Last-Modified"); {
		case o.Answer.Status() != direct.Answer.Status():
		case longOlder(told, had):
			f := CopyStale
			if j.Step.By == CryptoAPI {
				f = ListsStale
			}
			evidence := "it is of " + quoted(told) + ", and without the proxy one comes of " + quoted(had)
			j.verdicts = append(j.verdicts, Verdict{f, Warn, Unknown, evidence})
		case told+o.Answer.Get("ETag") == "": // a page may be made anew each time
		case !same("Last-Modified") || !same("ETag") || !same("Content-Range") || o.Body.Left || o.Sent.Target() != direct.Sent.Target():
		case o.Body.SHA256 != direct.Body.SHA256:
			evidence := fmt.Sprintf("without the proxy the same file of the same date has other bytes, %d of them and here %d", direct.Body.Length, o.Body.Length)
			j.verdicts, j.proven = append(j.verdicts, Verdict{ContentAltered, Fail, Proxy, evidence}), append(j.proven, ContentAltered)
		}
	}
}

// longOlder tells whether a date of HTTP is before another by more than what the nodes
// of a content network differ by.
func longOlder(a, b string) bool {
	one, err1 := http.ParseTime(a)
	other, err2 := http.ParseTime(b)
	return err1 == nil && err2 == nil && other.Sub(one) > 48*time.Hour
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
		case why != "" && j.Step.Host != nil && v.Grade != Note: // without which Windows does
			j.spared, j.verdicts[i].Grade = why, Note
		case why == "" || v.Grade != Fail:
		case slices.Contains(j.Step.Absent, v.Finding) && !j.madeUp():
			j.spared, j.verdicts[i].Grade = why, Note
		default:
			j.spared, j.verdicts[i].Grade = why, Warn
		}
	}
}

// leaveToMicrosoft makes notes of what Microsoft's own servers say inside a tunnel that
// ends there: what they make of a call without a ticket is not known, and nobody on the
// way can have written it.
func (j *judged) leaveToMicrosoft(r *Run) {
	o := j.Observation
	if r.Target.Kind != Microsoft || o == nil || !o.Complete() || o.TLS == nil || o.Trust == nil || !o.Trust.OwnRoot {
		return
	}
	for i, v := range j.verdicts {
		if v.Grade != Note && v.Finding != ClockWrong && !v.Finding.OfTLS && !v.Finding.OnHop {
			j.verdicts[i].Grade, j.spared = Note, "it is what Microsoft's own server says, through a tunnel that ends there"
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
	case j.Step.Kind.Silent && !graded(Fail) && !graded(Warn):
		return StatusPass // whatever it shows is a figure
	case graded(Fail):
		return StatusFail
	case graded(Warn):
		return StatusWarn
	case graded(Note) && j.spared != "":
		return StatusSkip // it showed nothing but that the server lacks what was tried
	case j.Observation.Body.Abandoned && !j.Step.Kind.AnyStatus && !j.Step.Kind.Silent:
		return StatusUnknown
	case j.unproved:
		return StatusUnknown
	}
	return StatusPass
}
