package probe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"proxycheck/probe/wire"
)

// Trust is what is known of the certificate that a server, or somebody in its
// place, showed. What stands in a certificate is whatever its maker likes: it is
// short and clean here.
type Trust struct {
	Host            string // that was asked, without the port
	Subject, Issuer string
	Organization    string   // of the issuer; "" for none
	CommonName      string   // of the issuer; "" for none
	Chain           []string // the subjects that were shown, the server's own first; at most maxChain
	Root            string   // the issuer of the last certificate that was shown
	By              TrustBasis
	Err             error // why it is not trusted; nil when it is
	OwnRoot         bool  // the server's own root signed it, or who is known to sign for it, whatever else is wrong
	Accepted        bool  // by the given CA, although the server's own root did not sign it
	Verified        bool  // by the store of this machine, dates and name aside
	StoreTold       bool  // that store knows who signed for some host of the run
	StoreFull       bool  // it has the roots that machines have, or is given
	AtClient        bool  // this machine's store is like that of the clients
	ByClock         bool  // its dates are wrong by the clock of this machine alone

	Pinned     bool     // clients take it from nobody but the server's own authority
	Expected   *Signer  // of the certificates of this host; nil when that is not known
	SameIssuer []string // other hosts of the run for which the same authority signed

	issuer string // tells one authority from another
}

// A TrustBasis is what a certificate was verified by.
type TrustBasis string

// What a certificate is verified by.
const (
	ByServersCA TrustBasis = "the server's own root"
	ByGivenCA   TrustBasis = "the given CA"
	BySystem    TrustBasis = "the store of this machine"
	// ByIssuer is how those of Microsoft's servers are judged. Those of the update
	// services end in a root that no store but that of Windows has.
	ByIssuer TrustBasis = "who signs for Microsoft's servers"
)

// Bounds of what is read of a chain.
const (
	maxShown = 100 // certificates of which a chain is built
	maxChain = 10  // certificates that are named
)

// shownBy are the certificates that x came with, the server's own first.
func shownBy(x *wire.Exchange) []*x509.Certificate {
	if x == nil || x.TLS == nil {
		return nil
	}
	return x.TLS.PeerCertificates[:min(len(x.TLS.PeerCertificates), maxShown)]
}

// certify notes what is known of the certificates of a run, now that it is known what
// the server is, what time it is, and for whom else somebody signs.
func (r *Run) certify() {
	now := time.Now()
	theirs := now
	if c := timingOf(r); c.wrong() {
		theirs = now.Add(-c.ahead)
	}
	signed := map[string][]string{}
	note := func(issuer, host string) { signed[issuer] = appendNew(signed[issuer], host) }
	told := false
	for _, o := range observations(r) {
		if t := r.Target.trust(o, now, theirs); t != nil {
			o.Trust, told = t, told || t.Verified
			note(t.issuer, t.Host)
		}
		if shown := shownBy(o.Impossible); len(shown) > 0 {
			note(issuerOf(shown), hostOf(o.Impossible.Authority))
		}
	}
	for _, o := range observations(r) {
		if t := o.Trust; t != nil {
			t.StoreTold, t.StoreFull = told, told || r.Target.Store != nil || systemStoreFull()
			t.SameIssuer = slices.DeleteFunc(slices.Clone(signed[t.issuer]), func(host string) bool { return host == t.Host })
		}
	}
}

// fewRoots is less than what stores of systems have, and more than somebody adds.
const fewRoots = 20

// systemStoreFull tells whether the store of this machine has the roots that machines
// have. That of a container may be empty; Windows and macOS do not show what they have.
var systemStoreFull = sync.OnceValue(func() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	pool, err := x509.SystemCertPool()
	//lint:ignore SA1019 where it does not have them all, it is not asked
	return err == nil && len(pool.Subjects()) > fewRoots
})

// observations are those of the results of r that have one.
func observations(r *Run) []*Observation {
	var some []*Observation
	for _, result := range r.Results {
		if o := result.Observation; o != nil {
			some = append(some, o)
		}
	}
	return some
}

// hostOf is the host in host:port, in lower case.
func hostOf(authority string) string {
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	return strings.ToLower(host)
}

// issuerOf tells one authority from another: by its key, or else by its name. Squid
// names the key in the certificates that it copies from a server's, and in those that
// it makes up does not: then the key is that of the authority shown behind.
func issuerOf(shown []*x509.Certificate) string {
	leaf := shown[0]
	key := leaf.AuthorityKeyId
	if len(key) == 0 && len(shown) > 1 && bytes.Equal(shown[1].RawSubject, leaf.RawIssuer) {
		key = shown[1].SubjectKeyId
	}
	if len(key) > 0 {
		return "key " + hex.EncodeToString(key)
	}
	return "name " + string(leaf.RawIssuer)
}

