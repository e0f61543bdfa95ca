package probe

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wuerr"
)

// Schema names the form of a [Report] as JSON; docs/proxycheck-1.schema.json
// describes it. Fields may be added to it and are never renamed.
const Schema = "proxycheck/1"

// A Report is all that a run came to, as one value. Each output is made of it.
type Report struct {
	Schema        string    `json:"schema"`
	Tool          Tool      `json:"tool"`
	Run           string    `json:"run"`
	Started       time.Time `json:"started"`
	TookMS        int64     `json:"took_ms"`
	Requests      int       `json:"requests"`
	BytesSent     int64     `json:"bytes_sent"`
	BytesReceived int64     `json:"bytes_received"`
	Complete      bool      `json:"complete"`
	StoppedBy     string    `json:"stopped_by"`
	Route         Route     `json:"route"`
	Target        Asked     `json:"target"`
	As            Windows   `json:"as"`
	NotTested     []string  `json:"not_tested"`
	Verdict       Status    `json:"verdict"`
	Findings      []Shown   `json:"findings"`
	Steps         []Played  `json:"steps"`
}

// A Tool is the program that made a report.
type Tool struct {
	Version   string `json:"version"`
	Catalogue string `json:"catalogue"` // the first digits of a SHA-256 over the tables
}

// A Route is how the exchanges went.
type Route struct {
	Proxy    string `json:"proxy"`     // as a URL without a login; "" for none
	Source   string `json:"source"`    // where the setting is from
	ProvenBy string `json:"proven_by"` // how it is known that the proxy was used
	Product  string `json:"product"`   // as it names itself; "" when it does not
}

// Asked is the server that was asked.
type Asked struct {
	Server string     `json:"server"`
	Kind   TargetKind `json:"kind"`
}

// Shown is a finding as a run shows it.
type Shown struct {
	Name      string            `json:"name"`
	Title     string            `json:"title"`
	Grade     Grade             `json:"grade"`
	Owner     Owner             `json:"owner"`
	Effect    Effect            `json:"effect"`
	Sure      Sure              `json:"sure"`      // of the surest of its codes
	Codes     map[Agent]string  `json:"codes"`     // the primary one of each agent
	CodesAll  []ShownCode       `json:"codes_all"` // of every version
	Condition string            `json:"condition"`
	Fix       string            `json:"fix"`
	Fixes     map[string]string `json:"fixes"`
	Sources   []string          `json:"sources"`
	Steps     []string          `json:"steps"`
	Evidence  string            `json:"evidence"`
	Explains  []string          `json:"explains"`
	Under     string            `json:"under,omitempty"` // the finding that accounts for this one
	Retest    string            `json:"retest"`
}

// A ShownCode is a code with what is known of it.
type ShownCode struct {
	Code    string  `json:"code"`
	Symbol  string  `json:"symbol"`
	Agent   Agent   `json:"agent"`
	Layer   Layer   `json:"layer"`
	Since   Windows `json:"since"`
	Until   Windows `json:"until"`
	Sure    Sure    `json:"sure"`
	Source  string  `json:"source"`
	SeenIn  string  `json:"seen_in"`
	Outcome string  `json:"outcome"`
}

// Played is a step as it was played.
type Played struct {
	ID         string                 `json:"id"`
	Name       string                 `json:"name"`
	Title      string                 `json:"title"`
	By         Agent                  `json:"by"`
	Route      string                 `json:"route"` // proxy or direct
	Connection string                 `json:"connection"`
	Status     Status                 `json:"status"`
	Findings   []string               `json:"findings"`
	Code       string                 `json:"code"`
	Evidence   string                 `json:"evidence"`
	Spared     string                 `json:"spared,omitempty"` // why a failure is only a warning
	WaitedFor  string                 `json:"waited_for"`
	After      []string               `json:"after"`
	Started    *time.Time             `json:"started,omitempty"`
	TookMS     float64                `json:"took_ms"`
	Phases     map[wire.Phase]float64 `json:"phases_ms"`
	Local      string                 `json:"local"`
	Remote     string                 `json:"remote"`
	Reused     bool                   `json:"reused"`
	ClosedBy   wire.Closer            `json:"closed_by"`
	Sent       string                 `json:"sent"`     // the head as it left
	Received   string                 `json:"received"` // the head as it came
	Body       *PlayedBody            `json:"body,omitempty"`
	Legs       []Leg                  `json:"legs"`
}

// A PlayedBody is what came behind the head of an answer.
type PlayedBody struct {
	Length  int64        `json:"length"`
	SHA256  string       `json:"sha256"`
	Framing wire.Framing `json:"framing"`
}

// A Leg is an exchange that the client made by itself on the way to the last.
type Leg struct {
	Sent     string `json:"sent"`
	Received string `json:"received"`
}

