package wsus

import (
	"hash/maphash"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"proxycheck/probe/wusp"
)

// bufferSize is how much of a file is generated before it is written, in bytes.
// Twice as much is hardly faster, and each answer that a client takes slowly holds
// a buffer.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A sender is an answer to which [http.ServeContent] copies the body: a writer
// with a ReadFrom is left to do that by itself.
type sender struct {
	http.ResponseWriter
	conn    holder // nil for one that cannot hold
	refused bool   // the page of the refusal is written
}

// WriteHeader writes the head as IIS does: with its own page when no range can be
// had, and its own spelling of ETag. Only a writer of net/http itself is given
// that: whoever put another one around it looks for the field as net/http does.
func (s *sender) WriteHeader(status int) {
	h := s.Header()
	if status == http.StatusRequestedRangeNotSatisfiable {
		h.Del("X-Content-Type-Options")
		s.refused = true
		fail(s.ResponseWriter, status)
		return
	}
	if _, own := s.ResponseWriter.(io.ReaderFrom); own {
		if tag, ok := h["Etag"]; ok {
			delete(h, "Etag") // first, as the map then need not grow
			h["ETag"] = tag
		}
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write writes to the body, unless that is the page of a refusal.
func (s *sender) Write(p []byte) (int, error) {
	if s.refused {
		return len(p), nil
	}
	return s.ResponseWriter.Write(p)
}

// A holder is a connection that can hold back the head of an answer until the
// first piece of its body, so that one write sends both: net/http writes twice,
// which wakes the client twice.
type holder interface {
	Hold()    // back what is written next
	Release() // what is still held back
}

// holderOf is the connection on which r came, or nil when it cannot hold.
func holderOf(r *http.Request) holder {
	c := tappedOf(r)
	if c == nil {
		return nil
	}
	h, _ := c.Conn.(holder)
	return h
}

// ReadFrom sends what src has.
func (s *sender) ReadFrom(src io.Reader) (int64, error) {
	if s.conn != nil {
		s.conn.Hold()
		defer s.conn.Release()
	}
	body := struct{ io.Writer }{s.ResponseWriter} // without a ReadFrom, and so with these buffers
	if part, ok := src.(*io.LimitedReader); ok {
		if file, ok := part.R.(*io.SectionReader); ok && isGenerated(file) {
			return sendPart(body, file, part.N)
		}
	}
	return buffered(body, src)
}

// isGenerated tells whether file is all of a generated one, whose bytes never
// change.
func isGenerated(file *io.SectionReader) bool {
	source, from, _ := file.Outer()
	switch source.(type) {
	case wusp.Content, wusp.Stream:
		return from == 0
	}
	return false
}

// sendPart sends the next n bytes of a generated file, or all that there are.
func sendPart(w io.Writer, file *io.SectionReader, n int64) (sent int64, err error) {
	at, err := file.Seek(0, io.SeekCurrent)
	for n = min(n, file.Size()-at); sent < n && err == nil; {
		var some int64
		some, err = sendBlock(w, file, at+sent, n-sent)
		sent += some
	}
	file.Seek(at+sent, io.SeekStart)
	return sent, err
}

// sendBlock sends the n bytes of a generated file from at on, or those of them
// that are in the same block as the first.
func sendBlock(w io.Writer, file *io.SectionReader, at, n int64) (int64, error) {
	from := at % blockSize
	n = min(n, blockSize-from)
	if b := kept.bytes(file, at); b != nil {
		sent, err := w.Write(b[from : from+n])
		return int64(sent), err
	}
	return buffered(w, io.NewSectionReader(file, at, n))
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
// many clients fetch at about the same time is generated once. Each has one place
// where it can be, and the next one of its file has the place beside it.
type blocks [32]atomic.Pointer[block]

// kept are 8 MiB at most, for all servers of the process.
var kept blocks

// A block is a part of a file.
type block struct {
	source io.ReaderAt // of the file: what tells it from others
	index  int64       // in the file
	asked  int64       // where in the file the part began that was asked for first
	bytes  []byte      // nil until that part is asked for again
}

var seed = maphash.MakeSeed()

// bytes is the block of a generated file in which at is, or nil when it is not
// kept. It is kept from the second time on that the same part is asked for, unless
// another block was asked for between that has the same place: so a file that is
// fetched once, in however many parts, leaves nothing behind.
func (k *blocks) bytes(file *io.SectionReader, at int64) []byte {
	source, _, _ := file.Outer()
	index := at / blockSize
	place := &k[(maphash.Comparable(seed, source)+uint64(index))%uint64(len(k))]
	b := place.Load()
	switch {
	case b == nil || b.index != index || b.source != source:
		place.Store(&block{source: source, index: index, asked: at})
		return nil
	case b.bytes == nil && b.asked == at:
		b = &block{source, index, at, make([]byte, min(blockSize, file.Size()-index*blockSize))}
		file.ReadAt(b.bytes, index*blockSize)
		place.Store(b)
	}
	return b.bytes
}
