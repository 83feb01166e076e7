package faults

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/secrettest"
	"github.com/cimg-go/cimg/wrapper"
)

const (
	token    = emulator.DefaultToken
	snapshot = "3fd352092a3f553cb124223f6a7f09b4"
	imageID  = "4a48f88391134a01befe88ff98b68af8"
)

func TestMain(m *testing.M) {
	// Defaults: the number of random sequences, and their average length. Flags
	// on the command line override them.
	if err := errors.Join(flag.Set("rapid.checks", "1000"), flag.Set("rapid.steps", "12")); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// calls are all calls of the client, by its own methods and by those of the
// generated client.
var calls = map[string]struct {
	op      string
	mutates bool
	items   int
	do      func(context.Context, *wrapper.Client) error
}{
	"CreateImage": {"createCIMG", true, 1, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
		return err
	}},
	"CreateImages": {"createCIMG", true, 2, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.CreateImages(ctx, "gz", []wrapper.CreateImageInput{{Name: "web-01", SnapUUID: snapshot}, {Name: "web-02", SnapUUID: snapshot}})
		return err
	}},
	"ImportImage": {"importCIMG", true, 1, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.ImportImage(ctx, "bj", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "gz", OriginImageUUID: imageID})
		return err
	}},
	"ImportImages": {"importCIMG", true, 2, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.ImportImages(ctx, "bj", []wrapper.ImportImageInput{
			{Name: "web-01", OriginRegionID: "gz", OriginImageUUID: imageID}, {Name: "web-02", OriginRegionID: "gz", OriginImageUUID: imageID}})
		return err
	}},
	"RenameImage": {"changeNameCIMG", true, 1, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.RenameImage(ctx, "gz", wrapper.RenameImageInput{ImageUUID: imageID, Name: "web-02"})
		return err
	}},
	"DeleteImages": {"deleteCIMG", true, 2, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.DeleteImages(ctx, "gz", []string{imageID, "another"})
		return err
	}},
	"gen CreateCIMG": {"createCIMG", true, 1, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.Generated().CreateCIMGWithResponse(ctx, gen.CreateCIMGRequest{
			RegionID: "gz", CIMG: []gen.CreateCIMGInput{{Name: "web-01", SnapUUID: snapshot}}})
		return err
	}},
	"Images": {"listCIMG", false, 0, func(ctx context.Context, c *wrapper.Client) error {
		for _, err := range c.Images(ctx, "gz") {
			return err
		}
		return errors.New("an empty list")
	}},
	"JobResults": {"getJobResult", false, 0, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.JobResults(ctx, "gz", "j1", "j2")
		return err
	}},
	"gen ListCIMG": {"listCIMG", false, 0, func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: "gz", Limit: 10})
		return err
	}},
}

// fault is a row of the table: how the service is broken, and how calls must
// end.
type fault struct {
	row      int // in the list of faults that the table follows; 0: not in the list
	name     string
	endpoint func(*testing.T) *endpoint
	mutating end
	readOnly end
	// hangs: no call ends before its context.
	hangs bool
}

// end is how a call must end.
type end struct {
	outcome wrapper.Outcome // "": such calls are not affected
	or      wrapper.Outcome // also allowed, when the connection's state depends on timing
	sends   int             // complete requests that reach the server
	is      error           // nil: not checked
	status  int             // of the *APIError; 0: there must be none
	check   func(*testing.T, error)
}

// patience are the timeouts of a call that hangs. On a busy machine a request
// may need longer than the first to arrive.
var patience = []time.Duration{30 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second}

// promptly is the time within which a call must return once its context has
// ended.
const promptly = 100 * time.Millisecond

