package probe

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A passage is a request as it left and, perhaps, as it arrived.
type passage struct {
	sent    string        // "" for what no step sent
	at      time.Duration // since the start of the run
	took    time.Duration
	arrived []string
	late    time.Duration // by which it arrived after it left
	conn    int64
}

// runOf is a run of some passages, and what the server tells of it. Its clock is
// ahead by so much.
func runOf(passages []passage, ahead time.Duration) (*Run, *wusp.Testimony) {
	started := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := &Run{ID: "C0FFEE00", Started: started, Client: &Client{}}
	t := &wusp.Testimony{Now: started.Add(ahead)}
	for _, p := range passages {
		if p.sent != "" {
			head, body, _ := strings.Cut(p.sent, "\n\n")
			x := &wire.Exchange{Sent: wire.Lines(head), SentBody: []byte(body), Stopped: wire.Done, Started: started.Add(p.at), Ended: started.Add(p.at + p.took),
				Took: map[wire.Phase]time.Duration{wire.FirstByte: p.took}}
			r.Results = append(r.Results, &Result{Step: &Step{}, Observation: &Observation{Exchange: x}})
		}
		for _, head := range p.arrived {
			t.Arrivals = append(t.Arrivals, wusp.Arrival{Number: int64(len(t.Arrivals) + 1), Conn: p.conn, Done: true,
				At: started.Add(p.at + p.late + ahead), Head: wire.Lines(head).Bytes()})
		}
	}
	return r, t
}

// unknown stands for a step of which the server's word proves nothing.
const unknown = "?"

