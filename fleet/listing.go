package fleet

import (
	"context"
	"slices"
	"time"
)

// listing is what a region, or some names of it, were seen to have. It is shared: do not
// change it.
type listing struct {
	members []Member
	readAt  time.Time // when the reading began
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

const maxListingAge = 30 * time.Second

// expiresAt is until when a listing serves those that need no fresh one: so long that
// to read a large region again and again takes about a request a second.
func (l listing) expiresAt() time.Time {
	requests := time.Duration(len(l.members) / 100)
	return l.readAt.Add(min(max(requests*time.Second, 5*time.Second), maxListingAge))
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
