package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// A Rule names the finding that a symptom proves.
type Rule struct {
	If   Symptom
	Then *Finding
	As   Grade // in place of the finding's own; "" for that
}

// A Symptom looks for one thing in an observation. It returns the evidence in
// words, or "" when the thing is not there or a fact that it needs is not known.
type Symptom func(*Observation) string

// Judge decides what o says about s: the first rule of grade fail that matches,
// and every warning and note. The shared rules come first and settle whether
// there was a complete and good answer at all. The rules of the kind and of the
// step are asked only when there was, so they need not look again.
func Judge(s *Step, o *Observation) []Verdict {
	verdicts, _ := weigh(s, o)
	return verdicts
}

// weigh does what Judge does, and names the findings that o rules out for s: all
// rules for them were asked, and none matched. An exchange breaks in one way, so the
// rules behind the one that matches need not be asked.
func weigh(s *Step, o *Observation) (verdicts []Verdict, ruledOut []*Finding) {
	if o.Failure == wire.Stopped || o.Failure == wire.Local || s.Kind.Silent {
		return nil, nil // says nothing about the network, or nothing by itself
	}
	groups := [][]Rule{shared, s.Kind.Rules, s.Rules}
	if good(s, o) {
		ruledOut = append(ruledOut, brokenFindings...)
	} else {
		groups = [][]Rule{s.Kind.Broken, broken}
	}
	failed := false
	var open []*Finding // shown, or not asked
	for _, rules := range groups {
		settled := failed
		for _, r := range rules {
			grade := cmp.Or(r.As, r.Then.Grade)
			if (settled || failed) && len(groups) == 2 {
				ruledOut = append(ruledOut, r.Then)
				continue
			}
			if settled || failed && grade == Fail {
				open = append(open, r.Then)
				continue
			}
			evidence := r.If(o)
			if evidence == "" {
				ruledOut = append(ruledOut, r.Then)
				continue
			}
			verdicts, open = append(verdicts, Verdict{r.Then, grade, owner(r.Then, o), evidence}), append(open, r.Then)
			failed = failed || grade == Fail
		}
	}
	return verdicts, slices.DeleteFunc(ruledOut, func(f *Finding) bool { return slices.Contains(open, f) })
}

// good tells whether o ended with a complete answer that the server meant.
func good(s *Step, o *Observation) bool {
	status := o.Answer.Status()
	if status == 404 && speaker(o) == Proxy && !s.Kind.AnyStatus {
		return false // only the server knows what it lacks
	}
	if s.Kind.AnyStatus {
		return o.Complete() && status != 407 && status != 429 && madeInItsPlace(o) == ""
	}
	return o.Complete() && (status/100 == 2 || slices.Contains(s.Good, status))
}

// broken are the rules for an exchange without a complete and good answer, in
// the order of its phases. A status says more than the way in which its page
// then breaks off. The last rule matches whatever comes to it, so that nothing
// broken passes.
var broken = slices.Concat([]Rule{{If: sentElsewhere, Then: RedirectUnusable}}, unreached, unopened, breakingOff(inHead), statuses, breakingOff(anything), []Rule{{If: anything, Then: Unexplained}})

// brokenFindings are the findings of broken, which a complete and good answer rules
// out.
var brokenFindings = thenOf(broken)

// thenOf are the findings that rules name.
func thenOf(rules []Rule) []*Finding {
	var findings []*Finding
	for _, r := range rules {
		findings = append(findings, r.Then)
	}
	return findings
}

// unreached are the rules for a proxy, or a server without one, that is not there.
var unreached = []Rule{
	{If: answeredForOther, Then: NameAnswerForeign},
	{If: serverFails, Then: NameServerFails},
	{If: sinkholed, Then: NameSinkholed},
	{If: direct(failed(wire.Resolve, wire.NoName)), Then: ServerNameUnknown},
	{If: failed(wire.Resolve, wire.NoName), Then: ProxyNameUnknown},
	{If: failed(wire.Resolve, wire.Silent, wire.NoService), Then: NameServerSilent},
	{If: direct(failed(wire.Connect, wire.Refused)), Then: ServerRefuses},
	{If: direct(failed(wire.Connect, wire.Silent, wire.Unreachable)), Then: ServerUnreachable},
	{If: failed(wire.Connect, wire.Refused), Then: ProxyRefuses},
	{If: failed(wire.Connect, wire.Silent, wire.Unreachable), Then: ProxyUnreachable},
	{If: direct(otherProtocol), Then: ServerNotWSUS},
	{If: otherProtocol, Then: ProxyNotHTTP},
}

