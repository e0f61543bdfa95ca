package sim

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/elazarl/goproxy"

	"proxycheck/probe/wusp"
)

// One function for each place at which a Net can be broken, from the client
// outwards. A fault reads as place(what happens there). Each place is a chain,
// but for those that say that they are held. Each notes of which part it is.

// A part of a Net.
type part string

const (
	atClient part = "client" // its settings, and the name service that it asks
	atPath   part = "network"
	atProxy  part = "proxy"
	atServer part = "server"
)

// touch notes that the fault at work acts at a part.
func (n *Net) touch(p part) { n.touched[n.breaking] = append(n.touched[n.breaking], p) }

// names changes the name server's answers.
func names(answer Answer) func(*Net) {
	return func(n *Net) {
		n.touch(atClient)
		n.hold("name server's answer")
		n.atClient = n.breaking
		n.DNS.Answer = answer
	}
}

// listen changes the socket of the proxy.
func listen(l func(network, address string) (net.Listener, error)) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.hold("proxy's socket")
		n.Proxy.Listen = l
	}
}

// connCap turns away a client's connections beyond so many at once.
func connCap(most int) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.hold("number of connections")
		n.Proxy.Most = most
	}
}

// front does f with the requests that when matches, before goproxy sees them.
func front(when When, f func(w http.ResponseWriter, r *http.Request, honest http.Handler)) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.Front = append(n.Proxy.Front, func(honest http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !when(r) {
					honest.ServeHTTP(w, r)
					return
				}
				f(w, r, honest)
			})
		})
	}
}

// answer answers the requests that when matches with text, byte for byte, and
// hangs up if that is how text ends. It can send what no HTTP library would.
func answer(when When, text string) func(*Net) {
	return front(when, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.CopyN(io.Discard, r.Body, maxKept)
		if !keepsOpen(r, text) {
			w.Header().Set("Connection", "close")
		}
		connOf(r).replace(text)
	})
}

// takeOver hands the connection of the requests that when matches to f, and
// closes it after that.
func takeOver(when When, f func(net.Conn)) func(*Net) {
	return front(when, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		connOf(r).edit = nil
		seize(f)(w, r)
	})
}

// seize hands the connection of a request to f, and closes it after that.
func seize(f func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // the server speaks HTTP/1 only
		}
		defer c.Close()
		f(c)
	}
}

// head changes the heads of the answers to the requests that when matches, as
// bytes.
func head(when When, old, new string) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.Heads = append(n.Proxy.Heads, headChange{when: when, change: func(head []byte) []byte {
			return bytes.Replace(head, []byte(old), []byte(new), 1)
		}})
	}
}

// body lets so many bytes of the bodies of the answers pass, and if there are
// more, does something with the connection and closes it.
func body(when When, after int64, then func(net.Conn)) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.hold("end of the body")
		n.Proxy.Tail = &tail{when, after, then}
	}
}

// request changes requests on their way to the server.
func request(f func(*http.Request)) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.OnRequest().DoFunc(func(r *http.Request, _ *goproxy.ProxyCtx) (*http.Request, *http.Response) {
			f(r)
			return r, nil
		})
	}
}

// response changes the answers to the requests that when matches, as they come
// from the server.
func response(when When, f func(*http.Response)) func(*Net) {
	return forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
		answer, err := ask(r)
		if err == nil {
			f(answer)
		}
		return answer, err
	})
}

// ask gets the server's answer to a request.
type ask func(*http.Request) (*http.Response, error)

// forward does f in place of asking the server what when matches. It stands
// where goproxy asks, and not where goproxy shows the answer: of a body that it
// sees replaced there it drops the length.
func forward(when When, f func(*http.Request, ask) (*http.Response, error)) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.Proxy.OnRequest().DoFunc(func(r *http.Request, ctx *goproxy.ProxyCtx) (*http.Request, *http.Response) {
			honest := ctx.RoundTripper
			ctx.RoundTripper = goproxy.RoundTripperFunc(func(r *http.Request, ctx *goproxy.ProxyCtx) (*http.Response, error) {
				ask := func(r *http.Request) (*http.Response, error) { return roundTrip(n.Proxy.Tr, honest, r, ctx) }
				if !when(r) {
					return ask(r)
				}
				return f(r, ask)
			})
			return r, nil
		})
	}
}

// roundTrip asks the server by way of what another fault put there, if any did.
func roundTrip(tr http.RoundTripper, other goproxy.RoundTripper, r *http.Request, ctx *goproxy.ProxyCtx) (*http.Response, error) {
	if other != nil {
		return other.RoundTrip(r, ctx)
	}
	return tr.RoundTrip(r)
}

// tunnel changes what becomes of CONNECT.
func tunnel(action func(*Net) *goproxy.ConnectAction) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.hold("tunnel")
		a := action(n)
		n.Proxy.OnRequest().HandleConnectFunc(func(host string, _ *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
			return a, host
		})
	}
}

