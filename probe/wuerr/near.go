package wuerr

import (
	"cmp"
	"slices"
	"strings"
)

// longest is more letters than any name of a code has.
const longest = 100

// Near lists the known codes, at most so many, that look like text: those whose
// digits are one slip of the hand away, or whose names are a few. What a proxy can
// cause comes first.
func Near(text string, most int) []Entry {
	text = strings.ToUpper(bare(text))
	if len(text) > longest {
		return nil
	}
	if digits := strings.TrimPrefix(text, "0X"); strings.Trim(digits, "0123456789ABCDEF") == "" {
		return nearest(most, 1, func(e Entry) int { return slips(digits, e.Code.String()[2:]) })
	}
	if !strings.Contains(text, "_") {
		return nil // the name of something else
	}
	return nearest(most, 1+len(text)/8, func(e Entry) int {
		least := len(text)
		for _, name := range e.Names() {
			least = min(least, slips(text, strings.ToUpper(name)))
		}
		return least
	})
}

// nearest lists the entries that are at most so far away.
func nearest(most, far int, distance func(Entry) int) []Entry {
	type candidate struct {
		Entry
		distance int
	}
	var some []candidate
	for _, e := range All() {
		if d := distance(e); d <= far {
			some = append(some, candidate{e, d})
		}
	}
	slices.SortStableFunc(some, func(a, b candidate) int {
		return cmp.Or(a.distance-b.distance, a.rank()-b.rank())
	})
	var entries []Entry
	for _, c := range some[:min(len(some), most)] {
		entries = append(entries, c.Entry)
	}
	return entries
}

// rank puts what a proxy can cause first.
func (e Entry) rank() int {
	if e.ProxyCause != "" {
		return 0
	}
	return 1
}

// slips is how many letters must be changed, left out, put in or swapped with the
// next to make b of a.
func slips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			rows[i][j] = i + j // right on the edges, which is all that is read before it is set
		}
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
