package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wire"
	"proxycheck/probe/wusp"
)

// A needError says that a request cannot be made without what another step
// finds out.
type needError struct{ step string }

func (e needError) Error() string { return "waits for what " + e.step + " finds out" }

// blank matches a blank in a request: {name}, {name:argument}, {step.Field}, a
// field that the answer to an earlier step had, or {step/Element}, the text of
// an element of its body.
var blank = regexp.MustCompile(`\{([a-z][a-z0-9-]*)(?:([:./])([A-Za-z0-9./-]+))?\}`)

// blanks are what fills the blanks of one request.
type blanks struct {
	*Circumstances
	run    string                       // of the run, eight hexadecimal digits
	cv     string                       // the base of MS-CV
	now    time.Time                    // on the client's clock
	past   Past                         // what earlier steps saw
	lane   *lane                        // the connection
	file   func(argument string) Object // makes up the file that {object} means
	stream func() wusp.Stream           // makes up the one that {stream} means
	step   *Step
	at     string // host:port of Microsoft's server for it
	dry    bool   // what an answer fills stays a blank
	object Object // the file that the request asks for, once it is known
	length int    // of the body
}

// value is what stands for a blank. An empty value of a field that an earlier
// answer lacked takes its line with it.
func (b *blanks) value(name, kind, argument string) (string, error) {
	switch {
	case b.dry && (kind == "." || kind == "/"):
		return "{" + name + kind + argument + "}", nil
	case kind == ".":
		answer := b.past.answer(name)
		if answer.Status() != 200 {
			return "", nil // of a page in the file's place
		}
		return printable(answer.Get(argument)), nil
	case kind == "/":
		return b.element(name, argument)
	}
	filler, ok := fillers[name]
	if !ok {
		return "", fmt.Errorf("no blank is called {%s}", name)
	}
	return filler(b, argument)
}

// element is the text of an element of an earlier answer, as XML; {cookie/...}
// is of the last answer on this connection that had a cookie.
func (b *blanks) element(step, path string) (string, error) {
	var body []byte
	if o := b.past[step]; o != nil {
		body = o.Text
	}
	if step == cookie {
		step, body = "wua-cookie", b.lane.cookie
	}
	text := wusp.Element(body, path)
	if text == "" || len(text) > maxQuoted {
		return "", needError{step}
	}
	return escaped(text), nil
}

// maxQuoted is the longest text of an answer that a later call repeats, in bytes:
// cookies have some hundred.
const maxQuoted = 64 << 10

// cookie stands for the cookie in hand where the names of steps stand.
const cookie = "cookie"

