package bench

import (
	"math/rand/v2"
	"time"

	"github.com/cimg-go/cimg/wrapper/polling"
)

// pacer returns the time from a poll of a job to the next, given the time of
// the last one since the job's start. The first call returns the time from the
// start to the first poll. A pacer has the state of one job.
type pacer func(j *job, elapsed time.Duration) time.Duration

// policy makes the pacers of one way to wait.
type policy struct {
	name  string
	start func(r *rand.Rand) pacer
}

var adaptive = policy{"adaptive", func(r *rand.Rand) pacer { return paced(polling.Adaptive{}, r) }}

// compared are policies in use today, from their documented formulas.
var compared = []policy{
	{"constant 1 s", func(*rand.Rand) pacer { return constant(time.Second) }},
	{"doubling to 10 s", func(*rand.Rand) pacer { return doubling(500*time.Millisecond, 10*time.Second) }},
	{"doubling to 60 s", func(*rand.Rand) pacer { return doubling(500*time.Millisecond, time.Minute) }},
	{"AWS waiter", func(r *rand.Rand) pacer { return awsWaiter(2*time.Second, 2*time.Minute, r) }},
	{"gax", func(r *rand.Rand) pacer { return gax(time.Second, time.Minute, r) }},
}

var policies = append([]policy{adaptive}, compared...)

// paced follows a policy of this module like the poller of package wrapper does
// for a single job whose start is known.
func paced(p polling.Policy, r *rand.Rand) pacer {
	const gap = time.Second // the shortest pause
	var seen polling.History
	return func(j *job, elapsed time.Duration) time.Duration {
		if seen.Changes == nil {
			seen.Changes = append(make([]polling.Change, 0, polling.MaxChanges), polling.Change{})
			return p.Pause(0, polling.History{})
		}
		seen.Add(elapsed, j.progress(elapsed))
		pause := max(p.Pause(elapsed, seen), gap)
		return pause - time.Duration(0.1*r.Float64()*float64(pause-gap)) // jitter, so that clients do not fall into step
	}
}

func constant(pause time.Duration) pacer {
	return func(*job, time.Duration) time.Duration { return pause }
}

func doubling(first, limit time.Duration) pacer {
	next := first
	return func(*job, time.Duration) time.Duration {
		pause := next
		next = min(2*next, limit)
		return pause
	}
}

// awsWaiter is the waiter of the AWS SDK for Go v2: it polls immediately, then
// at random between the minimum delay and one that doubles with every attempt.
func awsWaiter(minDelay, maxDelay time.Duration, r *rand.Rand) pacer {
	attempts := 0
	return func(*job, time.Duration) time.Duration {
		attempts++
		if attempts == 1 {
			return 0
		}
		delay := min(minDelay<<min(attempts-2, 16), maxDelay)
		if delay == minDelay {
			return minDelay
		}
		return minDelay + time.Duration(r.Int64N(int64(delay-minDelay)))
	}
}

// gax is how Google's clients wait for a long-running operation: they poll
// immediately, then at random within a bound that doubles with every attempt.
func gax(initial, maxDelay time.Duration, r *rand.Rand) pacer {
	var bound time.Duration
	return func(*job, time.Duration) time.Duration {
		if bound == 0 {
			bound = initial
			return 0
		}
		pause := 1 + time.Duration(r.Int64N(int64(bound)))
		bound = min(2*bound, maxDelay)
		return pause
	}
}
