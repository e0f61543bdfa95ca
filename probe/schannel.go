package probe

import (
	"crypto/tls"
	"slices"
)

// A schannel is what Schannel of one Windows offers in its ClientHello, as far
// as it matters to boxes on the way and crypto/tls can offer it: it has no DHE,
// no CBC with SHA-384 and no RC4 with MD5, keeps an order of its own, and adds
// its usual extensions.
type schannel struct {
	oldest, newest uint16
	groups         []tls.CurveID
	suites         []uint16 // up to TLS 1.2
}

// The suites, from those that each Windows adds (Learn, "Cipher Suites in TLS/SSL
// (Schannel SSP)"); those of XP are known, not documented there.
var (
	suitesXP  = []uint16{tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}
	suitesCBC = []uint16{
		tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	}
	suitesTLS12 = []uint16{
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	}
	suitesGCM   = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
	suitesWin10 = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
)

// The groups: curve25519 came with Windows 10. No version offers a post-quantum
// one here, so that the first message fits one segment.
var (
	groupsNIST  = []tls.CurveID{tls.CurveP256, tls.CurveP384}
	groupsWin10 = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}
)

// What the versions of Windows offer. XP offers no groups, but crypto/tls cannot
// leave them out.
var (
	schannelXP    = &schannel{tls.VersionTLS10, tls.VersionTLS10, groupsNIST, suitesXP}
	schannelVista = &schannel{tls.VersionTLS10, tls.VersionTLS10, groupsNIST, slices.Concat(suitesXP, suitesCBC)}
	schannel7     = &schannel{tls.VersionTLS10, tls.VersionTLS12, groupsNIST, slices.Concat(suitesXP, suitesCBC, suitesTLS12)}
	schannel81    = &schannel{tls.VersionTLS10, tls.VersionTLS12, groupsNIST, slices.Concat(suitesXP, suitesCBC, suitesTLS12, suitesGCM)}
	schannel10    = &schannel{tls.VersionTLS12, tls.VersionTLS12, groupsWin10, slices.Concat(suitesCBC, suitesTLS12, suitesGCM, suitesWin10)}
	schannel11    = &schannel{tls.VersionTLS12, tls.VersionTLS13, groupsWin10, schannel10.suites}
)

// TLSConfig is what Schannel of that version offers.
func (p *Profile) TLSConfig() *tls.Config {
	s := p.schannel
	return &tls.Config{MinVersion: s.oldest, MaxVersion: s.newest, CurvePreferences: s.groups, CipherSuites: s.suites}
}
