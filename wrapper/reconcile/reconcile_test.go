package reconcile_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// lost loses the response to the next mutating call, after carrying it out or
// instead of it.
func lost(t *testing.T, cloud *emulator.Emulator, op string, carriedOut bool) {
	t.Helper()
	cloud.InjectFor(t, emulator.Fault{Operation: op, Reset: true, After: carriedOut})
}

// unknown requires err to be an unknown outcome.
func unknown(t *testing.T, err error) *wrapper.OutcomeUnknownError {
	t.Helper()
	var lost *wrapper.OutcomeUnknownError
	require.ErrorAs(t, err, &lost)
	return lost
}

// loseCreate creates images in gz and loses the response.
func loseCreate(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client, carriedOut bool, names ...string) *wrapper.OutcomeUnknownError {
	t.Helper()
	lost(t, cloud, "createCIMG", carriedOut)
	var images []wrapper.CreateImageInput
	for _, name := range names {
		images = append(images, wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	}
	_, err := client.CreateImages(t.Context(), "gz", images)
	return unknown(t, err)
}

// reconcileOne reconciles a mutating call of one item.
func reconcileOne(t *testing.T, client *wrapper.Client, lost *wrapper.OutcomeUnknownError, options ...reconcile.Option) reconcile.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour) // of virtual time
	defer cancel()
	findings, err := recovery(t, client, options...).Reconcile(ctx, lost)
	require.NoError(t, err)
	require.Len(t, findings, 1)
	return findings[0]
}

func TestReconcileACreate(t *testing.T) {
	rows := map[string]struct {
		settings   emulator.Options
		before     func(t *testing.T, client *wrapper.Client)
		carriedOut bool
		verdict    reconcile.Verdict
		took       time.Duration
		candidates int
	}{
		"none": {verdict: reconcile.NotObserved, took: reconcile.DefaultVisibilityWindow},
		"one":  {carriedOut: true, verdict: reconcile.Found},
		"one of another name": {
			settings: emulator.Options{StoreName: func(name string) string { return strings.ReplaceAll(name, "_", " ") }},
			before:   func(t *testing.T, client *wrapper.Client) { create(t, client, "web-01_", "web-011", "WEB-01") },
			verdict:  reconcile.NotObserved, took: reconcile.DefaultVisibilityWindow,
		},
		"two": {
			before:     func(t *testing.T, client *wrapper.Client) { create(t, client, "web-01") },
			carriedOut: true, verdict: reconcile.Ambiguous, candidates: 2,
		},
		"one that appears late": {
			settings:   emulator.Options{ListLag: 20 * time.Second},
			carriedOut: true, verdict: reconcile.Found, took: 1*time.Second + 2*time.Second + 4*time.Second + 8*time.Second + 15*time.Second,
		},
		"one that appears at the end of the window": {
			settings:   emulator.Options{ListLag: reconcile.DefaultVisibilityWindow},
			carriedOut: true, verdict: reconcile.Found, took: reconcile.DefaultVisibilityWindow,
		},
		"one that is older": {
			before: func(t *testing.T, client *wrapper.Client) {
				create(t, client, "web-01")
				time.Sleep(2 * time.Second)
			},
			verdict: reconcile.Ambiguous, candidates: 1,
		},
		"one that is slightly older": { // Date has whole seconds
			before: func(t *testing.T, client *wrapper.Client) {
				create(t, client, "web-01")
				time.Sleep(time.Second - 1)
			},
			verdict: reconcile.Found,
		},
		"one that is being deleted": {
			before: func(t *testing.T, client *wrapper.Client) {
				created := create(t, client, "web-01")[0]
				_, err := client.DeleteImage(t.Context(), "gz", created.Ref.ResourceUUID)
				require.NoError(t, err)
			},
			verdict: reconcile.Ambiguous, candidates: 1,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			row.settings.Plan = lasting(time.Hour)
			inCloud(t, row.settings, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				if row.before != nil {
					row.before(t, client)
				}
				lost := loseCreate(t, cloud, client, row.carriedOut, "web-01")
				sent := cloud.Requests("createCIMG")

				start := time.Now()
				finding := reconcileOne(t, client, lost)
				require.Equal(t, row.verdict, finding.Verdict)
				require.Equal(t, "web-01", finding.Name)
				require.Equal(t, row.took, time.Since(start))
				require.Len(t, finding.Candidates, row.candidates)
				require.Equal(t, sent, cloud.Requests("createCIMG"), "it sent a mutating call")
				if row.verdict == reconcile.Found {
					require.Equal(t, "web-01", finding.Image.Name)
					job, err := finding.Job.Wait(t.Context())
					require.NoError(t, err)
					require.Equal(t, finding.Image.UUID, job.ResourceUUID)
					require.Equal(t, "CreateCIMG", finding.Job.Ref.Type)

					finding = reconcileOne(t, client, lost)
					require.Equal(t, reconcile.Found, finding.Verdict)
					require.Equal(t, "Ready", finding.Image.Status)
					require.Nil(t, finding.Job, "it has finished")
				} else {
					require.Empty(t, finding.Image.UUID)
					require.Nil(t, finding.Job)
				}
			})
		})
	}
}

