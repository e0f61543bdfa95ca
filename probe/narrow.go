package probe

import (
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
	{RequestDenied, HeadRefused, each(isHead, fetched), "; a GET of the same is not denied", nil},
	{RequestDenied, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is denied", nil},
	{PageInstead, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is replaced", nil},
	{RedirectUnusable, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is sent elsewhere", nil},
	{FileMissing, ConnectivityAltered, each(made(NCSI), fetched), "; nothing else is missing", nil},
	{RequestDenied, RevocationBlocked, each(made(CryptoAPI), cabinetsCome), "; nothing else is denied", nil},
	{RequestDenied, SignedURLRefused, each(signedURL, fetched), "; requests for other URLs are not denied", nil},
	{RequestDenied, SizeDenied, tooBig, "; all that is smaller is not denied", nil},
	{RequestDenied, RangeRefused, each(asksPart, wholeFetched), "; the same method is not denied for whole files", nil},
	{RequestRefused, RangeRefused, each(asksPart, wholeFetched), "; the same method is not refused for whole files", nil},
	{RequestDenied, FileTypeDenied, someTypes, "; files of another type are not denied", nil},
	{RequestDenied, AgentDenied, oneAgent, "; requests of other agents are not denied", nil},
	{FileMissing, FileTypeMissing, unknownTypes, "; files of other types are there", nil},
	{FileMissing, RequestFiltered, each(oddURL, fetched), "; it is the server that does not find it, and files at other URLs are there", nil},
	{RangeFetchedWhole, RangeIgnored, alsoInside, "; nor are parts inside of a file", beyond},
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

func isHead(j *judged) bool { return isHEAD(j.Observation) != "" }

func made(by Agent) func(*judged) bool { return func(j *judged) bool { return j.Step.By == by } }

func signedURL(j *judged) bool {
	return j.Observation != nil && strings.Contains(j.Observation.Sent.Target(), "&P4=")
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
// request filtering may refuse.
func oddURL(j *judged) bool {
	return (twoSlashes(j) || signedURL(j)) && speaker(j.Observation) == Server
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
	}
	return most > 0 && least > most
}

// wanted is how many bytes o asked for: a part, or a file whose size is known; 0
// when it asked for none.
func wanted(o *Observation) int64 {
	if from, to, ok := parseRange(o.Sent.Get("Range")); ok {
		return to - from + 1
	}
	if o.Sent.Method() != "GET" {
		return 0
	}
	return max(o.Known, 0)
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
	types := map[string]bool{} // of one type alone, it may be the type
	for _, j := range denied {
		types[fileType(j.Observation)] = true
	}
	return name != "" && len(types) > 1 && !others && !came && slices.ContainsFunc(all, func(j *judged) bool { return fetched(j) && !same(j) })
}

// userAgent is the name of the program that made the request of j, without its
// version.
func userAgent(j *judged) string {
	name, _, _ := strings.Cut(j.Observation.Sent.Get("User-Agent"), "/")
	return name
}
