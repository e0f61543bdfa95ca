// Package wire makes one HTTP/1.1 exchange at a time over a connection of its
// own, byte for byte: the request leaves exactly as it is given, and what comes
// back is kept as it came.
//
// Package net/http can do neither half. It sorts and renames the fields of a
// request, adds some and drops others; and of an answer it hides what was
// wrong: the second Content-Length, the page of a refused CONNECT, the coding
// that it undid. That is the evidence here.
//
//	Conn.Exchange(Request) -> Exchange
//
// An exchange never fails with an error. It goes from [Phase] to phase and,
// where one breaks, says how: a pair of phase and [Failure], both from short
// closed lists. All that arrives is bounded in size and time.
package wire

import (
	"crypto/tls"
	"io"
	"time"
)

// A Phase is a stage of an exchange, in the order in which they happen.
type Phase string

// The phases of an exchange. A reused connection starts at FirstByte.
const (
	Resolve   Phase = "resolve"    // the name of the proxy, or of the server when there is none
	Connect   Phase = "connect"    // TCP
	Tunnel    Phase = "tunnel"     // CONNECT and its answer
	Secure    Phase = "secure"     // the TLS handshake inside the tunnel
	FirstByte Phase = "first_byte" // from the request to the end of the answer's head
	BodyRead  Phase = "body"
	Done      Phase = "done"
)

// Doing says in words what an exchange does in p.
func (p Phase) Doing() string { return doing[p] }

var doing = map[Phase]string{
	Resolve: "resolving the name", Connect: "connecting", Tunnel: "opening the tunnel",
	Secure: "the TLS handshake", FirstByte: "waiting for the answer", BodyRead: "reading the body",
	Done: "done",
}

// A Failure is the manner in which a phase broke; "" when it did not.
type Failure string

// The failures of an exchange.
const (
	NoName      Failure = "no such name"
	Refused     Failure = "refused"
	Unreachable Failure = "no route"
	Silent      Failure = "no answer in time"
	Trickled    Failure = "a trickle of bytes"
	Reset       Failure = "reset"
	Cut         Failure = "closed early"
	Denied      Failure = "denied by the proxy"
	NoAgreement Failure = "no TLS in common"
	Garbled     Failure = "not HTTP"
	TooLarge    Failure = "too large"
	NotTLS      Failure = "not TLS"
	NoService   Failure = "no name service"         // the name server is not there, or cannot tell
	Local       Failure = "trouble of this machine" // says nothing about the network
	Stopped     Failure = "stopped by us"           // the context ended: says nothing about the network
)

// A Request is what is to be sent, and to whom.
type Request struct {
	Head      Head
	Body      []byte
	Authority string // host:port of the server that it is for
	TLS       bool   // inside TLS: through a tunnel when there is a proxy
	Sink      Sink   // is shown the answer's body; nil for nobody
	Limit     int64  // of the answer's body; beyond it is abandoned; 0 for none
	Leave     int64  // bytes of it after which we hang up, as a client does that was cut off; 0 for never
}

// A Sink says who is shown the body of an answer, piece by piece, once its head
// is known; nil for nobody. What it returns must not keep the pieces.
type Sink func(answer Head) io.Writer

// An Exchange is one request and what came of it: facts only. Slices in it
// belong to it and are not changed after it is returned.
type Exchange struct {
	Authority string               // whom the request was for
	Tunnel    *Exchange            // the CONNECT that this exchange made; nil when it made none
	Before    []*Exchange          // the CONNECTs that were refused on the same connection before this one
	Sent      Head                 // the request's head, as it left
	SentBody  []byte               // the request's body
	Interim   []Head               // 1xx answers that were passed over
	Answer    Head                 // zero when none came
	Raw       []byte               // the answer's head as it came; of garbage, the start
	Body      Body                 // what is known of the answer's body
	Extra     []byte               // the start of what came behind the answer's end
	TLS       *tls.ConnectionState // of the connection; nil in clear

	Asked   bool   // for a certificate of ours, in a handshake of the connection; there is none
	Reused  bool   // made on a connection that an earlier exchange had opened
	Retried bool   // the kept connection was dead, so a new one was opened
	Closed  Closer // who ended the connection after this exchange
	Local   string // this end's address
	Remote  string // the other end's address

	Tried []Attempted // the addresses to which a connection was tried, in their order; none where one was kept

	Stopped Phase // where it ended; Done when it did not break
	Failure Failure
	Err     error // what the system said, for the log
	Started time.Time
	Ended   time.Time
	Took    map[Phase]time.Duration // of each phase that was entered
	Out, In int64                   // bytes on the wire, with those of TLS and CONNECT
}

// Attempted is an address to which a connection was tried, and what became of it.
type Attempted struct {
	Address string // with its port
	Failure Failure
	Took    time.Duration
}

// A Closer says who ended a connection.
type Closer string

// Who ended a connection.
const (
	StillOpen  Closer = ""
	ClosedPeer Closer = "peer" // the other end closed it, or said that it would
	ClosedUs   Closer = "us"   // it broke, or was of no further use
)

// Duration is the time from the start to the end of x.
func (x *Exchange) Duration() time.Duration {
	var d time.Duration
	for _, t := range x.Took {
		d += t
	}
	return d
}

// Complete tells whether an answer came to its proper end.
func (x *Exchange) Complete() bool { return x.Stopped == Done }
