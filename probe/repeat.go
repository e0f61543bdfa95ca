package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
)

// RunRepeated makes the exchanges of c.Steps so many times at every address of
// the proxy's name, one after another: a farm may have one node that is broken.
// The results stand in one run, each named after its address and turn.
func (c *Client) RunRepeated(ctx context.Context, times int) (*Run, error) {
	addresses, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	var all *Run
	for _, address := range addresses {
		for turn := range times {
			one := *c
			one.Proxy = address
			if all != nil && c.MaxBytes > 0 {
				one.MaxBytes = max(c.MaxBytes-all.In-all.Out, 1)
			}
			run := one.Run(ctx)
			run.at(fmt.Sprintf("%s/%d", address, turn+1))
			if all = all.join(run); run.StoppedBy != "" {
				return all, nil
			}
		}
	}
	return all, nil
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
	for _, ip := range ips {
		nodes = append(nodes, net.JoinHostPort(ip.Unmap().String(), port))
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

// at names the node of each result.
func (r *Run) at(node string) {
	for _, result := range r.Results {
		step := *result.Step
		step.Node = node
		result.Step = &step
	}
	r.Parts = []*Run{r}
}

// join adds a run to those before it.
func (r *Run) join(next *Run) *Run {
	if r == nil {
		first := *next
		return &first
	}
	r.Parts = append(r.Parts, next)
	r.Results = append(r.Results, next.Results...)
	r.Requests, r.In, r.Out = r.Requests+next.Requests, r.In+next.In, r.Out+next.Out
	r.Took, r.StoppedBy = r.Took+next.Took, cmp.Or(r.StoppedBy, next.StoppedBy)
	return r
}

// share says in how many of the turns, and at which nodes, a finding shows: ""
// when there was only one turn.
func (s *shown) share(r *Run) string {
	if len(r.Parts) < 2 {
		return ""
	}
	turns, nodes := []string{}, []string{}
	for _, j := range s.by {
		address, _, _ := strings.Cut(j.Step.Node, "/")
		turns = appendNew(turns, j.Step.Node)
		nodes = appendNew(nodes, address+seenAs(j.Observation))
	}
	return fmt.Sprintf("in %d of %d turns, at %s", len(turns), len(r.Parts), strings.Join(nodes, " and "))
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
