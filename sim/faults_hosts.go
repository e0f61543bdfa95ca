package sim

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/elazarl/goproxy"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim/wsus"
)

// hostFaults are the faults of the hosts of the URL lists.
var hostFaults = []*Fault{
	// One host.
	{
		Name: "host-denied", Title: "the proxy denies one host of the lists", Source: "Windows Update troubleshooting", Microsoft: true,
		Break: pageTo(naming("dmd.metaservices.microsoft.com"), http.StatusForbidden, "ERROR: The requested URL could not be retrieved", squidDenies...), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "host-denied-bare", Title: "the proxy denies one host of the lists, and does not say that it is a proxy", Source: "Windows Update troubleshooting", Microsoft: true,
		Break: pageTo(naming("dmd.metaservices.microsoft.com"), http.StatusForbidden, "Forbidden"), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "host-tunnel-denied", Title: "the proxy denies tunnels to one host of the lists", Source: "Squid wiki: Windows Update", Microsoft: true,
		Break: pageTo(tunnelTo("adl.windows.com"), http.StatusForbidden, "Access Denied"), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "host-policy-503", Title: "the proxy denies one host of the lists by a page with the status 503", Source: "Squid wiki: Windows Update", Microsoft: true,
		Break: pageTo(naming("dmd.metaservices.microsoft.com"), http.StatusServiceUnavailable, "Blocked by policy"), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "host-dropped", Title: "a firewall behind the proxy drops packets to one host of the lists",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT", Microsoft: true,
		Break: pageTo(naming("tsfe.trafficshaping.dsp.mp.microsoft.com"), http.StatusGatewayTimeout, "The server has not answered in time"), Shows: shows(probe.HostUnreached),
	},
	{
		Name: "host-reset", Title: "the connection is reset where a tunnel to one host of the lists is asked for", Source: "KB2894304", Microsoft: true,
		Break: takeOver(tunnelTo("adl.windows.com"), reset), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "host-handshake-reset", Title: "the connection is reset in the TLS handshake with one host of the lists", Source: "Windows Update troubleshooting", Microsoft: true,
		Break: takeOver(tunnelTo("adl.windows.com"), openAndReset), Shows: shows(probe.TLSBroken),
	},

	{
		Name: "host-denied-wordless", Title: "the proxy denies one host of the lists without a word of its own", Source: "Windows Update troubleshooting", Microsoft: true,
		Break: front(both(naming("dmd.metaservices.microsoft.com"), not(method(http.MethodConnect))), func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusForbidden)
		}), Shows: shows(probe.HostUnclear),
	},

	// The names under wildcards.
	{
		Name: "tunnels-exact-only", Title: "a list of exact names lets through tunnels to what it has, and denies all others",
		Source: "Squid wiki: Windows Update", Microsoft: true,
		Break: pageTo(both(method(http.MethodConnect), not(exactlyListed)), http.StatusForbidden, "Access Denied"), Shows: shows(probe.WildcardNarrow),
	},
	{
		Name: "prefix-names-denied", Title: "names of the content network that begin with a number are denied, and others are not",
		Source: "WindowsUpdate.log of Windows 10 machines", Microsoft: true,
		Break: pageTo(withNumber, http.StatusForbidden, "Access Denied"), Shows: shows(probe.PrefixDenied),
	},
	{
		Name: "names-exact-only", Title: "a list of exact names lets through what it has, and denies everything else",
		Source: "WindowsUpdate.log of Windows 10 machines", Microsoft: true,
		Break: pageTo(not(exactlyListed), http.StatusForbidden, "Access Denied"), Shows: shows(probe.PrefixDenied, probe.AddressDenied),
	},
	{
		Name: "cache-addresses-denied", Title: "caches at providers, which have an address for a name, are denied",
		Source: "a capture of Windows 10 behind the cache of a provider", Microsoft: true,
		Break: pageTo(byAddress, http.StatusForbidden, "Access Denied"), Shows: shows(probe.AddressDenied),
	},

	// A category of hosts.
	{
		Name: "category-page", Title: "a page comes for the category that the servers of files are in, with status 200",
		Source: "BITS return values", Microsoft: true,
		Break: pageTo(both(downloads, not(method(http.MethodConnect))), http.StatusOK, "Category blocked: Software Downloads"), Shows: shows(probe.HostBlocked),
	},
	{
		Name: "category-portal", Title: "whoever asks for the category that the servers of files are in is sent to a portal",
		Source: "WinHTTP error messages", Microsoft: true,
		Break: pageTo(both(downloads, not(method(http.MethodConnect))), http.StatusFound, "Found", "Location: http://portal.test/blocked"), Shows: shows(probe.HostBlocked),
	},

	// Inspection.
	{
		Name: "inspected-but-bypass", Title: "the proxy inspects TLS, but for the hosts of the catalogue",
		Source: "Microsoft: Delivery Optimization and proxies", Microsoft: true,
		Break: inspecting(func(name string) bool { return !isOneOf(name, catalogue) }), Shows: shows(probe.TLSInspected),
	},
	{
		Name: "inspected-some", Title: "the proxy inspects TLS with Delivery Optimization's service and some hosts more",
		Source: "Microsoft: Delivery Optimization and proxies", Microsoft: true,
		Break: inspecting(func(name string) bool {
			return isOneOf(name, []string{"*.do.dsp.mp.microsoft.com", "adl.windows.com", "login.live.com"})
		}), Shows: shows(probe.TLSInspected),
	},
	{
		Name: "inspected-trusted", Title: "the proxy inspects TLS with a root that the client's machine trusts",
		Source: "Windows Update security", Microsoft: true, Break: inspectingTrusted, Shows: shows(probe.TLSInspected),
	},
	{
		Name: "tunnels-dropped", Title: "the proxy takes each CONNECT and never answers", Source: "KB2894304", Microsoft: true,
		Break: takeOver(method(http.MethodConnect), stall), Shows: shows(probe.ProxySilent),
	},

	// What certificates rest on, and what files are fetched in.
	{
		Name: "revocation-hosts-denied", Title: "the hosts of trust lists, lists of revoked certificates and OCSP are denied",
		Source: "opnsense/core issue 4463", Microsoft: true,
		Break: pageTo(naming("crl.microsoft.com", "ctldl.windowsupdate.com", "*.ctldl.windowsupdate.com", "ocsp.digicert.com", "oneocsp.microsoft.com", "www.microsoft.com"),
			http.StatusForbidden, "Access Denied"), Shows: shows(probe.RevocationBlocked),
	},
	{
		Name: "trust-list-page", Title: "a page comes in place of the trust lists, with status 200", Source: "Windows Update troubleshooting", Microsoft: true,
		Break: pageTo(naming("ctldl.windowsupdate.com"), http.StatusOK, "This type of file is not wanted"), Shows: shows(probe.RevocationBlocked),
	},
	{
		Name: "files-mixed", Title: "a cache changes a byte of the parts that come from deep inside of files", Source: "lancachenet/monolithic: $uri$slice_range", Microsoft: true,
		Break: response(both(downloads, rangeFrom(1<<20+1000)), func(r *http.Response) { changeOne(r, 5) }), Shows: shows(probe.ContentAltered),
	},
	{
		Name: "files-fetched-whole", Title: "the proxy fetches whole files from the servers of files so that it can scan them", Source: "KB922330", Microsoft: true,
		Break: request(where(downloads, unset("Range"))), Shows: shows(probe.RangeIgnored),
	},
}

