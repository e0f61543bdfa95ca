//go:build whole

package sim_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/sim"
)

// Two faults that leave each other alone both show their findings, and nothing else.
// Of all such pairs some are tried, drawn by a seed that the environment can give.
func TestPairs(t *testing.T) {
	seed := cmp.Or(os.Getenv("PROXYCHECK_SEED"), fmt.Sprint(time.Now().UnixNano()))
	var effects []*effect
	for f, r := range recorded(t) {
		effects = append(effects, effectOf(t, f, r))
	}
	pairs := resting(drawn(seed, pairsOf(effects)))
	t.Logf("%d of %d pairs of faults leave each other alone; PROXYCHECK_SEED=%s draws the same again", len(pairs), len(effects)*(len(effects)-1)/2, seed)
	const tried = 100
	for _, p := range pairs[:min(tried, len(pairs))] {
		t.Run(p[0].fault.Name+"+"+p[1].fault.Name, func(t *testing.T) {
			t.Parallel()
			r := run(t, probe.Profiles[0], p[0].fault, p[1].fault)
			want := append(wantedNames(p[0].fault), wantedNames(p[1].fault)...)
			slices.Sort(want)
			want = slices.Compact(want)
			if got := names(r); !slices.Equal(got, want) {
				t.Errorf("they show %v, want %v", got, want)
				for _, f := range r.Findings {
					t.Logf("%s under %q: %s in %v", f.Name, f.Under, f.Evidence, f.Steps)
				}
			}
		})
	}
}

// drawn are some pairs in the order in which a seed draws them, whichever others there
// are.
func drawn(seed string, pairs [][2]*effect) [][2]*effect {
	lot := func(p [2]*effect) string {
		names := []string{p[0].fault.Name, p[1].fault.Name}
		slices.Sort(names)
		return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, seed, names)))
	}
	slices.SortFunc(pairs, func(p, other [2]*effect) int { return strings.Compare(lot(p), lot(other)) })
	return pairs
}

// pairsOf are all pairs of effects that leave each other alone, as far as it can be told
// without judging anew.
func pairsOf(effects []*effect) [][2]*effect {
	var pairs [][2]*effect
	for i, e := range effects {
		for _, other := range effects[i+1:] {
			if e.alone(other) && other.alone(e) && e.sameClient(other) {
				pairs = append(pairs, [2]*effect{e, other})
			}
		}
	}
	return pairs
}

// resting are those of some pairs whose findings do not rest on what the other stops,
// and whose faults can be in one net.
func resting(pairs [][2]*effect) [][2]*effect {
	return slices.DeleteFunc(pairs, func(p [2]*effect) bool {
		return !p[0].rests(p[1]) || !p[1].rests(p[0]) || !oneNet(p[0].fault, p[1].fault)
	})
}

// An effect is what one fault does, as a run with it has recorded it. From the effects
// of two faults it is told whether both show in one net.
//
// A fault stops a step that fails with it, and one that does not bring what it brings
// in a healthy net: that is not sent, or asks otherwise, or has no whole answer, or
// one of another status, of another body or under another certificate. It breaks
// the steps that show its findings; all steps, when it is connections that it
// breaks.
//
// Two faults leave each other alone when
//   - neither stops a step that the other breaks, nor what the other's findings rest
//     on: without the steps that one stops, the run with the other comes to the same;
//   - by themselves, their steps do not show the same, of which only a look at all of
//     them tells what it is; nor do both break connections;
//   - no finding of the one accounts for one of the other, and no note of the one is
//     on a step that shows worse with the other;
//   - not one of them makes the server answer otherwise, and the other changes, keeps
//     or replaces answers: what it would do to those has not been recorded;
//   - one client can meet both, on one route and in one net.
type effect struct {
	fault           *sim.Fault
	run             *probe.Run
	route           string
	connections     bool                    // its findings are about how connections end
	stopped, broken map[string]bool         // steps, by their IDs
	noted, harmed   map[string]bool         // steps that show a note, and those that show worse
	alike           map[*probe.Finding]bool // what its steps show by themselves
	shown           []string
	asksOtherwise   bool            // the server answers some steps otherwise
	meddles         bool            // some answers are not the server's
	without         map[string]bool // whether it comes to the same without some steps
}

