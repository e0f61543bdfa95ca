package probe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wire"
)

func TestParseRange(t *testing.T) {
	for _, tt := range []struct {
		value    string
		from, to int64
		ok       bool
	}{
		{"bytes=0-1", 0, 1, true},
		{"bytes=5-5", 5, 5, true},
		{"bytes=0-9223372036854775807", 0, 1<<63 - 1, true},
		{"bytes=0-9223372036854775808", 0, 0, false},
		{"bytes=1-0", 0, 0, false},
		{"bytes=-5", 0, 0, false},
		{"bytes=5-", 0, 0, false},
		{"bytes=0-1,3-4", 0, 0, false},
		{"bytes 0-1", 0, 0, false},
		{"0-1", 0, 0, false},
		{"bytes=", 0, 0, false},
		{"", 0, 0, false},
	} {
		from, to, ok := parseRange(tt.value)
		if ok != tt.ok || ok && (from != tt.from || to != tt.to) {
			t.Errorf("parseRange(%q) = %d, %d, %v; want %d, %d, %v", tt.value, from, to, ok, tt.from, tt.to, tt.ok)
		}
	}
}

func TestParseContentRange(t *testing.T) {
	for _, tt := range []struct {
		value           string
		from, to, total int64
		ok              bool
	}{
		{"bytes 0-5472/39618", 0, 5472, 39618, true}, // wire.md 1.7
		{"Bytes 0-0/1", 0, 0, 1, true},
		{"bytes 5-9/*", 5, 9, -1, true},
		{"bytes 0-5472/5472", 0, 0, 0, false},
		{"bytes 0-5472/-1", 0, 0, 0, false},
		{"bytes */39618", 0, 0, 0, false},
		{"bytes 0-5472", 0, 0, 0, false},
		{"bytes 0-5472/", 0, 0, 0, false},
		{"bytes 0-/39618", 0, 0, 0, false},
		{"bytes 9-5/39618", 0, 0, 0, false},
		{"items 0-5472/39618", 0, 0, 0, false},
		{"items 0-5472/*", 0, 0, 0, false},
		{"0-5472/39618", 0, 0, 0, false},
		{"", 0, 0, 0, false},
	} {
		from, to, total, ok := parseContentRange(tt.value)
		if ok != tt.ok || ok && (from != tt.from || to != tt.to || total != tt.total) {
			t.Errorf("parseContentRange(%q) = %d, %d, %d, %v; want %d, %d, %d, %v",
				tt.value, from, to, total, ok, tt.from, tt.to, tt.total, tt.ok)
		}
	}
}

// What is read as a Content-Range is one, and means the same when it is written
// anew.
func FuzzContentRange(f *testing.F) {
	for _, value := range []string{"bytes 0-5472/39618", "bytes 5-9/*", "Bytes  7-7 / 8", "bytes */9", "bytes 0-1/1", "bytes +1-+2/+3", "items 0-1/2", ""} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		from, to, total, ok := parseContentRange(value)
		if !ok {
			return
		}
		if from < 0 || from > to || total != -1 && to >= total {
			t.Errorf("%q is read as %d to %d of %d", value, from, to, total)
		}
		size := "*"
		if total >= 0 {
			size = fmt.Sprint(total)
		}
		written := fmt.Sprintf("bytes %d-%d/%s", from, to, size)
		if from2, to2, total2, ok := parseContentRange(written); !ok || from2 != from || to2 != to || total2 != total {
			t.Errorf("%q is read as %q, and that as %d to %d of %d, %v", value, written, from2, to2, total2, ok)
		}
	})
}

// Each part that a step asks for lies in the file, whatever its size.
func TestRangesLieInFile(t *testing.T) {
	for name, part := range parts {
		for _, size := range []int64{1, 2, 3, 4095, 4096, 4097, 5472, 5473, 5474, 8192, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<20 + 200_003, 1 << 40} {
			from, to := part(size)
			if name != "probe" && name != "beyond" && (from < 0 || from > to || to >= size) { // the probe asks before the size is known
				t.Errorf("the %s part of a file of %d bytes is %d-%d", name, size, from, to)
			}
		}
	}
}

// The deep part begins behind the first MiB wherever there is such a part: what
// a cache has of the start of a file must not answer for it (wire.md 9).
func TestDeepRangeIsDeep(t *testing.T) {
	for _, size := range []int64{1<<20 + 200_003 /* the size that our own server offers */, 2 << 20, 1 << 30} {
		if from, _ := parts["deep"](size); from < 1<<20 {
			t.Errorf("the deep part of a file of %d bytes begins at %d, want it behind the first %d", size, from, 1<<20)
		}
	}
}

// The time in a URL is UTC, whatever the clock of this machine shows. The
// example is that of wire.md 2.2.
func TestStamp(t *testing.T) {
	b := everything(Profiles[0])
	b.now = time.Date(2020, time.September, 10, 10, 51, 33, 0, time.FixedZone("CEST", 7200))
	req, err := b.request(saw("selfupdate-size", "").step)
	if want := "HEAD /selfupdate/wuident.cab?2009100851 HTTP/1.1"; err != nil || req.Head.Start != want {
		t.Errorf("the request begins %q, %v; want %q", req.Head.Start, err, want)
	}
}

