package sim_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"proxycheck/probe"
	"proxycheck/sim"
)

// questions keeps the names that a net's name server is asked for.
type questions struct {
	mu    sync.Mutex
	asked map[string]int
}

// fault counts, and breaks nothing.
func (q *questions) fault() *sim.Fault {
	q.asked = map[string]int{}
	return &sim.Fault{Name: "counted", Break: func(n *sim.Net) {
		honest := n.DNS.Answer
		n.DNS.Answer = func(m *dns.Msg) *dns.Msg {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.asked[strings.ToLower(m.Question[0].Name)]++
			return honest(m)
		}
	}}
}

// names are those that were asked for.
func (q *questions) names() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var names []string
	for name := range q.asked {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Where a proxy is set, its name is the only one that the client resolves: those of the
// servers are the proxy's to resolve. Without one, it resolves the server's.
func TestWhoResolves(t *testing.T) {
	for _, tt := range []struct {
		name   string
		client func(*sim.Net, *probe.Client)
		want   []string
	}{
		{"through the proxy", func(*sim.Net, *probe.Client) {}, []string{"proxy.test."}},
		{"the servers of Microsoft, through the proxy", func(n *sim.Net, c *probe.Client) {
			m := n.MicrosoftClient(c.Timeout)
			c.Target, c.Hosts, c.Steps = m.Target, m.Hosts, m.Steps
		}, []string{"proxy.test."}},
		{"with the domain of the client", func(_ *sim.Net, c *probe.Client) { c.Domain, c.PACPort = "dept.corp.test", "9" },
			[]string{"proxy.test.", "wpad.corp.test.", "wpad.dept.corp.test."}},
		{"directly", func(_ *sim.Net, c *probe.Client) { c.Proxy = "" }, []string{"wsus.test."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := new(questions)
			n, err := sim.NewNet("", q.fault())
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			n.Server.Size, n.Server.Updates = smallSize, fewUpdates
			c := n.Client(ample)
			tt.client(n, c)
			c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { // whose names no name server has
				return c.Proxy == "" && (s.On == "do-names" || s.On == "tls")
			})
			r := c.Run(t.Context())
			if got := q.names(); !slices.Equal(got, tt.want) {
				t.Errorf("asked for %v, want %v", got, tt.want)
			}
			if len(r.Names) == 0 || r.Names[0].Name+"." != tt.want[0] {
				t.Errorf("of the run are known %v", r.Names)
			}
		})
	}
}

// What a healthy name costs beside the run: a question for each kind of address, and no
// connection.
func TestNamesCostLittle(t *testing.T) {
	q := new(questions)
	r := record(t, probe.Profiles[0], q.fault())
	if n := r.Names[0]; len(n.Asked) != 2 || len(n.Tried) != 0 || len(n.Anything) != 0 {
		t.Errorf("asked %+v, tried %v, and for what cannot exist %v", n.Asked, n.Tried, n.Anything)
	}
	if most := 6; q.asked["proxy.test."] > most { // twice by the run, by what asks the server what arrived, and beside them
		t.Errorf("the proxy's name was asked for %d times, want at most %d", q.asked["proxy.test."], most)
	}
}

// An address that drops packets costs the run its share of one connection, and no more.
func TestBlackHoleCostsOnce(t *testing.T) {
	t.Parallel()
	r := record(t, probe.Profiles[0], fault(t, "proxy-ipv6-dropped"))
	dead := 0
	for _, result := range r.Results {
		if o := result.Observation; o != nil && len(o.Tried) > 1 {
			dead++
		}
	}
	if dead != 1 || len(r.Names[0].Tried) != 2 || r.Took > 2*timeout+timeout/2 && !underRace {
		t.Errorf("%d connections were tried at two addresses in %s; all: %v", dead, r.Took, r.Names[0].Tried)
	}
}

// A healthy file of a healthy net is found, and shows nothing.
func TestHealthyPAC(t *testing.T) {
	r := judged(record(t, probe.Profiles[0], sim.WithPAC(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ns-proxy-autoconfig")
		w.Write([]byte("function FindProxyForURL(url, host) { for (;;) {} }"))
	})))
	i := slices.IndexFunc(r.Steps, func(s probe.Played) bool { return s.ID == "wpad-file@wpad.corp.test" })
	if len(r.Findings) != 0 || i < 0 || r.Steps[i].Status != probe.StatusPass {
		t.Errorf("findings %v; the file is step %d of %d", names(r), i, len(r.Steps))
	}
}
