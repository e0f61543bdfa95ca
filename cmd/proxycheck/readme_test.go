package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"proxycheck/sim"
)

// Every command of the README works as it stands there, but for the names of
// the machines. The make targets and fakewsus are run by .ci/run and by the
// tests of that command.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := startNet(t)
	ca := filepath.Join(t.TempDir(), "wsus-ca.pem")
	if err := os.WriteFile(ca, n.CA(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("http_proxy", "http://"+n.Addr())
	t.Setenv("no_proxy", "")
	if number := fmt.Sprintf("in %d documented ways", len(sim.Faults)); !strings.Contains(string(text), number) {
		t.Errorf("the README does not say that the proxy fails %s", number)
	}
	machines := strings.NewReplacer("http://proxy.example:3128", "http://"+n.Addr(),
		"wsus.example:8530", sim.ServerName+":8530", "wsus-ca.pem", ca)
	commands := regexp.MustCompile(`(?m)^    proxycheck (.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(commands) < 8 {
		t.Fatalf("the README has %d commands", len(commands))
	}
	for _, m := range commands {
		args := strings.Fields(machines.Replace(m[1]))
		if args[0] == "sim" { // serves until it is interrupted; see TestSim
			continue
		}
		want := 0
		if args[0] == "run" && (strings.Contains(m[1], "--fault") || strings.Contains(m[1], "--product")) {
			want = 1
		}
		if stdout, stderr, exit := run(t, args...); exit != want {
			t.Errorf("proxycheck %s: exit %d, want %d:\n%s%s", m[1], exit, want, stdout, stderr)
		}
	}
}

// The screen of output in the README is what the program writes.
func TestREADMEShowsWhatIsWritten(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, screen, _ := strings.Cut(string(text), "```text\n")
	screen, _, _ = strings.Cut(screen, "```")
	_, finding, _ := strings.Cut(screen, "\n\n") // without what changes from run to run
	finding, _, _ = strings.Cut(finding, "                    if the cause in squid is:")
	stdout, _, _ := run(t, "run", "--server", "embedded", "--fault", "range-removed")
	counts := regexp.MustCompile(`and \d+ more`) // the embedded net has more steps
	finding, stdout = counts.ReplaceAllString(finding, "and more"), counts.ReplaceAllString(stdout, "and more")
	if finding == "" || !strings.Contains(stdout, finding) {
		t.Errorf("the README shows\n%s\nthe program writes\n%s", finding, stdout)
	}
}

// The reference is written from the tables, so it cannot say anything else.
func TestReferenceIsCurrent(t *testing.T) {
	want, _, _ := run(t, "doc")
	if got, err := os.ReadFile("../../docs/reference.md"); err != nil || string(got) != want {
		t.Errorf("docs/reference.md is stale (%v): run make docs", err)
	}
}
