package main

import (
	"path"
	"strings"
)

// forScheme is the proxy for a scheme in a list of WinHTTP (WINHTTP_PROXY_INFO):
// entries of the form [scheme=][scheme://]server[:port], of which the first that
// fits is used.
func forScheme(scheme, list string) string {
	for _, entry := range strings.FieldsFunc(list, separates) {
		of, server, named := strings.Cut(entry, "=")
		if !named {
			return entry
		}
		if strings.EqualFold(of, scheme) {
			return server
		}
	}
	return ""
}

// bypassed tells whether a bypass list of WinHTTP has host: names with
// asterisks, and <local> for any without a dot.
func bypassed(host, list string) bool {
	for _, entry := range strings.FieldsFunc(list, separates) {
		if strings.EqualFold(entry, "<local>") {
			if !strings.Contains(host, ".") {
				return true
			}
			continue
		}
		if match, _ := path.Match(strings.ToLower(entry), strings.ToLower(host)); match {
			return true
		}
	}
	return false
}

func separates(r rune) bool { return r == ';' || r == ' ' || r == '\t' }