// unopened are the rules for what happens before a request gets to the server.
var unopened = []Rule{
	{If: loginUseless, Then: LoginUnusable},
	{If: answered(407), Then: LoginWanted},
	{If: answered(429), Then: RequestsLimited},
	{If: otherPort, Then: TunnelOnly443},
	{If: all(failed(wire.Tunnel, wire.Denied), denialPage), Then: TunnelDenied},
	{If: all(failed(wire.Tunnel, wire.Denied), answered(500, 502, 503, 504)), Then: TunnelServerDown},
	{If: failed(wire.Tunnel, wire.Denied, wire.Cut, wire.Reset), Then: TunnelDenied},
	{If: all(not(inspected), certificateWanted), Then: CertificateWanted},
	{If: pageForTLS, Then: PageInstead},
	{If: failed(wire.Secure, wire.NoAgreement, wire.Cut, wire.Reset, wire.NotTLS, wire.Silent), Then: TLSBroken},
	{If: inspected, Then: TLSInspected},
	{If: all(not(perhapsUnused), certificateInvalid), Then: CertificateInvalid},
	{If: failedAnywhere(wire.NoAgreement), Then: TLSBroken}, // an alert can come late
}

// breakingOff are the rules for an answer that breaks off somewhere.
func breakingOff(where Symptom) []Rule {
	return []Rule{
		{If: all(where, failedAnywhere(wire.Reset)), Then: ConnectionReset},
		{If: all(where, failed(wire.FirstByte, wire.Cut)), Then: ConnectionClosed},
		{If: lengthsDiffer, Then: LengthDoubled},
		{If: all(where, failed(wire.BodyRead, wire.Cut)), Then: BodyCut},
		{If: all(where, failedAnywhere(wire.Silent)), Then: ProxySilent},
		{If: all(where, failedAnywhere(wire.Trickled)), Then: BodyTrickles},
		{If: all(where, failedAnywhere(wire.TooLarge)), Then: HeadTooLarge},
		{If: all(where, failedAnywhere(wire.Garbled, wire.NotTLS, wire.Cut)), Then: AnswerMalformed},
	}
}

// statuses are the rules for an answer that says itself that it is not good.
var statuses = []Rule{
	{If: errorKept, Then: ErrorKept},
	{If: all(isHEAD, answered(405, 501)), Then: HeadRefused},
	{If: poolStopped, Then: ServerUnavailable},
	{If: notWSUS, Then: ServerNotWSUS},
	{If: all(reason("denied the specified Uniform Resource Locator"), answered(502)), Then: RequestDenied}, // ISA, KB837451
	{If: answered(502, 503, 504), Then: ServerBehindProxyDown},
	{If: all(reason("No such domain"), answered(404)), Then: ServerBehindProxyDown},                   // so says Privoxy
	{If: all(reason("Unable to connect", "Proxy Error"), answered(500)), Then: ServerBehindProxyDown}, // tinyproxy, Apache
	{If: all(byProxy, answered(404)), Then: RequestDenied},
	{If: all(longBody, answered(413)), Then: BodyRefused},
	{If: all(asked("Range"), answered(416)), Then: RangeRefused},
	{If: all(asked("If-Unmodified-Since"), answered(412), headStale), Then: CopyStale},
	{If: all(asked("If-Unmodified-Since"), answered(412)), Then: ConditionRefused},
	{If: answered(404, 410), Then: FileMissing},
	{If: serverLogin, Then: ServerLoginWanted},
	{If: answered(401, 403, 451, 511), Then: RequestDenied},
	{If: answered(304), Then: NotModifiedUnasked},
	{If: answeredFrom(300, 399), Then: RedirectUnusable},
	{If: answeredFrom(400, 499), Then: RequestRefused},
	{If: answeredFrom(500, 599), Then: ServerError},
	{If: answeredFrom(100, 199), Then: AnswerMalformed},
	{If: answeredFrom(600, 999), Then: AnswerMalformed},
}

