package sim

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// brokenNet is a net with one thing after another done to it.
func brokenNet(t *testing.T, breaks ...func(*Net)) *Net {
	t.Helper()
	var faults []*Fault
	for i, b := range breaks {
		faults = append(faults, &Fault{Name: fmt.Sprint("mischief-", i), Break: b})
	}
	n, err := NewNet("", faults...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	n.Server.Size, n.Server.Updates = smallFile, fewUpdates
	return n
}

// What a server has where something is to show: files of still more than the 1 MiB
// that Delivery Optimization asks for at once, and one short page of updates.
const (
	smallFile  = 1<<20 + 20_003
	fewUpdates = 2
)

// A client is one connection to the proxy, of which each byte is our own.
type client struct {
	*testing.T
	net.Conn
	br *bufio.Reader
}

func connectTo(t *testing.T, n *Net) *client {
	t.Helper()
	c, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &client{t, c, bufio.NewReader(c)}
}

// ask sends a request, of which only the start line and what is special is
// given, and reads the answer to its end.
func (c *client) ask(start string, fields ...string) (*http.Response, string) {
	c.Helper()
	c.send(start, fields...)
	return c.read(start)
}

// send sends it and no more. The server's name stands for {} in start.
func (c *client) send(start string, fields ...string) {
	c.Helper()
	start = strings.Replace(start, "{}", "http://"+ServerName+":8530", 1)
	text := start + " HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	if _, err := io.WriteString(c, text+"Host: "+ServerName+":8530\r\n\r\n"); err != nil {
		c.Fatal(err)
	}
}

func (c *client) read(start string) (*http.Response, string) {
	c.Helper()
	method, _, _ := strings.Cut(start, " ")
	a, err := http.ReadResponse(c.br, &http.Request{Method: method})
	if err != nil {
		c.Fatalf("%s: %v", start, err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		c.Fatalf("%s: after %d bytes: %v", start, len(body), err)
	}
	return a, string(body)
}

// ends holds the connection to its end, by FIN, with nothing before it.
func (c *client) ends() {
	c.Helper()
	if rest, err := io.ReadAll(c.br); err != nil || len(rest) > 0 {
		c.Errorf("in place of FIN: %q, %v", rest, err)
	}
}

func hasStatus(t *testing.T, a *http.Response, want int) {
	t.Helper()
	if a.StatusCode != want {
		t.Errorf("the answer is %s, want %d", a.Status, want)
	}
}

func hasField(t *testing.T, a *http.Response, name, want string) {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}

// newObject is a file that no cache has seen, and all its bytes.
func newObject() (path, all string) {
	o := wusp.NewContent(100_001, "00000000", ".cab")
	b, _ := io.ReadAll(o.Reader())
	return o.Path(), string(b)
}

// A record is what came to the server.
type record struct {
	mu  sync.Mutex
	all []*http.Request
}

// by puts it around what the server does.
func (rec *record) by(n *Net) {
	honest := n.Server.Handler
	n.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.all = append(rec.all, r)
		rec.mu.Unlock()
		honest.ServeHTTP(w, r)
	})
}

func (rec *record) requests() []*http.Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.all)
}

