package probe

import (
	"crypto/x509"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"proxycheck/probe/wire"
)

// Each observation shows these findings, with this grade, and this one must act.
func TestJudge(t *testing.T) {
	tests := []struct {
		name string
		saw  *sight
		want string
	}{
		{"squid denies HEAD", saw("bits-size", squidDenies), "request-denied fail proxy"},
		{"squid denies the web service", saw("wua-config", squidDenies), "request-denied fail proxy"},
		{"squid asks for Basic", saw("wua-config", squidAsks), "login-unusable fail proxy"},
		{"squid asks for Basic, to CONNECT", tunnelled(squidAsks), "login-unusable fail proxy"},
		{"a proxy asks for NTLM too", saw("wua-config", "HTTP/1.1 407 X\nProxy-Authenticate: Basic realm=\"x\"\nProxy-Authenticate: NTLM"), "login-wanted fail proxy"},
		{"a proxy lists the schemes in one field", saw("wua-config", "HTTP/1.1 407 X\nProxy-Authenticate: Basic realm=\"x\", Negotiate"), "login-wanted fail proxy"},
		{"a proxy lists them without blanks", saw("wua-config", "HTTP/1.1 407 X\nProxy-Authenticate: NTLM,Basic realm=\"x\""), "login-wanted fail proxy"},
		{"a realm is named NTLM", saw("wua-config", "HTTP/1.1 407 X\nProxy-Authenticate: Basic realm=\"Basic, NTLM, Negotiate\""), "login-unusable fail proxy"},
		{"squid reaches no server", saw("bits-file", squidCannotConnect), "server-behind-proxy-down fail unknown"},
		{"squid reaches no server for a tunnel", tunnelled(squidCannotConnect), "tunnel-server-down fail unknown"},
		{"tinyproxy denies CONNECT", tunnelled(tinyproxyDenies), "tunnel-denied fail proxy"},
		{"tinyproxy denies CONNECT, but not to 443", tunnelled(tinyproxyDenies).port443("HTTP/1.1 200 Connection established"), "tunnel-only-443 fail proxy"},
		{"tinyproxy denies CONNECT, to 443 too", tunnelled(tinyproxyDenies).port443("HTTP/1.1 403 Access violation"), "tunnel-denied fail proxy"},
		{"tinyproxy reaches no server", saw("bits-file", tinyproxyCannotConnect), "server-behind-proxy-down fail unknown"},
		{"tinyproxy reaches no server for a tunnel", tunnelled(tinyproxyCannotConnect), "tunnel-server-down fail unknown"},
		{"Privoxy denies", saw("bits-size", privoxyDenies), "request-denied fail proxy"},
		{"Privoxy finds no name", saw("bits-file", privoxyNoName), "server-behind-proxy-down fail unknown"},
		{"Apache denies CONNECT", tunnelled(apacheDenies), "tunnel-denied fail proxy"},
		{"Apache finds no name", saw("bits-file", apacheNoName), "server-behind-proxy-down fail unknown"},
		{"an error of IIS", saw("wua-config", "HTTP/1.1 500 Internal Server Error\nServer: Microsoft-IIS/10.0"), "server-error fail server"},
		{"an error of nobody", saw("wua-config", "HTTP/1.1 500 Internal Server Error"), "server-error fail unknown"},
		{"the pool is stopped", saw("wua-config", httpsysUnavailable), "server-unavailable fail server"},

		{"IIS has no iuident.cab", saw("iuident-file", iisNotFound), "file-retired note server"},
		{"nobody has iuident.cab", saw("iuident-file", "HTTP/1.1 404 Not Found"), "file-retired note server"},
		{"Privoxy finds no name for iuident.cab", saw("iuident-file", privoxyNoName), "server-behind-proxy-down fail unknown"},
		{"IIS has no content", saw("bits-size", iisNotFound), "file-missing fail server"},
		{"IIS has no web service", saw("wua-config", iisNotFound), "server-not-wsus fail client"},
		{"nobody has a web service", saw("wua-config", "HTTP/1.1 404 Not Found"), "server-not-wsus fail client"},
		{"Privoxy finds no name for the web service", saw("wua-config", privoxyNoName), "server-behind-proxy-down fail unknown"},

		{"HEAD is no method", saw("bits-size", "HTTP/1.1 405 Method Not Allowed\nServer: Microsoft-IIS/10.0"), "head-refused fail server"},
		{"HEAD is not implemented", saw("bits-size", "HTTP/1.1 501 Not Implemented"), "head-refused fail unknown"},
		{"HEAD is good", saw("bits-size", goodHead), ""},
		{"HEAD gives no length", saw("bits-size", "HTTP/1.1 200 OK\nServer: Microsoft-IIS/10.0"), "size-hidden fail proxy"},
		{"HEAD is chunked", saw("bits-size", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked"), "size-hidden fail proxy"},
		{"HEAD gives another length", saw("bits-size", "HTTP/1.1 200 OK\nContent-Length: 99999"), "size-wrong fail proxy"},
		{"HEAD is compressed", saw("bits-size", "HTTP/1.1 200 OK\nContent-Encoding: gzip"), "content-recoded fail proxy"},
		{"HEAD has a body", saw("bits-size", goodHead).with(func(o *Observation) { o.Extra = []byte("MSCF") }), "head-has-body fail proxy"},

		{"a part is good", saw("bits-range-first", goodPart), ""},
		{"a part comes as HTTP/1.0", saw("bits-range-first", strings.Replace(goodPart, "/1.1", "/1.0", 1)), "http10 warn proxy"},
		{"a range gets the whole file", saw("bits-range-first", goodHead), "range-ignored fail proxy"},
		{"a part does not say which it is", saw("bits-range-first", "HTTP/1.1 206 Partial Content\nContent-Length: 5473"), "range-unstated fail proxy"},
		{"a part says it begins one byte later", saw("bits-range-first", strings.Replace(goodPart, "0-5472/", "1-5473/", 1)), "range-wrong fail proxy"},
		{"a part is cut to less than was asked", saw("bits-range-first", strings.Replace(goodPart, "0-5472/", "0-4095/", 1)), "range-wrong fail proxy"},
		{"a part is of another file", saw("bits-range-first", strings.Replace(goodPart, "/100000", "/100001", 1)), "range-wrong fail proxy"},
		{"a part is of a file of unknown size", saw("bits-range-first", strings.Replace(goodPart, "/100000", "/*", 1)), "range-wrong fail proxy"},
		{"a part is of no range", saw("bits-range-first", strings.Replace(goodPart, "0-5472/", "*/", 1)), "range-wrong fail proxy"},
		{"a part is shorter than it says", saw("bits-range-first", strings.Replace(goodPart, "5473", "5472", 1)), "range-wrong fail proxy"},
		{"a part comes in chunks", saw("bits-range-first", strings.Replace(goodPart, "Content-Length: 5473", "Transfer-Encoding: chunked", 1)), "length-missing fail proxy"},
		{"a part comes compressed", saw("bits-range-first", goodPart+"\nContent-Encoding: gzip"), "content-recoded fail proxy"},
		{"a part has other bytes", saw("bits-range-first", goodPart).with(func(o *Observation) { o.Compared = &Comparison{Differs: 7} }), "content-altered fail proxy"},
		{"a range is refused", saw("bits-range-first", "HTTP/1.1 416 Range Not Satisfiable"), "range-refused fail proxy"},
		{"a condition that holds is refused", saw("bits-range-first", "HTTP/1.1 412 Precondition Failed"), "condition-refused fail proxy"},
		{"a stale condition is refused", saw("bits-condition", "HTTP/1.1 412 Precondition Failed\nServer: Microsoft-IIS/10.0"), ""},
		{"a stale condition is refused by a cache that has the date", saw("bits-condition", "HTTP/1.1 412 Precondition Failed\nServer: ATS/9.2.5"), ""},
		{"a stale condition is ignored", saw("bits-condition", goodPart), "condition-ignored warn proxy"},

		{"a whole file is good", saw("bits-file", goodHead), ""},
		{"a whole file is short", saw("bits-file", "HTTP/1.1 200 OK\nContent-Length: 99999"), "content-altered fail proxy"},
		{"a whole file comes compressed", saw("bits-file", "HTTP/1.1 200 OK\nContent-Encoding: gzip\nTransfer-Encoding: chunked"), "content-recoded fail proxy"},
		{"a whole file has other bytes", saw("bits-file", goodHead).with(func(o *Observation) { o.Compared = &Comparison{Differs: 7} }), "content-altered fail proxy"},
		{"a whole file comes in chunks", saw("bits-file", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked").length(100_000), "length-missing warn proxy"},
		{"two equal lengths", saw("bits-file", goodHead+"\nContent-Length: 100000"), ""},
		{"two equal lengths in one field", saw("bits-file", strings.Replace(goodHead, ": 100000", ": 100000, 100000", 1)), ""},
		{"two different lengths", saw("bits-file", goodHead+"\nContent-Length: 1"), "length-doubled fail proxy"},
		{"two different lengths, and the connection breaks", saw("bits-file", goodHead+"\nContent-Length: 1").breaks(wire.BodyRead, wire.Cut), "length-doubled fail proxy"},
		{"a page for a cabinet", saw("bits-file", "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 100000"), "page-instead fail unknown"},
		{"a page that is said to be a cabinet", saw("bits-file", goodHead+"\n\n\n<!DOCTYPE HTML>"), "page-instead fail unknown"},
		{"a page of the proxy", saw("wua-config", "HTTP/1.1 200 OK\nServer: squid/5.7\n\n<html>"), "page-instead fail proxy"},

		{"a cabinet is good", cabinetOf(0), ""},
		{"a cabinet is cut", cabinetOf(1), "content-altered fail proxy"},
		{"no cabinet at all", saw("selfupdate-file", "HTTP/1.1 200 OK\nContent-Type: application/octet-stream\n\nblocked by policy"), "content-altered fail proxy"},
		{"a cabinet comes compressed", saw("selfupdate-file", "HTTP/1.1 200 OK\nContent-Encoding: gzip\n\n\x1f\x8b"), "content-recoded fail proxy"},
		{"nothing for a cabinet", saw("iuident-file", "HTTP/1.1 204 No Content"), "content-altered fail proxy"},
		{"a cabinet is not as long as HEAD said", cabinetOf(0).after(saw("selfupdate-size", "HTTP/1.1 200 OK\nContent-Length: 1")), "size-wrong fail proxy"},
		{"the configuration is good", saw("wua-config", goodConfig), ""},
		{"the configuration is none", saw("wua-config", "HTTP/1.1 200 OK\nContent-Type: text/xml\n\n<ok/>"), "soap-unreadable fail proxy"},

		{"a certificate is trusted", saw("tls-config", goodConfig).trust(ByServersCA, nil), ""},
		{"a certificate is not the server's own", saw("tls-config", goodConfig).trust(ByServersCA, x509.UnknownAuthorityError{}), "tls-inspected fail proxy"},
		{"a certificate is not of the given CA", saw("tls-config", goodConfig).trust(ByGivenCA, x509.UnknownAuthorityError{}), "tls-inspected fail proxy"},
		{"a certificate is of nobody known here", saw("tls-config", goodConfig).trust(BySystem, x509.UnknownAuthorityError{}), "issuer-unknown " + string(onlyWindowsFails()) + " unknown"},
		{"a certificate has expired", saw("tls-config", goodConfig).trust(BySystem, x509.CertificateInvalidError{Reason: x509.Expired}), "certificate-invalid fail unknown"},
		{"a certificate is for another name", saw("tls-config", goodConfig).trust(ByServersCA, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "wsus.test"}), "certificate-invalid fail unknown"},
		{"the page of a box with an expired certificate", saw("tls-config", squidDenies).trust(ByServersCA, x509.CertificateInvalidError{Reason: x509.Expired}), "certificate-invalid fail unknown"},
		{"the page of the box that inspects", saw("tls-config", squidDenies).trust(ByServersCA, x509.UnknownAuthorityError{}), "tls-inspected fail proxy"},

		{"the proxy has no name", saw("wua-config", "").breaks(wire.Resolve, wire.NoName), "proxy-name-unknown fail network"},
		{"the server has no name", saw("wua-config", "").breaks(wire.Resolve, wire.NoName).direct(), "server-name-unknown fail client"},
		{"the name server is silent", saw("wua-config", "").breaks(wire.Resolve, wire.Silent), "name-server-silent fail network"},
		{"the proxy refuses", saw("wua-config", "").breaks(wire.Connect, wire.Refused), "proxy-refuses fail proxy"},
		{"the server refuses", saw("wua-config", "").breaks(wire.Connect, wire.Refused).direct(), "server-refuses fail server"},
		{"the way to the proxy is closed", saw("wua-config", "").breaks(wire.Connect, wire.Silent), "proxy-unreachable fail network"},
		{"there is no way to the proxy", saw("wua-config", "").breaks(wire.Connect, wire.Unreachable), "proxy-unreachable fail network"},
		{"the way to the server is closed", saw("wua-config", "").breaks(wire.Connect, wire.Silent).direct(), "server-unreachable fail network"},
		{"there is no way to the server", saw("wua-config", "").breaks(wire.Connect, wire.Unreachable).direct(), "server-unreachable fail network"},
		{"the tunnel is closed without an answer", saw("tls-config", "").breaks(wire.Tunnel, wire.Cut), "tunnel-denied fail proxy"},
		{"the handshake is cut", saw("tls-config", "").breaks(wire.Secure, wire.Cut), "tls-broken fail unknown"},
		{"no answer, and the end", saw("wua-config", "").breaks(wire.FirstByte, wire.Cut), "connection-closed fail proxy"},
		{"a head that does not end", saw("wua-config", "HTTP/1.1 200 OK").breaks(wire.FirstByte, wire.TooLarge), "head-too-large fail proxy"},
		{"a file that ends early", saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Cut), "body-cut fail proxy"},
		{"a file that stops", saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Silent), "proxy-silent fail proxy"},
		{"a file that trickles", saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Trickled), "body-trickles fail proxy"},
		{"a chunk that is none", saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Garbled), "answer-malformed fail proxy"},

		{"ssh", saw("wua-config", "").breaks(wire.FirstByte, wire.Garbled).raw("SSH-2.0-OpenSSH_9.2\r\n"), "proxy-not-http fail client"},
		{"ssh, without a proxy", saw("wua-config", "").breaks(wire.FirstByte, wire.Garbled).raw("SSH-2.0-OpenSSH_9.2\r\n").direct(), "server-not-wsus fail client"},
		{"a TLS alert", saw("wua-config", "").breaks(wire.FirstByte, wire.Garbled).raw("\x15\x03\x01\x00\x02\x02\x46"), "proxy-not-http fail client"},
		{"nginx wants TLS", saw("wua-config", "HTTP/1.1 400 Bad Request\nServer: nginx\n\n<html><head><title>400 The plain HTTP request was sent to HTTPS port</title>"), "proxy-not-http fail client"},
		{"garbage later on", saw("bits-size", "").breaks(wire.FirstByte, wire.Garbled).raw("MSCF").with(func(o *Observation) { o.Reused = true }), "answer-malformed fail proxy"},
		{"a reset in mid-file", saw("bits-file", goodHead).breaks(wire.BodyRead, wire.Reset), "connection-reset fail proxy"},
		{"the server wants a certificate of the client", saw("tls-config", "").breaks(wire.FirstByte, wire.NoAgreement), "tls-broken fail unknown"},
		{"a denial whose page is cut", saw("wua-config", squidDenies).breaks(wire.BodyRead, wire.Reset), "request-denied fail proxy"},
		{"a login page whose end is cut", saw("wua-config", squidAsks).breaks(wire.BodyRead, wire.Cut), "login-unusable fail proxy"},
		{"a portal that leads nowhere", saw("wua-config", "HTTP/1.1 302 Found\nLocation: https://login.example/"), "redirect-unusable fail proxy"},
		{"a long body is too long for it", saw("wua-sync-drivers", "HTTP/1.1 413 Payload Too Large"), "body-refused fail proxy"},
		{"a short body is too long for it", saw("wua-config", "HTTP/1.1 413 Payload Too Large"), "request-refused fail unknown"},
		{"we stopped", saw("wua-config", "").breaks(wire.FirstByte, wire.Stopped), ""},
	}
	for _, tt := range tests {
		if got := said(tt.saw); got != tt.want {
			t.Errorf("%s: %s shows %q, want %q; the evidence is %q", tt.name, tt.saw.step.Name, got, tt.want, evidence(tt.saw))
		}
	}
}

