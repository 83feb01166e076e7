package wrapper

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
)

// WithRateLimit limits the client to perSecond requests a second, retries
// included, and to burst at once after a pause. A call waits for its turn, and
// fails at once if its context would end first; a mutating call is then
// [ErrNotSent]. What rate the service allows is not published; without this
// option there is no limit.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(c *config) error {
		if !(perSecond > 0) || burst < 1 {
			return fmt.Errorf("rate limit: %v a second with a burst of %d lets nothing pass", perSecond, burst)
		}
		c.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

// limitRate delays requests until it is their turn.
func limitRate(next handler, limiter *rate.Limiter) handler {
	if limiter == nil {
		return next
	}
	return func(c *call) (*response, error) {
		ctx := c.req.Context()
		switch err := limiter.Wait(ctx); {
		case ctx.Err() != nil:
			return nil, notSent(c, context.Cause(ctx))
		case err != nil: // the limiter knows in advance
			return nil, notSent(c, fmt.Errorf("%w: %w", context.DeadlineExceeded, err))
		}
		return next(c)
	}
}
