package wsus

import (
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"

	"proxycheck/probe/wusp"
)

// describe answers GET at a service, by which an administrator sees that it is
// there (wire.md 7.1): with a page, or with the WSDL that the page leads to.
func (v webService) describe(w http.ResponseWriter, r *http.Request) {
	d := description{v, "http://" + r.Host + r.URL.Path}
	if r.TLS != nil {
		d.Address = "https://" + r.Host + r.URL.Path
	}
	var text strings.Builder
	contentType := "text/html; charset=utf-8"
	if strings.EqualFold(r.URL.RawQuery, "wsdl") {
		contentType = "text/xml; charset=utf-8"
		wsdl.Execute(&text, d) // a Builder takes everything
	} else {
		help.Execute(&text, d)
	}
	h := w.Header()
	h.Set("Cache-Control", v.cacheControl)
	h.Set("Content-Type", contentType)
	h["X-AspNet-Version"] = []string{aspNet} // in its own spelling
	h.Set("Content-Length", strconv.Itoa(text.Len()))
	w.Write([]byte(text.String()))
}

// A description is what is told of a service.
type description struct {
	webService
	Address string // at which it was asked
}

// Name is what the service is called.
func (d description) Name() string { return d.name }

// Namespace is that of the service.
func (d description) Namespace() string { return d.namespace }

// Monitor is the namespace of Ping, which is that of no service.
func (d description) Monitor() string { return wusp.MonitorNamespace }

// Operations are the operations but Ping.
func (d description) Operations() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.operations)), func(name string) bool { return name == "Ping" })
}

var help = template.Must(template.New("help").Parse(`<!DOCTYPE html>
<html><head><meta charset="utf-8"/><title>{{.Name}} Web Service</title></head>
<body><h1>{{.Name}}</h1>
<p>A fake one, for trying proxies. It answers these operations of {{.Namespace}}:</p>
<ul>{{range .Operations}}<li>{{.}}</li>{{end}}<li>Ping</li></ul>
<p><a href="?WSDL">Service Description</a></p></body></html>
`))

// wsdl is a description that is true as far as it goes: the elements of the
// messages are named, and what is in them is left open.
var wsdl = texttemplate.Must(texttemplate.New("wsdl").Parse(`<?xml version="1.0" encoding="utf-8"?>
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" ` +
	`xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="{{.Namespace}}" xmlns:m="{{.Monitor}}" targetNamespace="{{.Namespace}}">
<wsdl:types>
<s:schema elementFormDefault="qualified" targetNamespace="{{.Namespace}}">{{range .Operations}}
<s:element name="{{.}}"/><s:element name="{{.}}Response"/>{{end}}
</s:schema>
<s:schema elementFormDefault="qualified" targetNamespace="{{.Monitor}}">
<s:element name="Ping"/><s:element name="PingResponse"/>
</s:schema>
</wsdl:types>{{range .Operations}}
<wsdl:message name="{{.}}SoapIn"><wsdl:part name="parameters" element="tns:{{.}}"/></wsdl:message>
<wsdl:message name="{{.}}SoapOut"><wsdl:part name="parameters" element="tns:{{.}}Response"/></wsdl:message>{{end}}
<wsdl:message name="PingSoapIn"><wsdl:part name="parameters" element="m:Ping"/></wsdl:message>
<wsdl:message name="PingSoapOut"><wsdl:part name="parameters" element="m:PingResponse"/></wsdl:message>
<wsdl:portType name="{{.Name}}Soap">{{range .Operations}}
<wsdl:operation name="{{.}}"><wsdl:input message="tns:{{.}}SoapIn"/><wsdl:output message="tns:{{.}}SoapOut"/></wsdl:operation>{{end}}
<wsdl:operation name="Ping"><wsdl:input message="tns:PingSoapIn"/><wsdl:output message="tns:PingSoapOut"/></wsdl:operation>
</wsdl:portType>
<wsdl:binding name="{{.Name}}Soap" type="tns:{{.Name}}Soap">
<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>{{$namespace := .Namespace}}{{range .Operations}}
<wsdl:operation name="{{.}}"><soap:operation soapAction="{{$namespace}}/{{.}}" style="document"/>` +
	`<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>{{end}}
<wsdl:operation name="Ping"><soap:operation soapAction="{{.Monitor}}/Ping" style="document"/>` +
	`<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>
</wsdl:binding>
<wsdl:service name="{{.Name}}"><wsdl:port name="{{.Name}}Soap" binding="tns:{{.Name}}Soap">` +
	`<soap:address location="{{html .Address}}"/></wsdl:port></wsdl:service>
</wsdl:definitions>
`))
