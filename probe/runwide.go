package probe

import (
	"bytes"
	"fmt"
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
	verdicts []Verdict
	spared   string // why a failure is only a warning; "" when it is not
}

// judge is what is thought of a run, step by step: the verdicts of Judge, and
// what only a look at several steps can tell.
func judge(r *Run) []*judged {
	var all []*judged
	for _, result := range r.Results {
		j := &judged{Result: result}
		if result.Observation != nil {
			j.verdicts = Judge(result.Step, result.Observation)
		}
		all = append(all, j)
	}
	for _, compare := range compared {
		compare(all)
	}
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
var compared = []func([]*judged){loginGiven, serverNotHTTP, headDenied, sizeDenied, typeDenied, partsDisagree}

// loginGiven keeps what a login hides that was given for this run: the services
// of Windows have none.
func loginGiven(all []*judged) {
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		for _, leg := range j.Observation.Legs {
			asked := &Observation{Exchange: leg, Direct: j.Observation.Direct}
			finding, evidence := LoginUnusable, loginUseless(asked)
			if evidence == "" {
				finding, evidence = LoginWanted, answered(407)(asked)
			}
			if evidence != "" {
				evidence += "; the rest was tried with the login that was given"
				j.verdicts = append(j.verdicts, Verdict{finding, Fail, owner(finding, asked), evidence})
			}
		}
	}
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

// headDenied tells a denied method from a denied server: only HEAD is denied,
// and files come.
func headDenied(all []*judged) {
	denied := having(all, RequestDenied)
	onlyHEAD := !slices.ContainsFunc(denied, func(j *judged) bool { return isHEAD(j.Observation) == "" })
	if onlyHEAD && slices.ContainsFunc(all, fetched) {
		rename(denied, RequestDenied, HeadRefused, "; a GET of the same is not denied")
	}
}

// sizeDenied tells a denied size from a denied server: only whole files are
// denied, and parts of the same come.
func sizeDenied(all []*judged) {
	denied := having(all, RequestDenied)
	onlyWhole := !slices.ContainsFunc(denied, func(j *judged) bool { return j.Step.Kind != whole })
	if onlyWhole && slices.ContainsFunc(all, func(j *judged) bool { return j.Step.Kind == ranged && fetched(j) }) {
		rename(denied, RequestDenied, SizeDenied, "; parts of it are not denied")
	}
}

// typeDenied tells a denied type of file from a denied server: all that is
// denied is of one type, and the web service answers.
func typeDenied(all []*judged) {
	denied := having(all, RequestDenied)
	if len(denied) == 0 {
		return
	}
	kind := fileType(denied[0].Observation)
	others := slices.ContainsFunc(denied, func(j *judged) bool { return fileType(j.Observation) != kind })
	works := slices.ContainsFunc(all, func(j *judged) bool {
		return j.Observation != nil && good(j.Step, j.Observation) && fileType(j.Observation) == ".asmx" && j.Observation.Trust == nil
	})
	came := slices.ContainsFunc(all, func(j *judged) bool { // in the form of one that is denied: rules look at the end of a URL
		return fetched(j) && fileType(j.Observation) == kind && slices.ContainsFunc(denied, func(d *judged) bool {
			return asksQuery(d.Observation) == asksQuery(j.Observation)
		})
	})
	if kind != "" && kind != ".asmx" && !others && works && !came {
		rename(denied, RequestDenied, FileTypeDenied, "; only "+kind+" is denied")
	}
}

// partsDisagree holds parts of a file against the whole, where nobody knows
// what the file should be.
func partsDisagree(all []*judged) {
	i := slices.IndexFunc(all, func(j *judged) bool { return j.Step.Kind == whole && fetched(j) })
	if i < 0 || all[i].Observation.Compared != nil {
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

// having are those of all that show f.
func having(all []*judged, f *Finding) []*judged {
	var some []*judged
	for _, j := range all {
		if slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Finding == f }) {
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
	why := j.Step.Spare(r.Client.Profile, &r.Target)
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
	shows := func(g Grade) bool {
		return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade == g })
	}
	switch {
	case j.Observation == nil && j.Skipped:
		return StatusSkip
	case j.Observation == nil, j.Observation.Failure == wire.Stopped:
		return StatusUnknown
	case shows(Fail):
		return StatusFail
	case shows(Warn):
		return StatusWarn
	case shows(Note):
		return StatusSkip
	case j.Observation.Body.Abandoned:
		return StatusUnknown
	}
	return StatusPass
}
