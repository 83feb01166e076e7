package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/cimg-go/cimg/fleet"
)

const isStuck = "ExecutionStatus = 'Running' AND CimgState IN ('" + fleet.StatePostponed + "', '" + fleet.StateReconciling + "')"

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
		Action: func(ctx context.Context, cmd *cli.Command) error {
			id := ""
			if cmd.Args().Present() {
				var err error
				if id, err = oneID(cmd); err != nil {
					return err
				}
			}
			c, err := connect(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			var rows []row
			switch queue := cmd.String("task-queue"); {
			case cmd.Bool("stuck") && id != "":
				rows, err = c.list(ctx, isStuck+" AND (ParentWorkflowId = %[1]s OR RootWorkflowId = %[1]s)", id)
			case cmd.Bool("stuck"):
				rows, err = c.list(ctx, isStuck+" AND TaskQueue = %s", queue)
			case id == "":
				rows, err = c.list(ctx, "ExecutionStatus = 'Running' AND WorkflowType != 'Image' AND TaskQueue = %s", queue)
			default:
				shown, err := c.show(ctx, id)
				if err != nil {
					return err
				}
				return shown.write(cmd)
			}
			if err != nil {
				return err
			}
			return write(cmd.Root().Writer, cmd.String("output"), rows...)
		},
	}
}

// shown is a workflow, and the images that it makes; of a fleet, those that failed.
type shown struct {
	workflow row
	images   []row
}

func (s *shown) write(cmd *cli.Command) error {
	return write(cmd.Root().Writer, cmd.String("output"), append([]row{s.workflow}, s.images...)...)
}

// show returns what is known of a workflow.
func (c *connection) show(ctx context.Context, id string) (*shown, error) {
	described, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", id, err)
	}
	info := described.GetWorkflowExecutionInfo()
	s := &shown{workflow: rowOf(info)}
	var report fleet.Report
	switch ended := info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING; {
	case s.workflow.Type == "Fleet":
		s.workflow.Progress, err = c.progress(ctx, id, ended)
		if s.workflow.Progress != nil {
			report = s.workflow.Progress.Failures
		}
	case ended && s.workflow.Type == "Replicate":
		err = c.GetWorkflow(ctx, id, "").Get(ctx, &report)
		fleet.IsFailure(err, fleet.Incomplete, &report)
	}
	if err != nil {
		s.workflow.Error = text(err)
	}
	for _, made := range report {
		s.images = append(s.images, rowOfCopy(made))
	}
	if len(report) == 0 && s.workflow.Type != "Fleet" {
		s.images, err = c.list(ctx, "WorkflowType = 'Image' AND (ParentWorkflowId = %[1]s OR RootWorkflowId = %[1]s) AND StartTime >= %[2]s", id, info.GetStartTime().AsTime().Format(time.RFC3339Nano))
		return s, err
	}
	return s, nil
}

// progress returns how far a fleet is, or was when it ended.
func (c *connection) progress(ctx context.Context, id string, ended bool) (*fleet.Progress, error) {
	var progress fleet.Progress
	if ended {
		err := c.GetWorkflow(ctx, id, "").Get(ctx, &progress)
		cancelled, isCancelled := errors.AsType[*temporal.CanceledError](err)
		if isCancelled && cancelled.HasDetails() {
			cancelled.Details(&progress) //nolint:errcheck // zero, then
		}
		fleet.IsFailure(err, fleet.Incomplete, &progress)
		return &progress, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errNoWorker)
	defer cancel()
	response, err := c.QueryWorkflow(ctx, id, "", fleet.QueryProgress)
	if err != nil {
		return nil, cmp.Or(context.Cause(ctx), err)
	}
	return &progress, response.Get(&progress)
}

var errNoWorker = errors.New("no worker says how far it is: is one running?")

func progressText(p *fleet.Progress) string {
	text := fmt.Sprintf("%d of %d done, %d running, %d queued, %d failed", p.Done, p.Total, p.Running, p.Queued, p.Failed)
	if p.Paused {
		text += "; paused"
	}
	return text
}

func rowOfCopy(made fleet.Copy) row {
	r := row{Region: made.Region, Name: made.Name, State: fleet.StateDone, Image: made.Image, Error: made.Error}
	switch {
	case made.Error != "":
		r.State = fleet.StateFailed
	case made.Exists:
		r.State = "exists"
	}
	return r
}
