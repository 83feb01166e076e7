package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdk "go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// Whatever goes wrong with the call, the region ends with one image of the name, which
// the workflow knows, or with none and a failure that says why.
func TestOneImageWhateverGoesWrong(t *testing.T) {
	for name, test := range map[string]struct {
		faults  []emulator.Fault
		lag     time.Duration
		failure string // "": an image is made
		calls   int    // of createCIMG that the service saw
		states  string // besides the first and the last; "": not looked at
	}{
		"nothing goes wrong":              {calls: 1},
		"listed late":                     {lag: window / 2, calls: 1},
		"response lost":                   {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Reset: true}}, calls: 1, states: "reconciling waiting"},
		"response lost, listed late":      {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Reset: true}}, lag: window / 2, calls: 1},
		"half a response":                 {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Truncate: true}}, calls: 1},
		"HTTP 503 after the create":       {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Status: 503}}, calls: 1},
		"HTTP 503 instead of the create":  {faults: []emulator.Fault{{Operation: "createCIMG", Status: 503}}, calls: 2, states: "reconciling sending waiting"},
		"no response in time, not done":   {faults: []emulator.Fault{{Operation: "createCIMG", Delay: time.Hour, Status: 503}}, calls: 2},
		"no response in time, but done":   {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Delay: time.Hour}}, calls: 1},
		"connection refused":              {faults: []emulator.Fault{{Operation: "createCIMG", Refuse: true, Count: 3}}, calls: 1, states: "postponed sending postponed sending postponed sending waiting"},
		"too many requests":               {faults: []emulator.Fault{{Operation: "createCIMG", Status: 429, Count: 3, Header: http.Header{"Retry-After": {"90"}}}}, calls: 4},
		"service cannot list":             {faults: []emulator.Fault{{Operation: "listCIMG", Status: 503, Count: 100}}, calls: 1},
		"a proxy forbids to list":         {faults: []emulator.Fault{{Operation: "listCIMG", Status: 403, Body: "<html>", Count: 100}}, calls: 1},
		"down for a long time":            {faults: []emulator.Fault{{Status: 503, Count: 100}}, calls: 1},
		"lost, then down for a long time": {faults: []emulator.Fault{{Operation: "createCIMG", After: true, Reset: true}, {Operation: "listCIMG", Skip: 1, Count: 60, Status: 502}}, lag: time.Second, calls: 1},
		"polls fail for a long time":      {faults: []emulator.Fault{{Operation: "getJobResult", Status: 500, Count: 30}}, calls: 1},
		"the token is rejected meanwhile": {faults: []emulator.Fault{{Operation: "getJobResult", Errno: 4, Count: 5}}, calls: 1},
		"in arrears":                      {faults: []emulator.Fault{{Operation: "createCIMG", Errno: 1000011}}, failure: fleet.Rejected, calls: 1},
		"never observed":                  {faults: []emulator.Fault{{Operation: "createCIMG", Status: 503, Count: 3}}, failure: fleet.NotObserved, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{Faults: test.faults, ListLag: test.lag}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				shown := w.shows()
				w.ExecuteWorkflow(fleet.Image, web)
				w.endsWith(t, test.failure)
				require.Equal(t, test.calls, w.service.Requests("createCIMG"))
				if test.states != "" {
					require.Equal(t, "web-01 gz sending "+test.states+" done", strings.Join(*shown, " "))
				}
			})
		})
	}
}

// The same if the worker is killed: Temporal then hears nothing of Send.
func TestOneImageWhoeverIsKilled(t *testing.T) {
	for name, killed := range map[string]func(context.Context, fleet.Call, func(context.Context, fleet.Call) (fleet.Effect, error)){
		"before it sends": func(context.Context, fleet.Call, func(context.Context, fleet.Call) (fleet.Effect, error)) {},
		"after it sent": func(ctx context.Context, call fleet.Call, send func(context.Context, fleet.Call) (fleet.Effect, error)) {
			_, _ = send(ctx, call)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{ListLag: window / 2}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				isFirst := true
				w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
					if isFirst {
						isFirst = false
						killed(ctx, call, w.activities.Send)
						return fleet.Effect{}, errors.New("killed")
					}
					return w.activities.Send(ctx, call)
				})
				w.ExecuteWorkflow(fleet.Image, web)
				w.endsWith(t, "")
				require.Equal(t, 1, w.service.Requests("createCIMG"))
			})
		})
	}
}

