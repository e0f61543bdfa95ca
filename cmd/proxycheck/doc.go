package main

import (
	"cmp"
	_ "embed"
	"strings"
	"text/template"

	"proxycheck/probe"
	"proxycheck/probe/endpoint"
)

//go:embed reference.md.tmpl
var referenceText string

var reference = template.Must(template.New("reference").Funcs(template.FuncMap{"code": code}).Parse(referenceText))

// code is lines for the cell of a table.
func code(lines string) string {
	cell := strings.NewReplacer("|", `\|`, "\n", "`<br>`")
	return "`" + cell.Replace(example.Fill(lines)) + "`"
}

// docCommand writes the reference: the tables, as Markdown.
func docCommand(c *call) error {
	if err := c.parse(0); err != nil {
		return err
	}
	return reference.Execute(c.stdout, map[string]any{
		"Steps": stepRows(), "Findings": findingRows(), "Faults": faultRows(), "Products": productRows(), "Mends": probe.Mends,
		"Lists": listRows(), "Formats": endpoint.Formats,
	})
}

// A listRow is a URL list in the reference.
type listRow struct {
	*endpoint.List
	For, Date string
	Rows      int
	Sure      endpoint.Sure
}

// listRows are the URL lists.
func listRows() []listRow {
	var rows []listRow
	all := endpoint.All()
	for _, l := range endpoint.Lists {
		row := listRow{List: l, For: "-", Date: orNone(endpoint.Day(l.Date(all))), Sure: l.Sure(all)}
		if l.Since != "" {
			row.For = l.Since + " to " + cmp.Or(l.Until, endpoint.Versions[len(endpoint.Versions)-1])
		}
		for _, r := range all {
			if r.List == l.Name {
				row.Rows++
			}
		}
		rows = append(rows, row)
	}
	return rows
}
