package poller

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// job is a job that somebody waits for. All waits for it share it. There may be
// a hundred thousand, so that the size of its members counts.
type job struct {
	region    *region
	id        string
	interests []*interest
	since     time.Time // when it was started; if that is not known, when it came

	state     gen.Job   // if it was reported
	changedAt time.Time // when state changed last
	changes   [polling.MaxChanges]polling.Change
	kept      int32 // of changes
	unchanged int32
	polls     int32 // that showed it

	failures     int32 // polls in a row that failed
	lastPoll     error
	missingSince time.Time // zero: it is not

	asked    time.Time // when it was asked for last; before, when it came
	due      time.Time
	interval time.Duration // between them, as it counts for the pace
	share    float64       // of the region's demand
	flight   *flight       // if its place is inFlight
	index    int32         // in its place, if that is a heap
	size     int32         // of the id in a request
	place    place
	reported bool
	wasAsked bool
	lone     bool // it was refused when it was asked for alone
}

// place is where a job stands between two polls.
type place uint8

const (
	nowhere  place = iota
	waiting        // until it is due
	ready          // to be asked for, with others
	suspect        // to be asked for in a group of its own
	inFlight       // its poll is under way
)

// startedAt makes it known when the job was started.
func (j *job) startedAt(at, now time.Time) {
	switch {
	case at.IsZero(): // it may have been running for long
	case at.After(now): // the clocks of two processes may differ
		j.startedAt(now, now)
	case j.kept == 0:
		j.since, j.kept = at, 1 // 0 % after 0 s
	}
}

func (j *job) history() polling.History {
	return polling.History{Changes: j.changes[:j.kept:j.kept], Unchanged: int(j.unchanged), Polls: int(j.polls)}
}

// see takes note of a state that a poll showed.
func (j *job) see(state gen.Job, now time.Time) {
	j.failures, j.lastPoll, j.missingSince, j.lone = 0, nil, time.Time{}, false
	for _, i := range j.interests {
		i.failures = 0
	}
	state.JobUUID = j.id // one string for all its replies
	if state.UUID == j.id {
		state.UUID = j.id
	}
	if j.reported && state == j.state {
		state = j.state
	}
	changed := !j.reported || state != j.state
	j.record(state.Progress, now)
	j.state, j.reported = state, true
	switch {
	case state.Done:
		for _, i := range j.interests {
			i.end(nil)
		}
		j.leave()
	case changed:
		j.changedAt = now
		for _, i := range j.interests {
			i.notice()
		}
	default:
		j.endWhere(ErrStalled, func(i *interest) bool {
			return i.wait.settings.StallTimeout > 0 && !now.Before(i.stallEnds())
		})
	}
}

// record adds a poll to the history.
func (j *job) record(progress float64, now time.Time) {
	j.polls++
	if j.kept > 0 && j.changes[j.kept-1].Progress == progress {
		j.unchanged++
		return
	}
	if int(j.kept) == len(j.changes) { // the first stays: rates are counted from it
		copy(j.changes[1:], j.changes[2:])
		j.kept--
	}
	j.changes[j.kept] = polling.Change{Elapsed: now.Sub(j.since), Progress: progress}
	j.kept++
	j.unchanged = 0
}

// miss takes note of a reply without the job, or of the refusal of its id alone.
func (j *job) miss(refused error, now time.Time) {
	j.failures, j.lastPoll, j.lone = 0, refused, refused != nil
	if j.missingSince.IsZero() {
		j.missingSince = now
	}
	cause := refused
	if cause == nil {
		cause = ErrMissing
	}
	j.endWhere(cause, func(i *interest) bool {
		i.failures = 0
		return !now.Before(i.graceEnds())
	})
}

// fail takes note of a poll that failed.
func (j *job) fail(err error) {
	j.failures++
	j.lastPoll = err
	j.endWhere(err, func(i *interest) bool {
		i.failures++
		return i.failures > i.wait.settings.MaxFailures
	})
}

// endWhere ends some of the waits for the job.
func (j *job) endWhere(cause error, ends func(*interest) bool) {
	j.interests = slices.DeleteFunc(j.interests, func(i *interest) bool {
		if !ends(i) {
			return false
		}
		i.end(cause)
		return true
	})
	if len(j.interests) == 0 {
		j.leave()
	}
}

// forget takes off a wait that somebody left.
func (j *job) forget(gone *interest) {
	j.interests = slices.DeleteFunc(j.interests, func(i *interest) bool { return i == gone })
	if len(j.interests) == 0 {
		j.leave()
	}
}

// graceEnds is when a job that is missing is given up.
func (i *interest) graceEnds() time.Time {
	return latest(i.job.missingSince, i.wait.joined).Add(i.wait.settings.MissingGrace)
}

// stallEnds is when a job that stays as it is is given up.
func (i *interest) stallEnds() time.Time {
	return latest(i.job.changedAt, i.wait.joined).Add(i.wait.settings.StallTimeout)
}

// plan says when the job is due next, after a poll that began at a time. The
// pause is at least a gap long, but for what the waits for it need to know
// sooner.
func (j *job) plan(now, began time.Time) {
	least := j.region.config.Gap
	pause := max(j.pause(now), least)
	if j.failures == 0 {
		// The jobs of many clients must not be asked for in step for ever. A
		// pause after a failure stays whole: the budget of failures is worth
		// the time that their pauses take.
		pause -= time.Duration(0.1 * rand.Float64() * float64(pause-least))
	}
	due := now.Add(pause)
	for _, i := range j.interests {
		switch {
		case j.failures > 0: // only a poll that succeeds can tell
		case !j.missingSince.IsZero():
			due = earliest(due, i.graceEnds())
		case i.wait.settings.StallTimeout > 0:
			due = earliest(due, i.stallEnds())
		}
		due = i.withLastPoll(due, began)
	}
	j.due = due
}

// planFirst says when the job is due first: at once, unless it was started so
// recently that it cannot have ended.
func (j *job) planFirst(i *interest, now time.Time) {
	due := now
	if j.kept > 0 {
		due = latest(due, j.since.Add(i.wait.settings.Policy.Pause(0, polling.History{})))
	}
	j.due = i.withLastPoll(due, now)
}

// withLastPoll brings a due time forward to the wait's last poll, unless that
// was made: by a poll that began in its time.
func (i *interest) withLastPoll(due, began time.Time) time.Time {
	if last := i.wait.lastPoll; last.After(began) {
		return earliest(due, last)
	}
	return due
}

// pause is the shortest that the policies of its waits want; after failures it
// doubles from one to the next.
func (j *job) pause(now time.Time) time.Duration {
	if j.failures > 0 {
		return j.region.config.Gap * time.Duration(min(1<<min(j.failures-1, 6), longestBackoff))
	}
	pause := time.Duration(math.MaxInt64)
	var last *Settings
	for _, i := range j.interests {
		if i.wait.settings != last { // most waits have the client's
			last = i.wait.settings
			pause = min(pause, last.Policy.Pause(now.Sub(j.since), j.history()))
		}
	}
	return pause
}

// longestBackoff is the longest pause after a failed poll, in gaps.
const longestBackoff = 60

// halfWay tells whether the job may be asked for before it is due.
func (j *job) halfWay(now time.Time) bool { return now.Sub(j.asked) >= j.due.Sub(j.asked)/2 }

// deadline is by when the job should have been asked for, at twice its interval.
func (j *job) deadline() time.Time { return j.due.Add(j.interval) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
