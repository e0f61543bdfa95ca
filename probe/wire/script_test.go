package wire

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"regexp"
	"strconv"
	"time"
)

// A script is what a peer does on one connection; behind it, it hangs up.
type script []move

type move func(*line)

// A line is a connection in the peer's hands.
type line struct {
	net.Conn
	br  *bufio.Reader
	raw *net.TCPConn // what is below, should Conn be TLS
	*peer
}

var length = regexp.MustCompile(`(?i)\r\ncontent-length: *([0-9]+)\r\n`)

// hears takes one request with its body.
func hears(l *line) {
	var request []byte
	for !bytes.HasSuffix(request, []byte("\r\n\r\n")) {
		b, err := l.br.ReadByte()
		if err != nil {
			l.t.Errorf("the peer heard %q, then: %v", request, err)
			return
		}
		request = append(request, b)
	}
	if m := length.FindSubmatch(request); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		body := make([]byte, n)
		if n, err := io.ReadFull(l.br, body); err != nil {
			l.t.Errorf("the peer heard %q and %d of %d bytes, then: %v", request, n, len(body), err)
		}
		request = append(request, body...)
	}
	l.hear(request)
}

// hearsHello takes one TLS record.
func hearsHello(l *line) {
	record := make([]byte, 5)
	io.ReadFull(l.br, record)
	rest := make([]byte, int(record[3])<<8|int(record[4]))
	if _, err := io.ReadFull(l.br, rest); err != nil {
		l.t.Errorf("the peer heard no whole TLS record: %v", err)
	}
	l.hear(append(record, rest...))
}

func (p *peer) hear(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, string(b))
}

// says writes text, at once. That the client may not want all of it is its affair.
func says(text string) move {
	return func(l *line) { io.WriteString(l, text) }
}

// stays holds the connection until the client closes it.
func stays(l *line) { io.Copy(io.Discard, l.br) }

// untilShown waits until the client has in its hands what its sink waits for.
func untilShown(l *line) {
	select {
	case <-l.shown:
	case <-l.ctx.Done():
	}
}

// cancels ends the client's context.
func cancels(l *line) { l.stop() }

// resets drops the connection with an RST.
func resets(l *line) {
	l.raw.SetLinger(0)
	l.raw.Close()
}

// trickles writes a byte now and then, until the client has enough.
func trickles(l *line) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := l.Write([]byte{'.'}); err != nil {
			return
		}
	}
}

// secures plays the server of a TLS handshake; what follows is inside.
func secures(config *tls.Config) move {
	return func(l *line) {
		conn := tls.Server(buffered{l.Conn, l.br}, config)
		if conn.Handshake() == nil {
			l.Conn, l.br = conn, bufio.NewReader(conn)
		}
	}
}
