package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
	"proxycheck/sim"
)

// What Microsoft's servers answer, each list by itself, comes to nothing that is to be
// said, as each Windows.
func TestListsHealthy(t *testing.T) {
	n := healthyNet(t)
	for _, l := range endpoint.Known(endpoint.All()) {
		t.Run(l.Name, func(t *testing.T) {
			c := n.MicrosoftClient(ample)
			c.Hosts, _ = endpoint.Hosts(endpoint.Rows([]*endpoint.List{l}, endpoint.All(), "win11"), "win11")
			if len(c.Hosts) == 0 {
				c.Hosts, _ = endpoint.Hosts(endpoint.Rows([]*endpoint.List{l}, endpoint.All(), ""), "")
			}
			c.Steps = onlyHosts(c.AllSteps())
			checkWell(t, judged(c.Run(t.Context())))
		})
	}
	// Over one connection, too: no host waits for a step behind it.
	for _, profile := range probe.Profiles {
		t.Run(string(profile.Windows), func(t *testing.T) {
			c := n.MicrosoftClient(ample)
			rows := endpoint.All()
			c.Profile, c.Lanes = profile, 1
			c.Hosts, _ = endpoint.Hosts(endpoint.Rows(endpoint.Default(string(profile.Windows), endpoint.Known(rows)), rows, string(profile.Windows)), string(profile.Windows))
			c.Steps = c.AllSteps()
			checkWell(t, judged(c.Run(t.Context())))
		})
	}
}

// What a proxy does to answers without harm is no reason for more than a note.
func TestHostsThroughHarmlessProxies(t *testing.T) {
	for _, f := range sim.Harmless {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r := judged(record(t, probe.Profiles[0], f))
			for _, finding := range r.Findings {
				if finding.Grade != probe.Note {
					t.Errorf("it shows %s %s: %s", finding.Grade, finding.Name, finding.Evidence)
				}
			}
			if r.Verdict != probe.StatusPass || len(r.Hosts) == 0 {
				t.Errorf("the verdict over %d hosts is %s", len(r.Hosts), r.Verdict)
			}
		})
	}
}

// checkWell fails where anything is said of a run, but of hosts that are given up.
func checkWell(t *testing.T, r *probe.Report) {
	t.Helper()
	for _, s := range r.Steps {
		if s.Status != probe.StatusPass && (s.Status != probe.StatusSkip || s.Spared == "") {
			t.Errorf("%s is %s with %v: %s%s", s.ID, s.Status, s.Findings, s.Evidence, s.WaitedFor)
		}
	}
	if r.Verdict != probe.StatusPass || len(r.Hosts) == 0 {
		t.Errorf("the verdict over %d hosts is %s", len(r.Hosts), r.Verdict)
	}
}

// onlyHosts are those of steps that ask hosts of the lists.
func onlyHosts(steps []*probe.Step) []*probe.Step {
	return slices.DeleteFunc(steps, func(s *probe.Step) bool { return s.Host == nil })
}

// healthyNet is a net without faults, with round trips of some length.
func healthyNet(t testing.TB, rtt ...time.Duration) *sim.Net {
	t.Helper()
	var faults []*sim.Fault
	if len(rtt) > 0 {
		faults = append(faults, &sim.Fault{Name: "distance", Break: func(n *sim.Net) { n.RTT = rtt[0] }})
	}
	n, err := sim.NewNet("", faults...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// The hosts of the lists are asked over so many connections at once and no more, and
// they cost less than a MiB.
func TestHostsCost(t *testing.T) {
	n := healthyNet(t)
	c := n.MicrosoftClient(ample)
	c.Steps = onlyHosts(c.Steps)
	r := judged(c.Run(t.Context()))
	checkWell(t, r)
	if moved := r.BytesSent + r.BytesReceived; moved > 1<<20 {
		t.Errorf("%d bytes moved for %d hosts, want at most 1 MiB", moved, len(r.Hosts))
	}
	if most := atOnce(r); most > probe.MicrosoftLanes || most < 2 {
		t.Errorf("%d steps at once, want at most %d, and more than one", most, probe.MicrosoftLanes)
	}
}

// atOnce is how many steps of a run were under way at the same time, each of which has
// a connection.
func atOnce(r *probe.Report) (most int) {
	steps := slices.DeleteFunc(slices.Clone(r.Steps), func(s probe.Played) bool { return s.Started == nil })
	for _, s := range steps {
		now := 0
		for _, other := range steps {
			if !other.Started.After(*s.Started) && ended(other).After(*s.Started) {
				now++
			}
		}
		most = max(most, now)
	}
	return most
}

// The default lists through a proxy at some distance, against what curl takes that asks
// one after another. The hosts, the proxy and the distance are the same.
func BenchmarkHosts(b *testing.B) {
	const rtt = 50 * time.Millisecond
	n := healthyNet(b, rtt)
	c := n.MicrosoftClient(ample)
	c.Steps = onlyHosts(c.Steps)
	b.Run("proxycheck", func(b *testing.B) {
		var moved int64
		for b.Loop() {
			r := judged(c.Run(b.Context()))
			if r.Verdict != probe.StatusPass {
				b.Fatalf("the verdict is %s", r.Verdict)
			}
			moved += r.BytesSent + r.BytesReceived
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/list")
		b.ReportMetric(float64(moved)/float64(b.N), "bytes")
		b.ReportMetric(float64(len(c.Steps)), "hosts")
	})
	b.Run("curl", func(b *testing.B) {
		if _, err := exec.LookPath("curl"); err != nil {
			b.Skip(err)
		}
		for b.Loop() {
			for _, s := range c.Steps {
				if err := curl(b.Context(), n.Addr(), s.Host); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/list")
	})
}

// curl asks a host through a proxy, and fails where that does not come to what it should:
// any answer of the host, and the proxy's refusal of one that cannot exist.
func curl(ctx context.Context, proxy string, h *endpoint.Host) error {
	scheme := "http"
	if h.TLS {
		scheme = "https"
	}
	url := strings.ReplaceAll(scheme+"://"+net.JoinHostPort(h.Name, h.Port)+h.Path, "{run}", "0a1b2c3d")
	statuses, err := exec.CommandContext(ctx, "curl", "-sk", "-o", os.DevNull, "-I", "-w", "%{http_connect} %{http_code}", "-x", proxy, url).Output()
	const noTunnel = 56 // CURLE_RECV_ERROR, by which curl ends where CONNECT is refused
	if exit := (*exec.ExitError)(nil); h.Control && h.TLS && errors.As(err, &exit) && exit.ExitCode() == noTunnel {
		err = nil
	}
	var connect, status int
	if err == nil {
		_, err = fmt.Sscan(string(statuses), &connect, &status)
	}
	if err != nil {
		return fmt.Errorf("curl %s: %w", url, err)
	}
	if refused := max(connect, status) >= 500; refused != h.Control {
		return fmt.Errorf("curl %s: it is answered %s; that it is to be refused: %v", url, statuses, h.Control)
	}
	return nil
}
