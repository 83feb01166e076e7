package wrapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/poller"
)

// Polling is how a client asks for the state of jobs, on behalf of all its
// waits. The provider has not published its limits, so each is a setting; a zero
// member takes its default.
type Polling struct {
	// Gap is the time between two requests in a region. Default: 1 s. Only above
	// some 2,000 jobs at a time are there more: as many as it takes to ask for
	// each job within twice the pause of its policy, where one under 20 gaps
	// counts as 20 gaps.
	Gap time.Duration
	// MaxJobs is the most ids that one request carries. Default: 100. Should the
	// service accept fewer, the client finds out: it halves a rejected request,
	// and if both halves are accepted, sends no more ids than those from then on.
	MaxJobs int
	// MaxURLBytes is how long the URL of a request may be, unless a single id
	// makes it longer. Default: 4096.
	MaxURLBytes int
	// MaxRetryAfter is the longest that an answer can make a region's polls wait
	// (header Retry-After). Default: 60 s.
	MaxRetryAfter time.Duration
	// Timeout is how long one request may take. Default: 30 s.
	Timeout time.Duration
}

// WithPolling changes how the client asks for the state of jobs.
func WithPolling(p Polling) Option {
	return func(c *config) error {
		p.setDefaults()
		switch {
		case min(p.Gap, p.MaxRetryAfter, p.Timeout) < 0:
			return errors.New("polling: a duration is negative")
		case min(p.MaxJobs, p.MaxURLBytes) < 0:
			return errors.New("polling: a count is negative")
		}
		c.polling = p
		return nil
	}
}

func (p *Polling) setDefaults() {
	if p.Gap == 0 {
		p.Gap = time.Second
	}
	if p.MaxJobs == 0 {
		p.MaxJobs = 100
	}
	if p.MaxURLBytes == 0 {
		p.MaxURLBytes = 4096
	}
	if p.MaxRetryAfter == 0 {
		p.MaxRetryAfter = time.Minute
	}
	if p.Timeout == 0 {
		p.Timeout = 30 * time.Second
	}
}

// newPoller makes what all waits of the client share.
func newPoller(c *Client) *poller.Poller {
	return poller.New(poller.Config{
		Poll:            c.poll,
		Classify:        classify,
		Size:            c.pollSize,
		RequestInterval: c.polling.Gap,
		Timeout:         c.polling.Timeout,
		MaxJobs:         c.polling.MaxJobs,
		MaxBytes:        c.polling.MaxURLBytes,
		MaxRetryAfter:   c.polling.MaxRetryAfter,
	})
}

// poll asks for jobs, once: the poller repeats what failed, at its own pace.
func (c *Client) poll(ctx context.Context, region string, jobUUIDs []string) ([]Job, error) {
	req, err := c.jobResultRequest(ctx, region, jobUUIDs)
	if err != nil {
		return nil, err
	}
	r, err := c.send(&call{op: opJobResult, req: req, once: true})
	if err != nil {
		return nil, err
	}
	return r.jobs, nil
}

func (c *Client) jobResultRequest(ctx context.Context, region string, jobUUIDs []string) (*http.Request, error) {
	req, err := gen.NewGetJobResultRequest(c.server(), &gen.GetJobResultParams{RegionID: region, JobUUIDs: jobUUIDs})
	if err != nil {
		return nil, fmt.Errorf("cimg: building the request: %w", err)
	}
	return req.WithContext(ctx), nil
}

// pollSize returns how long the URL of a poll is without ids, and what an id
// adds to it.
func (c *Client) pollSize(region, jobUUID string) (request, perID int) {
	const path = "dicloud/i/result?regionId=&jobUuids="
	return len(c.server()) + len(path) + len(url.QueryEscape(region)), len(url.QueryEscape(jobUUID)) + len(",")
}

// classify says what the error of a poll means for the jobs that were polled.
func classify(err error) (class poller.ErrorClass, retryAfter time.Duration) {
	switch {
	case mayBeBadID(err):
		class = poller.BadID
	case isPermanent(err):
		class = poller.Permanent
	}
	return class, retryAfterOf(err)
}

// mayBeBadID tells whether a poll may have been refused for the sake of one of
// its ids, or for their number. What an unknown id does is not published.
func mayBeBadID(err error) bool {
	return errors.Is(err, ErrResponseTooLarge) ||
		errors.Is(err, ErrBadParameter) && !isTransient(err) && !errors.Is(err, ErrAuth)
}

// isPermanent tells whether an answer would be the same later.
func isPermanent(err error) bool {
	var refused *APIError
	return errors.As(err, &refused) && !isTransient(err)
}
