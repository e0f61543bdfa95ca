package wsus

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// What a witness keeps: so many requests, bytes of heads, and for so long.
const (
	maxRecords = 8192
	maxKept    = 16 << 20
	maxAge     = 15 * time.Minute
)

// A Record is one request as it arrived, and what became of it. Whoever is told of
// one has it for himself.
type Record struct {
	wusp.Arrival
	Operation string // of a web service, as GetConfig; "" for none
	DNS       string // the name of the machine that its body names; "" for none
	Last      bool   // the answer to SyncUpdates says that there is no more
	Ended     time.Time

	witness *Witness
	mu      sync.Mutex // for what changes while the answer is under way
	begun   []byte     // of the head of the answer, while it is not complete
	sum     uint32     // of what was sent behind it
}

// sent takes in what was written of the answer.
func (r *Record) sent(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Answer != nil {
		r.content(p)
		return
	}
	before, begun := len(r.begun), p
	if before > 0 {
		begun = append(r.begun, p...)
	}
	const end = "\r\n\r\n"
	from := max(before-len(end), 0)
	i := bytes.Index(begun[from:], []byte(end))
	if i < 0 {
		r.begun = bytes.Clone(begun[:min(len(begun), maxHead)])
		return
	}
	head, content := begun[:from+i+len(end)], begun[from+i+len(end):]
	r.begun = nil
	if bytes.HasPrefix(head, []byte("HTTP/1.1 1")) { // the real one is still to come
		return
	}
	r.Answer = bytes.Clone(head[:min(len(head), maxHead)])
	r.content(content)
}

// content takes in what was written behind the head.
func (r *Record) content(p []byte) {
	r.Sent += int64(len(p))
	r.sum = crc32.Update(r.sum, wire.Castagnoli, p)
}

// came takes in how much of the body has come.
func (r *Record) came(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Came = n
}

// leave takes in that the other end is gone.
func (r *Record) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Left = true
}

// note takes in what the handler noted, and the body that it read.
func (r *Record) note(by noted, body *digested) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Operation, r.Client, r.DNS, r.Last = by.Operation, by.Client, by.DNS, by.Last
	if body != nil && body.whole {
		r.Body, r.SHA256 = body.n, hex.EncodeToString(body.hash.Sum(nil))
	}
}

// end settles r.
func (r *Record) end() {
	r.mu.Lock()
	r.Done, r.Ended = true, time.Now()
	told := &Record{Arrival: r.Arrival, Operation: r.Operation, DNS: r.DNS, Last: r.Last, Ended: r.Ended}
	r.mu.Unlock()
	for _, observe := range r.witness.Observe {
		observe(told)
	}
}

// told is what is told of r.
func (r *Record) told() wusp.Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.Arrival
	a.CRC32C = fmt.Sprintf("%08x", r.sum)
	return a
}

// A digested body is read with its digest.
type digested struct {
	io.ReadCloser
	hash  hash.Hash
	n     int64
	whole bool // it was read to its end
}

// digestOf puts a digest around the body of r; it is nil when there is none.
func digestOf(r *http.Request) *digested {
	if r.Body == http.NoBody {
		return nil
	}
	d := &digested{ReadCloser: r.Body, hash: sha256.New()}
	r.Body = d
	return d
}

func (d *digested) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.hash.Write(p[:n])
	d.n += int64(n)
	d.whole = err == io.EOF
	return n, err
}

// A Witness keeps what a server was asked, byte for byte, and tells it to the
// client that can name it. Its fields are set before the server starts.
type Witness struct {
	Observe []func(*Record) // told of each request when its answer has ended, from any goroutine

	path    string
	telling chan bool // has a place for each question that is answered
	conns   atomic.Int64
	mu      sync.Mutex
	records []*Record // in the order in which their answers began
	number  int64     // of the last
	kept    int       // bytes of their heads
	forgot  time.Time // when the last that is not kept any more arrived
}

// NewWitness is a witness at a path that nobody guesses.
func NewWitness() *Witness {
	var key [16]byte
	rand.Read(key[:])
	return &Witness{path: wusp.WitnessPath + hex.EncodeToString(key[:]), telling: make(chan bool, maxTelling)}
}

// Path is where w tells what it has seen.
func (w *Witness) Path() string { return w.path }

// Listener is l with a tap on each of its connections. Around one of TLS it sees
// what is inside.
func (w *Witness) Listener(l net.Listener) net.Listener { return tap{l, w} }

// Attach prepares s to serve what Listener and Handler return.
func (w *Witness) Attach(s *http.Server) { s.ConnContext, s.ConnState = withConn, settled }

// Handler is h with a record of each request. It also tells what was recorded.
func (w *Witness) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		c := tappedOf(r)
		if c == nil {
			h.ServeHTTP(answer, r)
			return
		}
		record, body := c.open(r), digestOf(r)
		defer func() {
			record.note(c.noted, body)
			c.close()
		}()
		if question, ok := strings.CutPrefix(r.URL.Path, w.path+"/"); ok {
			w.tell(answer, question)
			return
		}
		h.ServeHTTP(answer, r)
	})
}

