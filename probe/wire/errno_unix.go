//go:build !windows

package wire

import "syscall"

var (
	refused     = []syscall.Errno{syscall.ECONNREFUSED}
	reset       = []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
	unreachable = []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM}
)
