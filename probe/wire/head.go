package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// HeadLimit is the most of a head that is read, in bytes; WinHTTP's own default
// is 64 KiB.
const HeadLimit = 256 << 10

var (
	errGarbled  = errors.New("what came is not HTTP/1")
	errTooLarge = errors.New("more came than is taken")
)

// A Head is a request or an answer up to the empty line.
type Head struct {
	Start  string // request line or status line
	Fields []Field
}

// A Field is one header field, in its own spelling.
type Field struct{ Name, Value string }

// Lines makes a head of lines of text, the first of which is its start line.
// A line without a colon is a field without a value.
func Lines(text string) Head {
	start, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	h := Head{Start: strings.TrimSpace(start)}
	for line := range strings.Lines(rest) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		h.Fields = append(h.Fields, Field{name, strings.TrimSpace(value)})
	}
	return h
}

// Bytes is h on the wire, with the empty line.
func (h Head) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(h.Start + "\r\n")
	for _, f := range h.Fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// Get is the value of the first field of that name, in any spelling, or "".
func (h Head) Get(name string) string {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// All are the values of all fields of that name, in any spelling.
func (h Head) All(name string) []string {
	var all []string
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// Status is the status of an answer, or 0. The line that begins it (RFC 9112, 4)
// may have any number of spaces before the status.
func (h Head) Status() int {
	rest, ok := strings.CutPrefix(h.Start, "HTTP/1.")
	if !ok || rest == "" || rest[0] < '0' || rest[0] > '9' {
		return 0
	}
	spaced := strings.TrimLeft(rest[1:], " ")
	code, _, _ := strings.Cut(spaced, " ")
	if len(spaced) == len(rest)-1 || len(code) != 3 || code[0] == '0' || strings.Trim(code, "0123456789") != "" {
		return 0
	}
	n, _ := strconv.Atoi(code)
	return n
}

// Method is the method of a request.
func (h Head) Method() string {
	method, _, _ := strings.Cut(h.Start, " ")
	return method
}

// Target is the target of a request.
func (h Head) Target() string {
	_, rest, _ := strings.Cut(h.Start, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
}

// OriginForm is a target without the scheme and the host that one in absolute form
// has in front (RFC 9112, 3.2).
func OriginForm(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, ok := strings.Cut(target, "://")
	if i := strings.IndexByte(rest, '/'); ok && i >= 0 {
		return rest[i:]
	}
	return target
}

// ToProxy is h as WinHTTP sends it to a proxy: the target in absolute form, and
// Proxy-Connection in the place of Connection.
func (h Head) ToProxy(authority string) Head {
	method, rest, _ := strings.Cut(h.Start, " ")
	to := Head{Start: method + " http://" + strings.TrimSuffix(authority, ":80") + rest}
	for _, f := range h.Fields {
		if f.Name == "Connection" {
			f.Name = "Proxy-Connection"
		}
		to.Fields = append(to.Fields, f)
	}
	return to
}

// readHead reads the head of an answer leniently: lines may end in LF alone,
// empty lines may stand before it, a folded line belongs to the one above, and
// a line that is no field is passed over. It returns all that it read as raw.
func readHead(br *bufio.Reader) (h Head, raw []byte, err error) {
	if raw, err = expectHTTP(br); err != nil {
		return h, raw, err
	}
	for {
		line, err := readLine(br, HeadLimit-len(raw))
		raw = append(raw, line...)
		if err != nil {
			return h, raw, fmt.Errorf("in the answer's head: %w", err)
		}
		text := strings.TrimRight(string(line), "\r\n")
		name, value, found := strings.Cut(text, ":")
		switch {
		case h.Start == "":
			h.Start = text
		case text == "":
			return h, raw, nil
		case strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t"):
			if n := len(h.Fields); n > 0 {
				h.Fields[n-1].Value = strings.TrimSpace(h.Fields[n-1].Value + " " + strings.TrimSpace(text))
			}
		case found:
			h.Fields = append(h.Fields, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
}

// expectHTTP passes over empty lines and looks whether an answer begins there.
// It decides on the first byte that does not fit: a peer of another protocol
// may send no further one.
func expectHTTP(br *bufio.Reader) (skipped []byte, err error) {
	for {
		b, err := br.Peek(1)
		if err != nil {
			return skipped, err
		}
		if b[0] != '\r' && b[0] != '\n' || len(skipped) >= 8 {
			break
		}
		br.Discard(1)
		skipped = append(skipped, b[0])
	}
	const want = "HTTP/"
	for n := 1; n <= len(want); n++ {
		b, err := br.Peek(n)
		if err == nil && string(b) != want[:n] {
			err = errGarbled
		}
		if err != nil {
			b, _ = br.Peek(min(br.Buffered(), 512))
			return append(skipped, b...), err
		}
	}
	return skipped, nil
}

// readLine reads a line of at most limit bytes with its end.
func readLine(br *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		if line = append(line, part...); len(line) > limit {
			return line[:limit], errTooLarge
		}
		switch err {
		case nil:
			return line, nil
		case bufio.ErrBufferFull:
		case io.EOF:
			return line, io.ErrUnexpectedEOF
		default:
			return line, err
		}
	}
}
