package waiting

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// truth is the real course of a job, and what the service reported of it. The
// service's mutex guards the reports.
type truth struct {
	ref       wrapper.JobRef
	started   time.Time
	duration  time.Duration
	succeeds  bool
	progress  string    // one of progresses
	poison    string    // how every request with its id ends, one of poisons; empty: like others
	knownFrom time.Time // before that, the service does not know it

	ends      []report                  // the final states that responses reported
	reported  map[wrapper.Job]time.Time // the states that responses reported, and when last
	strayed   map[wrapper.Job]time.Time // the states that stray responses reported since, and when first
	polled    time.Time                 // when it was last polled
	pollEnded time.Time                 // when a poll last ended
	earlier   []standing                // earlier standings at that very moment
	standing
}

// standing is what the polls for a job have found so far, as far as the waits
// may know.
type standing struct {
	last         wrapper.Job // the state that the last response reported
	changed      time.Time   // the earliest time since which responses report it
	missingSince time.Time   // the earliest time since which responses lack the job; zero: they have it
	failures     int         // the maximum number of consecutive failed polls
	denied       time.Time   // when it was rejected permanently
}

// note prepares for the result of a poll.
func (j *truth) note(now time.Time) {
	if now.Equal(j.pollEnded) {
		j.earlier = append(j.earlier, j.standing)
	} else {
		j.earlier = nil
	}
	j.pollEnded = now
}

// standings returns what the polls have found that a wait may have learned at
// this very moment. A slow poll may be followed at once by another with an
// immediate response.
func (j *truth) standings(now time.Time) []standing {
	if !now.Equal(j.pollEnded) {
		return []standing{j.standing}
	}
	return append(slices.Clone(j.earlier), j.standing)
}

// report is a state that a response reported.
type report struct {
	at    time.Time
	state wrapper.Job
	stray bool // the waits may not see it
}

// progresses are the ways in which jobs report their progress.
var progresses = []string{"steady", "stuck at 100 %", "at random"}

// poisons are the ways in which an id can spoil each request that it is in.
var poisons = []string{"rejected", "fails", "denied", "hangs"}

// never is longer than any wait: some jobs are known only after that.
const never = 1000 * time.Hour

func (j *truth) isNeverKnown() bool { return j.knownFrom.Sub(j.started) >= never }

func (j *truth) endsAt() time.Time { return j.started.Add(j.duration) }

// state returns the job's state now. Its progress may fall, or be complete too
// early.
func (j *truth) state(now time.Time, random *rand.Rand) wrapper.Job {
	state := wrapper.Job{JobUUID: j.ref.JobUUID, Type: "CreateCIMG", ResourceUUID: "image of " + j.ref.JobUUID}
	switch j.progress {
	case "steady":
		state.Progress = min(100, float64(100*now.Sub(j.started)/(j.duration+1)))
	case "stuck at 100 %":
		state.Progress = 100
	default:
		state.Progress = float64(random.IntN(120))
	}
	if !now.Before(j.endsAt()) {
		state.Done, state.Success = true, j.succeeds
		if !j.succeeds {
			state.Result = "result of " + j.ref.JobUUID
		}
	}
	return state
}

// contradict returns another state of the same job, for the same response.
func contradict(state wrapper.Job, random *rand.Rand) wrapper.Job {
	switch {
	case !state.Done:
		state.Progress++
	case random.IntN(2) == 0:
		state.Done, state.Success = false, false
	default:
		state.Success, state.Result = !state.Success, "the contrary"
	}
	return state
}

// report records what a response reports of the job. The waits may or may not
// have seen a stray response.
func (j *truth) report(now time.Time, stray bool, states ...wrapper.Job) {
	for _, state := range states {
		if state.Done {
			j.ends = append(j.ends, report{now, state, stray})
		}
		j.reported[state] = now
	}
	if stray {
		for _, state := range states {
			if _, found := j.strayed[state]; !found {
				j.strayed[state] = now
			}
		}
		return
	}
	j.note(now)
	j.failures, j.missingSince = 0, time.Time{}
	for _, state := range states {
		if state == j.last && !j.changed.IsZero() {
			continue
		}
		j.last, j.changed = state, now
		if heard, found := j.strayed[state]; found {
			j.changed = heard
		}
	}
	clear(j.strayed)
}

// miss records that a response lacks the job.
func (j *truth) miss(now time.Time, stray bool) {
	j.note(now)
	if !stray {
		j.failures = 0
	}
	if j.missingSince.IsZero() {
		j.missingSince = now
	}
}

// fail records that a poll failed.
func (j *truth) fail(now time.Time) {
	j.note(now)
	j.failures++
}

// reportedFrom returns when the service first reported that the job had
// finished, at or after from, so that all its waits must have seen it.
func (j *truth) reportedFrom(from time.Time) (at time.Time, found bool) {
	i := slices.IndexFunc(j.ends, func(end report) bool { return !end.stray && !end.at.Before(from) })
	if i < 0 {
		return at, false
	}
	return j.ends[i].at, true
}
