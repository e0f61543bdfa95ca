package endpoint

const squidSource = "squid.conf reference: acl, http_access, range_offset_limit, adaptation_access; Squid wiki: WindowsUpdate"

// squid allows what is listed, keeps Squid from fetching more than was asked for, and
// says what else exempts it.
func squid(p *page) {
	p.head(
		"In squid.conf, above its first http_access that allows or denies; on Debian and Ubuntu",
		"as the file /etc/squid/conf.d/windowsupdate.conf. The first http_access that fits",
		"decides, so these let the listed hosts past all rules below: lists of blocked",
		"categories, file types, and logins. All else is left to those rules.")
	squidAllow(p)
	if len(p.only(plainHTTP)) > 0 {
		p.gap()
		p.say("A part of a file must not make Squid fetch the whole. Above other range_offset_limit.")
		p.line("range_offset_limit 0 windowsupdate-80")
		p.gap()
		p.say("Exempt from scanning: for each adaptation_service that scans, above its other",
			"adaptation_access, and with its name for SERVICE:",
			"adaptation_access SERVICE deny windowsupdate-80",
			"adaptation_access SERVICE deny windowsupdate-443")
	}
	if len(p.only(pinned)) > 0 {
		p.gap()
		p.say("Exempt from inspection, where Squid has ssl_bump: proxycheck allowlist --format squid-splice")
	}
}

// squidAuthExempt allows what is listed without a login.
func squidAuthExempt(p *page) {
	p.head(
		"In squid.conf, above the first http_access whose acl is of the type proxy_auth; on",
		"Debian and Ubuntu as the file /etc/squid/conf.d/windowsupdate.conf. Squid asks for a",
		"login when it comes to such a rule, so what is allowed above is never asked for one.",
		"The services of Windows Update run as the system and often have none.")
	squidAllow(p)
}

// squidAllow writes the rules that allow what is listed.
func squidAllow(p *page) {
	p.say("Who may: change it to your clients.")
	p.line("acl windowsupdate-clients src 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fe80::/10 127.0.0.0/8 ::1")
	p.line("acl windowsupdate-connect method CONNECT")
	if squidNames(p, "windowsupdate-80", "dstdomain -n", plainHTTP, "Plain HTTP, port 80:") {
		p.line("acl windowsupdate-port-80 port 80")
		p.line("acl windowsupdate-http proto HTTP")
		p.line("http_access allow windowsupdate-clients !windowsupdate-connect windowsupdate-http windowsupdate-port-80 windowsupdate-80%s",
			except(p, "windowsupdate-80", plainHTTP))
	}
	if paths := p.parts(plainHTTP); len(paths) > 0 {
		p.gap()
		p.say("Parts of hosts, by plain HTTP:")
		p.each(paths, func(e *Allowed) string { return "acl windowsupdate-paths url_regex -i " + e.urlRegexp() })
		p.line("http_access allow windowsupdate-clients !windowsupdate-connect windowsupdate-paths")
	}
	if squidNames(p, "windowsupdate-443", "dstdomain -n", tunnels, "Tunnels to port 443, and what Squid finds in them where it looks into them:") {
		p.line("acl windowsupdate-port-443 port 443")
		p.line("acl windowsupdate-https proto HTTPS")
		rest := "windowsupdate-port-443 windowsupdate-443" + except(p, "windowsupdate-443", tunnels)
		p.line("http_access allow windowsupdate-clients windowsupdate-connect %s", rest)
		p.line("http_access allow windowsupdate-clients windowsupdate-https %s", rest)
	}
}

// squidSplice keeps Squid from looking into the tunnels to hosts that are pinned.
func squidSplice(p *page) {
	p.head(
		"In squid.conf, above its first ssl_bump, where Squid inspects TLS (squid-openssl on",
		"Debian and Ubuntu). The lists say of these hosts that clients take no other certificate",
		"for them than Microsoft's own, whatever roots a machine trusts.",
		"A proxy that clients do not know of needs a line more, above: an ssl_bump peek at step",
		"SslBump1, as it sees the name no sooner.")
	if squidNames(p, "windowsupdate-pinned", "ssl::server_name", pinned, "TLS that is not to be inspected:") {
		p.line("ssl_bump splice windowsupdate-pinned%s", except(p, "windowsupdate-pinned", pinned))
		return
	}
	p.say("No rule: these lists say of no host that its TLS must not be inspected.")
}

// squidNames defines an acl of names, and one of those that it has too many: a name with
// a dot before it stands for itself too, and a * of a list does not. It tells whether
// there are any.
func squidNames(p *page, acl, kind string, use func(*Allowed) bool, title string) bool {
	rules := p.dotted(use)
	if len(rules) == 0 {
		return false
	}
	p.gap()
	p.say(title)
	p.each(rules, func(e *Allowed) string { return "acl " + acl + " " + kind + " " + e.dotted() })
	for _, name := range p.bare(use) {
		p.line("acl %s-not %s %s", acl, kind, name)
	}
	return true
}

// except is the end of a rule with an acl of squidNames.
func except(p *page, acl string, use func(*Allowed) bool) string {
	if len(p.bare(use)) == 0 {
		return ""
	}
	return " !" + acl + "-not"
}

// bare are the names whose names below them are listed, and not they themselves.
func (a *Allowlist) bare(use func(*Allowed) bool) []string {
	whole := a.whole(use)
	var names []string
	for _, e := range a.only(use) {
		if e.Under && !whole.exact[e.Name] {
			names = append(names, e.Name)
		}
	}
	return names
}
