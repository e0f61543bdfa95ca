package probe

import (
	"slices"

	"proxycheck/probe/wuerr"
)

// Sources that several rows name.
const (
	bitsHTTP   = "Microsoft: HTTP requirements for BITS downloads"
	bitsCodes  = "Microsoft: BITS return values"
	doCodes    = "Microsoft: Delivery Optimization return values"
	wuaCodes   = "Microsoft: WUA networking error codes"
	winhttp    = "Microsoft: WinHTTP error messages"
	doRanges   = "KB3175743"
	kb10132    = "KB10132"
	fieldLogs  = "WindowsUpdate.log of Windows 10 and 11 machines"
	squidWiki  = "Squid wiki: Windows Update"
	inferred   = "inferred from the code's meaning"
	ownTrial   = "tried on the product in its Debian 12 version"
	wuSecurity = "Microsoft: Windows Update security"
)

// ofStatus stands for the code of the answer's status.
const ofStatus wuerr.Code = 0

// Codes of trouble that each agent meets below HTTP, by layer and version.
var (
	codesNoName = []Coded{
		{WUA, "", "", "", wuerr.PTNameUnresolved, wuaCodes, Documented},
		{WUA, Fetch, "", "", wuerr.NameNotResolved, fieldLogs, Seen}, // the line; the result is the other
		{BITS, "", "", "", wuerr.NameNotResolved, winhttp, Documented},
		{DO, "", "", "", wuerr.NameNotResolved, winhttp, Documented},
	}
	codesRefused = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTUnreachable, fieldLogs, Seen},
		{WUA, SOAP, "", Win7, wuerr.CannotConnect, "KB2894304", Documented},
		{WUA, Fetch, "", "", wuerr.CannotConnect, "KB2894304", Documented},
		{BITS, "", "", "", wuerr.CannotConnect, winhttp, Documented},
		{DO, "", "", "", wuerr.CannotConnect, winhttp, Documented},
	}
	codesDropped = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTUnreachable, fieldLogs, Seen},
		{WUA, SOAP, Vista, Win7, wuerr.CannotConnect, "WindowsUpdate.log of a Windows 7 machine", Seen},
		{WUA, SOAP, "", XP, wuerr.TimedOut, "a capture of Windows XP, 2004", Seen},
		{WUA, Fetch, "", "", wuerr.CannotConnect, inferred, Unsure},
		{WUA, Fetch, "", "", wuerr.TimedOut, inferred, Unsure},
		{BITS, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		{BITS, "", "", "", wuerr.TimedOut, inferred, Unsure},
		{DO, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		{DO, "", "", "", wuerr.DONoProgress, doCodes, Documented},
	}
	codesSilent = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTRequestTimeout, fieldLogs, Seen},
		{WUA, SOAP, "", Win7, wuerr.TimedOut, "KB2894304", Documented},
		{WUA, Fetch, "", "", wuerr.TimedOut, "KB2894304", Documented},
		{BITS, "", "", "", wuerr.TimedOut, winhttp, Documented},
		{DO, "", "", "", wuerr.TimedOut, winhttp, Documented},
		{DO, "", "", "", wuerr.DONoProgress, doCodes, Documented},
	}
	codesReset = []Coded{
		{WUA, SOAP, Win81, "", wuerr.ConnectionError, "KB2894304", Documented},
		{WUA, SOAP, Win81, "", wuerr.PTDisconnected, inferred, Unsure},
		{WUA, "", "", "", wuerr.ConnectionError, "KB2894304", Documented},
		{BITS, "", "", "", wuerr.ConnectionError, winhttp, Documented},
		{DO, "", "", "", wuerr.ConnectionError, winhttp, Documented},
	}
	codesGarbled = []Coded{
		{WUA, "", "", "", wuerr.InvalidResponse, inferred, Unsure},
		{BITS, "", "", "", wuerr.InvalidResponse, kb10132, Documented},
		{DO, "", "", "", wuerr.InvalidResponse, inferred, Unsure},
	}
	codesPage = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTInvalidFormat, inferred, Unsure},
		{WUA, SOAP, "", Win7, wuerr.PTParse, wuaCodes, Documented},
		{WUA, Fetch, "", "", wuerr.InvalidFile, wuaCodes, Unsure},
		{WUA, Fetch, "", "", wuerr.RedirectorContent, wuaCodes, Unsure},
		{BITS, "", "", "", wuerr.BITSNoRange, inferred, Unsure},
		{BITS, "", "", "", wuerr.BITSValidation, bitsCodes, Unsure},
		{DO, "", Win11, "", wuerr.DONoRange, inferred, Unsure},
		{DO, "", "", "", wuerr.DOBlockSize, inferred, Unsure},
		{WUA, Job, "", "", wuerr.IncorrectHash, inferred, Unsure},
	}
	codesRange = []Coded{
		{BITS, "", "", "", wuerr.BITSNoRange, bitsCodes, Documented},
		{DO, "", "", "", wuerr.DONoRange, "field reports on Windows 10 2004 and later; documents of 2019 and later say that it takes the whole file, which costs no more than traffic", Unsure},
		{DO, "", "", Win10, wuerr.DOBlockSize, doRanges, Documented},
	}
	codesWrongRange = []Coded{
		{BITS, "", "", "", wuerr.BITSNoRange, bitsCodes, Unsure},
		{BITS, "", "", "", wuerr.BITSInvalidRange, bitsCodes, Unsure},
		{DO, "", "", "", wuerr.DOBlockSize, doCodes, Unsure},
		{DO, "", "", "", wuerr.DOInvalidRange, doCodes, Unsure},
	}
	codesMulti = []Coded{
		{BITS, "", "", "", wuerr.BITSNoRange, bitsCodes, Documented},
		{BITS, "", "", "", wuerr.BITSInvalidRange, bitsCodes, Unsure},
	}
	codesCache = append(codesRange[:len(codesRange):len(codesRange)], Coded{WUA, Job, "", "", wuerr.IncorrectHash, inferred, Unsure})
	codesSize  = []Coded{
		{BITS, "", "", "", wuerr.BITSNoSize, bitsCodes, Documented},
		{WUA, Fetch, "", "", wuerr.InvalidFile, inferred, Unsure},
	}
	codesTLS = []Coded{
		{WUA, "", "", "", wuerr.SecureFailure, wuSecurity, Documented},
		{WUA, SOAP, Win81, "", wuerr.PTVerification, inferred, Unsure},
		{DO, "", "", "", wuerr.SecureFailure, inferred, Unsure},
	}
	codesTunnel = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTUnreachable, inferred, Unsure},
		{WUA, SOAP, Win81, "", wuerr.HandleState, "a field note on Windows 10", Unsure},
		{WUA, SOAP, "", Win7, ofStatus, "KB885819", Unsure},
		{WUA, SOAP, "", Win7, wuerr.CannotConnect, inferred, Unsure},
	}
	codesHash = []Coded{
		{WUA, SOAP, Win81, "", wuerr.PTInvalidFormat, inferred, Unsure},
		{WUA, SOAP, "", Win7, wuerr.PTParse, inferred, Unsure},
		{WUA, Fetch, "", "", wuerr.InvalidFile, inferred, Unsure},
		{WUA, Job, "", "", wuerr.IncorrectHash, wuaCodes, Documented},
		{WUA, Job, "", "", wuerr.PTExternalCabs, "Microsoft: Windows Update troubleshooting", Unsure},
	}
)

