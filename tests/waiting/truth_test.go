package waiting

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// truth is what becomes of a job, and what the service said of it. The service's
// mutex guards what was said.
type truth struct {
	ref       wrapper.JobRef
	started   time.Time
	duration  time.Duration
	succeeds  bool
	progress  string    // how it goes
	poison    bool      // a request with its id is refused, whole
	knownFrom time.Time // before, the service does not know it

	ends    []telling                 // the ends that responses told
	told    map[wrapper.Job]time.Time // the states that responses told, and when last
	strayed map[wrapper.Job]time.Time // those that stray responses told since, and when first
	asked   time.Time                 // when it was asked for last
	noted   time.Time                 // when a poll came to its end last
	earlier []standing                // after polls that ended at that very moment, before the last
	standing
}

// standing is what the polls for a job have come to, as far as those who wait
// may know.
type standing struct {
	last     wrapper.Job // the state that the last response told
	changed  time.Time   // when responses began to tell it, at the earliest
	lacking  time.Time   // since when responses lack it, at the earliest; zero: they do not
	failures int         // polls in a row that failed, at most
	denied   time.Time   // when it was refused for good
}

// note makes ready for what a poll comes to.
func (j *truth) note(now time.Time) {
	if now.Equal(j.noted) {
		j.earlier = append(j.earlier, j.standing)
	} else {
		j.earlier = nil
	}
	j.noted = now
}

// standings are what the polls have come to that somebody may have learned of
// just now. After a slow poll the next may come, and be answered, at once.
func (j *truth) standings(now time.Time) []standing {
	if !now.Equal(j.noted) {
		return []standing{j.standing}
	}
	return append(slices.Clone(j.earlier), j.standing)
}

// telling is a state that a response told.
type telling struct {
	at    time.Time
	state wrapper.Job
	stray bool // nobody need hear of it
}

// progresses are how jobs report their progress.
var progresses = []string{"steady", "stuck at 100 %", "at random"}

// never is when the service gets to know some jobs.
const never = 1000 * time.Hour

func (j *truth) isNeverKnown() bool { return j.knownFrom.Sub(j.started) >= never }

func (j *truth) endsAt() time.Time { return j.started.Add(j.duration) }

// state is how the job stands. It may seem to fall back, or to be complete.
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

// tell notes what a response tells of the job. Of a stray response it is not known
// whether those who wait have heard.
func (j *truth) tell(now time.Time, stray bool, states ...wrapper.Job) {
	for _, state := range states {
		if state.Done {
			j.ends = append(j.ends, telling{now, state, stray})
		}
		j.told[state] = now
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
	j.failures, j.lacking = 0, time.Time{}
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

// lack notes that a response lacks the job.
func (j *truth) lack(now time.Time, stray bool) {
	j.note(now)
	if !stray {
		j.failures = 0
	}
	if j.lacking.IsZero() {
		j.lacking = now
	}
}

// fail notes that a poll failed.
func (j *truth) fail(now time.Time) {
	j.note(now)
	j.failures++
}

// deny notes that it was refused for good.
func (j *truth) deny(now time.Time) {
	j.note(now)
	j.denied = now
}

// saidFrom returns when the service first said the job's end, not before from,
// so that all who wait for it must have heard.
func (j *truth) saidFrom(from time.Time) (at time.Time, found bool) {
	i := slices.IndexFunc(j.ends, func(end telling) bool { return !end.stray && !end.at.Before(from) })
	if i < 0 {
		return at, false
	}
	return j.ends[i].at, true
}
