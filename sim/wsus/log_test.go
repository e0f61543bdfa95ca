package wsus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// evening is when the requests of these tests come.
var evening = time.Date(2025, time.November, 20, 19, 4, 5, 67_890_000, time.FixedZone("", 3600))

// record is that of a request which took 1.5 ms.
func record(head, answer string, sent int64) *wsus.Record {
	r := &wsus.Record{Ended: evening.Add(1500 * time.Microsecond)}
	r.Arrival = wusp.Arrival{Number: 7, At: evening, Conn: 3, From: "192.0.2.7:51234", Head: []byte(head), Sent: sent}
	if answer != "" {
		r.Answer = []byte(answer)
	}
	return r
}

// Lines by hand, of requests from wire.md 1.3, 3.1 and 4.1.
func TestLogLines(t *testing.T) {
	part := record("GET /Content/C0/0011C0.cab HTTP/1.1\r\nAccept: */*\r\nAccept-Encoding: identity\r\nRange: bytes=0-5472\r\n"+
		"User-Agent: Microsoft BITS/7.8\r\nHost: wsus.example:8530\r\nVia: 1.1 squid (squid/5.7)\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n",
		"HTTP/1.1 206 Partial Content\r\n\r\n", 5473)
	call := record("POST /ClientWebService/client.asmx HTTP/1.1\r\nAccept-Encoding: xpress\r\n"+
		"User-Agent: Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90\r\nContent-Length: 234\r\nHost: wsus.example:8530\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", 1990)
	call.Operation, call.Client, call.TLS = "SyncUpdates", "7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23", true
	signed := record("GET http://alice:s3cret@wsus.example:8530/filestreamingservice/files/1a?P1=1700000000&P2=404&p4=q%2bR%3d HTTP/1.1\r\n"+
		"Range: bytes=0-1\r\nAuthorization: Basic YTpi\r\nProxy-Authorization: NTLM TlRM\r\nCookie: id=1\r\n\r\n", "HTTP/1.1 206 Partial Content\r\n\r\n", 2)
	hostile := record("G\x1bT /a b\"\\\x00é HTTP/1.1\r\nUser-Agent: <script>\x1b[31m\"\t\r\nVia: 1.1 a\r\nvia: 1.1 b\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", 0)
	hostile.Client = "x\ny z"
	for _, tt := range []struct {
		name       string
		r          *wsus.Record
		text, json string
	}{
		{"part", part,
			`2025-11-20T18:04:05.067Z 192.0.2.7:51234 "1.1 squid (squid/5.7)" GET /Content/C0/0011C0.cab "bytes=0-5472" 206 5473 1.500 "Microsoft BITS/7.8" -`,
			`{"n":7,"time":"2025-11-20T18:04:05.067Z","conn":3,"tls":false,"from":"192.0.2.7:51234","via":"1.1 squid (squid/5.7)","forwarded_for":"10.1.2.3",` +
				`"method":"GET","target":"/Content/C0/0011C0.cab","range":"bytes=0-5472","status":206,"bytes":5473,"ms":1.500,"user_agent":"Microsoft BITS/7.8"}`},
		{"call", call,
			`2025-11-20T18:04:05.067Z 192.0.2.7:51234 - POST /ClientWebService/client.asmx "SyncUpdates" 200 1990 1.500 ` +
				`"Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90" 7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23`,
			`{"n":7,"time":"2025-11-20T18:04:05.067Z","conn":3,"tls":true,"from":"192.0.2.7:51234","method":"POST","target":"/ClientWebService/client.asmx",` +
				`"operation":"SyncUpdates","status":200,"bytes":1990,"ms":1.500,"user_agent":"Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90",` +
				`"client":"7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23"}`},
		{"signed", signed,
			`2025-11-20T18:04:05.067Z 192.0.2.7:51234 - GET http://***@wsus.example:8530/filestreamingservice/files/1a?P1=1700000000&P2=404&p4=*** "bytes=0-1" 206 2 1.500 - -`,
			`{"n":7,"time":"2025-11-20T18:04:05.067Z","conn":3,"tls":false,"from":"192.0.2.7:51234","method":"GET",` +
				`"target":"http://***@wsus.example:8530/filestreamingservice/files/1a?P1=1700000000&P2=404&p4=***","range":"bytes=0-1","status":206,"bytes":2,"ms":1.500}`},
		{"hostile", hostile,
			`2025-11-20T18:04:05.067Z 192.0.2.7:51234 "1.1 a, 1.1 b" G\x1bT /a\x20b\"\\\x00\xc3\xa9 - 400 0 1.500 "<script>\x1b[31m\"" x\x0ay\x20z`,
			`{"n":7,"time":"2025-11-20T18:04:05.067Z","conn":3,"tls":false,"from":"192.0.2.7:51234","via":"1.1 a, 1.1 b","method":"G\u001bT",` +
				`"target":"/a b\"\\\u0000\u00c3\u00a9","status":400,"bytes":0,"ms":1.500,"user_agent":"<script>\u001b[31m\"","client":"x\u000ay z"}`},
		{"nothing", record("", "", 0),
			`2025-11-20T18:04:05.067Z 192.0.2.7:51234 - - - - 0 0 1.500 - -`,
			`{"n":7,"time":"2025-11-20T18:04:05.067Z","conn":3,"tls":false,"from":"192.0.2.7:51234","status":0,"bytes":0,"ms":1.500}`},
	} {
		if got := string(wsus.TextLine(nil, tt.r)); got != tt.text+"\n" {
			t.Errorf("%s as text:\n%swant\n%s", tt.name, got, tt.text)
		}
		if got := string(wsus.JSONLine(nil, tt.r)); got != tt.json+"\n" {
			t.Errorf("%s as JSON:\n%swant\n%s", tt.name, got, tt.json)
		}
	}
}

