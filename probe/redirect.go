package probe

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// redirected is req for the place that an answer named, or nil when it names
// none that can be asked. Path and query stay as they were written: what is
// escaped otherwise is another URL to whoever signed it.
func redirected(req *wire.Request, location string) *wire.Request {
	location, _, _ = strings.Cut(strings.ReplaceAll(printable(location), " ", "%20"), "#")
	from := place{tls: req.TLS, host: req.Head.Get("Host"), target: req.Head.Target()}
	to, ok := from.resolve(location)
	u, err := url.Parse("http://" + to.host)
	if location == "" || !ok || err != nil || u.Hostname() == "" || from.tls && !to.tls {
		return nil
	}
	next := *req
	next.TLS, next.Authority = to.tls, longHost(to.host, to.tls)
	next.Head.Start = req.Head.Method() + " " + to.target + " HTTP/1.1"
	next.Head.Fields = slices.Clone(req.Head.Fields)
	for i, f := range next.Head.Fields {
		if f.Name == "Host" {
			next.Head.Fields[i].Value = to.host
		}
	}
	return &next
}

// A place is where a request goes.
type place struct {
	tls          bool
	host, target string
}

// scheme begins a reference that names one (RFC 3986, 3.1).
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// resolve is the place that a reference in p means (RFC 3986, 5.2), without a
// login in it; false when it is not of http.
func (p place) resolve(reference string) (place, bool) {
	if s := scheme.FindString(reference); s != "" {
		secure := strings.EqualFold(s, "https:")
		if reference = reference[len(s):]; !strings.HasPrefix(reference, "//") || !secure && !strings.EqualFold(s, "http:") {
			return p, false
		}
		p.tls = secure
	}
	if rest, ok := strings.CutPrefix(reference, "//"); ok {
		end := len(rest)
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			end = i
		}
		p.host, reference = strings.TrimSuffix(rest[strings.LastIndexByte(rest[:end], '@')+1:end], ":"), rest[end:]
		if !strings.HasPrefix(reference, "/") {
			reference = "/" + reference
		}
	}
	file, _, _ := strings.Cut(p.target, "?")
	to, query, asked := strings.Cut(reference, "?")
	switch {
	case to == "":
		to = file
	case !strings.HasPrefix(to, "/"):
		to = file[:strings.LastIndexByte(file, '/')+1] + to
	}
	if p.target = withoutDots(to); asked {
		p.target += "?" + query
	}
	return p, true
}

// withoutDots is a path without the segments . and .. (RFC 3986, 5.2.4).
func withoutDots(path string) string {
	var kept []string
	segments := strings.Split(path, "/")
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s == ".." && len(kept) > 1:
			kept = kept[:len(kept)-1]
		case s != "." && s != "..":
			kept = append(kept, s)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}
