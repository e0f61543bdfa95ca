package wusp

import (
	"encoding/xml"
	"errors"
)

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
	}
	if err := xml.Unmarshal(body, &envelope); err != nil {
		return nil, err
	}
	if envelope.Result != nil {
		return envelope.Result, nil
	}
	if err := ParseResponse(body, "GetConfig"); err != nil {
		return nil, err
	}
	return nil, errors.New("no GetConfigResult in the envelope")
}

// LastChange is when the configuration of a fake WSUS was last changed. A
// client hands it back with each GetCookie.
const LastChange = "2026-01-13T18:04:11.123Z"

// ConfigResult is what a fake WSUS tells of its configuration, in the shape that
// a real server gave (wire.md 3.5).
const ConfigResult = `<LastChange>` + LastChange + `</LastChange><IsRegistrationRequired>true</IsRegistrationRequired>` +
	`<AuthInfo><AuthPlugInInfo><PlugInID>SimpleTargeting</PlugInID>` +
	`<ServiceUrl>SimpleAuthWebService/SimpleAuth.asmx</ServiceUrl><Parameter/></AuthPlugInInfo></AuthInfo>` +
	`<Properties>` +
	`<ConfigurationProperty><Name>MaxExtendedUpdatesPerRequest</Name><Value>50</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>PackageServerShare</Name><Value>\\WSUS\UpdateServicesPackages</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>ProtocolVersion</Name><Value>3.2</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>IsInventoryRequired</Name><Value>0</Value></ConfigurationProperty>` +
	`<ConfigurationProperty><Name>ClientReportingLevel</Name><Value>2</Value></ConfigurationProperty>` +
	`</Properties>`

// ConfigResponse is the body of a fake WSUS's answer to GetConfig.
const ConfigResponse = clientStart + `<GetConfigResponse xmlns="` + ClientNamespace + `"><GetConfigResult>` +
	ConfigResult + `</GetConfigResult></GetConfigResponse>` + clientEnd

// IsGetConfig tells whether body asks for GetConfig.
func IsGetConfig(body []byte) bool {
	_, first, err := Payload(body)
	return err == nil && first == xml.Name{Space: ClientNamespace, Local: "GetConfig"}
}
