//go:build interop

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/sim"
)

// asked are the parts of a file that each step asks for, as BITS and Delivery
// Optimization were captured doing it (wire.md 1.6, 1.8, 4.2, 9), of a file of
// wsus.DefaultSize bytes or of 5 GiB and 7.
var asked = map[string]string{
	"bits-range-first":  "bytes=0-5472",
	"bits-range-second": "bytes=5473-12094",
	"bits-range-third":  "bytes=12095-19645",
	"bits-range-deep":   "bytes=1049576-1053671",
	"bits-range-edge":   "bytes=1046528-1050623",
	"bits-range-last":   "bytes=2117154-2117154",
	"bits-range-beyond": "bytes=2117155-2117254",
	"bits-multi-4":      "bytes=56068-60317,60318-65418,70988-76792,93078-95269",
	"bits-multi-20": "bytes=0-999,5000-5999,10000-10999,15000-15999,20000-20999,25000-25999,30000-30999," +
		"35000-35999,40000-40999,45000-45999,50000-50999,55000-55999,60000-60999,65000-65999," +
		"70000-70999,75000-75999,80000-80999,85000-85999,90000-90999,95000-95999",
	"bits-cut":         "bytes=0-65535",
	"bits-resume":      "bytes=8192-65535",
	"bits-condition":   "bytes=0-5472",
	"bits-big-range":   "bytes=4294968296-4294972391",
	"do-piece":         "bytes=1048576-2097151",
	"do-tail":          "bytes=2097152-2117154",
	"do-small":         "bytes=0-100000",
	"do-probe-1":       "bytes=0-1",
	"do-probe-2":       "bytes=0-1",
	"do-cloud-piece":   "bytes=1048576-2097151",
	"do-cloud-tail":    "bytes=2097152-2117154",
	"do-cloud-quarter": "bytes=0-262143",
}

// askedAgain are those of which less is asked for warm and by a second client.
var askedAgain = map[string]string{
	"do-piece":         "bytes=1048576-1114111",
	"do-small":         "bytes=0-65535",
	"do-cloud-piece":   "bytes=1048576-1114111",
	"do-cloud-quarter": "bytes=0-65535",
}

// askedSince are the versions of Windows since which there are multi-ranges,
// conditions and Delivery Optimization (wire.md 0.4, 1.5, 1.8); others are as old
// as any.
var askedSince = map[string]probe.Windows{
	"bits-multi": probe.Vista, "bits-condition": probe.Vista, "do-": probe.Win10,
}

// wuaOperations are the operations of the web services that each step of a scan
// calls in clear, one after another (wire.md 3.4, 3.5, 3.8).
var wuaOperations = map[string]string{
	"wua-config":        "GetConfig",
	"wua-authorization": "GetAuthorizationCookie",
	"wua-cookie":        "GetCookie",
	"wua-register":      "RegisterComputer",
	"wua-sync":          "SyncUpdates SyncUpdates", // in two pages
	"wua-sync-drivers":  "SyncUpdates",
	"wua-extended":      "GetExtendedUpdateInfo",
	"wua-locations":     "GetFileLocations",
	"wua-report":        "ReportEventBatch",
	"wua-old-cookie":    "GetCookie",
	"wua-changed":       "SyncUpdates GetConfig GetAuthorizationCookie GetCookie SyncUpdates",
	"wua-late-cookie":   "GetCookie",
	"wua-expired":       "SyncUpdates GetAuthorizationCookie GetCookie SyncUpdates",
}

// Wireshark's dissectors take what a run sends for what it is meant to be.
func TestTsharkTakesWhatARunSends(t *testing.T) {
	t.Setenv("HOME", t.TempDir()) // of nobody's preferences
	for _, p := range probe.Profiles {
		t.Run(string(p.Windows), func(t *testing.T) {
			recorded := record(t, startNet(t).Addr())
			r, exit := runJSON(t, "--as", string(p.Windows), "--proxy", "http://"+recorded.address, "--server", "http://"+sim.ServerName+":8530")
			if exit != 0 {
				t.Errorf("exit %d, findings %+v", exit, r.Findings)
			}
			file := recorded.write(t)

			// It knows no xpress, in which the server answers, and warns of it.
			odd := `_ws.malformed || ip.src == 192.0.2.1 && (_ws.expert.severity >= "Warning" || xml.closing_unopened_tag || xml.unrecognized_text)`
			if packets := programOutput(t, "tshark", "-n", "-r", file, "-Y", odd); len(packets) > 0 {
				t.Errorf("malformed or odd are\n%s", packets)
			}
			requests := dissected(t, file)
			heads := byHead(requests)
			inTunnel := wantHeads(t, heads, r)
			if got := len(requests) + inTunnel; got != r.Requests {
				t.Errorf("%d requests are dissected and %d were in tunnels, of %d", len(requests), inTunnel, r.Requests)
			}
			wantRanges(t, heads, r)
			wantOperations(t, heads, r)
			names := programOutput(t, "tshark", "-n", "-r", file, "-Y", "tls.handshake.type == 1", "-T", "fields", "-e", "tls.handshake.extensions_server_name")
			if want := strings.Repeat(sim.ServerName+"\n", tunnels(requests)); string(names) != want {
				t.Errorf("the tunnels are for %q, want %q", names, want)
			}
		})
	}
}

