package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
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
				return ctx, commandline.UsageErrorf("status takes the id of a workflow, or nothing; see cimg-fleet status --help")
			}
			return ctx, nil
		},
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) (err error) {
			id, queue := cmd.Args().First(), cmd.String("task-queue")
			rows, state := []row(nil), "runs"
			switch {
			case cmd.Bool("stuck") && id != "":
				state = "of " + id + " is stuck"
				rows, err = c.list(ctx, stuck+" AND "+started, id)
			case cmd.Bool("stuck"):
				state = "is stuck"
				rows, err = c.list(ctx, stuck+" AND TaskQueue = %s", queue)
			case id != "":
				rows, err = c.show(ctx, id)
			default:
				rows, err = c.list(ctx, "ExecutionStatus = 'Running' AND WorkflowType NOT IN ('Image', 'Delete') AND TaskQueue = %s", queue)
			}
			if err == nil && len(rows) == 0 {
				fmt.Fprintf(cmd.Root().ErrWriter, "Nothing %s on task queue %s.\n", state, queue)
			}
			printRows(cmd, rows...)
			return err
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
	shown, isRunning := rowOf(info), info.GetCloseTime() == nil
	var report struct { // of an image, a roll or a fleet
		fleet.Copy
		fleet.RollReport
		fleet.Progress
	}
	switch {
	case isRunning && shown.Type == "Fleet":
		err = c.progress(ctx, id, &report.Progress)
	case isRunning && shown.Type != "Image" && shown.Type != "Delete":
		images, err := c.list(ctx, "WorkflowType IN ('Image', 'Delete') AND "+started+" AND StartTime >= %[2]s", id, shown.Start.Format(time.RFC3339Nano))
		return append([]row{shown}, images...), err
	case shown.Type == "Replicate":
		err = c.ended(ctx, id, &report.Made)
	case !isRunning:
		err = c.ended(ctx, id, &report)
	}
	if err != nil {
		shown.Error = text(err)
	}
	if report.Total > 0 {
		shown.Progress = &report.Progress
	}
	shown.Image = report.Image
	rows := []row{shown}
	for _, image := range slices.Concat(report.Made, report.Failures) {
		rows = append(rows, rowOfCopy(image))
	}
	for _, deletion := range report.Expired {
		rows = append(rows, rowOfDeletion(deletion, report.Applied))
	}
	return rows, nil
}

// ended returns how a workflow ended, and decodes the report that it left.
func (c *connection) ended(ctx context.Context, id string, report any) error {
	err := c.GetWorkflow(ctx, id, "").Get(ctx, report)
	if cancelled, found := errors.AsType[*temporal.CanceledError](err); found && cancelled.HasDetails() {
		cancelled.Details(report) //nolint:errcheck // empty, then
	}
	fleet.IsFailure(err, fleet.Incomplete, report)
	return err
}

// progress asks a fleet, on whichever worker lives, how far it is.
func (c *connection) progress(ctx context.Context, id string, progress *fleet.Progress) error {
	response, err := c.QueryWorkflow(ctx, id, "", fleet.QueryProgress)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, new(*serviceerror.DeadlineExceeded)):
		return errors.New("no worker says how far it is: is one running?")
	case err != nil:
		return err
	}
	return response.Get(progress)
}

// follow prints a line for each change of a workflow until it ends, and then what
// became of it.
func (c *connection) follow(ctx context.Context, cmd *cli.Command, id string) error {
	ended := make(chan error, 1)
	go func() { ended <- c.GetWorkflow(ctx, id, "").Get(ctx, nil) }()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	said := make(map[string]bool)
	for {
		select {
		case err := <-ended:
			if rows, showErr := c.show(ctx, id); showErr == nil {
				printRows(cmd, rows...)
			}
			return err
		case <-ticks.C:
		}
		rows, _ := c.show(ctx, id) // or the next time
		for _, r := range rows {
			cells := r.cells()
			if r.ID != "" && r.Region == "" {
				cells = cells[1:] // a person knows which one it is
			}
			cells = slices.DeleteFunc(cells, func(cell string) bool { return cell == "-" })
			if line := strings.Join(cells, "  "); !said[line] {
				said[line] = true
				fmt.Fprintln(cmd.Root().ErrWriter, line)
			}
		}
	}
}
