package wire

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	errDenied   = errors.New("the proxy did not open the tunnel")
	errTrickled = errors.New("the bytes only trickle")
	errStopped  = errors.New("stopped by us")
)

// maxInterim is the most 1xx answers that are passed over for one request.
const maxInterim = 16

// maxAddresses is the most addresses of one name that are tried: a name server may answer
// with any number.
const maxAddresses = 32

// A Dialer says how connections are opened. What is set in it is not changed by
// use, but it remembers the names that it has resolved, as the DNS Client service of Windows
// does.
type Dialer struct {
	Proxy    string                                       // host:port; "" to connect to the server itself
	Resolver *net.Resolver                                // nil for the system's
	Search   []string                                     // suffixes for a name that has no address by itself; those of the Resolver come first
	Timeout  time.Duration                                // of each phase; of a body, of each read
	Reach    time.Duration                                // of Resolve and Connect, where that is less; 0 for Timeout
	TLS      *tls.Config                                  // what is offered; verification is never enforced
	Connect  func(authority string) Head                  // the CONNECT for it
	Again    func(sent, answer Head) (next Head, ok bool) // the CONNECT that answers a refusal, on the same connection; nil for none
	Spend    func(bytes int) bool                         // tells whether so many more may pass, in either direction; nil for any number

	resolved sync.Map // host -> []netip.Addr, first the one that answered last
}

// Know makes d remember what a name resolves to, so that nobody is asked for it.
func (d *Dialer) Know(host string, addrs []netip.Addr) { d.resolved.Store(host, addrs) }

// A Conn is a connection that is kept from one exchange to the next, and opened
// anew when it cannot be. The zero Conn with a Dialer is ready; it is for one
// goroutine at a time. Close it after use.
type Conn struct {
	*Dialer

	meter *meter        // the socket; nil while there is none
	br    *bufio.Reader // reads from the socket, or from TLS above it
	w     io.Writer
	tls   *tls.ConnectionState
	asked bool   // for a certificate of ours
	to    string // which server the connection is good for; "" for any, in clear through a proxy
}

// Close closes the connection, if there is one.
func (c *Conn) Close() {
	if c.meter != nil {
		c.meter.Close()
		c.meter = nil
	}
}

// Exchange sends r and notes what comes back. A kept connection that turns out
// to be dead before any answer is replaced once, as WinHTTP does; so is one whose
// end is told by an unasked 408 (RFC 9110, 15.5.9).
func (c *Conn) Exchange(ctx context.Context, r *Request) *Exchange {
	if c.to != c.destination(r) {
		c.Close()
	}
	x := c.attempt(ctx, r)
	dead := x.Stopped == FirstByte && len(x.Raw)+len(x.Interim) == 0 && (x.Failure == Cut || x.Failure == Reset)
	if late := x.Answer.Status() == 408 && hangsUp(x.Answer); x.Reused && (dead || late) {
		first := x
		x = c.attempt(ctx, r)
		x.Retried = true
		x.Out, x.In = x.Out+first.Out, x.In+first.In
	}
	return x
}

// destination is the server to which a connection for r is bound.
func (c *Conn) destination(r *Request) string {
	switch {
	case r.TLS:
		return "https://" + r.Authority
	case c.Proxy == "":
		return r.Authority
	}
	return ""
}

// attempt goes from phase to phase and stops at the first that breaks.
func (c *Conn) attempt(ctx context.Context, r *Request) *Exchange {
	x := &Exchange{Authority: r.Authority, Sent: r.Head, SentBody: r.Body,
		Started: time.Now(), Took: map[Phase]time.Duration{}, Reused: c.meter != nil}
	a := &attempt{Conn: c, req: r, x: x, ctx: ctx}
	if x.Reused {
		c.meter.begin(ctx)
	}
	for _, p := range phases {
		if x.Reused && p.opens || p.only != nil && !p.only(a) {
			continue
		}
		start := time.Now()
		x.Stopped = p.Phase
		x.Err = a.timed(p.Phase, p.do)
		x.Took[p.Phase] = time.Since(start)
		if x.Failure = failure(x.Err); x.Err != nil {
			break
		}
	}
	if x.Err == nil {
		x.Stopped = Done
	}
	x.Ended = time.Now()
	a.settle()
	return x
}

// An attempt is an exchange under way.
type attempt struct {
	*Conn
	req   *Request
	x     *Exchange
	ctx   context.Context // of the whole exchange
	host  string          // the name of the other end; "" for one that is given as an address
	addrs []netip.Addr
	port  string
	rest  *sending // what leaves beside the answer; nil when all left before
}

// phases lists what is done in each phase, in order.
var phases = []struct {
	Phase
	opens bool                // done once for a connection
	only  func(*attempt) bool // nil for always
	do    func(*attempt, context.Context) error
}{
	{Resolve, true, nil, (*attempt).resolve},
	{Connect, true, nil, (*attempt).connect},
	{Tunnel, true, func(a *attempt) bool { return a.req.TLS && a.Proxy != "" }, (*attempt).tunnel},
	{Secure, true, func(a *attempt) bool { return a.req.TLS }, (*attempt).secure},
	{FirstByte, false, nil, (*attempt).answer},
	{BodyRead, false, nil, (*attempt).body},
}

