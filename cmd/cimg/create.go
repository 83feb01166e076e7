package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

func createCommand() *cli.Command {
	var s settings
	var region string
	var ensure bool
	var input wrapper.CreateImageInput
	return &cli.Command{
		Name:      "create",
		Usage:     "create an image from a snapshot, and wait for it",
		ArgsUsage: "NAME",
		Description: `For instance:

  cimg create --region gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 web-01`,
		Flags: s.startFlags(
			regionFlag(&region),
			&cli.StringFlag{Name: "snapshot", Usage: "the snapshot, by its `ID`", Destination: &input.SnapUUID},
			&cli.StringFlag{Name: "description", Usage: "describe the image with `TEXT`", Destination: &input.Description},
			ensureFlag(&ensure),
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			var err error
			if input.Name, err = oneArgument(cmd, "the image's name"); err != nil {
				return err
			}
			switch {
			case region == "":
				return errNoRegion
			case input.SnapUUID == "":
				return commandline.UsageErrorf("no snapshot: name one with --snapshot")
			}
			return run.create(ctx, region, input, ensure)
		}),
	}
}

func ensureFlag(ensure *bool) cli.Flag {
	return &cli.BoolFlag{Name: "ensure", Usage: "do nothing if the region has an image of exactly this name, and continue what an earlier process left unfinished", Destination: ensure}
}

// oneArgument returns a command's only argument.
func oneArgument(cmd *cli.Command, what string) (string, error) {
	if n := cmd.Args().Len(); n != 1 {
		return "", commandline.UsageErrorf("%s takes one argument, %s, and got %d; see %s --help", cmd.Name, what, n, cmd.FullName())
	}
	return cmd.Args().First(), nil
}

func (s *session) create(ctx context.Context, region string, input wrapper.CreateImageInput, ensure bool) error {
	i := s.image(region, input.Name)
	if ensure {
		return i.ensureCreated(ctx, input)
	}
	call, err := wrapper.CreateIntent(region, input)
	if err != nil {
		return err
	}
	return i.run(ctx, call, func(ctx context.Context) (made, error) {
		job, err := s.client.CreateImage(ctx, region, input)
		return made{job: job}, err
	})
}
