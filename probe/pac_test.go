package probe

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe/wire"
)

// The names are those of the domain and above it, as far as somebody has registered it.
func TestWPADNames(t *testing.T) {
	for domain, want := range map[string][]string{
		"":                     nil,
		".":                    nil,
		"corp":                 {"wpad.corp"},
		"corp.example":         {"wpad.corp.example"},
		"corp.example.":        {"wpad.corp.example"},
		"a.b.corp.example":     {"wpad.a.b.corp.example", "wpad.b.corp.example", "wpad.corp.example"},
		"..":                   nil,
		"a..b":                 {"wpad.a..b"},
		"example.co.uk":        {"wpad.example.co.uk"},
		"dept.Example.CO.UK.":  {"wpad.dept.Example.CO.UK", "wpad.Example.CO.UK"},
		"a.city.kawasaki.jp":   {"wpad.a.city.kawasaki.jp", "wpad.city.kawasaki.jp"},
		"a.b.dyndns.org":       {"wpad.a.b.dyndns.org", "wpad.b.dyndns.org"},
		"co.uk":                {"wpad.co.uk"}, // as given
		"ad.corp.local":        {"wpad.ad.corp.local", "wpad.corp.local"},
		"1.2.3.4.5.6.7.8.9.10": {"wpad.1.2.3.4.5.6.7.8.9.10", "wpad.2.3.4.5.6.7.8.9.10", "wpad.3.4.5.6.7.8.9.10", "wpad.4.5.6.7.8.9.10", "wpad.5.6.7.8.9.10", "wpad.6.7.8.9.10", "wpad.7.8.9.10", "wpad.8.9.10"},
	} {
		if got := WPADNames(domain); !slices.Equal(got, want) {
			t.Errorf("in %q: %q, want %q", domain, got, want)
		}
	}
}

// goldenPAC is the request for the file as it was typed from wire.md 6.6, with LF for
// CRLF and a comment before it.
func goldenPAC(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../testdata/pac/wpad-file.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, request, _ := strings.Cut(string(b), "\n")
	return strings.ReplaceAll(request, "\n", "\r\n")
}

// wpadClient is a client of corp.example whose name server knows one WPAD, on loopback, and
// whose proxy is not there: nothing of this goes by way of it.
func wpadClient(t *testing.T, port string) *Client {
	server := nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
		if q.Question[0].Name != "wpad.corp.example." {
			return new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		}
		return zone(t, q, "wpad.corp.example. 300 A 127.0.0.1")
	})
	return &Client{Proxy: "127.0.0.1:9", Timeout: 10 * time.Second, Profile: Profiles[0], NameServers: []string{server},
		Domain: "dept.corp.example", PACPort: port, Loopback: true}
}

// What leaves is, byte for byte, what WinHTTP sends, and it leaves directly.
func TestGoldenPAC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := goldenPAC(t)
	heard := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, len(want))
		n, _ := io.ReadFull(conn, b)
		heard <- string(b[:n])
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 55\r\nContent-Type: application/x-ns-proxy-autoconfig\r\n\r\nfunction FindProxyForURL(url, host) { return 'DIRECT' }")
		io.Copy(io.Discard, conn)
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	run := wpadClient(t, port).Run(t.Context())
	if got := <-heard; got != want {
		t.Errorf("sent\n%q, want\n%q", got, want)
	}
	o := run.PAC[0].Observation
	if !o.Complete() || !o.NoProxy || string(o.Sent.Bytes()) != want || run.PAC[0].Step.ID() != "wpad-file@wpad.corp.example" {
		t.Errorf("%s stopped at %s (%v), sent %q", run.PAC[0].Step.ID(), o.Stopped, o.Err, o.Sent.Bytes())
	}
	r := Conclude(run, About{})
	if len(r.Findings) != 0 || len(r.Steps) != 1 || r.Steps[0].Status != StatusPass || r.Steps[0].Route != "direct" {
		t.Errorf("findings %v, steps %+v", r.Findings, r.Steps)
	}
	var asked []string
	for _, n := range r.Names {
		asked = append(asked, n.Name)
	}
	if want := []string{"wpad.dept.corp.example", "wpad.corp.example"}; !slices.Equal(asked, want) || len(r.Names[1].Tried) != 1 || r.Names[1].Tried[0].Result != "connected" {
		t.Errorf("asked %v, want %v: %+v", asked, want, r.Names)
	}
}

