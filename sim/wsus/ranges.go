package wsus

import (
	"hash/maphash"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"proxycheck/probe/wusp"
)

// maxRanges is how many ranges one request may ask for: BITS asks for 20 at most
// (wire.md 1.6). When there are more, all are ignored, as a server may do
// (RFC 9110, 14.2): each costs a few bytes to ask for, and 200 to answer.
const maxRanges = 1024

// bounded is r, or one like it without ranges when it asks for too many.
func bounded(r *http.Request) *http.Request {
	if strings.Count(r.Header.Get("Range"), ",") < maxRanges {
		return r
	}
	whole := r.WithContext(r.Context())
	whole.Header = r.Header.Clone()
	whole.Header.Del("Range")
	return whole
}

// bufferSize is how much of a file is generated before it is written, in bytes.
// More would be faster by little, and each answer that is under way has a buffer.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A sender is an answer to which [http.ServeContent] sends a body: it hands the
// copying over to a destination that can do it by itself.
type sender struct{ http.ResponseWriter }

// ReadFrom sends what src has. A part of a generated file is sent without being
// copied, where it is kept.
func (s sender) ReadFrom(src io.Reader) (int64, error) {
	body := struct{ io.Writer }{s.ResponseWriter}
	if part, ok := src.(*io.LimitedReader); ok {
		if file, ok := part.R.(*io.SectionReader); ok && isGenerated(file) {
			return sendPart(body, file, part.N)
		}
	}
	return buffered(body, src)
}

// isGenerated tells whether the bytes of a file never change.
func isGenerated(file *io.SectionReader) bool {
	switch source, from, _ := file.Outer(); source.(type) {
	case wusp.Content, wusp.Stream:
		return from == 0
	}
	return false
}

// sendPart sends the next n bytes of a generated file, or all that there are.
func sendPart(w io.Writer, file *io.SectionReader, n int64) (sent int64, err error) {
	at, err := file.Seek(0, io.SeekCurrent)
	for end := min(at+n, file.Size()); at < end && err == nil; {
		next := min(end, (at/blockSize+1)*blockSize)
		var written int64
		if b := kept.bytes(file, at/blockSize); b != nil {
			var n int
			n, err = w.Write(b[at%blockSize : next-at/blockSize*blockSize])
			written = int64(n)
		} else {
			written, err = buffered(w, io.NewSectionReader(file, at, next-at))
		}
		at, sent = at+written, sent+written
	}
	file.Seek(at, io.SeekStart)
	return sent, err
}

// buffered copies src to w in big pieces.
func buffered(w io.Writer, src io.Reader) (int64, error) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	return io.CopyBuffer(w, src, buffer[:])
}

// blockSize is that of the blocks that are kept, in bytes.
const blockSize = 256 << 10

// blocks are those of generated files that were asked for again, so that what
// many clients fetch at the same time is generated once. Each has one place
// where it can be; those that follow each other have different ones.
type blocks [32]atomic.Pointer[block]

// kept are 8 MiB at most, for all servers of the process.
var kept blocks

// A block is a part of a file.
type block struct {
	file  io.ReaderAt // by which alone it is told from others
	index int64       // in the file
	bytes []byte      // nil until it is asked for again
}

var seed = maphash.MakeSeed()

// bytes is a block of a generated file, or nil when that is not kept. The second
// time in a row that a place is asked for the same block, it keeps that.
func (k *blocks) bytes(file *io.SectionReader, index int64) []byte {
	source, _, _ := file.Outer()
	place := &k[(maphash.Comparable(seed, source)+uint64(index))%uint64(len(k))]
	b := place.Load()
	switch {
	case b == nil || b.index != index || b.file != source:
		place.Store(&block{file: source, index: index})
		return nil
	case b.bytes == nil:
		b = &block{source, index, make([]byte, min(blockSize, file.Size()-index*blockSize))}
		file.ReadAt(b.bytes, index*blockSize)
		place.Store(b)
	}
	return b.bytes
}
