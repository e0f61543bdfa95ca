package sim

import (
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/elazarl/goproxy"
)

// One function for each place at which a Net can be broken, from the client
// outwards. A fault reads as place(what happens there). Each place is a chain,
// but for those that say that they are held.

// names changes the name server's answers.
func names(answer Answer) func(*Net) {
	return func(n *Net) {
		n.hold("name server's answer")
		n.atClient = n.breaking
		n.DNS.Answer = answer
	}
}

// listen changes the socket of the proxy.
func listen(l func(network, address string) (net.Listener, error)) func(*Net) {
	return func(n *Net) {
		n.hold("proxy's socket")
		n.Proxy.Listen = l
	}
}

// answer answers the requests that when matches with text, byte for byte, and
// hangs up. It can send what no HTTP library would.
func answer(when When, text string) func(*Net) {
	return takeOver(when, func(c net.Conn) { io.WriteString(c, text) })
}

// takeOver hands the connection of the requests that when matches to f, and
// closes it after that.
func takeOver(when When, f func(net.Conn)) func(*Net) {
	return func(n *Net) {
		n.Proxy.Front = append(n.Proxy.Front, func(honest http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !when(r) {
					honest.ServeHTTP(w, r)
					return
				}
				c, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err) // the server speaks HTTP/1 only
				}
				defer c.Close()
				f(c)
			})
		})
	}
}

// head changes the heads of the answers to the requests that when matches, as
// bytes.
func head(when When, old, new string) func(*Net) {
	return func(n *Net) {
		n.Proxy.Heads = append(n.Proxy.Heads, func(r *http.Request, head []byte) []byte {
			if !when(r) {
				return head
			}
			return []byte(strings.Replace(string(head), old, new, 1))
		})
	}
}

// body lets so many bytes of the bodies of the answers pass, and then does
// something with the connection.
func body(when When, after int64, then func(net.Conn)) func(*Net) {
	return func(n *Net) {
		n.hold("end of the body")
		n.Proxy.Tail = func(r *http.Request) *tail {
			if !when(r) {
				return nil
			}
			return &tail{after, then}
		}
	}
}

// request changes requests on their way to the server.
func request(f func(*http.Request)) func(*Net) {
	return func(n *Net) {
		n.Proxy.OnRequest().DoFunc(func(r *http.Request, _ *goproxy.ProxyCtx) (*http.Request, *http.Response) {
			f(r)
			return r, nil
		})
	}
}

// response changes the answers to the requests that when matches, as they come
// from the server: goproxy takes the length of a body that it sees replaced for
// wrong and drops it.
func response(when When, f func(*http.Response)) func(*Net) {
	return func(n *Net) {
		n.Proxy.OnRequest().DoFunc(func(r *http.Request, ctx *goproxy.ProxyCtx) (*http.Request, *http.Response) {
			honest := ctx.RoundTripper
			ctx.RoundTripper = goproxy.RoundTripperFunc(func(r *http.Request, ctx *goproxy.ProxyCtx) (*http.Response, error) {
				answer, err := roundTrip(n.Proxy.Tr, honest, r, ctx)
				if err == nil && when(r) {
					f(answer)
				}
				return answer, err
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
		n.hold("proxy's way to the server")
		n.Proxy.Dial = d
	}
}

// origin changes what the server does with the requests that when matches.
func origin(when When, h http.HandlerFunc) func(*Net) {
	return func(n *Net) {
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
		n.Direct, n.atClient = true, n.breaking
		f(n)
	}
}

// serve changes the socket of the update server.
func serve(l func(network, address string) (net.Listener, error)) func(*Net) {
	return func(n *Net) {
		n.hold("server's socket")
		n.Server.Listen = l
	}
}

// When tells to which requests a fault is done.
type When func(*http.Request) bool

func everything(*http.Request) bool { return true }

func method(m string) When { return func(r *http.Request) bool { return r.Method == m } }

func file(ext string) When {
	return func(r *http.Request) bool { return strings.HasSuffix(strings.ToLower(r.URL.Path), ext) }
}

// content matches the files of updates, which are too long for a trickle to end.
func content(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/Content/")
}

func having(field string) When {
	return func(r *http.Request) bool { return r.Header.Get(field) != "" }
}

func lacking(field string) When {
	return func(r *http.Request) bool { return r.Header.Get(field) == "" }
}

func toPort(port string) When {
	return func(r *http.Request) bool { return strings.HasSuffix(r.Host, ":"+port) }
}

func not(w When) When { return func(r *http.Request) bool { return !w(r) } }

func both(a, b When) When { return func(r *http.Request) bool { return a(r) && b(r) } }