// says is a server that answers everything with a body of that type.
func says(status int, fields http.Header, body string) func(*Net) {
	return origin(everything, func(w http.ResponseWriter, r *http.Request) {
		for name, values := range fields {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

// An answer that is changed by hand ends where its framing says, and the
// connection goes on, also past the requests that the change is not for.
func TestChangedAnswerKeepsConnection(t *testing.T) {
	path, all := newObject()
	for name, breaks := range map[string][]func(*Net){
		"head":    {head(file(".cab"), "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX-Seen: yes\r\n")},
		"chunked": {head(everything, "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX-Seen: yes\r\n"), response(everything, drop("Content-Length"))},
		"literal": {answer(file(".cab"), fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Seen: yes\r\nContent-Length: %d\r\n\r\n%s", len(all), all))},
		"long tail": {head(file(".cab"), "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nX-Seen: yes\r\n"),
			body(everything, int64(len(all)), reset)},
	} {
		t.Run(name, func(t *testing.T) {
			c := connectTo(t, brokenNet(t, breaks...))
			for range 3 {
				a, body := c.ask("GET {}" + path)
				hasField(t, a, "X-Seen", "yes")
				if hasStatus(t, a, 200); body != all || a.Close {
					t.Errorf("the body is right: %v; it is the last: %v", body == all, a.Close)
				}
				a, _ = c.ask("GET {}/nothing")
				hasStatus(t, a, 404)
			}
		})
	}
}

// A change after which the client cannot tell where the answer ends is the last
// one of its connection; of HEAD there is no end to tell.
func TestMisframedAnswerEndsConnection(t *testing.T) {
	for _, row := range []struct {
		method, old, new string
		last             bool
	}{
		{"GET", "Content-Length: ", "Content-Length: 1\r\nContent-Length: ", true},
		{"GET", "HTTP/1.1 ", "HTTP/1.0 ", true},
		{"GET", "Content-Type: ", "X-Type: ", false},
		{"HEAD", "Content-Length: ", "Content-Length: 1", false},
		{"HEAD", "HTTP/1.1 ", "HTTP/1.0 ", true},
	} {
		c := connectTo(t, brokenNet(t, says(200, http.Header{"Content-Length": {"4"}, "Content-Type": {"x/y"}}, "body"), head(everything, row.old, row.new)))
		for range 2 {
			c.send(row.method + " {}/")
			if !row.last {
				c.read(row.method)
				continue
			}
			got, err := io.ReadAll(c.br)
			if !bytes.Contains(got, []byte(row.new)) || bytes.HasSuffix(got, []byte("\r\n\r\nbody")) != (row.method == "GET") || err != nil {
				t.Errorf("%s with %q: %q, %v", row.method, row.new, got, err)
			}
			break
		}
	}
}

// The answer by hand to a request with a body leaves nothing of it behind.
func TestLiteralAnswerTakesBody(t *testing.T) {
	const size = 900_000
	c := connectTo(t, brokenNet(t, answer(method("POST"), refusal(403))))
	for range 2 {
		c.send("POST {}/", fmt.Sprint("Content-Length: ", size))
		io.WriteString(c, strings.Repeat("x", size))
		a, body := c.read("POST")
		if hasStatus(t, a, 403); body != pageOf("Forbidden") {
			t.Errorf("the page is %q", body)
		}
	}
	c = connectTo(t, brokenNet(t, answer(method("POST"), "nonsense\r\n")))
	c.send("POST {}/", fmt.Sprint("Content-Length: ", size))
	io.WriteString(c, strings.Repeat("x", size))
	if got, err := io.ReadAll(c.br); string(got) != "nonsense\r\n" || err != nil {
		t.Errorf("at the end of a connection: %q, %v", got, err)
	}
}

// What a literal answer says of its end decides about the connection.
func TestKeepsOpen(t *testing.T) {
	for _, row := range []struct {
		method, text string
		want         bool
	}{
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false},
		{"GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{"GET", "HTTP/1.1 200 OK\r\n\r\nto the end", false},
		{"HEAD", "HTTP/1.1 200 OK\r\n\r\n", true},
		{"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", true},
		{"GET", "SSH-2.0-OpenSSH_9.2\r\n", false},
	} {
		c := connectTo(t, brokenNet(t, answer(everything, row.text)))
		c.send(row.method + " {}/")
		got := make([]byte, len(row.text))
		if _, err := io.ReadFull(c.br, got); err != nil || string(got) != row.text {
			t.Errorf("%q came as %q, %v", row.text, got, err)
		}
		if !row.want {
			c.ends()
			continue
		}
		a, _ := c.ask(row.method + " {}/")
		if want, _, _ := strings.Cut(row.text, "\r\n"); a.Proto+" "+a.Status != want {
			t.Errorf("%s %q: then %s", row.method, row.text, a.Status)
		}
	}
}

// An interim answer is no head to change.
func TestInterimPassesUnchanged(t *testing.T) {
	c := connectTo(t, brokenNet(t, head(everything, "HTTP/1.1 ", "HTTP/1.0 ")))
	c.send("POST {}/ClientWebService/client.asmx", "Content-Type: text/xml", "Expect: 100-continue", "Content-Length: 1")
	interim := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := io.ReadFull(c.br, interim); err != nil || string(interim) != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("first %q, %v", interim, err)
	}
	io.WriteString(c, "x")
	if a, _ := c.read("POST"); a.Proto != "HTTP/1.0" || a.StatusCode != 500 {
		t.Errorf("then %s %s", a.Proto, a.Status)
	}
}

// So many bytes of a body come, and not one more.
func TestTail(t *testing.T) {
	path, all := newObject()
	for name, row := range map[string]struct {
		then func(net.Conn)
		err  error
	}{
		"fin": {hangUp, io.ErrUnexpectedEOF},
		"rst": {reset, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			held := make(chan bool)
			wait := func(c net.Conn) { <-held; row.then(c) } // until the client has what came before
			c := connectTo(t, brokenNet(t, body(everything, 40_000, wait)))
			c.send("GET {}" + path)
			a, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 40_000)
			if _, err := io.ReadFull(a.Body, got); err != nil || string(got) != all[:40_000] {
				t.Fatal("the bytes before are not those of the file: ", err)
			}
			close(held)
			rest, err := io.ReadAll(a.Body)
			if len(rest) > 0 || !errors.Is(err, row.err) {
				t.Errorf("then %d bytes, %v", len(rest), err)
			}
		})
	}
}

// far is a net at some distance.
func far(rtt time.Duration) func(*Net) { return func(n *Net) { n.RTT = rtt } }

// Each exchange costs a round trip, a connection one more, and bytes none.
func TestRTT(t *testing.T) {
	const rtt = 200 * time.Millisecond
	path, all := newObject()
	n := brokenNet(t, far(rtt))
	start := time.Now()
	c := connectTo(t, n)
	for i, least := range []time.Duration{2 * rtt, rtt, rtt} {
		_, body := c.ask("GET {}" + path)
		took := time.Since(start)
		if start = time.Now(); took < least || body != all {
			t.Errorf("exchange %d took %s, want at least %s; the body is right: %v", i, took, least, body == all)
		}
	}
	big := wusp.NewContent(4<<20, "00000000", ".cab")
	_, body := c.ask("GET {}" + big.Path())
	if took := time.Since(start); len(body) != 4<<20 || took < rtt {
		t.Errorf("%d bytes took %s", len(body), took)
	}
}

// Over a long line FIN stays FIN, RST stays RST, and a tunnel a tunnel.
func TestRTTKeepsEnds(t *testing.T) {
	const rtt = 20 * time.Millisecond
	c := connectTo(t, brokenNet(t, far(rtt), takeOver(everything, hangUp)))
	c.send("GET {}/")
	c.ends()

	c = connectTo(t, brokenNet(t, far(rtt), takeOver(everything, reset)))
	c.send("GET {}/")
	if _, err := io.ReadAll(c.br); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("in place of RST: %v", err)
	}

	gone := make(chan error, 1)
	c = connectTo(t, brokenNet(t, far(rtt), takeOver(everything, func(c net.Conn) {
		_, err := io.Copy(io.Discard, c)
		gone <- err
	})))
	c.send("GET {}/")
	c.Close()
	if err := <-gone; err != nil {
		t.Errorf("the client's FIN came as %v", err)
	}

	c = connectTo(t, brokenNet(t, far(rtt)))
	c.send("CONNECT wsus.test:8530")
	if a, err := http.ReadResponse(c.br, &http.Request{Method: "CONNECT"}); err != nil || a.StatusCode != 200 {
		t.Fatal(a, err)
	}
	io.WriteString(c, "GET /iuident.cab HTTP/1.1\r\nHost: wsus.test:8530\r\nConnection: close\r\n\r\n")
	a, _ := c.read("GET")
	hasStatus(t, a, 200)
	c.ends()
}

// A net with bytes on the way and connections that nobody ends can be closed.
func TestRTTCloses(t *testing.T) {
	n := brokenNet(t, far(time.Hour))
	c := connectTo(t, n)
	c.send("GET {}/")
	n.Close()
	if _, err := io.ReadAll(c.br); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stands after the net is closed")
	}
}

func TestCloseEach(t *testing.T) {
	path, all := newObject()
	for name, row := range map[string]struct {
		mischief          func(*Net)
		connection, proxy string
		last              bool
	}{
		"health":          {func(*Net) {}, "", "", false},
		"finAfterEach":    {finAfterEach, "", "", true},
		"connectionClose": {connectionClose, "close", "", true},
		"lyingKeepAlive":  {lyingKeepAlive, "keep-alive", "keep-alive", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := connectTo(t, brokenNet(t, row.mischief))
			raw := new(bytes.Buffer)
			c.br = bufio.NewReader(io.TeeReader(c.Conn, raw))
			_, body := c.ask("GET {}" + path)
			if body != all {
				t.Error("the file is not right")
			}
			text, _, _ := strings.Cut(raw.String(), "\r\n\r\n")
			a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\nConnection:", "\nX-Connection:")+"\r\n\r\n")), nil)
			if err != nil {
				t.Fatal(err)
			}
			hasField(t, a, "X-Connection", row.connection)
			hasField(t, a, "Proxy-Connection", row.proxy)
			if row.last {
				c.ends()
				return
			}
			a, _ = c.ask("GET {}" + path)
			hasStatus(t, a, 200)
		})
	}
	c := connectTo(t, brokenNet(t, finAfterEach, answer(everything, refusal(403))))
	a, _ := c.ask("GET {}/")
	hasStatus(t, a, 403)
	c.ends()
}

