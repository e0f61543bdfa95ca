// Package wuerr names the codes that Windows Update and the download agents
// below it write to their logs. It is data with its sources: codes.csv has a
// row for each code, and the functions here say which of them an HTTP status
// becomes in which agent.
package wuerr

import (
	_ "embed"
	"encoding/csv"
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
	TimedOut          Code = 0x80072EE2 // ERROR_WINHTTP_TIMEOUT
	NameNotResolved   Code = 0x80072EE7 // ERROR_WINHTTP_NAME_NOT_RESOLVED
	HandleState       Code = 0x80072EF3 // ERROR_WINHTTP_INCORRECT_HANDLE_STATE
	CannotConnect     Code = 0x80072EFD // ERROR_WINHTTP_CANNOT_CONNECT
	ConnectionError   Code = 0x80072EFE // ERROR_WINHTTP_CONNECTION_ERROR
	ClientCertNeeded  Code = 0x80072F0C // ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED
	InvalidResponse   Code = 0x80072F78 // ERROR_WINHTTP_INVALID_SERVER_RESPONSE
	SecureChannel     Code = 0x80072F7D // ERROR_WINHTTP_SECURE_CHANNEL_ERROR
	SecureFailure     Code = 0x80072F8F // ERROR_WINHTTP_SECURE_FAILURE
	RedirectFailed    Code = 0x80072F7C // ERROR_WINHTTP_REDIRECT_FAILED
	HeaderOverflow    Code = 0x80072F96 // ERROR_WINHTTP_HEADER_SIZE_OVERFLOW
	InvalidFile       Code = 0x80240038 // WU_E_WINHTTP_INVALID_FILE
	PTUnreachable     Code = 0x80240438 // WU_E_PT_ENDPOINT_UNREACHABLE
	PTInvalidFormat   Code = 0x80240439 // WU_E_PT_INVALID_FORMAT
	PTDisconnected    Code = 0x80240440 // WU_E_PT_ENDPOINT_DISCONNECTED
	PTVerification    Code = 0x80240437 // WU_E_PT_SECURITY_VERIFICATION_FAILURE
	PTAuthScheme      Code = 0x8024043C // WU_E_PT_PROXY_AUTH_SCHEME_NOT_SUPPORTED
	PTParse           Code = 0x8024400A // WU_E_PT_SOAPCLIENT_PARSE
	PTRequestTimeout  Code = 0x8024401C // WU_E_PT_HTTP_STATUS_REQUEST_TIMEOUT
	PTNameUnresolved  Code = 0x8024402C // WU_E_PT_WINHTTP_NAME_NOT_RESOLVED
	PTNotMapped       Code = 0x8024402B // WU_E_PT_HTTP_STATUS_NOT_MAPPED
	PTSOAPFault       Code = 0x80244007 // WU_E_PT_SOAPCLIENT_SOAPFAULT
	PTTooManyTrips    Code = 0x80244010 // WU_E_PT_EXCEEDED_MAX_SERVER_TRIPS
	PTServerError     Code = 0x8024401F // WU_E_PT_HTTP_STATUS_SERVER_ERROR
	PTSameRedirector  Code = 0x8024502D // WU_E_PT_SAME_REDIR_ID
	RevocationGone    Code = 0x80092013 // CRYPT_E_REVOCATION_OFFLINE
	IncorrectHash     Code = 0x80246002 // WU_E_DM_INCORRECTFILEHASH
	RedirectorContent Code = 0x80245005 // WU_E_REDIRECTOR_UNSUPPORTED_CONTENTTYPE
	BITSNoSize        Code = 0x80200011 // BG_E_MISSING_FILE_SIZE
	BITSNoRange       Code = 0x80200013 // BG_E_INSUFFICIENT_RANGE_SUPPORT
	BITSInvalidRange  Code = 0x8020002B // BG_E_INVALID_RANGE
	BITSValidation    Code = 0x80200053 // BG_E_VALIDATION_FAILED
	DONoProgress      Code = 0x80D02002 // DO_E_DOWNLOAD_NO_PROGRESS
	DOBlockSize       Code = 0x80D05001 // DO_E_HTTP_BLOCKSIZE_MISMATCH
	DOInvalidRange    Code = 0x80D05010 // DO_E_INVALID_RANGE
	DONoRange         Code = 0x80D05011 // DO_E_INSUFFICIENT_RANGE_SUPPORT
)

// An Entry is what is known of a code.
type Entry struct {
	Code       Code
	Symbol     string // Microsoft's name: what an administrator searches for
	Component  string // the part of Windows that defines it
	Meaning    string
	ProxyCause string // how a proxy comes to cause it; "" when none is known
	Phase      string // of an update in which it shows
	Fix        string
	Source     string
	Aliases    []string // other names of the same value
}

//go:embed codes.csv
var codesCSV string

//go:embed aliases.csv
var aliasesCSV string

// All lists every known code, in the order of the numbers. The slice is shared:
// it must not be changed.
var All = sync.OnceValue(func() []Entry {
	var entries []Entry
	aliases := map[string][]string{}
	for _, r := range rows(aliasesCSV) {
		aliases[r[0]] = append(aliases[r[0]], r[1])
	}
	for _, r := range rows(codesCSV) {
		code, err := Parse(r[0])
		if err != nil {
			panic(err) // the file is ours
		}
		entries = append(entries, Entry{Code: code, Symbol: r[1], Component: r[2], Meaning: r[5],
			ProxyCause: r[6], Phase: r[7], Fix: r[8], Source: r[9], Aliases: aliases[r[0]]})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(int64(a.Code) - int64(b.Code)) })
	return entries
})

// rows are the rows of a CSV file below its heading.
func rows(file string) [][]string {
	all, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		panic(err) // the file is ours
	}
	return all[1:]
}

// Lookup is the entry of c, or false when nothing is known of it.
func Lookup(c Code) (Entry, bool) {
	i, found := slices.BinarySearchFunc(All(), c, func(e Entry, c Code) int { return int(int64(e.Code) - int64(c)) })
	if !found {
		return Entry{Code: c}, false
	}
	return All()[i], true
}

// Parse reads a code as an administrator writes it: 0x80200013, 80200013 or
// the signed decimal number that some logs print.
func Parse(s string) (Code, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	if n, err := strconv.ParseUint(digits, 16, 32); err == nil && len(digits) == 8 {
		return Code(n), nil
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && n < 0 {
		return Code(uint32(n)), nil
	}
	return 0, fmt.Errorf("%q is no code: want eight hexadecimal digits such as 0x80200013", s)
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
