package emulator

import (
	"math"
	"slices"
	"time"
)

// DefaultDuration is how long a job takes unless a [Plan] says otherwise: long
// enough to be seen on its way, short enough to wait for at a terminal.
const DefaultDuration = 8 * time.Second

// JobStart describes a job that is about to start.
type JobStart struct {
	Type         string // CreateCIMG, ImportCIMG, ChangeCIMGName or DeleteCIMG
	Region       string // the region the job runs in
	JobUUID      string
	ResourceUUID string // the image the job works on
	Name         string // that image's name; of a ChangeCIMGName the new one
}

// Plan says how one job goes. Its zero value ends successfully at once; a
// Duration of math.MaxInt64 never ends.
type Plan struct {
	// Duration is how long the job takes to succeed. Zero or less: it has
	// ended by the first look at it.
	Duration time.Duration

	// Curve is how progress shows on the way; nil: [Linear].
	Curve Curve

	// Failure makes the job fail with this text as its result; empty: it
	// succeeds.
	Failure string

	// FailAt is the fraction of Duration, 0 to 1, at which a job with a
	// Failure fails. Its progress stays where it was then.
	FailAt float64
}

func defaultPlan(JobStart) Plan { return Plan{Duration: DefaultDuration} }

// length returns how long the job runs until it ends, well or not.
func (p Plan) length() time.Duration {
	length := max(p.Duration, 0)
	// The product is taken only where it is shorter than the whole: a float64
	// cannot hold the longest durations exactly.
	if p.Failure != "" && p.FailAt < 1 {
		length = time.Duration(p.FailAt * float64(length))
	}
	return length
}

// Curve maps the fraction of its duration that a job has run, 0 to 1, to the
// progress it shows, 0 to 100; what lies outside is brought within. It must be
// pure. Only done ends a job: a curve that reaches 100 early shows whether a
// client knows.
type Curve func(fraction float64) (percent float64)

// Linear shows progress in step with time, in whole percents, at most 99.
func Linear(fraction float64) float64 { return wholePercent(100 * fraction) }

// Silent shows nothing until the job is done.
func Silent(float64) float64 { return 0 }

// BackLoaded shows little progress for long and most of it near the end, in
// whole percents, at most 99.
func BackLoaded(fraction float64) float64 { return wholePercent(100 * fraction * fraction * fraction) }

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
		return wholePercent(100 * float64(passed) / float64(len(at)+1))
	}
}

// wholePercent is how the captured responses show progress before the end.
func wholePercent(percent float64) float64 {
	const noise = 1e-9 // 100*0.57 is a little less than 57
	return min(math.Floor(percent+noise), 99)
}

// percent evaluates the curve as a response may show it.
func (c Curve) percent(fraction float64) float64 {
	percent := c(fraction)
	if math.IsNaN(percent) {
		return 0
	}
	return min(max(percent, 0), 100)
}
