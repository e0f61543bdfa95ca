// Package report writes a [probe.Report] in the forms that people and programs
// read. All of them are made of that one value, and none adds an opinion.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"proxycheck/probe"
)

// A Style is how much of a report is written as text, and how.
type Style struct {
	Color   bool
	Quiet   bool // the verdict and the findings alone
	Verbose bool // with the heads of each exchange
}

// JSON writes v, a report of this program, indented. What a terminal would obey
// is escaped.
func JSON(w io.Writer, v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, obeyed.ReplaceAllStringFunc(b.String(), func(s string) string {
		r, _ := utf8.DecodeRuneInString(s)
		return fmt.Sprintf(`\u%04X`, r)
	}))
	return err
}

// obeyed matches the control characters that JSON leaves as they are.
var obeyed = regexp.MustCompile(`[\x{7F}-\x{9F}\x{061C}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2066}-\x{2069}]`)

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
		t.hosts(r)
		t.names(r)
		t.steps(r)
		t.figures(r)
		t.open(r)
	}
	return t.err
}