// About is what a report says of the circumstances of a run.
type About struct {
	Version string
	Proxy   string // as a URL without a login; "" for none
	Source  string // where the setting is from
	Server  string // as it was given
	Command string // that makes the run again
}

// maxHead is the most of a head that a report shows, in bytes.
const maxHead = 16 << 10

// Conclude judges a run and says it all in one value. It is pure.
func Conclude(r *Run, about About) *Report {
	all := judge(r)
	found := merge(all)
	report := &Report{
		Schema: Schema, Tool: Tool{about.Version, Catalogue()}, Run: r.ID,
		Started: r.Started.UTC(), TookMS: r.Took.Milliseconds(),
		Requests: r.Requests, BytesSent: r.Out, BytesReceived: r.In,
		Complete: r.StoppedBy == "", StoppedBy: r.StoppedBy,
		Route:     route(r, about),
		Target:    Asked{about.Server, r.Target.Kind},
		As:        r.Client.Profile.Windows,
		NotTested: notTested(r),
		Findings:  []Shown{}, Steps: []Played{},
	}
	for _, s := range found {
		report.Findings = append(report.Findings, s.report(r, all, about))
	}
	for _, j := range all {
		report.Steps = append(report.Steps, j.report(r))
	}
	report.Verdict = verdict(report)
	return report
}

// verdict is what a report says in one word. What was not run has not passed.
func verdict(r *Report) Status {
	some := func(s Status) bool {
		return slices.ContainsFunc(r.Steps, func(p Played) bool { return p.Status == s })
	}
	left := slices.ContainsFunc(r.Steps, func(p Played) bool { return p.Status == StatusSkip && p.Spared == "" })
	judged := some(StatusPass) || some(StatusWarn)
	switch {
	case some(StatusFail):
		return StatusFail
	case !r.Complete, !judged, some(StatusUnknown), left:
		return StatusUnknown
	case some(StatusWarn):
		return StatusWarn
	}
	return StatusPass
}

// route says how the exchanges of r went, and how that is known.
func route(r *Run, about About) Route {
	route := Route{Proxy: about.Proxy, Source: about.Source}
	for _, result := range r.Results {
		o := result.Observation
		if o == nil || o.Remote == "" || o.Direct {
			continue
		}
		if route.ProvenBy == "" {
			route.ProvenBy = "every connection went to " + o.Remote
		}
		for _, via := range o.Answer.All("Via") {
			if _, comment, ok := strings.Cut(via, "("); ok && route.Product == "" {
				route.Product = strings.TrimSuffix(comment, ")")
			}
			if !strings.Contains(route.ProvenBy, "Via") {
				route.ProvenBy += ", and answers bear Via: " + quoted(via)
			}
		}
	}
	return route
}

// notTested says what a run of these steps leaves open.
func notTested(r *Run) []string {
	open := []string{"Microsoft's own servers: the run asks the update server that was given"}
	if r.Target.Kind == WSUS {
		open = append(open,
			"RegisterComputer, SyncUpdates and ReportEventBatch, which change a server",
			"whether files are the ones that the server holds: its files are not known, so only parts and wholes are compared")
	}
	if r.Target.Guessed {
		open = append(open, "whether the server offers TLS at all: "+r.Target.Secure+" is a guess, --server-tls names it")
	}
	return open
}

// report is s as a report shows it.
func (s *shown) report(r *Run, all []*judged, about About) Shown {
	f := Shown{Name: s.Name, Title: s.Title, Grade: s.grade, Owner: s.owner, Effect: s.Effect,
		Codes: map[Agent]string{}, CodesAll: []ShownCode{}, Condition: s.Condition, Fix: s.Fix,
		Fixes: map[string]string{}, Sources: []string{s.Source}, Steps: []string{}, Evidence: s.evidence, Explains: []string{}}
	for product, fix := range s.Fixes {
		f.Fixes[product] = r.Target.fill(fix)
	}
	for _, j := range s.by {
		f.Steps = append(f.Steps, j.Step.Name)
	}
	for _, j := range append(slices.Clone(s.by), waiting(s, all)...) {
		if c, ok := s.primary(j.Step, r.Client.Profile.Windows); ok && f.Codes[j.Step.By] == "" {
			f.Codes[j.Step.By], f.Sure = c.Code.String(), surer(f.Sure, c.Sure)
		}
	}
	for _, c := range s.coded() {
		f.CodesAll = append(f.CodesAll, ShownCode{c.Code.String(), c.Code.Symbol(), c.Agent, c.Layer, c.Since, c.Until,
			c.Sure, c.Source, seenIn[c.Agent], outcome(c)})
		if !slices.Contains(f.Sources, c.Source) {
			f.Sources = append(f.Sources, c.Source)
		}
	}
	for _, e := range s.Explains {
		f.Explains = append(f.Explains, e.Name)
	}
	if s.under != nil {
		f.Under = s.under.Name
	}
	f.Sure = cmp.Or(f.Sure, Documented)
	f.Retest = about.Command + " --steps " + f.Steps[0]
	return f
}

