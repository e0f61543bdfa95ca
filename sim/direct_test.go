package sim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
)

// clientOf is a client in a net with the faults of those names, and its net.
func clientOf(t *testing.T, faults ...string) (*probe.Client, *Net) {
	t.Helper()
	var breaks []func(*Net)
	for _, name := range faults {
		breaks = append(breaks, Lookup(name).Break)
	}
	n := brokenNet(t, breaks...)
	c := n.Client(patience)
	c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return s.Variant != "" })
	return c, n
}

// compared are the results of a run that have been tried without the proxy.
func compared(r *probe.Run) []*probe.Result {
	return slices.DeleteFunc(slices.Clone(r.Results), func(r *probe.Result) bool {
		return r.Observation == nil || r.Observation.Direct == nil
	})
}

// wentWell tells whether nothing fails by which an exchange is judged.
func wentWell(s *probe.Step, o *probe.Observation) bool {
	return !slices.ContainsFunc(probe.Judge(s, o), func(v probe.Verdict) bool { return v.Grade == probe.Fail })
}

// What fails only through the proxy goes well without it, and what the server does
// is the same both ways.
func TestCompareDirect(t *testing.T) {
	for name, proxys := range map[string]bool{
		"cab-denied": true, "connect-denied": true, "range-removed": true, "body-reset": true, "block-page": true, "tls-inspected": true,
		"soap-body-limited": true, "head-length-removed": true,
		"server-pool-stopped": false, "server-error": false, "server-without-wsus": false, "server-refuses-calls": false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := clientOf(t, name)
			r := c.Run(t.Context())
			failed := probe.Failed(r, true)
			requests, in, out := r.Requests, r.In, r.Out
			c.CompareDirect(t.Context(), r, failed)
			if r.DirectFailed != "" || len(failed) == 0 || r.Requests-requests < len(failed) || r.In <= in || r.Out <= out {
				t.Errorf("%d steps failed, %d requests, %d and %d bytes more, %q", len(failed), r.Requests-requests, r.In-in, r.Out-out, r.DirectFailed)
			}
			for _, result := range r.Results {
				tried := result.Observation != nil && result.Observation.Direct != nil
				if !slices.Contains(failed, result.Step) {
					continue
				}
				if !tried {
					t.Errorf("%s was not tried without the proxy", result.Step.ID())
					continue
				}
				direct := result.Observation.Direct
				if well := wentWell(result.Step, direct); well != proxys || !direct.NoProxy || direct.Remote == result.Observation.Remote {
					t.Errorf("%s went to %s, well %v: %+v", result.Step.ID(), direct.Remote, well, probe.Judge(result.Step, direct))
				}
			}
		})
	}
}

// Each step can be tried alone: what it needs goes before it. It is so with a
// server that says what it is, and with one of which nothing is known.
func TestCompareEachDirect(t *testing.T) {
	hidden := origin(under(wusp.HelloPath), notFound)
	for _, kind := range []probe.TargetKind{probe.Embedded, probe.WSUS} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			n := brokenNet(t, hidden)
			c := n.Client(patience)
			c.Steps, c.Register = append(c.Steps, probe.LaddersOf()...), true
			if kind == probe.WSUS {
				host, port, _ := net.SplitHostPort(c.Target.Host)
				secure := c.Target.Secure
				c.Target, _ = probe.SplitServer("http", host, port)
				c.Target.Secure, c.Target.Guessed = secure, false
			}
			r := c.Run(t.Context())
			for _, result := range r.Results {
				if result.LeftOut {
					continue
				}
				c.CompareDirect(t.Context(), r, []*probe.Step{result.Step})
				switch o := result.Observation; {
				case o == nil || o.Direct == nil:
					t.Errorf("%s was not compared: %q%s", result.Step.ID(), r.DirectFailed, result.WaitedFor)
				case !wentWell(result.Step, o.Direct) || o.Direct.Body.Abandoned != o.Body.Abandoned:
					t.Errorf("%s went otherwise: %+v", result.Step.ID(), probe.Judge(result.Step, o.Direct))
				}
			}
			if r.DirectFailed != "" || r.Target.Kind != kind {
				t.Errorf("a %s: %q", r.Target.Kind, r.DirectFailed)
			}
		})
	}
}

