package wsus

import (
	"net/http"
	"slices"
	"strings"
)

// vroots are the files of the virtual directories that are no updates, and the
// directories themselves (wire.md 2.7, 7.1). What a real one holds is not
// published, so each says what it is.
var vroots = slices.Concat([]place{
	{"/clientwebservice/wusserverversion.xml", text("text/xml",
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<ServerVersion>10.0.26100.1</ServerVersion>\r\n")},
	{"/content/anonymouscheckfile.txt", text("text/plain", "This file can be read without a login.\r\n")},
	{"/selfupdate/wsus3setup.cab", agent},
}, agents(), directories("ClientWebService", "SimpleAuthWebService", "ReportingWebService",
	"ServerSyncWebService", "DssAuthWebService", "Inventory", "Content", "SelfUpdate"))

// text is a file of a text.
func text(contentType, content string) file {
	body := []byte(content)
	return file{contentType, changed, [][2]string{{"ETag", etag(body)}}, body}
}

// agent stands for an update of the agent itself. It is a cabinet with a text
// in it, and no program.
var agent = cabinet("wsus3setup.txt", "an inert agent\r\n")

// agents is the tree of agents, by processor and Windows.
func agents() (tree []place) {
	for _, processor := range []string{"x86", "x64", "ia64"} {
		for _, windows := range []string{"other", "vista", "win7sp1", "w8"} {
			tree = append(tree, place{"/selfupdate/wsus3/" + processor + "/" + windows + "/wsus3setup.cab", agent})
		}
	}
	return tree
}

// directories are directories that may not be listed. Without the slash at its
// end IIS sends the client to the one with it.
func directories(names ...string) (rows []place) {
	for _, name := range names {
		path := "/" + strings.ToLower(name)
		rows = append(rows, place{path + "/", http.HandlerFunc(notListed)}, place{path, http.HandlerFunc(withSlash)})
	}
	return rows
}

func notListed(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusForbidden) }

func withSlash(w http.ResponseWriter, r *http.Request) {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	w.Header().Set("Location", scheme+r.Host+r.URL.EscapedPath()+"/")
	fail(w, http.StatusMovedPermanently)
}

// console is the directory of the console, which wants a login whatever is asked
// of it.
const console = "/apiremoting30"

// inConsole tells whether a path in lower case is that of the console.
func inConsole(path string) bool { return path == console || strings.HasPrefix(path, console+"/") }

// wantLogin demands the logins of Windows. There is nobody to log in as.
func wantLogin(w http.ResponseWriter) {
	w.Header()["WWW-Authenticate"] = []string{"Negotiate", "NTLM"} // in its own spelling
	fail(w, http.StatusUnauthorized)
}

// otherMethod answers a method that neither files nor services have, as the
// modules of IIS do: those for OPTIONS, for TRACE, which is off, and for files,
// which has all the rest.
func otherMethod(w http.ResponseWriter, r *http.Request) {
	const all = "OPTIONS, TRACE, GET, HEAD, POST"
	h := w.Header()
	switch r.Method {
	case http.MethodOptions:
		h.Set("Allow", all)
		h.Set("Public", all)
		h.Set("Content-Length", "0")
	case http.MethodTrace:
		fail(w, http.StatusNotImplemented)
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS, TRACE")
		fail(w, http.StatusMethodNotAllowed)
	}
}
