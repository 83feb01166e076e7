package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

func cancelCommand() *cli.Command {
	return controlCommand("cancel", "cimg-fleet status", "stop a workflow in an orderly way",
		`A cancelled workflow still hears what became of its calls; a terminated or reset one does not, so never do that. The service
goes on with the jobs that run. For instance:`,
		func(ctx context.Context, c *connection, id string) error { return c.CancelWorkflow(ctx, id, "") })
}

func pauseCommand() *cli.Command {
	return controlCommand("pause", "cimg-fleet resume", "let a fleet start no further images", "The images that are being made are finished. For instance:", pause("pause", true))
}

func resumeCommand() *cli.Command {
	return controlCommand("resume", "cimg-fleet status", "let a paused fleet go on", "For instance:", pause("resume", false))
}

func pause(name string, paused bool) func(context.Context, *connection, string) error {
	return func(ctx context.Context, c *connection, id string) error {
		described, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			return err
		}
		if kind := described.GetWorkflowExecutionInfo().GetType().GetName(); kind != "Fleet" { // others ignore it
			return commandline.UsageErrorf("only a fleet can %s, and this is a %s", name, strings.ToLower(kind))
		}
		return c.SignalWorkflow(ctx, id, "", fleet.SignalPause, paused)
	}
}

// controlCommand returns a command that asks a workflow to do something, and says what
// may be done next.
func controlCommand(name, next, usage, description string, ask func(context.Context, *connection, string) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "ID",
		Description: description + "\n\n  cimg-fleet " + name + " cimg/fleet:weekly",
		Before: func(ctx context.Context, cmd *cli.Command) (context.Context, error) {
			if cmd.Args().Len() != 1 {
				return ctx, commandline.UsageErrorf("%s takes the id of a workflow; see %s --help", name, cmd.FullName())
			}
			return ctx, nil
		},
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) error {
			id := cmd.Args().First()
			if err := ask(ctx, c, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			fmt.Fprintf(cmd.Root().ErrWriter, "Asked %s to %s. Next: %s %s\n", id, name, next, id)
			return nil
		}),
	}
}
