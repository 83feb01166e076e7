package main

import (
	"context"
	"errors"
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
// continues a call for it that is unfinished, and confirms one that has just made an
// image, which the list may not show yet.
func (i *image) ensure(ctx context.Context, about *wrapper.OutcomeUnknownError, call func(context.Context) (reconcile.EnsuredImage, error)) error {
	earlier, err := i.session.earlier(about)
	if err != nil {
		return i.fails(stateUnmade, err)
	}
	if earlier != nil {
		proceed := i.resume
		if earlier.End != "" {
			proceed = i.confirm
		}
		err := proceed(ctx, *earlier)
		if !errors.Is(err, errNotObserved) && !errors.As(err, new(*wrapper.JobFailedError)) {
			return err
		}
		*i = image{session: i.session, order: i.order, Region: i.Region, Name: i.Name}
	}
	return i.make(ctx, about, func(ctx context.Context) (made, error) {
		ensured, err := call(ctx)
		if err != nil {
			return made{}, err
		}
		result := made{job: ensured.Job, uuid: ensured.Image.UUID}
		if ensured.Created {
			result.verify = func(ctx context.Context) error { _, err := ensured.Wait(ctx); return err }
		}
		return result, nil
	})
}

// confirm asks the service about an image that the journal has as made. One that
// does not know the job may have lost it, or be an emulator that was started anew:
// then the list tells.
func (i *image) confirm(ctx context.Context, earlier journal.Entry) error {
	job, err := i.session.client.Resume(*earlier.Job)
	if err != nil {
		return i.fails(stateUnmade, err)
	}
	_, err = job.Wait(ctx, wrapper.MissingGrace(0))
	switch {
	case err == nil:
		return i.follow(ctx, made{uuid: earlier.Image})
	case errors.Is(err, wrapper.ErrJobUnknown):
		i.Operation, i.call = earlier.Call.Op, earlier.Call
		return i.resolve(ctx)
	}
	if wait, ended := errors.AsType[*wrapper.WaitError](err); ended {
		err = wait.Cause // nothing is unfinished
	}
	return i.fails(stateUnmade, err)
}

// earlier returns what the journal has of an earlier call for the same image: one
// that another process left unfinished, or else the last one, if the list may not
// show its image yet and it has not been deleted since; nil if it has none.
func (s *session) earlier(about *wrapper.OutcomeUnknownError) (*journal.Entry, error) {
	entries, err := s.journal.TakeOver()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.IsAbout(about) {
			return &e, nil
		}
	}
	if entries, err = s.journal.Entries(); err != nil {
		return nil, err
	}
	var last *journal.Entry
	for _, e := range entries {
		switch {
		case e.Service != s.client.BaseURL() || e.Image == "":
		case e.IsAbout(about):
			last = &e
		case last != nil && e.Image == last.Image: // deleted or renamed
			last = nil
		}
	}
	if last == nil || last.Job == nil || time.Since(last.EndTime) >= s.visibility {
		return nil, nil //nolint:nilnil // there is none
	}
	return last, nil
}
