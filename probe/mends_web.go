package probe

import (
	"slices"
	"strings"
)

// webServerMends are those of web servers that act as proxies. None of them opens
// the proxy to a client: each narrows the lines that cause a finding, or allows the
// update servers to clients that are named again.
var webServerMends = slices.Concat(apacheMends, nginxMends, haproxyMends)

// The versions in which these mends were tried.
const (
	triedApache  = "2.4"
	triedNginx   = "1.22"
	triedHAProxy = "2.6"
)

// Documents that several of them name.
const (
	apacheAccess   = "httpd.apache.org: mod_authz_core, Require; core, LocationMatch"
	apacheIf       = "httpd.apache.org: core, If; mod_authz_core, Require"
	apacheRequests = "httpd.apache.org: mod_headers, RequestHeader; mod_setenvif"
	apacheAnswers  = "httpd.apache.org: mod_headers, Header; mod_setenvif"
	apacheFilter   = "httpd.apache.org: mod_substitute; core, LocationMatch"
	apacheEnv      = "httpd.apache.org: mod_setenvif; Environment Variables in Apache, "
	nginxCore      = "nginx.org: ngx_http_core_module, "
	nginxRewrite   = "nginx.org: ngx_http_rewrite_module, if, set"
	nginxLocation  = "nginx.org: ngx_http_core_module, location; ngx_http_rewrite_module, if"
	nginxProxy     = "nginx.org: ngx_http_proxy_module, "
	nginxRequests  = nginxProxy + "proxy_set_header"
	nginxKey       = nginxProxy + "proxy_cache_key"
	nginxFilter    = "nginx.org: ngx_http_sub_module, sub_filter_types"
	haproxyManual  = "HAProxy configuration manual: "
)

// Names of servers, as regular expressions between other text. Only names of
// Microsoft's have others below them.
const (
	updateNames       = `(([-a-z0-9]+\.)*(windowsupdate|update\.microsoft|delivery\.mp\.microsoft)\.com|{server-re})`
	revocationNames   = `(ctldl\.windowsupdate|crl\.microsoft|www\.microsoft)\.com`
	connectivityNames = `www\.msft(connecttest|ncsi)\.com`
)

// notTried is m, which no trial has shown.
func notTried(m *Mend) *Mend {
	m.Tried = ""
	return m
}

// inSection is m, with its lines in a section of their own.
func inSection(section string, m *Mend) *Mend {
	m.In = section
	return m
}

// preceded is m, with lines before both its cause and its own.
func preceded(lines string, m *Mend) *Mend {
	m.Cause, m.Lines = lines+m.Cause, lines+m.Lines
	return m
}

// What lets servers off in Apache httpd, by the URL that it goes to and not by the
// field Host, which a client is free to make up. A proxy's Request_URI is the whole
// URL, and that of a tunnel is host:port.
const (
	apacheEnd    = `(:[0-9]+)?(/|$)`
	apacheURL    = `(?i)^(http://)?` + updateNames + apacheEnd
	apacheOthers = `(?i)^http://(?!` + updateNames + apacheEnd + `)`
	apacheMarked = `SetEnvIf Request_URI "` + apacheURL + `" windowsupdate` + "\n"

	// The clients of the proxy: what a section says about them ends what those
	// before it said.
	apacheClients = "Require local\nRequire ip 10.0.0.0/8\n"
	apacheGrant   = `<LocationMatch "` + apacheURL + `">` + "\n" + apacheClients + "</LocationMatch>"
	apacheGrantIf = `<If "%{REQUEST_URI} =~ m#` + apacheURL + `#">` + "\n" + apacheClients + "</If>"
)

// apache writes the cause anew.
func apache(f *Finding, source, cause, lines string) *Mend {
	return &Mend{Product: Apache, Finding: f, At: Instead, Cause: cause, Lines: lines, Source: source, Tried: triedApache}
}

