package wsus_test

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
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

// wanted is what net/http answers from memory.
func (f twin) wanted(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", f.content.ETag())
	http.ServeContent(w, r, "", changedAt, bytes.NewReader(f.bytes))
	return w
}

// same tells how two answers differ, or nil. The boundary between parts is made
// up each time.
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
// gives from memory: the first time, the second, when blocks of it are kept, and
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
		{"bytes=" + strings.Repeat("0-0,", 1023) + "0-0", "", ""},
		{"bytes=" + strings.Repeat("0-0,", 1024) + "0-0", "", ""},
	} {
		f.Add(uint8(4), false, seed.ranges, seed.field, seed.value)
		f.Add(uint8(2), true, seed.ranges, seed.field, seed.value)
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
