package tests

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/fleet"
)

const (
	calm = "listLag: 3s\njobs: [{duration: 4s}]\n"
	// Of the jobs that start while this is in force, those that make an image fail.
	failing = "listLag: 3s\njobs: [{operation: deleteCIMG, duration: 2s}, {duration: 2s, fail: no space left, failAt: 0.5}]\n"
)

// hasty settings suit a test in real time, in which jobs fail for as long as it likes.
var hasty = fleet.Settings{CallTimeout: 8 * time.Second, HeartbeatTimeout: 4 * time.Second, MaxPause: 5 * time.Second, MaxCalls: 100}

// troubles are what the service is given to do wrong, one at a time.
var troubles = []string{
	"{operation: createCIMG, after: true, reset: true}",
	"{operation: importCIMG, after: true, reset: true}",
	"{operation: createCIMG, reset: true}",
	"{operation: importCIMG, after: true, truncate: true}",
	"{operation: createCIMG, status: 429, count: 5, header: {Retry-After: '2'}}",
	"{operation: importCIMG, after: true, status: 503, body: <html>}",
	"{operation: importCIMG, errno: 2}",
	"{operation: createCIMG, after: true, delay: 30s}",
	"{operation: deleteCIMG, after: true, reset: true}",
	"{operation: deleteCIMG, status: 429, header: {Retry-After: '1'}}",
	"{operation: deleteCIMG, errno: 2}",
	"{operation: getJobResult, status: 500, count: 5}",
	"{operation: listCIMG, status: 502, count: 5}",
	"{status: 503, for: 5s, header: {Retry-After: '1'}}",
}

// Hundreds of images are made and copied, and families rolled, while workers are killed,
// the server is killed and started again, and the service does all that it should not. At
// the end there is each image exactly once, the workflows know every one of them, and
// each that was replaced was deleted by one job.
//
// CIMG_COPIES (default 50), CIMG_KILLS (10) and CIMG_RESTARTS (1) say how many.
func TestNeverTwice(t *testing.T) {
	copies, kills, restarts := number(t, "CIMG_COPIES", 50), number(t, "CIMG_KILLS", 10), number(t, "CIMG_RESTARTS", 1)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	w := newWorld(t, calm, 2)
	stock := map[string]map[string]string{"gz": w.images("gz"), "bj": w.images("bj")}
	families := copies / 10
	var replaced, rolls []client.WorkflowRun
	for family := range families {
		replaced = append(replaced, w.roll(family, "1"))
	}
	for _, roll := range replaced {
		require.NoError(t, roll.Get(t.Context(), nil))
	}

	order := fleetOrder(copies/2, 25)
	began := time.Now()
	run, err := w.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "proof", TaskQueue: queue}, fleet.Fleet, order)
	require.NoError(t, err)

	for kill := 1; kill <= kills; kill++ {
		time.Sleep(500*time.Millisecond + time.Duration(random.Int64N(int64(2*time.Second)))) // real processes take real time
		if !w.killWorker(random.IntN(len(w.workers))) {
			kill--
			continue
		}
		for len(rolls)*kills < families*kill {
			rolls = append(rolls, w.roll(len(rolls), "2"))
		}
		if kill*(restarts+1)/kills > (kill-1)*(restarts+1)/kills && kill < kills {
			w.restartServer()
		}
		// This also forgets the faults that were not met yet.
		scenario := calm
		if kill%5 < 2 {
			scenario = failing
		}
		w.control(http.MethodPut, "/_emulator/scenario", scenario, nil)
		for range 3 {
			w.control(http.MethodPost, "/_emulator/faults", troubles[random.IntN(len(troubles))], nil)
		}
	}
	killing := time.Since(began)
	w.control(http.MethodPut, "/_emulator/scenario", calm, nil)
	var before fleet.Progress
	value, err := w.temporal.QueryWorkflow(t.Context(), "proof", "", fleet.QueryProgress)
	require.NoError(t, err)
	require.NoError(t, value.Get(&before))
	require.Positive(t, before.Queued+before.Running, "the fleet had finished before the last kill")

	var progress fleet.Progress
	require.NoError(t, run.Get(t.Context(), &progress))
	took := time.Since(began)
	require.Equal(t, copies, progress.Done)
	require.Zero(t, progress.Failed)

	var known []string
	for _, image := range order.Orders {
		for _, region := range []string{"gz", "bj"} {
			var made fleet.Copy
			require.NoError(t, w.temporal.GetWorkflow(t.Context(), fleet.ImageID(queue, region, image.Name), "").Get(t.Context(), &made))
			known = append(known, region+" "+made.Image+" "+made.Name)
		}
	}
	for _, roll := range rolls {
		var report fleet.RollReport
		require.NoError(t, roll.Get(t.Context(), &report))
		require.Len(t, report.Expired, 2)
		for _, made := range report.Made {
			known = append(known, made.Region+" "+made.Image+" "+made.Name)
		}
	}
	var present []string
	for region, before := range stock {
		after := w.images(region)
		require.Subset(t, after, before)
		for id, name := range after {
			if _, old := before[id]; !old {
				present = append(present, region+" "+id+" "+name)
			}
		}
	}
	slices.Sort(known)
	slices.Sort(present)
	require.Equal(t, known, present)
	require.Len(t, present, copies+2*families)
	deletions := 0
	for region := range stock {
		deletions += w.jobs(region, func(j job) bool { return j.Type == "DeleteCIMG" })
	}
	require.Equal(t, 2*families, deletions)

	require.NotEmpty(t, w.files("proof-0001"), "the search finds what is there")
	require.Empty(t, w.files(token))

	t.Logf("%d copies and %d families in %v, of which %v with %d kills and %d restarts", copies, families, took.Round(time.Second), killing.Round(time.Second), kills, restarts)
	w.logRequests(copies + 4*families)
	failed := 0
	for region := range stock {
		failed += w.jobs(region, job.hasFailed)
	}
	t.Logf("%d jobs failed, whose images were made anew", failed)
}

// roll starts to make a version of a family in gz and bj, in place of the older ones.
func (w *world) roll(family int, version string) client.WorkflowRun {
	w.t.Helper()
	order := fleet.RollOrder{
		Family: fmt.Sprintf("family-%02d", family), Version: version, Retention: fleet.Retention{Keep: 1}, Apply: true,
		From: fleet.Source{Region: "gz", Snapshot: snapshot}, Regions: []string{"gz", "bj"}, Settings: hasty,
	}
	run, err := w.temporal.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: order.Family, TaskQueue: queue}, fleet.Roll, order)
	require.NoError(w.t, err)
	return run
}

// fleetOrder is an order for images that are made in gz and copied to bj.
func fleetOrder(images, perRegion int) fleet.List {
	order := fleet.List{
		PerRegion: perRegion,
		Settings:  hasty,
	}
	for n := range images {
		order.Orders = append(order.Orders, fleet.Order{
			Name: fmt.Sprintf("proof-%04d", n+1), From: fleet.Source{Region: "gz", Snapshot: snapshot}, Regions: []string{"bj"},
		})
	}
	return order
}

func (w *world) logRequests(images int) {
	w.t.Helper()
	for operation, n := range w.requests() {
		w.t.Logf("%s: %d requests, %.2f an image", operation, n, float64(n)/float64(images))
	}
}

func number(t *testing.T, variable string, byDefault int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(variable), strconv.Itoa(byDefault)))
	require.NoError(t, err)
	return n
}
