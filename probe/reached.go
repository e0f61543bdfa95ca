package probe

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// Who answers for a host of the URL lists: the host itself, whatever it says, or
// somebody on the way.

// cannotReach matches what gateways say of a server that they do not reach. Privoxy
// says 404 where it finds no name.
var cannotReach = answered(404, 500, 502, 503, 504)

// unreachedHosts are the rules for a host that did not answer by itself. What is not in
// them breaks as anything else does.
var unreachedHosts = []Rule{
	{If: all(deniedOnTheWay, denialPage), Then: HostBlocked},
	{If: all(deniedOnTheWay, cannotReach), Then: HostUnreached},
	{If: deniedOnTheWay, Then: HostBlocked},
}

// reachedHosts are the rules for an answer that may be the host's own.
var reachedHosts = []Rule{
	{If: magicOther, Then: ContentAltered},
	{If: all(signsCome, unclear), Then: HostUnclear},
	{If: all(not(signsCome), unclear), Then: HostUnclear, As: Note},
}

// deniedOnTheWay matches an answer that is known not to be the host's own.
func deniedOnTheWay(o *Observation) string {
	reply, _ := o.reply()
	switch status := reply.Status(); {
	case status == 407, status == 429, o.Host == nil:
		return "" // a matter of its own
	case o.Stopped == wire.Tunnel:
		if o.Failure != wire.Denied {
			return ""
		}
		return answerOf(o) + likeNowhere(o)
	case !o.Complete():
		return ""
	}
	return madeInItsPlace(o)
}

// madeInItsPlace matches a complete answer that somebody else gave.
func madeInItsPlace(o *Observation) string {
	if speaker(o) == Proxy {
		return answerOf(o) + likeNowhere(o)
	}
	if ownTunnel(o) {
		return ""
	}
	if like := likeNowhere(o); like != "" {
		return answerOf(o) + like
	}
	if originsOwn(o) {
		return ""
	}
	unsigned := all(signsCome, either(denialInPlain, either(likeControl, fileDenied)))
	return cmp.Or(answered(502, 503, 504, 511)(o), unsigned(o), sentAbroad(o), pageForFile(o))
}

// likeControl matches a refusal, or a redirect, that a name which nobody has under the
// same wildcard gets too. Where the wildcard has an answer in the name service, it may
// be a server's: so that counts only for one without the signs of one.
func likeControl(o *Observation) string {
	status := o.Answer.Status()
	if o.Control == nil || status/100 != 3 && status/100 != 4 || !sameShape(o, o.Control) {
		return ""
	}
	return answerOf(o) + "; a name under " + o.Host.Pattern + " that nobody has gets the same answer"
}

// ownTunnel tells whether o came through a tunnel of which nothing shows that it ends
// on the way: then the host itself has answered.
func ownTunnel(o *Observation) bool {
	return o.TLS != nil && o.Trust != nil && (o.Trust.OwnRoot || o.Trust.inspection() == "" && issuerUnknown(o) == "")
}

// signsCome matches where other hosts answer with signs of their servers: then one
// that answers without comes from somebody else, or has none.
func signsCome(o *Observation) string {
	if !o.Signed {
		return ""
	}
	return "the signs of other servers come through"
}

// madeOnTheWay matches an answer that nobody but a proxy gives: to CONNECT, and what
// is answered too for a host that cannot exist. That a gateway cannot reach a server
// is only what it says.
func madeOnTheWay(o *Observation) string {
	if reply, _ := o.reply(); reply.Status() >= 500 && denialPage(o) == "" {
		return ""
	}
	if o.Stopped == wire.Tunnel && o.Failure == wire.Denied {
		return answerOf(o)
	}
	return cmp.Or(likeNowhere(o), all(signsCome, likeControl)(o))
}

// likeNowhere matches an answer that a host which cannot exist gets too.
func likeNowhere(o *Observation) string {
	if o.Impossible == nil || originsOwn(o) || o.Stopped != wire.Tunnel && ownTunnel(o) {
		return ""
	}
	nowhere := &Observation{Exchange: o.Impossible}
	reply, _ := nowhere.reply()
	if reply.Status() == 0 || (o.Stopped == wire.Tunnel) != (nowhere.Stopped == wire.Tunnel) || !sameShape(o, nowhere) {
		return ""
	}
	return "; a host that cannot exist gets the same answer"
}

// sameShape tells whether two answers were made by the same hand: all but what differs
// from one request to the next is the same.
func sameShape(a, b *Observation) bool {
	one, page := a.reply()
	other, otherPage := b.reply()
	title, otherTitle := titleOf(page.Excerpt), titleOf(otherPage.Excerpt)
	bodies := len(page.Excerpt) > 0 && len(otherPage.Excerpt) > 0 // HEAD has none
	return one.Status() == other.Status() && one.Get("Server") == other.Get("Server") && one.Get("Via") == other.Get("Via") &&
		leadsTo(a) == leadsTo(b) && slices.Equal(fieldNames(one), fieldNames(other)) && (!bodies || title == otherTitle)
}

