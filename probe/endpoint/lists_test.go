package endpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func namesOf(lists []*List) string {
	var all []string
	for _, l := range lists {
		all = append(all, l.Name)
	}
	return strings.Join(all, " ")
}

func TestDefault(t *testing.T) {
	own := Known([]*Row{{List: "own"}, {List: "crl"}, {List: "own"}})
	for _, tt := range []struct {
		windows string
		known   []*List
		want    string
	}{
		{"win11", Lists, "win10-11 delivery-optimization crl ncsi"},
		{"win10", Lists, "win10-11 delivery-optimization crl ncsi"},
		{"win8.1", Lists, "crl ncsi kb896226"},
		{"vista", Lists, "crl ncsi kb896226"},
		{"xp", Lists, "crl kb896226"},
		{"win11", own, "win10-11 delivery-optimization crl ncsi own"},
		{"", Lists, "win10-11 delivery-optimization crl ncsi kb896226"},
	} {
		if got := namesOf(Default(tt.windows, tt.known)); got != tt.want {
			t.Errorf("%s uses %s, want %s", tt.windows, got, tt.want)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ names, want, notes string }{
		{"crl", "crl", ""},
		{"NCSI,crl,ncsi", "ncsi crl", ""},
		{"kb885819", "kb885819 wsus-server", "Microsoft cites the list wsus-server beside article 885819: it is taken too"},
		{"kb885819,wsus-server", "kb885819 wsus-server", ""},
	} {
		lists, notes, err := Named(strings.Split(tt.names, ","), Lists)
		if got := namesOf(lists); err != nil || got != tt.want || strings.Join(notes, "|") != tt.notes {
			t.Errorf("%s: %s with %q, %v; want %s with %q", tt.names, got, notes, err, tt.want, tt.notes)
		}
	}
	_, _, err := Named([]string{"crl", "kb\x1b"}, Lists)
	unknown := (*UnknownListError)(nil)
	if !errors.As(err, &unknown) || unknown.Name != "kb\x1b" || len(unknown.Known) != len(Lists) || err.Error() != `there is no list "kb\x1b"` {
		t.Errorf("an unknown list is %#v", err)
	}
}

func TestRows(t *testing.T) {
	rows := []*Row{
		{List: "new", Pattern: "current", Era: Current}, {List: "new", Pattern: "older-edition", Era: Legacy},
		{List: "new", Pattern: "since-10", Era: Current, Since: "win10"}, {List: "new", Pattern: "until-8.1", Era: Legacy, Until: "win8.1"},
		{List: "old", Pattern: "old", Era: Legacy}, {List: "other", Pattern: "other", Era: Current},
	}
	lists := []*List{{Name: "new"}, {Name: "old"}}
	for _, tt := range []struct{ windows, want string }{
		{"win11", "current since-10 old"},
		{"win7", "current older-edition until-8.1 old"},
		{"", "current older-edition since-10 until-8.1 old"},
	} {
		var got []string
		for _, r := range Rows(lists, rows, tt.windows) {
			got = append(got, r.Pattern)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("of %q count %v, want %s", tt.windows, got, tt.want)
		}
	}
}

func TestDate(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	l := &List{Name: "a"}
	for _, tt := range []struct {
		name string
		rows []*Row
		want time.Time
	}{
		{"the oldest", []*Row{{List: "a", Checked: day(3)}, {List: "b", Checked: day(1)}, {List: "a", Checked: day(2)}}, day(2)},
		{"a row that nobody checked", []*Row{{List: "a", Checked: day(3)}, {List: "a"}, {List: "a", Checked: day(2)}}, time.Time{}},
		{"no row", nil, time.Time{}},
	} {
		if got := l.Date(tt.rows); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		now  time.Time
		want bool
	}{
		{day(20), false}, {day(20).AddDate(1, 0, 0), false}, {day(20).AddDate(1, 0, 1), true}, {day(20).AddDate(-1, 0, 0), false},
	} {
		if got := Old(day(20), tt.now); got != tt.want {
			t.Errorf("on %v a list of %v is old: %v", tt.now, day(20), got)
		}
	}
	if !Old(time.Time{}, day(20)) {
		t.Error("a list without a date passes for fresh")
	}
	rows := []*Row{{List: "a", Sure: Verified}, {List: "a", Sure: SecondHand}, {List: "b", Sure: Remembered}}
	if got := l.Sure(rows) + "," + l.Sure(rows[:1]) + "," + l.Sure(rows[2:]); got != "second hand,source," {
		t.Errorf("the list is as sure as %s", got)
	}
	undated := []string{"kb818018", "kb885819", "kb896226", "other"}
	for _, l := range Lists {
		if got := l.Date(All()).IsZero(); got != slices.Contains(undated, l.Name) {
			t.Errorf("%s has no date: %v", l.Name, got)
		}
	}
}

// A list that was used says of when it is and how sure its least sure row, whoever shows
// it.
func TestUsed(t *testing.T) {
	checked, now := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	rows := []*Row{
		{List: "a", Source: "a\tdocument", Checked: checked, Sure: Verified}, {List: "a", Source: "a document", Checked: checked, Sure: SecondHand},
		{List: "b", Source: "another", Checked: checked.AddDate(-2, 0, 0), Sure: Verified}, {List: "c", Sure: Remembered}, {List: "d", Sure: Verified},
	}
	lists := []*List{{Name: "c"}, {Name: "a", Title: "one"}, {Name: "none"}, {Name: "b"}}
	want := []string{
		`c "" "" true [""]: not held against its source as a whole, in part from memory, as no document could be had`,
		`a "one" "2026-11-20" false ["a document"]: held against its source on 2026-11-20, in part second hand`,
		`b "" "2024-11-20" true ["another"]: held against its source on 2024-11-20, more than 12 months ago (it may have changed since), read in its source`,
	}
	var got []string
	for _, l := range Used(lists, rows, now) {
		got = append(got, fmt.Sprintf("%s %q %q %v %q: %s", l.Name, l.Title, l.Date, l.Old, l.Sources, l.Standing()))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the lists are\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := Standing("2026-11-20", false, ""); got != "held against its source on 2026-11-20" {
		t.Errorf("a list of which nobody says how sure it is stands so: %s", got)
	}
}
