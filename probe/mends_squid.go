package probe

// squidMends are those of Squid, in squid.conf.
var squidMends = []*Mend{
	{Product: Squid, Finding: LoginUnusable, At: Above, Cause: "acl known proxy_auth REQUIRED\nhttp_access deny !known", Lines: "{squid-acl}\nhttp_access allow windowsupdate", Source: squidWiki},
	{Product: Squid, Finding: LoginWanted, At: Above, Cause: "acl known proxy_auth REQUIRED\nhttp_access deny !known", Lines: "{squid-acl}\nhttp_access allow windowsupdate", Source: squidWiki},
	{Product: Squid, Finding: LoginBroken, At: Above, Lines: "{squid-acl}\nhttp_access allow windowsupdate", Source: squidWiki},
	{Product: Squid, Finding: TunnelOnly443, Lines: "acl SSL_ports port {tls-port}"},
	{Product: Squid, Finding: TunnelDenied, At: Above, Cause: "http_access deny CONNECT", Lines: "{squid-acl}\nacl tunnel method CONNECT\nhttp_access allow tunnel windowsupdate", Tried: "5.7"},
	{Product: Squid, Finding: TLSInspected, At: Above, Lines: "acl windowsupdate-tls ssl::server_name .update.microsoft.com .delivery.mp.microsoft.com {server}\nssl_bump splice windowsupdate-tls", Source: squidWiki},
	{Product: Squid, Finding: RequestDenied, At: Above, Cause: "http_access deny all", Lines: "{squid-acl}\nhttp_access allow windowsupdate"},
	{Product: Squid, Finding: SizeDenied, At: Above, Cause: "reply_body_max_size 512 KB", Lines: "{squid-acl}\nreply_body_max_size none windowsupdate"},
	{Product: Squid, Finding: RangeIgnored, At: Instead, Cause: "request_header_access Range deny all", Lines: "# nothing", Tried: "5.7"},
	{Product: Squid, Finding: BodyRefused, Lines: "request_body_max_size 8 MB"},
	{Product: Squid, Finding: IdleCut, Lines: "client_idle_pconn_timeout 2 minutes"},
	{Product: Squid, Finding: RedirectorStale, Lines: "# remove what strips the query in store_id_program, and ignore-no-cache in refresh_pattern"},
	{Product: Squid, Finding: RangeFetchedWhole, At: Instead, Cause: "range_offset_limit none", Lines: "{squid-acl}\nrange_offset_limit 200 MB windowsupdate\nquick_abort_min -1 KB", Source: squidWiki},
	{Product: Squid, Finding: ConnectionsCapped, Lines: "client_ip_max_connections -1"},
}
