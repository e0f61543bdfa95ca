package endpoint

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A column is one of a CSV file: how it is read into a row, and written of one.
type column struct {
	name   string
	needed bool
	set    func(*Row, string) error
	get    func(*Row) string
}

// columns are in the order in which they are written.
var columns = []*column{
	{"list", true, func(r *Row, s string) (err error) { r.List, err = listName(s); return }, func(r *Row) string { return r.List }},
	{"pattern", true, func(r *Row, s string) (err error) { r.Pattern, err = readPattern(s); return }, func(r *Row) string { return r.Pattern }},
	{"scheme", true, func(r *Row, s string) (err error) { r.Scheme, err = word(s, "", "http", "https", "both"); return }, func(r *Row) string { return r.Scheme }},
	{"ports", true, func(r *Row, s string) (err error) { r.Ports, err = readPorts(s); return }, func(r *Row) string { return strings.Join(r.Ports, ",") }},
	{"purpose", false, func(r *Row, s string) (err error) { r.Purpose, err = prose(s); return }, func(r *Row) string { return r.Purpose }},
	{"probe_url", false, func(r *Row, s string) (err error) { r.Probe, err = visible(s); return }, func(r *Row) string { return r.Probe }},
	{"tls_inspection_allowed", false, func(r *Row, s string) (err error) {
		r.Inspection, err = word(s, InspectionUnknown, InspectionNo, InspectionYes)
		return
	}, func(r *Row) string { return string(r.Inspection) }},
	{"era", false, func(r *Row, s string) (err error) { r.Era, err = word(s, Current, Legacy); return }, func(r *Row) string { return string(r.Era) }},
	{"source", false, func(r *Row, s string) (err error) { r.Source, err = prose(s); return }, func(r *Row) string { return r.Source }},
	{"retired", false, func(r *Row, s string) error { w, err := word(s, "no", "yes"); r.Retired = w == "yes"; return err }, func(r *Row) string { return yes(r.Retired) }},
	{"sure", false, func(r *Row, s string) (err error) { r.Sure, err = word(s, Verified, SecondHand, Remembered); return }, func(r *Row) string { return string(r.Sure) }},
	{"checked", false, func(r *Row, s string) (err error) { r.Checked, err = date(s, r.Checked); return }, func(r *Row) string { return Day(r.Checked) }},
	{"since", false, func(r *Row, s string) (err error) { r.Since, err = word(s, "", Versions...); return }, func(r *Row) string { return r.Since }},
	{"until", false, func(r *Row, s string) (err error) { r.Until, err = word(s, "", Versions...); return }, func(r *Row) string { return r.Until }},
}

func columnNames() string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// The longest that a row may have.
const (
	longestHost = 253 // RFC 1035, 2.3.4
	longestText = 500 // of what people read, and of a URL
)

// A control's name is longer than its wildcard by this much at most.
const controlRoom = 32

