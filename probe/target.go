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
	"strconv"
	"strings"

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
	Pinned     bool           // policy lets clients take no certificate but of the server's own root, whoever else they trust
	Store      *x509.CertPool // in place of the store of this machine for Microsoft's servers; nil for that
}

// MicrosoftTarget stands for Microsoft's servers. The file of which parts are fetched
// is one that anybody gets there, of some hundred megabytes.
func MicrosoftTarget() Target {
	return Target{Kind: Microsoft, Content: updates, ObjectPath: "/microsoftupdate/v6/wsusscan/wsusscn2.cab"}
}

// Microsoft's servers that steps ask (wire.md 2.3, 2.8, 5.4 to 5.6).
const (
	updates    = "download.windowsupdate.com:80"
	trustLists = "ctldl.windowsupdate.com:80"
)

// ours tells whether the server is one that is known to say certain things.
func (t *Target) ours() bool { return t.Kind == FakeWSUS || t.Kind == Embedded }

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
// argument states. On a WSUS that is not ours it is one that is there: under a
// query of its own it would be new to caches, and pass by rules that look at the
// end of a URL. Microsoft's files are asked for with queries anyway (wire.md 4.2).
func (t *Target) object(run, argument string) Object {
	switch {
	case t.Kind == Microsoft:
		return Object{Path: t.ObjectPath + "?" + strings.ToLower(run), Size: -1}
	case t.Size == 0:
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
	switch {
	case t.Kind == Microsoft:
		host, port = "do.dsp.mp.microsoft.com", "443" // which the lines do not have
		acl = strings.TrimSpace(acl) + " ." + host
	case net.ParseIP(host) != nil:
		acl = "acl windowsupdate dst " + host
	}
	return strings.NewReplacer("{squid-acl}", acl, "{server}", host, "{server-re}", regexp.QuoteMeta(host), "{tls-port}", port).Replace(fix)
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
