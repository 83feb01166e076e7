package wrapper

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// EnsuredImage is an image that is there, or being made.
type EnsuredImage struct {
	Image   Image      // as listed; UUID and Name alone if it is not listed yet
	Job     *JobHandle // the job that makes it, or works on it; nil if none does
	Created bool       // by this call, as far as can be told after an unknown outcome
}

// Wait waits for the job, if there is one, and returns the image's id. Its
// errors are those of [JobHandle.Wait].
func (e EnsuredImage) Wait(ctx context.Context) (imageUUID string, err error) {
	return waitForImage(ctx, e.Job, e.Image)
}

// AmbiguousImageError says that it cannot be told which image a name means:
// several have it; or the only one is being deleted, or older than the request
// for it; or the service named jobs that cannot be told apart. Nothing more was
// created: choose one of Images by its id, remove others, or wait.
type AmbiguousImageError struct {
	Region, Name string
	Images       []Image // those that have the name, if any
}

func (e *AmbiguousImageError) Error() string {
	return fmt.Sprintf(`cimg: "%s" in %s is ambiguous: it cannot be told which image is meant (%d have the name)`,
		clean(e.Name), clean(e.Region), len(e.Images))
}

// EnsureImage creates an image unless the region has one of that exact name. It
// reads the list first, creates what is absent and reconciles an unknown
// outcome (see [Client.Reconcile]), so that calling it again, in this process
// or another, finds the image or its job and creates nothing. What an existing
// image was made of is not compared.
//
// Calls of one client for one name take turns. Until an image is listed, the
// client remembers the job that it started, or the outcome that stayed unknown;
// once the job has ended, for no longer than the visibility window (see
// [WithVisibilityWindow]). Another process knows only the list: before the list
// shows the image, it would create a second. So save what a call returned, an
// [*OutcomeUnknownError] as well as a job, and begin there with
// [Client.Reconcile] or [Client.Resume].
//
// Errors are those of [Client.CreateImage], of [Client.Images], of looking a
// remembered job up, and [*AmbiguousImageError]. After an
// [*OutcomeUnknownError], reconciling found no trace of the image, or something
// ambiguous, or could not be finished.
func (c *Client) EnsureImage(ctx context.Context, region string, image CreateImageInput) (EnsuredImage, error) {
	return c.ensure(ctx, region, image.Name, func() (*JobHandle, error) { return c.CreateImage(ctx, region, image) })
}

// EnsureImport copies an image from another region unless region has one of
// that exact name. All that is said of [Client.EnsureImage] holds.
func (c *Client) EnsureImport(ctx context.Context, region string, image ImportImageInput) (EnsuredImage, error) {
	return c.ensure(ctx, region, image.Name, func() (*JobHandle, error) { return c.ImportImage(ctx, region, image) })
}

func (c *Client) ensure(ctx context.Context, region, name string, start func() (*JobHandle, error)) (EnsuredImage, error) {
	var check inputCheck
	check.region(region)
	check.text("image.Name", name)
	if check.err != nil {
		return EnsuredImage{}, check.err
	}
	turn, err := c.turns.take(ctx, imageName{region, name})
	if err != nil {
		return EnsuredImage{}, notSent(operation{id: "waiting for another call that ensures " + clean(name), changes: true}, err)
	}
	defer c.turns.giveBack(turn)

	if turn.lost != nil { // by an earlier call
		if made, found, err := c.adopt(ctx, turn, name); err != nil || found {
			return made, err
		}
	}
	listed, found, err := c.findImage(ctx, region, name)
	if err != nil {
		return EnsuredImage{}, err
	}
	if found {
		turn.forget() // from now on the list tells
		return listed, nil
	}
	if turn.started != nil {
		if lives, err := c.lives(ctx, turn); err != nil {
			return EnsuredImage{}, err
		} else if lives {
			return ensured(name, turn.started), nil
		}
	}

	job, err := start()
	if err == nil {
		turn.remember(job, nil)
		created := ensured(name, job)
		created.Created = true
		return created, nil
	}
	var unknown *OutcomeUnknownError
	if !errors.As(err, &unknown) {
		return EnsuredImage{}, err
	}
	turn.remember(nil, unknown)
	made, found, adoptErr := c.adopt(ctx, turn, name)
	switch {
	case adoptErr != nil:
		return EnsuredImage{}, adoptErr
	case !found:
		return EnsuredImage{}, err
	}
	made.Created = true
	return made, nil
}