// Where the server cannot be reached but through the proxy nothing is compared, the
// report says why, and it is tried once.
func TestDirectUnreachable(t *testing.T) {
	silent := func(asked *atomic.Int64) func(*Net) {
		return func(n *Net) {
			honest := n.DNS.Answer
			n.DNS.Answer = func(q *dns.Msg) *dns.Msg {
				if !strings.HasPrefix(q.Question[0].Name, ServerName) {
					return honest(q)
				}
				asked.Add(1)
				return nil
			}
		}
	}
	var asked atomic.Int64
	for name, tt := range map[string]struct {
		closed  func(*Net)
		failure string
	}{
		"its name is not known": {func(n *Net) { n.OnlyProxy = true }, "no such name"},
		"no answer to its name": {silent(&asked), "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			n := brokenNet(t, tt.closed, denied(everything))
			c := n.Client(3 * time.Second) // less than package net waits before it asks again
			r := c.Run(t.Context())
			if asked.Load() > 0 {
				t.Error("the server's name was asked for where there is a proxy")
			}
			requests := r.Requests
			c.CompareDirect(t.Context(), r, probe.Failed(r, true))
			want := fmt.Sprintf("the update server cannot be reached without the proxy: %s: resolving the name: %s", c.Target.Host, tt.failure)
			if r.DirectFailed != want || len(compared(r)) > 0 || r.Requests != requests+1 || asked.Load() > 2 { // for each kind of address
				t.Errorf("%q, %d compared, %d requests more, %d questions; want %q", r.DirectFailed, len(compared(r)), r.Requests-requests, asked.Load(), want)
			}
			report := probe.Conclude(r, probe.About{})
			if !strings.Contains(strings.Join(report.NotTested, "\n"), want) || len(report.Routes) > 0 || !report.Complete {
				t.Errorf("the report says %q, by %+v", report.NotTested, report.Routes)
			}
		})
	}
}

// A port that nobody reaches without the proxy leaves the steps for the other.
func TestDirectHalfReachable(t *testing.T) {
	c, n := clientOf(t, "connect-denied", "cab-denied")
	r := c.Run(t.Context())
	n.Server.secure.Close()
	c.CompareDirect(t.Context(), r, probe.Failed(r, true))
	for _, result := range r.Results {
		if o := result.Observation; o != nil && o.Direct == nil != (o.Tunnel != nil) && slices.Contains(probe.Failed(r, true), result.Step) {
			t.Errorf("%s was tried without the proxy: %v", result.Step.ID(), o.Direct != nil)
		}
	}
	if want := c.Target.Secure + ": connecting: refused"; !strings.HasSuffix(r.DirectFailed, want) || len(compared(r)) == 0 {
		t.Errorf("%q, want %q; %d compared", r.DirectFailed, want, len(compared(r)))
	}
}

// Nothing is sent without bytes or time for it.
func TestDirectBudget(t *testing.T) {
	c, n := clientOf(t, "cab-denied")
	var arrived atomic.Int64
	inside := n.Server.http.Handler
	n.Server.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		inside.ServeHTTP(w, r)
	})
	r := c.Run(t.Context())
	before, requests := arrived.Load(), r.Requests

	ended, cancel := context.WithTimeoutCause(t.Context(), 0, probe.ErrTime)
	defer cancel()
	spent := *c
	for _, tt := range []struct {
		ctx      context.Context
		maxBytes int64
		want     string
	}{{t.Context(), r.In + r.Out, "max-bytes"}, {t.Context(), 1, "max-bytes"}, {ended, 0, "max-time"}} {
		r.DirectFailed, spent.MaxBytes = "", tt.maxBytes
		spent.CompareDirect(tt.ctx, r, probe.Failed(r, true))
		if want := "what was tried without the proxy was ended by " + tt.want; r.DirectFailed != want || len(compared(r)) > 0 || r.Requests != requests || arrived.Load() != before {
			t.Errorf("%q, want %q; %d compared, %d requests more", r.DirectFailed, want, len(compared(r)), r.Requests-requests)
		}
	}

	r.DirectFailed, spent.MaxBytes = "", r.In+r.Out+64<<10
	spent.CompareDirect(t.Context(), r, probe.Failed(r, true))
	if !strings.HasSuffix(r.DirectFailed, "max-bytes") || len(compared(r)) == 0 || r.In+r.Out > spent.MaxBytes+64<<10 {
		t.Errorf("with some bytes left: %q, %d compared, %d of %d bytes", r.DirectFailed, len(compared(r)), r.In+r.Out, spent.MaxBytes)
	}
	for _, result := range compared(r) {
		if f := result.Observation.Direct.Failure; f != "" {
			t.Errorf("%s is compared with what was %s", result.Step.ID(), f)
		}
	}
}

