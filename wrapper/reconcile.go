package wrapper

import (
	"context"
	"fmt"
	"time"
)

// Verdict is what [Client.Reconcile] found out about one item of a change.
type Verdict string

// What was found out.
const (
	// The service took the change on: Finding.Image is the image, Finding.Job
	// the job that makes or changes it. Without a job, it is done.
	Adopted Verdict = "adopted"
	// At the end of the visibility window the whole region was read, and no
	// trace was found. Making the call again is now the caller's decision.
	NotObserved Verdict = "not observed"
	// There is something, and what it is cannot be told from here.
	// Finding.Candidates are the images that came into question.
	Ambiguous Verdict = "ambiguous"
)

// Finding is what [Client.Reconcile] found out about one item of a change.
type Finding struct {
	Name       string // of the image; of a rename, the new one; of a delete, empty
	ImageUUID  string // of a rename or delete
	Verdict    Verdict
	Image      Image      // when adopted: as listed; UUID alone if it is not listed (yet, or after a delete)
	Job        *JobHandle // when adopted: the job that works on it, or that the reply named; nil if there is none
	Candidates []Image    // when ambiguous
}

// Wait waits for the job, if there is one, and returns the image's id. Its
// errors are those of [JobHandle.Wait]. Only an adopted item can be waited for.
func (f Finding) Wait(ctx context.Context) (imageUUID string, err error) {
	if f.Verdict != Adopted {
		return "", &InputError{Field: "Finding", Reason: "it was not adopted, but " + string(f.Verdict)}
	}
	return waitForImage(ctx, f.Job, f.Image)
}

func waitForImage(ctx context.Context, job *JobHandle, image Image) (imageUUID string, err error) {
	if job == nil {
		return image.UUID, nil
	}
	done, err := job.Wait(ctx)
	if err != nil || done.ResourceUUID == "" {
		return image.UUID, err
	}
	return done.ResourceUUID, nil
}

// clockSkew is how far the service's clock may be behind ours before an image
// looks older than the request that made it.
const clockSkew = 5 * time.Minute

// Reconcile finds out what became of a change whose outcome is unknown. It
// sends no change: it reads the region's list, all pages, and compares exact
// names (of a create or import) or ids (of a rename or delete). The findings
// are in the order of unknown.Names, or else of unknown.ImageUUIDs.
//
// What is found is adopted at once. That something is not there is said only
// after the visibility window, counted from now (see [WithVisibilityWindow]),
// because how soon a new image is listed is not published. If the reply to the
// change named jobs, and the service knows them, they tell which image it is,
// whatever is listed.
//
// Ambiguous is: more than one image of the name, or a name asked for twice; one
// that is being deleted; one whose CreateTime is more than 5 minutes before
// unknown.SentAt, unless it is being imported; an image that a job of another
// call may be renaming; and, after the window, an item to which one of several
// named jobs may belong. A delete that is done takes the window, too: an image
// that is not listed may also be one that is not listed yet.
//
// An error means that nothing was found out: the list could not be read, or ctx
// ended first. Trouble that may pass is borne until the window ends. An unknown
// that cannot be looked for is an [*InputError].
func (c *Client) Reconcile(ctx context.Context, unknown *OutcomeUnknownError) ([]Finding, error) {
	if err := unknown.check(); err != nil {
		return nil, err
	}
	reconciling := operation{id: "reconciling " + unknown.Op}
	end := time.Now().Add(c.visibilityWindow)
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		last := !time.Now().Before(end)
		findings, settled, err := c.look(ctx, unknown, last)
		switch {
		case err == nil && (last || settled):
			return findings, nil
		case ctx.Err() == nil && err != nil && (last || isRefusal(err)):
			return nil, &callError{op: reconciling, cause: err}
		}
		if !sleep(ctx, min(max(pause, askedPause(err)), time.Until(end))) {
			return nil, &callError{op: reconciling, cause: context.Cause(ctx)}
		}
	}
}

// WithVisibilityWindow sets how long [Client.Reconcile] looks for a change
// before it says that there is none, and [Client.EnsureImage] bears that the list
// lacks an image whose job has ended. The default is [DefaultVisibilityWindow];
// with 0, each looks once.
func WithVisibilityWindow(window time.Duration) Option {
	return func(c *config) error {
		if window < 0 {
			return fmt.Errorf("visibility window: %v is negative", window)
		}
		c.visibilityWindow = window
		return nil
	}
}

// DefaultVisibilityWindow is how long [Client.Reconcile] looks for a change.
const DefaultVisibilityWindow = 2 * time.Minute

// look compares the region with the change once, and tells whether looking
// again could change the findings.
//
// Images are read under several conditions, and what any of them shows counts:
// that the list's condition matches names as we do is not published, and an
// image is missed when another is deleted while the pages are read. So the last
// look also reads the whole region, and ids are looked for twice.
func (c *Client) look(ctx context.Context, unknown *OutcomeUnknownError, last bool) (findings []Finding, settled bool, err error) {
	conditions := [][]string{unknown.Names}
	switch {
	case len(unknown.ImageUUIDs) > 0:
		conditions = [][]string{nil, nil}
	case last:
		conditions = append(conditions, nil)
	}
	seen := &evidence{unknown: unknown, images: make(map[string]Image), client: c}
	for _, names := range conditions {
		for image, err := range c.Images(ctx, unknown.Region, names...) {
			if err != nil {
				return nil, false, err
			}
			seen.images[image.UUID] = image
		}
	}
	if err := seen.askJobs(ctx); err != nil {
		return nil, false, err
	}
	findings, settled = seen.weigh()
	return findings, settled, nil
}
