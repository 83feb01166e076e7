// Package batch creates many images, and shows which job and image belongs to which
// of them. It is built on the public API of packages wrapper and reconcile.
//
//	started, err := batch.Create(ctx, client, "gz", images)   // a call for each
//	findings, err := batch.Match(ctx, recovery, names, jobs)  // of one call for all
//
// One request can create many images, see [wrapper.Client.CreateImages]. Its jobs come
// in an order that the provider does not promise, and without the names of their
// images: either make a call for each image, or match the jobs by the list.
package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// Started is what became of the call for one image.
type Started struct {
	Job *wrapper.JobHandle // nil if the call was not accepted
	Err error              // of the call, for [wrapper.OutcomeOf]
}

// parallel is how many calls are under way at once.
const parallel = 8

// Create makes a call of [wrapper.Client.CreateImage] for each image, eight at once
// within the client's rate limit, and returns what became of them in the order of
// images. It does so whatever becomes of the others, and makes no call twice. Images
// whose turn had not come when ctx ended are [wrapper.ErrNotSent].
//
// The error is a [*wrapper.InputError], as of [wrapper.ValidateCreate]; then nothing
// was sent.
func Create(ctx context.Context, client *wrapper.Client, region string, images []wrapper.CreateImageInput) ([]Started, error) {
	if err := wrapper.ValidateCreate(region, images...); err != nil {
		return nil, err
	}
	return startEach(images, func(image wrapper.CreateImageInput) (*wrapper.OutcomeUnknownError, error) {
		return wrapper.CreateIntent(region, image)
	}, func(image wrapper.CreateImageInput) (*wrapper.JobHandle, error) {
		return client.CreateImage(ctx, region, image)
	}), nil
}

// Import does for [wrapper.Client.ImportImage] what [Create] does for
// [wrapper.Client.CreateImage].
func Import(ctx context.Context, client *wrapper.Client, region string, images []wrapper.ImportImageInput) ([]Started, error) {
	if err := wrapper.ValidateImport(region, images...); err != nil {
		return nil, err
	}
	return startEach(images, func(image wrapper.ImportImageInput) (*wrapper.OutcomeUnknownError, error) {
		return wrapper.ImportIntent(region, image)
	}, func(image wrapper.ImportImageInput) (*wrapper.JobHandle, error) {
		return client.ImportImage(ctx, region, image)
	}), nil
}

// startEach calls start for each image, also after the context's end: then it says
// that nothing was sent. The caller's code may panic or end its goroutine, which nobody
// could notice here, and lose the jobs of the other calls: the outcome of that one is
// unknown, as was intended before it.
func startEach[Input any](images []Input, intend func(Input) (*wrapper.OutcomeUnknownError, error), start func(Input) (*wrapper.JobHandle, error)) []Started {
	started := make([]Started, len(images))
	turns := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for i, image := range images {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			unknown, err := intend(image)
			if err != nil {
				started[i].Err = err
				return
			}
			unknown.Cause = errors.New("a hook, token source or transport ended its goroutine")
			started[i].Err = unknown // unless start returns
			defer func() {
				if p := recover(); p != nil {
					unknown.Cause = fmt.Errorf("a hook, token source or transport panicked with a value of type %T", p)
				}
			}()
			started[i].Job, started[i].Err = start(image)
		})
	}
	group.Wait()
	return started
}

// Match finds the job and the image of each name, in the order of names, after one
// call of [wrapper.Client.CreateImages] or [wrapper.Client.ImportImages] returned
// jobs. It reads the list until it shows the image of every job, at most during the
// visibility window. A name whose image is not listed by then is
// [reconcile.Ambiguous], unless only one name and one job are left: they belong
// together. See [reconcile.Reconciler.Reconcile] for its errors.
func Match(ctx context.Context, recovery *reconcile.Reconciler, names []string, jobs []*wrapper.JobHandle) ([]reconcile.Finding, error) {
	if len(jobs) == 0 {
		return nil, &wrapper.InputError{Field: "jobs", Reason: "it has no items"}
	}
	call := &wrapper.OutcomeUnknownError{Op: "createCIMG", Names: names} // as if it were lost, but for its jobs
	for i, job := range jobs {
		if job == nil || job.Ref.Region != jobs[0].Ref.Region {
			return nil, &wrapper.InputError{Field: fmt.Sprintf("jobs[%d]", i), Reason: "it is not of the same call"}
		}
		call.Jobs = append(call.Jobs, job.Ref)
		call.Region, call.SentAt = job.Ref.Region, job.Ref.StartedAt
		if job.Ref.Type == "ImportCIMG" {
			call.Op = "importCIMG"
		}
	}
	return recovery.Reconcile(ctx, call)
}