// Each turn of a repeated run is compared by itself, in what failed in it.
func TestRepeatedDirect(t *testing.T) {
	c, _ := clientOf(t, "cab-denied")
	c.Steps = probe.QuickOf(c.Steps)
	r, err := c.RunRepeated(t.Context(), 2, patience)
	if err != nil {
		t.Fatal(err)
	}
	requests := r.Requests
	c.CompareDirect(t.Context(), r, probe.Failed(r, true))
	sum := 0
	for _, part := range r.Parts {
		failed := probe.Failed(part, true)
		some := compared(part)
		for _, step := range failed {
			if !slices.ContainsFunc(some, func(r *probe.Result) bool { return r.Step == step }) {
				t.Errorf("%s: %s was not compared", part.Node, step.ID())
			}
		}
		if len(failed) == 0 || len(some) == len(part.Results) {
			t.Errorf("%s: %d failed and %d were compared", part.Node, len(failed), len(some))
		}
		sum += part.Requests
	}
	if len(r.Parts) != 2 || sum != r.Requests || r.Requests == requests || r.DirectFailed != "" {
		t.Errorf("%d parts with %d of %d requests, %q", len(r.Parts), sum, r.Requests, r.DirectFailed)
	}
}

// A run without a proxy has nothing to compare with.
func TestDirectRunIsNotCompared(t *testing.T) {
	c, _ := clientOf(t, "server-port-refused")
	r := c.Run(t.Context())
	requests := r.Requests
	c.CompareDirect(t.Context(), r, probe.Failed(r, true))
	if len(compared(r)) > 0 || r.Requests != requests || r.DirectFailed != "" {
		t.Errorf("%d compared, %d requests more, %q", len(compared(r)), r.Requests-requests, r.DirectFailed)
	}
}

// Those of which the owner is settled are tried only when all are to be.
func TestFailed(t *testing.T) {
	for name, tt := range map[string]struct{ all, unsettled bool }{
		"":                 {false, false},
		"connect-denied":   {true, false},
		"proxy-overloaded": {true, true},
	} {
		var faults []string
		if name != "" {
			faults = []string{name}
		}
		c, _ := clientOf(t, faults...)
		r := c.Run(t.Context())
		all, unsettled := probe.Failed(r, true), probe.Failed(r, false)
		if len(all) > 0 != tt.all || len(unsettled) > 0 != tt.unsettled {
			t.Errorf("%s: %d failed, of %d the owner is unknown", name, len(all), len(unsettled))
		}
		for _, s := range unsettled {
			if !slices.Contains(all, s) {
				t.Errorf("%s: %s is not among all that failed", name, s.ID())
			}
		}
	}
}

// What comes well without the proxy, and then with it too, comes and goes: it is
// nobody's. What fails with it again is the proxy's.
func TestDirectIsConfirmed(t *testing.T) {
	for _, always := range []bool{false, true} {
		var seen atomic.Int32
		sometimes := func(r *http.Request) bool {
			return calls(r) && calling("GetConfig")(r) && (seen.Add(1) == 1 || always)
		}
		n := brokenNet(t, front(sometimes, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}), origin(under(wusp.HelloPath), notFound))
		c := hidden(t, n, probe.ServerBehindProxyDown)
		r := c.Run(t.Context())
		c.CompareDirect(t.Context(), r, probe.Failed(r, false))
		want := probe.Unknown
		if always {
			want = probe.Proxy
		}
		if got := ownerOf(r, probe.ServerBehindProxyDown); got != want || (r.DirectFailed == "") != always {
			t.Errorf("always %v: the owner is %q, want %s; %q", always, got, want, r.DirectFailed)
		}
	}
}
