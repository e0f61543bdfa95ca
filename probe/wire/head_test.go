package wire

import (
	"bufio"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A head leaves as its lines stand: in their order and spelling.
func TestLines(t *testing.T) {
	h := Lines("\nGET /a HTTP/1.1\n  MS-CV:  x.0 \nhOST:www.test\nContent-Length: 0\nPragma\nX-Url: http://a:1/\n")
	const want = "GET /a HTTP/1.1\r\nMS-CV: x.0\r\nhOST: www.test\r\nContent-Length: 0\r\nPragma: \r\nX-Url: http://a:1/\r\n\r\n"
	if got := string(h.Bytes()); got != want {
		t.Errorf("Bytes = %q, want\n%q", got, want)
	}
	if h.Method() != "GET" || h.Target() != "/a" {
		t.Errorf("its method is %q and its target %q", h.Method(), h.Target())
	}
}

func TestGet(t *testing.T) {
	h := Lines("HTTP/1.1 200 OK\nVia: a\nETag: 1\nvia: b")
	if got := h.Get("VIA"); got != "a" {
		t.Errorf("Get = %q, want the first of two", got)
	}
	if got := h.All("VIA"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("All = %q, want both in their order", got)
	}
	if got, all := h.Get("Age"), h.All("Age"); got != "" || all != nil {
		t.Errorf("a field that is not there is %q, and all of them %q", got, all)
	}
}

func TestStatus(t *testing.T) {
	for start, want := range map[string]int{
		"HTTP/1.1 200 OK":          200,
		"HTTP/1.0 404":             404,
		"HTTP/1.1 407 ":            407,
		"HTTP/1.1   206  Partial":  206,
		"HTTP/1.1 999 Odd":         999,
		"HTTP/1.1 099 Too small":   0,
		"HTTP/1.1 2000 Too long":   0,
		"HTTP/1.1 200OK":           0,
		"HTTP/1.1 OK":              0,
		"HTTP/1.1":                 0,
		"HTTP/11 200 OK":           0,
		"ICY 200 OK":               0,
		"http/1.1 200 OK":          0,
		"GET /HTTP/1.1 200 OK":     0,
		"HTTP/1.1 -20 Negative":    0,
		"HTTP/1.1\t200 By a tab":   0,
		" HTTP/1.1 200 Indented":   0,
		"HTTP/1.1 200\tBy a tab":   0,
		"HTTP/2 200 Without minor": 0,
		"":                         0,
	} {
		if got := (Head{Start: start}).Status(); got != want {
			t.Errorf("the status of %q is %d, want %d", start, got, want)
		}
	}
}

func TestToProxy(t *testing.T) {
	const head = "GET /a?b HTTP/1.1\nAccept: */*\nConnection: Keep-Alive\nHost: www.test\nContent-Length: 0"
	for authority, want := range map[string]string{
		"www.test:80":   "GET http://www.test/a?b HTTP/1.1",
		"www.test:8530": "GET http://www.test:8530/a?b HTTP/1.1",
		"[::1]:80":      "GET http://[::1]/a?b HTTP/1.1",
	} {
		before := Lines(head)
		want := Lines(want + "\nAccept: */*\nProxy-Connection: Keep-Alive\nHost: www.test\nContent-Length: 0")
		if got := before.ToProxy(authority); !reflect.DeepEqual(got, want) {
			t.Errorf("for %s:\n%q, want\n%q", authority, got.Bytes(), want.Bytes())
		}
		if !reflect.DeepEqual(before, Lines(head)) {
			t.Errorf("for %s the head itself became\n%q", authority, before.Bytes())
		}
	}
}

// What can be read leniently is, and raw with the rest is all that came.
func TestReadHead(t *testing.T) {
	for _, tt := range []struct{ name, in, want, rest string }{
		{name: "order, spelling and repetition",
			in:   "HTTP/1.1 200 OK\r\nx-b: 1\r\nX-A:2\r\nX-B:  3 \r\n\r\nbody",
			want: "HTTP/1.1 200 OK\nx-b: 1\nX-A: 2\nX-B: 3", rest: "body"},
		{name: "lines that end in LF alone",
			in: "HTTP/1.0 200 OK\nETag: a\n\n\nbody", want: "HTTP/1.0 200 OK\nETag: a", rest: "\nbody"},
		{name: "a line that ends in two CR", in: "HTTP/1.1 200 OK\r\r\nETag: a\r\r\n\r\n", want: "HTTP/1.1 200 OK\nETag: a"},
		{name: "no fields and no reason", in: "HTTP/1.1 200\r\n\r\n", want: "HTTP/1.1 200"},
		{name: "empty lines before it", in: "\r\n\n\r\nHTTP/1.1 200 OK\r\n\r\n", want: "HTTP/1.1 200 OK"},
		{name: "a folded line",
			in:   "HTTP/1.1 200 OK\r\nWarning: one\r\n two\r\n\t three\r\nAge: 1\r\n\r\n",
			want: "HTTP/1.1 200 OK\nWarning: one two three\nAge: 1"},
		{name: "a value that begins on the next line",
			in: "HTTP/1.1 200 OK\r\nLocation:\r\n http://a.test/\r\n\r\n", want: "HTTP/1.1 200 OK\nLocation: http://a.test/"},
		{name: "a folded line with nothing in it",
			in: "HTTP/1.1 200 OK\r\nETag: a\r\n \r\nAge: 1\r\n\r\n", want: "HTTP/1.1 200 OK\nETag: a\nAge: 1"},
		{name: "a folded line with nothing above", in: "HTTP/1.1 200 OK\r\n two\r\n\r\n", want: "HTTP/1.1 200 OK"},
		{name: "a line that is no field", in: "HTTP/1.1 200 OK\r\nnonsense\r\nAge: 1\r\n\r\n", want: "HTTP/1.1 200 OK\nAge: 1"},
		{name: "a space before the colon", in: "HTTP/1.1 200 OK\r\nAge : 1\r\n\r\n", want: "HTTP/1.1 200 OK\nAge: 1"},
		{name: "a colon in a value", in: "HTTP/1.1 200 OK\r\nVia: 1.1 a:80\r\n\r\n", want: "HTTP/1.1 200 OK\nVia: 1.1 a:80"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			br := bufio.NewReader(strings.NewReader(tt.in))
			h, raw, err := readHead(br)
			if want := Lines(tt.want); err != nil || !reflect.DeepEqual(h, want) {
				t.Errorf("%q is read as\n%q (%v), want\n%q", tt.in, h, err, want)
			}
			if rest, _ := io.ReadAll(br); string(rest) != tt.rest || string(raw)+tt.rest != tt.in {
				t.Errorf("of %q, raw is %q and %q is left", tt.in, raw, rest)
			}
		})
	}
}

