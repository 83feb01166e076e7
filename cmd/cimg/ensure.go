package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// ensureCreated creates the image, unless it exists.
func (i *image) ensureCreated(ctx context.Context, input wrapper.CreateImageInput) error {
	call, err := wrapper.CreateIntent(i.Region, input)
	if err != nil {
		return err
	}
	return i.ensure(ctx, call, func(ctx context.Context) (reconcile.EnsuredImage, error) {
		return i.session.recovery.EnsureImage(ctx, i.Region, input)
	})
}

// ensureImported copies the image from another region, unless it exists.
func (i *image) ensureImported(ctx context.Context, input wrapper.ImportImageInput) error {
	call, err := wrapper.ImportIntent(i.Region, input)
	if err != nil {
		return err
	}
	return i.ensure(ctx, call, func(ctx context.Context) (reconcile.EnsuredImage, error) {
		return i.session.recovery.EnsureImport(ctx, i.Region, input)
	})
}

// ensure makes a call unless the region has an image of that name. First it
// continues a call for it that is unfinished, and looks for the image that an earlier
// one made, which the list may not show yet, or by another name. If another process
// makes the image meanwhile, all that is done again.
func (i *image) ensure(ctx context.Context, about *wrapper.OutcomeUnknownError, call func(context.Context) (reconcile.EnsuredImage, error)) error {
	var awaited wrapper.JobRef
	for {
		past, err := i.session.pastOf(about)
		if err != nil {
			return i.fails(stateUnmade, i.session.unjournalled(err))
		}
		if past.open != nil {
			if err := i.resume(ctx, *past.open); !isAbsent(err) {
				return err
			}
			i.startAnew()
		}
		if past.made != nil {
			if err := i.confirm(ctx, *past.made); !isAbsent(err) {
				return err
			}
			i.startAnew()
		}
		result, err := i.send(ctx, &intent{call: about, isNeedlessAfter: past.lacks}, func(ctx context.Context) (made, error) {
			ensured, err := call(ctx)
			return madeBy(ensured), err
		})
		if earlier, stands := errors.AsType[*journal.EarlierError](err); stands && !earlier.Entry.Live {
			continue
		}
		if freeing, found := i.freeing(result, err); found && i.entry == "" && freeing.JobUUID != awaited.JobUUID {
			i.is(stateLooking)
			if err := i.await(ctx, freeing); err != nil && !isAbsent(err) && !errors.Is(err, wrapper.ErrJobUnknown) {
				return i.fails(stateUnmade, err)
			}
			awaited = freeing
			continue
		}
		return i.proceed(ctx, result, err)
	}
}

func madeBy(ensured reconcile.EnsuredImage) made {
	result := made{job: ensured.Job, uuid: ensured.Image.UUID}
	if ensured.Created {
		result.verify = func(ctx context.Context) error { _, err := ensured.Wait(ctx); return err }
	}
	return result
}

// freeing returns the job after which the name may be free: that deletes or renames
// the only image that has it.
func (i *image) freeing(result made, err error) (job wrapper.JobRef, found bool) {
	if err == nil && result.job != nil {
		return result.job.Ref, result.job.Ref.Type == "ChangeCIMGName"
	}
	ambiguous, found := errors.AsType[*reconcile.AmbiguousImageError](err)
	if !found || len(ambiguous.Images) != 1 || ambiguous.Images[0].Job == nil {
		return job, false
	}
	job = jobOf(i.Region, ambiguous.Images[0])
	return job, job.Type == "DeleteCIMG"
}

// jobOf returns the job that works on a listed image, which has one.
func jobOf(region string, listed wrapper.Image) wrapper.JobRef {
	return wrapper.JobRef{Region: region, JobUUID: listed.Job.JobUUID, Type: listed.Job.Type, ResourceUUID: listed.UUID}
}

// await waits for the end of a job that another command started.
func (i *image) await(ctx context.Context, ref wrapper.JobRef) error {
	job, err := i.session.client.Resume(ref)
	if err != nil {
		return err
	}
	_, err = job.Wait(ctx, wrapper.MissingGrace(0))
	if wait, ended := errors.AsType[*wrapper.WaitError](err); ended && !errors.Is(err, wrapper.ErrJobUnknown) {
		return wait.Cause // nothing of this command is unfinished
	}
	return err
}

// isAbsent reports whether an error says that a call has made no image.
func isAbsent(err error) bool {
	return errors.Is(err, errNotObserved) || errors.As(err, new(*wrapper.JobFailedError))
}

// startAnew forgets what became of an earlier call.
func (i *image) startAnew() {
	i.UUID, i.Job, i.Error, i.Progress, i.startedAt = "", "", "", 0, time.Time{}
	i.call, i.entry = nil, ""
}

// confirm looks for an image that the journal has as made. One that the list does not
// show is believed to exist for as long as it may not be listed yet, if its job has
// succeeded. A service that does not know the job may have lost it, or be an emulator
// that was started anew: then the list tells. If there is no such image, or the list
// is to tell, the error is one of those of isAbsent.
func (i *image) confirm(ctx context.Context, earlier journal.Entry) error {
	listed, found, err := i.find(ctx, earlier.Result)
	switch {
	case err != nil:
		return i.fails(stateUnmade, err)
	case found:
		if err := i.isListed(earlier.ID, listed); err != nil {
			i.UUID = listed.UUID
			return i.fails(stateExists, err)
		}
		return errNotObserved // the list tells the rest
	case earlier.Listed != "", earlier.Job == nil, time.Since(earlier.EndTime) >= i.session.settings.VisibilityWindow:
		return errNotObserved
	}
	err = i.await(ctx, *earlier.Job)
	switch {
	case err == nil:
		return i.follow(ctx, made{uuid: earlier.Result})
	case errors.Is(err, wrapper.ErrJobUnknown):
		i.Operation, i.call = earlier.Call.Op, earlier.Call
		return i.resolve(ctx)
	}
	return i.fails(stateUnmade, err)
}

// past is what the journal has of earlier calls for an image.
type past struct {
	open  *journal.Entry // another process left it unfinished; nil if there is none
	made  *journal.Entry // the last that made an image, if there is one and the list alone does not tell what became of it
	known []string       // the entries of all that made one
}

// lacks reports whether a call has made an image since.
func (p past) lacks(e journal.Entry) bool {
	return e.Result != "" && !slices.Contains(p.known, e.ID)
}

func (s *session) pastOf(about *wrapper.OutcomeUnknownError) (past, error) {
	left, err := s.journal.TakeOver(func(e journal.Entry) bool { return e.IsAbout(about) })
	if err != nil {
		return past{}, err
	}
	all, err := s.journal.Entries()
	if err != nil {
		return past{}, err
	}
	var p past
	if len(left) > 0 {
		p.open = &left[0]
	}
	for _, e := range all {
		if e.Service == s.client.BaseURL() && e.Result != "" && e.IsAbout(about) {
			p.known = append(p.known, e.ID)
			p.made = &e
		}
	}
	// What is listed by its name, and what was or is being deleted or renamed, had to
	// be found in the list.
	if p.made != nil && (p.made.Listed == p.made.Name() || slices.ContainsFunc(all, func(e journal.Entry) bool {
		return e.Target() == p.made.Result && (e.End == "" || e.Result != "")
	})) {
		p.made = nil
	}
	return p, nil
}
