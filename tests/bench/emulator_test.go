package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/prismtest"
)

var mocks = &section{name: "emulator", want: 3, columns: []string{
	"server", "getJobResult: requests per second", "times Prism's", "createCIMG: requests per second", "times Prism's", "target", "met",
}}

// BenchmarkEmulator compares the emulator with Prism's mock of the same contract. Both
// check every request.
func BenchmarkEmulator(b *testing.B) {
	servers := []*server{
		{name: "Prism 5.16.0", url: prismtest.Start(b, "../contract", "mock"), jobUUID: "3fd352092a3f553cb124223f6a7f09b4"},
		startEmulator(b, "the emulator", 1),
		startEmulator(b, "the emulator with 10,000 images and jobs", 10_000),
	}
	for b.Loop() {
		for range 5 { // in turns
			for _, s := range servers {
				s.polls = append(s.polls, requestsPerSecond(b, s.poll))
				s.creates = append(s.creates, requestsPerSecond(b, s.create))
			}
		}
	}
	prism := servers[0]
	for _, s := range servers {
		polls, creates := quantile(s.polls, 0.5), quantile(s.creates, 0.5)
		timesPolls, timesCreates := rounded(polls/quantile(prism.polls, 0.5), 1), rounded(creates/quantile(prism.creates, 0.5), 1)
		goal, met := "-", "-"
		if s != prism {
			goal, met = "≥ 10 times", yesNo(timesPolls >= 10 && timesCreates >= 10)
		}
		mocks.set(s.name, fmt.Sprintf("%.0f", polls), decimal(timesPolls), fmt.Sprintf("%.0f", creates), decimal(timesCreates), goal, met)
	}
}

// server is a mock of the service, and how fast it is.
type server struct {
	name, url, jobUUID string
	polls, creates     []float64 // requests a second
}

func (s *server) poll() (*http.Request, error) {
	return http.NewRequest(http.MethodGet, s.url+"/dicloud/i/result?regionId=gz&jobUuids="+s.jobUUID, nil)
}

func (s *server) create() (*http.Request, error) {
	request, err := http.NewRequest(http.MethodPost, s.url+"/dicloud/i/storage/cimg/create",
		strings.NewReader(`{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"3fd352092a3f553cb124223f6a7f09b4"}]}`))
	if err == nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, err
}

// startEmulator runs an emulator with many images, and as many jobs.
func startEmulator(b *testing.B, name string, images int) *server {
	cloud, err := emulator.New(emulator.Options{Strict: true})
	require.NoError(b, err)
	listener := httptest.NewServer(cloud)
	b.Cleanup(listener.Close)
	s := &server{name: name, url: listener.URL}
	for range images {
		require.NoError(b, send(s.create))
	}
	s.jobUUID = cloud.Jobs("gz")[0].JobUUID
	return s
}

// mockClient keeps its connections.
var mockClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

func send(newRequest func() (*http.Request, error)) error {
	request, err := newRequest()
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
	response, err := mockClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(string(body), "jobUuid")) {
		err = fmt.Errorf("HTTP %d: %s", response.StatusCode, body)
	}
	return err
}

// requestsPerSecond sends requests for a while, from several goroutines.
func requestsPerSecond(b *testing.B, newRequest func() (*http.Request, error)) float64 {
	const goroutines, lasts = 16, time.Second / 2
	var sent atomic.Int64
	var failed atomic.Pointer[error]
	var senders sync.WaitGroup
	begin := time.Now()
	for range goroutines {
		senders.Go(func() {
			for time.Since(begin) < lasts {
				if err := send(newRequest); err != nil {
					failed.Store(&err)
					return
				}
				sent.Add(1)
			}
		})
	}
	senders.Wait()
	require.Nil(b, failed.Load())
	return float64(sent.Load()) / time.Since(begin).Seconds()
}
