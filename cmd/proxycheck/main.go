// Proxycheck tells whether Windows Update works through a proxy, what Windows
// would log where it does not, who must act and what they change.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"proxycheck/probe"
	"proxycheck/probe/report"
)

// version is stamped by the linker.
var version = "devel"

// The exit statuses of the program. They are part of its contract.
const (
	exitFound   = 1 // something fails, and the report says what
	exitUsage   = 2 // the command line or an input cannot be used
	exitUnknown = 3 // nothing could be told, or the report could not be written
)

// An exitError ends the program with a status. Its text, if any, is for stderr.
type exitError struct {
	status int
	err    error // nil when all has been said
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage is the error of a command line that cannot be used.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// A command is one verb of the command line.
type command struct {
	name, args, title string
	run               func(c *call) error
}

// A call is a command with what it was called with.
type call struct {
	context.Context
	flags          *pflag.FlagSet
	args           []string
	stdout, stderr io.Writer
}

// commands are in the order of the help.
var commands = []command{
	{"run", "--server URL [--proxy URL]", "make the exchanges of an update through the proxy and judge them", runCommand},
	{"selftest", "[--fault NAME]... [--product NAME]...", "judge the simulated net, once healthy and once per fault", selftestCommand},
	{"sim", "[--listen ADDRESS] [--fault NAME]... [--product NAME]...", "serve the simulated proxy to any client", simCommand},
	{"list", "steps|findings|faults|products|codes|endpoints", "list a table", listCommand},
	{"explain", "CODE|FINDING|FAULT|PRODUCT|STEP", "say all that is known of one", explainCommand},
	{"allowlist", "--for WINDOWS --format PRODUCT", "write the rule that lets Windows Update through a product", allowlistCommand},
	{"doc", "", "write the reference as Markdown", docCommand},
	{"version", "", "say which version this is", versionCommand},
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // a report into a closed pipe is an error like others
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second interrupt ends the program at once
	os.Exit(Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Main runs the command that args name and returns the exit status.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := dispatch(ctx, args, stdout, stderr)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(stderr, "proxycheck: %s\n", strings.ReplaceAll(text, "\n", "; "))
	}
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.status
	}
	return exitUnknown
}

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		help(stderr)
		return &exitError{status: exitUsage}
	}
	switch args[0] {
	case "help", "--help", "-h":
		help(stdout)
		return nil
	case "--version":
		args = []string{"version"}
	}
	var names []string
	for _, c := range commands {
		if c.name == args[0] {
			flags := pflag.NewFlagSet(c.name, pflag.ContinueOnError)
			flags.SortFlags = false
			flags.SetOutput(stdout)
			flags.Usage = func() {
				fmt.Fprintf(stdout, "usage: proxycheck %s %s\n\n%s\n", c.name, c.args, c.title)
				if flags.HasFlags() {
					fmt.Fprintf(stdout, "\n%s", flags.FlagUsages())
				}
			}
			return c.run(&call{Context: ctx, flags: flags, args: args[1:], stdout: stdout, stderr: stderr})
		}
		names = append(names, c.name)
	}
	return usage("there is no command %q%s", args[0], near(args[0], names))
}

func help(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprint(tw, "Proxycheck tells whether Windows Update works through a proxy.\n\nusage:\n")
	for _, c := range commands {
		fmt.Fprintf(tw, "  proxycheck %s %s\t%s\n", c.name, c.args, c.title)
	}
	fmt.Fprint(tw, "\nproxycheck COMMAND --help shows its flags. Exit status: 0 nothing failed, 1 something\n"+
		"fails, 2 bad usage or input, 3 nothing could be told or the report was not written.\n")
	tw.Flush()
}

// parse reads the flags of a command and allows so many arguments after them.
func (c *call) parse(most int) error {
	if err := c.flags.Parse(c.args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return err
		}
		return usage("%w; see proxycheck %s --help", err, c.flags.Name())
	}
	if n := c.flags.NArg(); n > most {
		return usage("%s: %q is one argument too many", c.flags.Name(), c.flags.Arg(most))
	}
	return nil
}

func versionCommand(c *call) error {
	if err := c.parse(0); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.stdout, "proxycheck %s, catalogue %s, %s %s/%s\n",
		version, probe.Catalogue(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// near names the words that look like word.
func near(word string, words []string) string {
	return report.Near(word, words, "proxycheck list has them all")
}
