package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
)

// width is that of a line of prose.
const width = 78

// A text is a report under way to w. It keeps the first error.
type text struct {
	w io.Writer
	Style
	err  error
	said map[string]bool // reasons that need no second line
}

// printf writes a line or more. What is put in is cleaned: it may come from the
// network.
func (t *text) printf(format string, args ...any) {
	if t.err != nil {
		return
	}
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = clean(a)
		case fmt.Stringer:
			args[i] = clean(a.String())
		}
	}
	_, t.err = fmt.Fprintf(t.w, format, args...)
}

// clean is s without what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return '?'
		}
		return r
	}, s)
}

// painted is s in the colour of a status, where colours are wanted.
func (t *text) painted(status string) (before, after string) {
	colour := map[string]string{"fail": "31", "warn": "33", "unknown": "33", "pass": "32"}[status]
	if !t.Color || colour == "" {
		return "", ""
	}
	return "\x1b[1;" + colour + "m", "\x1b[0m"
}

// verdicts say what a verdict means for updates.
var verdicts = map[probe.Status]string{
	probe.StatusPass:    "PASS: Windows Update works",
	probe.StatusWarn:    "WARN: Windows Update works, with reservations,",
	probe.StatusFail:    "FAIL: Windows Update does not work",
	probe.StatusUnknown: "UNKNOWN: it could not be told whether Windows Update works",
}

// headline is the verdict in words. A part of the steps proves no more than that.
func headline(r *probe.Report) string {
	if r.Verdict == probe.StatusPass && len(r.LeftOut) > 0 {
		made := map[string]bool{} // once, however often a run is repeated
		for _, s := range r.Steps {
			made[s.Name+"@"+s.Variant] = true
		}
		return fmt.Sprintf("PASS of %d of %d steps: nothing is proved of the rest", len(made), len(made)+len(r.LeftOut))
	}
	conditional := func(f probe.Shown) bool { return f.Grade != probe.Fail || f.Under != "" || f.Condition != "" }
	if r.Verdict == probe.StatusFail && !slices.ContainsFunc(r.Findings, func(f probe.Shown) bool { return !conditional(f) }) {
		return strings.Replace(verdicts[r.Verdict], ":", ", unless what is said below holds:", 1)
	}
	return verdicts[r.Verdict]
}

func (t *text) head(r *probe.Report) {
	t.questions(r)
	before, after := t.painted(string(r.Verdict))
	way := "without a proxy (" + r.Route.Source + ")"
	if r.Route.Proxy != "" {
		way = "through " + r.Route.Proxy + " (" + r.Route.Source + ")"
	}
	if t.err == nil {
		_, t.err = io.WriteString(t.w, before)
	}
	t.printf("%s", headline(r))
	if t.err == nil {
		_, t.err = io.WriteString(t.w, after)
	}
	t.printf(" %s\n", way)
	t.printf("server %s (%s), as %s, run %s: %s, %s, %.1f s\n", r.Target.Server, string(r.Target.Kind), string(r.As),
		r.Run, plural(r.Requests, "request"), Bytes(r.BytesSent+r.BytesReceived), float64(r.TookMS)/1000)
	if r.Route.ProvenBy != "" && !t.Quiet {
		t.printf("%s\n", strings.Join(fold("proof of the route: "+r.Route.ProvenBy, width), "\n  "))
	}
	if r.Route.Product != "" && !t.Quiet {
		t.printf("%s\n", strings.Join(fold("product on the way: "+r.Route.Product+", by "+r.Route.ProductBy, width), "\n  "))
	}
	if !r.Complete {
		t.printf("INCOMPLETE: the run was ended by %s\n", r.StoppedBy)
	}
}

// questions says of each code that was asked about whether what was found explains
// it.
func (t *text) questions(r *probe.Report) {
	for _, q := range r.Seen {
		text := q.Code + " " + q.Symbol + " is explained by " + strings.Join(q.ExplainedBy, " and by ")
		if len(q.ExplainedBy) == 0 {
			text = q.Code + " " + q.Symbol + " is not explained by what was found; of its causes: " +
				cmp.Or(otherCauses(q.RuledOut, q.NotRuledOut), "none can be seen on this way")
		}
		t.printf("%s\n", strings.Join(fold(text, width), "\n  "))
	}
}

// otherCauses says which causes of a code are ruled out, and by which step.
func otherCauses(ruledOut []probe.Cause, open []string) string {
	var parts, by []string
	for _, c := range ruledOut {
		by = append(by, c.Cause+" (by "+c.Step+")")
	}
	if len(by) > 0 {
		parts = append(parts, "ruled out: "+strings.Join(by, ", "))
	}
	if len(open) > 0 {
		parts = append(parts, "not ruled out: "+strings.Join(open, ", "))
	}
	return strings.Join(parts, "; ")
}

