package endpoint

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A target is where of a host HTTP is spoken.
type target struct {
	port string
	tls  bool
}

// scheme is that of the target's URLs.
func (t target) scheme() string {
	if t.tls {
		return "https"
	}
	return "http"
}

// bothPorts are those that a row of both schemes may have, and whether they have TLS.
var bothPorts = map[string]bool{"80": false, "443": true, "8530": false, "8531": true}

// otherProtocols are spoken at some ports of rows that say https.
var otherProtocols = map[string]string{"5671": "AMQP", "8883": "MQTT"}

// targets are where HTTP is spoken, as r says: content that is to be had by plain HTTP
// is not asked for by TLS, which the origin need not have.
func (r *Row) targets() []target {
	if r.Scheme == "" || strings.HasPrefix(r.Pattern, "(") {
		return nil
	}
	var all []target
	for _, p := range r.Ports {
		if otherProtocols[p] == "" {
			all = append(all, target{p, r.Scheme == "https" || r.Scheme == "both" && bothPorts[p]})
		}
	}
	return all
}

// Matches tells whether a row with that pattern covers a name. An asterisk before a
// name, without a dot between, means that name and all below it.
func Matches(pattern, name string) bool {
	host, _, _ := strings.Cut(pattern, "/")
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	suffix, wildcard := strings.CutPrefix(host, "*")
	switch {
	case !wildcard:
		return name == host
	case strings.HasPrefix(suffix, "."):
		return strings.HasSuffix(name, suffix) && len(name) > len(suffix)
	}
	return name == suffix || strings.HasSuffix(name, "."+suffix)
}

// An Untested is a pattern of which something is left open.
type Untested struct {
	Pattern string
	Open    string // what of it is left open, in words
	Rows    []*Row
}

// Hosts are the names to ask for, for rows and a version of Windows ("" for all), each
// once at a port; and what they leave open. Under each wildcard stands also a name that
// cannot exist, with the blank {run} for what makes it new.
func Hosts(rows []*Row, windows string) (hosts []Host, untested []Untested) {
	p := &planner{windows: windows, rows: newIndex(rows), at: map[address]int{}}
	for _, g := range groups(rows) {
		if open := p.add(g); open != "" {
			untested = append(untested, Untested{g.pattern, open, g.rows})
		}
	}
	return p.hosts, untested
}

// A group is the rows that have one pattern.
type group struct {
	pattern string
	rows    []*Row
	targets []target // of all of them
	others  []string // the ports at which no HTTP is spoken
}

// groups are the patterns of rows, in their order.
func groups(rows []*Row) []*group {
	var all []*group
	at := map[string]*group{}
	for _, r := range rows {
		g := at[r.Pattern]
		if g == nil {
			g = &group{pattern: r.Pattern}
			at[r.Pattern], all = g, append(all, g)
		}
		g.rows = append(g.rows, r)
		targets := r.targets()
		for _, t := range targets {
			g.targets = once(g.targets, t)
		}
		for _, port := range r.Ports {
			if !slices.ContainsFunc(targets, func(t target) bool { return t.port == port }) {
				g.others = once(g.others, port)
			}
		}
	}
	return all
}

// once is list and e, once.
func once[E comparable](list []E, e E) []E {
	if slices.Contains(list, e) {
		return list
	}
	return append(list, e)
}

// wildcard tells whether g stands for names that it does not say.
func (g *group) wildcard() bool { return strings.HasPrefix(g.pattern, "*") }

// An address is a name at a port.
type address struct{ name, port string }

// A planner collects hosts.
type planner struct {
	windows string
	rows    *index
	at      map[address]int // in hosts
	hosts   []Host
}

// add asks for what g stands for, and says what it leaves open; "" for nothing.
func (p *planner) add(g *group) string {
	var open []string
	if g.wildcard() {
		open = p.addWildcard(g)
	} else {
		open = p.addExact(g)
	}
	if len(g.others) > 0 {
		open = append(open, g.notAsked())
	}
	return strings.Join(open, "; ")
}

// notAsked says why nothing is asked for at some ports of g.
func (g *group) notAsked() string {
	why := "is no HTTP, and nothing for a proxy"
	if g.rows[0].Scheme != "" && strings.HasPrefix(g.pattern, "(") {
		why = "is asked for at no host that the list names"
	}
	said := "port " + strings.Join(g.others, ", ") + " " + why
	if purpose := g.rows[0].Purpose; purpose != "" {
		said += " (" + purpose + ")"
	}
	return said
}

// addExact asks for the one name of g.
func (p *planner) addExact(g *group) (open []string) {
	name, path, _ := strings.Cut(g.pattern, "/")
	for _, t := range g.targets {
		if h := p.ask(name, t); !strings.HasPrefix(h.Path, "/"+strings.TrimSuffix(path, "*")) {
			open = append(open, "of the host only "+h.Path+" is asked for")
		}
	}
	return open
}

// addWildcard asks for the names of g that are known, and for one that cannot exist at
// each port where clients ask. Where no name is known, that one tells at least what the
// proxy has against the pattern.
func (p *planner) addWildcard(g *group) []string {
	if len(g.targets) == 0 {
		return nil
	}
	var asked, forms []string
	var unused []target // no client is known to ask there
	for _, t := range g.targets {
		names, more := p.under(g, t)
		for _, name := range names {
			p.ask(name, t)
			asked = once(asked, name)
		}
		for _, k := range more {
			forms = append(forms, strings.TrimSuffix(k.name, g.pattern[1:]))
		}
		switch {
		case len(names) > 0:
			p.control(g, t, p.ask(names[0], t).By)
		case len(more) > 0:
			p.control(g, t, more[0].by)
		default:
			unused = append(unused, t)
		}
	}
	if len(unused) == len(g.targets) {
		for _, t := range unused {
			p.control(g, t, agentOf(g.rows))
		}
		return []string{"no name under it is known: only one that cannot exist is asked for"}
	}
	open := []string{fmt.Sprintf("known names that are asked for: %d", len(asked))}
	if len(forms) > 0 {
		open = append(open, strings.Join(forms, ", ")+" cannot be enumerated")
	}
	for _, t := range unused {
		open = append(open, "at port "+t.port+" no name is known")
	}
	return open
}

