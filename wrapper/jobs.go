package wrapper

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
)

// JobResults returns the state of jobs of a region, all in one request. They are
// in the order of jobUUIDs; one that the response lacks is left out, because what
// the service does with an id that it does not know is not published. How many
// ids one request may carry is not published either. If some states cannot be
// read, the others are returned with an [ErrMalformedResponse] that names those:
// with a state that names no job, each of those that the response lacks.
func (c *Client) JobResults(ctx context.Context, region string, jobUUIDs ...string) ([]Job, error) {
	var check inputCheck
	check.region(region)
	check.ids("jobUUIDs", jobUUIDs)
	if check.err != nil {
		return nil, check.err
	}
	reported, unreadable, err := c.getJobs(ctx, region, jobUUIDs, 0)
	if err != nil {
		return nil, err
	}
	if slices.EqualFunc(reported, jobUUIDs, func(job Job, uuid string) bool { return job.JobUUID == uuid }) {
		return reported, nil // as nearly always
	}
	byUUID := make(map[string]*Job, len(reported))
	for i := range reported {
		byUUID[reported[i].JobUUID] = &reported[i]
	}
	jobs := make([]Job, 0, len(jobUUIDs))
	var errs []error
	for _, uuid := range jobUUIDs {
		if job, found := byUUID[uuid]; found {
			jobs = append(jobs, *job)
		} else {
			errs = append(errs, unreadable[uuid])
		}
	}
	return jobs, oneline.Join(errs...)
}

// getJobs requests the state of jobs, in one request that is retried unless it is
// a poll, which has a time limit. It returns why it cannot read some of them, by their ids.
func (c *Client) getJobs(ctx context.Context, region string, jobUUIDs []string, pollLimit time.Duration) (jobs []Job, unreadable map[string]error, err error) {
	query, err := c.newCall(ctx, opJobResult, target{region: region, items: len(jobUUIDs)}, jobsQuery(region, jobUUIDs), nil)
	if err != nil {
		return nil, nil, err
	}
	query.once, query.timeLimit = pollLimit > 0, pollLimit
	r, err := c.send(query)
	if err != nil && (r == nil || len(r.jobs)+len(r.unreadable) == 0) {
		return nil, nil, err
	}
	if r.unnamed > 0 { // any of them may be of a job that is missing
		for _, id := range jobUUIDs {
			missing := fmt.Errorf("job %s: it is missing, and %d jobs have no valid id", id, r.unnamed)
			r.unreadable[id] = cmp.Or(r.unreadable[id], malformed(query, r, missing))
		}
	}
	return r.jobs, r.unreadable, nil
}

// jobsQuery is the query of getJobResult. The commas are as published, and shorter than
// escaped: no id has one of its own.
func jobsQuery(region string, jobUUIDs []string) string {
	escaped := make([]string, len(jobUUIDs))
	for i, id := range jobUUIDs {
		escaped[i] = url.QueryEscape(id)
	}
	return "regionId=" + url.QueryEscape(region) + "&jobUuids=" + strings.Join(escaped, ",")
}

// JobHandle is a job that a call of this client started, or that was resumed.
type JobHandle struct {
	// Ref identifies the job. Save it as text before waiting, and a crash loses
	// nothing.
	Ref JobRef

	client *Client
}

// Resume returns a handle of a job that was started earlier, maybe by another
// process. An invalid ref is an [*InputError].
func (c *Client) Resume(ref JobRef) (*JobHandle, error) {
	if err := ref.check(); err != nil {
		return nil, err
	}
	return &JobHandle{Ref: ref, client: c}, nil
}

// JobRef identifies a job. Its text form, which MarshalText and String return and
// UnmarshalText reads, is one line, which later versions will read, too.
type JobRef struct {
	Region       string
	JobUUID      string
	Type         string    // for instance CreateCIMG; may be empty
	ResourceUUID string    // the image that the job works on; empty if the service did not report it
	StartedAt    time.Time // when the request that started it was sent; may be zero
}

// identity is what two references to one job have in common.
func (r JobRef) identity() JobRef { return JobRef{Region: r.Region, JobUUID: r.JobUUID} }

func refOf(region string, job Job, startedAt time.Time) JobRef {
	return JobRef{
		Region:       region,
		JobUUID:      job.JobUUID,
		Type:         job.Type,
		ResourceUUID: job.ResourceUUID,
		StartedAt:    startedAt.UTC().Truncate(time.Millisecond),
	}
}

const refPrefix = "cimg-job:v1?"

// String returns the text form.
func (r JobRef) String() string {
	v := url.Values{"region": {r.Region}, "job": {r.JobUUID}}
	if r.Type != "" {
		v.Set("type", r.Type)
	}
	if r.ResourceUUID != "" {
		v.Set("resource", r.ResourceUUID)
	}
	if !r.StartedAt.IsZero() {
		v.Set("started", formatTime(r.StartedAt))
	}
	return refPrefix + v.Encode()
}

// MarshalText returns the text form. It fails if the region or the job's id is
// missing or invalid.
func (r JobRef) MarshalText() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads the text form. Unknown fields are ignored: a later version
// may have written them.
func (r *JobRef) UnmarshalText(text []byte) error {
	const field = "job reference"
	v, err := parseText(field, refPrefix, text)
	if err != nil {
		return err
	}
	ref := JobRef{Region: v.Get("region"), JobUUID: v.Get("job"), Type: v.Get("type"), ResourceUUID: v.Get("resource")}
	if ref.StartedAt, err = parseTime(field, v.Get("started")); err != nil {
		return err
	}
	if err := ref.check(); err != nil {
		return err
	}
	*r = ref
	return nil
}

// check rejects a reference that no job can have.
func (r JobRef) check() error {
	var check inputCheck
	check.id(named("Region"), r.Region)
	check.time(named("StartedAt"), r.StartedAt)
	check.jobUUID(named("JobUUID"), r.JobUUID)
	return check.err
}
