// Package exchange sends an HTTP request once: it reads the whole response, within
// limits, and knows of a failed request whether any of it may have been sent.
package exchange

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Request is what to send, and how.
type Request struct {
	*http.Request // its body is Content
	Content       []byte
	Mutating      bool
	Limit         time.Duration // for all of it
	MaxBytes      int64         // of the response's body, after decompression
}

// Response is the response, all of it.
type Response struct {
	Status int
	Header http.Header // the caller's own
	Body   []byte
}

// Error is why there is no response.
type Error struct {
	Cause   error
	NotSent bool // nothing of the request was sent
}

func (e *Error) Error() string { return e.Cause.Error() }

// ErrTooLarge says that the body of a response has more than MaxBytes.
var ErrTooLarge = errors.New("response too large")

// Send sends the request once.
func (c *Clients) Send(r Request) (*Response, *Error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, &Error{context.Cause(ctx), true}
	}
	limited, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	// Whether anything was sent follows from the connection and from what was
	// read of the request, not from the text of an error: nothing can be sent
	// before there is a connection, nor without reading the body, which is all
	// that a caller's RoundTripper cannot hide.
	var firstHop atomic.Pointer[string] // what a connection was wanted to
	var got atomic.Bool
	var conn atomic.Pointer[quietConn]
	body := &watchedBody{Reader: bytes.NewReader(r.Content)}
	req := r.WithContext(httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GetConn: func(hostPort string) { firstHop.Store(&hostPort) },
		GotConn: func(info httptrace.GotConnInfo) {
			got.Store(true)
			if quiet, own := info.Conn.(*quietConn); own {
				quiet.announced.Store(true)
				conn.Store(quiet)
			}
		},
		PutIdleConn: func(error) {
			if quiet := conn.Load(); quiet != nil {
				quiet.underWay.Add(-1)
			}
		},
	}))
	// net/http sends a request again, over another connection or HTTP/2 stream
	// and without a limit, if it has no body or its body can be obtained a second
	// time (GetBody). So a request always has a body, maybe an empty one, and no
	// GetBody; callers that retry count the attempts.
	req.Body = io.NopCloser(body)
	req.ContentLength = int64(len(r.Content))
	req.GetBody = nil
	if !c.borrowed {
		proxy, _ := proxyFromEnvironment(req)
		req.Close = req.Close || proxy != nil // net/http's own TLS is above what can be a quietConn
	}

	began := time.Now()
	response, begun, err := c.send(c.client(r.Mutating), req, r.MaxBytes)
	switch {
	case err == nil:
		c.clock.read(response.Header.Get("Date"), began)
		return response, nil
	case limited.Err() != nil && ctx.Err() == nil:
		err = fmt.Errorf("no response within %v", r.Limit)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	wanted := firstHop.Load()
	if wanted != nil && !got.Load() && isProxy(*wanted, req.URL) {
		err = fmt.Errorf("proxy %s: %w", *wanted, err)
	}
	return nil, &Error{err, !begun && !got.Load() && !body.wasRead.Load() && (wanted != nil && len(r.Content) > 0 || !c.borrowed)}
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

// isProxy reports whether the first hop of a request is not its target. (net/http
// writes a host that is not ASCII in another way.)
func isProxy(hostPort string, target *url.URL) bool {
	port := cmp.Or(target.Port(), map[string]string{"http": "80", "https": "443"}[target.Scheme])
	return hostPort != net.JoinHostPort(target.Hostname(), port) && !strings.Contains(hostPort, "xn--")
}

// send reports beside an error whether a response had begun, or may still come: a
// RoundTripper that is not net/http's may not return when the request's context
// ends. This does.
func (c *Clients) send(client *http.Client, req *http.Request, maxBytes int64) (response *Response, begun bool, err error) {
	if _, plain := cmp.Or(client.Transport, http.DefaultTransport).(*http.Transport); plain {
		return roundTrip(client, req, maxBytes)
	}
	type result struct {
		response *Response
		begun    bool
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
		end.response, end.begun, end.err = roundTrip(client, req, maxBytes)
	}()
	var end result
	select {
	case end = <-done:
	case <-req.Context().Done():
		select {
		case end = <-done:
		case <-time.After(50 * time.Millisecond):
			return nil, true, context.Cause(req.Context())
		}
	}
	if end.panicked != nil {
		panic(end.panicked) // where the caller can recover it
	}
	return end.response, end.begun, end.err
}

func roundTrip(client *http.Client, req *http.Request, maxBytes int64) (response *Response, begun bool, err error) {
	resp, err := client.Do(req)
	if err != nil {
		// Without the URL, which may hold thousands of ids.
		if wrapped, found := errors.AsType[*url.Error](err); found {
			err = wrapped.Err
		}
		return nil, false, err
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
		return nil, true, fmt.Errorf("reading the response (HTTP %d): %w", resp.StatusCode, err)
	}
	header := resp.Header.Clone() // a transport may share its own
	if header == nil {
		header = make(http.Header)
	}
	return &Response{resp.StatusCode, header, body}, true, nil
}

// readAtMost reads all of r, or fails with ErrTooLarge.
func readAtMost(r io.Reader, limit int64) ([]byte, error) {
	limit = min(limit, math.MaxInt64-1)
	// What fills more than net/http's buffer bypasses that, see quietConn.
	body, err := io.ReadAll(bufio.NewReaderSize(io.LimitReader(r, limit+1), 4*readAhead))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return body, nil
}
