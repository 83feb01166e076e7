package exchange

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is what the latest response shows of the server's clock.
type clock struct{ latest atomic.Pointer[clockReading] }

// clockReading is by how much the server's clock is ahead of ours.
type clockReading struct{ atLeast, atMost time.Duration }

// read notes the Date of a response to a request that began at a time.
func (c *clock) read(date string, began time.Time) {
	if at, err := http.ParseTime(date); err == nil {
		c.latest.Store(&clockReading{time.Until(at), at.Add(time.Second).Sub(began)})
	}
}

// ClockOffset returns by how much the server's clock is ahead of ours, and how far
// that may be wrong, if a response has had a Date.
func (c *Clients) ClockOffset() (ahead, uncertainty time.Duration, measured bool) {
	r := c.clock.latest.Load()
	if r == nil {
		return 0, 0, false
	}
	uncertainty = (r.atMost - r.atLeast) / 2
	return r.atLeast + uncertainty, uncertainty, true
}
