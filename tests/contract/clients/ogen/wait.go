package cimgogen

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// Waiting is how to wait for jobs.
type Waiting struct {
	PauseBefore func(poll int) time.Duration // before the first poll (0), the second (1), ...
	Grace       time.Duration                // for which the service may not know a job yet
	Deadline    time.Duration                // after which the wait is given up
}

// Patient is how to wait for jobs that take minutes.
var Patient = Waiting{
	PauseBefore: func(poll int) time.Duration {
		return time.Duration(min(math.Pow(1.5, float64(poll)), 60) * float64(time.Second))
	},
	Grace:    30 * time.Second,
	Deadline: time.Hour,
}

// WaitForJobs waits until all the jobs have ended, well or not, and returns
// them as they ended. All that are left are asked for in one request; as it
// changes nothing, it is simply sent again after a failure that may pass.
func WaitForJobs(
	ctx context.Context, client *generated.Client, region generated.RegionId, started []generated.Job, waiting Waiting,
) ([]generated.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, waiting.Deadline)
	defer cancel()
	jobs := map[string]generated.Job{}
	left := map[string]time.Time{} // and since when it is missing
	for _, job := range started {
		jobs[job.JobUuid] = job
		left[job.JobUuid] = time.Time{}
	}

	var lastErr error
	for poll := 0; len(left) > 0; poll++ {
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), lastErr)
		case <-time.After(waiting.PauseBefore(poll)):
		}
		params := generated.GetJobResultParams{RegionId: region}
		for _, job := range started {
			if _, ok := left[job.JobUuid]; ok {
				params.JobUuids = append(params.JobUuids, generated.UUID(job.JobUuid))
			}
		}
		reply, err := client.GetJobResult(ctx, params)
		seen, err := jobsOf(reply, err)
		lastErr = err
		// An id that is not known yet may be left out, or the whole request refused.
		if err != nil && (!errors.Is(err, ErrRejected) || errors.Is(err, statusError(http.StatusTooManyRequests))) {
			continue
		}

		found := map[string]bool{}
		for _, job := range seen {
			before, asked := jobs[job.JobUuid]
			if !asked {
				continue
			}
			if !job.ResourceUuid.Set { // a later reply may lack what an earlier one had
				job.ResourceUuid = before.ResourceUuid
			}
			found[job.JobUuid] = true
			jobs[job.JobUuid] = job
			left[job.JobUuid] = time.Time{}
			if job.Done {
				delete(left, job.JobUuid)
			}
		}
		for id, since := range left {
			switch {
			case found[id]:
			case since.IsZero():
				left[id] = time.Now()
			case time.Since(since) > waiting.Grace:
				return nil, errors.Join(fmt.Errorf("job %s is not known", id), err)
			}
		}
	}

	ended := make([]generated.Job, len(started))
	for i, job := range started {
		ended[i] = jobs[job.JobUuid]
	}
	return ended, nil
}
