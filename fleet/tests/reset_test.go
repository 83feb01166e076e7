package tests

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/fleet"
)

// A workflow that is reset while its call is under way makes no second image. Its first
// job has failed, so the run that is reset knew what earlier ones had sent; the new one
// does not.
func TestResetDuringACall(t *testing.T) {
	w := newWorld(t, failing, 1)
	id := fleet.ImageID(queue, "gz", "reset")
	run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, fleet.Image, fleet.ImageOrder{
		Region: "gz", Name: "reset", From: fleet.Source{Region: "gz", Snapshot: snapshot},
		Settings: hasty,
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.jobs("gz", job.hasFailed) == 1 }, time.Minute, 100*time.Millisecond)
	w.control(http.MethodPut, "/_emulator/scenario", calm, nil)
	w.control(http.MethodPost, "/_emulator/faults", "{operation: createCIMG, delay: 6s}", nil)

	called := func() int {
		var requests map[string]int
		w.control(http.MethodGet, "/_emulator/requests", "", &requests)
		return requests["createCIMG"]
	}
	require.Eventually(t, func() bool { return called() == 2 }, time.Minute, 100*time.Millisecond)

	var lastTask int64
	for events := w.temporal.GetWorkflowHistory(t.Context(), id, run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(t, err)
		if event.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			lastTask = event.EventId
		}
	}
	_, err = w.temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run.GetRunID()},
		Reason: "a test", RequestId: "reset", WorkflowTaskFinishEventId: lastTask,
	})
	require.NoError(t, err)
	require.NoError(t, w.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	require.Equal(t, 2, called(), "none after the one that was under way")
}
