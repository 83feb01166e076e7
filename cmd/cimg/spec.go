package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name:  "spec",
		Usage: "print the contract, openapi.yaml",
		Description: `For instance, to generate a client in another language from it:

  cimg spec > openapi.yaml`,
		Before: noArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			cmd.Root().Writer.Write(cimg.Spec) //nolint:errcheck // stdout keeps it
			return nil
		},
	}
}
