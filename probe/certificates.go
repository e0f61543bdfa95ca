package probe

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Who signs in whose place: what certificates show by themselves, and by comparison.

// A Signer is an authority that is known to sign for some hosts.
type Signer struct {
	Under        []string // the domains of those hosts
	Besides      []string // domains under them for which that is not known
	Organization string   // in its name
	CommonName   string   // a part of it
	Source       string
	Sure         Sure
}

// microsoftOrganization stands in the names of all authorities of Microsoft.
const microsoftOrganization = "Microsoft Corporation"

// Signers lists the authorities that are known (wire.md 5.3). Sites for browsers are
// under the same domains, and certificates of public authorities are what browsers want.
var Signers = []*Signer{{
	Under:        []string{"update.microsoft.com", "delivery.mp.microsoft.com"},
	Besides:      []string{"dl.delivery.mp.microsoft.com", "catalog.update.microsoft.com", "www.update.microsoft.com"},
	Organization: microsoftOrganization, CommonName: "Update Secure Server CA",
	Source: wuSecurity + "; a chain of Windows 10", Sure: Seen,
}}

// signerOf is who is known to sign for a host, or nil. The bare names of the domains
// are sites too.
func signerOf(host string) *Signer {
	for _, s := range Signers {
		if under(host, s.Under) && !under(host, s.Besides) && !slices.Contains(s.Under, host) {
			return s
		}
	}
	return nil
}

// pinnedByDO tells whether Delivery Optimization takes no certificate for a host but
// Microsoft's own (Learn, "Using a proxy with Delivery Optimization"). Who signs it is
// not known.
func pinnedByDO(host string) bool { return under(host, []string{"prod.do.dsp.mp.microsoft.com"}) }

// under tells whether host is one of some domains, or in one.
func under(host string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
}

// is tells whether the certificate of t names s as its issuer.
func (s *Signer) is(t *Trust) bool {
	return t.Organization == s.Organization && strings.Contains(t.CommonName, s.CommonName)
}

// unregistrable tells whether a host cannot exist (RFC 2606, 2): no authority signs for it.
func unregistrable(host string) bool { return under(host, []string{"invalid"}) }

// inspection says what proves that somebody signed in the place of one of Microsoft's
// servers, or "". Microsoft has more authorities than those that are known: one that
// has its name is accused by comparison alone.
func (t *Trust) inspection() string {
	if t.By != ByIssuer {
		return ""
	}
	for _, prove := range []func(*Trust) string{signedImpossible, otherThanExpected, signsForPinned, byGivenAlone, inNoStore} {
		if because := prove(t); because != "" {
			return "the certificate of " + t.Host + " was issued by " + quoted(t.Issuer) + "; " + because + t.standing() + t.beside()
		}
	}
	return ""
}

// signedImpossible matches an authority that signs for what cannot exist.
func signedImpossible(t *Trust) string {
	for _, host := range append([]string{t.Host}, t.SameIssuer...) {
		if unregistrable(host) {
			return "the same authority signed for " + host + ", which cannot exist"
		}
	}
	return ""
}

// otherThanExpected matches another authority than the one that is known to sign.
func otherThanExpected(t *Trust) string {
	if t.Expected == nil || t.Expected.is(t) || t.Organization == microsoftOrganization {
		return ""
	}
	return fmt.Sprintf("Microsoft's own is %q of %s", t.Expected.CommonName, t.Expected.Organization)
}

// signsForPinned matches an authority that signs for another host for which it is
// known that somebody else does.
func signsForPinned(t *Trust) string {
	for _, host := range t.SameIssuer {
		other := *t
		other.Expected = signerOf(host)
		if otherThanExpected(&other) != "" {
			return "the same authority signed for " + host + ", which has its certificate of Microsoft's own"
		}
	}
	return ""
}

// byGivenAlone matches an authority that somebody had to name: those of Microsoft's
// servers nobody has to.
func byGivenAlone(t *Trust) string {
	if !t.Accepted || t.Verified || t.Organization == microsoftOrganization {
		return "" // the given CA is among those that everybody has
	}
	return "the given CA vouches for it"
}

// inNoStore matches an authority that is neither Microsoft's nor a public one, for a
// host that is pinned.
func inNoStore(t *Trust) string {
	if !t.Pinned || t.Verified || t.Expected != nil && t.Expected.is(t) || t.Organization == microsoftOrganization || !t.StoreFull && !t.AtClient {
		return ""
	}
	return "that is no authority of Microsoft's"
}

// standing says whether this machine takes the certificate.
func (t *Trust) standing() string {
	switch {
	case t.Verified:
		return "; this machine trusts it, which is not enough for a pinned host"
	case t.Accepted:
		return "; a client that trusts the given CA takes it, unless the host is pinned"
	}
	return "; it is not in " + string(BySystem)
}

