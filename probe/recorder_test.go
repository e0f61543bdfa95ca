package probe_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// A recorder is a proxy that keeps each request as it came, under the address
// from which it came: a connection makes one request after another. When it
// opens a tunnel, it keeps what is asked inside in the same way.
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

// throwaway is what any Windows can agree on with a server, under a certificate
// that nothing trusts. Its key is of RSA, as XP knows no other.
var throwaway = sync.OnceValue(func() *tls.Config {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"wsus.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	return config
})

// serve answers the requests of one connection until the client hangs up.
func (r *recorder) serve(raw net.Conn, answer func(string) string) {
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(30 * time.Second)) // lest a client that keeps it hang the test
	conn, reader := raw, bufio.NewReader(raw)
	for {
		request, err := readRequest(reader)
		if request != "" {
			r.keep(raw.RemoteAddr().String(), request)
		}
		if err != nil {
			return
		}
		answered := answer(request)
		if _, err := io.WriteString(conn, answered); err != nil {
			return
		}
		if strings.HasPrefix(request, "CONNECT ") && strings.HasPrefix(answered, "HTTP/1.1 2") {
			conn = tls.Server(raw, throwaway())
			reader = bufio.NewReader(conn)
		}
	}
}

// keep notes a request under the address from which it came.
func (r *recorder) keep(from, request string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent[from] = append(r.sent[from], request)
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

// answer is a minimal answer of a healthy proxy, and of the servers behind it.
func answer(request string) string {
	method, _, _ := strings.Cut(request, " ")
	switch {
	case method == "CONNECT":
		return "HTTP/1.1 200 Connection established\r\n\r\n"
	case method == "POST":
		return called(request)
	case strings.Contains(request, "\r\nIf-Unmodified-Since: Sat, 01 Jan 2000"):
		return "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
	case strings.Contains(request, "\r\nIf-None-Match: "+goldenTag):
		return "HTTP/1.1 304 Not Modified\r\nETag: " + goldenTag + "\r\n\r\n"
	}
	file, wanted := fileAt(pathOf(request)), asked(request)
	switch {
	case len(wanted) > 1:
		return multipart(file, wanted)
	case len(wanted) == 1 && wanted[0].from >= file.Size():
		return fmt.Sprintf("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n", file.Size())
	}
	return single(file, wanted, method != "HEAD")
}

// pathOf is the path that a request asks for, without its query.
func pathOf(request string) string {
	_, rest, _ := strings.Cut(request, " ")
	target, _, _ := strings.Cut(rest, " ")
	path, _, _ := strings.Cut(regexp.MustCompile(`^http://[^/]*`).ReplaceAllString(target, ""), "?")
	return path
}

// texts are the files that a client reads (wire.md 5.6).
var texts = map[string]string{"/connecttest.txt": "Microsoft Connect Test", "/ncsi.txt": "Microsoft NCSI"}

// fileAt is the file at a path: generated bytes, a text or a cabinet.
func fileAt(path string) *io.SectionReader {
	text := []byte(texts[path])
	content, ok := wusp.ParseContent(path)
	switch {
	case ok:
		return content.Reader()
	case strings.HasPrefix(path, "/filestreamingservice/files/"):
		return wusp.NewContent(goldenSize, "00000000", ".cab").Reader()
	case len(text) == 0:
		text = wusp.Cabinet("a.txt", []byte("the agent's own update"))
	}
	return io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text)))
}

// A part is the bytes of a file from the first to the last.
type part struct{ from, to int64 }

// asked are the parts of a file that a request asks for; none for the whole.
func asked(request string) []part {
	_, rest, found := strings.Cut(request, "\r\nRange: bytes=")
	value, _, _ := strings.Cut(rest, "\r\n")
	if !found {
		return nil
	}
	var wanted []part
	for one := range strings.SplitSeq(value, ",") {
		var p part
		fmt.Sscanf(one, "%d-%d", &p.from, &p.to)
		wanted = append(wanted, p)
	}
	return wanted
}

// bytesOf are the bytes of a part of a file.
func bytesOf(file *io.SectionReader, p part) string {
	body := make([]byte, p.to-p.from+1)
	file.ReadAt(body, p.from)
	return string(body)
}

// fields are what each file comes with.
const fields = "Last-Modified: " + goldenDate + "\r\nAccept-Ranges: bytes\r\nETag: " + goldenTag + "\r\n"

// single is a file, or the one part of it that was asked for.
func single(file *io.SectionReader, wanted []part, withBody bool) string {
	status, more, p := "200 OK", "", part{0, file.Size() - 1}
	if len(wanted) == 1 {
		status, p = "206 Partial Content", wanted[0]
		more = fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", p.from, p.to, file.Size())
	}
	head := fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n%s\r\n", status, fields, p.to-p.from+1, more)
	if !withBody {
		return head
	}
	return head + bytesOf(file, p)
}

// multipart is several parts of a file in the form of wire.md 1.8.
func multipart(file *io.SectionReader, wanted []part) string {
	const boundary = "7EAAD857FD2E903C"
	var body strings.Builder
	for _, p := range wanted {
		fmt.Fprintf(&body, "\r\n--%s\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %d-%d/%d\r\n\r\n%s",
			boundary, p.from, p.to, file.Size(), bytesOf(file, p))
	}
	fmt.Fprintf(&body, "\r\n--%s--\r\n", boundary)
	return fmt.Sprintf("HTTP/1.1 206 Partial Content\r\n%sContent-Type: multipart/byteranges; boundary=%s\r\nContent-Length: %d\r\n\r\n%s",
		fields, boundary, body.Len(), body.String())
}

