package wrapper

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Wait waits until the job has ended and returns its last state. The image's
// id is Job.ResourceUUID.
//
// A job that failed is a [*JobFailedError]. When ctx ends first, or polling
// cannot go on, the error is a [*WaitError]; the job may still be running.
func (h *JobHandle) Wait(ctx context.Context) (Job, error) {
	if err := h.check(); err != nil {
		return Job{}, err
	}
	outcomes, _ := h.client.WaitAll(ctx, []*JobHandle{h})
	return outcomes[0].Job, outcomes[0].Err
}

// Watch yields the job's state whenever it changed, and its end once: a
// successful job with a nil error, a failed one with a [*JobFailedError], and
// a [*WaitError] when ctx ends first or polling cannot go on. Leaving the loop
// early ends the watching, not the job.
func (h *JobHandle) Watch(ctx context.Context) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		if err := h.check(); err != nil {
			yield(Job{}, err)
			return
		}
		for change := range h.client.follow(ctx, []JobRef{h.Ref}) {
			if !yield(change.job, change.err) {
				return
			}
		}
	}
}

// check refuses a handle that was made by hand or changed.
func (h *JobHandle) check() error {
	if h == nil || h.client == nil {
		return &InputError{Field: "JobHandle", Reason: "it was made by hand; use Client.Resume"}
	}
	return h.Ref.check()
}

// JobOutcome is how the wait for one job ended.
type JobOutcome struct {
	Ref JobRef
	Job Job   // as last reported; zero if it never was
	Err error // nil: the job succeeded; see [JobHandle.Wait]
}

// WaitAll waits until every job has ended, whatever becomes of the others. It
// returns their outcomes in the order of jobs, and their errors joined:
// errors.Is and errors.As look into each, and the first [*WaitError] that
// errors.As finds carries every job that had not ended.
//
// All jobs are polled by this client, whichever client started them.
func (c *Client) WaitAll(ctx context.Context, jobs []*JobHandle) ([]JobOutcome, error) {
	refs := make([]JobRef, len(jobs))
	outcomes := make([]JobOutcome, len(jobs))
	for i, job := range jobs {
		if job == nil {
			return nil, &InputError{Field: fmt.Sprintf("jobs[%d]", i), Reason: "it is nil"}
		}
		if err := job.Ref.check(); err != nil {
			return nil, &InputError{Field: fmt.Sprintf("jobs[%d]", i), Reason: oneLine(err)}
		}
		refs[i] = job.Ref
		outcomes[i].Ref = job.Ref
	}
	for change := range c.follow(ctx, refs) {
		outcomes[change.index].Job = change.job
		outcomes[change.index].Err = change.err
	}
	return outcomes, joinOutcomes(outcomes)
}

// jobErrors joins the errors of many jobs into one line: errors.Join would
// make a line of each.
type jobErrors struct {
	jobs int // how many have errors
	errs []error
}

// joinOutcomes returns nil when every job succeeded.
func joinOutcomes(outcomes []JobOutcome) error {
	var joined jobErrors
	var unfinished *WaitError
	seen := make(map[JobRef]bool) // a job may have been listed twice
	for _, outcome := range outcomes {
		if outcome.Err == nil || seen[outcome.Ref] {
			continue
		}
		seen[outcome.Ref] = true
		joined.jobs++
		joined.errs = append(joined.errs, outcome.Err)
		var wait *WaitError
		switch {
		case !errors.As(outcome.Err, &wait):
		case unfinished == nil:
			all := *wait
			all.Refs = slices.Clone(wait.Refs)
			unfinished = &all
		default:
			unfinished.Refs = append(unfinished.Refs, wait.Refs...)
		}
	}
	switch {
	case joined.jobs == 0:
		return nil
	case joined.jobs == 1:
		return joined.errs[0]
	case unfinished != nil:
		joined.errs = append([]error{unfinished}, joined.errs...)
	}
	return &joined
}

func (e *jobErrors) Error() string {
	return fmt.Sprintf("cimg: %d jobs did not succeed; the first: %s", e.jobs, oneLine(e.errs[0]))
}

func (e *jobErrors) Unwrap() []error { return e.errs }

// jobChange is what a poll learned about one of the followed jobs.
type jobChange struct {
	index int // in the list that is followed
	job   Job
	err   error // why it ended without success
}
