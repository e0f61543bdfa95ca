package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxycheck/probe/endpoint"
)

// Every format is written for every version, to stdout or a file alike.
func TestAllowlistCommand(t *testing.T) {
	for _, format := range endpoint.Formats {
		args := []string{"allowlist", "--for", "win7", "--format", format.Name}
		if format.Name == "pac" {
			args = append(args, "--proxy", "proxy.example:3128")
		}
		text, stderr, exit := run(t, args...)
		if exit != 0 || stderr != "" || !strings.Contains(strings.ToLower(text), "windows") {
			t.Errorf("%v: exit %d: %s\n%s", args, exit, stderr, text)
			continue
		}
		file := filepath.Join(t.TempDir(), "rules")
		stdout, _, exit := run(t, append(args, "-o", file)...)
		written, err := os.ReadFile(file)
		if exit != 0 || stdout != "" || err != nil || string(written) != text {
			t.Errorf("%v -o: exit %d, %v: %s", args, exit, err, stdout)
		}
	}
}

// The help names the forms.
func TestAllowlistHelp(t *testing.T) {
	stdout, _, exit := run(t, "allowlist", "--help")
	for _, format := range endpoint.Formats {
		if !strings.Contains(stdout, "  "+format.Name+" ") || !strings.Contains(stdout, format.Title) {
			t.Errorf("exit %d: no %s in\n%s", exit, format.Name, stdout)
		}
	}
}

// Lists that are chosen, and one of one's own, take the place of the default ones.
func TestAllowlistLists(t *testing.T) {
	own := filepath.Join(t.TempDir(), "own.csv")
	text := "list,pattern,scheme,ports,sure\nown,*.updates.example,both,\"80,443\",memory\nown,old.example,http,8080,\n"
	if err := os.WriteFile(own, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args     string
		has, not []string
	}{
		{"--list ncsi", []string{"*.msftconnecttest.com"}, []string{"update.microsoft.com"}},
		{"--list store", []string{"login.live.com", "displaycatalog.mp.microsoft.com"}, []string{"windowsupdate.com"}},
		{"--list kb885819", []string{"wsus-server beside article 885819", "download.microsoft.com", "Not in it: v5.update.microsoft.com: retired"}, nil},
		{"--list kb818018 --for xp", []string{"From memory, as no document could be had:\n"}, nil},
		{"--list own --endpoints " + own, []string{"\n# From memory, as no document could be had:\n*.updates.example\n", "Not in it: old.example: neither"}, []string{"microsoft.com"}},
		{"--endpoints " + own, []string{"*.updates.example\n", "*.windowsupdate.com"}, nil},
	}
	for _, test := range tests {
		stdout, stderr, exit := run(t, append([]string{"allowlist", "--format", "hosts"}, strings.Fields(test.args)...)...)
		if exit != 0 {
			t.Errorf("%s: exit %d: %s", test.args, exit, stderr)
		}
		for _, part := range test.has {
			if !strings.Contains(stdout, part) {
				t.Errorf("%s lacks %q:\n%s", test.args, part, stdout)
			}
		}
		for _, part := range test.not {
			if strings.Contains(stdout, part) {
				t.Errorf("%s has %q:\n%s", test.args, part, stdout)
			}
		}
	}
}

// What cannot be used is said in a line.
func TestAllowlistUsage(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for args, want := range map[string]string{
		"--format iptables":                      "want squid",
		"--format ciscowsa":                      "left out",
		"--for win95":                            "--for",
		"--list nonsense":                        "there is no list",
		"--list=":                                "--list: want the name",
		"--format pac":                           "needs --proxy",
		"--proxy a:1":                            "goes with --format pac",
		"--format pac --proxy proxy.example":     "want HOST:PORT",
		"--format pac --proxy proxy.example:0":   "want HOST:PORT",
		"--format pac --proxy p\";alert(1)//:80": "want HOST:PORT",
		"--format pac --proxy user:secret@proxy.example:80":                                                                        "want HOST:PORT",
		"--endpoints " + filepath.Join(dir, "none"):                                                                                "no such file",
		"--endpoints " + file("columns.csv", "a,b\n1,2\n"):                                                                         "column",
		"--endpoints " + file("bad.csv", "list,pattern,scheme,ports\nown,\"a.example\nhttp_access allow all\",http,80\n"):          "line 2",
		"--list own --endpoints " + file("nothing.csv", "list,pattern,scheme,ports\nown,(words),,53/udp\nown,a.example,http,81\n"): "nothing for win11",
		"more": "one argument too many",
	} {
		stdout, stderr, exit := run(t, append([]string{"allowlist"}, strings.Fields(args)...)...)
		if exit != exitUsage || stdout != "" || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit %d: %s%s, want %q", args, exit, stdout, stderr, want)
		}
	}
}