// everyBreak lists each phase with each failure that package wire can report
// of it.
var everyBreak = map[wire.Phase][]wire.Failure{
	wire.Resolve: {wire.NoName, wire.Silent},
	wire.Connect: {wire.Refused, wire.Unreachable, wire.Silent, wire.Reset, wire.Garbled},
	wire.Tunnel:  {wire.Denied, wire.Silent, wire.Reset, wire.Cut, wire.Garbled, wire.TooLarge},
	wire.Secure:  {wire.NoAgreement, wire.Silent, wire.Reset, wire.Cut, wire.Garbled},
	// Inside TLS an alert may come at any time: that of a server that wants a
	// certificate of the client comes after the handshake of TLS 1.3.
	wire.FirstByte: {wire.Silent, wire.Reset, wire.Cut, wire.Garbled, wire.TooLarge, wire.NoAgreement},
	wire.BodyRead:  {wire.Silent, wire.Trickled, wire.Reset, wire.Cut, wire.Garbled, wire.TooLarge, wire.NoAgreement},
}

// Nothing that broke passes, and nothing is without an explanation.
func TestNoBreakPasses(t *testing.T) {
	for phase, failures := range everyBreak {
		for _, failure := range failures {
			for _, direct := range []bool{false, true} {
				var passed, unexplained []string
				for _, step := range Steps {
					s := saw(step.Name, "").breaks(phase, failure)
					s.o.NoProxy = direct && phase != wire.Tunnel // which there is only with a proxy
					switch verdict := worst(s); {
					case verdict.Grade != Fail:
						passed = append(passed, step.Name)
					case verdict.Finding == Unexplained:
						unexplained = append(unexplained, step.Name)
					}
				}
				if passed != nil || unexplained != nil {
					t.Errorf("%s: %s (direct: %v) passes in %v and is unexplained in %v", phase, failure, direct, passed, unexplained)
				}
			}
		}
	}
}

