package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"proxycheck/probe"
)

// A Product is something that is met as such in the field: a named list of faults
// that come together.
type Product struct {
	Name   string   // as in --product
	Title  string   // one line, no full stop
	Source string   // where it is documented
	Faults []string // by their names
}

// Products lists every product, from the proxies to what lies behind them.
var Products = []*Product{
	{
		Name: "squid-range-offset", Title: "a Squid with range_offset_limit none, which fetches whole files", Source: "Squid wiki: Windows Update",
		Faults: []string{"range-from-cache"},
	},
	{
		Name: "squid-range-removed", Title: "a Squid that removes Range from requests, and cuts parts from its cache", Source: "tried on Squid",
		Faults: []string{"range-only-warm"},
	},
	{
		Name: "apache-2.0", Title: "an old Apache 2.0, whose answers to HEAD have no length", Source: "KB10132",
		Faults: []string{"head-length-removed"},
	},
	{
		Name: "apache-deflate", Title: "an Apache httpd with mod_deflate", Source: "tried on Apache httpd",
		Faults: []string{"body-gzipped"},
	},
	{
		Name: "nginx-slice", Title: "an nginx that keeps files in slices, and speaks HTTP/1.0 to the server", Source: "tried on nginx",
		Faults: []string{"multi-range-whole", "http10-upstream"},
	},
	{
		Name: "antivirus-trickle", Title: "a gateway that scans, and lets a few bytes through meanwhile", Source: "Skyhigh: data trickling",
		Faults: []string{"body-trickled"},
	},
	{
		Name: "antivirus-progress", Title: "a gateway that scans, and shows a page of its progress meanwhile", Source: "Skyhigh: progress pages",
		Faults: []string{"file-progress-page"},
	},
	{
		Name: "isa-2004", Title: "an ISA Server 2004 that asks everyone for a login", Source: "KB885819",
		Faults: []string{"login-isa"},
	},
	{
		Name: "isa-2004-closing", Title: "an ISA Server 2004 that hangs up in the middle of a login, for a client that has one", Source: "KB885819, scenario 1",
		Faults: []string{"login-ntlm-closed"},
	},
	{
		Name: "isa-2004-null", Title: "an ISA Server 2004 that takes an empty login and then denies, for a client that has one", Source: "KB885819, scenario 2",
		Faults: []string{"login-null-denied"},
	},
	{
		Name: "captive-portal", Title: "a portal at which one has to log in first", Source: "WinHTTP error messages",
		Faults: []string{"portal"},
	},
	{
		Name: "inspecting", Title: "a proxy that inspects TLS", Source: "Windows Update security",
		Faults: []string{"tls-inspected"},
	},
	{
		Name: "exact-names", Title: "a proxy whose list of allowed hosts has exact names", Source: "WindowsUpdate.log of Windows 10 machines",
		Faults: []string{"prefixes-denied"},
	},
	{
		Name: "wsus-pool-stopped", Title: "a WSUS whose application pool is stopped", Source: "KB3090184",
		Faults: []string{"server-pool-stopped"},
	},
	{
		Name: "leftover-policy-dropped", Title: "a policy left behind, without a proxy: packets to the old server are dropped", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-syn-dropped"},
	},
	{
		Name: "leftover-policy-nameless", Title: "a policy left behind, without a proxy: the old server's name is gone", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-name-gone"},
	},
	{
		Name: "leftover-policy-503", Title: "a policy left behind: a Squid cannot connect to the old server", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-gone-503"},
	},
	{
		Name: "leftover-policy-nameless-503", Title: "a policy left behind: a Squid does not find the old server's name", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-nameless-503"},
	},
	{
		Name: "leftover-policy-502", Title: "a policy left behind: an ISA Server does not find the old server", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-gone-502"},
	},
	{
		Name: "leftover-policy-504", Title: "a policy left behind: an old Squid waits in vain for the old server", Source: "WSUS policy left behind, 2014",
		Faults: []string{"server-gone-504"},
	},
}

