package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/sleep"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// Reconciler looks for images and remembers those that it created. Construct it
// with [New], once for a client: two of them do not know what the other created.
// It is safe for concurrent use.
type Reconciler struct {
	client    *wrapper.Client
	window    time.Duration
	tolerance time.Duration // negative: the default
	names     nameLocks
}

// Option is a choice made when a Reconciler is constructed. An invalid one makes
// [New] fail.
type Option func(*Reconciler) error

// New returns a Reconciler that works through client. It sends nothing.
func New(client *wrapper.Client, options ...Option) (*Reconciler, error) {
	r := &Reconciler{client: client, window: DefaultVisibilityWindow, tolerance: -1, names: nameLocks{names: make(map[imageName]*nameMemory)}}
	if client == nil {
		return nil, errors.New("cimg: reconcile: the client is nil")
	}
	for i, option := range options {
		if option == nil {
			return nil, fmt.Errorf("cimg: reconcile: option %d is nil", i)
		}
		if err := option(r); err != nil {
			return nil, fmt.Errorf("cimg: reconcile: %w", err)
		}
	}
	return r, nil
}

// DefaultVisibilityWindow is how long [Reconciler.Reconcile] looks for an image.
const DefaultVisibilityWindow = 2 * time.Minute

// WithVisibilityWindow sets how long [Reconciler.Reconcile] looks before it
// reports that there is nothing, and how long [Reconciler.EnsureImage] accepts
// that the list lacks an image whose job has finished. The default is
// [DefaultVisibilityWindow]; with 0, each looks once.
func WithVisibilityWindow(window time.Duration) Option {
	return func(r *Reconciler) error {
		if window < 0 {
			return fmt.Errorf("visibility window: %v is negative", window)
		}
		r.window = window
		return nil
	}
}

// DefaultClockTolerance is how far the service's clock may be behind ours while no
// response has shown its time.
const DefaultClockTolerance = 5 * time.Second

// MaxClockLag is how far behind ours a Date header may show the service's clock to be.
// One that shows more is taken for a gateway's, and does not count.
const MaxClockLag = 30 * time.Second

// WithClockTolerance sets how much earlier than the call an image may seem to have
// been created, by its CreateTime, and still be taken for the call's: beyond the
// difference between the service's clock and ours, if responses show that (see
// [wrapper.Client.ClockOffset] and [MaxClockLag]). The default is then 0, and
// [DefaultClockTolerance] if they do not. An image that an earlier call created
// within this time could be mistaken for this one's. Set it if the call was made on
// a machine with another clock, or if the service does not date images by the clock
// that Date shows.
func WithClockTolerance(tolerance time.Duration) Option {
	return func(r *Reconciler) error {
		if tolerance < 0 {
			return fmt.Errorf("clock tolerance: %v is negative", tolerance)
		}
		r.tolerance = tolerance
		return nil
	}
}

// earliest returns when, by the service's clock, an image of a call that was sent at
// a time of ours can have been created. Its times may have whole seconds only.
func (r *Reconciler) earliest(sentAt time.Time) time.Time {
	ahead, uncertainty, measured := r.client.ClockOffset()
	lowest, tolerance := ahead-uncertainty, max(r.tolerance, 0)
	if !measured || lowest < -MaxClockLag {
		lowest = 0
		if r.tolerance < 0 {
			tolerance = DefaultClockTolerance
		}
	}
	return sentAt.Add(lowest - tolerance).Truncate(time.Second)
}

// Verdict is what [Reconciler.Reconcile] found out about one item of a call.
type Verdict string

// The verdicts.
const (
	// The service carried the call out, or is doing so: Finding.Image is the
	// image, Finding.Job the job that works on it. Without a job, it is done.
	Found Verdict = "found"
	// At the end of the visibility window the whole region was read, and nothing
	// was found. Making the call again is now the caller's decision.
	NotObserved Verdict = "not observed"
	// There is something, but it is not certain that it comes from this call.
	// Finding.Candidates are the images in question.
	Ambiguous Verdict = "ambiguous"
)

