package probe

import (
	"slices"
	"strings"
)

// against are the mends of several findings by the same lines of a product.
func against(p *Product, in, lines, source string, findings ...*Finding) []*Mend {
	var some []*Mend
	for _, f := range findings {
		some = append(some, &Mend{Product: p, Finding: f, In: in, Lines: lines, Source: source})
	}
	return some
}

// Where lines are typed into boxes and into an update server.
const (
	localPolicy  = "the local policy, in CPL"
	configure    = "configuration mode"
	commandLine  = "the command line"
	console      = "the console"
	onTMG        = "a VBScript on the server itself"
	inetsrv      = `%windir%\system32\inetsrv`
	wsusTools    = `%ProgramFiles%\Update Services\Tools`
	wsusConfig   = `%ProgramFiles%\Update Services\WebServices\ClientWebService\web.config`
	powershell   = "an elevated PowerShell on the update server"
	registry     = "an elevated command prompt on the update server"
	httpsClients = inetsrv + ", where clients come by https"
)

// What several mends begin with or consist of.
const (
	// The update servers, for the rule below it.
	cplUpdates = `define condition WindowsUpdate
  url.host={server}
  url.domain=windowsupdate.com
  url.domain=update.microsoft.com
  url.domain=delivery.mp.microsoft.com
end
`
	fortiServer = `config firewall address
  edit "wsus"
    set type fqdn
    set fqdn "{server}"
  next
end
`
	fortiExempt = `config webfilter urlfilter
  edit 1
    config entries
      edit 0
        set url "{server}"
        set type simple
        set action exempt
      next
    end
  next
end`
	panRanges       = "set deviceconfig setting ctd skip-block-http-range yes\ncommit"
	sophosException = `Web > Exceptions > Add an exception: the URL pattern ^([A-Za-z0-9.-]*\.)?{server-re}[:/]; skip `
	utmException    = "Web Protection > Filtering Options > Exceptions > New Exception List: for the update servers, skip "
	bindCertificate = `(Get-WebBinding -Name "WSUS Administration" -Protocol https -Port {tls-port}).AddSslCertificate("THUMBPRINT", "My")`
	uncompressed    = `appcmd set config "WSUS Administration/Content" -section:urlCompression -doStaticCompression:false -doDynamicCompression:false -commit:apphost`
)

// Documents that back several.
const (
	broadcomLogin  = "Broadcom 166719"
	broadcomICAP   = "Broadcom 165435"
	broadcomRanges = "Broadcom 165944"
	mcafeeProgress = "McAfee: Web Gateway, understanding progress indication methods"
	fortiExempting = "Fortinet 196171"
	panRangeOption = "Palo Alto kA10g000000PLjPCAW; emtunc.org, 2016"
	ciscoUpdates   = "Cisco 222465"
	wsusPractices  = "KB4490414"
	wsusTLS        = "Microsoft: configure a software update point to use TLS/SSL"
	wsusUtil       = "Microsoft: managing WSUS from the command line"
	requestLimits  = "Microsoft: requestLimits of IIS"
)

// logins are the findings that a rule without a login mends.
var logins = []*Finding{LoginUnusable, LoginWanted, LoginBroken, LoginDenied}

