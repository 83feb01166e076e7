package waiting

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// end checks how the wait for a job ended. If prompt, it ended just now.
func (w *waiter) end(outcome wrapper.JobOutcome, prompt bool) {
	now := time.Now()
	id := outcome.Ref.JobUUID
	j := w.service.jobs[id]
	var failed *wrapper.JobFailedError
	var wait *wrapper.WaitError
	switch {
	case errors.As(outcome.Err, &wait):
		w.giveUp(j, wait, prompt)
		return
	case !outcome.Job.Done:
		w.errorf("%s ended, but is not done", id)
	case outcome.Job.Success != (outcome.Err == nil):
		w.errorf("%s: success is %v, the error %v", id, outcome.Job.Success, outcome.Err)
	case outcome.Err != nil && (!errors.As(outcome.Err, &failed) || failed.Job != outcome.Job):
		w.errorf("%s: %v", id, outcome.Err)
	case w.repeats == 0 && outcome.Job.Success != j.succeeds:
		w.errorf("%s: success is %v, expected %v", id, outcome.Job.Success, j.succeeds)
	}
	if !w.reportedEnd(j, outcome.Job, w.began) {
		w.errorf("%s: no response reported %+v", id, outcome.Job)
	}
	if !prompt {
		return
	}
	// A state that was reported at the very moment at which the wait began may
	// have been reported just before it, to another wait.
	if at, found := w.reported(outcome.Ref, w.began.Add(1)); found && at.Before(now) {
		w.errorf("%s ended %v after the service reported it", id, now.Sub(at))
	}
	if !w.reportedEnd(j, outcome.Job, now) {
		w.errorf("%s ended, but not with a response", id)
	}
}

// giveUp checks why a wait ended before its job finished.
func (w *waiter) giveUp(j *truth, wait *wrapper.WaitError, prompt bool) {
	now := time.Now()
	id := j.ref.JobUUID
	if !slices.Equal(wait.Refs, []wrapper.JobRef{j.ref}) {
		w.errorf("the error of %s has the references %v", id, wait.Refs)
	}
	if wait.Cause == w.cause { //nolint:errorlint // the cause of this very wait
		w.runOut(j, wait, now)
		return
	}
	w.mu.Lock()
	standings := j.standings(now)
	w.mu.Unlock()
	var wrong string
	for _, standing := range standings {
		if wrong = w.unfounded(j, standing, wait, prompt, now); wrong == "" {
			return
		}
	}
	w.errorf("%s %s: %v", id, wrong, wait)
}

// unfounded returns what is wrong with the reason for which a wait ended, given
// what the polls found, or "" if nothing is.
func (w *waiter) unfounded(j *truth, standing standing, wait *wrapper.WaitError, prompt bool, now time.Time) string {
	graceEnds := w.began.Add(w.grace)
	if prompt {
		graceEnds = later(w.began, standing.missingSince).Add(w.grace)
	}
	var apiErr *wrapper.APIError
	switch isResponse := errors.As(wait.Cause, &apiErr); {
	case errors.Is(wait.Cause, wrapper.ErrOtherFailed):
		if !w.failFast {
			return "ended because of another job"
		}
	case errors.Is(wait.Cause, wrapper.ErrStalled):
		since := w.began
		if prompt && w.repeats == 0 { // with repeats, it is open which one counts
			since = later(since, standing.changed)
		}
		if w.stall == 0 || now.Before(since.Add(w.stall)) {
			return fmt.Sprintf("stalled after %v", now.Sub(since))
		}
	case errors.Is(wait.Cause, wrapper.ErrJobUnknown):
		if now.Before(graceEnds) || w.omits == 0 && !w.began.Before(j.knownFrom) && j.poison != "rejected" {
			return fmt.Sprintf("is unknown %v before its grace ends", graceEnds.Sub(now))
		}
	case !prompt && w.sawOutage(j.ref.Region, time.Time{}), w.sawOutage(j.ref.Region, now):
	case isResponse && (apiErr.HTTPStatus == http.StatusUnauthorized || errors.Is(apiErr, wrapper.ErrPermission)):
		if denied := standing.denied; denied.Before(w.began) || prompt && !denied.Equal(now) {
			return fmt.Sprintf("was rejected permanently at %v, and ended at %v", denied, now)
		}
	case w.fails == 0 && j.poison == "" && w.limit == 0 && !w.rejectsUnknown:
		return "ended although none of its polls failed because of it"
	case prompt && standing.failures+w.failuresOfAll(j.ref.Region) <= w.failures:
		return fmt.Sprintf("ended after %d failed polls, of %d that are tolerated", standing.failures, w.failures)
	}
	return ""
}

