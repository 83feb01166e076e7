package wrapper_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// inCloud runs a test in virtual time, against an emulator in process.
func inCloud(t *testing.T, settings emulator.Options, test func(*testing.T, *emulator.Emulator, *wrapper.Client), options ...wrapper.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings.Strict, settings.CheckResponses = true, true
		cloud, err := emulator.New(settings)
		require.NoError(t, err)
		options := append([]wrapper.Option{
			wrapper.WithBaseURL("http://127.0.0.1"),
			wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}),
		}, options...)
		client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), options...)
		require.NoError(t, err)
		test(t, cloud, client)
		require.Empty(t, cloud.Violations())
	})
}

// lasting plans jobs that succeed after d.
func lasting(d time.Duration) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: d} }
}

// failing plans jobs that fail half way.
func failing(reason string) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Minute, FailAt: 0.5, Failure: reason}
	}
}

func create(t *testing.T, client *wrapper.Client, names ...string) []*wrapper.JobHandle {
	t.Helper()
	images := make([]wrapper.CreateImageInput, len(names))
	for i, name := range names {
		images[i] = wrapper.CreateImageInput{Name: name, SnapUUID: snapshot}
	}
	handles, err := client.CreateImages(t.Context(), "gz", images)
	require.NoError(t, err)
	return handles
}

func TestWait(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		start := time.Now()
		created := create(t, client, "web-01")[0]
		job, err := created.Wait(t.Context())
		require.NoError(t, err)
		require.True(t, job.Done && job.Success)
		require.Equal(t, created.Ref.ResourceUUID, job.ResourceUUID)
		took := time.Since(start)
		require.GreaterOrEqual(t, took, time.Minute, "reported before the service said so")
		require.LessOrEqual(t, took, time.Minute+15*time.Second)
		require.LessOrEqual(t, cloud.Requests("getJobResult"), 25)
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	})
}

func TestWaitFailedJob(t *testing.T) {
	inCloud(t, emulator.Options{Plan: failing("snapshot unreadable")}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		_, err := created.Wait(t.Context())
		var failed *wrapper.JobFailedError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, created.Ref, failed.Ref)
		require.Equal(t, "snapshot unreadable", failed.Job.Result)
		require.EqualValues(t, 50, failed.Job.Progress)
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		start := time.Now()
		job, err := created.Wait(ctx)
		require.Equal(t, 90*time.Second, time.Since(start))
		var wait *wrapper.WaitError
		require.ErrorAs(t, err, &wait)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, []wrapper.JobRef{created.Ref}, wait.Refs)
		require.False(t, job.Done)
		require.Positive(t, job.Progress, "the last reported state is kept")

		// The error has all that is needed to resume.
		resumed, err := client.Resume(wait.Refs[0])
		require.NoError(t, err)
		job, err = resumed.Wait(t.Context())
		require.NoError(t, err)
		require.True(t, job.Success)
	})
}

// A context that ends during a poll is the cause of the wait's end, not an error
// of the service.
func TestWaitEndsInTheMiddleOfAPoll(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		_, err := created.Wait(ctx)
		var wait *wrapper.WaitError
		require.ErrorAs(t, err, &wait)
		require.ErrorIs(t, wait.Cause, context.DeadlineExceeded)
		require.NoError(t, wait.LastPoll)
	}, wrapper.WithWaitOptions(wrapper.MaxFailures(1)))
}

func TestWaitWithADoneContextAsksNothing(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("shutting down")
		cancel(reason)
		_, err := created.Wait(ctx)
		require.ErrorIs(t, err, reason)
		require.Zero(t, cloud.Requests("getJobResult"))
	})
}

