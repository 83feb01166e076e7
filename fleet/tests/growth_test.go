package tests

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/fleet"
)

// BenchmarkFleet makes images with one worker, 500 at a time in each of two regions, and
// jobs of 10 s. CIMG_COPIES lists the numbers of images, for instance 10,100,1000.
func BenchmarkFleet(b *testing.B) {
	if os.Getenv("CIMG_COPIES") == "" {
		b.Skip("takes minutes: set CIMG_COPIES=10,100,1000,10000")
	}
	for _, size := range strings.Split(os.Getenv("CIMG_COPIES"), ",") {
		b.Run(size, func(b *testing.B) {
			copies, err := strconv.Atoi(size)
			require.NoError(b, err)
			for b.Loop() {
				w := newWorld(b, "jobs: [{duration: 10s}]\n", 1)
				order := fleetOrder(copies/2, 500)
				order.Settings = fleet.Settings{}
				began := time.Now()
				run, err := w.temporal.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: "growth", TaskQueue: queue}, fleet.Fleet, order)
				require.NoError(b, err)
				var progress fleet.Progress
				require.NoError(b, run.Get(b.Context(), &progress))
				require.Equal(b, copies, progress.Done)
				took := time.Since(began)
				images := float64(copies)
				b.ReportMetric(images/took.Seconds(), "images/s")
				b.ReportMetric(float64(sum(w.requests()))/images, "requests/image")
				b.ReportMetric(cpu(b, w.workers[0])*1000/images, "ms-of-worker/image")
				b.ReportMetric(cpu(b, w.server)*1000/images, "ms-of-server/image")
			}
		})
	}
}

// cpu ends a process and returns how many seconds of CPU time it took.
func cpu(b *testing.B, process *exec.Cmd) float64 {
	b.Helper()
	require.NoError(b, process.Process.Kill())
	state, err := process.Process.Wait()
	require.NoError(b, err)
	return (state.UserTime() + state.SystemTime()).Seconds()
}

func sum(requests map[string]int) (all int) {
	for _, n := range requests {
		all += n
	}
	return all
}
