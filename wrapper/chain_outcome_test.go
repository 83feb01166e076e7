package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// mutatingCalls are the calls that must be sent at most once.
var mutatingCalls = map[string]func(context.Context, *wrapper.Client) error{
	"createCIMG": func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.CreateImage(ctx, "gz", webImage)
		return err
	},
	"importCIMG": func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.ImportImage(ctx, "bj", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "gz", OriginImageUUID: imageID})
		return err
	},
	"changeNameCIMG": func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.RenameImage(ctx, "gz", wrapper.RenameImageInput{ImageUUID: imageID, Name: "web-02"})
		return err
	},
	"deleteCIMG": func(ctx context.Context, c *wrapper.Client) error {
		_, err := c.DeleteImage(ctx, "gz", imageID)
		return err
	},
}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// envelope responds with an errno.
func envelope(status int, errno int64) http.HandlerFunc {
	return response(status, "application/json", fmt.Sprintf(`{"errno":%d,"errmsg":"no","requestId":"r9"}`, errno))
}

func TestOutcomes(t *testing.T) {
	const (
		accepted = "accepted"
		rejected = "rejected"
		unknown  = "unknown"
	)
	html := "<html><body>Bad Gateway</body></html>"
	rows := []struct {
		name    string
		handler http.HandlerFunc
		outcome string
		is      error // nil: not checked
	}{
		{"a job", respondJSON(oneJob), accepted, nil},
		{"errno 1", envelope(200, 1), rejected, wrapper.ErrBadParameter},
		{"errno 4", envelope(200, 4), rejected, wrapper.ErrAuth},
		{"errno 13", envelope(200, 13), rejected, wrapper.ErrBadParameter},
		{"errno 41017", envelope(200, 41017), rejected, wrapper.ErrNotFound},
		{"errno 41026", envelope(200, 41026), rejected, wrapper.ErrNotFound},
		{"errno 1000011", envelope(200, 1000011), rejected, wrapper.ErrArrears},
		{"errno 1100020", envelope(200, 1100020), rejected, wrapper.ErrBalance},
		{"errno 10000001", envelope(200, 10000001), rejected, wrapper.ErrPermission},
		{"errno 16000002", envelope(200, 16000002), rejected, wrapper.ErrNotFound},
		{"errno 13 with HTTP 400", envelope(400, 13), rejected, wrapper.ErrBadParameter},
		{"HTTP 401 in HTML", response(401, "text/html", html), rejected, wrapper.ErrAuth},
		{"HTTP 403 in HTML", response(403, "text/html", html), rejected, wrapper.ErrPermission},
		{"HTTP 429", response(429, "text/plain", "slow down"), rejected, wrapper.ErrRateLimited},

		{"errno 2", envelope(200, 2), unknown, wrapper.ErrServer},
		{"errno 3", envelope(200, 3), unknown, wrapper.ErrServer},
		{"errno 40000", envelope(200, 40000), unknown, wrapper.ErrServer},
		{"an unlisted errno", envelope(200, 987654321), unknown, nil},
		{"errno 13 with HTTP 500", envelope(500, 13), unknown, wrapper.ErrServer},
		{"HTTP 502 in HTML", response(502, "text/html", html), unknown, wrapper.ErrServer},
		{"HTTP 503 with a job", response(503, "application/json", oneJob), unknown, wrapper.ErrServer},
		{"HTTP 404 in HTML", response(404, "text/html", html), unknown, nil},
		{"HTTP 201 with a job", response(201, "application/json", oneJob), unknown, wrapper.ErrMalformedResponse},
		{"HTTP 204", response(204, "application/json", ""), unknown, wrapper.ErrMalformedResponse},
		{"HTTP 200 in HTML", response(200, "text/html", html), unknown, wrapper.ErrMalformedResponse},
		{"an empty body", respondJSON(""), unknown, wrapper.ErrMalformedResponse},
		{"no data", respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1"}`), unknown, wrapper.ErrMalformedResponse},
		{"data null", respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":null}`), unknown, wrapper.ErrMalformedResponse},
		{"no job", respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":[]}`), unknown, wrapper.ErrMalformedResponse},
		{"a job without id", respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"type":"CreateCIMG"}]}`), unknown, wrapper.ErrMalformedResponse},
		{"two jobs for one item", respondJSON(`{"errno":0,"data":[{"jobUuid":"a"},{"jobUuid":"b"}]}`), unknown, wrapper.ErrMalformedResponse},
		{"a job and one without id", respondJSON(`{"errno":0,"data":[{"jobUuid":"a"},{}]}`), unknown, wrapper.ErrMalformedResponse},
		{"one job twice", respondJSON(`{"errno":0,"data":[{"jobUuid":"a"},{"jobUuid":"a"}]}`), unknown, wrapper.ErrMalformedResponse},
		{"an id that cannot be queried", respondJSON(`{"errno":0,"data":[{"jobUuid":"a,b"}]}`), unknown, wrapper.ErrMalformedResponse},
		{"an id with a line break", respondJSON(`{"errno":0,"data":[{"jobUuid":"j\n1"}]}`), unknown, wrapper.ErrMalformedResponse},
		{"a rejection with an odd job", respondJSON(`{"errno":41017,"data":[{"jobUuid":"a","progress":"5"}]}`), unknown, wrapper.ErrNotFound},
		{"a rejection with an object", respondJSON(`{"errno":41017,"data":{"jobUuid":"a"}}`), unknown, wrapper.ErrNotFound},
		{"a rejection with empty data", respondJSON(`{"errno":41017,"data":[ ]}`), rejected, wrapper.ErrNotFound},
		{"a rejection with null", respondJSON(`{"errno":41017,"data":null}`), rejected, wrapper.ErrNotFound},
		{"a rejection with a string", respondJSON(`{"errno":41017,"data":""}`), rejected, wrapper.ErrNotFound},
		{"a rejection that started a job", respondJSON(`{"errno":41017,"errmsg":"no","requestId":"r1","data":[{"jobUuid":"a"}]}`), unknown, wrapper.ErrNotFound},
		{"the connection closed without a response", abort, unknown, nil},
	}
	for _, row := range rows {
		for op, call := range mutatingCalls {
			t.Run(row.name+"/"+op, func(t *testing.T) {
				s := serve(t, row.handler)
				err := call(t.Context(), clientOf(t, s))

				var api *wrapper.APIError
				var lost *wrapper.OutcomeUnknownError
				switch row.outcome {
				case accepted:
					require.NoError(t, err)
				case rejected:
					require.ErrorAs(t, err, &api)
					require.NotErrorAs(t, err, &lost)
					require.Equal(t, op, api.Op)
				case unknown:
					require.ErrorAs(t, err, &lost)
					require.Equal(t, op, lost.Op)
				}
				require.NotErrorIs(t, err, wrapper.ErrNotSent)
				if row.is != nil {
					require.ErrorIs(t, err, row.is)
				}
				require.Len(t, s.received(), 1)
			})
		}
	}
}

func TestOutcomeNotSent(t *testing.T) {
	const closedPort = "http://127.0.0.1:1" // a privileged port on which nothing listens

	failing := wrapper.TokenFunc(func(context.Context) (string, error) { return "", errors.New("vault is sealed") })
	broken := wrapper.TokenFunc(func(context.Context) (string, error) { return "secret\r\n", nil })
	rows := []struct {
		name   string
		source wrapper.TokenSource
		want   string
	}{
		{"connection refused", wrapper.StaticToken(token), "connection refused"},
		{"the token source fails", failing, "vault is sealed"},
		{"the token source gives a bad token", broken, "invalid token"},
	}
	for _, row := range rows {
		for op, call := range mutatingCalls {
			t.Run(row.name+"/"+op, func(t *testing.T) {
				client, err := wrapper.New(row.source, wrapper.WithBaseURL(closedPort))
				require.NoError(t, err)
				err = call(t.Context(), client)
				require.ErrorIs(t, err, wrapper.ErrNotSent)
				require.ErrorContains(t, err, row.want)
				require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
			})
		}
	}
}

// net/http rejects such a request before it has a connection.
func TestUnsendableRequestsAreNotSent(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/dicloud/i/storage/cimg/create", strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("X-Trace", "a\nb")
	_, err = clientOf(t, s).Do(req)
	require.ErrorIs(t, err, wrapper.ErrNotSent)
	require.Empty(t, s.received())
}

// A transport that does not call httptrace hooks does not show whether anything
// was sent.
func TestOutcomeWithoutEvidenceIsUnknown(t *testing.T) {
	silent := clientThrough(t, func(*http.Request) (*http.Response, error) {
		return nil, errors.New("dial tcp: connection refused")
	})
	_, err := silent.CreateImage(t.Context(), "gz", webImage)
	require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
	require.NotErrorIs(t, err, wrapper.ErrNotSent)
}

// A custom transport may wrap another client, whose APIError is not a rejection
// of this call.
func TestOutcomeOfANestedClient(t *testing.T) {
	nested := clientThrough(t, func(*http.Request) (*http.Response, error) {
		return nil, &wrapper.APIError{Op: "createCIMG", Errno: 13, HTTPStatus: 401}
	})
	_, err := nested.CreateImage(t.Context(), "gz", webImage)
	require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
}

func TestOutcomeUnknownErrorHasWhatIsKnown(t *testing.T) {
	s := serve(t, respondJSON(oneJob)) // one job for two items
	before := time.Now()
	_, err := clientOf(t, s).CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{webImage, {Name: "web-02", SnapUUID: snapshot}})
	var lost *wrapper.OutcomeUnknownError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "gz", lost.Region)
	require.Equal(t, []string{"web-01", "web-02"}, lost.Names)
	require.Equal(t, "r1", lost.RequestID)
	require.Len(t, lost.Jobs, 1)
	require.Equal(t, "j1", lost.Jobs[0].JobUUID)
	require.Equal(t, "i1", lost.Jobs[0].ResourceUUID)
	require.WithinRange(t, lost.SentAt, before, time.Now())
	require.ErrorContains(t, err, `createCIMG in gz of "web-01", "web-02": outcome unknown`)

	s = serve(t, respondJSON(`{"errno":41017,"errmsg":"no","requestId":"r2","data":[{"jobUuid":"j1"},{}]}`))
	_, err = clientOf(t, s).CreateImage(t.Context(), "gz", webImage)
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "r2", lost.RequestID)
	require.Len(t, lost.Jobs, 1, "the job that the rejection came with")

	for _, body := range []string{
		`{"requestId":"r3","data":[{"jobUuid":"j1"}]}`,
		`{"requestId":"r3","errno":"0","data":[{"jobUuid":"j1"}]}`,
		`{"requestId":"r3","errno":0,"data":[{"jobUuid":"j1"},{"jobUuid":"j2","progress":"5"},5]}`,
	} {
		_, err = clientOf(t, serve(t, respondJSON(body))).CreateImage(t.Context(), "gz", webImage)
		require.ErrorAs(t, err, &lost)
		require.NotEmpty(t, lost.Jobs, body)
		require.Equal(t, "j1", lost.Jobs[0].JobUUID)
	}

	s = serve(t, envelope(200, 2))
	_, err = clientOf(t, s).CreateImage(t.Context(), "gz", webImage)
	require.ErrorAs(t, err, &lost)
	require.Equal(t, "r9", lost.RequestID)

	s = serve(t, abort)
	_, err = clientOf(t, s).DeleteImages(t.Context(), "bj", []string{"a", "b", "c", "d"})
	require.ErrorAs(t, err, &lost)
	require.Equal(t, []string{"a", "b", "c", "d"}, lost.ImageUUIDs)
	require.ErrorContains(t, err, `deleteCIMG in bj of "a", "b", "c" and 1 more`)
}

func TestMutatingCallsAreSentOnce(t *testing.T) {
	elsewhere := serve(t, respondJSON(oneJob))
	handlers := map[string]http.HandlerFunc{
		"aborted":      abort,
		"HTTP 503":     response(503, "text/plain", "later"),
		"redirect 302": http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP,
		"redirect 307": http.RedirectHandler("/dicloud/i/storage/cimg/create", http.StatusTemporaryRedirect).ServeHTTP,
		"redirect 308": http.RedirectHandler(elsewhere.URL, http.StatusPermanentRedirect).ServeHTTP,
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, oneJob)
		},
	}
	for name, handler := range handlers {
		for op, call := range mutatingCalls {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/http2=%t", name, op, http2), func(t *testing.T) {
					var sent atomic.Int32
					server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method == http.MethodGet {
							respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r","data":[]}`)(w, r)
							return
						}
						sent.Add(1)
						handler(w, r)
					}))
					server.EnableHTTP2 = http2
					server.StartTLS()
					t.Cleanup(server.Close)
					client, err := wrapper.New(wrapper.StaticToken(token),
						wrapper.WithBaseURL(server.URL), wrapper.WithHTTPClient(server.Client()))
					require.NoError(t, err)

					// net/http may repeat a request on another connection if it
					// failed on a reused one.
					_, err = client.JobResults(t.Context(), "gz", "j1")
					require.NoError(t, err)
					require.ErrorAs(t, call(t.Context(), client), new(*wrapper.OutcomeUnknownError))
					require.EqualValues(t, 1, sent.Load())
				})
			}
		}
	}
	require.Empty(t, elsewhere.received(), "a redirect was followed")
}

