package fleet

import (
	"context"
	"fmt"
	"time"
)

// existing looks for an image by its exact name. Nothing has been done if that fails.
//
// First it asks for that name. Whether the list's condition matches names as we do is
// not published, so before it says that there is none, it looks into the whole region.
// What is newer than that listing, the workflow knows.
func (a *Activities) existing(ctx context.Context, region, name string) (Effect, error) {
	found, err := a.read(ctx, region, name)
	if err == nil && len(found.named(name)) == 0 {
		found, err = a.listing(ctx, region, false)
		if err == nil && len(found.named(name)) > 0 { // it may be gone
			found, err = a.listing(ctx, region, true)
		}
	}
	if err != nil {
		return Effect{}, failure(NothingDone, err.Error(), TryLater{retryAfter(err)})
	}
	switch named := found.named(name); {
	case len(named) > 1:
		return Effect{}, failure(Ambiguous, fmt.Sprintf("%d images in %s have the name", len(named), region), named)
	case len(named) == 0:
		return Effect{}, nil
	case named[0].IsDeleted:
		return Effect{}, failure(Ambiguous, "the image of that name is being deleted", named)
	default:
		return Effect{Image: named[0].UUID, Job: named[0].Job, Exists: true}, nil
	}
}

// unchanged fails if an image has been renamed or shared since it was chosen to be
// deleted. The effect exists if it is being deleted already.
func (a *Activities) unchanged(ctx context.Context, region string, chosen Member) (Effect, error) {
	found, err := a.listing(ctx, region, true)
	if err != nil {
		return Effect{}, failure(NothingDone, err.Error(), TryLater{retryAfter(err)})
	}
	switch listed := found.member(chosen.UUID); {
	case listed.UUID == "": // it is gone, or missing from the list: the service will say
		return Effect{}, nil
	case listed.Name != chosen.Name || listed.Shared:
		return Effect{}, failure(Unverified, fmt.Sprintf("image %s has been renamed or shared since it was chosen", chosen.UUID), listed)
	case listed.Job != nil && listed.Job.Type == jobTypeDelete:
		return Effect{Image: listed.UUID, Job: listed.Job, Exists: true}, nil
	}
	return Effect{}, nil
}

// Verify looks for an image in the list of its region, and fails unless it is as it
// should be within the visibility window: of its name, Ready, and with a size.
func (a *Activities) Verify(ctx context.Context, made Copy) error {
	defer heartbeat(ctx, func() any { return nil })()
	for end := time.Now().Add(a.options.VisibilityWindow); ; {
		found, err := a.listing(ctx, made.Region, false)
		if err != nil {
			return err
		}
		listed := found.member(made.Image)
		problem := a.problem(made, listed)
		switch {
		case problem == "":
			return nil
		case found.readAt.After(end):
			listed.UUID = made.Image // also if it is not listed
			return failure(Unverified, fmt.Sprintf("%q (%s) in %s is %s", made.Name, made.Image, made.Region, problem), listed)
		}
		select {
		case <-time.After(time.Until(found.expiresAt())):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// problem returns what is wrong with an image that was made, by what is listed of it.
func (a *Activities) problem(made Copy, listed Member) string {
	switch {
	case listed.UUID == "":
		return "not listed"
	case listed.Name != made.Name:
		return fmt.Sprintf("named %q", listed.Name)
	case listed.Status != a.options.ReadyStatus:
		return fmt.Sprintf("of status %q, not %q", listed.Status, a.options.ReadyStatus)
	case listed.Size <= 0:
		return "without a size"
	case listed.Job != nil:
		return "worked on by job " + listed.Job.JobUUID
	}
	return ""
}
