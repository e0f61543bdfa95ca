package probe

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A sight is a step with what was seen of it.
type sight struct {
	step *Step
	o    *Observation
}

// saw is what a client behind a proxy saw of the step called name: a complete
// answer, written as a head and, behind an empty line, the start of a body. The
// body is as long as its head says.
func saw(name, answer string) *sight {
	i := slices.IndexFunc(Steps, func(s *Step) bool { return s.Name == name })
	step := Steps[i]
	req := filled(step, Profiles[0])
	sent := req.Head
	if !req.TLS {
		sent = req.Head.ToProxy(req.Authority)
	}
	o := &Observation{Exchange: exchange(sent, req, answer), Known: -1, Past: Past{}}
	if strings.Contains(step.Send, "{object") {
		o.Known = known.Size
	}
	if step.Kind.Text {
		o.Text = o.Body.Excerpt
	}
	return &sight{step, o}
}

// exchange is a request with its answer.
func exchange(sent wire.Head, req *wire.Request, answer string) *wire.Exchange {
	head, body, _ := strings.Cut(answer, "\n\n")
	x := &wire.Exchange{Authority: req.Authority, Sent: sent, SentBody: req.Body, Stopped: wire.Done, Took: map[wire.Phase]time.Duration{}}
	if head == "" {
		return x
	}
	x.Answer = wire.Lines(head)
	x.Raw = x.Answer.Bytes()
	x.Body = wire.Body{Lengths: x.Answer.All("Content-Length"), Stated: -1, Framing: wire.ByClose, Length: int64(len(body)), Excerpt: []byte(body)}
	if n, err := strconv.ParseInt(first(x.Body.Lengths), 10, 64); err == nil {
		x.Body.Stated, x.Body.Framing, x.Body.Length = n, wire.ByLength, n
	}
	if x.Answer.Get("Transfer-Encoding") == "chunked" {
		x.Body.Framing = wire.Chunked
	}
	if x.Sent.Method() == "HEAD" {
		x.Body.Framing, x.Body.Length, x.Body.Excerpt = wire.NoBody, 0, nil
	}
	return x
}

// first is the first number of a field that may state several.
func first(values []string) string {
	value, _, _ := strings.Cut(strings.Join(values, ","), ",")
	return value
}

// filled is the request of a step with every blank filled.
func filled(step *Step, profile *Profile) *wire.Request {
	req, err := everything(profile).request(step)
	if err != nil {
		panic(err) // TestSteps says more
	}
	return req
}

// everything are blanks for which nothing is left to be found out.
func everything(profile *Profile) *blanks {
	past := Past{}
	for _, s := range Steps {
		past[s.Name] = &Observation{Exchange: &wire.Exchange{Answer: wire.Lines(goodHead)}, Text: []byte(answered200)}
	}
	object := Object{Path: "/Content/F8/0000000186A0000000000000000000000000F8F8.cab", Size: known.Size}
	return &blanks{Circumstances: &Circumstances{Profile: profile, Target: &known}, run: "0A1B2C3D", cv: "me4WAo5lqUCG/53VSuJYFr",
		now: time.Unix(0, 0), past: past, lane: &lane{name: "wua", cookie: []byte(answered200)},
		file: func(string) Object { return object }, stream: func() wusp.Stream { return wusp.NewStream(known.Size, "0A1B2C3D") }}
}

// answered200 has every element that a later call quotes.
const answered200 = `<r><LastChange>2026-01-13T18:04:11.123Z</LastChange><CookieData>AAAA</CookieData><Expiration>2026-01-13T18:04:11Z</Expiration>` +
	`<EncryptedData>AAAA</EncryptedData><UpdateInfo><ID>17</ID></UpdateInfo><FileDigest>AAAA</FileDigest></r>`

// tunnelled is what a client saw whose CONNECT was answered so.
func tunnelled(answer string) *sight {
	s := saw("tls-config", "").breaks(wire.Tunnel, wire.Denied)
	req := &wire.Request{Head: wire.Lines("CONNECT wsus.test:8531 HTTP/1.1\nHost: wsus.test:8531"), Authority: "wsus.test:8531"}
	s.o.Tunnel = exchange(req.Head, req, answer)
	return s
}