func TestConnCap(t *testing.T) {
	n := brokenNet(t, connCap(2))
	first, second := connectTo(t, n), connectTo(t, n)
	for _, c := range []*client{first, second} {
		a, _ := c.ask("GET {}/iuident.cab")
		hasStatus(t, a, 200)
	}
	connectTo(t, n).ends()
	a, _ := first.ask("GET {}/iuident.cab")
	hasStatus(t, a, 200)
}

func TestIdleCut(t *testing.T) {
	t.Parallel()
	const after = time.Second // long for a client on a loaded machine
	c := connectTo(t, brokenNet(t, idleCut(after)))
	a, _ := c.ask("GET {}/iuident.cab")
	start := time.Now()
	hasStatus(t, a, 200)
	c.ends()
	if took := time.Since(start); took < after/2 {
		t.Errorf("cut after %s", took)
	}
}

func TestPostLimit(t *testing.T) {
	n := brokenNet(t, postLimit(1000))
	soap := []string{"Content-Type: text/xml", `SOAPAction: "x"`}
	c := connectTo(t, n)
	c.send("POST {}/ClientWebService/client.asmx", append(soap, "Content-Length: 1000")...)
	io.WriteString(c, strings.Repeat("x", 1000))
	a, _ := c.read("POST")
	hasStatus(t, a, 500) // from the server, which does not know the call

	c.send("POST {}/ClientWebService/client.asmx", append(soap, "Content-Length: 1000000")...)
	io.WriteString(c, "x") // and no more: the answer is early
	a, _ = c.read("POST")
	if hasStatus(t, a, 413); !a.Close {
		t.Error("the answer does not say that it is the last")
	}
	c.ends()

	c = connectTo(t, n)
	c.send("POST {}/ClientWebService/client.asmx", append(soap, "Content-Length: 1000000")...)
	if _, err := io.WriteString(c, strings.Repeat("x", 1_000_000)); err != nil {
		t.Error("while the body is sent: ", err) // what comes unread is no reason for RST
	}
	a, _ = c.read("POST")
	hasStatus(t, a, 413)
	c.ends()

	for size, status := range map[int]int{1000: 500, 1001: 413} {
		c = connectTo(t, n)
		c.send("POST {}/ClientWebService/client.asmx", append(soap, "Transfer-Encoding: chunked")...)
		fmt.Fprintf(c, "%x\r\n%s\r\n0\r\n\r\n", size, strings.Repeat("x", size))
		a, _ = c.read("POST")
		hasStatus(t, a, status)
	}
}

