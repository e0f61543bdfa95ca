package wsus_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// trustLists is the folder of the trust lists of CryptoAPI (wire.md 5.5).
const trustLists = "/msdownload/update/v3/static/trustedr/en/"

// locatorPath is what a client asked of the service locator (wire.md 2.8).
const locatorPath = "/SLS/{9482F4B4-E343-43B6-B170-9A65BC822C77}/x64/10.0.19045.4355/0" +
	"?CH=803&L=en-US&P=&PT=0x30&WUA=10.0.19041.4355&MK=LENOVO&MD=81VS"

// A reply is an answer with its whole body.
type reply struct {
	*http.Response
	body []byte
}

// fetch asks a server of its own for a target, which goes out as it is written,
// with these fields.
func fetch(t *testing.T, method, target string, fields ...string) reply {
	t.Helper()
	server := httptest.NewServer(&wsus.Server{Size: wsus.DefaultSize})
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: wsus.test:8530"}, fields...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return reply{answer, body}
}

// wants checks the status of a reply and some of its fields, each written as
// "Name: value".
func (r reply) wants(t *testing.T, status int, fields ...string) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("the status is %s, want %d", r.Status, status)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		got := r.Header.Get(name)
		if name == "Connection" && r.Close {
			got = "close" // net/http takes it out
		}
		if got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// Every file has the same fields by HEAD as by GET, the length that it states,
// and the fields that its captures have.
func TestFiles(t *testing.T) {
	cabinet := func(body []byte) error { return wusp.CheckCabinet(body, int64(len(body))) }
	text := func(want string) func([]byte) error {
		return func(body []byte) error {
			if string(body) != want {
				return fmt.Errorf("is %q, not %q", body, want)
			}
			return nil
		}
	}
	of := func(file io.Reader) func([]byte) error {
		want, _ := io.ReadAll(file)
		return func(body []byte) error {
			if !bytes.Equal(body, want) {
				return fmt.Errorf("has other bytes than the file")
			}
			return nil
		}
	}
	content, streamed := wusp.NewContent(100_001, "0A1B2C3D", ".esd"), wusp.NewStream(100_001, "0A1B2C3D")
	iis := []string{"Server: Microsoft-IIS/10.0", "X-Powered-By: ASP.NET", "Accept-Ranges: bytes"}
	static := slices.Concat(iis, []string{"Content-Type: application/octet-stream", "Last-Modified: Tue, 11 Nov 2025 18:00:00 GMT"})
	and := func(fields []string, more ...string) []string { return slices.Concat(fields, more) }
	for _, tt := range []struct {
		target string
		check  func([]byte) error
		fields []string
	}{
		{"/selfupdate/wuident.cab?2009100851", cabinet, static},
		{"/SelfUpdate/WUIdent.cab", cabinet, static},
		{"/iuident.cab?0307011208", cabinet, static},
		{"/v9/windowsupdate/redir/muv4wuredir.cab?0911180916", cabinet, and(static, "Cache-Control: no-cache")},
		{"/v9/windowsupdate/redir/wuredir.cab?0911180916", cabinet, and(static, "Cache-Control: no-cache")},
		{"/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab", cabinet, and(static, "Cache-Control: no-cache")},
		{"/v11/2/microsoftupdate/redir/v6-muredir.cab", cabinet, and(static, "Cache-Control: no-cache")},
		{locatorPath, cabinet, static},
		{strings.NewReplacer("{", "%7B", "}", "%7D").Replace(locatorPath), cabinet, static},
		{trustLists + "authrootstl.cab?fe1213d701860727", cabinet, static},
		{trustLists + "disallowedcertstl.cab?fe1213d701860727", cabinet, static},
		{trustLists + "pinrulesstl.cab", cabinet, static},
		{"/pki/crl/products/MicRooCerAut_2010-06-23.crl", func([]byte) error { return nil }, and(iis, "Content-Type: application/pkix-crl")},
		{wusp.OCSPTarget, wusp.CheckOCSP, and(iis, "Content-Type: application/ocsp-response")},
		{"/connecttest.txt", text("Microsoft Connect Test"), []string{"Content-Type: text/plain", "Content-Length: 22",
			"Connection: close", "Cache-Control: max-age=30, must-revalidate"}},
		{"/ncsi.txt", text("Microsoft NCSI"), []string{"Content-Type: text/plain", "Content-Length: 14", "Connection: close"}},
		{content.Path(), of(content.Reader()), and(static, "ETag: "+content.ETag())},
		{streamed.Target(), of(streamed.Reader()), []string{"Content-Type: application/octet-stream", "Accept-Ranges: bytes",
			"Cache-Control: public, max-age=17280000", "Last-Modified: Tue, 11 Nov 2025 18:00:00 GMT", "ETag: " + streamed.ETag(),
			"Content-Disposition: attachment; filename=" + streamed.GUID, "X-CID: 2", "X-Powered-By: "}},
	} {
		t.Run(tt.target, func(t *testing.T) {
			t.Parallel()
			head, get := fetch(t, "HEAD", tt.target), fetch(t, "GET", tt.target)
			head.wants(t, 200, tt.fields...)
			get.wants(t, 200, tt.fields...)
			if len(head.body) != 0 || head.ContentLength != get.ContentLength || int(get.ContentLength) != len(get.body) {
				t.Errorf("HEAD states %d bytes and GET %d, and %d came", head.ContentLength, get.ContentLength, len(get.body))
			}
			if err := tt.check(get.body); err != nil {
				t.Error(err)
			}
			fetch(t, "POST", tt.target, "Content-Length: 0").wants(t, 405)
		})
	}
}

