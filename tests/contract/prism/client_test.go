package prism

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// What the contract's examples are about.
const (
	snapshotUUID = "3fd352092a3f553cb124223f6a7f09b4" // of the emulator's region gz
	jobUUID      = "3fd352092a3f553cb124223f6a7f09b4"
	imageUUID    = "579ddc8d6c364e6fa798698113260e6b"
	listedUUID   = "4a48f88391134a01befe88ff98b68a88"
)

// recorder is a transport that changes requests on their way and keeps what
// Prism says about exchanges.
type recorder struct {
	edit      func(*http.Request)
	transport http.Transport

	mu         sync.Mutex
	statuses   []int
	violations []string // as Prism reports them with a reply
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if r.edit != nil {
		r.edit(req)
	}
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses = append(r.statuses, resp.StatusCode)
	r.violations = append(r.violations, resp.Header.Values("sl-violations")...)
	return resp, nil
}

// prefer asks Prism for a certain reply.
func prefer(what string) func(*http.Request) {
	return func(req *http.Request) { req.Header.Set("Prefer", what) }
}

// newClient makes a client of a Prism, impatient with jobs and trouble. Requests
// are edited before they leave.
func newClient(t *testing.T, p *prism, edit func(*http.Request), options ...wrapper.Option) (*wrapper.Client, *recorder) {
	t.Helper()
	recorded := &recorder{edit: edit}
	t.Cleanup(recorded.transport.CloseIdleConnections)
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), append([]wrapper.Option{
		wrapper.WithBaseURL(p.url),
		wrapper.WithHTTPClient(&http.Client{Transport: recorded}),
		wrapper.WithPolling(wrapper.Polling{Gap: 10 * time.Millisecond}),
		wrapper.WithRetries(wrapper.Retries{BaseDelay: time.Millisecond}),
	}, options...)...)
	require.NoError(t, err)
	return client, recorded
}