func TestHeadLimit(t *testing.T) {
	for _, status := range []int{400, 431} {
		c := connectTo(t, brokenNet(t, headLimit(8192, status)))
		const start = "GET http://wsus.test:8530/iuident.cab"
		rest := len(start) + len(" HTTP/1.1\r\nProxy-Connection: Keep-Alive\r\nX: \r\nHost: wsus.test:8530\r\n\r\n")
		a, _ := c.ask(start, "X: "+strings.Repeat("x", 8192-rest))
		hasStatus(t, a, 200)
		a, _ = c.ask(start, "X: "+strings.Repeat("x", 8193-rest))
		hasStatus(t, a, status)
	}
}

func TestURLLimit(t *testing.T) {
	c := connectTo(t, brokenNet(t, urlLimit(1024)))
	url := "http://wsus.test:8530/iuident.cab?"
	a, _ := c.ask("GET " + url + strings.Repeat("x", 1024-len(url)))
	hasStatus(t, a, 200)
	a, _ = c.ask("GET " + url + strings.Repeat("x", 1025-len(url)))
	hasStatus(t, a, 414)
}

func TestHideFaults(t *testing.T) {
	for _, row := range []struct {
		status     int
		kind, want string
	}{
		{500, "text/xml; charset=utf-8", pageOf("An error occurred")},
		{500, "application/soap+xml", pageOf("An error occurred")},
		{500, "text/html", "<Fault/>"},
		{200, "text/xml", "<Fault/>"},
	} {
		c := connectTo(t, brokenNet(t, response(everything, hideFaults), says(row.status, http.Header{"Content-Type": {row.kind}}, "<Fault/>")))
		a, body := c.ask("POST {}/x.asmx", "Content-Length: 0")
		if hasStatus(t, a, row.status); body != row.want {
			t.Errorf("%d %s came as %q", row.status, row.kind, body)
		}
	}
}

// numbers is a server that counts.
func numbers(n *Net) {
	var mu sync.Mutex
	var count int
	origin(everything, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		count++
		w.Header().Set("X-Number", fmt.Sprint(count))
		fmt.Fprint(w, count)
	})(n)
}

func TestPostCache(t *testing.T) {
	c := connectTo(t, brokenNet(t, postCache, numbers))
	for _, row := range []struct{ start, action, want string }{
		{"POST {}/a.asmx", "GetCookie", "1"},
		{"POST {}/a.asmx", "GetCookie", "1"},
		{"POST {}/a.asmx", "SyncUpdates", "2"},
		{"POST {}/b.asmx", "GetCookie", "3"},
		{"GET {}/a.asmx", "GetCookie", "4"},
		{"GET {}/a.asmx", "GetCookie", "5"},
		{"POST {}/a.asmx", "SyncUpdates", "2"},
	} {
		a, body := c.ask(row.start, "SOAPAction: "+row.action, "Content-Length: 0")
		if hasField(t, a, "X-Number", row.want); body != row.want {
			t.Errorf("%s %s: %q, want %q", row.start, row.action, body, row.want)
		}
	}
}

func TestStaleByPath(t *testing.T) {
	c := connectTo(t, brokenNet(t, staleByPath(file("redir.cab")), numbers))
	for _, row := range []struct{ start, want string }{
		{"GET {}/v9/redir.cab?2601010101", "1"},
		{"GET {}/v9/redir.cab?2601010102", "1"},
		{"HEAD {}/v9/redir.cab?2601010103", "2"},
		{"HEAD {}/v9/redir.cab?2601010104", "2"},
		{"GET {}/v8/redir.cab?2601010101", "3"},
		{"GET {}/wuident.cab?2601010101", "4"},
		{"GET {}/wuident.cab?2601010102", "5"},
	} {
		a, _ := c.ask(row.start)
		hasField(t, a, "X-Number", row.want)
	}
	a, _ := c.ask("GET {}/v9/redir.cab?2601010105", "Range: bytes=0-1")
	hasField(t, a, "X-Number", "6") // a part is no file
}