// The findings, from the client outwards. What a title or a mend says of
// another program is in its own words for the setting.
var (
	ProxyNameUnknown = &Finding{
		Name: "proxy-name-unknown", Title: "the proxy's name does not resolve",
		Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesNoName, Source: wuaCodes,
		Fix: "Publish the proxy's name in the name service that the clients use, or correct the name in their " +
			"proxy setting.",
	}
	ServerNameUnknown = &Finding{
		Name: "server-name-unknown", Title: "the update server's name does not resolve on the client",
		Owner: Machine, Grade: Fail, Effect: Blocks, Codes: codesNoName, Source: wuaCodes,
		Fix: "No proxy is used here, so the client must resolve the name itself. Correct the server's name in " +
			"the policy \"Specify intranet Microsoft update service location\", set that policy to not " +
			"configured if the server is gone, or configure the proxy that should be used.",
	}
	NameServerSilent = &Finding{
		Name: "name-server-silent", Title: "the name server gives no answer",
		Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesNoName, Source: wuaCodes,
		Fix: "Let the client reach its name servers on UDP and TCP port 53, or give it others.",
	}
	ProxyRefuses = &Finding{
		Name: "proxy-refuses", Title: "nothing listens at the proxy's address",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesRefused, Source: winhttp,
		Fix: "Check that the proxy runs and that the port in the clients' setting is the one on which it listens.",
	}
	ProxyUnreachable = &Finding{
		Name: "proxy-unreachable", Title: "packets to the proxy are dropped",
		Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesDropped, Source: winhttp,
		Fix: "Open the path from the client to the proxy's port: a firewall or a route drops the packets " +
			"without a word.",
	}
	ServerRefuses = &Finding{
		Name: "server-refuses", Title: "nothing listens at the update server's address",
		Owner: Server, Grade: Fail, Effect: Blocks, Codes: codesRefused, Source: winhttp,
		Fix: "Check that the update server runs and that the port in the clients' policy is the one on which " +
			"it listens: 8530 for WSUS since 2012, 80 before. If that server is gone, set the policy " +
			"\"Specify intranet Microsoft update service location\" to not configured.",
	}
	ServerUnreachable = &Finding{
		Name: "server-unreachable", Title: "packets to the update server are dropped",
		Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesDropped, Source: winhttp,
		Fix: "No proxy is used here. Open the path from the client to the update server, or configure the " +
			"proxy that should be used: netsh winhttp set proxy on the client, then restart the service " +
			"wuauserv.",
	}
	ProxyNotHTTP = &Finding{
		Name: "proxy-not-http", Title: "what listens at the proxy's address does not speak HTTP",
		Owner: Machine, Grade: Fail, Effect: Blocks, Codes: codesGarbled, Source: kb10132,
		Explains: []*Finding{ConnectionClosed, ConnectionReset, RequestRefused, TunnelDenied, TLSBroken, AnswerMalformed},
		Fix: "Correct the port in the clients' proxy setting: the one at hand belongs to another service, or " +
			"to a proxy that wants TLS, which these components do not use.",
	}
	LoginUnusable = &Finding{
		Name: "login-unusable", Title: "the proxy asks for a login that no service of Windows can give",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: kb10132,
		Codes: []Coded{
			{WUA, SOAP, Win81, "", wuerr.PTAuthScheme, wuaCodes, Documented},
			{WUA, "", "", "", wuerr.AgentStatus(407), wuaCodes, Documented},
			{BITS, "", "", "", wuerr.DownloadStatus(407), bitsCodes, Documented},
			{DO, "", "", "", wuerr.DownloadStatus(407), doCodes, Documented},
		},
		Fix: "Let requests to the update servers through without a login, in a rule before the one that asks " +
			"for it: updates run as services, and none of them answers Basic or Digest.",
	}
	LoginWanted = &Finding{
		Name: "login-wanted", Title: "requests are refused without credentials",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "KB885819",
		Statuses: []int{407},
		Condition: "It is no failure where the proxy accepts the computer account (wua, bits) or the signed-in user (do), by NTLM " +
			"or Negotiate. Only a run with such credentials settles it: --proxy-user.",
		Fix: "Let requests to the update servers through without a login, in a rule before the one that asks " +
			"for it: updates run as services, before and without any user.",
	}
	TunnelOnly443 = &Finding{
		Name: "tunnel-only-443", Title: "the proxy opens tunnels to port 443 alone",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesTunnel, Source: ownTrial,
		Statuses: []int{403},
		Fix:      "Allow CONNECT to the TLS port of the update server as well; a WSUS has it on 8531.",
	}
	TunnelDenied = &Finding{
		Name: "tunnel-denied", Title: "the proxy does not open a tunnel to the update server",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesTunnel, Source: squidWiki,
		Statuses: []int{403},
		Fix: "Allow CONNECT to the update servers, for requests without a User-Agent too: these components " +
			"send none with CONNECT.",
	}
	TLSBroken = &Finding{
		Name: "tls-broken", Title: "the TLS handshake with the server fails",
		Grade: Fail, Effect: Blocks, Owner: Unknown, Source: winhttp,
		OfTLS: true,
		Codes: []Coded{
			{WUA, "", "", "", wuerr.SecureChannel, winhttp, Unsure},
			{WUA, "", "", "", wuerr.ConnectionError, "seen on Windows Vista", Unsure},
		},
		Fix: "Make the handshake from the proxy's own machine: if it works there, a box that inspects TLS " +
			"stands between; if not, the server offers no protocol version that this Windows knows, or its " +
			"certificate is not bound to the port.",
	}
	CertificateWanted = &Finding{
		Name: "certificate-wanted", Title: "the server lets in nobody without a certificate of its own",
		Owner: Server, Grade: Fail, Effect: Blocks, Source: "KB3090184",
		OfTLS: true,
		Codes: []Coded{{WUA, "", "", "", wuerr.ClientCertNeeded, "KB3090184", Documented}},
		Fix: "Set the SSL settings of the WSUS site in IIS, and of the virtual directories below it, to ignore client " +
			"certificates.",
	}
	TLSInspected = &Finding{
		Name: "tls-inspected", Title: "somebody signs TLS in the server's place",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesTLS, Source: wuSecurity, Explains: []*Finding{IssuerUnknown},
		Fix: "Exempt the update servers from TLS inspection. Microsoft's hosts are pinned, and a root that the " +
			"clients trust is not enough for them.",
	}
	CertificateInvalid = &Finding{
		Name: "certificate-invalid", Title: "the certificate is expired or for another name",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Codes: codesTLS, Source: wuSecurity,
		OfTLS: true,
		Fix: "Look at the clock of the client first. Then give the server a certificate for the very name that " +
			"stands in the clients' policy.",
	}
	IssuerUnknown = &Finding{
		Name: "issuer-unknown", Title: "the certificate's issuer is not known on this machine",
		Owner: Unknown, Grade: Warn, Effect: Blocks, Codes: codesTLS, Source: wuSecurity,
		OfTLS:     true,
		Condition: "It is harmless when the clients have that issuer in their machine store.",
		Fix: "Give the root of the update server's certificate with --ca, so that its own certificate can be " +
			"told from one that an inspecting proxy made. If it is the proxy's, exempt the update server from " +
			"inspection.",
	}
	ConnectionReset = &Finding{
		Name: "connection-reset", Title: "the connection is reset in the middle of an exchange",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesReset, Source: "KB2894304",
		Fix: "Look in the log of the proxy, and of any scanner before it, at the time of the run: a size " +
			"limit, a scanner or an intrusion prevention that resets downloads. Exempt the update servers " +
			"from it.",
	}
	ConnectionClosed = &Finding{
		Name: "connection-closed", Title: "the connection is closed without an answer",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesReset, Source: kb10132,
		Fix: "Look in the log of the proxy at the time of the run: a process that dies, or a rule that drops " +
			"requests without an answer.",
	}
	BodyCut = &Finding{
		Name: "body-cut", Title: "a file ends before its stated length",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesReset, Source: doRanges,
		Fix: "Look for a scanner that gives up on large files, a size limit, or a cache that keeps incomplete " +
			"ones; exempt the update servers from scanning.",
	}
	BigPacketsLost = &Finding{
		Name: "big-packets-lost", Title: "short messages pass and longer ones are lost",
		Owner: Network, Grade: Fail, Effect: Blocks, Codes: codesSilent, Source: "RFC 2923, 2.1",
		Fix: "Let ICMP \"fragmentation needed\" (for IPv6 \"packet too big\") through on the way between the client and the proxy, or " +
			"lower the MTU or the MSS there: a tunnel on the way takes no packets of full size.",
	}
	ProxySilent = &Finding{
		Name: "proxy-silent", Title: "a request is taken and its answer does not come",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesSilent, Source: "KB2894304",
		Condition: "It may be harmless where the answer comes later, within the client's own time, which is not " +
			"documented for each agent; --timeout waits longer.",
		Fix: "Look for a scanner that holds the answer until it has the whole file, or a proxy that waits for " +
			"a server it cannot reach. Exempt the update servers from scanning.",
	}
	SlowStart = &Finding{
		Name: "slow-start", Title: "the first call is not answered in time, and later ones are",
		Owner: Unknown, Grade: Fail, Effect: Intermittent, Source: "Optimize-WsusServer",
		Codes: []Coded{
			{WUA, SOAP, Win81, "", wuerr.PTRequestTimeout, fieldLogs, Seen},
			{WUA, SOAP, "", Win7, wuerr.TimedOut, "KB2894304", Documented},
		},
		Fix: "Keep the application pool WsusPool running: set its idle time-out and its periodic restart to 0, and its " +
			"private memory limit to 4 GB or 0 for none. If it did not start at the time of the run, look for what the " +
			"proxy does first for a server that it does not know.",
	}
	BodyTrickles = &Finding{
		Name: "body-trickles", Title: "a file comes a few bytes at a time",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesSilent, Source: "Skyhigh: data trickling",
		Fix: "Exempt the update servers from scanning: a scanner lets a few bytes through to keep the client " +
			"waiting, and Delivery Optimization gives up on such a rate. If there is none, look for a limit on bandwidth.",
	}
	HeadTooLarge = &Finding{
		Name: "head-too-large", Title: "the head of an answer is longer than Windows takes",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: winhttp,
		Answered: []string{partStatus, partHead},
		Codes: []Coded{
			{WUA, "", "", "", wuerr.HeaderOverflow, winhttp, Unsure},
			{BITS, "", "", "", wuerr.HeaderOverflow, winhttp, Unsure},
			{DO, "", "", "", wuerr.HeaderOverflow, winhttp, Unsure},
			{WUA, "", "", "", wuerr.HeaderCount, winhttp, Unsure},
			{BITS, "", "", "", wuerr.HeaderCount, winhttp, Unsure},
			{DO, "", "", "", wuerr.HeaderCount, winhttp, Unsure},
		},
		Fix: "Look for what adds fields or interim answers to each answer: cookies, tracing, a loop of proxies.",
	}
	AnswerMalformed = &Finding{
		Name: "answer-malformed", Title: "an answer is not well-formed HTTP",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesGarbled, Source: kb10132,
		Fix: "Look for a filter that rewrites answers, and keep connections open between the requests; then " +
			"ask the maker of the proxy.",
	}
	HeadRefused = &Finding{
		Name: "head-refused", Title: "HEAD is refused",
		Grade: Fail, Effect: Blocks, Source: bitsHTTP,
		Statuses: []int{405, 501},
		Asked:    []string{partMethod},
		Fix:      "Allow the method HEAD to the update servers: BITS learns the size of each file from it.",
	}
	HeadHasBody = &Finding{
		Name: "head-has-body", Title: "the answer to HEAD is followed by a body",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesGarbled, Source: "RFC 9110, 9.3.2",
		Asked: []string{partMethod}, Answered: []string{partBody},
		Fix: "Look for a filter that turns HEAD into GET: the client takes the body for its next answer.",
	}
	ErrorKept = &Finding{
		Name: "error-kept", Title: "a cache gives again an error that the server gave once",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: fieldLogs,
		Statuses: []int{403, 404},
		Fix: "Let the cache keep no errors: a signed URL that has expired is refused once, and the client gets a new one " +
			"for the same file, which the same refusal must not meet. Until then, empty the cache.",
	}
	FileMissing = &Finding{
		Name: "file-missing", Title: "the file is not found on the server",
		Grade: Fail, Effect: Blocks, Source: "KB3090184",
		Statuses: []int{404, 410},
		Asked:    []string{partTarget, "host"},
		Fix: "Ask for the same URL in a browser on the server itself. If it is there, the proxy changes the " +
			"URL or the field Host; if not, reset the content of the WSUS: wsusutil reset.",
	}
	FileTypeMissing = &Finding{
		Name: "file-type-missing", Title: "files of some type are not found, and the rest is",
		Grade: Fail, Effect: Blocks, Source: "IIS status 404.3",
		Statuses: []int{404},
		Asked:    []string{partTarget},
		Fix: "Give the type to the static content of IIS, as application/octet-stream: it does not serve a file whose " +
			"extension has no MIME type.",
	}
	RequestFiltered = &Finding{
		Name: "request-filtered", Title: "the server does not find URLs of a form that it refuses",
		Owner: Server, Grade: Fail, Effect: Blocks, Source: "IIS status 404.11 and 404.15",
		Statuses: []int{404},
		Asked:    []string{partTarget},
		Fix: "Look at the substatus in the log of IIS, and loosen its request filtering: allow longer queries and URLs, " +
			"and double escaping.",
	}
	ServerUnavailable = &Finding{
		Name: "server-unavailable", Title: "the update service on the server is stopped",
		Owner: Server, Grade: Fail, Effect: Blocks, Source: "KB3090184",
		Statuses: []int{503},
		Fix: "Start the application pool WsusPool in IIS, raise its private memory limit to 4 GB or 0 for " +
			"none, and its queue length to 2000.",
	}
	ServerNotWSUS = &Finding{
		Name: "server-not-wsus", Title: "what answers at the server's address is no update service",
		Owner: Machine, Grade: Fail, Effect: Blocks, Source: "MS-WUSP 2.1", Explains: []*Finding{FileMissing, FileRetired},
		Statuses: []int{404, 405, 410, 501},
		Fix: "Correct name and port of the server in the policy \"Specify intranet Microsoft update service " +
			"location\": WSUS listens on 8530 since 2012, on 80 before.",
	}
	ServerBehindProxyDown = &Finding{
		Name: "server-behind-proxy-down", Title: "a gateway says that it cannot reach the update server",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Source: wuaCodes, Explains: []*Finding{TunnelServerDown},
		Statuses: []int{502, 503, 504},
		Fix: "From the proxy's own machine, resolve the server's name and connect to its port. If that fails, " +
			"mend the name service or the path from there, or start the server. If it works, the proxy's log " +
			"says why it gave up. A server that no longer exists is a policy left behind on the client: set " +
			"\"Specify intranet Microsoft update service location\" to not configured.",
	}
	AnswerLost = &Finding{
		Name: "answer-lost", Title: "a gateway says that it got no answer, and the server had given one",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: ownTrial,
		Statuses: []int{502, 503, 504},
		Asked:    []string{partVersion, "connection"},
		Fix: "Look in the log of the proxy for what it did not like in the answer: a head that is too long for it, a file that " +
			"does not fit its storage, several parts at once, a time-out of its own.",
	}
	RequestsLimited = &Finding{
		Name: "requests-limited", Title: "a client that asks often is turned away",
		Owner: Proxy, Grade: Fail, Effect: Intermittent, Source: "RFC 6585, 4",
		Statuses: []int{429},
		Fix: "Take the update servers out of the limit on requests, or raise it: a download makes hundreds of requests in " +
			"a minute, on seven connections and more.",
	}
	TunnelServerDown = &Finding{
		Name: "tunnel-server-down", Title: "the proxy cannot reach the update server's TLS port",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Codes: codesTunnel, Source: "RFC 9110, 9.3.6",
		Statuses: []int{502, 503, 504},
		Fix: "From the proxy's own machine, connect to the server's TLS port. If that fails, mend the path " +
			"from there, or bind a certificate to the port on the server.",
	}
	RangeRefused = &Finding{
		Name: "range-refused", Title: "a part of a file is refused",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: bitsHTTP, Explains: []*Finding{MultiRangeUnsupported},
		Statuses: []int{416},
		Asked:    []string{"range", "if-range"},
		Fix:      "Let requests with the field Range through, for .cab, .psf, .esd and .exe too.",
	}
	ConditionRefused = &Finding{
		Name: "condition-refused", Title: "a condition that holds is said not to",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: bitsHTTP,
		Statuses: []int{412},
		Asked:    []string{"if-unmodified-since"},
		Fix: "Pass If-Unmodified-Since and Last-Modified through unchanged: BITS starts the file anew each " +
			"time, which looks like a download that stays at 0 %.",
	}
	ConditionIgnored = &Finding{
		Name: "condition-ignored", Title: "a part of a file comes although it is said to have changed",
		Owner: Proxy, Grade: Warn, Effect: Intermittent, NoCode: true, Source: ownTrial,
		Asked: []string{"if-unmodified-since"},
		Fix: "Pass If-Unmodified-Since through: without it, BITS joins parts of two versions of a file that " +
			"changes while it is fetched, and the result has the wrong hash (0x80246002).",
	}
	RequestDenied = &Finding{
		Name: "request-denied", Title: "requests to the update server are denied",
		Grade: Fail, Effect: Blocks, Source: "KB885819",
		Statuses: []int{401, 403, 451, 502, 511},
		Asked:    []string{partTarget, "host", "user-agent", "authorization"},
		Fix: "Allow the update servers for the address of this client, without a login and whatever the " +
			"User-Agent is.",
	}
	ServerLoginWanted = &Finding{
		Name: "server-login-wanted", Title: "a login is asked for as web servers do it",
		Grade: Fail, Effect: Blocks, Source: "Microsoft: WSUS, the IIS settings for web services",
		Statuses: []int{401},
		Asked:    []string{partTarget, "host", "user-agent"},
		Fix: "On the server, allow anonymous access to the virtual directories ClientWebService, SimpleAuthWebService, " +
			"ReportingWebService, Content and SelfUpdate. If a gateway asks in the place of the server, exempt the update " +
			"servers from its login.",
	}
	PrefixDenied = &Finding{
		Name: "prefix-denied", Title: "names with a number before them are denied, and others are not",
		Owner: Proxy, Grade: Fail, Effect: Intermittent, Source: fieldLogs, Sole: madeOnTheWay, Explains: []*Finding{WildcardNarrow},
		Statuses: []int{403},
		Asked:    []string{partTarget, "host"},
		Fix: "Allow the update servers by their domain and not by their very names: a client puts a number before " +
			"a name, as in 1.tlu.dl.delivery.mp.microsoft.com, and another one the next time.",
	}
	AddressDenied = &Finding{
		Name: "address-denied", Title: "hosts that are named by their address are denied",
		Owner: Proxy, Grade: Warn, Effect: Intermittent, Source: "a capture of Windows 10 behind the cache of a provider",
		Statuses:  []int{403},
		Asked:     []string{partTarget, "host"},
		Condition: "It is harmless where no provider's cache stands between the proxy and Microsoft: only such a one sends clients to an address.",
		Fix:       "Allow hosts that are named by their address for Delivery Optimization, at least those of the provider's caches.",
	}
	TwoBytesDenied = &Finding{
		Name: "two-bytes-denied", Title: "the two bytes that try ranges are denied, and other parts are not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "a capture of Windows 10, 2020",
		Statuses: []int{403},
		Asked:    []string{"range", "if-range"},
		Codes: []Coded{
			{DO, "", "", "", wuerr.DONoProgress, inferred, Unsure},
			{DO, "", "", "", ofStatus, bitsCodes, Documented},
		},
		Fix: "Let Range: bytes=0-1 through: Delivery Optimization asks for two bytes on each new connection, and stays at " +
			"0 % when they do not come.",
	}
	BigAnswersFail = &Finding{
		Name: "big-answers-fail", Title: "answers beyond some size fail at a gateway, and smaller ones come",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "Broadcom 165435: ICAP scanning of large files",
		Statuses: []int{500, 502, 503, 504},
		Fix: "Exempt the update servers from scanning, response.icap_service(no) in ProxySG: the scanner has no room or no time " +
			"for files of that size, above all when all clients fetch the month's updates.",
	}
	GatewayImpatient = &Finding{
		Name: "gateway-impatient", Title: "a gateway gives up on calls before the server answers them",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Statuses: []int{504},
		Fix: "Raise the time that the proxy waits for the update server to two minutes or more: a scan may keep a WSUS busy " +
			"for that long. If the server is slow for all, decline superseded updates and run its clean-up.",
	}
	CapitalsRefused = &Finding{
		Name: "capitals-refused", Title: "a gateway fails for URLs with capitals in them, and not for others",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "KB2688030",
		Statuses: []int{502},
		Asked:    []string{partTarget},
		Fix: "Compare URLs in lower case: a list, or a script such as wpad.dat, that minds capitals misses the update server, and " +
			"the request goes where the server is not known. In TMG that is ConvertUrlToLowerCase.",
	}
	FileTypeDenied = &Finding{
		Name: "file-type-denied", Title: "files of some type are denied, and the rest is not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "Microsoft: Windows Update troubleshooting",
		Statuses: []int{403},
		Asked:    []string{partTarget, "host", "user-agent"},
		Fix: "Take the update servers out of the rule that blocks files by extension or type: updates are " +
			".cab, .exe, .msu, .psf and .esd.",
	}
	SizeDenied = &Finding{
		Name: "size-denied", Title: "answers beyond some size are denied, and smaller ones are not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: ownTrial,
		Statuses: []int{403},
		Fix:      "Lift the limit on the size of answers for the update servers: feature updates have several gigabytes.",
	}
	RedirectUnusable = &Finding{
		Name: "redirect-unusable", Title: "the client is sent elsewhere and gets nowhere",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: winhttp,
		Asked: []string{partTarget, "host"}, Answered: []string{partStatus, "location"},
		Codes: []Coded{
			{WUA, "", "", "", wuerr.RedirectFailed, inferred, Unsure},
			{BITS, "", "", "", wuerr.RedirectFailed, inferred, Unsure},
			{DO, "", "", "", wuerr.RedirectFailed, inferred, Unsure},
		},
		Fix: "Take the update servers out of the login portal: a service cannot log in at a page.",
	}
	RequestRefused = &Finding{
		Name: "request-refused", Title: "a well-formed request is refused",
		Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Statuses: []int{400, 402, 405, 406, 408, 409, 411, 413, 414, 415, 417},
		Asked:    []string{partMethod, partTarget, partBody, "host", "content-type", "soapaction", "user-agent"},
		Fix: "Look in the log of the proxy at the time of the run for the rule that refused: strict checks of " +
			"fields, of their length or of the body.",
	}
	ServerError = &Finding{
		Name: "server-error", Title: "a request is answered with an error of the server",
		Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Statuses: []int{500, 501, 505},
		Asked:    []string{partMethod, partTarget, partBody, "content-type", "soapaction"},
		Fix: "Make the same request from the server itself. If it works there, something between changes the " +
			"request; if not, the server's own log says why.",
	}
	BytesBehind = &Finding{
		Name: "bytes-behind", Title: "bytes come behind the end of an answer",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Intermittent, Codes: codesGarbled, Source: "RFC 9112, 6.3",
		Fix: "Look for a filter that adds to answers without counting what it adds: the client takes the rest for its next answer.",
	}
	NotModifiedUnasked = &Finding{
		Name: "not-modified-unasked", Title: "a client that has nothing is told that nothing has changed",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "RFC 9110, 15.4.5",
		Statuses: []int{304},
		Asked:    []string{"if-none-match", "if-modified-since"},
		Fix:      "Empty the cache of the proxy, and look for one that answers with the result of its own revalidation.",
	}
	DateHidden = &Finding{
		Name: "date-hidden", Title: "the date of a file is taken out of answers",
		Owner: Proxy, Grade: Warn, Effect: Intermittent, NoCode: true, Source: bitsHTTP,
		Answered: []string{"last-modified"},
		Fix:      "Keep the field Last-Modified: BITS tells by it whether a file has changed while it is fetched.",
	}
	LengthDoubled = &Finding{
		Name: "length-doubled", Title: "an answer states two lengths",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesGarbled, Source: "RFC 9112, 6.3",
		Answered: []string{"content-length"},
		Fix:      "Look for a filter that changes bodies and adds its own Content-Length beside the server's.",
	}
	PageInstead = &Finding{
		Name: "page-instead", Title: "a web page comes in place of the answer",
		Grade: Fail, Effect: Blocks, Codes: codesPage, Source: bitsCodes,
		Asked: []string{partTarget, "host"}, Answered: []string{partStatus, partBody, "content-type"},
		Fix: "Take the update servers out of URL filtering, of login and progress pages. If nothing between " +
			"writes such a page, the server in the clients' policy is not the update server.",
	}
	HTTP10 = &Finding{
		Name: "http10", Title: "answers come as HTTP/1.0", Explains: []*Finding{ConnectionsNotKept},
		Owner: Proxy, Grade: Warn, Effect: Degrades, NoCode: true, Source: bitsHTTP,
		Asked: []string{partVersion}, Answered: []string{partVersion},
		Fix: "Let the proxy speak HTTP/1.1: with 1.0 each request costs a new connection, and NTLM cannot work.",
	}
	ProgressPage = &Finding{
		Name: "progress-page", Title: "a page that shows how a download goes comes in its place",
		Grade: Fail, Effect: Blocks, Codes: codesPage, Source: "Skyhigh: progress pages",
		Asked: []string{partTarget, "host", "user-agent"}, Answered: []string{partStatus, partBody, "content-type", "refresh"},
		Fix: "Give the update servers no progress page, and exempt them from scanning: only a browser follows such a page to " +
			"the file behind it.",
	}
	SOAPUnreadable = &Finding{
		Name: "soap-unreadable", Title: "the answer of the web service cannot be read",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesPage, Source: wuaCodes,
		Asked: []string{partTarget, partBody, "soapaction"}, Answered: []string{partBody, "content-encoding"},
		Fix: "Look for a filter that changes, recodes or cuts the answers of the web services; ask the server " +
			"directly to see what it says itself.",
	}
	ContentRecoded = &Finding{
		Name: "content-recoded", Title: "an answer comes compressed that was not to be",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: bitsHTTP,
		Asked: []string{"accept-encoding"}, Answered: []string{"content-encoding"},
		Codes: []Coded{
			{WUA, SOAP, Win81, "", wuerr.PTInvalidFormat, inferred, Unsure},
			{WUA, SOAP, "", Win7, wuerr.PTParse, inferred, Unsure},
			{WUA, Fetch, "", "", wuerr.InvalidFile, inferred, Unsure},
			{BITS, "", "", "", wuerr.BITSNoRange, bitsHTTP, Unsure},
			{WUA, Job, "", "", wuerr.IncorrectHash, wuaCodes, Unsure},
			{DO, "", "", "", wuerr.DOBlockSize, inferred, Unsure},
		},
		Explains: []*Finding{SizeHidden, SizeWrong, LengthMissing},
		Fix:      "Switch compression off for update files: their size and bytes must stay as they are.",
	}
	SizeHidden = &Finding{
		Name: "size-hidden", Title: "the answer to HEAD does not state the file's size",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesSize, Source: kb10132,
		Answered: []string{partStatus, "content-length"},
		Fix: "Keep Content-Length on the answers to HEAD: switch off filters that change bodies, and update an " +
			"Apache 2.0 that acts as the proxy.",
	}
	SizeWrong = &Finding{
		Name: "size-wrong", Title: "HEAD states another size than the file has",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: bitsHTTP,
		Asked: []string{"accept-encoding"}, Answered: []string{"content-length"},
		Codes: []Coded{
			{BITS, "", "", "", wuerr.BITSNoRange, inferred, Unsure},
			{WUA, Fetch, "", "", wuerr.InvalidFile, inferred, Unsure},
		},
		Fix: "Look for a filter or a cache that answers HEAD by itself, or that changes files and not their HEAD.",
	}
	ContentAltered = &Finding{
		Name: "content-altered", Title: "what comes is not what the server holds",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesHash, Source: wuaCodes,
		Asked: []string{partTarget, "host", "range"}, Answered: []string{partBody},
		Fix: "Look for a scanner that rewrites files, and empty the cache of the proxy: it may join parts of " +
			"several files.",
	}
	RangeIgnored = &Finding{
		Name: "range-ignored", Title: "a part of a file was asked for and the whole file came",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesRange, Source: bitsHTTP,
		Asked:    []string{"range", "if-range"},
		Explains: []*Finding{MultiRangeUnsupported, ColdFails},
		Fix: "Let the field Range through to the server, for .cab, .psf, .esd and .exe too: scanners remove it " +
			"so that they see whole files. Exempt the update servers from scanning rather than from the block " +
			"list.",
	}
	RangeUnstated = &Finding{
		Name: "range-unstated", Title: "a part of a file comes without saying which",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesRange, Source: bitsCodes,
		Asked: []string{"range"}, Answered: []string{"content-range"},
		Fix: "Keep the field Content-Range on answers with status 206.",
	}
	RangeWrong = &Finding{
		Name: "range-wrong", Title: "another part of a file comes than was asked for",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesWrongRange, Source: bitsCodes,
		Asked: []string{"range"}, Answered: []string{partStatus, partBody, "content-range", "content-length"},
		Fix: "Empty the cache of the proxy and look for one that keeps files in slices or drops the query from " +
			"their key.",
	}
	RangeReset = &Finding{
		Name: "range-reset", Title: "the connection is reset where a part of a file is asked for",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesReset, Source: "Palo Alto: block HTTP range",
		Asked: []string{"range", "if-range"}, Explains: []*Finding{MultiRangeUnsupported},
		Fix: "Let requests with the field Range through, which firewalls that scan whole files reset: PAN-OS has the " +
			"setting below Device, Setup, Content-ID. Whole files do come.",
	}
	SliceEdgeBroken = &Finding{
		Name: "slice-edge-broken", Title: "parts that cross a whole MiB come wrong or cut, and others do not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "nginx issue 1065; lancache/generic issue 12",
		Asked: []string{"range"}, Answered: []string{partStatus, partBody, "content-range", "content-length"},
		Codes: append(codesWrongRange[:len(codesWrongRange):len(codesWrongRange)],
			Coded{BITS, "", "", "", wuerr.ConnectionError, winhttp, Unsure}, Coded{DO, "", "", "", wuerr.ConnectionError, winhttp, Unsure}),
		Fix: "Look at the cache that keeps files in slices: hide ETag from it, by which the nodes of a content network differ, " +
			"update it, or let it keep whole files.",
	}
	CopyStale = &Finding{
		Name: "copy-stale", Title: "a cache gives an older copy of a file than the server has",
		Owner: Proxy, Grade: Fail, Effect: Intermittent, Source: bitsHTTP,
		Answered: []string{partBody, "last-modified", "etag"}, Sole: headStale,
		Codes: []Coded{
			{BITS, "", "", "", wuerr.BITSNoRange, inferred, Unsure},
			{WUA, Job, "", "", wuerr.IncorrectHash, inferred, Unsure},
		},
		Fix: "Empty the cache, and let it ask the server whether what it has still holds: BITS joins parts of two versions, " +
			"or begins anew each time.",
	}
	LengthMissing = &Finding{
		Name: "length-missing", Title: "a part of a file comes without its length",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesRange, Source: bitsCodes,
		Answered: []string{"content-length"},
		Fix: "Keep Content-Length on answers with status 206: switch off filters that change bodies, which " +
			"send them in chunks.",
	}
	FaultHidden = &Finding{
		Name: "fault-hidden", Title: "the server's SOAP faults do not reach the client",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "MS-WUSP 3.1.5", Explains: []*Finding{SOAPUnreadable},
		Answered: []string{partStatus, partBody, "content-type"},
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTServerError, wuaCodes, Unsure},
			{WUA, SOAP, "", "", wuerr.PTSOAPFault, wuaCodes, Unsure},
		},
		Fix: "Let answers with status 500 through as the server gives them: they say what the client must renew, " +
			"and with a page of the proxy in their place it never recovers.",
	}
	SOAPFault = &Finding{
		Name: "soap-fault", Title: "the server refuses a call with a SOAP fault",
		Grade: Fail, Effect: Blocks, Source: "MS-WUSP 2.2.2.4",
		Asked: []string{partBody, "soapaction"}, Answered: []string{partStatus, partBody},
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTSOAPFault, wuaCodes, Documented},
			{WUA, SOAP, "", "", wuerr.PTServerError, wuaCodes, Unsure},
		},
		Fix: "Look at the code of the fault. If it stays after the client renewed its cookies, look for a cache " +
			"that keeps answers to POST, or for a filter that removes the field SOAPAction; else look into the " +
			"server's own log.",
	}
	CookieRefused = &Finding{
		Name: "cookie-refused", Title: "the server does not take the cookie that it has just given",
		Grade: Fail, Effect: Blocks, Source: "MS-WUSP 3.1.5",
		Asked: []string{partBody, "soapaction"}, Answered: []string{partStatus, partBody},
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTTooManyTrips, inferred, Unsure},
			{WUA, SOAP, "", "", wuerr.PTRefreshCache, wuaCodes, Unsure},
			{WUA, SOAP, "", "", wuerr.PTSOAPFault, wuaCodes, Unsure},
		},
		Fix: "If several servers answer under one name, let them share one database, or send each client to the same one. Look at the " +
			"clock of the server too: a cookie holds for an hour.",
	}
	ConfigIncomplete = &Finding{
		Name: "config-incomplete", Title: "the server's configuration lacks what a client needs",
		Owner: Server, Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Asked: []string{partBody, "soapaction"}, Answered: []string{partBody},
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTConfigMissing, wuaCodes, Documented},
			{WUA, SOAP, "", "", wuerr.PTNoPlugIns, wuaCodes, Unsure},
		},
		Fix: "Run the tasks after the installation of WSUS again, wsusutil postinstall, and see that what answers is a WSUS " +
			"and not something that only looks like one.",
	}
	FilesByTLS = &Finding{
		Name: "files-by-tls", Title: "the server says that its files are at its TLS port",
		Owner: Server, Grade: Fail, Effect: Blocks, Source: "KB3090184",
		Asked: []string{"host"}, Answered: []string{partBody},
		Codes: []Coded{
			{BITS, "", "", "", wuerr.DownloadStatus(404), inferred, Unsure},
			{BITS, "", "", "", wuerr.ConnectionError, inferred, Unsure},
			{DO, "", "", "", wuerr.ConnectionError, inferred, Unsure},
		},
		Fix: "Let the server give its files in clear, on 8530: only the web services go through TLS, on 8531. Take the " +
			"virtual directory Content out of Require SSL.",
	}
	TooManyTrips = &Finding{
		Name: "too-many-trips", Title: "the server always has more, until the client gives up",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Asked: []string{partBody}, Answered: []string{partBody},
		Codes: []Coded{{WUA, SOAP, "", "", wuerr.PTTooManyTrips, wuaCodes, Documented}},
		Fix: "Look for a cache that keeps answers to POST. If there is none, decline superseded updates on the " +
			"server: a scan may ask 200 times.",
	}
	AnswersReplayed = &Finding{
		Name: "answers-replayed", Title: "answers to calls come from a cache",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "RFC 9110, 9.3.3", Explains: []*Finding{TooManyTrips, SOAPFault, CookieRefused},
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTTooManyTrips, inferred, Unsure},
			{WUA, SOAP, "", "", wuerr.PTSOAPFault, inferred, Unsure},
		},
		Fix: "Keep no answers to POST: a client that gets the cookie of another, or the same page of updates " +
			"again and again, never comes to an end.",
	}
	BodyRefused = &Finding{
		Name: "body-refused", Title: "long requests are refused, and short ones are not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: ownTrial,
		Asked: []string{partBody},
		Codes: []Coded{{WUA, SOAP, "", "", wuerr.PTNotMapped, inferred, Unsure}},
		Fix: "Allow request bodies of at least 1 MB to the update server: a scan for drivers sends 50 KB, and " +
			"more on a machine with much hardware.",
	}
	HeadLimited = &Finding{
		Name: "head-limited", Title: "request heads that a client sends are too long for the proxy",
		Owner: Proxy, Grade: Warn, Effect: Degrades, Source: ownTrial, NoCode: true,
		Fix: "Take request heads of at least 64 KiB: a ticket of Negotiate makes one longer than 16 KiB where " +
			"users are in many groups.",
	}
	URLLimited = &Finding{
		Name: "url-limited", Title: "the proxy refuses URLs as long as signed ones are",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: fieldLogs,
		Statuses: []int{414},
		Fix:      "Take URLs of at least 8 KiB: those of Microsoft's content servers are signed.",
	}
	IdleCut = &Finding{
		Name: "idle-cut", Title: "idle connections are closed before the client would",
		OnHop: true, Owner: Proxy, Grade: Warn, Effect: Degrades, Source: "a capture of Windows 11, 2025",
		Codes: []Coded{
			{WUA, "", "", "", wuerr.ConnectionError, inferred, Unsure},
			{DO, "", "", "", wuerr.ConnectionError, inferred, Unsure},
		},
		Fix: "Keep idle client connections for at least 30 seconds.",
	}
	HostRewritten = &Finding{
		Name: "host-rewritten", Title: "the field Host is changed on the way",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "MS-WUSP 3.1.5",
		Asked: []string{"host"}, Answered: []string{partBody},
		Codes: []Coded{
			{BITS, "", "", "", wuerr.CannotConnect, inferred, Unsure},
			{BITS, "", "", "", wuerr.DownloadStatus(404), inferred, Unsure},
			{DO, "", "", "", wuerr.CannotConnect, inferred, Unsure},
			{WUA, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		},
		Fix: "Pass Host on as the client sent it, with its port: a WSUS puts it into the URLs of all files, so that " +
			"scans work and each download goes to the wrong place.",
	}
	FilesElsewhere = &Finding{
		Name: "files-elsewhere", Title: "the server names another host for its files",
		Owner: Unknown, Grade: Fail, Effect: Blocks, Source: "MS-WUSP 3.1.5", Codes: HostRewritten.Codes,
		Asked: []string{"host"}, Answered: []string{partBody},
		Fix: "Ask the server directly: if it names the same host, correct the name under which its site is bound or what " +
			"stands before it; if not, the proxy changes the field Host, which it must pass on as the client sent it.",
	}
	CodingBroken = &Finding{
		Name: "coding-broken", Title: "answers in the coding xpress arrive broken",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesPage, Source: "MS-WUSP 2.1",
		Asked: []string{"accept-encoding"}, Answered: []string{partBody, "content-encoding"},
		Fix: "Let Accept-Encoding and Content-Encoding through as they are, and change no body whose coding is " +
			"not known.",
	}
	FileRetired = &Finding{
		Name: "file-retired", Title: "the server has no iuident.cab",
		Owner: Server, Grade: Note, Effect: Degrades, NoCode: true, Source: "Microsoft: WSUS 3 and later",
		Fix: "Nothing: only agents of Windows 2000 and early XP ask for it, and a modern WSUS does not have it.",
	}
	RedirectorStale = &Finding{
		Name: "redirector-stale", Title: "a cache gives an old redirector for a new question",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: wuaCodes,
		Codes: []Coded{{WUA, Fetch, "", Win7, wuerr.PTSameRedirector, wuaCodes, Documented}},
		Fix: "Let the cache tell URLs apart by their query, and keep no *redir.cab: the query is the time, so " +
			"that each question is new.",
	}
	ListsStale = &Finding{
		Name: "lists-stale", Title: "a cache gives an old list of trusted roots for a new question",
		OnHop: true, Owner: Proxy, Grade: Warn, Effect: Intermittent, Source: "lancache: 22_wsus_cabs.conf",
		Codes: []Coded{
			{CryptoAPI, "", "", "", wuerr.UntrustedRoot, inferred, Unsure},
			{WUA, "", "", "", wuerr.SecureFailure, inferred, Unsure},
		},
		Fix: "Keep authrootstl.cab, disallowedcertstl.cab and pinrulesstl.cab in no cache, or tell URLs apart by their query: " +
			"with an old list, certificates of newer roots are not trusted.",
	}
	MultiRangeUnsupported = &Finding{
		Name: "multi-range-unsupported", Title: "several parts of a file asked for at once do not come as such",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesMulti, Source: bitsHTTP,
		Asked: []string{"range", "if-range"}, Answered: []string{partStatus, partBody, "content-type", "content-range"},
		Fix: "Let requests for several ranges through to the server, and their answers of type " +
			"multipart/byteranges back: express files are fetched that way on Windows Vista to 8.1.",
	}
	RangeFetchedWhole = &Finding{
		Name: "range-fetched-whole", Title: "the proxy fetches whole files where a part was asked for",
		Owner: Proxy, Grade: Warn, Effect: Degrades, Source: squidWiki,
		Asked: []string{"range", "if-range", "if-unmodified-since"}, Sole: fetchedWhole,
		Codes: []Coded{
			{BITS, "", "", "", wuerr.TimedOut, inferred, Unsure},
			{DO, "", "", "", wuerr.DONoProgress, doCodes, Unsure},
		},
		Fix: "Limit it to small files: of big ones each part makes the proxy fetch all that stands before it, and " +
			"clients wait until they give up.",
	}
	FarRangeBroken = &Finding{
		Name: "far-range-broken", Title: "parts from behind 4 GiB come wrong, and others do not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Codes: codesWrongRange, Source: "RFC 9110, 14.4",
		Asked: []string{"range"}, Answered: []string{partStatus, partBody, "content-range"},
		Fix: "Update the proxy, or exempt the update servers from what counts bytes in 32 bits: feature updates " +
			"are bigger than 4 GiB.",
	}
	ColdFails = &Finding{
		Name: "cold-fails", Title: "the first fetch of a file fails, and the same again does not",
		Owner: Proxy, Grade: Fail, Effect: Intermittent, Codes: codesCache, Source: doRanges,
		Asked: []string{"range", "if-range", "if-unmodified-since"}, Answered: []string{partStatus, partBody, "content-range"},
		Fix: "What fails is what is not in the cache yet, so it fails for one client at a time and seems to mend " +
			"itself. Let Range through to the server also for files that are not cached.",
	}
	WarmFails = &Finding{
		Name: "warm-fails", Title: "the first fetch of a file works, and the same again fails",
		Owner: Proxy, Grade: Fail, Effect: Intermittent, Codes: codesCache, Source: bitsHTTP,
		Asked: []string{"range", "if-range"}, Answered: []string{partStatus, partBody, "content-range"},
		Fix: "Empty the cache of the proxy, and let it keep no parts of files, or keep update files out of it.",
	}
	ClientsDiffer = &Finding{
		Name: "clients-differ", Title: "two connections are told different things of one file",
		Owner: Unknown, Grade: Fail, Effect: Intermittent, Source: bitsHTTP,
		Asked: []string{partTarget, "host"}, Answered: []string{"last-modified", "etag"},
		Codes: []Coded{
			{BITS, "", "", "", wuerr.BITSNoRange, inferred, Unsure},
			{WUA, Job, "", "", wuerr.IncorrectHash, inferred, Unsure},
		},
		Fix: "Make the nodes of the proxy or of the server agree on Last-Modified and on the bytes: BITS begins " +
			"anew whenever they differ, and may never end.",
	}
	SignedURLRefused = &Finding{
		Name: "signed-url-refused", Title: "signed URLs are refused, and others are not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: fieldLogs,
		Statuses: []int{403},
		Asked:    []string{partTarget, "host"},
		Fix: "Pass queries on as they are, with their escapes in lower case: Microsoft's content servers sign " +
			"them, and refuse each one that was changed.",
	}
	SlashesMerged = &Finding{
		Name: "slashes-merged", Title: "two slashes in a path become one",
		Owner: Proxy, Grade: Warn, Effect: Degrades, NoCode: true, Source: "a capture of Windows 10, 2020",
		Asked: []string{partTarget},
		Fix: "Pass paths on as they are: the hashes of pieces are at a URL with two slashes, and without them " +
			"Delivery Optimization cannot check what peers give it.",
	}
	RevocationBlocked = &Finding{
		Name: "revocation-blocked", Title: "trust lists and lists of revoked certificates are denied",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: wuSecurity, Explains: []*Finding{FileTypeDenied},
		Asked: []string{partTarget, "host", "user-agent"},
		Codes: []Coded{
			{CryptoAPI, "", "", "", wuerr.RevocationGone, "opnsense/core issue 4463", Seen},
			{WUA, "", "", "", wuerr.SecureFailure, wuSecurity, Documented},
		},
		Fix: "Allow plain HTTP to ctldl.windowsupdate.com, crl.microsoft.com, www.microsoft.com/pkiops and the " +
			"OCSP servers, without a login: without them no certificate can be verified.",
	}
	AgentDenied = &Finding{
		Name: "agent-denied", Title: "requests of one User-Agent are denied, and others are not",
		Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "Squid wiki: Windows Update",
		Statuses: []int{403},
		Asked:    []string{"user-agent"},
		Fix: "Allow the User-Agents Windows-Update-Agent, Microsoft BITS, Microsoft-Delivery-Optimization, " +
			"Microsoft-CryptoAPI and Microsoft NCSI, and requests with none.",
	}
	ConnectivityAltered = &Finding{
		Name: "connectivity-altered", Title: "the sign that there is an Internet does not come as it is",
		Owner: Proxy, Grade: Warn, Effect: Degrades, Source: "Microsoft: NCSI",
		Asked: []string{partTarget, "host"}, Answered: []string{partStatus, partBody},
		Codes: []Coded{{WUA, "", "", "", wuerr.PTNameUnresolved, inferred, Unsure}},
		Fix: "Let www.msftconnecttest.com/connecttest.txt through as it is, without a login or a page of terms: " +
			"any other answer makes Windows think that it is behind a portal, and put updates off.",
	}
	ConnectionsNotKept = &Finding{
		Name: "connections-not-kept", Title: "each answer ends its connection",
		OnHop: true, Owner: Proxy, Grade: Warn, Effect: Degrades, NoCode: true, Source: kb10132,
		Fix: "Switch persistent connections on, for clients and for servers: each request costs a new connection, " +
			"and a login by NTLM cannot work without them.",
	}
	KeepAliveBroken = &Finding{
		Name: "keep-alive-broken", Title: "connections that were to be kept are closed",
		OnHop: true, Owner: Proxy, Grade: Warn, Effect: Intermittent, Source: kb10132,
		Codes: []Coded{
			{WUA, "", "", "", wuerr.InvalidResponse, kb10132, Unsure},
			{WUA, "", "", "", wuerr.ConnectionError, inferred, Unsure},
			{BITS, "", "", "", wuerr.InvalidResponse, kb10132, Unsure},
			{DO, "", "", "", wuerr.ConnectionError, inferred, Unsure},
		},
		Fix: "Let the proxy say Connection: close where it closes, or keep the connection: a request that meets " +
			"the end of its connection has to be made again, and a call of a web service may then count twice.",
	}
	ConnectionsCapped = &Finding{
		Name: "connections-capped", Title: "a client with several connections is turned away",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Intermittent, Source: "a field trace of Windows Update through a small proxy",
		Codes: []Coded{
			{DO, "", "", "", wuerr.DONoProgress, doCodes, Unsure},
			{BITS, "", "", "", wuerr.CannotConnect, inferred, Unsure},
		},
		Fix: "Allow at least 16 connections for each client: Delivery Optimization alone opens seven.",
	}
	LoginDenied = &Finding{
		Name: "login-denied", Title: "the proxy takes a login and then denies everything",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "KB885819", Explains: []*Finding{LoginWanted},
		Statuses: []int{403, 404, 502},
		Fix: "Let requests to the update servers through without a login, in a rule before the one that asks for it: a " +
			"service may come without a name, and who has none is let in nowhere.",
	}
	LoginBroken = &Finding{
		Name: "login-broken", Title: "the connection is closed in the middle of a login by NTLM",
		OnHop: true, Owner: Proxy, Grade: Fail, Effect: Blocks, Source: "TechNet bb457028", Explains: []*Finding{LoginWanted},
		Codes: []Coded{
			{WUA, "", "", "", wuerr.AgentStatus(407), wuaCodes, Documented},
			{WUA, "", "", "", wuerr.InvalidResponse, "TechNet bb457028", Unsure},
			{BITS, "", "", "", wuerr.DownloadStatus(407), bitsCodes, Documented},
			{DO, "", "", "", wuerr.DownloadStatus(407), doCodes, Documented},
		},
		Fix: "Keep the connection open behind a 407: the messages of NTLM belong to one connection. Better, let " +
			"the update servers through without a login.",
	}
	ClientIDsDuplicate = &Finding{
		Name: "client-ids-duplicate", Title: "several machines come with one client id",
		Owner: Machine, Grade: Warn, Effect: Intermittent, NoCode: true, Source: kb10132, Explains: []*Finding{ProxiesDiffer},
		Condition: "It is harmless when it is one machine that was given another name.",
		Fix: "On each of the machines stop the service wuauserv, delete SusClientId and SusClientIdValidation below " +
			"HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate, start the service, and run wuauclt " +
			"/resetauthorization /detectnow. Do the first three in the image that they were made from: a WSUS takes them " +
			"for one machine, and shows one of them at a time.",
	}
	ScanUnfinished = &Finding{
		Name: "scan-unfinished", Title: "a client begins scans and comes to the end of none",
		Owner: Unknown, Grade: Warn, Effect: Blocks, Source: wuaCodes,
		Codes: []Coded{
			{WUA, SOAP, "", "", wuerr.PTTooManyTrips, wuaCodes, Unsure},
			{WUA, SOAP, Win81, "", wuerr.PTRequestTimeout, inferred, Unsure},
		},
		Fix: "Look for the code in the client's WindowsUpdate.log, and run proxycheck on that machine: the server " +
			"answered, and what it said did not arrive or was not understood.",
	}
	WholeAfterRanges = &Finding{
		Name: "whole-after-ranges", Title: "parts of a file are fetched, and then the whole of it",
		Owner: Unknown, Grade: Warn, Effect: Degrades, NoCode: true, Source: bitsHTTP,
		Condition: "It is harmless when several machines share the address, or when somebody fetched the file by hand.",
		Fix: "Look for a cache or a scanner that fetches whole files where a part is asked for, and let Range through " +
			"to the server. If there is none, look in the client's log for why it gave up ranges.",
	}
	ProxiesDiffer = &Finding{
		Name: "proxies-differ", Title: "one client comes through different proxies",
		Owner: Machine, Grade: Note, Effect: Intermittent, NoCode: true, Source: "KB900935",
		Condition: "It is harmless where the proxies are nodes of one, with the same settings, or where the client moves.",
		Fix: "Give the client one proxy in all places: compare netsh winhttp show proxy, the setting of the user who is " +
			"signed in, and what the PAC file names. What one proxy lets through, another may not.",
	}
	ProxyIsServer = &Finding{
		Name: "proxy-is-server", Title: "what is set as the proxy is the update server itself",
		Owner: Machine, Grade: Fail, Effect: Blocks, NoCode: true, Source: "RFC 9112, 3.2.2",
		Explains: []*Finding{TunnelDenied, TunnelOnly443, TunnelServerDown, TLSBroken, RequestsChanged},
		Fix: "Correct the address of the proxy: a server answers requests that are written for a proxy too, so " +
			"some of them succeed, and no proxy was tried.",
	}
	RequestsChanged = &Finding{
		Name: "requests-changed", Title: "requests are changed on the way, without harm in this run",
		Owner: Proxy, Grade: Note, Effect: Degrades, NoCode: true, Source: "RFC 9110, 7.6",
		Condition: "It is harmless to the exchanges of this run; others may depend on what is changed.",
		Fix: "Let requests to the update servers pass as they are: no coding added, no query sorted, no field removed, " +
			"and HTTP/1.1 towards the server.",
	}
	PathIntercepted = &Finding{
		Name: "path-intercepted", Title: "something in the path acts as a proxy, and none is set",
		Owner: Network, Grade: Note, Effect: Degrades, NoCode: true, Source: "RFC 9110, 3.7",
		Condition: "It is harmless where it changes nothing that matters, or where it belongs to the server and stands before it.",
		Fix: "Exempt the update servers from transparent interception, on the firewall or the router that diverts " +
			"connections to them, or set the proxy on the clients, so that they know of it: netsh winhttp set proxy.",
	}
	Unexplained = &Finding{
		Name: "unexplained", Title: "the exchange failed in a way that is not in this table",
		Owner: Unknown, Grade: Fail, Effect: Blocks, NoCode: true, Source: "proxycheck",
		Fix: "Send the report to the authors of proxycheck: this should not happen.",
	}
)

