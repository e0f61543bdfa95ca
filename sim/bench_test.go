package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
	"proxycheck/sim"
	"proxycheck/sim/wsus"
)

// A whole update through the healthy net, with the net itself.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		n, err := sim.NewNet("")
		if err != nil {
			b.Fatal(err)
		}
		c := n.Client(timeout)
		if r := probe.Conclude(c.Run(b.Context()), probe.About{}); r.Verdict != probe.StatusPass {
			b.Fatalf("the verdict is %s", r.Verdict)
		}
		n.Close()
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
