//go:build whole

package main

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"proxycheck/sim"
)

// A selftest of all faults leaves no goroutine behind, and a second one needs no more
// memory than the first has left.
func TestSelftest(t *testing.T) {
	var left [2]uint64
	for i := range left {
		started := time.Now()
		var stdout, stderr bytes.Buffer
		if exit := Main(t.Context(), []string{"selftest"}, &stdout, &stderr); exit != 0 {
			t.Fatalf("exit %d\n%s%s", exit, &stdout, &stderr)
		}
		took := time.Since(started)
		left[i] = heap()
		t.Logf("selftest: %d faults in %.1f s, %d KiB left, %d goroutines", len(sim.Faults), took.Seconds(), left[i]>>10, runtime.NumGoroutine())
	}
	const most = 2 << 20 // that caches of the standard library may grow by
	if left[1] > left[0]+most {
		t.Errorf("%d bytes are left after the first and %d after the second", left[0], left[1])
	}
}

// heap is how many bytes are in use when all garbage is collected.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what a finalizer has let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
