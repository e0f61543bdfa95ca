package probe

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// What only a look at the whole run shows: that a finding is of a sort.

// narrowed lists findings that are less than they seem: where all that shows one
// is of a sort, and others get through, it is that sort which is not wanted. The
// first that fits is taken.
var narrowed = []narrowing{
	{RequestDenied, HeadRefused, both(each(isHead, fetched), noSizeComes), "; a GET of the same is not denied", nil},
	{RequestDenied, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is denied", nil},
	{PageInstead, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is replaced", nil},
	{RedirectUnusable, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is sent elsewhere", nil},
	{FileMissing, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is missing", nil},
	{PageInstead, RevocationBlocked, each(made(CryptoAPI), reachedWell), "; nothing else is replaced", nil},
	{TunnelDenied, HostBlocked, othersOpened, "; others get a tunnel", nil},
	{HostBlocked, RevocationBlocked, each(made(CryptoAPI), reachedWell), "; nothing else is denied", nil},
	{HostBlocked, ConnectivityAltered, each(made(NCSI), reachedWell), "; nothing else is denied", nil},
	{RequestDenied, RevocationBlocked, each(made(CryptoAPI), cabinetsCome), "; nothing else is denied", nil},
	{RequestDenied, LoginDenied, nobodyLetIn, "; no request comes through, with the login that was given", nil},
	{TunnelDenied, ConnectionReset, alsoEnds(ConnectionReset, wire.Reset, wire.Cut), "; other requests are reset too", nil},
	{TunnelDenied, ConnectionClosed, alsoEnds(ConnectionClosed, wire.Reset, wire.Cut), "; other connections are closed without an answer too", nil},
	{TLSBroken, ProxySilent, alsoEnds(ProxySilent, wire.Silent), "; other answers do not come either", nil},
	{TunnelDenied, RequestDenied, alsoDenied, "; nothing else is let through either", nil},
	{TunnelDenied, LoginDenied, nobodyLetIn, "; no request comes through, with the login that was given", nil},
	{RequestDenied, PrefixDenied, someOf(tryBare), "; the same comes under the host's own name", prefixed},
	{RequestDenied, AddressDenied, someOf(tryBare), "; the same comes under the host's own name", addressed},
	{RequestDenied, MultiRangeUnsupported, each(asksSeveral, partFetched), "; single parts are not denied", nil},
	{RequestDenied, TwoBytesDenied, each(asksTwoBytes, signedPart), "; longer parts of the same file are not denied", nil},
	{RequestDenied, SignedURLRefused, both(each(signedURL, fetched), noneOf(signedURL)), "; requests for other URLs are not denied", nil},
	{RequestDenied, SignedURLRefused, both(each(hasQuery, fetched), noneOf(hasQuery)), "; requests for URLs without a query are not denied", nil},
	{RequestDenied, SizeDenied, tooBig, "; all that is smaller is not denied", nil},
	{RequestDenied, RangeRefused, both(each(asksPart, wholeFetched), noneOf(asksPart)), "; the same method is not denied for whole files", nil},
	{RequestRefused, RangeRefused, each(asksPart, wholeFetched), "; the same method is not refused for whole files", nil},
	{RequestDenied, FileTypeDenied, someTypes, "; files of another type are not denied", nil},
	{RequestDenied, FileTypeDenied, oneContentType, "; answers of another type are not denied", nil},
	{RequestDenied, AgentDenied, oneAgent, "; requests of other agents are not denied", nil},
	{FileMissing, FileTypeMissing, unknownTypes, "; files of other types are there", nil},
	{FileMissing, RequestFiltered, each(oddURL, fetched), "; it is the server that does not find it, and files at other URLs are there", nil},
	{RangeFetchedWhole, RangeIgnored, alsoInside, "; nor are parts inside of a file", beyond},
	{ServerBehindProxyDown, BigAnswersFail, tooBig, "; all that is smaller comes", nil},
	{ServerBehindProxyDown, GatewayImpatient, each(timedOut, otherCallAnswered), "; other calls are answered", nil},
	{ServerBehindProxyDown, CapitalsRefused, both(both(each(hasCapitals, fetched), noneOf(hasCapitals)), severalTypes), "; URLs without capitals come", nil},
	{ServerBehindProxyDown, AnswerLost, allOf(serverAnswered), "; the server had answered", nil},
	{ConnectionReset, RangeReset, both(each(asksPart, wholeFetched), noneOf(asksPart)), "; whole files come", nil},
	{ProxySilent, BigPacketsLost, bigLost, "; what is shorter comes at once", nil},
	{ContentAltered, CopyStale, allOlder, "; what comes has the date of an older copy than HEAD said", nil},
	{RangeWrong, SliceEdgeBroken, each(acrossEdge, partFetched), "; parts within a MiB are right", ranged},
	{BodyCut, SliceEdgeBroken, each(acrossEdge, partFetched), "; parts within a MiB are whole", ranged},
	{FileMissing, SlashesMerged, each(slashesLost, fetched), "; files at other URLs are there", nil},
	{ProxySilent, SlowStart, each(opens, callAnswered), "; later calls are answered", nil},
	{ConditionRefused, ClientsDiffer, alsoHolds, "; under the same condition, another part comes", nil},
	{ProxySilent, RangeFetchedWhole, each(farInside, partFetched), "; parts from the start of a file come at once", nil},
	{RangeWrong, FarRangeBroken, each(farInside, partFetched), "; parts from the start of a file are right", ranged},
	{ContentAltered, FarRangeBroken, each(farInside, partFetched), "; parts from the start of a file are right", ranged},
}

// A narrowing is a sort of a finding that is one by itself.
type narrowing struct {
	from, to *Finding
	sort     func(all, shown []*judged) bool
	because  string
	among    *Kind // only steps of this kind are looked at; nil for all
}

// narrow puts what a finding really is in its place.
func narrow(all []*judged) {
	onceGiven(all)
	for _, n := range narrowed {
		shown := slices.DeleteFunc(having(all, n.from), func(j *judged) bool { return n.among != nil && j.Step.Kind != n.among })
		if len(shown) > 0 && n.sort(all, shown) {
			rename(shown, n.from, n.to, n.because)
		}
	}
}

// each fits when all that shows a finding is of a sort, and some of the run
// is of the other.
func each(sort, other func(*judged) bool) func(all, shown []*judged) bool {
	return func(all, shown []*judged) bool {
		not := func(j *judged) bool { return j.Observation == nil || !sort(j) }
		return !slices.ContainsFunc(shown, not) && slices.ContainsFunc(all, func(j *judged) bool { return not(j) && other(j) })
	}
}

// both fits when both do.
func both(a, b func(all, shown []*judged) bool) func(all, shown []*judged) bool {
	return func(all, shown []*judged) bool { return a(all, shown) && b(all, shown) }
}

// alsoEnds fits when all that shows a finding ended in one of some manners, and what
// else of the run did so shows another.
func alsoEnds(as *Finding, manners ...wire.Failure) func(all, shown []*judged) bool {
	return func(all, shown []*judged) bool {
		otherwise := func(j *judged) bool { return !slices.Contains(manners, j.Observation.Failure) }
		return len(having(all, as)) > 0 && !slices.ContainsFunc(shown, otherwise)
	}
}

// alsoDenied fits when nothing of a run comes through, and all is answered as the
// tunnels are: with one status and one page.
func alsoDenied(all, tunnels []*judged) bool {
	said := func(j *judged) string {
		answer, body := j.Observation.reply()
		return fmt.Sprint(answer.Status(), titleOf(body.Excerpt))
	}
	denied := having(all, RequestDenied)
	comes := func(j *judged) bool { return j.Observation != nil && good(j.Step, j.Observation) }
	unlike := func(j *judged) bool { return isHEAD(j.Observation) == "" && said(j) != said(tunnels[0]) }
	return len(denied) > 0 && !slices.ContainsFunc(all, comes) && !slices.ContainsFunc(slices.Concat(denied, tunnels), unlike)
}

// allOf fits when all that shows a finding is of a sort.
func allOf(sort func(*judged) bool) func(all, shown []*judged) bool {
	return func(_, shown []*judged) bool {
		return !slices.ContainsFunc(shown, func(j *judged) bool { return j.Observation == nil || !sort(j) })
	}
}

// noneOf fits when nothing comes of a sort.
func noneOf(sort func(*judged) bool) func(all, shown []*judged) bool {
	return func(all, _ []*judged) bool {
		return !slices.ContainsFunc(all, func(j *judged) bool { return fetched(j) && sort(j) })
	}
}

// someOf fits when something comes of a sort.
func someOf(sort func(*judged) bool) func(all, shown []*judged) bool {
	return func(all, _ []*judged) bool {
		return slices.ContainsFunc(all, func(j *judged) bool { return fetched(j) && sort(j) })
	}
}

// onceGiven puts ErrorKept in the place of the answer that a cache then kept: for
// the same file, and of the same status.
func onceGiven(all []*judged) {
	for _, kept := range having(all, ErrorKept) {
		for _, j := range all {
			if j.Observation == nil || j.shows(ErrorKept) || j.Observation.Answer.Status() != kept.Observation.Answer.Status() ||
				simplest(j.target()) != simplest(kept.target()) {
				continue
			}
			for _, v := range slices.Clone(j.verdicts) {
				rename([]*judged{j}, v.Finding, ErrorKept, "; a cache then gave it again")
			}
		}
	}
}

// nobodyLetIn fits when the proxy asked for a login and nothing came with it.
func nobodyLetIn(all, _ []*judged) bool {
	asked := slices.ContainsFunc(all, func(j *judged) bool { return j.Observation != nil && j.wantedLogin() })
	return asked && !slices.ContainsFunc(all, func(j *judged) bool { return j.Observation != nil && good(j.Step, j.Observation) })
}

// wantedLogin tells whether the proxy answered an exchange before the last of j by
// a question for a login.
func (j *judged) wantedLogin() bool {
	return slices.ContainsFunc(j.Observation.asked(), func(x *wire.Exchange) bool { return x.Answer.Status() == 407 })
}

// tryBare tells whether j asks for two bytes under the host's own name.
func tryBare(j *judged) bool { return j.Step.Kind == ranged && asksTwoBytes(j) }

func asksTwoBytes(j *judged) bool { return j.Observation.Sent.Get("Range") == "bytes=0-1" }

// signedPart tells whether j is a part of more than two bytes that came from a signed
// URL.
func signedPart(j *judged) bool { return partFetched(j) && signedURL(j) && !asksTwoBytes(j) }

// timedOut tells whether j is a call for which a gateway waited in vain.
func timedOut(j *judged) bool { return j.Step.Layer == SOAP && j.Observation.Answer.Status() == 504 }

// otherCallAnswered tells whether j is a call that was answered on the same way.
func otherCallAnswered(j *judged) bool { return callAnswered(j) && j.Observation.TLS == nil }

// severalTypes fits when it is not files of one type alone.
func severalTypes(_, shown []*judged) bool {
	return slices.ContainsFunc(shown, func(j *judged) bool { return fileType(j.Observation) != fileType(shown[0].Observation) })
}

// hasCapitals tells whether a proxy sees capitals in the URL of j.
func hasCapitals(j *judged) bool {
	target := wire.OriginForm(j.target())
	return j.Observation.TLS == nil && target != strings.ToLower(target)
}

// segment is the most that surely passes in one packet, in bytes, and more than the
// head of an answer has.
const segment = 1400

// bigLost fits when all that is silent is longer than a packet, one way or the
// other, and nothing so long comes.
func bigLost(all, silent []*judged) bool {
	short := func(j *judged) bool {
		o := j.Observation
		return o.Stopped != wire.FirstByte || len(o.Raw) > 0 || max(wanted(o), int64(len(o.SentBody))) < segment
	}
	came, long := false, false
	for _, j := range all {
		if j.Observation != nil && good(j.Step, j.Observation) && j.Observation.TLS == nil {
			came = true
			long = long || j.Observation.Body.Length >= segment || len(j.Observation.SentBody) >= segment
		}
	}
	return came && !long && !slices.ContainsFunc(silent, short)
}

// allOlder fits when all that is wrong has an older date than HEAD gave, and nothing
// comes with the date that it gave: then it is no matter of which node was reached.
func allOlder(all, wrong []*judged) bool {
	young := func(j *judged) bool {
		return !older(j.Observation.Answer.Get("Last-Modified"), j.Observation.Sent.Get("If-Unmodified-Since"))
	}
	return !slices.ContainsFunc(all, conditionalPart) && !slices.ContainsFunc(wrong, young)
}

// conditionalPart tells whether j is a part that came well under the condition that
// the file is the one of which HEAD told.
func conditionalPart(j *judged) bool {
	return partFetched(j) && j.Observation.Sent.Get("If-Unmodified-Since") != ""
}

// acrossEdge tells whether j asks for a part with bytes of more than one MiB of a
// file, but for whole pieces.
func acrossEdge(j *judged) bool {
	from, to, ok := parseRange(j.Observation.Sent.Get("Range"))
	return ok && from>>20 != to>>20
}

// oneContentType fits when HEAD gives one type of content for all that is denied and
// was asked about, and nothing of that type comes.
func oneContentType(all, denied []*judged) bool {
	types := map[string]bool{}
	for _, head := range all {
		about := func(j *judged) bool { return j.target() == head.target() }
		if head.Observation != nil && isHead(head) && good(head.Step, head.Observation) && slices.ContainsFunc(denied, about) {
			types[head.Observation.Answer.Get("Content-Type")] = true
		}
	}
	others := false
	for _, j := range all {
		if fetched(j) && j.Observation.TLS == nil {
			if types[j.Observation.Answer.Get("Content-Type")] {
				return false
			}
			others = true
		}
	}
	return len(types) == 1 && !types[""] && others
}

func isHead(j *judged) bool { return isHEAD(j.Observation) != "" }

func made(by Agent) func(*judged) bool { return func(j *judged) bool { return j.Step.By == by } }

func signedURL(j *judged) bool {
	return j.Observation != nil && strings.Contains(j.Observation.Sent.Target(), "&P4=")
}

// serverAnswered tells whether the server is known to have answered what j asked.
func serverAnswered(j *judged) bool {
	w := j.Observation.Witness
	return w != nil && w.Closest != nil && w.Closest.Reply.Status() != 0 && w.Closest.Reply.Status() < 500
}

func asksSeveral(j *judged) bool { return strings.Contains(j.Observation.Sent.Get("Range"), ",") }

// hasQuery tells whether j asks in clear for a URL with a query.
func hasQuery(j *judged) bool {
	return j.Observation != nil && j.Observation.TLS == nil && asksQuery(j.Observation)
}

func asksPart(j *judged) bool { return j.Observation.Sent.Get("Range") != "" }

func wholeFetched(j *judged) bool { return j.Step.Kind == whole && fetched(j) }

// alsoInside fits when parts from inside of a file come whole too: the proxy has
// not fetched more than was asked for, it has asked for no part.
func alsoInside(all, _ []*judged) bool { return len(having(all, RangeIgnored)) > 0 }

func twoSlashes(j *judged) bool { return j.Step.Name == "do-hashes" }

// slashesLost tells whether j asks with two slashes, and they are not known to
// arrive.
func slashesLost(j *judged) bool {
	w := j.Observation.Witness
	arrived := w != nil && w.Closest != nil && strings.Contains(wire.OriginForm(w.Closest.Request.Target()), "//")
	return twoSlashes(j) && !arrived
}

// oddURL tells whether the server itself does not find what is at a URL that
// request filtering may refuse, and that is known to come to it as it was sent.
func oddURL(j *judged) bool {
	o := j.Observation
	same := o.Direct != nil && o.Direct.Answer.Status() == o.Answer.Status()
	arrived := o.NoProxy || same || o.Witness != nil && o.Witness.Closest != nil && wire.OriginForm(o.Witness.Closest.Request.Target()) == wire.OriginForm(o.Sent.Target())
	return (twoSlashes(j) || signedURL(j)) && speaker(o) == Server && arrived
}

func opens(j *judged) bool { return j.Step.Opens }

func callAnswered(j *judged) bool {
	return j.Observation != nil && j.Step.Kind == soap && good(j.Step, j.Observation)
}

// alsoHolds fits when a condition is refused for one part of a file and holds for
// another: whoever gave its date is not who refuses it.
func alsoHolds(all, refused []*judged) bool {
	const condition = "If-Unmodified-Since"
	return slices.ContainsFunc(refused, func(r *judged) bool {
		return slices.ContainsFunc(all, func(j *judged) bool {
			return partFetched(j) && j.target() == r.target() && j.Observation.Sent.Get(condition) == r.Observation.Sent.Get(condition)
		})
	})
}

func farInside(j *judged) bool { return j.Step.Name == "bits-big-range" }

func partFetched(j *judged) bool { return j.Step.Kind == ranged && fetched(j) }

// cabinetsCome tells whether j is a cabinet for another agent: where those are
// denied too, it is the type.
func cabinetsCome(j *judged) bool { return fetched(j) && fileType(j.Observation) == ".cab" }

// tooBig fits when all that is denied is of more bytes than anything that comes.
func tooBig(all, denied []*judged) bool {
	least, most := int64(math.MaxInt64), int64(0)
	for _, j := range denied {
		least = min(least, wanted(j.Observation))
	}
	for _, j := range all {
		if partFetched(j) {
			most = max(most, j.Observation.Body.Length)
		}
		if isSize := j.Step.Kind == size && fetchedSize(j); isSize && slices.ContainsFunc(denied, isHead) {
			most = max(most, j.Observation.Known) // the answer to HEAD counts as what it states
		}
	}
	return most > 0 && least > most
}

// fetchedSize tells whether j is the size of a file, and came well.
func fetchedSize(j *judged) bool { return j.Observation != nil && good(j.Step, j.Observation) }

// noSizeComes fits when no HEAD is answered.
func noSizeComes(all, _ []*judged) bool {
	return !slices.ContainsFunc(all, func(j *judged) bool { return j.Step.Kind == size && fetchedSize(j) })
}

// wanted is how many bytes o asked for or about: parts, or a file whose size is
// known; 0 when that is not known.
func wanted(o *Observation) int64 {
	parts, ok := parseRanges(o.Sent.Get("Range"))
	if !ok {
		return max(o.Known, 0)
	}
	sum := int64(0)
	for _, part := range parts {
		sum += part.length()
	}
	return sum
}

// someTypes fits when nothing comes of the types that are denied, in the form in
// which they are, while the web service answers and other types come, or there is
// only one that is denied.
func someTypes(all, denied []*judged) bool {
	types := map[string]bool{}
	for _, j := range denied {
		types[fileType(j.Observation)] = true
	}
	works, others := false, len(types) == 1
	for _, j := range all {
		if j.Observation == nil {
			continue
		}
		kind := fileType(j.Observation)
		works = works || good(j.Step, j.Observation) && kind == ".asmx" && j.Observation.Trust == nil
		came := fetched(j) && slices.ContainsFunc(denied, func(d *judged) bool { // rules look at the end of a URL
			return kind == fileType(d.Observation) && asksQuery(d.Observation) == asksQuery(j.Observation)
		})
		if came {
			return false
		}
		others = others || fetched(j) && !types[kind] && j.Step.Kind == whole
	}
	return works && others && !types[""] && !types[".asmx"]
}

// everyIIS are types that no IIS lacks.
var everyIIS = []string{".cab", ".exe"}

// unknownTypes fits when what is missing is of types that a server may not know.
func unknownTypes(all, missing []*judged) bool {
	known := func(j *judged) bool { return slices.Contains(everyIIS, fileType(j.Observation)) }
	return !slices.ContainsFunc(missing, known) && someTypes(all, missing)
}

// oneAgent fits when all that is denied is of one User-Agent, and nothing of
// that comes.
func oneAgent(all, denied []*judged) bool {
	name := userAgent(denied[0])
	same := func(j *judged) bool { return j.Observation != nil && userAgent(j) == name }
	others := slices.ContainsFunc(denied, func(j *judged) bool { return !same(j) })
	came := slices.ContainsFunc(all, func(j *judged) bool { return same(j) && good(j.Step, j.Observation) })
	types := map[string]bool{} // of one type alone, it may be the type, unless others get it
	for _, j := range denied {
		types[fileType(j.Observation)] = true
	}
	byOthers := func(j *judged) bool {
		return fetched(j) && !same(j) && (len(types) > 1 || types[fileType(j.Observation)])
	}
	return name != "" && !others && !came && slices.ContainsFunc(all, byOthers)
}

// userAgent is the name of the program that made the request of j, without its
// version.
func userAgent(j *judged) string {
	name, _, _ := strings.Cut(j.Observation.Sent.Get("User-Agent"), "/")
	return name
}

// othersOpened fits when tunnels to hosts of the lists are denied, and to other hosts
// they are opened.
func othersOpened(all, shown []*judged) bool {
	ofList := func(j *judged) bool { return j.Step.Host != nil }
	denied := map[string]bool{}
	for _, j := range shown {
		denied[j.Observation.Authority] = true
	}
	opened := func(j *judged) bool { return tunnelOpened(j) && !denied[j.Observation.Authority] }
	return slices.ContainsFunc(shown, ofList) && slices.ContainsFunc(all, opened)
}

// reachedWell tells whether a host of the lists has answered j, of which nothing is to
// be said.
func reachedWell(j *judged) bool {
	return j.Step.Kind.AnyStatus && j.Observation != nil && len(j.verdicts) == 0
}

// tunnelOpened tells whether j got an answer through a tunnel.
func tunnelOpened(j *judged) bool {
	return j.Observation != nil && j.Observation.Tunnel != nil && j.Observation.Complete()
}
