// Package sim is a network in which Windows Update fails on demand: a name
// server, a proxy and an update server, all on loopback, and [Faults], the list
// of the ways in which they can be broken.
//
//	client -> DNS -> listener -> front -> goproxy -> dial -> origin
//
// A [Net] without faults is healthy: every step of package probe passes. A
// [Fault] is one difference from health, at one of the places of break.go, and
// names the findings that must be shown for it.
package sim

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
)

// The names under which the parts of a Net know each other.
const (
	proxyName  = "proxy.test"
	ServerName = "wsus.test"
)

// The ports of a WSUS. The proxy finds the server behind them too, beside the
// ones at which it really listens, for a client that is told where it is by hand.
const (
	plainPort  = "8530"
	securePort = "8531"
)

// A Net is a client's path to its update server. Faults change its parts before
// they start to listen; nothing changes them after.
type Net struct {
	DNS       *DNS
	Proxy     *Proxy
	Server    *Server
	Microsoft *Microsoft // every server of the URL lists
	Direct    bool       // the client is set to use no proxy

	// InPath puts the proxy into the path of a client that is set to use none.
	InPath bool

	// AtServer points the client's proxy setting at the update server.
	AtServer bool

	// OnlyProxy keeps the server's name from the client, as a name service does that
	// has only what is inside: then the proxy alone reaches it.
	OnlyProxy bool

	// RTT is how long a round trip between the proxy and its clients takes, beside
	// what this machine needs; 0 for no longer. It is set by a Break.
	RTT time.Duration

	// Search are the suffixes that the client tries, and Domain the one in which it looks
	// for its proxy by itself; "" for a client that does not.
	Search []string
	Domain string

	wpad     *http.Server // of the file that names the proxy; nil for none
	wpadPort string

	path *line // the TLS port of a box in the path; nil for none

	asksMicrosoft bool   // the client does
	atClient      string // a fault that is not in the proxy or behind it; "" for none
	clientKnowsCA bool
	breaking      string            // the fault at work
	touched       map[string][]part // fault -> the parts at which it acts
	held          map[string]string // place that only one fault can hold -> that fault
	refused       error             // a fault found its place held
}

// A Fault is one way to break the path to an update server.
type Fault struct {
	Name    string        // as in --fault and in reports
	Title   string        // one line, no full stop
	Source  string        // where it is documented
	Break   func(*Net)    // does it, before the net starts
	As      probe.Windows // the Windows that meets it; "" for the newest
	Login   bool          // it shows to a client that has a login alone
	Ladders bool          // it shows in a run that looks for limits alone
	Idle    time.Duration // it shows to a client that waits so long on an idle connection

	Microsoft bool // it shows to a client that asks Microsoft's servers

	Shows []*probe.Finding // what a whole run must show: these and no other
}

// Prepare sets up a client to meet f.
func (f *Fault) Prepare(c *probe.Client) {
	if f.As != "" {
		c.Profile, _ = probe.LookupProfile(string(f.As))
		c.Steps = c.AllSteps()
	}
	if f.Login {
		c.Login = &probe.Login{User: "alice", Password: "s3cret"}
	}
	if f.Ladders {
		c.Steps = append(c.Steps, probe.LaddersOf()...)
	}
	c.IdleTime = f.Idle
}

// Silent tells whether f shows by using up a time-out.
func (f *Fault) Silent() bool {
	return slices.ContainsFunc(f.Shows, func(finding *probe.Finding) bool { return slices.Contains(silent, finding) })
}

// silent are the findings that cost a time-out.
var silent = []*probe.Finding{probe.NameServerSilent, probe.NameAnswerForeign, probe.IPv6BlackHole, probe.ProxyUnreachable, probe.ServerUnreachable, probe.ProxySilent, probe.SlowStart, probe.BodyTrickles, probe.BigPacketsLost}

