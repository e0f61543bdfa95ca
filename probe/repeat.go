package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// RunRepeated makes the exchanges of c.Steps so many times at every address of
// the proxy's name, one run after another, each of which may take so long and move
// c.MaxBytes: a farm may have one node that is broken. All of them bear one ID. The name
// itself, and the file that names the proxy, are looked for once, beside them.
func (c *Client) RunRepeated(ctx context.Context, times int, perRun time.Duration) (*Run, error) {
	addresses, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(c)
	named := s.survey(ctx)
	all := c.turns(ctx, s.run.ID, addresses, times, perRun)
	s.run = all
	named()
	all.shareSurvey(s)
	return all, nil
}

// turns are the runs themselves, joined, up to the one in which ctx ended.
func (c *Client) turns(ctx context.Context, id string, addresses []string, times int, perRun time.Duration) (all *Run) {
	for turn := range times {
		for _, address := range addresses {
			one := *c
			one.Proxy, one.id = address, id
			limited, cancel := context.WithTimeoutCause(ctx, perRun, ErrTime)
			run := one.Run(limited)
			cancel()
			run.Node = fmt.Sprintf("%s/%d", address, turn+1)
			if all = all.join(run); ctx.Err() != nil {
				return all
			}
		}
	}
	return all
}

// shareSurvey gives what s asked for beside the turns, and what it cost, to the first of
// them, where it is judged.
func (r *Run) shareSurvey(s *session) {
	first := r.Parts[0]
	first.Names, first.PAC = r.Names, r.PAC
	for _, of := range []*Run{r, first} {
		of.Requests += int(s.requests.Load())
		of.In, of.Out = of.In+s.in.Load(), of.Out+s.out.Load()
	}
}

// nodes are the addresses of the proxy's name, with its port.
func (c *Client) nodes(ctx context.Context) ([]string, error) {
	host, port, err := net.SplitHostPort(c.Proxy)
	if err != nil {
		return nil, fmt.Errorf("repeating a run wants a proxy: %w", err)
	}
	resolver := cmp.Or(c.Resolver, net.DefaultResolver)
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return []string{c.Proxy}, nil // the run itself shows what is wrong with the name
	}
	var nodes []string
	for _, ip := range ips[:min(len(ips), maxAddresses)] {
		nodes = append(nodes, net.JoinHostPort(ip.Unmap().String(), port))
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

// join adds a run to those before it.
func (r *Run) join(next *Run) *Run {
	if r == nil {
		r = &Run{ID: next.ID, Started: next.Started, Client: next.Client, Target: next.Target}
	}
	r.Parts = append(r.Parts, next)
	r.Results = append(r.Results, next.Results...)
	r.Requests, r.In, r.Out = r.Requests+next.Requests, r.In+next.In, r.Out+next.Out
	r.Took, r.StoppedBy = r.Took+next.Took, cmp.Or(r.StoppedBy, next.StoppedBy)
	return r
}

// parts are the runs that r is of: itself, when it is one.
func (r *Run) parts() []*Run {
	if len(r.Parts) == 0 {
		return []*Run{r}
	}
	return r.Parts
}

// share says in how many of the turns, and at which nodes, a finding shows: ""
// when there was only one turn, and for what is the same in all of them.
func (s *shown) share(r *Run) string {
	if len(r.Parts) < 2 || ofSurvey(s.Finding) {
		return ""
	}
	turns, nodes := []string{}, []string{}
	for _, j := range s.by {
		if j.node == "" {
			continue
		}
		address, _, _ := strings.Cut(j.node, "/")
		turns = appendNew(turns, j.node)
		nodes = appendNew(nodes, address+seenAs(j.Observation))
	}
	if len(turns) == 0 {
		return ""
	}
	return fmt.Sprintf("in %d of %d runs, at %s", len(turns), len(r.Parts), strings.Join(nodes, " and "))
}

// appendNew appends s unless it is there.
func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// seenAs is what a node calls itself.
func seenAs(o *Observation) string {
	name := ""
	for _, field := range []string{"Via", "X-Cache"} {
		if value := o.Answer.Get(field); value != "" {
			name += ", " + field + ": " + quoted(value)
		}
	}
	if name == "" {
		return ""
	}
	return " (" + strings.TrimPrefix(name, ", ") + ")"
}
