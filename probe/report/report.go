// Package report writes a [probe.Report] in the forms that people and programs
// read. All of them are made of that one value, and none adds an opinion.
package report

import (
	"encoding/json"
	"io"

	"proxycheck/probe"
)

// A Style is how much of a report is written as text, and how.
type Style struct {
	Color   bool
	Quiet   bool // the verdict and the findings alone
	Verbose bool // with the heads of each exchange
}

// JSON writes v, a report of this program, indented.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Text writes r for the administrator who reads it first: the verdict in one
// line, the findings by cause, and then the steps.
func Text(w io.Writer, r *probe.Report, s Style) error {
	t := &text{w: w, Style: s, said: map[string]bool{}}
	t.head(r)
	for _, f := range r.Findings {
		if f.Under == "" {
			t.finding(r, f)
		}
	}
	if !s.Quiet {
		t.steps(r)
		t.open(r)
	}
	return t.err
}
