package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// countedNames is a name server that counts the questions for each name.
func countedNames(t *testing.T, answer func(q *dns.Msg) *dns.Msg) (addr string, asked func(name string) int) {
	var mu sync.Mutex
	count := map[string]int{}
	addr = nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
		mu.Lock()
		count[q.Question[0].Name]++
		mu.Unlock()
		return answer(q)
	})
	return addr, func(name string) int {
		mu.Lock()
		defer mu.Unlock()
		return count[name]
	}
}

// A repeated run goes to each address of the proxy's name; the name itself, and the file
// that names the proxy, it looks for once.
func TestRepeatedSurvey(t *testing.T) {
	var fetched atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wpad.dat" {
			fetched.Add(1)
			w.Header().Set("Content-Type", "text/plain")
			io.WriteString(w, "function FindProxyForURL(u, h) { return 'DIRECT' }")
		}
	}))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	known := func(q *dns.Msg) *dns.Msg {
		switch q.Question[0].Name {
		case "proxy.corp.test.":
			return zone(t, q, "proxy.corp.test. 300 A 127.0.0.1", "proxy.corp.test. 300 A 127.0.0.2") // nothing listens at the second
		case "wpad.corp.test.":
			return zone(t, q, "wpad.corp.test. 300 A 127.0.0.1")
		}
		return new(dns.Msg).SetRcode(q, dns.RcodeNameError)
	}
	server, asked := countedNames(t, known)
	forNodes, _ := countedNames(t, known)
	c := &Client{Proxy: "proxy.corp.test:" + port, Timeout: 10 * time.Second, Profile: Profiles[0], Target: Target{Kind: Embedded, Host: "wsus.test:8530"},
		Steps: Steps[:1], NameServers: []string{server}, Resolver: ResolverAt(forNodes), Domain: "dept.corp.test", PACPort: port, Loopback: true}
	run, err := c.RunRepeated(t.Context(), 2, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if n := asked("proxy.corp.test."); n != 2 || asked("wpad.corp.test.") != 2 || fetched.Load() != 1 { // A and AAAA
		t.Errorf("the proxy's name was asked for %d times and WPAD %d times; the file was fetched %d times", n, asked("wpad.corp.test."), fetched.Load())
	}
	requests := 0
	for _, part := range run.Parts {
		if requests += part.Requests; part.ID != run.ID {
			t.Errorf("%s is of %s, want %s", part.Node, part.ID, run.ID)
		}
	}
	if len(run.Parts) != 4 || requests != run.Requests {
		t.Errorf("%d parts of %d requests, and %d in all", len(run.Parts), requests, run.Requests)
	}
	r := Conclude(run, About{})
	var names []string
	for _, n := range r.Names {
		names = append(names, n.Name)
	}
	if want := []string{"proxy.corp.test", "wpad.dept.corp.test", "wpad.corp.test"}; !slices.Equal(names, want) {
		t.Errorf("the names are %v, want %v", names, want)
	}
	for _, want := range []*Finding{AddressDead, PACMistyped} {
		i := slices.IndexFunc(r.Findings, func(f Shown) bool { return f.Name == want.Name })
		if i < 0 || strings.Contains(r.Findings[i].Evidence, " runs") {
			t.Errorf("%+v, want %s, of no single run", r.Findings, want.Name)
		}
	}
	files := 0
	for _, p := range r.Steps {
		if strings.HasPrefix(p.ID, "wpad-file@") {
			files++
		}
	}
	if files != 1 {
		t.Errorf("the file is %d steps", files)
	}
}

// A name that does not resolve is asked for once too, and each turn is told why it failed.
func TestRepeatedSurveyFails(t *testing.T) {
	fails := func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) }
	server, asked := countedNames(t, fails)
	forRun, _ := countedNames(t, fails)
	c := &Client{Proxy: "proxy.corp.test:8080", Timeout: 10 * time.Second, Profile: Profiles[0], Target: Target{Kind: Embedded, Host: "wsus.test:8530"},
		Steps: Steps[:1], NameServers: []string{server}, Resolver: ResolverAt(forRun)}
	run, err := c.RunRepeated(t.Context(), 2, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	r := Conclude(run, About{})
	if len(r.Findings) != 1 || r.Findings[0].Name != NameServerFails.Name || !strings.HasPrefix(r.Findings[0].Evidence, "in 2 of 2 runs, at ") {
		t.Errorf("%+v, want %s", r.Findings, NameServerFails.Name)
	}
	if n := asked("proxy.corp.test."); n != 2 || len(r.Names) != 1 {
		t.Errorf("asked %d times for %+v", n, r.Names)
	}
}

// A name server may answer with any number of addresses; a repeated run goes to so many.
func TestRepeatedNodesAreBounded(t *testing.T) {
	server, _ := countedNames(t, func(q *dns.Msg) *dns.Msg {
		var lines []string
		for i := range maxAddresses + 8 {
			lines = append(lines, fmt.Sprintf("proxy.corp.test. 300 A 192.0.2.%d", i))
		}
		return zone(t, q, lines...)
	})
	c := &Client{Proxy: "proxy.corp.test:8080", Resolver: ResolverAt(server)}
	nodes, err := c.nodes(t.Context())
	if err != nil || len(nodes) != maxAddresses {
		t.Errorf("%d nodes (%v), want %d", len(nodes), err, maxAddresses)
	}
}
