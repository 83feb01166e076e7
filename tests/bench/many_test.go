package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

const (
	manyJobs = 100_000
	manyTime = 12 * time.Minute
	// minInterval counts instead of a policy's interval that is shorter.
	minInterval = 20 * time.Second
)

// BenchmarkManyPace keeps 100,000 jobs running: is each polled in time?
func BenchmarkManyPace(b *testing.B) {
	for _, m := range []model{noisyLinear, silent} {
		b.Run(m.name, func(b *testing.B) {
			var run *manyRun
			for b.Loop() {
				run = newManyRun(m)
				inBubble(b, run.run)
			}
			seconds := manyTime.Seconds()
			requests := float64(len(run.service.requests)) / seconds
			polls := float64(run.service.polls) / manyJobs / manyTime.Minutes()
			longest := rounded(run.longest, 2)
			pace.set(m.name, decimal(requests), fmt.Sprintf("%.2f", polls), fmt.Sprintf("%.2f intervals", longest),
				fmt.Sprintf("%.0f s", run.firstRound.Seconds()), "≤ 2 intervals", yesNo(longest <= 2))
		})
	}
}

// manyRun records how often each of many jobs is polled.
type manyRun struct {
	model   model
	random  *rand.Rand
	service service

	// Guarded by the service's lock.
	byStart    map[int64]*watched // by the nanosecond of their start
	byRemote   map[*remoteJob]*watched
	unpolled   int // of the first jobs
	firstRound time.Duration
	longest    float64
}

// watched is what is known of a job's polls.
type watched struct {
	first    bool // one of the first jobs
	done     bool
	polled   time.Time     // zero: never
	interval time.Duration // from then to the next poll
}

func newManyRun(m model) *manyRun {
	return &manyRun{
		model: m, random: rand.New(rand.NewPCG(seeds[0], manyJobs)), unpolled: manyJobs,
		byStart: make(map[int64]*watched), byRemote: make(map[*remoteJob]*watched),
	}
}

func (m *manyRun) run(t *testing.T) {
	client := m.service.client(t, wrapper.WithWaitOptions(
		wrapper.PollPolicy(recorded{polling.Adaptive{}, m}),
		wrapper.LastPoll(0), // it would poll all of them once more, at the end
	))
	ctx, cancel := context.WithTimeout(t.Context(), manyTime)
	defer cancel()
	begin := time.Now()
	var waits sync.WaitGroup
	m.service.onPoll = func(r *remoteJob, now time.Time, done bool) {
		w := m.byRemote[r]
		m.poll(w, now, begin)
		if !done || w.done {
			return
		}
		w.done = true
		started := &remoteJob{job: &job{duration: logUniform(m.random), curve: m.model.curve(m.random)}, started: now}
		ref := m.start(started, false)
		waits.Go(func() { _, _ = resume(t, client, ref).Wait(ctx) })
	}
	handles := make([]*wrapper.JobHandle, manyJobs)
	for i := range handles {
		j, at := midway(m.model, m.random)
		handles[i] = resume(t, client, m.start(&remoteJob{job: j, started: at}, true))
	}
	_, err := client.WaitAll(ctx, handles)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	waits.Wait()
	for _, w := range m.byRemote { // those with another poll due
		if !w.done && !w.polled.IsZero() {
			m.longest = max(m.longest, float64(time.Since(w.polled))/float64(w.interval))
		}
	}
}

// start adds a job. A policy does not learn for which job it is called, so each
// job starts in a nanosecond of its own.
func (m *manyRun) start(r *remoteJob, first bool) wrapper.JobRef {
	for m.byStart[r.started.UnixNano()] != nil {
		r.started = r.started.Add(-1)
	}
	w := &watched{first: first}
	m.byStart[r.started.UnixNano()], m.byRemote[r] = w, w
	return m.service.startLocked(r)
}

func (m *manyRun) poll(w *watched, now, begin time.Time) {
	if !w.polled.IsZero() {
		m.longest = max(m.longest, float64(now.Sub(w.polled))/float64(w.interval))
	} else if w.first {
		if m.unpolled--; m.unpolled == 0 {
			m.firstRound = now.Sub(begin)
		}
	}
	w.polled, w.interval = now, minInterval
}

// recorded is a policy whose intervals are recorded.
type recorded struct {
	polling.Policy
	run *manyRun
}

// Pause implements [polling.Policy].
func (p recorded) Pause(elapsed time.Duration, seen polling.History) time.Duration {
	pause := p.Policy.Pause(elapsed, seen)
	if seen.Polls > 0 {
		p.run.service.mu.Lock()
		defer p.run.service.mu.Unlock()
		w := p.run.byStart[time.Now().Add(-elapsed).UnixNano()]
		w.interval = max(pause, minInterval)
	}
	return pause
}