func TestReconcileABatch(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour), MaxPageSize: 1}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		create(t, client, "b")
		lost := loseCreate(t, cloud, client, true, "a", "b", "c")
		lost.Names = append(lost.Names, "d", "e", "e") // as if they had been part of it
		create(t, client, "e")
		findings, err := recovery(t, client).Reconcile(t.Context(), lost)
		require.NoError(t, err)
		var names []string
		var verdicts []reconcile.Verdict
		for _, f := range findings {
			names, verdicts = append(names, f.Name), append(verdicts, f.Verdict)
		}
		require.Equal(t, lost.Names, names)
		require.Equal(t, []reconcile.Verdict{
			reconcile.Found, reconcile.Ambiguous, reconcile.Found, reconcile.NotObserved, reconcile.Ambiguous, reconcile.Ambiguous,
		}, verdicts)
	})
}

func TestReconcileInAnotherProcess(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		saved, err := loseCreate(t, cloud, client, true, "web-01").MarshalText()
		require.NoError(t, err)

		var lost wrapper.OutcomeUnknownError
		require.NoError(t, lost.UnmarshalText(saved))
		finding := reconcileOne(t, anotherClient(t, cloud), &lost)
		require.Equal(t, reconcile.Found, finding.Verdict)
		_, err = finding.Job.Wait(t.Context())
		require.NoError(t, err)
	})
}

func TestReconcileAnImport(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost(t, cloud, "importCIMG", true)
		_, err := client.ImportImage(t.Context(), "gz", wrapper.ImportImageInput{Name: "copy", OriginRegionID: "bj", OriginImageUUID: stockImage})
		lost := unknown(t, err)
		finding := reconcileOne(t, client, lost)
		require.Equal(t, reconcile.Found, finding.Verdict)
		require.Equal(t, "ImportCIMG", finding.Job.Ref.Type)

		// As if it had the CreateTime of its origin, or were another call's.
		lost.SentAt = lost.SentAt.Add(time.Hour)
		finding = reconcileOne(t, client, lost)
		require.Equal(t, reconcile.Ambiguous, finding.Verdict)
		require.Equal(t, "ImportCIMG", finding.Candidates[0].Job.Type, "the caller sees that it is being imported")
	})
}

// An earlier call's image is not taken for the outcome of a call that was not
// carried out, whatever the clocks show; an image of the call is.
func TestReconcileAllowsForClocksThatDiffer(t *testing.T) {
	const minute = time.Minute
	undated := func(next http.RoundTripper) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if err == nil {
				resp.Header.Del("Date")
			}
			return resp, err
		}
	}
	dated := func(late time.Duration, age string) func(http.RoundTripper) roundTripper {
		return func(next http.RoundTripper) roundTripper {
			return func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil {
					resp.Header.Set("Date", time.Now().Add(-late).UTC().Format(http.TimeFormat))
					if age != "" {
						resp.Header.Set("Age", age)
					}
				}
				return resp, err
			}
		}
	}
	slow := func(next http.RoundTripper) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/list") {
				time.Sleep(90 * time.Second)
			}
			return resp, err
		}
	}
	untimed := func(next http.RoundTripper) roundTripper {
		return editing(next, "/list", func(response map[string]any) {
			for _, image := range response["data"].(map[string]any)["items"].([]any) {
				delete(image.(map[string]any), "createTime")
			}
		})
	}
	for name, row := range map[string]struct {
		ahead   time.Duration // the service's clock
		earlier time.Duration // by how much an earlier call's image is older; 0: the lost call was carried out
		through func(http.RoundTripper) roundTripper
		options []reconcile.Option
		verdict reconcile.Verdict
	}{
		"a minute older":                         {earlier: minute, verdict: reconcile.Ambiguous},
		"a minute older, the service is ahead":   {ahead: time.Hour, earlier: minute, verdict: reconcile.Ambiguous},
		"a minute older, the service is behind":  {ahead: -time.Hour, earlier: minute, verdict: reconcile.Ambiguous},
		"new, the service is ahead":              {ahead: time.Hour, verdict: reconcile.Found},
		"new, the service is far behind":         {ahead: -time.Hour, verdict: reconcile.Ambiguous}, // or what dates its responses is
		"new, it is known to be far behind":      {ahead: -time.Hour, options: []reconcile.Option{reconcile.WithClockTolerance(time.Hour)}, verdict: reconcile.Found},
		"new, the service is behind":             {ahead: -28 * time.Second, verdict: reconcile.Found},
		"a minute older, the gateway is behind":  {earlier: minute, through: dated(10*minute, ""), verdict: reconcile.Ambiguous},
		"new, the gateway is behind":             {through: dated(10*minute, ""), verdict: reconcile.Found},
		"10 s older, from a cache":               {earlier: 10 * time.Second, through: dated(20*time.Second, "20"), verdict: reconcile.Ambiguous},
		"new, the service is a little behind":    {ahead: -1500 * time.Millisecond, verdict: reconcile.Found},
		"a minute older, the list is slow":       {earlier: minute, through: slow, verdict: reconcile.Ambiguous},
		"tolerated":                              {earlier: minute, options: []reconcile.Option{reconcile.WithClockTolerance(minute)}, verdict: reconcile.Found},
		"not measured, 5 s older":                {earlier: 5 * time.Second, through: undated, verdict: reconcile.Found},
		"not measured, 6 s older":                {earlier: 6 * time.Second, through: undated, verdict: reconcile.Ambiguous},
		"not measured, nothing tolerated":        {earlier: time.Second, through: undated, options: []reconcile.Option{reconcile.WithClockTolerance(0)}, verdict: reconcile.Ambiguous},
		"not measured, new, the service is late": {ahead: -5 * time.Second, through: undated, verdict: reconcile.Found},
		"a minute older, without createTime":     {earlier: minute, through: untimed, verdict: reconcile.Ambiguous},
		"new, without createTime":                {through: untimed, verdict: reconcile.Ambiguous},
	} {
		for op, ensure := range ensures {
			t.Run(name+"/"+op, func(t *testing.T) {
				settings := emulator.Options{Plan: lasting(time.Hour), Now: func() time.Time { return time.Now().Add(row.ahead) }}
				inCloud(t, settings, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
					if row.through != nil {
						client = clientThrough(t, row.through(cloud.Transport()))
					}
					r := recovery(t, client, row.options...)
					time.Sleep(300 * time.Millisecond) // Date is never exact
					sent := &wrapper.OutcomeUnknownError{Op: op, Region: "gz", Names: []string{"web-01"}}
					if row.earlier > 0 {
						_, err := ensure(t.Context(), r)
						require.NoError(t, err)
						time.Sleep(row.earlier)
						sent.SentAt = time.Now()
					} else {
						sent.SentAt = time.Now()
						_, err := ensure(t.Context(), r)
						require.NoError(t, err)
					}
					findings, err := r.Reconcile(t.Context(), sent)
					require.NoError(t, err)
					require.Equal(t, row.verdict, findings[0].Verdict)
				})
			})
		}
	}
	_, err := reconcile.New(clientThrough(t, nil), reconcile.WithClockTolerance(-1))
	require.ErrorContains(t, err, "clock tolerance")
}

