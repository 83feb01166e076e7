package reconcile_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

const (
	snapshot   = "3fd352092a3f553cb124223f6a7f09b4"
	stockImage = "4a48f88391134a01befe88ff98b68af8" // in the emulator's region bj
)

var webImage = wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}

// inCloud runs a test in virtual time, with an emulator and a client of it.
func inCloud(t *testing.T, settings emulator.Options, test func(*testing.T, *emulator.Emulator, *wrapper.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings.Strict, settings.CheckResponses = true, true
		cloud, err := emulator.New(settings)
		require.NoError(t, err)
		test(t, cloud, anotherClient(t, cloud))
		require.Empty(t, cloud.Violations())
	})
}

// anotherClient returns a client that remembers nothing.
func anotherClient(t *testing.T, cloud *emulator.Emulator) *wrapper.Client {
	t.Helper()
	return clientThrough(t, cloud.Transport().RoundTrip)
}

// roundTripper turns a function into a transport.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// clientThrough returns a client that uses a transport, without a socket.
func clientThrough(t *testing.T, transport roundTripper, options ...wrapper.Option) *wrapper.Client {
	t.Helper()
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), append(options,
		wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: transport}))...)
	require.NoError(t, err)
	return client
}

func recovery(t *testing.T, client *wrapper.Client, options ...reconcile.Option) *reconcile.Reconciler {
	t.Helper()
	r, err := reconcile.New(client, options...)
	require.NoError(t, err)
	return r
}

// respond returns a response with as few fields set as a transport may set.
func respond(body string) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// respondPage returns images, all on the first page.
func respondPage(r *http.Request, items string) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(body), `"start":0`) {
		items = ""
	}
	return respond(`{"errno":0,"data":[` + items + `]}`)
}

// lasting plans jobs that succeed after d.
func lasting(d time.Duration) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: d} }
}

// failing plans jobs that fail half way.
func failing(reason string) func(emulator.JobStart) emulator.Plan {
	return func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Minute, FailAt: 0.5, Failure: reason}
	}
}

func create(t *testing.T, client *wrapper.Client, names ...string) []*wrapper.JobHandle {
	t.Helper()
	images := make([]wrapper.CreateImageInput, len(names))
	for i, name := range names {
		images[i] = wrapper.CreateImageInput{Name: name, SnapUUID: snapshot}
	}
	handles, err := client.CreateImages(t.Context(), "gz", images)
	require.NoError(t, err)
	return handles
}
