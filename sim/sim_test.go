package sim_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"proxycheck/probe"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// The time for one phase of an exchange: short where a fault uses it up, long for a
// loaded machine everywhere else, and between them without the proxy, where the
// server may use it up.
const (
	timeout = 2 * time.Second
	direct  = 5 * time.Second
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
					t.Errorf("wrong findings: %s is %s with %v: %s%s", s.Name, s.Status, s.Findings, s.Evidence, s.WaitedFor)
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

// Each fault shows its findings over the whole run, and no other, and names who must
// act.
func TestFaults(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("../docs/proxycheck-1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range sim.Faults {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			r := judged(recording(t, f))
			if underRace {
				if shown := names(r); !r.Complete || slices.Contains(shown, probe.Unexplained.Name) {
					t.Errorf("it shows %v; complete: %v", shown, r.Complete)
				}
				return
			}
			validate(t, schema, r)
			want := owners(f)
			for _, finding := range r.Findings {
				if finding.Under == "" && !slices.Contains(want, finding.Owner) {
					t.Errorf("wrong owner: that of %s is %s, want %s: %s", finding.Name, finding.Owner, want, finding.Evidence)
				}
			}
			if shown, wanted := names(r), wantedNames(f); !slices.Equal(shown, wanted) || !r.Complete || r.Verdict != worst(r) {
				t.Errorf("wrong findings: it shows %v, want %v; complete: %v; the verdict is %s, want %s", shown, wanted, r.Complete, r.Verdict, worst(r))
				for _, s := range r.Steps {
					t.Logf("%s: %s %v %s%s", s.Name, s.Status, s.Findings, s.Evidence, s.WaitedFor)
				}
			}
		})
	}
}

// acts are who must act on a fault where it is not whoever runs the part of the net at
// which the simulator does it.
var acts = map[string]struct {
	owner   probe.Owner
	because string
}{
	"proxy-name-gone":               {probe.Network, "the name service answers, which is the network's"},
	"name-server-silent":            {probe.Network, "the name service is the network's"},
	"name-server-fails":             {probe.Network, "the name service is the network's"},
	"proxy-name-servfail":           {probe.Network, "the same"},
	"proxy-name-sinkholed":          {probe.Network, "the same"},
	"proxy-name-any":                {probe.Network, "the same"},
	"proxy-name-answered-for-other": {probe.Network, "the same"},
	"proxy-ipv6-dropped":            {probe.Network, "no program drops a SYN: a firewall does"},
	"proxy-address-dead":            {probe.Network, "the name service names an address that is none of the proxy's"},
	"wpad-missing":                  {probe.Network, "the name service is the network's"},
	"wpad-page":                     {probe.Network, "what is published in the network is not what it should be"},
	"pac-endless":                   {probe.Network, "the same"},
	"pac-mistyped":                  {probe.Network, "the same"},
	"proxy-syn-dropped":             {probe.Network, "no program drops a SYN: a firewall does"},
	"server-syn-dropped":            {probe.Network, "no program drops a SYN: a firewall does"},
	"proxy-is-ssh":                  {probe.Machine, "what listens is right where it is, and the setting names it"},
	"proxy-is-tls":                  {probe.Machine, "the same"},
	"server-without-wsus":           {probe.Machine, "what answers is right where it is, and the policy names it"},
	"server-port-refused":           {probe.Server, "that the client has no proxy is not what is wrong"},
	"server-gone-502":               {probe.Server, "the proxy says what it meets in its own words"},
	"server-gone-503":               {probe.Server, "the same"},
	"server-gone-504":               {probe.Server, "the same"},
	"server-nameless-503":           {probe.Server, "the same"},
	"sync-timed-out":                {probe.Server, "it is the server that takes its time"},
	"missing-kept":                  {probe.Proxy, "it goes on when the server does not"},
	"denial-kept":                   {probe.Proxy, "it goes on when the server does not"},
	"big-packets-lost":              {probe.Network, "no program loses long packets alone: the path does"},
	"path-block-page":               {probe.Network, "nobody has set what is in the path"},
	"path-cached":                   {probe.Network, "the same"},
	"path-range-dropped":            {probe.Network, "the same"},
	"path-tls-resigned":             {probe.Network, "the same"},
	"server-issuer-unknown":         {probe.Server, "the certificate is the server's, and only who made it knows its root"},
}

