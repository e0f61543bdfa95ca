package wsus_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// Namespaces of the services, typed from wire.md 3.2.
const (
	client = "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"
	auth   = "http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService"
	report = "http://www.microsoft.com/SoftwareDistribution"
)

// A caller calls the web services of a server.
type caller struct {
	t   testing.TB
	url string
}

func newCaller(t testing.TB, s *wsus.Server) *caller {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &caller{t, server.URL}
}

// post sends a body with header fields, given as name and value.
func (c *caller) post(path, body string, fields ...string) (*http.Response, string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for pair := range slices.Chunk(fields, 2) {
		req.Header[pair[0]] = []string{pair[1]}
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer, string(text)
}

// servicePaths are where the services are.
var servicePaths = map[string]string{
	client: "/ClientWebService/client.asmx",
	auth:   "/SimpleAuthWebService/SimpleAuth.asmx",
	report: "/ReportingWebService/ReportingWebService.asmx",
}

// envelope is a call as the client writes it (wire.md 3.3).
func envelope(service, operation, content string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><` + operation + ` xmlns="` + service + `">` +
		content + `</` + operation + `></s:Body></s:Envelope>`
}

// call calls an operation.
func (c *caller) call(service, operation, content string) (status int, body string) {
	c.t.Helper()
	answer, body := c.post(servicePaths[service], envelope(service, operation, content),
		"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"`+service+"/"+operation+`"`)
	return answer.StatusCode, body
}

// must is the answer to a call that succeeds.
func (c *caller) must(service, operation, content string) string {
	c.t.Helper()
	status, body := c.call(service, operation, content)
	if err := wusp.ParseResponse([]byte(body), operation); status != 200 || err != nil {
		c.t.Fatalf("%s is answered %d: %v\n%s", operation, status, err, body)
	}
	return body
}

func (c *caller) authorization() string {
	return element(c.must(auth, "GetAuthorizationCookie",
		"<clientId>7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23</clientId><dnsName>pc.test</dnsName>"), "CookieData")
}

// getCookie is the content of a call of GetCookie.
func getCookie(authorization, lastChange, now string) string {
	return `<authCookies><AuthorizationCookie><PlugInId>SimpleTargeting</PlugInId><CookieData>` + authorization +
		`</CookieData></AuthorizationCookie></authCookies><oldCookie><Expiration>` + now + `</Expiration></oldCookie><lastChange>` +
		lastChange + `</lastChange><currentTime>` + now + `</currentTime><protocolVersion>2.90</protocolVersion>`
}

// instant is a time as clients write it.
func instant(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }

// cookie is the element of a cookie that the server gives a client with a clock
// and a configuration.
func (c *caller) cookie(now time.Time, lastChange string) string {
	return cookieIn(c.must(client, "GetCookie", getCookie(c.authorization(), lastChange, instant(now))), "GetCookieResult")
}

