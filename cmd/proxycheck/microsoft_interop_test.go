//go:build interop

package main

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim"
)

// An internet is Microsoft's servers at the ports and under the names that they have,
// so that a proxy finds them by itself: it asks a name service, and of what does not
// exist it tells in words of its own.
type internet struct {
	net     *sim.Net // the servers, and the client that trusts them as every machine does
	address string   // of all servers but one
	apart   string   // of that one: what denies addresses then denies nothing else
}

// metadata is the host that is denied alone, or not found: clients ask for it both in
// clear and through a tunnel.
const metadata = "dmd.metaservices.microsoft.com"

// newInternet serves Microsoft's servers on addresses that nobody else on this machine
// has. The handler is put around what they answer; nil for none.
func newInternet(t *testing.T, around func(http.Handler) http.Handler) *internet {
	t.Helper()
	n, err := sim.NewNet("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	handler := n.Microsoft.Handler
	if around != nil {
		handler = around(handler)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { server.Close() })
	i := &internet{n, ownAddress(), ownAddress()}
	for _, address := range []string{i.address, i.apart} {
		plain, secure := listenAt(t, address, "80"), listenAt(t, address, "443")
		go server.Serve(plain)
		go server.Serve(tls.NewListener(secure, n.Microsoft.TLS))
	}
	return i
}

// listenAt listens at a port that servers of the field have.
func listenAt(t *testing.T, address, port string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, port))
	if err != nil {
		t.Fatalf("only root has this port, or whoever has a network of his own: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// addresses counts those that were given out.
var addresses atomic.Uint32

// ownAddress is a loopback address that no other test takes and no other process: the
// ports on it are fixed.
func ownAddress() string {
	pid := os.Getpid()
	return net.IPv4(127, byte(64+pid>>8%64), byte(pid), byte(addresses.Add(1))).String()
}

// names is the address of a name service that knows the hosts of the lists but for
// those missing, and nobody else. It is at the port at which resolvers ask.
func (i *internet) names(t *testing.T, missing ...string) string {
	t.Helper()
	address := ownAddress()
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "53"))
	if err != nil {
		t.Fatalf("only root has this port, or whoever has a network of his own: %v", err)
	}
	started, served := make(chan struct{}), make(chan struct{})
	server := &dns.Server{
		PacketConn:        conn,
		NotifyStartedFunc: func() { close(started) },
		Handler:           dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(i.answer(q, missing)) }),
	}
	go func() {
		defer close(served)
		server.ActivateAndServe()
	}()
	<-started
	t.Cleanup(func() {
		server.Shutdown()
		<-served
	})
	return address
}

// answer is that of the name service.
func (i *internet) answer(q *dns.Msg, missing []string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) != 1 {
		return m.SetRcode(q, dns.RcodeFormatError)
	}
	asked := q.Question[0]
	name := strings.TrimSuffix(strings.ToLower(asked.Name), ".")
	listed := func(r *endpoint.Row) bool { return endpoint.Matches(r.Pattern, name) }
	if strings.HasPrefix(name, "proxycheck-") || slices.Contains(missing, name) || !slices.ContainsFunc(endpoint.All(), listed) {
		return m.SetRcode(q, dns.RcodeNameError)
	}
	if asked.Qtype == dns.TypeA {
		a := &dns.A{Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(i.address)}
		if name == metadata {
			a.A = net.ParseIP(i.apart)
		}
		m.Answer = []dns.RR{a}
	}
	return m
}

// resolving is a product that asks a name service: where its configuration can name
// one, by that, and else by a file resolv.conf of its own.
func resolving(t *testing.T, name, service string) *realProxy {
	t.Helper()
	p := *product(t, name)
	p.files = maps.Clone(p.files)
	switch name {
	case "squid":
		p.config = strings.Replace(p.config, "dns_nameservers 127.0.0.1", "dns_nameservers "+service, 1)
		p.files["hosts"] = ""
	case "nginx":
		p.config = strings.Replace(p.config, "\tserver {\n", "\tresolver "+service+" ipv6=off;\n\tserver {\n", 1)
	case "haproxy":
		p.config = strings.NewReplacer(
			"\ndefaults\n", "\nresolvers names\n\tnameserver service "+service+":53\n\tresolve_retries 1\n\ttimeout retry 200ms\ndefaults\n",
			"http-request set-dst url_ip", "http-request do-resolve(txn.ip,names,ipv4) req.hdr(host),host_only\n\thttp-request set-dst var(txn.ip)",
			"http-request set-dst-port url_port", "http-request set-dst-port int(80)",
		).Replace(p.config)
	default:
		p.files["resolv.conf"] = "nameserver " + service + "\noptions timeout:2 attempts:2\n"
		command := p.command
		p.command = func(dir, port string) []string { return append(withResolver(dir), command(dir, port)...) }
	}
	return &p
}

