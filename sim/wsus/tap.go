package wsus

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxHead is the longest head that is kept, in bytes.
const maxHead = 64 << 10

// A tap is a listener whose connections note what passes.
type tap struct {
	net.Listener
	witness *Witness
}

func (t tap) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tappedConn{Conn: c, witness: t.witness, number: t.witness.conns.Add(1),
		from: c.RemoteAddr().String(), to: c.LocalAddr().String()}, nil
}

// A tappedConn makes a record of each request that comes on it. The record under
// way is that of the answer which is being written.
type tappedConn struct {
	net.Conn
	witness *Witness
	number  int64
	from    string // the addresses of both ends
	to      string
	scratch Record // what the handler of the request under way notes

	mu      sync.Mutex
	in      splitter
	waiting []*Record // those whose answer has not begun
	now     *Record   // the one under way; nil between two
	handled bool      // its handler is at work
	over    bool      // nothing more comes on the connection
}

// connKey is for the connection in the context of a request.
type connKey struct{}

// tappedOf is the connection on which r came, or nil for one that is not tapped.
func tappedOf(r *http.Request) *tappedConn {
	c, _ := r.Context().Value(connKey{}).(*tappedConn)
	return c
}

// recordOf is where the handler of r may note what it understands of it.
func recordOf(r *http.Request) *Record {
	if c := tappedOf(r); c != nil {
		return &c.scratch
	}
	return new(Record)
}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// settled ends the record of an answer when all of it has been written: only
// then does the server wait for the next request.
func settled(c net.Conn, state http.ConnState) {
	if t, ok := c.(*tappedConn); ok && state == http.StateIdle {
		t.end()
	}
}

func (c *tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, head := range c.in.feed(p[:n]) {
		c.waiting = append(c.waiting, c.record(head))
	}
	return n, err
}

// record is that of a request with a head.
func (c *tappedConn) record(head []byte) *Record {
	r := &Record{witness: c.witness}
	r.At, r.Conn, r.Head = time.Now(), c.number, head
	r.From, r.To = c.from, c.to
	_, r.TLS = c.Conn.(*tls.Conn)
	return r
}

// begin makes the oldest request that waits the one under way. What nobody
// handles, as what is no HTTP, begins with its answer.
func (c *tappedConn) begin() *Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil && len(c.waiting) > 0 {
		c.now, c.waiting = c.waiting[0], c.waiting[1:]
		c.witness.keep(c.now)
	}
	return c.now
}

// open begins the request r, for its handler, and returns its record.
func (c *tappedConn) open(r *http.Request) *Record {
	record := c.begin()
	if record == nil { // its head was not understood
		record = c.record(nil)
	}
	c.scratch = Record{}
	c.scratch.TLS = record.TLS
	if t, ok := c.Conn.(*tls.Conn); ok { // which net/http does not see under the tap
		state := t.ConnectionState()
		r.TLS = &state
	}
	c.handle(true)
	return record
}

// end ends the record under way, unless its handler is at work.
func (c *tappedConn) end() {
	c.mu.Lock()
	r := c.now
	if c.handled {
		r = nil
	} else {
		c.now = nil
	}
	c.mu.Unlock()
	if r != nil {
		r.end()
	}
}

// handle tells that the handler of the record under way begins or is done.
func (c *tappedConn) handle(begins bool) {
	c.mu.Lock()
	c.handled = begins
	over := c.over
	c.mu.Unlock()
	if over && !begins {
		c.finish()
	}
}

// finish ends all records of a connection that is over, also of requests that were
// never answered.
func (c *tappedConn) finish() {
	c.mu.Lock()
	c.over = true
	handled := c.handled
	c.mu.Unlock()
	for !handled && c.begin() != nil {
		c.end()
	}
}

func (c *tappedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if r := c.begin(); r != nil {
		r.sent(p[:n])
	}
	return n, err
}

// pass is how much is sent between two counts, in bytes.
const pass = 1 << 20

