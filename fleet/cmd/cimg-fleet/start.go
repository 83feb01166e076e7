package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:  "start",
		Usage: "start a workflow, or find the one that runs",
		Description: `The workflow's id is made of the task queue, the kind and the name: the same start again finds the workflow if it runs, and
otherwise makes what is missing. For instance, an image into another region:

  cimg-fleet start replicate --name 北京02 --from bj --image 4a48f88391134a01befe88ff98b68a88 --to gz --wait`,
		Commands: []*cli.Command{startReplicateCommand(), startRollCommand(), startFleetCommand()},
		Action:   commandline.UnknownCommand,
	}
}

func startReplicateCommand() *cli.Command {
	var order fleet.Order
	return &cli.Command{
		Name:  "replicate",
		Usage: "make an image in several regions, from a snapshot or an image",
		Description: `For instance, a new image in the snapshot's region and another one, and an image into another region:

  cimg-fleet start replicate --name web-01 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj
  cimg-fleet start replicate --name 北京02 --from bj --image 4a48f88391134a01befe88ff98b68a88 --to gz --wait`,
		Flags:  append(orderFlags(&order), &cli.StringFlag{Name: "name", Usage: "call the images `NAME`", Destination: &order.Name}),
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return start(ctx, cmd, "replicate", order.Name, fleet.Replicate, order)
		},
	}
}

func startRollCommand() *cli.Command {
	var order fleet.Order
	var roll fleet.RollOrder
	return &cli.Command{
		Name:  "roll",
		Usage: "make a new image of a family, then delete the old ones that are not to be kept",
		Description: `It makes the image FAMILY-VERSION in each region, and verifies that all are Ready. What --keep and --max-age do not keep
is only listed, unless --apply is set: look first. With --apply it is chosen anew. Always kept are the newest image, shared
ones, those that a job works on, that are not Ready or of which it is not known when they were created. Every image
FAMILY-DIGITS is of the family, also one that was made by hand: web-01 is of the family web. Nothing is deleted in a
region that is not in --to. For instance:

  cimg-fleet start roll --family golden --build 2026.11.28 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj --keep 3 --wait
  cimg-fleet start roll --family golden --build 2026.11.28 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj --keep 3 --wait --apply --except 2026.11.01`,
		Flags: append(orderFlags(&order),
			&cli.StringFlag{Name: "family", Usage: "the images to replace are called `NAME`-VERSION", Destination: &roll.Family},
			&cli.StringFlag{Name: "build", Usage: "the `VERSION` of the new image: numbers with points between them", Destination: &roll.Version},
			&cli.IntFlag{Name: "keep", Usage: "delete all but the newest `N` of a region", DefaultText: "no limit", Destination: &roll.Retention.Keep},
			&cli.DurationFlag{Name: "max-age", Usage: "delete what is older than `DURATION`, for instance 720h", DefaultText: "no limit", Destination: &roll.Retention.MaxAge},
			&cli.IntFlag{Name: "at-least", Usage: "but keep the newest `N` whatever their age", Destination: &roll.Retention.AtLeast},
			&cli.StringSliceFlag{Name: "except", Usage: "neither delete nor count the image of a `VERSION`", Destination: &roll.Retention.Except},
			&cli.BoolFlag{Name: "apply", Usage: "delete; without it, list what would be deleted", Destination: &roll.Apply},
		),
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			roll.From, roll.Regions, roll.Description = order.From, order.Regions, order.Description
			err := start(ctx, cmd, "roll", roll.Family, fleet.Roll, roll) // of a family, one at a time
			if err == nil && cmd.Bool("wait") && !roll.Apply {
				fmt.Fprintln(cmd.Root().ErrWriter, "Nothing was deleted. To delete what is listed, run it again with --apply.")
			}
			return err
		},
	}
}

// orderFlags are those of an image in several regions.
func orderFlags(order *fleet.Order) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from", Usage: "the region of the snapshot or image, by its `ID`", Destination: &order.From.Region},
		&cli.StringFlag{Name: "snapshot", Usage: "make the first image from a snapshot, by its `ID`", Destination: &order.From.Snapshot},
		&cli.StringFlag{Name: "image", Usage: "copy an image, by its `ID`", Destination: &order.From.Image},
		&cli.StringSliceFlag{Name: "to", Usage: "the regions that are to have the image, by their `ID`s", Destination: &order.Regions},
		&cli.StringFlag{Name: "description", Usage: "describe what is made with `TEXT`", Destination: &order.Description},
		waitFlag(),
	}
}

func waitFlag() cli.Flag {
	return &cli.BoolFlag{Name: "wait", Usage: "wait for the end, with a line for each change; Ctrl-C ends the waiting only"}
}

// workflowID is fixed and readable. It is no [fleet.ImageID], for no region's id has a
// colon.
func workflowID(taskQueue, kind, name string) string { return taskQueue + "/" + kind + ":" + name }

// start starts a workflow unless it runs, and prints its id or waits for its end.
func start(ctx context.Context, cmd *cli.Command, kind, name string, workflow any, order interface{ Validate() error }) error {
	if err := order.Validate(); err != nil {
		return commandline.UsageErrorf("%w; see %s --help", err, cmd.FullName())
	}
	encoded, err := json.Marshal(order)
	if err != nil {
		return err
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(encoded))
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.checkAttributes(ctx); err != nil {
		return err
	}
	id, done := workflowID(cmd.String("task-queue"), kind, name), "Started"
	_, err = c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: cmd.String("task-queue"), StaticSummary: kind + " " + name,
		Memo:                                     map[string]any{"order": digest},
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflow, order)
	if errors.As(err, new(*serviceerror.WorkflowExecutionAlreadyStarted)) {
		done = "It runs already"
		err = c.isOrder(ctx, id, digest)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if cmd.Bool("wait") {
		fmt.Fprintf(cmd.Root().ErrWriter, "%s: %s\n", id, done)
		return c.follow(ctx, cmd, id)
	}
	if commandline.IsJSON(cmd) {
		printRows(cmd, row{ID: id})
	} else {
		fmt.Fprintln(cmd.Root().Writer, id) // for a script
	}
	fmt.Fprintf(cmd.Root().ErrWriter, "%s. See how far it is: cimg-fleet status %s\n", done, id)
	return nil
}

// isOrder fails if the workflow that runs has another order than the one with this
// digest.
func (c *connection) isOrder(ctx context.Context, id, digest string) error {
	running, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return err
	}
	var its string
	decode(running.GetWorkflowExecutionInfo().GetMemo().GetFields()["order"], &its)
	if its != digest {
		return errors.New("it runs already, with another order: wait for its end, cancel it, or choose another name")
	}
	return nil
}