// A target of more than 300 bytes ends in dots, also where each byte takes four.
func TestLogTargetIsBounded(t *testing.T) {
	for _, tt := range []struct{ target, want string }{
		{"/" + strings.Repeat("a", 299), "/" + strings.Repeat("a", 299)},
		{"/" + strings.Repeat("a", 300), "/" + strings.Repeat("a", 296) + "..."},
		{"/" + strings.Repeat("\x01", 100), "/" + strings.Repeat(`\x01`, 74) + "..."},
	} {
		fields := strings.Fields(string(wsus.TextLine(nil, record("GET "+tt.target+" HTTP/1.1\r\n\r\n", "", 0))))
		if got := fields[4]; got != tt.want {
			t.Errorf("a target of %d bytes becomes %s of %d", len(tt.target), got, len(got))
		}
	}
}

// columns are those of a line of text.
var columns = regexp.MustCompile(`^\S+ \S+ (?:-|"(?:[^"\\]|\\.)*") \S+ \S+ (?:-|"(?:[^"\\]|\\.)*") \d+ \d+ \d+\.\d{3} (?:-|"(?:[^"\\]|\\.)*") \S+\n$`)

// Whatever comes is one line of visible ASCII with the same columns, and never
// longer than the sum of its bounds.
func FuzzLogLines(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nUser-Agent: a\r\n\r\n"), "7b0b7cc8", "HTTP/1.1 200 OK")
	f.Add([]byte("GET http://a@b@c/?P4=x&sig=y&P4 HTTP/1.1\r\nVia: \"\\\r\nVia:\r\nRange:\x00\r\n\r\n"), "\xff\n", "HTTP/1.1 x")
	f.Add([]byte(strings.Repeat("\x00 ", 5000)+"\r\nX-Forwarded-For: "+strings.Repeat("é", 500)), "", "")
	f.Fuzz(func(t *testing.T, head []byte, client, answer string) {
		r := record(string(head), answer, 5)
		r.Client, r.Operation = client, client
		text := wsus.TextLine(nil, r)
		if len(text) > 1200 || !columns.Match(text) || bytes.ContainsFunc(text[:len(text)-1], func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%d bytes of text: %q", len(text), text)
		}
		line := wsus.JSONLine(nil, r)
		var members map[string]any
		if err := json.Unmarshal(line, &members); err != nil || len(line) > 1600 || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%d bytes of JSON, %v: %q", len(line), err, line)
		}
	})
}

// A log line costs no memory of its own.
func TestLogAllocates(t *testing.T) {
	r := record("GET /Content/C0/0011C0.cab HTTP/1.1\r\nRange: bytes=0-1\r\nUser-Agent: Microsoft BITS/7.8\r\n\r\n", "HTTP/1.1 206 Partial Content\r\n\r\n", 2)
	var line []byte
	for _, name := range slices.Sorted(maps.Keys(wsus.LineForms)) {
		form := wsus.LineForms[name]
		line = form(line[:0], r)
		if n := testing.AllocsPerRun(100, func() { line = form(line[:0], r) }); n > 0 {
			t.Errorf("a line of %s allocates %v times", name, n)
		}
	}
}

// quietly is for logs that are to meet no trouble.
func quietly(t *testing.T) func(error) {
	return func(err error) { t.Errorf("the log has trouble: %v", err) }
}

