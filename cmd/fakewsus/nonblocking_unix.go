//go:build unix

package main

import "syscall"

// nonblocking lets a pipe without a reader be an error when it is opened for
// writing, and not something to wait for.
const nonblocking = syscall.O_NONBLOCK