// What a proxy does to requests is seen at the server.
func TestOnTheWay(t *testing.T) {
	const object = "/Content/XX/x.cab"
	for _, row := range []struct {
		name          string
		mischief      func(*Net)
		target, field string
		want          string // the target, or the field
	}{
		{"queryDropped", request(queryDropped), "/a.cab?P1=1&P4=%2b", "", "/a.cab"},
		{"queryDropped", request(queryDropped), "/a.cab", "", "/a.cab"},
		{"escapesRecoded", request(escapesRecoded), "/a%3db?P4=%2b%2f%3d", "", "/a%3Db?P4=%2B%2F%3D"},
		{"escapesRecoded", func(*Net) {}, "/a%3db?P4=%2b%2f%3d", "", "/a%3db?P4=%2b%2f%3d"},
		{"slashesMerged", request(slashesMerged), "/f//files//x/hash?a=//", "", "/f/files/x/hash?a=//"},
		{"slashesMerged", request(slashesMerged), "/f//%3dx", "", "/f/%3dx"},
		{"slashesMerged", func(*Net) {}, "/f//files/x", "", "/f//files/x"},
		{"unset", request(unset("SOAPAction")), "/", `SOAPAction: "x"`, ""},
		{"unset", request(unset("MS-CV")), "/", "MS-CV: x.1", ""},
		{"unset", request(unset("Accept-Encoding")), "/", "Accept-Encoding: xpress", ""},
		{"unset", func(*Net) {}, "/", "Accept-Encoding: xpress", "xpress"},
		{"multiCollapse", multiCollapse, object, "Range: bytes=5-10,20-30,40-50", "bytes=5-50"},
		{"multiCollapse", multiCollapse, object, "Range: bytes=5-10", "bytes=5-10"},
		{"multiFirst", multiFirst, object, "Range: bytes=5-10,20-30,40-50", "bytes=5-10"},
		{"multiWhole", multiWhole, object, "Range: bytes=5-10,20-30", ""},
		{"multiWhole", multiWhole, object, "Range: bytes=5-10", "bytes=5-10"},
		{"resumeRefused", resumeRefused, object, "Range: bytes=8192-65535", ""},
		{"resumeRefused", resumeRefused, object, "Range: bytes=81920-90000", "bytes=81920-90000"},
		{"resumeRefused", resumeRefused, object, "Range: bytes=8193-65535", "bytes=8193-65535"},
		{"offset32", forward(everything, offset32), object, "Range: bytes=4294968296-4294972391", "bytes=1000-5095"},
		{"offset32", forward(everything, offset32), object, "Range: bytes=4294967295-4294967296", "bytes=4294967295-4294967296"},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen := &record{}
			c := connectTo(t, brokenNet(t, says(200, nil, ""), seen.by, row.mischief))
			fields := []string{}
			if row.field != "" {
				fields = append(fields, row.field)
			}
			c.ask("GET {}"+row.target, fields...)
			r := seen.requests()[0]
			name, _, _ := strings.Cut(row.field, ":")
			got := r.Header.Get(name)
			if row.field == "" {
				got = r.RequestURI
			}
			if got != row.want {
				t.Errorf("%s%s came as %q, want %q", row.target, row.field, got, row.want)
			}
		})
	}
}

// The wrong slice comes under the name of the right one.
func TestOffset32(t *testing.T) {
	big := wusp.NewContent(5<<30+7, "00000000", ".cab")
	c := connectTo(t, brokenNet(t, forward(everything, offset32)))
	a, body := c.ask("GET {}"+big.Path(), "Range: bytes=4294968296-4294972391")
	hasStatus(t, a, 206)
	hasField(t, a, "Content-Range", "bytes 4294968296-4294972391/5368709127")
	wrong := make([]byte, 4096)
	big.ReadAt(wrong, 1000)
	if body != string(wrong) {
		t.Error("the bytes are not those from 1000 on")
	}
}

func TestXpress(t *testing.T) {
	// Two blocks, stored as they are (wire.md 3.7).
	const coded = "\x03\x00\x00\x00\x03\x00\x00\x00<a>\x04\x00\x00\x00\x04\x00\x00\x00</a>"
	for name, row := range map[string]struct {
		f            func(*http.Response)
		coding, want string
	}{
		"mangled":   {xpressMangled, "", coded},
		"cut":       {xpressCut, "xpress", "\x03\x00\x00\x00\x59\x5a\x5a\x5a" + coded[8:]},
		"untouched": {func(*http.Response) {}, "xpress", coded},
	} {
		t.Run(name, func(t *testing.T) {
			c := connectTo(t, brokenNet(t, response(everything, row.f), says(200, http.Header{"Content-Encoding": {"xpress"}}, coded)))
			a, body := c.ask("POST {}/x.asmx", "Content-Length: 0")
			if hasField(t, a, "Content-Encoding", row.coding); body != row.want {
				t.Errorf("the body is %q, want %q", body, row.want)
			}
			if _, err := wusp.DecodeXpress([]byte(body), 100); (err != nil) != (name == "cut") {
				t.Errorf("decoding gives %v", err)
			}
		})
	}
	c := connectTo(t, brokenNet(t, response(everything, xpressCut), says(200, nil, coded)))
	if _, body := c.ask("POST {}/x.asmx", "Content-Length: 0"); body != coded {
		t.Error("an answer that is not coded is changed")
	}
}

