package emulator

import (
	"math"
	"slices"
	"time"
)

// DefaultDuration is how long a job takes by default: long enough to show
// progress, short enough to wait for at a terminal.
const DefaultDuration = 8 * time.Second

// JobStart describes a job that is about to start.
type JobStart struct {
	Type         string // CreateCIMG, ImportCIMG, ChangeCIMGName or DeleteCIMG
	Region       string // the region the job runs in
	JobUUID      string
	ResourceUUID string // the image the job works on
	Name         string // that image's name; of a ChangeCIMGName the new one
}

// Plan decides how one job goes. With the zero value it succeeds at once; with a
// Duration of math.MaxInt64 it never finishes.
type Plan struct {
	// Duration is how long the job takes to succeed. With 0 or less it is done
	// by the first poll.
	Duration time.Duration

	// Curve is the progress of the running job. Default: [Linear].
	Curve Curve

	// Failure makes the job fail with this text as its result.
	Failure string

	// FailAt is the fraction of Duration, 0 to 1, at which a job with a Failure
	// fails; other values are clamped. Its progress stays at the value of that
	// moment.
	FailAt float64

	// MissingFor is how long after its start getJobResult does not know the job:
	// see [Options.UnknownJobs]. How soon the service knows it is not published.
	MissingFor time.Duration

	// RejectedFor is how long after its start getJobResult rejects a request that
	// names the job, with errno 41026.
	RejectedFor time.Duration
}

func defaultPlan(JobStart) Plan { return Plan{Duration: DefaultDuration} }

// length returns how long the job runs until it succeeds or fails.
func (p Plan) length() time.Duration {
	length := max(p.Duration, 0)
	// Multiply only where it shortens the duration: a float64 cannot hold the
	// longest durations exactly.
	if p.Failure != "" && p.FailAt < 1 {
		length = time.Duration(p.FailAt * float64(length))
	}
	return length
}

// Curve maps the fraction of its duration that a job has run, 0 to 1, to the
// progress it reports, 0 to 100; other results are clamped. It must be a pure
// function. A curve that reaches 100 early tests that a client waits for done.
type Curve func(fraction float64) (percent float64)

// Linear reports progress in proportion to time, in whole percents up to 99.
func Linear(fraction float64) float64 { return wholePercent(100 * fraction) }

// Silent reports 0 until the job is done.
func Silent(float64) float64 { return 0 }

// BackLoaded reports most of the progress near the end, in whole percents up to
// 99.
func BackLoaded(fraction float64) float64 { return wholePercent(100 * fraction * fraction * fraction) }

// Stages reports progress in equal steps, in whole percents, one at each given
// fraction of the duration: Stages(0.1, 0.8) reports 0, then 33 from 0.1 on and
// 66 from 0.8 on.
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

// wholePercent rounds progress down and stops at 99, as in the captured
// responses of running jobs.
func wholePercent(percent float64) float64 {
	const noise = 1e-9 // 100*0.57 is a little less than 57
	return min(math.Floor(percent+noise), 99)
}

// percent returns the value of the curve, clamped to what a response may hold.
func (c Curve) percent(fraction float64) float64 {
	return clamp(c(clamp(fraction, 1)), 100)
}

// clamp returns the number from 0 to top that is closest to x; NaN is 0.
func clamp(x, top float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), top)
}
