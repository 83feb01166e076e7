package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// BenchmarkSteady keeps 200 jobs running: another starts whenever one is
// noticed to have finished, and a goroutine waits for each.
func BenchmarkSteady(b *testing.B) {
	for _, m := range []model{noisyLinear, silent} {
		b.Run(m.name, func(b *testing.B) {
			var s steady
			for b.Loop() {
				s = steady{model: m, random: rand.New(rand.NewPCG(seeds[0], 200))}
				inBubble(b, s.run)
			}
			f := s.late.figures()
			requests, busiest := rounded(float64(s.requests)/float64(s.ended), 2), s.service.busiest()
			goal, met := "-", "-"
			if m.name == noisyLinear.name {
				goal, met = "≤ 3; late p95 ≤ 10 %; ≤ 1 per second", yesNo(requests <= 3 && f.lateP95 <= 10 && busiest <= 1)
			}
			steadily.set(m.name, strconv.Itoa(len(s.late.late)), fmt.Sprintf("%.2f", requests),
				percent(f.lateP50), percent(f.lateP95), percent(f.latest), strconv.Itoa(busiest), goal, met)
		})
	}
}

const (
	steadyJobs = 200
	// Requests and finished jobs are counted from warmUp to window. The delays
	// count of jobs that started in that time, and the run continues until all
	// of those have finished, including the long ones.
	warmUp = 10 * time.Minute
	window = 3*time.Hour + warmUp
)

// steady is a run with a constant number of jobs.
type steady struct {
	model   model
	service service

	mu       sync.Mutex
	random   *rand.Rand
	requests int // counted from warmUp to window, like ended
	ended    int
	pending  int // jobs whose delay counts and that have not finished
	late     sample
}

func (s *steady) run(t *testing.T) {
	client := s.service.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begin := time.Now()
	var running sync.WaitGroup
	for range steadyJobs {
		running.Go(func() {
			s.mu.Lock()
			j, started := midway(s.model, s.random)
			s.mu.Unlock()
			for s.follow(ctx, t, client, j, started, begin) {
				s.mu.Lock()
				j, started = &job{duration: logUniform(s.random), curve: s.model.curve(s.random)}, time.Now()
				s.mu.Unlock()
			}
			cancel()
		})
	}
	running.Wait()
	for _, at := range s.service.requests {
		if counts(at.Sub(begin)) {
			s.requests++
		}
	}
}

func counts(at time.Duration) bool { return at >= warmUp && at < window }

// follow waits for a job. It returns false once the run is over.
func (s *steady) follow(ctx context.Context, t *testing.T, client *wrapper.Client, j *job, started, begin time.Time) bool {
	counted := counts(started.Sub(begin))
	s.mu.Lock()
	if counted {
		s.pending++
	}
	s.mu.Unlock()
	_, err := resume(t, client, s.service.start(j, started)).Wait(ctx)
	if ctx.Err() != nil {
		return false
	}
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts(time.Since(begin)) {
		s.ended++
	}
	if counted {
		s.pending--
		s.late.addLate(j.duration, time.Since(started)-j.duration)
	}
	return time.Since(begin) < window || s.pending > 0
}

// midway returns a job as found in a steady state: long jobs are more likely,
// in proportion to their duration, and are at any point of it.
func midway(m model, r *rand.Rand) (j *job, started time.Time) {
	duration := shortest + time.Duration(r.Int64N(int64(longest-shortest)))
	j = &job{duration: duration, curve: m.curve(r)}
	return j, time.Now().Add(-time.Duration(r.Int64N(int64(duration))))
}
