// Package wusp holds what an update client and an update server must agree on:
// the messages of MS-WUSP, the xpress coding of their bodies, cabinets, and the
// generated files that a fake server offers for download.
package wusp

// HelloPath is a path that a fake WSUS alone answers.
const HelloPath = "/.proxycheck/hello"

// Hello is what a fake WSUS says of itself, as JSON, at [HelloPath].
type Hello struct {
	Kind    string `json:"kind"`     // "fakewsus"
	TLSPort string `json:"tls_port"` // "" when it serves no TLS
	CA      string `json:"ca"`       // SHA-256 of its root certificate, in hexadecimal
	Size    int64  `json:"size"`     // of the file that the steps should fetch
	Witness string `json:"witness"`  // path at which it tells what arrived; "" when it does not
}
