package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// readOnce queries a job that the emulator does not know.
func readOnce(ctx context.Context, c *wrapper.Client) error {
	_, err := c.JobResults(ctx, "gz", "j1")
	return err
}

// failingReads injects a fault into the next n job queries.
func failingReads(t *testing.T, cloud *emulator.Emulator, n int, fault emulator.Fault) {
	t.Helper()
	fault.Operation, fault.Count = "getJobResult", n
	cloud.InjectFor(t, fault)
}

var transientFaults = map[string]emulator.Fault{
	"connection refused": {Refuse: true},
	"reset":              {Reset: true},
	"cut short":          {Truncate: true},
	"HTTP 500":           {Status: 500},
	"HTTP 503":           {Status: 503, Body: "<html>"},
	"HTTP 429":           {Status: 429},
	"errno 2":            {Errno: 2},
	"errno 3":            {Errno: 3},
	"errno 40000":        {Errno: 40000},
	"both":               {Status: 429, Errno: 1},
}

func TestReadOnlyCallsAreRetried(t *testing.T) {
	for name, fault := range transientFaults {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				failingReads(t, cloud, 2, fault)
				start := time.Now()
				require.NoError(t, readOnce(t.Context(), client))
				require.LessOrEqual(t, time.Since(start), 1500*time.Millisecond, "at most 0.5 s and 1 s")

				failingReads(t, cloud, 3, fault)
				require.Error(t, readOnce(t.Context(), client))
				failingReads(t, cloud, 2, fault)
				for _, err := range client.Images(t.Context(), "gz") {
					require.NoError(t, err, "job queries fail, not lists")
				}
				require.NoError(t, readOnce(t.Context(), client))
			})
		})
	}
}

func TestPermanentErrorsAreNotRetried(t *testing.T) {
	for name, fault := range map[string]emulator.Fault{
		"errno 1":      {Errno: 1},
		"errno 4":      {Errno: 4},
		"errno 13":     {Errno: 13},
		"errno 41017":  {Errno: 41017},
		"errno 424242": {Errno: 424242},
		"HTTP 302":     {Status: 302, Header: http.Header{"Location": {"/elsewhere"}}},
		"HTTP 401":     {Status: 401, Body: "<html>"},
		"HTTP 403":     {Status: 403, Body: "<html>"},
		"HTTP 404":     {Status: 404, Body: "<html>"},
		"HTTP 204":     {Status: 204},
		"HTML":         {Body: "<html>"},
		"{}":           {Body: "{}"},
		"too large":    {Body: `{"errno":0,"data":[]` + string(make([]byte, 2000)) + "}"},
	} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				failingReads(t, cloud, 1, fault)
				require.Error(t, readOnce(t.Context(), client))
				require.NoError(t, readOnce(t.Context(), client))
				require.Equal(t, 2, cloud.Requests("getJobResult"))
			}, wrapper.WithMaxResponseBytes(1000))
		})
	}

	calls := 0
	client, err := wrapper.New(wrapper.TokenFunc(func(context.Context) (string, error) {
		calls++
		return "", errors.New("vault is sealed")
	}))
	require.NoError(t, err)
	require.ErrorContains(t, readOnce(t.Context(), client), "vault is sealed")
	require.Equal(t, 1, calls)
}

func TestAttemptsCanBeSet(t *testing.T) {
	for attempts := 1; attempts <= 4; attempts++ {
		inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			failingReads(t, cloud, attempts, emulator.Fault{Status: 502})
			err := readOnce(t.Context(), client)
			var apiErr *wrapper.APIError
			require.ErrorAs(t, err, &apiErr)
			require.Equal(t, 502, apiErr.HTTPStatus)
			require.Equal(t, attempts, cloud.Requests("getJobResult"))
		}, wrapper.WithRetries(wrapper.Retries{MaxAttempts: attempts}))
	}
	for _, bad := range []wrapper.Retries{{MaxAttempts: -1}, {BaseDelay: -1}, {MaxRetryAfter: -1}, {Budget: -1}} {
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithRetries(bad))
		require.ErrorContains(t, err, "retries", bad)
	}
}

