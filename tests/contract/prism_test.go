//go:build prism

// Package contract runs the wrapper against Prism, an independent reading of
// openapi.yaml. Prism needs Node.js, hence the build tag: `make contract`
// installs Prism and sets the tag.
package contract

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/prismtest"
	"github.com/cimg-go/cimg/wrapper"
)

const snapshot = "3fd352092a3f553cb124223f6a7f09b4" // in the contract's examples and in the emulator

// Prism's mock answers the wrapper with the contract's examples.
func TestMock(t *testing.T) {
	t.Parallel()
	client := newClient(t, prismtest.Start(t, ".", "mock"))
	created, err := client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	require.NoError(t, err)
	image, err := created.Wait(t.Context())
	require.NoError(t, err)
	copied, err := client.ImportImage(t.Context(), "gz", wrapper.ImportImageInput{
		Name: "web-01", OriginRegionID: "bj", OriginImageUUID: image.ResourceUUID,
	})
	require.NoError(t, err)
	// Two ids are one parameter. The example has both jobs; the import never finishes.
	jobs, err := client.JobResults(t.Context(), "gz", created.Ref.JobUUID, copied.Ref.JobUUID)
	require.NoError(t, err)
	require.Len(t, jobs, 2)
}

// Prism, as a proxy between the wrapper and the emulator, sees no violation of
// the contract.
func TestProxy(t *testing.T) {
	t.Parallel()
	cloud, err := emulator.New(emulator.Options{
		Strict: true,
		Plan:   func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 50 * time.Millisecond} },
	})
	require.NoError(t, err)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	url := prismtest.Start(t, ".", "proxy", server.URL)
	client := newClient(t, url)

	created, err := client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web & 镜像", SnapUUID: snapshot, Description: "<one>"})
	require.NoError(t, err)
	image, err := created.Wait(t.Context())
	require.NoError(t, err)
	copied, err := client.ImportImage(t.Context(), "bj", wrapper.ImportImageInput{
		Name: "web-02", OriginRegionID: "gz", OriginImageUUID: image.ResourceUUID,
	})
	require.NoError(t, err)
	_, err = copied.Wait(t.Context())
	require.NoError(t, err)
	for _, err := range client.Images(t.Context(), "bj") {
		require.NoError(t, err)
	}
	_, err = client.RenameImage(t.Context(), "bj", wrapper.RenameImageInput{ImageUUID: copied.Ref.ResourceUUID, Name: "web-03"})
	require.NoError(t, err)
	_, err = client.DeleteImage(t.Context(), "bj", copied.Ref.ResourceUUID)
	require.NoError(t, err)
	_, err = client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: "unknown"})
	require.ErrorIs(t, err, wrapper.ErrNotFound)

	// Prism would have reported a violation, of a request and of a response.
	cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Body: `{"errno":0,"errmsg":"ok"}`, ContentType: "application/json"})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/dicloud/i/result?regionId=gz", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, resp.Header.Get(violations), "jobuuids")
	require.Contains(t, resp.Header.Get(violations), "requestId")
}

// newClient returns a client that fails the test when Prism reports a violation.
func newClient(t *testing.T, url string) *wrapper.Client {
	t.Helper()
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL(url),
		wrapper.WithHTTPClient(&http.Client{Transport: checking{t}}),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: 10 * time.Millisecond}))
	require.NoError(t, err)
	return client
}

// violations is the response header in which Prism reports them.
const violations = "sl-violations"

type checking struct{ t *testing.T }

func (c checking) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if req.Method == http.MethodGet { // a poll; the default example has jobs in progress
		req.Header.Set("Prefer", "example=finished")
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		assert.Empty(c.t, resp.Header.Values(violations))
	}
	return resp, err
}
