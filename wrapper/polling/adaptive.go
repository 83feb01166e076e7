package polling

import (
	"math"
	"time"
)

// Adaptive follows the progress that a job reports; it is the default. A member
// that is not set takes its default.
//
// While progress says nothing, it waits a quarter of the time that the job has
// been running, between Min and Max: the end is then seen at most a quarter
// late. Once progress moves, it waits seven tenths of what seems to remain.
// Longer than it would wait blindly it waits only where the latest predictions
// of the end agree. A job that is overdue is asked for soon again, at first.
type Adaptive struct {
	// Min is the shortest pause. Default: 1 s.
	Min time.Duration
	// Max is the longest pause while progress says nothing. Default: 60 s.
	Max time.Duration
	// MaxTrusted is the longest pause when progress is trusted. Default: 10 min.
	MaxTrusted time.Duration
}

// The shape of the adaptive policy, as parts of what they name. The figures in
// tests/bench are those of these constants.
const (
	blindPart   = 0.25
	remainPart  = 0.7 // of what remains, once it moves
	leastPart   = 0.03
	mostPart    = 0.6 // of the elapsed time, when progress is trusted
	agreement   = 1.3 // of predicted ends, at most apart
	likeness    = 2   // of the two estimates of what remains, at most apart
	trustedEnds = 3   // predictions that must agree
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
	least := clamp(part(leastPart, elapsed), a.Min, blind)
	// Every poll that found nothing new where the end was due doubles the pause.
	last := seen.Changes[len(seen.Changes)-1]
	remaining := end.earliest - elapsed
	if seen.Unchanged > 0 && (remaining <= least || last.Progress >= nearEnd) {
		return min(least<<min(seen.Unchanged, 16), blind)
	}
	most := blind
	if end.trusted {
		most = clamp(part(mostPart, elapsed), blind, a.MaxTrusted)
	}
	return clamp(part(remainPart, remaining), least, most)
}

const nearEnd = 99

// prediction is when a job will have ended, since its start.
type prediction struct {
	earliest time.Duration
	trusted  bool
}

// predict extrapolates from the first change and from the last but one.
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

// extrapolate returns when the progress that rose from one change to another
// reaches 100.
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

func clamp(d, least, most time.Duration) time.Duration { return max(least, min(d, most)) }