// dial changes the proxy's own way to the server.
func dial(d Dial) func(*Net) {
	return func(n *Net) {
		n.touch(atProxy)
		n.hold("proxy's way to the server")
		n.Proxy.Dial = d
	}
}

// origin changes what the server does with the requests that when matches.
func origin(when When, h http.HandlerFunc) func(*Net) {
	return func(n *Net) {
		n.touch(atServer)
		honest := n.Server.Handler
		n.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if when(r) {
				h(w, r)
				return
			}
			honest.ServeHTTP(w, r)
		})
	}
}

// direct takes the proxy out of the client's settings, and does what f does.
func direct(f func(*Net)) func(*Net) {
	return func(n *Net) {
		n.touch(atClient)
		n.Direct, n.atClient = true, n.breaking
		f(n)
	}
}

// serve changes the socket of the update server.
func serve(l func(network, address string) (net.Listener, error)) func(*Net) {
	return func(n *Net) {
		n.touch(atServer)
		n.hold("server's socket")
		n.Server.Listen = l
	}
}

// handshake changes how the update server does TLS.
func handshake(change func(*tls.Config)) func(*Net) {
	return func(n *Net) {
		n.touch(atServer)
		change(n.Server.TLS)
	}
}

// When tells to which requests a fault is done.
type When func(*http.Request) bool

func everything(*http.Request) bool { return true }

func method(m string) When { return func(r *http.Request) bool { return r.Method == m } }

func file(ext string) When {
	return func(r *http.Request) bool { return strings.HasSuffix(strings.ToLower(r.URL.Path), ext) }
}

// under matches paths that begin with one of the prefixes, in any case.
func under(prefixes ...string) When {
	return func(r *http.Request) bool {
		path := strings.ToLower(r.URL.Path)
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(path, strings.ToLower(p)) })
	}
}

// content matches the files of updates, which are too long for a trickle to end.
func content(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/Content/")
}

// ncsi matches what Windows asks to see whether it is on the Internet (wire.md 5.6).
var ncsi = both(method(http.MethodGet), under("/connecttest.txt", "/ncsi.txt"))

func having(field string) When {
	return func(r *http.Request) bool { return r.Header.Get(field) != "" }
}

func lacking(field string) When {
	return func(r *http.Request) bool { return r.Header.Get(field) == "" }
}

// saying matches a field that has a part, in any case.
func saying(field, part string) When {
	return func(r *http.Request) bool {
		return strings.Contains(strings.ToLower(r.Header.Get(field)), strings.ToLower(part))
	}
}

// severalRanges matches what asks for more than one part of a file.
var severalRanges = saying("Range", ",")

// rangeFrom matches what asks for a part of a file from an offset on, in bytes.
func rangeFrom(first int64) When {
	return func(r *http.Request) bool {
		return strings.HasPrefix(r.Header.Get("Range"), fmt.Sprintf("bytes=%d-", first))
	}
}

func toPort(port string) When {
	return func(r *http.Request) bool { return strings.HasSuffix(r.Host, ":"+port) }
}

// urlOver matches a URL of more than n bytes, as the client wrote it.
func urlOver(n int) When { return func(r *http.Request) bool { return len(r.RequestURI) > n } }

// headOver matches a head of more than n bytes.
func headOver(n int) When {
	return func(r *http.Request) bool {
		size := len(r.Method+r.RequestURI+r.Proto) + len("  \r\n") + len("Host: \r\n"+r.Host) + len("\r\n")
		for name, values := range r.Header {
			for _, v := range values {
				size += len(name+v) + len(": \r\n")
			}
		}
		return size > n
	}
}

// bodyOver matches a request with a body of more than n bytes. One that does not
// say how long it is, is read up to there.
func bodyOver(n int64) When {
	return func(r *http.Request) bool {
		if r.ContentLength >= 0 {
			return r.ContentLength > n
		}
		start, _ := io.ReadAll(io.LimitReader(r.Body, n+1))
		r.Body = joined{io.MultiReader(bytes.NewReader(start), r.Body), r.Body}
		return int64(len(start)) > n
	}
}

func not(w When) When { return func(r *http.Request) bool { return !w(r) } }

func both(a, b When) When { return func(r *http.Request) bool { return a(r) && b(r) } }

func either(a, b When) When { return func(r *http.Request) bool { return a(r) || b(r) } }

// where does f with the requests that when matches.
func where(when When, f func(*http.Request)) func(*http.Request) {
	return func(r *http.Request) {
		if when(r) {
			f(r)
		}
	}
}

// chain does one thing and then another.
func chain(breaks ...func(*Net)) func(*Net) {
	return func(n *Net) {
		for _, b := range breaks {
			b(n)
		}
	}
}

// calling matches the calls of one operation of a web service.
func calling(operation string) When {
	return func(r *http.Request) bool {
		_, called := wusp.Operation(r.Header.Get("SOAPAction"))
		return called == operation
	}
}
