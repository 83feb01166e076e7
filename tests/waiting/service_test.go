package waiting

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// service responds to polls. Its behaviour is drawn for each run.
type service struct {
	polling        wrapper.Polling
	fails          float64 // how likely a request fails for a transient reason
	omits          float64 // how likely a job is missing from a response
	repeats        float64 // how likely a job comes twice, perhaps with contradictory states
	rejectsUnknown bool    // otherwise it omits them
	limit          int     // maximum number of ids that it accepts; 0: any
	plain          bool    // it rejects nothing
	denies         float64 // how likely it rejects a request permanently, as with an invalid token

	mu          sync.Mutex
	random      *rand.Rand
	jobs        map[string]*truth
	waiters     map[*waiter]bool // those still waiting
	leavers     []*waiter        // those that have stopped waiting
	requests    int
	underWay    int
	last        map[string]time.Time // when a region was polled last
	pausedAt    map[string]time.Time // because of Retry-After
	pausedUntil map[string]time.Time
	leftAt      map[time.Time]bool  // when a wait may have left
	outages     map[string][]outage // of each region; the last may go on
	violations  []string            // broken promises
}

// outage is requests in a row that failed.
type outage struct {
	since, until time.Time
	requests     int
}

// failed notes that a request failed.
func (s *service) failed(region string) {
	if len(s.outages[region]) == 0 {
		s.works(region)
	}
	now, o := time.Now(), &s.outages[region][len(s.outages[region])-1]
	if o.requests++; o.requests == 1 {
		o.since = now
	}
	o.until = now
}

// works notes that a request did not fail.
func (s *service) works(region string) { s.outages[region] = append(s.outages[region], outage{}) }

// inOutage reports whether as many requests failed in a row that the last counts for
// all jobs that have trouble.
func (s *service) inOutage(region string) bool {
	all := s.outages[region]
	return len(all) > 0 && all[len(all)-1].requests > 3
}

// String describes what was drawn for the service.
func (s *service) String() string {
	return fmt.Sprintf("%d jobs, %+v, fails %v, omits %v, repeats %v, denies %v, limit %d, rejects unknown ids: %v",
		len(s.jobs), s.polling, s.fails, s.omits, s.repeats, s.denies, s.limit, s.rejectsUnknown)
}

// errorf records a broken promise.
func (s *service) errorf(format string, args ...any) {
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

// hang ends the process, since nothing else ends a bubble in which a wait
// hangs.
func (s *service) hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hanging []string
	for w := range s.waiters {
		hanging = append(hanging, w.name+" ("+w.kind+")")
	}
	slices.Sort(hanging)
	panic(fmt.Sprintf("these still wait hours after their contexts ended: %v", hanging))
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Context().Err() != nil { // cancelled before it was sent
		return nil, r.Context().Err()
	}
	s.requests++
	s.underWay++
	defer func() { s.underWay-- }()
	region := r.URL.Query().Get("regionId")
	ids := strings.Split(r.URL.Query().Get("jobUuids"), ",")
	s.check(r, region, ids)
	began := time.Now()

	if s.random.Float64() < s.fails {
		if failure, err := s.fail(r, region); failure != nil || err != nil {
			for _, id := range ids {
				s.jobs[id].fail(time.Now())
			}
			s.failed(region)
			return failure, err
		}
	}
	for _, id := range ids {
		if poison := s.jobs[id].poison; poison != "" && poison != "rejected" {
			return s.spoil(r, s.jobs[id], len(ids) == 1)
		}
	}
	switch {
	case s.random.Float64() < s.denies:
		s.failed(region)
		for _, j := range s.jobs {
			if slices.Contains(ids, j.ref.JobUUID) {
				j.note(time.Now())
				j.denied = time.Now()
			} else if j.ref.Region == region && s.inOutage(region) {
				j.denied = time.Now()
			}
		}
		return response(http.StatusUnauthorized, ""), nil
	case s.rejects(ids) && s.random.IntN(2) == 0: // a gateway in front of it
		s.failed(region)
		if len(ids) == 1 {
			s.jobs[ids[0]].fail(time.Now())
		}
		return response([]int{400, 404, 413, 414}[s.random.IntN(4)], "<html>"), nil
	case s.rejects(ids):
		s.works(region)
		if len(ids) == 1 { // alone, it counts as missing
			j := s.jobs[ids[0]]
			j.miss(time.Now(), s.isStray(j, began))
		}
		return response(http.StatusOK, fmt.Sprintf(`{"errno":%d,"errmsg":"illegal","requestId":"r"}`, []int{1, 13, 41026}[s.random.IntN(3)])), nil
	}
	s.works(region)
	return s.respond(ids, began)
}

// spoil lets a request fail because of a poisoned job. If that is alone in it, the
// failure is the job's.
func (s *service) spoil(r *http.Request, j *truth, alone bool) (*http.Response, error) {
	region := j.ref.Region
	if j.poison == "hangs" {
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
	}
	s.failed(region)
	if alone {
		j.fail(time.Now())
	}
	if alone && j.poison == "denied" {
		j.denied = time.Now()
	}
	switch j.poison {
	case "hangs":
		return nil, r.Context().Err()
	case "denied":
		return []*http.Response{
			response(http.StatusForbidden, ""),
			response(http.StatusOK, `{"errno":10000001,"errmsg":"no permission","requestId":"r"}`),
		}[s.random.IntN(2)], nil
	}
	return []*http.Response{
		response(http.StatusInternalServerError, "<html>"),
		response(http.StatusOK, "<html>"),
		response(http.StatusOK, `{"errno":2,"errmsg":"busy","requestId":"r"}`),
	}[s.random.IntN(3)], nil
}

