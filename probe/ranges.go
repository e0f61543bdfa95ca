package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"proxycheck/probe/wire"
)

// A span is a closed range of the bytes of a file.
type span struct{ from, to int64 }

func (s span) length() int64  { return s.to - s.from + 1 }
func (s span) String() string { return fmt.Sprintf("%d-%d", s.from, s.to) }

// parseSpan reads a closed range: two numbers and a dash.
func parseSpan(text string) (span, bool) {
	first, last, dashed := strings.Cut(text, "-")
	from, err1 := strconv.ParseUint(first, 10, 63)
	to, err2 := strconv.ParseUint(last, 10, 63)
	return span{int64(from), int64(to)}, dashed && err1 == nil && err2 == nil && from <= to
}

// parseRange reads the value of Range: one closed range.
func parseRange(value string) (from, to int64, ok bool) {
	text, found := strings.CutPrefix(value, "bytes=")
	s, ok := parseSpan(text)
	return s.from, s.to, found && ok
}

// parseRanges reads the value of Range: closed ranges, in the order in which
// they stand.
func parseRanges(value string) ([]span, bool) {
	list, ok := strings.CutPrefix(value, "bytes=")
	if !ok {
		return nil, false
	}
	var spans []span
	for one := range strings.SplitSeq(list, ",") {
		s, ok := parseSpan(strings.Trim(one, " \t"))
		if !ok {
			return nil, false
		}
		spans = append(spans, s)
	}
	return spans, true
}

// parseContentRange reads the value of Content-Range; total is -1 for an
// asterisk.
func parseContentRange(value string) (from, to, total int64, ok bool) {
	unit, rest, _ := strings.Cut(value, " ")
	text, size, sized := strings.Cut(rest, "/")
	s, ok := parseSpan(strings.TrimSpace(text))
	if size = strings.TrimSpace(size); size == "*" {
		return s.from, s.to, -1, ok && strings.EqualFold(unit, "bytes")
	}
	n, err := strconv.ParseUint(size, 10, 63)
	return s.from, s.to, int64(n), ok && sized && err == nil && int64(n) > s.to && strings.EqualFold(unit, "bytes")
}

// A multipart is an answer of type multipart/byteranges, taken apart (wire.md
// 1.8). BITS takes at most two CR LF pairs before the first boundary.
type multipart struct {
	lead  int // CR LF pairs between the head and the first boundary
	parts []bodyPart
}

// A bodyPart is one part of a multipart. BITS takes at most 180 bytes of extra
// fields.
type bodyPart struct {
	span
	total int64  // of the file; -1 for an asterisk
	extra int    // bytes of the fields beside Content-Range and Content-Type, with their line ends
	body  []byte // as many as span says; shares the memory of the answer
}

// crlf ends the lines of a multipart. One that ends in LF alone is not excused:
// what BITS would make of it is not known.
const crlf = "\r\n"

// parseByteRanges takes the body of answer apart. It is stricter than RFC 2046,
// and than package mime/multipart: nothing but the parts may stand there, and
// each must be as long as its Content-Range says. The caller bounds body.
func parseByteRanges(answer wire.Head, body []byte) (*multipart, error) {
	delimiter, err := boundary(answer.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	delimiter = "--" + delimiter
	m, rest := &multipart{}, body
	for ; bytes.HasPrefix(rest, []byte(crlf)); m.lead++ {
		rest = rest[len(crlf):]
	}
	rest, found := bytes.CutPrefix(rest, []byte(delimiter))
	if !found {
		return nil, fmt.Errorf("the body does not begin with the boundary but with %s", beginning(rest))
	}
	for !bytes.HasPrefix(rest, []byte("--")) {
		var p bodyPart
		if p, rest, err = parsePart(rest, crlf+delimiter); err != nil {
			return nil, fmt.Errorf("part %d: %w", len(m.parts)+1, err)
		}
		m.parts = append(m.parts, p)
	}
	if rest = bytes.Trim(rest[len("--"):], crlf); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes stand behind the closing boundary: %s", len(rest), beginning(rest))
	}
	return m, nil
}

// maxBoundary is the longest boundary that there may be, in bytes (RFC 2046, 5.1.1).
const maxBoundary = 70

// boundary is the boundary that a Content-Type names. Any visible character may
// be in it, quoted or not: IIS is known to write one in angle brackets.
func boundary(contentType string) (string, error) {
	kind, rest, _ := strings.Cut(contentType, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "multipart/byteranges") {
		return "", fmt.Errorf("the type is %s and not multipart/byteranges", quoted(contentType))
	}
	for rest != "" {
		name, value, _ := strings.Cut(rest, "=")
		if value, rest = parameter(value); strings.EqualFold(strings.TrimSpace(name), "boundary") {
			if value == "" || len(value) > maxBoundary || strings.ContainsFunc(value, invisible) {
				return "", fmt.Errorf("the boundary in %s is none", quoted(contentType))
			}
			return value, nil
		}
	}
	return "", fmt.Errorf("%s names no boundary", quoted(contentType))
}

