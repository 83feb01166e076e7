package fleet_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

var roll = fleet.RollOrder{Family: "web", Version: "9", From: snapshot, Regions: []string{"bj", "sh"}, Retention: fleet.Retention{Keep: 2}}

func applied(order fleet.RollOrder) fleet.RollOrder {
	order.Apply = true
	return order
}

// families is a stock with images of two families in each region, web-1 being the
// oldest.
func families() *emulator.Stock {
	stock := &emulator.Stock{}
	for _, region := range []string{"bj", "gz", "sh"} {
		images := []gen.CIMG{
			{UUID: region + "-1", Name: "web-1"}, {UUID: region + "-2", Name: "web-2"}, {UUID: region + "-3", Name: "web-3"},
			{UUID: region + "-shared", Name: "web-0", IsShared: true}, {UUID: region + "-api", Name: "web-api-1"},
		}
		for i := range images {
			images[i].Status, images[i].Size = "Ready", 1<<30
			images[i].CreateTime = time.Date(1999, time.December, 1+i, 0, 0, 0, 0, time.UTC).UnixMilli()
		}
		stock.Regions = append(stock.Regions, emulator.Region{ID: region, Snapshots: []string{snapshot.Snapshot}, Images: images})
	}
	return stock
}

// rolls executes the workflow, and returns its report and which of the images of the
// stock a region has left.
func (w *world) rolls(t *testing.T, order fleet.RollOrder) (report fleet.RollReport) {
	t.Helper()
	w.hasNoEarlierRun()
	w.ExecuteWorkflow(fleet.Roll, order)
	require.True(t, w.IsWorkflowCompleted())
	if err := w.GetWorkflowError(); err == nil {
		require.NoError(t, w.GetWorkflowResult(&report))
	} else if !fleet.IsFailure(err, fleet.Incomplete, &report) {
		require.Zero(t, report)
	}
	return report
}

func (w *world) stocked(region string) (left []string) {
	for _, image := range w.service.Images(region) {
		if image.CreateTime < time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() {
			left = append(left, image.UUID)
		}
	}
	return left
}

func (w *world) requireUntouched(t *testing.T) {
	t.Helper()
	require.Zero(t, w.service.Requests("deleteCIMG"))
	for _, region := range []string{"bj", "gz", "sh"} {
		require.Len(t, w.stocked(region), 5)
	}
}

func expired(report fleet.RollReport) (ids []string) {
	for _, deletion := range report.Expired {
		ids = append(ids, deletion.UUID)
	}
	return ids
}

func TestRollIsADryRunByDefault(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		report := w.rolls(t, roll)
		require.NoError(t, w.GetWorkflowError())
		w.requireUntouched(t)
		require.False(t, report.Applied)
		require.Len(t, report.Made, 3)
		require.Equal(t, []string{"bj-1", "bj-2", "sh-1", "sh-2"}, expired(report))
		require.Equal(t, fleet.Deletion{Region: "bj", Member: fleet.Member{
			UUID: "bj-1", Name: "web-1", Status: "Ready", Size: 1 << 30, Created: time.Date(1999, time.December, 1, 0, 0, 0, 0, time.UTC),
		}}, report.Expired[0])
	})
}

// An image that is not of the family cannot be the new one in its region. No copy of it is
// paid for.
func TestRollOfAnImageThatIsNotAsItShouldBe(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		order := applied(roll)
		order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj", "gz"}
		report := w.rolls(t, order)
		require.Len(t, report.Made, 1)
		require.Contains(t, report.Made[0].Error, `is named "web-api-1"`)
		require.Zero(t, w.service.Requests("importCIMG"))
		w.requireUntouched(t)
	})
}

