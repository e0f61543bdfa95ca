package wsus

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wusp"
)

// Microsoft answers for the servers of the URL lists, each by the name that it is
// asked by. What such a server is not known to have it refuses in its own words, as
// the real one would: that is how a client sees that it was reached. Nothing that it
// says is a sign of a proxy, such as Via, X-Cache or Age.
//
// The zero value is ready. It is no WSUS: it says neither hello nor what arrived.
type Microsoft struct{ services Server }

// A site is what servers of some names have in common. The first that has a name
// answers for it.
type site struct {
	patterns []string // as in the lists
	server   string   // the field Server; "" for none
	fields   [][2]string
	places   []place
	missing  http.Handler // answers for what is at no place
}

// ServeHTTP answers as the server does that r names.
func (m *Microsoft) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := refusedByKernel(r); refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	s := siteOf(nameAsked(r))
	h := w.Header()
	if s.server != "" {
		h.Set("Server", s.server)
	}
	for _, field := range s.fields {
		h.Set(field[0], field[1])
	}
	path := strings.ToLower(r.URL.Path)
	for _, p := range s.places {
		if p.holds(path) {
			m.serve(w, r, p)
			return
		}
	}
	s.missing.ServeHTTP(w, r)
}

// serve answers what stands at a place.
func (m *Microsoft) serve(w http.ResponseWriter, r *http.Request, p place) {
	switch {
	case p.Handler == nil && r.Method == http.MethodPost:
		m.services.soap(w, r, p.path)
	case p.Handler == nil:
		fail(w, http.StatusForbidden) // these services do not describe themselves
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		otherMethod(w, r)
	default:
		p.ServeHTTP(w, r)
	}
}

// nameAsked is the name by which r asks, in lower case and without a port.
func nameAsked(r *http.Request) string {
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// siteOf is the site that answers for a name. One that is an address is a cache at a
// provider, which clients are sent to by that alone (wire.md 4.5).
func siteOf(name string) *site {
	if net.ParseIP(name) != nil {
		return provider
	}
	for _, s := range sites {
		for _, pattern := range s.patterns {
			if endpoint.Matches(pattern, name) {
				return s
			}
		}
	}
	return others
}

// sites are those of which more is known than that they are there (wire.md 2.3 to
// 2.9, 4.1 to 4.5, 5.5, 5.6). Who has many names stands behind those of them that
// have more to say.
var sites = []*site{
	{
		patterns: []string{"ctldl.windowsupdate.com", "*.ctldl.windowsupdate.com"},
		server:   edge, fields: kept15Minutes, places: trustLists, missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"download.windowsupdate.com", "*.download.windowsupdate.com", "*.dl.delivery.mp.microsoft.com",
			"dl.delivery.mp.microsoft.com", "download.microsoft.com", "*.tlu.dl.adu.microsoft.com", "*.nlu.dl.adu.microsoft.com"},
		server: edge, places: payload, missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"*.update.microsoft.com", "update.microsoft.com", "*.windowsupdate.microsoft.com", "windowsupdate.microsoft.com"},
		server:   iis, fields: aspNetFields, places: metadata, missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"fe3.delivery.mp.microsoft.com", "fe3cr.delivery.mp.microsoft.com"},
		server:   iis, fields: aspNetFields, places: delivery, missing: status(http.StatusForbidden),
	},
	{
		patterns: []string{"*.do.dsp.mp.microsoft.com", "tsfe.trafficshaping.dsp.mp.microsoft.com", "*.delivery.mp.microsoft.com"},
		missing:  &kernelRefusal{http.StatusNotFound, "Not Found", "The requested resource is not found."},
	},
	{
		patterns: []string{"crl.microsoft.com", "www.microsoft.com"},
		server:   iis, places: certificates, missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"ocsp.digicert.com", "oneocsp.microsoft.com", "ocsp.msocsp.com"},
		server:   edge, places: []place{{"/ocsp/m*", http.StripPrefix("/ocsp", http.HandlerFunc(certificateStatus))}, {"/m*", http.HandlerFunc(certificateStatus)}},
		missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"*.msftconnecttest.com"},
		places: []place{
			{"/connecttest.txt", indicator("Microsoft Connect Test")},
			{"/redirect", http.RedirectHandler("http://go.microsoft.com/fwlink/?LinkID=219472&clcid=0x409", http.StatusFound)},
		},
		missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"*.msftncsi.com"},
		places:   []place{{"/ncsi.txt", indicator("Microsoft NCSI")}}, missing: status(http.StatusNotFound),
	},
	{
		patterns: []string{"go.microsoft.com"},
		missing:  http.RedirectHandler("https://www.microsoft.com/", http.StatusFound),
	},
	{
		patterns: []string{"emdl.ws.microsoft.com", "*.emdl.ws.microsoft.com", "*.officecdn.microsoft.com", "*.cdn.office.net", "*.xboxlive.com",
			"*.xbox.com", "*.dsx.mp.microsoft.com", "adl.windows.com"},
		server: "AkamaiGHost", missing: http.HandlerFunc(invalidAtEdge),
	},
}

// others answers for every other name.
var others = &site{server: iis, fields: aspNetFields, missing: status(http.StatusForbidden)}

// provider is a cache in the net of a provider (wire.md 4.5).
var provider = &site{server: "nginx", fields: [][2]string{{"X-OC-Service-Type", "lo"}}, places: payload, missing: status(http.StatusNotFound)}

// Values of the field Server.
const (
	iis  = "Microsoft-IIS/10.0"
	edge = "ECAcc (frc/8F4A)" // of the content network in the captures (wire.md 4.2)
)

