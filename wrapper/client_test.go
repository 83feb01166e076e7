package wrapper_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

func TestBaseURL(t *testing.T) {
	rows := []struct {
		url, wantErr string // wantErr empty: accepted
	}{
		{"https://open.didiyunapi.com", ""},
		{"https://gateway.example/cimg/", ""},
		{"HTTPS://gateway.example", ""},
		{"http://127.0.0.1:8080", ""},
		{"http://[::1]:8080", ""},
		{"http://localhost:8080", ""},
		{"http://open.didiyunapi.com", "use https"},
		{"http://127.0.0.1.example.com", "use https"},
		{"http://10.0.0.1", "use https"},
		{"ftp://example.com", "neither https nor http"},
		{"open.didiyunapi.com", "no host"},
		{"", "no host"},
		{"https://", "no host"},
		{"admin:hunter2@example.com", "no host"},
		{"https:///x?token=hunter2", "no host"},
		{"https://user:hunter2@example.com", "remove them"},
		{"https://example.com?token=hunter2", "a query or a fragment"},
		{"https://example.com?", "a query or a fragment"},
		{"https://example.com#hunter2", "a query or a fragment"},
		{"https://user:hunter2@exa mple.com", "cannot be parsed"},
		{"https://example.com/%zz", "cannot be parsed"},
	}
	for _, row := range rows {
		t.Run(row.url, func(t *testing.T) {
			_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(row.url))
			if row.wantErr == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.wantErr)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// net/http compares hosts literally, for instance to bypass proxies.
func TestBaseURLIsInLowerCase(t *testing.T) {
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("HTTP://LocalHost:8080/CIMG/"))
	require.NoError(t, err)
	require.Equal(t, "http://localhost:8080/CIMG", client.BaseURL())
}

func TestBaseURLPathPrefix(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	for _, suffix := range []string{"/proxy/v1", "/proxy/v1/", "/proxy/v1//"} {
		client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(s.URL+suffix))
		require.NoError(t, err)
		_, err = client.CreateImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		require.Equal(t, "/proxy/v1/dicloud/i/storage/cimg/create", s.received()[len(s.received())-1].Path)
	}
}

func TestNewJoinsErrors(t *testing.T) {
	_, err := wrapper.New(wrapper.StaticToken(""), nil,
		wrapper.WithBaseURL("http://example.com"),
		wrapper.WithHTTPClient(nil),
		wrapper.WithMaxResponseBytes(0),
		wrapper.WithPageSize(0),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: -time.Second}),
		wrapper.WithWaitOptions(nil, wrapper.MaxFailures(-1), wrapper.PollPolicy(nil)),
	)
	for _, part := range []string{"no token", "option 0 is nil", "use https", "http client", "max response bytes", "page size", "polling", "MaxFailures", "PollPolicy"} {
		require.ErrorContains(t, err, part)
	}
	require.Equal(t, 1, strings.Count(err.Error(), "cimg:"), err)
	require.NotContains(t, err.Error(), "\n")
	require.ErrorAs(t, err, new(*wrapper.InputError))

	_, err = wrapper.New(wrapper.StaticToken(token), wrapper.WithWaitOptions(wrapper.MaxFailures(-1)))
	require.EqualError(t, err, "cimg: MaxFailures: -1 is negative")
}

func TestTimeoutsOption(t *testing.T) {
	for _, bad := range []wrapper.Timeouts{{Mutating: -1}, {ReadOnly: -1}} {
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithTimeouts(bad))
		require.ErrorContains(t, err, "timeouts", bad)
	}
	_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithMutatingRetries(0))
	require.ErrorContains(t, err, "mutating retries")
	for _, bad := range []string{"", " ", "a\r\nb", "ä"} {
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithUserAgent(bad))
		require.ErrorContains(t, err, "user agent", bad)
	}
}