func TestNoFiles(t *testing.T) {
	s := wusp.NewStream(1000, "0A1B2C3D")
	merged := strings.Replace(s.HashesTarget(), "//", "/", 1)
	for _, target := range []string{"/", "/nothing.cab", "/Content/00/", "/Content/00/x.cab", "/SLS/", "/SLS/{9482F4B4}/x64",
		"/SLS/9482F4B4-E343-43B6-B170-9A65BC822C77/x64", trustLists, "/filestreamingservice/", "/filestreamingservice/files/x",
		merged, s.HashesTarget() + "x", strings.Replace(s.Target(), "files", "Files", 1), strings.Replace(s.Target(), "/files", "//files", 1),
		"/M", "/MFEw", "/MFEwTzBN%3D", strings.TrimSuffix(wusp.OCSPTarget, "%3D"), wusp.OCSPTarget + "/x"} {
		for _, method := range []string{"GET", "HEAD"} {
			if r := fetch(t, method, target); r.StatusCode != 404 {
				t.Errorf("%s %s: %s, want 404", method, target, r.Status)
			}
		}
	}
}

// A stream whose address was altered is forbidden, as its signature is wrong.
func TestStreamAltered(t *testing.T) {
	target := wusp.NewStream(1000, "0A1B2C3D").Target()
	path, _, _ := strings.Cut(target, "?")
	fetch(t, "GET", "http://wsus.test:8530"+target).wants(t, 200) // what a proxy may send
	for _, altered := range []string{path, path + "?", target + "&x=1", strings.ReplaceAll(target, "%3d", "%3D"),
		strings.ReplaceAll(target, "%2b", "+"), strings.Replace(target, "&P3=2", "", 1)} {
		for _, method := range []string{"GET", "HEAD"} {
			r := fetch(t, method, altered, "Range: bytes=0-1")
			r.wants(t, 403, "Server: ECAcc (frc/8F4A)", "X-Powered-By: ", "Accept-Ranges: ")
		}
	}
}

// Each answer for a stream has ids of its own, spelt as the capture has them.
func TestStreamIDs(t *testing.T) {
	target := wusp.NewStream(1000, "0A1B2C3D").Target()
	record := httptest.NewRecorder()
	(&wsus.Server{}).ServeHTTP(record, httptest.NewRequest("GET", target, nil))
	ids := map[string]bool{}
	for _, name := range []string{"MS-CorrelationId", "MS-RequestId"} {
		values := record.Result().Header[name]
		if len(values) != 1 || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(values[0]) {
			t.Fatalf("%s is %q", name, values)
		}
		ids[values[0]] = true
	}
	again := fetch(t, "GET", target)
	ids[again.Header.Get("MS-CorrelationId")], ids[again.Header.Get("MS-RequestId")] = true, true
	if len(ids) != 4 {
		t.Errorf("two answers have %d ids", len(ids))
	}
	if expires, err := http.ParseTime(again.Header.Get("Expires")); err != nil || time.Until(expires) < 199*24*time.Hour {
		t.Errorf("Expires is %q, %v", again.Header.Get("Expires"), err)
	}
}

