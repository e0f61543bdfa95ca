package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"proxycheck/sim"
)

func simCommand(c *call) error {
	listen := c.flags.String("listen", "127.0.0.1:3128", "the `ADDRESS` of the proxy")
	names := c.flags.StringArray("fault", nil, "`NAME` of a fault; may be repeated")
	products := c.flags.StringArray("product", nil, "`NAME` of a product, which has several faults; may be repeated")
	caOut := c.flags.String("ca-out", "", "write the root of the update server's certificate to `FILE`, as PEM")
	if err := c.parse(0); err != nil {
		return err
	}
	n, err := newNet(*listen, *names, *products...)
	if err != nil {
		return err
	}
	defer n.Close()
	if name := n.AtClient(); name != "" {
		return usage("the fault %s is in the client's own settings or name service: "+
			"try it with proxycheck run --server embedded%s", name, flagsOf(*names, *products))
	}
	if err := writeCA(*caOut, n.CA()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, simText, n.Addr(), sim.ServerName)
	if err != nil {
		return &exitError{exitUnknown, err}
	}
	<-c.Done()
	return nil
}

const simText = `proxy   http://%[1]s
server  http://%[2]s:8530 and https://%[2]s:8531, through that proxy alone

try it:
  proxycheck run --proxy http://%[1]s --server http://%[2]s:8530
  proxycheck run --proxy http://%[1]s --server microsoft
  curl -x http://%[1]s -r 0-99 -o /dev/null -v http://%[2]s:8530/selfupdate/wuident.cab

Interrupt to end.
`

// flagsOf are the flags that name faults and products.
func flagsOf(names, products []string) string {
	var flags strings.Builder
	for _, name := range names {
		flags.WriteString(" --fault " + name)
	}
	for _, name := range products {
		flags.WriteString(" --product " + name)
	}
	return flags.String()
}

// newNet is a simulated net with the faults of those names, and those of products.
// What is named twice is there once.
func newNet(listen string, names []string, products ...string) (*sim.Net, error) {
	named, err := faultsNamed(names)
	if err != nil {
		return nil, err
	}
	some, err := productsNamed(products)
	if err != nil {
		return nil, err
	}
	for _, p := range some {
		named = append(named, p.Parts()...)
	}
	var faults []*sim.Fault
	for _, f := range named {
		if !slices.Contains(faults, f) {
			faults = append(faults, f)
		}
	}
	n, err := sim.NewNet(listen, faults...)
	if err != nil {
		return nil, usage("%w", err)
	}
	return n, nil
}

// productsNamed are the products of those names.
func productsNamed(names []string) ([]*sim.Product, error) {
	var products []*sim.Product
	for _, name := range names {
		p := sim.LookupProduct(name)
		if p == nil {
			return nil, usage("there is no product %q%s", name, near(name, productNames()))
		}
		products = append(products, p)
	}
	return products, nil
}

func productNames() []string {
	var names []string
	for _, p := range sim.Products {
		names = append(names, p.Name)
	}
	return names
}

// productRows are the products of the simulated net.
func productRows() []row {
	var rows []row
	for _, p := range sim.Products {
		var shows []string
		for _, finding := range p.Fault().Shows {
			shows = append(shows, finding.Name)
		}
		rows = append(rows, row{Name: p.Name, Title: p.Title, Details: []detail{
			{"faults", strings.Join(p.Faults, ", ")}, {"must show", strings.Join(shows, ", ")}, {"source", p.Source},
		}})
	}
	return rows
}

// faultsNamed are the faults of those names.
func faultsNamed(names []string) ([]*sim.Fault, error) {
	var faults []*sim.Fault
	for _, name := range names {
		f := sim.Lookup(name)
		if f == nil {
			return nil, usage("there is no fault %q%s", name, near(name, faultNames()))
		}
		faults = append(faults, f)
	}
	return faults, nil
}

func faultNames() []string {
	var names []string
	for _, f := range sim.Faults {
		names = append(names, f.Name)
	}
	return names
}

// writeCA writes a root certificate to a file; "" is for none.
func writeCA(file string, pem []byte) error {
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, pem, 0o644); err != nil {
		return usage("--ca-out: %w", err)
	}
	return nil
}
