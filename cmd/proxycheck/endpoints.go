package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/probe/report"
)

// listFlags choose rows of the URL lists.
type listFlags struct {
	lists   []string // their names
	windows string   // the version that asks, as "win11"; "" for all
	csv     string   // a file with rows of one's own; "" for none
}

// define adds --list and --endpoints; the help of each begins with of.
func (f *listFlags) define(fs *pflag.FlagSet, of string) {
	fs.StringSliceVar(&f.lists, "list", nil, of+"the `NAME` of a URL list, several with commas (default: those that the chosen Windows uses)")
	fs.StringVar(&f.csv, "endpoints", "", of+"`FILE` with lists of your own, as CSV, in place of those of the same name and beside the others")
}

// defineFor adds --for too, with the version of Windows that it is without it.
func (f *listFlags) defineFor(fs *pflag.FlagSet, of, windows string) {
	f.define(fs, of)
	fs.StringVar(&f.windows, "for", windows, of+"the version of `WINDOWS`: win11, win10, win8.1, win7, vista or xp")
}

// check tells whether what --list and --for say can be meant; all says that they need
// name no version of Windows.
func (f *listFlags) check(fs *pflag.FlagSet, all bool) error {
	if noList(fs, f.lists) {
		return usage(noListText)
	}
	if all && f.windows == "" {
		return nil
	}
	if _, err := probe.LookupProfile(f.windows); err != nil {
		return usage("--for: %w", err)
	}
	return nil
}

// noListText is what is wrong where noList tells that --list is there without a name.
const noListText = "--list: want the name of a list"

func noList(fs *pflag.FlagSet, names []string) bool { return fs.Changed("list") && len(names) == 0 }

// A choice is some lists, what is to be said of how they came to be chosen, and the rows
// of them that count.
type choice struct {
	lists []*endpoint.List
	notes []string
	rows  []*endpoint.Row
}

// rows are what f chooses: without a list and a version of Windows all lists.
func (f *listFlags) rows() (*choice, error) {
	rows, err := readEndpoints(f.csv)
	if err != nil {
		return nil, err
	}
	c := &choice{lists: endpoint.Known(rows)}
	if len(f.lists) > 0 || f.windows != "" {
		if c.lists, c.notes, err = chooseLists(f.lists, f.windows, rows); err != nil {
			return nil, err
		}
	}
	c.rows = endpoint.Rows(c.lists, rows, f.windows)
	return c, nil
}

// used are the lists of c that have rows, as a report shows them.
func (c *choice) used() []probe.List {
	lists := []probe.List{}
	for _, l := range endpoint.Used(c.lists, c.rows, time.Now()) {
		lists = append(lists, probe.List{Name: l.Name, Title: l.Title, Date: l.Date, Old: l.Old, Sure: string(l.Sure)})
	}
	return lists
}

// endpointFlags choose among the rows of the URL lists, to show them.
type endpointFlags struct {
	listFlags
	era, sure string
}

// endpointOnly are the flags of list that no other table has.
var endpointOnly = []string{"list", "for", "era", "sure", "endpoints"}

// endpointsAlone refuses for other tables what endpoints alone have.
func endpointsAlone(c *call, o *output) error {
	for _, name := range endpointOnly {
		if c.flags.Changed(name) {
			return usage("--%s goes with list endpoints alone", name)
		}
	}
	if o.format == "csv" {
		return usage("--format csv goes with list endpoints alone")
	}
	return nil
}

func (f *endpointFlags) define(fs *pflag.FlagSet) {
	f.defineFor(fs, "of endpoints: ", "")
	fs.StringVar(&f.era, "era", "", "of endpoints: those of an `ERA`: current or legacy")
	fs.StringVar(&f.sure, "sure", "", "of endpoints: those so sure: source, second hand or memory as `WORD`")
}

// eras and grades of sureness, as the flags have them.
var (
	eras   = []string{string(endpoint.Current), string(endpoint.Legacy)}
	surety = []string{string(endpoint.Verified), string(endpoint.SecondHand), string(endpoint.Remembered)}
)

func (f *endpointFlags) check(fs *pflag.FlagSet) error {
	switch {
	case f.era != "" && !slices.Contains(eras, f.era):
		return usage("--era %q: want %s", f.era, oneOf(eras))
	case f.sure != "" && !slices.Contains(surety, f.sure):
		return usage("--sure %q: want %s", f.sure, oneOf(surety))
	}
	return f.listFlags.check(fs, true)
}

