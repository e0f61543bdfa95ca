package sim_test

import (
	"slices"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
)

// Each code that the documents behind this program name, and that shows on the
// wire, is shown by a fault, for the agent and in the layer that logs it there. The
// others are of the client's settings and services: explain has them.
func TestCodesOfTheDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code   wuerr.Code
		source string
		fault  string
		as     probe.Windows
		agent  probe.Agent
		layer  probe.Layer // "" for every
	}{
		{0x80072EFE, "KB2894304", "answer-reset", probe.Win11, probe.WUA, probe.SOAP},
		{0x80244022, "KB2894304", "proxy-overloaded", probe.Win11, probe.WUA, probe.SOAP},
		{0x80072EFD, "KB2894304", "proxy-port-refused", probe.Win7, probe.WUA, probe.SOAP},
		{0x80072EFD, "a diary of 2004", "proxy-syn-dropped", probe.Win7, probe.WUA, probe.SOAP},
		{0x80072EE2, "KB2894304", "answer-withheld", probe.Win7, probe.WUA, probe.SOAP},
		{0x80072EE2, "a capture of Windows XP, 2004", "proxy-syn-dropped", probe.XP, probe.WUA, probe.SOAP},
		{0x80240438, "a dead WSUS on Windows 10", "server-syn-dropped", probe.Win10, probe.WUA, probe.SOAP},
		{0x8024402C, "a diary of 2004", "proxy-name-gone", probe.Win11, probe.WUA, ""},
		{0x8024402C, "WSUS policy left behind, 2014", "server-name-gone", probe.Win7, probe.WUA, ""},
		{0x8024502D, "a diary of 2004", "redirector-stale", probe.Win7, probe.WUA, probe.Fetch},
		{0x801901F7, "WSUS policy left behind, 2014", "proxy-overloaded", probe.Win7, probe.WUA, probe.Fetch},
		{0x80244022, "WSUS policy left behind, 2014", "proxy-overloaded", probe.Win7, probe.WUA, probe.Fetch},
		{0x80200013, "KB10132", "range-removed", probe.Win11, probe.BITS, ""},
		{0x80200011, "KB10132", "head-length-removed", probe.Win11, probe.BITS, ""},
		{0x80190193, "KB10132", "cab-denied", probe.Win11, probe.BITS, probe.Job},
		{0x80072EE7, "KB10132", "proxy-name-gone", probe.Win11, probe.BITS, ""},
		{0x80072F78, "KB10132", "answer-malformed", probe.Win11, probe.BITS, ""},
		{0x80244021, "KB885819", "server-unreachable", probe.Win11, probe.WUA, probe.SOAP},
		{0x80244019, "KB885819", "server-files-missing", probe.Win7, probe.WUA, probe.Fetch},
		{0x80244018, "KB885819", "request-denied", probe.Win11, probe.WUA, probe.SOAP},
	} {
		t.Run(tt.code.String()+" of "+tt.source, func(t *testing.T) {
			t.Parallel()
			profile, err := probe.LookupProfile(string(tt.as))
			if err != nil {
				t.Fatal(err)
			}
			logged := func(c probe.ShownCode) bool {
				return c.Code == tt.code.String() && c.Agent == tt.agent && (c.Layer == tt.layer || c.Layer == "") && tt.as.Within(c.Since, c.Until)
			}
			r := run(t, profile, fault(t, tt.fault))
			if !slices.ContainsFunc(r.Findings, func(f probe.Shown) bool { return slices.ContainsFunc(f.CodesAll, logged) }) {
				t.Errorf("%s as %s does not show it: %v", tt.fault, tt.as, names(r))
			}
		})
	}
}
