package wsus

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"proxycheck/probe"
)

// Authority is a certificate authority of its own, which lives as long as the
// process. It signs a certificate for whatever name a client asks for.
type Authority struct {
	Valid time.Duration    // of the certificates from now on; negative for expired ones
	Now   func() time.Time // what it takes for the time; time.Now as it comes

	root   *x509.Certificate
	signer *x509.Certificate // of the certificates: the root, or one below it
	shown  [][]byte          // the certificates that are sent behind that of the server
	key    *ecdsa.PrivateKey // of all of them, and of the server's
	kept   int               // the most certificates that are kept

	mu     sync.Mutex
	issued map[certified]*tls.Certificate
}

// A certified name is one with a certificate for a kind of key.
type certified struct {
	name string
	rsa  bool
}

// maxIssued is the most certificates that are kept.
const maxIssued = 64

// rootAge is how long ago a root began to hold: longer than any clock that a fault
// sets back.
const rootAge = 30 * 24 * time.Hour

// oldKey is of certificates for clients that know no other, made when the first one
// comes.
var oldKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// NewAuthority makes an authority of that name.
func NewAuthority(name string) (*Authority, error) {
	a, err := newAuthority(pkix.Name{CommonName: name, Organization: []string{"proxycheck"}})
	if err == nil {
		a.shown = [][]byte{a.root.Raw}
	}
	return a, err
}

// newAuthority makes one whose chain has a certificate for each of the names, the
// root first.
func newAuthority(names ...pkix.Name) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{Valid: 365 * 24 * time.Hour, Now: time.Now, key: key, kept: maxIssued, issued: map[certified]*tls.Certificate{}}
	for i, name := range names {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: name, SubjectKeyId: []byte(name.CommonName),
			NotBefore: time.Now().Add(-rootAge), NotAfter: time.Now().AddDate(10, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
		parent := a.signer
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		if err != nil {
			return nil, err
		}
		if a.signer, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
		if a.root == nil {
			a.root = a.signer
			continue
		}
		a.shown = append([][]byte{der}, a.shown...)
	}
	return a, nil
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
// for the address at which it came. It speaks all that a Windows since XP does.
func (a *Authority) TLSConfig() *tls.Config {
	return serverConfig(func(string) *Authority { return a })
}

// serverConfig is that of a server whose certificates are of different authorities,
// by name.
func serverConfig(of func(name string) *Authority) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS10, CipherSuites: suites(), GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := hello.ServerName
		if name == "" {
			name, _, _ = net.SplitHostPort(hello.Conn.LocalAddr().String())
		}
		a := of(name)
		c, err := a.issue(certified{name: name})
		if err == nil && hello.SupportsCertificate(c) != nil { // XP knows no ECDSA
			return a.issue(certified{name: name, rsa: true})
		}
		return c, err
	}}
}

// suites are all that there are, the old ones with them.
func suites() []uint16 {
	var ids []uint16
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, s.ID)
	}
	return ids
}

// issue is a certificate for what is asked for, with what is shown behind it.
func (a *Authority) issue(to certified) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.issued[to]; c != nil {
		return c, nil
	}
	var key crypto.Signer = a.key
	usage := x509.KeyUsageDigitalSignature
	if to.rsa {
		old, err := oldKey()
		if err != nil {
			return nil, err
		}
		key, usage = old, usage|x509.KeyUsageKeyEncipherment
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: to.name},
		NotBefore: a.Now().Add(-24 * time.Hour), NotAfter: a.Now().Add(a.Valid),
		KeyUsage: usage, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(to.name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{to.name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.signer, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	if len(a.issued) >= a.kept {
		clear(a.issued)
	}
	a.issued[to] = &tls.Certificate{Certificate: append([][]byte{der}, a.shown...), PrivateKey: key}
	return a.issued[to], nil
}
