package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/wrapper"
)

// EnsuredImage is an image that exists or is being created.
type EnsuredImage struct {
	Image   wrapper.Image      // as listed; UUID and Name alone if it is not listed yet
	Job     *wrapper.JobHandle // the job that creates it, or works on it; nil if none does
	Created bool               // by this call, as far as is known after an unknown outcome

	name     string      // as requested
	recovery *Reconciler // that ensured it
}

// Wait waits for the job, if there is one, and returns the image's id. Then it looks
// for the image in the list, during the visibility window, and compares its name: a
// difference is a [*StoredNameError]. An image that is not listed by then is not
// compared. Other errors are those of [wrapper.JobHandle.Wait] and of
// [wrapper.Client.Images].
func (e EnsuredImage) Wait(ctx context.Context) (imageUUID string, err error) {
	imageUUID, err = waitForImage(ctx, e.Job, e.Image)
	if err != nil || imageUUID == "" || e.Job == nil || e.recovery == nil || e.Job.Ref.Type == jobTypeChangeName {
		return imageUUID, err
	}
	region := e.Job.Ref.Region
	return imageUUID, e.recovery.during(ctx, "the name of image "+imageUUID, func(bool) (settled bool, err error) {
		stored, listed, err := e.recovery.listedAs(ctx, region, e.name, imageUUID)
		if listed && stored.Name != e.name {
			return true, &StoredNameError{region, e.name, stored}
		}
		return listed, err
	})
}

// StoredNameError says that an image that was created by one name is listed by
// another: the service shortened it, say, or somebody renamed the image. A search
// for the requested name does not find the image: another process, or another
// Reconciler, would create one more. Request the name as stored from now on.
type StoredNameError struct {
	Region, Name string        // as requested
	Image        wrapper.Image // as listed
}

func (e *StoredNameError) Error() string {
	return fmt.Sprintf(`cimg: image %s in %s is listed as "%s", but was requested as "%s"`,
		oneline.Text(e.Image.UUID), oneline.Text(e.Region), oneline.Text(e.Image.Name), oneline.Text(e.Name))
}

// AmbiguousImageError says that it is not clear which image a name means:
// several have it; or the only one is being deleted, or older than the request
// for it; or it is not clear which of the jobs that the service named is its.
// Nothing more was created: choose one of Images by its id, remove others or wait.
type AmbiguousImageError struct {
	Region, Name string
	Images       []wrapper.Image // the candidates, if any: most have the name
}

func (e *AmbiguousImageError) Error() string {
	return fmt.Sprintf(`cimg: "%s" in %s is ambiguous: it is not clear which image is meant (candidates: %s)`,
		oneline.Text(e.Name), oneline.Text(e.Region), cmp.Or(oneline.List(e.Images, func(i wrapper.Image) string { return i.UUID }), "none"))
}

// EnsureImage creates an image unless the region has one of that exact name. It
// reads the list first, creates what is absent and reconciles an unknown
// outcome (see [Reconciler.Reconcile]), so that calling it again, in this process
// or another, finds the image or its job and creates nothing. What an existing
// image was created from is not compared.
//
// Concurrent calls for the same name are serialized. Until an image is listed,
// the Reconciler remembers the job that it started, or the outcome that stayed
// unknown; once the job has finished, for no longer than the visibility window
// (see [WithVisibilityWindow]); if the list shows that the image has another name,
// as long as it does, with a [*StoredNameError]. Another process, or another
// Reconciler, knows only the list: before the list shows the image, or if the
// service stores another name, it would create a second. So save what a call
// returned, a [*wrapper.OutcomeUnknownError] as well as a job, and begin there with
// [Reconciler.Reconcile] or [wrapper.Client.Resume]. An image that is stored by
// another name is not found after an unknown outcome without a job, either.
//
// Errors are those of [wrapper.Client.CreateImage], of [wrapper.Client.Images],
// of polling a remembered job, [*AmbiguousImageError] and [*StoredNameError]. What
// the list is to blame for is [wrapper.ErrNotSent], too, if nothing is remembered. After
// a [*wrapper.OutcomeUnknownError], reconciling found no trace of the image, or
// something ambiguous, or could not be finished: the message says which.
func (r *Reconciler) EnsureImage(ctx context.Context, region string, image wrapper.CreateImageInput) (EnsuredImage, error) {
	if err := wrapper.ValidateCreate(region, image); err != nil {
		return EnsuredImage{}, err
	}
	return r.ensure(ctx, region, image.Name, func() (*wrapper.JobHandle, error) { return r.client.CreateImage(ctx, region, image) })
}

