package probe

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe/wire"
)

// Symptoms of a name service. Each is told only of what could not be reached by name.

// answeredForOther matches a name that did not resolve because the answers were for
// another.
func answeredForOther(o *Observation) string {
	if o.Stopped != wire.Resolve || o.Name == nil {
		return ""
	}
	return othersAddress(o.Name)
}

// serverFails matches a name that did not resolve because a name server says that it
// cannot tell.
func serverFails(o *Observation) string {
	if o.Stopped != wire.Resolve || o.Name == nil || len(o.Name.addresses()) > 0 {
		return ""
	}
	return o.Name.untold()
}

// untold is what a name server says that cannot tell of n by itself; "" where none says
// so, or another says that there is no such name. What is said of the name with a suffix
// is about another name.
func (n *Name) untold() string {
	evidence := ""
	for _, l := range n.Asked {
		switch {
		case !strings.EqualFold(l.Name, n.Name):
		case l.Rcode == dns.RcodeToString[dns.RcodeNameError]:
			return ""
		case l.Rcode != "" && !l.told() && evidence == "":
			evidence = fmt.Sprintf("asked for %s, %s answers %s", quoted(l.Name), l.Server, l.Rcode)
		}
	}
	return evidence
}

// sinkholed matches a machine that is not there, or no proxy, at an address to which no
// name should lead, or every name does.
func sinkholed(o *Observation) string {
	if o.Name == nil || o.Stopped != wire.Connect && otherProtocol(o) == "" {
		return ""
	}
	addrs := o.Name.addresses()
	if len(addrs) == 0 {
		return ""
	}
	var why []string
	for _, addr := range addrs {
		switch range_, ok := nowhere(addr); {
		case ok && !(addr.IsLoopback() && o.Name.local()):
			why = append(why, fmt.Sprintf("%s, %s", addr, range_))
		case slices.Contains(o.Name.Anything, addr):
			why = append(why, fmt.Sprintf("%s, and so does a name that cannot exist", addr))
		default:
			return ""
		}
	}
	return quoted(o.Name.Name) + " resolves to " + strings.Join(why, " and to ")
}

// sinks are the ranges to which no name of a machine elsewhere leads (RFC 6890).
var sinks = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "which is no address"},
	{netip.MustParsePrefix("::/128"), "which is no address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "which is the client itself"},
	{netip.MustParsePrefix("::1/128"), "which is the client itself"},
	{netip.MustParsePrefix("192.0.2.0/24"), "which is for examples"},
	{netip.MustParsePrefix("198.51.100.0/24"), "which is for examples"},
	{netip.MustParsePrefix("203.0.113.0/24"), "which is for examples"},
	{netip.MustParsePrefix("2001:db8::/32"), "which is for examples"},
	{netip.MustParsePrefix("100::/64"), "where all is discarded"},
	{netip.MustParsePrefix("240.0.0.0/4"), "which nobody has"},
}

// nowhere says what addr is, where it is of no machine elsewhere.
func nowhere(addr netip.Addr) (what string, ok bool) {
	for _, s := range sinks {
		if s.prefix.Contains(addr) {
			return s.what, true
		}
	}
	return "", false
}

