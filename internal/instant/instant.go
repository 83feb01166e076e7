// Package instant has times of 8 bytes, a third of a [time.Time], for who keeps millions.
package instant

import (
	"cmp"
	"math"
	"time"
)

// Time is a time by a [Clock]. 0 is none.
type Time time.Duration

// Add returns the last time there is if the sum is later.
func (t Time) Add(d time.Duration) Time {
	if t > 0 && d > math.MaxInt64-time.Duration(t) {
		return math.MaxInt64
	}
	return t + Time(d)
}

// Sub returns the duration from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Clock reads the time. It must not be used concurrently.
type Clock struct{ zero time.Time }

// Now returns the time, which is above 0.
func (c *Clock) Now() Time {
	if c.zero.IsZero() { // not when the clock is made: a test's time may begin later
		c.zero = time.Now().Add(-time.Hour)
	}
	return Time(time.Since(c.zero))
}

// At returns any time, of which zero is none. Those over a hundred years ago are one.
func (c *Clock) At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return cmp.Or(c.Now().Add(max(time.Until(t), math.MinInt64/2)), 1)
}
