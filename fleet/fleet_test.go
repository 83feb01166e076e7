package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	common "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowinfo "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/wrapper"
)

// images replace the workflow Image: each takes an hour of the environment's time.
type images struct {
	running map[string]int // by region
	most    map[string]int
	made    []string                    // in the order of their ends
	orders  map[string]fleet.ImageOrder // by region/name
	fail    map[string]string           // by name
	ends    string                      // the name of one that cannot be cancelled
	errno   int64                       // of the service's rejections; 0: none
}

func (i *images) make(ctx workflow.Context, order fleet.ImageOrder) (fleet.Copy, error) {
	i.running[order.Region]++
	defer func() { i.running[order.Region]-- }()
	i.most[order.Region] = max(i.most[order.Region], i.running[order.Region])
	i.orders[order.Region+"/"+order.Name] = order
	made := fleet.Copy{Region: order.Region, Name: order.Name, Image: "image-of-" + order.Name}
	if err := workflow.Sleep(ctx, time.Hour); err != nil && order.Name == i.ends {
		ctx, _ = workflow.NewDisconnectedContext(ctx)
		_ = workflow.Sleep(ctx, time.Minute)
	} else if err != nil {
		return made, err
	}
	if i.errno != 0 {
		return made, temporal.NewNonRetryableApplicationError("createCIMG: rejected", fleet.Rejected, nil, fleet.Rejection{Errno: i.errno})
	}
	if reason := i.fail[order.Name]; reason != "" {
		return made, temporal.NewNonRetryableApplicationError(reason, fleet.JobFailed, nil)
	}
	i.made = append(i.made, order.Region+"/"+order.Name)
	return made, nil
}

func fleetEnvironment(t *testing.T) (*testsuite.TestWorkflowEnvironment, *images) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetWorkerOptions(onABusyMachine)
	env.SetWorkflowRunTimeout(1000 * time.Hour)
	made := &images{running: map[string]int{}, most: map[string]int{}, orders: map[string]fleet.ImageOrder{}, fail: map[string]string{}}
	env.RegisterWorkflow(fleet.Fleet)
	env.RegisterWorkflowWithOptions(made.make, workflow.RegisterOptions{Name: "Image"})
	env.RegisterActivity(&fleet.Activities{})
	return env, made
}

// orders are n orders for a copy of an image in each of the regions.
func orders(n int, regions ...string) []fleet.Order {
	orders := make([]fleet.Order, n)
	for i := range orders {
		orders[i] = fleet.Order{Name: fmt.Sprintf("web-%d", i), From: fleet.Source{Region: "gz", Image: "golden"}, Regions: regions}
	}
	return orders
}

func progressOf(t *testing.T, env *testsuite.TestWorkflowEnvironment) (progress fleet.Progress) {
	t.Helper()
	value, err := env.QueryWorkflow(fleet.QueryProgress)
	require.NoError(t, err)
	require.NoError(t, value.Get(&progress))
	return progress
}

func TestFleetMakesAFewImagesInARegionAtATime(t *testing.T) {
	env, made := fleetEnvironment(t)
	list := orders(25, "bj", "sh")
	list[0].Settings.MaxCalls = 2
	list = append(list, fleet.Order{Name: "db", From: fleet.Source{Region: "gz", Snapshot: "snap"}, Regions: []string{"bj", "gz"}})
	env.RegisterDelayedCallback(func() {
		progress := progressOf(t, env)
		require.Equal(t, fleet.Counts{Total: 52, Queued: 27, Running: 8, Done: 17}, progress.Counts)
		require.Equal(t, fleet.Counts{Total: 26, Queued: 14, Running: 4, Done: 8}, progress.Regions["bj"])
	}, 150*time.Minute)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: list, PerRegion: 4, Settings: fleet.Settings{MaxCalls: 7}})
	require.NoError(t, env.GetWorkflowError())

	var progress fleet.Progress
	require.NoError(t, env.GetWorkflowResult(&progress))
	require.Equal(t, fleet.Counts{Total: 52, Done: 52}, progress.Counts)
	require.Equal(t, map[string]fleet.Counts{"bj": {Total: 26, Done: 26}, "sh": {Total: 25, Done: 25}, "gz": {Total: 1, Done: 1}}, progress.Regions)
	require.Equal(t, map[string]int{"bj": 4, "sh": 4, "gz": 1}, made.most)
	require.Len(t, made.made, 52)
	require.Equal(t, fleet.Source{Region: "gz", Snapshot: "snap"}, made.orders["gz/db"].From)
	require.Equal(t, fleet.Source{Region: "gz", Image: "image-of-db"}, made.orders["bj/db"].From, "a copy is made of the image, not of the snapshot")
	require.Equal(t, 2, made.orders["bj/web-0"].Settings.MaxCalls)
	require.Equal(t, 7, made.orders["bj/web-1"].Settings.MaxCalls)
}

