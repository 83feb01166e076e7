package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// polled responds to polls by a function of the ids, in a bubble, and records when
// each began and its ids.
type polled struct {
	*wrapper.Client
	mu   sync.Mutex
	at   []time.Time
	ids  [][]string
	urls []string
}

func inPolls(t *testing.T, answer func(ctx context.Context, ids []string) (*http.Response, error), test func(*testing.T, *polled), options ...wrapper.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &polled{}
		p.Client = clientThrough(t, func(r *http.Request) (*http.Response, error) {
			ids := strings.Split(r.URL.Query().Get("jobUuids"), ",")
			p.mu.Lock()
			p.at, p.ids, p.urls = append(p.at, time.Now()), append(p.ids, ids), append(p.urls, r.URL.String())
			p.mu.Unlock()
			return answer(r.Context(), ids)
		}, options...)
		test(t, p)
	})
}

// jobsResponse is a response with the jobs as a function returns them.
func jobsResponse(ids []string, state func(id string) string) (*http.Response, error) {
	jobs := make([]string, len(ids))
	for i, id := range ids {
		jobs[i] = fmt.Sprintf(`{"jobUuid":%q,"type":"T",%s}`, id, state(id))
	}
	return respond(`{"errno":0,"data":[` + strings.Join(jobs, ",") + `]}`)
}

func running(string) string   { return `"progress":1` }
func succeeded(string) string { return `"progress":100,"done":true,"success":true` }

func (p *polled) resume(t *testing.T, region string, ids ...string) []*wrapper.JobHandle {
	t.Helper()
	jobs := make([]*wrapper.JobHandle, len(ids))
	for i, id := range ids {
		var err error
		jobs[i], err = p.Resume(wrapper.JobRef{Region: region, JobUUID: id, StartedAt: time.Now()})
		require.NoError(t, err)
	}
	return jobs
}

func uuids(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("job-%04d", i)
	}
	return ids
}

// However many goroutines wait for however many jobs, they share polls.
func TestWaitsShareTheirPolls(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		if time.Since(start) < time.Minute {
			return jobsResponse(ids, running)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		var group sync.WaitGroup
		for _, job := range p.resume(t, "gz", uuids(50)...) {
			for range 3 {
				group.Go(func() {
					_, err := job.Wait(t.Context())
					require.NoError(t, err)
				})
			}
		}
		group.Wait()
		require.LessOrEqual(t, len(p.ids), 25, "no more than one job takes")
		for _, ids := range p.ids {
			require.Len(t, ids, 50, "each job once")
		}
	})
}

// One canceled wait ends no other, and a poll continues for the remaining waits.
func TestACancelledWaitDisturbsNoOther(t *testing.T) {
	inPolls(t, func(ctx context.Context, ids []string) (*http.Response, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Second):
			return jobsResponse(ids, succeeded)
		}
	}, func(t *testing.T, p *polled) {
		job := p.resume(t, "gz", "j1")[0]
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			_, err := job.Wait(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		start := time.Now()
		_, err := job.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, 11*time.Second, time.Since(start))
		require.Len(t, p.ids, 1)
		group.Wait()
	}, wrapper.WithWaitOptions(wrapper.LastPoll(0)))
}

// When the last wait ends, the request in progress is canceled, and none follows.
func TestTheLastWaitEndsThePolls(t *testing.T) {
	ended := false
	inPolls(t, func(ctx context.Context, _ []string) (*http.Response, error) {
		<-ctx.Done()
		ended = true
		return nil, ctx.Err()
	}, func(t *testing.T, p *polled) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := p.resume(t, "gz", "j1")[0].Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		synctest.Wait()
		require.True(t, ended)
		time.Sleep(time.Hour)
		require.Len(t, p.ids, 1)
	})
}

