package main

import (
	"net"
	"net/netip"
	"strings"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim"
)

// Microsoft's own servers, and the lists of their hosts.

// microsoft is a client that asks Microsoft's servers, or those of the simulated net.
func (f *runFlags) microsoft(about *probe.About) (*probe.Client, func(), error) {
	profile, err := probe.LookupProfile(f.as)
	if err != nil {
		return nil, nil, usage("%w", err)
	}
	c, closer := &probe.Client{Target: probe.MicrosoftTarget()}, func() {}
	if f.simulated() {
		var n *sim.Net
		if n, err = newNet("", f.faults, f.products...); err != nil {
			return nil, nil, err
		}
		c, closer = n.MicrosoftClient(f.timeout), n.Close
		about.Proxy, about.Source = "http://"+c.Proxy, "the embedded one"
	} else if err = f.throughProxy(c, about, "http", c.Target.Content); err != nil {
		return nil, nil, err
	}
	c.Profile, c.Lanes = profile, f.connections
	if c.Hosts, err = f.hosts(about); err == nil {
		err = f.addressOf(c)
	}
	if err == nil && f.ca != "" {
		c.Target.Roots, err = readRoots(f.ca)
	}
	if err != nil {
		closer()
		return nil, nil, err
	}
	return c, closer, nil
}

// simulated tells whether the proxy is that of the embedded net.
func (f *runFlags) simulated() bool {
	return f.proxy == "embedded" || len(f.faults)+len(f.products) > 0
}

// hosts are those of the lists that the flags choose.
func (f *runFlags) hosts(about *probe.About) ([]endpoint.Host, error) {
	f.listed.windows = f.as
	chosen, err := f.listed.rows()
	if err != nil {
		return nil, err
	}
	about.Open = append(about.Open, chosen.notes...)
	hosts, untested := endpoint.Hosts(chosen.rows, f.as)
	for _, u := range untested {
		about.Open = append(about.Open, u.Pattern+": "+u.Open)
	}
	about.Lists = chosen.used()
	if len(hosts) == 0 {
		return nil, usage("--list %s: none of their rows is a host that can be asked", strings.Join(f.listed.lists, ","))
	}
	return hosts, nil
}

// addressOf tells c at which address a host of its files is, for hosts that are named
// by their address.
func (f *runFlags) addressOf(c *probe.Client) error {
	if f.address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(f.address)
	if err != nil {
		host, port = strings.Trim(f.address, "[]"), "80"
	}
	if _, err := netip.ParseAddr(host); err != nil || checkPort(port) != nil {
		return usage("--address %q: want an address of %s, such as 192.0.2.1", f.address, c.Target.Content)
	}
	c.Target.Address = net.JoinHostPort(host, port)
	return nil
}
