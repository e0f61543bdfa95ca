//go:build interop

package main

import (
	"strings"
	"testing"
)

// What each real product, as it comes, is recognised by in a quick run; "" for one
// that shows nothing of itself in what it passes on.
var recognised = map[string]struct{ product, by string }{
	"squid":         {"squid", `Via: "1.1 squid.example (squid/`},
	"apache":        {"apache", `Proxy-agent: "Apache/`}, // of the tunnel that it opens
	"tinyproxy":     {"tinyproxy", `Via: "1.1 tinyproxy (tinyproxy/`},
	"privoxy":       {"", ""},                                                         // it names itself in its own pages alone
	"nginx":         {"nginx", `Server: "nginx/`},                                     // in place of the server's
	"haproxy":       {"haproxy", `a page that has "A request was made of a resource`}, // with which it answers CONNECT
	"varnish":       {"varnish", `Via: "1.1 varnish (Varnish/`},
	"trafficserver": {"trafficserver", `Server: "ATS/`}, // in place of the server's
	"mitmproxy":     {"mitmproxy", `certificates issued by "CN=mitmproxy`},
}

func TestRecognise(t *testing.T) {
	for _, p := range realProxies {
		want, ok := recognised[p.name]
		if !ok {
			continue // a product in another form
		}
		t.Run(p.name, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			address := p.start(t, "", strings.TrimPrefix(server, "http://"))
			r, _ := runJSON(t, "--quick", "--proxy", "http://"+address, "--server", server)
			if r.Route.Product != want.product || !strings.HasPrefix(r.Route.ProductBy, want.by) || (want.by == "") != (r.Route.ProductBy == "") {
				t.Errorf("it is %q by %s, want %q by %s", r.Route.Product, r.Route.ProductBy, want.product, want.by)
			}
		})
	}
}

// One that hides shows itself where it denies.
func TestRecogniseDenials(t *testing.T) {
	for _, tt := range []struct{ product, variant, by string }{
		{"privoxy", "cab-blocked", "Privoxy"},
		{"squid", "denied", "squid"},
	} {
		t.Run(tt.product, func(t *testing.T) {
			server := fakeWSUS(t, 0, false)
			address := product(t, tt.product).start(t, tt.variant, strings.TrimPrefix(server, "http://"))
			r, _ := runJSON(t, "--quick", "--proxy", "http://"+address, "--server", server)
			if r.Route.Product != tt.product || !strings.Contains(r.Route.ProductBy, tt.by) {
				t.Errorf("it is %q by %s", r.Route.Product, r.Route.ProductBy)
			}
		})
	}
}
