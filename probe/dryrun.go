package probe

import (
	"bytes"
	"fmt"
	"io"

	"proxycheck/probe/wire"
)

// DryRun writes the requests that a run would make, in the order of c.Steps and
// as they would leave, and sends nothing. What an answer fills in stays a blank.
func (c *Client) DryRun(w io.Writer) error {
	s := newSession(c)
	s.run.Target = c.Target
	lanes := map[string]*lane{}
	for _, step := range c.Steps {
		if why := s.leaves(step); why != "" {
			if s.run.Target.Kind == WSUS {
				why += " (it is made where the server says that it is a fake WSUS)"
			}
			if _, err := fmt.Fprintf(w, "# %s: left out: %s\n\n", step.ID(), why); err != nil {
				return err
			}
			continue
		}
		l := lanes[step.On]
		if l == nil {
			l = s.lane(step.On)
			lanes[step.On] = l
		}
		b := s.blanks(l, step)
		b.dry = true
		req, err := b.request(step)
		if err != nil {
			return fmt.Errorf("%s: %w", step.ID(), err)
		}
		l.note(&wire.Exchange{Sent: req.Head}, nil)
		if _, err := fmt.Fprintf(w, "# %s, connection %s\n%s\n", step.ID(), step.On, s.asSent(req)); err != nil {
			return err
		}
	}
	return c.dryPAC(w)
}

// asSent is the request as it would leave, with the one that opens its tunnel.
func (s *session) asSent(req *wire.Request) []byte {
	var text bytes.Buffer
	switch {
	case s.client.Proxy != "" && req.TLS:
		text.Write(s.connect(req.Authority).Bytes())
		text.Write(req.Head.Bytes())
	case s.client.Proxy != "":
		text.Write(req.Head.ToProxy(req.Authority).Bytes())
	default:
		text.Write(req.Head.Bytes())
	}
	text.Write(req.Body)
	if len(req.Body) > 0 {
		text.WriteString("\r\n")
	}
	return text.Bytes()
}
