package probe

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wuerr"
)

// Schema names the form of a [Report] as JSON; docs/proxycheck-1.schema.json
// describes it. Fields may be added to it and are never renamed.
const Schema = "proxycheck/1"

// A Report is all that a run came to, as one value. Each output is made of it.
type Report struct {
	Schema        string        `json:"schema"`
	Tool          Tool          `json:"tool"`
	Run           string        `json:"run"`
	Started       time.Time     `json:"started"`
	TookMS        int64         `json:"took_ms"`
	Requests      int           `json:"requests"`
	BytesSent     int64         `json:"bytes_sent"`
	BytesReceived int64         `json:"bytes_received"`
	Complete      bool          `json:"complete"`
	StoppedBy     string        `json:"stopped_by"`
	Route         Route         `json:"route"`
	Target        Asked         `json:"target"`
	Routes        []Route       `json:"routes"` // beside that: what was tried without the proxy; of other agents none is told apart yet
	RunAs         RunAs         `json:"run_as"`
	ClockSkewMS   int64         `json:"clock_skew_ms"` // by which this machine is ahead
	As            Windows       `json:"as"`
	Lists         []List        `json:"lists"`
	Hosts         []AskedHost   `json:"hosts"` // of those lists
	Names         []ShownName   `json:"names"` // that the name service was asked for
	Figures       []Figure      `json:"figures"`
	LeftOut       []string      `json:"left_out"` // steps that the run was told not to make
	NotTested     []string      `json:"not_tested"`
	Verdict       Status        `json:"verdict"`
	Seen          []Question    `json:"seen"` // the codes that were asked about
	Findings      []Shown       `json:"findings"`
	Steps         []Played      `json:"steps"`
	Certificates  []Certificate `json:"certificates"` // of the tunnels; one for each host and certificate
}

// A Tool is the program that made a report.
type Tool struct {
	Version   string `json:"version"`
	Catalogue string `json:"catalogue"` // the first digits of a SHA-256 over the tables
}

// A Route is how the exchanges went.
type Route struct {
	Proxy     string `json:"proxy"`      // as a URL without a login; "" for none
	Source    string `json:"source"`     // where the setting is from
	ProvenBy  string `json:"proven_by"`  // how it is known that the proxy was used
	Product   string `json:"product"`    // the name of what is nearest to the client; "" when that is not known
	ProductBy string `json:"product_by"` // by what it shows itself, or what else names a proxy; "" for nothing
}

// Asked is the server that was asked.
type Asked struct {
	Server string     `json:"server"`
	Kind   TargetKind `json:"kind"`
}

// Shown is a finding as a run shows it.
type Shown struct {
	Name        string            `json:"name"`
	Title       string            `json:"title"`
	Grade       Grade             `json:"grade"`
	Owner       Owner             `json:"owner"`
	Usual       Owner             `json:"usual_owner"` // who it is as a rule, where nothing proves it
	Effect      Effect            `json:"effect"`
	Sure        Sure              `json:"sure"`      // of the surest of its codes
	Codes       map[Agent]string  `json:"codes"`     // the primary one of each agent
	CodesAll    []ShownCode       `json:"codes_all"` // of every version
	Condition   string            `json:"condition"`
	Fix         string            `json:"fix"`
	Fixes       map[string]string `json:"fixes"` // the lines that one types, by product
	Mends       []ShownMend       `json:"mends"` // the same, with where they stand and what backs them
	Sources     []string          `json:"sources"`
	Steps       []string          `json:"steps"`
	Evidence    string            `json:"evidence"`
	Explains    []string          `json:"explains"`
	Under       string            `json:"under,omitempty"` // the finding that accounts for this one
	RuledOut    []Cause           `json:"ruled_out"`
	NotRuledOut []string          `json:"not_ruled_out"`
	Retest      string            `json:"retest"` // a command line
}

// A ShownMend is what one types into a product.
type ShownMend struct {
	Product string `json:"product"`
	Cause   string `json:"cause"` // the lines against which they are; "" where none are known
	Where   string `json:"where"` // the lines stand: a file or a section, and beside which others
	Lines   string `json:"lines"`
	Backing string `json:"backing"` // a document, a trial, both or neither
}

// A Cause is another cause of the same code, and the step that rules it out.
type Cause struct {
	Cause string `json:"cause"`
	Step  string `json:"step"`
}

