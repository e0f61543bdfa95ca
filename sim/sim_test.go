package sim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"proxycheck/probe"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// The time for one phase of an exchange: short where a fault uses it up, and
// long for a loaded machine everywhere else.
const (
	timeout = 2 * time.Second
	ample   = 20 * time.Second
)

// smallSize is that of the files where a fault is to show: still more than the 1
// MiB behind which the deep part is, and less to move.
const smallSize = 1<<20 + 20_003

// fewUpdates are on one short page, where a fault is to show.
const fewUpdates = 2

// A net without faults passes every step of every Windows, so a step that fails
// under a fault fails because of it.
func TestHealthy(t *testing.T) {
	for _, profile := range probe.Profiles {
		t.Run(string(profile.Windows), func(t *testing.T) {
			t.Parallel()
			r := run(t, profile)
			for _, s := range r.Steps {
				if s.Status != probe.StatusPass {
					t.Errorf("%s: %s, %v %s%s", s.Name, s.Status, s.Findings, s.Evidence, s.WaitedFor)
				}
			}
			if r.Verdict != probe.StatusPass || len(r.Steps) == 0 {
				t.Errorf("the verdict over %d steps is %s", len(r.Steps), r.Verdict)
			}
			if moved := r.BytesSent + r.BytesReceived; moved > 4<<20 {
				t.Errorf("%d bytes moved, want at most 4 MiB", moved)
			}
		})
	}
}

// Each fault shows its findings over the whole run, and no other.
func TestFaults(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("../docs/proxycheck-1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sim.Faults {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r := run(t, probe.Profiles[0], f)
			for _, finding := range r.Findings {
				if mine := probe.Owner(sim.ActsAt(f)); isAtAnEnd[mine] && isAtAnEnd[finding.Owner] && finding.Owner != mine && finding.Under == "" {
					t.Errorf("it acts at the %s, and the owner of %s is the %s: %s", mine, finding.Name, finding.Owner, finding.Evidence)
				}
			}
			shown, wanted := names(r), wantedNames(f)
			if !underRace {
				validate(t, schema, r)
			}
			if !slices.Equal(shown, wanted) || !r.Complete || r.Verdict != worst(r) {
				t.Errorf("shows %v, want %v; complete: %v; the verdict is %s, want %s", shown, wanted, r.Complete, r.Verdict, worst(r))
				for _, s := range r.Steps {
					t.Logf("%s: %s %v %s%s", s.Name, s.Status, s.Findings, s.Evidence, s.WaitedFor)
				}
			}
		})
	}
}

// isAtAnEnd are the owners that a fault at the one end must not be taken for at the
// other.
var isAtAnEnd = map[probe.Owner]bool{probe.Proxy: true, probe.Server: true}

// validate holds a report as JSON against its schema.
func validate(t *testing.T, schema *jsonschema.Schema, r *probe.Report) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Error(err)
	}
}

// worst is the verdict that the findings of a complete run call for.
func worst(r *probe.Report) probe.Status {
	verdict := probe.StatusPass
	for _, f := range r.Findings {
		switch f.Grade {
		case probe.Fail:
			return probe.StatusFail
		case probe.Warn:
			verdict = probe.StatusWarn
		}
	}
	return verdict
}

// A finding that nothing shows is a claim that nothing tests. It is shown by a
// fault, or by the server's own counts, whose rules package wsus tests.
func TestEveryFindingIsShown(t *testing.T) {
	shown := map[*probe.Finding]bool{probe.Unexplained: true} // which is never right
	for _, f := range sim.Faults {
		for _, finding := range f.Shows {
			shown[finding] = true
		}
	}
	for _, r := range wsus.CountRules {
		shown[r.Then] = true
	}
	for _, f := range probe.Findings {
		if !shown[f] {
			t.Errorf("no fault shows %s, and no count", f.Name)
		}
	}
}

func TestRows(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, f := range sim.Faults {
		if !kebab.MatchString(f.Name) || seen[f.Name] {
			t.Errorf("the name %q is not in kebab case, or not the only one", f.Name)
		}
		if seen[f.Name] = true; f.Title == "" || len(f.Title) > 90 || f.Source == "" || len(f.Shows) == 0 {
			t.Errorf("%s lacks a title of at most 90 characters, a source or what it shows", f.Name)
		}
		if slices.Contains(f.Shows, probe.Unexplained) {
			t.Errorf("%s shows unexplained, which is no answer", f.Name)
		}
	}
}

// Two faults that need the same place refuse each other by name.
func TestPlaceIsHeldOnce(t *testing.T) {
	_, err := sim.NewNet("", fault(t, "proxy-port-refused"), fault(t, "proxy-syn-dropped"))
	want := "the faults proxy-port-refused and proxy-syn-dropped both need the proxy's socket"
	if err == nil || err.Error() != want {
		t.Errorf("NewNet = %v, want %s", err, want)
	}
}

