package wire

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkExchange makes exchanges on one kept connection, ours and, to
// compare, those of net/http with the same peer.
func BenchmarkExchange(b *testing.B) {
	b.Run("wire", func(b *testing.B) {
		addr, r := respond(b, answered), get()
		c := &Conn{Dialer: &Dialer{Proxy: addr, Timeout: patience}}
		defer c.Close()
		for b.Loop() {
			if x := c.Exchange(b.Context(), r); !x.Complete() {
				b.Fatal(x.Stopped, x.Failure, x.Err)
			}
		}
		perSecond(b)
	})
	b.Run("net-http", func(b *testing.B) {
		proxy := &url.URL{Scheme: "http", Host: respond(b, answered)}
		transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
		defer transport.CloseIdleConnections()
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), "GET", "http://www.test/a.cab", nil)
			if err != nil {
				b.Fatal(err)
			}
			answer, err := transport.RoundTrip(req)
			if err != nil {
				b.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		perSecond(b)
	})
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
}

// BenchmarkBody reads long bodies and takes their digests.
func BenchmarkBody(b *testing.B) {
	const size = 64 << 20
	addr, r := respond(b, "HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"+strings.Repeat("a", size)), get()
	c := &Conn{Dialer: &Dialer{Proxy: addr, Timeout: patience}}
	defer c.Close()
	b.SetBytes(size)
	for b.Loop() {
		if x := c.Exchange(b.Context(), r); !x.Complete() || x.Body.Length != size {
			b.Fatal(x.Stopped, x.Failure, x.Err, x.Body.Length)
		}
	}
}

// respond answers every request on one connection with the same text, and is
// gone when the client is.
func respond(b *testing.B, text string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte(text)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for br := bufio.NewReader(conn); ; {
			line, err := br.ReadSlice('\n')
			if err != nil {
				return
			}
			if string(line) == "\r\n" {
				conn.Write(answer)
			}
		}
	}()
	return l.Addr().String()
}
