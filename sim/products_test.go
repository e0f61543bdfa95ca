package sim_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe"
	"proxycheck/sim"
)

// productsShow is what each product shows in a whole run, and who must act on each
// finding.
var productsShow = map[string]string{
	"squid-range-offset":  "range-fetched-whole proxy",
	"squid-range-removed": "cold-fails proxy",
	"apache-2.0":          "size-hidden proxy",
	"apache-deflate":      "content-recoded proxy",
	"nginx-slice":         "multi-range-unsupported proxy, requests-changed proxy",
	"antivirus-trickle":   "body-trickles proxy",
	"antivirus-progress":  "progress-page proxy",
	"isa-2004":            "login-wanted proxy",
	"isa-2004-closing":    "login-broken proxy",
	"isa-2004-null":       "login-denied proxy",
	"captive-portal":      "redirect-unusable proxy",
	"inspecting":          "tls-inspected proxy",
	"exact-names":         "prefix-denied proxy",
	"wsus-pool-stopped":   "server-unavailable server",

	"leftover-policy-dropped":      "server-unreachable network",
	"leftover-policy-nameless":     "server-name-unknown client",
	"leftover-policy-503":          "server-behind-proxy-down unknown",
	"leftover-policy-nameless-503": "server-behind-proxy-down unknown",
	"leftover-policy-502":          "server-behind-proxy-down unknown",
	"leftover-policy-504":          "server-behind-proxy-down unknown",
}

func TestProducts(t *testing.T) {
	t.Parallel()
	for _, p := range sim.Products {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			r := run(t, probe.Profiles[0], p.Fault())
			if got, want := names(r), wantedNames(p.Fault()); !slices.Equal(got, want) {
				t.Errorf("it shows %v, want %v", got, want)
			}
			var acting []string
			for _, f := range r.Findings {
				if f.Under == "" {
					acting = append(acting, f.Name+" "+string(f.Owner))
				}
			}
			slices.Sort(acting)
			if got := strings.Join(acting, ", "); got != productsShow[p.Name] {
				t.Errorf("it shows %q, want %q", got, productsShow[p.Name])
				for _, f := range r.Findings {
					t.Logf("%s: %s", f.Name, f.Evidence)
				}
			}
		})
	}
	if len(productsShow) != len(sim.Products) {
		t.Errorf("%d products are known, and there are %d", len(productsShow), len(sim.Products))
	}
}

// Each row has what is said of it, and faults that are there and can be together.
func TestProductRows(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, p := range sim.Products {
		if !kebab.MatchString(p.Name) || seen[p.Name] || sim.Lookup(p.Name) != nil || sim.LookupProduct(p.Name) != p {
			t.Errorf("the name %q is not in kebab case, or not the only one", p.Name)
		}
		if seen[p.Name] = true; p.Title == "" || len(p.Title) > 90 || strings.HasSuffix(p.Title, ".") || p.Source == "" || len(p.Faults) == 0 {
			t.Errorf("%s lacks a title of at most 90 characters, a source or faults", p.Name)
		}
		if slices.Contains(p.Parts(), nil) {
			t.Errorf("%s: of %v some are no faults", p.Name, p.Faults)
			continue
		}
		n, err := sim.NewNet("", p.Parts()...)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		n.Close()
	}
}

// The ways of a proxy to say that it does not reach the server show one finding, whose
// evidence tells them apart: the status, and who signed it.
func TestGoneServersDiffer(t *testing.T) {
	for name, says := range map[string][]string{
		"server-gone-503":     {`"HTTP/1.1 503 Service Unavailable"`, `X-Squid-Error: "ERR_CONNECT_FAIL 110"`, `Server: "squid/5.7"`, `Via: "1.1 proxy.test (squid/5.7)"`},
		"server-nameless-503": {`"HTTP/1.1 503 Service Unavailable"`, `X-Squid-Error: "ERR_DNS_FAIL 0"`, `Server: "squid/5.7"`, `Via: "1.1 proxy.test (squid/5.7)"`},
		"server-gone-502":     {`"HTTP/1.1 502 Proxy Error ( The host was not found. )"`, `Via: "1.1 ISA"`},
		"server-gone-504":     {`"HTTP/1.1 504 Gateway Time-out"`, `X-Squid-Error: "ERR_CANNOT_FORWARD 11"`, `Via: "1.0 proxy.test:3128 (squid/2.7.STABLE9)"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := compared(t, fault(t, name))
			i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool { return f.Name == "server-behind-proxy-down" })
			if i < 0 {
				t.Fatalf("it shows %v", names(r))
			}
			for _, text := range says {
				if f := r.Findings[i]; !strings.Contains(f.Evidence, text) || f.Owner != probe.Unknown {
					t.Errorf("the owner is %s, and the evidence %s, want %s", f.Owner, f.Evidence, text)
				}
			}
			if left := strings.Join(r.NotTested, "\n"); !strings.Contains(left, "the update server cannot be reached without the proxy") {
				t.Errorf("of the way without the proxy it is said: %s", left)
			}
		})
	}
}

// A pool that is stopped stays one behind a proxy that says that it was there: the
// answer bears the server's own sign, and is the same without the proxy.
func TestStoppedPoolThroughProxy(t *testing.T) {
	n, err := sim.NewNet("", fault(t, "server-pool-stopped"), sim.ForTests["via-squid"])
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.Server.Size = smallSize
	r := comparedIn(t, n)
	f := r.Findings[0]
	if got := names(r); !slices.Equal(got, []string{"server-unavailable"}) || f.Owner != probe.Server ||
		!strings.Contains(f.Evidence, `Server: "Microsoft-HTTPAPI/2.0"`) || !strings.Contains(f.Evidence, `Via: "1.1 proxy.test (squid/5.7)"`) ||
		!strings.Contains(f.Evidence, "without the proxy it is the same") {
		t.Errorf("it shows %v, for the %s to mend: %s", got, f.Owner, f.Evidence)
	}
}

// compared is the report of a run in a net with a fault, and of what failed in it
// without the proxy.
func compared(t *testing.T, f *sim.Fault) *probe.Report {
	t.Helper()
	n, err := sim.NewNet("", f)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	return comparedIn(t, n)
}

func comparedIn(t *testing.T, n *sim.Net) *probe.Report {
	t.Helper()
	c := n.Client(ample)
	r := c.Run(t.Context())
	c.CompareDirect(t.Context(), r, probe.Failed(r, false))
	return probe.Conclude(r, probe.About{})
}
