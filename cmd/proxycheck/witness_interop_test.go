//go:build interop

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A fetch is a line of a product's own log: a request for a file, whether the
// product had it, and how many bytes of it came from the server for that.
type fetch struct {
	path, ranges string
	hit          bool // also where it joined another that was under way
	bytes        int64
}

// The logs of products, as lines of a status, bytes, a URL and what ranges of it
// were asked for.
var fetchLogs = []struct {
	product, variant string
	read             func(t *testing.T, dir string) string
}{
	{"squid", "whole-files-kept", readFetched},
	{"nginx", "whole-files-kept", readFetched},
	{"varnish", "", func(t *testing.T, dir string) string {
		ofClients := programOutput(t, "varnishncsa", "-n", dir+"/work", "-d", "-c", "-F", `%{Varnish:hitmiss}x 0 %U %{Range}i`)
		ofServer := programOutput(t, "varnishncsa", "-n", dir+"/work", "-d", "-b", "-F", `fetch %b %U -`)
		return string(ofClients) + string(ofServer)
	}},
}

func readFetched(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "fetched.log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fetches reads a log.
func fetches(text string) (all []fetch) {
	for line := range strings.Lines(text) {
		var f fetch
		status, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, rest, _ := strings.Cut(rest, " ")
		f.bytes, _ = strconv.ParseInt(number, 10, 64)
		f.hit = strings.Contains(strings.ToLower(status), "hit") || number == "-"
		url, ranges, _ := strings.Cut(rest, " ")
		f.path, f.ranges = url[max(strings.Index(url, "/Content/"), 0):], ranges
		all = append(all, f)
	}
	return all
}

// amplified is the evidence of range-fetched-whole: bytes asked for, their range,
// those of the file, and those that had arrived.
var amplified = regexp.MustCompile(`^for (\d+) bytes \(Range: (bytes=[0-9-]+)\) the proxy asked the server for (\d+), and had got (\d+) when`)

// What a proxy fetches for a part is found as its own log has it, to the byte. What
// it has kept never arrives at the server, and its log says that it had it.
func TestAmplificationIsThatOfTheLogs(t *testing.T) {
	for _, tt := range fetchLogs {
		t.Run(tt.product, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			proxy, dir := product(t, tt.product).startIn(t, tt.variant, strings.TrimPrefix(server, "http://"))
			r, exit := runJSON(t, "--steps", "bits-range-*", "--proxy", "http://"+proxy, "--server", server)
			want(t, r, exit, "", "range-fetched-whole")

			var logged []fetch
			poll(t, "the log of the whole run", func() bool {
				logged = fetches(tt.read(t, dir))
				return !slices.ContainsFunc(r.Steps, func(s probe.Played) bool {
					return s.Name != "bits-range-beyond" && len(fetchesOf(s, logged)) < 3
				})
			})
			cold, warm := 0, 0
			for _, s := range r.Steps {
				if s.Name == "bits-range-beyond" { // of which there is nothing to fetch, and no variant
					continue
				}
				switch f := fetchesOf(s, logged)[0]; {
				case s.Variant == "" && !f.hit:
					cold++
					fetchedAgrees(t, s, f)
				default:
					warm++
					if len(s.Origin) > 0 || s.Witnessed == "" || !slices.Equal(s.Changes, []string{"nothing of this request arrived at the server"}) {
						t.Errorf("%s arrived at the server (known %s), and the log has it as kept: %q", s.ID, s.Witnessed, s.Changes)
					}
					if kept := fetchesOf(s, logged); slices.ContainsFunc(kept[1:], func(f fetch) bool { return !f.hit }) {
						t.Errorf("%s is not kept, says the log: %+v", s.ID, kept)
					}
				}
			}
			if cold < 3 || warm < 10 { // three files were asked for
				t.Errorf("%d steps were cold, and %d were not", cold, warm)
			}
		})
	}
}

// fetchesOf are those of what s asked for, the cold one first.
func fetchesOf(s probe.Played, logged []fetch) (some []fetch) {
	line, fields, _ := strings.Cut(s.Sent, "\r\n")
	_, ranges, _ := strings.Cut(fields, "Range: ")
	ranges, _, _ = strings.Cut(ranges, "\r\n")
	for _, f := range logged {
		if f.path != "" && strings.Contains(line, f.path) && f.ranges == ranges {
			some = append(some, f)
		}
	}
	for i := range some { // where the log has apart what came from the server
		if j := slices.IndexFunc(logged, func(f fetch) bool { return f.path == some[i].path && f.ranges == "-" }); j >= 0 {
			some[i].bytes = logged[j].bytes
		}
	}
	return some
}

