package wsus_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"proxycheck/sim/wsus"
)

// A halting body has a text, and its end only when it is let go.
type halting struct {
	text *strings.Reader
	goOn chan struct{}
}

func (h halting) Read(p []byte) (int, error) {
	if n, err := h.text.Read(p); err == nil {
		return n, nil
	}
	<-h.goOn
	return 0, io.EOF
}

// halt begins a call whose body halts, and states its length or not. The answer
// comes when it has been let go.
func halt(h http.Handler, text string, stated int64, goOn chan struct{}) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/ClientWebService/client.asmx", halting{strings.NewReader(text), goOn})
	r.ContentLength = stated
	r.Header.Set("Content-Type", "text/xml")
	r.Header.Set("SOAPAction", `"`+client+`/RegisterComputer"`)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// However many long bodies are begun, few are in memory, and each once. Who waits
// for too long is refused as http.sys does it, and short calls do not wait.
func TestLongBodies(t *testing.T) {
	const clients, most, size = 100, 24, 900_000
	text := "< " + strings.Repeat("x", size) // which is soon seen to be no call
	for name, stated := range map[string]int64{"stated": 1_000_000, "not stated": -1} {
		synctest.Test(t, func(t *testing.T) {
			h := wsus.NewBook().Handler(&wsus.Server{})
			goOn := make(chan struct{})
			var calls sync.WaitGroup
			var mu sync.Mutex
			statuses := map[int]int{}
			before := heap()
			for range clients {
				calls.Go(func() {
					w := halt(h, text, stated, goOn)
					mu.Lock()
					defer mu.Unlock()
					statuses[w.Code]++
				})
			}
			synctest.Wait()
			if took := heap() - before; took > most*(1<<20)*3/2 {
				t.Errorf("%s: %d bodies of %d bytes take %d", name, clients, size, took)
			}
			c := newDirect(h)
			if status, body := c.config(); status != 200 {
				t.Errorf("%s: a short call is answered %d: %s", name, status, body)
			}
			time.Sleep(10 * time.Second) // those of the bubble
			if status, body := c.longConfig(); status != 503 || !strings.Contains(body, "HTTP Error 503. The service is unavailable.") {
				t.Errorf("%s: a long call is answered %d: %s", name, status, body)
			}
			close(goOn)
			calls.Wait()
			if statuses[503] != clients-most || statuses[500] != most {
				t.Errorf("%s: the answers are %v", name, statuses)
			}
			if status, body := c.longConfig(); status != 200 {
				t.Errorf("%s: when there is room, a long call is answered %d: %s", name, status, body)
			}
		})
	}
}

// A direct caller has no connection.
type direct struct{ http.Handler }

func newDirect(h http.Handler) direct { return direct{h} }

func (d direct) call(body string) (int, string) {
	r := httptest.NewRequest("POST", "/ClientWebService/client.asmx", strings.NewReader(body))
	r.Header.Set("Content-Type", "text/xml")
	r.Header.Set("SOAPAction", `"`+client+`/GetConfig"`)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (d direct) config() (int, string) { return d.call(envelope(client, "GetConfig", "")) }

func (d direct) longConfig() (int, string) {
	return d.call(envelope(client, "GetConfig", "") + strings.Repeat(" ", 100_000))
}

// Memory for a body is taken as it comes: a thousand that state a length, and send
// little, take little.
func TestStatedBodies(t *testing.T) {
	const clients = 1000
	synctest.Test(t, func(t *testing.T) {
		s := &wsus.Server{}
		goOn := make(chan struct{})
		var calls sync.WaitGroup
		before := heap()
		for range clients {
			calls.Go(func() { halt(s, "<s:Envelope", 60_000, goOn) })
		}
		synctest.Wait()
		if took := heap() - before; took > clients*(16<<10) {
			t.Errorf("%d bodies of which little came take %d bytes", clients, took)
		}
		close(goOn)
		calls.Wait()
	})
}

// A body that stops is waited for no longer than 15 seconds, and one that goes on
// slowly no longer than two minutes.
func TestSlowBody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		every  time.Duration // a byte comes; 0 for none
		within [2]time.Duration
	}{
		{"stops", 0, [2]time.Duration{15 * time.Second, 16 * time.Second}},
		{"trickles", 10 * time.Second, [2]time.Duration{2 * time.Minute, 121 * time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			server := &http.Server{Handler: &wsus.Server{}}
			l := &oneConn{conn: there, closed: make(chan struct{})}
			done := make(chan error)
			go func() { done <- server.Serve(l) }()
			started := time.Now()
			var writer sync.WaitGroup
			writer.Go(func() {
				_, err := io.WriteString(here, "POST /ClientWebService/client.asmx HTTP/1.1\r\nHost: wsus.test\r\nContent-Type: text/xml\r\nContent-Length: 300\r\n\r\n<s:En")
				for tt.every > 0 && err == nil {
					time.Sleep(tt.every)
					_, err = io.WriteString(here, "v")
				}
			})
			answer, err := io.ReadAll(here)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), "\r\nConnection: close\r\n") {
				t.Errorf("%s: the answer is %q (%v)", tt.name, answer, err)
			}
			if took := time.Since(started); took < tt.within[0] || took > tt.within[1] {
				t.Errorf("%s: it comes after %s", tt.name, took)
			}
			server.Close()
			<-done
			here.Close()
			writer.Wait()
		})
	}
}

// What the book learns of a computer is in the body of its call, however it comes.
func TestBookReadsBody(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	v := &visitor{booked: b, id: oneID, dns: "pc-17.example"}
	v.begin()
	content := v.cookie + "<computerInfo><DnsName>pc-17.example</DnsName><OSMajorVersion>10</OSMajorVersion><OSMinorVersion>0</OSMinorVersion>" +
		"<OSBuildNumber>26200</OSBuildNumber></computerInfo>"
	body := envelope(client, "RegisterComputer", content) + strings.Repeat(" ", 200_000)
	status, text := v.do("POST", "/ClientWebService/client.asmx", body, "Content-Type", "text/xml", "SOAPAction", `"`+client+`/RegisterComputer"`)
	if rows := b.book.Scanned(); status != 200 || len(rows) != 1 || rows[0].Computer.OS != "10.0.26200" {
		t.Errorf("answered %d %s, the book has %+v", status, text, rows)
	}
}
