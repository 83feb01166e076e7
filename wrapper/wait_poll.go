package wrapper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/poller"
)

// Polling sets how a client polls jobs, on behalf of all its waits. The provider
// has not published its limits, so each is a setting; a zero field takes its
// default.
type Polling struct {
	// RequestInterval is the time between two requests in a region, from when they
	// are ready for the client's own rate limiter ([WithRateLimit]). Default: 1 s. HTTP
	// 429 makes it longer, up to 16 times, until requests are accepted again.
	// Only if the jobs at a time fill more than 20 requests (2,000 jobs, or fewer, see
	// MaxJobs) are there more: as many as it takes to poll each job within twice the
	// pause of its policy, where a pause under 20 intervals counts as 20 intervals.
	RequestInterval time.Duration
	// MaxJobs is the most ids in one request. Default: 100. The client learns that
	// the service accepts fewer: if it rejects more ids than it ever accepted, and
	// then accepts both halves, no request has more ids than were accepted.
	MaxJobs int
	// MaxURLBytes is the maximum length of a request's URL, unless a single id
	// makes it longer. Default: 4096.
	MaxURLBytes int
	// MaxRetryAfter is the longest pause of a region's polls that a response can
	// ask for (header Retry-After). A pause that a transient error asks for is no
	// failure, see [MaxFailures]. Default: 1 h.
	MaxRetryAfter time.Duration
	// Timeout limits one request, from its connection to the end of the response.
	// Default: 30 s. If a request failed and the ids of it are polled apart, to find
	// the one that makes it fail, each part has less time, but at least 4 intervals
	// and four times as long as the slowest response took; after failures, twice it.
	Timeout time.Duration
}

// WithPolling sets how the client polls jobs.
func WithPolling(p Polling) Option {
	return func(c *config) error {
		p.setDefaults()
		switch {
		case min(p.RequestInterval, p.MaxRetryAfter, p.Timeout) < 0:
			return errors.New("polling: a duration is negative")
		case min(p.MaxJobs, p.MaxURLBytes) < 0:
			return errors.New("polling: a count is negative")
		}
		c.polling = p
		return nil
	}
}

func (p *Polling) setDefaults() {
	p.RequestInterval = cmp.Or(p.RequestInterval, time.Second)
	p.MaxJobs = cmp.Or(p.MaxJobs, 100)
	p.MaxURLBytes = cmp.Or(p.MaxURLBytes, 4096)
	p.MaxRetryAfter = cmp.Or(p.MaxRetryAfter, time.Hour)
	p.Timeout = cmp.Or(p.Timeout, 30*time.Second)
}

// newPoller returns the poller that all waits of the client share.
func newPoller(c *Client) *poller.Poller {
	return poller.New(poller.Config{
		Poll:            c.poll,
		Classify:        classify,
		Size:            c.pollSize,
		RequestInterval: c.polling.RequestInterval,
		MaxJobs:         c.polling.MaxJobs,
		MaxBytes:        c.polling.MaxURLBytes,
		MaxRetryAfter:   c.polling.MaxRetryAfter,
	})
}

// poll makes one request, which the poller repeats at its own pace if it fails. A
// hook, token source or transport of the caller's that panics must not end the
// process from a goroutine that the caller does not know.
func (c *Client) poll(ctx context.Context, region string, jobUUIDs []string, limit time.Duration) (jobs []Job, unreadable map[string]error, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cimg: %s: %w: %s", opJobResult.id, errPanicked, oneline.Panic(p))
		}
	}()
	return c.getJobs(ctx, region, jobUUIDs, cmp.Or(min(limit, c.polling.Timeout), c.polling.Timeout))
}

// errPanicked says that a caller's code panicked in a poll.
var errPanicked = errors.New("a hook, logger, token source or transport panicked")

// pollSize returns the length of a poll's URL without ids, and what an id adds to
// it.
func (c *Client) pollSize(region, jobUUID string) (request, perID int) {
	return len(c.address + opJobResult.path + "?" + jobsQuery(region, nil)), len(url.QueryEscape(jobUUID)) + len(",")
}

// classify says what the error of a poll means for the jobs that were polled. What
// an unknown id does is not published.
func classify(err error) (class poller.ErrorClass, retryAfter time.Duration) {
	var apiErr *APIError
	isAPIError := errors.As(err, &apiErr)
	switch {
	case errors.Is(err, ErrRateLimited):
		class = poller.Limited
	case isTransient(err):
		class = poller.Transient
	case errors.Is(err, ErrAuth):
		class = poller.Fatal
	case errors.Is(err, ErrBadParameter), errors.Is(err, ErrNotFound), errors.Is(err, ErrResponseTooLarge):
		class = poller.BadID
		if isAPIError && apiErr.Errno == 0 { // no envelope: a gateway's response
			class = poller.Refused
		}
	case isAPIError && apiErr.Errno != 0, errors.Is(err, ErrPermission), errors.Is(err, errPanicked):
		class = poller.Permanent
	} // a gateway's other responses may pass
	if errors.Is(err, ErrAuth) { // whatever pause it asks for, the token is no better then
		return class, 0
	}
	return class, retryAfterOf(err)
}