// invisible tells whether no boundary may have r. A blank within is allowed.
func invisible(r rune) bool { return r < ' ' || r > '~' }

// parameter cuts the value of a parameter, quoted or not, from those behind it.
// A quotation without an end has no value.
func parameter(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	quotation, isQuoted := strings.CutPrefix(s, `"`)
	if !isQuoted {
		value, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(value), rest
	}
	var b strings.Builder
	for i := 0; i < len(quotation); i++ {
		switch c := quotation[i]; {
		case c == '"':
			_, rest, _ = strings.Cut(quotation[i:], ";")
			return b.String(), rest
		case c == '\\' && i+1 < len(quotation):
			i++
		}
		b.WriteByte(quotation[i])
	}
	return "", ""
}

var errNoEnd = errors.New("the body ends before its closing boundary")

// parsePart reads a part, from behind its boundary to behind the next one.
func parsePart(in []byte, delimiter string) (p bodyPart, rest []byte, err error) {
	line, rest, found := bytes.Cut(in, []byte(crlf))
	switch {
	case !found:
		return p, nil, errNoEnd
	case len(line) > 0:
		return p, nil, fmt.Errorf("behind the boundary stands %s", beginning(line))
	}
	content, err := p.parseFields(rest)
	if err != nil {
		return p, nil, err
	}
	if last := p.to - p.from; last < int64(len(content)) { // length might not fit an int64
		p.body = content[: last+1 : last+1]
		if rest, found = bytes.CutPrefix(content[last+1:], []byte(delimiter)); found {
			return p, rest, nil
		}
	}
	came := bytes.Index(content, []byte(delimiter))
	if came < 0 {
		return p, nil, errNoEnd
	}
	return p, nil, fmt.Errorf("it is said to be bytes %s, and %d bytes came", p.span, came)
}

// parseFields reads the fields of p, up to its content.
func (p *bodyPart) parseFields(in []byte) (content []byte, err error) {
	ranges := 0
	for {
		line, rest, found := bytes.Cut(in, []byte(crlf))
		if !found {
			return nil, errNoEnd
		}
		in = rest
		if len(line) == 0 {
			break
		}
		name, value, colon := strings.Cut(string(line), ":")
		switch {
		case !colon || strings.Contains(name+value, "\n"):
			return nil, fmt.Errorf("among its fields stands %s", beginning(line))
		case strings.EqualFold(name, "Content-Range"):
			if p.from, p.to, p.total, found = parseContentRange(strings.TrimSpace(value)); !found {
				return nil, fmt.Errorf("its Content-Range is %s", quoted(value))
			}
			ranges++
		case !strings.EqualFold(name, "Content-Type"):
			p.extra += len(line) + len(crlf)
		}
	}
	if ranges != 1 {
		return nil, fmt.Errorf("it has %d fields Content-Range", ranges)
	}
	return in, nil
}

// beginning is how b begins, for evidence.
func beginning(b []byte) string { return quoted(string(b[:min(len(b), 40)])) }

// multiWrong says what is wrong first with the answer to a request for several
// ranges, or "" when each came once, in order, with its bytes and the size of
// the file. Without a file, bytes and size are not compared.
func multiWrong(sent, answer wire.Head, body []byte, file io.ReaderAt) string {
	asked, ok := parseRanges(sent.Get("Range"))
	if !ok {
		return ""
	}
	m, err := parseByteRanges(answer, body)
	if err != nil {
		return err.Error()
	}
	for i, p := range m.parts[:min(len(m.parts), len(asked))] {
		if wrong := p.wrong(asked[i], m.parts[0].total, file); wrong != "" {
			return fmt.Sprintf("part %d: %s", i+1, wrong)
		}
	}
	if len(m.parts) != len(asked) {
		return fmt.Sprintf("%d ranges were asked for, and %d came", len(asked), len(m.parts))
	}
	return ""
}

// wrong says how p is not the part of file, of that total, that was asked for.
func (p bodyPart) wrong(asked span, total int64, file io.ReaderAt) string {
	switch {
	case p.span != asked:
		return fmt.Sprintf("bytes %s were asked for, and %s came", asked, p.span)
	case p.total < 0:
		return "its Content-Range does not say how long the file is"
	case p.total != total:
		return fmt.Sprintf("it is of a file of %d bytes, and the first part of one of %d", p.total, total)
	case file == nil:
		return ""
	case !endsAt(file, total):
		return fmt.Sprintf("the file is not %d bytes long", total)
	}
	want := make([]byte, len(p.body))
	n, _ := file.ReadAt(want, p.from)
	for i, b := range p.body {
		if i >= n || b != want[i] {
			return fmt.Sprintf("the byte at %d is not the one that the server holds", p.from+int64(i))
		}
	}
	return ""
}

// endsAt tells whether file is size bytes long, which is more than 0.
func endsAt(file io.ReaderAt, size int64) bool {
	var last, behind [1]byte
	n, _ := file.ReadAt(last[:], size-1)
	beyond, _ := file.ReadAt(behind[:], size)
	return n == 1 && beyond == 0
}
