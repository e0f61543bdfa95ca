//go:build interop

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe"
)

// A mendTrial is what is special about the trial of a mend.
type mendTrial struct {
	args   string // of the run, beside proxy and server
	login  bool   // alice's, which the cause asks for
	size   int64  // of the files; 0 for the usual
	beside string // other findings that the cause brings about, by name
	hides  string // those of the product as it comes that the cause hides
}

// mendTrials are those that have anything special, by finding and product.
var mendTrials = map[*probe.Finding]map[*probe.Product]mendTrial{}

// Each mend that is said to be tried is: its cause shows its finding through the
// product, beside what the product shows as it comes, and its lines take it away.
func TestMends(t *testing.T) {
	for _, m := range probe.Mends {
		if m.Tried == "" {
			continue
		}
		t.Run(m.Finding.Name+" in "+m.Product.Name, func(t *testing.T) {
			trial := mendTrials[m.Finding][m.Product]
			asItComes := trial.shown(t, m, "")
			caused := slices.DeleteFunc(slices.Clone(asItComes), func(name string) bool { return slices.Contains(strings.Fields(trial.hides), name) })
			caused = union(caused, append(strings.Fields(trial.beside), m.Finding.Name))
			if got := trial.shown(t, m, m.Cause); !slices.Equal(got, caused) {
				t.Errorf("with\n%s\nit shows %q, want %q", m.Cause, got, caused)
			}
			if got := trial.shown(t, m, mended(m)); !slices.Equal(got, asItComes) {
				t.Errorf("with\n%s\nit shows %q, want %q", mended(m), got, asItComes)
			}
		})
	}
}

// mended are the lines of a configuration with those of m in their place.
func mended(m *probe.Mend) string {
	switch m.At {
	case probe.Above:
		return m.Lines + "\n" + m.Cause
	case probe.Instead:
		return m.Lines
	}
	return m.Cause + "\n" + m.Lines
}

// shown are the names of the findings of a run through the product of m with some
// lines, in their order; what another finding accounts for is left out.
func (trial mendTrial) shown(t *testing.T, m *probe.Mend, lines string) []string {
	t.Helper()
	server := fakeWSUS(t, trial.size, false)
	authority := strings.TrimPrefix(server, "http://")
	target := probe.Target{Host: authority, Secure: authority}
	address, _ := product(t, m.Product.Name).startWith(t, map[string]string{m.In: target.Fill(lines)}, authority)
	if trial.login {
		address = "alice:s3cret@" + address
	}
	r, _ := runJSON(t, append(strings.Fields(trial.args), "--proxy", "http://"+address, "--server", server)...)
	var names []string
	for _, g := range []probe.Grade{probe.Fail, probe.Warn, probe.Note} {
		names = append(names, strings.Fields(alone(r, g))...)
	}
	slices.Sort(names)
	return names
}

// union are the words of both, in their order, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// Squid takes every line that a mend tells to type, with its server by name and by
// address.
func TestSquidTakesTheMends(t *testing.T) {
	for _, server := range []string{"wsus.example", "192.0.2.1", "2001:db8::1"} {
		target := probe.Target{Host: net.JoinHostPort(server, "8530"), Secure: net.JoinHostPort(server, "8531")}
		for _, m := range probe.Mends {
			if m.Product != probe.Squid {
				continue
			}
			file := filepath.Join(t.TempDir(), "squid.conf")
			text := "http_port 127.0.0.1:1\nacl SSL_ports port 443\nacl bump ssl::server_name none.example\n" + target.Fill(m.Lines) + "\n"
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "squid", "-k", "parse", "-f", file).CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("ERROR")) || bytes.Contains(out, []byte("FATAL")) {
				t.Errorf("%s for %s: %v\n%s\n%s", m.Finding.Name, server, err, text, out)
			}
		}
	}
}
