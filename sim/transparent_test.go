package sim

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
)

// Without a proxy, and with nothing in the path, each Windows passes every step and
// nothing is found; a box in the path that passes all on is found, and does no harm.
func TestHealthyPath(t *testing.T) {
	nothing := func(*Net) {}
	for _, profile := range probe.Profiles {
		for name, tt := range map[string]struct {
			way  func(*Net)
			want string
		}{"direct": {direct(nothing), ""}, "intercepted": {inPath(nothing), "path-intercepted note network"}} {
			t.Run(name+" "+string(profile.Windows), func(t *testing.T) {
				t.Parallel()
				c := brokenNet(t, tt.way).Client(patience)
				c.Profile, c.Steps = profile, append(probe.StepsOf(profile), probe.LaddersOf()...)
				r := probe.Conclude(c.Run(t.Context()), probe.About{})
				if got := strings.Join(acting(r), ", "); got != tt.want || r.Verdict != probe.StatusPass {
					t.Errorf("the verdict is %s, with %q, want pass with %q", r.Verdict, got, tt.want)
					for _, f := range r.Findings {
						t.Logf("%s in %v: %s", f.Name, f.Steps, f.Evidence)
					}
				}
			})
		}
	}
}

// acting are the findings of a report with their grades, and who must act on each.
func acting(r *probe.Report) []string {
	var list []string
	for _, f := range r.Findings {
		if f.Under == "" {
			list = append(list, fmt.Sprintf("%s %s %s", f.Name, f.Grade, f.Owner))
		}
	}
	return list
}

// What a box in the path does is for whoever runs the network to mend, and what the
// server does is not, whether there is a box or none.
func TestPathFaults(t *testing.T) {
	for name, want := range map[string]string{
		"path-block-page":     "page-instead fail network, path-intercepted note network",
		"path-range-dropped":  "range-ignored fail network, path-intercepted note network",
		"path-tls-resigned":   "tls-inspected fail network, path-intercepted note network",
		"path-cached":         "cold-fails fail network, path-intercepted note network",
		"server-port-refused": "server-refuses fail server",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := brokenNet(t, Lookup(name).Break)
			r := probe.Conclude(n.Client(patience).Run(t.Context()), probe.About{})
			if got := strings.Join(acting(r), ", "); got != want {
				t.Errorf("it shows %s, want %s", got, want)
			}
			for _, f := range r.Findings {
				if proven := strings.Contains(f.Evidence, "; no proxy is set, and "); proven != (f.Owner == probe.Network && f.Grade != probe.Note) {
					t.Errorf("that %s is for the %s to mend is told by %q", f.Name, f.Owner, f.Evidence)
				}
			}
		})
	}
}

// The owner is right at either end of a path that has no proxy, for a client that
// can ask the server what arrived; for one that cannot it is unknown, and never
// whoever runs a proxy.
func TestBlamePath(t *testing.T) {
	t.Parallel()
	for _, row := range blamed {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for how, tt := range map[string]struct {
				way  func(*Net)
				want probe.Owner
			}{
				"by a box in the path":             {inPath(row.by.proxy), probe.Network},
				"by the server, behind a box":      {inPath(row.by.origin), probe.Server},
				"by the server, with none between": {direct(row.by.origin), probe.Server},
			} {
				if row.unheard {
					tt.want = probe.Unknown
				}
				check := func(c *probe.Client, want probe.Owner) {
					t.Helper()
					blamed := 0
					for _, f := range probe.Conclude(c.Run(t.Context()), probe.About{}).Findings {
						if f.Grade == probe.Note || f.Usual == probe.Machine {
							continue
						}
						if blamed++; f.Owner != want {
							t.Errorf("done %s, the owner of %s is %q, want %s: %s", how, f.Name, f.Owner, want, f.Evidence)
						}
					}
					if blamed == 0 && row.name != "no HTTP" { // which makes it no update server
						t.Errorf("done %s, it shows nothing", how)
					}
				}
				check(beside(brokenNet(t, tt.way), row.shows), tt.want)
				if !row.known {
					check(hidden(t, brokenNet(t, tt.way, origin(under(wusp.HelloPath), notFound)), row.shows), probe.Unknown)
				}
			}
		})
	}
}

// A box in the path answers what is written for a server, at any place of the chain,
// and its TLS port is the server's, byte for byte.
func TestInPath(t *testing.T) {
	n := brokenNet(t, inPath(func(n *Net) {
		answer(under("/taken"), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbox")(n)
		response(everything, func(r *http.Response) { r.Header.Set("X-Box", "1") })(n)
	}))
	c := n.Client(patience)
	if c.Proxy != "" {
		t.Fatalf("the client has the proxy %s", c.Proxy)
	}
	get := func(url string) (*http.Response, string) {
		answer, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		return answer, string(body)
	}
	if _, body := get("http://" + n.Addr() + "/taken"); body != "box" {
		t.Errorf("the box answers %q", body)
	}
	if _, err := n.route(c.Target.Host); err != nil {
		t.Errorf("the box does not know the server as the client does: %v", err)
	}
	run := c.Run(t.Context())
	for _, result := range run.Results {
		o := result.Observation
		if o == nil || !o.Complete() || o.Witness == nil || o.Witness.Closest == nil {
			continue
		}
		if marked := o.Answer.Get("X-Box") != ""; marked == (o.TLS != nil) {
			t.Errorf("%s: TLS %v, and the box has seen its answer: %v", result.Step.ID(), o.TLS != nil, marked)
		}
		if o.TLS != nil && !o.Trust.OwnRoot {
			t.Errorf("%s: the certificate is %+v", result.Step.ID(), o.Trust)
		}
	}
}

// Faults of which one would not show beside the other refuse each other in one line
// by name, in whatever order they stand.
func TestFaultsExclude(t *testing.T) {
	for _, tt := range []struct{ faults, want string }{
		{"proxy-port-refused proxy-syn-dropped", "the faults proxy-port-refused and proxy-syn-dropped both need the proxy's socket"},
		{"proxy-port-refused proxy-syn-dropped proxy-port-refused", "the faults proxy-port-refused and proxy-syn-dropped both need the proxy's socket"},
		{"server-port-refused range-removed", "with the fault server-port-refused the client does not use the proxy, which the fault range-removed breaks"},
		{"cab-denied range-removed server-name-gone", "with the fault server-name-gone the client does not use the proxy, which the fault cab-denied breaks"},
		{"head-denied proxy-is-server", "with the fault proxy-is-server the client does not use the proxy, which the fault head-denied breaks"},
		{"path-block-page range-removed", ""}, // of which the box does both
		{"server-pool-stopped server-port-refused", ""},
	} {
		var faults []*Fault
		for name := range strings.FieldsSeq(tt.faults) {
			faults = append(faults, Lookup(name))
		}
		n, err := NewNet("", faults...)
		if err == nil {
			n.Close()
		}
		if got := fmt.Sprint(err); got != tt.want && (tt.want != "" || err != nil) {
			t.Errorf("%s: %s, want %q", tt.faults, got, tt.want)
		}
	}
}
