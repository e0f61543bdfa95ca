package probe

import (
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
	Version        string // of the system: major, minor and build
	WUA            string // User-Agent of the web services (wire.md 3.1)
	Protocol       string // protocolVersion of GetConfig (wire.md 3.1, 3.5)
	BITS           string // User-Agent of BITS (wire.md 1.1)
	DO             string // User-Agent of Delivery Optimization (wire.md 4.1); "" when there is none
	ConnectionLast bool   // the field Connection ends the head (wire.md 0.5)
	Condition      order  // of If-Unmodified-Since (wire.md 1.3 to 1.5)
	CryptoAPI      string // User-Agent of CryptoAPI (wire.md 5.5)
	NCSI           string // the path that NCSI asks for (wire.md 5.6); "" when there is no NCSI
	Redirector     string // the path of the redirector's cabinet (wire.md 2.3, 2.5); "" when none is asked for
	SelfUpdates    bool   // asks a WSUS for wuident.cab first (wire.md 2.1)
	schannel       *schannel
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
	{Windows: Win11, Version: "10.0.26200", WUA: "Windows-Update-Agent/1507.2601.30012.0 Client-Protocol/2.90", Protocol: "2.90",
		BITS: "Microsoft BITS/7.8", DO: "Microsoft-Delivery-Optimization/10.1",
		CryptoAPI: "Microsoft-CryptoAPI/10.0", NCSI: "/connecttest.txt", schannel: schannel11},
	{Windows: Win10, Version: "10.0.19045", WUA: "Windows-Update-Agent/10.0.10011.16384 Client-Protocol/2.50", Protocol: "2.50",
		BITS: "Microsoft BITS/7.8", DO: "Microsoft-Delivery-Optimization/10.0",
		CryptoAPI: "Microsoft-CryptoAPI/10.0", NCSI: "/connecttest.txt", schannel: schannel10},
	{Windows: Win81, Version: "6.3.9600", WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.7", CryptoAPI: "Microsoft-CryptoAPI/6.3", NCSI: "/ncsi.txt",
		SelfUpdates: true, schannel: schannel81, Unsure: soapUnsure + "; " + nameUnsure},
	{Windows: Win7, Version: "6.1.7601", WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.5", CryptoAPI: "Microsoft-CryptoAPI/6.1", NCSI: "/ncsi.txt",
		Redirector:  "/v11/2/windowsupdate/redir/v6-win7sp1-wuredir.cab",
		SelfUpdates: true, schannel: schannel7, Unsure: soapUnsure + "; " + newerTLSUnsure},
	{Windows: Vista, Version: "6.0.6002", WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/7.0", ConnectionLast: true, Condition: after, CryptoAPI: "Microsoft-CryptoAPI/6.0", NCSI: "/ncsi.txt",
		Redirector:  "/v9/windowsupdate/redir/muv4wuredir.cab",
		SelfUpdates: true, schannel: schannelVista, Unsure: soapUnsure + "; " + nameUnsure},
	{Windows: XP, Version: "5.1.2600", WUA: "Windows-Update-Agent", Protocol: "1.8",
		BITS: "Microsoft BITS/6.7", ConnectionLast: true, Condition: absent, CryptoAPI: "Microsoft-CryptoAPI/5.131.2600.5512",
		Redirector:  "/v9/windowsupdate/redir/muv4wuredir.cab",
		SelfUpdates: true, schannel: schannelXP,
		Unsure: soapUnsure + "; " + nameUnsure + "; " + helloUnsure},
}

// What is not proved of some versions, beside soapUnsure.
const (
	nameUnsure     = "whether CryptoAPI calls itself as here: no capture of this version is public (wire.md 5.5)"
	newerTLSUnsure = "whether WinHTTP offers more than TLS 1.0, which it does only with KB3140245"
	helloUnsure    = "whether its ClientHello gets through: the real one names no server, and this one does"
)

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
