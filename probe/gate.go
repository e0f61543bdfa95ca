package probe

import (
	"fmt"
	"strings"
	"sync"

	"proxycheck/probe/wire"
)

// A gate closes the way to a machine that has proved dead, so that it costs
// one time-out and not one for each step.
type gate struct {
	mu       sync.Mutex
	closed   map[string]closing // machine -> why
	silences map[string]int     // machine and phase -> how often
	passed   map[string]bool    // machine and phase -> whether an exchange ever got through it
	several  bool               // servers are behind a machine, so that a silence may be of one of them
	alive    map[string]bool    // machines that have answered
}

// maxSilences is how often a phase may stay without an answer.
const maxSilences = 2

// A closing is why nothing more is sent to a machine.
type closing struct{ step, why string }

// shut says why nothing more is sent to hop, if so.
func (g *gate) shut(hop string) (closing, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.closed[hop]
	return c, ok
}

// note learns from an exchange of step with hop. The silence of one that Windows
// can do without proves nothing by itself.
func (g *gate) note(hop, step string, x *wire.Exchange, spared bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed, g.silences, g.alive, g.passed = map[string]closing{}, map[string]int{}, map[string]bool{}, map[string]bool{}
	}
	g.alive[hop] = g.alive[hop] || len(x.Raw) > 0 || x.Tunnel != nil && len(x.Tunnel.Raw) > 0
	for phase := range x.Took {
		g.passed[hop+" "+string(phase)] = g.passed[hop+" "+string(phase)] || phase != x.Stopped
	}
	why := fmt.Sprintf("%s: %s: %s", step, x.Stopped.Doing(), x.Failure)
	switch {
	case g.closed[hop].step != "", x.Failure == wire.Stopped, x.Failure == wire.Local:
	case x.Stopped == wire.Resolve, x.Stopped == wire.Connect && !g.alive[hop]:
		g.closed[hop] = closing{step, why}
	case x.Failure == wire.Silent:
		at := hop + " " + string(x.Stopped)
		if spared && g.silences[at] == 0 || g.several && g.passed[at] {
			return
		}
		if g.silences[at]++; g.silences[at] >= maxSilences {
			g.closed[hop] = closing{step, fmt.Sprintf("%s, %d times", why, maxSilences)}
		}
	}
}

// wasSilent tells whether a machine has left an exchange without an answer, and has never
// given one.
func (g *gate) wasSilent(hop string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for at := range g.silences {
		if strings.HasPrefix(at, hop+" ") {
			return !g.alive[hop]
		}
	}
	return false
}

// proved tells whether a machine has answered anything.
func (g *gate) proved(hop string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.alive[hop]
}

// rename puts another step in the place of one that closed the way.
func (g *gate) rename(step, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for hop, c := range g.closed {
		if c.step == step {
			g.closed[hop] = closing{to, to + strings.TrimPrefix(c.why, step)}
		}
	}
}
