package fleet_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// polls notes when a worker polls.
type polls struct {
	http.RoundTripper

	mu sync.Mutex
	at map[string][]time.Time // by region
}

func (p *polls) RoundTrip(request *http.Request) (*http.Response, error) {
	if query := request.URL.Query(); query.Has("jobUuids") {
		p.mu.Lock()
		region := query.Get("regionId")
		p.at[region] = append(p.at[region], time.Now())
		p.mu.Unlock()
	}
	return p.RoundTripper.RoundTrip(request)
}

// A thousand waits of a worker share its polls, at most one a second in a region, though
// each job takes a time of its own.
func TestWaitsShareThePolls(t *testing.T) {
	for _, shortest := range []time.Duration{10 * time.Second, 5 * time.Minute} {
		t.Run(fmt.Sprintf("jobs of %v to %v", shortest, 3*shortest), func(t *testing.T) {
			sent := &polls{at: make(map[string][]time.Time)}
			jobs := 0
			inChangedWorld(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
				jobs++
				return emulator.Plan{Duration: shortest + time.Duration(jobs*37%201)*shortest/100}
			}}, func(service http.RoundTripper) http.RoundTripper {
				sent.RoundTripper = service
				return sent
			}, func(t *testing.T, w *world) {
				handles := w.startJobs(t, 500)
				clear(sent.at)
				began := time.Now()
				w.ExecuteWorkflow(func(ctx workflow.Context) (succeeded int, err error) {
					ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute})
					var waits []workflow.Future
					for _, handle := range handles {
						waits = append(waits, workflow.ExecuteActivity(ctx, w.activities.Wait, handle.Ref))
					}
					for _, wait := range waits {
						var job wrapper.Job
						if err := wait.Get(ctx, &job); err != nil {
							return succeeded, err
						}
						if job.Success {
							succeeded++
						}
					}
					return succeeded, nil
				})
				require.NoError(t, w.GetWorkflowError())
				var succeeded int
				require.NoError(t, w.GetWorkflowResult(&succeeded))
				require.Equal(t, 1000, succeeded)
				took := time.Since(began)
				for _, region := range []string{"gz", "bj"} {
					at := sent.at[region]
					require.NotEmpty(t, at)
					for i := 1; i < len(at); i++ {
						require.GreaterOrEqual(t, at[i].Sub(at[i-1]), time.Second, "%s, poll %d", region, i)
					}
					t.Logf("%s: %d polls in %v", region, len(at), took.Round(time.Second))
				}
			})
		})
	}
}

// startJobs starts jobs, as many in gz as in bj.
func (w *world) startJobs(t *testing.T, each int) []*wrapper.JobHandle {
	t.Helper()
	golden, err := w.cimg.CreateImage(t.Context(), "gz", createInput(web))
	require.NoError(t, err)
	_, err = golden.Wait(t.Context())
	require.NoError(t, err)
	var creates []wrapper.CreateImageInput
	var imports []wrapper.ImportImageInput
	for i := range each {
		name := fmt.Sprintf("golden-%03d", i)
		creates = append(creates, wrapper.CreateImageInput{Name: name, SnapUUID: snapshot.Snapshot})
		imports = append(imports, wrapper.ImportImageInput{Name: name, OriginRegionID: "gz", OriginImageUUID: golden.Ref.ResourceUUID})
	}
	created, err := w.cimg.CreateImages(t.Context(), "gz", creates)
	require.NoError(t, err)
	imported, err := w.cimg.ImportImages(t.Context(), "bj", imports)
	require.NoError(t, err)
	return slices.Concat(created, imported)
}
