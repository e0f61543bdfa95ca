package probe

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"proxycheck/probe/wire"
)

// A needError says that a request cannot be made without what another step
// finds out.
type needError struct{ step string }

func (e needError) Error() string { return "waits for what " + e.step + " finds out" }

// blank matches a blank in a request: {name}, {name:argument} or
// {step.Field}, a field that the answer to an earlier step had.
var blank = regexp.MustCompile(`\{([a-z][a-z0-9-]*)(?:([:.])([A-Za-z0-9-]+))?\}`)

// blanks are what fills the blanks of the requests on one connection.
type blanks struct {
	profile *Profile
	target  *Target
	object  Object
	cv      string // the base of MS-CV
	now     time.Time
	past    Past
	length  int
}

// value is what stands for a blank. An empty value of a field that an earlier
// answer lacked takes its line with it.
func (b *blanks) value(name, kind, argument string) (string, error) {
	if kind == "." {
		return printable(b.past.answer(name).Get(argument)), nil
	}
	if name == "range" {
		return b.rangeOf(argument)
	}
	filler, ok := fillers[name]
	if !ok {
		return "", fmt.Errorf("no blank is called {%s}", name)
	}
	return filler(b, argument), nil
}

// fillers fill the blanks that can always be filled.
var fillers = map[string]func(b *blanks, argument string) string{
	"host":     func(b *blanks, _ string) string { return shortHost(b.target.Host, b.target.TLS) },
	"content":  func(b *blanks, _ string) string { return shortHost(b.target.Content, false) },
	"tls":      func(b *blanks, _ string) string { return shortHost(b.target.Secure, true) },
	"object":   func(b *blanks, _ string) string { return b.object.Path },
	"wua":      func(b *blanks, _ string) string { return b.profile.WUA },
	"protocol": func(b *blanks, _ string) string { return b.profile.Protocol },
	"bits":     func(b *blanks, _ string) string { return b.profile.BITS },
	"do":       func(b *blanks, _ string) string { return b.profile.DO },
	"length":   func(b *blanks, _ string) string { return strconv.Itoa(b.length) },
	"stamp":    func(b *blanks, _ string) string { return b.now.UTC().Format("0601021504") }, // wire.md 2.2
	"cv": func(b *blanks, digits string) string {
		n, _ := strconv.Atoi(digits)
		return b.cv[:min(n, len(b.cv))]
	},
}

// ranges are the parts of a file that the steps ask for, given its size.
var ranges = map[string]func(size int64) (from, to int64){
	"first": func(size int64) (int64, int64) { return 0, min(5473, size) - 1 }, // as captured, wire.md 1.6
	"deep": func(size int64) (int64, int64) {
		from := int64(1<<20 + 1000)
		if size < from+4096 {
			from = size / 2
		}
		return from, min(from+4096, size) - 1
	},
	"last":  func(size int64) (int64, int64) { return max(size-4096, 0), size - 1 },
	"probe": func(int64) (int64, int64) { return 0, 1 },
	"piece": func(size int64) (int64, int64) { return 0, min(1<<20, size) - 1 },
}

func (b *blanks) rangeOf(part string) (string, error) {
	size := b.size()
	switch {
	case size > 0, part == "probe":
	case part == "first":
		size = 1 << 20 // whatever it is: the answer ends where the file does
	default:
		return "", needError{"bits-size"}
	}
	from, to := ranges[part](size)
	return fmt.Sprintf("%d-%d", from, to), nil
}

// size is the size of the file: known, or as HEAD gave it; -1 for neither.
func (b *blanks) size() int64 {
	if o := b.past["bits-size"]; b.object.Size < 0 && o != nil && o.Answer.Status() == 200 {
		return o.Body.Stated
	}
	return b.object.Size
}

// request is what s sends: its text with the blanks filled in, in the order of
// the profile.
func (b *blanks) request(s *Step) (*wire.Request, error) {
	text, body, _ := strings.Cut(strings.TrimSpace(s.Send), "\n\n")
	body, err := b.fill(body)
	if err != nil {
		return nil, err
	}
	b.length = len(body)
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
	r := &wire.Request{Head: b.profile.arrange(wire.Lines(strings.Join(lines, "\n"))), Body: []byte(body)}
	b.address(r, b.target.TLS && !strings.Contains(s.Send, "{content}"))
	return r, nil
}

func (b *blanks) fill(text string) (string, error) {
	var first error
	text = blank.ReplaceAllStringFunc(text, func(s string) string {
		m := blank.FindStringSubmatch(s)
		value, err := b.value(m[1], m[2], m[3])
		if err != nil && first == nil {
			first = err
		}
		return value
	})
	return strings.TrimRight(text, " "), first
}

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

// overTLS is a request for the server's TLS port in place of its plain one.
func overTLS(text string) string {
	return strings.NewReplacer("POST /", "POST https://{tls}/", "{host}", "{tls}").Replace(text)
}

// printable is s without the bytes that no field may hold.
func printable(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(b byte) bool { return b < ' ' || b == 0x7F }))
}

// basic is the value of Proxy-Authorization for a login (RFC 7617).
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
