package waiting

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// truth is what becomes of a job, and when the service said so.
type truth struct {
	ref       wrapper.JobRef
	started   time.Time
	duration  time.Duration
	succeeds  bool
	poison    bool      // a request with its id is refused, whole
	knownFrom time.Time // before, the service does not know it
	said      []time.Time
}

func (j *truth) result() string { return "result of " + j.ref.JobUUID }

// state is how the job stands. A job may seem to fall back.
func (j *truth) state(now time.Time, random *rand.Rand) wrapper.Job {
	state := wrapper.Job{JobUUID: j.ref.JobUUID, Type: "CreateCIMG", Progress: float64(random.IntN(120))}
	if now.Sub(j.started) >= j.duration {
		state.Done, state.Success = true, j.succeeds
		if !j.succeeds {
			state.Result = j.result()
		}
	}
	return state
}

// service answers polls. What it does is drawn for each run.
type service struct {
	polling        wrapper.Polling
	trouble        float64 // how likely a request fails for a passing reason
	omits          float64 // how likely a job is missing from a reply
	repeats        float64 // how likely a job comes twice, also in contradiction
	refusesUnknown bool    // or leaves them out
	limit          int     // ids that it accepts; 0: any number

	mu          sync.Mutex
	random      *rand.Rand
	jobs        map[string]*truth
	waits       int // that have begun and not ended
	requests    int
	underWay    int
	last        map[string]time.Time // when a region was asked
	pausedUntil map[string]time.Time // by Retry-After
	broken      []string             // promises
}

// blame notes that a promise was broken.
func (s *service) blame(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Context().Err() != nil { // it was given up before it was sent
		return nil, r.Context().Err()
	}
	s.requests++
	s.underWay++
	defer func() { s.underWay-- }()
	region := r.URL.Query().Get("regionId")
	ids := strings.Split(r.URL.Query().Get("jobUuids"), ",")
	s.check(r, region, ids)

	if s.random.Float64() < s.trouble {
		if reply, err := s.fail(r, region); reply != nil || err != nil {
			return reply, err
		}
	}
	if s.refuses(ids) {
		return s.refuse()
	}
	return s.answer(ids)
}

// check holds what is promised of each request.
func (s *service) check(r *http.Request, region string, ids []string) {
	now := time.Now()
	if s.waits == 0 {
		s.blame("a request although nobody waits")
	}
	if since := now.Sub(s.last[region]); since < s.polling.Gap {
		s.blame("%s was asked %v after the last time", region, since)
	}
	s.last[region] = now
	if now.Before(s.pausedUntil[region]) {
		s.blame("%s was asked during Retry-After", region)
	}
	if len(ids) > s.polling.MaxJobs || len(ids) > 1 && len(r.URL.String()) > s.polling.MaxURLBytes {
		s.blame("%d ids in a URL of %d bytes", len(ids), len(r.URL.String()))
	}
	if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) != len(ids) {
		s.blame("an id twice in one request: %v", ids)
	}
	for _, id := range ids {
		if s.jobs[id].ref.Region != region {
			s.blame("%s is not in %s", id, region)
		}
	}
}

// fail fails for a passing reason, or is merely slow.
func (s *service) fail(r *http.Request, region string) (*http.Response, error) {
	switch s.random.IntN(6) {
	case 0:
		return nil, errors.New("connection reset by peer")
	case 1:
		return reply(http.StatusBadGateway, "<html>"), nil
	case 2:
		return reply(http.StatusOK, `{"errno":2,"errmsg":"busy","requestId":"r"}`), nil
	case 3:
		return reply(http.StatusOK, `{"errno":0,"data":[{"jobUuid":`), nil
	case 4:
		asked := time.Duration(1+s.random.IntN(100)) * time.Second
		s.pausedUntil[region] = time.Now().Add(min(asked, s.polling.MaxRetryAfter))
		refused := reply(http.StatusTooManyRequests, "")
		refused.Header.Set("Retry-After", fmt.Sprint(asked.Seconds()))
		return refused, nil
	}
	delay := time.Duration(s.random.Int64N(int64(45 * time.Second)))
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-time.After(delay):
		return nil, nil
	}
}

func (s *service) refuses(ids []string) bool {
	now := time.Now()
	return s.limit > 0 && len(ids) > s.limit || slices.ContainsFunc(ids, func(id string) bool {
		return s.jobs[id].poison || s.refusesUnknown && now.Before(s.jobs[id].knownFrom)
	})
}

func (s *service) refuse() (*http.Response, error) {
	switch s.random.IntN(4) {
	case 0:
		return reply(http.StatusBadRequest, "<html>"), nil
	case 1:
		return reply(http.StatusRequestURITooLong, ""), nil
	case 2:
		return reply(http.StatusOK, `{"errno":13,"errmsg":"illegal","requestId":"r"}`), nil
	}
	return reply(http.StatusOK, `{"errno":1,"errmsg":"illegal","requestId":"r"}`), nil
}

// answer tells of the jobs, in any order, some of them twice, and of others.
func (s *service) answer(ids []string) (*http.Response, error) {
	now := time.Now()
	jobs := []wrapper.Job{{JobUUID: "nobody asked", Type: "T", Done: true}}
	for _, id := range ids {
		j := s.jobs[id]
		if now.Before(j.knownFrom) || s.random.Float64() < s.omits {
			continue
		}
		state := j.state(now, s.random)
		jobs = append(jobs, state)
		if s.random.Float64() < s.repeats {
			state.Done, state.Success = false, false
			jobs = append(jobs, state)
		}
		if now.Sub(j.started) >= j.duration {
			j.said = append(j.said, now)
		}
	}
	s.random.Shuffle(len(jobs), func(a, b int) { jobs[a], jobs[b] = jobs[b], jobs[a] })
	body, err := json.Marshal(map[string]any{"errno": 0, "errmsg": "ok", "requestId": "r", "data": jobs})
	return reply(http.StatusOK, string(body)), err
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}
