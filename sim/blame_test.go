package sim

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elazarl/goproxy"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// Ends are the two places at which the same is done, so that a client cannot tell
// which it was: no field names a product, and what goproxy makes of a server that
// breaks off is what it makes of its own trouble.
type ends struct{ proxy, origin func(*Net) }

// blamed lists what may be done at either end, and what the client makes of it.
var blamed = []struct {
	name  string
	shows *probe.Finding
	by    ends

	known   bool // it shows only where the files are known, so not with an unknown server
	unheard bool // it happens before a request, so a witness of requests has nothing to tell
}{
	{name: "400", shows: probe.RequestRefused, by: said(calls, 400, "", "")},
	{name: "401", shows: probe.RequestDenied, by: said(calls, 401, "", "")},
	{name: "403", shows: probe.RequestDenied, by: said(calls, 403, "", pageOf("Denied"))},
	{name: "404", shows: probe.FileMissing, by: said(both(file(".cab"), not(file("iuident.cab"))), 404, "", pageOf("Not found"))},
	{name: "405", shows: probe.HeadRefused, by: said(method("HEAD"), 405, "", "")},
	{name: "412", shows: probe.ConditionRefused, by: said(having("If-Unmodified-Since"), 412, "", "")},
	{name: "413", shows: probe.BodyRefused, by: said(bodyOver(16<<10), 413, "", pageOf("Too large"))},
	{name: "416", shows: probe.RangeRefused, by: said(having("Range"), 416, "", "")},
	{name: "500", shows: probe.ServerError, by: said(calls, 500, "", pageOf("Error"))},
	{name: "502", shows: probe.ServerBehindProxyDown, by: said(calls, 502, "", pageOf("Bad gateway"))},
	{name: "503", shows: probe.ServerBehindProxyDown, by: said(calls, 503, "", pageOf("Unavailable"))},
	{name: "504", shows: probe.ServerBehindProxyDown, by: said(calls, 504, "", "")},
	{name: "304", shows: probe.NotModifiedUnasked, by: said(wholeCabinets, 304, "", "")},
	{name: "redirect", shows: probe.RedirectUnusable, by: said(both(not(method("POST")), under("/selfupdate/", "/login")), 302, "Location: /login\r\n", "")},
	{name: "page", shows: probe.PageInstead, by: said(wholeCabinets, 200, "", pageOf("Welcome"))},

	{name: "range ignored", shows: probe.RangeIgnored, by: asked(where(having("Range"), unset("Range")))},
	{name: "call cut", shows: probe.CodingBroken, by: changed(both(calls, calling("GetConfig")), func(body []byte) []byte { return body[:len(body)/2] })},
	{name: "content changed", shows: probe.ContentAltered, known: true, by: changed(both(method("GET"), both(under("/Content/"), lacking("Range"))), invertFirst)},

	// What goproxy makes of a server that breaks off.
	{name: "no answer", shows: probe.ServerBehindProxyDown, by: unanswered(calls, hangUp)},
	{name: "no answer but a reset", shows: probe.ServerBehindProxyDown, by: unanswered(calls, reset)},
	{name: "no HTTP", shows: probe.ServerBehindProxyDown, by: unanswered(calls, otherService)},
	{name: "stall", shows: probe.ProxySilent, by: handedOn(calling("GetAuthorizationCookie"), stall)},
	{name: "body cut", shows: probe.BodyCut, by: begun(wholeCabinets, hangUp)},
	{name: "body reset", shows: probe.BodyCut, by: begun(wholeCabinets, reset)},

	// A proxy that hands on the bytes of the server, and its end too.
	{name: "closed without an answer", shows: probe.ConnectionClosed, by: handedOn(calls, hangUp)},
	{name: "reset", shows: probe.ConnectionReset, by: handedOn(calls, resetInHead)},
	{name: "reset in the body", shows: probe.ConnectionReset, by: handedOn(wholeCabinets, func(c net.Conn) {
		io.WriteString(c, start)
		reset(c)
	})},
	{name: "garbled", shows: probe.AnswerMalformed, by: handedOn(calls, func(c net.Conn) { io.WriteString(c, "HTTP/1.1: 200 OK\r\n\r\n") })},
	{name: "two lengths", shows: probe.LengthDoubled, by: handedOn(wholeCabinets, func(c net.Conn) {
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 1\r\nConnection: close\r\n\r\nMSC")
	})},

	{name: "certificate expired", shows: probe.CertificateInvalid, by: ends{tunnel(inspectExpired), expire}},
	{name: "TLS refused", shows: probe.TLSBroken, unheard: true, by: ends{takeOver(method("CONNECT"), openAndAlert), handshake(refuseHandshake)}},
}