// A workflow that a program has started shows its image, too.
func TestShown(t *testing.T) {
	for first, execute := range map[string]func(*world){
		"web-01 gz sending": func(w *world) { w.ExecuteWorkflow(fleet.Image, web) },
		"web-1 bj sending":  func(w *world) { w.ExecuteWorkflow(fleet.Delete, outdated) },
	} {
		inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			shown := w.shows()
			execute(w)
			require.Equal(t, []string{first, fleet.StateWaiting, fleet.StateDone}, *shown)
		})
	}
}

// A workflow that is cancelled while its call is under way, or while it is not known what
// became of it, finds out.
func TestCancelledBeforeItIsKnown(t *testing.T) {
	for name, test := range map[string]struct {
		fault emulator.Fault
		lag   time.Duration
		after time.Duration
	}{
		"under way": {fault: emulator.Fault{After: true, Delay: time.Minute}, after: 30 * time.Second},
		"unknown":   {fault: emulator.Fault{After: true, Reset: true}, lag: window / 2, after: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			test.fault.Operation = "createCIMG"
			inWorld(t, emulator.Options{
				Faults: []emulator.Fault{test.fault}, ListLag: test.lag,
				Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: time.Hour} },
			}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				var memo map[string]any
				w.OnUpsertMemo(mock.Anything).Return(nil).Run(func(args mock.Arguments) { memo = args.Get(0).(map[string]any) })
				time.AfterFunc(test.after, w.CancelWorkflow)
				w.ExecuteWorkflow(fleet.Image, web)
				cancelled, is := errors.AsType[*temporal.CanceledError](w.GetWorkflowError())
				require.True(t, is, w.GetWorkflowError())
				require.Contains(t, memo["job"], w.service.Jobs("gz")[0].JobUUID)
				var made fleet.Copy
				require.NoError(t, cancelled.Details(&made))
				require.Equal(t, fleet.Copy{Region: "gz", Name: web.Name, Image: w.named(web)[0]}, made)
			})
		})
	}
}

// An earlier run of the workflow may have sent the call a moment ago, whether it was
// completed, terminated or reset: the next one looks for the image during the whole
// visibility window before it creates one, and not before the earlier one's call has
// ended.
func TestAfterAnEarlierRun(t *testing.T) {
	for name, test := range map[string]struct {
		sentBefore time.Duration // 0: never
		sentAfter  time.Duration
		calls      int
	}{
		"it has sent the call":        {sentBefore: time.Second, calls: 1},
		"it sends it after its end":   {sentAfter: 2 * time.Minute, calls: 1},
		"it has not sent the call":    {calls: 1},
		"sent, listed, then it ended": {sentBefore: window, calls: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{ListLag: window * 3 / 4}, func(t *testing.T, w *world) {
				send := sync.OnceFunc(func() {
					_, err := w.cimg.CreateImage(context.Background(), "gz", createInput(web))
					require.NoError(t, err)
				})
				began := time.Now()
				if test.sentBefore > 0 {
					send()
					time.Sleep(test.sentBefore)
				}
				old := &workflow.WorkflowExecutionInfo{
					Execution: &common.WorkflowExecution{RunId: "old"}, StartTime: timestamppb.New(began.Add(-time.Minute)), CloseTime: timestamppb.New(began),
				}
				w.hasEarlierRuns(old, &workflow.WorkflowExecutionInfo{
					Execution: &common.WorkflowExecution{RunId: "earlier"}, StartTime: timestamppb.New(began), CloseTime: timestamppb.Now(),
				}, old)
				if test.sentAfter > 0 {
					w.RegisterDelayedCallback(send, test.sentAfter)
				}
				order := web
				order.Settings.CallTimeout = 30 * time.Second // the earlier run may have had more
				w.ExecuteWorkflow(fleet.Image, order)
				if test.sentAfter > 0 {
					send() // at the latest
				}
				w.endsWith(t, "")
				require.Equal(t, test.calls, w.service.Requests("createCIMG"))
			})
		})
	}
}

