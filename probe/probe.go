// Package probe plays the clients of Windows Update through a proxy and says
// what Windows would log, who must act and what they change.
//
// The program is three tables and one path through them. [Steps] lists the
// exchanges that the clients make, [Findings] the ways they are known to break,
// and package sim the faults that prove each finding:
//
//	Step --sent--> Observation --Rules--> Verdicts --Conclude--> Findings
//
// [Client] touches the network and has no opinion. [Judge] and [Conclude] hold
// all opinion and touch nothing. A [Finding] holds the words and the codes. A
// [Report] is all of it as one value, which package report writes in each form.
package probe

import (
	"io"

	"proxycheck/probe/endpoint"
	"proxycheck/probe/wire"
	"proxycheck/probe/wuerr"
)

// An Agent is the part of Windows that makes an exchange. Each logs the same
// trouble under its own code.
type Agent string

// The agents of this version.
const (
	WUA       Agent = "wua"       // the update agent: web services and its own files
	BITS      Agent = "bits"      // the background transfer service
	DO        Agent = "do"        // Delivery Optimization
	CryptoAPI Agent = "cryptoapi" // trust lists and revocation, for whoever verifies a certificate
	NCSI      Agent = "ncsi"      // the network connectivity status indicator
)

// A Layer is the part of an agent that meets a trouble: the update agent logs
// the same one differently for a web service and for a file.
type Layer string

// The layers of the agents.
const (
	SOAP  Layer = "soap"  // calls of a web service
	Fetch Layer = "fetch" // files that the update agent fetches for itself
	Job   Layer = "job"   // files that BITS or Delivery Optimization fetch
)

// A Step is one exchange of one agent, as it was captured.
type Step struct {
	Name, Title  string
	Variant      string // which repetition of the row it is; "" for the row itself
	Rung         int64  // of a ladder: how much is tried; 0 for none
	By           Agent
	Layer        Layer
	Kind         *Kind
	Since, Until Windows                 // the versions that make it; the zero Until is the newest
	On           string                  // the connection; steps on one are in sequence, connections side by side
	Behind       string                  // the step that must be done before, by its ID; "" for none
	Send         string                  // the request as captured, with blanks; see fill
	At           string                  // host:port of Microsoft's own server for it, with blanks; "" when none is asked
	Host         *endpoint.Host          // of the URL lists, which it asks; nil for a step of Steps
	Again        func(*Observation) bool // whether the client asks once more; nil for never
	Leave        int64                   // bytes of the body after which the client hangs up; 0 for never
	Rules        []Rule                  // beside those of the kind
	Spare        Reason                  // why a failure is at most a warning; nil for never
	Only         Reason                  // why it is left out; nil for never
	Absent       []*Finding              // when spared: these only say that the server lacks what was tried
	Opens        bool                    // sent before all others: what it meets, they would meet
	Quick        bool                    // also part of a quick run
	Good         []int                   // statuses beside 2xx that are a good answer of the server
}

// ID names s among all steps of a run.
func (s *Step) ID() string {
	if s.Variant == "" {
		return s.Name
	}
	return s.Name + "@" + s.Variant
}

// A Reason tells why a step is treated otherwise in a run, or "" when it is not.
type Reason func(*Circumstances) string

// Circumstances are what a run knows of itself before it judges.
type Circumstances struct {
	*Profile
	*Target
	Register bool // it may change what the server keeps of its clients
}

// A Kind is a kind of exchange: which rules judge its answer.
type Kind struct {
	Name   string
	Rules  []Rule
	Broken []Rule // asked first of an exchange without a complete and good answer
	Text   bool   // the whole body is kept, for rules that read it

	AnyStatus bool // any answer of the server itself is good
	Silent    bool // it shows nothing by itself, whatever comes
}

