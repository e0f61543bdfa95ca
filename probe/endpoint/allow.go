package endpoint

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An Allowlist is what a proxy must let through, made from the rows of some lists.
type Allowlist struct {
	For   string   // the version of Windows, as "win11"; "" for all
	Proxy string   // HOST:PORT, where a PAC file sends the listed hosts
	Notes []string // what is to be said of the choice of the lists

	Lists   []ListUsed
	Allowed []*Allowed // ordered by name, from its end
	Left    []LeftOut  // in the order of the rows
	Rows    []*Row     // those that Allowed is made from
}

// An Allowed is a name, or all names under one, that a proxy lets through.
type Allowed struct {
	Name   string // in lower case, without a wildcard
	Under  bool   // the names under Name at any depth, and not Name itself
	Path   string // of plain HTTP, with a final * for all that begins so; "" for all paths
	HTTP   bool   // plain HTTP to port 80
	TLS    bool   // a tunnel to port 443
	Pinned bool   // TLS must not be inspected
	Rows   []*Row // that want it
}

// A LeftOut is a row that no rule is made from, or not for all that it says.
type LeftOut struct {
	Pattern string `json:"pattern"`
	Why     string `json:"why"`
}

// A Format is a way to write an allow list.
type Format struct {
	Name, Title string
	Source      string // the document that its syntax is from
	Write       func(w io.Writer, a *Allowlist) error
}

// Formats are in the order of the help. Of products that nobody could try here, only
// those are here whose syntax a document of their maker makes sure: Cisco's WSA is
// not, whose guide was not to be had where it says what a leading dot stands for.
var Formats = []*Format{
	{"squid", "Squid: allowed above all other rules, and fetched in parts", squidSource, asText(squid)},
	{"squid-auth-exempt", "Squid: allowed without a login", squidSource, asText(squidAuthExempt)},
	{"squid-splice", "Squid: not inspected (ssl_bump splice)", "Squid wiki: SslPeekAndSplice; squid.conf reference: ssl_bump", asText(squidSplice)},
	{"pac", "a PAC file that sends them to the proxy that --proxy names", "Navigator Proxy Auto-Config File Format; wire.md 6.6", asText(pac)},
	{"nginx", "nginx as a forward proxy of plain HTTP", "nginx: ngx_http_map_module, parameter hostnames", asText(nginx)},
	{"haproxy", "HAProxy: an acl that knows them", "HAProxy configuration manual: 7.2, 7.3.6", asText(haproxy)},
	{"privoxy", "Privoxy: an actions file that blocks and filters none of them", "Privoxy user manual: actions files", asText(privoxy)},
	{"tinyproxy", "tinyproxy: a filter that lets nothing else through", "tinyproxy.conf(5)", asText(tinyproxy)},
	{"fortigate", "FortiGate: addresses, and what is exempt from inspection", "Fortinet document library: FortiGate cookbook 217973 (wildcard FQDN addresses in firewall policies), CLI reference (firewall ssl-ssh-profile, ssl-exempt)", asText(fortigate)},
	{"paloalto", "Palo Alto Networks: custom URL category", "Palo Alto Networks: Guidelines for URL Category Exceptions", asText(paloAlto)},
	{"zscaler", "Zscaler Internet Access: custom URL category", "Zscaler help: URL Format Guidelines", asText(zscaler)},
	{"bluecoat", "Broadcom ProxySG: Content Policy Language", "Broadcom knowledge 165435; ProxySG Content Policy Language Guide: url=, url.domain=, authenticate()", asText(proxySG)},
	{"hosts", "a name a line", "", asText(nameList)},
	{"json", "JSON", "", writeJSON},
	{"csv", "the rows, as --endpoints takes them", "", writeRows},
	{"md", "a table in Markdown", "", asText(markdown)},
}

// Allow makes an allow list for a version of Windows, as "win11", from rows, which are
// of lists. What cannot be a rule is left out.
func Allow(windows string, lists []*List, rows []*Row, now time.Time) *Allowlist {
	a := &allowing{Allowlist{For: windows}, map[string]*Allowed{}, map[LeftOut]bool{}}
	for _, r := range rows {
		if why := a.add(r); why != "" {
			a.leave(r, why)
		}
	}
	slices.SortFunc(a.Allowed, func(x, y *Allowed) int {
		return cmp.Compare(x.order(), y.order())
	})
	for whole, i := a.whole(pinned), 0; i < len(a.Allowed); i++ {
		if e := a.Allowed[i]; e.TLS && whole.above(e.Name) {
			e.Pinned = true
		}
	}
	a.Lists = Used(lists, rows, now)
	return &a.Allowlist
}

// An allowing is an allow list that is being made.
type allowing struct {
	Allowlist
	made map[string]*Allowed // by pattern
	left map[LeftOut]bool
}