func TestReconcileARename(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		rename := func(uuid string, carriedOut bool) reconcile.Finding {
			lost(t, cloud, "changeNameCIMG", carriedOut)
			_, err := client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: uuid, Name: "new"})
			finding := reconcileOne(t, client, unknown(t, err))
			require.Equal(t, "new", finding.Name)
			require.Equal(t, uuid, finding.ImageUUID)
			return finding
		}
		require.Equal(t, reconcile.NotObserved, rename(stockImage, false).Verdict)
		require.Equal(t, reconcile.NotObserved, rename("no-such-image", false).Verdict)
		finding := rename(stockImage, true)
		require.Equal(t, reconcile.Found, finding.Verdict, "it has the name, now that the job has finished")
		require.Nil(t, finding.Job)
		require.Equal(t, "new", finding.Image.Name)
		uuid, err := finding.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, stockImage, uuid)
	})
	// The list does not show the new name of a rename job, even if the image
	// already has that name.
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		_, err := client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: stockImage, Name: "another's"})
		require.NoError(t, err)
		lost(t, cloud, "changeNameCIMG", false)
		var name string
		for _, image := range cloud.Images("bj") {
			if image.UUID == stockImage {
				name = image.Name
			}
		}
		_, err = client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: stockImage, Name: name})
		require.Equal(t, reconcile.Ambiguous, reconcileOne(t, client, unknown(t, err)).Verdict)
	})
	// The list does not show the new name of a rename job.
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		_, err := client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: stockImage, Name: "another's"})
		require.NoError(t, err)
		lost(t, cloud, "changeNameCIMG", false)
		_, err = client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: stockImage, Name: "new"})
		finding := reconcileOne(t, client, unknown(t, err))
		require.Equal(t, reconcile.Ambiguous, finding.Verdict)
		require.Len(t, finding.Candidates, 1)
		_, err = finding.Wait(t.Context())
		require.ErrorAs(t, err, new(*wrapper.InputError))
	})
}

func TestReconcileADelete(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		remove := func(carriedOut bool) reconcile.Finding {
			lost(t, cloud, "deleteCIMG", carriedOut)
			_, err := client.DeleteImage(t.Context(), "bj", stockImage)
			finding := reconcileOne(t, client, unknown(t, err))
			require.Equal(t, stockImage, finding.ImageUUID)
			return finding
		}
		require.Equal(t, reconcile.NotObserved, remove(false).Verdict)
		finding := remove(true)
		require.Equal(t, reconcile.Found, finding.Verdict)
		require.Equal(t, "DeleteCIMG", finding.Job.Ref.Type)
		_, err := finding.Job.Wait(t.Context())
		require.NoError(t, err)
		finding = remove(false)
		require.Equal(t, reconcile.Found, finding.Verdict, "it is gone")
		require.Nil(t, finding.Job)
	})
}

// editing modifies the responses to an operation.
func editing(next http.RoundTripper, path string, edit func(response map[string]any)) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil || !strings.HasSuffix(r.URL.Path, path) {
			return resp, err
		}
		var response map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&response); err != nil {
			return nil, err
		}
		edit(response)
		body, err := json.Marshal(response)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, err
	}
}

