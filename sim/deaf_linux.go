package sim

import (
	"net"
	"sync"
	"syscall"
)

// deaf listens with a queue so short that its one place is taken: the system
// drops every further SYN, as a firewall would.
func deaf(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) })
	}
	d := &unaccepting{Listener: l, closed: make(chan struct{})}
	if err == nil {
		d.queued, err = net.Dial(network, l.Addr().String())
	}
	if err != nil {
		l.Close()
	}
	return d, err
}

// unaccepting leaves connections in its listener's queue.
type unaccepting struct {
	net.Listener
	queued net.Conn // takes the one place
	once   sync.Once
	closed chan struct{}
}

func (l *unaccepting) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l *unaccepting) Close() error {
	l.once.Do(func() { close(l.closed); l.queued.Close() })
	return l.Listener.Close()
}