// add makes rules of a row, or says why there are none.
func (a *allowing) add(r *Row) (why string) {
	if r.Retired {
		return "retired: it has no public name any more"
	}
	names, why := shapeOf(r.Pattern)
	if why != "" {
		return why
	}
	plain := slices.Contains(r.targets(), target{"80", false})
	tunnel := slices.Contains(r.targets(), target{"443", true})
	if !plain && !tunnel {
		return "neither HTTP on port 80 nor HTTPS on port 443"
	}
	if others := slices.DeleteFunc(slices.Clone(r.Ports), func(p string) bool { return p == "80" || p == "443" }); len(others) > 0 {
		a.leave(r, "of its ports "+strings.Join(others, ", ")+", which are not those of web proxies")
	}
	if tunnel && names[0].Path != "" {
		a.leave(r, "of its path in tunnels, which shows it to no proxy: port 443 is for the whole host")
	}
	a.Rows = append(a.Rows, r)
	for _, like := range names {
		if plain {
			a.rule(like, r).HTTP = true
		}
		if tunnel {
			like.Path = ""
			host := a.rule(like, r)
			host.TLS, host.Pinned = true, host.Pinned || r.Inspection == InspectionNo
		}
	}
	return ""
}

// rule is the rule for the same names as like, which r wants too.
func (a *allowing) rule(like Allowed, r *Row) *Allowed {
	key := like.String()
	if a.made[key] == nil {
		a.made[key] = &like
		a.Allowed = append(a.Allowed, &like)
	}
	found := a.made[key]
	found.Rows = once(found.Rows, r)
	return found
}

// leave notes what is left out, each once.
func (a *allowing) leave(r *Row, why string) {
	if out := (LeftOut{plainText(r.Pattern), plainText(why)}); !a.left[out] {
		a.left[out] = true
		a.Left = append(a.Left, out)
	}
}

// What of a row may be written into the configuration of a product. Nothing in it
// has a meaning in any.
var (
	safeName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	safePath = regexp.MustCompile(`^(/[A-Za-z0-9_~-]+([.][A-Za-z0-9_~-]+)*)*/?$`)
)

// shapeOf is what the pattern of a row stands for, whoever wrote it, as one rule or two
// without ports; or why it can be no rule.
func shapeOf(text string) (names []Allowed, why string) {
	host, path, hasPath := strings.Cut(text, "/")
	name, wild := strings.CutPrefix(strings.ToLower(host), "*")
	rest, below := strings.CutPrefix(name, ".")
	switch {
	case strings.HasPrefix(text, "("):
		return nil, "it has no name that a rule could be for"
	case below && !wild || len(rest) > longestHost || !safeName.MatchString(rest):
		return nil, "it is no host name"
	case hasPath && (wild || len(path) > longestHost || !safePath.MatchString("/"+strings.TrimSuffix(path, "*"))):
		return nil, "its path is not one that all proxies read alike"
	}
	exact := Allowed{Name: rest}
	if path != "" && path != "*" {
		exact.Path = "/" + path
	}
	switch {
	case below:
		return []Allowed{{Name: rest, Under: true}}, ""
	case wild: // *name.example: it, and those under it
		return []Allowed{exact, {Name: rest, Under: true}}, ""
	}
	return []Allowed{exact}, ""
}

// String is the pattern of e.
func (e *Allowed) String() string {
	if e.Under {
		return "*." + e.Name + e.Path
	}
	return e.Name + e.Path
}

// Sure is how sure the surest of its rows is.
func (e *Allowed) Sure() Sure { return surest(e.Rows) }

// What an allow list is for.
var (
	plainHTTP = func(e *Allowed) bool { return e.HTTP && e.Path == "" }
	tunnels   = func(e *Allowed) bool { return e.TLS }
	pinned    = func(e *Allowed) bool { return e.Pinned }
	anyPort   = func(e *Allowed) bool { return e.Path == "" }
)

// only are the rules for a use, without those that others cover, the surest first.
func (a *Allowlist) only(use func(*Allowed) bool) []*Allowed {
	whole := a.whole(use)
	var used []*Allowed
	for _, e := range a.Allowed {
		if use(e) && !whole.above(e.Name) {
			used = append(used, e)
		}
	}
	slices.SortStableFunc(used, func(x, y *Allowed) int { return cmp.Compare(x.Sure().doubt(), y.Sure().doubt()) })
	return used
}

// dotted are those of only for products in which .name stands for name too.
func (a *Allowlist) dotted(use func(*Allowed) bool) []*Allowed {
	whole := a.whole(use)
	return slices.DeleteFunc(a.only(use), func(e *Allowed) bool { return !e.Under && whole.under[e.Name] })
}

// parts are the rules for parts of hosts that those of a use do not allow as a whole.
func (a *Allowlist) parts(use func(*Allowed) bool) []*Allowed {
	whole := a.whole(use)
	var parts []*Allowed
	for _, e := range a.Allowed {
		if e.Path != "" && !whole.exact[e.Name] && !whole.above(e.Name) {
			parts = append(parts, e)
		}
	}
	return parts
}

// A cover is the names that some rules stand for.
type cover struct{ exact, under map[string]bool }

