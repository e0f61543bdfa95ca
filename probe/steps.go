package probe

// Steps lists the exchanges of an update, each connection's in the order in
// which its agent makes them. The requests stand as they were captured, sent
// without a proxy; a test holds what leaves for each against golden bytes.
var Steps = []*Step{
	// A scan (wire.md 3.4), all on one connection.
	{
		Name: "wua-config", Title: "ask the update server for its configuration",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Opens: true, Quick: true,
		Send: clientCall("GetConfig", getConfig),
	},
	{
		Name: "wua-authorization", Title: "get a cookie that says which computer this is",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Send: getAuthorizationCookie,
	},
	{
		Name: "wua-cookie", Title: "get the cookie of the scan",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Send: clientCall("GetCookie", getCookie("{wua-config/LastChange}", "{utc}")),
	},
	{
		Name: "wua-register", Title: "tell the server what computer this is",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenRegistered, Send: clientCall("RegisterComputer", registerComputer),
	},
	{
		Name: "wua-sync", Title: "ask for the updates that there are",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenRegistered, Again: truncated,
		Send:  clientCall("SyncUpdates", syncUpdates("", "false")),
		Rules: []Rule{{If: tooManyTrips, Then: TooManyTrips}},
	},
	{
		Name: "wua-sync-drivers", Title: "ask for drivers, with 50 KB of hardware",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenRegistered,
		Send: clientCall("SyncUpdates", syncUpdates("<SystemSpec>{devices:47000}</SystemSpec>", "true")),
	},
	{
		Name: "wua-extended", Title: "ask what the updates are made of",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenSynced, Send: clientCall("GetExtendedUpdateInfo", getExtendedUpdateInfo),
		Rules: filesNamed,
	},
	{
		Name: "wua-locations", Title: "ask where a file is",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenSynced, Send: clientCall("GetFileLocations", getFileLocations),
		Rules: filesNamed,
	},
	{
		Name: "wua-report", Title: "report how it went",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Only: whenRegistered, Send: reportEventBatch,
	},

	// A client that comes back with what the server no longer takes (wire.md 3.8).
	{
		Name: "wua-old-cookie", Title: "get a cookie for a configuration of last year",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua-return", Only: onlyGenerated,
		Send: clientCall("GetCookie", getCookie("2025-01-01T00:00:00Z", "{utc}")),
	},
	{
		Name: "wua-changed", Title: "recover from ConfigChanged",
		By: WUA, Layer: SOAP, Kind: recovering, On: "wua-return", Only: onlyGenerated,
		Send: with("wua-old-cookie", clientCall("SyncUpdates", syncUpdates("", "false"))),
	},
	{
		Name: "wua-late-cookie", Title: "get a cookie with a clock that is two hours slow",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua-return", Only: onlyGenerated,
		Send: clientCall("GetCookie", getCookie("{wua-config/LastChange}", "{utc:-7200}")),
	},
	{
		Name: "wua-expired", Title: "recover from CookieExpired",
		By: WUA, Layer: SOAP, Kind: recovering, On: "wua-return", Only: onlyGenerated,
		Send: with("wua-late-cookie", clientCall("SyncUpdates", syncUpdates("", "false"))),
	},

	// What the agent fetches for itself.
	{
		Name: "selfupdate-size", Title: "ask for the size of the agent's own update",
		By: WUA, Layer: Fetch, Kind: size, On: "selfupdate", Spare: unlessSelfUpdates, Send: fetch("HEAD", "/selfupdate/wuident.cab?{stamp}", "{host}"),
	},
	{
		Name: "selfupdate-file", Title: "fetch the agent's own update, wuident.cab", Quick: true,
		By: WUA, Layer: Fetch, Kind: cabinet, On: "selfupdate", Spare: unlessSelfUpdates, Send: fetch("GET", "/selfupdate/wuident.cab?{stamp}", "{host}"),
		Rules: []Rule{{If: sizeUnlike("selfupdate-size"), Then: SizeWrong}},
	},
	{
		Name: "selfupdate-again", Title: "fetch it again, to see that it is the same",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "selfupdate", Spare: unlessSelfUpdates, Send: fetch("GET", "/selfupdate/wuident.cab?{stamp}", "{host}"),
		Rules: []Rule{{If: unlike("selfupdate-file"), Then: ContentAltered}},
	},
	{
		Name: "iuident-size", Title: "ask for the size of iuident.cab",
		By: WUA, Layer: Fetch, Kind: size, On: "iuident", Good: []int{404}, Spare: constant("only the agents of 2000 and early XP ask for it"),
		Send: oldest("HEAD"),
	},
	{
		Name: "iuident-file", Title: "fetch iuident.cab, as the oldest agents do",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "iuident", Good: []int{404}, Spare: constant("only the agents of 2000 and early XP ask for it"),
		Send:  oldest("GET"),
		Rules: []Rule{{If: answered(404), Then: FileRetired}},
	},
	{
		Name: "redirector-size", Title: "ask for the size of the redirector",
		By: WUA, Layer: Fetch, Kind: size, On: "redirector", Until: Win7, Only: onlyMicrosoft, Send: fetch("HEAD", "{redirector}?{stamp}", "{content}"),
	},
	{
		Name: "redirector-file", Title: "fetch the redirector, which names Microsoft's servers",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "redirector", Until: Win7, Only: onlyMicrosoft, Send: fetch("GET", "{redirector}?{stamp}", "{content}"),
	},
	{
		Name: "redirector-again", Title: "fetch the redirector anew, a minute later",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "redirector", Until: Win7, Only: onlyMicrosoft, Send: fetch("GET", "{redirector}?{stamp:1}", "{content}"),
		Rules: []Rule{{If: like("redirector-file"), Then: RedirectorStale}},
	},
	{
		Name: "sls-file", Title: "ask the service locator, through a tunnel",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "sls", Since: Win81, Only: onlyMicrosoftTLS, At: "slscr.update.microsoft.com:443", Send: serviceLocator,
	},
	{
		Name: "fe2-config", Title: "ask Microsoft's update service for its configuration",
		By: WUA, Layer: SOAP, Kind: soap, On: "fe2", Since: Win81, Only: onlyMicrosoftTLS, At: "fe2cr.update.microsoft.com:443",
		Send: overTLS(at("/v6/ClientWebService/client.asmx", clientCall("GetConfig", getConfig))),
	},
	{
		Name: "fe3-config", Title: "ask Microsoft's delivery service for its configuration",
		By: WUA, Layer: SOAP, Kind: soap, On: "fe3", Since: Win10, Only: onlyMicrosoftTLS, At: "fe3cr.delivery.mp.microsoft.com:443", Send: getConfig2,
	},

	// BITS: its background jobs ask for closed ranges, its foreground jobs for none.
	{
		Name: "bits-size", Title: "ask for the size of a file",
		By: BITS, Layer: Job, Kind: size, On: "bits", Quick: true, At: updates, Send: bitsHead("{object}"),
	},
	{
		Name: "bits-range-first", Title: "fetch the first part of a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", Quick: true, At: updates, Send: bitsGet("{object}", "{range:first}"),
	},
	{
		Name: "bits-range-second", Title: "fetch the part behind it",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", At: updates, Send: bitsGet("{object}", "{range:second}"),
	},
	{
		Name: "bits-range-third", Title: "fetch the next, as BITS goes on",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", At: updates, Send: bitsGet("{object}", "{range:third}"),
	},
	{
		Name: "bits-range-deep", Title: "fetch a part from deep inside a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", Quick: true, At: updates, Send: bitsGet("{object:.psf}", "{range:deep}"),
	},
	{
		Name: "bits-range-edge", Title: "fetch a part across the first MiB, where caches cut files into slices",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", At: updates, Send: bitsGet("{object}", "{range:edge}"),
	},
	{
		Name: "bits-range-last", Title: "fetch the last byte of a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", At: updates, Send: bitsGet("{object:.esd}", "{range:last}"),
	},
	{
		Name: "bits-range-beyond", Title: "ask for a part behind the end of a file",
		By: BITS, Layer: Job, Kind: beyond, On: "bits-beyond", Good: []int{416}, Quick: true, At: updates, Send: bitsGet("{object}", "{range:beyond}"),
	},
	{
		Name: "bits-multi-4", Title: "fetch four parts at once",
		By: BITS, Layer: Job, Kind: multi, On: "bits-multi", Since: Vista, Spare: unlessExpress, Send: bitsGet("{object}", "{ranges:4}"),
	},
	{
		Name: "bits-multi-20", Title: "fetch twenty parts at once, as for express files",
		By: BITS, Layer: Job, Kind: multi, On: "bits-multi", Since: Vista, Spare: unlessExpress, Send: bitsGet("{object:.psf}", "{ranges:20}"),
	},
	{
		Name: "bits-cut", Title: "break off in the middle of a part",
		By: BITS, Layer: Job, Kind: ranged, On: "bits-resume", Leave: cutAt, At: updates, Send: bitsGet("{object}", "{range:cut}"),
	},
	{
		Name: "bits-resume", Title: "go on where it broke off",
		By: BITS, Layer: Job, Kind: ranged, On: "bits-resume", At: updates, Send: bitsGet("{object}", "{range:resume}"),
	},
	{
		Name: "bits-file", Title: "fetch a whole file, as a foreground job does",
		By: BITS, Layer: Job, Kind: whole, On: "bits-file", Quick: true, Send: bitsGet("{object:150007}", ""),
	},
	{
		Name: "bits-condition", Title: "fetch a part of a file only if it has not changed",
		By: BITS, Layer: Job, Kind: stale, On: "bits-condition", Since: Vista, Good: []int{412}, Send: bitsIf("Sat, 01 Jan 2000 00:00:00 GMT", "{object}", "{range:first}"),
	},
	{
		Name: "bits-big-size", Title: "ask for the size of a file of 5 GiB",
		By: BITS, Layer: Job, Kind: size, On: "bits-big", Only: onlyGenerated, Send: bitsHead("{object:5368709127}"),
	},
	{
		Name: "bits-big-range", Title: "fetch a part from behind 4 GiB",
		By: BITS, Layer: Job, Kind: ranged, On: "bits-big", Only: onlyGenerated, Send: bitsGet("{object:5368709127}", "{range:huge}"),
	},
	typed("exe"), typed("msu"), typed("esd"), typed("psf"), typed("appx"),

	// Delivery Optimization: from a WSUS only ranges, and first of all a hash of
	// each piece and two bytes from Microsoft's content servers (wire.md 4.2).
	{
		Name: "do-piece", Title: "fetch a piece of 1 MiB",
		By: DO, Layer: Job, Kind: ranged, On: "do-1", Since: Win10, At: updates, Send: doGet("{object}", "{range:piece}"),
	},
	{
		Name: "do-tail", Title: "fetch what is left behind the last whole piece",
		By: DO, Layer: Job, Kind: ranged, On: "do-1", Since: Win10, Send: doGet("{object}", "{range:tail}"),
	},
	{
		Name: "do-small", Title: "fetch a small file as one range",
		By: DO, Layer: Job, Kind: ranged, On: "do-2", Since: Win10, Send: doGet("{object:100001}", "{range:small}"),
	},
	{
		Name: "do-hashes", Title: "fetch the hashes of the pieces, at a URL with two slashes",
		By: DO, Layer: Job, Kind: any200, On: "do-hashes", Since: Win10, Only: onlyMicrosoft, Send: doHashes,
	},
	{
		Name: "do-probe-1", Title: "ask for two bytes, to see whether ranges work",
		By: DO, Layer: Job, Kind: ranged, On: "do-cloud-1", Since: Win10, Only: onlyMicrosoft, Quick: true, At: updates, Send: doGet("{stream}", "{range:probe}"),
	},
	{
		Name: "do-cloud-piece", Title: "fetch a piece of 1 MiB at a signed URL",
		By: DO, Layer: Job, Kind: ranged, On: "do-cloud-1", Since: Win10, Only: onlyMicrosoft, Send: doGet("{stream}", "{range:piece}"),
	},
	{
		Name: "do-probe-2", Title: "ask for two bytes on a second connection",
		By: DO, Layer: Job, Kind: ranged, On: "do-cloud-2", Since: Win10, Only: onlyMicrosoft, At: updates, Send: doGet("{stream}", "{range:probe}"),
		Behind: "do-probe-1", // so that it is known which of the two came first
	},
	{
		Name: "do-cloud-tail", Title: "fetch what is left behind the last whole piece",
		By: DO, Layer: Job, Kind: ranged, On: "do-cloud-2", Since: Win10, Only: onlyMicrosoft, Send: doGet("{stream}", "{range:tail}"),
		Behind: "do-cloud-piece", // which is the same part of a file of less than 2 MiB
	},
	{
		Name: "do-cloud-quarter", Title: "fetch a quarter of a piece that was split",
		By: DO, Layer: Job, Kind: ranged, On: "do-cloud-2", Since: Win10, Only: onlyMicrosoft, Send: doGet("{stream}", "{range:quarter}"),
	},

	// The names under which the same files are asked for: a number comes before that
	// of the host, another one for each session (wire.md 4.4), and a cache of a
	// provider, to which clients are sent, has an address for a name (wire.md 4.5).
	underPrefix("1", "do-probe-1"), underPrefix("2", ""), underPrefix("3", ""), underPrefix("4", ""),
	underPrefix("7", ""), underPrefix("9", ""), underPrefix("11", ""),
	{
		Name: "do-address", Title: "ask for two bytes of a host that is named by its address",
		By: DO, Layer: Job, Kind: addressed, On: "do-names", Since: Win10, Only: whenAddressed, At: updates, Send: twoBytesAt("{address}"),
	},

	// What Windows needs to trust a certificate (wire.md 5.5).
	{
		Name: "ctl-roots", Title: "fetch the list of trusted roots",
		By: CryptoAPI, Layer: Fetch, Kind: cabinet, On: "cryptoapi", Only: onlyMicrosoft, Quick: true, At: trustLists, Send: cryptoGet(trustList + "authrootstl.cab?{hex:16}"),
	},
	{
		Name: "ctl-disallowed", Title: "fetch the list of certificates that are not to be trusted",
		By: CryptoAPI, Layer: Fetch, Kind: cabinet, On: "cryptoapi", Only: onlyMicrosoft, At: trustLists, Send: cryptoGet(trustList + "disallowedcertstl.cab?{hex:16}"),
	},
	{
		Name: "ctl-pins", Title: "fetch the list of pinned certificates",
		By: CryptoAPI, Layer: Fetch, Kind: cabinet, On: "cryptoapi", Since: Win10, Only: onlyMicrosoft, At: trustLists, Send: cryptoGet(trustList + "pinrulesstl.cab?{hex:16}"),
	},
	{
		Name: "ctl-again", Title: "ask whether the list of trusted roots has changed",
		By: CryptoAPI, Layer: Fetch, Kind: cabinet, On: "cryptoapi", Only: onlyMicrosoft, Good: []int{304}, At: trustLists, Send: revalidate,
	},
	{
		Name: "ctl-anew", Title: "fetch the list of trusted roots under another query",
		By: CryptoAPI, Layer: Fetch, Kind: cabinet, On: "cryptoapi", Only: onlyMicrosoft, Send: cryptoGet(trustList + "authrootstl.cab?{other:16}"),
		Rules: []Rule{{If: keptUnderOtherQuery, Then: ListsStale}},
	},
	{
		Name: "crl-file", Title: "fetch a list of revoked certificates",
		By: CryptoAPI, Layer: Fetch, Kind: revocations, On: "cryptoapi", Only: onlyMicrosoft, At: "crl.microsoft.com:80", Send: cryptoCached("/pki/crl/products/MicRooCerAut_2010-06-23.crl"),
	},
	{
		Name: "ocsp-answer", Title: "ask whether a certificate is revoked",
		By: CryptoAPI, Layer: Fetch, Kind: ocsp, On: "cryptoapi", Only: onlyMicrosoft, Send: cryptoGet("{ocsp}"),
	},
	{
		Name: "ncsi-text", Title: "see whether there is an Internet",
		By: NCSI, Layer: Fetch, Kind: connectivity, On: "ncsi", Since: Vista, Only: onlyMicrosoft, Quick: true, At: "{ncsi-host}:80", Send: connectivityGet("{ncsi}"),
	},

	{
		Name: "tls-config", Title: "ask the update server for its configuration through a tunnel", Quick: true,
		By: WUA, Layer: SOAP, Kind: soap, On: "tls", Only: inClear, Spare: whileGuessed, Send: overTLS(clientCall("GetConfig", getConfig)),
		Absent: []*Finding{TunnelServerDown, ServerRefuses, ServerUnreachable},
	},
}

// filesNamed are the rules for an answer that names files.
var filesNamed = []Rule{
	{If: filesByTLS, Then: FilesByTLS}, {If: portLost, Then: HostRewritten}, {If: filesElsewhere, Then: FilesElsewhere},
}

// underPrefix asks for two bytes at the host's name with a number and a dot before
// it, once the step behind is done.
func underPrefix(n, behind string) *Step {
	return &Step{
		Name: "do-prefix-" + n, Title: "ask for two bytes of the host's name with " + n + ". before it",
		By: DO, Layer: Job, Kind: prefixed, On: "do-names", Since: Win10, Only: whenPrefixed, Send: twoBytesAt(n + ".{content}"), Behind: behind,
	}
}

// typed is a small file of one of the types that Windows Update fetches.
func typed(ext string) *Step {
	return &Step{
		Name: "type-" + ext, Title: "fetch a small file of type ." + ext, Quick: true,
		By: BITS, Layer: Job, Kind: whole, On: "bits-types", Only: onlyGenerated, Send: bitsGet("{object:4096."+ext+"}", ""),
	}
}
