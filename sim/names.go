package sim

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/miekg/dns"
)

// What a name service does that is not well, and the file that clients find by it.

// clientsDomain is that of a client that looks for its proxy by itself.
const clientsDomain = "corp.test"

// only answers for one name by itself, and for others as another does.
func only(name string, for_, other Answer) Answer {
	return func(q *dns.Msg) *dns.Msg {
		if len(q.Question) == 1 && strings.EqualFold(q.Question[0].Name, dns.Fqdn(name)) {
			return for_(q)
		}
		return other(q)
	}
}

// beneath is the same for all names below a domain.
func beneath(domain string, for_, other Answer) Answer {
	return func(q *dns.Msg) *dns.Msg {
		if len(q.Question) == 1 && dns.IsSubDomain(dns.Fqdn(domain), dns.CanonicalName(q.Question[0].Name)) {
			return for_(q)
		}
		return other(q)
	}
}

// at answers with addresses, of which those of the kind that is asked for.
func at(addresses ...string) Answer {
	return func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable = true // no address is then an answer, and no referral
		for _, a := range addresses {
			ip := net.ParseIP(a)
			h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}
			switch four := ip.To4(); {
			case four != nil && q.Question[0].Qtype == dns.TypeA:
				m.Answer = append(m.Answer, &dns.A{Hdr: h, A: four})
			case four == nil && q.Question[0].Qtype == dns.TypeAAAA:
				h.Rrtype = dns.TypeAAAA
				m.Answer = append(m.Answer, &dns.AAAA{Hdr: h, AAAA: ip})
			}
		}
		return m
	}
}

// forOther answers as another does, for a name that was not asked for.
func forOther(other Answer) Answer {
	return func(q *dns.Msg) *dns.Msg {
		elsewhere := q.Copy()
		for i := range elsewhere.Question {
			elsewhere.Question[i].Name = "elsewhere.test."
		}
		return other(elsewhere)
	}
}

// searching gives the client a suffix, without which there are no names.
func searching(suffix string) func(*Net) {
	return func(n *Net) {
		names(beneath(suffix, loopback, nxdomain))(n)
		n.Search = append(n.Search, suffix)
	}
}

// needs refuses a system that does not have an address.
func needs(address string) func(*Net) {
	return func(n *Net) {
		l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			n.refuse(fmt.Errorf("%w: %w", errors.ErrUnsupported, err))
			return
		}
		l.Close()
	}
}

// besideDeaf listens as asked, and at the same port of another address drops every SYN.
func besideDeaf(other string) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		const tries = 16 // the port that the system chooses here may be taken there
		for try := 1; ; try++ {
			l, err := net.Listen(network, address)
			if err != nil {
				return nil, err
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			d, err := deaf(network, net.JoinHostPort(other, port))
			if err == nil {
				return pair{l, d}, nil
			}
			l.Close()
			if !errors.Is(err, syscall.EADDRINUSE) || try == tries {
				return nil, err
			}
		}
	}
}

// A pair is a listener that another is closed with.
type pair struct {
	net.Listener
	other net.Listener
}

func (p pair) Close() error {
	p.other.Close()
	return p.Listener.Close()
}

// wpad lets the client look for its proxy by itself, and answers it at the name WPAD.
func wpad(h http.HandlerFunc) func(*Net) {
	return func(n *Net) {
		n.touch(atClient)
		n.hold("name server's answer") // which has a name more
		n.hold("file that names the proxy")
		n.atClient, n.Domain, n.wpad = n.breaking, clientsDomain, &http.Server{Handler: h, ErrorLog: quiet}
	}
}

// startWPAD starts the server of the file, if there is one.
func (n *Net) startWPAD() error {
	if n.wpad == nil {
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, n.wpadPort, _ = net.SplitHostPort(l.Addr().String())
	go n.wpad.Serve(l)
	return nil
}

// pacType is the type of the file, and pacScript one that any client takes.
const (
	pacType   = "application/x-ns-proxy-autoconfig"
	pacScript = "function FindProxyForURL(url, host) { return \"PROXY " + proxyName + ":8080\"; }\n"
)

// script answers with the file, as a type and of so many bytes at least.
func script(mimeType string, size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mimeType)
		io.WriteString(w, pacScript)
		const line = "// a line more of a file that has grown over the years\n"
		for sent := len(pacScript); sent < size; sent += len(line) {
			if _, err := io.WriteString(w, line); err != nil {
				return // the client has read enough
			}
		}
	}
}

// anyPage answers with a page.
func anyPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	io.WriteString(w, pageOf("Welcome to nginx!"))
}

// withoutWPAD lets the client look for its proxy where there is none to be found.
func withoutWPAD(n *Net) {
	names(beneath(clientsDomain, nxdomain, loopback))(n)
	n.Domain = clientsDomain
}
