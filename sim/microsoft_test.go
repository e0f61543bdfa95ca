package sim_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// The catalogue for scans without a server, which anybody may fetch.
const scanURL = "http://download.windowsupdate.com/microsoftupdate/v6/wsusscan/wsusscn2.cab"

// listsOf are all names at all ports that the lists make.
func listsOf(t *testing.T) []endpoint.Host {
	t.Helper()
	hosts, _ := endpoint.Hosts(endpoint.All(), "")
	if len(hosts) < 60 {
		t.Fatalf("the lists make %d hosts", len(hosts))
	}
	return hosts
}

// A surfer is a client of net/http behind the proxy of a net. It believes every
// certificate, and does not follow redirects.
type surfer struct{ http.Client }

func surf(t *testing.T, faults ...string) (*surfer, *sim.Net) {
	t.Helper()
	var broken []*sim.Fault
	for _, name := range faults {
		broken = append(broken, fault(t, name))
	}
	n, err := sim.NewNet("", broken...)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		Proxy:              http.ProxyURL(&url.URL{Scheme: "http", Host: n.Addr()}),
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableCompression: true,
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		n.Close()
	})
	return &surfer{http.Client{Transport: transport, Timeout: ample,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, n
}

// A seen answer is one of at most a MiB, read to its end.
type seen struct {
	*http.Response
	body []byte
}

// ask makes a request with fields such as "Range: bytes=0-1".
func (s *surfer) ask(method, target string, body io.Reader, fields ...string) (*seen, error) {
	r, err := http.NewRequest(method, target, body)
	if err != nil {
		return nil, err
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header[name] = []string{value}
	}
	answer, err := s.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return &seen{answer, text}, err
}

// must is ask for what is answered.
func (s *surfer) must(t *testing.T, method, target string, body io.Reader, fields ...string) *seen {
	t.Helper()
	answer, err := s.ask(method, target, body, fields...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

// get is must for GET.
func (s *surfer) get(t *testing.T, target string, fields ...string) *seen {
	t.Helper()
	return s.must(t, http.MethodGet, target, nil, fields...)
}

// urlOf is what is asked of a host of the lists.
func urlOf(h endpoint.Host) string {
	if h.TLS {
		return "https://" + strings.ReplaceAll(h.Name, "{run}", "0123abcd") + h.Path
	}
	return "http://" + strings.ReplaceAll(h.Name, "{run}", "0123abcd") + h.Path
}

// signs are fields that only a proxy or a cache writes.
var signs = []string{"Via", "X-Cache", "X-Cache-Lookup", "Age", "X-Squid-Error", "Proxy-Connection", "X-Varnish"}

// Every host that a list names is there behind the proxy, with nothing of a proxy in
// its answers, and what the prober expects at its start. What cannot exist is not.
func TestMicrosoftHosts(t *testing.T) {
	s, _ := surf(t)
	for _, h := range listsOf(t) {
		if h.Port != "80" && h.Port != "443" {
			continue
		}
		answer, err := s.ask(http.MethodGet, urlOf(h), nil, "Range: bytes=0-1023")
		if h.Control {
			if !gatewayFails(answer, err) {
				t.Errorf("%s:%s, which cannot exist, is answered: %v", h.Name, h.Port, answer)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s:%s: %v", h.Name, h.Port, err)
			continue
		}
		if answer.StatusCode >= 500 || !bytes.HasPrefix(answer.body, []byte(h.Magic)) {
			t.Errorf("%s: %s, beginning %.20q, want %q", urlOf(h), answer.Status, answer.body, h.Magic)
		}
		for _, sign := range signs {
			if v := answer.Header.Get(sign); v != "" {
				t.Errorf("%s: it says %s: %s", urlOf(h), sign, v)
			}
		}
	}
}

// gatewayFails tells whether the proxy said that it cannot reach what was asked for.
func gatewayFails(answer *seen, err error) bool {
	if err != nil {
		return strings.Contains(err.Error(), "Bad Gateway")
	}
	return answer.StatusCode == http.StatusBadGateway
}

// The proxy is never an open relay: it reaches no name that is in no list, and listed
// ones at their ports alone.
func TestMicrosoftUnlisted(t *testing.T) {
	s, n := surf(t)
	for _, target := range []string{
		"http://www.example.com/", "https://www.example.com/",
		"http://download.windowsupdate.com.example.com/", "http://notwindowsupdate.com/",
		"http://download.windowsupdate.com:8080/", "https://slscr.update.microsoft.com:8443/",
		"http://proxycheck-0123abcd.windowsupdate.com/", "https://proxycheck-0123abcd.update.microsoft.com/",
		"http://proxycheck-0123abcd.invalid/", "https://proxycheck-0123abcd.invalid/",
		"http://127.0.0.1:1/", "http://127.0.0.1/",
	} {
		if answer, err := s.ask(http.MethodGet, target, nil); !gatewayFails(answer, err) {
			t.Errorf("%s is answered: %v %v", target, answer, err)
		}
	}
	if answer := s.get(t, "http://"+n.MicrosoftTarget().Address+"/"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a cache at a provider answers %s", answer.Status)
	}
}

// The big file is the same under every query and name, from whatever offset.
func TestMicrosoftScanFile(t *testing.T) {
	s, _ := surf(t)
	head := s.must(t, http.MethodHead, scanURL+"?1f2e3d4c", nil)
	if head.StatusCode != 200 || head.ContentLength != wsus.ScanSize || wsus.ScanSize < 200<<20 ||
		head.Header.Get("Accept-Ranges") != "bytes" || head.Header.Get("ETag") == "" || head.Header.Get("Last-Modified") == "" {
		t.Fatalf("HEAD: %s, %d bytes: %v", head.Status, head.ContentLength, head.Header)
	}
	part := func(target string, from, to int64) []byte {
		t.Helper()
		answer := s.get(t, target, fmt.Sprintf("Range: bytes=%d-%d", from, to), "If-Unmodified-Since: "+head.Header.Get("Last-Modified"))
		want := fmt.Sprintf("bytes %d-%d/%d", from, to, wsus.ScanSize)
		if answer.StatusCode != 206 || answer.Header.Get("Content-Range") != want || int64(len(answer.body)) != to-from+1 {
			t.Fatalf("%s, %q with %d bytes, want %q", answer.Status, answer.Header.Get("Content-Range"), len(answer.body), want)
		}
		return answer.body
	}
	first := part(scanURL, 0, 99)
	if !bytes.HasPrefix(first, []byte("MSCF")) || binary.LittleEndian.Uint32(first[8:]) != wsus.ScanSize {
		t.Errorf("it begins with %q, which is no cabinet of its size", first[:16])
	}
	if again := part("http://7.download.windowsupdate.com/MicrosoftUpdate/v6/wsusscan/wsusscn2.cab?other", 50, 149); !bytes.Equal(again[:50], first[50:]) {
		t.Error("under another name it has other bytes")
	}
	const deep = 150 << 20
	if one, other := part(scanURL+"?a", deep, deep+999), part(scanURL+"?b", deep+500, deep+1499); !bytes.Equal(one[500:], other[:500]) {
		t.Error("deep inside, two parts that overlap differ")
	}
	part(scanURL, wsus.ScanSize-1, wsus.ScanSize-1)
	for _, row := range []struct {
		fields []string
		status int
	}{
		{[]string{fmt.Sprintf("Range: bytes=%d-", int64(wsus.ScanSize))}, 416},
		{[]string{"Range: bytes=0-9", "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"}, 412},
		{[]string{"If-None-Match: " + head.Header.Get("ETag")}, 304},
	} {
		if answer := s.get(t, scanURL, row.fields...); answer.StatusCode != row.status {
			t.Errorf("%v: %s, want %d", row.fields, answer.Status, row.status)
		}
	}
}

// Hosts that are pinned show a chain of Microsoft's alone, and the others one that
// every machine trusts.
func TestMicrosoftChains(t *testing.T) {
	s, n := surf(t)
	root := x509.NewCertPool()
	root.AppendCertsFromPEM(n.Microsoft.Authority.UpdateRoot())
	for _, row := range []struct {
		name, issuer string
		roots        *x509.CertPool
	}{
		{"slscr.update.microsoft.com", "Microsoft ECC Update Secure Server CA 2.1", root},
		{"fe3cr.delivery.mp.microsoft.com", "Microsoft ECC Update Secure Server CA 2.1", root},
		{"adl.windows.com", "Microsoft Azure RSA TLS Issuing CA 03", n.Microsoft.Roots},
		{"geo-prod.do.dsp.mp.microsoft.com", "Microsoft Azure RSA TLS Issuing CA 03", n.Microsoft.Roots},
	} {
		chain := s.get(t, "https://"+row.name+"/").TLS.PeerCertificates
		options := x509.VerifyOptions{DNSName: row.name, Roots: row.roots, Intermediates: x509.NewCertPool()}
		for _, c := range chain[1:] {
			options.Intermediates.AddCert(c)
		}
		if _, err := chain[0].Verify(options); err != nil || chain[0].Issuer.CommonName != row.issuer {
			t.Errorf("%s is of %s, want %s: %v", row.name, chain[0].Issuer, row.issuer, err)
		}
	}
}

// What the steps ask of Microsoft's servers beside that they are there.
func TestMicrosoftServices(t *testing.T) {
	s, _ := surf(t)
	const ctl = "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/"
	for _, target := range []string{
		ctl + "authrootstl.cab?fe1213d701860727", ctl + "disallowedcertstl.cab", ctl + "pinrulesstl.cab",
		"https://slscr.update.microsoft.com/SLS/{9482F4B4-E343-43B6-B170-9A65BC822C77}/x64/10.0.19045.4355/0?CH=803&L=en-US",
		"http://ds.download.windowsupdate.com/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab",
		"http://download.microsoft.com/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab",
		"http://fe2.update.microsoft.com/v11/2/microsoftupdate/redir/v6-muredir.cab",
		"http://www.update.microsoft.com/v9/windowsupdate/selfupdate/wuident.cab?0911180916",
		"http://windowsupdate.microsoft.com/v4/iuident.cab?0307011208",
	} {
		if answer := s.get(t, target); answer.StatusCode != 200 || !bytes.HasPrefix(answer.body, []byte("MSCF")) {
			t.Errorf("%s: %s, beginning %.20q", target, answer.Status, answer.body)
		}
	}
	list := s.get(t, ctl+"authrootstl.cab")
	if changed, err := http.ParseTime(list.Header.Get("Last-Modified")); err != nil || time.Since(changed) > 31*24*time.Hour {
		t.Errorf("the list of trusted roots is of %s: %v", list.Header.Get("Last-Modified"), err)
	}
	if again := s.get(t, ctl+"authrootstl.cab", "If-None-Match: "+list.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("that list is again answered %s", again.Status)
	}

	revoked := s.get(t, "http://crl.microsoft.com/pki/crl/products/MicRooCerAut_2010-06-23.crl")
	if _, err := x509.ParseRevocationList(revoked.body); err != nil {
		t.Errorf("the list of revoked certificates: %v", err)
	}
	if err := wusp.CheckOCSP(s.get(t, "http://ocsp.digicert.com"+wusp.OCSPTarget).body); err != nil {
		t.Errorf("the answer of OCSP %v", err)
	}
	for target, want := range map[string]string{
		"http://www.msftconnecttest.com/connecttest.txt": "Microsoft Connect Test",
		"http://www.msftncsi.com/ncsi.txt":               "Microsoft NCSI",
	} {
		if answer := s.get(t, target); string(answer.body) != want {
			t.Errorf("%s says %q", target, answer.body)
		}
	}
	if answer := s.get(t, "http://go.microsoft.com/"); answer.StatusCode != 302 || answer.Header.Get("Location") != "https://www.microsoft.com/" {
		t.Errorf("go.microsoft.com answers %s, %s", answer.Status, answer.Header.Get("Location"))
	}
}

// The catalogue's servers speak the same protocol as a WSUS, and are none.
func TestMicrosoftCatalogueIsNoWSUS(t *testing.T) {
	s, _ := surf(t)
	const call = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<GetConfig xmlns="http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"><protocolVersion>1.8</protocolVersion></GetConfig></s:Body></s:Envelope>`
	config := s.must(t, http.MethodPost, "https://fe2cr.update.microsoft.com/v6/ClientWebService/client.asmx", strings.NewReader(call),
		"Content-Type: text/xml; charset=utf-8", `SOAPAction: "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"`)
	if config.StatusCode != 200 || !bytes.Contains(config.body, []byte("GetConfigResult")) {
		t.Errorf("GetConfig: %s %.200q", config.Status, config.body)
	}
	for _, target := range []string{
		"https://fe2cr.update.microsoft.com" + wusp.HelloPath, "http://download.windowsupdate.com" + wusp.HelloPath,
		"http://download.windowsupdate.com/Content/C0/000000001000AAAAAAAAAAAAAAAAAAAAAAAAAAC0.cab",
	} {
		if answer := s.get(t, target); answer.StatusCode/100 != 4 || bytes.Contains(answer.body, []byte("fakewsus")) {
			t.Errorf("%s: %s %.100q", target, answer.Status, answer.body)
		}
	}
}

// A net that is closed has no port left.
func TestMicrosoftCloses(t *testing.T) {
	n, err := sim.NewNet("")
	if err != nil {
		t.Fatal(err)
	}
	address := n.MicrosoftTarget().Address
	n.Close()
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Errorf("%s still listens", address)
	}
}

// What each fault of the hosts does, as any client sees it.
func TestHostFaults(t *testing.T) {
	const file = "http://au.download.windowsupdate.com/"
	for _, row := range []struct {
		fault, target string
		want          string // the status, an error's text, or the name of an issuer
		other         string // that is as without the fault
	}{
		{"host-denied", "http://dmd.metaservices.microsoft.com/", "403", file},
		{"host-denied", "https://dmd.metaservices.microsoft.com/", "Forbidden", "https://adl.windows.com/"},
		{"host-denied-bare", "http://dmd.metaservices.microsoft.com/", "403", file},
		{"host-tunnel-denied", "https://adl.windows.com/", "Forbidden", "https://tsfe.trafficshaping.dsp.mp.microsoft.com/"},
		{"host-policy-503", "http://dmd.metaservices.microsoft.com/", "503", file},
		{"host-dropped", "https://tsfe.trafficshaping.dsp.mp.microsoft.com/", "Gateway Timeout", "https://adl.windows.com/"},
		{"host-reset", "https://adl.windows.com/", "reset", "https://tsfe.trafficshaping.dsp.mp.microsoft.com/"},
		{"host-handshake-reset", "https://adl.windows.com/", "reset", "https://tsfe.trafficshaping.dsp.mp.microsoft.com/"},
		{"prefix-names-denied", "http://2.au.download.windowsupdate.com/", "403", file},
		{"names-exact-only", "http://2.au.download.windowsupdate.com/", "403", file},
		{"names-exact-only", "http://proxycheck-01234567.windowsupdate.com/", "403", "https://slscr.update.microsoft.com/"},
		{"category-page", file, "200", "https://slscr.update.microsoft.com/"},
		{"category-portal", file, "302", "https://slscr.update.microsoft.com/"},
		{"inspected-but-bypass", "https://adl.windows.com/", "Example Corp Inspection CA", "https://slscr.update.microsoft.com/"},
		{"inspected-some", "https://geo-prod.do.dsp.mp.microsoft.com/", "Example Corp Inspection CA", "https://dmd.metaservices.microsoft.com/"},
		{"inspected-trusted", "https://slscr.update.microsoft.com/", "Example Corp Inspection CA", file},
		{"revocation-hosts-denied", "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl", "403", file},
		{"trust-list-page", "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab", "200", file},
		{"files-fetched-whole", scanURL, "200", file},
		{"range-removed", scanURL, "200", file},
	} {
		t.Run(row.fault, func(t *testing.T) {
			healthy, _ := surf(t)
			broken, _ := surf(t, row.fault)
			before, met, other := healthy.sight(row.target), broken.sight(row.target), broken.sight(row.other)
			if met == before || !strings.Contains(met, row.want) {
				t.Errorf("%s: %s, want %s, and without the fault %s", row.target, met, row.want, before)
			}
			if was := healthy.sight(row.other); other != was {
				t.Errorf("%s: %s, want %s", row.other, other, was)
			}
		})
	}
}

// sight is what a client sees of a URL, in short.
func (s *surfer) sight(target string) string {
	answer, err := s.ask(http.MethodGet, target, nil, "Range: bytes=0-99")
	if err != nil {
		return err.Error()
	}
	by := ""
	if answer.TLS != nil {
		by = answer.TLS.PeerCertificates[0].Issuer.CommonName
	}
	return fmt.Sprintf("%d %s %s %.60q", answer.StatusCode, answer.Header.Get("Server"), by, answer.body)
}

// A cache at a provider has an address for a name, which a list of names does not have.
func TestCacheAddressesDenied(t *testing.T) {
	for want, faults := range map[int][]string{http.StatusNotFound: nil, http.StatusForbidden: {"cache-addresses-denied"}} {
		s, n := surf(t, faults...)
		if answer := s.get(t, "http://"+n.MicrosoftTarget().Address+"/"); answer.StatusCode != want {
			t.Errorf("with %v: %s, want %d", faults, answer.Status, want)
		}
	}
}

// A proxy that inspects with a root which the machine trusts shows chains that hold.
func TestInspectedTrusted(t *testing.T) {
	s, n := surf(t, "inspected-trusted")
	leaf := s.get(t, "https://slscr.update.microsoft.com/").TLS.PeerCertificates[0]
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "slscr.update.microsoft.com", Roots: n.Microsoft.Roots}); err != nil {
		t.Error(err)
	}
}
