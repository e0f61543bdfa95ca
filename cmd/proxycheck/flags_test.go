package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/elazarl/goproxy"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// A dry run prints each step in the order of the plan with blanks for what an
// answer fills in, and sends nothing: neither to a server that is there nor to
// one that is not.
func TestDryRun(t *testing.T) {
	proxy := listen(t, "127.0.0.1:0")
	touched := make(chan net.Conn, 1)
	go func() {
		if c, err := proxy.Accept(); err == nil {
			touched <- c
			c.Close()
		}
	}()
	for _, tt := range []struct {
		args     string
		windows  string
		embedded bool
		leaves   []string // out, some of them
		prints   []string
	}{
		{"--server embedded", "win11", true, nil, []string{
			"<EncryptedData>{cookie/EncryptedData}</EncryptedData>", "<CookieData>{wua-authorization/CookieData}</CookieData>",
			"<int>{wua-sync/UpdateInfo/ID}</int>", "<lastChange>{wua-config/LastChange}</lastChange>",
			"If-Unmodified-Since: {bits-size.Last-Modified}\r\nRange: bytes=0-5472\r\n", "If-None-Match: {ctl-roots.ETag}\r\n",
			"CONNECT wsus.test:", "GET http://wsus.test:", "/filestreamingservice//files/",
		}},
		{"--server http://wsus.test:8530 --proxy http://127.0.0.1:9 --as xp", "xp", false, []string{"wua-register", "wua-sync", "wua-report", "redirector-file", "bits-big-range"}, []string{
			"<lastChange>{wua-config/LastChange}</lastChange>", "\r\nUser-Agent: Microsoft BITS/6.7\r\nHost: wsus.test:8530\r\nProxy-Connection: Keep-Alive\r\n",
			"HEAD http://wsus.test:8530/selfupdate/wuident.cab HTTP/1.1\r\n",
		}},
		{"--server http://wsus.test:8530 --register --proxy http://" + proxy.Addr().String(), "win11", false, []string{"ncsi-text", "do-hashes"}, []string{
			"/SyncUpdates\"\r\n", "/RegisterComputer\"\r\n", "/ReportEventBatch\"\r\n", "If-Unmodified-Since: {bits-size.Last-Modified}\r\n",
		}},
		{"--server http://" + proxy.Addr().String() + " --proxy none", "win11", false, nil, []string{"POST /ClientWebService/client.asmx HTTP/1.1\r\n", "\r\nConnection: Keep-Alive\r\n"}},
	} {
		stdout, stderr, exit := run(t, append([]string{"run", "--dry-run"}, strings.Fields(tt.args)...)...)
		if exit != 0 || stderr != "" {
			t.Errorf("%s: exit %d, %s", tt.args, exit, stderr)
		}
		if got, want := titles(stdout), planOf(t, tt.windows); !slices.Equal(got, want) {
			t.Errorf("%s prints the steps\n%v, want\n%v", tt.args, got, want)
		}
		for _, step := range tt.leaves {
			if !strings.Contains(stdout, "# "+step+": left out: ") {
				t.Errorf("%s does not leave %s out", tt.args, step)
			}
		}
		for _, text := range tt.prints {
			if !strings.Contains(stdout, text) {
				t.Errorf("%s does not print %q", tt.args, text)
			}
		}
	}
	select {
	case <-touched:
		t.Error("a dry run connected")
	default:
	}
}

// titles are the steps that a dry run prints, in their order.
func titles(dry string) (steps []string) {
	for line := range strings.Lines(dry) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			steps = append(steps, rest[:strings.IndexAny(rest, ",:")])
		}
	}
	return steps
}

// planOf are the steps of that Windows in the order of the plan.
func planOf(t *testing.T, windows string) (steps []string) {
	t.Helper()
	profile, err := probe.LookupProfile(windows)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range probe.StepsOf(profile) {
		steps = append(steps, s.ID())
	}
	return steps
}