// The cause of its context may be the outcome of another call or wait, which says nothing
// of the call that started the job.
func TestWaitIgnoresOtherOutcomes(t *testing.T) {
	for _, other := range []error{wrapper.ErrNotSent, &wrapper.OutcomeUnknownError{}, &wrapper.APIError{Errno: 13, HTTPStatus: 200}, &wrapper.JobFailedError{}} {
		inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
			job := create(t, client, "web-01")[0]
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Minute, func() { cancel(fmt.Errorf("a sibling: %w", other)) })
			for range 2 { // in mid-wait, and from the beginning
				_, err := job.Wait(ctx)
				require.ErrorAs(t, err, new(*wrapper.WaitError))
				require.ErrorIs(t, err, context.Canceled)
				require.ErrorContains(t, err, "a sibling")
				require.NotErrorIs(t, err, wrapper.ErrNotSent)
				require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
				require.NotErrorAs(t, err, new(*wrapper.APIError))
				require.NotErrorAs(t, err, new(*wrapper.JobFailedError))
			}
			_, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
			require.Equal(t, wrapper.OutcomeNotSent, wrapper.OutcomeOf(err))
		})
	}
}

func TestWaitAllSettlesAll(t *testing.T) {
	plan := func(job emulator.JobStart) emulator.Plan {
		if strings.HasPrefix(job.Name, "bad") {
			return emulator.Plan{Duration: time.Second, Failure: job.Name + " is bad"}
		}
		return emulator.Plan{Duration: time.Minute}
	}
	inCloud(t, emulator.Options{Plan: plan}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		jobs := create(t, client, "a", "bad-1", "b", "bad-2")
		jobs = append(jobs, jobs[0]) // one job twice
		outcomes, err := client.WaitAll(t.Context(), jobs)
		require.Len(t, outcomes, 5)
		for i, outcome := range outcomes {
			require.Equal(t, jobs[i].Ref, outcome.Ref)
			require.True(t, outcome.Job.Done)
			require.Equal(t, i == 1 || i == 3, outcome.Err != nil, i)
		}
		require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		require.ErrorContains(t, err, "2 jobs did not succeed")
		require.NotContains(t, err.Error(), "\n")
		require.LessOrEqual(t, cloud.Requests("getJobResult"), 25, "jobs are polled together")
	})
}

func TestWaitAllAsksInBatchesAndByRegion(t *testing.T) {
	settings := emulator.Options{Plan: lasting(0), MaxJobUUIDs: 2}
	inCloud(t, settings, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		jobs := create(t, client, "a", "b", "c", "d", "e")
		copied, err := client.ImportImage(t.Context(), "gz", wrapper.ImportImageInput{Name: "f", OriginRegionID: "bj", OriginImageUUID: imageID})
		require.NoError(t, err)
		renamed, err := client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: imageID, Name: "g"})
		require.NoError(t, err)
		_, err = client.WaitAll(t.Context(), append(jobs, copied, renamed))
		require.NoError(t, err)
		require.Equal(t, 3+1, cloud.Requests("getJobResult"), "six jobs in gz, two a request; one in bj")
	}, wrapper.WithPolling(wrapper.Polling{MaxJobs: 2}))
}

func TestWatchYieldsEachChangeOnce(t *testing.T) {
	inCloud(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Minute, Curve: emulator.Stages(0.5)}
	}}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		var seen []wrapper.Job
		for job, err := range create(t, client, "web-01")[0].Watch(t.Context()) {
			require.NoError(t, err)
			if len(seen) > 0 {
				require.NotEqual(t, seen[len(seen)-1], job)
				require.False(t, seen[len(seen)-1].Done, "something came after the end")
			}
			seen = append(seen, job)
		}
		require.Len(t, seen, 3, "0, half way, done")
		require.True(t, seen[2].Success)
	})
}

func TestWatchEndsWithTheFailure(t *testing.T) {
	inCloud(t, emulator.Options{Plan: failing("no")}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		var last error
		for job, err := range create(t, client, "web-01")[0].Watch(t.Context()) {
			require.NoError(t, last, "something came after the end")
			require.Equal(t, job.Done, err != nil)
			last = err
		}
		require.ErrorAs(t, last, new(*wrapper.JobFailedError))
	})
}

