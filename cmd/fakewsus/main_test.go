package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args string
		exit int
		want string // somewhere in stdout or stderr
	}{
		{"--help", 0, "--listen-tls ADDRESS"},
		{"--version", 0, "fakewsus devel"},
		{"--fault help", 0, "server-pool-stopped"},
		{"--soap-fault help", 0, "codes: ConfigChanged, CookieExpired"},
		{"extra", 2, "one argument too many"},
		{"--size 0", 2, `--size "0" is out of range: want 1 to`},
		{"--size many", 2, `--size "many" is no number of bytes: want one such as 8MiB`},
		{"--size 9999999TiB", 2, "out of range"},
		{"--sizes 20KiB,,2MiB", 2, `--sizes "20KiB,,2MiB" has an empty size between two commas; see`},
		{"--sizes 20KiB,", 2, `--sizes "20KiB," has an empty size behind the last comma; see`},
		{"--sizes ,20KiB", 2, `--sizes ",20KiB" has an empty size before the first comma; see`},
		{"--sizes 20KiB,2PiB", 2, `--sizes "2PiB" is no number of bytes`},
		{"--sizes " + strings.Repeat("1,", 64) + "1", 2, "has more than 64 sizes"},
		{"--updates -1", 2, `--updates "-1" is out of range: want 0 to 100000; see`},
		{"--updates 99999999999999999999", 2, `--updates "99999999999999999999" is out of range: want 0 to 100000; see`},
		{"--updates 100001", 2, "out of range"},
		{"--updates few", 2, `fakewsus: --updates "few" is no number of updates: want 0 to 100000; see`},
		{"--nonesuch", 2, "unknown flag"},
		{"--listn x", 2, "near it are listen"},
		{"--log-format xml --log -", 2, `--log-format "xml"; there are json, text`},
		{"--log-format xml", 2, `--log-format "xml"; there are json, text`},
		{"--log-format json", 2, "--log-format goes with --log"},
		{"--listen=", 2, `--listen "": want an address such as 127.0.0.1:8530; see`},
		{"--listen :", 2, `--listen ":": want an address such as 127.0.0.1:8530; see`},
		{"--listen 127.0.0.1:0 --listen-tls localhost", 2, `--listen-tls "localhost": want an address such as 127.0.0.1:8530; see`},
		{"--log /nonexistent/log --listen 127.0.0.1:0 --listen-tls=", 2, "--log: open /nonexistent/log"},
		{"--fault server-pool-stoped", 2, "near it are server-pool-stopped"},
		{"--fault server-pool", 2, `--fault "server-pool"; near it are server-pool-stopped; see`},
		{"--fault connect-denied --listen 127.0.0.1:0", 2, "the fault connect-denied acts at the proxy"},
		{"--soap-fault SyncUpdates", 2, "want OPERATION=CODE"},
		{"--soap-fault SyncUpdate=ServerBusy", 2, `no operation is called "SyncUpdate"; near it are SyncUpdates`},
		{"--soap-fault SyncUpdates=Busy", 2, `no fault has the code "Busy"; near it are ServerBusy`},
		{"--soap-fault SyncUpdates=Nonesuch", 2, `there are ConfigChanged, CookieExpired`},
		{"--soap-fault SyncUpdates=ServerBusy:0", 2, `"0" is no number of calls`},
		{"--soap-fault SyncUpdates=ServerBusy:x", 2, `"x" is no number of calls`},
		{"--soap-fault SyncUpdates=ServerBusy --soap-fault SyncUpdates=InvalidCookie:1", 2, "SyncUpdates is refused already"},
		{"--listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --ca-out /nonexistent/ca.pem", 2, "--ca-out"},
		{"--listen 300.0.0.1:1", 2, "--listen: listen tcp"},
		{"--listen 127.0.0.1:0 --listen-tls 300.0.0.1:1", 2, "--listen-tls: listen tcp"},
		{"--listen 127.0.0.1:0 --listen-tls= --listen-files 300.0.0.1:1", 2, "--listen-files: listen tcp"},
	} {
		var stdout, stderr bytes.Buffer
		exit := Main(t.Context(), strings.Fields(tt.args), &stdout, &stderr)
		if text := stdout.String() + stderr.String(); exit != tt.exit || !strings.Contains(text, tt.want) {
			t.Errorf("fakewsus %s: exit %d, want %d; no %q in %s", tt.args, exit, tt.exit, tt.want, text)
		}
		if n := strings.Count(stderr.String(), "\n"); exit == 2 && (n != 1 || stdout.Len() > 0) {
			t.Errorf("fakewsus %s: %d lines on stderr, and on stdout %q", tt.args, n, &stdout)
		}
	}
}

