package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Proxies that keep what passes, and give it again.

// rangeOnlyWarm sends the whole file to who asks first, and parts of it from
// then on: it must have the file before it has its parts.
func rangeOnlyWarm(n *Net) {
	var warm firsts[bool]
	request(where(method(http.MethodGet), func(r *http.Request) {
		if _, again := warm.claim(r.URL.String(), true); !again {
			r.Header.Del("Range")
		}
	}))(n)
}

// firsts are the first values that were claimed under each key.
type firsts[V any] struct {
	mu sync.Mutex
	of map[string]V
}

// maxFirsts is the most keys that are remembered.
const maxFirsts = 1 << 12

// claim is the first value for key, and whether it was there before.
func (f *firsts[V]) claim(key string, value V) (first V, again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if first, again = f.of[key]; again {
		return first, true
	}
	if f.of == nil || len(f.of) >= maxFirsts {
		f.of = map[string]V{}
	}
	f.of[key] = value
	return value, false
}

func (f *firsts[V]) get(key string) (first V, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, ok = f.of[key]
	return first, ok
}

// secondStale sends an older copy of a file, of the same length, to the requests
// that when matches on any but the connection that asked for it first: a node of
// several, with a clock and bytes of its own.
func secondStale(when When) func(*Net) {
	return func(n *Net) {
		var asked firsts[*trackedConn]
		forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
			first, _ := asked.claim(r.URL.String(), connOf(r))
			answer, err := ask(r)
			if err == nil && first != connOf(r) {
				older(answer)
			}
			return answer, err
		})(n)
	}
}

// older makes a file, or a part of it, that of the day before.
func older(r *http.Response) {
	changed, err := http.ParseTime(r.Header.Get("Last-Modified"))
	if err != nil || strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return
	}
	r.Header.Set("Last-Modified", changed.Add(-24*time.Hour).Format(http.TimeFormat))
	if tag := r.Header.Get("ETag"); tag != "" {
		r.Header.Set("ETag", strings.Replace(tag, `"`, `"old-`, 1))
	}
	r.Body = joined{inverted{r.Body}, r.Body}
}

// inverted reads the complement of each byte.
type inverted struct{ io.Reader }

func (i inverted) Read(p []byte) (int, error) {
	n, err := i.Reader.Read(p)
	for at := range p[:n] {
		p[at] ^= 0xFF
	}
	return n, err
}

// offset32 asks for what is left of an offset in 32 bits, and says that it is
// what was asked for.
func offset32(r *http.Request, ask ask) (*http.Response, error) {
	return shifted(r, ask, func(from int64) int64 { return from % (1 << 32) })
}

// sliceStart asks for the part from the start of a slice of 64 KiB on, and says that
// it is what was asked for.
func sliceStart(r *http.Request, ask ask) (*http.Response, error) {
	return shifted(r, ask, func(from int64) int64 { return from &^ (64<<10 - 1) })
}

// shifted asks for a part that begins elsewhere, and says that it is the one that
// was asked for.
func shifted(r *http.Request, ask ask, begin func(from int64) int64) (*http.Response, error) {
	var first, last int64
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil || severalRanges(r) || begin(first) == first {
		return ask(r)
	}
	from := begin(first)
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+last-first))
	answer, err := ask(r)
	if err != nil {
		return nil, err
	}
	if _, total, ok := strings.Cut(answer.Header.Get("Content-Range"), "/"); ok {
		answer.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", first, last, total))
	}
	return answer, nil
}

// queryDropped asks for what stands before the question mark.
func queryDropped(r *http.Request) { r.URL.RawQuery, r.URL.ForceQuery = "", false }

// escapesRecoded writes the escapes of a URL in upper case.
func escapesRecoded(r *http.Request) {
	r.URL.RawPath = upperEscapes(r.URL.EscapedPath())
	r.URL.RawQuery = upperEscapes(r.URL.RawQuery)
}

var escape = regexp.MustCompile("%[0-9a-fA-F]{2}")

func upperEscapes(s string) string { return escape.ReplaceAllStringFunc(s, strings.ToUpper) }

// slashesMerged makes one slash of several in a path.
func slashesMerged(r *http.Request) {
	r.URL.Path, r.URL.RawPath = mergeSlashes(r.URL.Path), mergeSlashes(r.URL.RawPath)
}

var slashes = regexp.MustCompile("//+")

func mergeSlashes(s string) string { return slashes.ReplaceAllString(s, "/") }

// kept is an answer that a cache has.
type kept struct {
	status int
	header http.Header
	body   []byte
}

// keep reads answer to its end, if that is no more than most bytes off. Else it
// is as it was.
func keep(answer *http.Response, most int64) *kept {
	if answer.StatusCode != http.StatusOK || answer.ContentLength > most {
		return nil
	}
	start, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil || int64(len(start)) > most {
		answer.Body = joined{io.MultiReader(bytes.NewReader(start), answer.Body), answer.Body}
		return nil
	}
	answer.Body.Close()
	return &kept{answer.StatusCode, answer.Header, start}
}

