package sim

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"

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
	s := &Server{Server: wsus.Server{Size: wsus.DefaultSize, Authority: authority, Witness: wsus.NewWitness()},
		Listen: net.Listen, TLS: authority.TLSConfig()}
	s.Handler = &s.Server
	return s, nil
}

// NewServer is the update server of a Net with the given faults, for whoever serves
// it without the rest: its Handler, on a socket that Listen opens, and under TLS
// as its TLS says. It does not listen, so its other fields may still be set. The
// error names a fault that acts anywhere else.
func NewServer(faults ...*Fault) (*Server, error) {
	n, err := assemble("", faults)
	if err != nil {
		return nil, err
	}
	for _, f := range faults {
		if p := n.elsewhere(f); p != "" {
			return nil, fmt.Errorf("the fault %s acts at the %s, and there is only a server", f.Name, p)
		}
	}
	if n.refused != nil {
		return nil, n.refused
	}
	return n.Server, nil
}

// ServerFaults lists the faults that NewServer takes.
func ServerFaults() []*Fault {
	n, err := assemble("", Faults)
	if err != nil {
		panic(err) // no key could be made
	}
	return slices.DeleteFunc(slices.Clone(Faults), func(f *Fault) bool { return n.elsewhere(f) != "" })
}

// elsewhere is a part other than the server at which a fault of n acts, or "".
func (n *Net) elsewhere(f *Fault) part {
	for _, p := range n.touched[f.Name] {
		if p != atServer {
			return p
		}
	}
	return ""
}

func (s *Server) start() (err error) {
	if s.plain, err = s.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if s.secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	_, s.TLSPort, _ = net.SplitHostPort(s.secure.Addr().String())
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
