package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/batch"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

const (
	snapshot   = "3fd352092a3f553cb124223f6a7f09b4"
	stockImage = "4a48f88391134a01befe88ff98b68af8" // in the emulator's region bj
)

// roundTripper turns a function into a transport.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func clientThrough(t *testing.T, transport http.RoundTripper, options ...wrapper.Option) *wrapper.Client {
	t.Helper()
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), append(options,
		wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: transport}))...)
	require.NoError(t, err)
	return client
}

func newCloud(t *testing.T, settings emulator.Options) *emulator.Emulator {
	t.Helper()
	settings.Strict = true
	settings.Plan = func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: time.Minute} }
	cloud, err := emulator.New(settings)
	require.NoError(t, err)
	return cloud
}

func inputs(n int) (images []wrapper.CreateImageInput, names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("web-%02d", i))
		images = append(images, wrapper.CreateImageInput{Name: names[i], SnapUUID: snapshot})
	}
	return images, names
}

func uuidsByName(cloud *emulator.Emulator) map[string]string {
	uuids := make(map[string]string)
	for _, image := range cloud.Images("gz") {
		uuids[image.Name] = image.UUID
	}
	return uuids
}

// A transport that panics in one call loses the jobs of no other.
func TestCreateOutlivesPanics(t *testing.T) {
	cloud := newCloud(t, emulator.Options{})
	var calls atomic.Int32
	client := clientThrough(t, roundTripper(func(r *http.Request) (*http.Response, error) {
		if calls.Add(1) == 2 {
			panic("at the disco")
		}
		return cloud.Transport().RoundTrip(r)
	}))
	images, names := inputs(5)
	started, err := batch.Create(t.Context(), client, "gz", images)
	require.NoError(t, err)
	panicked := 0
	for i, one := range started {
		if one.Err == nil {
			require.NotNil(t, one.Job)
			continue
		}
		panicked++
		unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](one.Err)
		require.True(t, found)
		require.Equal(t, []string{names[i]}, unknown.Names)
		require.ErrorContains(t, unknown, "panicked with a value of type string")
	}
	require.Equal(t, 1, panicked)
}

// A hook that ends its goroutine, as t.FailNow does, makes no call look accepted.
func TestCreateOutlivesGoexit(t *testing.T) {
	cloud := newCloud(t, emulator.Options{})
	var calls atomic.Int32
	client := clientThrough(t, cloud.Transport(), wrapper.WithHooks(wrapper.Hooks{End: func(context.Context, wrapper.CallEnd) {
		if calls.Add(1)%2 == 0 {
			runtime.Goexit()
		}
	}}))
	images, names := inputs(5)
	started, err := batch.Create(t.Context(), client, "gz", images)
	require.NoError(t, err)
	outcomes := make(map[wrapper.Outcome]int)
	for i, one := range started {
		outcomes[wrapper.OutcomeOf(one.Err)]++
		require.Equal(t, one.Err == nil, one.Job != nil)
		if one.Err != nil {
			unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](one.Err)
			require.True(t, found)
			require.NoError(t, unknown.Validate())
			require.Equal(t, []string{names[i]}, unknown.Names)
			require.ErrorContains(t, unknown, "ended its goroutine")
		}
	}
	require.Equal(t, map[wrapper.Outcome]int{wrapper.OutcomeAccepted: 3, wrapper.OutcomeUnknown: 2}, outcomes)
}

func TestCreateReturnsResultsInInputOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, emulator.Options{})
		var mu sync.Mutex
		var sent []string
		atOnce, most := 0, 0
		client := clientThrough(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			sent = append(sent, string(body))
			atOnce++
			most = max(most, atOnce)
			late := time.Duration(100-len(sent)) * time.Millisecond // the first are the last to be carried out
			mu.Unlock()
			time.Sleep(late)
			mu.Lock()
			atOnce--
			mu.Unlock()
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			return cloud.Transport().RoundTrip(r)
		}))
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Skip: 3, Errno: 1100020})
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Skip: 7, Reset: true, After: true})
		images, _ := inputs(20)
		started, err := batch.Create(t.Context(), client, "gz", images)
		require.NoError(t, err)
		require.Len(t, started, len(images))
		outcomes := make(map[wrapper.Outcome]int)
		uuids := uuidsByName(cloud)
		for i, s := range started {
			outcome := wrapper.OutcomeOf(s.Err)
			outcomes[outcome]++
			require.Equal(t, outcome == wrapper.OutcomeAccepted, s.Job != nil)
			if s.Job != nil {
				require.Equal(t, uuids[images[i].Name], s.Job.Ref.ResourceUUID)
			}
		}
		require.Equal(t, map[wrapper.Outcome]int{
			wrapper.OutcomeAccepted: 18, wrapper.OutcomeRejected: 1, wrapper.OutcomeUnknown: 1,
		}, outcomes)
		require.Equal(t, 8, most)
		slices.Sort(sent)
		require.Len(t, slices.Compact(sent), len(images), "each was sent once")
	})
}

// The context's end leaves those whose turn had not come unsent.
func TestCreateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, emulator.Options{})
		client := clientThrough(t, cloud.Transport(), wrapper.WithRateLimit(1, 1))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(4500*time.Millisecond, cancel)
		images, _ := inputs(20)
		start := time.Now()
		started, err := batch.Create(ctx, client, "gz", images)
		require.NoError(t, err)
		require.Equal(t, 4500*time.Millisecond, time.Since(start))
		accepted := 0
		for _, s := range started {
			if s.Err == nil {
				accepted++
				continue
			}
			require.ErrorIs(t, s.Err, wrapper.ErrNotSent)
		}
		require.Equal(t, 5, accepted)
		require.Equal(t, accepted, cloud.Requests("createCIMG"))
	})
}

func TestImport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := newCloud(t, emulator.Options{})
		client := clientThrough(t, cloud.Transport())
		images := []wrapper.ImportImageInput{
			{Name: "a", OriginRegionID: "bj", OriginImageUUID: stockImage}, {Name: "b", OriginRegionID: "bj", OriginImageUUID: "none"},
		}
		started, err := batch.Import(t.Context(), client, "gz", images)
		require.NoError(t, err)
		require.Equal(t, uuidsByName(cloud)["a"], started[0].Job.Ref.ResourceUUID)
		require.ErrorIs(t, started[1].Err, wrapper.ErrNotFound)

		recovery, err := reconcile.New(client)
		require.NoError(t, err)
		findings, err := batch.Match(t.Context(), recovery, []string{"a"}, []*wrapper.JobHandle{started[0].Job})
		require.NoError(t, err)
		require.Equal(t, started[0].Job.Ref, findings[0].Job.Ref)
		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Status: http.StatusForbidden})
		_, err = batch.Match(t.Context(), recovery, []string{"a"}, []*wrapper.JobHandle{started[0].Job})
		require.ErrorContains(t, err, "reconciling importCIMG")
	})
}

func TestInvalidInputIsNotSent(t *testing.T) {
	client := clientThrough(t, nil)
	images, _ := inputs(1)
	_, err := batch.Create(t.Context(), client, "gz", append(images, images...))
	require.ErrorAs(t, err, new(*wrapper.InputError))
	_, err = batch.Import(t.Context(), client, "gz", nil)
	require.ErrorAs(t, err, new(*wrapper.InputError))

	recovery, err := reconcile.New(client)
	require.NoError(t, err)
	gz, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "a"})
	require.NoError(t, err)
	bj, err := client.Resume(wrapper.JobRef{Region: "bj", JobUUID: "b"})
	require.NoError(t, err)
	for field, jobs := range map[string][]*wrapper.JobHandle{"jobs": nil, "jobs[0]": {nil}, "jobs[1]": {gz, bj}} {
		_, err := batch.Match(t.Context(), recovery, []string{"a", "b"}, jobs)
		invalid, found := errors.AsType[*wrapper.InputError](err)
		require.True(t, found)
		require.Equal(t, field, invalid.Field)
	}
	_, err = batch.Match(t.Context(), recovery, []string{"a", "b"}, []*wrapper.JobHandle{gz, nil})
	require.EqualError(t, err, "cimg: jobs[1]: it is not of the same call")
	_, err = batch.Match(t.Context(), recovery, nil, []*wrapper.JobHandle{gz})
	require.EqualError(t, err, "cimg: Names: it has no items")
}

