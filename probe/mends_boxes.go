package probe

// applianceMends are those of boxes and services that one buys. None was tried.
var applianceMends = []*Mend{
	{Product: Skyhigh, Finding: RangeIgnored, Lines: "put the update URLs into the URL whitelist of Gateway Anti-Malware above the rule \"Remove Partial Content for HTTP(s) Requests\"", Source: "Skyhigh KB80681"},
	{Product: SonicWall, Finding: RangeIgnored, Lines: "switch on \"Enable HTTP Byte-Range request with Gateway AV\"", Source: "KB922330"},
	{Product: CiscoSWA, Finding: RangeIgnored, Lines: "switch on Range Request Forwarding for the update URLs", Source: "Cisco document 225647"},
	{Product: PaloAlto, Finding: RangeIgnored, Lines: "exempt the update servers from the profile that blocks HTTP partial responses"},
}

// iisMends are those of the update server itself. None was tried.
var iisMends = []*Mend{
	{Product: IIS, Finding: CertificateWanted, Lines: "appcmd set config \"WSUS Administration\" -section:access -sslFlags:Ssl -commit:apphost"},
	{Product: IIS, Finding: FileTypeMissing, Lines: "appcmd set config -section:staticContent /+\"[fileExtension='.psf',mimeType='application/octet-stream']\""},
	{Product: IIS, Finding: RequestFiltered, Lines: "appcmd set config -section:requestFiltering -requestLimits.maxQueryString:8192 -requestLimits.maxUrl:16384 -allowDoubleEscaping:true"},
}
