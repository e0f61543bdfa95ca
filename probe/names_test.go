package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe/wire"
)

// nameServer answers questions on loopback, over UDP and TCP at one port; nil is for no
// answer.
func nameServer(t testing.TB, answer func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg) (addr string) {
	t.Helper()
	var conn net.PacketConn
	var l net.Listener
	for try := 0; conn == nil; try++ { // TCP first: of its ports, many are still taken by connections that have ended
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if conn, err = net.ListenPacket("udp", l.Addr().String()); err != nil {
			l.Close()
			if try == 9 {
				t.Fatal(err)
			}
		}
	}
	h := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := answer(w, q); m != nil {
			w.WriteMsg(m)
		}
	})
	for _, s := range []*dns.Server{{PacketConn: conn, Handler: h}, {Listener: l, Handler: h}} {
		started, served := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(served)
			s.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			s.Shutdown()
			<-served
		})
	}
	return conn.LocalAddr().String()
}

// zone makes an answer of lines of a zone.
func zone(t testing.TB, q *dns.Msg, lines ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetReply(q)
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return m
}

// cutOff makes an answer of lines that has no room for the rest over UDP, and hangs up
// on who asks for it over TCP.
func cutOff(t testing.TB, w dns.ResponseWriter, q *dns.Msg, lines ...string) *dns.Msg {
	t.Helper()
	if w.LocalAddr().Network() == "tcp" {
		w.Close()
		return nil
	}
	m := zone(t, q, lines...)
	m.Truncated = true
	return m
}

// asks is an asker of some servers, with a time for a question that nothing should use up.
func asks(servers ...string) *asker {
	return &asker{servers: servers, system: net.DefaultResolver, question: 20 * time.Second, reach: 5 * time.Second}
}

