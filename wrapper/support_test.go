package wrapper_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

const (
	token    = "9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7"
	snapshot = "3fd352092a3f553cb124223f6a7f09b4"
	imageID  = "4a48f88391134a01befe88ff98b68af8"

	oneJob = `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","type":"CreateCIMG","progress":0,"done":false,"success":false,"resourceUuid":"i1"}]}`
)

var webImage = wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}

// service is a server that runs the test's handler and records the requests.
type service struct {
	URL string

	mu       sync.Mutex
	requests []request
}

type request struct {
	Method, Path, Query, Body string
	Header                    http.Header
}

// received returns the requests so far.
func (s *service) received() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// serve starts a service on a loopback socket.
func serve(t *testing.T, handler http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error("reading a request:", err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, request{r.Method, r.URL.Path, r.URL.RawQuery, string(body), r.Header.Clone()})
		s.mu.Unlock()
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// response returns a handler that sends one body.
func response(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func respondJSON(body string) http.HandlerFunc {
	return response(http.StatusOK, "application/json", body)
}

// clientOf returns a client of a service.
func clientOf(t *testing.T, s *service, options ...wrapper.Option) *wrapper.Client {
	t.Helper()
	options = append([]wrapper.Option{wrapper.WithBaseURL(s.URL)}, options...)
	client, err := wrapper.New(wrapper.StaticToken(token), options...)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// roundTripper turns a function into a transport.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// clientThrough returns a client that uses a transport, without a socket.
func clientThrough(t *testing.T, transport roundTripper, options ...wrapper.Option) *wrapper.Client {
	t.Helper()
	return clientOf(t, &service{URL: "http://127.0.0.1"},
		append([]wrapper.Option{wrapper.WithHTTPClient(&http.Client{Transport: transport})}, options...)...)
}

// respond returns a response with as few fields set as a transport may set.
func respond(body string) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}