// owners say who must act.
var owners = map[probe.Owner]string{
	probe.Proxy: "whoever runs the proxy", probe.Network: "whoever runs the network",
	probe.Server: "whoever runs the update server", probe.Machine: "whoever configures the clients",
	probe.Unknown: "not proved by what was seen",
}

func (t *text) finding(r *probe.Report, f probe.Shown) {
	before, after := t.painted(string(f.Grade))
	t.printf("\n")
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, "%s%-4s%s  ", before, strings.ToUpper(string(f.Grade)), after)
	}
	t.printf("%s  [%s]\n", f.Title, f.Name)
	t.field("seen", f.Evidence+"\nin "+stepList(f.Steps))
	t.field("direct", direct(r, f))
	t.field("Windows logs", t.codes(r, f))
	t.field("who must act", who(f))
	t.field("but", f.Condition)
	t.field("other causes", otherCauses(f.RuledOut, f.NotRuledOut))
	t.field("to mend it", f.Fix)
	t.field("patterns", patterns(r, f))
	t.mends(r, f)
	for _, under := range r.Findings {
		if under.Under == f.Name {
			t.field("explains", under.Title+" ["+under.Name+"], in "+stepList(under.Steps))
		}
	}
	t.lines("test again", f.Retest)
}

// who says who must act on f, as far as that is known.
func who(f probe.Shown) string {
	if f.Owner == probe.Unknown && f.Usual != probe.Unknown {
		return owners[probe.Unknown] + "; as a rule " + owners[f.Usual]
	}
	return owners[f.Owner]
}

// direct says what became of the steps of f without the proxy, a line for each
// thing that did; "" when it was not tried.
func direct(r *probe.Report, f probe.Shown) string {
	steps := map[string][]string{}
	var lines []string
	for _, s := range r.Steps {
		if s.Direct == nil || !slices.Contains(f.Steps, s.ID) {
			continue
		}
		line := without(s, f.Name)
		if steps[line] == nil {
			lines = append(lines, line)
		}
		steps[line] = append(steps[line], s.ID)
	}
	if len(lines) > 1 {
		for i, line := range lines {
			lines[i] = line + ", in " + stepList(steps[line])
		}
	}
	return strings.Join(lines, "\n")
}

// without says what became of s, which shows a finding, without the proxy.
func without(s probe.Played, finding string) string {
	status := statusLine(s.Direct.Received)
	switch {
	case slices.Contains(s.Direct.Findings, finding):
		return "the same: " + cmp.Or(status, s.Direct.Evidence)
	case s.Direct.Status != probe.StatusPass:
		return "something else: " + s.Direct.Evidence
	case status == statusLine(s.Received):
		return status + ", and as it should be"
	}
	return status
}

// statusLine is the status and the reason in the head of an answer, or the start
// of them; "" for none.
func statusLine(head string) string {
	line, _, _ := strings.Cut(head, "\n")
	_, status, _ := strings.Cut(strings.TrimRight(line, "\r"), " ")
	return status[:min(len(status), width)]
}

// stepList names the first steps and counts the rest. A repetition is named only
// where the step itself is not among them.
func stepList(steps []string) string {
	var named []string
	for _, s := range steps {
		row, _, again := strings.Cut(s, "@")
		if !again || !slices.Contains(steps, row) {
			named = append(named, s)
		}
	}
	if len(steps) <= 4 {
		return strings.Join(steps, ", ")
	}
	named = named[:min(len(named), 3)]
	return fmt.Sprintf("%s and %d more", strings.Join(named, ", "), len(steps)-len(named))
}

// codes are the codes of f for the Windows of the run, one a line, those of its
// main download agent first.
func (t *text) codes(r *probe.Report, f probe.Shown) string {
	var lines []string
	for _, agent := range []probe.Agent{probe.DO, probe.BITS, probe.WUA, probe.CryptoAPI, probe.NCSI} {
		if code := f.Codes[agent]; code != "" {
			c, _ := wuerr.Parse(code)
			line := fmt.Sprintf("%-4s  %s %s", agent, code, c.Symbol())
			for _, shown := range f.CodesAll {
				if shown.Code == code && shown.Agent == agent && shown.Sure == probe.Unsure {
					line += " (unsure)"
					break
				}
			}
			for _, shown := range f.CodesAll {
				if shown.Code == code && shown.Agent == agent && shown.Outcome == "transient" {
					line += ", as TRANSIENT_ERROR for days"
					break
				}
			}
			lines = append(lines, line)
			lines = append(lines, alternatives(r, f, agent, code)...)
		}
	}
	return cmp.Or(strings.Join(lines, "\n"), "nothing")
}

