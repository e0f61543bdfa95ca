package probe

import (
	"crypto/x509"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// Symptoms of a broken exchange.

// failed matches an exchange that broke in phase p in one of the given manners.
func failed(p wire.Phase, manners ...wire.Failure) Symptom {
	return func(o *Observation) string {
		if o.Stopped != p || !slices.Contains(manners, o.Failure) {
			return ""
		}
		return broke(o)
	}
}

// failedAnywhere matches an exchange that broke in one of the given manners.
func failedAnywhere(manners ...wire.Failure) Symptom {
	return func(o *Observation) string {
		if !slices.Contains(manners, o.Failure) {
			return ""
		}
		return broke(o)
	}
}

// broke says where and how o broke.
func broke(o *Observation) string {
	evidence := o.Stopped.Doing() + ": " + string(o.Failure)
	switch {
	case o.Stopped == wire.BodyRead:
		evidence += fmt.Sprintf(" after %d bytes", o.Body.Length)
		if o.Body.Stated >= 0 {
			evidence += fmt.Sprintf(" of %d", o.Body.Stated)
		}
	case o.Failure == wire.Denied:
		evidence += " with " + quoted(o.Tunnel.Answer.Start)
	case len(o.Raw) > 0:
		evidence += "; what came begins " + quoted(string(o.Raw[:min(len(o.Raw), 40)]))
	}
	if o.Retried {
		evidence += " (also on a second connection)"
	}
	return evidence
}

// direct limits a symptom to exchanges without a proxy.
func direct(s Symptom) Symptom {
	return func(o *Observation) string {
		if !o.Direct {
			return ""
		}
		return s(o)
	}
}

// all matches when each of the symptoms does; the last one gives the evidence.
func all(symptoms ...Symptom) Symptom {
	return func(o *Observation) (evidence string) {
		for _, s := range symptoms {
			if evidence = s(o); evidence == "" {
				return ""
			}
		}
		return evidence
	}
}

// inHead matches an exchange that broke before the body.
func inHead(o *Observation) string {
	if o.Complete() || o.Stopped == wire.BodyRead {
		return ""
	}
	return broke(o)
}

// anything matches.
func anything(o *Observation) string {
	if o.Complete() {
		return "the answer was " + quoted(o.Answer.Start)
	}
	return broke(o)
}

// answered matches an answer, or a refusal of CONNECT, with one of the statuses.
func answered(statuses ...int) Symptom {
	return func(o *Observation) string {
		answer, _ := o.reply()
		if !slices.Contains(statuses, answer.Status()) {
			return ""
		}
		return answerOf(o)
	}
}

// answeredFrom matches a status from low to high.
func answeredFrom(low, high int) Symptom {
	return func(o *Observation) string {
		answer, _ := o.reply()
		if n := answer.Status(); n < low || n > high {
			return ""
		}
		return answerOf(o)
	}
}

// answerOf says what the answer was and what shows who gave it.
func answerOf(o *Observation) string {
	answer, body := o.reply()
	evidence := "the answer was " + quoted(answer.Start)
	if o.Stopped == wire.Tunnel {
		evidence = "CONNECT was answered " + quoted(answer.Start)
	}
	for _, name := range []string{"Location", "X-Squid-Error", "Server", "Via", "Proxy-Authenticate"} {
		if values := answer.All(name); len(values) > 0 {
			evidence += ", " + name + ": " + quoted(strings.Join(values, ", "))
		}
	}
	if title := titleOf(body.Excerpt); title != "" {
		evidence += ", a page titled " + quoted(title)
	}
	return evidence
}

// titleOf is the title of a page, or "".
func titleOf(page []byte) string {
	text := string(page)
	lower := strings.ToLower(text)
	i := strings.Index(lower, "<title>")
	if i < 0 || len(lower) != len(text) {
		return ""
	}
	title, _, _ := strings.Cut(text[i+len("<title>"):], "<")
	return strings.TrimSpace(title)
}

func isHEAD(o *Observation) string {
	if o.Sent.Method() != "HEAD" || o.Stopped == wire.Tunnel {
		return ""
	}
	return "HEAD"
}

// asked matches a request that has the field name.
func asked(name string) Symptom {
	return func(o *Observation) string { return o.Sent.Get(name) }
}

// byProxy matches an answer that bears the signs of a proxy.
func byProxy(o *Observation) string {
	if speaker(o) != Proxy {
		return ""
	}
	return "the proxy's own answer"
}

// otherProtocol matches a peer that does not speak HTTP in clear: on the first
// exchange of a connection, since later garbage is a fault of a proxy.
func otherProtocol(o *Observation) string {
	answer, body := o.reply()
	text := string(body.Excerpt)
	if answer.Status() == 400 && (strings.Contains(text, "HTTPS server") || strings.Contains(text, "HTTPS port")) {
		return "it wants TLS: " + quoted(answer.Start)
	}
	if o.Failure != wire.Garbled || o.Reused || o.Stopped == wire.Secure {
		return ""
	}
	raw := o.Raw
	if o.Stopped == wire.Tunnel {
		raw = o.Tunnel.Raw
	}
	switch {
	case len(raw) > 2 && (raw[0] == 0x15 || raw[0] == 0x16) && raw[1] == 3:
		return "it speaks TLS: " + quoted(string(raw[:min(len(raw), 8)]))
	case len(raw) > 0 && !strings.HasPrefix(string(raw), "HTTP/"):
		return "it speaks another protocol: " + quoted(string(raw[:min(len(raw), 60)]))
	}
	return ""
}

// offers tells whether a 407 offers an authentication scheme.
func offers(answer wire.Head, scheme string) bool {
	return slices.ContainsFunc(answer.All("Proxy-Authenticate"), func(value string) bool {
		name, _, _ := strings.Cut(value, " ")
		return strings.EqualFold(strings.TrimSuffix(name, ","), scheme)
	})
}

// loginUseless matches a 407 that no service of Windows can satisfy.
func loginUseless(o *Observation) string {
	answer, _ := o.reply()
	if answer.Status() != 407 || offers(answer, "NTLM") || offers(answer, "Negotiate") || offers(answer, "Kerberos") {
		return ""
	}
	if o.Given {
		return answerOf(o) + ", also with the login that was given"
	}
	return answerOf(o)
}

// otherPort matches a CONNECT that is denied for its port: the same machine on
// port 443 is answered otherwise.
func otherPort(o *Observation) string {
	if o.Port443 == nil || o.Port443.Answer.Status() == 0 {
		return ""
	}
	denied, on443 := o.Tunnel.Answer.Status(), o.Port443.Answer.Status()
	if denied == on443 || denied/100 == 5 && denied != 501 {
		return ""
	}
	return fmt.Sprintf("CONNECT %s was answered %s, the same with port 443 %s", o.Authority,
		quoted(o.Tunnel.Answer.Start), quoted(o.Port443.Answer.Start))
}

// poolStopped matches what http.sys says when the service behind it is down.
func poolStopped(o *Observation) string {
	if !signed(o.Answer, []wire.Field{{Name: "Server", Value: "Microsoft-HTTPAPI"}}) {
		return ""
	}
	return answered(503)(o)
}

// notWSUS matches a web server that has no update service.
func notWSUS(o *Observation) string {
	if o.Sent.Get("SOAPAction") == "" || speaker(o) == Proxy {
		return ""
	}
	return answered(404, 405, 410, 501)(o)
}

// Symptoms of a complete and good answer.

// status matches one of the given statuses.
func status(statuses ...int) Symptom {
	return func(o *Observation) string {
		if !slices.Contains(statuses, o.Answer.Status()) {
			return ""
		}
		return fmt.Sprintf("Range: %s was answered %s", o.Sent.Get("Range"), quoted(o.Answer.Start))
	}
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

// page matches a web page, which no step ever asks for.
func page(o *Observation) string {
	kind := strings.ToLower(o.Answer.Get("Content-Type"))
	start := strings.ToLower(strings.TrimSpace(string(o.Body.Excerpt[:min(len(o.Body.Excerpt), 200)])))
	isPage := strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
	if o.Answer.Status()/100 != 2 || !isPage && !strings.HasPrefix(kind, "text/html") {
		return ""
	}
	evidence := answerOf(o) + ", of type " + quoted(kind)
	if n := len(o.Legs); n > 0 {
		evidence += fmt.Sprintf(", after %d redirects to %s", n, quoted(o.Authority))
	}
	return evidence
}

func inspected(o *Observation) string {
	if o.Trust == nil || o.Trust.By == BySystem || !unknownAuthority(o.Trust.Err) {
		return ""
	}
	return fmt.Sprintf("the certificate was issued by %s and does not verify by %s", quoted(o.Trust.Issuer), o.Trust.By)
}

func issuerUnknown(o *Observation) string {
	if o.Trust == nil || o.Trust.By != BySystem || !unknownAuthority(o.Trust.Err) {
		return ""
	}
	return fmt.Sprintf("the certificate was issued by %s, which is not in %s", quoted(o.Trust.Issuer), o.Trust.By)
}

// onWindows matches where the store of this machine is that of a client.
func onWindows(*Observation) string {
	if runtime.GOOS != "windows" {
		return ""
	}
	return "this machine runs Windows"
}

// certificateInvalid matches a certificate that no client takes, whoever signed it.
func certificateInvalid(o *Observation) string {
	if o.Trust == nil || o.Trust.Err == nil || unknownAuthority(o.Trust.Err) {
		return ""
	}
	return o.Trust.Err.Error()
}

func unknownAuthority(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

func http10(o *Observation) string {
	if !strings.HasPrefix(o.Answer.Start, "HTTP/1.0") {
		return ""
	}
	return "the answer was " + quoted(o.Answer.Start)
}

// notConfig matches a body that is no answer to GetConfig.
func notConfig(o *Observation) string {
	if _, err := wusp.ParseConfig(o.Text); err != nil {
		return fmt.Sprintf("%d bytes of type %s are no answer to GetConfig: %s", len(o.Text),
			quoted(o.Answer.Get("Content-Type")), quoted(err.Error()))
	}
	return ""
}

// coded matches a body in a coding that was not asked for.
func coded(o *Observation) string {
	coding := o.Answer.Get("Content-Encoding")
	if coding == "" || strings.EqualFold(coding, "identity") {
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

func extra(o *Observation) string {
	if len(o.Extra) == 0 {
		return ""
	}
	return "behind the answer to HEAD came " + quoted(string(o.Extra[:min(len(o.Extra), 40)]))
}

func notCabinet(o *Observation) string {
	if o.Answer.Status() != 200 {
		return ""
	}
	stated, err := wusp.CabinetSize(o.Body.Excerpt)
	switch {
	case err != nil:
		return fmt.Sprintf("the file %v: it begins %s", err, quoted(string(o.Body.Excerpt[:min(len(o.Body.Excerpt), 16)])))
	case stated > o.Body.Length:
		return fmt.Sprintf("the cabinet says that it has %d bytes, and %d came", stated, o.Body.Length)
	}
	return ""
}

// sizeUnlike matches a file that is not as long as the answer to an earlier
// HEAD said.
func sizeUnlike(step string) Symptom {
	return func(o *Observation) string {
		head := o.Past.answer(step)
		size := head.Get("Content-Length")
		if head.Status() != 200 || len(o.Past[step].Extra) > 0 || size == "" || size == strconv.FormatInt(o.Body.Length, 10) {
			return ""
		}
		return fmt.Sprintf("HEAD gave %s bytes, and %d came", quoted(size), o.Body.Length)
	}
}

// rangeOther matches a Content-Range that is not what was asked for.
func rangeOther(o *Observation) string {
	from, to, ok := parseRange(o.Sent.Get("Range"))
	if !ok {
		return ""
	}
	value := o.Answer.Get("Content-Range")
	gotFrom, gotTo, total, ok := parseContentRange(value)
	if !ok || gotFrom != from || gotTo != to || total < 0 || o.Known >= 0 && total != o.Known {
		evidence := fmt.Sprintf("bytes %d-%d were asked for, the answer has Content-Range: %s", from, to, quoted(value))
		if o.Known >= 0 {
			evidence += fmt.Sprintf(", the file has %d bytes", o.Known)
		}
		return evidence
	}
	return ""
}

// bodyOther matches a body that is not as long as the part that was asked for.
func bodyOther(o *Observation) string {
	from, to, ok := parseRange(o.Sent.Get("Range"))
	if !ok || o.Body.Abandoned && o.Body.Length <= to-from || o.Body.Length == to-from+1 {
		return ""
	}
	return fmt.Sprintf("%d bytes were asked for and %d came", to-from+1, o.Body.Length)
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

// parseRange reads the value of Range: one closed range.
func parseRange(value string) (from, to int64, ok bool) {
	value, found := strings.CutPrefix(value, "bytes=")
	first, last, dashed := strings.Cut(value, "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	return from, to, found && dashed && err1 == nil && err2 == nil && 0 <= from && from <= to
}

// parseContentRange reads the value of Content-Range; total is -1 for an
// asterisk.
func parseContentRange(value string) (from, to, total int64, ok bool) {
	unit, rest, _ := strings.Cut(value, " ")
	span, size, sized := strings.Cut(rest, "/")
	from, to, ok = parseRange("bytes=" + strings.TrimSpace(span))
	if size = strings.TrimSpace(size); size == "*" {
		return from, to, -1, ok && strings.EqualFold(unit, "bytes")
	}
	total, err := strconv.ParseInt(size, 10, 64)
	return from, to, total, ok && sized && err == nil && total > to && strings.EqualFold(unit, "bytes")
}
