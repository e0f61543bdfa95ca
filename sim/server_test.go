package sim

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe"
)

// elsewhereByName are the faults whose names begin with server- and that are done
// at another part all the same.
var elsewhereByName = []string{
	"server-name-gone", "server-port-refused", "server-syn-dropped", // without a proxy
	"server-unreachable", "server-tls-refused", // as the proxy sees it
	"server-issuer-unknown",                                                        // by the client
	"server-gone-503", "server-nameless-503", "server-gone-502", "server-gone-504", // as the proxy tells it
}

// NewServer takes the faults at the server, each of them, and refuses any other
// by name and part.
func TestServerFaults(t *testing.T) {
	n, err := assemble("", Faults)
	if err != nil {
		t.Fatal(err)
	}
	taken := ServerFaults()
	for _, f := range Faults {
		if len(n.touched[f.Name]) == 0 {
			t.Errorf("of %s it is not known where it acts", f.Name)
		}
		byName := strings.HasPrefix(f.Name, "server-") && !slices.Contains(elsewhereByName, f.Name)
		if slices.Contains(taken, f) != byName {
			t.Errorf("ServerFaults has %s: %v, want %v", f.Name, !byName, byName)
		}
		s, err := NewServer(f)
		if byName && (err != nil || s == nil) {
			t.Errorf("NewServer(%s) = %v, %v", f.Name, s, err)
		}
		if want := fmt.Sprintf("the fault %s acts at the ", f.Name); !byName && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("NewServer(%s) = %v, want %s...", f.Name, err, want)
		}
	}
}

// One fault that acts elsewhere is named also among others.
func TestServerRefusesFaultsElsewhere(t *testing.T) {
	_, err := NewServer(Lookup("server-pool-stopped"), Lookup("range-removed"))
	if want := "the fault range-removed acts at the proxy, and there is only a server"; err == nil || err.Error() != want {
		t.Errorf("NewServer = %v, want %s", err, want)
	}
}

// A server that nobody has started answers as its faults say, and as it is where
// they say nothing.
func TestServerAlone(t *testing.T) {
	for _, tt := range []struct {
		fault, path string
		status      int
		server      string
	}{
		{"server-pool-stopped", "/selfupdate/wuident.cab", 503, "Microsoft-HTTPAPI/2.0"},
		{"server-files-missing", "/selfupdate/wuident.cab", 404, "Microsoft-IIS/10.0"},
		{"server-files-missing", "/iuident.cab", 200, "Microsoft-IIS/10.0"},
		{"server-slashes-refused", "/filestreamingservice//files/x", 404, "Microsoft-IIS/10.0"},
	} {
		s, err := NewServer(Lookup(tt.fault))
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		s.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, tt.path, nil))
		if got := answer.Header().Get("Server"); answer.Code != tt.status || got != tt.server {
			t.Errorf("%s: GET %s is answered %d by %q, want %d by %q", tt.fault, tt.path, answer.Code, got, tt.status, tt.server)
		}
	}
}

// Two faults of the handshake are both in the server's TLS, which is that of its
// own authority.
func TestServerAloneTLS(t *testing.T) {
	s, err := NewServer(Lookup("server-wants-certificate"), Lookup("server-certificate-misnamed"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.TLS.GetCertificate(&tls.ClientHelloInfo{ServerName: ServerName, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}, SupportedCurves: []tls.CurveID{tls.CurveP256}})
	if err != nil {
		t.Fatal(err)
	}
	if s.TLS.ClientAuth != tls.RequireAnyClientCert {
		t.Errorf("ClientAuth is %v", s.TLS.ClientAuth)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil || leaf.VerifyHostname(ServerName) == nil || leaf.VerifyHostname("old-wsus.test") != nil {
		t.Errorf("the certificate is for %v (%v)", leaf.DNSNames, err)
	}
}

// That a certificate is wanted shows with each version of TLS: up to 1.2 in the
// handshake, and from 1.3 on behind it.
func TestCertificateWanted(t *testing.T) {
	for _, windows := range []probe.Windows{probe.Win7, probe.Win10, probe.Win11} {
		t.Run(string(windows), func(t *testing.T) {
			n := brokenNet(t, Lookup("server-wants-certificate").Break)
			c := n.Client(patience)
			c.Profile, _ = probe.LookupProfile(string(windows))
			c.Steps = slices.DeleteFunc(probe.StepsOf(c.Profile), func(s *probe.Step) bool { return s.On != "tls" && s.On != "wua" })
			r := probe.Conclude(c.Run(t.Context()), probe.About{})
			i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool { return f.Grade == probe.Fail })
			if i < 0 || r.Findings[i].Name != probe.CertificateWanted.Name || !slices.Equal(r.Findings[i].Steps, []string{"tls-config"}) {
				t.Errorf("the run shows %+v", r.Findings)
			}
			if i >= 0 && r.Findings[i].Codes[probe.WUA] != "0x80072F0C" {
				t.Errorf("the codes are %v", r.Findings[i].Codes)
			}
		})
	}
}