// calls matches the calls of web services in clear: a proxy has no part in those
// through a tunnel.
var calls = both(file(".asmx"), func(r *http.Request) bool { return r.TLS == nil })

// wholeCabinets matches fetches of whole cabinets by the agent itself.
var wholeCabinets = both(method("GET"), under("/selfupdate/"))

// said is an answer of one end. Fields are lines of its head.
func said(when When, status int, fields, body string) ends {
	text := fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), typed(fields, body), len(body), body)
	answer := func(r *http.Request) *http.Response {
		a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), r)
		if err != nil {
			panic(err) // the text is ours
		}
		return a
	}
	return ends{
		forward(when, func(r *http.Request, _ ask) (*http.Response, error) { return answer(r), nil }),
		origin(when, func(w http.ResponseWriter, r *http.Request) { write(w, answer(r)) }),
	}
}

// typed are fields with a Content-Type for a body, if there is one.
func typed(fields, body string) string {
	if body != "" {
		fields += "Content-Type: text/html\r\n"
	}
	return fields
}

// write sends an answer.
func write(w http.ResponseWriter, a *http.Response) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.StatusCode)
	io.Copy(w, a.Body)
}

// asked is a request that one end changes.
func asked(f func(*http.Request)) ends {
	return ends{request(f), func(n *Net) {
		honest := n.Server.Handler
		origin(everything, func(w http.ResponseWriter, r *http.Request) {
			f(r)
			honest.ServeHTTP(w, r)
		})(n)
	}}
}

// changed is a good answer in whose body one end changes something.
func changed(when When, change func([]byte) []byte) ends {
	replace := func(r *http.Response) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
		if r.StatusCode == http.StatusOK {
			body = change(body)
		}
		replaceBody(r, body)
	}
	return ends{response(when, replace), func(n *Net) {
		honest := n.Server.Handler
		origin(when, func(w http.ResponseWriter, r *http.Request) {
			whole := &recorder{kept{status: http.StatusOK, header: http.Header{}}}
			honest.ServeHTTP(whole, r)
			a := whole.answer(r)
			replace(a)
			write(w, a)
		})(n)
	}}
}

// invertFirst changes the first byte of a file.
func invertFirst(body []byte) []byte {
	body = bytes.Clone(body)
	body[0] ^= 0xFF
	return body
}

// unanswered is a request that goproxy gets no answer to: its own trouble, or what
// the server does with the connection.
func unanswered(when When, f func(net.Conn)) ends {
	return ends{
		forward(when, func(*http.Request, ask) (*http.Response, error) { return nil, errors.New("the proxy's own trouble") }),
		origin(when, seize(f)),
	}
}

func otherService(c net.Conn) { io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") }

// start is how the answer with a file begins that is not sent to its end.
var start = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\nContent-Type: application/octet-stream\r\n\r\nMSCF" + strings.Repeat("\x00", 6000)

// begun is a file that goproxy begins to pass on: its own trouble ends it, or what
// the server does with the connection.
func begun(when When, f func(net.Conn)) ends {
	return ends{
		forward(when, func(r *http.Request, _ ask) (*http.Response, error) {
			return http.ReadResponse(bufio.NewReader(strings.NewReader(start)), r)
		}),
		origin(when, seize(func(c net.Conn) {
			io.WriteString(c, start)
			f(c)
		})),
	}
}

// handedOn is what one end does with the connection, where the proxy hands on
// what the server does byte for byte.
func handedOn(when When, f func(net.Conn)) ends {
	return ends{takeOver(when, f), chain(handOn(when), origin(when, seize(f)))}
}

// handOn lets the proxy pass requests on by itself, and their answers as bytes: the
// end as the end, and a reset as a reset.
func handOn(when When) func(*Net) {
	return func(n *Net) {
		front(when, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			server, err := n.Proxy.Dial(r.Context(), "tcp", r.Host)
			if err == nil {
				defer server.Close()
				err = r.Write(server)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			connOf(r).edit = nil
			seize(func(c net.Conn) {
				if _, err := io.Copy(c, server); err != nil {
					reset(c)
				}
			})(w, r)
		})(n)
	}
}

// inspectExpired opens tunnels with certificates of its own that have expired.
func inspectExpired(*Net) *goproxy.ConnectAction {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	authority.Valid = -time.Hour
	return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: func(string, *goproxy.ProxyCtx) (*tls.Config, error) {
		return authority.TLSConfig(), nil
	}}
}

