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
// host:port, and where that is set; "" for none. WinHTTP comes first, since the
// services read nothing else; the environment is for who has set it for tools.
func systemProxy(scheme, server string) (value, source string, err error) {
	proxy, bypass, err := staticSetting()
	if err != nil {
		return "", "", err
	}
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return "", "", err
	}
	if value = forScheme(scheme, proxy); value == "" {
		value, source = fromEnvironment(scheme, server, os.Getenv)
		return value, "WinHTTP has no proxy (netsh winhttp show proxy); " + source, nil
	}
	if bypassed(host, bypass) {
		return "", "the bypass list of WinHTTP has the server", nil
	}
	return value, "WinHTTP (netsh winhttp show proxy)", nil
}

// staticSetting is the proxy list and the bypass list of WinHTTP.
func staticSetting() (proxy, bypass string, err error) {
	var info proxyInfo
	if ok, _, err := getDefaultConfig.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return "", "", fmt.Errorf("reading the proxy setting of WinHTTP: %w", err)
	}
	defer globalFree.Call(uintptr(unsafe.Pointer(info.proxy)))
	defer globalFree.Call(uintptr(unsafe.Pointer(info.bypass)))
	return windows.UTF16PtrToString(info.proxy), windows.UTF16PtrToString(info.bypass), nil
}