// A job from the response that the service knows is Found even if its image is
// not listed.
func TestReconcileUsesTheJobsOfTheResponse(t *testing.T) {
	const never = time.Hour
	for _, test := range []struct {
		name     string
		lag      time.Duration
		names    []string
		resource bool // the jobs have the ids of their images
		verdicts []reconcile.Verdict
	}{
		{"one, not listed", never, []string{"a"}, true, []reconcile.Verdict{reconcile.Found}},
		{"one, not listed, no image id", never, []string{"a"}, false, []reconcile.Verdict{reconcile.Found}},
		{"one, listed", 0, []string{"a"}, true, []reconcile.Verdict{reconcile.Found}},
		{"two, listed", 0, []string{"a", "b"}, true, []reconcile.Verdict{reconcile.Found, reconcile.Found}},
		{"two, not listed: whose job?", never, []string{"a", "b"}, true, []reconcile.Verdict{reconcile.Ambiguous, reconcile.Ambiguous}},
		{"two, listed late", time.Minute, []string{"a", "b"}, true, []reconcile.Verdict{reconcile.Found, reconcile.Found}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inCloud(t, emulator.Options{ListLag: test.lag, Plan: lasting(2 * time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
				client := clientThrough(t, editing(cloud.Transport(), "/create", func(response map[string]any) {
					delete(response, "errno")
					for _, job := range response["data"].([]any) {
						if !test.resource {
							delete(job.(map[string]any), "resourceUuid")
						}
					}
				}))
				var images []wrapper.CreateImageInput
				for _, name := range test.names {
					images = append(images, wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
				}
				_, err := client.CreateImages(t.Context(), "gz", images)
				lost := unknown(t, err)
				require.Len(t, lost.Jobs, len(test.names))
				findings, err := recovery(t, client).Reconcile(t.Context(), lost)
				require.NoError(t, err)
				for i, finding := range findings {
					require.Equal(t, test.verdicts[i], finding.Verdict)
					if finding.Verdict == reconcile.Found {
						require.Equal(t, lost.Jobs[i].JobUUID, finding.Job.Ref.JobUUID)
						require.NotEmpty(t, finding.Image.UUID)
						require.Equal(t, finding.Image.UUID, finding.Job.Ref.ResourceUUID)
					}
				}
			})
		})
	}
}

// Jobs from the response match their images by id, whether the image is listed,
// has a running job, or neither.
func TestReconcileMatchesTheJobsOfTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return respondPage(r, `{"cimgUuid":"i-b","name":"b"}`)
			}
			var jobs []string
			for uuid := range strings.SplitSeq(r.URL.Query().Get("jobUuids"), ",") {
				jobs = append(jobs, fmt.Sprintf(`{"jobUuid":"%s","type":"CreateCIMG","progress":1}`, uuid))
			}
			return respond(`{"errno":0,"data":[` + strings.Join(jobs, ",") + `]}`)
		})
		job := func(name string) wrapper.JobRef {
			return wrapper.JobRef{Region: "gz", JobUUID: "j-" + name, ResourceUUID: "i-" + name}
		}
		findings, err := recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"a", "b"}, Jobs: []wrapper.JobRef{job("a"), job("b")},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.Found, findings[1].Verdict)
		require.Equal(t, job("b"), findings[1].Job.Ref)
		require.Equal(t, "b", findings[1].Image.Name)
		require.Equal(t, reconcile.Found, findings[0].Verdict, "the remaining job belongs to the remaining item")
		require.Equal(t, job("a"), findings[0].Job.Ref)
		require.Equal(t, wrapper.Image{UUID: "i-a"}, findings[0].Image)

		// The job from the response decides which image it is, whatever image
		// has the name.
		findings, err = recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"b"}, Jobs: []wrapper.JobRef{job("x")},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.Found, findings[0].Verdict)
		require.Equal(t, wrapper.Image{UUID: "i-x"}, findings[0].Image)
		require.Equal(t, job("x"), findings[0].Job.Ref)

		// For the other items there is only the list.
		findings, err = recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"b", "c", "d"}, Jobs: []wrapper.JobRef{job("b")},
		})
		require.NoError(t, err)
		for i, verdict := range []reconcile.Verdict{reconcile.Found, reconcile.NotObserved, reconcile.NotObserved} {
			require.Equal(t, verdict, findings[i].Verdict)
		}
		findings, err = recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "deleteCIMG", Region: "gz", ImageUUIDs: []string{"i-b", "i-x", "i-y"}, Jobs: []wrapper.JobRef{job("x")},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.NotObserved, findings[0].Verdict)
		require.Equal(t, job("x"), findings[1].Job.Ref)
		require.Nil(t, findings[2].Job, "it is gone")
		require.Equal(t, reconcile.Found, findings[2].Verdict)

		// Without image ids, a job of two items belongs to neither, for the
		// whole window in which that could become known.
		start := time.Now()
		findings, err = recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"b", "c"}, Jobs: []wrapper.JobRef{{Region: "gz", JobUUID: "j"}},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.DefaultVisibilityWindow, time.Since(start))
		for i, candidates := range []int{1, 0} {
			require.Equal(t, reconcile.Ambiguous, findings[i].Verdict)
			require.Len(t, findings[i].Candidates, candidates)
			require.Nil(t, findings[i].Job)
		}
	})
}

func TestReconcileUsesTheJobsOfRenamesAndDeletes(t *testing.T) {
	inCloud(t, emulator.Options{Plan: failing("busy")}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		corrupt := func(response map[string]any) { delete(response, "errno") }
		client := clientThrough(t, editing(editing(cloud.Transport(), "/changeName", corrupt), "/delete", corrupt))
		_, renameErr := client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: stockImage, Name: "new"})
		_, deleteErr := client.DeleteImage(t.Context(), "bj", stockImage)
		time.Sleep(time.Hour) // both jobs fail, and no list shows them anymore
		for _, err := range []error{renameErr, deleteErr} {
			lost := unknown(t, err)
			finding := reconcileOne(t, client, lost)
			require.Equal(t, reconcile.Found, finding.Verdict)
			require.Equal(t, lost.Jobs[0], finding.Job.Ref)
			require.Equal(t, stockImage, finding.Image.UUID)
			_, err := finding.Job.Wait(t.Context())
			require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		}
	})
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
		client := clientThrough(t, editing(cloud.Transport(), "/delete", func(response map[string]any) { delete(response, "errno") }))
		_, err := client.DeleteImage(t.Context(), "bj", stockImage)
		time.Sleep(time.Hour)
		lost := unknown(t, err)
		finding := reconcileOne(t, client, lost)
		require.Equal(t, reconcile.Found, finding.Verdict)
		require.Equal(t, lost.Jobs[0], finding.Job.Ref, "the image is gone, its job is not")
	})
}