// applianceMends are those of boxes and services that one buys. None was tried.
var applianceMends = slices.Concat(
	against(ProxySG, localPolicy, cplUpdates+"<Proxy>\n  condition=WindowsUpdate authenticate(no)", broadcomLogin, logins...),
	against(ProxySG, localPolicy, cplUpdates+"<SSL-Intercept>\n  condition=WindowsUpdate ssl.forward_proxy(no)", broadcomLogin, TLSInspected),
	against(ProxySG, localPolicy, cplUpdates+"<Cache>\n  condition=WindowsUpdate response.icap_service(no)", broadcomICAP, BigAnswersFail, ProxySilent, BodyTrickles, BodyCut),
	against(ProxySG, localPolicy, cplUpdates+"<Proxy>\n  condition=WindowsUpdate bypass_cache(yes)", broadcomRanges, RangeIgnored, RangeFetchedWhole, RangeWrong),
	against(ProxySG, localPolicy, cplUpdates+"<Proxy>\n  condition=WindowsUpdate url.scheme=http client.address=10.0.0.0/8 allow", "", RequestDenied),

	against(Skyhigh, console, `Gateway Anti-Malware: put the update URLs into "Anti-Malware URL Whitelist", above the rule "Remove Partial Content for HTTP(s) Requests"; the whitelists of the response cycle come too late`, "McAfee KB80681", RangeIgnored),
	against(Skyhigh, console, `Gateway Anti-Malware: put the update URLs into "Anti-Malware URL Whitelist"; what is not scanned is not held back`, "McAfee KB80681; "+mcafeeProgress, BodyTrickles, ProxySilent),
	against(Skyhigh, console, "Progress Indication: take the update URLs out of the rule that shows a progress page", mcafeeProgress, ProgressPage),
	against(Skyhigh, console, "a rule for the update URLs above the one that authenticates, with the action Stop Rule Set", "", logins...),
	against(Skyhigh, console, "SSL Scanner: put the update hosts into the list of tunneled hosts", "", TLSInspected),

	against(Zscaler, console, "Policies > Common Configuration > Advanced > Advanced Settings > Authentication Exemptions: put the update URLs into Exempted URLs",
		"Zscaler: exempting URLs and cloud apps from authentication", LoginUnusable, LoginWanted, LoginDenied, RedirectUnusable),
	against(Zscaler, console, "SSL inspection policy: a rule for the update URLs with the action Do Not Inspect, above the others", "Zscaler: configuring SSL inspection policy", TLSInspected),

	against(PaloAlto, configure, panRanges, panRangeOption, RangeReset, RangeIgnored, RangeRefused),
	against(PaloAlto, console, "Device > Certificate Management > SSL Decryption Exclusion > Add: {server}, and the like for *.update.microsoft.com and *.delivery.mp.microsoft.com",
		"Palo Alto: SSL decryption exclusion", TLSInspected),
	against(PaloAlto, console, "Objects > Security Profiles > File Blocking: a profile without the types cab, exe and msi, in a security rule for the update servers above the others", "", FileTypeDenied),

	against(FortiGate, commandLine, fortiServer+`config firewall ssl-ssh-profile
  edit "PROFILE"
    config ssl-exempt
      edit 0
        set type address
        set address "wsus"
      next
    end
  next
end`, "Fortinet 192825", TLSInspected),
	against(FortiGate, commandLine, fortiServer+`config authentication rule
  edit "updates"
    set srcaddr "all"
    set dstaddr "wsus"
    set ip-based disable
  next
  move "updates" before "RULE"
end
config firewall proxy-policy
  clone ASKING to NEW
  edit NEW
    set name "updates"
    set dstaddr "wsus"
    unset groups
    unset users
  next
  move NEW before ASKING
end`, "Fortinet 423061", logins...),
	against(FortiGate, commandLine+", the table of the web filter profile", fortiExempt, fortiExempting, RequestDenied, PageInstead, ProxySilent, BodyTrickles, ContentAltered),
	against(FortiGate, commandLine, "config web-proxy global\n  set max-request-length 16\n  set max-message-length 96\nend", "Fortinet: other explicit web proxy options", URLLimited, HeadLimited),
	against(FortiGate, commandLine, "config firewall profile-protocol-options\n  edit \"PROFILE\"\n    config http\n      set range-block disable\n    end\n  next\nend", "", RangeIgnored, RangeRefused),

	against(Sophos, console, sophosException+"HTTPS decryption", "Sophos Firewall: add an exception", TLSInspected),
	against(Sophos, console, sophosException+"Malware and content scanning, and Zero-day protection", "Sophos Firewall: add an exception", RangeIgnored, BodyTrickles, BodyCut),
	against(Sophos, console, sophosException+"Policy checks", "Sophos Firewall: exceptions", RequestDenied, FileTypeDenied, PageInstead),
	against(Sophos, console, "Web > General settings > Web proxy scanning mode: Real-time", "Sophos Firewall: general settings", ProxySilent),
	against(SophosUTM, console, utmException+"Authentication", "Sophos UTM 9.7: exceptions", logins...),
	against(SophosUTM, console, utmException+"SSL scanning", "Sophos UTM 9.7: exceptions", TLSInspected),
	against(SophosUTM, console, utmException+"Antivirus", "Sophos UTM 9.7: exceptions", RangeIgnored, ProxySilent, BodyTrickles, PageInstead),
	against(SophosUTM, console, utmException+"Extension blocking and MIME type blocking", "Sophos UTM 9.7: exceptions", FileTypeDenied),
	against(SophosUTM, console, utmException+"Block by download size", "Sophos UTM 9.7: exceptions", SizeDenied),
	against(SophosUTM, console, utmException+"URL filter", "Sophos UTM 9.7: exceptions", RequestDenied),
	against(SophosUTM, console, "Web Protection > Filtering Options > Misc > Allowed target services: add a service with the port {tls-port}", "Sophos UTM 9.7: misc", TunnelOnly443),

	against(CiscoSWA, console, "Security Services > Web Proxy > Edit Settings: switch Range Request Forwarding on", "Cisco 225647", RangeIgnored, RangeFetchedWhole),
	against(CiscoSWA, console, "Web Security Manager > Decryption Policies: a policy for a custom URL category of the update servers, with the action Pass Through",
		"AsyncOS 9.2 for web: bypassing decryption; "+ciscoUpdates, TLSInspected),
	against(CiscoSWA, console, "Web Security Manager > Identification Profiles: a profile for a custom URL category of the update servers, exempt from authentication, above the others",
		ciscoUpdates, logins...),
	against(CiscoSWA, console, "Web Security Manager > Access Policies > Protocols and User Agents: add {tls-port} to HTTP CONNECT Ports", "", TunnelOnly443),

	against(SonicWall, console, `switch on "Enable HTTP Byte-Range request with Gateway AV"`, "KB922330", RangeIgnored),
	against(SonicWall, console, "DPI-SSL > Client SSL > Common Name: exclude {server}", "", TLSInspected),

	against(ISA, console, "an access rule that allows HTTP and HTTPS from the network Internal to a domain name set of the update servers for All Users, above the rules that ask who it is", "KB885819", logins...),
	against(ISA, onTMG, `Set wpad = CreateObject("FPC.Root").GetContainingArray().NetworkConfiguration.Networks("Internal").ClientConfig.Browser.AutoScript
wpad.ConvertUrlToLowerCase = True
wpad.Save`, "KB2688030; Microsoft: case sensitivity of ISA/TMG generated PAC files", CapitalsRefused),
	against(ISA, onTMG, `Set ranges = CreateObject("FPC.Root").GetContainingArray().ArrayPolicy.WebProxy.TunnelPortRanges
ranges.AddRange "WSUS", {tls-port}, {tls-port}
ranges.Save`, "", TunnelOnly443),

	against(WatchGuard, console, "the HTTP proxy action > HTTP Proxy Exceptions: add {server}", "WatchGuard: allowing Windows Updates through the HTTP proxy", FileTypeDenied, RequestDenied),
	against(Lightspeed, console, "add the addresses of the clients to the exceptions of the filter", wuaCodes, ContentAltered),
)

