//go:build whole

package sim

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/elazarl/goproxy"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A Deciding is a net in which a rule decides that decides in none with a fault of
// Faults alone.
type Deciding struct {
	*Fault
	Client func(*Net, *probe.Client) // sets up a client for it; nil for nothing
}

// unannounced keeps the server from saying what it is, and unknown tells the client
// nothing of it.
var unannounced = origin(under(wusp.HelloPath), notFound)

func unknown(n *Net, c *probe.Client) {
	host, port, _ := net.SplitHostPort(c.Target.Host)
	secure := c.Target.Secure
	c.Target, _ = probe.SplitServer("http", host, port)
	c.Target.Secure, c.Target.Guessed, c.Register = secure, false, true
	c.Target.Roots = x509.NewCertPool()
	c.Target.Roots.AppendCertsFromPEM(n.CA())
}

// ForRules are the nets that TestRules needs beside those of Faults.
var ForRules = []*Deciding{
	decides("head-long", head(everything, "\r\n", "\r\n"+fields(1300))),
	trusted(),
	ofMicrosoft("unpinned-inspected", inspecting(isOne("*.invalid", unpinned))),
	ofMicrosoft("unpinned-inspected-trusted", func(n *Net) { inspectWithRoot(n, isOne("*.invalid", unpinned)) }),
	ofMicrosoft("unpinned-misnamed", func(n *Net) {
		honest := n.Microsoft.TLS.GetCertificate
		n.Microsoft.TLS.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName == unpinned {
				hello.ServerName = "definitionupdates.microsoft.com"
			}
			return honest(hello)
		}
	}),
	ofMicrosoft("ncsi-hosts-denied", pageTo(naming("*.msftconnecttest.com"), http.StatusForbidden, "Access Denied")),
	decides("direct-ssh", direct(origin(everything, seize(otherService)))),
	decides("expired-denied", chain(expire, origin(overTLS, notFound))),
	decides("late-alert", handshake(func(c *tls.Config) {
		c.VerifyConnection = func(tls.ConnectionState) error { return errors.New("no") }
	})),
	decides("redirected-502", chain(
		answer(both(under("/selfupdate/"), method("GET")), "HTTP/1.1 302 Found\r\nLocation: http://"+ServerName+":8530/elsewhere\r\nContent-Length: 0\r\n\r\n"),
		answer(under("/elsewhere"), refusal(http.StatusBadGateway)))),
	decides("privoxy-no-domain", answer(not(method("CONNECT")), "HTTP/1.1 404 No such domain\r\nContent-Length: 0\r\n\r\n")),
	decides("tinyproxy-no-server", answer(not(method("CONNECT")), "HTTP/1.1 500 Unable to connect\r\nContent-Length: 0\r\n\r\n")),
	decides("squid-404", answer(under("/selfupdate/"), "HTTP/1.1 404 Not Found\r\nX-Squid-Error: ERR_INVALID_REQ 0\r\nContent-Length: 0\r\n\r\n")),
	decides("range-416-rest-missing", chain(answer(having("Range"), refusal(416)), answer(both(content, lacking("Range")), refusal(502)))),
	decides("range-400", answer(having("Range"), refusal(400))),
	decides("status-600", answer(calling("GetConfig"), "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n")),
	{&Fault{Name: "cookies-replayed", Break: replay(calling("GetCookie"), byURL)}, leaving("wua-changed", "wua-expired")},
	{&Fault{Name: "calls-replayed-untold", Break: chain(postCache, untestified)}, func(n *Net, c *probe.Client) {
		n.Server.Updates = 0 // as many as usual, so that there is more than one page
		leaving("wua-changed", "wua-expired")(n, c)
	}},
	decides("one-page-replayed-untold", chain(replay(calling("SyncUpdates"), byURL), untestified)),
	decides("calls-gzipped", response(both(file(".asmx"), lacking("Range")), compress)),
	decides("host-port-lost-untold", chain(request(func(r *http.Request) { r.Host = ServerName }), untestified)),
	{&Fault{Name: "host-other", Break: ForTests["host-other"].Break}, nil},
	decides("head-coded", response(method("HEAD"), sets("Content-Encoding", "gzip"))),
	decides("selfupdate-size-wrong", head(both(method("HEAD"), under("/selfupdate/")), "Content-Length: ", "Content-Length: 1")),
	decides("selfupdate-changes", secondTime(both(method("GET"), under("/selfupdate/")), changeByte(dateInCabinet))),
	decides("parts-coded", response(oneRange, sets("Content-Encoding", "gzip"))),
	decides("head-dated-later", response(method("HEAD"), sets("Last-Modified", "Fri, 01 Jan 2100 00:00:00 GMT"))),
	decides("parts-fetched-whole", insideOnly),
	decides("beyond-comes-whole", beyondOnly),
	decides("several-coded", response(severalRanges, sets("Content-Encoding", "gzip"))),
	decides("several-whole-and-coded", chain(multiWhole, response(both(saying("User-Agent", "BITS"), lacking("Range")), compress))),
	decides("whole-as-part", response(both(content, lacking("Range")), answers(http.StatusPartialContent))),
	decides("whole-202", response(both(content, lacking("Range")), answers(http.StatusAccepted))),
	decides("whole-cut", response(both(content, lacking("Range")), truncate(1000))),
	decides("revocations-coded", response(under(crlPaths), sets("Content-Encoding", "gzip"))),
	decides("revocations-cut", response(under(crlPaths), truncate(10))),
	decides("ocsp-coded", response(under(ocspPaths), sets("Content-Encoding", "gzip"))),
	decides("ocsp-cut", response(under(ocspPaths), truncate(10))),
	decides("connectivity-changed", response(ncsi, replaceWord("Microsoft", "microsoft"))),
	decides("connectivity-denied", denied(ncsi)),
	decides("connectivity-missing", answer(ncsi, refusal(404))),
	decides("connectivity-in-circles", answer(either(ncsi, under("/login")), loginRedirect)),
	decides("reset-everywhere", takeOver(everything, reset)),
	silently("silent-in-tls", chain(takeOver(method("CONNECT"), openAndStall), takeOver(under("/Content/"), stall)), probe.ProxySilent),
	decides("condition-refused-once", answer(both(having("If-Unmodified-Since"), rangeFrom(0)), refusal(412))),
	silently("far-part-withheld", takeOver(veryFar, stall), probe.ProxySilent),
	decides("far-part-unstated", response(veryFar, total("*"))),
	decides("ssh-behind", chain(handOn(calls), origin(calls, seize(otherService)))),
	{&Fault{Name: "parts-changed-unknown", Break: chain(response(oneRange, inverse), unannounced)}, unknown},
	{&Fault{Name: "parts-from-cache", Break: chain(response(having("Range"), sets("Age", "10")), unannounced)}, unknown},
	decides("expired-untold", chain(expire, untestified, onlyProxy)),
	decides("inspected-expired-untold", chain(tunnel(inspectExpired), untestified, onlyProxy)),
	decides("error-in-tls-untold", chain(origin(both(overTLS, file(".asmx")), func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}), untestified, onlyProxy)),
}

