package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/report"
	"proxycheck/sim"
)

// A selftest is what the simulated net came to.
type selftest struct {
	Schema   string      `json:"schema"`
	Faults   []selfFault `json:"faults"`
	OK       int         `json:"ok"`
	Failed   int         `json:"failed"`
	Complete bool        `json:"complete"` // each fault was tried that this system can do

	started time.Time
	took    time.Duration
}

// A selfFault is what one fault came to; the first row, healthy, has none.
type selfFault struct {
	Name    string   `json:"name"`
	Wanted  []string `json:"wanted"`
	Shown   []string `json:"shown"`
	Step    string   `json:"step"` // the first that shows anything
	OK      bool     `json:"ok"`
	Skipped string   `json:"skipped,omitempty"` // why it was not tried
	TookMS  int64    `json:"took_ms"`
}

// interrupted is why a fault was not tried, or not to its end.
const interrupted = "interrupted"

// selftests is how many nets are judged side by side.
const selftests = 8

// patience is the time-out where no fault uses it up, so that a loaded machine
// is not taken for a silent proxy.
const patience = 20 * time.Second

func selftestCommand(c *call) error {
	var o output
	names := c.flags.StringArray("fault", nil, "`NAME` of a fault to try; may be repeated (default all)")
	products := c.flags.StringArray("product", nil, "`NAME` of a product to try, which is several faults at once; may be repeated")
	timeout := c.flags.Duration("timeout", time.Second, "the `TIME` for a phase, where a fault uses it up")
	o.define(c.flags, "junit")
	if err := c.parse(0); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if *timeout <= 0 {
		return usage("--timeout wants more than nothing, such as 1s")
	}
	faults, err := faultsNamed(*names)
	if err != nil {
		return err
	}
	some, err := productsNamed(*products)
	if err != nil {
		return err
	}
	for _, p := range some {
		faults = append(faults, p.Fault())
	}
	if len(faults) == 0 {
		faults = sim.Faults
	}
	result := judgeFaults(c, slices.Concat([]*sim.Fault{{Name: "healthy", Break: func(*sim.Net) {}}}, faults), *timeout)
	if err := o.write(c.stdout, func(w io.Writer) error {
		switch o.format {
		case "json":
			return report.JSON(w, result)
		case "junit":
			return report.JUnit(w, result.suite())
		}
		return result.text(w)
	}); err != nil {
		return err
	}
	switch {
	case result.Failed > 0:
		return &exitError{status: exitFound}
	case !result.Complete:
		return &exitError{exitUnknown, errors.New(interrupted)}
	}
	return nil
}

// judgeFaults runs an update through a net for each fault, several side by side.
func judgeFaults(ctx context.Context, faults []*sim.Fault, timeout time.Duration) *selftest {
	result := &selftest{Schema: probe.Schema, Faults: make([]selfFault, len(faults)), Complete: true, started: time.Now()}
	places := make(chan struct{}, selftests)
	var all sync.WaitGroup
	for _, i := range waitingFirst(faults) {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			result.Faults[i] = judgeFault(ctx, faults[i], timeout)
		})
	}
	all.Wait()
	result.took = time.Since(result.started)
	for _, f := range result.Faults {
		switch {
		case f.OK:
			result.OK++
		case f.Skipped == "":
			result.Failed++
		case f.Skipped == interrupted:
			result.Complete = false
		}
	}
	return result
}

