package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
)

// A server that shows a hundred certificates is judged as any other, and the report
// names ten.
func TestLongChain(t *testing.T) {
	n := brokenNet(t, handshake(longChain(t, 100)))
	r := reportOf(t, n, n.SecureTarget(), nil)
	for _, s := range r.Steps {
		if !slices.Equal(s.Findings, []string{probe.TLSInspected.Name}) && s.Status != probe.StatusSkip { // its root is not the server's
			t.Errorf("%s is %s with %v: %s", s.ID, s.Status, s.Findings, s.Evidence)
		}
	}
	if len(r.Certificates) == 0 || len(r.Certificates[0].Chain) != 10 || r.Certificates[0].Shown != 100 {
		t.Fatalf("wrong certificates: %+v", r.Certificates)
	}
}

// longChain lets a server show so many certificates, each signed by the next.
func longChain(t *testing.T, length int) func(*tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain := &tls.Certificate{PrivateKey: key}
	var parent *x509.Certificate
	for i := range length {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprintf("CA %d", i)}, DNSNames: []string{ServerName},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: i < length-1, BasicConstraintsValid: true}
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		chain.Certificate = slices.Insert(chain.Certificate, 0, der)
	}
	return func(c *tls.Config) {
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return chain, nil }
	}
}

// reportOf is what a run of a client of n reports: of its WSUS, or of hosts of the
// lists.
func reportOf(t *testing.T, n *Net, target probe.Target, hosts []endpoint.Host) *probe.Report {
	t.Helper()
	c := n.Client(20 * time.Second)
	c.Target, c.Hosts = target, hosts
	if hosts != nil {
		c.Steps = c.AllSteps()
		c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return s.Host == nil })
	} else {
		c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return s.By != probe.WUA })
	}
	return probe.Conclude(c.Run(t.Context()), probe.About{Version: "test"})
}

// someHosts are hosts of the lists of each sort: of the update services, pinned by a
// list alone, and not pinned.
func someHosts() []endpoint.Host {
	no := []*endpoint.Row{{Inspection: endpoint.InspectionNo}}
	unknown := []*endpoint.Row{{Inspection: endpoint.InspectionUnknown}}
	of := func(rows []*endpoint.Row, names ...string) (some []endpoint.Host) {
		for _, name := range names {
			some = append(some, endpoint.Host{Name: name, Port: "443", TLS: true, By: "wua", Path: "/", Pattern: name, Rows: rows, Sure: endpoint.Verified})
		}
		return some
	}
	return slices.Concat(of(no, "slscr.update.microsoft.com", "fe2cr.update.microsoft.com", "fe3cr.delivery.mp.microsoft.com", "licensing.mp.microsoft.com"),
		of(unknown, "login.live.com", "definitionupdates.microsoft.com"))
}

// Microsoft's own chains, which end in no root that this machine has, are not taken
// for those of a box; those of a box are, whoever trusts it.
func TestMicrosoftInspected(t *testing.T) {
	all := func(string) bool { return true }
	services := func(name string) bool { return endpoint.Matches("*.update.microsoft.com", name) }
	for _, tt := range []struct {
		name   string
		breaks func(*Net)
		failed int // hosts that are inspected and pinned
		noted  int // that are inspected
	}{
		{"healthy", func(*Net) {}, 0, 0},
		{"inspected", inspecting(all), 4, 2},
		{"inspected with a trusted root", inspectingTrusted, 4, 2},
		{"the services alone are inspected", inspecting(services), 2, 0},
		{"all but the services are inspected", inspecting(func(name string) bool { return !services(name) }), 2, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := brokenNet(t, tt.breaks)
			r := reportOf(t, n, n.MicrosoftTarget(), someHosts())
			failed, noted := 0, 0
			for _, s := range r.Steps {
				if !slices.Contains(s.Findings, probe.TLSInspected.Name) {
					continue
				}
				if s.Status == probe.StatusFail {
					failed++
				} else {
					noted++
				}
			}
			if failed != tt.failed || noted != tt.noted || len(r.Certificates) < len(someHosts()) {
				t.Errorf("%d failed and %d noted, want %d and %d; %d certificates", failed, noted, tt.failed, tt.noted, len(r.Certificates))
				for _, s := range r.Steps {
					t.Logf("%s: %s %v %s", s.ID, s.Status, s.Findings, s.Evidence)
				}
			}
		})
	}
}

// With Microsoft's many servers it is sure whose clock is wrong.
func TestMicrosoftClock(t *testing.T) {
	n := brokenNet(t, setBack(48*time.Hour))
	r := reportOf(t, n, n.MicrosoftTarget(), someHosts())
	i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool { return f.Name == probe.ClockWrong.Name })
	if i < 0 || r.Findings[i].Owner != probe.Machine || r.Findings[i].Grade != probe.Fail {
		t.Errorf("wrong findings: %+v", r.Findings)
	}
	if slices.ContainsFunc(r.Findings, func(f probe.Shown) bool { return f.Name == probe.CertificateInvalid.Name }) {
		t.Error("the certificates are said to be invalid")
	}
	if days := time.Duration(r.ClockSkewMS) * time.Millisecond / time.Hour; days < 47 || days > 48 {
		t.Errorf("the clock is %d ms ahead", r.ClockSkewMS)
	}
}
