package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/report"
	"proxycheck/sim"
)

// A selftest is what the simulated net came to.
type selftest struct {
	Schema string      `json:"schema"`
	Faults []selfFault `json:"faults"`
	OK     int         `json:"ok"`
	Failed int         `json:"failed"`
}

// A selfFault is what one fault came to; the first row, healthy, has none.
type selfFault struct {
	Name    string   `json:"name"`
	Wanted  []string `json:"wanted"`
	Shown   []string `json:"shown"`
	Step    string   `json:"step"` // the first that shows anything
	OK      bool     `json:"ok"`
	Skipped string   `json:"skipped,omitempty"` // why this system cannot do it
	TookMS  int64    `json:"took_ms"`
}

// selftests is how many nets are judged side by side.
const selftests = 8

// patience is the time-out where no fault uses it up, so that a loaded machine
// is not taken for a silent proxy.
const patience = 20 * time.Second

func selftestCommand(c *call) error {
	var o output
	names := c.flags.StringArray("fault", nil, "`NAME` of a fault to try; may be repeated (default all)")
	timeout := c.flags.Duration("timeout", time.Second, "the `TIME` for a phase, where a fault uses it up")
	o.define(c.flags)
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
	if len(faults) == 0 {
		faults = sim.Faults
	}
	result := judgeFaults(c, slices.Concat([]*sim.Fault{{Name: "healthy", Break: func(*sim.Net) {}}}, faults), *timeout)
	if err := o.write(c.stdout, func(w io.Writer) error {
		if o.format == "json" {
			return report.JSON(w, result)
		}
		return result.text(w)
	}); err != nil {
		return err
	}
	switch {
	case c.Err() != nil:
		return &exitError{exitUnknown, errors.New("interrupted")}
	case result.Failed > 0:
		return &exitError{status: exitFound}
	}
	return nil
}

// judgeFaults runs an update through a net for each fault.
func judgeFaults(ctx context.Context, faults []*sim.Fault, timeout time.Duration) *selftest {
	result := &selftest{Schema: probe.Schema, Faults: make([]selfFault, len(faults))}
	places := make(chan struct{}, selftests)
	var all sync.WaitGroup
	for i, f := range faults {
		places <- struct{}{}
		if ctx.Err() != nil {
			result.Faults[i] = selfFault{Name: f.Name, Wanted: []string{}, Shown: []string{}, Skipped: "interrupted"}
			<-places
			continue
		}
		all.Go(func() {
			result.Faults[i] = judgeFault(ctx, f, timeout)
			<-places
		})
	}
	all.Wait()
	for _, f := range result.Faults {
		if f.OK {
			result.OK++
		} else if f.Skipped == "" {
			result.Failed++
		}
	}
	return result
}

// judgeFault tells whether a fault shows its findings, and no other.
func judgeFault(ctx context.Context, f *sim.Fault, timeout time.Duration) selfFault {
	start := time.Now()
	row := selfFault{Name: f.Name, Wanted: []string{}, Shown: []string{}}
	for _, finding := range f.Shows {
		row.Wanted = append(row.Wanted, finding.Name)
	}
	n, err := sim.NewNet("", f)
	if err != nil {
		row.Skipped = err.Error()
		if !errors.Is(err, errors.ErrUnsupported) {
			row.Skipped, row.Shown = "", []string{err.Error()}
		}
		return row
	}
	defer n.Close()
	if !f.Silent() {
		timeout = max(timeout, patience)
	}
	client := n.Client(timeout)
	f.Prepare(client)
	r := probe.Conclude(client.Run(ctx), probe.About{Version: version})
	for _, finding := range r.Findings {
		if finding.Under == "" { // what another finding accounts for is no finding of its own
			row.Shown = append(row.Shown, finding.Name)
		}
	}
	if i := slices.IndexFunc(r.Steps, func(s probe.Played) bool { return len(s.Findings) > 0 }); i >= 0 {
		row.Step = r.Steps[i].Name
	}
	slices.Sort(row.Wanted)
	slices.Sort(row.Shown)
	healthy := len(f.Shows) > 0 || r.Verdict == probe.StatusPass
	row.OK, row.TookMS = slices.Equal(row.Wanted, row.Shown) && healthy, time.Since(start).Milliseconds()
	return row
}

// text writes a line for each fault.
func (s *selftest) text(w io.Writer) error {
	for _, f := range s.Faults {
		state := "FAIL"
		switch {
		case f.OK:
			state = "ok"
		case f.Skipped != "":
			state = "skip"
		}
		line := fmt.Sprintf("%-4s  %-26s %5d ms  %s", state, f.Name, f.TookMS, strings.Join(f.Shown, ", "))
		if f.Step != "" {
			line += " (" + f.Step + ")"
		}
		if state == "FAIL" {
			line += ", want " + strings.Join(f.Wanted, ", ")
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line+f.Skipped, " ")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d ok, %d failed\n", s.OK, s.Failed)
	return err
}
