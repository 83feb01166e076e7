package tests

import (
	"flag"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cimg-go/cimg/fleet"
)

var update = flag.Bool("update", false, "record histories for the replay test of package fleet")

// Each workflow is run, with what may happen to it, and its history kept. After a release,
// name the files by the next version.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("records only with -update")
	}
	w := newWorld(t, calm+`faults: [{operation: createCIMG, after: true, reset: true}, {operation: importCIMG, status: 429}, {operation: deleteCIMG, status: 503}]`, 1)
	from := fleet.Source{Region: "gz", Snapshot: snapshot}
	roll := fleet.RollOrder{Family: "web", Version: "1", From: from, Regions: []string{"gz", "bj"}, Settings: hasty}
	w.record("roll", fleet.Roll, roll)
	old := w.images("gz")
	roll.Version, roll.Apply, roll.Retention = "2", true, fleet.Retention{Keep: 1}
	w.record("roll-apply", fleet.Roll, roll)
	w.record("replicate", fleet.Replicate, fleet.Order{Name: "db-1", From: from, Regions: []string{"bj"}, Settings: hasty})
	w.record("fleet", fleet.Fleet, fleetOrder(3, 2))
	w.keep("image-lost", fleet.ImageID(queue, "gz", "web-1"))
	w.keep("image-postponed", fleet.ImageID(queue, "bj", "web-1"))
	w.keep("image", fleet.ImageID(queue, "bj", "db-1"))
	for id, name := range old {
		if name == "web-1" {
			w.keep("delete", fleet.DeleteID(queue, "gz", id))
		}
	}

	image := func(name string) client.WorkflowRun {
		order := fleet.ImageOrder{Region: "gz", Name: name, From: from, Settings: hasty}
		run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fleet.ImageID(queue, "gz", name), TaskQueue: queue}, fleet.Image, order)
		require.NoError(t, err)
		return run
	}
	terminated := image("again-1")
	require.NoError(t, w.temporal.TerminateWorkflow(t.Context(), terminated.GetID(), terminated.GetRunID(), ""))
	again := image("again-1")
	require.NoError(t, again.Get(t.Context(), nil))
	w.keep("image-after-terminated", again.GetID())

	w.control(http.MethodPut, "/_emulator/scenario", failing, nil)
	failed := image("failed-1")
	require.Eventually(t, func() bool { return w.jobs("gz", job.hasFailed) == 1 }, time.Minute, 100*time.Millisecond)
	w.control(http.MethodPut, "/_emulator/scenario", calm, nil)
	require.NoError(t, failed.Get(t.Context(), nil))
	w.keep("image-failed", failed.GetID())

	cancelled := image("cancelled-1")
	require.Eventually(t, func() bool { return slices.Contains(slices.Collect(maps.Values(w.images("gz"))), "cancelled-1") }, time.Minute, 100*time.Millisecond)
	require.NoError(t, w.temporal.CancelWorkflow(t.Context(), cancelled.GetID(), cancelled.GetRunID()))
	require.Error(t, cancelled.Get(t.Context(), nil))
	w.keep("image-cancelled", cancelled.GetID())
}

func (w *world) record(name string, workflow, order any) {
	w.t.Helper()
	run, err := w.temporal.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: name, TaskQueue: queue}, workflow, order)
	require.NoError(w.t, err)
	require.NoError(w.t, run.Get(w.t.Context(), nil))
	w.keep(name, name)
}

// keep writes the history of a workflow.
func (w *world) keep(name, id string) {
	w.t.Helper()
	var kept history.History
	for events := w.temporal.GetWorkflowHistory(w.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		require.NoError(w.t, err)
		kept.Events = append(kept.Events, event)
	}
	content, err := protojson.Marshal(&kept)
	require.NoError(w.t, err)
	host, err := os.Hostname()
	require.NoError(w.t, err)
	content = []byte(strings.ReplaceAll(string(content), "@"+host+"@", "@host@")) // the worker's identity
	w.t.Logf("%s: %d events, %d bytes", name, len(kept.Events), len(content))
	folder := filepath.Join("..", "testdata", "histories")
	require.NoError(w.t, os.MkdirAll(folder, 0o750))
	require.NoError(w.t, os.WriteFile(filepath.Join(folder, name+"-v1.json"), content, 0o600))
}
