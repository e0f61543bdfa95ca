package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/elazarl/goproxy"
)

// Dial opens a connection, as [net.Dialer.DialContext] does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Proxy is an honest proxy with a place to break it at each layer. Goproxy does
// the honest part, and the faults that are HTTP; it always writes well-formed
// answers, in whole buffers, so an answer that is not HTTP, and what happens to
// bytes and connections, is up to what stands in front of it.
type Proxy struct {
	*goproxy.ProxyHttpServer

	Listen func(network, address string) (net.Listener, error) // the socket that clients connect to
	Most   int                                                 // connections of one client at once; 0 for no limit
	Queue  bool                                                // more of them wait, where else they are refused
	Front  []func(http.Handler) http.Handler                   // around each request, before goproxy sees it
	Heads  []headChange                                        // what is changed in heads, as bytes
	Tail   *tail                                               // what becomes of bodies; nil for nothing
	Dial   Dial                                                // the way to the server

	rtt      time.Duration // between it and its clients
	address  string
	addr     net.Addr
	listener net.Listener
	server   *http.Server
}

// newProxy is a proxy that reaches what route knows and nothing else: it is
// never an open relay.
func newProxy(address string, route func(authority string) (string, error)) *Proxy {
	if address == "" {
		address = "127.0.0.1:0"
	}
	p := &Proxy{ProxyHttpServer: goproxy.NewProxyHttpServer(), Listen: net.Listen, address: address}
	p.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		to, err := route(addr)
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	// Goproxy's defaults are not neutral: it drops Accept-Encoding, asks for
	// gzip on its own and obeys HTTPS_PROXY.
	p.Logger = quiet
	p.KeepAcceptEncoding = true
	p.ConnectDial = nil
	p.Tr = &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // as an inspecting box of the worse sort
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return p.Dial(ctx, network, addr)
		},
	}
	// Nor is its answer when the server cannot be reached: it says 500.
	p.OnResponse().DoFunc(func(r *http.Response, ctx *goproxy.ProxyCtx) *http.Response {
		if r == nil {
			return goproxy.NewResponse(ctx.Req, goproxy.ContentTypeText, http.StatusBadGateway, "cannot reach the server")
		}
		return r
	})
	p.NonproxyHandler = http.NotFoundHandler()
	p.server = &http.Server{ErrorLog: quiet, ConnState: answered, ConnContext: withConn}
	return p
}

func (p *Proxy) start() error {
	l, err := p.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.addr = l.Addr()
	if p.rtt > 0 {
		if l, err = lengthen(l, p.rtt); err != nil {
			return err
		}
	}
	t := track(l)
	t.most, t.queue = p.Most, p.Queue
	p.listener, p.server.Handler = t, p.handler()
	go p.server.Serve(t)
	return nil
}

// handler is goproxy behind everything that stands in front of it.
func (p *Proxy) handler() http.Handler {
	var h http.Handler = p.ProxyHttpServer
	for _, front := range p.Front {
		h = front(h)
	}
	return p.bytewise(h)
}

func (p *Proxy) close() {
	p.server.Close()
	if p.listener != nil {
		p.listener.Close()
	}
	p.Tr.CloseIdleConnections()
}

// connKey is for the connection in the context of a request.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf is the connection on which r came, or nil for one out of a tunnel that
// was opened by force.
func connOf(r *http.Request) *trackedConn {
	c, _ := r.Context().Value(connKey{}).(*trackedConn)
	return c
}

// A tracked listener closes with itself what it accepted, also what a handler
// has taken over from net/http.
type tracked struct {
	net.Listener
	most  int  // connections of one client at once; 0 for no limit
	queue bool // more of them, of whatever client, are not accepted; else they are closed

	mu     sync.Mutex
	gone   *sync.Cond            // a connection is closed, or all is
	conns  map[*net.TCPConn]bool // whether each was let in
	closed bool
}

func track(l net.Listener) *tracked {
	t := &tracked{Listener: l, conns: map[*net.TCPConn]bool{}}
	t.gone = sync.NewCond(&t.mu)
	return t
}

func (t *tracked) Accept() (net.Conn, error) {
	for {
		t.awaitRoom()
		accepted, err := t.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &trackedConn{TCPConn: accepted.(*net.TCPConn), by: t}
		switch in, err := t.add(c.TCPConn); {
		case err != nil:
			c.TCPConn.Close()
			return nil, err
		case in:
			return c, nil
		}
		go linger(c)
	}
}

// awaitRoom waits, where connections queue, until one more may be let in.
func (t *tracked) awaitRoom() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.queue && t.most > 0 && len(t.conns) >= t.most && !t.closed {
		t.gone.Wait()
	}
}

// add takes note of a connection, and tells whether it is let in.
func (t *tracked) add(c *net.TCPConn) (in bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false, net.ErrClosed
	}
	in = t.most == 0 || t.queue || t.of(machine(c)) < t.most
	t.conns[c] = in
	return in, nil
}

