package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
)

func replicateCommand() *cli.Command {
	var s settings
	var from, snapshot, description string
	var to []string
	return &cli.Command{
		Name:      "replicate",
		Usage:     "bring images to several regions, also from a snapshot, and wait for all",
		ArgsUsage: "IMAGE...",
		Description: `It makes the copies that are missing, by exact name: run it again, and it makes nothing twice. For instance, an image that exists,
by its name or id, into another region; and new ones from a snapshot, in the snapshot's region and another one:

  cimg replicate --from bj --to gz 北京02
  cimg replicate --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to bj web-01 web-02`,
		Flags: s.jobFlags(
			&cli.StringFlag{Name: "from", Usage: "the region of the originals or of the snapshot, by its `ID`", Sources: cli.EnvVars("DIDIYUN_REGION"), Destination: &from},
			&cli.StringFlag{Name: "snapshot", Usage: "create the originals from a snapshot, by its `ID`, unless there are images of these names", Destination: &snapshot},
			&cli.StringSliceFlag{Name: "to", Usage: "the regions to copy to, by their `ID`s", Destination: &to},
			&cli.StringFlag{Name: "description", Usage: "describe what is made with `TEXT`", Destination: &description},
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			names := cmd.Args().Slice()
			switch {
			case len(names) == 0:
				return commandline.UsageErrorf("no image to replicate; see cimg replicate --help")
			case from == "":
				return commandline.UsageErrorf("no origin: name its region with --from")
			case len(to) == 0:
				return commandline.UsageErrorf("no region to copy to: name some with --to")
			}
			run.again = "run the same command again: it makes what is missing"
			to, err := distinctRegions("--to", to)
			if err != nil {
				return err
			}
			to = slices.DeleteFunc(to, func(region string) bool { return region == from })
			var replicas []*replica
			if snapshot != "" {
				replicas, err = run.replicasOfSnapshot(from, snapshot, names, to, description)
			} else {
				replicas, err = run.replicasOfImages(ctx, from, names, to, description)
			}
			if err != nil {
				return err
			}
			if err := run.checkRegions(ctx, to); err != nil {
				return err
			}
			var work []func(context.Context) error
			for _, r := range replicas {
				work = append(work, r.run)
			}
			return all(ctx, work)
		}),
	}
}

// checkRegions reads a page of the list of each region, so that one that does not
// exist is noticed before anything is made. Another failure is left to the work there.
func (s *session) checkRegions(ctx context.Context, regions []string) error {
	for _, region := range regions {
		for _, err := range s.client.Images(ctx, region) {
			if outcome := wrapper.OutcomeOf(err); outcome == wrapper.OutcomeRejected || outcome == wrapper.OutcomeNotSent {
				return fmt.Errorf("nothing was made; --to %q: %w", region, err)
			}
			break
		}
	}
	return nil
}

// replica is an image, and its copies in other regions.
type replica struct {
	session     *session
	description string
	origin      *image
	copies      []*image

	input    wrapper.CreateImageInput // to create the original from, unless it exists
	existing *wrapper.Image
}

func (s *session) replica(from, name string, to []string, description string) *replica {
	r := &replica{session: s, description: description, origin: s.image(from, name)}
	for _, region := range to {
		r.copies = append(r.copies, s.image(region, name))
	}
	return r
}

func (s *session) replicasOfSnapshot(from, snapshot string, names, to []string, description string) ([]*replica, error) {
	inputs, replicas := make([]wrapper.CreateImageInput, len(names)), make([]*replica, len(names))
	for n, name := range names {
		if slices.Contains(names[:n], name) {
			return nil, commandline.UsageErrorf("the name %q is given twice", name)
		}
		inputs[n] = wrapper.CreateImageInput{Name: name, SnapUUID: snapshot, Description: description}
		replicas[n] = s.replica(from, name, to, description)
		replicas[n].input = inputs[n]
	}
	return replicas, wrapper.ValidateCreate(from, inputs...)
}

func (s *session) replicasOfImages(ctx context.Context, from string, idsOrNames, to []string, description string) ([]*replica, error) {
	images, err := find(ctx, s.client, from, idsOrNames)
	if err != nil {
		return nil, err
	}
	replicas := make([]*replica, len(images))
	for n, image := range images {
		if slices.ContainsFunc(images[:n], func(other wrapper.Image) bool { return other.Name == image.Name }) {
			return nil, commandline.UsageErrorf("two of the images have the name %q, and their copies would, too", image.Name)
		}
		replicas[n] = s.replica(from, image.Name, to, description)
		replicas[n].existing = &image
	}
	return replicas, nil
}

// run makes what is missing.
func (r *replica) run(ctx context.Context) error {
	if err := r.makeOrigin(ctx); err != nil {
		for _, c := range r.copies {
			c.Error = "there is no original to copy"
			c.is(stateUnmade)
		}
		return err
	}
	var copies []func(context.Context) error
	for _, c := range r.copies {
		copies = append(copies, func(ctx context.Context) error { return r.copy(ctx, c) })
	}
	return all(ctx, copies)
}

// makeOrigin makes the original, or waits for it if it is still being made.
func (r *replica) makeOrigin(ctx context.Context) error {
	o := r.origin
	if r.existing == nil {
		return o.ensureCreated(ctx, r.input)
	}
	o.UUID = r.existing.UUID
	left, err := r.session.journal.TakeOver(func(e journal.Entry) bool {
		return e.Job != nil && e.Job.Region == o.Region && e.Job.ResourceUUID == o.UUID && e.Target() == ""
	})
	switch {
	case err != nil:
		return o.fails(stateUnmade, r.session.unjournalled(err))
	case len(left) > 0:
		return o.resume(ctx, left[0])
	case r.existing.Job == nil:
		return o.follow(ctx, made{uuid: o.UUID})
	}
	ref := jobOf(o.Region, *r.existing)
	if ref.Type != "DeleteCIMG" && ref.Type != "ChangeCIMGName" {
		job, err := r.session.client.Resume(ref)
		if err != nil {
			return o.fails(stateUnmade, err)
		}
		return o.follow(ctx, made{job: job})
	}
	o.is(stateLooking) // whether it is still there by its name: the job may fail
	if err := o.await(ctx, ref); err != nil && !isAbsent(err) && !errors.Is(err, wrapper.ErrJobUnknown) {
		return o.fails(stateUnmade, err)
	}
	listed, found, err := o.find(ctx, o.UUID)
	if err == nil && (!found || listed.Name != o.Name || listed.Job != nil) {
		err = errors.New("the original was deleted or renamed, or is being so")
	}
	if err != nil {
		return o.fails(stateUnmade, err)
	}
	return o.follow(ctx, made{uuid: o.UUID})
}

func (r *replica) copy(ctx context.Context, c *image) error {
	return c.ensureImported(ctx, wrapper.ImportImageInput{
		Name: c.Name, OriginRegionID: r.origin.Region, OriginImageUUID: r.origin.UUID, Description: r.description,
	})
}
