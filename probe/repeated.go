package probe

import (
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// What can be told only from the same exchange made again.

// ofContent are the findings that a cache makes come and go.
var ofContent = []*Finding{RangeIgnored, RangeRefused, RangeUnstated, RangeWrong, LengthMissing, ContentAltered, MultiRangeUnsupported}

// repetitionsDiffer holds the first fetch of a part against the same again. Where
// more fail both times, that is the trouble, and a difference only worth a note.
func repetitionsDiffer(all []*judged) {
	type difference struct {
		of       *judged
		from, to *Finding
		evidence string
	}
	var differences []difference
	steady, differs := map[*Finding]int{}, map[*Finding]int{}
	rows := byID(all)
	for _, again := range all {
		cold := rows[again.Step.Name]
		if cold == nil || cold.Observation == nil || again.Observation == nil {
			continue
		}
		one, other, right := failsBy(cold), failsBy(again), firstOf(all, cold, again)
		switch {
		case one != nil && fetched(again) && comparable(one, cold, again):
			differences = append(differences, difference{cold, one, ColdFails, "; when " + again.Step.ID() + " asked for the same again, it came right"})
		case other != nil && right != again && fetched(right):
			differences = append(differences, difference{again, other, WarmFails, "; the first time it had come right"})
		case one != nil && other != nil && cold != again:
			steady[one]++
		}
	}
	for _, d := range differences {
		differs[d.from]++
	}
	for _, d := range differences {
		if steady[d.from] > differs[d.from] {
			d.of.verdicts = append(d.of.verdicts, Verdict{d.to, Note, owner(d.to, d.of.Observation), d.from.Name + d.evidence})
			continue
		}
		once := slices.DeleteFunc(having(all, d.from), func(j *judged) bool { // what holds of the others holds of them
			return j.Step.Variant != "" || rows[j.Step.Name+"@"+warm] != nil
		})
		rename(append(once, d.of), d.from, d.to, d.evidence)
	}
}

// byID are results by the names of their steps, of several the first.
func byID(all []*judged) map[string]*judged {
	rows := map[string]*judged{}
	for _, j := range all {
		if id := j.Step.ID(); rows[id] == nil {
			rows[id] = j
		}
	}
	return rows
}

// firstOf is the step of which j is a repetition: one that asked for the very same
// part before and got it right, or that of its row.
func firstOf(all []*judged, row, j *judged) *judged {
	if j.Step.Kind == ranged {
		for _, other := range all {
			same := fetched(other) && other.target() == j.target() && other.Observation.Sent.Get("Range") == j.Observation.Sent.Get("Range")
			if same && other.Observation.Started.Before(j.Observation.Started) {
				return other
			}
		}
	}
	return row
}

// comparable tells whether a cold and a warm fetch asked for as much, or differ in
// what does not depend on that.
func comparable(f *Finding, cold, again *judged) bool {
	same := cold.Observation.Sent.Get("Range") == again.Observation.Sent.Get("Range")
	return same || f == RangeIgnored || f == RangeRefused
}

// cacheProvesNothing takes back that parts come well where all of them may have
// come from a cache: whether the proxy passes Range on, what it has does not show. Under
// a query of its own a file is new to the proxy; the caches that say so stand before
// Microsoft's servers.
func cacheProvesNothing(all []*judged) {
	ofServer := func(j *judged) bool { return partFetched(j) && (!fromCache(j.Observation) || hasQuery(j)) }
	if slices.ContainsFunc(all, ofServer) {
		return
	}
	for _, j := range all {
		j.unproved = partFetched(j)
	}
}

// clientsDiffer holds what a connection is told of a file against what another
// was told that got it right.
func clientsDiffer(all []*judged) {
	right := map[string]*judged{}
	for _, j := range all {
		if target := j.target(); j.Step.Kind == ranged && came(j) && fetched(j) && right[target] == nil {
			right[target] = j
		}
	}
	for _, j := range all {
		one := right[j.target()]
		if j.Step.Kind != ranged || !came(j) || one == nil || one.Observation.Local == j.Observation.Local {
			continue
		}
		if evidence := toldOtherwise(one.Observation.Answer, j.Observation.Answer); evidence != "" {
			rename([]*judged{j}, ContentAltered, ClientsDiffer, "")
			isOne := func(v Verdict) bool { return v.Finding == ClientsDiffer }
			j.verdicts = append(slices.DeleteFunc(j.verdicts, isOne), differing(ClientsDiffer, j, evidence))
		}
	}
}

// target is what j asked for, or "" when it was not sent.
func (j *judged) target() string {
	if j.Observation == nil {
		return ""
	}
	return j.Observation.Sent.Target()
}

// toldOtherwise says in what two answers for one file differ, or "".
func toldOtherwise(one, other wire.Head) string {
	_, total, _ := strings.Cut(one.Get("Content-Range"), "/")
	_, otherTotal, _ := strings.Cut(other.Get("Content-Range"), "/")
	for _, told := range []struct{ what, one, other string }{
		{"Last-Modified", one.Get("Last-Modified"), other.Get("Last-Modified")}, {"its size", total, otherTotal},
	} {
		if told.one != told.other {
			return fmt.Sprintf("%s is %s on one connection and %s on another", told.what, quoted(told.one), quoted(told.other))
		}
	}
	return ""
}

// came tells whether j is a part of a file, right or not.
func came(j *judged) bool {
	return j.Observation != nil && j.Observation.Complete() && j.Observation.Answer.Status() == 206
}

func differing(f *Finding, j *judged, evidence string) Verdict {
	return Verdict{f, f.Grade, owner(f, j.Observation), evidence}
}

// failsBy is the finding of content by which j fails, or nil.
func failsBy(j *judged) *Finding {
	for _, v := range j.verdicts {
		if v.Grade == Fail && slices.Contains(ofContent, v.Finding) {
			return v.Finding
		}
	}
	return nil
}

// named is the result of the row of that name, or nil.
func named(all []*judged, name string) *judged {
	i := slices.IndexFunc(all, func(j *judged) bool { return j.Step.ID() == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

// leastEnds is how many connections must end alike to be a habit of the proxy.
const leastEnds = 5

// connectionsEnd looks at how the connections ended that were to be kept.
func connectionsEnd(all []*judged) {
	kept, told, broken := 0, []*judged{}, []*judged{}
	for _, line := range onConnections(all) {
		for i, j := range line[:len(line)-1] {
			o, next := j.Observation, line[i+1].Observation
			switch {
			case next.Retried:
				broken = append(broken, line[i+1])
			case next.Reused:
				kept++
			case o.Closed == wire.ClosedPeer && o.Answer.Status() < 400:
				told = append(told, j)
			}
		}
	}
	if len(told) >= leastEnds && kept == 0 {
		told[0].verdicts = append(told[0].verdicts, differing(ConnectionsNotKept, told[0],
			fmt.Sprintf("%d answers ended their connections and none kept it, beginning with %s", len(told), quoted(told[0].Observation.Answer.Start))))
	}
	if len(broken) >= leastEnds && len(broken) > kept {
		broken[0].verdicts = append(broken[0].verdicts, differing(KeepAliveBroken, broken[0],
			fmt.Sprintf("%d connections that were to be kept had been closed when the next request came, %d had not", len(broken), kept)))
	}
}

// onConnections are the results of each connection in clear, at least two, whose
// exchanges came to their end.
func onConnections(all []*judged) [][]*judged {
	lines := map[string][]*judged{}
	var names []string
	for _, j := range all {
		o := j.Observation
		if o == nil || !o.Complete() || o.TLS != nil || o.Body.Abandoned || o.Body.Left || o.Body.Framing == wire.ByClose {
			continue
		}
		if lines[j.Step.On] == nil {
			names = append(names, j.Step.On)
		}
		lines[j.Step.On] = append(lines[j.Step.On], j)
	}
	var long [][]*judged
	for _, name := range names {
		if len(lines[name]) > 1 {
			long = append(long, lines[name])
		}
	}
	return long
}

// answeredAlone tells whether what was turned away was not so when it was alone.
func answeredAlone(o *Observation) bool {
	return o.Alone.Complete() && !slices.Contains([]int{403, 407, 429, 503}, o.Alone.Answer.Status())
}

// leastTurnedAway is how many connections must be turned away among others, and
// answered alone, before that is more than chance.
const leastTurnedAway = 2

// refusedRequest tells whether j was turned away on a connection that had been
// served: then it is not connections that somebody minds.
func refusedRequest(j *judged) bool {
	return j.Observation != nil && j.Observation.Reused && j.Observation.Answer.Status() == 503
}

// turnedAwayTogether tells a proxy that minds how many connections a client has
// from one that is not there: alone, the same was answered.
func turnedAwayTogether(all []*judged) {
	capped := slices.DeleteFunc(slices.Clone(all), func(j *judged) bool {
		return j.Observation == nil || j.Observation.Alone == nil || !answeredAlone(j.Observation)
	})
	if len(capped) < leastTurnedAway || slices.ContainsFunc(all, refusedRequest) {
		return
	}
	evidence := " while other connections were open; " + capped[0].Step.ID() + " was answered " +
		quoted(capped[0].Observation.Alone.Answer.Start) + " when it was the only one"
	for _, j := range all { // those that were not tried too, and not those that failed alone
		if o := j.Observation; o != nil && turnedAway(o) && (o.Alone == nil || answeredAlone(o)) {
			j.verdicts = []Verdict{differing(ConnectionsCapped, j, anything(o)+evidence)}
		}
	}
}