// withResolver starts what is behind it with the file resolv.conf of a directory, in
// view of nobody else, and as whoever it is.
func withResolver(dir string) []string {
	const script = `exec unshare -rm /bin/sh -c '
		mount --bind "$0/resolv.conf" /etc/resolv.conf && user=$1 group=$2 && shift 2 &&
		exec unshare --map-user="$user" --map-group="$group" setpriv --pdeathsig TERM "$@"
	' "$0" "$(id -u)" "$(id -g)" "$@"`
	return []string{"/bin/sh", "-c", script, dir}
}

// through asks the hosts of the lists of Windows 11 through a proxy, and makes the
// other exchanges with Microsoft's servers.
func (i *internet) through(ctx context.Context, proxy string) *probe.Report {
	c := i.net.MicrosoftClient(20 * time.Second)
	c.Proxy, c.Target.Address = proxy, "" // at which address a host is, nobody is told in the field
	c.Steps = c.AllSteps()
	return probe.Conclude(c.Run(ctx), probe.About{Version: "test", Server: "microsoft", Proxy: "http://" + proxy})
}

// A microsoftTrial is what a product shows in front of Microsoft's servers.
type microsoftTrial struct {
	product, title string            // as it comes, where there is no title
	lines          map[string]string // of the configuration, by their place
	missing        string            // a host that the name service does not know; "" for none

	fails, warns string      // the findings of those grades, by their names
	at           []string    // the steps that show the first of them; nil for whichever
	owner        probe.Owner // of all findings; "" for the proxy
}

// Steps that ask one host.
var (
	ofMetadata = []string{"reach@" + metadata + ":443", "reach@" + metadata + ":80"}
	ofADL      = []string{"reach@adl.windows.com:443"}
)

// closes is what is known of tinyproxy, whatever it is used for: it closes each
// connection behind its answer, where it was asked to keep it.
const closes = "keep-alive-broken"

// plainTrials are the products as they come, and with the rules of allowlist.
func plainTrials(t *testing.T, service string) []microsoftTrial {
	port := strings.NewReplacer("127.0.0.1:3128", "127.0.0.1:{{.Port}}", "resolver 127.0.0.1;", "resolver "+service+" ipv6=off;")
	onlyOurs := strings.NewReplacer(
		"# { +block{Only Windows Update is allowed.} }\n# /", "{ +block{Only Windows Update is allowed.} }\n/",
		"# http-request deny deny_status 403 unless", "http-request deny deny_status 403 unless")
	return []microsoftTrial{
		{product: "squid"},
		{product: "squid", title: "our rules, and nothing else", lines: map[string]string{"": rules(t, "squid") + "http_access deny all"}},
		{product: "squid", title: "a login, and none for our hosts", lines: map[string]string{"": rules(t, "squid-auth-exempt") + product(t, "squid").variants["basic-auth"]}},
		{product: "apache"},
		{product: "trafficserver"},
		{product: "tinyproxy", warns: closes},
		{product: "tinyproxy", title: "tunnels to 443 alone", lines: map[string]string{"": "ConnectPort 443"}, warns: closes},
		{product: "tinyproxy", title: "our rules, and nothing else", warns: closes, lines: map[string]string{
			"": "FilterURLs On\nFilterType ere\nConnectPort 443", "the file of Filter, beside FilterDefaultDeny Yes": rules(t, "tinyproxy")}},
		// Its list of advertisers has ad*.
		{product: "privoxy", fails: "host-blocked", at: ofADL},
		{product: "privoxy", title: "our rules", lines: map[string]string{"user.action": rules(t, "privoxy")}},
		{product: "privoxy", title: "our rules, and nothing else", lines: map[string]string{"user.action": onlyOurs.Replace(rules(t, "privoxy"))}},
		// These know no CONNECT.
		{product: "nginx", fails: "tunnel-denied"},
		{product: "nginx", title: "our rules, and nothing else", fails: "tunnel-denied", lines: map[string]string{"http { }": port.Replace(rules(t, "nginx"))}},
		{product: "haproxy", fails: "tunnel-denied"},
		{product: "haproxy", title: "our rules, and nothing else", fails: "tunnel-denied", lines: map[string]string{"": onlyOurs.Replace(rules(t, "haproxy"))}},
		// It looks into TLS, which is what it is for.
		{product: "mitmproxy", fails: "tls-inspected"},
	}
}