// answer is k once more, to r.
func (k *kept) answer(r *http.Request) *http.Response {
	return &http.Response{StatusCode: k.status, Status: fmt.Sprint(k.status, " ", http.StatusText(k.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: k.header.Clone(), Request: r,
		Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body))}
}

// replay answers with what the first answer under the same key was.
func replay(when When, key func(*http.Request) string) func(*Net) {
	return func(n *Net) {
		var cache firsts[*kept]
		forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
			if k, ok := cache.get(key(r)); ok {
				return k.answer(r), nil
			}
			answer, err := ask(r)
			if err != nil {
				return nil, err
			}
			if k := keep(answer, maxKept); k != nil {
				cache.claim(key(r), k)
				return k.answer(r), nil
			}
			return answer, nil
		})(n)
	}
}

// postCache keeps the answers of web services, one for each call.
func postCache(n *Net) {
	replay(method(http.MethodPost), func(r *http.Request) string {
		return r.URL.String() + " " + r.Header.Get("SOAPAction")
	})(n)
}

// staleByPath keeps the answers to the requests that when matches, whatever
// their query.
func staleByPath(when When) func(*Net) {
	return replay(both(when, lacking("Range")), func(r *http.Request) string { return r.Method + " " + r.URL.Path })
}

// errorsKept keeps each error that the server gives, and gives it again for the same
// URL. It says how old it is, in seconds, unless that is "".
func errorsKept(when When, age string) func(*Net) {
	return func(n *Net) {
		var cache firsts[*kept]
		forward(when, func(r *http.Request, ask ask) (*http.Response, error) {
			if k, ok := cache.get(r.URL.String()); ok {
				again := k.answer(r)
				if age != "" {
					again.Header.Set("Age", age)
				}
				return again, nil
			}
			answer, err := ask(r)
			if err == nil && answer.StatusCode >= 400 {
				return keepAny(&cache, r, answer), nil
			}
			return answer, err
		})(n)
	}
}

// keepAny keeps an answer of any status for the URL of r, and is what is kept for it.
func keepAny(cache *firsts[*kept], r *http.Request, answer *http.Response) *http.Response {
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxKept))
	k, _ := cache.claim(r.URL.String(), &kept{answer.StatusCode, answer.Header, text})
	return k.answer(r)
}

// probeKept takes the two bytes of the probe of Delivery Optimization for the whole
// file, and gives them for each part of it from then on.
func probeKept(n *Net) {
	var cache firsts[*kept]
	forward(oneRange, func(r *http.Request, ask ask) (*http.Response, error) {
		if k, ok := cache.get(r.URL.String()); ok {
			return k.answer(r), nil
		}
		answer, err := ask(r)
		if err == nil && twoBytes(r) {
			return keepAny(&cache, r, answer), nil
		}
		return answer, err
	})(n)
}

// rangeFromCache fetches whole files, and cuts the parts itself. Who asks for a
// part that is not there gets all of it. Files too long to keep are not touched.
func rangeFromCache(n *Net) {
	var cache firsts[*kept]
	forward(method(http.MethodGet), func(r *http.Request, ask ask) (*http.Response, error) {
		k, ok := cache.get(r.URL.String())
		if !ok {
			answer, err := ask(unconditional(r))
			if err != nil {
				return nil, err
			}
			if k = keep(answer, maxObject); k == nil {
				answer.Body.Close()
				return ask(r)
			}
			cache.claim(r.URL.String(), k)
		}
		return k.part(r), nil
	})(n)
}

// unconditional asks for the whole of what r asks for.
func unconditional(r *http.Request) *http.Request {
	whole := r.Clone(r.Context())
	for _, field := range []string{"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"} {
		whole.Header.Del(field)
	}
	return whole
}

// part is what r asks for of k, or all of it if there is no such part.
func (k *kept) part(r *http.Request) *http.Response {
	changed, _ := http.ParseTime(k.header.Get("Last-Modified"))
	cut := &recorder{kept{status: http.StatusOK, header: k.header.Clone()}}
	cut.header.Del("Content-Length")
	http.ServeContent(cut, r, "", changed, bytes.NewReader(k.body))
	if cut.status == http.StatusRequestedRangeNotSatisfiable {
		return k.answer(r)
	}
	return cut.answer(r)
}

// A recorder keeps what a handler answers.
type recorder struct{ kept }

func (r *recorder) Header() http.Header    { return r.header }
func (r *recorder) WriteHeader(status int) { r.status = status }
func (r *recorder) Write(p []byte) (int, error) {
	r.body = append(r.body, p...)
	return len(p), nil
}
