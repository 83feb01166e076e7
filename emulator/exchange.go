package emulator

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// errReset is how a client sees a connection that breaks without a reply.
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
	reply, err := e.exchange(call, fault)
	if err != nil {
		reset(w)
		return
	}
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.status)
	// Fewer bytes than Content-Length promises make net/http close the
	// connection: that is how a truncated reply ends.
	_, _ = w.Write(reply.sent())
}

// exchange takes a call through the fault it meets, if any. An error means that
// there is no reply: the connection broke or the client has gone.
func (e *Emulator) exchange(call *call, fault *Fault) (reply, error) {
	e.count(call.operation())
	if fault == nil {
		return e.answer(call), nil
	}
	ctx := call.request.Context()
	if !fault.After {
		if err := wait(ctx, fault.Delay); err != nil {
			return reply{}, err
		}
	}
	var result reply
	if fault.processes() {
		result = e.answer(call)
	}
	if fault.After {
		if err := wait(ctx, fault.Delay); err != nil {
			return reply{}, err
		}
	}
	if fault.breaks() {
		return reply{}, errReset
	}
	if fault.replaces() {
		result = fault.reply(e.requestID())
	}
	return fault.spoil(result), nil
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

// reset breaks the connection under a reply: with a TCP RST where the
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