func TestFleetMakesManyImagesInARegionAtATime(t *testing.T) {
	env, made := fleetEnvironment(t)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(300, "bj"), PerRegion: 250})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, map[string]int{"bj": 250}, made.most)
	require.Len(t, made.made, 300)
}

func TestFleetContinuesAfterFailures(t *testing.T) {
	env, made := fleetEnvironment(t)
	list := append(orders(20, "bj"), fleet.Order{Name: "db", From: fleet.Source{Region: "gz", Snapshot: "snap"}, Regions: []string{"bj", "sh"}})
	made.fail["web-3"], made.fail["db"] = "disk full", "snapshot broken"
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: list})

	var progress fleet.Progress
	require.True(t, fleet.IsFailure(env.GetWorkflowError(), fleet.Incomplete, &progress), "%v", env.GetWorkflowError())
	require.Equal(t, fleet.Counts{Total: 23, Done: 19, Failed: 4}, progress.Counts)
	require.Equal(t, 10, made.most["bj"])
	require.ElementsMatch(t, fleet.Report{
		{Region: "bj", Name: "web-3", Error: "JobFailed: disk full"},
		{Region: "gz", Name: "db", Error: "JobFailed: snapshot broken (and so 2 copies of it were not made)"},
	}, progress.Failures)
}

func TestFleetKeepsTheFirstFailures(t *testing.T) {
	env, made := fleetEnvironment(t)
	list := orders(150, "bj")
	for _, order := range list {
		made.fail[order.Name] = strings.Repeat("long ", 1000)
	}
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: list, PerRegion: 50})
	var progress fleet.Progress
	require.True(t, fleet.IsFailure(env.GetWorkflowError(), fleet.Incomplete, &progress))
	require.Equal(t, 150, progress.Failed)
	require.Len(t, progress.Failures, 100)
	require.Len(t, progress.Failures[0].Error, 1000)
}

func TestFleetPauses(t *testing.T) {
	env, made := fleetEnvironment(t)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(fleet.SignalPause, true) }, 30*time.Minute)
	env.RegisterDelayedCallback(func() {
		progress := progressOf(t, env)
		require.True(t, progress.Paused)
		require.Equal(t, fleet.Counts{Total: 5, Queued: 3, Done: 2}, progress.Counts, "what ran has ended, and nothing has started")
		env.SignalWorkflow(fleet.SignalPause, false)
	}, 10*time.Hour)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(5, "bj"), PerRegion: 2})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, made.made, 5)
}

