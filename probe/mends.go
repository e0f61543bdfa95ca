package probe

import (
	"cmp"
	"slices"
	"strings"
)

// A Mend is what one types into a product against a finding. It is a row of a
// table and never changes.
type Mend struct {
	Product *Product
	Finding *Finding
	Cause   string // the lines of the product's own that bring it about; "" where none are known
	In      string // the file or the section of it in which the lines stand, in the product's words; "" for its one file
	At      Place  // of Lines, beside those of Cause
	Lines   string // as one types them, with the blanks of [Target.Fill]
	Source  string // the document that backs them; "" for none
	Tried   string // the version in which Cause was seen to show the finding, and Lines to mend it; "" for none
}

// A Place is where lines are typed.
type Place string

// Places.
const (
	Anywhere Place = ""
	Above    Place = "above the lines that cause it"
	Below    Place = "below the lines that cause it"
	Instead  Place = "in place of the lines that cause it"
)

// Mends lists every mend that is known for a product, by product.
var Mends = slices.Concat(squidMends, webServerMends, smallProxyMends, applianceMends, iisMends)

// MendsOf are the mends of a finding, in the order of the products' names.
func MendsOf(f *Finding) []*Mend {
	var some []*Mend
	for _, m := range Mends {
		if m.Finding == f {
			some = append(some, m)
		}
	}
	slices.SortStableFunc(some, func(a, b *Mend) int { return cmp.Compare(a.Product.Name, b.Product.Name) })
	return some
}

// Where says where the lines of m are typed.
func (m *Mend) Where() string {
	return strings.Join(slices.DeleteFunc([]string{m.In, string(m.At)}, func(s string) bool { return s == "" }), ", ")
}

// Backing says by what m is backed: a document, a trial, both or neither.
func (m *Mend) Backing() string {
	switch {
	case m.Source == "" && m.Tried == "":
		return "no document backs this"
	case m.Tried == "":
		return "not tried here; from: " + m.Source
	case m.Source == "":
		return "tried on " + m.Product.Title + " " + m.Tried
	}
	return "tried on " + m.Product.Title + " " + m.Tried + "; from: " + m.Source
}