// limit is the time of a phase.
func (d *Dialer) limit(p Phase) time.Duration {
	if d.Reach > 0 && (p == Resolve || p == Connect) {
		return min(d.Reach, d.Timeout)
	}
	return d.Timeout
}

// timed does one phase within its time.
func (a *attempt) timed(p Phase, do func(*attempt, context.Context) error) error {
	ctx, cancel := context.WithTimeout(a.ctx, a.limit(p))
	defer cancel()
	if a.meter != nil {
		a.meter.SetDeadline(time.Now().Add(a.Timeout))
	}
	err := a.ctx.Err()
	if err == nil {
		err = do(a, ctx)
	}
	if err != nil && a.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", errStopped, err)
	}
	return err
}

func (a *attempt) resolve(ctx context.Context) error {
	host, port, err := net.SplitHostPort(cmp.Or(a.Proxy, a.req.Authority))
	if err != nil {
		return err
	}
	a.port = port
	if ip, err := netip.ParseAddr(host); err == nil {
		a.addrs = []netip.Addr{ip}
		return nil
	}
	if known, ok := a.resolved.Load(host); ok {
		a.host, a.addrs = host, known.([]netip.Addr)
		return nil
	}
	a.addrs, err = a.lookUp(ctx, host)
	if err == nil {
		a.host = host
		a.resolved.Store(host, a.addrs)
	}
	return err
}

// lookUp resolves a name, by itself and then with each of the suffixes. What it fails by
// is what was said of the name itself.
func (d *Dialer) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	resolver := cmp.Or(d.Resolver, net.DefaultResolver)
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	for _, suffix := range d.Search {
		if err == nil || ctx.Err() != nil {
			break
		}
		if more, err := resolver.LookupNetIP(ctx, "ip", host+"."+suffix+"."); err == nil {
			return more, nil
		}
	}
	return addrs, err
}

// connect tries the addresses in their order, each for its share of the time. The
// one that answers is the first to be tried from then on.
func (a *attempt) connect(ctx context.Context) error {
	var first error
	addrs := a.addrs[:min(len(a.addrs), maxAddresses)]
	for i, ip := range addrs {
		deadline, _ := ctx.Deadline()
		share, start := time.Until(deadline)/time.Duration(len(addrs)-i), time.Now()
		address := net.JoinHostPort(ip.Unmap().String(), a.port)
		conn, err := dial(ctx, address, share, a.host != "" && ip.IsUnspecified())
		a.x.Tried = append(a.x.Tried, Attempted{address, failure(err), time.Since(start)})
		if err == nil {
			a.prefer(i)
			a.use(conn)
			return nil
		}
		first = cmp.Or(first, err)
	}
	return first
}

// dial opens a connection to an address. To nowhere there is none: no name leads to the
// unspecified address, which Linux takes for this machine and Windows for no address.
func dial(ctx context.Context, address string, limit time.Duration, nowhere bool) (net.Conn, error) {
	if nowhere {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", unreachable[0])}
	}
	d := net.Dialer{Timeout: limit}
	return d.DialContext(ctx, "tcp", address)
}

// prefer puts the address that answered before the others of its name.
func (a *attempt) prefer(i int) {
	if i > 0 && a.host != "" {
		addrs := slices.Concat(a.addrs[i:i+1], a.addrs[:i], a.addrs[i+1:])
		a.resolved.Store(a.host, addrs)
	}
}

// use makes conn the connection.
func (a *attempt) use(conn net.Conn) {
	a.meter = &meter{Conn: conn, spend: a.Spend}
	a.meter.begin(a.ctx)
	a.meter.SetDeadline(time.Now().Add(a.Timeout))
	a.br, a.w, a.tls, a.to = bufio.NewReader(a.meter), a.meter, nil, a.destination(a.req)
	a.asked = false
}

// tunnel sends CONNECT, and again as often as the Dialer has an answer to what
// the proxy asks for. What it gets is an exchange of its own, with the page of a
// refusal in its body.
func (a *attempt) tunnel(ctx context.Context) error {
	var before []*Exchange
	for head := a.Connect(a.req.Authority); ; {
		req := &Request{Head: head, Authority: a.req.Authority, Limit: 64 << 10}
		t := &attempt{Conn: a.Conn, req: req, x: &Exchange{Authority: req.Authority, Sent: req.Head, Before: before, Stopped: FirstByte}, ctx: a.ctx}
		a.x.Tunnel = t.x
		if err := t.answer(ctx); err != nil {
			return err
		}
		if t.x.Answer.Status()/100 == 2 {
			t.x.Stopped = Done
			return nil
		}
		t.x.Stopped = BodyRead
		if err := t.body(ctx); err != nil {
			return fmt.Errorf("%w: %w", errDenied, err)
		}
		t.x.Stopped = Done
		if t.x.Body.Framing == ByClose || t.x.Body.Abandoned || hangsUp(t.x.Answer) {
			t.x.Closed = ClosedPeer
			return errDenied
		}
		again := false
		if a.Again != nil && len(before) < maxConnects {
			head, again = a.Again(t.x.Sent, t.x.Answer)
		}
		if !again {
			return errDenied
		}
		before = append(before, t.x)
	}
}

