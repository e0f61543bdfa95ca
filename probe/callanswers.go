package probe

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"proxycheck/probe/wusp"
)

// Symptoms of the answer to a call of a web service.

// notResponse matches a body that is no answer to the call that was made.
func notResponse(o *Observation) string {
	if err := o.noResponse(); err != nil {
		return fmt.Sprintf("%d bytes of type %s are no answer to %s: %s", len(o.Text),
			quoted(o.Answer.Get("Content-Type")), operationOf(o), quoted(err.Error()))
	}
	return ""
}

// noResponse is why the text of o is no answer to its call, or nil.
func (o *Observation) noResponse() error {
	if o.response == nil {
		err := wusp.ParseResponse(o.Text, operationOf(o))
		o.response = &err
	}
	return *o.response
}

// operationOf is the operation of the web service that o called.
func operationOf(o *Observation) string {
	if _, operation := wusp.Operation(o.Sent.Get("SOAPAction")); operation != "" {
		return operation
	}
	_, first, _ := wusp.Payload(o.SentBody) // SOAP 1.2 has no such field
	return first.Local
}

// soapFault matches a fault of the web service.
func soapFault(o *Observation) string {
	fault, ok := wusp.ParseFault(o.Text)
	if !ok {
		return ""
	}
	evidence := "the call " + operationOf(o) + " was answered by the fault " + quoted(fault.Code)
	if o.Recovered != "" {
		evidence += ", after the client had recovered from " + quoted(o.Recovered)
	}
	return evidence
}

// notProvoked matches a good answer where the server is known to give a fault
// first.
func notProvoked(o *Observation) string {
	if o.Recovered != "" {
		return ""
	}
	return "a cookie that the server does not take was answered " + quoted(o.Answer.Start)
}

// cookieFaults are the faults that a client settles by getting its cookies anew
// (wire.md 3.8).
var cookieFaults = []string{"InvalidCookie", "ServerChanged", "ConfigChanged", "CookieExpired", "InvalidAuthorizationCookie"}

// recoveredInVain matches a fault that stays although the client has got its
// cookies anew.
func recoveredInVain(o *Observation) string {
	fault, ok := wusp.ParseFault(o.Text)
	if !ok || fault.Code != o.Recovered || !slices.Contains(cookieFaults, fault.Code) {
		return ""
	}
	return fault.Code
}

// neededOfConfig are the elements of a configuration without which a client does
// not go on (wire.md 3.5).
var neededOfConfig = []string{
	"GetConfigResult/LastChange", "GetConfigResult/AuthInfo/AuthPlugInInfo/PlugInID", "GetConfigResult/Properties/ConfigurationProperty/Name",
}

// configIncomplete matches a configuration that lacks what a client needs.
func configIncomplete(o *Observation) string {
	if operationOf(o) != "GetConfig" {
		return ""
	}
	for _, path := range neededOfConfig {
		if wusp.Element(o.Text, path) == "" {
			return "the answer to GetConfig has no " + path
		}
	}
	return ""
}

// replayed matches an answer that came before, although more was asked for.
func replayed(o *Observation) string {
	if !o.Replayed {
		return ""
	}
	return fmt.Sprintf("the call %s brought the same %d bytes again, cookie and all", operationOf(o), len(o.Text))
}

// filesElsewhere matches an answer that names files at another host than the one
// that was asked: a WSUS names the Host that it was asked by (wire.md 3.5).
func filesElsewhere(o *Observation) string {
	for _, url := range wusp.Elements(o.Text, "FileLocation/Url") {
		if o.Content != "" && !strings.HasPrefix(url, "http://"+o.Content+"/Content/") {
			return fmt.Sprintf("asked by Host: %s, the server says that a file is at %s", o.Sent.Get("Host"), quoted(url))
		}
	}
	return ""
}

// portLost matches an answer that names files at the host that was asked, under
// another port: no server has two names that differ so, and a proxy that rewrites
// Host makes one.
func portLost(o *Observation) string {
	asked := hostname(o.Content)
	for _, url := range wusp.Elements(o.Text, "FileLocation/Url") {
		host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
		if strings.EqualFold(hostname(host), asked) {
			return filesElsewhere(o)
		}
	}
	return ""
}

// tlsPorts are those at which a WSUS speaks TLS (wire.md 7.1).
var tlsPorts = []string{"443", "8531"}

// filesByTLS matches an answer that names files at the server's TLS port, to a
// client that asked in clear or at another.
func filesByTLS(o *Observation) string {
	for _, url := range wusp.Elements(o.Text, "FileLocation/Url") {
		scheme, rest, _ := strings.Cut(url, "://")
		host, _, _ := strings.Cut(rest, "/")
		_, port, _ := net.SplitHostPort(host)
		if o.Content != "" && host != o.Content && (strings.EqualFold(scheme, "https") || slices.Contains(tlsPorts, port)) {
			return fmt.Sprintf("asked by Host: %s, the server says that a file is at %s", o.Sent.Get("Host"), quoted(url))
		}
	}
	return ""
}

// hostname is a host without its port, if it has one.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// tooManyTrips matches a scan that does not end.
func tooManyTrips(o *Observation) string {
	if o.Trips < maxTrips {
		return ""
	}
	return fmt.Sprintf("after %d calls there was still more", o.Trips)
}

// truncated tells whether there are more updates than an answer has.
func truncated(o *Observation) bool {
	return wusp.Element(o.Text, "SyncUpdatesResult/Truncated") == "true"
}

// brokenCoding matches a body that is in the coding xpress and does not say so,
// or that says so and is not.
func brokenCoding(o *Observation) string {
	coding := o.Answer.Get("Content-Encoding")
	if o.noResponse() == nil {
		return ""
	}
	_, err := wusp.DecodeXpress(o.Text, maxText)
	switch {
	case strings.EqualFold(coding, "xpress") && err != nil: // what could not be undone is as it came
		return fmt.Sprintf("the answer says Content-Encoding: xpress, and its %d bytes are not in it", len(o.Text))
	case coding == "" && err == nil && len(o.Text) > 0:
		return "the answer is in the coding xpress and does not say so"
	}
	return ""
}
