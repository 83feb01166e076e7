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

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

func TestNewRefusesBadTokens(t *testing.T) {
	rows := map[string]string{
		"empty":           "",
		"a line break":    token + "\n",
		"carriage return": "a\rb",
		"NUL":             "a\x00b",
		"a space":         "Bearer abc",
		"beyond ASCII":    "令牌",
		"DEL":             "a\x7f",
	}
	for name, bad := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := wrapper.New(wrapper.StaticToken(bad))
			require.ErrorContains(t, err, "token")
			if bad != "" {
				require.NotContains(t, err.Error(), bad)
			}

			if name == "NUL" {
				return // no environment variable can hold one
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

func TestTheTokenIsAskedForBeforeEachRequest(t *testing.T) {
	s := serve(t, replyJSON(oneJob))
	asked := 0
	source := wrapper.TokenFunc(func(context.Context) (string, error) {
		asked++
		return fmt.Sprintf("token%d", asked), nil
	})
	client, err := wrapper.New(source, wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	require.Zero(t, asked, "New asked a source that may be slow")
	for range 2 {
		_, err := client.JobResults(t.Context(), "gz", "j1")
		require.NoError(t, err)
	}
	require.Equal(t, "Bearer token1", s.received()[0].Header.Get("Authorization"))
	require.Equal(t, "Bearer token2", s.received()[1].Header.Get("Authorization"))
}

func TestEnvTokenIsReadAnew(t *testing.T) {
	t.Setenv("CIMG_TEST_TOKEN", "first")
	s := serve(t, replyJSON(oneJob))
	client, err := wrapper.New(wrapper.EnvToken("CIMG_TEST_TOKEN"), wrapper.WithBaseURL(s.URL))
	require.NoError(t, err)
	t.Setenv("CIMG_TEST_TOKEN", "second")
	_, err = client.JobResults(t.Context(), "gz", "j1")
	require.NoError(t, err)
	require.Equal(t, "Bearer second", s.received()[0].Header.Get("Authorization"))
}

// shows tells every form in which a value may end up in a log.
func shows(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	if encoded, err := json.Marshal(v); err == nil {
		b.Write(encoded)
	}
	return b.String()
}

// leaky is a source that keeps its token where fmt finds it.
type leaky struct{ Secret string }

func (l leaky) Token(context.Context) (string, error) { return l.Secret, nil }

func TestTheTokenIsNotShown(t *testing.T) {
	hex := fmt.Sprintf("%x", token)
	hidden := func(t *testing.T, what string, v any) {
		t.Helper()
		shown := shows(t, v)
		require.NotContains(t, shown, token, what)
		require.NotContains(t, shown, hex, what)
	}

	for name, source := range map[string]wrapper.TokenSource{
		"static":         wrapper.StaticToken(token),
		"the caller's":   leaky{token},
		"by its address": &leaky{token},
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
	hidden(t, "option", wrapper.WithBaseURL("https://example.com"))

	// Whatever echoes the token, it does not come out.
	var escaped string
	for _, b := range []byte(token) {
		escaped += fmt.Sprintf(`\u%04x`, b)
	}
	echoes := map[string]http.HandlerFunc{
		"errmsg and requestId":  replyJSON(fmt.Sprintf(`{"errno":4,"errmsg":"AccessDenied for %s","requestId":"%s"}`, token, token)),
		"escaped":               replyJSON(fmt.Sprintf(`{"errno":4,"errmsg":"AccessDenied for %[1]s","requestId":"%[1]s"}`, escaped)),
		"requestId, no jobs":    replyJSON(fmt.Sprintf(`{"errno":0,"requestId":"%s","data":[]}`, token)),
		"Content-Type":          reply(200, token, "<html>"),
		"cut Content-Type":      reply(200, strings.Repeat("x", 150)+token, "<html>"),
		"an escaped name":       replyJSON(fmt.Sprintf(`{"errno":0,"%[1]s":1,"%[1]s":2}`, escaped)),
		"an escaped id":         replyJSON(fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"%s","done":true}]}`, escaped)),
		"an escaped id, no end": replyJSON(fmt.Sprintf(`{"requestId":"%[1]s","data":[{"jobUuid":"%[1]s"}],`, escaped)),
		"a slash escaped":       replyJSON(`{"errno":4,"errmsg":"\/` + token + `"}`),
		"a member's name":       replyJSON(fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"a","%s":1,"%s":2}]}`, token, token)),
	}
	for name, answer := range echoes {
		_, err := clientOf(t, serve(t, answer)).CreateImage(t.Context(), "gz", webImage)
		require.Error(t, err)
		eachWrapped(err, func(e error) { hidden(t, name, e) })
		require.NotContains(t, err.Error(), token[:32], name)
	}

	for _, form := range []string{token, escaped} {
		failed := fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"j1","done":true,"success":false,"result":"denied: %s"}]}`, form)
		job, err := clientOf(t, serve(t, replyJSON(failed))).Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
		require.NoError(t, err)
		_, err = job.Wait(t.Context())
		require.ErrorAs(t, err, new(*wrapper.JobFailedError))
		hidden(t, "a job's result", err)
	}

	for _, wrap := range []func(dump error) error{
		func(dump error) error { return dump },
		func(dump error) error { return fmt.Errorf("cannot send %s%w", strings.Repeat(".", 10_000), dump) }, // cut, but wrapped
		func(dump error) error { return discreet{dump} },
		func(dump error) error { return errors.Join(errors.New("cannot send"), discreet{dump}) },
	} {
		dumping := clientThrough(t, func(r *http.Request) (*http.Response, error) {
			return nil, wrap(fmt.Errorf("headers: %v", r.Header))
		})
		_, err := dumping.CreateImage(t.Context(), "gz", webImage)
		require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
		eachWrapped(err, func(e error) { hidden(t, "error of a transport that dumps", e) })
	}
}

// discreet says nothing of what it wraps.
type discreet struct{ wrapped error }

func (discreet) Error() string   { return "cannot send" }
func (e discreet) Unwrap() error { return e.wrapped }

// eachWrapped calls f with err and with everything it wraps.
func eachWrapped(err error, f func(error)) {
	if err == nil {
		return
	}
	f(err)
	switch e := err.(type) { //nolint:errorlint // every error of the tree is looked at in its turn
	case interface{ Unwrap() error }:
		eachWrapped(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			eachWrapped(wrapped, f)
		}
	}
}

// Wherever a message is cut, it is not cut in the middle of the token.
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

// A word that happens to be the token of a test is no secret to look for.
func TestAShortTokenDoesNotSpoilErrors(t *testing.T) {
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
	elsewhere := serve(t, replyJSON(oneJob))
	s := serve(t, http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP)
	client := clientOf(t, s)

	_, err := client.JobResults(t.Context(), "gz", "j1")
	var api *wrapper.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, http.StatusFound, api.HTTPStatus)

	// A generated client with another server cannot borrow the token.
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
		require.ErrorContains(t, err, "its token belong to", almost)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/dicloud/i/result", nil)
	require.NoError(t, err)
	req.Host = "elsewhere.example"
	_, err = client.Do(req)
	require.ErrorContains(t, err, "its token belong to")
	require.Len(t, s.received(), before)
}
