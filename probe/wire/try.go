package wire

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Try opens a connection to an address of a name, says what became of it and closes
// it. It takes no longer than limit.
func Try(ctx context.Context, addr netip.Addr, port string, limit time.Duration) Attempted {
	start := time.Now()
	address := net.JoinHostPort(addr.Unmap().String(), port)
	conn, err := dial(ctx, address, limit, addr.IsUnspecified())
	switch {
	case err == nil:
		conn.Close()
	case ctx.Err() != nil:
		err = fmt.Errorf("%w: %w", errStopped, err)
	}
	return Attempted{address, failure(err), time.Since(start)}
}

// FailureOf is the manner in which err, of a socket or a resolver, broke something.
func FailureOf(err error) Failure { return failure(err) }
