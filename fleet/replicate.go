package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Order is an order for an image of one name in several regions.
type Order struct {
	Name        string
	Description string `json:",omitempty"`
	From        Source
	Regions     []string // without From.Region, or with it
	Settings    Settings
}

// Report is what became of an order, by region.
type Report []Copy

// Replicate makes an image in each region of an order, and waits for all. Of a
// snapshot it makes an image in the snapshot's region first. If some regions fail, the
// others are continued, and the failure is [Incomplete], with the Report.
func Replicate(ctx workflow.Context, order Order) (Report, error) {
	if err := order.Validate(); err != nil {
		return nil, failure(InvalidOrder, err.Error(), nil)
	}
	origin := order.From
	var report Report
	if order.From.Image == "" {
		made := outcome(ctx, startImage(ctx, order.origin(), enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL), order.origin())
		report = append(report, made)
		if made.Error != "" {
			return report, incomplete(ctx, 1, 1, report)
		}
		origin = Source{Region: made.Region, Image: made.Image}
	}
	orders := order.copies(origin)
	var children []workflow.ChildWorkflowFuture
	for _, copied := range orders {
		children = append(children, startImage(ctx, copied, enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL))
	}
	for i, child := range children {
		report = append(report, outcome(ctx, child, orders[i]))
	}
	return report, incomplete(ctx, report.failed(), len(report), report)
}

func outcome(ctx workflow.Context, child workflow.ChildWorkflowFuture, order ImageOrder) (made Copy) {
	if err := await(ctx, child, imageID(ctx, order.Region, order.Name), &made); err != nil {
		return notMade(order.Region, order.Name, err)
	}
	return made
}

// notMade is what became of an image whose workflow failed, which may have made it.
func notMade(region, name string, err error) Copy {
	made := unfinished(err)
	return Copy{Region: region, Name: name, Image: made.Image, Exists: made.Exists, Error: reason(err)}
}

// unfinished is what a workflow that failed says of the image that it was making.
func unfinished(err error) (made Copy) {
	var listed Member
	cancelled, isCancelled := errors.AsType[*temporal.CanceledError](err)
	switch {
	case isCancelled && cancelled.HasDetails():
		_ = cancelled.Details(&made)
	case IsFailure(err, Unverified, &listed):
		made.Image = listed.UUID
	default:
		IsFailure(err, Interrupted, &made)
	}
	return made
}

// await waits for the end of a child, or of the workflow of another parent that has its
// id.
func await(ctx workflow.Context, child workflow.ChildWorkflowFuture, id string, result any) error {
	err := child.Get(ctx, result)
	if errors.As(err, new(*temporal.ChildWorkflowExecutionAlreadyStartedError)) {
		return attend(ctx, id).Get(ctx, result)
	}
	return err
}

// reason returns what an error says, without the names of the workflows and activities
// that it went through.
func reason(err error) string {
	if application, found := errors.AsType[*temporal.ApplicationError](err); found {
		return application.Type() + ": " + application.Message()
	}
	if temporal.IsCanceledError(err) {
		return "cancelled"
	}
	return err.Error()
}

func (r Report) failed() (n int) {
	for _, made := range r {
		if made.Error != "" {
			n++
		}
	}
	return n
}

// incomplete is how a workflow for several images ends, with its report in the details.
func incomplete(ctx workflow.Context, failed, total int, report any) error {
	switch {
	case ctx.Err() != nil:
		return temporal.NewCanceledError(report)
	case failed > 0:
		return failure(Incomplete, fmt.Sprintf("%d of %d images failed", failed, total), report)
	}
	return nil
}

// origin is the order for the image that is made of a snapshot.
func (o Order) origin() ImageOrder {
	return o.image(o.From.Region, o.From)
}

// image is the order for the image of one region.
func (o Order) image(region string, from Source) ImageOrder {
	return ImageOrder{Region: region, Name: o.Name, Description: o.Description, From: from, Settings: o.Settings}
}

// copies are the orders for the copies of the image.
func (o Order) copies(origin Source) []ImageOrder {
	var orders []ImageOrder
	for _, region := range o.Regions {
		if region != origin.Region {
			orders = append(orders, o.image(region, origin))
		}
	}
	return orders
}

// Validate returns what is wrong with an order, nil if nothing is.
func (o Order) Validate() error {
	switch {
	case o.Name == "":
		return errors.New("the order has no Name")
	case o.From.Region == "":
		return errors.New("the order has no From.Region")
	case (o.From.Snapshot == "") == (o.From.Image == ""):
		return errors.New("the order needs either a From.Snapshot or a From.Image")
	case len(o.Regions) == 0:
		return errors.New("the order has no Regions")
	case slices.Contains(o.Regions, ""):
		return errors.New("a region is empty")
	case len(slices.Compact(slices.Sorted(slices.Values(o.Regions)))) < len(o.Regions):
		return errors.New("a region is listed twice")
	case o.From.Image != "" && slices.Equal(o.Regions, []string{o.From.Region}):
		return fmt.Errorf("the image is in %s already, and no other region is listed", o.From.Region)
	}
	encoded, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if len(encoded) > maxOrderBytes {
		return fmt.Errorf("the order takes %d bytes as JSON, of at most %d", len(encoded), maxOrderBytes)
	}
	for _, image := range o.all() {
		if _, err := image.call(time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// maxOrderBytes is of an order as JSON: many images are started at a time.
const maxOrderBytes = 16 << 10