func TestWatchCanBeLeftEarly(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		for range create(t, client, "web-01")[0].Watch(t.Context()) {
			break
		}
		require.Equal(t, 1, cloud.Requests("getJobResult"))
	})
}

func TestWaitOutlastsPassingTrouble(t *testing.T) {
	faults := map[string]emulator.Fault{
		"HTTP 503":   {Status: 503, Body: "<html>", ContentType: "text/html"},
		"HTTP 429":   {Status: 429},
		"errno 2":    {Errno: 2},
		"errno 3":    {Errno: 3},
		"reset":      {Reset: true},
		"HTML":       {Status: 200, Body: "<html>", ContentType: "text/html"},
		"cut short":  {Truncate: true},
		"no connect": {Refuse: true},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				fault.Operation, fault.Skip, fault.Count = "getJobResult", 1, 3
				cloud.InjectFor(t, fault)
				job, err := create(t, client, "web-01")[0].Wait(t.Context())
				require.NoError(t, err)
				require.True(t, job.Success)
				require.Equal(t, 1, cloud.Requests("createCIMG"))
			})
		})
	}
}

func TestWaitGivesUp(t *testing.T) {
	rows := map[string]struct {
		fault emulator.Fault
		is    error
		polls int
	}{
		"token rejected": {emulator.Fault{Errno: 4}, wrapper.ErrAuth, 1},
		"no permission":  {emulator.Fault{Errno: 10000001}, wrapper.ErrPermission, 1},
		"server error":   {emulator.Fault{Status: 500, Count: 4}, wrapper.ErrServer, 4},
		"id is rejected": {emulator.Fault{Errno: 1, Count: 4}, wrapper.ErrBadParameter, 4},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				created := create(t, client, "web-01")[0]
				row.fault.Operation = "getJobResult"
				cloud.InjectFor(t, row.fault)
				_, err := created.Wait(t.Context())
				var wait *wrapper.WaitError
				require.ErrorAs(t, err, &wait)
				require.ErrorIs(t, err, row.is)
				require.Equal(t, []wrapper.JobRef{created.Ref}, wait.Refs)
				require.Equal(t, row.polls, cloud.Requests("getJobResult"))
			}, wrapper.WithWaitOptions(wrapper.MaxFailures(3), wrapper.MissingGrace(3*time.Second), wrapper.PollPolicy(polling.Constant(time.Second))))
		})
	}
}

// A batch that the service rejects is halved until each id was rejected alone. What
// fails whatever the ids is everybody's after four failures; a rejected token is so
// at once.
func TestWaitHalvesABatchThatFails(t *testing.T) {
	for name, row := range map[string]struct {
		fault emulator.Fault
		polls int // after which all of eight jobs were given up
	}{
		"errno 1":        {emulator.Fault{Errno: 1}, 15},
		"errno 13":       {emulator.Fault{Errno: 13}, 15},
		"errno 16000002": {emulator.Fault{Errno: 16000002}, 15},
		"errno 41026":    {emulator.Fault{Errno: 41026}, 15},
		"HTTP 400":       {emulator.Fault{Status: 400}, 4},
		"HTTP 404":       {emulator.Fault{Status: 404}, 4},
		"HTTP 413":       {emulator.Fault{Status: 413}, 4},
		"HTTP 414":       {emulator.Fault{Status: 414}, 4},
		"HTTP 431":       {emulator.Fault{Status: 431}, 4},
		"HTTP 494":       {emulator.Fault{Status: 494}, 4},
		"HTTP 403":       {emulator.Fault{Status: 403}, 4},
		"errno 10000001": {emulator.Fault{Errno: 10000001}, 4},
		"errno 1000011":  {emulator.Fault{Errno: 1000011}, 4},
		"errno 424242":   {emulator.Fault{Errno: 424242}, 4},
		"errno 4":        {emulator.Fault{Errno: 4}, 1},
		"HTTP 401":       {emulator.Fault{Status: 401, Errno: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				row.fault.Operation, row.fault.Count = "getJobResult", row.polls
				cloud.InjectFor(t, row.fault)
				start := time.Now()
				_, err := client.WaitAll(t.Context(), create(t, client, "a", "b", "c", "d", "e", "f", "g", "h"))
				require.ErrorContains(t, err, "cimg: 8 jobs did not succeed")
				require.Equal(t, row.polls, cloud.Requests("getJobResult"))
				require.GreaterOrEqual(t, time.Since(start), time.Duration(row.polls)*time.Second, "one request a second")
			}, wrapper.WithWaitOptions(wrapper.MissingGrace(0), wrapper.MaxFailures(0)))
		})
	}
}

