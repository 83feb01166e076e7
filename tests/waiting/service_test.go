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

// service answers polls. What it does is drawn for each run.
type service struct {
	polling        wrapper.Polling
	trouble        float64 // how likely a request fails for a passing reason
	omits          float64 // how likely a job is missing from a response
	repeats        float64 // how likely a job comes twice, also in contradiction
	refusesUnknown bool    // or leaves them out
	limit          int     // ids that it accepts; 0: any number
	plain          bool    // it refuses nothing
	denies         float64 // how likely it refuses a request for good, as if the token were wrong

	mu          sync.Mutex
	random      *rand.Rand
	jobs        map[string]*truth
	waiters     map[*waiter]bool // those that wait
	leavers     []*waiter        // those that do not any more
	requests    int
	underWay    int
	last        map[string]time.Time // when a region was asked
	pausedUntil map[string]time.Time // by Retry-After
	broken      []string             // promises
}

// String tells what was drawn for the service.
func (s *service) String() string {
	return fmt.Sprintf("%d jobs, %+v, trouble %v, omits %v, repeats %v, denies %v, limit %d, refuses unknown ids: %v",
		len(s.jobs), s.polling, s.trouble, s.omits, s.repeats, s.denies, s.limit, s.refusesUnknown)
}

// blame notes that a promise was broken.
func (s *service) blame(format string, args ...any) {
	s.broken = append(s.broken, fmt.Sprintf(format, args...))
}

// hang ends the process: nothing else ends a bubble in which somebody hangs.
func (s *service) hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hanging []string
	for w := range s.waiters {
		hanging = append(hanging, w.name+" ("+w.kind+")")
	}
	slices.Sort(hanging)
	panic(fmt.Sprintf("hours after their contexts, these still wait: %v", hanging))
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
	began := time.Now()

	if s.random.Float64() < s.trouble {
		if answer, err := s.fail(r, region); answer != nil || err != nil {
			for _, id := range ids {
				s.jobs[id].fail(time.Now())
			}
			return answer, err
		}
	}
	switch {
	case s.random.Float64() < s.denies:
		for _, id := range ids {
			s.jobs[id].deny(time.Now())
		}
		return response(http.StatusUnauthorized, ""), nil
	case s.refuses(ids):
		if len(ids) == 1 { // alone, it is as good as missing
			j := s.jobs[ids[0]]
			j.lack(time.Now(), s.isStray(j, began))
		}
		return s.refuse()
	}
	return s.answer(ids, began)
}

// check holds what is promised of each request.
func (s *service) check(r *http.Request, region string, ids []string) {
	now := time.Now()
	if len(s.waiters) == 0 {
		s.blame("a request although nobody waits")
	}
	if since := now.Sub(s.last[region]); since < s.polling.RequestInterval {
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
		j := s.jobs[id]
		j.asked = now
		if j.ref.Region != region {
			s.blame("%s is not in %s", id, region)
		}
		if !s.awaits(j) {
			s.blame("%s was asked for, but nobody waits for it", id)
		}
	}
}

// awaits tells whether somebody waits for a job whose end was not said to them.
// Who leaves at this moment may have done so after the request began.
func (s *service) awaits(j *truth) bool {
	s.leavers = slices.DeleteFunc(s.leavers, func(w *waiter) bool { return w.left.Before(time.Now()) })
	for _, w := range slices.AppendSeq(slices.Clone(s.leavers), maps.Keys(s.waiters)) {
		if _, told := j.saidFrom(w.began.Add(1)); !told && w.follows(j) {
			return true
		}
	}
	return false
}

// fail fails for a passing reason, or is merely slow.
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
		asked := time.Duration(1+s.random.IntN(100)) * time.Second
		s.pause(region, asked)
		status := []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[s.random.IntN(2)]
		refused := response(status, "")
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

// isStray tells whether all for whom a request asked for a job have left. Who
// came later has a poll of their own: they may hear of the response or not.
func (s *service) isStray(j *truth, began time.Time) bool {
	for w := range s.waiters {
		if !w.began.After(began) && w.follows(j) {
			return false
		}
	}
	return true
}

// pause asks for a region to be left alone. A later answer that asks for less
// does not take an earlier one back.
func (s *service) pause(region string, asked time.Duration) {
	until := time.Now().Add(min(asked, s.polling.MaxRetryAfter))
	s.pausedUntil[region] = later(s.pausedUntil[region], until)
}

func (s *service) refuses(ids []string) bool {
	now := time.Now()
	return s.limit > 0 && len(ids) > s.limit || slices.ContainsFunc(ids, func(id string) bool {
		return s.jobs[id].poison || s.refusesUnknown && now.Before(s.jobs[id].knownFrom)
	})
}

func (s *service) refuse() (*http.Response, error) {
	switch s.random.IntN(5) {
	case 0:
		return response(http.StatusBadRequest, "<html>"), nil
	case 3:
		return response(http.StatusRequestEntityTooLarge, ""), nil
	case 1:
		return response(http.StatusRequestURITooLong, ""), nil
	case 2:
		return response(http.StatusOK, `{"errno":13,"errmsg":"illegal","requestId":"r"}`), nil
	}
	return response(http.StatusOK, `{"errno":1,"errmsg":"illegal","requestId":"r"}`), nil
}

// answer tells of the jobs, in any order, some of them twice, and of others.
func (s *service) answer(ids []string, began time.Time) (*http.Response, error) {
	now := time.Now()
	states := []wrapper.Job{{JobUUID: "nobody asked", Type: "T", Done: true}}
	for _, id := range ids {
		j := s.jobs[id]
		if now.Before(j.knownFrom) || s.random.Float64() < s.omits {
			j.lack(now, s.isStray(j, began))
			continue
		}
		told := []wrapper.Job{j.state(now, s.random)}
		if s.random.Float64() < s.repeats {
			told = append(told, contradict(told[0], s.random))
		}
		j.tell(now, s.isStray(j, began), told...)
		states = append(states, told...)
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
