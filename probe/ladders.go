package probe

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"proxycheck/probe/wire"
)

// A ladder finds how much of something passes. It begins at the top, so that
// where all passes one request tells.
type ladder struct {
	name, title string
	unit        string
	rungs       []int64
	send        func(rung int64) string
	least       int64    // what a real client needs
	harm        *Finding // when less passes
}

// ladders lists them. What clients need is from wire.md 1.6, 3.5 and 4.3: the
// longest heads are of 20 ranges or carry a ticket of Negotiate, the longest URLs
// are signed, and the longest body lists the devices of a computer.
var ladders = []ladder{
	{
		name: "limit-head", title: "send a long request head", unit: "bytes",
		rungs: []int64{64 << 10, 32 << 10, 16 << 10, 8 << 10, 4 << 10},
		send: func(n int64) string {
			return strings.Replace(bitsHead("{object:1000}"), "Accept-Encoding:", fmt.Sprintf("X-Filler: {filler:%d}\nAccept-Encoding:", n-300), 1)
		},
		least: 4 << 10, harm: HeadLimited,
	},
	{
		name: "limit-url", title: "ask for a long URL", unit: "bytes",
		rungs: []int64{16 << 10, 8 << 10, 4 << 10, 2 << 10, 1 << 10},
		send:  func(n int64) string { return bitsHead(fmt.Sprintf("{object:1000}?{filler:%d}", n-100)) },
		least: 1 << 10, harm: URLLimited,
	},
	{
		name: "limit-body", title: "send a long call", unit: "bytes",
		rungs: []int64{1 << 20, 512 << 10, 256 << 10, 128 << 10, 64 << 10, 32 << 10, 16 << 10},
		send: func(n int64) string {
			return clientCall("GetConfig", fmt.Sprintf("<!--{filler:%d}-->", n-600)+getConfig)
		},
		least: 64 << 10, harm: BodyRefused,
	},
}

// steadySize is how much is fetched to see how slow the slowest moment is.
const steadySize = 2 << 20

// LaddersOf are the steps that find limits.
func LaddersOf() []*Step {
	var steps []*Step
	for _, l := range ladders {
		for _, n := range l.rungs {
			steps = append(steps, &Step{
				Name: l.name, Variant: fmt.Sprintf("%dKiB", n>>10), Rung: n, Title: l.title, By: BITS, Layer: Job, Kind: rung,
				On: l.name, Only: onlyGenerated, Send: l.send(n),
			})
		}
	}
	return append(steps, &Step{
		Name: "steady", Title: "fetch 2 MiB, to see how slow the slowest moment is", By: BITS, Layer: Job, Kind: whole,
		On: "steady", Only: onlyGenerated, Send: bitsGet(fmt.Sprintf("{object:%d}", steadySize), ""),
	})
}

// rung is the kind of the steps of a ladder: what they show is a figure.
var rung = &Kind{Name: "rung", Silent: true}

func (s *Step) isRung() bool { return s.Kind == rung }

// climbed tells whether a higher rung on the same ladder has passed.
func (l *lane) climbed(s *Step) bool { return s.Kind == rung && l.passed }

// limitsFound holds what passed against what clients need.
func limitsFound(all []*judged) {
	for _, l := range ladders {
		rungs := l.of(all)
		if passed, tried := l.height(rungs); tried && passed < l.least {
			last := rungs[len(rungs)-1]
			last.verdicts = append(last.verdicts, differing(l.harm, last, fmt.Sprintf("of %s: at most %d %s passed and clients need %d; %s",
				l.title, passed, l.unit, l.least, anything(last.Observation))))
		}
	}
}

// of are the rungs of l that were tried, from the top.
func (l *ladder) of(all []*judged) []*judged {
	return slices.DeleteFunc(slices.Clone(all), func(j *judged) bool { return j.Step.Name != l.name || j.Observation == nil })
}

// height is the highest rung of l that passed, and whether it is known.
func (l *ladder) height(rungs []*judged) (int64, bool) {
	for _, j := range rungs {
		if j.Observation.Failure == wire.Stopped {
			return 0, false
		}
		if good(j.Step, j.Observation) {
			return j.Step.Rung, true
		}
	}
	return 0, len(rungs) == len(l.rungs)
}

// figures are what a run has measured: of several, the least.
func figures(r *Run, all []*judged) []Figure {
	figures := []Figure{}
	for _, part := range r.parts() {
		of := slices.DeleteFunc(slices.Clone(all), func(j *judged) bool { return j.node != part.Node })
		for _, f := range part.figures(of) {
			i := slices.IndexFunc(figures, func(other Figure) bool { return other.Name == f.Name })
			if i < 0 {
				figures = append(figures, f)
			} else {
				figures[i].Value = min(figures[i].Value, f.Value)
			}
		}
	}
	return figures
}

