package main

import (
	"fmt"
	"os"

	"proxycheck/sim"
)

func simCommand(c *call) error {
	listen := c.flags.String("listen", "127.0.0.1:3128", "the `ADDRESS` of the proxy")
	names := c.flags.StringArray("fault", nil, "`NAME` of a fault; may be repeated")
	caOut := c.flags.String("ca-out", "", "write the root of the update server's certificate to `FILE`, as PEM")
	if err := c.parse(0); err != nil {
		return err
	}
	n, err := newNet(*listen, *names)
	if err != nil {
		return err
	}
	defer n.Close()
	if name := n.AtClient(); name != "" {
		return usage("the fault %s is in the client's own settings or name service: "+
			"try it with proxycheck run --server embedded --fault %s", name, name)
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
  curl -x http://%[1]s -r 0-99 -o /dev/null -v http://%[2]s:8530/selfupdate/wuident.cab

Interrupt to end.
`

// newNet is a simulated net with the faults of those names.
func newNet(listen string, names []string) (*sim.Net, error) {
	faults, err := faultsNamed(names)
	if err != nil {
		return nil, err
	}
	n, err := sim.NewNet(listen, faults...)
	if err != nil {
		return nil, usage("%w", err)
	}
	return n, nil
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