func TestRollDeletesInEachRegion(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*fleet.RollOrder)
		deleted []string
	}{
		"of a snapshot": {func(*fleet.RollOrder) {}, []string{"bj-1", "bj-2", "sh-1", "sh-2"}},
		"of a snapshot, also in its region": {func(o *fleet.RollOrder) {
			o.Regions = []string{"bj", "gz"}
		}, []string{"gz-1", "gz-2", "bj-1", "bj-2"}},
		"of an image": {func(o *fleet.RollOrder) {
			o.From = fleet.Source{Region: "gz", Image: "gz-api"}
		}, []string{"bj-1", "bj-2", "sh-1", "sh-2"}},
		"of an image, also in its region": {func(o *fleet.RollOrder) {
			o.From, o.Version, o.Regions = fleet.Source{Region: "gz", Image: "gz-3"}, "3", []string{"bj", "gz"}
		}, []string{"bj-1", "gz-1"}},
		"by age": {func(o *fleet.RollOrder) {
			o.Retention = fleet.Retention{MaxAge: 30*24*time.Hour + time.Hour}
		}, []string{"bj-1", "sh-1"}},
		"the image exists, and is the oldest": {func(o *fleet.RollOrder) {
			o.Version, o.Retention.Keep, o.Regions = "1", 1, []string{"gz"}
		}, []string{"gz-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
				order := applied(roll)
				test.change(&order)
				report := w.rolls(t, order)
				require.NoError(t, w.GetWorkflowError())
				require.True(t, report.Applied)
				for _, made := range report.Made {
					require.Equal(t, slices.Contains([]string{"gz-1", "gz-3", "bj-3"}, made.Image), made.Exists)
				}
				require.Equal(t, test.deleted, expired(report))
				require.Equal(t, len(test.deleted), w.service.Requests("deleteCIMG"))
				left := slices.Concat(w.stocked("bj"), w.stocked("gz"), w.stocked("sh"))
				require.Len(t, left, 15-len(test.deleted))
				for _, id := range test.deleted {
					require.NotContains(t, left, id)
				}
			})
		})
	}
}

// One image that is not as it should be, in one region, prevents every deletion.
func TestRollDeletesNothingUnlessAllAreVerified(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*gen.CIMG) // of web-3 in sh
		want   string
	}{
		"never Ready":  {func(image *gen.CIMG) { image.Status = "Error" }, `"web-3" (sh-3) in sh is of status "Error", not "Ready"`},
		"without size": {func(image *gen.CIMG) { image.Size = 0 }, `"web-3" (sh-3) in sh is without a size`},
	} {
		t.Run(name, func(t *testing.T) {
			stock := families()
			test.change(&stock.Regions[2].Images[2])
			inWorld(t, emulator.Options{Stock: stock}, func(t *testing.T, w *world) {
				order := applied(roll)
				order.Version, order.Retention.Keep = "3", 1
				report := w.rolls(t, order)
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Incomplete, nil), w.GetWorkflowError())
				require.Equal(t, fleet.Copy{Region: "sh", Name: "web-3", Image: "sh-3", Error: "Unverified: " + test.want}, report.Made[2])
				require.Empty(t, report.Made[0].Error+report.Made[1].Error)
				w.requireUntouched(t)
			})
		})
	}
	t.Run("not made", func(t *testing.T) {
		plan := func(start emulator.JobStart) emulator.Plan {
			if start.Region == "sh" {
				return emulator.Plan{Failure: "no space left"}
			}
			return emulator.Plan{}
		}
		inWorld(t, emulator.Options{Stock: families(), Plan: plan}, func(t *testing.T, w *world) {
			report := w.rolls(t, applied(roll))
			require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Incomplete, nil), w.GetWorkflowError())
			require.Contains(t, report.Made[2].Error, "no space left")
			w.requireUntouched(t)
		})
	})
	t.Run("stored under another name", func(t *testing.T) {
		rename := func(name string) string { return name + "-copy" }
		inWorld(t, emulator.Options{Stock: families(), StoreName: rename}, func(t *testing.T, w *world) {
			report := w.rolls(t, applied(roll))
			require.Len(t, report.Made, 1, "of an image that is not as it should be no copies are made")
			require.Contains(t, report.Made[0].Error, `is named "web-9-copy"`)
			w.requireUntouched(t)
		})
	})
}

func TestVerifyAnImageWithAJob(t *testing.T) {
	plan := func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: math.MaxInt64} }
	inWorld(t, emulator.Options{Stock: families(), Plan: plan}, func(t *testing.T, w *world) {
		renamed, err := w.cimg.RenameImage(t.Context(), "sh", wrapper.RenameImageInput{ImageUUID: "sh-3", Name: "web-4"})
		require.NoError(t, err)
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.RegisterActivity(w.activities)
		_, err = env.ExecuteActivity(w.activities.Verify, fleet.Copy{Region: "sh", Name: "web-3", Image: "sh-3"})
		require.True(t, fleet.IsFailure(err, fleet.Unverified, nil), err)
		require.ErrorContains(t, err, "worked on by job "+renamed.Ref.JobUUID)
	})
}

func TestRollWaitsForTheList(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families(), ListLag: 30 * time.Second}, func(t *testing.T, w *world) {
		w.rolls(t, applied(roll))
		require.NoError(t, w.GetWorkflowError())
		require.Len(t, w.stocked("sh"), 3)
	})
}

