package sim

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"
)

// What becomes of requests for several parts.

// collapse asks for the one part that covers all that were asked for.
func collapse(r *http.Request) {
	list := strings.TrimPrefix(r.Header.Get("Range"), "bytes=")
	first, _, _ := strings.Cut(list, "-")
	last := list[strings.LastIndex(list, "-")+1:]
	r.Header.Set("Range", "bytes="+first+"-"+last)
}

// firstRange asks for the first of the parts that were asked for.
func firstRange(r *http.Request) {
	first, _, _ := strings.Cut(r.Header.Get("Range"), ",")
	r.Header.Set("Range", first)
}

// What becomes of a request for several parts (wire.md 1.8).
var (
	multiCollapse   = request(where(severalRanges, collapse))
	multiFirst      = request(where(severalRanges, firstRange))
	multiWhole      = request(where(severalRanges, unset("Range")))
	multiRefused    = answer(severalRanges, refusal(http.StatusRequestedRangeNotSatisfiable))
	multiLongParts  = response(severalRanges, longParts)
	multiBlankLines = response(severalRanges, blankLines)
)

// longParts adds 200 bytes to the head of each part of an answer.
func longParts(r *http.Response) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return
	}
	const name = "X-Trace: "
	field := name + strings.Repeat("t", 200-len(name+"\r\n")) + "\r\n"
	start := "--" + params["boundary"] + "\r\n"
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
	replaceBody(r, bytes.ReplaceAll(text, []byte(start), []byte(start+field)))
}

// blankLines puts four of them between the head and the first part of an answer.
func blankLines(r *http.Response) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		text, _ := io.ReadAll(io.LimitReader(r.Body, maxObject))
		replaceBody(r, append([]byte("\r\n\r\n\r\n\r\n"), bytes.TrimLeft(text, "\r\n")...))
	}
}

// resumeRefused sends the whole file to who has its first 8 KiB.
var resumeRefused = request(where(rangeFrom(8192), unset("Range")))
