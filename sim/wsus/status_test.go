package wsus_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// hostileText is what a client may say of itself.
const hostileText = `<script>alert(1)</script>"'&` + "\x1b[2J\u202e{{.}}"

// Whatever clients say, the page is well-formed, has no script and no control
// character, and says what they said.
func TestStatusHostile(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	v := &visitor{booked: b, id: "<b>" + oneID, dns: "<script>pc</script>", via: []string{"User-Agent", "<script>", "Via", "1.1 <img src=x onerror=a>", "X-Forwarded-For", "<i>10.1.2.3"}}
	v.begin()
	v.dns = "pc-18"
	v.begin()
	v.page()
	v.fetch(wusp.NewContent(5000, "7b0b7cc8", ".cab"), "bytes=0-9")
	r := asked(hostileText, "GetConfig", "/", "Via: "+hostileText)
	r.DNS = hostileText
	b.book.Observe(r)
	b.book.Observe(asked("", "", "/"+hostileText, "X-Forwarded-For: "+hostileText, "Range: bytes=0-1"))

	status, page := v.do("GET", "/", "")
	if status != 200 {
		t.Fatalf("the page is answered %d", status)
	}
	for _, want := range []string{"&lt;script&gt;pc&lt;/script&gt;", `\x1b[2J`, "&lt;img src=x onerror=a&gt;", "client-ids-duplicate", "delete SusClientId", "0-9",
		"<caption", `scope="col"`, `scope="row"`, "1.1 &lt;img", `lang="en"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	for _, bad := range []string{"<script", "<img", "<b>7b", "\x1b", "\u202e", "http://", "https://", "<no value>"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	wellFormedPage(t, page)
}

// wellFormedPage reports a page whose elements are not closed in their order.
func wellFormedPage(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		_, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Errorf("the page is not well-formed: %v", err)
			return
		}
	}
}

// The page is of one piece, is not kept, and takes no script.
func TestStatusHead(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	for _, target := range []string{"/", "/?format=json"} {
		answer, err := http.Get(b.url + target)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		<-b.seen
		h := answer.Header
		if answer.StatusCode != 200 || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || answer.ContentLength < 0 {
			t.Errorf("%s is answered %d with %v", target, answer.StatusCode, h)
		}
	}
	v := &visitor{booked: b}
	if status, text := v.do("GET", "/?format=%1bxml", ""); status != 400 || strings.Contains(text, "\x1b") {
		t.Errorf("another form is answered %d: %q", status, text)
	}
	if status, _ := v.do("POST", "/", "x"); status != 405 {
		t.Errorf("POST is answered %d", status)
	}
	if status, text := v.do("HEAD", "/", ""); status != 200 || text != "" {
		t.Errorf("HEAD is answered %d: %q", status, text)
	}
	if status, _ := v.do("GET", "/nonesuch", ""); status != 404 {
		t.Errorf("another path is answered %d", status)
	}
}

// The JSON says the same as the book, and has no more rows than the page.
func TestStatusJSON(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	for i := range 300 {
		b.book.Observe(asked(strings.Repeat("c", i%290+1), "SyncUpdates", "/"))
		b.book.Observe(asked("", "", "/Content/a", "X-Forwarded-For: "+strings.Repeat("m", i%90+1), "Range: bytes=0-1"))
	}
	v := &visitor{booked: b, id: oneID, dns: "pc-17.example"}
	v.begin()
	v.page()
	status, text := v.do("GET", "/?format=json", "")
	var got wsus.Status
	if err := json.Unmarshal([]byte(text), &got); status != 200 || err != nil {
		t.Fatalf("answered %d, %v", status, err)
	}
	if got.Schema != "fakewsus/1" || got.Version != "devel" || len(got.Clients) != 102 || got.Clients[0].Client != oneID || got.Clients[0].Begun != 1 ||
		len(got.Files) != 90 || got.Totals.Clients != 102 || got.Totals.Requests != 604 || time.Since(got.Now) > time.Minute {
		t.Errorf("%d clients, %d files, %+v, %+v", len(got.Clients), len(got.Files), got.Totals, got.Clients[0])
	}
	for _, c := range got.Clients { // those that differ behind 100 characters are one
		if len(c.Client) > 100 {
			t.Errorf("an id of %d characters", len(c.Client))
		}
	}
}

// A client that would rather have JSON than HTML gets it. A browser does not say
// so, nor does one that takes anything.
func TestStatusAccept(t *testing.T) {
	page := &wsus.StatusPage{Book: wsus.NewBook()}
	for _, tt := range []struct{ target, accept, want string }{
		{"/", "", "text/html"},
		{"/", "*/*", "text/html"},
		{"/", "application/json", "application/json"},
		{"/", "application/json, text/plain, */*", "application/json"},
		{"/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"},
		{"/", "text/html, application/json;q=0.9", "text/html"},
		{"/", "text/html;q=0.5, application/json;q=0.9", "application/json"},
		{"/", "application/json;q=0", "text/html"},
		{"/", "application/json;q=x,;;", "text/html"},
		{"/?format=json", "text/html", "application/json"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Accept", tt.accept)
		page.ServeHTTP(w, r)
		if got := w.Header(); !strings.HasPrefix(got.Get("Content-Type"), tt.want) || got.Get("Vary") != "Accept" {
			t.Errorf("%s with Accept: %s is answered with %v, want %s", tt.target, tt.accept, got, tt.want)
		}
	}
}

// A client that has begun no scan has finished none of none.
func TestStatusWithoutScan(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	v := &visitor{booked: b, id: oneID, dns: "pc-17.example"}
	b.book.Observe(asked(oneID, "GetCookie", "/"))
	if _, page := v.do("GET", "/", ""); !strings.Contains(page, `data-name="Scans finished" class="n">none</td>`) {
		t.Errorf("before a scan, the page is %s", page)
	}
	v.begin()
	v.page()
	v.drivers()
	if _, page := v.do("GET", "/", ""); !strings.Contains(page, `class="n">1 of 1</td>`) {
		t.Errorf("behind a scan, the page is %s", page)
	}
}

// Content and SelfUpdate are all that there is at port 80.
func TestFilesAlone(t *testing.T) {
	h := wsus.FilesAlone(&wsus.Server{Size: 5000})
	for _, tt := range []struct {
		target string
		status int
	}{
		{wusp.NewContent(5000, "7b0b7cc8", ".cab").Path(), 200}, {"/SELFUPDATE/wuident.cab", 200}, {"/iuident.cab", 200},
		{"/ClientWebService/client.asmx", 404}, {"/", 404}, {"/.proxycheck/hello", 404}, {"/contents", 404},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", tt.target, nil))
		if got := w.Result(); got.StatusCode != tt.status || got.Header.Get("Server") != "Microsoft-IIS/10.0" {
			t.Errorf("%s is answered %d by %q, want %d", tt.target, got.StatusCode, got.Header.Get("Server"), tt.status)
		}
	}
}

// Clients that come by TLS are sent to the port that the server has for files,
// whatever theirs is.
func TestFilesPort(t *testing.T) {
	s := &wsus.Server{}
	c := newCaller(t, s)
	content := c.goodCookie() + "<fileDigests><base64Binary>hlQslyYcRtWzeaQ+yJX5fq9Am6I=</base64Binary></fileDigests>"
	for _, tt := range []struct{ port, host, want string }{
		{"9000", "wsus.test:8531", "http://wsus.test:9000/"}, {"9000", "wsus.test", "http://wsus.test:9000/"}, {"80", "wsus.test:8531", "http://wsus.test/"},
		{"9000", "[2001:db8::1]", "http://[2001:db8::1]:9000/"}, {"80", "[2001:db8::1]:8531", "http://[2001:db8::1]/"},
	} {
		s.FilesPort = tt.port
		for _, secure := range []bool{true, false} {
			r := httptest.NewRequest(http.MethodPost, "/ClientWebService/client.asmx", strings.NewReader(envelope(client, "GetFileLocations", content)))
			r.Host, r.TLS = tt.host, nil
			r.Header.Set("Content-Type", "text/xml")
			r.Header.Set("SOAPAction", `"`+client+`/GetFileLocations"`)
			want := "http://" + tt.host + "/"
			if secure {
				r.TLS, want = &tls.ConnectionState{}, tt.want
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if got := element(w.Body.String(), "FileLocation/Url"); !strings.HasPrefix(got, want+"Content/") {
				t.Errorf("with port %s, asked for %s (TLS: %v), the file is at %s, want %s", tt.port, tt.host, secure, got, want)
			}
		}
	}
}

func BenchmarkBook(b *testing.B) {
	book := wsus.NewBook()
	r := asked("", "", "/Content/C0/00000001E1F3ECC583A8DA5C32EFBE308A80ACC0.cab", "Connection: Keep-Alive", "Accept: */*", "Range: bytes=0-5472", "User-Agent: Microsoft BITS/7.8")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			book.Observe(r)
		}
	})
}
