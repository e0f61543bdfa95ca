package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
)

// ownList is a file for --endpoints.
func ownList(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "own.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The versions that lists name are those that can be played.
func TestEndpointVersions(t *testing.T) {
	var versions []string
	for _, p := range probe.Profiles {
		versions = append(versions, string(p.Windows))
	}
	slices.Reverse(versions)
	if !slices.Equal(versions, endpoint.Versions) {
		t.Errorf("profiles are of %v, lists of %v", versions, endpoint.Versions)
	}
}

func TestListEndpoints(t *testing.T) {
	fresh := ownList(t, "list,pattern,scheme,ports\nours,wsus.example.org,both,\"8530,8531\"\nncsi,*.msftconnecttest.com,http,80\n")
	dated := ownList(t, "list,pattern,scheme,ports,checked\nours,wsus.example.org,http,8530,2020-01-02\n")
	for _, tt := range []struct {
		args    string
		has, no []string
	}{
		{"list endpoints", []string{"*.update.microsoft.com", "kb818018", "  memory  ", "current, retired", "not held against its source as a whole"}, nil},
		{"list endpoints --for win11", []string{"*.update.microsoft.com  ", "source  2026-11-20", "delivery-optimization"},
			[]string{"kb896226", "legacy", "www.msftncsi.com", "wsus-server"}},
		{"list endpoints --for win7", []string{"kb896226", "www.msftncsi.com"}, []string{"win10-11", "www.msftconnecttest.com"}},
		{"list endpoints --list KB885819", []string{"v5.update.microsoft.com", "wsus-server", "note", "Microsoft cites the list wsus-server"}, []string{"win10-11"}},
		{"list endpoints --list kb885819 --sure memory", []string{"  memory  ", "wsus-server", "article 885819"}, []string{"second hand\n", "current  "}},
		{"list endpoints --list kb885819 --sure source", []string{"not held against its source as a whole, in part from memory"}, []string{"  memory  "}},
		{"list endpoints --list ncsi --era legacy", []string{"*.msftncsi.com"}, []string{"msftconnecttest"}},
		{"list endpoints --for win11 --endpoints " + fresh, []string{"wsus.example.org", "ours", "a list of your own", "*.msftconnecttest.com", "*.update.microsoft.com"}, []string{"dns.msftncsi.com"}},
		{"list endpoints --list ours --endpoints " + dated, []string{"wsus.example.org", "held against its source on 2020-01-02, more than 12 months ago"}, []string{"ncsi"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			stdout, stderr, exit := run(t, strings.Fields(tt.args)...)
			if exit != 0 || stderr != "" || !strings.HasPrefix(stdout, "PATTERN ") {
				t.Fatalf("exit %d, %s%.300s", exit, stderr, stdout)
			}
			for _, text := range tt.has {
				if !strings.Contains(stdout, text) {
					t.Errorf("no %q in\n%s", text, stdout)
				}
			}
			for _, text := range tt.no {
				if strings.Contains(stdout, text) {
					t.Errorf("%q in\n%s", text, stdout)
				}
			}
		})
	}
}

// A row stands in the table once, however many documents have it.
func TestListEndpointsOnce(t *testing.T) {
	stdout, _, _ := run(t, "list", "endpoints", "--for", "win11", "--list", "win10-11")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	slices.Sort(lines)
	if n := len(lines); len(slices.Compact(lines)) != n || n < 10 {
		t.Errorf("some of %d lines stand twice:\n%s", n, stdout)
	}
}

// What is written as CSV is read again as the same, and JSON has the same rows.
func TestListEndpointsForms(t *testing.T) {
	text, _, exit := run(t, "list", "endpoints", "--format", "csv")
	if exit != 0 {
		t.Fatalf("exit %d", exit)
	}
	again, stderr, exit := run(t, "list", "endpoints", "--format", "csv", "--endpoints", ownList(t, text))
	if exit != 0 || again != text {
		t.Errorf("exit %d, %s: read again it is another", exit, stderr)
	}
	rows, err := endpoint.Parse(strings.NewReader(text), "out.csv", time.Time{})
	if err != nil || len(rows) != len(endpoint.All()) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	out, _, _ := run(t, "list", "endpoints", "--format", "json")
	validate(t, schema(t), out)
	var got struct {
		Endpoints []map[string]any
		Lists     []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Endpoints) != len(rows) || len(got.Lists) != len(endpoint.Lists) {
		t.Fatalf("%v: %d rows of %d lists", err, len(got.Endpoints), len(got.Lists))
	}
	for i, r := range rows {
		if e := got.Endpoints[i]; e["pattern"] != r.Pattern || e["sure"] != string(r.Sure) || e["list"] != r.List || e["retired"] != r.Retired {
			t.Errorf("row %d is %v in JSON, and %+v in CSV", i, e, r)
		}
	}
}

// What cannot be listed is said in one line that no terminal obeys.
func TestListEndpointsRefuses(t *testing.T) {
	evil := ownList(t, "list,pattern,scheme,ports\nours,\x1b]0;owned\x07,http,80\n")
	many := ownList(t, "list,pattern,scheme,ports\n"+strings.Repeat("ours,a.example,http,80\n", 100_000))
	for _, tt := range []struct{ args, want string }{
		{"list endpoints --list kb88581", `there is no list "kb88581"; near it are kb885819`},
		{"list endpoints --list ", "--list: want the name of a list"},
		{"list endpoints --for win95", `"win95" is no version of Windows`},
		{"list endpoints --era old", `--era "old": want current or legacy`},
		{"list endpoints --sure certain", `--sure "certain": want source, second hand or memory`},
		{"list endpoints --endpoints /nonexistent", "--endpoints: open /nonexistent"},
		{"list endpoints --endpoints " + t.TempDir(), "is a directory"},
		{"list endpoints --endpoints " + evil, `own.csv: line 2: pattern: "\x1b]0;owned\a" is no pattern`},
		{"list endpoints --endpoints " + many, "line 10002: there are more than 10000 rows"},
		{"list endpoints --format yaml", `--format "yaml": want text, json or csv`},
		{"list steps --format csv", "--format csv goes with list endpoints alone"},
		{"list steps --for win11", "--for goes with list endpoints alone"},
		{"list endpoints steps", "one argument too many"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			stdout, stderr, exit := run(t, strings.Split(tt.args, " ")...)
			if exit != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) || strings.Contains(stderr, "\x1b") {
				t.Errorf("exit %d, stdout %.200q, stderr %q; want 2, and a line with %q", exit, stdout, stderr, tt.want)
			}
		})
	}
}
