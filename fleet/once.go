package fleet

import (
	"context"
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
//  5. A cancelled workflow still hears what became of its call.
//
// What can break it: an image that the service lists later than the visibility window,
// or a process that is stopped, between two instructions of which the second sends,
// for longer than a call may take and the window.

// Call is a mutating call: its intent, and what is to be sent. Without Create and
// Import it deletes the image of the intent.
type Call struct {
	Intent wrapper.OutcomeUnknownError
	Create *wrapper.CreateImageInput `json:",omitempty"`
	Import *wrapper.ImportImageInput `json:",omitempty"`
}

// Effect is what a call brought about.
type Effect struct {
	Image  string          `json:",omitempty"` // its id, if it is known yet
	Job    *wrapper.JobRef `json:",omitempty"` // that works on it; nil: none, it is there, or deleted
	Exists bool            `json:",omitempty"` // it was there before the call
}

// once makes a call until it has taken effect or failed for good.
func once(ctx workflow.Context, call Call, settings Settings) (Effect, error) {
	sending, _ := workflow.NewDisconnectedContext(ctx)
	sending = workflow.WithActivityOptions(sending, workflow.ActivityOptions{
		StartToCloseTimeout: settings.CallTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	var a *Activities
	pause := time.Second
	for unobserved := 0; ; {
		call.Intent.SentAt = workflow.Now(ctx)
		var effect Effect
		err := workflow.ExecuteActivity(sending, a.Send, call).Get(sending, &effect)
		var later TryLater
		unknown := call.Intent
		switch {
		case err == nil, IsFailure(err, Rejected, nil), IsFailure(err, Ambiguous, nil):
			return effect, err
		case IsFailure(err, NothingDone, &later):
			setState(ctx, StatePostponed)
			if err := workflow.Sleep(ctx, max(pause, later.After)); err != nil {
				return effect, err
			}
			pause = min(2*pause, settings.MaxPause)
			continue
		case IsFailure(err, OutcomeUnknown, &unknown): // as the worker saw it, with jobs that the response named
		}
		setState(ctx, StateReconciling)
		finding, err := reconciled(ctx, unknown, settings)
		switch {
		case err != nil:
			return effect, failure(OutcomeUnknown, fmt.Sprintf("nobody found out what became of %s: %s", unknown.Op, reason(err)), unknown)
		case finding.Verdict == reconcile.Found:
			return finding.Effect, nil
		case finding.Verdict == reconcile.Ambiguous:
			return effect, failure(Ambiguous, "it is not certain which image comes from this call", finding.Candidates)
		}
		if unobserved++; unobserved >= settings.MaxCalls {
			return effect, failure(NotObserved, fmt.Sprintf("sent %d times, and never observed", unobserved), unknown)
		}
	}
}

// Found is what a worker found out about a call.
type Found struct {
	Verdict    reconcile.Verdict
	Effect     Effect
	Candidates Candidates
}

// reconciled looks for what became of a call, on whichever worker lives. It fails only
// if the workflow is cancelled.
func reconciled(ctx workflow.Context, unknown wrapper.OutcomeUnknownError, settings Settings) (found Found, err error) {
	var a *Activities
	return found, workflow.ExecuteActivity(patient(ctx, settings), a.Reconcile, unknown).Get(ctx, &found)
}

// Send makes a call, unless the image exists.
func (a *Activities) Send(ctx context.Context, call Call) (Effect, error) {
	// A time limit on this machine's clock: that of the activity is by the server's.
	ctx, cancel := context.WithTimeout(ctx, activity.GetInfo(ctx).StartToCloseTimeout)
	defer cancel()
	if call.Create != nil || call.Import != nil {
		if err := a.earlierRun(ctx, call.Intent); err != nil {
			return Effect{}, err
		}
		if effect, err := a.existing(ctx, call.Intent.Region, call.Intent.Names[0]); err != nil || effect.Exists {
			return effect, err
		}
	}
	job, err := call.send(ctx, a.cimg)
	if err != nil {
		return Effect{}, callFailure(err)
	}
	return Effect{Image: job.Ref.ResourceUUID, Job: &job.Ref}, nil
}

func (c Call) send(ctx context.Context, cimg *wrapper.Client) (*wrapper.JobHandle, error) {
	switch {
	case c.Create != nil:
		return cimg.CreateImage(ctx, c.Intent.Region, *c.Create)
	case c.Import != nil:
		return cimg.ImportImage(ctx, c.Intent.Region, *c.Import)
	}
	return cimg.DeleteImage(ctx, c.Intent.Region, c.Intent.ImageUUIDs[0])
}
