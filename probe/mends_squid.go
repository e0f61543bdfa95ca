package probe

// Documents that several mends of Squid are from.
const (
	squidReference = "squid.conf reference: "
	squidSplice    = "Squid wiki: SslPeekAndSplice"
)

// What exempts the update servers from some lines of squid.conf, above them: for the
// clients and the ports of the packaged squid.conf, and tunnels for those of TLS only.
const (
	squidPorts   = "acl windowsupdate-ports port 443 {tls-port}\n"
	squidAllowed = "{squid-acl}\n" + squidPorts +
		"http_access allow !CONNECT windowsupdate localnet Safe_ports\nhttp_access allow CONNECT windowsupdate localnet windowsupdate-ports"
	squidSpliced = "acl windowsupdate-tls ssl::server_name .update.microsoft.com .delivery.mp.microsoft.com {server}\nssl_bump splice windowsupdate-tls"
)

// squidOneForAll keeps one copy of a cabinet for all its queries, as its file storeid
// says.
const squidOneForAll = "store_id_program /usr/lib/squid/storeid_file_rewrite /etc/squid/storeid\n" +
	"refresh_pattern -i \\.cab$ 4320 80% 43200 override-expire ignore-no-store ignore-private"

// squidMends are those of Squid, in squid.conf. Its rules are asked in their order,
// so most of them stand above the ones that they make an exception of.
var squidMends = []*Mend{
	{Product: Squid, Finding: ProxyRefuses, At: Instead, Cause: "http_port 127.0.0.1:3128", Lines: "# its own address in the network of the clients\nhttp_port 10.0.0.1:3128", Source: squidReference + "http_port"},

	{Product: Squid, Finding: LoginUnusable, At: Above, Lines: squidAllowed, Source: squidWiki, Tried: "5.7",
		Cause: "auth_param basic program /usr/lib/squid/basic_ncsa_auth /etc/squid/passwd\nacl known proxy_auth REQUIRED\nhttp_access deny !known"},
	{Product: Squid, Finding: LoginWanted, At: Above, Lines: squidAllowed, Source: squidWiki, Tried: "5.7",
		Cause: "auth_param ntlm program /usr/lib/squid/ntlm_fake_auth\nacl known proxy_auth REQUIRED\nhttp_access deny !known"},
	{Product: Squid, Finding: LoginDenied, At: Above, Lines: squidAllowed, Source: squidWiki, Tried: "5.7",
		Cause: "auth_param ntlm program /usr/lib/squid/ntlm_fake_auth\nacl known proxy_auth REQUIRED\nacl staff proxy_auth bob carol\n" +
			"http_access deny !known\nhttp_access allow staff\nhttp_access deny all"},
	{Product: Squid, Finding: LoginBroken, At: Above, Lines: squidAllowed, Source: squidWiki},

	{Product: Squid, Finding: TunnelOnly443, At: Instead, Cause: "acl SSL_ports port 443\nhttp_access deny CONNECT !SSL_ports",
		Lines: "{squid-acl}\nacl SSL_ports port 443\n" + squidPorts +
			"http_access deny CONNECT !SSL_ports !windowsupdate\nhttp_access deny CONNECT !SSL_ports !windowsupdate-ports", Source: squidReference + "http_access", Tried: "5.7"},
	{Product: Squid, Finding: TunnelDenied, At: Above, Cause: "http_access deny CONNECT",
		Lines: "{squid-acl}\n" + squidPorts + "http_access allow CONNECT windowsupdate localnet windowsupdate-ports", Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: TunnelServerDown, Cause: "cache_peer 127.0.0.1 parent 9 0 no-query default\nnever_direct allow CONNECT",
		Lines: "{squid-acl}\nalways_direct allow windowsupdate", Source: squidReference + "always_direct", Tried: "5.7"},
	{Product: Squid, Finding: ServerBehindProxyDown, Cause: "cache_peer 127.0.0.1 parent 9 0 no-query default\nnever_direct allow all",
		Lines: "{squid-acl}\nalways_direct allow windowsupdate", Source: squidReference + "always_direct", Tried: "5.7"},
	{Product: Squid, Finding: TLSInspected, At: Above, Cause: "acl hello at_step SslBump1\nssl_bump peek hello\nssl_bump bump all",
		Lines: squidSpliced, Source: squidSplice, Tried: "5.7"},
	{Product: Squid, Finding: TLSBroken, At: Above,
		Cause: "acl hello at_step SslBump1\nacl known-sites ssl::server_name .example.com\nssl_bump peek hello\nssl_bump splice known-sites\nssl_bump terminate all",
		Lines: squidSpliced, Source: squidSplice, Tried: "5.7"},

	{Product: Squid, Finding: ConnectionReset, At: Above, Cause: "acl archives urlpath_regex -i \\.(cab|exe|zip)$\ndeny_info TCP_RESET archives\nhttp_access deny archives",
		Lines: squidAllowed, Source: squidReference + "deny_info", Tried: "5.7"},
	{Product: Squid, Finding: ProxySilent, Cause: "url_rewrite_program /bin/sleep infinity",
		Lines: "{squid-acl}\nurl_rewrite_access deny windowsupdate", Source: squidReference + "url_rewrite_access", Tried: "5.7"},
	{Product: Squid, Finding: BodyTrickles, At: Above, Cause: "acl files urlpath_regex -i \\.(cab|exe|psf|esd)$\ndelay_parameters 1 2000/2000\ndelay_access 1 allow files",
		Lines: "{squid-acl}\ndelay_access 1 deny windowsupdate", Source: squidReference + "delay_access", Tried: "5.7"},

	{Product: Squid, Finding: RequestDenied, At: Above, Cause: "acl uploads method POST\nhttp_access deny uploads", Lines: squidAllowed, Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: HeadRefused, At: Above, Cause: "acl usual method GET POST CONNECT\nhttp_access deny !usual", Lines: squidAllowed, Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: FileTypeDenied, At: Above, Cause: "acl programs urlpath_regex -i \\.(exe|msi|msu|cab)$\nhttp_access deny programs", Lines: squidAllowed, Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: AgentDenied, At: Above, Cause: "acl downloaders browser ^Microsoft.BITS\nhttp_access deny downloaders", Lines: squidAllowed, Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: RevocationBlocked, At: Above, Cause: "acl machines browser ^Microsoft-CryptoAPI\nhttp_access deny machines",
		Lines: "acl trust dstdomain ctldl.windowsupdate.com crl.microsoft.com ocsp.digicert.com\nacl pki url_regex ^http://www[.]microsoft[.]com/(pki|pkiops)/\n" +
			"http_access allow !CONNECT trust localnet Safe_ports\nhttp_access allow !CONNECT pki localnet", Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: ConnectivityAltered, At: Above, Cause: "acl signs url_regex -i /(connecttest|ncsi)\\.txt\nhttp_access deny signs",
		Lines: "acl ncsi dstdomain .msftconnecttest.com .msftncsi.com\nhttp_access allow !CONNECT ncsi localnet Safe_ports", Source: squidWiki, Tried: "5.7"},
	{Product: Squid, Finding: SignedURLRefused, At: Above, Cause: "acl long-query urlpath_regex [?].{200}\nhttp_access deny long-query", Lines: squidAllowed, Tried: "5.7"},
	{Product: Squid, Finding: URLLimited, At: Above, Cause: "acl long-url url_regex ^.{250}.{250}.{250}\nhttp_access deny long-url", Lines: squidAllowed, Tried: "5.7"},
	{Product: Squid, Finding: RangeRefused, At: Above, Cause: "acl accelerators req_header Range .\nhttp_access deny accelerators", Lines: squidAllowed, Tried: "5.7"},
	{Product: Squid, Finding: RangeReset, At: Above, Cause: "acl accelerators req_header Range .\ndeny_info TCP_RESET accelerators\nhttp_access deny accelerators",
		Lines: squidAllowed, Source: squidReference + "deny_info", Tried: "5.7"},
	{Product: Squid, Finding: TwoBytesDenied, At: Above, Cause: "acl tries req_header Range ^bytes=0-1$\nhttp_access deny tries", Lines: squidAllowed, Tried: "5.7"},
	{Product: Squid, Finding: PrefixDenied, At: Instead, Cause: "acl updates dstdomain dl.delivery.mp.microsoft.com",
		Lines: "acl updates dstdomain .dl.delivery.mp.microsoft.com", Source: squidReference + "acl dstdomain"},
	{Product: Squid, Finding: AddressDenied, At: Instead, Cause: "acl numbers url_regex ^http://[0-9.]+[:/]\nhttp_access deny numbers",
		Lines: "acl numbers url_regex ^http://[0-9.]+[:/]\nacl do browser ^Microsoft-Delivery-Optimization\nhttp_access deny numbers !do"},
	{Product: Squid, Finding: SizeDenied, At: Above, Cause: "reply_body_max_size 512 KB", Lines: "{squid-acl}\nreply_body_max_size none windowsupdate",
		Source: squidReference + "reply_body_max_size", Tried: "5.7"},
	{Product: Squid, Finding: RedirectUnusable, At: Above, Cause: "acl programs urlpath_regex -i \\.(exe|msi|msu|cab)\ndeny_info 302:http://portal.example/terms?url=%u programs\nhttp_access deny programs",
		Lines: squidAllowed, Source: squidReference + "deny_info", Tried: "5.7"},
	{Product: Squid, Finding: PageInstead, At: Above, Cause: "acl programs urlpath_regex -i \\.(exe|msi|msu|cab)$\ndeny_info 200:ERR_ACCESS_DENIED programs\nhttp_access deny programs",
		Lines: squidAllowed, Source: squidReference + "deny_info", Tried: "5.7"},
	{Product: Squid, Finding: FaultHidden, At: Above, Cause: "acl errors http_status 500-599\nhttp_reply_access deny errors",
		Lines: "{squid-acl}\nhttp_reply_access allow windowsupdate", Source: squidReference + "http_reply_access", Tried: "5.7"},

	{Product: Squid, Finding: RangeIgnored, At: Above, Cause: "request_header_access Range deny all",
		Lines: "{squid-acl}\nrequest_header_access Range allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: ColdFails, At: Above, Cause: "request_header_access Range deny all\nread_ahead_gap 1 MB\nquick_abort_min 1 MB",
		Lines: "{squid-acl}\nrequest_header_access Range allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: MultiRangeUnsupported, At: Above, Cause: "acl several req_header Range ,\nrequest_header_access Range deny several",
		Lines: "{squid-acl}\nrequest_header_access Range allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: ConditionIgnored, At: Above, Cause: "request_header_access If-Unmodified-Since deny all",
		Lines: "{squid-acl}\nrequest_header_access If-Unmodified-Since allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: ServerError, At: Above, Cause: "request_header_access SOAPAction deny all",
		Lines: "{squid-acl}\nrequest_header_access SOAPAction allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: HostRewritten, At: Above, Cause: "request_header_access Host deny all\nrequest_header_replace Host wsus.example",
		Lines: "{squid-acl}\nrequest_header_access Host allow windowsupdate", Source: squidReference + "request_header_replace", Tried: "5.7"},
	{Product: Squid, Finding: RequestsChanged, At: Above, Cause: "request_header_access Accept-Encoding deny all",
		Lines: "{squid-acl}\nrequest_header_access Accept-Encoding allow windowsupdate", Source: squidReference + "request_header_access", Tried: "5.7"},
	{Product: Squid, Finding: CodingBroken, At: Above, Cause: "reply_header_access Content-Encoding deny all",
		Lines: "{squid-acl}\nreply_header_access Content-Encoding allow windowsupdate", Source: squidReference + "reply_header_access", Tried: "5.7"},
	{Product: Squid, Finding: SizeHidden, At: Above, Cause: "acl head method HEAD\nreply_header_access Content-Length deny head",
		Lines: "{squid-acl}\nreply_header_access Content-Length allow windowsupdate", Source: squidReference + "reply_header_access", Tried: "5.7"},
	{Product: Squid, Finding: DateHidden, At: Above, Cause: "reply_header_access Last-Modified deny all",
		Lines: "{squid-acl}\nreply_header_access Last-Modified allow windowsupdate", Source: squidReference + "reply_header_access", Tried: "5.7"},
	{Product: Squid, Finding: RangeUnstated, At: Above,
		Cause: "reply_header_access Allow allow all\nreply_header_access Cache-Control allow all\nreply_header_access Connection allow all\n" +
			"reply_header_access Content-Encoding allow all\nreply_header_access Content-Length allow all\nreply_header_access Content-Type allow all\n" +
			"reply_header_access Date allow all\nreply_header_access Expires allow all\nreply_header_access Last-Modified allow all\n" +
			"reply_header_access Location allow all\nreply_header_access All deny all",
		Lines: "reply_header_access Content-Range allow all", Source: squidReference + "reply_header_access, whose paranoid list lacks it", Tried: "5.7"},

	{Product: Squid, Finding: BodyRefused, At: Instead, Cause: "request_body_max_size 16 KB", Lines: "request_body_max_size 8 MB",
		Source: squidReference + "request_body_max_size", Tried: "5.7"},
	{Product: Squid, Finding: HeadLimited, At: Instead, Cause: "request_header_max_size 2 KB", Lines: "request_header_max_size 64 KB",
		Source: squidReference + "request_header_max_size", Tried: "5.7"},
	{Product: Squid, Finding: IdleCut, At: Instead, Cause: "client_idle_pconn_timeout 1 second", Lines: "client_idle_pconn_timeout 2 minutes",
		Source: squidReference + "client_idle_pconn_timeout", Tried: "5.7"},
	{Product: Squid, Finding: ConnectionsNotKept, At: Instead, Cause: "client_persistent_connections off", Lines: "client_persistent_connections on",
		Source: squidReference + "client_persistent_connections", Tried: "5.7"},
	{Product: Squid, Finding: ConnectionsCapped, At: Instead, Cause: "client_ip_max_connections 2", Lines: "client_ip_max_connections -1",
		Source: squidReference + "client_ip_max_connections", Tried: "5.7"},
	{Product: Squid, Finding: RangeFetchedWhole, At: Above, Cause: "range_offset_limit none", Lines: "{squid-acl}\nrange_offset_limit 0 windowsupdate",
		Source: squidReference + "range_offset_limit", Tried: "5.7"},
	{Product: Squid, Finding: RedirectorStale, Cause: squidOneForAll,
		Lines: "{squid-acl}\nstore_id_access deny windowsupdate", Source: squidReference + "store_id_access", Tried: "5.7"},
	{Product: Squid, Finding: ListsStale, Cause: squidOneForAll,
		Lines: "{squid-acl}\nstore_id_access deny windowsupdate", Source: squidReference + "store_id_access", Tried: "5.7"},
	{Product: Squid, Finding: CopyStale, Cause: "refresh_pattern -i \\.(cab|exe|psf)$ 43200 100% 43200 override-expire ignore-reload",
		Lines: "{squid-acl}\ncache deny windowsupdate", Source: squidReference + "cache"},
	{Product: Squid, Finding: ErrorKept, At: Instead, Cause: "negative_ttl 5 minutes", Lines: "negative_ttl 0 seconds", Source: squidReference + "negative_ttl"},
	{Product: Squid, Finding: GatewayImpatient, At: Instead, Cause: "read_timeout 15 seconds", Lines: "read_timeout 15 minutes", Source: squidReference + "read_timeout"},
	{Product: Squid, Finding: BigAnswersFail, At: Above, Cause: "icap_enable on\nicap_service scan respmod_precache icap://127.0.0.1:1344/respmod\nadaptation_access scan allow all",
		Lines: "{squid-acl}\nadaptation_access scan deny windowsupdate", Source: squidReference + "adaptation_access"},
}
