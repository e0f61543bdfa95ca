package endpoint

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// nameList are the patterns alone.
func nameList(p *page) {
	p.head("A name a line; a star stands for the names below, at any depth.")
	p.each(slices.Concat(p.only(anyPort), p.parts(anyPort)), (*Allowed).String)
}

// An allowedRule is an Allowed as JSON has it.
type allowedRule struct {
	Pattern    string   `json:"pattern"`
	Name       string   `json:"name"`
	Under      bool     `json:"names_below"`
	Path       string   `json:"path,omitempty"`
	Ports      []string `json:"ports"`
	Login      bool     `json:"ask_login"`
	Inspection string   `json:"tls_inspection,omitempty"`
	Scan       bool     `json:"scan"`
	Lists      []string `json:"lists"`
	Purposes   []string `json:"purposes,omitempty"`
	Sources    []string `json:"sources"`
	Sure       Sure     `json:"sure"`
}

func (e *Allowed) rule() allowedRule {
	return allowedRule{
		Pattern: e.String(), Name: e.Name, Under: e.Under, Path: e.Path, Ports: e.ports(), Inspection: e.inspection(),
		Sure: e.Sure(), Lists: e.of(func(r *Row) string { return r.List }),
		Purposes: e.of(func(r *Row) string { return r.Purpose }), Sources: e.of(func(r *Row) string { return r.Source }),
	}
}

// ports are those that the rule is for.
func (e *Allowed) ports() []string {
	var ports []string
	if e.HTTP {
		ports = append(ports, "80")
	}
	if e.TLS {
		ports = append(ports, "443")
	}
	return ports
}

// inspection is what the rows say of the inspection of tunnels; "" where there are none.
func (e *Allowed) inspection() string {
	switch {
	case e.Pinned:
		return string(InspectionNo)
	case !e.TLS:
		return ""
	}
	for _, r := range e.Rows {
		if r.Inspection != InspectionYes {
			return string(InspectionUnknown)
		}
	}
	return string(InspectionYes)
}

// of are what a cell of the rows says, each once.
func (e *Allowed) of(cell func(*Row) string) []string {
	var all []string
	seen := map[string]bool{"": true}
	for _, r := range e.Rows {
		if text := plainText(cell(r)); !seen[text] {
			seen[text] = true
			all = append(all, text)
		}
	}
	return all
}

// writeJSON writes an allow list as the schema of proxycheck has it.
func writeJSON(w io.Writer, a *Allowlist) error {
	rules := []allowedRule{}
	for _, e := range a.Allowed {
		rules = append(rules, e.rule())
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Schema  string        `json:"schema"`
		For     string        `json:"for,omitempty"`
		Lists   []ListUsed    `json:"lists"`
		Notes   []string      `json:"notes,omitempty"`
		Allowed []allowedRule `json:"allowlist"`
		Left    []LeftOut     `json:"left_out,omitempty"`
	}{"proxycheck/1", a.For, a.Lists, a.Notes, rules, a.Left})
}

// writeRows writes the rows of an allow list.
func writeRows(w io.Writer, a *Allowlist) error { return WriteCSV(w, a.Rows) }

// markdown is a table, of which each rule is a line.
func markdown(p *page) {
	p.line("# Windows Update: what a proxy must let through%s\n", p.forWindows())
	p.line("To be allowed, without a login and without scanning, and for the hosts marked so without inspection of TLS.\n")
	p.line("| Host | Ports | Inspection of TLS | For | Lists | Sure |\n|---|---|---|---|---|---|")
	for _, e := range p.Allowed {
		p.line("| `%s` | %s | %s | %s | %s | %s |", e, strings.Join(e.ports(), ", "), markedInspection[e.inspection()],
			cell(e.of(func(r *Row) string { return r.Purpose })), cell(e.of(func(r *Row) string { return r.List })), marked(e.Sure()))
	}
	p.line("\n## Lists\n")
	for _, l := range p.Lists {
		p.line("* %s (%s), %s. From: %s", l.Name, l.Title, l.Standing(), cell(l.Sources))
	}
	for _, n := range p.Notes {
		p.line("* %s", plainText(n))
	}
	if len(p.Left) > 0 {
		p.line("\n## Left out\n")
	}
	for _, out := range p.Left {
		p.line("* %s: %s", strings.ReplaceAll(out.Pattern, "*", `\*`), out.Why)
	}
}

// marked is how sure a rule is, as Markdown has it.
func marked(s Sure) string {
	if s == Verified {
		return s.Words()
	}
	return "**" + s.Words() + "**"
}

// markedInspection is what a cell says of inspection.
var markedInspection = map[string]string{
	string(InspectionNo): "**must not be**", string(InspectionYes): "may be", string(InspectionUnknown): "not said",
}

// cell are some texts in one cell of a table.
func cell(texts []string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "[", `\[`).Replace(strings.Join(texts, "; "))
}
