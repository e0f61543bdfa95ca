package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"proxycheck/probe"
)

// A Suite is what the servers that build programs show as a set of tests.
type Suite struct {
	Name       string
	Host       string    // where it was run; "" for not known
	Started    time.Time // the zero time for not known
	Took       time.Duration
	Properties []Property
	Cases      []Case
}

// A Property is something that is known of a suite as a whole.
type Property struct{ Name, Value string }

// A Case is one test of a suite.
type Case struct {
	Class, Name string
	Took        time.Duration
	Outcome     Outcome
	Message     string // why it did not pass, in a line
	Type        string // a name for that
	Text        string // all that is known of it
}

// An Outcome is what a case came to. The zero Outcome is that it passed.
type Outcome string

// Outcomes. To whoever reads them they are three different things: what was tried
// is wrong, it could not be told, and it was not tried.
const (
	Passed  Outcome = ""
	Failed  Outcome = "failure"
	Untold  Outcome = "error"
	Skipped Outcome = "skipped"
)

// SuiteOf is r as a suite with a case for each step. From the grade failOn on, a
// finding fails the case.
func SuiteOf(r *probe.Report, failOn probe.Grade) *Suite {
	s := &Suite{Name: "proxycheck run", Host: r.RunAs.Host, Started: r.Started, Took: time.Duration(r.TookMS) * time.Millisecond,
		Properties: []Property{{"tool", r.Tool.Version}, {"catalogue", r.Tool.Catalogue}, {"run", r.Run},
			{"proxy", cmp.Or(r.Route.Proxy, "none")}, {"server", r.Target.Server}, {"as", string(r.As)}, {"verdict", string(r.Verdict)}}}
	if !r.Complete {
		s.Properties = append(s.Properties, Property{"stopped_by", r.StoppedBy})
	}
	for _, p := range r.Steps {
		s.Cases = append(s.Cases, caseOf(r, p, failOn))
	}
	return s
}

// caseOf is a step of r as a case.
func caseOf(r *probe.Report, p probe.Played, failOn probe.Grade) Case {
	c := Case{Class: "proxycheck." + string(p.By), Name: p.ID, Took: time.Duration(p.TookMS * float64(time.Millisecond))}
	shown := findingsOf(r, p)
	var parts []string
	if len(shown) > 0 {
		parts = append(parts, p.Evidence)
	}
	for _, f := range shown {
		parts = append(parts, describe(r, f))
	}
	c.Text = strings.Join(parts, "\n\n")
	switch p.Status {
	case probe.StatusFail:
		c.Outcome = Failed
	case probe.StatusWarn:
		if failOn == probe.Warn {
			c.Outcome = Failed
		}
	case probe.StatusSkip:
		c.Outcome, c.Message = Skipped, cmp.Or(p.WaitedFor, p.Spared, p.Evidence)
	case probe.StatusUnknown:
		c.Outcome, c.Type, c.Message = Untold, string(probe.StatusUnknown), cmp.Or(p.WaitedFor, p.Evidence, "the run ended before it could be told")
	}
	if c.Outcome == Failed {
		c.Type, c.Message = string(p.Status), p.Evidence
		if len(shown) > 0 {
			c.Type, c.Message = shown[0].Name, shown[0].Title
		}
	}
	return c
}

// findingsOf are the findings that a step shows, the worst first.
func findingsOf(r *probe.Report, p probe.Played) []probe.Shown {
	shown := slices.DeleteFunc(slices.Clone(r.Findings), func(f probe.Shown) bool { return !slices.Contains(p.Findings, f.Name) })
	order := []probe.Grade{probe.Fail, probe.Warn, probe.Note}
	slices.SortStableFunc(shown, func(a, b probe.Shown) int {
		return cmp.Compare(slices.Index(order, a.Grade), slices.Index(order, b.Grade))
	})
	return shown
}

// describe says of a finding what one must know to act on it.
func describe(r *probe.Report, f probe.Shown) string {
	lines := []string{fmt.Sprintf("%s [%s]", f.Title, f.Name), "who must act: " + who(f)}
	if f.Under != "" {
		lines = append(lines, "accounted for by "+f.Under)
	}
	for _, agent := range []probe.Agent{probe.WUA, probe.BITS, probe.DO, probe.CryptoAPI, probe.NCSI} {
		if code := f.Codes[agent]; code != "" {
			lines = append(lines, fmt.Sprintf("%s logs %s as %s", agent, code, r.As))
		}
	}
	for _, part := range []struct{ name, value string }{{"but", f.Condition}, {"mend", f.Fix}, {"try again", f.Retest}} {
		if part.value != "" {
			lines = append(lines, part.name+": "+part.value)
		}
	}
	return strings.Join(lines, "\n")
}

// The elements of the form that Ant began, in the order in which those who read it
// strictly want them (testdata/junit.xsd).
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		Name    string   `xml:"name,attr"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Timestamp  string      `xml:"timestamp,attr"`
		Hostname   string      `xml:"hostname,attr"`
		Properties []junitPair `xml:"properties>property"`
		Cases      []junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"`
	}
	junitPair struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Outcome *junitOutcome `xml:",any"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		XMLName xml.Name
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes s as JUnit XML. What came from the network is text in it and
// nothing more, without the characters that XML does not have.
func JUnit(w io.Writer, s *Suite) error {
	suite := junitSuite{Name: clean(s.Name), Timestamp: s.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: clean(cmp.Or(s.Host, "localhost"))}
	suite.Time = seconds(s.Took)
	for _, p := range s.Properties {
		suite.Properties = append(suite.Properties, junitPair{clean(p.Name), clean(p.Value)})
	}
	for _, c := range s.Cases {
		suite.add(c)
	}
	text, err := xml.MarshalIndent(junitSuites{Name: suite.Name, junitCounts: suite.junitCounts, Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// add adds a case, and counts it.
func (s *junitSuite) add(c Case) {
	element := junitCase{Class: clean(c.Class), Name: clean(c.Name), Time: seconds(c.Took)}
	if s.Tests++; c.Outcome == Passed {
		element.Out = clean(c.Text)
	} else {
		element.Outcome = &junitOutcome{xml.Name{Local: string(c.Outcome)}, clean(c.Message), clean(c.Type), clean(c.Text)}
	}
	switch c.Outcome {
	case Failed:
		s.Failures++
	case Untold:
		s.Errors++
	case Skipped:
		s.Skipped++
	}
	s.Cases = append(s.Cases, element)
}

// seconds is d as a number of them.
func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