// Faults at different places show both their findings, and none hides under one
// that has another cause.
func TestFaultsCompose(t *testing.T) {
	for _, tt := range []struct{ faults, want string }{
		{"range-removed connect-denied head-length-removed", "range-ignored size-hidden tunnel-denied"},
		{"nodes-differ exe-altered", "clients-differ content-altered"},
		{"range-far-wrong exe-altered", "content-altered far-range-broken"},
		{"server-without-iuident connect-denied", "file-retired tunnel-denied"},
		{"host-rewritten soap-body-limited", "body-refused host-rewritten"},
		{"range-clamped", "range-wrong"},
		{"exe-reset", "connection-closed"},
		{"host-other", "host-rewritten"},
		{"query-empty", "file-missing"},
		{"now-and-then-503", "server-behind-proxy-down"},
	} {
		t.Run(tt.faults, func(t *testing.T) {
			t.Parallel()
			var faults []*sim.Fault
			for name := range strings.FieldsSeq(tt.faults) {
				if f := sim.ForTests[name]; f != nil {
					faults = append(faults, f)
				} else {
					faults = append(faults, fault(t, name))
				}
			}
			r := run(t, probe.Profiles[0], faults...)
			if got := strings.Join(names(r), " "); got != tt.want {
				t.Errorf("they show %s", got)
				for _, f := range r.Findings {
					t.Logf("%s under %q: %s in %v", f.Name, f.Under, f.Evidence, f.Steps)
				}
			}
		})
	}
}

// A black-holed proxy costs one time-out and a silent one two, however many
// steps there are on however many connections.
func TestDeadProxyCostsOnce(t *testing.T) {
	t.Parallel()
	many := probe.StepsOf(probe.Profiles[0])
	for i := range 30 {
		s := *probe.Steps[1+i%9]
		s.Name, s.On = fmt.Sprintf("%s-%d", s.Name, i), fmt.Sprint(i%10)
		many = append(many, &s)
	}
	for name, most := range map[string]int{"proxy-syn-dropped": 1, "answer-withheld": 2} {
		n, err := sim.NewNet("", fault(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		c := n.Client(timeout)
		c.Steps = many
		r := probe.Conclude(c.Run(t.Context()), probe.About{})
		if got := rounds(r.Steps); got != most {
			t.Errorf("%s: %d steps cost %d time-outs one after another, want %d", name, len(many), got, most)
		}
		if got := names(r); !slices.Equal(got, wantedNames(fault(t, name))) {
			t.Errorf("%s shows %v", name, got)
		}
	}
}

// rounds is how many time-outs were waited for one after another: those that
// overlap count once.
func rounds(steps []probe.Played) int {
	n := 0
	var end time.Time
	played := slices.DeleteFunc(slices.Clone(steps), func(s probe.Played) bool {
		return s.Started == nil || s.TookMS < float64(timeout.Milliseconds())
	})
	slices.SortFunc(played, func(a, b probe.Played) int { return a.Started.Compare(*b.Started) })
	for _, s := range played {
		if !s.Started.Before(end) {
			n++
			end = s.Started.Add(time.Duration(s.TookMS * float64(time.Millisecond)))
		}
	}
	return n
}

func fault(t *testing.T, name string) *sim.Fault {
	t.Helper()
	for _, f := range sim.Faults {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no fault is called %s", name)
	return nil
}

// run plays a whole update through a net with the given faults.
func run(t *testing.T, profile *probe.Profile, faults ...*sim.Fault) *probe.Report {
	t.Helper()
	n, err := sim.NewNet("", faults...)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if len(faults) > 0 {
		n.Server.Size, n.Server.Updates = smallSize, fewUpdates
	}
	c := n.Client(ample)
	if slices.ContainsFunc(faults, (*sim.Fault).Silent) {
		c.Timeout = timeout
	}
	c.Profile, c.Steps = profile, probe.StepsOf(profile)
	for _, f := range faults {
		f.Prepare(c)
	}
	if underRace && len(faults) == 1 && !slices.ContainsFunc(faults[0].Shows, showsAgain) {
		c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return s.Variant != "" && s.Rung == 0 })
	}
	return probe.Conclude(c.Run(t.Context()), probe.About{Proxy: fmt.Sprint(faults), Command: "proxycheck run"})
}

// showsAgain tells whether a finding shows only where steps are repeated.
func showsAgain(f *probe.Finding) bool {
	return slices.Contains([]*probe.Finding{probe.ColdFails, probe.WarmFails, probe.ClientsDiffer, probe.ConnectionsCapped,
		probe.ConnectionsNotKept, probe.KeepAliveBroken, probe.ConnectionReset}, f)
}

func names(r *probe.Report) []string {
	names := []string{}
	for _, f := range r.Findings {
		if f.Under == "" { // what another finding accounts for is no finding of its own
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

func wantedNames(f *sim.Fault) []string {
	names := []string{}
	for _, finding := range f.Shows {
		names = append(names, finding.Name)
	}
	slices.Sort(names)
	return names
}
