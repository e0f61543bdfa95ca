package probe

import (
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
			x := &wire.Exchange{Sent: wire.Lines(head), SentBody: []byte(body), Stopped: wire.Done, Started: started.Add(p.at),
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
					if a := w.closest(); a != nil {
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

// A change that has no part in what the server answered proves nothing.
func TestTelling(t *testing.T) {
	coding := change{field: "accept-encoding", was: "xpress"}
	parts := change{field: "range", was: "bytes=0-1"}
	older := change{field: partVersion, was: "HTTP/1.1", is: "HTTP/1.0"}
	asGet := change{field: partMethod, was: "HEAD", is: "GET"}
	host := change{field: "host", was: "wsus.test", is: "wsus"}
	tests := []struct {
		name, answer string
		asked, want  []change
	}{
		{"lost files", "HTTP/1.1 404 Not Found", []change{coding, parts, older, asGet}, nil},
		{"lost files at another host", "HTTP/1.1 404 Not Found", []change{parts, host}, []change{host}},
		{"a part as a whole", "HTTP/1.1 200 OK", []change{coding, parts}, []change{parts}},
		{"compressed", "HTTP/1.1 200 OK\nContent-Encoding: gzip", []change{coding}, []change{coding}},
		{"a range is refused", "HTTP/1.1 416 Range Not Satisfiable", []change{parts}, []change{parts}},
		{"an old version is refused", "HTTP/1.1 505 HTTP Version Not Supported", []change{older}, []change{older}},
		{"no answer", "", []change{coding, parts}, []change{parts}},
	}
	for _, tt := range tests {
		if got := telling(tt.asked, wire.Lines(tt.answer)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, words(got), words(tt.want))
		}
	}
	server := change{field: "server", was: "Microsoft-IIS/10.0", is: "nginx/1.22.1", expected: slices.Contains(ofHop, "server")}
	if got := harmful([]change{server}); len(got) > 0 {
		t.Errorf("that a proxy names itself is taken for harm: %s", words(got))
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
