package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/fleet"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:  "start",
		Usage: "start a workflow, or find the one that runs",
		Description: `The workflow's id is made of the task queue, the kind and the name: the same start again finds the workflow if it runs, and
otherwise makes what is missing. Examples: cimg-fleet start replicate --help`,
		Commands: []*cli.Command{startReplicateCommand(), startRollCommand(), startFleetCommand()},
		Action:   unknownCommand,
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
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return start(ctx, cmd, "replicate", order.Name, fleet.Replicate, order)
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

// start starts a workflow unless it runs, and prints its id.
func start(ctx context.Context, cmd *cli.Command, kind, name string, workflow any, order interface{ Validate() error }) error {
	if err := order.Validate(); err != nil {
		return usageErrorf("%w; see %s --help", err, cmd.FullName())
	}
	encoded, err := json.Marshal(order)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(encoded)
	digest := hex.EncodeToString(sum[:])
	temporal, err := connect(ctx)
	if err != nil {
		return err
	}
	defer temporal.Close()
	if err := temporal.checkAttributes(ctx); err != nil {
		return err
	}
	id := workflowID(cmd.String("task-queue"), kind, name)
	_, err = temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: cmd.String("task-queue"), StaticSummary: kind + " " + name,
		Memo:                                     map[string]any{"order": digest},
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflow, order)
	switch {
	case errors.As(err, new(*serviceerror.WorkflowExecutionAlreadyStarted)):
		if err := temporal.isOrder(ctx, id, digest); err != nil {
			return err
		}
		fmt.Fprintf(cmd.Root().ErrWriter, "%s runs already.\n", id)
	case err != nil:
		return fmt.Errorf("starting %s: %w", id, err)
	}
	if err := write(cmd.Root().Writer, cmd.String("output"), row{ID: id}); err != nil {
		return err
	}
	if !cmd.Bool("wait") {
		return nil
	}
	return temporal.follow(ctx, cmd, id)
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
		return fmt.Errorf("%s runs already, with another order: wait for its end, cancel it, or choose another name", id)
	}
	return nil
}
