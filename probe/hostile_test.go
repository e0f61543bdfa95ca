package probe_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// What a run may cost, whatever it meets.
const (
	hostileTime  = 15 * time.Second // or hostileTimes as long as an honest run, on a slow machine
	hostileTimes = 60
	hostileBytes = 2 << 20   // sent and received
	hostileSlack = 300 << 10 // beyond that
	hostileHeap  = 200 << 20 // live, of all the runs under way and their proxies
	hostileLanes = 4         // runs side by side
)

// The time for one phase: short where a hostility uses it up, and long for a
// loaded machine everywhere else.
const (
	short = 2 * time.Second
	long  = 15 * time.Second
)

// hostileSize is that of the files: the less is fetched well, the faster the test.
const hostileSize = 300_007

// A hostility is what a proxy does to some requests so that a client hangs,
// fills up or is deceived. All others it answers well.
type hostility struct {
	name  string
	meets meets
	does  does
	want  string // a finding that there must be; "" for any
	slow  bool   // it uses up the time of a phase
}

type (
	// meets tells whether a request, as it was sent, meets the hostility.
	meets func(request string) bool
	// does answers it. Unless it closes the connection, the next request follows.
	does func(c net.Conn, request string)
)

// hostilities lists them. Each run goes through its own proxy.
var hostilities = []hostility{
	{"a head of ten thousand short fields", inClear, says("HTTP/1.1 200 OK\r\n" + lines(10_000, 10) + "Content-Length: 0\r\n\r\n"), "head-too-large", false},
	{"a head of ten thousand long fields", inClear, says("HTTP/1.1 200 OK\r\n" + lines(10_000, 200) + "Content-Length: 0\r\n\r\n"), "head-too-large", false},
	{"a head without end", inClear, endless("HTTP/1.1 200 OK\r\n", "X-Filler: a\r\n"), "head-too-large", false},
	{"a field without end", inClear, endless("HTTP/1.1 200 OK\r\nX-Filler: ", "aaaaaaaaaaaaaaaa"), "head-too-large", false},
	{"empty lines without end", inClear, endless("", "\r\n"), "", false},
	{"a status line byte by byte", inClear, trickles("", "HTTP/1.1 200 OK\r\nX-Filler: "+strings.Repeat("a", 1000)), "proxy-silent", true},
	{"a body byte by byte", withBody, trickles("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", strings.Repeat("a", 100_000)), "body-trickles", true},
	{"chunks byte by byte", withBody, trickles("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\na\r\n", 10_000)), "body-trickles", true},
	{"a body of chunks without end", inClear, endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1000\r\n"+strings.Repeat("a", 0x1000)+"\r\n"), "", false},
	{"a chunk without end", inClear, endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", "aaaaaaaaaaaaaaaa"), "", false},
	{"a chunk extension without end", inClear, endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "aaaaaaaaaaaaaaaa"), "", false},
	{"a trailer without end", inClear, endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Filler: a\r\n"), "head-too-large", false},
	{"a body without end, by close", inClear, endless("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaa"), "", false},
	{"a part without end, by close", ranged, endless("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-5472/2200001\r\n\r\n", "aaaaaaaaaaaaaaaa"), "", false},
	{"a body of 4 EiB", inClear, endless("HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n", "aaaaaaaaaaaaaaaa"), "", false},
	{"a body of more than can be counted", inClear, endless("HTTP/1.1 200 OK\r\nContent-Length: 36893488147419103232\r\n\r\n", "aaaaaaaaaaaaaaaa"), "", false},
	{"a body behind HEAD", method("HEAD"), says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nMSCF\x00\x00\x00\x00\x00"), "head-has-body", false},
	{"a body without end behind HEAD", method("HEAD"), endless("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "aaaaaaaaaaaaaaaa"), "head-has-body", false},
	{"interim answers without end", inClear, endless("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "head-too-large", false},
	{"long interim answers without end", inClear, endless("", "HTTP/1.1 103 Early Hints\r\n"+lines(1000, 200)+"\r\n"), "", false},

	{"a part of another file", ranged, partSaying("bytes 0-5472/1"), "range-wrong", false},
	{"a part of a file of 8 EiB", ranged, partSaying("bytes 0-5472/9223372036854775807"), "range-wrong", false},
	{"a part of a file of more than can be counted", ranged, partSaying("bytes 0-5472/9223372036854775808"), "range-wrong", false},
	{"a part beyond what can be counted", ranged, partSaying("bytes 18446744073709551616-18446744073709551617/18446744073709551618"), "range-wrong", false},
	{"a part before the start", ranged, partSaying("bytes -5472-0/2200001"), "range-wrong", false},
	{"a part from its end to its start", ranged, partSaying("bytes 5472-0/2200001"), "range-wrong", false},
	{"a part of no bytes", ranged, partSaying("bytes */2200001"), "range-wrong", false},
	{"a part of a long field", ranged, partSaying("bytes " + strings.Repeat("0", 50_000) + "-5472/2200001"), "range-wrong", false},

	{"parts without end", several, endless(multiHead("b", "Transfer-Encoding: chunked\r\n"), chunked("\r\n--b\r\nContent-Range: bytes 0-0/9\r\n\r\na")), "multi-range-unsupported", false},
	{"a million parts", several, saysLong(multiHead("b", ""), "\r\n--b\r\nContent-Range: bytes 0-0/9\r\n\r\na", 1_000_000), "multi-range-unsupported", false},
	{"a part with fields without end", several, endless(multiHead("b", "")+"\r\n--b\r\n", "X-Filler: a\r\n"), "multi-range-unsupported", false},
	{"a boundary of 10 KB", several, says(multiHead(strings.Repeat("b", 10_000), "Content-Length: 4\r\n") + "\r\n--"), "multi-range-unsupported", false},
	{"parts that end before their boundary", several, says(multiHead("b", "Content-Length: 50\r\n") + "\r\n--b\r\nContent-Range: bytes 0-99999/100000\r\n\r\nabcd"), "multi-range-unsupported", false},

	{"a redirect to itself", method("GET"), redirects(func(request string) string { return urlOf(request) }), "redirect-unusable", false},
	{"redirects to ever longer URLs", method("GET"), redirects(func(request string) string { return urlOf(request) + strings.Repeat("/a", 10_000) }), "", false},
	{"redirects to URLs twice as long", method("GET"), redirects(func(request string) string { return urlOf(request) + "/" + urlOf(request) }), "", false},
	{"a redirect to a file", method("GET"), redirects(func(string) string { return "file:///etc/passwd" }), "redirect-unusable", false},
	{"a redirect to a host that redirects", method("GET"), redirects(func(request string) string {
		if strings.Contains(request, "http://a.test") {
			return "http://b.test/"
		}
		return "http://a.test/"
	}), "redirect-unusable", false},
	{"a redirect with line ends in it", method("GET"), redirects(func(string) string { return "http://a.test/\rX-Injected: a\r\x00" }), "", false},

	{"an xpress bomb", post, codedBody(bytes.Repeat(bombBlock, 20_000)), "coding-broken", false},
	{"an xpress bomb within the limit", post, codedBody(bytes.Repeat(bombBlock, 2)), "coding-broken", false},
	{"pages of long names without end", syncing, pages(strings.Repeat("1", 5_000)), "", false},
	{"an xpress block of 65535 bytes in 3", post, codedBody([]byte("\xff\xff\x00\x00\x03\x00\x00\x00abc")), "coding-broken", false},
	{"thousands of empty xpress blocks", post, codedBody(make([]byte, 100_000*8)), "soap-unreadable", false},
	{"a billion laughs", post, soapBody(`<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><l>&c;</l>`), "soap-unreadable", false},
	{"elements as deep as can be", post, soapBody(strings.Repeat("<a>", 30_000)), "soap-unreadable", false},
	{"attributes without end", post, soapBody("<a " + strings.Repeat(`b="" `, 15_000)), "soap-unreadable", false},
	{"an answer that is all of one name", post, soapBody("<" + strings.Repeat("a", 90_000)), "soap-unreadable", false},

	{"a cookie of 5 MB", calling("GetCookie"), soapBody(cookieOf(5 << 20)), "soap-unreadable", false},
	{"a configuration of which a word is 90 KB", calling("GetConfig"), soapBody(strings.Replace(wusp.ConfigResponse, "</LastChange>", strings.Repeat("&amp;", 18_000)+"</LastChange>", 1)), "content-altered", false},
	{"more updates without end", syncing, pages("1"), "too-many-trips", false},

	{"garbage in place of a tunnel", method("CONNECT"), garbles("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("\x00\xffgarbage", 10_000)), "tls-broken", false},
	{"an answer in place of a tunnel", method("CONNECT"), garbles("HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"), "tls-broken", false},
	{"a tunnel without end", method("CONNECT"), endless("HTTP/1.1 200 OK\r\n", "X-Filler: a\r\n"), "head-too-large", false},
	{"an alert in a tunnel", method("CONNECT"), garbles("HTTP/1.1 200 OK\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x28"), "tls-broken", false},
	{"a handshake without end", method("CONNECT"), endless("HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x03\x00\x04\x02\x00\xff\xff"), "tls-broken", false},
	{"a refusal of a tunnel without end", method("CONNECT"), endless("HTTP/1.1 403 Forbidden\r\n\r\n", "aaaaaaaaaaaaaaaa"), "tunnel-denied", false},
	{"a challenge of NTLM without end", inClear, says("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM " + strings.Repeat("TlRM", 20_000) + "\r\nContent-Length: 0\r\n\r\n"), "login-wanted", false},
}

// The requests that there are.
var (
	inClear meets = func(request string) bool { return !strings.HasPrefix(request, "CONNECT ") && absolute(request) }
	ranged  meets = func(request string) bool { return strings.Contains(request, "\r\nRange: bytes=") && !several(request) }
	several meets = func(request string) bool { return len(asked(request)) > 1 }
	post          = method("POST")

	syncing meets = func(request string) bool { // for updates; the call for drivers is not repeated
		return calling("SyncUpdates")(request) && absolute(request) && strings.Contains(request, "<SkipSoftwareSync>false<")
	}
	withBody meets = func(request string) bool { return inClear(request) && !method("HEAD")(request) }
)

// absolute tells whether a request is one to a proxy, and not inside a tunnel.
func absolute(request string) bool {
	_, target, _ := strings.Cut(request, " ")
	return strings.HasPrefix(target, "http://")
}

func method(name string) meets {
	return func(request string) bool { return strings.HasPrefix(request, name+" ") }
}

// calling meets the calls of an operation of a web service.
func calling(operation string) meets {
	return func(request string) bool { return strings.Contains(request, "/"+operation+"\"\r\n") }
}

// says answers with a text.
func says(text string) does {
	return func(c net.Conn, _ string) { io.WriteString(c, text) }
}

// saysLong answers with a start and so many times the rest, and closes.
func saysLong(start, rest string, times int) does {
	return func(c net.Conn, _ string) {
		io.WriteString(c, start)
		block := []byte(strings.Repeat(rest, 1000))
		for range times / 1000 {
			if _, err := c.Write(block); err != nil {
				break
			}
		}
		c.Close()
	}
}

// endless answers with a start, and with the same again until nobody listens.
func endless(start, again string) does {
	block := []byte(strings.Repeat(again, 1+16<<10/len(again)))
	return func(c net.Conn, _ string) {
		io.WriteString(c, start)
		for {
			if _, err := c.Write(block); err != nil {
				c.Close()
				return
			}
		}
	}
}

// trickles answers with a start at once and the rest byte by byte, until nobody
// listens.
func trickles(start, rest string) does {
	return func(c net.Conn, _ string) {
		defer c.Close()
		io.WriteString(c, start)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for i := range rest {
			<-tick.C
			if _, err := io.WriteString(c, rest[i:i+1]); err != nil {
				return
			}
		}
	}
}

// garbles opens a tunnel, says something that is none at once, and hangs up when
// the client does.
func garbles(start, rest string) does {
	return func(c net.Conn, _ string) {
		defer c.Close()
		io.WriteString(c, start+rest)
		io.Copy(io.Discard, c)
	}
}

// partSaying answers with the start of a file as part of it, under a
// Content-Range.
func partSaying(contentRange string) does {
	return says(fmt.Sprintf("HTTP/1.1 206 Partial Content\r\nContent-Range: %s\r\nContent-Length: 5473\r\n\r\n%s", contentRange, strings.Repeat("a", 5473)))
}

// redirects answers with a place, which follows from the request.
func redirects(place func(request string) string) does {
	return func(c net.Conn, request string) {
		fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", place(request))
	}
}

// urlOf is the target of a request.
func urlOf(request string) string {
	_, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
}

// soapBody answers a call with a body.
func soapBody(body string) does { return says(wholeAnswer("", body)) }

// codedBody answers a call with a body that is said to be in the coding xpress.
func codedBody(body []byte) does {
	return says(wholeAnswer("Content-Encoding: xpress\r\n", string(body)))
}

func wholeAnswer(fields, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n%sContent-Length: %d\r\n\r\n%s", fields, len(body), body)
}

// cookieOf is an answer to GetCookie with a cookie of so many bytes.
func cookieOf(size int) string {
	return wusp.ClientForm.Response(wusp.ClientNamespace, "GetCookie", "<GetCookieResult><Expiration>2034-05-06T08:08:09.1234567Z</Expiration><EncryptedData>"+
		strings.Repeat("A", size)+"</EncryptedData></GetCookieResult>")
}

// pages answers SyncUpdates with a page that says that there is more, each with
// a cookie and an update of its own, whose name is id and a number.
func pages(id string) does {
	var page atomic.Int64
	return func(c net.Conn, _ string) {
		n := page.Add(1)
		body := wusp.ClientForm.Response(wusp.ClientNamespace, "SyncUpdates", fmt.Sprintf("<SyncUpdatesResult><NewUpdates><UpdateInfo><ID>%s%d</ID></UpdateInfo></NewUpdates>"+
			"<Truncated>true</Truncated><NewCookie><Expiration>2034-05-06T08:08:09Z</Expiration><EncryptedData>%d</EncryptedData></NewCookie></SyncUpdatesResult>", id, n, n))
		fields := ""
		if len(id) > 1000 {
			body, fields = string(wusp.EncodeXpress([]byte(body))), "Content-Encoding: xpress\r\n"
		}
		io.WriteString(c, wholeAnswer(fields, body))
	}
}

// bombBlock is a block in the coding xpress ([MS-XCA] 2.4) of 17 bytes that holds
// 65,535: the letter a, and as often the byte before.
var bombBlock = func() []byte {
	block := []byte("\xff\xff\x00\x00\x00\x00\x00\x00" + "\xff\xff\xff\x7f" + "a" + "\x07\x00" + "\x0f" + "\xff" + "\xfb\xff")
	binary.LittleEndian.PutUint32(block[4:], uint32(len(block)-8))
	return block
}()

// multiHead is the head of an answer with parts.
func multiHead(boundary, fields string) string {
	return "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=" + boundary + "\r\n" + fields + "\r\n"
}

func chunked(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// lines are n fields of about size bytes each.
func lines(n, size int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: %s\r\n", i, strings.Repeat("a", max(size-10, 1)))
	}
	return b.String()
}

// A villain is a proxy with a fake WSUS behind it that does a hostility.
type villain struct {
	hostility
	listener  net.Listener
	server    *wsus.Server
	authority *wsus.Authority

	serving sync.WaitGroup
	mu      sync.Mutex
	conns   []net.Conn
	heard   []string
}

// newVillain starts a villain. Close it after use.
func newVillain(h hostility) (*villain, error) {
	authority, err := wsus.NewAuthority("proxycheck hostile CA")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &villain{hostility: h, listener: listener, authority: authority,
		server: &wsus.Server{Size: hostileSize, TLSPort: "8531", Authority: authority}}
	v.serving.Go(v.accept)
	return v, nil
}

func (v *villain) accept() {
	for {
		c, err := v.listener.Accept()
		if err != nil {
			return
		}
		v.mu.Lock()
		v.conns = append(v.conns, c)
		v.mu.Unlock()
		v.serving.Go(func() { v.serve(c) })
	}
}

// close ends what the villain still does.
func (v *villain) close() {
	v.listener.Close()
	v.mu.Lock()
	for _, c := range v.conns {
		c.Close()
	}
	v.mu.Unlock()
	v.serving.Wait()
}

// serve answers the requests of a connection, and of the tunnel that it becomes.
func (v *villain) serve(raw net.Conn) {
	defer raw.Close()
	conn, reader := raw, bufio.NewReader(raw)
	for {
		request, err := readRequest(reader)
		if err != nil {
			return
		}
		v.mu.Lock()
		v.heard = append(v.heard, request)
		v.mu.Unlock()
		switch {
		case v.meets != nil && v.meets(request):
			v.does(conn, request)
		case method("CONNECT")(request):
			io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
			conn = tls.Server(raw, v.authority.TLSConfig())
			reader = bufio.NewReader(conn)
		default:
			if v.honest(conn, request) != nil {
				return
			}
		}
	}
}

// honest answers a request as the server does.
func (v *villain) honest(c io.Writer, request string) error {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		return err
	}
	page := httptest.NewRecorder()
	v.server.ServeHTTP(page, r)
	answer := page.Result()
	if answer.Request = r; r.Method != http.MethodHead {
		answer.ContentLength = int64(page.Body.Len())
	}
	return answer.Write(c)
}

// hostileSteps are some steps of each kind, on connections of their own and on
// shared ones: all of them would take long, and show no more.
var hostileSteps = []string{
	"wua-config", "wua-authorization", "wua-cookie", "wua-sync", "wua-extended", "selfupdate-file", "fe3-config",
	"bits-size", "bits-range-first", "bits-range-beyond", "bits-multi-4", "bits-cut", "bits-file", "bits-condition",
	"do-hashes", "crl-file", "ocsp-answer", "ncsi-text", "tls-config",
}

// client is one of Windows 11 behind v.
func (v *villain) client() *probe.Client {
	profile := probe.Profiles[0]
	target := probe.Target{Kind: probe.Embedded, Host: "wsus.test:8530", Content: "wsus.test:8530", Secure: "wsus.test:8531",
		Size: v.server.Size, CA: v.authority.Fingerprint()}
	c := &probe.Client{Proxy: v.listener.Addr().String(), Timeout: long, MaxBytes: hostileBytes, Profile: profile, Target: target}
	if v.slow {
		c.Timeout = short
	}
	for _, s := range probe.StepsOf(profile) {
		if slices.Contains(hostileSteps, s.ID()) {
			c.Steps = append(c.Steps, s)
		}
	}
	return c
}

// A meeting is what a run through a villain came to.
type meeting struct {
	took  time.Duration
	came  string
	wrong []string // with what it came to
}

// meet makes a run through a villain, which may take so long.
func (h hostility) meet(ctx context.Context, most time.Duration) (m meeting) {
	v, err := newVillain(h)
	if err != nil {
		return meeting{wrong: []string{err.Error()}}
	}
	defer v.close()
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 4*most) // lest a hang hang the test
	defer cancel()
	run := v.client().Run(ctx)
	report := probe.Conclude(run, probe.About{})
	m.took = time.Since(start).Round(time.Millisecond)
	m.came = fmt.Sprintf("%s, %v, in %s, with %d requests, %d bytes in and %d out", report.Verdict, names(report), m.took, run.Requests, run.In, run.Out)
	if moved := run.In + run.Out; m.took > most || moved > hostileBytes+hostileSlack {
		m.wrong = append(m.wrong, fmt.Sprintf("%d bytes in %s, want at most %d in %s", moved, m.took, hostileBytes+hostileSlack, most))
	}
	m.wrong = append(m.wrong, h.judge(run, report)...)
	return m
}

// Whatever a proxy does, a run ends in time and within its bytes and memory, and
// says that it is not well, by name.
func TestHostileProxies(t *testing.T) {
	honest := hostility{}.meet(t.Context(), time.Minute)
	if len(honest.wrong) > 0 {
		t.Fatal(honest.came, honest.wrong)
	}
	most := max(hostileTime, hostileTimes*honest.took)
	meetings := make([]meeting, len(hostilities))
	heap := watchHeap(t)
	var meeting sync.WaitGroup
	free := make(chan struct{}, hostileLanes)
	for i, h := range hostilities {
		meeting.Go(func() {
			free <- struct{}{}
			meetings[i] = h.meet(t.Context(), most)
			<-free
		})
	}
	meeting.Wait()
	if live := heap(); live > hostileHeap {
		t.Errorf("%d bytes were live at once, want at most %d", live, hostileHeap)
	}
	for i, h := range hostilities {
		t.Run(h.name, func(t *testing.T) {
			t.Log(meetings[i].came)
			for _, wrong := range meetings[i].wrong {
				t.Error(wrong)
			}
		})
	}
}

// judge holds what a run came to against what it may.
func (h hostility) judge(run *probe.Run, report *probe.Report) (wrong []string) {
	found := names(report)
	if h.meets == nil {
		if report.Verdict != probe.StatusPass {
			return []string{"an honest proxy does not pass"}
		}
		return nil
	}
	if report.Verdict == probe.StatusPass || slices.Contains(found, "unexplained") {
		wrong = append(wrong, "it passes, or is not explained")
	}
	if h.want != "" && !slices.Contains(found, h.want) {
		wrong = append(wrong, "it does not show "+h.want)
	}
	if _, err := json.Marshal(report); err != nil {
		wrong = append(wrong, err.Error())
	}
	met := 0
	for i, r := range run.Results {
		if !h.met(r.Observation) {
			continue
		}
		met++
		if s := report.Steps[i]; s.Status == probe.StatusPass {
			wrong = append(wrong, fmt.Sprintf("%s met it and passes: %.200q", s.ID, s.Received))
		}
	}
	if met == 0 {
		wrong = append(wrong, "no step met it")
	}
	return wrong
}

// met tells whether an exchange of o met h.
func (h hostility) met(o *probe.Observation) bool {
	if o == nil {
		return false
	}
	return slices.ContainsFunc(append(slices.Clone(o.Legs), o.Exchange), func(x *wire.Exchange) bool {
		return h.meets(string(x.Sent.Bytes())+string(x.SentBody)) || x.Tunnel != nil && h.meets(string(x.Tunnel.Sent.Bytes()))
	})
}

// names are those of the findings of a report.
func names(r *probe.Report) []string {
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.Name)
	}
	return names
}

// watchHeap looks at how much of the heap is live, until it is asked for the most.
func watchHeap(t *testing.T) (most func() uint64) {
	t.Helper()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	if metrics.Read(sample); sample[0].Value.Kind() != metrics.KindUint64 {
		t.Fatal("the runtime does not say how much is live")
	}
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for most := uint64(0); ; {
			select {
			case <-tick.C:
				metrics.Read(sample)
				most = max(most, sample[0].Value.Uint64())
			case <-stop:
				peak <- most
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-peak }
}

// A cookie of a size that no server gives is not carried from call to call.
func TestHostileCookie(t *testing.T) {
	v, err := newVillain(hostility{meets: calling("GetCookie"), does: codedBody(wusp.EncodeXpress([]byte(cookieOf(900_000))))})
	if err != nil {
		t.Fatal(err)
	}
	run := v.client().Run(t.Context())
	v.close()
	if verdict := probe.Conclude(run, probe.About{}).Verdict; verdict == probe.StatusPass || run.Out > 1<<20 {
		t.Errorf("the verdict is %s, and %d bytes were sent", verdict, run.Out)
	}
}

// What an answer says is quoted in later requests as text: whatever is in it,
// these stay well-formed XML and proper heads.
func TestHostileQuotations(t *testing.T) {
	for _, text := range []string{
		`&lt;/lastChange&gt;&lt;evil/&gt;`, "&#13;&#10;X-Injected: a", `<![CDATA[</lastChange><evil>]]>`, "]]&gt;&amp;amp;", "&#x85;&#x2028;&#xFEFF;\u0080\u009f",
		"2024\r\n\r\nGET / HTTP/1.1\r\n\r\n", "a\tb",
	} {
		v, err := newVillain(hostility{meets: calling("GetConfig"), does: soapBody(strings.Replace(wusp.ConfigResponse, "</LastChange>", text+"</LastChange>", 1))})
		if err != nil {
			t.Fatal(err)
		}
		c := v.client()
		c.Steps = stepsOf(t, c, "wua-config", "wua-authorization", "wua-cookie")
		c.Run(t.Context())
		v.close()
		quoted := 0
		for _, request := range v.heard {
			head, body, _ := strings.Cut(request, "\r\n\r\n")
			if strings.Contains(head, "Injected") || strings.HasPrefix(request, "GET / ") {
				t.Errorf("%q gets into the head %q", text, head)
			}
			if calling("GetCookie")(request) {
				quoted++
				if err := wellFormed(body); err != nil || strings.Contains(body, "<evil") {
					t.Errorf("%q makes of the next call %q (%v)", text, body, err)
				}
			}
		}
		if quoted != 1 {
			t.Errorf("%q was quoted %d times, want once", text, quoted)
		}
	}
}

// wellFormed reads all of an XML text.
func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// What is copied from an answer into the heads of later requests cannot make
// fields of its own, nor cost without end.
func TestHostileDates(t *testing.T) {
	for name, date := range map[string]string{
		"with line ends":   "Wed, 25 Nov 2020 16:46:48 GMT\rX-Injected: a\r",
		"folded":           "Wed, 25 Nov 2020 16:46:48 GMT\r\n X-Injected: a",
		"with zero bytes":  "Wed, 25 Nov 2020\x00 16:46:48 GMT\x7f",
		"of 100 KB":        strings.Repeat("Wed, 25 Nov 2020 16:46:48 GMT ", 3400),
		"with blanks":      "{host} {length} {filler:99999999} {wua-config/LastChange}",
		"of another range": "a\r\nRange: bytes=0-1\r\nX-Injected: b",
	} {
		v, err := newVillain(hostility{meets: method("HEAD"), does: func(c net.Conn, _ string) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nLast-Modified: %s\r\n\r\n", hostileSize, date)
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := v.client()
		run := c.Run(t.Context())
		v.close()
		if moved := run.In + run.Out; moved > hostileBytes+hostileSlack {
			t.Errorf("a date %s: %d bytes were moved, want at most %d", name, moved, hostileBytes+hostileSlack)
		}
		for _, request := range v.heard {
			head, _, _ := strings.Cut(request, "\r\n\r\n")
			if strings.Contains(head, "\r\nX-Injected") || strings.Count(head, "\r\nRange:") > 1 || strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\r") || strings.ContainsAny(head, "\x00\x7f") {
				t.Errorf("a date %s gets into a head as %q", name, head)
			}
		}
	}
}
