package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Symptoms that only the other end of the wire shows.

// How much more than was asked for a proxy must fetch for it to matter, in bytes:
// of a whole file, and of a part, which caches fetch in slices of some MiB.
const (
	wholeWaste = 256 << 10
	sliceWaste = 16 << 20
)

// fetchedWhole matches a part that came as one, for which the proxy fetched the
// whole file, or much more of it.
func fetchedWhole(o *Observation) string {
	asked, ok := askedFor(o)
	if o.Witness == nil || !ok || o.Answer.Status() != 206 {
		return ""
	}
	for _, a := range o.Witness.Arrived {
		length := int64(number(a.Reply.Get("Content-Length")))
		waste := length - asked
		widened := a.Request.Get("Range") != o.Sent.Get("Range") && a.Request.Method() == "GET"
		if widened && (a.Reply.Status() == 200 && waste > wholeWaste || a.Reply.Status() == 206 && waste > sliceWaste) {
			return fmt.Sprintf("for %d bytes (Range: %s) the proxy asked the server for %d, and had got %d when it was asked about",
				asked, shortened(o.Sent.Get("Range")), length, a.Sent)
		}
	}
	return ""
}

// askedFor is how many bytes o asked for in parts, if it did.
func askedFor(o *Observation) (bytes int64, ok bool) {
	spans, ok := parseRanges(o.Sent.Get("Range"))
	for _, s := range spans {
		bytes += s.length()
	}
	return bytes, ok
}

// shortened is a long list of ranges cut short.
func shortened(ranges string) string {
	if len(ranges) > 60 {
		return ranges[:60] + "..."
	}
	return ranges
}

// replayedBytes matches an answer to a call that did not arrive at the server, and
// is byte by byte one that it gave before.
func replayedBytes(o *Observation) string {
	if o.Witness == nil || o.Witness.Closest != nil || o.Witness.Earlier == nil || o.Witness.Earlier.CRC32C != checksum(o.Exchange) {
		return ""
	}
	return "nothing of the call arrived at the server, and the answer is one that it gave before"
}

// faultLost matches another answer than the SOAP fault that the server gave.
func faultLost(o *Observation) string {
	if o.Witness == nil || o.Witness.Closest == nil || o.Witness.Closest.Reply.Status() != 500 || o.Answer.Status() < 400 {
		return ""
	}
	return answerOf(o)
}

// changedOnTheWay notes what the proxy makes of requests where that does no harm.
// What does harm elsewhere, other findings tell.
func changedOnTheWay(all []*judged) {
	known := bearing(all)
	for _, j := range all {
		if j.Observation == nil || j.Observation.NoProxy || j.harmed() || j.Observation.Witness == nil || j.Observation.Witness.Closest == nil {
			continue
		}
		changes := harmful(requestChanges(j.Observation.Exchange, j.Observation.Witness.Closest))
		changes = slices.DeleteFunc(changes, func(c change) bool { return slices.Contains(known, c.field) })
		if len(changes) > 0 {
			j.verdicts = append(j.verdicts, Verdict{RequestsChanged, Note, Proxy, "what arrived at the server was not what was sent: " + words(changes)})
		}
	}
}

// hostChanged tells a proxy that rewrites Host from a server that names another
// host.
func hostChanged(all []*judged) {
	for _, j := range having(all, FilesElsewhere) {
		w := j.Observation.Witness
		if w != nil && w.Closest != nil && len(among(requestChanges(j.Observation.Exchange, w.Closest), HostRewritten.Asked)) > 0 {
			rename([]*judged{j}, FilesElsewhere, HostRewritten, "")
		}
	}
}

// bearing are the parts of requests whose change brings about what some show.
func bearing(all []*judged) []string {
	var parts []string
	for _, j := range all {
		for _, v := range j.verdicts {
			if v.Grade != Note {
				parts = append(parts, v.Finding.Asked...)
			}
		}
	}
	return parts
}

// seenFrom says from where the server saw the requests of r come.
func seenFrom(r *Run) string {
	var from []string
	requests := 0
	for _, result := range r.Results {
		if o := result.Observation; o != nil && o.Witness != nil {
			if wentDirect(o) != "" {
				return "" // nobody is between
			}
			for _, a := range o.Witness.Arrived {
				requests++
				if source := a.source(); !slices.Contains(from, source) {
					from = append(from, source)
				}
			}
		}
	}
	if len(from) == 0 {
		return ""
	}
	return fmt.Sprintf("; the server saw %d requests come %s, on connections that were not ours", requests, strings.Join(from[:min(len(from), 4)], " and "))
}

// source says who passed a on.
func (a *Arrival) source() string {
	host := a.From[:max(strings.LastIndexByte(a.From, ':'), 0)]
	switch via := a.Request.Get("Via"); {
	case via != "":
		return "from " + host + " with Via: " + quoted(via)
	case a.TLS:
		return "through tunnels from " + host
	}
	return "from " + host
}

// wentDirect matches a request that came to the server on the very connection
// on which it left: what is set as the proxy is the server itself.
func wentDirect(o *Observation) string {
	if !o.NoProxy && o.Witness != nil && o.Witness.Closest != nil && sameConnection(o.Exchange, o.Witness.Closest) {
		return "the request arrived at the server on the connection from " + o.Local + ", which was opened to the proxy"
	}
	return ""
}

// amplification is how many bytes of files were asked for in parts, and how many
// the proxy fetched for that; false where the server does not tell.
func amplification(all []*judged) (asked, fetched int64, known bool) {
	for _, j := range all {
		o := j.Observation
		if o == nil || o.Witness == nil || o.Known <= 0 || j.Step.Kind != ranged && j.Step.Kind != multi {
			continue
		}
		bytes, _ := askedFor(o)
		asked += bytes
		for _, a := range o.Witness.Arrived {
			fetched += a.Sent
		}
		known = true
	}
	return asked, fetched, known
}
