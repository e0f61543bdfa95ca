//go:build interop

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
)

// A mendTrial is what is special about the trial of a mend.
type mendTrial struct {
	args   string // of the run, beside proxy and server
	host   string // the name of the server, which only the product knows; "" for its address
	login  bool   // alice's, which the cause asks for
	size   int64  // of the files; 0 for the usual
	beside string // other findings that the cause brings about, by name
	hides  string // those of the product as it comes that the cause hides

	// perhaps are findings that the cause brings about or not: a length is missing only
	// where the product begins to answer before it has the whole file.
	perhaps string

	with map[string]string // lines in other places, which are there all the time
}

// mendTrials are those that have anything special, by finding and product.
var mendTrials = map[*probe.Finding]map[*probe.Product]mendTrial{
	probe.RevocationBlocked: {
		probe.Squid:   {host: "crl.microsoft.com", args: byName + " --steps wua-*,type-*,bits-file,ctl-*,crl-*"},
		probe.Apache:  {host: "crl.microsoft.com", args: byName + " --steps wua-*,type-*,bits-file,ctl-*,crl-*", with: apacheNames},
		probe.HAProxy: {host: "crl.microsoft.com", args: byName + " --steps wua-*,type-*,bits-file,ctl-*,crl-*", with: haproxyNames},
	},
	probe.ConnectivityAltered: {
		probe.Squid:   {host: "www.msftconnecttest.com", args: byName + " --steps wua-*,type-*,bits-file,ncsi-*"},
		probe.Apache:  {host: "www.msftconnecttest.com", args: byName + " --steps wua-*,type-*,bits-file,ncsi-*", with: apacheNames},
		probe.HAProxy: {host: "www.msftconnecttest.com", args: byName + " --steps wua-*,type-*,bits-file,ncsi-*", with: haproxyNames},
	},
	probe.TLSInspected:          {probe.Squid: {host: "wsus.example", args: byName, with: inspecting}},
	probe.TunnelDenied:          {probe.Squid: {host: "wsus.example", args: byName}},
	probe.TunnelOnly443:         {probe.Squid: {host: "wsus.example", args: byName}},
	probe.HeadRefused:           {probe.Varnish: {args: smallFiles}, probe.Squid: {host: "wsus.example", args: byName}},
	probe.TLSBroken:             {probe.Squid: {with: inspecting}, probe.Mitmproxy: {args: "--as win7", hides: "tls-inspected"}},
	probe.ProxySilent:           {probe.Squid: {args: "--timeout 2s"}, probe.Nginx: {args: "--timeout 1s --steps bits-size,bits-range-first"}, probe.HAProxy: {args: "--timeout 2s"}},
	probe.BodyTrickles:          {probe.Squid: {args: "--timeout 2s --steps bits-file", with: map[string]string{"delay_pools": "delay_pools 1\ndelay_class 1 1"}}, probe.Apache: {args: "--timeout 1s --steps bits-file"}, probe.Nginx: {args: "--timeout 3s --steps bits-file"}},
	probe.URLLimited:            {probe.Squid: {args: "--ladders"}, probe.TrafficServer: {args: "--ladders"}, probe.Apache: {args: "--ladders"}, probe.Nginx: {args: "--ladders"}, probe.HAProxy: {args: "--ladders"}},
	probe.HeadLimited:           {probe.Squid: {args: "--ladders"}, probe.TrafficServer: {args: "--ladders"}, probe.Apache: {args: "--ladders"}, probe.Nginx: {args: "--ladders"}, probe.HAProxy: {args: "--ladders"}},
	probe.IdleCut:               {probe.Squid: {args: "--quick --idle 3s"}, probe.Privoxy: {args: "--quick --idle 6s"}, probe.TrafficServer: {args: "--quick --idle 3s"}, probe.Apache: {args: "--quick --idle 3s"}, probe.Nginx: {args: "--quick --idle 3s"}, probe.HAProxy: {args: "--quick --idle 3s"}},
	probe.LoginDenied:           {probe.Squid: {host: "wsus.example", args: byName, login: true}},
	probe.RedirectorStale:       {probe.Squid: {args: "--as win7 --steps redirector-*"}, probe.Nginx: {args: "--as win7 --steps redirector-*"}},
	probe.ColdFails:             {probe.Squid: {args: "--steps bits-[^b]*", size: 100_000}}, // a file of 5 GiB is not kept
	probe.RequestDenied:         {probe.Squid: {host: "wsus.example", args: byName}, probe.Varnish: {args: smallFiles, hides: "tunnel-denied condition-ignored multi-range-unsupported range-fetched-whole requests-changed"}, probe.Tinyproxy: {hides: "keep-alive-broken"}},
	probe.ContentAltered:        {probe.Privoxy: {beside: "coding-broken"}, probe.Apache: {beside: "length-missing size-hidden"}, probe.Nginx: {beside: "length-missing size-hidden"}},
	probe.ServerBehindProxyDown: {probe.Tinyproxy: {hides: "keep-alive-broken"}, probe.Mitmproxy: {hides: "tls-inspected"}, probe.TrafficServer: {hides: "requests-changed"}, probe.Privoxy: {beside: "keep-alive-broken"}},
	probe.LoginUnusable:         {probe.Squid: {host: "wsus.example", args: byName}, probe.Tinyproxy: {hides: "keep-alive-broken"}},
	probe.SizeHidden:            {probe.Varnish: {args: smallFiles, beside: "range-ignored", perhaps: "length-missing", hides: "multi-range-unsupported range-fetched-whole"}, probe.Apache: {beside: "length-missing"}, probe.Nginx: {beside: "length-missing"}, probe.HAProxy: {beside: "length-missing"}},
	probe.RangeIgnored:          {probe.Varnish: {args: smallFiles, hides: "multi-range-unsupported range-fetched-whole"}},
	probe.FileTypeDenied:        {probe.Squid: {host: "wsus.example", args: byName}, probe.Varnish: {args: smallFiles, hides: "condition-ignored multi-range-unsupported"}},
	probe.AgentDenied:           {probe.Varnish: {args: smallFiles, hides: "condition-ignored multi-range-unsupported"}},
	probe.ConditionIgnored:      {probe.Varnish: {args: smallFiles}},
	probe.RangeFetchedWhole:     {probe.Squid: {args: "--steps bits-[^b]*"}, probe.Varnish: {args: smallFiles, beside: "condition-ignored"}, probe.Nginx: {args: "--steps bits-range-*"}},
	probe.RedirectUnusable:      {probe.Apache: {beside: "tunnel-denied"}},
	probe.LengthMissing:         {probe.Apache: {beside: "size-hidden"}, probe.Nginx: {beside: "size-hidden"}, probe.HAProxy: {beside: "size-hidden"}},
	probe.SOAPUnreadable:        {probe.Nginx: {args: "--steps wua-config"}},
	probe.SizeWrong:             {probe.Nginx: {beside: "page-instead"}},
	probe.RangeWrong:            {probe.Nginx: {args: "--steps bits-[^b]*,do-*", beside: "warm-fails"}},
	probe.AnswersReplayed:       {probe.Nginx: {args: "--steps wua-*"}},
	probe.FilesElsewhere:        {probe.Nginx: {beside: "requests-changed"}},
	probe.ConnectionsCapped:     {probe.HAProxy: {args: "--steps wua-*,do-*,ctl-*,type-*"}},
	probe.SignedURLRefused:      {probe.Nginx: {beside: "slashes-merged"}, probe.Varnish: {args: "--steps do-*"}},
	probe.MultiRangeUnsupported: {probe.Varnish: {args: smallFiles}},
	probe.ListsStale:            {probe.Varnish: {args: "--steps ctl-*"}, probe.Nginx: {args: "--steps ctl-*"}},
	probe.RequestRefused:        {probe.Varnish: {args: smallFiles}},
	probe.SlashesMerged:         {probe.Varnish: {args: smallFiles}},
	probe.HostRewritten:         {probe.Varnish: {args: smallFiles}},
	probe.FaultHidden:           {probe.Varnish: {args: smallFiles}},
	probe.DateHidden:            {probe.Varnish: {args: smallFiles}},
	probe.ConnectionsNotKept:    {probe.Varnish: {args: smallFiles}},
}

