package wsus

import (
	"fmt"
	"net/http"
	"strings"
)

// A kernelRefusal is how http.sys answers what never reaches IIS.
type kernelRefusal struct {
	status      int
	title, text string
}

var (
	invalidURL     = &kernelRefusal{http.StatusBadRequest, "Bad Request - Invalid URL", "The request URL is invalid."}
	unavailable    = &kernelRefusal{http.StatusServiceUnavailable, "Service Unavailable", "The service is unavailable."}
	lengthRequired = &kernelRefusal{http.StatusLengthRequired, "Length Required", "The request must be chunked or have a content length."}
)

// refusedByKernel is how http.sys refuses r, or nil when it does not.
func refusedByKernel(r *http.Request) *kernelRefusal {
	switch {
	case !validPath(r.URL.Path):
		return invalidURL
	case r.Method == http.MethodPost && r.ContentLength == 0 && r.Header.Get("Content-Length") == "":
		return lengthRequired
	}
	return nil
}

// validPath tells whether a path, its escapes undone, has neither control
// characters nor a step up. That http.sys takes a step which stays within the
// site is of no use to any client.
func validPath(path string) bool {
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return false
	}
	for step := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == ".." {
			return false
		}
	}
	return true
}

// ServeHTTP answers with the page of the refusal, and closes the connection.
func (k *kernelRefusal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=us-ascii")
	h.Set("Server", "Microsoft-HTTPAPI/2.0")
	h.Set("Connection", "close")
	w.WriteHeader(k.status)
	fmt.Fprintf(w, "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n"+
		"<HTML><HEAD><TITLE>%s</TITLE>\r\n<META HTTP-EQUIV=\"Content-Type\" Content=\"text/html; charset=us-ascii\"></HEAD>\r\n"+
		"<BODY><h2>%[1]s</h2>\r\n<hr><p>HTTP Error %d. %s</p>\r\n</BODY></HTML>\r\n", k.title, k.status, k.text)
}
