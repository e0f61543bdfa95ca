//go:build interop

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A wuspCaller calls the web services of a server.
type wuspCaller struct {
	t   *testing.T
	url string
	dir string // for the answers
}

// wuspPaths are the paths of the services by their namespaces (wire.md 3.2).
var wuspPaths = map[string]string{
	wusp.ClientNamespace:  wusp.ClientPath,
	wusp.AuthNamespace:    wusp.AuthPath,
	wusp.ReportNamespace:  wusp.ReportPath,
	wusp.MonitorNamespace: wusp.ReportPath,
}

// call calls an operation and returns the answer, which the schema must have
// found valid, without its coding.
func (c wuspCaller) call(service, operation, content string, status int) []byte {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url+wuspPaths[service], strings.NewReader(
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><`+operation+` xmlns="`+service+`">`+content+
			`</`+operation+`></s:Body></s:Envelope>`))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/xml; charset=utf-8")
	request.Header.Set("Accept-Encoding", "xpress")
	request.Header.Set("SOAPAction", wusp.Action(service, operation))
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.Header.Get("Content-Encoding") == "xpress" {
		body, err = wusp.DecodeXpress(body, 1<<20)
	}
	if err != nil || answer.StatusCode != status {
		c.t.Fatalf("%s is answered %s (%v): %s", operation, answer.Status, err, body)
	}
	if err := c.validate(operation, body); err != nil {
		c.t.Errorf("%s: %v\n%s", operation, err, body)
	}
	return body
}

// validate lets xmllint hold a message against the schemas of testdata/wusp.
func (c wuspCaller) validate(name string, message []byte) error {
	file := filepath.Join(c.dir, name+".xml")
	if err := os.WriteFile(file, message, 0o600); err != nil {
		c.t.Fatal(err)
	}
	said, err := exec.CommandContext(c.t.Context(), "xmllint", "--nonet", "--noout", "--schema", "../../testdata/wusp/envelope.xsd", file).CombinedOutput()
	if err != nil {
		return fmt.Errorf("xmllint: %w\n%s", err, said)
	}
	return nil
}

// cookie is the element of the cookie in an answer.
func (c wuspCaller) cookie(answer []byte, parent string) string {
	return "<cookie><Expiration>" + wusp.Element(answer, parent+"/Expiration") + "</Expiration><EncryptedData>" +
		wusp.Element(answer, parent+"/EncryptedData") + "</EncryptedData></cookie>"
}

// ints is an array of numbers.
func ints(name string, numbers ...string) string {
	return "<" + name + "><int>" + strings.Join(numbers, "</int><int>") + "</int></" + name + ">"
}

// Each answer of a whole scan, and each fault, is valid by schemas that were
// written from the trees of wire.md 3.5 and 3.8.
func TestXmllintTakesTheAnswers(t *testing.T) {
	var refusal string
	server := httptest.NewServer(&wsus.Server{Size: 1000, Refuse: func(_, _ string) string { return refusal }})
	t.Cleanup(server.Close)
	c := wuspCaller{t, server.URL, t.TempDir()}
	const client = wusp.ClientNamespace
	const infoTypes = "<infoTypes><XmlUpdateFragmentType>Extended</XmlUpdateFragmentType>" +
		"<XmlUpdateFragmentType>LocalizedProperties</XmlUpdateFragmentType></infoTypes>"
	now := time.Now().UTC().Format(time.RFC3339)

	config := c.call(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>", 200)
	c.call(client, "GetConfig2", "<protocolVersion>2.90</protocolVersion>", 200)
	authorization := c.call(wusp.AuthNamespace, "GetAuthorizationCookie", "<clientId>7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23</clientId>", 200)
	cookie := c.cookie(c.call(client, "GetCookie", "<authCookies><AuthorizationCookie><CookieData>"+wusp.Element(authorization, "CookieData")+
		"</CookieData></AuthorizationCookie></authCookies><lastChange>"+wusp.Element(config, "LastChange")+"</lastChange><currentTime>"+
		now+"</currentTime>", 200), "GetCookieResult")
	c.call(client, "RegisterComputer", cookie, 200)
	c.call(client, "StartCategoryScan", "<requestedCategories><CategoryRelationship><IndexOfAndGroup>0</IndexOfAndGroup>"+
		"<CategoryId>e6cf1350-c01b-414d-a61f-263d14d133b4</CategoryId></CategoryRelationship></requestedCategories>", 200)
	page := c.call(client, "SyncUpdates", cookie+"<parameters/>", 200)
	c.call(client, "SyncUpdates", c.cookie(page, "NewCookie")+"<parameters/>", 200)
	c.call(client, "SyncUpdates", cookie+"<parameters><SkipSoftwareSync>true</SkipSoftwareSync></parameters>", 200)
	extended := c.call(client, "GetExtendedUpdateInfo", cookie+ints("revisionIDs", "1", "2", "999")+infoTypes, 200)
	const seventh = "<UpdateIdentity><UpdateID>70726f78-7963-4865-a36b-000000000007</UpdateID><RevisionNumber>1</RevisionNumber></UpdateIdentity>"
	c.call(client, "GetExtendedUpdateInfo2", cookie+"<updateIDs>"+seventh+"</updateIDs>"+infoTypes, 200)
	c.call(client, "GetFileLocations", cookie+"<fileDigests><base64Binary>"+wusp.Element(extended, "FileDigest")+"</base64Binary></fileDigests>", 200)
	c.call(client, "RefreshCache", cookie+"<globalIDs>"+seventh+"</globalIDs>", 200)
	c.call(wusp.ReportNamespace, "ReportEventBatch", cookie, 200)
	c.call(wusp.MonitorNamespace, "Ping", "<pingLevel>0</pingLevel>", 200)
	for _, refusal = range wsus.ErrorCodes {
		c.call(client, "SyncUpdates", "", 500)
		c.call(wusp.AuthNamespace, "GetAuthorizationCookie", "", 500)
	}

	// The schemas do tell what is wrong.
	for name, spoilt := range map[string][]byte{
		"no deployment":   bytes.ReplaceAll(page, []byte("Deployment>"), []byte("Employment>")),
		"no cookie":       bytes.ReplaceAll(page, []byte("NewCookie"), []byte("OldCookie")),
		"other order":     bytes.Replace(page, []byte("</NewUpdates><Truncated>true</Truncated>"), []byte("<Truncated>true</Truncated></NewUpdates>"), 1),
		"other action":    bytes.Replace(page, []byte("PreDeploymentCheck"), []byte("Maybe"), 1),
		"other namespace": bytes.Replace(page, []byte("ClientWebService"), []byte("OtherWebService"), 1),
		"cut":             page[:len(page)-5],
	} {
		if c.validate("spoilt", spoilt) == nil {
			t.Errorf("%s: xmllint takes it", name)
		}
	}
}

// The descriptions of the services are XML, and their pages HTML.
func TestXmllintTakesTheDescriptions(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{})
	t.Cleanup(server.Close)
	for _, path := range []string{wusp.ClientPath, wusp.AuthPath, wusp.ReportPath,
		"/DssAuthWebService/DssAuthWebService.asmx", "/ServerSyncWebService/ServerSyncWebService.asmx"} {
		programOutput(t, "xmllint", "--nonet", "--noout", fetched(t, server.URL+path+"?WSDL"))
		programOutput(t, "xmllint", "--nonet", "--noout", fetched(t, server.URL+path)) // which is XHTML's but for its name
	}
}

// The cabinets of the legacy agents (wire.md 2.7) hold the text that they should.
func TestCabextractTakesTheCabinets(t *testing.T) {
	server := httptest.NewServer(&wsus.Server{})
	t.Cleanup(server.Close)
	for path, want := range map[string]struct{ name, text string }{
		"/SelfUpdate/wuident.cab":                    {"wuident.txt", "[wuident.txt]\r\n"},
		"/iuident.cab":                               {"iuident.txt", "[iuident.txt]\r\n"},
		"/SelfUpdate/wsus3setup.cab":                 {"wsus3setup.txt", "an inert agent\r\n"},
		"/selfupdate/WSUS3/x64/Other/wsus3setup.cab": {"wsus3setup.txt", "an inert agent\r\n"},
	} {
		file := fetched(t, server.URL+path)
		if said := programOutput(t, "cabextract", "-t", file); !bytes.Contains(said, []byte("All done, no errors.")) {
			t.Errorf("%s: %s", path, said)
		}
		if said := programOutput(t, "cabextract", "-l", "-q", file); !bytes.Contains(said, []byte(want.name)) {
			t.Errorf("%s holds %s, want %s", path, said, want.name)
		}
		if got := programOutput(t, "cabextract", "-p", "-q", file); !bytes.HasPrefix(got, []byte(want.text)) {
			t.Errorf("%s holds %q, want %q", path, got, want.text)
		}
	}
}

// fetched is a file with what is at an address.
func fetched(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s is answered %s (%v)", url, answer.Status, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
