package wsus_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// changedAt is when each file was last changed.
var changedAt = time.Date(2025, time.November, 11, 18, 0, 0, 0, time.UTC)

// A twin is a generated file, and all its bytes.
type twin struct {
	content wusp.Content
	bytes   []byte
}

// newTwin makes a file up.
func newTwin(t testing.TB, size int64) twin {
	t.Helper()
	content := wusp.NewContent(size, "0A1B2C3D", ".cab")
	all, err := io.ReadAll(content.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return twin{content, all}
}

// wanted is what net/http answers from memory, when it is asked for ranges in the
// form that it reads well.
func (f twin) wanted(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	if ranges := readWell(r.Header.Get("Range")); ranges == "" || len(f.bytes) == 0 {
		r.Header.Del("Range")
	} else {
		r.Header.Set("Range", ranges)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", f.content.ETag())
	http.ServeContent(w, r, "", changedAt, bytes.NewReader(f.bytes))
	return w
}

// rangeField is a field Range as it must be written (RFC 9110, 14.1.1 and 14.2):
// one range at least, and of a list's empty members any.
var rangeField = regexp.MustCompile(`^(?i:bytes)=[ \t,]*([0-9]+-[0-9]*|-[0-9]+)([ \t]*,[ \t]*([0-9]+-[0-9]*|-[0-9]+)?)*[ \t]*$`)

// readWell is a field Range that says to net/http what the given one means, or ""
// where that is to be ignored. It says where our answers differ from those of
// net/http on purpose: that has 416 for what is malformed or in another unit, and
// for numbers above an int64, minds the case of the unit, takes spaces within a
// range, and gives 206 with a Content-Range that is none for the last 0 bytes and
// for the last bytes of an empty file.
func readWell(field string) string {
	if !rangeField.MatchString(field) {
		return ""
	}
	highest := big.NewInt(math.MaxInt64)
	var ranges []string
	for one := range strings.FieldsFuncSeq(field[len("bytes="):], func(c rune) bool { return strings.ContainsRune(" \t,", c) }) {
		first, last, _ := strings.Cut(one, "-")
		from, hasFirst := new(big.Int).SetString(first, 10)
		to, hasLast := new(big.Int).SetString(last, 10)
		switch {
		case hasFirst && hasLast && from.Cmp(to) > 0:
			return ""
		case !hasFirst && to.Sign() == 0, hasFirst && from.Cmp(highest) > 0:
			one = "999999999999-" // which no file has
		case hasLast && to.Cmp(highest) > 0:
			one = first + "-" + highest.String()
		}
		ranges = append(ranges, one)
	}
	return "bytes=" + strings.Join(ranges, ",")
}

// same tells how two answers differ, or nil. The boundary between parts is made
// up each time, and the page of a 416 is IIS's.
func same(got, want *httptest.ResponseRecorder) error {
	if got.Code != want.Code {
		return fmt.Errorf("the status is %d, want %d", got.Code, want.Code)
	}
	for _, name := range []string{"Content-Range", "Content-Length", "Content-Encoding", "Accept-Ranges", "ETag", "Last-Modified"} {
		if g, w := got.Header().Values(name), want.Header().Values(name); fmt.Sprint(g) != fmt.Sprint(w) {
			return fmt.Errorf("%s is %q, want %q", name, g, w)
		}
	}
	gotKind, gotBoundary, err := kindOf(got)
	if err != nil {
		return err
	}
	wantKind, wantBoundary, err := kindOf(want)
	if err != nil {
		return err
	}
	body := got.Body.Bytes()
	if want.Code == http.StatusRequestedRangeNotSatisfiable {
		if gotKind != "text/html" || got.Header().Get("X-Content-Type-Options") != "" || !bytes.HasPrefix(body, []byte("<html>")) {
			return fmt.Errorf("the page of the refusal is %s: %s", gotKind, body)
		}
		return nil
	}
	if gotBoundary != "" {
		body = bytes.ReplaceAll(body, []byte(gotBoundary), []byte(wantBoundary))
	}
	if gotKind != wantKind || !bytes.Equal(body, want.Body.Bytes()) {
		return fmt.Errorf("there are %d bytes of %s, want %d of %s, or other ones", len(body), gotKind, want.Body.Len(), wantKind)
	}
	return nil
}

// kindOf is the type of an answer, and the boundary between its parts.
func kindOf(w *httptest.ResponseRecorder) (kind, boundary string, err error) {
	text := w.Header().Get("Content-Type")
	if text == "" {
		return "", "", nil
	}
	kind, parameters, err := mime.ParseMediaType(text)
	return kind, parameters["boundary"], err
}

// Whatever is asked of a generated file, the answer is the one that net/http
// gives from memory to what the ranges mean: the first time, the second, when blocks of it are kept, and
// the third, when they were. More ranges than are answered are as none.
func FuzzRanges(f *testing.F) {
	const block = 256 << 10 // in which files are kept
	var files []twin
	for _, size := range []int64{0, 1, 1000, block, 2*block + 12_345} {
		files = append(files, newTwin(f, size))
	}
	tag := files[4].content.ETag()
	const changed, long = "Tue, 11 Nov 2025 18:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"
	for _, seed := range []struct{ ranges, field, value string }{
		{"", "", ""},
		{"bytes=0-1", "", ""},
		{"bytes=0-0", "If-Range", tag},
		{"bytes=0-0", "If-Range", changed},
		{"bytes=0-0", "If-Range", long},
		{"bytes=262143-262144", "If-Unmodified-Since", changed},
		{"bytes=262144-524287", "If-Unmodified-Since", long},
		{"bytes=100-", "If-None-Match", tag},
		{"bytes=-100", "If-None-Match", `W/` + tag + `, "x"`},
		{"bytes=-536634", "If-Modified-Since", changed},
		{"bytes=1-2,4-5, 7-500000", "If-Match", tag},
		{"bytes=1-2,4-5,-1", "If-Match", `"x"`},
		{"bytes=536633-", "If-Match", "*"},
		{"bytes=536633-536633,0-,1-", "", ""},
		{"bytes=536634-", "", ""},
		{"bytes=600000-700000,1-1", "", ""},
		{"bytes=5-1", "", ""},
		{"bytes=,,1-1,,", "", ""},
		{"bytes=-", "", ""},
		{"bytes=18446744073709551615-18446744073709551616", "", ""},
		{"octets=0-1", "", ""},
		{"Bytes=0-1", "", ""},
		{"BYtes=", "", ""},
		{"bytes = 0-1", "", ""},
		{"bytes=0 -1", "", ""},
		{"bytes=abc", "", ""},
		{"bytes=", "", ""},
		{"bytes=-0", "", ""},
		{"bytes=-00,2-3", "", ""},
		{"bytes=-0", "If-Range", long},
		{"bytes=1-18446744073709551616", "", ""},
		{"bytes=-18446744073709551616", "", ""},
		{"bytes=00000000000000000000007-0000000000000000000000000009", "", ""},
		{"bytes=" + strings.Repeat("0-0,", 1023) + "0-0", "", ""},
		{"bytes=" + strings.Repeat("0-0,", 1024) + "0-0", "", ""},
	} {
		f.Add(uint8(4), false, seed.ranges, seed.field, seed.value)
		f.Add(uint8(2), true, seed.ranges, seed.field, seed.value)
		f.Add(uint8(0), false, seed.ranges, seed.field, seed.value)
	}
	server := &wsus.Server{}
	f.Fuzz(func(t *testing.T, which uint8, head bool, ranges, field, value string) {
		file := files[int(which)%len(files)]
		method := "GET"
		if head {
			method = "HEAD"
		}
		r := httptest.NewRequest(method, file.content.Path(), nil)
		if ranges != "" {
			r.Header["Range"] = []string{ranges}
		}
		if strings.HasPrefix(field, "If-") {
			r.Header.Set(field, value)
		}
		plain := r.Clone(r.Context())
		if strings.Count(ranges, ",") >= 1024 {
			plain.Header.Del("Range")
		}
		want := file.wanted(plain)
		for _, time := range []string{"first", "second", "third"} {
			got := httptest.NewRecorder()
			server.ServeHTTP(got, r)
			if err := same(got, want); err != nil {
				t.Fatalf("%s %q of %d bytes, %s %q, the %s time: %v", method, ranges, file.content.Size, field, value, time, err)
			}
		}
	})
}

// Many clients fetch the same parts of more files than can be kept, and each gets
// the right bytes.
func TestRangesSideBySide(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{})
	defer server.Close()
	client := server.Client()
	var files []twin
	for range 12 {
		files = append(files, newTwin(t, 1<<20+4321))
	}
	stream := wusp.NewStream(1<<20+4321, "0A1B2C3D")
	streamed, err := io.ReadAll(stream.Reader())
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			for j := range 21 {
				file := files[(i/2+j/3)%len(files)]
				path, all := file.content.Path(), file.bytes
				if j%7 == 0 {
					path, all = stream.Target(), streamed
				}
				from := (j % 3) * 300_001
				to := min(from+400_000, len(all)-1)
				if err := fetchPart(client, server.URL+path, all, from, to); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
}

// fetchPart fetches a part of a file, and compares it.
func fetchPart(client *http.Client, url string, all []byte, from, to int) error {
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to))
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusPartialContent || !bytes.Equal(body, all[from:to+1]) {
		return fmt.Errorf("%d to %d of %s: %s, and %d bytes that are not the file's", from, to, url, answer.Status, len(body))
	}
	return nil
}

