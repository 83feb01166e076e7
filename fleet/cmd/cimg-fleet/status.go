package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/enums/v1"

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
			if cmd.Args().Present() || !cmd.Bool("stuck") && cmd.Args().Len() > 0 {
				var err error
				if id, err = oneID(cmd); err != nil {
					return err
				}
			}
			temporal, err := connect(ctx)
			if err != nil {
				return err
			}
			defer temporal.Close()
			var rows []row
			switch queue := cmd.String("task-queue"); {
			case cmd.Bool("stuck") && id != "":
				rows, err = temporal.list(ctx, isStuck+" AND (ParentWorkflowId = %[1]s OR RootWorkflowId = %[1]s)", id)
			case cmd.Bool("stuck"):
				rows, err = temporal.list(ctx, isStuck+" AND TaskQueue = %s", queue)
			case id == "":
				rows, err = temporal.list(ctx, "ExecutionStatus = 'Running' AND WorkflowType != 'Image' AND TaskQueue = %s", queue)
			default:
				shown, err := temporal.show(ctx, id)
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

// shown is a workflow, and the images that it makes.
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
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		err = c.GetWorkflow(ctx, id, "").Get(ctx, &report)
		fleet.IsFailure(err, fleet.Incomplete, &report)
		if err != nil {
			s.workflow.Error = text(err)
		}
	}
	for _, made := range report {
		s.images = append(s.images, rowOfCopy(made))
	}
	if len(report) == 0 {
		s.images, err = c.list(ctx, "WorkflowType = 'Image' AND (ParentWorkflowId = %[1]s OR RootWorkflowId = %[1]s) AND StartTime >= %[2]s", id, info.GetStartTime().AsTime().Format(time.RFC3339Nano))
	}
	return s, err
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
