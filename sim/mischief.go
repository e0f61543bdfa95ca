package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/elazarl/goproxy"
	"github.com/miekg/dns"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// What happens at the places of break.go.

func nxdomain(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeNameError) }

func servfail(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) }

func silence(*dns.Msg) *dns.Msg { return nil }

// nobody is a port at which nothing listens.
func nobody(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err == nil {
		err = l.Close()
	}
	return l, err
}

func refused(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// resetInHead sends RST in place of the rest of a head.
func resetInHead(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
	reset(c)
}

// openAndReset says that the tunnel is open, and resets the handshake.
func openAndReset(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	io.ReadFull(c, make([]byte, 1))
	reset(c)
}

// login is an answer that wants a login by scheme.
func login(scheme string) string {
	return "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: " + scheme + "\r\nContent-Length: 0\r\n\r\n"
}

// fields are so many fields of a head.
func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-Trace-%d: a hop that wants to be remembered by all\r\n", i)
	}
	return b.String()
}

// unset takes a field out of requests.
func unset(field string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(field) }
}

// drop takes a field out of answers.
func drop(field string) func(*http.Response) {
	return func(r *http.Response) {
		r.Header.Del(field)
		if field == "Content-Length" {
			r.ContentLength = -1
		}
	}
}

// total puts another total into Content-Range.
func total(n string) func(*http.Response) {
	return func(r *http.Response) {
		if span, _, ok := strings.Cut(r.Header.Get("Content-Range"), "/"); ok {
			r.Header.Set("Content-Range", span+"/"+n)
		}
	}
}

// changeByte changes one byte of a whole file, or its last if it is shorter,
// and leaves its length.
func changeByte(at int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.StatusCode == http.StatusOK && r.ContentLength > at && r.Request.Method != http.MethodHead {
			changeOne(r, at)
		}
	}
}

// changeOne changes the byte at a place of a body.
func changeOne(r *http.Response, at int64) {
	rest := r.Body
	before, _ := io.ReadAll(io.LimitReader(rest, at))
	var one [1]byte
	io.ReadFull(rest, one[:])
	one[0] ^= 0xFF
	r.Body = joined{io.MultiReader(bytes.NewReader(before), bytes.NewReader(one[:]), rest), rest}
}

// joined reads from one and closes another.
type joined struct {
	io.Reader
	io.Closer
}

// compress codes a whole file with gzip as it passes, as output filters do.
func compress(r *http.Response) {
	if r.StatusCode != http.StatusOK {
		return
	}
	plain := r.Body
	coded, w := io.Pipe()
	go func() {
		defer plain.Close()
		g, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, err := io.Copy(g, plain)
		g.Close()
		w.CloseWithError(err)
	}()
	r.Body, r.ContentLength = coded, -1
	r.Header.Del("Content-Length")
	r.Header.Set("Content-Encoding", "gzip")
}

// blockPage puts a page in the place of a file, under the status 200.
func blockPage(r *http.Response) { page(r, http.StatusOK, "This site is blocked") }

// denyBeyond puts a refusal in the place of answers of more than n bytes.
func denyBeyond(n int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.ContentLength > n {
			page(r, http.StatusForbidden, "Too big")
		}
	}
}

// hideFaults puts a page of the proxy in the place of the faults of a web service.
func hideFaults(r *http.Response) {
	if r.StatusCode == http.StatusInternalServerError && strings.Contains(r.Header.Get("Content-Type"), "xml") {
		page(r, r.StatusCode, "An error occurred")
	}
}

// page puts a page in the place of an answer.
func page(r *http.Response, status int, title string) {
	r.StatusCode, r.Header = status, http.Header{}
	r.Status = fmt.Sprint(status, " ", http.StatusText(status))
	replaceBody(r, []byte(pageOf(title)))
	r.Header.Set("Content-Type", "text/html")
}

func pageOf(title string) string { return "<html><head><title>" + title + "</title></head></html>" }