func TestMultiRefused(t *testing.T) {
	path, all := newObject()
	c := connectTo(t, brokenNet(t, multiRefused))
	a, _ := c.ask("GET {}"+path, "Range: bytes=0-9,20-29")
	hasStatus(t, a, 416)
	a, body := c.ask("GET {}"+path, "Range: bytes=0-9")
	if hasStatus(t, a, 206); body != all[:10] {
		t.Error("one part does not come")
	}
}

// parted is the answer of an IIS to two ranges (wire.md 1.8).
const parted = "\r\n--7EAAD857FD2E903C\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-3/100\r\n\r\nabcd" +
	"\r\n--7EAAD857FD2E903C\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 8-9/100\r\n\r\nij" +
	"\r\n--7EAAD857FD2E903C--\r\n"

func TestMultiparts(t *testing.T) {
	multipart := http.Header{"Content-Type": {"multipart/byteranges; boundary=7EAAD857FD2E903C"}}
	ask := func(mischief func(*Net)) string {
		c := connectTo(t, brokenNet(t, mischief, says(206, multipart, parted)))
		a, body := c.ask("GET {}/x.psf", "Range: bytes=0-3,8-9")
		hasField(t, a, "Content-Length", fmt.Sprint(len(body)))
		return body
	}
	if got, want := ask(multiBlankLines), "\r\n\r\n\r\n\r\n"+parted[2:]; got != want {
		t.Errorf("multiBlankLines sends %q", got)
	}
	long := ask(multiLongParts)
	if len(long) != len(parted)+400 {
		t.Errorf("two parts grow by %d bytes, want 400", len(long)-len(parted))
	}
	for i, part := range strings.Split(long, "\r\n--7EAAD857FD2E903C")[1:3] {
		head, _, _ := strings.Cut(part, "\r\n\r\n")
		extra, rest, _ := strings.Cut(head[2:], "\r\n")
		if len(extra)+2 != 200 || !strings.HasPrefix(rest, "Content-Type: ") {
			t.Errorf("the head of part %d is %q", i, head)
		}
	}
}

func TestRangeOnlyWarm(t *testing.T) {
	n := brokenNet(t, rangeOnlyWarm)
	path, all := newObject()
	other, _ := newObject()
	for _, row := range []struct {
		path   string
		status int
		body   string
	}{{path, 200, all}, {path, 206, all[1000:1010]}, {path + "?x", 200, all}, {other, 200, ""}, {path, 206, all[1000:1010]}} {
		c := connectTo(t, n) // the file is warm for everyone
		a, body := c.ask("GET {}"+row.path, "Range: bytes=1000-1009")
		if hasStatus(t, a, row.status); row.body != "" && body != row.body {
			t.Errorf("%d bytes of %s are not right", len(body), row.path)
		}
	}
}

func TestRangeFromCache(t *testing.T) {
	seen := &record{}
	c := connectTo(t, brokenNet(t, rangeFromCache, seen.by))
	path, all := newObject()
	for _, row := range []struct {
		ranges       string
		status       int
		contentRange string
		body         string
	}{
		{"bytes=1000-1009", 206, "bytes 1000-1009/100001", all[1000:1010]},
		{"bytes=100000-100000", 206, "bytes 100000-100000/100001", all[100000:]},
		{"bytes=200000-200009", 200, "", all},
		{"", 200, "", all},
	} {
		fields := []string{"If-Unmodified-Since: Tue, 11 Nov 2025 18:00:00 GMT"}
		if row.ranges != "" {
			fields = append(fields, "Range: "+row.ranges)
		}
		a, body := c.ask("GET {}"+path, fields...)
		hasStatus(t, a, row.status)
		hasField(t, a, "Content-Range", row.contentRange)
		hasField(t, a, "Content-Length", fmt.Sprint(len(row.body)))
		hasField(t, a, "Last-Modified", "Tue, 11 Nov 2025 18:00:00 GMT")
		if body != row.body {
			t.Errorf("%s: the %d bytes are not right", row.ranges, len(body))
		}
	}
	a, _ := c.ask("GET {}"+path, "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", "Range: bytes=0-1")
	hasStatus(t, a, 412)
	asked := seen.requests()
	if len(asked) != 1 || asked[0].Header.Get("Range") != "" || asked[0].Header.Get("If-Unmodified-Since") != "" {
		t.Errorf("the server was asked %d times, first with %v", len(asked), asked[0].Header)
	}

	big := wusp.NewContent(5<<30+7, "00000000", ".cab")
	a, body := c.ask("GET {}"+big.Path(), "Range: bytes=5368709126-5368709126")
	if hasStatus(t, a, 206); len(body) != 1 {
		t.Errorf("%d bytes of a long file came", len(body))
	}
}

func TestSecondStale(t *testing.T) {
	n := brokenNet(t, secondStale(under("/Content/")))
	path, all := newObject()
	first, second := connectTo(t, n), connectTo(t, n)
	for _, row := range []struct {
		c       *client
		changed string
		same    bool
	}{
		{first, "Tue, 11 Nov 2025 18:00:00 GMT", true},
		{second, "Mon, 10 Nov 2025 18:00:00 GMT", false},
		{first, "Tue, 11 Nov 2025 18:00:00 GMT", true},
	} {
		for _, method := range []string{"HEAD", "GET"} {
			a, body := row.c.ask(method+" {}"+path, "Range: bytes=500-599")
			hasField(t, a, "Last-Modified", row.changed)
			if strings.HasPrefix(a.Header.Get("ETag"), `"old-`) == row.same {
				t.Errorf("ETag: %s", a.Header.Get("ETag"))
			}
			hasStatus(t, a, 206)
			if method == "GET" && (len(body) != 100 || (body == all[500:600]) != row.same) {
				t.Errorf("%d bytes came, want the same: %v", len(body), row.same)
			}
		}
	}
}

