package probe

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"testing"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
)

// answerFor is an answer for a host of the lists, as a client saw it: a head, and a page
// behind an empty line.
func answerFor(h endpoint.Host, head, page string) *Observation {
	text := []byte(page)
	x := &wire.Exchange{Authority: h.Name + ":80", Sent: wire.Lines("GET http://" + h.Name + "/ HTTP/1.1"), Answer: wire.Lines(head), Stopped: wire.Done,
		Body: wire.Body{Excerpt: text, Length: int64(len(text)), Stated: int64(len(text)), SHA256: sha256.Sum256(text)}}
	return &Observation{Exchange: x, Host: &h, Known: -1, Past: Past{}, Text: text}
}

// Pages and heads as proxies and servers write them.
const (
	squidPage   = "<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>"
	squidDenied = "HTTP/1.1 403 Forbidden\nServer: squid/5.7\nX-Squid-Error: ERR_ACCESS_DENIED 0\nContent-Type: text/html"
	boxPage     = "<html><head><title>Web Page Blocked</title></head></html>"
	akamaiPage  = "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>"
)

// Who answers for a host is told by what the answer bears, never by its status.
func TestJudgeHosts(t *testing.T) {
	listed := endpoint.Host{Name: "tlu.dl.delivery.mp.microsoft.com", Sure: endpoint.Verified}
	guessed := endpoint.Host{Name: "2.tlu.dl.delivery.mp.microsoft.com", Sure: endpoint.SecondHand}
	elsewhere := endpoint.Host{Name: "updates.example.org", Sure: endpoint.Verified}
	file := endpoint.Host{Name: "ctldl.windowsupdate.com", Sure: endpoint.Verified, Magic: "MSCF"}
	for _, tt := range []struct {
		name       string
		host       endpoint.Host
		head, page string
		nowhere    string // the head with which a host that cannot exist is answered; "" when none was asked
		want       string
		unsigned   bool // no signs of servers come through
	}{
		{"the server does not have it", listed, "HTTP/1.1 404 Not Found\nServer: Microsoft-IIS/10.0", "", squidDenied, "", false},
		{"an unknown server does not have it", listed, "HTTP/1.1 404 Not Found", "", squidDenied, "", false},
		{"the server sends the client home", listed, "HTTP/1.1 302 Found\nLocation: https://www.microsoft.com/", "", "", "", false},
		{"the server sends the client within itself", listed, "HTTP/1.1 301 Moved\nLocation: /other", "", "", "", false},
		{"the content network denies it", listed, "HTTP/1.1 403 Forbidden\nServer: AkamaiGHost", akamaiPage, "", "", false},
		{"Squid denies it", listed, squidDenied, squidPage, "", "host-blocked fail proxy", false},
		{"Squid denies it as it denies anything", listed, squidDenied, squidPage, squidDenied, "host-blocked fail proxy", false},
		{"a box denies it", listed, "HTTP/1.1 403 Forbidden\nContent-Type: text/html", boxPage, "HTTP/1.1 502 Bad Gateway", "host-blocked fail proxy", false},
		{"a box shows a page, and says that all is well", listed, "HTTP/1.1 200 OK\nContent-Type: text/html", boxPage, "HTTP/1.1 502 Bad Gateway", "host-blocked fail proxy", false},
		{"a box denies it by 503", listed, "HTTP/1.1 503 Service Unavailable\nContent-Type: text/html", boxPage, "HTTP/1.1 502 Bad Gateway", "host-blocked fail proxy", false},
		{"everybody is sent to a portal", listed, "HTTP/1.1 302 Found\nLocation: http://portal.example/", "", "HTTP/1.1 302 Found\nLocation: http://portal.example/", "host-blocked fail proxy", false},
		{"it is sent to a portal", listed, "HTTP/1.1 302 Found\nLocation: http://portal.example/?u=1", "", "HTTP/1.1 502 Bad Gateway", "host-blocked fail proxy", false},
		{"nobody says who denies it", listed, "HTTP/1.1 403 Forbidden", "", "HTTP/1.1 502 Bad Gateway", "host-unclear warn unknown", false},
		{"nobody says whose page it is", listed, "HTTP/1.1 200 OK\nContent-Type: text/html", "<html><title>Welcome</title></html>", "", "host-unclear warn unknown", false},
		{"the gateway does not reach it", listed, "HTTP/1.1 504 Gateway Timeout", "", "HTTP/1.1 502 Bad Gateway", "host-unreached fail unknown", false},
		{"the gateway does not reach what may not be there", guessed, "HTTP/1.1 502 Bad Gateway", "", "HTTP/1.1 502 Bad Gateway", "host-unreached fail unknown", false},
		{"the server itself is overloaded", listed, "HTTP/1.1 503 Service Unavailable\nServer: Microsoft-IIS/10.0", "", "HTTP/1.1 502 Bad Gateway", "", false},
		{"the file comes", file, "HTTP/1.1 200 OK", "MSCF....", "", "", false},
		{"a page comes for it", file, "HTTP/1.1 200 OK\nContent-Type: text/html", "<html></html>", "", "host-blocked fail proxy", false},
		{"something else comes for it", file, "HTTP/1.1 200 OK", "PK....", "", "content-altered fail proxy", false},
		{"a proxy that hides servers passes on what the content network denies", listed, "HTTP/1.1 403 Forbidden", akamaiPage, "HTTP/1.1 502 Bad Gateway", "host-unclear note unknown", true},
		{"the server sends the client to its own TLS", elsewhere, "HTTP/1.1 301 Moved\nLocation: https://updates.example.org/", "", "", "", false},
		{"Privoxy finds no name", listed, privoxyNoName, "", privoxyNoName, "host-unreached fail proxy", false},
		{"a login is wanted", listed, "HTTP/1.1 407 Proxy Authentication Required\nProxy-Authenticate: NTLM", "", "", "login-wanted fail proxy", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := answerFor(tt.host, tt.head, tt.page)
			o.Signed = !tt.unsigned
			if tt.nowhere != "" {
				o.Impossible = answerFor(endpoint.Host{Name: "x.invalid"}, tt.nowhere, tt.page).Exchange
			}
			got := ""
			for _, v := range Judge(reachStep(&tt.host), o) {
				got += v.Finding.Name + " " + string(v.Grade) + " " + string(v.Owner)
			}
			if got != tt.want {
				t.Errorf("it shows %q, want %q", got, tt.want)
			}
		})
	}
}

