package wusp

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// A Fault is how a service refuses a call (wire.md 3.8). The client recovers
// according to its code.
type Fault struct {
	Code    string // such as "ConfigChanged"
	Message string // mostly empty
	ID      string // a GUID that the server made up
	Method  string // the SOAPAction that was called, in quotes
}

func (f *Fault) Error() string { return fmt.Sprintf("a SOAP fault %.80q", f.Code) }

// faultPlaces is where each version of SOAP has the reason of a fault and its
// detail.
var faultPlaces = map[string]struct{ reason, detail string }{
	SOAP11: {"Envelope/Body/Fault/faultstring", "Envelope/Body/Fault/detail/"},
	SOAP12: {"Envelope/Body/Fault/Reason/Text", "Envelope/Body/Fault/Detail/"},
}

// ParseFault reads a body that is a fault with an ErrorCode, and tells whether
// it is one.
func ParseFault(body []byte) (*Fault, bool) {
	if !bytes.Contains(body, []byte("ErrorCode")) {
		return nil, false // without reading all of it
	}
	envelope, first, err := Payload(body)
	if err != nil || first != (xml.Name{Space: envelope, Local: "Fault"}) {
		return nil, false
	}
	detail := faultPlaces[envelope].detail
	f := &Fault{
		Code:    Element(body, detail+"ErrorCode"),
		Message: Element(body, detail+"Message"),
		ID:      Element(body, detail+"ID"),
		Method:  Element(body, detail+"Method"),
	}
	return f, f.Code != ""
}

// faultError is the error that a fault stands for.
func faultError(body []byte, envelope string) error {
	if f, ok := ParseFault(body); ok {
		return f
	}
	return fmt.Errorf("a SOAP fault without an ErrorCode: %.200q", Element(body, faultPlaces[envelope].reason))
}
