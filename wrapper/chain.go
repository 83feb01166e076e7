package wrapper

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/plain"
	"github.com/cimg-go/cimg/internal/secret"
)

// A handler carries out one call. An error means that the response is not the
// success that the contract promises; a response beside it holds what is known
// all the same.
type handler func(*call) (*response, error)

// call is a request on its way down the chain.
type call struct {
	op       operation
	req      *http.Request
	body     []byte         // of req, which has none of its own
	cut      error          // why body is not whole: it must not be sent
	target   target         // for errors and hooks
	attempts int            // begun so far
	received *response      // to the last attempt, empty if there was none; nil if that was not sent
	sentAt   time.Time      // the last attempt; set by authorize, after all waits for its turn
	once     bool           // not to be retried, although it may be
	token    string         // of the last attempt, set by authorize
	secret   *secret.Secret // what hides it

	timeLimit time.Duration // of an attempt, without the wait for its turn
	limited   bool          // the caller's context has a deadline
}

// response is what came back, on its way up.
type response struct {
	status   int
	header   http.Header
	body     []byte
	envelope rawEnvelope
	jobs     []Job // of every operation but listCIMG

	isDecoded  bool             // jobs are whole, and envelope has no data
	unreadable map[string]error // by job id: why it is not among jobs
	unnamed    int              // of the jobs, without a valid id
	page       imagePage        // of listCIMG
}

// assembleChain puts the concerns of a call in their order, the innermost
// first. Each is one file, chain_*.go.
func assembleChain(source TokenSource, cfg config, clients *exchange.Clients) handler {
	// One HTTP exchange, which reports whether there was a connection. Nothing that
	// comes back shows the token.
	h := send(clients, cfg.userAgent, cfg.maxResponseBytes)
	// HTTP status and errno become errors, and so does what is no envelope.
	h = decodeEnvelope(h)
	// The data is what the operation promises; a mutating call started its jobs.
	h = decodeData(h)
	// There is a token, for the client's own host alone.
	h = authorize(h, source, cfg.base)
	// Hooks and logs see each attempt,
	h = observeAttempts(h, cfg.hooks)
	// which waits for the rate limiter first.
	h = limitRate(h, cfg.limiter)
	// A call that failed for a transient reason is retried, if it is safe.
	h = retry(h, cfg.retries, cfg.mutatingAttempts)
	// Whatever went wrong with a mutating call becomes one of the outcomes.
	h = classifyOutcome(h)
	// Hooks see the call as its caller does,
	h = observeCalls(h, cfg.hooks)
	// unless one of them panics.
	return keepOutcome(h)
}

// Do sends a request that the generated client built, with the token and all
// the promises of this package: pass the client to gen.NewClient as its HTTP
// client, or use [Client.Generated]. The request must be for the client's base
// URL. The response's body is in memory and holds an envelope with errno 0, whose
// integers are written as digits alone, for the generated client; everything else is an
// error, of the same types as the wrapper's methods return.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if req.URL == nil {
		return nil, notSent(&call{op: operation{id: oneline.Text(req.Method), mutates: true}, req: req}, errors.New("the request has no URL"))
	}
	r, err := c.send(&call{op: operationOf(req), req: req})
	if err != nil {
		return nil, err
	}
	header, body := r.header.Clone(), plain.Integers(r.body) // a transport may share its header
	if header == nil {
		header = make(http.Header)
	}
	header.Set("Content-Type", "application/json") // as the body was found to be
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return &http.Response{
		Status:     strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status))),
		StatusCode: r.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}

// send passes a call down the chain; there is no other way into it. The body is
// read first, unless who made it passes it on with its target, so that an error can
// name what the call was about, and a call can be sent again.
func (c *Client) send(request *call) (*response, error) {
	req := request.req
	_, request.limited = req.Context().Deadline() // a hook may set another
	if req.Body != nil && request.body == nil {
		var err error
		if request.body, err = exchange.ReadContent(req); err != nil {
			return nil, notSent(request, err)
		}
	}
	if request.target.region == "" {
		request.target = targetOf(req, request.body)
	}
	limit := c.timeouts.ReadOnly
	if request.op.mutates {
		limit = c.timeouts.Mutating
	}
	request.timeLimit = cmp.Or(request.timeLimit, limit)
	return c.chain(request)
}
