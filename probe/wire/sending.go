package wire

import (
	"errors"
	"os"
	"sync"
	"time"
)

// atOnce is the longest request that is sent before anything is read, in bytes:
// the buffers of two sockets take more. Of a longer one so much is sent at a time.
const atOnce = 16 << 10

// lingering is how long the rest of a request may still take once its answer is
// complete: a peer that takes it all keeps the connection.
const lingering = 250 * time.Millisecond

// A sending is a long request on its way out, beside which its answer is read:
// a proxy may refuse it before it has left, and take no more of it.
type sending struct {
	*attempt
	done chan struct{} // closed when err is known
	err  error

	mu     sync.Mutex
	ending bool // the answer is there
}

// send begins to send message. Whoever does so ends it.
func (a *attempt) send(message []byte) *sending {
	s := &sending{attempt: a, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = s.write(message)
	}()
	return s
}

// write writes message piece by piece. As long as these are taken, and do not
// only trickle, the peer has its time anew.
func (s *sending) write(message []byte) error {
	start := time.Now()
	for sent := 0; sent < len(message); {
		n, err := s.w.Write(message[sent:min(sent+atOnce, len(message))])
		if sent += n; err != nil {
			return err
		}
		if !trickled(int64(sent), time.Since(start), s.Timeout) {
			s.extend()
		}
	}
	return nil
}

// extend moves the deadline of the exchange, unless it has been settled.
func (s *sending) extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return
	}
	s.meter.SetDeadline(time.Now().Add(s.Timeout))
	if s.ctx.Err() != nil { // at which the deadline had been moved to the past
		s.meter.SetDeadline(past)
	}
}

// end waits as long as grace for the rest to leave, and drops it then. The error
// is why it did not all leave. A nil sending has nothing to end.
func (s *sending) end(grace time.Duration) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	if !s.ending {
		s.ending = true
		s.meter.SetWriteDeadline(time.Now().Add(grace))
	}
	s.mu.Unlock()
	<-s.done
	return s.err
}

// cut is the error with which the request broke off by itself, and not because
// it was given no more time: that is told by what is read.
func (s *sending) cut() error {
	err := s.end(0)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
