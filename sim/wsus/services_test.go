package wsus_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// monitorSpace is the namespace of Ping, typed from wire.md 3.2.
const monitorSpace = "http://www.microsoft.com/SoftwareDistribution/Server/IMonitorable"

// everyService are the paths of all services, typed from wire.md 3.2, with a
// word that its page has.
var everyService = map[string]string{
	"/ClientWebService/client.asmx":                    "SyncUpdates",
	"/SimpleAuthWebService/SimpleAuth.asmx":            "GetAuthorizationCookie",
	"/ReportingWebService/ReportingWebService.asmx":    "ReportEventBatch",
	"/ReportingWebService/WebService.asmx":             "ReportEventBatch",
	"/DssAuthWebService/DssAuthWebService.asmx":        "DssAuthWebService",
	"/ServerSyncWebService/ServerSyncWebService.asmx":  "ServerSyncWebService",
	"/serversyncwebservice/SERVERSYNCWEBSERVICE.asmx":  "ServerSyncWebService",
	"/ClientWebService/client.asmx?op=StartCategorySc": "GetFileLocations",
}

// Each service has a page, a description and Ping (wire.md 3.2, 7.1).
func TestEveryService(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	for path, word := range everyService {
		page := fetch(t, "GET", path)
		page.wants(t, 200, "Content-Type: text/html; charset=utf-8", "X-AspNet-Version: 4.0.30319", "Server: Microsoft-IIS/10.0")
		if !strings.Contains(string(page.body), word) || !strings.Contains(string(page.body), `<a href="?WSDL">`) {
			t.Errorf("the page of %s has no %s: %s", path, word, page.body)
		}
		fetch(t, "HEAD", path).wants(t, 200, "Content-Length: "+fmt.Sprint(len(page.body)))
		path, _, _ = strings.Cut(path, "?")
		description := fetch(t, "GET", path+"?wsdl")
		description.wants(t, 200, "Content-Type: text/xml; charset=utf-8")
		if !strings.Contains(string(description.body), `location="http://wsus.test:8530`+path+`"`) || !wellFormed(description.body) {
			t.Errorf("the description of %s is %s", path, description.body)
		}
		fetch(t, "PUT", path, "Content-Length: 0").wants(t, 405, "Allow: GET, HEAD, OPTIONS, TRACE")

		answer, body := c.post(path, envelope(monitorSpace, "Ping", "<pingLevel>0</pingLevel>"),
			"Content-Type", "text/xml", "SOAPAction", `"`+monitorSpace+`/Ping"`)
		if err := wusp.ParseResponse([]byte(body), "Ping"); err != nil || answer.StatusCode != 200 || element(body, "PingResult/SuccessFlag") != "true" {
			t.Errorf("%s answers Ping with %s: %s (%v)", path, answer.Status, body, err)
		}
	}
}

// What is described is what is answered: each soapAction is recognised.
func TestDescription(t *testing.T) {
	c := newCaller(t, &wsus.Server{})
	for _, path := range servicePaths {
		body := fetch(t, "GET", path+"?WSDL").body
		for _, part := range strings.Split(string(body), `soapAction="`)[1:] {
			action, _, _ := strings.Cut(part, `"`)
			_, answer := c.post(path, "", "Content-Type", "text/xml", "SOAPAction", `"`+action+`"`)
			if got := element(answer, "detail/ErrorCode"); got != "InvalidParameters" {
				t.Errorf("%s does not know %s: %s", path, action, answer)
			}
		}
	}
}

func wellFormed(body []byte) bool {
	for tokens := xml.NewDecoder(strings.NewReader(string(body))); ; {
		if _, err := tokens.Token(); err != nil {
			return err == io.EOF
		}
	}
}

// The words that a command line may use (wire.md 3.2, 3.8).
func TestWords(t *testing.T) {
	operations := []string{"GetAuthorizationCookie", "GetConfig", "GetConfig2", "GetCookie", "GetExtendedUpdateInfo", "GetExtendedUpdateInfo2",
		"GetFileLocations", "Ping", "RefreshCache", "RegisterComputer", "ReportEventBatch", "StartCategoryScan", "SyncUpdates"}
	if got := wsus.Operations(); !slices.Equal(got, operations) {
		t.Errorf("the operations are %q", got)
	}
	codes := []string{"ConfigChanged", "CookieExpired", "FileLocationChanged", "InternalServerError", "InvalidAuthorizationCookie", "InvalidCookie",
		"InvalidParameters", "RegistrationNotRequired", "RegistrationRequired", "ServerBusy", "ServerChanged"}
	if !slices.Equal(wsus.ErrorCodes, codes) {
		t.Errorf("the codes are %q", wsus.ErrorCodes)
	}
}

// clientID is that of a client.
const clientID = "7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23"

