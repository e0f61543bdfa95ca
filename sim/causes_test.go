package sim_test

import (
	"slices"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
	"proxycheck/sim"
)

// A cause that a run did not look at is not ruled out: of a run without the steps that
// show its finding, each code of that finding leaves it open.
func TestCausesStayOpen(t *testing.T) {
	t.Parallel()
	for i, f := range sim.Faults {
		if f.Silent() || len(f.Shows) != 1 || i%4 != 0 || f.As != "" || f.Login || f.Ladders || f.Idle > 0 {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			recorded := recordWith(t, probe.Profiles[0], quickUnderRace, f)
			r := probe.Conclude(recorded, probe.About{})
			at := slices.IndexFunc(r.Findings, func(shown probe.Shown) bool { return shown.Name == f.Shows[0].Name })
			if at < 0 {
				return // only some runs show it
			}
			var about probe.About
			for _, code := range r.Findings[at].Codes {
				c, err := wuerr.Parse(code)
				if err != nil {
					t.Fatal(err)
				}
				about.Seen = append(about.Seen, c)
			}
			blind := *recorded
			blind.Results = slices.DeleteFunc(slices.Clone(recorded.Results), func(result *probe.Result) bool {
				return slices.ContainsFunc(r.Steps, func(s probe.Played) bool { return s.ID == result.Step.ID() && len(s.Findings) > 0 })
			})
			for _, q := range probe.Conclude(&blind, about).Seen {
				isCause := func(c probe.Cause) bool { return c.Cause == f.Shows[0].Name }
				if slices.ContainsFunc(q.RuledOut, isCause) {
					t.Errorf("%s: %s is ruled out, and it is the cause", q.Code, f.Shows[0].Name)
				}
				if len(q.ExplainedBy) == 0 && !slices.Contains(q.NotRuledOut, f.Shows[0].Name) {
					t.Errorf("%s: %s is not among what is open, %v", q.Code, f.Shows[0].Name, q.NotRuledOut)
				}
			}
		})
	}
}

// What a run did look at is ruled out, by the first step that shows it.
func TestCausesRuledOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault, finding string
		ruledOut       map[string]string // cause -> step
		open           []string
	}{
		{"content-range-removed", "range-unstated", map[string]string{"range-ignored": "bits-range-first", "multi-range-unsupported": "bits-multi-4"}, []string{"range-wrong", "length-missing"}},
		// Whole files came in place of parts: whether parts would be right, nobody knows.
		{"range-removed", "range-ignored", map[string]string{"size-wrong": "bits-size", "page-instead": "bits-range-first"}, []string{"range-unstated", "range-wrong"}},
		{"server-pool-stopped", "server-unavailable", map[string]string{"server-behind-proxy-down": "wua-config"}, nil},
		{"server-gone-503", "server-behind-proxy-down", map[string]string{"server-unavailable": "wua-config"}, nil},
		// Of the server's own certificate nothing was seen.
		{"tls-inspected", "tls-inspected", map[string]string{"revocation-blocked": "ctl-roots"}, []string{"certificate-invalid"}},
		{"connect-denied", "tunnel-denied", map[string]string{"proxy-refuses": "wua-config", "tunnel-only-443": "fe2-config"}, nil},
		{"answer-withheld", "proxy-silent", map[string]string{"proxy-unreachable": "wua-config"}, nil},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			r := run(t, probe.Profiles[0], fault(t, tt.fault))
			i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool { return f.Name == tt.finding })
			if i < 0 {
				t.Fatalf("%s is not shown", tt.finding)
			}
			got := map[string]string{}
			for _, c := range r.Findings[i].RuledOut {
				got[c.Cause] = c.Step
			}
			for cause, step := range tt.ruledOut {
				if got[cause] != step {
					t.Errorf("%s is ruled out by %q, want %s", cause, got[cause], step)
				}
			}
			for _, cause := range tt.open {
				if !slices.Contains(r.Findings[i].NotRuledOut, cause) {
					t.Errorf("%s is not left open; open are %v", cause, r.Findings[i].NotRuledOut)
				}
			}
		})
	}
}