// A request may ask for so many ranges that the head is full of them. Then none
// is heeded, as the answer would be two hundred times as long.
func TestTooManyRanges(t *testing.T) {
	content := wusp.NewContent(20_000, "0A1B2C3D", ".cab")
	for _, tt := range []struct {
		ranges, status int
	}{{1024, 206}, {1025, 200}, {8000, 200}} {
		r := fetch(t, "GET", content.Path(), "Range: bytes="+strings.Repeat("0-0,", tt.ranges-1)+"0-0")
		r.wants(t, tt.status, fmt.Sprintf("Content-Length: %d", len(r.body)))
		if tt.status == 200 {
			wantBytes(t, content, 0, r.body)
		}
		if most := 200 * tt.ranges; tt.status == 206 && len(r.body) > most {
			t.Errorf("%d ranges have %d bytes, want %d at most", tt.ranges, len(r.body), most)
		}
	}
}

// What a field Range asks for that no file has is refused, with the size, and what
// it must not ask is as if it were not there (RFC 9110, 14.1.2 and 14.2).
func TestOddRanges(t *testing.T) {
	content := wusp.NewContent(20_000, "0A1B2C3D", ".cab")
	for _, tt := range []struct {
		ranges string
		status int
		got    string // Content-Range
	}{
		{"bytes=-0", 416, "bytes */20000"},
		{"bytes=-0,20000-", 416, "bytes */20000"},
		{"bytes=99999999999999999999-", 416, "bytes */20000"},
		{"bytes=-0,5-9", 206, "bytes 5-9/20000"},
		{"bytes=5-99999999999999999999", 206, "bytes 5-19999/20000"},
		{"bytes=-20001", 206, "bytes 0-19999/20000"},
		{"BYTES=5-9", 206, "bytes 5-9/20000"},
		{"bytes=5-2", 200, ""},
		{"bytes=0-1,5-2", 200, ""},
		{"bytes=abc", 200, ""},
		{"bytes=1", 200, ""},
		{"bytes=-", 200, ""},
		{"bytes=--1", 200, ""},
		{"bytes=+1-2", 200, ""},
		{"bytes=", 200, ""},
		{"items=0-1", 200, ""},
		{"bytes = 0-1", 200, ""},
	} {
		r := fetch(t, "GET", content.Path(), "Range: "+tt.ranges)
		if r.StatusCode != tt.status || r.Header.Get("Content-Range") != tt.got {
			t.Errorf("%s is answered %s with %q, want %d with %q", tt.ranges, r.Status, r.Header.Get("Content-Range"), tt.status, tt.got)
			continue
		}
		switch tt.status {
		case 200:
			r.wants(t, 200, "Content-Length: 20000", "Accept-Ranges: bytes")
		case 416:
			r.wants(t, 416, "Content-Type: text/html", "X-Content-Type-Options: ", "Server: Microsoft-IIS/10.0")
			if !strings.HasPrefix(string(r.body), "<html>") || strings.Contains(string(r.body), "overlap") {
				t.Errorf("the page is %q", r.body)
			}
		}
	}
	fetch(t, "GET", wusp.NewContent(0, "0A1B2C3D", ".cab").Path(), "Range: bytes=-5").wants(t, 200, "Content-Length: 0", "Content-Range: ")
}