// maxConnects is how often CONNECT is sent again on one connection: NTLM takes
// three in all.
const maxConnects = 3

func (a *attempt) secure(ctx context.Context) error {
	name, _, err := net.SplitHostPort(a.req.Authority)
	if err != nil {
		return err
	}
	config := a.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.InsecureSkipVerify = name, true // judged, not enforced
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		a.asked = true
		return new(tls.Certificate), nil
	}
	conn := tls.Client(buffered{a.meter, a.br}, config)
	err = conn.HandshakeContext(ctx)
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		a.x.Raw = record.RecordHeader[:]
	}
	state := conn.ConnectionState()
	a.br, a.w, a.tls = bufio.NewReader(conn), conn, &state
	return err
}

// answer sends the request and reads heads until one that is final. An answer
// counts also when the request could not be sent to its end: a proxy that
// refuses a long body says so and hangs up, or takes no more of it.
func (a *attempt) answer(context.Context) error {
	var sendErr error
	if message := append(a.req.Head.Bytes(), a.req.Body...); len(a.req.Body) > 0 && len(message) > atOnce {
		a.rest = a.send(message)
	} else {
		_, sendErr = a.w.Write(message)
	}
	err := a.final()
	if err != nil && len(a.x.Raw) == 0 {
		if sendErr = cmp.Or(sendErr, a.rest.cut()); sendErr != nil {
			return fmt.Errorf("sending the request: %w", sendErr)
		}
	}
	return err
}

// final reads heads until one that is final.
func (a *attempt) final() error {
	for range maxInterim + 1 {
		head, raw, err := readHead(a.br)
		a.x.Answer, a.x.Raw = head, raw
		switch {
		case err != nil:
			return err
		case head.Status() == 0:
			return fmt.Errorf("in the status line %.80q: %w", head.Start, errGarbled)
		case head.Status()/100 != 1 || head.Status() == 101:
			return nil
		}
		a.x.Interim = append(a.x.Interim, head)
	}
	return fmt.Errorf("%d interim answers and no final one: %w", len(a.x.Interim), errTooLarge)
}

// body reads the answer's body. Its time-out is for each read, and for the
// whole only when it trickles.
func (a *attempt) body(context.Context) error {
	a.x.Body = frame(a.x.Answer, a.req.Head.Method())
	a.meter.idle, a.meter.got = a.Timeout, 0
	defer func() { a.meter.idle = 0 }()
	shown := io.Discard
	if a.req.Sink != nil {
		shown = cmp.Or(a.req.Sink(a.x.Answer), shown)
	}
	return a.x.Body.read(a.br, a.req.Limit, a.req.Leave, shown)
}

// settle decides what becomes of the connection and notes what passed over it.
func (a *attempt) settle() {
	x := a.x
	if a.meter == nil {
		return
	}
	unsent := a.unsent()
	x.TLS, x.Asked = a.tls, a.asked
	x.Local, x.Remote = a.meter.LocalAddr().String(), a.meter.RemoteAddr().String()
	x.Out, x.In = a.meter.end()
	if extra := a.br.Buffered(); x.Complete() && !x.Body.Abandoned && !x.Body.Left && extra > 0 {
		b, _ := a.br.Peek(min(extra, 512))
		x.Extra = bytes.Clone(b)
	}
	switch {
	case x.Body.Left:
		x.Closed = ClosedUs
	case x.Failure == Cut, x.Failure == Reset,
		x.Complete() && (x.Body.Framing == ByClose || hangsUp(x.Answer)):
		x.Closed = ClosedPeer
	case !x.Complete(), x.Body.Abandoned, len(x.Extra) > 0, unsent, hangsUp(x.Sent):
		x.Closed = ClosedUs
	}
	if x.Closed != StillOpen {
		a.Close()
	}
}

// unsent tells whether some of the request has not left, which now it never
// will.
func (a *attempt) unsent() bool {
	var grace time.Duration
	if a.x.Complete() && !hangsUp(a.x.Answer) {
		grace = lingering
	}
	return a.rest.end(grace) != nil
}

// hangsUp tells whether the sender of h closes the connection behind it.
func hangsUp(h Head) bool {
	options := append(h.All("Connection"), h.All("Proxy-Connection")...)
	if listed(options, "close") {
		return true
	}
	return strings.HasPrefix(h.Start, "HTTP/1.0") && !listed(options, "keep-alive")
}

// listed tells whether a comma-separated list in one of the values has option.
func listed(values []string, option string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), option) {
				return true
			}
		}
	}
	return false
}

// A buffered connection gives back first what a reader has already taken.
type buffered struct {
	net.Conn
	br *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.br.Read(p) }