// cabinetOf is a cabinet that came without its last bytes.
func cabinetOf(short int) *sight {
	cab := wusp.Cabinet("a.txt", []byte("the agent's own update"))
	return saw("selfupdate-file", fmt.Sprintf("HTTP/1.1 200 OK\nContent-Type: application/octet-stream\n\n%s", cab[:len(cab)-short]))
}

func (s *sight) with(change func(*Observation)) *sight {
	change(s.o)
	return s
}

// breaks is s when it broke.
func (s *sight) breaks(phase wire.Phase, failure wire.Failure) *sight {
	s.o.Stopped, s.o.Failure = phase, failure
	if phase == wire.Tunnel {
		s.o.Tunnel = &wire.Exchange{}
	}
	return s
}

// direct is s when no proxy was used.
func (s *sight) direct() *sight {
	s.o.NoProxy = true
	return s
}

// raw is s when this came in place of an answer.
func (s *sight) raw(came string) *sight {
	s.o.Raw = []byte(came)
	return s
}

// length is s when so many bytes of body came.
func (s *sight) length(n int64) *sight {
	s.o.Body.Length = n
	return s
}

// port443 is s when a tunnel to port 443 was answered so.
func (s *sight) port443(answer string) *sight {
	s.o.Port443 = &wire.Exchange{Answer: wire.Lines(answer)}
	return s
}

// trust is s when the server showed a certificate that was verified so.
func (s *sight) trust(by TrustBasis, err error) *sight {
	s.o.Trust = &Trust{Subject: "CN=wsus.test", Issuer: "CN=somebody", By: by, Err: err}
	return s
}

// after is s when an earlier step saw that.
func (s *sight) after(earlier *sight) *sight {
	s.o.Past[earlier.step.Name] = earlier.o
	return s
}

