package wrapper

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"time"
)

// follow polls until every job has ended and yields what it learns: each
// change of a job's state, and each job's end exactly once.
//
// A poll asks for all the jobs of a region that have not ended, in requests of
// at most Polling.MaxJobs ids.
func (c *Client) follow(ctx context.Context, refs []JobRef) iter.Seq[jobChange] {
	return func(yield func(jobChange) bool) {
		pending := newFollowedJobs(refs)
		pause := c.polling.first(pending)
		for len(pending) != 0 {
			if !sleep(ctx, pause) {
				for _, job := range pending {
					if !job.end(yield, &WaitError{Refs: []JobRef{job.ref}, Cause: context.Cause(ctx), LastPoll: job.lastPoll}) {
						return
					}
				}
				return
			}
			for region, jobs := range byRegion(pending) {
				for batch := range slices.Chunk(jobs, c.polling.MaxJobs) {
					if !c.poll(ctx, region, batch, yield) {
						return
					}
				}
			}
			pending = slices.DeleteFunc(pending, func(job *followedJob) bool { return job.ended })
			pause = c.polling.next(pending)
		}
	}
}

// poll asks for a batch of jobs. A batch that the service refuses is halved until
// what it refuses stands alone. It returns false when nobody listens any more.
func (c *Client) poll(ctx context.Context, region string, batch []*followedJob, yield func(jobChange) bool) bool {
	states, err := c.jobResults(ctx, region, uuidsOf(batch))
	half := len(batch) / 2
	switch {
	case err == nil:
		return c.observe(batch, states, yield)
	case ctx.Err() != nil: // the wait ends before the next poll
		var interrupted *interruptedError
		if errors.As(err, &interrupted) {
			for _, job := range batch {
				job.lastPoll = interrupted.last
			}
		}
		return true
	case half != 0 && blamesIDs(err):
		return c.poll(ctx, region, batch[:half], yield) && c.poll(ctx, region, batch[half:], yield)
	}
	return c.bear(batch, err, yield)
}

// blamesIDs tells whether a poll may have been refused for the sake of one of
// its ids, or for their number. What an unknown id does is not published.
func blamesIDs(err error) bool {
	var refused *APIError
	if !errors.As(err, &refused) || isPassing(err) || errors.Is(err, ErrAuth) {
		return false
	}
	switch refused.HTTPStatus {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		return true
	}
	return refused.Errno == errnoIllegalRequest || refused.Errno == errnoIllegalCall
}

// first is the time to the first poll: none, unless every job was started just
// now and cannot have ended.
func (p Polling) first(jobs []*followedJob) time.Duration {
	pause := p.MinInterval
	for _, job := range jobs {
		age := time.Since(job.since)
		if job.ref.StartedAt.IsZero() { // it may have been running for long
			age = p.MinInterval
		}
		pause = min(pause, max(p.MinInterval-age, 0))
	}
	return pause
}

// next is the time to the next poll: a quarter of the youngest job's age, or
// what the service asked for, within bounds.
func (p Polling) next(jobs []*followedJob) time.Duration {
	pause := p.MaxInterval
	for _, job := range jobs {
		pause = min(pause, time.Since(job.since)/4)
	}
	for _, job := range jobs {
		pause = max(pause, min(askedPause(job.lastPoll), p.MaxInterval))
	}
	return max(pause, p.MinInterval)
}

// askedPause is how long an answer asked to wait, beyond what retryReads waits
// by itself; 0 if it did not.
func askedPause(err error) time.Duration {
	var answer *APIError
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.RetryAfter
}

// isRefusal tells whether an answer would be the same later. Other errors are
// borne for a time: see Polling.MaxFailures.
func isRefusal(err error) bool {
	var refused *APIError
	return errors.As(err, &refused) && !isPassing(err)
}