// Each call is asked about with the client that makes it, as far as the call
// says it, and the record of its request has that too.
func TestWhoCalls(t *testing.T) {
	var asked, recorded []string
	var mu sync.Mutex
	keep := func(to *[]string, words ...string) {
		mu.Lock()
		defer mu.Unlock()
		*to = append(*to, strings.Join(words, " "))
	}
	witness := wsus.NewWitness()
	s := &wsus.Server{Updates: 31, Witness: witness, Refuse: func(client, operation string) string {
		keep(&asked, client, operation)
		return ""
	}}
	witness.Observe = append(witness.Observe, func(r *wsus.Record) {
		keep(&recorded, r.Client, r.Operation, r.DNS, fmt.Sprint(r.Last))
	})
	server := httptest.NewUnstartedServer(witness.Handler(s))
	witness.Attach(server.Config)
	server.Listener = witness.Listener(server.Listener)
	server.Start()
	c := &caller{t, server.URL}
	cookie := c.goodCookie()
	c.must(client, "RegisterComputer", cookie+"<computerInfo><DnsName> pc.test </DnsName></computerInfo>")
	first := c.must(client, "SyncUpdates", software(cookie, ""))
	c.must(client, "SyncUpdates", software(cookieIn(first, "NewCookie"), ""))
	old := newCaller(t, &wsus.Server{}).goodCookie()
	c.call(client, "SyncUpdates", software(old, ""))
	c.call(report, "ReportEventBatch", old+"<eventBatch><ReportingEvent><BasicData><TargetID><Sid>"+clientID+
		"</Sid></TargetID></BasicData></ReportingEvent></eventBatch>")
	c.call(auth, "GetAuthorizationCookie", "<clientId>"+strings.Repeat("a", 1000)+"</clientId>")
	c.call(client, "GetTimestamps", "")
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	server.Close()

	if want := []string{" GetConfig", clientID + " GetAuthorizationCookie", clientID + " GetCookie", clientID + " RegisterComputer",
		clientID + " SyncUpdates", clientID + " SyncUpdates", " SyncUpdates", clientID + " ReportEventBatch",
		" GetAuthorizationCookie"}; !slices.Equal(asked, want) {
		t.Errorf("asked were\n%q, want\n%q", asked, want)
	}
	if want := []string{" GetConfig  false", clientID + " GetAuthorizationCookie pc.test false", clientID + " GetCookie  false",
		clientID + " RegisterComputer pc.test false", clientID + " SyncUpdates  false", clientID + " SyncUpdates  true",
		" SyncUpdates  false", clientID + " ReportEventBatch  false", " GetAuthorizationCookie  false", "   false"}; !slices.Equal(recorded, want) {
		t.Errorf("recorded were\n%q, want\n%q", recorded, want)
	}
}

// Refuse gets its way with each operation, whatever stands in the call.
func TestRefuseEach(t *testing.T) {
	homes := map[string]string{"GetAuthorizationCookie": auth, "ReportEventBatch": report, "Ping": monitorSpace}
	for i, operation := range wsus.Operations() {
		code := wsus.ErrorCodes[i%len(wsus.ErrorCodes)]
		c := newCaller(t, &wsus.Server{Refuse: func(_, called string) string {
			if called == operation {
				return code
			}
			return ""
		}})
		service := client
		if home := homes[operation]; home != "" {
			service = home
		}
		path := servicePaths[service]
		if path == "" {
			path = servicePaths[client]
		}
		answer, body := c.post(path, envelope(service, operation, ""), "Content-Type", "text/xml", "SOAPAction", `"`+service+"/"+operation+`"`)
		fault, ok := wusp.ParseFault([]byte(body))
		if answer.StatusCode != 500 || !ok || fault.Code != code || fault.Method != `"`+service+"/"+operation+`"` {
			t.Errorf("%s is answered %s: %s, want %s", operation, answer.Status, body, code)
		}
	}
}

// Categories come back as they were asked for, without a cookie (wire.md 3.4).
func TestCategoryScan(t *testing.T) {
	body := newCaller(t, &wsus.Server{}).must(client, "StartCategoryScan", scanned(2, categoryID))
	if got := elements(body, "StartCategoryScanResponse/preferredCategoryIds/guid"); !slices.Equal(got, []string{categoryID, categoryID}) ||
		strings.Contains(body, "requestedCategoryIdsInError") {
		t.Errorf("the answer is %s", body)
	}
}