// maxBeside is the most hosts that are named beside another.
const maxBeside = 3

// beside says for whom else the authority signed.
func (t *Trust) beside() string {
	if len(t.SameIssuer) == 0 {
		return ""
	}
	return "; it also signed for " + fewOf(t.SameIssuer)
}

// inspected matches a certificate that its client does not take because somebody
// else than the server's own authority signed it.
func inspected(o *Observation) string {
	t := o.Trust
	switch {
	case t == nil || t.By == BySystem:
		return ""
	case t.By == ByIssuer && t.Pinned:
		return t.inspection()
	case t.By == ByIssuer || !unknownAuthority(t.Err) || t.Accepted && !t.Pinned:
		return ""
	}
	return fmt.Sprintf("the certificate was issued by %s and does not verify by %s", quoted(t.Issuer), t.By)
}

// inspectedWithTrust matches a certificate by a CA that the clients are said to
// trust, where the server's own is another.
func inspectedWithTrust(o *Observation) string {
	t := o.Trust
	if t == nil || t.By != ByServersCA || !t.Accepted || t.Pinned || !unknownAuthority(t.Err) {
		return ""
	}
	return fmt.Sprintf("the certificate was issued by %s, which the given CA vouches for and the server's own root does not", quoted(t.Issuer))
}

// inspectedUnpinned matches one of Microsoft's hosts that is inspected and not pinned:
// a client that trusts whoever inspects takes it.
func inspectedUnpinned(o *Observation) string {
	if o.Trust == nil || o.Trust.Pinned {
		return ""
	}
	return o.Trust.inspection()
}

// untrusted matches a certificate that no store at hand vouches for.
func untrusted(o *Observation) string {
	if o.Trust == nil || o.Trust.Verified || o.Trust.Accepted {
		return ""
	}
	return "no store vouches for it"
}

// issuerUnknown matches an issuer of whom nothing is known: whether it is the server's
// does not show.
func issuerUnknown(o *Observation) string {
	t := o.Trust
	switch {
	case t == nil:
		return ""
	case t.By == BySystem && unknownAuthority(t.Err):
		return fmt.Sprintf("the certificate was issued by %s, which is not in %s", quoted(t.Issuer), t.By)
	case t.By == ByIssuer && untrusted(o) != "" && t.Organization != microsoftOrganization && (t.StoreTold || t.AtClient) && t.inspection() == "":
		return fmt.Sprintf("the certificate of %s was issued by %s, which is not in %s", t.Host, quoted(t.Issuer), BySystem)
	}
	return ""
}

// uncompared names Microsoft's hosts of whose certificates nothing can be told: nobody
// that this machine knows signed for any host of the run.
func uncompared(r *Run) string {
	var hosts []string
	for _, o := range observations(r) {
		t := o.Trust
		if t != nil && t.By == ByIssuer && !t.StoreTold && !t.OwnRoot && !t.AtClient && t.inspection() == "" {
			hosts = appendNew(hosts, t.Host)
		}
	}
	return fewOf(hosts)
}

