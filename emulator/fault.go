package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is trouble that requests run into: which of them, and what happens to
// them. Inject it with [Emulator.Inject] or [Emulator.InjectFor].
//
// The fields combine. Delay waits; Refuse and Reset break the connection, or
// else Status, Errno and Body make up a response that takes the place of the
// emulator's own; Header and Truncate then change whichever response it is.
// A request whose response is replaced or lost is not processed, unless After
// says that it is: the fault then hides what was done.
type Fault struct {
	// Operation is the operationId of the requests to meet; "": any request.
	Operation string

	// Skip lets that many of those requests pass first.
	Skip int

	// Count is how many requests it meets, one after the other; 0: one.
	Count int

	// After has the request processed before the fault sets in.
	After bool

	// Delay passes first (with After, between the work and the response) or ends
	// with the request's context. With nothing else, the request is then
	// answered as ever; a long one is a service that never answers. It passes
	// in real time, or in that of the synctest bubble around, whatever
	// [Options.Now] says.
	Delay time.Duration

	// Refuse has the connection refused: nothing is sent, and the request does
	// not count as arrived. Only [Emulator.Transport] can do that; over a
	// socket, where the connection is made before the request can be known,
	// it is a Reset.
	Refuse bool

	// Reset breaks the connection without a response.
	Reset bool

	// Status is the HTTP status of the response; 0: 200.
	Status int

	// Errno makes the response an envelope with this errno and its published
	// errmsg.
	Errno int64

	// Body is the body of the response, in place of an envelope. A fault with a
	// Status and neither Errno nor Body has a response without a body.
	Body string

	// ContentType is the Content-Type of Body; "": that of HTML, which
	// gateways answer.
	ContentType string

	// Header holds members to add to the header of the response, for instance
	// Retry-After, or to replace in it.
	Header http.Header

	// Truncate sends the first half of the response's body, although the header
	// promises all of it, and then closes the connection.
	Truncate bool
}

// validate reports what no request could meet, or no response could be.
func (f Fault) validate(operations []string) error {
	var errs []error
	if f.Operation != "" && !slices.Contains(operations, f.Operation) {
		errs = append(errs, fmt.Errorf("the Operation %q is none of %s", f.Operation, strings.Join(operations, ", ")))
	}
	if f.Skip < 0 || f.Count < 0 || f.Delay < 0 {
		errs = append(errs, fmt.Errorf("one of Skip %d, Count %d and Delay %v is negative", f.Skip, f.Count, f.Delay))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		errs = append(errs, fmt.Errorf("the Status %d is not a final HTTP status, 200 to 599", f.Status))
	}
	return errors.Join(errs...)
}

// breaks says whether the connection breaks without a response.
func (f *Fault) breaks() bool { return f.Refuse || f.Reset }

// replaces says whether the fault has a response of its own.
func (f *Fault) replaces() bool { return f.Status != 0 || f.Errno != 0 || f.Body != "" }

// response returns the fault's own response.
func (f *Fault) response(requestID string) response {
	var r response
	switch {
	case f.Body != "":
		r = newResponse(http.StatusOK, cmp.Or(f.ContentType, "text/html; charset=utf-8"), []byte(f.Body))
	case f.Errno != 0:
		rejected := &rejection{errno: f.Errno}
		r = envelopeResponse(envelope{Errno: f.Errno, Errmsg: rejected.errmsg(), RequestID: requestID})
	default:
		r = newResponse(http.StatusOK, "", nil)
	}
	r.status = cmp.Or(f.Status, r.status)
	return r
}

// apply does to a response what the fault does to whichever response there is.
func (f *Fault) apply(r response) response {
	for name, values := range f.Header {
		r.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	r.truncated = f.Truncate && len(r.body) > 0
	return r
}

// TB is the part of *testing.T that [Emulator.InjectFor] needs. It keeps the
// package testing out of programs that run an emulator.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Inject queues a fault. Of several faults that a request matches, it meets the
// one that was injected first; the others see nothing of it, not even to skip
// it, until that one is spent. A fault that no request can meet is an error.
func (e *Emulator) Inject(fault Fault) error {
	_, err := e.inject(fault)
	return err
}

// InjectFor injects a fault that the test must run into: what is left of it at
// the end of the test fails the test.
func (e *Emulator) InjectFor(t TB, fault Fault) {
	t.Helper()
	injected, err := e.inject(fault)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	t.Cleanup(func() {
		t.Helper()
		e.mu.Lock()
		defer e.mu.Unlock()
		if !injected.spent() {
			t.Errorf("emulator: fault was met by %d of %d requests: %+v", injected.met, injected.count(), injected.Fault)
		}
	})
}

// UnmetFaults returns the faults that were injected and have not been met by as
// many requests as their Count says.
func (e *Emulator) UnmetFaults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	var unmet []Fault
	for _, queued := range e.faults {
		unmet = append(unmet, queued.Fault)
	}
	return unmet
}

func (e *Emulator) inject(fault Fault) (*queuedFault, error) {
	if err := fault.validate(e.contract.operations); err != nil {
		return nil, fmt.Errorf("emulator: fault: %w", err)
	}
	fault.Header = fault.Header.Clone()
	queued := &queuedFault{Fault: fault}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, queued)
	return queued, nil
}

// meet returns the fault that a request of an operation meets, nil if none.
func (e *Emulator) meet(operation string) *Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.faults.meet(operation)
}

// queuedFault is a fault that is waiting for requests.
type queuedFault struct {
	Fault
	skipped int
	met     int
}

func (q *queuedFault) count() int  { return cmp.Or(q.Count, 1) }
func (q *queuedFault) spent() bool { return q.met >= q.count() }

// faultQueue holds the faults that are not spent, in the order injected.
type faultQueue []*queuedFault

func (q *faultQueue) meet(operation string) *Fault {
	for i, queued := range *q {
		if queued.Operation != "" && queued.Operation != operation {
			continue
		}
		if queued.skipped < queued.Skip {
			queued.skipped++
			return nil
		}
		queued.met++
		if queued.spent() {
			*q = slices.Delete(*q, i, i+1)
		}
		return &queued.Fault
	}
	return nil
}
