package probe

import (
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// What can be told only from the same exchange made again.

// ofContent are the findings that a cache makes come and go.
var ofContent = []*Finding{RangeIgnored, RangeRefused, RangeUnstated, RangeWrong, LengthMissing, ContentAltered, PageInstead, MultiRangeUnsupported}

// repetitionsDiffer holds the first fetch of a part against the same again. Where
// more fail both times, that is the trouble, and a difference only worth a note.
func repetitionsDiffer(all []*judged) {
	type difference struct {
		of *judged
		Verdict
	}
	var differences []difference
	steady := 0
	for _, again := range all {
		cold := named(all, again.Step.Name)
		if again.Step.Variant != warm || cold == nil || cold.Observation == nil || again.Observation == nil {
			continue
		}
		one, other := failsBy(cold), failsBy(again)
		switch {
		case one != nil && fetched(again):
			differences = append(differences, difference{cold, differing(ColdFails, cold,
				one.Name+" the first time, and not when "+again.Step.ID()+" asked for the same again")})
		case other != nil && fetched(cold):
			differences = append(differences, difference{again, differing(WarmFails, again,
				other.Name+" when it was asked for again, and not the first time")})
		case one != nil && other != nil:
			steady++
		}
	}
	for _, d := range differences {
		if steady > len(differences) {
			d.Grade = Note
		}
		d.of.verdicts = append(d.of.verdicts, d.Verdict)
	}
}

// clientsDiffer holds what a second connection is told of a file against what
// the first was told.
func clientsDiffer(all []*judged) {
	for _, other := range all {
		one := named(all, other.Step.Name)
		if other.Step.Variant != second || one == nil || !fetched(one) || !came(other) {
			continue
		}
		for _, field := range []string{"Last-Modified", "Content-Range"} {
			before, after := one.Observation.Answer.Get(field), other.Observation.Answer.Get(field)
			if _, total, _ := strings.Cut(before, "/"); field == "Content-Range" {
				_, totalAfter, _ := strings.Cut(after, "/")
				before, after = total, totalAfter
			}
			if before != after {
				other.verdicts = append(other.verdicts, differing(ClientsDiffer, other, fmt.Sprintf("%s is %s on one connection and %s on another", field, quoted(before), quoted(after))))
				break
			}
		}
	}
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

// turnedAwayTogether tells a proxy that minds how many connections a client has
// from one that is not there: alone, the same was answered.
func turnedAwayTogether(all []*judged) {
	i := slices.IndexFunc(all, func(j *judged) bool { return j.Observation != nil && j.Observation.Alone != nil })
	if i < 0 || !all[i].Observation.Alone.Complete() {
		return
	}
	for _, j := range all {
		if o := j.Observation; o != nil && turnedAway(o) {
			j.verdicts = append(j.verdicts, differing(ConnectionsCapped, j, broke(o)+", while other connections were open; "+
				all[i].Step.ID()+" was answered "+quoted(all[i].Observation.Alone.Answer.Start)+" when it was the only one"))
		}
	}
}
