//go:build !linux

package sim

import (
	"errors"
	"fmt"
	"net"
)

// deaf needs Linux: other systems refuse what they have no room for.
func deaf(string, string) (net.Listener, error) {
	return nil, fmt.Errorf("dropping SYN: %w", errors.ErrUnsupported)
}