// waiting are the steps that were not sent because a step that shows s had
// found the way closed: their agents would meet the same.
func waiting(s *shown, all []*judged) []*judged {
	var some []*judged
	for _, j := range all {
		by := slices.ContainsFunc(s.by, func(b *judged) bool { return strings.HasPrefix(j.WaitedFor, b.Step.Name+":") })
		if j.Skipped && by {
			some = append(some, j)
		}
	}
	return some
}

// surer is the surer of two.
func surer(a, b Sure) Sure {
	for _, s := range []Sure{Documented, Seen, Unsure} {
		if a == s || b == s {
			return s
		}
	}
	return ""
}

// report is j as a report shows it.
func (j *judged) report(r *Run) Played {
	p := Played{ID: j.Step.Name, Name: j.Step.Name, Title: j.Step.Title, By: j.Step.By, Route: "proxy",
		Connection: j.Step.On, Status: j.status(), Findings: []string{}, WaitedFor: j.WaitedFor, Spared: j.spared,
		After: append([]string{}, j.After...), Phases: map[wire.Phase]float64{}, Legs: []Leg{}}
	if r.Client.Proxy == "" {
		p.Route = "direct"
	}
	for _, v := range j.verdicts {
		p.Findings = append(p.Findings, v.Finding.Name)
		p.Evidence = cmp.Or(p.Evidence, v.Evidence)
		s := &shown{Finding: v.Finding, by: []*judged{j}}
		if c, ok := s.primary(j.Step, r.Client.Profile.Windows); ok && p.Code == "" {
			p.Code = c.Code.String()
		}
	}
	if j.Observation != nil {
		p.observed(j.Observation)
	}
	return p
}

// observed adds to p what was seen.
func (p *Played) observed(o *Observation) {
	started := o.Started.UTC()
	p.Started, p.TookMS = &started, ms(o.Duration())
	for phase, took := range o.Took {
		p.Phases[phase] = ms(took)
	}
	p.Local, p.Remote, p.Reused, p.ClosedBy = o.Local, o.Remote, o.Reused, o.Closed
	p.Sent, p.Received = sentText(o.Exchange), receivedText(o.Exchange)
	if o.Answer.Start != "" {
		p.Body = &PlayedBody{o.Body.Length, fmt.Sprintf("%x", o.Body.SHA256), o.Body.Framing}
	}
	if p.Status == StatusUnknown && p.Evidence == "" {
		p.Evidence = cmp.Or(string(o.Failure), fmt.Sprintf("the body was left after %d bytes", o.Body.Length))
	}
	for _, leg := range o.Legs {
		p.Legs = append(p.Legs, Leg{sentText(leg), receivedText(leg)})
	}
}

// sentText is the heads that left, without a login.
func sentText(x *wire.Exchange) string {
	var text string
	if x.Tunnel != nil {
		text = string(withoutLogin(x.Tunnel.Sent).Bytes())
	}
	if x.Stopped == wire.FirstByte || x.Stopped == wire.BodyRead || x.Stopped == wire.Done {
		text += string(withoutLogin(x.Sent).Bytes())
	}
	return latin1([]byte(text))
}

// receivedText is the heads that came.
func receivedText(x *wire.Exchange) string {
	var raw []byte
	if x.Tunnel != nil {
		raw = append(raw, x.Tunnel.Raw...)
	}
	return latin1(append(raw, x.Raw...))
}

// withoutLogin is h with the value of each login hidden.
func withoutLogin(h wire.Head) wire.Head {
	h.Fields = slices.Clone(h.Fields)
	for i, f := range h.Fields {
		if strings.EqualFold(f.Name, "Proxy-Authorization") || strings.EqualFold(f.Name, "Authorization") {
			scheme, _, _ := strings.Cut(f.Value, " ")
			h.Fields[i].Value = scheme + " ***"
		}
	}
	return h
}

// latin1 is the start of raw as text, one character for each byte.
func latin1(raw []byte) string {
	raw = raw[:min(len(raw), maxHead)]
	runes := make([]rune, len(raw))
	for i, b := range raw {
		runes[i] = rune(b)
	}
	return string(runes)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Catalogue is the first twelve digits of a SHA-256 over the tables by which
// this program judges.
func Catalogue() string {
	digest := sha256.New()
	for _, s := range Steps {
		fmt.Fprintln(digest, s.Name, s.Title, s.By, s.Kind.Name, s.Since, s.Until, s.Send)
	}
	encoder := json.NewEncoder(digest)
	for _, f := range Findings {
		explains := f.Explains
		f := *f
		f.Explains = nil
		encoder.Encode(f)
		for _, e := range explains {
			fmt.Fprintln(digest, e.Name)
		}
	}
	encoder.Encode(wuerr.All())
	return fmt.Sprintf("%x", digest.Sum(nil))[:12]
}
