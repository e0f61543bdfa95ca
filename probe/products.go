package probe

import "strings"

// A Product is a program or a box that updates pass through, or come from. It is
// a row of Products and never changes.
type Product struct {
	Name   string // in lower case: of reports, and of their field fixes
	Title  string // as its maker writes it
	Serves bool   // it is what an update server runs on, and no proxy
	Signs  []Sign // by which it is recognised; none for one that hides
}

// A Sign is something by which a product shows itself.
type Sign struct {
	In     string // the name of a field of an answer, or one of the constants below
	Has    string // what stands in it, in any case; a leading ^ ties it to the start of the value, a $ at the end to the end
	Own    bool   // it stands only in what the product itself says: it writes it into no answer that it passes on
	Source string
	Sure   Sure
}

// Where a sign stands that is in no field.
const (
	InPage   = "page"        // the start of a body that the product made up
	InReason = "status line" // behind the number
	InIssuer = "issuer"      // of a certificate that an inspecting product signed
)

// Sources that several signs name.
const (
	nmapProbes   = "nmap-service-probes 7.93"
	citizenLab   = "Citizen Lab: known block pages"
	censored     = "Censored Planet: block page signatures"
	ooniPages    = "OONI: blocking fingerprints"
	haproxyPages = "HAProxy: its error pages"
	issuersSeen  = "certificates that users of it show"
	proxyLists   = "lists of intercepting proxies on the web"
	newName      = "inferred from its new name"
)

