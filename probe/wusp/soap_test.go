package wusp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A fault as a live server gave it (wire.md 3.8).
const liveFault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>` +
	`<faultcode>s:Client</faultcode><faultstring>Fault occurred</faultstring><detail><ErrorCode>ConfigChanged</ErrorCode>` +
	`<Message></Message><ID>0f8fad5b-d9cb-469f-a165-70867728950e</ID>` +
	`<Method>"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/SyncUpdates"</Method></detail></s:Fault></s:Body></s:Envelope>`

// The same in SOAP 1.2, from MS-WUSP.
const newerFault = `<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault>` +
	`<e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text xml:lang="en">Fault occurred</e:Text></e:Reason>` +
	`<e:Detail><ErrorCode>CookieExpired</ErrorCode><Message/></e:Detail></e:Fault></e:Body></e:Envelope>`

// An answer to SyncUpdates with nothing in it (wire.md 3.5).
const emptySync = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">` +
	`<SyncUpdatesResponse xmlns="http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"><SyncUpdatesResult>` +
	`<Truncated>false</Truncated><NewCookie><Expiration>2026-01-13T19:04:11.1234567Z</Expiration><EncryptedData>bmV3</EncryptedData></NewCookie>` +
	`<DriverSyncNotNeeded>true</DriverSyncNotNeeded></SyncUpdatesResult></SyncUpdatesResponse></s:Body></s:Envelope>`

func TestOperation(t *testing.T) {
	for _, tt := range []struct{ action, service, operation string }{
		{`"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"`, ClientNamespace, "GetConfig"},
		{`"http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService/GetAuthorizationCookie"`, AuthNamespace, "GetAuthorizationCookie"},
		{`"http://www.microsoft.com/SoftwareDistribution/ReportEventBatch"`, ReportNamespace, "ReportEventBatch"},
		{`http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig`, "", ""},
		{`"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig`, "", ""},
		{`"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/ReportEventBatch"`, "", ""},
		{`"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/Other"`, "", ""},
		{`"/"`, "", ""}, {`""`, "", ""}, {`"`, "", ""}, {"", "", ""},
	} {
		service, operation := Operation(tt.action)
		if service != tt.service || operation != tt.operation {
			t.Errorf("Operation(%s) = %q, %q; want %q, %q", tt.action, service, operation, tt.service, tt.operation)
		}
		if operation != "" && Action(service, operation) != tt.action {
			t.Errorf("Action(%q, %q) = %s", service, operation, Action(service, operation))
		}
	}
}

func TestElement(t *testing.T) {
	for _, tt := range []struct {
		body, path string
		want       []string
	}{
		{emptySync, "NewCookie/EncryptedData", []string{"bmV3"}},
		{emptySync, "EncryptedData", []string{"bmV3"}},
		{emptySync, "Envelope/Body/SyncUpdatesResponse/SyncUpdatesResult/Truncated", []string{"false"}},
		{emptySync, "x/Envelope", nil},
		{emptySync, "NewCookie", []string{""}},
		{emptySync, "cookie/EncryptedData", nil},
		{emptySync, "", nil},
		{emptySync, "/", nil},
		{`<l><i>1</i><i/><j><i>2</i></j></l>`, "i", []string{"1", "", "2"}},
		{`<l><i>1</i><i/><j><i>2</i></j></l>`, "l/i", []string{"1", ""}},
		{`<i>a<i>b</i>c<j>d</j>e</i>`, "i", []string{"ace", "b"}},
		{`<i>&lt;&amp;&gt;&quot;&apos;&#x41;<![CDATA[<]]><!-- no -->b</i>`, "i", []string{`<&>"'A<b`}},
		{`<a><i>1</i><i>2`, "i", []string{"1"}},
		{`<a><i>1</i></b>`, "i", []string{"1"}},
		{`<i>&unknown;</i>`, "i", nil},
		{`<!DOCTYPE i [<!ENTITY e "x">]><i>&e;</i>`, "i", nil},
		{`<?xml version="1.0" encoding="utf-16"?><i>1</i>`, "i", nil},
		{strings.Repeat("<a>", 63) + "<i>1</i>", "i", []string{"1"}},
		{strings.Repeat("<a>", 64) + "<i>1</i>", "i", nil},
		{"<i>1</i>" + strings.Repeat(" ", maxMessage), "i", nil},
	} {
		got := Elements([]byte(tt.body), tt.path)
		if !slices.Equal(got, tt.want) {
			t.Errorf("Elements(%.200s, %q) = %q, want %q", tt.body, tt.path, got, tt.want)
		}
		if first := Element([]byte(tt.body), tt.path); first != append(got, "")[0] {
			t.Errorf("Element(%.200s, %q) = %q, the first of %q", tt.body, tt.path, first, got)
		}
	}
	if got := len(Elements([]byte("<a>"+strings.Repeat("<i/>", 10_001)+"</a>"), "i")); got != 10_000 {
		t.Errorf("there are %d elements, want 10,000", got)
	}
}

