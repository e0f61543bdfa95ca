package probe

import (
	"fmt"
	"strings"

	"proxycheck/probe/wusp"
)

// The requests of the steps as text, with blanks.

// clientCall is a call of the client web service (wire.md 3.1).
func clientCall(operation, body string) string {
	return `
POST ` + wusp.ClientPath + ` HTTP/1.1
Cache-Control: no-cache
Connection: Keep-Alive
Pragma: no-cache
Content-Type: text/xml; charset=utf-8
Accept-Encoding: xpress
User-Agent: {wua}
SOAPAction: ` + wusp.Action(wusp.ClientNamespace, operation) + `
MS-CV: {cv:16}.1.0.0.2.{calls}
Content-Length: {length}
Host: {host}

` + envelope(wusp.ClientNamespace, operation, body)
}

// otherCall is a call of one of the other web services, which has no MS-CV.
func otherCall(path, namespace, operation, body string) string {
	call := clientCall(operation, body)
	call = strings.Replace(call, "MS-CV: {cv:16}.1.0.0.2.{calls}\n", "", 1)
	return strings.ReplaceAll(at(path, call), wusp.ClientNamespace, namespace)
}

// at is a call at another path.
func at(path, call string) string { return strings.Replace(call, wusp.ClientPath, path, 1) }