// If the account cannot pay, a fleet pauses, and makes what was rejected once it goes on.
func TestFleetPausesUntilThereIsMoney(t *testing.T) {
	list := fleet.List{PerRegion: 2, Orders: append(orders(5, "bj", "sh"),
		fleet.Order{Name: "db", From: fleet.Source{Region: "gz", Snapshot: "snap"}, Regions: []string{"bj", "gz"}})}
	rejected := fleet.Counts{Total: 12, Queued: 12}
	finished := func(t *testing.T, env *testsuite.TestWorkflowEnvironment) {
		t.Helper()
		require.NoError(t, env.GetWorkflowError())
		var progress fleet.Progress
		require.NoError(t, env.GetWorkflowResult(&progress))
		require.Equal(t, fleet.Progress{Counts: fleet.Counts{Total: 12, Done: 12}, Regions: progress.Regions}, progress)
	}
	for _, errno := range []int64{wrapper.ErrnoArrears, wrapper.ErrnoBalance} {
		t.Run(fmt.Sprint("errno ", errno), func(t *testing.T) {
			env, made := fleetEnvironment(t)
			made.errno = errno
			env.RegisterDelayedCallback(func() {
				progress := progressOf(t, env)
				require.True(t, progress.Paused)
				require.Equal(t, "Rejected: createCIMG: rejected", progress.Reason)
				require.Equal(t, rejected, progress.Counts)
				made.errno = 0
				env.SignalWorkflow(fleet.SignalPause, false)
			}, 10*time.Hour)
			env.ExecuteWorkflow(fleet.Fleet, list)
			finished(t, env)
			require.Len(t, made.made, 12)
			require.Equal(t, fleet.Source{Region: "gz", Image: "image-of-db"}, made.orders["bj/db"].From)
		})
	}
	t.Run("of an earlier run", func(t *testing.T) {
		next := continued(t, list, time.Minute)
		require.Len(t, next.Carried.Running, 5)
		env, _ := fleetEnvironment(t)
		env.OnActivity("Attend", mock.Anything, mock.Anything).Return(fleet.Copy{},
			temporal.NewNonRetryableApplicationError("createCIMG: rejected", fleet.Rejected, nil, fleet.Rejection{Errno: wrapper.ErrnoArrears}))
		env.RegisterDelayedCallback(func() {
			require.Equal(t, rejected, progressOf(t, env).Counts)
			env.SetContinueAsNewSuggested(true)
			env.SignalWorkflow(fleet.SignalPause, false)
		}, 10*time.Hour)
		env.ExecuteWorkflow(fleet.Fleet, next)
		next = nextRun(t, env)
		require.Len(t, next.Orders, 6)

		env, made := fleetEnvironment(t)
		env.OnActivity("Attend", mock.Anything, mock.Anything).Return(func(_ context.Context, id string) (fleet.Copy, error) {
			path := strings.Split(id, "/")
			return fleet.Copy{Region: path[1], Name: path[2], Image: "image-of-db"}, nil
		})
		env.ExecuteWorkflow(fleet.Fleet, next)
		finished(t, env)
		require.Len(t, made.made, 12-len(next.Carried.Running))
	})
	t.Run("any other rejection is a failure", func(t *testing.T) {
		env, made := fleetEnvironment(t)
		made.errno = wrapper.ErrnoPermission
		env.ExecuteWorkflow(fleet.Fleet, list)
		var progress fleet.Progress
		require.True(t, fleet.IsFailure(env.GetWorkflowError(), fleet.Incomplete, &progress), "%v", env.GetWorkflowError())
		require.Equal(t, fleet.Counts{Total: 12, Failed: 12}, progress.Counts)
	})
}

func TestFleetHeedsTheLastOfTwoSignals(t *testing.T) {
	for name, test := range map[string]struct {
		first, last bool
	}{
		"paused":  {false, true},
		"resumed": {true, false},
	} {
		t.Run(name, func(t *testing.T) {
			env, _ := fleetEnvironment(t)
			env.RegisterDelayedCallback(func() {
				env.SignalWorkflowSkippingWorkflowTask(fleet.SignalPause, test.first) // so both arrive in one task
				env.SignalWorkflow(fleet.SignalPause, test.last)
			}, 30*time.Minute)
			env.RegisterDelayedCallback(func() {
				require.Equal(t, test.last, progressOf(t, env).Paused)
				env.SignalWorkflow(fleet.SignalPause, false)
			}, 5*time.Hour)
			env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(50, "bj"), PerRegion: 2})
			require.NoError(t, env.GetWorkflowError())
		})
	}
}