func TestPieceHashes(t *testing.T) {
	for _, tt := range []struct {
		size, piece int64
		pieces      int
	}{{1, 1 << 20, 1}, {1 << 20, 1 << 20, 1}, {5<<30 + 7, 1 << 20, 5121}, {wusp.MaxContent, 1 << 35, 8192}} {
		target := wusp.NewStream(tt.size, "0A1B2C3D").HashesTarget()
		r := fetch(t, "GET", target, "Accept-Encoding: gzip, deflate")
		r.wants(t, 200, "Content-Encoding: ", "Content-Type: application/json", "Connection: close")
		if head := fetch(t, "HEAD", target); head.ContentLength != int64(len(r.body)) {
			t.Errorf("HEAD states %d bytes, and %d came", head.ContentLength, len(r.body))
		}
		var got struct {
			MajorVersion, ContentLength, PieceSize int64
			HashOfHashes                           string
			Pieces                                 []string
		}
		if err := json.Unmarshal(r.body, &got); err != nil {
			t.Fatal(err)
		}
		if got.MajorVersion != 1 || got.ContentLength != tt.size || got.PieceSize != tt.piece || len(got.Pieces) != tt.pieces {
			t.Errorf("a file of %d bytes has %d pieces of %d of %d bytes", tt.size, len(got.Pieces), got.PieceSize, got.ContentLength)
		}
		all := sha256.New()
		for _, piece := range got.Pieces {
			b, err := base64.StdEncoding.DecodeString(piece)
			if err != nil || len(b) != sha256.Size {
				t.Fatalf("the hash %q is none", piece)
			}
			all.Write(b)
		}
		if want := base64.StdEncoding.EncodeToString(all.Sum(nil)); got.HashOfHashes != want {
			t.Errorf("the hash of the hashes is %s, want %s", got.HashOfHashes, want)
		}
	}
}

// The redirector's id is another one each time and grows, and the length stays.
func TestRedirector(t *testing.T) {
	id := regexp.MustCompile(`redirectorId="([0-9]{19})"`)
	last, length := "", -1
	for range 5 {
		r := fetch(t, "GET", "/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab")
		m := id.FindSubmatch(r.body)
		if m == nil || string(m[1]) <= last || length >= 0 && len(r.body) != length {
			t.Fatalf("behind %s and %d bytes comes %q of %d", last, length, m, len(r.body))
		}
		last, length = string(m[1]), len(r.body)
	}
}

// What a client has already it gets no more, and what has changed since it is
// told so.
func TestConditions(t *testing.T) {
	content, s := wusp.NewContent(1000, "0A1B2C3D", ".cab"), wusp.NewStream(1000, "0A1B2C3D")
	for _, target := range []string{"/selfupdate/wuident.cab", locatorPath, trustLists + "authrootstl.cab", wusp.OCSPTarget,
		"/pki/crl/products/MicRooCerAut_2010-06-23.crl", content.Path(), s.Target(), s.HashesTarget()} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			first := fetch(t, "GET", target)
			tag, changed := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
			if tag == "" || changed == "" {
				t.Fatalf("the entity tag is %q, and the time %q", tag, changed)
			}
			const long = "Sat, 01 Jan 2000 00:00:00 GMT"
			for _, tt := range []struct {
				status int
				fields []string
			}{
				{304, []string{"If-None-Match: " + tag}},
				{304, []string{"If-Modified-Since: " + changed}},
				{304, []string{"If-Modified-Since: " + changed, "If-None-Match: " + tag}},
				{200, []string{"If-Modified-Since: " + changed, `If-None-Match: "0ebbae1d7ead61:0"`}},
				{200, []string{"If-Modified-Since: " + long}},
				{200, []string{"If-Unmodified-Since: " + changed}},
				{206, []string{"If-Unmodified-Since: " + changed, "Range: bytes=0-9"}},
				{412, []string{"If-Unmodified-Since: " + long}},
				{412, []string{"If-Unmodified-Since: " + long, "Range: bytes=0-9"}},
			} {
				r := fetch(t, "GET", target, tt.fields...)
				if r.StatusCode != tt.status || tt.status/100 != 2 && len(r.body) > 0 {
					t.Errorf("%q: %s and %d bytes, want %d", tt.fields, r.Status, len(r.body), tt.status)
				}
			}
		})
	}
}