// try makes one call to a broken endpoint and checks all promises.
func (f fault) try(t *testing.T, name string, borrowed bool) {
	call := calls[name]
	want := f.readOnly
	if call.mutates {
		want = f.mutating
	}
	if want.outcome == "" {
		return
	}
	before := goleak.IgnoreCurrent()
	p := f.endpoint(t)
	if p.client != nil && !borrowed { // it needs the caller's client
		p.stop()
		return
	}
	seen := &witness{}
	client, closeConnections := p.newClient(t, seen, borrowed)
	defer p.requireCallersClientUnchanged(t)

	late := f.call(t, func(ctx context.Context) error {
		p.requests.Store(0)
		seen.reset()
		return call.do(ctx, client)
	}, func() bool {
		return p.requests.Load() > 0
	}, func(err error) {
		want.verify(t, call.op, call.mutates, call.items, seen, err)
	})
	require.LessOrEqual(t, late, promptly, "it outlasted its context")

	sends := int(p.requests.Load())
	require.Equal(t, want.sends, sends, "requests that reached the server")
	maxSends := 3
	if call.mutates {
		maxSends = 1
	}
	require.LessOrEqual(t, sends, maxSends, "requests that reached the server")
	require.Zero(t, p.elsewhere.Load(), "a redirect was followed")
	seen.requireNoToken(t, client)

	closeConnections()
	require.Eventually(t, func() bool { return p.open.Load() == 0 }, 10*time.Second, time.Millisecond,
		"the server has connections open after the client closed its own")
	p.stop()
	goleak.VerifyNone(t, before)
}

// call returns how late the call returned after its context ended. On a busy
// machine that may happen once; a call that waits for something else is late
// each time. A call that hangs counts once its request arrived.
func (f fault) call(t *testing.T, do func(context.Context) error, arrived func() bool, verify func(error)) (late time.Duration) {
	t.Helper()
	if !f.hangs {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		verify(do(ctx))
		return 0
	}
	for i, limit := range patience {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := do(ctx)
		deadline, _ := ctx.Deadline()
		late = time.Since(deadline)
		cancel()
		if !arrived() && i+1 < len(patience) {
			continue
		}
		require.GreaterOrEqual(t, late, time.Duration(0), "it gave up early")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		verify(err)
		if late <= promptly {
			break
		}
	}
	return late
}

