package wsus

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a log: lines that wait to be written, bytes written at once, and how
// long a line waits for others.
const (
	maxWaiting = 8192
	logBlock   = 64 << 10
	logPause   = time.Second
)

// A LineForm adds the line for a record to a text, with its line end.
type LineForm func(to []byte, r *Record) []byte

// LineForms are the forms of a log, by name.
var LineForms = map[string]LineForm{"text": TextLine, "json": JSONLine}

// A Log writes a line for each request. It never keeps a server waiting: what
// cannot be written in time is lost, and counted.
type Log struct {
	to      io.Writer
	form    LineForm
	trouble func(error)  // told of the first loss
	told    atomic.Bool  // it was
	lost    atomic.Int64 // lines

	waiting chan *[]byte
	spare   sync.Pool // of lines
	block   []byte    // to be written next
	lines   int64     // in it
	torn    bool      // the last line that was written is not whole
	closing chan struct{}
	closed  chan struct{}
}

// NewLog begins a log. Trouble is called once at most, at the first loss, from
// any goroutine. Close the log before to.
func NewLog(to io.Writer, form LineForm, trouble func(error)) *Log {
	l := &Log{to: to, form: form, trouble: trouble, waiting: make(chan *[]byte, maxWaiting),
		closing: make(chan struct{}), closed: make(chan struct{})}
	l.spare.New = func() any { return new([]byte) }
	go l.write()
	return l
}

// errSlow is the trouble of a log whose writer is behind.
var errSlow = errors.New("the log is written more slowly than requests come")

// Observe adds the line for r.
func (l *Log) Observe(r *Record) {
	line := l.spare.Get().(*[]byte)
	*line = l.form((*line)[:0], r)
	select {
	case l.waiting <- line:
	default:
		l.spare.Put(line)
		l.lose(1, errSlow)
	}
}

// Lost is how many lines were not written.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Close writes what waits, and ends l. It may be called once.
func (l *Log) Close() {
	close(l.closing)
	<-l.closed
}

// lose counts lines that are lost.
func (l *Log) lose(lines int64, err error) {
	l.lost.Add(lines)
	if l.told.CompareAndSwap(false, true) {
		l.trouble(err)
	}
}

// write writes what is observed until l is closed.
func (l *Log) write() {
	defer close(l.closed)
	pause := time.NewTicker(logPause)
	defer pause.Stop()
	for {
		select {
		case line := <-l.waiting:
			l.add(line)
		case <-pause.C:
			l.flush()
		case <-l.closing:
			for len(l.waiting) > 0 {
				l.add(<-l.waiting)
			}
			l.flush()
			return
		}
	}
}

// add puts a line into the block, and writes the block when it is full.
func (l *Log) add(line *[]byte) {
	l.block = append(l.block, *line...)
	l.lines++
	l.spare.Put(line)
	if len(l.block) >= logBlock {
		l.flush()
	}
}

// flush writes the block. One that cannot be written is lost: the next may have
// more luck, on a disk that was full for a while.
func (l *Log) flush() {
	if l.lines == 0 {
		return
	}
	if l.torn {
		l.block = append([]byte("\n"), l.block...)
	}
	n, err := l.to.Write(l.block)
	if err != nil {
		whole := bytes.Count(l.block[:n], []byte("\n"))
		l.torn = n > 0 && l.block[n-1] != '\n' || n == 0 && l.torn
		l.lose(max(1, l.lines-int64(whole)), err)
	} else {
		l.torn = false
	}
	l.block, l.lines = l.block[:0], 0
}

// The most of each column of a line, in characters.
const (
	maxMethod    = 20
	maxTarget    = 300
	maxName      = 100
	maxUserAgent = 200
)

// instantForm is RFC 3339 with milliseconds.
const instantForm = "2006-01-02T15:04:05.000Z07:00"

// TextLine is the form for people and their tools: the columns time, from, via,
// method, target, operation or range, status, bytes sent, milliseconds, user
// agent and client. Time is UTC. What may hold spaces stands in quotes, and what
// there is none of is a dash.
func TextLine(to []byte, r *Record) []byte {
	g := glanceAt(r.Head)
	what := []byte(r.Operation)
	if r.Operation == "" {
		what = g.ranges
	}
	to = r.At.UTC().AppendFormat(to, instantForm)
	to = appendWord(to, []byte(r.From), maxName)
	to = appendQuoted(to, g.via, maxName)
	to = appendWord(to, g.method, maxMethod)
	to = appendWord(to, withoutSignature(g.target), maxTarget)
	to = appendQuoted(to, what, maxName)
	to = strconv.AppendInt(append(to, ' '), int64(statusOf(r.Answer)), 10)
	to = strconv.AppendInt(append(to, ' '), r.Sent, 10)
	to = appendMilliseconds(append(to, ' '), r.Ended.Sub(r.At))
	to = appendQuoted(to, g.userAgent, maxUserAgent)
	to = appendWord(to, []byte(r.Client), maxName)
	return append(to, '\n')
}

// appendWord adds a column without spaces.
func appendWord(to, s []byte, most int) []byte {
	if len(s) == 0 {
		return append(to, " -"...)
	}
	return appendVisible(append(to, ' '), s, most, &wordForm)
}

// appendQuoted adds a column in quotes.
func appendQuoted(to, s []byte, most int) []byte {
	if len(s) == 0 {
		return append(to, " -"...)
	}
	return append(appendVisible(append(to, ` "`...), s, most, &textForm), '"')
}

