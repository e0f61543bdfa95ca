package probe

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"proxycheck/probe/wire"
)

// A Windows is a version of Windows, as the command line names it; "" stands
// for the oldest or the newest, whichever bounds nothing.
type Windows string

// The versions, oldest first.
const (
	XP    Windows = "xp"
	Vista Windows = "vista"
	Win7  Windows = "win7"
	Win81 Windows = "win8.1"
	Win10 Windows = "win10"
	Win11 Windows = "win11"
)

// versions is their order.
var versions = []Windows{XP, Vista, Win7, Win81, Win10, Win11}

// Within tells whether w is one of the versions from since to until.
func (w Windows) Within(since, until Windows) bool {
	i := slices.Index(versions, w)
	return i >= slices.Index(versions, since) && (until == "" || i <= slices.Index(versions, until))
}

// A Profile is how the clients of one version of Windows speak.
type Profile struct {
	Windows        Windows
	WUA            string // User-Agent of the web services (wire.md 3.1)
	Protocol       string // protocolVersion of GetConfig (wire.md 3.1, 3.5)
	BITS           string // User-Agent of BITS (wire.md 1.1)
	DO             string // User-Agent of Delivery Optimization (wire.md 4.1); "" when there is none
	ConnectionLast bool   // the field Connection ends the head (wire.md 0.5)
	Condition      order  // of If-Unmodified-Since (wire.md 1.3 to 1.5)
	SelfUpdates    bool   // asks a WSUS for wuident.cab first (wire.md 2.1)
	TLS            uint16 // the oldest version that is offered
	Unsure         string // what of it is not proved; "" for nothing
}

// An order is where a field stands beside Range.
type order int

const (
	before order = iota
	after
	absent
)

// Profiles lists the versions of Windows that can be played, newest first.
var Profiles = []*Profile{
	{Windows: Win11, WUA: "Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90", Protocol: "2.90",
		BITS: "Microsoft BITS/7.8", DO: "Microsoft-Delivery-Optimization/10.1", TLS: tls.VersionTLS12},
	{Windows: Win10, WUA: "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.50", Protocol: "2.50",
		BITS: "Microsoft BITS/7.8", DO: "Microsoft-Delivery-Optimization/10.0", TLS: tls.VersionTLS12},
	{Windows: Win81, WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.7", SelfUpdates: true, TLS: tls.VersionTLS10, Unsure: soapUnsure},
	{Windows: Win7, WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.5", SelfUpdates: true, TLS: tls.VersionTLS10, Unsure: soapUnsure},
	{Windows: Vista, WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.0", ConnectionLast: true, Condition: after, SelfUpdates: true, TLS: tls.VersionTLS10, Unsure: soapUnsure},
	{Windows: XP, WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/6.7", ConnectionLast: true, Condition: absent, SelfUpdates: true, TLS: tls.VersionTLS10, Unsure: soapUnsure},
}

// LookupProfile is the profile of that name, as --as has it.
func LookupProfile(name string) (*Profile, error) {
	var names []string
	for _, p := range Profiles {
		if string(p.Windows) == name {
			return p, nil
		}
		names = append(names, string(p.Windows))
	}
	return nil, fmt.Errorf("%q is no version of Windows that can be played: want %s", name, strings.Join(names, ", "))
}

// arrange puts the fields of h in the order of p, from that of Windows 10, in
// which the steps stand.
func (p *Profile) arrange(h wire.Head) wire.Head {
	if p.ConnectionLast && !strings.HasPrefix(h.Start, "CONNECT ") {
		h.Fields = moveBehind(h.Fields, "Connection", "Host")
	}
	switch p.Condition {
	case after:
		h.Fields = moveBehind(h.Fields, "If-Unmodified-Since", "Range")
	case absent:
		h.Fields = slices.DeleteFunc(h.Fields, func(f wire.Field) bool { return f.Name == "If-Unmodified-Since" })
	}
	return h
}

// moveBehind is fields with the field name behind the field anchor, if both are
// there.
func moveBehind(fields []wire.Field, name, anchor string) []wire.Field {
	named := func(name string) int {
		return slices.IndexFunc(fields, func(f wire.Field) bool { return f.Name == name })
	}
	from, to := named(name), named(anchor)
	if from < 0 || to < from {
		return fields
	}
	moved := fields[from]
	return slices.Insert(slices.Delete(slices.Clone(fields), from, from+1), to, moved)
}

// TLSConfig is what Schannel of that version offers, as far as it matters to
// boxes on the way: its versions, and no post-quantum share, so that the first
// message fits one segment.
func (p *Profile) TLSConfig() *tls.Config {
	return &tls.Config{MinVersion: p.TLS, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}}
}
