package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
)

// Subjects as they stand in certificates (wire.md 5.3).
var (
	updateCA = pkix.Name{Country: []string{"US"}, Province: []string{"Washington"}, Locality: []string{"Redmond"},
		Organization: []string{"Microsoft Corporation"}, CommonName: "Microsoft ECC Update Secure Server CA 2.1"}
	contentCA    = pkix.Name{Organization: []string{"Microsoft Corporation"}, CommonName: "Microsoft Content Distribution Secure Server CA 2.1"}
	publicCA     = pkix.Name{Country: []string{"US"}, Organization: []string{"DigiCert Inc"}, CommonName: "DigiCert Global G2 TLS RSA SHA256 2020 CA1"}
	corporateCA  = pkix.Name{Organization: []string{"Example Corp"}, CommonName: "Example Corp Inspection CA"}
	pretendingCA = pkix.Name{Organization: []string{"Example Corp"}, CommonName: "Microsoft ECC Update Secure Server CA 2.1"}
)

// An issuer is an authority of a test.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newIssuer(t testing.TB, name pkix.Name) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
	return &issuer{certified(t, template, &issuer{template, key}, key), key}
}

// certified is template as an issuer signs it.
func certified(t testing.TB, template *x509.Certificate, by *issuer, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leaf is a certificate for a name that holds between two times from now.
func (i *issuer) leaf(t testing.TB, name string, from, until time.Duration) *x509.Certificate {
	t.Helper()
	return certified(t, &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until)}, i, i.key)
}