func TestFleetCancelsWhatRuns(t *testing.T) {
	env, made := fleetEnvironment(t)
	made.ends = "web-4"
	env.RegisterDelayedCallback(func() {
		env.SetContinueAsNewSuggested(true) // the next run would not be cancelled
		env.CancelWorkflow()
	}, 90*time.Minute)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(10, "bj"), PerRegion: 3})

	progress := cancelledProgress(t, env)
	require.Equal(t, fleet.Counts{Total: 10, Queued: 4, Done: 4, Failed: 2}, progress.Counts)
	require.Equal(t, fleet.Copy{Region: "bj", Name: "web-3", Error: "cancelled"}, progress.Failures[0])
	require.Len(t, made.made, 4)
	require.Zero(t, made.running["bj"])
}

func TestFleetCancelledWhilePaused(t *testing.T) {
	env, _ := fleetEnvironment(t)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(fleet.SignalPause, true) }, time.Minute)
	env.RegisterDelayedCallback(env.CancelWorkflow, 90*time.Minute)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(10, "bj"), PerRegion: 3})
	require.Equal(t, fleet.Counts{Total: 10, Queued: 7, Done: 3}, cancelledProgress(t, env).Counts)
}

// A pause that arrives with what starts a fleet, or with the end of an image, holds for
// what would start then.
func TestAPauseThatHasArrived(t *testing.T) {
	for at, started := range map[time.Duration]int{0: 0, time.Hour: 3} {
		env, made := fleetEnvironment(t)
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(fleet.SignalPause, true) }, at)
		env.RegisterDelayedCallback(env.CancelWorkflow, 150*time.Minute)
		env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(10, "bj"), PerRegion: 3})
		require.Len(t, made.made, started)
	}
}

func cancelledProgress(t *testing.T, env *testsuite.TestWorkflowEnvironment) (progress fleet.Progress) {
	t.Helper()
	cancelled, is := errors.AsType[*temporal.CanceledError](env.GetWorkflowError())
	require.True(t, is, "%v", env.GetWorkflowError())
	require.NoError(t, cancelled.Details(&progress))
	return progress
}

// continued runs a fleet until it continues as new, which Temporal suggests after a
// time, and returns what the next run is told.
func continued(t *testing.T, order fleet.List, after time.Duration) (next fleet.List) {
	t.Helper()
	env, _ := fleetEnvironment(t)
	env.RegisterDelayedCallback(func() {
		env.SetContinueAsNewSuggested(true)
		env.SignalWorkflow(fleet.SignalPause, false) // wakes it
	}, after)
	env.ExecuteWorkflow(fleet.Fleet, order)
	return nextRun(t, env)
}

func nextRun(t *testing.T, env *testsuite.TestWorkflowEnvironment) (next fleet.List) {
	t.Helper()
	again, is := errors.AsType[*workflow.ContinueAsNewError](env.GetWorkflowError())
	require.True(t, is, "%v", env.GetWorkflowError())
	require.Equal(t, "Fleet", again.WorkflowType.Name)
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
	return next
}

func TestFleetContinuesAsNew(t *testing.T) {
	list := append(append(orders(1, "bj"), orders(4, "bj", "sh")[1:]...), // so sh is ahead of bj
		fleet.Order{Name: "db", From: fleet.Source{Region: "gz", Snapshot: "snap"}, Regions: []string{"bj", "sh"}},
		fleet.Order{Name: "late", From: fleet.Source{Region: "gz", Snapshot: "other"}, Regions: []string{"bj"}})
	order := fleet.List{Orders: list, PerRegion: 1, Settings: fleet.Settings{MaxCalls: 7}}
	next := continued(t, order, 61*time.Minute)
	require.Equal(t, 1, next.PerRegion)
	require.Equal(t, 7, next.Settings.MaxCalls)
	require.Equal(t, fleet.Counts{Total: 12, Queued: 6, Running: 3, Done: 3}, next.Carried.Progress.Counts)
	require.Len(t, next.Carried.Running, 3)
	require.Len(t, next.Orders, 5, "an order of which nothing runs or is to be started is not carried")

	env, made := fleetEnvironment(t)
	var lock sync.Mutex
	var attended []string
	env.OnActivity("Attend", mock.Anything, mock.Anything).Return(func(ctx context.Context, id string) (fleet.Copy, error) {
		queue := activity.GetInfo(ctx).TaskQueue
		path := strings.Split(id, "/")
		require.Equal(t, fleet.ImageID(queue, path[1], path[2]), id)
		lock.Lock()
		defer lock.Unlock()
		attended = append(attended, path[1]+"/"+path[2])
		return fleet.Copy{Region: path[1], Name: path[2], Image: "attended"}, nil
	})
	env.ExecuteWorkflow(fleet.Fleet, next)
	require.NoError(t, env.GetWorkflowError())
	var progress fleet.Progress
	require.NoError(t, env.GetWorkflowResult(&progress))
	require.Equal(t, fleet.Counts{Total: 12, Done: 12}, progress.Counts)
	require.Len(t, attended, len(next.Carried.Running))
	require.Len(t, made.made, 12-next.Carried.Progress.Done-len(attended))
	for _, running := range next.Carried.Running {
		require.NotContains(t, made.made, running.Region+"/"+running.Name, "what runs is not started again")
	}
	require.Equal(t, map[string]int{"bj": 1, "sh": 1}, made.most)
}

