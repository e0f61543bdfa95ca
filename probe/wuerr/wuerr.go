// Package wuerr names the codes that Windows Update and the download agents
// below it write to their logs. It is data with its sources: codes.csv has a
// row for each code, and the tables beside it what else is known of some. The
// functions here look codes up, take them apart, read them as people write them
// and say which of them an HTTP status becomes in which agent.
package wuerr

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A Code is an HRESULT.
type Code uint32

// Codes that findings name. A test holds each against codes.csv.
const (
	TimedOut            Code = 0x80072EE2 // ERROR_WINHTTP_TIMEOUT
	NameNotResolved     Code = 0x80072EE7 // ERROR_WINHTTP_NAME_NOT_RESOLVED
	HandleState         Code = 0x80072EF3 // ERROR_WINHTTP_INCORRECT_HANDLE_STATE
	CannotConnect       Code = 0x80072EFD // ERROR_WINHTTP_CANNOT_CONNECT
	ConnectionError     Code = 0x80072EFE // ERROR_WINHTTP_CONNECTION_ERROR
	ClientCertNeeded    Code = 0x80072F0C // ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED
	InvalidResponse     Code = 0x80072F78 // ERROR_WINHTTP_INVALID_SERVER_RESPONSE
	SecureChannel       Code = 0x80072F7D // ERROR_WINHTTP_SECURE_CHANNEL_ERROR
	SecureFailure       Code = 0x80072F8F // ERROR_WINHTTP_SECURE_FAILURE
	ScriptNotLoaded     Code = 0x80072F87 // ERROR_WINHTTP_UNABLE_TO_DOWNLOAD_SCRIPT
	RedirectFailed      Code = 0x80072F7C // ERROR_WINHTTP_REDIRECT_FAILED
	AutodetectionFailed Code = 0x80072F94 // ERROR_WINHTTP_AUTODETECTION_FAILED
	HeaderCount         Code = 0x80072F95 // ERROR_WINHTTP_HEADER_COUNT_EXCEEDED
	HeaderOverflow      Code = 0x80072F96 // ERROR_WINHTTP_HEADER_SIZE_OVERFLOW
	InvalidFile         Code = 0x80240038 // WU_E_WINHTTP_INVALID_FILE
	PTUnreachable       Code = 0x80240438 // WU_E_PT_ENDPOINT_UNREACHABLE
	PTInvalidFormat     Code = 0x80240439 // WU_E_PT_INVALID_FORMAT
	PTDisconnected      Code = 0x80240440 // WU_E_PT_ENDPOINT_DISCONNECTED
	PTVerification      Code = 0x80240437 // WU_E_PT_SECURITY_VERIFICATION_FAILURE
	PTAuthScheme        Code = 0x8024043C // WU_E_PT_PROXY_AUTH_SCHEME_NOT_SUPPORTED
	PTParse             Code = 0x8024400A // WU_E_PT_SOAPCLIENT_PARSE
	PTRequestTimeout    Code = 0x8024401C // WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT
	PTNameUnresolved    Code = 0x8024402C // WU_E_PT_WINHTTP_NAME_NOT_RESOLVED
	PTNotMapped         Code = 0x8024402B // WU_E_PT_HTTP_STATUS_NOT_MAPPED
	PTSOAPFault         Code = 0x80244007 // WU_E_PT_SOAPCLIENT_SOAPFAULT
	PTRefreshCache      Code = 0x80244015 // WU_E_PT_REFRESH_CACHE_REQUIRED
	PTNoPlugIns         Code = 0x80244027 // WU_E_PT_NO_AUTH_PLUGINS_REQUESTED
	PTConfigMissing     Code = 0x8024402A // WU_E_PT_CONFIG_PROP_MISSING
	PTExternalCabs      Code = 0x8024402F // WU_E_PT_ECP_SUCCEEDED_WITH_ERRORS
	PTTooManyTrips      Code = 0x80244010 // WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS
	PTServerError       Code = 0x8024401F // WU_E_PT_HTTP_STATUS_SERVER_ERROR
	PTSameRedirector    Code = 0x8024502D // WU_E_PT_SAME_REDIR_ID
	UntrustedRoot       Code = 0x800B0109 // CERT_E_UNTRUSTEDROOT
	RevocationGone      Code = 0x80092013 // CRYPT_E_REVOCATION_OFFLINE
	IncorrectHash       Code = 0x80246002 // WU_E_DM_INCORRECTFILEHASH
	RedirectorContent   Code = 0x80245005 // WU_E_REDIRECTOR_UNSUPPORTED_CONTENTTYPE
	BITSNoSize          Code = 0x80200011 // BG_E_MISSING_FILE_SIZE
	BITSNoRange         Code = 0x80200013 // BG_E_INSUFFICIENT_RANGE_SUPPORT
	BITSInvalidRange    Code = 0x8020002B // BG_E_INVALID_RANGE
	BITSValidation      Code = 0x80200053 // BG_E_VALIDATION_FAILED
	DONoProgress        Code = 0x80D02002 // DO_E_DOWNLOAD_NO_PROGRESS
	DOBlockSize         Code = 0x80D05001 // DO_E_HTTP_BLOCKSIZE_MISMATCH
	DOInvalidRange      Code = 0x80D05010 // DO_E_INVALID_RANGE
	DONoRange           Code = 0x80D05011 // DO_E_INSUFFICIENT_RANGE_SUPPORT
)

