package wrapper_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/secrettest"
	"github.com/cimg-go/cimg/wrapper"
)

func TestNewRejectsBadTokens(t *testing.T) {
	rows := map[string]string{
		"empty":           "",
		"a line break":    token + "\n",
		"carriage return": "a\rb",
		"NUL":             "a\x00b",
		"a space":         "Bearer abc",
		"beyond ASCII":    "令牌",
		"DEL":             "a\x7f",
		"a quote":         `a"b`, // a response may repeat it escaped, where the redaction would miss it
		"a backslash":     `a\b`,
		"a comma":         "a,b",
	}
	for name, bad := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := wrapper.New(wrapper.StaticToken(bad))
			require.ErrorContains(t, err, "token")
			if bad != "" {
				require.NotContains(t, err.Error(), bad)
			}

			if name == "NUL" {
				return // an environment variable cannot hold one
			}
			t.Setenv("CIMG_TEST_TOKEN", bad)
			_, err = wrapper.New(wrapper.EnvToken("CIMG_TEST_TOKEN"))
			require.ErrorContains(t, err, "token")
		})
	}
	_, err := wrapper.New(nil)
	require.ErrorContains(t, err, "no token source")
	_, err = wrapper.New(wrapper.TokenFunc(nil))
	require.ErrorContains(t, err, "no token source")
	_, err = wrapper.New(wrapper.EnvToken("CIMG_TEST_NO_SUCH_VARIABLE"))
	require.ErrorContains(t, err, "CIMG_TEST_NO_SUCH_VARIABLE is unset")
}

func TestTheTokenIsRequestedBeforeEachAttempt(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	calls := 0
	source := wrapper.TokenFunc(func(context.Context) (string, error) {
		calls++
		return fmt.Sprintf("token%d", calls), nil
	})
	client, err := wrapper.New(source, wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	require.Zero(t, calls, "New called a source that may be slow")
	for range 2 {
		_, err := client.JobResults(t.Context(), "gz", "j1")
		require.NoError(t, err)
	}
	require.Equal(t, "Bearer token1", s.received()[0].Header.Get("Authorization"))
	require.Equal(t, "Bearer token2", s.received()[1].Header.Get("Authorization"))
}

func TestEnvTokenIsReread(t *testing.T) {
	t.Setenv("CIMG_TEST_TOKEN", "first")
	s := serve(t, respondJSON(oneJob))
	client, err := wrapper.New(wrapper.EnvToken("CIMG_TEST_TOKEN"), wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	t.Setenv("CIMG_TEST_TOKEN", "second")
	_, err = client.JobResults(t.Context(), "gz", "j1")
	require.NoError(t, err)
	require.Equal(t, "Bearer second", s.received()[0].Header.Get("Authorization"))
}

func TestFileTokenIsReread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(content string) { require.NoError(t, os.WriteFile(path, []byte(content), 0o600)) }
	_, err := wrapper.New(wrapper.FileToken(path))
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, bad := range []string{"", "\n", "two\nlines", strings.Repeat("x", 20_000)} {
		write(bad)
		_, err = wrapper.New(wrapper.FileToken(path))
		require.ErrorContains(t, err, "token", bad)
		if len(bad) > 2 {
			require.NotContains(t, err.Error(), bad)
		}
	}

	write("first\r\n")
	s := serve(t, respondJSON(oneJob))
	client, err := wrapper.New(wrapper.FileToken(path), wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	require.NoError(t, readOnce(t.Context(), client))
	write("later")
	require.NoError(t, readOnce(t.Context(), client))
	require.NoError(t, os.Remove(path))
	_, err = client.CreateImage(t.Context(), "gz", webImage)
	require.ErrorIs(t, err, wrapper.ErrNotSent)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Len(t, s.received(), 2)
	require.Equal(t, "Bearer first", s.received()[0].Header.Get("Authorization"))
	require.Equal(t, "Bearer later", s.received()[1].Header.Get("Authorization"))
}

// numbered is a source that returns another token each time.
func numbered(calls *int) wrapper.TokenSource {
	return wrapper.TokenFunc(func(context.Context) (string, error) {
		*calls++
		return fmt.Sprintf("token%d", *calls), nil
	})
}

// A rejected token is not sent again if its source has a newer one.
func TestARejectedTokenIsRequestedAgain(t *testing.T) {
	rejections := map[string]http.HandlerFunc{
		"errno 4":                envelope(200, 4),
		"HTTP 401":               response(401, "text/html", "<html>"),
		"HTTP 401 with an errno": envelope(401, 13),
	}
	for name, reject := range rejections {
		for kind, wrap := range map[string]func(wrapper.TokenSource) wrapper.TokenSource{
			"not cached": func(source wrapper.TokenSource) wrapper.TokenSource { return source },
			"cached": func(source wrapper.TokenSource) wrapper.TokenSource {
				return wrapper.CacheToken(source, time.Hour)
			},
			"cached twice": func(source wrapper.TokenSource) wrapper.TokenSource {
				return wrapper.CacheToken(wrapper.CacheToken(source, time.Hour), time.Hour)
			},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if r.Header.Get("Authorization") == "Bearer token1" {
						reject(w, r)
						return
					}
					respondJSON(oneJob)(w, r)
				})
				calls := 0
				client, err := wrapper.New(wrap(numbered(&calls)), wrapper.WithBaseURL(s.URL))
				require.NoError(t, err)
				t.Cleanup(client.CloseIdleConnections)
				_, err = client.CreateImage(t.Context(), "gz", webImage)
				require.ErrorIs(t, err, wrapper.ErrAuth)
				require.Len(t, s.received(), 1)
				_, err = client.CreateImage(t.Context(), "gz", webImage)
				require.NoError(t, err)
				require.Equal(t, "Bearer token2", s.received()[1].Header.Get("Authorization"))
			})
		}
	}
}

func TestCacheTokenKeepsATokenForItsLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		source := wrapper.CacheToken(numbered(&calls), time.Minute)
		get := func() string {
			token, err := source.Token(t.Context())
			require.NoError(t, err)
			return token
		}
		require.Equal(t, "token1", get())
		time.Sleep(time.Minute - 1)
		require.Equal(t, "token1", get())
		time.Sleep(time.Nanosecond)
		require.Equal(t, "token2", get())
	})

	// Errors are not cached, and New checks what it can.
	failures := 0
	failing := wrapper.CacheToken(wrapper.TokenFunc(func(context.Context) (string, error) {
		failures++
		return "", errors.New("vault is sealed")
	}), time.Hour)
	for range 2 {
		_, err := failing.Token(t.Context())
		require.ErrorContains(t, err, "vault is sealed")
	}
	require.Equal(t, 2, failures)
	_, err := wrapper.New(wrapper.CacheToken(nil, time.Hour))
	require.ErrorContains(t, err, "no token source")
	_, err = wrapper.New(wrapper.CacheToken(wrapper.StaticToken("a\nb"), time.Hour))
	require.ErrorContains(t, err, "invalid token")
	_, err = wrapper.New(wrapper.CacheToken(wrapper.StaticToken(token), time.Hour))
	require.NoError(t, err)
}

// An invalid token is not cached: the source may have a valid one by the next
// call.
func TestCacheTokenStoresNoBadToken(t *testing.T) {
	tokens := []string{"", "a\nb", "good"}
	source := wrapper.CacheToken(wrapper.TokenFunc(func(context.Context) (string, error) {
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}), time.Hour)
	s := serve(t, respondJSON(oneJob))
	client, err := wrapper.New(source, wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	for range 2 {
		require.ErrorContains(t, readOnce(t.Context(), client), "token")
	}
	require.NoError(t, readOnce(t.Context(), client))
	require.NoError(t, readOnce(t.Context(), client))
	require.Equal(t, "Bearer good", s.received()[1].Header.Get("Authorization"))
}

// Many calls share one call of a slow source, and none waits longer than its
// own context.
func TestCacheTokenCallsItsSourceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		source := wrapper.CacheToken(wrapper.TokenFunc(func(context.Context) (string, error) {
			calls++
			time.Sleep(time.Minute)
			return token, nil
		}), time.Hour)
		errs := make(chan error)
		for range 8 {
			go func() {
				got, err := source.Token(context.Background())
				if err == nil && got != token {
					err = fmt.Errorf("got %q", got)
				}
				errs <- err
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := source.Token(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		for range 8 {
			require.NoError(t, <-errs)
		}
		require.Equal(t, 1, calls)
	})
}

// warm calls a source once.
func warm(t *testing.T, source wrapper.TokenSource) wrapper.TokenSource {
	t.Helper()
	_, err := source.Token(t.Context())
	require.NoError(t, err)
	return source
}

// leaky is a source with its token in a field that fmt prints.
type leaky struct{ Secret string }

func (l leaky) Token(context.Context) (string, error) { return l.Secret, nil }

func TestTheTokenIsNotShown(t *testing.T) {
	hex := fmt.Sprintf("%x", token)
	hidden := func(t *testing.T, what string, v any) {
		t.Helper()
		shown := secrettest.Renderings(v)
		require.NotContains(t, shown, token, what)
		require.NotContains(t, shown, hex, what)
	}

	for name, source := range map[string]wrapper.TokenSource{
		"static":         wrapper.StaticToken(token),
		"the caller's":   leaky{token},
		"by its address": &leaky{token},
		"cached":         warm(t, wrapper.CacheToken(wrapper.StaticToken(token), time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			client, err := wrapper.New(source)
			require.NoError(t, err)
			hidden(t, "client", client)
			hidden(t, "client's value", *client)
			hidden(t, "generated client", client.Generated())
			handle, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
			require.NoError(t, err)
			hidden(t, "handle", handle)
		})
	}
	hidden(t, "source", wrapper.StaticToken(token))
	hidden(t, "cached source", warm(t, wrapper.CacheToken(wrapper.StaticToken(token), time.Hour)))
	hidden(t, "option", wrapper.WithBaseURL("https://example.com"))

	// The token is redacted wherever a response or transport repeats it.
	var escaped string
	for _, b := range []byte(token) {
		escaped += fmt.Sprintf(`\u%04x`, b)
	}
	echoes := map[string]http.HandlerFunc{
		"errmsg and requestId":  respondJSON(fmt.Sprintf(`{"errno":4,"errmsg":"AccessDenied for %s","requestId":"%s"}`, token, token)),
		"escaped":               respondJSON(fmt.Sprintf(`{"errno":4,"errmsg":"AccessDenied for %[1]s","requestId":"%[1]s"}`, escaped)),
		"requestId, no jobs":    respondJSON(fmt.Sprintf(`{"errno":0,"requestId":"%s","data":[]}`, token)),
		"Content-Type":          response(200, token, "<html>"),
		"cut Content-Type":      response(200, strings.Repeat("x", 150)+token, "<html>"),
		"an escaped name":       respondJSON(fmt.Sprintf(`{"errno":0,"%[1]s":1,"%[1]s":2}`, escaped)),
		"an escaped id":         respondJSON(fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"%s","done":true}]}`, escaped)),
		"an escaped id, no end": respondJSON(fmt.Sprintf(`{"requestId":"%[1]s","data":[{"jobUuid":"%[1]s"}],`, escaped)),
		"a slash escaped":       respondJSON(`{"errno":4,"errmsg":"\/` + token + `"}`),
		"a field's name":        respondJSON(`{"errno":0,"data":[{"jobUuid":"a","` + token + `":[}]}`),
	}
	for name, handler := range echoes {
		_, err := clientOf(t, serve(t, handler)).CreateImage(t.Context(), "gz", webImage)
		require.Error(t, err)
		secrettest.EachError(err, func(e error) { hidden(t, name, e) })
		require.NotContains(t, err.Error(), token[:32], name)
	}

	for _, form := range []string{token, escaped} {
		failed := fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"j1","done":true,"success":false,"result":"denied: %s"}]}`, form)
		job, err := clientOf(t, serve(t, respondJSON(failed))).Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
		require.NoError(t, err)
		_, err = job.Wait(t.Context())
		require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		hidden(t, "a job's result", err)
	}

	for _, wrap := range []func(dump error) error{
		func(dump error) error { return dump },
		func(dump error) error { return fmt.Errorf("cannot send %s%w", strings.Repeat(".", 10_000), dump) }, // truncated in the message, but wrapped
		func(dump error) error { return discreet{dump} },
		func(dump error) error { return errors.Join(errors.New("cannot send"), discreet{dump}) },
	} {
		dumping := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			return nil, wrap(fmt.Errorf("headers: %v", r.Header))
		})
		_, err := dumping.CreateImage(t.Context(), "gz", webImage)
		require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
		secrettest.EachError(err, func(e error) { hidden(t, "error of a transport that dumps", e) })
	}
}