func (a *Allowlist) whole(use func(*Allowed) bool) cover {
	c := cover{map[string]bool{}, map[string]bool{}}
	for _, e := range a.Allowed {
		switch {
		case use(e) && e.Under:
			c.under[e.Name] = true
		case use(e):
			c.exact[e.Name] = true
		}
	}
	return c
}

// above tells whether c has all names under one that name is under.
func (c cover) above(name string) bool {
	for {
		_, rest, ok := strings.Cut(name, ".")
		if !ok || c.under[rest] {
			return ok
		}
		name = rest
	}
}

// order sorts e by the labels of its name from the last on, so that names of one domain
// stand together.
func (e *Allowed) order() string {
	labels := strings.Split(e.Name, ".")
	slices.Reverse(labels)
	if e.Under {
		return strings.Join(labels, ".") + " ~"
	}
	return strings.Join(labels, ".") + " " + e.Path
}

// plainText is text that is safe in a comment of any format: on one line, in ASCII,
// without quotes, and not long.
func plainText(text string) string {
	const most = 300
	var b strings.Builder
	for _, r := range text {
		switch {
		case b.Len() == most:
			return b.String() + "..."
		case r < ' ' || strings.ContainsRune("\"'`\\<>|", r):
			b.WriteByte(' ')
		case r > '~':
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// A page is the text of an allow list.
type page struct {
	*Allowlist
	mark string // that begins a comment
	text strings.Builder
}

// asText writes what f makes of an allow list.
func asText(f func(*page)) func(io.Writer, *Allowlist) error {
	return func(w io.Writer, a *Allowlist) error {
		p := &page{Allowlist: a, mark: "#"}
		f(p)
		_, err := io.WriteString(w, p.text.String())
		return err
	}
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

// gap leaves a line free.
func (p *page) gap() {
	if !strings.HasSuffix(p.text.String(), "\n\n") {
		p.line("")
	}
}

// say writes lines of a comment.
func (p *page) say(lines ...string) {
	for _, l := range lines {
		p.line("%s", strings.TrimRight(p.mark+" "+l, " "))
	}
}

// head says what the page is, where to put it, and what it is made from.
func (p *page) head(where ...string) {
	p.title()
	p.say(where...)
	p.say("")
	p.sources()
	p.gap()
}

func (p *page) title() {
	p.say("Windows Update: what a proxy must let through" + p.forWindows() + ".")
	p.say("Written by proxycheck allowlist.", "")
}

func (p *page) forWindows() string {
	if p.For == "" {
		return ""
	}
	return ", for " + plainText(p.For)
}

// sources says what the page is made from and what of that is not in it.
func (p *page) sources() {
	for _, l := range p.Lists {
		p.say(fmt.Sprintf("List %s, %s. %s", l.Name, l.Standing(), l.Title))
		for _, s := range l.Sources {
			p.say("  from " + s)
		}
	}
	for _, n := range p.Notes {
		p.say(plainText(n))
	}
	for _, out := range p.Left {
		p.say("Not in it: " + out.Pattern + ": " + out.Why)
	}
}

// each writes the lines of some rules, and above those that are not as sure as the
// ones before how sure they are.
func (p *page) each(rules []*Allowed, line func(*Allowed) string) {
	last := Verified
	for _, e := range rules {
		if sure := e.Sure(); sure != last {
			words := sure.Words()
			p.say(strings.ToUpper(words[:1]) + words[1:] + ":")
			last = sure
		}
		p.line("%s", line(e))
	}
}

// What follows in a path that stays where it begins, and a query, as regular
// expressions: no two dots and no coded character that lead out of a directory. Squid
// compares what it has decoded, with blanks for %20 and any query for %3F.
const (
	pathTail = `([-A-Za-z0-9_~()+/[:blank:]]|[.][-A-Za-z0-9_~()+]|%2[0-9b])*`
	anyQuery = `([?]([^.]|[.][^.])*[.]?)?`
)

// pathRegexp is a regular expression of the paths of e, from where a path begins.
func (e *Allowed) pathRegexp() string {
	if prefix, ok := strings.CutSuffix(e.Path, "*"); ok {
		return escaped(prefix) + pathTail
	}
	return escaped(e.Path)
}

// hostRegexp is a regular expression of the names of e, in lower case.
func (e *Allowed) hostRegexp() string {
	if e.Under {
		return "([-a-z0-9_]+[.])+" + escaped(e.Name)
	}
	return escaped(e.Name)
}

// urlRegexp is a regular expression of the URLs of a part of a host, by plain HTTP.
func (e *Allowed) urlRegexp() string {
	return "^http://" + e.hostRegexp() + "(:80)?" + e.pathRegexp() + anyQuery + "$"
}

// dotted is the name of e as most products have it: with a dot before it for those below.
func (e *Allowed) dotted() string {
	if e.Under {
		return "." + e.Name
	}
	return e.Name
}

// escaped is text as it stands in a regular expression of any kind.
func escaped(text string) string { return strings.ReplaceAll(text, ".", "[.]") }
