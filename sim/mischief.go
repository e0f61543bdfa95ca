package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/elazarl/goproxy"
	"github.com/miekg/dns"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// What happens at the places of break.go.

func nxdomain(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeNameError) }

func servfail(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) }

func silence(*dns.Msg) *dns.Msg { return nil }

// nobody is a port at which nothing listens.
func nobody(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err == nil {
		err = l.Close()
	}
	return l, err
}

func refused(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// resetInHead sends RST in place of the rest of a head.
func resetInHead(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
	reset(c)
}

// openAndReset says that the tunnel is open, and resets the handshake.
func openAndReset(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	io.ReadFull(c, make([]byte, 1))
	reset(c)
}

// login is an answer that wants a login by scheme.
func login(scheme string) string {
	return "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: " + scheme + "\r\nContent-Length: 0\r\n\r\n"
}

// fields are so many fields of a head.
func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-Trace-%d: a hop that wants to be remembered by all\r\n", i)
	}
	return b.String()
}

// unset takes a field out of requests.
func unset(field string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(field) }
}

// drop takes a field out of answers.
func drop(field string) func(*http.Response) {
	return func(r *http.Response) {
		r.Header.Del(field)
		if field == "Content-Length" {
			r.ContentLength = -1
		}
	}
}

// total puts another total into Content-Range.
func total(n string) func(*http.Response) {
	return func(r *http.Response) {
		if span, _, ok := strings.Cut(r.Header.Get("Content-Range"), "/"); ok {
			r.Header.Set("Content-Range", span+"/"+n)
		}
	}
}

// changeByte changes one byte of a whole file, or its last if it is shorter,
// and leaves its length.
func changeByte(at int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.StatusCode != http.StatusOK || r.ContentLength <= at || r.Request.Method == http.MethodHead {
			return
		}
		rest := r.Body
		before, _ := io.ReadAll(io.LimitReader(rest, at))
		var one [1]byte
		io.ReadFull(rest, one[:])
		one[0] ^= 0xFF
		r.Body = joined{io.MultiReader(bytes.NewReader(before), bytes.NewReader(one[:]), rest), rest}
	}
}

// joined reads from one and closes another.
type joined struct {
	io.Reader
	io.Closer
}

// compress codes a whole file with gzip as it passes, as output filters do.
func compress(r *http.Response) {
	if r.StatusCode != http.StatusOK {
		return
	}
	plain := r.Body
	coded, w := io.Pipe()
	go func() {
		defer plain.Close()
		g, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, err := io.Copy(g, plain)
		g.Close()
		w.CloseWithError(err)
	}()
	r.Body, r.ContentLength = coded, -1
	r.Header.Del("Content-Length")
	r.Header.Set("Content-Encoding", "gzip")
}

// blockPage puts a page in the place of a file, under the status 200.
func blockPage(r *http.Response) { page(r, http.StatusOK, "This site is blocked") }

// denyBeyond puts a refusal in the place of answers of more than n bytes.
func denyBeyond(n int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.ContentLength > n {
			page(r, http.StatusForbidden, "Too big")
		}
	}
}

// hideFaults puts a page of the proxy in the place of the faults of a web service.
func hideFaults(r *http.Response) {
	if r.StatusCode == http.StatusInternalServerError && strings.Contains(r.Header.Get("Content-Type"), "xml") {
		page(r, r.StatusCode, "An error occurred")
	}
}

// page puts a page in the place of an answer.
func page(r *http.Response, status int, title string) {
	r.StatusCode, r.Header = status, http.Header{}
	r.Status = fmt.Sprint(status, " ", http.StatusText(status))
	replaceBody(r, []byte(pageOf(title)))
	r.Header.Set("Content-Type", "text/html")
}

func pageOf(title string) string { return "<html><head><title>" + title + "</title></head></html>" }

// config is a whole answer to GetConfig.
var config = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
	len(wusp.ConfigResponse), wusp.ConfigResponse)

// replaceWord puts a word of the same length in the place of another.
func replaceWord(old, new string) func(*http.Response) {
	return func(r *http.Response) {
		text, _ := io.ReadAll(r.Body)
		replaceBody(r, bytes.Replace(text, []byte(old), []byte(new), 1))
	}
}

// truncate cuts answers short, with a length to match.
func truncate(n int64) func(*http.Response) {
	return func(r *http.Response) {
		start, _ := io.ReadAll(io.LimitReader(r.Body, n))
		replaceBody(r, start)
	}
}

func replaceBody(r *http.Response, body []byte) {
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// maxKept is the most of one body that a fault reads to keep or change it, in
// bytes, and maxObject the same for a file.
const (
	maxKept   = 1 << 20
	maxObject = 64 << 20
)

// closeEach ends each connection with its first answer, and says of it only what
// says does: lines of a head, or nothing.
func closeEach(says string) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.Heads = append(n.Proxy.Heads, headChange{when: everything, last: true, change: func(head []byte) []byte {
			honest := bytes.Replace(head, []byte("Connection: close\r\n"), nil, 1)
			return bytes.Replace(honest, []byte("\r\n"), []byte("\r\n"+says), 1)
		}})
	}
}

