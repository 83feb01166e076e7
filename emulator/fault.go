package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Fault selects requests and says what goes wrong with them. Inject it with
// [Emulator.Inject] or [Emulator.InjectFor].
//
// The fields combine. Delay waits. Then Refuse or Reset breaks the connection,
// or Status, Errno and Body replace the emulator's response. Header and Truncate
// modify the response, replaced or not. A request whose response is replaced or
// lost is not processed, unless After is set: then it is, and the client cannot
// tell.
type Fault struct {
	// Operation is the operationId of the requests to meet. "": any operation's, but
	// no request that is for none, such as a browser's for an icon.
	Operation string

	// Skip is the number of those requests to let pass first.
	Skip int

	// Count is the number of consecutive requests to meet. 0: one.
	Count int

	// For makes the fault an outage: all of those requests meet it until For has
	// passed since the fault was injected, by [Options.Now]. Count must be 0.
	For time.Duration

	// After processes the request before the fault takes effect.
	After bool

	// Delay delays the request or, with After, the response. It ends early with
	// the request's context. Alone it does not change the response; a long one is
	// a service that never responds. It takes real time, or that of the synctest
	// bubble, whatever [Options.Now] is.
	Delay time.Duration

	// Refuse refuses the connection: nothing is sent, and [Emulator.Requests]
	// does not count the request. Only [Emulator.Transport] can do that. Over a
	// socket it is a Reset: the connection exists before the request is known.
	Refuse bool

	// Reset resets the connection before the response.
	Reset bool

	// Status is the HTTP status of the response. 0: 200.
	Status int

	// Errno makes the response an envelope with this errno and its published
	// errmsg.
	Errno int64

	// Body is the body of the response, instead of an envelope. With a Status but
	// neither Errno nor Body, the response has no body.
	Body string

	// ContentType is the Content-Type of Body. Default: that of HTML, which
	// gateways send.
	ContentType string

	// Header holds headers, such as Retry-After, to set in the response.
	Header http.Header

	// Truncate closes the connection after half of the body, although
	// Content-Length promises all of it.
	Truncate bool
}

