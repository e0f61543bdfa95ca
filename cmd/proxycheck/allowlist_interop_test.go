//go:build interop

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/endpoint"
)

// An allowTry is one request to a proxy that has the rules of allowlist.
type allowTry struct {
	method, url, host string // of CONNECT the URL is host:port; host is the field, "" for that of the URL
}

func (a allowTry) String() string { return strings.TrimSpace(a.method + " " + a.url + " " + a.host) }

// listedRequests are those of the clients to the hosts of the lists of Windows 11, and to
// names under their wildcards that nobody knows, as package endpoint has them: it does
// not make them from the rules.
func listedRequests(t *testing.T) (requests []allowTry) {
	for _, h := range listedHosts(t) {
		if h.TLS {
			requests = append(requests, allowTry{"CONNECT", h.Name + ":443", ""}, allowTry{"CONNECT", strings.ToUpper(h.Name) + ":443", ""})
			continue
		}
		requests = append(requests, allowTry{"GET", "http://" + h.Name + h.Path, ""}, allowTry{"HEAD", "http://" + h.Name + ":80" + h.Path, ""},
			allowTry{"GET", "http://" + strings.ToUpper(h.Name) + h.Path, ""})
	}
	for _, path := range []string{"/pkiops/crl/Microsoft%20ECC%20Update%20Secure%20Server%20CA%202.1.crl", "/pki/certs/MicRooCerAut_2010-06-23.crt", "/pkiops/certs/a(1).crt?b=1"} {
		requests = append(requests, allowTry{"GET", "http://www.microsoft.com" + path, ""})
	}
	return requests
}

// listedHosts are the hosts of the lists of Windows 11 at the ports of web proxies.
func listedHosts(t *testing.T) []endpoint.Host {
	rows := endpoint.All()
	lists, _, err := chooseLists(nil, "win11", rows)
	if err != nil {
		t.Fatal(err)
	}
	hosts, _ := endpoint.Hosts(endpoint.Rows(lists, rows, "win11"), "win11")
	for i := range hosts {
		hosts[i].Name = strings.ReplaceAll(hosts[i].Name, "{run}", "run1")
		hosts[i].Path, _, _ = strings.Cut(hosts[i].Path, "{")
	}
	hosts = slices.DeleteFunc(hosts, func(h endpoint.Host) bool { return h.Port != "80" && h.Port != "443" })
	if len(hosts) < 40 {
		t.Fatalf("only %d hosts are listed", len(hosts))
	}
	return hosts
}

// otherRequests are those that no list of Windows 11 has.
var otherRequests = []allowTry{
	{"GET", "http://evil.test/", ""},
	{"GET", "http://evilwindowsupdate.com/", ""},
	{"GET", "http://download.windowsupdate.com.evil.test/", ""},
	{"GET", "http://downloadxwindowsupdate.com/", ""},
	{"GET", "http://windowsupdate.com/", ""}, // the lists have but names below
	{"GET", "http://com/", ""},
	{"GET", "http://192.0.2.1/", ""},
	{"GET", "http://192.0.2.1/", "download.windowsupdate.com"},
	{"GET", "http://evil.test/", "download.windowsupdate.com"},
	{"GET", "http://evil.test/http://download.windowsupdate.com/", ""},
	{"GET", "http://evil.test/?.windowsupdate.com", ""},
	{"GET", "http://evil.test/.windowsupdate.com", ""},
	{"GET", "http://download.windowsupdate.com:80@evil.test/", "evil.test"},
	{"GET", "http://download.windowsupdate.com:8080/", ""},
	{"GET", "http://download.windowsupdate.com:443/", ""},
	{"GET", "http://download.windowsupdate.com:22/", ""},
	{"GET", "http://ocsp.digicert.com.evil.test/", ""},
	{"GET", "http://a.ocsp.digicert.com/", ""},
	{"GET", "http://www.microsoft.com/", ""},
	{"GET", "http://www.microsoft.com/en-us/", ""},
	{"GET", "http://www.microsoft.com/pkiops/crlx", ""},
	{"GET", "http://www.microsoft.com/x/pkiops/crl/a.crl", ""},
	{"GET", "http://www.microsoft.com/pkiops/crl/../../en-us/", ""},
	{"GET", "http://www.microsoft.com/pkiops/crl/%2e%2e/%2e%2e/en-us/", ""},
	{"GET", "http://www.microsoft.com/pkiops/crl/..%2f..%2fen-us/", ""},
	{"GET", "http://www.microsoft.com/pkiops/crl/a%3F../../../en-us/", ""},
	{"GET", "http://www.microsoft.com/pkiops/crl/a%5c..%5cen-us/", ""},
	{"GET", "http://www.microsoft.com:8080/pkiops/crl/a.crl", ""},
	{"GET", "http://evil.test/pkiops/crl/a.crl", ""},
	{"CONNECT", "evil.test:443", ""},
	{"CONNECT", "evil.test:443", "slscr.update.microsoft.com:443"},
	{"CONNECT", "evilupdate.microsoft.com:443", ""},
	{"CONNECT", "update.microsoft.com.evil.test:443", ""},
	{"CONNECT", "update.microsoft.com:443", ""},
	{"CONNECT", "slscr.update.microsoft.com:80", ""},
	{"CONNECT", "slscr.update.microsoft.com:22", ""},
	{"CONNECT", "slscr.update.microsoft.com:8443", ""},
	{"CONNECT", "download.windowsupdate.com:443", ""}, // listed for plain HTTP alone
	{"CONNECT", "download.windowsupdate.com:80", ""},
	{"CONNECT", "www.microsoft.com:443", ""},
	{"CONNECT", "192.0.2.1:443", ""},
}

