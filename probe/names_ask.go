package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe/wire"
)

// One question to one name server. Of what comes back, nothing is believed that does
// not bear the number and the question of what was asked (RFC 5452, 9.1).

// Limits of what is read for one question.
const (
	maxStray   = 64   // messages that are no answer to it
	maxAliases = 16   // that lead from one name to another
	maxUDP     = 4096 // bytes of a message
)

// patience is how long an answer over UDP is waited for before the question is sent
// once more; Windows waits as long.
const patience = time.Second

// ask asks one server after the other, each for its share of the time, until one tells.
func (a *asker) ask(ctx context.Context, name string, kind uint16) []Lookup {
	limited, cancel := context.WithTimeout(ctx, a.question)
	defer cancel()
	if len(a.servers) == 0 {
		return []Lookup{a.askSystem(limited, name, kind)}
	}
	var asked []Lookup
	for i, server := range a.servers {
		deadline, _ := limited.Deadline()
		share, done := context.WithTimeout(limited, time.Until(deadline)/time.Duration(len(a.servers)-i))
		l := askServer(share, server, name, kind)
		done()
		if ctx.Err() != nil {
			l.Failure = wire.Stopped
		}
		if asked = append(asked, l); l.told() || ctx.Err() != nil {
			break
		}
	}
	return asked
}

// askSystem asks whatever this system asks, which does not say what it was told.
func (a *asker) askSystem(ctx context.Context, name string, kind uint16) Lookup {
	network := map[uint16]string{dns.TypeA: "ip4", dns.TypeAAAA: "ip6"}[kind]
	start := time.Now()
	addrs, err := a.system.LookupNetIP(ctx, network, name)
	l := Lookup{Name: name, Type: dns.TypeToString[kind], Took: time.Since(start)}
	for _, addr := range addrs[:min(len(addrs), maxAddresses)] {
		l.Addresses = append(l.Addresses, addr.Unmap())
	}
	switch l.Failure = wire.FailureOf(err); l.Failure {
	case "":
		l.Rcode = dns.RcodeToString[dns.RcodeSuccess]
	case wire.NoName:
		l.Rcode, l.Failure = dns.RcodeToString[dns.RcodeNameError], ""
	}
	return l
}

// askServer asks one server: by UDP, and by TCP for what is too long for that. Where TCP
// fails, what came by UDP counts if it has an address; else nobody knows what was cut off.
func askServer(ctx context.Context, server, name string, kind uint16) Lookup {
	start := time.Now()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	l := Lookup{Name: name, Type: dns.TypeToString[kind], Server: server}
	reply, err := l.exchange(ctx, "udp", q)
	if err == nil && reply.Truncated {
		l.TCP = true
		whole, tcpErr := l.exchange(ctx, "tcp", q)
		switch {
		case tcpErr == nil:
			reply = whole
		case !leads(reply, dns.Fqdn(name), kind):
			err = tcpErr
		}
	}
	l.Took = time.Since(start)
	if err != nil {
		if l.Failure = wire.FailureOf(err); l.Failure == wire.Local {
			l.Failure = wire.NoService // what came was no answer
		}
		return l
	}
	l.Rcode = rcode(reply.Rcode)
	l.read(reply, dns.Fqdn(name), kind)
	return l
}

// rcode is the name of a code, or its number where it has none.
func rcode(code int) string {
	return cmp.Or(dns.RcodeToString[code], fmt.Sprintf("RCODE%d", code))
}

// exchange sends q, twice where UDP brings no answer, and returns the answer to it.
func (l *Lookup) exchange(ctx context.Context, network string, q *dns.Msg) (*dns.Msg, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, l.Server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	end, _ := ctx.Deadline()
	waits := []time.Time{end}
	if again := time.Now().Add(min(patience, time.Until(end)/2)); network == "udp" {
		waits = []time.Time{again, end}
	}
	c := &dns.Conn{Conn: conn, UDPSize: maxUDP}
	for _, until := range waits {
		conn.SetDeadline(until)
		if ctx.Err() != nil {
			return nil, ctx.Err() // which may have been before the deadline was set
		}
		if err = c.WriteMsg(q); err != nil {
			return nil, err
		}
		reply, err := l.await(c, q)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return reply, err
		}
	}
	return nil, os.ErrDeadlineExceeded
}

// errStray says that what came was no answer to the question, and no end of it.
var errStray = errors.New("messages that were not asked for")

// await reads until the answer to q. An answer for another name is not taken, and
// noted.
func (l *Lookup) await(c *dns.Conn, q *dns.Msg) (*dns.Msg, error) {
	for range maxStray {
		m, err := c.ReadMsg()
		switch {
		case m == nil && !errors.Is(err, dns.ErrShortRead):
			return nil, err
		case m == nil, m.Id != q.Id, !m.Response:
		case err != nil:
			return nil, err
		case answers(m, q):
			return m, nil
		default:
			l.Foreign = m.Question[0].Name
		}
	}
	return nil, errStray
}

// answers tells whether m has the question of q. One that is an error may leave it out.
func answers(m, q *dns.Msg) bool {
	if len(m.Question) == 0 {
		return true // and bears nothing that could be taken for another's, or is read by name
	}
	a, b := m.Question[0], q.Question[0]
	return strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}

// read takes the addresses of name from an answer, by way of its aliases alone: what
// else the answer has is about names that were not asked for.
func (l *Lookup) read(m *dns.Msg, name string, kind uint16) {
	ttl := ^uint32(0)
	for range maxAliases {
		alias := ""
		for _, rr := range m.Answer {
			h := rr.Header()
			if !strings.EqualFold(h.Name, name) || h.Class != dns.ClassINET {
				continue
			}
			if c, ok := rr.(*dns.CNAME); ok && alias == "" {
				alias, ttl = c.Target, min(ttl, h.Ttl)
			}
			if addr, ok := addressIn(rr); ok && h.Rrtype == kind && len(l.Addresses) < maxAddresses {
				l.Addresses, ttl = append(l.Addresses, addr), min(ttl, h.Ttl)
			}
		}
		if alias == "" || len(l.Addresses) > 0 {
			break
		}
		l.Aliases, name = append(l.Aliases, alias), alias
	}
	if len(l.Addresses) > 0 {
		l.TTL = time.Duration(ttl) * time.Second
		return
	}
	if i := slices.IndexFunc(m.Answer, func(rr dns.RR) bool { return rr.Header().Rrtype == kind }); i >= 0 {
		l.Foreign = m.Answer[i].Header().Name
	}
}

// leads tells whether m has an address of name.
func leads(m *dns.Msg, name string, kind uint16) bool {
	var l Lookup
	l.read(m, name, kind)
	return len(l.Addresses) > 0
}

// addressIn is the address in a record.
func addressIn(rr dns.RR) (netip.Addr, bool) {
	var ip net.IP
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

// ParseResolver reads the address of a name server, with its port or without. An
// address of IPv6 needs no brackets where it has no port.
func ParseResolver(s string) (hostport string, err error) {
	bare := s
	if rest, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(rest, "]") {
		bare = strings.TrimSuffix(rest, "]")
	}
	if ip, err := netip.ParseAddr(bare); err == nil {
		return net.JoinHostPort(ip.String(), "53"), nil
	}
	if addr, err := netip.ParseAddrPort(s); err == nil && addr.Port() > 0 {
		return addr.String(), nil
	}
	return "", fmt.Errorf("%.80q is no address: want one such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53", s)
}

// ResolverAt resolves names by one name server, host:port, and the search list of this
// system.
func ResolverAt(server string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}