// waitingFirst are the places of faults in a list, of those that use up time-outs
// before the rest, which is judged meanwhile.
func waitingFirst(faults []*sim.Fault) []int {
	var waiting, rest []int
	for i, f := range faults {
		if f.Silent() {
			waiting = append(waiting, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(waiting, rest...)
}

// judgeFault tells whether a fault shows its findings, and no other.
func judgeFault(ctx context.Context, f *sim.Fault, timeout time.Duration) selfFault {
	start := time.Now()
	row := selfFault{Name: f.Name, Wanted: []string{}, Shown: []string{}}
	for _, finding := range f.Shows {
		row.Wanted = append(row.Wanted, finding.Name)
	}
	slices.Sort(row.Wanted)
	if ctx.Err() != nil {
		row.Skipped = interrupted
		return row
	}
	n, err := sim.NewNet("", f)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		row.Skipped = err.Error()
		return row
	case err != nil:
		row.Shown = append(row.Shown, err.Error())
		return row
	}
	defer n.Close()
	if !f.Silent() {
		timeout = max(timeout, patience)
	}
	client := n.Client(timeout)
	f.Prepare(client)
	r := probe.Conclude(client.Run(ctx), probe.About{Version: version})
	row.TookMS = time.Since(start).Milliseconds()
	if ctx.Err() != nil {
		row.Skipped = interrupted
		return row
	}
	row.judge(r, len(f.Shows) == 0)
	return row
}

// judge takes in what a run came to. One that is to be healthy has to pass too.
func (f *selfFault) judge(r *probe.Report, healthy bool) {
	for _, finding := range r.Findings {
		if finding.Under == "" { // what another finding accounts for is no finding of its own
			f.Shown = append(f.Shown, finding.Name)
		}
	}
	slices.Sort(f.Shown)
	if i := slices.IndexFunc(r.Steps, func(s probe.Played) bool { return len(s.Findings) > 0 }); i >= 0 {
		f.Step = r.Steps[i].ID
	}
	f.OK = slices.Equal(f.Wanted, f.Shown) && (!healthy || r.Verdict == probe.StatusPass)
}

// state is what f came to in a word.
func (f *selfFault) state() string {
	switch {
	case f.OK:
		return "ok"
	case f.Skipped != "":
		return "skip"
	}
	return "FAIL"
}

// text writes a matrix with a line for each fault.
func (s *selftest) text(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "\tFAULT\tWANTED\tSHOWN\tSTEP\tTIME\n")
	for _, f := range s.Faults {
		shown := named(f.Shown)
		if f.Skipped != "" {
			shown = "(" + f.Skipped + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d ms\n", f.state(), f.Name, named(f.Wanted), shown, cmp.Or(f.Step, "-"), f.TookMS)
	}
	fmt.Fprintf(table, "%d ok, %d failed in %.1f s\n", s.OK, s.Failed, s.took.Seconds())
	if !s.Complete {
		fmt.Fprintf(table, "INCOMPLETE: %s; %d of %d were tried\n", interrupted, s.OK+s.Failed, len(s.Faults))
	}
	return table.Flush()
}

// named is some names as one cell.
func named(names []string) string { return cmp.Or(strings.Join(names, ", "), "-") }

// suite is s as those take it who show sets of tests.
func (s *selftest) suite() *report.Suite {
	verdict := probe.StatusPass
	switch {
	case s.Failed > 0:
		verdict = probe.StatusFail
	case !s.Complete:
		verdict = probe.StatusUnknown
	}
	suite := &report.Suite{Name: "proxycheck selftest", Host: runAs().Host, Started: s.started, Took: s.took, Properties: []report.Property{
		{Name: "tool", Value: version}, {Name: "catalogue", Value: probe.Catalogue()}, {Name: "proxy", Value: "the embedded one"},
		{Name: "server", Value: "embedded"}, {Name: "verdict", Value: string(verdict)},
	}}
	for _, f := range s.Faults {
		suite.Cases = append(suite.Cases, f.suiteCase())
	}
	return suite
}

// suiteCase is f as a case. One that this system cannot do is skipped; of one that
// was interrupted nothing is known.
func (f *selfFault) suiteCase() report.Case {
	c := report.Case{Class: "proxycheck.selftest", Name: f.Name, Took: time.Duration(f.TookMS) * time.Millisecond}
	seen := fmt.Sprintf("wanted: %s\nshown: %s\nstep: %s", named(f.Wanted), named(f.Shown), cmp.Or(f.Step, "-"))
	switch {
	case f.OK:
		c.Text = seen
	case f.Skipped == interrupted:
		c.Outcome, c.Type, c.Message = report.Untold, interrupted, "the selftest was interrupted"
	case f.Skipped != "":
		c.Outcome, c.Message = report.Skipped, f.Skipped
	default:
		c.Outcome, c.Type, c.Text = report.Failed, "other-findings", seen
		c.Message = fmt.Sprintf("it shows %s and not %s", named(f.Shown), named(f.Wanted))
	}
	return c
}