// The service's logs tell who calls, unless the caller says it otherwise.
func TestUserAgent(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	sent := func(options ...wrapper.Option) string {
		_, err := clientOf(t, s, options...).CreateImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
		return s.received()[len(s.received())-1].Header.Get("User-Agent")
	}
	require.Equal(t, "cimg-go/devel", sent())
	require.Equal(t, "builder/1.4 (linux) cimg-go/devel", sent(wrapper.WithUserAgent("builder/1.4 (linux)")))
	require.Equal(t, "a~ cimg-go/devel", sent(wrapper.WithUserAgent("a~")))

	_, err := clientOf(t, s).Generated().GetJobResultWithResponse(t.Context(), &gen.GetJobResultParams{RegionID: "gz", JobUUIDs: "j1"},
		func(_ context.Context, r *http.Request) error { r.Header.Set("User-Agent", "mine"); return nil })
	require.NoError(t, err)
	require.Equal(t, "mine", s.received()[len(s.received())-1].Header.Get("User-Agent"))
}

func TestPollingOption(t *testing.T) {
	for _, bad := range []wrapper.Polling{
		{RequestInterval: -1}, {MaxRetryAfter: -1}, {Timeout: -1}, {MaxJobs: -1}, {MaxURLBytes: -1},
	} {
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithPolling(bad))
		require.ErrorContains(t, err, "polling", bad)
	}
}

func TestWaitOptions(t *testing.T) {
	c, err := wrapper.New(wrapper.StaticToken(token))
	require.NoError(t, err)
	job, err := c.Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
	require.NoError(t, err)
	for name, bad := range map[string]wrapper.WaitOption{
		"WaitOption":   nil,
		"PollPolicy":   wrapper.PollPolicy(nil),
		"MaxFailures":  wrapper.MaxFailures(-1),
		"MissingGrace": wrapper.MissingGrace(-1),
		"StallTimeout": wrapper.StallTimeout(-1),
		"LastPoll":     wrapper.LastPoll(-1),
	} {
		requireRefused := func(err error) {
			var input *wrapper.InputError
			require.ErrorAs(t, err, &input)
			require.Equal(t, name, input.Field)
		}
		_, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithWaitOptions(bad))
		requireRefused(err)
		_, err = job.Wait(t.Context(), bad)
		requireRefused(err)
		_, err = c.WaitAll(t.Context(), nil, bad)
		requireRefused(err)
		for _, err := range job.Watch(t.Context(), bad) {
			requireRefused(err)
		}
		for _, outcome := range c.WatchAll(t.Context(), nil, bad) {
			requireRefused(outcome.Err)
		}
	}
}

func TestTheCallersHTTPClientIsNotChanged(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	callers := &http.Client{Transport: transport, Timeout: time.Minute}
	before := *callers
	images := []wrapper.CreateImageInput{webImage}

	_, err := clientOf(t, s, wrapper.WithHTTPClient(callers)).CreateImages(t.Context(), "gz", images)
	require.NoError(t, err)
	require.Equal(t, before.Timeout, callers.Timeout)
	require.Same(t, transport, callers.Transport)
	require.Nil(t, callers.CheckRedirect)
	require.Nil(t, callers.Jar)
	require.False(t, transport.DisableKeepAlives)
	require.Equal(t, []wrapper.CreateImageInput{webImage}, images)
}

func TestTheCallersConnectionsAreLeftOpen(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(respondJSON(oneJob))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(server.URL),
		wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	for range 3 {
		_, err = client.JobResults(t.Context(), "gz", "j1")
		require.NoError(t, err)
		client.CloseIdleConnections()
	}
	require.EqualValues(t, 1, opened.Load())
}

// The server may have closed a connection that was idle: read-only calls can be
// retried, mutating calls cannot.
func TestMutatingCallsUseFreshConnections(t *testing.T) {
	var mu sync.Mutex
	connections := make(map[string][]string) // by method
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		connections[r.Method] = append(connections[r.Method], r.RemoteAddr)
		respondJSON(oneJob)(w, r)
	})
	client := clientOf(t, s)
	for range 3 {
		_, err := client.JobResults(t.Context(), "gz", "j1")
		require.NoError(t, err)
		_, err = client.CreateImage(t.Context(), "gz", webImage)
		require.NoError(t, err)
	}
	distinct := func(addrs []string) int {
		slices.Sort(addrs)
		return len(slices.Compact(addrs))
	}
	require.Equal(t, 1, distinct(connections[http.MethodGet]))
	require.Equal(t, 3, distinct(connections[http.MethodPost]))
}

