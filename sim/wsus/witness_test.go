package wsus_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A witnessed server is one that keeps what arrives.
type witnessed struct {
	*wsus.Witness
	addr  string
	mu    sync.Mutex
	ended []*wsus.Record
	more  chan bool
}

// newWitnessed serves s with a witness until the test ends.
func newWitnessed(t *testing.T, h http.Handler) *witnessed {
	t.Helper()
	w := &witnessed{Witness: wsus.NewWitness(), more: make(chan bool, 1000)}
	w.Observe = append(w.Observe, func(r *wsus.Record) {
		w.mu.Lock()
		w.ended = append(w.ended, r)
		w.mu.Unlock()
		w.more <- true
	})
	if h == nil {
		h = &wsus.Server{Size: 1000, Witness: w.Witness}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.Handler(h)}
	w.Attach(server)
	go server.Serve(w.Listener(l))
	t.Cleanup(func() { server.Close() })
	w.addr = l.Addr().String()
	return w
}

// send writes text to the server and returns the answers to so many requests.
func (w *witnessed) send(t *testing.T, text string, answers int) (bodies []string) {
	t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, text)
	r := bufio.NewReader(c)
	for range answers {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(body))
	}
	return bodies
}

// settled waits for the ends of n requests.
func (w *witnessed) settled(n int) []*wsus.Record {
	for range n {
		<-w.more
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// told is what the server tells to who knows nonce.
func (w *witnessed) told(t *testing.T, nonce string) *wusp.Testimony {
	t.Helper()
	body := w.send(t, fmt.Sprintf("GET %s/60000/%x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", w.Path(), nonce), 1)[0]
	testimony, err := wusp.OpenTestimony([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return testimony
}

// TestWitness checks that a request is told as it came, byte for byte, with what
// was answered.
func TestWitness(t *testing.T) {
	w := newWitnessed(t, nil)
	content := wusp.NewContent(1000, "C0FFEE00", ".cab")
	get := "GET http://wsus.test" + content.Path() + "?a=b&A=%2b HTTP/1.1\r\nrange:bytes=2-5\r\nHost:  wsus.test\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"
	post := "POST /c0ffee00 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	w.send(t, get+post, 2)
	w.settled(2)
	told := w.told(t, "c0ffee00").Arrivals
	if len(told) != 2 {
		t.Fatalf("%d requests are told of, want 2", len(told))
	}
	want := strings.Replace(get, "Basic c2VjcmV0", "***", 1)
	if string(told[0].Head) != want {
		t.Errorf("the head is told as\n%q, want\n%q", told[0].Head, want)
	}
	part := make([]byte, 4)
	content.ReadAt(part, 2)
	sum := fmt.Sprintf("%08x", crc32.Checksum(part, crc32.MakeTable(crc32.Castagnoli)))
	if a := told[0]; a.Sent != 4 || a.CRC32C != sum || !a.Done || !strings.HasPrefix(string(a.Answer), "HTTP/1.1 206 ") || !strings.HasSuffix(string(a.Answer), "\r\n\r\n") {
		t.Errorf("of the answer is told: %d bytes, sum %s, done %v, head %q; want 4 bytes with sum %s", a.Sent, a.CRC32C, a.Done, a.Answer, sum)
	}
	if told[0].Conn != told[1].Conn || told[0].Number >= told[1].Number || told[0].To != w.addr {
		t.Errorf("the requests are said to be number %d on connection %d and number %d on connection %d, to %s",
			told[0].Number, told[0].Conn, told[1].Number, told[1].Conn, told[0].To)
	}
	for _, other := range w.told(t, "deadbeef").Arrivals {
		if strings.Contains(string(other.Head), content.Path()) {
			t.Errorf("who names another run is told of %q", other.Head)
		}
	}
}

// TestWitnessBody checks that the digest of a body is told when it was read whole,
// and else not.
func TestWitnessBody(t *testing.T) {
	for _, reads := range []bool{true, false} {
		w := newWitnessed(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if reads {
				io.Copy(io.Discard, r.Body)
			}
		}))
		w.send(t, "POST /c0ffee00 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 1)
		sum, want := sha256.Sum256([]byte("hello")), ""
		if reads {
			want = hex.EncodeToString(sum[:])
		}
		w.settled(1)
		if told := w.told(t, "c0ffee00").Arrivals; len(told) != 1 || told[0].SHA256 != want {
			t.Errorf("read %v: told %+v, want the digest %q", reads, told, want)
		}
	}
}

// TestWitnessUnderWay checks that an answer that does not end is told of with what
// was sent so far.
func TestWitnessUnderWay(t *testing.T) {
	begun, release := make(chan bool), make(chan bool)
	w := newWitnessed(t, http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Length", "10")
		io.WriteString(answer, "12345")
		http.NewResponseController(answer).Flush()
		begun <- true
		<-release
	}))
	defer close(release)
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET /c0ffee00 HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	if told := w.told(t, "c0ffee00").Arrivals; len(told) != 1 || told[0].Sent != 5 || told[0].Done {
		t.Errorf("told %+v, want 5 bytes of an answer that is not done", told)
	}
}

// TestWitnessMalformed checks that what the server cannot read is recorded too.
func TestWitnessMalformed(t *testing.T) {
	for text, want := range map[string]string{
		"GET /c0ffee00 HTTP/9.9\r\nHost: x\r\n\r\n":                                             "HTTP/1.1 505",
		"GET /c0ffee00 HTTP/1.1\r\nHost: x\r\nNo field\r\n\r\n":                                 "HTTP/1.1 400",
		"GET /c0ffee00 HTTP/1.1\r\nRange: bytes=0-0" + strings.Repeat(",0-0", 2<<20/4) + "\r\n": "HTTP/1.1 431",
	} {
		w := newWitnessed(t, nil)
		w.send(t, text, 1)
		if got := string(w.settled(1)[0].Answer); !strings.HasPrefix(got, want) {
			t.Errorf("the record of %.60q was answered %q, want %s", text, got, want)
		}
	}
}

// TestWitnessLongHead checks that a head that is too long to be kept is recorded, and
// what comes behind it on the same connection.
func TestWitnessLongHead(t *testing.T) {
	w := newWitnessed(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.send(t, "GET /c0ffee00 HTTP/1.1\r\nHost: x\r\nPadding: "+strings.Repeat("x", 100<<10)+"\r\n\r\nGET /c0ffee00/2 HTTP/1.1\r\nHost: x\r\n\r\n", 2)
	w.settled(2)
	told := w.told(t, "c0ffee00").Arrivals
	if len(told) != 2 || len(told[0].Head) != 64<<10 || !strings.HasPrefix(string(told[1].Head), "GET /c0ffee00/2 ") {
		t.Errorf("%d requests are told of", len(told))
	}
}

// TestWitnessQuestions checks that a question that makes no sense is refused, and
// one at another path.
func TestWitnessQuestions(t *testing.T) {
	w := newWitnessed(t, nil)
	for _, question := range []string{"/", "/60000", "/60000/", "/x/61", "/60000/zz", "/60000" + strings.Repeat("/61", 9), "/99999999999/61"} {
		answer, err := http.Get("http://" + w.addr + w.Path() + question)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest && question != "/60000/" {
			t.Errorf("%s is answered %s", question, answer.Status)
		}
	}
	for _, path := range []string{wusp.WitnessPath, wusp.WitnessPath + strings.Repeat("0", 32) + "/60000/61"} {
		answer, err := http.Get("http://" + w.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered %s", path, answer.Status)
		}
	}
}