// MissingGrace ends exactly, and a missing job does not hide the one after it.
func TestWaitForAMissingJobBesideAnother(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		missing, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "missing"})
		require.NoError(t, err)
		done := create(t, client, "web-01")[0]
		start := time.Now()
		outcomes, _ := client.WaitAll(t.Context(), []*wrapper.JobHandle{missing, done})
		require.ErrorIs(t, outcomes[0].Err, wrapper.ErrJobUnknown)
		require.NoError(t, outcomes[1].Err)
		require.Equal(t, 30*time.Second, time.Since(start))
		require.Equal(t, 4, cloud.Requests("getJobResult"), "after 0, 10, 20 and 30 s")
	}, wrapper.WithPolling(wrapper.Polling{RequestInterval: 10 * time.Second}), wrapper.WithWaitOptions(wrapper.PollPolicy(polling.Constant(10*time.Second))))
}

// Polls pause as long as the service asks for, up to MaxRetryAfter.
func TestWaitHonoursRetryAfter(t *testing.T) {
	for _, row := range []struct {
		asked string
		waits time.Duration
	}{{"40", 40 * time.Second}, {"3600", time.Hour}, {"3601", time.Hour}} {
		inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			created := create(t, client, "web-01")[0]
			cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Status: 429, Header: http.Header{"Retry-After": {row.asked}}})
			start := time.Now()
			_, err := created.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, row.waits, time.Since(start)-time.Second, "a second before the first poll")
		})
	}
}

// A wait that cannot reach the service does not look as if the call that started
// its job had not been sent.
func TestWaitIsNotNotSent(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Refuse: true, Count: 9})
		_, err := created.Wait(t.Context())
		require.ErrorAs(t, err, new(*wrapper.WaitError))
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NotErrorIs(t, err, wrapper.ErrNotSent)
	})
}

// A batch that always fails ends its own waits, and only those, even if others
// succeed.
func TestWaitCountsFailuresByJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("jobUuids") == "poison" {
				polls++
				return nil, errors.New("connection reset")
			}
			return respond(`{"errno":0,"data":[{"jobUuid":"good","type":"T","progress":1}]}`)
		}, wrapper.WithPolling(wrapper.Polling{MaxJobs: 1}), wrapper.WithWaitOptions(wrapper.MaxFailures(2)))
		var jobs []*wrapper.JobHandle
		for _, uuid := range []string{"good", "poison"} {
			job, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: uuid})
			require.NoError(t, err)
			jobs = append(jobs, job)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		outcomes, _ := client.WaitAll(ctx, jobs)
		require.ErrorIs(t, outcomes[0].Err, context.DeadlineExceeded)
		require.ErrorContains(t, outcomes[1].Err, "connection reset")
		require.NotErrorIs(t, outcomes[1].Err, context.DeadlineExceeded)
		require.Equal(t, 3, polls, "a poll is repeated only by the next one")
	})
}

// Errors in one region do not end the waits in another.
func TestWaitInTwoRegions(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		good := create(t, client, "web-01")[0]
		lost, err := client.Resume(wrapper.JobRef{Region: "nowhere", JobUUID: "j1"})
		require.NoError(t, err)
		outcomes, err := client.WaitAll(t.Context(), []*wrapper.JobHandle{lost, good})
		require.ErrorIs(t, err, wrapper.ErrNotFound)
		require.ErrorIs(t, outcomes[0].Err, wrapper.ErrNotFound)
		require.NoError(t, outcomes[1].Err)
	})
}