// newClient returns a client with every option that could expose the token. Its
// transport is its own or, if borrowed or if the endpoint needs it, the
// caller's.
func (p *endpoint) newClient(t *testing.T, seen *witness, borrowed bool, more ...wrapper.Option) (client *wrapper.Client, closeConnections func()) {
	t.Helper()
	options := []wrapper.Option{
		wrapper.WithBaseURL(p.baseURL),
		wrapper.WithRetries(wrapper.Retries{BaseDelay: time.Millisecond, MaxRetryAfter: 10 * time.Millisecond}),
		wrapper.WithHooks(seen.hooks()),
		wrapper.WithLogger(slog.New(slog.NewTextHandler(&seen.log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		wrapper.WithLogger(slog.New(slog.NewJSONHandler(&seen.log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
	}
	options = append(options, more...)
	if p.client == nil && borrowed {
		p.client = &http.Client{Transport: &http.Transport{}}
	}
	if p.client != nil {
		p.before = *p.client
		options = append(options, wrapper.WithHTTPClient(p.client))
	}
	client, err := wrapper.New(wrapper.StaticToken(token), options...)
	require.NoError(t, err)
	if p.client != nil {
		return client, p.client.CloseIdleConnections
	}
	return client, client.CloseIdleConnections
}

// requireCallersClientUnchanged compares the caller's client with its copy.
func (p *endpoint) requireCallersClientUnchanged(t *testing.T) {
	t.Helper()
	if p.client != nil {
		require.Nil(t, p.client.CheckRedirect)
		require.Nil(t, p.client.Jar)
		require.Same(t, p.before.Transport, p.client.Transport)
		require.Equal(t, p.before.Timeout, p.client.Timeout)
	}
}

// verify checks how one call ended.
func (want end) verify(t *testing.T, op string, mutates bool, items int, seen *witness, err error) {
	t.Helper()
	require.Len(t, seen.ended, 1)
	ended := seen.ended[0]
	if want.or != "" && ended.Outcome == want.or {
		want.outcome = want.or
	}
	require.Equal(t, want.outcome, ended.Outcome, "%v", err)
	require.Equal(t, op, ended.Op)

	var unknown *wrapper.OutcomeUnknownError
	var apiErr *wrapper.APIError
	require.Equal(t, want.outcome == wrapper.OutcomeNotSent, errors.Is(err, wrapper.ErrNotSent), "%v", err)
	if want.outcome == wrapper.OutcomeAccepted {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	if mutates {
		require.Equal(t, want.outcome == wrapper.OutcomeUnknown, errors.As(err, &unknown), "%v", err)
		require.Len(t, seen.attempts, 1, "attempts")
	} else {
		require.NotErrorAs(t, err, &unknown)
		require.LessOrEqual(t, len(seen.attempts), 3, "attempts")
	}
	if unknown != nil {
		require.Equal(t, op, unknown.Op)
		require.NotEmpty(t, unknown.Region)
		require.Len(t, append(unknown.Names, unknown.ImageUUIDs...), items*subjects(op))
		require.WithinDuration(t, time.Now(), unknown.SentAt, time.Minute)
		saved, err := unknown.MarshalText()
		require.NoError(t, err)
		var read wrapper.OutcomeUnknownError
		require.NoError(t, read.UnmarshalText(saved))
		require.Equal(t, unknown.Error(), read.Error())
		require.Equal(t, unknown.Jobs, read.Jobs)
		require.True(t, unknown.SentAt.Equal(read.SentAt))
	}
	if want.is != nil {
		require.ErrorIs(t, err, want.is)
	}
	require.Equal(t, want.status != 0, errors.As(err, &apiErr), "%v", err)
	if want.status != 0 {
		require.Equal(t, want.status, apiErr.HTTPStatus)
		require.Equal(t, op, apiErr.Op)
	}
	if want.check != nil {
		want.check(t, err)
	}
	require.NotContains(t, err.Error(), "\n")
	require.Less(t, len(err.Error()), 3000)
}

// subjects is the number of texts that an error has per item of an operation.
func subjects(op string) int {
	if op == "changeNameCIMG" {
		return 2 // the id and the new name
	}
	return 1
}

// witness records everything that a client shows of a call.
type witness struct {
	mu       sync.Mutex
	log      lockedBuffer
	begun    []wrapper.Call
	attempts []wrapper.Attempt
	ended    []wrapper.CallEnd
}

func (w *witness) hooks() wrapper.Hooks {
	return wrapper.Hooks{
		Begin: func(ctx context.Context, call wrapper.Call) context.Context {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.begun = append(w.begun, call)
			return ctx
		},
		Attempt: func(_ context.Context, attempt wrapper.Attempt) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.attempts = append(w.attempts, attempt)
		},
		End: func(_ context.Context, end wrapper.CallEnd) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = append(w.ended, end)
		},
	}
}

func (w *witness) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun, w.attempts, w.ended = nil, nil, nil
	w.log.reset()
}

// allEnded reports whether every call that began has ended.
func (w *witness) allEnded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.begun) == len(w.ended)
}

// requireNoToken searches for the token wherever a caller could find it.
func (w *witness) requireNoToken(t *testing.T, client *wrapper.Client) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	shown := map[string]string{
		"log":    w.log.String(),
		"client": secrettest.Renderings(client), "client's value": secrettest.Renderings(*client), "generated client": secrettest.Renderings(client.Generated()),
		"calls": secrettest.Renderings(w.begun), "attempts": secrettest.Renderings(w.attempts), "ends": secrettest.Renderings(w.ended),
	}
	for _, end := range w.ended {
		secrettest.EachError(end.Err, func(err error) { shown[fmt.Sprintf("error %T", err)] += secrettest.Renderings(err) })
	}
	for _, attempt := range w.attempts {
		secrettest.EachError(attempt.Err, func(err error) { shown[fmt.Sprintf("error %T", err)] += secrettest.Renderings(err) })
		for name := range attempt.Header {
			require.Contains(t, []string{"Content-Type", "Date", "Retry-After", "Server", "Via", "X-Request-Id"}, name)
		}
	}
	for what, text := range shown {
		for _, secret := range []string{token, token[:32], token[32:], fmt.Sprintf("%x", token), "Authorization"} {
			if strings.Contains(text, secret) { // the text is long
				require.Failf(t, "secret found", "%s shows %s", what, secret)
			}
		}
	}
	require.Equal(t, 2*len(w.attempts), strings.Count(w.log.String(), "\n"), "one line per attempt")
}

// lockedBuffer is a buffer for concurrent loggers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
