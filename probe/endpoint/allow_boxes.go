package endpoint

import (
	"fmt"
	"slices"
	"strings"
)

// fortigate makes addresses for policies, and exempts from inspection.
func fortigate(p *page) {
	p.head(
		"To be pasted into the command line of FortiOS 6.2.2 or later. It makes addresses and two",
		"groups, and allows nothing by itself: put above your other policies one to",
		"windowsupdate-80 with the service HTTP and one to windowsupdate-443 with the service",
		"HTTPS, both without users and groups, which exempts them from authentication, and",
		"without security profiles, which exempts them from scanning.",
		"The box knows the addresses behind a star from the answers of the name servers that",
		"pass through it: clients must ask through it, and not over HTTPS. It knows no paths:",
		"where a list has only parts of a host, the whole host is in it.",
		"Source: Fortinet document library, FortiGate cookbook 217973; CLI reference.")
	var groups []string
	p.line("config firewall address")
	for _, g := range []struct {
		name  string
		rules []*Allowed
	}{{"windowsupdate-80", hostsOf(p.only(plainHTTP), p.parts(plainHTTP))}, {"windowsupdate-443", p.only(tunnels)}} {
		var members []string
		p.each(g.rules, func(e *Allowed) string {
			members = append(members, fmt.Sprintf("%s-%d", g.name, len(members)+1))
			return fmt.Sprintf("    edit \"%s\"\n        set type fqdn\n        set fqdn \"%s\"\n    next", members[len(members)-1], e)
		})
		if len(members) > 0 {
			groups = append(groups, fmt.Sprintf("    edit \"%s\"\n        set member \"%s\"\n    next", g.name, strings.Join(members, `" "`)))
		}
	}
	p.line("end\nconfig firewall addrgrp\n%s\nend", strings.Join(groups, "\n"))
	exempt := p.only(pinned)
	if len(exempt) == 0 {
		return
	}
	p.gap()
	p.say("Exempt from inspection: the name of your profile stands for custom-deep-inspection.")
	p.line("config firewall wildcard-fqdn custom")
	for i, e := range exempt {
		p.line("    edit \"windowsupdate-pinned-%d\"\n        set wildcard-fqdn \"%s\"\n    next", i+1, e)
	}
	p.line("end\nconfig firewall ssl-ssh-profile\n    edit \"custom-deep-inspection\"\n        config ssl-exempt")
	for i := range exempt {
		p.line("            edit 0\n                set type wildcard-fqdn\n                set wildcard-fqdn \"windowsupdate-pinned-%d\"\n            next", i+1)
	}
	p.line("        end\n    next\nend")
}

// hostsOf are rules, and the hosts of others, for products that know no paths.
func hostsOf(rules, parts []*Allowed) []*Allowed {
	seen := map[string]bool{}
	for _, e := range parts {
		if !seen[e.Name] {
			seen[e.Name] = true
			rules = append(rules, &Allowed{Name: e.Name, HTTP: true, Rows: e.Rows})
		}
	}
	return rules
}

// paloAlto is what a custom URL category lists, in which a star is a label or more and
// the slash at the end keeps other domains out.
func paloAlto(p *page) {
	p.head(
		"Two lists of URLs: each is for a custom URL category (Objects, Custom Objects, URL",
		"Category), without the lines that begin with #. Allow windowsupdate in a security rule",
		"above those with a URL filter, without users and without security profiles, for the",
		"services service-http and service-https: a category knows no ports. Have no decryption",
		"(action no-decrypt) for windowsupdate-pinned.",
		"Source: Palo Alto Networks, Guidelines for URL Category Exceptions.")
	categories(p, p.only, func(e *Allowed) string {
		if e.Path == "" {
			return e.String() + "/"
		}
		return strings.TrimSuffix(e.String(), "*")
	})
}

// categories are the two lists of URLs of a product that knows no ports: which of the
// rules for a use are in them, and the line of each.
func categories(p *page, rules func(use func(*Allowed) bool) []*Allowed, entry func(*Allowed) string) {
	p.say("windowsupdate:")
	p.each(rules(anyPort), entry)
	p.each(p.parts(anyPort), entry)
	p.say("windowsupdate-pinned:")
	p.each(rules(pinned), entry)
}

// zscaler is what a custom URL category lists. A dot at the beginning stands for up to
// five labels more, and for none.
func zscaler(p *page) {
	p.head(
		"Two lists of URLs: each is for a custom URL category, without the lines that begin",
		"with #. Allow windowsupdate in URL filtering, exempt it from authentication and from",
		"scanning; exempt windowsupdate-pinned from SSL inspection. A category knows no ports.",
		"A dot at the beginning stands for the names below, and for the name itself too, which",
		"the lists do not all have: Zscaler can say no less.",
		"Source: Zscaler help, URL Format Guidelines.")
	categories(p, p.dotted, func(e *Allowed) string { return e.dotted() + strings.TrimSuffix(e.Path, "*") })
}

// proxySG is a policy that allows, asks for no login and does not scan.
func proxySG(p *page) {
	p.mark = ";"
	p.head(
		"For the local policy file of a ProxySG or ASG. It names no ports: the services of the",
		"box say which there are. url.domain stands for the names below a name and for itself",
		"too, which the lists do not all have. Of inspection it says nothing: the hosts of",
		"windowsupdate-pinned are for a rule of the SSL Intercept Layer, Disable SSL Interception.",
		"Source: Broadcom knowledge 165435; ProxySG Content Policy Language Guide.")
	condition := func(name string, rules ...*Allowed) {
		p.line("define condition %s", name)
		p.each(rules, func(e *Allowed) string {
			path := strings.TrimSuffix(e.Path, "*")
			if e.Under {
				return "url.domain=" + e.Name + path
			}
			if path != "" {
				return "url=http://" + e.Name + path
			}
			return "url.host.exact=" + e.Name
		})
		p.line("end")
	}
	condition("windowsupdate", slices.Concat(p.dotted(anyPort), p.parts(anyPort))...)
	condition("windowsupdate-pinned", p.dotted(pinned)...)
	p.line("\n<Proxy>\n    condition=windowsupdate ALLOW authenticate(no)")
	p.line("<Cache>\n    condition=windowsupdate response.icap_service(no)")
}