// A job that finishes just before the caller's deadline is not reported unfinished.
func TestTheLastPollBeforeADeadline(t *testing.T) {
	for name, row := range map[string]struct {
		options []wrapper.WaitOption
		jobs    int
		saved   bool
	}{
		"by default":           {nil, 1, true},
		"of several requests":  {nil, 450, true},
		"earlier than the end": {[]wrapper.WaitOption{wrapper.LastPoll(time.Minute)}, 1, false},
		"none":                 {[]wrapper.WaitOption{wrapper.LastPoll(0)}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Time{}
			inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
				if time.Since(start) < 290*time.Second {
					return jobsResponse(ids, running)
				}
				return jobsResponse(ids, succeeded)
			}, func(t *testing.T, p *polled) {
				start = time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Second)
				defer cancel()
				slow := append([]wrapper.WaitOption{wrapper.PollPolicy(polling.Constant(110 * time.Second))}, row.options...)
				_, err := p.WaitAll(ctx, p.resume(t, "gz", uuids(row.jobs)...), slow...)
				require.Equal(t, row.saved, err == nil, err)
			})
		})
	}
}

func TestStallTimeout(t *testing.T) {
	inCloud(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Hour, Curve: emulator.Stages(0.1)}
	}}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		start := time.Now()
		job, err := created.Wait(t.Context(), wrapper.StallTimeout(10*time.Minute))
		require.ErrorIs(t, err, wrapper.ErrStalled)
		require.EqualValues(t, 50, job.Progress)
		require.GreaterOrEqual(t, time.Since(start), 16*time.Minute, "it moved after six")
		require.LessOrEqual(t, time.Since(start), 17*time.Minute)
		_, err = created.Wait(t.Context())
		require.NoError(t, err)
	})
}

// Of two waits for one job, each ends by its own options.
func TestWaitsHaveTheirOwnSettings(t *testing.T) {
	inPolls(t, func(context.Context, []string) (*http.Response, error) {
		return nil, errors.New("connection reset")
	}, func(t *testing.T, p *polled) {
		job := p.resume(t, "gz", "j1")[0]
		var group sync.WaitGroup
		start := time.Now()
		for failures, after := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second} {
			group.Go(func() {
				_, err := job.Wait(t.Context(), wrapper.MaxFailures(failures))
				require.ErrorContains(t, err, "connection reset")
				require.InDelta(t, after.Seconds(), time.Since(start).Seconds(), 0.1*after.Seconds())
			})
		}
		group.Wait()
		require.Len(t, p.ids, 4, "after 1, 2, 4 and 8 s")
	})
}

func TestFailFast(t *testing.T) {
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		return jobsResponse(ids, func(id string) string {
			switch id {
			case "bad":
				return `"progress":7,"done":true,"success":false,"result":"disk full"`
			case "good":
				return succeeded(id)
			}
			return running(id)
		})
	}, func(t *testing.T, p *polled) {
		outcomes, err := p.WaitAll(t.Context(), p.resume(t, "gz", "slow", "bad", "good"), wrapper.FailFast())
		require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		var wait *wrapper.WaitError
		require.ErrorAs(t, outcomes[0].Err, &wait)
		require.ErrorIs(t, wait, wrapper.ErrOtherFailed)
		require.Equal(t, "slow", wait.Refs[0].JobUUID)
		require.EqualValues(t, 1, outcomes[0].Job.Progress)
		require.ErrorAs(t, outcomes[1].Err, new(*wrapper.JobFailedError))
	})
}

// A slow reader misses states, but no end, and delays no other.
func TestWatchAllWithASlowReader(t *testing.T) {
	plan := func(job emulator.JobStart) emulator.Plan {
		if job.Name == "bad" {
			return emulator.Plan{Duration: time.Minute, Failure: "no"}
		}
		return emulator.Plan{Duration: time.Minute}
	}
	inCloud(t, emulator.Options{Plan: plan}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		jobs := create(t, client, "a", "bad", "c")
		var group sync.WaitGroup
		group.Go(func() {
			start := time.Now()
			_, err := client.WaitAll(t.Context(), jobs)
			require.ErrorAs(t, err, new(*wrapper.JobFailedError))
			require.LessOrEqual(t, time.Since(start), 65*time.Second)
		})
		ends, states := 0, 0
		for i, outcome := range client.WatchAll(t.Context(), jobs) {
			require.Equal(t, jobs[i].Ref, outcome.Ref)
			states++
			if outcome.Job.Done {
				ends++
				require.Equal(t, i == 1, outcome.Err != nil)
			}
			time.Sleep(30 * time.Second)
		}
		require.Equal(t, 3, ends)
		require.LessOrEqual(t, states, 7)
		group.Wait()
	})
}

