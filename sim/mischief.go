package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf16"

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
		if r.StatusCode != http.StatusOK || r.ContentLength <= at || r.Request.Method == http.MethodHead {
			return
		}
		rest := r.Body
		before, _ := io.ReadAll(io.LimitReader(rest, at))
		var one [1]byte
		io.ReadFull(rest, one[:])
		one[0] ^= 0xFF
		r.Body = joined{io.MultiReader(bytes.NewReader(before), bytes.NewReader(one[:]), rest), rest}
	}
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

// connCap turns away a client's connections beyond so many at once.
func connCap(most int) func(*Net) { return connections(most, false) }

// connQueue leaves connections beyond so many at once unaccepted.
func connQueue(most int) func(*Net) { return connections(most, true) }

// idleCut closes a connection on which no request came for so long since the
// last answer.
func idleCut(after time.Duration) func(*Net) {
	return func(n *Net) { n.Proxy.server.IdleTimeout = after }
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

// hostsDenied refuses the names, and those below them.
func hostsDenied(names ...string) func(*Net) { return denied(toHost(names...)) }

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

// collapse asks for the one part that covers all that were asked for.
func collapse(r *http.Request) {
	list := strings.TrimPrefix(r.Header.Get("Range"), "bytes=")
	first, _, _ := strings.Cut(list, "-")
	last := list[strings.LastIndex(list, "-")+1:]
	r.Header.Set("Range", "bytes="+first+"-"+last)
}

// firstRange asks for the first of the parts that were asked for.
func firstRange(r *http.Request) {
	first, _, _ := strings.Cut(r.Header.Get("Range"), ",")
	r.Header.Set("Range", first)
}

// What becomes of a request for several parts (wire.md 1.8).
var (
	multiCollapse   = request(where(severalRanges, collapse))
	multiFirst      = request(where(severalRanges, firstRange))
	multiWhole      = request(where(severalRanges, unset("Range")))
	multiRefused    = answer(severalRanges, refusal(http.StatusRequestedRangeNotSatisfiable))
	multiLongParts  = response(severalRanges, longParts)
	multiBlankLines = response(severalRanges, blankLines)
)

// longParts adds 200 bytes to the head of each part of an answer.
func longParts(r *http.Response) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return
	}
	const name = "X-Trace: "
	field := name + strings.Repeat("t", 200-len(name+"\r\n")) + "\r\n"
	start := "--" + params["boundary"] + "\r\n"
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
	replaceBody(r, bytes.ReplaceAll(text, []byte(start), []byte(start+field)))
}

// blankLines puts four of them between the head and the first part of an answer.
func blankLines(r *http.Response) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		text, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
		replaceBody(r, append([]byte("\r\n\r\n\r\n\r\n"), bytes.TrimLeft(text, "\r\n")...))
	}
}

// resumeRefused sends the whole file to who has its first 8 KiB.
var resumeRefused = request(where(rangeFrom(8192), unset("Range")))

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

// rangeOnlyWarm sends the whole file to who asks first, and parts of it from
// then on: it must have the file before it has its parts.
func rangeOnlyWarm(n *Net) {
	var warm firsts[bool]
	request(where(method(http.MethodGet), func(r *http.Request) {
		if _, again := warm.claim(r.URL.String(), true); !again {
			r.Header.Del("Range")
		}
	}))(n)
}

// firsts are the first values that were claimed under each key.
type firsts[V any] struct {
	mu sync.Mutex
	of map[string]V
}

// maxFirsts is the most keys that are remembered.
const maxFirsts = 1 << 12

// claim is the first value for key, and whether it was there before.
func (f *firsts[V]) claim(key string, value V) (first V, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first, again = f.of[key]; again {
		return first, true
	}
	if f.of == nil || len(f.of) >= maxFirsts {
		f.of = map[string]V{}
	}
	f.of[key] = value
	return value, false
}

func (f *firsts[V]) get(key string) (first V, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, ok = f.of[key]
	return first, ok
}

// secondStale sends an older copy of a file, of the same length, to the requests
// that when matches on any but the connection that asked for it first: a node of
// several, with a clock and bytes of its own.
func secondStale(when When) func(*Net) {
	return func(n *Net) {
		var asked firsts[*trackedConn]
		forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
			first, _ := asked.claim(r.URL.String(), connOf(r))
			answer, err := ask(r)
			if err == nil && first != connOf(r) {
				older(answer)
			}
			return answer, err
		})(n)
	}
}

