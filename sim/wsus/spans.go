package wsus

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A span is a part of a file, from its first byte to its last. One that counts
// from the end has a negative first, and no last.
type span struct{ first, last int64 }

// toEnd is the last byte of a span that goes to the end of its file.
const toEnd = math.MaxInt64

// String is s as in the field Range.
func (s span) String() string {
	switch {
	case s.first < 0:
		return strconv.FormatInt(s.first, 10)
	case s.last == toEnd:
		return strconv.FormatInt(s.first, 10) + "-"
	}
	return strconv.FormatInt(s.first, 10) + "-" + strconv.FormatInt(s.last, 10)
}

// spansOf are the first few parts that a field Range asks for. What is none is
// left out.
func spansOf(field []byte) (spans []span) {
	rest, ok := bytes.CutPrefix(field, []byte("bytes="))
	for ok && len(spans) < maxSpans {
		var one []byte
		one, rest, ok = bytes.Cut(rest, []byte(","))
		if s, good := parseSpan(string(bytes.TrimSpace(one))); good {
			spans = append(spans, s)
		}
	}
	return spans
}

func parseSpan(text string) (s span, ok bool) {
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		return s, false
	}
	s.last = toEnd
	var errFirst, errLast error
	if last != "" {
		s.last, errLast = strconv.ParseInt(last, 10, 64)
	}
	if first == "" {
		return span{-s.last, 0}, last != "" && errLast == nil && s.last > 0
	}
	s.first, errFirst = strconv.ParseInt(first, 10, 64)
	return s, cmp.Or(errFirst, errLast) == nil && 0 <= s.first && s.first <= s.last
}

// cover adds a part to others, the latest of which is the last. Those that touch
// become one.
func cover(spans []span, s span) []span {
	if s.first >= 0 {
		spans = slices.DeleteFunc(spans, func(other span) bool {
			if other.first < 0 || other.first-1 > s.last || s.first-1 > other.last {
				return false
			}
			s = span{min(s.first, other.first), max(s.last, other.last)}
			return true
		})
	} else if i := slices.Index(spans, s); i >= 0 {
		spans = slices.Delete(spans, i, i+1)
	}
	if len(spans) == maxSpans {
		spans = slices.Delete(spans, 0, 1)
	}
	return append(spans, s)
}
