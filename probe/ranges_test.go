package probe

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe/wire"
)

func TestParseRanges(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  []span
	}{
		{"bytes=56068-60317,60318-65418,70988-76792,93078-95269", []span{{56068, 60317}, {60318, 65418}, {70988, 76792}, {93078, 95269}}}, // wire.md 1.6
		{"bytes=0-5472", []span{{0, 5472}}},
		{"bytes=0-1, 3-4", []span{{0, 1}, {3, 4}}},
		{"bytes=0-1,", nil},
		{"bytes=0-1,-5", nil},
		{"bytes=0-1,5-", nil},
		{"bytes=0-1,4-3", nil},
		{"bytes=", nil},
		{"0-1,3-4", nil},
		{"", nil},
	} {
		got, ok := parseRanges(tt.value)
		if ok != (tt.want != nil) || ok && !slices.Equal(got, tt.want) {
			t.Errorf("parseRanges(%q) = %v, %v; want %v", tt.value, got, ok, tt.want)
		}
	}
}

const (
	edge = "EdgePrism/3.7.2.8:DEAD2C6E" // wire.md 1.8, which does not give its end
	iis  = "7EAAD857FD2E903C"           // wire.md 1.8
)

// multiHead is the head of an answer in several parts (wire.md 1.8).
func multiHead(contentType string) wire.Head {
	return wire.Head{Start: "HTTP/1.1 206 Partial Content", Fields: []wire.Field{{Name: "Content-Type", Value: contentType}}}
}

// multiBody is a body in the form that was captured (wire.md 1.8): a CR LF, and
// parts, of which each has these fields, with a blank line and so many letters a.
func multiBody(boundary string, parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("\r\n--" + boundary + "\r\n" + p)
	}
	b.WriteString("\r\n--" + boundary + "--\r\n")
	return []byte(b.String())
}

// captured is a part as it was captured, of 187 bytes.
var captured = "Content-Type: application/octet-stream\r\nContent-Range: bytes 32955-33141/649077\r\n\r\n" + strings.Repeat("a", 187)

// What real servers answer is read, whichever way they write the boundary.
func TestByteRanges(t *testing.T) {
	other := strings.Replace(captured, "32955-33141", "40000-40186", 1)
	wide := "X-Cache: HIT from a cache\r\n" + other
	for _, tt := range []struct {
		name, contentType string
		body              []byte
		lead              int
		extra             []int
	}{
		{"quoted", `multipart/byteranges; boundary="` + edge + `"`, multiBody(edge, captured, other), 1, []int{0, 0}},
		{"unquoted", "multipart/byteranges; boundary=" + iis, multiBody(iis, captured, other), 1, []int{0, 0}},
		{"unquoted, though it should be", "multipart/byteranges; boundary=<q1w2e3/4t:5>", multiBody("<q1w2e3/4t:5>", captured, other), 1, []int{0, 0}},
		{"quoted with an escape", `multipart/byteranges; boundary="a\:b"`, multiBody("a:b", captured, other), 1, []int{0, 0}},
		{"behind other parameters", `Multipart/ByteRanges;charset="a;b\"; boundary=c"; Boundary=` + iis + "; d=e", multiBody(iis, captured, other), 1, []int{0, 0}},
		{"without a first line, as Go writes it", "multipart/byteranges; boundary=" + iis, multiBody(iis, captured, other)[2:], 0, []int{0, 0}},
		{"with two more", "multipart/byteranges; boundary=" + iis, append([]byte("\r\n\r\n"), multiBody(iis, captured, other)...), 3, []int{0, 0}},
		{"with a field of 27 bytes", "multipart/byteranges; boundary=" + iis, multiBody(iis, captured, wide), 1, []int{0, 27}},
		{"without a last line", "multipart/byteranges; boundary=" + iis, bytes.TrimSuffix(multiBody(iis, captured, other), []byte("\r\n")), 1, []int{0, 0}},
	} {
		m, err := parseByteRanges(multiHead(tt.contentType), tt.body)
		if err != nil || len(m.parts) != 2 {
			t.Errorf("%s: %+v, %v; want 2 parts", tt.name, m, err)
			continue
		}
		if m.lead != tt.lead || m.parts[0].extra != tt.extra[0] || m.parts[1].extra != tt.extra[1] {
			t.Errorf("%s: %d lines before, %d and %d bytes of extra fields; want %d, %v",
				tt.name, m.lead, m.parts[0].extra, m.parts[1].extra, tt.lead, tt.extra)
		}
		for i, want := range []span{{32955, 33141}, {40000, 40186}} {
			if p := m.parts[i]; p.span != want || p.total != 649077 || string(p.body) != strings.Repeat("a", 187) {
				t.Errorf("%s: part %d is %s of %d, %q", tt.name, i+1, p.span, p.total, p.body)
			}
		}
	}
}

