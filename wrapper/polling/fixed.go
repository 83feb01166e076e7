package polling

import (
	"math"
	"time"
)

// Constant is always the same pause, whatever the job reports.
type Constant time.Duration

// Pause implements [Policy].
func (c Constant) Pause(time.Duration, History) time.Duration { return time.Duration(c) }

// Exponential multiplies the pause from poll to poll, whatever the job reports:
// use it where progress means nothing and jobs take about the same time. A zero
// field takes its default.
type Exponential struct {
	First  time.Duration // the first pause. Default: 1 s
	Max    time.Duration // the longest pause. Default: 60 s
	Factor float64       // of one pause to the next. Default: 2
}

// Pause implements [Policy].
func (e Exponential) Pause(_ time.Duration, seen History) time.Duration {
	if e.First <= 0 {
		e.First = time.Second
	}
	if e.Max <= 0 {
		e.Max = max(time.Minute, e.First)
	}
	if e.Factor <= 0 {
		e.Factor = 2
	}
	pause := float64(e.First) * math.Pow(e.Factor, float64(seen.Polls))
	if pause >= float64(e.Max) {
		return e.Max
	}
	return time.Duration(pause)
}
