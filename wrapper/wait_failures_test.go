package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

var errOutage = errors.New("network is down")

// The default failure budget lasts for three minutes of outage, every time.
func TestThreeMinutesOfOutage(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		if time.Since(start) < 3*time.Minute {
			return nil, errOutage
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		_, err := p.resume(t, "gz", "j1")[0].Wait(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(p.ids), 10)
	})
}

// Polls by other waits during an outage do not count against a wait that has
// backed off.
func TestOtherPollsDoNotUseUpTheBudget(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		if time.Since(start) < 2*time.Minute {
			return nil, errOutage
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		var group sync.WaitGroup
		group.Go(func() {
			for i := range 120 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				p.resume(t, "gz", fmt.Sprint("other-", i))[0].Wait(ctx, wrapper.MaxFailures(0))
				cancel()
			}
		})
		_, err := p.resume(t, "gz", "mine")[0].Wait(t.Context())
		require.NoError(t, err)
		group.Wait()
	})
}

// A job that was missing before an outage is not polled at every opportunity
// once its grace has passed. Neither is a missing job whose stall timeout has
// passed.
func TestBackoffContinuesAfterOtherLimits(t *testing.T) {
	t.Run("grace in an outage", func(t *testing.T) {
		start := time.Time{}
		inPolls(t, func(context.Context, []string) (*http.Response, error) {
			if time.Since(start) < 10*time.Second {
				return respond(`{"errno":0,"data":[]}`)
			}
			return nil, errOutage
		}, func(t *testing.T, p *polled) {
			start = time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			_, err := p.resume(t, "gz", "j1")[0].Wait(ctx, wrapper.MaxFailures(1000))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.LessOrEqual(t, len(p.ids), 30)
		})
	})
	t.Run("stall while missing", func(t *testing.T) {
		polls := 0
		inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
			if polls++; polls == 1 {
				return jobsResponse(ids, running)
			}
			return respond(`{"errno":0,"data":[]}`)
		}, func(t *testing.T, p *polled) {
			_, err := p.resume(t, "gz", "j1")[0].Wait(t.Context(), wrapper.PollPolicy(polling.Constant(time.Minute)),
				wrapper.StallTimeout(2*time.Minute), wrapper.MissingGrace(time.Hour))
			require.ErrorContains(t, err, "job unknown to the service")
			require.LessOrEqual(t, len(p.ids), 75)
		})
	})
}

// A rejected batch, one of whose ids was not known yet, does not make later
// batches smaller once all ids are known.
func TestTransientRejectionsSetNoLimit(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		switch known := time.Since(start) > 5*time.Second; {
		case !known && len(ids) > 1:
			return respond(`{"errno":1,"errmsg":"unknown job"}`)
		case time.Since(start) > time.Minute:
			return jobsResponse(ids, succeeded)
		}
		return jobsResponse(ids, running)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		_, err := p.WaitAll(t.Context(), p.resume(t, "gz", uuids(8)...), wrapper.PollPolicy(polling.Constant(2*time.Second)))
		require.NoError(t, err)
		largest := 0
		for i, ids := range p.ids {
			if p.at[i].Sub(start) > 5*time.Second && p.at[i].Sub(start) < 15*time.Second {
				largest = max(largest, len(ids))
			}
		}
		require.Equal(t, 8, largest)
	})
}

// When a poll that began before the time of the last poll finds the job
// unfinished, the last poll still follows.
func TestTheLastPollAfterASlowOne(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		ended := time.Since(start) > 295*time.Second
		time.Sleep(2 * time.Second)
		if ended {
			return jobsResponse(ids, succeeded)
		}
		return jobsResponse(ids, running)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Second)
		defer cancel()
		_, err := p.resume(t, "gz", "j1")[0].Wait(ctx,
			wrapper.PollPolicy(polling.Constant(294*time.Second)), wrapper.LastPoll(5*time.Second))
		require.NoError(t, err)
		require.Len(t, p.ids, 2)
	})
}

// A transport that exits its goroutine, as a failing test does, fails that poll
// and nothing else.
func TestATransportThatExits(t *testing.T) {
	polls := 0
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		if polls++; polls == 1 {
			runtime.Goexit()
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		_, err := p.resume(t, "gz", "j1")[0].Wait(t.Context())
		require.NoError(t, err)
		require.Len(t, p.ids, 2)
	})
}
