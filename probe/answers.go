package probe

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// Symptoms of a complete and good answer.

// conditionIgnored matches a file, or a part of one, that comes although its
// condition does not hold. A cache that has it may do so (RFC 9110, 13.1.4): that
// the field is lost on the way is shown by no answer of one. A file that was just
// made up is in no cache.
func conditionIgnored(o *Observation) string {
	if s := o.Answer.Status(); s != 200 && s != 206 || fromCache(o) {
		return ""
	}
	return "If-Unmodified-Since: " + o.Sent.Get("If-Unmodified-Since") + " was answered " + quoted(o.Answer.Start) +
		", Last-Modified: " + quoted(o.Answer.Get("Last-Modified"))
}

// fromCache tells whether an answer may be that of a cache: no file that was just
// made up is in one.
func fromCache(o *Observation) bool {
	return o.File == nil && saysKept(o.Answer)
}

// saysKept tells whether an answer says that it comes from a cache. Traffic Server
// writes an age of 0 into what it just fetched.
func saysKept(answer wire.Head) bool {
	return number(answer.Get("Age")) > 0 || strings.HasPrefix(strings.ToUpper(answer.Get("X-Cache")), "HIT")
}

// status matches a given status.
func status(status int) Symptom {
	return func(o *Observation) string {
		if o.Answer.Status() != status {
			return ""
		}
		return toRange(o) + "was answered " + quoted(o.Answer.Start)
	}
}

// otherThan matches any status but the given ones.
func otherThan(statuses ...int) Symptom {
	return func(o *Observation) string {
		if slices.Contains(statuses, o.Answer.Status()) {
			return ""
		}
		return toRange(o) + "was answered " + quoted(o.Answer.Start)
	}
}

// toRange says what was asked for.
func toRange(o *Observation) string {
	if asked := o.Sent.Get("Range"); asked != "" {
		return "Range: " + asked + " "
	}
	return o.Sent.Method() + " "
}

// lacks matches an answer without the field name.
func lacks(name string) Symptom {
	return func(o *Observation) string {
		if o.Answer.Get(name) != "" {
			return ""
		}
		return quoted(o.Answer.Start) + " came without " + name
	}
}

func lengthsDiffer(o *Observation) string {
	var different []string
	for _, line := range o.Body.Lengths {
		for value := range strings.SplitSeq(line, ",") {
			if value = strings.TrimSpace(value); !slices.Contains(different, value) {
				different = append(different, value)
			}
		}
	}
	if len(different) < 2 {
		return ""
	}
	return "Content-Length is " + quoted(strings.Join(different, " and "))
}

// maxWinHTTPHead is the longest head of an answer that WinHTTP takes unless it is
// told otherwise, in bytes.
const maxWinHTTPHead = 64 << 10

// longHead matches an answer whose head WinHTTP does not take.
func longHead(o *Observation) string {
	if len(o.Raw) <= maxWinHTTPHead {
		return ""
	}
	return fmt.Sprintf("the head has %d bytes in %d fields, WinHTTP takes %d bytes", len(o.Raw), len(o.Answer.Fields), maxWinHTTPHead)
}

// maxFields is the most lines of a head that WinHTTP is thought to take (wire.md 9).
const maxFields = 200

// manyFields matches an answer whose head has more lines than that.
func manyFields(o *Observation) string {
	if len(o.Answer.Fields) <= maxFields {
		return ""
	}
	return fmt.Sprintf("the head has %d fields, and WinHTTP is thought to take %d", len(o.Answer.Fields), maxFields)
}

// progressPage matches a web page that a browser is to ask for again.
func progressPage(o *Observation) string {
	if o.Answer.Get("Refresh") == "" {
		return ""
	}
	evidence := page(o)
	if evidence != "" {
		evidence += ", Refresh: " + quoted(o.Answer.Get("Refresh"))
	}
	return evidence
}

// pageNotFile matches a web page where a file was asked for.
func pageNotFile(o *Observation) string {
	if o.Host != nil {
		return "" // it may be the host's own
	}
	return page(o)
}

