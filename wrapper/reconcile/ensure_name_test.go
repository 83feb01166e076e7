package reconcile_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// A service that stores names altered gets one image from a Reconciler, not one a
// call, and its caller an error that has the image.
func TestEnsureNoticesAnotherName(t *testing.T) {
	for stored, storeName := range map[string]func(string) string{
		"WEB-01": strings.ToUpper,
		"web":    func(name string) string { return name[:3] },
		"web-0":  func(name string) string { return strings.TrimRight(name, "1") },
	} {
		for _, lag := range []time.Duration{0, 90 * time.Second} {
			for op, ensure := range ensures {
				t.Run(stored+"/"+op+"/"+lag.String(), func(t *testing.T) {
					settings := emulator.Options{StoreName: storeName, ListLag: lag, Plan: lasting(time.Minute)}
					inCloud(t, settings, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
						r := recovery(t, client)
						requireStored := func(err error) {
							var other *reconcile.StoredNameError
							require.ErrorAs(t, err, &other)
							require.Equal(t, cloud.Images("gz")[0].UUID, other.Image.UUID)
							require.Equal(t, stored, other.Image.Name)
							require.Equal(t, "web-01", other.Name)
							require.EqualError(t, err, "cimg: image "+other.Image.UUID+" in gz is listed as \""+stored+"\", but was requested as \"web-01\"")
						}
						made, err := ensure(t.Context(), r)
						require.NoError(t, err)
						same, err := ensure(t.Context(), r)
						require.NoError(t, err, "the job runs")
						require.False(t, same.Created)
						uuid, err := made.Wait(t.Context())
						requireStored(err)
						require.Equal(t, cloud.Images("gz")[0].UUID, uuid)
						_, err = same.Wait(t.Context())
						requireStored(err)
						for range 3 {
							_, err = ensure(t.Context(), r)
							requireStored(err)
							time.Sleep(time.Hour)
						}
						require.Equal(t, 1, cloud.Requests(op))

						// Once the image is gone, it is created again.
						deleted, err := client.DeleteImage(t.Context(), "gz", uuid)
						require.NoError(t, err)
						_, err = deleted.Wait(t.Context())
						require.NoError(t, err)
						anew, err := ensure(t.Context(), r)
						require.NoError(t, err)
						require.True(t, anew.Created)
					})
				})
			}
		}
	}
}

// If the response to the create is lost but names the job, its image's name is not
// taken for the requested one either.
func TestEnsureNoticesAnotherNameAfterReconciling(t *testing.T) {
	inCloud(t, emulator.Options{StoreName: strings.ToUpper, Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		r := recovery(t, clientThrough(t, editing(cloud.Transport(), "/create", func(response map[string]any) { delete(response, "errno") })))
		made, err := r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		_, err = made.Wait(t.Context())
		require.ErrorAs(t, err, new(*reconcile.StoredNameError))
		_, err = r.EnsureImage(t.Context(), "gz", webImage)
		require.ErrorAs(t, err, new(*reconcile.StoredNameError))
		require.Equal(t, 1, cloud.Requests("createCIMG"))
	})
}

// An image that is not listed within the window is not compared; a list that fails
// is an error beside the image's id.
func TestWaitComparesWhatIsListed(t *testing.T) {
	inCloud(t, emulator.Options{StoreName: strings.ToUpper, Plan: lasting(0), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		made, err := recovery(t, client).EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		start := time.Now()
		uuid, err := made.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, made.Image.UUID, uuid)
		require.Equal(t, reconcile.DefaultVisibilityWindow, time.Since(start).Truncate(time.Minute))

		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Errno: 10000001})
		uuid, err = made.Wait(t.Context())
		require.ErrorIs(t, err, wrapper.ErrPermission)
		require.ErrorContains(t, err, "reconciling the name of image "+uuid)
		require.Equal(t, made.Image.UUID, uuid)
	})
	// An image that somebody is renaming will have another name.
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		job := create(t, client, "web-01")[0]
		_, err := job.Wait(t.Context())
		require.NoError(t, err)
		_, err = client.RenameImage(t.Context(), "gz", wrapper.RenameImageInput{ImageUUID: job.Ref.ResourceUUID, Name: "other"})
		require.NoError(t, err)
		found, err := recovery(t, client).EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		uuid, err := found.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, job.Ref.ResourceUUID, uuid)
	})
}

// After the window, the error says that the image was looked for, and for how long.
func TestEnsureSaysHowLongItLooked(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost(t, cloud, "createCIMG", false)
		_, err := recovery(t, client, reconcile.WithVisibilityWindow(time.Minute)).EnsureImage(t.Context(), "gz", webImage)
		unknown(t, err)
		require.ErrorContains(t, err, "; looked for it for 1m0s and did not find it")
	})
}