// figures are what one run has measured.
func (r *Run) figures(all []*judged) []Figure {
	var figures []Figure
	for _, l := range ladders {
		if height, known := l.height(l.of(all)); known {
			figures = append(figures, Figure{l.name, float64(height), l.unit})
		}
	}
	if j := named(all, "steady"); j != nil && fetched(j) {
		figures = append(figures, Figure{"slowest-rate", j.Observation.Body.Slowest, "bytes/s"})
	}
	if asked, fetched, known := amplification(all); known {
		figures = append(figures, Figure{"asked-in-parts", float64(asked), "bytes"}, Figure{"fetched-for-parts", float64(fetched), "bytes"})
	}
	if r.Parallel > 0 {
		figures = append(figures, Figure{"parallel-connections", float64(r.Parallel), "connections"})
	}
	if r.Idle != nil && r.Idle.Closed {
		figures = append(figures, Figure{"idle-closed-after", r.Idle.Kept.Seconds(), "s"})
	} else if r.Idle != nil {
		figures = append(figures, Figure{"idle-kept-at-least", r.Idle.Kept.Seconds(), "s"})
	}
	if r.IdleTunnel != nil && r.IdleTunnel.Closed {
		figures = append(figures, Figure{"idle-tunnel-closed-after", r.IdleTunnel.Kept.Seconds(), "s"})
	}
	return figures
}

// maxParallel is how many connections are tried side by side.
const maxParallel = 16

// parallel counts how many connections at once are answered: each makes a
// request, and keeps its connection until all have.
func (s *session) parallel(ctx context.Context) {
	if s.leaves(&Step{Only: onlyGenerated}) != "" || s.left() < maxParallel*overhead {
		return
	}
	answered := make([]bool, maxParallel)
	var trying sync.WaitGroup
	for i := range maxParallel {
		l := s.lane(fmt.Sprintf("parallel-%d", i))
		defer l.conn.Close()
		step := &Step{Name: l.name, On: l.name, Send: bitsHead("{object:1000}")}
		req, err := s.blanks(l, step).request(step)
		if err != nil {
			return
		}
		if _, shut := s.gate.shut(s.hop(req)); shut {
			return
		}
		req.Sink = func(wire.Head) io.Writer { return io.Discard }
		trying.Go(func() { answered[i] = s.exchange(ctx, l.conn, req).Answer.Status() == 200 })
	}
	trying.Wait()
	for _, ok := range answered {
		if ok {
			s.run.Parallel++
		}
	}
}

// An Idleness is how long a connection was kept that nothing passed over.
type Idleness struct {
	Kept   time.Duration
	Closed bool // by the other end; else it was still open
}

// idle waits to see when connections are closed that nothing passes over: one in
// clear, and a tunnel where the server is known to have TLS.
func (s *session) idle(ctx context.Context) {
	var waiting sync.WaitGroup
	waiting.Go(func() {
		s.run.Idle = s.keptIdle(ctx, &Step{Name: "idle", On: "idle", At: updates, Send: bitsHead("{object:1000}")})
	})
	if t := s.run.Target; s.client.Proxy != "" && !t.Guessed && (t.Secure != "" || t.Kind == Microsoft) {
		waiting.Go(func() { s.run.IdleTunnel = s.keptIdle(ctx, idleTunnel(t.Kind)) })
	}
	waiting.Wait()
}

// idleTunnel opens a tunnel to an update service.
func idleTunnel(kind TargetKind) *Step {
	s := &Step{Name: "idle-tunnel", On: "idle-tunnel", At: "slscr.update.microsoft.com:443", Send: serviceLocator}
	if kind != Microsoft {
		s.Send = overTLS(clientCall("GetConfig", getConfig))
	}
	return s
}

// keptIdle is how long the connection is kept on which a step was made; nil where it
// could not be made.
func (s *session) keptIdle(ctx context.Context, step *Step) *Idleness {
	l := s.lane(step.On)
	defer l.conn.Close()
	req, err := s.blanks(l, step).request(step)
	if err != nil {
		return nil
	}
	if _, shut := s.gate.shut(s.hop(req)); shut || s.left() < overhead {
		return nil
	}
	if x := s.exchange(ctx, l.conn, req); x.Complete() && x.Closed == wire.StillOpen {
		if kept, closed := l.conn.Idle(ctx, s.client.IdleTime); ctx.Err() == nil {
			return &Idleness{kept, closed}
		}
	}
	return nil
}

// leastIdle is how long Delivery Optimization keeps a connection that nothing
// passes over (wire.md 4.2).
const leastIdle = 27 * time.Second

// early tells whether a connection was closed before the client would close it.
func (i *Idleness) early() bool { return i != nil && i.Closed && i.Kept < leastIdle }

// idleCut names a proxy that closes idle connections before the client does.
func idleCut(r *Run, all []*judged) {
	first := slices.IndexFunc(all, func(j *judged) bool { return j.Observation != nil })
	if first < 0 {
		return
	}
	what, idle := "a connection", r.Idle
	if !idle.early() {
		what, idle = "a tunnel", r.IdleTunnel
	}
	if idle.early() {
		all[first].verdicts = append(all[first].verdicts, Verdict{IdleCut, Warn, Proxy,
			fmt.Sprintf("%s that nothing passed over was closed after %.1f s; Delivery Optimization keeps one for %d", what, idle.Kept.Seconds(), int(leastIdle.Seconds()))})
	}
}
