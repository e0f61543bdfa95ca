//go:build interop

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// buildFakeWSUS makes the program, and returns where it is.
var buildFakeWSUS = sync.OnceValues(func() (string, error) {
	file, err := filepath.Abs("../../build/interop.fakewsus")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", file, "../fakewsus").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building fakewsus: %w\n%s", err, out)
	}
	return file, nil
})

// A fakeWSUSProcess is the program fakewsus as it serves.
type fakeWSUSProcess struct {
	url, address string
	stop         func() // ends it, after which its log is whole
	log          string // its file
}

// startFakeWSUS runs the program on free ports, with a log, until the test ends.
func startFakeWSUS(t *testing.T, args ...string) *fakeWSUSProcess {
	t.Helper()
	program, err := buildFakeWSUS()
	if err != nil {
		t.Fatal(err)
	}
	p := &fakeWSUSProcess{log: filepath.Join(t.TempDir(), "requests.log")}
	c := exec.Command(program, append([]string{"--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", "--log", p.log}, args...)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // a test binary that times out runs no cleanup
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() {
		c.Process.Signal(syscall.SIGTERM)
		giveUp := time.AfterFunc(10*time.Second, func() { c.Process.Kill() })
		defer giveUp.Stop()
		if err := c.Wait(); err != nil || stderr.Len() > 0 {
			t.Errorf("fakewsus %q: %v %s", args, err, &stderr)
		}
	})
	t.Cleanup(p.stop)
	first, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "serving on ")
	if err != nil || !ok {
		t.Fatalf("fakewsus says %q (%v) %s", first, err, &stderr)
	}
	go io.Copy(io.Discard, stdout)
	p.url, p.address = url, strings.TrimPrefix(url, "http://")
	return p
}

// A logLine is what a line of a log in JSON has.
type logLine struct {
	Method, Target, Operation, Range string
	UserAgent                        string `json:"user_agent"`
	Status                           int
	Bytes                            int64
}

// lines ends p and reads its log.
func (p *fakeWSUSProcess) lines(t *testing.T) (all []logLine) {
	t.Helper()
	p.stop()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var l logLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// of are the lines for a path.
func of(lines []logLine, path string) (some []logLine) {
	for _, l := range lines {
		if l.Target == path {
			some = append(some, l)
		}
	}
	return some
}

// Clients that are not ours fetch parts of files, and the log has a line for
// each, with the range and what was sent for it.
func TestTheLogOfPublicClients(t *testing.T) {
	const size = 8<<20 + 5
	server := startFakeWSUS(t, "--log-format", "json")
	dir := t.TempDir()
	content := func() wusp.Content { return wusp.NewContent(size, "0A1B2C3D", ".cab") }

	continued := content()
	file := filepath.Join(dir, "continued")
	begun, err := io.ReadAll(io.NewSectionReader(continued, 0, 3<<20))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, begun, 0o600); err != nil {
		t.Fatal(err)
	}
	programOutput(t, "wget", "--no-config", "--no-proxy", "--tries=1", "-q", "-c", "-O", file, server.url+continued.Path())
	if got, want := digest(t, file), sum(t, continued.Reader()); got != want {
		t.Errorf("wget continued to another file: %s, want %s", got, want)
	}

	part := content()
	// It takes no part but one from the start of a file.
	got := programOutput(t, "wget", "--no-config", "--no-proxy", "--tries=1", "-q", "-O", "-", "--header", "Range: bytes=0-4999", server.url+part.Path())
	if want := make([]byte, 5000); !sameAt(part, want, 0, got) {
		t.Errorf("wget got %d bytes that are not the 5000 asked for", len(got))
	}

	tail := content()
	got = programOutput(t, "curl", "-q", "--noproxy", "*", "-sS", "-f", "-r", "-7", server.url+tail.Path())
	if want := make([]byte, 7); !sameAt(tail, want, size-7, got) {
		t.Errorf("curl got %d bytes that are not the last 7", len(got))
	}

	pieces := content()
	programOutput(t, "aria2c", "--no-conf", "-x4", "-s4", "-k1M", "--file-allocation=none", "--console-log-level=warn",
		"-d", dir, "-o", "pieces", server.url+pieces.Path())
	if got, want := digest(t, filepath.Join(dir, "pieces")), sum(t, pieces.Reader()); got != want {
		t.Errorf("aria2c put together another file: %s, want %s", got, want)
	}

	lines := server.lines(t)
	for path, want := range map[string]logLine{
		continued.Path(): {Method: "GET", Range: fmt.Sprintf("bytes=%d-", 3<<20), Status: 206, Bytes: size - 3<<20},
		part.Path():      {Method: "GET", Range: "bytes=0-4999", Status: 206, Bytes: 5000},
		tail.Path():      {Method: "GET", Range: "bytes=-7", Status: 206, Bytes: 7},
	} {
		some := slices.DeleteFunc(of(lines, path), func(l logLine) bool { return l.Method == "HEAD" })
		want.Target = path
		for i := range some {
			some[i].UserAgent = ""
		}
		if !slices.Equal(some, []logLine{want}) {
			t.Errorf("the log has %+v, want %+v", some, want)
		}
	}
	var sent int64
	ranges := 0
	for _, l := range of(lines, pieces.Path()) {
		sent += l.Bytes
		if l.Status == 206 && l.Range != "" && strings.HasPrefix(l.UserAgent, "aria2/") {
			ranges++
		}
	}
	if sent < size || ranges < 3 {
		t.Errorf("the log has %d bytes, in %d ranges, for aria2c: %+v", sent, ranges, of(lines, pieces.Path()))
	}
}

