package probe

import (
	"fmt"
	"sync"

	"proxycheck/probe/wire"
)

// A gate closes the way to a machine that has proved dead, so that it costs
// one time-out and not one for each step.
type gate struct {
	mu       sync.Mutex
	closed   map[string]string // machine -> why
	silences map[string]int    // machine and phase -> how often
}

// maxSilences is how often a phase may stay without an answer.
const maxSilences = 2

// shut says why nothing more is sent to hop, or "".
func (g *gate) shut(hop string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[hop]
}

// note learns from an exchange of step with hop.
func (g *gate) note(hop, step string, x *wire.Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed, g.silences = map[string]string{}, map[string]int{}
	}
	why := fmt.Sprintf("%s: %s: %s", step, x.Stopped.Doing(), x.Failure)
	switch {
	case g.closed[hop] != "", x.Failure == wire.Stopped:
	case x.Stopped == wire.Resolve, x.Stopped == wire.Connect:
		g.closed[hop] = why
	case x.Failure == wire.Silent:
		at := hop + " " + string(x.Stopped)
		if g.silences[at]++; g.silences[at] >= maxSilences {
			g.closed[hop] = fmt.Sprintf("%s, %d times", why, maxSilences)
		}
	}
}