// shared are the rules for every complete and good answer.
var shared = []Rule{
	{If: wentDirect, Then: ProxyIsServer},
	{If: lengthsDiffer, Then: LengthDoubled},
	{If: longHead, Then: HeadTooLarge},
	{If: manyFields, Then: HeadTooLarge, As: Warn},
	{If: progressPage, Then: ProgressPage},
	{If: pageNotFile, Then: PageInstead},
	{If: inspected, Then: TLSInspected},
	{If: all(not(perhapsUnused), certificateInvalid), Then: CertificateInvalid},
	{If: all(perhapsUnused, certificateInvalid), Then: CertificateInvalid, As: Note},
	{If: inspectedWithTrust, Then: TLSInspected, As: Warn},
	{If: all(untrusted, atClient, inspectedUnpinned), Then: TLSInspected},
	{If: all(untrusted, not(atClient), inspectedUnpinned), Then: TLSInspected, As: Warn},
	{If: all(not(untrusted), inspectedUnpinned), Then: TLSInspected, As: Note},
	{If: all(atClient, issuerUnknown), Then: IssuerUnknown, As: Fail},
	{If: issuerUnknown, Then: IssuerUnknown},
	{If: all(not(isHEAD), extra), Then: BytesBehind},
	{If: http10, Then: HTTP10},
}

// The kinds of exchange.
var (
	soap = &Kind{Name: "soap", Text: true, Rules: calls, Broken: []Rule{
		{If: all(recoveredInVain, soapFault), Then: CookieRefused},
		{If: soapFault, Then: SOAPFault},
	}}
	recovering = &Kind{Name: "recovery", Text: true, Rules: slices.Concat(calls, []Rule{{If: notProvoked, Then: AnswersReplayed}}), Broken: []Rule{
		{If: all(not(soapFault), either(answered(500), faultLost)), Then: FaultHidden},
		{If: all(recoveredInVain, soapFault), Then: CookieRefused},
		{If: soapFault, Then: SOAPFault},
	}}
	size = &Kind{Name: "size", Rules: []Rule{
		{If: extra, Then: HeadHasBody},
		{If: coded, Then: ContentRecoded},
		{If: all(not(answered(404)), unsized), Then: SizeHidden},
		{If: sizeOther, Then: SizeWrong},
		{If: undated, Then: DateHidden},
	}}
	cabinet = &Kind{Name: "cabinet", Rules: []Rule{
		{If: coded, Then: ContentRecoded},
		{If: notCabinet, Then: ContentAltered},
	}}
	ranged = &Kind{Name: "range", Rules: []Rule{
		{If: otherThan(206), Then: RangeIgnored},
		{If: coded, Then: ContentRecoded},
		{If: lacks("Content-Range"), Then: RangeUnstated},
		{If: rangeOther, Then: RangeWrong},
		{If: unsized, Then: LengthMissing},
		{If: bodyOther, Then: RangeWrong},
		{If: differs, Then: ContentAltered},
		{If: dateUnlike, Then: ClientsDiffer},
		{If: either(fetchedWhole, slowFar), Then: RangeFetchedWhole},
	}}
	prefixed  = &Kind{Name: "range under a prefix", Rules: ranged.Rules}
	addressed = &Kind{Name: "range by address", Rules: ranged.Rules}
	multi     = &Kind{Name: "multi-range", Text: true, Rules: []Rule{
		{If: otherThan(206), Then: MultiRangeUnsupported},
		{If: coded, Then: ContentRecoded},
		{If: multiOther, Then: MultiRangeUnsupported},
	}, Broken: []Rule{
		{If: answered(416), Then: MultiRangeUnsupported},
	}}
	beyond = &Kind{Name: "beyond", Rules: []Rule{
		{If: all(madeUp, otherThan(416)), Then: RangeFetchedWhole},
	}, Broken: breakingOff(anything)}
	whole = &Kind{Name: "whole", Rules: []Rule{
		{If: status(206), Then: RangeWrong},
		{If: otherThan(200, 203), Then: ContentAltered},
		{If: coded, Then: ContentRecoded},
		{If: plainUnsized, Then: LengthMissing, As: Warn},
		{If: wholeOther, Then: ContentAltered},
		{If: differs, Then: ContentAltered},
	}}
	stale = &Kind{Name: "condition", Rules: []Rule{
		{If: conditionIgnored, Then: ConditionIgnored},
	}}
	revocations = &Kind{Name: "revocations", Text: true, Rules: []Rule{
		{If: coded, Then: ContentRecoded},
		{If: notRevocations, Then: ContentAltered},
	}}
	ocsp = &Kind{Name: "ocsp", Text: true, Rules: []Rule{
		{If: coded, Then: ContentRecoded},
		{If: notOCSP, Then: ContentAltered},
	}}
	connectivity = &Kind{Name: "connectivity", Text: true, Rules: []Rule{
		{If: notConnectivity, Then: ConnectivityAltered},
	}}
	any200 = &Kind{Name: "any"} // whose content nobody knows
)