// adopt reconciles the outcome that is remembered and returns the image, if
// there is a trace of it. The outcome is remembered until that is known.
func (c *Client) adopt(ctx context.Context, turn *turn, name string) (made EnsuredImage, found bool, err error) {
	findings, err := c.Reconcile(ctx, turn.lost)
	if err != nil {
		// Its type would say that nothing was sent, or that the change was
		// rejected: that was the list. The context's end is the call's, too.
		if cause := context.Cause(ctx); cause != nil {
			return made, false, fmt.Errorf("%w; %w; %s", turn.lost, cause, oneLine(err))
		}
		return made, false, fmt.Errorf("%w; %s", turn.lost, oneLine(err))
	}
	switch f := findings[0]; f.Verdict {
	case Adopted:
		turn.remember(f.Job, nil)
		f.Image.Name = name
		return EnsuredImage{Image: f.Image, Job: f.Job}, true, nil
	case Ambiguous:
		return made, false, fmt.Errorf("%w; %w", turn.lost, &AmbiguousImageError{turn.lost.Region, name, f.Candidates})
	}
	turn.forget()
	return made, false, nil
}

func ensured(name string, job *JobHandle) EnsuredImage {
	return EnsuredImage{Image: Image{Name: name, UUID: job.Ref.ResourceUUID}, Job: job}
}

// findImage looks for the image of a name. Before it says that there is none,
// it reads the whole region, as [Client.Reconcile] does.
func (c *Client) findImage(ctx context.Context, region, name string) (listed EnsuredImage, found bool, err error) {
	for _, condition := range [][]string{{name}, nil} {
		var named []Image
		for image, err := range c.Images(ctx, region, condition...) {
			if err != nil {
				return listed, false, err
			}
			if image.Name == name {
				named = append(named, image)
			}
		}
		switch {
		case len(named) > 1 || len(named) == 1 && hasJob(named[0], jobTypeDelete):
			return listed, false, &AmbiguousImageError{region, name, named}
		case len(named) == 1:
			return EnsuredImage{Image: named[0], Job: c.runningJob(region, named[0])}, true, nil
		}
	}
	return listed, false, nil
}

// lives tells whether the job that is remembered runs, or has ended so recently
// that its image may not be listed yet. What it says otherwise is final, and
// forgotten.
func (c *Client) lives(ctx context.Context, turn *turn) (bool, error) {
	ref := turn.started.Ref
	states, err := c.knownJobs(ctx, ref.Region, []string{ref.JobUUID})
	switch {
	case err != nil:
		return false, err
	case len(states) > 0 && !states[0].Done:
		return true, nil
	case len(states) > 0 && !states[0].Success:
		turn.forget()
		return false, nil
	case turn.until.IsZero():
		turn.until = time.Now().Add(c.visibilityWindow)
	}
	if time.Now().After(turn.until) {
		turn.forget()
		return false, nil
	}
	return true, nil
}

// imageName is what two images should not share.
type imageName struct{ region, name string }

// turns lets one call at a time ensure an image of a name. The zero value is
// ready to use.
type turns struct {
	mu    sync.Mutex
	names map[imageName]*turn
}

// turn is the right to ensure a name, and what is remembered of it.
type turn struct {
	busy  chan struct{}
	users int // calls that have the turn or wait for it

	// For the call whose turn it is: what was started, or maybe was, and was not
	// listed yet. It is kept until the service says what became of it, however
	// long the client lives: images are few, and cost more than memory.
	started *JobHandle
	lost    *OutcomeUnknownError
	until   time.Time // by then, an image whose job has ended must be listed
}

// take waits for the turn of a name, or for the end of ctx.
func (t *turns) take(ctx context.Context, name imageName) (*turn, error) {
	mine := t.join(name)
	select {
	case mine.busy <- struct{}{}:
		return mine, nil
	case <-ctx.Done():
		t.leave(mine)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) giveBack(mine *turn) {
	<-mine.busy
	t.leave(mine)
}

func (t *turns) join(name imageName) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.names, func(_ imageName, other *turn) bool {
		return other.users == 0 && other.started == nil && other.lost == nil
	})
	if t.names == nil {
		t.names = make(map[imageName]*turn)
	}
	if t.names[name] == nil {
		t.names[name] = &turn{busy: make(chan struct{}, 1)}
	}
	t.names[name].users++
	return t.names[name]
}

func (t *turns) leave(mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine.users--
}

func (t *turn) remember(started *JobHandle, lost *OutcomeUnknownError) {
	t.started, t.lost, t.until = started, lost, time.Time{}
}

func (t *turn) forget() { t.remember(nil, nil) }