// JSONLine is the form for programs: one object a line. Members whose value is
// not known are left out.
func JSONLine(to []byte, r *Record) []byte {
	g := glanceAt(r.Head)
	to = strconv.AppendInt(append(to, `{"n":`...), r.Number, 10)
	to = append(r.At.UTC().AppendFormat(append(to, `,"time":"`...), instantForm), '"')
	to = strconv.AppendInt(append(to, `,"conn":`...), r.Conn, 10)
	to = strconv.AppendBool(append(to, `,"tls":`...), r.TLS)
	to = appendMember(to, "from", []byte(r.From), maxName)
	to = appendMember(to, "via", g.via, maxName)
	to = appendMember(to, "forwarded_for", g.forwarded, maxName)
	to = appendMember(to, "method", g.method, maxMethod)
	to = appendMember(to, "target", withoutSignature(g.target), maxTarget)
	to = appendMember(to, "operation", []byte(r.Operation), maxName)
	to = appendMember(to, "range", g.ranges, maxName)
	to = strconv.AppendInt(append(to, `,"status":`...), int64(statusOf(r.Answer)), 10)
	to = strconv.AppendInt(append(to, `,"bytes":`...), r.Sent, 10)
	to = appendMilliseconds(append(to, `,"ms":`...), r.Ended.Sub(r.At))
	to = appendMember(to, "user_agent", g.userAgent, maxUserAgent)
	to = appendMember(to, "client", []byte(r.Client), maxName)
	return append(to, '}', '\n')
}

// appendMember adds a member that is not the first of its object.
func appendMember(to []byte, name string, s []byte, most int) []byte {
	if len(s) == 0 {
		return to
	}
	to = append(append(append(to, `,"`...), name...), `":"`...)
	return append(appendVisible(to, s, most, &jsonForm), '"')
}

// appendMilliseconds adds d in milliseconds, with three digits behind the point.
func appendMilliseconds(to []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	to = append(strconv.AppendInt(to, us/1000, 10), '.')
	return append(to, byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

// A byteForm is how each byte is written: "" as it is.
type byteForm [256]string

// What comes from the network is written in visible ASCII, so that no terminal
// and no reader of lines is led astray.
var (
	textForm = newByteForm(`\x`, map[byte]string{'"': `\"`, '\\': `\\`})
	wordForm = newByteForm(`\x`, map[byte]string{'"': `\"`, '\\': `\\`, ' ': `\x20`})
	jsonForm = newByteForm(`\u00`, map[byte]string{'"': `\"`, '\\': `\\`})
)

// newByteForm writes what is not visible as two digits behind a prefix.
func newByteForm(prefix string, special map[byte]string) (f byteForm) {
	const digits = "0123456789abcdef"
	for i := range f {
		if i < ' ' || i > '~' {
			f[i] = prefix + digits[i>>4:i>>4+1] + digits[i&15:i&15+1]
		}
	}
	for c, text := range special {
		f[c] = text
	}
	return f
}

// appendVisible adds s in a form, and no more than so many characters, of which
// the last are dots when there would be more.
func appendVisible(to, s []byte, most int, form *byteForm) []byte {
	start, fits := len(to), len(to) // fits is where dots still have room
	for i, c := range s {
		if text := form[c]; text != "" {
			to = append(to, text...)
		} else {
			to = append(to, c)
		}
		if len(to)-start <= most-len("...") {
			fits = len(to)
		}
		if n := len(to) - start; n > most || n == most && i < len(s)-1 {
			return append(to[:fits], "..."...)
		}
	}
	return to
}

// signatures are the parameters of URLs that let whoever has them fetch the file:
// of Microsoft's content servers and of caches (wire.md 4.1, failures.md 45),
// and by the names that are usual elsewhere.
var signatures = [][]byte{[]byte("p4"), []byte("sauth"), []byte("sig"), []byte("signature"), []byte("token"), []byte("password")}

// withoutSignature is a target without what lets one fetch it: the login in an
// absolute form, and the signature in a query.
func withoutSignature(target []byte) []byte {
	path, query, _ := bytes.Cut(target, []byte("?"))
	start, host := loginIn(path)
	if start == host && !bytes.Contains(query, []byte("=")) {
		return target
	}
	public := bytes.Clone(path)
	if start < host {
		public = append(append(bytes.Clone(path[:start]), "***@"...), path[host:]...)
	}
	for i, parameter := range bytes.Split(target[len(path):], []byte("&")) {
		if i > 0 {
			public = append(public, '&')
		}
		public = append(public, withoutValue(parameter)...)
	}
	return public
}

// loginIn is where the login in a target of absolute form begins, and where the
// host behind it does: the same without one.
func loginIn(path []byte) (start, host int) {
	scheme := bytes.Index(path, []byte("://"))
	if scheme < 0 {
		return 0, 0
	}
	start = scheme + len("://")
	authority, _, _ := bytes.Cut(path[start:], []byte("/"))
	return start, start + bytes.LastIndexByte(authority, '@') + 1
}

// withoutValue is a parameter of a query, without its value when that is secret.
// The first one has the question mark before it.
func withoutValue(parameter []byte) []byte {
	name, _, _ := bytes.Cut(parameter, []byte("="))
	for _, secret := range signatures {
		if bytes.EqualFold(bytes.TrimPrefix(name, []byte("?")), secret) {
			return append(bytes.Clone(name), "=***"...)
		}
	}
	return parameter
}
