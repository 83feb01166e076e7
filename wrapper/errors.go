package wrapper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/oneline"
)

// Sentinels for errors.Is.
var (
	// ErrAuth: the token was rejected (errno 4, HTTP 401).
	ErrAuth = errors.New("token rejected")
	// ErrPermission: the account may not do this (errno 10000001, HTTP 403).
	ErrPermission = errors.New("no permission")
	// ErrBadParameter: a parameter is invalid (errno 1, 13, HTTP 400, 413, 414, 431,
	// 494).
	ErrBadParameter = errors.New("invalid parameter")
	// ErrArrears: the account is in arrears (errno 1000011).
	ErrArrears = errors.New("account in arrears")
	// ErrBalance: the account's balance is too low (errno 1100020).
	ErrBalance = errors.New("balance too low")
	// ErrNotFound: the service did not find a snapshot (errno 41017), an image
	// (41026) or a region (16000002); or a gateway did not find the path (HTTP 404).
	ErrNotFound = errors.New("not found")
	// ErrRateLimited: too many requests (HTTP 429).
	ErrRateLimited = errors.New("rate limited")
	// ErrServer: the service or a gateway failed, maybe transiently (errno 2, 3,
	// 40000, HTTP 408, 425, 5xx).
	ErrServer = errors.New("server error")

	// ErrNotSent: a mutating call was never sent, so nothing was changed: there
	// was no connection to the service, no token, no turn within the rate limit,
	// or no time left. It is safe to call again.
	ErrNotSent = errors.New("not sent")
	// ErrMalformedResponse: the response is not what the contract promises.
	ErrMalformedResponse = errors.New("malformed response")
	// ErrResponseTooLarge: the response is larger than the client's limit, see
	// [WithMaxResponseBytes].
	ErrResponseTooLarge = exchange.ErrTooLarge
	// ErrJobUnknown: the service did not know the job for longer than
	// [MissingGrace].
	ErrJobUnknown = errors.New("job unknown to the service")
	// ErrStalled: the job's state did not change for longer than [StallTimeout].
	ErrStalled = errors.New("job stalled")
	// ErrOtherFailed: another job failed, and the wait has the option
	// [FailFast].
	ErrOtherFailed = errors.New("another job failed")
)

// APIError is a response other than errno 0: from the service, with its errno,
// or from a gateway in front of it, with its HTTP status alone.
//
// As the error of a mutating call it means that the call was rejected and
// nothing was done. Fix the cause (see the Err variables), or after
// [ErrRateLimited] wait for RetryAfter, then call again. But an
// [*OutcomeUnknownError] wraps one, too, after which nothing of this is true:
// [OutcomeOf] tells them apart.
type APIError struct {
	Op         string // operationId of the contract, for instance createCIMG
	Errno      int64  // 0 if the response was no envelope
	Errmsg     string // the service's message, mostly in Chinese
	RequestID  string // for the provider's support; empty if the response has none
	HTTPStatus int    // 200 for most errnos
	// RetryAfter is the pause that the response asks for (header Retry-After);
	// 0 if it asks for none.
	RetryAfter time.Duration

	mayRenew bool // the token was rejected, but its source may give another
}

func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cimg: %s: ", oneline.Text(e.Op))
	if meaning := sentinel(e.Errno, e.HTTPStatus); meaning != nil {
		fmt.Fprintf(&b, "%v: ", meaning) // the service's own message is in Chinese
	}
	if e.Errno != 0 {
		fmt.Fprintf(&b, "errno %d (%s)", e.Errno, oneline.Text(e.Errmsg))
	}
	if e.Errno != 0 && e.HTTPStatus != http.StatusOK {
		b.WriteString(", ")
	}
	if e.HTTPStatus != http.StatusOK {
		b.WriteString(strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.HTTPStatus, http.StatusText(e.HTTPStatus))))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %v", e.RetryAfter)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, ", request %s", oneline.Text(e.RequestID))
	}
	return b.String()
}

// Is reports whether target is the sentinel that the errno stands for, or the
// one that the HTTP status stands for.
func (e *APIError) Is(target error) bool {
	return target != nil && (target == sentinel(e.Errno, e.HTTPStatus) || target == sentinel(0, e.HTTPStatus))
}

// LogValue makes slog log the fields one by one.
func (e *APIError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("op", oneline.Text(e.Op)),
		slog.Int64("errno", e.Errno),
		slog.String("errmsg", oneline.Text(e.Errmsg)),
		slog.String("requestId", oneline.Text(e.RequestID)),
		slog.Int("httpStatus", e.HTTPStatus),
		slog.Duration("retryAfter", e.RetryAfter),
	)
}

