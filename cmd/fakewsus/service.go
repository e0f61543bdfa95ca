package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// idle is how long IIS keeps a connection open without a request.
const idle = 120 * time.Second

// Times at the end: for answers to come to theirs, and for those that were cut
// off, and for the log, to be left.
const (
	grace   = time.Second
	leaving = 2 * time.Second
)

// A service is a server on its sockets, with its books.
type service struct {
	server *sim.Server
	book   *wsus.Book
	log    *wsus.Log // nil for none
	logTo  io.Closer // nil for none, and for stdout
	sites  []*site
}

// A site is a socket, and what is served on it.
type site struct {
	scheme string
	files  bool // and nothing else
	socket *listener
	http   *http.Server
	serves sync.WaitGroup // while connections are taken
	left   sync.WaitGroup // when all connections and handlers have come to their end
}

// newService makes what an offer describes. It listens already, and does not
// serve yet.
func newService(o *offer, stdout, stderr io.Writer) (s *service, err error) {
	s = &service{book: wsus.NewBook()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.server, err = sim.NewServer(o.faults...); err != nil {
		return s, usage("--fault: %w", err)
	}
	s.server.Size, s.server.Sizes, s.server.Updates = o.size, o.sizes, o.updates
	if o.updates == 0 {
		s.server.Updates = -1
	}
	s.server.Refuse = either(o.refusals, s.server.Refuse)
	if err := s.listen(o); err != nil {
		return s, err
	}
	if o.caOut != "" {
		if err := os.WriteFile(o.caOut, s.server.Authority.PEM(), 0o644); err != nil {
			return s, usage("--ca-out: %w", err)
		}
	}
	if err := s.openLog(o, stdout, stderr); err != nil {
		return s, err
	}
	s.assemble()
	return s, nil
}

// either refuses what r does, and what a fault does, if there is one.
func either(r *refusals, fault func(client, operation string) string) func(client, operation string) string {
	if r == nil {
		return fault
	}
	return func(client, operation string) string {
		if code := r.refuse(client, operation); code != "" || fault == nil {
			return code
		}
		return fault(client, operation)
	}
}

// listen opens the sockets. That in clear comes first.
func (s *service) listen(o *offer) error {
	for _, want := range []struct {
		flag, address string
		site          *site
	}{
		{"--listen", o.listen, &site{scheme: "http"}},
		{"--listen-tls", o.listenTLS, &site{scheme: "https"}},
		{"--listen-files", o.listenFiles, &site{scheme: "http", files: true}},
	} {
		if want.address == "" && want.flag != "--listen" {
			continue
		}
		if !hasPort(want.address) { // where none is named, any would do
			return usage("%s %q: want an address such as 127.0.0.1:8530", want.flag, want.address)
		}
		var err error
		if want.site.socket, err = listen(want.address); err != nil {
			return usage("%s: %w", want.flag, err)
		}
		s.sites = append(s.sites, want.site)
	}
	return nil
}

// hasPort tells whether an address has a port.
func hasPort(address string) bool {
	_, port, err := net.SplitHostPort(address)
	return err == nil && port != ""
}

// openLog begins the log that the flags want.
func (s *service) openLog(o *offer, stdout, stderr io.Writer) error {
	to := stdout
	switch o.log {
	case "":
		return nil
	case "-":
	default:
		file, err := os.OpenFile(o.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY|nonblocking, 0o644)
		switch {
		case errors.Is(err, syscall.ENXIO):
			return usage("--log %s: it is a pipe, and no program reads it", o.log)
		case err != nil:
			return usage("--log: %w", err)
		}
		to, s.logTo = file, file
	}
	s.log = wsus.NewLog(to, o.form, func(err error) {
		fmt.Fprintf(stderr, "fakewsus: --log: lines are lost: %v; the status page counts them\n", err)
	})
	return nil
}

// assemble puts the server on its sites, and the books around it.
func (s *service) assemble() {
	w := s.server.Witness
	w.Observe = append(w.Observe, s.book.Observe)
	if s.log != nil {
		w.Observe = append(w.Observe, s.log.Observe)
	}
	page := &wsus.StatusPage{Book: s.book, Log: s.log, Version: version, Started: time.Now()}
	whole := s.book.Handler(page.Handler(s.server.Handler))
	for _, site := range s.sites {
		h := whole
		if site.files {
			h = wsus.FilesAlone(s.server.Handler)
		}
		if site.scheme == "https" {
			s.server.TLSPort = site.port()
			s.server.FilesPort = s.filesPort(site.port())
		}
		site.http = &http.Server{Handler: site.counted(w.Handler(h)), IdleTimeout: idle, ReadTimeout: idle, ReadHeaderTimeout: idle,
			MaxHeaderBytes: 64 << 10, ErrorLog: log.New(io.Discard, "", 0)}
		w.Attach(site.http)
		site.countConns()
	}
}

// counted is h, whose end s waits for.
func (s *site) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.left.Add(1)
		defer s.left.Done()
		h.ServeHTTP(w, r)
	})
}