// RunAs is who ran the program, and where.
type RunAs struct {
	Account  string `json:"account"`
	Elevated bool   `json:"elevated"`
	Host     string `json:"host"`
	OS       string `json:"os"`
}

// A List is a list of URLs that was used.
type List struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Date  string `json:"date"` // of the oldest of its rows, when it was held against its source; "" when nobody did
	Old   bool   `json:"old"`  // it may have changed since
	Sure  string `json:"sure"` // of the least sure of its rows
}

// An AskedHost is a host of the URL lists, and what became of it.
type AskedHost struct {
	Host    string   `json:"host"` // with its port
	TLS     bool     `json:"tls"`
	Pattern string   `json:"pattern"` // by which it is allowed
	Lists   []string `json:"lists"`
	Sure    string   `json:"sure"` // that Windows asks for it
	By      Agent    `json:"by"`
	Step    string   `json:"step"`
	Status  Status   `json:"status"`
	Answer  string   `json:"answer"` // the status line; "" for none
	Finding string   `json:"finding"`
	Owner   Owner    `json:"owner"` // of the finding; "" without one
	Seen    string   `json:"seen"`  // of the finding
}

// A Figure is something that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
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
	Variant    string                 `json:"variant"`
	Turn       string                 `json:"turn,omitempty"` // of a run that is repeated: the proxy's address and a number
	ProxyNode  string                 `json:"proxy_node"`     // that answered, as it names itself
	RequestID  string                 `json:"request_id"`     // that the request bore
	Attempt    int                    `json:"attempt"`
	Witnessed  string                 `json:"witnessed"`      // how the server knew what is of this step; "" when it does not tell
	Origin     []string               `json:"origin"`         // the heads that arrived at the server
	Replies    []string               `json:"origin_answers"` // those that it sent for them
	Changes    []string               `json:"changes"`        // on the way, there and back
	ClosedBy   wire.Closer            `json:"closed_by"`
	Sent       string                 `json:"sent"`     // the head as it left
	Received   string                 `json:"received"` // the head as it came
	Body       *PlayedBody            `json:"body,omitempty"`
	Legs       []Leg                  `json:"legs"`
	Direct     *PlayedDirect          `json:"direct,omitempty"` // the same without the proxy; nil when it was not tried
}

// A PlayedDirect is a step as it was played without the proxy.
type PlayedDirect struct {
	Status   Status                 `json:"status"`
	Findings []string               `json:"findings"` // those of the step by itself
	Evidence string                 `json:"evidence"`
	Remote   string                 `json:"remote"`
	Phases   map[wire.Phase]float64 `json:"phases_ms"`
	Sent     string                 `json:"sent"`
	Received string                 `json:"received"`
}

// A PlayedBody is what came behind the head of an answer.
type PlayedBody struct {
	Length  int64        `json:"length"`
	SHA256  string       `json:"sha256"`
	Framing wire.Framing `json:"framing"`
}

// A Leg is an exchange that the client made by itself on the way to the last.
type Leg struct {
	Sent     string   `json:"sent"`
	Received string   `json:"received"`
	Origin   []string `json:"origin"` // as in the step
	Replies  []string `json:"origin_answers"`
}

// About is what a report says of the circumstances of a run.
type About struct {
	Version string
	Proxy   string       // as a URL without a login; "" for none
	Source  string       // where the setting is from
	Direct  string       // why some was tried without the proxy
	Server  string       // as it was given
	Command string       // that makes the run again
	Seen    []wuerr.Code // that the administrator has seen
	Lists   []List       // of URLs, whose hosts are asked
	Open    []string     // what those leave untested
	RunAs   RunAs
}

// Catalogue is the first twelve digits of a SHA-256 over the tables by which
// this program judges.
var Catalogue = sync.OnceValue(func() string {
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
	for _, p := range Products {
		fmt.Fprintln(digest, p.Name, p.Serves, p.Signs)
	}
	for _, m := range Mends {
		fmt.Fprintln(digest, m.Product.Name, m.Finding.Name, m.Cause, m.In, m.At, m.Lines, m.Source, m.Tried)
	}
	encoder.Encode(wuerr.All())
	return fmt.Sprintf("%x", digest.Sum(nil))[:12]
})