// JobFailedError says that the service reported a job as failed. The job is over;
// Job.Result says why.
type JobFailedError struct {
	Ref JobRef
	Job Job // as last reported; Progress is how far it came
}

func (e *JobFailedError) Error() string {
	return fmt.Sprintf("cimg: job %s (%s in %s) failed at %g %%: %s",
		oneline.Text(e.Ref.JobUUID), oneline.Text(e.Job.Type), oneline.Text(e.Ref.Region), e.Job.Progress, oneline.Text(e.Job.Result))
}

// WaitError says that a wait ended before its jobs finished. They may still be
// running: save Refs, and continue with [Client.Resume]. Do not start them again.
type WaitError struct {
	Refs     []JobRef // the jobs that had not finished
	Cause    error    // the context's cause, ErrJobUnknown, ErrStalled, ErrOtherFailed, or the error of a poll
	LastPoll error    // why the last poll failed, if it did and is not the cause
}

func (e *WaitError) Error() string {
	jobs := fmt.Sprintf("%d jobs", len(e.Refs))
	if len(e.Refs) == 1 {
		jobs = fmt.Sprintf("job %s in %s", oneline.Text(e.Refs[0].JobUUID), oneline.Text(e.Refs[0].Region))
	}
	text := "cimg: waiting for " + jobs + ": " + oneline.Error(e.Cause)
	if e.LastPoll != nil {
		text += " (last poll: " + oneline.Error(e.LastPoll) + ")"
	}
	return text
}

// Unwrap returns the cause and the last poll's error.
func (e *WaitError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Cause, e.LastPoll}, func(err error) bool { return err == nil })
}

// InputError says that an argument is invalid. Nothing was sent: fix the field and
// call again.
type InputError struct {
	Field  string // for instance images[1].SnapUUID
	Reason string // what to change
}

func (e *InputError) Error() string { return "cimg: " + e.Field + ": " + e.Reason }

// callError is a call that ended without a response: what is a sentinel or nil,
// cause comes from a transport, a token source or a context.
type callError struct {
	op          operation
	what, cause error
	connection  bool // the connection failed, not what was sent or received over it
}

func (e *callError) Error() string {
	if e.what == nil {
		return fmt.Sprintf("cimg: %s: %s", e.op.id, oneline.Error(e.cause))
	}
	return fmt.Sprintf("cimg: %s: %v: %s", e.op.id, e.what, oneline.Error(e.cause))
}

// Unwrap hides a cause that is the outcome of another call, as that of a context
// can be: it must not be taken for the outcome of this one.
func (e *callError) Unwrap() (errs []error) {
	if e.what != nil {
		errs = append(errs, e.what)
	}
	if isOutcome(e.cause) {
		return errs
	}
	return append(errs, e.cause)
}

// isOutcome reports whether an error is that of a call or a wait.
func isOutcome(err error) bool {
	return errors.Is(err, ErrNotSent) || errors.As(err, new(*OutcomeUnknownError)) || errors.As(err, new(*APIError)) ||
		errors.As(err, new(*WaitError)) || errors.As(err, new(*JobFailedError)) || errors.As(err, new(*InputError))
}

// newCallError hides that a cause is a timeout, unless the caller's context had a
// deadline: who sets none must not find context.DeadlineExceeded.
func newCallError(c *call, what, cause error) *callError {
	if !c.limited && errors.Is(cause, context.DeadlineExceeded) {
		cause = errors.New(cause.Error())
	}
	return &callError{op: c.op, what: what, cause: cause}
}

// notSent says that a call ended before there was a connection. Only of a
// mutating call is that ErrNotSent: a wait that ends with such an error must not
// look as if the call that started its job had not been sent.
func notSent(c *call, cause error) *callError {
	if c.op.mutates {
		return newCallError(c, ErrNotSent, cause)
	}
	return newCallError(c, nil, cause)
}

// malformed describes what is wrong with a response without showing its body.
func malformed(c *call, r *response, cause error) error {
	about := fmt.Sprintf("HTTP %d, %s, %d bytes", r.status, oneline.Text(r.header.Get("Content-Type")), len(r.body))
	if r.envelope.RequestID != "" {
		about += ", request " + oneline.Text(r.envelope.RequestID)
	}
	// A decoder may quote what is escaped in the body.
	return fmt.Errorf("cimg: %s: %w (%s): %s", c.op.id, ErrMalformedResponse, about, oneline.Text(c.secret.Hide(cause.Error())))
}