func TestFleetContinuesAsNewWhilePaused(t *testing.T) {
	env, _ := fleetEnvironment(t)
	env.RegisterDelayedCallback(func() {
		env.SetContinueAsNewSuggested(true)
		env.SignalWorkflow(fleet.SignalPause, true)
	}, time.Minute)
	env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(3, "bj"), PerRegion: 1})
	require.True(t, nextRun(t, env).Carried.Progress.Paused)
}

func TestFleetCancelsWhatAnEarlierRunStarted(t *testing.T) {
	for name, isForeign := range map[string]bool{"by this fleet": false, "by another workflow, whose it is": true} {
		t.Run(name, func(t *testing.T) {
			env, _ := fleetEnvironment(t)
			ended := make(chan struct{})
			env.OnActivity("Attend", mock.Anything, mock.Anything).Return(func(ctx context.Context, _ string) (fleet.Copy, error) {
				select {
				case <-ended:
					return fleet.Copy{}, temporal.NewNonRetryableApplicationError("canceled", fleet.Interrupted, nil)
				case <-ctx.Done():
					return fleet.Copy{}, ctx.Err()
				}
			})
			want := "cancelled"
			if !isForeign {
				want = "Interrupted: canceled"
				env.OnRequestCancelExternalWorkflow(mock.Anything, "default-test-taskqueue/bj/web-0", "").Return(func(string, string, string) error {
					close(ended)
					return nil
				}).Once()
			}
			env.RegisterDelayedCallback(env.CancelWorkflow, 0)
			env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: orders(1), Carried: &fleet.Carried{
				Progress: fleet.Progress{
					Counts:  fleet.Counts{Total: 1, Running: 1},
					Regions: map[string]fleet.Counts{"bj": {Total: 1, Running: 1}},
				},
				Running: []fleet.Running{{Region: "bj", Name: "web-0", Foreign: isForeign}},
			}})
			progress := cancelledProgress(t, env)
			require.Equal(t, fleet.Counts{Total: 1, Failed: 1}, progress.Counts)
			require.Equal(t, want, progress.Failures[0].Error)
			if !isForeign {
				env.AssertExpectations(t)
			}
		})
	}
}

