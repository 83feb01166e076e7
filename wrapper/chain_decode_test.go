package wrapper_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/secrettest"
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
		"text that is cut":        "{\"errno\":0,\"errmsg\":\"\xe5\xa5\",\"data\":[{\"jobUuid\":\"j1\",\"type\":\"T\",\"progress\":12.5}]}",
		"half a character":        `{"errno":0,"errmsg":"\ud83d","data":[{"jobUuid":"j1","type":"T","progress":12.5,"eta":"\ud83d\""}]}`,
		"errno 0.0":               `{"errno":0.0,"data":[{"jobUuid":"j1","type":"T","progress":12.5}]}`,
		"errno 0e9":               `{"errno":-0e9,"data":[{"jobUuid":"j1","type":"T","progress":12.5}]}`,
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

// What has one meaning is read, however it is written; what has none, or would lose
// something, is malformed.
func TestImagesInOddSpelling(t *testing.T) {
	for name, row := range map[string]struct {
		field string
		want  wrapper.Image // besides its id
		fails bool
	}{
		"text that is cut":       {field: "\"description\":\"\xe5\xa5\"", want: wrapper.Image{Description: "\ufffd\ufffd"}},
		"half a character":       {field: `"description":"a\ud83d"`, want: wrapper.Image{Description: "a\ufffd"}},
		"the other half":         {field: `"name":"\ude00b"`, want: wrapper.Image{Name: "\ufffdb"}},
		"a time with exponent":   {field: `"createTime":1.60379947E12`, want: wrapper.Image{CreateTime: 1603799470000}},
		"a size with a fraction": {field: `"size":9007199254740993.000`, want: wrapper.Image{Size: 9007199254740993}},
		"a negative exponent":    {field: `"size":1200e-2`, want: wrapper.Image{Size: 12}},
		"the largest integer":    {field: `"size":9223372036854775807`, want: wrapper.Image{Size: math.MaxInt64}},
		"tags": {field: `"cimgTags":[9007199254740993,{"a":[1.10]},"x"]`,
			want: wrapper.Image{Tags: []any{json.Number("9007199254740993"), map[string]any{"a": []any{json.Number("1.10")}}, "x"}}},
		"half a byte":         {field: `"size":0.5`, fails: true},
		"too large a size":    {field: `"size":9223372036854775808`, fails: true},
		"far too large":       {field: `"size":1e999999999`, fails: true},
		"a time as text":      {field: `"createTime":"1603799470000"`, fails: true},
		"a time that is true": {field: `"createTime":true`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"errno":0,"data":{"count":2.0,"items":[{"cimgUuid":"i1","name":"web-01"},{"cimgUuid":"i2",` + row.field + `}]}}`
			page := 0
			client := clientOf(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
				if page++; page > 1 {
					body = `{"errno":0,"data":{"count":2,"items":[]}}`
				}
				respondJSON(body)(w, r)
			}))
			var images []wrapper.Image
			for image, err := range client.Images(t.Context(), "gz") {
				if row.fails {
					require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
					return
				}
				require.NoError(t, err)
				images = append(images, image)
			}
			require.False(t, row.fails)
			row.want.UUID = "i2"
			require.Equal(t, []wrapper.Image{{UUID: "i1", Name: "web-01"}, row.want}, images)
		})
	}
}

// A job whose state cannot be read is named, and the others are returned.
func TestJobResultsThatCannotBeRead(t *testing.T) {
	client := clientOf(t, serve(t, respondJSON(`{"errno":0,"requestId":"r1","data":[
		{"jobUuid":"j1","type":"T","progress":12.5},
		{"jobUuid":"j2","type":"T","done":true},
		{"progress":"half","jobUuid":"j3"},
		{"jobUuid":7}, 3, null,
		{"jobUuid":"j4","type":"T","progress":25}]}`)))
	jobs, err := client.JobResults(t.Context(), "gz", "j4", "j3", "j2", "j1", "j5")
	require.Equal(t, []wrapper.Job{{JobUUID: "j4", Type: "T", Progress: 25}, {JobUUID: "j1", Type: "T", Progress: 12.5}}, jobs)
	require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
	require.ErrorContains(t, err, "j2")
	require.NotContains(t, err.Error(), "\n")

	client = clientOf(t, serve(t, respondJSON(`{"errno":0,"data":[3,{"progress":1}]}`)))
	_, err = client.JobResults(t.Context(), "gz", "j1")
	require.ErrorIs(t, err, wrapper.ErrMalformedResponse, "of nothing that can be read")
}

// An escaped token is found beside text that is not quite JSON.
func TestTheTokenBesideHalfACharacter(t *testing.T) {
	escaped := `\u0039` + token[1:]
	for _, beside := range []string{`\ud83d`, "\xff", `x","again":"1","again":"2`} {
		client := clientOf(t, serve(t, respondJSON(`{"errno":13,"errmsg":"`+escaped+`","more":"`+beside+`"}`)))
		_, err := client.JobResults(t.Context(), "gz", "j1")
		require.Error(t, err)
		require.NotContains(t, secrettest.Renderings(err), token)
		require.NotContains(t, err.Error(), token[1:])
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
