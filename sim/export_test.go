package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// ForTests are faults that show nothing of their own: what they show, another
// fault shows too.
var ForTests = map[string]*Fault{
	"exe-altered":      {Name: "exe-altered", Break: response(file(".exe"), changeByte(100))},
	"exe-reset":        {Name: "exe-reset", Break: takeOver(file(".exe"), hangUp)},
	"host-other":       {Name: "host-other", Break: request(func(r *http.Request) { r.Host = "other.example" })},
	"query-empty":      {Name: "query-empty", Break: request(where(lacking("SOAPAction"), func(r *http.Request) { r.URL.ForceQuery = r.URL.RawQuery == "" }))},
	"via-squid":        {Name: "via-squid", Break: response(everything, func(r *http.Response) { r.Header.Set("Via", "1.1 proxy.test (squid/5.7)") })},
	"now-and-then-503": {Name: "now-and-then-503", Break: nowAndThen},
	"range-clamped": {Name: "range-clamped", Break: request(where(having("Range"), func(r *http.Request) {
		var from, to int64
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 && to-from >= 128<<10 {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+128<<10-1))
		}
	}))},
}

// Harmless are what proxies do to the answers of Microsoft's servers that harms nobody.
var Harmless = []*Fault{
	{Name: "servers-hidden", Microsoft: true, Break: response(everything, hideServer)},
	{Name: "server-renamed", Microsoft: true, Break: response(everything, func(r *http.Response) { hideServer(r); r.Header.Set("Server", "nginx") })},
	{Name: "signed-by-squid", Microsoft: true, Break: response(everything, func(r *http.Response) {
		r.Header.Set("Via", "1.1 proxy.test (squid/5.7)")
		r.Header.Set("X-Cache", "MISS from proxy.test")
		r.Header.Set("Age", "0")
	})},
	{Name: "aged", Microsoft: true, Break: response(everything, func(r *http.Response) { r.Header.Set("Age", "77"); r.Header.Set("X-Cache", "HIT") })},
	{Name: "nowhere-404", Microsoft: true, Break: answer(notThere, "HTTP/1.1 404 No such domain\r\nContent-Length: 0\r\n\r\n")},
	{Name: "nowhere-page", Microsoft: true, Break: pageTo(both(notThere, not(method(http.MethodConnect))), http.StatusOK, "This name does not exist")},
	{Name: "to-own-tls", Microsoft: true, Break: pageTo(both(naming("dmd.metaservices.microsoft.com"), not(method(http.MethodConnect))),
		http.StatusMovedPermanently, "Moved", "Location: https://dmd.metaservices.microsoft.com/")},
}

// notThere matches what is asked of a host that cannot exist.
func notThere(r *http.Request) bool { return impossible(hostname(r.Host)) }

// hideServer takes away what shows whose server has answered.
func hideServer(r *http.Response) {
	for name := range r.Header {
		if name == "Server" || strings.HasPrefix(name, "X-") || strings.HasPrefix(name, "Ms-") || strings.HasPrefix(name, "MS-") {
			delete(r.Header, name)
		}
	}
}

// WithPAC is a fault that breaks nothing: it lets the client look for its proxy by itself, and
// answers it.
func WithPAC(h http.HandlerFunc) *Fault { return &Fault{Name: "with-pac", Break: wpad(h)} }

// ActsAt is the one part of a net at which a fault acts, or "" when there are more.
func ActsAt(f *Fault) string {
	n, err := assemble("", []*Fault{f})
	if err != nil {
		return ""
	}
	parts := slices.Compact(slices.Sorted(slices.Values(n.touched[f.Name])))
	if len(parts) != 1 {
		return ""
	}
	return string(parts[0])
}

// nowAndThen answers each ninth request with 503, on whatever connection.
func nowAndThen(n *Net) {
	var seen atomic.Int32
	front(func(*http.Request) bool { return seen.Add(1)%9 == 0 }, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.WriteHeader(http.StatusServiceUnavailable)
	})(n)
}
