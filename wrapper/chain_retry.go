package wrapper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v7"
)

// Retries sets how a client retries a read-only call (a list, the state of jobs)
// that failed for a transient reason: its connection broke, HTTP 5xx or 429,
// errno 2, 3 or 40000. Mutating calls are never retried; the polls of a wait are
// repeated at their own pace, see [MaxFailures]. A zero field takes its default.
type Retries struct {
	// MaxAttempts is the maximum number of attempts. Default: 3; 1 disables
	// retries.
	MaxAttempts int
	// BaseDelay limits the pause before the first retry, which is random between
	// 0 and this; the limit doubles for the next. Default: 500 ms.
	BaseDelay time.Duration
	// MaxRetryAfter is the longest pause that a response may ask for (header
	// Retry-After). One that asks for more is returned at once, with the pause
	// in APIError.RetryAfter. Default: 20 s.
	MaxRetryAfter time.Duration
	// Budget is how many retries all calls of the client share, so that an
	// outage is not multiplied. A retry takes one and returns it if it succeeds;
	// any other read-only call that succeeds returns a fifth. Default: 100.
	Budget int
}

// WithRetries sets how the client retries read-only calls.
func WithRetries(r Retries) Option {
	return func(c *config) error {
		r.setDefaults()
		if min(r.MaxAttempts, r.Budget) < 0 || min(r.BaseDelay, r.MaxRetryAfter) < 0 {
			return errors.New("retries: a field is negative")
		}
		c.retries = r
		return nil
	}
}

func (r *Retries) setDefaults() {
	if r.MaxAttempts == 0 {
		r.MaxAttempts = 3
	}
	if r.BaseDelay == 0 {
		r.BaseDelay = 500 * time.Millisecond
	}
	if r.MaxRetryAfter == 0 {
		r.MaxRetryAfter = 20 * time.Second
	}
	if r.Budget == 0 {
		r.Budget = 100
	}
}

// retry sends a read-only call again that failed for a transient reason. It is
// above decoding, because the service reports failures in HTTP 200, too, and
// above authorize, so that each attempt has a current token.
func retry(next handler, settings Retries) handler {
	budget := newRetryBudget(settings.Budget)
	return func(c *call) (*response, error) {
		if c.op.mutates || c.once {
			return next(c)
		}
		ctx := c.req.Context()
		read := func() (*response, error) {
			r, err := next(c)
			switch {
			case err == nil:
				budget.succeeded(c.attempts > 1)
				return r, nil
			case ctx.Err() != nil || !isTransient(err):
				return nil, backoff.Permanent(err)
			}
			return nil, settings.after(ctx, err)
		}
		r, err := backoff.Retry(ctx, read,
			backoff.WithBackOff(newPauses(ctx, settings.BaseDelay, budget)),
			backoff.WithMaxTries(uint(settings.MaxAttempts)),
			backoff.WithMaxElapsedTime(0)) // the context limits it
		var ended *backoff.RetryError
		switch {
		case !errors.As(err, &ended):
			return r, err
		case ctx.Err() != nil && !errors.Is(ended.LastErr, context.Cause(ctx)): // it ended in a pause
			return nil, &interruptedError{cause: context.Cause(ctx), last: ended.LastErr}
		}
		return nil, ended.LastErr
	}
}

// interruptedError says that the context ended between two attempts.
type interruptedError struct{ cause, last error }

func (e *interruptedError) Error() string {
	return fmt.Sprintf("cimg: %s; before that: %s", oneLine(e.cause), oneLine(e.last))
}

func (e *interruptedError) Unwrap() []error { return []error{e.cause, e.last} }

// isTransient reports whether a call that failed may succeed when it is sent
// again. Which errnos are ErrServer: internal/errno.
func isTransient(err error) bool {
	var broken *callError
	return errors.As(err, &broken) && broken.connection || errors.Is(err, ErrServer) || errors.Is(err, ErrRateLimited)
}

// after makes the next attempt wait as long as the response asked for, or be the
// last if that is too long.
func (r Retries) after(ctx context.Context, err error) error {
	var rejected *APIError
	if !errors.As(err, &rejected) || rejected.RetryAfter == 0 {
		return err
	}
	if rejected.RetryAfter > r.MaxRetryAfter || !hasTimeFor(ctx, rejected.RetryAfter) {
		return backoff.Permanent(err)
	}
	return backoff.RetryAfter(rejected.RetryAfter, err)
}

// hasTimeFor reports whether ctx outlasts a pause. If not, the error at hand says
// more than that the context ended.
func hasTimeFor(ctx context.Context, pause time.Duration) bool {
	deadline, limited := ctx.Deadline()
	return !limited || time.Until(deadline) > pause
}

// pauses are those between the attempts of one call: exponential with full
// jitter, until the context's time or the client's budget is used up.
type pauses struct {
	*backoff.ExponentialBackOff
	enoughTime func(time.Duration) bool
	budget     *retryBudget
}

func newPauses(ctx context.Context, base time.Duration, budget *retryBudget) pauses {
	return pauses{
		ExponentialBackOff: &backoff.ExponentialBackOff{
			InitialInterval:     base / 2,
			RandomizationFactor: 1, // from 0 to twice the interval
			Multiplier:          2,
			MaxInterval:         math.MaxInt64 / 4,
		},
		enoughTime: func(pause time.Duration) bool { return hasTimeFor(ctx, pause) },
		budget:     budget,
	}
}

// NextBackOff is called when a call has failed and may be retried.
func (p pauses) NextBackOff() time.Duration {
	pause := p.ExponentialBackOff.NextBackOff()
	if !p.enoughTime(pause) || !p.budget.take() {
		return backoff.Stop
	}
	return pause
}

// retryBudget is a token bucket in fifths of a retry, like that of the AWS SDKs.
type retryBudget struct {
	mu          sync.Mutex
	fifths, max int
}

const perRetry = 5

func newRetryBudget(retries int) *retryBudget {
	return &retryBudget{fifths: retries * perRetry, max: retries * perRetry}
}

// take pays for a retry, if enough is left.
func (b *retryBudget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fifths < perRetry {
		return false
	}
	b.fifths -= perRetry
	return true
}

func (b *retryBudget) succeeded(repeated bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	back := 1
	if repeated {
		back = perRetry
	}
	b.fifths = min(b.fifths+back, b.max)
}

// retryAfter returns the pause that a response asks for: seconds, or a date. 0
// means that it asks for none, or that it is over or malformed; what is too long
// for a Duration becomes the longest there is.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(header.Get("Date")); err == nil {
		now = sent // the same clock set both
	}
	return max(date.Sub(now), 0)
}