// escaped is s as the text of an element.
func escaped(s string) string {
	var b bytes.Buffer
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

// A filler fills a blank.
type filler func(b *blanks, argument string) (string, error)

// fillers fill the blanks that need no earlier answer, or not always.
var fillers = map[string]filler{
	"host":       always(func(b *blanks) string { return shortHost(b.Host, b.Target.TLS) }),
	"content":    always(func(b *blanks) string { return b.server(b.Content, false) }),
	"address":    always(func(b *blanks) string { return shortHost(b.Address, false) }),
	"tls":        always(func(b *blanks) string { return b.server(b.Secure, true) }),
	"path":       always(func(b *blanks) string { return b.step.Host.Path }),
	"wua":        always(func(b *blanks) string { return b.WUA }),
	"protocol":   always(func(b *blanks) string { return b.Protocol }),
	"bits":       always(func(b *blanks) string { return b.BITS }),
	"do":         always(func(b *blanks) string { return b.DO }),
	"cryptoapi":  always(func(b *blanks) string { return b.CryptoAPI }),
	"ncsi":       always(func(b *blanks) string { return b.NCSI }),
	"ncsi-host":  always(func(b *blanks) string { return ncsiHosts[b.NCSI] }),
	"redirector": always(func(b *blanks) string { return b.Redirector }),
	"run":        always(func(b *blanks) string { return b.run }),
	"ocsp":       always(func(*blanks) string { return wusp.OCSPTarget }),
	"length":     (*blanks).stated,
	"client":     always(func(b *blanks) string { return b.guid("c11e") }),
	"message":    always(func(b *blanks) string { return b.guid("3e55") }),
	"dns":        always(func(b *blanks) string { return "proxycheck-" + strings.ToLower(b.run) }),
	"calls":      always(func(b *blanks) string { return strconv.Itoa(b.lane.calls + 1) }),
	"requests":   always(func(b *blanks) string { return strconv.Itoa(b.lane.requests + 1) }),
	"line":       always(func(b *blanks) string { return b.lane.index() }),
	"known":      always(func(b *blanks) string { return b.lane.known() }),
	"stamp": func(b *blanks, minutes string) (string, error) { // wire.md 2.2
		return b.now.UTC().Add(units(minutes, time.Minute)).Format("0601021504"), nil
	},
	"utc": func(b *blanks, seconds string) (string, error) {
		return b.now.UTC().Add(units(seconds, time.Second)).Format("2006-01-02T15:04:05.0000000Z"), nil
	},
	"os": func(b *blanks, part string) (string, error) {
		return strings.Split(b.Version, ".")[number(part)], nil
	},
	"cv":      func(b *blanks, digits string) (string, error) { return start(b.cv, digits), nil },
	"hex":     func(b *blanks, digits string) (string, error) { return start(fmt.Sprintf("%x", b.cv), digits), nil },
	"other":   func(b *blanks, digits string) (string, error) { return end(fmt.Sprintf("%x", b.cv), digits), nil },
	"filler":  func(_ *blanks, size string) (string, error) { return strings.Repeat("x", number(size)), nil },
	"devices": func(_ *blanks, size string) (string, error) { return devices(number(size)), nil },
	"object": func(b *blanks, argument string) (string, error) {
		b.object = b.file(argument)
		return b.object.Path, nil
	},
	"stream": func(b *blanks, _ string) (string, error) {
		if b.Kind == Microsoft { // which alone can sign a URL
			b.object = b.file("")
			return b.object.Path, nil
		}
		s := b.stream()
		b.object = Object{Path: s.Target(), Size: s.Size, File: s}
		return s.Target(), nil
	},
	"hashes": func(b *blanks, _ string) (string, error) { return b.stream().HashesTarget(), nil },
	"range":  (*blanks).rangeOf,
	"ranges": (*blanks).rangesOf,
}

// server is the host that a request is for, as its fields name it: Microsoft has one
// for each step.
func (b *blanks) server(hostport string, tls bool) string {
	if b.Kind == Microsoft {
		hostport = b.at
	}
	return shortHost(hostport, tls)
}

// ncsiHosts are Microsoft's servers of the paths that NCSI asks for (wire.md 5.6).
var ncsiHosts = map[string]string{"/connecttest.txt": "www.msftconnecttest.com", "/ncsi.txt": "www.msftncsi.com"}

// stated is the length of the body.
func (b *blanks) stated(string) (string, error) {
	if b.length < 0 {
		return "{length}", nil
	}
	return strconv.Itoa(b.length), nil
}

// always is a filler that takes no argument and never fails.
func always(f func(*blanks) string) filler {
	return func(b *blanks, _ string) (string, error) { return f(b), nil }
}

// number is the number that an argument states, or 0.
func number(argument string) int {
	n, _ := strconv.Atoi(argument)
	return n
}

// units is so many times a unit of time.
func units(argument string, unit time.Duration) time.Duration {
	return time.Duration(number(argument)) * unit
}

// start are the first characters of s, as many as the argument states.
func start(s, digits string) string { return s[:min(number(digits), len(s))] }

// end are the last characters of s, as many as the argument states.
func end(s, digits string) string { return s[max(len(s)-number(digits), 0):] }

// guid is an identifier that is the same throughout a run.
func (b *blanks) guid(kind string) string {
	h := fmt.Sprintf("%x", b.cv)
	return strings.ToLower(b.run) + "-" + kind + "-4" + h[:3] + "-8" + h[3:6] + "-" + h[6:18]
}

// parts are the parts of a file that the steps ask for, given its size.
var parts = map[string]func(size int64) (from, to int64){
	"first":   func(size int64) (int64, int64) { return within(0, 5473, size) }, // as captured, wire.md 1.6
	"second":  func(size int64) (int64, int64) { return within(5473, 6622, size) },
	"third":   func(size int64) (int64, int64) { return within(12095, 7551, size) },
	"deep":    func(size int64) (int64, int64) { return within(1<<20+1000, 4096, size) },
	"edge":    func(size int64) (int64, int64) { return within(1<<20-2048, 4096, size) },
	"beyond":  func(size int64) (int64, int64) { return size, size + 99 },
	"last":    func(size int64) (int64, int64) { return size - 1, size - 1 },
	"cut":     func(size int64) (int64, int64) { return within(0, 64<<10, size) },
	"resume":  func(size int64) (int64, int64) { return min(cutAt, size/2), min(64<<10, size) - 1 },
	"huge":    func(size int64) (int64, int64) { return within(1<<32+1000, 4096, size) },
	"small":   func(size int64) (int64, int64) { return within(0, 100_001, size) },
	"probe":   func(int64) (int64, int64) { return 0, 1 },
	"piece":   func(size int64) (int64, int64) { return within(1<<20, 1<<20, size) },
	"quarter": func(size int64) (int64, int64) { return within(0, 256<<10, size) },
	"tail":    func(size int64) (int64, int64) { return (size - 1) &^ (1<<20 - 1), size - 1 },
}

// cutAt is where the client hangs up, to go on from there.
const cutAt = 8 << 10

// within is the part of length bytes from a place on, or from the middle of a
// file that is shorter.
func within(from, length, size int64) (int64, int64) {
	if from >= size {
		from = size / 2
	}
	return from, min(from+length, size) - 1
}

func (b *blanks) rangeOf(part string) (string, error) {
	size := b.size()
	switch {
	case size > 0, part == "probe":
	case b.dry:
		return "{bits-size/part/" + part + "}", nil
	case part == "first":
		size = 1 << 20 // whatever it is: the answer ends where the file does
	default:
		return "", needError{"bits-size"}
	}
	from, to := parts[part](size)
	return fmt.Sprintf("%d-%d", from, to), nil
}

// fourRanges are ranges as BITS asked for them in one field (wire.md 1.6).
var fourRanges = []span{{56068, 60317}, {60318, 65418}, {70988, 76792}, {93078, 95269}}

// rangesOf are so many ranges in one field, ascending and not merged.
func (b *blanks) rangesOf(count string) (string, error) {
	size, n := b.size(), number(count)
	if size <= 0 && b.dry {
		return "{bits-size/parts/" + count + "}", nil
	}
	if size < int64(4*n) {
		return "", needError{"bits-size"}
	}
	spans := fourRanges
	if n != len(fourRanges) || size <= fourRanges[3].to {
		spans = nil
		for i := range int64(n) {
			step := min(size/int64(n), 5000)
			spans = append(spans, span{i * step, i*step + step/5 - 1})
		}
	}
	var list []string
	for _, s := range spans {
		list = append(list, fmt.Sprintf("%d-%d", s.from, s.to))
	}
	return strings.Join(list, ","), nil
}

// size is the size of the file: known, or as HEAD gave it; -1 for neither.
func (b *blanks) size() int64 {
	if o := b.past["bits-size"]; b.object.Size < 0 && o != nil && o.Answer.Status() == 200 && page(o) == "" {
		return o.Body.Stated
	}
	return b.object.Size
}

// request is what s sends: its text with the blanks filled in, in the order of
// the profile.
func (b *blanks) request(s *Step) (*wire.Request, error) {
	b.object = Object{Size: -1}
	var err error
	if b.at, err = b.fill(s.At); err != nil {
		return nil, err
	}
	text, body, _ := strings.Cut(strings.TrimSpace(s.Send), "\n\n")
	if body, err = b.fill(body); err != nil {
		return nil, err
	}
	if b.length = len(body); b.dry && len(blanksIn(body)) > 0 {
		b.length = -1 // which only an answer settles
	}
	var lines []string
	for line := range strings.Lines(text) {
		filled, err := b.fill(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(filled, ":") { // a field that the earlier answer lacked
			lines = append(lines, filled)
		}
	}
	r := &wire.Request{Head: b.arrange(wire.Lines(strings.Join(lines, "\n"))), Body: []byte(body), Leave: s.Leave}
	if s.Variant == warm || s.Variant == second {
		shorten(r.Head)
	}
	inClear := strings.Contains(s.Send, "{content}") || strings.Contains(s.Send, "{address}")
	b.address(r, b.Target.TLS && !inClear) // by name alone, 80 and 443 are the same
	return r, nil
}

func (b *blanks) fill(text string) (string, error) {
	var filled strings.Builder
	var first error
	rest := 0
	for _, at := range blanksIn(text) {
		value, err := b.value(at.name, at.kind, at.argument)
		if err != nil && first == nil {
			first = err
		}
		filled.WriteString(text[rest:at.from] + value)
		rest = at.to
	}
	filled.WriteString(text[rest:])
	return strings.TrimRight(filled.String(), " "), first
}

// A hole is where a blank stands in a text, and what it says.
type hole struct {
	from, to             int
	name, kind, argument string
}

// maxBlank is the longest blank, in bytes.
const maxBlank = 64

// blanksIn are the blanks in a text. Only what may be one is shown to
// the pattern: over a whole text it takes much memory.
func blanksIn(text string) []hole {
	var holes []hole
	for i := strings.IndexByte(text, '{'); i >= 0; {
		next := i + 1
		if end := strings.IndexByte(text[i:min(i+maxBlank, len(text))], '}'); end > 0 {
			if m := blank.FindStringSubmatch(text[i : i+end+1]); m != nil && len(m[0]) == end+1 {
				next = i + end + 1
				holes = append(holes, hole{i, next, m[1], m[2], m[3]})
			}
		}
		found := strings.IndexByte(text[next:], '{')
		if i = next + found; found < 0 {
			break
		}
	}
	return holes
}

// shorten cuts the range in h to what a repetition asks for.
func shorten(h wire.Head) {
	for i, f := range h.Fields {
		if from, to, ok := parseRange(f.Value); ok && f.Name == "Range" {
			h.Fields[i].Value = fmt.Sprintf("bytes=%d-%d", from, min(to, from+maxRepeated-1))
		}
	}
}

// maxRepeated is the most of a part that is fetched again, in bytes.
const maxRepeated = 64 << 10

// address settles whom r is for, and whether by TLS. Its target is in origin
// form from then on.
func (b *blanks) address(r *wire.Request, tls bool) {
	host := r.Head.Get("Host")
	method, rest, _ := strings.Cut(r.Head.Start, " ")
	r.TLS = tls
	if secure, ok := strings.CutPrefix(rest, "https://"); ok {
		_, path, _ := strings.Cut(secure, "/")
		r.Head.Start, r.TLS = method+" /"+path, true
	}
	r.Authority = longHost(host, r.TLS)
}

// shortHost is hostport as the field Host has it: without the usual port.
func shortHost(hostport string, tls bool) string {
	if tls {
		return strings.TrimSuffix(hostport, ":443")
	}
	return strings.TrimSuffix(hostport, ":80")
}

// longHost is host with its port.
func longHost(host string, tls bool) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host
	}
	if tls {
		return host + ":443"
	}
	return host + ":80"
}

// printable is s without the bytes that no field may hold.
func printable(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(b byte) bool { return b < ' ' || b == 0x7F }))
}

// basic is the value of Proxy-Authorization for a login (RFC 7617).
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// sizeAndType read the argument of {object}: a size in bytes, an extension, or
// both, such as 4096.exe; what is left out is 0 and "".
func sizeAndType(argument string) (size int64, ext string) {
	ext = path.Ext(argument)
	size, _ = strconv.ParseInt(strings.TrimSuffix(argument, ext), 10, 64)
	return size, ext
}
