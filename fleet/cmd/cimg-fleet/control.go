package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/fleet"
)

func cancelCommand() *cli.Command {
	return controlCommand("cancel", "stop a workflow in an orderly way", `Never terminate or reset a workflow: it could not hear what became of a call that it has made. A cancelled one does; jobs that
run are left to the service. For instance:

  cimg-fleet cancel cimg/fleet:weekly`,
		func(ctx context.Context, temporal *connection, id string) error {
			return temporal.CancelWorkflow(ctx, id, "")
		}, "Asked %s to stop.\n")
}

func pauseCommand() *cli.Command {
	return controlCommand("pause", "let a fleet start no further images", `Those that are being made continue. For instance:

  cimg-fleet pause cimg/fleet:weekly`, byName(fleet.SignalPause), "Asked %s to pause.\n")
}

func resumeCommand() *cli.Command {
	return controlCommand("resume", "let a paused fleet go on", `For instance:

  cimg-fleet resume cimg/fleet:weekly`, byName(fleet.SignalResume), "Asked %s to go on.\n")
}

func byName(name string) func(context.Context, *connection, string) error {
	return func(ctx context.Context, temporal *connection, id string) error {
		return temporal.SignalWorkflow(ctx, id, "", name, nil)
	}
}

// controlCommand returns a command that tells a workflow something.
func controlCommand(name, usage, description string, tell func(context.Context, *connection, string) error, told string) *cli.Command {
	return &cli.Command{
		Name:        name,
		Usage:       usage,
		ArgsUsage:   "ID",
		Description: description,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			id, err := oneID(cmd)
			if err != nil {
				return err
			}
			temporal, err := connect(ctx)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if err := tell(ctx, temporal, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			fmt.Fprintf(cmd.Root().ErrWriter, told, id)
			return nil
		},
	}
}