// wrongTrials are configurations as they are found where Windows Update fails.
func wrongTrials(t *testing.T) []microsoftTrial {
	squid := func(lines string) map[string]string { return map[string]string{"": lines} }
	bump := func(lines string) map[string]string {
		return map[string]string{
			"http_port": strings.NewReplacer(product(t, "squid").own...).Replace(inspecting["http_port"]),
			"": lines + "\nacl hello at_step SslBump1\nssl_bump peek hello\nssl_bump bump all\n" +
				"sslproxy_cert_error allow all\ntls_outgoing_options flags=DONT_VERIFY_PEER\n",
		}
	}
	const one = "acl one dstdomain " + metadata + "\n"
	return []microsoftTrial{
		{product: "squid", title: "one host denied", lines: squid(one + "http_access deny one"), fails: "host-blocked", at: ofMetadata},
		{product: "squid", title: "one host sent to a portal", lines: squid(one + "deny_info 302:http://portal.example/ one\nhttp_access deny one"), fails: "host-blocked", at: ofMetadata},
		{product: "squid", title: "one host reset", lines: squid(one + "deny_info TCP_RESET one\nhttp_access deny one"), fails: "connection-reset host-blocked", owner: probe.Unknown},
		{product: "tinyproxy", title: "one host filtered", fails: "host-blocked", warns: closes, at: ofMetadata,
			lines: map[string]string{"the file of Filter, beside FilterURLs On": `(^|//)dmd\.metaservices\.microsoft\.com`}},
		{product: "privoxy", title: "one host blocked", lines: map[string]string{"user.action": "{ -block }\nadl.windows.com\n{ +block{Not wanted.} }\n" + metadata}, fails: "host-blocked", at: ofMetadata},
		{product: "apache", title: "one host blocked", lines: map[string]string{"": "ProxyBlock " + metadata}, fails: "host-blocked", at: ofMetadata},

		{product: "squid", title: "one prefix denied", lines: squid("acl one dstdomain 7.tlu.dl.delivery.mp.microsoft.com\nhttp_access deny one"),
			fails: "prefix-denied", at: []string{"reach@7.tlu.dl.delivery.mp.microsoft.com:80"}},
		{product: "squid", title: "exact names allowed", lines: squid("acl listed dstdomain " + strings.Join(exactNames(), " ") + "\nhttp_access deny !listed"),
			fails: "prefix-denied", warns: "wildcard-narrow"},
		{product: "squid", title: "exact names of tunnels allowed", lines: squid("acl listed dstdomain " + strings.Join(exactNames(), " ") + "\nhttp_access deny CONNECT !listed"),
			warns: "wildcard-narrow"},
		{product: "squid", title: "tunnels denied", lines: squid("http_access deny CONNECT"), fails: "tunnel-denied"},
		{product: "squid", title: "revocation denied", lines: squid("acl lists dstdomain crl.microsoft.com www.microsoft.com\nhttp_access deny lists"),
			fails: "revocation-blocked", at: []string{"crl-file", "reach@crl.microsoft.com:80", "reach@www.microsoft.com:80"}},
		{product: "squid", title: "connectivity denied", lines: squid("acl ncsi dstdomain .msftconnecttest.com\nhttp_access deny ncsi"), warns: "connectivity-altered"},

		{product: "squid", title: "a login", lines: squid(product(t, "squid").variants["ntlm-auth"]), fails: "login-wanted"},
		{product: "squid", title: "a login in clear", lines: squid(product(t, "squid").variants["basic-auth"]), fails: "login-unusable"},

		{product: "squid", title: "one host not found", missing: metadata, fails: "host-unreached", at: ofMetadata, owner: probe.Unknown},
		{product: "apache", title: "one host not found", missing: metadata, fails: "host-unreached", at: ofMetadata, owner: probe.Unknown},
		{product: "tinyproxy", title: "one host not found", missing: metadata, fails: "host-unreached", warns: closes, at: ofMetadata, owner: probe.Unknown},
		{product: "privoxy", title: "one host not found", missing: metadata, lines: map[string]string{"user.action": rules(t, "privoxy")}, fails: "host-unreached", at: ofMetadata, owner: probe.Unknown},

		{product: "squid", title: "all inspected", lines: bump(""), fails: "tls-inspected"},
		{product: "squid", title: "all inspected but two domains", lines: bump("acl spared ssl::server_name .update.microsoft.com .windowsupdate.com\nssl_bump splice spared"), fails: "tls-inspected"},
		// Clients that trust its root take what is inspected then; whether they do is not
		// known here.
		{product: "squid", title: "all inspected but our list", lines: bump(rules(t, "squid-splice")), warns: "tls-inspected"},
	}
}

