package probe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
)

// What becomes of steps without the proxy, which tells who is to blame: what
// fails both ways is not the proxy's doing.

// maxReach is the longest that the way to the server itself is tried. Firewalls
// often drop what does not come from the proxy; TCP asks three times until then.
const maxReach = 3 * time.Second

// maxAlike is how many steps are tried without the proxy that show the same, in the
// same grade: what is proved of a warning settles no failure.
const maxAlike = 3

// Failed are the steps of a run that show a finding of grade fail or warn: all of
// them, or only some of each finding that may be of either end. With all of them come
// those that fetch what is known only by fetching it otherwise. It is pure.
func Failed(run *Run, all bool) []*Step {
	var steps []*Step
	if all && run.Target.Kind == Microsoft {
		steps = unknownFiles(run)
	}
	type sort struct {
		*Finding
		Grade
	}
	alike := map[sort]int{}
	for _, j := range judge(run) {
		for _, v := range j.verdicts {
			same := sort{v.Finding, v.Grade}
			if v.Grade == Note || !all && (!v.Finding.disputable() || alike[same] >= maxAlike) {
				continue
			}
			alike[same]++
			if !slices.Contains(steps, j.Step) {
				steps = append(steps, j.Step)
			}
		}
	}
	return steps
}

// unknownFiles are the steps that fetch Microsoft's files, or parts of them, which
// nobody knows here.
func unknownFiles(run *Run) []*Step {
	var steps []*Step
	for _, r := range run.Results {
		if k := r.Step.Kind; r.Step.Variant == "" && (k == ranged || k == cabinet && !strings.Contains(r.Step.Send, "https:")) && r.Observation != nil {
			steps = append(steps, r.Step)
		}
	}
	return steps
}

// CompareDirect plays steps of run again without the proxy, and those that they
// need, and keeps what it saw as Observation.Direct: nil stays where the server
// was not reached. Of a run of several, each part plays those that failed in it.
// It keeps within what a run may move, and costs one time-out of three seconds
// at most where the server cannot be reached.
func (c *Client) CompareDirect(ctx context.Context, run *Run, which []*Step) {
	if run.Client.Proxy == "" {
		return
	}
	for _, part := range run.parts() {
		steps := common(part.steps(), which)
		if part != run {
			steps = common(steps, Failed(part, true))
		}
		if len(steps) == 0 {
			continue
		}
		if well := part.firstWell(); well != nil {
			steps = append(steps, well)
		}
		s, reached := c.playDirect(ctx, part, steps)
		for _, r := range slices.Compact([]*Run{part, run}) {
			r.takeIn(s.run)
			r.DirectFailed = cmp.Or(r.DirectFailed, s.untried(reached))
		}
		if !reached {
			return // nor would it be for the next part
		}
		c.confirm(ctx, part, run)
	}
}

// confirm plays once more through the proxy what came well without it: what then
// does too comes and goes, and nothing is known of who brings it about. No more is
// where it could not be tried.
func (c *Client) confirm(ctx context.Context, part, run *Run) {
	if slices.ContainsFunc(part.Results, func(r *Result) bool { return r.Behind != "" }) {
		return // the proxy has failed often enough for the rest to be left out
	}
	var well []*Step
	for _, result := range part.Results {
		if o := result.Observation; o != nil && o.Direct != nil && harms(result.Step, o) && !harms(result.Step, o.Direct) {
			well = append(well, result.Step)
		}
	}
	if len(well) == 0 {
		return
	}
	s := newSession(c.again(part, well))
	s.run.Target = part.Target
	opening := s.lane(firstLane(s.run.Results))
	defer opening.conn.Close()
	s.sideBySide(ctx, opening, byConnection(s.run.Results))
	s.end(ctx)
	for _, r := range slices.Compact([]*Run{part, run}) {
		r.takeIn(s.run)
	}
	for _, result := range s.run.Results {
		why := ""
		switch {
		case !slices.Contains(well, result.Step):
		case !result.compares():
			why = " came well without the proxy, and could not be tried with it once more"
		case !harms(result.Step, result.Observation):
			why = " came well without the proxy, and then with it too"
		}
		if why != "" {
			part.result(result.Step).Observation.Direct = nil
			run.DirectFailed = cmp.Or(run.DirectFailed, result.Step.ID()+why)
		}
	}
}

// harms tells whether o shows by itself a finding of a step that is more than a note.
func harms(step *Step, o *Observation) bool { return (&judged{verdicts: Judge(step, o)}).harmed() }

// firstWell is a step that came well through the proxy, to see whether it is the
// same server that answers without it; nil for none.
func (r *Run) firstWell() *Step {
	for _, result := range r.Results {
		if o := result.Observation; o != nil && !result.Step.isRung() && good(result.Step, o) {
			return result.Step
		}
	}
	return nil
}

