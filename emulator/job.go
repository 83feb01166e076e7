package emulator

import (
	"time"

	"github.com/cimg-go/cimg/gen"
)

// The types of the jobs that operations start. That of a rename is the
// service's spelling.
const (
	typeCreate     = "CreateCIMG"
	typeImport     = "ImportCIMG"
	typeChangeName = "ChangeCIMGName"
	typeDelete     = "DeleteCIMG"
)

// job is a job in a region. Nothing moves it along: what it shows is computed
// from the clock when somebody looks.
type job struct {
	JobStart
	number  int // counts up with each job started
	plan    Plan
	started time.Time
	ends    time.Time
	done    bool
}

func newJob(start JobStart, number int, plan Plan, now time.Time) *job {
	if plan.Curve == nil {
		plan.Curve = Linear
	}
	plan.FailAt = min(max(plan.FailAt, 0), 1)
	return &job{JobStart: start, number: number, plan: plan, started: now, ends: now.Add(plan.length())}
}

// succeeded says whether a job that is done ended well.
func (j *job) succeeded() bool { return j.plan.Failure == "" }

// fail makes the job fail at its end although it was planned to succeed.
func (j *job) fail(why string) { j.plan.Failure, j.plan.FailAt = why, 1 }

// state returns the job as getJobResult replies it at a moment.
func (j *job) state(now time.Time) gen.Job {
	state := gen.Job{
		JobUUID:      j.JobUUID,
		ResourceUUID: j.ResourceUUID,
		Type:         j.Type,
		UUID:         j.JobUUID,
		Done:         j.done,
	}
	switch {
	case !j.done:
		elapsed := max(now.Sub(j.started), 0)
		state.Progress = j.plan.Curve.percent(float64(elapsed) / float64(j.plan.Duration))
	case j.succeeded():
		state.Success = true
		state.Progress = 100
	default:
		state.Progress = j.plan.Curve.percent(j.plan.FailAt)
		state.Result = j.plan.Failure
	}
	return state
}

// accepted returns the job as the reply that starts it shows it: with two
// members that later replies lack.
func (j *job) accepted() gen.Job {
	return gen.Job{
		JobUUID:      j.JobUUID,
		ResourceUUID: j.ResourceUUID,
		ResourceType: "cimg",
		Status:       statusProcessing,
		Type:         j.Type,
		UUID:         j.JobUUID,
	}
}

// jobQueue holds the jobs that are not done as a heap, the next to end first,
// so that a look at the clock costs little however many jobs there are.
type jobQueue []*job

func (q jobQueue) Len() int      { return len(q) }
func (q jobQueue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q *jobQueue) Push(x any)   { *q = append(*q, x.(*job)) }

func (q jobQueue) Less(i, k int) bool {
	if !q[i].ends.Equal(q[k].ends) {
		return q[i].ends.Before(q[k].ends)
	}
	return q[i].number < q[k].number
}

func (q *jobQueue) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	*q = (*q)[:last]
	return j
}
