package wrapper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// httpClients sends requests. Mutating calls have a client of their own: it opens
// a new connection for each, because a connection that the server closed while
// it was idle is the commonest cause of a needless unknown outcome, and mutating
// calls are rare enough to pay for a handshake.
type httpClients struct {
	readOnly, mutating *http.Client
	borrowed           bool // the transport is the caller's
}

// newHTTPClients copies the caller's client, or makes the default ones.
func newHTTPClients(callers *http.Client, base baseURL) httpClients {
	if callers != nil {
		own := *callers
		own.CheckRedirect = rejectRedirects
		return httpClients{readOnly: &own, mutating: &own, borrowed: true}
	}
	readOnly := newTransport(base)
	mutating := newTransport(base)
	mutating.DisableKeepAlives = true
	return httpClients{readOnly: newHTTPClient(readOnly), mutating: newHTTPClient(mutating)}
}

func newHTTPClient(transport *http.Transport) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: rejectRedirects,
	}
}

func newTransport(base baseURL) *http.Transport {
	proxy := http.ProxyFromEnvironment
	if base.Scheme == "http" { // loopback; a proxy would read the token
		proxy = nil
	}
	// Over HTTP/2 net/http repeats requests that the server did not process.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		// An excessive header is an error before it is held in memory.
		MaxResponseHeaderBytes: 256 << 10,
		IdleConnTimeout:        30 * time.Second, // before a server is likely to close it
		Protocols:              http1,
	}
}

// rejectRedirects makes a redirect an ordinary response: following it would send
// the token, and maybe a mutating call, somewhere else.
func rejectRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c httpClients) closeIdle() {
	if c.borrowed {
		return
	}
	c.readOnly.CloseIdleConnections()
	c.mutating.CloseIdleConnections()
}

// exchange sends the request once and reads the whole response, at most maxBytes.
func exchange(clients httpClients, maxBytes int64) handler {
	return func(c *call) (*response, error) {
		ctx := c.req.Context()
		if ctx.Err() != nil {
			return nil, notSent(c, context.Cause(ctx))
		}
		// The limit begins here, and not while the request waits for its turn.
		limited, cancel := context.WithTimeout(ctx, c.timeLimit)
		defer cancel()
		// Whether anything was sent follows from the connection and from what was
		// read of the request, not from the text of an error: nothing can be sent
		// before there is a connection, nor by a custom RoundTripper that does not
		// report connections before it reads the body.
		var wanted, got atomic.Bool
		body := &watchedBody{Reader: bytes.NewReader(c.body)}
		req := c.req.WithContext(httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
			GetConn: func(string) { wanted.Store(true) },
			GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
		}))
		// net/http sends a request again, over another connection or HTTP/2
		// stream and without a limit, if it has no body or its body can be
		// obtained a second time (GetBody). So a request always has a body,
		// maybe an empty one, and no GetBody; read-only calls are retried
		// further up, where attempts are counted.
		req.Body = io.NopCloser(body)
		req.ContentLength = int64(len(c.body))
		req.GetBody = nil
		r, err := clients.send(req, c.op.mutates, maxBytes)
		if err == nil {
			return r, nil
		}
		if limited.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("no response within %v", c.timeLimit)
		}
		broken := newCallError(c, nil, withoutToken(err, c.token)) // before the message may be truncated within it
		if r == nil && !got.Load() && !body.wasRead.Load() && (wanted.Load() || !clients.borrowed) {
			broken = notSent(c, broken.cause)
		}
		broken.connection = !errors.Is(err, ErrResponseTooLarge)
		return nil, broken
	}
}

// watchedBody is a request's body, and whether any of it was read.
type watchedBody struct {
	io.Reader
	wasRead atomic.Bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.wasRead.Store(true)
	return b.Reader.Read(p)
}

// send returns beside an error a response if one had begun, or may still come: a
// caller's transport may not return when the request's context ends. The call does,
// all the same.
func (c httpClients) send(req *http.Request, mutates bool, maxBytes int64) (*response, error) {
	client := c.readOnly
	if mutates {
		client = c.mutating
	}
	if !c.borrowed {
		return roundTrip(client, req, maxBytes)
	}
	type result struct {
		r        *response
		err      error
		panicked any
	}
	done := make(chan result, 1)
	go func() { // which ends when the transport returns
		end := result{err: errors.New("the transport ended its goroutine")}
		defer func() {
			end.panicked = recover()
			done <- end
		}()
		end.r, end.err = roundTrip(client, req, maxBytes)
	}()
	var end result
	select {
	case end = <-done:
	case <-req.Context().Done():
		select {
		case end = <-done:
		case <-time.After(50 * time.Millisecond):
			return &response{}, context.Cause(req.Context())
		}
	}
	if end.panicked != nil {
		panic(end.panicked) // in the goroutine of the call, where it can be recovered
	}
	return end.r, end.err
}

func roundTrip(client *http.Client, req *http.Request, maxBytes int64) (*response, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection, which neither a context nor a timeout
		// closes. It was not requested.
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	header := resp.Header.Clone() // a transport may share its own
	if header == nil {
		header = make(http.Header)
	}
	r := &response{status: resp.StatusCode, header: header}
	if r.body, err = readAtMost(resp.Body, maxBytes); err != nil {
		return r, fmt.Errorf("reading the response (HTTP %d): %w", resp.StatusCode, err)
	}
	return r, nil
}

// readAtMost reads all of r, or fails with ErrResponseTooLarge.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	limit = min(limit, math.MaxInt64-1)
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrResponseTooLarge, limit)
	}
	return body, nil
}

// withoutURL removes the URL, which may hold thousands of ids, from the error of
// an http.Client.
func withoutURL(err error) error {
	if wrapped, found := errors.AsType[*url.Error](err); found {
		return wrapped.Err
	}
	return err
}
