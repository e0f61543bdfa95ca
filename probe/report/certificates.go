package report

import (
	"strings"

	"proxycheck/probe"
)

// certificates writes what each tunnel ended with.
func (t *text) certificates(r *probe.Report) {
	if len(r.Certificates) == 0 {
		return
	}
	t.printf("\ncertificates\n")
	for _, c := range r.Certificates {
		t.printf("  %s by %s, %s\n", c.Host, c.Protocol, c.Cipher)
		t.printf("    %-8s %s\n", "subject", c.Subject)
		t.printf("    %-8s %s\n", "issuer", c.Issuer)
		t.printf("    %-8s %s\n", "names", strings.Join(c.Names, ", "))
		t.printf("    %-8s %s to %s\n", "holds", c.NotBefore.Format("2006-01-02"), c.NotAfter.Format("2006-01-02"))
		t.printf("    %-8s %s of %d bits, SHA-256 %s\n", "key", c.Key, c.Bits, c.SHA256)
		t.printf("    %-8s %d shown, under %s\n", "chain", c.Shown, c.Root)
		if n := len(c.SignedBySame); n > 0 {
			t.printf("    %-8s %d other hosts, %s first\n", "also of", n, c.SignedBySame[0])
		}
	}
}