func TestAttend(t *testing.T) {
	made := fleet.Copy{Region: "bj", Name: "web-0", Image: "image"}
	running := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowinfo.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{RunId: "run"},
	}}
	closed := proto.CloneOf(running)
	closed.WorkflowExecutionInfo.CloseTime = timestamppb.Now()
	for name, test := range map[string]struct {
		described        *workflowservice.DescribeWorkflowExecutionResponse
		describeErr, err error
		kind             string // of the failure; "": none
		isRetried        bool
	}{
		"made":           {closed, nil, nil, "", false},
		"failed":         {closed, nil, workflowError(t, temporal.NewNonRetryableApplicationError("disk full", fleet.JobFailed, nil)), fleet.JobFailed, false},
		"runs":           {running, nil, nil, "Transient", true},
		"not known":      {nil, serviceerror.NewNotFound("no such workflow"), nil, fleet.Interrupted, false},
		"cancelled":      {closed, nil, workflowError(t, temporal.NewCanceledError(made)), fleet.Interrupted, false},
		"failed oddly":   {closed, nil, workflowError(t, errors.New("odd")), fleet.Interrupted, false},
		"server is down": {nil, serviceerror.NewUnavailable("down"), nil, "Unavailable", true},
	} {
		t.Run(name, func(t *testing.T) {
			run, client := &mocks.WorkflowRun{}, &mocks.Client{}
			client.On("DescribeWorkflowExecution", mock.Anything, "queue/bj/web-0", "").Return(test.described, test.describeErr)
			client.On("GetWorkflow", mock.Anything, "queue/bj/web-0", "run").Return(run)
			run.On("Get", mock.Anything, mock.Anything).Return(test.err).Run(func(args mock.Arguments) { *args.Get(1).(*fleet.Copy) = made })
			inWorld(t, emulator.Options{}, func(t *testing.T, w *world) {
				activities, err := fleet.NewActivities(w.cimg, client, fleet.Options{})
				require.NoError(t, err)
				var suite testsuite.WorkflowTestSuite
				env := suite.NewTestActivityEnvironment()
				env.RegisterActivity(activities)
				value, err := env.ExecuteActivity(activities.Attend, "queue/bj/web-0")
				if test.kind != "" {
					failure, is := errors.AsType[*temporal.ApplicationError](err)
					require.True(t, is, err)
					require.Equal(t, test.kind, failure.Type())
					require.Equal(t, test.isRetried, !failure.NonRetryable())
					if name == "cancelled" {
						var came fleet.Copy
						require.NoError(t, failure.Details(&came))
						require.Equal(t, made, came)
					}
					require.Equal(t, test.described == running, failure.Category() == temporal.ApplicationErrorCategoryBenign)
					return
				}
				require.NoError(t, err)
				var attended fleet.Copy
				require.NoError(t, value.Get(&attended))
				require.Equal(t, made, attended)
			})
		})
	}
}

// workflowError is how a client sees the failure of a workflow.
func workflowError(t *testing.T, err error) error {
	t.Helper()
	env, _ := fleetEnvironment(t)
	env.ExecuteWorkflow(func(workflow.Context) error { return err })
	return env.GetWorkflowError()
}

func TestAnImageThatAnotherWorkflowMakesIsAttendedTo(t *testing.T) {
	order := orders(1, "bj")[0]
	elsewhere := &startedElsewhere{}
	environment := func() *testsuite.TestWorkflowEnvironment {
		env, _ := fleetEnvironment(t)
		env.RegisterWorkflow(fleet.Replicate)
		env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{elsewhere}})
		return env
	}
	ofSnapshot := order
	ofSnapshot.From = fleet.Source{Region: "bj", Snapshot: "snap"}
	for name, run := range map[string]func(env *testsuite.TestWorkflowEnvironment){
		"fleet": func(env *testsuite.TestWorkflowEnvironment) {
			env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: []fleet.Order{order}})
		},
		"replicate":   func(env *testsuite.TestWorkflowEnvironment) { env.ExecuteWorkflow(fleet.Replicate, order) },
		"of snapshot": func(env *testsuite.TestWorkflowEnvironment) { env.ExecuteWorkflow(fleet.Replicate, ofSnapshot) },
	} {
		t.Run(name, func(t *testing.T) {
			env := environment()
			env.OnActivity("Attend", mock.Anything, "default-test-taskqueue/bj/web-0").Return(fleet.Copy{}, errors.New("still runs")).Times(3)
			env.OnActivity("Attend", mock.Anything, "default-test-taskqueue/bj/web-0").Return(fleet.Copy{Region: "bj", Name: "web-0"}, nil).Once()
			run(env)
			require.NoError(t, env.GetWorkflowError())
			env.AssertExpectations(t)
			require.Equal(t, name == "fleet", elsewhere.options.ParentClosePolicy == enums.PARENT_CLOSE_POLICY_ABANDON)
		})
	}
	t.Run("by the next run, too", func(t *testing.T) {
		env := environment()
		env.OnActivity("Attend", mock.Anything, mock.Anything).Return(func(ctx context.Context, _ string) (fleet.Copy, error) {
			<-ctx.Done()
			return fleet.Copy{}, ctx.Err()
		})
		env.RegisterDelayedCallback(func() {
			env.SetContinueAsNewSuggested(true)
			env.SignalWorkflow(fleet.SignalPause, true)
		}, time.Millisecond) // of real time, while an activity runs
		env.ExecuteWorkflow(fleet.Fleet, fleet.List{Orders: []fleet.Order{order}})
		require.Equal(t, []fleet.Running{{Region: "bj", Name: "web-0", Foreign: true}}, nextRun(t, env).Carried.Running)
		require.Equal(t, enums.PARENT_CLOSE_POLICY_ABANDON, elsewhere.options.ParentClosePolicy)
		require.True(t, elsewhere.options.WaitForCancellation)
	})
}

