// Package wsus is a fake update server: it answers what a client of Windows
// Update asks of a WSUS, with inert files that are generated as they are read.
// It is a plain [http.Handler], so whoever serves it owns the connections.
package wsus

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"proxycheck/probe/wusp"
)

// DefaultSize is the size of the file that the steps fetch, in bytes: more than
// the 1 MiB that Delivery Optimization asks for at once, and odd.
const DefaultSize = 2<<20 + 20_003

// changed is when each file was last changed. It is fixed, so that a condition
// holds from run to run.
var changed = time.Date(2025, time.November, 11, 18, 0, 0, 0, time.UTC)

// Server is a fake WSUS. Its fields are set before it serves.
type Server struct {
	Size      int64      // of the file that clients are told to fetch
	TLSPort   string     // on which it also serves TLS; "" for none
	FilesPort string     // in the URLs of files for clients that come by TLS; "" for the usual one (wire.md 7.1)
	Authority *Authority // that signed its certificate; nil without TLS
	Updates   int        // in its catalogue; 0 for DefaultUpdates, negative for none
	Sizes     []int64    // of the files of the updates, over and over; none for Size

	Witness *Witness // of what arrives; nil for none

	// Refuse is asked before each call of a web service, if it is set: the
	// ErrorCode to refuse that operation with, or "". The client is its
	// SusClientId, or "" where the call does not say it.
	Refuse func(client, operation string) string

	cookies sealer
	long    limiter
}

// ServeHTTP answers as IIS does: paths in any case, and its fields on each answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := refusedByKernel(r); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Server", "Microsoft-IIS/10.0")
	h.Set("X-Powered-By", "ASP.NET")
	path := strings.ToLower(r.URL.Path)
	switch {
	case inConsole(path):
		wantLogin(w)
	case path == wusp.HelloPath:
		s.hello(w)
	case strings.HasSuffix(path, ".asmx"):
		s.soap(w, r, path)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		otherMethod(w, r)
	default:
		static(w, r)
	}
}

// hello says what this server is, to a client that may know its files.
func (s *Server) hello(w http.ResponseWriter) {
	hello := wusp.Hello{Kind: "fakewsus", TLSPort: s.TLSPort, Size: s.Size}
	if s.Authority != nil {
		hello.CA = s.Authority.Fingerprint()
	}
	if s.Witness != nil {
		hello.Witness = s.Witness.Path()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(hello)
}

// fail answers with an error page of IIS.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head><body></body></html>")
}
