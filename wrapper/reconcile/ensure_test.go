package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

var webCopy = wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "bj", OriginImageUUID: stockImage}

// ensures are the two calls that create what is absent, both in gz.
var ensures = map[string]func(context.Context, *reconcile.Reconciler) (reconcile.EnsuredImage, error){
	"createCIMG": func(ctx context.Context, r *reconcile.Reconciler) (reconcile.EnsuredImage, error) {
		return r.EnsureImage(ctx, "gz", webImage)
	},
	"importCIMG": func(ctx context.Context, r *reconcile.Reconciler) (reconcile.EnsuredImage, error) {
		return r.EnsureImport(ctx, "gz", webCopy)
	},
}

func TestEnsureCreatesOnce(t *testing.T) {
	for op, ensure := range ensures {
		t.Run(op, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				r := recovery(t, client)
				first, err := ensure(t.Context(), r)
				require.NoError(t, err)
				require.True(t, first.Created)
				require.Equal(t, "web-01", first.Image.Name)

				for _, r := range []*reconcile.Reconciler{r, recovery(t, anotherClient(t, cloud))} {
					again, err := ensure(t.Context(), r)
					require.NoError(t, err)
					require.False(t, again.Created)
					require.Equal(t, first.Job.Ref.JobUUID, again.Job.Ref.JobUUID, "the job that runs")
					require.Equal(t, first.Image.UUID, again.Image.UUID)
				}
				uuid, err := first.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, first.Image.UUID, uuid)

				ready, err := ensure(t.Context(), r)
				require.NoError(t, err)
				require.Nil(t, ready.Job)
				require.Equal(t, "Ready", ready.Image.Status)
				uuid, err = ready.Wait(t.Context())
				require.NoError(t, err)
				require.Equal(t, first.Image.UUID, uuid)
				require.Equal(t, 1, cloud.Requests(op))
			})
		})
	}
}

// If the response that started the job has no image id, it comes from the job.
func TestEnsureTakesTheIDFromTheJob(t *testing.T) {
	inCloud(t, emulator.Options{ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		client := clientThrough(t, editing(cloud.Transport(), "/create", func(response map[string]any) {
			delete(response["data"].([]any)[0].(map[string]any), "resourceUuid")
		}))
		r := recovery(t, client)
		made, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.Empty(t, made.Image.UUID)
		uuid, err := made.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, cloud.Images("gz")[0].UUID, uuid)

		// The job may not have it either.
		silent := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			return respond(`{"errno":0,"data":[{"jobUuid":"j1","done":true,"success":true}]}`)
		})
		job, err := silent.Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
		require.NoError(t, err)
		uuid, err = reconcile.EnsuredImage{Image: wrapper.Image{UUID: "i1"}, Job: job}.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, "i1", uuid)
	})
}

func TestEnsureReconciles(t *testing.T) {
	for op, ensure := range ensures {
		t.Run(op, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: 5 * time.Second}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				r := recovery(t, client)
				lost(t, cloud, op, false)
				_, err := ensure(t.Context(), r)
				unknown(t, err)

				lost(t, cloud, op, true)
				made, err := ensure(t.Context(), r)
				require.NoError(t, err)
				require.True(t, made.Created)
				require.NotNil(t, made.Job)
				again, err := ensure(t.Context(), r)
				require.NoError(t, err)
				require.Equal(t, made.Image.UUID, again.Image.UUID)
				require.Equal(t, 2, cloud.Requests(op))
			})
		})
	}
}