// Of mutating calls, only those are sent again, and only if that is asked for, that
// were certainly not carried out.
func TestMutatingCallsThatAreSentAgain(t *testing.T) {
	again := map[string]bool{"connection refused": true, "HTTP 429": true, "both": true}
	faults := maps.Clone(transientFaults)
	faults["in arrears"] = emulator.Fault{Errno: wrapper.ErrnoArrears}
	for name, fault := range faults {
		for _, attempts := range []int{1, 3} {
			for op, call := range mutatingCalls {
				t.Run(fmt.Sprint(name, " ", op, " ", attempts), func(t *testing.T) {
					sent := 0
					inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
						fault.Operation, fault.Count = op, attempts
						require.NoError(t, cloud.Inject(fault))
						require.Error(t, call(t.Context(), client))
						want := 1
						if again[name] {
							want = attempts
						}
						require.Equal(t, want, sent)
					}, wrapper.WithMutatingRetries(attempts), wrapper.WithHooks(wrapper.Hooks{Attempt: func(context.Context, wrapper.Attempt) { sent++ }}))
				})
			}
		}
	}
}

// Delays are random over their whole range, so that clients that failed
// together do not retry together.
func TestPausesHaveFullJitter(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		var shortest, longest = time.Hour, time.Duration(0)
		for range 200 {
			failingReads(t, cloud, 1, emulator.Fault{Reset: true})
			start := time.Now()
			require.NoError(t, readOnce(t.Context(), client))
			shortest, longest = min(shortest, time.Since(start)), max(longest, time.Since(start))
		}
		require.Less(t, shortest, time.Second)
		require.Greater(t, longest, 9*time.Second)
		require.LessOrEqual(t, longest, 10*time.Second)
	}, wrapper.WithRetries(wrapper.Retries{BaseDelay: 10 * time.Second}))
}

// A BaseDelay of any length is accepted.
func TestTheLongestBaseDelay(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		defer cancel()
		failingReads(t, cloud, 1, emulator.Fault{Reset: true})
		require.ErrorContains(t, readOnce(ctx, client), "reset", "returned instead of waiting for centuries")
	}, wrapper.WithRetries(wrapper.Retries{BaseDelay: math.MaxInt64}))
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				asking := func(delay string) emulator.Fault {
					return emulator.Fault{Status: status, Header: http.Header{"Retry-After": {delay}}}
				}
				start := time.Now()
				failingReads(t, cloud, 2, asking("7"))
				require.NoError(t, readOnce(t.Context(), client))
				require.Equal(t, 14*time.Second, time.Since(start))

				// The longest Retry-After that a read-only call waits for.
				start = time.Now()
				failingReads(t, cloud, 1, asking("20"))
				require.NoError(t, readOnce(t.Context(), client))
				require.Equal(t, 20*time.Second, time.Since(start))

				// One that is longer.
				start = time.Now()
				failingReads(t, cloud, 1, asking("3600"))
				err := readOnce(t.Context(), client)
				var apiErr *wrapper.APIError
				require.ErrorAs(t, err, &apiErr)
				require.Equal(t, time.Hour, apiErr.RetryAfter)
				require.ErrorContains(t, err, "retry after 1h0m0s")
				require.Zero(t, time.Since(start))

				// One that is as long as the caller's context lasts, or longer.
				for _, patience := range []time.Duration{7 * time.Second, 5 * time.Second} {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					failingReads(t, cloud, 1, asking("7"))
					require.ErrorAs(t, readOnce(ctx, client), &apiErr)
					require.Zero(t, time.Since(start))
				}

				// An invalid Retry-After, or one in the past, does not skip the
				// delay.
				for _, delay := range []string{"-5", "0", "Sat, 01 Jan 2000 00:00:00 GMT", "soon"} {
					start = time.Now()
					failingReads(t, cloud, 3, asking(delay))
					require.ErrorAs(t, readOnce(t.Context(), client), &apiErr)
					require.Zero(t, apiErr.RetryAfter, delay)
					require.NotZero(t, time.Since(start), delay)
				}
			})
		})
	}
}

