// Package exchange sends an HTTP request once: it reads the whole response, within
// limits, and knows of a failed request whether any of it may have been sent.
package exchange

import (
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
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Request is what to send, and how.
type Request struct {
	*http.Request // its body is Content
	Content       []byte
	Authorization string // a field of the header, as is
	UserAgent     string // unless the request has its own
	Mutating      bool
	Limit         time.Duration // for all of it
	MaxBytes      int64         // of the response's body, after decompression
}

// Response is the response, all of it.
type Response struct {
	Status int
	Header http.Header // may be shared: not to be modified
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
func (c *Clients) Send(r Request) (Response, *Error) {
	ctx := r.Context()
	if ctx.Err() != nil {
		return Response{}, &Error{context.Cause(ctx), true}
	}
	limited, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	seen := new(evidence)
	seen.content.Reset(r.Content)
	trace := &httptrace.ClientTrace{GetConn: seen.getConn, GotConn: seen.gotConn}
	if !c.borrowed {
		trace.PutIdleConn = seen.putIdleConn
	}
	req := r.Clone(httptrace.WithClientTrace(limited, trace))
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	req.Header.Set("Authorization", r.Authorization)
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", r.UserAgent)
	}
	// net/http sends a request again, over another connection or HTTP/2 stream
	// and without a limit, if it has no body or its body can be obtained a second
	// time (GetBody). So a request always has a body, maybe an empty one, and no
	// GetBody; callers that retry count the attempts.
	req.Body = seen
	req.ContentLength = int64(len(r.Content))
	req.GetBody = nil
	if len(r.Content) == 0 && !r.Mutating {
		req.TransferEncoding = identity // otherwise net/http probes the body, and may send it in chunks
	}
	if !c.borrowed {
		req.Body = io.NopCloser(&seen.content) // a kind that net/http knows, and sends with the header
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
	hostPort := seen.wanted.Load()
	if hostPort != nil && !seen.connected.Load() && isProxy(*hostPort, req.URL) {
		err = fmt.Errorf("proxy %s: %w", *hostPort, err)
	}
	// Of a caller's transport, this is evidence only if it traces its connections, and
	// could have sent nothing without reading the body.
	isEvident := !c.borrowed || hostPort != nil && len(r.Content) > 0
	wasUsed := seen.connected.Load() || seen.wasRead.Load() || !silent
	return Response{}, &Error{err, isEvident && !wasUsed}
}

var identity = []string{"identity"} // the body as it is

// evidence is the body of a request, and what tells whether anything was sent: the
// connection and what was read of the body, not the text of an error. Nothing can be
// sent before there is a connection, nor without reading the body, which is all that a
// caller's RoundTripper cannot hide.
type evidence struct {
	content   bytes.Reader
	wasRead   atomic.Bool
	wanted    atomic.Pointer[string] // where to, when a connection was requested
	connected atomic.Bool
	conn      atomic.Pointer[quietConn]
}

func (e *evidence) Read(p []byte) (int, error) {
	e.wasRead.Store(true)
	return e.content.Read(p)
}

func (e *evidence) Close() error { return nil }

func (e *evidence) getConn(hostPort string) { e.wanted.Store(&hostPort) }

func (e *evidence) gotConn(info httptrace.GotConnInfo) {
	e.connected.Store(true)
	if quiet, own := info.Conn.(*quietConn); own {
		quiet.announced.Store(true)
		e.conn.Store(quiet)
	}
}

func (e *evidence) putIdleConn(error) {
	if quiet := e.conn.Load(); quiet != nil {
		quiet.underWay.Add(-1)
	}
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
func (c *Clients) send(client *http.Client, req *http.Request, maxBytes int64) (response Response, silent bool, err error) {
	if !c.borrowed {
		return roundTrip(client, req, new(bodyReader), maxBytes)
	}
	type result struct {
		response Response
		silent   bool
	}
	end, err := await(req.Context(), func(reader *bodyReader) (result, error) {
		response, silent, err := roundTrip(client, req, reader, maxBytes)
		return result{response, silent}, err
	})
	return end.response, end.silent, err
}

// ReadContent reads the body of a caller's request, and closes it.
func ReadContent(req *http.Request) ([]byte, error) {
	ctx := req.Context()
	content, err := await(ctx, func(reader *bodyReader) ([]byte, error) {
		return reader.readAll(ctx, req.Body, req.ContentLength, math.MaxInt64)
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	return content, nil
}

// growStack grows the stack of a new goroutine to what package net/http needs. Growing
// it under way, step by step, would take a tenth of a short call.
//
//go:noinline
func growStack(i int) byte {
	var frame [6 << 10]byte
	return frame[i]
}

var errExited = errors.New("the caller's code ended its goroutine")

// await runs a caller's code, which may not heed the end of ctx: then await returns
// shortly after that, and leaves it behind. What it reads at the time is closed: that
// may end a read that hangs. A panic reaches the caller, who can recover it.
func await[T any](ctx context.Context, run func(*bodyReader) (T, error)) (T, error) {
	type end struct {
		result   T
		err      error
		panicked any
	}
	ended := make(chan end, 1)
	reader := new(bodyReader)
	go func() {
		growStack(0)
		e := end{err: errExited}
		defer func() {
			e.panicked = recover()
			ended <- e
		}()
		e.result, e.err = run(reader)
	}()
	var e end
	select {
	case e = <-ended:
	case <-ctx.Done():
		go reader.close()
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

func roundTrip(client *http.Client, req *http.Request, reader *bodyReader, maxBytes int64) (response Response, silent bool, err error) {
	resp, err := client.Do(req)
	if err != nil {
		// Without the URL, which may hold thousands of ids.
		if wrapped, found := errors.AsType[*url.Error](err); found {
			err = wrapped.Err
		}
		return Response{}, true, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection, which neither a context nor a timeout
		// closes. It was not requested.
		resp.Body.Close()
		resp.Body = http.NoBody
	}
	body, err := reader.readAll(req.Context(), resp.Body, resp.ContentLength, maxBytes)
	if err != nil {
		return Response{}, false, fmt.Errorf("reading the response (HTTP %d): %w", resp.StatusCode, err)
	}
	return Response{resp.StatusCode, resp.Header, body}, false, nil
}

// bodyReader reads a body, and closes it once.
type bodyReader struct{ body atomic.Pointer[io.ReadCloser] } // nil: it is closed, or not read yet

func (r *bodyReader) close() {
	if body := r.body.Swap(nil); body != nil {
		(*body).Close()
	}
}

// readAll reads a body and closes it. It fails with ErrTooLarge beyond a limit, and if ctx
// ends: then await closes the body, which may look like its end. The length that the
// body is said to have is not relied on.
func (r *bodyReader) readAll(ctx context.Context, body io.ReadCloser, length, limit int64) ([]byte, error) {
	r.body.Store(&body)
	defer r.close()
	room := 1 // to see the end
	if length <= 0 {
		room += readAhead // what is larger than net/http's buffer bypasses it, see quietConn
	}
	content := make([]byte, 0, min(max(length, 0), 16*readAhead)+int64(room))
	var err error
	for {
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case int64(len(content)) > limit:
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
		case err == io.EOF:
			return content, nil
		case err != nil:
			return nil, err
		}
		if cap(content)-len(content) < room {
			content = slices.Grow(content, int(min(int64(len(content)), limit-int64(len(content))))+room)
		}
		var n int
		n, err = body.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
	}
}
