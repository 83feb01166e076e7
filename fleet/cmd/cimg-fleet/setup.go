package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

func setupCommand() *cli.Command {
	return &cli.Command{
		Name:  "setup",
		Usage: "add the search attributes to the namespace, where they are missing",
		Description: `Once for a namespace. Temporal Cloud wants them added with its own tools. For instance:

  TEMPORAL_NAMESPACE=images cimg-fleet setup`,
		Before: commandline.NoArguments,
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) error {
			if err := fleet.RegisterAttributes(ctx, c, c.namespace); err != nil {
				return fmt.Errorf("adding search attributes to namespace %s: %w", c.namespace, err)
			}
			fmt.Fprintf(cmd.Root().ErrWriter, "Namespace %s has the search attributes. Next, on each machine that is to work: cimg-fleet worker\n", c.namespace)
			return nil
		}),
	}
}
