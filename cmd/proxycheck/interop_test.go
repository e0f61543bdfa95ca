//go:build interop

package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
)

// What a run through each real proxy must find. The plain configuration of each
// is the control set: no finding there may be of grade fail but that nginx,
// HAProxy and Varnish know no CONNECT, Varnish no file beyond its storage and
// mitmproxy no TLS that it does not sign, and each of grade warn is one that the
// product is known for. What another finding accounts for is left out.
var trials = []struct {
	product, variant string
	fails, warns     string // names of findings, in the order of the report
	notes            string // those that are no trouble
	args             string // of the run, beside proxy and server
	login            bool   // alice's, which the variant asks for
	real             bool   // the server does not say that it is a fake one
	size             int64  // of the files; 0 for the usual
}{
	{product: "squid"},
	{product: "squid", args: "--as win7"},
	{product: "squid", args: "--as xp"},
	{product: "squid", real: true, notes: "tunnel-server-down"}, // nobody says where its TLS is
	{product: "squid", size: 100_000},                           // which Squid keeps in memory
	{product: "squid", variant: "cab-denied", fails: "file-type-denied"},
	{product: "squid", variant: "cab-denied", real: true, fails: "file-type-denied", notes: "tunnel-server-down"},
	{product: "squid", variant: "size-limited", fails: "size-denied"},
	{product: "squid", variant: "range-removed", fails: "range-ignored"},                     // warm too, but of the small files that it keeps
	{product: "squid", variant: "range-removed-kept", fails: "range-ignored", size: 100_000}, // cold-fails under it: a file of 5 GiB is not kept
	{product: "squid", variant: "denied", fails: "request-denied"},
	{product: "squid", variant: "connect-denied", fails: "tunnel-denied"},
	{product: "squid", variant: "basic-auth", fails: "login-unusable"},
	{product: "squid", variant: "basic-auth", fails: "login-unusable", login: true}, // and nothing else: the login works
	{product: "squid", variant: "whole-files", warns: "range-fetched-whole"},
	{product: "squid", variant: "ntlm-auth", fails: "login-wanted"},
	{product: "squid", variant: "ntlm-auth", warns: "login-wanted", login: true}, // by NTLM, as a computer might
	{product: "apache"},
	{product: "apache", args: "--as win7"},
	{product: "apache", args: "--as xp"},
	{product: "apache", variant: "connect-443", fails: "tunnel-only-443"},
	// It closes each connection behind its answer, of version 1.1 and without the
	// field Connection, where it was asked to keep it.
	{product: "tinyproxy", warns: "keep-alive-broken"},
	{product: "tinyproxy", variant: "connect-443", fails: "tunnel-only-443", warns: "keep-alive-broken"},
	{product: "privoxy"},
	{product: "privoxy", variant: "cab-blocked", fails: "file-type-denied"},
	// These know no CONNECT: nginx answers it 400, HAProxy 405, and Varnish asks
	// the server, which answers 405.
	{product: "nginx", fails: "tunnel-denied"},
	{product: "nginx", real: true, warns: "tunnel-denied"},
	// Several ranges are answered 200 while it has not the file, and 206 once it has.
	// It fetches a file also for a HEAD. All of the big one it would write to the disk.
	{product: "nginx", variant: "cache", args: "--steps bits-[^b]*", warns: "range-fetched-whole cold-fails", notes: "requests-changed"},
	// It asks for slices, also for a HEAD, and answers several ranges 200.
	{product: "nginx", variant: "slice", fails: "tunnel-denied", warns: "lists-stale multi-range-unsupported", notes: "requests-changed"},
	{product: "nginx", variant: "http10", fails: "tunnel-denied", notes: "requests-changed"},
	{product: "nginx", variant: "body-limited", fails: "tunnel-denied body-refused"}, // 413
	{product: "haproxy", fails: "tunnel-denied"},
	// Its answer to many ranges is 416, and to a condition that does not hold 206:
	// it asks for files without either. It fetches them whole, and of one that is
	// bigger than its storage nothing arrives. It fetches a file also for a HEAD.
	{product: "varnish", fails: "tunnel-denied body-cut",
		warns: "condition-ignored multi-range-unsupported range-fetched-whole", notes: "requests-changed"},
	// It leaves no coding in Accept-Encoding but gzip, so the answers of the web
	// services come without xpress.
	{product: "trafficserver", notes: "requests-changed"},
	// It is there to look into TLS. The versions of TLS that Windows XP knows it
	// does not take.
	{product: "mitmproxy", fails: "tls-inspected"},
	{product: "mitmproxy", args: "--as xp", fails: "tls-broken"},
}