// A job from the response that the service does not know does not count.
func TestReconcileQueriesTheJobsOfTheResponse(t *testing.T) {
	for _, unknownJobs := range []emulator.UnknownJobs{emulator.OmitUnknownJobs, emulator.RejectUnknownJobs} {
		inCloud(t, emulator.Options{UnknownJobs: unknownJobs}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
			cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Body: `{"errno":41017,"data":[{"jobUuid":"j1"}]}`})
			_, err := client.CreateImage(t.Context(), "gz", webImage)
			lost := unknown(t, err)
			require.Len(t, lost.Jobs, 1)
			elsewhere, err := client.DeleteImage(t.Context(), "bj", stockImage)
			require.NoError(t, err)
			lost.Jobs = append([]wrapper.JobRef{elsewhere.Ref}, lost.Jobs...)
			require.Equal(t, reconcile.NotObserved, reconcileOne(t, client, lost).Verdict)

			started := create(t, client, "web-02")[0]
			lost.Jobs = append(lost.Jobs, started.Ref)
			require.Equal(t, reconcile.Found, reconcileOne(t, client, lost).Verdict, "the last of the jobs is known")
		})
	}
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost := loseCreate(t, cloud, client, true, "web-01")
		lost.Jobs = []wrapper.JobRef{{Region: "gz", JobUUID: "j1"}}
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Errno: 4})
		_, err := recovery(t, client).Reconcile(t.Context(), lost)
		require.ErrorIs(t, err, wrapper.ErrAuth)
	})
}

// Undocumented: whether the list's condition matches exact names. So nothing is
// reported missing before the whole region was read.
func TestReconcileDoesNotTrustTheCondition(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost := loseCreate(t, cloud, client, true, "web-01")
		var bodies []string
		blind := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			bodies = append(bodies, string(body))
			if strings.Contains(string(body), "names") {
				return respond(`{"errno":0,"errmsg":"ok","requestId":"r","data":{"count":0,"items":[]}}`)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return cloud.Transport().RoundTrip(r)
		})
		start := time.Now()
		require.Equal(t, reconcile.Found, reconcileOne(t, blind, lost, reconcile.WithVisibilityWindow(10*time.Second)).Verdict)
		require.Equal(t, 10*time.Second, time.Since(start))
		require.Contains(t, bodies[0], `"names":["web-01"]`)
	})
}

func TestReconcileEndsWithAnError(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost := loseCreate(t, cloud, client, false, "web-01")

		// Transient errors are retried.
		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Count: 9, Status: 503})
		require.Equal(t, reconcile.NotObserved, reconcileOne(t, client, lost).Verdict)

		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Errno: 4})
		start := time.Now()
		findings, err := recovery(t, client).Reconcile(t.Context(), lost)
		require.ErrorIs(t, err, wrapper.ErrAuth)
		require.ErrorContains(t, err, "reconciling createCIMG")
		require.Empty(t, findings)
		require.Zero(t, time.Since(start))

		reason := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(reason) })
		findings, err = recovery(t, client).Reconcile(ctx, lost)
		require.ErrorIs(t, err, reason)
		require.Empty(t, findings, "nothing was reported missing too early")
		require.Equal(t, 5*time.Second, time.Since(start))
	})
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost := loseCreate(t, cloud, client, false, "web-01")
		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Count: 3, Status: 503})
		_, err := recovery(t, client, reconcile.WithVisibilityWindow(0)).Reconcile(t.Context(), lost)
		require.ErrorIs(t, err, wrapper.ErrServer, "the last list must succeed")
	})

	client := clientThrough(t, nil)
	for _, bad := range []*wrapper.OutcomeUnknownError{nil, {Op: "createCIMG", Region: "gz"}, {Op: "POST /x", Region: "gz", Names: []string{"a"}}, {Op: "createCIMG", Region: "gz", Names: []string{"a\n"}}} {
		_, err := recovery(t, client).Reconcile(t.Context(), bad)
		require.ErrorAs(t, err, new(*wrapper.InputError))
	}
	_, err := reconcile.New(client, reconcile.WithVisibilityWindow(-1))
	require.ErrorContains(t, err, "visibility window")
	_, err = reconcile.New(client, nil)
	require.ErrorContains(t, err, "option 0 is nil")
	_, err = reconcile.New(nil)
	require.ErrorContains(t, err, "the client is nil")
}

// An image that is missing from the pages, because another was deleted while
// they were read, does not count as deleted.
func TestReconcileIsNotMisledByPages(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0), MaxPageSize: 1}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		var uuids []string
		for _, name := range []string{"a", "b", "c"} {
			uuids = append(uuids, create(t, client, name)[0].Ref.ResourceUUID)
			time.Sleep(time.Second) // listed by age
		}
		lost(t, cloud, "deleteCIMG", false)
		_, err := client.DeleteImage(t.Context(), "gz", uuids[1])
		victim := unknown(t, err)
		pages := 0
		watching := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if pages++; pages == 2 {
				_, err := client.DeleteImage(t.Context(), "gz", uuids[0])
				require.NoError(t, err)
				time.Sleep(time.Second)
			}
			return cloud.Transport().RoundTrip(r)
		})
		require.Equal(t, reconcile.NotObserved, reconcileOne(t, watching, victim).Verdict)
	})
}