func TestWaitForAnUnknownJob(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		good := create(t, client, "web-01")[0]
		lost, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "nobody-knows"})
		require.NoError(t, err)
		start := time.Now()
		_, err = lost.Wait(t.Context())
		require.ErrorIs(t, err, wrapper.ErrJobUnknown)
		require.GreaterOrEqual(t, time.Since(start), 30*time.Second, "the service may lag")

		outcomes, err := client.WaitAll(t.Context(), []*wrapper.JobHandle{lost, good})
		require.ErrorIs(t, err, wrapper.ErrJobUnknown)
		require.NoError(t, outcomes[1].Err, "the other job is not affected")
	})
}

func TestTheFirstPoll(t *testing.T) {
	took := func(t *testing.T, job *wrapper.JobHandle) time.Duration {
		start := time.Now()
		_, err := job.Wait(t.Context())
		require.NoError(t, err)
		return time.Since(start)
	}
	inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		require.Equal(t, time.Second, took(t, created), "a job that was just started cannot have finished")

		time.Sleep(time.Minute)
		require.Zero(t, took(t, created), "an older one may have")

		ahead := created.Ref // of a process whose clock is ahead
		ahead.StartedAt = time.Now().Add(time.Hour)
		resumed, err := client.Resume(ahead)
		require.NoError(t, err)
		require.Equal(t, time.Second, took(t, resumed))

		undated := created.Ref
		undated.StartedAt = time.Time{}
		resumed, err = client.Resume(undated)
		require.NoError(t, err)
		require.Equal(t, time.Second, took(t, resumed), "the region was just polled")
		time.Sleep(time.Second)
		require.Zero(t, took(t, resumed))
	})
}

// How often a job is polled follows its age, within limits.
func TestTimeBetweenPolls(t *testing.T) {
	silent := func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Hour, Curve: emulator.Silent}
	}
	inCloud(t, emulator.Options{Plan: silent}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		polls := func(ref wrapper.JobRef, during time.Duration) int {
			before := cloud.Requests("getJobResult")
			ctx, cancel := context.WithTimeout(t.Context(), during)
			defer cancel()
			job, err := client.Resume(ref)
			require.NoError(t, err)
			_, err = job.Wait(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			return cloud.Requests("getJobResult") - before
		}
		require.Equal(t, 3, polls(created.Ref, 3500*time.Millisecond), "once a second at first")

		time.Sleep(30 * time.Minute)
		require.Equal(t, 5, polls(created.Ref, 4*time.Minute+time.Second), "once a minute in the end: at 0, 1, ... 4 min")

		undated := created.Ref // its age is unknown: that of the wait counts
		undated.StartedAt = time.Time{}
		require.Equal(t, 4, polls(undated, 3500*time.Millisecond))
	}, wrapper.WithWaitOptions(wrapper.LastPoll(0)))
}

// responses answers polls one after the other, each with jobs or with an error.
func responses(t *testing.T, answers ...any) *wrapper.Client {
	t.Helper()
	next := 0
	return clientThrough(t, func(*http.Request) (*http.Response, error) {
		require.Less(t, next, len(answers), "one poll too many")
		answer := answers[next]
		next++
		if err, broken := answer.(error); broken {
			return nil, err
		}
		body, err := json.Marshal(map[string]any{"errno": 0, "errmsg": "ok", "requestId": "r", "data": answer})
		require.NoError(t, err)
		return respond(string(body))
	}, wrapper.WithPolling(wrapper.Polling{RequestInterval: 20 * time.Second}), wrapper.WithWaitOptions(wrapper.MaxFailures(1)))
}

