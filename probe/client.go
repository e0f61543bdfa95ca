package probe

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"proxycheck/probe/wire"
)

// A Client plays the clients of one Windows through one proxy. Its fields are
// not changed by a run, so one Client may run many times.
type Client struct {
	Proxy    string // host:port; "" to go to the server directly
	Login    *Login // for the proxy; nil for none
	Resolver *net.Resolver
	Timeout  time.Duration // of each phase of an exchange
	MaxBytes int64         // sent and received, after which nothing is begun; 0 for no limit
	Profile  *Profile
	Target   Target
	Steps    []*Step
	Progress func(*Result) // called for each result, from one goroutine at a time; nil for nobody
}

// A Login is a name and a password for a proxy that asks for them in clear.
type Login struct{ User, Password string }

// A Run is what a client saw, with nothing judged.
type Run struct {
	ID        string // eight hexadecimal digits, which stand in its URLs
	Started   time.Time
	Took      time.Duration
	Client    *Client
	Target    Target    // as the server described itself
	Results   []*Result // of each step, in the order of Client.Steps
	Requests  int
	Out, In   int64
	StoppedBy string // what ended it early; "" when it came to its end
}

// A Result is what became of one step.
type Result struct {
	Step        *Step
	Observation *Observation // nil when it was not sent
	WaitedFor   string       // why it was not sent
	Behind      string       // the step that found the way closed; "" when none did
	Skipped     bool         // it was not sent because of what others saw, not for lack of time or bytes
	After       []string     // the steps that ended before it began
}

// errBytes ends a run whose bytes are used up.
var errBytes = errors.New("max-bytes")

// Run makes the exchanges of c.Steps and notes what happened. What goes over
// one connection goes in sequence, and the connections side by side, behind
// the first step: a dead proxy costs one time-out.
func (c *Client) Run(ctx context.Context) *Run {
	s := newSession(c)
	s.run.Target = c.Target
	steps := s.run.Results
	opening := &wire.Conn{Dialer: s.dialer}
	defer opening.Close()
	if len(steps) > 0 && steps[0].Step.Opens {
		s.play(ctx, opening, steps[:1])
		steps = steps[1:]
	}
	if c.Target.Kind != Embedded {
		x := s.greet(ctx, opening)
		dead := x != nil && (x.Stopped == wire.Resolve || x.Stopped == wire.Connect)
		if nothingSent := len(steps) == len(c.Steps); dead && nothingSent && len(steps) > 0 {
			s.inherit(steps[0], x)
			steps = steps[1:]
		}
	}
	var lines sync.WaitGroup
	for _, line := range byConnection(steps) {
		lines.Go(func() {
			conn := &wire.Conn{Dialer: s.dialer}
			defer conn.Close()
			s.play(ctx, conn, line)
		})
	}
	lines.Wait()
	return s.end(ctx)
}

// byConnection groups results by the connection of their steps, in order.
func byConnection(results []*Result) [][]*Result {
	var lines [][]*Result
	place := map[string]int{}
	for _, r := range results {
		i, ok := place[r.Step.On]
		if !ok {
			i = len(lines)
			place[r.Step.On], lines = i, append(lines, nil)
		}
		lines[i] = append(lines[i], r)
	}
	return lines
}
