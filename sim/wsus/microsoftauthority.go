package wsus

import (
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/pem"
	"time"
)

// The chains of Microsoft's servers: those of the update services end in a root that
// only Windows has (wire.md 5.3), and the others in one that is in every store. The
// keys are made anew by each process, so that nobody is deceived by them.
var (
	updateChain = []pkix.Name{
		microsoftName("Microsoft ECC Product Root Certificate Authority 2018"),
		microsoftName("Microsoft ECC Update Secure Server CA 2.1"),
	}
	publicChain = []pkix.Name{
		{CommonName: "DigiCert Global Root G2", OrganizationalUnit: []string{"www.digicert.com"}, Organization: []string{"DigiCert Inc"}, Country: []string{"US"}},
		{CommonName: "Microsoft Azure RSA TLS Issuing CA 03", Organization: []string{"Microsoft Corporation"}, Country: []string{"US"}},
	}
)

// microsoftName is a name of Microsoft in the form of its update authorities.
func microsoftName(common string) pkix.Name {
	return pkix.Name{CommonName: common, Organization: []string{"Microsoft Corporation"},
		Locality: []string{"Redmond"}, Province: []string{"Washington"}, Country: []string{"US"}}
}

// maxMicrosoftIssued is the most certificates of one of Microsoft's authorities that
// are kept: more than there are hosts in all lists.
const maxMicrosoftIssued = 1 << 10

// A MicrosoftAuthority is what signs the certificates of Microsoft's servers, as they
// look: one authority for the update services, and a public one for the rest. As
// there, the roots are not sent.
type MicrosoftAuthority struct {
	update, public *Authority
}

// NewMicrosoftAuthority makes one, with keys of its own.
func NewMicrosoftAuthority() (*MicrosoftAuthority, error) {
	update, err := newAuthority(updateChain...)
	if err != nil {
		return nil, err
	}
	public, err := newAuthority(publicChain...)
	if err != nil {
		return nil, err
	}
	update.kept, public.kept = maxMicrosoftIssued, maxMicrosoftIssued
	return &MicrosoftAuthority{update, public}, nil
}

// TLSConfig serves each client a certificate for the name that it asks for: of the
// update services for a pinned one, and of the public authority for any other.
func (m *MicrosoftAuthority) TLSConfig(pinned func(name string) bool) *tls.Config {
	return serverConfig(func(name string) *Authority {
		if pinned(name) {
			return m.update
		}
		return m.public
	})
}

// PublicRoot is the root that every machine has, as PEM.
func (m *MicrosoftAuthority) PublicRoot() []byte { return m.public.PEM() }

// UpdateRoot is the root that only Windows has, as PEM.
func (m *MicrosoftAuthority) UpdateRoot() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.update.root.Raw})
}

// SetClock makes the authority take now for the time, and its certificates good for
// so long. It is for before it serves.
func (m *MicrosoftAuthority) SetClock(now func() time.Time, valid time.Duration) {
	for _, a := range []*Authority{m.update, m.public} {
		a.Now, a.Valid = now, valid
	}
}
