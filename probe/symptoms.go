package probe

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wire"
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
	if o.Failure == wire.Silent {
		evidence += ", which is " + strconv.FormatFloat(o.Took[o.Stopped].Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
	}
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
		if !o.NoProxy {
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

// either matches when one of two symptoms does, the first before the second.
func either(a, b Symptom) Symptom {
	return func(o *Observation) string { return cmp.Or(a(o), b(o)) }
}

// inHead matches an exchange that broke before the body.
func inHead(o *Observation) string {
	if o.Complete() || o.Stopped == wire.BodyRead {
		return ""
	}
	return broke(o)
}

// not matches when a symptom does not.
func not(s Symptom) Symptom {
	return func(o *Observation) string {
		if s(o) != "" {
			return ""
		}
		return "not"
	}
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
	evidence := "the answer to " + o.Sent.Method() + " " + quoted(o.Sent.Target()) + " was " + quoted(answer.Start)
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

// denials are words in the title of a page that says that something is not wanted.
var denials = []string{"denied", "blocked", "forbidden", "not allowed", "policy"}

// denialPage matches an answer whose page says that it is a denial, whatever the
// status says.
func denialPage(o *Observation) string {
	_, body := o.reply()
	title := strings.ToLower(titleOf(body.Excerpt))
	if !slices.ContainsFunc(denials, func(word string) bool { return strings.Contains(title, word) }) {
		return ""
	}
	return answerOf(o)
}

// serverLogin matches an answer by which a web server asks for a login.
func serverLogin(o *Observation) string {
	answer, _ := o.reply()
	if answer.Get("WWW-Authenticate") == "" || answer.Status() != 401 {
		return ""
	}
	return answerOf(o) + ", WWW-Authenticate: " + quoted(strings.Join(answer.All("WWW-Authenticate"), ", "))
}

// errorKept matches an error that a cache had: it says so, or the server gave it
// before and was not asked now.
func errorKept(o *Observation) string {
	w := o.Witness
	switch {
	case o.Answer.Status() < 400 || o.Stopped == wire.Tunnel:
	case number(o.Answer.Get("Age")) > 0:
		return answerOf(o) + ", " + o.Answer.Get("Age") + " s old"
	case w != nil && w.Closest == nil && w.Earlier != nil && w.Earlier.Reply.Status() == o.Answer.Status():
		return answerOf(o) + "; nothing of it arrived at the server, which had given that answer before"
	}
	return ""
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

// reason matches a status line with some of the given words.
func reason(words ...string) Symptom {
	return func(o *Observation) string {
		answer, _ := o.reply()
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(answer.Start, w) }) {
			return ""
		}
		return answerOf(o)
	}
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
	if o.WantsTLS {
		return "it wants TLS: " + broke(o) + ", and a handshake with it comes to its end"
	}
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

// inQuotes matches a quoted string (RFC 9110, 5.6.4).
var inQuotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// offers tells whether a 407 offers an authentication scheme, in a field of its
// own or in a list.
func offers(answer wire.Head, scheme string) bool {
	list := inQuotes.ReplaceAllString(strings.Join(answer.All("Proxy-Authenticate"), ","), "")
	for part := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		if strings.EqualFold(name, scheme) {
			return true
		}
	}
	return false
}

// unoffered tells whether o is a 407 to a request that ends its connection: to that
// a proxy offers nothing that needs one.
func unoffered(o *Observation) bool {
	answer, _ := o.reply()
	return strings.EqualFold(o.Sent.Get("Proxy-Connection"), "close") && len(answer.All("Proxy-Authenticate")) == 0
}

// loginUseless matches a 407 that no service of Windows can satisfy.
func loginUseless(o *Observation) string {
	answer, _ := o.reply()
	if answer.Status() != 407 || unoffered(o) || offers(answer, "NTLM") || offers(answer, "Negotiate") || offers(answer, "Kerberos") {
		return ""
	}
	if o.Sent.Get(authorization) != "" || o.Tunnel != nil && o.Tunnel.Sent.Get(authorization) != "" {
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
	if on443 == 407 && o.Tunnel.Sent.Get(authorization) != "" { // the other was tried without the login
		return ""
	}
	if denied == on443 || denied/100 == 5 && denied != 501 {
		return ""
	}
	return fmt.Sprintf("CONNECT %s was answered %s, the same with port 443 %s", o.Authority,
		quoted(o.Tunnel.Answer.Start), quoted(o.Port443.Answer.Start))
}

// certificateWanted matches a server that says by an alert that it wants a
// certificate of the client: in the handshake, or with TLS 1.3 behind it. One that
// asks for a certificate may do without, so that a connection ends is not enough.
func certificateWanted(o *Observation) string {
	if !o.Asked || o.Failure != wire.NoAgreement || o.Stopped != wire.Secure && o.Stopped != wire.FirstByte {
		return ""
	}
	return broke(o) + ", behind a question for a certificate of the client"
}

// poolStopped matches what http.sys says when the service behind it is down.
func poolStopped(o *Observation) string {
	if !signed(o.Answer, httpsysSign) {
		return ""
	}
	return answered(503)(o)
}

// notWSUS matches a web server that has no update service.
func notWSUS(o *Observation) string {
	if o.Sent.Method() != "POST" || speaker(o) == Proxy {
		return ""
	}
	return answered(404, 405, 410, 501)(o)
}

// longBody matches a request with a body that is longer than most.
func longBody(o *Observation) string {
	if len(o.SentBody) < 8<<10 {
		return ""
	}
	return fmt.Sprintf("a body of %d bytes", len(o.SentBody))
}

// pageForTLS matches a page where the handshake should begin, behind a tunnel that
// was said to be open.
func pageForTLS(o *Observation) string {
	start := strings.ToLower(strings.TrimSpace(string(o.Raw[:min(len(o.Raw), 200)])))
	if o.Stopped != wire.Secure || !strings.HasPrefix(start, "<!doctype") && !strings.HasPrefix(start, "<html") && !strings.HasPrefix(start, "http/1.") {
		return ""
	}
	return broke(o)
}

// sentElsewhere matches an exchange that a redirect took to another host.
func sentElsewhere(o *Observation) string {
	if n := len(o.Legs); n == 0 || o.Legs[n-1].Answer.Status()/100 != 3 || o.Legs[n-1].Authority == o.Authority {
		return ""
	}
	return "it was sent to " + quoted(o.Authority)
}