// A request waits for the step that finds out what it needs, and says so.
func TestNeed(t *testing.T) {
	b := everything(Profiles[0])
	b.file, b.past = func(string) Object { return Object{Path: "/a.cab", Size: -1} }, Past{}
	for _, name := range []string{"bits-range-deep", "bits-range-last", "do-piece"} {
		if _, err := b.request(saw(name, "").step); err != (needError{"bits-size"}) {
			t.Errorf("%s, with the size not known: %v, want it to wait for bits-size", name, err)
		}
	}
	for _, name := range []string{"wua-config", "bits-size", "bits-range-first", "bits-file"} {
		if _, err := b.request(saw(name, "").step); err != nil {
			t.Errorf("%s, with the size not known: %v", name, err)
		}
	}
}

// The web service and the files go where the target says: files stay in clear
// also when the web service is asked through TLS (wire.md 5.3).
func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		scheme, port, step string
		authority, host    string
		tls                bool
	}{
		{"http", "8530", "wua-config", "wsus.test:8530", "wsus.test:8530", false},
		{"http", "8530", "bits-size", "wsus.test:8530", "wsus.test:8530", false},
		{"http", "8530", "tls-config", "wsus.test:8531", "wsus.test:8531", true},
		{"http", "80", "wua-config", "wsus.test:80", "wsus.test", false},
		{"http", "80", "bits-size", "wsus.test:80", "wsus.test", false},
		{"http", "80", "tls-config", "wsus.test:443", "wsus.test", true},
		{"https", "8531", "wua-config", "wsus.test:8531", "wsus.test:8531", true},
		{"https", "8531", "bits-size", "wsus.test:8530", "wsus.test:8530", false},
		{"https", "443", "wua-config", "wsus.test:443", "wsus.test", true},
		{"https", "443", "bits-size", "wsus.test:80", "wsus.test", false},
	} {
		target, err := SplitServer(tt.scheme, "wsus.test", tt.port)
		if err != nil {
			t.Fatal(err)
		}
		b := everything(Profiles[0])
		b.Target = &target
		req, err := b.request(saw(tt.step, "").step)
		if err != nil {
			t.Fatal(err)
		}
		if req.Authority != tt.authority || req.Head.Get("Host") != tt.host || req.TLS != tt.tls || strings.Contains(req.Head.Start, "://") {
			t.Errorf("%s://wsus.test:%s: %s goes to %s (TLS: %v) as %q with Host %q; want %s (TLS: %v) with Host %q", tt.scheme, tt.port,
				tt.step, req.Authority, req.TLS, req.Head.Start, req.Head.Get("Host"), tt.authority, tt.tls, tt.host)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, tt := range []struct {
		long  string
		tls   bool
		short string
	}{
		{"wsus.test:80", false, "wsus.test"},
		{"wsus.test:443", true, "wsus.test"},
		{"wsus.test:443", false, "wsus.test:443"},
		{"wsus.test:80", true, "wsus.test:80"},
		{"wsus.test:8530", false, "wsus.test:8530"},
		{"wsus.test:8080", false, "wsus.test:8080"},
		{"[2001:db8::1]:80", false, "[2001:db8::1]"},
		{"[2001:db8::80]:8530", false, "[2001:db8::80]:8530"},
		{"[::443]:443", true, "[::443]"},
	} {
		if got := shortHost(tt.long, tt.tls); got != tt.short {
			t.Errorf("shortHost(%q, %v) = %q, want %q", tt.long, tt.tls, got, tt.short)
		}
		if got := longHost(tt.short, tt.tls); got != tt.long {
			t.Errorf("longHost(%q, %v) = %q, want %q", tt.short, tt.tls, got, tt.long)
		}
	}
}

// A redirect is followed where WinHTTP follows it, with the target as it was
// written: escapes and double slashes matter to those who sign URLs (wire.md
// 4.2, 4.3, 10).
func TestRedirected(t *testing.T) {
	plain, secure := "http://wsus.test:8530/Content/F8/A.cab?x", "https://wsus.test:8531/Content/F8/A.cab?x"
	for _, tt := range []struct {
		from, location string
		want           string // where to, with the target as it is sent; "" for nowhere
	}{
		{plain, "http://cdn.test/a.cab", "http cdn.test:80 cdn.test /a.cab"},
		{plain, "http://cdn.test:8080/a.cab?P4=%2b%2f%3d", "http cdn.test:8080 cdn.test:8080 /a.cab?P4=%2b%2f%3d"},
		{plain, "http://cdn.test/filestreamingservice//files/%7e/a.cab", "http cdn.test:80 cdn.test /filestreamingservice//files/%7e/a.cab"},
		{plain, "http://cdn.test/SLS/{9482F4B4}/x64", "http cdn.test:80 cdn.test /SLS/{9482F4B4}/x64"},
		{plain, "http://cdn.test/a.cab?100%zz", "http cdn.test:80 cdn.test /a.cab?100%zz"},
		{plain, "http://cdn.test", "http cdn.test:80 cdn.test /"},
		{plain, "http://cdn.test/a.cab#part", "http cdn.test:80 cdn.test /a.cab"},
		{plain, "http://[2001:db8::1]/a.cab", "http [2001:db8::1]:80 [2001:db8::1] /a.cab"},
		{plain, "http://151.99.72.125/data/a.cab", "http 151.99.72.125:80 151.99.72.125 /data/a.cab"}, // wire.md 4.5
		{plain, "/other/b.cab", "http wsus.test:8530 wsus.test:8530 /other/b.cab"},
		{plain, "b.cab", "http wsus.test:8530 wsus.test:8530 /Content/F8/b.cab"},
		{plain, "b/", "http wsus.test:8530 wsus.test:8530 /Content/F8/b/"},
		{plain, "b//c.cab", "http wsus.test:8530 wsus.test:8530 /Content/F8/b//c.cab"},
		{plain, "../b.cab", "http wsus.test:8530 wsus.test:8530 /Content/b.cab"},
		{plain, "?y", "http wsus.test:8530 wsus.test:8530 /Content/F8/A.cab?y"},
		{plain, "login?url=http://wsus.test:8530/a.cab", "http wsus.test:8530 wsus.test:8530 /Content/F8/login?url=http://wsus.test:8530/a.cab"},
		{plain, "/login?url=http://wsus.test:8530/a.cab", "http wsus.test:8530 wsus.test:8530 /login?url=http://wsus.test:8530/a.cab"},
		{plain, "http://alice:secret@cdn.test/a.cab", "http cdn.test:80 cdn.test /a.cab"},
		{plain, "//cdn.test/b.cab", "http cdn.test:80 cdn.test /b.cab"},
		{plain, "https://cdn.test/a.cab", "https cdn.test:443 cdn.test /a.cab"},
		{secure, "https://cdn.test/a.cab", "https cdn.test:443 cdn.test /a.cab"},
		{secure, "/b.cab", "https wsus.test:8531 wsus.test:8531 /b.cab"},
		{secure, "http://cdn.test/a.cab", ""}, // WinHTTP leaves TLS for nobody
		{plain, "", ""},
		{plain, "ftp://cdn.test/a.cab", ""},
		{plain, "file:///c:/a.cab", ""},
		{plain, "http:///a.cab", ""},
		{plain, "http://cdn.test:port/a.cab", ""},
		{plain, "http://cdn.test:/a.cab", "http cdn.test:80 cdn.test /a.cab"},
		{plain, "http://cdn.test/a.cab?b c", "http cdn.test:80 cdn.test /a.cab?b%20c"},
	} {
		next := redirected(requestFor(tt.from), tt.location)
		if got := whither(next); got != tt.want {
			t.Errorf("from %s, Location: %s leads to %q, want %q", tt.from, tt.location, got, tt.want)
		}
		if next != nil {
			checkOneLine(t, tt.location, next)
		}
	}
}

// Whatever a proxy puts into Location, the next request is one request.
func FuzzRedirected(f *testing.F) {
	for _, location := range []string{"http://cdn.test/a.cab", "/b", "http://cdn.test/a\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1", "http://cdn.test/?a\r\n\r\n",
		"http://cdn.test/a b", "http://cdn.test\r\nX: 1/a", "http://cdn.test/?a b", "http://user:pass@cdn.test/", "//\x00/", "http://cdn.test/\x7f"} {
		f.Add(location)
	}
	f.Fuzz(func(t *testing.T, location string) {
		for _, from := range []string{"http://wsus.test:8530/a.cab", "https://wsus.test:8531/a.cab"} {
			if next := redirected(requestFor(from), location); next != nil {
				checkOneLine(t, location, next)
			}
		}
	})
}

// checkOneLine reports a request whose head is not what its fields say: three
// words, and a line for each field.
func checkOneLine(t *testing.T, location string, r *wire.Request) {
	t.Helper()
	head := string(r.Head.ToProxy(r.Authority).Bytes())
	words := strings.Split(r.Head.Start, " ")
	if len(words) != 3 || words[2] != "HTTP/1.1" || strings.Count(head, "\n") != len(r.Head.Fields)+2 || strings.ContainsAny(head, "\x00\t\x7f") {
		t.Errorf("Location: %q makes the client send\n%q", location, head)
	}
}

// requestFor is a request for a URL, as a step makes it.
func requestFor(url string) *wire.Request {
	scheme, rest, _ := strings.Cut(url, "://")
	host, path, _ := strings.Cut(rest, "/")
	return &wire.Request{Head: wire.Lines("GET /" + path + " HTTP/1.1\nConnection: Keep-Alive\nAccept: */*\nHost: " + host),
		Authority: host, TLS: scheme == "https"}
}

// whither is where a request goes, or "" for nowhere.
func whither(r *wire.Request) string {
	if r == nil {
		return ""
	}
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	_, target, _ := strings.Cut(r.Head.Start, " ")
	return strings.Join([]string{scheme, r.Authority, r.Head.Get("Host"), strings.TrimSuffix(target, " HTTP/1.1")}, " ")
}