// config is a whole answer to GetConfig.
var config = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
	len(wusp.ConfigResponse), wusp.ConfigResponse)

// replaceWord puts a word of the same length in the place of another.
func replaceWord(old, new string) func(*http.Response) {
	return func(r *http.Response) {
		text, _ := io.ReadAll(r.Body)
		replaceBody(r, bytes.Replace(text, []byte(old), []byte(new), 1))
	}
}

// truncate cuts answers short, with a length to match.
func truncate(n int64) func(*http.Response) {
	return func(r *http.Response) {
		start, _ := io.ReadAll(io.LimitReader(r.Body, n))
		replaceBody(r, start)
	}
}

func replaceBody(r *http.Response, body []byte) {
	r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// maxKept is the most of one body that a fault reads to keep or change it, in
// bytes, and maxObject the same for a file.
const (
	maxKept   = 1 << 20
	maxObject = 64 << 20
)

// closeEach ends each connection with its first answer, and says of it only what
// says does: lines of a head, or nothing.
func closeEach(says string) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.Heads = append(n.Proxy.Heads, headChange{when: everything, last: true, change: func(head []byte) []byte {
			honest := bytes.Replace(head, []byte("Connection: close\r\n"), nil, 1)
			return bytes.Replace(honest, []byte("\r\n"), []byte("\r\n"+says), 1)
		}})
	}
}

// What a proxy that closes each connection says of it.
var (
	finAfterEach    = closeEach("")
	connectionClose = closeEach("Connection: close\r\n")
	lyingKeepAlive  = closeEach("Connection: keep-alive\r\nProxy-Connection: keep-alive\r\n")
)

// idleCut closes a connection on which no request came for so long since the
// last answer.
func idleCut(after time.Duration) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.server.IdleTimeout = after
	}
}

// refusal is a proxy's own answer, a short page. Fields are lines of its head.
func refusal(status int, fields ...string) string {
	page := pageOf(http.StatusText(status))
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), strings.Join(fields, ""), len(page), page)
}

// turnAway answers before the request is read to its end, and hangs up.
func turnAway(text string) func(net.Conn) {
	return func(c net.Conn) {
		io.WriteString(c, text)
		linger(c)
	}
}

// refusalAsServer asks for a login as a web server does (RFC 9110, 11.6.1).
var refusalAsServer = refusal(http.StatusUnauthorized, "WWW-Authenticate: Basic realm=\"gateway\"\r\n")

// denialAs503 is a denial under the status of a server that is not available.
var denialAs503 = fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s",
	len(pageOf("Access Denied")), pageOf("Access Denied"))

// postLimit refuses bodies of more than n bytes, unread.
func postLimit(n int64) func(*Net) {
	return takeOver(bodyOver(n), turnAway(refusal(http.StatusRequestEntityTooLarge, "Connection: close\r\n")))
}

// headLimit refuses heads of more than n bytes with a status: 400 or 431.
func headLimit(n, status int) func(*Net) { return answer(headOver(n), refusal(status)) }

// urlLimit refuses URLs of more than n bytes.
func urlLimit(n int) func(*Net) { return answer(urlOver(n), refusal(http.StatusRequestURITooLong)) }

// denied refuses the requests that when matches.
func denied(when When) func(*Net) { return answer(when, refusal(http.StatusForbidden)) }

// uaDenied refuses a User-Agent with that part.
func uaDenied(part string) func(*Net) { return denied(saying("User-Agent", part)) }

// noUADenied refuses tunnels to a client that does not say what it is.
func noUADenied(n *Net) { denied(both(method(http.MethodConnect), lacking("User-Agent")))(n) }

// pathsDenied refuses paths that begin with one of the prefixes.
func pathsDenied(prefixes ...string) func(*Net) { return denied(under(prefixes...)) }

// underPrefix matches a host's name with a number before it (wire.md 4.4).
func underPrefix(r *http.Request) bool { return numbered.MatchString(r.Host) }

