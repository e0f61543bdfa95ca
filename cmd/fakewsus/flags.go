package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"proxycheck/probe/report"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// An offer is what the flags ask for.
type offer struct {
	listen, listenTLS, listenFiles string
	caOut                          string
	log                            string
	form                           wsus.LineForm
	size                           int64
	sizes                          []int64
	updates                        int
	faults                         []*sim.Fault
	refusals                       *refusals // nil for none
}

// errSaid ends the program well, as all that was asked for has been said.
var errSaid = errors.New("said")

// usage is the error of a command line that cannot be used.
func usage(format string, args ...any) error {
	return fmt.Errorf(format+"; %w", append(args, errUsage)...)
}

// maxUpdates is the most updates that a catalogue may have.
const maxUpdates = 100_000

// maxSizes is the most sizes that its files may have.
const maxSizes = 64

// parse reads the flags.
func parse(args []string, stdout io.Writer) (*offer, error) {
	var o offer
	flags := pflag.NewFlagSet("fakewsus", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(stdout)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8530", "the `ADDRESS` to serve on")
	flags.StringVar(&o.listenTLS, "listen-tls", "127.0.0.1:8531", "the `ADDRESS` to serve TLS on; empty for none")
	flags.StringVar(&o.listenFiles, "listen-files", "", "an `ADDRESS` to serve content and SelfUpdate alone on, such as 127.0.0.1:80")
	flags.StringVar(&o.caOut, "ca-out", "", "write the root of the certificate to `FILE`, as PEM")
	flags.StringVar(&o.log, "log", "", "add a line for each request to `FILE`; - is stdout")
	form := flags.String("log-format", "text", "the `FORM` of the log: text or json")
	size := flags.String("size", strconv.Itoa(wsus.DefaultSize), "the `BYTES` of the file that proxycheck fetches, such as 3MiB")
	updates := flags.String("updates", strconv.Itoa(wsus.DefaultUpdates), "`N` updates in the catalogue")
	sizes := flags.String("sizes", "", "`LIST` of the bytes of their files, over and over, such as 20KiB,2MiB,10GiB (default --size)")
	faults := flags.StringArray("fault", nil, "`NAME` of a fault of the server; may be repeated; help lists them")
	refusing := flags.StringArray("soap-fault", nil, "`OPERATION=CODE` to refuse each call with, or OPERATION=CODE:N for the first N of each client; "+
		"may be repeated; help lists them")
	showVersion := flags.Bool("version", false, "say which version this is")
	flags.Usage = func() {
		fmt.Fprintf(stdout, "usage: fakewsus [FLAG]...\n\nFakewsus is an update server for trying a proxy. It shows at / what it was asked.\n\n%s", flags.FlagUsages())
	}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil, errSaid
	case err != nil:
		return nil, usage("%w%s", err, nearFlag(flags, err))
	case flags.NArg() > 0:
		return nil, usage("%q is one argument too many", flags.Arg(0))
	case *showVersion:
		return nil, say(stdout, "fakewsus "+version+"\n")
	case slices.Contains(*faults, "help"):
		return nil, say(stdout, faultList())
	case slices.Contains(*refusing, "help"):
		return nil, say(stdout, refusalList())
	case wsus.LineForms[*form] == nil:
		return nil, usage("--log-format %q%s", *form, near(*form, slices.Sorted(maps.Keys(wsus.LineForms))))
	case flags.Changed("log-format") && o.log == "":
		return nil, usage("--log-format goes with --log")
	}
	o.form = wsus.LineForms[*form]
	return &o, o.read(*updates, *size, *sizes, *faults, *refusing)
}

// read takes in the values of flags that are more than text.
func (o *offer) read(updates, size, sizes string, faults, refusing []string) (err error) {
	if o.updates, err = parseUpdates(updates); err != nil {
		return usage("--updates %w", err)
	}
	if o.size, err = report.ParseBytes(size, wusp.MaxContent); err != nil {
		return usage("--size %w", err)
	}
	if sizes != "" {
		if o.sizes, err = parseSizes(sizes); err != nil {
			return usage("--sizes %w", err)
		}
	}
	if o.faults, err = faultsNamed(faults); err != nil {
		return usage("--fault %w", err)
	}
	if o.refusals, err = parseRefusals(refusing); err != nil {
		return usage("--soap-fault %w", err)
	}
	return nil
}

// say writes what was asked for.
func say(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return errSaid
}

// parseUpdates reads a number of updates.
func parseUpdates(text string) (int, error) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is no number of updates: want 0 to %d", text, maxUpdates)
	case err != nil || n < 0 || n > maxUpdates:
		return 0, fmt.Errorf("%q is out of range: want 0 to %d", text, maxUpdates)
	}
	return n, nil
}

// parseSizes reads sizes with commas between them.
func parseSizes(list string) (sizes []int64, err error) {
	texts := strings.Split(list, ",")
	for i, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" && len(texts) > 1 {
			return nil, fmt.Errorf("%q has an empty size %s", list, besideComma(i, len(texts)-1))
		}
		size, err := report.ParseBytes(text, wusp.MaxContent)
		if err != nil {
			return nil, err
		}
		if sizes = append(sizes, size); len(sizes) > maxSizes {
			return nil, fmt.Errorf("has more than %d sizes", maxSizes)
		}
	}
	return sizes, nil
}

// besideComma says where in a list a member stands, of which the last is known.
func besideComma(i, last int) string {
	switch i {
	case 0:
		return "before the first comma"
	case last:
		return "behind the last comma"
	}
	return "between two commas"
}

// faultsNamed are the faults of those names.
func faultsNamed(names []string) (faults []*sim.Fault, err error) {
	for _, name := range names {
		f := sim.Lookup(name)
		if f == nil {
			var known []string
			for _, f := range sim.ServerFaults() {
				known = append(known, f.Name)
			}
			return nil, fmt.Errorf("%q%s", name, near(name, known))
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// faultList is a line for each fault that a server alone can have.
func faultList() string {
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, f := range sim.ServerFaults() {
		fmt.Fprintf(tw, "%s\t%s\n", f.Name, f.Title)
	}
	tw.Flush()
	return text.String()
}

// nearFlag names the flags near one that there is not.
func nearFlag(flags *pflag.FlagSet, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return near(unknown.GetSpecifiedName(), names)
}

// near names the words that look like word.
func near(word string, words []string) string { return report.Near(word, words, "help lists them all") }
