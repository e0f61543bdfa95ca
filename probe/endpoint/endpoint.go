// Package endpoint holds the lists of the hosts that Windows Update needs, as
// Microsoft and others publish them, and makes of their patterns the names that can
// be asked for.
//
// A [Row] is a line of a list. A [Host] is one name at one port. Between them stands
// what is known of the names under a wildcard, which no name service enumerates.
package endpoint

import "time"

// A Row is one line of a published list.
type Row struct {
	List       string // kb896226, win10-11 ...; see Lists
	Pattern    string // a host, *.host, *suffix, host/path/*, or words in parentheses for what is none
	Scheme     string // http, https, both, or "" for what is not HTTP
	Ports      []string
	Purpose    string
	Probe      string     // a URL that the origin is known to answer; "" for none
	Inspection Inspection // whether TLS may be inspected
	Era        Era
	Source     string
	Retired    bool // it has no public name any more
	Sure       Sure
	Checked    time.Time // when it was last held against its source; zero when nobody did
	Since      string    // the oldest version of Windows that asks for it, as "win10"; "" for any
	Until      string    // and the newest
}

// Inspection is what a list says of TLS inspection.
type Inspection string

// What lists say of it.
const (
	InspectionNo      Inspection = "no"
	InspectionYes     Inspection = "yes"
	InspectionUnknown Inspection = "unknown"
)

// Era tells whether a list is in force.
type Era string

// Eras.
const (
	Current Era = "current"
	Legacy  Era = "legacy"
)

// Sure is how sure a row is.
type Sure string

// How sure a row is.
const (
	Verified   Sure = "source"      // read in its source
	SecondHand Sure = "second hand" // read in somebody's copy
	Remembered Sure = "memory"      // written from memory: no text could be had
)

// sureness is how sure something is, in words; the surest comes first.
var sureness = []struct {
	sure  Sure
	words string
}{
	{Verified, "read in its source"},
	{SecondHand, "second hand"},
	{Remembered, "from memory, as no document could be had"},
}

// doubt ranks how sure something is: 0 is the surest, and -1 what is not said.
func (s Sure) doubt() int {
	for i, known := range sureness {
		if known.sure == s {
			return i
		}
	}
	return -1
}

// Words says how sure s is; "" when it is not said.
func (s Sure) Words() string {
	if s.doubt() < 0 {
		return ""
	}
	return sureness[s.doubt()].words
}

// A Host is one name at one port, as a client asks for it.
type Host struct {
	Name  string // of a Control with the blank {run}
	Port  string
	TLS   bool   // through a tunnel
	By    string // the agent that asks: wua, bits, do, cryptoapi or ncsi
	Path  string // what is asked for, with its slash
	Magic string // the first bytes of the file at Path; "" when they are not known

	Pattern  string // of the rows: what an administrator allows
	Rows     []*Row // that want it; none of a Control
	Numbered bool   // the name has a number or a long prefix that clients put before another
	Control  bool   // a name under Pattern that cannot exist: what answers it is not the origin
	Optional string // why it is no fault that it cannot be reached; "" where it is one
	Sure     Sure   // that clients ask for this name; of the surest row for one without a wildcard; "" of a Control
}

// Pinned tells whether clients take no certificate for h but Microsoft's own.
func (h *Host) Pinned() bool {
	for _, r := range h.Rows {
		if h.TLS && r.Inspection == InspectionNo {
			return true
		}
	}
	return false
}

// Retired tells whether nothing but retired rows wants h.
func (h *Host) Retired() bool {
	for _, r := range h.Rows {
		if !r.Retired {
			return false
		}
	}
	return !h.Control
}
