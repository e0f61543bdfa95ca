package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Symptoms that only the other end of the wire shows.

// leastWaste is how much more than was asked for a proxy must fetch for it to
// matter, in bytes: a slice of a cache is no waste.
const leastWaste = 256 << 10

// fetchedWhole matches a part that came as one, for which the proxy fetched the
// whole file.
func fetchedWhole(o *Observation) string {
	spans, ok := parseRanges(o.Sent.Get("Range"))
	if o.Witness == nil || !ok || o.Answer.Status() != 206 {
		return ""
	}
	asked := int64(0)
	for _, s := range spans {
		asked += s.length()
	}
	for _, a := range o.Witness.Arrived {
		length := int64(number(a.Reply.Get("Content-Length")))
		if a.Reply.Status() == 200 && a.Request.Method() == "GET" && length > asked+leastWaste {
			return fmt.Sprintf("for %d bytes (Range: %s) the proxy asked the server for all %d, and had got %d when it was asked about",
				asked, shortened(o.Sent.Get("Range")), length, a.Sent)
		}
	}
	return ""
}

// shortened is a long list of ranges cut short.
func shortened(ranges string) string {
	if len(ranges) > 60 {
		return ranges[:60] + "..."
	}
	return ranges
}

// unasked matches an answer to a call of which the server knows nothing.
func unasked(o *Observation) string {
	if o.Witness == nil || len(o.Witness.Arrived) > 0 {
		return ""
	}
	return "the answer is good, and nothing of the call arrived at the server"
}

// changedOnTheWay notes what the proxy makes of requests where that does no harm.
func changedOnTheWay(all []*judged) {
	var known []string // what is changed where that does harm, which other findings tell
	for _, harm := range []bool{true, false} {
		for _, j := range all {
			harmed := slices.ContainsFunc(j.verdicts, func(v Verdict) bool { return v.Grade != Note })
			if j.Observation == nil || j.Observation.NoProxy || j.Observation.Witness.closest() == nil || harmed != harm {
				continue
			}
			changes := harmful(requestChanges(j.Observation.Exchange, j.Observation.Witness.closest()))
			if harm {
				for _, c := range changes {
					known = append(known, c.field)
				}
				continue
			}
			changes = slices.DeleteFunc(changes, func(c change) bool { return slices.Contains(known, c.field) })
			if len(changes) > 0 {
				j.verdicts = append(j.verdicts, Verdict{RequestsChanged, Note, Proxy, "what arrived at the server was not what was sent: " + words(changes)})
			}
		}
	}
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
	if a := o.Witness.closest(); !o.NoProxy && a != nil && a.From == o.Local && a.To == o.Remote {
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
		spans, _ := parseRanges(o.Sent.Get("Range"))
		for _, s := range spans {
			asked += s.length()
		}
		for _, a := range o.Witness.Arrived {
			fetched += a.Sent
		}
		known = true
	}
	return asked, fetched, known
}