// apacheBelow adds to the cause.
func apacheBelow(f *Finding, source, cause, lines string) *Mend {
	return &Mend{Product: Apache, Finding: f, At: Below, Cause: cause, Lines: lines, Source: source, Tried: triedApache}
}

// apacheField keeps a line of mod_headers from the update servers.
func apacheField(f *Finding, source, line string) *Mend {
	return apache(f, source, line, apacheMarked+line+" env=!windowsupdate")
}

// apacheDenied allows the update servers below a section that denies.
func apacheDenied(f *Finding, section string) *Mend {
	return apacheBelow(f, apacheAccess, section, apacheGrant)
}

// apacheDeniedIf allows them below a condition under which all is denied.
func apacheDeniedIf(f *Finding, condition string) *Mend {
	return apacheBelow(f, apacheIf, `<If "`+condition+`">`+"\nRequire all denied\n</If>", apacheGrantIf)
}

// apacheFiles keeps lines for files of some names from the update servers.
func apacheFiles(f *Finding, source, names, lines string) *Mend {
	section := func(url string) string {
		return `<LocationMatch "` + url + `">` + "\n" + lines + "\n</LocationMatch>"
	}
	return apache(f, source, section(names), section(apacheOthers+".*"+names))
}

// apacheLong makes answers of a length that is not known.
const apacheLong = "SetOutputFilter SUBSTITUTE\nSubstitute \"s|http://|https://|n\""

