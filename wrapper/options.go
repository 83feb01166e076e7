package wrapper

import (
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/time/rate"
)

// Option is a choice made when a client is constructed. A bad one makes [New]
// fail; nil is refused.
type Option func(*config) error

// config is what New makes a client from.
type config struct {
	base             baseURL
	httpClient       *http.Client // nil: the client's own
	maxResponseBytes int64
	objectBody       bool
	pageSize         int
	polling          Polling
	waitOptions      []WaitOption
	retries          Retries
	limiter          *rate.Limiter // nil: no limit
	hooks            []Hooks
}

// DefaultMaxResponseBytes is how much of a response's body is read, after
// decompression, before it is given up: 4 MiB.
const DefaultMaxResponseBytes = 4 << 20

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

// WithMaxResponseBytes limits how much of a response's body is read, in bytes after
// decompression. Larger responses are [ErrResponseTooLarge].
func WithMaxResponseBytes(n int64) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("max response bytes: %d is not positive", n)
		}
		c.maxResponseBytes = n
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
