package wsus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"proxycheck/probe/wusp"
)

// maxHead is the longest head that is kept, in bytes.
const maxHead = wusp.MaxArrivalHead

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
	witness  *Witness
	number   int64
	from, to string // the addresses of both ends
	noted    noted  // by the handler of the request under way

	mu      sync.Mutex
	in      splitter
	latest  *Record   // of the last head that came
	waiting []*Record // those whose answer has not begun
	now     *Record   // the one under way; nil between two
	handled bool      // its handler is at work
	over    bool      // nothing more comes on the connection
}

// Noted is what a handler understands of a request.
type noted struct {
	TLS       bool   // it came by TLS
	Operation string // of a web service, as GetConfig; "" for none
	Client    string // the SusClientId that it names; "" for none
	DNS       string // the name of the machine that its body names; "" for none
	Last      bool   // the answer to SyncUpdates says that there is no more
	Well      bool   // the call was answered, and not refused
	body      []byte // of the call; only while its handler is at work
}

// connKey is for the connection in the context of a request.
type connKey struct{}

// tappedOf is the connection on which r came, or nil for one that is not tapped.
func tappedOf(r *http.Request) *tappedConn {
	c, _ := r.Context().Value(connKey{}).(*tappedConn)
	return c
}

// notedOf is where the handler of r may note what it understands of it.
func notedOf(r *http.Request) *noted {
	if c := tappedOf(r); c != nil {
		return &c.noted
	}
	return new(noted)
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
		c.latest = c.record(head)
		c.waiting = append(c.waiting, c.latest)
	}
	if c.latest != nil {
		c.latest.came(c.in.came)
	}
	if c.now != nil && err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		c.now.leave()
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

// open begins the request r, for its handler, and returns its record. It has one
// also where the splitter has lost the thread: that nothing came must be true.
func (c *tappedConn) open(r *http.Request) *Record {
	record := c.begin()
	c.mu.Lock()
	defer c.mu.Unlock()
	if record == nil {
		record = c.record(nil)
		c.now = record
		c.witness.keep(record)
	}
	c.noted, c.handled = noted{TLS: record.TLS}, true
	if t, ok := c.Conn.(*tls.Conn); ok { // which net/http does not see under the tap
		state := t.ConnectionState()
		r.TLS = &state
	}
	return record
}

// close ends the work of the handler on the record under way.
func (c *tappedConn) close() {
	c.noted.body = nil
	c.mu.Lock()
	c.handled = false
	over := c.over
	c.mu.Unlock()
	if over {
		c.finish()
	}
}

// end ends the record under way, unless its handler is at work, and tells whether
// there was one.
func (c *tappedConn) end() bool {
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
	return r != nil
}

// finish ends all records of a connection that is over, also of requests that were
// never answered.
func (c *tappedConn) finish() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	for c.begin() != nil && c.end() {
	}
}

func (c *tappedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	r := c.begin()
	if r == nil {
		r = c.cutShort()
	}
	if r != nil {
		r.sent(p[:n])
	}
	return n, err
}

// cutShort begins a request that is answered before its head is complete, as one
// that is too long is; nil when nothing of one has come.
func (c *tappedConn) cutShort() *Record {
	c.mu.Lock()
	if len(c.in.head) > 0 {
		c.waiting = append(c.waiting, c.record(c.in.head))
		c.in.head = nil
	}
	c.mu.Unlock()
	return c.begin()
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
	head  []byte // so far, at most maxHead
	line  []byte // the start of one whose end has not come
	lines int    // of the head
	left  int64  // bytes of the body, or of a chunk
	came  int64  // bytes of the body of the last head
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

// maxLine is the most of a line that is looked at, in bytes.
const maxLine = 8 << 10

// feed takes in what came, and returns the heads that it completes.
func (s *splitter) feed(p []byte) (heads [][]byte) {
	for len(p) > 0 && s.part != lost {
		if s.part == inBody || s.part == inChunk {
			p = p[s.body(p):]
			continue
		}
		i := bytes.IndexByte(p, '\n') + 1
		whole := i > 0
		if !whole {
			i = len(p)
		}
		line := p[:i]
		if s.part == inHead {
			s.head = append(s.head, line[:min(len(line), maxHead-len(s.head))]...)
		}
		if len(s.line) > 0 || !whole {
			s.line = append(s.line, line[:min(len(line), maxLine-len(s.line))]...)
			line = s.line
		}
		p = p[i:]
		if !whole {
			return heads
		}
		if head := s.ended(bytes.TrimRight(line, "\r\n")); head != nil {
			heads = append(heads, head)
		}
		s.line = s.line[:0]
	}
	return heads
}

// body passes over what p has of a body or a chunk, and returns how much that is.
func (s *splitter) body(p []byte) int64 {
	n := min(s.left, int64(len(p)))
	s.left, s.came = s.left-n, s.came+n
	switch {
	case s.left > 0:
	case s.part == inBody:
		s.part = inHead
	default:
		s.part = inChunkSize
	}
	return n
}

// ended takes in a line, and returns the head that it ends.
func (s *splitter) ended(line []byte) (head []byte) {
	switch {
	case s.part == inChunkSize:
		s.chunk(line)
	case len(line) > 0:
		if s.part == inHead {
			s.lines++
			s.field(line)
		}
	case s.part == inTrailer:
		s.part = inHead
	case s.lines == 0: // an empty line in front of a request
		s.head = nil
	default:
		head = s.head
		s.left, s.came = s.size, 0
		switch {
		case s.lumps:
			s.part = inChunkSize
		case s.size > 0:
			s.part = inBody
		}
		s.head, s.lines, s.size, s.lumps = nil, 0, 0, false
	}
	return head
}

// chunk takes in the line in front of a chunk.
func (s *splitter) chunk(line []byte) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 62)
	switch {
	case err != nil || n < 0:
		s.part = lost
	case n == 0:
		s.part = inTrailer
	default:
		s.part, s.left = inChunk, n+int64(len("\r\n"))
	}
}

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
