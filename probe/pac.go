package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"proxycheck/probe/wire"
)

// The file that names the proxy, found by the name WPAD and fetched as WinHTTP does
// (wire.md 6.6). It is looked at, and not run.

// maxPAC is the longest file that WinHTTP takes, in bytes.
const maxPAC = 1 << 20

// maxDevolved is the most names that are asked for.
const maxDevolved = 8

// pac is the kind of the file. Its exchange is judged by pacRules alone: no rule for what
// comes through a proxy is about it.
var pac = &Kind{Name: "pac", Text: true}

// wpadFile fetches the file, directly and never by way of a proxy.
var wpadFile = Step{
	Name: "wpad-file", Title: "find the proxy by itself, and fetch the file that names it",
	By: WUA, Layer: Fetch, Kind: pac, On: "wpad", Send: `
GET /wpad.dat HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: WinHttp-Autoproxy-Service/5.1
Host: {wpad}
`}

// WPADNames are the names under which a client of a domain looks for the file, in its
// order: that of the domain, and those above it up to the one that somebody registered.
// Above that is a public suffix such as co.uk, whatever its level: there the name WPAD is
// a stranger's, whose file is none of this client's. The domain itself is taken as given.
func WPADNames(domain string) []string {
	domain = strings.Trim(domain, ".")
	registered, err := publicsuffix.EffectiveTLDPlusOne(strings.ToLower(domain))
	if err != nil { // the domain is a public suffix itself, or has one label
		registered = domain
	}
	var names []string
	for domain != "" && len(names) < maxDevolved {
		names = append(names, "wpad."+domain)
		if strings.EqualFold(domain, registered) {
			break
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return names
}

// dryPAC writes the request for the file, if the client looks for one.
func (c *Client) dryPAC(w io.Writer) error {
	for _, name := range WPADNames(c.Domain) {
		step := wpadAt(name)
		head := wire.Lines(strings.TrimSpace(step.Send))
		if _, err := fmt.Fprintf(w, "# %s, connection %s, if there is no name before it\n%s\n", step.ID(), step.On, head.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// wpadAt is the step that fetches the file from a name.
func wpadAt(name string) *Step {
	s := wpadFile
	s.Variant, s.Send = name, strings.ReplaceAll(s.Send, "{wpad}", name)
	return &s
}

// A pacFile is what was found of it.
type pacFile struct {
	names  []*Name
	result []*Result
}

// findPAC looks for the file, and fetches it from the first name that there is.
func (s *session) findPAC(ctx context.Context, a *asker) *pacFile {
	p := &pacFile{}
	wanted := WPADNames(s.client.Domain)
	if len(wanted) == 0 {
		return p
	}
	asked := a.each(ctx, wanted)
	p.names = asked
	found := slices.IndexFunc(asked, func(n *Name) bool { return len(n.addresses()) > 0 })
	n := asked[max(found, 0)]
	r := &Result{Step: wpadAt(n.Name)}
	if p.result = []*Result{r}; found < 0 {
		r.Observation = &Observation{Exchange: unresolved(n), NoProxy: true, Known: -1, Past: Past{}, Name: n}
		return p
	}
	r.Observation = s.fetchPAC(ctx, r.Step, n)
	return p
}

// each asks for names by themselves, side by side.
func (a *asker) each(ctx context.Context, names []string) []*Name {
	var asked []*Name
	for _, name := range names {
		asked = append(asked, &Name{Name: name})
	}
	for _, l := range a.both(ctx, names...) {
		n := asked[slices.Index(names, l.Name)]
		n.Asked = append(n.Asked, l)
	}
	return asked
}

// unresolved is an exchange that ended with a name that has no address.
func unresolved(n *Name) *wire.Exchange {
	x := &wire.Exchange{Authority: net.JoinHostPort(n.Name, "80"), Stopped: wire.Resolve, Failure: wire.NoName, Took: map[wire.Phase]time.Duration{}}
	for _, l := range n.Asked {
		x.Took[wire.Resolve] = max(x.Took[wire.Resolve], l.Took)
		switch {
		case l.Failure == wire.Silent, l.Failure == wire.Stopped:
			x.Failure = l.Failure
		case !l.told(): // not even by a refusal, which is of the name server and not of the file
			x.Failure = wire.NoService
		}
	}
	return x
}

// fetchPAC fetches the file, no more of it than tells that it is too long.
func (s *session) fetchPAC(ctx context.Context, step *Step, n *Name) *Observation {
	limited, cancel := context.WithTimeout(ctx, 3*s.client.Timeout) // however slowly it comes
	defer cancel()
	d := &wire.Dialer{Timeout: s.client.Timeout, Reach: maxReach, Spend: s.spend}
	d.Know(n.Name, n.addresses())
	conn := &wire.Conn{Dialer: d}
	defer conn.Close()
	text := new(capped)
	x := conn.Exchange(limited, &wire.Request{
		Head:      wire.Lines(strings.TrimSpace(step.Send)),
		Authority: net.JoinHostPort(n.Name, cmp.Or(s.client.PACPort, "80")),
		Limit:     maxPAC,
		Sink:      func(wire.Head) io.Writer { return text },
	})
	if x.Failure == wire.Stopped && ctx.Err() == nil {
		x.Failure = wire.Trickled
	}
	s.count(x)
	return &Observation{Exchange: x, NoProxy: true, Known: -1, Past: Past{}, Text: text.Bytes(), Name: n}
}

// judgePAC judges what was found of the file.
func judgePAC(r *Run) []*judged {
	var all []*judged
	for _, result := range r.PAC {
		j := &judged{Result: result} // of no node: the file is fetched directly
		j.verdicts, j.ruledOut = weighPAC(result.Observation)
		if j.shows(WPADAbsent) {
			j.spared = "nothing says that clients of this domain look for one"
		}
		all = append(all, j)
	}
	return all
}

// weighPAC is what o says of the file, and what it rules out: all that was asked before.
func weighPAC(o *Observation) (verdicts []Verdict, ruledOut []*Finding) {
	if o.Failure == wire.Stopped || o.Failure == wire.Local {
		return nil, nil // says nothing about the network
	}
	for i, rule := range pacRules {
		evidence := rule.If(o)
		if evidence == "" {
			continue
		}
		asked := pacRules[:i]
		if rule.Then == WPADAbsent {
			asked = pacRules // of no file there is nothing else to say
		}
		ruledOut = slices.DeleteFunc(thenOf(asked), func(f *Finding) bool { return f == rule.Then })
		return []Verdict{{rule.Then, cmp.Or(rule.As, rule.Then.Grade), rule.Then.Owner, evidence}}, ruledOut
	}
	return nil, thenOf(pacRules)
}

// pacRules judge the file; the first that matches settles it.
var pacRules = []Rule{
	{If: all(failed(wire.Resolve, wire.NoName), wpadLookedFor), Then: WPADAbsent},
	{If: serverFails, Then: NameServerFails, As: Warn},
	{If: failed(wire.Resolve, wire.Silent, wire.NoService), Then: NameServerSilent, As: Warn},
	{If: failedAnywhere(unfetched...), Then: PACUnusable},
	{If: answeredFrom(300, 399), Then: PACUnusable},
	{If: otherThan(200), Then: PACUnusable},
	{If: pacTooLong, Then: PACTooLong},
	{If: notScript, Then: PACUnusable},
	{If: otherType, Then: PACMistyped},
}

// unfetched are the manners in which an exchange brings no file.
var unfetched = []wire.Failure{wire.Refused, wire.Unreachable, wire.Silent, wire.Trickled, wire.Reset, wire.Cut, wire.Garbled,
	wire.TooLarge}

// wpadLookedFor names what does not exist.
func wpadLookedFor(o *Observation) string {
	return "there is no " + quoted(o.Name.Name) + ", nor any name above it up to the registered domain"
}

// pacTooLong matches a file that WinHTTP does not take for its length. A body is left
// behind where it is longer than that.
func pacTooLong(o *Observation) string {
	switch {
	case o.Body.Stated > maxPAC:
		return fmt.Sprintf("it has %d bytes, and WinHTTP takes %d", o.Body.Stated, maxPAC)
	case o.Body.Abandoned:
		return fmt.Sprintf("it has more than the %d bytes that WinHTTP takes", maxPAC)
	}
	return ""
}

// notScript matches a file without the function that every such file has.
func notScript(o *Observation) string {
	if bytes.Contains(o.Text, []byte("FindProxyForURL")) { // FindProxyForURLEx has it too
		return ""
	}
	if title := titleOf(o.Text); title != "" {
		return "in its place came a page with the title " + quoted(title)
	}
	return "it has no function FindProxyForURL; it begins " + quoted(string(o.Text[:min(len(o.Text), 60)]))
}

// pacTypes are the types under which such files are known, the registered one first.
var pacTypes = []string{"application/x-ns-proxy-autoconfig", "application/x-javascript-config"}

// otherType matches a file that is said to be something else.
func otherType(o *Observation) string {
	stated := o.Answer.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(stated); err == nil && slices.Contains(pacTypes, t) {
		return ""
	}
	return "its type is " + quoted(stated) + " and not " + pacTypes[0]
}
