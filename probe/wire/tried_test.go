package wire

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// Every address that is tried is noted, with what became of it, and the one that
// answered is the first the next time.
func TestTried(t *testing.T) {
	p := play(t, script{hears, says(answered), stays}, script{hears, says(answered), stays})
	c := p.client(t)
	c.Resolver = names(t, addresses("127.0.0.2", "127.0.0.1")) // the peer listens at the last
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	first := c.Exchange(p.ctx, get())
	c.Close()
	second := c.Exchange(p.ctx, get())
	for _, tt := range []struct {
		x    *Exchange
		want []Attempted
	}{
		{first, []Attempted{{"127.0.0.2:" + portOf(p.addr), Refused, 0}, {p.addr, "", 0}}},
		{second, []Attempted{{p.addr, "", 0}}},
	} {
		var got []Attempted
		for _, a := range tt.x.Tried {
			if a.Took < 0 || a.Took > patience {
				t.Errorf("%s took %s", a.Address, a.Took)
			}
			got = append(got, Attempted{a.Address, a.Failure, 0})
		}
		if !tt.x.Complete() || !slices.Equal(got, tt.want) {
			t.Errorf("stopped at %s (%v), tried %v, want %v", tt.x.Stopped, tt.x.Err, got, tt.want)
		}
	}
}

// What is known is not asked for, and a kept connection tries nothing.
func TestKnow(t *testing.T) {
	p := play(t, script{hears, says(answered), hears, says(answered), stays})
	c := p.client(t)
	c.Resolver = names(t, rcode(dns.RcodeNameError))
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	c.Know(proxyName, []netip.Addr{netip.MustParseAddr("127.0.0.1")})
	for want := 1; want >= 0; want-- {
		if x := c.Exchange(p.ctx, get()); !x.Complete() || len(x.Tried) != want {
			t.Errorf("stopped at %s (%v), tried %v", x.Stopped, x.Err, x.Tried)
		}
	}
}

// A name server may answer with any number of addresses; so many are tried.
func TestTriedAreBounded(t *testing.T) {
	p := play(t)
	c := p.client(t)
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	var addrs []netip.Addr
	for i := range 10 * maxAddresses { // at none of which the peer listens
		addrs = append(addrs, netip.AddrFrom4([4]byte{127, 0, 1 + byte(i/256), byte(i)}))
	}
	c.Know(proxyName, addrs)
	x := c.Exchange(p.ctx, get())
	checkFailure(t, x, Connect, Refused)
	if len(x.Tried) != maxAddresses {
		t.Errorf("%d addresses were tried, want %d", len(x.Tried), maxAddresses)
	}
}

// A name that has no address by itself is asked for with each suffix, for whatever
// reason; where there is none either, it is what was said of the name that counts.
func TestSearchWhenUnanswered(t *testing.T) {
	for code, want := range map[int]Failure{dns.RcodeNameError: NoName, dns.RcodeServerFailure: NoService, dns.RcodeRefused: NoService, dns.RcodeSuccess: NoService} {
		p := play(t, script{hears, says(answered), stays})
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		started, served := make(chan struct{}), make(chan struct{})
		server := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(started) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			switch q.Question[0].Name {
			case "proxy.branch.corp.test.":
				w.WriteMsg(addresses("127.0.0.1")(q))
			case "proxy.branch.nowhere.test.":
				w.WriteMsg(rcode(dns.RcodeNameError)(q))
			default:
				w.WriteMsg(rcode(code)(q))
			}
		})}
		go func() {
			defer close(served)
			server.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			server.Shutdown()
			<-served
		})
		c := p.client(t)
		c.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
		}}
		c.Proxy = net.JoinHostPort("proxy.branch", portOf(p.addr))
		c.Search = []string{"nowhere.test"}
		checkFailure(t, c.Exchange(p.ctx, get()), Resolve, want)
		c.Search = append(c.Search, "corp.test")
		if x := c.Exchange(p.ctx, get()); !x.Complete() {
			t.Errorf("%s by itself: stopped at %s (%v)", dns.RcodeToString[code], x.Stopped, x.Err)
		}
	}
}

// A name that has an address by itself is not asked for with a suffix.
func TestSearch(t *testing.T) {
	p := play(t, script{hears, says(answered), stays})
	c := p.client(t)
	c.Search = []string{"nowhere.test", "test"}
	c.Resolver = names(t, addresses("127.0.0.1")) // asked for another name than proxy.test., it fails the test
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	if x := c.Exchange(p.ctx, get()); !x.Complete() {
		t.Errorf("stopped at %s (%v)", x.Stopped, x.Err)
	}
}

// One address by itself.
func TestTry(t *testing.T) {
	p := play(t, script{stays})
	for address, want := range map[string]Failure{"127.0.0.1": "", "127.0.0.2": Refused, "0.0.0.0": Unreachable, "::": Unreachable} {
		if got := Try(p.ctx, netip.MustParseAddr(address), portOf(p.addr), patience); got.Failure != want || got.Address != net.JoinHostPort(address, portOf(p.addr)) {
			t.Errorf("%s: %+v, want %q", address, got, want)
		}
	}
	p.stop()
	if got := Try(p.ctx, netip.MustParseAddr("127.0.0.1"), portOf(p.addr), patience); got.Failure != Stopped {
		t.Errorf("of a run that has ended: %+v", got)
	}
}