// countConns lets s wait for the end of each connection, which is behind that of
// its last record. One that was taken over ends with its handler.
func (s *site) countConns() {
	settled := s.http.ConnState
	s.http.ConnState = func(c net.Conn, state http.ConnState) {
		settled(c, state)
		switch state {
		case http.StateNew:
			s.left.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.left.Done()
		}
	}
}

// filesPort is the port in the URLs of files that clients are given through TLS:
// "" for the one that a WSUS would name (wire.md 7.1), where files are there.
func (s *service) filesPort(secure string) (port string) {
	usual := "80"
	if n, _ := strconv.Atoi(secure); n != 443 {
		usual = strconv.Itoa(n - 1)
	}
	for _, site := range s.sites {
		switch {
		case site.scheme == "https":
		case site.port() == usual:
			return ""
		case port == "" || site.files:
			port = site.port()
		}
	}
	return port
}

// announcement says where it serves, and names a file that any client can fetch.
func (s *service) announcement() string {
	var text strings.Builder
	for _, site := range s.sites {
		what := "serving on"
		if site.files {
			what = "files alone on"
		}
		fmt.Fprintf(&text, "%s %s://%s\n", what, site.scheme, site.socket.Addr())
	}
	plain := s.sites[0].socket.Addr()
	fmt.Fprintf(&text, "what it was asked: http://%s/\n", plain)
	fmt.Fprintf(&text, "a file of 5 GiB: http://%s%s\n", plain, wusp.NewContent(5<<30, "00000000", ".cab").Path())
	return text.String()
}

// until serves until ctx ends.
func (s *service) until(ctx context.Context) error {
	failed := make(chan error, len(s.sites))
	for _, site := range s.sites {
		var l net.Listener = site.socket
		if site.scheme == "https" {
			l = tls.NewListener(l, s.server.TLS)
		}
		site.serves.Go(func() { failed <- site.http.Serve(s.server.Witness.Listener(l)) })
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// close ends open answers, and then the log, in which they stand.
func (s *service) close() {
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	within(grace+leaving, func() {
		var sites sync.WaitGroup
		for _, site := range s.sites {
			sites.Go(func() { site.end(ending) })
		}
		sites.Wait()
	})
	if s.log != nil {
		within(leaving, s.log.Close)
	}
	if s.logTo != nil {
		s.logTo.Close()
	}
}

// within waits for f, but no longer than d: the program ends anyway.
func within(d time.Duration, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}

// end stops a site, and waits until its connections are left. What has not ended
// with ctx is cut off from below: whoever serves it then closes its record.
func (s *site) end(ctx context.Context) {
	if s.http != nil {
		s.http.Shutdown(ctx)
	}
	s.socket.cut()
	s.serves.Wait()
	s.left.Wait()
}

// port is that of the socket.
func (s *site) port() string {
	_, port, _ := net.SplitHostPort(s.socket.Addr().String())
	return port
}
