package wsus_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// What the virtual directories have beside services and updates (wire.md 2.7, 7.1).
func TestVirtualDirectories(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
		fields         []string
	}{
		{"GET", "/Content/anonymousCheckFile.txt", 200, []string{"Content-Type: text/plain", "Accept-Ranges: bytes"}},
		{"GET", "/ClientWebService/wusserverversion.xml", 200, []string{"Content-Type: text/xml"}},
		{"HEAD", "/ClientWebService/WusServerVersion.xml", 200, []string{"Content-Type: text/xml"}},
		{"GET", "/SelfUpdate/wsus3setup.cab", 200, []string{"Content-Type: application/octet-stream"}},
		{"GET", "/selfupdate/WSUS3/x86/Other/wsus3setup.cab", 200, nil},
		{"HEAD", "/SelfUpdate/WSUS3/x64/Win7SP1/wsus3setup.cab", 200, nil},
		{"GET", "/SelfUpdate/WSUS3/ia64/Vista/wsus3setup.cab?2009100851", 200, nil},
		{"GET", "/SelfUpdate/WSUS3/x64/W8/wsus3setup.cab", 200, nil},
		{"GET", "/SelfUpdate/WSUS3/arm/W8/wsus3setup.cab", 404, nil},
		{"GET", "/Inventory/", 403, nil},
		{"GET", "/Content/", 403, nil},
		{"GET", "/ClientWebService/", 403, nil},
		{"GET", "/inventory", 301, []string{"Location: http://wsus.test:8530/inventory/"}},
		{"GET", "/SelfUpdate", 301, []string{"Location: http://wsus.test:8530/SelfUpdate/"}},
		{"GET", "/Inventory/other.xml", 404, nil},
		{"GET", "/ApiRemoting30/WebService.asmx", 401, nil},
		{"GET", "/apiremoting30", 401, nil},
		{"POST", "/ApiRemoting30/WebService.asmx", 401, nil},
		{"GET", "/ApiRemoting300/WebService.asmx", 404, nil},
		{"GET", "/wutrack.bin", 404, nil},
		{"OPTIONS", "/Content/", 200, []string{"Allow: OPTIONS, TRACE, GET, HEAD, POST", "Public: OPTIONS, TRACE, GET, HEAD, POST"}},
		{"TRACE", "/Content/", 501, nil},
		{"POST", "/selfupdate/wuident.cab", 405, []string{"Allow: GET, HEAD, OPTIONS, TRACE"}},
		{"PROPFIND", "/Content/", 405, []string{"Allow: GET, HEAD, OPTIONS, TRACE"}},
	} {
		var fields []string
		if tt.method == "POST" {
			fields = []string{"Content-Length: 0"}
		}
		answer := fetch(t, tt.method, tt.target, fields...)
		answer.wants(t, tt.status, append(tt.fields, "Server: Microsoft-IIS/10.0", "X-Powered-By: ASP.NET")...)
		if t.Failed() {
			t.Fatalf("%s %s: %v", tt.method, tt.target, answer.Header)
		}
		if tt.status == 401 && !slices.Equal(answer.Header["Www-Authenticate"], []string{"Negotiate", "NTLM"}) {
			t.Errorf("%s wants the login %q", tt.target, answer.Header["Www-Authenticate"])
		}
		if tt.method == "GET" && strings.HasSuffix(tt.target, ".cab") && tt.status == 200 {
			if err := wusp.CheckCabinet(answer.body, int64(len(answer.body))); err != nil {
				t.Errorf("%s: %v", tt.target, err)
			}
		}
	}
}

// What never reaches IIS: http.sys refuses it, and closes the connection.
func TestRefusedByKernel(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/Content/../x", 400},
		{"GET", "/Content/../selfupdate/wuident.cab", 400},
		{"GET", "/Content/%2e%2e/%2E%2E/etc/passwd", 400},
		{"GET", `/Content/..\..\windows\win.ini`, 400},
		{"GET", "/Content/..%5c..%5cwindows/win.ini", 400},
		{"GET", "/Content/A%00.cab", 400},
		{"POST", "/ClientWebService/../ClientWebService/client.asmx", 400},
		{"POST", "/ClientWebService/client.asmx", 411},
		{"POST", "/selfupdate/wuident.cab", 411},
	} {
		answer := fetch(t, tt.method, tt.target)
		answer.wants(t, tt.status, "Server: Microsoft-HTTPAPI/2.0", "Content-Type: text/html; charset=us-ascii", "Connection: close", "X-Powered-By: ")
		if !strings.Contains(string(answer.body), "<HTML>") || t.Failed() {
			t.Fatalf("%s %s is answered %s: %s", tt.method, tt.target, answer.Status, answer.body)
		}
	}
	// What only looks like a way up is a name that there is not.
	for _, target := range []string{"/Content/...", "/Content/%252e%252e/x", "/Content/a..b", `/Content/\x`, "//Content//x", "/Content/.../x"} {
		fetch(t, "GET", target).wants(t, 404, "Server: Microsoft-IIS/10.0")
	}
}

// The ways in which a body can come, and not come.
func TestBodies(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{})
	defer server.Close()
	config := envelope(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>")
	for name, tt := range map[string]struct {
		fields, body string
		half         bool // the client sends no more
		status       int
	}{
		"chunked":         {"Transfer-Encoding: chunked\r\n", "ea\r\n" + config + "\r\n0\r\n\r\n", false, 200},
		"length":          {"Content-Length: 234\r\n", config, false, 200},
		"cut":             {"Content-Length: 234\r\n", config[:200], true, 400},
		"chunk of no hex": {"Transfer-Encoding: chunked\r\n", "zz\r\n" + config, false, 400},
		"cut chunks":      {"Transfer-Encoding: chunked\r\n", "ea\r\n" + config, true, 400},
		"too long":        {"Content-Length: 1048577\r\n", strings.Repeat(" ", 1<<20+1), false, 413},
		"far too long":    {"Content-Length: 99999999999\r\n", strings.Repeat(" ", 1<<20+1), false, 413},
		"other length":    {"Content-Length: 234\r\nContent-Length: 235\r\n", config, true, 400},
		"no length":       {"", "", false, 411},
		"length of words": {"Content-Length: many\r\n", config, true, 400},
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, "POST /ClientWebService/client.asmx HTTP/1.1\r\nHost: wsus.test\r\nContent-Type: text/xml\r\nSOAPAction: \""+
			client+"/GetConfig\"\r\n"+tt.fields+"\r\n"+tt.body) // what is refused early may be reset
		if tt.half {
			conn.(*net.TCPConn).CloseWrite()
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case answer.StatusCode != tt.status:
			t.Errorf("%s is answered %s, want %d", name, answer.Status, tt.status)
		}
		conn.Close()
	}
}
