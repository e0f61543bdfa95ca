package sim

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
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
	Front  []func(http.Handler) http.Handler                   // around each request, before goproxy sees it
	Heads  []headChange                                        // what is changed in heads, as bytes
	Tail   *tail                                               // what becomes of bodies; nil for nothing
	Dial   Dial                                                // the way to the server

	rtt        time.Duration // between it and its clients
	intercepts bool          // it answers what is written for a server too
	address    string
	addr       net.Addr
	listener   net.Listener
	server     *http.Server
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
	t.most = p.Most
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
	if p.intercepts {
		h = toOrigin(h)
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
