package probe

import (
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// Who must act, where the wire itself shows it: in the certificate, at the other
// end, or in what becomes of the same without the proxy.

// A proof is who brought about a finding of a result, and how that is known; ""
// where it is not. What it says beside Unknown is only worth saying.
type proof func(r *Run, j *judged, f *Finding) (who Owner, because string)

// proofs are all there are. The first that tells counts.
var proofs = []proof{bySymptom, byTrust, byTunnel, sameDirect, byWitness, wellDirect}

// blame settles the owner of each verdict of j that may be of either end. What
// nothing proves is open, whoever it usually is.
func (j *judged) blame(r *Run) {
	switch {
	case j.Observation == nil:
		return
	case j.Observation.NoProxy:
		j.blamePath(r)
		return
	}
	for i := range j.verdicts {
		v := &j.verdicts[i]
		if v.Grade == Note || !v.Finding.disputable() {
			continue
		}
		v.Owner = j.speaker(v.Finding) // all that is left to go by when nothing proves more
		for _, prove := range proofs {
			who, because := prove(r, j, v.Finding)
			if because != "" {
				v.Evidence += "; " + because
			}
			if who != "" && who != Unknown {
				v.Owner, j.proven = who, append(j.proven, v.Finding)
				break
			}
		}
	}
}

// hearsay are the findings that are what a gateway says of somebody else: that it is
// the one who speaks tells nothing of who must act.
var hearsay = []*Finding{ServerBehindProxyDown, TunnelServerDown, HostUnreached}

// speaker is who must act on f, as far as the answer itself tells.
func (j *judged) speaker(f *Finding) Owner {
	who := speaker(j.Observation)
	t := j.Observation.Trust
	switch {
	case who == Proxy && slices.Contains(hearsay, f):
		return Unknown
	case f.OfTLS && (t == nil || !t.OwnRoot):
		return Unknown // whoever ends the tunnel says inside of it what he likes
	}
	return who
}

// pathProofs are those that tell something where no proxy is set. What they blame on
// a proxy is done by something in the path. That a proxy has signed an answer is none:
// it may be a reverse proxy, which stands before the server and belongs to it.
var pathProofs = []proof{bySymptom, byTrust, byTunnel, byWitness}

// blamePath settles the owners where no proxy is set: then whoever runs one is not
// to blame, and whoever runs the network is where something in the path is proved to
// have done it.
func (j *judged) blamePath(r *Run) {
	for i := range j.verdicts {
		v := &j.verdicts[i]
		if v.Owner == Proxy {
			v.Owner = Unknown
		}
		if v.Grade == Note || v.Finding.Owner == Network || v.Finding.Owner == Machine {
			continue
		}
		who, because := j.onPath(r, v.Finding)
		if because != "" {
			v.Evidence += "; " + because
		}
		if who == Server || who == Network {
			v.Owner, j.proven = who, append(j.proven, v.Finding)
		}
	}
}

// onPath is who brought about f where no proxy is set, and how that is known; "" where
// it is not. The connection is to whoever intercepts it, if anybody does.
func (j *judged) onPath(r *Run, f *Finding) (Owner, string) {
	if f.OnHop {
		if evidence := intercepted(j.Observation); evidence != "" {
			return Network, "no proxy is set, and " + evidence
		}
		return "", ""
	}
	for _, prove := range pathProofs {
		switch who, because := prove(r, j, f); who {
		case Proxy:
			return Network, strings.TrimSuffix("no proxy is set, and "+because, ", and ")
		case "":
		default:
			return who, because
		}
	}
	return "", ""
}

// outrank takes the blame for a finding off the proxy where some of those that show
// it are the same without: the rest was not tried so.
func outrank(all []*judged) {
	for _, same := range all {
		for _, v := range same.verdicts {
			if same.Observation == nil || same.Observation.Direct == nil || v.Owner != Server || !slices.Contains(same.proven, v.Finding) {
				continue
			}
			for _, j := range having(all, v.Finding) {
				if j.Observation.Direct == nil {
					j.putDown(v.Finding, Server)
				}
			}
		}
	}
}

// putDown makes who the owner of a finding of j.
func (j *judged) putDown(f *Finding, who Owner) {
	for i, v := range j.verdicts {
		if v.Finding == f {
			j.verdicts[i].Owner = who
		}
	}
}

// disputable tells whether f may be the server's doing as well as the proxy's.
func (f *Finding) disputable() bool {
	return !f.OnHop && f.Owner != Network && f.Owner != Machine
}

// bySymptom tells from a symptom that nobody but the owner of f brings about.
func bySymptom(_ *Run, j *judged, f *Finding) (Owner, string) {
	if f.Sole == nil || f.Sole(j.Observation) == "" {
		return "", ""
	}
	return f.Owner, ""
}

// byTrust tells from who signed the certificate.
func byTrust(_ *Run, j *judged, f *Finding) (Owner, string) {
	t := j.Observation.Trust
	switch {
	case !f.OfTLS || t == nil || t.By != ByServersCA && !t.OwnRoot:
		return "", ""
	case t.OwnRoot && t.By == ByIssuer:
		return Unknown, "the certificate names Microsoft's own authority as its issuer"
	case t.OwnRoot:
		return Server, "the server's own root has signed the certificate"
	}
	return Proxy, "the server's own root has not signed the certificate"
}

// byTunnel tells from a tunnel that ends at the server: in it, nobody between can
// have written an answer.
func byTunnel(_ *Run, j *judged, f *Finding) (Owner, string) {
	o := j.Observation
	if f.OfTLS || o.TLS == nil || o.Trust == nil || !o.Trust.OwnRoot || !o.Complete() {
		return "", ""
	}
	return Server, "it came through a tunnel that ends at the server"
}

// byWitness tells from what arrived at the server, and what it answered.
func byWitness(_ *Run, j *judged, f *Finding) (Owner, string) {
	o := j.Observation
	if f.OfTLS || o.Stopped != wire.FirstByte && o.Stopped != wire.BodyRead && o.Stopped != wire.Done {
		return "", ""
	}
	for i, leg := range o.Legs {
		if leg.Answer.Status()/100 != 3 || o.Before == nil || o.Before[i] == nil {
			continue
		}
		who, _ := maker(leg, o.Before[i], RedirectUnusable)
		switch {
		case who == Proxy:
			return Proxy, "on the way to the server the client was sent to " + quoted(leg.Answer.Get("Location"))
		case who == Server && (o.Authority != leg.Authority || o.Witness == nil && slices.Contains(f.Answered, "location")):
			return Server, "the server sent the client to " + quoted(leg.Answer.Get("Location"))
		}
	}
	if o.Witness == nil {
		return "", ""
	}
	return maker(o.Exchange, o.Witness, f)
}

// maker is who made the answer of an exchange such that it shows f.
func maker(x *wire.Exchange, w *Witness, f *Finding) (Owner, string) {
	a := w.Closest
	if a == nil {
		return keeper(x, w.Earlier, f)
	}
	asked := requestChanges(x, a)
	if bearing := among(asked, f.Asked); len(bearing) > 0 {
		return Proxy, "it arrived at the server changed: " + words(bearing)
	}
	arrived := "it arrived at the server as it was sent, and "
	if len(harmful(asked)) > 0 {
		arrived = "it arrived at the server with changes that do not bear on this, and "
	}
	switch status := a.Reply.Status(); {
	case status == 0:
		return unanswered(x, a, arrived)
	case status == 304 && x.Answer.Status() == 200:
		return "", "" // a cache asked whether what it has is still good
	case !x.Complete() && x.Answer.Status() == 0:
		return Proxy, "the server wrote " + quoted(a.Reply.Start)
	}
	changes := among(answerChanges(x, a), f.answered())
	broke := !x.Complete() && x.Answer.Status() == a.Reply.Status()
	if broke { // of the body, that is what is different
		changes = slices.DeleteFunc(changes, func(c change) bool { return c.field == partBody })
	}
	switch {
	case len(changes) > 0:
		return Proxy, "the answer came changed: " + words(changes)
	case broke:
		return breaker(x, a, arrived)
	}
	if _, known := bodyChanged(x, a); !known && slices.Contains(f.answered(), partBody) {
		return "", "" // not all of it was read
	}
	return Server, arrived + "this is the server's own answer"
}

// answered are the parts of an answer that can bring about f.
func (f *Finding) answered() []string {
	if len(f.Answered) == 0 {
		return []string{partStatus}
	}
	return f.Answered
}

// keeper is who made an answer for which nothing arrived at the server: whoever
// keeps what it gave before to somebody, perhaps in an earlier run, or makes up its own.
func keeper(x *wire.Exchange, earlier *Arrival, f *Finding) (Owner, string) {
	if earlier == nil {
		if saysKept(x.Answer) {
			return "", ""
		}
		return Proxy, "nothing of it arrived at the server"
	}
	if !x.Complete() || len(among(fieldChanges(earlier.Reply, x.Answer), f.answered())) > 0 {
		return Proxy, "nothing of it arrived at the server, and it is not what the server gave before"
	}
	return Server, "a cache gave again what the server had given"
}

// unanswered is who kept an answer from a request that arrived and got none.
func unanswered(x *wire.Exchange, a *Arrival, arrived string) (Owner, string) {
	stated := int64(number(a.Request.Get("Content-Length")))
	waited := x.Failure == wire.Silent || x.Answer.Status() == 504 // until somebody gave up
	switch {
	case a.Came < stated:
		return Unknown, fmt.Sprintf("only %d of %d bytes of its body came to the server", a.Came, stated)
	case waited:
		return Server, arrived + "the server gave no answer"
	case a.Left:
		return Proxy, arrived + "the connection to the server was ended before it had answered"
	}
	return Server, arrived + "the server ended the connection without an answer"
}

// buffered is how many bytes of a body may be on their way between the server and
// the client without anybody holding them back.
const buffered = 64 << 10

// breaker is who broke off an answer that began well.
func breaker(x *wire.Exchange, a *Arrival, arrived string) (Owner, string) {
	stated := int64(number(a.Reply.Get("Content-Length")))
	switch {
	case stated > 0 && a.Sent >= stated:
		return Proxy, fmt.Sprintf("the server had written all %d bytes", stated)
	case a.Sent > x.Body.Length+buffered, stated == 0 && a.Done && !a.Left && a.Sent > x.Body.Length:
		return Proxy, fmt.Sprintf("the server had written %d bytes", a.Sent)
	case a.Left && x.Failure != wire.Silent && x.Failure != wire.Trickled:
		return Proxy, fmt.Sprintf("the connection to the server was ended when it had written %d bytes", a.Sent)
	case a.Done && !a.Left:
		return Server, arrived + fmt.Sprintf("the server ended its answer after %d bytes", a.Sent)
	}
	return Server, arrived + fmt.Sprintf("the server had written no more than %d bytes of its answer", a.Sent)
}

// sameDirect tells from the same exchange without the proxy, where it ends in the
// same way: then it does not matter what else the proxy does. It is believed where it
// is known to be the server that answers: something else came well, or it says so.
func sameDirect(r *Run, j *judged, f *Finding) (Owner, string) {
	d := j.Observation.Direct
	if d == nil {
		return "", ""
	}
	reply, _ := d.reply()
	known := r.DirectWell || signed(reply, serverSigns)
	direct, proxied := &judged{verdicts: Judge(j.Step, d)}, &judged{verdicts: Judge(j.Step, j.Observation)}
	if !known || !sameEnd(j.Observation, d) && !direct.shows(f) && !direct.sharesHarm(proxied) {
		return "", ""
	}
	return Server, "without the proxy it is the same"
}

// wellDirect tells from the same exchange without the proxy, where that is well.
// That proves something of what one exchange shows by itself, and does not come
// and go.
func wellDirect(r *Run, j *judged, f *Finding) (Owner, string) {
	o, d := j.Observation, j.Observation.Direct
	if d == nil || r.Several || f.Effect == Intermittent || !harms(j.Step, o) {
		return "", ""
	}
	if direct := (&judged{verdicts: Judge(j.Step, d)}); !good(j.Step, d) || direct.failing() {
		return "", ""
	}
	return Proxy, "without the proxy it is well"
}

// gateway are the statuses by which a gateway says in its own words that it met
// something.
var gateway = []int{500, 502, 503, 504}

// sameEnd tells whether an exchange through the proxy that is not good ended as it
// does without.
func sameEnd(proxied, direct *Observation) bool {
	x, _ := proxied.reply()
	y, _ := direct.reply()
	broke := direct.Failure != ""
	switch {
	case proxied.Failure == direct.Failure && proxied.Stopped == direct.Stopped && x.Status() == y.Status():
		return broke || y.Status()/100 != 2
	case proxied.Stopped == wire.BodyRead && direct.Stopped == wire.BodyRead:
		return true
	}
	return broke && y.Status() == 0 && slices.Contains(gateway, x.Status())
}

// sharesHarm tells whether two show a finding in common that is more than a note:
// what only a look at several steps tells is then the same as well.
func (j *judged) sharesHarm(other *judged) bool {
	return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade != Note && other.shows(v.Finding) })
}

// failing tells whether j shows a finding of grade fail.
func (j *judged) failing() bool {
	return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade == Fail })
}

// harmed tells whether j shows a finding of grade fail or warn.
func (j *judged) harmed() bool {
	return slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade != Note })
}
