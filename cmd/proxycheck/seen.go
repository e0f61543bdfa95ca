package main

import (
	"slices"
	"strings"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
)

// seenCodes reads the codes of --seen, in each form that explain takes. Of one that no
// finding carries a run could say nothing.
func seenCodes(texts []string) ([]wuerr.Code, error) {
	var codes []wuerr.Code
	for _, text := range texts {
		var carried, others []string
		var code wuerr.Code
		for _, c := range meantBy(text) {
			if slices.ContainsFunc(probe.Findings, func(f *probe.Finding) bool { return f.Carries(c) }) {
				carried, code = append(carried, c.String()), c
			} else {
				others = append(others, c.String())
			}
		}
		switch {
		case len(carried) > 1:
			return nil, usage("--seen %s can be read as %s: give the one that Windows showed", text, strings.Join(carried, " and as "))
		case len(carried) == 0 && len(others) > 0:
			return nil, usage("--seen %s: no finding of a run carries this code: proxycheck explain %s says what is known of it", text, others[0])
		case len(carried) == 0:
			return nil, usage("--seen %q is no code: want one such as 0x80200013, or its name", text)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// meantBy are the codes that a text may mean.
func meantBy(text string) []wuerr.Code {
	var codes []wuerr.Code
	for _, r := range wuerr.Readings(text) {
		codes = append(codes, r.Code)
	}
	for _, e := range wuerr.Named(text) {
		codes = append(codes, e.Code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
