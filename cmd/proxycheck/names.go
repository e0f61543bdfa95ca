package main

import (
	"strings"

	"github.com/miekg/dns"

	"proxycheck/probe"
)

// nameService lets c ask the name server that the flags give, and look for its proxy in
// the domain that they give.
func (f *runFlags) nameService(c *probe.Client) error {
	switch {
	case f.resolver == "" && f.domain == "":
		return nil
	case c.Loopback:
		return usage("--resolver and --domain are for a network that is not embedded, which has a name server of its own")
	case f.domain != "" && !isDomain(f.domain):
		return usage("--domain %.80q: want the domain of the clients, such as corp.example", f.domain)
	}
	c.Domain = strings.Trim(f.domain, ".")
	if f.resolver == "" {
		return nil
	}
	server, err := probe.ParseResolver(f.resolver)
	if err != nil {
		return usage("--resolver: %w", err)
	}
	c.NameServers, c.Resolver = []string{server}, probe.ResolverAt(server)
	_, c.Search = probe.SystemNames()
	return nil
}

// isDomain tells whether s is a name that a client may be in.
func isDomain(s string) bool {
	_, valid := dns.IsDomainName(s)
	return valid && strings.Trim(s, ".-") == s && !strings.Contains(s, "..") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}
