package wire

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The way to the other end may have less time than an answer has.
func TestReach(t *testing.T) {
	p := play(t, script{hears, says(answered), stays})
	c := p.client(t)
	c.Timeout, c.Reach = time.Hour, 10*time.Millisecond
	c.Proxy = net.JoinHostPort(proxyName, portOf(p.addr))
	c.Resolver = names(t, func(*dns.Msg) *dns.Msg { return nil })
	checkFailure(t, c.Exchange(p.ctx, get()), Resolve, Silent)
	for p, want := range map[Phase]time.Duration{Resolve: c.Reach, Connect: c.Reach, Secure: c.Timeout, FirstByte: c.Timeout, BodyRead: c.Timeout} {
		if got := c.limit(p); got != want {
			t.Errorf("%s may take %s, want %s", p, got, want)
		}
	}
	c.Timeout, c.Reach = time.Second, time.Minute // no more than any other
	if got := c.limit(Connect); got != c.Timeout {
		t.Errorf("%s may take %s, want %s", Connect, got, c.Timeout)
	}
}
