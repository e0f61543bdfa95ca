package probe

import (
	"crypto/x509"
	"strings"
	"testing"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// What shows that something in the path acts as a proxy, and what does not.
func TestIntercepted(t *testing.T) {
	const (
		ok     = "HTTP/1.1 200 OK\nContent-Length: 3\nETag: x"
		denied = "HTTP/1.1 403 Forbidden\nContent-Length: 0"
	)
	// seen is a GET without a proxy, its answer, and what the server saw of both.
	seen := func(came, arrived, replied string) *sight {
		return saw("bits-file", came).direct().with(func(o *Observation) {
			o.Sent = wire.Lines("GET /a HTTP/1.1\nConnection: Keep-Alive\nHost: wsus.test")
			o.Witness = &Witness{}
			if arrived != "" {
				o.Witness.Closest = &Arrival{Arrival: &wusp.Arrival{From: "192.0.2.1:4711"}, Request: wire.Lines(arrived), Reply: wire.Lines(replied)}
			}
		})
	}
	const sent = "GET /a HTTP/1.1\nConnection: Keep-Alive\nHost: wsus.test"
	signedBy := func(t *Trust) *sight {
		return saw("tls-config", ok).direct().with(func(o *Observation) { o.Trust = t })
	}
	const named = "a proxy names itself"
	for _, tt := range []struct {
		name string
		s    *sight
		want string // in the evidence; "" for none
		hint bool   // it may as well stand before the server
	}{
		{"as it was said, from an address that was translated", seen(ok, sent, ok), "", false},
		{"nothing arrived, and nothing came", seen("", "", "").breaks(wire.FirstByte, wire.Reset), "", false},
		{"nothing arrived", seen(denied, "", ""), `nothing of the request arrived at the server, and it was answered "HTTP/1.1 403 Forbidden"`, false},
		{"a field added", seen(ok, sent+"\nVia: 1.1 box", ok), `via added: "1.1 box"`, false},
		{"fields in another order", seen(ok, "GET /a HTTP/1.1\nHost: wsus.test\nConnection: Keep-Alive", ok), "order changed", false},
		{"the field of a hop changed", seen(ok, strings.Replace(sent, "Keep-Alive", "close", 1), ok), `connection changed: "Keep-Alive" became "close"`, false},
		{"another answer", seen(denied, sent, ok), `status changed: "200" became "403"`, false},
		{"a field of the answer added", seen(ok+"\nAge: 7", sent, ok), `age added: "7"`, false},
		{"an answer that breaks off", seen(ok, sent, ok+"\nDate: x").breaks(wire.BodyRead, wire.Cut), "", false},
		{"it bears Via", saw("bits-file", ok+"\nVia: 1.1 box").direct(), `Via: "1.1 box"`, true},
		{"Squid says that it made it", saw("bits-file", squidCannotConnect).direct(), named, true},
		{"a login for a proxy", saw("bits-file", "HTTP/1.1 407 X").direct(), named, true},
		{"IIS", saw("bits-file", iisNotFound).direct(), "", false},
		{"another root", signedBy(&Trust{By: ByServersCA, Issuer: "CN=Box", Err: x509.UnknownAuthorityError{}}), `issued by "CN=Box"`, false},
		{"the server's root", signedBy(&Trust{By: ByServersCA, OwnRoot: true}), "", false},
		{"a root that nobody gave", signedBy(&Trust{By: BySystem, Err: x509.UnknownAuthorityError{}}), "", false},
		{"a proxy is set", saw("bits-file", ok+"\nVia: 1.1 box"), "", false},
		{"another host, to which the client was sent", seen(ok, "", "").with(func(o *Observation) {
			leg := *o.Exchange
			leg.Authority, leg.Answer = "elsewhere.example:80", wire.Lines("HTTP/1.1 302 Found")
			o.Legs, o.Before = []*wire.Exchange{&leg}, []*Witness{nil}
		}), "", false},
		{"a box that sends the client elsewhere", seen(ok, sent, ok).with(func(o *Observation) {
			leg := *o.Exchange
			leg.Answer = wire.Lines("HTTP/1.1 302 Found")
			o.Legs, o.Before = []*wire.Exchange{&leg}, []*Witness{{}}
		}), `it was answered "HTTP/1.1 302 Found"`, false},
	} {
		tt.s.o.Body = wire.Body{}
		if got := intercepted(tt.s.o); (got != "") != (tt.want != "" && !tt.hint) {
			t.Errorf("%s: it is proved by %q", tt.name, got)
		}
		j := &judged{Result: &Result{Step: tt.s.step, Observation: tt.s.o}}
		pathIntercepted([]*judged{j})
		if tt.want == "" {
			if len(j.verdicts) != 0 {
				t.Errorf("%s: it shows %v", tt.name, j.verdicts)
			}
			continue
		}
		owner := Network
		if tt.hint {
			owner = Unknown
		}
		if len(j.verdicts) != 1 || j.verdicts[0].Finding != PathIntercepted || j.verdicts[0].Owner != owner || !strings.Contains(j.verdicts[0].Evidence, tt.want) {
			t.Errorf("%s: %v, want that %s is to act, by %q", tt.name, j.verdicts, owner, tt.want)
		}
	}
}

// One step that proves who is in the path tells for the others.
func TestInterceptedOnce(t *testing.T) {
	hint := saw("bits-size", goodHead+"\nVia: 1.1 box").direct()
	proof := saw("bits-file", goodHead+"\nVia: 1.1 box").direct().with(func(o *Observation) { o.Witness = &Witness{} })
	for _, sights := range [][]*sight{{hint, proof}, {proof, hint}} {
		var all []*judged
		for _, s := range sights {
			all = append(all, &judged{Result: result(s)})
		}
		pathIntercepted(all)
		if found := merge(all); len(found) != 1 || found[0].owner != Network || !strings.Contains(found[0].evidence, "nothing of the request arrived") {
			t.Errorf("it shows %+v", found)
		}
	}
}

// Who must act where no proxy is set: never whoever runs one.
func TestBlameWithoutProxy(t *testing.T) {
	arrived := func(s *sight, a *Arrival) *sight {
		return s.direct().with(func(o *Observation) { o.Witness = &Witness{Closest: a} })
	}
	const get = "GET /a HTTP/1.1\nHost: wsus.test"
	down := "HTTP/1.1 503 Service Unavailable\nServer: Microsoft-HTTPAPI/2.0\nContent-Length: 0"
	for _, tt := range []struct {
		name string
		s    *sight
		want string
	}{
		{"nothing is known", saw("bits-file", "HTTP/1.1 403 X\nContent-Length: 0").direct(), "request-denied unknown"},
		{"Squid has signed it, which may stand before the server", saw("bits-file", "HTTP/1.1 403 X\nX-Squid-Error: ERR_ACCESS_DENIED 0").direct(), "request-denied unknown"},
		{"a Varnish before the server, or in the path", saw("bits-file", goodHead+"\nVia: 1.1 varnish (Varnish/7.1)").direct().with(func(o *Observation) {
			o.Extra = []byte("junk")
		}), "bytes-behind unknown"},
		{"bytes behind an answer for which nothing arrived", arrived(saw("bits-file", goodHead), nil).with(func(o *Observation) { o.Extra = []byte("junk") }), "bytes-behind network"},
		{"Squid reaches no server", saw("bits-file", squidCannotConnect).direct(), "server-behind-proxy-down unknown"},
		{"a login for a proxy", saw("bits-file", "HTTP/1.1 407 X\nProxy-Authenticate: NTLM").direct(), "login-wanted unknown"},
		{"nothing arrived", arrived(saw("bits-file", "HTTP/1.1 403 X"), nil), "request-denied network"},
		{"the server says it", arrived(saw("bits-file", down), &Arrival{Arrival: &wusp.Arrival{}, Request: wire.Lines(get), Reply: wire.Lines(down)}).with(func(o *Observation) {
			o.Sent = wire.Lines(get)
		}), "server-unavailable server"},
		{"the port is refused", saw("bits-file", "").direct().breaks(wire.Connect, wire.Refused), "server-refuses server"},
		{"the name is gone", saw("bits-file", "").direct().breaks(wire.Resolve, wire.NoName), "server-name-unknown client"},
		{"packets are dropped", saw("bits-file", "").direct().breaks(wire.Connect, wire.Silent), "server-unreachable network"},
		{"another root", saw("tls-config", "HTTP/1.1 200 OK").direct().with(func(o *Observation) {
			o.Trust = &Trust{By: ByServersCA, Issuer: "CN=Box", Err: x509.UnknownAuthorityError{}}
		}), "tls-inspected network"},
		{"another root than the one that was given", saw("tls-config", "HTTP/1.1 200 OK").direct().with(func(o *Observation) {
			o.Trust = &Trust{By: ByGivenCA, Issuer: "CN=Box", Err: x509.UnknownAuthorityError{}}
		}), "tls-inspected unknown"},
	} {
		j := &judged{Result: &Result{Step: tt.s.step, Observation: tt.s.o}, verdicts: Judge(tt.s.step, tt.s.o)}
		j.blame(&Run{})
		var got []string
		for _, v := range j.verdicts {
			got = append(got, v.Finding.Name+" "+string(v.Owner))
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %s, want %s (%v)", tt.name, text, tt.want, j.verdicts)
		}
	}
}
