package probe

import (
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// Who must act, as the other end of the wire proves it: what arrived at the
// server, or what became of the same without the proxy.

// blame settles the owner of each verdict of j that may be of either end. What
// nothing proves is open, whoever it usually is.
func (j *judged) blame(all []*judged) {
	o := j.Observation
	if o == nil || o.NoProxy {
		return
	}
	for i := range j.verdicts {
		v := &j.verdicts[i]
		if v.Grade == Note || !v.Finding.disputable() {
			continue
		}
		who, because := byWitness(o, v.Finding)
		if first := saidFirst(j, all, v.Finding); first != nil && o.Witness != nil && len(o.Witness.Arrived) == 0 {
			who, because = first.Owner, "a cache gave again what came the first time"
		}
		if who == "" {
			who, because = byDirect(j.Step, o, v.Finding)
		}
		if who == "" {
			v.Owner = speaker(o) // all that is left to go by
			continue
		}
		v.Owner, v.Evidence = who, strings.TrimSuffix(v.Evidence+"; "+because, "; ")
		j.proven = append(j.proven, v.Finding)
	}
}

// saidFirst is what the row says of f that j repeats; nil when it says nothing, or j
// repeats none.
func saidFirst(j *judged, all []*judged, f *Finding) *Verdict {
	row := named(all, j.Step.Name)
	if j.Step.Variant == "" || row == nil || !slices.Contains(row.proven, f) {
		return nil
	}
	i := slices.IndexFunc(row.verdicts, func(v Verdict) bool { return v.Finding == f })
	return &row.verdicts[i]
}

// disputable tells whether f may be the server's doing as well as the proxy's.
func (f *Finding) disputable() bool {
	return !f.OnHop && f.Owner != Network && f.Owner != Machine
}

// byWitness is who brought about what o shows, by what the server saw; "" when
// that does not tell.
func byWitness(o *Observation, f *Finding) (Owner, string) {
	if f == CertificateInvalid && o.Trust != nil && o.Trust.By == ByServersCA {
		if o.Trust.OwnRoot {
			return Server, "the server's own root has signed it"
		}
		return Proxy, "the server's own root has not signed it"
	}
	if f == CertificateWanted && o.Trust != nil && o.Trust.OwnRoot {
		return Server, "the server's own root has signed the certificate of who asks"
	}
	left := (o.Stopped == wire.FirstByte || o.Stopped == wire.BodyRead || o.Stopped == wire.Done) && o.Failure != wire.NoAgreement
	if o.Witness == nil || !left {
		return "", ""
	}
	a := o.Witness.closest()
	if a == nil {
		return Proxy, "nothing of it arrived at the server"
	}
	if f == RangeFetchedWhole && fetchedWhole(o) != "" {
		return Proxy, ""
	}
	changed, answered := harmful(requestChanges(o.Exchange, a)), harmful(answerChanges(o.Exchange, a))
	asked, how := telling(changed, a.Reply), "as it was sent"
	if len(changed) > 0 {
		how = "with changes that do not bear on this"
	}
	switch {
	case len(asked) > 0:
		return Proxy, "it arrived at the server changed: " + words(asked)
	case a.Reply.Status() == 0, !gaveMore(o, a):
		return Server, "it arrived at the server " + how + ", and " + silence(o, a)
	case len(answered) > 0:
		return Proxy, "the answer came changed: " + words(answered)
	case !o.Complete() && o.Answer.Status() == 0:
		return Proxy, "the server answered " + quoted(a.Reply.Start)
	}
	return Server, "it arrived at the server " + how + ", and this is the server's own answer"
}

// buffered is how many bytes of a body may be under way between the server and
// the client without anybody holding them back.
const buffered = 64 << 10

// gaveMore tells whether the server gave, or gives, more of an answer than came.
func gaveMore(o *Observation, a *Arrival) bool {
	switch {
	case o.Complete():
		return true
	case a.Reply.Start == "":
		return false
	case o.Stopped == wire.FirstByte:
		return true
	}
	stated := number(a.Reply.Get("Content-Length"))
	return a.Sent >= int64(stated) && stated > 0 || a.Sent > o.Body.Length+buffered
}

// silence says how the server failed to answer a.
func silence(o *Observation, a *Arrival) string {
	switch {
	case a.Reply.Start == "" && a.Done && o.Failure != wire.Silent:
		return "the server ended the connection without an answer"
	case a.Reply.Start == "":
		return "the server gave no answer"
	case a.Done:
		return fmt.Sprintf("the server ended its answer after %d bytes of %s", a.Sent, a.Reply.Get("Content-Length"))
	}
	return fmt.Sprintf("the server had sent no more than %d bytes of %s", a.Sent, a.Reply.Get("Content-Length"))
}

// byDirect is who brought about what o shows, by the same exchange without the
// proxy; "" when that does not tell.
func byDirect(s *Step, o *Observation, f *Finding) (Owner, string) {
	d := o.Direct
	if d == nil {
		return "", ""
	}
	verdicts := Judge(s, d)
	switch {
	case sameEnd(o, d), (&judged{verdicts: verdicts}).shows(f):
		return Server, "without the proxy it is the same"
	case good(s, d) && !failing(verdicts):
		return Proxy, "without the proxy it is well"
	}
	return "", ""
}

// sameEnd tells whether an exchange through the proxy that is not good ended as it
// does without: also where a gateway says in its own words what it met.
func sameEnd(proxied, direct *Observation) bool {
	x, _ := proxied.reply()
	y, _ := direct.reply()
	broke := direct.Failure != "" && y.Status() == 0
	switch {
	case proxied.Failure == direct.Failure && x.Status() == y.Status():
		return direct.Failure != "" || y.Status()/100 != 2
	case proxied.Stopped == wire.BodyRead && direct.Stopped == wire.BodyRead:
		return true
	}
	return broke && slices.Contains([]int{500, 502, 503, 504}, x.Status())
}

func failing(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Grade == Fail {
			return true
		}
	}
	return false
}