// A request must not let net/http, or the caller's transport, send it again.
// Read-only calls are retried by the wrapper, which counts the attempts.
func TestRequestsCannotBeReplayed(t *testing.T) {
	var seen *http.Request
	client := clientThrough(t, func(r *http.Request) (*http.Response, error) {
		seen = r
		return nil, errors.New("broken")
	}, wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}))
	calls := map[string]func(context.Context, *wrapper.Client) error{
		"listCIMG": func(ctx context.Context, c *wrapper.Client) error {
			_, err := c.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: "gz", Limit: 1})
			return err
		},
		"getJobResult": func(ctx context.Context, c *wrapper.Client) error {
			_, err := c.JobResults(ctx, "gz", "j1")
			return err
		},
	}
	maps.Copy(calls, mutatingCalls)
	for op, call := range calls {
		require.Error(t, call(t.Context(), client), op)
		require.NotNil(t, seen.Body, "net/http repeats requests without a body")
		require.NotEqual(t, http.NoBody, seen.Body)
		require.Nil(t, seen.GetBody, "net/http repeats requests whose body it can rewind")
		require.NotContains(t, seen.Header, "Idempotency-Key")
		require.NotContains(t, seen.Header, "X-Idempotency-Key")
	}
}

// A request for an operation that is not in the contract is treated as
// mutating.
func TestUnknownOperationsAreMutating(t *testing.T) {
	s := serve(t, response(502, "text/html", "<html>"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/dicloud/i/storage/cimg/share", nil)
	require.NoError(t, err)
	_, err = clientOf(t, s).Do(req)
	require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))

	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/dicloud/i/storage/cimg/share", nil)
		require.NoError(t, err)
		_, err = clientOf(t, s, wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1})).Do(req)
		require.ErrorAs(t, err, new(*wrapper.APIError))
		require.NotErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
	}
}

