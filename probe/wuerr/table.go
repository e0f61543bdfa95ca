package wuerr

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// A record is a row of a table, by the names of its columns. The tables are ours:
// what they lack is a mistake of this package, and panics.
type record map[string]string

// records are the rows of a CSV file, the first of which names the columns.
func records(file string) []record {
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		panic(err)
	}
	var all []record
	for _, row := range rows[1:] {
		r := record{}
		for i, column := range rows[0] {
			r[column] = row[i]
		}
		all = append(all, r)
	}
	return all
}

// number is the number in a column, or 0 where it is empty.
func (r record) number(column string) int {
	if r[column] == "" {
		return 0
	}
	n, err := strconv.Atoi(r[column])
	if err != nil {
		panic(err)
	}
	return n
}

// codes are those in a column, which are separated by spaces.
func (r record) codes(column string) []Code {
	var codes []Code
	for field := range strings.FieldsSeq(r[column]) {
		c, err := Parse(field)
		if err != nil {
			panic(err)
		}
		codes = append(codes, c)
	}
	return codes
}