// showing is what a run saw of a host that showed such certificates.
func showing(host string, answer string, shown ...*x509.Certificate) *Result {
	o := &Observation{Exchange: &wire.Exchange{Authority: host + ":443", Stopped: wire.Done, Answer: wire.Lines(answer),
		Ended: time.Now(), TLS: &tls.ConnectionState{PeerCertificates: shown, Version: tls.VersionTLS12, CipherSuite: tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		Host: &endpoint.Host{Name: host, Port: "443", TLS: true, Path: "/"}}
	return &Result{Step: &Step{Name: reachName, Variant: host + ":443", Kind: reaching, Host: o.Host}, Observation: o}
}

// pinned says that a list forbids to inspect the host of r.
func pinned(r *Result) *Result {
	r.Observation.Host.Rows = []*endpoint.Row{{Inspection: endpoint.InspectionNo}}
	return r
}

const ok = "HTTP/1.1 200 OK\nContent-Length: 0"

// Who signed is judged by name and by comparison, and nobody is accused of whom
// nothing is proved.
func TestInspection(t *testing.T) {
	update, content, public, corporate, pretending := newIssuer(t, updateCA), newIssuer(t, contentCA), newIssuer(t, publicCA), newIssuer(t, corporateCA), newIssuer(t, pretendingCA)
	const hour = time.Hour
	by := func(i *issuer, host string) *Result { return showing(host, ok, i.leaf(t, host, -hour, hour)) }
	store := func(some ...*issuer) *x509.CertPool {
		pool := x509.NewCertPool()
		for _, i := range some {
			pool.AddCert(i.certificate)
		}
		return pool
	}
	const sls, fe3, live, catalog, do, licensing, nowhere = "slscr.update.microsoft.com", "fe3cr.delivery.mp.microsoft.com", "login.live.com",
		"www.catalog.update.microsoft.com", "geo.prod.do.dsp.mp.microsoft.com", "licensing.mp.microsoft.com", "proxycheck-0a1b2c3d.invalid"
	for _, tt := range []struct {
		name   string
		target Target
		seen   []*Result
		want   string // of the first, and what its evidence has
		has    string
	}{
		{"Microsoft's own, in no store", Target{Store: store(public)}, []*Result{by(update, sls), by(public, live)}, "", ""},
		{"Microsoft's own, and no store at all", Target{Store: store()}, []*Result{by(update, sls)}, "", ""},
		{"another authority of Microsoft", Target{Store: store(public)}, []*Result{by(content, sls), by(public, live)}, "", ""},
		{"one that has the name of the authority alone", Target{Store: store(public)}, []*Result{by(pretending, sls)}, "tls-inspected fail", "Update Secure Server CA"},
		{"inspected", Target{Store: store(public)}, []*Result{by(corporate, sls)}, "tls-inspected fail", "is not in the store of this machine"},
		{"inspected with a trusted root", Target{Store: store(public, corporate)}, []*Result{by(corporate, fe3), by(corporate, live)}, "tls-inspected fail", "this machine trusts it"},
		{"whom else it signs for", Target{Store: store(public)}, []*Result{by(corporate, fe3), by(corporate, live), by(public, licensing)}, "tls-inspected fail", "it also signed for login.live.com"},
		{"a site for browsers", Target{Store: store(public)}, []*Result{by(public, catalog)}, "", ""},
		{"pinned, and nothing known, by a public authority", Target{Store: store(public)}, []*Result{by(public, do)}, "", ""},
		{"pinned, and nothing known, by one of Microsoft", Target{Store: store(public)}, []*Result{by(content, do), by(public, live)}, "", ""},
		{"pinned, and nothing known, by nobody", Target{Store: store(public)}, []*Result{by(corporate, do), by(public, live)}, "tls-inspected fail", "no authority of Microsoft's"},
		{"pinned by a list, by nobody", Target{Store: store(public)}, []*Result{pinned(by(corporate, licensing)), by(public, live)}, "tls-inspected fail", "no authority of Microsoft's"},
		{"pinned by a list, by a trusted one", Target{Store: store(public, corporate)}, []*Result{pinned(by(corporate, licensing)), by(public, live)}, "", ""},
		{"by a trusted one that signs for a pinned host too", Target{Store: store(public, corporate)}, []*Result{pinned(by(corporate, licensing)), by(corporate, sls)}, "tls-inspected fail", "the same authority signed for slscr.update.microsoft.com"},
		{"by a trusted one that signs for what cannot exist", Target{Store: store(public, corporate)}, []*Result{by(corporate, do), by(corporate, nowhere)}, "tls-inspected fail", "which cannot exist"},
		{"by the given CA", Target{Store: store(public), Roots: store(corporate)}, []*Result{by(corporate, do)}, "tls-inspected fail", "the given CA vouches for it"},
		{"not pinned, and trusted", Target{Store: store(public, corporate)}, []*Result{by(corporate, live), by(corporate, sls)}, "tls-inspected note", "this machine trusts it"},
		{"not pinned, and not trusted", Target{Store: store(public)}, []*Result{by(corporate, live), by(corporate, sls), by(public, licensing)}, "tls-inspected " + string(onlyWindowsFails()), ""},
		{"not pinned, and nothing to compare with", Target{Store: store(public)}, []*Result{by(corporate, live), by(public, licensing)}, "issuer-unknown " + string(onlyWindowsFails()), ""},
		{"out of date", Target{Store: store(public)}, []*Result{showing(sls, ok, update.leaf(t, sls, -2*hour, -hour))}, "certificate-invalid fail", "expired"},
		{"for another name", Target{Store: store(public)}, []*Result{showing(sls, ok, update.leaf(t, "other.test", -hour, hour))}, "certificate-invalid fail", "other.test"},
		{"for another name, where it may not matter", Target{Store: store(public)}, []*Result{showing(live, ok, public.leaf(t, "a248.e.akamai.net", -hour, hour))}, "certificate-invalid note", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.target.Kind = Microsoft
			r := &Run{Target: tt.target, Results: tt.seen, Client: &Client{Profile: Profiles[0]}}
			r.certify()
			var got []string
			evidence := ""
			for _, v := range Judge(tt.seen[0].Step, tt.seen[0].Observation) {
				got, evidence = append(got, v.Finding.Name+" "+string(v.Grade)), evidence+v.Evidence
			}
			if strings.Join(got, ", ") != tt.want || !strings.Contains(evidence, tt.has) {
				t.Errorf("it shows %q: %s; want %q with %q", got, evidence, tt.want, tt.has)
			}
		})
	}
}

// Where pinning is enforced, a CA that clients trust is not enough for a WSUS.
func TestPinnedWSUS(t *testing.T) {
	own, corporate := newIssuer(t, pkix.Name{CommonName: "WSUS CA"}), newIssuer(t, corporateCA)
	roots := x509.NewCertPool()
	roots.AddCert(corporate.certificate)
	for pinned, want := range map[bool]Grade{false: Warn, true: Fail} {
		seen := showing("wsus.test", ok, corporate.leaf(t, "wsus.test", -time.Hour, time.Hour))
		r := &Run{Results: []*Result{seen}, Target: Target{Kind: FakeWSUS, CA: Fingerprint(own.certificate), Roots: roots, Pinned: pinned}}
		r.certify()
		got := Judge(saw("tls-config", "").step, saw("tls-config", goodConfig).with(func(o *Observation) { o.Trust = seen.Observation.Trust }).o)
		if len(got) != 1 || got[0].Finding != TLSInspected || got[0].Grade != want {
			t.Errorf("pinned: %v: it shows %v, want %s of grade %s", pinned, got, TLSInspected.Name, want)
		}
	}
}

// A clock is called wrong where answers agree that it is, and none of them was kept.
func TestClock(t *testing.T) {
	at := func(host string, ahead time.Duration, more string) *Result {
		date := time.Now().Add(-ahead).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
		return showing(host, "HTTP/1.1 200 OK\nContent-Length: 0\nDate: "+date+more)
	}
	const two = 48 * time.Hour
	for _, tt := range []struct {
		name    string
		seen    []*Result
		wrong   bool
		servers int
	}{
		{"nothing tells", nil, false, 0},
		{"one tells", []*Result{at("a", two, "")}, false, 1},
		{"three servers agree", []*Result{at("a", two, ""), at("b", two+time.Second, ""), at("c", two, "")}, true, 3},
		{"one server tells three times", []*Result{at("a", -two, ""), at("a", -two, ""), at("a", -two, "")}, true, 1},
		{"they were kept", []*Result{at("a", two, "\nAge: 172800"), at("b", two, "\nX-Cache: HIT from x"), at("c", two, "")}, false, 1},
		{"they do not agree", []*Result{at("a", two, ""), at("b", 2*two, ""), at("c", 3*two, "")}, false, 1},
		{"most are right", []*Result{at("a", two, ""), at("b", 0, ""), at("c", 0, ""), at("d", 0, "")}, false, 3},
		{"off by less than matters", []*Result{at("a", 4*time.Minute, ""), at("b", 4*time.Minute, ""), at("c", 4*time.Minute, "")}, false, 3},
	} {
		r := &Run{Target: Target{Kind: Microsoft}, Results: tt.seen}
		if c := timingOf(r); c.wrong() != tt.wrong || c.servers != tt.servers {
			t.Errorf("%s: wrong: %v by %d servers, want %v by %d; %+v", tt.name, c.wrong(), c.servers, tt.wrong, tt.servers, c)
		}
	}
}

// A certificate that has expired by this clock and not by that of the servers is no
// fault of the server's.
func TestClockExplainsDates(t *testing.T) {
	update := newIssuer(t, updateCA)
	const two = 48 * time.Hour
	date := "HTTP/1.1 200 OK\nContent-Length: 0\nDate: " + time.Now().Add(-two).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	r := &Run{Target: Target{Kind: Microsoft, Store: x509.NewCertPool()}, Client: &Client{Profile: Profiles[0]}}
	for _, host := range []string{"fe2cr.update.microsoft.com", "fe3cr.delivery.mp.microsoft.com", "slscr.update.microsoft.com"} {
		r.Results = append(r.Results, showing(host, date, update.leaf(t, host, -3*two, -two/2)))
	}
	r.certify()
	all := judge(r)
	for _, j := range all {
		if !j.shows(ClockWrong) || j.shows(CertificateInvalid) || j.verdicts[0].Owner != Machine || j.verdicts[0].Grade != Fail {
			t.Errorf("%s shows %v", j.id(), j.verdicts)
		}
	}
	if len(all) != 3 {
		t.Errorf("%d results are judged", len(all))
	}
}

// What a report says of certificates is bounded and clean, whatever they hold.
func TestHostileCertificates(t *testing.T) {
	ca := newIssuer(t, pkix.Name{CommonName: "\x1b[31m" + strings.Repeat("A", 70_000), Organization: []string{"a\nb"}})
	template := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: strings.Repeat("\x00", 5000)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for i := range 500 {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("%d.%s.test", i, strings.Repeat("x", 500)))
	}
	shown := []*x509.Certificate{certified(t, template, ca, ca.key)}
	for range 150 {
		shown = append(shown, ca.certificate)
	}
	r := &Run{Target: Target{Kind: Microsoft}, Client: &Client{Profile: Profiles[0]}, Results: []*Result{showing("sls.update.microsoft.com", ok, shown...)}}
	r.certify()
	list := certificates(judge(r))
	if len(list) != 1 {
		t.Fatalf("%d certificates, want one", len(list))
	}
	c := list[0]
	if len(c.Chain) != maxChain || len(c.Names) != maxNames || c.Shown != 151 {
		t.Errorf("%d in the chain of %d, %d names", len(c.Chain), c.Shown, len(c.Names))
	}
	for _, text := range append(append(c.Chain, c.Names...), c.Subject, c.Issuer, c.Root) {
		if len([]rune(text)) > maxName || strings.ContainsAny(text, "\x00\x1b\n") {
			t.Errorf("a text of %d bytes: %.40q", len(text), text)
		}
	}
}

// FuzzClean: whatever a name holds, it is one short line of valid text.
func FuzzClean(f *testing.F) {
	f.Add("CN=wsus.test,O=Example")
	f.Add("\x1b[2J\r\n\xff")
	f.Fuzz(func(t *testing.T, name string) {
		got := clean(name)
		if len([]rune(got)) > maxName || strings.ToValidUTF8(got, "") != got || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q becomes %q", name, got)
		}
		if clean(got) != got {
			t.Errorf("%q is not clean at once", got)
		}
	})
}