// leadsTo is where an answer sends the client: itself, or the host that it names.
func leadsTo(o *Observation) string {
	reply, _ := o.reply()
	to, ok := place{}.resolve(strings.TrimSpace(reply.Get("Location")))
	if name, _, err := net.SplitHostPort(o.Authority); ok && err == nil && strings.EqualFold(strings.Split(to.host, ":")[0], name) {
		return "itself"
	}
	return abroad(reply)
}

// passingFields are those that come and go from one answer to the next.
var passingFields = []string{"date", "age", "content-length", "connection", "proxy-connection", "keep-alive", "transfer-encoding"}

// fieldNames are the names of the fields of h, in lower case and in order.
func fieldNames(h wire.Head) []string {
	var names []string
	for _, f := range h.Fields {
		if name := strings.ToLower(f.Name); !slices.Contains(passingFields, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// originSigns are fields that Microsoft's servers, and the content networks before
// them, put into answers, and that no proxy for clients makes up: with a part of the
// value, or "" for any. wire.md 2.8, 3.6 and 4.2 have those of captures; the rest is
// common knowledge, and only spares a question.
var originSigns = map[string][]string{
	"server":              {"microsoft-iis", "microsoft-httpapi", "kestrel", "akamai", "ecacc", "ecs ", "ecd ", "windows-azure", "qwilt"},
	"x-msedge-ref":        {""},
	"x-azure-ref":         {""},
	"ms-correlationid":    {""},
	"ms-requestid":        {""},
	"x-ms-request-id":     {""},
	"x-cid":               {""},
	"x-ccc":               {""},
	"akamai-grn":          {""},
	"x-aspnet-version":    {""},
	"x-powered-by":        {"asp.net"},
	"x-ocsp-responder-id": {""},
}

// originsOwn tells whether the answer bears a sign of the servers that are asked.
func originsOwn(o *Observation) bool {
	if o.Stopped == wire.Tunnel || speaker(o) == Proxy {
		return false
	}
	return slices.ContainsFunc(o.Answer.Fields, func(f wire.Field) bool {
		value := strings.ToLower(f.Value)
		return slices.ContainsFunc(originSigns[strings.ToLower(f.Name)], func(has string) bool { return strings.Contains(value, has) })
	})
}

// denialInPlain matches a page that says that it is a denial, and has no name of a server
// that may have written it.
func denialInPlain(o *Observation) string {
	if status := o.Answer.Status(); status/100 != 2 && status/100 != 4 || o.Answer.Get("Server") != "" {
		return ""
	}
	return denialPage(o)
}

// fileDenied matches an error where a file is known to be that anybody gets.
func fileDenied(o *Observation) string {
	if o.Host.Magic == "" {
		return ""
	}
	return answeredFrom(400, 599)(o)
}

// pageForFile matches a web page where a file is known to be.
func pageForFile(o *Observation) string {
	if o.Host.Magic == "" {
		return ""
	}
	return page(o)
}

// magicOther matches something else where a file is known to be.
func magicOther(o *Observation) string {
	if o.Host.Magic == "" || o.Answer.Status() != 200 || isHEAD(o) != "" || strings.HasPrefix(string(o.Text), o.Host.Magic) {
		return ""
	}
	return answerOf(o) + fmt.Sprintf(", with %d bytes that begin %s and not %s", o.Body.Length, quoted(string(o.Text[:min(len(o.Text), 20)])), quoted(o.Host.Magic))
}

// unclear matches an answer of which nothing shows who gave it, and that may be a denial.
func unclear(o *Observation) string {
	if ownTunnel(o) || originsOwn(o) || o.Host.Magic != "" && o.Answer.Status() == 200 {
		return ""
	}
	return either(answered(401, 403, 451, 500), page)(o)
}

// atHome are the domains to which Microsoft's servers send clients: those of the lists
// and of wire.md 5.4 and 5.6, and others that are known to be its own or its content
// networks'. A domain too many only leaves a redirect unsaid.
var atHome = []string{"microsoft.com", "windowsupdate.com", "windows.com", "live.com", "msn.com", "msftconnecttest.com", "msftncsi.com",
	"azureedge.net", "akamaized.net", "microsoft.net", "windows.net", "office.com", "office.net", "xbox.com", "xboxlive.com", "digicert.com", "bing.com"}

// sentAbroad matches a redirect to where no server of the lists sends clients.
func sentAbroad(o *Observation) string {
	if to := abroad(o.Answer); to == "" || domain(to) == domain(o.Host.Name) {
		return ""
	}
	return answerOf(o)
}

// abroad is the host to which h sends the client, if none of the lists would do so.
func abroad(h wire.Head) string {
	if h.Status()/100 != 3 {
		return ""
	}
	to, ok := place{}.resolve(strings.TrimSpace(h.Get("Location")))
	if !ok || to.host == "" {
		return "" // it stays where it is
	}
	host := strings.ToLower(strings.TrimSuffix(to.host, "."))
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if slices.ContainsFunc(atHome, func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }) {
		return ""
	}
	return host
}