// byName asks a server by a name that only the product knows, and so not without it.
const byName = "--compare-direct no"

// inspecting is a port of Squid that can look into TLS, if a rule lets it.
var inspecting = map[string]string{"http_port": "http_port 3128 ssl-bump tls-cert=/etc/squid/inspection.pem generate-host-certificates=on"}

// What makes products go to the one server by whatever name, as they cannot be told
// the addresses of names.
var (
	apacheNames  = map[string]string{"ProxyRemote": `ProxyRemote "http" "http://{{.Server}}"`}
	haproxyNames = map[string]string{"set-dst": "http-request set-dst str(127.0.0.1)\nhttp-request set-dst-port req.hdr(host),port_only"}
)

// smallFiles asks for all but the file of 5 GiB, which Varnish would fetch until its
// storage is full, and other things with it fail.
const smallFiles = "--steps [^b]*,bits-[^b]*"

// An asItComes is what a product shows in its plain form, found out once.
type asItComes struct {
	sync.Once
	shows []string
}

// Each mend that is said to be tried is: its cause shows its finding through the
// product, beside what the product shows as it comes, and its lines take it away.
func TestMends(t *testing.T) {
	plain := map[string]*asItComes{} // by the kind of run
	for _, m := range probe.Mends {
		if m.Tried == "" {
			continue
		}
		trial := mendTrials[m.Finding][m.Product]
		kind := fmt.Sprint(m.Product.Name, trial.args, trial.host, trial.login, trial.size, trial.with)
		if plain[kind] == nil {
			plain[kind] = new(asItComes)
		}
		t.Run(m.Finding.Name+" in "+m.Product.Name, func(t *testing.T) {
			t.Parallel()
			plain[kind].Do(func() { plain[kind].shows = trial.shown(t, m, "") })
			well, causes := plain[kind].shows, append(strings.Fields(trial.beside), m.Finding.Name)
			if slices.Contains(well, m.Finding.Name) { // the cause is how it comes
				well = without(well, causes)
			}
			caused := union(without(well, strings.Fields(trial.hides)), causes)
			if got := without(trial.shown(t, m, m.Cause), strings.Fields(trial.perhaps)); !slices.Equal(got, caused) {
				t.Errorf("with\n%s\nit shows %q, want %q", m.Cause, got, caused)
			}
			if got := trial.shown(t, m, mended(m)); !slices.Equal(got, well) {
				t.Errorf("with\n%s\nit shows %q, want %q", mended(m), got, well)
			}
		})
	}
}