func TestRequestsMatchTheContract(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	client := clientOf(t, s)
	for _, call := range mutatingCalls {
		require.NoError(t, call(t.Context(), client))
	}
	_, err := client.JobResults(t.Context(), "gz", "j1", "j2")
	require.NoError(t, err)

	bodies := map[string]string{
		"/dicloud/i/storage/cimg/create":     `{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"` + snapshot + `"}]}`,
		"/dicloud/i/storage/cimg/import":     `{"regionId":"bj","cimg":[{"name":"web-01","originRegionId":"gz","originImageUuid":"` + imageID + `"}]}`,
		"/dicloud/i/storage/cimg/changeName": `{"regionId":"gz","cimg":[{"cimgUuid":"` + imageID + `","name":"web-02"}]}`,
		"/dicloud/i/storage/cimg/delete":     `{"regionId":"gz","cimg":[{"cimgUuid":"` + imageID + `"}]}`,
	}
	for _, r := range s.received() {
		if r.Method == http.MethodGet {
			require.Equal(t, "/dicloud/i/result", r.Path)
			require.Equal(t, "regionId=gz&jobUuids=j1,j2", r.Query)
			continue
		}
		require.JSONEq(t, bodies[r.Path], r.Body)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		require.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
		delete(bodies, r.Path)
	}
	require.Empty(t, bodies, "not requested")
}

// The body that each request has, so that net/http does not repeat it, does not
// show on the wire.
func TestReadOnlyCallsAreOrdinaryRequests(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Zero(t, r.ContentLength)
		assert.Empty(t, r.TransferEncoding)
		assert.NotContains(t, r.Header, "Content-Length")
		respondJSON(oneJob)(w, r)
	})
	require.NoError(t, readOnce(t.Context(), clientOf(t, s)))
	require.NoError(t, readOnce(t.Context(), clientOf(t, s, wrapper.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}))))
}

func TestObjectBody(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	client := clientOf(t, s, wrapper.WithObjectBody())
	_, err := client.CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err)
	_, err = client.ImportImage(t.Context(), "bj", wrapper.ImportImageInput{Name: "web-01", OriginRegionID: "gz", OriginImageUUID: imageID})
	require.NoError(t, err)
	require.JSONEq(t, `{"regionId":"gz","cimg":{"name":"web-01","snapUuid":"`+snapshot+`"}}`, s.received()[0].Body)
	require.JSONEq(t, `{"regionId":"bj","cimg":{"name":"web-01","originRegionId":"gz","originImageUuid":"`+imageID+`"}}`, s.received()[1].Body)

	_, err = client.CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{webImage, {Name: "web-02", SnapUUID: snapshot}})
	require.ErrorAs(t, err, new(*wrapper.InputError))
	require.Len(t, s.received(), 2)
}

func TestGeneratedClientKeepsThePromises(t *testing.T) {
	body := gen.CreateCIMGRequest{RegionID: "gz", CIMG: []gen.CreateCIMGInput{webImage}}

	accepted, err := clientOf(t, serve(t, response(200, "text/plain", oneJob))).Generated().CreateCIMGWithResponse(t.Context(), body)
	require.NoError(t, err)
	require.Equal(t, "j1", accepted.JSON200.Data[0].JobUUID)

	_, err = clientOf(t, serve(t, envelope(200, 41017))).Generated().CreateCIMGWithResponse(t.Context(), body)
	require.ErrorIs(t, err, wrapper.ErrNotFound)

	s := serve(t, response(502, "text/html", "<html>"))
	_, err = clientOf(t, s).Generated().CreateCIMGWithResponse(t.Context(), body)
	var lost *wrapper.OutcomeUnknownError
	require.ErrorAs(t, err, &lost)
	require.Equal(t, []string{"web-01"}, lost.Names)
	require.Len(t, s.received(), 1)

	for _, data := range []string{`null`, `{}`, `"none"`} {
		s = serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":`+data+`}`))
		_, err = clientOf(t, s).Generated().ListCIMGWithResponse(t.Context(), gen.ListCIMGRequest{RegionID: "gz", Limit: 1})
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse, data)
	}

	// A body that the generated client only streams is sent in full, too.
	s = serve(t, respondJSON(oneJob))
	streamed := io.MultiReader(strings.NewReader(`{"regionId":"gz","cimg":{"name":"web-01","snapUuid":"x"}}`))
	_, err = clientOf(t, s).Generated().CreateCIMGWithBodyWithResponse(t.Context(), "application/json", streamed)
	require.NoError(t, err)
	require.Contains(t, s.received()[0].Body, "web-01")
}

