package sim

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// listOf is a list of s, or none of "".
func listOf(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// What is done to one answer, as a client sees it on the wire.
func TestMischiefOnTheWire(t *testing.T) {
	object, all := newObject()
	inside := "Range: bytes=1000-1999"
	for _, tt := range []struct {
		name   string
		does   func(*Net)
		method string
		field  string
		status int
		fields map[string]string
		body   string
	}{
		{"the last byte is left out", request(askFor(byteLess)), "GET", inside, 206, map[string]string{"Content-Range": "bytes 1000-1998/100001"}, all[1000:1999]},
		{"one byte stays one", request(askFor(byteLess)), "GET", "Range: bytes=7-7", 206, map[string]string{"Content-Range": "bytes 7-7/100001"}, all[7:8]},
		{"a part is cut to a size", request(askFor(atMost(100))), "GET", inside, 206, map[string]string{"Content-Range": "bytes 1000-1099/100001"}, all[1000:1100]},
		{"several parts are left alone", request(askFor(byteLess)), "GET", "Range: bytes=0-1,5-6", 206, map[string]string{"Content-Range": ""}, ""},
		{"the start of a slice comes", forward(having("Range"), sliceStart), "GET", "Range: bytes=65636-65735", 206,
			map[string]string{"Content-Range": "bytes 65636-65735/100001"}, all[65536:65636]},
		{"a trailer is counted", response(oneRange, trailer), "GET", "Range: bytes=0-3", 206,
			map[string]string{"Content-Range": "bytes 0-3/100001", "Content-Length": "29"}, all[:4] + "\r\n<!-- no virus found -->"},
		{"a page has the status of a part", response(oneRange, pageAsPart), "GET", inside, 206, map[string]string{"Content-Range": "", "Content-Type": "text/html"}, pageOf("This site is blocked")},
		{"a page says when to ask again", response(wholeContent, progress), "GET", "", 200, map[string]string{"Refresh": "5"}, pageOf("Your download is being scanned")},
		{"a file is empty", response(wholeContent, empty), "GET", "", 200, map[string]string{"Content-Length": "0"}, ""},
		{"a type is denied", response(method("GET"), denyType("application/octet-stream")), "GET", "", 403, nil, pageOf("This type of file is not wanted")},
		{"HEAD tells of the type", response(method("GET"), denyType("application/octet-stream")), "HEAD", "", 200, map[string]string{"Content-Type": "application/octet-stream"}, ""},
		{"a scanner is full", response(method("GET"), scannerFull(100_000)), "GET", "", 503, nil, pageOf("Scanning failed: the queue is full")},
		{"and takes what is small", response(method("GET"), scannerFull(100_001)), "GET", "", 200, nil, all},
		{"HEAD gets no page", front(everything, pageForAll), "HEAD", "", 200, map[string]string{"Content-Type": "text/html"}, ""},
		{"all others do", front(everything, pageForAll), "POST", "", 200, map[string]string{"Content-Type": "text/html"}, pageOf("Login")},
		{"a copy is a day older", response(method("HEAD"), dayOlder), "HEAD", "", 200, map[string]string{"Last-Modified": "Mon, 10 Nov 2025 18:00:00 GMT"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := connectTo(t, brokenNet(t, tt.does))
			a, body := c.ask(tt.method+" {}"+object, listOf(tt.field)...)
			hasStatus(t, a, tt.status)
			for name, value := range tt.fields {
				hasField(t, a, name, value)
			}
			if body != tt.body && !strings.HasPrefix(a.Header.Get("Content-Type"), "multipart/") {
				t.Errorf("%d bytes came that begin %.60q, want %d", len(body), body, len(tt.body))
			}
		})
	}
}

// A part across the edge of a slice ends there: said to, or cut.
func TestSliceEdge(t *testing.T) {
	const across = "Range: bytes=1048500-1048700"
	path := wusp.NewContent(smallFile, "00000000", ".cab").Path()
	c := connectTo(t, brokenNet(t, request(askFor(toSlice))))
	a, body := c.ask("GET {}"+path, across)
	hasStatus(t, a, http.StatusPartialContent)
	hasField(t, a, "Content-Range", "bytes 1048500-1048575/1068579")
	if len(body) != 76 {
		t.Errorf("%d bytes came, want 76", len(body))
	}
	c = connectTo(t, brokenNet(t, response(acrossSlices, endAtSlice)))
	c.send("GET {}"+path, across)
	a, err := http.ReadResponse(c.br, &http.Request{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	cut, err := io.ReadAll(a.Body)
	if a.ContentLength != 201 || len(cut) != 76 || err != io.ErrUnexpectedEOF {
		t.Errorf("of %d bytes came %d: %v, want 76 of 201 and the end", a.ContentLength, len(cut), err)
	}
}

// A cache gives the first answer again: to each part the two bytes, and of errors
// those that the server gave, and no other.
func TestKeptAnswers(t *testing.T) {
	path, all := newObject()
	c := connectTo(t, brokenNet(t, probeKept))
	for _, asked := range []string{"0-1", "100-199"} {
		a, body := c.ask("GET {}"+path, "Range: bytes="+asked)
		hasField(t, a, "Content-Range", "bytes 0-1/100001")
		if body != all[:2] {
			t.Errorf("for %s came %q", asked, body)
		}
	}
	for age, wanted := range map[string]string{"": "", "7": "7"} {
		c = connectTo(t, brokenNet(t, firstMissing(content, http.StatusForbidden), errorsKept(content, age)))
		for i, want := range []string{"", wanted} {
			a, _ := c.ask("GET {}" + path)
			hasStatus(t, a, http.StatusForbidden)
			if got := a.Header.Get("Age"); got != want {
				t.Errorf("the age of answer %d is %q, want %q", i+1, got, want)
			}
		}
		other, _ := newObject()
		a, _ := c.ask("GET {}"+other, "Range: bytes=0-1")
		hasStatus(t, a, http.StatusForbidden) // which is the first for that path
	}
}

// What is longer than a packet is lost either way, and the rest comes.
func TestBigPacketsLost(t *testing.T) {
	path, all := newObject()
	n := brokenNet(t, front(everything, bigLost))
	c := connectTo(t, n)
	if a, body := c.ask("GET {}"+path, "Range: bytes=0-1000"); a.StatusCode != http.StatusPartialContent || body != all[:1001] {
		t.Errorf("a short answer was %s with %d bytes", a.Status, len(body))
	}
	for _, request := range []func(*client){
		func(c *client) { c.send("GET {}"+path, "Range: bytes=0-2000") },
		func(c *client) { c.send("POST {}/ClientWebService/client.asmx", "Content-Length: 2000") },
	} {
		c := connectTo(t, n)
		request(c)
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if got, err := io.ReadAll(c.br); len(got) > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q came for a long message: %v", got, err)
		}
	}
}

// The proxy knows the server by the names that clients make of its own and by its
// address, and nobody else by what looks like them.
func TestRouteOfNames(t *testing.T) {
	n := brokenNet(t)
	address := n.Server.plain.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	for authority, known := range map[string]bool{
		"1." + ServerName + ":" + port: true, "11." + ServerName + ":8530": true, address: true, "7." + ServerName + ":8531": true,
		"111." + ServerName + ":8530": false, "a." + ServerName + ":8530": false, "1.1." + ServerName + ":8530": false,
		"1." + ServerName + ".example:8530": false, "127.0.0.1:1": false, "1.2.3.4:8530": false,
	} {
		if _, err := n.route(authority); (err == nil) != known {
			t.Errorf("%s: %v, want it known: %v", authority, err, known)
		}
	}
}