// The content of a part may look like anything, its own boundary included: its
// end is where its range says.
func TestByteRangesContent(t *testing.T) {
	content := "\r\n--" + iis + "--\r\n"
	p := fmt.Sprintf("Content-Range: bytes 0-%d/*\r\n\r\n", len(content)-1) + content
	m, err := parseByteRanges(multiHead("multipart/byteranges; boundary="+iis), multiBody(iis, p))
	if err != nil || len(m.parts) != 1 || string(m.parts[0].body) != content || m.parts[0].total != -1 {
		t.Errorf("%+v, %v; want one part, %q", m, err, content)
	}
}

func TestByteRangesRefused(t *testing.T) {
	whole := multiBody(iis, captured)
	edited := func(from, to string) []byte { return bytes.Replace(whole, []byte(from), []byte(to), 1) }
	named := "multipart/byteranges; boundary=" + iis
	for _, tt := range []struct {
		name, contentType string
		body              []byte
		want              string // in the words of the error
	}{
		{"a single part", "application/octet-stream", whole, "not multipart/byteranges"},
		{"no type", "", whole, "not multipart/byteranges"},
		{"another multipart", "multipart/mixed; boundary=" + iis, whole, "not multipart/byteranges"},
		{"no boundary parameter", "multipart/byteranges; charset=utf-8", whole, "names no boundary"},
		{"an empty boundary", "multipart/byteranges; boundary=", whole, "is none"},
		{"a quotation without an end", `multipart/byteranges; boundary="` + iis, whole, "is none"},
		{"a long boundary", "multipart/byteranges; boundary=" + strings.Repeat("a", 71), whole, "is none"},
		{"a boundary with a control character", "multipart/byteranges; boundary=\"a\tb\"", whole, "is none"},
		{"another boundary", "multipart/byteranges; boundary=a", whole, "does not begin with the boundary"},
		{"nothing", named, nil, "does not begin with the boundary"},
		{"words before", named, append([]byte("one"), whole...), "does not begin with the boundary"},
		{"no closing boundary", named, edited("--\r\n", ""), "before its closing boundary"},
		{"an end in the content", named, whole[:200], "before its closing boundary"},
		{"an end in the fields", named, whole[:40], "before its closing boundary"},
		{"an end behind the boundary", named, whole[:20], "before its closing boundary"},
		{"a word behind the boundary", named, edited(iis+"\r\n", iis+" \r\n"), "behind the boundary stands"},
		{"lines that end in LF", named, bytes.ReplaceAll(whole, []byte("stream\r\n"), []byte("stream\n")), "among its fields stands"},
		{"a line that is no field", named, edited("Content-Type:", "Content-Type"), "among its fields stands"},
		{"no Content-Range", named, edited("Content-Range:", "X-Range:"), "0 fields Content-Range"},
		{"two of them", named, edited("\r\n\r\na", "\r\nContent-Range: bytes 0-1/2\r\n\r\na"), "2 fields Content-Range"},
		{"a bad one", named, edited("bytes 32955", "bytes 42955"), "its Content-Range is"},
		{"less than it says", named, edited("aaa", ""), "184 bytes came"},
		{"more than it says", named, edited("aaa", "aaab"), "188 bytes came"},
		{"all the bytes there are", named, edited("32955-33141/649077", "0-9223372036854775807/*"), "187 bytes came"},
		{"words behind", named, append(slices.Clone(whole), "two"...), "3 bytes stand behind"},
	} {
		m, err := parseByteRanges(multiHead(tt.contentType), tt.body)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %+v, %v; want an error with %q", tt.name, m, err, tt.want)
		}
	}
}

// The ranges that were asked for came, each once and in order, or it is said
// what is wrong first.
func TestMultiWrong(t *testing.T) {
	const file = "0123456789"
	part := func(from, to, total int) string {
		return fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n\r\n%s", from, to, total, file[from:to+1])
	}
	first, second, third := part(0, 1, 10), part(4, 6, 10), part(9, 9, 10)
	for _, tt := range []struct {
		name  string
		parts []string
		want  string // in the words; "" for nothing
	}{
		{"all", []string{first, second, third}, ""},
		{"none", nil, "3 ranges were asked for, and 0 came"},
		{"the first alone", []string{first}, "3 ranges were asked for, and 1 came"},
		{"one too many", []string{first, second, third, third}, "3 ranges were asked for, and 4 came"},
		{"one twice", []string{first, first, second, third}, "part 2: bytes 4-6 were asked for, and 0-1 came"},
		{"in another order", []string{second, first, third}, "part 1: bytes 0-1 were asked for, and 4-6 came"},
		{"two as one", []string{part(0, 6, 10), third}, "part 1: bytes 0-1 were asked for, and 0-6 came"},
		{"of no size", []string{strings.Replace(first, "/10", "/*", 1), second, third}, "part 1: its Content-Range does not say"},
		{"of two sizes", []string{first, part(4, 6, 11), third}, "part 2: it is of a file of 11 bytes"},
		{"of another size", []string{part(0, 1, 11), part(4, 6, 11), part(9, 9, 11)}, "part 1: the file is not 11 bytes long"},
		{"of a byte more", []string{first, strings.Replace(second, "456", "4567", 1), third}, "part 2: it is said to be bytes 4-6, and 4 bytes came"},
		{"of other bytes", []string{first, strings.Replace(second, "456", "4x6", 1), third}, "part 2: the byte at 5 "},
	} {
		sent := wire.Lines("GET /a.psf HTTP/1.1\nRange: bytes=0-1,4-6,9-9")
		head := multiHead("multipart/byteranges; boundary=" + iis)
		body := multiBody(iis, tt.parts...)
		got := multiWrong(sent, head, body, strings.NewReader(file))
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if blind := multiWrong(sent, head, body, nil); (blind == "") != (got == "" || strings.Contains(got, "the byte at") || strings.Contains(got, "the file is not")) {
			t.Errorf("%s, of a file that is not known: %q", tt.name, blind)
		}
	}
}

