package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"proxycheck/probe"
	"proxycheck/probe/report"
	"proxycheck/probe/wuerr"
	"proxycheck/sim"
)

// A row is a line of a table that can be listed and explained.
type row struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Details []detail `json:"details,omitempty"`
	symbols []string // other names, of a code
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

// tables are what list lists, in the order in which explain looks.
var tables = []struct {
	name string
	rows func() []row
}{
	{"steps", stepRows}, {"findings", findingRows}, {"faults", faultRows}, {"codes", codeRows},
}

func listCommand(c *call) error {
	var o output
	o.define(c.flags)
	if err := c.parse(1); err != nil {
		return err
	}
	if err := o.check(); err != nil {
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
	return usage("list what? want one of %s", strings.Join(names, ", "))
}

func explainCommand(c *call) error {
	if len(c.args) == 1 {
		if _, err := wuerr.Parse(c.args[0]); err == nil { // a negative number is no flag
			c.args = []string{"--", c.args[0]}
		}
	}
	if err := c.parse(1); err != nil {
		return err
	}
	what := c.flags.Arg(0)
	if what == "" {
		return usage("explain what? want a code such as 0x80200013, or the name of a finding, a fault or a step")
	}
	if code, err := wuerr.Parse(what); err == nil {
		if what = code.String(); code.Symbol() == "" {
			return usage("nothing is known of the code %s; proxycheck list codes has those that are", what)
		}
	}
	var names []string
	for _, t := range tables {
		for _, r := range t.rows() {
			if strings.EqualFold(r.Name, what) || t.name == "codes" && slices.Contains(r.symbols, strings.ToUpper(what)) {
				return explain(c.stdout, t.name, r)
			}
			if t.name != "codes" {
				names = append(names, r.Name)
			}
		}
	}
	return usage("nothing is called %q%s", what, near(what, names))
}

// explain writes all that is known of a row.
func explain(w io.Writer, table string, r row) error {
	_, err := fmt.Fprintf(w, "%s (%s): %s\n", r.Name, strings.TrimSuffix(table, "s"), r.Title)
	for _, d := range r.Details {
		if err == nil && d.Value != "" {
			_, err = fmt.Fprintf(w, "\n%s\n  %s\n", d.Name, strings.ReplaceAll(strings.TrimSpace(d.Value), "\n", "\n  "))
		}
	}
	return err
}

func stepRows() []row {
	var rows []row
	for _, s := range probe.Steps {
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

// codeLines are the codes of a finding, one a line.
func codeLines(f *probe.Finding) string {
	if f.NoCode {
		return "nothing"
	}
	if f.Codes == nil {
		return "the code of the answer's status: 0x80244016 and up for wua, 0x80190000 + status for bits and do"
	}
	var b strings.Builder
	for _, c := range f.Codes {
		versions := ""
		if c.Since != "" || c.Until != "" {
			oldest := probe.XP
			if c.Agent == probe.DO {
				oldest = probe.Win10
			}
			versions = fmt.Sprintf(", %s to %s", cmp.Or(c.Since, oldest), cmp.Or(c.Until, "now"))
		}
		code := c.Code.String() + " " + c.Code.Symbol()
		if c.Code == 0 {
			code = "the code of the answer's status"
		}
		fmt.Fprintf(&b, "%s %s (%s%s: %s)\n", c.Agent, code, c.Sure, versions, c.Source)
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

func codeRows() []row {
	var rows []row
	for _, e := range wuerr.All() {
		rows = append(rows, row{Name: e.Code.String(), Title: strings.TrimSpace(e.Symbol + "  " + e.Meaning),
			symbols: append([]string{e.Symbol}, e.Aliases...), Details: []detail{
				{"defined by", e.Component}, {"also called", strings.Join(e.Aliases, ", ")}, {"how a proxy causes it", e.ProxyCause},
				{"phase of an update", e.Phase}, {"to mend it", e.Fix}, {"findings", strings.Join(findingsOf(e.Code), ", ")}, {"source", e.Source},
			}})
	}
	return rows
}

// findingsOf names the findings that Windows logs under c.
func findingsOf(c wuerr.Code) []string {
	var names []string
	for _, f := range probe.Findings {
		for _, coded := range f.Codes {
			if coded.Code == c {
				names = append(names, f.Name)
				break
			}
		}
	}
	return names
}
