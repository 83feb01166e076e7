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

// httpClients sends requests. Changes have a client of their own: it opens a
// fresh connection for each, because a connection that the server closed while
// it was idle is the commonest cause of a needless unknown outcome, and changes
// are rare enough to pay for a handshake.
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
		Timeout:       2 * time.Minute, // a response that trickles in for ever ends here
	}
}

func newTransport(base baseURL) *http.Transport {
	proxy := http.ProxyFromEnvironment
	if base.Scheme == "http" { // loopback; a proxy would read the token
		proxy = nil
	}
	// Over HTTP/2 net/http repeats by itself what a server refused to process.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		// A header beyond all reason is an error before it is held in memory.
		MaxResponseHeaderBytes: 256 << 10,
		IdleConnTimeout:        30 * time.Second, // before a server is likely to close it
		Protocols:              http1,
	}
}

// rejectRedirects makes a redirect an ordinary response: following it would send
// the token, and maybe a change, somewhere else.
func rejectRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (c httpClients) closeIdle() {
	if c.borrowed {
		return
	}
	c.readOnly.CloseIdleConnections()
	c.mutating.CloseIdleConnections()
}

// exchange sends the request once and reads the whole response, up to maxBytes.
func exchange(clients httpClients, maxBytes int64) handler {
	return func(c *call) (*response, error) {
		ctx := c.req.Context()
		if ctx.Err() != nil {
			return nil, notSent(c.op, context.Cause(ctx))
		}
		// The connection tells whether anything was sent, not the text of an
		// error: no request can leave before it has a connection.
		var wanted, got atomic.Bool
		req := c.req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn: func(string) { wanted.Store(true) },
			GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
		}))
		// net/http sends a request again, over another connection or HTTP/2
		// stream and without a bound, if it has no body or if the body can be
		// had a second time. So a request always has a body, maybe an empty
		// one, and no GetBody; reads are repeated further up, where it is
		// counted.
		req.Body = io.NopCloser(bytes.NewReader(c.body))
		req.ContentLength = int64(len(c.body))
		req.GetBody = nil
		client := clients.readOnly
		if c.op.mutates {
			client = clients.mutating
		}
		resp, err := client.Do(req)
		if err != nil {
			err = withoutToken(withoutURL(err), c.token) // before a message is cut in the middle of it
			broken := &callError{op: c.op, cause: err}
			// A transport of somebody else's making may tell nothing of its
			// connections.
			if !got.Load() && (wanted.Load() || !clients.borrowed) {
				broken = notSent(c.op, err)
			}
			broken.connection = true
			return nil, broken
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusSwitchingProtocols {
			// The body is the connection, which no context and no time limit
			// ends. Nobody asked for one.
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
		header := resp.Header.Clone() // it is the transport's, which may share it
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

// withoutURL takes the URL, which may be thousands of ids long, out of the
// error of an http.Client.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