// byAddress matches a host that is named by its address.
func byAddress(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	return err == nil && net.ParseIP(host) != nil
}

// withCapitals matches a URL with capitals behind its host.
func withCapitals(r *http.Request) bool {
	target := r.URL.RequestURI()
	return r.Method != http.MethodConnect && target != strings.ToLower(target)
}

// twoBytes matches the probe of Delivery Optimization (wire.md 4.2).
func twoBytes(r *http.Request) bool { return r.Header.Get("Range") == "bytes=0-1" }

// oneRange matches what asks for one part of a file.
var oneRange = both(having("Range"), not(severalRanges))

// longPart matches a part of more than 64 KiB, which is what repetitions ask for.
func longPart(r *http.Request) bool {
	var from, to int64
	n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	return n == 2 && to-from >= 64<<10
}

// withQuery matches a URL with a query.
func withQuery(r *http.Request) bool { return r.URL.RawQuery != "" }

// wholeContent matches a fetch of the whole file of an update.
var wholeContent = both(content, lacking("Range"))

// Where CryptoAPI finds out whether a certificate still holds (wire.md 5.5).
const (
	crlPaths  = "/pki/crl/"
	ctlPaths  = "/msdownload/update/v3/static/trustedr/"
	ocspPaths = "/MFEwTzBN"
)

// The ways of a login page to come in the place of what was asked.
var (
	loginPage     = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(pageOf("Login")), pageOf("Login"))
	loginRedirect = "HTTP/1.1 302 Found\r\nLocation: http://" + ServerName + ":" + plainPort + "/login\r\nContent-Length: 0\r\n\r\n"
)

// isXpress tells whether an answer is coded as Windows does it (wire.md 3.7).
func isXpress(r *http.Response) bool { return r.Header.Get("Content-Encoding") == "xpress" }

// xpressMangled does not say of xpress answers that they are coded.
func xpressMangled(r *http.Response) {
	if isXpress(r) {
		r.Header.Del("Content-Encoding")
	}
}

// xpressCut changes the length that the first block of an xpress answer states.
func xpressCut(r *http.Response) {
	if !isXpress(r) {
		return
	}
	coded, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
	if len(coded) >= 8 {
		for i := range coded[4:8] {
			coded[4+i] ^= 0x5A
		}
	}
	replaceBody(r, coded)
}

// pageForAll answers with a login page under the status 200, whatever is asked.
func pageForAll(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, pageOf("Login"))
}

// progress puts a page in the place of a file that says when to ask for it again.
func progress(r *http.Response) {
	page(r, http.StatusOK, "Your download is being scanned")
	r.Header.Set("Refresh", "5")
}

// pageAsPart puts a page in the place of a part of a file.
func pageAsPart(r *http.Response) { page(r, http.StatusPartialContent, "This site is blocked") }

// scannerFull puts the error of a gateway in the place of answers of more than n bytes.
func scannerFull(n int64) func(*http.Response) {
	return func(r *http.Response) {
		if r.ContentLength > n {
			page(r, http.StatusServiceUnavailable, "Scanning failed: the queue is full")
		}
	}
}

// denyType puts a refusal in the place of answers of one type.
func denyType(contentType string) func(*http.Response) {
	return func(r *http.Response) {
		if r.StatusCode/100 == 2 && r.Header.Get("Content-Type") == contentType {
			page(r, http.StatusForbidden, "This type of file is not wanted")
		}
	}
}

// empty takes all bytes out of a file.
func empty(r *http.Response) { replaceBody(r, nil) }

// trailer adds to a body what a scanner has to say, and counts it.
func trailer(r *http.Response) {
	const says = "\r\n<!-- no virus found -->"
	if r.StatusCode == http.StatusPartialContent {
		r.ContentLength += int64(len(says))
		r.Header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
		r.Body = joined{io.MultiReader(r.Body, strings.NewReader(says)), r.Body}
	}
}