// anonymous lets everybody into some directories of the update server, of which each
// may have a setting of its own, and into no other.
func anonymous(directories ...string) string {
	var lines []string
	for _, name := range directories {
		lines = append(lines, `appcmd set config "WSUS Administration/`+name+`" -section:anonymousAuthentication -enabled:true -commit:apphost`)
	}
	return strings.Join(lines, "\n")
}

// iisMends are those of the update server itself. None was tried.
var iisMends = slices.Concat(
	against(IIS, inetsrv, "appcmd set apppool WsusPool /queueLength:2000 /recycling.periodicRestart.privateMemory:0\nappcmd start apppool WsusPool", wsusPractices, ServerUnavailable),
	against(IIS, inetsrv, "appcmd set apppool WsusPool /processModel.idleTimeout:00:00:00 /recycling.periodicRestart.time:00:00:00 /recycling.periodicRestart.privateMemory:0", wsusPractices, SlowStart),
	against(IIS, inetsrv, `appcmd set config "WSUS Administration" -section:requestFiltering -requestLimits.maxAllowedContentLength:30000000 -commit:apphost
appcmd set config "WSUS Administration/ClientWebService" -section:system.web/httpRuntime -maxRequestLength:204800`, requestLimits+"; Optimize-WsusServer", BodyRefused),
	against(IIS, inetsrv, `appcmd set config "WSUS Administration" -section:requestFiltering -requestLimits.maxQueryString:16384 -requestLimits.maxUrl:16384 -allowDoubleEscaping:true -commit:apphost`,
		requestLimits, RequestFiltered, URLLimited, SignedURLRefused),
	against(IIS, registry, `reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v MaxFieldLength /t REG_DWORD /d 65534 /f
reg add HKLM\SYSTEM\CurrentControlSet\Services\HTTP\Parameters /v MaxRequestBytes /t REG_DWORD /d 131072 /f
rem http.sys reads them when it starts: restart Windows`, "KB820129; KB2020943", HeadLimited),
	against(IIS, inetsrv, "appcmd set config -section:staticContent /+\"[fileExtension='.psf',mimeType='application/octet-stream']\" -commit:apphost\n"+
		"appcmd set config -section:staticContent /+\"[fileExtension='.esd',mimeType='application/octet-stream']\" -commit:apphost", "Microsoft: mimeMap of IIS", FileTypeMissing),
	against(IIS, inetsrv, anonymous("ClientWebService", "SimpleAuthWebService", "ReportingWebService", "Content", "SelfUpdate"), "Microsoft: WSUS, appendix C, IIS settings", ServerLoginWanted),
	against(IIS, inetsrv, "appcmd set config \"WSUS Administration\" -section:requestFiltering /+\"verbs.[verb='HEAD',allowed='true']\" -commit:apphost", "Microsoft: verbs of IIS", HeadRefused),
	against(IIS, inetsrv, uncompressed, "Microsoft: urlCompression of IIS", ContentRecoded, SizeHidden),
	against(IIS, inetsrv, "appcmd set config -section:system.webServer/httpCompression /-\"[name='xpress']\" -commit:apphost", "", CodingBroken),
	against(IIS, httpsClients, `appcmd set config "WSUS Administration" -section:access -sslFlags:None -commit:apphost
appcmd set config "WSUS Administration/ClientWebService" -section:access -sslFlags:Ssl -commit:apphost
appcmd set config "WSUS Administration/SimpleAuthWebService" -section:access -sslFlags:Ssl -commit:apphost
appcmd set config "WSUS Administration/ServerSyncWebService" -section:access -sslFlags:Ssl -commit:apphost
appcmd set config "WSUS Administration/DssAuthWebService" -section:access -sslFlags:Ssl -commit:apphost
appcmd set config "WSUS Administration/ApiRemoting30" -section:access -sslFlags:Ssl -commit:apphost`, "KB3090184; "+wsusTLS, CertificateWanted),
	against(IIS, powershell, bindCertificate+"\n& \"$env:ProgramFiles\\Update Services\\Tools\\wsusutil.exe\" configuressl {server}", wsusTLS, CertificateInvalid),
	against(IIS, powershell, bindCertificate, wsusTLS, TLSBroken, TunnelServerDown),
	against(IIS, wsusTools, "wsusutil configuressl", wsusUtil, FilesElsewhere),
	against(IIS, wsusTools, "wsusutil reset", wsusUtil, FileMissing),
	against(IIS, wsusTools, `wsusutil postinstall CONTENT_DIR=D:\WSUS`, "", ServerNotWSUS),
	against(IIS, wsusTools, "wsusutil postinstall /servicing", "KB3159706", ServerError),
	against(IIS, wsusConfig, `<add key="maxInstalledPrerequisites" value="800"/>`, "KB4096317", SOAPFault),
	against(IIS, powershell, "Get-WsusServer | Invoke-WsusServerCleanup -DeclineSupersededUpdates -DeclineExpiredUpdates -CleanupObsoleteUpdates", wsusPractices, TooManyTrips, GatewayImpatient),
)
