package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

func startFleetCommand() *cli.Command {
	var name, file string
	return &cli.Command{
		Name:  "fleet",
		Usage: "make many images, each in several regions, from a list",
		Description: `The list is a file, or - for stdin, in YAML or JSON. For instance, weekly.yaml:

  perRegion: 10 # images that are made in a region at a time
  orders:
    - {name: web-01, from: {region: gz, snapshot: 3fd352092a3f553cb124223f6a7f09b4}, regions: [gz, bj]}
    - {name: 北京02, from: {region: bj, image: 4a48f88391134a01befe88ff98b68a88}, regions: [gz]}

  cimg-fleet start fleet --name weekly --file weekly.yaml --wait`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "call the workflow `NAME`", Destination: &name},
			&cli.StringFlag{Name: "file", Usage: "read the list from `FILE`", Destination: &file, TakesFile: true},
			waitFlag(),
		},
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if name == "" || file == "" {
				return commandline.UsageErrorf("a fleet needs a --name and a --file")
			}
			in := cmd.Root().Reader
			if file != "-" {
				opened, err := os.Open(file)
				if err != nil {
					return commandline.UsageErrorf("--file: %w", err)
				}
				defer opened.Close()
				in = opened
			}
			order, err := readOrder(in)
			if err != nil {
				return commandline.UsageErrorf("%s: %w", file, err)
			}
			return start(ctx, cmd, "fleet", name, fleet.Fleet, order)
		},
	}
}

// readOrder reads the order for a fleet. JSON is YAML, too.
func readOrder(in io.Reader) (order fleet.List, err error) {
	decoder := yaml.NewDecoder(in)
	decoder.KnownFields(true)
	var wrong *yaml.TypeError
	switch err := decoder.Decode(&order); {
	case errors.Is(err, io.EOF):
		return order, errors.New("it is empty")
	case errors.As(err, &wrong):
		return order, errors.New(strings.Join(wrong.Errors, "; "))
	case err != nil:
		return order, err
	case !errors.Is(decoder.Decode(new(any)), io.EOF):
		return order, errors.New("it has more than one document")
	}
	return order, nil
}
