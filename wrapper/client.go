package wrapper

import (
	"errors"
	"fmt"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/poller"
)

// Client calls the custom-image API. Construct it with [New]. It is safe for
// concurrent use. It has goroutines of its own only while jobs are waited for
// and a poll is under way; the idle connections of its transports close after
// 30 s, or with [Client.CloseIdleConnections].
type Client struct {
	config
	address string // of the service, without a slash at its end
	http    *exchange.Clients
	chain   handler
	poller  *poller.Poller
	waits   *waitSettings // of a wait without options
}

// New returns a client that authenticates with the tokens of source. It sends
// nothing. Invalid options, a missing token and a token that no header can
// carry are errors; if there are several, the message has each.
func New(source TokenSource, options ...Option) (*Client, error) {
	base, err := parseBaseURL(DefaultBaseURL)
	cfg := config{
		base: base, maxResponseBytes: DefaultMaxResponseBytes, pageSize: DefaultPageSize,
		mutatingAttempts: 1, userAgent: userAgent(),
	}
	cfg.polling.setDefaults()
	cfg.retries.setDefaults()
	cfg.timeouts.setDefaults()
	errs := []error{err, checkSource(source)}
	for i, option := range options {
		if option == nil {
			errs = append(errs, fmt.Errorf("option %d is nil", i))
			continue
		}
		errs = append(errs, option(&cfg))
	}
	waits, err := newWaitSettings(cfg.polling, cfg.waitOptions)
	errs = append(errs, err)
	if err := oneline.Join(errs...); err != nil {
		return nil, err
	}
	clients := exchange.NewClients(cfg.httpClient, cfg.base.URL)
	c := &Client{config: cfg, address: cfg.base.String(), http: clients, chain: assembleChain(source, cfg, clients), waits: waits}
	c.poller = newPoller(c)
	return c, nil
}

// checkSource gets the token of a local source, to reject a bad one early.
func checkSource(source TokenSource) error {
	switch s := source.(type) {
	case nil:
		return errors.New("no token source: use StaticToken, EnvToken, FileToken or a TokenFunc")
	case TokenFunc:
		if s == nil {
			return errors.New("no token source: the TokenFunc is nil")
		}
		return nil // it may be slow or need a context
	case cachedSource:
		return s.check()
	case localSource:
		token, err := s.token()
		if err != nil {
			return err
		}
		return checkToken(token)
	default:
		return nil
	}
}

// BaseURL returns where the client sends its requests.
func (c *Client) BaseURL() string { return c.address }

// Generated returns the generated client, sending through this one: the same
// connections, token, limits and typed errors. See [Client.Do].
func (c *Client) Generated() *gen.ClientWithResponses {
	return &gen.ClientWithResponses{ClientInterface: &gen.Client{Server: c.address + "/", Client: c}}
}

// ClockOffset returns by how much the service's clock is ahead of the client's
// (negative: behind), as the Date headers of responses show, and how far that may be
// wrong: by half a second, because Date has whole seconds, and half of the time that
// the response took. The quickest one counts, until another contradicts it. Before a
// response has a Date, it is not measured. Responses of caches (with an Age header) and
// other than HTTP 200 do not count; that a gateway set the Date is not visible.
func (c *Client) ClockOffset() (ahead, uncertainty time.Duration, measured bool) {
	return c.http.ClockOffset()
}

// MaxRetryAfter returns [Polling].MaxRetryAfter.
func (c *Client) MaxRetryAfter() time.Duration { return c.polling.MaxRetryAfter }

// CloseIdleConnections closes idle connections. A transport that came with
// [WithHTTPClient] is left to its owner.
func (c *Client) CloseIdleConnections() { c.http.CloseIdle() }

var _ gen.HttpRequestDoer = (*Client)(nil)