// exactNames are those of the lists that somebody allows who takes them one by one.
func exactNames() []string {
	var names []string
	hosts, _ := endpoint.Hosts(endpoint.All(), "")
	for _, h := range hosts {
		if !h.Numbered && !h.Control && !slices.Contains(names, h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// In front of Microsoft's servers, which they find by themselves, products that are well
// show nothing, and others what is wrong with them and nothing else.
func TestMicrosoftThroughProducts(t *testing.T) {
	i := newInternet(t, nil)
	service := i.names(t)
	for _, trial := range append(plainTrials(t, service), wrongTrials(t)...) {
		t.Run(strings.TrimSpace(trial.product+" "+trial.title), func(t *testing.T) {
			t.Parallel()
			asked := service
			if trial.missing != "" {
				asked = i.names(t, trial.missing)
			}
			address, _ := resolving(t, trial.product, asked).startWith(t, trial.lines, "127.0.0.1:1")
			trial.check(t, i.through(t.Context(), address))
		})
	}
}

// check holds what a run shows against what it should.
func (trial microsoftTrial) check(t *testing.T, r *probe.Report) {
	t.Helper()
	verdict, owner := probe.StatusPass, trial.owner
	switch {
	case trial.fails != "":
		verdict = probe.StatusFail
	case trial.warns != "":
		verdict = probe.StatusWarn
	}
	if owner == "" {
		owner = probe.Proxy
	}
	if fails, warns := found(*r, probe.Fail), found(*r, probe.Warn); fails != trial.fails || warns != trial.warns || r.Verdict != verdict {
		t.Errorf("it is %s, want %s; fails %q, want %q; warns %q, want %q", r.Verdict, verdict, fails, trial.fails, warns, trial.warns)
	}
	for _, f := range r.Findings {
		if f.Owner != owner && f.Grade == probe.Fail {
			t.Errorf("%s is put down to %s, want %s: %s", f.Name, f.Owner, owner, f.Evidence)
		}
	}
	if trial.at != nil && len(r.Findings) > 0 {
		steps := slices.Sorted(slices.Values(r.Findings[0].Steps))
		if !slices.Equal(steps, trial.at) {
			t.Errorf("%s is shown by %v, want %v", r.Findings[0].Name, steps, trial.at)
		}
	}
	if product := r.Route.Product; product != trial.product {
		t.Errorf("it is taken for %q by %s", product, r.Route.ProductBy)
	}
	if t.Failed() {
		logFindings(t, r)
	}
}

// logFindings logs what a run shows, and the first step that is not judged.
func logFindings(t *testing.T, r *probe.Report) {
	t.Helper()
	for _, f := range r.Findings {
		t.Logf("%s %s, of %s, under %q: %s\nin %v", f.Grade, f.Name, f.Owner, f.Under, f.Evidence, f.Steps)
	}
	if i := slices.IndexFunc(r.Steps, func(s probe.Played) bool { return s.Status == probe.StatusUnknown }); i >= 0 {
		t.Logf("%s is not judged: %s\n%s", r.Steps[i].ID, r.Steps[i].Evidence, r.Steps[i].Received)
	}
}

// The caches of the content networks before Microsoft's servers, which say that they
// are, are not taken for the proxy's.
func TestMicrosoftBehindCaches(t *testing.T) {
	for network, fields := range map[string][][2]string{
		"of the captures": {{"Server", "ECAcc (frc/8F4A)"}, {"X-Cache", "HIT"}, {"Age", "1234"}, {"X-CID", "3"}}, // wire.md 4.2
		"Varnish":         {{"Via", "1.1 varnish, 1.1 varnish"}, {"X-Served-By", "cache-iad-1, cache-fra-2"}, {"X-Cache", "HIT, HIT"}, {"Age", "1234"}},
	} {
		t.Run(network, func(t *testing.T) {
			i := newInternet(t, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(&cached{ResponseWriter: w, fields: fields}, r)
				})
			})
			service := i.names(t)
			for _, trial := range []microsoftTrial{{product: "squid"}, {product: "apache"}, {product: "tinyproxy", warns: closes}} {
				address, _ := resolving(t, trial.product, service).startWith(t, nil, "127.0.0.1:1")
				trial.check(t, i.through(t.Context(), address))
			}
		})
	}
}

// A cached is an answer that bears the fields of a cache.
type cached struct {
	http.ResponseWriter
	fields [][2]string
	begun  bool
}

func (c *cached) WriteHeader(status int) {
	for _, f := range c.fields {
		c.Header().Set(f[0], f[1])
	}
	c.begun = true
	c.ResponseWriter.WriteHeader(status)
}

func (c *cached) Write(p []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(p)
}
