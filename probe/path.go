package probe

import (
	"cmp"
	"slices"

	"proxycheck/probe/wire"
)

// A client that has no proxy, and what shows that something in its path acts as one.

// intercepted matches an exchange without a proxy in which it is proved that somebody
// had a part who stands between client and server. An address that is translated on
// the way proves nothing: what is said stays the same.
func intercepted(o *Observation) string {
	if !o.NoProxy {
		return ""
	}
	return cmp.Or(resigned(o), toldBetween(o))
}

// resigned matches a certificate that is known not to be the server's own.
func resigned(o *Observation) string {
	switch {
	case o.Trust == nil, o.Trust.OwnRoot:
		return ""
	case o.Trust.By != ByServersCA:
		return o.Trust.inspection()
	}
	return "the certificate was issued by " + quoted(o.Trust.Issuer) + ", and not by the server's own root"
}

// toldBetween matches what did not come to the other end as it was said. Of another
// host to which the client was sent the server knows nothing.
func toldBetween(o *Observation) string {
	made := append(slices.Clone(o.Legs), o.Exchange)
	known := append(slices.Clone(o.Before), o.Witness)
	if len(known) != len(made) {
		return ""
	}
	for i, x := range made {
		if known[i] == nil || x.Authority != made[0].Authority {
			continue
		}
		if evidence := between(x, known[i]); evidence != "" {
			return evidence
		}
	}
	return ""
}

// between says what of x is not the same at its two ends, also of what a proxy may
// change; "" when all is.
func between(x *wire.Exchange, w *Witness) string {
	a := w.Closest
	switch {
	case a == nil && x.Answer.Status() == 0:
		return ""
	case a == nil:
		return "nothing of the request arrived at the server, and it was answered " + quoted(x.Answer.Start)
	}
	if changes := requestChanges(x, a); len(changes) > 0 {
		return "the request arrived at the server with changes: " + words(changes)
	}
	if !x.Complete() { // it may be the server that broke it off
		return ""
	}
	if changes := answerChanges(x, a); len(changes) > 0 {
		return "the answer came with changes: " + words(changes)
	}
	return ""
}

// bearsProxy matches an answer without a proxy in which one names itself, also one that
// passes on what the server says. That proves nothing: it may be a reverse proxy, which
// stands before the server and belongs to it.
func bearsProxy(o *Observation) string {
	passedOn := slices.ContainsFunc([]string{"Via", "Proxy-Connection"}, func(name string) bool { return o.Answer.Get(name) != "" })
	if !o.NoProxy || !passedOn && o.Answer.Status() != 407 && byProxy(o) == "" {
		return ""
	}
	return "a proxy names itself: " + answerOf(o)
}

// pathIntercepted notes where something in the path acts as a proxy, and none is set:
// whose it is, only a proof tells.
func pathIntercepted(all []*judged) {
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		if evidence := intercepted(j.Observation); evidence != "" {
			j.verdicts = append(j.verdicts, Verdict{PathIntercepted, Note, Network, evidence})
			j.proven = append(j.proven, PathIntercepted)
		} else if evidence := bearsProxy(j.Observation); evidence != "" {
			j.verdicts = append(j.verdicts, Verdict{PathIntercepted, Note, Unknown, evidence})
		}
	}
}
