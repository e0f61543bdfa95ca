package probe

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"proxycheck/probe/wuerr"
)

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Each finding has what a report says of it, in the form of all others.
func TestFindings(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Findings {
		if !kebab.MatchString(f.Name) || seen[f.Name] {
			t.Errorf("the name %q is not in kebab case, or not the only one", f.Name)
		}
		seen[f.Name] = true
		if !isTitle(f.Title) {
			t.Errorf("%s: the title %q has %d characters; want at most 72, in lower case and without full stop", f.Name, f.Title, len(f.Title))
		}
		if !isSentences(f.Fix) || f.Condition != "" && !isSentences(f.Condition) {
			t.Errorf("%s: want sentences as the mend %q and the condition %q", f.Name, f.Fix, f.Condition)
		}
		if f.Source == "" || f.Grade == "" || f.Effect == "" {
			t.Errorf("%s has the source %q, the grade %q and the effect %q, want each", f.Name, f.Source, f.Grade, f.Effect)
		}
		byStatus := f.Codes == nil && !f.NoCode || slices.ContainsFunc(f.Codes, func(c Coded) bool { return c.Code == ofStatus })
		if byStatus && f.Statuses == nil && f != Unexplained {
			t.Errorf("%s is logged by status, and has none", f.Name)
		}
		if f.NoCode && f.Codes != nil {
			t.Errorf("%s has codes and says that it has none", f.Name)
		}
		for _, other := range f.Explains {
			if other == f || !slices.Contains(Findings, other) {
				t.Errorf("%s explains %s, which is itself or not in the table", f.Name, other.Name)
			}
		}
		for _, c := range f.Codes {
			checkCode(t, f, c)
		}
	}
}

// Each mend is of a product and a finding that are in their tables, and of each
// pair there is one.
func TestMends(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Mends {
		if !slices.Contains(Products, m.Product) || !slices.Contains(Findings, m.Finding) {
			t.Fatalf("the mend %q is of a product or a finding that is in no table", m.Lines)
		}
		name := m.Finding.Name + " in " + m.Product.Name
		if seen[name+m.In] {
			t.Errorf("%s stands twice", name)
		}
		seen[name+m.In] = true
		for what, text := range map[string]string{"lines": m.Lines, "cause": m.Cause, "place": m.In} {
			if strings.TrimSpace(text) != text || what == "lines" && text == "" {
				t.Errorf("%s: the %s are %q", name, what, text)
			}
		}
		if m.Tried != "" && m.Cause == "" {
			t.Errorf("%s is said to be tried, and no line is known that brings it about", name)
		}
	}
}

// Each product is known by one name.
func TestProducts(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Products {
		if p.Name != strings.ToLower(p.Name) || strings.ContainsAny(p.Name, " /") || seen[p.Name] || p.Title == "" {
			t.Errorf("the product %q (%q) has no name of its own in lower case, or no title", p.Name, p.Title)
		}
		seen[p.Name] = true
		for _, s := range p.Signs {
			if s.In == "" || s.Source == "" || !slices.Contains([]Sure{Documented, Seen, Unsure}, s.Sure) {
				t.Errorf("%s: the sign %+v has no place, no source or no sureness", p.Name, s)
			}
		}
	}
}

// checkCode reports what is wrong with a code of f.
func checkCode(t *testing.T, f *Finding, c Coded) {
	t.Helper()
	if _, ok := wuerr.Lookup(c.Code); !ok && c.Code != ofStatus {
		t.Errorf("%s: nothing is known of the code %s", f.Name, c.Code)
	}
	if c.Source == "" || !slices.Contains([]Sure{Documented, Seen, Unsure}, c.Sure) {
		t.Errorf("%s: the code %s has the source %q and is %q", f.Name, c.Code, c.Source, c.Sure)
	}
	for _, w := range []Windows{c.Since, c.Until} {
		if w != "" && !slices.Contains(versions, w) {
			t.Errorf("%s: the code %s is of Windows %q", f.Name, c.Code, w)
		}
	}
	logged := slices.ContainsFunc(Steps, func(s *Step) bool { return c.Layer == s.Layer || c.Layer == "" && c.Agent == s.By })
	if !logged {
		t.Errorf("%s: the code %s is of %s in layer %q, which no step has", f.Name, c.Code, c.Agent, c.Layer)
	}
}

// Each code that is logged by status is known.
func TestStatusCodes(t *testing.T) {
	for status := 400; status <= 505; status++ {
		if status > 417 && status < 500 {
			continue // bitsmsg.h ends at 417
		}
		for _, l := range loggers {
			if c := l.code(status); c.Symbol() == "" {
				t.Errorf("status %d is logged in layer %s as %s, of which nothing is known", status, l.layer, c)
			}
		}
	}
}