// What was observed is written when the log is closed, in its order.
func TestLogClose(t *testing.T) {
	var to bytes.Buffer
	l := wsus.NewLog(&to, wsus.TextLine, quietly(t))
	const lines = 2000
	for i := range lines {
		l.Observe(record("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", int64(i)))
	}
	l.Close()
	got := strings.Split(strings.TrimSuffix(to.String(), "\n"), "\n")
	if len(got) != lines || !strings.Contains(got[lines-1], " 200 1999 ") || l.Lost() != 0 {
		t.Errorf("%d lines of %d, %d are lost; the last is %s", len(got), lines, l.Lost(), got[len(got)-1])
	}
}

// A line waits for others a second at most.
func TestLogPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		l := wsus.NewLog(to, wsus.TextLine, quietly(t))
		begun := time.Now()
		l.Observe(record("GET /one HTTP/1.1\r\n\r\n", "", 0))
		buf := make([]byte, 1000)
		n, err := from.Read(buf)
		if took := time.Since(begun); err != nil || !strings.Contains(string(buf[:n]), "/one") || took > time.Second {
			t.Errorf("after %s: %q, %v", took, buf[:n], err)
		}
		l.Close()
	})
}

// On a full disk lines are lost and counted, and it is said once.
func TestLogDiskFull(t *testing.T) {
	to, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer to.Close()
	var said atomic.Int32
	l := wsus.NewLog(to, wsus.TextLine, func(err error) {
		if said.Add(1); !strings.Contains(err.Error(), "no space left") {
			t.Errorf("it says %v", err)
		}
	})
	const lines = 3000 // of some 70 bytes each: more than one block
	for range lines {
		l.Observe(record("GET / HTTP/1.1\r\n\r\n", "", 0))
	}
	l.Close()
	if said.Load() != 1 || l.Lost() != lines {
		t.Errorf("said %d times, %d lines lost; want once, and %d", said.Load(), l.Lost(), lines)
	}
}

// While nobody takes the log, requests go on: what does not fit is counted.
func TestLogSlow(t *testing.T) {
	from, to := io.Pipe()
	trouble := make(chan error, 10)
	l := wsus.NewLog(to, wsus.TextLine, func(err error) { trouble <- err })
	const lines = 20_000 // more than wait and stand in a block
	for range lines {
		l.Observe(record("GET / HTTP/1.1\r\n\r\n", "", 0))
	}
	if err := <-trouble; !strings.Contains(err.Error(), "more slowly") || len(trouble) > 0 {
		t.Errorf("it says %v, and more: %d", err, len(trouble))
	}
	written := make(chan int)
	go func() {
		text, _ := io.ReadAll(from)
		written <- bytes.Count(text, []byte("\n"))
	}()
	l.Close()
	to.Close()
	if n := <-written; n+int(l.Lost()) != lines || l.Lost() == 0 {
		t.Errorf("%d lines are written and %d lost, of %d", n, l.Lost(), lines)
	}
}

// A tearing writer takes the first block in part.
type tearing struct {
	bytes.Buffer
	torn bool
}

func (w *tearing) Write(p []byte) (int, error) {
	if w.torn {
		return w.Buffer.Write(p)
	}
	w.torn = true
	w.Buffer.Write(p[:len(p)-5])
	return len(p) - 5, errors.New("the disk is full")
}

// What could be written only in part does not run into the line behind it.
func TestLogTorn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var to tearing
		said := 0
		l := wsus.NewLog(&to, wsus.TextLine, func(error) { said++ })
		l.Observe(record("GET /one HTTP/1.1\r\n\r\n", "", 0))
		time.Sleep(2 * time.Second) // of the bubble
		l.Observe(record("GET /two HTTP/1.1\r\n\r\n", "", 0))
		l.Close()
		lines := strings.Split(to.String(), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "/one") || !strings.HasPrefix(lines[1], "2025-") || l.Lost() != 1 || said != 1 {
			t.Errorf("%d lost, said %d times:\n%s", l.Lost(), said, &to.Buffer)
		}
	})
}

func BenchmarkLog(b *testing.B) {
	r := record("GET /Content/C0/00000001E1F3ECC583A8DA5C32EFBE308A80ACC0.cab HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\n"+
		"Accept-Encoding: identity\r\nIf-Unmodified-Since: Tue, 11 Nov 2025 18:00:00 GMT\r\nRange: bytes=0-5472\r\n"+
		"User-Agent: Microsoft BITS/7.8\r\nHost: wsus.example:8530\r\n\r\n", "HTTP/1.1 206 Partial Content\r\n\r\n", 5473)
	l := wsus.NewLog(io.Discard, wsus.TextLine, func(error) {})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Observe(r)
		}
	})
	l.Close()
	b.ReportMetric(float64(l.Lost())/float64(b.N), "lost/op")
}