// A dissection is a request as Wireshark's HTTP dissector took it apart.
type dissection struct {
	Method  []string `json:"http.request.method"`
	URI     []string `json:"http.request.uri"`
	Version []string `json:"http.request.version"`
	Lines   []string `json:"http.request.line"`
	Tags    []string `json:"xml.tag"` // of its body
}

// dissected are the requests in a recorded.
func dissected(t *testing.T, file string) []dissection {
	t.Helper()
	var packets []struct {
		Source struct{ Layers dissection } `json:"_source"`
	}
	text := programOutput(t, "tshark", "-n", "-r", file, "-Y", "http.request", "-T", "json",
		"-e", "http.request.method", "-e", "http.request.uri", "-e", "http.request.version", "-e", "http.request.line", "-e", "xml.tag")
	if err := json.Unmarshal(text, &packets); err != nil {
		t.Fatal(err)
	}
	var requests []dissection
	for _, p := range packets {
		requests = append(requests, p.Source.Layers)
	}
	return requests
}

// head is the head of d, put together again.
func (d *dissection) head() string {
	return strings.Join(d.Method, "") + " " + strings.Join(d.URI, "") + " " + strings.Join(d.Version, "") + "\r\n" +
		strings.Join(d.Lines, "") + "\r\n"
}

// field is the value of a field of d, or "".
func (d *dissection) field(name string) string {
	for _, line := range d.Lines {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// operation is that of the web service that d calls: what its SOAPAction and the
// first element in its body say alike, or "".
func (d *dissection) operation() string {
	action := d.field("SOAPAction")
	operation := strings.Trim(action[strings.LastIndexByte(action, '/')+1:], `"`)
	body := slices.IndexFunc(d.Tags, func(tag string) bool { return strings.HasPrefix(tag, "<s:Body") })
	if body < 0 || body+1 == len(d.Tags) || !strings.HasPrefix(d.Tags[body+1], "<"+operation+" ") {
		return ""
	}
	return operation
}

// byHead are the requests by their heads.
func byHead(requests []dissection) map[string]*dissection {
	heads := map[string]*dissection{}
	for i, d := range requests {
		heads[d.head()] = &requests[i]
	}
	return heads
}

// sentFor are the heads that were sent for a step, one after another.
func sentFor(s probe.Played) []string {
	var sent []string
	for _, leg := range s.Legs {
		sent = append(sent, leg.Sent)
	}
	return append(sent, s.Sent)
}

// wantHeads holds the heads that r says were sent against those dissected. It
// returns how many of them nobody can have dissected, for they were in tunnels.
func wantHeads(t *testing.T, heads map[string]*dissection, r probe.Report) (inTunnel int) {
	t.Helper()
	for _, s := range r.Steps {
		for _, text := range sentFor(s) {
			head, inner, _ := strings.Cut(text, "\r\n\r\n")
			if inner != "" {
				inTunnel++
			}
			if head != "" && heads[head+"\r\n\r\n"] == nil {
				t.Errorf("%s: nobody dissected its\n%s", s.ID, head)
			}
		}
	}
	return inTunnel
}

// wantRanges holds the field Range of each step against what is asked for, and
// sees that no step of this Windows is missing.
func wantRanges(t *testing.T, heads map[string]*dissection, r probe.Report) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range r.Steps {
		want := asked[s.Name]
		if less, ok := askedAgain[s.Name]; ok && s.Variant != "" {
			want = less
		}
		if d := heads[s.Sent]; d != nil && d.field("Range") != want {
			t.Errorf("%s: the range is %q, want %q", s.ID, d.field("Range"), want)
		}
		seen[s.Name] = true
	}
	for name := range asked {
		if since := firstAsked(name); r.As.Within(since, "") != seen[name] {
			t.Errorf("%s is made: %v, though there is such since %q", name, seen[name], since)
		}
	}
}

// firstAsked is the version of Windows since which a step is made.
func firstAsked(name string) probe.Windows {
	for prefix, since := range askedSince {
		if strings.HasPrefix(name, prefix) {
			return since
		}
	}
	return ""
}

// wantOperations holds the calls of each step against what it is to call.
func wantOperations(t *testing.T, heads map[string]*dissection, r probe.Report) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range r.Steps {
		var operations []string
		for _, head := range sentFor(s) {
			if d := heads[head]; d != nil && d.field("SOAPAction") != "" {
				operations = append(operations, d.operation())
			}
		}
		if got := strings.Join(operations, " "); got != wuaOperations[s.Name] {
			t.Errorf("%s calls %q, want %q", s.ID, got, wuaOperations[s.Name])
		}
		seen[s.Name] = true
	}
	for name := range wuaOperations {
		if !seen[name] {
			t.Errorf("%s is not made", name)
		}
	}
}

// tunnels is how many of the requests ask for one.
func tunnels(requests []dissection) (n int) {
	for _, d := range requests {
		if slices.Equal(d.Method, []string{"CONNECT"}) {
			n++
		}
	}
	return n
}

