package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// cloud is an emulator behind a real socket, and a client of it whose hooks and
// logs are recorded.
type cloud struct {
	*emulator.Emulator
	*endpoint
	client   *wrapper.Client
	recovery *reconcile.Reconciler
	seen     *witness
}

// inCloud runs a test against an emulator and then checks the promises that
// always hold.
func inCloud(t *testing.T, settings emulator.Options, test func(*testing.T, *cloud), options ...wrapper.Option) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	settings.Strict = true
	emu, err := emulator.New(settings)
	require.NoError(t, err)
	c := &cloud{Emulator: emu, seen: &witness{}, endpoint: responding(emu.ServeHTTP)(t)}
	options = append([]wrapper.Option{
		wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond}), wrapper.WithWaitOptions(wrapper.MissingGrace(20 * time.Millisecond)),
	}, options...)
	var closeConnections func()
	c.client, closeConnections = c.newClient(t, c.seen, false, options...)
	c.recovery, err = reconcile.New(c.client, reconcile.WithVisibilityWindow(20*time.Millisecond))
	require.NoError(t, err)

	test(t, c)

	// The last poll may still be ending although nobody waits for it.
	require.Eventually(t, c.seen.allEnded, 10*time.Second, time.Millisecond)
	closeConnections()
	require.Eventually(t, func() bool { return c.open.Load() == 0 }, 10*time.Second, time.Millisecond)
	c.stop()
	require.Empty(t, emu.UnmetFaults(), "faults that met no request")
	goleak.VerifyNone(t, before)
	// It takes the poller's lock, which makes what its polls wrote safe to
	// read.
	_, err = c.client.WaitAll(t.Context(), nil)
	require.NoError(t, err)

	c.seen.requireNoToken(t, c.client)
	for _, end := range c.seen.ended {
		if end.Op == "createCIMG" {
			require.Equal(t, 1, end.Attempts)
		}
	}
}

func lasting(d time.Duration) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: d} }
}

func (c *cloud) inject(t *testing.T, fault emulator.Fault) {
	t.Helper()
	require.NoError(t, c.Inject(fault))
}

func (c *cloud) create(t *testing.T, name string) *wrapper.JobHandle {
	t.Helper()
	created, err := c.client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	require.NoError(t, err)
	return created
}

// Row 24: two read-only calls fail, then the job is done.
func TestWaitingOutlivesFaults(t *testing.T) {
	for name, fault := range map[string]emulator.Fault{
		"5xx": {Status: 503}, "reset": {Reset: true}, "cut short": {Truncate: true}, "errno 3": {Errno: 3},
	} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, c *cloud) {
				fault.Operation, fault.Count = "getJobResult", 2
				c.inject(t, fault)
				job, err := c.create(t, "web-01").Wait(t.Context())
				require.NoError(t, err)
				require.True(t, job.Success)
				require.Equal(t, 1, c.Requests("createCIMG"))
			})
		})
	}
}

// Row 25: the job fails.
func TestWaitingForAJobThatFails(t *testing.T) {
	settings := emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Failure: "snapshot unreadable", FailAt: 0.4}
	}}
	inCloud(t, settings, func(t *testing.T, c *cloud) {
		created := c.create(t, "web-01")
		_, err := created.Wait(t.Context())
		var failed *wrapper.JobFailedError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, created.Ref, failed.Ref)
		require.Equal(t, "snapshot unreadable", failed.Job.Result)
		require.True(t, failed.Job.Done)
		require.NotErrorAs(t, err, new(*wrapper.WaitError))
	})
}