func TestWaitForgivesWhatIsOver(t *testing.T) {
	broken := errors.New("connection reset")
	missing, null := []wrapper.Job{}, []wrapper.Job(nil)
	running := []wrapper.Job{{JobUUID: "j1", Type: "T"}}
	ended := []wrapper.Job{{JobUUID: "j1", Type: "T", Progress: 100, Done: true, Success: true}}
	rows := map[string][]any{
		"failures that are not in a row": {broken, running, broken, running, broken, ended},
		"absences that are not in a row": {missing, null, running, null, missing, ended},
	}
	for name, answers := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job, err := responses(t, answers...).Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1", StartedAt: time.Now()})
				require.NoError(t, err)
				state, err := job.Wait(t.Context())
				require.NoError(t, err)
				require.True(t, state.Success)
			})
		})
	}
}

// A job that is listed twice has two outcomes, and hides none that is listed after.
func TestWaitForAJobTwice(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		jobs := create(t, client, "a", "b")
		outcomes, err := client.WaitAll(t.Context(), []*wrapper.JobHandle{jobs[0], jobs[0], jobs[1]})
		require.NoError(t, err)
		for i, job := range []int{0, 0, 1} {
			require.True(t, outcomes[i].Job.Success)
			require.Equal(t, jobs[job].Ref.JobUUID, outcomes[i].Job.JobUUID)
		}
	})
}

// The error of a wait has every unfinished job, and no error that was overcome.
func TestWaitErrorHasTheUnfinishedJobs(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		jobs := create(t, client, "a", "b", "c")
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Status: 503})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		again, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: jobs[0].Ref.JobUUID}) // the rest is about it
		require.NoError(t, err)
		outcomes, err := client.WaitAll(ctx, append(jobs, again))
		var wait *wrapper.WaitError
		require.ErrorAs(t, err, &wait)
		require.ErrorContains(t, err, "cimg: 3 jobs did not succeed", "one of them is listed twice")
		require.Equal(t, []wrapper.JobRef{jobs[0].Ref, jobs[1].Ref, jobs[2].Ref}, wait.Refs)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, wrapper.ErrServer, "that was one poll, long ago")
		for i, outcome := range outcomes {
			require.ErrorAs(t, outcome.Err, &wait)
			require.Equal(t, jobs[i%3].Ref.JobUUID, wait.Refs[0].JobUUID)
		}

		for _, fault := range []emulator.Fault{
			{Status: 503, Count: 3},                                  // its last attempt failed
			{Status: 503, Header: http.Header{"Retry-After": {"5"}}}, // the next one was still to come
		} {
			fault.Operation = "getJobResult"
			cloud.InjectFor(t, fault)
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(2*time.Second, cancel)
			_, err = jobs[0].Wait(ctx)
			require.ErrorAs(t, err, &wait)
			require.ErrorIs(t, wait.Cause, context.Canceled)
			require.ErrorIs(t, wait.LastPoll, wrapper.ErrServer, "that was the last poll")
		}
	})
}

// What the service reported counts, even if the context ended before it was read.
func TestWatchKeepsAnEndThatWasSaid(t *testing.T) {
	inCloud(t, emulator.Options{Plan: failing("disk full")}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		for _, err := range create(t, client, "web-01")[0].Watch(ctx) {
			if last = err; err == nil { // a slow reader: the job fails, and then the context ends
				time.Sleep(time.Hour)
				cancel()
			}
		}
		require.ErrorAs(t, last, new(*wrapper.JobFailedError))
	})
}

// Some responses leave the resource out; the handle remembers it.
func TestWaitKeepsTheResource(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			respondJSON(oneJob)(w, r)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"errno": 0, "data": []wrapper.Job{{JobUUID: "j1", Done: true, Success: true}}})
	})
	client := clientOf(t, s, wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond}))
	created, err := client.CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err)
	job, err := created.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "i1", job.ResourceUUID)

	// What was never reported has none.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	job, err = created.Wait(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, job)
}
