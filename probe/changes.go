package probe

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// A change is something of a request or an answer that is not the same at its two
// ends.
type change struct {
	field    string // its name in lower case, or one of the parts below
	was, is  string // "" when the field was not there
	expected bool   // a proxy may do this: it belongs to one hop (RFC 9110, 7.6)
}

// The parts of a message that are no fields; no field has such a name.
const (
	partMethod   = ":method"
	partTarget   = ":target"
	partVersion  = ":version"
	partStatus   = ":status"
	partBody     = ":body"
	partSpelling = ":spelling"
	partOrder    = ":order"
	partHead     = ":head"
)

// ofHop are the fields that each proxy writes for itself, and those by which it
// says that it was there. Nginx and Traffic Server put their own name into Server
// in every answer, whoever made it.
var ofHop = []string{
	"connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
	"proxy-authorization", "proxy-authenticate", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
	"content-length", "x-real-ip", "max-forwards", "age", "date", "x-cache", "x-cache-lookup", "cache-status", "warning", "x-varnish",
	"server", "client-ip",
}

// String says what c is.
func (c change) String() string {
	name := strings.TrimPrefix(c.field, ":")
	switch {
	case c.is == "":
		return name + " removed: " + quoted(c.was)
	case c.was == "":
		return name + " added: " + quoted(c.is)
	}
	return name + " changed: " + quoted(c.was) + " became " + quoted(c.is)
}

// requestChanges are those of a request on its way to the server.
func requestChanges(x *wire.Exchange, a *Arrival) []change {
	var all []change
	note := func(part, was, is string) {
		if was != is {
			all = append(all, change{field: part, was: was, is: is})
		}
	}
	note(partMethod, x.Sent.Method(), a.Request.Method())
	note(partTarget, wire.OriginForm(x.Sent.Target()), wire.OriginForm(a.Request.Target()))
	note(partVersion, version(x.Sent), version(a.Request))
	if sum, ok := bodySum(x); ok && a.SHA256 != "" && sum != a.SHA256 {
		note(partBody, fmt.Sprintf("%d bytes", len(x.SentBody)), fmt.Sprintf("%d bytes, SHA-256 %.12s", a.Body, a.SHA256))
	}
	return append(all, fieldChanges(x.Sent, a.Request)...)
}

// usualHead is more than a head of the server has, in bytes.
const usualHead = 16 << 10

// answerChanges are those of an answer on its way from the server.
func answerChanges(x *wire.Exchange, a *Arrival) []change {
	var all []change
	if was, is := statusOf(a.Reply), statusOf(x.Answer); was != is {
		all = append(all, change{field: partStatus, was: was, is: is})
	}
	if was, is := answerVersion(a.Reply), answerVersion(x.Answer); was != is {
		all = append(all, change{field: partVersion, was: was, is: is, expected: true})
	}
	if long, many := len(x.Raw) > usualHead, len(x.Answer.Fields) > maxFields; long && len(a.Answer) <= usualHead || many && len(a.Reply.Fields) <= maxFields {
		all = append(all, change{field: partHead, was: fmt.Sprintf("%d bytes", len(a.Answer)), is: fmt.Sprintf("%d bytes", len(x.Raw))})
	}
	if changed, _ := bodyChanged(x, a); changed {
		all = append(all, change{field: partBody, was: fmt.Sprintf("%d bytes, CRC32C %s", a.Sent, a.CRC32C),
			is: fmt.Sprintf("%d bytes, CRC32C %s", x.Body.Length, checksum(x))})
	}
	return append(all, fieldChanges(a.Reply, x.Answer)...)
}

// bodyChanged tells whether the body that came is known not to be the one that
// was sent, or not all of it; known is false where the two cannot be compared.
func bodyChanged(x *wire.Exchange, a *Arrival) (changed, known bool) {
	switch {
	case x.Sent.Method() == "HEAD":
		return len(x.Extra) > 0 && a.Sent == 0, true
	case !a.Done, x.Body.Abandoned, x.Body.Left, a.Reply.Get("Transfer-Encoding") != "":
		return false, false
	}
	return a.Sent != x.Body.Length || a.CRC32C != checksum(x), true
}