// What proxies of Debian 12 really answered, recorded on loopback; their pages
// are cut, and the port is their usual one.
const (
	squidDenies = `HTTP/1.1 403 Forbidden
Server: squid/5.7
Mime-Version: 1.0
Date: Fri, 20 Nov 2026 12:33:52 GMT
Content-Type: text/html;charset=utf-8
Content-Length: 3079
X-Squid-Error: ERR_ACCESS_DENIED 0
Vary: Accept-Language
Content-Language: en
X-Cache: MISS from proxy.example
X-Cache-Lookup: NONE from proxy.example:3128
Via: 1.1 proxy.example (squid/5.7)
Connection: keep-alive

<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head><title>ERROR: The requested URL could not be retrieved</title>`

	squidAsks = `HTTP/1.1 407 Proxy Authentication Required
Server: squid/5.7
Mime-Version: 1.0
Date: Fri, 20 Nov 2026 12:34:46 GMT
Content-Type: text/html;charset=utf-8
Content-Length: 3083
X-Squid-Error: ERR_CACHE_ACCESS_DENIED 0
Vary: Accept-Language
Content-Language: en
Proxy-Authenticate: Basic realm="proxy"
X-Cache: MISS from proxy.example
X-Cache-Lookup: NONE from proxy.example:3128
Via: 1.1 proxy.example (squid/5.7)
Connection: keep-alive

<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head><title>ERROR: Cache Access Denied</title>`

	squidCannotConnect = `HTTP/1.1 503 Service Unavailable
Server: squid/5.7
Mime-Version: 1.0
Date: Fri, 20 Nov 2026 12:34:04 GMT
Content-Type: text/html;charset=utf-8
Content-Length: 3085
X-Squid-Error: ERR_CONNECT_FAIL 111
Vary: Accept-Language
Content-Language: en
X-Cache: MISS from proxy.example
X-Cache-Lookup: MISS from proxy.example:3128
Via: 1.1 proxy.example (squid/5.7)
Connection: keep-alive

<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">`

	tinyproxyDenies = `HTTP/1.1 403 Access violation
Server: tinyproxy/1.11.1
Content-Type: text/html
Connection: close

<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">
<html>
<head><title>403 Access violation</title></head>`

	// Tinyproxy says the same to CONNECT when it reaches no server.
	tinyproxyCannotConnect = `HTTP/1.1 500 Unable to connect
Server: tinyproxy/1.11.1
Content-Type: text/html
Connection: close

<?xml version="1.0" encoding="UTF-8" ?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">
<html>
<head><title>500 Unable to connect</title></head>`

	privoxyDenies = `HTTP/1.1 403 Request blocked by Privoxy
Content-Length: 8675
Content-Type: text/html
Cache-Control: no-cache
Date: Fri, 20 Nov 2026 12:34:16 GMT
Last-Modified: Wed, 08 Jun 1955 12:00:00 GMT
Expires: Sat, 17 Jun 2000 12:00:00 GMT
Pragma: no-cache
Connection: close

<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">
<html>
 <head>
  <title>Request blocked (Privoxy@localhost)</title>`

	// Privoxy's word for a server whose name does not resolve.
	privoxyNoName = `HTTP/1.1 404 No such domain
Content-Length: 6530
Content-Type: text/html
Cache-Control: no-cache
Date: Fri, 20 Nov 2026 12:34:16 GMT
Last-Modified: Wed, 08 Jun 1955 12:00:00 GMT
Expires: Sat, 17 Jun 2000 12:00:00 GMT
Pragma: no-cache
Connection: close

<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>

<head>
  <title>502 - Bad Gateway (Privoxy@localhost)</title>`

	apacheDenies = `HTTP/1.1 403 Proxy Error
Date: Fri, 20 Nov 2026 12:34:16 GMT
Server: Apache/2.4.71 (Debian)
Content-Length: 353
Content-Type: text/html; charset=iso-8859-1

<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head>
<title>403 Proxy Error</title>`

	apacheNoName = `HTTP/1.1 500 Proxy Error
Date: Fri, 20 Nov 2026 12:34:21 GMT
Server: Apache/2.4.71 (Debian)
Content-Length: 307
Connection: close
Content-Type: text/html; charset=iso-8859-1

<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head>
<title>500 Proxy Error</title>
</head><body>
<h1>Proxy Error</h1>
The proxy server could not handle the request<p>Reason: <strong>DNS lookup failure for: no.such.invalid</strong></p><p />`

	// Only the field Server is sure (wire.md 7.3).
	httpsysUnavailable = `HTTP/1.1 503 Service Unavailable
Content-Type: text/html; charset=us-ascii
Server: Microsoft-HTTPAPI/2.0
Connection: close
Content-Length: 326

<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">`

	iisNotFound = `HTTP/1.1 404 Not Found
Content-Type: text/html
Server: Microsoft-IIS/10.0
X-Powered-By: ASP.NET
Content-Length: 1245

<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">`
)

// What a healthy server answers (wire.md 3.6, 7.2), for the file of known.
const (
	goodHead = "HTTP/1.1 200 OK\nContent-Type: application/octet-stream\nLast-Modified: Wed, 25 Nov 2020 16:46:48 GMT\n" +
		"Accept-Ranges: bytes\nServer: Microsoft-IIS/10.0\nContent-Length: 100000"
	goodPart = "HTTP/1.1 206 Partial Content\nContent-Type: application/octet-stream\nServer: Microsoft-IIS/10.0\n" +
		"Content-Length: 5473\nContent-Range: bytes 0-5472/100000"
	goodConfig = "HTTP/1.1 200 OK\nCache-Control: private\nContent-Type: text/xml; charset=utf-8\nServer: Microsoft-IIS/10.0\n\n" + wusp.ConfigResponse
)

// known is an update server whose file has a known size.
var known = Target{Kind: Embedded, Host: "wsus.test:8530", Content: "wsus.test:8530", Secure: "wsus.test:8531", Size: 100_000,
	Prefixed: true, Address: "192.0.2.7:8530"}
