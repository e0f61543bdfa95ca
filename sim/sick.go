package sim

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
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

// warmWrong sends other bytes to whoever asks for a part again.
func warmWrong(n *Net) {
	var asked firsts[bool]
	response(having("Range"), func(r *http.Response) {
		if _, again := asked.claim(r.Request.URL.String()+r.Request.Header.Get("Range"), true); again && r.StatusCode == http.StatusPartialContent {
			r.Body = joined{inverted{r.Body}, r.Body}
		}
	})(n)
}