// checksum is that of the body that came, as a server tells it of the one it sent.
func checksum(x *wire.Exchange) string { return fmt.Sprintf("%08x", x.Body.CRC32C) }

// bodySum is the SHA-256 of the body of a request, in hexadecimal, if it has one.
func bodySum(x *wire.Exchange) (string, bool) {
	if len(x.SentBody) == 0 {
		return "", false
	}
	return fmt.Sprintf("%x", sha256.Sum256(x.SentBody)), true
}

// fieldChanges are the fields that are other in b than in a: in their values, their
// spelling, and their order. It takes as long as the heads are: they may be anybody's.
func fieldChanges(a, b wire.Head) []change {
	var all []change
	before, after := valuesIn(a), valuesIn(b)
	for _, name := range before.names {
		if was, is := before.spelled[name], after.spelled[name]; is != "" && was != is {
			all = append(all, change{field: partSpelling, was: was, is: is, expected: true})
		}
	}
	for _, name := range append(before.names, before.missing(after)...) {
		if was, is := before.joined(name), after.joined(name); was != is {
			all = append(all, change{field: name, was: was, is: is, expected: slices.Contains(ofHop, name)})
		}
	}
	if was, is := before.common(after), after.common(before); !slices.Equal(was, is) {
		all = append(all, change{field: partOrder, was: strings.Join(was, ", "), is: strings.Join(is, ", "), expected: true})
	}
	return all
}

// Values are the fields of a head by their names, in lower case.
type values struct {
	names   []string // each once, in the order of the head
	spelled map[string]string
	all     map[string][]string
}

func valuesIn(h wire.Head) values {
	v := values{spelled: map[string]string{}, all: map[string][]string{}}
	for _, f := range h.Fields {
		name := strings.ToLower(f.Name)
		if _, again := v.all[name]; !again {
			v.names, v.spelled[name] = append(v.names, name), f.Name
		}
		v.all[name] = append(v.all[name], f.Value)
	}
	return v
}

// joined are the values of a field as one.
func (v values) joined(name string) string { return strings.Join(v.all[name], ", ") }

// missing are the names of other that v lacks.
func (v values) missing(other values) []string {
	return slices.DeleteFunc(slices.Clone(other.names), func(name string) bool { return v.all[name] != nil })
}

// common are the names that other has too.
func (v values) common(other values) []string {
	return slices.DeleteFunc(slices.Clone(v.names), func(name string) bool { return other.all[name] == nil })
}

// version is that of the protocol of a request, as HTTP/1.1.
func version(h wire.Head) string { return h.Start[strings.LastIndexByte(h.Start, ' ')+1:] }

// answerVersion is that of the protocol of an answer.
func answerVersion(h wire.Head) string {
	version, _, _ := strings.Cut(h.Start, " ")
	return version
}

// statusOf is the status of an answer as text, or "" when there is none.
func statusOf(h wire.Head) string {
	if n := h.Status(); n > 0 {
		return fmt.Sprint(n)
	}
	return ""
}

// harmful are the changes that no proxy may make by itself: what a client says to
// the server, and what the server says to it.
func harmful(all []change) []change {
	return slices.DeleteFunc(slices.Clone(all), func(c change) bool {
		return c.expected || c.was == "" && c.field != "accept-encoding" && c.field != "range" || c.field == "cache-control"
	})
}

// among are those of some changes that are of given parts.
func among(all []change, parts []string) []change {
	return slices.DeleteFunc(slices.Clone(all), func(c change) bool { return !slices.Contains(parts, c.field) })
}

// words says what some changes are, at most three.
func words(all []change) string {
	var list []string
	for i, c := range all {
		if i == 3 {
			list = append(list, fmt.Sprintf("%d more", len(all)-i))
			break
		}
		list = append(list, c.String())
	}
	return strings.Join(list, "; ")
}