// Whatever goes wrong with the deletion of an image, it is deleted, and what others
// have deleted is not an error.
func TestRollDeletesWhateverGoesWrong(t *testing.T) {
	for name, test := range map[string]struct {
		fault emulator.Fault
		calls int
	}{
		"response lost":                  {emulator.Fault{After: true, Reset: true}, 2},
		"HTTP 503 instead of the delete": {emulator.Fault{Status: 503}, 3},
		"too many requests":              {emulator.Fault{Status: 429}, 3},
		"already being deleted":          {emulator.Fault{After: true, Errno: 41026}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			test.fault.Operation = "deleteCIMG"
			inWorld(t, emulator.Options{Stock: families(), Faults: []emulator.Fault{test.fault}}, func(t *testing.T, w *world) {
				order := applied(roll)
				order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
				report := w.rolls(t, order)
				require.NoError(t, w.GetWorkflowError())
				time.Sleep(emulator.DefaultDuration) // the job of the deletion that was "already gone"
				require.Equal(t, []string{"bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
				require.Equal(t, []string{"bj-1", "bj-2"}, expired(report))
				require.Equal(t, test.calls, w.service.Requests("deleteCIMG"))
				deletions := 0
				for _, job := range w.service.Jobs("bj") {
					if job.Type == "DeleteCIMG" {
						deletions++
					}
				}
				require.Equal(t, 2, deletions, "each image is deleted once")
			})
		})
	}
}

func TestRollReportsWhatIsNotDeleted(t *testing.T) {
	for name, errno := range map[string]int64{"no permission": 10000001, "image not found, but listed": 41026, "snapshot not found": 41017} {
		t.Run(name, func(t *testing.T) {
			fault := emulator.Fault{Operation: "deleteCIMG", Errno: errno}
			inWorld(t, emulator.Options{Stock: families(), Faults: []emulator.Fault{fault}}, func(t *testing.T, w *world) {
				order := applied(roll)
				order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
				report := w.rolls(t, order)
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Incomplete, nil), w.GetWorkflowError())
				require.ErrorContains(t, w.GetWorkflowError(), "1 of 3 images failed")
				require.Contains(t, report.Expired[0].Error, "Rejected: ")
				require.Empty(t, report.Expired[1].Error, "the next is deleted all the same")
				require.Equal(t, []string{"bj-1", "bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
			})
		})
	}
}

// What others delete meanwhile is not deleted by the roll, and no error.
func TestRollFindsAnImageGone(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
			if call.Intent.Op == "deleteCIMG" {
				job, err := w.cimg.DeleteImage(ctx, call.Intent.Region, call.Intent.ImageUUIDs[0])
				require.NoError(t, err)
				_, err = job.Wait(ctx)
				require.NoError(t, err)
			}
			return w.activities.Send(ctx, call)
		})
		order := applied(roll)
		order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
		report := w.rolls(t, order)
		require.NoError(t, w.GetWorkflowError())
		require.Equal(t, []string{"bj-1", "bj-2"}, expired(report))
		require.Equal(t, []string{"bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
	})
}

// A service that cannot list for a while delays a roll.
func TestRollWaitsForAnOutage(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		isDown := false
		w.OnActivity(w.activities.Expired, mock.Anything, mock.Anything).Return(func(ctx context.Context, of fleet.Expiry) ([]fleet.Member, error) {
			if !isDown {
				isDown = true
				w.service.InjectFor(t, emulator.Fault{Operation: "listCIMG", Status: 503, Count: 10})
			}
			return w.activities.Expired(ctx, of)
		})
		order := applied(roll)
		order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
		require.Equal(t, []string{"bj-1", "bj-2"}, expired(w.rolls(t, order)))
		require.NoError(t, w.GetWorkflowError())
	})
}

// An image that is renamed after it was chosen is not deleted any more.
func TestRollKeepsWhatIsRenamedMeanwhile(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		w.OnActivity(w.activities.Expired, mock.Anything, mock.Anything).Return(func(ctx context.Context, of fleet.Expiry) ([]fleet.Member, error) {
			chosen, err := w.activities.Expired(ctx, of)
			require.NoError(t, err)
			job, err := w.cimg.RenameImage(ctx, of.Made.Region, wrapper.RenameImageInput{ImageUUID: chosen[0].UUID, Name: "keep-this"})
			require.NoError(t, err)
			_, err = job.Wait(ctx)
			require.NoError(t, err)
			return chosen, nil
		})
		order := applied(roll)
		order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
		report := w.rolls(t, order)
		require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.Incomplete, nil), w.GetWorkflowError())
		require.Contains(t, report.Expired[0].Error, fleet.Unverified)
		require.Equal(t, []string{"bj-1", "bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
	})
}

