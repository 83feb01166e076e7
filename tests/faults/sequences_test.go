package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// sequence is a random run of calls through random faults, in virtual time, and
// what its caller got from it.
type sequence struct {
	cloud    *emulator.Emulator
	client   *wrapper.Client
	recovery *reconcile.Reconciler
	names    int
	handles  []*wrapper.JobHandle
	unknown  []*wrapper.OutcomeUnknownError
	absent   []string // names of images that must not exist: rejected, or not sent
}

// Whatever happens, in whatever order: a mutating call is sent at most once,
// and every image has a handle or an unknown outcome that Reconcile resolves.
func TestRandomSequencesOfFaults(t *testing.T) {
	t.Parallel()
	sequences := 0
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, func() {
			s := newSequence(r)
			r.Repeat(map[string]func(*rapid.T){
				"create":    s.create,
				"import":    s.importImage,
				"wait":      s.wait,
				"rename":    s.rename,
				"delete":    s.remove,
				"reconcile": s.reconcile,
				"ensure":    s.ensure,
			})
			s.settle(r)
		})
		sequences++
	})
	want, err := strconv.Atoi(flag.Lookup("rapid.checks").Value.String())
	require.NoError(t, err)
	if !testing.Short() {
		require.Equal(t, want, sequences)
	}
}

// inBubble runs one sequence in virtual time. Rapid ends sequences with panics,
// which must not escape the goroutine of the bubble unnoticed.
func inBubble(t *testing.T, run func()) {
	var ended any
	synctest.Test(t, func(*testing.T) {
		defer func() { ended = recover() }()
		run()
	})
	if ended != nil {
		panic(ended)
	}
}

func newSequence(t *rapid.T) *sequence {
	cloud, err := emulator.New(emulator.Options{
		ListLag:     rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, reconcile.DefaultVisibilityWindow}).Draw(t, "list lag"),
		ListAsArray: rapid.Bool().Draw(t, "list as array"),
		MaxPageSize: rapid.IntRange(0, 3).Draw(t, "page size"),
		UnknownJobs: rapid.SampledFrom([]emulator.UnknownJobs{emulator.OmitUnknownJobs, emulator.RejectUnknownJobs}).Draw(t, "unknown jobs"),
		Strict:      true,
		// Longer than all waits, so that no image appears or disappears
		// meanwhile.
		Plan: lasting(1000 * time.Hour),
	})
	require.NoError(t, err)
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}))
	require.NoError(t, err)
	recovery, err := reconcile.New(client)
	require.NoError(t, err)
	return &sequence{cloud: cloud, client: client, recovery: recovery}
}

// faults may happen to the next request of an operation.
var faults = map[string]emulator.Fault{
	"none":                 {Delay: 1},
	"connection refused":   {Refuse: true},
	"reset":                {Reset: true},
	"reset afterwards":     {Reset: true, After: true},
	"cut short":            {Truncate: true},
	"HTML 502":             {Status: 502, Body: "<html>"},
	"HTML 502 afterwards":  {Status: 502, Body: "<html>", After: true},
	"503 with Retry-After": {Status: 503, Header: http.Header{"Retry-After": {"5"}}},
	"429":                  {Status: 429},
	"errno 2 afterwards":   {Errno: 2, After: true},
	"errno 3":              {Errno: 3},
	"errno 4":              {Errno: 4},
	"errno 424242":         {Errno: 424242, After: true},
	"empty envelope":       {Body: "{}", After: true},
	"no jobs":              {Body: `{"errno":0,"errmsg":"ok","requestId":"r","data":[]}`, After: true},
	"307":                  {Status: 307, Header: http.Header{"Location": {"/dicloud/i/storage/cimg/create"}}},
	"no response in time":  {Delay: time.Hour},
	"late afterwards":      {Delay: time.Hour, After: true},
}

// inject draws a fault for the next request of an operation.
func (s *sequence) inject(t *rapid.T, op string) {
	names := make([]string, 0, len(faults))
	for name := range faults {
		names = append(names, name)
	}
	slices.Sort(names)
	fault := faults[rapid.SampledFrom(names).Draw(t, op)]
	fault.Operation = op
	require.NoError(t, s.cloud.Inject(fault))
}

// context returns the context of one call, some with a short timeout.
func (s *sequence) context(t *rapid.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), rapid.SampledFrom([]time.Duration{time.Second, time.Minute}).Draw(t, "patience"))
}

// mutate makes a call that must be sent at most once, and stores its result.
func (s *sequence) mutate(t *rapid.T, op string, call func(ctx context.Context, name string) (*wrapper.JobHandle, error)) {
	s.names++
	name := fmt.Sprint("image-", s.names)
	s.inject(t, op)
	ctx, cancel := s.context(t)
	defer cancel()
	before := s.cloud.Requests(op)
	handle, err := call(ctx, name)
	require.LessOrEqual(t, s.cloud.Requests(op)-before, 1, "sent more than once")
	s.store(t, name, handle, err)
}

