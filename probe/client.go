package probe

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"proxycheck/probe/endpoint"
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
	Hosts    []endpoint.Host // of the URL lists, where the target is Microsoft
	Lanes    int             // the most connections side by side; 0 for the usual
	Register bool            // make also the exchanges that change what the server keeps of its clients
	IdleTime time.Duration   // to wait for an idle connection to be closed; 0 not to
	Progress func(*Result)   // called for each result, from one goroutine at a time; nil for nobody

	NameServers []string // host:port, who are asked for the proxy's name; nil for those of this system
	Search      []string // suffixes that are tried where those are given
	Domain      string   // in which the client looks for its proxy by the name WPAD; "" not to
	PACPort     string   // at which it looks; "" for 80
	Loopback    bool     // the net is all on this machine

	id string // of the run; "" for a new one
}

// ErrTime is the cause with which a context ends a run whose time is used up.
var ErrTime = errors.New("max-time")

// A Login is a name and a password for a proxy that asks for them in clear.
type Login struct{ User, Password string }

// A Run is what a client saw, with nothing judged.
type Run struct {
	ID         string // eight hexadecimal digits, which stand in its URLs
	Started    time.Time
	Took       time.Duration
	Client     *Client
	Target     Target    // as the server described itself
	Results    []*Result // of each step, in the order of Client.Steps
	PAC        []*Result // of the file that names the proxy, where it was looked for
	Names      []*Name   // that the name service was asked for beside the steps
	Requests   int
	Out, In    int64
	Greeting   string    // the status line with which the server was not known as a fake WSUS; "" when it was or was not asked
	Parallel   int       // connections that were answered side by side; 0 when that was not tried
	Idle       *Idleness // of a connection; nil when that was not tried
	IdleTunnel *Idleness // the same of a tunnel
	Node       string    // address of the proxy, a slash and the turn, when the run is one of several
	Parts      []*Run    // the runs that this one is of; nil for a single one
	StoppedBy  string    // what ended it early; "" when it came to its end
	Untold     string    // why it has not, although it is a fake WSUS; "" when it was not asked
	Several    bool      // more than one server answered under its name

	// DirectWell tells that something that was tried without the proxy came well: it is
	// the server that answers there.
	DirectWell bool

	// DirectFailed is why steps could not be tried without the proxy; "" when all
	// could that were to be, or none was.
	DirectFailed string
}

// A Result is what became of one step.
type Result struct {
	Step        *Step
	Observation *Observation // nil when it was not sent
	WaitedFor   string       // why it was not sent
	Behind      string       // the step that found the way closed; "" when none did
	Skipped     bool         // it was not sent because of what others saw, not for lack of time or bytes
	LeftOut     bool         // it was not sent because it is none of this run
	After       []string     // the steps that it waited for
}

// errBytes ends a run whose bytes are used up.
var errBytes = errors.New("max-bytes")

// maxLanes is how many connections are open side by side. Delivery Optimization
// alone was seen to have seven (wire.md 4.2).
const maxLanes = 8

// Run makes the exchanges of c.Steps and notes what happened. What goes over
// one connection goes in sequence, and the connections side by side, behind
// the first step: a dead proxy costs one time-out.
func (c *Client) Run(ctx context.Context) *Run {
	s := newSession(c)
	s.run.Target = c.Target
	named := s.survey(ctx)
	steps := s.run.Results
	opening := s.lane(firstLane(steps))
	defer opening.conn.Close()
	if len(steps) > 0 && steps[0].Step.Opens {
		s.play(ctx, opening, steps[:1])
		steps = steps[1:]
	}
	if c.Target.Kind != Embedded && c.Target.Kind != Microsoft {
		x := s.greet(ctx, opening)
		dead := x != nil && (x.Stopped == wire.Resolve || x.Stopped == wire.Connect)
		if nothingSent := len(steps) == len(c.Steps); dead && nothingSent && len(steps) > 0 {
			s.inherit(steps[0], x)
			steps = steps[1:]
		}
	}
	steps, later := s.spareTunnels(steps)
	s.sideBySide(ctx, opening, byConnection(steps))
	s.askControls(ctx, opening, later)
	s.askAgain(ctx)
	s.tryAlone(ctx)
	s.trySecure(ctx)
	s.testify(ctx)
	if slices.ContainsFunc(c.Steps, (*Step).isRung) {
		s.parallel(ctx)
	}
	if c.IdleTime > 0 {
		s.idle(ctx)
	}
	named()
	return s.end(ctx)
}

// firstLane is the connection of the first step.
func firstLane(results []*Result) string {
	if len(results) == 0 {
		return ""
	}
	return results[0].Step.On
}

// lane is a connection that is yet to be opened.
func (s *session) lane(name string) *lane {
	return &lane{name: name, conn: &wire.Conn{Dialer: s.dialer}, own: Past{}}
}

// sideBySide plays the steps of each connection, so many at a time and begun in their
// order: a step waits for none of a later connection, so that no two can wait for
// each other.
func (s *session) sideBySide(ctx context.Context, opening *lane, lines [][]*Result) {
	lanes := cmp.Or(s.client.Lanes, maxLanes)
	free := make(chan string, lanes) // the step whose end made the place free
	for range lanes {
		free <- opening.last
	}
	var playing sync.WaitGroup
	for _, line := range lines {
		l := opening
		freed := <-free
		if line[0].Step.On != opening.name {
			l = s.lane(line[0].Step.On)
			l.freed = listOf(freed)
		}
		playing.Go(func() {
			s.play(ctx, l, line)
			l.conn.Close()
			free <- l.last
		})
	}
	playing.Wait()
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