// of is how many connections of a machine were let in.
func (t *tracked) of(client string) (n int) {
	for c, in := range t.conns {
		if in && machine(c) == client {
			n++
		}
	}
	return n
}

// machine is the address from which c came, without its port.
func machine(c net.Conn) string {
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	return host
}

func (t *tracked) Close() error {
	err := t.Listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.gone.Broadcast()
	for c := range t.conns {
		c.Close()
	}
	return err
}

// A trackedConn is still a TCP connection: it can be half closed and reset. Its
// edit is that of the answer under way.
type trackedConn struct {
	*net.TCPConn
	by    *tracked
	edit  *edit       // nil to send what is written
	notes map[any]any // what faults keep about it, from one request to the next
}

// note is what a fault keeps about c under key.
func (c *trackedConn) note(key any, first func() any) any {
	if c.notes == nil {
		c.notes = map[any]any{}
	}
	if c.notes[key] == nil {
		c.notes[key] = first()
	}
	return c.notes[key]
}

func (c *trackedConn) Write(p []byte) (int, error) {
	if c.edit != nil {
		return c.edit.write(c, p)
	}
	return c.TCPConn.Write(p)
}

// ReadFrom lets sendfile stay possible where nothing is changed.
func (c *trackedConn) ReadFrom(r io.Reader) (int64, error) {
	if c.edit != nil {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	return c.TCPConn.ReadFrom(r)
}

func (c *trackedConn) Close() error {
	c.by.mu.Lock()
	delete(c.by.conns, c.TCPConn)
	c.by.gone.Broadcast()
	c.by.mu.Unlock()
	return c.TCPConn.Close()
}

// A line makes the way to a listener longer: what is written arrives half a
// round trip later at the other end, and a connection takes a whole one to be
// set up. It delays and does not throttle: much can be on the way at once.
type line struct {
	net.Listener // at the far end
	near         net.Listener
	rtt          time.Duration

	ended context.Context
	end   context.CancelFunc
	conns sync.WaitGroup
}

// lengthen is near at the far end of a line. It closes near with itself.
func lengthen(near net.Listener, rtt time.Duration) (*line, error) {
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		near.Close()
		return nil, err
	}
	l := &line{Listener: far, near: near, rtt: rtt}
	l.ended, l.end = context.WithCancel(context.Background())
	l.conns.Go(l.serve)
	return l, nil
}

func (l *line) serve() {
	for {
		c, err := l.near.Accept()
		if err != nil {
			return
		}
		l.conns.Go(func() { l.carry(c.(*net.TCPConn)) })
	}
}

// carry sets up the rest of the connection and passes bytes both ways.
func (l *line) carry(client *net.TCPConn) {
	defer client.Close()
	if !l.until(time.Now().Add(l.rtt)) {
		return
	}
	c, err := new(net.Dialer).DialContext(l.ended, "tcp", l.Listener.Addr().String())
	if err != nil {
		return
	}
	defer c.Close()
	server := c.(*net.TCPConn)
	stop := context.AfterFunc(l.ended, func() { client.Close(); server.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { l.pass(server, client) })
	both.Go(func() { l.pass(client, server) })
	both.Wait()
}

// A parcel is what one read gave, on its way.
type parcel struct {
	bytes []byte
	err   error // the last parcel has one
	due   time.Time
}

// onTheWay is the most parcels on their way in one direction of a connection.
const onTheWay = 1 << 10

// pass delivers at dst what comes from src half a round trip later, the end of
// it too: FIN as FIN, and RST as RST.
func (l *line) pass(dst, src *net.TCPConn) {
	way := make(chan parcel, onTheWay)
	go l.take(src, way)
	var err error
	for p := range way {
		if err == nil && l.until(p.due) {
			err = deliver(dst, p)
		}
		if err != nil {
			src.Close() // and the rest of the parcels is nobody's
		}
	}
}

// take puts what comes from src on the way, up to the end.
func (l *line) take(src net.Conn, way chan<- parcel) {
	defer close(way)
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		way <- parcel{bytes.Clone(buf[:n]), err, time.Now().Add(l.rtt / 2)}
		if err != nil {
			return
		}
	}
}

// deliver does at dst what p tells.
func deliver(dst *net.TCPConn, p parcel) error {
	if _, err := dst.Write(p.bytes); err != nil {
		return err
	}
	switch {
	case p.err == io.EOF:
		return dst.CloseWrite()
	case p.err != nil:
		dst.SetLinger(0)
		return dst.Close()
	}
	return nil
}

// until waits, and tells whether the line still stands.
func (l *line) until(t time.Time) bool {
	select {
	case <-time.After(time.Until(t)):
		return true
	case <-l.ended.Done():
		return false
	}
}

// Close ends the line and every connection over it, and waits for them.
func (l *line) Close() error {
	l.end()
	err := errors.Join(l.near.Close(), l.Listener.Close())
	l.conns.Wait()
	return err
}
