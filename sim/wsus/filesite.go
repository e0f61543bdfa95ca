package wsus

import (
	"net/http"
	"strings"
)

// fileSite are the paths, in lower case, that a WSUS also serves at port 80
// (wire.md 7.1).
var fileSite = []place{{path: "/content/*"}, {path: "/selfupdate/*"}, {path: "/iuident.cab"}}

// FilesAlone is h for content and SelfUpdate, as for clients that look for them
// at port 80. Nothing else is there.
func FilesAlone(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.ToLower(r.URL.Path)
		for _, p := range fileSite {
			if p.holds(path) {
				h.ServeHTTP(w, r)
				return
			}
		}
		w.Header().Set("Server", "Microsoft-IIS/10.0")
		w.Header().Set("X-Powered-By", "ASP.NET")
		fail(w, http.StatusNotFound)
	})
}