// sawOutage reports whether whatever was polled failed for as long as the tolerated
// failures would take: until now, or ever.
func (w *waiter) sawOutage(region string, until time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.outages[region], func(o outage) bool {
		return o.requests > 3 && o.until.Sub(later(o.since, w.began)) >= w.patience(w.failures) && (until.IsZero() || o.until.Equal(until))
	})
}

// failuresOfAll is how many requests have failed in a row, whatever was polled.
func (w *waiter) failuresOfAll(region string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := w.outages[region]; len(all) > 0 {
		return all[len(all)-1].requests
	}
	return 0
}

// patience is the time that so many failures take.
func (w *waiter) patience(failures int) (d time.Duration) {
	for i := range failures {
		d += w.polling.RequestInterval * time.Duration(min(1<<i, 60))
	}
	return d
}

// runOut checks a wait that ended with its context.
func (w *waiter) runOut(j *truth, wait *wrapper.WaitError, now time.Time) {
	id := j.ref.JobUUID
	if at, found := w.reported(j.ref, w.began.Add(1)); found && at.Before(w.ends) {
		w.errorf("%s finished %v before the context ended, but was lost", id, w.ends.Sub(at))
	}
	if now.Before(w.ends) || w.slow == 0 && !now.Equal(w.ends) {
		w.errorf("%s: %v, %v after the context's end", id, wait, now.Sub(w.ends))
	}
	if latest := w.endsBy(j); w.undisturbed() && w.ends.After(latest) {
		w.errorf("%s should have ended %v before the context did", id, w.ends.Sub(latest))
	}
	w.mu.Lock()
	polled := j.polled
	w.mu.Unlock()
	if lead := w.lead(); lead > 0 && w.slow == 0 && polled.Before(w.ends.Add(-lead)) {
		w.errorf("%s was last polled %v before the deadline, not %v", id, w.ends.Sub(polled), lead)
	}
}

// endsBy returns when the wait for the job should be over at the latest, if
// nothing fails. A poll may be at most twice as late as the policy says;
// finding out which ids are rejected takes a few requests more.
func (w *waiter) endsBy(j *truth) time.Time {
	const rounds, requests = 20, 200
	since := later(w.began, j.endsAt())
	switch {
	case j.poison != "":
		since = w.began.Add(w.grace + 3*w.patience(w.failures) + time.Duration(w.failures)*30*time.Second)
	case j.isNeverKnown():
		since = w.began.Add(w.grace)
	default:
		since = later(since, j.knownFrom)
	}
	return since.Add(2*max(w.policy.longest, rounds*w.polling.RequestInterval) + requests*w.polling.RequestInterval)
}

// lead returns how long before its deadline the wait polls its jobs at the
// earliest; 0 if it need not, or cannot in time.
func (w *waiter) lead() time.Duration {
	last := w.lastPoll
	if last < 0 {
		last = 2 * w.polling.RequestInterval
	}
	lead := last + time.Duration(len(w.jobs))*w.polling.RequestInterval
	switch {
	case w.cancels || last == 0 || lead > w.lasts/2 || !w.undisturbed() || !w.plain:
		return 0
	case !w.alone && last < 50*w.polling.RequestInterval: // other waits may delay it
		return 0
	}
	return lead
}

// undisturbed reports whether the service always responds, with all it knows.
func (s *service) undisturbed() bool { return s.fails == 0 && s.omits == 0 && s.denies == 0 }

// reported returns when the service first reported that the job had finished,
// at or after from.
func (w *waiter) reported(ref wrapper.JobRef, from time.Time) (at time.Time, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.service.jobs[ref.JobUUID].reportedFrom(from)
}

// reportedEnd reports whether a response had that final state, at or after
// from.
func (w *waiter) reportedEnd(j *truth, state wrapper.Job, from time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(j.ends, func(end report) bool {
		return end.state == state && !end.at.Before(from)
	})
}
