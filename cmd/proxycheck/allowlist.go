package main

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"proxycheck/probe/endpoint"
)

// allowlistFlags say for whom an allow list is, and for which product.
type allowlistFlags struct {
	listFlags
	format, output string
	proxy          string
}

func allowlistCommand(c *call) error {
	var f allowlistFlags
	f.define(c)
	if err := c.parse(0); err != nil {
		return err
	}
	format, err := f.check(c)
	if err != nil {
		return err
	}
	a, err := f.allowlist(time.Now())
	if err != nil {
		return err
	}
	o := output{file: f.output}
	return o.write(c.stdout, func(w io.Writer) error { return format.Write(w, a) })
}

func (f *allowlistFlags) define(c *call) {
	f.defineFor(c.flags, "", "win11")
	c.flags.StringVar(&f.format, "format", "squid", "the `FORM` of the rules, for a product: see below")
	c.flags.StringVar(&f.proxy, "proxy", "", "the proxy, as `HOST:PORT`, that a PAC file sends the listed hosts to")
	c.flags.StringVarP(&f.output, "output", "o", "", "write the rules to `FILE`, not to stdout")
	usage := c.flags.Usage
	c.flags.Usage = func() {
		usage()
		fmt.Fprintln(c.stdout, "\nForms:")
		tw := tabwriter.NewWriter(c.stdout, 0, 8, 2, ' ', 0)
		for _, format := range endpoint.Formats {
			fmt.Fprintf(tw, "  %s\t%s\n", format.Name, format.Title)
		}
		tw.Flush()
	}
}

// hostPort is a host and a port that mean nothing else in a PAC file.
var hostPort = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]+$`)

// check looks up the format.
func (f *allowlistFlags) check(c *call) (*endpoint.Format, error) {
	if err := f.listFlags.check(c.flags, false); err != nil {
		return nil, err
	}
	var names []string
	for _, format := range endpoint.Formats {
		names = append(names, format.Name)
	}
	i := slices.Index(names, f.format)
	switch {
	case f.format == "ciscowsa":
		return nil, usage("--format ciscowsa is left out: no document was to be had that makes its syntax sure; for a list to type off there is --format hosts")
	case i < 0:
		return nil, usage("--format %q: want %s", f.format, oneOf(names))
	case f.format == "pac" && f.proxy == "":
		return nil, usage("--format pac needs --proxy HOST:PORT: where the file sends the listed hosts")
	case f.format != "pac" && f.proxy != "":
		return nil, usage("--proxy goes with --format pac alone")
	}
	return endpoint.Formats[i], f.checkProxy()
}

func (f *allowlistFlags) checkProxy() error {
	if f.proxy == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(f.proxy)
	if err == nil {
		err = checkPort(port)
	}
	if err != nil || strings.Trim(host, ".-") == "" || !hostPort.MatchString(f.proxy) {
		return usage("--proxy %q: want HOST:PORT", redacted(f.proxy))
	}
	return nil
}

// allowlist is the allow list of the rows that f chooses.
func (f *allowlistFlags) allowlist(now time.Time) (*endpoint.Allowlist, error) {
	chosen, err := f.rows()
	if err != nil {
		return nil, err
	}
	a := endpoint.Allow(f.windows, chosen.lists, chosen.rows, now)
	a.Notes, a.Proxy = chosen.notes, f.proxy
	if len(a.Allowed) == 0 {
		return nil, usage("the lists have nothing for %s that a proxy could allow", f.windows)
	}
	return a, nil
}