func TestAPauseEndsWithTheContext(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		reason := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(reason) })
		failingReads(t, cloud, 1, emulator.Fault{Status: 429, Header: http.Header{"Retry-After": {"10"}}})
		start := time.Now()
		err := readOnce(ctx, client)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.ErrorIs(t, err, reason)
		require.ErrorIs(t, err, wrapper.ErrRateLimited)
		require.EqualError(t, err, "cimg: shutting down; before that: getJobResult: rate limited: HTTP 429 Too Many Requests, retry after 10s")
	})
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failingReads(t, cloud, 1, emulator.Fault{Delay: time.Minute})
		err := readOnce(ctx, client)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "before", "it ended during an attempt")
	})
}

// The client does not begin a delay that would outlast the deadline: the caller
// learns immediately why the call failed.
func TestNoPauseBeyondTheDeadline(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		failingReads(t, cloud, 1, emulator.Fault{Status: 503})
		start := time.Now()
		require.ErrorIs(t, readOnce(ctx, client), wrapper.ErrServer)
		require.Zero(t, time.Since(start))
	}, wrapper.WithRetries(wrapper.Retries{BaseDelay: 1000 * time.Hour}))
}

// Retries do not multiply an outage: they use up a budget of the whole client,
// which successful calls refill.
func TestRetryBudget(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		sent := func(read func()) int {
			before := cloud.Requests("getJobResult")
			read()
			return cloud.Requests("getJobResult") - before
		}
		fails := func() { require.Error(t, readOnce(t.Context(), client)) }
		works := func() { require.NoError(t, readOnce(t.Context(), client)) }
		outage := func(n int) { failingReads(t, cloud, n, emulator.Fault{Status: 503}) }

		outage(3 + 2 + 1)
		require.Equal(t, 3, sent(fails))
		require.Equal(t, 2, sent(fails), "one retry was left")
		require.Equal(t, 1, sent(fails), "none was left")

		for range 4 {
			works()
		}
		outage(1)
		require.Equal(t, 1, sent(fails), "four fifths of a retry are not enough")
		works()
		outage(1)
		require.Equal(t, 2, sent(works), "a retry that succeeds is refunded")
		outage(2)
		require.Equal(t, 2, sent(fails))

		for range 100 {
			works()
		}
		outage(3 + 2)
		require.Equal(t, 3, sent(fails), "the budget does not grow beyond its size")
		require.Equal(t, 2, sent(fails))
	}, wrapper.WithRetries(wrapper.Retries{Budget: 3}))
}

func TestRateLimit(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		start := time.Now()
		for range 6 {
			require.NoError(t, readOnce(t.Context(), client))
		}
		require.InDelta(t, 2*time.Second, time.Since(start), float64(time.Millisecond), "two immediately, then two per second")
		failingReads(t, cloud, 1, emulator.Fault{Errno: 2})
		start = time.Now()
		require.NoError(t, readOnce(t.Context(), client))
		require.InDelta(t, time.Second, time.Since(start), float64(time.Millisecond), "a retry waits for the rate limit, too")
		_, err := client.CreateImage(t.Context(), "gz", webImage)
		require.NoError(t, err)

		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start = time.Now()
		_, err = client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, time.Since(start), "the rate limit would allow it too late")

		reason := errors.New("shutting down")
		cancelled, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { stop(reason) })
		_, err = client.CreateImage(cancelled, "gz", wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		require.ErrorIs(t, err, reason)
		require.Equal(t, 100*time.Millisecond, time.Since(start))
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	}, wrapper.WithRateLimit(2, 2))

	_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithRateLimit(0.1, 1))
	require.NoError(t, err)
	for _, bad := range []wrapper.Option{wrapper.WithRateLimit(0, 1), wrapper.WithRateLimit(-1, 1), wrapper.WithRateLimit(1, 0)} {
		_, err := wrapper.New(wrapper.StaticToken(token), bad)
		require.ErrorContains(t, err, "rate limit")
	}
}