func (s *sequence) store(t *rapid.T, name string, handle *wrapper.JobHandle, err error) {
	var unknown *wrapper.OutcomeUnknownError
	var apiErr *wrapper.APIError
	switch {
	case err == nil:
		s.handles = append(s.handles, handle)
	case errors.As(err, &unknown):
		// As if it had been saved, and read by another process.
		saved, err := unknown.MarshalText()
		require.NoError(t, err)
		var read wrapper.OutcomeUnknownError
		require.NoError(t, read.UnmarshalText(saved))
		s.unknown = append(s.unknown, &read)
	case errors.Is(err, wrapper.ErrNotSent), errors.As(err, &apiErr):
		s.absent = append(s.absent, name)
	default:
		t.Fatalf("a fifth outcome: %v", err)
	}
}

func (s *sequence) create(t *rapid.T) {
	s.mutate(t, "createCIMG", func(ctx context.Context, name string) (*wrapper.JobHandle, error) {
		return s.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	})
}

func (s *sequence) importImage(t *rapid.T) {
	s.mutate(t, "importCIMG", func(ctx context.Context, name string) (*wrapper.JobHandle, error) {
		return s.client.ImportImage(ctx, "gz", wrapper.ImportImageInput{Name: name, OriginRegionID: "bj", OriginImageUUID: imageID})
	})
}

// ensure makes calls for one name while faults happen: together they must not
// create two images, even if the outcome of one is unknown.
func (s *sequence) ensure(t *rapid.T) {
	s.names++
	name := fmt.Sprint("image-", s.names)
	s.inject(t, "createCIMG")
	for range 3 {
		s.inject(t, "listCIMG")
		time.Sleep(rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Minute, 5 * time.Minute}).Draw(t, "pause"))
		patience := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute}).Draw(t, "patience")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		before := s.cloud.Requests("createCIMG")
		ensured, err := s.recovery.EnsureImage(ctx, "gz", wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
		cancel()
		require.LessOrEqual(t, s.cloud.Requests("createCIMG")-before, 1, "sent more than once")
		require.LessOrEqual(t, len(s.made(name)), 1, "created twice")
		var unknown *wrapper.OutcomeUnknownError
		switch {
		case err == nil:
			require.NotNil(t, ensured.Job, "its job is running, but was not found")
			s.handles = append(s.handles, ensured.Job)
		case errors.As(err, &unknown):
			require.NotErrorIs(t, err, wrapper.ErrNotSent)
			s.unknown = append(s.unknown, unknown)
		}
	}
}

// rename and remove mutate existing images.
func (s *sequence) rename(t *rapid.T) {
	uuid := s.anImage(t)
	s.mutate(t, "changeNameCIMG", func(ctx context.Context, name string) (*wrapper.JobHandle, error) {
		return s.client.RenameImage(ctx, "bj", wrapper.RenameImageInput{ImageUUID: uuid, Name: name})
	})
}

func (s *sequence) remove(t *rapid.T) {
	uuid := s.anImage(t)
	s.mutate(t, "deleteCIMG", func(ctx context.Context, _ string) (*wrapper.JobHandle, error) {
		return s.client.DeleteImage(ctx, "bj", uuid)
	})
}

// anImage is one of the stock in bj, or one that does not exist.
func (s *sequence) anImage(t *rapid.T) string {
	return rapid.SampledFrom([]string{imageID, "4a48f88391134a01befe88ff98b68a88", "nowhere"}).Draw(t, "image")
}

func (s *sequence) wait(t *rapid.T) {
	if len(s.handles) == 0 {
		t.Skip("nothing to wait for")
	}
	s.inject(t, "getJobResult")
	ctx, cancel := s.context(t)
	defer cancel()
	handle := rapid.SampledFrom(s.handles).Draw(t, "handle")
	start := time.Now()
	_, err := handle.Wait(ctx)
	var wait *wrapper.WaitError
	require.ErrorAs(t, err, &wait, "no job has finished")
	require.Equal(t, handle.Ref, wait.Refs[0])
	deadline, _ := ctx.Deadline()
	require.LessOrEqual(t, time.Since(start), deadline.Sub(start), "it outlasted its context")
}

