package wire

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// capturedHeads are heads of answers as they were captured, typed from wire.md:
// files with LF for CRLF, and the source as a comment in the first line.
func capturedHeads(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../testdata/heads/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no heads in testdata: %v", err)
	}
	heads := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		comment, head, found := bytes.Cut(text, []byte("\n"))
		if !found || !bytes.HasPrefix(comment, []byte("# wire.md ")) {
			t.Fatalf("%s does not begin with its source", file)
		}
		heads[filepath.Base(file)] = bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n"))
	}
	return heads
}

// A captured head is read to its end, every line of it, and written as it was.
func TestCapturedHeads(t *testing.T) {
	for name, head := range capturedHeads(t) {
		h, raw, err := readHead(bufio.NewReader(bytes.NewReader(head)))
		if err != nil || !bytes.Equal(raw, head) || !bytes.Equal(h.Bytes(), head) || h.Status() == 0 {
			t.Errorf("%s is read as %q (%v)", name, h, err)
		}
	}
}

// A head is read within its limit, raw is what came, and a head in its own
// spelling is read as itself.
func FuzzReadHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 206 Partial Content\r\nETag: a\r\netag: b\r\n\r\nbody"))
	f.Add([]byte("\r\n\nHTTP/1.0 200 OK\nWarning: one\n two\n\tthree\n\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nLocation:\r\n http://a.test/\r\nnonsense\r\n: empty\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nETag: a\r\n \r\n\r\n"))
	f.Add([]byte("SSH-2.0-OpenSSH_9.6"))
	f.Add([]byte("HTT"))
	for _, head := range capturedHeads(f) {
		f.Add(head)
	}
	// The smallest of buffers, so that short lines outgrow it too.
	read := func(in []byte) (Head, []byte, error) {
		return readHead(bufio.NewReaderSize(bytes.NewReader(in), 16))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, raw, err := read(in)
		if len(raw) > HeadLimit || !bytes.HasPrefix(in, raw) {
			t.Fatalf("raw is %d bytes, %.80q, of %.80q", len(raw), raw, in)
		}
		if err != nil || !proper(h) {
			return
		}
		written := h.Bytes()
		if len(written) > HeadLimit {
			return // what ended in LF now ends in CR LF
		}
		again, raw, err := read(written)
		if err != nil || !bytes.Equal(raw, written) || !reflect.DeepEqual(again, h) {
			t.Errorf("%q is\n%q, read again as\n%q (%v)", in, h, again, err)
		}
	})
}

// proper tells whether h has a status and nothing but fields with proper names.
func proper(h Head) bool {
	for _, f := range h.Fields {
		if f.Name == "" || strings.ContainsAny(f.Name, ": \t\r\n\v\f") {
			return false
		}
	}
	return h.Status() != 0
}

// A body is no more than what came, its account is true, and by length it is
// whole if, and only if, all came.
func FuzzBody(f *testing.F) {
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n",
	} {
		for _, body := range []string{"", "ab", "abcdef", "2;a=b\r\nab\r\n0\r\nX: a\r\n\r\n", "ffffffffffffffff\r\nabc", "3\r\nabcd"} {
			f.Add([]byte(head+body), int64(0), int64(0), false)
			f.Add([]byte(head+body), int64(1), int64(0), true)
			f.Add([]byte(head+body), int64(math.MaxInt64), int64(2), false)
		}
	}
	for _, head := range capturedHeads(f) {
		f.Add(append(head, "abc"...), int64(0), int64(0), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, limit, leave int64, head bool) {
		br := bufio.NewReader(bytes.NewReader(in))
		h, raw, err := readHead(br)
		if err != nil {
			return
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		var shown bytes.Buffer
		b := frame(h, method)
		err = b.read(br, limit, leave, &shown)
		if b.Length != int64(shown.Len()) || shown.Len() > len(in)-len(raw) {
			t.Errorf("%d bytes of body, and %d shown, of %d: %q", b.Length, shown.Len(), len(in)-len(raw), in)
		}
		if !bytes.HasPrefix(shown.Bytes(), b.Excerpt) || len(b.Excerpt) != min(shown.Len(), ExcerptLimit) {
			t.Errorf("the excerpt of %q is %q", shown.Bytes(), b.Excerpt)
		}
		if b.SHA256 != sha256.Sum256(shown.Bytes()) {
			t.Errorf("the digest of %q is %x", shown.Bytes(), b.SHA256)
		}
		if whole := b.Length == b.Stated; b.Framing == ByLength && !b.Abandoned && !b.Left && whole != (err == nil) {
			t.Errorf("%d of %d bytes came: %v", b.Length, b.Stated, err)
		}
		if b.Abandoned && (limit <= 0 || b.Length <= limit || err != nil) {
			t.Errorf("%d bytes of a limit of %d were abandoned: %v", b.Length, limit, err)
		}
		if b.Left && (b.Length != leave || err != nil) || leave > 0 && b.Length > leave {
			t.Errorf("%d bytes came, and after %d it was to be left: %v (%v)", b.Length, leave, b.Left, err)
		}
		if b.Slowest < 0 || math.IsInf(b.Slowest, 0) || math.IsNaN(b.Slowest) || b.Slowest > 0 && b.Length == 0 {
			t.Errorf("the slowest of %d bytes is %v", b.Length, b.Slowest)
		}
		if rest, _ := io.ReadAll(br); b.Framing == NoBody && (err != nil || len(raw)+len(rest) != len(in)) {
			t.Errorf("%d bytes are left behind %q of %q: %v", len(rest), raw, in, err)
		}
	})
}
