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
	flags.IntVar(&o.updates, "updates", wsus.DefaultUpdates, "`N` updates in the catalogue")
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
	case flags.Changed("log-format") && o.log == "":
		return nil, usage("--log-format goes with --log")
	case o.updates < 0 || o.updates > maxUpdates:
		return nil, usage("--updates %d is out of range: want 0 to %d", o.updates, maxUpdates)
	}
	return &o, o.read(*form, *size, *sizes, *faults, *refusing)
}

// read takes in the values of flags that are more than text.
func (o *offer) read(form, size, sizes string, faults, refusing []string) (err error) {
	if o.form = wsus.LineForms[form]; o.form == nil {
		return usage("--log-format %q%s", form, near(form, slices.Sorted(maps.Keys(wsus.LineForms))))
	}
	if o.size, err = parseSize(size); err != nil {
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

// units are those of sizes, in bytes.
var units = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

// parseSize reads the size of a file.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTi")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, ok := units[text[len(digits):]]
	switch {
	case err != nil || !ok:
		return 0, fmt.Errorf("%q is no number of bytes: want one such as 2MiB", text)
	case n < 1 || n > wusp.MaxContent/unit:
		return 0, fmt.Errorf("%q is out of range: want 1 to %d bytes", text, int64(wusp.MaxContent))
	}
	return n * unit, nil
}

// parseSizes reads sizes with commas between them.
func parseSizes(list string) (sizes []int64, err error) {
	for text := range strings.SplitSeq(list, ",") {
		size, err := parseSize(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if sizes = append(sizes, size); len(sizes) > maxSizes {
			return nil, fmt.Errorf("has more than %d sizes", maxSizes)
		}
	}
	return sizes, nil
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

// near names the words that look like word, for whoever mistyped it, or all of
// them when none does.
func near(word string, words []string) string {
	const most = 20
	some := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		holds := len(word) > 2 && strings.Contains(w, word)
		return !holds && distance(strings.ToLower(word), strings.ToLower(w)) > max(2, 1+len(word)/4)
	})
	switch {
	case len(some) > 0:
		return "; near it are " + strings.Join(some, ", ")
	case len(words) <= most:
		return "; there are " + strings.Join(words, ", ")
	}
	return "; help lists them all"
}

// distance is how many letters must be changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