// alternatives are the other codes under which an agent may log f on the Windows of
// the run, where it is not sure which.
func alternatives(r *probe.Report, f probe.Shown, agent probe.Agent, primary string) []string {
	var lines []string
	for _, c := range f.CodesAll {
		line := fmt.Sprintf("%-4s  or %s %s (unsure)", "", c.Code, c.Symbol)
		if c.Agent == agent && c.Code != primary && c.Sure == probe.Unsure && r.As.Within(c.Since, c.Until) && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// field writes a name and a text behind it, folded. An empty text is left out.
func (t *text) field(name, value string) {
	var folded []string
	for line := range strings.Lines(value) {
		folded = append(folded, fold(strings.TrimRight(line, "\n"), width-20)...)
	}
	t.lines(name, strings.Join(folded, "\n"))
}

// mends writes what one types into the product that was recognised, and into the
// server where the finding may be its own. Of other products it says where it stands.
func (t *text) mends(r *probe.Report, f probe.Shown) {
	var others []string
	for _, m := range f.Mends {
		server := m.Product == probe.IIS.Name && (f.Owner == probe.Server || f.Owner == probe.Unknown && f.Usual != probe.Proxy)
		switch {
		case m.Product == r.Route.Product || server:
			t.mend(m)
		case r.Route.Product == "":
			others = append(others, m.Product)
		}
	}
	if others = slices.Compact(others); len(others) > 0 {
		t.field("", "what one types in "+strings.Join(others, ", ")+": proxycheck explain "+f.Name)
	}
}

// mend writes the lines for one product as they are to be typed.
func (t *text) mend(m probe.ShownMend) {
	place := m.Product
	if m.Where != "" {
		place += ", " + m.Where
	}
	if m.Cause != "" {
		t.printf("%20sif the cause in %s is:\n", "", m.Product)
		t.typed(m.Cause)
	}
	t.printf("%20sin %s:\n", "", place)
	t.typed(m.Lines)
	t.field("", "("+m.Backing+")")
}

// typed writes lines of a configuration as they stand.
func (t *text) typed(text string) {
	for line := range strings.Lines(text) {
		t.printf("%22s%s\n", "", strings.TrimRight(line, "\n"))
	}
}

// lines writes a name and lines behind it as they are.
func (t *text) lines(name, value string) {
	if value == "" {
		return
	}
	for i, line := range strings.Split(value, "\n") {
		if i > 0 {
			name = ""
		}
		t.printf("      %-12s  %s\n", name, line)
	}
}

// fold breaks s at spaces into lines of about the given width.
func fold(s string, width int) []string {
	if strings.Contains(s, "  ") || len(s) <= width {
		return []string{s} // a column is not prose
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// steps writes a line for the steps of a connection that came to the same, and
// none for those that the run left out: they stand below what was not tested.
func (t *text) steps(r *probe.Report) {
	t.printf("\nsteps\n")
	for _, alike := range groups(r.Steps, t.Verbose) {
		s := alike[0]
		if s.Status == probe.StatusSkip && s.WaitedFor != "" && s.WaitedFor == s.Spared || ofHost(r, s) && !t.Verbose {
			continue
		}
		before, after := t.painted(string(s.Status))
		if t.err == nil {
			_, t.err = fmt.Fprintf(t.w, "  %s%-7s%s ", before, s.Status, after)
		}
		title := s.Title
		if n := len(alike); n > 1 {
			title += fmt.Sprintf(", and %d more", n-1)
		}
		t.printf("%-9s  %-18s  %8s  %s\n", string(s.By), strings.TrimSuffix(s.ID, "@"+s.Turn), took(alike), title)
		for _, name := range s.Findings {
			t.printf("%51s%s\n", "", name)
			t.once(note(s))
		}
		if s.WaitedFor != "" {
			t.once("not sent: " + s.WaitedFor)
		} else if s.Status == probe.StatusUnknown {
			t.once(s.Evidence)
		}
		if t.Verbose {
			t.heads(s)
		}
	}
	if t.Verbose {
		t.certificates(r)
	}
}

// groups are the steps that came to the same, of each connection and its second
// client, in the order of the first of them; each step by itself when all are
// wanted.
func groups(steps []probe.Played, all bool) [][]probe.Played {
	var groups [][]probe.Played
	place := map[string]int{}
	for _, s := range steps {
		key := fmt.Sprint(strings.TrimSuffix(s.Connection, "-second"), s.Status, s.Findings, s.WaitedFor)
		i, ok := place[key]
		if !ok || all {
			i = len(groups)
			place[key], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

// once writes a reason below a step, unless it has been said.
func (t *text) once(reason string) {
	if reason == "" || t.said[reason] {
		return
	}
	t.said[reason] = true
	t.printf("%51s%s\n", "", reason)
}

// note says why a failure of s is only a warning.
func note(s probe.Played) string {
	if s.Spared == "" {
		return ""
	}
	return "not a failure: " + s.Spared
}

func took(alike []probe.Played) string {
	sum := 0.0
	for _, s := range alike {
		if s.Started == nil {
			return "-"
		}
		sum += s.TookMS
	}
	return fmt.Sprintf("%.0f ms", sum)
}

// heads shows what left and what came.
func (t *text) heads(s probe.Played) {
	shown := s.Legs
	if len(s.Origin) == 0 {
		shown = append(slices.Clone(shown), probe.Leg{Sent: s.Sent, Received: s.Received})
	} else {
		defer t.bothEnds(s)
	}
	for _, leg := range shown {
		t.side(">", leg.Sent)
		t.side("<", leg.Received)
	}
}

// side writes heads line by line.
func (t *text) side(sign, heads string) {
	for line := range strings.Lines(heads) {
		t.printf("    %s %s\n", sign, strings.TrimRight(line, "\r\n"))
	}
}

// earlier are the heads of a text but for the last.
func earlier(heads string) string {
	const end = "\r\n\r\n"
	i := strings.LastIndex(strings.TrimSuffix(heads, end), end)
	if i < 0 {
		return ""
	}
	return heads[:i+len(end)]
}

// bothEnds shows the last exchange of s as it was here and, where that is not the
// same, beside it as it was at the server.
func (t *text) bothEnds(s probe.Played) {
	t.side(">", earlier(s.Sent)) // of CONNECT the server knows nothing
	t.side("<", earlier(s.Received))
	last := len(s.Origin) - 1
	t.printf("      %-70s | at the server, told %s\n", "here", s.Witnessed)
	t.beside(">", s.Sent, s.Origin[last])
	t.beside("<", s.Received, s.Replies[last])
}

// beside writes two heads, a line for each field.
func (t *text) beside(sign, here, there string) {
	left, right := headLines(here), headLines(there)
	names := slices.Clone(left.names)
	for _, name := range right.names {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if left.lines[name] == right.lines[name] {
			t.printf("    %s %s\n", sign, left.lines[name])
			continue
		}
		t.printf("    %s %-70s | %s\n", sign, left.lines[name], cmp.Or(right.lines[name], "-"))
	}
}

// lines are those of a head by the name of their field in lower case, that of the
// start line being "".
type lines struct {
	names []string
	lines map[string]string
}

// headLines are the lines of the last head in a text.
func headLines(text string) lines {
	heads := strings.Split(strings.TrimRight(text, "\r\n"), "\r\n\r\n")
	l := lines{lines: map[string]string{}}
	for i, line := range strings.Split(heads[len(heads)-1], "\r\n") {
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		if i == 0 {
			name = ""
		}
		if _, again := l.lines[name]; !again {
			l.names = append(l.names, name)
		}
		l.lines[name] = strings.TrimPrefix(l.lines[name]+"; "+line, "; ")
	}
	return l
}

// figures writes what was measured, a line each.
func (t *text) figures(r *probe.Report) {
	if len(r.Figures) == 0 {
		return
	}
	t.printf("\nmeasured\n")
	for _, f := range r.Figures {
		value := fmt.Sprintf("%.0f %s", f.Value, f.Unit)
		if f.Value == 0 {
			value = "less than the least that was tried"
		}
		t.printf("  %-20s  %s\n", f.Name, value)
	}
}

func (t *text) open(r *probe.Report) {
	open := slices.Clone(r.NotTested)
	if len(r.LeftOut) > 0 {
		rows := slices.DeleteFunc(slices.Clone(r.LeftOut), func(id string) bool { return strings.Contains(id, "@") })
		open = append(open, "the steps that were left out: "+strings.Join(rows, ", ")+", and repetitions")
	}
	if len(open) == 0 {
		return
	}
	t.printf("\nnot tested\n")
	for _, what := range open {
		t.printf("  %s\n", strings.Join(fold(what, width-2), "\n  "))
	}
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// Bytes is a number of bytes as people read it.
func Bytes(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