// Findings lists every finding, from the client outwards.
var Findings = slices.Concat(nameFindings, []*Finding{
	ProxyNameUnknown, ServerNameUnknown, NameServerSilent, ProxyRefuses, ProxyUnreachable, ServerRefuses,
	ServerUnreachable, ProxyNotHTTP, LoginUnusable, LoginWanted, TunnelOnly443, TunnelDenied, CertificateWanted, TLSBroken,
	TLSInspected, CertificateInvalid, IssuerUnknown, ConnectionReset, ConnectionClosed, BodyCut, BigPacketsLost, ProxySilent, SlowStart,
	BodyTrickles, HeadTooLarge, AnswerMalformed, HeadRefused, HeadHasBody, ErrorKept, FileMissing, FileTypeMissing, RequestFiltered, ServerUnavailable,
	ServerNotWSUS, ServerBehindProxyDown, AnswerLost, RequestsLimited, TunnelServerDown, RequestDenied, ServerLoginWanted, PrefixDenied, AddressDenied, TwoBytesDenied, FileTypeDenied, SizeDenied,
	BigAnswersFail, GatewayImpatient, CapitalsRefused, RedirectUnusable, RequestRefused,
	ServerError, PageInstead, ProgressPage, SOAPUnreadable, SizeHidden, SizeWrong, DateHidden, NotModifiedUnasked, BytesBehind, RangeIgnored, RangeRefused, RangeReset, RangeUnstated,
	RangeWrong, SliceEdgeBroken, CopyStale, LengthMissing, LengthDoubled, ConditionRefused, ConditionIgnored, ContentRecoded, ContentAltered,
	HTTP10, FaultHidden, SOAPFault, CookieRefused, ConfigIncomplete, TooManyTrips, AnswersReplayed, BodyRefused, HeadLimited, URLLimited, IdleCut, HostRewritten, FilesElsewhere, FilesByTLS, CodingBroken, FileRetired, RedirectorStale, ListsStale,
	MultiRangeUnsupported, RangeFetchedWhole, FarRangeBroken, ColdFails, WarmFails, ClientsDiffer, SignedURLRefused,
	SlashesMerged, RevocationBlocked, AgentDenied, ConnectivityAltered, ConnectionsNotKept, KeepAliveBroken,
	ConnectionsCapped, LoginDenied, LoginBroken,
	ClientIDsDuplicate, ScanUnfinished, WholeAfterRanges, ProxiesDiffer, ProxyIsServer, RequestsChanged, PathIntercepted, Unexplained,
}, trustFindings, hostFindings)