// fetchedAgrees holds what is found of a part against the line of the log.
func fetchedAgrees(t *testing.T, s probe.Played, f fetch) {
	t.Helper()
	said := amplified.FindStringSubmatch(s.Evidence)
	if said == nil || said[2] != f.ranges || len(s.Origin) != 1 {
		t.Errorf("%s: %v %q, and %d requests arrived; the log has %+v", s.ID, s.Findings, s.Evidence, len(s.Origin), f)
		return
	}
	all, _ := strconv.ParseInt(said[3], 10, 64)
	got, _ := strconv.ParseInt(said[4], 10, 64)
	t.Logf("%s: %s; the log has %d", s.ID, s.Evidence, f.bytes)
	// Squid writes its line when the client has its part: only that of the last
	// byte of the file is sure to have all.
	if all != wsus.DefaultSize || f.bytes > got || got > all || s.Name == "bits-range-last" && (f.bytes != all || got != all) {
		t.Errorf("%s: %s; the log has %d bytes", s.ID, s.Evidence, f.bytes)
	}
}

// poll waits until something is there.
func poll(t *testing.T, what string, there func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !there() {
		select {
		case <-deadline:
			t.Fatalf("there is no %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Troubles of the server itself, which no product can have made.
var serversOwn = []struct {
	fault, shows string
	args         string
}{
	{fault: "server-error-bare", shows: "server-error"},
	{fault: "server-error", shows: "server-error"},
	{fault: "server-content-missing", shows: "file-missing"},
	{fault: "server-types-unknown", shows: "file-type-missing"},
	{fault: "server-queries-limited", shows: "request-filtered file-missing"},
	// Nobody is left who could tell what arrived.
	{fault: "server-pool-stopped", shows: "server-unavailable server-behind-proxy-down", args: "--compare-direct yes"},
}

// Through each product it is told that it was used, by what it writes into
// requests and by where they came from, and what the server does wrong is put
// down to the server, whatever the product makes of requests and answers.
func TestBothEndsOfRealProxies(t *testing.T) {
	via := map[string]string{
		"squid":         `with Via: "1.1 squid.example (squid/`,
		"tinyproxy":     `with Via: "1.1 tinyproxy (tinyproxy/`,
		"trafficserver": `(ApacheTrafficServer/`,
	}
	for _, p := range realProxies {
		t.Run(p.name, func(t *testing.T) {
			server := strings.TrimPrefix(fakeWSUS(t, 0, false), "http://")
			proxy := p.start(t, "", server)
			r, _ := runJSON(t, "--quick", "--compare-direct", "no", "--proxy", "http://"+proxy, "--server", "http://"+server)
			for _, proof := range []string{"every connection went to " + proxy, "the server saw ", " from 127.0.0.1", via[p.name], "on connections that were not ours"} {
				if !strings.Contains(r.Route.ProvenBy, proof) {
					t.Errorf("the route is proven by %q, and not by %q", r.Route.ProvenBy, proof)
				}
			}
			for _, own := range serversOwn {
				if p.oneServer {
					p.blamesServer(t, "", own.fault, own.shows, own.args)
				} else {
					p.blamesServer(t, proxy, own.fault, own.shows, own.args)
				}
			}
		})
	}
}

// blamesServer makes a run against a server with a fault through p, which is
// started when it has no address yet. The findings that the fault shows must be
// put down to the server.
func (p *realProxy) blamesServer(t *testing.T, proxy, fault, shows, args string) {
	t.Helper()
	plain := listen(t, "127.0.0.1:0")
	serveWSUS(t, plain, listen(t, "127.0.0.1:0"), newWSUS(t, fault))
	if proxy == "" {
		proxy = p.start(t, "", plain.Addr().String())
	}
	if args == "" {
		args = "--compare-direct no"
	}
	r, exit := runJSON(t, append(strings.Fields(args), "--quick", "--proxy", "http://"+proxy, "--server", "http://"+plain.Addr().String())...)
	shown := false
	for _, f := range r.Findings {
		if !slices.Contains(strings.Fields(shows), f.Name) {
			continue
		}
		shown = true
		if f.Owner != probe.Server {
			t.Errorf("%s behind %s: %s is put down to %s: %s", fault, p.name, f.Name, f.Owner, f.Evidence)
		}
	}
	if !shown || exit != 1 {
		t.Errorf("%s behind %s: exit %d, and none of %s", fault, p.name, exit, shows)
		logSteps(t, r)
	}
}

// The same answer, 503, is the proxy's where nothing arrived at the server, and
// the server's where it arrives there. So it is without the server's word, as far
// as the same can be tried without the proxy.
func Test503ThroughSquid(t *testing.T) {
	healthy := startFakeWSUS(t)
	stopped := startFakeWSUS(t, "--fault", "server-pool-stopped")
	honest := product(t, "squid").start(t, "", "")
	denies := product(t, "squid").start(t, "calls-denied", "")
	for _, tt := range []struct {
		name, proxy, server, args string
		want                      probe.Owner
		because                   string // in the evidence
	}{
		{"the proxy's, by the witness", denies, healthy.url, "--compare-direct no", probe.Proxy, "nothing of it arrived at the server"},
		{"the proxy's, by both", denies, healthy.url, "--compare-direct yes", probe.Proxy, "nothing of it arrived at the server"},
		{"the server's, without the proxy", honest, stopped.url, "--compare-direct yes", probe.Server, "without the proxy it is the same"},
		{"the server's, by what it says", honest, stopped.url, "--compare-direct no", probe.Server, "Microsoft-HTTPAPI"},
	} {
		r, exit := runJSON(t, append(strings.Fields(tt.args), "--quick", "--proxy", "http://"+tt.proxy, "--server", tt.server)...)
		i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool {
			return f.Grade == probe.Fail && slices.Contains(f.Steps, "wua-config")
		})
		if exit != 1 || i < 0 {
			t.Errorf("%s: exit %d, findings %+v", tt.name, exit, r.Findings)
			continue
		}
		f := r.Findings[i]
		t.Logf("%s: %s, %s: %s", tt.name, f.Name, f.Owner, f.Evidence)
		if f.Owner != tt.want || !strings.Contains(f.Evidence, "503") || !strings.Contains(f.Evidence, tt.because) {
			t.Errorf("%s: %s is put down to %s, by %q", tt.name, f.Name, f.Owner, f.Evidence)
		}
	}
}

// Who sets the server itself as the proxy is told so.
func TestFakeWSUSAsTheProxy(t *testing.T) {
	server := startFakeWSUS(t)
	r, exit := runJSON(t, "--proxy", server.url, "--server", server.url)
	if exit != 1 || alone(r, probe.Fail) != "proxy-is-server" {
		t.Errorf("exit %d, fails %q", exit, alone(r, probe.Fail))
		logSteps(t, r)
	}
	if strings.Contains(r.Route.ProvenBy, "connections that were not ours") {
		t.Errorf("the route is proven by %q", r.Route.ProvenBy)
	}
}

// The bodies of requests and answers of the services that a run does not call
// are what Wireshark's dissectors take them for.
func TestTsharkTakesTheOtherServices(t *testing.T) {
	t.Setenv("HOME", t.TempDir()) // of nobody's preferences
	server := fakeWSUS(t, 0, false)
	recorded := record(t, strings.TrimPrefix(server, "http://"))
	c := wuspCaller{t, "http://" + recorded.address, t.TempDir()}
	calls := []struct {
		service, operation, content string
		status                      int
	}{
		{wusp.ClientNamespace, "GetConfig2", "<protocolVersion>2.90</protocolVersion>", 200},
		{wusp.ClientNamespace, "StartCategoryScan", "<requestedCategories><CategoryRelationship><IndexOfAndGroup>0</IndexOfAndGroup>" +
			"<CategoryId>e6cf1350-c01b-414d-a61f-263d14d133b4</CategoryId></CategoryRelationship></requestedCategories>", 200},
		{wusp.ClientNamespace, "RefreshCache", "", 500}, // without a cookie
		{wusp.MonitorNamespace, "Ping", "<pingLevel>0</pingLevel>", 200},
	}
	for _, call := range calls {
		c.call(call.service, call.operation, call.content, call.status)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	file := recorded.write(t)
	if packets := programOutput(t, "tshark", "-n", "-r", file, "-Y", "_ws.malformed"); len(packets) > 0 {
		t.Errorf("malformed are\n%s", packets)
	}
	requests := dissected(t, file)
	if len(requests) != len(calls) {
		t.Fatalf("%d requests are dissected, of %d", len(requests), len(calls))
	}
	for i, call := range calls {
		if got := requests[i].field("Soapaction"); !strings.HasSuffix(got, "/"+call.operation+`"`) {
			t.Errorf("request %d is for %s, want %s", i, got, call.operation)
		}
	}
}
