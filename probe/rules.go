//go:build whole

package probe

// What is here is for the test that takes away what this package judges by, row by
// row, and looks for a verdict that changes. That test is in package sim, where the
// faults are. Only its tag builds this file, so that nothing else can change a table.

// A Table is one of those by which this package judges.
type Table struct {
	Name string // as in the source; of a kind, a step or a sole symptom that word and a name
	Rows []Row
}

// A Row is a row of a table.
type Row struct {
	// Remove takes the row away, and Watch tells seen whenever it matches, until the
	// function is called that they return. No other goroutine may judge in between.
	// Watch is nil for a row of which nobody can tell whether it matches.
	Remove func() (back func())
	Watch  func(seen func()) (back func())
}

// Tables lists the tables, each in the order of the source.
func Tables() []Table {
	tables := []Table{{"shared", rulesOf(shared)}, {"broken", rulesOf(broken)}}
	seen := map[*Kind]bool{}
	for _, s := range append(Steps[:len(Steps):len(Steps)], LaddersOf()...) {
		if k := s.Kind; !seen[k] {
			seen[k] = true
			tables = append(tables, Table{"kind " + k.Name, rulesOf(k.Rules)}, Table{"kind " + k.Name + ", broken", rulesOf(k.Broken)})
		}
		tables = append(tables, Table{"step " + s.Name, rulesOf(s.Rules)})
	}
	var sorts, comparisons, ofProof []Row
	for i := range narrowed {
		sorts = append(sorts, sortOf(&narrowed[i]))
	}
	for i := range compared {
		comparisons = append(comparisons, replacing(&compared[i], func([]*judged) {}))
	}
	for i := range proofs {
		ofProof = append(ofProof, replacing(&proofs[i], func(*Run, *judged, *Finding) (Owner, string) { return "", "" }))
	}
	tables = append(tables, Table{"narrowed", sorts}, Table{"compared", comparisons}, Table{"proofs", ofProof})
	for _, f := range Findings {
		if f.Sole != nil {
			tables = append(tables, Table{"sole " + f.Name, []Row{replacing(&f.Sole, nil)}})
		}
	}
	return tables
}

// rulesOf are the rows of some rules.
func rulesOf(rules []Rule) []Row {
	var rows []Row
	for i := range rules {
		row := replacing(&rules[i].If, func(*Observation) string { return "" })
		row.Watch = func(seen func()) func() {
			symptom := rules[i].If
			return replace(&rules[i].If, func(o *Observation) string {
				evidence := symptom(o)
				if evidence != "" {
					seen()
				}
				return evidence
			})
		}
		rows = append(rows, row)
	}
	return rows
}

// sortOf is the row of a narrowing.
func sortOf(n *narrowing) Row {
	row := replacing(&n.sort, func(_, _ []*judged) bool { return false })
	row.Watch = func(seen func()) func() {
		sort := n.sort
		return replace(&n.sort, func(all, shown []*judged) bool {
			fits := sort(all, shown)
			if fits {
				seen()
			}
			return fits
		})
	}
	return row
}

// replacing is a row that is taken away by putting nothing in the place of what it
// does.
func replacing[T any](what *T, nothing T) Row {
	return Row{Remove: func() func() { return replace(what, nothing) }}
}

// replace puts other in the place of what stands there, until back is called.
func replace[T any](what *T, other T) (back func()) {
	saved := *what
	*what = other
	return func() { *what = saved }
}

// RunVerdict is the name under which an outcome has the verdict of a run.
const RunVerdict = "verdict"

// Outcome is what r comes to: its verdict, and for each finding, by its name, its
// grade, its owner and the finding that accounts for it.
func Outcome(r *Run) map[string]string {
	all := judge(r)
	report := &Report{Complete: r.StoppedBy == ""}
	for _, j := range all {
		p := Played{Status: j.status(), Spared: j.spared}
		if j.LeftOut {
			p.Spared = j.WaitedFor
		}
		report.Steps = append(report.Steps, p)
	}
	outcome := map[string]string{RunVerdict: string(verdict(report))}
	for _, s := range merge(all) {
		outcome[s.Name] = string(s.grade) + " " + string(s.owner)
		if s.under != nil {
			outcome[s.Name] += " under " + s.under.Name
		}
	}
	return outcome
}
