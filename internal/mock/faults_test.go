package mock_test

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/mock"
)

// Every kind of fault, queued over HTTP and met by a createCIMG.
func TestFaults(t *testing.T) {
	const html, json = "text/html; charset=utf-8", "application/json; charset=utf-8"
	for name, test := range map[string]struct {
		fault       string
		status      int
		contentType string
		retryAfter  string
		body        string
		err         error
		done        int // images created
	}{
		"lost response":      {fault: `{operation: createCIMG, after: true, reset: true}`, err: syscall.ECONNRESET, done: 1},
		"reset":              {fault: `{reset: true}`, err: syscall.ECONNRESET},
		"late reset":         {fault: `{reset: true, delay: 1ms}`, err: syscall.ECONNRESET},
		"delay":              {fault: `{delay: 1ms}`, status: 200, contentType: json, body: `"errno":0`, done: 1},
		"truncated":          {fault: `{truncate: true}`, status: 200, contentType: json, body: `{"errno":0`, err: io.ErrUnexpectedEOF, done: 1},
		"two values":         {fault: `{header: {retry-after: [7, 8], A: []}}`, status: 200, contentType: json, retryAfter: "7, 8", body: `"errno":0`, done: 1},
		"throttled":          {fault: `{status: 429, header: {Retry-After: 7}}`, status: 429, retryAfter: "7"},
		"gateway":            {fault: `{status: 502, body: "<html>"}`, status: 502, contentType: html, body: "<html>"},
		"gateway, done":      {fault: `{status: 502, body: "<html>", after: true}`, status: 502, contentType: html, body: "<html>", done: 1},
		"plain text":         {fault: `{body: "no", contentType: text/plain}`, status: 200, contentType: "text/plain", body: "no"},
		"errno":              {fault: `{errno: 41026}`, status: 200, contentType: json, body: `"errno":41026`},
		"errno after":        {fault: `{errno: 2, after: true}`, status: 200, contentType: json, body: `"errno":2`, done: 1},
		"errno and status":   {fault: `{errno: 2, status: 500}`, status: 500, contentType: json, body: `"errno":2`},
		"JSON":               {fault: "{\n\t\"status\": 503,\n\t\"body\": \"\\ud83d\\ude00\"\n}", status: 503, contentType: html, body: "😀"},
		"another operation":  {fault: `{operation: deleteCIMG, status: 500}`, status: 200, contentType: json, body: `"errno":0`, done: 1},
		"not the first":      {fault: `{skip: 1, status: 500}`, status: 200, contentType: json, body: `"errno":0`, done: 1},
		"an outage":          {fault: `{for: 1s, status: 500}`, status: 500},
		"more than one call": {fault: `{count: 2, status: 500}`, status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, mock.Options{})
			s.control(http.MethodPost, "faults", test.fault)
			got := s.send(s.request(http.MethodPost, createPath, createBody("a")))
			require.ErrorIs(t, got.err, test.err)
			require.Len(t, s.images(), test.done)
			if test.status == 0 {
				return
			}
			require.Equal(t, test.status, got.StatusCode)
			require.Equal(t, test.contentType, got.Header.Get("Content-Type"))
			require.Equal(t, test.retryAfter, strings.Join(got.Header.Values("Retry-After"), ", "))
			require.Contains(t, got.body, test.body)
		})
	}
}

func TestFaultQueue(t *testing.T) {
	s := serve(t, mock.Options{})
	require.JSONEq(t, `[]`, s.control(http.MethodGet, "faults", ""))
	s.control(http.MethodPost, "faults", `{operation: createCIMG, status: 503, count: 2, header: {retry-after: "1", Via: [a, b]}}`)
	queued := s.control(http.MethodPost, "faults", `{"operation": "listCIMG", "delay": "1h", "after": true}`)
	require.JSONEq(t, queued, s.control(http.MethodGet, "faults", ""))
	require.JSONEq(t, `[
		{"operation": "createCIMG", "status": 503, "count": 2, "header": {"Retry-After": "1", "Via": ["a", "b"]}},
		{"operation": "listCIMG", "delay": "1h0m0s", "after": true}
	]`, queued)

	for _, status := range []int{503, 503, 200} {
		require.Equal(t, status, s.send(s.request(http.MethodPost, createPath, createBody("a"))).StatusCode)
	}
	require.JSONEq(t, `[{"operation": "listCIMG", "delay": "1h0m0s", "after": true}]`, s.control(http.MethodGet, "faults", ""))
	require.JSONEq(t, `[]`, s.control(http.MethodDelete, "faults", ""))
	require.Zero(t, s.call(http.MethodPost, listPath, listGZ).Errno, "no delay of an hour")
}

func TestOutage(t *testing.T) {
	s := serve(t, mock.Options{})
	s.control(http.MethodPut, "scenario", `faults: [{status: 503, for: 30s, header: {Retry-After: "5"}, body: "<html>"}]`)
	for range 30 {
		got := s.send(s.request(http.MethodPost, listPath, listGZ))
		require.Equal(t, http.StatusServiceUnavailable, got.StatusCode)
		require.Equal(t, "5", got.Header.Get("Retry-After"))
		s.advance(time.Second)
	}
	require.Zero(t, s.call(http.MethodPost, listPath, listGZ).Errno)
	require.JSONEq(t, `[]`, s.control(http.MethodGet, "faults", ""))
}