// apacheMends are those of Apache httpd, in its server configuration.
var apacheMends = []*Mend{
	apacheDenied(LoginUnusable, `<Proxy "*">
AuthType Basic
AuthName "proxy"
AuthUserFile passwd
Require valid-user
</Proxy>`),
	apache(TunnelOnly443, "httpd.apache.org: mod_proxy_connect, AllowCONNECT",
		"AllowCONNECT 443",
		"AllowCONNECT 443 {tls-port}"),
	apacheDenied(TunnelDenied, `<Proxy "*">
<Limit CONNECT>
Require all denied
</Limit>
</Proxy>`),
	apache(BodyTrickles, "httpd.apache.org: mod_ratelimit",
		"SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4",
		"SetOutputFilter RATE_LIMIT\nSetEnv rate-limit 4096"),
	apache(HeadRefused, "httpd.apache.org: mod_rewrite, RewriteOptions",
		`RewriteEngine On
RewriteOptions AllowAnyURI
RewriteCond %{REQUEST_METHOD} !^(GET|POST|CONNECT)$
RewriteRule .* - [R=405,L]`,
		`RewriteEngine On
RewriteOptions AllowAnyURI
RewriteCond %{REQUEST_METHOD} !^(GET|HEAD|POST|CONNECT)$
RewriteRule .* - [R=405,L]`),
	apacheFiles(FileTypeMissing, "httpd.apache.org: core, LocationMatch", `\.(psf|esd)$`, "Redirect 404"),
	apacheBelow(ServerBehindProxyDown, "httpd.apache.org: mod_proxy, NoProxy",
		`ProxyRemote "*" "http://127.0.0.1:9"`,
		"NoProxy {server}"),
	apacheDenied(RequestDenied, `<Proxy "*">
Require all denied
</Proxy>
<ProxyMatch "^(http://)?([-a-z0-9]+\.)*example\.com(:[0-9]+)?(/|$)">
Require local
Require ip 10.0.0.0/8
</ProxyMatch>`),
	apacheDeniedIf(TwoBytesDenied, "req('Range') =~ /^bytes=0-.?$/"),
	apacheDenied(FileTypeDenied, `<LocationMatch "\.(cab|exe)$">
Require all denied
</LocationMatch>`),
	apache(RedirectUnusable, "httpd.apache.org: mod_alias, Redirect; core, If",
		`<If "%{HTTP_COOKIE} !~ /portal=/">
Redirect "http://portal.example/login"
</If>`,
		`<If "%{HTTP_COOKIE} !~ /portal=/ && %{REQUEST_URI} !~ m#`+apacheURL+`#">
Redirect "http://portal.example/login"
</If>`),
	apache(RequestRefused, "httpd.apache.org: core, LimitRequestFields",
		"LimitRequestFields 5",
		"LimitRequestFields 100"),
	apacheField(ServerError, apacheRequests, "RequestHeader unset SOAPAction"),
	apacheField(PageInstead, apacheAnswers, `Header set Content-Type "text/html; charset=utf-8"`),
	apacheFiles(SizeHidden, apacheFilter, `\.(cab|exe|msu|psf|esd)$`, apacheLong),
	apacheFiles(LengthMissing, apacheFilter, `\.(cab|exe|msu|psf|esd)$`, apacheLong),
	apacheField(DateHidden, apacheAnswers, "Header unset Last-Modified"),
	apacheField(RangeIgnored, apacheRequests, "RequestHeader unset Range"),
	apacheDeniedIf(RangeRefused, "-n req('Range')"),
	apacheField(RangeUnstated, apacheAnswers, "Header unset Content-Range"),
	apache(MultiRangeUnsupported, "Apache HTTPD security advisory CVE-2011-3192; httpd.apache.org: mod_setenvif",
		"SetEnvIf Range (,.*?){5,} bad-range=1\nRequestHeader unset Range env=bad-range",
		"SetEnvIf Range (,.*?){5,} bad-range=1\nSetEnvIf Request_URI \""+apacheURL+"\" !bad-range\nRequestHeader unset Range env=bad-range"),
	notTried(apacheField(ConditionRefused, apacheAnswers, `Header set Last-Modified "Thu, 01 Jan 1970 00:00:00 GMT"`)),
	apacheField(ConditionIgnored, apacheRequests, "RequestHeader unset If-Unmodified-Since"),
	apacheBelow(ContentRecoded, "httpd.apache.org: mod_deflate, no-gzip",
		"SetEnv force-gzip 1\nSetOutputFilter DEFLATE",
		`SetEnvIf Request_URI "`+apacheURL+`" no-gzip`),
	apache(ContentAltered, "httpd.apache.org: mod_substitute",
		"AddOutputFilterByType SUBSTITUTE text/html application/octet-stream\nSubstitute \"s|\\r||\"",
		"AddOutputFilterByType SUBSTITUTE text/html\nSubstitute \"s|\\r||\""),
	apacheBelow(HTTP10, apacheEnv+"force-response-1.0",
		`BrowserMatch "^Microsoft" downgrade-1.0 force-response-1.0`,
		`SetEnvIf Request_URI "`+apacheURL+`" !downgrade-1.0 !force-response-1.0`),
	apache(RequestsChanged, apacheEnv+"force-proxy-request-1.0",
		"SetEnv force-proxy-request-1.0 1",
		`SetEnvIf Request_URI "`+apacheOthers+`" force-proxy-request-1.0`),
	apacheBelow(FaultHidden, "httpd.apache.org: mod_proxy, ProxyErrorOverride",
		"ProxyErrorOverride On",
		`<LocationMatch "`+apacheURL+`">
ProxyErrorOverride Off
</LocationMatch>`),
	apache(BodyRefused, "httpd.apache.org: core, If; mod_alias, Redirect",
		"<If \"%{HTTP:Content-Length} -gt 16384\">\nRedirect 413\n</If>",
		"<If \"%{HTTP:Content-Length} -gt 8388608\">\nRedirect 413\n</If>"),
	apache(HeadLimited, "httpd.apache.org: core, LimitRequestFieldSize", "LimitRequestFieldSize 2048", "LimitRequestFieldSize 65536"),
	apache(URLLimited, "httpd.apache.org: core, LimitRequestLine", "LimitRequestLine 1000", "LimitRequestLine 16384"),
	apache(IdleCut, "httpd.apache.org: core, KeepAliveTimeout", "KeepAliveTimeout 1", "KeepAliveTimeout 65"),
	apache(HostRewritten, "httpd.apache.org: mod_proxy, ProxyPreserveHost",
		"ProxyPreserveHost On\nRequestHeader set Host wsus.example",
		"ProxyPreserveHost On"),
	{Product: Apache, Finding: FilesElsewhere, Lines: "ProxyPreserveHost On", Source: "httpd.apache.org: mod_proxy, ProxyPreserveHost"},
	apacheField(CodingBroken, apacheAnswers, "Header unset Content-Encoding"),
	apacheDeniedIf(SignedURLRefused, "%{QUERY_STRING} =~ /.{256}/"),
	apacheBelow(RevocationBlocked, apacheAccess,
		`<LocationMatch "\.crl$|/trustedr/">
Require all denied
</LocationMatch>`,
		`<LocationMatch "(?i)^http://`+revocationNames+apacheEnd+`">`+"\n"+apacheClients+"</LocationMatch>"),
	apacheDenied(AgentDenied, `SetEnvIfNoCase User-Agent "bits" robot
<Proxy "*">
<RequireAll>
Require local
Require not env robot
</RequireAll>
</Proxy>`),
	apacheBelow(ConnectivityAltered, apacheAccess,
		`<LocationMatch "\.txt$">
Require all denied
</LocationMatch>`,
		`<LocationMatch "(?i)^http://`+connectivityNames+apacheEnd+`">`+"\n"+apacheClients+"</LocationMatch>"),
	apache(ConnectionsNotKept, "httpd.apache.org: core, KeepAlive", "KeepAlive Off", "KeepAlive On"),
}

