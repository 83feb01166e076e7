package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"syscall"
	"time"
)

// errReset is a client's error when the connection is reset before a response.
var errReset = fmt.Errorf("emulator: %w",
	&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})

// ServeHTTP implements [http.Handler].
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := e.contract.newCall(r)
	fault := e.meet(call.operation())
	// Read the body first: until then a server does not notice that its client
	// has gone, and nothing would cut a delay short.
	if call.receive() != nil {
		reset(w)
		return
	}
	response, err := e.exchange(call, fault)
	if err != nil {
		reset(w)
		return
	}
	for name, values := range response.header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.status)
	// net/http closes the connection if these are fewer bytes than
	// Content-Length promises: that is how a response is truncated.
	_, _ = w.Write(response.sent())
}

// exchange returns the response to a call, with the effects of its fault, if any.
// An error means that there is no response: the connection breaks or the client
// has gone.
func (e *Emulator) exchange(call *call, fault *Fault) (response, error) {
	e.count(call.operation())
	result, err := e.faultyAnswer(call, fault)
	if err != nil {
		return response{}, err
	}
	if _, set := result.header["Date"]; !set { // a fault may have set or removed it
		result.header.Set("Date", e.now().UTC().Format(http.TimeFormat))
	}
	return result, nil
}

func (e *Emulator) faultyAnswer(call *call, fault *Fault) (result response, err error) {
	if fault == nil {
		return e.answer(call), nil
	}
	if fault.After {
		result = e.answer(call)
	}
	if err := wait(call.request.Context(), fault.Delay); err != nil {
		return response{}, err
	}
	switch {
	case fault.breaks():
		return response{}, errReset
	case fault.replaces():
		result = fault.response(e.requestID())
	case !fault.After:
		result = e.answer(call)
	}
	return fault.apply(result), nil
}

func (e *Emulator) count(operation string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests[operation]++
}

func (e *Emulator) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.options.Now()
}

// wait waits for the delay or until the context ends.
func wait(ctx context.Context, delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// reset breaks the connection: with a TCP RST if it can be hijacked, and by
// aborting the handler if not, as over HTTP/2.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		_ = plain.SetLinger(0) // RST instead of FIN
	}
	_ = conn.Close()
}

// errRefused is a client's error when the connection is refused.
var errRefused = fmt.Errorf("emulator: %w",
	&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})

// Transport returns a transport that passes requests to the emulator in process:
// without sockets or goroutines, and without delay unless a [Fault] has one. With
// it a client can run in a testing/synctest bubble.
//
// It ignores the scheme and host of the URL and never compresses. It calls the
// httptrace hooks that report how far a request got.
func (e *Emulator) Transport() http.RoundTripper { return transport{e} }

type transport struct {
	emulator *Emulator
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	call := t.emulator.contract.newCall(r)
	fault := t.emulator.meet(call.operation())
	trace := newTrace(ctx)

	trace.GetConn(r.URL.Host)
	if fault != nil && fault.Refuse {
		if err := wait(ctx, fault.Delay); err != nil {
			return nil, err
		}
		return nil, errRefused
	}
	conn, _ := net.Pipe() // hooks may read its addresses
	trace.GotConn(httptrace.GotConnInfo{Conn: conn})
	err := call.receive()
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return nil, err
	}
	response, err := t.emulator.exchange(call, fault)
	if err != nil {
		return nil, err
	}
	trace.GotFirstResponseByte()
	return response.httpResponse(r), nil
}

// newTrace returns the hooks of a request's context, without nil for those that
// are called here.
func newTrace(ctx context.Context) *httptrace.ClientTrace {
	return httptrace.ContextClientTrace(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) {},
		GotConn:              func(httptrace.GotConnInfo) {},
		WroteRequest:         func(httptrace.WroteRequestInfo) {},
		GotFirstResponseByte: func() {},
	}))
}

// httpResponse returns the response in the client's form.
func (r response) httpResponse(request *http.Request) *http.Response {
	var body io.Reader = bytes.NewReader(r.sent())
	if r.truncated {
		body = io.MultiReader(body, unexpectedEOF{})
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
		StatusCode:    r.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        r.header,
		Body:          io.NopCloser(body),
		ContentLength: int64(len(r.body)),
		Request:       request,
	}
}

// unexpectedEOF is the end of a truncated body.
type unexpectedEOF struct{}

func (unexpectedEOF) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// response is an HTTP response before it is sent.
type response struct {
	status    int
	header    http.Header
	body      []byte
	truncated bool // only the first half of the body is sent
}

// envelope is the body of every response of the service. The generated code has
// an envelope for each type of data instead.
type envelope struct {
	Errno     int64  `json:"errno"`
	Errmsg    string `json:"errmsg"`
	RequestID string `json:"requestId"`
	Data      any    `json:"data,omitempty"`
}

func envelopeResponse(content envelope) response {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	// This cannot fail: the types are plain, and Stock.validate encoded the stock.
	_ = encoder.Encode(content)
	return newResponse(http.StatusOK, "application/json; charset=utf-8", body.Bytes())
}

func textResponse(status int, text string) response {
	return newResponse(status, "text/plain; charset=utf-8", []byte(text+"\n"))
}

func newResponse(status int, contentType string, body []byte) response {
	header := http.Header{}
	if len(body) > 0 {
		header.Set("Content-Type", contentType)
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return response{status: status, header: header, body: body}
}

// sent returns the part of the body that is sent.
func (r response) sent() []byte {
	if r.truncated {
		return r.body[:len(r.body)/2]
	}
	return r.body
}
