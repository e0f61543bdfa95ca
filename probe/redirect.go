package probe

import (
	"net/url"
	"path"
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

// resolve is the place that a reference in p means (RFC 3986, 4.2), without a
// login in it; false when it is not of http.
func (p place) resolve(reference string) (place, bool) {
	scheme, rest, absolute := strings.Cut(reference, "//")
	switch {
	case strings.HasPrefix(reference, "/") && !strings.HasPrefix(reference, "//"):
		return place{p.tls, p.host, reference}, true
	case strings.HasPrefix(reference, "?"):
		file, _, _ := strings.Cut(p.target, "?")
		return place{p.tls, p.host, file + reference}, true
	case !absolute || strings.ContainsAny(scheme, "/?"):
		file, _, _ := strings.Cut(p.target, "?")
		to, query, asked := strings.Cut(reference, "?")
		if to = path.Join(path.Dir(file), to); asked {
			to += "?" + query
		}
		return place{p.tls, p.host, to}, !strings.Contains(reference, ":")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		rest, end = rest+"/", len(rest)
	}
	host, target := rest[strings.LastIndexByte(rest[:end], '@')+1:end], rest[end:]
	if target[0] == '?' {
		target = "/" + target
	}
	secure := strings.EqualFold(scheme, "https:") || scheme == "" && p.tls
	return place{secure, strings.TrimSuffix(host, ":"), target}, secure || scheme == "" || strings.EqualFold(scheme, "http:")
}