// An Observation is what one step looked like to the client: facts only.
type Observation struct {
	*wire.Exchange                  // the last leg, which is judged
	Legs           []*wire.Exchange // those before it: redirects, a login, a HEAD that became a GET
	NoProxy        bool             // no proxy was used
	Direct         *Observation     // the same step without the proxy; nil when it was not tried
	Text           []byte           // the body, when the kind keeps it; any xpress coding undone
	KnownText      string           // the body that the server is known to answer; "" when it is not
	Content        string           // host of the files, as the server is known to name it; "" when it is not
	Known          int64            // the size that the file is known to have; -1 when it is not
	File           io.ReaderAt      // its bytes; nil when they are not known
	Trips          int              // how often the client asked for more
	Replayed       bool             // it got the same again
	Recovered      string           // the SOAP fault from which the client recovered; "" for none
	Compared       *Comparison      // with the file that the server is known to hold; nil when it is not known
	Trust          *Trust           // in the certificate of the server; nil without TLS
	Port443        *wire.Exchange   // the same CONNECT to port 443, tried because this one was denied
	Alone          *wire.Exchange   // the same again with no other connection open, tried because this one was turned away
	Witness        *Witness         // what arrived at the server; nil when it does not tell
	Before         []*Witness       // the same for each of the legs
	Name           *Name            // of the machine to which its connection goes; nil where nobody was asked for it
	Past           Past             // what the steps before saw
	Host           *endpoint.Host   // of the URL lists, which was asked; nil for another server
	Impossible     *wire.Exchange   // the same asked of a host that cannot exist: what answers that is no server; nil when it was not asked
	Again          *wire.Exchange   // the same once more, of a host that a gateway did not reach; nil when it was not tried
	Control        *Observation     // the same asked of a name that nobody has, under the same wildcard; nil when it was not asked
	Signed         bool             // other hosts of the lists answer with signs of their servers, which so come through
	WantsTLS       bool             // nothing was answered in clear, and a handshake is

	response *error // why Text is no answer to the call; nil until it is asked
}

// Past holds the observations of earlier steps, by ID.
type Past map[string]*Observation

// answer is the answer that an earlier step got, or a zero head.
func (p Past) answer(step string) wire.Head {
	if o := p[step]; o != nil {
		return o.Answer
	}
	return wire.Head{}
}

// reply is the answer by which o is judged: the server's, or what the proxy
// said to CONNECT when it did not open the tunnel.
func (o *Observation) reply() (wire.Head, wire.Body) {
	if o.Stopped == wire.Tunnel && o.Tunnel != nil {
		return o.Tunnel.Answer, o.Tunnel.Body
	}
	return o.Answer, o.Body
}

// An Owner is who must act.
type Owner string

// Owners.
const (
	Proxy   Owner = "proxy"   // whoever runs the proxy
	Network Owner = "network" // whoever runs name service, firewalls and routes
	Server  Owner = "server"  // whoever runs the update server
	Machine Owner = "client"  // whoever configures the clients
	Unknown Owner = "unknown" // the evidence does not tell
)

// A Grade is how bad a finding is.
type Grade string

// Grades.
const (
	Fail Grade = "fail"
	Warn Grade = "warn"
	Note Grade = "note"
)

// An Effect is what a finding does to updates.
type Effect string

// Effects.
const (
	Blocks       Effect = "blocks"
	Degrades     Effect = "degrades"
	Intermittent Effect = "intermittent"
)

// A Finding is one known way to be broken. It is a row of Findings and never
// changes.
type Finding struct {
	Name, Title string
	Source      string // where it is documented
	Owner       Owner  // the default; the evidence may prove another
	Grade       Grade
	Effect      Effect
	Codes       []Coded // none given means by the status of the answer
	NoCode      bool    // Windows logs nothing for it
	Statuses    []int   // that bring it about as a rule, of one without codes
	OnHop       bool    // it is about the connection to the proxy: the server has no part in it
	OfTLS       bool    // it is about the handshake, and not about what is inside

	// What can bring it about on the way: parts of a request that do not arrive as
	// they were sent, and parts of an answer that do not come as they were given, by
	// the names of fields in lower case and those of changes.go. No part of a request
	// when nothing is given, and of an answer its status.
	Asked, Answered []string
	Sole            Symptom `json:"-"` // shows it and can be nobody's doing but the owner's; nil for none

	Condition string // what would make it harmless; "" for nothing
	Explains  []*Finding
	Fix       string // in words; what one types is in Mends
}

// A Coded is the code under which an agent logs a finding.
type Coded struct {
	Agent        Agent
	Layer        Layer   // "" for every layer
	Since, Until Windows // "" for the oldest and the newest
	Code         wuerr.Code
	Source       string
	Sure         Sure
}

// Sure is how sure a claim about Windows is.
type Sure string

// How sure a claim is.
const (
	Documented Sure = "documented"
	Seen       Sure = "seen"   // in a log or a capture
	Unsure     Sure = "unsure" // inferred, or the sources disagree
)

// A Verdict is one finding of one step.
type Verdict struct {
	Finding  *Finding
	Grade    Grade
	Owner    Owner
	Evidence string
}
