package wsus_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim/wsus"
)

// A booked server keeps a book of what it is asked.
type booked struct {
	t    testing.TB
	url  string
	book *wsus.Book
	page *wsus.StatusPage
	seen chan *wsus.Record // of each request, when it stands in the book
}

func newBooked(t testing.TB, s *wsus.Server) *booked {
	b := &booked{t: t, book: wsus.NewBook(), seen: make(chan *wsus.Record, 100)}
	b.page = &wsus.StatusPage{Book: b.book, Version: "devel", Started: time.Now()}
	s.Witness = wsus.NewWitness()
	s.Witness.Observe = []func(*wsus.Record){b.book.Observe, func(r *wsus.Record) { b.seen <- r }}
	server := httptest.NewUnstartedServer(s.Witness.Handler(b.book.Handler(b.page.Handler(s))))
	s.Witness.Attach(server.Config)
	server.Listener = s.Witness.Listener(server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// A visitor comes to a booked server as one client, with header fields of the
// proxy that it comes through.
type visitor struct {
	*booked
	id, dns string
	via     []string
	cookie  string
}

// do makes a request, and waits until it stands in the book.
func (v *visitor) do(method, target, body string, fields ...string) (status int, text string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+target, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for pair := range slices.Chunk(append(fields, v.via...), 2) {
		req.Header[pair[0]] = append(req.Header[pair[0]], pair[1])
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	<-v.seen
	return answer.StatusCode, string(b)
}

// call calls an operation, which succeeds.
func (v *visitor) call(service, operation, content string) string {
	v.t.Helper()
	status, body := v.do("POST", servicePaths[service], envelope(service, operation, content),
		"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"`+service+"/"+operation+`"`)
	if err := wusp.ParseResponse([]byte(body), operation); status != 200 || err != nil {
		v.t.Fatalf("%s is answered %d: %v\n%s", operation, status, err, body)
	}
	return body
}

// begin gets what a scan needs (wire.md 3.4).
func (v *visitor) begin() {
	v.t.Helper()
	change := element(v.call(client, "GetConfig", "<protocolVersion>2.90</protocolVersion>"), "LastChange")
	data := element(v.call(auth, "GetAuthorizationCookie",
		"<clientId>"+wusp.Escape(v.id)+"</clientId><dnsName>"+wusp.Escape(v.dns)+"</dnsName>"), "CookieData")
	v.cookie = cookieIn(v.call(client, "GetCookie", getCookie(data, change, instant(time.Now()))), "GetCookieResult")
}

// page asks for a page of updates, the first of which says that there are more.
func (v *visitor) page() {
	v.t.Helper()
	v.cookie = cookieIn(v.call(client, "SyncUpdates", software(v.cookie, "")), "NewCookie")
}

// drivers makes the pass that ends a scan.
func (v *visitor) drivers() {
	v.t.Helper()
	v.call(client, "SyncUpdates", v.cookie+"<parameters><ExpressQuery>false</ExpressQuery><SkipSoftwareSync>true</SkipSoftwareSync></parameters>")
}

// fetch asks for a part of a file, or for all of it.
func (v *visitor) fetch(file wusp.Content, ranges string) {
	v.t.Helper()
	fields, want := []string{"Range", ranges}, 206
	if ranges == "" {
		fields, want = nil, 200
	}
	if status, _ := v.do("GET", file.Path(), "", fields...); status != want {
		v.t.Fatalf("%s of %s is answered %d", ranges, file.Path(), status)
	}
}

// The ids of two clients.
const (
	oneID   = "7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23"
	otherID = "11111111-2222-4333-8444-555555555555"
)

// A client scans, reports and fetches, and the book has all of it.
func TestBook(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	v := &visitor{booked: b, id: oneID, dns: "PC-17.example", via: []string{"Via", "1.1 squid (squid/5.7)", "X-Forwarded-For", "10.1.2.3, 10.0.0.9"}}
	v.begin()
	v.call(client, "RegisterComputer", v.cookie+"<computerInfo><DnsName>pc-17.example</DnsName><OSMajorVersion>10</OSMajorVersion>"+
		"<OSMinorVersion>0</OSMinorVersion><OSBuildNumber>26200</OSBuildNumber><ComputerManufacturer>LENOVO</ComputerManufacturer>"+
		"<ComputerModel>20XW</ComputerModel></computerInfo>")
	v.page()
	v.page()
	v.drivers()
	file := wusp.NewContent(5000, "7b0b7cc8", ".cab")
	v.fetch(file, "bytes=0-99")
	v.fetch(file, "bytes=1000-1999")
	v.fetch(file, "bytes=100-199, -50")
	v.call(report, "ReportEventBatch", v.cookie+"<clientTime>2025-11-20T18:00:00Z</clientTime><eventBatch>"+event(oneID, 147)+event(oneID, 162)+"</eventBatch>")

	clients := b.book.Scanned()
	if len(clients) != 1 {
		t.Fatalf("%d clients", len(clients))
	}
	got := fmt.Sprintf("%+v", clients[0])
	got = got[:strings.Index(got, " Last:")]
	want := "{Client:7b0b7cc8-6a3f-4a87-b1b5-d5b2ec7f1f23 Names:[pc-17.example] Addresses:[10.1.2.3] Proxies:[1.1 squid (squid/5.7)] " +
		"Computer:{OS:10.0.26200 Model:LENOVO 20XW} Begun:1 Finished:1 Events:[{ID:147 Meaning:detection finished} {ID:162 Meaning:downloaded}]"
	if got != want {
		t.Errorf("the client is\n%s, want\n%s", got, want)
	}
	files := b.book.Fetched()
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	f := files[0]
	if f.Machine != "10.1.2.3" || f.Path != file.Path() || strings.Join(f.Ranges, " ") != "1000-1999 0-199 -50" || f.Parts != 3 || f.Wholes != 0 || f.Bytes < 1250 {
		t.Errorf("the file is %+v", f)
	}
	if n := b.book.Totals(); n.Requests != 11 || n.Calls != 8 || n.Parts != 3 || n.Clients != 1 || n.Machines != 1 || n.Refused != 0 {
		t.Errorf("the totals are %+v", n)
	}
	if found := b.book.Findings(time.Now().Add(time.Hour)); len(found) > 0 {
		t.Errorf("a healthy client shows %+v", found)
	}
}

// event is one as a client reports it (wire.md 3.5).
func event(id string, number int) string {
	return fmt.Sprintf("<ReportingEvent><BasicData><TargetID><Sid>%s</Sid></TargetID><SequenceNumber>1</SequenceNumber>"+
		"<NamespaceID>1</NamespaceID><EventID>%d</EventID><SourceID>101</SourceID></BasicData></ReportingEvent>", id, number)
}

// Each rule is shown by real requests, and shows nothing one step before.
func TestCounts(t *testing.T) {
	file := wusp.NewContent(5000, "7b0b7cc8", ".cab")
	through := func(proxy string) []string { return []string{"Via", "1.1 " + proxy, "X-Forwarded-For", "10.1.2.3"} }
	for _, tt := range []struct {
		name    string
		healthy func(v *visitor)
		then    func(v *visitor)
		later   time.Duration
		want    *probe.Finding
		says    string
	}{
		{"one id, several names", func(v *visitor) { v.begin() },
			func(v *visitor) { v.dns, v.via = "pc-18.example", through("squid"); v.begin() },
			0, probe.ClientIDsDuplicate, oneID + " is the id of pc-17.example, pc-18.example"},
		{"a short name is the same", func(v *visitor) { v.begin(); v.dns = "pc-17"; v.begin() },
			func(v *visitor) { v.dns = "pc-170"; v.begin() },
			0, probe.ClientIDsDuplicate, oneID + " is the id of pc-17.example, pc-170"},
		{"begun, and nothing more", func(v *visitor) { v.begin(); v.page() }, nil,
			10 * time.Minute, probe.ScanUnfinished, oneID + " began a scan, and has asked for nothing since 10m"},
		{"begun three times", func(v *visitor) { v.begin(); v.page(); v.begin(); v.page() }, func(v *visitor) { v.begin(); v.page() },
			0, probe.ScanUnfinished, oneID + " began 3 scans in a row and finished none of them"},
		{"three in a row, after a good one", func(v *visitor) {
			for range 2 {
				v.begin()
				v.page()
			}
			v.drivers()
			for range 2 {
				v.begin()
				v.page()
			}
		}, func(v *visitor) { v.begin(); v.page() },
			0, probe.ScanUnfinished, oneID + " began 3 scans in a row and finished none of them"},
		{"whole after a part", func(v *visitor) { v.fetch(file, ""); v.fetch(file, "bytes=0-9") }, func(v *visitor) { v.fetch(file, "") },
			0, probe.WholeAfterRanges, "10.1.2.3 fetched " + file.Path() + " in parts, and then 1 times as a whole"},
		{"two proxies", func(v *visitor) { v.via = through("squid"); v.begin() }, func(v *visitor) { v.via = through("other"); v.begin() },
			0, probe.ProxiesDiffer, oneID + " came: 1.1 squid; 1.1 other"},
		{"a proxy and none", func(v *visitor) { v.via = nil; v.begin() }, func(v *visitor) { v.via = through("squid"); v.begin() },
			0, probe.ProxiesDiffer, oneID + " came: directly; 1.1 squid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBooked(t, &wsus.Server{Size: 5000})
			v := &visitor{booked: b, id: oneID, dns: "pc-17.example", via: through("squid")}
			tt.healthy(v)
			if found := b.book.Findings(time.Now()); len(found) > 0 {
				t.Errorf("before, it shows %+v", found)
			}
			if tt.then != nil {
				tt.then(v)
			}
			found := b.book.Findings(time.Now().Add(tt.later))
			if len(found) != 1 || found[0].Name != tt.want.Name || found[0].Times != 1 || !strings.HasPrefix(found[0].Evidence[0], tt.says) {
				t.Errorf("it shows %+v, want %s: %s", found, tt.want.Name, tt.says)
			}
		})
	}
}

// Machines with one id come through different proxies because they are several:
// that is no finding of its own. Another client's is.
func TestCountsExplain(t *testing.T) {
	b := newBooked(t, &wsus.Server{Size: 5000})
	for _, came := range []struct{ id, dns, proxy string }{
		{oneID, "pc-17.example", "1.1 squid"}, {oneID, "pc-18.example", "1.1 other"},
		{otherID, "pc-19.example", "1.1 squid"}, {otherID, "pc-19.example", "1.1 other"},
	} {
		v := &visitor{booked: b, id: came.id, dns: came.dns, via: []string{"Via", came.proxy}}
		v.begin()
	}
	found := b.book.Findings(time.Now())
	if len(found) != 2 || found[0].Name != "client-ids-duplicate" || found[1].Name != "proxies-differ" || found[1].Times != 1 || !strings.HasPrefix(found[1].Evidence[0], otherID) {
		t.Errorf("it shows %+v", found)
	}
}

// Each rule shows a finding of the table.
func TestCountRules(t *testing.T) {
	for _, r := range wsus.CountRules {
		if !slices.Contains(probe.Findings, r.Then) {
			t.Errorf("%s is not in the table", r.Then.Name)
		}
	}
}

// A client that recovers from a fault does not begin its scan twice, and a scan
// that was refused has not begun.
func TestBookRefused(t *testing.T) {
	refused := 0
	b := newBooked(t, &wsus.Server{Size: 5000, Refuse: func(_, operation string) string {
		if operation == "SyncUpdates" && refused < 3 {
			refused++
			return "ServerBusy"
		}
		return ""
	}})
	v := &visitor{booked: b, id: oneID, dns: "pc-17.example"}
	for range 3 {
		v.begin()
		status, _ := v.do("POST", servicePaths[client], envelope(client, "SyncUpdates", software(v.cookie, "")),
			"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"`+client+`/SyncUpdates"`)
		if status != 500 {
			t.Fatalf("refused with %d", status)
		}
	}
	v.begin()
	v.page()
	v.page()
	v.drivers()
	c := b.book.Scanned()[0]
	if n := b.book.Totals(); c.Begun != 1 || c.Finished != 1 || n.Refused != 3 {
		t.Errorf("%d scans begun and %d finished; the totals are %+v", c.Begun, c.Finished, n)
	}
}

// asked is the record of a request, with header fields: a call of an operation,
// or a fetch.
func asked(client, operation, target string, fields ...string) *wsus.Record {
	method, answer := "GET", "HTTP/1.1 206 Partial Content\r\n\r\n"
	if operation != "" {
		method, answer = "POST", "HTTP/1.1 200 OK\r\n\r\n"
	}
	r := &wsus.Record{Operation: operation, Ended: evening}
	r.Arrival = wusp.Arrival{At: evening, From: "192.0.2.7:1", Client: client, Sent: 10, Answer: []byte(answer),
		Head: []byte(method + " " + target + " HTTP/1.1\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n")}
	return r
}

// Whatever is asked by however many, the book stays within its bounds.
func TestBookIsBounded(t *testing.T) {
	b := wsus.NewBook()
	for i := range 12_000 {
		b.Observe(asked(fmt.Sprintf("client-%d", i), "SyncUpdates", "/ClientWebService/client.asmx", "X-Forwarded-For: 10.0.0."+fmt.Sprint(i), "Via: 1.1 v"+fmt.Sprint(i)))
		one := asked("the one", "GetConfig", "/ClientWebService/client.asmx", fmt.Sprintf("X-Forwarded-For: 10.0.1.%d", i), fmt.Sprintf("Via: 1.1 w%d", i))
		one.DNS = strings.Repeat("n", 5000) + fmt.Sprint(i)
		b.Observe(one)
		b.Observe(asked("", "", "/Content/"+fmt.Sprint(i), "Range: bytes=0-1", "X-Forwarded-For: 10.0.2."+fmt.Sprint(i)))
		b.Observe(asked("", "", "/Content/"+strings.Repeat("\x01", 500)+fmt.Sprint(i%100), "Range: bytes=5-"))
		b.Observe(asked("", "", "/Content/spans", fmt.Sprintf("Range: bytes=%d-%d", 10*i, 10*i+1)))
	}
	n := b.Totals()
	if n.Clients != 10_000 || n.Machines != 10_000 || n.Requests != 60_000 {
		t.Errorf("the totals are %+v", n)
	}
	one := b.Scanned()[0]
	if one.Client != "the one" || len(one.Names) > 8 || len(one.Addresses) != 8 || len(one.Proxies) != 8 || len(one.Names[0]) > 100 {
		t.Errorf("the one is %+v", one)
	}
	if rows := b.Scanned(); len(rows) != 200 || rows[1].Client != "client-11999" {
		t.Errorf("%d clients are shown; the second is %s", len(rows), rows[1].Client)
	}
	files := b.Fetched()
	i := slices.IndexFunc(files, func(f wsus.Fetched) bool { return f.Path == "/Content/spans" })
	if i < 0 || len(files) != 200 || len(files[i].Ranges) != 32 || files[i].Ranges[31] != "119990-119991" || files[i].Parts != 12_000 {
		t.Errorf("%d files are shown; that of many ranges is %d: %+v", len(files), i, files[max(i, 0)])
	}
	for _, f := range files {
		if len(f.Path) > 200 {
			t.Errorf("a path of %d characters", len(f.Path))
		}
	}
}

// Many machines with many files each cost a bounded memory.
func TestBookMemory(t *testing.T) {
	b := wsus.NewBook()
	before := heap()
	for machine := range 600 {
		for file := range 70 {
			b.Observe(asked("", "", fmt.Sprintf("/Content/%0150d", file), fmt.Sprintf("X-Forwarded-For: 10.1.%d.%d", machine/256, machine%256),
				"Range: bytes=0-1, 10-11, 20-21"))
		}
	}
	if used := heap() - before; used > 32<<20 {
		t.Errorf("42,000 files cost %d MiB", used>>20)
	}
	if n := b.Totals().Machines; n != 512 { // 64 files of each make 32,768
		t.Errorf("%d machines are kept", n)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What no machine fetched is no file, and what is no range is none.
func TestBookOddities(t *testing.T) {
	b := wsus.NewBook()
	for _, target := range []string{"", "/", "/?format=json", "/.proxycheck/hello?1", "/ClientWebService/Client.ASMX", "/clientwebservice/client.asmx?WSDL"} {
		b.Observe(asked("", "", target))
	}
	r := asked("", "", "/Content/a")
	r.Answer = nil
	b.Observe(r)
	if files := b.Fetched(); len(files) != 0 {
		t.Errorf("files: %+v", files)
	}
	for _, field := range []string{"bytes=", "bytes=a-b", "bytes=5-4", "bytes=--5", "bytes=-0", "bytes=-", "lines=0-1", "bytes=--9223372036854775808", "bytes=99999999999999999999-",
		"bytes=3-9223372036854775807", "bytes=0-0, 1-1,4-5"} {
		b.Observe(asked("", "", "/Content/a", "Range: "+field))
	}
	if f := b.Fetched()[0]; strings.Join(f.Ranges, " ") != "0-1 3-" || f.Parts != 11 {
		t.Errorf("the ranges are %v", f.Ranges)
	}
}

// A proxy that names itself nowhere shows by its address; a client by itself does
// not show one.
func TestBookProxies(t *testing.T) {
	b := wsus.NewBook()
	b.Observe(asked("a", "GetConfig", "/", "X-Forwarded-For: 10.1.2.3"))
	b.Observe(asked("b", "GetConfig", "/"))
	b.Observe(asked("c", "GetConfig", "/", "Via: 1.0 x", "X-Forwarded-For: \x1b<b>"))
	got := ""
	for _, c := range b.Scanned() {
		got += c.Client + " " + c.Addresses[0] + " " + c.Proxies[0] + "\n"
	}
	if want := "c \\x1b<b> 1.0 x\nb 192.0.2.7 directly\na 10.1.2.3 unnamed at 192.0.2.7\n"; got != want {
		t.Errorf("they came as\n%swant\n%s", got, want)
	}
}