// local tells whether n may well be the client itself: it says so, or the run is in a
// net that is all on this machine.
func (n *Name) local() bool {
	name := strings.ToLower(strings.TrimSuffix(n.Name, "."))
	return n.Loopback || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// resolvedBadly adds to the first step that went to the hop what is wrong with its name,
// although something at it answers.
func resolvedBadly(r *Run, all []*judged) {
	for _, rule := range nameRules {
		for _, n := range r.Names {
			i := slices.IndexFunc(all, func(j *judged) bool { return j.Observation != nil && j.Observation.Name == n })
			if i < 0 {
				continue
			}
			switch evidence := rule.If(n); {
			case evidence != "" && !all[i].shows(rule.Then):
				all[i].verdicts = append(all[i].verdicts, Verdict{rule.Then, cmp.Or(rule.As, rule.Then.Grade), rule.Then.Owner, evidence})
			case rule.not(n):
				all[i].ruledOut = append(all[i].ruledOut, rule.Then)
			}
		}
	}
}

// nameRules tell what is wrong with a name that can be used, and when it is known that
// it is not so.
var nameRules = []struct {
	If   func(*Name) string
	Then *Finding
	not  func(*Name) bool
	As   Grade // in place of the finding's own; "" for that
}{
	{blackHole, IPv6BlackHole, (*Name).allTake, ""},
	{deadAddress, AddressDead, func(n *Name) bool { return n.allTake() || blackHole(n) != "" }, ""},
	{bySuffix, NameBySuffix, (*Name).byItself, ""},
	{othersAddress, NameAnswerForeign, func(n *Name) bool { return len(n.addresses()) > 0 }, ""},
	{halfSilent, NameServerSilent, func(*Name) bool { return false }, Warn}, // rules of exchanges rule it out
}

// othersAddress matches a name for which the only addresses that come are another's: a
// client that takes them is anybody's.
func othersAddress(n *Name) string {
	if len(n.addresses()) > 0 {
		return ""
	}
	for _, l := range n.Asked {
		if l.Foreign != "" {
			return fmt.Sprintf("asked for %s, %s answers for %s", quoted(l.Name), l.Server, quoted(l.Foreign))
		}
	}
	return ""
}

// halfSilent matches a name of which one kind of address is told, and for the other no
// answer comes: clients wait for it before they go on.
func halfSilent(n *Name) string {
	if len(n.addresses()) == 0 {
		return ""
	}
	for _, l := range n.Asked {
		if l.Failure == wire.Silent && !slices.ContainsFunc(n.Asked, func(other Lookup) bool { return other.Type == l.Type && other.told() }) {
			return fmt.Sprintf("asked for the %s of %s, %s gives no answer within %s; of the other kind there are addresses", l.Type, quoted(l.Name), l.Server, l.Took.Round(100*time.Millisecond))
		}
	}
	return ""
}

// ofSurvey tells whether f is told of a name, whatever the steps that went to it saw.
func ofSurvey(f *Finding) bool {
	for _, rule := range nameRules {
		if rule.Then == f {
			return true
		}
	}
	return false
}

// allTake tells whether every address of n takes connections. Of a single one that is
// not tried by itself, for the run did.
func (n *Name) allTake() bool {
	return len(n.Tried) > 1 && !slices.ContainsFunc(n.Tried, func(t wire.Attempted) bool { return !takes(t) }) ||
		len(n.Tried) == 0 && len(n.addresses()) == 1
}

// byItself tells whether n has an address without any suffix.
func (n *Name) byItself() bool {
	return slices.ContainsFunc(n.Asked, func(l Lookup) bool { return len(l.Addresses) > 0 && strings.EqualFold(l.Name, n.Name) })
}

// lost matches an address that says nothing, and dead one that does not take
// connections; that this machine has no way to an address says nothing of the address.
func lost(t wire.Attempted) bool { return t.Failure == wire.Silent }
func dead(t wire.Attempted) bool {
	return t.Failure == wire.Silent || t.Failure == wire.Refused || t.Failure == wire.Reset
}

// takes matches an address that takes connections.
func takes(t wire.Attempted) bool { return t.Failure == "" }

// isIPv6 tells whether t is an address of IPv6.
func isIPv6(t wire.Attempted) bool {
	addr, err := netip.ParseAddrPort(t.Address)
	return err == nil && addr.Addr().Is6()
}

// blackHole matches a name whose IPv6 addresses all say nothing, where another takes
// connections.
func blackHole(n *Name) string {
	var six, four []wire.Attempted
	for _, t := range n.Tried {
		if isIPv6(t) {
			six = append(six, t)
		} else {
			four = append(four, t)
		}
	}
	spoken := func(t wire.Attempted) bool { return !lost(t) }
	if len(six) == 0 || slices.ContainsFunc(six, spoken) || !slices.ContainsFunc(four, takes) {
		return ""
	}
	return fates(n.Tried)
}

// deadAddress matches a name of whose addresses some take connections and some do not.
func deadAddress(n *Name) string {
	if blackHole(n) != "" || !slices.ContainsFunc(n.Tried, dead) || !slices.ContainsFunc(n.Tried, takes) {
		return ""
	}
	return fates(n.Tried)
}

// fates say what became of each of some addresses.
func fates(tried []wire.Attempted) string {
	var parts []string
	for _, t := range tried {
		parts = append(parts, fate(t))
	}
	return strings.Join(parts, "; ")
}

func fate(t wire.Attempted) string {
	switch t.Failure {
	case "":
		return t.Address + " takes connections"
	case wire.Silent:
		return fmt.Sprintf("%s: %s, which is %.1f s", t.Address, t.Failure, t.Took.Seconds())
	}
	return t.Address + ": " + string(t.Failure)
}

// bySuffix matches a name that resolves only with a suffix behind it.
func bySuffix(n *Name) string {
	for _, l := range n.Asked {
		switch {
		case len(l.Addresses) == 0:
		case strings.EqualFold(l.Name, n.Name):
			return ""
		default:
			return cmp.Or(n.untold(), quoted(n.Name)+" has no address by itself") + "; " + quoted(l.Name) + " has an address"
		}
	}
	return ""
}

// ShownName is a name as a report shows it.
type ShownName struct {
	Name  string        `json:"name"`
	Asked []ShownLookup `json:"asked"`
	Tried []ShownTry    `json:"tried"`
}

// A ShownLookup is a question for a name, and its answer.
type ShownLookup struct {
	Name      string   `json:"name"` // as it was asked for, with any suffix
	Type      string   `json:"type"`
	Server    string   `json:"server"` // host:port; "" for whatever the system asks
	Rcode     string   `json:"rcode"`  // "" when no answer came
	Failure   string   `json:"failure"`
	TCP       bool     `json:"tcp"`
	Aliases   []string `json:"aliases"`
	Addresses []string `json:"addresses"`
	TTL       int      `json:"ttl_s"`
	Foreign   string   `json:"foreign"` // a name that was not asked for and was answered
	TookMS    float64  `json:"took_ms"`
}

// A ShownTry is an address to which a connection was tried.
type ShownTry struct {
	Address string  `json:"address"`
	Result  string  `json:"result"` // "connected", or what went wrong
	TookMS  float64 `json:"took_ms"`
}

// shownNames are the names of r as a report shows them. Of a name with one address it
// is the run itself that tried it.
func shownNames(r *Run) []ShownName {
	names := []ShownName{}
	for _, n := range r.surveyed() {
		s := ShownName{Name: n.Name, Asked: []ShownLookup{}, Tried: []ShownTry{}}
		for _, l := range n.Asked {
			s.Asked = append(s.Asked, l.shown())
		}
		tried := n.Tried
		if len(tried) == 0 {
			tried = r.firstTried(n)
		}
		for _, t := range tried {
			result := "connected"
			if t.Failure != "" {
				result = string(t.Failure)
			}
			s.Tried = append(s.Tried, ShownTry{t.Address, result, ms(t.Took)})
		}
		names = append(names, s)
	}
	return names
}

// surveyed are the names that r asked for: each once, in a run of several.
func (r *Run) surveyed() []*Name {
	var names []*Name
	for _, part := range r.parts() {
		for _, n := range part.Names {
			if !slices.ContainsFunc(names, func(known *Name) bool { return known.Name == n.Name }) {
				names = append(names, n)
			}
		}
	}
	return names
}

// firstTried is what the first step tried that went to the machine of a name.
func (r *Run) firstTried(n *Name) []wire.Attempted {
	for _, part := range r.parts() {
		for _, result := range slices.Concat(part.Results, part.PAC) {
			if o := result.Observation; o != nil && o.Name == n && len(o.Tried) > 0 {
				return o.Tried
			}
		}
	}
	return nil
}

func (l *Lookup) shown() ShownLookup {
	s := ShownLookup{Name: l.Name, Type: l.Type, Server: l.Server, Rcode: l.Rcode, Failure: string(l.Failure), TCP: l.TCP,
		Aliases: append([]string{}, l.Aliases...), Addresses: []string{}, TTL: int(l.TTL / time.Second), Foreign: l.Foreign, TookMS: ms(l.Took)}
	for _, a := range l.Addresses {
		s.Addresses = append(s.Addresses, a.String())
	}
	return s
}