// What a name server answers is read as a resolver reads it.
func TestLookup(t *testing.T) {
	addrs := func(list ...string) (a []netip.Addr) {
		for _, s := range list {
			a = append(a, netip.MustParseAddr(s))
		}
		return a
	}
	for _, tt := range []struct {
		name   string
		kind   uint16
		answer func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg
		want   Lookup
	}{
		{"all addresses", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return zone(t, q, "proxy.test. 300 A 192.0.2.1", "PROXY.test. 60 A 192.0.2.2", "proxy.test. 9 AAAA 2001:db8::1")
		}, Lookup{Rcode: "NOERROR", Addresses: addrs("192.0.2.1", "192.0.2.2"), TTL: time.Minute}},
		{"IPv6", dns.TypeAAAA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return zone(t, q, "proxy.test. 300 AAAA 2001:db8::1")
		}, Lookup{Rcode: "NOERROR", Addresses: addrs("2001:db8::1"), TTL: 300 * time.Second}},
		{"an alias", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return zone(t, q, "farm.test. 300 A 192.0.2.1", "proxy.test. 20 CNAME lb.test.", "lb.test. 30 CNAME farm.test.")
		}, Lookup{Rcode: "NOERROR", Aliases: []string{"lb.test.", "farm.test."}, Addresses: addrs("192.0.2.1"), TTL: 20 * time.Second}},
		{"an alias that comes back", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return zone(t, q, "proxy.test. 20 CNAME a.test.", "a.test. 20 CNAME proxy.test.")
		}, Lookup{Rcode: "NOERROR", Aliases: slices.Repeat([]string{"a.test.", "proxy.test."}, maxAliases/2)}},
		{"records of another name", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return zone(t, q, "elsewhere.test. 300 A 192.0.2.1")
		}, Lookup{Rcode: "NOERROR", Foreign: "elsewhere.test."}},
		{"no such name", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		}, Lookup{Rcode: "NXDOMAIN"}},
		{"refused, with the question left out", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetRcode(q, dns.RcodeRefused)
			m.Question = nil
			return m
		}, Lookup{Rcode: "REFUSED"}},
		{"a code without a name", dns.TypeA, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return new(dns.Msg).SetRcode(q, 13)
		}, Lookup{Rcode: "RCODE13"}},
		{"other numbers, then the answer", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			stray := zone(t, q, "proxy.test. 300 A 203.0.113.1")
			stray.Id++
			w.WriteMsg(stray)
			w.WriteMsg(q) // its own question is no answer
			w.Write([]byte("short"))
			return zone(t, q, "proxy.test. 300 A 192.0.2.1")
		}, Lookup{Rcode: "NOERROR", Addresses: addrs("192.0.2.1"), TTL: 300 * time.Second}},
		{"another question, then the answer", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			other := q.Copy()
			other.Question[0].Name = "elsewhere.test."
			w.WriteMsg(zone(t, other, "elsewhere.test. 300 A 203.0.113.1"))
			return zone(t, q, "proxy.test. 300 A 192.0.2.1")
		}, Lookup{Rcode: "NOERROR", Foreign: "elsewhere.test.", Addresses: addrs("192.0.2.1"), TTL: 300 * time.Second}},
		{"too long for UDP", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			if w.LocalAddr().Network() == "udp" {
				m := new(dns.Msg).SetReply(q)
				m.Truncated = true
				return m
			}
			var lines []string
			for i := range 200 {
				lines = append(lines, fmt.Sprintf("proxy.test. 300 A 192.0.2.%d", i))
			}
			return zone(t, q, lines...)
		}, Lookup{Rcode: "NOERROR", TCP: true, Addresses: func() (a []netip.Addr) {
			for i := range maxAddresses {
				a = append(a, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
			}
			return a
		}(), TTL: 300 * time.Second}},
		{"too long for UDP, with none by TCP", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return cutOff(t, w, q)
		}, Lookup{Failure: wire.Cut, TCP: true}},
		{"too long for UDP, with none by TCP, of another name", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return cutOff(t, w, q, "farm.test. 300 A 192.0.2.1")
		}, Lookup{Failure: wire.Cut, TCP: true}},
		{"too long for UDP, with none by TCP, and enough for an address", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			return cutOff(t, w, q, "proxy.test. 300 A 192.0.2.1")
		}, Lookup{Rcode: "NOERROR", TCP: true, Addresses: addrs("192.0.2.1"), TTL: 300 * time.Second}},
		{"messages without end that were not asked for", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			q.Id++
			for range maxStray + 1 {
				w.WriteMsg(new(dns.Msg).SetReply(q))
			}
			return nil
		}, Lookup{Failure: wire.NoService}},
		{"a message that ends too soon", dns.TypeA, func(w dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			b, _ := zone(t, q, "proxy.test. 300 A 192.0.2.1").Pack()
			w.Write(b[:len(b)-2])
			return nil
		}, Lookup{Failure: wire.NoService}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := nameServer(t, tt.answer)
			got := asks(server).ask(t.Context(), "proxy.test", tt.kind)
			tt.want.Name, tt.want.Type, tt.want.Server = "proxy.test", dns.TypeToString[tt.kind], server
			if len(got) != 1 {
				t.Fatalf("asked %d times", len(got))
			}
			got[0].Took = 0
			if fmt.Sprintf("%+v", got[0]) != fmt.Sprintf("%+v", tt.want) {
				t.Errorf("got  %+v,\nwant %+v", got[0], tt.want)
			}
		})
	}
}

// A lost packet is sent once more, and no more than that.
func TestLookupAgain(t *testing.T) {
	t.Parallel()
	for answered, want := range map[int32]wire.Failure{2: "", 3: wire.Silent} {
		t.Run(fmt.Sprint(answered), func(t *testing.T) {
			t.Parallel()
			var heard atomic.Int32
			a := asks(nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
				if heard.Add(1) < answered {
					return nil
				}
				return zone(t, q, "proxy.test. 300 A 192.0.2.1")
			}))
			a.question = 2 * time.Second
			got := a.ask(t.Context(), "proxy.test", dns.TypeA)
			if len(got) != 1 || got[0].Failure != want || heard.Load() != 2 || got[0].Took >= 2*a.question {
				t.Errorf("%d questions came to %+v, want 2 and %q", heard.Load(), got, want)
			}
		})
	}
}

// The next server is asked when one does not tell, and not when one does.
func TestNextServer(t *testing.T) {
	says := func(code int) string {
		return nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, code) })
	}
	fails, knows := says(dns.RcodeServerFailure), says(dns.RcodeNameError)
	for _, tt := range []struct{ servers, want []string }{
		{[]string{fails, knows}, []string{"SERVFAIL", "NXDOMAIN"}},
		{[]string{knows, fails}, []string{"NXDOMAIN"}},
	} {
		var got []string
		for _, l := range asks(tt.servers...).ask(t.Context(), "proxy.test", dns.TypeA) {
			got = append(got, l.Rcode)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("answered %v, want %v", got, tt.want)
		}
	}
}