// sameAt tells whether got is what content has from an offset on, of the length
// of want.
func sameAt(content wusp.Content, want []byte, from int64, got []byte) bool {
	content.ReadAt(want, from)
	return bytes.Equal(got, want)
}

// What no client should ask for is answered as IIS does, in bounded time and size.
func TestBadRequestsOfPublicClients(t *testing.T) {
	const size = 100_000
	server := startFakeWSUS(t, "--log-format", "json")
	file := server.url + wusp.NewContent(size, "0A1B2C3D", ".cab").Path()
	ranges := func(n int) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, ",%d-%d", 3*i, 3*i)
		}
		return "bytes=" + text.String()[1:]
	}
	for _, tt := range []struct {
		name, want string // status and bytes, or the status alone
		args       []string
	}{
		{"up from a directory", "400", []string{server.url + "/Content/../../../../etc/passwd"}},
		{"escaped slashes", "400", []string{server.url + "/Content/..%2f..%2f..%2fetc/passwd"}},
		{"backslashes", "400", []string{server.url + `/Content/..%5c..%5cwindows/win.ini`}},
		{"some ranges", "206", []string{"-r", strings.TrimPrefix(ranges(20), "bytes="), file}},
		{"too many ranges", "200 100000", []string{"-H", "Range: " + ranges(4000), file}},
		{"all of it over and over", "200 100000", []string{"-H", "Range: bytes=0-" + strings.Repeat(",0-", 5000), file}},
		{"a part behind the end", "416", []string{"-r", "100000-", file}},
		{"a call by another path", "404", []string{"-d", "<a/>", "-H", "SOAPAction: x", server.url + "/ClientWebService/other.asmx"}},
	} {
		args := append([]string{"-q", "--noproxy", "*", "-sS", "--path-as-is", "-m", "10", "-o", os.DevNull, "-w", "%{http_code} %{size_download}"}, tt.args...)
		if got := programOutput(t, "curl", args...); string(got) != tt.want && !strings.HasPrefix(string(got), tt.want+" ") {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}

	const post = "POST /ClientWebService/client.asmx HTTP/1.1\r\nHost: wsus\r\nContent-Type: text/xml\r\n"
	for _, tt := range []struct{ name, sends, want string }{
		{"a body without a length", post + "\r\n<a/>", "HTTP/1.1 411 "},
		{"two lengths", post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\n<a/>x", "HTTP/1.1 400 "},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"a million ranges", "GET " + strings.TrimPrefix(file, server.url) + " HTTP/1.1\r\nHost: wsus\r\nRange: " + ranges(1_000_000) + "\r\n\r\n", "HTTP/1.1 4"},
	} {
		if got := answerTo(t, server.address, tt.sends); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %.100q, want %q", tt.name, got, tt.want)
		}
	}

	// Clients that begin and never go on keep nobody else waiting, nor the end.
	for _, sends := range []string{"GET / HT", post + "Content-Length: 1000000\r\n\r\n<a", "GET " + wusp.NewContent(1<<30, "0A1B2C3D", ".cab").Path() + " HTTP/1.1\r\nHost: wsus\r\n\r\n"} {
		c, err := net.Dial("tcp", server.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, sends); err != nil {
			t.Fatal(err)
		}
	}
	if got := programOutput(t, "curl", "-q", "--noproxy", "*", "-sS", "-m", "5", "-r", "0-9", "-o", os.DevNull, "-w", "%{http_code}", file); string(got) != "206" {
		t.Errorf("while others are slow, curl is answered %s", got)
	}
	begun := time.Now()
	server.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("while others are slow, the end takes %v", took)
	}
	lines := server.lines(t)
	for _, want := range []logLine{{Status: 400, Target: "/Content/../../../../etc/passwd"}, {Status: 411, Target: "/ClientWebService/client.asmx"}} {
		if !slices.ContainsFunc(lines, func(l logLine) bool { return l.Status == want.Status && l.Target == want.Target }) {
			t.Errorf("the log has no %d for %s", want.Status, want.Target)
		}
	}
}

// answerTo is what comes for some bytes, up to the end of the connection or for
// a while.
func answerTo(t *testing.T, address, sends string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	go io.WriteString(c, sends) // which may never be taken
	line, _ := bufio.NewReader(c).ReadString('\n')
	return line
}