// page matches a web page.
func page(o *Observation) string {
	kind := strings.ToLower(o.Answer.Get("Content-Type"))
	start := strings.ToLower(strings.TrimSpace(string(o.Body.Excerpt[:min(len(o.Body.Excerpt), 200)])))
	isPage := strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
	if o.Answer.Status()/100 != 2 || !isPage && !strings.HasPrefix(kind, "text/html") || proven(o) {
		return ""
	}
	evidence := answerOf(o) + ", of type " + quoted(kind)
	if n := len(o.Legs); n > 0 {
		evidence += fmt.Sprintf(", after %d redirects to %s", n, quoted(o.Authority))
	}
	return evidence
}

// proven tells whether o is the file that was asked for, whatever is said of it.
func proven(o *Observation) bool {
	if isHEAD(o) != "" {
		return o.Known >= 0 && o.Body.Stated == o.Known
	}
	return o.Compared != nil && o.Compared.Differs < 0 && o.Compared.Length == o.Body.Length && o.Body.Length > 0
}

func http10(o *Observation) string {
	if !strings.HasPrefix(o.Answer.Start, "HTTP/1.0") {
		return ""
	}
	return "the answer was " + quoted(o.Answer.Start)
}

// keptUnderOtherQuery matches a file that came although nothing of its request
// arrived at the server, and nobody had asked for its URL before.
func keptUnderOtherQuery(o *Observation) string {
	if o.Witness == nil || o.Witness.Closest != nil {
		return ""
	}
	return "the query was new, and nothing of the request arrived at the server; Age: " + quoted(o.Answer.Get("Age"))
}

// headStale matches what follows from a date that HEAD gave and that the server
// did not: of a copy that is older.
func headStale(o *Observation) string {
	before := o.Past["bits-size"]
	if before == nil || before.Witness == nil || before.Witness.Closest == nil || o.Sent.Get("If-Unmodified-Since") == "" {
		return ""
	}
	told, had := before.Answer.Get("Last-Modified"), before.Witness.Closest.Reply.Get("Last-Modified")
	if !older(told, had) {
		return ""
	}
	return "HEAD was answered with Last-Modified: " + quoted(told) + ", and the server had said " + quoted(had)
}

// older tells whether a date of HTTP is before another.
func older(a, b string) bool {
	one, err1 := http.ParseTime(a)
	other, err2 := http.ParseTime(b)
	return err1 == nil && err2 == nil && one.Before(other)
}

// like matches a file that is the same as an earlier one, for a server that is
// known never to give the same twice.
func like(step string) Symptom {
	return func(o *Observation) string {
		before := o.Past[step]
		if before == nil || !before.Complete() || before.Body.SHA256 != o.Body.SHA256 {
			return ""
		}
		return "a new question brought the file that was there before, byte for byte; Age: " + quoted(o.Answer.Get("Age"))
	}
}

// unlike matches a file that is another than it was before.
func unlike(step string) Symptom {
	return func(o *Observation) string {
		before := o.Past[step]
		if before == nil || !before.Complete() || before.Answer.Status() != 200 || before.Body.SHA256 == o.Body.SHA256 {
			return ""
		}
		return fmt.Sprintf("two fetches of one file brought different bytes, %d and %d", before.Body.Length, o.Body.Length)
	}
}

// What BITS takes of a multipart (wire.md 1.8).
const (
	mostLead  = 2   // CR LF pairs before the first boundary
	mostExtra = 180 // bytes of fields beside the usual, in a part
)

// multiOther matches an answer to several ranges that is not theirs, or in a form
// that BITS does not take.
func multiOther(o *Observation) string {
	if wrong := multiWrong(o.Sent, o.Answer, o.Text, o.File); wrong != "" {
		return wrong
	}
	m, err := parseByteRanges(o.Answer, o.Text)
	switch {
	case err != nil:
		return err.Error()
	case m.lead > mostLead:
		return fmt.Sprintf("%d empty lines stand before the first boundary, BITS takes %d", m.lead, mostLead)
	}
	for i, part := range m.parts {
		if part.extra > mostExtra {
			return fmt.Sprintf("part %d has %d bytes of fields beside the usual, BITS takes %d", i+1, part.extra, mostExtra)
		}
	}
	return ""
}

