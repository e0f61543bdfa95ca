package probe

import (
	"slices"

	"proxycheck/probe/wire"
)

// A client that has no proxy, and what shows that something in its path acts as one.

// intercepted matches an exchange without a proxy in which somebody had a part who
// stands between client and server. An address that is translated on the way proves
// nothing: what is said stays the same.
func intercepted(o *Observation) string {
	if !o.NoProxy {
		return ""
	}
	for _, shows := range []Symptom{resigned, madeBetween, changedBetween, bearsProxy} {
		if evidence := shows(o); evidence != "" {
			return evidence
		}
	}
	return ""
}

// resigned matches a certificate that is known not to be the server's own.
func resigned(o *Observation) string {
	if o.Trust == nil || o.Trust.By != ByServersCA || o.Trust.OwnRoot {
		return ""
	}
	return "the certificate was issued by " + quoted(o.Trust.Issuer) + ", and not by the server's own root"
}

// madeBetween matches an answer to what did not arrive at the server.
func madeBetween(o *Observation) string {
	if o.Witness == nil || o.Witness.Closest != nil || o.Answer.Status() == 0 {
		return ""
	}
	return "nothing of the request arrived at the server, and it was answered " + quoted(o.Answer.Start)
}

// changedBetween matches a request that arrived otherwise than it left, or an answer
// that came so: also in what a proxy may change.
func changedBetween(o *Observation) string {
	if o.Witness == nil || o.Witness.Closest == nil {
		return ""
	}
	if changes := requestChanges(o.Exchange, o.Witness.Closest); len(changes) > 0 {
		return "the request arrived at the server with changes: " + words(changes)
	}
	if o.Answer.Status() == 0 {
		return ""
	}
	changes := answerChanges(o.Exchange, o.Witness.Closest)
	if !o.Complete() { // whoever broke it off, its body is another
		changes = slices.DeleteFunc(changes, func(c change) bool { return c.field == partBody })
	}
	if len(changes) == 0 {
		return ""
	}
	return "the answer came with changes: " + words(changes)
}

// passedOn are fields by which whoever passes an answer on says so.
var passedOn = []wire.Field{{Name: "Via"}, {Name: "Proxy-Connection"}}

// bearsProxy matches an answer in which a proxy names itself.
func bearsProxy(o *Observation) string {
	if o.Answer.Status() != 407 && byProxy(o) == "" && !signed(o.Answer, passedOn) {
		return ""
	}
	return "a proxy names itself: " + answerOf(o)
}

// pathIntercepted notes where something in the path acts as a proxy, and none is set.
func pathIntercepted(all []*judged) {
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		if evidence := intercepted(j.Observation); evidence != "" {
			j.verdicts = append(j.verdicts, Verdict{PathIntercepted, Note, Network, evidence})
		}
	}
}