// Row 26: the job never finishes.
func TestWaitingForAJobThatNeverEnds(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, c *cloud) {
		created := c.create(t, "web-01")
		late := fault{hangs: true}.call(t, func(ctx context.Context) error {
			_, err := created.Wait(ctx)
			return err
		}, func() bool {
			return c.Requests("getJobResult") > 0
		}, func(err error) {
			var wait *wrapper.WaitError
			require.ErrorAs(t, err, &wait)
			require.Equal(t, []wrapper.JobRef{created.Ref}, wait.Refs)
			saved, err := wait.Refs[0].MarshalText()
			require.NoError(t, err)
			var ref wrapper.JobRef
			require.NoError(t, ref.UnmarshalText(saved))
			_, err = c.client.Resume(ref)
			require.NoError(t, err)
		})
		require.LessOrEqual(t, late, promptly)
	})
}

// Row 27: an id that is missing from the response.
func TestWaitingForAJobThatIsMissing(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, c *cloud) {
		missing, err := c.client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "missing"})
		require.NoError(t, err)
		outcomes, err := c.client.WaitAll(t.Context(), []*wrapper.JobHandle{c.create(t, "web-01"), missing, c.create(t, "web-02")})
		require.ErrorIs(t, err, wrapper.ErrJobUnknown)
		require.NoError(t, outcomes[0].Err)
		require.ErrorIs(t, outcomes[1].Err, wrapper.ErrJobUnknown)
		require.NoError(t, outcomes[2].Err)
		require.GreaterOrEqual(t, c.Requests("getJobResult"), 2, "it had a grace period")
	})
}

// Row 28: an id that makes the service reject the whole batch.
func TestWaitingBesideAPoisonedJob(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0), UnknownJobs: emulator.RejectUnknownJobs}, func(t *testing.T, c *cloud) {
		var jobs []*wrapper.JobHandle
		const poisoned = 5
		for i := range 9 {
			jobs = append(jobs, c.create(t, fmt.Sprint("web-", i)))
		}
		var err error
		jobs[poisoned], err = c.client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "poison"})
		require.NoError(t, err)
		outcomes, _ := c.client.WaitAll(t.Context(), jobs)
		for i, outcome := range outcomes {
			if i == poisoned {
				require.ErrorIs(t, outcome.Err, wrapper.ErrBadParameter)
				continue
			}
			require.NoError(t, outcome.Err)
			require.True(t, outcome.Job.Success)
		}
	})
}

// Row 29: the context ends during a poll.
func TestWaitingEndsDuringAPoll(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(0)}, func(t *testing.T, c *cloud) {
		created, other := c.create(t, "web-01"), c.create(t, "web-02")
		var late time.Duration
		for range 3 { // on a busy machine it may be late once
			c.inject(t, emulator.Fault{Operation: "getJobResult", Delay: time.Hour})
			before := c.Requests("getJobResult")
			ctx, cancel := context.WithCancel(t.Context())
			waited := make(chan error, 1)
			go func() {
				_, err := created.Wait(ctx)
				waited <- err
			}()
			require.Eventually(t, func() bool { return c.Requests("getJobResult") > before }, 10*time.Second, time.Millisecond)
			_, err := other.Wait(t.Context())
			require.NoError(t, err, "another wait continues")

			cancelled := time.Now()
			cancel()
			err = <-waited
			late = time.Since(cancelled)
			var wait *wrapper.WaitError
			require.ErrorAs(t, err, &wait)
			require.Equal(t, []wrapper.JobRef{created.Ref}, wait.Refs)
			require.ErrorIs(t, err, context.Canceled)
			if late <= promptly {
				break
			}
		}
		require.LessOrEqual(t, late, promptly)
		_, err := created.Wait(t.Context())
		require.NoError(t, err)
	})
}