// untold are faults of which a run cannot tell whose they are.
var untold = map[string]string{
	"body-reset":          "the steps that are tried without the proxy are those that this Windows can do without",
	"file-not-modified":   "the same",
	"portal":              "the same",
	"type-denied":         "the same",
	"requests-limited":    "who was turned away cannot try with the proxy once more",
	"server-gone-502":     "nobody reaches a server that is gone, with the proxy or without it",
	"server-gone-503":     "the same",
	"server-gone-504":     "the same",
	"server-nameless-503": "the same",
	"clock-ahead":         "one server alone tells another time, and nobody tells which of the two is right",
}

// An exception is for a fault that there is.
func TestOwnersAreOfFaults(t *testing.T) {
	for name := range acts {
		fault(t, name)
	}
	for name := range untold {
		fault(t, name)
	}
}

// owners are who may be named as the one who must act on f.
func owners(f *sim.Fault) []probe.Owner {
	owner := probe.Owner(sim.ActsAt(f))
	if known, ok := acts[f.Name]; ok {
		owner = known.owner
	}
	if _, ok := untold[f.Name]; ok || f.Microsoft { // whose servers tell nothing, and are not reached without the proxy
		return []probe.Owner{owner, probe.Unknown}
	}
	return []probe.Owner{owner}
}

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

// run plays a whole update through a net with the given faults, and judges it.
func run(t *testing.T, profile *probe.Profile, faults ...*sim.Fault) *probe.Report {
	t.Helper()
	return judged(record(t, profile, faults...))
}

// judged is what a recorded run comes to.
func judged(r *probe.Run) *probe.Report {
	return probe.Conclude(r, probe.About{Proxy: "the simulated one", Command: "proxycheck run"})
}

// record plays a whole update through a net with the given faults.
func record(t *testing.T, profile *probe.Profile, faults ...*sim.Fault) *probe.Run {
	t.Helper()
	return recordWith(t, profile, nil, faults...)
}

// recordWith is record with a client that is set up otherwise; nil is for nothing.
func recordWith(t *testing.T, profile *probe.Profile, client func(*sim.Net, *probe.Client), faults ...*sim.Fault) *probe.Run {
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
	c.Profile = profile
	c.Steps = c.AllSteps()
	if len(faults) > 0 {
		faults[0].Prepare(c) // the others want the same of a client, or nothing
	}
	if client != nil {
		client(n, c)
	}
	r := c.Run(t.Context())
	if !underRace {
		c.Timeout = min(c.Timeout, direct)
		c.CompareDirect(t.Context(), r, probe.Failed(r, false)) // as the command run does
	}
	return r
}

// recordings are the runs with one fault each that several tests look at: TestPairs and
// TestRules, which come first, and TestFaults, which is the last to need them.
var recordings sync.Map // from a *sim.Fault to a *probe.Run

// recording is a run with f for TestFaults: the one that the others have looked at, if
// they were run, or one of its own.
func recording(t *testing.T, f *sim.Fault) *probe.Run {
	t.Helper()
	if r, ok := recordings.LoadAndDelete(f); ok {
		return r.(*probe.Run)
	}
	return recordWith(t, probe.Profiles[0], quickUnderRace, f)
}

// quickUnderRace leaves a client the quick steps alone where the race detector is at work.
func quickUnderRace(_ *sim.Net, c *probe.Client) {
	if underRace {
		c.Steps = slices.DeleteFunc(c.Steps, func(s *probe.Step) bool { return !s.Quick && s.Rung == 0 })
	}
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
