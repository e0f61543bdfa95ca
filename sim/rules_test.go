//go:build whole

package sim_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"proxycheck/probe"
	"proxycheck/sim"
)

// Every rule decides: without it, some verdict of some recorded run is another.
func TestRules(t *testing.T) {
	runs := map[string]*probe.Run{}
	for f, r := range recorded(t) {
		runs[f.Name] = r
	}
	maps.Copy(runs, recordedForRules(t))
	before := outcomes(runs, nil)
	rules := rulesOf(t)
	matched := matches(runs, rules)
	decide := 0
	for _, r := range rules {
		back := r.remove()
		after := outcomes(runs, matched[r])
		back()
		change, elsewhere := difference(before, after), decidesElsewhere[r.table+" "+r.text]
		if change != "" {
			decide++
		}
		switch {
		case change == "" && elsewhere == "":
			t.Errorf("%s %s: decides nothing", r.table, r.text)
		case change != "" && elsewhere != "":
			t.Errorf("%s %s: is said to decide only elsewhere, and decides %s", r.table, r.text, change)
		default:
			t.Logf("%s %s: %s", r.table, r.text, change+elsewhere)
		}
	}
	t.Logf("%d of %d rules decide here, %d elsewhere", decide, len(rules), len(decidesElsewhere))
}

// decidesElsewhere are the rules that decide in no net of package sim, and where.
var decidesElsewhere = map[string]string{
	"broken {If: anything, Then: Unexplained}":                                     "TestNoBreakPasses: whatever no other rule knows, which is no fault that could be told",
	"shared {If: all(atClient, issuerUnknown), Then: IssuerUnknown, As: Fail}":     "TestJudge on Windows: this system has no store of a client",
	"shared {If: all(untrusted, atClient, inspectedUnpinned), Then: TLSInspected}": "the same",
	"compared unlikeDirect": "TestUnknownBytes: what comes without the proxy, to which no net has a way",
}

// recordedForRules are the runs in the nets of ForRules, by name.
func recordedForRules(t *testing.T) map[string]*probe.Run {
	t.Helper()
	runs := make([]*probe.Run, len(sim.ForRules))
	t.Run("for rules", func(t *testing.T) {
		for i, d := range sim.ForRules {
			t.Run(d.Name, func(t *testing.T) {
				t.Parallel()
				runs[i] = recordWith(t, probe.Profiles[0], d.Client, d.Fault)
			})
		}
	})
	byName := map[string]*probe.Run{}
	for i, d := range sim.ForRules {
		byName[d.Name] = runs[i]
	}
	return byName
}

// matches are the names of the runs in which each rule matches; of a rule of which
// nobody can tell there is none.
func matches(runs map[string]*probe.Run, rules []*rule) map[*rule][]string {
	matched := map[*rule][]string{}
	for name, run := range runs {
		var back []func()
		for _, r := range rules {
			for _, row := range r.rows {
				if row.Watch != nil {
					back = append(back, row.Watch(func() {
						if names := matched[r]; len(names) == 0 || names[len(names)-1] != name {
							matched[r] = append(names, name)
						}
					}))
				}
			}
		}
		probe.Outcome(run)
		undo(back)
	}
	return matched
}

// undo calls all of some functions, the last first.
func undo(back []func()) {
	for _, f := range slices.Backward(back) {
		f()
	}
}

// outcomes are what runs of those names come to; nil is for all names.
func outcomes(runs map[string]*probe.Run, names []string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for name, r := range runs {
		if names == nil || slices.Contains(names, name) {
			all[name] = probe.Outcome(r)
		}
	}
	return all
}

// difference is the first run that comes to something else, and what it is; "" for
// none.
func difference(before, after map[string]map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if !maps.Equal(before[name], after[name]) {
			return fmt.Sprintf("%s: %s -> %s", name, beside(before[name], after[name]), beside(after[name], before[name]))
		}
	}
	return ""
}

// beside is what one outcome has and the other has not.
func beside(one, other map[string]string) string {
	var some []string
	for _, name := range slices.Sorted(maps.Keys(one)) {
		if one[name] != other[name] {
			some = append(some, name+" "+one[name])
		}
	}
	if some == nil {
		return "nothing"
	}
	return strings.Join(some, ", ")
}

// A rule is a row of a table of package probe as it stands in the source, with
// the places at which it stands when the program runs. Rows of one table that differ
// in a number or a text alone are one.
type rule struct {
	table, text string
	rows        []probe.Row
}

// remove takes r away until the function is called that it returns.
func (r *rule) remove() (back func()) {
	var all []func()
	for _, row := range r.rows {
		all = append(all, row.Remove())
	}
	return func() { undo(all) }
}

// rulesOf are all rules of package probe.
func rulesOf(t *testing.T) []*rule {
	t.Helper()
	s := parse(t)
	var rules []*rule
	known := map[string]*rule{}
	for _, table := range probe.Tables() {
		lines, err := s.rows(table)
		if err != nil || len(lines) != len(table.Rows) {
			t.Fatalf("the table %s has %d rows, in the source there are %d: %v", table.Name, len(table.Rows), len(lines), err)
		}
		for i, line := range lines {
			key := line.table + line.alike
			if known[key] == nil {
				known[key] = &rule{table: line.table, text: line.text}
				rules = append(rules, known[key])
			}
			known[key].rows = append(known[key].rows, table.Rows[i])
		}
	}
	return rules
}