// squidDenies are the fields by which Squid 5 is seen where it denies.
var squidDenies = []string{"Server: squid/5.7", "X-Squid-Error: ERR_ACCESS_DENIED 0", "Via: 1.1 proxy.test (squid/5.7)"}

// downloads matches what is asked of the servers of files.
var downloads = naming("*.windowsupdate.com", "*.dl.delivery.mp.microsoft.com")

// catalogue are the patterns of the hosts that most lists of what is not to be
// inspected have.
var catalogue = []string{"*.update.microsoft.com", "update.microsoft.com", "*.delivery.mp.microsoft.com"}

// pageTo answers the requests that when matches with a page of the proxy's own, of which
// HEAD gets the head alone. Fields are lines of that.
func pageTo(when When, status int, title string, fields ...string) func(*Net) {
	return front(when, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for _, field := range fields {
			name, value, _ := strings.Cut(field, ": ")
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		io.WriteString(w, pageOf(title))
	})
}

// naming matches what is asked of hosts of such names, tunnels too.
func naming(patterns ...string) When {
	return func(r *http.Request) bool { return isOneOf(hostname(r.Host), patterns) }
}

// tunnelTo matches what asks for a tunnel to hosts of such names.
func tunnelTo(patterns ...string) When {
	return both(method(http.MethodConnect), naming(patterns...))
}

// isOneOf tells whether one of the patterns has a name.
func isOneOf(name string, patterns []string) bool {
	for _, pattern := range patterns {
		if endpoint.Matches(pattern, name) {
			return true
		}
	}
	return false
}

// hostname is an authority without its port.
func hostname(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		return host
	}
	return authority
}

// numberFirst matches the names that begin with a number of the content network (wire.md 4.4).
var numberFirst = regexp.MustCompile(`^[0-9]{1,2}\.[^.]*[a-z]`)

// withNumber matches what is asked of a host whose name begins with a number.
func withNumber(r *http.Request) bool { return numberFirst.MatchString(r.Host) }

// exactlyListed matches what is asked of a host that an administrator knows from the
// lists and from what is written about them.
func exactlyListed(r *http.Request) bool { return exactNames()[hostname(r.Host)] }

// exactNames are the names of all hosts, but for those that clients make of them.
var exactNames = sync.OnceValue(func() map[string]bool {
	exact := map[string]bool{}
	hosts, _ := endpoint.Hosts(endpoint.All(), "")
	for _, h := range hosts {
		if !h.Numbered && !h.Control {
			exact[h.Name] = true
		}
	}
	return exact
})

// inspecting opens the tunnels to names that want matches, and signs in the place of
// the server. Other tunnels are honest.
func inspecting(want func(name string) bool) func(*Net) {
	return func(n *Net) { inspectAs(n, inspect(n), want) }
}

// inspectAs does so with what becomes of the tunnels.
func inspectAs(n *Net, action *goproxy.ConnectAction, want func(name string) bool) {
	n.touch(atProxy)
	n.hold("tunnel")
	n.Proxy.OnRequest().HandleConnectFunc(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
		if !want(hostname(host)) {
			return nil, host
		}
		return action, host
	})
}

// inspectingTrusted inspects every tunnel, with a root that was put into the stores of
// the clients.
func inspectingTrusted(n *Net) { inspectWithRoot(n, func(string) bool { return true }) }

// inspectWithRoot does so with the tunnels to names that want matches.
func inspectWithRoot(n *Net, want func(name string) bool) {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	n.Microsoft.Roots.AppendCertsFromPEM(authority.PEM())
	inspectAs(n, inspectBy(authority), want)
}