// The locator's entity tag ends with the minutes that it holds, and each
// service has one of its own.
func TestLocator(t *testing.T) {
	other := strings.Replace(locatorPath, "9482F4B4", "9482f4b5", 1)
	r, s := fetch(t, "GET", locatorPath), fetch(t, "GET", other)
	if tag := r.Header.Get("ETag"); !strings.HasSuffix(tag, `=_2880"`) || tag == s.Header.Get("ETag") {
		t.Errorf("the entity tags are %s and %s", tag, s.Header.Get("ETag"))
	}
	r.wants(t, 200, "Content-Disposition: attachment; filename=environment.cab", "X-Microsoft-SLSClientCache: 2880")
}

func TestRanges(t *testing.T) {
	const size = 5<<30 + 7
	content, s := wusp.NewContent(size, "0A1B2C3D", ".psf"), wusp.NewStream(size, "0A1B2C3D")
	for target, file := range map[string]io.ReaderAt{content.Path(): content, s.Target(): s} {
		fetch(t, "HEAD", target).wants(t, 200, fmt.Sprintf("Content-Length: %d", size))
		for _, tt := range []struct{ from, to int64 }{
			{0, 1}, {0, 5472}, {1 << 20, 2<<20 - 1}, {4<<30 + 1000, 4<<30 + 5095}, {size - 1, size - 1},
		} {
			r := fetch(t, "GET", target, fmt.Sprintf("Range: bytes=%d-%d", tt.from, tt.to))
			r.wants(t, 206, fmt.Sprintf("Content-Range: bytes %d-%d/%d", tt.from, tt.to, size),
				fmt.Sprintf("Content-Length: %d", tt.to-tt.from+1))
			wantBytes(t, file, tt.from, r.body)
		}
		r := fetch(t, "GET", target, fmt.Sprintf("Range: bytes=%d-%d", size, size+9))
		r.wants(t, 416, fmt.Sprintf("Content-Range: bytes */%d", size))
	}
}

// wantBytes checks that body is what stands in file from an offset on.
func wantBytes(t *testing.T, file io.ReaderAt, from int64, body []byte) {
	t.Helper()
	want := make([]byte, len(body))
	if _, err := file.ReadAt(want, from); err != nil || !bytes.Equal(body, want) {
		t.Errorf("the %d bytes from %d on are not the file's (%v)", len(body), from, err)
	}
}

// The twenty ranges of one request (wire.md 1.6) come as twenty parts, with no
// more in their heads than BITS takes (wire.md 1.8).
func TestManyRanges(t *testing.T) {
	content, s := wusp.NewContent(5<<30+7, "0A1B2C3D", ".psf"), wusp.NewStream(5<<30+7, "0A1B2C3D")
	for target, file := range map[string]io.ReaderAt{content.Path(): content, s.Target(): s} {
		var ranges []string
		for i := range int64(20) {
			ranges = append(ranges, fmt.Sprintf("%d-%d", i<<28+7, i<<28+7+99+i))
		}
		r := fetch(t, "GET", target, "Range: bytes="+strings.Join(ranges, ","))
		r.wants(t, 206, "Content-Range: ", fmt.Sprintf("Content-Length: %d", len(r.body)))
		kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/byteranges" {
			t.Fatalf("the type is %q, %v", r.Header.Get("Content-Type"), err)
		}
		parts := multipart.NewReader(bytes.NewReader(r.body), parameters["boundary"])
		for i := range int64(20) {
			part, err := parts.NextRawPart()
			if err != nil {
				t.Fatalf("part %d: %v", i, err)
			}
			body, err := io.ReadAll(part)
			if want := fmt.Sprintf("bytes %s/%d", ranges[i], int64(5<<30+7)); err != nil || part.Header.Get("Content-Range") != want || len(part.Header) != 2 {
				t.Errorf("part %d has %v, want %q (%v)", i, part.Header, want, err)
			}
			if len(body) != int(100+i) {
				t.Errorf("part %d has %d bytes", i, len(body))
			}
			wantBytes(t, file, i<<28+7, body)
		}
		if _, err := parts.NextRawPart(); err != io.EOF {
			t.Errorf("behind the last part comes %v", err)
		}
	}
}