// refuseHandshake answers each ClientHello with an alert, internal_error.
func refuseHandshake(c *tls.Config) {
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }
}

// openAndAlert says that the tunnel is open, and answers as refuseHandshake does.
func openAndAlert(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	header := make([]byte, 5) // of a record (RFC 8446, 5.1)
	io.ReadFull(c, header)
	io.CopyN(io.Discard, c, int64(header[3])<<8+int64(header[4]))
	io.WriteString(c, "\x15\x03\x01\x00\x02\x02\x50")
}

// varying are the fields that are never the same twice.
var varying = regexp.MustCompile(`(?mi)^(Date|ETag): .*\r\n`)

// sights are what the client of a run saw of each step that shows a finding.
func sights(run *probe.Run, shows *probe.Finding) string {
	var seen []string
	for i, s := range probe.Conclude(run, probe.About{}).Steps {
		if slices.Contains(s.Findings, shows.Name) {
			o := run.Results[i].Observation
			head := varying.ReplaceAll(o.Raw, nil)
			if o.TLS != nil { // goproxy writes fields in another order there
				head = nil
			}
			seen = append(seen, fmt.Sprintf("%s: %v, %q, %q in %s, %q", s.ID, s.Findings, o.Answer.Start, o.Failure, o.Stopped, head))
		}
	}
	return strings.Join(seen, "\n")
}

// beside is a client of n that makes few steps.
func beside(n *Net, shows *probe.Finding) *probe.Client {
	c := n.Client(patience)
	if slices.Contains(silent, shows) {
		c.Timeout = 2 * time.Second
	}
	few := []string{"wua-config", "wua-authorization", "wua-cookie", "wua-sync-drivers", "selfupdate-size", "selfupdate-file",
		"bits-size", "bits-range-first", "bits-file", "tls-config"}
	c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return !slices.Contains(few, s.ID()) })
	return c
}

// habits are what a proxy does to every request and answer that has no part in what
// goes wrong.
func habits(n *Net) {
	http10Upstream(n)
	request(unset("Pragma"))(n)
	response(everything, drop("X-Powered-By"))(n)
}

// The owner is right at either end for a client that can ask the server what
// arrived, and for one that can only go there without the proxy; for one that can
// do neither it is unknown. Nothing else that a client sees gives away which it was.
func TestBlame(t *testing.T) {
	t.Parallel()
	for _, row := range blamed {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			for owner, b := range map[probe.Owner]func(*Net){probe.Proxy: row.by.proxy, probe.Server: row.by.origin} {
				check := func(how string, r *probe.Run, want probe.Owner) {
					t.Helper()
					if got := ownerOf(r, row.shows); got != want {
						t.Errorf("done by the %s, judged with %s: the owner of %s is %q, want %s", owner, how, row.shows.Name, got, want)
					}
				}
				told := owner
				if row.unheard {
					told = probe.Unknown
				}
				run := beside(brokenNet(t, b, habits), row.shows).Run(t.Context())
				check("the witness", run, told)
				seen = append(seen, sights(run, row.shows))
				if row.known {
					continue
				}
				c := hidden(t, brokenNet(t, b, origin(under(wusp.HelloPath), notFound)), row.shows)
				r := c.Run(t.Context())
				check("neither", r, probe.Unknown)
				c.CompareDirect(t.Context(), r, probe.Failed(r, true))
				check("direct alone", r, owner)
			}
			if seen[0] == "" || seen[0] != seen[1] {
				t.Errorf("%s is seen at one end as\n%s\nand at the other as\n%s", row.shows.Name, seen[0], seen[1])
			}
		})
	}
}

// hidden is a client of n to whom the server is not known to be ours.
func hidden(t *testing.T, n *Net, shows *probe.Finding) *probe.Client {
	t.Helper()
	c := beside(n, shows)
	host, port, _ := net.SplitHostPort(c.Target.Host)
	target, err := probe.SplitServer("http", host, port)
	if err != nil {
		t.Fatal(err)
	}
	target.Secure, target.Guessed = c.Target.Secure, false
	target.Roots = x509.NewCertPool()
	target.Roots.AppendCertsFromPEM(n.CA())
	c.Target, c.Register = target, true
	return c
}

// ownerOf is who must act on a finding of a run, or "" when it does not show.
func ownerOf(run *probe.Run, f *probe.Finding) probe.Owner {
	for _, s := range probe.Conclude(run, probe.About{}).Findings {
		if s.Name == f.Name {
			return s.Owner
		}
	}
	return ""
}