// dayOlder gives an answer to HEAD the date of an older copy.
func dayOlder(r *http.Response) {
	if changed, err := http.ParseTime(r.Header.Get("Last-Modified")); err == nil {
		r.Header.Set("Last-Modified", changed.Add(-24*time.Hour).Format(http.TimeFormat))
	}
}

// askFor changes the part that is asked for, if it is one.
func askFor(part func(from, to int64) (int64, int64)) func(*http.Request) {
	return func(r *http.Request) {
		var from, to int64
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 && !severalRanges(r) {
			from, to = part(from, to)
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
		}
	}
}

// byteLess is a part without its last byte.
func byteLess(from, to int64) (int64, int64) { return from, max(to-1, from) }

// atMost is the start of a part.
func atMost(n int64) func(from, to int64) (int64, int64) {
	return func(from, to int64) (int64, int64) { return from, min(to, from+n-1) }
}

// sliceSize is that of the slices in which caches keep files, in bytes.
const sliceSize = 1 << 20

// toSlice is a part up to the end of the slice in which it begins.
func toSlice(from, to int64) (int64, int64) { return from, min(to, from|(sliceSize-1)) }

// acrossSlices matches a part of more than one slice.
func acrossSlices(r *http.Request) bool {
	var from, to int64
	n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
	return n == 2 && !severalRanges(r) && from/sliceSize != to/sliceSize
}

// endAtSlice ends the body of a part with its first slice.
func endAtSlice(r *http.Response) {
	var from int64
	if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-", &from); err == nil {
		r.Body = joined{io.LimitReader(r.Body, sliceSize-from%sliceSize), r.Body}
	}
}

// queryRewritten writes the query anew, in the order of its names.
func queryRewritten(r *http.Request) { r.URL.RawQuery = r.URL.Query().Encode() }

// queryLowered writes the query in lower case.
func queryLowered(r *http.Request) { r.URL.RawQuery = strings.ToLower(r.URL.RawQuery) }

// set puts a value into a field of requests that have it.
func set(field, value string) func(*http.Request) {
	return func(r *http.Request) {
		if r.Header.Get(field) != "" {
			r.Header.Set(field, value)
		}
	}
}

// packet is the most that gets through a tunnel that takes no packets of full size,
// in bytes.
const packet = 1400

// bigLost lets nothing through that is longer than a packet, one way or the other.
func bigLost(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	answer := &recorder{kept{status: http.StatusOK, header: http.Header{}}}
	if r.ContentLength < packet {
		honest.ServeHTTP(answer, r)
	}
	if r.ContentLength >= packet || len(answer.body) >= packet {
		connOf(r).edit = nil
		seize(stall)(w, r)
		return
	}
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.status)
	w.Write(answer.body)
}

// throttle lets so many bytes a second through.
func throttle(rate int) func(*http.Response) {
	return func(r *http.Response) { r.Body = joined{&throttled{r.Body, rate}, r.Body} }
}

// throttled reads at a rate, in bytes a second.
type throttled struct {
	io.Reader
	rate int
}

func (t *throttled) Read(p []byte) (int, error) {
	const beat = 50 * time.Millisecond
	time.Sleep(beat)
	return t.Reader.Read(p[:min(len(p), int(float64(t.rate)*beat.Seconds()))])
}