// A run that ends does not wait for a name server, and nothing is said of it.
func TestLookupStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	a := asks(nameServer(t, func(dns.ResponseWriter, *dns.Msg) *dns.Msg {
		stop()
		return nil
	}), "127.0.0.1:1")
	got := a.ask(ctx, "proxy.test", dns.TypeA)
	if len(got) != 1 || got[0].Failure != wire.Stopped || got[0].Took >= a.question/4 {
		t.Errorf("%+v", got)
	}
}

// A name is asked for with a suffix where it has no address by itself, and several
// addresses are tried side by side.
func TestName(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var asked atomic.Int32
	a := asks(nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
		asked.Add(1)
		if q.Question[0].Name != "proxy.corp.test." {
			return new(dns.Msg).SetRcode(q, dns.RcodeNameError)
		}
		return zone(t, q, "proxy.corp.test. 300 A 127.0.0.1", "proxy.corp.test. 300 A 127.0.0.2")
	}))
	a.search = []string{"elsewhere.test", "corp.test"}
	n := a.name(t.Context(), "proxy", port)
	if len(n.addresses()) != 2 || bySuffix(n) != `"proxy" has no address by itself; "proxy.corp.test" has an address` || asked.Load() != 6 {
		t.Errorf("%d questions came to %+v", asked.Load(), n)
	}
	if want := "127.0.0.1:" + port + " takes connections; 127.0.0.2:" + port + ": refused"; deadAddress(n) != want {
		t.Errorf("the addresses: %s, want %s", deadAddress(n), want)
	}
	if n = a.name(t.Context(), "proxy.corp.test", port); asked.Load() != 8 || bySuffix(n) != "" {
		t.Errorf("of a name by itself, %d questions in all: %+v", asked.Load(), n)
	}
}

// A name is asked for with the suffixes for whatever reason it has no address by itself,
// and what is found tells the reason.
func TestNameFailsByItself(t *testing.T) {
	for _, tt := range []struct {
		bare, suffixed int // the codes of the two answers
		want           *Finding
		says           string
	}{
		{dns.RcodeServerFailure, dns.RcodeSuccess, NameBySuffix, `answers SERVFAIL; "proxy.corp.test" has an address`},
		{dns.RcodeRefused, dns.RcodeSuccess, NameBySuffix, `answers REFUSED; "proxy.corp.test" has an address`},
		{dns.RcodeNameError, dns.RcodeSuccess, NameBySuffix, `"proxy" has no address by itself; "proxy.corp.test" has an address`},
		{dns.RcodeServerFailure, dns.RcodeNameError, NameServerFails, `asked for "proxy", `},
		{dns.RcodeNameError, dns.RcodeServerFailure, ProxyNameUnknown, "no such name"},
	} {
		a := asks(nameServer(t, func(_ dns.ResponseWriter, q *dns.Msg) *dns.Msg {
			switch {
			case q.Question[0].Name == "proxy.":
				return new(dns.Msg).SetRcode(q, tt.bare)
			case tt.suffixed != dns.RcodeSuccess || q.Question[0].Qtype != dns.TypeA:
				return new(dns.Msg).SetRcode(q, tt.suffixed)
			}
			return zone(t, q, "proxy.corp.test. 300 A 10.1.2.3")
		}))
		a.search = []string{"corp.test"}
		n := a.name(t.Context(), "proxy", "8080")
		x := &wire.Exchange{Stopped: wire.Done, Answer: wire.Head{Start: "HTTP/1.1 200 OK"}}
		if len(n.addresses()) == 0 {
			x.Stopped, x.Failure = wire.Resolve, map[int]wire.Failure{dns.RcodeNameError: wire.NoName}[tt.bare]
			x.Failure = cmp.Or(x.Failure, wire.NoService)
		}
		j := &judged{Result: &Result{Step: Steps[0], Observation: &Observation{Exchange: x, Name: n, Known: -1}}}
		if x.Failure != "" {
			j.verdicts = Judge(j.Step, j.Observation)
		}
		resolvedBadly(&Run{Names: []*Name{n}, Client: &Client{}}, []*judged{j})
		if len(j.verdicts) != 1 || j.verdicts[0].Finding != tt.want || !strings.Contains(j.verdicts[0].Evidence, tt.says) {
			t.Errorf("%s, and with the suffix %s: %v, want %s that says %q",
				dns.RcodeToString[tt.bare], dns.RcodeToString[tt.suffixed], j.verdicts, tt.want.Name, tt.says)
		}
	}
}