// What a proxy that closes each connection says of it.
var (
	finAfterEach    = closeEach("")
	connectionClose = closeEach("Connection: close\r\n")
	lyingKeepAlive  = closeEach("Connection: keep-alive\r\nProxy-Connection: keep-alive\r\n")
)

// idleCut closes a connection on which no request came for so long since the
// last answer.
func idleCut(after time.Duration) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.server.IdleTimeout = after
	}
}

// refusal is a proxy's own answer, a short page. Fields are lines of its head.
func refusal(status int, fields ...string) string {
	page := pageOf(http.StatusText(status))
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), strings.Join(fields, ""), len(page), page)
}

// turnAway answers before the request is read to its end, and hangs up.
func turnAway(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		linger(c)
	}
}

// postLimit refuses bodies of more than n bytes, unread.
func postLimit(n int64) func(*Net) {
	return takeOver(bodyOver(n), turnAway(refusal(http.StatusRequestEntityTooLarge, "Connection: close\r\n")))
}

// headLimit refuses heads of more than n bytes with a status: 400 or 431.
func headLimit(n, status int) func(*Net) { return answer(headOver(n), refusal(status)) }

// urlLimit refuses URLs of more than n bytes.
func urlLimit(n int) func(*Net) { return answer(urlOver(n), refusal(http.StatusRequestURITooLong)) }

// denied refuses the requests that when matches.
func denied(when When) func(*Net) { return answer(when, refusal(http.StatusForbidden)) }

// uaDenied refuses a User-Agent with that part.
func uaDenied(part string) func(*Net) { return denied(saying("User-Agent", part)) }

// noUADenied refuses tunnels to a client that does not say what it is.
func noUADenied(n *Net) { denied(both(method(http.MethodConnect), lacking("User-Agent")))(n) }

// pathsDenied refuses paths that begin with one of the prefixes.
func pathsDenied(prefixes ...string) func(*Net) { return denied(under(prefixes...)) }

// Where CryptoAPI finds out whether a certificate still holds (wire.md 5.5).
const (
	crlPaths  = "/pki/crl/"
	ctlPaths  = "/msdownload/update/v3/static/trustedr/"
	ocspPaths = "/MFEwTzBN"
)

// The ways of a login page to come in the place of what was asked.
var (
	loginPage     = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(pageOf("Login")), pageOf("Login"))
	loginRedirect = "HTTP/1.1 302 Found\r\nLocation: http://" + ServerName + ":" + plainPort + "/login\r\nContent-Length: 0\r\n\r\n"
)

// isXpress tells whether an answer is coded as Windows does it (wire.md 3.7).
func isXpress(r *http.Response) bool { return r.Header.Get("Content-Encoding") == "xpress" }

// xpressMangled does not say of xpress answers that they are coded.
func xpressMangled(r *http.Response) {
	if isXpress(r) {
		r.Header.Del("Content-Encoding")
	}
}

// xpressCut changes the length that the first block of an xpress answer states.
func xpressCut(r *http.Response) {
	if !isXpress(r) {
		return
	}
	coded, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
	if len(coded) >= 8 {
		for i := range coded[4:8] {
			coded[4+i] ^= 0x5A
		}
	}
	replaceBody(r, coded)
}

// inspect opens tunnels and signs in the place of the server.
func inspect(n *Net) *goproxy.ConnectAction {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: func(string, *goproxy.ProxyCtx) (*tls.Config, error) {
		return authority.TLSConfig(), nil // goproxy's own knows no TLS as old as XP's
	}}
}

// addGzip offers gzip beside what the client offers.
func addGzip(r *http.Request) { r.Header.Add("Accept-Encoding", "gzip") }

// http10Upstream lets the proxy write HTTP/1.0 into the requests that it passes on,
// each on a connection of its own.
func http10Upstream(n *Net) {
	honest := n.Proxy.Dial
	n.Proxy.Tr.DisableKeepAlives = true
	dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := honest(ctx, network, addr)
		if err != nil || strings.HasSuffix(addr, ":"+n.Server.TLSPort) {
			return c, err
		}
		return &firstLine{Conn: c, old: []byte(" HTTP/1.1\r\n"), new: []byte(" HTTP/1.0\r\n")}, nil
	})(n)
}

// A firstLine changes a part of the first line that is written to a connection.
type firstLine struct {
	net.Conn
	old, new []byte // of one length
	done     bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return f.Conn.Write(p)
	}
	f.done = bytes.Contains(p, f.old)
	return f.Conn.Write(bytes.Replace(p, f.old, f.new, 1))
}
