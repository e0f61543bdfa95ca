package wire

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// patience is the time-out where nothing should run into it.
	patience = 20 * time.Second
	// brief is the time-out where a silence should. In it a peer on a loaded machine
	// has to come to its turn for all that it does before the silence.
	brief = 3 * time.Second
)

const (
	answered    = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	established = "HTTP/1.1 200 Connection established\r\n\r\n"
)

// get is a request in clear for a server behind a proxy.
func get() *Request {
	return &Request{
		Head:      Lines("GET http://www.test/a.cab HTTP/1.1\nHost: www.test"),
		Authority: "www.test:80",
	}
}

// secureGet is a request inside TLS for such a server.
func secureGet() *Request {
	return &Request{
		Head:      Lines("GET /a.cab HTTP/1.1\nHost: www.test"),
		Authority: "www.test:443",
		TLS:       true,
	}
}

// offered is what the probe offers as Windows 10 and 11.
func offered() *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
	}
}

func connectTo(authority string) Head {
	return Lines("CONNECT " + authority + " HTTP/1.1\nUser-Agent: Windows-Update-Agent\nHost: " + authority)
}

// A peer is the other end: a listener on loopback that plays one script on each
// connection, in their order, and keeps the requests that it hears.
type peer struct {
	t        testing.TB
	listener net.Listener
	addr     string
	ctx      context.Context // of the exchanges with it
	stop     func()          // ends ctx
	shown    chan struct{}   // closed when the client shows as much of a body as its sink waits for
	playing  sync.WaitGroup

	mu    sync.Mutex
	heard []string
	conns []net.Conn
}

// play starts a peer. A connection for which there is no script fails the test.
func play(t testing.TB, scripts ...script) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, listener: l, addr: l.Addr().String(), shown: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(t.Context())
	p.playing.Go(func() { p.accept(scripts) })
	t.Cleanup(p.close)
	return p
}

func (p *peer) accept(scripts []script) {
	for n := 0; ; n++ {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, conn)
		p.mu.Unlock()
		if n >= len(scripts) {
			p.t.Errorf("connection %d came, and %d were expected", n+1, len(scripts))
			conn.Close()
			continue
		}
		p.playing.Go(func() { p.perform(conn, scripts[n]) })
	}
}

func (p *peer) perform(conn net.Conn, s script) {
	l := &line{Conn: conn, br: bufio.NewReader(conn), raw: conn.(*net.TCPConn), peer: p}
	for _, m := range s {
		m(l)
	}
	l.Conn.Close()
}

func (p *peer) close() {
	p.stop()
	p.listener.Close()
	p.mu.Lock()
	for _, conn := range p.conns {
		conn.Close()
	}
	p.mu.Unlock()
	p.playing.Wait()
}

// accepted is how many connections came.
func (p *peer) accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// requests are those that it heard, as they came.
func (p *peer) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.heard)
}

// client is a Conn that has p as its proxy.
func (p *peer) client(t testing.TB) *Conn {
	c := &Conn{Dialer: &Dialer{Proxy: p.addr, Timeout: patience, TLS: offered(), Connect: connectTo}}
	t.Cleanup(c.Close)
	return c
}

// sink tells p when the first of a body has come.
func (p *peer) sink(h Head) io.Writer { return p.sinkOf(1)(h) }

// sinkOf tells p when the first n bytes of a body have come.
func (p *peer) sinkOf(n int) Sink {
	return func(Head) io.Writer { return writer(n, func() { close(p.shown) }) }
}

// writer calls the function once, when it has been given n bytes.
func writer(n int, enough func()) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		if n > 0 && n <= len(b) {
			enough()
		}
		n -= len(b)
		return len(b), nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// unverified is a server with a certificate that nobody vouches for.
func unverified() *tls.Config { return &tls.Config{Certificates: []tls.Certificate{selfSigned()}} }

var selfSigned = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"elsewhere.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// nobody is an address at which nothing listens, nor can while the test runs:
// its port is taken by a connection to elsewhere.
func nobody(t *testing.T) string {
	t.Helper()
	conn, err := net.Dial("tcp", play(t, script{stays}).addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// entered are the phases that x entered, in order.
func entered(x *Exchange) []Phase {
	var all []Phase
	for _, p := range phases {
		if _, ok := x.Took[p.Phase]; ok {
			all = append(all, p.Phase)
		}
	}
	return all
}