// A list that ends before it has shown as many images as it counts proves
// nothing.
func TestReconcileNeedsACompleteList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			if strings.Contains(string(body), `"start":0`) && !strings.Contains(string(body), "names") {
				return respond(`{"errno":0,"data":{"count":250,"items":[{"cimgUuid":"i1","name":"n"}]}}`)
			}
			return respond(`{"errno":0,"data":{"count":250,"items":[]}}`)
		})
		for _, lost := range []*wrapper.OutcomeUnknownError{
			{Op: "createCIMG", Region: "gz", Names: []string{"a"}},
			{Op: "deleteCIMG", Region: "gz", ImageUUIDs: []string{"i2"}},
		} {
			_, err := recovery(t, client).Reconcile(t.Context(), lost)
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			require.ErrorContains(t, err, "it counts 250 images, but lists 1")
		}
	})
}

// Neither is a list complete that repeats the same page forever, or grows while
// it is read.
func TestReconcileNeedsAListThatAdvances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(*http.Request) (*http.Response, error) {
			return respond(`{"errno":0,"data":{"count":250,"items":[{"cimgUuid":"i1","name":"n"}]}}`)
		})
		_, err := recovery(t, client).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"a"}})
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
		require.EqualError(t, err, "cimg: reconciling createCIMG: listCIMG: malformed response (HTTP 200, , 71 bytes): its pages repeat the same images")

		// Nor one whose second page repeats the first, whatever it counts: an image
		// on another page is neither absent nor deleted, nor to be created.
		for _, data := range []string{`{"count":1,"items":[{"cimgUuid":"i1","name":"n"}]}`, `[{"cimgUuid":"i1","name":"n"}]`} {
			client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
				require.True(t, strings.HasSuffix(r.URL.Path, "/list"), "it sent a mutating call")
				return respond(`{"errno":0,"data":` + data + `}`)
			})
			r := recovery(t, client)
			for _, lost := range []*wrapper.OutcomeUnknownError{
				{Op: "createCIMG", Region: "gz", Names: []string{"a"}},
				{Op: "deleteCIMG", Region: "gz", ImageUUIDs: []string{"i2"}},
			} {
				_, err := r.Reconcile(t.Context(), lost)
				require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			}
			_, err := r.EnsureImage(t.Context(), "gz", webImage)
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
		}
	})
}

// An image that is not listed yet does not count as deleted.
func TestReconcileADeleteOfANewImage(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0), ListLag: time.Minute}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		created := create(t, client, "web-01")[0]
		lost(t, cloud, "deleteCIMG", false)
		_, err := client.DeleteImage(t.Context(), "gz", created.Ref.ResourceUUID)
		require.Equal(t, reconcile.NotObserved, reconcileOne(t, client, unknown(t, err)).Verdict)
	})
}

// A job is not assigned to an item that it may not belong to.
func TestReconcileAssignsNoJobTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return respondPage(r, `{"cimgUuid":"i-a","name":"a"},{"cimgUuid":"i-1","name":"n"},{"cimgUuid":"i-2","name":"n"}`)
			}
			var jobs []string
			for uuid := range strings.SplitSeq(r.URL.Query().Get("jobUuids"), ",") {
				jobs = append(jobs, fmt.Sprintf(`{"jobUuid":"%s","type":"T"}`, uuid))
			}
			return respond(`{"errno":0,"data":[` + strings.Join(jobs, ",") + `]}`)
		})
		job := func(uuid, resource string) wrapper.JobRef {
			return wrapper.JobRef{Region: "gz", JobUUID: uuid, ResourceUUID: resource}
		}
		for name, row := range map[string]struct {
			lost     wrapper.OutcomeUnknownError
			verdicts []reconcile.Verdict
		}{
			"one job twice, for two items": {
				wrapper.OutcomeUnknownError{Op: "createCIMG", Names: []string{"a", "b"}, Jobs: []wrapper.JobRef{job("j1", "i-a"), job("j1", "i-a")}},
				[]reconcile.Verdict{reconcile.Found, reconcile.Ambiguous},
			},
			"two jobs on one image, for two items": {
				wrapper.OutcomeUnknownError{Op: "createCIMG", Names: []string{"a", "b"}, Jobs: []wrapper.JobRef{job("j1", "i-a"), job("j2", "i-a")}},
				[]reconcile.Verdict{reconcile.Found, reconcile.Ambiguous},
			},
			"two jobs, for one item": {
				wrapper.OutcomeUnknownError{Op: "createCIMG", Names: []string{"n"}, Jobs: []wrapper.JobRef{job("j1", "i-1"), job("j2", "i-2")}},
				[]reconcile.Verdict{reconcile.Ambiguous},
			},
			"a job on another image than was deleted": {
				wrapper.OutcomeUnknownError{Op: "deleteCIMG", ImageUUIDs: []string{"i-1"}, Jobs: []wrapper.JobRef{job("j1", "i-2")}},
				[]reconcile.Verdict{reconcile.Ambiguous},
			},
			"a job on the image that was deleted": {
				wrapper.OutcomeUnknownError{Op: "deleteCIMG", ImageUUIDs: []string{"i-1"}, Jobs: []wrapper.JobRef{job("j1", "")}},
				[]reconcile.Verdict{reconcile.Found},
			},
		} {
			row.lost.Region = "gz"
			findings, err := recovery(t, client).Reconcile(t.Context(), &row.lost)
			require.NoError(t, err)
			for i, verdict := range row.verdicts {
				require.Equal(t, verdict, findings[i].Verdict, "%s: %+v", name, findings[i])
			}
		}
	})
}

