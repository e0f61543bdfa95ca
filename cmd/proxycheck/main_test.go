package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"proxycheck/probe"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the program and returns what it wrote and its exit status.
func run(t *testing.T, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, err bytes.Buffer
	exit = Main(t.Context(), args, &out, &err)
	return out.String(), err.String(), exit
}

func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args string
		exit int
		want string // somewhere in stdout or stderr
	}{
		{"--help", 0, "proxycheck run"},
		{"run --help", 0, "--proxy-user USER"},
		{"version", 0, "proxycheck devel, catalogue"},
		{"list steps", 0, "bits-range-deep"},
		{"list findings", 0, "range-ignored"},
		{"list faults", 0, "tls-inspected"},
		{"list codes", 0, "0x80200013"},
		{"explain 0x80200013", 0, "range-ignored"},
		{"explain -2145386477", 0, "BG_E_INSUFFICIENT_RANGE_SUPPORT"},
		{"explain BG_E_INSUFFICIENT_RANGE_SUPPORT", 0, "0x80200013"},
		{"--version", 0, "proxycheck devel, catalogue"},
		{"run --server embedded --steps tls-config", 0, "PASS of 1 of 104 steps"},
		{"explain range-removed", 0, "must show"},
		{"explain bits-range-deep", 0, "Range: bytes={range:deep}"},
		{"explain range-ignored", 0, "Palo Alto"},
		{"doc", 0, "# Reference"},
		{"run --server embedded", 0, "PASS: Windows Update works"},
		{"run --server embedded --as xp", 0, "as xp"},
		{"run --server embedded -v", 0, "> CONNECT wsus.test:"},
		{"run --server embedded --fault range-removed", 1, "0x80D05011 DO_E_INSUFFICIENT_RANGE_SUPPORT"},
		{"run --server embedded --fault range-removed -q", 1, "[range-ignored]"},
		{"run --server embedded --fault proxy-name-gone", 1, "0x8024402C"},
		{"run --server embedded --fault answer-http10", 0, "[http10]"},
		{"run --server embedded --fault answer-http10 --fail-on warn", 1, "[http10]"},
		{"run --server embedded --max-bytes 200KiB", 3, "INCOMPLETE: the run was ended by max-bytes"},
		{"selftest --fault tls-inspected", 0, "2 ok, 0 failed"},

		{"", 2, "usage:"},
		{"rum", 2, "near it are run"},
		{"rnu", 2, "near it are run"},
		{"explain 0x12345678", 2, "nothing is known of the code 0x12345678"},
		{"explain nonesuchthing", 2, "proxycheck list has them all"},
		{"run --server embedded --proxy-user alice", 2, "wants no login"},
		{"run --server http://w --proxy http://a:hunter2@p:1 --proxy-user c", 2, "exclude each other"},
		{"run --server http://w:1#frag", 2, "want scheme, host and port alone"},
		{"run --server http://w --object /x.cab#y", 2, "want the path of a file"},
		{"list steps -q", 2, "unknown shorthand flag"},
		{"run --server=", 2, "--server is empty"},
		{"run --server microsoft --register", 2, "leave out"},
		{"run --server microsoft --list kb896227", 2, "near it are kb896226"},
		{"run --server microsoft --endpoints main_test.go", 2, "--endpoints"},
		{"run --server microsoft --endpoints /nonexistent.csv", 2, "--endpoints"},
		{"run --server microsoft --address example.org", 2, "want an address"},
		{"run --server microsoft --connections 0", 2, "want a number from 1 to 256"},
		{"run --server http://w --list ncsi", 2, "go with --server microsoft"},
		{"run --server http://w --proxy embedded", 2, "reaches nothing but"},
		{"run --server embedded extra", 2, "one argument too many"},
		{"run --server embedded --nonesuch", 2, "unknown flag: --nonesuch"},
		{"run --server embedded --format xml", 2, "want text, json or junit"},
		{"run --server embedded --as win95", 2, "want win11, win10"},
		{"run --server embedded --steps bits-rang", 2, "near it are bits-range-first"},
		{"run --server embedded --steps [", 2, "not a pattern"},
		{"run --server embedded --fault range-remove", 2, "near it are range-removed"},
		{"run --server embedded --fault proxy-port-refused --fault proxy-syn-dropped", 2, "both need the proxy's socket"},
		{"run --server embedded --fault range-removed --proxy http://p:1", 2, "exclude each other"},
		{"run --server http://w:8530 --fault range-removed", 2, "--fault goes with --server embedded"},
		{"run --server embedded --ca x.pem", 2, "leave out"},
		{"run --server embedded -q -v", 2, "exclude each other"},
		{"run --server embedded --max-bytes much", 2, "want one such as 8MiB"},
		{"run --server embedded --max-bytes 8PiB", 2, "want one such as 8MiB"},
		{"run --server embedded --timeout 0s", 2, "more than nothing"},
		{"run --server embedded --timeout soon", 2, "invalid argument"},
		{"run --server embedded --fail-on never", 2, "want warn or fail"},
		{"run --server wsus:8530", 2, "want a URL"},
		{"run --server http://", 2, "there is no host"},
		{"run --server ftp://w", 2, "by http or https"},
		{"run --server http://w:70000", 2, "port 70000 is out of range"},
		{"run --server http://w/path", 2, "want scheme, host and port alone"},
		{"run --server http://w --server-tls w", 2, "want HOST:PORT"},
		{"run --server http://w --object x.cab", 2, "want the path of a file"},
		{"run --server http://w --ca /nonexistent.pem", 2, "--ca: open"},
		{"run --server http://w --ca main_test.go", 2, "there is no certificate in it"},
		{"run --server http://w --proxy http://[::1", 2, "missing ']'"},
		{"run --server http://w --proxy http://p:0", 2, "port 0 is out of range"},
		{"run --server http://w --proxy https://p:443", 2, "use no https proxy"},
		{"run --server http://w --proxy socks5://p", 2, "use no socks5 proxy"},
		{"run --server http://w --proxy gopher://p", 2, `scheme "gopher"`},
		{"run --server http://w --proxy http://p:1/path", 2, "nothing behind it"},
		{"run --server http://w --proxy pac+http://p/x.pac", 2, "scripts are not evaluated yet"},
		{"run --server http://w --proxy none --proxy-user u", 2, "exclude each other"},
		{"run --server http://w --proxy http://p:1 --proxy-user a:b", 2, "a name without a colon"},
		{"list", 2, "want one of steps, findings, faults, products, codes"},
		{"list endpoint", 2, "want one of"},
		{"explain", 2, "explain what?"},
		{"explain range-ignorde", 2, "near it are range-ignored"},
		{"sim --listen 300.0.0.1:1", 2, "300.0.0.1"},
		{"sim --listen 127.0.0.1:0 --fault proxy-name-gone", 2, "--server embedded --fault proxy-name-gone"},
		{"selftest --timeout -1s", 2, "more than nothing"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			args := strings.Fields(tt.args)
			stdout, stderr, exit := run(t, args...)
			if exit != tt.exit || !strings.Contains(stdout+stderr, tt.want) {
				t.Errorf("exit %d, want %d; no %q in\n%s%s", exit, tt.exit, tt.want, stdout, stderr)
			}
			if exit == 2 && len(args) > 0 && (stdout != "" || strings.Count(stderr, "\n") != 1) {
				t.Errorf("bad usage wrote %d lines to stderr, want one, and %q to stdout", strings.Count(stderr, "\n"), stdout)
			}
		})
	}
}

