package wsus

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Bounds of the bodies of calls. The whole time is as long as IIS keeps an idle
// connection (wire.md 7.1).
const (
	maxCall        = 1 << 20          // bytes of one
	maxCallTime    = 2 * time.Minute  // for one to arrive
	maxCallSilence = 15 * time.Second // without a byte of it
)

// Bounds of the memory for bodies: many clients may begin one, and none go on.
const (
	shortCall    = 32 << 10 // bytes; one of less is read at once
	maxLong      = 24       // longer ones at a time
	maxLongQueue = 5 * time.Second
	firstPiece   = 4 << 10 // bytes that a body has room for before any has come
)

// isLong tells whether the body of r is a long one, or may be: its length need
// not be stated.
func isLong(r *http.Request) bool { return r.ContentLength < 0 || r.ContentLength >= shortCall }

// A limiter is of the long bodies that are in memory at a time. The zero value lets in
// [maxLong].
type limiter struct {
	once sync.Once
	held chan struct{} // has one for each that was let in
}

// enter waits for room for one more, and tells whether there was any in time.
func (l *limiter) enter(ctx context.Context) bool {
	l.once.Do(func() { l.held = make(chan struct{}, maxLong) })
	select {
	case l.held <- struct{}{}:
		return true
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, maxLongQueue)
	defer cancel()
	select {
	case l.held <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// leave ends what enter let in.
func (l *limiter) leave() { <-l.held }

// readCall reads the body of a call, within bounds of size and time. What cannot
// be given a time has none: only tests serve without a connection. After an error
// the time stays, for whatever net/http still reads of the body.
func readCall(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	pieces := timed{http.MaxBytesReader(w, r.Body, maxCall), conn, time.Now().Add(maxCallTime)}
	body, err := readAll(pieces, r.ContentLength)
	if err == nil {
		conn.SetReadDeadline(time.Time{})
	}
	return body, err
}

// A timed reader reads what may be silent only so long, and must end in time.
type timed struct {
	io.Reader
	conn *http.ResponseController
	end  time.Time
}

func (t timed) Read(p []byte) (int, error) {
	next := time.Now().Add(maxCallSilence)
	if next.After(t.end) {
		next = t.end
	}
	t.conn.SetReadDeadline(next)
	return t.Reader.Read(p)
}

// readAll is [io.ReadAll] for what states its length, or -1: memory is taken as
// bytes come, whatever is stated, and no more than was stated in the end.
func readAll(r io.Reader, stated int64) ([]byte, error) {
	room := func(n int) int {
		if 0 <= stated && stated < int64(n) {
			return int(stated) + 1 // so that there is room to see the end
		}
		return n
	}
	body := make([]byte, 0, room(firstPiece))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
		if len(body) == cap(body) {
			grown := make([]byte, len(body), max(room(2*cap(body)), cap(body)+1))
			copy(grown, body)
			body = grown
		}
	}
}

// unreadStatus is the answer to a body that could not be read. That for one that
// comes too slowly is the one that has a meaning: http.sys may just close.
func unreadStatus(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}