func decides(name string, b func(*Net)) *Deciding {
	return &Deciding{Fault: &Fault{Name: name, Break: b}}
}

// ofMicrosoft is one of a client that asks Microsoft's servers.
func ofMicrosoft(name string, b func(*Net)) *Deciding {
	return &Deciding{Fault: &Fault{Name: name, Microsoft: true, Break: b}}
}

// unpinned is a host of the lists for which clients take any certificate that they trust.
const unpinned = "adl.windows.com"

// isOne tells whether one of the patterns has a name.
func isOne(patterns ...string) func(name string) bool {
	return func(name string) bool { return isOneOf(name, patterns) }
}

// silently is one that uses up a time-out.
func silently(name string, b func(*Net), shows ...*probe.Finding) *Deciding {
	return &Deciding{Fault: &Fault{Name: name, Break: b, Shows: shows}}
}

// leaving leaves out steps of those names.
func leaving(names ...string) func(*Net, *probe.Client) {
	return func(_ *Net, c *probe.Client) {
		c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return slices.Contains(names, s.Name) })
	}
}

// trusted is a proxy that inspects TLS, and a client that has its root.
func trusted() *Deciding {
	var root []byte
	return &Deciding{&Fault{Name: "inspected-with-trust", Break: tunnel(func(*Net) *goproxy.ConnectAction {
		authority, err := wsus.NewAuthority("Example Corp Inspection CA")
		if err != nil {
			panic(err) // no key could be made
		}
		root = authority.PEM()
		return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: func(string, *goproxy.ProxyCtx) (*tls.Config, error) {
			return authority.TLSConfig(), nil
		}}
	})}, func(_ *Net, c *probe.Client) {
		c.Target.Roots = x509.NewCertPool()
		c.Target.Roots.AppendCertsFromPEM(root)
	}}
}

// onlyProxy keeps clients from reaching the server without the proxy.
func onlyProxy(n *Net) { n.OnlyProxy = true }

// untestified keeps what arrived from the client.
var untestified = denied(under(wusp.WitnessPath))

// overTLS matches requests through a tunnel.
func overTLS(r *http.Request) bool { return r.TLS != nil }

// dateInCabinet is where a cabinet has the date of its first file, over which there is
// no checksum (MS-CAB 2.1 to 2.3).
const dateInCabinet = 36 + 8 + 10

// veryFar matches what asks for a part from behind 4 GiB.
func veryFar(r *http.Request) bool { return firstByte(r) >= 4<<30 }

// firstByte is where the part begins for which r asks, or -1.
func firstByte(r *http.Request) int64 {
	var first int64
	if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &first); n == 0 {
		return -1
	}
	return first
}

// insideOnly fetches whole files for parts that are there, and beyondOnly gives them
// to who asks for one that is not.
func insideOnly(n *Net) {
	inside := func(r *http.Request) bool { return firstByte(r) >= 0 && firstByte(r) < n.Server.Size }
	forward(inside, func(r *http.Request, ask ask) (*http.Response, error) {
		answer, err := ask(unconditional(r))
		if err != nil {
			return nil, err
		}
		return keep(answer, maxObject).part(r), nil
	})(n)
}

func beyondOnly(n *Net) {
	request(where(func(r *http.Request) bool { return firstByte(r) >= n.Server.Size && !veryFar(r) }, unset("Range")))(n)
}

// sets sets a field of answers.
func sets(field, value string) func(*http.Response) {
	return func(r *http.Response) { r.Header.Set(field, value) }
}

// answers sets the status of answers.
func answers(status int) func(*http.Response) {
	return func(r *http.Response) {
		r.StatusCode, r.Status = status, fmt.Sprint(status, " ", http.StatusText(status))
	}
}

// inverse sends the complement of each byte of a part.
func inverse(r *http.Response) {
	if r.StatusCode == http.StatusPartialContent {
		r.Body = joined{inverted{r.Body}, r.Body}
	}
}

// secondTime changes the answers to all but the first of some requests.
func secondTime(when When, change func(*http.Response)) func(*Net) {
	var asked atomic.Bool
	return response(when, func(r *http.Response) {
		if asked.Swap(true) {
			change(r)
		}
	})
}

func byURL(r *http.Request) string { return r.URL.String() }
