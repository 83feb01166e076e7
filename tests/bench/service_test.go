package bench

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

const region = "gz"

// service responds to getJobResult, in memory and immediately. The emulator
// would do, but it checks so much that waiting would be a small part of the
// measurement.
type service struct {
	mu       sync.Mutex
	jobs     []*remoteJob // by number
	requests []time.Time
	polls    int

	// onPoll, if set, is called for each job of a request, with the lock held.
	onPoll func(r *remoteJob, now time.Time, done bool)
}

// remoteJob is a job at the service.
type remoteJob struct {
	*job
	started time.Time
}

func (r *remoteJob) ends() time.Time { return r.started.Add(r.duration) }

// start adds a job and returns the reference that a wait needs.
func (s *service) start(j *job, at time.Time) wrapper.JobRef {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.startLocked(&remoteJob{job: j, started: at})
}

func (s *service) startLocked(r *remoteJob) wrapper.JobRef {
	s.jobs = append(s.jobs, r)
	return wrapper.JobRef{Region: region, JobUUID: fmt.Sprintf("%032x", len(s.jobs)-1), Type: "CreateCIMG", StartedAt: r.started}
}

// RoundTrip implements [http.RoundTripper].
func (s *service) RoundTrip(request *http.Request) (*http.Response, error) {
	_, list, found := strings.Cut(request.URL.RawQuery, "jobUuids=")
	if !found || !strings.HasSuffix(request.URL.Path, "/dicloud/i/result") {
		return nil, fmt.Errorf("unexpected request: %s", request.URL)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.requests = append(s.requests, now)
	body := []byte(`{"errno":0,"errmsg":"ok","requestId":"0a60538a5b656e592104969f4b9ef2b0","data":[`)
	for id := range strings.SplitSeq(list, ",") {
		number, err := strconv.ParseInt(id, 16, 64)
		if err != nil || number >= int64(len(s.jobs)) {
			return nil, fmt.Errorf("there is no job %q", id)
		}
		r := s.jobs[number]
		done := !now.Before(r.ends())
		s.polls++
		if s.onPoll != nil {
			s.onPoll(r, now, done)
		}
		progress := 100.0
		if !done {
			progress = r.progress(now.Sub(r.started))
		}
		// The fields of a captured response.
		body = fmt.Appendf(body, `{"done":%t,"jobUuid":"%s","progress":%g,"resourceUuid":"c9ade20c2f485a7ea%015x","success":%t,"type":"CreateCIMG","uuid":"%s"},`,
			done, id, progress, number, done, id)
	}
	return respond(request, append(body[:len(body)-1], "]}"...)), nil
}

func respond(request *http.Request, body []byte) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       request,
	}
}

// client returns a client of the service.
func (s *service) client(t *testing.T, options ...wrapper.Option) *wrapper.Client {
	t.Helper()
	client, err := wrapper.New(wrapper.StaticToken(strings.Repeat("0123456789abcdef", 4)), append([]wrapper.Option{
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: s}),
	}, options...)...)
	require.NoError(t, err)
	return client
}

func resume(t *testing.T, client *wrapper.Client, ref wrapper.JobRef) *wrapper.JobHandle {
	t.Helper()
	handle, err := client.Resume(ref)
	require.NoError(t, err)
	return handle
}

// busiest returns the maximum number of requests in any second, excluding its
// end.
func (s *service) busiest() (highest int) {
	first := 0
	for i, at := range s.requests {
		for at.Sub(s.requests[first]) >= time.Second {
			first++
		}
		highest = max(highest, i-first+1)
	}
	return highest
}

// burstOf returns similar jobs, as when many images are created together.
func burstOf(n int, seed uint64) []*job {
	r := rand.New(rand.NewPCG(seed, 20))
	typical := logUniform(r)
	jobs := make([]*job, n)
	for i := range jobs {
		jobs[i] = &job{duration: time.Duration(float64(typical) * logNormal(r, 0.1)), curve: noisyLinear.curve(r)}
	}
	return jobs
}
