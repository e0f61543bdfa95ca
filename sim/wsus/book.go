package wsus

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"proxycheck/probe/wusp"
)

// What a book keeps. What is oldest is forgotten first.
const (
	maxClients  = 10_000
	maxMachines = 10_000
	maxFiles    = 64     // of one machine
	maxAllFiles = 32_768 // of all machines
	maxSpans    = 32     // of one file
	maxNames    = 8      // of one client, and as many addresses, proxies and events
	maxPath     = 200    // characters
)

// A Book is what a server knows of its clients by what they asked of it: which
// scanned, how they came, and which parts of which files they fetched. It is
// bounded however many there are.
type Book struct {
	mu       sync.Mutex
	totals   Totals
	clients  shelf[client]
	machines shelf[machine]
	files    int // of all machines
}

// Totals are sums over all that a server was asked.
type Totals struct {
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`    // sent behind the heads of answers
	Calls    int64 `json:"calls"`    // of web services
	Parts    int64 `json:"parts"`    // answers with a part of a file
	Wholes   int64 `json:"wholes"`   // answers with a whole file
	Refused  int64 `json:"refused"`  // answers with a status of 400 or more
	Unended  int64 `json:"unended"`  // requests without an answer
	Clients  int   `json:"clients"`  // by their ids
	Machines int   `json:"machines"` // that fetched files, by their addresses
}

// A client is one SusClientId.
type client struct {
	names     []string // under which it is known in the DNS, the latest last
	addresses []string // as far as they can be seen
	proxies   []string // that it came through, and directly
	computer  Computer
	events    []int // that it reported, the latest last
	begun     int   // scans
	finished  int
	scan      scan
	last      time.Time
}

// A Computer is what a client says of itself when it registers.
type Computer struct {
	OS    string `json:"os,omitempty"` // its version, as 10.0.26200
	Model string `json:"model,omitempty"`
}

// A scan is the one that a client makes.
type scan struct {
	open     bool      // begun, and its end did not come
	anew     bool      // the next call for updates begins another
	inVain   int       // begun before it in a row, and not finished
	lastCall time.Time // for updates
}

// A machine is what fetches files: an address, as a fetch names no client.
type machine struct {
	files []*fetched // the latest first
	last  time.Time
}

// A fetched file is one of which a machine fetched something.
type fetched struct {
	path    string
	proxies []string // that it was asked for through, and directly
	spans   []span   // that were asked for, the latest last; those that touch are one
	parts   int      // answers with a part
	agent   string   // the program that asked for the first of them
	wholes  int      // answers with all of it
	late    int      // those of them that came behind a part
	bytes   int64
	last    time.Time
}

// NewBook is a book in which nothing is written.
func NewBook() *Book {
	return &Book{clients: newShelf[client](maxClients), machines: newShelf[machine](maxMachines)}
}

// Observe takes in a request that has ended.
func (b *Book) Observe(r *Record) {
	g := glanceAt(r.Head)
	status := statusOf(r.Answer)
	came := arrivalOf(r, &g)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.totals.add(r, status)
	if r.Client != "" {
		b.client(r.Client).observe(r, status, came)
	}
	if isFetch(&g, r, status) {
		b.fetch(r, &g, status, came)
	}
}

func (t *Totals) add(r *Record, status int) {
	t.Requests++
	t.Bytes += r.Sent
	if r.Operation != "" {
		t.Calls++
	}
	switch {
	case status == 0:
		t.Unended++
	case status >= 400:
		t.Refused++
	}
}

// A came is how a request came.
type came struct {
	address string // of its machine, as far as it can be seen
	proxy   string // that it came through; Directly when none shows
}

// What stands for no proxy, as far as the server can see, and for a way on which
// none would show.
const (
	Directly  = "directly"
	Encrypted = "by TLS"
)

// arrivalOf is how r came. A proxy shows by Via, or else by X-Forwarded-For, and
// then its address has to do for its name.
func arrivalOf(r *Record, g *glance) came {
	peer := hostOf(r.From)
	c := came{address: peer, proxy: Directly}
	if len(g.forwarded) > 0 {
		first, _, _ := bytes.Cut(g.forwarded, []byte(","))
		c.address, c.proxy = visible(bytes.TrimSpace(first), maxName), "unnamed at "+peer
	}
	if r.TLS && c.proxy == Directly { // a tunnel looks like none
		c.proxy = Encrypted
	}
	if len(g.via) > 0 {
		c.proxy = visible(g.via, maxName)
	}
	return c
}

// visible is s as it may be shown anywhere.
func visible[S ~string | ~[]byte](s S, most int) string {
	return string(appendVisible(nil, []byte(s), most, &textForm))
}

// client is the one with an id.
func (b *Book) client(id string) *client { return b.clients.get(visible(id, maxName), nil) }

// observe takes in a request of c.
func (c *client) observe(r *Record, status int, how came) {
	c.last = r.Ended
	c.addresses = remember(c.addresses, how.address)
	c.proxies = remember(c.proxies, how.proxy)
	if r.DNS != "" {
		c.names = remember(c.names, strings.ToLower(visible(r.DNS, maxName)))
	}
	if step := scanSteps[r.Operation]; step != nil && status == 200 {
		step(c, r)
	}
}

// scanSteps are what the calls of a client say of its scan, by operation. Those
// that were refused say nothing.
var scanSteps = map[string]func(*client, *Record){
	"GetConfig":              (*client).setOut,
	"GetConfig2":             (*client).setOut,
	"GetAuthorizationCookie": (*client).setOut,
	"GetCookie":              (*client).setOut,
	"SyncUpdates":            (*client).askForUpdates,
	"ReportEventBatch":       (*client).report,
}

// scanPause is the time without a call for updates after which the next one
// begins another scan. In a LAN they come a quarter of a second after one another
// (wire.md 3.4).
const scanPause = time.Minute

func (c *client) setOut(*Record) { c.scan.anew = true }

// askForUpdates begins a scan, or goes on with it. What follows the end at once,
// as the call for drivers does, is still the same one.
func (c *client) askForUpdates(r *Record) {
	s := &c.scan
	if s.anew || s.lastCall.IsZero() || r.At.Sub(s.lastCall) > scanPause {
		if s.open {
			s.inVain++
		}
		c.begun++
		s.open = true
	}
	s.anew, s.lastCall = false, r.Ended
	if r.Last {
		c.finish()
	}
}

func (c *client) report(*Record) {
	c.finish()
	c.scan.anew = true
}

// finish ends the scan under way.
func (c *client) finish() {
	if c.scan.open {
		c.finished++
	}
	c.scan.open, c.scan.inVain = false, 0
}

// told reads what a client can tell of itself, by operation.
var told = map[string]func(body []byte) (learn func(*client)){
	"RegisterComputer": computerIn,
	"ReportEventBatch": eventsIn,
}

// Handler is h with an eye on what clients tell of themselves. It belongs within
// the handler of a witness, which knows who they are.
func (b *Book) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		n := notedOf(r)
		take := told[n.Operation]
		if take == nil || n.Client == "" || !n.Well {
			return
		}
		learn := take(n.body) // which takes its time
		b.mu.Lock()
		defer b.mu.Unlock()
		learn(b.client(n.Client))
	})
}

// computerIn is what a computer says of itself (wire.md 3.5).
func computerIn(body []byte) func(*client) {
	text := func(name string) string {
		return visible(strings.TrimSpace(wusp.Element(body, "RegisterComputer/computerInfo/"+name)), maxName)
	}
	computer := Computer{
		OS:    strings.Trim(text("OSMajorVersion")+"."+text("OSMinorVersion")+"."+text("OSBuildNumber"), "."),
		Model: strings.TrimSpace(text("ComputerManufacturer") + " " + text("ComputerModel")),
	}
	return func(c *client) { c.computer = computer }
}

// eventsIn are the numbers of the events that a client reports.
func eventsIn(body []byte) func(*client) {
	var events []int
	for _, text := range wusp.Elements(body, "ReportEventBatch/eventBatch/ReportingEvent/BasicData/EventID") {
		if id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
			events = append(events, int(id))
		}
	}
	return func(c *client) {
		for _, id := range events {
			c.events = remember(c.events, id)
		}
	}
}

// isFetch tells whether r got a file, or a part of one.
func isFetch(g *glance, r *Record, status int) bool {
	return (status == 200 || status == 206) && r.Operation == "" && string(g.method) == "GET" && isFile(g.target)
}

// isFile tells whether a target is that of a file, and not of what this server
// says of itself.
func isFile(target []byte) bool {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return len(path) > 1 && !bytes.HasPrefix(path, []byte("/.proxycheck/")) &&
		!bytes.HasSuffix(bytes.ToLower(path), []byte(".asmx"))
}

// fetch takes in that a machine got a file, or a part of one.
func (b *Book) fetch(r *Record, g *glance, status int, how came) {
	m := b.machines.get(how.address, func(m *machine) { b.files -= len(m.files) })
	m.last = r.Ended
	path, _, _ := bytes.Cut(g.target, []byte("?"))
	f := b.file(m, path)
	f.last = r.Ended
	f.proxies = remember(f.proxies, how.proxy)
	f.bytes += r.Sent
	if status == 206 {
		b.totals.Parts++
		f.parts++
		if f.agent == "" {
			f.agent = visible(g.userAgent, maxName)
		}
		for _, s := range spansOf(g.ranges) {
			f.spans = cover(f.spans, s)
		}
		return
	}
	b.totals.Wholes++
	f.wholes++
	if f.parts > 0 && len(g.ranges) == 0 && f.agent == visible(g.userAgent, maxName) { // another program is another client
		f.late++
	}
}

// file is the one at a path, in front of the others of m.
func (b *Book) file(m *machine, path []byte) *fetched {
	var room [maxPath]byte
	name := appendVisible(room[:0], path, maxPath, &textForm)
	i := slices.IndexFunc(m.files, func(f *fetched) bool { return f.path == string(name) })
	if i < 0 {
		if len(m.files) == maxFiles {
			m.files = m.files[:maxFiles-1]
			b.files--
		}
		m.files = append(m.files, &fetched{path: string(name)})
		i = len(m.files) - 1
		for b.files++; b.files > maxAllFiles; {
			b.machines.forget()
		}
	}
	f := m.files[i]
	copy(m.files[1:i+1], m.files[:i])
	m.files[0] = f
	return f
}
