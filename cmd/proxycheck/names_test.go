package main

import (
	"net"
	"strings"
	"testing"

	"proxycheck/sim"
)

// The flags of the name service are held against what they can be.
func TestNameFlagsRefused(t *testing.T) {
	for args, want := range map[string]string{
		"--server http://wsus.test:8530 --proxy none --resolver dns.test":    `--resolver: "dns.test" is no address`,
		"--server http://wsus.test:8530 --proxy none --resolver 192.0.2.1:0": "is no address",
		"--server http://wsus.test:8530 --proxy none --domain corp..example": "want the domain of the clients",
		"--server http://wsus.test:8530 --proxy none --domain http://corp":   "want the domain of the clients",
		"--server embedded --domain corp.example":                            "a network that is not embedded",
		"--server embedded --resolver 192.0.2.1":                             "a network that is not embedded",
	} {
		stdout, stderr, exit := run(t, append([]string{"run"}, strings.Fields(args)...)...)
		if exit != 2 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, %q, want %q", args, exit, stderr, want)
		}
	}
}

// The name server that is given is the one that is asked, for the run too.
func TestResolver(t *testing.T) {
	n, err := sim.NewNet("")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	_, port, _ := net.SplitHostPort(n.Addr())
	stdout, stderr, _ := run(t, "run", "--verbose", "--quick", "--server", "http://"+n.Target().Host, "--proxy", "http://proxy.test:"+port, "--resolver", n.DNS.Addr())
	for _, want := range []string{"\nnames\n  proxy.test\n", n.DNS.Addr(), "  connected\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s%s", want, stdout, stderr)
		}
	}
}