// Before Temporal lists the run itself, it may not list an earlier one, either.
func TestEarlierRunsThatAreNotListedYet(t *testing.T) {
	inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.temporal.On("ListWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.ListWorkflowExecutionsResponse{}, nil).Twice()
		w.hasNoEarlierRun()
		w.ExecuteWorkflow(fleet.Image, web)
		w.endsWith(t, "")
		w.temporal.AssertNumberOfCalls(t, "ListWorkflow", 3)
		require.Equal(t, "WorkflowId = 'default-test-workflow-id' AND ExecutionStatus != 'ContinuedAsNew'"+
			" AND (ExecutionStatus = 'Running' OR CloseTime > '1999-12-31T23:54:00Z')",
			w.temporal.Calls[0].Arguments.Get(1).(*workflowservice.ListWorkflowExecutionsRequest).Query)
	})
}

// Temporal's clock may be ahead of everybody's.
func TestClockOfTemporal(t *testing.T) {
	inWorld(t, emulator.Options{Faults: []emulator.Fault{{Operation: "createCIMG", After: true, Reset: true}}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.SetStartTime(time.Now().Add(20 * time.Second))
		w.ExecuteWorkflow(fleet.Image, web)
		w.endsWith(t, "")
	})
}

// Settings.MaxCalls limits the calls for an image, whyever they are repeated; a job that
// somebody else has started is none of them.
func TestMaxCalls(t *testing.T) {
	for maxCalls := 1; maxCalls <= 3; maxCalls++ {
		for others := range 2 {
			inWorld(t, emulator.Options{
				Plan: func(emulator.JobStart) emulator.Plan {
					return emulator.Plan{Duration: time.Minute, Failure: "no space left", FailAt: 1}
				},
				Faults: []emulator.Fault{{Operation: "createCIMG", Skip: 1, Status: 503}},
			}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				for range others {
					_, err := w.cimg.CreateImage(t.Context(), "gz", createInput(web))
					require.NoError(t, err)
				}
				order := web
				order.Settings.MaxCalls = maxCalls
				w.ExecuteWorkflow(fleet.Image, order)
				require.Error(t, w.GetWorkflowError())
				require.Equal(t, others+maxCalls, w.service.Requests("createCIMG"))
			})
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// The condition of a list may not find an image that the list shows without one.
func TestListThatIgnoresNames(t *testing.T) {
	inChangedWorld(t, emulator.Options{}, func(service http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if strings.HasSuffix(request.URL.Path, "/list") {
				body, err := io.ReadAll(request.Body)
				require.NoError(t, err)
				body = bytes.ReplaceAll(body, []byte("web-01"), []byte("WEB-01"))
				request = request.Clone(request.Context())
				request.Body = io.NopCloser(bytes.NewReader(body))
			}
			return service.RoundTrip(request)
		})
	}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		_, err := w.cimg.CreateImage(t.Context(), "gz", createInput(web))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		shown := w.shows()
		w.ExecuteWorkflow(fleet.Image, web)
		require.True(t, w.endsWith(t, "").Exists)
		require.Equal(t, []string{"web-01 gz sending", "waiting", "done"}, *shown)
	})
}

