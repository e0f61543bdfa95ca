package wsus

import (
	"net/http"
	"strings"
)

// maxRanges is how many ranges one request may ask for: BITS asks for 20 at most
// (wire.md 1.6). When there are more, all are ignored, as a server may do
// (RFC 9110, 14.2): each costs a few bytes to ask for, and 200 to answer.
const maxRanges = 1024

// beyond is a range that no file has: its first byte is the highest that
// [http.ServeContent] takes.
const beyond = "9223372036854775807-"

// heeded is r as [http.ServeContent] answers it well: r itself, or one like it
// without the ranges that are to be ignored, or with others that mean the same.
// An empty file has no ranges.
func heeded(r *http.Request, empty bool) *http.Request {
	field := r.Header.Get("Range")
	if field == "" {
		return r
	}
	plain, ok := "", false
	if !empty && strings.Count(field, ",") < maxRanges {
		plain, ok = plainRanges(field)
	}
	if ok && plain == field {
		return r
	}
	other := r.WithContext(r.Context())
	other.Header = r.Header.Clone()
	if other.Header.Del("Range"); ok {
		other.Header.Set("Range", plain)
	}
	return other
}

// plainRanges is a field Range in the form that net/http reads rightly: the unit
// in lower case, no number above an int64, and no last 0 bytes, which it takes for
// a range that can be had. It is not ok when the field is malformed, or counts in
// another unit: then it is ignored (RFC 9110, 14.2).
func plainRanges(field string) (plain string, ok bool) {
	const unit = "bytes="
	if len(field) < len(unit) || !strings.EqualFold(field[:len(unit)], unit) {
		return "", false
	}
	changed := field[:len(unit)] != unit
	some := false
	for one := range strings.SplitSeq(field[len(unit):], ",") {
		if one = strings.Trim(one, " \t"); one == "" { // as lists may have (RFC 9110, 5.6.1)
			continue
		}
		same, ok := plainRange(one)
		if !ok {
			return "", false
		}
		some, changed = true, changed || same != one
	}
	if !some || !changed { // nearly always, and so without a string made anew
		return field, some
	}
	var ranges []string
	for one := range strings.SplitSeq(field[len(unit):], ",") {
		if one = strings.Trim(one, " \t"); one != "" {
			one, _ = plainRange(one)
			ranges = append(ranges, one)
		}
	}
	return unit + strings.Join(ranges, ","), true
}

// plainRange is one range of a field, in the same form. Only one that changes is
// made anew.
func plainRange(one string) (plain string, ok bool) {
	first, last, ok := strings.Cut(one, "-")
	if !ok || !areDigits(first) || !areDigits(last) || first == "" && last == "" {
		return "", false
	}
	first, last = significant(first), significant(last)
	switch {
	case first == "" && last == "0":
		return beyond, true
	case first != "" && last != "" && isLess(last, first):
		return "", false
	case first != "" && isLess(highest, first):
		return beyond, true
	case isLess(highest, last):
		return first + "-" + highest, true
	}
	return one, true
}

// highest is the highest number that net/http reads.
const highest = "9223372036854775807"

func areDigits(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' }) < 0
}

// significant is a number without the zeros in front.
func significant(digits string) string {
	if plain := strings.TrimLeft(digits, "0"); plain != "" || digits == "" {
		return plain
	}
	return "0"
}

// isLess compares two numbers of any size, in significant digits.
func isLess(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }
