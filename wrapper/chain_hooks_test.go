package wrapper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/secrettest"
	"github.com/cimg-go/cimg/wrapper"
)

// recorder stores what hooks are given.
type recorder struct {
	begun    []wrapper.Call
	attempts []wrapper.Attempt
	ended    []wrapper.CallEnd
	order    []string
}

type contextKey struct{}

func (r *recorder) hooks() wrapper.Hooks {
	return wrapper.Hooks{
		Begin: func(ctx context.Context, call wrapper.Call) context.Context {
			r.begun = append(r.begun, call)
			r.order = append(r.order, "begin")
			return context.WithValue(ctx, contextKey{}, "span")
		},
		Attempt: func(ctx context.Context, attempt wrapper.Attempt) {
			r.attempts = append(r.attempts, attempt)
			r.order = append(r.order, fmt.Sprintf("attempt in %v", ctx.Value(contextKey{})))
		},
		End: func(ctx context.Context, end wrapper.CallEnd) {
			r.ended = append(r.ended, end)
			r.order = append(r.order, fmt.Sprintf("end in %v", ctx.Value(contextKey{})))
		},
	}
}

func TestHooksSeeEachAttempt(t *testing.T) {
	var seen recorder
	inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Errno: 2, Delay: time.Second})
		cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Status: 429, Header: http.Header{
			"Retry-After": {"3"}, "Set-Cookie": {"session=secret"}, "Server": {"nginx"}, "Date": nil,
		}})
		start := time.Now()
		require.NoError(t, readOnce(t.Context(), client))

		about := wrapper.Call{Op: "getJobResult", Region: "gz"}
		require.Equal(t, []string{"begin", "attempt in span", "attempt in span", "attempt in span", "end in span"}, seen.order)
		require.Equal(t, []wrapper.Call{about}, seen.begun)
		first, second, third := seen.attempts[0], seen.attempts[1], seen.attempts[2]
		require.Equal(t, []wrapper.Call{about, about, about}, []wrapper.Call{first.Call, second.Call, third.Call})
		require.Equal(t, []int{1, 2, 3}, []int{first.Number, second.Number, third.Number})

		require.Equal(t, start, first.StartedAt)
		require.Equal(t, time.Second, first.Duration)
		require.EqualValues(t, 2, first.Errno)
		require.Equal(t, 200, first.HTTPStatus)
		require.NotEmpty(t, first.RequestID)
		require.ErrorIs(t, first.Err, wrapper.ErrServer)

		require.Equal(t, 429, second.HTTPStatus)
		require.Equal(t, http.Header{"Retry-After": {"3"}, "Server": {"nginx"}}, second.Header)
		require.ErrorIs(t, second.Err, wrapper.ErrRateLimited)

		require.NoError(t, third.Err)
		require.Equal(t, 200, third.HTTPStatus)
		require.Zero(t, third.Errno)

		require.Len(t, seen.ended, 1)
		end := seen.ended[0]
		require.Equal(t, about, end.Call)
		require.Equal(t, wrapper.OutcomeAccepted, end.Outcome)
		require.Equal(t, 3, end.Attempts)
		require.Equal(t, start, end.StartedAt)
		require.Equal(t, time.Since(start), end.Duration)
		require.NoError(t, end.Err)
	}, wrapper.WithHooks(wrapper.Hooks{}), wrapper.WithHooks(seen.hooks()), wrapper.WithHooks(wrapper.Hooks{
		Begin: func(context.Context, wrapper.Call) context.Context { return nil },
	}))
}

// Every end hook is called with the context of its own begin hook.
func TestHooksNest(t *testing.T) {
	var order []string
	named := func(name string) wrapper.Hooks {
		return wrapper.Hooks{
			Begin: func(ctx context.Context, _ wrapper.Call) context.Context {
				order = append(order, fmt.Sprintf("%s begins in %v", name, ctx.Value(contextKey{})))
				return context.WithValue(ctx, contextKey{}, name)
			},
			Attempt: func(ctx context.Context, _ wrapper.Attempt) {
				order = append(order, fmt.Sprintf("%s sees an attempt in %v", name, ctx.Value(contextKey{})))
			},
			End: func(ctx context.Context, _ wrapper.CallEnd) {
				order = append(order, fmt.Sprintf("%s ends in %v", name, ctx.Value(contextKey{})))
			},
		}
	}
	client := clientThrough(t, func(*http.Request) (*http.Response, error) { return respond(oneJob) },
		wrapper.WithHooks(named("a")), wrapper.WithHooks(named("b")))
	require.NoError(t, readOnce(t.Context(), client))
	require.Equal(t, []string{
		"a begins in <nil>", "b begins in a",
		"a sees an attempt in b", "b sees an attempt in b",
		"b ends in b", "a ends in a",
	}, order)
}

