//go:build interop

package main

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim"
)

// The host by whose certificate real products are tried, and one that is not pinned.
const (
	locator = "slscr.update.microsoft.com"
	account = "login.live.com"
	viruses = "definitionupdates.microsoft.com" // not pinned either
)

// The lines of real products that inspect TLS on the way to another proxy, whose address
// is in them twice: as host and port, and whole.
const (
	squidOnward = `
cache_peer %[1]s parent %[2]s 0 no-query no-digest default
never_direct allow all
tls_outgoing_options flags=DONT_VERIFY_PEER
sslproxy_cert_error allow all
acl hello at_step SslBump1
acl pinned ssl::server_name .update.microsoft.com .mp.microsoft.com definitionupdates.microsoft.com
ssl_bump peek hello
`
	mitmOnward = "mode: 'upstream:http://%[3]s'\n"
	mitmPinned = `ignore_hosts: ['updates?\.microsoft\.com', 'mp\.microsoft\.com']`
)

// Real products that inspect TLS are told from those that let the pinned hosts pass,
// in the net in which Microsoft's chains look as they are.
func TestInspectionByRealProxies(t *testing.T) {
	for _, tt := range []struct {
		product, place, lines string
		pinned, account       string // the issuers of a pinned host and of another; "" for Microsoft's and the public one
	}{
		{"squid", "", squidOnward + "ssl_bump bump all", "Example Corp TLS inspection", "Example Corp TLS inspection"},
		{"squid", "", squidOnward + "ssl_bump splice pinned\nssl_bump bump all", "", "Example Corp TLS inspection"},
		{"squid", "", squidOnward + "ssl_bump splice all", "", ""},
		{"mitmproxy", "config.yaml", mitmOnward, "mitmproxy", "mitmproxy"},
		{"mitmproxy", "config.yaml", mitmOnward + mitmPinned, "", "mitmproxy"},
	} {
		t.Run(fmt.Sprintf("%s, pinned by %q, others by %q", tt.product, tt.pinned, tt.account), func(t *testing.T) {
			t.Parallel()
			n, err := sim.NewNet("")
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			host, port, _ := net.SplitHostPort(n.Addr())
			lines := map[string]string{tt.place: fmt.Sprintf(tt.lines+"\n#%[1]s%[2]s%[3]s", host, port, n.Addr())}
			if tt.product == "squid" {
				lines["http_port"] = "http_port 127.0.0.1:{{.Port}} ssl-bump tls-cert={{.Dir}}/inspection.pem generate-host-certificates=on"
			}
			address, _ := product(t, tt.product).startWith(t, lines, n.Addr())
			r := askHosts(t, n, address)
			for _, want := range []struct {
				issuer string
				steps  []string
				status probe.Status
			}{
				{tt.pinned, []string{locator, "fe3cr.delivery.mp.microsoft.com", "licensing.mp.microsoft.com"}, probe.StatusFail},
				{tt.account, []string{account}, probe.StatusWarn}, // this machine's store does not have the root
			} {
				for _, host := range want.steps {
					checkInspected(t, r, host, want.issuer, want.status)
				}
			}
			for _, host := range []string{locator, account} {
				agreesWithOpenSSL(t, r, address, host)
			}
		})
	}
}

// checkInspected reports where a host that an issuer signed for is not so judged.
func checkInspected(t *testing.T, r *probe.Report, host, issuer string, status probe.Status) {
	t.Helper()
	c := certificateOf(t, r, host)
	i := slices.IndexFunc(r.Steps, func(s probe.Played) bool { return s.Variant == host+":443" })
	if i < 0 {
		t.Fatalf("%s was not asked", host)
	}
	s := r.Steps[i]
	inspected := slices.Contains(s.Findings, probe.TLSInspected.Name) || slices.Contains(s.Findings, probe.IssuerUnknown.Name)
	switch {
	case !strings.Contains(c.Issuer, issuer):
		t.Errorf("%s has its certificate of %q, want %q", host, c.Issuer, issuer)
	case issuer == "" && (inspected || s.Status != probe.StatusPass):
		t.Errorf("%s is %s with %v: %s", host, s.Status, s.Findings, s.Evidence)
	case issuer != "" && (!inspected || s.Status != status):
		t.Errorf("%s is %s with %v, want %s: %s", host, s.Status, s.Findings, status, s.Evidence)
	}
}