func TestADoneContextSendsNothing(t *testing.T) {
	reason := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	s := serve(t, respondJSON(oneJob))
	client := clientOf(t, s)
	for op, call := range mutatingCalls {
		err := call(ctx, client)
		require.ErrorIs(t, err, wrapper.ErrNotSent, op)
		require.ErrorIs(t, err, reason, op)
	}
	_, err := client.JobResults(ctx, "gz", "j1")
	require.ErrorIs(t, err, reason)
	for _, err := range client.Images(ctx, "gz") {
		require.ErrorIs(t, err, reason)
	}
	require.Empty(t, s.received())

	// A transport that ignores the context is not called.
	eager := clientThrough(t, func(*http.Request) (*http.Response, error) {
		t.Error("sent")
		return respond(oneJob)
	})
	for op, call := range mutatingCalls {
		require.ErrorIs(t, call(ctx, eager), wrapper.ErrNotSent, op)
	}
}

// When the server switches protocols, the client closes the connection, because
// reading from it would not end with the context.
func TestSwitchingProtocols(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			t.Cleanup(func() { conn.Close() })
		}
	})
	for op, call := range mutatingCalls {
		err := call(t.Context(), clientOf(t, s))
		require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError), op)
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse, op)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	held := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-held })
	t.Cleanup(func() { close(held) }) // runs before the server's own cleanup, which waits for the handler
	for op, call := range mutatingCalls {
		ctx, cancel := context.WithCancel(t.Context())
		client := clientOf(t, s)
		ended := make(chan error, 1)
		before := len(s.received())
		go func() { ended <- call(ctx, client) }()
		require.Eventually(t, func() bool { return len(s.received()) > before }, 10*time.Second, time.Millisecond, op)
		cancel()
		err := <-ended
		require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError), op)
		require.ErrorIs(t, err, context.Canceled, op)
	}
}

