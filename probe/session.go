package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"proxycheck/probe/wire"
)

// A session is a run under way.
type session struct {
	client   *Client
	run      *Run
	dialer   *wire.Dialer
	cv       string
	login    atomic.Int32 // what became of the login: untried, sent or refused
	requests atomic.Int64

	greetsNTLM atomic.Bool  // CONNECT begins with NTLM: the proxy hangs up behind its first 407
	out, in    atomic.Int64 // bytes
	spent      atomic.Int64 // bytes, counted as they pass

	gate     gate
	board    board
	progress sync.Mutex
}

func newSession(c *Client) *session {
	var random [20]byte
	rand.Read(random[:])
	s := &session{client: c, cv: base64.RawStdEncoding.EncodeToString(random[4:])}
	s.run = &Run{ID: cmp.Or(c.id, fmt.Sprintf("%X", random[:4])), Started: time.Now(), Client: c}
	s.dialer = s.dialerWithin(c.Timeout)
	s.dialer.Spend = s.spend
	for _, step := range c.Steps {
		s.run.Results = append(s.run.Results, &Result{Step: step})
	}
	s.board.open(c.Steps)
	s.gate.several = c.Target.Kind == Microsoft
	return s
}

// dialerWithin opens connections as the client does, with a time for each phase and
// no limit of bytes.
func (s *session) dialerWithin(timeout time.Duration) *wire.Dialer {
	return &wire.Dialer{Proxy: s.client.Proxy, Resolver: s.client.Resolver, Search: s.client.Search, Timeout: timeout,
		TLS: s.client.Profile.TLSConfig(), Connect: s.connect, Again: s.connectAgain}
}

// end closes the books of the run.
func (s *session) end(ctx context.Context) *Run {
	r := s.run
	r.Took = time.Since(r.Started)
	r.Requests = int(s.requests.Load())
	r.In, r.Out = s.in.Load(), s.out.Load()
	r.certify()
	r.compareWithNowhere()
	unfinished := slices.ContainsFunc(r.Results, (*Result).unfinished)
	switch {
	case !unfinished:
	case ctx.Err() != nil:
		r.StoppedBy = context.Cause(ctx).Error()
	default: // nothing else leaves a step undone
		r.StoppedBy = errBytes.Error()
	}
	return r
}

// unfinished tells whether the run ended before r could be settled.
func (r *Result) unfinished() bool {
	if r.Observation == nil {
		return !r.Skipped
	}
	return r.Observation.Failure == wire.Stopped
}

// left is how many bytes the run may still move.
func (s *session) left() int64 {
	if s.client.MaxBytes == 0 {
		return math.MaxInt64
	}
	return s.client.MaxBytes - s.spent.Load()
}

// spend counts bytes as they pass, and tells whether the run may go on.
func (s *session) spend(bytes int) bool {
	return s.spent.Add(int64(bytes)) <= s.client.MaxBytes || s.client.MaxBytes == 0
}

// overhead is what an exchange costs beside bodies, in bytes: the heads, and the
// handshake of a tunnel.
const overhead = 4 << 10

// hop is the machine to which a connection for r goes.
func (s *session) hop(r *wire.Request) string {
	if s.client.Proxy != "" {
		return s.client.Proxy
	}
	return r.Authority
}

// connect is the CONNECT that opens a tunnel to authority.
func (s *session) connect(authority string) wire.Head {
	h := wire.Lines(connect)
	h.Start = "CONNECT " + authority + " HTTP/1.1"
	h.Fields[0].Value = authority
	if s.greetsNTLM.Load() {
		return withLogin(h, negotiate())
	}
	return s.authorize(h)
}

// connectAgain is the CONNECT that answers a 407 by the next message of NTLM.
func (s *session) connectAgain(sent, answer wire.Head) (wire.Head, bool) {
	message, ok := s.ntlm(sent, answer)
	return withLogin(sent, message), ok
}

// withLogin is h with a login in the place of any other.
func withLogin(h wire.Head, login string) wire.Head {
	isLogin := func(f wire.Field) bool { return f.Name == authorization }
	h.Fields = append(slices.DeleteFunc(slices.Clone(h.Fields), isLogin), wire.Field{Name: authorization, Value: login})
	return h
}

// What may become of a login. One that was refused is not sent again: each try
// counts towards the account being locked.
const (
	untried int32 = iota
	sent          // and from then on with each request
	refused
)

// authorize adds the login to a request, once the proxy has asked for it.
func (s *session) authorize(h wire.Head) wire.Head {
	if s.login.Load() == sent {
		h.Fields = append(h.Fields, wire.Field{Name: authorization, Value: basic(s.client.Login.User, s.client.Login.Password)})
	}
	return h
}

const authorization = "Proxy-Authorization"

// wantsLogin tells whether x is to be made again with the login.
func (s *session) wantsLogin(x *wire.Exchange) bool {
	reply, _ := (&Observation{Exchange: x}).reply()
	if reply.Status() != 407 || s.client.Login == nil || !offers(reply, "Basic") || offers(reply, "NTLM") {
		return false
	}
	request := x.Sent
	if x.Tunnel != nil {
		request = x.Tunnel.Sent
	}
	if request.Get(authorization) != "" {
		s.login.Store(refused)
		return false
	}
	s.login.CompareAndSwap(untried, sent)
	return s.login.Load() == sent
}

// ntlm is the next message of NTLM for who answers a request with a 407; false
// when there is none. Its messages belong to one connection (wire.md 5.2).
func (s *session) ntlm(request, reply wire.Head) (message string, ok bool) {
	if reply.Status() != 407 || s.client.Login == nil || !offers(reply, "NTLM") || s.login.Load() == refused {
		return "", false
	}
	if request.Get(authorization) == "" {
		return negotiate(), true
	}
	message, err := authenticate(reply.All("Proxy-Authenticate"), s.client.Login.User, s.client.Login.Password)
	if err != nil || len(request.Get(authorization)) > len(negotiate()) { // it was the last message
		s.login.Store(refused)
		return "", false
	}
	return message, true
}

// count adds what passed over the wire to the books.
func (s *session) count(x *wire.Exchange) {
	s.requests.Add(1)
	if x.Tunnel != nil {
		s.requests.Add(1 + int64(len(x.Tunnel.Before)))
	}
	s.out.Add(x.Out)
	s.in.Add(x.In)
}