// older makes a file, or a part of it, that of the day before.
func older(r *http.Response) {
	changed, err := http.ParseTime(r.Header.Get("Last-Modified"))
	if err != nil || strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return
	}
	r.Header.Set("Last-Modified", changed.Add(-24*time.Hour).Format(http.TimeFormat))
	if tag := r.Header.Get("ETag"); tag != "" {
		r.Header.Set("ETag", strings.Replace(tag, `"`, `"old-`, 1))
	}
	r.Body = joined{inverted{r.Body}, r.Body}
}

// inverted reads the complement of each byte.
type inverted struct{ io.Reader }

func (i inverted) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	for at := range p[:n] {
		p[at] ^= 0xFF
	}
	return n, err
}

// offset32 asks for what is left of an offset in 32 bits, and says that it is
// what was asked for.
func offset32(r *http.Request, ask ask) (*http.Response, error) {
	var first, last int64
	asked := r.Header.Get("Range")
	if _, err := fmt.Sscanf(asked, "bytes=%d-%d", &first, &last); err != nil || first < 1<<32 {
		return ask(r)
	}
	wrapped := first % (1 << 32)
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", wrapped, wrapped+last-first))
	answer, err := ask(r)
	if err != nil {
		return nil, err
	}
	if _, total, ok := strings.Cut(answer.Header.Get("Content-Range"), "/"); ok {
		answer.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", first, last, total))
	}
	return answer, nil
}

// queryDropped asks for what stands before the question mark.
func queryDropped(r *http.Request) { r.URL.RawQuery, r.URL.ForceQuery = "", false }

// escapesRecoded writes the escapes of a URL in upper case.
func escapesRecoded(r *http.Request) {
	r.URL.RawPath = upperEscapes(r.URL.EscapedPath())
	r.URL.RawQuery = upperEscapes(r.URL.RawQuery)
}

var escape = regexp.MustCompile("%[0-9a-fA-F]{2}")

func upperEscapes(s string) string { return escape.ReplaceAllStringFunc(s, strings.ToUpper) }

// slashesMerged makes one slash of several in a path.
func slashesMerged(r *http.Request) {
	r.URL.Path, r.URL.RawPath = mergeSlashes(r.URL.Path), mergeSlashes(r.URL.RawPath)
}

var slashes = regexp.MustCompile("//+")

func mergeSlashes(s string) string { return slashes.ReplaceAllString(s, "/") }

// kept is an answer that a cache has.
type kept struct {
	status int
	header http.Header
	body   []byte
}

// keep reads answer to its end, if that is no more than most bytes off. Else it
// is as it was.
func keep(answer *http.Response, most int64) *kept {
	if answer.StatusCode != http.StatusOK || answer.ContentLength > most {
		return nil
	}
	start, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil || int64(len(start)) > most {
		answer.Body = joined{io.MultiReader(bytes.NewReader(start), answer.Body), answer.Body}
		return nil
	}
	answer.Body.Close()
	return &kept{answer.StatusCode, answer.Header, start}
}

// answer is k once more, to r.
func (k *kept) answer(r *http.Request) *http.Response {
	return &http.Response{StatusCode: k.status, Status: fmt.Sprint(k.status, " ", http.StatusText(k.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: k.header.Clone(), Request: r,
		Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body))}
}

// replay answers with what the first answer under the same key was.
func replay(when When, key func(*http.Request) string) func(*Net) {
	return func(n *Net) {
		var cache firsts[*kept]
		forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
			if k, ok := cache.get(key(r)); ok {
				return k.answer(r), nil
			}
			answer, err := ask(r)
			if err != nil {
				return nil, err
			}
			if k := keep(answer, maxKept); k != nil {
				cache.claim(key(r), k)
				return k.answer(r), nil
			}
			return answer, nil
		})(n)
	}
}

// postCache keeps the answers of web services, one for each call.
func postCache(n *Net) {
	replay(method(http.MethodPost), func(r *http.Request) string {
		return r.URL.String() + " " + r.Header.Get("SOAPAction")
	})(n)
}

