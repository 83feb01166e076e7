package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
)

// The ids in the default stock.
const (
	snapshot    = "3fd352092a3f553cb124223f6a7f09b4"
	originImage = "4a48f88391134a01befe88ff98b68af8"
	listedImage = "4a48f88391134a01befe88ff98b68a88"
)

// The paths of the operations.
const (
	createPath     = "/dicloud/i/storage/cimg/create"
	importPath     = "/dicloud/i/storage/cimg/import"
	listPath       = "/dicloud/i/storage/cimg/list"
	changeNamePath = "/dicloud/i/storage/cimg/changeName"
	deletePath     = "/dicloud/i/storage/cimg/delete"
	resultPath     = "/dicloud/i/result"
)

// service is an emulator under test and an in-process client.
type service struct {
	*emulator.Emulator
	t      *testing.T
	client *http.Client
	base   string
	token  string
}

// newEmulator returns an emulator that checks its responses. The test fails if one
// violates the contract.
func newEmulator(t *testing.T, options emulator.Options) *service {
	t.Helper()
	options.CheckResponses = true
	e, err := emulator.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, e.Violations()) })
	return &service{
		Emulator: e,
		t:        t,
		client:   &http.Client{Transport: e.Transport()},
		base:     "https://emulator.test",
		token:    emulator.DefaultToken,
	}
}

// envelope is the body of a response as a client reads it.
type envelope struct {
	Errno     int64           `json:"errno"`
	Errmsg    string          `json:"errmsg"`
	RequestID string          `json:"requestId"`
	Data      json.RawMessage `json:"data"`
}

// do sends a request that may fail.
func (s *service) do(method, target, body string) (*http.Response, error) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+target, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer "+s.token)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	return s.client.Do(request)
}

// exampleRequest returns the published create request.
func (s *service) exampleRequest(ctx context.Context) *http.Request {
	s.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+createPath, strings.NewReader(createExample))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Content-Type", "application/json")
	return request
}

// call sends a request whose response must be an envelope.
func (s *service) call(method, target, body string) envelope {
	s.t.Helper()
	response, err := s.do(method, target, body)
	require.NoError(s.t, err)
	return readEnvelope(s.t, response)
}

func readEnvelope(t *testing.T, response *http.Response) envelope {
	t.Helper()
	defer func() { require.NoError(t, response.Body.Close()) }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", content)
	require.Equal(t, "application/json; charset=utf-8", response.Header.Get("Content-Type"))
	require.EqualValues(t, len(content), response.ContentLength)
	require.NotContains(t, string(content), emulator.DefaultToken)
	var e envelope
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&e), "%s", content)
	require.Regexp(t, "^[0-9a-f]{32}$", e.RequestID)
	return e
}

func (s *service) post(path, body string) envelope {
	s.t.Helper()
	return s.call(http.MethodPost, path, body)
}

// jobs returns the jobs of a response that must be a success.
func (s *service) jobs(e envelope) []gen.Job {
	s.t.Helper()
	require.Zero(s.t, e.Errno, e.Errmsg)
	require.Equal(s.t, "ok", e.Errmsg)
	var jobs []gen.Job
	require.NoError(s.t, json.Unmarshal(e.Data, &jobs))
	require.NotNil(s.t, jobs)
	return jobs
}

// start sends a request that starts one job.
func (s *service) start(path, body string) gen.Job {
	s.t.Helper()
	jobs := s.jobs(s.post(path, body))
	require.Len(s.t, jobs, 1)
	return jobs[0]
}

// create starts a job that creates an image in gz.
func (s *service) create(name string) gen.Job {
	s.t.Helper()
	return s.start(createPath, fmt.Sprintf(`{"regionId":"gz","cimg":[{"name":%q,"snapUuid":%q}]}`, name, snapshot))
}

func (s *service) results(region string, ids ...string) []gen.Job {
	s.t.Helper()
	return s.jobs(s.call(http.MethodGet, resultTarget(region, ids...), ""))
}

func (s *service) result(region, id string) gen.Job {
	s.t.Helper()
	jobs := s.results(region, id)
	require.Len(s.t, jobs, 1)
	return jobs[0]
}

func resultTarget(region string, ids ...string) string {
	return resultPath + "?regionId=" + url.QueryEscape(region) + "&jobUuids=" + strings.Join(ids, ",")
}

func names(images []gen.CIMG) []string {
	names := []string{}
	for _, image := range images {
		names = append(names, image.Name)
	}
	return names
}

// clock is a clock that a test advances.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2020, 10, 27, 12, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}
