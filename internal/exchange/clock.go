package exchange

import (
	"net/http"
	"sync/atomic"
	"time"
)

// clock is what responses show of the server's clock.
type clock struct{ best atomic.Pointer[clockReading] }

// clockReading is by how much the server's clock is ahead of ours.
type clockReading struct{ atLeast, atMost time.Duration }

// read notes the Date of a response to a request that began at a time. A slow response
// shows less than a quick one did, unless they differ: then a clock was set.
func (c *clock) read(date string, began time.Time) {
	if date == "" {
		return
	}
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	reading := &clockReading{time.Until(at), at.Add(time.Second).Sub(began)}
	best := c.best.Load()
	if best == nil || reading.width() <= best.width() || reading.atLeast > best.atMost || reading.atMost < best.atLeast {
		c.best.Store(reading)
	}
}

func (r *clockReading) width() time.Duration { return r.atMost - r.atLeast }

// ClockOffset returns by how much the server's clock is ahead of ours, and how far
// that may be wrong, if a response has had a Date.
func (c *Clients) ClockOffset() (ahead, uncertainty time.Duration, measured bool) {
	r := c.clock.best.Load()
	if r == nil {
		return 0, 0, false
	}
	uncertainty = r.width() / 2
	return r.atLeast + uncertainty, uncertainty, true
}
