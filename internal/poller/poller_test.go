package poller

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

// A job is polled once more before the deadline of its wait, so long before that
// all batches of the wait have their turn.
func TestLastPoll(t *testing.T) {
	for name, row := range map[string]struct {
		jobs   int
		before time.Duration
		want   time.Duration // 0: none
	}{
		"none":                {1, 0, 0},
		"of one request":      {1, 2 * time.Second, 98 * time.Second},
		"of a full request":   {100, 2 * time.Second, 98 * time.Second},
		"of two requests":     {101, 2 * time.Second, 97 * time.Second},
		"of three requests":   {201, 2 * time.Second, 96 * time.Second},
		"before half of it":   {1, time.Minute, 50 * time.Second},
		"exactly half of it":  {1, 50 * time.Second, 50 * time.Second},
		"of so many requests": {100_000, time.Second, 50 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, running, func(t *testing.T, s *service) {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
				defer cancel()
				settings := every(time.Second)
				settings.LastPoll = row.before
				w := s.follow(ctx, settings, names(row.jobs)...)
				defer w.Leave()
				if row.want == 0 {
					require.Zero(t, w.lastPoll)
					return
				}
				require.Equal(t, row.want, w.lastPoll.Sub(w.joined))
			})
		})
	}
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		settings := every(time.Second)
		settings.LastPoll = time.Second
		w := s.follow(t.Context(), settings, "a")
		defer w.Leave()
		require.Zero(t, w.lastPoll, "there is no deadline")
	})
}

// The last poll is made whatever the policy says, and once.
func TestTheLastPollIsMadeOnce(t *testing.T) {
	for name, row := range map[string]struct {
		pause time.Duration
		polls []string
	}{
		"between two others":    {60 * time.Second, []string{"0s: a", "1m0s: a", "1m38s: a"}},
		"together with another": {98 * time.Second, []string{"0s: a", "1m38s: a"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, running, func(t *testing.T, s *service) {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
				defer cancel()
				settings := every(row.pause)
				settings.LastPoll = 2 * time.Second
				w := s.follow(ctx, settings, "a")
				w.rest(ctx)
				w.Leave()
				require.Equal(t, row.polls, s.log())
			})
		})
	}
}

// Of several waits with a deadline, each has its last poll.
func TestEachWaitHasItsLastPoll(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		settings := every(time.Hour)
		settings.LastPoll = 2 * time.Second
		for _, d := range []time.Duration{100 * time.Second, 50 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			w := s.follow(ctx, settings, "a")
			defer w.Leave()
		}
		s.sleepUntil(2 * time.Minute)
		require.Equal(t, []string{"0s: a", "48s: a", "1m38s: a"}, s.log())
	})
}

// Each of several waits for a job has its own settings.
func TestWaitsHaveTheirOwnSettings(t *testing.T) {
	inBubble(t, Config{}, func(poll) ([]gen.Job, error) { return nil, errTransient }, func(t *testing.T, s *service) {
		ends := make(map[int]string)
		var waits []follower
		for _, failures := range []int{0, 1, 3} {
			settings := every(time.Second)
			settings.MaxFailures = failures
			waits = append(waits, s.follow(t.Context(), settings, "a"))
		}
		for i, w := range waits {
			ends[i], _ = w.next(t.Context())
		}
		require.Equal(t, map[int]string{0: "0s: a: transient", 1: "1s: a: transient", 2: "7s: a: transient"}, ends)
		require.Equal(t, []string{"0s: a", "1s: a", "3s: a", "7s: a"}, s.log())
	})
}
