package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// Activities are what a worker does for the workflows: everything that needs the
// service. Construct them with [NewActivities], once for a worker: all its waits share
// the polls of one client.
type Activities struct {
	cimg     *wrapper.Client
	temporal client.Client
	recovery *reconcile.Reconciler
	options  Options
	listings sync.Map // by region: *sharedListing
}

// Options are what is not published about the service. Zero fields take their defaults.
type Options struct {
	// VisibilityWindow is within what time the service lists a new image. Until then,
	// a call is not taken for lost. Default: reconcile.DefaultVisibilityWindow.
	VisibilityWindow time.Duration
	// ReadyStatus is the status of an image that can be used. Default:
	// DefaultReadyStatus.
	ReadyStatus string
}

// DefaultReadyStatus is the only status of an image that is published, in an example.
const DefaultReadyStatus = "Ready"

// NewActivities returns the activities of a worker, which call the service through cimg
// and Temporal through temporal, the worker's client.
func NewActivities(cimg *wrapper.Client, temporal client.Client, options Options) (*Activities, error) {
	if temporal == nil {
		return nil, errors.New("cimg: fleet: the Temporal client is nil")
	}
	if options.VisibilityWindow == 0 {
		options.VisibilityWindow = reconcile.DefaultVisibilityWindow
	}
	if options.ReadyStatus == "" {
		options.ReadyStatus = DefaultReadyStatus
	}
	// Calls have the time of Temporal's clock. What was there before a call, Send has seen.
	recovery, err := reconcile.New(cimg, reconcile.WithVisibilityWindow(options.VisibilityWindow), reconcile.WithClockTolerance(options.VisibilityWindow))
	if err != nil {
		return nil, err
	}
	return &Activities{cimg: cimg, temporal: temporal, recovery: recovery, options: options}, nil
}

// Wait waits for the end of a job. Every heartbeat carries the job, so that a person
// who looks at a stuck one knows it; any worker continues the wait.
func (a *Activities) Wait(ctx context.Context, ref wrapper.JobRef) (wrapper.Job, error) {
	handle, err := a.cimg.Resume(ref)
	if err != nil {
		return wrapper.Job{}, failure(InvalidOrder, err.Error(), nil)
	}
	var seen atomic.Pointer[wrapper.Job]
	defer heartbeat(ctx, func() any { return Heartbeat{ref, seen.Load()} })()
	var job wrapper.Job
	for job, err = range handle.Watch(ctx, wrapper.MissingGrace(max(30*time.Second, a.options.VisibilityWindow))) {
		latest := job // heartbeats read it meanwhile
		seen.Store(&latest)
	}
	return job, waitFailure(ctx, err)
}

// Heartbeat is what the heartbeats of [Activities.Wait] carry.
type Heartbeat struct {
	Ref wrapper.JobRef
	Job *wrapper.Job `json:",omitempty"` // as last seen
}

// Reconcile finds out what became of a call. It only reads.
func (a *Activities) Reconcile(ctx context.Context, unknown wrapper.OutcomeUnknownError) (Found, error) {
	defer heartbeat(ctx, func() any { return nil })()
	findings, err := a.recovery.Reconcile(ctx, &unknown)
	if err != nil {
		return Found{}, err
	}
	found := Found{Verdict: findings[0].Verdict, Effect: Effect{Image: findings[0].Image.UUID}}
	if job := findings[0].Job; job != nil {
		found.Effect.Job = &job.Ref
	}
	for _, candidate := range findings[0].Candidates {
		found.Candidates = append(found.Candidates, memberOf(unknown.Region, candidate))
	}
	return found, nil
}

// earlierRun is a failure if a run of this workflow before this one may have sent the
// same call within the visibility window: its image may not be listed yet, or be newer
// than the listing that has been looked at.
func (a *Activities) earlierRun(ctx context.Context) error {
	info := activity.GetInfo(ctx)
	now := info.StartedTime // by the server's clock
	since := now.Add(-maxCallTimeout - a.options.VisibilityWindow - maxListingAge).UTC().Format(time.RFC3339)
	response, err := a.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		// One that has continued as new has no call under way.
		Query: fmt.Sprintf("WorkflowId = '%s' AND ExecutionStatus != 'ContinuedAsNew' AND (ExecutionStatus = 'Running' OR CloseTime > '%s')",
			Quote(info.WorkflowExecution.ID), since),
	})
	if err != nil {
		return failure(NothingDone, "looking for earlier runs: "+err.Error(), TryLater{})
	}
	earlier := EarlierRun{CheckedBy: info.WorkflowExecution.RunID}
	isThisListed := false
	for _, run := range response.Executions {
		if run.Execution.GetRunId() == info.WorkflowExecution.RunID {
			isThisListed = true
			continue
		}
		if started := run.StartTime.AsTime(); earlier.StartedAt.IsZero() || started.Before(earlier.StartedAt) {
			earlier.StartedAt = started
		}
		closed := now // or it is not known yet that it is
		if run.CloseTime != nil {
			closed = run.CloseTime.AsTime()
		}
		if until := closed.Add(maxCallTimeout); until.After(earlier.SendsUntil) {
			earlier.SendsUntil = until
		}
	}
	switch {
	case !isThisListed: // what is closed may not be listed yet, either
		return failure(NothingDone, "looking for earlier runs: Temporal does not list this one yet", TryLater{})
	case !earlier.StartedAt.IsZero():
		return failure(MaybeSentEarlier, "an earlier run of this workflow may have sent this call", earlier)
	}
	return nil
}

// heartbeat tells Temporal that the activity lives, until the function that it returns
// is called. Not at once: an activity that ends meanwhile would cut it off, which is
// logged, and a short one needs none.
func heartbeat(ctx context.Context, details func() any) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	ticks := time.NewTicker(orDefault(activity.GetInfo(ctx).HeartbeatTimeout/4, time.Minute))
	go func() {
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				activity.RecordHeartbeat(ctx, details())
			case <-ctx.Done():
				return
			}
		}
	}()
	return stop
}