// Without the time at which a call was sent, no image is known to be newer.
func TestReconcileWithoutSentAt(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		create(t, client, "web-01")
		lost := &wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"web-01"}}
		require.Equal(t, reconcile.Ambiguous, reconcileOne(t, client, lost).Verdict)
	})
}

// Reconcile honours Retry-After.
func TestReconcileHonoursRetryAfter(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		lost := loseCreate(t, cloud, client, true, "web-01")
		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Status: 429, Header: http.Header{"Retry-After": {"60"}}})
		start := time.Now()
		require.Equal(t, reconcile.Found, reconcileOne(t, client, lost).Verdict)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// A pause that is longer than the visibility window is kept, as by waits: the last look
// comes after it, unless the client does not wait so long or the context ends.
func TestReconcileKeepsAnAnnouncedPause(t *testing.T) {
	const pause = 10 * time.Minute
	for name, row := range map[string]struct {
		longest  time.Duration // of the client's polls
		deadline time.Duration
		looks    []time.Duration
		want     error
	}{
		"kept":              {looks: []time.Duration{0, pause, pause}},
		"limited":           {longest: 5 * time.Minute, looks: []time.Duration{0, 5 * time.Minute}, want: wrapper.ErrServer},
		"within the window": {longest: time.Minute, looks: []time.Duration{0, time.Minute, 2 * time.Minute}, want: wrapper.ErrServer},
		"deadline":          {deadline: 3 * time.Minute, looks: []time.Duration{0}, want: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var looks []time.Duration
				client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
					looks = append(looks, time.Since(start))
					if time.Since(start) < pause {
						return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"600"}}, Body: http.NoBody}, nil
					}
					return respondPage(r, "")
				}, wrapper.WithPolling(wrapper.Polling{MaxRetryAfter: row.longest}))
				ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(row.deadline, time.Hour))
				defer cancel()
				lost, err := wrapper.CreateIntent("gz", webImage)
				require.NoError(t, err)
				findings, err := recovery(t, client).Reconcile(ctx, lost)
				require.Equal(t, row.looks, looks)
				require.ErrorIs(t, err, row.want)
				if row.want == nil {
					require.Equal(t, reconcile.NotObserved, findings[0].Verdict)
				}
			})
		})
	}
}

// A job id that cannot be queried makes no handle.
func TestReconcileWithAnUnusableJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			return respondPage(r, `{"cimgUuid":"i1","name":"web-01","createTime":1603799470000,"job":{"jobUuid":"a,b","type":"CreateCIMG"}}`)
		})
		finding := reconcileOne(t, client, &wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"web-01"}, SentAt: time.Now()})
		require.Equal(t, reconcile.Found, finding.Verdict)
		require.Nil(t, finding.Job)
	})
}

// What cannot be read of another image does not matter; of the image in question it
// leaves open what became of the call.
func TestReconcileWithImagesThatCannotBeRead(t *testing.T) {
	const web, other = `{"cimgUuid":"i1","name":"web-01",`, `{"cimgUuid":"i2","name":"other","cimgTags":{},"createTime":"x","job":[]},`
	for field, want := range map[string]map[string]reconcile.Verdict{
		`"createTime":4e12`:                       {"createCIMG": reconcile.Found, "changeNameCIMG": reconcile.Found, "deleteCIMG": reconcile.NotObserved},
		`"createTime":4e12,"job":{"progress":""}`: {"createCIMG": reconcile.Ambiguous, "changeNameCIMG": reconcile.Ambiguous, "deleteCIMG": reconcile.Ambiguous},
		`"createTime":4e12,"job":"none"`:          {"createCIMG": reconcile.Ambiguous, "changeNameCIMG": reconcile.Ambiguous, "deleteCIMG": reconcile.Ambiguous},
		`"createTime":4e12,"job":{"jobUuid":"j1","type":"DeleteCIMG","progress":""}`: {
			"createCIMG": reconcile.Ambiguous, "changeNameCIMG": reconcile.Found, "deleteCIMG": reconcile.Found},
		`"createTime":4e12,"job":{"jobUuid":["j1"],"type":"CreateCIMG"}`: {"createCIMG": reconcile.Ambiguous},
		`"createTime":"4e12"`:             {"createCIMG": reconcile.Ambiguous},
		`"createTime":4e12,"size":"40"`:   {"createCIMG": reconcile.Found},
		`"createTime":4e12,"cimgTags":{}`: {"createCIMG": reconcile.Found},
	} {
		for op, verdict := range want {
			synctest.Test(t, func(t *testing.T) {
				client := clientThrough(t, func(r *http.Request) (*http.Response, error) { return respondPage(r, other+web+field+"}") })
				lost := &wrapper.OutcomeUnknownError{Op: op, Region: "gz", SentAt: time.Now()}
				if op != "deleteCIMG" {
					lost.Names = []string{"web-01"}
				}
				if op != "createCIMG" {
					lost.ImageUUIDs = []string{"i1"}
				}
				require.Equal(t, verdict, reconcileOne(t, client, lost).Verdict, "%s %s", op, field)

				found, err := recovery(t, client).EnsureImage(t.Context(), "gz", webImage)
				if strings.Contains(field, "job") {
					require.ErrorAs(t, err, new(*reconcile.AmbiguousImageError), field)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "i1", found.Image.UUID)
			})
		}
	}
}