func TestDenied(t *testing.T) {
	for _, row := range []struct {
		name     string
		mischief func(*Net)
		start    string
		field    string
		denied   bool
	}{
		{"uaDenied", uaDenied("bits/"), "GET {}/iuident.cab", "User-Agent: Microsoft BITS/7.8", true},
		{"uaDenied", uaDenied("bits/"), "GET {}/iuident.cab", "User-Agent: Microsoft-CryptoAPI/10.0", false},
		{"noUADenied", noUADenied, "CONNECT wsus.test:8531", "X: x", true},
		{"noUADenied", noUADenied, "CONNECT wsus.test:8531", "User-Agent: Mozilla", false},
		{"noUADenied", noUADenied, "GET {}/iuident.cab", "X: x", false},
		{"pathsDenied", pathsDenied(crlPaths), "GET {}/pki/crl/products/MicRooCerAut_2010-06-23.crl", "X: x", true},
		{"pathsDenied", pathsDenied(ctlPaths, ocspPaths), "GET {}/msdownload/update/v3/static/trustedr/en/authrootstl.cab?fe1213d701860727", "X: x", true},
		{"pathsDenied", pathsDenied(ctlPaths, ocspPaths), "GET {}/MFEwTzBNMEswSTAJBgUrDgMCGgUA%3D", "X: x", true},
		{"pathsDenied", pathsDenied(ctlPaths, ocspPaths), "GET {}/iuident.cab", "X: x", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := connectTo(t, brokenNet(t, row.mischief))
			c.send(row.start, row.field)
			a, err := http.ReadResponse(c.br, &http.Request{Method: "HEAD"}) // what is behind the head does not count
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int{true: 403, false: 200}[row.denied]; a.StatusCode != want {
				t.Errorf("%s %s: %s, want %d", row.start, row.field, a.Status, want)
			}
		})
	}
}

func TestNCSI(t *testing.T) {
	for text, status := range map[string]int{loginPage: 200, loginRedirect: 302} {
		n := brokenNet(t, answer(ncsi, text))
		for _, path := range []string{"/connecttest.txt", "/ncsi.txt"} {
			c := connectTo(t, n)
			a, body := c.ask("GET {}"+path, "Connection: Close")
			if hasStatus(t, a, status); status == 200 && body != pageOf("Login") {
				t.Errorf("the page is %q", body)
			}
			c.ends()
		}
		a, _ := connectTo(t, n).ask("GET {}/iuident.cab")
		hasStatus(t, a, 200)
	}
}