// everywhere is all of the network: a proxy for the proxies under test, and a server at
// whatever name, of which the answers say where they are from.
func everywhere(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.Header().Set("Everywhere", r.Host)
		}
	})}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// passes makes a request and tells whether it came through, and the status.
func (a allowTry) passes(t *testing.T, proxy string) (passed bool, status int) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", proxy, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	host := a.host
	if host == "" {
		_, rest, ok := strings.Cut(a.url, "://")
		if !ok {
			rest = a.url
		}
		host, _, _ = strings.Cut(rest, "/")
	}
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", a.method, a.url, host)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: a.method})
	if err != nil {
		t.Errorf("%s: %v", a, err)
		return false, 0
	}
	answer.Body.Close()
	if a.method == "CONNECT" {
		return answer.StatusCode == 200, answer.StatusCode
	}
	from := answer.Header.Get("Everywhere")
	return answer.StatusCode == 200 && from != "", answer.StatusCode
}

// rules are what allowlist writes for Windows 11.
func rules(t *testing.T, format string) string {
	t.Helper()
	stdout, stderr, exit := run(t, "allowlist", "--for", "win11", "--format", format)
	if exit != 0 {
		t.Fatalf("allowlist --format %s: exit %d: %s", format, exit, stderr)
	}
	return stdout
}

// toParent makes Squid go everywhere by one port.
func toParent(port string) string {
	return "\ncache_peer 127.0.0.1 parent " + port + " 0 no-query no-digest default\nnever_direct allow all\n"
}

// An allowlistTrial is how the rules for a product are put into it.
type allowlistTrial struct {
	format, product string
	place           func(p *realProxy, rules, everywhere string) map[string]string
	check           []string // the product's own check of the file config
	plainOnly       bool     // it knows no tunnels
}

var allowlistTrials = []allowlistTrial{{
	format: "squid", product: "squid", check: []string{"squid", "-k", "parse", "-f", "config"},
	place: func(_ *realProxy, rules, port string) map[string]string {
		return map[string]string{"": rules + "http_access deny all" + toParent(port)}
	},
}, {
	format: "nginx", product: "nginx", check: []string{"nginx", "-t", "-e", "stderr", "-c", "config"}, plainOnly: true,
	place: func(_ *realProxy, rules, port string) map[string]string {
		return map[string]string{"http { }": strings.NewReplacer("127.0.0.1:3128", "127.0.0.1:{{.Port}}", "$host:80$", "127.0.0.1:"+port+"$").Replace(rules)}
	},
}, {
	format: "haproxy", product: "haproxy", check: []string{"haproxy", "-c", "-f", "config"},
	place: func(p *realProxy, rules, port string) map[string]string {
		p.config = strings.Replace(p.config, "http-request deny deny_status 405 if METH_CONNECT", "", 1)
		return map[string]string{
			"":        strings.Replace(rules, "# http-request deny deny_status 403 unless", "http-request deny deny_status 403 unless", 1),
			"set-dst": "http-request set-dst str(127.0.0.1)\nhttp-request set-dst-port int(" + port + ")",
		}
	},
}, {
	format: "privoxy", product: "privoxy", check: []string{"privoxy", "--config-test", "config"},
	place: func(_ *realProxy, rules, port string) map[string]string {
		return map[string]string{
			"user.action": strings.Replace(rules, "# { +block{Only Windows Update is allowed.} }\n# /", "{ +block{Only Windows Update is allowed.} }\n/", 1),
			"config":      "forward / 127.0.0.1:" + port,
		}
	},
}, {
	format: "tinyproxy", product: "tinyproxy",
	place: func(_ *realProxy, rules, port string) map[string]string {
		return map[string]string{
			"": "FilterURLs On\nFilterType ere\nConnectPort 443\nUpstream http 127.0.0.1:" + port,
			"the file of Filter, beside FilterDefaultDeny Yes": rules,
		}
	},
}}