// What is wrong with a name is told of what was seen of it.
func TestNameRules(t *testing.T) {
	answered := func(rcode string, addrs ...string) []Lookup {
		l := Lookup{Name: "proxy.test", Type: "A", Rcode: rcode}
		for _, a := range addrs {
			l.Addresses = append(l.Addresses, netip.MustParseAddr(a))
		}
		return []Lookup{l}
	}
	tried := func(fates ...string) (all []wire.Attempted) {
		for _, f := range fates {
			address, failure, _ := strings.Cut(f, " ")
			all = append(all, wire.Attempted{Address: address, Failure: wire.Failure(failure)})
		}
		return all
	}
	const six, four, other = "[2001:db8::1]:3128", "192.0.2.1:3128", "192.0.2.2:3128"
	for _, tt := range []struct {
		name string
		n    *Name
		want *Finding
	}{
		{"IPv6 is dropped", &Name{Tried: tried(six+" no answer in time", four)}, IPv6BlackHole},
		{"IPv6 is refused", &Name{Tried: tried(six+" refused", four)}, AddressDead},
		{"this machine has no IPv6", &Name{Tried: tried(six+" no route", four)}, nil},
		{"only IPv6 answers", &Name{Tried: tried(six, four+" no answer in time")}, AddressDead},
		{"none answers", &Name{Tried: tried(six+" no answer in time", four+" no answer in time")}, nil},
		{"one of two is dead", &Name{Tried: tried(four, other+" no answer in time")}, AddressDead},
		{"both answer", &Name{Tried: tried(four, other)}, nil},
		{"the run ended first", &Name{Tried: tried(four, other+" stopped by us")}, nil},
		{"one address", &Name{Asked: answered("NOERROR", "192.0.2.1")}, nil},
	} {
		tt.n.Name = "proxy.test"
		r := &Run{Names: []*Name{tt.n}, Client: &Client{}}
		j := &judged{Result: &Result{Observation: &Observation{Exchange: &wire.Exchange{Stopped: wire.Done}, Name: tt.n}}}
		resolvedBadly(r, []*judged{j})
		if tt.want == nil && len(j.verdicts) > 0 || tt.want != nil && (len(j.verdicts) != 1 || j.verdicts[0].Finding != tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, j.verdicts, tt.want)
		}
	}
	for _, tt := range []struct {
		name  string
		n     *Name
		phase wire.Phase
		want  *Finding
	}{
		{"nothing is known", nil, wire.Connect, ProxyRefuses},
		{"a usual address", &Name{Asked: answered("NOERROR", "10.1.2.3")}, wire.Connect, ProxyRefuses},
		{"the client itself", &Name{Asked: answered("NOERROR", "127.0.0.1")}, wire.Connect, NameSinkholed},
		{"the client itself, by its name", &Name{Name: "localhost", Asked: answered("NOERROR", "127.0.0.1")}, wire.Connect, ProxyRefuses},
		{"a net on the client itself", &Name{Loopback: true, Asked: answered("NOERROR", "127.0.0.1")}, wire.Connect, ProxyRefuses},
		{"no address", &Name{Loopback: true, Asked: answered("NOERROR", "0.0.0.0", "::")}, wire.Connect, NameSinkholed},
		{"for examples", &Name{Asked: answered("NOERROR", "192.0.2.77")}, wire.Connect, NameSinkholed},
		{"one that could be", &Name{Asked: answered("NOERROR", "0.0.0.0", "10.1.2.3")}, wire.Connect, ProxyRefuses},
		{"that of every name", &Name{Asked: answered("NOERROR", "10.1.2.3"), Anything: []netip.Addr{netip.MustParseAddr("10.1.2.3")}}, wire.Connect, NameSinkholed},
		{"another than that of every name", &Name{Asked: answered("NOERROR", "10.1.2.3"), Anything: []netip.Addr{netip.MustParseAddr("10.1.2.4")}}, wire.Connect, ProxyRefuses},
		{"a server that fails", &Name{Asked: answered("SERVFAIL")}, wire.Resolve, NameServerFails},
		{"one that fails and one that tells", &Name{Asked: append(answered("REFUSED"), answered("NXDOMAIN")...)}, wire.Resolve, NameServerSilent},
		{"an answer for another", &Name{Asked: []Lookup{{Foreign: "elsewhere.test."}}}, wire.Resolve, NameAnswerForeign},
		{"silence", &Name{Asked: []Lookup{{Failure: wire.Silent}}}, wire.Resolve, NameServerSilent},
		{"nobody was asked", nil, wire.Resolve, NameServerSilent},
	} {
		x := &wire.Exchange{Stopped: tt.phase, Failure: map[wire.Phase]wire.Failure{wire.Connect: wire.Refused, wire.Resolve: wire.NoService}[tt.phase]}
		if tt.n != nil && tt.n.Name == "" {
			tt.n.Name = "proxy.test"
		}
		got := Judge(Steps[0], &Observation{Exchange: x, Name: tt.n, Known: -1})
		if len(got) != 1 || got[0].Finding != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want.Name)
		}
	}
}

