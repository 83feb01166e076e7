package fleet_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.temporal.io/sdk/testsuite"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// All that look into a region share what was read, however long that takes.
func TestLooksAreShared(t *testing.T) {
	stock := &emulator.Stock{Regions: []emulator.Region{{ID: "gz", Snapshots: []string{snapshot.Snapshot}}}}
	for n := range 1000 {
		stock.Regions[0].Images = append(stock.Regions[0].Images, gen.CIMG{UUID: fmt.Sprint("id-", n), Name: fmt.Sprint("old-", n), Status: "Ready", Size: 1})
	}
	const pages = 10
	slow := emulator.Fault{Operation: "listCIMG", Delay: 1500 * time.Millisecond, Count: 1_000_000}
	inWorld(t, emulator.Options{Stock: stock, Faults: []emulator.Fault{slow}}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		var all sync.WaitGroup
		const images = 20
		for n := range images {
			all.Go(func() {
				env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
				env.SetTestTimeout(time.Hour)
				env.RegisterActivity(w.activities)
				name := fmt.Sprint("new-", n)
				_, err := env.ExecuteActivity(w.activities.Send, fleet.Call{
					Create: &wrapper.CreateImageInput{Name: name, SnapUUID: snapshot.Snapshot},
					Intent: wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{name}, SentAt: time.Now()},
				})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		assert.LessOrEqual(t, w.service.Requests("listCIMG"), images+2*pages)
	})
}