func TestParseFault(t *testing.T) {
	got, ok := ParseFault([]byte(liveFault))
	want := Fault{Code: "ConfigChanged", ID: "0f8fad5b-d9cb-469f-a165-70867728950e",
		Method: `"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/SyncUpdates"`}
	if !ok || *got != want {
		t.Errorf("ParseFault = %+v, %v; want %+v", got, ok, want)
	}
	if got, ok := ParseFault([]byte(newerFault)); !ok || got.Code != "CookieExpired" {
		t.Errorf("ParseFault in SOAP 1.2 = %+v, %v", got, ok)
	}
	for _, body := range []string{"", emptySync, liveFault[:len(liveFault)-1],
		strings.ReplaceAll(liveFault, "ErrorCode", "Other"),
		strings.ReplaceAll(liveFault, "http://schemas.xmlsoap.org/soap/envelope/", "urn:other"),
		strings.Replace(liveFault, "<s:Fault>", "<s:Other/><s:Fault>", 1)} {
		if got, ok := ParseFault([]byte(body)); ok {
			t.Errorf("ParseFault(%s) = %+v", body, got)
		}
	}
}

func TestParseResponse(t *testing.T) {
	for _, tt := range []struct{ body, operation, want string }{
		{emptySync, "SyncUpdates", ""},
		{"\ufeff" + emptySync + "\r\n", "SyncUpdates", ""},
		{strings.Replace(emptySync, SOAP11, SOAP12, 1), "SyncUpdates", ""},
		{ConfigResponse, "GetConfig", ""},
		{ConfigResponse, "SyncUpdates", `"GetConfigResponse", not "SyncUpdatesResponse"`},
		{ConfigResponse, "Other", `no service has an operation "Other"`},
		{strings.Replace(emptySync, ClientNamespace, ReportNamespace, 1), "SyncUpdates",
			`SyncUpdatesResponse of the namespace "` + ReportNamespace + `", not "` + ClientNamespace + `"`},
		{liveFault, "SyncUpdates", `a SOAP fault "ConfigChanged"`},
		{newerFault, "SyncUpdates", `a SOAP fault "CookieExpired"`},
		{strings.ReplaceAll(liveFault, "ErrorCode", "Other"), "SyncUpdates", `a SOAP fault without an ErrorCode: "Fault occurred"`},
		{"", "GetConfig", "no SOAP envelope"},
		{"blocked", "GetConfig", `text outside of an envelope: "blocked"`},
		{"<html><br></html>", "GetConfig", `an element "html" of the namespace "", not a SOAP envelope`},
		{"<!DOCTYPE html><html>", "GetConfig", `a declaration "DOCTYPE html", which no SOAP message has`},
		{emptySync + "<script/>", "SyncUpdates", `an element "script" behind the envelope`},
		{emptySync[:len(emptySync)-1], "SyncUpdates", "XML syntax error on line 1: unexpected EOF"},
		{`<s:Envelope xmlns:s="` + SOAP11 + `"><s:Body/></s:Envelope>`, "GetConfig", "a SOAP envelope with nothing in its body"},
		{`<s:Envelope xmlns:s="` + SOAP11 + `"><s:Header><GetConfigResponse xmlns="` + ClientNamespace + `"/></s:Header></s:Envelope>`,
			"GetConfig", "a SOAP envelope with nothing in its body"},
		{strings.Repeat(" ", maxMessage+1), "GetConfig", "1048577 bytes, more than a message has"},
	} {
		got := ""
		if err := ParseResponse([]byte(tt.body), tt.operation); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("ParseResponse(%.200s, %s) = %q, want %q", tt.body, tt.operation, got, tt.want)
		}
	}
	var fault *Fault
	if err := ParseResponse([]byte(liveFault), "SyncUpdates"); !errors.As(err, &fault) || fault.Code != "ConfigChanged" {
		t.Errorf("ParseResponse = %v, want a fault in it", err)
	}
}