// madeUp matches a file that no cache has seen.
func madeUp(o *Observation) string {
	if o.File == nil {
		return ""
	}
	return "a file that was just made up"
}

// dateUnlike matches an answer that gives another date than the HEAD did from which
// the condition is copied: to BITS it is another file (wire.md 1.7).
func dateUnlike(o *Observation) string {
	before, now := o.Sent.Get("If-Unmodified-Since"), o.Answer.Get("Last-Modified")
	if before == "" || now == "" || before == now {
		return ""
	}
	return "HEAD gave Last-Modified: " + quoted(before) + ", and GET gives " + quoted(now)
}

// slowFar matches a small part from far inside a file that came late, where one
// from its start came at once: somebody read all that stands before it. The head
// of the answer may come at once all the same.
func slowFar(o *Observation) string {
	near := o.Past["bits-range-first"]
	from, _, ok := parseRange(o.Sent.Get("Range"))
	if near == nil || !ok || from < 1<<30 || answering(o) < 3*time.Second+10*answering(near) || arrivedAsSent(o) {
		return ""
	}
	return fmt.Sprintf("a part from byte %d on took %.1f s, one from the start %.1f s", from,
		answering(o).Seconds(), answering(near).Seconds())
}

// arrivedAsSent tells whether the server saw the part asked for, and nothing more.
func arrivedAsSent(o *Observation) bool {
	return o.Witness != nil && o.Witness.Closest != nil && o.Witness.Closest.Request.Get("Range") == o.Sent.Get("Range")
}

// answering is the time from the request to the end of its answer.
func answering(o *Observation) time.Duration { return o.Took[wire.FirstByte] + o.Took[wire.BodyRead] }

func notRevocations(o *Observation) string {
	if _, err := x509.ParseRevocationList(o.Text); err != nil {
		return fmt.Sprintf("%d bytes are no list of revoked certificates: %s", len(o.Text), quoted(err.Error()))
	}
	return ""
}

func notOCSP(o *Observation) string {
	if err := wusp.CheckOCSP(o.Text); err != nil {
		return fmt.Sprintf("%d bytes are no answer of an OCSP server: %s", len(o.Text), quoted(err.Error()))
	}
	return ""
}

// connectivityTexts are what NCSI wants to read (wire.md 5.6).
var connectivityTexts = []string{"Microsoft Connect Test", "Microsoft NCSI"}

func notConnectivity(o *Observation) string {
	if slices.Contains(connectivityTexts, string(o.Text)) {
		return ""
	}
	return answerOf(o) + fmt.Sprintf(", with %d bytes that begin %s", len(o.Text), quoted(string(o.Text[:min(len(o.Text), 40)])))
}

// coded matches a body in a coding that was not asked for.
func coded(o *Observation) string {
	coding := o.Answer.Get("Content-Encoding")
	if coding == "" || strings.EqualFold(coding, "identity") || strings.EqualFold(coding, "xpress") {
		return ""
	}
	return "the answer has Content-Encoding: " + quoted(coding)
}

// plainUnsized matches an answer in no coding that does not state its length.
func plainUnsized(o *Observation) string {
	if coded(o) != "" {
		return ""
	}
	return unsized(o)
}

// unsized matches an answer that does not state its length.
func unsized(o *Observation) string {
	if o.Body.Stated >= 0 && o.Body.Framing != wire.Chunked {
		return ""
	}
	evidence := quoted(o.Answer.Start) + " came without Content-Length"
	if len(o.Body.Lengths) > 0 && o.Body.Stated < 0 {
		evidence = quoted(o.Answer.Start) + " came with Content-Length: " + quoted(o.Body.Lengths[0])
	}
	if coding := o.Answer.Get("Transfer-Encoding"); coding != "" {
		evidence += ", with Transfer-Encoding: " + quoted(coding)
	}
	return evidence
}

// sizeOther matches a HEAD that gives another size than the file has.
func sizeOther(o *Observation) string {
	if o.Known < 0 || o.Body.Stated == o.Known {
		return ""
	}
	return fmt.Sprintf("HEAD gives Content-Length: %d, the file has %d bytes", o.Body.Stated, o.Known)
}

