package probe

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A TargetKind is what kind of update server is asked.
type TargetKind string

// The kinds of update server.
const (
	WSUS     TargetKind = "wsus"
	FakeWSUS TargetKind = "fakewsus" // ours, for trying a proxy: its files are known
	Embedded TargetKind = "embedded" // the same, inside the simulated net
	// Microsoft stands for its servers, each step's own: nothing is known of their files.
	Microsoft TargetKind = "microsoft"
)

// A Target is the update server that the steps ask.
type Target struct {
	Kind       TargetKind
	TLS        bool           // the web services are asked through TLS
	Host       string         // host:port of the web services
	Content    string         // host:port of the files, always in clear (wire.md 5.3)
	Secure     string         // host:port for TLS
	Guessed    bool           // Secure is only what a WSUS usually has
	Size       int64          // of the files to fetch, which a fake WSUS makes; 0 when it does not
	Prefixed   bool           // it is known to have the names that clients make of Content (wire.md 4.4)
	Address    string         // host:port of the files, by address and not by name; "" when it is not known
	ObjectPath string         // of the file to fetch on a server that is no fake WSUS
	Witness    string         // path at which it tells what arrived there; "" when it does not
	CA         string         // SHA-256 of the server's own root, in hexadecimal; "" when not known
	Roots      *x509.CertPool // to verify its certificate by; nil for the system's
}

// usualObject is a file that every WSUS has.
const usualObject = "/selfupdate/wuident.cab"

// hello is t as the server describes itself, or as it was when that makes no
// sense: whoever is on the way may have written it.
func (t Target) hello(h wusp.Hello) Target {
	ca, err := hex.DecodeString(h.CA)
	_, portErr := strconv.ParseUint(cmp.Or(h.TLSPort, "1"), 10, 16)
	if h.Kind != string(FakeWSUS) || h.Size < 1 || h.Size > wusp.MaxContent || err != nil || portErr != nil || len(ca) != 0 && len(ca) != sha256.Size {
		return t
	}
	t.Kind, t.CA = FakeWSUS, h.CA
	if witnessPath.MatchString(h.Witness) {
		t.Witness = h.Witness
	}
	if t.ObjectPath == usualObject {
		t.Size = h.Size
	}
	if host, _, err := net.SplitHostPort(t.Host); err == nil && t.Guessed && h.TLSPort != "" {
		t.Secure, t.Guessed = net.JoinHostPort(host, h.TLSPort), false
	}
	return t
}

// witnessPath matches where a fake WSUS tells what arrived.
var witnessPath = regexp.MustCompile(`^` + regexp.QuoteMeta(wusp.WitnessPath) + `[0-9a-f]{32}$`)

// An Object is a file on the server.
type Object struct {
	Path string      // its target, with any query
	Size int64       // -1 when not known
	File io.ReaderAt // its bytes; nil when not known
}

// object makes up a file that no cache has seen, of the size and type that an
// argument states. On a server that is not ours it is one that is there: under a
// query of its own it would be new to caches, and pass by rules that look at the
// end of a URL.
func (t *Target) object(run, argument string) Object {
	if t.Size == 0 {
		return Object{Path: t.ObjectPath, Size: -1}
	}
	size, ext := sizeAndType(argument)
	content := wusp.NewContent(cmp.Or(size, t.Size), run, cmp.Or(ext, ".cab"))
	return Object{Path: content.Path(), Size: content.Size, File: content}
}

// Fill puts the names of t into a line that one types. Squid wants a list of
// names, and one of addresses, under names of their own; in a regular expression the
// server's name is {server-re}.
func (t *Target) Fill(fix string) string {
	host, _, _ := net.SplitHostPort(t.Host)
	_, port, _ := net.SplitHostPort(t.Secure)
	acl := "acl windowsupdate dstdomain .windowsupdate.com .update.microsoft.com .delivery.mp.microsoft.com " + host
	if net.ParseIP(host) != nil {
		acl = "acl windowsupdate dst " + host
	}
	return strings.NewReplacer("{squid-acl}", acl, "{server}", host, "{server-re}", regexp.QuoteMeta(host), "{tls-port}", port).Replace(fix)
}

// Trust is what is known of the certificate that a server, or somebody in its
// place, showed.
type Trust struct {
	Subject, Issuer string
	By              TrustBasis
	Err             error // why it is not trusted; nil when it is
	OwnRoot         bool  // the server's own root signed it, whatever else is wrong
	Accepted        bool  // by the given CA, although the server's own root did not sign it
	AtClient        bool  // this machine's store is like that of the clients
}

// A TrustBasis is what a certificate was verified by.
type TrustBasis string

// What a certificate is verified by.
const (
	ByServersCA TrustBasis = "the server's own root"
	ByGivenCA   TrustBasis = "the given CA"
	BySystem    TrustBasis = "the store of this machine"
)

// trust verifies the certificate of x, or is nil when there is none.
func (t *Target) trust(x *wire.Exchange) *Trust {
	if x.TLS == nil || len(x.TLS.PeerCertificates) == 0 {
		return nil
	}
	leaf := x.TLS.PeerCertificates[0]
	host, _, _ := net.SplitHostPort(x.Authority)
	options := x509.VerifyOptions{Roots: t.Roots, Intermediates: x509.NewCertPool()}
	for _, c := range x.TLS.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	result := &Trust{Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), By: BySystem, AtClient: runtime.GOOS == "windows"}
	if t.Roots != nil {
		result.By = ByGivenCA
		_, err := leaf.Verify(options)
		result.Accepted = err == nil
	}
	if t.CA != "" {
		result.By, options.Roots = ByServersCA, x509.NewCertPool()
		for _, c := range x.TLS.PeerCertificates {
			if Fingerprint(c) == t.CA {
				options.Roots.AddCert(c)
			}
		}
	}
	dated := options
	dated.CurrentTime = leaf.NotAfter.Add(-time.Second)
	_, err := leaf.Verify(dated)
	result.OwnRoot = err == nil && result.By == ByServersCA
	// Who signed it comes first: what else is wrong is then that signer's doing.
	if _, result.Err = leaf.Verify(options); result.Err == nil {
		result.Err = leaf.VerifyHostname(host)
	}
	return result
}

// Fingerprint is the SHA-256 of a certificate in hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// SplitServer says where the parts of an update server are: a WSUS has its TLS on
// the port above that of its files, or on 443 when they are on 80 (wire.md 7.1).
func SplitServer(scheme, host, port string) (Target, error) {
	t := Target{Kind: WSUS, TLS: scheme == "https", Guessed: true, ObjectPath: usualObject}
	switch {
	case scheme == "http":
		port = cmp.Or(port, "80")
		t.Host, t.Content = net.JoinHostPort(host, port), net.JoinHostPort(host, port)
		t.Secure = net.JoinHostPort(host, beside(port, 1, "80", "443"))
	case scheme == "https":
		port = cmp.Or(port, "443")
		t.Guessed = false
		t.Host, t.Secure = net.JoinHostPort(host, port), net.JoinHostPort(host, port)
		t.Content = net.JoinHostPort(host, beside(port, -1, "443", "80"))
	default:
		return t, fmt.Errorf("scheme %q: an update server is asked by http or https", scheme)
	}
	return t, nil
}

// beside is the port that is by so much beside another, or the one of a pair.
func beside(port string, by int, one, other string) string {
	if n, err := strconv.Atoi(port); err == nil && port != one && n+by > 0 && n+by < 1<<16 {
		return strconv.Itoa(n + by)
	}
	return other
}
