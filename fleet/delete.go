package fleet

import (
	"cmp"
	"errors"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
)

// DeleteOrder is an order to delete an image that is not to be kept.
type DeleteOrder struct {
	Image    Member // as it was when it was chosen by
	Expiry   Expiry
	Settings Settings
	// Carried is for the workflow's own use: where an earlier run of it stopped.
	Carried *Attempts `json:",omitempty"`
}

// DeleteID returns the id of the workflow [Delete] for an image.
func DeleteID(taskQueue, region, uuid string) string {
	return taskQueue + "/delete:" + region + "/" + uuid
}

// Delete deletes an image, unless it is gone, or is to be kept by now. If it is
// cancelled, it ends the deletion that it has begun.
func Delete(ctx workflow.Context, order DeleteOrder) error {
	order.Settings = order.Settings.withDefaults()
	setSubject(ctx, order.Expiry.Made.Region, order.Image.Name)
	return end(ctx, deleteImage(ctx, order))
}

func deleteImage(ctx workflow.Context, order DeleteOrder) error {
	region := order.Expiry.Made.Region
	if order.Image.UUID == "" || region == "" {
		return failure(InvalidOrder, "the order has no image or no region", nil)
	}
	if err := order.Settings.validate(); err != nil {
		return failure(InvalidOrder, err.Error(), nil)
	}
	intent := wrapper.OutcomeUnknownError{Op: "deleteCIMG", Region: region, ImageUUIDs: []string{order.Image.UUID}}
	attempts := cmp.Or(order.Carried, &Attempts{Calls: order.Settings.MaxCalls})
	effect, err := once(ctx, Call{Intent: intent, Delete: &order.Image, Expiry: order.Expiry}, attempts, order.Settings)
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
	region := order.Expiry.Made.Region
	id := DeleteID(workflow.GetInfo(ctx).TaskQueueName, region, order.Image.UUID)
	return await(ctx, startChild(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        id,
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL,
		Memo:              map[string]any{"image": order.Image.UUID},
		StaticSummary:     "delete " + order.Image.Name + " in " + region,
	}, region, order.Image.Name, Delete, order), id, nil)
}