// A region is read whole once for all that look for a name in it, within half a minute;
// but that an image exists is said only of one that is listed now.
func TestManyLookIntoARegion(t *testing.T) {
	plan := func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: time.Second} }
	inWorld(t, emulator.Options{Plan: plan}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
		env.RegisterActivity(w.activities)
		send := func(name string) (effect fleet.Effect) {
			input := wrapper.CreateImageInput{Name: name, SnapUUID: snapshot.Snapshot}
			value, err := env.ExecuteActivity(w.activities.Send, fleet.Call{Create: &input, Intent: wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{name}, SentAt: time.Now()}})
			require.NoError(t, err)
			require.NoError(t, value.Get(&effect))
			return effect
		}
		send("first")
		lists := w.service.Requests("listCIMG")
		for n := range 20 {
			require.False(t, send(fmt.Sprint("image-", n)).Exists)
		}
		require.LessOrEqual(t, w.service.Requests("listCIMG")-lists, 20)
		require.True(t, send("first").Exists)

		time.Sleep(time.Minute)
		send("second") // reads the region
		image := w.service.Images("gz")[0]
		job, err := w.cimg.DeleteImage(t.Context(), "gz", image.UUID)
		require.NoError(t, err)
		_, err = job.Wait(t.Context())
		require.NoError(t, err)
		require.False(t, send(image.Name).Exists)
	})
}

// namelessJobs changes a service so that its jobs do not say which image they made.
func namelessJobs(t *testing.T) func(http.RoundTripper) http.RoundTripper {
	resource := regexp.MustCompile(`,"resourceUuid":"[^"]*"`)
	return changedResponses(t, func(isList bool, body []byte) []byte {
		if isList {
			return body
		}
		return resource.ReplaceAll(body, nil)
	})
}

// changedResponses changes the responses of a service.
func changedResponses(t *testing.T, change func(isList bool, body []byte) []byte) func(http.RoundTripper) http.RoundTripper {
	return func(service http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := service.RoundTrip(request)
			if err != nil {
				return response, err
			}
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			body = change(strings.HasSuffix(request.URL.Path, "/list"), body)
			response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			response.Header.Del("Content-Length")
			return response, nil
		})
	}
}

func TestJobsThatNameNoImage(t *testing.T) {
	inChangedWorld(t, emulator.Options{ListLag: window / 2}, namelessJobs(t), func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.ExecuteWorkflow(fleet.Image, web)
		w.endsWith(t, "")
	})
}

// What the service made is looked at; if it is not as it should be, nothing is made anew.
func TestImageThatIsNotAsItShouldBe(t *testing.T) {
	broken := &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Images: []gen.CIMG{{UUID: "broken", Name: web.Name, Status: "Error", Size: 1}}}}}
	rename := func(name string) string { return name + "-copy" }
	for name, test := range map[string]struct {
		options emulator.Options
		change  func(http.RoundTripper) http.RoundTripper
		calls   int
		want    fleet.Member
	}{
		"stored under another name":                            {emulator.Options{StoreName: rename}, nil, 1, fleet.Member{Name: "web-01-copy", Status: "Ready"}},
		"stored under another name, and its job does not name": {emulator.Options{StoreName: rename}, namelessJobs(t), 1, fleet.Member{}},
		"it was there, and is broken":                          {emulator.Options{Stock: broken}, nil, 0, fleet.Member{UUID: "broken", Name: web.Name, Status: "Error", Size: 1}},
		"listed too late":                                      {emulator.Options{ListLag: time.Hour}, nil, 1, fleet.Member{}},
	} {
		t.Run(name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(service http.RoundTripper) http.RoundTripper { return service }
			}
			inChangedWorld(t, test.options, change, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				began := time.Now()
				w.ExecuteWorkflow(fleet.Image, web)
				var listed fleet.Member
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Unverified, &listed), w.GetWorkflowError())
				require.Equal(t, test.change == nil, listed.UUID != "", "which image it is, unless nobody knows")
				require.Equal(t, test.want.Name, listed.Name)
				require.Equal(t, test.want.Status, listed.Status)
				require.Equal(t, test.calls, w.service.Requests("createCIMG"))
				require.GreaterOrEqual(t, time.Since(began), window)
			})
		})
	}
}