// undated matches an answer that is right but does not say when the file was
// changed, for a file of a server that is known to say so.
func undated(o *Observation) string {
	date := o.Answer.Get("Last-Modified")
	if _, err := http.ParseTime(date); err == nil || o.Known < 0 || o.Body.Stated != o.Known || coded(o) != "" {
		return ""
	}
	return quoted(o.Answer.Start) + " came with Last-Modified: " + quoted(date)
}

// textDiffers matches an answer of the web service that is not the one that the
// server is known to give.
func textDiffers(o *Observation) string {
	if o.KnownText == "" || string(o.Text) == o.KnownText {
		return ""
	}
	at := 0
	for at < min(len(o.Text), len(o.KnownText)) && o.Text[at] == o.KnownText[at] {
		at++
	}
	return fmt.Sprintf("the answer of the web service differs from what the server gives at byte %d", at)
}

// extra matches bytes behind the end of an answer. Empty lines are nothing.
func extra(o *Observation) string {
	if strings.Trim(string(o.Extra), "\r\n") == "" {
		return ""
	}
	return "behind the answer to " + o.Sent.Method() + " came " + quoted(string(o.Extra[:min(len(o.Extra), 40)]))
}

func notCabinet(o *Observation) string {
	if o.Answer.Status()/100 != 2 || o.Body.Abandoned {
		return ""
	}
	if err := wusp.CheckCabinet(o.Body.Excerpt, o.Body.Length); err != nil {
		return fmt.Sprintf("the file is no whole cabinet: %v; it begins %s", err, quoted(string(o.Body.Excerpt[:min(len(o.Body.Excerpt), 16)])))
	}
	return ""
}

// sizeUnlike matches a file that is not as long as the answer to an earlier
// HEAD said.
func sizeUnlike(step string) Symptom {
	return func(o *Observation) string {
		before := o.Past[step]
		if o.Body.Abandoned || before == nil || before.Answer.Status() != 200 || len(before.Extra) > 0 ||
			before.Body.Stated < 0 || before.Body.Stated == o.Body.Length {
			return ""
		}
		return fmt.Sprintf("HEAD gave %d bytes, and %d came", before.Body.Stated, o.Body.Length)
	}
}

// rangeOther matches a Content-Range that is not what was asked for.
func rangeOther(o *Observation) string {
	from, to, ok := parseRange(o.Sent.Get("Range"))
	if !ok {
		return ""
	}
	value := strings.Join(slices.Compact(o.Answer.All("Content-Range")), ", ")
	gotFrom, gotTo, total, ok := parseContentRange(value)
	if total > from {
		to = min(to, total-1) // a part ends where the file does
	}
	if !ok || gotFrom != from || gotTo != to || total < 0 || o.Known >= 0 && total != o.Known {
		evidence := fmt.Sprintf("bytes %d-%d were asked for, the answer has Content-Range: %s", from, to, quoted(value))
		if o.Known >= 0 {
			evidence += fmt.Sprintf(", the file has %d bytes", o.Known)
		}
		return evidence
	}
	return ""
}

// bodyOther matches a body that is not as long as the part that it is said to be.
func bodyOther(o *Observation) string {
	from, to, _, ok := parseContentRange(o.Answer.Get("Content-Range"))
	if !ok || (o.Body.Abandoned || o.Body.Left) && o.Body.Length <= to-from || o.Body.Length == to-from+1 {
		return ""
	}
	return fmt.Sprintf("Content-Range: %s came with %d bytes", quoted(o.Answer.Get("Content-Range")), o.Body.Length)
}

// wholeOther matches a whole file that is not as long as it should be.
func wholeOther(o *Observation) string {
	if o.Known < 0 || o.Body.Abandoned && o.Body.Length <= o.Known || o.Body.Length == o.Known {
		return ""
	}
	return fmt.Sprintf("the file has %d bytes, and %d came", o.Known, o.Body.Length)
}

// differs matches a body that is not what the server holds.
func differs(o *Observation) string {
	if o.Compared == nil || o.Compared.Differs < 0 {
		return ""
	}
	return fmt.Sprintf("the byte at %d is not the one that the server holds", o.Compared.Differs)
}