// The products.
var (
	Squid = &Product{Name: "squid", Title: "Squid", Signs: []Sign{
		{In: "Via", Has: "(squid", Source: ownTrial, Sure: Seen}, // without a version where httpd_suppress_version_string is on
		{In: "X-Squid-Error", Own: true, Source: ownTrial, Sure: Seen},
		{In: "Server", Has: "^squid", Own: true, Source: ownTrial, Sure: Seen},
		{In: "X-Cache-Lookup", Has: "^MISS from ", Source: ownTrial, Sure: Seen},
		{In: "X-Cache-Lookup", Has: "^NONE from ", Source: ownTrial, Sure: Seen},
		{In: "Proxy-Authenticate", Has: `realm="Squid proxy-caching web server"`, Own: true, Source: "squid.conf: auth_param", Sure: Documented},
		{In: InPage, Has: "Stylesheet for Squid Error pages", Own: true, Source: citizenLab, Sure: Seen},
	}}
	Apache = &Product{Name: "apache", Title: "Apache httpd", Signs: []Sign{
		{In: "Proxy-Agent", Has: "^Apache/", Own: true, Source: ownTrial, Sure: Seen}, // of an open tunnel
		{In: "Via", Has: "(Apache/", Source: "Apache: ProxyVia", Sure: Documented},
		{In: "Server", Has: "^Apache/", Source: ownTrial, Sure: Seen},
		{In: InReason, Has: "^Proxy Error$", Own: true, Source: ownTrial, Sure: Seen},
	}}
	Nginx = &Product{Name: "nginx", Title: "nginx", Signs: []Sign{
		{In: "Server", Has: "^nginx", Source: ownTrial, Sure: Seen}, // in each answer that passes
	}}
	HAProxy = &Product{Name: "haproxy", Title: "HAProxy", Signs: []Sign{ // of what it passes on, it shows nothing
		{In: InPage, Has: "A request was made of a resource using a request method not supported by that resource", Own: true, Source: haproxyPages, Sure: Seen},
		{In: InPage, Has: "Request forbidden by administrative rules.", Own: true, Source: haproxyPages, Sure: Seen},
		{In: InPage, Has: "No server is available to handle this request.", Own: true, Source: haproxyPages, Sure: Seen},
		{In: InPage, Has: "The server returned an invalid or incomplete response.", Own: true, Source: haproxyPages, Sure: Seen},
	}}
	TrafficServer = &Product{Name: "trafficserver", Title: "Apache Traffic Server", Signs: []Sign{
		{In: "Via", Has: "(ApacheTrafficServer", Source: ownTrial, Sure: Seen},
		{In: "Server", Has: "^ATS/", Source: ownTrial, Sure: Seen}, // in each answer that passes
		{In: InReason, Has: "^Not Found on Accelerator$", Own: true, Source: ownTrial, Sure: Seen},
	}}
	Privoxy = &Product{Name: "privoxy", Title: "Privoxy", Signs: []Sign{ // of what it passes on, it shows nothing
		{In: InReason, Has: "Privoxy", Own: true, Source: ownTrial, Sure: Seen},
		{In: InReason, Has: "^No such domain$", Own: true, Source: ownTrial, Sure: Seen},
		{In: InReason, Has: "^Connect failed$", Own: true, Source: ownTrial, Sure: Seen},
		{In: "Proxy-Agent", Has: "^Privoxy", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InPage, Has: "(Privoxy@", Own: true, Source: ownTrial, Sure: Seen},
	}}
	Tinyproxy = &Product{Name: "tinyproxy", Title: "tinyproxy", Signs: []Sign{
		{In: "Via", Has: "(tinyproxy", Source: ownTrial, Sure: Seen},
		{In: "Proxy-Agent", Has: "^tinyproxy", Own: true, Source: ownTrial, Sure: Seen}, // of an open tunnel
		{In: "Server", Has: "^tinyproxy", Own: true, Source: ownTrial, Sure: Seen},
		{In: InReason, Has: "^Unable to connect$", Own: true, Source: ownTrial, Sure: Seen},
		{In: InReason, Has: "^Access violation$", Own: true, Source: ownTrial, Sure: Seen},
	}}
	Varnish = &Product{Name: "varnish", Title: "Varnish", Signs: []Sign{
		{In: "Via", Has: "(Varnish/", Source: ownTrial, Sure: Seen},
		{In: "Via", Has: " varnish-v", Source: nmapProbes, Sure: Seen},
		{In: "X-Varnish", Source: ownTrial, Sure: Seen},
		{In: "Server", Has: "^Varnish", Source: nmapProbes, Sure: Seen},
	}}
	Mitmproxy = &Product{Name: "mitmproxy", Title: "mitmproxy", Signs: []Sign{ // of what it passes on, it shows nothing
		{In: "Server", Has: "^mitmproxy", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InIssuer, Has: "CN=mitmproxy", Source: "mitmproxy: about certificates", Sure: Documented},
	}}
	ProxySG = &Product{Name: "proxysg", Title: "Symantec ProxySG", Signs: []Sign{
		{In: "Server", Has: "^BlueCoat", Own: true, Source: nmapProbes, Sure: Seen},
		{In: "X-BlueCoat-Via", Source: "requests that arrived behind one", Sure: Seen}, // of requests to the server
		{In: InPage, Has: "(policy_denied)", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InPage, Has: "(invalid_request)", Own: true, Source: nmapProbes, Sure: Seen},
	}}
	Skyhigh = &Product{Name: "skyhigh", Title: "Skyhigh (McAfee) Web Gateway", Signs: []Sign{
		{In: "Via", Has: "(McAfee Web Gateway", Source: "McAfee: Web Gateway, Via and X-Forwarded-For headers; " + nmapProbes, Sure: Documented},
		{In: "Via", Has: "(Skyhigh", Source: newName, Sure: Unsure}, // which it has since 12.2.2
		{In: "Server", Has: "^McAfee", Own: true, Source: proxyLists, Sure: Unsure},
		{In: InPage, Has: "<title>McAfee Web Gateway - Notification", Own: true, Source: nmapProbes + "; " + censored, Sure: Seen},
		{In: InIssuer, Has: "McAfee Web Gateway", Source: proxyLists, Sure: Unsure},
	}}
	Zscaler = &Product{Name: "zscaler", Title: "Zscaler", Signs: []Sign{
		{In: "Server", Has: "^Zscaler", Own: true, Source: "WhatWaf issue 178", Sure: Seen},
		{In: "Location", Has: "://gateway.zscaler", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: "<title>Internet Security by Zscaler", Own: true, Source: citizenLab + "; WhatWaf issue 178", Sure: Seen},
		{In: InIssuer, Has: "O=Zscaler", Source: "sectigo/CTLogs pull request 57", Sure: Seen},
	}}
	PaloAlto = &Product{Name: "paloalto", Title: "Palo Alto Networks", Signs: []Sign{
		{In: "Location", Has: "/php/urlblock.php?args=", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: "you were trying to visit has been blocked in accordance with company policy", Own: true, Source: citizenLab + "; Palo Alto kA10g000000ClsQCAS", Sure: Seen},
		{In: InPage, Has: "you were trying to use has been blocked in accordance with company policy", Own: true, Source: censored, Sure: Seen},
	}}
	FortiGate = &Product{Name: "fortigate", Title: "FortiGate", Signs: []Sign{
		{In: "Location", Has: "/fgtauth?", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InPage, Has: "/XX/YY/ZZ/CI/MGPGHGPGPFGHCDPFGGOGFGEH", Own: true, Source: nmapProbes + "; " + citizenLab, Sure: Seen},
		{In: InPage, Has: "Powered By FortiGuard", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: "FortiGuard Intrusion Prevention - Access Blocked", Own: true, Source: "block pages on the web", Sure: Seen},
		{In: InIssuer, Has: "O=Fortinet", Source: "rrrrrrri/fgt-gadgets issue 15", Sure: Seen},
	}}
	Sophos = &Product{Name: "sophos", Title: "Sophos Firewall", Signs: []Sign{
		{In: InIssuer, Has: "CN=Sophos SSL CA_", Source: issuersSeen, Sure: Seen},
	}}
	SophosUTM = &Product{Name: "sophosutm", Title: "Sophos UTM", Signs: []Sign{
		{In: InPage, Has: "//passthrough.fw-notify.net/", Own: true, Source: nmapProbes, Sure: Seen},
	}}
	CiscoSWA = &Product{Name: "ciscoswa", Title: "Cisco Secure Web Appliance", Signs: []Sign{
		{In: "Via", Has: "(Cisco-WSA/", Source: nmapProbes + "; " + ooniPages, Sure: Seen},
		{In: "Via", Has: "(IronPort-WSA/", Source: nmapProbes, Sure: Seen},
		{In: InPage, Has: "<title>Notification: Policy: URL Filtering", Own: true, Source: ooniPages, Sure: Seen},
	}}
	SonicWall = &Product{Name: "sonicwall", Title: "SonicWall", Signs: []Sign{
		{In: "Server", Has: "^SonicWALL", Own: true, Source: nmapProbes + "; " + ooniPages, Sure: Seen},
		{In: InPage, Has: "SonicWALL - Web Site Blocked", Own: true, Source: censored, Sure: Seen},
		{In: InPage, Has: "://cfssupport.sonicwall.com", Own: true, Source: citizenLab, Sure: Seen},
		{In: InIssuer, Has: "CN=SonicWALL Firewall DPI-SSL", Source: issuersSeen, Sure: Seen},
	}}
	ISA = &Product{Name: "isa", Title: "ISA Server and Forefront TMG", Signs: []Sign{
		{In: InReason, Has: " ( The ISA Server ", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InReason, Has: " ( Forefront TMG ", Own: true, Source: "error messages on the web", Sure: Seen},
		{In: InReason, Has: "^Proxy Error ( ", Own: true, Source: nmapProbes, Sure: Seen}, // and the rest in any language
	}}
	Forcepoint = &Product{Name: "forcepoint", Title: "Forcepoint (Websense) Web Security", Signs: []Sign{
		{In: "Via", Has: "(Websense_Content_Gateway/", Source: nmapProbes, Sure: Seen},
		{In: "Location", Has: ":15871/cgi-bin/block", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: ":15871/cgi-bin/block", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: "Websense Content Gateway", Own: true, Source: nmapProbes, Sure: Seen},
		{In: InIssuer, Has: "CN=Forcepoint Cloud CA", Source: issuersSeen, Sure: Seen},
	}}
	Netskope = &Product{Name: "netskope", Title: "Netskope", Signs: []Sign{
		{In: "Location", Has: ".goskope.com/", Own: true, Source: proxyLists, Sure: Unsure},
		{In: InIssuer, Has: ".goskope.com", Source: issuersSeen, Sure: Seen},
		{In: InIssuer, Has: "caadmin.netskope.com", Source: issuersSeen, Sure: Seen},
	}}
	CloudflareGateway = &Product{Name: "cloudflaregateway", Title: "Cloudflare Gateway", Signs: []Sign{
		{In: InIssuer, Has: "CN=Gateway CA - Cloudflare Managed", Source: "Cloudflare One: install certificates", Sure: Documented},
	}}
	Barracuda = &Product{Name: "barracuda", Title: "Barracuda CloudGen Firewall", Signs: []Sign{
		{In: "Server", Has: "^Barracuda/NGFirewall", Own: true, Source: censored, Sure: Seen},
		{In: InPage, Has: "<th>Barracuda NextGen Firewall:", Own: true, Source: censored, Sure: Seen},
	}}
	CheckPoint = &Product{Name: "checkpoint", Title: "Check Point", Signs: []Sign{
		{In: "Location", Has: "/UserCheck/PortalMain?IID=", Own: true, Source: citizenLab, Sure: Seen},
		{In: InPage, Has: "Check Point UserCheck", Own: true, Source: citizenLab, Sure: Seen},
	}}
	Smoothwall = &Product{Name: "smoothwall", Title: "Smoothwall", Signs: []Sign{
		{In: InPage, Has: "Access denied: authentication configuration missing", Own: true, Source: nmapProbes, Sure: Seen},
	}}
	Lightspeed = &Product{Name: "lightspeed", Title: "Lightspeed Filter", Signs: []Sign{
		{In: InPage, Has: "<title>Lightspeed System - Web Access", Own: true, Source: citizenLab, Sure: Seen},
	}}
	WatchGuard = &Product{Name: "watchguard", Title: "WatchGuard Firebox", Signs: []Sign{
		{In: InPage, Has: "denied by WatchGuard HTTP Proxy", Own: true, Source: nmapProbes + "; " + censored, Sure: Seen},
	}}
	IIS = &Product{Name: "iis", Title: "IIS and WSUS", Serves: true, Signs: []Sign{
		{In: "Server", Has: "^Microsoft-IIS", Own: true, Source: "MS-WUSP 2.1", Sure: Documented},
		{In: "Server", Has: "^Microsoft-HTTPAPI", Own: true, Source: "Microsoft: HTTP Server API", Sure: Documented},
		{In: "X-AspNet-Version", Own: true, Source: "a capture of a WSUS", Sure: Seen},
	}}
)

