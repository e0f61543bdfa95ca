package probe

import "proxycheck/probe/wuerr"

// rfc1035 and others are the sources of several rows below.
const (
	rfc1035   = "RFC 1035, 4.1.1"
	rfc6890   = "RFC 6890, 2.2"
	rfc8305   = "RFC 8305, 1"
	autoproxy = "Microsoft: autoproxy issues in WinHTTP"
)

// Codes of trouble that an agent meets at one address of a name and not at another,
// and of a proxy that is not found.
var (
	codesOneAddress = []Coded{
		{WUA, "", "", "", wuerr.TimedOut, inferred, Unsure},
		{WUA, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		{BITS, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		{DO, "", "", "", wuerr.CannotConnect, inferred, Unsure},
	}
	codesNotDetected = []Coded{
		{WUA, "", "", "", wuerr.AutodetectionFailed, winhttp, Documented},
		{WUA, "", "", "", wuerr.ScriptNotLoaded, winhttp, Unsure},
		{BITS, "", "", "", wuerr.AutodetectionFailed, inferred, Unsure},
		{DO, "", "", "", wuerr.AutodetectionFailed, inferred, Unsure},
	}
)

// The findings of the name service, and of what is found by it.
var (
	NameAnswerForeign = &Finding{
		Name: "name-answer-foreign", Title: "the name server answers for a name that was not asked for",
		OnHop: true, Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesNoName, Source: "RFC 5452, 9.1",
		Fix: "Look for what answers in the place of the name server: a firewall or a filter that rewrites DNS. Clients drop " +
			"an answer whose question is not theirs, so for them the name does not exist.",
	}
	NameServerFails = &Finding{
		Name: "name-server-fails", Title: "the name server says that it cannot tell",
		OnHop: true, Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesNoName, Source: rfc1035,
		Fix: "Look in the log of the name server: SERVFAIL is a zone that did not load, a forwarder that does not answer or " +
			"DNSSEC that does not hold; REFUSED is a server that does not serve this client. Or give the clients another one.",
	}
	NameSinkholed = &Finding{
		Name: "name-sinkholed", Title: "the name resolves to an address that leads nowhere",
		OnHop: true, Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesRefused, Source: rfc6890,
		Fix: "Take the name off the block list of the DNS filter, or publish it in the name service that the clients use: " +
			"what answers now has an address for names that it does not know or does not like.",
	}
	NameBySuffix = &Finding{
		Name: "name-by-suffix", Title: "the name resolves only with a search suffix behind it",
		OnHop: true, Owner: Machine, Grade: Warn, Effect: Intermittent, Codes: codesNoName, Source: "RFC 1535, 2",
		Condition: "It is harmless where every client has the same suffix, at all times and in all places.",
		Fix: "Set the proxy by its full name on the clients: one that is elsewhere, or that has another suffix, does not " +
			"find it by the short one.",
	}
	IPv6BlackHole = &Finding{
		Name: "ipv6-black-hole", Title: "the name has an address of IPv6 that does not answer",
		OnHop: true, Owner: Network, Grade: Warn, Effect: Degrades, Codes: codesOneAddress, Source: rfc8305,
		Condition: "It is harmless where the clients have no way to any address of IPv6.",
		Fix: "Let TCP through to the IPv6 address too, or take its AAAA record out of the name service: a client that tries " +
			"it first waits for up to 21 s on each connection, and some give up.",
	}
	AddressDead = &Finding{
		Name: "address-dead", Title: "one of several addresses of the name does not answer",
		OnHop: true, Owner: Network, Grade: Warn, Effect: Intermittent, Codes: codesOneAddress, Source: "RFC 1794",
		Fix: "Start the proxy at that address, let packets through to it, or take the address out of the name service: " +
			"every client that is given it first waits, and some fail.",
	}
	WPADAbsent = &Finding{
		Name: "wpad-absent", Title: "a client that looks for its proxy by the name WPAD finds none",
		OnHop: true, Owner: Network, Grade: Note, Effect: Degrades, Codes: codesNotDetected, Source: autoproxy,
		Condition: "It is harmless where the clients have their proxy by policy, or by DHCP option 252, which is not asked here.",
		Fix: "Publish the name wpad in the domain of the clients and serve wpad.dat at it, or turn automatic detection off: " +
			"it costs each client time.",
	}
	PACUnusable = &Finding{
		Name: "pac-unusable", Title: "the file by which clients find their proxy cannot be fetched or used",
		OnHop: true, Owner: Network, Grade: Warn, Effect: Blocks, Codes: codesNotDetected, Source: autoproxy,
		Condition: "It is harmless where the clients have their proxy by policy and do not detect it.",
		Fix: "Serve the script as http://wpad.<domain>/wpad.dat on port 80, without a login and without a redirect, with the " +
			"type application/x-ns-proxy-autoconfig. If there is to be none, take the name wpad out of the name service.",
	}
	PACTooLong = &Finding{
		Name: "pac-too-long", Title: "the file by which clients find their proxy is longer than 1 MB",
		OnHop: true, Owner: Network, Grade: Warn, Effect: Blocks, Codes: codesNotDetected, Source: autoproxy,
		Condition: "It is harmless where the clients have their proxy by policy and do not detect it.",
		Fix:       "Shorten the script: WinHTTP takes 1 MB, and runs it for 60 s at most. Match domains and not single hosts.",
	}
	PACMistyped = &Finding{
		Name: "pac-mistyped", Title: "the file by which clients find their proxy comes as another type",
		OnHop: true, Owner: Network, Grade: Note, Effect: Degrades, NoCode: true, Source: autoproxy,
		Condition: "It is harmless to the clients that do not look at the type.",
		Fix:       "Give .dat the type application/x-ns-proxy-autoconfig on the server of the file.",
	}
)

// nameFindings are the findings of the name service.
var nameFindings = []*Finding{
	NameAnswerForeign, NameServerFails, NameSinkholed, NameBySuffix, IPv6BlackHole, AddressDead,
	WPADAbsent, PACUnusable, PACTooLong, PACMistyped,
}

// OfNames tells whether a finding, by its name, is of the name service.
func OfNames(finding string) bool {
	for _, f := range nameFindings {
		if f.Name == finding {
			return true
		}
	}
	return finding == ProxyNameUnknown.Name || finding == ServerNameUnknown.Name || finding == NameServerSilent.Name
}
