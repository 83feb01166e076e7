package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	sdk "go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
)

var outdated = fleet.DeleteOrder{
	Image:  fleet.Member{UUID: "bj-1", Name: "web-1"},
	Expiry: fleet.Expiry{Made: fleet.Copy{Region: "bj", Name: "web-3", Image: "bj-3"}, Family: "web", Retention: fleet.Retention{Keep: 2}},
}

// deletes deletes an image as somebody else does.
func (w *world) deletes(t *testing.T) {
	t.Helper()
	_, err := w.cimg.DeleteImage(context.Background(), outdated.Expiry.Made.Region, outdated.Image.UUID)
	require.NoError(t, err)
}

func (w *world) requireDeletedOnce(t *testing.T) {
	t.Helper()
	require.NoError(t, w.GetWorkflowError())
	require.Equal(t, 1, w.service.Requests("deleteCIMG"))
	require.Equal(t, []string{"bj-2", "bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
}

// An image is deleted by one call, of this or of another workflow, whatever became of its
// worker or workflow.
func TestDeletedOnce(t *testing.T) {
	killed := func(w *world, sends bool) {
		first := true
		w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
			if !first {
				return w.activities.Send(ctx, call)
			}
			if first = false; sends {
				_, _ = w.activities.Send(ctx, call)
			}
			return fleet.Effect{}, errors.New("killed")
		})
	}
	for name, prepare := range map[string]func(*testing.T, *world) (atLast func()){
		"by nobody else":                 func(*testing.T, *world) func() { return nil },
		"by a worker killed before that": func(_ *testing.T, w *world) func() { killed(w, false); return nil },
		"by a worker killed after that":  func(_ *testing.T, w *world) func() { killed(w, true); return nil },
		"by somebody else, meanwhile":    func(t *testing.T, w *world) func() { w.deletes(t); return nil },
		"by an earlier run, after its end": func(t *testing.T, w *world) func() {
			w.hasEarlierRuns(&workflow.WorkflowExecutionInfo{
				Execution: &common.WorkflowExecution{RunId: "earlier"}, StartTime: timestamppb.Now(), CloseTime: timestamppb.Now(),
			})
			send := sync.OnceFunc(func() { w.deletes(t) })
			w.RegisterDelayedCallback(send, 2*time.Minute)
			return send
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
				atLast := prepare(t, w)
				w.hasNoEarlierRun()
				w.ExecuteWorkflow(fleet.Delete, outdated)
				if atLast != nil {
					atLast()
				}
				w.requireDeletedOnce(t)
			})
		})
	}
}

func TestDeleteContinuesAsNewWhilePostponed(t *testing.T) {
	var next fleet.DeleteOrder
	inWorld(t, emulator.Options{Stock: families(), Faults: []emulator.Fault{{Operation: "deleteCIMG", Status: 429, Count: 1000}}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		shown := w.shows()
		w.RegisterDelayedCallback(func() { w.SetContinueAsNewSuggested(true) }, 6*time.Hour)
		w.ExecuteWorkflow(fleet.Delete, outdated)
		again, is := errors.AsType[*sdk.ContinueAsNewError](w.GetWorkflowError())
		require.True(t, is, "%v", w.GetWorkflowError())
		require.Equal(t, fleet.StatePostponed, (*shown)[len(*shown)-1])
		require.Equal(t, "Delete", again.WorkflowType.Name)
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
		require.Equal(t, &fleet.Attempts{Calls: 3}, next.Carried)
	})
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.ExecuteWorkflow(fleet.Delete, next)
		w.requireDeletedOnce(t)
	})
}

// Each deletion of a roll is a workflow that can be found by its image and region. One
// that another roll has started is attended to.
func TestRollDeletesByWorkflowsOfTheirOwn(t *testing.T) {
	elsewhere := &startedElsewhere{}
	env, _ := fleetEnvironment(t)
	env.RegisterWorkflow(fleet.Roll)
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{elsewhere}})
	env.OnActivity("Verify", mock.Anything, mock.Anything).Return(nil)
	env.OnActivity("Expired", mock.Anything, mock.Anything).Return([]fleet.Member{outdated.Image}, nil)
	env.OnActivity("Attend", mock.Anything, "default-test-taskqueue/bj/web-9").Return(fleet.Copy{Region: "bj", Name: "web-9", Image: "new"}, nil).Once()
	env.OnActivity("Attend", mock.Anything, "default-test-taskqueue/delete:bj/bj-1").Return(fleet.Copy{}, nil).Once()
	order := applied(roll)
	order.From, order.Regions = fleet.Source{Region: "gz", Image: "golden"}, []string{"bj"}
	order.Description, order.Settings = "new", fleet.Settings{MaxCalls: 7}
	began := env.Now().UTC()
	env.ExecuteWorkflow(fleet.Roll, order)
	require.NoError(t, env.GetWorkflowError())
	env.AssertExpectations(t)
	require.Equal(t, []any{
		fleet.ImageOrder{Region: "bj", Name: "web-9", Description: "new", From: order.From, Settings: order.Settings},
		fleet.DeleteOrder{Image: outdated.Image, Settings: order.Settings, Expiry: fleet.Expiry{
			Made: fleet.Copy{Region: "bj", Name: "web-9", Image: "new"}, Family: "web", Retention: order.Retention, Now: began,
		}},
	}, elsewhere.orders)

	options := elsewhere.options
	require.Equal(t, fleet.DeleteID("default-test-taskqueue", "bj", "bj-1"), options.WorkflowID)
	require.Equal(t, enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL, options.ParentClosePolicy)
	require.True(t, options.WaitForCancellation)
	require.Equal(t, "bj-1", options.Memo["image"])
	image, _ := options.TypedSearchAttributes.GetKeyword(fleet.AttributeImage)
	region, _ := options.TypedSearchAttributes.GetKeyword(fleet.AttributeRegion)
	require.Equal(t, []string{"web-1", "bj"}, []string{image, region})
}

// Of an image that a list misses, because others were deleted while it was read, it is
// not known whether it is to be kept.
func TestAnImageThatIsNotListedIsNotDeleted(t *testing.T) {
	lists := 0
	missed := changedResponses(t, func(isList bool, body []byte) []byte {
		if !isList {
			return body
		}
		if lists++; lists == 1 {
			return bytes.ReplaceAll(body, []byte(`"bj-1"`), []byte(`"bj-4"`))
		}
		return body
	})
	inChangedWorld(t, emulator.Options{Stock: families()}, missed, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		w.ExecuteWorkflow(fleet.Delete, outdated)
		require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Rejected, nil), w.GetWorkflowError())
		require.Zero(t, w.service.Requests("deleteCIMG"))
	})
}

// An image that has become one to keep, since it was chosen, is kept: without the new
// image, or as one of the newest.
func TestTheLastImagesAreKept(t *testing.T) {
	for _, gone := range [][]string{{"bj-2"}, {"bj-3"}, {"bj-2", "bj-3"}} {
		inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
			w.hasNoEarlierRun()
			for _, id := range gone {
				_, err := w.cimg.DeleteImage(t.Context(), "bj", id)
				require.NoError(t, err)
			}
			time.Sleep(time.Minute)
			w.ExecuteWorkflow(fleet.Delete, outdated)
			w.endsWith(t, fleet.Unverified)
			require.Contains(t, w.stocked("bj"), "bj-1")
		})
	}
}
