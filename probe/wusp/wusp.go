// Package wusp holds what an update client and an update server must agree on:
// the messages of MS-WUSP, the xpress coding of their bodies, cabinets, and the
// generated files that a fake server offers for download.
package wusp

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Paths of a WSUS that the steps ask for (MS-WUSP 2.1).
const (
	ClientPath = "/ClientWebService/client.asmx"
	HelloPath  = "/.proxycheck/hello" // answered by a fake WSUS alone
)

// ClientNamespace is the namespace of the client web service.
const ClientNamespace = "http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"

// Hello is what a fake WSUS says of itself, as JSON, at [HelloPath].
type Hello struct {
	Kind    string `json:"kind"`     // "fakewsus"
	TLSPort string `json:"tls_port"` // "" when it serves no TLS
	CA      string `json:"ca"`       // SHA-256 of its root certificate, in hexadecimal
	Size    int64  `json:"size"`     // of the file that the steps should fetch
}

// Config is what a client needs of the answer to GetConfig.
type Config struct {
	LastChange string      `xml:"LastChange"`
	PlugIns    []PlugIn    `xml:"AuthInfo>AuthPlugInInfo"`
	Properties []NameValue `xml:"Properties>ConfigurationProperty"`
}

// A PlugIn is a way to get an authorization cookie.
type PlugIn struct {
	ID         string `xml:"PlugInID"`
	ServiceURL string `xml:"ServiceUrl"`
}

// A NameValue is one property of the configuration.
type NameValue struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

// ParseConfig reads the body of an answer to GetConfig.
func ParseConfig(body []byte) (*Config, error) {
	var envelope struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Result  *Config  `xml:"Body>GetConfigResponse>GetConfigResult"`
		Fault   *struct {
			Code string `xml:"detail>ErrorCode"`
		} `xml:"Body>Fault"`
	}
	if err := xml.Unmarshal(body, &envelope); err != nil {
		return nil, err
	}
	switch {
	case envelope.Fault != nil:
		return nil, fmt.Errorf("a SOAP fault %q", envelope.Fault.Code)
	case envelope.Result == nil:
		return nil, fmt.Errorf("no GetConfigResult in the envelope")
	}
	return envelope.Result, nil
}

// ConfigResponse is the body of an answer to GetConfig, in the shape that a
// real server gave (wire.md 3.5).
const ConfigResponse = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">` +
	`<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">` +
	`<GetConfigResponse xmlns="` + ClientNamespace + `"><GetConfigResult>` +
	`<LastChange>2026-01-13T18:04:11.123Z</LastChange><IsRegistrationRequired>true</IsRegistrationRequired>` +
	`<AuthInfo><AuthPlugInInfo><PlugInID>SimpleTargeting</PlugInID>` +
	`<ServiceUrl>SimpleAuthWebService/SimpleAuth.asmx</ServiceUrl><Parameter/></AuthPlugInInfo></AuthInfo>` +
	`<Properties>` +
	`<ConfigurationProperty><Name>MaxExtendedUpdatesPerRequest</Name><Value>50</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>PackageServerShare</Name><Value>\\WSUS\UpdateServicesPackages</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>ProtocolVersion</Name><Value>3.2</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>IsInventoryRequired</Name><Value>0</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>ClientReportingLevel</Name><Value>2</Value></ConfigurationProperty>` +
	`</Properties></GetConfigResult></GetConfigResponse></s:Body></s:Envelope>`

// IsGetConfig tells whether body asks for GetConfig.
func IsGetConfig(body []byte) bool {
	var envelope struct {
		XMLName   xml.Name  `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		GetConfig *struct{} `xml:"Body>GetConfig"`
	}
	return xml.Unmarshal(body, &envelope) == nil && envelope.GetConfig != nil
}

// Operation is the operation that a SOAPAction names, or "". Its value must
// stand in quotes: a server that is asked without them answers with a fault.
func Operation(soapAction string) string {
	action, ok := strings.CutPrefix(soapAction, `"`+ClientNamespace+`/`)
	operation, quoted := strings.CutSuffix(action, `"`)
	if !ok || !quoted {
		return ""
	}
	return operation
}
