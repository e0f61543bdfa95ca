package wsus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wusp"
)

// A place is a path, and what is served there to GET and HEAD.
type place struct {
	path string // in lower case; a * at its end stands for any path that begins so
	http.Handler
}

// holds tells whether p is for a path in lower case.
func (p place) holds(path string) bool {
	if start, ok := strings.CutSuffix(p.path, "*"); ok {
		return strings.HasPrefix(path, start)
	}
	return path == p.path
}

// places are those of both servers that are played. The first that holds a path
// has it.
var places = slices.Concat(vroots, own, microsoft)

// own are the files of a WSUS: those of the legacy agents (wire.md 2.3, 2.7),
// and the updates.
var own = []place{
	{"/selfupdate/wuident.cab", cabinet("wuident.txt", "[wuident.txt]\r\nVersion=1\r\n[SelfUpdate]\r\nProducts=\r\n")},
	{"/iuident.cab", cabinet("iuident.txt", "[iuident.txt]\r\nVersion=1\r\n")},
	{"/content/*", http.HandlerFunc(update)},
}

// static answers with the file at a path, which may be in any case, as IIS does.
func static(w http.ResponseWriter, r *http.Request) {
	path := strings.ToLower(r.URL.Path)
	if i := slices.IndexFunc(places, func(p place) bool { return p.holds(path) }); i >= 0 {
		places[i].ServeHTTP(w, r)
		return
	}
	fail(w, http.StatusNotFound)
}

// octets is the type that IIS gives a file.
const octets = "application/octet-stream"

// A file is one that does not change.
type file struct {
	contentType string
	changed     time.Time // zero for a file without Last-Modified
	fields      [][2]string
	body        []byte
}

// ServeHTTP answers with ranges and conditions.
func (f file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, field := range f.fields {
		w.Header().Set(field[0], field[1])
	}
	send(w, r, f.contentType, f.changed, bytes.NewReader(f.body))
}

// cabinet is a cabinet with one small text in it.
func cabinet(name, text string) file {
	body := wusp.Cabinet(name, []byte(text))
	return file{octets, changed, [][2]string{{"ETag", etag(body)}}, body}
}

// etag is the entity tag of a file, in the form that IIS gives (wire.md 7.2).
func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:7]) + `:0"`
}

// update serves the generated files that stand for updates, of any extension.
func update(w http.ResponseWriter, r *http.Request) {
	content, ok := wusp.ParseContent(r.URL.Path)
	if !ok {
		fail(w, http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", content.ETag())
	send(w, r, octets, changed, content.Reader())
}

// send answers with content, or the ranges of it that are asked for, unless
// the conditions of the request forbid it (wire.md 7.2).
func send(w http.ResponseWriter, r *http.Request, contentType string, changed time.Time, content io.ReadSeeker) {
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(&sender{ResponseWriter: w, conn: holderOf(r)}, heeded(r, isEmpty(content)), "", changed, content)
}

// isEmpty tells whether content, which is at its start, has no byte.
func isEmpty(content io.ReadSeeker) bool {
	end, err := content.Seek(0, io.SeekEnd)
	content.Seek(0, io.SeekStart)
	return err == nil && end == 0
}