// impatient answers with 504 in the place of what it asks the server for.
func impatient(r *http.Request, ask ask) (*http.Response, error) {
	waiting, giveUp := context.WithTimeout(r.Context(), 50*time.Millisecond)
	defer giveUp()
	if answer, err := ask(r.WithContext(waiting)); err == nil {
		answer.Body.Close()
	}
	answer := &http.Response{Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	page(answer, http.StatusGatewayTimeout, "The server has not answered in time")
	return answer, nil
}

// openAndSay says that the tunnel is open, and ends a body that it does not have.
func openAndSay(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n0\r\n\r\n")
	linger(c)
}

// inspectOld inspects and knows TLS 1.0 alone.
func inspectOld(n *Net) *goproxy.ConnectAction {
	action := inspect(n)
	honest := action.TLSConfig
	action.TLSConfig = func(host string, ctx *goproxy.ProxyCtx) (*tls.Config, error) {
		config, err := honest(host, ctx)
		if err == nil {
			onlyTLS10(config)
		}
		return config, err
	}
	return action
}

// inspect opens tunnels and signs in the place of the server.
func inspect(n *Net) *goproxy.ConnectAction {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	return inspectBy(authority)
}

// inspectBy opens tunnels and signs with the root of an authority.
func inspectBy(authority *wsus.Authority) *goproxy.ConnectAction {
	return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: func(string, *goproxy.ProxyCtx) (*tls.Config, error) {
		return authority.TLSConfig(), nil // goproxy's own knows no TLS as old as XP's
	}}
}

// addGzip offers gzip beside what the client offers.
func addGzip(r *http.Request) { r.Header.Add("Accept-Encoding", "gzip") }

// http10Upstream lets the proxy write HTTP/1.0 into the requests that it passes on,
// each on a connection of its own.
func http10Upstream(n *Net) {
	honest := n.Proxy.Dial
	n.Proxy.Tr.DisableKeepAlives = true
	dial(func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := honest(ctx, network, addr)
		if err != nil || strings.HasSuffix(addr, ":"+n.Server.TLSPort) {
			return c, err
		}
		return &firstLine{Conn: c, old: []byte(" HTTP/1.1\r\n"), new: []byte(" HTTP/1.0\r\n")}, nil
	})(n)
}

// A firstLine changes a part of the first line that is written to a connection.
type firstLine struct {
	net.Conn
	old, new []byte // of one length
	done     bool
}

func (f *firstLine) Write(p []byte) (int, error) {
	if f.done {
		return f.Conn.Write(p)
	}
	f.done = bytes.Contains(p, f.old)
	return f.Conn.Write(bytes.Replace(p, f.old, f.new, 1))
}

// openAndStall says that the tunnel is open, and lets nothing through.
func openAndStall(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	stall(c)
}

// openAndShow says that the tunnel is open, and sends a page through it.
func openAndShow(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"+pageOf("Denied"))
	linger(c)
}

// denialAs502 is how ISA Server denies a URL (KB837451).
var denialAs502 = strings.Replace(refusal(http.StatusBadGateway, "Via: 1.1 ISA\r\n"), "Bad Gateway",
	"Proxy Error ( The ISA Server denied the specified Uniform Resource Locator (URL).  )", 1)

// badGateway puts a page that the server cannot be reached in the place of its answer.
func badGateway(r *http.Response) { page(r, http.StatusBadGateway, "Bad gateway") }

// requestLimit lets each client make so many requests.
func requestLimit(n int64) func(*Net) {
	return func(net *Net) {
		var made atomic.Int64
		answer(func(*http.Request) bool { return made.Add(1) > n }, refusal(http.StatusTooManyRequests))(net)
	}
}

// tlsAlone is a socket behind which a handshake is answered, and nothing else.
func tlsAlone(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	authority, err := wsus.NewAuthority("Example Corp CA")
	if err != nil {
		return nil, err
	}
	return &tlsListener{l, authority.TLSConfig()}, nil
}

// A tlsListener answers handshakes by itself, and gives nobody a connection.
type tlsListener struct {
	net.Listener
	config *tls.Config
}

func (l *tlsListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		go func() {
			defer c.Close()
			c.SetDeadline(time.Now().Add(5 * time.Second))
			br := bufio.NewReader(c)
			if first, err := br.Peek(1); err == nil && first[0] == 0x16 { // a handshake record
				tls.Server(&peeked{c, br}, l.config).Handshake()
			}
		}()
	}
}

// A peeked connection gives back what was looked at.
type peeked struct {
	net.Conn
	br *bufio.Reader
}

func (p *peeked) Read(b []byte) (int, error) { return p.br.Read(b) }
