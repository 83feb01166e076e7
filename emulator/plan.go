package emulator

import "time"

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
