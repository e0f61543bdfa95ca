package probe

// Steps lists the exchanges of one update against a WSUS, in the order in which
// a client makes them. The requests stand as they were captured, sent without a
// proxy; a test holds what leaves for each against golden bytes.
var Steps = []*Step{
	{
		Name: "wua-config", Title: "ask the update server for its configuration",
		By: WUA, Layer: SOAP, Kind: soap, On: "wua", Opens: true,
		Send: getConfig,
	},
	{
		Name: "selfupdate-size", Title: "ask for the size of the agent's own update",
		By: WUA, Layer: Fetch, Kind: size, On: "selfupdate", Spare: unlessSelfUpdates, Send: `
HEAD /selfupdate/wuident.cab?{stamp} HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: Windows-Update-Agent
Host: {host}
`,
	},
	{
		Name: "selfupdate-file", Title: "fetch the agent's own update, wuident.cab",
		Rules: []Rule{{If: sizeUnlike("selfupdate-size"), Then: SizeWrong}},
		By:    WUA, Layer: Fetch, Kind: cabinet, On: "selfupdate", Spare: unlessSelfUpdates, Send: `
GET /selfupdate/wuident.cab?{stamp} HTTP/1.1
Connection: Keep-Alive
Accept: */*
User-Agent: Windows-Update-Agent
Host: {host}
`,
	},
	{
		Name: "iuident-file", Title: "fetch iuident.cab, as the oldest agents do",
		By: WUA, Layer: Fetch, Kind: cabinet, On: "iuident", Good: []int{404},
		Spare: always("only the agents of 2000 and early XP ask for it"), Send: `
GET /iuident.cab?{stamp} HTTP/1.1
Accept: */*
User-Agent: Industry Update Control
Host: {host}
Connection: Keep-Alive
`,
	},
	{
		Name: "bits-size", Title: "ask for the size of a file",
		By: BITS, Layer: Job, Kind: size, On: "bits", Send: `
HEAD {object} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
User-Agent: {bits}
Host: {content}
`,
	},
	{
		Name: "bits-range-first", Title: "fetch the first part of a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", Send: bitsRange("first"),
	},
	{
		Name: "bits-range-deep", Title: "fetch a part from deep inside a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", Send: bitsRange("deep"),
	},
	{
		Name: "bits-range-last", Title: "fetch the last part of a file",
		By: BITS, Layer: Job, Kind: ranged, On: "bits", Send: bitsRange("last"),
	},
	{
		Name: "bits-file", Title: "fetch a whole file, as a foreground job does",
		By: BITS, Layer: Job, Kind: whole, On: "bits", Send: `
GET {object} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
If-Unmodified-Since: {bits-size.Last-Modified}
User-Agent: {bits}
Host: {content}
`,
	},
	{
		Name: "bits-condition", Title: "fetch a part of a file only if it has not changed",
		By: BITS, Layer: Job, Kind: stale, On: "bits-condition", Since: Vista, Good: []int{412}, Send: `
GET {object} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT
Range: bytes={range:first}
User-Agent: {bits}
Host: {content}
`,
	},
	{
		Name: "do-probe", Title: "ask for two bytes, to see whether ranges work",
		By: DO, Layer: Job, Kind: ranged, On: "do-1", Since: Win10, Spare: unlessMicrosoft, Send: doRange("probe", 1),
	},
	{
		Name: "do-piece", Title: "fetch a piece of 1 MiB",
		By: DO, Layer: Job, Kind: ranged, On: "do-1", Since: Win10, Send: doRange("piece", 2),
	},
	{
		Name: "tls-config", Title: "ask the update server for its configuration through a tunnel",
		By: WUA, Layer: SOAP, Kind: soap, On: "tls", InClear: true, Spare: whileGuessed, Send: overTLS(getConfig),
		Absent: []*Finding{TunnelServerDown, ServerRefuses, ServerUnreachable},
	},
}

// getConfig is the first call of a scan (wire.md 3.1, 3.5).
const getConfig = `
POST /ClientWebService/client.asmx HTTP/1.1
Cache-Control: no-cache
Connection: Keep-Alive
Pragma: no-cache
Content-Type: text/xml; charset=utf-8
Accept-Encoding: xpress
User-Agent: {wua}
SOAPAction: "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"
MS-CV: {cv:16}.1.0.0.2.1
Content-Length: {length}
Host: {host}

<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetConfig xmlns="http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"><protocolVersion>{protocol}</protocolVersion></GetConfig></s:Body></s:Envelope>`

// connect opens a tunnel (wire.md 5.1): these components send no User-Agent
// with it, and nothing else.
const connect = `
CONNECT {authority} HTTP/1.1
Host: {authority}
`

// bitsRange is the request of a background job for a part of a file (wire.md 1.3).
func bitsRange(part string) string {
	return `
GET {object} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Accept-Encoding: identity
If-Unmodified-Since: {bits-size.Last-Modified}
Range: bytes={range:` + part + `}
User-Agent: {bits}
Host: {content}
`
}

// doRange is the n-th request of Delivery Optimization on a connection
// (wire.md 4.1): it states the length of a body that it does not have.
func doRange(part string, n int) string {
	return `
GET {object} HTTP/1.1
Connection: Keep-Alive
Accept: */*
Range: bytes={range:` + part + `}
User-Agent: {do}
MS-CV: {cv:22}.0.2.7.1.1.` + string(rune('0'+n)) + `
Content-Length: 0
Host: {content}
`
}

// StepsOf are the steps that p makes towards t.
func StepsOf(p *Profile, t *Target) []*Step {
	var steps []*Step
	for _, s := range Steps {
		if p.Windows.Within(s.Since, s.Until) && !(t.TLS && s.InClear) {
			steps = append(steps, s)
		}
	}
	return steps
}
