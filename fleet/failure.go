package fleet

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/cimg-go/cimg/wrapper"
)

// The types of the failures of activities and workflows, as Temporal's interfaces show
// them. None is retried by Temporal. What fails in another way is transient: a read is
// repeated until it succeeds, also one that the service rejects, for a job that costs
// money must not be lost because a token has expired.
const (
	NothingDone    = "NothingDone"    // a call was not sent, or rejected for its rate; details: TryLater
	Rejected       = "Rejected"       // a call was rejected; details: Rejection
	OutcomeUnknown = "OutcomeUnknown" // it is not known what became of a call; details: wrapper.OutcomeUnknownError
	NotObserved    = "NotObserved"    // the image of a call was never observed; details: wrapper.OutcomeUnknownError
	// MaybeSentEarlier: an earlier run of the workflow may have sent the call; details: EarlierRun.
	MaybeSentEarlier = "MaybeSentEarlier"
	Ambiguous        = "Ambiguous"    // it is not clear which image is meant; details: Candidates
	JobFailed        = "JobFailed"    // a job failed; details: FailedJob
	JobUnknown       = "JobUnknown"   // the service does not know a job (any more)
	Unverified       = "Unverified"   // an image is not as it should be; details: Member, as it is listed if it is
	Interrupted      = "Interrupted"  // a workflow that makes an image was cancelled or terminated, or is not known any more; details: Copy, as far as it came
	Incomplete       = "Incomplete"   // an order was not carried out completely; details: Report, Progress or RollReport
	InvalidOrder     = "InvalidOrder" // an argument of a workflow is invalid
)

// TryLater says when a call may be made that was not carried out.
type TryLater struct {
	After time.Duration // 0: the service did not ask for a pause
}

// EarlierRun are the runs of a workflow before the present one.
type EarlierRun struct {
	CheckedBy  string    // the present run
	StartedAt  time.Time // the first of them
	SendsUntil time.Time // the latest time at which one may still send its call
}

// Rejection is the service's response to a call that it rejected.
type Rejection struct {
	Op         string
	Errno      int64
	Errmsg     string
	RequestID  string
	HTTPStatus int
}

// FailedJob is a job that the service reported as failed.
type FailedJob struct {
	Ref wrapper.JobRef
	Job wrapper.Job // Result says why
}

func (f FailedJob) failure() error {
	return failure(JobFailed, (&wrapper.JobFailedError{Ref: f.Ref, Job: f.Job}).Error(), f)
}

// Candidates are the images that may be meant.
type Candidates []Member

// failure is an error that Temporal does not retry.
func failure(kind, message string, details any) error {
	options := temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{details}}
	if kind == NothingDone {
		options.Category = temporal.ApplicationErrorCategoryBenign // not worth a line in the log
	}
	return temporal.NewApplicationErrorWithOptions(message, kind, options)
}

// IsFailure reports whether an error of a workflow or an activity is a failure of this
// package, of the given type, and decodes its details, unless those are nil.
func IsFailure(err error, kind string, details any) bool {
	application, found := errors.AsType[*temporal.ApplicationError](err)
	if !found || application.Type() != kind {
		return false
	}
	return details == nil || application.Details(details) == nil
}

// callFailure is the failure of a mutating call, which says what may follow it.
func callFailure(err error) error {
	response, _ := errors.AsType[*wrapper.APIError](err)
	switch outcome := wrapper.OutcomeOf(err); {
	case errors.As(err, new(*wrapper.InputError)):
		return failure(Rejected, err.Error(), Rejection{Errmsg: err.Error()})
	case outcome == wrapper.OutcomeNotSent:
		return failure(NothingDone, err.Error(), TryLater{})
	case outcome == wrapper.OutcomeRejected && errors.Is(err, wrapper.ErrRateLimited):
		return failure(NothingDone, err.Error(), TryLater{retryAfter(err)})
	case outcome == wrapper.OutcomeRejected:
		return rejected(err, response)
	}
	if unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](err); found {
		return failure(OutcomeUnknown, err.Error(), unknown)
	}
	return err // as unknown as without it
}

func rejected(err error, response *wrapper.APIError) error {
	return failure(Rejected, err.Error(), Rejection{response.Op, response.Errno, response.Errmsg, response.RequestID, response.HTTPStatus})
}

// lookFailure is the failure to look before a call. It is final if the service itself
// rejects the question, as for a region that does not exist. A token may be replaced.
func lookFailure(err error) error {
	isFinal := errors.Is(err, wrapper.ErrBadParameter) || errors.Is(err, wrapper.ErrNotFound) ||
		errors.Is(err, wrapper.ErrPermission) || errors.Is(err, wrapper.ErrArrears)
	if response, found := errors.AsType[*wrapper.APIError](err); found && response.Errno != 0 && isFinal {
		return rejected(err, response)
	}
	return failure(NothingDone, err.Error(), TryLater{retryAfter(err)})
}

// waitFailure is the failure of a wait for a job. Unless the service said how the job
// ended, or that there is none, another attempt continues it.
func waitFailure(ctx context.Context, err error) error {
	failed, isFailed := errors.AsType[*wrapper.JobFailedError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case isFailed:
		return FailedJob{failed.Ref, failed.Job}.failure()
	case errors.Is(err, wrapper.ErrJobUnknown):
		return failure(JobUnknown, err.Error(), nil)
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), "Transient", temporal.ApplicationErrorOptions{NextRetryDelay: retryAfter(err)})
}

// retryAfter returns how long the service asked to wait, up to an hour; 0 if it did not.
func retryAfter(err error) time.Duration {
	if response, found := errors.AsType[*wrapper.APIError](err); found {
		return min(response.RetryAfter, time.Hour)
	}
	return 0
}