// staleByPath keeps the answers to the requests that when matches, whatever
// their query.
func staleByPath(when When) func(*Net) {
	return replay(both(when, lacking("Range")), func(r *http.Request) string { return r.Method + " " + r.URL.Path })
}

// rangeFromCache fetches whole files, and cuts the parts itself. Who asks for a
// part that is not there gets all of it. Files too long to keep are not touched.
func rangeFromCache(n *Net) {
	var cache firsts[*kept]
	forward(method(http.MethodGet), func(r *http.Request, ask ask) (*http.Response, error) {
		k, ok := cache.get(r.URL.String())
		if !ok {
			answer, err := ask(unconditional(r))
			if err != nil {
				return nil, err
			}
			if k = keep(answer, maxObject); k == nil {
				answer.Body.Close()
				return ask(r)
			}
			cache.claim(r.URL.String(), k)
		}
		return k.part(r), nil
	})(n)
}

// unconditional asks for the whole of what r asks for.
func unconditional(r *http.Request) *http.Request {
	whole := r.Clone(r.Context())
	for _, field := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		whole.Header.Del(field)
	}
	return whole
}

// part is what r asks for of k, or all of it if there is no such part.
func (k *kept) part(r *http.Request) *http.Response {
	changed, _ := http.ParseTime(k.header.Get("Last-Modified"))
	cut := &recorder{kept{status: http.StatusOK, header: k.header.Clone()}}
	cut.header.Del("Content-Length")
	http.ServeContent(cut, r, "", changed, bytes.NewReader(k.body))
	if cut.status == http.StatusRequestedRangeNotSatisfiable {
		return k.answer(r)
	}
	return cut.answer(r)
}

// A recorder keeps what a handler answers.
type recorder struct{ kept }

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Write(p []byte) (int, error) {
	r.body = append(r.body, p...)
	return len(p), nil
}

// ntlm wants a login by NTLM for each connection (wire.md 5.2). It hangs up after
// its challenge, whose answer then has none to refer to, or keeps the connection.
func ntlm(keep bool) func(*Net) {
	return front(everything, func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		l := connOf(r).note(ntlmKey{}, func() any { return new(ntlmLogin) }).(*ntlmLogin)
		if l.in {
			honest.ServeHTTP(w, r)
			return
		}
		offer := l.next(ntlmMessage(r.Header.Get("Proxy-Authorization")))
		if l.in {
			honest.ServeHTTP(w, r)
			return
		}
		if l.challenge != nil && !keep {
			w.Header().Set("Connection", "close")
			w.Header().Set("Proxy-Connection", "close")
		}
		w.Header().Set("Proxy-Authenticate", offer)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusProxyAuthRequired)
	})
}

// ntlmKey is for the login in the notes of a connection.
type ntlmKey struct{}

// An ntlmLogin is how far the login of a connection has come.
type ntlmLogin struct {
	challenge []byte // that was sent; nil for none
	in        bool
}

// next takes a message of the client, nil for none, and is what to offer it.
func (l *ntlmLogin) next(message []byte) (offer string) {
	challenge := l.challenge
	l.challenge = nil
	switch {
	case ntlmType(message) == 1:
		l.challenge = make([]byte, 8)
		rand.Read(l.challenge)
		return "NTLM " + base64.StdEncoding.EncodeToString(ntlmChallenge(l.challenge))
	case ntlmType(message) == 3 && challenge != nil:
		l.in = ntlmProves(message, challenge, ntlmHash)
	}
	return "NTLM"
}

// ntlmHash is the NT hash of the one password that is good, "s3cret" (MS-NLMP
// 3.3.1). The user's name is free, and may not be empty.
var ntlmHash = []byte{0xd4, 0xc6, 0x19, 0xcb, 0x16, 0xd4, 0x63, 0x2b, 0x27, 0x56, 0x58, 0x31, 0x6a, 0x7e, 0x65, 0x7e}

const ntlmSignature = "NTLMSSP\x00"

// ntlmMessage is the message in a field, or nil.
func ntlmMessage(field string) []byte {
	scheme, coded, _ := strings.Cut(field, " ")
	message, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
	if err != nil || !strings.EqualFold(scheme, "NTLM") {
		return nil
	}
	return message
}