// The list of revoked certificates is a real one, and empty.
func TestRevocationList(t *testing.T) {
	const target = "/pki/crl/products/MicRooCerAut_2010-06-23.crl"
	r := fetch(t, "GET", target, "Cache-Control: max-age = 900")
	list, err := x509.ParseRevocationList(r.body)
	if err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); len(list.RevokedCertificateEntries) != 0 || list.ThisUpdate.After(now) || list.NextUpdate.Before(now) {
		t.Errorf("it has %d entries, and holds from %v to %v", len(list.RevokedCertificateEntries), list.ThisUpdate, list.NextUpdate)
	}
	if again := fetch(t, "GET", target); !bytes.Equal(again.body, r.body) {
		t.Error("it is another one the second time")
	}
}

// The answer of OCSP says of the certificate asked about that it is good, as
// read by hand from RFC 6960 4.2.1.
func TestOCSP(t *testing.T) {
	r := fetch(t, "GET", wusp.OCSPTarget)
	if again := fetch(t, "GET", wusp.OCSPTarget); !bytes.Equal(again.body, r.body) {
		t.Error("the same request has another answer the second time")
	}
	var response struct {
		Status asn1.Enumerated
		Answer struct {
			Type  asn1.ObjectIdentifier
			Basic []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		Body      struct{ Raw asn1.RawContent }
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	var body struct {
		Responder asn1.RawValue
		Made      time.Time `asn1:"generalized"`
		States    []struct {
			Certificate asn1.RawValue
			Status      asn1.RawValue
			From        time.Time `asn1:"generalized"`
			Until       time.Time `asn1:"generalized,explicit,tag:0"`
		}
	}
	unmarshal(t, r.body, &response)
	unmarshal(t, response.Answer.Basic, &basic)
	unmarshal(t, basic.Body.Raw, &body)
	if len(body.States) != 1 {
		t.Fatalf("it has %d states", len(body.States))
	}
	asked, err := url.PathUnescape(wusp.OCSPTarget[1:])
	if err != nil {
		t.Fatal(err)
	}
	request, err := base64.StdEncoding.DecodeString(asked)
	if err != nil {
		t.Fatal(err)
	}
	state, now := body.States[0], time.Now()
	if !bytes.Equal(state.Certificate.FullBytes, request[8:]) { // behind four heads of two bytes
		t.Errorf("it is about %x, and %x was asked", state.Certificate.FullBytes, request[8:])
	}
	if !bytes.Equal(state.Status.FullBytes, []byte{0x80, 0}) || state.From.After(now) || state.Until.Before(now) {
		t.Errorf("the state is %x, from %v to %v", state.Status.FullBytes, state.From, state.Until)
	}
	var signature struct{ R, S asn1.RawValue }
	unmarshal(t, basic.Signature.RightAlign(), &signature)
}

// A sequence that is no request for a state gets an answer that says so.
func TestOCSPMalformed(t *testing.T) {
	r := fetch(t, "GET", "/MAA%3D") // an empty sequence
	r.wants(t, 200, "Content-Type: application/ocsp-response")
	if err := wusp.CheckOCSP(r.body); err == nil || !strings.Contains(err.Error(), "malformedRequest") {
		t.Errorf("CheckOCSP = %v", err)
	}
}

// unmarshal reads the whole of der into v.
func unmarshal(t *testing.T, der []byte, v any) {
	t.Helper()
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		t.Fatalf("%x: %d bytes are left over, %v", der, len(rest), err)
	}
}
