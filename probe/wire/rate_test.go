package wire

import (
	"math"
	"testing"
	"time"
)

// The smallest rate is that of the worst two seconds, of a shorter body the mean.
func TestRate(t *testing.T) {
	type piece struct {
		bytes int64
		after time.Duration // from the piece before
	}
	const ms = time.Millisecond
	steady := func(bytes int64, every time.Duration, times int) (all []piece) {
		for range times {
			all = append(all, piece{bytes, every})
		}
		return all
	}
	join := func(parts ...[]piece) (all []piece) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, tt := range []struct {
		name   string
		pieces []piece
		end    time.Duration // behind the last piece
		want   float64
	}{
		{name: "nothing"},
		{name: "nothing, for long", end: 10 * time.Second},
		{name: "all at once", pieces: []piece{{5000, 0}}, want: 5000 * 1e6},
		{name: "a second", pieces: steady(100, 100*ms, 10), want: 1000},
		{name: "almost two", pieces: steady(100, 100*ms, 19), want: 1000},
		{name: "ten seconds", pieces: steady(100, 100*ms, 100), want: 950}, // at first it waits for a slot
		{name: "many a slot", pieces: steady(1, ms, 10_000), want: 999.5},
		{name: "a pause of a second", pieces: join(steady(100, 100*ms, 40), steady(100, 1000*ms, 1), steady(100, 100*ms, 40)), want: 550},
		{name: "a pause of ten", pieces: join(steady(100, 100*ms, 40), steady(100, 10_000*ms, 1), steady(100, 100*ms, 40)), want: 0},
		{name: "slower in the middle", pieces: join(steady(100, 100*ms, 40), steady(10, 100*ms, 40), steady(100, 100*ms, 40)), want: 100},
		{name: "a burst and nothing", pieces: []piece{{1 << 20, 0}}, end: 15 * time.Second, want: 0},
		{name: "nothing and a burst", pieces: []piece{{1 << 20, 15 * time.Second}}, want: 0},
		{name: "a pause within two seconds", pieces: []piece{{1000, 0}, {1000, 1900 * ms}}, want: 2000 / 1.9},
	} {
		start := time.Now()
		now, r := start, newRate(start)
		for _, p := range tt.pieces {
			now = now.Add(p.after)
			r.add(p.bytes, now)
		}
		if got := r.slowest(now.Add(tt.end)); math.Abs(got-tt.want) > 1e-6*tt.want {
			t.Errorf("%s: %v bytes a second, want %v", tt.name, got, tt.want)
		}
	}
}

// It costs no memory, and little time.
func TestRateAllocatesNothing(t *testing.T) {
	now := time.Now()
	r := newRate(now)
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		r.add(1000, now)
	}); n > 0 {
		t.Errorf("%v allocations for each read", n)
	}
}

// A body that stops for long in its middle is slow, however fast the rest of it
// comes, and whether or not the rest comes.
func TestSlowest(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n"
	for name, tt := range map[string]struct {
		peer script
		low  float64
		high float64
	}{
		"at once":            {script{hears, says(head), zeros(2_000_000), stays}, 100_000, math.MaxFloat64},
		"with a pause":       {script{hears, says(head), zeros(1_000_000), untilShown, pauses(rateWindow * 6 / 5), zeros(1_000_000), stays}, 0, 0},
		"with a short pause": {script{hears, says(head), zeros(1_000_000), untilShown, pauses(rateWindow / 4), zeros(1_000_000), stays}, 100_000, 20_000_000}, // at once it is some 100 times that
		"broken off":         {script{hears, says(head), zeros(1_000_000)}, 100_000, math.MaxFloat64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := play(t, tt.peer), get()
			r.Sink = p.sinkOf(1_000_000)
			if x := p.client(t).Exchange(p.ctx, r); x.Body.Slowest < tt.low || x.Body.Slowest > tt.high {
				t.Errorf("%s: %d bytes came in %v, at %v bytes a second at the slowest; want %v to %v",
					x.Stopped, x.Body.Length, x.Took[BodyRead], x.Body.Slowest, tt.low, tt.high)
			}
		})
	}
}

// pauses does nothing for a while, or until the client ends.
func pauses(d time.Duration) move {
	return func(l *line) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.ctx.Done():
		}
	}
}