// trust verifies the certificate of o by the clock of this machine and that of the
// servers, or is nil when there is none.
func (t *Target) trust(o *Observation, ours, theirs time.Time) *Trust {
	shown := shownBy(o.Exchange)
	if len(shown) == 0 {
		return nil
	}
	leaf, last := shown[0], shown[len(shown)-1]
	result := &Trust{
		Host: hostOf(o.Authority), Subject: clean(leaf.Subject.String()), Issuer: clean(leaf.Issuer.String()),
		Organization: clean(strings.Join(leaf.Issuer.Organization, ", ")), CommonName: clean(leaf.Issuer.CommonName),
		Chain: subjects(shown), Root: clean(last.Issuer.String()), issuer: issuerOf(shown),
		By: BySystem, AtClient: runtime.GOOS == "windows", Pinned: t.Pinned,
	}
	v := &verifier{host: result.Host, leaf: leaf, behind: x509.NewCertPool(), ours: ours, theirs: theirs}
	for _, c := range shown[1:] {
		v.behind.AddCert(c)
	}
	if t.Roots != nil {
		result.By, result.Accepted = ByGivenCA, v.signedUnder(t.Roots)
	}
	if t.Kind == Microsoft {
		result.microsoft(o, v, t.Store)
		return result
	}
	roots := t.Roots
	if t.CA != "" {
		result.By, roots = ByServersCA, x509.NewCertPool()
		for _, c := range shown {
			if Fingerprint(c) == t.CA {
				roots.AddCert(c)
			}
		}
	}
	result.OwnRoot = result.By == ByServersCA && v.signedUnder(roots)
	result.Verified = result.By == BySystem && v.signedUnder(nil)
	// Who signed it comes first: what else is wrong is then that signer's doing.
	result.Err, result.ByClock = v.under(roots)
	return result
}

// microsoft judges the certificate of one of Microsoft's servers. Who signed it, the
// chain alone does not tell.
func (t *Trust) microsoft(o *Observation, v *verifier, store *x509.CertPool) {
	t.By, t.Expected = ByIssuer, signerOf(t.Host)
	t.Pinned = t.Pinned || t.Expected != nil || pinnedByDO(t.Host) || o.Host != nil && o.Host.Pinned()
	t.Verified = v.signedUnder(store)
	t.OwnRoot = t.Expected != nil && t.Expected.is(t)
	own := x509.NewCertPool() // so that only dates and names are looked at
	own.AddCert(v.leaf)
	t.Err, t.ByClock = v.under(own)
}

// A verifier verifies one certificate, by two clocks.
type verifier struct {
	host         string
	leaf         *x509.Certificate
	behind       *x509.CertPool // what was shown behind it
	ours, theirs time.Time
}

// at verifies by roots, or by the system's where they are nil.
func (v *verifier) at(roots *x509.CertPool, when time.Time) error {
	_, err := v.leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: v.behind, CurrentTime: when})
	return err
}

// signedUnder tells whether one of roots signed the certificate, whatever else is
// wrong with it.
func (v *verifier) signedUnder(roots *x509.CertPool) bool {
	return v.at(roots, v.leaf.NotAfter.Add(-time.Second)) == nil
}

// under is what is wrong with the certificate under roots, and whether its dates are
// wrong by the clock of this machine alone.
func (v *verifier) under(roots *x509.CertPool) (err error, byClock bool) {
	err = v.at(roots, v.ours)
	if theirs := v.at(roots, v.theirs); outOfDate(err) && !outOfDate(theirs) {
		err, byClock = theirs, true
	}
	if err == nil {
		err = v.leaf.VerifyHostname(v.host)
	}
	return err, byClock
}

// outOfDate tells whether a certificate does not hold any more, or not yet.
func outOfDate(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// subjects names the first of shown.
func subjects(shown []*x509.Certificate) []string {
	names := []string{}
	for _, c := range shown[:min(len(shown), maxChain)] {
		names = append(names, clean(c.Subject.String()))
	}
	return names
}

// maxName is the most of a name in a certificate that is kept, in characters.
const maxName = 256

// clean is a name from a certificate on one line of bounded length.
func clean(name string) string {
	runes := []rune(strings.ToValidUTF8(name[:min(len(name), 4*maxName)], "?"))
	for i, r := range runes {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			runes[i] = '?'
		}
	}
	return string(runes[:min(len(runes), maxName)])
}

// Fingerprint is the SHA-256 of a certificate in hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// A timing is what answers tell of the clock of this machine.
type timing struct {
	ahead   time.Duration // of the median of the answers
	answers int           // that agree with it
	of      int           // all that tell the time
	servers int           // different ones among those that agree
}

// Bounds of what clocks tell.
const (
	clockAgrees = time.Minute     // so near are answers that say the same
	clockOff    = 5 * time.Minute // so far Kerberos allows, which is less than certificates need
	clockFew    = 3               // answers prove nothing when they are fewer
)

// wrong tells whether enough answers agree that the clock of this machine is off.
func (c timing) wrong() bool {
	return c.ahead.Abs() > clockOff && c.answers >= clockFew && 2*c.answers > c.of
}

// timingOf compares the clock of this machine with those of the servers, by all answers
// that were not kept by a cache.
func timingOf(r *Run) timing {
	type told struct {
		ahead time.Duration
		by    string
	}
	var all []told
	for _, o := range observations(r) {
		date, err := time.Parse(time.RFC1123, o.Answer.Get("Date"))
		if err != nil || o.Ended.IsZero() || saysKept(o.Answer) {
			continue
		}
		came := o.Ended.Add(-o.Took[wire.BodyRead]).Truncate(time.Second)
		server := "the update server" // whatever it is called
		if r.Target.Kind == Microsoft {
			server = hostOf(o.Authority)
		}
		all = append(all, told{came.Sub(date), server})
	}
	if len(all) == 0 {
		return timing{}
	}
	slices.SortFunc(all, func(a, b told) int { return cmp.Compare(a.ahead, b.ahead) })
	c := timing{ahead: all[len(all)/2].ahead, of: len(all)}
	var servers []string
	for _, one := range all {
		if (one.ahead - c.ahead).Abs() <= clockAgrees {
			c.answers++
			servers = appendNew(servers, one.by)
		}
	}
	c.servers = len(servers)
	return c
}