// What the web services say, and what the golden requests have of it.
const (
	goldenChange   = "2024-05-06T07:08:09.123Z"
	goldenCookie   = "<Expiration>2034-05-06T08:08:09.1234567Z</Expiration><EncryptedData>Y29va2llIG9mIHRoZSB0ZXN0</EncryptedData>"
	goldenPlugIn   = "YXV0aG9yaXphdGlvbiBvZiB0aGUgdGVzdA=="
	goldenRevision = "4711"
	goldenDigest   = "W4TwqIH4ivSM+y3oNCjDfJ8+D3U="
)

// results are what the operations give back (wire.md 3.5).
var results = map[string]string{
	"GetConfig": `<GetConfigResult><LastChange>` + goldenChange + `</LastChange><IsRegistrationRequired>true</IsRegistrationRequired>` +
		`<AuthInfo><AuthPlugInInfo><PlugInID>SimpleTargeting</PlugInID><ServiceUrl>SimpleAuthWebService/SimpleAuth.asmx</ServiceUrl></AuthPlugInInfo></AuthInfo>` +
		`<Properties><ConfigurationProperty><Name>MaxExtendedUpdatesPerRequest</Name><Value>50</Value></ConfigurationProperty>` +
		`<ConfigurationProperty><Name>ProtocolVersion</Name><Value>3.2</Value></ConfigurationProperty></Properties></GetConfigResult>`,
	"GetConfig2":             `<GetConfig2Result><LastChange>` + goldenChange + `</LastChange><IsRegistrationRequired>false</IsRegistrationRequired></GetConfig2Result>`,
	"GetAuthorizationCookie": `<GetAuthorizationCookieResult><PlugInId>SimpleTargeting</PlugInId><CookieData>` + goldenPlugIn + `</CookieData></GetAuthorizationCookieResult>`,
	"GetCookie":              `<GetCookieResult>` + goldenCookie + `</GetCookieResult>`,
	"SyncUpdates": `<SyncUpdatesResult><NewUpdates><UpdateInfo><ID>` + goldenRevision + `</ID>` +
		`<Deployment><ID>12</ID><Action>Install</Action><IsAssigned>true</IsAssigned><LastChangeTime>2024-05-06</LastChangeTime>` +
		`<AutoSelect>0</AutoSelect><AutoDownload>0</AutoDownload><SupersedenceBehavior>0</SupersedenceBehavior></Deployment>` +
		`<IsLeaf>true</IsLeaf><Xml>&lt;UpdateIdentity UpdateID="e4d5ca27-96c4-4f0b-8b0e-5c35e9b3c4a1" RevisionNumber="200" /&gt;</Xml></UpdateInfo></NewUpdates>` +
		`<Truncated>false</Truncated><NewCookie>` + goldenCookie + `</NewCookie><DriverSyncNotNeeded>false</DriverSyncNotNeeded></SyncUpdatesResult>`,
	"GetExtendedUpdateInfo": `<GetExtendedUpdateInfoResult><Updates><Update><ID>` + goldenRevision + `</ID><Xml></Xml></Update></Updates>` + locations + `</GetExtendedUpdateInfoResult>`,
	"GetFileLocations":      `<GetFileLocationsResult>` + locations + `<NewCookie>` + goldenCookie + `</NewCookie></GetFileLocationsResult>`,
	"ReportEventBatch":      `<ReportEventBatchResult>true</ReportEventBatchResult>`,
}

// locations are where the files of the one update are.
const locations = `<FileLocations><FileLocation><FileDigest>` + goldenDigest + `</FileDigest>` +
	`<Url>http://wsus.test:8530/Content/75/5B84F0A881F88AF48CFB2DE83428C37C9F3E0F75.cab</Url></FileLocation></FileLocations>`

// operation finds what a body asks for, and in which service.
var operation = regexp.MustCompile(`<s:Body[^>]*><([A-Za-z0-9]+) xmlns="([^"]*)"`)

// called is the answer to a call of a web service.
func called(request string) string {
	m := operation.FindStringSubmatch(request)
	if m == nil {
		return "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
	}
	prefix, kind, envelope := "s", "text/xml", "http://schemas.xmlsoap.org/soap/envelope/"
	if strings.Contains(request, "\r\nContent-Type: application/soap+xml") { // SOAP 1.2
		kind, envelope = "application/soap+xml", "http://www.w3.org/2003/05/soap-envelope"
	}
	if !strings.Contains(request, "\r\nMS-CV: ") { // not the client's service (wire.md 3.3)
		prefix = "soap"
	}
	body := fmt.Sprintf(`<%[1]s:Envelope xmlns:%[1]s="%[2]s"><%[1]s:Body><%[3]sResponse xmlns="%[4]s">%[5]s</%[3]sResponse></%[1]s:Body></%[1]s:Envelope>`,
		prefix, envelope, m[1], m[2], results[m[1]])
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", kind, len(body), body)
}
