package endpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A List is a list of hosts, as somebody published it.
type List struct {
	Name, Title  string
	Since, Until string   // the versions of Windows that use it by default, as "win11"; both "" for none
	Beside       []string // the lists that are asked with it
	Because      string   // why they are
	By           string   // the agent that asks for its hosts, where nothing more is known of them
}

// Lists are the lists that proxycheck has.
//
// By default a version of Windows is asked for what its own clients need to find, load
// and trust updates. Windows 10 and 11 load by Delivery Optimization, which those before
// do not have; of those before there is the list of the old article alone. Windows XP
// does not look whether it is online.
var Lists = []*List{
	{Name: "win10-11", Title: "Windows Update of Windows 10 and 11", Since: "win10", By: "wua"},
	{Name: "delivery-optimization", Title: "Delivery Optimization", Since: "win10", By: "do"},
	{Name: "crl", Title: "revocation lists, OCSP and trust lists", Since: "xp", By: "cryptoapi"},
	{Name: "ncsi", Title: "how Windows finds out whether it is online", Since: "vista", By: "ncsi"},
	{Name: "kb896226", Title: "article 896226, the sites to allow for Windows Update", Since: "xp", Until: "win8.1", By: "wua"},
	{Name: "kb885819", Title: "article 885819, Windows Update behind an ISA that asks for a login", By: "wua",
		Beside: []string{"wsus-server"}, Because: "Microsoft cites the list wsus-server beside article 885819"},
	{Name: "kb818018", Title: "article 818018, Windows Update version 4 through a proxy", By: "wua"},
	{Name: "wsus-server", Title: "what a WSUS asks of Microsoft", By: "wua"},
	{Name: "connected-cache", Title: "Microsoft Connected Cache", By: "do"},
	{Name: "defender", Title: "Microsoft Defender and its definitions", By: "wua"},
	{Name: "store", Title: "Microsoft Store", By: "wua"},
	{Name: "other", Title: "lists of other documents and of proxies' makers", By: "wua"},
}

// Versions are those of Windows that a list can name, oldest first.
var Versions = []string{"xp", "vista", "win7", "win8.1", "win10", "win11"}

// within tells whether a version is one from since to until; "" bounds nothing, and
// stands for all versions.
func within(version, since, until string) bool {
	i := slices.Index(Versions, version)
	return version == "" || i >= slices.Index(Versions, since) && (until == "" || i <= slices.Index(Versions, until))
}

// Known are Lists, and one for each other list that rows name. Somebody who gives a list
// of his own wants it asked: it is one by default.
func Known(rows []*Row) []*List {
	known := slices.Clone(Lists)
	for _, name := range listNames(rows) {
		if !slices.ContainsFunc(Lists, func(l *List) bool { return l.Name == name }) {
			known = append(known, &List{Name: name, Title: "a list of your own", Since: Versions[0], By: "wua"})
		}
	}
	return known
}

// Default are the lists of known that a version of Windows uses; "" stands for all versions.
func Default(windows string, known []*List) []*List {
	return slices.DeleteFunc(slices.Clone(known), func(l *List) bool { return l.Since == "" || !within(windows, l.Since, l.Until) })
}

// An UnknownListError is the name of a list that there is not.
type UnknownListError struct {
	Name  string
	Known []string // the lists that there are
}

func (e *UnknownListError) Error() string { return fmt.Sprintf("there is no list %s", short(e.Name)) }

// Named are the lists of known with these names, and those that are asked beside them;
// notes say why. The error is an [UnknownListError].
func Named(names []string, known []*List) (lists []*List, notes []string, err error) {
	for _, name := range names {
		l, err := lookup(name, known)
		if err != nil {
			return nil, nil, err
		}
		lists = with(lists, l)
	}
	for _, l := range slices.Clone(lists) {
		for _, name := range l.Beside {
			beside, err := lookup(name, known)
			if err != nil {
				return nil, nil, err
			}
			if before := len(lists); len(with(lists, beside)) > before {
				lists, notes = with(lists, beside), append(notes, l.Because+": it is taken too")
			}
		}
	}
	return lists, notes, nil
}

