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

// A workflow that is reset while its call is under way makes no second image, whether it
// forgets the call, or has it to make. Its first job has failed, so the run that is reset
// knew what earlier ones had sent; the new one does not.
func TestResetDuringACall(t *testing.T) {
	t.Parallel()
	for name, isScheduled := range map[string]bool{"forgotten": false, "to make": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for three minutes
			w := newWorld(t, failing, 1)
			id := fleet.ImageID(queue, "gz", name)
			run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, fleet.Image, fleet.ImageOrder{
				Region: "gz", Name: name, From: fleet.Source{Region: "gz", Snapshot: snapshot}, Settings: hasty,
			})
			require.NoError(t, err)
			require.Eventually(t, func() bool { return w.jobs("gz", job.hasFailed) == 1 }, time.Minute, 100*time.Millisecond)
			w.control(http.MethodPut, "/_emulator/scenario", calm, nil)
			w.control(http.MethodPost, "/_emulator/faults", "{operation: createCIMG, delay: 6s}", nil)
			require.Eventually(t, func() bool { return w.requests()["createCIMG"] == 2 }, time.Minute, 100*time.Millisecond)

			tasks, last := w.workflowTasks(run)
			if isScheduled {
				require.NoError(t, w.temporal.SignalWorkflow(t.Context(), id, "", "which is ignored", nil))
				require.Eventually(t, func() bool {
					var n int
					n, last = w.workflowTasks(run)
					return n > tasks
				}, time.Minute, 100*time.Millisecond)
			}
			_, err = w.temporal.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
				Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: id, RunId: run.GetRunID()},
				Reason: "a test", RequestId: name, WorkflowTaskFinishEventId: last,
			})
			require.NoError(t, err)
			require.NoError(t, w.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
			require.Equal(t, 2, w.requests()["createCIMG"], "none after the one that was under way")
		})
	}
}

// workflowTasks returns how many tasks of a workflow's run are completed, and the last one's event.
func (w *world) workflowTasks(run client.WorkflowRun) (n int, last int64) {
	w.t.Helper()
	for events := w.temporal.GetWorkflowHistory(w.t.Context(), run.GetID(), run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(w.t, err)
		if event.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			n, last = n+1, event.EventId
		}
	}
	return n, last
}
