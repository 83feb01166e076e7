package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/fleet"
)

func startRollCommand() *cli.Command {
	var order fleet.Order
	var roll fleet.RollOrder
	return &cli.Command{
		Name:  "roll",
		Usage: "make a new image of a family, then delete the old ones that are not to be kept",
		Description: `It makes the image FAMILY-VERSION in each region, and verifies that all are Ready. What --keep and --max-age do not keep
is only listed, unless --apply is set: look first. The newest image, shared ones and those that a job works on are always kept.
Every image FAMILY-DIGITS is of the family, whoever made it: web-01 is of the family web. Nothing is deleted in a region that is
not in --to. For instance:

  cimg-fleet start roll --family golden --build 2026.11.28 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj --keep 3 --wait
  cimg-fleet start roll --family golden --build 2026.11.28 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj --keep 3 --wait --apply`,
		Flags: append(orderFlags(&order),
			&cli.StringFlag{Name: "family", Usage: "the images to replace are called `NAME`-VERSION", Destination: &roll.Family},
			&cli.StringFlag{Name: "build", Usage: "the `VERSION` of the new image: numbers with points between them", Destination: &roll.Version},
			&cli.IntFlag{Name: "keep", Usage: "delete all but the newest `N` of a region", DefaultText: "no limit", Destination: &roll.Retention.Keep},
			&cli.DurationFlag{Name: "max-age", Usage: "delete what is older than `DURATION`, for instance 720h", DefaultText: "no limit", Destination: &roll.Retention.MaxAge},
			&cli.IntFlag{Name: "at-least", Usage: "but keep the newest `N` whatever their age", Destination: &roll.Retention.AtLeast},
			&cli.BoolFlag{Name: "apply", Usage: "delete; without it, list what would be deleted", Destination: &roll.Apply},
		),
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			roll.From, roll.Regions, roll.Description = order.From, order.Regions, order.Description
			return start(ctx, cmd, "roll", roll.Family, fleet.Roll, roll) // of a family, one at a time
		},
	}
}
