package wuerr

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// Each constant stands in codes.csv under the symbol that its comment names.
func TestConstants(t *testing.T) {
	source, err := os.ReadFile("wuerr.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`(?m)^\t\w+\s+Code = (0x\w+) // (\w+)$`).FindAllStringSubmatch(string(source), -1)
	if len(constants) < 20 {
		t.Fatalf("found %d constants in wuerr.go", len(constants))
	}
	for _, m := range constants {
		c, err := Parse(m[1])
		if err != nil {
			t.Fatal(err)
		}
		e, ok := Lookup(c)
		if !ok {
			t.Errorf("%s is not in codes.csv", c)
		}
		if e.Symbol != m[2] && !slices.Contains(e.Aliases, m[2]) {
			t.Errorf("%s is %s (%v) in codes.csv, and %s here", c, e.Symbol, e.Aliases, m[2])
		}
	}
}

func TestAll(t *testing.T) {
	if n := len(All()); n < 700 {
		t.Errorf("codes.csv has %d codes, want the 710 known", n)
	}
	for i, e := range All() {
		if e.Symbol == "" || e.Source == "" {
			t.Errorf("%s has no symbol or no source", e.Code)
		}
		if i > 0 && All()[i-1].Code >= e.Code {
			t.Errorf("%s stands twice or out of order", e.Code)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Code // 0 for an error
	}{
		{"0x80200013", 0x80200013}, {"80200013", 0x80200013}, {"0X80d05011", 0x80D05011},
		{"-2145386477", 0x80200013}, // as Reporting Events print it
		{"0x8020001", 0}, {"", 0}, {"range", 0}, {"2145386477", 0}, {"0x802000134", 0},
	} {
		got, err := Parse(tt.in)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("Parse(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

// The statuses of wire.md 8.1.
func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		status          int
		agent, download Code
	}{
		{400, 0x80244016, 0x80190190}, {403, 0x80244018, 0x80190193}, {404, 0x80244019, 0x80190194},
		{407, 0x8024401B, 0x80190197}, {410, 0x8024401E, 0x8019019A}, {413, 0x8024402B, 0x8019019D},
		{416, 0x8024402B, 0x801901A0}, {500, 0x8024401F, 0x801901F4}, {501, 0x80244020, 0x801901F5},
		{503, 0x80244022, 0x801901F7}, {504, 0x80244023, 0x801901F8}, {505, 0x80244024, 0x801901F9},
	} {
		if a, d := AgentStatus(tt.status), DownloadStatus(tt.status); a != tt.agent || d != tt.download {
			t.Errorf("status %d is %v and %v, want %v and %v", tt.status, a, d, tt.agent, tt.download)
		}
	}
}