func TestEnsureKeepsTheUnknownOutcome(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Second}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		// A failure of Reconcile does not change the outcome.
		for name, fault := range map[string]emulator.Fault{"a": {Errno: 4}, "b": {Status: 403}} {
			image := wrapper.CreateImageInput{Name: name, SnapUUID: snapshot}
			lost(t, cloud, "createCIMG", true)
			fault.Operation, fault.Skip = "listCIMG", 2
			cloud.InjectFor(t, fault)
			_, err := r.EnsureImage(t.Context(), "gz", image)
			unknown(t, err)
			require.NotErrorAs(t, err, new(*wrapper.APIError))
			require.ErrorContains(t, err, "outcome unknown")
			require.ErrorContains(t, err, "reconciling createCIMG")
		}
		lost(t, cloud, "createCIMG", true)
		require.NoError(t, cloud.Inject(emulator.Fault{Operation: "listCIMG", Skip: 2, Count: 1000, Refuse: true}))
		_, err := r.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "c", SnapUUID: snapshot})
		unknown(t, err)
		require.NotErrorIs(t, err, wrapper.ErrNotSent)
		require.ErrorContains(t, err, "connection refused")
	})
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Second}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)

		// Reconcile may also find an image that somebody else created
		// meanwhile.
		two := wrapper.CreateImageInput{Name: "two", SnapUUID: snapshot}
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", After: true, Delay: 10 * time.Millisecond, Reset: true})
		time.AfterFunc(time.Millisecond, func() {
			_, err := anotherClient(t, cloud).CreateImage(t.Context(), "gz", two)
			assert.NoError(t, err)
		})
		_, err := r.EnsureImage(t.Context(), "gz", two)
		unknown(t, err)
		var ambiguous *reconcile.AmbiguousImageError
		require.ErrorAs(t, err, &ambiguous)
		require.Len(t, ambiguous.Images, 2)
	})
}

// The next call does not forget an outcome that stayed unknown: the image may
// exist and not be listed yet.
func TestEnsureRemembersAnUnknownOutcome(t *testing.T) {
	for op, ensure := range ensures {
		for _, carriedOut := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%t", op, carriedOut), func(t *testing.T) {
				inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: 30 * time.Second}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
					r := recovery(t, client)
					lost(t, cloud, op, carriedOut)
					for range 2 {
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						_, err := ensure(ctx, r)
						cancel()
						unknown(t, err)
						require.ErrorIs(t, err, context.DeadlineExceeded)
					}
					require.Equal(t, 1, cloud.Requests(op))
					made, err := ensure(t.Context(), r)
					require.NoError(t, err)
					require.NotNil(t, made.Job)
					require.Equal(t, !carriedOut, made.Created)
					time.Sleep(time.Minute)
					require.Len(t, cloud.Images("gz"), 1)
				})
			})
		}
	}
}

// Neither is it forgotten when the list could not be read during the window.
func TestEnsureRemembersThroughAnOutage(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: 3 * time.Minute}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		outage := false
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if outage && strings.HasSuffix(r.URL.Path, "/list") {
				return nil, errors.New("no route to host")
			}
			outage = outage || strings.HasSuffix(r.URL.Path, "/create")
			return cloud.Transport().RoundTrip(r)
		})
		r := recovery(t, client)
		lost(t, cloud, "createCIMG", true)
		_, err := r.EnsureImage(t.Context(), "gz", webImage)
		unknown(t, err)
		require.ErrorContains(t, err, "no route to host")
		outage = false
		time.Sleep(time.Second)
		made, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.False(t, made.Created)
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	})
}

// A job that the service no longer knows counts as finished, whichever response
// says so.
func TestEnsureWhenTheJobIsUnknown(t *testing.T) {
	for _, fault := range []emulator.Fault{{Errno: 1}, {Body: `{"errno":0,"data":[]}`}} {
		inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			r := recovery(t, client)
			_, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			fault.Operation, fault.Count = "getJobResult", 2
			cloud.InjectFor(t, fault)
			same, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.False(t, same.Created)
			time.Sleep(reconcile.DefaultVisibilityWindow + time.Nanosecond)
			anew, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.True(t, anew.Created)
		})
	}
}