// Every step of a run is in the table's order, and a run that is really made
// has the steps of the dry one.
func TestDryRunIsTheRun(t *testing.T) {
	for _, args := range []string{"", "--as win7", "--quick", "--steps bits-*,wua-*", "--ladders"} {
		words := append([]string{"--server", "embedded"}, strings.Fields(args)...)
		dry, _, exit := run(t, append([]string{"run", "--dry-run"}, words...)...)
		if exit != 0 {
			t.Fatalf("%s: exit %d", args, exit)
		}
		r, _ := runJSON(t, words...)
		var made []string
		for _, s := range r.Steps {
			made = append(made, s.ID)
		}
		if got := titles(dry); !slices.Equal(got, made) {
			t.Errorf("%s: the dry run has the steps\n%v, the real one\n%v", args, got, made)
		}
	}
}

// What a quick run may cost, in bytes and in milliseconds.
const (
	quickBytes = 256 << 10
	quickTime  = 5000
)

// A quick run passes through a healthy proxy within its measure, and finds what
// breaks most often: the entries of the catalogue of failures that it is made for.
func TestQuick(t *testing.T) {
	r, exit := runJSON(t, "--server", "embedded", "--quick")
	if moved := r.BytesSent + r.BytesReceived; exit != 0 || r.Verdict != probe.StatusPass || moved > quickBytes || r.TookMS > quickTime {
		t.Errorf("exit %d, verdict %s, %d bytes in %d ms; findings %+v", exit, r.Verdict, moved, r.TookMS, r.Findings)
	}
	for _, tt := range []struct {
		entry       int
		fault, want string
	}{
		{1, "range-removed", "range-ignored"},
		{4, "head-length-removed", "size-hidden"},
		{7, "content-range-removed", "range-unstated"},
		{16, "range-from-cache", "range-fetched-whole"},
		{23, "login-basic", "login-unusable"},
		{23, "login-ntlm", "login-wanted"},
		{30, "tls-inspected", "tls-inspected"},
		{31, "connect-only-443", "tunnel-only-443"},
		{32, "connect-denied", "tunnel-denied"},
		{36, "cab-denied", "file-type-denied"},
		{37, "block-page", "page-instead"},
		{68, "server-pool-stopped", "server-unavailable"},
		{68, "proxy-overloaded", "server-behind-proxy-down"}, // from which 68 is told apart
	} {
		r, _ := runJSON(t, "--server", "embedded", "--quick", "--fault", tt.fault)
		if got := causes(r); !slices.Equal(got, []string{tt.want}) || r.TookMS > quickTime {
			t.Errorf("entry %d: %s shows %v in %d ms, want %s", tt.entry, tt.fault, got, r.TookMS, tt.want)
		}
	}
}

// A code that was seen is explained by what is found, or its causes are gone
// through; one that no run can show is not taken.
func TestSeen(t *testing.T) {
	r, _ := runJSON(t, "--server", "embedded", "--fault", "range-removed", "--seen", "0x80200013,80072EE2")
	if len(r.Seen) != 2 || !slices.Equal(r.Seen[0].ExplainedBy, []string{"range-ignored", "multi-range-unsupported"}) {
		t.Fatalf("seen: %+v", r.Seen)
	}
	silent := func(c probe.Cause) bool { return c.Cause == "proxy-silent" && c.Step != "" }
	if other := r.Seen[1]; len(other.ExplainedBy) > 0 || !slices.ContainsFunc(other.RuledOut, silent) {
		t.Errorf("a code that nothing shows: %+v", other)
	}
	if retest := r.Findings[0].Retest; !strings.HasSuffix(retest, "--seen 0x80200013,80072EE2") {
		t.Errorf("to test again: %s", retest)
	}
	for code, want := range map[string]string{
		"0x80240030": "no finding of a run carries this code: proxycheck explain 0x80240030", // it is a setting
		"range":      "is no code",
	} {
		var stdout, stderr strings.Builder
		exit := Main(t.Context(), []string{"run", "--server", "embedded", "--seen", code}, &stdout, &stderr)
		if exit != exitUsage || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("--seen %s: exit %d, %q", code, exit, stderr.String())
		}
	}
}

