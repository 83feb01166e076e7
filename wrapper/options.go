package wrapper

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/time/rate"
)

// Option is a choice made when a client is constructed. A bad one makes [New]
// fail; nil is refused.
type Option func(*config) error

// config is what New makes a client from.
type config struct {
	base          baseURL
	httpClient    *http.Client // nil: the client's own
	maxReplyBytes int64
	objectBody    bool
	pageSize      int
	polling       Polling
	retries       Retries
	limiter       *rate.Limiter // nil: no limit
	hooks         []Hooks

	visibilityWindow time.Duration
}

// DefaultMaxReplyBytes is how much of a reply's body is read, after
// decompression, before it is given up: 4 MiB.
const DefaultMaxReplyBytes = 4 << 20

// WithBaseURL sends requests elsewhere than [DefaultBaseURL]. It must be an
// https URL, or an http one of a loopback address (an emulator's); a path is
// put in front of the API's own.
func WithBaseURL(rawURL string) Option {
	return func(c *config) error {
		base, err := parseBaseURL(rawURL)
		c.base = base
		return err
	}
}

// WithHTTPClient sends requests with the caller's client: its transport, time
// limit and cookies. It is copied, not changed. The copy follows no redirects.
//
// A transport that repeats requests by itself breaks the promise that a change
// is sent at most once.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return errors.New("http client: it is nil")
		}
		c.httpClient = client
		return nil
	}
}

// WithMaxReplyBytes limits how much of a reply's body is read, in bytes after
// decompression. Larger replies are [ErrResponseTooLarge].
func WithMaxReplyBytes(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("max reply bytes: %d is not positive", n)
		}
		c.maxReplyBytes = n
		return nil
	}
}

// DefaultPageSize is how many images are requested per page of a list.
const DefaultPageSize = 100

// WithPageSize sets how many images are requested per page of a list; the
// service may return fewer. The largest number it accepts is not published; set
// a smaller one should it refuse [DefaultPageSize].
func WithPageSize(n int) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("page size: %d is not positive", n)
		}
		c.pageSize = n
		return nil
	}
}

// WithObjectBody sends the cimg member of create and import as one bare
// object, as the examples of the provider's pages do, instead of the array
// that their tables describe. Calls with more than one item are refused.
func WithObjectBody() Option {
	return func(c *config) error {
		c.objectBody = true
		return nil
	}
}

// Polling is how a client asks for the state of jobs. The provider has not
// published its limits, so each is a setting; a zero member takes its default.
type Polling struct {
	// MinInterval and MaxInterval bound the time between two polls of a job.
	// Defaults: 1 s and 60 s. In between, the time is a quarter of the job's
	// age.
	MinInterval, MaxInterval time.Duration
	// MaxJobs is the most ids one request carries. Default: 100.
	MaxJobs int
	// MissingGrace is how long a job may be absent from replies before it is
	// given up as [ErrJobUnknown]: the service may lag behind a create.
	// Default: 30 s.
	MissingGrace time.Duration
	// MaxFailures is how many polls in a row may fail for a passing reason
	// (connection, server trouble, rate limit) before a wait ends. Default: 5.
	MaxFailures int
}

// WithPolling changes how the client asks for the state of jobs.
func WithPolling(p Polling) Option {
	return func(c *config) error {
		p.setDefaults()
		switch {
		case min(p.MinInterval, p.MaxInterval, p.MissingGrace) < 0:
			return errors.New("polling: a duration is negative")
		case p.MinInterval > p.MaxInterval:
			return fmt.Errorf("polling: MinInterval %v is longer than MaxInterval %v", p.MinInterval, p.MaxInterval)
		case min(p.MaxJobs, p.MaxFailures) < 0:
			return errors.New("polling: a count is negative")
		}
		c.polling = p
		return nil
	}
}

func (p *Polling) setDefaults() {
	if p.MinInterval == 0 {
		p.MinInterval = time.Second
	}
	if p.MaxInterval == 0 {
		p.MaxInterval = max(60*time.Second, p.MinInterval)
	}
	if p.MaxJobs == 0 {
		p.MaxJobs = 100
	}
	if p.MissingGrace == 0 {
		p.MissingGrace = 30 * time.Second
	}
	if p.MaxFailures == 0 {
		p.MaxFailures = 5
	}
}
