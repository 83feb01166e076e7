package poller

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

// A request is canceled when the last wait for one of its jobs has left.
func TestARequestEndsWhenNobodyWaits(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		<-p.ctx.Done()
		return nil, context.Cause(p.ctx)
	}, func(t *testing.T, s *service) {
		both := s.follow(t.Context(), every(time.Second), "a", "b")
		again := s.follow(t.Context(), every(time.Second), "b")
		s.sleepUntil(time.Second)
		both.Leave()
		request := s.newPolls()[0].ctx
		require.NoError(t, request.Err(), "somebody waits for b")
		again.Leave()
		require.ErrorIs(t, request.Err(), context.Canceled)
	})
}

// What a request brings after a job was left is for nobody, and who comes back to
// the job meanwhile gets a poll of its own.
func TestALateResponse(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if p.at == 0 {
			time.Sleep(5 * time.Second) // whatever its context
			return finishedAt(0)(p)
		}
		return running(p)
	}, func(t *testing.T, s *service) {
		left := s.follow(t.Context(), every(time.Second), "a", "b")
		time.Sleep(time.Millisecond)
		left.Leave()
		a := s.follow(t.Context(), every(10*time.Second), "a")
		defer a.Leave()
		s.sleepUntil(12 * time.Second)
		require.Equal(t, []string{"0s: a b", "1s: a", "11s: a"}, s.log())
		text, _ := a.next(t.Context())
		require.Equal(t, "12s: a 50 %", text)
	})
}

// A goroutine that a transport, hook or token source ends is a failed poll.
func TestARequestWhoseGoroutineExits(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if p.at < 3*time.Second {
			runtime.Goexit()
		}
		return finishedAt(0)(p)
	}, func(t *testing.T, s *service) {
		patient, other := every(time.Second), every(time.Second)
		other.MaxFailures = 1
		w := s.follow(t.Context(), other, "a")
		require.Equal(t, []string{"3s: a finished"}, s.follow(t.Context(), patient, "a").rest(t.Context()))
		require.Equal(t, []string{"3s: a: the goroutine of the request was exited"}, w.rest(t.Context()))
		require.Equal(t, []string{"0s: a", "1s: a", "3s: a"}, s.log())
	})
}

// A poll has the values of the context of the only wait that it is for.
func TestPollsHaveTheValuesOfTheirOnlyWait(t *testing.T) {
	type key struct{}
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "mine"))
		defer s.follow(ctx, every(10*time.Second), "a", "b").Leave()
		time.Sleep(time.Second)
		require.Equal(t, "mine", s.newPolls()[0].ctx.Value(key{}))
		cancel() // ends the caller's wait, not the request
		defer s.follow(context.WithValue(t.Context(), key{}, "other"), every(10*time.Second), "b").Leave()
		time.Sleep(10 * time.Second)
		require.Nil(t, s.newPolls()[0].ctx.Value(key{}))
	})
}

// Of a response, the states of the jobs that were polled count. If there are
// several of one job, it is a final one, or else the last.
func TestResponsesWithOddStates(t *testing.T) {
	at := func(progress float64) gen.Job { return gen.Job{JobUUID: "a", Progress: progress} }
	final := func(success bool) gen.Job { return gen.Job{JobUUID: "a", Done: true, Success: success, Progress: 7} }
	for name, row := range map[string]struct {
		states []gen.Job
		want   gen.Job
	}{
		"of others":                      {[]gen.Job{{JobUUID: "b", Done: true}, at(1), {JobUUID: "", Done: true}}, at(1)},
		"two in progress":                {[]gen.Job{at(2), at(1)}, at(1)},
		"finished and in progress":       {[]gen.Job{final(true), at(1)}, final(true)},
		"in progress and finished":       {[]gen.Job{at(1), final(true)}, final(true)},
		"two that contradict each other": {[]gen.Job{final(false), at(1), final(true)}, final(false)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(poll) ([]gen.Job, error) { return row.states, nil }, func(t *testing.T, s *service) {
				w := s.follow(t.Context(), every(time.Second), "a")
				defer w.Leave()
				update, ok := w.Next(t.Context())
				require.True(t, ok)
				require.Equal(t, Update{Job: row.want, Finished: row.want.Done}, update)
			})
		})
	}
}

// What an error counts for depends on its class.
func TestErrors(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		jobs []string
		rest []string
	}{
		"transient":          {errTransient, []string{"a"}, []string{"4s: a: transient"}},
		"of no class":        {errors.New("reset"), []string{"a"}, []string{"4s: a: reset"}},
		"permanent":          {errPermanent, []string{"a", "b"}, []string{"6s: a: permanent", "6s: b: permanent"}},
		"permanent, alone":   {errPermanent, []string{"a"}, []string{"1s: a: permanent"}},
		"refused, alone":     {errRefused, []string{"a"}, []string{"8s: a: refused"}},
		"refused":            {errRefused, []string{"a", "b"}, []string{"6s: a: refused", "6s: b: refused"}},
		"fatal":              {errFatal, []string{"a", "b"}, []string{"1s: a: fatal", "1s: b: fatal"}},
		"bad id, alone":      {errBadID, []string{"a"}, []string{"6s: a: the service does not know the job"}},
		"bad id, of several": {errBadID, []string{"a", "b"}, []string{"8s: a: the service does not know the job", "9s: b: the service does not know the job"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(poll) ([]gen.Job, error) { return nil, row.err }, func(t *testing.T, s *service) {
				settings := every(time.Second)
				settings.MaxFailures, settings.MissingGrace = 2, 5*time.Second
				require.ElementsMatch(t, row.rest, s.inTurn(t.Context(), settings, row.jobs...).rest(t.Context()))
			})
		})
	}
}
