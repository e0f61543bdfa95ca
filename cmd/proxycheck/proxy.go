package main

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"proxycheck/probe"
)

// A proxySetting is which proxy is used, and why.
type proxySetting struct {
	address     string // host:port; "" for none
	shown       string // as a URL without a login
	source      string
	credentials *probe.Login
}

// chooseProxy is the proxy that --proxy means for a server at host:port, which is
// asked by http or https.
func chooseProxy(flag, scheme, server string) (*proxySetting, error) {
	switch flag {
	case "none":
		return &proxySetting{source: "--proxy none"}, nil
	case "system":
		value, source, err := systemProxy(scheme, server)
		if err != nil {
			return nil, &exitError{exitUnknown, err}
		}
		if value == "" {
			return &proxySetting{source: source}, nil
		}
		return parseProxy(value, source)
	}
	return parseProxy(flag, "--proxy")
}

// parseProxy reads the URL of a proxy. A host and a port alone are one, too.
func parseProxy(value, source string) (*proxySetting, error) {
	text := value
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
	case u.Scheme == "https" || strings.HasPrefix(u.Scheme, "socks"):
		err = errors.New("the components of Windows Update use no " + u.Scheme + " proxy: want http://HOST:PORT")
	case u.Scheme != "http":
		err = errors.New("scheme " + strconv.Quote(u.Scheme) + ": want http://HOST:PORT, system or none")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		err = errors.New("want http://HOST:PORT and nothing behind it")
	default:
		err = checkHost(u)
	}
	if err != nil {
		return nil, usage("proxy %q from %s: %w", redacted(value), source, bare(value, err))
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	p := &proxySetting{address: net.JoinHostPort(u.Hostname(), port), source: "from " + source}
	p.shown = "http://" + p.address
	if u.User != nil {
		password, _ := u.User.Password()
		p.credentials = &probe.Login{User: u.User.Username(), Password: password}
	}
	return p, nil
}

// login adds the login that the flags give.
func (p *proxySetting) login(user, passwordFile string) error {
	if user == "" && passwordFile == "" {
		return nil
	}
	if p.credentials != nil {
		return usage("--proxy-user and a login in the URL of the proxy exclude each other")
	}
	if user == "" {
		return usage("--proxy-password-file wants --proxy-user beside it")
	}
	if strings.Contains(user, ":") {
		return usage("--proxy-user: want a name without a colon; the password is in PROXYCHECK_PROXY_PASSWORD or a file")
	}
	password := os.Getenv("PROXYCHECK_PROXY_PASSWORD")
	if passwordFile != "" {
		text, err := os.ReadFile(passwordFile)
		if err != nil {
			return usage("--proxy-password-file: %w", err)
		}
		password = string(bytes.TrimRight(text, "\r\n"))
	}
	if password == "" {
		return usage("--proxy-user: there is no password: want PROXYCHECK_PROXY_PASSWORD, or --proxy-password-file")
	}
	p.credentials = &probe.Login{User: user, Password: password}
	return nil
}

// checkHost finds what is wrong with the host and the port of u.
func checkHost(u *url.URL) error {
	if u.Hostname() == "" {
		return errors.New("there is no host in it")
	}
	if u.Port() != "" {
		return checkPort(u.Port())
	}
	return nil
}

func checkPort(port string) error {
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return errors.New("port " + port + " is out of range: want 1 to 65535")
	}
	return nil
}

// bare is what is wrong with a URL, without what of it may be a login.
func bare(text string, err error) error {
	var u *url.Error
	switch {
	case errors.As(err, &u) && strings.Contains(text, "@"):
		return errors.New("this is no URL")
	case errors.As(err, &u):
		return u.Err
	}
	return err
}

// redacted is the text of a URL without the login in it, well-formed or not.
func redacted(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = "***@" + rest[i+1:]
	}
	return scheme + rest
}

// environment names what curl reads for a scheme: http_proxy in lower case alone.
var environment = map[string][]string{
	"http":  {"http_proxy", "all_proxy", "ALL_PROXY"},
	"https": {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
}

// fromEnvironment reads the proxy for a server from the environment as curl does.
func fromEnvironment(scheme, server string, getenv func(string) string) (value, source string) {
	except := "no_proxy"
	if getenv(except) == "" {
		except = "NO_PROXY"
	}
	for _, name := range environment[scheme] {
		if value = getenv(name); value == "" {
			continue
		}
		if excepted(server, getenv(except)) {
			return "", except + " in the environment excepts the server from " + name
		}
		return value, name + " in the environment"
	}
	return "", "no proxy is set in the environment: " + strings.Join(environment[scheme], ", ")
}

// excepted tells whether no_proxy has a server at host:port: by name, by the
// domain above it, by address or by network; an asterisk has all.
func excepted(server, list string) bool {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		host = server
	}
	ip, _ := netip.ParseAddr(host)
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if entry == "*" {
			return true
		}
		if ip.IsValid() {
			network, err := netip.ParsePrefix(entry)
			if err == nil && network.Contains(ip) || strings.Trim(entry, "[]") == host {
				return true
			}
			continue
		}
		domain := strings.ToLower(strings.Trim(entry, "."))
		if name := strings.ToLower(strings.TrimSuffix(host, ".")); name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return false
}
