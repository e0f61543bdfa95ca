package sim_test

import (
	"strings"
	"testing"

	"proxycheck/probe"
	"proxycheck/sim"
)

// Faults at different places show both their findings, and none hides under one
// that has another cause.
func TestFaultsCompose(t *testing.T) {
	for _, tt := range []struct{ faults, want string }{
		{"range-removed connect-denied head-length-removed", "range-ignored size-hidden tunnel-denied"},
		{"nodes-differ exe-altered", "clients-differ content-altered"},
		{"range-far-wrong exe-altered", "content-altered far-range-broken"},
		{"server-without-iuident connect-denied", "file-retired tunnel-denied"},
		{"host-rewritten soap-body-limited", "body-refused host-rewritten"},
		{"range-clamped", "range-wrong"},
		{"exe-reset", "connection-closed"},
		{"host-other", "host-rewritten"},
		{"query-empty", "file-missing"},
		{"now-and-then-503", "server-behind-proxy-down"},
	} {
		t.Run(tt.faults, func(t *testing.T) {
			t.Parallel()
			var faults []*sim.Fault
			for name := range strings.FieldsSeq(tt.faults) {
				if f := sim.ForTests[name]; f != nil {
					faults = append(faults, f)
				} else {
					faults = append(faults, fault(t, name))
				}
			}
			r := run(t, probe.Profiles[0], faults...)
			if got := strings.Join(names(r), " "); got != tt.want {
				t.Errorf("they show %s", got)
				for _, f := range r.Findings {
					t.Logf("%s under %q: %s in %v", f.Name, f.Under, f.Evidence, f.Steps)
				}
			}
		})
	}
}
