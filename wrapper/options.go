package wrapper

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/cimg-go/cimg/internal/version"
)

// Option configures a client that is constructed. An invalid one, nil included,
// makes [New] fail.
type Option func(*config) error

// config is what New constructs a client from.
type config struct {
	base             baseURL
	httpClient       *http.Client // nil: the client's own
	maxResponseBytes int64
	timeouts         Timeouts
	objectBody       bool
	pageSize         int
	polling          Polling
	waitOptions      []WaitOption
	retries          Retries
	mutatingAttempts int
	userAgent        string
	limiter          *rate.Limiter // nil: no limit
	hooks            []Hooks
}

// DefaultMaxResponseBytes is the default maximum length of a response's body,
// after decompression: 4 MiB.
const DefaultMaxResponseBytes = 4 << 20

// WithBaseURL replaces [DefaultBaseURL]. It must be an https URL, or an http URL
// of a loopback address (an emulator's); its path precedes the API's own.
func WithBaseURL(rawURL string) Option {
	return func(c *config) error {
		base, err := parseBaseURL(rawURL)
		c.base = base
		return err
	}
}

// Timeouts limit one attempt of a call, from its connection to the end of the
// response. The time in which it waits for its turn (see [WithRateLimit]) and the
// pauses between attempts do not count; those end with the context. A zero field
// takes its default. Polls have [Polling].Timeout.
type Timeouts struct {
	Mutating time.Duration // create, import, rename, delete: then the outcome is unknown. Default: 2 minutes
	ReadOnly time.Duration // lists and the state of jobs. Default: 2 minutes
}

func (t *Timeouts) setDefaults() {
	t.Mutating, t.ReadOnly = cmp.Or(t.Mutating, 2*time.Minute), cmp.Or(t.ReadOnly, 2*time.Minute)
}

// WithTimeouts sets how long an attempt of a call may take.
func WithTimeouts(t Timeouts) Option {
	return func(c *config) error {
		t.setDefaults()
		if min(t.Mutating, t.ReadOnly) < 0 {
			return errors.New("timeouts: a field is negative")
		}
		c.timeouts = t
		return nil
	}
}

// WithHTTPClient sends requests with the caller's client: its transport, timeout
// and cookies. It is copied, not modified. The copy follows no redirects.
//
// A transport that repeats requests automatically breaks the promise that a
// mutating call is sent at most once. If a server sends more than its response,
// net/http writes that to the standard logger; only the client's own transport
// hides the token there.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return errors.New("http client: it is nil")
		}
		c.httpClient = client
		return nil
	}
}

// userAgent is the client's product in the header User-Agent.
func userAgent() string { return "cimg-go/" + version.Version() }

// WithUserAgent puts the application's product, for instance "builder/1.4", before
// the client's own.
func WithUserAgent(application string) Option {
	return func(c *config) error {
		if strings.TrimSpace(application) == "" || strings.ContainsFunc(application, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("user agent: %q is empty or not printable ASCII", application)
		}
		c.userAgent = application + " " + userAgent()
		return nil
	}
}

// WithMaxResponseBytes limits the body of a response, in bytes after
// decompression. A larger one is [ErrResponseTooLarge].
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

// WithPageSize sets how many images are requested per page of a list; the service
// may return fewer. The largest number that it accepts is not published: set a
// smaller one if it rejects [DefaultPageSize].
func WithPageSize(n int) Option {
	return func(c *config) error {
		if n <= 0 {
			return fmt.Errorf("page size: %d is not positive", n)
		}
		c.pageSize = n
		return nil
	}
}

// WithObjectBody sends the cimg property of create and import as one object, as
// the examples on the provider's pages do, instead of the array that their tables
// describe. Calls with more than one item are rejected.
func WithObjectBody() Option {
	return func(c *config) error {
		c.objectBody = true
		return nil
	}
}
