package probe

import (
	"slices"
	"strings"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
)

// What only a look at several hosts of the URL lists tells.

// compareWithNowhere notes for each host that was asked how one was answered that cannot
// exist, and one that nobody has under the same wildcard, and whether the signs of
// servers come through.
func (r *Run) compareWithNowhere() {
	nowhere := map[bool]*wire.Exchange{}  // by whether through a tunnel
	controls := map[string]*Observation{} // in clear, by their patterns
	signed := false
	for _, result := range r.Results {
		h, o := result.Step.Host, result.Observation
		switch {
		case h == nil || o == nil:
		case h.Control && h.Pattern == "":
			nowhere[h.TLS] = o.Exchange
		case h.TLS:
		case h.Control:
			controls[h.Pattern] = o
		default:
			signed = signed || o.Complete() && originsOwn(o)
		}
	}
	for _, result := range r.Results {
		h, o := result.Step.Host, result.Observation
		if h == nil || o == nil {
			continue
		}
		o.Signed = signed
		if !h.TLS && !h.Control {
			o.Control = nearest(controls, h.Name)
		}
		if nowhere[h.TLS] != o.Exchange {
			o.Impossible = nowhere[h.TLS]
		}
	}
}

// nearest is that of the longest wildcard under which a name is, or nil.
func nearest(controls map[string]*Observation, name string) *Observation {
	for above := name; above != ""; {
		if c := controls["*"+above]; c != nil {
			return c
		}
		_, above, _ = strings.Cut(above, ".")
		if c := controls["*."+above]; c != nil {
			return c
		}
	}
	return nil
}

// hostsCompared is what only a look at several hosts tells.
func hostsCompared(all []*judged) {
	unlistedUnreached(all)
	sameAnswers(all)
	tunnelsDenied(all)
	filesOfBlocked(all)
	prefixesDenied(all)
	wildcardsNarrow(all)
}

// ofHosts are those of all that ask hosts of the lists.
func ofHosts(all []*judged, kind *Kind) []*judged {
	return slices.DeleteFunc(slices.Clone(all), func(j *judged) bool { return j.Step.Kind != kind || j.Observation == nil })
}

// unlistedUnreached makes warnings of what a gateway cannot reach and reaches the second
// time, and of names that no list has, which may not be there any more.
func unlistedUnreached(all []*judged) {
	for _, j := range having(all, HostUnreached) {
		for i, v := range j.verdicts {
			switch {
			case v.Finding != HostUnreached:
			case reachedAgain(j.Observation):
				j.verdicts[i].Grade = Warn
				j.verdicts[i].Evidence += "; asked once more, it was reached"
			case j.Step.Host.Sure != endpoint.Verified:
				j.verdicts[i].Grade = Warn
				j.verdicts[i].Evidence += "; that clients ask for this name is known by " + string(j.Step.Host.Sure) + " alone"
			}
		}
	}
}

// reachedAgain tells whether what o asks was reached when it was asked once more.
func reachedAgain(o *Observation) bool {
	return o.Again != nil && o.Again.Complete() && cannotReach(&Observation{Exchange: o.Again}) == ""
}

// sameAnswers tells that pages are no host's own where hosts of different owners give
// the same.
func sameAnswers(all []*judged) {
	open := having(all, HostUnclear)
	pages := slices.Concat(open, having(all, HostBlocked))
	for _, j := range open {
		i := slices.IndexFunc(pages, func(other *judged) bool {
			return other.Step.Host != nil && ownerOf(other.Step.Host.Name) != ownerOf(j.Step.Host.Name) && samePage(j.Observation, other.Observation)
		})
		if i >= 0 && j.Observation.Signed {
			rename([]*judged{j}, HostUnclear, HostBlocked, "; "+pages[i].Step.Host.Name+", which is somebody else's, shows the same page")
		}
	}
}

// samePage tells whether two hosts show one page.
func samePage(a, b *Observation) bool {
	one, page := a.reply()
	other, otherPage := b.reply()
	title := titleOf(page.Excerpt)
	return title != "" && title == titleOf(otherPage.Excerpt) && one.Status() == other.Status()
}

// ownerOf is whose a name is, of these: all that is at home with Microsoft is Microsoft's.
func ownerOf(name string) string {
	d := domain(name)
	if slices.Contains(atHome, d) && d != "digicert.com" {
		return "Microsoft"
	}
	return d
}

