package wusp

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Paths of a WSUS that clients call (wire.md 3.2).
const (
	ClientPath = "/ClientWebService/client.asmx"
	AuthPath   = "/SimpleAuthWebService/SimpleAuth.asmx"
	ReportPath = "/ReportingWebService/ReportingWebService.asmx"
)

// Namespaces of the services at these paths, each also the start of the
// SOAPAction of their operations.
const (
	ClientNamespace = "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"
	AuthNamespace   = "http://www.microsoft.com/SoftwareDistribution/Server/SimpleAuthWebService"
	ReportNamespace = "http://www.microsoft.com/SoftwareDistribution"

	MonitorNamespace = "http://www.microsoft.com/SoftwareDistribution/Server/IMonitorable" // at each of them
)

// Namespaces of the two versions of SOAP.
const (
	SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
)

// namespaces are those of the operations that clients call (wire.md 3.2).
var namespaces = map[string]string{
	"GetConfig":              ClientNamespace,
	"GetConfig2":             ClientNamespace,
	"GetCookie":              ClientNamespace,
	"RegisterComputer":       ClientNamespace,
	"StartCategoryScan":      ClientNamespace,
	"SyncUpdates":            ClientNamespace,
	"SyncPrinterCatalog":     ClientNamespace,
	"RefreshCache":           ClientNamespace,
	"GetExtendedUpdateInfo":  ClientNamespace,
	"GetExtendedUpdateInfo2": ClientNamespace,
	"GetFileLocations":       ClientNamespace,
	"GetTimestamps":          ClientNamespace,
	"GetAuthorizationCookie": AuthNamespace,
	"ReportEventBatch":       ReportNamespace,
	"ReportEventBatch2":      ReportNamespace,
	"Ping":                   MonitorNamespace,
}

// Operation is the operation that a SOAPAction names and the namespace of its
// service, or two empty strings. The value must stand in quotes: a server that
// is asked without them answers with a fault.
func Operation(soapAction string) (service, operation string) {
	action, opened := strings.CutPrefix(soapAction, `"`)
	action, closed := strings.CutSuffix(action, `"`)
	slash := strings.LastIndexByte(action, '/')
	if !opened || !closed || slash < 0 {
		return "", ""
	}
	service, operation = action[:slash], action[slash+1:]
	if namespaces[operation] != service {
		return "", ""
	}
	return service, operation
}

// Action is the SOAPAction of an operation, in its quotes.
func Action(service, operation string) string { return `"` + service + "/" + operation + `"` }

// Payload is what a SOAP message carries: the namespace of its envelope, which
// is [SOAP11] or [SOAP12], and the name of the first element in its body. All of
// the message is read; the error says what it is when it is no message.
func Payload(body []byte) (envelope string, first xml.Name, err error) {
	r, err := newReader(body)
	if err != nil {
		return "", xml.Name{}, err
	}
	var p payload
	for {
		token, err := r.next()
		if err != nil {
			return "", xml.Name{}, err
		}
		if token == nil {
			return p.result()
		}
		if err := p.add(token, r.path); err != nil {
			return "", xml.Name{}, err
		}
	}
}

// A payload is what has been seen of a message.
type payload struct{ envelope, first xml.Name }

// add takes the next token in, which for a start of an element is the last of
// path.
func (p *payload) add(token xml.Token, path []xml.Name) error {
	switch token := token.(type) {
	case xml.CharData:
		if len(path) == 0 && strings.Trim(string(token), "\ufeff \t\r\n") != "" {
			return fmt.Errorf("text outside of an envelope: %.40q", token)
		}
	case xml.StartElement:
		return p.start(token.Name, path)
	}
	return nil
}

func (p *payload) start(name xml.Name, path []xml.Name) error {
	switch {
	case len(path) == 1 && p.envelope.Local != "":
		return fmt.Errorf("an element %.40q behind the envelope", name.Local)
	case len(path) == 1 && (name.Local != "Envelope" || name.Space != SOAP11 && name.Space != SOAP12):
		return fmt.Errorf("an element %.40q of the namespace %.80q, not a SOAP envelope", name.Local, name.Space)
	case len(path) == 1:
		p.envelope = name
	case len(path) == 3 && p.first.Local == "" && path[1] == xml.Name{Space: p.envelope.Space, Local: "Body"}:
		p.first = name
	}
	return nil
}

func (p *payload) result() (string, xml.Name, error) {
	switch {
	case p.envelope.Local == "":
		return "", xml.Name{}, fmt.Errorf("no SOAP envelope")
	case p.first.Local == "":
		return "", xml.Name{}, fmt.Errorf("a SOAP envelope with nothing in its body")
	}
	return p.envelope.Space, p.first, nil
}

// ParseResponse returns nil when body answers operation: an envelope of either
// version of SOAP that carries the response in the namespace of its service. If
// not, the error says what it is instead; it wraps a [*Fault] for one that has
// an ErrorCode.
func ParseResponse(body []byte, operation string) error {
	want := xml.Name{Space: namespaces[operation], Local: operation + "Response"}
	if want.Space == "" {
		return fmt.Errorf("no service has an operation %q", operation)
	}
	envelope, first, err := Payload(body)
	switch {
	case err != nil:
		return err
	case first == want:
		return nil
	case first == xml.Name{Space: envelope, Local: "Fault"}:
		return faultError(body, envelope)
	case first.Local == want.Local:
		return fmt.Errorf("%s of the namespace %.80q, not %q", first.Local, first.Space, want.Space)
	}
	return fmt.Errorf("%.80q, not %q", first.Local, want.Local)
}