// A line is a row of a table as it stands in the source.
type line struct {
	table string // in which it stands
	text  string
	alike string // the same without its numbers and texts
}

// A source is that of package probe.
type source struct {
	files *token.FileSet
	vars  map[string]ast.Expr
	funcs map[string]*ast.FuncDecl
	kinds map[string]string // the variables that hold them, by the names that they bear
	steps map[string]*ast.CompositeLit
}

func parse(t *testing.T) *source {
	t.Helper()
	s := &source{token.NewFileSet(), map[string]ast.Expr{}, map[string]*ast.FuncDecl{}, map[string]string{}, map[string]*ast.CompositeLit{}}
	names, err := filepath.Glob("../probe/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(s.files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			ast.Inspect(f, s.note)
		}
	}
	return s
}

// note keeps what may be, or hold, a table.
func (s *source) note(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		s.funcs[n.Name.Name] = n
		return false
	case *ast.ValueSpec:
		for i, value := range n.Values {
			s.vars[n.Names[i].Name] = value
			if kind := literalOf(value); text(field(kind, "Name")) != "" && field(kind, "Send") == nil {
				s.kinds[text(field(kind, "Name"))] = n.Names[i].Name
			}
		}
	case *ast.CompositeLit:
		if field(n, "Send") != nil {
			s.steps[text(field(n, "Name"))] = n
		}
	}
	return true
}

// literalOf is the literal that e is, or the address of one, or nil.
func literalOf(e ast.Expr) *ast.CompositeLit {
	if address, ok := e.(*ast.UnaryExpr); ok {
		e = address.X
	}
	literal, _ := e.(*ast.CompositeLit)
	return literal
}

// text is the text that e is, or "".
func text(e ast.Expr) string {
	if literal, ok := e.(*ast.BasicLit); ok {
		text, _ := strconv.Unquote(literal.Value)
		return text
	}
	return ""
}

// field is the value of a field in a literal, or nil.
func field(literal *ast.CompositeLit, name string) ast.Expr {
	if literal != nil {
		for _, e := range literal.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := pair.Key.(*ast.Ident); ok && key.Name == name {
					return pair.Value
				}
			}
		}
	}
	return nil
}

// rows are the rows of a table.
func (s *source) rows(table probe.Table) ([]line, error) {
	what, name, _ := strings.Cut(table.Name, " ")
	switch what {
	case "sole":
		return []line{{what, name, name}}, nil
	case "kind":
		name, broken := strings.CutSuffix(name, ", broken")
		rules := &ast.SelectorExpr{X: ast.NewIdent(s.kinds[name]), Sel: ast.NewIdent("Rules")}
		if broken {
			rules.Sel.Name = "Broken"
		}
		return s.evaluate(table.Name, rules)
	case "step":
		return s.evaluate("steps", field(s.steps[name], "Rules"))
	}
	return s.evaluate(table.Name, s.vars[table.Name])
}

// evaluate are the rows of an expression that is a table: a literal, the name of
// one, several in a row, or what a function returns.
func (s *source) evaluate(table string, e ast.Expr) ([]line, error) {
	switch e := e.(type) {
	case nil:
		return nil, nil
	case *ast.CompositeLit:
		var lines []line
		for _, row := range e.Elts {
			lines = append(lines, line{table, s.text(row, false), s.text(row, true)})
		}
		return lines, nil
	case *ast.Ident:
		return s.evaluate(e.Name, s.vars[e.Name])
	case *ast.SelectorExpr: // the rules of another kind
		if kind, ok := e.X.(*ast.Ident); ok {
			return s.evaluate(kind.Name+"."+e.Sel.Name, field(literalOf(s.vars[kind.Name]), e.Sel.Name))
		}
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.Ident); ok && s.funcs[f.Name] != nil {
			body := s.funcs[f.Name].Body.List
			if result, ok := body[len(body)-1].(*ast.ReturnStmt); ok {
				return s.evaluate(f.Name, result.Results[0])
			}
		}
		if s.text(e.Fun, false) == "slices.Concat" {
			var lines []line
			for _, arg := range e.Args {
				some, err := s.evaluate(table, arg)
				if err != nil {
					return nil, err
				}
				lines = append(lines, some...)
			}
			return lines, nil
		}
	}
	return nil, fmt.Errorf("%s: %T is no table", table, e)
}

// text is the source of n on one line, without its numbers and texts if it is to be
// blank.
func (s *source) text(n ast.Node, blank bool) string {
	var literals []*ast.BasicLit
	var values []string
	ast.Inspect(n, func(n ast.Node) bool {
		if b, ok := n.(*ast.BasicLit); ok && blank {
			literals, values = append(literals, b), append(values, b.Value)
			b.Value = "_"
		}
		return true
	})
	var b strings.Builder
	printer.Fprint(&b, s.files, n)
	for i, literal := range literals {
		literal.Value = values[i]
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
