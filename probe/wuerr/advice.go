package wuerr

import (
	_ "embed"
	"strings"
	"sync"
)

// A Note is where the documents disagree on a code, and what to hold of it, or
// what they say that its name does not.
type Note struct {
	Text, Source string
}

//go:embed notes.csv
var notesCSV string

// allNotes are the notes of notes.csv, by code.
func allNotes() map[Code][]Note {
	notes := map[Code][]Note{}
	for _, r := range records(notesCSV) {
		for _, c := range r.codes("hresult") {
			notes[c] = append(notes[c], Note{r["note"], r["source"]})
		}
	}
	return notes
}

// An Alike is a code that is easily taken for another.
type Alike struct {
	Code       Code
	Difference string // between the two
	Source     string
}

//go:embed lookalikes.csv
var lookalikesCSV string

// allAlike are the pairs of lookalikes.csv, both ways.
func allAlike() map[Code][]Alike {
	alike := map[Code][]Alike{}
	for _, r := range records(lookalikesCSV) {
		a, b := r.codes("hresult")[0], r.codes("other")[0]
		alike[a] = append(alike[a], Alike{b, r["difference"], r["source"]})
		alike[b] = append(alike[b], Alike{a, r["difference"], r["source"]})
	}
	return alike
}

// An Advice is what a document says of a code on some versions of Windows.
type Advice struct {
	Table       Table
	Since       string // the oldest version, a name of windows.csv
	Until       string // the newest
	Cause, Mend string // what one types stands on lines of its own
	Source      string
}

// On names the versions of a, as people do.
func (a Advice) On() string {
	if a.Since == a.Until {
		return windowsTitles()[a.Since]
	}
	return windowsTitles()[a.Since] + " to " + windowsTitles()[a.Until]
}

// A Table is where advice is from.
type Table string

// The tables of advice.
const (
	KB10132  Table = "KB10132"  // what Microsoft says of BITS on the clients of a WSUS
	Settings Table = "settings" // of clients: nothing of it is seen on the network
)

//go:embed kb10132.csv
var kb10132CSV string

//go:embed settings.csv
var settingsCSV string

//go:embed windows.csv
var windowsCSV string

// windowsTitles are the versions of Windows by their names in the tables.
var windowsTitles = sync.OnceValue(func() map[string]string {
	titles := map[string]string{}
	for _, r := range records(windowsCSV) {
		titles[r["name"]] = r["title"]
	}
	return titles
})

// allAdvice is that of all tables, by code.
func allAdvice() map[Code][]Advice {
	advice := map[Code][]Advice{}
	for _, t := range []struct {
		table Table
		file  string
	}{{KB10132, kb10132CSV}, {Settings, settingsCSV}} {
		for _, r := range records(t.file) {
			since, until, span := strings.Cut(r["windows"], "..")
			if !span {
				until = since
			}
			for _, c := range r.codes("hresult") {
				advice[c] = append(advice[c], Advice{t.table, since, until, r["cause"], r["mend"], r["source"]})
			}
		}
	}
	return advice
}

// A Component is a part of Windows that defines codes.
type Component struct {
	Title   string
	ShownIn string // where Windows shows its codes
}

//go:embed components.csv
var componentsCSV string

// components are those of components.csv, by the names that codes.csv has for them.
var components = sync.OnceValue(func() map[string]Component {
	all := map[string]Component{}
	for _, r := range records(componentsCSV) {
		all[r["component"]] = Component{r["title"], r["shown_in"]}
	}
	return all
})

// Part is the component that defines e.
func (e Entry) Part() Component { return components()[e.Component] }
