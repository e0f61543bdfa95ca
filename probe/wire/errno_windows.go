package wire

import "syscall"

// The numbers of Winsock (WSAECONNREFUSED and so on).
var (
	timedOut    = []syscall.Errno{10060}
	refused     = []syscall.Errno{10061}
	reset       = []syscall.Errno{10054, 10053, 10058}
	unreachable = []syscall.Errno{10065, 10051, 10064, 10049, 10050, 10013}
)