// An ambiguous outcome stays ambiguous while it may be about an image that is
// not listed yet.
func TestEnsureRemembersWhatIsAmbiguous(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		client := clientThrough(t, editing(cloud.Transport(), "/create", func(response map[string]any) {
			// As if two jobs had been started for one image.
			started, err := anotherClient(t, cloud).CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "other", SnapUUID: snapshot})
			require.NoError(t, err)
			response["data"] = append(response["data"].([]any), map[string]any{"jobUuid": started.Ref.JobUUID})
		}))
		r := recovery(t, client)
		for range 3 {
			_, err := r.EnsureImage(t.Context(), "gz", webImage)
			unknown(t, err)
			require.ErrorAs(t, err, new(*reconcile.AmbiguousImageError))
			time.Sleep(time.Minute)
		}
		require.Equal(t, 2, cloud.Requests("createCIMG"), "the other client's, and one")
	})
}

func TestEnsureReturnsTheErrorOfTheCreate(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Refuse: true})
		_, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		_, err = r.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: "no-such-snapshot"})
		require.ErrorIs(t, err, wrapper.ErrNotFound)
		require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))

		// Nothing is created when the list cannot be read.
		for status, want := range map[int]error{500: wrapper.ErrServer, 404: wrapper.ErrNotFound, 403: wrapper.ErrPermission, 201: wrapper.ErrMalformedResponse} {
			requests := cloud.Requests("listCIMG")
			require.NoError(t, cloud.Inject(emulator.Fault{Operation: "listCIMG", Count: 3, Status: status}))
			_, err = r.EnsureImage(t.Context(), "gz", webImage)
			require.ErrorIs(t, err, want)
			require.Equal(t, wrapper.OutcomeNotSent, wrapper.OutcomeOf(err))
			for cloud.Requests("listCIMG") < requests+3 { // until the fault is over
				_, _ = r.EnsureImage(t.Context(), "gz", webImage)
			}
		}
		require.Equal(t, 1, cloud.Requests("createCIMG"))

		for _, image := range []wrapper.CreateImageInput{{SnapUUID: snapshot}, {Name: "a"}, {Name: "a\n", SnapUUID: snapshot}} {
			_, err = r.EnsureImage(t.Context(), "gz", image)
			require.ErrorAs(t, err, new(*wrapper.InputError))
		}
		_, err = r.EnsureImage(t.Context(), "", webImage)
		require.ErrorAs(t, err, new(*wrapper.InputError))
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	})
}

// Without another call there is none to wait for, also if the context has ended.
func TestEnsureDoesNotWaitForACallThatIsNotThere(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 50 {
			_, err := r.EnsureImage(ctx, "gz", webImage)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, wrapper.ErrNotSent)
			require.NotContains(t, err.Error(), "waiting for another call")
		}
	})
}

func TestEnsureDoesNotChooseAmongImages(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		create(t, client, "web-01")
		second := create(t, client, "web-01")[0]
		_, err := r.EnsureImage(t.Context(), "gz", webImage)
		var ambiguous *reconcile.AmbiguousImageError
		require.ErrorAs(t, err, &ambiguous)
		require.Len(t, ambiguous.Images, 2)
		require.EqualError(t, err, fmt.Sprintf(`cimg: "web-01" in gz is ambiguous: it is not clear which image is meant (candidates: %s, %s); not sent`,
			ambiguous.Images[0].UUID, ambiguous.Images[1].UUID))
		require.Equal(t, wrapper.OutcomeNotSent, wrapper.OutcomeOf(err))

		only := create(t, client, "only")[0]
		for _, uuid := range []string{only.Ref.ResourceUUID, second.Ref.ResourceUUID} {
			_, err = client.DeleteImage(t.Context(), "gz", uuid)
			require.NoError(t, err)
		}
		_, err = r.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "only", SnapUUID: snapshot})
		require.ErrorAs(t, err, &ambiguous)
		require.Len(t, ambiguous.Images, 1)
		time.Sleep(time.Minute)
		found, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.False(t, found.Created)
		require.Equal(t, 3, cloud.Requests("createCIMG"))
	})
}