// All that verify the images of a region share its list.
func TestManyAreVerified(t *testing.T) {
	inWorld(t, emulator.Options{ListLag: window / 2}, func(t *testing.T, w *world) {
		var verified sync.WaitGroup
		lists := w.service.Requests("listCIMG")
		for n := range 50 {
			order := web
			order.Name = fmt.Sprint("image-", n)
			job, err := w.cimg.CreateImage(t.Context(), "gz", createInput(order))
			require.NoError(t, err)
			verified.Go(func() {
				time.Sleep(emulator.DefaultDuration + time.Duration(n)*time.Second)
				env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
				env.SetTestTimeout(time.Hour)
				env.RegisterActivity(w.activities)
				_, err = env.ExecuteActivity(w.activities.Verify, fleet.Copy{Region: "gz", Name: order.Name, Image: job.Ref.ResourceUUID})
				require.NoError(t, err)
			})
		}
		verified.Wait()
		require.LessOrEqual(t, w.service.Requests("listCIMG")-lists, 20)
	})
}

// A postponed call is not worth an error in a worker's log.
func TestPostponementsAreBenign(t *testing.T) {
	inWorld(t, emulator.Options{Faults: []emulator.Fault{{Operation: "listCIMG", Status: 503, Count: 10}}}, func(t *testing.T, w *world) {
		env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
		env.RegisterActivity(w.activities)
		input := createInput(web)
		_, err := env.ExecuteActivity(w.activities.Send, fleet.Call{Create: &input, Intent: wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{web.Name}, SentAt: time.Now()}})
		require.True(t, fleet.IsFailure(err, fleet.NothingDone, nil), err)
		postponed, _ := errors.AsType[*temporal.ApplicationError](err)
		require.Equal(t, temporal.ApplicationErrorCategoryBenign, postponed.Category())
	})
}

// A call that is postponed for very long lets the workflow continue as new, with what
// the next run must know.
func TestImageContinuesAsNewWhilePostponed(t *testing.T) {
	for failedJobs := range 3 {
		t.Run(fmt.Sprint(failedJobs, " failed jobs before"), func(t *testing.T) {
			var next fleet.ImageOrder
			jobs := 0
			postpone := emulator.Fault{Operation: "createCIMG", Skip: failedJobs, Status: 429, Count: 1000}
			plan := func(emulator.JobStart) emulator.Plan { jobs++; return emulator.Plan{Failure: "no space left"} }
			inWorld(t, emulator.Options{Faults: []emulator.Fault{postpone}, Plan: plan}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				w.RegisterDelayedCallback(func() { w.SetContinueAsNewSuggested(true) }, 6*time.Hour)
				w.ExecuteWorkflow(fleet.Image, web)
				again, is := errors.AsType[*sdk.ContinueAsNewError](w.GetWorkflowError())
				require.True(t, is, "%v", w.GetWorkflowError())
				require.Equal(t, "Image", again.WorkflowType.Name)
				require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
				require.Equal(t, failedJobs, jobs)
				require.Equal(t, 3-failedJobs, next.Carried.Calls)
				require.Equal(t, failedJobs == 0, next.Carried.CheckedBy == "")
				require.Equal(t, failedJobs > 0, next.Carried.Failed != nil)
			})
			jobs = 0
			inWorld(t, emulator.Options{Plan: plan}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				w.ExecuteWorkflow(fleet.Image, next)
				w.endsWith(t, fleet.JobFailed)
				require.Equal(t, 3-failedJobs, jobs, "the calls of both runs are counted")
			})
			if failedJobs == 0 {
				return
			}
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(fleet.Effect{Image: next.Carried.Image, Exists: true}, nil)
				w.ExecuteWorkflow(fleet.Image, next)
				var failed fleet.FailedJob
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.JobFailed, &failed), "an image whose job failed is not taken for made by the next run, either")
				require.Equal(t, *next.Carried.Failed, failed)
			})
		})
	}
}

func TestQuote(t *testing.T) {
	require.Equal(t, `a\\b''c`, fleet.Quote(`a\b'c`))
}

