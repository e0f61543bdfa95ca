package wsus

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRows is how many rows of each table are shown: the latest.
const maxRows = 200

// StatusSchema names the form of a [Status] as JSON.
const StatusSchema = "fakewsus/1"

// A Status is what a server tells an administrator of itself.
type Status struct {
	Schema   string    `json:"schema"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Now      time.Time `json:"now"`
	Totals   Totals    `json:"totals"`
	LogLost  int64     `json:"log_lost"` // lines of the log that could not be written
	Findings []Counted `json:"findings"`
	Clients  []Scanned `json:"clients"` // the latest first, and at most 200
	Files    []Fetched `json:"files"`   // so are these
}

// A Scanned is a client as a [Status] shows it.
type Scanned struct {
	Client    string    `json:"client"`
	Names     []string  `json:"names,omitempty"`
	Addresses []string  `json:"addresses"`
	Proxies   []string  `json:"proxies"` // that it came through; also "directly"
	Computer  Computer  `json:"computer,omitzero"`
	Begun     int       `json:"scans_begun"`
	Finished  int       `json:"scans_finished"`
	Events    []Event   `json:"events,omitempty"` // the latest last
	Last      time.Time `json:"last"`
}

// An Event is one that a client reported.
type Event struct {
	ID      int    `json:"id"`
	Meaning string `json:"meaning,omitempty"` // "" when it is not known
}

// events are what the numbers of events mean (wire.md 3.5).
var events = map[int]string{
	147: "detection finished", 148: "detection failed", 149: "unable to connect", 161: "download failed", 162: "downloaded",
	182: "installation failed", 183: "installed", 184: "installed, restart needed",
}

// A Fetched is a file that a machine fetched, as a [Status] shows it.
type Fetched struct {
	Machine string    `json:"machine"` // its address, as far as it can be seen
	Proxies []string  `json:"proxies"`
	Path    string    `json:"path"`
	Ranges  []string  `json:"ranges,omitempty"` // that were asked for, the latest last; those that touch are one
	Parts   int       `json:"parts"`            // answers with a part
	Wholes  int       `json:"wholes"`           // answers with all of it
	Bytes   int64     `json:"bytes"`
	Last    time.Time `json:"last"`
}

// Totals are those of all that b took in.
func (b *Book) Totals() Totals {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.totals
	t.Clients, t.Machines = b.clients.order.Len(), b.machines.order.Len()
	return t
}

// Scanned are the latest clients.
func (b *Book) Scanned() []Scanned {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := []Scanned{}
	for id, c := range b.clients.all {
		if len(rows) == maxRows {
			break
		}
		rows = append(rows, c.row(id))
	}
	return rows
}

func (c *client) row(id string) Scanned {
	row := Scanned{Client: id, Names: append([]string{}, c.names...), Addresses: append([]string{}, c.addresses...),
		Proxies: append([]string{}, c.proxies...), Computer: c.computer, Begun: c.begun, Finished: c.finished, Last: c.last}
	for _, id := range c.events {
		row.Events = append(row.Events, Event{id, events[id]})
	}
	return row
}

// Fetched are the latest files, by machine.
func (b *Book) Fetched() []Fetched {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := []Fetched{}
	for address, m := range b.machines.all {
		for _, f := range m.files {
			if len(rows) == maxRows {
				return rows
			}
			rows = append(rows, f.row(address))
		}
	}
	return rows
}

func (f *fetched) row(address string) Fetched {
	row := Fetched{Machine: address, Proxies: append([]string{}, f.proxies...), Path: f.path, Parts: f.parts, Wholes: f.wholes,
		Bytes: f.bytes, Last: f.last}
	for _, s := range f.spans {
		row.Ranges = append(row.Ranges, s.String())
	}
	return row
}

// A StatusPage shows what a book knows at the root of a server, where a real one
// has nothing of its own.
type StatusPage struct {
	Book    *Book
	Log     *Log // nil for none
	Version string
	Started time.Time
}

//go:embed status.html
var statusHTML string

var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{
	"join": strings.Join, "ago": ago, "size": size,
}).Parse(statusHTML))

// Handler is h with the page at the root.
func (p *StatusPage) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			p.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ServeHTTP answers with the page, or with the same as JSON for ?format=json and
// for clients that would rather have that.
func (p *StatusPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	h := w.Header()
	format := r.URL.Query().Get("format")
	if format == "" && quality(r, "application/json") > quality(r, "text/html") {
		format = "json"
	}
	switch format {
	case "":
		h.Set("Content-Type", "text/html; charset=utf-8")
		if err := statusTemplate.Execute(&body, p.status()); err != nil {
			panic(err) // the template and the type go together
		}
	case "json":
		h.Set("Content-Type", "application/json")
		text, err := json.MarshalIndent(p.status(), "", "  ")
		if err != nil {
			panic(err) // numbers, strings and times
		}
		body.Write(append(text, '\n'))
	default:
		http.Error(w, "format "+strconv.Quote(visible(format, maxName))+": want json, or none for HTML", http.StatusBadRequest)
		return
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.Write(body.Bytes())
}

// quality is how much a client wants a type that it names, from 0 to 1. Types for
// any other to fit, as */*, do not count.
func quality(r *http.Request, wanted string) (best float64) {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, parameters, err := mime.ParseMediaType(one)
		if err != nil || kind != wanted {
			continue
		}
		q, err := strconv.ParseFloat(cmp.Or(parameters["q"], "1"), 64)
		if err == nil && 0 <= q && q <= 1 {
			best = max(best, q)
		}
	}
	return best
}

// status is the state of things.
func (p *StatusPage) status() Status {
	now := time.Now()
	s := Status{Schema: StatusSchema, Version: p.Version, Started: p.Started.UTC(), Now: now.UTC(), Totals: p.Book.Totals(),
		Findings: p.Book.Findings(now), Clients: p.Book.Scanned(), Files: p.Book.Fetched()}
	if p.Log != nil {
		s.LogLost = p.Log.Lost()
	}
	return s
}

// ago is how long before now something was.
func ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Second:
		return "just now"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	}
	return strconv.Itoa(int(d.Hours())) + " h ago"
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 {
		value, unit = value/1024, unit+1
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + units[unit:unit+1] + "iB"
}
