package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
)

// What a [Fleet] can be asked and told while it runs.
const (
	QueryProgress = "progress" // returns its Progress
	SignalPause   = "pause"    // has a bool; true: starts no image, those that run continue; false: goes on
)

// Fleet carries out thousands of orders, a few images in a region at a time. It
// continues as new, with the images that run, before its history gets too long. If some
// images fail, the others are continued, and the failure is [Incomplete], with the
// Progress. If the account cannot pay, it pauses itself; what was rejected for that is
// made once it goes on. If it is cancelled, the images that run are cancelled, and the
// Progress is in the details of the [temporal.CanceledError].
func Fleet(ctx workflow.Context, list List) (Progress, error) {
	f := &fleet{list: list, queues: make(map[string][]*Order), selector: workflow.NewSelector(ctx)}
	f.list.PerRegion = orDefault(list.PerRegion, defaultPerRegion)
	must(workflow.SetQueryHandler(ctx, QueryProgress, func() (Progress, error) { return f.progress, nil }))
	if list.Carried == nil {
		if err := list.Validate(); err != nil {
			return f.progress, failure(InvalidOrder, err.Error(), nil)
		}
		f.count()
	} else {
		f.progress = list.Carried.Progress
	}
	isStarted := make(map[*Order]bool) // of those of a snapshot, whose image runs
	if list.Carried != nil {
		for _, image := range list.Carried.Running {
			image.order = &list.Orders[image.Order]
			isStarted[image.order] = image.isOrigin()
			f.attend(ctx, &image)
		}
	}
	for i := range list.Orders {
		if order := &list.Orders[i]; !isStarted[order] {
			f.enqueue(order)
		}
	}
	f.listen(ctx)
	for f.startQueued(ctx); len(f.running) > 0 || f.progress.Queued > 0 && ctx.Err() == nil; f.startQueued(ctx) {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && ctx.Err() == nil {
			return f.progress, f.continueAsNew(ctx)
		}
		f.selector.Select(ctx)
	}
	return f.progress, incomplete(ctx, f.progress.Failed, f.progress.Total, f.progress)
}

// fleet is the state of a [Fleet]. Every image that runs has been started when the
// selector waits.
type fleet struct {
	list     List
	progress Progress
	queues   map[string][]*Order // by region: the orders that have an image to start there
	running  []*Running
	selector workflow.Selector
	pause    workflow.ReceiveChannel
}

// count counts all images as queued.
func (f *fleet) count() {
	f.progress.Regions = make(map[string]Counts)
	for _, order := range f.list.Orders {
		for _, image := range order.all() {
			f.add(image.Region, Counts{Total: 1, Queued: 1})
		}
	}
}

func (f *fleet) add(region string, n Counts) {
	f.progress.Counts = f.progress.plus(n)
	f.progress.Regions[region] = f.progress.Regions[region].plus(n)
}

// enqueue makes an order wait for its turn: of a snapshot in that one's region, of an
// image in all others. Its Regions are from now on those where it waits for a copy.
func (f *fleet) enqueue(order *Order) {
	order.Regions = slices.DeleteFunc(order.Regions, func(region string) bool { return region == order.From.Region })
	waits := order.Regions
	if order.From.Image == "" {
		waits = []string{order.From.Region}
	}
	for _, region := range waits {
		f.queues[region] = append(f.queues[region], order)
	}
}

// startQueued starts images in the regions that have room.
func (f *fleet) startQueued(ctx workflow.Context) {
	for isMore := true; isMore; {
		f.hear() // what has arrived counts for these, too
		if f.progress.Paused || ctx.Err() != nil {
			return
		}
		var starts []func()
		for _, region := range slices.Sorted(maps.Keys(f.queues)) { // in the same order in every replay
			for len(starts) < maxStarts && len(f.queues[region]) > 0 && f.progress.Regions[region].Running < f.list.PerRegion {
				starts = append(starts, f.start(ctx, region))
			}
		}
		for _, started := range starts {
			started()
		}
		isMore = len(starts) == maxStarts
	}
}

// start starts the first image that waits in a region, and returns a function that
// waits until Temporal has started it.
func (f *fleet) start(ctx workflow.Context, region string) (started func()) {
	order := f.queues[region][0]
	f.queues[region] = f.queues[region][1:]
	running := &Running{Region: region, Name: order.Name, order: order}
	image := order.image(region, order.From)
	if !running.isOrigin() {
		order.Regions = slices.DeleteFunc(order.Regions, func(waits string) bool { return waits == region })
	}
	if image.Settings == (Settings{}) {
		image.Settings = f.list.Settings
	}
	f.add(region, Counts{Queued: -1, Running: 1})
	child := startImage(ctx, image, enums.PARENT_CLOSE_POLICY_ABANDON)
	return func() {
		if errors.As(child.GetChildWorkflowExecution().Get(ctx, nil), new(*temporal.ChildWorkflowExecutionAlreadyStartedError)) {
			running.Foreign = true
			f.attend(ctx, running)
			return
		}
		f.await(ctx, running, child)
	}
}

// attend waits for an image that this run has not started.
func (f *fleet) attend(ctx workflow.Context, running *Running) {
	if !running.Foreign { // it is cancelled, and then says what was done
		ctx, _ = workflow.NewDisconnectedContext(ctx)
	}
	running.attended = true
	f.await(ctx, running, attend(ctx, imageID(ctx, running.Region, running.Name)))
}

