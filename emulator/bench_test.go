package emulator_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

// BenchmarkPoll measures one poll of 100 jobs, the request that a waiting client
// repeats.
func BenchmarkPoll(b *testing.B) {
	e, err := emulator.New(emulator.Options{})
	require.NoError(b, err)
	client := &http.Client{Transport: e.Transport()}
	send := func(method, target, body string) {
		request, err := http.NewRequest(method, "https://emulator.test"+target, strings.NewReader(body))
		require.NoError(b, err)
		request.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		require.NoError(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(b, err)
		require.NoError(b, response.Body.Close())
	}
	for range 100 {
		send(http.MethodPost, createPath, createExample)
	}
	var ids []string
	for _, job := range e.Jobs("gz") {
		ids = append(ids, job.JobUUID)
	}
	target := resultTarget("gz", ids...)
	b.ReportAllocs()
	for b.Loop() {
		send(http.MethodGet, target, "")
	}
}
