package sim

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Answer is what becomes of one question; nil says nothing.
type Answer func(*dns.Msg) *dns.Msg

// DNS is a name server that answers every name with loopback.
type DNS struct {
	Answer Answer

	conn   net.PacketConn
	server *dns.Server
	served chan struct{}

	mu    sync.Mutex
	asked []net.Conn // by resolvers, which would wait for their own time-out
}

func newDNS() *DNS { return &DNS{Answer: loopback} }

// loopback answers questions for an IPv4 address with 127.0.0.1, and any other
// with nothing. It knows the names that cannot exist (RFC 6761, 6.4).
func loopback(q *dns.Msg) *dns.Msg {
	if len(q.Question) == 1 && dns.IsSubDomain("invalid.", dns.CanonicalName(q.Question[0].Name)) {
		return nxdomain(q)
	}
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true // nothing is then an answer, and no referral
	for _, question := range q.Question {
		if question.Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
	}
	return m
}

// without answers as another does, but for one name, which it says does not exist.
func without(name string, other Answer) Answer {
	return func(q *dns.Msg) *dns.Msg {
		asks := func(question dns.Question) bool { return strings.EqualFold(question.Name, dns.Fqdn(name)) }
		if slices.ContainsFunc(q.Question, asks) {
			return nxdomain(q)
		}
		return other(q)
	}
}

func (d *DNS) start() (err error) {
	if d.conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		return err
	}
	started := make(chan struct{})
	d.served = make(chan struct{})
	d.server = &dns.Server{
		PacketConn:        d.conn,
		NotifyStartedFunc: func() { close(started) },
		Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			if m := d.Answer(q); m != nil {
				w.WriteMsg(m)
			}
		}),
	}
	go func() {
		defer close(d.served)
		d.server.ActivateAndServe()
	}()
	select {
	case <-started:
	case <-d.served:
	}
	return nil
}

func (d *DNS) close() {
	if d.server != nil {
		d.server.Shutdown()
		<-d.served
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.asked {
		c.Close()
	}
}

// Addr is the address at which d is asked.
func (d *DNS) Addr() string { return d.conn.LocalAddr().String() }

// Resolver is a resolver that asks d alone.
func (d *DNS) Resolver() *net.Resolver {
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "udp", d.conn.LocalAddr().String())
			if err == nil {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.asked = append(d.asked, c)
			}
			return c, err
		},
	}
}
