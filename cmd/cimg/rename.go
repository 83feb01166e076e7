package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

func renameCommand() *cli.Command {
	var s settings
	var region string
	return &cli.Command{
		Name:      "rename",
		Usage:     "rename an image, and wait until that is done",
		ArgsUsage: "IMAGE NEW-NAME",
		Description: `IMAGE is an id or the exact name. For instance:

  cimg rename --region bj 北京02 web-02`,
		Flags: s.startFlags(regionFlag(&region)),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			if n := cmd.Args().Len(); n != 2 {
				return commandline.UsageErrorf("rename takes two arguments, the image and its new name, and got %d; see cimg rename --help", n)
			}
			if region == "" {
				return errNoRegion
			}
			images, err := find(ctx, run.client, region, cmd.Args().Slice()[:1])
			if err != nil {
				return err
			}
			return run.rename(ctx, region, wrapper.RenameImageInput{ImageUUID: images[0].UUID, Name: cmd.Args().Get(1)})
		}),
	}
}

func (s *session) rename(ctx context.Context, region string, input wrapper.RenameImageInput) error {
	call := &wrapper.OutcomeUnknownError{Op: "changeNameCIMG", Region: region, Names: []string{input.Name}, ImageUUIDs: []string{input.ImageUUID}}
	i := s.image(region, input.Name)
	i.UUID = input.ImageUUID
	return i.run(ctx, call, func(ctx context.Context) (made, error) {
		job, err := s.client.RenameImage(ctx, region, input)
		return made{job: job}, err
	})
}