// unhex is the bytes of a dump.
func unhex(t *testing.T, dump string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(dump), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// authenticate is the third message of NTLM, with the fields in the order of
// their places in the head (MS-NLMP 2.2.1.3).
func authenticate(response, domain, user []byte) []byte {
	m := []byte("NTLMSSP\x00\x03\x00\x00\x00")
	at := 64
	for _, b := range [][]byte{nil, response, domain, user, nil, nil} {
		m = binary.LittleEndian.AppendUint16(m, uint16(len(b)))
		m = binary.LittleEndian.AppendUint16(m, uint16(len(b)))
		m = binary.LittleEndian.AppendUint32(m, uint32(at))
		at += len(b)
	}
	m = binary.LittleEndian.AppendUint32(m, 0xA2888205)
	return slices.Concat(m, response, domain, user)
}

// The worked example of MS-NLMP 4.2.4.
func TestNTLMProof(t *testing.T) {
	temp := `0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
		02000c0044006f006d00610069006e00 01000c005300650072007600650072000000000000000000`
	response := unhex(t, "68cd0ab851e51c96aabc927bebef6a1c"+temp)
	user, domain := unhex(t, "5500730065007200"), unhex(t, "44006f006d00610069006e00")
	hash, challenge := unhex(t, "a4f49c406510bdcab6824ee7c30fd852"), unhex(t, "0123456789abcdef")
	good := authenticate(response, domain, user)
	if !ntlmProves(good, challenge, hash) {
		t.Error("the worked example does not prove the password")
	}
	for name, bad := range map[string][]byte{
		"no user":       authenticate(response, domain, nil),
		"other user":    authenticate(response, domain, user[2:]),
		"other domain":  authenticate(response, user, user),
		"no response":   authenticate(nil, domain, user),
		"NTLMv1":        authenticate(response[:24], domain, user),
		"cut":           good[:len(good)-1],
		"no fields":     good[:40],
		"nothing":       nil,
		"one bit other": append(bytes.Clone(good[:70]), append([]byte{good[70] ^ 1}, good[71:]...)...),
	} {
		if ntlmProves(bad, challenge, hash) {
			t.Errorf("%s proves the password", name)
		}
	}
}

// respond is the NTLMv2 response to a challenge with the password "s3cret".
func respond(challenge, user, domain []byte) []byte {
	mac := func(key []byte, texts ...[]byte) []byte {
		h := hmac.New(md5.New, key)
		h.Write(bytes.Join(texts, nil))
		return h.Sum(nil)
	}
	temp := slices.Concat([]byte{1, 1, 0, 0, 0, 0, 0, 0}, make([]byte, 8), []byte("nonsense"), make([]byte, 4), make([]byte, 8))
	// The NT hash of s3cret: openssl dgst -md4 over its UTF-16.
	hash, _ := hex.DecodeString("d4c619cb16d4632b275658316a7e657e")
	return append(mac(mac(hash, bytes.ToUpper(user), domain), challenge, temp), temp...)
}

func TestNTLM(t *testing.T) {
	negotiate := "Proxy-Authorization: NTLM " + base64.StdEncoding.EncodeToString([]byte("NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\xa2"+strings.Repeat("\x00", 16)))
	user, domain := []byte("h\x00o\x00s\x00t\x00$\x00"), []byte("D\x00")
	// challenged goes as far as the second message.
	challenged := func(c *client, start string) (a *http.Response, challenge []byte) {
		a, _ = c.ask(start)
		hasStatus(t, a, 407)
		hasField(t, a, "Proxy-Authenticate", "NTLM")
		if a.Close {
			t.Error("the first 407 is the last answer")
		}
		a, _ = c.ask(start, negotiate)
		hasStatus(t, a, 407)
		coded, _ := strings.CutPrefix(a.Header.Get("Proxy-Authenticate"), "NTLM ")
		m, err := base64.StdEncoding.DecodeString(coded)
		if err != nil || len(m) < 48 || string(m[:12]) != "NTLMSSP\x00\x02\x00\x00\x00" {
			t.Fatalf("no challenge: %q, %v", m, err)
		}
		info := m[binary.LittleEndian.Uint32(m[44:]):]
		if int(binary.LittleEndian.Uint16(m[40:])) != len(info) || !bytes.HasSuffix(info, []byte{0, 0, 0, 0}) {
			t.Errorf("the target information is %q", info)
		}
		return a, m[24:32]
	}
	login := func(m []byte) string {
		return "Proxy-Authorization: NTLM " + base64.StdEncoding.EncodeToString(m)
	}

	n := brokenNet(t, ntlm(true))
	c := connectTo(t, n)
	a, challenge := challenged(c, "GET {}/iuident.cab")
	if a.Close {
		t.Error("the challenge is the last answer")
	}
	a, _ = c.ask("GET {}/iuident.cab", login(authenticate(respond(challenge, user, domain), domain, user)))
	hasStatus(t, a, 200)
	a, _ = c.ask("GET {}/iuident.cab") // the connection is known now
	hasStatus(t, a, 200)
	a, _ = connectTo(t, n).ask("GET {}/iuident.cab") // and no other
	hasStatus(t, a, 407)

	c = connectTo(t, n)
	_, challenge = challenged(c, "CONNECT wsus.test:8531")
	c.send("CONNECT wsus.test:8531", login(authenticate(respond(challenge, user, domain), domain, user)))
	if a, err := http.ReadResponse(c.br, &http.Request{Method: "CONNECT"}); err != nil || a.StatusCode != 200 {
		t.Errorf("the tunnel does not open: %v, %v", a, err)
	}

	// Nobody's login is refused, and so is a second answer to one challenge.
	c = connectTo(t, n)
	_, challenge = challenged(c, "GET {}/iuident.cab")
	good := authenticate(respond(challenge, user, domain), domain, user)
	for _, m := range [][]byte{authenticate(nil, nil, nil), good} {
		a, _ = c.ask("GET {}/iuident.cab", login(m))
		hasStatus(t, a, 407)
		hasField(t, a, "Proxy-Authenticate", "NTLM")
	}

	// And so is who waits for no challenge.
	a, _ = connectTo(t, n).ask("GET {}/iuident.cab", login(authenticate(respond(nil, user, domain), domain, user)))
	hasStatus(t, a, 407)

	// Where the proxy hangs up between the legs nobody can log in.
	n = brokenNet(t, ntlm(false))
	c = connectTo(t, n)
	a, challenge = challenged(c, "GET {}/iuident.cab")
	if !a.Close || a.Header.Get("Proxy-Connection") != "close" {
		t.Error("the challenge is not the last answer")
	}
	c.ends()
	a, _ = connectTo(t, n).ask("GET {}/iuident.cab", login(authenticate(respond(challenge, user, domain), domain, user)))
	hasStatus(t, a, 407)
}

// The same net can be asked through TLS, by a client with and without a proxy.
func TestSecureTarget(t *testing.T) {
	for _, n := range []*Net{brokenNet(t), brokenNet(t, direct(func(*Net) {}))} {
		s := n.SecureTarget()
		if !s.TLS || s.Secure != s.Host || s.Host != withPort(ServerName, n.Server.secure.Addr()) || s.Content != withPort(ServerName, n.Server.plain.Addr()) || s.CA == "" {
			t.Errorf("without a proxy %v: the target is %+v", n.Direct, s)
		}
	}
}
