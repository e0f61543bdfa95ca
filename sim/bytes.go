package sim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A headChange changes the head of the answers to some requests, as bytes.
type headChange struct {
	when   When
	change func(head []byte) []byte
	last   bool // the connection ends with such an answer, whatever it says
}

// A tail is what becomes of the bodies of the answers to some requests: so many
// bytes pass, those that frame chunks among them, and if there are more,
// something happens to the connection.
type tail struct {
	when  When
	after int64
	then  func(net.Conn)
}

// bytewise sees to it that the answers that are to be changed are, on their way
// from net/http to the socket, and no others. The connection is kept as net/http
// would keep it, if the change leaves the client able to tell where an answer ends.
func (p *Proxy) bytewise(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connOf(r).edit = p.edit(r)
		h.ServeHTTP(w, r)
	})
}

// edit is what is changed in the answer to r, or nil. The answer to CONNECT is
// what a tunnel begins with.
func (p *Proxy) edit(r *http.Request) *edit {
	e := &edit{bodiless: r.Method == http.MethodHead}
	for _, h := range p.Heads {
		if h.when(r) {
			e.heads = append(e.heads, h.change)
			e.last = e.last || h.last
		}
	}
	if p.Tail != nil && p.Tail.when(r) {
		e.tail, e.left = p.Tail, p.Tail.after
	}
	if r.Method == http.MethodConnect || len(e.heads) == 0 && e.tail == nil {
		return nil
	}
	return e
}

// An edit changes one answer as it is written.
type edit struct {
	mute     bool // nothing of it is sent
	last     bool // the connection ends with it
	bodiless bool // whatever its head says of a body
	heads    []func([]byte) []byte
	tail     *tail
	left     int64  // of the body, until the tail
	head     []byte // what there is of it so far
	inBody   bool
}

func (e *edit) write(c *trackedConn, p []byte) (int, error) {
	switch {
	case e.mute:
		return len(p), nil
	case e.inBody:
		return e.writeBody(c, p)
	}
	e.head = append(e.head, p...)
	head, rest, whole := bytes.Cut(e.head, []byte("\r\n\r\n"))
	if !whole {
		return len(p), nil
	}
	if err := e.writeHead(c, e.head[:len(head)+4]); err != nil {
		return 0, err
	}
	e.head = nil
	if len(rest) == 0 {
		return len(p), nil
	}
	n, err := e.write(c, rest)
	return len(p) - len(rest) + n, err
}

// writeHead sends a head with its changes. Interim ones pass as they are.
func (e *edit) writeHead(c *trackedConn, head []byte) error {
	if e.inBody = !bytes.HasPrefix(head, []byte("HTTP/1.1 1")); e.inBody {
		framed := e.framing(head)
		for _, change := range e.heads {
			head = change(head)
		}
		e.last = e.last || e.framing(head) != framed
	}
	_, err := c.TCPConn.Write(head)
	return err
}

// framing is what a head says about the end of its answer: the protocol, and the
// lines about the length.
func (e *edit) framing(head []byte) string {
	lines := strings.Split(strings.ToLower(string(head)), "\r\n")
	protocol, _, _ := strings.Cut(lines[0], " ")
	if e.bodiless {
		return protocol
	}
	return protocol + fmt.Sprint(slices.DeleteFunc(lines, func(line string) bool {
		return !strings.HasPrefix(line, "content-length:") && !strings.HasPrefix(line, "transfer-encoding:")
	}))
}

func (e *edit) writeBody(c *trackedConn, p []byte) (int, error) {
	if e.tail == nil || int64(len(p)) <= e.left {
		e.left -= int64(len(p))
		return c.TCPConn.Write(p)
	}
	n, err := c.TCPConn.Write(p[:e.left])
	if err != nil {
		return n, err
	}
	c.edit = nil
	e.tail.then(c)
	c.Close()
	return n, net.ErrClosed
}

// replace sends text in place of the answer that net/http will write.
func (c *trackedConn) replace(text string) {
	c.edit = &edit{mute: true, last: c.edit != nil && c.edit.last}
	io.WriteString(c.TCPConn, text)
}

// answered ends the connection that c is, if that is how its last answer ends.
// Net/http says when that is sent.
func answered(c net.Conn, state http.ConnState) {
	if t := c.(*trackedConn); state == http.StateIdle && t.edit != nil && t.edit.last {
		t.Close()
	}
}

// keepsOpen tells whether a client that reads text as the answer to r can go on
// with the connection: it says where the answer ends, and not that this is all.
func keepsOpen(r *http.Request, text string) bool {
	a, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), r)
	return err == nil && !a.Close
}

// reset ends a connection with RST in place of FIN.
func reset(c net.Conn) {
	c = below(c) // TLS would say goodbye
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// below is the connection below all that was put on c.
func below(c net.Conn) net.Conn {
	for {
		above, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = above.NetConn()
	}
}

// hangUp ends a connection with FIN.
func hangUp(c net.Conn) { c.Close() }

// stall says nothing more until the client hangs up.
func stall(c net.Conn) { io.Copy(io.Discard, c) }

// lingering is how long a client that was turned away may take to hang up.
const lingering = 5 * time.Second

// linger ends a connection with FIN, and takes what the client still sends:
// bytes that nobody reads would be answered by RST.
func linger(c net.Conn) {
	c.(*trackedConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(lingering))
	io.Copy(io.Discard, c)
	c.Close()
}

// trickle sends a byte from time to time until the client hangs up.
func trickle(c net.Conn) {
	for {
		if _, err := c.Write([]byte{'.'}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
