package cimgogen

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// Waiting is how to wait for jobs.
type Waiting struct {
	PauseBefore func(poll int) time.Duration // before the first poll (0), the second (1), ...
	Gap         time.Duration                // between two requests of one poll, when its jobs need several
	Grace       time.Duration                // for which the service may not know a job yet
	Deadline    time.Duration                // after which the wait is given up
}

// Patient is how to wait for jobs that take minutes.
var Patient = Waiting{
	PauseBefore: func(poll int) time.Duration {
		return time.Duration(min(math.Pow(1.5, float64(poll)), 60) * float64(time.Second))
	},
	Gap:      time.Second,
	Grace:    30 * time.Second,
	Deadline: time.Hour,
}

// WaitError is a wait that ended before its jobs, which may go on: with their ids
// so can it.
type WaitError struct {
	Left []string // ids
	Err  error
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("waiting ended: %v; left: %s", e.Err, strings.Join(e.Left, ","))
}
func (e *WaitError) Unwrap() error { return e.Err }

const idsInARequest = 100

// WaitForJobs waits until all the jobs have ended, well or not, and returns
// them as they ended. Many are asked for in one request; as it changes nothing, it
// is simply sent again after a failure that may pass. The error is a *WaitError.
func WaitForJobs(
	ctx context.Context, client *generated.Client, region generated.RegionId, started []generated.Job, waiting Waiting,
) ([]generated.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, waiting.Deadline)
	defer cancel()
	w := wait{
		client: client, region: region, jobs: slices.Clone(started), grace: waiting.Grace,
		missing: map[string]time.Time{}, alone: map[string]bool{},
	}
	for poll := 0; len(w.left()) > 0; poll++ {
		pause := waiting.PauseBefore(poll)
		for _, ids := range w.requests() {
			select {
			case <-ctx.Done():
				return nil, &WaitError{w.left(), ctx.Err()}
			case <-time.After(max(pause, time.Until(w.notBefore))):
			}
			if err := w.ask(ctx, ids); err != nil {
				return nil, &WaitError{w.left(), err}
			}
			pause = waiting.Gap
		}
	}
	return w.jobs, nil
}

type wait struct {
	client    *generated.Client
	region    generated.RegionId
	jobs      []generated.Job      // as last seen
	missing   map[string]time.Time // since when
	alone     map[string]bool      // the ids of a refused request, until each is answered
	grace     time.Duration
	notBefore time.Time // as the last answer wanted
}

// left returns the ids of the jobs that have not ended.
func (w *wait) left() (ids []string) {
	for _, job := range w.jobs {
		if !job.Done {
			ids = append(ids, job.JobUuid)
		}
	}
	return ids
}

// requests puts the ids of the jobs that have not ended into requests: many in
// each, those that are to be alone apart.
func (w *wait) requests() (requests [][]string) {
	var others []string
	for _, id := range w.left() {
		if w.alone[id] {
			requests = append(requests, []string{id})
		} else {
			others = append(others, id)
		}
	}
	return slices.AppendSeq(requests, slices.Chunk(others, idsInARequest))
}

// ask polls once. An error ends the wait.
func (w *wait) ask(ctx context.Context, asked []string) error {
	params := generated.GetJobResultParams{RegionId: w.region}
	for _, id := range asked {
		params.JobUuids = append(params.JobUuids, generated.UUID(id))
	}
	reply, err := w.client.GetJobResult(context.WithValue(ctx, notBeforeKey{}, &w.notBefore), params)
	a := answerOf(reply, err)
	if a.err != nil {
		switch a.trouble() {
		case passing:
			return nil
		case refused:
			return fmt.Errorf("the poll is refused: %w", a.err)
		}
		a.jobs = nil
	}
	for _, id := range asked {
		w.alone[id] = a.err != nil // one of them may be the reason
	}
	if a.err != nil && len(asked) > 1 {
		return nil
	} // else it is this one, which may not be known yet
	seen := map[string]bool{}
	for _, job := range a.jobs {
		seen[job.JobUuid] = true
		w.see(job)
	}
	for _, id := range asked {
		since := w.missing[id]
		switch {
		case seen[id]:
			delete(w.missing, id)
		case since.IsZero():
			w.missing[id] = time.Now()
		case time.Since(since) > w.grace && a.err != nil:
			return fmt.Errorf("job %s is not known: %w", id, a.err)
		case time.Since(since) > w.grace:
			return fmt.Errorf("job %s is not known", id)
		}
	}
	return nil
}

// see takes note of a job, unless it is nobody's or told twice.
func (w *wait) see(job generated.Job) {
	i := slices.IndexFunc(w.jobs, func(j generated.Job) bool { return j.JobUuid == job.JobUuid })
	if i < 0 || w.jobs[i].Done {
		return
	}
	if job.ResourceUuid.Value == "" { // a later reply may lack what an earlier one had
		job.ResourceUuid = w.jobs[i].ResourceUuid
	}
	w.jobs[i] = job
}