// What cannot be read says why, and raw is what came of it.
func TestReadHeadFails(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", HeadLimit)
	many := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: a\r\n", HeadLimit/6)
	for _, tt := range []struct {
		name, in, raw string
		want          error
	}{
		{"nothing", "", "", io.EOF},
		{"an empty line", "\r\n", "\r\n", io.EOF},
		{"the beginning of a beginning", "HTT", "HTT", io.EOF},
		{"half a status line", "HTTP/1.1 2", "HTTP/1.1 2", io.ErrUnexpectedEOF},
		{"half a head", "HTTP/1.1 200 OK\r\nETa", "HTTP/1.1 200 OK\r\nETa", io.ErrUnexpectedEOF},
		{"no empty line", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n", io.ErrUnexpectedEOF},
		{"another protocol", "SSH-2.0-x\r\n", "SSH-2.0-x\r\n", errGarbled},
		{"all but the last of the word", "HTTPS\r\n", "HTTPS\r\n", errGarbled},
		{"an alert of TLS", "\x15\x03\x01\x00\x02\x02\x46", "\x15\x03\x01\x00\x02\x02\x46", errGarbled},
		{"a page without a head", "<html>", "<html>", errGarbled},
		{"another protocol behind an empty line", "\r\nHELP", "\r\nHELP", errGarbled},
		{"no end of empty lines", strings.Repeat("\r\n", 600), strings.Repeat("\r\n", 260), errGarbled},
		{"a line too long", long, long[:HeadLimit], errTooLarge},
		{"too many lines", many, many[:HeadLimit], errTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, raw, err := readHead(bufio.NewReader(strings.NewReader(tt.in)))
			if !errors.Is(err, tt.want) {
				t.Errorf("%.40q: %v, want %v", tt.in, err, tt.want)
			}
			if string(raw) != tt.raw {
				t.Errorf("%.40q: raw is %d bytes, %.40q; want %d, %.40q", tt.in, len(raw), raw, len(tt.raw), tt.raw)
			}
		})
	}
}