// Jobs come in the service's order, and the list may lag.
func TestMatch(t *testing.T) {
	for _, lag := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			cloud := newCloud(t, emulator.Options{ListLag: lag, MaxPageSize: 7})
			client := clientThrough(t, cloud.Transport())
			recovery, err := reconcile.New(client)
			require.NoError(t, err)
			images, names := inputs(20)
			jobs, err := client.CreateImages(t.Context(), "gz", images)
			require.NoError(t, err)
			slices.Reverse(jobs)
			findings, err := batch.Match(t.Context(), recovery, names, jobs)
			require.NoError(t, err)
			uuids := uuidsByName(cloud)
			for i, f := range findings {
				require.Equal(t, names[i], f.Name)
				require.Equal(t, reconcile.Found, f.Verdict)
				require.Equal(t, uuids[names[i]], f.Image.UUID)
				require.Equal(t, uuids[names[i]], f.Job.Ref.ResourceUUID)
			}
		})
	}
}

// A job whose state cannot be read leaves its own item open, and no other.
func TestMatchWithAJobThatCannotBePolled(t *testing.T) {
	respond := func(body string) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
	for name, row := range map[string]struct {
		body string // of a poll for the bad job alone, or with others
		took time.Duration
	}{
		"no permission": {body: `{"errno":10000001}`, took: 10 * time.Second},
		"server error":  {body: `{"errno":2}`, took: reconcile.DefaultVisibilityWindow + time.Minute},
		"unreadable":    {took: reconcile.DefaultVisibilityWindow + time.Minute},
	} {
		for _, affected := range []int{1, 5} {
			t.Run(fmt.Sprint(name, affected), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cloud := newCloud(t, emulator.Options{})
					bad := make(map[string]bool)
					client := clientThrough(t, roundTripper(func(r *http.Request) (*http.Response, error) {
						ids := strings.Split(r.URL.Query().Get("jobUuids"), ",")
						if !slices.ContainsFunc(ids, func(id string) bool { return bad[id] }) {
							return cloud.Transport().RoundTrip(r)
						}
						if row.body != "" {
							return respond(row.body)
						}
						var jobs []string
						for _, id := range ids {
							jobs = append(jobs, fmt.Sprintf(`{"jobUuid":%q,"progress":100,"done":true,"success":true}`, id))
							if bad[id] {
								jobs[len(jobs)-1] = fmt.Sprintf(`{"jobUuid":%q,"done":true}`, id)
							}
						}
						return respond(`{"errno":0,"data":[` + strings.Join(jobs, ",") + `]}`)
					}))
					images, names := inputs(5)
					jobs, err := client.CreateImages(t.Context(), "gz", images)
					require.NoError(t, err)
					for _, job := range jobs[:affected] {
						bad[job.Ref.JobUUID] = true
					}
					recovery, err := reconcile.New(client)
					require.NoError(t, err)
					start := time.Now()
					findings, err := batch.Match(t.Context(), recovery, names, jobs)
					require.LessOrEqual(t, time.Since(start), row.took)
					if affected == len(jobs) { // an outage
						require.Error(t, err)
						return
					}
					require.NoError(t, err)
					uuids := uuidsByName(cloud)
					for i, f := range findings {
						if uuids[names[i]] == jobs[0].Ref.ResourceUUID {
							require.Equal(t, reconcile.Ambiguous, f.Verdict)
							require.Equal(t, names[i], f.Candidates[0].Name)
							continue
						}
						require.Equal(t, reconcile.Found, f.Verdict)
						require.Equal(t, uuids[names[i]], f.Image.UUID)
					}
				})
			})
		}
	}
}
