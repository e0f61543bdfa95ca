package report

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"proxycheck/probe"
)

// outcomes is a run in which each status stands once.
func outcomes() *probe.Report {
	return &probe.Report{
		Run: "0123456789abcdef", Verdict: probe.StatusFail, Complete: true, As: probe.Win11, Tool: probe.Tool{Version: "v1", Catalogue: "abc"},
		Route: probe.Route{Proxy: "http://proxy:3128"}, Target: probe.Asked{Server: "http://wsus:8530"},
		Findings: []probe.Shown{
			{Name: "odd", Title: "it is odd", Grade: probe.Warn, Owner: probe.Proxy, Evidence: "a warning was seen"},
			{Name: "bad", Title: "it is bad", Grade: probe.Fail, Owner: probe.Proxy, Evidence: "a failure was seen",
				Codes: map[probe.Agent]string{probe.BITS: "0x80200013"}, Fix: "Mend it.", Retest: "proxycheck run"},
		},
		Steps: []probe.Played{
			{ID: "passes", By: probe.WUA, Status: probe.StatusPass, TookMS: 1500},
			{ID: "warns", By: probe.WUA, Status: probe.StatusWarn, Findings: []string{"odd"}, Evidence: "a warning was seen"},
			{ID: "fails", By: probe.BITS, Status: probe.StatusFail, Findings: []string{"odd", "bad"}, Evidence: "a failure was seen"},
			{ID: "waits", By: probe.DO, Status: probe.StatusSkip, WaitedFor: "fails has not come well"},
			{ID: "ends", By: probe.DO, Status: probe.StatusUnknown, WaitedFor: "the run had ended"},
		},
	}
}

// What was wrong, what could not be told and what was not tried are three different
// things, and a warning is wrong only where it is to be.
func TestJUnitOutcomes(t *testing.T) {
	for _, tt := range []struct {
		failOn probe.Grade
		want   string
	}{
		{probe.Fail, "passes: , warns: , fails: failure bad it is bad, waits: skipped  fails has not come well, ends: error unknown the run had ended"},
		{probe.Warn, "passes: , warns: failure odd it is odd, fails: failure bad it is bad, waits: skipped  fails has not come well, ends: error unknown the run had ended"},
	} {
		var got []string
		for _, c := range read(t, SuiteOf(outcomes(), tt.failOn)).Suites[0].Cases {
			line := c.Name + ": "
			if c.Outcome != nil {
				line += strings.Join([]string{c.Outcome.XMLName.Local, c.Outcome.Type, c.Outcome.Message}, " ")
			}
			got = append(got, line)
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("from %s on:\n%s, want\n%s", tt.failOn, got, tt.want)
		}
	}
}

func TestJUnitSays(t *testing.T) {
	suites := read(t, SuiteOf(outcomes(), probe.Fail))
	suite := suites.Suites[0]
	if counts := (junitCounts{Tests: 5, Failures: 1, Errors: 1, Skipped: 1, Time: "0.000"}); suite.junitCounts != counts || suites.junitCounts != counts {
		t.Errorf("the counts are %+v and %+v", suite.junitCounts, suites.junitCounts)
	}
	known := map[string]string{}
	for _, p := range suite.Properties {
		known[p.Name] = p.Value
	}
	for name, want := range map[string]string{"tool": "v1", "catalogue": "abc", "run": "0123456789abcdef", "proxy": "http://proxy:3128",
		"server": "http://wsus:8530", "verdict": "fail"} {
		if known[name] != want {
			t.Errorf("the property %s is %q, want %q", name, known[name], want)
		}
	}
	if warned := suite.Cases[1]; !strings.Contains(warned.Out, "a warning was seen") || warned.Class != "proxycheck.wua" || suite.Cases[0].Time != "1.500" {
		t.Errorf("what passes with a warning is %+v", warned)
	}
	for _, want := range []string{"[bad]", "whoever runs the proxy", "bits logs 0x80200013 as win11", "a failure was seen", "mend: Mend it.", "try again: proxycheck run"} {
		if !strings.Contains(suite.Cases[2].Outcome.Text, want) {
			t.Errorf("no %q in\n%s", want, suite.Cases[2].Outcome.Text)
		}
	}
}

// Whatever a proxy says, it is XML, and nothing in it is more than text.
func TestJUnitIsClean(t *testing.T) {
	r := hostile()
	r.RunAs.Host = "]]><evil/>\x00\uFFFE\xFF"
	s := SuiteOf(r, probe.Fail)
	s.Cases = append(s.Cases, Case{Name: "a", Text: "</system-out>&x;\x0b\ufffe\xff"})
	parsed := read(t, s)
	for _, c := range parsed.Suites[0].Cases {
		for _, r := range c.Name + c.Out {
			if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%U is written in %q", r, c.Name+c.Out)
			}
		}
	}
}

// What is written is as testdata/junit.xsd says, which is made by hand after what
// those who read it document.
func TestJUnitIsValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Log("not held against the schema: ", err) // make interop does
		return
	}
	for name, r := range map[string]*probe.Report{"outcomes": outcomes(), "hostile": hostile(), "empty": {}} {
		file := filepath.Join(t.TempDir(), name+".xml")
		if err := os.WriteFile(file, written(t, SuiteOf(r, probe.Warn)), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(xmllint, "--noout", "--nonet", "--schema", "../../testdata/junit.xsd", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// written is s as it is written.
func written(t *testing.T, s *Suite) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := JUnit(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read is s as whoever reads it understands it.
func read(t *testing.T, s *Suite) (suites junitSuites) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(written(t, s)))
	if err := d.Decode(&suites); err != nil {
		t.Fatal(err)
	}
	if rest, err := d.Token(); err != io.EOF {
		if text, ok := rest.(xml.CharData); !ok || strings.TrimSpace(string(text)) != "" {
			t.Errorf("behind the end stands %v, %v", rest, err)
		}
	}
	return suites
}
