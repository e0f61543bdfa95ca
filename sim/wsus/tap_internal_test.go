package wsus

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"proxycheck/probe/wusp"
)

// splits feeds text in pieces of n bytes and returns the heads that it has.
func splits(text string, n int) (heads []string, s splitter) {
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		text = text[len(piece):]
		for _, head := range s.feed([]byte(piece)) {
			heads = append(heads, string(head))
		}
	}
	return heads, s
}

func TestSplitter(t *testing.T) {
	const (
		get    = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
		bare   = "GET /b HTTP/1.1\nHost: x\n\n"
		post   = "POST /c HTTP/1.1\r\nHost: x\r\ncontent-LENGTH:  9\r\n\r\n"
		lumped = "POST /d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
		chunks = "4;x=y\r\nGET \r\n0B\r\n\r\nHost: x\r\n\r\n0\r\nTrailer: 1\r\n\r\n"
	)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"one", get, []string{get}},
		{"two at once", get + bare, []string{get, bare}},
		{"a body that looks like a head", post + "GET / \r\n\r" + get, []string{post, get}},
		{"chunks that look like heads", lumped + chunks + get, []string{lumped, get}},
		{"empty lines in front", "\r\n\n" + get, []string{get}},
		{"nothing whole", "GET / HTTP/1.1\r\nHost: x\r\n", nil},
		{"a chunk without a size", lumped + "zz\r\n" + get, []string{lumped}},
		{"a length that is none", "GET /e HTTP/1.1\r\nContent-Length: -4\r\n\r\n" + get, []string{"GET /e HTTP/1.1\r\nContent-Length: -4\r\n\r\n", get}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for n := 1; n <= len(tt.text); n++ {
				got, _ := splits(tt.text, n)
				if len(got) != len(tt.want) {
					t.Fatalf("in pieces of %d bytes: %d heads, want %d: %q", n, len(got), len(tt.want), got)
				}
				for i := range got {
					if got[i] != tt.want[i] {
						t.Fatalf("in pieces of %d bytes: head %d is %q, want %q", n, i, got[i], tt.want[i])
					}
				}
			}
		})
	}
}

// TestSplitterBound checks that a head without an end is not kept for ever.
func TestSplitterBound(t *testing.T) {
	var s splitter
	for range 10 * maxHead / 1000 {
		s.feed(bytes.Repeat([]byte{'x'}, 1000))
		if len(s.head) > maxHead+1000 {
			t.Fatalf("%d bytes are kept", len(s.head))
		}
	}
}

// FuzzSplitter checks that a splitter finds the same heads wherever what comes is
// cut, and that each of them stands in it and ends with an empty line.
func FuzzSplitter(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nxxGET", 3)
	f.Add("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET / HTTP/1.0\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, n int) {
		whole, _ := splits(text, max(len(text), 1))
		pieces, _ := splits(text, 1+n&0x3F)
		if len(whole) != len(pieces) {
			t.Fatalf("%d heads at once, %d in pieces", len(whole), len(pieces))
		}
		rest := text
		for i, head := range whole {
			if head != pieces[i] {
				t.Fatalf("head %d is %q at once and %q in pieces", i, head, pieces[i])
			}
			_, after, found := bytes.Cut([]byte(rest), []byte(head))
			if !found || !bytes.HasSuffix([]byte(head), []byte("\n")) {
				t.Fatalf("%q does not stand in what came, or has no end", head)
			}
			rest = string(after)
		}
	})
}

// TestWitnessBounds checks that what is too old or too much is forgotten, and that
// this is said to whoever asks about that time.
func TestWitnessBounds(t *testing.T) {
	const nonce = "c0ffee00"
	now := time.Now()
	for name, tt := range map[string]struct {
		head    int           // bytes
		records int           // that arrive
		every   time.Duration // one after another, the last now
		kept    int
		since   time.Duration // ago
		lost    bool
	}{
		"few":                     {head: 100, records: 10, kept: 10, since: time.Minute},
		"too many":                {head: 100, records: maxRecords + 10, kept: maxRecords, since: time.Minute, lost: true},
		"too long":                {head: 32 << 10, records: 600, kept: maxKept / (32 << 10), since: time.Minute, lost: true},
		"too old":                 {head: 100, records: 40, every: time.Minute, kept: 16, since: time.Hour, lost: true},
		"too old to be asked for": {head: 100, records: 40, every: time.Minute, kept: 16, since: 5 * time.Minute},
	} {
		w := NewWitness()
		for i := range tt.records {
			r := &Record{witness: w}
			r.Head = append([]byte("GET /Content/"+nonce+" HTTP/1.1\r\n"), make([]byte, tt.head)...)[:tt.head]
			r.At = now.Add(time.Duration(i-tt.records+1) * tt.every)
			w.keep(r)
		}
		if len(w.records) != tt.kept || w.kept != tt.kept*tt.head {
			t.Errorf("%s: %d records of %d bytes are kept, want %d", name, len(w.records), w.kept, tt.kept)
		}
		told := w.testimony(now.Add(-tt.since), []string{nonce})
		if told.Lost != tt.lost {
			t.Errorf("%s: lost %v, want %v", name, told.Lost, tt.lost)
		}
		if len(told.Arrivals) > wusp.MaxArrivals || len(told.Arrivals) == 0 {
			t.Errorf("%s: %d records are told of", name, len(told.Arrivals))
		}
	}
}

// TestBodyIsForgotten checks that the body of a call is at hand while it is
// handled, and not for as long as its connection is kept.
func TestBodyIsForgotten(t *testing.T) {
	const call = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetConfig xmlns="` +
		`http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService"/></s:Body></s:Envelope>`
	w, s := NewWitness(), &Server{}
	var conn *tappedConn
	ended := make(chan []byte, 1)
	w.Observe = []func(*Record){func(*Record) { ended <- conn.noted.body }}
	server := httptest.NewUnstartedServer(w.Handler(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		conn = tappedOf(r)
		s.ServeHTTP(answer, r)
		if string(conn.noted.body) != call {
			t.Errorf("while the call is handled, its body is %q", conn.noted.body)
		}
	})))
	w.Attach(server.Config)
	server.Listener = w.Listener(server.Listener)
	server.Start()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/ClientWebService/client.asmx", strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	r.Header.Set("SOAPAction", `"http://www.microsoft.com/SoftwareDistribution/Server/ClientWebService/GetConfig"`)
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if body := <-ended; answer.StatusCode != 200 || body != nil {
		t.Errorf("behind a call that is answered %s, its body is still %q", answer.Status, body)
	}
}
