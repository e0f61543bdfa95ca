package main

import (
	"slices"
	"strings"
	"testing"

	"proxycheck/sim"
)

// What cannot be done with products and faults is said in one line, and nothing is
// served or sent.
func TestBadProducts(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"run --server embedded --product isa-2005", `there is no product "isa-2005"; near it are isa-2004`},
		{"sim --product squid", "near it are squid-range-offset, squid-range-removed"},
		{"selftest --product nginx", "near it are nginx-slice"},
		{"sim --fault range-ignored", "there is no fault"},
		{"run --server http://w:8530 --product isa-2004", "--product goes with --server embedded or microsoft alone"},
		{"run --server embedded --proxy http://p:1 --product isa-2004", "--product and --proxy exclude each other"},
		{"run --server embedded --product leftover-policy-dropped --fault range-removed",
			"with the fault server-syn-dropped the client does not use the proxy, which the fault range-removed breaks"},
		{"run --server embedded --fault proxy-port-refused --fault proxy-syn-dropped --fault proxy-port-refused", "both need the proxy's socket"},
		{"sim --listen 127.0.0.1:0 --product leftover-policy-nameless", "--server embedded --product leftover-policy-nameless"},
		{"sim --listen 127.0.0.1:0 --fault path-block-page", "--server embedded --fault path-block-page"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, exit := run(t, strings.Fields(tt.args)...)
			if exit != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit %d, stdout %.200q, stderr %q; want 2, and a line with %q", exit, stdout, stderr, tt.want)
			}
		})
	}
}

// A product shows what its faults show, and the command of the report names it.
func TestRunProduct(t *testing.T) {
	for product, want := range map[string]string{
		"nginx-slice":              "multi-range-unsupported requests-changed",
		"isa-2004":                 "login-wanted",
		"leftover-policy-nameless": "server-name-unknown",
	} {
		r, _ := runJSON(t, "--server", "embedded", "--product", product)
		got := causes(r)
		slices.Sort(got)
		if strings.Join(got, " ") != want || !strings.Contains(r.Findings[0].Retest, " --product "+product) {
			t.Errorf("%s shows %v, want %s; again: %s", product, got, want, r.Findings[0].Retest)
		}
	}
	twice, _ := runJSON(t, "--server", "embedded", "--quick", "--product", "isa-2004", "--product", "isa-2004", "--fault", "login-isa")
	if got := causes(twice); !slices.Equal(got, []string{"login-wanted"}) {
		t.Errorf("what is named more than once shows %v", got)
	}
}

func TestSelftestProduct(t *testing.T) {
	stdout, stderr, exit := run(t, "selftest", "--product", "wsus-pool-stopped", "--product", "nginx-slice")
	if exit != 0 || !strings.Contains(stdout, "wsus-pool-stopped") || !strings.Contains(stdout, "3 ok, 0 failed") { // and the healthy net
		t.Errorf("exit %d, %s%s", exit, stdout, stderr)
	}
}

// Every product is listed and explained, under a name that nothing else has.
func TestListProducts(t *testing.T) {
	listed, _, exit := run(t, "list", "products")
	if lines := strings.Count(listed, "\n"); exit != 0 || lines != len(sim.Products) {
		t.Errorf("exit %d, %d lines for %d products", exit, lines, len(sim.Products))
	}
	named := map[string]string{}
	for _, table := range tables {
		for _, r := range table.rows() {
			if table.name != "codes" && named[r.Name] != "" && (table.name == "products" || named[r.Name] == "products") {
				t.Errorf("%s is a name in %s and in %s", r.Name, named[r.Name], table.name)
			}
			named[r.Name] = table.name
		}
	}
	for _, p := range sim.Products {
		text, stderr, exit := run(t, "explain", p.Name)
		for _, part := range append(slices.Clone(p.Faults), p.Title, p.Source, p.Fault().Shows[0].Name) {
			if exit != 0 || !strings.Contains(text, part) {
				t.Errorf("explain %s: exit %d, no %q in\n%s%s", p.Name, exit, part, text, stderr)
			}
		}
	}
}