// EnsureImport copies an image from another region unless region has one of
// that exact name. All that [Reconciler.EnsureImage] promises holds.
func (r *Reconciler) EnsureImport(ctx context.Context, region string, image wrapper.ImportImageInput) (EnsuredImage, error) {
	if err := wrapper.ValidateImport(region, image); err != nil {
		return EnsuredImage{}, err
	}
	return r.ensure(ctx, region, image.Name, func() (*wrapper.JobHandle, error) { return r.client.ImportImage(ctx, region, image) })
}

func (r *Reconciler) ensure(ctx context.Context, region, name string, start func() (*wrapper.JobHandle, error)) (EnsuredImage, error) {
	memory, err := r.names.lock(ctx, imageName{region, name})
	if err != nil {
		waiting := fmt.Errorf(`waiting for another call that ensures "%s": %w`, oneline.Text(name), wrapper.ErrNotSent)
		return EnsuredImage{}, oneline.Join(waiting, err)
	}
	defer r.names.unlock(imageName{region, name}, memory)

	if memory.unknown != nil { // of an earlier call
		if image, found, err := r.find(ctx, memory, name); err != nil || found {
			return image, err
		}
	}
	listed, found, err := r.findListed(ctx, region, name)
	switch {
	case err != nil && memory.started == nil:
		return EnsuredImage{}, oneline.Join(err, wrapper.ErrNotSent)
	case err != nil:
		return EnsuredImage{}, err
	case found:
		memory.forget() // from now on the list shows it
		return listed, nil
	}
	if memory.started != nil {
		if expected, err := r.isExpected(ctx, memory, name); err != nil {
			return EnsuredImage{}, err
		} else if expected {
			return r.ensured(name, memory.started, false), nil
		}
	}

	job, err := start()
	if err == nil {
		memory.remember(job, nil)
		return r.ensured(name, job, true), nil
	}
	var unknown *wrapper.OutcomeUnknownError
	if !errors.As(err, &unknown) {
		return EnsuredImage{}, err
	}
	memory.remember(nil, unknown)
	began := time.Now()
	image, found, findErr := r.find(ctx, memory, name)
	switch {
	case findErr != nil:
		return EnsuredImage{}, findErr
	case !found:
		return EnsuredImage{}, fmt.Errorf("%w; looked for it for %v and did not find it", err, time.Since(began).Round(time.Millisecond))
	}
	image.Created = true
	return image, nil
}

// find reconciles the unknown outcome that is remembered and returns the image,
// if there is a trace of it. The outcome is remembered until that is known.
func (r *Reconciler) find(ctx context.Context, memory *nameMemory, name string) (image EnsuredImage, found bool, err error) {
	findings, err := r.Reconcile(ctx, memory.unknown)
	if err != nil {
		// Its type would say that nothing was sent, or that the call was
		// rejected: that was the list. The context's end is the call's, too.
		if ctx.Err() != nil {
			return image, false, oneline.Join(memory.unknown, oneline.Wrap("reconciling "+memory.unknown.Op, endOf(ctx)))
		}
		return image, false, fmt.Errorf("%w; %s", memory.unknown, oneline.Error(err))
	}
	switch f := findings[0]; f.Verdict {
	case Found:
		memory.remember(f.Job, nil)
		f.Image.Name = cmp.Or(f.Image.Name, name)
		return EnsuredImage{f.Image, f.Job, false, name, r}, true, nil
	case Ambiguous:
		return image, false, oneline.Join(memory.unknown, &AmbiguousImageError{memory.unknown.Region, name, f.Candidates})
	}
	memory.forget()
	return image, false, nil
}

func (r *Reconciler) ensured(name string, job *wrapper.JobHandle, created bool) EnsuredImage {
	return EnsuredImage{wrapper.Image{Name: name, UUID: job.Ref.ResourceUUID}, job, created, name, r}
}

// findListed looks for the image of a name in the list. Before it reports that
// there is none, it reads the whole region, as [Reconciler.Reconcile] does.
func (r *Reconciler) findListed(ctx context.Context, region, name string) (listed EnsuredImage, found bool, err error) {
	for _, condition := range [][]string{{name}, nil} {
		var named []wrapper.Image
		for image, err := range r.client.Images(ctx, region, condition...) {
			if err != nil {
				return listed, false, err
			}
			if image.Name == name {
				named = append(named, image)
			}
		}
		switch {
		case len(named) > 1 || len(named) == 1 && mayHaveJob(named[0], jobTypeDelete):
			return listed, false, &AmbiguousImageError{region, name, named}
		case len(named) == 1:
			return EnsuredImage{named[0], runningJob(r.client, region, named[0]), false, name, r}, true, nil
		}
	}
	return listed, false, nil
}

