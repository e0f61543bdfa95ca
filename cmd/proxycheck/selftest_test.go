package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/sim"
)

// The matrix has a line for each fault, and its columns stand under one another.
func TestSelftestText(t *testing.T) {
	stdout, _, exit := run(t, "selftest", "--fault", "tls-inspected", "--fault", "body-gzipped")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if exit != 0 || len(lines) != 5 {
		t.Fatalf("exit %d, %d lines:\n%s", exit, len(lines), stdout)
	}
	for column, cells := range map[string][]string{
		"FAULT": {"healthy", "tls-inspected", "body-gzipped"}, "WANTED": {"-", "tls-inspected", "content-recoded"},
		"SHOWN": {"-", "tls-inspected", "content-recoded"}, "STEP": {"-", "sls-file", "selfupdate-file"},
	} {
		at := strings.Index("    "+strings.TrimLeft(lines[0], " "), column)
		for i, cell := range cells {
			if line := lines[1+i]; !strings.HasPrefix(line, "ok") || !strings.HasPrefix(line[min(at, len(line)):], cell+" ") {
				t.Errorf("no %q under %s in\n%s", cell, column, stdout)
			}
		}
	}
}

// A selftest that is interrupted says so, and what it knows of the faults before.
func TestSelftestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	faults := []*sim.Fault{
		{Name: "interrupts", Break: func(n *sim.Net) {
			n.Proxy.Front = append(n.Proxy.Front, func(http.Handler) http.Handler {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					interrupt()
					io.Copy(io.Discard, r.Body) // only behind its end does net/http see that the client leaves
					<-r.Context().Done()
				})
			})
		}},
		sim.Lookup("range-removed"),
	}
	before := judgeFaults(t.Context(), []*sim.Fault{sim.Lookup("tls-inspected")}, time.Minute)
	s := judgeFaults(ctx, faults, time.Minute)
	s.Faults, s.OK = append(before.Faults, s.Faults...), s.OK+before.OK
	if s.Complete || s.Failed > 0 || s.Faults[1].Skipped != interrupted || s.Faults[1].OK {
		t.Errorf("complete: %v, %d failed, %+v", s.Complete, s.Failed, s.Faults)
	}
	var text bytes.Buffer
	if err := s.text(&text); err != nil || !strings.Contains(text.String(), "INCOMPLETE: interrupted; ") || !strings.Contains(text.String(), "(interrupted)") {
		t.Errorf("%v in\n%s", err, &text)
	}
	suite := s.suite()
	if c := suite.Cases[1]; c.Outcome != "error" || suite.Cases[0].Outcome != "" {
		t.Errorf("the cases are %+v", suite.Cases)
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	exit := Main(ended, []string{"selftest", "--format", "json"}, &stdout, &stderr)
	validate(t, schema(t), stdout.String())
	var r selftest
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil || exit != exitUnknown || r.Complete || len(r.Faults) != len(sim.Faults)+1 || r.OK+r.Failed > 0 {
		t.Errorf("%v: exit %d, complete: %v, %d ok, %d failed of %d; %s", err, exit, r.Complete, r.OK, r.Failed, len(r.Faults), &stderr)
	}
}

// A fault that shows something else fails, and one that this system cannot do is
// skipped: two different things, in every form.
func TestSelftestOutcomes(t *testing.T) {
	wrong := *sim.Lookup("body-gzipped")
	wrong.Shows = []*probe.Finding{probe.RangeIgnored}
	s := judgeFaults(t.Context(), []*sim.Fault{&wrong}, time.Minute)
	s.Faults = append(s.Faults, selfFault{Name: "cannot", Skipped: "not on this system"})
	if s.Failed != 1 || !s.Complete {
		t.Errorf("%d failed, complete: %v", s.Failed, s.Complete)
	}
	cases := s.suite().Cases
	if cases[0].Outcome != "failure" || cases[0].Message != "it shows content-recoded and not range-ignored" || cases[1].Outcome != "skipped" {
		t.Errorf("the cases are %+v", cases)
	}
	var text bytes.Buffer
	if err := s.text(&text); err != nil || !strings.Contains(text.String(), "FAIL  body-gzipped  range-ignored  content-recoded") || !strings.Contains(text.String(), "skip  cannot") {
		t.Errorf("%v in\n%s", err, &text)
	}
}

// Both commands that judge write JUnit XML.
func TestJUnit(t *testing.T) {
	for _, tt := range []struct {
		args           string
		exit, failures int
	}{
		{"selftest --fault tls-inspected", 0, 0},
		{"run --server embedded --fault tls-inspected", 1, 4},
		{"run --server embedded --fault condition-removed", 0, 0},
		{"run --server embedded --fault condition-removed --fail-on warn", 1, 1},
	} {
		stdout, stderr, exit := run(t, append(strings.Fields(tt.args), "--format", "junit")...)
		var suites struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
		}
		err := xml.Unmarshal([]byte(stdout), &suites)
		if err != nil || exit != tt.exit || suites.Tests < 2 || suites.Failures != tt.failures {
			t.Errorf("%s: %v, exit %d, %+v, want %d and %d failures\n%s", tt.args, err, exit, suites, tt.exit, tt.failures, stderr)
		}
	}
}
