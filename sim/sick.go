package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// What a server does that is not well.

// endless lets the server say after each page of updates that there is more.
func endless(n *Net) {
	rewrite(n, calling("SyncUpdates"), func(text []byte) []byte {
		return bytes.Replace(text, []byte("<Truncated>false"), []byte("<Truncated>true"), 1)
	})
}

// rewrite lets the server give another answer to calls than it would.
func rewrite(n *Net, when When, change func(text []byte) []byte) {
	honest := n.Server.Handler
	origin(when, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept-Encoding")
		page := &recorder{kept{status: http.StatusOK, header: http.Header{}}}
		honest.ServeHTTP(page, r)
		text := change(page.body)
		maps.Copy(w.Header(), page.header)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(page.status)
		w.Write(text)
	})(n)
}

// refuse lets the server answer an operation with a SOAP fault.
func refuse(operation, code string) func(*Net) {
	return func(n *Net) {
		n.touch(atServer)
		n.hold("server's refusal")
		n.Server.Refuse = func(_, called string) string {
			if called != operation {
				return ""
			}
			return code
		}
	}
}

// warmWrong sends other bytes to whoever asks for a part of an express file again.
func warmWrong(n *Net) {
	var asked firsts[bool]
	response(both(having("Range"), file(".psf")), func(r *http.Response) {
		if _, again := asked.claim(r.Request.URL.String()+r.Request.Header.Get("Range"), true); again && r.StatusCode == http.StatusPartialContent {
			r.Body = joined{inverted{r.Body}, r.Body}
		}
	})(n)
}

// expire lets the certificates of the server have ended an hour ago.
func expire(n *Net) {
	n.touch(atServer)
	n.Server.Authority.Valid = -time.Hour
}

// forgetCA leaves the client without the root of the server.
func forgetCA(n *Net) {
	n.touch(atClient)
	n.clientKnowsCA, n.atClient = false, n.breaking
}

// misname gives the server a certificate for another name, whatever it is asked for.
func misname(c *tls.Config) {
	honest := c.GetCertificate
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		other := *hello
		other.ServerName = "old-wsus.test"
		return honest(&other)
	}
}

// onlyTLS10 knows no newer version of TLS.
func onlyTLS10(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }

// wantLogin asks for a login as IIS does.
func wantLogin(w http.ResponseWriter, _ *http.Request) {
	w.Header()["WWW-Authenticate"] = []string{"Negotiate", "NTLM"} // in its own spelling
	errorPage(w, http.StatusUnauthorized)
}

// configCut lets the configuration lack its properties.
func configCut(n *Net) {
	rewrite(n, calling("GetConfig"), func(text []byte) []byte {
		before, rest, _ := bytes.Cut(text, []byte("<Properties>"))
		_, after, _ := bytes.Cut(rest, []byte("</Properties>"))
		return append(before[:len(before):len(before)], after...)
	})
}

// untilLeft gives no answer until the other end hangs up.
func untilLeft(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// firstMissing answers the first request for each path with an error.
func firstMissing(when When, status int) func(*Net) {
	var asked firsts[bool]
	first := func(r *http.Request) bool {
		_, again := asked.claim(r.URL.Path, true)
		return !again
	}
	return origin(both(when, first), func(w http.ResponseWriter, _ *http.Request) { errorPage(w, status) })
}

// wantCertificate lets in nobody without a certificate of its own.
func wantCertificate(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }

// poolStopped answers as http.sys does for a service that is down.
func poolStopped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	w.Header().Set("Content-Type", "text/html; charset=us-ascii")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable</h2></BODY></HTML>\r\n")
}

// notFound answers as IIS does for a file that is not there, and also for one
// whose type it does not know, or whose URL its request filtering refuses: that is
// in its log alone, as 404.3, 404.11 or 404.15.
func notFound(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusNotFound) }

func broken(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusInternalServerError) }

// brokenBare says that it is broken and nothing more.
func brokenBare(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "Microsoft-IIS/10.0")
	w.WriteHeader(http.StatusInternalServerError)
}

// errorPage answers as IIS does.
func errorPage(w http.ResponseWriter, status int) {
	w.Header().Set("Server", "Microsoft-IIS/10.0")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head></html>")
}

// startSlowly lets the server answer every call but the first.
func startSlowly(n *Net) {
	var started atomic.Bool
	origin(both(file(".asmx"), func(*http.Request) bool { return !started.Swap(true) }), seize(stall))(n)
}

// withTwoSlashes matches a path in which a slash follows another.
func withTwoSlashes(r *http.Request) bool { return strings.Contains(r.URL.Path, "//") }

// queryOver matches a query of more than n bytes.
func queryOver(n int) When { return func(r *http.Request) bool { return len(r.URL.RawQuery) > n } }

// filesAt lets the server name another host for its files than the one that it
// was asked by.
func filesAt(host string) func(*Net) {
	return func(n *Net) {
		honest := n.Server.Handler
		origin(either(calling("GetExtendedUpdateInfo"), calling("GetFileLocations")), func(w http.ResponseWriter, r *http.Request) {
			r.Host = host
			honest.ServeHTTP(w, r)
		})(n)
	}
}

// staleNode lets every second request for a file of an update reach a node on
// which it has the date of the day before, as after a copy that kept no dates.
func staleNode(n *Net) {
	honest := n.Server.Handler
	var asked atomic.Int64
	origin(under("/Content/"), func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%2 == 0 {
			w = &dayBefore{ResponseWriter: w}
			if on, err := http.ParseTime(r.Header.Get("If-Unmodified-Since")); err == nil {
				r.Header.Set("If-Unmodified-Since", on.Add(24*time.Hour).Format(http.TimeFormat))
			}
		}
		honest.ServeHTTP(w, r)
	})(n)
}

// A dayBefore answers with files of the day before.
type dayBefore struct{ http.ResponseWriter }

func (d *dayBefore) WriteHeader(status int) {
	h := d.Header()
	if changed, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		h.Set("Last-Modified", changed.Add(-24*time.Hour).Format(http.TimeFormat))
	}
	if tag := h.Get("ETag"); tag != "" {
		h.Set("ETag", strings.Replace(tag, `"`, `"1`, 1))
	}
	d.ResponseWriter.WriteHeader(status)
}

// proxyAtServer sets the update server as the client's proxy.
func proxyAtServer(n *Net) {
	n.touch(atClient)
	n.AtServer, n.atClient = true, n.breaking
}

// refuseTLS lets nothing listen on the server's TLS port, as seen by the proxy.
func refuseTLS(n *Net) {
	honest := n.Proxy.Dial
	dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if to, err := n.route(addr); err == nil && to == n.Server.secure.Addr().String() {
			return refused(ctx, network, addr)
		}
		return honest(ctx, network, addr)
	})(n)
}