// listedAs looks for an image in the list, which may show it by another name.
func (r *Reconciler) listedAs(ctx context.Context, region, name, uuid string) (image wrapper.Image, listed bool, err error) {
	for _, condition := range [][]string{{name}, nil} {
		for image, err := range r.client.Images(ctx, region, condition...) {
			if err != nil || image.UUID == uuid {
				return image, err == nil, err
			}
		}
	}
	return image, false, nil
}

// isExpected reports whether the list may still come to show the image of the
// job that is remembered: the job runs, or finished or became unknown recently.
// Otherwise the job is forgotten, unless the list shows its image by another name.
func (r *Reconciler) isExpected(ctx context.Context, memory *nameMemory, name string) (bool, error) {
	ref := memory.started.Ref
	jobs, _, err := r.knownJobs(ctx, ref.Region, []wrapper.JobRef{ref})
	if err != nil {
		return false, err
	}
	job, known := jobs[ref.JobUUID]
	switch {
	case known && !job.Done:
		memory.finished, memory.listedBy = false, time.Time{} // if it was unknown, that was a lag
		return true, nil
	case known && !job.Success:
		memory.forget()
		return false, nil
	case memory.listedBy.IsZero(), known && !memory.finished:
		memory.finished, memory.listedBy = known, time.Now().Add(r.window)
	}
	if uuid := cmp.Or(job.ResourceUUID, ref.ResourceUUID); uuid != "" {
		switch stored, listed, err := r.listedAs(ctx, ref.Region, name, uuid); {
		case err != nil:
			return false, err
		case listed && stored.Name != name:
			memory.finished, memory.listedBy = true, time.Now() // once it is gone, nothing is expected
			return false, &StoredNameError{ref.Region, name, stored}
		}
	}
	if time.Now().After(memory.listedBy) {
		memory.forget()
		return false, nil
	}
	return true, nil
}

// imageName is what two images should not share.
type imageName struct{ region, name string }

// nameLocks lets one call at a time ensure an image of a name.
type nameLocks struct {
	mu    sync.Mutex
	names map[imageName]*nameMemory
}

// nameMemory is the lock of a name, and what is remembered of the name.
type nameMemory struct {
	lock  chan struct{}
	users int // calls that hold the lock or wait for it

	// For the call that holds the lock: the job that was started, or the outcome
	// that stayed unknown, while the image is not listed. It is remembered until
	// the service reports what became of it, however long the Reconciler lives:
	// images are few, and cost more than memory.
	started  *wrapper.JobHandle
	unknown  *wrapper.OutcomeUnknownError
	finished bool      // the job, as the service reported
	listedBy time.Time // by then, an image whose job has finished, or is unknown, must be listed
}

// lock waits for the lock of a name, or for the end of ctx if another call has it.
func (l *nameLocks) lock(ctx context.Context, name imageName) (*nameMemory, error) {
	memory := l.join(name)
	select {
	case memory.lock <- struct{}{}:
		return memory, nil
	default:
	}
	select {
	case memory.lock <- struct{}{}:
		return memory, nil
	case <-ctx.Done():
		l.leave(name, memory)
		return nil, endOf(ctx)
	}
}

func (l *nameLocks) unlock(name imageName, memory *nameMemory) {
	<-memory.lock
	l.leave(name, memory)
}

func (l *nameLocks) join(name imageName) *nameMemory {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] == nil {
		l.names[name] = &nameMemory{lock: make(chan struct{}, 1)}
	}
	l.names[name].users++
	return l.names[name]
}

func (l *nameLocks) leave(name imageName, memory *nameMemory) {
	l.mu.Lock()
	defer l.mu.Unlock()
	memory.users--
	if memory.users == 0 && memory.started == nil && memory.unknown == nil {
		delete(l.names, name)
	}
}

func (m *nameMemory) remember(started *wrapper.JobHandle, unknown *wrapper.OutcomeUnknownError) {
	m.started, m.unknown, m.finished, m.listedBy = started, unknown, false, time.Time{}
}

func (m *nameMemory) forget() { m.remember(nil, nil) }
