package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/wrapper"
)

func listCommand() *cli.Command {
	var s settings
	var regions []string
	return &cli.Command{
		Name:      "list",
		Usage:     "list images",
		ArgsUsage: "[NAME...]",
		Description: `It lists the images of regions, or those that have exactly one of the names. For instance:

  cimg list --region gz,bj`,
		Flags: s.flags(
			&cli.StringSliceFlag{Name: "region", Usage: "the regions, by their `ID`s", Sources: cli.EnvVars("DIDIYUN_REGION"), Destination: &regions},
		),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if len(regions) == 0 {
				return errNoRegion
			}
			regions, err := distinctRegions("--region", regions)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			defer client.CloseIdleConnections()
			return list(ctx, cmd, client, regions, cmd.Args().Slice())
		},
	}
}

// distinctRegions returns the regions of a flag without blanks around them, each once.
func distinctRegions(flag string, regions []string) (distinct []string, err error) {
	for _, region := range regions {
		region = strings.TrimSpace(region)
		switch {
		case region == "":
			return nil, commandline.UsageErrorf("%s: an empty region in %q", flag, strings.Join(regions, ","))
		case !slices.Contains(distinct, region):
			distinct = append(distinct, region)
		}
	}
	return distinct, nil
}

// listed is an image and where it is.
type listed struct {
	Region string `json:"region"`
	wrapper.Image
}

// list prints the images of regions, if there are names those that have one. It
// prints what it can read.
func list(ctx context.Context, cmd *cli.Command, client *wrapper.Client, regions, names []string) error {
	var found []listed
	var errs []error
	for _, region := range regions {
		images, err := readImages(ctx, client, region, names...)
		if err != nil && len(regions) > 1 {
			err = fmt.Errorf("%s: %w", region, err)
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, image := range images {
			if len(names) == 0 || slices.Contains(names, image.Name) {
				found = append(found, listed{region, image})
			}
		}
	}
	err := joined(errs)
	if err != nil && len(found) == 0 {
		return err
	}
	commandline.Print(cmd, found, []string{"REGION", "IMAGE", "STATUS", "NAME"}, func(image listed) []string {
		return []string{image.Region, image.UUID, image.Status, image.Name}
	})
	return err
}

// find returns the images that arguments mean, by id or exact name.
func find(ctx context.Context, client *wrapper.Client, region string, arguments []string) ([]wrapper.Image, error) {
	all, err := readImages(ctx, client, region)
	if err != nil {
		return nil, err
	}
	found := make([]wrapper.Image, len(arguments))
	for n, argument := range arguments {
		var means []wrapper.Image
		for _, image := range all {
			if image.UUID == argument || image.Name == argument {
				means = append(means, image)
			}
		}
		switch {
		case len(means) == 0:
			return nil, fmt.Errorf("no image in %s has the id or the name %q; see cimg list", region, argument)
		case len(means) > 1:
			ids := oneline.List(means, func(image wrapper.Image) string { return image.UUID })
			return nil, commandline.UsageErrorf("%d images in %s have the name %q; choose one by its id: %s", len(means), region, argument, ids)
		}
		if slices.ContainsFunc(found[:n], func(other wrapper.Image) bool { return other.UUID == means[0].UUID }) {
			return nil, commandline.UsageErrorf("%q means an image that was named before", argument)
		}
		found[n] = means[0]
	}
	return found, nil
}

// readImages reads the list of a region.
func readImages(ctx context.Context, client *wrapper.Client, region string, names ...string) (images []wrapper.Image, err error) {
	for image, err := range client.Images(ctx, region, names...) {
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}