// under are the names that g covers at t: the suffix that a pattern without a point has,
// those that are known, and that of a row's probe; and the forms of names that cannot be
// enumerated.
func (p *planner) under(g *group, t target) (list []string, forms []*known) {
	if suffix := g.pattern[1:]; !strings.HasPrefix(suffix, ".") {
		list = append(list, suffix)
	}
	for _, k := range knownNames() {
		switch covered := k.target == t && within(p.windows, k.since, k.until) && k.under(g.pattern); {
		case covered && k.enumerable():
			list = once(list, k.name)
		case covered:
			forms = append(forms, k)
		}
	}
	for _, r := range g.rows {
		if name, _, ok := r.probeAt(t); ok {
			list = once(list, name)
		}
	}
	return list, forms
}

// ask adds the host of that name, once.
func (p *planner) ask(name string, t target) Host {
	at := address{name, t.port}
	if i, ok := p.at[at]; ok {
		return p.hosts[i]
	}
	h := p.host(name, t)
	p.at[at] = len(p.hosts)
	p.hosts = append(p.hosts, h)
	return h
}

// host is how the clients ask for a name.
func (p *planner) host(name string, t target) Host {
	rows := p.rows.wanting(name, t)
	h := Host{Name: name, Port: t.port, TLS: t.tls, Rows: rows, By: agentOf(rows), Path: "/", Sure: surest(rows)}
	exact := slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool { return strings.HasPrefix(r.Pattern, "*") })
	if k := p.known(name, t); k != nil {
		h.By, h.Path, h.Magic, h.Numbered, h.Optional, h.Sure = k.by, k.path, k.magic, k.numbered, k.optional, k.sure
	} else if i := slices.IndexFunc(rows, func(r *Row) bool { n, _, ok := r.probeAt(t); return ok && n == name }); i >= 0 {
		_, h.Path, _ = rows[i].probeAt(t)
	}
	if len(exact) > 0 {
		h.Sure = surest(exact)
	}
	h.Pattern = patternFor(h)
	return h
}

// known is what is known of a name at t; nil for nothing.
func (p *planner) known(name string, t target) *known {
	for _, k := range knownNames() {
		if k.name == name && k.target == t && within(p.windows, k.since, k.until) {
			return k
		}
	}
	return nil
}

// control adds a name under g that cannot exist.
func (p *planner) control(g *group, t target, by string) {
	below := strings.TrimLeft(g.pattern, "*.")
	p.hosts = append(p.hosts, Host{Name: "proxycheck-{run}." + below, Port: t.port, TLS: t.tls, By: by, Path: "/", Pattern: g.pattern, Control: true})
}

// agentOf is who asks for the hosts of rows, as their first list says.
func agentOf(rows []*Row) string {
	for _, l := range Lists {
		if len(rows) > 0 && l.Name == rows[0].List {
			return l.By
		}
	}
	return "wua"
}

// surest is how sure the surest of rows is.
func surest(rows []*Row) Sure {
	for _, s := range []Sure{Verified, SecondHand} {
		if slices.ContainsFunc(rows, func(r *Row) bool { return r.Sure == s }) {
			return s
		}
	}
	return Remembered
}

// patternFor is the pattern that an administrator allows for h: its name, the path that
// is asked for, or the narrowest wildcard.
func patternFor(h Host) string {
	rank := func(r *Row) int {
		name, path, hasPath := strings.Cut(r.Pattern, "/")
		switch {
		case r.Pattern == h.Name:
			return 2 * longestHost
		case hasPath && strings.HasPrefix(h.Path, "/"+strings.TrimSuffix(path, "*")):
			return longestHost + 1
		}
		return len(name)
	}
	if len(h.Rows) == 0 {
		return ""
	}
	return slices.MaxFunc(h.Rows, func(a, b *Row) int { return cmp.Compare(rank(a), rank(b)) }).Pattern
}

// probeAt is the name and the path of r's probe, where that is at t.
func (r *Row) probeAt(t target) (name, path string, ok bool) {
	u, err := url.Parse(r.Probe)
	if r.Probe == "" || err != nil || u.Scheme != t.scheme() || portOf(u) != t.port {
		return "", "", false
	}
	return strings.ToLower(u.Hostname()), u.RequestURI(), true
}

// An index finds the rows that cover a name without a look at each of them.
type index struct {
	rows          []*Row
	exact, suffix map[string][]int // of rows, by what their patterns say
}

func newIndex(rows []*Row) *index {
	x := &index{rows, map[string][]int{}, map[string][]int{}}
	for i, r := range rows {
		host, _, _ := strings.Cut(r.Pattern, "/")
		if suffix, ok := strings.CutPrefix(host, "*"); ok {
			x.suffix[suffix] = append(x.suffix[suffix], i)
		} else {
			x.exact[host] = append(x.exact[host], i)
		}
	}
	return x
}

// wanting are the rows that cover a name at t, in their order.
func (x *index) wanting(name string, t target) []*Row {
	at := slices.Clone(x.exact[name])
	for i := range len(name) {
		at = append(at, x.suffix[name[i:]]...)
	}
	slices.Sort(at)
	var rows []*Row
	for _, i := range at {
		if slices.Contains(x.rows[i].targets(), t) {
			rows = append(rows, x.rows[i])
		}
	}
	return rows
}
