package wuerr

import (
	"slices"
	"strconv"
)

// A Form is a way to read a text as a code.
type Form string

// The forms, in the order in which Readings tries them.
const (
	Symbol      Form = "symbol" // or an alias
	Hexadecimal Form = "hexadecimal"
	Signed      Form = "signed"
	Unsigned    Form = "unsigned"
	WinHTTP     Form = "winhttp" // the number of an error of WinHTTP or WinINet
	Win32       Form = "win32"   // that of another error of Windows, or of sockets
	Status      Form = "status"  // an HTTP status
)

// A Reading is one code for which a text can stand.
type Reading struct {
	Form  Form
	By    Logger // who logs the status so; "" for the other forms
	Code  Code
	Known bool // the tables have it, or a rule gives it
}

// A Logger is who logs an HTTP status in its own way.
type Logger string

// The loggers of a status.
const (
	ByAgent     Logger = "wua"      // the update agent
	ByDownloads Logger = "download" // BITS and Delivery Optimization
	ByLinux     Logger = "linux"    // Delivery Optimization on Linux, where it differs
)

// Readings lists all that text can stand for: of what its forms give, that which
// the tables know, and when they know nothing of it, the first. It is empty for a
// text that is no code in any form.
func Readings(text string) []Reading { return readings(bare(text), readers) }

func readings(text string, readers []func(text string) []Reading) []Reading {
	var all []Reading
	for _, read := range readers {
		for _, r := range read(text) {
			if !slices.ContainsFunc(all, func(o Reading) bool { return o.Code == r.Code }) {
				all = append(all, r)
			}
		}
	}
	known := slices.DeleteFunc(slices.Clone(all), func(r Reading) bool { return !r.Known })
	if len(known) > 0 {
		return known
	}
	return all[:min(len(all), 1)]
}

// readers are the forms.
var readers = []func(text string) []Reading{
	symbols,
	asCode(Hexadecimal, hexadecimal),
	asCode(Signed, signed),
	asCode(Unsigned, unsigned),
	winHTTPErrors,
	win32Errors,
	httpStatuses,
}

// asCode reads text as a whole code.
func asCode(form Form, read func(string) (Code, bool)) func(string) []Reading {
	return func(text string) []Reading {
		c, ok := read(text)
		if !ok {
			return nil
		}
		return []Reading{{Form: form, Code: c, Known: c.Symbol() != ""}}
	}
}

func symbols(text string) []Reading {
	var some []Reading
	for _, e := range Named(text) {
		some = append(some, Reading{Form: Symbol, Code: e.Code, Known: true})
	}
	return some
}

func winHTTPErrors(text string) []Reading {
	n, ok := number(text)
	if !ok || !isWinHTTP(n) {
		return nil
	}
	c := fromWin32(n)
	return []Reading{{Form: WinHTTP, Code: c, Known: c.Symbol() != ""}}
}

// win32Errors reads the number of an error of Windows, when there is one in the
// tables: any number could be one.
func win32Errors(text string) []Reading {
	n, ok := number(text)
	if c := fromWin32(n); ok && c.Symbol() != "" {
		return []Reading{{Form: Win32, Code: c, Known: true}}
	}
	return nil
}

// httpStatuses reads a status, for which each agent has its own code by a rule.
func httpStatuses(text string) []Reading {
	status, ok := number(text)
	if !ok || !isStatus(status) {
		return nil
	}
	var some []Reading
	if status >= 300 { // the agent has no code for success
		some = append(some, Reading{Status, ByAgent, AgentStatus(status), true})
	}
	some = append(some, Reading{Status, ByDownloads, DownloadStatus(status), true})
	if c := LinuxStatus(status); c.Failure() {
		some = append(some, Reading{Status, ByLinux, c, true})
	}
	return some
}

// number reads a Win32 error or a status, which has at most sixteen bits. A sign
// or a zero before it makes it something else.
func number(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && text == strconv.FormatUint(n, 10)
}

// fromWin32 is HRESULT_FROM_WIN32 of n.
func fromWin32(n int) Code { return 0x80070000 | Code(n&0xFFFF) }
