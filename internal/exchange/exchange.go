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
	"sync"
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
	var wanted atomic.Pointer[string] // where to, when a connection was requested
	var connected atomic.Bool
	var conn atomic.Pointer[quietConn]
	body := &watchedBody{Reader: bytes.NewReader(r.Content)}
	req := r.WithContext(httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GetConn: func(hostPort string) { wanted.Store(&hostPort) },
		GotConn: func(info httptrace.GotConnInfo) {
			connected.Store(true)
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
	response, silent, err := c.send(c.client(r.Mutating), req, r.MaxBytes)
	switch {
	case err == nil:
		if response.Status == http.StatusOK && response.Header.Get("Age") == "" { // from the service, and not by a cache
			c.clock.read(response.Header.Get("Date"), began)
		}
		return response, nil
	case limited.Err() != nil && ctx.Err() == nil:
		err = fmt.Errorf("no response within %v", r.Limit)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	hostPort := wanted.Load()
	if hostPort != nil && !connected.Load() && isProxy(*hostPort, req.URL) {
		err = fmt.Errorf("proxy %s: %w", *hostPort, err)
	}
	// Of a caller's transport, this is evidence only if it traces its connections, and
	// could have sent nothing without reading the body.
	isEvident := !c.borrowed || hostPort != nil && len(r.Content) > 0
	wasUsed := connected.Load() || body.wasRead.Load() || !silent
	return nil, &Error{err, isEvident && !wasUsed}
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

// send reports beside an error whether no response had begun, nor may still come: a
// caller's transport, or the body that it returns, may not heed the end of the
// request's context. This does.
func (c *Clients) send(client *http.Client, req *http.Request, maxBytes int64) (response *Response, silent bool, err error) {
	if !c.borrowed {
		return roundTrip(client, req, maxBytes)
	}
	type result struct {
		response *Response
		silent   bool
	}
	end, err := Await(req.Context(), func() (result, error) {
		response, silent, err := roundTrip(client, req, maxBytes)
		return result{response, silent}, err
	})
	return end.response, end.silent, err
}

// Await runs a caller's code, which may not heed the end of ctx: then Await returns
// shortly after that, and leaves it behind. A panic reaches the caller, who can
// recover it.
func Await[T any](ctx context.Context, run func() (T, error)) (T, error) {
	type end struct {
		result   T
		err      error
		panicked any
	}
	ended := make(chan end, 1)
	go func() {
		e := end{err: errors.New("the caller's code ended its goroutine")}
		defer func() {
			e.panicked = recover()
			ended <- e
		}()
		e.result, e.err = run()
	}()
	var e end
	select {
	case e = <-ended:
	case <-ctx.Done():
		select {
		case e = <-ended:
		case <-time.After(50 * time.Millisecond):
			e.err = context.Cause(ctx)
		}
	}
	if e.panicked != nil {
		panic(e.panicked)
	}
	return e.result, e.err
}

func roundTrip(client *http.Client, req *http.Request, maxBytes int64) (response *Response, silent bool, err error) {
	resp, err := client.Do(req)
	if err != nil {
		// Without the URL, which may hold thousands of ids.
		if wrapped, found := errors.AsType[*url.Error](err); found {
			err = wrapped.Err
		}
		return nil, true, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection, which neither a context nor a timeout
		// closes. It was not requested.
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	body, err := ReadAll(req.Context(), resp.Body, maxBytes)
	if err != nil {
		return nil, false, fmt.Errorf("reading the response (HTTP %d): %w", resp.StatusCode, err)
	}
	header := resp.Header.Clone() // a transport may share its own
	if header == nil {
		header = make(http.Header)
	}
	return &Response{resp.StatusCode, header, body}, false, nil
}

// ReadAll reads a body and closes it. It fails with ErrTooLarge beyond a limit, and
// if ctx ends, which closes the body: that may end a read that hangs, and look like
// the body's end.
func ReadAll(ctx context.Context, body io.ReadCloser, limit int64) ([]byte, error) {
	closeOnce := sync.OnceFunc(func() { body.Close() })
	defer closeOnce()
	stop := context.AfterFunc(ctx, closeOnce)
	limit = min(limit, math.MaxInt64-1)
	// What fills more than net/http's buffer bypasses that, see quietConn.
	content, err := io.ReadAll(bufio.NewReaderSize(io.LimitReader(body, limit+1), 4*readAhead))
	switch {
	case !stop():
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return content, nil
}
