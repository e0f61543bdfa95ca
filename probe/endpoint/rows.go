package endpoint

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed endpoints.csv
var endpoints string

// All are the rows that proxycheck has, in the order of its lists. They are shared:
// nobody may change them.
var All = sync.OnceValue(func() []*Row {
	rows, err := Parse(strings.NewReader(endpoints), "endpoints.csv", time.Time{})
	if err != nil {
		panic(err) // the tests read the same text
	}
	return rows
})

// What is read of one file.
const (
	mostRows  = 10_000
	mostBytes = 4 << 20
)

// Parse reads the rows of a CSV file, whose name is for errors. The first line names
// the columns, of which list, pattern, scheme and ports are needed. A row without a
// date of its own has that of checked. Errors name the line.
func Parse(r io.Reader, name string, checked time.Time) ([]*Row, error) {
	t, err := newTable(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	checked = day(checked)
	var rows []*Row
	for {
		row, err := t.next(checked)
		switch {
		case errors.Is(err, io.EOF) && rows == nil:
			return nil, fmt.Errorf("%s: there is no row in it", name)
		case errors.Is(err, io.EOF):
			return rows, nil
		case err == nil && len(rows) == mostRows:
			err = fmt.Errorf("line %d: there are more than %d rows", t.line(), mostRows)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		rows = append(rows, row)
	}
}

// day is the day of t, in UTC.
func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// A table is a CSV file whose first line is read.
type table struct {
	csv     *csv.Reader
	columns []*column
}

func newTable(r io.Reader) (*table, error) {
	t := &table{csv: csv.NewReader(&bounded{r, mostBytes})}
	t.csv.Comment = '#'
	head, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, located(err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // which spreadsheets write
	seen := map[string]bool{}
	for _, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		i := slices.IndexFunc(columns, func(c *column) bool { return c.name == name })
		switch {
		case i < 0:
			return nil, fmt.Errorf("line %d: there is no column %s: there are %s", t.line(), short(name), columnNames())
		case seen[name]:
			return nil, fmt.Errorf("line %d: the column %s is there twice", t.line(), name)
		}
		seen[name] = true
		t.columns = append(t.columns, columns[i])
	}
	for _, c := range columns {
		if c.needed && !seen[c.name] {
			return nil, fmt.Errorf("line %d: the column %s is missing", t.line(), c.name)
		}
	}
	return t, nil
}

// next is the next row, or the error io.EOF.
func (t *table) next(checked time.Time) (*Row, error) {
	fields, err := t.csv.Read()
	if err != nil {
		return nil, located(err)
	}
	r := &Row{Inspection: InspectionUnknown, Era: Current, Sure: Verified, Checked: checked}
	for i, c := range t.columns {
		if err := c.set(r, strings.TrimSpace(fields[i])); err != nil {
			line, _ := t.csv.FieldPos(i)
			return nil, fmt.Errorf("line %d: %s: %w", line, c.name, err)
		}
	}
	if r.Sure != Verified {
		r.Checked = time.Time{} // nobody held it against the text
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("line %d: %w", t.line(), err)
	}
	return r, nil
}

// line is where the last row begins.
func (t *table) line() int {
	line, _ := t.csv.FieldPos(0)
	return line
}

// located is an error of package csv with its line in front, as ours have it.
func located(err error) error {
	if p := (*csv.ParseError)(nil); errors.As(err, &p) {
		return fmt.Errorf("line %d: %w", p.Line, p.Err)
	}
	return err
}

// A bounded reader ends with an error where there is more than it may read.
type bounded struct {
	io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("it is longer than %d MiB", mostBytes>>20)
	}
	return n, err
}

// WriteCSV writes rows as Parse reads them.
func WriteCSV(w io.Writer, rows []*Row) error {
	c := csv.NewWriter(w)
	line := make([]string, len(columns))
	for i, column := range columns {
		line[i] = column.name
	}
	c.Write(line) // it keeps the first error
	for _, r := range rows {
		for i, column := range columns {
			line[i] = column.get(r)
		}
		c.Write(line)
	}
	c.Flush()
	return c.Error()
}

// Extend replaces the lists of base that with names, and adds the others of with.
func Extend(base, with []*Row) []*Row {
	replaced := map[string]bool{}
	for _, r := range with {
		replaced[r.List] = true
	}
	kept := slices.DeleteFunc(slices.Clone(base), func(r *Row) bool { return replaced[r.List] })
	return append(kept, with...)
}

// listNames are the names of the lists that rows have, sorted.
func listNames(rows []*Row) []string {
	names := map[string]bool{}
	for _, r := range rows {
		names[r.List] = true
	}
	return slices.Sorted(maps.Keys(names))
}