// Finding is what [Reconciler.Reconcile] found out about one item of a call.
type Finding struct {
	Name       string // of the image; of a rename, the new one; of a delete, empty
	ImageUUID  string // of a rename or delete
	Verdict    Verdict
	Image      wrapper.Image      // when found: as listed; UUID alone if it is not listed (yet, or after a delete)
	Job        *wrapper.JobHandle // when found: the job that works on it, or that the response named; nil if there is none
	Candidates []wrapper.Image    // when ambiguous
}

// Wait waits for the job, if there is one, and returns the image's id. Its
// errors are those of [wrapper.JobHandle.Wait]; an item that was not found is a
// [*wrapper.InputError].
func (f Finding) Wait(ctx context.Context) (imageUUID string, err error) {
	if f.Verdict != Found {
		return "", &wrapper.InputError{Field: "Finding", Reason: "there is nothing to wait for: it is " + string(f.Verdict)}
	}
	return waitForImage(ctx, f.Job, f.Image)
}

func waitForImage(ctx context.Context, job *wrapper.JobHandle, image wrapper.Image) (imageUUID string, err error) {
	if job == nil {
		return image.UUID, nil
	}
	done, err := job.Wait(ctx)
	if err != nil || done.ResourceUUID == "" {
		return image.UUID, err
	}
	return done.ResourceUUID, nil
}

// Reconcile finds out what became of a mutating call whose outcome is unknown.
// It sends no mutating call: it reads the region's list, all pages, and compares
// exact names (of a create or import) or ids (of a rename or delete). The
// findings are in the order of unknown.Names, or else of unknown.ImageUUIDs.
//
// What is found is reported at once. That something is not there is reported
// only after the visibility window, counted from now (see
// [WithVisibilityWindow]), because how soon a new image is listed is not
// published. A pause that the service asks for (see [wrapper.Polling].MaxRetryAfter) is
// kept, beyond the window, too. If the response to the call named jobs, and the service knows them,
// they decide which image it is, whatever is listed.
//
// Ambiguous is: more than one image of the name, or a name requested twice; one
// that is being deleted; one whose CreateTime is before unknown.SentAt (see
// [WithClockTolerance]) or missing, also while it is being created or imported; an
// image that a job of another call may be renaming; and, after the window, an item
// to which one of several named jobs may belong, or one whose named job cannot be
// polled although others can. A delete that is done takes the
// window, too: an image that is not listed may also be one that is not listed yet.
//
// An error means that nothing was found out: the list could not be read, or ctx
// ended first. Transient errors are retried until the window closes. An unknown
// that cannot be looked for is a [*wrapper.InputError].
func (r *Reconciler) Reconcile(ctx context.Context, unknown *wrapper.OutcomeUnknownError) ([]Finding, error) {
	if err := unknown.Validate(); err != nil {
		return nil, err
	}
	var findings []Finding
	err := r.during(ctx, unknown.Op, func(last bool) (settled bool, err error) {
		findings, settled, err = r.look(ctx, unknown, last)
		return settled, err
	})
	if err != nil {
		return nil, err
	}
	return findings, nil
}

// during looks until that settles something, but not past the visibility window, unless
// the service asks for a pause that is longer. Transient errors of a look count only at
// its end.
func (r *Reconciler) during(ctx context.Context, subject string, look func(last bool) (settled bool, err error)) error {
	end := time.Now().Add(r.window)
	for pause := time.Second; ; pause = min(2*pause, 15*time.Second) {
		last := !time.Now().Before(end)
		switch settled, err := look(last); {
		case err == nil && (last || settled):
			return nil
		case settled:
			return err
		case ctx.Err() == nil && err != nil && (last || isPermanent(err)):
			return oneline.Wrap("reconciling "+subject, err)
		case !sleep.For(ctx, max(min(pause, time.Until(end)), min(retryAfterOf(err), r.client.MaxRetryAfter()))):
			return oneline.Wrap("reconciling "+subject, endOf(ctx))
		}
	}
}