func TestParseResolver(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.53": "192.0.2.53:53", "192.0.2.53:5353": "192.0.2.53:5353", "2001:db8::53": "[2001:db8::53]:53",
		"[2001:db8::53]": "[2001:db8::53]:53", "[2001:db8::53]:5353": "[2001:db8::53]:5353", "fe80::1%eth0": "[fe80::1%eth0]:53",
		"": "", "dns.corp.example": "", "192.0.2.53:0": "", "192.0.2.53:dns": "", "192.0.2": "",
	} {
		got, err := ParseResolver(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q (%v), want %q", text, got, err, want)
		}
	}
}

// Whatever a name server answers: no more is taken of it than a name may have, of the
// kind that was asked for and reached from the name by its aliases.
func FuzzLookup(f *testing.F) {
	q := new(dns.Msg).SetQuestion("proxy.test.", dns.TypeA)
	for _, lines := range [][]string{
		{"proxy.test. 300 A 192.0.2.1"}, {"proxy.test. 20 CNAME a.test.", "a.test. 20 CNAME proxy.test."},
		{"proxy.test. 20 CNAME a.test.", "a.test. 20 A 0.0.0.0", "b.test. 20 A 192.0.2.2"}, {"proxy.test. 1 AAAA ::ffff:192.0.2.1"},
	} {
		b, err := zone(f, q, lines...).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		kind := dns.TypeA
		if six {
			kind = dns.TypeAAAA
		}
		var l Lookup
		l.read(m, "proxy.test.", kind)
		if len(l.Addresses) > maxAddresses || len(l.Aliases) > maxAliases {
			t.Fatalf("%d addresses and %d aliases", len(l.Addresses), len(l.Aliases))
		}
		names := append([]string{"proxy.test."}, l.Aliases...)
		for _, a := range l.Addresses {
			owned := slices.ContainsFunc(m.Answer, func(rr dns.RR) bool {
				has, ok := addressIn(rr)
				return ok && has == a && rr.Header().Rrtype == kind && strings.EqualFold(rr.Header().Name, names[len(names)-1])
			})
			if !owned {
				t.Fatalf("%s is of no record of %v in %s", a, names, m)
			}
		}
	})
}

// What a name server says of one kind of address alone, or of another name, is said of
// the name also where the run went well.
func TestNameHalfTold(t *testing.T) {
	here := netip.MustParseAddr("192.0.2.7")
	told := Lookup{Name: "p", Type: "A", Server: "s", Rcode: "NOERROR", Addresses: []netip.Addr{here}}
	silent := Lookup{Name: "p", Type: "AAAA", Server: "s", Failure: wire.Silent}
	none := Lookup{Name: "p", Type: "AAAA", Server: "s", Rcode: "NOERROR"}
	foreign := Lookup{Name: "p", Type: "A", Server: "s", Rcode: "NOERROR", Foreign: "evil.example."}
	for _, tt := range []struct {
		name  string
		asked []Lookup
		want  string
	}{
		{"both are told", []Lookup{told, none}, ""},
		{"one is not", []Lookup{told, silent}, "name-server-silent warn"},
		{"one is, by the second server", []Lookup{told, silent, none}, ""},
		{"the answer is for another", []Lookup{foreign, none}, "name-answer-foreign fail"},
		{"one answer is for another", []Lookup{told, foreign}, ""},
	} {
		n := &Name{Name: "p", Asked: tt.asked}
		j := &judged{Result: &Result{Step: &Step{}, Observation: &Observation{Exchange: &wire.Exchange{Stopped: wire.Done}, Name: n}}}
		resolvedBadly(&Run{Names: []*Name{n}}, []*judged{j})
		got := ""
		for _, v := range j.verdicts {
			got += v.Finding.Name + " " + string(v.Grade)
		}
		if got != tt.want {
			t.Errorf("%s: it shows %q, want %q", tt.name, got, tt.want)
		}
	}
}