// causes are the findings that no other one accounts for.
func causes(r probe.Report) []string {
	var names []string
	for _, f := range r.Findings {
		if f.Under == "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// Ladders begin at the top, stop at what passes, and keep within the budget.
func TestLadders(t *testing.T) {
	for _, tt := range []struct {
		fault, finding  string
		head, url, body float64
	}{
		{"", "", 64 << 10, 16 << 10, 1 << 20},
		{"head-limited", "head-limited", 0, 2 << 10, 1 << 20}, // to 3 KiB: a URL is part of the head
		{"url-limited", "url-limited", 64 << 10, 0, 1 << 20},  // to 1 KiB
		{"soap-body-limited", "body-refused", 64 << 10, 16 << 10, 16 << 10},
	} {
		args := []string{"--server", "embedded", "--ladders"}
		if tt.fault != "" {
			args = append(args, "--fault", tt.fault)
		}
		r, _ := runJSON(t, args...)
		for name, want := range map[string]float64{"limit-head": tt.head, "limit-url": tt.url, "limit-body": tt.body, "parallel-connections": 16} {
			i := slices.IndexFunc(r.Figures, func(f probe.Figure) bool { return f.Name == name })
			if i < 0 || r.Figures[i].Value != want {
				t.Errorf("%s: want %s %v of the figures %v", tt.fault, name, want, r.Figures)
			}
		}
		if moved := r.BytesSent + r.BytesReceived; !r.Complete || moved > 8<<20 {
			t.Errorf("%s: complete %v, %d bytes moved", tt.fault, r.Complete, moved)
		}
		if got := causes(r); strings.Join(got, " ") != tt.finding {
			t.Errorf("%s: the findings are %v, want %q", tt.fault, got, tt.finding)
		}
	}
}

// An idle connection is timed when that is asked for, and only then.
func TestIdle(t *testing.T) {
	idle := func(args ...string) (float64, bool) {
		r, _ := runJSON(t, append([]string{"--server", "embedded", "--quick"}, args...)...)
		i := slices.IndexFunc(r.Figures, func(f probe.Figure) bool { return strings.HasPrefix(f.Name, "idle-") })
		if i < 0 {
			return 0, false
		}
		return r.Figures[i].Value, true
	}
	if kept, timed := idle("--idle", "4s", "--fault", "idle-cut"); !timed || kept < 0.4 || kept > 3.9 {
		t.Errorf("a connection that is cut after 0.5 s was kept %v s, %v", kept, timed)
	}
	if kept, timed := idle("--idle", "300ms"); !timed || kept < 0.3 {
		t.Errorf("a connection that is kept was so for %v s, %v", kept, timed)
	}
	if _, timed := idle(); timed {
		t.Error("a connection was timed unasked")
	}
}

// A counted server is a fake WSUS that keeps to itself that it is one, and
// counts the calls of its web services.
type countedServer struct {
	wsus.Server
	mu    sync.Mutex
	calls map[string]int
}

func (s *countedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == wusp.HelloPath {
		http.NotFound(w, r)
		return
	}
	if _, operation := wusp.Operation(r.Header.Get("SOAPAction")); operation != "" {
		s.mu.Lock()
		s.calls[operation]++
		s.mu.Unlock()
	}
	s.Server.ServeHTTP(w, r)
}

// Nothing that changes what a production server keeps is sent to it unless it is
// asked for, and the report says what was left out.
func TestRegister(t *testing.T) {
	changing := []string{"RegisterComputer", "SyncUpdates", "ReportEventBatch"}
	steps := []string{"wua-register", "wua-sync", "wua-sync-drivers", "wua-report"}
	for _, register := range []bool{false, true} {
		s := &countedServer{calls: map[string]int{}}
		web := httptest.NewServer(s)
		defer web.Close()
		proxy := httptest.NewServer(forward{})
		defer proxy.Close()
		args := []string{"--proxy", proxy.URL, "--server", web.URL}
		if register {
			args = append(args, "--register")
		}
		r, exit := runJSON(t, args...)
		if exit != 0 || r.Target.Kind != probe.WSUS || s.calls["GetConfig"] == 0 || s.calls["GetCookie"] == 0 {
			t.Errorf("exit %d, kind %s, calls %v, findings %+v", exit, r.Target.Kind, s.calls, r.Findings)
		}
		for _, operation := range changing {
			if made := s.calls[operation] > 0; made != register {
				t.Errorf("--register=%v: %s was called %d times", register, operation, s.calls[operation])
			}
		}
		left := strings.Join(r.NotTested, "\n")
		for _, step := range steps {
			i := slices.IndexFunc(r.Steps, func(p probe.Played) bool { return p.ID == step })
			if said := strings.Contains(left, step); said == register || (r.Steps[i].Status == probe.StatusPass) != register {
				t.Errorf("--register=%v: %s is %s, and it is said that it was left out: %v\n%s", register, step, r.Steps[i].Status, said, left)
			}
		}
		if said := strings.Contains(left, "--register makes it"); said == register {
			t.Errorf("--register=%v: not tested is\n%s", register, left)
		}
	}
}

// A repeated run names the turns and the addresses in which a finding shows.
func TestRepeat(t *testing.T) {
	n := startNet(t, "range-removed")
	r, exit := runJSON(t, "--proxy", "http://"+n.Addr(), "--server", "http://"+sim.ServerName+":8530", "--repeat", "2", "--quick")
	want := "in 2 of 2 runs, at " + n.Addr()
	if exit != 1 || found(r, probe.Fail) != "range-ignored" || !strings.HasPrefix(r.Findings[0].Evidence, want) {
		t.Errorf("exit %d, findings %+v, want %q", exit, r.Findings, want)
	}
	seen := map[string]bool{}
	for _, s := range r.Steps {
		if seen[s.ID] {
			t.Errorf("two steps are called %s", s.ID)
		}
		seen[s.ID] = true
	}
	if !seen["bits-size@"+n.Addr()+"/1"] || !seen["bits-size@"+n.Addr()+"/2"] {
		t.Errorf("the steps are %v", seen)
	}
}

// What failed is tried without the proxy when nothing else tells whose fault it
// is, or when that is asked for, and the report shows it; never when it is not wanted.
func TestCompareDirect(t *testing.T) {
	for _, tt := range []struct {
		args     string
		compared bool
		text     string // in the line of the finding; "" for no such line
	}{
		{"--fault connect-denied --compare-direct yes", true, "direct        200 OK\n"},
		{"--fault server-pool-stopped --compare-direct yes", true, "direct        the same: 503 Service Unavailable\n"},
		{"--fault cab-denied --compare-direct yes", true, "direct        20"},
		{"--fault cab-denied --compare-direct no", false, ""},
		{"--compare-direct yes", false, ""},     // nothing fails
		{"--fault server-name-gone", false, ""}, // there is no proxy
	} {
		args := append([]string{"--server", "embedded", "--quick"}, strings.Fields(tt.args)...)
		r, _ := runJSON(t, args...)
		compared := 0
		for _, s := range r.Steps {
			if s.Direct == nil {
				continue
			}
			if compared++; s.Direct.Remote == "" || s.Direct.Remote == s.Remote || s.Direct.Sent == "" {
				t.Errorf("%s: %s was tried without the proxy at %q: %+v", tt.args, s.ID, s.Direct.Remote, s.Direct)
			}
		}
		if compared > 0 != tt.compared || len(r.Routes) > 0 != tt.compared {
			t.Errorf("%s: %d steps were compared, by the routes %+v", tt.args, compared, r.Routes)
		}
		for _, route := range r.Routes {
			if route.Proxy != "" || !strings.HasPrefix(route.Source, "--compare-direct ") ||
				!strings.HasPrefix(route.ProvenBy, "every connection went to 127.0.0.1:") {
				t.Errorf("%s: the route is %+v", tt.args, route)
			}
		}
		text, _, _ := run(t, append([]string{"run"}, args...)...)
		if said := strings.Contains(text, "      direct  "); said != (tt.text != "") || !strings.Contains(text, tt.text) {
			t.Errorf("%s: want %q in\n%s", tt.args, tt.text, text)
		}
	}
}

// Where nobody knows who answered, it is tried unasked.
func TestCompareDirectByItself(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer busy.Close()
	proxy := httptest.NewServer(forward{})
	defer proxy.Close()
	for mode, tried := range map[string]bool{"auto": true, "no": false} {
		r, exit := runJSON(t, "--proxy", proxy.URL, "--server", busy.URL, "--steps", "wua-config,bits-size", "--compare-direct", mode)
		if exit != 1 || len(r.Routes) > 0 != tried {
			t.Errorf("%s: exit %d, the routes are %+v", mode, exit, r.Routes)
		}
		for _, s := range r.Steps {
			if s.Direct != nil != tried || tried && s.Direct.Status != probe.StatusFail {
				t.Errorf("%s: %s without the proxy: %+v", mode, s.ID, s.Direct)
			}
		}
	}
}

// What is wrong with a flag is said in one line, and nothing is sent.
func TestBadFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--repeat -1", "want a number up to 1000"},
		{"--repeat 1001", "want a number up to 1000"},
		{"--repeat often", "invalid argument"},
		{"--repeat 2 --proxy none", "wants a proxy"},
		{"--compare-direct maybe", "want auto, yes or no"},
		{"--compare-direct=", "want auto, yes or no"},
		{"--compare-direct AUTO", "want auto, yes or no"},
		{"--compare-direct yes --proxy none", "wants a proxy to compare with"},
		{"--idle -1s", "want less than --max-time"},
		{"--idle 30s", "want less than --max-time"},
		{"--idle 5s --max-time 5s", "want less than --max-time"},
		{"--idle long", "invalid argument"},
		{"--quick=maybe", "invalid argument"},
		{"--ladders=top", "invalid argument"},
		{"--register=yes,please", "invalid argument"},
		{"--dry-run=often", "invalid argument"},
		{"--max-time 0s", "more than nothing"},
		{"--max-time -3s", "more than nothing"},
		{"--max-bytes 0", "want 1 to"},
		{"--max-bytes -1", "want 1 to"},
		{"--max-bytes 9999999999999999999", "want one such as 8MiB"},
		{"--quick --steps bits-multi-4", "matches no step"},
		{"--as win12", "want win11, win10"},
		{"--server microsoft --proxy none --fault host-denied", "--proxy none leaves out the embedded proxy"},
		{"--server microsoft --proxy none --product squid-hardened", "--proxy none leaves out the embedded proxy"},
		{"--server microsoft --enforce-pinning", "is for a WSUS"},
		{"--server microsoft --list=", "--list: want the name of a list"},
		{"--server microsoft --proxy embedded --proxy-user me", "wants no login"},
		{"--proxy embedded --proxy-password-file secret", "wants no login"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			stdout, stderr, exit := run(t, append([]string{"run", "--server", "embedded"}, strings.Fields(tt.args)...)...)
			if exit != 2 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit %d, stdout %.200q, stderr %q; want 2, and a line with %q", exit, stdout, stderr, tt.want)
			}
		})
	}
}

