package endpoint

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"sync"
)

//go:embed names.csv
var namesFile string

// A known is what is known of one name at one port: that clients ask for it, and how.
type known struct {
	name         string // one with a * stands for names that cannot be enumerated
	target       target
	by           string
	path, magic  string
	numbered     bool
	since, until string
	optional     string
	sure         Sure
}

// prefixes are what the update agent puts before the names of its content servers, one
// for a session (wire.md 4.4).
var prefixes = []string{"1", "2", "3", "4", "7", "9", "11"}

// knownNames are all that is known, in the order in which it is asked for. The file is ours:
// what it lacks is a mistake of this package, and panics.
var knownNames = sync.OnceValue(func() []*known {
	lines, err := csv.NewReader(strings.NewReader(namesFile)).ReadAll()
	if err != nil {
		panic(err)
	}
	var all []*known
	for _, line := range lines[1:] {
		cell := map[string]string{}
		for i, column := range lines[0] {
			cell[column] = line[i]
		}
		k := &known{
			name: cell["name"], target: target{cell["port"], cell["scheme"] == "https"},
			by: cell["by"], path: cell["path"], magic: cell["magic"], numbered: cell["prefix"] == "long",
			since: cell["since"], until: cell["until"], optional: cell["optional"], sure: Sure(cell["sure"]),
		}
		all = append(all, k)
		if cell["prefix"] == "numbers" {
			all = append(all, k.withPrefixes()...)
		}
	}
	return all
})

// withPrefixes are the names that clients make of k's.
func (k *known) withPrefixes() []*known {
	var all []*known
	for _, prefix := range prefixes {
		numbered := *k
		numbered.name, numbered.numbered = prefix+"."+k.name, true
		all = append(all, &numbered)
	}
	return all
}

// enumerable tells whether k is a name, and not a form of names.
func (k *known) enumerable() bool { return !strings.Contains(k.name, "*") }

// under tells whether a pattern covers k.
func (k *known) under(pattern string) bool {
	return Matches(pattern, strings.Replace(k.name, "*", "0", 1))
}
