// Package wsus is a fake update server: it answers what a client of Windows
// Update asks of a WSUS, with inert files that are generated as they are read.
// It is a plain [http.Handler], so whoever serves it owns the connections.
package wsus

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"proxycheck/probe/wusp"
)

// DefaultSize is the size of the file that the steps fetch, in bytes: more than
// the 1 MiB that Delivery Optimization asks for at once, and odd.
const DefaultSize = 1<<20 + 200_003

// maxCall is the most of a call's body that is read, in bytes.
const maxCall = 1 << 20

// changed is when each file was last changed. It is fixed, so that a condition
// holds from run to run.
var changed = time.Date(2025, time.November, 11, 18, 0, 0, 0, time.UTC)

// Server is a fake WSUS. Its fields are set before it serves.
type Server struct {
	Size      int64      // of the file that clients are told to fetch
	TLSPort   string     // on which it also serves TLS; "" for none
	Authority *Authority // that signed its certificate; nil without TLS
}

// cabinets are the files of the legacy agents (wire.md 2.3, 2.7).
var cabinets = map[string][]byte{
	"/selfupdate/wuident.cab": wusp.Cabinet("wuident.txt", []byte("[wuident.txt]\r\nVersion=1\r\n[SelfUpdate]\r\nProducts=\r\n")),
	"/iuident.cab":            wusp.Cabinet("iuident.txt", []byte("[iuident.txt]\r\nVersion=1\r\n")),
}

// ServeHTTP answers as IIS does: paths in any case, and its fields on each answer.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", "Microsoft-IIS/10.0")
	h.Set("X-Powered-By", "ASP.NET")
	path := strings.ToLower(r.URL.Path)
	switch {
	case path == wusp.HelloPath:
		s.hello(w)
	case path == strings.ToLower(wusp.ClientPath):
		s.call(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		fail(w, http.StatusMethodNotAllowed)
	case cabinets[path] != nil:
		h.Set("ETag", `"80d1e1c5a8e0dc1:0"`)
		file(w, r, strings.NewReader(string(cabinets[path])))
	default:
		content, ok := wusp.ParseContent(r.URL.Path)
		if !ok {
			fail(w, http.StatusNotFound)
			return
		}
		h.Set("ETag", content.ETag())
		file(w, r, content.Reader())
	}
}

// file serves a static file with ranges and conditions (wire.md 7.2).
func file(w http.ResponseWriter, r *http.Request, content io.ReadSeeker) {
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", changed, content)
}

// hello says what this server is, to a client that may know its files.
func (s *Server) hello(w http.ResponseWriter) {
	hello := wusp.Hello{Kind: "fakewsus", TLSPort: s.TLSPort, Size: s.Size}
	if s.Authority != nil {
		hello.CA = s.Authority.Fingerprint()
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(hello)
}

// call answers a call of the client web service.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		fail(w, http.StatusMethodNotAllowed)
		return
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "text/xml" {
		fail(w, http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCall))
	if err != nil {
		fail(w, http.StatusRequestEntityTooLarge)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "private")
	h.Set("Content-Type", "text/xml; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	h["X-AspNet-Version"] = []string{"4.0.30319"} // in its own spelling
	if wusp.Operation(r.Header.Get("SOAPAction")) != "GetConfig" || !wusp.IsGetConfig(body) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, fault)
		return
	}
	io.WriteString(w, wusp.ConfigResponse)
}

// fault is what a call gets that the service does not know (wire.md 3.8).
const fault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>` +
	`<faultcode>s:Client</faultcode><faultstring>Fault occurred</faultstring><detail>` +
	`<ErrorCode>InvalidParameters</ErrorCode><Message/></detail></s:Fault></s:Body></s:Envelope>`

// fail answers with an error page of IIS.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head><body></body></html>")
}
