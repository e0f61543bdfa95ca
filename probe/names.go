package probe

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe/wire"
)

// What the client's own name service says. Where a proxy is set, it is asked for
// nothing but the proxy's name: the names of servers are the proxy's to resolve.

// A Name is what the name service says of a name, and what became of its addresses.
type Name struct {
	Name  string
	Asked []Lookup
	Tried []wire.Attempted // where it has several addresses: each of them, side by side

	// Anything are the addresses of a name that cannot exist, where nothing came well of
	// the run: a name service that has some answers every name.
	Anything []netip.Addr

	Loopback bool // the net is all on this machine, so that loopback is as good as any address
}

// A Lookup is a question to one name server, and its answer.
type Lookup struct {
	Name      string       // as it was asked for: the name itself, or with a search suffix behind it
	Type      string       // A or AAAA
	Server    string       // host:port; "" for whatever this system asks
	TCP       bool         // the answer was too long for UDP
	Rcode     string       // as in RFC 6895, 2.3: NOERROR, NXDOMAIN ...; "" when no answer came
	Failure   wire.Failure // why none came
	Aliases   []string     // that led from the name to another
	Addresses []netip.Addr
	TTL       time.Duration // the shortest of all that led to the addresses
	Foreign   string        // a name that was not asked for and an answer was for; "" for none
	Took      time.Duration
}

// Limits of what is asked, in time and number.
const (
	maxQuestion  = 5 * time.Second // for one question; resolvers give up after that too
	maxServers   = 3               // of those of a system, as resolv.conf(5) has it
	maxSuffixes  = 6               // the same
	maxAddresses = 32              // of one name
)