// Until the list shows it, the Reconciler remembers what it started.
func TestEnsureRemembersWhatIsNotListedYet(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(5 * time.Minute), ListLag: time.Minute}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		jobs := make(chan string, 64)
		var group sync.WaitGroup
		for range 64 {
			group.Go(func() {
				made, err := r.EnsureImage(t.Context(), "gz", webImage)
				assert.NoError(t, err)
				jobs <- made.Job.Ref.JobUUID
			})
		}
		group.Wait()
		require.Equal(t, 1, cloud.Requests("createCIMG"))
		job := <-jobs
		for range 63 {
			require.Equal(t, job, <-jobs)
		}

		time.Sleep(2 * time.Minute)
		listed, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.Equal(t, job, listed.Job.Ref.JobUUID)
		_, err = listed.Wait(t.Context())
		require.NoError(t, err)

		// From now on the list counts, also when the image is gone.
		deleted, err := client.DeleteImage(t.Context(), "gz", listed.Image.UUID)
		require.NoError(t, err)
		_, err = deleted.Wait(t.Context())
		require.NoError(t, err)
		anew, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.True(t, anew.Created)
		require.Equal(t, 2, cloud.Requests("createCIMG"))
	})
	// Once the image was listed the list counts, even within the window.
	inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		for range 2 {
			made, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.True(t, made.Created)
			listed, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.False(t, listed.Created)
			_, err = client.DeleteImage(t.Context(), "gz", listed.Image.UUID)
			require.NoError(t, err)
		}
	})
	// A running job is remembered as long as it runs.
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		for range 6 {
			_, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			time.Sleep(10 * time.Minute)
		}
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	})
	// But neither forever, nor if the job failed.
	inCloud(t, emulator.Options{Plan: failing("snapshot unreadable"), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		made, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Errno: 4})
		_, err = r.EnsureImage(t.Context(), "gz", webImage)
		require.ErrorIs(t, err, wrapper.ErrAuth, "the job's state is unknown")
		_, err = made.Wait(t.Context())
		require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		made, err = r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.True(t, made.Created)
	})
	inCloud(t, emulator.Options{Plan: lasting(time.Minute), ListLag: time.Hour}, func(t *testing.T, _ *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		_, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		for range 2 {
			time.Sleep(reconcile.DefaultVisibilityWindow)
			same, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.False(t, same.Created, "it has finished, and its image may still appear in the list")
		}
		time.Sleep(time.Nanosecond)
		anew, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.True(t, anew.Created)
	})
}

// A call that waits for the lock ends with its context.
func TestEnsureSerializesCallsForOneName(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		r := recovery(t, client)
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Delay: time.Minute})
		var group sync.WaitGroup
		group.Go(func() {
			_, err := r.EnsureImage(context.Background(), "gz", webImage)
			assert.NoError(t, err)
		})
		time.Sleep(time.Second)
		reason := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(reason) })
		start := time.Now()
		_, err := r.EnsureImage(ctx, "gz", webImage)
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		require.ErrorIs(t, err, reason)
		require.Equal(t, time.Second, time.Since(start))

		// Another name or region has its own lock.
		_, err = r.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))
		group.Wait()
	})
}

// A job that the service did not know at first has not finished then.
func TestEnsureCountsTheWindowFromTheEndOfTheJob(t *testing.T) {
	for _, between := range []bool{true, false} {
		inCloud(t, emulator.Options{Plan: lasting(10 * time.Minute), ListLag: 11 * time.Minute}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			r := recovery(t, client)
			ensure := func() reconcile.EnsuredImage {
				made, err := r.EnsureImage(t.Context(), "gz", webImage)
				require.NoError(t, err)
				return made
			}
			ensure()
			cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Body: `{"errno":0,"errmsg":"ok","requestId":"r","data":[]}`})
			ensure() // the service lags: it does not know the job yet
			if between {
				time.Sleep(5 * time.Minute)
				ensure() // the job runs
				time.Sleep(5*time.Minute + time.Second)
			} else {
				time.Sleep(10*time.Minute + time.Second)
			}
			ensure() // it has just succeeded, but is not listed yet
			require.Equal(t, 1, cloud.Requests("createCIMG"), "between: %t", between)
		})
	}
}
