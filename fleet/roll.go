package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RollOrder is an order for a new image of a family, in several regions, in place of
// older ones.
type RollOrder struct {
	Family      string // of it is every image Family-Version, whoever made it: web-01 is of the family web
	Version     string // numbers with points between them; the image's name is Family-Version
	Description string `json:",omitempty"`
	From        Source
	Regions     []string // that are to have the image; those of Retention are deleted there only
	Retention   Retention
	Apply       bool // false: a dry run, which makes the images but deletes none
	Settings    Settings
}

// RollReport is what became of a [RollOrder].
type RollReport struct {
	Made    Report
	Expired []Deletion
	Applied bool // false: nothing was deleted
}

// Deletion is an image that was deleted, or would have been.
type Deletion struct {
	Region string
	Member
	Error string `json:",omitempty"` // why it was not deleted
}

func (o RollOrder) order() Order {
	return Order{Name: o.Family + "-" + o.Version, Description: o.Description, From: o.From, Regions: o.Regions, Settings: o.Settings}
}

// Validate returns what is wrong with an order, nil if nothing is.
func (o RollOrder) Validate() error {
	switch {
	case o.Family == "":
		return errors.New("the order has no Family")
	case !versionForm.MatchString(o.Version):
		return fmt.Errorf("version %q is not of digits with points between them", o.Version)
	case o.Apply && o.Retention.Keep == 0 && o.Retention.MaxAge == 0:
		return errors.New("to delete, the order needs a Retention.Keep or a Retention.MaxAge")
	}
	return cmp.Or(o.order().Validate(), o.Retention.validate())
}

// Roll makes an image in each region, like [Replicate], verifies that each is Ready,
// and then, only then, deletes the images of the family that are not to be kept. It
// deletes in the order's Regions: in that of From only if it is one of them. A failure
// is [Incomplete], with the RollReport. If it is cancelled, it ends the deletions that
// it has begun, and the RollReport is in the details of the [temporal.CanceledError].
func Roll(ctx workflow.Context, order RollOrder) (RollReport, error) {
	var report RollReport
	if err := order.Validate(); err != nil {
		return report, failure(InvalidOrder, err.Error(), nil)
	}
	replicate := order.order()
	var origin Report // if it is one of the images of the family
	if order.From.Image != "" && slices.Contains(order.Regions, order.From.Region) {
		origin = Report{{Region: order.From.Region, Name: replicate.Name, Image: order.From.Image, Exists: true}}
		verify(ctx, origin, order.Settings)
		report.Made = origin
		if err := report.failure(ctx); err != nil {
			return report, err
		}
	}
	made, err := Replicate(ctx, replicate)
	if report.Made = append(made, origin...); err != nil {
		return report, cmp.Or(report.failure(ctx), err)
	}
	verify(ctx, report.Made, order.Settings)
	if err := report.failure(ctx); err != nil {
		return report, err
	}
	report.Applied = order.Apply
	inRegion := make([][]Deletion, len(report.Made))
	regions := workflow.NewWaitGroup(ctx)
	for i, made := range report.Made {
		if !slices.Contains(order.Regions, made.Region) {
			continue
		}
		regions.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer regions.Done()
			inRegion[i] = expire(ctx, order, made)
		})
	}
	regions.Wait(ctx)
	report.Expired = slices.Concat(inRegion...)
	return report, report.failure(ctx)
}

func (r RollReport) failure(ctx workflow.Context) error {
	failed := r.Made.failed()
	for _, deletion := range r.Expired {
		if deletion.Error != "" {
			failed++
		}
	}
	return incomplete(ctx, failed, len(r.Made)+len(r.Expired), r)
}

// verify sets the errors of images that are not as they should be.
func verify(ctx workflow.Context, report Report, settings Settings) {
	var a *Activities
	var verified []workflow.Future
	for _, made := range report {
		verified = append(verified, workflow.ExecuteActivity(patient(ctx, settings), a.Verify, made))
	}
	for i, image := range verified {
		if err := image.Get(ctx, nil); err != nil && !temporal.IsCanceledError(err) { // which says nothing of the image
			report[i].Error = reason(err)
		}
	}
}

// expire deletes the images of a region that are not to be kept, one after the other,
// or only says which.
func expire(ctx workflow.Context, order RollOrder, made Copy) (deletions []Deletion) {
	var a *Activities
	var expired []Member
	by := Expiry{made, order.Family, order.Retention, workflow.Now(ctx)}
	err := workflow.ExecuteActivity(patient(ctx, order.Settings), a.Expired, by).Get(ctx, &expired)
	if err != nil {
		return []Deletion{{Region: made.Region, Error: reason(err)}}
	}
	for _, image := range expired {
		if ctx.Err() != nil {
			break
		}
		deletion := Deletion{Region: made.Region, Member: image}
		if order.Apply {
			if err := awaitDelete(ctx, DeleteOrder{Image: image, Expiry: by, Settings: order.Settings}); err != nil {
				deletion.Error = reason(err)
			}
		}
		deletions = append(deletions, deletion)
	}
	return deletions
}

// Expiry is the question which images of a family are not to be kept.
type Expiry struct {
	Made      Copy // the new image
	Family    string
	Retention Retention
	Now       time.Time
}

// Expired lists the images that are not to be kept.
func (a *Activities) Expired(ctx context.Context, of Expiry) (expired []Member, err error) {
	defer heartbeat(ctx, func() any { return nil })()
	found, err := a.listing(ctx, of.Made.Region, true)
	if err != nil {
		return nil, err
	}
	return a.allExpired(found, of)
}
