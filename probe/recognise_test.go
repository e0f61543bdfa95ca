package probe

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// told is s when the request that arrived at the server, and its answer, were these.
func (s *sight) told(reply, request string) *sight {
	head, _, _ := strings.Cut(reply, "\n\n")
	a := &Arrival{Arrival: new(wusp.Arrival), Request: wire.Lines(request), Reply: wire.Lines(head)}
	s.o.Witness = &Witness{Arrived: []*Arrival{a}, Closest: a}
	return s
}

// signedBy is what a client saw of a certificate that another than the server signed.
func signedBy(issuer string) *sight {
	s := saw("tls-config", goodConfig).trust(ByGivenCA, nil)
	s.o.Trust.Issuer = issuer
	return s
}

// saidBy are answers of each product, as its signs' sources have them: those that it
// makes itself, and behind an empty status those that it passes on.
var saidBy = []struct {
	product *Product
	answer  string
}{
	{Squid, squidDenies},
	{Squid, squidAsks},
	{Squid, goodHead + "\nVia: 1.1 proxy.example (squid/5.7)"},
	{Squid, goodHead + "\nVia: 1.1 proxy.example (squid)"},
	{Squid, goodHead + "\nX-Cache: MISS from proxy.example\nX-Cache-Lookup: MISS from proxy.example:3128"},
	{Squid, goodHead + "\nX-Cache-Lookup: NONE from proxy.example:3128"},
	{Squid, "HTTP/1.1 407 Proxy Authentication Required\nProxy-Authenticate: Basic realm=\"Squid proxy-caching web server\""},
	{Squid, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<style type=\"text/css\"><!--\n /*\n Stylesheet for Squid Error pages\n"},
	{Apache, apacheDenies},
	{Apache, goodHead + "\nVia: 1.1 proxy.example (Apache/2.4.71)"},
	{HAProxy, "HTTP/1.0 403 Forbidden\nCache-Control: no-cache\nConnection: close\nContent-Type: text/html\n\n<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"},
	{HAProxy, "HTTP/1.0 503 Service Unavailable\nContent-Type: text/html\n\n<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"},
	{HAProxy, "HTTP/1.1 405 Method Not Allowed\ncontent-length: 146\ncontent-type: text/html\n\n<html><body><h1>405 Method Not Allowed</h1>\nA request was made of a resource using a request method not supported by that resource\n</body></html>\n"},
	{HAProxy, "HTTP/1.0 502 Bad Gateway\nContent-Type: text/html\n\n<html><body><h1>502 Bad Gateway</h1>\nThe server returned an invalid or incomplete response.\n</body></html>\n"},
	{TrafficServer, goodHead + "\nVia: http/1.1 proxy.example (ApacheTrafficServer/9.2.9 [cMsSf ])"},
	{TrafficServer, "HTTP/1.1 404 Not Found on Accelerator\nServer: ATS/9.2.9\nContent-Type: text/html"},
	{Privoxy, privoxyDenies},
	{Privoxy, privoxyNoName},
	{Privoxy, "HTTP/1.1 503 Connect failed\nContent-Type: text/html"},
	{Privoxy, "HTTP/1.1 400 Invalid header received from client\nProxy-Agent: Privoxy 3.0.34"},
	{Tinyproxy, tinyproxyDenies},
	{Tinyproxy, tinyproxyCannotConnect},
	{Tinyproxy, goodHead + "\nVia: 1.1 tinyproxy (tinyproxy/1.11.1)"},
	{Varnish, goodHead + "\nX-Varnish: 2\nAge: 0\nVia: 1.1 varnish (Varnish/7.1)"},
	{Varnish, goodHead + "\nVia: 1.1 varnish-v4"},
	{Varnish, goodHead + "\nX-Varnish: 98306 3"},
	{Mitmproxy, "HTTP/1.1 502 Bad Gateway\nServer: mitmproxy 8.1.1\nContent-Type: text/html"},
	{ProxySG, "HTTP/1.0 503 Service Unavailable\nServer: BlueCoat-Security-Appliance"},
	{ProxySG, "HTTP/1.1 403 Forbidden\nCache-Control: no-cache\nPragma: no-cache\nContent-Type: text/html; charset=utf-8\nProxy-Connection: close\n\n<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD>\n<big>Access Denied (policy_denied)</big>\n"},
	{ProxySG, "HTTP/1.1 400 Bad Request\nContent-Type: text/html; charset=utf-8\n\n<HTML><HEAD>\n<TITLE>Request Error</TITLE>\n</HEAD>\n<big>Request Error (invalid_request)</big>\n"},
	{Skyhigh, goodHead + "\nVia: 1.1 192.0.2.34 (McAfee Web Gateway 11.2.6.43601)"},
	{Skyhigh, goodHead + "\nVia: 1.1 192.0.2.34 (Skyhigh Secure Web Gateway 12.2.2)"},
	{Skyhigh, "HTTP/1.1 403 URLBlocked\nContent-Type: text/html\n\n<html><head><title>McAfee Web Gateway - Notification - Blocked by URL filtering</title>"},
	{Skyhigh, "HTTP/1.1 403 URLBlocked\nServer: McAfee Web Gateway\nContent-Type: text/html"},
	{Zscaler, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\nServer: Zscaler/6.2\nCache-Control: no-cache\nContent-length: 14916"},
	{Zscaler, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<html><head>\n<title>Internet Security by Zscaler</title>"},
	{Zscaler, "HTTP/1.1 307 Temporary Redirect\nLocation: https://gateway.zscalertwo.net:443/auD?origurl=x"},
	{PaloAlto, "HTTP/1.1 503 Service Unavailable\nContent-Type: text/html\n\n<h1>Web Page Blocked</h1>\n<p>Access to the web page you were trying to visit has been blocked in accordance with company policy.</p>"},
	{PaloAlto, "HTTP/1.1 503 Service Unavailable\nContent-Type: text/html\n\n<p>Access to the application you were trying to use has been blocked in accordance with company policy.</p>"},
	{PaloAlto, "HTTP/1.1 302 Found\nLocation: https://192.0.2.1:6082/php/urlblock.php?args=AAAA"},
	{FortiGate, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<title>Web Filter Violation</title><h1>FortiGuard Intrusion Prevention - Access Blocked</h1>"},
	{FortiGate, "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<title>Web Filter Block Override</title> div.header { background: url(http://192.0.2.1:8008/XX/YY/ZZ/CI/MGPGHGPGPFGHCDPFGGOGFGEH) }"},
	{FortiGate, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<font>Powered by FortiGuard.</font>"},
	{FortiGate, "HTTP/1.1 303 See Other\nLocation: http://192.0.2.1:1000/fgtauth?0a1b2c3d"},
	{SophosUTM, "HTTP/1.1 502 Bad Gateway\nContent-Type: text/html; charset=\"UTF-8\"\n\n<title>The requested URL could not be retrieved</title>\n<link href=\"http://passthrough.fw-notify.net/static/default.css\""},
	{CiscoSWA, goodHead + "\nVia: 1.1 wsa.example:80 (Cisco-WSA/9.1.2-010)"},
	{CiscoSWA, "HTTP/1.0 500 Internal Server Error\nMime-Version: 1.0\nVia: 1.0 wsa.example:80 (IronPort-WSA/7.1.3)"},
	{CiscoSWA, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<html><head><title>Notification: Policy: URL Filtering</title>"},
	{SonicWall, "HTTP/1.0 403 Forbidden\nServer: SonicWALL\nContent-Type: text/html"},
	{SonicWall, "HTTP/1.0 200 OK\nServer: SonicWALL\nContent-Type: text/html\n\n<title>Web Site Blocked</title>"},
	{SonicWall, "HTTP/1.0 403 Forbidden\nContent-Type: text/html\n\n<title>SonicWALL - Web Site Blocked</title>"},
	{SonicWall, "HTTP/1.0 403 Forbidden\nContent-Type: text/html\n\nclick <a href=\"http://cfssupport.sonicwall.com/\">here</a>"},
	{ISA, "HTTP/1.1 407 Proxy Authentication Required ( The ISA Server requires authorization to fulfill the request. Access to the Web Proxy service is denied.  )\nVia: 1.1 ISA01\nProxy-Authenticate: NTLM"},
	{ISA, "HTTP/1.1 502 Proxy Error ( Forefront TMG denied the specified Uniform Resource Locator (URL).  )\nVia: 1.1 TMG01"},
	{ISA, "HTTP/1.1 502 Proxy Error ( Die URL verwendet ein unbekanntes Protokoll.  )\nVia: 1.1 ISA01"},
	{Forcepoint, goodHead + "\nVia: HTTP/1.1 wcg.example (Websense_Content_Gateway/7.7.0 [c s f ])"},
	{Forcepoint, "HTTP/1.1 302 Found\nLocation: http://192.0.2.1:15871/cgi-bin/blockpage.cgi?ws-session=1"},
	{Forcepoint, "HTTP/1.1 200 OK\nContent-Type: text/html\n\n<frame src=\"http://192.0.2.1:15871/cgi-bin/block_message.cgi?ws-session=1\">"},
	{Forcepoint, "HTTP/1.0 403 Forbidden\nServer: Microdasys-SCIP\nContent-Type: text/html\n\n<A HREF=\"http://www.websense.com/\">Websense Content Gateway Proxy v7.7</A>"},
	{Netskope, "HTTP/1.1 302 Found\nLocation: https://auth-npaproxy-example.goskope.com/nsauth"},
	{Barracuda, "HTTP/1.1 403 Forbidden\nServer: Barracuda/NGFirewall\nContent-Type: text/html"},
	{Barracuda, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<tr><th>Barracuda NextGen Firewall:</th>"},
	{CheckPoint, "HTTP/1.1 302 Found\nLocation: http://192.0.2.1/UserCheck/PortalMain?IID=AAAA&origUrl=x"},
	{CheckPoint, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<title>Check Point UserCheck</title>"},
	{Smoothwall, "HTTP/1.0 403 Forbidden\nConnection: close\nContent-Length: 51\nContent-type: text/html\n\nAccess denied: authentication configuration missing"},
	{Lightspeed, "HTTP/1.1 403 Forbidden\nContent-Type: text/html\n\n<title>Lightspeed System - Web Access</title>"},
	{WatchGuard, "HTTP/1.0 403 Forbidden\nContent-type: text/html\n\n<title>Request denied by WatchGuard HTTP Proxy</title>"},
}

// Each sign of each product that stands in an answer is recognised in what the
// product says, and nothing in it is a sign of another.
func TestRecogniseAnswers(t *testing.T) {
	found := map[*Sign]bool{}
	for _, tt := range saidBy {
		s := saw("bits-file", tt.answer)
		if got, by := recognise(ran(s)); got != tt.product {
			t.Errorf("of %s is taken for %v (%s):\n%s", tt.product.Name, got, by, tt.answer)
		}
		head, body := s.o.Answer, strings.ToLower(string(s.o.Body.Excerpt))
		for in, marks := range allMarks {
			for _, m := range marks {
				here := in == InPage && m.in(body) || in == InReason && m.in(reasonOf(head)) ||
					slices.ContainsFunc(head.All(in), func(v string) bool { return m.in(strings.ToLower(v)) })
				found[m.Sign] = found[m.Sign] || here && m.of == tt.product
				if here && m.of != tt.product {
					t.Errorf("%q in %s is also of %s:\n%s", m.Has, in, m.of.Name, tt.answer)
				}
			}
		}
	}
	elsewhere := []string{"Server^Apache/", "Server^nginx", "Server^ATS/", "Server^Varnish", "Proxy-Agent^Apache/", "Proxy-Agent^tinyproxy", "X-BlueCoat-Via"}
	for in, marks := range allMarks {
		for _, m := range marks {
			if !found[m.Sign] && in != InIssuer && !slices.Contains(elsewhere, m.In+m.Has) {
				t.Errorf("the sign %q in %s of %s is in no answer here", m.Has, m.In, m.of.Name)
			}
		}
	}
}

// No sign matches what another product's sign is made of.
func TestSignsAreTheirOwn(t *testing.T) {
	for in, marks := range allMarks {
		for _, m := range marks {
			for _, other := range marks {
				if m.of != other.of && m.in(other.text) {
					t.Errorf("in %s, %q of %s matches %q of %s", in, m.Has, m.of.Name, other.Has, other.of.Name)
				}
			}
		}
	}
}

// Who signed certificates in the server's place is recognised, and nothing is said of
// the server's own.
func TestRecogniseIssuers(t *testing.T) {
	for issuer, want := range map[string]*Product{
		"CN=mitmproxy,O=mitmproxy": Mitmproxy,
		"CN=McAfee Web Gateway":    Skyhigh,
		`CN=Zscaler Intermediate Root CA (zscaler.net) (t),OU=Zscaler Inc.,O=Zscaler Inc.,ST=California,C=US`:       Zscaler,
		"CN=FG100E0000000000,OU=Certificate Authority,O=Fortinet,L=Sunnyvale,ST=California,C=US":                    FortiGate,
		"CN=Sophos SSL CA_0123456789ABCDE,OU=NSG,O=Sophos,ST=Oxfordshire,C=GB":                                      Sophos,
		"CN=SonicWALL Firewall DPI-SSL,O=SonicWALL Inc.,ST=CA,C=US":                                                 SonicWall,
		"CN=Forcepoint Cloud CA,O=Forcepoint LLC":                                                                   Forcepoint,
		"CN=ca.example.eu.goskope.com,OU=0123,O=Example":                                                            Netskope,
		"CN=caadmin.netskope.com,O=netSkope Inc":                                                                    Netskope,
		`CN=Gateway CA - Cloudflare Managed G1 0123,OU=www.cloudflare.com,O=Cloudflare\, Inc.,L=San Francisco,C=US`: CloudflareGateway,
		"CN=Contoso Issuing CA,DC=contoso,DC=com":                                                                   nil,
	} {
		s := signedBy(issuer)
		if got, by := recognise(ran(s)); got != want {
			t.Errorf("%s is taken for %v (%s)", issuer, got, by)
		}
		if got, by := recognise(ran(s.direct())); got != want {
			t.Errorf("without a proxy, %s is taken for %v (%s)", issuer, got, by)
		}
		s.o.Trust.OwnRoot = true
		if got, by := recognise(ran(s)); got != nil {
			t.Errorf("the server's own %s is taken for %s (%s)", issuer, got.Name, by)
		}
	}
}

// In a chain the nearest is named, and what stands behind it is said.
func TestRecogniseChains(t *testing.T) {
	const squidVia = "\nVia: 1.1 near.example (squid/5.7)"
	for _, tt := range []struct {
		name string
		run  *Run
		want *Product
		by   string // a part of the evidence
	}{
		{"each puts its own Via behind those that are there", ran(saw("bits-size", goodHead+"\nVia: 1.1 far.example (Apache/2.4.71), 1.1 near.example (squid/5.7)")),
			Squid, `Via: "1.1 near.example (squid/5.7)"; behind it Apache httpd (Via: "1.1 far.example (Apache/2.4.71)")`},
		{"in two fields", ran(saw("bits-size", goodHead+"\nVia: 1.1 0123.cdn.example (Varnish/6.0)\nVia: 1.1 192.0.2.34 (McAfee Web Gateway 11.2.6)")), Skyhigh, "behind it Varnish"},
		{"the nearer has no comment", ran(saw("bits-size", goodHead+"\nVia: 1.1 far.example (Apache/2.4.71), 1.1 near.example")), Apache, "far.example"},
		{"a comment has a comma", ran(saw("bits-size", goodHead+"\nVia: 1.1 far.example (a, b), 1.1 near.example (squid/5.7)")), Squid, `"1.1 near.example (squid/5.7)"`},
		{"a comment does not end", ran(saw("bits-size", goodHead+"\nVia: 1.1 near.example (squid/5.7, 1.1 other")), Squid, "near.example"},
		{"one that hides denies in front of one that does not", ran(saw("bits-size", goodHead+squidVia), saw("bits-file", privoxyDenies)),
			Privoxy, `"HTTP/1.1 403 Request blocked by Privoxy"; behind it Squid`},
		{"one that hides denies behind one that does not", ran(saw("bits-size", goodHead+squidVia), saw("bits-file", strings.Replace(privoxyDenies, "\n", squidVia+"\n", 1))),
			Squid, "behind it Privoxy"},
		{"two that hide", ran(saw("bits-size", "HTTP/1.1 403 Access violation"), saw("bits-file", privoxyDenies)), nil, "which is nearer to the client does not show"},
		{"a box that inspects, and a proxy", ran(saw("bits-size", goodHead+squidVia), signedBy("CN=x,O=Fortinet")), Squid, `certificates issued by "CN=x,O=Fortinet" are of FortiGate`},
		{"the request at the server", ran(saw("bits-size", goodHead).told(goodHead, "GET /a HTTP/1.1\nVia: 1.1 near.example (squid/5.7), 1.1 far.example (tinyproxy/1.11.1)")),
			Squid, "behind it tinyproxy"},
		{"the request at the server bears another field", ran(saw("bits-size", goodHead).told(goodHead, "GET /a HTTP/1.1\nX-BlueCoat-Via: 0a1b2c3d4e5f6071")), ProxySG, "X-BlueCoat-Via"},
	} {
		got, by := recognise(tt.run)
		if got != tt.want || !strings.Contains(by, tt.by) {
			t.Errorf("%s: %v by %s; want %v by %s", tt.name, got, by, tt.want, tt.by)
		}
	}
}

// What the server says of itself, or somebody on its side, is no sign of the proxy.
func TestRecogniseNotTheServer(t *testing.T) {
	const asSquid = "HTTP/1.1 200 OK\nServer: squid/5.7\nVia: 1.1 farm.example (squid/5.7)\nContent-Length: 100000"
	alone := saw("bits-size", strings.Replace(asSquid, "Via", "X-Via", 1))
	told := saw("bits-size", asSquid).told(asSquid, "GET /a HTTP/1.1")
	refused := saw("bits-size", squidDenies).told(squidDenies, "GET /a HTTP/1.1")
	refused.o.Witness.Closest.Reply.Start = "HTTP/1.1 403 Forbidden"
	compared := saw("bits-size", asSquid)
	compared.o.Direct = saw("bits-size", asSquid).direct().o
	inside := saw("tls-config", asSquid).trust(ByServersCA, nil)
	inside.o.TLS = new(tls.ConnectionState)
	inside.o.Trust.OwnRoot = true
	const haproxyDown = "HTTP/1.0 503 Service Unavailable\nContent-Type: text/html\n\n<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n"
	const apacheDown = "HTTP/1.1 502 Proxy Error\nContent-Length: 0"
	bothWays := func(answer string) *sight {
		return saw("bits-file", answer).with(func(o *Observation) { o.Direct = saw("bits-file", answer).direct().o })
	}
	for name, s := range map[string]*sight{
		"an origin that names itself squid":                          alone,
		"an origin behind a squid of its own, which a witness knows": told,
		"its denial, which a witness knows":                          refused,
		"it says so without the proxy too":                           compared,
		"it says so in a tunnel that ends there":                     inside,
		"IIS":                                                        saw("bits-size", goodHead),
		"an error of IIS":                                            saw("bits-size", iisNotFound),
		"another web server":                                         saw("bits-size", "HTTP/1.1 404 Not Found\nServer: nginx/1.22.1"),
		"a web server of that name":                                  saw("bits-size", "HTTP/1.1 200 OK\nServer: ATS/9.2.9"),
		"without a proxy, a farm":                                    saw("bits-size", asSquid).direct(),
		"a page that comes without the proxy too":                    bothWays(haproxyDown),
		"a status line that comes without the proxy too":             bothWays(apacheDown),
		"without a proxy, a page":                                    saw("bits-file", haproxyDown).direct(),
		"without a proxy, a status line":                             saw("bits-file", apacheDown).direct(),
		"without a proxy, a field":                                   saw("bits-file", squidDenies).direct(),
		"without a proxy, of which nothing arrived":                  saw("bits-file", haproxyDown).direct().with(func(o *Observation) { o.Witness = &Witness{} }),
		"nothing": saw("bits-size", "").breaks(wire.Connect, wire.Refused),
	} {
		if got, by := recognise(ran(s)); got != nil {
			t.Errorf("%s is taken for %s (%s)", name, got.Name, by)
		}
	}
}

// What comes without the proxy takes only the same from what names it.
func TestRecogniseBesideDirect(t *testing.T) {
	for _, direct := range []string{goodHead, apacheDenies, squidDenies} {
		s := saw("bits-file", privoxyDenies).with(func(o *Observation) { o.Direct = saw("bits-file", direct).direct().o })
		if got, by := recognise(ran(s)); got != Privoxy {
			t.Errorf("beside %s, Privoxy is taken for %v (%s)", direct, got, by)
		}
	}
}

// What stands in a Server field counts where the server is known not to have said it.
func TestRecogniseInServerField(t *testing.T) {
	nothing := saw("bits-size", "HTTP/1.1 403 Forbidden\nServer: nginx/1.22.1")
	nothing.o.Witness = &Witness{}
	for _, tt := range []struct {
		name string
		s    *sight
		want *Product
	}{
		{"a refused CONNECT", tunnelled("HTTP/1.1 400 Bad Request\nServer: nginx/1.22.1"), Nginx},
		{"a refused CONNECT of Apache", tunnelled("HTTP/1.1 403 Forbidden\nServer: Apache/2.4.71 (Debian)"), Apache},
		{"a 407", saw("bits-size", "HTTP/1.1 407 Unauthorized\nServer: ATS/9.2.9"), TrafficServer},
		{"the server said IIS", saw("bits-size", strings.Replace(goodHead, "Microsoft-IIS/10.0", "ATS/9.2.9", 1)).told(goodHead, "GET /a HTTP/1.1"), TrafficServer},
		{"nothing arrived", nothing, Nginx},
	} {
		if got, by := recognise(ran(tt.s)); got != tt.want {
			t.Errorf("%s is taken for %v (%s), want %s", tt.name, got, by, tt.want.Name)
		}
	}
	opened := saw("tls-config", goodConfig)
	opened.o.Tunnel = &wire.Exchange{Answer: wire.Lines("HTTP/1.0 200 Connection Established\nProxy-agent: Apache/2.4.71 (Debian)")}
	if got, by := recognise(ran(opened)); got != Apache {
		t.Errorf("an open tunnel of Apache is taken for %v (%s)", got, by)
	}
}

// A proxy that no row describes stays unknown, and what it says is kept.
func TestRecogniseNothingElse(t *testing.T) {
	for _, tt := range []struct{ field, by string }{
		{"Via: 1.1 gate.example (GateKeeper/3)", `Via: "1.1 gate.example (GateKeeper/3)"`},
		{"Via: 1.1 google", `Via: "1.1 google"`},
		{"X-Cache: HIT", ""},
		{"X-Cache-Lookup: Hit From Disktank3", ""},
	} {
		r := Conclude(ran(saw("bits-size", goodHead+"\n"+tt.field)), About{})
		if r.Route.Product != "" || r.Route.ProductBy != tt.by {
			t.Errorf("%s names %q by %q, want nothing by %q", tt.field, r.Route.Product, r.Route.ProductBy, tt.by)
		}
	}
	r := Conclude(ran(saw("bits-size", goodHead+"\nVia: 1.1 vm (squid/5.7)")), About{})
	if r.Route.Product != "squid" || r.Route.ProductBy != `Via: "1.1 vm (squid/5.7)"` {
		t.Errorf("squid is named %q by %q", r.Route.Product, r.Route.ProductBy)
	}
}