// One switch tells the outcomes apart, whatever the errors are wrapped in.
func TestOutcomeOf(t *testing.T) {
	rejection := &wrapper.APIError{Errno: wrapper.ErrnoBalance, HTTPStatus: 200}
	unknown := &wrapper.OutcomeUnknownError{Op: "createCIMG", Cause: rejection}
	for want, errs := range map[wrapper.Outcome][]error{
		wrapper.OutcomeAccepted: {nil},
		wrapper.OutcomeRejected: {rejection, &wrapper.APIError{HTTPStatus: 401}, &wrapper.APIError{HTTPStatus: 429}},
		wrapper.OutcomeNotSent:  {wrapper.ErrNotSent, &wrapper.InputError{Field: "region"}},
		wrapper.OutcomeUnknown: {
			unknown, errors.Join(wrapper.ErrNotSent, unknown), &wrapper.APIError{HTTPStatus: 502}, &wrapper.APIError{Errno: 424242, HTTPStatus: 200},
			&wrapper.APIError{Errno: wrapper.ErrnoSystem, HTTPStatus: 200}, errors.New("something else"), &wrapper.WaitError{Cause: rejection},
		},
	} {
		for _, err := range errs {
			require.Equal(t, want, wrapper.OutcomeOf(err), err)
			if err != nil {
				require.Equal(t, want, wrapper.OutcomeOf(fmt.Errorf("ensuring: %w", err)), err)
			}
		}
	}
}

