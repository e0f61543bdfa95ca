//go:build !unix

package main

// nonblocking is nothing, where no file is a pipe.
const nonblocking = 0