// keep takes r into the books, and what is too old or too much out of them.
func (w *Witness) keep(r *Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	r.Number = w.number
	w.records, w.kept = append(w.records, r), w.kept+len(r.Head)
	for len(w.records) > maxRecords || w.kept > maxKept || r.At.Sub(w.records[0].At) > maxAge {
		w.kept -= len(w.records[0].Head)
		w.forgot = w.records[0].At
		w.records[0], w.records = nil, w.records[1:]
	}
}

// isNonce matches what names a run: its id, or the base of its MS-CV.
var isNonce = regexp.MustCompile(`^([0-9A-Fa-f]{8}|[0-9A-Za-z+/]{16})$`)

var errNotNonce = errors.New("not what names a run")

// maxNonces is how many nonces a client may name.
const maxNonces = 8

// maxTelling is how many questions are answered at once: each takes some MiB.
const maxTelling = 2

// tell answers a question: so many milliseconds and, in hexadecimal, what stands
// in the client's own requests. It stands in the path, for proxies change queries.
func (w *Witness) tell(answer http.ResponseWriter, question string) {
	parts := strings.Split(question, "/")
	within, err := strconv.ParseInt(parts[0], 10, 32)
	var nonces []string
	for _, part := range parts[1:] {
		nonce, decodeErr := hex.DecodeString(part)
		nonces, err = append(nonces, string(nonce)), cmp.Or(err, decodeErr)
		if !isNonce.Match(nonce) {
			err = cmp.Or(err, errNotNonce)
		}
	}
	if err != nil || len(nonces) == 0 || len(nonces) > maxNonces {
		fail(answer, http.StatusBadRequest)
		return
	}
	w.telling <- true
	defer func() { <-w.telling }()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	err = json.NewEncoder(z).Encode(w.testimony(time.Now().Add(-time.Duration(within)*time.Millisecond), nonces))
	if err = cmp.Or(err, z.Close()); err != nil {
		fail(answer, http.StatusInternalServerError)
		return
	}
	sealed := wusp.SealTestimony(packed.Bytes())
	h := answer.Header()
	h.Set("Content-Type", octets)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(sealed)))
	answer.Write(sealed)
}

// testimony is what w knows of the requests since a time that bear a nonce, and
// of those that may be anybody's.
func (w *Witness) testimony(since time.Time, nonces []string) wusp.Testimony {
	w.mu.Lock()
	records := slices.Clone(w.records)
	t := wusp.Testimony{Now: time.Now(), Lost: w.forgot.After(since), Arrivals: []wusp.Arrival{}}
	w.mu.Unlock()
	for _, r := range records {
		if r.At.Before(since) {
			continue
		}
		a := r.told()
		if !names(a, nonces) && !anybodys(a) {
			if !bytes.Contains(a.Head, []byte(wusp.WitnessPath)) {
				t.Others++
			}
			continue
		}
		if len(t.Arrivals) == wusp.MaxArrivals {
			t.Lost = true
			break
		}
		a.Head = withoutSecrets(a.Head, names(a, nonces))
		t.Arrivals = append(t.Arrivals, a)
	}
	return t
}

// names tells whether a bears one of the nonces, in any case.
func names(a wusp.Arrival, nonces []string) bool {
	h := wire.Lines(string(a.Head))
	places := strings.ToLower(h.Target() + "\n" + h.Get("MS-CV") + "\n" + a.Client)
	return slices.ContainsFunc(nonces, func(nonce string) bool { return strings.Contains(places, strings.ToLower(nonce)) })
}

// anybodys tells whether a is for a fixed path, and bears nothing by which its
// client could be known.
func anybodys(a wusp.Arrival) bool {
	h := wire.Lines(string(a.Head))
	path := strings.ToLower(h.Target())
	return a.Client == "" && h.Get("MS-CV") == "" && !strings.Contains(path, "/content/") &&
		!strings.Contains(path, "/filestreamingservice/") && !strings.Contains(path, wusp.HelloPath) && !strings.Contains(path, wusp.WitnessPath)
}

// secret are the fields whose values are not told.
var secret = []string{"authorization", "proxy-authorization", "cookie"}

// withoutSecrets is head with the values of logins hidden and, where it is not the
// asker's own, the signature in its target.
func withoutSecrets(head []byte, own bool) []byte {
	lines := bytes.SplitAfter(head, []byte("\n"))
	for i, line := range lines {
		name, _, ok := strings.Cut(string(line), ":")
		switch {
		case i == 0 && !own:
			if words := bytes.SplitN(line, []byte(" "), 3); len(words) == 3 {
				lines[i] = bytes.Join([][]byte{words[0], withoutSignature(words[1]), words[2]}, []byte(" "))
			}
		case ok && slices.Contains(secret, strings.ToLower(name)):
			lines[i] = []byte(name + ": ***\r\n")
		}
	}
	return bytes.Join(lines, nil)
}
