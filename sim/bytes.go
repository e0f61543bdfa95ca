package sim

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// A tail is what becomes of the body of an answer: so many bytes pass, and then
// something happens to the connection.
type tail struct {
	after int64
	then  func(net.Conn)
}

// bytewise answers with bytes of its own in place of net/http's, so that each
// of them can be changed: the head by Heads, the body by Tail. The connection
// ends with the answer.
func (p *Proxy) bytewise(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			h.ServeHTTP(w, r)
			return
		}
		a := &byteAnswer{ResponseWriter: w, request: r, proxy: p, left: -1}
		defer a.finish()
		h.ServeHTTP(a, r)
	})
}

// A byteAnswer is an answer that is written by hand.
type byteAnswer struct {
	http.ResponseWriter
	request *http.Request
	proxy   *Proxy
	conn    net.Conn
	tail    *tail
	left    int64 // of the body, until the tail; -1 for no end
}

func (a *byteAnswer) WriteHeader(status int) {
	conn, _, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		panic(err) // the server speaks HTTP/1 only
	}
	a.conn = conn
	header := a.Header()
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	header.Set("Connection", "close")
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	header.Write(&head)
	head.WriteString("\r\n")
	raw := head.Bytes()
	for _, change := range a.proxy.Heads {
		raw = change(a.request, raw)
	}
	conn.Write(raw)
	if a.proxy.Tail != nil {
		if a.tail = a.proxy.Tail(a.request); a.tail != nil {
			a.left = a.tail.after
		}
	}
}

func (a *byteAnswer) Write(p []byte) (int, error) {
	if a.conn == nil {
		a.WriteHeader(http.StatusOK)
	}
	if a.left < 0 {
		return a.conn.Write(p)
	}
	n, err := a.conn.Write(p[:min(int64(len(p)), a.left)])
	if a.left -= int64(n); err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// finish does what the tail says, and hangs up.
func (a *byteAnswer) finish() {
	if a.conn == nil {
		return
	}
	if a.tail != nil {
		a.tail.then(a.conn)
	}
	a.conn.Close()
}

// reset ends a connection with RST in place of FIN.
func reset(c net.Conn) {
	c.(*trackedConn).SetLinger(0)
	c.Close()
}

// hangUp ends a connection with FIN.
func hangUp(c net.Conn) { c.Close() }

// stall says nothing more until the client hangs up.
func stall(c net.Conn) { io.Copy(io.Discard, c) }

// trickle sends a byte from time to time until the client hangs up.
func trickle(c net.Conn) {
	for {
		if _, err := c.Write([]byte{'.'}); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
