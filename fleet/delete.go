package fleet

import (
	"cmp"
	"errors"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
)

// DeleteOrder is an order to delete an image.
type DeleteOrder struct {
	Region   string
	Image    Member // as it was when it was chosen
	Settings Settings
	// Carried is for the workflow's own use: where an earlier run of it stopped.
	Carried *Attempts `json:",omitempty"`
}

// DeleteID returns the id of the workflow [Delete] for an image.
func DeleteID(taskQueue, region, uuid string) string {
	return taskQueue + "/delete:" + region + "/" + uuid
}

// Delete deletes an image, unless it is gone, renamed or shared. If it is cancelled, it
// ends the deletion that it has begun.
func Delete(ctx workflow.Context, order DeleteOrder) error {
	order.Settings = order.Settings.withDefaults()
	return end(ctx, deleteImage(ctx, order))
}

func deleteImage(ctx workflow.Context, order DeleteOrder) error {
	intent := wrapper.OutcomeUnknownError{Op: "deleteCIMG", Region: order.Region, ImageUUIDs: []string{order.Image.UUID}}
	attempts := cmp.Or(order.Carried, &Attempts{Calls: order.Settings.MaxCalls, IsFirst: true})
	effect, err := once(ctx, Call{Intent: intent, Delete: &order.Image}, attempts, order.Settings)
	var rejection Rejection
	switch {
	case errors.Is(err, errLongHistory):
		order.Carried = attempts
		return workflow.NewContinueAsNewError(ctx, Delete, order)
	case IsFailure(err, Rejected, &rejection) && rejection.Errno == wrapper.ErrnoImage: // not found: the list tells whether it is gone
		if found, isFound, _ := reconciled(ctx, intent, order.Settings); isFound {
			effect, err = found, nil
		}
	}
	if err != nil {
		return err
	}
	begun, _ := workflow.NewDisconnectedContext(ctx)
	_, err = waitFor(begun, effect, intent, order.Settings)
	return err
}

// awaitDelete deletes an image by a child workflow.
func awaitDelete(ctx workflow.Context, order DeleteOrder) error {
	id := DeleteID(workflow.GetInfo(ctx).TaskQueueName, order.Region, order.Image.UUID)
	return await(ctx, startChild(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        id,
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		Memo:              map[string]any{"image": order.Image.UUID},
		StaticSummary:     "delete " + order.Image.Name + " in " + order.Region,
	}, order.Region, order.Image.Name, Delete, order), id, nil)
}