// What is asked by identities is what is asked by revisions.
func TestExtendedByIdentity(t *testing.T) {
	c := newCaller(t, &wsus.Server{Size: 1000})
	cookie := c.goodCookie()
	const infoTypes = "<infoTypes><XmlUpdateFragmentType>Extended</XmlUpdateFragmentType><XmlUpdateFragmentType>FileUrl</XmlUpdateFragmentType></infoTypes>"
	by := c.must(client, "GetExtendedUpdateInfo", cookie+ids("revisionIDs", []string{"7", "999"})+infoTypes)
	body := c.must(client, "GetExtendedUpdateInfo2", cookie+"<updateIDs>"+identity(7)+identity(999)+"</updateIDs>"+infoTypes)
	for _, path := range []string{"Updates/Update/ID", "Updates/Update/Xml", "FileLocations/FileLocation/FileDigest", "FileLocations/FileLocation/Url"} {
		want := elements(by, "GetExtendedUpdateInfoResult/"+path)
		if got := elements(body, "GetExtendedUpdateInfo2Result/"+path); len(got) != 1 || !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if got := elements(by, "OutOfScopeRevisionIDs/int"); !slices.Equal(got, []string{"999"}) || strings.Contains(body, "OutOfScope") {
		t.Errorf("out of scope are %q, and by identity: %s", got, body)
	}
}

// Files have the sizes that were chosen, over and over, other bytes each, and
// names that say it.
func TestSizes(t *testing.T) {
	const huge = 10 << 30
	for name, tt := range map[string]struct {
		sizes []int64
		want  []int64
	}{"none": {nil, []int64{777, 777, 777, 777}}, "one": {[]int64{5}, []int64{5, 5, 5, 5}}, "three": {[]int64{1000, huge, 0}, []int64{1000, huge, 0, 1000}}} {
		c := newCaller(t, &wsus.Server{Size: 777, Sizes: tt.sizes, Updates: 4})
		extended := c.must(client, "GetExtendedUpdateInfo", c.goodCookie()+ids("revisionIDs", numbers(1, 4))+
			"<infoTypes><XmlUpdateFragmentType>Extended</XmlUpdateFragmentType></infoTypes>")
		digests, urls := elements(extended, "FileLocation/FileDigest"), elements(extended, "FileLocation/Url")
		fragments := elements(extended, "Update/Xml")
		seen := map[[32]byte]bool{}
		for i, size := range tt.want {
			answer, err := http.Get(urls[i])
			if err != nil {
				t.Fatal(err)
			}
			start, err := io.ReadAll(io.LimitReader(answer.Body, 1000))
			answer.Body.Close()
			if err != nil || answer.ContentLength != size {
				t.Errorf("%s: update %d has a file of %d bytes (%v), want %d", name, i+1, answer.ContentLength, err, size)
			}
			if sum := sha256.Sum256(start); seen[sum] {
				t.Errorf("%s: update %d has the bytes of another", name, i+1)
			} else {
				seen[sum] = true
			}
			sum, err := base64.StdEncoding.DecodeString(digests[i])
			if err != nil || !strings.HasPrefix(hex.EncodeToString(sum), fmt.Sprintf("%012x", size)) ||
				!strings.Contains(urls[i], fmt.Sprintf("/%X.cab", sum)) || !strings.Contains(fragments[i], fmt.Sprintf(`Size="%d"`, size)) {
				t.Errorf("%s: update %d of %d bytes is at %s, of the digest %x (%v): %s", name, i+1, size, urls[i], sum, err, fragments[i])
			}
		}
	}
}

// scan asks for all updates and all that is known of each, with the ids sent back
// as a client does, and returns the ids.
func (c *caller) scan() (known []string) {
	cookie := c.goodCookie()
	for truncated := "true"; truncated == "true"; {
		cached := ""
		if len(known) > 0 {
			cached = ids("OtherCachedUpdateIDs", known)
		}
		body := c.must(client, "SyncUpdates", software(cookie, cached))
		page := elements(body, "UpdateInfo/ID")
		known, truncated, cookie = append(known, page...), element(body, "Truncated"), cookieIn(body, "NewCookie")
		c.must(client, "GetExtendedUpdateInfo", cookie+ids("revisionIDs", page)+
			"<infoTypes><XmlUpdateFragmentType>Extended</XmlUpdateFragmentType><XmlUpdateFragmentType>LocalizedProperties</XmlUpdateFragmentType></infoTypes>")
	}
	return known
}

func TestThousandUpdates(t *testing.T) {
	if known := newCaller(t, &wsus.Server{Updates: 1000}).scan(); !slices.Equal(known, numbers(1, 1000)) {
		t.Errorf("the scan has %d updates", len(known))
	}
}

// A scan of 1,000 updates, client and server together.
func BenchmarkScan(b *testing.B) {
	c := newCaller(b, &wsus.Server{Updates: 1000})
	for b.Loop() {
		c.scan()
	}
}

// A oneConn is a listener that has one connection.
type oneConn struct {
	mu     sync.Mutex
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	l.mu.Lock()
	conn := l.conn
	l.conn = nil
	l.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
