package main

import (
	_ "embed"
	"strings"
	"text/template"

	"proxycheck/probe"
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
	})
}
