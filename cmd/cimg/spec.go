package main

import (
	"context"
	"encoding/json"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg"
)

func specCommand() *cli.Command {
	return &cli.Command{
		Name:  "spec",
		Usage: "print the contract, openapi.yaml, or as JSON with --output json",
		Description: `For instance, to generate a client in another language from it:

  cimg spec > openapi.yaml`,
		Before: noArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if outputOf(cmd) == table {
				cmd.Root().Writer.Write(cimg.Spec) //nolint:errcheck // stdout keeps it
				return nil
			}
			contract, err := toJSON(cimg.Spec)
			if err != nil {
				return err
			}
			newEncoder(resultsOf(cmd)).Encode(json.RawMessage(contract)) //nolint:errcheck // see above
			return nil
		},
	}
}
