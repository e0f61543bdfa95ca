package main

import (
	_ "embed"
	"text/template"
)

//go:embed reference.md.tmpl
var referenceText string

var reference = template.Must(template.New("reference").Parse(referenceText))

// docCommand writes the reference: the tables, as Markdown.
func docCommand(c *call) error {
	if err := c.parse(0); err != nil {
		return err
	}
	return reference.Execute(c.stdout, map[string][]row{
		"Steps": stepRows(), "Findings": findingRows(), "Faults": faultRows(),
	})
}
