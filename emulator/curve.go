package emulator

import (
	"math"
	"slices"
)

// Curve maps the fraction of its duration that a job has run, 0 to 1, to the
// progress it shows, 0 to 100; what lies outside is brought within. It must be
// pure. Only done ends a job: a curve that reaches 100 early shows whether a
// client knows.
type Curve func(fraction float64) (percent float64)

// Linear shows progress in step with time, in whole percents, at most 99.
func Linear(fraction float64) float64 { return whole(100 * fraction) }

// Silent shows nothing until the job is done.
func Silent(float64) float64 { return 0 }

// BackLoaded shows little progress for long and most of it near the end, in
// whole percents, at most 99.
func BackLoaded(fraction float64) float64 { return whole(100 * fraction * fraction * fraction) }

// Stages shows progress in equal steps, in whole percents, one at each of the
// given fractions of the duration: Stages(0.1, 0.8) stands at 0, from 0.1 on at
// 33 and from 0.8 on at 66.
func Stages(at ...float64) Curve {
	at = slices.Clone(at)
	return func(fraction float64) float64 {
		passed := 0
		for _, step := range at {
			if fraction >= step {
				passed++
			}
		}
		return whole(100 * float64(passed) / float64(len(at)+1))
	}
}

// whole is how the captured replies show progress before the end.
func whole(percent float64) float64 {
	const noise = 1e-9 // 100*0.57 is a little less than 57
	return min(math.Floor(percent+noise), 99)
}

// percent evaluates the curve as a reply may show it.
func (c Curve) percent(fraction float64) float64 {
	percent := c(fraction)
	if math.IsNaN(percent) {
		return 0
	}
	return min(max(percent, 0), 100)
}
