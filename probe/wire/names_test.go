package wire

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// The name of a server behind a proxy is the proxy's to resolve.
func TestOnlyProxyIsResolved(t *testing.T) {
	for _, r := range []*Request{get(), secureGet()} {
		p := play(t, script{hears, says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), stays})
		c := p.client(t)
		c.Resolver = names(t, addresses("127.0.0.1")) // asked for another name, it fails the test
		c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
		x := c.Exchange(p.ctx, r)
		if len(p.requests()) != 1 || x.Remote != p.addr {
			t.Errorf("for %s, %q came to %s: stopped at %s (%v)", r.Authority, p.requests(), x.Remote, x.Stopped, x.Err)
		}
	}
}

// The addresses of a name are tried in their order, until one answers.
func TestNextAddress(t *testing.T) {
	p := play(t, script{hears, says(answered), stays})
	c := p.client(t)
	c.Resolver = names(t, addresses("127.0.0.2", "127.0.0.1")) // the peer listens at the second
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	if x := c.Exchange(p.ctx, get()); !x.Complete() || x.Remote != p.addr {
		t.Errorf("stopped at %s (%v), at %q, want %s", x.Stopped, x.Err, x.Remote, p.addr)
	}
}

// A name is asked for once, however many connections there are. A failure is
// not remembered: the next connection asks again.
func TestNameIsRemembered(t *testing.T) {
	p := play(t, script{hears, says(answered), stays}, script{hears, says(answered), stays})
	c := p.client(t)
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	c.Resolver = names(t, rcode(dns.RcodeNameError))
	checkFailure(t, c.Exchange(p.ctx, get()), Resolve, NoName)
	c.Resolver = names(t, addresses("127.0.0.1"))
	for range 2 {
		if x := c.Exchange(p.ctx, get()); !x.Complete() || x.Reused {
			t.Errorf("stopped at %s (%v), reused: %v", x.Stopped, x.Err, x.Reused)
		}
		c.Close()
		c.Resolver = names(t, rcode(dns.RcodeNameError)) // which nobody should ask any more
	}
}

// Where there is no address there is no name, whatever the reason.
func TestResolveFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answer  func(*dns.Msg) *dns.Msg
		failure Failure
	}{
		{"no such name", rcode(dns.RcodeNameError), NoName},
		{"a name without addresses", addresses(), NoService},
		{"a server that fails", rcode(dns.RcodeServerFailure), NoService},
		{"a server that refuses", rcode(dns.RcodeRefused), NoService},
		{"no answer", func(*dns.Msg) *dns.Msg { return nil }, Silent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := play(t)
			c := p.client(t)
			c.Proxy, c.Resolver = net.JoinHostPort(proxyName, "8080"), names(t, tt.answer)
			if tt.failure == Silent {
				c.Timeout = brief
			}
			checkFailure(t, c.Exchange(p.ctx, get()), Resolve, tt.failure)
		})
	}
}

func TestStoppedWhileResolving(t *testing.T) {
	p := play(t)
	c := p.client(t)
	c.Proxy = net.JoinHostPort(proxyName, "8080")
	c.Resolver = names(t, func(*dns.Msg) *dns.Msg {
		p.stop()
		return nil
	})
	checkFailure(t, c.Exchange(p.ctx, get()), Resolve, Stopped)
}

// proxyName ends in a dot lest the search list of this machine be asked too.
const proxyName = "proxy.test."

// names is a resolver that asks a server on loopback, which answers with answer
// (nil for nothing) and fails the test when asked for anything but proxyName.
func names(t *testing.T, answer func(*dns.Msg) *dns.Msg) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { serveNames(t, conn, answer) })
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		asking, err := new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
		if err == nil {
			// Package net asks on for seconds, whatever becomes of the context of the lookup.
			context.AfterFunc(t.Context(), func() { asking.Close() })
		}
		return asking, err
	}}
}

func serveNames(t *testing.T, conn net.PacketConn, answer func(*dns.Msg) *dns.Msg) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if err := q.Unpack(buf[:n]); err != nil {
			t.Errorf("no question of DNS came: %v", err)
			continue
		}
		if name := q.Question[0].Name; name != proxyName {
			t.Errorf("the name %s was asked for", name)
		}
		if m := answer(q); m != nil {
			b, _ := m.Pack()
			conn.WriteTo(b, from)
		}
	}
}

// addresses answers every question for IPv4 with these, and others with nothing.
func addresses(ips ...string) func(*dns.Msg) *dns.Msg {
	return func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype != dns.TypeA {
			return m
		}
		for _, ip := range ips {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
				A:   net.ParseIP(ip),
			})
		}
		return m
	}
}

// rcode answers every question with an error.
func rcode(code int) func(*dns.Msg) *dns.Msg {
	return func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) }
}

// portOf is the port of addr.
func portOf(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
