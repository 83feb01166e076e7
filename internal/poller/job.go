package poller

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// job is what is known of a job, and who waits for it: all waits share it. It
// knows nothing of requests and queues. Each poll reports to one of onState,
// onMissing and onFailure; then nextPoll says when the next is wanted, unless
// no subscription is left.
type job struct {
	id            string
	subscriptions []*subscription
	since         instant.Time // when it was started; if that is not known, when it came

	state     gen.Job         // if it was reported
	changedAt instant.Time    // when state changed last
	seen      polling.History // by the polls that showed the job

	reported     bool
	alone        bool         // to be polled alone: its last poll was, and failed
	failures     int32        // polls in a row that failed
	lastPoll     error        // why the last poll failed, if it did
	missingSince instant.Time // 0: it is not
}

// subscribe adds a subscription, which learns what was reported before.
func (j *job) subscribe(s *subscription, startedAt, now instant.Time) {
	if startedAt != 0 && len(j.seen.Changes) == 0 { // otherwise it may have been running for long
		j.since = min(startedAt, now) // clocks may differ
		j.seen.Changes = make([]polling.Change, 1, polling.MaxChanges)
	}
	s.position = int32(len(j.subscriptions))
	j.subscriptions = append(j.subscriptions, s)
	if j.reported {
		s.onChange()
	}
}

// unsubscribe takes off a subscription. There may be thousands.
func (j *job) unsubscribe(gone *subscription) {
	last := len(j.subscriptions) - 1
	moved := j.subscriptions[last]
	j.subscriptions[gone.position], moved.position = moved, gone.position
	j.subscriptions = slices.Delete(j.subscriptions, last, last+1)
}

// onState takes note of a state that a poll showed.
func (j *job) onState(state gen.Job, now instant.Time) {
	j.failures, j.lastPoll, j.missingSince, j.alone = 0, nil, 0, false
	for _, s := range j.subscriptions {
		s.failures, s.countsFrom = 0, 0
	}
	// Strings that are stored already do not keep a response in memory.
	state.JobUUID = j.id
	if state.UUID == j.id {
		state.UUID = j.id
	}
	j.seen.Add(now.Sub(j.since), state.Progress)
	changed := !j.reported || state != j.state
	if changed {
		j.state, j.reported, j.changedAt = state, true, now
	}
	switch {
	case state.Done:
		j.finish(nil, func(*subscription) bool { return true })
	case changed:
		for _, s := range j.subscriptions {
			s.onChange()
		}
	default:
		j.finish(ErrStalled, func(s *subscription) bool {
			return s.wait.settings.StallTimeout > 0 && now >= j.stallEnds(s)
		})
	}
}

// onMissing takes note of a response without the job, or of the rejection of its
// id alone. To a wait that joined after the poll began, that is no news: what it
// waits for may have happened since. Among others, one of those may be the reason: the
// job is polled alone before it is given up.
func (j *job) onMissing(rejection error, began, now instant.Time, alone bool) {
	j.failures, j.lastPoll, j.alone = 0, rejection, false
	if j.missingSince == 0 {
		j.missingSince = now
	}
	j.finish(ErrMissing, func(s *subscription) bool {
		s.failures, s.countsFrom = 0, 0
		over := began >= s.wait.joined && now >= j.graceEnds(s)
		j.alone = j.alone || over
		return over && alone
	})
}

// fail takes note of a poll that failed: of this job or, in an outage, of
// another. If a gateway refused it, the service may just not know the job yet.
func (j *job) fail(class ErrorClass, err error, now instant.Time, interval time.Duration) {
	j.finish(err, func(s *subscription) bool {
		impatient := s.losePatience(now, interval)
		return class >= Permanent || impatient && (class != Refused || now >= j.graceEnds(s))
	})
}

// finish ends some of the subscriptions.
func (j *job) finish(cause error, ends func(*subscription) bool) {
	j.subscriptions = slices.DeleteFunc(j.subscriptions, func(s *subscription) bool {
		if !ends(s) {
			return false
		}
		s.onFinish(cause)
		return true
	})
	for i, s := range j.subscriptions {
		s.position = int32(i)
	}
}

// graceEnds is when a subscription gives a missing job up.
func (j *job) graceEnds(s *subscription) instant.Time {
	return max(j.missingSince, s.wait.joined).Add(s.wait.settings.MissingGrace)
}

// stallEnds is when a subscription gives a job up that stays as it is.
func (j *job) stallEnds(s *subscription) instant.Time {
	return max(j.changedAt, s.wait.joined).Add(s.wait.settings.StallTimeout)
}

// firstPoll says when the job is to be polled first: at once, unless it was
// started so recently that it cannot have finished.
func (j *job) firstPoll(s *subscription, now instant.Time) instant.Time {
	due := now
	if len(j.seen.Changes) > 0 {
		due = max(due, j.since.Add(s.wait.pause(0, polling.History{})))
	}
	return s.withLastPoll(due, now)
}

// nextPoll says when the job is to be polled next for waits, after a poll from began to
// now: after the shortest pause of their policies, or that of a failure, which is at
// least as long as the interval between requests, but sooner if one must know sooner.
func (j *job) nextPoll(waits []*subscription, began, now instant.Time, interval time.Duration) instant.Time {
	pause := backoff(int(j.failures), interval) // whole: only then, failures count
	if j.failures == 0 {
		pause = math.MaxInt64
		for _, s := range waits {
			pause = min(pause, s.wait.pause(now.Sub(j.since), j.seen))
		}
		// The jobs of many clients must not be polled in step for ever.
		pause = max(pause, interval)
		pause -= time.Duration(0.1 * random() * float64(pause-interval))
	}
	due := now.Add(pause)
	for _, s := range waits {
		switch {
		case j.failures > 0: // only a poll that succeeds can tell
		case j.missingSince != 0:
			due = min(due, j.graceEnds(s))
		case s.wait.settings.StallTimeout > 0:
			due = min(due, j.stallEnds(s))
		}
		due = s.withLastPoll(due, began)
	}
	return due
}

var random = rand.Float64 // tests replace it

// backoff returns the pause after so many failures: it doubles, up to 60 intervals.
func backoff(failures int, interval time.Duration) time.Duration {
	return interval * time.Duration(min(1<<min(failures, 7)/2, 60))
}
