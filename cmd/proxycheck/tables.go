package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"proxycheck/probe"
	"proxycheck/probe/report"
	"proxycheck/sim"
)

// A row is a line of a table that can be listed and explained.
type row struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Details []detail `json:"details,omitempty"`
}

// A detail is one more thing that is known of a row.
type detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Lines tells whether the value is lines that stand as they are.
func (d detail) Lines() bool {
	return strings.Contains(d.Value, "\n") || strings.HasPrefix(d.Name, "to mend it in ")
}

// tables are what list lists.
var tables = []struct {
	name string
	rows func() []row
}{
	{"steps", stepRows}, {"findings", findingRows}, {"faults", faultRows}, {"products", productRows}, {"codes", codeRows},
}

func listCommand(c *call) error {
	var o output
	var f endpointFlags
	o.define(c.flags, "csv")
	f.define(c.flags)
	if err := c.parse(1); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if c.flags.Arg(0) == "endpoints" {
		return listEndpoints(c, &o, &f)
	}
	if err := endpointsAlone(c, &o); err != nil {
		return err
	}
	var names []string
	for _, t := range tables {
		if t.name == c.flags.Arg(0) {
			return o.write(c.stdout, func(w io.Writer) error {
				if o.format == "json" {
					return report.JSON(w, map[string]any{"schema": probe.Schema, t.name: t.rows()})
				}
				tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
				for _, r := range t.rows() {
					fmt.Fprintf(tw, "%s\t%s\n", r.Name, r.Title)
				}
				return tw.Flush()
			})
		}
		names = append(names, t.name)
	}
	return usage("list what? want one of %s, endpoints", strings.Join(names, ", "))
}

func stepRows() []row {
	var rows []row
	for _, s := range slices.Concat(probe.Steps, probe.MadeUp()) {
		rows = append(rows, row{Name: s.Name, Title: s.Title, Details: []detail{
			{"made by", string(s.By)}, {"on Windows", versionsOf(s)}, {"judged as", s.Kind.Name}, {"request, as captured", strings.TrimSpace(s.Send)},
		}})
	}
	return rows
}

// versionsOf says which versions of Windows make a step, or "" for all.
func versionsOf(s *probe.Step) string {
	switch {
	case s.Until != "":
		return fmt.Sprintf("%s to %s", cmp.Or(s.Since, probe.XP), s.Until)
	case s.Since != "":
		return string(s.Since) + " and later"
	}
	return ""
}

// example is the server in lines to type, where there is no run.
var example = probe.Target{Host: "SERVER:8530", Secure: "SERVER:8531"}

func findingRows() []row {
	var rows []row
	for _, f := range probe.Findings {
		details := []detail{
			{"grade", string(f.Grade)}, {"who must act", whoActs(f)}, {"Windows logs", codeLines(f)},
			{"condition", f.Condition}, {"to mend it", f.Fix},
		}
		for _, m := range probe.MendsOf(f) {
			place := m.Product.Title
			if where := m.Where(); where != "" {
				place += ", " + where
			}
			details = append(details, detail{"to mend it in " + place + " (" + m.Backing() + ")", example.Fill(m.Lines)})
		}
		rows = append(rows, row{Name: f.Name, Title: f.Title, Details: append(details, detail{"shown by", strings.Join(shownBy(f), ", ")}, detail{"source", f.Source})})
	}
	return rows
}

// whoActs is the owner of a finding, where it names one.
func whoActs(f *probe.Finding) string {
	if f.Owner == "" {
		return "whoever made the answer, as its fields tell"
	}
	return string(f.Owner)
}

// statusList names statuses.
func statusList(statuses []int) string {
	var list []string
	for _, s := range statuses {
		list = append(list, strconv.Itoa(s))
	}
	return strings.Join(list, ", ")
}

// codeLines are the codes of a finding, one a line.
func codeLines(f *probe.Finding) string {
	if f.NoCode {
		return "nothing"
	}
	var b strings.Builder
	if f.Codes == nil {
		fmt.Fprintf(&b, "the code of the answer's status, which is %s as a rule:\n", statusList(f.Statuses))
	}
	for _, c := range f.Logged() {
		who := strings.TrimSpace(string(c.Agent) + " " + string(c.Layer))
		fmt.Fprintf(&b, "%s %s %s (%s%s: %s)\n", who, c.Code, c.Code.Symbol(), c.Sure, span(c), c.Source)
	}
	return strings.TrimSpace(b.String())
}

// shownBy names the faults that show f.
func shownBy(f *probe.Finding) []string {
	var names []string
	for _, fault := range sim.Faults {
		for _, shown := range fault.Shows {
			if shown == f {
				names = append(names, fault.Name)
			}
		}
	}
	return names
}

func faultRows() []row {
	var rows []row
	for _, f := range sim.Faults {
		var shows []string
		for _, finding := range f.Shows {
			shows = append(shows, finding.Name)
		}
		rows = append(rows, row{Name: f.Name, Title: f.Title, Details: []detail{{"must show", strings.Join(shows, ", ")}, {"source", f.Source}}})
	}
	return rows
}
