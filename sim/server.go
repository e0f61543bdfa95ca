package sim

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"

	"proxycheck/sim/wsus"
)

// Server is the update server of a Net: a fake WSUS on a plain and on a TLS
// port.
type Server struct {
	wsus.Server
	Handler       http.Handler                                        // the server, or what a fault put around it
	Listen        func(network, address string) (net.Listener, error) // the socket of the plain port
	TLS           *tls.Config
	plain, secure net.Listener
	http          *http.Server
}

// quiet is for what net/http and goproxy would write to stderr.
var quiet = log.New(io.Discard, "", 0)

func newServer() (*Server, error) {
	authority, err := wsus.NewAuthority("proxycheck simulated WSUS CA")
	if err != nil {
		return nil, err
	}
	s := &Server{Server: wsus.Server{Size: wsus.DefaultSize, TLSPort: securePort, Authority: authority, Witness: wsus.NewWitness()},
		Listen: net.Listen, TLS: authority.TLSConfig()}
	s.Handler = &s.Server
	return s, nil
}

func (s *Server) start() (err error) {
	if s.plain, err = s.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if s.secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.http = &http.Server{Handler: s.Witness.Handler(s.Handler), ErrorLog: quiet}
	s.Witness.Attach(s.http)
	s.plain, s.secure = track(s.plain), track(s.secure)
	go s.http.Serve(s.Witness.Listener(s.plain))
	go s.http.Serve(s.Witness.Listener(tls.NewListener(s.secure, s.TLS)))
	return nil
}

func (s *Server) close() {
	if s.http != nil {
		s.http.Close()
	}
	for _, l := range []net.Listener{s.plain, s.secure} {
		if l != nil {
			l.Close()
		}
	}
}