// Each finding of the package is in the table: one that is not would be judged
// and never reported.
func TestFindingsAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, f := range Findings {
		listed[f.Name] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for variable, name := range findingsIn(tree) {
			if found++; !listed[name] {
				t.Errorf("%s: %s, %q, is not in Findings", file, variable, name)
			}
		}
	}
	if found != len(Findings) {
		t.Errorf("the package has %d findings and Findings lists %d", found, len(Findings))
	}
}

// findingsIn are the variables of a file that are findings, with their names.
func findingsIn(file *ast.File) map[string]string {
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, value := range spec.Values {
			if literal := findingLiteral(value); literal != nil {
				names[spec.Names[i].Name] = nameOf(literal)
			}
		}
		return true
	})
	return names
}

// findingLiteral is the literal in &Finding{...}, or nil.
func findingLiteral(e ast.Expr) *ast.CompositeLit {
	pointer, ok := e.(*ast.UnaryExpr)
	if !ok {
		return nil
	}
	literal, ok := pointer.X.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	if kind, ok := literal.Type.(*ast.Ident); !ok || kind.Name != "Finding" {
		return nil
	}
	return literal
}

// nameOf is the field Name of a literal.
func nameOf(literal *ast.CompositeLit) string {
	for _, e := range literal.Elts {
		field, ok := e.(*ast.KeyValueExpr)
		if !ok || field.Key.(*ast.Ident).Name != "Name" {
			continue
		}
		if value, ok := field.Value.(*ast.BasicLit); ok {
			name, _ := strconv.Unquote(value.Value)
			return name
		}
	}
	return ""
}

// Each step has a name of its own, and a request that can be made once all is
// known that there is to know.
func TestSteps(t *testing.T) {
	for _, p := range Profiles {
		seen := map[string]bool{}
		for _, s := range StepsOf(p) {
			if !kebab.MatchString(s.Name) || seen[s.ID()] {
				t.Errorf("%s: the name %q is not in kebab case, or not the only one", p.Windows, s.ID())
			}
			seen[s.ID()] = true
			if !isTitle(s.Title) || s.On == "" || s.Kind == nil {
				t.Errorf("%s: the title is %q, the connection %q, the kind %v", s.Name, s.Title, s.On, s.Kind)
			}
			req, err := everything(p).request(s)
			if err != nil {
				t.Errorf("%s, %s: with everything known: %v", p.Windows, s.Name, err)
				continue
			}
			head := string(req.Head.Bytes())
			if blank.MatchString(head+string(req.Body)) || strings.Contains(head, ": \r\n") {
				t.Errorf("%s, %s: a blank is left in\n%s%s", p.Windows, s.Name, head, req.Body)
			}
			for _, m := range blank.FindAllStringSubmatch(s.Send, -1) {
				if (m[2] == "." || m[2] == "/") && m[1] != cookie && !slices.ContainsFunc(Steps, func(s *Step) bool { return s.Name == m[1] }) {
					t.Errorf("%s: the blank %s is of no step", s.Name, m[0])
				}
			}
		}
	}
}

// Every step is made by some Windows, and every finding of its rules is listed.
func TestStepsAreUsed(t *testing.T) {
	for _, s := range Steps {
		if !slices.ContainsFunc(Profiles, func(p *Profile) bool { return slices.Contains(StepsOf(p), s) }) {
			t.Errorf("no Windows makes %s", s.Name)
		}
		for _, r := range slices.Concat(s.Rules, s.Kind.Rules, s.Kind.Broken, shared, broken) {
			if !slices.Contains(Findings, r.Then) {
				t.Errorf("a rule of %s shows %s, which is not in Findings", s.Name, r.Then.Name)
			}
		}
	}
}

// A step waits only for what stands before it on its own connection, or on one
// that begins before its own: connections begin in their order, and no two may
// wait for each other.
func TestStepsWaitForEarlierOnes(t *testing.T) {
	for _, p := range Profiles {
		begun, done := map[string]int{}, map[string]*Step{}
		for _, s := range append(StepsOf(p), LaddersOf()...) {
			if _, ok := begun[s.On]; !ok {
				begun[s.On] = len(begun)
			}
			for _, name := range append(refersTo(s), s.Behind) {
				if name == "" {
					continue
				}
				if earlier := done[name]; earlier == nil || begun[earlier.On] > begun[s.On] {
					t.Errorf("%s: %s waits for %s, which is on no connection that began before", p.Windows, s.ID(), name)
				}
			}
			done[s.ID()] = s
		}
	}
}

// isTitle tells whether text begins in lower case, a word in capitals such as
// HEAD apart, and is short and without a full stop.
func isTitle(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	lower := strings.IndexFunc(first, unicode.IsUpper) < 0 || first == strings.ToUpper(first) && len(first) > 1
	return text != "" && lower && len(text) <= 72 && !strings.HasSuffix(text, ".") && strings.TrimSpace(text) == text
}

// isSentences tells whether text begins with a capital and ends with a full stop.
func isSentences(text string) bool {
	return text != "" && unicode.IsUpper([]rune(text)[0]) && strings.HasSuffix(text, ".") && strings.TrimSpace(text) == text
}
