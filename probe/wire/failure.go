package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
)

// failure is the manner in which err broke an exchange. Nothing else looks
// inside an error of the network.
func failure(err error) Failure {
	var (
		name    *net.DNSError
		record  tls.RecordHeaderError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errDenied):
		return Denied
	case errors.Is(err, errTrickled):
		return Trickled
	case errors.Is(err, errTooLarge):
		return TooLarge
	case errors.Is(err, errGarbled):
		return Garbled
	case errors.As(err, &record):
		return NotTLS
	case errors.Is(err, errStopped):
		return Stopped
	case errors.As(err, &timeout) && timeout.Timeout(), is(err, timedOut):
		return Silent
	case errors.As(err, &name) && name.IsNotFound:
		return NoName
	case errors.As(err, &name):
		return NoService
	case is(err, refused):
		return Refused
	case is(err, reset):
		return Reset
	case is(err, unreachable):
		return Unreachable
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"), strings.Contains(err.Error(), "tls: "):
		return NoAgreement // crypto/tls tells alerts, theirs and ours, by words alone
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Cut
	}
	return Local
}

// is tells whether a system call ended in one of the given errors. They are
// compared as numbers: on Windows, package syscall invents constants of these
// names that no call returns.
func is(err error, among []syscall.Errno) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(among, errno)
}