// ReadFrom lets sendfile stay possible, and counts what it sends as it goes.
func (c *tappedConn) ReadFrom(r io.Reader) (total int64, err error) {
	to, direct := c.Conn.(io.ReaderFrom)
	limited, _ := r.(*io.LimitedReader)
	if !direct || limited == nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	if _, isFile := limited.R.(*os.File); !isFile {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for limited.N > 0 {
		part := &io.LimitedReader{R: limited.R, N: min(limited.N, pass)}
		wanted := part.N
		n, err := to.ReadFrom(part)
		limited.N -= n
		total += n
		if r := c.begin(); r != nil {
			r.passed(n)
		}
		if err != nil || n < wanted {
			return total, err
		}
	}
	return total, nil
}

// NetConn is the connection below the tap.
func (c *tappedConn) NetConn() net.Conn { return c.Conn }

func (c *tappedConn) CloseWrite() error {
	defer c.end()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *tappedConn) Close() error {
	err := c.Conn.Close()
	c.finish()
	return err
}

// A splitter finds the heads in what a client sends on one connection. What it
// cannot follow it gives up: it judges nothing.
type splitter struct {
	part  part
	head  []byte // so far
	line  int    // where its last line begins
	left  int64  // bytes of the body, or of a chunk
	size  int64  // that the head states of its body
	lumps bool   // the body is chunked
}

// A part is where in a request a splitter is.
type part int

const (
	inHead part = iota
	inBody
	inChunk
	inChunkSize
	inTrailer
	lost
)

// feed takes in what came, and returns the heads that it completes.
func (s *splitter) feed(p []byte) (heads [][]byte) {
	for len(p) > 0 && s.part != lost {
		if s.part == inBody || s.part == inChunk {
			n := min(s.left, int64(len(p)))
			s.left, p = s.left-n, p[n:]
			if s.left == 0 {
				s.part++ // behind a body is the next head, and behind a chunk a size
				if s.part == inChunk {
					s.part = inHead
				}
			}
			continue
		}
		i := bytes.IndexByte(p, '\n') + 1
		if i == 0 {
			i = len(p)
		}
		s.head, p = append(s.head, p[:i]...), p[i:]
		if len(s.head) > maxHead {
			s.part, s.head = lost, nil
			return heads
		}
		if s.head[len(s.head)-1] != '\n' {
			return heads
		}
		line := bytes.TrimRight(s.head[s.line:], "\r\n")
		s.line = len(s.head)
		if head := s.ended(line); head != nil {
			heads = append(heads, head)
		}
	}
	return heads
}

// ended takes in a line, and returns the head that it ends.
func (s *splitter) ended(line []byte) (head []byte) {
	switch {
	case s.part == inChunkSize:
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 62)
		switch {
		case err != nil || n < 0:
			s.part = lost
		case n == 0:
			s.begin(inTrailer)
		default:
			s.begin(inChunk)
			s.left = n + int64(len("\r\n"))
		}
	case len(line) > 0:
		if s.part == inHead {
			s.field(line)
		}
	case s.part == inTrailer:
		s.begin(inHead)
	case s.line <= len("\r\n"): // an empty line in front of a request
		s.begin(inHead)
	default:
		head = s.head
		size, lumps := s.size, s.lumps
		s.begin(inHead)
		s.size, s.lumps = 0, false
		switch {
		case lumps:
			s.part = inChunkSize
		case size > 0:
			s.part, s.left = inBody, size
		}
	}
	return head
}

// begin goes on to a part that begins with a line.
func (s *splitter) begin(p part) { s.part, s.head, s.line = p, nil, 0 }

// field takes in what a field says of the body.
func (s *splitter) field(line []byte) {
	if line[0]|0x20 != 'c' && line[0]|0x20 != 't' {
		return
	}
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch strings.ToLower(string(name)) {
	case "content-length":
		n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 62)
		if err == nil && n > 0 {
			s.size = n
		}
	case "transfer-encoding":
		s.lumps = bytes.Contains(bytes.ToLower(value), []byte("chunked"))
	}
}
