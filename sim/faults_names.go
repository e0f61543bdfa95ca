package sim

import "proxycheck/probe"

// nameFaults are the faults of the name service.
var nameFaults = []*Fault{
	{
		Name: "proxy-name-servfail", Title: "the name server fails at the proxy's name", Source: "RFC 1035, 4.1.1",
		Break: names(only(proxyName, servfail, loopback)), Shows: shows(probe.NameServerFails),
	},
	{
		Name: "proxy-name-sinkholed", Title: "a DNS filter answers for the proxy's name with an address that is none",
		Source: "RFC 6890, 2.2",
		Break:  names(only(proxyName, at("0.0.0.0", "::"), loopback)), Shows: shows(probe.NameSinkholed),
	},
	{
		Name: "proxy-name-any", Title: "the name server has one address for every name, where no proxy is",
		Source: "RFC 6761, 6.4",
		Break:  chain(needs("127.0.0.9"), names(at("127.0.0.9"))), Shows: shows(probe.NameSinkholed),
	},
	{
		Name: "proxy-name-suffixed", Title: "the proxy's name exists only with the client's search suffix",
		Source: "RFC 1535, 2",
		Break:  searching(clientsDomain), Shows: shows(probe.NameBySuffix),
	},
	{
		Name: "proxy-name-answered-for-other", Title: "the name server answers for another name than the proxy's",
		Source: "RFC 5452, 9.1",
		Break:  names(forOther(loopback)), Shows: shows(probe.NameAnswerForeign),
	},
	{
		Name: "proxy-ipv6-dropped", Title: "the proxy's name has an IPv6 address, to which packets are dropped",
		Source: "RFC 8305, 1",
		Break:  chain(needs("::1"), names(only(proxyName, at("::1", "127.0.0.1"), loopback)), listen(besideDeaf("::1"))),
		Shows:  shows(probe.IPv6BlackHole),
	},
	{
		Name: "proxy-address-dead", Title: "of two addresses of the proxy's name, one has no proxy",
		Source: "RFC 1794",
		Break:  chain(needs("127.0.0.2"), names(only(proxyName, at("127.0.0.2", "127.0.0.1"), loopback))), Shows: shows(probe.AddressDead),
	},
	{
		Name: "wpad-missing", Title: "the client looks for its proxy by the name WPAD, which does not exist",
		Source: "Microsoft: autoproxy issues in WinHTTP",
		Break:  withoutWPAD, Shows: shows(probe.WPADAbsent),
	},
	{
		Name: "wpad-page", Title: "a page comes in the place of the file that names the proxy",
		Source: "Microsoft: autoproxy issues in WinHTTP",
		Break:  wpad(anyPage), Shows: shows(probe.PACUnusable),
	},
	{
		Name: "pac-endless", Title: "the file that names the proxy has 5 MB", Source: "Microsoft: autoproxy issues in WinHTTP",
		Break: wpad(script(pacType, 5<<20)), Shows: shows(probe.PACTooLong),
	},
	{
		Name: "pac-mistyped", Title: "the file that names the proxy comes as text", Source: "Microsoft: autoproxy issues in WinHTTP",
		Break: wpad(script("text/plain", 0)), Shows: shows(probe.PACMistyped),
	},
}