func TestRealProxies(t *testing.T) {
	for _, tt := range trials {
		t.Run(fmt.Sprintf("%s %s%s login=%v real=%v size=%d", tt.product, tt.variant, tt.args, tt.login, tt.real, tt.size), func(t *testing.T) {
			server := fakeWSUS(t, tt.size, tt.real)
			proxy := product(t, tt.product).start(t, tt.variant, strings.TrimPrefix(server, "http://"))
			if tt.login {
				proxy = "alice:s3cret@" + proxy
			}
			r, exit := runJSON(t, append(strings.Fields(tt.args), "--proxy", "http://"+proxy, "--server", server)...)
			want(t, r, exit, tt.fails, tt.warns)
			if notes := alone(r, probe.Note); notes != tt.notes {
				t.Errorf("notes %q, want %q", notes, tt.notes)
				logSteps(t, r)
			}
			if r.Target.Kind != probe.FakeWSUS && tt.fails == "" && !tt.real {
				t.Errorf("the server was taken for a %s", r.Target.Kind)
			}
			for _, s := range r.Steps { // the login works, also for tunnels; NCSI ends its connection, where NTLM cannot
				if tt.login && s.By != probe.NCSI && strings.HasPrefix(s.Received, "HTTP/1.1 407") {
					t.Errorf("%s ends with\n%s", s.ID, s.Received)
				}
			}
		})
	}
}

// want holds the findings of a run through a proxy that is to blame for all of
// them, and its exit status, against what they should be.
func want(t *testing.T, r probe.Report, exit int, fails, warns string) {
	t.Helper()
	if gotFails, gotWarns := alone(r, probe.Fail), alone(r, probe.Warn); gotFails != fails || gotWarns != warns {
		t.Errorf("fails %q, want %q; warns %q, want %q", gotFails, fails, gotWarns, warns)
		logSteps(t, r)
	}
	if failed := min(len(fails), 1); exit != failed {
		t.Errorf("exit %d, want %d", exit, failed)
	}
	for _, f := range r.Findings {
		if f.Owner != probe.Proxy && f.Grade != probe.Note {
			t.Errorf("%s is put down to %s, want the proxy: %s", f.Name, f.Owner, f.Evidence)
		}
	}
}

// alone are the names of the findings of a grade that no other accounts for.
func alone(r probe.Report, g probe.Grade) string {
	r.Findings = slices.DeleteFunc(slices.Clone(r.Findings), func(f probe.Shown) bool { return f.Under != "" })
	return found(r, g)
}

// logSteps logs the findings of a run, and the steps that did not pass.
func logSteps(t *testing.T, r probe.Report) {
	t.Helper()
	for _, f := range r.Findings {
		t.Logf("%s %s, under %q: %s\nin %v", f.Grade, f.Name, f.Under, f.Evidence, f.Steps)
	}
	for _, s := range r.Steps {
		if s.Status != probe.StatusPass {
			t.Logf("%s: %s %v %s%s\n%s\n%s", s.ID, s.Status, s.Findings, s.Evidence, s.WaitedFor, s.Sent, s.Received)
		}
	}
}

