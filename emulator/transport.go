package emulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"syscall"
)

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
	reply, err := t.emulator.exchange(call, fault)
	if err != nil {
		return nil, err
	}
	trace.GotFirstResponseByte()
	return reply.response(r), nil
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

// response returns the reply as a client receives it.
func (r reply) response(request *http.Request) *http.Response {
	var body io.Reader = bytes.NewReader(r.sent())
	if r.cut {
		body = io.MultiReader(body, brokenOff{})
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

// brokenOff is the end of a body that ends too early.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