func TestHooksSeeOutcomes(t *testing.T) {
	rows := map[string]struct {
		fault     emulator.Fault
		mutating  wrapper.Outcome
		readOnly  wrapper.Outcome
		responded bool
	}{
		"a response":         {emulator.Fault{Delay: 1}, wrapper.OutcomeAccepted, wrapper.OutcomeAccepted, true},
		"connection refused": {emulator.Fault{Refuse: true}, wrapper.OutcomeNotSent, wrapper.OutcomeUnknown, false},
		"reset":              {emulator.Fault{Reset: true}, wrapper.OutcomeUnknown, wrapper.OutcomeUnknown, false},
		"errno 2":            {emulator.Fault{Errno: 2}, wrapper.OutcomeUnknown, wrapper.OutcomeUnknown, true},
		"errno 4":            {emulator.Fault{Errno: 4}, wrapper.OutcomeRejected, wrapper.OutcomeRejected, true},
		"HTTP 502":           {emulator.Fault{Status: 502}, wrapper.OutcomeUnknown, wrapper.OutcomeUnknown, true},
		"HTTP 429":           {emulator.Fault{Status: 429}, wrapper.OutcomeRejected, wrapper.OutcomeRejected, true},
		"no envelope":        {emulator.Fault{Body: "<html>"}, wrapper.OutcomeUnknown, wrapper.OutcomeUnknown, true},
		"a rejection?":       {emulator.Fault{Body: `{"errno":41017,"data":[{"jobUuid":"j1"}]}`}, wrapper.OutcomeUnknown, wrapper.OutcomeRejected, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var seen recorder
			inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, client *wrapper.Client) {
				row.fault.Count = 2
				cloud.InjectFor(t, row.fault)
				_, err := client.CreateImage(t.Context(), "gz", webImage)
				require.Equal(t, row.mutating, seen.ended[0].Outcome)
				require.Equal(t, err, seen.ended[0].Err)
				err = readOnce(t.Context(), client)
				require.Equal(t, row.readOnly, seen.ended[1].Outcome)
				require.Equal(t, err, seen.ended[1].Err)
				for _, attempt := range seen.attempts {
					require.Equal(t, row.responded, attempt.HTTPStatus != 0)
				}
			}, wrapper.WithHooks(seen.hooks()), wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}))
		})
	}

	// Invalid input is rejected before a call begins.
	var seen recorder
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithHooks(seen.hooks()))
	require.NoError(t, err)
	_, err = client.CreateImage(t.Context(), "", webImage)
	require.ErrorAs(t, err, new(*wrapper.InputError))
	require.Empty(t, seen.order)
}

