package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"proxycheck/probe/wusp"
)

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		args string
		exit int
		want string // somewhere in stdout or stderr
	}{
		{"--help", 0, "--listen-tls ADDRESS"},
		{"--version", 0, "fakewsus devel"},
		{"extra", 2, "one argument too many"},
		{"--size 0", 2, "out of range"},
		{"--size many", 2, "invalid argument"},
		{"--nonesuch", 2, "unknown flag"},
		{"--listen 127.0.0.1:0 --ca-out /nonexistent/ca.pem", 2, "--ca-out"},
		{"--listen 300.0.0.1:1", 2, "--listen: listen tcp"},
		{"--listen 127.0.0.1:0 --listen-tls 300.0.0.1:1", 2, "--listen-tls: listen tcp"},
	} {
		var out bytes.Buffer
		exit := Main(t.Context(), strings.Fields(tt.args), &out, &out)
		if exit != tt.exit || !strings.Contains(out.String(), tt.want) {
			t.Errorf("fakewsus %s: exit %d, want %d; no %q in %s", tt.args, exit, tt.exit, tt.want, &out)
		}
	}
}

// It serves both ports until it is interrupted, says what it is, and its root
// vouches for its certificate.
func TestServe(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	ctx, interrupt := context.WithCancel(t.Context())
	stdout, toStdout := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- Main(ctx, []string{"--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0", "--ca-out", ca, "--size", "12345"}, toStdout, io.Discard)
		toStdout.Close()
	}()
	var said strings.Builder
	for strings.Count(said.String(), "\n") < 3 {
		buf := make([]byte, 500)
		n, err := stdout.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(buf[:n])
	}
	addresses := regexp.MustCompile(`https?://[0-9.:]+`).FindAllString(said.String(), -1)
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	for _, address := range addresses[:2] {
		answer, err := client.Get(address + wusp.HelloPath)
		if err != nil {
			t.Fatal(err)
		}
		var hello wusp.Hello
		err = json.NewDecoder(answer.Body).Decode(&hello)
		answer.Body.Close()
		if err != nil || hello.Kind != "fakewsus" || hello.Size != 12345 || hello.CA == "" || !strings.HasSuffix(addresses[1], ":"+hello.TLSPort) {
			t.Errorf("%s says %+v, %v", address, hello, err)
		}
	}
	interrupt()
	if exit := <-ended; exit != 0 {
		t.Errorf("interrupted, it ends with %d", exit)
	}
}
