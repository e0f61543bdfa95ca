package probe

import (
	"slices"
	"strings"
)

// smallProxyMends are those of Privoxy, tinyproxy, Traffic Server, Varnish and
// mitmproxy.
var smallProxyMends = slices.Concat(privoxyMends, tinyproxyMends, trafficServerMends, varnishMends, mitmproxyMends)

// Sources that several rows name.
const (
	privoxyActions = "Privoxy user manual: actions files"
	privoxyConfig  = "Privoxy user manual: the main configuration file"
	tinyproxyConf  = "tinyproxy.conf(5)"
	atsRecords     = "Traffic Server: records.config"
	atsAllow       = "Traffic Server: ip_allow.yaml"
	atsRewrite     = "Traffic Server: header rewrite plugin"
	vcl            = "vcl(7) of Varnish"
	mitmOptions    = "mitmproxy: options"
	mitmFeatures   = "mitmproxy: features"
)

// updateHosts are the patterns of a section of a Privoxy actions file, in which the
// last section that fits wins.
const updateHosts = "\n{server}\n.windowsupdate.com\n.update.microsoft.com\n.delivery.mp.microsoft.com"

// privoxyMends are those of Privoxy.
var privoxyMends = []*Mend{
	{Product: Privoxy, Finding: TunnelOnly443, In: "user.action", At: Below, Cause: "{ +limit-connect{443} }\n/",
		Lines: "{ +limit-connect{443,{tls-port}} }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: TunnelDenied, In: "user.action", At: Below, Cause: "{ +limit-connect{,} }\n/",
		Lines: "{ +limit-connect{443,{tls-port}} }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: HeadRefused, In: "user.action", At: Below,
		Cause: "{ +client-header-tagger{http-method} }\n/\n{ +block{Only GET and POST.} }\nTAG:^HEAD$",
		Lines: "{ -client-header-tagger{http-method} }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ServerBehindProxyDown, In: "config", At: Below, Cause: "forward / 127.0.0.1:1",
		Lines: "forward {server} .", Source: privoxyConfig, Tried: "3.0.34"},
	{Product: Privoxy, Finding: RequestDenied, In: "user.action", At: Below, Cause: "{ +block{Only what is listed below.} }\n/",
		Lines: "{ -block }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: FileTypeDenied, In: "user.action", At: Below, Cause: "{ +block{No programs.} }\n/.*\\.(cab|exe|msu|psf|esd)$",
		Lines: "{ -block }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: SignedURLRefused, In: "user.action", At: Below, Cause: "{ +block{Looks like tracking.} }\n/.*[?&]P1=",
		Lines: "{ -block }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: RevocationBlocked, In: "user.action", At: Below,
		Cause:  "{ +block{Calls home.} }\n/.*(authroot|disallowedcert|pinrules)stl\\.cab\n/.*\\.crl$",
		Lines:  "{ -block }\nctldl.windowsupdate.com\ncrl.microsoft.com\nwww.microsoft.com/pki",
		Source: privoxyActions},
	{Product: Privoxy, Finding: ConnectivityAltered, In: "user.action", At: Below,
		Cause:  "{ +block{Calls home.} }\n/.*(connecttest|ncsi)\\.txt",
		Lines:  "{ -block }\nwww.msftconnecttest.com\nwww.msftncsi.com",
		Source: privoxyActions},
	{Product: Privoxy, Finding: AgentDenied, In: "user.action", At: Below,
		Cause:  "{ +client-header-tagger{user-agent} }\n/\n{ +block{Only browsers.} }\nTAG:^User-Agent: Microsoft BITS",
		Lines:  "{ -client-header-tagger{user-agent} }" + updateHosts,
		Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: RequestRefused, In: "user.action", At: Below, Cause: "{ +crunch-client-header{Content-Type:} }\n/",
		Lines: "{ -crunch-client-header }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ServerError, In: "user.action", At: Below, Cause: "{ +crunch-client-header{SOAPAction:} }\n/",
		Lines: "{ -crunch-client-header }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	// It removes Range from each request whose answer it is to filter, unless that is
	// tagged, and the packaged default.action does not filter what is.
	{Product: Privoxy, Finding: RangeIgnored, In: "user.action", At: Below, Cause: "{ -client-header-tagger{range-requests} }\n/",
		Lines: "{ -filter -deanimate-gifs }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: RangeRefused, In: "user.action", At: Below, Cause: "{ +block{Only whole files can be scanned.} }\nTAG:^RANGE-REQUEST$",
		Lines: "{ -filter -deanimate-gifs +suppress-tag{RANGE-REQUEST} }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: RangeUnstated, In: "user.action", At: Below, Cause: "{ +crunch-server-header{Content-Range:} }\n/",
		Lines: "{ -crunch-server-header }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ConditionIgnored, In: "user.action", At: Below, Cause: "{ +crunch-client-header{If-Unmodified-Since:} }\n/",
		Lines: "{ -crunch-client-header }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: DateHidden, In: "user.action", At: Below, Cause: "{ +overwrite-last-modified{block} }\n/",
		Lines: "{ -overwrite-last-modified }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ClientsDiffer, In: "user.action", At: Below, Cause: "{ +overwrite-last-modified{randomize} }\n/",
		Lines: "{ -overwrite-last-modified }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ContentAltered, In: "user.action", At: Below, Cause: "{ +force-text-mode +filter{demoronizer} }\n/",
		Lines: "{ -force-text-mode -filter }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: CodingBroken, In: "user.action", At: Below, Cause: "{ +filter{demoronizer} }\n/",
		Lines: "{ -filter }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: HTTP10, In: "user.action", At: Below, Cause: "{ +downgrade-http-version }\n/",
		Lines: "{ -downgrade-http-version }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ConnectionsNotKept, In: "config", At: Instead, Cause: "keep-alive-timeout 0",
		Lines: "keep-alive-timeout 60", Source: privoxyConfig, Tried: "3.0.34"},
	{Product: Privoxy, Finding: IdleCut, In: "config", At: Instead, Cause: "keep-alive-timeout 5", // as its package has it
		Lines: "keep-alive-timeout 60", Source: privoxyConfig, Tried: "3.0.34"},
	{Product: Privoxy, Finding: ConnectionsCapped, In: "config", At: Instead, Cause: "max-client-connections 5",
		Lines: "max-client-connections 256", Source: privoxyConfig},
	{Product: Privoxy, Finding: RequestsChanged, In: "user.action", At: Below, Cause: "{ +prevent-compression }\n/",
		Lines: "{ -prevent-compression }" + updateHosts, Source: privoxyActions, Tried: "3.0.34"},
}

// allowedFields are what the requests of an update need where tinyproxy lets
// through no other field, but for those of some names.
func allowedFields(without ...string) string {
	var lines []string
	for _, name := range []string{"Host", "User-Agent", "Accept", "Accept-Encoding", "Content-Type", "SOAPAction", "Range",
		"If-Unmodified-Since", "If-Modified-Since", "If-None-Match", "Cache-Control", "Pragma", "MS-CV"} {
		if !slices.Contains(without, name) {
			lines = append(lines, "Anonymous \""+name+"\"")
		}
	}
	return strings.Join(lines, "\n")
}

// tinyproxyMends are those of tinyproxy.
var tinyproxyMends = []*Mend{
	{Product: Tinyproxy, Finding: LoginUnusable, At: Instead, Cause: "BasicAuth user password",
		Lines: "# no BasicAuth, from which nothing can be exempt, but the addresses of the clients\nAllow 10.0.0.0/8", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: TunnelOnly443, At: Below, Cause: "ConnectPort 443",
		Lines: "ConnectPort {tls-port}", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: TunnelDenied, At: Instead, Cause: "ConnectPort 0",
		Lines: "ConnectPort {tls-port}", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: ServerBehindProxyDown, At: Below, Cause: "Upstream http 127.0.0.1:1",
		Lines: "Upstream none \"{server}\"", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: RequestDenied, In: "the file of Filter, beside FilterDefaultDeny Yes", At: Below, Cause: "^intranet\\.example$",
		Lines: "^{server-re}$\n\\.windowsupdate\\.com$\n\\.update\\.microsoft\\.com$\n\\.delivery\\.mp\\.microsoft\\.com$", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: FileTypeDenied, In: "the file of Filter, beside FilterURLs On", At: Instead, Cause: "\\.(cab|exe|msu|psf|esd)$",
		Lines: "# nothing: the file knows no exception, so this is for all hosts", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: ServerError, At: Below, Cause: allowedFields("SOAPAction"),
		Lines: "Anonymous \"SOAPAction\"", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: RangeIgnored, At: Below, Cause: allowedFields("Range"),
		Lines: "Anonymous \"Range\"", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: ConditionIgnored, At: Below, Cause: allowedFields("If-Unmodified-Since"),
		Lines: "Anonymous \"If-Unmodified-Since\"", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: RequestsChanged, At: Below, Cause: allowedFields("Accept-Encoding", "Pragma"),
		Lines: "Anonymous \"Accept-Encoding\"\nAnonymous \"Pragma\"", Source: tinyproxyConf, Tried: "1.11.1"},
	{Product: Tinyproxy, Finding: ConnectionsCapped, Lines: "MaxClients 1000", Source: tinyproxyConf},
}

// otherHosts is the condition of a rule of the header rewrite plugin, that a request
// is not for an update server.
const otherHosts = "cond %{CLIENT-URL:HOST} /^({server-re}|.*\\.windowsupdate\\.com|.*\\.(update|delivery\\.mp)\\.microsoft\\.com)$/ [NOT]\n"

// deniedElsewhere denies a method to all servers but the update server, whose address
// ip_allow.yaml wants. Rules for clients, which stand below, are asked too.
func deniedElsewhere(method string) string {
	return "- {apply: out, ip_addrs: 192.0.2.1, action: allow, methods: ALL} # the address of {server}\n" +
		"- {apply: out, ip_addrs: 0/0, action: deny, methods: [" + method + "]}"
}

// trafficServerMends are those of Traffic Server.
var trafficServerMends = []*Mend{
	{Product: TrafficServer, Finding: TunnelOnly443, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.connect_ports STRING 443",
		Lines: "CONFIG proxy.config.http.connect_ports STRING 443 {tls-port}", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: TunnelDenied, In: "ip_allow.yaml", At: Instead,
		Cause: "- {apply: in, ip_addrs: 0/0, action: deny, methods: [CONNECT]}", Lines: deniedElsewhere("CONNECT"), Source: atsAllow, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: HeadRefused, In: "ip_allow.yaml", At: Instead,
		Cause: "- {apply: in, ip_addrs: 0/0, action: deny, methods: [HEAD]}", Lines: deniedElsewhere("HEAD"), Source: atsAllow, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: ServerBehindProxyDown, In: "records.config", At: Instead,
		Cause: "CONFIG proxy.config.http.no_dns_just_forward_to_parent INT 1",
		Lines: "CONFIG proxy.config.http.no_dns_just_forward_to_parent INT 0", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: RequestDenied, In: "ip_allow.yaml", At: Instead,
		Cause: "- {apply: in, ip_addrs: 0/0, action: deny, methods: [POST]}", Lines: deniedElsewhere("POST"), Source: atsAllow, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: FileTypeDenied, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\ncond %{CLIENT-URL:PATH} /\\.cab$/\nset-status 403",
		Lines:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\n" + otherHosts + "cond %{CLIENT-URL:PATH} /\\.cab$/\nset-status 403",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: AgentDenied, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\ncond %{CLIENT-HEADER:User-Agent} /BITS/\nset-status 403",
		Lines:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\n" + otherHosts + "cond %{CLIENT-HEADER:User-Agent} /BITS/\nset-status 403",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: SignedURLRefused, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\ncond %{CLIENT-URL:QUERY} /P1=/\nset-status 403",
		Lines:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\n" + otherHosts + "cond %{CLIENT-URL:QUERY} /P1=/\nset-status 403",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: ServerError, In: "records.config", At: Instead,
		Cause: "CONFIG proxy.config.http.anonymize_other_header_list STRING SOAPAction",
		Lines: "CONFIG proxy.config.http.anonymize_other_header_list STRING NULL", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: BodyRefused, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.max_post_size INT 16384",
		Lines: "CONFIG proxy.config.http.max_post_size INT 8388608", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: HeadLimited, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.request_header_max_size INT 2048",
		Lines: "CONFIG proxy.config.http.request_header_max_size INT 131072", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: URLLimited, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.request_line_max_size INT 512",
		Lines: "CONFIG proxy.config.http.request_line_max_size INT 65535", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: RangeIgnored, In: "records.config", At: Instead,
		Cause: "CONFIG proxy.config.http.anonymize_other_header_list STRING Range",
		Lines: "CONFIG proxy.config.http.anonymize_other_header_list STRING NULL", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: RangeRefused, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\ncond %{CLIENT-HEADER:Range} /bytes/\nset-status 416",
		Lines:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\n" + otherHosts + "cond %{CLIENT-HEADER:Range} /bytes/\nset-status 416",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: MultiRangeUnsupported, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\ncond %{CLIENT-HEADER:Range} /,/\nset-status 416",
		Lines:  "cond %{READ_REQUEST_PRE_REMAP_HOOK}\n" + otherHosts + "cond %{CLIENT-HEADER:Range} /,/\nset-status 416",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: RangeUnstated, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{READ_RESPONSE_HDR_HOOK}\nrm-header Content-Range",
		Lines:  "cond %{READ_RESPONSE_HDR_HOOK}\n" + otherHosts + "rm-header Content-Range",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: ConditionIgnored, In: "records.config", At: Instead,
		Cause: "CONFIG proxy.config.http.cache.required_headers INT 0\nCONFIG proxy.config.http.cache.range.write INT 1",
		Lines: "CONFIG proxy.config.http.cache.range.write INT 0", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: DateHidden, In: "a file of header_rewrite.so", At: Instead,
		Cause:  "cond %{SEND_RESPONSE_HDR_HOOK}\nrm-header Last-Modified",
		Lines:  "cond %{SEND_RESPONSE_HDR_HOOK}\n" + otherHosts + "rm-header Last-Modified",
		Source: atsRewrite, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: HostRewritten, In: "a file of header_rewrite.so", At: Instead,
		Cause: "cond %{SEND_REQUEST_HDR_HOOK}\nset-header Host {server}", Lines: "# nothing", Tried: "9.2.9"},
	{Product: TrafficServer, Finding: ConnectionsNotKept, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.keep_alive_enabled_in INT 0",
		Lines: "CONFIG proxy.config.http.keep_alive_enabled_in INT 1", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: IdleCut, In: "records.config", At: Instead, Cause: "CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 1",
		Lines: "CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 120", Source: atsRecords, Tried: "9.2.9"},
	{Product: TrafficServer, Finding: RequestsChanged, In: "records.config", At: Instead, // as it comes
		Cause:  "CONFIG proxy.config.http.normalize_ae INT 1\nCONFIG proxy.config.http.cache.http INT 1",
		Lines:  "CONFIG proxy.config.http.normalize_ae INT 0\nCONFIG proxy.config.http.cache.http INT 0",
		Source: atsRecords, Tried: "9.2.9"},
}

// asItComes stands for the cause of what Varnish does without any line.
const asItComes = "# nothing, as it comes"

// varnishMends are those of Varnish.
var varnishMends = []*Mend{
	{Product: Varnish, Finding: HeadRefused, In: "vcl_recv", At: Instead,
		Cause: "if (req.method == \"HEAD\") { return (synth(405)); }", Lines: "# nothing", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: RequestRefused, In: "vcl_recv", At: Instead,
		Cause:  "if (req.method != \"GET\" && req.method != \"HEAD\") { return (synth(405)); }",
		Lines:  "if (req.method != \"GET\" && req.method != \"HEAD\" && req.method != \"POST\") { return (synth(405)); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: RequestDenied, In: "vcl_recv", At: Instead,
		Cause:  "if (req.http.Host !~ \"^intranet\\.example(:|$)\") { return (synth(403)); }",
		Lines:  "if (req.http.Host !~ \"^(intranet\\.example|{server-re})(:|$)\") { return (synth(403)); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: FileTypeDenied, In: "vcl_recv", At: Instead,
		Cause:  "if (req.url ~ \"\\.(cab|exe|msu|psf|esd)(\\?|$)\") { return (synth(403)); }",
		Lines:  "if (req.http.Host !~ \"^{server-re}(:|$)\" && req.url ~ \"\\.(cab|exe|msu|psf|esd)(\\?|$)\") { return (synth(403)); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: AgentDenied, In: "vcl_recv", At: Instead,
		Cause:  "if (req.http.User-Agent ~ \"BITS\") { return (synth(403)); }",
		Lines:  "if (req.http.Host !~ \"^{server-re}(:|$)\" && req.http.User-Agent ~ \"BITS\") { return (synth(403)); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: SignedURLRefused, In: "vcl_recv", At: Instead,
		Cause:  "set req.url = regsub(req.url, \"\\?.*$\", \"\");",
		Lines:  "if (req.url !~ \"^/filestreamingservice/\") { set req.url = regsub(req.url, \"\\?.*$\", \"\"); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: ListsStale, In: "vcl_recv", At: Instead,
		Cause:  "set req.url = regsub(req.url, \"\\?.*$\", \"\");",
		Lines:  "if (req.url !~ \"\\.cab\\?\") { set req.url = regsub(req.url, \"\\?.*$\", \"\"); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: SlashesMerged, In: "vcl_recv", At: Instead,
		Cause:  "set req.url = regsuball(req.url, \"//+\", \"/\");",
		Lines:  "if (req.url !~ \"^/filestreamingservice/\") { set req.url = regsuball(req.url, \"//+\", \"/\"); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: HostRewritten, In: "vcl_recv", At: Instead,
		Cause:  "set req.http.Host = regsub(req.http.Host, \":[0-9]+$\", \"\");",
		Lines:  "if (req.http.Host !~ \"^{server-re}:\") { set req.http.Host = regsub(req.http.Host, \":[0-9]+$\", \"\"); }",
		Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: RangeIgnored, In: "vcl_recv", At: Instead, Cause: "unset req.http.Range;",
		Lines: "if (req.http.Host !~ \"^{server-re}(:|$)\") { unset req.http.Range; }", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: SizeHidden, In: "vcl_backend_response", At: Instead, Cause: "set beresp.do_gzip = true;",
		Lines: "if (bereq.http.Host !~ \"^{server-re}(:|$)\") { set beresp.do_gzip = true; }", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: FaultHidden, In: "vcl_backend_response", At: Instead, Cause: "if (beresp.status >= 500) { return (abandon); }",
		Lines: "if (beresp.status > 500) { return (abandon); }", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: DateHidden, In: "vcl_backend_response", At: Instead, Cause: "unset beresp.http.Last-Modified;",
		Lines: "# nothing", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: ConnectionsNotKept, In: "vcl_deliver", At: Instead, Cause: "set resp.http.Connection = \"close\";",
		Lines: "# nothing", Source: vcl, Tried: "7.1.1"},
	// The rest it does as it comes: it fetches what it is to keep, whole and without
	// conditions, and what it passes as it was asked for. Of several parts that it
	// passes it makes 503.
	{Product: Varnish, Finding: ConditionIgnored, In: "vcl_recv", Cause: asItComes,
		Lines: "if (req.http.If-Unmodified-Since && req.http.Range !~ \",\") { return (pass); }", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: RangeFetchedWhole, In: "vcl_recv", Cause: asItComes,
		Lines: "if (req.http.Range && req.http.Range !~ \",\") { return (pass); }", Source: vcl, Tried: "7.1.1"},
	{Product: Varnish, Finding: BodyCut, In: "vcl_recv", Cause: asItComes, // of files that are bigger than its storage
		Lines: "if (req.http.Range && req.http.Range !~ \",\") { return (pass); }", Source: vcl},
	{Product: Varnish, Finding: MultiRangeUnsupported, In: "vcl_recv", Cause: asItComes,
		Lines: "if (req.http.Range ~ \",\") { return (pipe); }", Source: vcl, Tried: "7.1.1"},
}

// exceptUpdates ends a filter of mitmproxy, so that it fits no request to an update
// server. It is without quotes, within which \. is a dot that stands for any character.
const exceptUpdates = ` & !~d ^{server-re}$|\.windowsupdate\.com$|\.update\.microsoft\.com$|\.delivery\.mp\.microsoft\.com$`

// mitmproxyMends are those of mitmproxy.
var mitmproxyMends = []*Mend{
	{Product: Mitmproxy, Finding: TLSBroken, In: "config.yaml", At: Instead, Cause: "tls_version_client_min: TLS1_3",
		Lines: "tls_version_client_min: TLS1_2", Source: mitmOptions, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: TLSInspected, In: "config.yaml", At: Instead, Cause: "ignore_hosts: []", // as it comes
		Lines:  "ignore_hosts: ['^{server-re}(:|$)', '\\.windowsupdate\\.com(:|$)', '\\.update\\.microsoft\\.com(:|$)', '\\.delivery\\.mp\\.microsoft\\.com(:|$)']",
		Source: mitmOptions, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: HeadRefused, In: "config.yaml", At: Instead, Cause: "block_list: [':~m HEAD:405']",
		Lines: "block_list: [':~m HEAD" + exceptUpdates + ":405']", Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: ServerBehindProxyDown, In: "config.yaml", At: Instead, Cause: "mode: upstream:http://127.0.0.1:1",
		Lines: "mode: regular", Source: mitmOptions, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: BigAnswersFail, In: "config.yaml", At: Instead, Cause: "body_size_limit: 512k",
		Lines: "# no body_size_limit, which is for all hosts", Source: mitmOptions, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: FileTypeDenied, In: "config.yaml", At: Instead, Cause: "block_list: [':~u \\.cab:403']",
		Lines: "block_list: [':~u \\.cab" + exceptUpdates + ":403']", Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: DateHidden, In: "config.yaml", At: Instead, Cause: "modify_headers: [':~s:Last-Modified:']",
		Lines: "modify_headers: [':~s" + exceptUpdates + ":Last-Modified:']", Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: RangeIgnored, In: "config.yaml", At: Instead,
		Cause:  "stream_large_bodies: 1m\nmodify_headers: [':~q:Range:']",
		Lines:  "stream_large_bodies: 1m\nmodify_headers: [':~q" + exceptUpdates + ":Range:']",
		Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: RangeUnstated, In: "config.yaml", At: Instead, Cause: "modify_headers: [':~s:Content-Range:']",
		Lines: "modify_headers: [':~s" + exceptUpdates + ":Content-Range:']", Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: ConditionIgnored, In: "config.yaml", At: Instead, Cause: "modify_headers: [':~q:If-Unmodified-Since:']",
		Lines: "modify_headers: [':~q" + exceptUpdates + ":If-Unmodified-Since:']", Source: mitmFeatures, Tried: "8.1.1"},
	{Product: Mitmproxy, Finding: RequestsChanged, In: "config.yaml", At: Instead, Cause: "anticomp: true",
		Lines: "anticomp: false", Source: mitmOptions, Tried: "8.1.1"},
}