// Products lists every product.
var Products = []*Product{Squid, Apache, Nginx, HAProxy, TrafficServer, Privoxy, Tinyproxy, Varnish, Mitmproxy,
	ProxySG, Skyhigh, Zscaler, PaloAlto, FortiGate, Sophos, SophosUTM, CiscoSWA, SonicWall, ISA, Forcepoint, Netskope,
	CloudflareGateway, Barracuda, CheckPoint, Smoothwall, Lightspeed, WatchGuard, IIS}

// hopSigns stand in what a proxy itself says, whichever it is. Proxy-Status (RFC
// 9209) and an X-Cache that begins with "Error" are not among them: the content
// network in front of a server writes them too.
var hopSigns = []Sign{
	{In: "Proxy-Authenticate", Own: true, Source: "RFC 9110, 11.7.1", Sure: Documented},
	{In: "Proxy-Agent", Own: true, Source: ownTrial, Sure: Seen},
	{In: InReason, Has: "Proxy Error", Own: true, Source: ownTrial, Sure: Seen},
}

// A mark is a sign made ready to be looked for, with the product that it is of.
type mark struct {
	*Sign
	of         *Product // nil for any proxy
	text       string   // of Has, in lower case
	start, end bool     // it is tied to that of the value
}

func (p *Product) mark(s *Sign) mark {
	text := strings.ToLower(s.Has)
	rest, start := strings.CutPrefix(text, "^")
	rest, end := strings.CutSuffix(rest, "$")
	return mark{s, p, rest, start, end}
}

// in tells whether m stands in a value that is in lower case.
func (m mark) in(value string) bool {
	switch {
	case m.start && m.end:
		return value == m.text
	case m.start:
		return strings.HasPrefix(value, m.text)
	case m.end:
		return strings.HasSuffix(value, m.text)
	}
	return strings.Contains(value, m.text)
}

// marks are those of some products, by where they stand, in lower case.
type marks map[string][]mark

// marksOf are the marks of the signs that are wanted, of all products and of any
// proxy.
func marksOf(wanted func(*Product, *Sign) bool) marks {
	all := marks{}
	add := func(p *Product, signs []Sign) {
		for i := range signs {
			if s := &signs[i]; wanted(p, s) {
				in := strings.ToLower(s.In)
				all[in] = append(all[in], p.mark(s))
			}
		}
	}
	for _, p := range Products {
		add(p, p.Signs)
	}
	add(nil, hopSigns)
	return all
}
