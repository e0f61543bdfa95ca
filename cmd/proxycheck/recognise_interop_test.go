//go:build interop

package main

import (
	"strings"
	"testing"
)

func TestRecognise(t *testing.T) {
	for _, p := range realProxies {
		t.Run(p.name, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			address := p.start(t, "", strings.TrimPrefix(server, "http://"))
			r, _ := runJSON(t, "--quick", "--proxy", "http://"+address, "--server", server)
			seen := map[string]bool{}
			t.Logf("%+v", r.Route)
			for _, s := range r.Steps {
				head := s.Received
				for _, l := range s.Origin {
					head += "ORIGIN SAW\n" + l
				}
				if !seen[s.Sent[:min(len(s.Sent), 12)]] {
					seen[s.Sent[:min(len(s.Sent), 12)]] = true
					t.Logf("%s\n%s", s.ID, head)
				}
			}
		})
	}
}