// What we stopped ourselves says nothing, whatever the phase.
func TestStoppedSaysNothing(t *testing.T) {
	for _, step := range Steps {
		for phase := range everyBreak {
			if got := said(saw(step.Name, squidDenies).breaks(phase, wire.Stopped)); got != "" {
				t.Errorf("%s, stopped by us in phase %s, shows %q", step.Name, phase, got)
			}
		}
	}
}

// No status passes but 2xx and those that the step itself calls good, and none
// is without an explanation: a status may be any three digits.
func TestNoStatusPasses(t *testing.T) {
	for _, step := range Steps {
		good := func(status int) bool { return status/100 == 2 || slices.Contains(step.Good, status) }
		everyStatus(t, saw(step.Name, goodHead), good, func(s *sight) *wire.Head { return &s.o.Answer })
	}
	opens := func(status int) bool { return status/100 == 2 }
	everyStatus(t, tunnelled(squidDenies), opens, func(s *sight) *wire.Head { return &s.o.Tunnel.Answer })
}

// everyStatus holds that each status fails with an explanation in the place of
// the one that s has in an answer, those apart that are good.
func everyStatus(t *testing.T, s *sight, good func(int) bool, answer func(*sight) *wire.Head) {
	t.Helper()
	var passed, unexplained []int
	for status := 100; status <= 600; status++ {
		if good(status) {
			continue
		}
		*answer(s) = wire.Head{Start: fmt.Sprintf("HTTP/1.1 %d Status", status)}
		switch verdict := worst(s); {
		case verdict.Grade != Fail:
			passed = append(passed, status)
		case verdict.Finding == Unexplained:
			unexplained = append(unexplained, status)
		}
	}
	if passed != nil || unexplained != nil {
		t.Errorf("%s, stopped at %s: the statuses %s pass and %s are unexplained", s.step.Name, s.o.Stopped, spans(passed), spans(unexplained))
	}
}

