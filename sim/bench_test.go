package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// A whole update through the healthy net at some distance, against its measures:
// wall time beside the longest path over what its steps waited for, both of the
// same report, and what it moved.
func BenchmarkRun(b *testing.B) {
	for _, rtt := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond} {
		b.Run(fmt.Sprintf("rtt=%s", rtt), func(b *testing.B) {
			n, err := sim.NewNet("", &sim.Fault{Name: "distance", Break: func(n *sim.Net) { n.RTT = rtt }})
			if err != nil {
				b.Fatal(err)
			}
			defer n.Close()
			var wall, path time.Duration
			var moved, requests int64
			for b.Loop() {
				r := probe.Conclude(n.Client(ample).Run(b.Context()), probe.About{})
				if r.Verdict != probe.StatusPass {
					b.Fatalf("the verdict is %s", r.Verdict)
				}
				wall, path = wall+time.Duration(r.TookMS)*time.Millisecond, path+longestPath(r)
				moved, requests = moved+r.BytesSent+r.BytesReceived, requests+int64(r.Requests)
			}
			runs := float64(b.N)
			b.ReportMetric(float64(wall.Milliseconds())/runs, "wall-ms")
			b.ReportMetric(float64(path.Microseconds())/1000/runs, "path-ms")
			b.ReportMetric(float64(wall)/float64(path), "wall/path")
			b.ReportMetric(float64(moved)/runs, "bytes")
			b.ReportMetric(float64(requests)/runs, "requests")
		})
	}
}

// Ranges of the fake WSUS over kept connections, beside net/http's file server
// with a real file of the same size.
func BenchmarkRanges(b *testing.B) {
	content := wusp.NewContent(64<<20, "00000000", ".cab")
	dir := b.TempDir()
	file, err := os.Create(filepath.Join(dir, "file.cab"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(file, content.Reader()); err != nil {
		b.Fatal(err)
	}
	file.Close()
	for _, server := range []struct {
		name, path string
		handler    http.Handler
	}{
		{"fakewsus", content.Path(), &wsus.Server{}},
		{"fileserver", "/file.cab", http.FileServer(http.Dir(dir))},
	} {
		for _, size := range []int64{2, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%d", server.name, size), func(b *testing.B) {
				s := httptest.NewServer(server.handler)
				defer s.Close()
				b.SetBytes(size)
				b.RunParallel(func(pb *testing.PB) {
					for at := int64(0); pb.Next(); at = (at + size) % (32 << 20) {
						fetchRange(b, s.URL+server.path, at, size)
					}
				})
			})
		}
	}
}

func fetchRange(b *testing.B, url string, at, size int64) {
	request, _ := http.NewRequest("GET", url, nil)
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+size-1))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Error(err)
		return
	}
	n, _ := io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusPartialContent || n != size {
		b.Errorf("status %d with %d bytes, want 206 with %d", answer.StatusCode, n, size)
	}
}