// A job whose state is known already is yielded at once, without a poll.
func TestWatchBeginsWithWhatIsKnown(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { created.Wait(ctx) })
		time.Sleep(10 * time.Minute)
		polls := cloud.Requests("getJobResult")
		for job, err := range created.Watch(t.Context()) {
			require.NoError(t, err)
			require.Positive(t, job.Progress)
			break
		}
		require.Equal(t, polls, cloud.Requests("getJobResult"))
		cancel()
		group.Wait()
	})
}

func TestPollsKeepToTheirLimits(t *testing.T) {
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		odd := "a b/ü" // takes more bytes than it has
		region := strings.Repeat("gz", 20)
		_, err := p.WaitAll(t.Context(), p.resume(t, region, append(uuids(40), odd, strings.Repeat("x", 300))...))
		require.NoError(t, err)
		for i, url := range p.urls {
			if len(p.ids[i]) > 1 {
				require.LessOrEqual(t, len(url), 240)
			}
			if i > 0 {
				require.GreaterOrEqual(t, p.at[i].Sub(p.at[i-1]), time.Second)
			}
		}
		require.GreaterOrEqual(t, len(p.ids[0]), 14, "the limit is used")
	}, wrapper.WithPolling(wrapper.Polling{MaxURLBytes: 240}))
}

// That a service accepts fewer ids is learned once.
func TestTheAcceptedBatchIsRemembered(t *testing.T) {
	start, rejections := time.Time{}, 0
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		switch {
		case len(ids) > 60:
			rejections++
			return respond(`{"errno":1,"errmsg":"too many","requestId":"r"}`)
		case time.Since(start) < 10*time.Minute:
			return jobsResponse(ids, running)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		_, err := p.WaitAll(t.Context(), p.resume(t, "gz", uuids(200)...), wrapper.PollPolicy(polling.Constant(5*time.Second)))
		require.NoError(t, err)
		require.LessOrEqual(t, rejections, 12)
		require.GreaterOrEqual(t, rejections, 2)
		require.LessOrEqual(t, time.Since(start), 10*time.Minute+10*time.Second)
	})
}

// One rejection of as many ids as were accepted before, a gateway's for instance,
// lowers no limit.
func TestOneRejectionLowersNoLimit(t *testing.T) {
	polls := 0
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		if polls++; polls == 5 {
			return &http.Response{StatusCode: http.StatusBadRequest, Body: http.NoBody}, nil
		}
		return jobsResponse(ids, running)
	}, func(t *testing.T, p *polled) {
		for _, jobs := range []int{2, 100} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := p.WaitAll(ctx, p.resume(t, "gz", uuids(jobs)...))
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Len(t, p.ids[len(p.ids)-1], 100)
	})
}

// One id that is always rejected takes at most every other request.
func TestABadIDDelaysNoOtherJob(t *testing.T) {
	start := time.Time{}
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		for _, id := range ids {
			if id >= "poison" {
				return respond(`{"errno":13,"errmsg":"illegal","requestId":"r"}`)
			}
		}
		if time.Since(start) < time.Minute {
			return jobsResponse(ids, running)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		jobs := p.resume(t, "gz", uuids(20)...)
		for i := range 30 {
			jobs = append(jobs, p.resume(t, "gz", fmt.Sprint("poison-", i))...)
		}
		outcomes, err := p.WaitAll(t.Context(), jobs, wrapper.MissingGrace(5*time.Minute))
		require.ErrorIs(t, err, wrapper.ErrBadParameter)
		for i, outcome := range outcomes {
			require.Equal(t, i < 20, outcome.Err == nil)
		}
		for i := 1; i < len(p.at); i++ {
			require.GreaterOrEqual(t, p.at[i].Sub(p.at[i-1]), time.Second)
		}
	})
}