// What lets servers off in nginx, by the field Host, to which proxy_pass goes.
const (
	nginxOnward = "proxy_pass http://$http_host$request_uri;"
	nginxHost   = `$http_host ~* "^` + updateNames + `(:[0-9]+)?$"`
)

// nginx writes the cause anew.
func nginx(f *Finding, source, cause, lines string) *Mend {
	return &Mend{Product: Nginx, Finding: f, At: Instead, Cause: cause, Lines: lines, Source: source, Tried: triedNginx}
}

// nginxBelow adds to the cause.
func nginxBelow(f *Finding, source, cause, lines string) *Mend {
	return &Mend{Product: Nginx, Finding: f, At: Below, Cause: cause, Lines: lines, Source: source, Tried: triedNginx}
}

// nginxField passes on a field that the cause removes from answers.
func nginxField(f *Finding, field string) *Mend {
	return nginxBelow(f, nginxProxy+"proxy_pass_header", "proxy_hide_header "+field+";", "proxy_pass_header "+field+";")
}

// nginxIf keeps what is done under a condition from the update servers. That takes
// a variable, as a condition is of one comparison.
func nginxIf(f *Finding, condition, action string) *Mend {
	return nginx(f, nginxRewrite,
		"if ("+condition+") { "+action+" }",
		`set $caught no;
if (`+condition+`) { set $caught yes; }
if (`+nginxHost+`) { set $caught no; }
if ($caught = yes) { `+action+" }")
}

// nginxFiles keeps what is done to files of some names from servers of some names.
func nginxFiles(f *Finding, files, cause, action, servers string) *Mend {
	return nginx(f, nginxLocation,
		"location "+files+" { "+cause+" }",
		"location "+files+` {
if ($http_host !~* "^`+servers+`(:[0-9]+)?$") { `+action+` }
`+nginxOnward+`
}`)
}

// Lines of its cache.
const (
	nginxCached   = "proxy_cache files;\nproxy_cache_convert_head off;\nproxy_cache_valid 200 206 1h;\n"
	nginxReplayed = "proxy_cache files;\nproxy_cache_key $http_host$request_uri;\nproxy_cache_valid any 1h;\nproxy_ignore_headers Cache-Control Expires;"
	nginxParts    = "proxy_set_header Range $http_range;\nproxy_set_header If-Unmodified-Since $http_if_unmodified_since;"
)