// The client tolerates what callers of Do, or a transport, leave unset.
func TestBareRequestsAndResponses(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	u, err := url.Parse(s.URL + "/dicloud/i/result?regionId=gz&jobUuids=j1")
	require.NoError(t, err)
	resp, err := clientOf(t, s).Do(&http.Request{Method: http.MethodGet, URL: u})
	require.NoError(t, err)
	resp.Body.Close()
	_, err = clientOf(t, s).Do(&http.Request{Method: http.MethodGet})
	require.ErrorIs(t, err, wrapper.ErrNotSent)

	bare := clientThrough(t, func(*http.Request) (*http.Response, error) { return respond(oneJob) })
	_, err = bare.Generated().CreateCIMGWithResponse(t.Context(), gen.CreateCIMGRequest{CIMG: []gen.CreateCIMGInput{webImage}})
	require.NoError(t, err)
}

// A transport may reuse the header map of its responses, and a caller of Do change what
// it got.
func TestTheTransportsHeaderIsNotChanged(t *testing.T) {
	for _, shown := range []string{token, "no token"} {
		shared := http.Header{"X-Echo": {shown}}
		client := clientThrough(t, func(*http.Request) (*http.Response, error) {
			resp, err := respond(oneJob)
			resp.Header = shared
			return resp, err
		})
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				read, err := client.Generated().GetJobResultWithResponse(context.Background(), &gen.GetJobResultParams{RegionID: "gz", JobUUIDs: "j1"})
				if assert.NoError(t, err) {
					read.HTTPResponse.Header["X-Echo"][0] = "changed"
				}
			})
		}
		group.Wait()
		require.Equal(t, http.Header{"X-Echo": {shown}}, shared)
	}
}

// A request body that hangs does not keep the call beyond its context, nor is what
// came of it sent, whatever its Close does.
func TestDoEndsWithItsContext(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	hooks := wrapper.WithHooks(wrapper.Hooks{Begin: func(ctx context.Context, _ wrapper.Call) context.Context {
		return context.WithoutCancel(ctx)
	}})
	for name, whenClosed := range map[string]error{"fails": io.ErrClosedPipe, "ends": io.EOF, "ignores it": nil} {
		t.Run(name, func(t *testing.T) {
			body, content := io.Pipe()
			defer content.Close()
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/dicloud/i/storage/cimg/create", &closable{body, func() error {
				return content.CloseWithError(whenClosed)
			}})
			require.NoError(t, err)
			if whenClosed == nil {
				req.Body = io.NopCloser(body)
			}
			cancel()
			_, err = clientOf(t, s, hooks).Do(req)
			require.ErrorIs(t, err, wrapper.ErrNotSent)
			require.ErrorIs(t, err, context.Canceled)
			require.Empty(t, s.received())
		})
	}
}

type closable struct {
	io.Reader
	close func() error
}

func (c *closable) Close() error { return c.close() }

func TestClientIsSafeForConcurrentUse(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	client := clientOf(t, s)
	errs := make(chan error)
	for range 16 {
		go func() {
			_, err := client.CreateImage(context.WithoutCancel(t.Context()), "gz", webImage)
			errs <- err
		}()
	}
	for range 16 {
		require.NoError(t, <-errs)
	}
	require.Len(t, s.received(), 16)
}

// The header of a response stays as it is: a transport may share it.
func TestHeadersOfResponsesAreNotChanged(t *testing.T) {
	shared := http.Header{"Content-Type": {"text/plain"}, "X-Request-Id": {"for " + token}}
	for _, header := range []http.Header{shared, nil} {
		client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(oneJob)), Request: r}, nil
		})}))
		require.NoError(t, err)
		before := header.Clone()
		got, err := client.Generated().GetJobResult(t.Context(), &gen.GetJobResultParams{RegionID: "gz", JobUUIDs: "j1"})
		require.NoError(t, err)
		require.NoError(t, got.Body.Close())
		require.Equal(t, "application/json", got.Header.Get("Content-Type"))
		require.NotContains(t, got.Header.Get("X-Request-Id"), token)
		require.Equal(t, before, header)
	}
}
