package wsus_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"proxycheck/probe"
	"proxycheck/sim/wsus"
)

// Each Windows finds TLS in common with the server, and a certificate for the
// name that it asks for, signed by the root.
func TestHandshakes(t *testing.T) {
	authority, err := wsus.NewAuthority("Test CA")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	for _, tt := range []struct {
		windows probe.Windows
		version uint16
		key     x509.PublicKeyAlgorithm
	}{
		{probe.XP, tls.VersionTLS10, x509.RSA},
		{probe.Vista, tls.VersionTLS10, x509.ECDSA},
		{probe.Win7, tls.VersionTLS12, x509.ECDSA},
		{probe.Win81, tls.VersionTLS12, x509.ECDSA},
		{probe.Win10, tls.VersionTLS12, x509.ECDSA},
		{probe.Win11, tls.VersionTLS13, x509.ECDSA},
	} {
		t.Run(string(tt.windows), func(t *testing.T) {
			t.Parallel()
			p, err := probe.LookupProfile(string(tt.windows))
			if err != nil {
				t.Fatal(err)
			}
			offer := p.TLSConfig()
			offer.ServerName, offer.RootCAs = "wsus.test", roots
			state := handshake(t, offer, authority.TLSConfig())
			if state.Version != tt.version || state.PeerCertificates[0].PublicKeyAlgorithm != tt.key {
				t.Errorf("%s with %s, want %s with %s", tls.VersionName(state.Version), state.PeerCertificates[0].PublicKeyAlgorithm,
					tls.VersionName(tt.version), tt.key)
			}
			if again := handshake(t, offer, authority.TLSConfig()); !again.PeerCertificates[0].Equal(state.PeerCertificates[0]) {
				t.Error("another certificate for the same name")
			}
		})
	}
}

// A client that names no server gets a certificate for the address at which it
// came.
func TestHandshakeWithoutName(t *testing.T) {
	authority, err := wsus.NewAuthority("Test CA")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM())
	handshake(t, &tls.Config{ServerName: "127.0.0.1", RootCAs: roots}, authority.TLSConfig())
}

// handshake is what client and server agree on.
func handshake(t *testing.T, client, server *tls.Config) tls.ConnectionState {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = tls.Server(conn, server).HandshakeContext(t.Context())
			conn.Close()
		}
		served <- err
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	secure := tls.Client(conn, client)
	if err := secure.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return secure.ConnectionState()
}
