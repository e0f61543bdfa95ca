package sim

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What a server does that is not well.

// endless lets the server say after each page of updates that there is more.
func endless(n *Net) {
	honest := n.Server.Handler
	origin(calling("SyncUpdates"), func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept-Encoding")
		page := &recorder{kept{status: http.StatusOK, header: http.Header{}}}
		honest.ServeHTTP(page, r)
		text := bytes.Replace(page.body, []byte("<Truncated>false"), []byte("<Truncated>true"), 1)
		maps.Copy(w.Header(), page.header)
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(page.status)
		w.Write(text)
	})(n)
}

// refuse lets the server answer an operation with a SOAP fault.
func refuse(operation, code string) func(*Net) {
	return func(n *Net) {
		n.hold("server's refusal")
		n.Server.Refuse = func(called string) string {
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

// refuseTLS lets nothing listen on the server's TLS port, as seen by the proxy.
func refuseTLS(n *Net) {
	honest := n.Proxy.Dial
	dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ":"+securePort) {
			return refused(ctx, network, addr)
		}
		return honest(ctx, network, addr)
	})(n)
}