func (c *caller) goodCookie() string {
	return c.cookie(time.Now(), element(c.must(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>"), "LastChange"))
}

// cookieIn is the cookie in an answer, as it is sent back.
func cookieIn(body, parent string) string {
	return "<cookie><Expiration>" + element(body, parent+"/Expiration") + "</Expiration><EncryptedData>" +
		element(body, parent+"/EncryptedData") + "</EncryptedData></cookie>"
}

func element(body, path string) string    { return wusp.Element([]byte(body), path) }
func elements(body, path string) []string { return wusp.Elements([]byte(body), path) }

// ids is an array of numbers.
func ids(name string, numbers []string) string {
	text := "<" + name + ">"
	for _, n := range numbers {
		text += "<int>" + n + "</int>"
	}
	return text + "</" + name + ">"
}

// software is the content of a call of SyncUpdates (wire.md 3.5).
func software(cookie, cached string) string {
	return cookie + "<parameters><ExpressQuery>false</ExpressQuery>" + cached + "<SkipSoftwareSync>false</SkipSoftwareSync></parameters>"
}

func numbers(from, to int) (list []string) {
	for n := from; n <= to; n++ {
		list = append(list, strconv.Itoa(n))
	}
	return list
}

// One scan, in the order of a client (wire.md 3.4).
func TestScan(t *testing.T) {
	c := newCaller(t, &wsus.Server{Size: 100_003})
	if body := c.must(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>"); body != wusp.ConfigResponse {
		t.Errorf("GetConfig is answered %s", body)
	}
	if data := c.authorization(); len(data) != 496 {
		t.Errorf("CookieData has %d characters, the captured one 496", len(data))
	}
	before := time.Now().Truncate(time.Second)
	cookie := c.goodCookie()
	expiration, err := time.Parse("2006-01-02T15:04:05.0000000Z", element(cookie, "Expiration"))
	if err != nil || expiration.Before(before.Add(time.Hour)) || expiration.After(before.Add(time.Hour+time.Minute)) {
		t.Errorf("the cookie expires at %s (%v), want an hour from now", expiration, err)
	}
	if body := c.must(client, "RegisterComputer", cookie+"<computerInfo><DnsName>pc.test</DnsName></computerInfo>"); len(body) != 298 {
		t.Errorf("RegisterComputer is answered with %d bytes, captured were 298", len(body))
	}

	first := c.must(client, "SyncUpdates", software(cookie, ""))
	second := c.must(client, "SyncUpdates", software(cookieIn(first, "NewCookie"), ""))
	got := append(elements(first, "UpdateInfo/ID"), elements(second, "UpdateInfo/ID")...)
	if !slices.Equal(got, numbers(1, 45)) || len(elements(first, "UpdateInfo/ID")) != 30 {
		t.Errorf("two pages have the updates %q", got)
	}
	if element(first, "Truncated") != "true" || element(second, "Truncated") != "false" {
		t.Errorf("Truncated is %s, then %s", element(first, "Truncated"), element(second, "Truncated"))
	}
	cookie = cookieIn(second, "NewCookie")
	drivers := c.must(client, "SyncUpdates", cookie+"<parameters><ExpressQuery>false</ExpressQuery><SystemSpec><Device><HardwareIDs><string>"+
		strings.Repeat("x", 50_000)+"</string></HardwareIDs></Device></SystemSpec><SkipSoftwareSync>true</SkipSoftwareSync></parameters>")
	if strings.Contains(drivers, "UpdateInfo") || element(drivers, "Truncated") != "false" || element(drivers, "DriverSyncNotNeeded") != "true" {
		t.Errorf("the driver pass is answered %s", drivers)
	}

	extended := c.must(client, "GetExtendedUpdateInfo", cookie+ids("revisionIDs", got[:2])+"<infoTypes>"+
		"<XmlUpdateFragmentType>Extended</XmlUpdateFragmentType><XmlUpdateFragmentType>LocalizedProperties</XmlUpdateFragmentType></infoTypes>")
	if got := elements(extended, "Update/ID"); !slices.Equal(got, []string{"1", "1", "2", "2"}) {
		t.Errorf("the fragments are of %q", got)
	}
	digest, url := element(extended, "FileLocation/FileDigest"), element(extended, "FileLocation/Url")
	checkFile(t, c, url, digest, element(extended, "Update/Xml"))
	locations := c.must(client, "GetFileLocations", cookie+"<fileDigests><base64Binary>"+digest+"</base64Binary></fileDigests>")
	if got := element(locations, "FileLocation/Url"); got != url || element(locations, "FileLocation/FileDigest") != digest {
		t.Errorf("GetFileLocations gives %s, GetExtendedUpdateInfo %s", got, url)
	}
	c.must(client, "GetFileLocations", cookieIn(locations, "NewCookie")+"<fileDigests/>")

	identity := regexp.MustCompile(`UpdateID="([^"]+)"`).FindStringSubmatch(elements(first, "UpdateInfo/Xml")[6])
	refreshed := c.must(client, "RefreshCache", cookie+"<globalIDs><UpdateIdentity><UpdateID>"+identity[1]+
		"</UpdateID><RevisionNumber>1</RevisionNumber></UpdateIdentity><UpdateIdentity><UpdateID>"+
		"00000000-0000-0000-0000-000000000007</UpdateID><RevisionNumber>1</RevisionNumber></UpdateIdentity></globalIDs>")
	if got := elements(refreshed, "RefreshCacheResult/RefreshCacheResult/RevisionID"); !slices.Equal(got, []string{"7"}) {
		t.Errorf("the revisions of the seventh update and of one that is not there are %q", got)
	}
	reported := c.must(report, "ReportEventBatch", cookie+"<clientTime>2026-01-13T18:04:11Z</clientTime><eventBatch/>")
	if !strings.HasPrefix(reported, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope `) || element(reported, "ReportEventBatchResult") != "true" {
		t.Errorf("ReportEventBatch is answered %s", reported)
	}
}

// checkFile fetches the file that an update has.
func checkFile(t *testing.T, c *caller, url, digest, fragment string) {
	t.Helper()
	sum, err := base64.StdEncoding.DecodeString(digest)
	name := strings.ToUpper(hex.EncodeToString(sum))
	if want := c.url + "/Content/" + name[38:] + "/" + name + ".cab"; err != nil || len(sum) != 20 || url != want {
		t.Errorf("the file with the digest %s is at %s, want %s", digest, url, want)
	}
	for _, want := range []string{`Digest="` + digest + `"`, `FileName="` + name + `.cab"`, `Size="100003"`} {
		if !strings.Contains(fragment, want) {
			t.Errorf("%s has no %s", fragment, want)
		}
	}
	answer, err := http.Head(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 || answer.ContentLength != 100_003 {
		t.Errorf("HEAD %s gives %s with %d bytes", url, answer.Status, answer.ContentLength)
	}
}

// An update of a page, in the shape that a real server gave
// (CaddyGlow/wsus-rs, wsus-m0-native/flow/000012).
func TestUpdateInfo(t *testing.T) {
	c := newCaller(t, &wsus.Server{Updates: 1})
	body := c.must(client, "SyncUpdates", software(c.goodCookie(), ""))
	want := regexp.MustCompile(`<SyncUpdatesResult><NewUpdates><UpdateInfo><ID>1</ID><Deployment><ID>1</ID><Action>PreDeploymentCheck</Action>` +
		`<IsAssigned>true</IsAssigned><LastChangeTime>\d{4}-\d\d-\d\d</LastChangeTime><AutoSelect>0</AutoSelect><AutoDownload>0</AutoDownload>` +
		`<SupersedenceBehavior>0</SupersedenceBehavior></Deployment><IsLeaf>true</IsLeaf><Xml>&lt;UpdateIdentity UpdateID="[-0-9a-f]{36}" ` +
		`RevisionNumber="1" /&gt;&lt;Properties UpdateType="Software" /&gt;.*</Xml></UpdateInfo></NewUpdates><Truncated>false</Truncated>` +
		`<NewCookie><Expiration>[-0-9]+T[:0-9]+\.\d{7}Z</Expiration><EncryptedData>[^<]+</EncryptedData></NewCookie>` +
		`<DriverSyncNotNeeded>false</DriverSyncNotNeeded></SyncUpdatesResult></SyncUpdatesResponse></s:Body></s:Envelope>$`)
	if !want.MatchString(body) {
		t.Errorf("the answer is %s, want %s", body, want)
	}
}

// Pages end, whether a client sends back the cookie, the updates or both.
func TestPages(t *testing.T) {
	for _, tt := range []struct {
		updates int
		pages   []int
	}{{-1, []int{0}}, {1, []int{1}}, {30, []int{30}}, {31, []int{30, 1}}, {0, []int{30, 15}}, {90, []int{30, 30, 30}}} {
		c := newCaller(t, &wsus.Server{Updates: tt.updates})
		for name, follow := range map[string]struct{ cookie, updates bool }{
			"the cookie": {true, false}, "the updates": {false, true}, "both": {true, true},
		} {
			cookie, sizes, seen := c.goodCookie(), []int(nil), []string(nil)
			for truncated := "true"; truncated == "true" && len(sizes) < 10; {
				cached := ""
				if follow.updates && len(seen) > 0 {
					cached = ids("InstalledNonLeafUpdateIDs", seen[:1]) + ids("OtherCachedUpdateIDs", seen[1:])
				}
				body := c.must(client, "SyncUpdates", software(cookie, cached))
				page := elements(body, "UpdateInfo/ID")
				sizes, seen, truncated = append(sizes, len(page)), append(seen, page...), element(body, "Truncated")
				if follow.cookie {
					cookie = cookieIn(body, "NewCookie")
				}
			}
			if !slices.Equal(sizes, tt.pages) {
				t.Errorf("%d updates, sending back %s: pages of %d, want %d", tt.updates, name, sizes, tt.pages)
			}
			if slices.Sort(seen); len(slices.Compact(seen)) != max(0, sum(tt.pages)) {
				t.Errorf("%d updates, sending back %s: some came twice", tt.updates, name)
			}
			// A later scan begins anew.
			body := c.must(client, "SyncUpdates", software(cookie, ""))
			if got := len(elements(body, "UpdateInfo/ID")); follow.cookie && got != tt.pages[0] {
				t.Errorf("%d updates: a later scan begins with %d", tt.updates, got)
			}
		}
	}
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

var guid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// categoryID is the id of a category.
const categoryID = "e6cf1350-c01b-414d-a61f-263d14d133b4"

// scanned is the content of a call of StartCategoryScan for some categories.
func scanned(n int, id string) string {
	return "<requestedCategories>" + strings.Repeat("<CategoryRelationship><IndexOfAndGroup>0</IndexOfAndGroup><CategoryId>"+id+
		"</CategoryId></CategoryRelationship>", n) + "</requestedCategories>"
}

// identity is that of the update which a revision is of.
func identity(revision int) string {
	return fmt.Sprintf("<UpdateIdentity><UpdateID>70726f78-7963-4865-a36b-%012x</UpdateID><RevisionNumber>1</RevisionNumber></UpdateIdentity>", revision)
}

// What a client can do wrong, and which fault it gets (wire.md 3.8).
func TestSOAPFaults(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	good := c.goodCookie()
	stale := c.cookie(time.Now(), "2020-01-01T00:00:00Z")
	late := c.cookie(time.Now().Add(-2*time.Hour), wusp.LastChange)
	changed := strings.Replace(good, "<EncryptedData>", "<EncryptedData>AAAA", 1)
	foreign := "<cookie><EncryptedData>" + c.authorization() + "</EncryptedData></cookie>"
	now := instant(time.Now())
	for _, tt := range []struct{ service, operation, content, want string }{
		{client, "SyncUpdates", software(late, ""), "CookieExpired"},
		{client, "SyncUpdates", software(stale, ""), "ConfigChanged"},
		{client, "SyncUpdates", software(changed, ""), "InvalidCookie"},
		{client, "SyncUpdates", software(foreign, ""), "InvalidCookie"},
		{client, "SyncUpdates", software("", ""), "InvalidCookie"},
		{client, "RegisterComputer", late, "CookieExpired"},
		{client, "GetExtendedUpdateInfo", stale, "ConfigChanged"},
		{client, "GetFileLocations", "", "InvalidCookie"},
		{client, "RefreshCache", stale, "ConfigChanged"},
		{report, "ReportEventBatch", late, "CookieExpired"},
		{client, "GetCookie", getCookie("", wusp.LastChange, now), "InvalidAuthorizationCookie"},
		{client, "GetCookie", getCookie("not base64", wusp.LastChange, now), "InvalidAuthorizationCookie"},
		{client, "GetCookie", getCookie(element(good, "EncryptedData"), wusp.LastChange, now), "InvalidAuthorizationCookie"},
		{client, "GetCookie", getCookie(c.authorization(), wusp.LastChange, "now"), "InvalidParameters"},
		{client, "GetCookie", getCookie(c.authorization(), "", now), "InvalidParameters"},
		{client, "GetCookie", getCookie(c.authorization(), "2020-01-01T00:00:00."+strings.Repeat("0", 1000)+"Z", now), "InvalidParameters"},
		{auth, "GetAuthorizationCookie", "<dnsName>pc.test</dnsName>", "InvalidParameters"},
		{auth, "GetAuthorizationCookie", "<clientId>" + strings.Repeat("a", 1000) + "</clientId>", "InvalidParameters"},
		{client, "SyncUpdates", software(good, ids("InstalledNonLeafUpdateIDs", numbers(1, 400))), ""},
		{client, "SyncUpdates", software(good, ids("InstalledNonLeafUpdateIDs", numbers(1, 401))), "InvalidParameters"},
		{client, "SyncUpdates", software(good, ids("OtherCachedUpdateIDs", numbers(1, 401))), ""},
		{client, "SyncUpdates", software(good, ids("OtherCachedUpdateIDs", []string{"many"})), "InvalidParameters"},
		{client, "SyncUpdates", good + "<parameters><SkipSoftwareSync>maybe</SkipSoftwareSync></parameters>", "InvalidParameters"},
		{client, "GetExtendedUpdateInfo", good + ids("revisionIDs", numbers(1, 50)), ""},
		{client, "GetExtendedUpdateInfo", good + ids("revisionIDs", numbers(1, 51)), "InvalidParameters"},
		{client, "StartCategoryScan", scanned(199, categoryID), ""},
		{client, "StartCategoryScan", scanned(200, categoryID), "InvalidParameters"},
		{client, "StartCategoryScan", scanned(1, "drivers"), "InvalidParameters"},
		{client, "StartCategoryScan", "", "InvalidParameters"},
		{client, "GetExtendedUpdateInfo", good + "<infoTypes>" + strings.Repeat("<XmlUpdateFragmentType>Core</XmlUpdateFragmentType>", 9) + "</infoTypes>",
			"InvalidParameters"},
		{client, "GetExtendedUpdateInfo2", late, "CookieExpired"},
		{client, "GetExtendedUpdateInfo2", good + "<updateIDs>" + strings.Repeat(identity(1), 51) + "</updateIDs>", "InvalidParameters"},
		{client, "GetFileLocations", good + "<fileDigests><base64Binary>AAAA</base64Binary></fileDigests>", "InvalidParameters"},
	} {
		status, body := c.call(tt.service, tt.operation, tt.content)
		if tt.want == "" {
			if status != 200 {
				t.Errorf("%s with %.200s is answered %d: %s", tt.operation, tt.content, status, body)
			}
			continue
		}
		fault, ok := wusp.ParseFault([]byte(body))
		if status != 500 || !ok {
			t.Errorf("%s with %.200s is answered %d: %s; want %s", tt.operation, tt.content, status, body, tt.want)
			continue
		}
		if method := `"` + tt.service + "/" + tt.operation + `"`; fault.Code != tt.want || fault.Message != "" ||
			fault.Method != method || !guid.MatchString(fault.ID) {
			t.Errorf("%s with %.200s gets %+v, want %s", tt.operation, tt.content, fault, tt.want)
		}
	}
}

// The tree of a fault (wire.md 3.8), with each code that there is.
func TestRefuse(t *testing.T) {
	for _, code := range []string{"InvalidCookie", "ServerChanged", "ConfigChanged", "CookieExpired", "RegistrationRequired",
		"RegistrationNotRequired", "InvalidAuthorizationCookie", "InvalidParameters", "InternalServerError", "ServerBusy", "FileLocationChanged"} {
		c := newCaller(t, &wsus.Server{Refuse: func(_, operation string) string {
			if operation == "GetConfig" {
				return ""
			}
			return code
		}})
		c.must(client, "GetConfig", "")
		status, body := c.call(client, "SyncUpdates", "")
		id := element(body, "detail/ID")
		want := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
			`xmlns:xsd="http://www.w3.org/2001/XMLSchema"><s:Fault><faultcode>s:Client</faultcode><faultstring>Fault occurred</faultstring>` +
			`<detail><ErrorCode>` + code + `</ErrorCode><Message/><ID>` + id + `</ID><Method>"` + client + `/SyncUpdates"</Method></detail>` +
			`</s:Fault></s:Body></s:Envelope>`
		if status != 500 || body != want {
			t.Errorf("a refused call is answered %d: %s, want %s", status, body, want)
		}
		if status, body := c.call(auth, "GetAuthorizationCookie", ""); status != 500 || element(body, "Fault/faultcode") != "soap:Client" {
			t.Errorf("a call that ASP.NET refuses is answered %d: %s", status, body)
		}
	}
}

// The fields of an answer (wire.md 3.6), and its coding (wire.md 3.7).
func TestXpress(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	body, action := envelope(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>"), `"`+client+`/GetConfig"`
	for _, tt := range []struct {
		offer string
		coded bool
	}{{"xpress", true}, {"gzip, XPRESS", true}, {"gzip", false}, {"identity", false}, {"xpressed", false}} {
		answer, got := c.post("/ClientWebService/client.asmx", body,
			"Content-Type", "text/xml; charset=utf-8", "SOAPAction", action, "Accept-Encoding", tt.offer)
		if answer.Header.Get("Content-Encoding") == "xpress" {
			plain, err := wusp.DecodeXpress([]byte(got), 1<<20)
			if err != nil || len(got) >= len(plain) {
				t.Errorf("%d bytes decode to %d (%v)", len(got), len(plain), err)
			}
			got = string(plain)
		}
		if coded := answer.Header.Get("Content-Encoding") == "xpress"; coded != tt.coded || got != wusp.ConfigResponse {
			t.Errorf("Accept-Encoding: %s gets a coded answer: %v; %s", tt.offer, coded, got)
		}
		if answer.ContentLength < 0 || len(answer.TransferEncoding) > 0 {
			t.Errorf("Accept-Encoding: %s gets a chunked answer", tt.offer)
		}
		for name, want := range map[string]string{"Cache-Control": "private", "Content-Type": "text/xml; charset=utf-8", "Vary": "Accept-Encoding",
			"Server": "Microsoft-IIS/10.0", "X-Aspnet-Version": "4.0.30319", "X-Powered-By": "ASP.NET"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	}
}

// A page is longer than one block of the coding.
func TestXpressPage(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	answer, coded := c.post("/clientwebservice/CLIENT.ASMX", envelope(client, "SyncUpdates", software(c.goodCookie(), "")),
		"Content-Type", "text/xml", "SOAPAction", `"`+client+`/SyncUpdates"`, "Accept-Encoding", "xpress")
	plain, err := wusp.DecodeXpress([]byte(coded), 1<<20)
	if err != nil || answer.Header.Get("Content-Encoding") != "xpress" || len(plain) < 16352 {
		t.Fatalf("a page of %d bytes comes as %d (%v)", len(plain), len(coded), err)
	}
	if err := wusp.ParseResponse(plain, "SyncUpdates"); err != nil || len(wusp.Elements(plain, "UpdateInfo/ID")) != 30 {
		t.Errorf("the page is %s (%v)", plain, err)
	}
}

// newer is a call in SOAP 1.2, as the store's client writes it (wire.md 2.9).
func newer(operation, content string) string {
	return `<s:Envelope xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>` +
		`<a:Action s:mustUnderstand="1">` + client + "/" + operation + `</a:Action></s:Header><s:Body><` + operation + ` xmlns="` + client + `">` +
		content + `</` + operation + `></s:Body></s:Envelope>`
}

func TestSOAP12(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	const contentType = "application/soap+xml; charset=utf-8"
	answer, body := c.post("/ClientWebService/client.asmx", newer("GetConfig2", "<protocolVersion>2.50</protocolVersion>"), "Content-Type", contentType)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != contentType ||
		!strings.HasPrefix(body, `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">`) ||
		wusp.ParseResponse([]byte(body), "GetConfig2") != nil || element(body, "GetConfig2Result/LastChange") != wusp.LastChange {
		t.Errorf("GetConfig2 is answered %s: %s", answer.Status, body)
	}
	answer, body = c.post("/ClientWebService/client.asmx", newer("SyncUpdates", ""), "Content-Type", contentType)
	if fault, ok := wusp.ParseFault([]byte(body)); answer.StatusCode != 500 || !ok || fault.Code != "InvalidCookie" ||
		element(body, "Fault/Code/Value") != "s:Sender" {
		t.Errorf("SyncUpdates without a cookie is answered %s: %s", answer.Status, body)
	}
	answer, body = c.post("/SimpleAuthWebService/SimpleAuth.asmx", newer("GetConfig2", ""), "Content-Type", contentType)
	if answer.StatusCode != 415 {
		t.Errorf("SimpleAuth takes SOAP 1.2: %s: %s", answer.Status, body)
	}
}

// Calls that are none of the service's, and bodies that are no calls.
func TestOddCalls(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	config := envelope(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>")
	const (
		path    = "/ClientWebService/client.asmx"
		newType = "application/soap+xml"
		action  = `"` + client + `/GetConfig"`
	)
	deep := strings.Repeat("<a>", 100_000)
	for name, tt := range map[string]struct {
		path, contentType, action, body string
		status                          int
		want                            string
	}{
		"good":              {path, "text/xml", action, config, 200, "<GetConfigResult>"},
		"at fe2":            {"/v6/ClientWebService/client.asmx", "text/xml", action, config, 200, "<GetConfigResult>"},
		"other case":        {"/CLIENTWEBSERVICE/Client.ASMX", "text/xml", action, config, 200, "<GetConfigResult>"},
		"no service":        {"/other.asmx", "text/xml", action, config, 404, ""},
		"other charset":     {path, "text/xml; charset=utf-16", action, config, 415, ""},
		"type of a form":    {path, "application/x-www-form-urlencoded", action, config, 415, ""},
		"no type":           {path, "", action, config, 415, ""},
		"1.1 as 1.2":        {path, newType, action, config, 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"1.2 as 1.1":        {path, "text/xml", action, newer("GetConfig", ""), 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"no action":         {path, "text/xml", "", config, 500, "Server did not recognize the value of HTTP Header SOAPAction: ."},
		"action not quoted": {path, "text/xml", strings.Trim(action, `"`), config, 500, "Server did not recognize the value of HTTP Header SOAPAction: " + client},
		"other action":      {path, "text/xml", `"` + client + `/<b>"`, config, 500, "SOAPAction: " + client + "/&lt;b&gt;."},
		"other service":     {path, "text/xml", `"` + report + `/ReportEventBatch"`, config, 500, "Server did not recognize"},
		"not offered":       {path, "text/xml", `"` + client + `/GetTimestamps"`, config, 500, "Server did not recognize"},
		"1.2 not offered":   {path, newType, "", newer("GetTimestamps", ""), 500, "Server did not recognize"},
		"other body":        {path, "text/xml", action, envelope(client, "SyncUpdates", ""), 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"no body":           {path, "text/xml", action, "", 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"no body in 1.2":    {path, newType, action, "", 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"in UTF-16":         {path, "text/xml", action, "\xff\xfe<\x00s\x00", 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"says Latin-1": {path, "text/xml", action, `<?xml version="1.0" encoding="iso-8859-1"?>` + config, 500,
			"<ErrorCode>InvalidParameters</ErrorCode>"},
		"says UTF-8": {path, "text/xml", action, `<?xml version="1.0" encoding="utf-8"?>` + config, 200, "<GetConfigResult>"},
		"for a service of servers": {"/ServerSyncWebService/ServerSyncWebService.asmx", "text/xml", `"` + report + `/ReportEventBatch"`,
			envelope(report, "ReportEventBatch", ""), 500, "Server did not recognize"},
		"for a directory": {"/ClientWebService/", "text/xml", action, config, 405, ""},
		"cut":             {path, "text/xml", action, config[:len(config)-5], 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"page":            {path, "text/xml", action, "<html><br></html>", 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"deep":            {path, "text/xml", action, deep, 500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"entities": {path, "text/xml", action, `<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]>` + strings.Replace(config, "2.90", "&c;", 1),
			500, "<ErrorCode>InvalidParameters</ErrorCode>"},
		"longest":  {path, "text/xml", action, config + strings.Repeat(" ", 1<<20-len(config)), 200, "<GetConfigResult>"},
		"too long": {path, "text/xml", action, config + strings.Repeat(" ", 1<<20-len(config)+1), 413, ""},
	} {
		answer, body := c.post(tt.path, tt.body, "Content-Type", tt.contentType, "SOAPAction", tt.action)
		if answer.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: the answer is %s: %s; want %d and %q", name, answer.Status, body, tt.status, tt.want)
		}
	}
}

// Files are at the host that the client asked for, in clear (wire.md 3.5, 7.1).
func TestFileHost(t *testing.T) {
	s := &wsus.Server{}
	c := newCaller(t, s)
	content := c.goodCookie() + "<fileDigests><base64Binary>hlQslyYcRtWzeaQ+yJX5fq9Am6I=</base64Binary></fileDigests>"
	for _, tt := range []struct {
		host string
		tls  bool
		want string
	}{
		{"wsus.test:8530", false, "http://wsus.test:8530/"}, {"wsus.test", false, "http://wsus.test/"}, {"a&b", false, "http://a&b/"},
		{"wsus.test:8531", true, "http://wsus.test:8530/"}, {"wsus.test:443", true, "http://wsus.test/"}, {"wsus.test", true, "http://wsus.test/"},
		{"[2001:db8::1]:8531", true, "http://[2001:db8::1]:8530/"}, {"[2001:db8::1]", true, "http://[2001:db8::1]/"},
		{"[2001:db8::1]:443", true, "http://[2001:db8::1]/"}, {"wsus.test:x", true, "http://wsus.test:x/"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/ClientWebService/client.asmx", strings.NewReader(envelope(client, "GetFileLocations", content)))
		r.Host = tt.host
		r.Header.Set("Content-Type", "text/xml")
		r.Header.Set("SOAPAction", `"`+client+`/GetFileLocations"`)
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		// The digest and the name were captured on a real server.
		want := tt.want + "Content/A2/86542C97261C46D5B379A43EC895F97EAF409BA2.cab"
		if got := element(w.Body.String(), "FileLocation/Url"); got != want {
			t.Errorf("asked for %s (TLS: %v), the file is at %s, want %s", tt.host, tt.tls, got, want)
		}
	}
}

// A server that was started anew takes no cookie of the one before.
func TestCookieEndsWithServer(t *testing.T) {
	before, after := newCaller(t, &wsus.Server{}), newCaller(t, &wsus.Server{})
	cookie, authorization := before.goodCookie(), before.authorization()
	before.must(client, "RegisterComputer", cookie)
	for _, tt := range []struct{ operation, content, want string }{
		{"RegisterComputer", cookie, "InvalidCookie"},
		{"GetCookie", getCookie(authorization, wusp.LastChange, instant(time.Now())), "InvalidAuthorizationCookie"},
	} {
		status, body := after.call(client, tt.operation, tt.content)
		if got := element(body, "detail/ErrorCode"); status != 500 || got != tt.want {
			t.Errorf("%s is answered %d, %s; want %s", tt.operation, status, got, tt.want)
		}
	}
}

// statuses are all that a request for any path can have for an answer.
var statuses = []int{200, 206, 301, 304, 400, 401, 403, 404, 405, 408, 411, 412, 413, 415, 416, 500, 501}

// FuzzCall: whatever is sent, the answer has one of these statuses, a call's is
// a response or a fault, with its length, and what was sent does not become a
// part of its structure.
func FuzzCall(f *testing.F) {
	for operation, service := range map[string]string{"GetConfig": client, "GetAuthorizationCookie": auth, "SyncUpdates": client, "ReportEventBatch": report} {
		f.Add("POST", servicePaths[service], "text/xml", `"`+service+"/"+operation+`"`, []byte(envelope(service, operation, "<clientId>a</clientId>")))
	}
	f.Add("POST", servicePaths[client], "application/soap+xml", "", []byte(newer("GetConfig2", "")))
	f.Add("POST", servicePaths[client], "text/xml", "<a>\xff", []byte("<html>"))
	f.Add("GET", servicePaths[auth], "", "", []byte{})
	f.Add("OPTIONS", "/Content/..\\a", "", "", []byte{})
	f.Add("GET", "/Inventory", "", "", []byte{})
	s := &wsus.Server{}
	f.Fuzz(func(t *testing.T, method, path, contentType, action string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Method, r.URL.Path = method, path
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("SOAPAction", action)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !slices.Contains(statuses, w.Code) {
			t.Errorf("%s %q is answered %d", method, path, w.Code)
		}
		if method != http.MethodPost || !strings.HasSuffix(strings.ToLower(path), ".asmx") || w.Code != 200 && w.Code != 500 {
			return
		}
		if got, want := w.Header().Get("Content-Length"), fmt.Sprint(w.Body.Len()); got != want {
			t.Errorf("Content-Length is %s for %s bytes", got, want)
		}
		_, first, err := wusp.Payload(w.Body.Bytes())
		if err != nil || (first.Local == "Fault") != (w.Code == 500) || first.Local != "Fault" && !strings.HasSuffix(first.Local, "Response") {
			t.Errorf("%d carries %v (%v): %s", w.Code, first, err, w.Body)
		}
	})
}
