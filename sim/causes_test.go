package sim_test

import (
	"slices"
	"testing"

	"proxycheck/probe"
)

// Of the other causes of its code, a finding says which the run rules out, and by
// which step, and which it leaves open.
func TestOtherCauses(t *testing.T) {
	for _, tt := range []struct {
		fault, finding string
		ruledOut       map[string]string // cause -> step
		open           []string
	}{
		{"content-range-removed", "range-unstated", map[string]string{"range-ignored": "bits-range-first", "page-instead": "bits-size", "multi-range-unsupported": "bits-multi-4"}, []string{"range-wrong", "length-missing"}},
		// Whole files came in place of parts: whether parts would be right, nobody knows.
		{"range-removed", "range-ignored", map[string]string{"size-wrong": "bits-size"}, []string{"range-unstated", "range-wrong"}},
		{"server-pool-stopped", "server-unavailable", map[string]string{"server-behind-proxy-down": "wua-config"}, nil},
		{"tls-inspected", "tls-inspected", map[string]string{"certificate-invalid": "wua-config", "revocation-blocked": "ctl-roots"}, nil},
		// Nothing was sent behind the first silence, so nothing is known of bodies.
		{"answer-withheld", "proxy-silent", map[string]string{"proxy-unreachable": "wua-config"}, []string{"body-trickles"}},
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
			for _, f := range r.Findings {
				for _, c := range f.RuledOut {
					if slices.ContainsFunc(r.Findings, func(other probe.Shown) bool { return other.Name == c.Cause }) {
						t.Errorf("%s says that %s is ruled out, which is shown", f.Name, c.Cause)
					}
				}
			}
		})
	}
}