// What comes in the place of the file is told, and no more is read of it than tells.
func TestPACRules(t *testing.T) {
	const good = "function FindProxyForURL(u, h) { return 'DIRECT' }"
	typed := func(w http.ResponseWriter, status int, mime, body string) {
		w.Header().Set("Content-Type", mime)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   *Finding
		says   string
	}{
		{"a file", func(w http.ResponseWriter, _ *http.Request) { typed(w, 200, pacTypes[0], good) }, nil, ""},
		{"one with parameters of its type", func(w http.ResponseWriter, _ *http.Request) { typed(w, 200, pacTypes[0]+"; charset=utf-8", good) }, nil, ""},
		{"one without an end", func(w http.ResponseWriter, _ *http.Request) { typed(w, 200, pacTypes[0], "while (true) {} "+good) }, nil, ""},
		{"one for IPv6 alone", func(w http.ResponseWriter, _ *http.Request) {
			typed(w, 200, pacTypes[0], "function FindProxyForURLEx(u, h) { return 'DIRECT' }")
		}, nil, ""},
		{"text", func(w http.ResponseWriter, _ *http.Request) { typed(w, 200, "text/plain", good) }, PACMistyped, `"text/plain"`},
		{"nothing of the sort", func(w http.ResponseWriter, _ *http.Request) { typed(w, 200, pacTypes[0], "PROXY proxy:8080") }, PACUnusable, "FindProxyForURL"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			typed(w, 200, "text/html", "<title>Welcome</title>")
		}, PACUnusable, `"Welcome"`},
		{"404", func(w http.ResponseWriter, _ *http.Request) { typed(w, 404, "text/html", good) }, PACUnusable, "404"},
		{"407", func(w http.ResponseWriter, _ *http.Request) { typed(w, 407, "text/html", good) }, PACUnusable, "407"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.test/proxy.pac", http.StatusFound)
		}, PACUnusable, "302"},
		{"no answer", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, PACUnusable, "closed early"},
		{"2 MB, and it says so", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2000000")
			typed(w, 200, pacTypes[0], good+strings.Repeat("//", 1_000_000-len(good)/2))
		}, PACTooLong, "2000000 bytes"},
		{"no end", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", pacTypes[0])
			for line := strings.Repeat("/", 16<<10); r.Context().Err() == nil; {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		}, PACTooLong, "more than the 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(tt.answer)
			defer s.Close()
			_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
			run := wpadClient(t, port).Run(t.Context())
			if most := int64(maxPAC + 128<<10); run.In > most {
				t.Errorf("%d bytes were read, want at most %d", run.In, most)
			}
			r := Conclude(run, About{})
			switch {
			case tt.want == nil && len(r.Findings) == 0:
			case tt.want == nil || len(r.Findings) != 1 || r.Findings[0].Name != tt.want.Name || !strings.Contains(r.Findings[0].Evidence, tt.says):
				t.Errorf("%+v, want %v that says %q", r.Findings, tt.want, tt.says)
			}
		})
	}
}

// A name that there is not is no failure, and one that nobody can tell is not one that
// there is not.
func TestWPADAbsent(t *testing.T) {
	for code, want := range map[int]*Finding{dns.RcodeNameError: WPADAbsent, dns.RcodeSuccess: WPADAbsent, dns.RcodeServerFailure: NameServerFails} {
		c := wpadClient(t, "")
		c.NameServers = []string{nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) })}
		r := Conclude(c.Run(t.Context()), About{})
		if len(r.Findings) != 1 || r.Findings[0].Name != want.Name {
			t.Errorf("%s shows %+v, want %s", dns.RcodeToString[code], r.Findings, want.Name)
		}
		if want == WPADAbsent && (r.Findings[0].Grade != Note || r.Steps[0].Status != StatusSkip) {
			t.Errorf("it is a %s, and the step is %s", r.Findings[0].Grade, r.Steps[0].Status)
		}
	}
}

// Of a name server that is not there nothing is said of the file.
func TestWPADUnasked(t *testing.T) {
	c := wpadClient(t, "")
	c.NameServers = []string{nameServer(t, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg { return cutOff(t, w, q) })}
	r := Conclude(c.Run(t.Context()), About{})
	if len(r.Findings) != 1 || r.Findings[0].Name != NameServerSilent.Name || r.Findings[0].Grade != Warn {
		t.Errorf("%+v, want %s", r.Findings, NameServerSilent.Name)
	}
}

// Whatever comes in the place of the file, it is judged: it can be used only where it
// has the function and a length that is taken.
func FuzzPAC(f *testing.F) {
	f.Add("HTTP/1.1 200 OK", "application/x-ns-proxy-autoconfig", []byte("function FindProxyForURL(u, h) {}"), int64(40))
	f.Add("HTTP/1.1 302 Found", "text/html", []byte("<title>a"), int64(-1))
	f.Add("HTTP/1.1 200 OK", "text/html; charset=\xff", []byte("<TITLE>\xc4\xb0</title>"), int64(1<<40))
	name := &Name{Name: "wpad.test", Asked: []Lookup{{Addresses: []netip.Addr{netip.IPv4Unspecified()}}}}
	f.Fuzz(func(t *testing.T, status, mime string, text []byte, stated int64) {
		x := &wire.Exchange{Stopped: wire.Done, Answer: wire.Head{Start: status, Fields: []wire.Field{{Name: "Content-Type", Value: mime}}}}
		x.Body.Stated, x.Body.Excerpt = stated, text[:min(len(text), 4096)]
		verdicts, _ := weighPAC(&Observation{Exchange: x, Text: text, Name: name, NoProxy: true})
		usable := x.Answer.Status() == 200 && stated <= maxPAC && strings.Contains(string(text), "FindProxyForURL")
		worse := slices.ContainsFunc(verdicts, func(v Verdict) bool { return v.Grade != Note })
		if usable == worse || len(verdicts) > 1 || len(verdicts) == 1 && (verdicts[0].Evidence == "" || len(verdicts[0].Evidence) > 4096) {
			t.Errorf("%q, %q, %d bytes of %d: %v", status, mime, len(text), stated, verdicts)
		}
	})
}