// An https WSUS is asked for all in a tunnel, but for its files, which are on the
// port below and come in clear (wire.md 5.3, 7.1).
func TestHTTPSThroughSquid(t *testing.T) {
	server := newWSUS(t)
	plain, secure := adjacent(t)
	serveWSUS(t, plain, secure, server)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, server.Authority.PEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	recorded := record(t, product(t, "squid").start(t, "", plain.Addr().String()))
	r, exit := runJSON(t, "--proxy", "http://"+recorded.address, "--server", "https://"+secure.Addr().String(), "--ca", ca)
	want(t, r, exit, "", "")

	requests := dissected(t, recorded.write(t))
	if tunnels(requests) == 0 {
		t.Error("there was no tunnel")
	}
	for _, d := range requests {
		target := strings.Join(d.URI, "")
		switch {
		case slices.Equal(d.Method, []string{"CONNECT"}):
			if target != secure.Addr().String() {
				t.Errorf("a tunnel is for %s", target)
			}
		case strings.Contains(target, ".asmx"), !strings.HasPrefix(target, "http://"+plain.Addr().String()+"/"):
			t.Errorf("in clear is %s %s", d.Method, target)
		}
	}
	calls := 0
	for _, s := range r.Steps {
		if strings.Contains(s.Sent, ".asmx") && s.Status == probe.StatusPass {
			calls++
		}
	}
	if calls < len(wuaOperations) {
		t.Errorf("%d calls were answered, want %d or more", calls, len(wuaOperations))
	}
}

// The limits of products are found: as they come, Apache and nginx take no field
// of more than 8 KiB.
func TestLimitsOfRealProxies(t *testing.T) {
	for _, tt := range []struct {
		product, fails string
		head           float64 // the longest that passes, in bytes
	}{
		{"squid", "", 64 << 10},
		{"apache", "", 8 << 10},
		{"nginx", "tunnel-denied", 8 << 10},
	} {
		t.Run(tt.product, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			proxy := product(t, tt.product).start(t, "", strings.TrimPrefix(server, "http://"))
			r, exit := runJSON(t, "--ladders", "--proxy", "http://"+proxy, "--server", server)
			want(t, r, exit, tt.fails, "")
			t.Logf("%d bytes in %d requests and %d ms", r.BytesSent+r.BytesReceived, r.Requests, r.TookMS)
			figures := map[string]float64{}
			for _, f := range r.Figures {
				t.Logf("%s: %.0f %s", f.Name, f.Value, f.Unit)
				figures[f.Name] = f.Value
			}
			for _, name := range []string{"limit-head", "limit-url", "limit-body", "slowest-rate", "parallel-connections"} {
				if figures[name] <= 0 {
					t.Errorf("there is no figure %s", name)
				}
			}
			if head := figures["limit-head"]; head != tt.head {
				t.Errorf("the longest head that passed has %.0f bytes, want %.0f", head, tt.head)
			}
		})
	}
}

// A quick run moves little.
func TestQuickThroughSquid(t *testing.T) {
	server := fakeWSUS(t, 0, false)
	proxy := product(t, "squid").start(t, "", strings.TrimPrefix(server, "http://"))
	r, exit := runJSON(t, "--quick", "--proxy", "http://"+proxy, "--server", server)
	want(t, r, exit, "", "")
	moved := r.BytesSent + r.BytesReceived
	t.Logf("%d bytes in %d requests and %d ms", moved, r.Requests, r.TookMS)
	if moved > 256<<10 {
		t.Errorf("%d bytes were moved", moved)
	}
}

// A server that is down behind each product is told from one that denies.
func TestServerDownBehindRealProxies(t *testing.T) {
	for _, p := range realProxies {
		t.Run(p.name, func(t *testing.T) {
			dead := listen(t, "127.0.0.1:0")
			dead.Close()
			r, exit := runJSON(t, "--proxy", "http://"+p.start(t, "", dead.Addr().String()), "--server", "http://"+dead.Addr().String())
			if exit != 1 || alone(r, probe.Fail) != "server-behind-proxy-down" {
				t.Errorf("exit %d, fails %q", exit, alone(r, probe.Fail))
				logSteps(t, r)
			}
		})
	}
}