// check checks what is promised of each request.
func (s *service) check(r *http.Request, region string, ids []string) {
	now := time.Now()
	if len(s.waiters) == 0 {
		s.errorf("a request although nobody waits")
	}
	if since := now.Sub(s.last[region]); since < s.polling.RequestInterval {
		s.errorf("%s was polled %v after the last poll", region, since)
	}
	s.last[region] = now
	// To leave cancels the request, whose response may or may not be read then.
	if now.Before(s.pausedUntil[region]) && !s.leftAt[s.pausedAt[region]] {
		s.errorf("%s was polled during Retry-After", region)
	}
	if len(ids) > s.polling.MaxJobs || len(ids) > 1 && len(r.URL.String()) > s.polling.MaxURLBytes {
		s.errorf("%d ids in a URL of %d bytes", len(ids), len(r.URL.String()))
	}
	if slices.Sort(ids); len(slices.Compact(slices.Clone(ids))) != len(ids) {
		s.errorf("duplicate ids in one request: %v", ids)
	}
	for _, id := range ids {
		j := s.jobs[id]
		j.polled = now
		if j.ref.Region != region {
			s.errorf("%s is not in %s", id, region)
		}
		if !s.awaits(j) {
			s.errorf("%s was polled, but nobody waits for it", id)
		}
	}
}

// awaits reports whether somebody waits for a job whose end was not reported to
// them. Those that leave at this very moment may have left after the request
// began.
func (s *service) awaits(j *truth) bool {
	s.leavers = slices.DeleteFunc(s.leavers, func(w *waiter) bool { return w.left.Before(time.Now()) })
	for _, w := range slices.AppendSeq(slices.Clone(s.leavers), maps.Keys(s.waiters)) {
		if _, found := j.reportedFrom(w.began.Add(1)); !found && w.follows(j) {
			return true
		}
	}
	return false
}

// fail fails for a transient reason, or is merely slow.
func (s *service) fail(r *http.Request, region string) (*http.Response, error) {
	switch s.random.IntN(9) {
	case 0:
		return nil, errors.New("connection reset by peer")
	case 1:
		return response(http.StatusBadGateway, "<html>"), nil
	case 2:
		return response(http.StatusOK, `{"errno":2,"errmsg":"busy","requestId":"r"}`), nil
	case 3:
		malformed := []string{`{"errno":0,"data":[{"jobUuid":`, "", "[]", `{"errno":0,"errmsg":"ok","requestId":"r","data":"none"}`}
		return response(http.StatusOK, malformed[s.random.IntN(len(malformed))]), nil
	case 4:
		retryAfter := time.Duration(1+s.random.IntN(100)) * time.Second
		status := []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[s.random.IntN(2)]
		if status == http.StatusTooManyRequests || strings.Contains(r.URL.RawQuery, ",") { // otherwise it may be about the one id
			s.pause(region, retryAfter)
		}
		limited := response(status, "")
		limited.Header.Set("Retry-After", fmt.Sprint(retryAfter.Seconds()))
		return limited, nil
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

// isStray reports whether all waits for which a request polled a job have
// ended, or may have. Later waits have polls of their own: they may or may not see the
// response.
func (s *service) isStray(j *truth, began time.Time) bool {
	for w := range s.waiters {
		_, ended := j.reportedFrom(w.began.Add(1))
		if !ended && !w.leaving && !w.began.After(began) && w.follows(j) {
			return false
		}
	}
	return true
}

// pause pauses the polls of a region. A later, shorter Retry-After does not
// shorten an earlier one.
func (s *service) pause(region string, retryAfter time.Duration) {
	now := time.Now()
	until := now.Add(min(retryAfter, s.polling.MaxRetryAfter))
	s.pausedAt[region], s.pausedUntil[region] = now, later(s.pausedUntil[region], until)
}

func (s *service) rejects(ids []string) bool {
	now := time.Now()
	return s.limit > 0 && len(ids) > s.limit || slices.ContainsFunc(ids, func(id string) bool {
		return s.jobs[id].poison == "rejected" || s.rejectsUnknown && now.Before(s.jobs[id].knownFrom)
	})
}

// respond reports the jobs in any order, some of them twice, and a job that
// nobody polled.
func (s *service) respond(ids []string, began time.Time) (*http.Response, error) {
	now := time.Now()
	states := []wrapper.Job{{JobUUID: "not polled", Type: "T", Done: true}}
	for _, id := range ids {
		j := s.jobs[id]
		if now.Before(j.knownFrom) || s.random.Float64() < s.omits {
			j.miss(now, s.isStray(j, began))
			continue
		}
		reported := []wrapper.Job{j.state(now, s.random)}
		if s.random.Float64() < s.repeats {
			reported = append(reported, contradict(reported[0], s.random))
		}
		j.report(now, s.isStray(j, began), reported...)
		states = append(states, reported...)
	}
	s.random.Shuffle(len(states), func(a, b int) { states[a], states[b] = states[b], states[a] })
	body, err := json.Marshal(map[string]any{"errno": 0, "errmsg": "ok", "requestId": "r", "data": states})
	return response(http.StatusOK, string(body)), err
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}