// A job that fails leaves no image; the workflow makes it anew, a few times, after a
// pause.
func TestFailedJobs(t *testing.T) {
	for failures, test := range []struct {
		maxPause time.Duration
		pauses   []time.Duration
		failure  string
	}{
		{maxPause: time.Minute},
		{maxPause: 20 * time.Second, pauses: []time.Duration{20 * time.Second}},
		{maxPause: 5 * time.Minute, pauses: []time.Duration{30 * time.Second, time.Minute}},
		{45 * time.Second, []time.Duration{30 * time.Second, 45 * time.Second}, fleet.JobFailed},
	} {
		jobs := 0
		inWorld(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
			if jobs++; jobs <= failures {
				return emulator.Plan{Duration: time.Minute, Failure: "no space left"}
			}
			return emulator.Plan{Duration: time.Minute}
		}}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			var pauses []time.Duration
			w.SetOnTimerScheduledListener(func(_ string, pause time.Duration) { pauses = append(pauses, pause) })
			order := web
			order.Settings.MaxPause = test.maxPause
			shown := w.shows()
			w.ExecuteWorkflow(fleet.Image, order)
			w.endsWith(t, test.failure)
			require.Equal(t, min(failures+1, 3), w.service.Requests("createCIMG"))
			require.Equal(t, test.pauses, pauses)
			require.Equal(t, failures > 0, slices.Contains(*shown, fleet.StatePostponed))
			require.Equal(t, test.failure != "", slices.Contains(*shown, fleet.StateFailed))
		})
	}
}

// The service may forget a job: the list tells what became of it.
func TestJobsThatTheServiceForgets(t *testing.T) {
	for name, test := range map[string]struct {
		duration time.Duration
		isGone   bool // somebody has deleted the image
		calls    int
	}{
		"it has succeeded":  {calls: 1},
		"it still works":    {duration: 20 * time.Minute, calls: 1},
		"its image is gone": {isGone: true, calls: 2},
	} {
		t.Run(name, func(t *testing.T) {
			jobs := 0
			inWorld(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
				if jobs++; jobs == 1 {
					return emulator.Plan{Duration: test.duration, MissingFor: 30 * time.Minute}
				}
				return emulator.Plan{}
			}}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				shown := w.shows()
				w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
					effect, err := w.activities.Send(ctx, call)
					if test.isGone && jobs == 1 {
						_, err := w.cimg.DeleteImage(ctx, "gz", effect.Image)
						require.NoError(t, err)
					}
					return effect, err
				})
				w.ExecuteWorkflow(fleet.Image, web)
				w.endsWith(t, "")
				require.Equal(t, test.calls, w.service.Requests("createCIMG"))
				require.Equal(t, []string{"web-01 gz sending", "waiting", "reconciling"}, (*shown)[:3])
			})
		})
	}
}

// Without certainty which image is meant, none is made.
func TestAmbiguousImages(t *testing.T) {
	inWorld(t, emulator.Options{Stock: stockOfWeb("one", "other")}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.ExecuteWorkflow(fleet.Image, web)
		var candidates fleet.Candidates
		require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Ambiguous, &candidates), w.GetWorkflowError())
		require.Len(t, candidates, 2)
		require.Zero(t, w.service.Requests("createCIMG"))
	})
}

// While somebody deletes the image of that name, the new one waits.
func TestAfterADeletion(t *testing.T) {
	inWorld(t, emulator.Options{Stock: stockOfWeb("old")}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		_, err := w.cimg.DeleteImage(t.Context(), "gz", "old")
		require.NoError(t, err)
		looks := 0
		w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
			if looks++; looks > 1 {
				time.Sleep(time.Minute) // the clock of the workflow is not the service's
			}
			return w.activities.Send(ctx, call)
		})
		w.ExecuteWorkflow(fleet.Image, web)
		require.NotEqual(t, "old", w.endsWith(t, "").Image)
		require.Greater(t, looks, 1)
	})
}

// stockOfWeb is a stock whose images are all named web-01.
func stockOfWeb(ids ...string) *emulator.Stock {
	region := emulator.Region{ID: "gz", Snapshots: []string{snapshot.Snapshot}}
	for _, id := range ids {
		region.Images = append(region.Images, gen.CIMG{UUID: id, Name: web.Name, Status: "Ready", Size: 1})
	}
	return &emulator.Stock{Regions: []emulator.Region{region}}
}

