package probe_test

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"

	"proxycheck/probe"
)

// Each Windows offers what its Schannel does. The first TLS message fits one
// segment, for which it has no post-quantum share: some boxes drop a hello that
// comes in two parts.
func TestClientHello(t *testing.T) {
	const (
		tls10 = tls.VersionTLS10
		tls12 = tls.VersionTLS12
		tls13 = tls.VersionTLS13
	)
	old := []tls.CurveID{tls.CurveP256, tls.CurveP384}
	current := []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
	for _, tt := range []struct {
		windows        probe.Windows
		oldest, newest uint16
		groups         []tls.CurveID
		has, lacks     uint16 // suites
	}{
		{probe.XP, tls10, tls10, old, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{probe.Vista, tls10, tls10, old, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA256},
		{probe.Win7, tls10, tls12, old, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		{probe.Win81, tls10, tls12, old, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{probe.Win10, tls12, tls12, current, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_RC4_128_SHA},
		{probe.Win11, tls12, tls13, current, tls.TLS_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	} {
		p, err := probe.LookupProfile(string(tt.windows))
		if err != nil {
			t.Fatal(err)
		}
		hello, size := clientHello(t, p.TLSConfig())
		if size == 0 || size >= 1300 {
			t.Errorf("%s: the ClientHello has %d bytes, want less than 1300", tt.windows, size)
		}
		if oldest, newest := slices.Min(hello.SupportedVersions), slices.Max(hello.SupportedVersions); oldest != tt.oldest || newest != tt.newest {
			t.Errorf("%s offers %s to %s, want %s to %s", tt.windows, tls.VersionName(oldest), tls.VersionName(newest),
				tls.VersionName(tt.oldest), tls.VersionName(tt.newest))
		}
		if !slices.Equal(hello.SupportedCurves, tt.groups) {
			t.Errorf("%s offers the groups %v, want %v", tt.windows, hello.SupportedCurves, tt.groups)
		}
		if !slices.Contains(hello.CipherSuites, tt.has) || slices.Contains(hello.CipherSuites, tt.lacks) {
			t.Errorf("%s offers the suites %#x, want %#x among them and not %#x", tt.windows, hello.CipherSuites, tt.has, tt.lacks)
		}
		if hello.ServerName != server || len(hello.SupportedProtos) > 0 {
			t.Errorf("%s names the server %q and the protocols %q, want %q and none", tt.windows, hello.ServerName, hello.SupportedProtos, server)
		}
	}
}

// server is the longest name that is asked for through TLS.
const server = "tsfe.trafficshaping.dsp.mp.microsoft.com"

// clientHello is the first message of a client with that configuration, and its
// length on the wire.
func clientHello(t *testing.T, config *tls.Config) (*tls.ClientHelloInfo, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	offered := make(chan error, 1)
	go func() {
		config.ServerName = server
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			conn.Close()
		}
		offered <- err
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var hello *tls.ClientHelloInfo
	counted := &counter{Conn: conn}
	tls.Server(counted, &tls.Config{MinVersion: tls.VersionTLS10, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = h
		return nil, errors.New("seen enough")
	}}).HandshakeContext(t.Context())
	conn.Close()
	if err := <-offered; hello == nil || err == nil {
		t.Fatalf("the client sent no ClientHello, or was content: %v", err)
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

// What the versions ask for that differs by version (wire.md 2.3, 2.5, 5.5, 5.6).
func TestProfiles(t *testing.T) {
	for _, tt := range []struct {
		windows                     probe.Windows
		cryptoAPI, ncsi, redirector string
	}{
		{probe.XP, "Microsoft-CryptoAPI/5.131.2600.5512", "", "/v9/windowsupdate/redir/muv4wuredir.cab"},
		{probe.Vista, "Microsoft-CryptoAPI/6.0", "/ncsi.txt", "/v9/windowsupdate/redir/muv4wuredir.cab"},
		{probe.Win7, "Microsoft-CryptoAPI/6.1", "/ncsi.txt", "/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab"},
		{probe.Win81, "Microsoft-CryptoAPI/6.3", "/ncsi.txt", ""},
		{probe.Win10, "Microsoft-CryptoAPI/10.0", "/connecttest.txt", ""},
		{probe.Win11, "Microsoft-CryptoAPI/10.0", "/connecttest.txt", ""},
	} {
		p, err := probe.LookupProfile(string(tt.windows))
		if err != nil {
			t.Fatal(err)
		}
		if p.CryptoAPI != tt.cryptoAPI || p.NCSI != tt.ncsi || p.Redirector != tt.redirector {
			t.Errorf("%s: %q, %q, %q; want %q, %q, %q", tt.windows, p.CryptoAPI, p.NCSI, p.Redirector, tt.cryptoAPI, tt.ncsi, tt.redirector)
		}
	}
}
