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
		Timeout:       2 * time.Minute, // for responses that never end
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
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
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
			return nil, notSent(c.op, context.Cause(ctx))
		}
		// Whether anything was sent follows from the connection, not from the
		// text of an error: no request can be sent before it has a connection.
		var wanted, got atomic.Bool
		req := c.req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn: func(string) { wanted.Store(true) },
			GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
		}))
		// net/http sends a request again, over another connection or HTTP/2
		// stream and without a limit, if it has no body or its body can be
		// obtained a second time (GetBody). So a request always has a body,
		// maybe an empty one, and no GetBody; read-only calls are retried
		// further up, where attempts are counted.
		req.Body = io.NopCloser(bytes.NewReader(c.body))
		req.ContentLength = int64(len(c.body))
		req.GetBody = nil
		client := clients.readOnly
		if c.op.mutates {
			client = clients.mutating
		}
		resp, err := client.Do(req)
		if err != nil {
			err = withoutToken(withoutURL(err), c.token) // before the message may be truncated within it
			broken := &callError{op: c.op, cause: err}
			// A custom RoundTripper may not call httptrace hooks.
			if !got.Load() && (wanted.Load() || !clients.borrowed) {
				broken = notSent(c.op, err)
			}
			broken.connection = true
			return nil, broken
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusSwitchingProtocols {
			// The body is the connection, which neither a context nor a timeout
			// closes. It was not requested.
			resp.Body.Close()
			resp.Body = http.NoBody
		}
		body, err := readAtMost(resp.Body, maxBytes)
		if err != nil {
			return nil, &callError{
				op:         c.op,
				cause:      fmt.Errorf("reading the response (HTTP %d): %w", resp.StatusCode, withoutToken(err, c.token)),
				connection: !errors.Is(err, ErrResponseTooLarge),
			}
		}
		header := resp.Header.Clone() // a transport may share its own
		if header == nil {
			header = make(http.Header)
		}
		return &response{status: resp.StatusCode, header: header, body: body}, nil
	}
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
