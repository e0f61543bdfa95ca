package sim_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"proxycheck/probe"
	"proxycheck/sim"
)

// throughTLS lists what each fault of a web service shows of a server that is
// asked through TLS; TestFaults holds what it shows in clear. A proxy sees a tunnel,
// and can do nothing to the calls in it; what the server itself does shows the
// same.
var throughTLS = map[string]string{
	"soap-faults-hidden":     "",
	"soap-answers-cached":    "",
	"soap-garbled":           "",
	"soap-changed":           "",
	"soap-action-removed":    "",
	"soap-body-limited":      "",
	"coding-unnamed":         "",
	"coding-cut":             "",
	"answer-with-more":       "",
	"host-rewritten":         "",
	"server-always-has-more": "too-many-trips",
	"server-refuses-calls":   "soap-fault",
	"server-error":           "server-error",
	"server-error-bare":      "server-error",
	"server-without-wsus":    "server-not-wsus",
	"server-pool-stopped":    "server-unavailable",
	"tls-inspected":          "tls-inspected",
	"connect-denied":         "tunnel-denied",
}

func TestSOAPFaultsThroughTLS(t *testing.T) {
	for name, want := range throughTLS {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := asked(t, fault(t, name))
			if got := strings.Join(names(r), " "); got != want {
				t.Errorf("shows %q, want %q", got, want)
				for _, s := range r.Steps {
					t.Logf("%s: %s %v %s%s", s.ID, s.Status, s.Findings, s.Evidence, s.WaitedFor)
				}
			}
		})
	}
}

// Every fault that shows a finding of a web service is among them.
func TestSOAPFaultsAreAllThere(t *testing.T) {
	ofSOAP := []*probe.Finding{probe.FaultHidden, probe.AnswersReplayed, probe.SOAPFault, probe.TooManyTrips, probe.BodyRefused,
		probe.CodingBroken, probe.HostRewritten, probe.SOAPUnreadable, probe.ServerError, probe.ServerUnavailable, probe.ServerNotWSUS}
	for _, f := range sim.Faults {
		shows := slices.ContainsFunc(f.Shows, func(finding *probe.Finding) bool { return slices.Contains(ofSOAP, finding) })
		if _, tried := throughTLS[f.Name]; shows && !tried {
			t.Errorf("%s is not tried through TLS too", f.Name)
		}
	}
}

// asked is the report of the update agent in a run whose web services are asked
// through TLS.
func asked(t *testing.T, faults ...*sim.Fault) *probe.Report {
	t.Helper()
	n, err := sim.NewNet("", faults...)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	n.Server.Size, n.Server.Updates = smallSize, fewUpdates
	c := n.Client(ample)
	c.Target = n.SecureTarget()
	c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return s.By != probe.WUA })
	return probe.Conclude(c.Run(t.Context()), probe.About{})
}

// With a server that is asked through TLS no call leaves the tunnel, and the
// files are fetched in clear from the port below.
func TestSecureServer(t *testing.T) {
	n, err := sim.NewNet("")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	c := n.Client(ample)
	c.Target = n.SecureTarget()
	c.Steps = probe.StepsOf(c.Profile)
	run := c.Run(t.Context())
	inside, files := 0, 0
	for _, r := range run.Results {
		o := r.Observation
		if o == nil {
			continue
		}
		for _, x := range append(slices.Clone(o.Legs), o.Exchange) {
			secure, content := x.TLS != nil, r.Step.By == probe.BITS || r.Step.By == probe.DO
			switch {
			case x.Sent.Method() == http.MethodPost && !secure:
				t.Errorf("%s was posted in clear", r.Step.ID())
			case content && (secure || !strings.HasSuffix(x.Authority, c.Target.Content) && x.Authority != c.Target.Address):
				t.Errorf("%s asked %s, through TLS: %v", r.Step.ID(), x.Authority, secure)
			case secure && x.Authority != c.Target.Secure:
				t.Errorf("%s asked %s through TLS", r.Step.ID(), x.Authority)
			case secure:
				inside++
			case content:
				files++
			}
		}
	}
	if verdict := probe.Conclude(run, probe.About{}).Verdict; verdict != probe.StatusPass || inside == 0 || files == 0 {
		t.Errorf("the verdict is %s, with %d exchanges inside the tunnel and %d for files", verdict, inside, files)
	}
}

// tolerance is by how much the times of a report may be off, which has them in
// steps of a thousandth of a millisecond, measured by more than one clock reading.
const tolerance = 5 * time.Millisecond

