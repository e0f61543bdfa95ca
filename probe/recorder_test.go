package probe_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// A recorder is a proxy that keeps each request as it came, under the address
// from which it came: a connection makes one request after another.
type recorder struct {
	addr string
	mu   sync.Mutex
	sent map[string][]string
}

// record starts a recorder that answers each request as answer says. It ends
// with the test.
func record(t *testing.T, answer func(request string) string) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{addr: listener.Addr().String(), sent: map[string][]string{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.serve(conn, answer) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return r
}

// serve answers the requests of one connection until the client hangs up.
func (r *recorder) serve(conn net.Conn, answer func(string) string) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // lest a client that keeps it hang the test
	reader := bufio.NewReader(conn)
	for {
		request, err := readRequest(reader)
		if request != "" {
			r.mu.Lock()
			from := conn.RemoteAddr().String()
			r.sent[from] = append(r.sent[from], request)
			r.mu.Unlock()
		}
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, answer(request)); err != nil {
			return
		}
	}
}

// take removes the oldest request that came from an address.
func (r *recorder) take(from string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent[from]) == 0 {
		return ""
	}
	first := r.sent[from][0]
	r.sent[from] = r.sent[from][1:]
	return first
}

// rest are the requests that nobody took.
func (r *recorder) rest() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var rest []string
	for _, requests := range r.sent {
		rest = append(rest, requests...)
	}
	return rest
}

// bodyLength finds the length of a request's body.
var bodyLength = regexp.MustCompile(`(?mi)^Content-Length: *([0-9]+)`)

// readRequest reads a request as it is, up to the end that it states.
func readRequest(reader *bufio.Reader) (string, error) {
	var request strings.Builder
	for {
		line, err := reader.ReadString('\n')
		request.WriteString(line)
		if err != nil {
			return request.String(), err
		}
		if strings.Trim(line, "\r\n") == "" {
			break
		}
	}
	length := int64(0)
	if m := bodyLength.FindStringSubmatch(request.String()); m != nil {
		length, _ = strconv.ParseInt(m[1], 10, 64)
	}
	_, err := io.CopyN(&request, reader, length)
	return request.String(), err
}

// answer is a minimal answer of a healthy proxy that opens no tunnels.
func answer(request string) string {
	method, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	switch method {
	case "CONNECT":
		return "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
	case "POST":
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
			len(wusp.ConfigResponse), wusp.ConfigResponse)
	}
	cabinet := wusp.Cabinet("a.txt", []byte("the agent's own update"))
	file := io.NewSectionReader(bytes.NewReader(cabinet), 0, int64(len(cabinet)))
	if content, ok := wusp.ParseContent(regexp.MustCompile(`^http://[^/]*`).ReplaceAllString(target, "")); ok {
		file = content.Reader()
	}
	if strings.Contains(request, "\r\nIf-Unmodified-Since: Sat, 01 Jan 2000") {
		return "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
	}
	return headOf(file, request) + bodyOf(file, request)
}

// headOf is the head of an answer with what a request asks of a file.
func headOf(file *io.SectionReader, request string) string {
	status, fields := "200 OK", ""
	from, to, ok := asked(file, request)
	if ok {
		status, fields = "206 Partial Content", fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", from, to, file.Size())
	}
	return fmt.Sprintf("HTTP/1.1 %s\r\nLast-Modified: %s\r\nContent-Length: %d\r\n%s\r\n", status, goldenDate, to-from+1, fields)
}

// bodyOf is the body of that answer; HEAD gets none.
func bodyOf(file *io.SectionReader, request string) string {
	if strings.HasPrefix(request, "HEAD ") {
		return ""
	}
	from, to, _ := asked(file, request)
	body := make([]byte, to-from+1)
	file.ReadAt(body, from)
	return string(body)
}

// asked is the part of a file that a request asks for, and whether it does; the
// whole when it does not.
func asked(file *io.SectionReader, request string) (from, to int64, ok bool) {
	_, wanted, _ := strings.Cut(request, "\r\nRange: ")
	n, _ := fmt.Sscanf(wanted, "bytes=%d-%d\r\n", &from, &to)
	if n < 2 || from < 0 || from > to || to >= file.Size() {
		return 0, file.Size() - 1, false
	}
	return from, to, true
}
