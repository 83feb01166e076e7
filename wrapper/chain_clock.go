package wrapper

import (
	"net/http"
	"sync/atomic"
	"time"
)

// serviceClock is what the latest response shows of the service's clock.
type serviceClock struct{ latest atomic.Pointer[clockReading] }

// clockReading is by how much the service's clock is ahead of ours.
type clockReading struct{ atLeast, atMost time.Duration }

// ClockOffset returns by how much the service's clock is ahead of the client's
// (negative: behind), as the Date header of the latest response shows, and how
// far that may be wrong: by half a second, because Date has whole seconds, and
// half of the time that the response took. It is not measured before a response
// has had a Date.
func (c *Client) ClockOffset() (ahead, uncertainty time.Duration, measured bool) {
	r := c.clock.latest.Load()
	if r == nil {
		return 0, 0, false
	}
	uncertainty = (r.atMost - r.atLeast) / 2
	return r.atLeast + uncertainty, uncertainty, true
}

// readClock notes the Date of responses.
func readClock(next handler, clock *serviceClock) handler {
	return func(c *call) (*response, error) {
		began := time.Now()
		r, err := next(c)
		if r == nil {
			return r, err
		}
		if date, unset := http.ParseTime(r.header.Get("Date")); unset == nil {
			clock.latest.Store(&clockReading{date.Sub(time.Now()), date.Add(time.Second).Sub(began)})
		}
		return r, err
	}
}