// domain is the end of a name that one owner has, of these names.
func domain(name string) string {
	labels := strings.Split(name, ".")
	return strings.Join(labels[max(len(labels)-2, 0):], ".")
}

// turnedAwayFor are findings of files and calls that a host which is not let through
// accounts for.
var turnedAwayFor = []*Finding{RequestDenied, RequestRefused, TunnelDenied, TunnelServerDown, ServerBehindProxyDown, ServerError, FileMissing, RedirectUnusable, PageInstead}

// filesOfBlocked puts what keeps a host from being reached in the place of what its files
// show by themselves.
func filesOfBlocked(all []*judged) {
	for _, of := range []*Finding{HostBlocked, HostUnreached} {
		hosts := map[string]bool{}
		for _, j := range having(all, of) {
			hosts[j.Observation.Authority] = true
		}
		for _, j := range all {
			if j.Step.Host != nil || j.Observation == nil || !hosts[j.Observation.Authority] {
				continue
			}
			for _, from := range turnedAwayFor {
				rename([]*judged{j}, from, of, "")
			}
		}
	}
}

// tunnelsDenied tells that it is tunnels that are not let through, whoever they are to.
func tunnelsDenied(all []*judged) {
	hosts := ofHosts(all, reaching)
	inClear := func(j *judged) bool { return !j.Step.Host.TLS && len(j.verdicts) == 0 }
	tunnels := slices.DeleteFunc(slices.Clone(hosts), func(j *judged) bool { return !j.Step.Host.TLS })
	denied := func(j *judged) bool {
		return j.shows(HostBlocked) && j.Observation.Stopped == wire.Tunnel
	}
	if len(tunnels) < 3 || !slices.ContainsFunc(hosts, inClear) || slices.ContainsFunc(tunnels, func(j *judged) bool { return !denied(j) }) {
		return
	}
	rename(tunnels, HostBlocked, TunnelDenied, "; so are all tunnels")
}

// prefixesDenied tells that it is names with something before them that are not let
// through, where the names behind that are.
func prefixesDenied(all []*judged) {
	hosts := ofHosts(all, reaching)
	for _, of := range []*Finding{HostBlocked, HostUnclear} {
		for _, j := range having(hosts, of) {
			bare := bareOf(j, hosts)
			if bare != nil && len(bare.verdicts) == 0 && bare.Observation.Answer.Status() != j.Observation.Answer.Status() {
				rename([]*judged{j}, of, PrefixDenied, "; "+bare.Step.Host.Name+" is let through")
			}
		}
	}
}

// bareOf is who asks for the name before which clients put something to get the one
// that j asks for; nil when that is not asked.
func bareOf(j *judged, hosts []*judged) (bare *judged) {
	h := j.Step.Host
	if !h.Numbered {
		return nil
	}
	for _, other := range hosts {
		o := other.Step.Host
		if !o.Numbered && o.TLS == h.TLS && strings.HasSuffix(h.Name, "."+o.Name) && (bare == nil || len(o.Name) > len(bare.Step.Host.Name)) {
			bare = other
		}
	}
	return bare
}

// wildcardsNarrow tells that a wildcard is allowed by some of its names alone: one that
// cannot exist is denied, where the name service would be asked for it.
func wildcardsNarrow(all []*judged) {
	hosts := ofHosts(all, reaching)
	for _, j := range ofHosts(all, nonexistent) {
		h, o := j.Step.Host, j.Observation
		reached := func(other *judged) bool {
			return other.Step.Host.Pattern == h.Pattern && other.Step.Host.TLS == h.TLS && len(other.verdicts) == 0
		}
		reply, _ := o.reply()
		denied := denialPage(o) != "" || reply.Status() == 403 || reply.Status() == 451
		byProxy := madeOnTheWay(o) != "" || speaker(o) == Proxy
		if h.Pattern == "" || !denied || !byProxy || !slices.ContainsFunc(hosts, reached) {
			continue
		}
		j.verdicts = append(j.verdicts, Verdict{WildcardNarrow, Warn, Proxy, "a name under " + h.Pattern + " that nobody has: " + answerOf(o)})
	}
}
