package probe

// webServerMends are those of web servers that act as proxies: Apache httpd,
// nginx and HAProxy.
var webServerMends = []*Mend{
	{Product: Apache, Finding: TunnelOnly443, At: Instead, Cause: "AllowCONNECT 443", Lines: "AllowCONNECT 443 {tls-port}"},
	{Product: Apache, Finding: ContentRecoded, Lines: "SetEnvIfNoCase Request_URI \"\\.(cab|exe|msu|psf|esd|asmx)$\" no-gzip"},
	{Product: Apache, Finding: HeadLimited, Lines: "LimitRequestFieldSize 65536"},
	{Product: Apache, Finding: HostRewritten, Lines: "ProxyPreserveHost On"},
	{Product: Apache, Finding: FilesElsewhere, Lines: "ProxyPreserveHost On"},
	{Product: Nginx, Finding: ContentRecoded, Lines: "gzip off;"},
	{Product: Nginx, Finding: BodyRefused, At: Instead, Cause: "client_max_body_size 16k;", Lines: "client_max_body_size 8m;"},
	{Product: Nginx, Finding: HeadLimited, Lines: "large_client_header_buffers 4 64k;"},
	{Product: Nginx, Finding: HostRewritten, Lines: "proxy_set_header Host $http_host;"},
	{Product: Nginx, Finding: FilesElsewhere, Lines: "proxy_set_header Host $http_host;"},
}
