package polling

import (
	"math"
	"time"
)

// Adaptive follows the progress that a job reports; it is the default. A zero
// field takes its default.
//
// Until progress moves, it pauses for a quarter of the time that the job has been
// running, between Min and Max: the end is then noticed at most a quarter late.
// Once progress moves, it pauses for seven tenths of the predicted remaining
// time. It pauses for longer than without a prediction only if the latest
// predictions of the end agree. An overdue job is polled again soon, then less
// and less often.
type Adaptive struct {
	// Min is the shortest pause. Default: 1 s.
	Min time.Duration
	// Max is the longest pause while there is no trusted prediction. Default: 60 s.
	Max time.Duration
	// MaxTrusted is the longest pause while there is one. Default: 10 min.
	MaxTrusted time.Duration
}

// The shape of the adaptive policy. tests/bench measures these constants.
const (
	blindPart   = 0.25 // of the elapsed time, without a prediction
	remainPart  = 0.7  // of the predicted remaining time
	minPart     = 0.03 // of the elapsed time, with a prediction
	maxPart     = 0.6  // of the elapsed time, with a trusted prediction
	agreement   = 1.3  // the factor by which trusted predictions differ at most
	likeness    = 2    // the same, of the two estimates of the remaining time
	trustedEnds = 3    // how many predictions must agree
)

func (a *Adaptive) setDefaults() {
	if a.Min <= 0 {
		a.Min = time.Second
	}
	if a.Max <= 0 {
		a.Max = time.Minute
	}
	if a.MaxTrusted <= 0 {
		a.MaxTrusted = 10 * time.Minute
	}
	a.Max = max(a.Max, a.Min)
	a.MaxTrusted = max(a.MaxTrusted, a.Max)
}

// Pause implements [Policy].
func (a Adaptive) Pause(elapsed time.Duration, seen History) time.Duration {
	a.setDefaults()
	blind := clamp(part(blindPart, elapsed), a.Min, a.Max)
	end, ok := predict(seen.Changes)
	if !ok {
		return blind
	}
	shortest := clamp(part(minPart, elapsed), a.Min, blind)
	// Once the end is due, each poll that shows no change doubles the pause.
	last := seen.Changes[len(seen.Changes)-1]
	remaining := end.earliest - elapsed
	if seen.Unchanged > 0 && (remaining <= shortest || last.Progress >= nearEnd) {
		return min(shortest<<min(seen.Unchanged, 16), blind)
	}
	longest := blind
	if end.trusted {
		longest = clamp(part(maxPart, elapsed), blind, a.MaxTrusted)
	}
	return clamp(part(remainPart, remaining), shortest, longest)
}

const nearEnd = 99

// prediction is the time from a job's start to its end.
type prediction struct {
	earliest time.Duration
	trusted  bool
}

// predict extrapolates from the first change, and from the last but one.
func predict(changes []Change) (p prediction, ok bool) {
	n := len(changes)
	if n < 2 {
		return p, false
	}
	average, ok := extrapolate(changes[0], changes[n-1])
	if !ok {
		return p, false
	}
	slope, ok := extrapolate(changes[n-2], changes[n-1])
	if !ok {
		return p, false
	}
	p.earliest = min(average, slope)
	last := changes[n-1].Elapsed
	p.trusted = n > trustedEnds && alike(average-last, slope-last, likeness)
	for i := n - trustedEnds; p.trusted && i < n; i++ {
		end, ok := extrapolate(changes[0], changes[i])
		p.trusted = ok && alike(end, average, agreement)
	}
	return p, true
}

// extrapolate returns when a progress that continues as it rose between two
// changes reaches 100.
func extrapolate(from, to Change) (end time.Duration, ok bool) {
	risen, took := to.Progress-from.Progress, to.Elapsed-from.Elapsed
	if !(risen > 0) || took <= 0 {
		return 0, false
	}
	rest := max(100-to.Progress, 0) / risen * float64(took)
	if rest > float64(math.MaxInt64/4) {
		return 0, false
	}
	return to.Elapsed + time.Duration(rest), true
}

func alike(a, b time.Duration, factor float64) bool {
	return float64(max(a, b)) <= factor*float64(min(a, b))
}

func part(p float64, d time.Duration) time.Duration { return time.Duration(p * float64(d)) }

func clamp(d, shortest, longest time.Duration) time.Duration { return max(shortest, min(d, longest)) }