// An answer of a real server, byte for byte (CaddyGlow/wsus-rs,
// wsus-m0-native/scan/000004).
func TestForm(t *testing.T) {
	got := ClientForm.Response(ClientNamespace, "RegisterComputer", "")
	const want = "676ae1bdfd80f3cecb5acbb9e94a191bdd5604519d7780ca90f4ae2b50c33f8a"
	if sum := sha256.Sum256([]byte(got)); len(got) != 298 || hex.EncodeToString(sum[:]) != want {
		t.Errorf("%s has %d bytes with SHA-256 %x, the captured one 298 with %s", got, len(got), sum, want)
	}
	config := ClientForm.Response(ClientNamespace, "GetConfig", Tag("GetConfigResult", ConfigResult))
	if config != ConfigResponse {
		t.Errorf("the answer to GetConfig is %s, want ConfigResponse", config)
	}
}

// FuzzElement holds Elements to its bounds, and to Element, on any message.
func FuzzElement(f *testing.F) {
	for _, body := range []string{emptySync, liveFault, newerFault, ConfigResponse, `<i>a<i>b</i>c</i>`, `<!DOCTYPE i><i/>`,
		`<a:i xmlns:a="b">&#x41;</a:i>`, strings.Repeat("<i>", 100), "<i>\x00</i>", "<i"} {
		for _, path := range []string{"i", "NewCookie/EncryptedData", "", "/", "Body/Fault"} {
			f.Add([]byte(body), path)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, path string) {
		all := Elements(body, path)
		// Of a message that is cut, the first element may have no end.
		if first := Element(body, path); first != "" && (len(all) == 0 || first != all[0]) {
			t.Errorf("Element = %q, Elements = %q", first, all)
		}
		total := 0
		for _, text := range all {
			total += len(text)
			if !utf8.ValidString(text) {
				t.Errorf("%q is no text", text)
			}
		}
		if len(all) > maxElements || total > len(body) {
			t.Errorf("%d elements with %d bytes came of %d", len(all), total, len(body))
		}
		if strings.ContainsAny(path, "<>&") || path == "" {
			return
		}
		local := path[strings.LastIndexByte(path, '/')+1:]
		if len(all) > 0 && !strings.Contains(string(body), local) {
			t.Errorf("%q has %d elements %q", body, len(all), path)
		}
	})
}

// clean is s as XML can say it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' || 0x20 <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || 0x10000 <= r {
			return r
		}
		return '\uFFFD'
	}, s)
}

// FuzzFault: what a form writes is read again as it was, whatever is in it.
func FuzzFault(f *testing.F) {
	f.Add("ConfigChanged", "", "0f8fad5b-d9cb-469f-a165-70867728950e", Action(ClientNamespace, "SyncUpdates"))
	f.Add(`</ErrorCode>&lt;"'`, "]]>\r\n\t", "<!--", "\x00\xff\ufffe{}")
	f.Fuzz(func(t *testing.T, code, message, id, method string) {
		want := Fault{clean(code), clean(message), clean(id), clean(method)}
		for _, form := range []Form{ClientForm, ASPNETForm, SOAP12Form} {
			body := []byte(form.Fault(&Fault{code, message, id, method}))
			if len(body) > maxMessage {
				return
			}
			got, ok := ParseFault(body)
			if ok != (code != "") || ok && *got != want {
				t.Errorf("ParseFault(%s) = %+v, %v; want %+v", body, got, ok, want)
			}
			var fault *Fault
			if err := ParseResponse(body, "SyncUpdates"); err == nil || errors.As(err, &fault) != ok {
				t.Errorf("ParseResponse(%s) = %v", body, err)
			}
		}
	})
}

// FuzzParseResponse: a body is an answer or a fault or neither, never two of
// them, and an answer that a form writes is one with its content unchanged.
func FuzzParseResponse(f *testing.F) {
	for _, body := range []string{emptySync, liveFault, newerFault, ConfigResponse, "", "<html>"} {
		f.Add([]byte(body), body)
	}
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		answers := 0
		for _, operation := range []string{"GetConfig", "SyncUpdates", "GetAuthorizationCookie", "ReportEventBatch"} {
			if ParseResponse(body, operation) == nil {
				answers++
			}
		}
		if _, ok := ParseFault(body); ok {
			answers++
		}
		if answers > 1 {
			t.Errorf("%q is %d answers", body, answers)
		}
		for _, form := range []Form{ClientForm, ASPNETForm, SOAP12Form} {
			written := []byte(form.Response(ClientNamespace, "SyncUpdates", Tag("Xml", Escape(text))))
			if len(written) > maxMessage {
				return
			}
			if err := ParseResponse(written, "SyncUpdates"); err != nil || Element(written, "SyncUpdatesResponse/Xml") != clean(text) {
				t.Errorf("ParseResponse(%s) = %v", written, err)
			}
		}
	})
}