// Every JSON output is as the schema says.
func TestJSON(t *testing.T) {
	schema := schema(t)
	commands := []string{
		"run --server embedded", "run --server embedded --as xp", "run --server embedded --fault range-removed",
		"run --server embedded --fault proxy-port-refused", "run --server embedded --fault body-gzipped",
		"run --server embedded --fault portal", "run --server embedded --fault connect-only-443",
		"run --server embedded --fault server-name-gone", "run --server embedded --max-bytes 300KiB",
		"selftest --fault block-page", "list steps", "list findings", "list faults", "list codes",
	}
	// That of each fault is validated in package sim.
	for _, args := range commands {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, _ := run(t, append(strings.Fields(args), "--format", "json")...)
			validate(t, schema, stdout)
			if stderr != "" {
				t.Errorf("stderr has %q", stderr)
			}
		})
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../../docs/proxycheck-1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%v in\n%.2000s", err, text)
	}
}

// runJSON runs an update and returns its report.
func runJSON(t *testing.T, args ...string) (r probe.Report, exit int) {
	t.Helper()
	stdout, stderr, exit := run(t, append([]string{"run", "--format", "json"}, args...)...)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("exit %d, %v: %s%s", exit, err, stdout, stderr)
	}
	validate(t, schema(t), stdout)
	return r, exit
}

