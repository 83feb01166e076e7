package fleet_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/wrapper"
)

const window = time.Minute // until the emulated service must list an image

var (
	snapshot = fleet.Source{Region: "gz", Snapshot: "3fd352092a3f553cb124223f6a7f09b4"}
	web      = fleet.ImageOrder{Region: "gz", Name: "web-01", From: snapshot}
)

// onABusyMachine lets a workflow take its time, which is not virtual.
var onABusyMachine = worker.Options{DeadlockDetectionTimeout: time.Minute}

// world is a service and a worker, with Temporal's test environment in between.
type world struct {
	*testsuite.TestWorkflowEnvironment
	service    *emulator.Emulator
	cimg       *wrapper.Client
	temporal   *mocks.Client
	activities *fleet.Activities
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, options emulator.Options, test func(*testing.T, *world)) {
	t.Helper()
	inChangedWorld(t, options, func(service http.RoundTripper) http.RoundTripper { return service }, test)
}

// inChangedWorld does so with a service that something stands in front of.
func inChangedWorld(t *testing.T, options emulator.Options, change func(http.RoundTripper) http.RoundTripper, test func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		service, err := emulator.New(options)
		require.NoError(t, err)
		cimg, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://localhost"),
			wrapper.WithHTTPClient(&http.Client{Transport: change(service.Transport())}))
		require.NoError(t, err)
		client := &mocks.Client{}
		activities, err := fleet.NewActivities(cimg, client, fleet.Options{VisibilityWindow: window})
		require.NoError(t, err)
		var suite testsuite.WorkflowTestSuite
		w := &world{suite.NewTestWorkflowEnvironment(), service, cimg, client, activities}
		w.SetWorkerOptions(onABusyMachine)
		fleet.Register(w, activities)
		w.SetTestTimeout(24 * time.Hour)
		test(t, w)
	})
}

// hasNoEarlierRun makes Temporal know only the run that asks.
func (w *world) hasNoEarlierRun() { w.hasEarlierRuns() }

// hasEarlierRuns makes Temporal know runs before the one that asks.
func (w *world) hasEarlierRuns(earlier ...*workflow.WorkflowExecutionInfo) {
	w.temporal.On("ListWorkflow", mock.Anything, mock.Anything).Return(func(_ context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
		id := strings.Split(request.Query, "'")[1]
		run := id + "_RunID" // as the test environment names it
		if id == "default-test-workflow-id" {
			run = "default-test-run-id"
		}
		this := &workflow.WorkflowExecutionInfo{Execution: &common.WorkflowExecution{WorkflowId: id, RunId: run}}
		return &workflowservice.ListWorkflowExecutionsResponse{Executions: append(earlier, this)}, nil
	})
}

// shows records what Temporal's interfaces show of a workflow: its image, its region and
// its state, of these what changes.
func (w *world) shows() *[]string {
	shown := &[]string{}
	w.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
		attributes := args.Get(0).(temporal.SearchAttributes)
		image, _ := attributes.GetKeyword(fleet.AttributeImage)
		region, _ := attributes.GetKeyword(fleet.AttributeRegion)
		state, _ := attributes.GetKeyword(fleet.AttributeState)
		*shown = append(*shown, strings.TrimSpace(image+" "+region+" "+state))
	})
	return shown
}

// endsWith requires that an Image workflow for web ended with one image, which it
// returns, or with a failure and none.
func (w *world) endsWith(t *testing.T, failure string) (made fleet.Copy) {
	t.Helper()
	require.True(t, w.IsWorkflowCompleted())
	if failure != "" {
		require.True(t, fleet.IsFailure(w.GetWorkflowError(), failure, nil), w.GetWorkflowError())
		require.Empty(t, w.named(web))
		return made
	}
	require.NoError(t, w.GetWorkflowError())
	require.NoError(t, w.GetWorkflowResult(&made))
	require.Equal(t, []string{made.Image}, w.named(web))
	return made
}

// named returns the ids of the images of an order's name in its region.
func (w *world) named(order fleet.ImageOrder) (ids []string) {
	for _, image := range w.service.Images(order.Region) {
		if image.Name == order.Name {
			ids = append(ids, image.UUID)
		}
	}
	return ids
}

func createInput(order fleet.ImageOrder) wrapper.CreateImageInput {
	return wrapper.CreateImageInput{Name: order.Name, SnapUUID: order.From.Snapshot}
}
