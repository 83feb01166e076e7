package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/fleet"
)

func setupCommand() *cli.Command {
	return &cli.Command{
		Name:  "setup",
		Usage: "add the search attributes to the namespace, where they are missing",
		Description: `Once for a namespace. Temporal Cloud wants them added with its own tools. For instance:

  TEMPORAL_NAMESPACE=images cimg-fleet setup`,
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			temporal, err := connect(ctx)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if err := fleet.RegisterAttributes(ctx, temporal, temporal.namespace); err != nil {
				return fmt.Errorf("adding search attributes to namespace %s: %w", temporal.namespace, err)
			}
			fmt.Fprintf(cmd.Root().ErrWriter, "Namespace %s has the search attributes.\n", temporal.namespace)
			return nil
		},
	}
}
