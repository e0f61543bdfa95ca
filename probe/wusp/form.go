package wusp

import (
	"encoding/xml"
	"strings"
)

// What the client web service puts around a response.
const (
	clientStart = `<s:Envelope xmlns:s="` + SOAP11 + `"><s:Body ` + schemas + `>`
	clientEnd   = `</s:Body></s:Envelope>`
	schemas     = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"`
)

// A Form is how a service writes its messages.
type Form struct {
	ContentType string
	start, end  string
	fault       string // with a blank for the detail
}

// The forms of the services (wire.md 3.3, 3.8). That of SOAP 1.2 is the client
// web service's; no capture shows it.
var (
	ClientForm = Form{
		ContentType: "text/xml; charset=utf-8", start: clientStart, end: clientEnd,
		fault: `<s:Fault><faultcode>s:Client</faultcode><faultstring>Fault occurred</faultstring>` +
			`<detail>{}</detail></s:Fault>`,
	}
	ASPNETForm = Form{
		ContentType: "text/xml; charset=utf-8",
		start:       `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + SOAP11 + `" ` + schemas + `><soap:Body>`,
		end:         `</soap:Body></soap:Envelope>`,
		fault: `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>Fault occurred</faultstring>` +
			`<detail>{}</detail></soap:Fault>`,
	}
	SOAP12Form = Form{
		ContentType: "application/soap+xml; charset=utf-8",
		start:       strings.Replace(clientStart, SOAP11, SOAP12, 1), end: clientEnd,
		fault: `<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>` +
			`<s:Reason><s:Text xml:lang="en">Fault occurred</s:Text></s:Reason><s:Detail>{}</s:Detail></s:Fault>`,
	}
)

// Envelope is the message that carries an XML text.
func (f Form) Envelope(content string) string { return f.start + content + f.end }

// Response is the answer to an operation that carries an XML text.
func (f Form) Response(service, operation, content string) string {
	return f.Envelope(Tag(operation+`Response xmlns="`+service+`"`, content))
}

// Fault is the message of a fault.
func (f Form) Fault(fault *Fault) string {
	detail := Tag("ErrorCode", Escape(fault.Code)) + Tag("Message", Escape(fault.Message)) +
		Tag("ID", Escape(fault.ID)) + Tag("Method", Escape(fault.Method))
	return f.Envelope(strings.Replace(f.fault, "{}", detail, 1))
}

// Tag is an element that holds an XML text. Attributes may follow its name.
func Tag(start, content string) string {
	if content == "" {
		return "<" + start + "/>"
	}
	name, _, _ := strings.Cut(start, " ")
	return "<" + start + ">" + content + "</" + name + ">"
}

// unquoted leaves quotes as they are in the text of an element, as .NET does.
var unquoted = strings.NewReplacer("&#34;", `"`, "&#39;", "'")

// Escape is s as the text of an element. What XML cannot say becomes U+FFFD.
func Escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return unquoted.Replace(b.String())
}