// A rejection is not attributed to a job because other jobs were left meanwhile.
func TestARefusalOfOthersWhoLeft(t *testing.T) {
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		time.Sleep(time.Second)
		if len(ids) > 1 {
			return respond(`{"errno":1,"errmsg":"illegal","requestId":"r"}`)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		jobs := p.resume(t, "gz", "j1", "j2")
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			_, err := jobs[1].Wait(ctx, wrapper.LastPoll(0))
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		_, err := jobs[0].Wait(t.Context(), wrapper.MissingGrace(0))
		require.NoError(t, err)
		group.Wait()
	})
}

// A request that hangs delays no other, and times out.
func TestAPollThatHangs(t *testing.T) {
	inPolls(t, func(ctx context.Context, ids []string) (*http.Response, error) {
		if ids[0] == "hangs" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		jobs := p.resume(t, "gz", "hangs", "good")
		start := time.Now()
		var group sync.WaitGroup
		group.Go(func() {
			time.Sleep(time.Nanosecond) // so that the other is polled first
			_, err := jobs[1].Wait(t.Context())
			require.NoError(t, err)
			require.LessOrEqual(t, time.Since(start), 2*time.Second)
		})
		_, err := jobs[0].Wait(t.Context(), wrapper.MaxFailures(0))
		require.ErrorContains(t, err, "no response within 30s")
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 31*time.Second, time.Since(start))
		group.Wait()
	}, wrapper.WithPolling(wrapper.Polling{MaxJobs: 1}))
}

// A poll for a single wait has the values of its context.
func TestPollsHaveTheValuesOfTheirOnlyWait(t *testing.T) {
	type key struct{}
	var seen []any
	inPolls(t, func(ctx context.Context, ids []string) (*http.Response, error) {
		seen = append(seen, ctx.Value(key{}))
		if len(seen) == 1 {
			return jobsResponse(ids, running)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		jobs := p.resume(t, "gz", "j1", "j2")
		ctx := context.WithValue(t.Context(), key{}, "mine")
		var group sync.WaitGroup
		group.Go(func() { p.WaitAll(ctx, jobs) })
		time.Sleep(1500 * time.Millisecond)
		group.Go(func() { jobs[0].Wait(t.Context()) })
		group.Wait()
		require.Equal(t, []any{"mine", nil}, seen)
	})
}

// With thousands of jobs a region gets several requests an interval, evenly, and
// every job is polled within twice its own interval.
func TestManyJobs(t *testing.T) {
	const jobs, interval = 10_000, 30 * time.Second
	start, late := time.Time{}, time.Duration(0)
	last := make(map[string]time.Time)
	var mu sync.Mutex
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			if at, found := last[id]; found {
				late = max(late, time.Since(at))
			}
			last[id] = time.Now()
		}
		if time.Since(start) < 3*time.Minute {
			return jobsResponse(ids, running)
		}
		return jobsResponse(ids, succeeded)
	}, func(t *testing.T, p *polled) {
		start = time.Now()
		_, err := p.WaitAll(t.Context(), p.resume(t, "gz", uuids(jobs)...), wrapper.PollPolicy(polling.Constant(interval)))
		require.NoError(t, err)
		require.LessOrEqual(t, late, 2*interval)
		for i := 10; i < len(p.at); i++ {
			require.GreaterOrEqual(t, p.at[i].Sub(p.at[i-10]), 2*time.Second, "five a second at most")
		}
	})
}

// A connection that breaks within a response is a failed poll like others.
func TestAResponseThatBreaksOff(t *testing.T) {
	n := 0
	inPolls(t, func(_ context.Context, ids []string) (*http.Response, error) {
		r, err := jobsResponse(ids, succeeded)
		if n++; n == 1 {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), brokenBody{}))
		}
		return r, err
	}, func(t *testing.T, p *polled) {
		_, err := p.resume(t, "gz", "j1")[0].Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
