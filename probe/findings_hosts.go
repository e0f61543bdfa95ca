package probe

// codesHost are the codes of a host that is not reached: of a tunnel, and by the status
// of an answer in clear.
var codesHost = append(codesTunnel[:len(codesTunnel):len(codesTunnel)],
	Coded{WUA, Fetch, "", "", ofStatus, wuaCodes, Documented},
	Coded{BITS, "", "", "", ofStatus, bitsCodes, Documented},
	Coded{DO, "", "", "", ofStatus, bitsCodes, Documented},
)

// The findings of the hosts of the URL lists.
var (
	HostBlocked = &Finding{
		Name: "host-blocked", Title: "a host that Windows Update needs is not let through",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesHost, Source: "Microsoft: Windows Update connection endpoints",
		Statuses: []int{302, 403, 451, 511}, Sole: madeOnTheWay,
		Asked:    []string{partTarget, "host", "user-agent", "authorization"},
		Explains: []*Finding{RequestDenied, TunnelDenied, PageInstead, RedirectUnusable, ConnectivityAltered, RevocationBlocked, WildcardNarrow, HostUnclear},
		Fix: "Allow the hosts below by the patterns of their lists, without a login and whatever the User-Agent is. " +
			"proxycheck allowlist writes the rule.",
	}
	HostUnreached = &Finding{
		Name: "host-unreached", Title: "a gateway says that it cannot reach a host of the lists",
		Grade: Fail, Effect: Blocks, Codes: codesHost, Source: "Microsoft: Windows Update connection endpoints",
		Statuses: []int{502, 503, 504}, Explains: []*Finding{ServerBehindProxyDown, TunnelServerDown},
		Fix: "From the proxy's own machine, resolve the name and connect to it. If that fails, mend the name service or the " +
			"way from there to the Internet; if not, a policy of the proxy answers in the words of an error: allow the host.",
	}
	HostUnclear = &Finding{
		Name: "host-unclear", Title: "it cannot be told whether a host itself has answered",
		Owner: Unknown, Grade: Warn, Effect: Blocks, NoCode: true, Source: inferred,
		Fix: "Look for the request in the proxy's own log: if the proxy has answered it, allow the host; if the answer is " +
			"that of the host, all is well.",
	}
	WildcardNarrow = &Finding{
		Name: "wildcard-narrow", Title: "some names under a wildcard are let through, and others are not",
		Owner: Proxy, Grade: Warn, Effect: Intermittent, NoCode: true, Source: "Microsoft: Windows Update connection endpoints",
		Fix: "Allow the whole domain, as the lists have it: Windows is sent to names under it that nobody lists, and to " +
			"other ones the next month. proxycheck allowlist writes the rule.",
	}
)

// hostFindings are the findings of the hosts of the URL lists.
var hostFindings = []*Finding{HostBlocked, HostUnreached, HostUnclear, WildcardNarrow}
