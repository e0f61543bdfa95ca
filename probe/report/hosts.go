package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
)

// hosts writes what became of the hosts of the URL lists: a line for each of which
// something is to be said, and of the rest how many.
func (t *text) hosts(r *probe.Report) {
	if len(r.Hosts) == 0 {
		return
	}
	t.printf("\nhosts of the lists\n")
	for _, l := range r.Lists {
		t.printf("  %s\n", strings.Join(fold(listLine(l), width-2), "\n    "))
	}
	passed := 0
	for _, h := range byStatus(r.Hosts) {
		if h.Status == probe.StatusPass && !t.Verbose {
			passed++
			continue
		}
		before, after := t.painted(string(h.Status))
		if t.err == nil {
			_, t.err = fmt.Fprintf(t.w, "  %s%-7s%s ", before, h.Status, after)
		}
		t.printf("%-9s  %-52s  %s\n", string(h.By), h.Host, came(h))
	}
	if passed > 0 {
		t.printf("  pass    %d of %d\n", passed, len(r.Hosts))
	}
}

// came is what came of h: the answer, and what that shows.
func came(h probe.AskedHost) string {
	return cmp.Or(strings.Trim(h.Finding+", "+statusLine(h.Answer), ", "), "-")
}

// listLine says of a list what it is, and how far it can be relied on.
func listLine(l probe.List) string {
	line := l.Name + " (" + l.Title + "), " + endpoint.Standing(l.Date, l.Old, endpoint.Sure(l.Sure))
	if l.Old {
		line += ". Look at Microsoft's page, and give what is new with --endpoints"
	}
	return line
}

// statusOrder is the order in which hosts are shown.
var statusOrder = []probe.Status{probe.StatusFail, probe.StatusWarn, probe.StatusUnknown, probe.StatusSkip, probe.StatusPass}

// byStatus are hosts, those first of which there is most to say.
func byStatus(hosts []probe.AskedHost) []probe.AskedHost {
	sorted := slices.Clone(hosts)
	slices.SortStableFunc(sorted, func(a, b probe.AskedHost) int {
		return slices.Index(statusOrder, a.Status) - slices.Index(statusOrder, b.Status)
	})
	return sorted
}

// patterns are those of the lists under which the hosts are that show a finding; "" for
// none.
func patterns(r *probe.Report, f probe.Shown) string {
	var list []string
	for _, h := range r.Hosts {
		if h.Pattern != "" && slices.Contains(f.Steps, h.Step) && h.Status != probe.StatusPass && !slices.Contains(list, h.Pattern) {
			list = append(list, h.Pattern)
		}
	}
	return strings.Join(list, ", ")
}

// ofHost tells whether s asks a host of the lists, and shows nothing that is not in
// their table.
func ofHost(r *probe.Report, s probe.Played) bool {
	return s.Name == "reach-control" && len(s.Findings) == 0 ||
		slices.ContainsFunc(r.Hosts, func(h probe.AskedHost) bool { return h.Step == s.ID })
}
