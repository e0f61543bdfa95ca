package sim

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim/wsus"
)

// Microsoft stands for every server of the URL lists in a Net. The proxy alone reaches
// it: its names are not those of its ports.
type Microsoft struct {
	Handler   http.Handler // all of the servers, or what a fault put around them
	Authority *wsus.MicrosoftAuthority
	TLS       *tls.Config
	Roots     *x509.CertPool // that the client's machine trusts

	plain, secure net.Listener
	http          *http.Server
}

func newMicrosoft() (*Microsoft, error) {
	authority, err := wsus.NewMicrosoftAuthority()
	if err != nil {
		return nil, err
	}
	m := &Microsoft{Handler: new(wsus.Microsoft), Authority: authority, TLS: authority.TLSConfig(pinned), Roots: x509.NewCertPool()}
	m.Roots.AppendCertsFromPEM(authority.PublicRoot())
	return m, nil
}

func (m *Microsoft) start() (err error) {
	if m.plain, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if m.secure, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	m.http = &http.Server{Handler: m.Handler, ErrorLog: quiet}
	m.plain, m.secure = track(m.plain), track(m.secure)
	go m.http.Serve(m.plain)
	go m.http.Serve(tls.NewListener(m.secure, m.TLS))
	return nil
}

func (m *Microsoft) close() {
	if m.http != nil {
		m.http.Close()
	}
	for _, l := range []net.Listener{m.plain, m.secure} {
		if l != nil {
			l.Close()
		}
	}
}

// at is where the server listens that an authority names, or "" for one that is in no
// list, and for what cannot exist.
func (m *Microsoft) at(authority string) string {
	name, port, err := net.SplitHostPort(authority)
	switch {
	case err != nil:
		return ""
	case authority == m.plain.Addr().String():
		return authority
	case port == "80" && listed(name):
		return m.plain.Addr().String()
	case port == "443" && listed(name):
		return m.secure.Addr().String()
	}
	return ""
}

// listed tells whether a host of that name exists, and is in one of the lists.
func listed(name string) bool {
	return !impossible(name) && slices.ContainsFunc(patterns(), matching(name))
}

// pinned tells whether clients take no certificate for a name but Microsoft's own.
func pinned(name string) bool { return slices.ContainsFunc(pinnedPatterns(), matching(name)) }

// matching matches the patterns of which a host of that name is one.
func matching(name string) func(pattern string) bool {
	return func(pattern string) bool { return endpoint.Matches(pattern, name) }
}

// impossible tells whether a name is one that clients make up to see what the proxy
// says of what does not exist.
func impossible(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "proxycheck-") || strings.HasSuffix(name, ".invalid")
}

// The patterns of all lists, and of those of their rows that forbid inspection.
var (
	patterns       = sync.OnceValue(func() []string { return patternsOf(func(*endpoint.Row) bool { return true }) })
	pinnedPatterns = sync.OnceValue(func() []string {
		return patternsOf(func(r *endpoint.Row) bool { return r.Inspection == endpoint.InspectionNo })
	})
)

// patternsOf are the patterns of the rows that want matches, each once.
func patternsOf(want func(*endpoint.Row) bool) (all []string) {
	for _, r := range endpoint.All() {
		if want(r) {
			all = append(all, r.Pattern)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// MicrosoftTarget is Microsoft's servers as n's own client is told of them: it knows
// the roots that every machine has.
func (n *Net) MicrosoftTarget() probe.Target {
	t := probe.MicrosoftTarget()
	t.Store, t.Address = n.Microsoft.Roots, n.Microsoft.plain.Addr().String()
	return t
}
