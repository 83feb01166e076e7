package tests

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// From the published examples, and therefore in the emulator's stock.
const (
	snapshot   = "3fd352092a3f553cb124223f6a7f09b4"
	stockImage = "4a48f88391134a01befe88ff98b68af8"
)

var webImage = wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}

// cloud is an emulator behind a real socket, and a client of it.
type cloud struct {
	*emulator.Emulator
	url    string
	client *wrapper.Client
}

// newCloud starts an emulator whose jobs last 20 ms unless planned otherwise.
// This package, not the emulator, validates every request and response against
// the contract.
func newCloud(t *testing.T, settings emulator.Options) *cloud {
	t.Helper()
	settings.Strict = true
	if settings.Plan == nil {
		settings.Plan = func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 20 * time.Millisecond} }
	}
	emu, err := emulator.New(settings)
	require.NoError(t, err)
	server := httptest.NewServer(validating(t, emu))
	t.Cleanup(server.Close)

	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL(server.URL),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: 5 * time.Millisecond}))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return &cloud{Emulator: emu, url: server.URL, client: client}
}

// validating fails the test for each request or response that breaks the
// contract.
func validating(t *testing.T, next http.Handler) http.Handler {
	contract := loadContract(t)
	contract.Servers = openapi3.Servers{{URL: "/"}}
	router, err := gorillamux.NewRouter(contract)
	require.NoError(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		route, params, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
			return
		}
		request := &openapi3filter.RequestValidationInput{
			Request: r, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
		if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
			t.Errorf("%s: the request breaks the contract: %v", route.Operation.OperationID, err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))

		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, r)
		if err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: request,
			Status:                 recorded.Code,
			Header:                 recorded.Header(),
			Body:                   io.NopCloser(bytes.NewReader(recorded.Body.Bytes())),
		}); err != nil {
			t.Errorf("%s: the response breaks the contract: %v", route.Operation.OperationID, err)
		}
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes())
	})
}

// inProcess returns a client of an emulator without a socket.
func inProcess(t *testing.T, emu *emulator.Emulator) *wrapper.Client {
	t.Helper()
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: emu.Transport()}))
	require.NoError(t, err)
	return client
}

// listed returns the number of images in bj.
func listed(t *testing.T, client *wrapper.Client) int {
	t.Helper()
	n := 0
	for _, err := range client.Images(t.Context(), "bj") {
		require.NoError(t, err)
		n++
	}
	return n
}
