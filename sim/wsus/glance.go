package wsus

import (
	"bytes"
	"net"
	"strconv"
)

// A glance is what the server's own books want of the head of a request. All of
// it is part of the head, as it came.
type glance struct {
	method, target, via, forwarded, ranges, userAgent []byte
}

// glanceAt reads a head. It judges nothing, and allocates nothing but where a
// field stands twice.
func glanceAt(head []byte) (g glance) {
	line, rest, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if method, after, ok := bytes.Cut(line, []byte(" ")); ok {
		g.method, g.target = method, after
		if i := bytes.LastIndexByte(after, ' '); i >= 0 {
			g.target = after[:i]
		}
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		colon := bytes.IndexByte(line, ':')
		if colon < 0 {
			continue
		}
		if field := g.field(line[:colon]); field != nil {
			*field = joinedValue(*field, bytes.TrimSpace(line[colon+1:]))
		}
	}
	return g
}

// field is where the value of a field belongs, or nil.
func (g *glance) field(name []byte) *[]byte {
	switch {
	case len(name) == len("Via") && bytes.EqualFold(name, []byte("Via")):
		return &g.via
	case len(name) == len("Range") && bytes.EqualFold(name, []byte("Range")):
		return &g.ranges
	case len(name) == len("User-Agent") && bytes.EqualFold(name, []byte("User-Agent")):
		return &g.userAgent
	case len(name) == len("X-Forwarded-For") && bytes.EqualFold(name, []byte("X-Forwarded-For")):
		return &g.forwarded
	}
	return nil
}

// joinedValue is the value of a field that stands several times.
func joinedValue(before, value []byte) []byte {
	if before == nil {
		return value
	}
	return append(append(before[:len(before):len(before)], ", "...), value...)
}

// statusOf is the status of an answer's head, or 0 when there is none.
func statusOf(head []byte) int {
	const at = len("HTTP/1.1 ")
	if len(head) < at+3 {
		return 0
	}
	status, err := strconv.Atoi(string(head[at : at+3]))
	if err != nil {
		return 0
	}
	return status
}

// hostOf is the host of a host:port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