// An Entry is what is known of a code.
type Entry struct {
	Code       Code
	Symbol     string // Microsoft's name: what an administrator searches for
	Component  string // the part of Windows that defines it
	WinHTTP    int    // the error of WinHTTP or WinINet inside; 0 for none
	Status     int    // the HTTP status that it stands for; 0 for none
	Meaning    string
	ProxyCause string // how a proxy comes to cause it; "" when none is known
	Inferred   bool   // no source names ProxyCause: it follows from the meaning alone
	Phase      string // of an update in which it shows
	Fix        string
	Source     string
	Aliases    []Alias
	Notes      []Note
	Alike      []Alike
	Advice     []Advice
}

// An Alias is another name of the same value.
type Alias struct {
	Name, Source string
}

//go:embed codes.csv
var codesCSV string

//go:embed aliases.csv
var aliasesCSV string

// inferredCause is what the source of a row says of a ProxyCause that it does not
// name.
const inferredCause = "proxy_cause inferred from meaning"

// All lists every known code, in the order of the numbers. The slice is shared:
// it must not be changed.
var All = sync.OnceValue(func() []Entry {
	aliases := map[Code][]Alias{}
	for _, r := range records(aliasesCSV) {
		c := r.codes("hresult")[0]
		aliases[c] = append(aliases[c], Alias{r["alias"], r["source"]})
	}
	notes, alike, advice := allNotes(), allAlike(), allAdvice()
	var entries []Entry
	for _, r := range records(codesCSV) {
		c := r.codes("hresult")[0]
		entries = append(entries, Entry{Code: c, Symbol: r["symbol"], Component: r["component"],
			WinHTTP: r.number("decimal_winhttp"), Status: r.number("http_status"),
			Meaning: r["meaning"], ProxyCause: r["proxy_cause"], Inferred: strings.Contains(r["source"], inferredCause),
			Phase: r["client_phase"], Fix: r["fix"], Source: withoutPart(r["source"], inferredCause),
			Aliases: aliases[c], Notes: notes[c], Alike: alike[c], Advice: advice[c]})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Code, b.Code) })
	return entries
})

// withoutPart is a list of sources without one of them.
func withoutPart(sources, part string) string {
	parts := strings.Split(sources, "; ")
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == part }), "; ")
}

// Lookup is the entry of c, or false when nothing is known of it.
func Lookup(c Code) (Entry, bool) {
	i, found := slices.BinarySearchFunc(All(), c, func(e Entry, c Code) int { return cmp.Compare(e.Code, c) })
	if !found {
		return Entry{Code: c}, false
	}
	return All()[i], true
}