// mended are the lines of a configuration with those of m in their place.
func mended(m *probe.Mend) string {
	switch m.At {
	case probe.Above:
		return m.Lines + "\n" + m.Cause
	case probe.Instead:
		return m.Lines
	}
	return m.Cause + "\n" + m.Lines
}

// shown are the names of the findings of a run through the product of m with some
// lines, in their order; what another finding accounts for is left out.
func (trial mendTrial) shown(t *testing.T, m *probe.Mend, lines string) []string {
	t.Helper()
	server := fakeWSUS(t, trial.size, false)
	authority := strings.TrimPrefix(server, "http://")
	target := probe.Target{Host: authority, Secure: secureOf(t, server)}
	if trial.host != "" {
		target.Host, target.Secure = renamed(t, trial.host, target.Host), renamed(t, trial.host, target.Secure)
		server = "http://" + target.Host
	}
	p := product(t, m.Product.Name)
	in := map[string]string{m.In: lines}
	maps.Copy(in, trial.with)
	for place, text := range in {
		in[place] = strings.NewReplacer(p.own...).Replace(target.Fill(text))
	}
	address, _ := p.startWith(t, in, authority)
	if trial.login {
		address = "alice:s3cret@" + address
	}
	r, _ := runJSON(t, append(strings.Fields(trial.args), "--proxy", "http://"+address, "--server", server)...)
	names := []string{} // and not nil, which is not known
	for _, g := range []probe.Grade{probe.Fail, probe.Warn, probe.Note} {
		names = append(names, strings.Fields(alone(r, g))...)
	}
	slices.Sort(names)
	return names
}

// renamed is a host:port by another name.
func renamed(t *testing.T, name, authority string) string {
	_, port, err := net.SplitHostPort(authority)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(name, port)
}

// secureOf is the host:port at which a fake WSUS says that it has TLS.
func secureOf(t *testing.T, server string) string {
	t.Helper()
	answer, err := http.Get(server + wusp.HelloPath)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var hello wusp.Hello
	if err := json.NewDecoder(answer.Body).Decode(&hello); err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", hello.TLSPort)
}

// without are the words of a that are not in b, in their order.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