// nginxMends are those of nginx, in the location that passes requests on unless
// another section is named.
var nginxMends = []*Mend{
	preceded("reset_timedout_connection on;\n", nginxIf(ConnectionReset, `$http_user_agent ~* "bits"`, "return 444;")),
	nginxIf(ConnectionClosed, `$http_user_agent ~* "bits"`, "return 444;"),
	inSection("http { }", nginx(ProxySilent, "nginx.org: ngx_http_limit_req_module",
		"limit_req_zone $binary_remote_addr zone=clients:1m rate=6r/m;\nlimit_req zone=clients burst=20;",
		"limit_req_zone $binary_remote_addr zone=clients:1m rate=100r/s;\nlimit_req zone=clients burst=200 nodelay;")),
	nginx(BodyTrickles, nginxCore+"limit_rate", "limit_rate 1k;", "limit_rate 4m;"),
	nginx(HeadRefused, nginxRewrite,
		"if ($request_method !~ ^(GET|POST)$) { return 405; }",
		"if ($request_method !~ ^(GET|HEAD|POST)$) { return 405; }"),
	nginxFiles(FileTypeMissing, `~* \.(psf|esd)$`, "return 404;", "return 404;", updateNames),
	nginx(ServerBehindProxyDown, nginxProxy+"proxy_pass", "proxy_pass http://$host$request_uri;", nginxOnward),
	nginxIf(RequestDenied, `$host !~ "\.example$"`, "return 403;"),
	nginxIf(TwoBytesDenied, `$http_range ~ "^bytes=0-.?$"`, "return 403;"),
	nginxFiles(FileTypeDenied, `~* \.(exe|msu)$`, "deny all;", "return 403;", updateNames),
	nginx(ServerLoginWanted, "nginx.org: ngx_http_auth_basic_module, auth_basic",
		`auth_basic "proxy";
auth_basic_user_file passwd;`,
		`set $realm "proxy";
if (`+nginxHost+`) { set $realm off; }
auth_basic $realm;
auth_basic_user_file passwd;`),
	nginxIf(RedirectUnusable, `$http_cookie !~ "portal="`, "return 302 http://portal.example/login;"),
	nginxIf(RequestRefused, `$http_accept = ""`, "return 400;"),
	nginx(ServerError, nginxRequests, `proxy_set_header SOAPAction "";`, "proxy_set_header SOAPAction $http_soapaction;"),
	nginxIf(PageInstead, `$request_uri ~ "\.asmx$"`, `return 200 "<html><title>Closed for maintenance</title></html>";`),
	nginx(SOAPUnreadable, nginxFilter,
		"proxy_set_header Accept-Encoding \"\";\nsub_filter_types text/xml;\nsub_filter_once off;\nsub_filter http:// https://;",
		"sub_filter_types text/css;\nsub_filter_once off;\nsub_filter http:// https://;"),
	nginx(SizeHidden, nginxFilter,
		"sub_filter_types application/octet-stream;\nsub_filter http:// https://;",
		"sub_filter_types text/css;\nsub_filter http:// https://;"),
	nginxIf(SizeWrong, `$http_user_agent ~* "bits"`, `return 200 "<html><title>Blocked</title></html>";`),
	nginx(LengthMissing, "nginx.org: ngx_http_ssi_module, ssi_types", "ssi on;\nssi_types application/octet-stream;", "ssi on;"),
	nginxField(DateHidden, "Last-Modified"),
	nginx(RangeIgnored, nginxRequests, `proxy_set_header Range "";`, "proxy_set_header Range $http_range;"),
	nginxIf(RangeRefused, "$http_range", "return 403;"),
	nginxField(RangeUnstated, "Content-Range"),
	nginx(RangeWrong, nginxKey,
		nginxCached+nginxParts+"\nproxy_cache_key $request_method$http_host$request_uri;",
		nginxCached+nginxParts+"\nproxy_cache_key $request_method$http_host$request_uri$http_range;"),
	nginxBelow(RangeFetchedWhole, nginxProxy+"proxy_cache_bypass, proxy_no_cache, proxy_cache_convert_head",
		"proxy_cache files;\nproxy_cache_valid 200 206 1h;",
		`proxy_cache_bypass $http_range;
proxy_no_cache $http_range;
proxy_cache_convert_head off;
proxy_cache_key $request_method$http_host$request_uri;
`+nginxParts),
	nginxIf(MultiRangeUnsupported, `$http_range ~ "(\d*-\d*\s*,\s*){5,}"`, "return 416;"),
	nginxIf(ConditionRefused, "$http_if_unmodified_since", "return 412;"),
	nginx(ConditionIgnored, nginxRequests,
		`proxy_set_header If-Unmodified-Since "";`,
		"proxy_set_header If-Unmodified-Since $http_if_unmodified_since;"),
	{Product: Nginx, Finding: ContentRecoded, Lines: "gzip off;", Source: "nginx.org: ngx_http_gzip_module, gzip"},
	nginx(ContentAltered, nginxFilter,
		"sub_filter_types application/octet-stream;\nsub_filter_once off;\nsub_filter \"\\r\" \"\";",
		"sub_filter_types text/css;\nsub_filter_once off;\nsub_filter \"\\r\" \"\";"),
	nginx(RequestsChanged, nginxProxy+"proxy_http_version", "proxy_http_version 1.0;", "proxy_http_version 1.1;"),
	nginx(FaultHidden, nginxProxy+"proxy_intercept_errors",
		"proxy_intercept_errors on;\nerror_page 500 502 503 504 /50x.html;",
		"proxy_intercept_errors off;\nerror_page 500 502 503 504 /50x.html;"),
	nginx(AnswersReplayed, nginxProxy+"proxy_cache_methods",
		nginxReplayed+"\nproxy_cache_methods GET HEAD POST;",
		nginxReplayed+"\nproxy_cache_methods GET HEAD;"),
	nginx(BodyRefused, nginxCore+"client_max_body_size", "client_max_body_size 16k;", "client_max_body_size 8m;"),
	inSection("server { }", nginx(HeadLimited, nginxCore+"large_client_header_buffers",
		"large_client_header_buffers 4 2k;",
		"large_client_header_buffers 4 64k;")),
	nginxIf(URLLimited, `$request_uri ~ "^.{900}"`, "return 414;"),
	nginx(IdleCut, nginxCore+"keepalive_timeout", "keepalive_timeout 1s;", "keepalive_timeout 75s;"),
	nginx(HostRewritten, nginxRequests, "proxy_set_header Host $host;", "proxy_set_header Host $http_host;"),
	nginx(FilesElsewhere, nginxFilter,
		"proxy_set_header Accept-Encoding \"\";\nsub_filter_types text/xml;\nsub_filter_once off;\nsub_filter http://$http_host https://$http_host;",
		"sub_filter_types text/css;\nsub_filter_once off;\nsub_filter http://$http_host https://$http_host;"),
	nginxField(CodingBroken, "Content-Encoding"),
	nginx(RedirectorStale, nginxKey,
		nginxCached+"proxy_ignore_headers Cache-Control Expires;\nproxy_cache_key $request_method$http_host$uri;",
		nginxCached+"proxy_cache_key $request_method$http_host$request_uri;"),
	nginx(ListsStale, nginxKey,
		nginxCached+"proxy_cache_key $request_method$http_host$uri;",
		nginxCached+"proxy_cache_key $request_method$http_host$request_uri;"),
	nginx(SignedURLRefused, nginxProxy+"proxy_pass", "proxy_pass http://$http_host$uri;", nginxOnward),
	nginx(SlashesMerged, nginxCore+"merge_slashes; ngx_http_proxy_module, proxy_pass",
		"proxy_pass http://$http_host$uri$is_args$args;",
		nginxOnward),
	notTried(nginxFiles(RevocationBlocked, `~ (\.crl$|/trustedr/)`, "deny all;", "return 403;", revocationNames)),
	nginxIf(AgentDenied, `$http_user_agent ~* "bits"`, "return 403;"),
	notTried(nginxFiles(ConnectivityAltered, `~ \.txt$`,
		`return 200 "<html><title>Welcome</title></html>";`,
		`return 200 "<html><title>Welcome</title></html>";`, connectivityNames)),
	nginx(ConnectionsNotKept, nginxCore+"keepalive_timeout", "keepalive_timeout 0;", "keepalive_timeout 75s;"),
	notTried(inSection("http { }", nginx(ConnectionsCapped, "nginx.org: ngx_http_limit_conn_module",
		"limit_conn_zone $binary_remote_addr zone=clients:1m;\nlimit_conn clients 2;",
		"limit_conn_zone $binary_remote_addr zone=clients:1m;\nlimit_conn clients 64;"))),
}

