package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// existing looks for an image by its exact name. Nothing has been done if that fails.
//
// First it asks for that name. Whether the list's condition matches names as we do is
// not published, so before it says that there is none, it reads the whole region: once
// for all that ask within listingLife. What is newer than that, the workflow knows.
func (a *Activities) existing(ctx context.Context, region, name string) (Effect, error) {
	listing, err := a.read(ctx, region, name)
	if err == nil && len(listing[name]) == 0 {
		listing, err = a.listing(ctx, region, name)
	}
	if err != nil {
		return Effect{}, failure(NothingDone, err.Error(), TryLater{retryAfter(err)})
	}
	switch named := listing[name]; {
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

// images are those of a region, by name.
type images map[string]Candidates

func (a *Activities) read(ctx context.Context, region string, names ...string) (images, error) {
	found := make(images)
	for image, err := range a.cimg.Images(ctx, region, names...) {
		if err != nil {
			return nil, err
		}
		found[image.Name] = append(found[image.Name], memberOf(region, image))
	}
	return found, nil
}

// listingLife is how old the list of a region may be that says that it has no image of
// a name.
const listingLife = 30 * time.Second

// listing returns the images of a region, as they were listed within listingLife. If
// they have one of the name, they are listed anew: it may be gone.
func (a *Activities) listing(ctx context.Context, region, name string) (images, error) {
	value, _ := a.listings.LoadOrStore(region, &listing{turn: make(chan struct{}, 1)})
	l := value.(*listing) //nolint:forcetypeassert // nothing else is stored
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if time.Since(l.readAt) < listingLife && len(l.images[name]) == 0 {
		return l.images, nil
	}
	began := time.Now()
	found, err := a.read(ctx, region)
	if err != nil {
		return nil, err
	}
	l.images, l.readAt = found, began
	return found, nil
}

// listings are the lists of regions that a worker has read.
type listings struct{ sync.Map }

// listing is what a region was last seen to have.
type listing struct {
	turn   chan struct{} // of the one that reads
	images images
	readAt time.Time
}