// Where a redirect leads is told by the host alone, as a client reads it.
func TestAbroad(t *testing.T) {
	for location, want := range map[string]string{
		"https://www.microsoft.com/": "", "http://MICROSOFT.COM:80/": "", "/here": "", "": "",
		"http://evilmicrosoft.com/": "evilmicrosoft.com", "http://microsoft.com.evil.example/": "microsoft.com.evil.example",
		"http://portal.example?x=http://microsoft.com/": "portal.example", "http://microsoft.com@portal.example/": "portal.example",
		"//portal.example/x": "portal.example", "http://[::1]:80/": "::1",
	} {
		if got := abroad(wire.Lines("HTTP/1.1 302 Found\nLocation: " + location)); got != want {
			t.Errorf("%q leads to %q, want %q", location, got, want)
		}
	}
}

// Parts of a file that nobody knows are held against each other, and against what comes
// without the proxy, if they are of the same file of the same date.
func TestUnknownBytes(t *testing.T) {
	part := func(from, to, body, tag string) *Observation {
		o := answerFor(endpoint.Host{Name: "download.windowsupdate.com"}, "HTTP/1.1 206 Partial Content\nETag: "+tag+"\nContent-Range: bytes "+from+"-"+to+"/100", body)
		o.Sent.Fields, o.Host = append(o.Sent.Fields, wire.Field{Name: "Range", Value: "bytes=" + from + "-" + to}), nil
		return o
	}
	for _, tt := range []struct {
		name string
		a, b *Observation
		want int64
	}{
		{"they have the same", part("0", "3", "abcd", "1"), part("2", "5", "cdef", "1"), -1},
		{"they do not", part("0", "3", "abcd", "1"), part("2", "5", "cXef", "1"), 3},
		{"in the other order", part("2", "5", "cXef", "1"), part("0", "3", "abcd", "1"), 3},
		{"they have nothing in common", part("0", "3", "abcd", "1"), part("4", "5", "ef", "1"), -1},
		{"they are of two versions", part("0", "3", "abcd", "1"), part("2", "5", "cXef", "2"), -1},
	} {
		if got := unlikeWhereBoth(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: they differ at %d, want %d", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		name         string
		here, direct *Observation
		by           Agent
		want         *Finding
	}{
		{"it is the same", part("0", "3", "abcd", "1"), part("0", "3", "abcd", "1"), BITS, nil},
		{"it is not", part("0", "3", "abcd", "1"), part("0", "3", "abXd", "1"), BITS, ContentAltered},
		{"it has changed meanwhile", part("0", "3", "abcd", "1"), part("0", "3", "abXd", "2"), BITS, nil},
		{"it is an old copy", dated(part("0", "3", "abcd", "1"), 1), dated(part("0", "3", "abXd", "2"), 5), BITS, CopyStale},
		{"it is an old list", dated(part("0", "3", "abcd", "1"), 1), dated(part("0", "3", "abXd", "2"), 5), CryptoAPI, ListsStale},
		{"it is of another node", dated(part("0", "3", "abcd", "1"), 1), dated(part("0", "3", "abXd", "2"), 2), CryptoAPI, nil},
		{"it is a page that is made anew", part("0", "3", "abcd", ""), part("0", "3", "abXd", ""), BITS, nil},
		{"it is newer", dated(part("0", "3", "abcd", "1"), 5), dated(part("0", "3", "abXd", "2"), 1), CryptoAPI, nil},
	} {
		j := &judged{Result: &Result{Step: &Step{Kind: ranged, By: tt.by}, Observation: tt.here}}
		j.Observation.Direct = tt.direct
		unlikeDirect([]*judged{j})
		switch {
		case tt.want == nil && len(j.verdicts) > 0:
			t.Errorf("%s: that shows %s", tt.name, j.verdicts[0].Finding.Name)
		case tt.want != nil && !j.shows(tt.want):
			t.Errorf("%s: that shows %v, want %s", tt.name, j.verdicts, tt.want.Name)
		}
	}
}

// dated is o with a date of January 2026.
func dated(o *Observation, day int) *Observation {
	o.Answer.Fields = append(o.Answer.Fields, wire.Field{Name: "Last-Modified", Value: fmt.Sprintf("Thu, %02d Jan 2026 00:00:00 GMT", day)})
	return o
}

// A host is compared with the name that nobody has under the nearest of its wildcards.
func TestNearest(t *testing.T) {
	controls := map[string]*Observation{}
	for _, pattern := range []string{"*.windowsupdate.com", "*.download.windowsupdate.com", "*catalog.microsoft.com", "exact.example"} {
		controls[pattern] = &Observation{Host: &endpoint.Host{Pattern: pattern}}
	}
	for name, want := range map[string]string{
		"2.au.download.windowsupdate.com": "*.download.windowsupdate.com", "download.windowsupdate.com": "*.windowsupdate.com",
		"windowsupdate.com": "", "evilwindowsupdate.com": "", "catalog.microsoft.com": "*catalog.microsoft.com",
		"x.catalog.microsoft.com": "*catalog.microsoft.com", "bobcatalog.microsoft.com": "", "exact.example": "", "": "",
	} {
		got := ""
		if o := nearest(controls, name); o != nil {
			got = o.Host.Pattern
		}
		if got != want || want != "" && !endpoint.Matches(want, name) {
			t.Errorf("%s is under %q, want %q", name, got, want)
		}
	}
}

// What Microsoft's own servers say in a tunnel that ends there is nobody's fault on the
// way; what is said anywhere else may be.
func TestLeaveToMicrosoft(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    TargetKind
		ownRoot bool
		finding *Finding
		want    Grade
	}{
		{"a fault of the service", Microsoft, true, SOAPFault, Note},
		{"a certificate", Microsoft, true, CertificateInvalid, Fail},
		{"a fault in an inspected tunnel", Microsoft, false, SOAPFault, Fail},
		{"a fault of a WSUS", WSUS, true, SOAPFault, Fail},
	} {
		o := &Observation{Exchange: &wire.Exchange{Stopped: wire.Done, TLS: new(tls.ConnectionState)}, Trust: &Trust{OwnRoot: tt.ownRoot}}
		j := &judged{Result: &Result{Step: &Step{Kind: soap}, Observation: o}, verdicts: []Verdict{{tt.finding, Fail, Unknown, "seen"}}}
		j.leaveToMicrosoft(&Run{Target: Target{Kind: tt.kind}})
		if got := j.verdicts[0].Grade; got != tt.want || (j.spared != "") != (tt.want == Note) {
			t.Errorf("%s: it is graded %s, want %s; spared: %q", tt.name, got, tt.want, j.spared)
		}
	}
}