func TestAttach(t *testing.T) {
	const file = "/Content/C0/0000C0FFEE00C0.cab"
	tests := []struct {
		name     string
		passages []passage
		want     []string // of each step, the start line that arrived, "" for none, or unknown
		byTime   bool
		others   int // requests of other clients
	}{
		{name: "as it was sent", passages: []passage{{sent: "GET http://wsus.test" + file + " HTTP/1.1", took: 5, late: 1, arrived: []string{"GET " + file + " HTTP/1.1"}}},
			want: []string{"GET " + file + " HTTP/1.1"}},
		{name: "slashes merged, query dropped, escapes undone, case changed",
			passages: []passage{{sent: "GET http://wsus.test/a//C0FFEE00/%7bx%7d?P1=1&P2=%2b HTTP/1.1", took: 5, late: 1, arrived: []string{"GET /A/c0ffee00/{x} HTTP/1.0"}}},
			want:     []string{"GET /A/c0ffee00/{x} HTTP/1.0"}},
		{name: "nothing", passages: []passage{{sent: "GET " + file + " HTTP/1.1", took: 5}}, want: []string{""}},
		{name: "nothing, and another path", passages: []passage{{sent: "GET " + file + " HTTP/1.1", took: 5}, {at: 2, arrived: []string{"GET /c0ffee00.cab HTTP/1.1"}}},
			want: []string{unknown}},
		{name: "nothing, and another path at another time", passages: []passage{{sent: "GET " + file + " HTTP/1.1", took: 5}, {at: time.Minute, arrived: []string{"GET /c0ffee00.cab HTTP/1.1"}}},
			want: []string{""}},
		{name: "cold and warm, close together", passages: []passage{
			{sent: "GET " + file + " HTTP/1.1", took: 5, late: 1, arrived: []string{"GET " + file + " HTTP/1.0"}},
			{sent: "GET " + file + " HTTP/1.1", at: 6, took: 5, late: 1, arrived: []string{"GET " + file + " HTTP/1.1"}}},
			want: []string{"GET " + file + " HTTP/1.0", "GET " + file + " HTTP/1.1"}},
		{name: "cold, and warm from a cache", passages: []passage{
			{sent: "GET " + file + " HTTP/1.1", took: time.Second, late: 1, arrived: []string{"GET " + file + " HTTP/1.1"}},
			{sent: "GET " + file + " HTTP/1.1", at: 2 * time.Second, took: time.Second}},
			want: []string{"GET " + file + " HTTP/1.1", ""}},
		{name: "a whole file for its head, and a part from a cache", passages: []passage{
			{sent: "HEAD " + file + " HTTP/1.1\nHost: wsus.test", took: 5, late: 4, arrived: []string{"GET " + file + " HTTP/1.1\nHost: wsus.test"}},
			{sent: "GET " + file + " HTTP/1.1\nRange: bytes=0-1\nHost: wsus.test", at: 5, took: 5}},
			want: []string{"GET " + file + " HTTP/1.1", ""}},
		{name: "side by side, told apart by their method", passages: []passage{
			{sent: "GET " + file + " HTTP/1.1", took: time.Second},
			{sent: "HEAD " + file + " HTTP/1.1", took: time.Second, late: 2, arrived: []string{"HEAD " + file + " HTTP/1.1", "GET " + file + " HTTP/1.1"}}},
			want: []string{"GET " + file + " HTTP/1.1", "HEAD " + file + " HTTP/1.1"}},
		{name: "another call of the same service", passages: []passage{
			{sent: "POST /client.asmx HTTP/1.1\nMS-CV: abcdefghijklmnopqrst.1.0.0.2.1", took: 5},
			{at: 2, arrived: []string{"POST /client.asmx HTTP/1.1\nMS-CV: abcdefghijklmnopqrst.1.0.0.2.2"}}},
			want: []string{unknown}},
		{name: "a fixed path", byTime: true, passages: []passage{{sent: "GET http://wsus.test/ncsi.txt HTTP/1.1", took: 5, late: 1, arrived: []string{"GET /ncsi.txt HTTP/1.1"}}},
			want: []string{"GET /ncsi.txt HTTP/1.1"}},
		{name: "a fixed path, while there are others", others: 1, passages: []passage{{sent: "GET http://wsus.test/ncsi.txt HTTP/1.1", took: 5, late: 1, arrived: []string{"GET /ncsi.txt HTTP/1.1"}}},
			want: []string{unknown}},
		{name: "a path of the run's own, while there are others", others: 1, passages: []passage{{sent: "GET http://wsus.test" + file + " HTTP/1.1", took: 5, late: 1, arrived: []string{"GET " + file + " HTTP/1.1"}}},
			want: []string{"GET " + file + " HTTP/1.1"}},
		{name: "a fixed path that others ask for too", passages: []passage{
			{sent: "GET http://wsus.test/ncsi.txt HTTP/1.1", took: 5, late: 1, conn: 1, arrived: []string{"GET /ncsi.txt HTTP/1.1"}},
			{at: 1, conn: 2, arrived: []string{"GET /ncsi.txt HTTP/1.1"}}},
			want: []string{unknown}},
	}
	for _, tt := range tests {
		for _, ahead := range []time.Duration{0, time.Hour, -time.Hour} {
			r, testimony := runOf(tt.passages, ahead)
			testimony.Others = tt.others
			r.attach(testimony, "abcdefghijklmnopqrstuv", clock{ahead: ahead, slack: 1})
			for i, want := range tt.want {
				w := r.Results[i].Observation.Witness
				got := unknown
				if w != nil {
					got = ""
					if a := w.Closest; a != nil {
						got = a.Request.Start
					}
					if w.ByTime != tt.byTime {
						t.Errorf("%s: by time %v, want %v", tt.name, w.ByTime, tt.byTime)
					}
				}
				if got != want {
					t.Errorf("%s, with the server's clock ahead by %v: of step %d arrived %q, want %q", tt.name, ahead, i, got, want)
				}
			}
		}
	}
}