// common are the members of a that are in b too.
func common(a, b []*Step) []*Step {
	return slices.DeleteFunc(slices.Clone(a), func(s *Step) bool { return !slices.Contains(b, s) })
}

// takeIn adds to r what another run cost.
func (r *Run) takeIn(other *Run) {
	r.Requests, r.In, r.Out = r.Requests+other.Requests, r.In+other.In, r.Out+other.Out
	r.Took += other.Took
}

// playDirect plays steps of a run without the proxy. The first goes alone: when it
// reaches nobody, neither would the others.
func (c *Client) playDirect(ctx context.Context, run *Run, which []*Step) (s *session, reached bool) {
	s = newSession(c.withoutProxy(run, which))
	s.run.Target = run.Target
	s.dialer.Reach = maxReach
	results := s.run.Results
	opening := s.lane(firstLane(results))
	defer opening.conn.Close()
	s.play(ctx, opening, results[:1])
	if reached = results[0].unreached() == ""; reached {
		s.sideBySide(ctx, opening, byConnection(results[1:]))
	}
	s.end(ctx)
	for _, direct := range results {
		if r := run.result(direct.Step); direct.compares() && r.Observation != nil {
			r.Observation.Direct = direct.Observation
			run.DirectWell = run.DirectWell || good(direct.Step, direct.Observation)
		}
	}
	return s, reached
}

// withoutProxy is c without its proxy, for some steps of a run.
func (c *Client) withoutProxy(run *Run, which []*Step) *Client {
	direct := c.again(run, which)
	direct.Proxy, direct.Login = "", nil
	return direct
}

// again is c for some steps of a run, and what they need, within what is left of
// its bytes.
func (c *Client) again(run *Run, which []*Step) *Client {
	again := *c
	again.id, again.Progress, again.IdleTime = run.ID, nil, 0
	again.Target = run.Target // as it has described itself
	again.Steps = withNeeds(run.steps(), which)
	if c.MaxBytes > 0 {
		again.MaxBytes = max(c.MaxBytes-run.In-run.Out, 1) // 0 would be no limit
	}
	return &again
}

// steps are those of r, which is no run of several.
func (r *Run) steps() []*Step {
	var steps []*Step
	for _, result := range r.Results {
		steps = append(steps, result.Step)
	}
	return steps
}

// result is what became of a step of r.
func (r *Run) result(step *Step) *Result {
	i := slices.IndexFunc(r.Results, func(result *Result) bool { return result.Step == step })
	return r.Results[i]
}

// withNeeds are the members of which, and the steps of all without whose answers
// their requests cannot be made, in the order of all.
func withNeeds(all, which []*Step) []*Step {
	wanted := map[string]bool{}
	var want func(*Step)
	want = func(s *Step) {
		if wanted[s.ID()] {
			return
		}
		wanted[s.ID()] = true
		for _, id := range needs(s) {
			if i := slices.IndexFunc(all, func(other *Step) bool { return other.ID() == id }); i >= 0 {
				want(all[i])
			}
		}
	}
	for _, s := range which {
		want(s)
	}
	return slices.DeleteFunc(slices.Clone(all), func(s *Step) bool { return !wanted[s.ID()] })
}

// needs names the steps whose answers a step puts into its request: those that it
// names, the one that gets the first cookie, and the one that learns the size of
// the file.
func needs(step *Step) []string {
	names := refersTo(step)
	for _, at := range blanksIn(step.Send) {
		switch at.name {
		case cookie:
			names = append(names, "wua-cookie")
		case "object", "range", "ranges":
			names = append(names, "bits-size")
		}
	}
	return names
}

// unreached says why the server was not reached, or "".
func (r *Result) unreached() string {
	o := r.Observation
	if o == nil || o.Stopped != wire.Resolve && o.Stopped != wire.Connect || o.Failure == wire.Stopped {
		return ""
	}
	return fmt.Sprintf("the update server cannot be reached without the proxy: %s: %s: %s", o.Authority, o.Stopped.Doing(), o.Failure)
}

// compares tells whether r shows what becomes of a step without the proxy.
func (r *Result) compares() bool {
	o := r.Observation
	return o != nil && r.unreached() == "" && o.Failure != wire.Stopped && o.Failure != wire.Local
}

// untried is why some steps of a session without the proxy could not be tried, or
// "" when all were.
func (s *session) untried(reached bool) string {
	why := ""
	if reached && s.run.StoppedBy != "" {
		why = "what was tried without the proxy was ended by " + s.run.StoppedBy
	}
	for _, r := range s.run.Results {
		switch unreached := r.unreached(); {
		case unreached != "":
			return unreached
		case why == "" && r.WaitedFor != "" && !r.LeftOut:
			why = r.Step.ID() + " could not be tried without the proxy: " + r.WaitedFor
		}
	}
	return why
}