// A deadline that a hook sets is not the caller's.
func TestDeadlinesOfHooks(t *testing.T) {
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	client := clientOf(t, s, wrapper.WithHooks(wrapper.Hooks{Begin: func(ctx context.Context, _ wrapper.Call) context.Context {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		context.AfterFunc(ctx, cancel)
		return ctx
	}}))
	_, err := client.CreateImage(t.Context(), "gz", webImage)
	require.Error(t, err)
	require.NotErrorIs(t, err, context.DeadlineExceeded)
}

// With errgroup, the cause of the context is the error of a sibling: that it was
// not sent says nothing of this call.
func TestOutcomeIgnoresTheContextsCause(t *testing.T) {
	other, err := wrapper.New(wrapper.TokenFunc(func(context.Context) (string, error) { return "", context.Canceled }))
	require.NoError(t, err)
	_, siblings := other.CreateImage(t.Context(), "gz", webImage)
	require.ErrorIs(t, siblings, wrapper.ErrNotSent)

	ctx, cancel := context.WithCancelCause(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cancel(siblings) // the request has arrived
		<-r.Context().Done()
	})
	var outcome wrapper.Outcome
	client := clientOf(t, s, wrapper.WithHooks(wrapper.Hooks{End: func(_ context.Context, end wrapper.CallEnd) { outcome = end.Outcome }}))
	_, err = client.CreateImage(ctx, "gz", webImage)
	require.Len(t, s.received(), 1, "it was sent")
	require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
	require.NotErrorIs(t, err, wrapper.ErrNotSent)
	require.Equal(t, wrapper.OutcomeUnknown, outcome)
}

// SentAt is when the request was sent, not when the call began to wait for its turn:
// what others create meanwhile is not its outcome.
func TestSentAtIsAfterTheWaitForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := clientThrough(t, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, wrapper.WithRateLimit(1.0/60, 1))
		start := time.Now()
		for i := range 3 {
			_, err := client.CreateImage(t.Context(), "gz", webImage)
			var lost *wrapper.OutcomeUnknownError
			require.ErrorAs(t, err, &lost)
			require.Equal(t, time.Duration(i)*time.Minute, lost.SentAt.Sub(start).Round(time.Second))
		}
	})
}
