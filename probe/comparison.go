package probe

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// A Comparison holds a body against the file that it should be from.
type Comparison struct {
	From    int64 // where in the file the body should begin
	Length  int64 // bytes that were compared
	Differs int64 // where in the file the first other byte is; -1 for nowhere

	file io.ReaderAt
	want []byte // what should come next
}

// compare begins a comparison for the answer to a request, or is nil when the
// file's bytes are not known or the answer is not to be one of them.
func compare(o Object, request, answer wire.Head) *Comparison {
	if o.File == nil || !strings.Contains(request.Start, " "+o.Path+" ") {
		return nil
	}
	c := &Comparison{Differs: -1, file: o.File}
	switch answer.Status() {
	case 200:
	case 206:
		c.From, _, _ = parseRange(request.Get("Range"))
	default:
		return nil
	}
	return c
}

// Write compares p with what should come next. A nil Comparison takes all.
func (c *Comparison) Write(p []byte) (int, error) {
	if c == nil || c.Differs >= 0 {
		return len(p), nil
	}
	c.want = slices.Grow(c.want[:0], len(p))[:len(p)]
	at := c.From + c.Length
	n, _ := c.file.ReadAt(c.want, at)
	if bytes.Equal(p, c.want[:n]) {
		c.Length += int64(len(p))
		return len(p), nil
	}
	same := 0
	for same < n && p[same] == c.want[same] {
		same++
	}
	c.Differs = at + int64(same)
	return len(p), nil
}
