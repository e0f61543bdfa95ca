package main

import (
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	winhttp          = windows.NewLazySystemDLL("winhttp.dll")
	getDefaultConfig = winhttp.NewProc("WinHttpGetDefaultProxyConfiguration")
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	globalFree       = kernel32.NewProc("GlobalFree")
)

// proxyInfo is WINHTTP_PROXY_INFO.
type proxyInfo struct {
	accessType    uint32
	proxy, bypass *uint16
}

// systemProxy is the proxy that this machine is set to use for a server at
// host:port, and where that is set; "" for none. The environment comes first,
// as in other programs of the command line; Windows itself does not read it.
func systemProxy(server string) (value, source string, err error) {
	if value, source = fromEnvironment(server, os.Getenv); value != "" {
		return value, source, nil
	}
	var info proxyInfo
	if ok, _, err := getDefaultConfig.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return "", "", fmt.Errorf("reading the proxy setting of WinHTTP: %w", err)
	}
	defer globalFree.Call(uintptr(unsafe.Pointer(info.proxy)))
	defer globalFree.Call(uintptr(unsafe.Pointer(info.bypass)))
	proxy, bypass := windows.UTF16PtrToString(info.proxy), windows.UTF16PtrToString(info.bypass)
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return "", "", err
	}
	if bypassed(host, bypass) {
		return "", "the bypass list of WinHTTP has the server", nil
	}
	if value = forHTTP(proxy); value == "" {
		return "", "no proxy is set in WinHTTP (netsh winhttp show proxy) or in the environment", nil
	}
	return value, "WinHTTP (netsh winhttp show proxy)", nil
}