// A proxy that inspects TLS with a root that clients trust is let be, unless policy has
// them take none but that of the WSUS.
func TestEnforcePinning(t *testing.T) {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		t.Fatal(err)
	}
	n, err := sim.NewNet("", &sim.Fault{Name: "inspected", Break: func(n *sim.Net) {
		n.Proxy.OnRequest().HandleConnectFunc(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
			config := func(string, *goproxy.ProxyCtx) (*tls.Config, error) { return authority.TLSConfig(), nil }
			return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: config}, host
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--proxy", "http://" + n.Addr(), "--server", "http://" + sim.ServerName + ":8530", "--ca", ca, "--quick"}
	for _, tt := range []struct {
		flags []string
		grade probe.Grade
		exit  int
	}{{nil, probe.Warn, 0}, {[]string{"--enforce-pinning"}, probe.Fail, 1}} {
		r, exit := runJSON(t, append(args, tt.flags...)...)
		if exit != tt.exit || found(r, tt.grade) != "tls-inspected" {
			t.Errorf("%v: exit %d, findings %+v; want %d, and tls-inspected of grade %s", tt.flags, exit, r.Findings, tt.exit, tt.grade)
			continue
		}
		if retest := r.Findings[0].Retest; slices.Contains(strings.Fields(retest), "--enforce-pinning") != (tt.flags != nil) {
			t.Errorf("%v: it is tried again by %s", tt.flags, retest)
		}
	}
}
