package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

func importCommand() *cli.Command {
	var s settings
	var region string
	var ensure bool
	var input wrapper.ImportImageInput
	return &cli.Command{
		Name:      "import",
		Usage:     "copy an image from another region, and wait for it",
		ArgsUsage: "NAME",
		Description: `For instance:

  cimg import --region gz --from bj --image 4a48f88391134a01befe88ff98b68af8 web-02

"cimg replicate" copies images to several regions, and waits for those that are still being created.`,
		Flags: s.startFlags(
			regionFlag(&region),
			&cli.StringFlag{Name: "from", Usage: "the region of the original, by its `ID`", Destination: &input.OriginRegionID},
			&cli.StringFlag{Name: "image", Usage: "the original, by its `ID`", Destination: &input.OriginImageUUID},
			&cli.StringFlag{Name: "description", Usage: "describe the copy with `TEXT`", Destination: &input.Description},
			ensureFlag(&ensure),
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			var err error
			if input.Name, err = oneArgument(cmd, "the copy's name"); err != nil {
				return err
			}
			switch {
			case region == "":
				return errNoRegion
			case input.OriginRegionID == "":
				return commandline.UsageErrorf("no origin: name its region with --from")
			case input.OriginImageUUID == "":
				return commandline.UsageErrorf("no origin: name the image with --image")
			}
			return run.importImage(ctx, region, input, ensure)
		}),
	}
}

func (s *session) importImage(ctx context.Context, region string, input wrapper.ImportImageInput, ensure bool) error {
	i := s.image(region, input.Name)
	if ensure {
		return i.ensureImported(ctx, input)
	}
	call, err := wrapper.ImportIntent(region, input)
	if err != nil {
		return err
	}
	return i.run(ctx, call, func(ctx context.Context) (made, error) {
		job, err := s.client.ImportImage(ctx, region, input)
		return made{job: job}, err
	})
}