// What lets servers off in HAProxy. Rules for answers cannot see the request, but
// its variables.
const (
	haproxyNamed  = "http-request set-var(txn.host) req.hdr(host),host_only\n"
	haproxyMarked = haproxyNamed + `acl windowsupdate var(txn.host) -i -m str {server}
acl windowsupdate var(txn.host) -i -m end .windowsupdate.com .update.microsoft.com .delivery.mp.microsoft.com
`
	haproxyConditions = "7.2, using ACLs to form conditions"
	haproxyCounted    = "stick-table type ip size 10k store conn_cur\ntcp-request connection track-sc0 src\n"
)

// haproxy writes the cause anew.
func haproxy(f *Finding, source, cause, lines string) *Mend {
	return &Mend{Product: HAProxy, Finding: f, At: Instead, Cause: cause, Lines: lines, Source: haproxyManual + source, Tried: triedHAProxy}
}

// haproxyRule keeps a rule from the update servers. To allow them above it would end
// the rules for them, with those below that say where requests go.
func haproxyRule(f *Finding, rule string) *Mend {
	return haproxy(f, haproxyConditions, rule, haproxyMarked+haproxyUnless(rule, "windowsupdate"))
}

// haproxyUnless is a rule with one more exception.
func haproxyUnless(rule, exception string) string {
	switch {
	case strings.Contains(rule, " if "):
		return rule + " !" + exception
	case strings.Contains(rule, " unless "):
		return rule + " or " + exception
	}
	return rule + " unless " + exception
}