func TestEachAttemptIsOneLineOfLog(t *testing.T) {
	handlers := map[string]func(*bytes.Buffer, slog.Level) slog.Handler{
		"text": func(b *bytes.Buffer, level slog.Level) slog.Handler {
			return slog.NewTextHandler(b, &slog.HandlerOptions{Level: level})
		},
		"JSON": func(b *bytes.Buffer, level slog.Level) slog.Handler {
			return slog.NewJSONHandler(b, &slog.HandlerOptions{Level: level})
		},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			var debug, warnings bytes.Buffer
			inCloud(t, emulator.Options{}, func(t *testing.T, cloud *emulator.Emulator, _ *wrapper.Client) {
				cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Delay: 250 * time.Millisecond, Status: 503, Header: http.Header{
					"Server": {"one line"}, "X-Echo": {"Bearer " + emulator.DefaultToken}, "Via": {emulator.DefaultToken},
				}})
				through := roundTripper(func(r *http.Request) (*http.Response, error) {
					resp, err := cloud.Transport().RoundTrip(r)
					if resp.Header.Get("Server") != "" {
						resp.Header.Set("Server", "two\nlines") // no real connection delivers that
					}
					return resp, err
				})
				client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: through}),
					wrapper.WithLogger(slog.New(handler(&debug, slog.LevelDebug))), wrapper.WithLogger(slog.New(handler(&warnings, slog.LevelWarn))))
				require.NoError(t, err)
				require.NoError(t, readOnce(t.Context(), client))
			})

			lines := strings.Split(strings.TrimSpace(debug.String()), "\n")
			require.Len(t, lines, 2)
			require.Equal(t, lines[0]+"\n", warnings.String())
			require.NotContains(t, debug.String(), emulator.DefaultToken)
			require.NotContains(t, debug.String(), "X-Echo")
			require.NotContains(t, debug.String(), "Authorization")
			require.Contains(t, lines[0], "[token]", "of Via")
			for _, part := range []string{"WARN", "cimg attempt", "getJobResult", "gz", "attempt", "duration", "httpStatus", "503", "Server", "server error"} {
				require.Contains(t, lines[0], part)
			}
			for _, part := range []string{"DEBUG", "httpStatus", "200", "errno", "requestId", "Content-Type", "application/json"} {
				require.Contains(t, lines[1], part)
			}
			if name == "JSON" {
				var line map[string]any
				require.NoError(t, json.Unmarshal([]byte(lines[0]), &line))
				require.EqualValues(t, 250*time.Millisecond, line["duration"])
				require.EqualValues(t, 1, line["attempt"])
			}
		})
	}
	_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithLogger(nil))
	require.ErrorContains(t, err, "logger")
}

// A hook that panics after a mutating call was sent loses neither its jobs nor that
// it was sent.
func TestHooksThatPanic(t *testing.T) {
	anyway := func() { panic("at the disco with " + token) }
	for name, option := range map[string]wrapper.Option{
		"attempt": wrapper.WithHooks(wrapper.Hooks{Attempt: func(context.Context, wrapper.Attempt) { anyway() }}),
		"end":     wrapper.WithHooks(wrapper.Hooks{End: func(context.Context, wrapper.CallEnd) { anyway() }}),
		"logger":  wrapper.WithLogger(slog.New(slog.NewTextHandler(writerFunc(anyway), &slog.HandlerOptions{Level: slog.LevelDebug}))),
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, serve(t, respondJSON(oneJob)), option)
			_, err := client.CreateImage(t.Context(), "gz", webImage)
			unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](err)
			require.True(t, found, "%v", err)
			require.Equal(t, []string{"web-01"}, unknown.Names)
			require.Equal(t, "r1", unknown.RequestID)
			require.Len(t, unknown.Jobs, 1)
			require.Equal(t, "j1", unknown.Jobs[0].JobUUID)
			require.WithinDuration(t, time.Now(), unknown.SentAt, time.Minute)
			require.ErrorContains(t, err, "panicked")
			require.NotContains(t, secrettest.Renderings(err), token)
			require.Panics(t, func() { client.JobResults(t.Context(), "gz", "j1") }, "a read-only call loses nothing")

			_, err = clientOf(t, serve(t, abort), option).CreateImage(t.Context(), "gz", webImage)
			require.ErrorAs(t, err, &unknown)
			require.Equal(t, []string{"web-01"}, unknown.Names)
			require.Empty(t, unknown.Jobs)

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.Panics(t, func() { client.CreateImage(ctx, "gz", webImage) }, "it was not sent")
		})
	}
	begin := wrapper.WithHooks(wrapper.Hooks{Begin: func(context.Context, wrapper.Call) context.Context { panic("at the disco") }})
	require.Panics(t, func() { clientOf(t, serve(t, respondJSON(oneJob)), begin).CreateImage(t.Context(), "gz", webImage) }, "it was not sent")

	// What an earlier attempt received, which was rejected, is not the last one's.
	s := serve(t, response(http.StatusTooManyRequests, "text/plain", ""))
	source := wrapper.TokenFunc(func(context.Context) (string, error) {
		if len(s.received()) > 0 {
			panic("at the disco")
		}
		return token, nil
	})
	client, err := wrapper.New(source, wrapper.WithBaseURL(s.URL), wrapper.WithMutatingRetries(2), wrapper.WithHooks(wrapper.Hooks{}))
	require.NoError(t, err)
	require.Panics(t, func() { client.CreateImage(t.Context(), "gz", webImage) }, "the second was not sent")
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}
