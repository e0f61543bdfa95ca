//go:build !windows

package wire

import "syscall"

var (
	timedOut    = []syscall.Errno{syscall.ETIMEDOUT}
	refused     = []syscall.Errno{syscall.ECONNREFUSED}
	reset       = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
	unreachable = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL, syscall.ENETDOWN,
		syscall.EACCES, syscall.EPERM}
)
