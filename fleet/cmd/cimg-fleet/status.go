package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/cimg-go/cimg/fleet"
)

const (
	stuck   = "ExecutionStatus = 'Running' AND CimgState IN ('" + fleet.StatePostponed + "', '" + fleet.StateReconciling + "')"
	started = "(ParentWorkflowId = %[1]s OR RootWorkflowId = %[1]s)"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show how far a workflow is, or what runs",
		ArgsUsage: "[ID]",
		Description: `For instance, what runs on the task queue, one workflow with its images, and the images that make no progress:

  cimg-fleet status
  cimg-fleet status cimg/replicate:web-01 --output json
  cimg-fleet status --stuck`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "stuck", Usage: "list images whose call was postponed, or of which it is not known what became of it"}},
		Before: func(ctx context.Context, cmd *cli.Command) (context.Context, error) {
			if cmd.Args().Len() > 1 {
				return ctx, usageErrorf("status takes the id of a workflow, or nothing; see cimg-fleet status --help")
			}
			return ctx, nil
		},
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) (err error) {
			var rows []row
			switch id, queue := cmd.Args().First(), cmd.String("task-queue"); {
			case cmd.Bool("stuck") && id != "":
				rows, err = c.list(ctx, stuck+" AND "+started, id)
			case cmd.Bool("stuck"):
				rows, err = c.list(ctx, stuck+" AND TaskQueue = %s", queue)
			case id != "":
				rows, err = c.show(ctx, id)
			default:
				rows, err = c.list(ctx, "ExecutionStatus = 'Running' AND WorkflowType != 'Image' AND TaskQueue = %s", queue)
			}
			if err != nil {
				return err
			}
			return write(cmd.Root().Writer, cmd.String("output"), rows...)
		}),
	}
}

// show returns what is known of a workflow, and then of its images; of those of a
// fleet, only which failed.
func (c *connection) show(ctx context.Context, id string) ([]row, error) {
	described, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	info := described.GetWorkflowExecutionInfo()
	shown := rowOf(info)
	var made fleet.Report
	var roll fleet.RollReport
	running := info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	switch {
	case shown.Type == "Fleet" && running:
		shown.Progress, err = c.progress(ctx, id)
	case shown.Type == "Fleet":
		shown.Progress = new(fleet.Progress)
		err = c.ended(ctx, id, shown.Progress)
	case shown.Type == "Roll" && !running:
		err = c.ended(ctx, id, &roll)
		made = roll.Made
	case shown.Type == "Replicate" && !running:
		err = c.ended(ctx, id, &made)
	case shown.Type != "Image":
		images, err := c.list(ctx, "WorkflowType = 'Image' AND "+started+" AND StartTime >= %[2]s", id, shown.Start.Format(time.RFC3339Nano))
		return append([]row{shown}, images...), err
	case !running:
		err = c.ended(ctx, id, nil)
	}
	if err != nil {
		shown.Error = text(err)
	}
	if shown.Progress != nil {
		made = shown.Progress.Failures
	}
	rows := []row{shown}
	for _, image := range made {
		rows = append(rows, rowOfCopy(image))
	}
	for _, deletion := range roll.Expired {
		rows = append(rows, rowOfDeletion(deletion, roll.Applied))
	}
	return rows, nil
}

// ended returns how a workflow ended, and decodes the report that it left.
func (c *connection) ended(ctx context.Context, id string, report any) error {
	err := c.GetWorkflow(ctx, id, "").Get(ctx, report)
	if cancelled, found := errors.AsType[*temporal.CanceledError](err); found && cancelled.HasDetails() && report != nil {
		cancelled.Details(report) //nolint:errcheck // empty, then
	}
	if report != nil {
		fleet.IsFailure(err, fleet.Incomplete, report)
	}
	return err
}

// progress asks a fleet, on whichever worker lives, how far it is.
func (c *connection) progress(ctx context.Context, id string) (*fleet.Progress, error) {
	response, err := c.QueryWorkflow(ctx, id, "", fleet.QueryProgress)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, new(*serviceerror.DeadlineExceeded)):
		return nil, errors.New("no worker says how far it is: is one running?")
	case err != nil:
		return nil, err
	}
	progress := new(fleet.Progress)
	return progress, response.Get(progress)
}
