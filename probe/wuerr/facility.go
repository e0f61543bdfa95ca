package wuerr

import (
	_ "embed"
	"sync"
)

// An HRESULT is a bit for failure, four that tell who made it, eleven for the
// facility and sixteen for the number within it (MS-ERREF 2.1).
const (
	failureBit  Code = 1 << 31
	ntBit       Code = 1 << 30 // it is an NTSTATUS, whose severity has two bits
	customerBit Code = 1 << 29
)

// Facilities whose numbers are those of something else.
const (
	facilityWin32 = 7
	facilityHTTP  = 25
)

// The upper half of codes in which the Linux agent of Delivery Optimization wraps
// the errors of curl (do-client).
const curlHalf Code = 0xC0D00000

// A Facility is the part of Windows that a code says it is from.
type Facility struct {
	Number int
	Name   string // as in FACILITY_HTTP; "" for a number that is none
	Title  string
	Source string
}

//go:embed facilities.csv
var facilitiesCSV string

// facilities are those of facilities.csv, by number.
var facilities = sync.OnceValue(func() map[int]Facility {
	all := map[int]Facility{}
	for _, r := range records(facilitiesCSV) {
		n := r.number("number")
		all[n] = Facility{n, r["name"], r["title"], r["source"]}
	}
	return all
})

// Facility is that of c, or false when its number is not known.
func (c Code) Facility() (Facility, bool) {
	n := int(c >> 16 & 0x7FF)
	f, ok := facilities()[n]
	if !ok {
		f.Number = n
	}
	return f, ok
}

// Failure tells whether c is a failure, and no success.
func (c Code) Failure() bool { return c&failureBit != 0 }

// Customer tells whether c was made by another than Microsoft.
func (c Code) Customer() bool { return c&customerBit != 0 }

// Number is that of c within its facility.
func (c Code) Number() int { return int(c & 0xFFFF) }

// Win32 is the Win32 error that c wraps, or false when it wraps none. Those of
// WinHTTP and of sockets are among them.
func (c Code) Win32() (int, bool) {
	f, _ := c.Facility()
	return c.Number(), f.Number == facilityWin32 && c.Failure()
}

// WinHTTP is the error of WinHTTP or WinINet that c wraps, or false when it wraps
// none.
func (c Code) WinHTTP() (int, bool) {
	n, ok := c.Win32()
	return n, ok && isWinHTTP(n)
}

// isWinHTTP tells whether n is a number of WinHTTP or WinINet (winhttp.h, wininet.h).
func isWinHTTP(n int) bool { return n >= 12000 && n <= 12199 }

// HTTPStatus is the HTTP status that c wraps by the rule of its facility, or false
// when it wraps none: a few numbers of the facility are none.
func (c Code) HTTPStatus() (int, bool) {
	f, _ := c.Facility()
	return c.Number(), f.Number == facilityHTTP && c.Failure() && isStatus(c.Number())
}

// isStatus tells whether n is a number that HTTP has for statuses.
func isStatus(n int) bool { return n >= 100 && n <= 599 }

// Curl is the error of curl that c wraps, or false when it wraps none.
func (c Code) Curl() (int, bool) { return c.Number(), c&^0xFFFF == curlHalf }
