package probe

import "testing"

// Who does not find what is at a URL with two slashes is told from who merged them: a
// server that is known to have been asked for it as it was sent.
func TestTwoSlashesNotFound(t *testing.T) {
	const iis = "HTTP/1.1 404 Not Found\nServer: Microsoft-IIS/10.0\nContent-Length: 0"
	same := saw("do-hashes", iis).with(func(o *Observation) { o.Direct = saw("do-hashes", iis).o })
	well := saw("do-hashes", iis).with(func(o *Observation) { o.Direct = saw("do-hashes", goodHead).o })
	for _, tt := range []struct {
		name string
		s    *sight
		want *Finding
	}{
		{"nobody knows what arrived", saw("do-hashes", iis), SlashesMerged},
		{"it is the same without the proxy", same, RequestFiltered},
		{"it is well without the proxy", well, SlashesMerged},
	} {
		all := judge(ran(saw("bits-file", goodHead), tt.s))
		if len(having(all, tt.want)) == 0 {
			t.Errorf("%s: it shows %v, want %s", tt.name, all[1].verdicts, tt.want.Name)
		}
	}
}
