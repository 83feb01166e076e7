package waiting

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// end checks how the wait for a job ended. A prompt one ended now.
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
		w.blame("%s ended, but is not done", id)
	case outcome.Job.Success != (outcome.Err == nil):
		w.blame("%s: success is %v, the error %v", id, outcome.Job.Success, outcome.Err)
	case outcome.Err != nil && (!errors.As(outcome.Err, &failed) || failed.Job != outcome.Job):
		w.blame("%s: %v", id, outcome.Err)
	case w.repeats == 0 && outcome.Job.Success != j.succeeds:
		w.blame("%s: success is %v, in truth %v", id, outcome.Job.Success, j.succeeds)
	}
	if !w.toldEnd(j, outcome.Job, w.began) {
		w.blame("%s: nobody told %+v", id, outcome.Job)
	}
	if !prompt {
		return
	}
	// What was said at the moment at which the wait began may have been said to
	// another, just before.
	if said, found := w.said(outcome.Ref, w.began.Add(1)); found && said.Before(now) {
		w.blame("%s ended %v after the service said so", id, now.Sub(said))
	}
	if !w.toldEnd(j, outcome.Job, now) {
		w.blame("%s ended when nobody told so", id)
	}
}

// giveUp checks why a wait ended before its job did.
func (w *waiter) giveUp(j *truth, wait *wrapper.WaitError, prompt bool) {
	now := time.Now()
	id := j.ref.JobUUID
	if !slices.Equal(wait.Refs, []wrapper.JobRef{j.ref}) {
		w.blame("the error of %s names %v", id, wait.Refs)
	}
	if wait.Cause == w.cause { //nolint:errorlint // that of this very wait
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
	w.blame("%s %s: %v", id, wrong, wait)
}

// unfounded says what is wrong with the reason for which a wait ended, if
// anything is, when the job stands like this.
func (w *waiter) unfounded(j *truth, standing standing, wait *wrapper.WaitError, prompt bool, now time.Time) string {
	graceEnds := w.began.Add(w.grace)
	if prompt {
		graceEnds = later(w.began, standing.lacking).Add(w.grace)
	}
	var refused *wrapper.APIError
	switch isAnswer := errors.As(wait.Cause, &refused); {
	case errors.Is(wait.Cause, wrapper.ErrOtherFailed):
		if !w.failFast {
			return "ended with another"
		}
	case errors.Is(wait.Cause, wrapper.ErrStalled):
		since := w.began
		if prompt && w.repeats == 0 { // of repeats, which one counts is not told
			since = later(since, standing.changed)
		}
		if w.stall == 0 || now.Before(since.Add(w.stall)) {
			return fmt.Sprintf("stalled after %v", now.Sub(since))
		}
	case errors.Is(wait.Cause, wrapper.ErrJobUnknown):
		if now.Before(graceEnds) || w.omits == 0 && !w.began.Before(j.knownFrom) {
			return fmt.Sprintf("is unknown %v before its grace ends", graceEnds.Sub(now))
		}
	case isAnswer && refused.HTTPStatus == http.StatusUnauthorized:
		if denied := standing.denied; denied.Before(w.began) || prompt && !denied.Equal(now) {
			return fmt.Sprintf("was denied at %v, and ended at %v", denied, now)
		}
	case isAnswer && blamesID(refused):
		if now.Before(graceEnds) || !j.poison && !(w.refusesUnknown && w.began.Before(j.knownFrom)) {
			return fmt.Sprintf("was refused %v before its grace ends", graceEnds.Sub(now))
		}
	case w.trouble == 0:
		return "ended although no poll failed"
	case prompt && standing.failures <= w.failures:
		return fmt.Sprintf("ended with %d polls failed, of %d that are borne", standing.failures, w.failures)
	}
	return ""
}

// blamesID tells whether an answer refused an id, or the number of ids.
func blamesID(refused *wrapper.APIError) bool {
	return errors.Is(refused, wrapper.ErrBadParameter) ||
		refused.HTTPStatus/100 == 4 && refused.HTTPStatus != http.StatusTooManyRequests
}

// runOut checks a wait for a job that ended with its context.
func (w *waiter) runOut(j *truth, wait *wrapper.WaitError, now time.Time) {
	id := j.ref.JobUUID
	if said, found := w.said(j.ref, w.began.Add(1)); found && said.Before(w.ends) {
		w.blame("the end of %s was said %v before the context's, and lost", id, w.ends.Sub(said))
	}
	if now.Before(w.ends) || w.slow == 0 && !now.Equal(w.ends) {
		w.blame("%s: %v, %v after the context's end", id, wait, now.Sub(w.ends))
	}
	if latest := w.endsBy(j); w.undisturbed() && w.ends.After(latest) {
		w.blame("%s should have ended %v before the context did", id, w.ends.Sub(latest))
	}
	w.mu.Lock()
	asked := j.asked
	w.mu.Unlock()
	if lead := w.lead(); lead > 0 && w.slow == 0 && asked.Before(w.ends.Add(-lead)) {
		w.blame("%s was asked for last %v before the deadline, not %v", id, w.ends.Sub(asked), lead)
	}
}

// endsBy is when a wait for the job should be over at the latest, unless
// something disturbs it. A poll comes at most twice as late as the policy says;
// finding out which ids are refused takes some requests more.
func (w *waiter) endsBy(j *truth) time.Time {
	const rounds, requests = 20, 200
	since := later(w.began, j.endsAt())
	switch {
	case j.poison || j.isNeverKnown():
		since = w.began.Add(w.grace)
	default:
		since = later(since, j.knownFrom)
	}
	return since.Add(2*max(w.policy.longest, rounds*w.polling.RequestInterval) + requests*w.polling.RequestInterval)
}

// lead is how long before its deadline the wait asks for its jobs at the
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
	case !w.alone && last < 50*w.polling.RequestInterval: // others may be in the way
		return 0
	}
	return lead
}

// undisturbed tells whether the service answers what it knows.
func (s *service) undisturbed() bool { return s.trouble == 0 && s.omits == 0 && s.denies == 0 }

// said returns when the service first said the end of a job, not before from.
func (w *waiter) said(ref wrapper.JobRef, from time.Time) (at time.Time, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.service.jobs[ref.JobUUID].saidFrom(from)
}

// toldEnd tells whether a response told that end of a job, not before from.
func (w *waiter) toldEnd(j *truth, state wrapper.Job, from time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(j.ends, func(end telling) bool {
		return end.state == state && !end.at.Before(from)
	})
}