// found are the names of the findings of a grade.
func found(r probe.Report, g probe.Grade) string {
	var names []string
	for _, f := range r.Findings {
		if f.Grade == g {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, " ")
}

// A fake WSUS behind a proxy that is not the run's own says what it is, and its
// files and its certificate are known.
func TestFakeWSUSThroughSim(t *testing.T) {
	n := startNet(t)
	r, exit := runJSON(t, "--proxy", "http://"+n.Addr(), "--server", "http://"+sim.ServerName+":8530")
	if exit != 0 || r.Verdict != probe.StatusPass || r.Target.Kind != probe.FakeWSUS {
		t.Errorf("exit %d, verdict %s, kind %s; findings %+v", exit, r.Verdict, r.Target.Kind, r.Findings)
	}
	if !strings.Contains(r.Route.ProvenBy, n.Addr()) {
		t.Errorf("the route is proven by %q", r.Route.ProvenBy)
	}
	https, exit := runJSON(t, "--proxy", "http://"+n.Addr(), "--server", "https://"+sim.ServerName+":8531")
	if exit != 0 || https.Verdict != probe.StatusPass || https.Target.Kind != probe.FakeWSUS {
		t.Errorf("over https: exit %d, verdict %s, kind %s; findings %+v", exit, https.Verdict, https.Target.Kind, https.Findings)
	}
}

// The embedded server can stand behind any proxy that reaches this machine.
func TestEmbeddedServerBehindAnotherProxy(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	p := &http.Server{Handler: forward{}}
	go p.Serve(l)
	defer p.Close()
	r, exit := runJSON(t, "--proxy", "http://"+l.Addr().String(), "--server", "embedded", "--steps", "wua-*,bits-*,do-*")
	if exit != 0 || r.Target.Kind != probe.Embedded || r.Route.Proxy != "http://"+l.Addr().String() {
		t.Errorf("exit %d, target %+v, route %+v, findings %+v", exit, r.Target, r.Route, r.Findings)
	}
}

// forward is the least of a proxy.
type forward struct{}

func (forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.RequestURI = ""
	answer, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	io.Copy(w, answer.Body)
}

// What is no proxy, and what is no WSUS, are findings: Windows would fail too.
func TestNotWhatItShouldBe(t *testing.T) {
	ssh := listen(t, "127.0.0.1:0")
	go answerAll(ssh, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	closing := listen(t, "127.0.0.1:0")
	go answerAll(closing, "\x15\x03\x01\x00\x02\x02\x28")
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	for _, tt := range []struct{ name, args, want string }{
		{"an SSH port", "--proxy http://" + ssh.Addr().String() + " --server http://w.test:8530", "proxy-not-http"},
		{"a TLS port", "--proxy http://" + secure.Listener.Addr().String() + " --server http://w.test:8530", "proxy-not-http"},
		{"a TLS port that alerts", "--proxy http://" + closing.Addr().String() + " --server http://w.test:8530", "proxy-not-http"},
		{"a web server", "--proxy none --server " + web.URL, "server-not-wsus"},
		{"a TLS port as the server", "--proxy none --server http://" + secure.Listener.Addr().String(), "server-not-wsus"},
	} {
		r, exit := runJSON(t, strings.Fields(tt.args)...)
		if exit != 1 || !strings.Contains(found(r, probe.Fail), tt.want) {
			t.Errorf("%s: exit %d, fails %q, want %s", tt.name, exit, found(r, probe.Fail), tt.want)
		}
	}
}

// A login never shows, wherever it was given.
func TestLoginIsNeverShown(t *testing.T) {
	t.Setenv("PROXYCHECK_PROXY_PASSWORD", "hunter2")
	n := startNet(t, "login-basic")
	for _, args := range [][]string{
		{"--proxy", "http://alice:hunter2@" + n.Addr()},
		{"--proxy", "http://" + n.Addr(), "--proxy-user", "alice"},
		{"--proxy", "http://alice:hunter2@" + n.Addr() + "/path"},
		{"--proxy", "alice:hunter2@[::1"},
		{"--proxy", "pac+http://alice:hunter2@p/x.pac"},
		{"--proxy", "http://alice:hunter2/x@p:3128"},
		{"--proxy", "http://alice:hunter2%zz@p:3128"},
		{"--proxy", "none", "--server", "alice:hunter2@w:8530"},
		{"--proxy", "none", "--server", "http://alice:hunter2@w:8530"},
		{"--proxy", "none", "--server-tls", "alice:hunter2@w"},
	} {
		for _, format := range []string{"text", "json"} {
			args := append([]string{"run", "-v", "--server", "http://wsus.test:8530", "--format", format}, args...)
			stdout, stderr, exit := run(t, args...)
			if exit == 0 || strings.Contains(stdout+stderr, "hunter2") || strings.Contains(stdout+stderr, "YWxpY2U6") {
				t.Errorf("%v: exit %d, and it shows the login in\n%s%s", args, exit, stdout, stderr)
			}
		}
	}
}

// A proxy at an IPv6 address works.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Fatalf("this machine has no IPv6 loopback: %v", err)
	}
	l.Close()
	n, err := sim.NewNet(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	r, exit := runJSON(t, "--proxy", "http://"+n.Addr(), "--server", "http://"+sim.ServerName+":8530")
	if exit != 0 || !strings.HasPrefix(r.Route.Proxy, "http://[::1]:") {
		t.Errorf("exit %d, route %+v, findings %+v", exit, r.Route, r.Findings)
	}
}

// An interrupted run still writes what it saw, and says that it is not all.
func TestInterrupt(t *testing.T) {
	hung := listen(t, "127.0.0.1:0")
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		c, err := hung.Accept()
		if err == nil {
			c.Read(make([]byte, 1)) // the request is on its way
			interrupt()
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	var stdout, stderr bytes.Buffer
	exit := Main(ctx, []string{"run", "--format", "json", "--proxy", "http://" + hung.Addr().String(), "--server", "http://w.test:8530"}, &stdout, &stderr)
	var r probe.Report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s%s", err, &stdout, &stderr)
	}
	validate(t, schema(t), stdout.String())
	if exit != 3 || r.Complete || r.StoppedBy != "interrupt" || r.Verdict != probe.StatusUnknown || r.Steps[0].Status != probe.StatusUnknown {
		t.Errorf("exit %d, complete %v, stopped by %q, verdict %s, first step %s", exit, r.Complete, r.StoppedBy, r.Verdict, r.Steps[0].Status)
	}
}

// A report that cannot be written is not a success.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "report.json")
	if stdout, stderr, exit := run(t, "run", "--server", "embedded", "--format", "json", "-o", good); exit != 0 || stdout+stderr != "" {
		t.Errorf("exit %d, wrote %s%s", exit, stdout, stderr)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, schema(t), string(text))
	full := []string{filepath.Join(dir, "none", "report")}
	if _, err := os.Stat("/dev/full"); err == nil {
		full = append(full, "/dev/full")
	}
	for _, file := range full {
		if _, stderr, exit := run(t, "run", "--server", "embedded", "-o", file); exit != 3 || !strings.Contains(stderr, "writing the report: ") {
			t.Errorf("-o %s: exit %d, %s", file, exit, stderr)
		}
	}
	var stderr bytes.Buffer
	if exit := Main(t.Context(), []string{"run", "--server", "embedded"}, broken{}, &stderr); exit != 3 || !strings.Contains(stderr.String(), "closed pipe") {
		t.Errorf("into a closed pipe: exit %d, %s", exit, &stderr)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A WSUS that is not ours passes, also when nothing answers at the TLS port
// that is only guessed for it; when the port is given, that is a failure.
func TestRealWSUS(t *testing.T) {
	var fake wsus.Server // which knows its own cookies alone
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.proxycheck") {
			http.NotFound(w, r)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer s.Close()
	dead := listen(t, "127.0.0.1:0")
	dead.Close()
	p := httptest.NewServer(forward{}) // which knows no CONNECT: it answers 502
	defer p.Close()
	args := []string{"--proxy", p.URL, "--server", s.URL}
	r, exit := runJSON(t, args...)
	if exit != 0 || r.Target.Kind != probe.WSUS || found(r, probe.Fail)+found(r, probe.Warn) != "" || found(r, probe.Note) != "tunnel-server-down" {
		t.Errorf("exit %d, kind %s, findings %+v", exit, r.Target.Kind, r.Findings)
	}
	r, exit = runJSON(t, append(args, "--server-tls", dead.Addr().String())...)
	if exit != 1 || found(r, probe.Fail) != "tunnel-server-down" {
		t.Errorf("with a TLS port that is given: exit %d, fails %q", exit, found(r, probe.Fail))
	}
}

// startNet is a simulated net with the faults of those names.
func startNet(t *testing.T, faults ...string) *sim.Net {
	t.Helper()
	n, err := newNet("", faults)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// answerAll says text to whoever connects, and hangs up when the client does.
func answerAll(l net.Listener, text string) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		go func() {
			io.WriteString(c, text)
			io.Copy(io.Discard, c)
			c.Close()
		}()
	}
}

// A dead proxy is found whichever steps are chosen.
func TestDeadProxyWithoutTheFirstStep(t *testing.T) {
	dead := listen(t, "127.0.0.1:0")
	dead.Close()
	r, exit := runJSON(t, "--proxy", "http://"+dead.Addr().String(), "--server", "http://w.test:8530", "--steps", "bits-*")
	if exit != 1 || found(r, probe.Fail) != "proxy-refuses" || r.Findings[0].Steps[0] != "bits-size" {
		t.Errorf("exit %d, findings %+v", exit, r.Findings)
	}
}

// The command line of a retest makes the same run again, without a password.
func TestRetest(t *testing.T) {
	n := startNet(t, "range-removed")
	proxy := "http://al%20ice:hunter2@" + n.Addr()
	r, exit := runJSON(t, "--proxy", proxy, "--server", "http://wsus.test:8530", "--as", "win10", "--max-bytes", "9MiB")
	want := "proxycheck run --proxy-user 'al ice' --proxy http://" + n.Addr() + " --server http://wsus.test:8530 --as win10 --max-bytes 9MiB"
	if exit != 1 || len(r.Findings) == 0 || r.Findings[0].Retest != want {
		t.Errorf("exit %d, the retest is\n%q, want\n%q", exit, r.Findings[0].Retest, want)
	}
}

// A budget that ends in the middle of an answer says nothing about the proxy,
// and is kept.
func TestBudget(t *testing.T) {
	for _, most := range []int64{1000, 2200, 5000, 7000, 20_000, 100_000, 1_300_000} {
		r, exit := runJSON(t, "--server", "embedded", "--max-bytes", strconv.FormatInt(most, 10))
		if exit != 3 || r.Complete || r.StoppedBy != "max-bytes" || len(r.Findings) > 0 {
			t.Errorf("of %d bytes: exit %d, complete %v, stopped by %q, findings %+v", most, exit, r.Complete, r.StoppedBy, r.Findings)
		}
		if moved := r.BytesSent + r.BytesReceived; moved > most+300_000 { // a read is under way on each connection
			t.Errorf("of %d bytes, %d were moved", most, moved)
		}
	}
}