// Where no proxy is used, none is to blame, unless it has signed the answer.
func TestDirectBlamesNoProxy(t *testing.T) {
	blamed := map[string]string{}
	note := func(s *sight) {
		s.o.NoProxy = true
		for _, v := range Judge(s.step, s.o) {
			if v.Owner == Proxy || v.Finding == ProxyNotHTTP {
				blamed[v.Finding.Name] = s.step.Name + ": " + v.Evidence
			}
		}
	}
	for _, step := range Steps {
		for phase, failures := range everyBreak {
			for _, failure := range failures {
				if phase != wire.Tunnel { // there is none without a proxy
					note(saw(step.Name, "").breaks(phase, failure).raw("SSH-2.0-OpenSSH_9.2\r\n"))
				}
			}
		}
		for _, answer := range []string{goodHead, goodPart, goodConfig, iisNotFound, "HTTP/1.0 403 Forbidden", "HTTP/1.1 302 Found"} {
			note(saw(step.Name, answer))
		}
	}
	for name, evidence := range blamed {
		t.Errorf("without a proxy, %s is for the proxy to mend (%s)", name, evidence)
	}
}

// Who made an answer is told by what only one of them writes. What passes
// through unchanged, and what any of them may write, tells nothing.
func TestSpeaker(t *testing.T) {
	for _, tt := range []struct {
		field string
		want  Owner
	}{
		{"X-Squid-Error: ERR_ACCESS_DENIED 0", Proxy},
		{"Proxy-Status: cache.example; error=destination_unavailable", Unknown}, // RFC 9209: also of a gateway
		{"Proxy-Authenticate: NTLM", Proxy},
		{"Proxy-Agent: Privoxy 3.0.34", Proxy},
		{"Server: squid/5.7", Proxy},
		{"Server: tinyproxy/1.11.1", Proxy},
		{"Server: ATS/9.2.5", Unknown}, // it stands in each answer that passes
		{"Server: mitmproxy 8.1.1", Proxy},
		{"server: bluecoat-security-appliance", Proxy},
		{"Server: Zscaler/6.2", Proxy},
		{"Server: McAfee Web Gateway", Proxy},
		{"X-Cache: Error from cloudfront", Unknown}, // of a content network before the server
		{"Server: Microsoft-IIS/10.0", Server},
		{"Server: Microsoft-HTTPAPI/2.0", Server},
		{"X-AspNet-Version: 4.0.30319", Server},
		{"Server: nginx/1.22.1", Unknown},
		{"Server: Apache/2.4.71 (Debian)", Unknown},
		{"Via: 1.1 proxy.example (squid/5.7)", Unknown},
		{"X-Cache: MISS from proxy.example", Unknown},
		{"X-Powered-By: squid", Unknown},
	} {
		if got := speaker(saw("bits-size", "HTTP/1.1 403 Forbidden\n"+tt.field).o); got != tt.want {
			t.Errorf("a 403 with %s is of %q, want %q", tt.field, got, tt.want)
		}
	}
}

