package sim

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"

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
	Front  []func(http.Handler) http.Handler                   // around each request, before goproxy sees it
	Heads  []func(*http.Request, []byte) []byte                // change the head of each answer, as bytes
	Tail   func(*http.Request) *tail                           // what becomes of a body; nil for nothing
	Dial   Dial                                                // the way to the server

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
	p.server = &http.Server{ErrorLog: quiet}
	return p
}

func (p *Proxy) start() error {
	l, err := p.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.listener, p.addr = track(l), l.Addr()
	p.server.Handler = p.handler()
	go p.server.Serve(p.listener)
	return nil
}

// handler is goproxy behind everything that stands in front of it.
func (p *Proxy) handler() http.Handler {
	var h http.Handler = p.ProxyHttpServer
	if len(p.Heads) > 0 || p.Tail != nil {
		h = p.bytewise(h)
	}
	for _, front := range p.Front {
		h = front(h)
	}
	return h
}

func (p *Proxy) close() {
	p.server.Close()
	if p.listener != nil {
		p.listener.Close()
	}
	p.Tr.CloseIdleConnections()
}

// A tracked listener closes with itself what it accepted, also what a handler
// has taken over from net/http.
type tracked struct {
	net.Listener
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

func track(l net.Listener) *tracked { return &tracked{Listener: l, conns: map[net.Conn]bool{}} }

func (t *tracked) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		c.Close()
		return nil, net.ErrClosed
	}
	t.conns[c] = true
	return &trackedConn{c.(*net.TCPConn), t}, nil
}

func (t *tracked) Close() error {
	err := t.Listener.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for c := range t.conns {
		c.Close()
	}
	return err
}

// A trackedConn is still a TCP connection: it can be half closed and reset.
type trackedConn struct {
	*net.TCPConn
	by *tracked
}

func (c *trackedConn) Close() error {
	c.by.mu.Lock()
	delete(c.by.conns, c.TCPConn)
	c.by.mu.Unlock()
	return c.TCPConn.Close()
}

var _ io.ReaderFrom = (*trackedConn)(nil) // sendfile stays possible