// reconcile may fail; its findings must not be wrong.
func (s *sequence) reconcile(t *rapid.T) {
	if len(s.unknown) == 0 {
		t.Skip("nothing to reconcile")
	}
	s.inject(t, "listCIMG")
	patience := rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 10 * time.Minute}).Draw(t, "patience")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	before := s.mutations()
	unknown := rapid.SampledFrom(s.unknown).Draw(t, "unknown")
	if findings, err := s.recovery.Reconcile(ctx, unknown); err == nil {
		s.verify(t, unknown, findings)
	}
	require.Equal(t, before, s.mutations(), "it sent a mutating call")
}

// mutations counts the mutating requests.
func (s *sequence) mutations() (n int) {
	for _, op := range []string{"createCIMG", "importCIMG", "changeNameCIMG", "deleteCIMG"} {
		n += s.cloud.Requests(op)
	}
	return n
}

// made returns the existing images with a name.
func (s *sequence) made(name string) (uuids []string) {
	for _, image := range s.cloud.Images("gz") {
		if image.Name == name {
			uuids = append(uuids, image.UUID)
		}
	}
	return uuids
}

// verify compares findings with the service's state.
func (s *sequence) verify(t *rapid.T, unknown *wrapper.OutcomeUnknownError, findings []reconcile.Finding) {
	require.Len(t, findings, 1)
	f := findings[0]
	switch unknown.Op {
	case "changeNameCIMG":
		running := s.running("ChangeCIMGName", f.ImageUUID)
		require.NotEqual(t, reconcile.Found, f.Verdict, "no job finishes, so no image has the name, and no response named the job")
		// The list shows only the youngest job of an image.
		if f.Verdict == reconcile.Ambiguous {
			require.NotZero(t, running)
		} else if s.running("DeleteCIMG", f.ImageUUID) == 0 {
			require.Zero(t, running, "it may be renamed")
		}
	case "deleteCIMG":
		running := s.running("DeleteCIMG", f.ImageUUID)
		switch {
		case f.ImageUUID == "nowhere":
			require.Equal(t, reconcile.Found, f.Verdict, "it does not exist")
		case f.Verdict == reconcile.Found:
			require.NotZero(t, running)
		default:
			require.Equal(t, reconcile.NotObserved, f.Verdict)
			require.True(t, running == 0 || s.running("ChangeCIMGName", f.ImageUUID) > 0, "it is being deleted")
		}
	default:
		uuids := s.made(f.Name)
		switch f.Verdict {
		case reconcile.NotObserved:
			require.Empty(t, uuids, "it exists")
		case reconcile.Found:
			require.Equal(t, []string{f.Image.UUID}, uuids)
			require.NotNil(t, f.Job, "its job is running")
		default:
			t.Fatalf("no name is used twice: %+v", f)
		}
	}
}

// running counts the running jobs of a type on an image in bj.
func (s *sequence) running(jobType, uuid string) (n int) {
	for _, job := range s.cloud.Jobs("bj") {
		if job.Type == jobType && job.ResourceUUID == uuid && !job.Done {
			n++
		}
	}
	return n
}

// spendFaults sends requests without a body until no fault is left.
func (s *sequence) spendFaults(t *rapid.T) {
	paths := map[string]string{
		"createCIMG": "/storage/cimg/create", "importCIMG": "/storage/cimg/import", "listCIMG": "/storage/cimg/list", "getJobResult": "/result",
		"changeNameCIMG": "/storage/cimg/changeName", "deleteCIMG": "/storage/cimg/delete",
	}
	for left := s.cloud.UnmetFaults(); len(left) > 0; left = s.cloud.UnmetFaults() {
		method := http.MethodPost
		if left[0].Operation == "getJobResult" {
			method = http.MethodGet
		}
		req, err := http.NewRequest(method, "http://127.0.0.1/dicloud/i"+paths[left[0].Operation], strings.NewReader("{}"))
		require.NoError(t, err)
		if resp, err := s.cloud.Transport().RoundTrip(req); err == nil {
			resp.Body.Close()
		}
	}
}

// settle reconciles the unknown outcomes, without faults, and looks for images
// that the caller does not know of.
func (s *sequence) settle(t *rapid.T) {
	s.spendFaults(t)
	known := make(map[string]bool)
	for _, image := range emulator.DefaultStock().Regions[0].Images {
		known[image.UUID] = true
	}
	for _, handle := range s.handles {
		known[handle.Ref.ResourceUUID] = true
	}
	for _, unknown := range s.unknown {
		findings, err := s.recovery.Reconcile(context.Background(), unknown)
		require.NoError(t, err)
		s.verify(t, unknown, findings)
		for _, f := range findings {
			known[f.Image.UUID] = true
		}
	}
	for _, image := range s.cloud.Images("gz") {
		require.True(t, known[image.UUID], "the caller does not know of %s", image.Name)
	}
	for _, name := range s.absent {
		require.Empty(t, s.made(name), "reported as not created")
	}
}