// Named lists the entries that have a symbol or an alias, in any case: more than
// one where two eras gave a name to two values.
func Named(name string) []Entry {
	var some []Entry
	for _, e := range All() {
		if slices.ContainsFunc(e.Names(), func(n string) bool { return strings.EqualFold(n, name) }) {
			some = append(some, e)
		}
	}
	return some
}

// Names are the symbol of e and its aliases.
func (e Entry) Names() []string {
	names := []string{e.Symbol}
	for _, a := range e.Aliases {
		names = append(names, a.Name)
	}
	return names
}

// Parse reads a code as logs and administrators write it: in eight hexadecimal
// digits, with 0x before them or not, or as a decimal number, which is negative
// where the log took it for a signed one. Spaces, brackets and quotes around it do
// not count.
func Parse(s string) (Code, error) {
	s = bare(s)
	for _, read := range []func(string) (Code, bool){hexadecimal, signed, unsigned} {
		if c, ok := read(s); ok {
			return c, nil
		}
	}
	return 0, fmt.Errorf("%q is no code: want eight hexadecimal digits such as 0x80200013", s)
}

// bare is s without what logs put around a code.
func bare(s string) string { return strings.Trim(s, " \t\r\n[](){}<>.,;:\"'") }

// hexadecimal reads eight digits.
func hexadecimal(s string) (Code, bool) {
	digits := s
	if len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") {
		digits = s[2:]
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return Code(n), err == nil && len(digits) == 8
}

// signed reads a negative number.
func signed(s string) (Code, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return Code(uint32(n)), err == nil && n < 0
}

// unsigned reads a number that is the code of a failure: smaller ones are other
// things.
func unsigned(s string) (Code, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return Code(n), err == nil && Code(n).Failure()
}

// String is c in hexadecimal.
func (c Code) String() string { return fmt.Sprintf("0x%08X", uint32(c)) }

// Symbol is Microsoft's name of c, or "".
func (c Code) Symbol() string {
	e, _ := Lookup(c)
	return e.Symbol
}

// statuses are those with a code of their own in the update agent, from
// 0x80244016 up (wuerror.h, WU_E_PT_HTTP_STATUS_*).
var statuses = []int{400, 401, 403, 404, 405, 407, 408, 409, 410, 500, 501, 502, 503, 504, 505}

// AgentStatus is what the update agent logs for an HTTP status.
func AgentStatus(status int) Code {
	if i := slices.Index(statuses, status); i >= 0 {
		return 0x80244016 + Code(i)
	}
	return PTNotMapped
}

// DownloadStatus is what BITS and Delivery Optimization log for an HTTP status
// (bitsmsg.h, BG_E_HTTP_ERROR_*).
func DownloadStatus(status int) Code { return 0x80190000 | Code(status&0xFFFF) }

// linuxStatuses are the statuses that the Linux agent of Delivery Optimization
// puts under the code of another (do-client, _ResultFromStatusCode).
var linuxStatuses = []struct {
	as       Code
	statuses []int
}{
	{DownloadStatus(400), []int{400, 405, 409, 411, 412, 414, 415}},
	{DownloadStatus(404), []int{404, 410}},
	{DownloadStatus(500), []int{300, 500, 503}},
	{DownloadStatus(501), []int{501, 505}},
	{DownloadStatus(502), []int{305, 502, 504}},
	{0x80190003, []int{301, 302, 303}},
	{0, []int{200, 201, 202, 203, 204, 206}},
}

// linuxOwn are the statuses that it logs as they are.
var linuxOwn = []int{401, 403, 406, 407, 408, 413}

// LinuxStatus is what the Linux agent of Delivery Optimization logs for an HTTP
// status; 0 is success.
func LinuxStatus(status int) Code {
	for _, l := range linuxStatuses {
		if slices.Contains(l.statuses, status) {
			return l.as
		}
	}
	if slices.Contains(linuxOwn, status) {
		return DownloadStatus(status)
	}
	return 0x80190001
}