// envelope is the body of a call (wire.md 3.3).
func envelope(namespace, operation, body string) string {
	return fmt.Sprintf(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><%s xmlns="%s">%s</%[1]s></s:Body></s:Envelope>`,
		operation, namespace, body)
}

// What the calls say (wire.md 3.5).
const (
	getConfig = `<protocolVersion>{protocol}</protocolVersion>`

	inHand = `<cookie><Expiration>{cookie/Expiration}</Expiration><EncryptedData>{cookie/EncryptedData}</EncryptedData></cookie>`

	registerComputer = inHand + `<computerInfo><DnsName>{dns}</DnsName><OSMajorVersion>{os:0}</OSMajorVersion>` +
		`<OSMinorVersion>{os:1}</OSMinorVersion><OSBuildNumber>{os:2}</OSBuildNumber>` +
		`<OSServicePackMajorNumber>0</OSServicePackMajorNumber><OSServicePackMinorNumber>0</OSServicePackMinorNumber>` +
		`<OSLocale>en-US</OSLocale><ComputerManufacturer>proxycheck</ComputerManufacturer><ComputerModel>probe</ComputerModel>` +
		`<BiosVersion>1</BiosVersion><BiosName>1</BiosName><BiosReleaseDate>2025-01-01T00:00:00</BiosReleaseDate>` +
		`<ProcessorArchitecture>AMD64</ProcessorArchitecture><SuiteMask>256</SuiteMask><OldProductType>1</OldProductType>` +
		`<NewProductType>48</NewProductType><SystemMetrics>0</SystemMetrics>` +
		`<ClientVersionMajorNumber>1507</ClientVersionMajorNumber><ClientVersionMinorNumber>2601</ClientVersionMinorNumber>` +
		`<ClientVersionBuildNumber>30012</ClientVersionBuildNumber><ClientVersionQfeNumber>0</ClientVersionQfeNumber>` +
		`<OSDescription>proxycheck</OSDescription><OEM></OEM><DeviceType></DeviceType>` +
		`<FirmwareVersion></FirmwareVersion><MobileOperator></MobileOperator></computerInfo>`

	getExtendedUpdateInfo = inHand + `<revisionIDs><int>{wua-sync/UpdateInfo/ID}</int></revisionIDs>` +
		`<infoTypes><XmlUpdateFragmentType>Extended</XmlUpdateFragmentType><XmlUpdateFragmentType>LocalizedProperties</XmlUpdateFragmentType></infoTypes>` +
		`<locales><string>en-US</string><string>en</string></locales>`

	getFileLocations = inHand + `<fileDigests><base64Binary>{wua-extended/FileDigest}</base64Binary></fileDigests>`
)

// getAuthorizationCookie is the call of the service that knows the computers.
var getAuthorizationCookie = otherCall(wusp.AuthPath, wusp.AuthNamespace, "GetAuthorizationCookie",
	`<clientId>{client}</clientId><targetGroupName></targetGroupName><dnsName>{dns}</dnsName>`)

// getCookie asks for a cookie by a configuration and a clock.
func getCookie(lastChange, now string) string {
	return `<authCookies><AuthorizationCookie><PlugInId>SimpleTargeting</PlugInId>` +
		`<CookieData>{wua-authorization/CookieData}</CookieData></AuthorizationCookie></authCookies>` +
		`<oldCookie><Expiration>` + now + `</Expiration></oldCookie><lastChange>` + lastChange + `</lastChange>` +
		`<currentTime>` + now + `</currentTime><protocolVersion>{protocol}</protocolVersion>`
}

// with is a call with the cookie that a step got, in place of the one in hand.
func with(step, call string) string { return strings.ReplaceAll(call, "{cookie/", "{"+step+"/") }

// syncUpdates asks for updates. What a real client says of itself is as long as
// the filler; wire.md gives its size and not its words.
func syncUpdates(systemSpec, skipSoftware string) string {
	return inHand + `<parameters><ExpressQuery>false</ExpressQuery>{known}` + systemSpec +
		`<SkipSoftwareSync>` + skipSoftware + `</SkipSoftwareSync>` +
		`<NeedTwoGroupOutOfScopeUpdates>true</NeedTwoGroupOutOfScopeUpdates>` +
		`<TreatAppCategoryIdsAsInstalled>false</TreatAppCategoryIdsAsInstalled>` +
		`<AlsoPerformRegularSync>false</AlsoPerformRegularSync>` +
		`<ComputerSpec><HardwareIDs><string>{client}</string></HardwareIDs></ComputerSpec>` +
		`<ProductsParameters><SyncCurrentVersionOnly>false</SyncCurrentVersionOnly>` +
		`<DeviceAttributes>App=WU;Filler={filler:1830}</DeviceAttributes>` +
		`<CallerAttributes>Interactive=0;SheddingAware=1;Id=proxycheck;</CallerAttributes><Products></Products></ProductsParameters></parameters>`
}

// devices is a list of devices of about so many bytes, as the driver pass of a
// scan sends it: the longest body of all, which proxies may refuse.
func devices(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		id := fmt.Sprintf(`PCI\VEN_8086&amp;DEV_%04X`, i)
		fmt.Fprintf(&b, `<Device><HardwareIDs><string>%s&amp;SUBSYS_00000000&amp;REV_00</string><string>%[1]s&amp;SUBSYS_00000000</string></HardwareIDs>`+
			`<CompatibleIDs><string>%[1]s&amp;REV_00</string><string>%[1]s</string></CompatibleIDs>`+
			`<installedDriver><MatchingID>%[1]s</MatchingID><DriverVerDate>2024-01-01</DriverVerDate><DriverVerVersion>10.0.1.%d</DriverVerVersion>`+
			`<Class>System</Class><Manufacturer>proxycheck</Manufacturer><Provider>proxycheck</Provider><Model>Device %[2]d</Model>`+
			`<MatchingComputerHWID>{00000000-0000-0000-0000-000000000000}</MatchingComputerHWID><DriverRank>0</DriverRank>`+
			`<SkipProviderFiltering>false</SkipProviderFiltering><IsGeneric>false</IsGeneric></installedDriver></Device>`, id, i)
	}
	return b.String()
}

// reportEventBatch reports the end of a detection (event 147).
var reportEventBatch = otherCall(wusp.ReportPath, wusp.ReportNamespace, "ReportEventBatch",
	inHand+`<clientTime>{utc}</clientTime><eventBatch><ReportingEvent><BasicData><TargetID><Sid>{client}</Sid></TargetID>`+
		`<SequenceNumber>0</SequenceNumber><TimeAtTarget>{utc}</TimeAtTarget><EventInstanceID>{message}</EventInstanceID>`+
		`<NamespaceID>1</NamespaceID><EventID>147</EventID><SourceID>101</SourceID>`+
		`<UpdateID><UpdateID>00000000-0000-0000-0000-000000000000</UpdateID><RevisionNumber>0</RevisionNumber></UpdateID>`+
		`<Win32HResult>0</Win32HResult><AppName>proxycheck</AppName></BasicData>`+
		`<ExtendedData><ReplacementStrings><string>0</string></ReplacementStrings><MiscData><string>a=0</string></MiscData>`+
		`<ComputerBrand>proxycheck</ComputerBrand><ComputerModel>probe</ComputerModel><BiosRevision>1</BiosRevision>`+
		`<ProcessorArchitecture>Amd64Compatible</ProcessorArchitecture>`+
		`<OSVersion><Major>{os:0}</Major><Minor>{os:1}</Minor><Build>{os:2}</Build><Revision>0</Revision>`+
		`<ServicePackMajor>0</ServicePackMajor><ServicePackMinor>0</ServicePackMinor></OSVersion>`+
		`<OSLocaleID>1033</OSLocaleID><DeviceID></DeviceID></ExtendedData><PrivateData></PrivateData></ReportingEvent></eventBatch>`)

// getConfig2 is a call of the delivery service, in SOAP 1.2 (wire.md 2.9): an
// open client is the source, and its fields are those of the other calls.
const getConfig2 = `
POST https://{tls}` + wusp.ClientPath + ` HTTP/1.1
Cache-Control: no-cache
Connection: Keep-Alive
Pragma: no-cache
Content-Type: application/soap+xml; charset=utf-8
Accept-Encoding: xpress
User-Agent: {wua}
MS-CV: {cv:16}.1.0.0.2.{calls}
Content-Length: {length}
Host: {tls}

<s:Envelope xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>` +
	`<a:Action s:mustUnderstand="1">` + wusp.ClientNamespace + `/GetConfig2</a:Action><a:MessageID>urn:uuid:{message}</a:MessageID>` +
	`<a:To s:mustUnderstand="1">https://{tls}` + wusp.ClientPath + `</a:To>` +
	`<o:Security s:mustUnderstand="1" xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">` +
	`<Timestamp xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">` +
	`<Created>{utc}</Created><Expires>{utc:120}</Expires></Timestamp>` +
	`<wuws:WindowsUpdateTicketsToken xmlns:wuws="http://schemas.microsoft.com/msus/2014/10/WindowsUpdateAuthorization">` +
	`<TicketType Name="MSA" Policy="MBI_SSL"></TicketType></wuws:WindowsUpdateTicketsToken></o:Security></s:Header>` +
	`<s:Body><GetConfig2 xmlns="` + wusp.ClientNamespace + `"><protocolVersion>{protocol}</protocolVersion></GetConfig2></s:Body></s:Envelope>`

// serviceLocator asks which servers serve Windows Update (wire.md 2.8). Which
// fields leave inside TLS nobody has captured: they are those of other files.
const serviceLocator = `
GET https://{tls}/SLS/{9482F4B4-E343-43B6-B170-9A65BC822C77}/x64/10.0.19045.4355/0?CH=803&L=en-US&P=&PT=0x30&WUA=10.0.19041.4355&MK=LENOVO&MD=81VS HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: Windows-Update-Agent
Host: {tls}
`

// fetch is a request of the update agent for a file of its own (wire.md 2.3).
func fetch(method, target, host string) string {
	return "\n" + method + " " + target + ` HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: Windows-Update-Agent
Host: ` + host + "\n"
}

// oldest is a request of the agents before those (wire.md 2.3).
func oldest(method string) string {
	return "\n" + method + ` /iuident.cab?{stamp} HTTP/1.1
Accept: */*
User-Agent: Industry Update Control
Host: {host}
Connection: Keep-Alive
`
}

// connect opens a tunnel (wire.md 5.1): these components send no User-Agent
// with it, and nothing else.
const connect = `
CONNECT {authority} HTTP/1.1
Host: {authority}
`

// bitsHead asks for the size of a file (wire.md 1.2).
func bitsHead(target string) string {
	return `
HEAD ` + target + ` HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
User-Agent: {bits}
Host: {content}
`
}

// bitsGet is the request of a job for parts of a file, or for the whole
// (wire.md 1.3).
func bitsGet(target, parts string) string { return bitsIf("{bits-size.Last-Modified}", target, parts) }

// bitsIf is that under a condition.
func bitsIf(unmodifiedSince, target, parts string) string {
	ranges := ""
	if parts != "" {
		ranges = "Range: bytes=" + parts + "\n"
	}
	return `
GET ` + target + ` HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
If-Unmodified-Since: ` + unmodifiedSince + "\n" + ranges + `User-Agent: {bits}
Host: {content}
`
}

// doGet is a request of Delivery Optimization (wire.md 4.1): it states the
// length of a body that it does not have.
func doGet(target, part string) string {
	return `
GET ` + target + ` HTTP/1.1
Connection: Keep-Alive
Accept: */*
Range: bytes=` + part + `
User-Agent: {do}
MS-CV: {cv:22}.0.2.7.{line}.1.{requests}
Content-Length: 0
Host: {content}
`
}

// twoBytesAt asks for the first two bytes of a signed file, in the name of a host.
func twoBytesAt(host string) string {
	return strings.Replace(doGet("{stream}", "{range:probe}"), "Host: {content}", "Host: "+host, 1)
}

// doHashes asks for the hash of each piece (wire.md 4.2).
const doHashes = `
GET {hashes} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: gzip, deflate
User-Agent: {do}
MS-CV: {cv:22}.0.2.7.{line}.1.{requests}
Content-Length: 0
Host: {content}
`

// trustList is where the trust lists are (wire.md 5.5).
const trustList = "/msdownload/update/v3/static/trustedr/en/"

// cryptoGet is a request of CryptoAPI.
func cryptoGet(target string) string {
	return `
GET ` + target + ` HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: {cryptoapi}
Host: {content}
`
}

// cryptoCached is one for what it has kept a copy of.
func cryptoCached(target string) string {
	return strings.Replace(cryptoGet(target), "Connection:", "Cache-Control: max-age = 900\nConnection:", 1)
}

// revalidate asks for the list of roots unless it is the one in hand.
var revalidate = strings.Replace(cryptoGet(trustList+"authrootstl.cab?{hex:16}"), "User-Agent:",
	"If-Modified-Since: {ctl-roots.Last-Modified}\nIf-None-Match: {ctl-roots.ETag}\nUser-Agent:", 1)

// overTLS is a request for the server's TLS port in place of its plain one.
func overTLS(text string) string {
	return strings.NewReplacer("POST /", "POST https://{tls}/", "{host}", "{tls}").Replace(text)
}