// Lookup is the fault of that name, or nil.
func Lookup(name string) *Fault {
	for _, f := range Faults {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// NewNet makes a network with the given faults and starts it. The listen
// address is that of the proxy; "" is a free port on loopback. The error wraps
// [errors.ErrUnsupported] when this system cannot do a fault. Close it after use.
func NewNet(listen string, faults ...*Fault) (*Net, error) {
	n, err := assemble(listen, faults)
	if err != nil {
		return nil, err
	}
	if n.refused != nil {
		return nil, n.refused
	}
	n.Proxy.rtt, n.Proxy.intercepts = n.RTT, n.InPath
	if n.OnlyProxy {
		n.DNS.Answer = without(ServerName, n.DNS.Answer)
	}
	for _, start := range []func() error{n.DNS.start, n.Server.start, n.Microsoft.start, n.Proxy.start, n.startPath, n.startWPAD} {
		if err := start(); err != nil {
			n.Close()
			return nil, err
		}
	}
	return n, nil
}

// assemble makes a network with the given faults, whether they can be together or
// not, and does not start it.
func assemble(listen string, faults []*Fault) (*Net, error) {
	server, err := newServer()
	if err != nil {
		return nil, fmt.Errorf("making the update server: %w", err)
	}
	microsoft, err := newMicrosoft()
	if err != nil {
		return nil, fmt.Errorf("making the servers of Microsoft: %w", err)
	}
	n := &Net{DNS: newDNS(), Server: server, Microsoft: microsoft, clientKnowsCA: true, touched: map[string][]part{}, held: map[string]string{}}
	n.Proxy = newProxy(listen, n.route)
	past := "" // the fault that lets the client go past the proxy
	for _, f := range faults {
		n.breaking, n.asksMicrosoft = f.Name, n.asksMicrosoft || f.Microsoft
		f.Break(n)
		if past == "" && n.goesPast() {
			past = f.Name
		}
	}
	if n.goesPast() {
		n.checkUsed(past)
	}
	return n, nil
}

// goesPast tells whether the client of n does not use the proxy, and meets none.
func (n *Net) goesPast() bool { return n.AtServer || n.Direct && !n.InPath }

// checkUsed refuses what breaks the proxy where the fault past lets the client go
// past it: it would not show.
func (n *Net) checkUsed(past string) {
	for _, name := range slices.Sorted(maps.Keys(n.touched)) {
		if name != past && slices.Contains(n.touched[name], atProxy) {
			n.refuse(fmt.Errorf("with the fault %s the client does not use the proxy, which the fault %s breaks", past, name))
		}
	}
}

// refuse keeps the first reason why faults cannot be together.
func (n *Net) refuse(why error) {
	if n.refused == nil {
		n.refused = why
	}
}

// AtClient is the name of a fault of n that a client elsewhere does not meet,
// or "": it is in the name service or the settings of n's own client.
func (n *Net) AtClient() string { return n.atClient }

// hold takes a place that can be held only once, for the fault at work.
func (n *Net) hold(place string) {
	if other := n.held[place]; other != "" {
		n.refuse(fmt.Errorf("the faults %s and %s both need the %s", other, n.breaking, place))
	}
	n.held[place] = n.breaking
}

// Close stops every part of n and waits for it.
func (n *Net) Close() {
	if n.path != nil {
		n.path.Close()
	}
	if n.wpad != nil {
		n.wpad.Close()
	}
	n.Proxy.close()
	n.Server.close()
	n.Microsoft.close()
	n.DNS.close()
}

// route is the address of a machine in n, or an error for any other: the proxy
// reaches nothing else.
func (n *Net) route(authority string) (string, error) {
	switch numbered.ReplaceAllString(authority, ServerName) {
	case n.Server.plain.Addr().String(): // its address is a name too
		return authority, nil
	case net.JoinHostPort(ServerName, plainPort), withPort(ServerName, n.Server.plain.Addr()):
		return n.Server.plain.Addr().String(), nil
	case net.JoinHostPort(ServerName, securePort), withPort(ServerName, n.Server.secure.Addr()):
		return n.Server.secure.Addr().String(), nil
	}
	if n.InPath && authority == withPort(ServerName, n.Proxy.addr) { // as the client finds it
		return n.Server.plain.Addr().String(), nil
	}
	if at := n.Microsoft.at(authority); at != "" {
		return at, nil
	}
	return "", fmt.Errorf("%s is not in the simulated net", authority)
}

// numbered matches the names that clients make of the server's (wire.md 4.4).
var numbered = regexp.MustCompile(`^[0-9]{1,2}\.` + regexp.QuoteMeta(ServerName))

// Addr is the address at which the proxy listens.
func (n *Net) Addr() string { return n.Proxy.addr.String() }

// CA is the root of the update server's certificate, as PEM.
func (n *Net) CA() []byte { return n.Server.Authority.PEM() }

// Client is a client set up for n, as group policy would do it.
func (n *Net) Client(timeout time.Duration) *probe.Client {
	c := &probe.Client{
		Proxy:       withPort(proxyName, n.Proxy.addr),
		Resolver:    n.DNS.Resolver(),
		NameServers: []string{n.DNS.Addr()},
		Search:      n.Search,
		Domain:      n.Domain,
		PACPort:     n.wpadPort,
		Loopback:    true,
		Timeout:     timeout,
		Profile:     probe.Profiles[0],
		Target:      n.clientsTarget(),
	}
	switch {
	case n.Direct:
		c.Proxy = ""
	case n.AtServer:
		c.Proxy = withPort(proxyName, n.Server.plain.Addr())
	}
	if n.asksMicrosoft {
		n.turnToMicrosoft(c)
	}
	c.Steps = c.AllSteps()
	return c
}

// MicrosoftClient is a client set up for n that asks Microsoft's servers, those of the
// lists which the newest Windows uses.
func (n *Net) MicrosoftClient(timeout time.Duration) *probe.Client {
	c := n.Client(timeout)
	n.turnToMicrosoft(c)
	c.Steps = c.AllSteps()
	return c
}

// turnToMicrosoft lets c ask Microsoft's servers.
func (n *Net) turnToMicrosoft(c *probe.Client) {
	rows := endpoint.All()
	windows := string(c.Profile.Windows)
	c.Target = n.MicrosoftTarget()
	c.Hosts, _ = endpoint.Hosts(endpoint.Rows(endpoint.Default(windows, endpoint.Known(rows)), rows, windows), windows)
	c.Lanes = probe.MicrosoftLanes
}

// clientsTarget is the update server of n as n's own client is told of it: under
// ports at which it is found without the proxy too, or a box in the path in its place.
func (n *Net) clientsTarget() probe.Target {
	plain, secure := n.Server.plain.Addr(), n.Server.secure.Addr()
	if n.InPath {
		plain, secure = n.Proxy.addr, n.path.Addr()
	}
	t := n.target(withPort(ServerName, plain), withPort(ServerName, secure))
	if !n.clientKnowsCA {
		t.CA = ""
	}
	if !n.Direct { // what lets some names pass and others not is a proxy
		t.Prefixed, t.Address = true, plain.String()
	}
	return t
}

// SecureTarget is the update server of n for n's own client, with its web
// services asked through TLS. Its files are still fetched in clear.
func (n *Net) SecureTarget() probe.Target {
	t := n.clientsTarget()
	t.TLS, t.Host = true, t.Secure
	return t
}

// Target is the update server of n for a proxy that is not the one of n.
func (n *Net) Target() probe.Target {
	return n.target(n.Server.plain.Addr().String(), n.Server.secure.Addr().String())
}

func (n *Net) target(plain, secure string) probe.Target {
	return probe.Target{Kind: probe.Embedded, Host: plain, Content: plain, Secure: secure,
		Size: n.Server.Size, CA: n.Server.Authority.Fingerprint(), Witness: n.Server.Witness.Path()}
}

// withPort puts name in front of the port of addr.
func withPort(name string, addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return net.JoinHostPort(name, port)
}
