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

// errReset is how a client sees a connection that breaks without a response.
var errReset = fmt.Errorf("emulator: %w",
	&net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})

// ServeHTTP answers a request as the service would, or as the fault it meets
// would have it.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := e.contract.newCall(r)
	fault := e.meet(call.operation())
	// The body is read before anything else: until then a server does not
	// notice that its client has gone, and a delay could not be cut short.
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
	// Fewer bytes than Content-Length promises make net/http close the
	// connection: that is how a truncated response ends.
	_, _ = w.Write(response.sent())
}

// exchange takes a call through the fault it meets, if any. An error means that
// there is no response: the connection broke or the client has gone.
func (e *Emulator) exchange(call *call, fault *Fault) (response, error) {
	e.count(call.operation())
	if fault == nil {
		return e.answer(call), nil
	}
	var result response
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

// wait lets time pass, but not past the end of the context.
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

// reset breaks the connection under a response: with a TCP RST where the
// connection can be had, and as net/http aborts a handler where it cannot, as
// over HTTP/2.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if plain, ok := conn.(*net.TCPConn); ok {
		// No lingering means RST instead of FIN.
		_ = plain.SetLinger(0)
	}
	_ = conn.Close()
}

// errRefused is how a client sees a connection that is refused.
var errRefused = fmt.Errorf("emulator: %w",
	&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})

// Transport returns a transport that hands requests to the emulator within the
// process: no sockets, no goroutines, and no time but what a [Fault] delays.
// Under it a client runs inside a testing/synctest bubble.
//
// Whatever the URL's scheme and host, the emulator answers. It calls the hooks
// of net/http/httptrace that tell how far a request got, and never compresses.
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
	conn, _ := net.Pipe() // hooks may ask a connection for its addresses
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

// newTrace returns the hooks of a request's context. Those that are called here
// are never nil.
func newTrace(ctx context.Context) *httptrace.ClientTrace {
	return httptrace.ContextClientTrace(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) {},
		GotConn:              func(httptrace.GotConnInfo) {},
		WroteRequest:         func(httptrace.WroteRequestInfo) {},
		GotFirstResponseByte: func() {},
	}))
}

// httpResponse returns the response as a client receives it.
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

// unexpectedEOF is the end of a body that ends too early.
type unexpectedEOF struct{}

func (unexpectedEOF) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// response is an HTTP response on its way out.
type response struct {
	status    int
	header    http.Header
	body      []byte
	truncated bool // only the first half of the body is sent
}

// envelope is the body of every response of the service. The generated types have
// one of these for each kind of data.
type envelope struct {
	Errno     int64  `json:"errno"`
	Errmsg    string `json:"errmsg"`
	RequestID string `json:"requestId"`
	Data      any    `json:"data,omitempty"`
}

// envelopeResponse returns the response that carries an envelope.
func envelopeResponse(content envelope) response {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	// This cannot fail: the types are plain and tags were tried with the stock.
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
