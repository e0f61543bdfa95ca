package wsus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync"
	"time"

	"proxycheck/probe"
)

// Authority is a certificate authority of its own, which lives as long as the
// process. It signs a certificate for whatever name a client asks for.
type Authority struct {
	root  *x509.Certificate
	key   *ecdsa.PrivateKey
	Valid time.Duration // of the certificates from now on; negative for expired ones

	mu     sync.Mutex
	issued map[string]*tls.Certificate
}

// maxIssued is the most certificates that are kept.
const maxIssued = 64

// NewAuthority makes an authority of that name.
func NewAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"proxycheck"}},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(der)
	return &Authority{root: root, key: key, Valid: 365 * 24 * time.Hour, issued: map[string]*tls.Certificate{}}, err
}

// Fingerprint is the SHA-256 of the root, in hexadecimal.
func (a *Authority) Fingerprint() string { return probe.Fingerprint(a.root) }

// PEM is the root, for clients that are to trust it.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// Certificate is the root with its key, for a proxy that signs by itself.
func (a *Authority) Certificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{a.root.Raw}, PrivateKey: a.key, Leaf: a.root}
}

// TLSConfig serves each client a certificate for the name that it asks for, or
// for the address at which it came.
func (a *Authority) TLSConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := hello.ServerName
		if name == "" {
			name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
		}
		return a.issue(name)
	}}
}

// issue is a certificate for name, with the root behind it.
func (a *Authority) issue(name string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.issued[name]; c != nil {
		return c, nil
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(a.Valid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if len(a.issued) >= maxIssued {
		clear(a.issued)
	}
	a.issued[name] = &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: a.key}
	return a.issued[name], nil
}