// A service may list an image whose job has failed: that one is not taken for made, but
// another of the name is.
func TestFailedImageThatIsListed(t *testing.T) {
	for isAnother, failure := range map[bool]string{false: fleet.JobFailed, true: ""} {
		jobs := 0
		inWorld(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
			if jobs++; jobs == 1 {
				return emulator.Plan{Failure: "no space left"}
			}
			return emulator.Plan{}
		}}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			var image string
			w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
				if image != "" && !isAnother {
					return fleet.Effect{Image: image, Exists: true}, nil
				}
				if image != "" {
					_, err := w.cimg.CreateImage(ctx, "gz", *call.Create)
					require.NoError(t, err)
				}
				effect, err := w.activities.Send(ctx, call)
				image = effect.Image
				return effect, err
			})
			w.ExecuteWorkflow(fleet.Image, web)
			w.endsWith(t, failure)
		})
	}
}

// An image that exists is taken, with the job that works on it.
func TestImageThatExists(t *testing.T) {
	inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		job, err := w.cimg.CreateImage(t.Context(), "gz", createInput(web))
		require.NoError(t, err)
		w.ExecuteWorkflow(fleet.Image, web)
		made := w.endsWith(t, "")
		require.True(t, made.Exists)
		require.Equal(t, job.Ref.ResourceUUID, made.Image)
		require.Equal(t, 1, w.service.Requests("createCIMG"))
	})
}

func TestInvalidImageOrders(t *testing.T) {
	for name, order := range map[string]fleet.ImageOrder{
		"no name":                         {Region: "gz", From: snapshot},
		"no region":                       {Name: "web-01", From: fleet.Source{Snapshot: snapshot.Snapshot}},
		"snapshot of another region":      {Region: "bj", Name: "web-01", From: snapshot},
		"neither a snapshot nor an image": {Region: "gz", Name: "web-01", From: fleet.Source{Region: "gz"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				w.ExecuteWorkflow(fleet.Image, order)
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.InvalidOrder, nil), w.GetWorkflowError())
			})
		})
	}
}

// A cancelled workflow hears what became of its call, and sends no other one.
func TestACancelledWorkflowSendsNothingMore(t *testing.T) {
	for operation, execute := range map[string]func(*world){
		"createCIMG": func(w *world) { w.ExecuteWorkflow(fleet.Image, web) },
		"deleteCIMG": func(w *world) { w.ExecuteWorkflow(fleet.Delete, outdated) },
	} {
		for requests, cancel := range map[int]func(*world){
			0: func(w *world) { w.RegisterDelayedCallback(w.CancelWorkflow, 0) },
			1: func(w *world) { time.AfterFunc(10*time.Second, w.CancelWorkflow) },
		} {
			inWorld(t, emulator.Options{Stock: families(), Faults: []emulator.Fault{{Operation: operation, Status: 503}}}, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				cancel(w)
				execute(w)
				require.True(t, temporal.IsCanceledError(w.GetWorkflowError()))
				require.Equal(t, requests, w.service.Requests(operation))
				require.Len(t, w.stocked("bj"), 5)
			})
		}
	}
}

// One whose call is postponed ends when it is cancelled, also if its history is long.
func TestCancelledWhilePostponed(t *testing.T) {
	for operation, execute := range map[string]func(*world){
		"createCIMG": func(w *world) { w.ExecuteWorkflow(fleet.Image, web) },
		"deleteCIMG": func(w *world) { w.ExecuteWorkflow(fleet.Delete, outdated) },
	} {
		inWorld(t, emulator.Options{Stock: families(), Faults: []emulator.Fault{{Operation: operation, Status: 429, Count: 1000}}}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			w.RegisterDelayedCallback(func() {
				w.SetContinueAsNewSuggested(true)
				w.CancelWorkflow()
			}, 6*time.Hour)
			execute(w)
			require.True(t, temporal.IsCanceledError(w.GetWorkflowError()), w.GetWorkflowError())
		})
	}
}

