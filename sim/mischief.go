package sim

import (
	"bytes"
	"compress/gzip"
	"context"
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
func blockPage(r *http.Response) {
	r.StatusCode, r.Status, r.Header = http.StatusOK, "200 OK", http.Header{}
	replaceBody(r, []byte("<html><head><title>This site is blocked</title></head></html>"))
	r.Header.Set("Content-Type", "text/html")
}

// denyBeyond puts a refusal in the place of answers of more than n bytes.
func denyBeyond(n int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.ContentLength <= n {
			return
		}
		r.StatusCode, r.Status, r.Header = http.StatusForbidden, "403 Forbidden", http.Header{}
		replaceBody(r, []byte("<html><head><title>Too big</title></head></html>"))
		r.Header.Set("Content-Type", "text/html")
	}
}

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

// inspect opens tunnels and signs in the place of the server.
func inspect(n *Net) *goproxy.ConnectAction {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	ca := authority.Certificate()
	return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: goproxy.TLSConfigFromCA(&ca)}
}

// expire lets the certificates of the server have ended an hour ago.
func expire(n *Net) { n.Server.Authority.Valid = -time.Hour }

// forgetCA leaves the client without the root of the server.
func forgetCA(n *Net) { n.clientKnowsCA, n.atClient = false, n.breaking }

// poolStopped answers as http.sys does for a service that is down.
func poolStopped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	w.Header().Set("Content-Type", "text/html; charset=us-ascii")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable</h2></BODY></HTML>\r\n")
}

func notFound(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusNotFound) }

func broken(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusInternalServerError) }

// errorPage answers as IIS does.
func errorPage(w http.ResponseWriter, status int) {
	w.Header().Set("Server", "Microsoft-IIS/10.0")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head></html>")
}