func effectOf(t *testing.T, f *sim.Fault, r *probe.Run) *effect {
	t.Helper()
	n, err := sim.NewNet("", f)
	if err != nil {
		t.Fatal(err)
	}
	n.Close()
	report := judged(r)
	e := &effect{fault: f, run: r, route: fmt.Sprint(n.Direct, n.AtServer, n.InPath), connections: slices.ContainsFunc(report.Findings, ofConnections),
		stopped: map[string]bool{}, broken: map[string]bool{}, noted: map[string]bool{}, harmed: map[string]bool{},
		alike: map[*probe.Finding]bool{}, shown: names(report), without: map[string]bool{}}
	for _, finding := range report.Findings {
		for _, id := range finding.Steps {
			e.broken[id] = finding.Under == "" || e.broken[id]
			e.noted[id] = finding.Grade == probe.Note || e.noted[id]
			e.harmed[id] = finding.Grade != probe.Note || e.harmed[id]
		}
	}
	healthy := healthyRun(t, r.Client.Profile)
	for i, result := range r.Results {
		o, id := result.Observation, result.Step.ID()
		e.stopped[id] = report.Steps[i].Status == probe.StatusFail || !result.LeftOut && !brings(o, healthy[id])
		e.broken[id] = e.connections || e.broken[id]
		if o == nil {
			continue
		}
		for _, v := range probe.Judge(result.Step, o) {
			e.alike[v.Finding] = true
		}
		e.asksOtherwise = e.asksOtherwise || answered(o) != "" && answered(o) != answered(healthy[id])
		e.meddles = e.meddles || !ofServer(o, healthy[id])
	}
	return e
}

// ofConnections tells whether a finding is about how connections end, which every step
// may show.
func ofConnections(f probe.Shown) bool {
	return slices.Contains([]string{probe.ConnectionsNotKept.Name, probe.KeepAliveBroken.Name, probe.ConnectionsCapped.Name}, f.Name)
}

// alone tells whether e leaves the other alone, as far as its own effect tells.
func (e *effect) alone(other *effect) bool {
	switch {
	case e.route != other.route, e.connections && other.connections, e.asksOtherwise && other.meddles,
		intersect(e.stopped, other.broken), intersect(e.harmed, other.noted):
		return false
	}
	for f := range e.alike {
		if other.alike[f] && !(slices.Contains(e.shown, f.Name) && slices.Contains(other.shown, f.Name)) {
			return false
		}
	}
	for _, f := range e.fault.Shows {
		if slices.ContainsFunc(other.fault.Shows, func(g *probe.Finding) bool { return slices.Contains(f.Explains, g) }) {
			return false
		}
	}
	return true
}

// intersect tells whether two sets have a member in common.
func intersect(a, b map[string]bool) bool {
	for id, in := range a {
		if in && b[id] {
			return true
		}
	}
	return false
}

// rests tells whether e comes to the same without what another stops. Many faults
// stop the same steps.
func (e *effect) rests(other *effect) bool {
	stops := fmt.Sprint(other.stopped, other.run.Untold != "")
	same, known := e.without[stops]
	if !known {
		same = slices.Equal(shownBy(without(e.run, other)), e.shown)
		e.without[stops] = same
	}
	return same
}

// without is a run of which the steps are not known that e stops, nor what arrived if
// e keeps the server from telling.
func without(r *probe.Run, e *effect) *probe.Run {
	less := *r
	less.Results = nil
	for _, result := range r.Results {
		known := *result
		if known.Observation != nil && e.stopped[known.Step.ID()] {
			known.Observation = nil
		}
		if known.Observation != nil && e.run.Untold != "" {
			o := *known.Observation
			o.Witness, o.Before = nil, nil
			known.Observation = &o
		}
		less.Results = append(less.Results, &known)
	}
	return &less
}