// readEndpoints are the rows that proxycheck has, and those of a file; "" for no file. A
// row of the file without a date has that of the file.
func readEndpoints(file string) ([]*endpoint.Row, error) {
	if file == "" {
		return endpoint.All(), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, usage("--endpoints: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, usage("--endpoints: %w", err)
	}
	own, err := endpoint.Parse(f, file, info.ModTime())
	if err != nil {
		return nil, usage("--endpoints: %w", err)
	}
	return endpoint.Extend(endpoint.All(), own), nil
}

// chooseLists are the lists of rows that names name, or without a name those that a
// version of Windows uses by default; notes say what came with them.
func chooseLists(names []string, windows string, rows []*endpoint.Row) (lists []*endpoint.List, notes []string, err error) {
	known := endpoint.Known(rows)
	if len(names) == 0 {
		return endpoint.Default(windows, known), nil, nil
	}
	lists, notes, err = endpoint.Named(names, known)
	if unknown := (*endpoint.UnknownListError)(nil); errors.As(err, &unknown) {
		return nil, nil, usage("--list: %w%s", err, near(unknown.Name, unknown.Known))
	}
	return lists, notes, err
}

// A listing is the rows of some lists, as they are shown.
type listing struct {
	Lists []probe.List `json:"lists"`
	Notes []string     `json:"notes,omitempty"`
	Rows  []shownRow   `json:"endpoints"`

	rows []*endpoint.Row
}

// A shownRow is a row in JSON, by the names of the columns in CSV.
type shownRow struct {
	List       string              `json:"list"`
	Pattern    string              `json:"pattern"`
	Scheme     string              `json:"scheme,omitempty"`
	Ports      []string            `json:"ports"`
	Purpose    string              `json:"purpose,omitempty"`
	Probe      string              `json:"probe_url,omitempty"`
	Inspection endpoint.Inspection `json:"tls_inspection_allowed"`
	Era        endpoint.Era        `json:"era"`
	Source     string              `json:"source,omitempty"`
	Retired    bool                `json:"retired"`
	Sure       endpoint.Sure       `json:"sure"`
	Checked    string              `json:"checked,omitempty"`
	Since      string              `json:"since,omitempty"`
	Until      string              `json:"until,omitempty"`
}

// listing reads the rows that f chooses.
func (f *endpointFlags) listing() (*listing, error) {
	chosen, err := f.rows()
	if err != nil {
		return nil, err
	}
	l := &listing{Lists: chosen.used(), Notes: chosen.notes, Rows: []shownRow{}}
	for _, r := range chosen.rows {
		if f.era != "" && string(r.Era) != f.era || f.sure != "" && string(r.Sure) != f.sure {
			continue
		}
		l.rows = append(l.rows, r)
		l.Rows = append(l.Rows, shownRow{r.List, r.Pattern, r.Scheme, r.Ports, r.Purpose, r.Probe, r.Inspection, r.Era, r.Source,
			r.Retired, r.Sure, endpoint.Day(r.Checked), r.Since, r.Until})
	}
	return l, nil
}

// listEndpoints writes the rows of the URL lists.
func listEndpoints(c *call, o *output, f *endpointFlags) error {
	if err := f.check(c.flags); err != nil {
		return err
	}
	l, err := f.listing()
	if err != nil {
		return err
	}
	return o.write(c.stdout, func(w io.Writer) error {
		switch o.format {
		case "json":
			return report.JSON(w, struct {
				Schema string `json:"schema"`
				*listing
			}{probe.Schema, l})
		case "csv":
			return endpoint.WriteCSV(w, l.rows)
		}
		return l.text(w)
	})
}

// text writes the rows as a table, each once though several documents have it, and below
// it the lists with what is to be known of them. What is in a row is printable: the
// reader of the file saw to that.
func (l *listing) text(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tw, "PATTERN\tSCHEME\tPORTS\tINSPECTION\tLIST\tERA\tSURE\tCHECKED")
	written := map[string]bool{}
	for _, r := range l.Rows {
		if line := r.line(); !written[line] {
			written[line] = true
			fmt.Fprintln(tw, line)
		}
	}
	fmt.Fprintln(tw)
	for _, list := range l.Lists {
		fmt.Fprintf(tw, "%s\t%s: %s\n", list.Name, list.Title, endpoint.Standing(list.Date, list.Old, endpoint.Sure(list.Sure)))
	}
	for _, note := range l.Notes {
		fmt.Fprintf(tw, "note\t%s\n", note)
	}
	return tw.Flush()
}

// line is a row of the table.
func (r shownRow) line() string {
	era := string(r.Era)
	if r.Retired {
		era += ", retired"
	}
	return strings.Join([]string{r.Pattern, orNone(r.Scheme), strings.Join(r.Ports, ","), string(r.Inspection), r.List, era,
		string(r.Sure), orNone(r.Checked)}, "\t")
}

// orNone is s, or a sign that there is nothing.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
