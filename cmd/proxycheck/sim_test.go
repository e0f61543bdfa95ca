package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"proxycheck/sim"
)

// The simulated proxy serves any client, until it is interrupted, and reaches
// nothing but its own server.
func TestSim(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, toStdout := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- Main(ctx, []string{"sim", "--listen", "127.0.0.1:0", "--ca-out", ca, "--fault", "range-removed"}, toStdout, io.Discard)
	}()
	first := make([]byte, 200)
	n, err := stdout.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, stdout)
	address := strings.Fields(string(first[:n]))[1]
	proxy, err := url.Parse(address)
	if err != nil {
		t.Fatalf("%v in %q", err, first[:n])
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), DisableKeepAlives: true}}
	for to, want := range map[string]int{
		"http://" + sim.ServerName + ":8530/selfupdate/wuident.cab": 200, // although a part is asked for
		"http://127.0.0.1:1/":       502,
		"http://elsewhere.example/": 502,
	} {
		request, _ := http.NewRequest("GET", to, nil)
		request.Header.Set("Range", "bytes=0-9")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: status %d, want %d", to, answer.StatusCode, want)
		}
	}
	if text, err := os.ReadFile(ca); err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) {
		t.Errorf("--ca-out wrote no certificate: %v, %s", err, text)
	}
	interrupt()
	if exit := <-ended; exit != 0 {
		t.Errorf("interrupted, it ends with %d", exit)
	}
	toStdout.Close()
}

// The tables hold what the environment and WinHTTP mean.
func TestFromEnvironment(t *testing.T) {
	for _, tt := range []struct {
		env    map[string]string
		server string // https:// in front of it, for that
		value  string
	}{
		{map[string]string{"https_proxy": "p:1", "http_proxy": "q:1"}, "https://w:443", "p:1"},
		{map[string]string{"HTTPS_PROXY": "p:1"}, "https://w:443", "p:1"},
		{map[string]string{"http_proxy": "q:1"}, "https://w:443", ""},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "a", "NO_PROXY": "w"}, "w:80", "p:1"},
		{nil, "w:80", ""},
		{map[string]string{"http_proxy": "http://p:1"}, "w:80", "http://p:1"},
		{map[string]string{"HTTP_PROXY": "http://p:1"}, "w:80", ""}, // curl reads it in lower case alone
		{map[string]string{"all_proxy": "http://p:1"}, "w:80", "http://p:1"},
		{map[string]string{"ALL_PROXY": "http://p:1"}, "w:80", "http://p:1"},
		{map[string]string{"http_proxy": "p:1", "all_proxy": "q:1"}, "w:80", "p:1"},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "*"}, "w:80", ""},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "a, corp.example"}, "wsus.corp.example:8530", ""},
		{map[string]string{"http_proxy": "p:1", "no_proxy": ".corp.example"}, "WSUS.corp.example:8530", ""},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "corp.example"}, "notcorp.example:8530", "p:1"},
		{map[string]string{"http_proxy": "p:1", "NO_PROXY": "10.0.0.0/8"}, "10.1.2.3:8530", ""},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "10.0.0.0/8"}, "11.1.2.3:8530", "p:1"},
		{map[string]string{"http_proxy": "p:1", "no_proxy": "::1"}, "[::1]:8530", ""},
	} {
		scheme, server := "http", tt.server
		if host, ok := strings.CutPrefix(server, "https://"); ok {
			scheme, server = "https", host
		}
		value, source := fromEnvironment(scheme, server, func(name string) string { return tt.env[name] })
		if value != tt.value || source == "" {
			t.Errorf("%v, %s: %q from %q, want %q", tt.env, tt.server, value, source, tt.value)
		}
	}
}

// Lists of WinHTTP (WINHTTP_PROXY_INFO).
func TestWinHTTPLists(t *testing.T) {
	for list, want := range map[string]string{
		"": "", "p:8080": "p:8080", "http=a:80;https=b:80": "a:80", "https=b:80": "", "https=b:80;p:1": "p:1",
		"http=http://a:80": "http://a:80", "a:1;b:2": "a:1", "a:1 b:2": "a:1",
	} {
		if got := forScheme("http", list); got != want {
			t.Errorf("of %q, %q is for http, want %q", list, got, want)
		}
	}
	for _, tt := range []struct {
		host, list string
		want       bool
	}{
		{"wsus", "<local>", true}, {"wsus.corp.example", "<local>", false}, {"wsus.corp.example", "*.corp.example;<local>", true},
		{"WSUS.corp.example", "*.CORP.example", true}, {"corp.example", "*.corp.example", false}, {"10.1.2.3", "10.*", true}, {"w", "", false},
	} {
		if got := bypassed(tt.host, tt.list); got != tt.want {
			t.Errorf("bypassed(%q, %q) = %v", tt.host, tt.list, got)
		}
	}
}

// The system's proxy that does not fit is refused as one from the command line.
func TestSystemProxyIsChecked(t *testing.T) {
	t.Setenv("http_proxy", "https://alice:hunter2@p:443")
	t.Setenv("no_proxy", "")
	var stdout, stderr bytes.Buffer
	exit := Main(t.Context(), []string{"run", "--server", "http://w:8530"}, &stdout, &stderr)
	if exit != 2 || !strings.Contains(stderr.String(), "from http_proxy in the environment") || strings.Contains(stderr.String(), "hunter2") {
		t.Errorf("exit %d, %s", exit, &stderr)
	}
}
