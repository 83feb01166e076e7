package poller

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

// scripted reports jobs one after the other: a, then b ...; each finishes later.
func scripted(p poll) ([]gen.Job, error) {
	all := states(p.ids, gen.Job{Progress: p.at.Seconds()})
	for i := range all {
		all[i].Done = all[i].JobUUID == "b" && p.at >= 3*time.Second
	}
	return all, nil
}

// Next returns what finished before what changed, and of several changes the
// newest, once.
func TestNext(t *testing.T) {
	inBubble(t, Config{}, scripted, func(t *testing.T, s *service) {
		w := s.inTurn(t.Context(), every(time.Second), "a", "b", "c")
		defer w.Leave()
		s.sleepUntil(3500 * time.Millisecond)
		for _, want := range []string{"3.5s: b finished", "3.5s: a 3 %", "3.5s: c 3 %", "4s: a 4 %"} {
			text, ok := w.next(t.Context())
			require.True(t, ok)
			require.Equal(t, want, text)
		}
	})
}

// A wait that does not want changes gets none.
func TestNextWithoutChanges(t *testing.T) {
	inBubble(t, Config{}, finishedAt(3*time.Second), func(t *testing.T, s *service) {
		w := follower{s.Follow(t.Context(), []Job{{Region: "gz", ID: "a"}}, every(time.Second), false), s, []string{"a"}}
		require.Equal(t, []string{"3s: a finished"}, w.rest(t.Context()))
	})
}

// Next waits until its context ends, and then returns what had finished before.
func TestNextAfterItsContext(t *testing.T) {
	inBubble(t, Config{}, scripted, func(t *testing.T, s *service) {
		w := s.inTurn(t.Context(), every(10*time.Second), "a", "b")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, ok := w.next(ctx)
		require.False(t, ok)
		require.Equal(t, 3*time.Second, s.elapsed())
		s.sleepUntil(15 * time.Second)
		require.Equal(t, []string{"15s: b finished"}, w.rest(ctx))
		require.Equal(t, []Update{{Job: gen.Job{JobUUID: "a", Progress: 10}}}, w.Leave())
	})
}

// Next returns at once when all jobs have finished, or there are none.
func TestNextWhenAllHaveFinished(t *testing.T) {
	inBubble(t, Config{}, finishedAt(0), func(t *testing.T, s *service) {
		w := s.follow(t.Context(), every(time.Second), "a")
		require.Len(t, w.rest(t.Context()), 1)
		_, ok := w.next(t.Context())
		require.False(t, ok)
		_, ok = s.follow(t.Context(), every(time.Second)).next(t.Context())
		require.False(t, ok)
		require.Zero(t, s.elapsed())
	})
}

// A reader that is slow misses states, and no end.
func TestNextDropsChangesOfFinishedJobs(t *testing.T) {
	inBubble(t, Config{}, finishedAt(3*time.Second), func(t *testing.T, s *service) {
		w := s.follow(t.Context(), every(time.Second), "a", "b")
		s.sleepUntil(5 * time.Second)
		require.ElementsMatch(t, []string{"5s: a finished", "5s: b finished"}, w.rest(t.Context()))
	})
}

// Leave returns how the jobs stand whose end was not returned, those first that
// finished.
func TestLeave(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if p.at > 3*time.Second {
			return nil, errTransient
		}
		return scripted(p)
	}, func(t *testing.T, s *service) {
		w := s.inTurn(t.Context(), every(time.Second), "a", "b", "c")
		s.sleepUntil(4500 * time.Millisecond)
		require.Equal(t, []Update{
			{Index: 1, Job: gen.Job{JobUUID: "b", Progress: 3, Done: true}, Finished: true},
			{Index: 0, Job: gen.Job{JobUUID: "a", Progress: 3}, LastPoll: errTransient},
			{Index: 2, Job: gen.Job{JobUUID: "c", Progress: 3}, LastPoll: errTransient},
		}, w.Leave())
		require.Empty(t, w.Leave(), "once")
		_, ok := w.Next(t.Context())
		require.False(t, ok)
		s.log()
		time.Sleep(time.Hour)
		require.Empty(t, s.log())
	})
}

// A wait that gave a job up keeps how it stood then; others wait on.
func TestGivingUpIsFinal(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if p.at == 2*time.Second {
			return nil, errTransient
		}
		return finishedAt(5 * time.Second)(p)
	}, func(t *testing.T, s *service) {
		hasty := every(time.Second)
		hasty.MaxFailures = 0
		one := s.inTurn(t.Context(), hasty, "a")
		other := s.inTurn(t.Context(), every(time.Second), "a")
		require.Equal(t, []string{"1s: a 50 %", "5s: a finished"}, other.rest(t.Context()))
		update, _ := one.Next(t.Context())
		require.Equal(t, Update{Job: gen.Job{JobUUID: "a", Progress: 50}, Finished: true, Cause: errTransient, LastPoll: errTransient}, update)
		_, ok := one.Next(t.Context())
		require.False(t, ok)
	})
}

// A wait that begins later learns at once what others know.
func TestANewWaitLearnsWhatIsKnown(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		defer s.follow(t.Context(), every(time.Minute), "a").Leave()
		s.sleepUntil(time.Second)
		w := s.follow(t.Context(), every(time.Minute), "a")
		defer w.Leave()
		text, _ := w.next(t.Context())
		require.Equal(t, "1s: a 50 %", text)
		require.Len(t, s.log(), 1)
	})
}

// However many wait for a job, each hears of its end.
func TestManyWaitsOfOneJob(t *testing.T) {
	inBubble(t, Config{}, finishedAt(time.Minute), func(t *testing.T, s *service) {
		results := make(chan string, 10)
		for range 10 {
			w := s.follow(t.Context(), every(10*time.Second), "a")
			go func() {
				all := w.rest(t.Context())
				results <- all[len(all)-1]
			}()
		}
		for range 10 {
			require.Equal(t, "1m0s: a finished", <-results)
		}
		synctest.Wait()
		require.Len(t, s.log(), 7)
	})
}
