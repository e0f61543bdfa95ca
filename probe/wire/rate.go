package wire

import (
	"math"
	"time"
)

// rateWindow is the time over which a rate must be kept up: bodies come in
// bursts, and over less than this each of them has a pause.
const rateWindow = 2 * time.Second

// A rate finds the smallest rate at which bytes came over any rateWindow. It
// counts them in slots of a tenth of a second, so that windows begin and end
// with a slot.
type rate struct {
	start time.Time
	total int64
	slots [20]int64 // bytes of the last slots, a ring
	slot  int64     // the current one, counted from start
	sum   int64     // of slots
	least int64     // the smallest sum of a whole window so far
}

// slotTime is the length of a slot.
const slotTime = rateWindow / time.Duration(len(rate{}.slots))

func newRate(start time.Time) rate { return rate{start: start, least: math.MaxInt64} }

// add counts n bytes that came at a time not before the last one.
func (r *rate) add(n int64, now time.Time) {
	r.advance(now)
	r.slots[r.slot%int64(len(r.slots))] += n
	r.sum, r.total = r.sum+n, r.total+n
}

// advance ends the slots before now, and with each the window that ends there.
func (r *rate) advance(now time.Time) {
	for to := int64(now.Sub(r.start) / slotTime); r.slot < to; {
		if r.slot >= int64(len(r.slots))-1 {
			r.least = min(r.least, r.sum)
		}
		r.slot++
		oldest := &r.slots[r.slot%int64(len(r.slots))]
		r.sum, *oldest = r.sum-*oldest, 0
	}
}

// slowest is the smallest rate up to now, in bytes a second: the mean, when no
// window was whole.
func (r *rate) slowest(now time.Time) float64 {
	r.advance(now)
	if r.least < math.MaxInt64 {
		return float64(r.least) / rateWindow.Seconds()
	}
	took := max(now.Sub(r.start), time.Microsecond) // what came with the head took no time
	return float64(r.total) / took.Seconds()
}
