package fleet_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// Whatever takes long shows Temporal in time that its worker lives. The limits are those
// of the order's settings.
func TestHeartbeatsAndLimitsOfActivities(t *testing.T) {
	settings := fleet.Settings{CallTimeout: 2 * time.Minute, HeartbeatTimeout: 8 * time.Second}
	image, rolled := web, roll
	image.Settings, rolled.Settings, rolled.Version = settings, settings, "3"
	slow := func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 10 * time.Minute} }
	for name, test := range map[string]struct {
		options emulator.Options
		execute func(*world)
		long    []string // activities that take long
	}{
		"a lost response, and a long job": {emulator.Options{Plan: slow, ListLag: window / 2, Faults: []emulator.Fault{{Operation: "createCIMG", After: true, Reset: true}}},
			func(w *world) { w.ExecuteWorkflow(fleet.Image, image) }, []string{"Reconcile", "Wait"}},
		"a long list": {emulator.Options{Stock: families(), Faults: []emulator.Fault{{Operation: "listCIMG", Delay: 20 * time.Second, Count: 1000}}},
			func(w *world) {
				w.OnWorkflow(fleet.Image, mock.Anything, mock.Anything).Return(func(_ workflow.Context, order fleet.ImageOrder) (fleet.Copy, error) {
					return fleet.Copy{Region: order.Region, Name: order.Name, Image: order.Region + "-3"}, nil
				})
				w.ExecuteWorkflow(fleet.Roll, rolled)
			}, []string{"Verify", "Expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.options, func(t *testing.T, w *world) {
				w.hasNoEarlierRun()
				var lock sync.Mutex
				kinds, beats, last := map[string]activity.Info{}, map[string]int{}, map[string]time.Time{}
				var carried fleet.Heartbeat
				w.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
					lock.Lock()
					defer lock.Unlock()
					kinds[info.ActivityType.Name], last[info.ActivityID] = *info, time.Now()
				})
				w.SetOnActivityHeartbeatListener(func(info *activity.Info, details converter.EncodedValues) {
					lock.Lock()
					defer lock.Unlock()
					assert.Less(t, time.Since(last[info.ActivityID]), settings.HeartbeatTimeout, info.ActivityType.Name)
					beats[info.ActivityType.Name]++
					if last[info.ActivityID] = time.Now(); info.ActivityType.Name == "Wait" {
						assert.NoError(t, details.Get(&carried))
					}
				})
				test.execute(w)
				require.NoError(t, w.GetWorkflowError())
				for _, kind := range test.long {
					require.Equal(t, settings.HeartbeatTimeout, kinds[kind].HeartbeatTimeout, kind)
					require.Greater(t, beats[kind], 1, kind)
				}
				if send, isSent := kinds["Send"]; isSent {
					require.Equal(t, settings.CallTimeout, send.StartToCloseTimeout)
					require.Equal(t, w.service.Jobs("gz")[0].JobUUID, carried.Ref.JobUUID)
					require.NotNil(t, carried.Job)
				}
			})
		})
	}
}

// Unless it is told otherwise, a worker looks for a lost call over the default window.
func TestDefaultVisibilityWindow(t *testing.T) {
	lost := emulator.Fault{Operation: "createCIMG", After: true, Reset: true}
	inWorld(t, emulator.Options{Faults: []emulator.Fault{lost}, ListLag: reconcile.DefaultVisibilityWindow * 3 / 4}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		defaults, err := fleet.NewActivities(w.cimg, w.temporal, fleet.Options{})
		require.NoError(t, err)
		w.OnActivity(w.activities.Reconcile, mock.Anything, mock.Anything).Return(defaults.Reconcile)
		w.OnActivity(w.activities.Verify, mock.Anything, mock.Anything).Return(defaults.Verify)
		w.ExecuteWorkflow(fleet.Image, web)
		w.endsWith(t, "")
		require.Equal(t, 1, w.service.Requests("createCIMG"))
	})
}
