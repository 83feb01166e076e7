package fleet_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/cimg-go/cimg/fleet"
)

// A workflow that began with an earlier version continues with this one: the histories
// that were recorded then can be replayed. A change that breaks this needs
// workflow.GetVersion; then `go test ./tests -run TestRecord -update` in this directory
// adds histories of the new version, with the old ones kept.
func TestRecordedHistories(t *testing.T) {
	histories, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, histories)
	for _, history := range histories {
		t.Run(filepath.Base(history), func(t *testing.T) {
			silent := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			replayer := worker.NewWorkflowReplayer()
			for _, workflow := range []any{fleet.Image, fleet.Replicate, fleet.Fleet, fleet.Roll, fleet.Delete} {
				replayer.RegisterWorkflow(workflow)
			}
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(silent, history))
		})
	}
}
