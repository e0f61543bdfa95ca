package probe

import "slices"

// The repetitions of a step that fetches a part of a file: a part that came from
// the server is not yet one that comes from a cache.
const (
	warm   = "warm"   // again, on the same connection
	second = "second" // once more, from a second client
)

// StepsOf are the steps that p makes, each of those that fetch parts of a file
// followed by its repetitions.
func StepsOf(p *Profile) []*Step {
	var steps []*Step
	for _, s := range Steps {
		if !p.Windows.Within(s.Since, s.Until) {
			continue
		}
		steps = append(steps, s)
		if s.repeats() {
			steps = append(steps, s.variant(warm, s.On, ""), s.variant(second, s.On+"-"+second, s.ID()))
		}
	}
	return steps
}

// AllSteps are the steps that a client of this Windows makes of this target, whichever
// of them it is told to make.
func (c *Client) AllSteps() []*Step {
	if c.Target.Kind != Microsoft {
		return StepsOf(c.Profile)
	}
	hasNone := func(s *Step) bool { return s.At == "" }
	return append(reachOf(c.Hosts), slices.DeleteFunc(StepsOf(c.Profile), hasNone)...)
}

// QuickOf are those of steps that find what breaks most often.
func QuickOf(steps []*Step) []*Step {
	var quick []*Step
	for _, s := range steps {
		if s.Quick && (s.Variant == "" || s.Host != nil) {
			quick = append(quick, s)
		}
	}
	return quick
}

// repeats tells whether s is played more than once.
func (s *Step) repeats() bool { return (s.Kind == ranged || s.Kind == multi) && s.Leave == 0 }

// variant is a repetition of s on a connection, once another step is done.
func (s *Step) variant(name, on, behind string) *Step {
	v := *s
	v.Variant, v.On, v.Behind, v.Opens = name, on, behind, false
	return &v
}
