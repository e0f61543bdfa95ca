package main

import (
	"slices"

	"proxycheck/probe"
	"proxycheck/probe/wuerr"
)

// seenCodes reads the codes of --seen. Of one that no finding carries a run could
// say nothing.
func seenCodes(texts []string) ([]wuerr.Code, error) {
	var codes []wuerr.Code
	for _, text := range texts {
		code, err := wuerr.Parse(text)
		if err != nil {
			return nil, usage("--seen: %w", err)
		}
		if !slices.ContainsFunc(probe.Findings, func(f *probe.Finding) bool { return f.Carries(code) }) {
			return nil, usage("--seen %s: no finding of a run carries this code: proxycheck explain %s says what is known of it", text, code)
		}
		codes = append(codes, code)
	}
	return codes, nil
}
