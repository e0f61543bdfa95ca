package main

import (
	"io"
	"testing"
)

// All faults, as selftest tries them: under 15 s is wanted.
func BenchmarkSelftest(b *testing.B) {
	for b.Loop() {
		if exit := Main(b.Context(), []string{"selftest"}, io.Discard, io.Discard); exit != 0 {
			b.Fatalf("exit %d", exit)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
}
