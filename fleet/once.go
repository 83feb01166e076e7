package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// The rule "never twice", all of it:
//
//  1. The intent of a call stands in the workflow's history, as the input of
//     [Activities.Send], before any worker can send it.
//  2. Send has one attempt. It looks for the image first, and sends nothing once its
//     time is over.
//  3. Only a response is an outcome. Whatever else ends Send (its worker was killed,
//     the connection broke, the server restarted) leaves the call unknown, and an
//     unknown call is looked for by reading, for as long as that takes.
//  4. The call is made again only after it was certainly not carried out: not sent,
//     rejected for its rate, or not observed over the whole visibility window.
//  5. A cancelled workflow still hears what became of its call, and sends none. A run
//     that was terminated or reset does not hear it: the next run of the same workflow
//     waits until that one's call can no longer be sent, and looks for what became of it.
//
// What can break it: an image that the service lists later than the visibility window,
// or a process that is stopped, between two instructions of which the second sends,
// for longer than a call may take and the window.

// Call is a mutating call: its intent, and one of what is to be sent.
type Call struct {
	Intent wrapper.OutcomeUnknownError
	Delete *Member                   `json:",omitempty"` // as it was when it was chosen by
	Expiry Expiry                    `json:",omitzero"`
	Create *wrapper.CreateImageInput `json:",omitempty"`
	Import *wrapper.ImportImageInput `json:",omitempty"`
	// CheckedBy is the run of the workflow that knows what earlier ones have sent. Send
	// compares it: a run that was reset repeats a call that was scheduled for another run.
	CheckedBy string `json:",omitempty"`
}

// Effect is what a call brought about.
type Effect struct {
	Image  string          `json:",omitempty"` // its id, if it is known yet
	Job    *wrapper.JobRef `json:",omitempty"` // that works on it; nil: none, it is there, or deleted
	Exists bool            `json:",omitempty"` // it was there before the call
	// CheckedBy is the run of the workflow that made the call: it knows what earlier ones
	// have sent.
	CheckedBy string `json:",omitempty"`
}

// errLongHistory asks a workflow of which nothing is under way to continue as new.
var errLongHistory = errors.New("the history is long")

// once makes a call until it has taken effect or failed for good. It counts down the
// calls that may be sent.
func once(ctx workflow.Context, call Call, attempts *Attempts, settings Settings) (Effect, error) {
	heard, _ := workflow.NewDisconnectedContext(ctx) // what was sent must become known, also when cancelled
	sending := workflow.WithActivityOptions(heard, workflow.ActivityOptions{
		StartToCloseTimeout: settings.CallTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var a *Activities
	for pause := time.Second; ; {
		if ctx.Err() != nil {
			return Effect{}, ctx.Err()
		}
		setState(ctx, StateSending)
		call.Intent.SentAt = workflow.Now(ctx)
		call.CheckedBy = attempts.CheckedBy
		var effect Effect
		var later TryLater
		var earlier EarlierRun
		unknown := call.Intent
		err := workflow.ExecuteActivity(sending, a.Send, call).Get(sending, &effect)
		switch {
		case err == nil && effect.Exists:
			return effect, nil
		case err == nil:
			attempts.Calls--
			attempts.CheckedBy = effect.CheckedBy
			return effect, nil
		case IsFailure(err, Rejected, nil), IsFailure(err, Ambiguous, nil), IsFailure(err, Unverified, nil):
			return effect, err
		case IsFailure(err, NothingDone, &later):
			setState(ctx, StatePostponed)
			_ = workflow.Sleep(ctx, max(pause, later.After))
			if ctx.Err() == nil && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
				return effect, errLongHistory
			}
			pause = min(2*pause, settings.MaxPause)
			continue
		case IsFailure(err, MaybeSentEarlier, &earlier):
			setState(ctx, StateReconciling)
			if err := workflow.Sleep(ctx, earlier.SendsUntil.Sub(workflow.Now(ctx))); err != nil {
				return effect, err
			}
			attempts.CheckedBy, unknown.SentAt = earlier.CheckedBy, earlier.StartedAt
		default:
			_ = IsFailure(err, OutcomeUnknown, &unknown) // as the worker saw it, with jobs that the response named
			attempts.Calls--
		}
		setState(ctx, StateReconciling)
		found, isFound, err := reconciled(heard, unknown, settings)
		switch {
		case isFound, IsFailure(err, Ambiguous, nil):
			return found, err
		case err != nil:
			return effect, failure(OutcomeUnknown, fmt.Sprintf("it is not known what became of %s: %s", unknown.Op, reason(err)), unknown)
		case attempts.Calls <= 0:
			return effect, failure(NotObserved, "the last call that was sent, too, was not observed", unknown)
		}
	}
}

// Found is what a worker found out about a call.
type Found struct {
	Verdict    reconcile.Verdict
	Effect     Effect
	Candidates Candidates
}

// reconciled looks for what became of a call, on whichever worker lives, for as long as
// that takes. Without an effect and an error, the call was not observed.
func reconciled(ctx workflow.Context, unknown wrapper.OutcomeUnknownError, settings Settings) (effect Effect, isFound bool, err error) {
	var a *Activities
	var found Found
	err = workflow.ExecuteActivity(patient(ctx, settings), a.Reconcile, unknown).Get(ctx, &found)
	switch {
	case err != nil, found.Verdict == reconcile.NotObserved:
		return Effect{}, false, err
	case found.Verdict == reconcile.Found:
		return found.Effect, true, nil
	}
	return Effect{}, false, failure(Ambiguous, "it is not certain which image comes from this call", found.Candidates)
}

// Send makes a call, unless the image exists that it would make, or the one that it would
// delete is no longer what it was, or is being deleted.
func (a *Activities) Send(ctx context.Context, call Call) (Effect, error) {
	// A time limit on this machine's clock: that of the activity is by the server's. It is
	// earlier, so that the workflow hears that nothing was sent.
	info := activity.GetInfo(ctx)
	ctx, cancel := context.WithTimeout(ctx, info.StartToCloseTimeout*9/10)
	defer cancel()
	effect, err := a.effect(ctx, call)
	if err != nil || effect.Exists {
		return effect, err
	}
	if call.CheckedBy != info.WorkflowExecution.RunID {
		if err := a.earlierRun(ctx); err != nil {
			return Effect{}, err
		}
	}
	job, err := call.send(ctx, a.cimg)
	if err != nil {
		return Effect{}, callFailure(err)
	}
	return Effect{Image: job.Ref.ResourceUUID, Job: &job.Ref, CheckedBy: info.WorkflowExecution.RunID}, nil
}

// effect looks whether a call is needed, and may be made.
func (a *Activities) effect(ctx context.Context, call Call) (Effect, error) {
	if call.Delete != nil {
		return a.stillExpired(ctx, *call.Delete, call.Expiry)
	}
	return a.existing(ctx, call.Intent.Region, call.Intent.Names[0])
}

func (c Call) send(ctx context.Context, cimg *wrapper.Client) (*wrapper.JobHandle, error) {
	switch {
	case c.Create != nil:
		return cimg.CreateImage(ctx, c.Intent.Region, *c.Create)
	case c.Import != nil:
		return cimg.ImportImage(ctx, c.Intent.Region, *c.Import)
	}
	return cimg.DeleteImage(ctx, c.Intent.Region, c.Delete.UUID)
}
