package wusp

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
