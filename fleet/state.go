package fleet

import (
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
)

// The search attributes of [Image] and [Delete] workflows, all keywords. A namespace must
// have them: see [RegisterAttributes]. "Which copies are stuck" is
//
//	ExecutionStatus = 'Running' AND CimgState IN ('postponed', 'reconciling')
var (
	AttributeImage  = temporal.NewSearchAttributeKeyKeyword("CimgImage")  // its name
	AttributeRegion = temporal.NewSearchAttributeKeyKeyword("CimgRegion") // where it is, or is made
	AttributeState  = temporal.NewSearchAttributeKeyKeyword("CimgState")  // one of the State constants
)

// The states of an [Image] or [Delete] workflow.
const (
	StateSending     = "sending"     // looks for the image, and starts the job
	StatePostponed   = "postponed"   // the call could not be made, or was rejected for its rate, or its job failed
	StateReconciling = "reconciling" // finds out what became of a call
	StateWaiting     = "waiting"     // for the job, and until the image is listed as it should be
	StateDone        = "done"
	StateFailed      = "failed"
)

// setSubject shows which image a workflow is for, unless its parent has done so.
func setSubject(ctx workflow.Context, region, name string) {
	if _, isSet := workflow.GetTypedSearchAttributes(ctx).GetKeyword(AttributeImage); !isSet {
		must(workflow.UpsertTypedSearchAttributes(ctx, subject(region, name)...))
	}
}

func subject(region, name string) []temporal.SearchAttributeUpdate {
	return []temporal.SearchAttributeUpdate{AttributeImage.ValueSet(name), AttributeRegion.ValueSet(region), AttributeState.ValueSet(StateSending)}
}

func setState(ctx workflow.Context, state string) {
	if current, _ := workflow.GetTypedSearchAttributes(ctx).GetKeyword(AttributeState); current == state {
		return
	}
	must(workflow.UpsertTypedSearchAttributes(ctx, AttributeState.ValueSet(state)))
}

// setJob shows the job that is waited for.
func setJob(ctx workflow.Context, ref wrapper.JobRef) {
	setState(ctx, StateWaiting)
	must(workflow.UpsertMemo(ctx, map[string]any{"job": ref.String()}))
}

// must panics, which makes the workflow's task fail and be tried again: the arguments
// of these calls are always valid.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// end shows how a workflow ended.
func end(ctx workflow.Context, err error) error {
	switch {
	case err == nil:
		setState(ctx, StateDone)
	case !workflow.IsContinueAsNewError(err):
		setState(ctx, StateFailed)
	}
	return err
}

// startImage starts the workflow that makes an image.
func startImage(ctx workflow.Context, order ImageOrder, parentEnds enums.ParentClosePolicy) workflow.ChildWorkflowFuture {
	return startChild(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        imageID(ctx, order.Region, order.Name),
		ParentClosePolicy: parentEnds,
		Memo:              map[string]any{"from": order.From},
		StaticSummary:     order.Name + " in " + order.Region,
	}, order.Region, order.Name, Image, order)
}

func startChild(ctx workflow.Context, options workflow.ChildWorkflowOptions, region, name string, child, order any) workflow.ChildWorkflowFuture {
	options.WaitForCancellation = true // to report what was done
	options.TypedSearchAttributes = temporal.NewSearchAttributes(subject(region, name)...)
	return workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), child, order)
}
