package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/cimg-go/cimg/emulator"
)

// job is a job that will succeed, with its progress.
type job struct {
	duration time.Duration
	curve    emulator.Curve
}

// progress is what a poll shows of a job that has not finished.
func (j *job) progress(elapsed time.Duration) float64 {
	return j.curve(float64(elapsed) / float64(j.duration))
}

// model is a way in which jobs progress.
type model struct {
	name   string
	curve  func(r *rand.Rand) emulator.Curve
	target target
}

// target is the most that waiting for jobs of a model should take.
type target struct {
	requests        float64 // a job, mean
	lateP95         float64 // percent of the duration
	lateMax         float64 // percent of the duration
	lateSecondsP95  float64 // 0: none
	isKnownToBeLate bool    // the README has the reason
}

var monotone = target{requests: 30, lateP95: 25, lateMax: 60}

var nearlyLinear = target{requests: 18, lateP95: 9, lateMax: 60}

// noisyLinear does each tenth of the work at a speed of its own.
var noisyLinear = model{name: "noisy linear", curve: tenthsOfWork(0.5), target: nearlyLinear}

var silent = model{name: "silent", curve: always(emulator.Silent), target: target{requests: 26, lateP95: 22, lateMax: 60, lateSecondsP95: 60}}

// models are those for which the policy was made, and deliberately others: a
// policy should not fit only a few curves.
var models = []model{
	noisyLinear,
	{name: "noisy linear in time", curve: tenthsOfTime(0.5), target: nearlyLinear},
	silent,
	{name: "stages", curve: stages, target: monotone},
	{name: "back-loaded", curve: always(emulator.BackLoaded), target: monotone},
	{name: "linear", curve: always(emulator.Linear), target: monotone},
	{name: "front-loaded", curve: always(func(f float64) float64 { return whole(100 * math.Cbrt(f)) }), target: monotone},
	{name: "pausing", curve: pausing, target: monotone},
	{name: "bursts", curve: tenthsOfWork(1.5), target: monotone},
	{name: "bursts in time", curve: tenthsOfTime(1.5), target: monotone},
	{name: "walk", curve: walk, target: monotone},
	{name: "99 from 60 % on", curve: always(func(f float64) float64 { return whole(99 * min(f/0.6, 1)) }), target: monotone},
	{name: "stuck at 90", curve: always(func(f float64) float64 { return min(whole(100*f), 90) }), target: monotone},
	{name: "nothing until 80 %", curve: always(func(f float64) float64 { return whole(100 * max(f-0.8, 0) / 0.2) }), target: monotone},
	{
		name: "ends at 40 %", curve: always(func(f float64) float64 { return whole(40 * f) }),
		target: target{requests: 30, lateP95: 25, lateMax: 60, isKnownToBeLate: true},
	},
}

// whole returns the progress that the service shows before the end: whole
// percents, at most 99.
func whole(percent float64) float64 { return min(math.Floor(percent+1e-9), 99) }

func always(c emulator.Curve) func(*rand.Rand) emulator.Curve {
	return func(*rand.Rand) emulator.Curve { return c }
}

// tenthsOfWork does each tenth of the work at a log-normal speed of its own.
func tenthsOfWork(sigma float64) func(*rand.Rand) emulator.Curve {
	return func(r *rand.Rand) emulator.Curve {
		ends := sums(r, sigma)
		return func(fraction float64) float64 {
			at := fraction * ends[tenths]
			i := min(sort.SearchFloat64s(ends[1:], at), tenths-1)
			return whole(100 * (float64(i) + (at-ends[i])/(ends[i+1]-ends[i])) / tenths)
		}
	}
}

// tenthsOfTime has a log-normal speed of its own in each tenth of the duration.
func tenthsOfTime(sigma float64) func(*rand.Rand) emulator.Curve {
	return func(r *rand.Rand) emulator.Curve {
		reached := sums(r, sigma)
		return func(fraction float64) float64 {
			i := min(int(fraction*tenths), tenths-1)
			within := fraction*tenths - float64(i)
			return whole(100 * (reached[i] + within*(reached[i+1]-reached[i])) / reached[tenths])
		}
	}
}

const tenths = 10

// sums returns the partial sums of log-normal variables, starting with 0.
func sums(r *rand.Rand, sigma float64) []float64 {
	sums := make([]float64, tenths+1)
	for i := range tenths {
		sums[i+1] = sums[i] + logNormal(r, sigma)
	}
	return sums
}

// stages are 2 to 5 equal steps at random times.
func stages(r *rand.Rand) emulator.Curve {
	at := make([]float64, 2+r.IntN(4))
	for i := range at {
		at[i] = r.Float64()
	}
	return emulator.Stages(at...)
}

// pausing stands still three times, for a tenth of the duration each, and is
// linear in between.
func pausing(r *rand.Rand) emulator.Curve {
	const length = 0.1
	begins := []float64{r.Float64(), r.Float64(), r.Float64()} // as fractions of the time in which it moves
	slices.Sort(begins)
	return func(fraction float64) float64 {
		const moving = 1 - 3*length
		moved := fraction
		for _, b := range begins {
			if at := b * moving; moved > at {
				moved = max(at, moved-length)
			}
		}
		return whole(100 * moved / moving)
	}
}

// walk is 60 steps of random height at random times.
func walk(r *rand.Rand) emulator.Curve {
	const steps = 60
	at, reached := make([]float64, steps), make([]float64, steps+1)
	for i := range steps {
		at[i] = r.Float64()
		reached[i+1] = reached[i] + r.ExpFloat64()
	}
	slices.Sort(at)
	return func(fraction float64) float64 {
		passed, _ := slices.BinarySearch(at, fraction)
		return whole(100 * reached[passed] / reached[steps])
	}
}

// Jobs take between 5 s and an hour, log-uniformly: as many take 5 s to 50 s as
// 50 s to 500 s.
const (
	shortest = 5 * time.Second
	longest  = time.Hour
)

func logUniform(r *rand.Rand) time.Duration {
	return time.Duration(float64(shortest) * math.Pow(float64(longest)/float64(shortest), r.Float64()))
}

func logNormal(r *rand.Rand, sigma float64) float64 { return math.Exp(sigma * r.NormFloat64()) }

// sampleJob returns the i-th job of a seed: all policies wait for the same
// jobs.
func sampleJob(m model, seed uint64, i int) *job {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	return &job{duration: logUniform(r), curve: m.curve(r)}
}
