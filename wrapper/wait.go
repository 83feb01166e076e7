package wrapper

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/poller"
)

// Wait waits until the job finishes and returns its last state. The image's id is
// Job.ResourceUUID.
//
// A job that failed is a [*JobFailedError]. If ctx ends first, or polling fails,
// the error is a [*WaitError]; the job may still be running.
func (h *JobHandle) Wait(ctx context.Context, options ...WaitOption) (Job, error) {
	if err := h.check(); err != nil {
		return Job{}, err
	}
	outcomes, err := h.client.WaitAll(ctx, []*JobHandle{h}, options...)
	if len(outcomes) == 0 {
		return Job{}, err
	}
	return outcomes[0].Job, outcomes[0].Err
}

// Watch yields the job's state whenever it changes. The last one is the job's end:
// a successful job with a nil error, a failed one with a [*JobFailedError], or a
// [*WaitError] if ctx ends first or polling fails. Leaving the loop early does
// not end the job.
func (h *JobHandle) Watch(ctx context.Context, options ...WaitOption) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		if err := h.check(); err != nil {
			yield(Job{}, err)
			return
		}
		for _, outcome := range h.client.WatchAll(ctx, []*JobHandle{h}, options...) {
			if !yield(outcome.Job, outcome.Err) {
				return
			}
		}
	}
}

// check rejects a handle that a caller constructed or modified.
func (h *JobHandle) check() error {
	if h == nil || h.client == nil {
		return &InputError{Field: "JobHandle", Reason: "it was constructed by the caller; use Client.Resume"}
	}
	return h.Ref.check()
}

// JobOutcome is the state of a job, or how the wait for it ended.
type JobOutcome struct {
	Ref JobRef
	Job Job   // as last reported; zero if it was not
	Err error // why the wait ended without success, see [JobHandle.Wait]
}

// WaitAll waits until every job finishes, whatever happens to the others. It
// returns their outcomes in the order of jobs, and their errors joined: errors.Is
// and errors.As look into each, and the first [*WaitError] that errors.As finds
// has every job that did not finish.
//
// This client polls all jobs, whichever client started them, together with those
// of its other waits.
func (c *Client) WaitAll(ctx context.Context, jobs []*JobHandle, options ...WaitOption) ([]JobOutcome, error) {
	refs, settings, err := c.checkWait(jobs, options)
	if err != nil {
		return nil, err
	}
	outcomes := make([]JobOutcome, len(jobs))
	for i, ref := range refs {
		outcomes[i].Ref = ref
	}
	for change := range c.follow(ctx, refs, settings, false) {
		outcomes[change.index] = change.outcome(outcomes[change.index].Ref)
	}
	return outcomes, joinOutcomes(outcomes)
}

// WatchAll yields the states of jobs, with their indexes in jobs: of each the
// newest state when it changes, and its end exactly once, before changes of
// others. A job is in progress while Job.Done is false and Err is nil; a slow
// reader sees fewer of these states. The loop ends when all jobs have finished.
//
// An invalid argument is yielded as the only outcome.
func (c *Client) WatchAll(ctx context.Context, jobs []*JobHandle, options ...WaitOption) iter.Seq2[int, JobOutcome] {
	return func(yield func(int, JobOutcome) bool) {
		refs, settings, err := c.checkWait(jobs, options)
		if err != nil {
			yield(0, JobOutcome{Err: err})
			return
		}
		for change := range c.follow(ctx, refs, settings, true) {
			if !yield(change.index, change.outcome(refs[change.index])) {
				return
			}
		}
	}
}

// checkWait rejects invalid arguments.
func (c *Client) checkWait(jobs []*JobHandle, options []WaitOption) ([]JobRef, *waitSettings, error) {
	settings, err := c.waits.with(options)
	if err != nil {
		return nil, nil, err
	}
	refs := make([]JobRef, len(jobs))
	for i, job := range jobs {
		if job == nil {
			return nil, nil, &InputError{Field: fmt.Sprintf("jobs[%d]", i), Reason: "it is nil"}
		}
		if err := job.Ref.check(); err != nil {
			return nil, nil, &InputError{Field: fmt.Sprintf("jobs[%d]", i), Reason: oneline.Error(err)}
		}
		refs[i] = job.Ref
	}
	return refs, settings, nil
}

// jobChange is news of one of the followed jobs.
type jobChange struct {
	index  int // in the list that is followed
	update poller.Update
	cause  error // why the wait ends although the job has not finished, if it does
}