// startedElsewhere makes every child workflow one that runs already. The environment's
// own error for that is not the one that a server leads to.
type startedElsewhere struct {
	interceptor.WorkerInterceptorBase
	options workflow.ChildWorkflowOptions // of the last child
	orders  []any                         // of all
}

func (s *startedElsewhere) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &startedElsewhereInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}, s}
}

type startedElsewhereInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	all *startedElsewhere
}

func (i *startedElsewhereInbound) Init(outbound interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&startedElsewhereOutbound{interceptor.WorkflowOutboundInterceptorBase{Next: outbound}, i.all})
}

type startedElsewhereOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	all *startedElsewhere
}

func (o *startedElsewhereOutbound) ExecuteChildWorkflow(ctx workflow.Context, _ string, args ...any) workflow.ChildWorkflowFuture {
	o.all.options = workflow.GetChildWorkflowOptions(ctx)
	o.all.orders = append(o.all.orders, args...)
	return notStarted{}
}

type notStarted struct{ workflow.ChildWorkflowFuture }

func (notStarted) Get(workflow.Context, any) error {
	return &temporal.ChildWorkflowExecutionAlreadyStartedError{}
}

func (f notStarted) GetChildWorkflowExecution() workflow.Future { return f }

func TestListValidate(t *testing.T) {
	twice := orders(3, "bj", "sh")
	twice[2].Name = "web-0"
	incomplete := orders(2, "bj")
	incomplete[1].From.Region = ""
	nothing := orders(1, "gz")
	both := orders(1, "bj")
	both[0].From.Snapshot = "snap"
	long := orders(2, "bj")
	long[1].Description = strings.Repeat("long ", 400_000)
	for name, test := range map[string]struct {
		order fleet.List
		want  string
	}{
		"valid":            {fleet.List{Orders: orders(2, "bj")}, ""},
		"empty":            {fleet.List{}, "there are no Orders"},
		"invalid order":    {fleet.List{Orders: incomplete}, "order 2: the order has no From.Region"},
		"two sources":      {fleet.List{Orders: both}, "order 1: the order needs either a From.Snapshot or a From.Image"},
		"empty region":     {fleet.List{Orders: orders(1, "bj", "")}, "order 1: a region is empty"},
		"region twice":     {fleet.List{Orders: orders(1, "bj", "sh", "bj")}, "order 1: a region is listed twice"},
		"makes nothing":    {fleet.List{Orders: nothing}, "order 1: the image is in gz already, and no other region is listed"},
		"same image twice": {fleet.List{Orders: twice}, `orders 1 and 3 make the same image, "web-0" in bj`},
		"too long":         {fleet.List{Orders: long}, "the 2 Orders take 2000194 bytes as JSON, of at most 1572864: divide them into several fleets"},
		"too many at once": {fleet.List{Orders: orders(1, "bj", "sh"), PerRegion: 501}, "2 regions with a PerRegion of 501 are more than 1000 images at a time"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.order.Validate()
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			env, _ := fleetEnvironment(t)
			env.ExecuteWorkflow(fleet.Fleet, test.order)
			require.True(t, fleet.IsFailure(env.GetWorkflowError(), fleet.InvalidOrder, nil), env.GetWorkflowError())
		})
	}
}