// What a header can be (RFC 9110, 5.1 and 5.5). net/http leaves out or changes any other.
var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`)
)

// Validate returns what is wrong with the fault, nil if nothing is: settings that
// no request can meet, that no response can have, or that have no effect. It names
// the fields as a scenario of `cimg mock` does.
func (f Fault) Validate() error { return errors.Join(f.problems()...) }

func (f Fault) problems() []error {
	contract, err := loadContract()
	if err != nil {
		return []error{err}
	}
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(f.Operation != "" && !slices.Contains(contract.operations, f.Operation),
		"operation %q is not one of %s", f.Operation, strings.Join(contract.operations, ", "))
	wrong(f.Skip < 0, "skip %d is negative", f.Skip)
	wrong(f.Count < 0, "count %d is negative", f.Count)
	wrong(f.For < 0, "for %v is negative", f.For)
	wrong(f.Delay < 0, "delay %v is negative", f.Delay)
	wrong(f.Count != 0 && f.For != 0, "count and for exclude each other")
	wrong(f.Refuse && f.After, "a refused connection carries no request: leave out after")

	responds := f.replaces() || f.ContentType != "" || len(f.Header) > 0 || f.Truncate
	hasBody := f.Errno != 0 || f.Body != ""
	bodiless := f.Status == http.StatusNoContent || f.Status == http.StatusNotModified
	switch {
	case f.breaks():
		wrong(responds, "a connection that breaks carries no response: leave out status, errno, body, contentType, header and truncate")
	case !responds:
		wrong(f.Delay == 0, "it does nothing: set delay, reset, status, errno, body, header or truncate")
	case bodiless:
		wrong(hasBody || f.ContentType != "" || f.Truncate, "a response with status %d has no body: leave out errno, body, contentType and truncate", f.Status)
	default:
		wrong(f.Status != 0 && (f.Status < 200 || f.Status > 599), "status %d is not a final HTTP status, 200 to 599", f.Status)
		wrong(f.Errno != 0 && f.Body != "", "errno and body exclude each other")
		wrong(f.ContentType != "" && f.Body == "", "contentType is that of a body, and there is none")
		wrong(f.Truncate && f.Status != 0 && !hasBody, "truncate needs a body, and the response has none: set errno or body")
	}
	wrong(!headerValue.MatchString(f.ContentType), "contentType %q is not a value of a header", f.ContentType)
	for _, name := range slices.Sorted(maps.Keys(f.Header)) {
		wrong(!headerName.MatchString(name), "header: %q is not the name of a header", name)
		for _, value := range f.Header[name] {
			wrong(!headerValue.MatchString(value), "header: %q is not a value of %s", value, name)
		}
	}
	return errs
}

// breaks reports whether the fault breaks the connection before the response.
func (f *Fault) breaks() bool { return f.Refuse || f.Reset }

// replaces reports whether the fault has a response of its own.
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

// apply modifies the response, whether it is the fault's or the emulator's.
func (f *Fault) apply(r response) response {
	for name, values := range f.Header {
		r.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	r.truncated = f.Truncate && len(r.body) > 0
	return r
}

// TB is the part of *testing.T that [Emulator.InjectFor] needs. It keeps package
// testing out of programs that run an emulator.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Inject queues a fault. Only the first queued fault that a request matches skips
// or meets it; the others do not count it. A fault leaves the queue once Count
// requests have met it, an outage when it is over. The error is that of
// [Fault.Validate].
func (e *Emulator) Inject(fault Fault) error {
	_, err := e.inject(fault)
	return err
}

// InjectFor injects a fault and fails the test if, at its end, fewer than Count
// requests have met the fault, or none has met an outage.
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

// UnmetFaults returns the injected faults that fewer than Count requests have
// met, and the outages that are not over.
func (e *Emulator) UnmetFaults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	var unmet []Fault
	e.faults.expire(e.options.Now())
	for _, queued := range e.faults {
		unmet = append(unmet, queued.Fault)
	}
	return unmet
}

func (e *Emulator) inject(fault Fault) (*queuedFault, error) {
	if err := fault.Validate(); err != nil {
		return nil, fmt.Errorf("emulator: fault: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	queue := e.newQueue(fault)
	e.faults = append(e.faults, queue...)
	return queue[0], nil
}

// newQueue returns a queue of faults that are injected now.
func (e *Emulator) newQueue(faults ...Fault) (queue faultQueue) {
	now := e.options.Now()
	for _, fault := range faults {
		fault.Header = fault.Header.Clone()
		queue = append(queue, &queuedFault{Fault: fault, ends: now.Add(fault.For)})
	}
	return queue
}

// meet returns the fault that a request for an operation meets, nil if none.
func (e *Emulator) meet(operation string) *Fault {
	if operation == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults.expire(e.options.Now())
	return e.faults.meet(operation)
}

// queuedFault is a fault and how many requests it has skipped and met.
type queuedFault struct {
	Fault
	skipped int
	met     int
	ends    time.Time // if it is an outage
}

func (q *queuedFault) count() int  { return cmp.Or(q.Count, 1) }
func (q *queuedFault) spent() bool { return q.met >= q.count() }

// faultQueue holds the faults that are not spent, in the order of injection.
type faultQueue []*queuedFault

// expire removes the outages that are over.
func (q *faultQueue) expire(now time.Time) {
	*q = slices.DeleteFunc(*q, func(queued *queuedFault) bool {
		return queued.For > 0 && !now.Before(queued.ends)
	})
}

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
		if queued.For == 0 && queued.spent() {
			*q = slices.Delete(*q, i, i+1)
		}
		return &queued.Fault
	}
	return nil
}