var (
	listForm  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,38}[a-z0-9])?$`)
	labelForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	wordsForm = regexp.MustCompile(`^\([A-Za-z0-9 ./:'-]{1,80}\)$`)
	pathForm  = regexp.MustCompile(`^/[A-Za-z0-9/._~-]*\*?$`)
)

func listName(s string) (string, error) {
	s = strings.ToLower(s)
	if !listForm.MatchString(s) {
		return "", fmt.Errorf("%s is no name: want up to 40 letters, digits, points and hyphens", short(s))
	}
	return s, nil
}

// readPattern reads a host, *.host, *suffix, host/path/* or (words). A wildcard covers two
// labels at least: one that covers a whole top-level domain is a mistake.
func readPattern(s string) (string, error) {
	if wordsForm.MatchString(s) {
		return s, nil
	}
	bare, path, hasPath := strings.Cut(s, "/")
	bare = strings.ToLower(bare)
	name, wild := strings.CutPrefix(bare, "*")
	switch {
	case hasPath && (wild || !pathForm.MatchString("/"+path)):
		return "", fmt.Errorf("%s is no pattern: want a host before a path, and * at the end alone", short(s))
	case !isHost(strings.TrimPrefix(name, ".")), !wild && strings.HasPrefix(name, "."):
		return "", fmt.Errorf("%s is no pattern: want a host, *.host, *suffix, host/path/* or (words)", short(s))
	case wild && (!strings.Contains(strings.TrimPrefix(name, "."), ".") || len(name) > longestHost-controlRoom):
		return "", fmt.Errorf("%s is no pattern: what follows * has two labels at least and %d letters at most", short(s), longestHost-controlRoom)
	case hasPath:
		return bare + "/" + path, nil
	}
	return bare, nil
}

// isHost tells whether s is the name of a host, in lower case (RFC 1123, 2.1).
func isHost(s string) bool {
	return len(s) <= longestHost && !slices.ContainsFunc(strings.Split(s, "."), func(label string) bool { return !labelForm.MatchString(label) })
}

// readPorts reads numbers with commas; one that is none of HTTP may say tcp or udp.
func readPorts(s string) ([]string, error) {
	const most = 16
	var list []string
	for _, p := range strings.Split(s, ",") {
		p = strings.ToLower(strings.TrimSpace(p))
		number, transport, has := strings.Cut(p, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != number || has && transport != "tcp" && transport != "udp" {
			return nil, fmt.Errorf("%s is no port", short(p))
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
		if len(list) > most {
			return nil, fmt.Errorf("there are more than %d of them", most)
		}
	}
	return list, nil
}

// word reads one of words; without one it is the first.
func word[T ~string](s string, first T, more ...T) (T, error) {
	s = strings.ToLower(s)
	if words := append([]T{first}, more...); s == "" {
		return first, nil
	} else if slices.Contains(words, T(s)) {
		return T(s), nil
	} else {
		return "", fmt.Errorf("%s is unknown: want one of %q", short(s), words)
	}
}

// yes is how a column says that something is so.
func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// prose reads what is for people: nothing in it moves a cursor, turns the direction of
// the text or cannot be seen.
func prose(s string) (string, error) {
	switch {
	case !utf8.ValidString(s):
		return "", errors.New("it is no UTF-8")
	case len(s) > longestText:
		return "", fmt.Errorf("it is longer than %d letters", longestText)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", fmt.Errorf("%s has what cannot be printed", short(s))
	}
	return s, nil
}

// visible reads what is plain ASCII without a blank.
func visible(s string) (string, error) {
	if len(s) > longestText || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s is no URL of plain letters", short(s))
	}
	return s, nil
}

// date reads a day; without one it is unset.
func date(s string, unset time.Time) (time.Time, error) {
	if s == "" {
		return unset, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("%s is no day: want one as 2026-11-20", short(s))
	}
	return t, nil
}

// Day writes a day as the tables have it; "" for the zero time.
func Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// short quotes hostile text, and not all of it.
func short(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// check tells whether the columns of r go together.
func (r *Row) check() error {
	if r.Scheme == "" {
		return nil
	}
	for _, p := range r.Ports {
		switch _, ok := bothPorts[p]; {
		case strings.Contains(p, "/"):
			return fmt.Errorf("ports: %s has no place in a row with a scheme", p)
		case r.Scheme == "both" && !ok:
			return fmt.Errorf("ports: of %s the scheme both does not say whether it has TLS: want a line for each scheme", p)
		}
	}
	if r.Probe == "" {
		return nil
	}
	u, err := url.Parse(r.Probe)
	if err != nil || u.User != nil || !slices.ContainsFunc(r.targets(), func(t target) bool { return t.scheme() == u.Scheme && t.port == portOf(u) }) ||
		!Matches(r.Pattern, u.Hostname()) || !isHost(strings.ToLower(u.Hostname())) {
		return fmt.Errorf("probe_url: %s is no URL at a port of %s", short(r.Probe), short(r.Pattern))
	}
	return nil
}

// portOf is the port at which a URL is.
func portOf(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