// The entity tag is spelled as IIS spells it, whoever serves the file.
func TestETagSpelling(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{})
	defer server.Close()
	content, stream := wusp.NewContent(20_000, "0A1B2C3D", ".cab"), wusp.NewStream(20_000, "0A1B2C3D")
	for _, target := range []string{content.Path(), stream.Target(), stream.HashesTarget(), "/selfupdate/wuident.cab", locatorPath, wusp.OCSPTarget,
		trustLists + "authrootstl.cab", "/pki/crl/products/MicRooCerAut_2010-06-23.crl"} {
		for _, fields := range []string{"", "Range: bytes=0-1\r\n", "Range: bytes=0-1,4-5\r\n", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n",
			"If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT\r\n"} {
			for _, method := range []string{"GET", "HEAD"} {
				head := headOf(t, server.Listener.Addr().String(), method+" "+target+" HTTP/1.0\r\nHost: wsus.test\r\n"+fields+"\r\n")
				if !strings.Contains(head, "\r\nETag: \"") || strings.Contains(head, "Etag") {
					t.Errorf("%s %s with %q is answered %s", method, target, fields, head)
				}
			}
		}
	}
}

// headOf is the head of the answer to a request, as it came.
func headOf(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(answer), "\r\n\r\n")
	return head
}