// Tokens of at least 16 bytes are redacted; a shorter one may be an ordinary
// word.
func TestShortTokensAreNotSearchedFor(t *testing.T) {
	for token, hidden := range map[string]bool{"0123456789abcdef": true, "0123456789abcde": false} {
		transports := map[string]roundTripper{
			"a response": func(*http.Request) (*http.Response, error) {
				return respond(`{"errno":13,"errmsg":"` + token + `"}`)
			},
			"a transport": func(*http.Request) (*http.Response, error) { return nil, errors.New(token) },
			"a decoder": func(*http.Request) (*http.Response, error) {
				return respond(`{"errno":0,"data":[{"jobUuid":"a","` + token + `":[}]}`)
			},
		}
		for name, transport := range transports {
			client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("http://127.0.0.1"),
				wrapper.WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, err)
			_, err = client.CreateImage(t.Context(), "gz", webImage)
			require.Error(t, err)
			require.Equal(t, hidden, !strings.Contains(err.Error(), token), "%s: %v", name, err)
		}
	}
}

// A response, a transport or a token source may quote a token that was replaced.
func TestReplacedTokensAreNotShown(t *testing.T) {
	nth := func(n int) string { return fmt.Sprintf("%032d", n) }
	var used, quoted int
	source := wrapper.TokenFunc(func(context.Context) (string, error) {
		if used == 0 {
			return "", errors.New("instead of " + nth(quoted))
		}
		return nth(used), nil
	})
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet {
			return nil, errors.New("instead of " + nth(quoted))
		}
		return respond(`{"errno":13,"errmsg":"instead of ` + nth(quoted) + `"}`)
	})
	var log bytes.Buffer
	client, err := wrapper.New(source, wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: transport}),
		wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}), wrapper.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	for _, used = range []int{1, 2, 3, 4, 1, 0} {
		for quoted = 1; quoted <= used || used == 0 && quoted <= 4; quoted++ {
			_, queryErr := client.JobResults(t.Context(), "gz", "j1")
			_, createErr := client.CreateImage(t.Context(), "gz", webImage)
			secrettest.EachError(errors.Join(queryErr, createErr), func(err error) {
				require.NotContains(t, secrettest.Renderings(err)+log.String(), nth(quoted), "while %d is used", used)
			})
			require.ErrorContains(t, queryErr, "instead of [token]")
			require.ErrorContains(t, createErr, "instead of [token]")
		}
	}
}

// discreet hides the message of the error that it wraps.
type discreet struct{ wrapped error }

func (discreet) Error() string   { return "cannot send" }
func (e discreet) Unwrap() error { return e.wrapped }

// A message that is truncated within the token shows no part of it.
func TestNoPartOfTheTokenIsShown(t *testing.T) {
	for before := 850; before < 1010; before++ {
		dumping := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			return nil, errors.New(strings.Repeat(".", before) + r.Header.Get("Authorization"))
		})
		_, err := dumping.CreateImage(t.Context(), "gz", webImage)
		require.Error(t, err)
		require.NotContains(t, err.Error(), token[:8], before)
	}
}

// A short token, as tests use, may be an ordinary word: it is not redacted.
func TestShortTokensDoNotGarbleErrors(t *testing.T) {
	s := serve(t, abort)
	client, err := wrapper.New(wrapper.StaticToken("text"), wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.JobResults(ctx, "gz", "j1")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "context canceled")
}

func TestTheTokenStaysWithItsHost(t *testing.T) {
	elsewhere := serve(t, respondJSON(oneJob))
	s := serve(t, http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP)
	client := clientOf(t, s)

	_, err := client.JobResults(t.Context(), "gz", "j1")
	var api *wrapper.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, http.StatusFound, api.HTTPStatus)

	// A generated client with another server does not get the token.
	stray, err := gen.NewClientWithResponses(elsewhere.URL, gen.WithHTTPClient(client))
	require.NoError(t, err)
	_, err = stray.CreateCIMGWithResponse(t.Context(), gen.CreateCIMGRequest{RegionID: "gz", CIMG: []gen.CreateCIMGInput{webImage}})
	require.ErrorIs(t, err, wrapper.ErrNotSent)
	require.Empty(t, elsewhere.received())

	before := len(s.received())
	for _, almost := range []string{
		strings.Replace(s.URL, "http://", "https://", 1),
		strings.Replace(s.URL, "http://", "http://user@", 1),
		strings.Replace(s.URL, "127.0.0.1", "localhost", 1),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, almost+"/dicloud/i/result", nil)
		require.NoError(t, err)
		_, err = client.Do(req)
		require.ErrorContains(t, err, "its token are for", almost)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/dicloud/i/result", nil)
	require.NoError(t, err)
	req.Host = "elsewhere.example"
	_, err = client.Do(req)
	require.ErrorContains(t, err, "its token are for")
	require.Len(t, s.received(), before)
}
