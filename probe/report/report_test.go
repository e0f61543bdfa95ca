package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"proxycheck/probe"
)

// hostile is a report in which every text is what a proxy would like to say to
// a terminal.
func hostile() *probe.Report {
	const evil = "\x1b]0;owned\x07\x1b[2J\r\u202Etxt\u0085"
	return &probe.Report{
		Schema: probe.Schema, Run: evil, Verdict: probe.StatusFail, StoppedBy: evil, As: evil,
		Route:     probe.Route{Proxy: evil, Source: evil, ProvenBy: evil, Product: evil},
		Target:    probe.Asked{Server: evil, Kind: evil},
		NotTested: []string{evil},
		Findings: []probe.Shown{
			{Name: "a", Title: evil, Grade: probe.Fail, Owner: probe.Proxy, Codes: map[probe.Agent]string{probe.BITS: "0x80200013"},
				Condition: evil, Fix: evil, Fixes: map[string]string{evil: evil}, Mends: []probe.ShownMend{{Product: evil, Where: evil, Lines: evil, Backing: evil}}, Steps: []string{evil}, Evidence: evil, Retest: evil},
			{Name: "b", Title: evil, Grade: probe.Warn, Steps: []string{evil}, Under: "a"},
		},
		Steps: []probe.Played{
			{ID: evil, Title: evil, By: evil, Status: probe.StatusUnknown, Findings: []string{evil}, Evidence: evil, WaitedFor: evil,
				Spared: evil, Sent: evil, Received: evil, Legs: []probe.Leg{{Sent: evil, Received: evil}},
				Direct: &probe.PlayedDirect{Status: evil, Findings: []string{evil}, Evidence: evil, Remote: evil, Sent: evil, Received: "HTTP/1.1 " + evil}},
		},
	}
}

// Nothing that comes from the network reaches a terminal as more than text.
func TestTextIsClean(t *testing.T) {
	for _, style := range []Style{{}, {Quiet: true}, {Verbose: true}} {
		var b bytes.Buffer
		if err := Text(&b, hostile(), style); err != nil {
			t.Fatal(err)
		}
		for _, r := range b.String() {
			if r != '\n' && unicode.IsControl(r) || r == '\u202E' {
				t.Fatalf("with %+v, %U is written in\n%q", style, r, b.String())
			}
		}
	}
}

// The findings stand by cause: what another accounts for is under that.
func TestTextGroups(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, hostile(), Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAIL, unless what is said below holds: Windows Update does not work", "bits  0x80200013 BG_E_INSUFFICIENT_RANGE_SUPPORT",
		"who must act  whoever runs the proxy", "explains ", "[b]", "INCOMPLETE: the run was ended by", "not tested"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if n := strings.Count(b.String(), "[b]"); n != 1 {
		t.Errorf("what is accounted for stands %d times", n)
	}
}

// What became of the steps of a finding without the proxy is said in a line for
// each thing that did.
func TestTextDirect(t *testing.T) {
	played := func(id, proxied, direct string, status probe.Status, findings ...string) probe.Played {
		p := probe.Played{ID: id, Received: "HTTP/1.1 " + proxied + "\r\n\r\n"}
		if status != "" {
			p.Direct = &probe.PlayedDirect{Status: status, Findings: findings, Evidence: "the evidence"}
		}
		if direct != "" {
			p.Direct.Received = "HTTP/1.1 " + direct + "\r\n\r\n"
		}
		return p
	}
	for _, tt := range []struct {
		want  string
		steps []probe.Played
	}{
		{"", []probe.Played{played("a", "403 Forbidden", "", "")}},
		{"200 OK", []probe.Played{played("a", "403 Forbidden", "200 OK", probe.StatusPass), played("b", "403 Forbidden", "200 OK", probe.StatusPass)}},
		{"200 OK, and as it should be", []probe.Played{played("a", "200 OK", "200 OK", probe.StatusPass)}},
		{"the same: 503 Service Unavailable", []probe.Played{played("a", "503 Service Unavailable", "503 Service Unavailable", probe.StatusFail, "f")}},
		{"the same: the evidence", []probe.Played{played("a", "", "", probe.StatusFail, "f")}},
		{"something else: the evidence", []probe.Played{played("a", "403 Forbidden", "404 Not Found", probe.StatusFail, "g")}},
		{"200 OK, in a\nthe same: 403 Forbidden, in b", []probe.Played{
			played("a", "403 Forbidden", "200 OK", probe.StatusPass), played("b", "403 Forbidden", "403 Forbidden", probe.StatusFail, "f"),
			played("other", "403 Forbidden", "500 Error", probe.StatusFail)}},
	} {
		if got := direct(&probe.Report{Steps: tt.steps}, probe.Shown{Name: "f", Steps: []string{"a", "b"}}); got != tt.want {
			t.Errorf("direct = %q, want %q", got, tt.want)
		}
	}
}

func TestTextColours(t *testing.T) {
	var plain, coloured bytes.Buffer
	r := &probe.Report{Verdict: probe.StatusPass, Complete: true}
	if err := errors.Join(Text(&plain, r, Style{}), Text(&coloured, r, Style{Color: true})); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[1;32mPASS: Windows Update works\x1b[0m"; !strings.HasPrefix(coloured.String(), want) || strings.Contains(plain.String(), "\x1b") {
		t.Errorf("with colours %q, want it to begin with %q; without %q", &coloured, want, &plain)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, hostile()); err != nil {
		t.Fatal(err)
	}
	var back probe.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(&back, hostile()) {
		t.Errorf("%v: %+v, want %+v", err, back, hostile())
	}
}

func TestFold(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"short", "short"}, {"one two three", "one two|three"}, {"abcdefghijklmnop", "abcdefghijklmnop"},
		{"a  column stays", "a  column stays"},
	} {
		if got := strings.Join(fold(tt.in, 9), "|"); got != tt.want {
			t.Errorf("fold(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 9999: "9999 bytes", 10 << 10: "10 KiB", 2 << 20: "2048 KiB", 11 << 20: "11 MiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}
