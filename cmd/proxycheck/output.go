package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"proxycheck/probe"
	"proxycheck/probe/report"
)

// An output is where a report goes, and in which form.
type output struct {
	format         string
	forms          []string // there are
	file           string
	quiet, verbose bool
}

// define adds the flags of an output that is text or JSON, or one of more forms.
func (o *output) define(fs *pflag.FlagSet, more ...string) {
	o.forms = append([]string{"text", "json"}, more...)
	fs.StringVar(&o.format, "format", "text", "the `FORM` of the report: "+oneOf(o.forms))
	fs.StringVarP(&o.file, "output", "o", "", "write the report to `FILE`, not to stdout")
}

// defineStyle adds the flags of a report.
func (o *output) defineStyle(fs *pflag.FlagSet) {
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "no progress, and in text no steps")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "show the heads of each exchange")
}

func (o *output) check() error {
	switch {
	case !slices.Contains(o.forms, o.format):
		return usage("--format %q: want %s", o.format, oneOf(o.forms))
	case o.quiet && o.verbose:
		return usage("--quiet and --verbose exclude each other")
	}
	return nil
}

// oneOf offers some words, of which there are at least two.
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// report writes r, where a finding fails from the grade failOn on.
func (o *output) report(stdout io.Writer, r *probe.Report, failOn probe.Grade) error {
	return o.write(stdout, func(w io.Writer) error {
		switch o.format {
		case "json":
			return report.JSON(w, r)
		case "junit":
			return report.JUnit(w, report.SuiteOf(r, failOn))
		}
		return report.Text(w, r, report.Style{Color: w == stdout && coloured(stdout), Quiet: o.quiet, Verbose: o.verbose})
	})
}

// write gives f the place that the flags name. A report that cannot be written
// is an error of its own, also when the disk says so only at the end.
func (o *output) write(stdout io.Writer, f func(io.Writer) error) error {
	failed := func(err error) error {
		return &exitError{exitUnknown, fmt.Errorf("writing the report: %w", err)}
	}
	if o.file == "" || o.file == "-" {
		if err := f(stdout); err != nil {
			return failed(err)
		}
		return nil
	}
	var text bytes.Buffer
	if err := f(&text); err != nil {
		return failed(err)
	}
	if err := os.WriteFile(o.file, text.Bytes(), 0o644); err != nil {
		return failed(err)
	}
	return nil
}

// coloured tells whether w shows colours and is to.
func coloured(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }

// terminal tells whether somebody watches w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A progress is a line on a terminal that says how far a run is.
type progress struct {
	w          io.Writer // nil when nobody watches
	done, most int
}

func newProgress(stderr io.Writer, quiet bool, most int) *progress {
	if quiet || !terminal(stderr) {
		return &progress{}
	}
	return &progress{w: stderr, most: most}
}

func (p *progress) step(r *probe.Result) {
	if p.done++; p.w != nil {
		fmt.Fprintf(p.w, "\r\x1b[K%d of %d  %s", p.done, p.most, r.Step.Title)
	}
}

func (p *progress) clear() {
	if p.w != nil {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
