package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
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
		return Effect{}, lookFailure(err)
	}
	switch named := found.named(name); {
	case len(named) > 1:
		return Effect{}, failure(Ambiguous, fmt.Sprintf("%d images in %s have the name", len(named), region), named)
	case len(named) == 0:
		return Effect{}, nil
	case named[0].IsDeleted:
		return Effect{}, failure(NothingDone, "the image of that name is being deleted", TryLater{})
	default:
		return Effect{Image: named[0].UUID, Job: named[0].Job, Exists: true}, nil
	}
}

// stillExpired fails unless an image is still to be deleted, as it was when it was chosen.
// The effect exists if it is being deleted already.
func (a *Activities) stillExpired(ctx context.Context, chosen Member, by Expiry) (Effect, error) {
	found, err := a.listing(ctx, by.Made.Region, true)
	if err != nil {
		return Effect{}, lookFailure(err)
	}
	listed := found.member(chosen.UUID)
	switch {
	case listed.UUID == "": // it is gone, or what is to be known of it is not listed
		return Effect{}, failure(Rejected, fmt.Sprintf("image %s is not listed", chosen.UUID), Rejection{Op: "deleteCIMG", Errno: wrapper.ErrnoImage})
	case listed.Job != nil && listed.Job.Type == jobTypeDelete:
		return Effect{Image: listed.UUID, Job: listed.Job, Exists: true}, nil
	}
	expired, err := a.allExpired(found, by)
	if err == nil && (listed.Name != chosen.Name || !slices.ContainsFunc(expired, func(image Member) bool { return image.UUID == chosen.UUID })) {
		err = failure(Unverified, fmt.Sprintf("image %s is to be kept now: it, or others of its family, have changed since it was chosen", chosen.UUID), listed)
	}
	return Effect{}, err
}

// allExpired returns the images that are not to be kept. It fails if the new image is not
// as it was verified to be, which the others have to wait for.
func (a *Activities) allExpired(found listing, by Expiry) ([]Member, error) {
	if problem, listed := a.problem(by.Made, found); problem != "" {
		return nil, failure(Unverified, "nothing is deleted: "+problem, listed)
	}
	return by.Retention.expired(found.members, by.Family, a.options.ReadyStatus, by.Made.Image, by.Now), nil
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
		switch problem, listed := a.problem(made, found); {
		case problem == "":
			return nil
		case found.readAt.After(end):
			return failure(Unverified, problem, listed)
		}
		select {
		case <-time.After(time.Until(found.expiresAt())):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// problem returns what is wrong with an image that was made, "" if nothing is, and what is
// listed of it: its id at least.
func (a *Activities) problem(made Copy, found listing) (problem string, listed Member) {
	listed = found.member(made.Image)
	switch {
	case listed.UUID == "":
		listed.UUID, problem = made.Image, "not listed"
	case listed.Name != made.Name:
		problem = fmt.Sprintf("named %q", listed.Name)
	case listed.Status != a.options.ReadyStatus:
		problem = fmt.Sprintf("of status %q, not %q", listed.Status, a.options.ReadyStatus)
	case listed.Size <= 0:
		problem = "without a size"
	case listed.Job != nil:
		problem = "worked on by job " + listed.Job.JobUUID
	default:
		return "", listed
	}
	return fmt.Sprintf("%q (%s) in %s is %s", made.Name, made.Image, made.Region, problem), listed
}
