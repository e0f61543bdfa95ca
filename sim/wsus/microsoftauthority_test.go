package wsus_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"proxycheck/sim/wsus"
)

// Each name has the chain that its host has at Microsoft, without the root, and one
// certificate for all clients.
func TestMicrosoftAuthority(t *testing.T) {
	authority, err := wsus.NewMicrosoftAuthority()
	if err != nil {
		t.Fatal(err)
	}
	public, update := x509.NewCertPool(), x509.NewCertPool()
	public.AppendCertsFromPEM(authority.PublicRoot())
	update.AppendCertsFromPEM(authority.UpdateRoot())
	server := authority.TLSConfig(func(name string) bool { return strings.HasSuffix(name, ".update.microsoft.com") })
	for _, tt := range []struct {
		name   string
		roots  *x509.CertPool
		issuer string
	}{
		{"slscr.update.microsoft.com", update, "CN=Microsoft ECC Update Secure Server CA 2.1,O=Microsoft Corporation,L=Redmond,ST=Washington,C=US"},
		{"login.live.com", public, "CN=Microsoft Azure RSA TLS Issuing CA 03,O=Microsoft Corporation,C=US"},
	} {
		client := &tls.Config{ServerName: tt.name, RootCAs: tt.roots}
		state := handshake(t, client, server)
		leaf := state.PeerCertificates[0]
		if leaf.Issuer.String() != tt.issuer || len(state.PeerCertificates) != 2 {
			t.Errorf("%s: %d certificates, the first by %s; want two by %s", tt.name, len(state.PeerCertificates), leaf.Issuer, tt.issuer)
		}
		for i := range 300 { // of as many hosts as the lists have
			handshake(t, &tls.Config{ServerName: fmt.Sprintf("%d.update.microsoft.com", i), RootCAs: update}, server)
			if i == 30 && testing.Short() {
				break
			}
		}
		if again := handshake(t, client, server); !again.PeerCertificates[0].Equal(leaf) {
			t.Errorf("%s has another certificate than before", tt.name)
		}
	}
}
