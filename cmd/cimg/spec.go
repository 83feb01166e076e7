package main

import (
	"context"
	"encoding/json"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/commandline"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name:  "spec",
		Usage: "print the contract, openapi.yaml, or as JSON with --output json",
		Description: `For instance, to generate a client in another language from it:

  cimg spec > openapi.yaml`,
		Before: commandline.NoArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if !commandline.IsJSON(cmd) {
				cmd.Root().Writer.Write(cimg.Spec) //nolint:errcheck // stdout keeps it
				return nil
			}
			contract, err := toJSON(cimg.Spec)
			if err != nil {
				return err
			}
			commandline.NewEncoder(commandline.ResultsOf(cmd)).Encode(json.RawMessage(contract)) //nolint:errcheck // see above
			return nil
		},
	}
}