func (f *fleet) await(ctx workflow.Context, running *Running, image workflow.Future) {
	f.running = append(f.running, running)
	f.selector.AddFuture(image, func(workflow.Future) {
		f.running = slices.DeleteFunc(f.running, func(other *Running) bool { return other == running })
		var made Copy
		err := image.Get(ctx, &made)
		if cannotPay(err) {
			f.pauseUntilPaid(running, err)
			return
		}
		if err != nil {
			made = notMade(running.Region, running.Name, err)
		}
		f.ended(running, made)
	})
}

// cannotPay reports whether an image was not made because the account cannot pay.
func cannotPay(err error) bool {
	var rejection Rejection
	return IsFailure(err, Rejected, &rejection) && (rejection.Errno == wrapper.ErrnoArrears || rejection.Errno == wrapper.ErrnoBalance)
}

// pauseUntilPaid pauses the fleet, and lets an image wait that was certainly not made.
func (f *fleet) pauseUntilPaid(running *Running, err error) {
	f.progress.Paused, f.progress.Reason = true, reason(err)
	f.add(running.Region, Counts{Running: -1, Queued: 1})
	f.queues[running.Region] = append(f.queues[running.Region], running.order)
	if !running.isOrigin() {
		running.order.Regions = append(running.order.Regions, running.Region)
	}
}

func (f *fleet) ended(running *Running, made Copy) {
	copies := running.order
	if made.Error == "" {
		f.add(running.Region, Counts{Running: -1, Done: 1})
		if running.isOrigin() {
			copies.From = Source{Region: made.Region, Image: made.Image}
			f.enqueue(copies)
		}
		return
	}
	f.add(running.Region, Counts{Running: -1, Failed: 1})
	if running.isOrigin() {
		for _, region := range copies.Regions {
			f.add(region, Counts{Queued: -1, Failed: 1})
		}
		made.Error += fmt.Sprintf(" (and so %d copies of it were not made)", len(copies.Regions))
	}
	if len(f.progress.Failures) < maxFailures {
		made.Error = strings.ToValidUTF8(made.Error[:min(len(made.Error), 1000)], "") // the carried state is small
		f.progress.Failures = append(f.progress.Failures, made)
	}
}

// listen makes the selector see signals and a cancellation.
func (f *fleet) listen(ctx workflow.Context) {
	f.pause = workflow.GetSignalChannel(ctx, SignalPause)
	f.selector.AddReceive(f.pause, func(workflow.ReceiveChannel, bool) { f.hear() })
	cancelled, cancel := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		ctx.Done().Receive(ctx, nil)
		cancel.Set(nil, nil)
	})
	f.selector.AddFuture(cancelled, func(workflow.Future) { // Temporal cancels the children, but no others
		disconnected, _ := workflow.NewDisconnectedContext(ctx)
		for _, running := range f.running {
			if running.attended && !running.Foreign {
				workflow.RequestCancelExternalWorkflow(disconnected, imageID(ctx, running.Region, running.Name), "")
			}
		}
	})
}

// hear receives the signals that have arrived, in their order.
func (f *fleet) hear() {
	for f.pause.ReceiveAsync(&f.progress.Paused) {
	}
	if !f.progress.Paused {
		f.progress.Reason = ""
	}
}

// continueAsNew lets the next run continue with what is not finished.
func (f *fleet) continueAsNew(ctx workflow.Context) error {
	f.hear() // a signal that nobody has received would be lost
	next := List{PerRegion: f.list.PerRegion, Settings: f.list.Settings, Carried: &Carried{Progress: f.progress}}
	carried := make(map[*Order]int) // the index of each
	carry := func(order *Order) int {
		if _, found := carried[order]; !found {
			carried[order] = len(next.Orders)
			next.Orders = append(next.Orders, *order)
		}
		return carried[order]
	}
	for _, region := range slices.Sorted(maps.Keys(f.queues)) {
		for _, order := range f.queues[region] {
			carry(order)
		}
	}
	for _, running := range f.running {
		running.Order = carry(running.order)
		next.Carried.Running = append(next.Carried.Running, *running)
	}
	return workflow.NewContinueAsNewError(ctx, Fleet, next)
}

// attend waits for the end of a workflow that is no child of this run. It looks now and
// then, so that one that waits takes no place of a worker from those that are waited for.
func attend(ctx workflow.Context, id string) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 15 * time.Second, BackoffCoefficient: 1},
	})
	var a *Activities
	return workflow.ExecuteActivity(ctx, a.Attend, id)
}

func imageID(ctx workflow.Context, region, name string) string {
	return ImageID(workflow.GetInfo(ctx).TaskQueueName, region, name)
}

// Attend returns how an [Image] or [Delete] workflow ended. While it runs, the error is
// one that Temporal retries.
func (a *Activities) Attend(ctx context.Context, workflowID string) (made Copy, err error) {
	described, err := a.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if errors.As(err, new(*serviceerror.NotFound)) {
		return made, failure(Interrupted, err.Error(), nil)
	}
	if err != nil {
		return made, err
	}
	image := described.GetWorkflowExecutionInfo()
	if image.GetCloseTime() == nil {
		return made, temporal.NewApplicationErrorWithOptions(workflowID+" still runs", "Transient", temporal.ApplicationErrorOptions{
			Category: temporal.ApplicationErrorCategoryBenign, // not worth a line in the log
		})
	}
	err = a.temporal.GetWorkflow(ctx, workflowID, image.GetExecution().GetRunId()).Get(ctx, &made)
	if application, failed := errors.AsType[*temporal.ApplicationError](err); failed && application.NonRetryable() {
		return made, application
	}
	if ended, is := errors.AsType[*temporal.WorkflowExecutionError](err); is { // in another way
		return made, failure(Interrupted, ended.Unwrap().Error(), unfinished(ended))
	}
	return made, err
}