// What clients that are not ours are answered through each proxy: to a condition
// that does not hold, and to two ranges, of files that no cache has seen. The
// server itself says 412 and 206.
var answers = []struct{ product, variant, condition, ranges string }{
	{"squid", "", "412", "206"},
	{"squid", "whole-files", "412", "206"},
	{"apache", "", "412", "206"},
	{"tinyproxy", "", "412", "206"},
	{"privoxy", "", "412", "206"},
	{"nginx", "", "412", "206"},
	{"nginx", "cache", "412", "200"},
	{"nginx", "slice", "412", "200"},
	{"haproxy", "", "412", "206"},
	{"varnish", "", "200", "416"},
	{"trafficserver", "", "412", "206"},
	{"mitmproxy", "", "412", "206"},
}

// The fake WSUS is judged by clients that are not ours, through each product:
// curl for ranges, conditions and TLS, aria2c for many ranges side by side.
func TestPublicClients(t *testing.T) {
	for _, tt := range answers {
		t.Run(tt.product+" "+tt.variant, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			proxy := "http://" + product(t, tt.product).start(t, tt.variant, strings.TrimPrefix(server, "http://"))
			content := wusp.NewContent(20<<20+7, "0A1B2C3D", ".cab")
			url, dir := server+content.Path(), t.TempDir()
			unseen := func() string { return server + wusp.NewContent(20<<20+7, "0A1B2C3D", ".cab").Path() }

			part := make([]byte, 5000)
			content.ReadAt(part, 3<<20)
			if got := programOutput(t, "curl", "-sS", "-f", "-x", proxy, "-r", fmt.Sprintf("%d-%d", 3<<20, 3<<20+4999), url); !bytes.Equal(got, part) {
				t.Errorf("curl got %d bytes that are not the 5000 asked for", len(got))
			}
			status := programOutput(t, "curl", "-sS", "-o", os.DevNull, "-w", "%{http_code}", "-x", proxy,
				"-H", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", unseen())
			if string(status) != tt.condition {
				t.Errorf("a condition that does not hold is answered %s, want %s", status, tt.condition)
			}
			file := filepath.Join(dir, "parts")
			status = programOutput(t, "curl", "-sS", "-o", file, "-w", "%{http_code}", "-x", proxy, "-r", "0-9,100-109", unseen())
			parts, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(parts, []byte("Content-Range: bytes ")); string(status) != tt.ranges || tt.ranges == "206" && n != 2 {
				t.Errorf("two ranges are answered %s, want %s, by %d parts", status, tt.ranges, n)
			}

			programOutput(t, "aria2c", "--no-conf", "--all-proxy="+proxy, "-x4", "-s4", "-k1M", "--file-allocation=none",
				"--console-log-level=warn", "-d", dir, "-o", "file", url)
			if got, want := digest(t, filepath.Join(dir, "file")), sum(t, content.Reader()); got != want {
				t.Errorf("aria2c put together another file: %s, want %s", got, want)
			}
		})
	}
}