// What Temporal does not list as closed yet may send its call from now on.
func TestAfterAnEarlierRunThatSeemsToRun(t *testing.T) {
	inWorld(t, emulator.Options{ListLag: window * 3 / 4}, func(t *testing.T, w *world) {
		send := sync.OnceFunc(func() {
			_, err := w.cimg.CreateImage(context.Background(), "gz", createInput(web))
			require.NoError(t, err)
		})
		w.hasEarlierRuns(&workflow.WorkflowExecutionInfo{
			Execution: &common.WorkflowExecution{RunId: "earlier"}, StartTime: timestamppb.Now(),
		})
		w.RegisterDelayedCallback(send, 2*time.Minute)
		w.ExecuteWorkflow(fleet.Image, web)
		require.Equal(t, 1, w.service.Requests("createCIMG"))
	})
}

// A run looks for earlier ones until it has sent a call itself. What another run knows,
// of which it is a reset, does not count.
func TestEachRunLooksForEarlierOnes(t *testing.T) {
	for by, want := range map[string][]bool{"": {true, false}, "default-test-run-id": {false, false}, "one that was reset": {true, false}} {
		var looks []bool
		plan := func(emulator.JobStart) emulator.Plan { return emulator.Plan{Failure: "no space left"} }
		inWorld(t, emulator.Options{Plan: plan}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
				before := len(w.temporal.Calls)
				effect, err := w.activities.Send(ctx, call)
				looks = append(looks, len(w.temporal.Calls) > before)
				return effect, err
			})
			order := web
			order.Carried = &fleet.Attempts{Calls: 2, CheckedBy: by}
			w.ExecuteWorkflow(fleet.Image, order)
			w.endsWith(t, fleet.JobFailed)
			require.Equal(t, want, looks, by)
		})
	}
}

// A region that does not exist is no reason to try again.
func TestARegionThatDoesNotExist(t *testing.T) {
	inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		order := web
		order.Region, order.From = "gzz", fleet.Source{Region: "gz", Image: "x"}
		w.ExecuteWorkflow(fleet.Image, order)
		w.endsWith(t, fleet.Rejected)
	})
}

// A service that does not answer in time has got no call.
func TestALookThatTakesTooLong(t *testing.T) {
	inWorld(t, emulator.Options{Faults: []emulator.Fault{{Operation: "listCIMG", Delay: time.Hour, Count: 3}}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		var took []time.Duration
		w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
			began := time.Now()
			effect, err := w.activities.Send(ctx, call)
			took = append(took, time.Since(began))
			require.True(t, err == nil || fleet.IsFailure(err, fleet.NothingDone, nil))
			return effect, err
		})
		order := web
		order.Settings.MaxCalls = 1
		w.ExecuteWorkflow(fleet.Image, order)
		require.NoError(t, w.GetWorkflowError())
		require.Less(t, slices.Max(took), 3*time.Minute, "the server would end it")
	})
}

// A call that is not carried out is made again after pauses that double, but none that
// is shorter than what the service asks for.
func TestPausesOfAPostponedCall(t *testing.T) {
	limited := emulator.Fault{Operation: "createCIMG", Status: 429}
	slower := limited
	slower.Header = http.Header{"Retry-After": {"90"}}
	inWorld(t, emulator.Options{Faults: []emulator.Fault{limited, slower, limited, limited, limited}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		var pauses []time.Duration
		w.SetOnTimerScheduledListener(func(_ string, pause time.Duration) { pauses = append(pauses, pause/time.Second) })
		order := web
		order.Settings.MaxPause = 7 * time.Second
		w.ExecuteWorkflow(fleet.Image, order)
		w.endsWith(t, "")
		require.Equal(t, []time.Duration{1, 90, 4, 7, 7}, pauses)
	})
}

// A pause that nobody can have meant is an hour.
func TestAVeryLongRetryAfter(t *testing.T) {
	year := map[string][]string{"Retry-After": {"31536000"}}
	inWorld(t, emulator.Options{Faults: []emulator.Fault{{Operation: "createCIMG", Status: 429, Header: year}}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.SetOnTimerScheduledListener(func(_ string, pause time.Duration) { require.Equal(t, time.Hour, pause) })
		w.ExecuteWorkflow(fleet.Image, web)
		require.NoError(t, w.GetWorkflowError())
	})
}
