package wire

import (
	"context"
	"time"
)

// Idle waits, with nothing sent, until the other end closes the connection, and
// at most for the given time. It returns how long the connection was there and
// whether it was closed; one that is not open has been closed at once. What the
// other end says unasked, such as a 408, counts as its end.
func (c *Conn) Idle(ctx context.Context, most time.Duration) (kept time.Duration, closed bool) {
	if c.meter == nil {
		return 0, true
	}
	start := time.Now()
	c.meter.begin(ctx)
	defer c.meter.end()
	c.meter.SetDeadline(start.Add(most))
	_, err := c.br.Peek(1)
	return time.Since(start), err == nil || failure(err) != Silent && ctx.Err() == nil
}