// A recording is what passes between clients and a proxy, as a pcap file of the
// packets that it might have passed in. Unlike a live capture, it needs no
// privilege.
type recording struct {
	address  string // where clients connect
	proxy    string // where they are connected to
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	file    bytes.Buffer
	streams uint16
}

// record starts to record what passes to and from the proxy at an address.
func record(t *testing.T, proxy string) *recording {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	r := &recording{address: l.Addr().String(), proxy: proxy, listener: l}
	binary.Write(&r.file, binary.BigEndian, pcapHeader{Magic: 0xA1B2C3D4, Major: 2, Minor: 4, Longest: 1 << 16, LinkType: linkRaw})
	r.serving.Go(r.serve)
	return r
}

// write ends the recording and returns the name of its file.
func (r *recording) write(t *testing.T) string {
	t.Helper()
	r.listener.Close()
	r.serving.Wait()
	name := filepath.Join(t.TempDir(), "run.pcap")
	if err := os.WriteFile(name, r.file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (r *recording) serve() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.serving.Go(func() { r.relay(client) })
	}
}

// relay connects a client to the proxy until either hangs up.
func (r *recording) relay(client net.Conn) {
	defer client.Close()
	proxy, err := net.Dial("tcp", r.proxy)
	if err != nil {
		return
	}
	defer proxy.Close()
	s := r.open()
	var back sync.WaitGroup
	back.Go(func() {
		io.Copy(io.MultiWriter(s.from(1), client), proxy)
		client.Close()
	})
	io.Copy(io.MultiWriter(s.from(0), proxy), client)
	proxy.Close()
	back.Wait()
	s.end()
}

// The machines of a recording (RFC 5737), and the proxy's port, which Wireshark
// takes for that of one by itself.
var machines = [2][4]byte{{192, 0, 2, 1}, {192, 0, 2, 2}}

const proxyPort = 3128

// A stream is one connection of a recording. Its sides are the client, 0, and
// the proxy, 1.
type stream struct {
	by    *recording
	ports [2]uint16
	next  [2]uint32 // sequence number of each side
}

// open records how a connection is made.
func (r *recording) open() *stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams++
	s := &stream{by: r, ports: [2]uint16{49152 + r.streams, proxyPort}}
	s.packet(0, syn, nil)
	s.packet(1, syn|ack, nil)
	s.packet(0, ack, nil)
	return s
}

// end records how both sides end s.
func (s *stream) end() {
	s.by.mu.Lock()
	defer s.by.mu.Unlock()
	s.packet(0, fin|ack, nil)
	s.packet(1, fin|ack, nil)
	s.packet(0, ack, nil)
}

// from records what is written to it as sent by a side of s.
func (s *stream) from(side int) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		s.by.mu.Lock()
		defer s.by.mu.Unlock()
		for segment := range slices.Chunk(p, 1460) { // what Ethernet leaves
			s.packet(side, psh|ack, segment)
		}
		return len(p), nil
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// The flags of a TCP segment (RFC 9293, 3.1).
const fin, syn, psh, ack = 0x01, 0x02, 0x08, 0x10

// packet appends a packet of s to the file.
func (s *stream) packet(side int, flags uint8, payload []byte) {
	var p pcapPacket
	other, now := 1-side, time.Now()
	length := binary.Size(p.IP) + binary.Size(p.TCP) + len(payload)
	p.Sec, p.Usec, p.Captured, p.Length = uint32(now.Unix()), uint32(now.Nanosecond()/1000), uint32(length), uint32(length)
	p.IP.Version, p.IP.Length, p.IP.TTL, p.IP.Protocol = 4<<4|5, uint16(length), 64, 6
	p.IP.From, p.IP.To = machines[side], machines[other]
	p.TCP.From, p.TCP.To, p.TCP.Seq = s.ports[side], s.ports[other], s.next[side]
	p.TCP.Offset, p.TCP.Flags, p.TCP.Window = 5<<4, flags, 1<<16-1
	if flags&ack != 0 {
		p.TCP.Ack = s.next[other]
	}
	binary.Write(&s.by.file, binary.BigEndian, p)
	s.by.file.Write(payload)
	s.next[side] += uint32(len(payload))
	if flags&(syn|fin) != 0 {
		s.next[side]++
	}
}

// A pcapHeader starts a file (draft-ietf-opsawg-pcap).
type pcapHeader struct {
	Magic        uint32 // of a file that counts microseconds
	Major, Minor uint16
	_            uint64
	Longest      uint32 // packet, in bytes
	LinkType     uint32
}

// linkRaw is the type of packets that start with their IP header.
const linkRaw = 101

// A pcapPacket is what stands in front of the payload of a packet. Nobody asks
// for the checksums.
type pcapPacket struct {
	Sec, Usec, Captured, Length uint32
	IP                          struct {
		Version, _    uint8
		Length        uint16
		_             uint32
		TTL, Protocol uint8
		_             uint16
		From, To      [4]byte
	}
	TCP struct {
		From, To      uint16
		Seq, Ack      uint32
		Offset, Flags uint8
		Window        uint16
		_             uint32
	}
}