// A roll that is cancelled ends the deletion that it has begun, and begins no other.
func TestRollCancelledWhileDeleting(t *testing.T) {
	for name, test := range map[string]struct{ sends, after time.Duration }{
		"while it sends": {time.Second, 0},
		"while it waits": {0, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
				w.OnActivity(w.activities.Send, mock.Anything, mock.Anything).Return(func(ctx context.Context, call fleet.Call) (fleet.Effect, error) {
					if call.Intent.Op == "deleteCIMG" {
						time.AfterFunc(test.after, w.CancelWorkflow)
						time.Sleep(test.sends)
					}
					return w.activities.Send(ctx, call)
				})
				order := applied(roll)
				order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
				w.hasNoEarlierRun()
				w.ExecuteWorkflow(fleet.Roll, order)
				report := w.cancelledReport(t)
				require.Equal(t, []string{"bj-1"}, expired(report))
				require.Empty(t, report.Expired[0].Error)
				require.Equal(t, 1, w.service.Requests("deleteCIMG"))
				require.Equal(t, []string{"bj-2", "bj-3", "bj-shared", "bj-api"}, w.stocked("bj"))
			})
		})
	}
}

func TestRollCancelledWhileVerifying(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		w.hasNoEarlierRun()
		var verified atomic.Int32
		w.OnActivity(w.activities.Verify, mock.Anything, mock.Anything).Return(func(context.Context, fleet.Copy) error {
			if verified.Add(1) > 3 { // by the images themselves
				w.CancelWorkflow()
				time.Sleep(time.Minute)
			}
			return nil
		})
		w.ExecuteWorkflow(fleet.Roll, applied(roll))
		time.Sleep(time.Hour) // until the activities have ended, too
		report := w.cancelledReport(t)
		require.Len(t, report.Made, 3)
		require.Empty(t, report.Made[0].Error+report.Made[1].Error+report.Made[2].Error)
		w.requireUntouched(t)
	})
}

func (w *world) cancelledReport(t *testing.T) (report fleet.RollReport) {
	t.Helper()
	cancelled, is := errors.AsType[*temporal.CanceledError](w.GetWorkflowError())
	require.True(t, is, w.GetWorkflowError())
	require.NoError(t, cancelled.Details(&report))
	return report
}

func TestInvalidRollOrders(t *testing.T) {
	for name, change := range map[string]func(*fleet.RollOrder){
		"no family":              func(o *fleet.RollOrder) { o.Family = "" },
		"no version":             func(o *fleet.RollOrder) { o.Version = "" },
		"a version with letters": func(o *fleet.RollOrder) { o.Version = "v1" },
		"a version of two":       func(o *fleet.RollOrder) { o.Version = "1-2" },
		"no regions":             func(o *fleet.RollOrder) { o.Regions = nil },
		"a negative number":      func(o *fleet.RollOrder) { o.Retention.Keep = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
				order := applied(roll)
				change(&order)
				require.Error(t, order.Validate())
				w.rolls(t, order)
				require.True(t, fleet.IsFailure(w.GetWorkflowError(), fleet.InvalidOrder, nil), w.GetWorkflowError())
				w.requireUntouched(t)
			})
		})
	}
}

// Nothing is deleted if the new image goes away after it was verified.
func TestNothingIsDeletedWithoutTheNewImage(t *testing.T) {
	inWorld(t, emulator.Options{Stock: families()}, func(t *testing.T, w *world) {
		w.OnActivity(w.activities.Expired, mock.Anything, mock.Anything).Return(func(ctx context.Context, of fleet.Expiry) ([]fleet.Member, error) {
			job, err := w.cimg.DeleteImage(ctx, of.Made.Region, of.Made.Image)
			require.NoError(t, err)
			_, err = job.Wait(ctx)
			require.NoError(t, err)
			return w.activities.Expired(ctx, of)
		})
		order := applied(roll)
		order.Retention.Keep = 1
		order.From, order.Regions = fleet.Source{Region: "gz", Image: "gz-api"}, []string{"bj"}
		report := w.rolls(t, order)
		require.Contains(t, report.Expired[0].Error, "nothing is deleted")
		require.Equal(t, "bj", report.Expired[0].Region)
		require.Len(t, w.stocked("bj"), 5)
	})
}