var (
	aspNetFields  = [][2]string{{"X-Powered-By", "ASP.NET"}}
	kept15Minutes = [][2]string{{"Cache-Control", "public,max-age=900"}}
)

// payload is what the servers of files have.
var payload = slices.Concat([]place{
	{scanPath, http.HandlerFunc(scanFile)},
	{"/filestreamingservice/*", http.HandlerFunc(streaming)},
	{"/mscomtest/wuidt.gif", http.HandlerFunc(healthImage)},
}, redirectors)

// metadata is what the servers of the catalogue have. A place without a handler is a
// web service.
var metadata = slices.Concat([]place{
	{"/sls/*", http.HandlerFunc(locator)},
	{path: "/v6/clientwebservice/client.asmx"},
	{path: "/clientwebservice/client.asmx"},
	{path: "/simpleauthwebservice/simpleauth.asmx"},
	{path: "/reportingwebservice/webservice.asmx"},
	{"/v9/windowsupdate/selfupdate/wuident.cab", cabinet("wuident.txt", "[wuident.txt]\r\nVersion=1\r\n")},
	{"/v4/iuident.cab", cabinet("iuident.txt", "[iuident.txt]\r\nVersion=1\r\n")},
	{"/", http.HandlerFunc(notListed)},
}, redirectors)

// delivery is what the servers of packages have, beside which nothing is shown.
var delivery = []place{{path: "/clientwebservice/client.asmx"}}

// trustLists are those that CryptoAPI fetches (wire.md 5.5).
var trustLists = []place{
	{"/msdownload/update/v3/static/trustedr/en/authrootstl.cab", trustList("authroot.stl", "an inert list of trusted roots\r\n")},
	{"/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab", trustList("disallowedcert.stl", "an inert list of bad certificates\r\n")},
	{"/msdownload/update/v3/static/trustedr/en/pinrulesstl.cab", trustList("pinrules.stl", "an inert list of pins\r\n")},
}

// trustList is a cabinet of last week: an old one would be a sign of a cache that
// keeps it too long.
func trustList(name, text string) file {
	f := cabinet(name, text)
	f.contentType, f.changed = cabinetType, time.Now().AddDate(0, 0, -7).Truncate(time.Second)
	return f
}

// cabinetType is the type that the content network gives a cabinet.
const cabinetType = "application/vnd.ms-cab-compressed"

// certificates is what is said of certificates beside OCSP: their lists of the
// revoked, and those of the authorities (wire.md 5.4, 5.5).
var certificates = []place{
	{"/pki/crl/*", http.HandlerFunc(revoked)},
	{"/pkiops/crl/*", http.HandlerFunc(revoked)},
	{"/pki/certs/*", http.HandlerFunc(authorityFile)},
	{"/pkiops/certs/*", http.HandlerFunc(authorityFile)},
}

// authorityFile serves the certificate of the authority of the lists.
func authorityFile(w http.ResponseWriter, r *http.Request) {
	authority, err := revocation()
	if err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	body := authority.root.Raw
	file{octets, authority.root.NotBefore, [][2]string{{"ETag", etag(body)}}, body}.ServeHTTP(w, r)
}

// status answers with an error page.
func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fail(w, code) })
}

// invalidAtEdge is how the servers of Akamai answer what they have no site for.
func invalidAtEdge(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Mime-Version", "1.0")
	h.Set("Content-Type", "text/html")
	h.Set("Connection", "close")
	w.WriteHeader(http.StatusBadRequest)
	io.WriteString(w, "<HTML><HEAD>\n<TITLE>Invalid URL</TITLE>\n</HEAD><BODY>\n<H1>Invalid URL</H1>\n"+
		"The requested URL \"&#91;no&#32;URL&#93;\", is invalid.<p>\n</BODY></HTML>\n")
}

// scanPath is the catalogue for scans without a server, which anybody may fetch whole
// or in parts, under any query.
const scanPath = "/microsoftupdate/v6/wsusscan/wsusscn2.cab"

// ScanSize is that of the catalogue for scans without a server, in bytes: it has some
// hundreds of megabytes, and none of them is stored.
const ScanSize = 200<<20 + 20_003

// scan is that file. It begins with one small text in it, so that it can be taken
// apart, and goes on with bytes that mean nothing.
var catalogue = newHeaded(wusp.Cabinet("package.txt", []byte("an inert catalogue\r\n")), "wsusscn2", ScanSize)

func scanFile(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", catalogue.content.ETag())
	h.Set("Cache-Control", "public,max-age=172800")
	send(w, r, octets, changed, io.NewSectionReader(catalogue, 0, ScanSize))
}

// healthSize is that of the image by which the health of a cache is asked for, in
// bytes (wire.md 4.5).
const healthSize = 969_710

var health = headed{[]byte("GIF89a"), wusp.Content{Name: "wuidt", Size: healthSize}}

func healthImage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", health.content.ETag())
	send(w, r, "image/gif", changed, io.NewSectionReader(health, 0, healthSize))
}

// headed is a generated file with a start of its own.
type headed struct {
	start   []byte
	content wusp.Content
}

// newHeaded is a file of that size which begins with a cabinet, whose own size is
// changed to match ([MS-CAB] 2.1, cbCabinet).
func newHeaded(cabinet []byte, name string, size int64) headed {
	binary.LittleEndian.PutUint32(cabinet[8:], uint32(size))
	return headed{cabinet, wusp.Content{Name: name, Size: size}}
}

// ReadAt fills p with the bytes from off on, as [io.ReaderAt] does.
func (f headed) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.content.ReadAt(p, off)
	if off >= 0 && off < int64(len(f.start)) {
		copy(p[:n], f.start[off:])
	}
	return n, err
}