// A file that is shorter than its parts say has no bytes for them.
func TestMultiWrongShortFile(t *testing.T) {
	sent := wire.Lines("GET /a.psf HTTP/1.1\nRange: bytes=0-1")
	body := multiBody(iis, "Content-Range: bytes 0-1/2\r\n\r\n01")
	for _, file := range []io.ReaderAt{strings.NewReader("0"), strings.NewReader("")} {
		if got := multiWrong(sent, multiHead("multipart/byteranges; boundary="+iis), body, file); !strings.Contains(got, "not 2 bytes long") {
			t.Errorf("%q, want it to be too short", got)
		}
	}
}

// A partsAnswer is an answer with several parts.
type partsAnswer struct {
	head wire.Head
	body []byte
}

// capturedParts are such answers in the form that was captured, typed from
// wire.md: files with LF for CRLF, and the source as a comment in the first line.
func capturedParts(t testing.TB) map[string]partsAnswer {
	t.Helper()
	files, err := filepath.Glob("../testdata/multipart/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no answers in testdata: %v", err)
	}
	answers := map[string]partsAnswer{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		comment, answer, _ := strings.Cut(string(text), "\n")
		head, body, found := strings.Cut(answer, "\n\n")
		if !found || !strings.HasPrefix(comment, "# wire.md ") {
			t.Fatalf("%s does not begin with its source, or has no body", file)
		}
		answers[filepath.Base(file)] = partsAnswer{wire.Lines(head), []byte(strings.ReplaceAll(body, "\n", crlf))}
	}
	return answers
}

// The captured answers have parts, in the form that BITS takes.
func TestCapturedParts(t *testing.T) {
	for name, answer := range capturedParts(t) {
		m, err := parseByteRanges(answer.head, answer.body)
		if err != nil || m.lead != 1 || len(m.parts) == 0 || m.parts[0].span != (span{32955, 33141}) || m.parts[0].total != 649077 {
			t.Errorf("%s is read as %+v (%v)", name, m, err)
		}
	}
}

// Parts lie inside the body, one behind the other, and what is read means the
// same when it is written anew.
func FuzzByteRanges(f *testing.F) {
	f.Add(`multipart/byteranges; boundary="`+edge+`"`, multiBody(edge, captured, captured))
	f.Add("multipart/byteranges; boundary="+iis, multiBody(iis, captured))
	for _, answer := range capturedParts(f) {
		f.Add(answer.head.Get("Content-Type"), answer.body)
	}
	f.Add("multipart/byteranges; boundary="+iis, append([]byte("\r\n\r\n"), multiBody(iis, "Via: a\r\n"+captured)...))
	f.Add("multipart/byteranges; boundary="+iis, multiBody(iis, "Content-Range: bytes 0-0/*\r\n\r\na"))
	f.Add("multipart/byteranges; boundary="+iis, multiBody(iis, "Content-Range: bytes 0-9223372036854775807/*\r\n\r\na"))
	f.Add("multipart/byteranges", multiBody(iis, captured))
	f.Add(`multipart/byteranges; boundary="a`, []byte("--a--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		m, err := parseByteRanges(multiHead(contentType), body)
		if err != nil {
			return
		}
		rest := body
		for i, p := range m.parts {
			at := bytes.Index(rest, p.body)
			if at < 0 || int64(len(p.body)) != p.length() || p.extra < 0 || p.total >= 0 && p.to >= p.total {
				t.Fatalf("part %d is bytes %s of %d, and %d bytes of %q", i+1, p.span, p.total, len(p.body), body)
			}
			rest = rest[at+len(p.body):]
		}
		again, err := parseByteRanges(multiHead("multipart/byteranges; boundary=b"), written(m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%q is read as\n%+v, written anew as\n%q and read as\n%+v (%v)", body, m, written(m), again, err)
		}
	})
}

// written is m as the body of an answer whose boundary is b.
func written(m *multipart) []byte {
	var parts []string
	for _, p := range m.parts {
		fields := fmt.Sprintf("Content-Range: bytes %s/%d\r\n", p.span, p.total)
		if p.total < 0 {
			fields = fmt.Sprintf("Content-Range: bytes %s/*\r\n", p.span)
		}
		if p.extra > 0 {
			fields += strings.Repeat("X", p.extra-len(":\r\n")) + ":\r\n"
		}
		parts = append(parts, fields+"\r\n"+string(p.body))
	}
	body := bytes.TrimPrefix(multiBody("b", parts...), []byte("\r\n"))
	return append(bytes.Repeat([]byte("\r\n"), m.lead), body...)
}