// calls are the rules for the answer to a call of a web service.
var calls = []Rule{
	{If: replayedBytes, Then: AnswersReplayed},
	{If: brokenCoding, Then: CodingBroken},
	{If: all(notResponse, coded), Then: ContentRecoded},
	{If: notResponse, Then: SOAPUnreadable},
	{If: configIncomplete, Then: ConfigIncomplete},
	{If: textDiffers, Then: ContentAltered},
	{If: replayed, Then: AnswersReplayed},
}

// owner is who must act on f: whoever made the answer when f itself names
// nobody. Where no proxy is set, one that is at fault is only one possibility.
func owner(f *Finding, o *Observation) Owner {
	if f.Owner == Proxy && o.NoProxy {
		return Unknown
	}
	return cmp.Or(f.Owner, speaker(o))
}

// proxySigns stand in answers that only a proxy makes, and serverSigns in those of
// the software of an update server. The origin's own Server field passes through
// most proxies unchanged, so those that put theirs in its place show nothing by it.
// Pages are left out: whoever writes one may quote another.
var (
	proxySigns = marksOf(func(p *Product, s *Sign) bool {
		return s.Own && (p == nil || !p.Serves) && s.In != InPage
	})
	serverSigns = marksOf(func(p *Product, s *Sign) bool { return s.Own && p != nil && p.Serves })
	httpsysSign = marksOf(func(p *Product, s *Sign) bool { return p == IIS && s.Has == "^Microsoft-HTTPAPI" })
)

// speaker is who made the answer in o, as far as the answer itself tells.
func speaker(o *Observation) Owner {
	answer, _ := o.reply()
	switch {
	case signed(answer, proxySigns):
		return Proxy
	case signed(answer, serverSigns) && answer.Status() >= 400: // of a good answer, somebody may have changed the rest
		return Server
	}
	return Unknown
}

// signed tells whether h bears one of signs.
func signed(h wire.Head, signs marks) bool {
	for _, f := range h.Fields {
		if wanted := signs[strings.ToLower(f.Name)]; wanted != nil {
			value := strings.ToLower(f.Value)
			if slices.ContainsFunc(wanted, func(m mark) bool { return m.in(value) }) {
				return true
			}
		}
	}
	wanted, line := signs[InReason], reasonOf(h)
	return line != "" && slices.ContainsFunc(wanted, func(m mark) bool { return m.in(line) })
}

// reasonOf is what stands behind the number in a status line, in lower case.
func reasonOf(h wire.Head) string {
	_, rest, _ := strings.Cut(h.Start, " ")
	_, reason, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	return strings.ToLower(strings.TrimSpace(reason))
}

// quoted is text from the network, short and without control characters.
func quoted(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "?"))
}