// What a step is said to have waited for had ended before it began, and no step
// waited for itself, for one that is not there or, by way of others, in a circle.
func TestAfterIsBefore(t *testing.T) {
	for _, windows := range []probe.Windows{probe.Win11, probe.Win7, probe.XP} {
		t.Run(string(windows), func(t *testing.T) {
			t.Parallel()
			profile, err := probe.LookupProfile(string(windows))
			if err != nil {
				t.Fatal(err)
			}
			r := run(t, profile)
			steps := map[string]probe.Played{}
			for _, s := range r.Steps {
				steps[s.ID] = s
			}
			some := 0
			for _, s := range r.Steps {
				for _, id := range s.After {
					before, there := steps[id]
					switch {
					case id == s.ID || !there:
						t.Errorf("%s waited for %s", s.ID, id)
					case s.Started != nil && before.Started != nil && ended(before).After(s.Started.Add(tolerance)):
						t.Errorf("%s began at %s, and %s, for which it waited, ended at %s", s.ID, s.Started, id, ended(before))
					}
					some++
				}
			}
			if some < len(r.Steps)/2 {
				t.Errorf("%d steps waited for %d", len(r.Steps), some)
			}
			if path := longestPath(r); path <= 0 || path > time.Duration(r.TookMS+1)*time.Millisecond+tolerance {
				t.Errorf("the longest path took %s, and all of the run %d ms", path, r.TookMS)
			}
		})
	}
}

func ended(s probe.Played) time.Time { return s.Started.Add(took(s)) }

func took(s probe.Played) time.Duration { return time.Duration(s.TookMS * float64(time.Millisecond)) }

// longestPath is the longest time that steps of a run took which waited for one
// another; a negative time when they did so in a circle.
func longestPath(r *probe.Report) time.Duration {
	steps, known := map[string]probe.Played{}, map[string]time.Duration{}
	for _, s := range r.Steps {
		steps[s.ID] = s
	}
	const open = -1
	var until func(id string) time.Duration
	until = func(id string) time.Duration {
		if d, ok := known[id]; ok {
			return d
		}
		known[id] = open
		var longest time.Duration
		for _, before := range steps[id].After {
			d := until(before)
			if d == open {
				return open
			}
			longest = max(longest, d)
		}
		known[id] = longest + took(steps[id])
		return known[id]
	}
	var longest time.Duration
	for _, s := range r.Steps {
		d := until(s.ID)
		if d == open {
			return open
		}
		longest = max(longest, d)
	}
	return longest
}

// A farm has two nodes under one name and on one port, and one of them is
// broken. A repeated run says how often that showed, and where.
func TestRepeatedAtTwoNodes(t *testing.T) {
	for name, finding := range map[string]string{"range-only-warm": "cold-fails", "head-limited": "head-limited"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			well, broken := twoNodes(t, fault(t, name))
			_, port, _ := net.SplitHostPort(well.Addr())
			c := well.Client(ample)
			c.Proxy = net.JoinHostPort("farm.test", port)
			c.Resolver = nameServer(t, "127.0.0.1", "127.0.0.2")
			c.Target.CA = "" // each node has a server of its own, which it finds at the usual ports
			c.Target.Host, c.Target.Content, c.Target.Secure = sim.ServerName+":8530", sim.ServerName+":8530", sim.ServerName+":8531"
			c.MaxBytes, c.Target.Size = 8<<20, smallSize
			fault(t, name).Prepare(c)
			const times = 1
			run, err := c.RunRepeated(t.Context(), times, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			r := probe.Conclude(run, probe.About{})
			want := fmt.Sprintf("in %d of %d runs, at %s", times, 2*times, broken.Addr())
			i := slices.IndexFunc(r.Findings, func(f probe.Shown) bool { return f.Name == finding })
			if i < 0 || !strings.HasPrefix(r.Findings[i].Evidence, want) || !r.Complete {
				t.Fatalf("the verdict is %s, stopped by %q, with %+v, want %q", r.Verdict, r.StoppedBy, r.Findings, want)
			}
			if len(r.Steps) != 2*times*len(c.Steps) {
				t.Errorf("%d steps were made, want each of %d twice", len(r.Steps), len(c.Steps))
			}
			for _, s := range r.Steps {
				node, _, _ := strings.Cut(s.Turn, "/")
				if s.Remote != "" && s.Remote != node || node == well.Addr() && s.Status == probe.StatusFail && s.Findings[0] == finding {
					t.Errorf("%s went to %s and is %s: %s", s.ID, s.Remote, s.Status, s.Evidence)
				}
			}
		})
	}
}

// twoNodes are two nets whose proxies listen on the same port of two addresses;
// the second has a fault.
func twoNodes(t *testing.T, f *sim.Fault) (well, broken *sim.Net) {
	t.Helper()
	for range 10 { // times that the port may be taken at the other address
		broken, err := sim.NewNet("127.0.0.2:0", f)
		if err != nil {
			t.Skipf("loopback has no second address: %v", err)
		}
		_, port, _ := net.SplitHostPort(broken.Addr())
		well, err := sim.NewNet("127.0.0.1:" + port)
		if err == nil {
			t.Cleanup(broken.Close)
			t.Cleanup(well.Close)
			return well, broken
		}
		broken.Close()
	}
	t.Fatal("no port is free at two addresses")
	return nil, nil
}

// nameServer is a resolver whose name server gives those addresses to every name.
func nameServer(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	n, err := sim.NewNet("", &sim.Fault{Name: "farm", Break: func(n *sim.Net) {
		n.DNS.Answer = func(q *dns.Msg) *dns.Msg {
			m := new(dns.Msg).SetReply(q)
			for _, question := range q.Question {
				for _, a := range addresses {
					if question.Qtype == dns.TypeA {
						m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.ParseIP(a)})
					}
				}
			}
			return m
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n.DNS.Resolver()
}