// follow yields the news of jobs until all have finished or ctx ends: their ends
// and, on request, their changes. A job that is listed twice is followed once and
// yielded twice.
func (c *Client) follow(ctx context.Context, refs []JobRef, settings *waitSettings, changes bool) iter.Seq[jobChange] {
	return func(yield func(jobChange) bool) {
		jobs, places := distinct(refs)
		report := func(update poller.Update, cause error) bool {
			for index := range places(update.Index) {
				if !yield(jobChange{index, update, cause}) {
					return false
				}
			}
			return true
		}
		if ctx.Err() != nil {
			for i := range jobs {
				if !report(poller.Update{Index: i}, endOf(ctx)) {
					return
				}
			}
			return
		}
		wait := c.poller.Follow(ctx, jobs, &settings.polls, changes)
		defer wait.Leave()
		var cause error
		for cause == nil {
			update, more := wait.Next(ctx)
			switch {
			case !more && ctx.Err() == nil:
				return
			case !more:
				cause = endOf(ctx)
			case !report(update, nil):
				return
			case settings.failFast && update.Finished && !update.Job.Success:
				cause = ErrOtherFailed
			}
		}
		for _, update := range wait.Leave() {
			if !report(update, cause) {
				return
			}
		}
	}
}

// endOf returns the cause of a context's end, but no other call's outcome as such:
// it must not be taken for that of the call that started the job.
func endOf(ctx context.Context) error {
	cause := context.Cause(ctx)
	if isOutcome(cause) {
		return fmt.Errorf("%w: %s", ctx.Err(), oneline.Error(cause))
	}
	return cause
}

// distinct returns each job once, and the indexes at which it is listed.
func distinct(refs []JobRef) (jobs []poller.Job, places func(int) iter.Seq[int]) {
	known := make(map[JobRef]int, len(refs)) // the index in jobs
	again := make(map[int][]int)             // indexes in refs, of duplicates
	firsts := make([]int, 0, len(refs))
	for i, ref := range refs {
		if at, found := known[ref.identity()]; found {
			again[at] = append(again[at], i)
			continue
		}
		known[ref.identity()] = len(jobs)
		jobs = append(jobs, poller.Job{Region: ref.Region, ID: ref.JobUUID, StartedAt: ref.StartedAt})
		firsts = append(firsts, i)
	}
	return jobs, func(at int) iter.Seq[int] {
		return slices.Values(append([]int{firsts[at]}, again[at]...))
	}
}

// outcome returns the state of a job, or how the wait for it ended.
func (c jobChange) outcome(ref JobRef) JobOutcome {
	update, cause := c.update, c.cause
	outcome := JobOutcome{Ref: ref, Job: update.Job}
	if outcome.Job.JobUUID != "" && outcome.Job.ResourceUUID == "" { // some responses leave it out
		outcome.Job.ResourceUUID = ref.ResourceUUID
	}
	if update.Finished {
		cause = update.Cause
	}
	lastPoll := update.LastPoll
	switch {
	case cause == nil && !update.Finished, cause == nil && update.Job.Success:
		return outcome
	case cause == nil:
		outcome.Err = &JobFailedError{Ref: ref, Job: outcome.Job}
		return outcome
	case errors.Is(cause, poller.ErrMissing) && errors.Is(lastPoll, ErrResponseTooLarge): // not about the id
		cause, lastPoll = lastPoll, nil
	case errors.Is(cause, poller.ErrMissing):
		cause = ErrJobUnknown
	case errors.Is(cause, poller.ErrStalled):
		cause = ErrStalled
	case update.Finished: // the cause is the error of a poll
		lastPoll = nil
	}
	outcome.Err = &WaitError{Refs: []JobRef{ref}, Cause: cause, LastPoll: lastPoll}
	return outcome
}

// jobErrors joins the errors of many jobs into one line: errors.Join would make a
// line of each.
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
		if outcome.Err == nil || seen[outcome.Ref.identity()] {
			continue
		}
		seen[outcome.Ref.identity()] = true
		joined.jobs++
		joined.errs = append(joined.errs, outcome.Err)
		var wait *WaitError
		switch {
		case !errors.As(outcome.Err, &wait):
		case unfinished == nil:
			unfinished = &WaitError{slices.Clone(wait.Refs), wait.Cause, wait.LastPoll}
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
	return fmt.Sprintf("cimg: %d jobs did not succeed; the first: %s", e.jobs, oneline.Error(e.errs[0]))
}

func (e *jobErrors) Unwrap() []error { return e.errs }