// LookupProduct is the product of that name, or nil.
func LookupProduct(name string) *Product {
	for _, p := range Products {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Parts are the faults of p.
func (p *Product) Parts() []*Fault {
	var parts []*Fault
	for _, name := range p.Faults {
		parts = append(parts, Lookup(name))
	}
	return parts
}

// Fault is all of p as one fault. It shows what its faults show, but for what one of
// these findings accounts for.
func (p *Product) Fault() *Fault {
	whole := &Fault{Name: p.Name, Title: p.Title, Source: p.Source}
	var all []*probe.Finding
	for _, f := range p.Parts() {
		all = append(all, f.Shows...)
		whole.As, whole.Idle = cmp.Or(whole.As, f.As), max(whole.Idle, f.Idle)
		whole.Login, whole.Ladders = whole.Login || f.Login, whole.Ladders || f.Ladders
	}
	for i, finding := range all {
		explained := slices.ContainsFunc(all, func(other *probe.Finding) bool { return slices.Contains(other.Explains, finding) })
		if !explained && !slices.Contains(all[:i], finding) {
			whole.Shows = append(whole.Shows, finding)
		}
	}
	whole.Break = func(n *Net) {
		for _, f := range p.Parts() {
			f.Break(n)
		}
	}
	return whole
}

// gone is a server that is no more, as a proxy tells it: with an answer of its own to
// whatever is asked, CONNECT too. Nor does a client find it without the proxy.
func gone(head, page string) func(*Net) {
	return func(n *Net) {
		n.touch(atServer)
		n.OnlyProxy = true
		head := fmt.Sprintf("%sContent-Length: %d\r\nConnection: close\r\n\r\n", head, len(page))
		answer(not(method(http.MethodHead)), head+page)(n)
		answer(method(http.MethodHead), head)(n)
	}
}

// How proxies say that they do not reach a server.
var (
	squidNoAnswer = squidSays("ERR_CONNECT_FAIL 110")
	squidNoName   = squidSays("ERR_DNS_FAIL 0")
	// Squid 2.7 (openstreetmap-website issue 1661).
	oldSquidNoAnswer = gone("HTTP/1.1 504 Gateway Time-out\r\nServer: squid/2.7.STABLE9\r\nContent-Type: text/html\r\n"+
		"X-Squid-Error: ERR_CANNOT_FORWARD 11\r\nX-Cache: MISS from proxy.test\r\nX-Cache-Lookup: MISS from proxy.test:3128\r\n"+
		"Via: 1.0 proxy.test:3128 (squid/2.7.STABLE9)\r\n", squidPage)
	// ISA Server, which says in the status line what is wrong.
	isaNoHost = gone("HTTP/1.1 502 Proxy Error ( The host was not found. )\r\nVia: 1.1 ISA\r\nProxy-Connection: close\r\n"+
		"Pragma: no-cache\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n", pageOf("The page cannot be displayed"))
)

// squidSays is what Squid 5 says: an error of its own, and behind it the number of the
// system's, such as that a connection timed out, or 0 for none.
func squidSays(code string) func(*Net) {
	return gone("HTTP/1.1 503 Service Unavailable\r\nServer: squid/5.7\r\nMime-Version: 1.0\r\n"+
		"Content-Type: text/html;charset=utf-8\r\nX-Squid-Error: "+code+"\r\nVary: Accept-Language\r\nContent-Language: en\r\n"+
		"X-Cache: MISS from proxy.test\r\nX-Cache-Lookup: MISS from proxy.test:3128\r\nVia: 1.1 proxy.test (squid/5.7)\r\n", squidPage)
}

var squidPage = pageOf("ERROR: The requested URL could not be retrieved")

// loginISA is how ISA Server asks for a login (curl issue 369).
var loginISA = fmt.Sprintf("HTTP/1.1 407 Proxy Authentication Required ( The ISA Server requires authorization to fulfill the request. "+
	"Access to the Web Proxy filter is denied.  )\r\nVia: 1.1 ISA\r\n"+
	"Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Kerberos\r\nProxy-Authenticate: NTLM\r\n"+
	"Connection: close\r\nProxy-Connection: close\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n"+
	"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(isaPage), isaPage)

var isaPage = pageOf("Error Message")
