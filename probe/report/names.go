package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe"
)

// names writes what the name service said, where something is wrong with it or all is
// wanted.
func (t *text) names(r *probe.Report) {
	wrong := slices.ContainsFunc(r.Findings, func(f probe.Shown) bool { return probe.OfNames(f.Name) })
	if len(r.Names) == 0 || !wrong && !t.Verbose {
		return
	}
	t.printf("\nnames\n")
	for _, n := range r.Names {
		t.printf("  %s\n", n.Name)
		for _, l := range n.Asked {
			t.printf("    %-4s  %-24s  %8s  %s\n", l.Type, cmp.Or(l.Server, "the system"), milliseconds(l.TookMS), answer(n.Name, l))
		}
		for _, tried := range n.Tried {
			t.printf("    TCP   %-24s  %8s  %s\n", tried.Address, milliseconds(tried.TookMS), tried.Result)
		}
	}
}

// milliseconds is a time as the steps have it.
func milliseconds(ms float64) string { return fmt.Sprintf("%.0f ms", ms) }

// maxShown is the most addresses that stand on a line.
const maxShown = 4

// answer is what became of a question for a name.
func answer(name string, l probe.ShownLookup) string {
	said := cmp.Or(l.Rcode, l.Failure)
	if len(l.Addresses) > 0 {
		said = strings.Join(l.Addresses[:min(len(l.Addresses), maxShown)], ", ")
		if more := len(l.Addresses) - maxShown; more > 0 {
			said += fmt.Sprintf(" and %d more", more)
		}
	}
	if l.Name != name {
		said += " for " + l.Name
	}
	if len(l.Aliases) > 0 {
		said += " by way of " + strings.Join(l.Aliases[:min(len(l.Aliases), maxShown)], ", ")
	}
	if l.Foreign != "" {
		said += "; an answer was for " + l.Foreign
	}
	return said
}
