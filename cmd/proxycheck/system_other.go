//go:build !windows

package main

import "os"

// systemProxy is the proxy that this machine is set to use for a server at
// host:port that is asked by scheme, and where that is set; "" for none.
func systemProxy(scheme, server string) (value, source string, err error) {
	value, source = fromEnvironment(scheme, server, os.Getenv)
	return value, source, nil
}
