package fleet

import (
	"context"
	"slices"
	"time"
)

// listing is what a region, or some names of it, were seen to have. It is shared: do not
// change it.
type listing struct {
	members         []Member
	readAt, readyAt time.Time // when the reading began, and ended
}

func (l listing) named(name string) (named Candidates) {
	for _, member := range l.members {
		if member.Name == name {
			named = append(named, member)
		}
	}
	return named
}

// member returns the image of an id; zero if it is not listed.
func (l listing) member(uuid string) Member {
	if i := slices.IndexFunc(l.members, func(m Member) bool { return m.UUID == uuid }); i >= 0 {
		return l.members[i]
	}
	return Member{}
}

// maxListingAge is how old what a listing says may be when it is used.
const maxListingAge = 2 * time.Minute

// expiresAt is until when a listing serves those that need no fresh one: for as long as
// it took to read.
func (l listing) expiresAt() time.Time {
	took := l.readyAt.Sub(l.readAt)
	expires := l.readyAt.Add(min(max(took, 5*time.Second), 30*time.Second))
	if latest := l.readAt.Add(maxListingAge); expires.After(latest) {
		return latest
	}
	return expires
}

// read lists the images of a region, or those of some names.
func (a *Activities) read(ctx context.Context, region string, names ...string) (listing, error) {
	found := listing{readAt: time.Now()}
	for image, err := range a.cimg.Images(ctx, region, names...) {
		if err != nil {
			return listing{}, err
		}
		found.members = append(found.members, memberOf(region, image))
	}
	found.readyAt = time.Now()
	return found, nil
}

// listing returns the images of a region as all look at them: read a moment ago, or, if
// it is to be fresh, not before the call.
func (a *Activities) listing(ctx context.Context, region string, fresh bool) (listing, error) {
	called := time.Now()
	value, _ := a.listings.LoadOrStore(region, &sharedListing{turn: make(chan struct{}, 1)})
	shared := value.(*sharedListing) //nolint:forcetypeassert // nothing else is stored
	select {
	case shared.turn <- struct{}{}:
		defer func() { <-shared.turn }()
	case <-ctx.Done():
		return listing{}, ctx.Err()
	}
	if fresh && !shared.last.readAt.Before(called) || !fresh && time.Now().Before(shared.last.expiresAt()) {
		return shared.last, nil
	}
	found, err := a.read(ctx, region)
	if err == nil {
		shared.last = found
	}
	return found, err
}

// sharedListing is the last listing of a region that a worker has read.
type sharedListing struct {
	turn chan struct{} // of the one that reads
	last listing
}
