package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Words for whoever types a command.

// units are those of numbers of bytes.
var units = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}

// ParseBytes reads a number of bytes such as 8MiB, from 1 to most. The error says
// what is wrong with it, and what would be right.
func ParseBytes(text string, most int64) (int64, error) {
	digits := strings.TrimRight(text, "BKMGTi")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, ok := units[text[len(digits):]]
	switch {
	case err != nil || !ok:
		return 0, fmt.Errorf("%q is no number of bytes: want one such as 8MiB", text)
	case n < 1 || n > most/unit:
		return 0, fmt.Errorf("%q is out of range: want 1 to %d bytes", text, most)
	}
	return n * unit, nil
}

// Near names the words that look like word, for whoever mistyped it; all of them
// when none does and they are few; else where they are listed.
func Near(word string, words []string, listed string) string {
	const few = 20
	far := func(w string) int {
		switch short := len(word) < 3; {
		case !short && strings.Contains(w, word):
			return 0
		case !short && strings.Contains(word, w):
			return 1
		}
		return distance(strings.ToLower(word), strings.ToLower(w))
	}
	some := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return far(w) > max(2, 1+len(word)/4) })
	switch {
	case len(some) > 0:
		slices.SortStableFunc(some, func(a, b string) int { return far(a) - far(b) })
		return "; near it are " + strings.Join(some, ", ")
	case len(words) <= few:
		return "; there are " + strings.Join(words, ", ")
	}
	return "; " + listed
}

// distance is how many letters must be changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
