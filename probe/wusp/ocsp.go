package wusp

import (
	"encoding/asn1"
	"fmt"
)

// OCSPTarget is the request target of a question about a certificate, as
// CryptoAPI asks it (wire.md 5.5): the OCSPRequest in base64, with its escapes
// (RFC 6960 A.1). It asks for a serial number of an issuer, all made up.
const OCSPTarget = "/MFEwTzBNMEswSTAJBgUrDgMCGgUABBT1RektuIja9KQXXhmvoPIUbq%2BBcgQUn8IY90xKu0gq%2FdJHz0YMFeUgHvoCEA%2FtUWsGjSDQ3%2FegZ3upNNw%3D"

// ocspStatus names the states of an answer (RFC 6960 4.2.1). There is no 4.
var ocspStatus = map[asn1.Enumerated]string{
	0: "successful", 1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized",
}

// ocspBasic is the type of the one kind of answer that there is: id-pkix-ocsp-basic.
var ocspBasic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

// ocspResponse is an OCSPResponse of RFC 6960 4.2.1.
type ocspResponse struct {
	Status asn1.Enumerated
	Answer struct {
		Type  asn1.ObjectIdentifier
		Basic []byte
	} `asn1:"explicit,tag:0,optional"`
}

// basicOCSPResponse is the BasicOCSPResponse in it. What was signed stays unread.
type basicOCSPResponse struct {
	Signed       asn1.RawValue
	Algorithm    asn1.RawValue
	Signature    asn1.BitString
	Certificates asn1.RawValue `asn1:"explicit,tag:0,optional"`
}

// CheckOCSP holds der against the structure of a successful OCSP response: its
// status, its type, and the outermost fields of the answer in it. It verifies
// no signature and looks at no certificate's state. The error says what the
// body is instead, as in "the body ...".
func CheckOCSP(der []byte) error {
	var response ocspResponse
	if err := unmarshalAll(der, &response); err != nil {
		return fmt.Errorf("is not an OCSP response: %w", err)
	}
	switch status, known := ocspStatus[response.Status]; {
	case !known:
		return fmt.Errorf("is an OCSP response of the unknown status %d", response.Status)
	case response.Status != 0:
		return fmt.Errorf("is an OCSP response without an answer: %s", status)
	case !response.Answer.Type.Equal(ocspBasic):
		return fmt.Errorf("is an OCSP response of type %q, not the basic one", response.Answer.Type)
	}
	var basic basicOCSPResponse
	if err := unmarshalAll(response.Answer.Basic, &basic); err != nil {
		return fmt.Errorf("is an OCSP response whose answer cannot be read: %w", err)
	}
	for _, v := range []asn1.RawValue{basic.Signed, basic.Algorithm} {
		if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagSequence || !v.IsCompound {
			return fmt.Errorf("is an OCSP response whose answer has tag %d in place of a sequence", v.Tag)
		}
	}
	return nil
}

// unmarshalAll reads der, with nothing behind it, into v.
func unmarshalAll(der []byte, v any) error {
	rest, err := asn1.Unmarshal(der, v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes are left over", len(rest))
	}
	return err
}