// Row 30: no, one or two exact matches; one that appears late.
func TestReconciling(t *testing.T) {
	for name, row := range map[string]struct {
		carriedOut bool
		before     int
		lag        time.Duration
		verdict    reconcile.Verdict
	}{
		"none": {false, 0, 0, reconcile.NotObserved},
		"one":  {true, 0, 0, reconcile.Found},
		"two":  {true, 1, 0, reconcile.Ambiguous},
		"late": {true, 0, 10 * time.Millisecond, reconcile.Found},
	} {
		t.Run(name, func(t *testing.T) {
			inCloud(t, emulator.Options{Plan: lasting(0), ListLag: row.lag}, func(t *testing.T, c *cloud) {
				for range row.before {
					c.create(t, "web-01")
				}
				c.create(t, "web-011")
				c.inject(t, emulator.Fault{Operation: "createCIMG", Reset: true, After: row.carriedOut})
				_, err := c.client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
				var unknown *wrapper.OutcomeUnknownError
				require.ErrorAs(t, err, &unknown)
				findings, err := c.recovery.Reconcile(t.Context(), unknown)
				require.NoError(t, err)
				require.Len(t, findings, 1)
				require.Equal(t, row.verdict, findings[0].Verdict)
				require.Equal(t, row.before+2, c.Requests("createCIMG"), "reconciling sent a mutating call")
			})
		})
	}
}

// Row 17: a huge response takes little memory, compressed or not.
func TestHugeResponsesTakeLittleMemory(t *testing.T) {
	bomb()
	for name, handler := range map[string]http.HandlerFunc{"200 MB": hugeResponse, "gzip bomb": gzipBomb} {
		t.Run(name, func(t *testing.T) {
			p := responding(handler)(t)
			defer p.stop()
			client, closeConnections := p.newClient(t, &witness{}, false)
			defer closeConnections()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := calls["CreateImage"].do(t.Context(), client)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, wrapper.ErrResponseTooLarge)
			// Everything that was allocated, even if it has been freed since.
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(maxMemory))
		})
	}
}

// Row 31: a token that cannot be sent in a header.
func TestBadTokens(t *testing.T) {
	for _, bad := range []string{"", "secret-1\r", "secret-2\n", "secret-3\x00", "secret-4\r\nX: y", "secret 5"} {
		_, err := wrapper.New(wrapper.StaticToken(bad))
		require.ErrorContains(t, err, "token")
		require.NotContains(t, err.Error(), "secret")
	}
}

// Row 32: base URLs.
func TestBadBaseURLs(t *testing.T) {
	for _, bad := range []string{
		"http://open.didiyunapi.com", "https://user:secret@example.com", "https://example.com?secret=1", "https://exa mple.com", "://", "",
	} {
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(bad))
		require.ErrorContains(t, err, "base URL", bad)
		require.NotContains(t, err.Error(), "secret")
	}
	emu, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	server := httptest.NewServer(http.StripPrefix("/a/prefix", emu))
	defer server.Close()
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(server.URL+"/a/prefix"))
	require.NoError(t, err)
	defer client.CloseIdleConnections()
	require.NoError(t, calls["CreateImage"].do(t.Context(), client))
}

// Row 33: the token source fails.
func TestTheTokenSourceFails(t *testing.T) {
	sealed := errors.New("vault is sealed")
	p := responding(respondJSON("{}"))(t)
	defer p.stop()
	client, err := wrapper.New(wrapper.TokenFunc(func(context.Context) (string, error) { return "", sealed }), wrapper.WithBaseURL(p.baseURL))
	require.NoError(t, err)
	for name, call := range calls {
		err := call.do(t.Context(), client)
		require.Equal(t, call.mutates, errors.Is(err, wrapper.ErrNotSent), name)
		require.ErrorIs(t, err, sealed, name)
	}
	require.Zero(t, p.requests.Load())
}