// A running program serves on ports that nobody else has.
type running struct {
	t              *testing.T
	plain, secure  string // URLs
	files          string // "" without --listen-files
	stdout, stderr *text
	interrupt      func()
	ended          chan int
}

// A text is written by one goroutine and read by another.
type text struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	wrote chan struct{}
}

func newText() *text { return &text{wrote: make(chan struct{}, 1)} }

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.wrote <- struct{}{}:
	default:
	}
	return b.bytes.Write(p)
}

func (b *text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

// await waits until b has a text.
func (b *text) await(t *testing.T, want string) {
	t.Helper()
	for !strings.Contains(b.String(), want) {
		select {
		case <-b.wrote:
		case <-time.After(20 * time.Second):
			t.Fatalf("no %q in %q", want, b)
		}
	}
}

var addresses = regexp.MustCompile(`(?:serving|files alone) on (https?://[0-9.:]+)\n`)

// start runs the program until the test ends.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	r := &running{t: t, stdout: newText(), stderr: newText(), interrupt: interrupt, ended: make(chan int, 1)}
	go func() {
		r.ended <- Main(ctx, append([]string{"--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"}, args...), r.stdout, r.stderr)
	}()
	t.Cleanup(interrupt)
	r.stdout.await(t, "a file of 5 GiB")
	for _, m := range addresses.FindAllStringSubmatch(r.stdout.String(), -1) {
		switch {
		case r.plain == "":
			r.plain = m[1]
		case r.secure == "":
			r.secure = m[1]
		default:
			r.files = m[1]
		}
	}
	return r
}

// end interrupts the program, and waits for its end.
func (r *running) end() {
	r.t.Helper()
	r.interrupt()
	select {
	case exit := <-r.ended:
		if exit != 0 {
			r.t.Errorf("interrupted, it ends with %d: %s", exit, r.stderr)
		}
	case <-time.After(20 * time.Second):
		r.t.Fatal("interrupted, it does not end")
	}
}