// With the rules that allowlist writes every product lets every listed host through and
// refuses all else, and finds nothing wrong with its configuration.
func TestAllowlist(t *testing.T) {
	for _, trial := range allowlistTrials {
		t.Run(trial.format, func(t *testing.T) {
			t.Parallel()
			p := *product(t, trial.product)
			address, dir := p.startWith(t, trial.place(&p, rules(t, trial.format), everywhere(t)), "127.0.0.1:1")
			if trial.check != nil {
				check := exec.CommandContext(t.Context(), trial.check[0], trial.check[1:]...)
				check.Dir = dir
				for i, arg := range check.Args {
					if arg == "config" {
						check.Args[i] = filepath.Join(dir, arg)
					}
				}
				if out, err := check.CombinedOutput(); err != nil || bytes.Contains(out, []byte("ERROR")) || bytes.Contains(out, []byte("ubdomain")) {
					t.Errorf("%s: %v\n%s", check, err, out)
				}
			}
			for _, a := range listedRequests(t) {
				if a.method == "CONNECT" && trial.plainOnly {
					continue
				}
				if passed, status := a.passes(t, address); !passed {
					t.Errorf("%s: %d, want it through", a, status)
				}
			}
			for _, a := range otherRequests {
				if passed, status := a.passes(t, address); passed || status < 400 {
					t.Errorf("%s: %d, want it refused", a, status)
				}
			}
		})
	}
}

// Where Squid asks for a login, the listed hosts need none, and all others do.
func TestAllowlistWithoutLogin(t *testing.T) {
	p := product(t, "squid")
	login := p.variants["basic-auth"]
	address, _ := p.startWith(t, map[string]string{"": rules(t, "squid-auth-exempt") + login + toParent(everywhere(t))}, "127.0.0.1:1")
	for _, a := range listedRequests(t) {
		if passed, status := a.passes(t, address); !passed {
			t.Errorf("%s: %d, want it through without a login", a, status)
		}
	}
	for _, a := range otherRequests {
		if strings.Contains(a.url, "@") || strings.Contains(a.url, ":22") { // Squid refuses these anyhow
			continue
		}
		if _, status := a.passes(t, address); status != 407 {
			t.Errorf("%s: %d, want 407", a, status)
		}
	}
}

// pinnedName matches the hosts of the lists of Windows 11 that are pinned, as
// Microsoft's document on Delivery Optimization and proxies has them.
var pinnedName = regexp.MustCompile(`\.(update|delivery\.mp|prod\.do\.dsp\.mp)\.microsoft\.com$`)

// Where Squid inspects TLS, the hosts that are pinned keep their certificates, and no
// others do.
func TestAllowlistUninspected(t *testing.T) {
	names := []string{"evil.test", "evilupdate.microsoft.com", "update.microsoft.com.evil.test", "update.microsoft.com"}
	pinned := map[string]bool{}
	for _, h := range listedHosts(t) {
		if h.TLS {
			names = append(names, h.Name)
			pinned[h.Name] = pinnedName.MatchString(h.Name)
		}
	}
	p := *product(t, "squid")
	p.files = maps.Clone(p.files)
	p.files["hosts"] = "127.0.0.1 " + strings.Join(names, "\n127.0.0.1 ") + "\n"
	address, _ := p.startWith(t, map[string]string{
		"http_port": strings.NewReplacer(p.own...).Replace(inspecting["http_port"]),
		"":          rules(t, "squid-splice") + "acl hello at_step SslBump1\nssl_bump peek hello\nssl_bump bump all\nsslproxy_cert_error allow all\n",
	}, "127.0.0.1:1")
	port := secureEverywhere(t)
	kept := 0
	for _, name := range names {
		want := "Example Corp TLS inspection"
		if pinned[name] {
			want = "Everywhere"
			kept++
		}
		if got := issuerThrough(t, address, name, port); got != want {
			t.Errorf("%s: the certificate is of %q, want %q", name, got, want)
		}
	}
	if others := len(names) - kept; kept < 4 || others < 8 {
		t.Errorf("%d pinned hosts and %d others", kept, others)
	}
}