// askHosts asks some hosts of the lists through a proxy in front of n.
func askHosts(t *testing.T, n *sim.Net, proxy string) *probe.Report {
	t.Helper()
	c := n.Client(20 * time.Second)
	c.Proxy, c.Target = proxy, n.MicrosoftTarget()
	for name, inspection := range map[string]endpoint.Inspection{locator: endpoint.InspectionNo, "fe3cr.delivery.mp.microsoft.com": endpoint.InspectionNo,
		"licensing.mp.microsoft.com": endpoint.InspectionNo, account: endpoint.InspectionUnknown, viruses: endpoint.InspectionUnknown} {
		c.Hosts = append(c.Hosts, endpoint.Host{Name: name, Port: "443", TLS: true, By: "wua", Path: "/", Pattern: name,
			Rows: []*endpoint.Row{{Inspection: inspection}}, Sure: endpoint.Verified})
	}
	c.Steps = slices.DeleteFunc(c.AllSteps(), func(s *probe.Step) bool { return s.Host == nil })
	return probe.Conclude(c.Run(t.Context()), probe.About{Version: "test", Proxy: "http://" + proxy})
}

// certificateOf is what a report says of the certificate of a host.
func certificateOf(t *testing.T, r *probe.Report, host string) probe.Certificate {
	t.Helper()
	i := slices.IndexFunc(r.Certificates, func(c probe.Certificate) bool { return c.Host == host })
	if i < 0 {
		t.Fatalf("no certificate of %s is reported: %+v", host, r.Certificates)
	}
	return r.Certificates[i]
}

// What openssl s_client says of a connection.
var (
	shownCertificate = regexp.MustCompile(`(?m)^ *[0-9]+ s:(.*)\n +i:(.*)$`)
	agreedProtocol   = regexp.MustCompile(`(?m)^New, TLSv([0-9.]+), `)
)

// agreesWithOpenSSL reports where openssl sees another chain or another protocol at
// the end of a tunnel than a report says.
func agreesWithOpenSSL(t *testing.T, r *probe.Report, proxy, host string) {
	t.Helper()
	c := certificateOf(t, r, host)
	command := exec.CommandContext(t.Context(), "openssl", "s_client", "-proxy", proxy, "-connect", host+":443",
		"-servername", host, "-showcerts", "-nameopt", "RFC2253")
	command.Stdin = strings.NewReader("Q\n")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl s_client: %v\n%s", err, out)
	}
	var subjects []string
	issuer, root := "", ""
	for i, m := range shownCertificate.FindAllSubmatch(out, -1) {
		if root = inOrder(string(m[2])); i == 0 {
			issuer = root
		}
		subjects = append(subjects, inOrder(string(m[1])))
	}
	protocol := agreedProtocol.FindSubmatch(out)
	if protocol == nil {
		t.Fatalf("openssl names no protocol:\n%s", out)
	}
	var chain []string
	for _, subject := range c.Chain {
		chain = append(chain, inOrder(subject))
	}
	if !slices.Equal(chain, subjects) || inOrder(c.Issuer) != issuer || inOrder(c.Root) != root || c.Protocol != "TLS "+string(protocol[1]) {
		t.Errorf("%s: we see %q of %q under %q by %s; openssl %q of %q under %q by TLS %s", host,
			chain, c.Issuer, c.Root, c.Protocol, subjects, issuer, root, protocol[1])
	}
}

// inOrder has the parts of a name in the order of the alphabet: some write them in
// that of the certificate, and others as is usual.
func inOrder(name string) string {
	parts := strings.Split(name, ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