// worst is the worst that is thought of s.
func worst(s *sight) Verdict {
	var worst Verdict
	for _, v := range Judge(s.step, s.o) {
		if worst.Finding == nil || v.Grade == Fail {
			worst = v
		}
	}
	return worst
}

// said is what is thought of s, in words.
func said(s *sight) string {
	var words []string
	for _, v := range Judge(s.step, s.o) {
		words = append(words, fmt.Sprintf("%s %s %s", v.Finding.Name, v.Grade, v.Owner))
	}
	return strings.Join(words, ", ")
}

// evidence is what is given as the reason.
func evidence(s *sight) string {
	var words []string
	for _, v := range Judge(s.step, s.o) {
		words = append(words, v.Evidence)
	}
	return strings.Join(words, ", ")
}

// spans writes ascending numbers as spans.
func spans(numbers []int) string {
	var text []string
	for from := 0; from < len(numbers); {
		to := from
		for to+1 < len(numbers) && numbers[to+1] == numbers[to]+1 {
			to++
		}
		text = append(text, fmt.Sprintf("%d-%d", numbers[from], numbers[to]))
		from = to + 1
	}
	return fmt.Sprint(text)
}

// onlyWindowsFails is the grade of an unknown issuer: on Windows the store of
// this machine is that of a client.
func onlyWindowsFails() Grade {
	if runtime.GOOS == "windows" {
		return Fail
	}
	return Warn
}
