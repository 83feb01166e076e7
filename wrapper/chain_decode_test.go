package wrapper_test

import (
	"compress/gzip"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

func TestMalformedEnvelopes(t *testing.T) {
	const job = `[{"jobUuid":"j1","type":"CreateCIMG","progress":0,"done":false,"success":false}]`
	bodies := map[string]string{
		"empty":                  ``,
		"white space":            " \n",
		"null":                   `null`,
		"an empty object":        `{}`,
		"an array":               `[]`,
		"a number":               `0`,
		"no errno":               `{"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno null":             `{"errno":null,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno a string":         `{"errno":"0","errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno a fraction":       `{"errno":0.5,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno 1e400":            `{"errno":1e400,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno 2^70":             `{"errno":1180591620717411303424,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno true":             `{"errno":true,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno in another case":  `{"Errno":0,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno twice":            `{"errno":0,"errno":4,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"data twice":             `{"errno":0,"errmsg":"ok","requestId":"r1","data":[],"data":` + job + `}`,
		"a job's field twice":    `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","jobUuid":"j2"}]}`,
		"bytes after the end":    `{"errno":0,"errmsg":"ok","requestId":"r1","data":` + job + `}{}`,
		"cut short":              `{"errno":0,"errmsg":"ok","requestId":"r1","data":`,
		"errmsg a number":        `{"errno":0,"errmsg":5,"requestId":"r1","data":` + job + `}`,
		"invalid UTF-8":          "{\"errno\":0,\"errmsg\":\"\xff\",\"requestId\":\"r1\",\"data\":" + job + "}",
		"done, no success":       `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","done":true}]}`,
		"data an object":         `{"errno":0,"errmsg":"ok","requestId":"r1","data":{"jobUuid":"j1"}}`,
		"done a string":          `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","done":"true"}]}`,
		"progress not a float64": `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","progress":1e400}]}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, serve(t, respondJSON(body)))

			_, err := client.JobResults(t.Context(), "gz", "j1")
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)

			_, err = client.CreateImage(t.Context(), "gz", webImage)
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
		})
	}
}

func TestTolerantResponses(t *testing.T) {
	bodies := map[string]string{
		"unknown fields":          `{"errno":0,"errmsg":"ok","requestId":"r1","trace":{"a":[1]},"data":[{"jobUuid":"j1","type":"T","progress":12.5,"done":false,"success":false,"eta":9}]}`,
		"only an errno and a job": `{"data":[{"jobUuid":"j1","type":"T","progress":12.5}],"errno":0}`,
		"optional fields null":    `{"errno":0,"errmsg":null,"requestId":null,"data":[{"jobUuid":"j1","type":"T","progress":12.5,"resourceUuid":null,"result":null}]}`,
		"white space around it":   "\r\n {\"errno\":0,\"data\":[{\"jobUuid\":\"j1\",\"type\":\"T\",\"progress\":12.5}]} \n",
		"the same job a 2nd time": `{"errno":0,"data":[{"jobUuid":"j1","type":"old"},{"jobUuid":"j1","type":"T","progress":12.5}]}`,
		"a job not requested":     `{"errno":0,"data":[{"jobUuid":"j9","type":"X"},{"jobUuid":"j1","type":"T","progress":12.5}]}`,
		"a number with exponent":  `{"errno":0,"data":[{"jobUuid":"j1","type":"T","progress":1.25e1}]}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, serve(t, response(200, "text/plain", body)))
			jobs, err := client.JobResults(t.Context(), "gz", "j1")
			require.NoError(t, err)
			require.Equal(t, []wrapper.Job{{JobUUID: "j1", Type: "T", Progress: 12.5}}, jobs)
		})
	}
}

func TestResponseTooLarge(t *testing.T) {
	const limit = 1 << 10
	fits := oneJob + strings.Repeat(" ", limit-len(oneJob))
	compressed := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write([]byte(body))
			z.Close()
		}
	}
	rows := []struct {
		name     string
		handler  http.HandlerFunc
		tooLarge bool
	}{
		{"at the limit", respondJSON(fits), false},
		{"a byte more", respondJSON(fits + " "), true},
		{"compressed, at the limit", compressed(fits), false},
		{"compressed, far beyond it", compressed(strings.Repeat(" ", 64<<20)), true},
	}
	_, err := clientOf(t, serve(t, respondJSON(fits)), wrapper.WithMaxResponseBytes(math.MaxInt64)).CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err, "no limit at all")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			client := clientOf(t, serve(t, row.handler), wrapper.WithMaxResponseBytes(limit))
			_, err := client.CreateImage(t.Context(), "gz", webImage)
			if !row.tooLarge {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, wrapper.ErrResponseTooLarge)
			require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
			_, err = client.JobResults(t.Context(), "gz", "j1")
			require.ErrorIs(t, err, wrapper.ErrResponseTooLarge)
		})
	}
}

// closeCounter is the body of a response that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

func TestBodiesAreClosed(t *testing.T) {
	for _, text := range []string{oneJob, "<html>", strings.Repeat(" ", 5<<20)} {
		body := &closeCounter{Reader: strings.NewReader(text)}
		client := clientThrough(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
		})
		_, _ = client.CreateImage(t.Context(), "gz", webImage)
		require.Equal(t, 1, body.closed)
	}
}

// Any status from 300 on is a response of its own kind, not a malformed one.
func TestStatuses(t *testing.T) {
	for status, rejected := range map[int]bool{201: false, 299: false, 300: true, 418: true, 599: true} {
		client := clientOf(t, serve(t, response(status, "text/html", "<html>")), wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}))
		_, err := client.JobResults(t.Context(), "gz", "j1")
		var apiErr *wrapper.APIError
		require.Equal(t, rejected, errors.As(err, &apiErr), status)
		require.Equal(t, !rejected, errors.Is(err, wrapper.ErrMalformedResponse), status)
	}
}
