package sim

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"proxycheck/probe"
)

// Faults lists every fault, from the client outwards. Each row is at once a
// mode of the simulator, a test of the prober and a line of the documentation.
var Faults = slices.Concat(nameFaults, []*Fault{
	{
		Name: "proxy-name-gone", Title: "the proxy's name does not exist", Source: "Windows Update troubleshooting",
		Break: names(nxdomain), Shows: shows(probe.ProxyNameUnknown),
	},
	{
		Name: "name-server-silent", Title: "the name server does not answer", Source: "Windows Update troubleshooting",
		Break: names(silence), Shows: shows(probe.NameServerSilent),
	},
	{
		Name: "proxy-port-refused", Title: "nothing listens on the proxy's port", Source: "KB2894304",
		Break: listen(nobody), Shows: shows(probe.ProxyRefuses),
	},
	{
		Name: "proxy-syn-dropped", Title: "a firewall drops packets to the proxy",
		Source: "a capture of Windows XP, 2004",
		Break:  listen(deaf), Shows: shows(probe.ProxyUnreachable),
	},
	{
		Name: "proxy-is-ssh", Title: "another service listens on the proxy's port", Source: "RFC 9112, 2.2",
		Break: answer(everything, "SSH-2.0-OpenSSH_9.2\r\n"), Shows: shows(probe.ProxyNotHTTP),
	},
	{
		Name: "proxy-is-tls", Title: "a service that speaks TLS alone listens on the proxy's port, and hangs up on all else", Source: "RFC 9112, 2.2",
		Break: listen(tlsAlone), Shows: shows(probe.ProxyNotHTTP),
	},
	{
		Name: "server-name-gone", Title: "without a proxy: the server of a policy left behind is gone from the name service",
		Source: "WSUS policy left behind, 2014",
		Break:  direct(names(nxdomain)), Shows: shows(probe.ServerNameUnknown),
	},
	{
		Name: "server-port-refused", Title: "without a proxy: nothing listens on the server's port",
		Source: "KB3090184",
		Break:  direct(serve(nobody)), Shows: shows(probe.ServerRefuses),
	},
	{
		Name: "server-syn-dropped", Title: "without a proxy: a firewall drops packets to the server",
		Source: "KB2894304",
		Break:  direct(serve(deaf)), Shows: shows(probe.ServerUnreachable),
	},
	{
		Name: "answer-withheld", Title: "the proxy takes a request and never answers", Source: "KB2894304",
		Break: takeOver(everything, stall), Shows: shows(probe.ProxySilent),
	},
	{
		Name: "answer-closed", Title: "the proxy hangs up in place of an answer", Source: "KB10132",
		Break: takeOver(everything, hangUp), Shows: shows(probe.ConnectionClosed),
	},
	{
		Name: "answer-reset", Title: "the connection is reset in mid-head", Source: "KB2894304",
		Break: takeOver(not(method("CONNECT")), resetInHead), Shows: shows(probe.ConnectionReset),
	},
	{
		Name: "answer-malformed", Title: "the status line of each answer is none", Source: "KB10132",
		Break: head(everything, "HTTP/1.1 ", "HTTP/1.1: "), Shows: shows(probe.AnswerMalformed),
	},
	{
		Name: "answer-http10", Title: "answers come as HTTP/1.0, with lengths and ranges",
		Source: "HTTP requirements for BITS downloads",
		Break:  head(everything, "HTTP/1.1 ", "HTTP/1.0 "), Shows: shows(probe.HTTP10),
	},
	{
		Name: "answer-head-endless", Title: "the head of each answer grows beyond measure",
		Source: "WinHTTP error messages",
		Break:  head(everything, "\r\n", "\r\n"+fields(6000)), Shows: shows(probe.HeadTooLarge),
	},
	{
		Name: "body-stalled", Title: "the proxy stops sending in the middle of a file", Source: "KB3175743",
		Break: body(having("Range"), 1000, stall), Shows: shows(probe.ProxySilent),
	},
	{
		Name: "body-trickled", Title: "a scanner lets through a few bytes at a time",
		Source: "Skyhigh: data trickling",
		Break:  body(both(both(content, file(".cab")), lacking("Range")), 100, trickle), Shows: shows(probe.BodyTrickles),
	},
	{
		Name: "body-reset", Title: "a scanner resets the connection in the middle of a file", Source: "KB2894304",
		Break: body(both(method("GET"), lacking("Range")), 100, reset), Shows: shows(probe.ConnectionReset),
	},
	{
		Name: "body-cut", Title: "the proxy hangs up in the middle of a file", Source: "KB3175743",
		Break: body(having("Range"), 1, hangUp), Shows: shows(probe.BodyCut),
	},
	{
		Name: "body-changed", Title: "a scanner changes one byte of each whole file",
		Source: "Windows Update troubleshooting",
		Break:  response(both(file(".cab"), lacking("Range")), changeByte(4000)), Shows: shows(probe.ContentAltered),
	},
	{
		Name: "body-gzipped", Title: "files are compressed for a client that asked for identity",
		Source: "tried on Apache httpd with mod_deflate",
		Break:  response(both(file(".cab"), method("GET")), compress), Shows: shows(probe.ContentRecoded),
	},
	{
		Name: "length-doubled", Title: "a filter adds a second Content-Length", Source: "RFC 9112, 6.3",
		Break: head(file(".cab"), "Content-Length: ", "Content-Length: 1\r\nContent-Length: "),
		Shows: shows(probe.LengthDoubled),
	},
	{
		Name: "answer-with-more", Title: "bytes are added behind each answer of the web service", Source: "RFC 9112, 6.3",
		Break: answer(method("POST"), config+"<!-- seen -->"), Shows: shows(probe.BytesBehind),
	},
	{
		Name: "soap-changed", Title: "a word in the answers of the web service is changed", Source: "wuerror.h, WU_E_PT_INVALID_FORMAT",
		Break: chain(request(unset("Accept-Encoding")), response(calling("GetConfig"), replaceWord("true", "eurt"))), Shows: shows(probe.ContentAltered, probe.RequestsChanged),
	},
	{
		Name: "file-not-modified", Title: "a cache answers 304 to who has no copy", Source: "RFC 9110, 15.4.5",
		Break: answer(both(method("GET"), lacking("Range")), "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"),
		Shows: shows(probe.NotModifiedUnasked),
	},
	{
		Name: "date-removed", Title: "Last-Modified is removed from answers", Source: "tried on Squid with reply_header_access",
		Break: response(method("HEAD"), drop("Last-Modified")), Shows: shows(probe.DateHidden),
	},
	{
		Name: "head-length-removed", Title: "the answer to HEAD has no length", Source: "KB10132",
		Break: response(method("HEAD"), drop("Content-Length")), Shows: shows(probe.SizeHidden),
	},
	{
		Name: "head-length-wrong", Title: "HEAD is answered with another length",
		Source: "HTTP requirements for BITS downloads",
		Break:  head(method("HEAD"), "Content-Length: ", "Content-Length: 1"), Shows: shows(probe.SizeWrong),
	},
	{
		Name: "head-method-refused", Title: "HEAD is refused as a method",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_BAD_METHOD",
		Break:  answer(method("HEAD"), "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
		Shows:  shows(probe.HeadRefused),
	},
	{
		Name: "head-with-body", Title: "HEAD is answered as if it were GET", Source: "RFC 9110, 9.3.2",
		Break: answer(method("HEAD"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: application/octet-stream\r\n\r\nMSCF\x00\x00\x00\x00\x00"),
		Shows: shows(probe.HeadHasBody),
	},
	{
		Name: "range-removed", Title: "the proxy fetches whole files so that it can scan them", Source: "KB922330",
		Break: request(unset("Range")), Shows: shows(probe.RangeIgnored),
	},
	{
		Name: "range-refused", Title: "requests for a part of a file are refused",
		Source: "Palo Alto: block HTTP range",
		Break:  answer(having("Range"), "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.RangeRefused),
	},
	{
		Name: "content-range-removed", Title: "Content-Range is removed from answers", Source: "BITS return values",
		Break: response(having("Range"), drop("Content-Range")), Shows: shows(probe.RangeUnstated),
	},
	{
		Name: "content-range-wrong", Title: "Content-Range does not give the total", Source: "BITS return values",
		Break: response(having("Range"), total("*")), Shows: shows(probe.RangeWrong),
	},
	{
		Name: "range-length-removed", Title: "parts of a file come in chunks, without a length",
		Source: "BITS return values",
		Break:  response(having("Range"), drop("Content-Length")), Shows: shows(probe.LengthMissing),
	},
	{
		Name: "condition-refused", Title: "a condition that holds is said not to",
		Source: "HTTP requirements for BITS downloads",
		Break:  answer(having("If-Unmodified-Since"), "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.ConditionRefused),
	},
	{
		Name: "condition-removed", Title: "If-Unmodified-Since is removed from requests", Source: "tried on Varnish",
		Break: request(unset("If-Unmodified-Since")), Shows: shows(probe.ConditionIgnored),
	},
	{
		Name: "login-basic", Title: "the proxy wants a login by Basic from everyone", Source: "KB10132",
		Break: answer(everything, login("Basic realm=\"proxy\"")), Shows: shows(probe.LoginUnusable),
	},
	{
		Name: "login-ntlm", Title: "the proxy wants a login by NTLM from everyone", Source: "KB885819",
		Break: answer(everything, login("NTLM")), Shows: shows(probe.LoginWanted),
	},
	{
		Name: "request-denied", Title: "the proxy denies the update server", Source: "KB885819",
		Break: answer(not(method("CONNECT")), "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 35\r\n\r\n<html><title>Blocked</title></html>"),
		Shows: shows(probe.RequestDenied),
	},
	{
		Name: "cab-denied", Title: "the proxy denies files by their extension",
		Source: "Windows Update troubleshooting",
		Break:  answer(file(".cab"), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.FileTypeDenied),
	},
	{
		Name: "size-denied", Title: "the proxy denies answers of more than 140 KB",
		Source: "tried on Squid with reply_body_max_size",
		Break:  response(method("GET"), denyBeyond(140_000)), Shows: shows(probe.SizeDenied),
	},
	{
		Name: "name-server-fails", Title: "the name server cannot tell", Source: "RFC 1035, 4.1.1",
		Break: names(servfail), Shows: shows(probe.NameServerFails),
	},
	{
		Name: "head-denied", Title: "the proxy denies HEAD and no other method",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_FORBIDDEN",
		Break:  answer(method("HEAD"), "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n"),
		Shows:  shows(probe.HeadRefused),
	},
	{
		Name: "request-refused", Title: "the proxy refuses a GET that states the length of a body",
		Source: "RFC 9112, 6.3",
		Break:  answer(both(method("GET"), having("Content-Length")), "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.RequestRefused),
	},
	{
		Name: "block-page", Title: "a page comes in place of each file, with status 200", Source: "BITS return values",
		Break: response(both(file(".cab"), method("GET")), blockPage), Shows: shows(probe.PageInstead),
	},
	{
		Name: "portal", Title: "every GET and HEAD is sent to a login page, and that to itself",
		Source: "WinHTTP error messages",
		Break:  answer(both(not(method("CONNECT")), not(method("POST"))), "HTTP/1.1 302 Found\r\nLocation: http://"+ServerName+":8530/login\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.RedirectUnusable),
	},
	{
		Name: "server-unreachable", Title: "the proxy cannot reach the update server",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_BAD_GATEWAY",
		Break:  dial(refused), Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "server-tls-refused", Title: "nothing listens on the server's TLS port", Source: "KB3090184",
		Break: refuseTLS, Shows: shows(probe.TunnelServerDown),
	},
	{
		Name: "proxy-overloaded", Title: "the proxy answers 503 to everything", Source: "KB2894304",
		Break: answer(everything, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
		Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "connect-denied", Title: "the proxy denies CONNECT", Source: "Squid wiki: Windows Update",
		Break: answer(method("CONNECT"), "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 34\r\n\r\n<html><title>Denied</title></html>"),
		Shows: shows(probe.TunnelDenied),
	},
	{
		Name: "connect-only-443", Title: "the proxy opens tunnels to port 443 alone",
		Source: "Debian's squid.conf; AllowCONNECT of Apache httpd",
		Break:  answer(both(method("CONNECT"), not(toPort("443"))), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
		Shows:  shows(probe.TunnelOnly443),
	},
	{
		Name: "tls-reset", Title: "the connection is reset in the TLS handshake",
		Source: "Windows Update troubleshooting",
		Break:  takeOver(method("CONNECT"), openAndReset), Shows: shows(probe.TLSBroken),
	},
	{
		Name: "tls-inspected", Title: "the proxy signs TLS with its own root", Source: "Windows Update security",
		Break: tunnel(inspect), Shows: shows(probe.TLSInspected),
	},
	{
		Name: "server-certificate-expired", Title: "the server's certificate has expired", Source: "KB3090184",
		Break: expire, Shows: shows(probe.CertificateInvalid),
	},
	{
		Name: "server-issuer-unknown", Title: "the server's certificate is from a root that this machine does not have",
		Source: "Windows Update security",
		Break:  forgetCA, Shows: shows(probe.IssuerUnknown),
	},
	{
		Name: "server-pool-stopped", Title: "the application pool of the server is stopped", Source: "KB3090184",
		Break: origin(everything, poolStopped), Shows: shows(probe.ServerUnavailable),
	},
	{
		Name: "server-silent", Title: "the server is overloaded and does not answer calls in time",
		Source: "Optimize-WsusServer", Break: origin(file(".asmx"), seize(stall)), Shows: shows(probe.ProxySilent),
	},
	{
		Name: "server-starts-slowly", Title: "the first call starts the server, which takes longer than clients wait",
		Source: "Optimize-WsusServer", Break: startSlowly, Shows: shows(probe.SlowStart),
	},
	{
		Name: "server-certificate-misnamed", Title: "the server's certificate is for another name", Source: "KB3090184",
		Break: handshake(misname), Shows: shows(probe.CertificateInvalid),
	},
	{
		Name: "server-wants-certificate", Title: "the server lets in nobody without a certificate of its own",
		Source: "KB3090184", Break: handshake(wantCertificate), Shows: shows(probe.CertificateWanted),
	},
	{
		Name: "server-without-wsus", Title: "the server has no update service", Source: "MS-WUSP 2.1",
		Break: origin(file(".asmx"), notFound), Shows: shows(probe.ServerNotWSUS),
	},
	{
		Name: "server-files-missing", Title: "the server has lost its files", Source: "KB3090184",
		Break: origin(both(file(".cab"), not(file("iuident.cab"))), notFound), Shows: shows(probe.FileMissing),
	},
	{
		Name: "server-content-missing", Title: "the folder of the content is not where the server looks for it", Source: "KB3090184",
		Break: origin(under("/Content/"), notFound), Shows: shows(probe.FileMissing),
	},
	{
		Name: "server-types-unknown", Title: "the server knows no MIME type for .psf, .esd and .msu",
		Source: "IIS status 404.3", Break: origin(either(file(".psf"), either(file(".esd"), file(".msu"))), notFound), Shows: shows(probe.FileTypeMissing),
	},
	{
		Name: "server-queries-limited", Title: "the server's request filtering refuses queries of more than 64 bytes",
		Source: "IIS status 404.15", Break: origin(both(under("/filestreamingservice/"), queryOver(64)), notFound), Shows: shows(probe.RequestFiltered),
	},
	{
		Name: "server-slashes-refused", Title: "the server's request filtering refuses two slashes in a path",
		Source: "IIS status 404.11", Break: origin(withTwoSlashes, notFound), Shows: shows(probe.RequestFiltered),
	},
	{
		Name: "server-nodes-differ", Title: "the server is two nodes, and one has the files with another date",
		Source: "HTTP requirements for BITS downloads", Break: staleNode, Shows: shows(probe.ClientsDiffer),
	},
	{
		Name: "server-names-other-host", Title: "the server says that its files are at another host",
		Source: "MS-WUSP 3.1.5", Break: filesAt("old-wsus.test:8530"), Shows: shows(probe.FilesElsewhere),
	},
	{
		Name: "server-error-bare", Title: "the server answers calls with an error and no body",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_SERVER_ERROR",
		Break:  origin(file(".asmx"), brokenBare), Shows: shows(probe.ServerError),
	},
	{
		Name: "server-error", Title: "the server answers calls with an error page",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_SERVER_ERROR",
		Break:  origin(file(".asmx"), broken), Shows: shows(probe.ServerError),
	},
	{
		Name: "soap-garbled", Title: "the answers of the web service are cut short",
		Source: "wuerror.h, WU_E_PT_SOAPCLIENT_PARSE",
		Break:  chain(request(unset("Accept-Encoding")), response(file(".asmx"), truncate(300))), Shows: shows(probe.SOAPUnreadable, probe.RequestsChanged),
	},
	{
		Name: "soap-faults-hidden", Title: "answers with status 500 get a page of the proxy in their place",
		Source: "MS-WUSP 3.1.5", Break: response(file(".asmx"), hideFaults), Shows: shows(probe.FaultHidden),
	},
	{
		Name: "soap-answers-cached", Title: "answers to POST are kept and given again", Source: "RFC 9110, 9.3.3",
		Break: postCache, Shows: shows(probe.AnswersReplayed),
	},
	{
		Name: "soap-action-removed", Title: "the field SOAPAction is removed", Source: "tried on ASP.NET",
		Break: request(unset("SOAPAction")), Shows: shows(probe.ServerError),
	},
	{
		Name: "soap-body-limited", Title: "calls of more than 16 KiB are refused",
		Source: "tried on nginx with client_max_body_size", Break: postLimit(16 << 10), Shows: shows(probe.BodyRefused),
	},
	{
		Name: "server-always-has-more", Title: "the server never comes to the end of its updates",
		Source: "wuerror.h, WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS", Break: endless, Shows: shows(probe.TooManyTrips),
	},
	{
		Name: "server-refuses-calls", Title: "the server is too busy for a scan", Source: "MS-WUSP 2.2.2.4",
		Break: refuse("SyncUpdates", "ServerBusy"), Shows: shows(probe.SOAPFault),
	},
	{
		Name: "host-rewritten", Title: "Host is passed on without its port", Source: "MS-WUSP 3.1.5",
		Break: request(func(r *http.Request) { r.Host = ServerName }), Shows: shows(probe.HostRewritten),
	},
	{
		Name: "coding-unnamed", Title: "the name of the coding xpress is removed from answers",
		Source: "MS-WUSP 2.1", Break: response(file(".asmx"), xpressMangled), Shows: shows(probe.CodingBroken),
	},
	{
		Name: "coding-cut", Title: "bytes of answers in the coding xpress are changed", Source: "MS-XCA 2.4",
		Break: response(file(".asmx"), xpressCut), Shows: shows(probe.CodingBroken),
	},
	{
		Name: "server-without-iuident", Title: "the server has no iuident.cab, as no modern one has",
		Source: "Microsoft: WSUS 3 and later", Break: origin(file("iuident.cab"), notFound), Shows: shows(probe.FileRetired),
	},
	{
		Name: "redirector-stale", Title: "a cache knows the redirector by its path alone",
		Source: "wuerror.h, WU_E_PT_SAME_REDIR_ID", As: probe.Win7, Break: staleByPath(under("/v9/", "/v11/")), Shows: shows(probe.RedirectorStale),
	},
	{
		Name: "multi-range-collapsed", Title: "several ranges become one that covers them",
		Source: "tried on Squid", Break: multiCollapse, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "multi-range-first", Title: "of several ranges only the first is asked for",
		Source: "HTTP requirements for BITS downloads", Break: multiFirst, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "multi-range-whole", Title: "several ranges are answered with the whole file",
		Source: "tried on nginx with proxy_cache", Break: multiWhole, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "multi-range-refused", Title: "several ranges are refused", Source: "tried on Varnish",
		Break: multiRefused, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "multi-range-long-parts", Title: "each part of several comes with long fields",
		Source: "HTTP requirements for BITS downloads", Break: multiLongParts, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "multi-range-blank-lines", Title: "empty lines stand before the first of several parts",
		Source: "HTTP requirements for BITS downloads", Break: multiBlankLines, Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "range-only-warm", Title: "the first fetch of a file comes whole, and the next from the cache in parts",
		Source: "tried on Squid with Range removed", Break: rangeOnlyWarm, Shows: shows(probe.ColdFails),
	},
	{
		Name: "range-resume-ignored", Title: "a part that begins in the middle of a first one comes whole",
		Source: "HTTP requirements for BITS downloads", Break: resumeRefused, Shows: shows(probe.RangeIgnored),
	},
	{
		Name: "range-from-cache", Title: "the proxy fetches the whole file for each part",
		Source: "tried on Squid with range_offset_limit none", Break: rangeFromCache, Shows: shows(probe.RangeFetchedWhole),
	},
	{
		Name: "range-wrong-when-warm", Title: "a cache joins the wrong part to an express file that it has",
		Source: "tried on lancache", Break: warmWrong, Shows: shows(probe.WarmFails),
	},
	{
		Name: "range-far-wrong", Title: "offsets are counted in 32 bits", Source: "RFC 9110, 14.4",
		Break: forward(having("Range"), offset32), Shows: shows(probe.FarRangeBroken),
	},
	{
		Name: "nodes-differ", Title: "each connection reaches another node, with a file of another date",
		Source: "HTTP requirements for BITS downloads", Break: secondStale(having("Range")), Shows: shows(probe.ClientsDiffer),
	},
	{
		Name: "query-dropped", Title: "requests are forwarded without their query", Source: "tried on lancache",
		Break: request(queryDropped), Shows: shows(probe.SignedURLRefused),
	},
	{
		Name: "escapes-recoded", Title: "escapes in URLs are written in upper case", Source: "RFC 3986, 6.2.2.1",
		Break: request(escapesRecoded), Shows: shows(probe.SignedURLRefused),
	},
	{
		Name: "slashes-merged", Title: "two slashes in a path become one", Source: "nginx: merge_slashes",
		Break: request(slashesMerged), Shows: shows(probe.SlashesMerged),
	},
	{
		Name: "revocation-denied", Title: "trust lists, lists of revoked certificates and OCSP are denied",
		Source: "opnsense/core issue 4463", Break: pathsDenied(crlPaths, ctlPaths, ocspPaths), Shows: shows(probe.RevocationBlocked),
	},
	{
		Name: "bits-denied", Title: "requests of BITS are denied by their User-Agent",
		Source: "Squid wiki: Windows Update", Break: uaDenied("BITS"), Shows: shows(probe.AgentDenied),
	},
	{
		Name: "connect-without-agent-denied", Title: "CONNECT without a User-Agent is denied",
		Source: "Squid wiki: Windows Update", Break: noUADenied, Shows: shows(probe.TunnelDenied),
	},
	{
		Name: "connectivity-page", Title: "the sign of an Internet is replaced by a page of terms",
		Source: "Microsoft: NCSI", Break: answer(ncsi, loginPage), Shows: shows(probe.ConnectivityAltered),
	},
	{
		Name: "connectivity-redirected", Title: "whoever asks for the sign of an Internet is sent to a page of terms",
		Source: "Microsoft: NCSI", Break: answer(ncsi, loginRedirect), Shows: shows(probe.ConnectivityAltered),
	},
	{
		Name: "proxy-is-server", Title: "the update server is set as the proxy", Source: "RFC 9112, 3.2.2",
		Break: proxyAtServer, Shows: shows(probe.ProxyIsServer),
	},
	{
		Name: "gzip-asked", Title: "the proxy asks the server for gzip, which no client offered",
		Source: "tried on goproxy", Break: request(where(lacking("Range"), addGzip)), Shows: shows(probe.RequestsChanged),
	},
	{
		Name: "http10-upstream", Title: "the proxy speaks HTTP/1.0 to the server", Source: "nginx: proxy_http_version",
		Break: http10Upstream, Shows: shows(probe.RequestsChanged),
	},
	{
		Name: "connections-ended", Title: "each answer says that it ends its connection",
		Source: "KB10132", Break: connectionClose, Shows: shows(probe.ConnectionsNotKept),
	},
	{
		Name: "connections-dropped", Title: "connections are closed behind each answer without a word",
		Source: "KB10132", Break: finAfterEach, Shows: shows(probe.KeepAliveBroken),
	},
	{
		Name: "connections-promised", Title: "answers promise to keep the connection, and it is closed",
		Source: "RFC 9112, 9.3", Break: lyingKeepAlive, Shows: shows(probe.KeepAliveBroken),
	},
	{
		Name: "connections-capped", Title: "a client may have four connections",
		Source: "a field trace of Windows Update through a small proxy", Break: connCap(4), Shows: shows(probe.ConnectionsCapped),
	},
	{
		Name: "login-ntlm-closed", Title: "the connection is closed in the middle of a login by NTLM",
		Source: "TechNet bb457028", Login: true, Break: ntlm(false), Shows: shows(probe.LoginBroken),
	},
	{
		Name: "login-ntlm-kept", Title: "the proxy wants a login by NTLM, and the run has one",
		Source: "KB885819", Login: true, Break: ntlm(true), Shows: shows(probe.LoginWanted),
	},
	{
		Name: "head-limited", Title: "request heads of more than 3 KiB are refused", Source: "tried on nginx",
		Ladders: true, Break: headLimit(3<<10, 400), Shows: shows(probe.HeadLimited),
	},
	{
		Name: "url-limited", Title: "URLs of more than 800 bytes are refused", Source: "RFC 9110, 15.5.15",
		Ladders: true, Break: urlLimit(800), Shows: shows(probe.URLLimited),
	},
	{
		Name: "idle-cut", Title: "idle connections are closed after half a second",
		Source: "a capture of Windows 11, 2025", Idle: 3 * time.Second, Break: idleCut(500 * time.Millisecond), Shows: shows(probe.IdleCut),
	},
	{
		Name: "path-block-page", Title: "without a proxy: a firewall puts a page in place of each file", Source: "BITS return values",
		Break: inPath(response(both(file(".cab"), method("GET")), blockPage)), Shows: shows(probe.PageInstead, probe.PathIntercepted),
	},
	{
		Name: "path-range-dropped", Title: "without a proxy: a firewall that scans fetches whole files", Source: "KB922330",
		Break: inPath(request(unset("Range"))), Shows: shows(probe.RangeIgnored, probe.PathIntercepted),
	},
	{
		Name: "path-tls-resigned", Title: "without a proxy: a firewall signs TLS with its own root", Source: "Windows Update security",
		Break: inPath(tunnel(inspect)), Shows: shows(probe.TLSInspected, probe.PathIntercepted),
	},
	{
		Name: "path-cached", Title: "without a proxy: a cache in the path has to have a file before it has its parts", Source: "RFC 9110, 3.7",
		Break: inPath(rangeOnlyWarm), Shows: shows(probe.ColdFails, probe.PathIntercepted),
	},
	{
		Name: "server-gone-503", Title: "a Squid cannot connect to a server that is no more", Source: "WSUS policy left behind, 2014",
		Break: squidNoAnswer, Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "server-nameless-503", Title: "a Squid does not find the name of a server that is no more", Source: "WSUS policy left behind, 2014",
		Break: squidNoName, Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "server-gone-502", Title: "an ISA Server does not find a server that is no more", Source: "KB2688030",
		Break: isaNoHost, Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "server-gone-504", Title: "an old Squid waits in vain for a server that is no more", Source: "wuerror.h, WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT",
		Break: oldSquidNoAnswer, Shows: shows(probe.ServerBehindProxyDown),
	},
	{
		Name: "login-isa", Title: "ISA Server wants a login by Negotiate, Kerberos or NTLM, and hangs up", Source: "KB885819",
		Break: answer(everything, loginISA), Shows: shows(probe.LoginWanted),
	},
	// What only a part of what is asked for meets.
	{
		Name: "range-denied", Title: "requests for a part of a file are denied as if the file were", Source: "emtunc.org on Palo Alto",
		Break: denied(having("Range")), Shows: shows(probe.RangeRefused),
	},
	{
		Name: "range-reset", Title: "a firewall resets the connection where a part of a file is asked for",
		Source: "Palo Alto: block HTTP range", Break: takeOver(having("Range"), reset), Shows: shows(probe.RangeReset),
	},
	{
		Name: "range-cut-by-one", Title: "each part comes without its last byte", Source: "BITS return values",
		Break: request(askFor(byteLess)), Shows: shows(probe.RangeWrong),
	},
	{
		Name: "range-limited", Title: "no more than 4 KiB are fetched for a part", Source: "Delivery Optimization return values",
		Break: request(askFor(atMost(4 << 10))), Shows: shows(probe.RangeWrong),
	},
	{
		Name: "range-with-trailer", Title: "a scanner adds a remark to each part, and counts it", Source: "KB3175743",
		Break: response(oneRange, trailer), Shows: shows(probe.RangeWrong),
	},
	{
		Name: "range-page", Title: "a page comes in place of each part, under the status of a part", Source: "KB3175743",
		Break: response(oneRange, pageAsPart), Shows: shows(probe.PageInstead),
	},
	{
		Name: "range-of-other-slice", Title: "a cache gives the start of a slice of an express file for a part from inside",
		Source: "tried on lancache", Break: forward(both(having("Range"), file(".psf")), sliceStart), Shows: shows(probe.ContentAltered),
	},
	{
		Name: "range-ends-with-slice", Title: "a part that crosses the edge of a slice ends there", Source: "nginx issue 1065",
		Break: request(askFor(toSlice)), Shows: shows(probe.SliceEdgeBroken),
	},
	{
		Name: "slice-tags-differ", Title: "an answer is cut at the edge of a slice whose node gives another ETag",
		Source: "lancache/generic issue 12", Break: response(acrossSlices, endAtSlice), Shows: shows(probe.SliceEdgeBroken),
	},
	{
		Name: "two-bytes-denied", Title: "the two bytes by which Delivery Optimization tries ranges are denied",
		Source: "a capture of Windows 10, 2020", Break: denied(twoBytes), Shows: shows(probe.TwoBytesDenied),
	},
	{
		Name: "two-bytes-kept", Title: "a cache takes the two bytes that try ranges for the whole file",
		Source: "a capture of Windows 10, 2020", Break: probeKept, Shows: shows(probe.RangeWrong),
	},
	{
		Name: "prefixes-denied", Title: "a list has exact names, and clients put a number before them",
		Source: "WindowsUpdate.log of Windows 10 machines", Break: denied(underPrefix), Shows: shows(probe.PrefixDenied),
	},
	{
		Name: "addresses-denied", Title: "hosts that are named by their address are denied",
		Source: "a capture of Windows 10 behind the cache of a provider", Break: denied(byAddress), Shows: shows(probe.AddressDenied),
	},
	{
		Name: "list-of-names", Title: "a list lets through one name and nothing else",
		Source: "WindowsUpdate.log of Windows 10 machines", Break: denied(either(underPrefix, byAddress)), Shows: shows(probe.PrefixDenied, probe.AddressDenied),
	},

	// What becomes of files.
	{
		Name: "file-held", Title: "a scanner holds each whole file back until the client has given up", Source: "Skyhigh: data trickling",
		Break: takeOver(both(wholeContent, file(".cab")), stall), Shows: shows(probe.ProxySilent),
	},
	{
		Name: "file-empty", Title: "files come without a byte, and the status is good", Source: "BITS return values",
		Break: response(both(method("GET"), both(file(".cab"), lacking("Range"))), empty), Shows: shows(probe.ContentAltered),
	},
	{
		Name: "file-length-removed", Title: "whole files come in chunks, without a length", Source: "HTTP requirements for BITS downloads",
		Break: response(wholeContent, drop("Content-Length")), Shows: shows(probe.LengthMissing),
	},
	{
		Name: "file-progress-page", Title: "a page that shows how the scan goes comes in place of each file",
		Source: "Skyhigh: progress pages", Break: response(wholeContent, progress), Shows: shows(probe.ProgressPage),
	},
	{
		Name: "type-denied", Title: "files are denied by the type that the server gives them", Source: "Windows Update troubleshooting",
		Break: response(method("GET"), denyType("application/octet-stream")), Shows: shows(probe.FileTypeDenied),
	},
	{
		Name: "scanner-full", Title: "the scanner has no room for big files, and the proxy says so with 503",
		Source: "Broadcom 165435", Break: response(method("GET"), scannerFull(140_000)), Shows: shows(probe.BigAnswersFail),
	},
	{
		Name: "do-throttled", Title: "a limit on bandwidth leaves Delivery Optimization 2 KiB a second",
		Source: "Delivery Optimization return values",
		Break:  response(both(saying("User-Agent", "Delivery-Optimization"), longPart), throttle(2<<10)), Shows: shows(probe.BodyTrickles),
	},
	{
		Name: "big-packets-lost", Title: "packets of full size are lost on the way, and nobody says so", Source: "RFC 2923, 2.1",
		Break: front(not(method("CONNECT")), bigLost), Shows: shows(probe.BigPacketsLost),
	},

	// What caches make of what changes.
	{
		Name: "copies-stale", Title: "a cache gives the files of the day before for those of today",
		Source: "HTTP requirements for BITS downloads", Break: response(having("If-Unmodified-Since"), older), Shows: shows(probe.CopyStale),
	},
	{
		Name: "head-stale", Title: "a cache answers HEAD for the file of the day before", Source: "HTTP requirements for BITS downloads",
		Break: response(method("HEAD"), dayOlder), Shows: shows(probe.CopyStale),
	},
	{
		Name: "trust-lists-stale", Title: "a cache knows the trust lists by their path alone", Source: "lancache: 22_wsus_cabs.conf",
		Break: staleByPath(under(ctlPaths)), Shows: shows(probe.ListsStale),
	},
	{
		Name: "denial-kept", Title: "a cache keeps the 403 for a signed URL that had expired", Source: "WindowsUpdate.log of Windows 10 machines",
		Break: chain(firstMissing(under("/filestreamingservice/files/"), http.StatusForbidden), errorsKept(method("GET"), "")), Shows: shows(probe.ErrorKept),
	},
	{
		Name: "missing-kept", Title: "a cache keeps the 404 for a file that the server did not have yet", Source: "RFC 9111, 4.2.2",
		Break: chain(firstMissing(both(content, saying("User-Agent", "Delivery-Optimization")), http.StatusNotFound), errorsKept(method("GET"), "7")), Shows: shows(probe.ErrorKept),
	},

	// What is done to requests.
	{
		Name: "query-rewritten", Title: "queries are read, sorted and written anew", Source: "RFC 3986, 6.2.2",
		Break: request(where(withQuery, queryRewritten)), Shows: shows(probe.SignedURLRefused),
	},
	{
		Name: "query-lowered", Title: "queries are written in lower case", Source: "RFC 3986, 6.2.2.1",
		Break: request(where(withQuery, queryLowered)), Shows: shows(probe.SignedURLRefused),
	},
	{
		Name: "capitals-refused", Title: "URLs with capitals miss a list and are sent where they are not known", Source: "KB2688030",
		Break: answer(withCapitals, refusal(http.StatusBadGateway)), Shows: shows(probe.CapitalsRefused),
	},
	{
		Name: "agent-rewritten", Title: "the proxy puts its own User-Agent into requests", Source: "OONI: header manipulation",
		Break: request(set("User-Agent", "Mozilla/5.0")), Shows: shows(probe.RequestsChanged),
	},
	{
		Name: "codings-not-offered", Title: "the field Accept-Encoding is removed", Source: "tried on Privoxy with prevent-compression",
		Break: request(unset("Accept-Encoding")), Shows: shows(probe.RequestsChanged),
	},
	{
		Name: "soap-type-changed", Title: "calls get another Content-Type", Source: "tried on ASP.NET",
		Break: request(set("Content-Type", "text/plain")), Shows: shows(probe.RequestRefused),
	},
	{
		Name: "head-not-implemented", Title: "HEAD is answered as a method that nobody implements", Source: "wuerror.h, WU_E_PT_HTTP_STATUS_NOT_SUPPORTED",
		Break: answer(method("HEAD"), "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"), Shows: shows(probe.HeadRefused),
	},
	{
		Name: "sync-timed-out", Title: "the proxy does not wait until the server has found the updates",
		Source: "wuerror.h, WU_E_PT_HTTP_STATUS_GATEWAY_TIMEOUT",
		Break:  chain(origin(calling("SyncUpdates"), untilLeft), forward(calling("SyncUpdates"), impatient)), Shows: shows(probe.GatewayImpatient),
	},
	{
		Name: "answer-fields-many", Title: "each answer gets 250 short fields", Source: "WinHTTP error messages",
		Break: head(everything, "\r\n", "\r\n"+strings.Repeat("X-Hop: 1\r\n", 250)), Shows: shows(probe.HeadTooLarge),
	},

	// Logins and pages in the place of all that is asked for.
	{
		Name: "page-for-all", Title: "a login page comes for all that is asked, with status 200", Source: "wuerror.h, WU_E_PT_SOAPCLIENT_PARSE",
		Break: front(not(method("CONNECT")), pageForAll), Shows: shows(probe.PageInstead),
	},
	{
		Name: "login-as-server", Title: "a gateway asks for a login in the place of the server", Source: "wuerror.h, WU_E_PT_HTTP_STATUS_DENIED",
		Break: answer(not(method("CONNECT")), refusalAsServer), Shows: shows(probe.ServerLoginWanted),
	},
	{
		Name: "login-null-denied", Title: "the proxy takes a login by NTLM without a name, and then denies everything",
		Source: "TechNet bb457028", Login: true, Break: chain(denied(everything), ntlm(true)), Shows: shows(probe.LoginDenied),
	},
	{
		Name: "connect-page-503", Title: "CONNECT is denied by a page with the status 503", Source: "Squid wiki: Windows Update",
		Break: answer(method("CONNECT"), denialAs503), Shows: shows(probe.TunnelDenied),
	},
	{
		Name: "connect-with-more", Title: "the end of a body in chunks comes behind the answer to CONNECT", Source: "RFC 9110, 9.3.6",
		Break: takeOver(method("CONNECT"), openAndSay), Shows: shows(probe.TLSBroken),
	},
	{
		Name: "tls-inspected-old", Title: "the proxy inspects TLS and knows only version 1.0", Source: "WinHTTP error messages",
		Break: tunnel(inspectOld), Shows: shows(probe.TLSBroken),
	},

	// What is denied, or lost, in ways that look like others.
	{
		Name: "all-denied", Title: "everything is denied by one page, tunnels too", Source: "tried on Squid with http_access deny all",
		Break: denied(everything), Shows: shows(probe.RequestDenied),
	},
	{
		Name: "all-reset", Title: "every request is reset, tunnels too", Source: "tried on Squid with deny_info TCP_RESET",
		Break: takeOver(everything, reset), Shows: shows(probe.ConnectionReset),
	},
	{
		Name: "all-silent", Title: "nothing comes through the proxy, and through its tunnels neither", Source: "tried on Squid with a delay pool",
		Break: chain(takeOver(not(method("CONNECT")), stall), takeOver(method("CONNECT"), openAndStall)), Shows: shows(probe.ProxySilent),
	},
	{
		Name: "denied-as-502", Title: "what is denied is answered 502, in the words of ISA Server", Source: "KB837451",
		Break: answer(not(method("CONNECT")), denialAs502), Shows: shows(probe.RequestDenied),
	},
	{
		Name: "queries-denied", Title: "URLs with a query are denied", Source: "tried on Varnish",
		Break: denied(both(not(method("CONNECT")), queryOver(0))), Shows: shows(probe.SignedURLRefused),
	},
	{
		Name: "multi-range-denied", Title: "more than five parts at once are denied, against an attack of 2011", Source: "CVE-2011-3192",
		Break: denied(func(r *http.Request) bool { return strings.Count(r.Header.Get("Range"), ",") > 5 }), Shows: shows(probe.MultiRangeUnsupported),
	},
	{
		Name: "size-denied-to-head", Title: "answers that state more than 600 KB are denied, to HEAD too", Source: "tried on HAProxy with res.hdr_val",
		Break: response(everything, denyBeyond(600_000)), Shows: shows(probe.SizeDenied),
	},
	{
		Name: "connect-page", Title: "CONNECT is answered 200, with a page where TLS should be", Source: "tried on Squid with deny_info 200",
		Break: takeOver(method("CONNECT"), openAndShow), Shows: shows(probe.PageInstead),
	},
	{
		Name: "sent-to-unknown", Title: "who asks for an .exe is sent to a portal that the proxy does not find", Source: "tried on Apache httpd with Redirect",
		Break: answer(file(".exe"), "HTTP/1.1 302 Found\r\nLocation: http://portal.test/terms\r\nContent-Length: 0\r\n\r\n"), Shows: shows(probe.RedirectUnusable),
	},
	{
		Name: "answer-lost", Title: "the proxy says 502 in the place of answers to HEAD that it got", Source: "tried on Varnish with pass",
		Break: response(method("HEAD"), badGateway), Shows: shows(probe.AnswerLost),
	},
	{
		Name: "requests-limited", Title: "a client may make 30 requests, and is then turned away", Source: "RFC 6585, 4",
		Break: requestLimit(30), Shows: shows(probe.RequestsLimited),
	},

	// The server.
	{
		Name: "server-tls-old", Title: "the server knows only TLS 1.0", Source: "WinHTTP error messages",
		Break: handshake(onlyTLS10), Shows: shows(probe.TLSBroken),
	},
	{
		Name: "server-wants-login", Title: "the server's virtual directories do not let anonymous clients in",
		Source: "Microsoft: WSUS, the IIS settings for web services", Break: origin(everything, wantLogin), Shows: shows(probe.ServerLoginWanted),
	},
	{
		Name: "server-config-incomplete", Title: "the server's configuration has no properties", Source: "wuerror.h, WU_E_PT_CONFIG_PROP_MISSING",
		Break: configCut, Shows: shows(probe.ConfigIncomplete),
	},
	{
		Name: "server-refuses-cookies", Title: "the server takes none of the cookies that it gives", Source: "MS-WUSP 3.1.5",
		Break: refuse("SyncUpdates", "InvalidCookie"), Shows: shows(probe.CookieRefused),
	},
	{
		Name: "server-files-by-tls", Title: "the server says that its files are at its TLS port", Source: "KB3090184",
		Break: filesAt(ServerName + ":" + securePort), Shows: shows(probe.FilesByTLS),
	},
}, trustFaults, hostFaults)

func shows(findings ...*probe.Finding) []*probe.Finding { return findings }
