package wsus

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"proxycheck/probe/wusp"
)

// A webService is one of the web services, at a path.
type webService struct {
	name         string
	namespace    string
	form         wusp.Form
	cacheControl string
	soap12       bool // it is called with SOAP 1.2 too
	operations   map[string]operation
}

// services are the web services by path, in lower case (wire.md 2.8, 3.2, 3.6,
// 7.1). Those for other servers answer nothing but Ping.
var services = map[string]webService{
	"/clientwebservice/client.asmx":    clientService,
	"/v6/clientwebservice/client.asmx": clientService,
	"/simpleauthwebservice/simpleauth.asmx": {"SimpleAuth", wusp.AuthNamespace, wusp.ASPNETForm,
		"private", false, authOperations},
	"/reportingwebservice/reportingwebservice.asmx": reportService,
	"/reportingwebservice/webservice.asmx":          reportService,
	"/dssauthwebservice/dssauthwebservice.asmx": {"DssAuthWebService", "http://www.microsoft.com/SoftwareDistribution/Server/DssAuthWebService",
		wusp.ASPNETForm, "private", false, monitor},
	"/serversyncwebservice/serversyncwebservice.asmx": {"ServerSyncWebService", wusp.ReportNamespace, // [MS-WSUSSS] 2.2.1
		wusp.ASPNETForm, "private", false, monitor},
}

var (
	clientService = webService{"Client", wusp.ClientNamespace, wusp.ClientForm, "private", true, clientOperations}
	reportService = webService{"ReportingWebService", wusp.ReportNamespace, wusp.ASPNETForm, "private, max-age=0", false, reportOperations}
)

// An operation is one that a service answers: the XML text of its response, or
// a refusal.
type operation struct {
	cookie bool // that must be valid
	answer func(*Server, *call) (string, error)
	client string // where its body says which client calls, beside the cookies; "" for nowhere
	dns    string // where its body says how that is called; "" for nowhere
}

// The operations of the services (wire.md 3.5). SyncPrinterCatalog, GetTimestamps
// and what else wire.md 3.2 names have no tree there, so they are not answered.
var (
	clientOperations = withMonitor(map[string]operation{
		"GetConfig":              {answer: (*Server).getConfig},
		"GetConfig2":             {answer: (*Server).getConfig},
		"GetCookie":              {answer: (*Server).getCookie},
		"RegisterComputer":       {cookie: true, answer: (*Server).registerComputer, dns: "computerInfo/DnsName"},
		"StartCategoryScan":      {answer: (*Server).startCategoryScan}, // without a cookie, as captured
		"SyncUpdates":            {cookie: true, answer: (*Server).syncUpdates},
		"RefreshCache":           {cookie: true, answer: (*Server).refreshCache},
		"GetExtendedUpdateInfo":  {cookie: true, answer: (*Server).getExtendedUpdateInfo},
		"GetExtendedUpdateInfo2": {cookie: true, answer: (*Server).getExtendedUpdateInfo2},
		"GetFileLocations":       {cookie: true, answer: (*Server).getFileLocations},
	})
	authOperations = withMonitor(map[string]operation{
		"GetAuthorizationCookie": {answer: (*Server).getAuthorizationCookie, client: "clientId", dns: "dnsName"},
	})
	reportOperations = withMonitor(map[string]operation{
		"ReportEventBatch": {cookie: true, answer: (*Server).reportEventBatch, client: "eventBatch/ReportingEvent/BasicData/TargetID/Sid"},
	})
	monitor = map[string]operation{"Ping": {answer: (*Server).ping}}
)

// withMonitor adds the operation by which each service is watched.
func withMonitor(operations map[string]operation) map[string]operation {
	maps.Copy(operations, monitor)
	return operations
}

// Operations are the names of all operations, sorted.
func Operations() []string {
	names := map[string]bool{}
	for _, v := range services {
		for name := range v.operations {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ErrorCodes are those that a fault may have, sorted (wire.md 3.8).
var ErrorCodes = []string{
	"ConfigChanged", "CookieExpired", "FileLocationChanged", "InternalServerError", "InvalidAuthorizationCookie", "InvalidCookie",
	"InvalidParameters", "RegistrationNotRequired", "RegistrationRequired", "ServerBusy", "ServerChanged",
}

// formOf is the form in which a call of a media type is answered.
func (v webService) formOf(mediaType string) (form wusp.Form, ok bool) {
	if mediaType == "application/soap+xml" {
		return wusp.SOAP12Form, v.soap12
	}
	return v.form, mediaType == "text/xml"
}

// ping tells how the server is. Of what a MonitoredServicesResponse may hold
// (the WSDL of [MS-WSUSSS]) it has what must be there and what is true of a fake one.
func (s *Server) ping(c *call) (string, error) {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
	return wusp.Tag("PingResult", wusp.Tag("SuccessFlag", "true")+wusp.Tag("ServicesTime", now)+
		wusp.Tag("ServicesName", c.name)+wusp.Tag("IsHttps", strconv.FormatBool(c.tls))+
		wusp.Tag("ConfigFileLastModifiedTime", wusp.LastChange)+wusp.Tag("ConfigFileNextExpirationTime", now)+
		number("ConfigFileExpirationModuloInMinutes", 0)), nil
}