// A file beyond what 32 bits can count comes right from the fake WSUS in parts
// side by side, to curl without touching the disk, to aria2c on it.
func TestBigFile(t *testing.T) {
	const size = 5<<30 + 7
	server := fakeWSUS(t, 0, false)

	t.Run("curl", func(t *testing.T) {
		content := wusp.NewContent(size, "0A1B2C3D", ".esd")
		const parts = 4
		for i := range int64(parts) {
			from, to := size*i/parts, size*(i+1)/parts
			t.Run(fmt.Sprintf("%d-%d", from, to-1), func(t *testing.T) {
				t.Parallel()
				got := programSum(t, "curl", "-sS", "-f", "-r", fmt.Sprintf("%d-%d", from, to-1), server+content.Path())
				if want := sum(t, io.NewSectionReader(content, from, to-from)); got != want {
					t.Errorf("curl got another part: %s, want %s", got, want)
				}
			})
		}
	})

	t.Run("aria2c", func(t *testing.T) {
		dir := t.TempDir()
		content := wusp.NewContent(min(size, room(t, dir)), "0A1B2C3D", ".esd")
		if content.Size < size {
			t.Logf("there is room for no more than %d bytes of %d", content.Size, int64(size))
		}
		// Without its own cache, in front of the kernel's, it takes half the time.
		programOutput(t, "aria2c", "--no-conf", "--console-log-level=warn", "-x16", "-s16", "-k1M",
			"--file-allocation=trunc", "--disk-cache=0", "-d", dir, "-o", "file", server+content.Path())
		if got, want := digest(t, filepath.Join(dir, "file")), sum(t, content.Reader()); got != want {
			t.Errorf("aria2c put together another file: %s, want %s", got, want)
		}
	})
}

// room is how many bytes a file in dir may have, half of what is free.
func room(t *testing.T, dir string) int64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Bavail) * fs.Bsize / 2
}

// product is the real proxy of that name.
func product(t *testing.T, name string) *realProxy {
	t.Helper()
	i := slices.IndexFunc(realProxies, func(p realProxy) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("there is no product %s", name)
	}
	return &realProxies[i]
}

// fakeWSUS serves a fake WSUS with TLS on free ports and returns its URL. It has
// files of a size, 0 for the usual, and keeps to itself what it is when it is to
// pass for a real one.
func fakeWSUS(t *testing.T, size int64, real bool) string {
	t.Helper()
	s := newWSUS(t)
	s.Size = cmp.Or(size, s.Size)
	if real {
		s.Handler = reticent{s.Handler}
	}
	plain := listen(t, "127.0.0.1:0")
	serveWSUS(t, plain, listen(t, "127.0.0.1:0"), s)
	return "http://" + plain.Addr().String()
}

// newWSUS is a fake WSUS with some faults.
func newWSUS(t *testing.T, faults ...string) *sim.Server {
	t.Helper()
	var broken []*sim.Fault
	for _, name := range faults {
		broken = append(broken, sim.Lookup(name))
	}
	s, err := sim.NewServer(broken...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A reticent server does not say what it is.
type reticent struct{ http.Handler }

func (h reticent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == wusp.HelloPath {
		http.NotFound(w, r)
		return
	}
	h.Handler.ServeHTTP(w, r)
}

// adjacent listens on two ports of which the second is the one above the first.
func adjacent(t *testing.T) (lower, upper net.Listener) {
	t.Helper()
	for range 100 { // the port above a free one can be taken
		lower = listen(t, "127.0.0.1:0")
		above := lower.Addr().(*net.TCPAddr).Port + 1
		upper, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", above))
		if err == nil {
			t.Cleanup(func() { upper.Close() })
			return lower, upper
		}
		lower.Close()
	}
	t.Fatal("no two ports beside each other are free")
	return nil, nil
}

// serveWSUS serves s on sockets that are there, with its witness.
func serveWSUS(t *testing.T, plain, secure net.Listener, s *sim.Server) {
	t.Helper()
	_, s.TLSPort, _ = net.SplitHostPort(secure.Addr().String())
	h := &http.Server{Handler: s.Witness.Handler(s.Handler), ErrorLog: log.New(io.Discard, "", 0)}
	s.Witness.Attach(h)
	go h.Serve(s.Witness.Listener(plain))
	go h.Serve(s.Witness.Listener(tls.NewListener(secure, s.TLS)))
	t.Cleanup(func() { h.Close() })
}

// programOutput runs a program that must be there and returns what it wrote.
func programOutput(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.Bytes()
}

// programSum runs a program that must be there and returns the digest of what it
// wrote.
func programSum(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	h := sha256.New()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stdout, c.Stderr = h, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func digest(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return sum(t, f)
}

func sum(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
