package mock_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/mock"
)

const (
	snapshot   = "3fd352092a3f553cb124223f6a7f09b4"
	createPath = "/dicloud/i/storage/cimg/create"
	listPath   = "/dicloud/i/storage/cimg/list"
	resultPath = "/dicloud/i/result"
	listGZ     = `{"regionId":"gz","start":0,"limit":20}`
)

// server is a mock behind a socket, whose jobs run by a clock that the test
// advances.
type server struct {
	t   *testing.T
	url string

	mu  sync.Mutex
	now time.Time
}

func serve(t *testing.T, options mock.Options) *server {
	t.Helper()
	s := &server{t: t, now: time.Date(2020, 10, 27, 12, 0, 0, 0, time.UTC)}
	options.Emulator.Now = s.clock
	m, err := mock.New(options)
	require.NoError(t, err)
	listening := httptest.NewServer(m)
	t.Cleanup(listening.Close)
	s.url = listening.URL
	return s
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) advance(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(by)
}

func (s *server) request(method, target, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+target, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	r.Header.Set("Content-Type", "application/json")
	// net/http repeats a GET that fails on a reused connection.
	r.Close = true
	return r
}

// response is what a client receives; err is why it receives no more.
type response struct {
	*http.Response
	body string
	err  error
}

func (s *server) send(r *http.Request) response {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return response{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp, string(body), err}
}

// control sends a request to the control API, which must succeed.
func (s *server) control(method, path, body string) string {
	s.t.Helper()
	resp := s.send(s.request(method, "/_emulator/"+path, body))
	require.NoError(s.t, resp.err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, resp.body)
	require.Equal(s.t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"))
	return resp.body
}

type envelope struct {
	Errno int64
	Data  json.RawMessage
}

// call sends a request to the service, which must respond with an envelope.
func (s *server) call(method, target, body string) (content envelope) {
	s.t.Helper()
	resp := s.send(s.request(method, target, body))
	require.NoError(s.t, resp.err)
	require.NoError(s.t, json.Unmarshal([]byte(resp.body), &content), resp.body)
	return content
}

func createBody(name string) string {
	return fmt.Sprintf(`{"regionId":"gz","cimg":[{"name":%q,"snapUuid":%q}]}`, name, snapshot)
}

// create starts a job that creates an image in gz.
func (s *server) create(name string) gen.Job {
	s.t.Helper()
	content := s.call(http.MethodPost, createPath, createBody(name))
	require.Zero(s.t, content.Errno)
	var jobs []gen.Job
	require.NoError(s.t, json.Unmarshal(content.Data, &jobs))
	require.Len(s.t, jobs, 1)
	return jobs[0]
}

func (s *server) poll(ids ...string) (errno int64, jobs []gen.Job) {
	s.t.Helper()
	content := s.call(http.MethodGet, resultPath+"?regionId=gz&jobUuids="+strings.Join(ids, ","), "")
	if content.Errno == 0 {
		require.NoError(s.t, json.Unmarshal(content.Data, &jobs))
	}
	return content.Errno, jobs
}

func (s *server) job(id string) gen.Job {
	s.t.Helper()
	_, jobs := s.poll(id)
	require.Len(s.t, jobs, 1)
	return jobs[0]
}

// images returns the names of the images in gz as the control API shows them.
func (s *server) images() []string {
	s.t.Helper()
	var images []gen.CIMG
	require.NoError(s.t, json.Unmarshal([]byte(s.control(http.MethodGet, "images?regionId=gz", "")), &images))
	names := []string{}
	for _, image := range images {
		names = append(names, image.Name)
	}
	return names
}