// shownBy are the findings that a run shows.
func shownBy(r *probe.Run) []string {
	names := []string{}
	for name, what := range probe.Outcome(r) {
		if name != probe.RunVerdict && !strings.Contains(what, " under ") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// recorded is a run with each fault.
func recorded(t *testing.T) map[*sim.Fault]*probe.Run {
	t.Helper()
	t.Run("recorded", func(t *testing.T) {
		for _, f := range sim.Faults {
			if _, ok := recordings.Load(f); !ok {
				t.Run(f.Name, func(t *testing.T) {
					t.Parallel()
					recordings.Store(f, record(t, probe.Profiles[0], f))
				})
			}
		}
	})
	runs := map[*sim.Fault]*probe.Run{}
	for _, f := range sim.Faults {
		if r, ok := recordings.Load(f); ok {
			runs[f] = r.(*probe.Run)
		}
	}
	return runs
}

// sameClient tells whether one client can meet both faults.
func (e *effect) sameClient(other *effect) bool {
	f, g := e.fault, other.fault
	return f.As == g.As && f.Microsoft == g.Microsoft && f.Login == g.Login && f.Ladders == g.Ladders && f.Idle == g.Idle
}

// oneNet tells whether both faults can be in one net.
func oneNet(f, g *sim.Fault) bool {
	n, err := sim.NewNet("", f, g)
	if err == nil {
		n.Close()
	}
	return err == nil
}

// healthyRuns are those of each Windows in a net without faults.
var healthyRuns sync.Map // from a probe.Windows to the observations by the IDs of their steps

func healthyRun(t *testing.T, p *probe.Profile) map[string]*probe.Observation {
	t.Helper()
	if known, ok := healthyRuns.Load(p.Windows); ok {
		return known.(map[string]*probe.Observation)
	}
	healthy := map[string]*probe.Observation{}
	for _, result := range record(t, p, &sim.Fault{Name: "none", Break: func(*sim.Net) {}}).Results {
		healthy[result.Step.ID()] = result.Observation
	}
	healthyRuns.Store(p.Windows, healthy)
	return healthy
}

// answered is what the server is known to have answered: a status and, for files, a
// length; "" for nothing.
func answered(o *probe.Observation) string {
	if o == nil || o.Witness == nil || o.Witness.Closest == nil {
		return ""
	}
	answer := o.Witness.Closest.Reply.Start
	if o.Known >= 0 {
		answer += o.Witness.Closest.Reply.Get("Content-Length")
	}
	return answer
}

// ofServer tells whether an answer is the one of the server, as it says or, where it
// does not, as it is in a healthy net.
func ofServer(o, healthy *probe.Observation) bool {
	switch {
	case o.Witness == nil:
		return brings(o, healthy)
	case o.Witness.Closest == nil:
		return false
	}
	sent := o.Witness.Closest
	return o.Complete() && o.Answer.Status() == sent.Reply.Status() && (!sent.Done || sent.CRC32C == fmt.Sprintf("%08x", o.Body.CRC32C))
}

// brings tells whether a step brings what it brings in a healthy net. Bodies are
// never the same in two runs: each is held against the file, or what the server
// sent.
func brings(o, healthy *probe.Observation) bool {
	switch {
	case o == nil || !o.Complete():
		return false
	case o.Trust != nil && o.Trust.Err != nil:
		return false
	case healthy != nil && (o.Answer.Status() != healthy.Answer.Status() || !slices.Equal(fields(o), fields(healthy))):
		return false
	case o.Compared != nil:
		return o.Compared.Differs < 0 && (healthy == nil || o.Body.Length == healthy.Body.Length)
	case o.Witness == nil: // nobody tells
		return true
	}
	sent := o.Witness.Closest
	return sent != nil && (!sent.Done || sent.CRC32C == fmt.Sprintf("%08x", o.Body.CRC32C))
}

// fields are those of a request that say something.
func fields(o *probe.Observation) []string {
	var names []string
	for _, f := range o.Sent.Fields {
		if f.Value != "" {
			names = append(names, f.Name)
		}
	}
	return names
}
