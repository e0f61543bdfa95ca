package probe

// smallProxyMends are those of Privoxy, tinyproxy, Traffic Server, Varnish and
// mitmproxy.
var smallProxyMends = []*Mend{
	{Product: Tinyproxy, Finding: TunnelOnly443, Lines: "ConnectPort {tls-port}", Cause: "ConnectPort 443", At: Below},
	{Product: Tinyproxy, Finding: ConnectionsCapped, Lines: "MaxClients 1000"},
	{Product: Varnish, Finding: MultiRangeUnsupported, In: "vcl_recv", Lines: "if (req.http.Range ~ \",\") { return (pass); }"},
}
