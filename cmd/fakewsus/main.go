// Fakewsus is an update server for trying a proxy: it speaks as a WSUS does,
// serves inert files of any size, which proxycheck knows byte by byte, and shows
// what it was asked.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// version is stamped by the linker.
var version = "devel"

// How much memory is for garbage: several times what is in use, but no more than
// keeps 1,000 clients and as many idle connections under 128 MiB.
const (
	garbage   = 400 // percent of what is in use
	allMemory = 96 << 20
)

func main() {
	debug.SetGCPercent(garbage)
	debug.SetMemoryLimit(allMemory)
	signal.Ignore(syscall.SIGPIPE) // a log into a closed pipe is an error like others
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second interrupt ends the program at once
	os.Exit(Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errUsage says that the command line cannot be used.
var errUsage = errors.New("see fakewsus --help")

// Main serves until ctx ends and returns the exit status: 0, 2 for bad usage,
// 3 when it could not serve.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := run(ctx, args, stdout, stderr)
	if err == nil || errors.Is(err, errSaid) {
		return 0
	}
	fmt.Fprintln(stderr, "fakewsus:", strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.Is(err, errUsage) {
		return 2
	}
	return 3
}

// run does what args ask for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	s, err := newService(o, stdout, stderr)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := io.WriteString(stdout, s.announcement()); err != nil {
		return err
	}
	return s.until(ctx)
}