// look compares the region with the call once, and reports whether looking
// again could change the findings.
//
// Images are read under several conditions, and what any of them shows counts:
// that the list's condition matches names as we do is not published, and an
// image is missed when another is deleted while the pages are read. So the last
// look also reads the whole region, and ids are looked for twice.
func (r *Reconciler) look(ctx context.Context, unknown *wrapper.OutcomeUnknownError, last bool) (findings []Finding, settled bool, err error) {
	conditions := [][]string{unknown.Names}
	switch {
	case len(unknown.ImageUUIDs) > 0:
		conditions = [][]string{nil, nil}
	case last:
		conditions = append(conditions, nil)
	}
	seen := &matcher{client: r.client, unknown: unknown, images: make(map[string]wrapper.Image)}
	for _, names := range conditions {
		for image, err := range r.client.Images(ctx, unknown.Region, names...) {
			if err != nil {
				return nil, false, err
			}
			seen.images[image.UUID] = image
		}
	}
	known, unclear, err := r.knownJobs(ctx, unknown.Region, unknown.Jobs)
	if err != nil {
		return nil, false, err
	}
	seen.unclear = unclear
	for _, ref := range unknown.Jobs {
		if job, found := known[ref.JobUUID]; found || unclear[ref.JobUUID] != nil {
			if ref.ResourceUUID == "" {
				ref.ResourceUUID = job.ResourceUUID
			}
			seen.jobs = append(seen.jobs, ref)
		}
	}
	seen.earliest = r.earliest(unknown.SentAt)
	findings, settled = seen.match()
	return findings, settled, nil
}

// knownJobs returns those of the jobs that a region knows, by id, and why it is
// unclear whether it knows others: that of all of them is an error. It waits
// for the first news of each, so that what the client's polls do, batching and
// isolating a bad id, is done here, too.
func (r *Reconciler) knownJobs(ctx context.Context, region string, refs []wrapper.JobRef) (known map[string]wrapper.Job, unclear map[string]error, err error) {
	jobs, errs := make([]wrapper.Job, len(refs)), make([]error, len(refs))
	var group sync.WaitGroup
	for i, ref := range refs {
		ref.Region = region
		handle, err := r.client.Resume(ref)
		if err != nil {
			return nil, nil, err
		}
		group.Go(func() {
			for jobs[i], errs[i] = range handle.Watch(ctx, wrapper.PollPolicy(polling.Constant(0)),
				wrapper.MissingGrace(0), wrapper.MaxFailures(2), wrapper.StallTimeout(0)) {
				return
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil { // its cause may be any error, also one that looks like news
		return nil, nil, oneline.Wrap("reconciling jobs", endOf(ctx))
	}
	known, unclear = make(map[string]wrapper.Job), make(map[string]error)
	failed := 0
	for i, job := range jobs {
		switch {
		case job.JobUUID != "":
			known[refs[i].JobUUID] = job
		case !errors.Is(errs[i], wrapper.ErrJobUnknown):
			unclear[refs[i].JobUUID] = errs[i]
			failed++
		}
	}
	if failed > 0 && failed == len(refs) {
		return nil, nil, errs[0]
	}
	return known, unclear, nil
}

// isPermanent reports whether the response would be the same later.
func isPermanent(err error) bool {
	return errors.As(err, new(*wrapper.APIError)) && !errors.Is(err, wrapper.ErrServer) && !errors.Is(err, wrapper.ErrRateLimited)
}

// retryAfterOf returns how long the service asked to wait; 0 if it did not.
func retryAfterOf(err error) time.Duration {
	if response, found := errors.AsType[*wrapper.APIError](err); found {
		return response.RetryAfter
	}
	return 0
}

// endOf returns the cause of a context's end, but no other call's outcome as such:
// it must not be taken for that of this one.
func endOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, wrapper.ErrNotSent) || errors.As(cause, new(*wrapper.OutcomeUnknownError)) || errors.As(cause, new(*wrapper.APIError)) ||
		errors.As(cause, new(*wrapper.WaitError)) || errors.As(cause, new(*wrapper.JobFailedError)) || errors.As(cause, new(*wrapper.InputError)) {
		return fmt.Errorf("%w: %s", ctx.Err(), oneline.Error(cause))
	}
	return cause
}
