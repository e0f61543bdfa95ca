package main

import (
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"

	"proxycheck/probe"
)

// target is the server that the flags describe.
func (f *runFlags) target() (probe.Target, error) {
	server := f.server
	if !strings.Contains(server, "://") {
		return probe.Target{}, usage("--server %q: want a URL such as http://wsus:8530", redacted(server))
	}
	u, err := url.Parse(server)
	if err == nil {
		err = checkHost(u)
	}
	if err == nil && (u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "") {
		err = errors.New("want scheme, host and port alone")
	}
	if err != nil {
		return probe.Target{}, usage("--server %q: %w", redacted(server), bare(server, err))
	}
	t, err := probe.SplitServer(u.Scheme, u.Hostname(), u.Port())
	if err != nil {
		return t, usage("--server %q: %w", redacted(server), err)
	}
	if f.serverTLS != "" {
		host, port, err := net.SplitHostPort(f.serverTLS)
		if err == nil {
			err = checkPort(port)
		}
		if err != nil || host == "" {
			return t, usage("--server-tls %q: want HOST:PORT", redacted(f.serverTLS))
		}
		t.Secure, t.Guessed = f.serverTLS, false
	}
	if f.object != "" {
		if !strings.HasPrefix(f.object, "/") || strings.ContainsAny(f.object, "# \r\n") {
			return t, usage("--object %q: want the path of a file on the server, such as /Content/AB/0123.cab", f.object)
		}
		t.ObjectPath = f.object
	}
	if f.ca != "" {
		t.Roots, err = readRoots(f.ca)
	}
	return t, err
}

// readRoots reads certificates to verify by.
func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("--ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, usage("--ca %s: there is no certificate in it: want PEM, beginning with -----BEGIN CERTIFICATE-----", file)
	}
	return roots, nil
}
