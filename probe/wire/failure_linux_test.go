package wire

import (
	"net"
	"syscall"
	"testing"
)

// Linux drops the SYN to a listener whose queue is full, as a firewall would.
func TestConnectSilent(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	queued, err := net.Dial("tcp", l.Addr().String()) // takes the one place
	if err != nil {
		t.Fatal(err)
	}
	defer queued.Close()
	p := play(t)
	c := p.client(t)
	c.Proxy, c.Timeout = l.Addr().String(), brief
	checkFailure(t, c.Exchange(p.ctx, get()), Connect, Silent)
}

// Linux has no route for TCP to the broadcast address of loopback.
func TestConnectUnreachable(t *testing.T) {
	p := play(t)
	c := p.client(t)
	c.Proxy = "127.255.255.255:8080"
	checkFailure(t, c.Exchange(p.ctx, get()), Connect, Unreachable)
}
