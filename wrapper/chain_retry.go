package wrapper

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/sleep"
)

// Retries sets how a client retries a read-only call (a list, the state of jobs)
// that failed for a transient reason: its connection broke, HTTP 408, 425, 429 or
// 5xx, an errno of [ErrServer], or a token that was rejected while its source may
// have another. Mutating calls are not retried, but see [WithMutatingRetries]; the
// polls of a wait are repeated at their own pace, see [MaxFailures]. A zero field
// takes its default.
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
	// any other call that succeeds returns a fifth. Default: 100.
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
	r.MaxAttempts = cmp.Or(r.MaxAttempts, 3)
	r.BaseDelay = cmp.Or(r.BaseDelay, 500*time.Millisecond)
	r.MaxRetryAfter = cmp.Or(r.MaxRetryAfter, 20*time.Second)
	r.Budget = cmp.Or(r.Budget, 100)
}

// WithMutatingRetries lets a mutating call be sent again that was certainly not
// carried out: there was no connection, or it was rejected with HTTP 429, which is
// then repeated after its Retry-After. A call has at most maxAttempts attempts;
// pauses and budget are those of [Retries]. By default there is one attempt.
func WithMutatingRetries(maxAttempts int) Option {
	return func(c *config) error {
		if maxAttempts < 1 {
			return fmt.Errorf("mutating retries: %d attempts are less than one", maxAttempts)
		}
		c.mutatingAttempts = maxAttempts
		return nil
	}
}

// retry sends a call again that failed for a transient reason, after a pause with
// full jitter: a mutating one only if it is certain that it was not carried out. It
// is above decoding, because the service reports failures in HTTP 200, too, and
// above authorize, so that each attempt has a current token.
func retry(next handler, settings Retries, mutatingAttempts int) handler {
	budget := newRetryBudget(settings.Budget)
	return func(c *call) (*response, error) {
		maxAttempts, mayRetry := settings.MaxAttempts, isTransient
		if c.op.mutates {
			maxAttempts, mayRetry = mutatingAttempts, isWithoutConnection
		}
		if c.once {
			maxAttempts = 1
		}
		ctx := c.req.Context()
		for maxPause := settings.BaseDelay; ; maxPause = 2 * min(maxPause, math.MaxInt64/2) {
			r, err := next(c)
			if err == nil {
				budget.succeeded(c.attempts > 1)
				return r, nil
			}
			pause := retryAfterOf(err)
			again := mayRetry(err) || c.op.mutates && errors.Is(err, ErrRateLimited) && isRejected(r, err)
			if ctx.Err() != nil || !again || c.attempts >= maxAttempts || pause > settings.MaxRetryAfter {
				return r, err
			}
			if pause == 0 {
				pause = rand.N(maxPause)
			}
			// If the context ends in the pause, the error at hand says more.
			if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) <= pause || !budget.take() {
				return r, err
			}
			if !sleep.For(ctx, pause) {
				if c.op.mutates { // its outcome is that of its last attempt
					return r, err
				}
				return nil, oneline.Join(endOf(ctx), oneline.Wrap("before that", err))
			}
		}
	}
}

// isWithoutConnection reports whether a mutating call had no connection.
func isWithoutConnection(err error) bool {
	broken, found := errors.AsType[*callError](err)
	return found && broken.connection && errors.Is(broken.what, ErrNotSent)
}

// isTransient reports whether a call that failed may succeed when it is sent
// again. Which errnos are ErrServer: internal/errno.
func isTransient(err error) bool {
	if rejected, found := errors.AsType[*APIError](err); found {
		return rejected.mayRenew || errors.Is(err, ErrServer) || errors.Is(err, ErrRateLimited)
	}
	broken, found := errors.AsType[*callError](err)
	return found && broken.connection
}

// retryAfterOf returns the pause that the service asked for; 0 if it did not.
func retryAfterOf(err error) time.Duration {
	if rejected, found := errors.AsType[*APIError](err); found {
		return rejected.RetryAfter
	}
	return 0
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