// haproxyServers keeps a rule from servers of some names.
func haproxyServers(f *Finding, rule, names string) *Mend {
	return haproxy(f, haproxyConditions, rule,
		haproxyNamed+"acl exempt var(txn.host) -i -m str "+names+"\n"+haproxyUnless(rule, "exempt"))
}

// haproxyMends are those of HAProxy, in its frontend unless another section is
// named.
var haproxyMends = []*Mend{
	haproxyRule(ConnectionClosed, "http-request reject if { path_end -i .exe }"),
	preceded("timeout tarpit 30s\n", haproxyRule(ProxySilent, "http-request tarpit if { path_end -i .exe }")),
	haproxy(HeadRefused, "method",
		"http-request deny deny_status 405 unless { method GET POST }",
		"http-request deny deny_status 405 unless { method GET HEAD POST }"),
	haproxyRule(FileTypeMissing, "http-request return status 404 if { path_end -i .psf .esd }"),
	haproxy(ServerBehindProxyDown, "url_port", "http-request set-dst-port int(80)", "http-request set-dst-port url_port"),
	haproxyRule(RequestDenied, "http-request deny unless { req.hdr(host) -m end .example }"),
	haproxyRule(TwoBytesDenied, "http-request deny if { req.hdr(range) -m reg ^bytes=0-.?$ }"),
	haproxyRule(FileTypeDenied, "http-request deny if { path_end -i .cab .exe }"),
	notTried(haproxyRule(SizeDenied, "http-response deny deny_status 403 if { res.hdr_val(content-length) gt 524288 }")),
	haproxyRule(ServerLoginWanted, "http-request auth realm proxy unless { req.hdr(authorization) -m found }"),
	haproxyRule(RedirectUnusable, "http-request redirect scheme https"),
	haproxyRule(RequestRefused, "http-request deny deny_status 400 unless { req.hdr(accept) -m found }"),
	haproxyRule(ServerError, "http-request del-header SOAPAction"),
	haproxyRule(PageInstead, `http-request return status 200 content-type text/html string "<html><title>Blocked</title></html>" if { path_end -i .exe }`),
	haproxyRule(SizeHidden, "http-response del-header Content-Length"),
	haproxyRule(LengthMissing, "http-response del-header Content-Length"),
	haproxyRule(DateHidden, "http-response del-header Last-Modified"),
	haproxyRule(RangeIgnored, "http-request del-header Range"),
	haproxyRule(RangeRefused, "http-request deny if { req.hdr(range) -m found }"),
	haproxyRule(RangeUnstated, "http-response del-header Content-Range"),
	haproxyRule(MultiRangeUnsupported, "http-request del-header Range if { req.hdr_cnt(range) gt 5 }"),
	notTried(haproxyRule(ConditionRefused, `http-response set-header Last-Modified "Thu, 01 Jan 1970 00:00:00 GMT"`)),
	haproxyRule(ConditionIgnored, "http-request del-header If-Unmodified-Since"),
	haproxy(ContentRecoded, "compression",
		"http-request set-header Accept-Encoding gzip\ncompression algo gzip\ncompression type application/octet-stream",
		haproxyMarked+"http-request set-header Accept-Encoding gzip unless windowsupdate\ncompression algo gzip\ncompression type application/octet-stream"),
	haproxyRule(RequestsChanged, "http-request del-header Accept-Encoding"),
	haproxyRule(FaultHidden, "http-response deny if { status 500 }"),
	haproxy(BodyRefused, "req.body_size",
		"http-request deny deny_status 413 if { req.body_size gt 16384 }",
		"http-request deny deny_status 413 if { req.body_size gt 8388608 }"),
	inSection("global", haproxy(HeadLimited, "tune.bufsize", "tune.bufsize 4096", "tune.bufsize 98304")),
	haproxy(URLLimited, "url_len",
		"http-request deny deny_status 400 if { url_len gt 1000 }",
		"http-request deny deny_status 400 if { url_len gt 16384 }"),
	inSection("defaults", haproxy(IdleCut, "timeout http-keep-alive", "timeout http-keep-alive 1s", "timeout http-keep-alive 1m")),
	inSection("backend", haproxyRule(HostRewritten, "http-request set-header Host wsus.example")),
	haproxyRule(CodingBroken, "http-response del-header Content-Encoding"),
	haproxyRule(SignedURLRefused, "http-request deny if { query,length gt 256 }"),
	haproxyRule(SlashesMerged, `http-request replace-path (.*)//+(.*) \1/\2`),
	haproxyServers(RevocationBlocked, "http-request deny if { path_end -i .crl }",
		"crl.microsoft.com www.microsoft.com ctldl.windowsupdate.com"),
	haproxyRule(AgentDenied, "http-request deny if { req.hdr(user-agent) -i -m sub bits }"),
	haproxyServers(ConnectivityAltered,
		`http-request return status 200 content-type text/html string "<html><title>Welcome</title></html>" if { path_end .txt }`,
		"www.msftconnecttest.com www.msftncsi.com"),
	haproxy(ConnectionsNotKept, "option http-keep-alive", "option httpclose", "option http-keep-alive"),
	haproxy(ConnectionsCapped, "sc_conn_cur",
		haproxyCounted+"tcp-request connection reject if { sc0_conn_cur gt 4 }",
		haproxyCounted+"tcp-request connection reject if { sc0_conn_cur gt 64 }"),
}