// observe reports what a poll told about a batch of jobs. It returns false
// when nobody listens any more.
func (c *Client) observe(batch []*followedJob, states []Job, yield func(jobChange) bool) bool {
	now := time.Now()
	byUUID := make(map[string]Job, len(states))
	for _, state := range states {
		byUUID[state.JobUUID] = state
	}
	for _, job := range batch {
		job.failures, job.lastPoll = 0, nil
		state, found := byUUID[job.ref.JobUUID]
		if !found {
			if job.missingSince.IsZero() {
				job.missingSince = now
			}
			if now.Sub(job.missingSince) >= c.polling.MissingGrace &&
				!job.end(yield, &WaitError{Refs: []JobRef{job.ref}, Cause: ErrJobUnknown}) {
				return false
			}
			continue
		}
		job.missingSince = time.Time{}
		if !job.update(yield, state) {
			return false
		}
	}
	return true
}

// bear counts a failed poll against its jobs, and ends those for which it was
// one too many. It returns false when nobody listens any more.
func (c *Client) bear(batch []*followedJob, err error, yield func(jobChange) bool) bool {
	for _, job := range batch {
		job.failures, job.lastPoll = job.failures+1, err
		if (isRefusal(err) || job.failures > c.polling.MaxFailures) &&
			!job.end(yield, &WaitError{Refs: []JobRef{job.ref}, Cause: err}) {
			return false
		}
	}
	return true
}

// followedJob is a job whose end is waited for.
type followedJob struct {
	ref          JobRef
	since        time.Time // when it was started; if that is not known, followed
	indexes      []int     // its places in the list that is followed
	state        Job
	reported     bool // state holds something
	failures     int  // polls in a row that failed
	lastPoll     error
	missingSince time.Time
	ended        bool
}

// newFollowedJobs makes one entry for each job, however often it is listed.
func newFollowedJobs(refs []JobRef) []*followedJob {
	type key struct{ region, jobUUID string }
	known := make(map[key]*followedJob, len(refs))
	var jobs []*followedJob
	for i, ref := range refs {
		k := key{ref.Region, ref.JobUUID}
		job := known[k]
		if job == nil {
			job = &followedJob{ref: ref, since: ref.StartedAt}
			if now := time.Now(); ref.StartedAt.IsZero() || ref.StartedAt.After(now) {
				job.since = now // the clocks of two processes may differ
			}
			known[k] = job
			jobs = append(jobs, job)
		}
		job.indexes = append(job.indexes, i)
	}
	return jobs
}

// update yields a state that is new, and ends the job when it is done.
func (j *followedJob) update(yield func(jobChange) bool, state Job) bool {
	if state.ResourceUUID == "" { // some replies leave it out
		state.ResourceUUID = j.ref.ResourceUUID
	}
	changed := !j.reported || state != j.state
	j.state, j.reported = state, true
	switch {
	case state.Done && state.Success:
		return j.end(yield, nil)
	case state.Done:
		return j.end(yield, &JobFailedError{Ref: j.ref, Job: state})
	case changed:
		return j.yield(yield, nil)
	}
	return true
}

func (j *followedJob) end(yield func(jobChange) bool, err error) bool {
	j.ended = true
	return j.yield(yield, err)
}

func (j *followedJob) yield(yield func(jobChange) bool, err error) bool {
	for _, i := range j.indexes {
		if !yield(jobChange{index: i, job: j.state, err: err}) {
			return false
		}
	}
	return true
}

// byRegion groups jobs, the regions in the order they first appear.
func byRegion(jobs []*followedJob) iter.Seq2[string, []*followedJob] {
	return func(yield func(string, []*followedJob) bool) {
		var regions []string
		groups := make(map[string][]*followedJob)
		for _, job := range jobs {
			if _, found := groups[job.ref.Region]; !found {
				regions = append(regions, job.ref.Region)
			}
			groups[job.ref.Region] = append(groups[job.ref.Region], job)
		}
		for _, region := range regions {
			if !yield(region, groups[region]) {
				return
			}
		}
	}
}

func uuidsOf(jobs []*followedJob) []string {
	uuids := make([]string, len(jobs))
	for i, job := range jobs {
		uuids[i] = job.ref.JobUUID
	}
	return uuids
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