// with is lists and l, once.
func with(lists []*List, l *List) []*List {
	if slices.Contains(lists, l) {
		return lists
	}
	return append(lists, l)
}

func lookup(name string, known []*List) (*List, error) {
	unknown := &UnknownListError{Name: name}
	for _, l := range known {
		if l.Name == strings.ToLower(name) {
			return l, nil
		}
		unknown.Known = append(unknown.Known, l.Name)
	}
	return nil, unknown
}

// Rows are the rows of lists that count for a version of Windows; "" stands for all.
//
// A legacy row is one of an older edition, or of a host that nothing newer asks for. So
// it counts for the versions before Windows 10; for later ones only where its list has
// nothing current at all, and was chosen for what it is.
func Rows(lists []*List, rows []*Row, windows string) []*Row {
	chosen, current := map[string]bool{}, map[string]bool{}
	for _, l := range lists {
		chosen[l.Name] = true
	}
	for _, r := range rows {
		current[r.List] = current[r.List] || r.Era == Current
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool {
		inForce := r.Era == Current || !current[r.List] || within(windows, "", "win8.1")
		return !chosen[r.List] || !inForce || !within(windows, r.Since, r.Until)
	})
}

// Date is the day of the oldest check of l's rows; zero when there is one that nobody
// held against its source.
func (l *List) Date(rows []*Row) time.Time {
	var date time.Time
	found := false
	for _, r := range rows {
		if r.List == l.Name && (!found || r.Checked.Before(date)) {
			date, found = r.Checked, true
		}
	}
	return date
}

// Old tells whether a list of that date may have changed since: after twelve months, or
// when it has no date.
func Old(date, now time.Time) bool {
	return date.IsZero() || now.After(date.AddDate(1, 0, 0))
}

// Sure is how sure the least sure of l's rows is; "" when it has none.
func (l *List) Sure(rows []*Row) (sure Sure) {
	for _, r := range rows {
		if r.List == l.Name && r.Sure.doubt() >= sure.doubt() {
			sure = r.Sure
		}
	}
	return sure
}

// A ListUsed is a list with what is to be known of the rows that were taken from it, in
// text that is safe in a comment of any format.
type ListUsed struct {
	Name    string   `json:"name"`
	Title   string   `json:"title,omitempty"`
	Date    string   `json:"date,omitempty"` // of the oldest check of its rows, as 2006-01-02; "" when it was not checked as a whole
	Old     bool     `json:"old"`            // it may have changed since
	Sources []string `json:"sources"`        // each once
	Sure    Sure     `json:"sure"`           // of its least sure row
}

// Used are those of lists that have rows.
func Used(lists []*List, rows []*Row, now time.Time) []ListUsed {
	of := map[string][]*Row{}
	for _, r := range rows {
		of[r.List] = append(of[r.List], r)
	}
	var all []ListUsed
	for _, l := range lists {
		rows := of[l.Name]
		if len(rows) == 0 {
			continue
		}
		date := l.Date(rows)
		used := ListUsed{Name: plainText(l.Name), Title: plainText(l.Title), Date: Day(date), Old: Old(date, now), Sure: l.Sure(rows)}
		seen := map[string]bool{}
		for _, r := range rows {
			if source := plainText(r.Source); !seen[source] {
				seen[source] = true
				used.Sources = append(used.Sources, source)
			}
		}
		all = append(all, used)
	}
	return all
}

// Standing says how far l can be relied on; see [Standing].
func (l *ListUsed) Standing() string { return Standing(l.Date, l.Old, l.Sure) }

// Standing says how far a list can be relied on: when it was held against its source,
// "" for not as a whole; whether that is long ago; and how sure its least sure row is.
func Standing(date string, old bool, least Sure) string {
	standing := "held against its source on " + date
	switch {
	case date == "":
		standing = "not held against its source as a whole"
	case old:
		standing += ", more than 12 months ago (it may have changed since)"
	}
	switch {
	case least == Verified:
		return standing + ", " + least.Words()
	case least != "":
		return standing + ", in part " + least.Words()
	}
	return standing
}