// ntlmType is which message it is: 1, 2 or 3, or 0 for none.
func ntlmType(message []byte) uint32 {
	if len(message) < 12 || string(message[:8]) != ntlmSignature {
		return 0
	}
	return binary.LittleEndian.Uint32(message[8:])
}

// ntlmChallenge is the second message (MS-NLMP 2.2.1.2), from a proxy in the
// domain PROXY.
func ntlmChallenge(challenge []byte) []byte {
	const (
		headLen = 48
		// Unicode, target, NTLM, always sign, domain, extended session security,
		// target information, 128 and 56 bits.
		flags = 0xA0898205
	)
	domain := utf16le("PROXY")
	info := slices.Concat([]byte{2, 0, byte(len(domain)), 0}, domain, []byte{1, 0, byte(len(domain)), 0}, domain, make([]byte, 4))
	m := append([]byte(ntlmSignature), 2, 0, 0, 0)
	m = ntlmField(m, len(domain), headLen)
	m = binary.LittleEndian.AppendUint32(m, flags)
	m = append(append(m, challenge...), make([]byte, 8)...)
	m = ntlmField(m, len(info), headLen+len(domain))
	return slices.Concat(m, domain, info)
}

// ntlmField says where in a message so many bytes are.
func ntlmField(m []byte, size, at int) []byte {
	m = binary.LittleEndian.AppendUint16(m, uint16(size))
	m = binary.LittleEndian.AppendUint16(m, uint16(size))
	return binary.LittleEndian.AppendUint32(m, uint32(at))
}

// ntlmProves tells whether the third message knows the password with that hash:
// NTLMv2 alone (MS-NLMP 3.3.2).
func ntlmProves(message, challenge, hash []byte) bool {
	response, ok1 := ntlmBytes(message, 20)
	domain, ok2 := ntlmBytes(message, 28)
	user, ok3 := ntlmBytes(message, 36)
	if !ok1 || !ok2 || !ok3 || len(user) == 0 || len(response) < 16+28 {
		return false
	}
	key := hmacMD5(hash, upperUTF16(user), domain)
	return hmac.Equal(response[:16], hmacMD5(key, challenge, response[16:]))
}

// ntlmBytes are those that the field at an offset of a message refers to.
func ntlmBytes(message []byte, field int) ([]byte, bool) {
	if len(message) < field+8 {
		return nil, false
	}
	size := uint64(binary.LittleEndian.Uint16(message[field:]))
	at := uint64(binary.LittleEndian.Uint32(message[field+4:]))
	if at+size > uint64(len(message)) {
		return nil, false
	}
	return message[at : at+size], true
}

func hmacMD5(key []byte, texts ...[]byte) []byte {
	h := hmac.New(md5.New, key)
	for _, t := range texts {
		h.Write(t)
	}
	return h.Sum(nil)
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// upperUTF16 is a text in UTF-16 in upper case.
func upperUTF16(b []byte) []byte {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	return utf16le(strings.ToUpper(string(utf16.Decode(units))))
}

// inspect opens tunnels and signs in the place of the server.
func inspect(n *Net) *goproxy.ConnectAction {
	authority, err := wsus.NewAuthority("Example Corp Inspection CA")
	if err != nil {
		panic(err) // no key could be made
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectMitm, TLSConfig: func(string, *goproxy.ProxyCtx) (*tls.Config, error) {
		return authority.TLSConfig(), nil // goproxy's own knows no TLS as old as XP's
	}}
}

// expire lets the certificates of the server have ended an hour ago.
func expire(n *Net) { n.Server.Authority.Valid = -time.Hour }

// forgetCA leaves the client without the root of the server.
func forgetCA(n *Net) { n.clientKnowsCA, n.atClient = false, n.breaking }

// poolStopped answers as http.sys does for a service that is down.
func poolStopped(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	w.Header().Set("Content-Type", "text/html; charset=us-ascii")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD>\r\n<BODY><h2>Service Unavailable</h2></BODY></HTML>\r\n")
}

func notFound(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusNotFound) }

func broken(w http.ResponseWriter, _ *http.Request) { errorPage(w, http.StatusInternalServerError) }

// errorPage answers as IIS does.
func errorPage(w http.ResponseWriter, status int) {
	w.Header().Set("Server", "Microsoft-IIS/10.0")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	io.WriteString(w, "<html><head><title>"+http.StatusText(status)+"</title></head></html>")
}