// Row 34: invalid input.
func TestBadInput(t *testing.T) {
	p := responding(respondJSON("{}"))(t)
	defer p.stop()
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(p.baseURL))
	require.NoError(t, err)
	recovery, err := reconcile.New(client)
	require.NoError(t, err)
	ctx := t.Context()
	rejected := func(field string, err error) {
		t.Helper()
		var input *wrapper.InputError
		require.ErrorAs(t, err, &input)
		require.Contains(t, input.Field, field)
	}
	list := func(region string, names ...string) (err error) {
		for _, err = range client.Images(ctx, region, names...) {
			break
		}
		return err
	}
	for _, bad := range []string{"", ".", "..", "a/b", "a,b", "a\r\nb", "a b", "\xff"} {
		image := wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}
		_, err = client.CreateImage(ctx, bad, image)
		rejected("region", err)
		_, err = client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: bad})
		rejected("SnapUUID", err)
		_, err = client.ImportImage(ctx, "gz", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: bad, OriginImageUUID: "i"})
		rejected("OriginRegionID", err)
		_, err = client.ImportImage(ctx, "gz", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "bj", OriginImageUUID: bad})
		rejected("OriginImageUUID", err)
		_, err = client.RenameImage(ctx, "gz", wrapper.RenameImageInput{ImageUUID: bad, Name: "new"})
		rejected("ImageUUID", err)
		_, err = client.DeleteImage(ctx, "gz", bad)
		rejected("imageUUIDs", err)
		_, err = client.JobResults(ctx, "gz", "j1", bad)
		rejected("jobUUIDs[1]", err)
		_, err = client.JobResults(ctx, bad, "j1")
		rejected("region", err)
		rejected("region", list(bad))
		_, err = recovery.EnsureImage(ctx, bad, image)
		rejected("region", err)
	}
	for _, bad := range []string{"", "a\r\nb", "a\x00"} {
		_, err = client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: bad, SnapUUID: snapshot})
		rejected("Name", err)
		rejected("names[0]", list("gz", bad))
	}
	for _, empty := range [][]wrapper.CreateImageInput{nil, {}} {
		_, err = client.CreateImages(ctx, "gz", empty)
		rejected("images", err)
	}
	_, err = client.DeleteImages(ctx, "gz", nil)
	rejected("imageUUIDs", err)
	_, err = client.JobResults(ctx, "gz")
	rejected("jobUUIDs", err)
	_, err = client.DeleteImages(ctx, "gz", []string{"a", "b", "a"})
	rejected("imageUUIDs[2]", err)
	_, err = client.JobResults(ctx, "gz", "a", "a")
	rejected("jobUUIDs[1]", err)
	require.Zero(t, p.requests.Load())
}

// Row 35: the context has already ended.
func TestADoneContext(t *testing.T) {
	p := responding(respondJSON("{}"))(t)
	defer p.stop()
	client, closeConnections := p.newClient(t, &witness{}, false)
	defer closeConnections()
	reason := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	for name, call := range calls {
		err := call.do(ctx, client)
		require.ErrorIs(t, err, reason, name)
		require.Equal(t, call.mutates, errors.Is(err, wrapper.ErrNotSent), name)
	}
	require.Zero(t, p.requests.Load())
}

// Row 36: many goroutines use one client; each gets its own results.
func TestManyGoroutinesShareAClient(t *testing.T) {
	inCloud(t, emulator.Options{Plan: lasting(5 * time.Millisecond)}, func(t *testing.T, c *cloud) {
		work := func(name string) error {
			created, err := c.client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
			if err != nil {
				return err
			}
			job, err := created.Wait(context.Background())
			if err != nil || job.JobUUID != created.Ref.JobUUID {
				return fmt.Errorf("waited for %v, got %+v: %w", created.Ref, job, err)
			}
			for image, err := range c.client.Images(context.Background(), "gz", name) {
				if err != nil || image.UUID != job.ResourceUUID || image.Name != name {
					return fmt.Errorf("listed %s, got %+v: %w", name, image, err)
				}
			}
			return nil
		}
		errs := make(chan error)
		for i := range 64 {
			go func() { errs <- work(fmt.Sprint("web-", i)) }()
		}
		for range 64 {
			require.NoError(t, <-errs)
		}
		require.Equal(t, 64, c.Requests("createCIMG"))
		require.GreaterOrEqual(t, strings.Count(c.seen.log.String(), "createCIMG"), 128)
	})
}
