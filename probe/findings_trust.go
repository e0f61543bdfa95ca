package probe

import "proxycheck/probe/wuerr"

// The findings of certificates that are not about one exchange alone.
var (
	ClockWrong = &Finding{
		Name: "clock-wrong", Title: "the clock of this machine is not that of the servers",
		Owner: Machine, Grade: Warn, Effect: Blocks, Source: "WinHTTP: ERROR_WINHTTP_SECURE_CERT_DATE_INVALID; Windows Update troubleshooting",
		Codes: []Coded{
			{WUA, "", "", "", wuerr.SecureFailure, wuSecurity, Documented},
			{BITS, "", "", "", wuerr.SecureFailure, inferred, Unsure},
			{DO, "", "", "", wuerr.SecureFailure, inferred, Unsure},
		},
		Condition: "It is harmless to TLS while all certificates hold by both clocks; a login by Kerberos fails beyond five minutes.",
		Fix: "Set the clock: w32tm /resync on the client, and see that it finds its time server. If it is the update server " +
			"whose clock is wrong, set that one.",
	}
)

// trustFindings are the findings of certificates.
var trustFindings = []*Finding{ClockWrong}