// Errors are one line of bounded length, whatever the cause of the caller's
// context.
func TestErrorsAreOneLine(t *testing.T) {
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		missing := loseCreate(t, cloud, client, false, "web-01")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New(strings.Repeat("shutting\ndown \x1b[31m", 1000)))
		_, err := recovery(t, client).Reconcile(ctx, missing)
		require.ErrorContains(t, err, `cimg: reconciling createCIMG: shutting\ndown \x1b[31mshutting`)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "\x1b")
		require.Less(t, len(err.Error()), 1100)

		name := strings.Repeat("a\n", 1000)
		err = &reconcile.AmbiguousImageError{Region: name, Name: name}
		require.NotContains(t, err.Error(), "\n")
		require.Less(t, len(err.Error()), 600)
	})
}

// That the service does not know a job is not concluded from a poll that failed
// for another reason, whatever errno came with it, nor from the context's end.
func TestReconcileKnowsWhyAJobIsNotReported(t *testing.T) {
	for name, fault := range map[string]emulator.Fault{
		"rate limited": {Status: http.StatusTooManyRequests, Body: `{"errno":1,"errmsg":"","requestId":"r"}`},
		"server error": {Status: http.StatusInternalServerError, Body: `{"errno":13,"errmsg":"","requestId":"r"}`},
		"unauthorized": {Status: http.StatusUnauthorized, Body: `{"errno":1,"errmsg":"","requestId":"r"}`},
	} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(24 * time.Hour), ListLag: 24 * time.Hour}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				r := recovery(t, client)
				_, err := r.EnsureImage(t.Context(), "gz", webImage)
				require.NoError(t, err)
				fault.Operation, fault.Count = "getJobResult", 1000
				require.NoError(t, cloud.Inject(fault))
				for range 3 {
					_, err := r.EnsureImage(t.Context(), "gz", webImage)
					require.Error(t, err)
					time.Sleep(reconcile.DefaultVisibilityWindow)
				}
				require.Equal(t, 1, cloud.Requests("createCIMG"))
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			switch ids := r.URL.Query().Get("jobUuids"); {
			case r.Method == http.MethodPost:
				return respond(`{"errno":0,"data":[]}`)
			case strings.Contains(ids, ","):
				return respond(`{"errno":1}`)
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		findings, err := recovery(t, client, reconcile.WithVisibilityWindow(0)).Reconcile(ctx, &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"a", "b"},
			Jobs: []wrapper.JobRef{{Region: "gz", JobUUID: "j1"}, {Region: "gz", JobUUID: "j2"}},
		})
		require.ErrorIs(t, err, context.DeadlineExceeded, "%+v", findings)
	})
}

// A canceled context says nothing about jobs, whatever error it was canceled with.
func TestReconcileIsNotMisledByTheCauseOfACancel(t *testing.T) {
	for _, cause := range []error{wrapper.ErrJobUnknown, wrapper.ErrOtherFailed, &wrapper.APIError{Op: "createCIMG", Errno: 1, HTTPStatus: 200}} {
		synctest.Test(t, func(t *testing.T) {
			client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					return respond(`{"errno":0,"data":[]}`)
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(cause) })
			findings, err := recovery(t, client, reconcile.WithVisibilityWindow(0)).Reconcile(ctx, &wrapper.OutcomeUnknownError{
				Op: "createCIMG", Region: "gz", Names: []string{"a"}, Jobs: []wrapper.JobRef{{Region: "gz", JobUUID: "j1"}},
			})
			if errors.As(cause, new(*wrapper.APIError)) { // nor about this call
				require.NotErrorAs(t, err, new(*wrapper.APIError))
				cause = context.Canceled
			}
			require.ErrorIs(t, err, cause, "%+v", findings)
		})
	}
}

// A response to a poll that began before the look is older than the list.
func TestLookWaitsForAPollOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(r.URL.Path, "/result") {
				return respond(`{"errno":0,"data":[]}`)
			}
			if polls++; polls == 1 {
				time.Sleep(20 * time.Second) // the answer is old when it arrives
				return respond(`{"errno":0,"data":[]}`)
			}
			return respond(`{"errno":0,"data":[{"jobUuid":"j1","progress":1,"done":false,"success":false}]}`)
		})
		ref := wrapper.JobRef{Region: "gz", JobUUID: "j1"}
		job, err := client.Resume(ref)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go job.Wait(ctx)
		time.Sleep(19 * time.Second)
		r := recovery(t, client, reconcile.WithVisibilityWindow(0))
		findings, err := r.Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "createCIMG", Region: "gz", Names: []string{"web-01"}, SentAt: time.Now(),
			Jobs: []wrapper.JobRef{ref},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.Found, findings[0].Verdict)
	})
}

// A client whose waits end at the first failed job does not hide the others.
func TestReconcileWithFailFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost {
				return respond(`{"errno":0,"data":[]}`)
			}
			return respond(fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":%q,"type":"T","done":true,"success":false}]}`, r.URL.Query().Get("jobUuids")))
		}, wrapper.WithWaitOptions(wrapper.FailFast()), wrapper.WithPolling(wrapper.Polling{MaxJobs: 1}))
		ref := func(id string) wrapper.JobRef {
			return wrapper.JobRef{Region: "gz", JobUUID: id, ResourceUUID: "i-" + id}
		}
		findings, err := recovery(t, client, reconcile.WithVisibilityWindow(0)).Reconcile(t.Context(), &wrapper.OutcomeUnknownError{
			Op: "deleteCIMG", Region: "gz", ImageUUIDs: []string{"i-j1", "i-j2"}, Jobs: []wrapper.JobRef{ref("j1"), ref("j2")},
		})
		require.NoError(t, err)
		for i, id := range []string{"j1", "j2"} {
			require.NotNil(t, findings[i].Job, id)
			require.Equal(t, ref(id), findings[i].Job.Ref)
		}
	})
}