// union are the words of both, in their order, each once.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// A mend that lets the update servers off lets off no server that is named like one
// of them, nor a request that only says in its Host that it is for one.
func TestMendsLetOffNobodyElse(t *testing.T) {
	tests := []struct {
		url, host string
		denied    bool
	}{
		{"http://wsus.example:1/setup.exe", "wsus.example:1", false},
		{"http://WSUS.example:1/setup.exe", "WSUS.example:1", false},
		{"http://dl.windowsupdate.com:1/setup.exe", "dl.windowsupdate.com:1", false},
		{"http://evil.example:1/setup.exe", "evil.example:1", true},
		{"http://evil.example:1/Content/setup.exe", "evil.example:1", true},
		{"http://evil-wsus.example:1/setup.exe", "evil-wsus.example:1", true},
		{"http://wsus.example.evil:1/setup.exe", "wsus.example.evil:1", true},
		{"http://wsusxexample:1/setup.exe", "wsusxexample:1", true},
		{"http://evilwindowsupdate.com:1/setup.exe", "evilwindowsupdate.com:1", true},
		{"http://dl.windowsupdate.com.evil:1/setup.exe", "dl.windowsupdate.com.evil:1", true},
		{"http://wsus.example:1@evil.example:1/setup.exe", "evil.example:1", true},
		{"http://evil.example:1/wsus.example/setup.exe", "evil.example:1", true},
		{"http://evil.example:1/http://wsus.example:1/setup.exe", "evil.example:1", true},
	}
	forged := map[*probe.Product][2]string{ // the URL and the Host, by which of them the product goes
		probe.Apache:  {"http://evil.example:1/setup.exe", "wsus.example:1"},
		probe.Nginx:   {"http://wsus.example:1/setup.exe", "evil.example:1"},
		probe.HAProxy: {"http://evil.example:1/setup.exe", "wsus.example:1"},
	}
	target := probe.Target{Host: "wsus.example:1", Secure: "wsus.example:1"}
	for _, m := range probe.MendsOf(probe.FileTypeDenied) {
		lie, ok := forged[m.Product]
		if !ok {
			continue
		}
		t.Run(m.Product.Name, func(t *testing.T) {
			t.Parallel()
			lines := map[string]string{"": target.Fill(mended(m))}
			maps.Copy(lines, haproxyNames)
			address, _ := product(t, m.Product.Name).startWith(t, lines, "127.0.0.1:1")
			for _, test := range tests {
				if status := statusOf(t, address, test.url, test.host); (status < 500) != test.denied {
					t.Errorf("%s: %d, want it to be denied: %t", test.url, status, test.denied)
				}
			}
			if status := statusOf(t, address, lie[0], lie[1]); status >= 500 {
				t.Errorf("%s with the Host %s: %d", lie[0], lie[1], status)
			}
		})
	}
}

// statusOf is what a proxy answers to a GET, in which the URL and the Host can differ.
func statusOf(t *testing.T, proxy, url, host string) int {
	t.Helper()
	conn, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", url, host)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// Squid takes every line that a mend tells to type, with its server by name and by
// address.
func TestSquidTakesTheMends(t *testing.T) {
	for _, server := range []string{"wsus.example", "192.0.2.1", "2001:db8::1"} {
		target := probe.Target{Host: net.JoinHostPort(server, "8530"), Secure: net.JoinHostPort(server, "8531")}
		for _, m := range probe.Mends {
			if m.Product != probe.Squid {
				continue
			}
			file := filepath.Join(t.TempDir(), "squid.conf")
			text := "http_port 127.0.0.1:1\nacl localnet src 10.0.0.0/8\nacl Safe_ports port 80 443 1025-65535\nacl bump ssl::server_name none.example\ndelay_pools 1\ndelay_class 1 1\n" + target.Fill(m.Lines) + "\n"
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "squid", "-k", "parse", "-f", file).CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("ERROR")) || bytes.Contains(out, []byte("FATAL")) {
				t.Errorf("%s for %s: %v\n%s\n%s", m.Finding.Name, server, err, text, out)
			}
		}
	}
}

// What exempts an update server in Squid opens nothing else: no other host, no tunnel
// to another port, and nothing for clients that Squid did not serve.
func TestSquidMendsOpenNothingElse(t *testing.T) {
	server := fakeWSUS(t, 0, false)
	target := probe.Target{Host: renamed(t, "wsus.example", strings.TrimPrefix(server, "http://")), Secure: renamed(t, "wsus.example", secureOf(t, server))}
	exempt := probe.Mends[slices.IndexFunc(probe.Mends, func(m *probe.Mend) bool { return m.Product == probe.Squid && m.Finding == probe.RequestDenied })]
	p := product(t, "squid")
	proxy, _ := p.startWith(t, map[string]string{"": target.Fill(exempt.Lines) + "\nhttp_access deny all"}, target.Host)
	for _, tt := range []struct {
		from, request string
		status        int
	}{
		{"127.0.0.1", "GET http://" + target.Host + wusp.HelloPath, 200},
		{"127.0.0.2", "GET http://" + target.Host + wusp.HelloPath, 403},
		{"127.0.0.1", "GET http://wsus.example:22/", 403},
		{"127.0.0.1", "GET http://" + renamed(t, "other-wsus.example", target.Host) + "/", 403},
		{"127.0.0.1", "CONNECT " + target.Secure, 200},
		{"127.0.0.2", "CONNECT " + target.Secure, 403},
		{"127.0.0.1", "CONNECT " + target.Host, 403},
		{"127.0.0.1", "CONNECT " + renamed(t, "other-wsus.example", target.Secure), 403},
	} {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.from)}, Timeout: 10 * time.Second}
		conn, err := dialer.DialContext(t.Context(), "tcp", proxy)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", tt.request, target.Host)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s from %s: %v", tt.request, tt.from, err)
		}
		if answer.StatusCode != tt.status {
			t.Errorf("%s from %s: %s, want %d", tt.request, tt.from, answer.Status, tt.status)
		}
	}
}