// addresses are those that the name service has for n, each once.
func (n *Name) addresses() []netip.Addr {
	var addrs []netip.Addr
	for _, l := range n.Asked {
		for _, a := range l.Addresses {
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// hopName is the name and the port of the machine to which the connections of c go:
// the proxy, or the update server where none is set. It is "" for one that is given by
// its address, or that each step has for itself.
func (c *Client) hopName() (name, port string) {
	hop := c.Proxy
	if hop == "" {
		hop = c.Target.Host
	}
	name, port, err := net.SplitHostPort(hop)
	if _, isAddress := netip.ParseAddr(name); err != nil || isAddress == nil {
		return "", ""
	}
	return name, port
}

// survey asks for the name of the hop, side by side with the run. What it returns waits
// for the answers, and keeps them. A run that is one of several does not ask: that is
// done once for all of them.
func (s *session) survey(ctx context.Context) (finish func()) {
	if s.client.id != "" {
		return func() {}
	}
	name, port := s.client.hopName()
	a := s.asker()
	var asking sync.WaitGroup
	var hop *Name
	if name != "" {
		asking.Go(func() { hop = a.name(ctx, name, port) })
	}
	var pac *pacFile
	if s.client.Domain != "" {
		asking.Go(func() { pac = s.findPAC(ctx, a) })
	}
	return func() {
		asking.Wait()
		if hop != nil {
			s.keepName(ctx, a, hop)
		}
		if pac != nil {
			s.run.Names, s.run.PAC = append(s.run.Names, pac.names...), pac.result
		}
	}
}

// keepName adds what is known of the hop's name to the run and to all that was seen of
// the hop.
func (s *session) keepName(ctx context.Context, a *asker, hop *Name) {
	hop.Loopback = s.client.Loopback
	well := slices.ContainsFunc(s.run.Results, func(r *Result) bool { return r.Observation != nil && r.Observation.Complete() })
	if addrs := hop.addresses(); !well && len(addrs) > 0 {
		hop.Anything = a.anything(ctx, s.run.ID, addrs[0])
	}
	s.run.Names = append([]*Name{hop}, s.run.Names...)
	for _, r := range s.run.Results {
		if o := r.Observation; o != nil && (s.client.Proxy != "" || strings.HasPrefix(o.Authority, hop.Name+":")) {
			o.Name = hop
		}
	}
}

// An asker puts questions to the name servers of the client.
type asker struct {
	servers  []string      // host:port, of which the next is asked when one does not tell
	search   []string      // suffixes
	system   *net.Resolver // asked where no server is known
	question time.Duration // the most that a question takes
	reach    time.Duration // the most that a connection takes
}

// asker asks whom the client asks: its own name servers, or those of this system.
func (s *session) asker() *asker {
	c := s.client
	a := &asker{servers: c.NameServers, search: c.Search, system: c.Resolver,
		question: min(c.Timeout, maxQuestion), reach: min(c.Timeout, maxReach)}
	if len(a.servers) == 0 {
		a.servers, a.search = SystemNames()
	}
	if a.system == nil {
		a.system = net.DefaultResolver
	}
	return a
}

// SystemNames are the name servers of this system, host:port, and the suffixes that it
// tries, or nothing where no file says so, as on Windows.
func SystemNames() (servers, search []string) {
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return nil, nil
	}
	for _, server := range conf.Servers[:min(len(conf.Servers), maxServers)] {
		servers = append(servers, net.JoinHostPort(server, conf.Port))
	}
	for _, suffix := range conf.Search[:min(len(conf.Search), maxSuffixes)] {
		if suffix = strings.Trim(suffix, "."); suffix != "" {
			search = append(search, suffix)
		}
	}
	return servers, search
}

// name asks for both kinds of addresses of a name, with the suffixes where it has none
// by itself, for whatever reason, and tries the addresses if there are several. That a
// server fails says nothing of the name with a suffix: systemd-resolved fails so for any
// name of one label.
func (a *asker) name(ctx context.Context, name, port string) *Name {
	n := &Name{Name: name, Asked: a.both(ctx, name)}
	if len(n.addresses()) == 0 && ctx.Err() == nil {
		var suffixed []string
		for _, suffix := range a.search {
			suffixed = append(suffixed, strings.TrimSuffix(name, ".")+"."+suffix)
		}
		n.Asked = append(n.Asked, a.both(ctx, suffixed...)...)
	}
	if addrs := n.addresses(); len(addrs) > 1 {
		n.Tried = tryAll(ctx, addrs, port, a.reach)
	}
	return n
}

// told tells whether l has the answer to its question, be it that there is none.
func (l *Lookup) told() bool {
	return l.Rcode == dns.RcodeToString[dns.RcodeSuccess] || l.Rcode == dns.RcodeToString[dns.RcodeNameError]
}

// both asks for the IPv4 and the IPv6 addresses of names, side by side. The order of
// what it returns is that of names.
func (a *asker) both(ctx context.Context, names ...string) []Lookup {
	kinds := []uint16{dns.TypeA, dns.TypeAAAA}
	answers := make([][]Lookup, len(kinds)*len(names))
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() { answers[i] = a.ask(ctx, names[i/len(kinds)], kinds[i%len(kinds)]) })
	}
	asking.Wait()
	return slices.Concat(answers...)
}

// tryAll opens a connection to each of some addresses, side by side.
func tryAll(ctx context.Context, addrs []netip.Addr, port string, limit time.Duration) []wire.Attempted {
	tried := make([]wire.Attempted, min(len(addrs), maxAddresses))
	var trying sync.WaitGroup
	for i := range tried {
		trying.Go(func() { tried[i] = wire.Try(ctx, addrs[i], port, limit) })
	}
	trying.Wait()
	return tried
}

// anything asks for a name that cannot exist (RFC 6761, 6.4), for the kind of addresses
// that another has.
func (a *asker) anything(ctx context.Context, run string, like netip.Addr) []netip.Addr {
	kind := dns.TypeA
	if like.Is6() {
		kind = dns.TypeAAAA
	}
	n := &Name{Asked: a.ask(ctx, "proxycheck-"+strings.ToLower(run)+".invalid", kind)}
	return n.addresses()
}
