package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// need is the path of a program, without which the benchmark is skipped.
func need(b *testing.B, program string) string {
	b.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		b.Skipf("needs %s: %v", program, err)
	}
	return path
}

// built is a command of this module, as it is installed.
func built(b *testing.B, command string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), command)
	build := exec.Command("go", "build", "-o", path, "../"+command)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, text)
	}
	return path
}

// A server is a process of its own.
type server struct {
	pid     int
	address string
}

// serve runs fakewsus with its log on, as one would in earnest.
func serve(b *testing.B, flags ...string) server {
	b.Helper()
	command := exec.Command(built(b, "fakewsus"), slices.Concat([]string{"--listen", "127.0.0.1:0", "--listen-tls", "",
		"--log", filepath.Join(b.TempDir(), "log")}, flags)...)
	stdout, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	launch(b, command)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	address := regexp.MustCompile(`http://([0-9.:]+)`).FindStringSubmatch(line)
	if address == nil {
		b.Fatalf("it says %q, %v", line, err)
	}
	return server{command.Process.Pid, address[1]}
}

// launch starts a process that ends with the benchmark.
func launch(b *testing.B, command *exec.Cmd) {
	b.Helper()
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if command.Process.Signal(syscall.SIGTERM) != nil { // as on Windows
			command.Process.Kill()
		}
		command.Wait()
	})
}

// serveNginx serves a folder as nginx does at its best: with sendfile, one worker
// for each core, and a log like ours.
func serveNginx(b *testing.B, root string) server {
	b.Helper()
	nginx, dir := need(b, "nginx"), b.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // whom the folder is open to
	}
	config := filepath.Join(dir, "config")
	text := strings.NewReplacer("{dir}", dir, "{root}", root, "{user}", user, "{address}", address).Replace(`{user}
daemon off;
worker_processes auto;
pid {dir}/pid;
events { worker_connections 4096; }
http {
	sendfile on;
	access_log {dir}/access.log;
	keepalive_requests 1000000000;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
	server { listen {address}; root {root}; }
}
`)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	command := exec.Command(nginx, "-e", dir+"/error.log", "-c", config)
	launch(b, command)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return server{command.Process.Pid, address}
		}
		if time.Since(began) > 10*time.Second {
			b.Fatal(err)
		}
	}
}

// stored writes a file where nginx looks for it.
func stored(b *testing.B, content wusp.Content) (root string) {
	b.Helper()
	root = b.TempDir()
	path := filepath.Join(root, content.Path())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, content.Reader()); err != nil {
		b.Fatal(err)
	}
	return root
}

// Ranges over 32 connections, with witness and log, beside those of nginx with
// the same file. The two take short turns, and the best of each counts, as what
// else a machine does only ever makes them slower.
func BenchmarkRangesBesideNginx(b *testing.B) {
	const turns = 8
	wrk := need(b, "wrk")
	content := wusp.NewContent(64<<20, "00000000", ".cab")
	nginx := serveNginx(b, stored(b, content))
	ours := serve(b)
	for _, size := range []int64{2, 64 << 10, 1 << 20} {
		b.Run(strconv.FormatInt(size, 10), func(b *testing.B) {
			var us, them float64
			for b.Loop() {
				for range turns {
					them = max(them, requests(b, wrk, nginx, content, size))
					us = max(us, requests(b, wrk, ours, content, size))
				}
			}
			b.ReportMetric(us, "requests/s")
			b.ReportMetric(them, "nginx-requests/s")
			b.ReportMetric(us/them, "ratio")
		})
	}
}

var requestRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// requests is how many ranges of a size s answers in a second.
func requests(b *testing.B, wrk string, s server, content wusp.Content, size int64) float64 {
	b.Helper()
	ranges := fmt.Sprintf("Range: bytes=%d-%d", 1<<20, 1<<20+size-1)
	text, err := exec.Command(wrk, "-t2", "-c32", "-d1s", "-H", ranges, "http://"+s.address+content.Path()).CombinedOutput()
	rate := requestRate.FindSubmatch(text)
	if err != nil || rate == nil || strings.Contains(string(text), "Non-2xx") || strings.Contains(string(text), "Socket errors") {
		b.Fatalf("wrk: %v\n%s", err, text)
	}
	n, err := strconv.ParseFloat(string(rate[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// The memory of a server with 1,000 connections that idle and 1,000 on which
// ranges are fetched: at most, behind the first second, and at the end.
func BenchmarkIdleAndActive(b *testing.B) {
	const clients, spell = 1000, 6 * time.Second
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skipf("needs /proc: %v", err)
	}
	s := serve(b)
	var early, late, peak, fetched float64
	for b.Loop() {
		var conns []*client
		for range 2 * clients {
			conns = append(conns, dial(b, s.address))
		}
		stop := time.Now().Add(spell)
		var active sync.WaitGroup
		var mu sync.Mutex
		for _, c := range conns[clients:] {
			active.Go(func() {
				n, err := c.fetchUntil(stop)
				mu.Lock()
				defer mu.Unlock()
				fetched += float64(n)
				if err != nil {
					b.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		early = s.memory(b, "VmRSS")
		active.Wait()
		late, peak = s.memory(b, "VmRSS"), s.memory(b, "VmHWM")
		for _, c := range conns {
			c.conn.Close()
		}
	}
	b.ReportMetric(early, "early-MiB")
	b.ReportMetric(late, "late-MiB")
	b.ReportMetric(peak, "peak-MiB")
	b.ReportMetric(fetched/float64(b.N)/spell.Seconds(), "requests/s")
}

// memory is what /proc says of the memory of s, in MiB.
func (s server) memory(b *testing.B, name string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(name + `:\s+([0-9]+) kB`).FindSubmatch(text)
	if m == nil {
		b.Fatalf("there is no %s in %s", name, text)
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n / 1024
}

// A client has one connection, and a file of 10 GiB to fetch.
type client struct {
	conn    net.Conn
	answers *bufio.Reader
	content wusp.Content
}

// dial connects a client, which has then fetched two bytes.
func dial(b *testing.B, address string) *client {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	c := &client{conn, bufio.NewReaderSize(conn, 4096), wusp.NewContent(10<<30, "00000000", ".cab")}
	if err := c.fetch(0, 2); err != nil {
		b.Fatal(err)
	}
	return c
}

// fetch fetches a range.
func (c *client) fetch(at, size int64) error {
	c.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(c.conn, "GET %s HTTP/1.1\r\nHost: wsus\r\nRange: bytes=%d-%d\r\n\r\n", c.content.Path(), at, at+size-1); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && (answer.StatusCode != http.StatusPartialContent || n != size) {
		err = fmt.Errorf("%s with %d bytes, want 206 with %d", answer.Status, n, size)
	}
	return err
}

// fetchUntil fetches one range of 64 KiB after another, and counts them.
func (c *client) fetchUntil(stop time.Time) (n int, err error) {
	const size = 64 << 10
	for at := int64(0); time.Now().Before(stop) && err == nil; at += size {
		err = c.fetch(at, size)
		n++
	}
	return n, err
}

var requestCount = regexp.MustCompile(`([0-9]+) requests`)

// A scan of 1,000 updates, of which one answer names 30, as proxycheck makes it:
// from its start to its report.
func BenchmarkScan1000(b *testing.B) {
	const updates, page = 1000, 30
	proxycheck := built(b, "proxycheck")
	s := serve(b, "--updates", strconv.Itoa(updates))
	for b.Loop() {
		text, err := exec.Command(proxycheck, "run", "--proxy", "none", "--server", "http://"+s.address, "--steps", "wua-*").CombinedOutput()
		if err != nil {
			b.Fatalf("proxycheck: %v\n%s", err, text)
		}
		m := requestCount.FindSubmatch(text)
		if m == nil {
			b.Fatalf("no count of requests in\n%s", text)
		}
		if n, _ := strconv.Atoi(string(m[1])); n < updates/page {
			b.Fatalf("%d requests are too few for %d updates", n, updates)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
}