// secureEverywhere is a server with TLS 1.2, as Microsoft's for updates have it, and a
// certificate of a signer named Everywhere. Squid 5 tunnels to one of TLS 1.3 after a
// peek, whatever its rules.
func secureEverywhere(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(signer("Everywhere"))
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{TLSConfig: &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}, ErrorLog: log.New(io.Discard, "", 0)}
	go server.ServeTLS(l, "", "")
	t.Cleanup(func() { server.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// issuerThrough is who issued the certificate of a host, through a proxy.
func issuerThrough(t *testing.T, proxy, name, port string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", proxy, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "CONNECT %s:%s HTTP/1.1\r\nHost: %[1]s:%[2]s\r\n\r\n", name, port)
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "CONNECT"})
	if err != nil || answer.StatusCode != 200 {
		t.Errorf("CONNECT %s: %v, %v", name, answer, err)
		return ""
	}
	secure := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true}) // nothing but the answer came before
	if err := secure.Handshake(); err != nil {
		t.Errorf("handshake with %s: %v", name, err)
		return ""
	}
	return secure.ConnectionState().PeerCertificates[0].Issuer.CommonName
}

// Squid takes the rules of every version and every list, each as a file on its own
// behind a configuration that is empty, and finds nothing to warn of.
func TestSquidTakesEveryAllowlist(t *testing.T) {
	var choices [][]string
	for _, windows := range endpoint.Versions {
		choices = append(choices, []string{"--for", windows})
	}
	for _, l := range endpoint.Lists {
		choices = append(choices, []string{"--list", l.Name}, []string{"--list", l.Name, "--for", "xp"})
	}
	for _, format := range []string{"squid", "squid-auth-exempt", "squid-splice"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			for _, choice := range choices {
				file := filepath.Join(t.TempDir(), "squid.conf")
				text, stderr, exit := run(t, append([]string{"allowlist", "--format", format}, choice...)...)
				if exit != 0 {
					t.Errorf("%v: %s", choice, stderr)
					continue
				}
				if err := os.WriteFile(file, []byte(text+"http_access deny all\nhttp_port 127.0.0.1:1\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				out, err := exec.CommandContext(t.Context(), "squid", "-k", "parse", "-f", file).CombinedOutput()
				if err != nil || bytes.Contains(out, []byte("ERROR")) || bytes.Contains(out, []byte("FATAL")) || bytes.Contains(out, []byte("WARNING")) {
					t.Errorf("%v: %v\n%s", choice, err, out)
				}
			}
		})
	}
}

// pacparser, which has the JavaScript of a browser, sends the listed hosts to the proxy
// and no others.
func TestAllowlistPAC(t *testing.T) {
	pac, stderr, exit := run(t, "allowlist", "--format", "pac", "--proxy", "proxy.example:3128")
	if exit != 0 {
		t.Fatal(stderr)
	}
	var cases [][]string // URL, host
	add := func(all []allowTry) (n int) {
		for _, a := range all {
			scheme, rest, ok := strings.Cut(a.url, "://")
			if !ok {
				scheme, rest = "https", strings.TrimSuffix(a.url, ":443")+"/"
			}
			if strings.Contains(rest, "@") || strings.Contains(a.url, "..") || strings.Contains(a.url, "%2e") || a.host != "" {
				continue // a script says where to go, and not what is allowed
			}
			authority, _, _ := strings.Cut(rest, "/")
			host, _, _ := strings.Cut(authority, ":")
			cases, n = append(cases, []string{scheme + "://" + rest, host}), n+1
		}
		return n
	}
	listed := add(listedRequests(t))
	add(otherRequests)
	input, err := json.Marshal(map[string]any{"pac": pac, "cases": cases})
	if err != nil {
		t.Fatal(err)
	}
	judge := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "-c", `
import json, sys, pacparser
given = json.load(sys.stdin)
pacparser.init()
pacparser.parse_pac_string(given["pac"])
print(json.dumps([pacparser.find_proxy(url, host) for url, host in given["cases"]]))
`)
	judge.Stdin = bytes.NewReader(input)
	var said bytes.Buffer
	judge.Stderr = &said
	out, err := judge.Output()
	if err != nil {
		t.Fatalf("pacparser: %v\n%s", err, said.Bytes())
	}
	var routes []string
	if err := json.Unmarshal(out, &routes); err != nil || len(routes) != len(cases) {
		t.Fatalf("pacparser said %d routes for %d requests: %v\n%s", len(routes), len(cases), err, said.Bytes())
	}
	for i, route := range routes {
		want := "DIRECT"
		if i < listed {
			want = "PROXY proxy.example:3128"
		}
		if route != want {
			t.Errorf("%s: %s, want %s", cases[i], route, want)
		}
	}
}
