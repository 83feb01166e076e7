package bench

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hetznercloud/hcloud-go/v2/hcloud"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// waiter is a real client, in a bubble.
type waiter struct {
	name string
	// wait starts jobs, waits for all of them and returns the number of
	// requests. It calls seen at the moment at which it notices that a job has
	// finished.
	wait func(t *testing.T, jobs []*job, seen func(i int)) (requests int)
	// The sample sizes: smaller for a client that polls more often.
	jobs, bursts int
}

var waiters = []waiter{
	{"cimg", waitWithCimg, 5_000, 500},
	{"hcloud-go v2.52.0, default: every 0.5 s", waitWithHcloud(nil), 200, 100},
	{
		"hcloud-go v2.52.0, doubling from 0.5 s to 60 s",
		waitWithHcloud(hcloud.ExponentialBackoff(2, 500*time.Millisecond)), 5_000, 500,
	},
}

func waitWithCimg(t *testing.T, jobs []*job, seen func(i int)) (requests int) {
	cloud := new(service)
	client := cloud.client(t)
	handles := make([]*wrapper.JobHandle, len(jobs))
	for i, j := range jobs {
		handles[i] = resume(t, client, cloud.start(j, time.Now()))
	}
	for i, outcome := range client.WatchAll(t.Context(), handles) {
		require.NoError(t, outcome.Err)
		if outcome.Job.Done {
			seen(i)
		}
	}
	return len(cloud.requests)
}

func waitWithHcloud(backoff hcloud.BackoffFunc) func(*testing.T, []*job, func(int)) int {
	return func(t *testing.T, jobs []*job, seen func(i int)) int {
		cloud := &hcloudService{jobs: jobs, started: time.Now()}
		client := hcloud.NewClient(hcloud.WithToken("token"), hcloud.WithEndpoint("http://127.0.0.1"),
			hcloud.WithHTTPClient(&http.Client{Transport: cloud}), hcloud.WithPollOpts(hcloud.PollOpts{BackoffFunc: backoff}))
		actions := make([]*hcloud.Action, len(jobs))
		for i := range jobs {
			actions[i] = &hcloud.Action{ID: int64(i + 1), Status: hcloud.ActionStatusRunning}
		}
		err := client.Action.WaitForFunc(t.Context(), func(a *hcloud.Action) error {
			if a.Status == hcloud.ActionStatusSuccess {
				seen(int(a.ID - 1))
			}
			return nil
		}, actions...)
		require.NoError(t, err)
		return cloud.requests
	}
}

// hcloudService responds to requests for actions, in memory and immediately.
type hcloudService struct {
	jobs     []*job // index = id - 1
	started  time.Time
	requests int
}

// RoundTrip implements [http.RoundTripper].
func (s *hcloudService) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Path != "/actions" {
		return nil, fmt.Errorf("unexpected request: %s", request.URL)
	}
	s.requests++
	elapsed := time.Since(s.started)
	body := []byte(`{"actions":[`)
	ids := request.URL.Query()["id"]
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		j := s.jobs[n-1]
		status, progress := hcloud.ActionStatusSuccess, 100.0
		if elapsed < j.duration {
			status, progress = hcloud.ActionStatusRunning, j.progress(elapsed)
		}
		body = fmt.Appendf(body, `{"id":%d,"command":"create_image","status":"%s","progress":%g,"started":"2026-01-02T03:04:05Z","finished":null,"error":null,"resources":[]},`,
			n, status, progress)
	}
	body = fmt.Appendf(body[:len(body)-1],
		`],"meta":{"pagination":{"page":1,"per_page":25,"previous_page":null,"next_page":null,"last_page":1,"total_entries":%d}}}`, len(ids))
	return respond(request, body), nil
}

// waitFor has a waiter wait for jobs that start together.
func (s *sample) waitFor(t *testing.T, w waiter, jobs []*job) {
	start := time.Now()
	seen := make([]bool, len(jobs))
	requests := w.wait(t, jobs, func(i int) {
		require.False(t, seen[i], "it finished twice")
		seen[i] = true
		s.addLate(jobs[i].duration, time.Since(start)-jobs[i].duration)
	})
	require.NotContains(t, seen, false)
	s.requests = append(s.requests, float64(requests))
}

// BenchmarkClients waits with real clients, for one job at a time.
func BenchmarkClients(b *testing.B) {
	for _, w := range waiters {
		b.Run(w.name, func(b *testing.B) {
			var s sample
			for b.Loop() {
				s = sample{}
				inBubble(b, func(t *testing.T) {
					for i := range w.jobs {
						s.waitFor(t, w, []*job{sampleJob(noisyLinear, seeds[0], i)})
					}
				})
			}
			f := s.figures()
			clients.set(append([]string{w.name, strconv.Itoa(w.jobs)}, f.cells()...)...)
		})
	}
}

// BenchmarkBurst waits for 20 similar jobs that start together.
func BenchmarkBurst(b *testing.B) {
	const size, maxRequests, maxLate = 20, 50, 8
	for _, w := range waiters {
		b.Run(w.name, func(b *testing.B) {
			var s sample
			for b.Loop() {
				s = sample{}
				inBubble(b, func(t *testing.T) {
					for i := range w.bursts {
						s.waitFor(t, w, burstOf(size, uint64(i)))
					}
				})
			}
			f := s.figures()
			goal, met := "-", "-"
			if w.name == waiters[0].name {
				goal = fmt.Sprintf("≤ %d; late p95 ≤ %d %%", maxRequests, maxLate)
				met = yesNo(f.requests <= maxRequests && f.lateP95 <= maxLate)
			}
			bursts.set(append(append([]string{w.name, strconv.Itoa(w.bursts)}, f.cells()...), goal, met)...)
		})
	}
}

// The simulation is only valid if the poller behaves the same.
func TestSimulationMatchesThePoller(t *testing.T) {
	const jobs = 300
	for _, m := range []model{noisyLinear, silent} {
		var simulated, real sample
		synctest.Test(t, func(t *testing.T) {
			for i := range jobs {
				real.waitFor(t, waiters[0], []*job{sampleJob(m, 1, i)})
			}
		})
		for i := range jobs {
			j := sampleJob(m, 1, i)
			requests, seen := simulate(j, adaptive.start(rand.New(rand.NewPCG(1, uint64(i)))))
			simulated.add(requests, j.duration, seen-j.duration)
		}
		// They differ by jitter, for which the poller takes no seed.
		require.InEpsilon(t, simulated.figures().requests, real.figures().requests, 0.03, m.name)
		require.InEpsilon(t, mean(simulated.late), mean(real.late), 0.25, m.name)
	}
}