func TestChanges(t *testing.T) {
	const sent = "GET http://wsus.test/a?b=1 HTTP/1.1\nProxy-Connection: Keep-Alive\nRange: bytes=0-1\nHost: wsus.test"
	tests := []struct {
		name, arrived string
		want          string // of the harmful ones
	}{
		{"in the form of a proxy", "GET /a?b=1 HTTP/1.1\nHost: wsus.test\nRange: bytes=0-1\nVia: 1.1 squid\nConnection: keep-alive\nX-Forwarded-For: 10.0.0.1", ""},
		{"with a field of the proxy's own", "GET /a?b=1 HTTP/1.1\nHost: wsus.test\nRange: bytes=0-1\nCache-Control: max-age=259200\nSurrogate-Capability: x", ""},
		{"without Range", "GET /a?b=1 HTTP/1.1\nHost: wsus.test", `range removed: "bytes=0-1"`},
		{"another Range", "GET /a?b=1 HTTP/1.1\nHost: wsus.test\nRange: bytes=0-9", `range changed: "bytes=0-1" became "bytes=0-9"`},
		{"another target and Host", "GET /a HTTP/1.1\nHost: wsus\nRange: bytes=0-1", `target changed: "/a?b=1" became "/a"; host changed: "wsus.test" became "wsus"`},
		{"HTTP/1.0", "GET /a?b=1 HTTP/1.0\nHost: wsus.test\nRange: bytes=0-1", `version changed: "HTTP/1.1" became "HTTP/1.0"`},
		{"as Traffic Server names the client", "GET /a?b=1 HTTP/1.1\nHost: wsus.test\nRange: bytes=0-1\nClient-ip: 10.0.0.1", ""},
		{"gzip", "GET /a?b=1 HTTP/1.1\nHost: wsus.test\nRange: bytes=0-1\nAccept-Encoding: gzip", `accept-encoding added: "gzip"`},
	}
	for _, tt := range tests {
		a := &Arrival{Arrival: &wusp.Arrival{}, Request: wire.Lines(tt.arrived)}
		if got := words(harmful(requestChanges(&wire.Exchange{Sent: wire.Lines(sent)}, a))); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestMaker holds who made an answer against both ends of the wire: what has no part
// in it proves nothing.
func TestMaker(t *testing.T) {
	const (
		ranged                  = "GET /a HTTP/1.1\nHost: wsus.test\nRange: bytes=0-1\nIf-Unmodified-Since: now\nUser-Agent: BITS"
		ok                      = "HTTP/1.1 200 OK\nContent-Length: 3\nETag: x\nX-Powered-By: ASP.NET"
		part                    = "HTTP/1.1 206 Partial Content\nContent-Length: 2\nContent-Range: bytes 0-1/3"
		down                    = "HTTP/1.1 503 Service Unavailable\nContent-Length: 3\nX-Powered-By: ASP.NET"
		lost                    = "HTTP/1.1 404 Not Found\nContent-Length: 3"
		noRange, noAgent, older = "Range: bytes=0-1\n", "\nUser-Agent: BITS", "HTTP/1.0"
	)
	without := func(text, part string) string { return strings.Replace(text, part, "", 1) }
	tests := []struct {
		name             string
		finding          *Finding
		arrived, replied string // "" for nothing
		came             string
		failure          wire.Failure // of the exchange, "" for none
		more             func(*Arrival)
		earlier          string // the answer to an earlier request for the same
		want             Owner
	}{
		{name: "503 of the server", finding: ServerBehindProxyDown, arrived: ranged, replied: down, came: down, want: Server},
		{name: "and the proxy removes a field of it", finding: ServerBehindProxyDown, arrived: ranged, replied: down, came: without(down, "\nX-Powered-By: ASP.NET"), want: Server},
		{name: "and the proxy hides the agent and speaks HTTP/1.0", finding: ServerBehindProxyDown, arrived: strings.Replace(without(ranged, noAgent), "HTTP/1.1", older, 1), replied: down, came: down, want: Server},
		{name: "503 of the proxy, which asked", finding: ServerBehindProxyDown, arrived: ranged, replied: ok, came: down, want: Proxy},
		{name: "503 of the proxy, which did not", finding: ServerBehindProxyDown, came: down, want: Proxy},
		{name: "403 for an agent that was hidden", finding: RequestDenied, arrived: without(ranged, noAgent), replied: "HTTP/1.1 403 Forbidden", came: "HTTP/1.1 403 Forbidden", want: Proxy},
		{name: "404, and Range was removed", finding: FileMissing, arrived: without(ranged, noRange), replied: lost, came: lost, want: Server},
		{name: "404 at another host", finding: FileMissing, arrived: strings.Replace(ranged, "wsus.test", "wsus", 1), replied: lost, came: lost, want: Proxy},
		{name: "404 that a cache keeps", finding: FileMissing, came: lost, earlier: lost, want: Server},
		{name: "404 of the proxy for what the server gave", finding: FileMissing, came: lost, want: Proxy},
		{name: "what a cache says that it keeps", finding: FileMissing, came: lost + "\nAge: 7", want: ""},
		{name: "Range removed", finding: RangeIgnored, arrived: without(ranged, noRange), replied: ok, came: ok, want: Proxy},
		{name: "Range ignored, and the condition removed", finding: RangeIgnored, arrived: without(ranged, "If-Unmodified-Since: now\n"), replied: ok, came: ok, want: Server},
		{name: "Range ignored, and ETag changed", finding: RangeIgnored, arrived: ranged, replied: ok, came: strings.Replace(ok, "ETag: x", "ETag: W/x", 1), want: Server},
		{name: "Content-Range removed", finding: RangeUnstated, arrived: ranged, replied: part, came: without(part, "\nContent-Range: bytes 0-1/3"), want: Proxy},
		{name: "a cache asked again", finding: DateHidden, arrived: ranged, replied: "HTTP/1.1 304 Not Modified", came: ok, want: ""},
		{name: "no answer in time", finding: ProxySilent, arrived: ranged, failure: wire.Silent, more: func(a *Arrival) { a.Left = true }, want: Server},
		{name: "no answer, and the server hung up", finding: ConnectionClosed, arrived: ranged, failure: wire.Cut, want: Server},
		{name: "no answer, and the proxy hung up", finding: ConnectionClosed, arrived: ranged, failure: wire.Cut, more: func(a *Arrival) { a.Left = true }, want: Proxy},
		{name: "no answer to half a call", finding: ProxySilent, arrived: ranged + "\nContent-Length: 9", failure: wire.Silent, more: func(a *Arrival) { a.Came = 4 }, want: Unknown},
		{name: "the server hung up on a gateway", finding: ServerBehindProxyDown, arrived: ranged, came: "HTTP/1.1 502 Bad Gateway", want: Server},
	}
	for _, tt := range tests {
		x := &wire.Exchange{Sent: wire.Lines(ranged), Answer: wire.Lines(tt.came), Stopped: wire.Done, Failure: tt.failure}
		if tt.came == "" {
			x.Answer, x.Stopped = wire.Head{}, wire.FirstByte
		}
		w := &Witness{}
		if tt.arrived != "" {
			w.Closest = &Arrival{Arrival: &wusp.Arrival{Done: true, Sent: x.Body.Length, CRC32C: "00000000"}, Request: wire.Lines(tt.arrived), Reply: wire.Lines(tt.replied)}
			if tt.more != nil {
				tt.more(w.Closest)
			}
		}
		if tt.earlier != "" {
			w.Earlier = &Arrival{Arrival: &wusp.Arrival{}, Reply: wire.Lines(tt.earlier)}
		}
		if got, because := maker(x, w, tt.finding); got != tt.want {
			t.Errorf("%s: %q (%s), want %q", tt.name, got, because, tt.want)
		}
	}
}

// TestParts checks that each finding names parts of messages that there are.
func TestParts(t *testing.T) {
	parts := []string{partMethod, partTarget, partVersion, partStatus, partBody, partHead}
	for _, f := range Findings {
		for _, name := range slices.Concat(f.Asked, f.Answered) {
			isField := !strings.HasPrefix(name, ":") && name == strings.ToLower(name)
			if !isField && !slices.Contains(parts, name) {
				t.Errorf("%s: %q is no part of a message", f.Name, name)
			}
		}
		if (len(f.Asked)+len(f.Answered) > 0 || f.OfTLS || f.Sole != nil) && !f.disputable() {
			t.Errorf("%s says how it is told who must act, and that is settled", f.Name)
		}
	}
}

// TestTestimonyBounds checks that no more is taken in than a fake WSUS tells, and
// that what it tells is held against ours in time.
func TestTestimonyBounds(t *testing.T) {
	sealed := func(arrivals ...wusp.Arrival) []byte {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		json.NewEncoder(z).Encode(wusp.Testimony{Arrivals: arrivals})
		z.Close()
		return wusp.SealTestimony(packed.Bytes())
	}
	for name, tt := range map[string]struct {
		arrivals []wusp.Arrival
		ok       bool
	}{
		"as much as can be": {make([]wusp.Arrival, wusp.MaxArrivals), true},
		"too many":          {make([]wusp.Arrival, wusp.MaxArrivals+1), false},
		"a long request":    {[]wusp.Arrival{{Head: make([]byte, wusp.MaxArrivalHead+1)}}, false},
		"a long answer":     {[]wusp.Arrival{{Answer: make([]byte, wusp.MaxArrivalHead+1)}}, false},
	} {
		if _, err := wusp.OpenTestimony(sealed(tt.arrivals...)); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many wire.Head // as long as an answer may be that is read
	for i := range 60_000 {
		many.Fields = append(many.Fields, wire.Field{Name: fmt.Sprintf("x%d", i), Value: "y"})
	}
	if got := len(fieldChanges(many, wire.Head{})); got != len(many.Fields) {
		t.Errorf("%d of %d fields are said to be removed", got, len(many.Fields))
	}
}

// FuzzTestimony checks that a testimony is opened as it was sealed, and that none
// is that somebody changed.
func FuzzTestimony(f *testing.F) {
	f.Add([]byte("{}"), 3, byte(1))
	f.Add([]byte("\x1f\x8b"), 70, byte(0))
	f.Fuzz(func(t *testing.T, packed []byte, at int, by byte) {
		sealed := wusp.SealTestimony(packed)
		_, err := wusp.OpenTestimony(sealed)
		if by != 0 && at >= 0 && at < len(sealed) {
			sealed[at] ^= by
			if _, changed := wusp.OpenTestimony(sealed); changed == nil {
				t.Errorf("a testimony that was changed at byte %d is opened (as it was: %v)", at, err)
			}
		}
	})
}

// TestElsewhere checks that a server which cannot have given what came is not
// believed about what did not arrive: there is another one under its name.
func TestElsewhere(t *testing.T) {
	const file = "/Content/C0/0000C0FFEE00C0.cab"
	for _, arrived := range [][]string{nil, {"GET " + file + " HTTP/1.1"}} {
		r, testimony := runOf([]passage{
			{sent: "GET http://wsus.test" + file + " HTTP/1.1", took: 5, late: 1, arrived: arrived},
			{sent: "GET http://wsus.test/c0ffee00.cab HTTP/1.1", at: 10, took: 5},
		}, 0)
		o := r.Results[0].Observation // a file that was just made up came, byte by byte as it must be
		o.Answer, o.Compared = wire.Lines("HTTP/1.1 200 OK"), &Comparison{Length: 100, Differs: -1}
		r.attach(testimony, "abcdefghijklmnopqrstuv", clock{slack: 1})
		several := len(arrived) == 0
		if r.Several != several || (r.Untold != "") != several || (r.Results[1].Observation.Witness == nil) != several {
			t.Errorf("%d of the file arrived: several servers %v (%s), and of another request nothing arrived: %v",
				len(arrived), r.Several, r.Untold, r.Results[1].Observation.Witness != nil)
		}
	}
}

// TestOutrank checks that what is the same without the proxy is not held against it
// in steps that were not tried so.
func TestOutrank(t *testing.T) {
	some := func(who Owner, direct *Observation) *judged {
		return &judged{Result: &Result{Step: &Step{}, Observation: &Observation{Direct: direct}},
			verdicts: []Verdict{{FileMissing, Fail, who, ""}}, proven: []*Finding{FileMissing}}
	}
	for _, tt := range []struct{ tried, want Owner }{{Server, Server}, {Proxy, Proxy}} {
		all := []*judged{some(tt.tried, &Observation{}), some(Proxy, nil)}
		if outrank(all); all[1].verdicts[0].Owner != tt.want {
			t.Errorf("put down to %s where it was tried, and to %s where it was not", tt.tried, all[1].verdicts[0].Owner)
		}
	}
}
