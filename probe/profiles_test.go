package probe_test

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"proxycheck/probe"
)

// The first TLS message fits one segment, for which it offers no post-quantum
// group: some boxes drop a hello that comes in two parts.
func TestClientHello(t *testing.T) {
	postQuantum := []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}
	for _, p := range probe.Profiles {
		hello, size := clientHello(t, p.TLSConfig())
		if size == 0 || size > 1400 {
			t.Errorf("%s: the ClientHello has %d bytes, want at most 1400", p.Windows, size)
		}
		for _, group := range hello.SupportedCurves {
			if slices.Contains(postQuantum, group) {
				t.Errorf("%s offers %s, whose share alone is more than a kilobyte", p.Windows, group)
			}
		}
		if oldest := slices.Min(hello.SupportedVersions); oldest != p.TLS {
			t.Errorf("%s offers %s as the oldest version, want %s", p.Windows, tls.VersionName(oldest), tls.VersionName(p.TLS))
		}
	}
}

// clientHello is the first message of a client with that configuration, and its
// length on the wire.
func clientHello(t *testing.T, config *tls.Config) (*tls.ClientHelloInfo, int) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		config.ServerName = "slscr.update.microsoft.com"
		tls.Client(theirs, config).HandshakeContext(t.Context())
		theirs.Close()
	}()
	var hello *tls.ClientHelloInfo
	counted := &counter{Conn: ours}
	tls.Server(counted, &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = h
		return nil, errors.New("seen enough")
	}}).HandshakeContext(t.Context())
	if hello == nil {
		t.Fatal("the client sent no ClientHello")
	}
	return hello, counted.read
}

// A counter counts what is read from a connection.
type counter struct {
	net.Conn
	read int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}