// fewOf names the first of some hosts, and how many more there are.
func fewOf(hosts []string) string {
	text := strings.Join(hosts[:min(len(hosts), maxBeside)], ", ")
	if more := len(hosts) - maxBeside; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// atClient matches where the store of this machine is that of a client.
func atClient(o *Observation) string {
	if o.Trust == nil || !o.Trust.AtClient {
		return ""
	}
	return "this machine's store is that of a client"
}

// certificateInvalid matches a certificate that no client takes, whoever signed it.
func certificateInvalid(o *Observation) string {
	if o.Trust == nil || o.Trust.Err == nil || unknownAuthority(o.Trust.Err) {
		return ""
	}
	return clean(o.Trust.Err.Error())
}

// perhapsUnused matches one of the many of Microsoft's hosts that are in the lists
// with TLS and of which it is not known that a client asks them so: content hosts
// often have no certificate of their own there (wire.md 5.3).
func perhapsUnused(o *Observation) string {
	if o.Trust == nil || o.Trust.By != ByIssuer || o.Trust.Expected != nil || o.Host == nil {
		return ""
	}
	return "it is not known that clients ask this host through TLS"
}

func unknownAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// A Certificate is one that a server, or somebody in its place, showed, as a report
// has it.
type Certificate struct {
	Host         string    `json:"host"`
	Steps        []string  `json:"steps"`
	Subject      string    `json:"subject"`
	Issuer       string    `json:"issuer"`
	Names        []string  `json:"names"` // for which it is; at most maxNames
	NotBefore    time.Time `json:"not_before"`
	NotAfter     time.Time `json:"not_after"`
	Key          string    `json:"key"`      // its kind
	Bits         int       `json:"bits"`     // of the key
	Protocol     string    `json:"protocol"` // that was agreed on
	Cipher       string    `json:"cipher"`
	Chain        []string  `json:"chain"` // the subjects that were shown, its own first; at most ten
	Shown        int       `json:"shown"` // how many there were
	Root         string    `json:"root"`  // the issuer of the last of them
	SHA256       string    `json:"sha256"`
	Pinned       bool      `json:"pinned"`
	Trusted      bool      `json:"trusted"` // by what it is judged by
	JudgedBy     string    `json:"judged_by"`
	SignedBySame []string  `json:"signed_by_same_as"` // other hosts of the run
}

// maxNames is the most names of a certificate that a report has.
const maxNames = 20

// certificates are those of all tunnels of a run, one for each host and certificate.
func certificates(all []*judged) []Certificate {
	list := []Certificate{}
	place := map[string]int{}
	for _, j := range all {
		if j.Observation == nil || j.Observation.Trust == nil {
			continue
		}
		c := certificateOf(j.Observation)
		i, known := place[c.Host+c.SHA256]
		if !known {
			i = len(list)
			place[c.Host+c.SHA256], list = i, append(list, c)
		}
		list[i].Steps = append(list[i].Steps, j.id())
	}
	return list
}

// trusted tells whether the client takes the certificate, as far as that is known.
func (t *Trust) trusted() bool {
	known := t.By != ByIssuer || t.OwnRoot || t.Verified
	return known && t.Err == nil && t.inspection() == ""
}

// certificateOf describes the certificate of o, which has one that was verified.
func certificateOf(o *Observation) Certificate {
	t := o.Trust
	c := Certificate{Host: t.Host, Steps: []string{}, Subject: t.Subject, Issuer: t.Issuer, Names: []string{}, Chain: append([]string{}, t.Chain...), Root: t.Root,
		Pinned: t.Pinned, Trusted: t.trusted(), JudgedBy: string(t.By),
		SignedBySame: append([]string{}, t.SameIssuer...)}
	shown := shownBy(o.Exchange)
	if len(shown) == 0 {
		return c
	}
	leaf := shown[0]
	c.Shown = len(o.TLS.PeerCertificates)
	c.Protocol, c.Cipher = tls.VersionName(o.TLS.Version), tls.CipherSuiteName(o.TLS.CipherSuite)
	c.NotBefore, c.NotAfter, c.SHA256 = leaf.NotBefore.UTC(), leaf.NotAfter.UTC(), Fingerprint(leaf)
	c.Key, c.Bits = keyOf(leaf)
	for _, name := range leaf.DNSNames[:min(len(leaf.DNSNames), maxNames)] {
		c.Names = append(c.Names, clean(name))
	}
	for _, ip := range leaf.IPAddresses[:min(len(leaf.IPAddresses), maxNames-len(c.Names))] {
		c.Names = append(c.Names, ip.String())
	}
	return c
}

// keyOf is the kind of a certificate's key, and its length in bits; 0 when that is
// not known.
func keyOf(c *x509.Certificate) (kind string, bits int) {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA", key.N.BitLen()
	case *ecdsa.PublicKey:
		return "ECDSA", key.Params().BitSize
	case ed25519.PublicKey:
		return "Ed25519", 8 * len(key)
	}
	return c.PublicKeyAlgorithm.String(), 0
}

// clockWrong names a clock of this machine that is not that of the servers. What was
// refused for its dates alone shows it worst.
func clockWrong(r *Run, all []*judged) {
	c := timingOf(r)
	if !c.wrong() {
		return
	}
	who, by := Unknown, fmt.Sprintf("%d answers of one server, whose clock may be the wrong one", c.answers)
	if c.servers >= clockFew {
		who, by = Machine, fmt.Sprintf("%d answers of %d servers, which agree", c.answers, c.servers)
	}
	direction := "ahead of"
	if c.ahead < 0 {
		direction = "behind"
	}
	evidence := fmt.Sprintf("this machine's clock is %s %s that of %s", c.ahead.Abs().Round(time.Second), direction, by)
	first := true
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		t := j.Observation.Trust
		switch {
		case t != nil && t.ByClock:
			j.verdicts = append(j.verdicts, Verdict{ClockWrong, Fail, who, evidence + "; the certificate of " + t.Host + " is out of date by this clock, and good by theirs"})
		case first && c.ahead.Abs() >= day:
			j.verdicts = append(j.verdicts, Verdict{ClockWrong, Warn, who, evidence})
		case first:
			j.verdicts = append(j.verdicts, Verdict{ClockWrong, Note, who, evidence})
		}
		first = false
	}
}

// day is how far a clock may be off before certificates begin to be refused: new ones
// are dated back by so much or less.
const day = 24 * time.Hour