// alone makes a request on a connection of its own.
func alone(t *testing.T, config *tls.Config, method, url, body string, fields ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	answer, err := (&http.Transport{TLSClientConfig: config, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// It serves both ports until it is interrupted, says what it is, and its root
// vouches for its certificate.
func TestServe(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	r := start(t, "--ca-out", ca, "--size", "12345")
	defer r.end()
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, address := range []string{r.plain, r.secure} {
		_, body := alone(t, &tls.Config{RootCAs: roots}, "GET", address+wusp.HelloPath, "")
		var hello wusp.Hello
		err = json.Unmarshal([]byte(body), &hello)
		if err != nil || hello.Kind != "fakewsus" || hello.Size != 12345 || hello.CA == "" || !strings.HasSuffix(r.secure, ":"+hello.TLSPort) || hello.Witness == "" {
			t.Errorf("%s says %+v, %v", address, hello, err)
		}
	}
}

// The site for files has them alone, and they stand in the books as well.
func TestFilesSite(t *testing.T) {
	r := start(t, "--listen-files", "127.0.0.1:0")
	defer r.end()
	path := wusp.NewContent(5000, "00000001", ".cab").Path()
	if status, body := alone(t, nil, "GET", r.files+path, ""); status != 200 || len(body) != 5000 {
		t.Errorf("a file is answered %d with %d bytes", status, len(body))
	}
	for _, path := range []string{"/", "/ClientWebService/client.asmx", wusp.HelloPath} {
		if status, _ := alone(t, nil, "GET", r.files+path, ""); status != 404 {
			t.Errorf("%s is answered %d there", path, status)
		}
	}
	// A request stands in the books when the server has seen the end of it.
	for begun := time.Now(); ; {
		_, page := alone(t, nil, "GET", r.plain+"/", "")
		if strings.Contains(page, path) {
			return
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("the page does not have %s", path)
		}
	}
}

// envelope is a call as a client writes it (wire.md 3.3).
func envelope(operation, content string) (fields []string, body string) {
	const service = "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"
	return []string{"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"` + service + "/" + operation + `"`},
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><` + operation + ` xmlns="` + service + `">` + content + `</` + operation + `></s:Body></s:Envelope>`
}

// getConfig calls GetConfig.
func (r *running) getConfig() (int, string) {
	r.t.Helper()
	fields, body := envelope("GetConfig", "<protocolVersion>2.90</protocolVersion>")
	return alone(r.t, nil, "POST", r.plain+"/ClientWebService/client.asmx", body, fields...)
}

// A fault of the server and SOAP faults act, so often as was said.
func TestFaultFlags(t *testing.T) {
	r := start(t, "--fault", "server-pool-stopped")
	if status, body := r.getConfig(); status != 503 || !strings.Contains(body, "Service Unavailable") {
		t.Errorf("a stopped pool answers %d %s", status, body)
	}
	if status, page := alone(t, nil, "GET", r.plain+"/", ""); status != 200 || !strings.Contains(page, "fakewsus") {
		t.Errorf("the page is answered %d", status)
	}
	r.end()

	r = start(t, "--soap-fault", "GetConfig=ServerBusy:2")
	defer r.end()
	for i, want := range []int{500, 500, 200} {
		status, body := r.getConfig()
		if status != want || want == 500 && wusp.Element([]byte(body), "detail/ErrorCode") != "ServerBusy" {
			t.Errorf("call %d is answered %d %s", i+1, status, body)
		}
	}
}

// A refusal counts by client, and forgets when there are too many.
func TestRefusals(t *testing.T) {
	r, err := parseRefusals([]string{"SyncUpdates=ConfigChanged:1", "GetCookie=ServerBusy"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ client, operation, want string }{
		{"a", "SyncUpdates", "ConfigChanged"}, {"a", "SyncUpdates", ""}, {"b", "SyncUpdates", "ConfigChanged"}, {"b", "SyncUpdates", ""},
		{"a", "GetCookie", "ServerBusy"}, {"a", "GetCookie", "ServerBusy"}, {"a", "GetConfig", ""},
	} {
		if got := r.refuse(tt.client, tt.operation); got != tt.want {
			t.Errorf("%s of %s is refused with %q, want %q", tt.operation, tt.client, got, tt.want)
		}
	}
	for i := range maxCounted + 10 {
		r.refuse(strings.Repeat("x", i%7)+string(rune(i+0x10000)), "SyncUpdates")
	}
	if n := len(r.given); n > maxCounted {
		t.Errorf("%d are counted", n)
	}
}

// line is one of the log as text, of a request by this test.
var line = regexp.MustCompile(`^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1:\d+ "1\.1 squid" GET (\S+) "bytes=0-1" 206 2 \d+\.\d{3} "Microsoft BITS/7\.8" -$`)

// Each request is a line of the log, in a file that is added to, once the program
// has ended at the latest.
func TestLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	path := wusp.NewContent(5000, "00000001", ".cab").Path()
	for range 2 {
		r := start(t, "--log", name)
		for range 3 {
			alone(t, nil, "GET", r.plain+path, "", "Range", "bytes=0-1", "Via", "1.1 squid", "User-Agent", "Microsoft BITS/7.8")
		}
		r.end()
	}
	log, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(log), "\n"), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines, want 6:\n%s", len(lines), log)
	}
	for _, l := range lines {
		if m := line.FindStringSubmatch(l); m == nil || m[1] != path {
			t.Errorf("the line is %s", l)
		}
	}
}

// On stdout as JSON, the log stands behind the addresses.
func TestLogStdout(t *testing.T) {
	r := start(t, "--log", "-", "--log-format", "json")
	r.getConfig()
	r.end()
	_, log, _ := strings.Cut(r.stdout.String(), ".cab\n")
	var got struct {
		Operation string
		Status    int
	}
	if err := json.Unmarshal([]byte(log), &got); err != nil || got.Operation != "GetConfig" || got.Status != 200 {
		t.Errorf("%v: %s", err, log)
	}
}

// With its log on a full disk, the server goes on, says so once, and counts.
func TestLogDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip(err)
	}
	r := start(t, "--log", "/dev/full")
	for range 3 {
		r.getConfig()
	}
	r.stderr.await(t, "no space left on device") // within the second that lines wait
	if status, page := alone(t, nil, "GET", r.plain+"/", ""); status != 200 || !strings.Contains(page, "lines of the log could not be written") {
		t.Errorf("the page is answered %d, and does not count the lines", status)
	}
	r.end()
	if n := strings.Count(r.stderr.String(), "\n"); n != 1 || !strings.HasPrefix(r.stderr.String(), "fakewsus: --log: lines are lost: write /dev/full") {
		t.Errorf("%d lines on stderr: %s", n, r.stderr)
	}
}

// When it ends, open answers do, and they stand in the log with what was sent.
func TestEndsOpenAnswers(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	r := start(t, "--log", name)
	c, err := net.Dial("tcp", strings.TrimPrefix(r.plain, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, "GET "+wusp.NewContent(10<<30, "00000001", ".cab").Path()+" HTTP/1.1\r\nHost: wsus.test\r\n\r\n")
	if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	r.end()
	if n, _ := io.Copy(io.Discard, c); n >= 9<<30 {
		t.Errorf("%d bytes more came", n)
	}
	log, err := os.ReadFile(name)
	if fields := strings.Fields(string(log)); err != nil || len(fields) < 8 || fields[6] != "200" || len(fields[7]) < 7 {
		t.Errorf("%v: the log is %s", err, log)
	}
}

// A client that reads nothing is given its time, and no more.
func TestWriteStall(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.cut()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	c := accepted.(*conn)
	c.allow(-slowest * int64(stalled/time.Second)) // all of its time is over
	if _, err := c.TCPConn.Write([]byte("x")); !os.IsTimeout(err) {
		t.Errorf("behind its time a write gives %v", err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Errorf("a write gives itself time, but: %v", err)
	}
	if n, err := c.ReadFrom(io.LimitReader(strings.NewReader("abc"), 2)); n != 2 || err != nil {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
}

// The port in the URLs of files is one on which they are served.
func TestFilesPort(t *testing.T) {
	address := func(port string) net.Listener { return fixed("127.0.0.1:" + port) }
	at := func(ports string) (s service) {
		for i, port := range strings.Fields(ports) {
			s.sites = append(s.sites, &site{scheme: []string{"http", "https", "http"}[i], files: i == 2, socket: &listener{Listener: address(port)}})
		}
		return s
	}
	for _, tt := range []struct{ ports, want string }{
		{"8530 8531", ""}, {"80 443", ""}, {"8530 443 80", ""}, {"8530 443", "8530"}, {"9000 8531", "9000"}, {"9000 8531 80", "80"}, {"9000 8531 8530", ""},
	} {
		s := at(tt.ports)
		if got := s.filesPort(s.sites[1].port()); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.ports, got, tt.want)
		}
	}
}

// A fixed listener has an address, and nothing else.
type fixed string

func (f fixed) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (f fixed) Close() error              { return nil }
func (f fixed) Addr() net.Addr            { return f }
func (f fixed) Network() string           { return "tcp" }
func (f fixed) String() string            { return string(f) }

// The catalogue has as many updates as was said, of those sizes.
func TestCatalogue(t *testing.T) {
	o, err := parse(strings.Fields("--updates 1000 --sizes 20KiB,2MiB,10GiB"), io.Discard)
	if err != nil || o.updates != 1000 || len(o.sizes) != 3 || o.sizes[2] != 10<<30 || o.size != wsus.DefaultSize {
		t.Fatalf("%+v, %v", o, err)
	}
	for _, tt := range []struct{ updates, want int }{{0, -1}, {7, 7}} {
		s, err := newService(&offer{listen: "127.0.0.1:0", updates: tt.updates, size: 1, sizes: o.sizes}, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if s.server.Updates != tt.want || len(s.server.Sizes) != 3 {
			t.Errorf("%d updates are %d of %v", tt.updates, s.server.Updates, s.server.Sizes)
		}
		s.close()
	}
}

// Every command of the README that is for this program works as it stands there, but
// for the addresses and the places of files.
func TestREADMEServes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^    fakewsus (.*)$`).FindAllStringSubmatch(string(readme), -1)
	if len(commands) < 2 {
		t.Fatalf("the README has %d commands", len(commands))
	}
	dir := t.TempDir()
	for _, m := range commands {
		args := strings.Fields(regexp.MustCompile(`0\.0\.0\.0:\d+`).ReplaceAllString(m[1], "127.0.0.1:0"))
		for i, arg := range args {
			if strings.HasSuffix(arg, ".pem") || strings.HasSuffix(arg, ".log") {
				args[i] = filepath.Join(dir, arg)
			}
		}
		start(t, args...).end()
	}
}