// The outcome of another call, as the cause with which a context was canceled, is
// not taken for this call's.
func TestEnsureIsNotMisledByTheCauseOfACancel(t *testing.T) {
	other := &wrapper.OutcomeUnknownError{Op: "deleteCIMG", Region: "bj", ImageUUIDs: []string{stockImage}, Cause: errors.New("lost")}
	for _, cause := range []error{other, wrapper.ErrNotSent, &wrapper.APIError{Op: "createCIMG", Errno: 1, HTTPStatus: 200}} {
		inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			ending := func() context.Context {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(cause) })
				return ctx
			}
			r := recovery(t, client)
			lost(t, cloud, "createCIMG", true)
			_, err := r.EnsureImage(ending(), "gz", webImage)
			require.Equal(t, "createCIMG", unknown(t, err).Op)
			require.Equal(t, wrapper.OutcomeUnknown, wrapper.OutcomeOf(err))
			require.NotErrorIs(t, err, wrapper.ErrNotSent)
			require.NotErrorAs(t, err, new(*wrapper.APIError))
			require.ErrorIs(t, err, context.Canceled)

			// While it waits for another call, nothing is sent.
			cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Delay: time.Minute})
			go r.EnsureImport(t.Context(), "bj", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "bj", OriginImageUUID: stockImage})
			time.Sleep(time.Nanosecond)
			_, err = r.EnsureImport(ending(), "bj", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "bj", OriginImageUUID: stockImage})
			require.Equal(t, wrapper.OutcomeNotSent, wrapper.OutcomeOf(err))
			require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
			time.Sleep(time.Hour)

			// Nor while it polls a remembered job.
			image := wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot}
			_, err = r.EnsureImage(t.Context(), "gz", image)
			require.NoError(t, err)
			cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Delay: time.Minute})
			_, err = r.EnsureImage(ending(), "gz", image)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
			require.NotErrorAs(t, err, new(*wrapper.APIError))
			require.NotErrorIs(t, err, wrapper.ErrNotSent)
			time.Sleep(time.Hour)
		})
	}
}

// Each error of EnsureImage is one line of bounded length with one prefix, whatever
// the name and the cause with which the context was canceled.
func TestEnsureErrorsAreOneLine(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), ListLag: time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		reason := errors.New(strings.Repeat("shutting\ndown", 1000))
		ending := func() context.Context {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(reason) })
			return ctx
		}
		requireOneLine := func(err error) {
			t.Helper()
			require.NotContains(t, err.Error(), "\n")
			require.Less(t, len(err.Error()), 3000)
			require.Equal(t, 1, strings.Count(err.Error(), "cimg: "), err.Error())
			require.True(t, strings.HasPrefix(err.Error(), "cimg: "), err.Error())
		}
		r := recovery(t, client)
		image := wrapper.CreateImageInput{Name: strings.Repeat("web", 1000), SnapUUID: snapshot}
		lost(t, cloud, "createCIMG", true)
		_, err := r.EnsureImage(ending(), "gz", image)
		unknown(t, err)
		require.ErrorIs(t, err, reason)
		requireOneLine(err)

		go r.EnsureImage(t.Context(), "gz", image)
		time.Sleep(time.Nanosecond)
		_, err = r.EnsureImage(ending(), "gz", image)
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		require.ErrorIs(t, err, reason)
		requireOneLine(err)

		_, err = r.EnsureImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Delay: time.Minute})
		_, err = r.EnsureImage(ending(), "gz", webImage)
		require.ErrorIs(t, err, reason)
		requireOneLine(err)

		time.Sleep(time.Hour)
	})
	// Neither has what is ambiguous after an unknown outcome.
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", After: true, Delay: time.Second, Reset: true})
		time.AfterFunc(time.Millisecond, func() { create(t, anotherClient(t, cloud), "web-01") })
		_, err := recovery(t, client).EnsureImage(t.Context(), "gz", webImage)
		unknown(t, err)
		require.ErrorAs(t, err, new(*reconcile.AmbiguousImageError))
		require.Equal(t, 1, strings.Count(err.Error(), "cimg: "), err.Error())
	})
}

// Many named jobs are queried together.
func TestReconcileQueriesManyJobsTogether(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) { return cloud.Transport().RoundTrip(r) })
		names := make([]string, 100)
		for i := range names {
			names[i] = "web-" + strings.Repeat("x", i+1)
		}
		lost := &wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: names}
		for _, job := range create(t, client, names...) {
			lost.Jobs = append(lost.Jobs, job.Ref)
		}
		start := time.Now()
		findings, err := recovery(t, client).Reconcile(t.Context(), lost)
		require.NoError(t, err)
		for _, f := range findings {
			require.Equal(t, reconcile.Found, f.Verdict)
		}
		require.LessOrEqual(t, cloud.Requests("getJobResult"), 3)
		require.LessOrEqual(t, time.Since(start), 3*time.Second)
	})
}
