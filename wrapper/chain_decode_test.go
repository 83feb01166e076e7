package wrapper_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/secrettest"
	"github.com/cimg-go/cimg/wrapper"
)

func TestMalformedEnvelopes(t *testing.T) {
	const job = `[{"jobUuid":"j1","type":"CreateCIMG","progress":0,"done":false,"success":false}]`
	bodies := map[string]string{
		"empty":                 ``,
		"white space":           " \n",
		"null":                  `null`,
		"an empty object":       `{}`,
		"an array":              `[]`,
		"a number":              `0`,
		"no errno":              `{"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno null":            `{"errno":null,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno a string":        `{"errno":"0","errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno a fraction":      `{"errno":0.5,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno 1e400":           `{"errno":1e400,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno 2^70":            `{"errno":1180591620717411303424,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno true":            `{"errno":true,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno in another case": `{"Errno":0,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"errno twice":           `{"errno":0,"errno":4,"errmsg":"ok","requestId":"r1","data":` + job + `}`,
		"data twice":            `{"errno":0,"errmsg":"ok","requestId":"r1","data":[],"data":` + job + `}`,
		"a job's field twice":   `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","jobUuid":"j2"}]}`,
		"bytes after the end":   `{"errno":0,"errmsg":"ok","requestId":"r1","data":` + job + `}{}`,
		"cut short":             `{"errno":0,"errmsg":"ok","requestId":"r1","data":`,
		"errmsg a number":       `{"errno":0,"errmsg":5,"requestId":"r1","data":` + job + `}`,
		"done, no success":      `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","done":true}]}`,
		"data an object":        `{"errno":0,"errmsg":"ok","requestId":"r1","data":{"jobUuid":"j1"}}`,
		"done a string":         `{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","done":"true"}]}`,
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
		"unknown fields twice":    `{"errno":0,"x":1,"x":2,"data":[{"jobUuid":"j1","type":"T","progress":12.5,"x":{"y":1,"y":2}}]}`,
		"escaped, twice":          `{"errno":0,"data":[{"jobUuid":"j1","type":"T","progress":12.5,"\u0078":1,"x":2}]}`,
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

// What has one meaning is read, however it is written. What has none is left out, and
// costs neither its image nor another one; but an image must have an id and a name.
func TestImagesInOddSpelling(t *testing.T) {
	for name, row := range map[string]struct {
		field string
		want  wrapper.Image // besides its id
		fails bool
	}{
		"text that is cut":       {field: "\"description\":\"\xe5\xa5\"", want: wrapper.Image{Description: "\ufffd\ufffd"}},
		"raw control characters": {field: "\"description\":\"a\tb\nc\x00\"", want: wrapper.Image{Description: "a\ufffdb\ufffdc\ufffd"}},
		"half a character":       {field: `"description":"a\ud83d"`, want: wrapper.Image{Description: "a\ufffd"}},
		"the other half":         {field: `"name":"\ude00b"`, want: wrapper.Image{Name: "\ufffdb"}},
		"a time with exponent":   {field: `"createTime":1.60379947E12`, want: wrapper.Image{CreateTime: 1603799470000}},
		"a size with a fraction": {field: `"size":9007199254740993.000`, want: wrapper.Image{Size: 9007199254740993}},
		"a negative exponent":    {field: `"size":1200e-2`, want: wrapper.Image{Size: 12}},
		"the largest integer":    {field: `"size":9223372036854775807`, want: wrapper.Image{Size: math.MaxInt64}},
		"tags": {field: `"cimgTags":[9007199254740993,{"a":[1.10]},"x"]`,
			want: wrapper.Image{Tags: []any{json.Number("9007199254740993"), map[string]any{"a": []any{json.Number("1.10")}}, "x"}}},
		"tags as written": {field: `"cimgTags":[1.0,1e3,-0.0,{"version":2.0,"\u0061":"\ud83d"}],"size":2.0`,
			want: wrapper.Image{Size: 2, Tags: []any{json.Number("1.0"), json.Number("1e3"), json.Number("-0.0"), map[string]any{"version": json.Number("2.0"), "a": "\ufffd"}}}},
		"tags as written, with an odd field": {field: `"cimgTags":[1.0,{"version":2.0}],"size":[]`,
			want: wrapper.Image{Tags: []any{json.Number("1.0"), map[string]any{"version": json.Number("2.0")}}}},
		"unknown fields twice": {field: `"x":[{"y":1,"y":2}],"x":3,"requirement":{"x":1,"x":2}`},
		"tags with a field twice": {field: `"cimgTags":[{"a":1,"a":2},"x"]`,
			want: wrapper.Image{Tags: []any{map[string]any{"a": json.Number("2")}, "x"}}},
		"a field twice":            {field: `"size":1,"size":1`},
		"a field in it twice":      {field: `"requirement":{"minDiskSize":1,"minDiskSize":2}`},
		"a null field twice":       {field: `"requirement":null,"requirement":null`},
		"half a byte":              {field: `"size":0.5,"status":"x"`, want: wrapper.Image{Status: "x"}},
		"too large a size":         {field: `"size":9223372036854775808`},
		"far too large":            {field: `"size":1e999999999`},
		"a time as text":           {field: `"createTime":"1603799470000","size":5`, want: wrapper.Image{Size: 5}},
		"a time that is true":      {field: `"createTime":true`},
		"tags that are an object":  {field: `"cimgTags":{"env":"prod"},"size":5`, want: wrapper.Image{Size: 5}},
		"a job with odd progress":  {field: `"job":{"progress":"50","jobUuid":"j1"}`, want: wrapper.Image{Job: &wrapper.Job{JobUUID: "j1"}}},
		"a job that is an array":   {field: `"job":[]`, want: wrapper.Image{Job: &wrapper.Job{}}},
		"an odd storage":           {field: `"backupStorages":[5],"regions":["gz"]`, want: wrapper.Image{Regions: []string{"gz"}}},
		"a name that is a number":  {field: `"name":5`, fails: true},
		"a name twice":             {field: `"name":"a","name":"a"`, fails: true},
		"an id twice":              {field: `"cimgUuid":"i2"`, fails: true},
		"an odd name in odd parts": {field: `"size":"x","name":[]`, fails: true},
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

// What the contract says has one meaning, however it is written.
func TestSpellingsOfOneMeaning(t *testing.T) {
	rows := map[string]struct{ body, requestID string }{
		"half a character":       {"{\"errno\":0,\"errmsg\":\"\xe5\x8c\",\"requestId\":\"r\xff\",\"data\":[{\"jobUuid\":\"j1\",\"type\":\"T\",\"progress\":12.5,\"result\":\"\xe5\x8c\"}]}", "r\ufffd"},
		"half a surrogate pair":  {`{"errno":0,"errmsg":"\ud83d","requestId":"r\ude00","data":[{"jobUuid":"j1","type":"T","progress":12.5,"result":"\ud83d\ud83d"}]}`, "r\ufffd"},
		"in an unknown field":    {"{\"errno\":0,\"\\ud83d\":\"\\ud83d\",\"requestId\":\"r1\",\"data\":[{\"jobUuid\":\"j1\",\"type\":\"T\",\"progress\":12.5,\"result\":\"\xff\xff\",\"x\":{\"\xff\":1}}]}", "r1"},
		"errno 0.0":              {`{"errno":0.0,"requestId":"r1","data":[{"jobUuid":"j1","type":"T","progress":12.50,"result":"\ufffd\ufffd"}]}`, "r1"},
		"errno -0":               {`{"errno":-0,"requestId":"r1","data":[{"jobUuid":"j1","type":"T","progress":125e-1,"result":"\ufffd\ufffd"}]}`, "r1"},
		"errno 0e0":              {`{"errno":0e0,"requestId":"r1","data":[{"jobUuid":"j1","type":"T","progress":1.25E1,"result":"\ufffd\ufffd"}]}`, "r1"},
		"escapes everywhere":     {`{"\u0065rrno":0,"requestId":"\u0072\u0031","data":[{"jobUuid":"\u006a1","type":"T","progress":12.5,"result":"\ufffd\ufffd"}]}`, "r1"},
		"another id is not text": {"{\"errno\":0,\"requestId\":\"r1\",\"data\":[{\"jobUuid\":\"\xff\"},{\"jobUuid\":\"j1\",\"type\":\"T\",\"progress\":12.5,\"result\":\"\\ufffd\xff\"}]}", "r1"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var attempts []wrapper.Attempt
			client := clientOf(t, serve(t, respondJSON(row.body)), wrapper.WithHooks(wrapper.Hooks{
				Attempt: func(_ context.Context, a wrapper.Attempt) { attempts = append(attempts, a) },
			}))
			jobs, err := client.JobResults(t.Context(), "gz", "j1")
			require.NoError(t, err)
			require.Equal(t, []wrapper.Job{{JobUUID: "j1", Type: "T", Progress: 12.5, Result: "\ufffd\ufffd"}}, jobs)
			require.Equal(t, row.requestID, attempts[0].RequestID)

			generated, err := client.Generated().GetJobResultWithResponse(t.Context(), &gen.GetJobResultParams{RegionID: "gz", JobUUIDs: "j1"})
			require.NoError(t, err)
			require.Contains(t, generated.JSON200.Data, jobs[0])
		})
	}
}

// An errno is the same errno in every spelling, and text of a rejection is shown.
func TestSpellingsOfARejection(t *testing.T) {
	for _, body := range []string{"{\"errno\":41.017E3,\"errmsg\":\"\xff\"}", `{"errno":41017.0,"errmsg":"\ud83d"}`, `{"errno":4101700e-2,"errmsg":"\ufffd"}`} {
		_, err := clientOf(t, serve(t, respondJSON(body))).CreateImage(t.Context(), "gz", webImage)
		require.Equal(t, wrapper.OutcomeRejected, wrapper.OutcomeOf(err))
		rejected, found := errors.AsType[*wrapper.APIError](err)
		require.True(t, found)
		require.Equal(t, int64(41017), rejected.Errno)
		require.Equal(t, "\ufffd", rejected.Errmsg)
	}
}

// A job whose id was not text cannot be polled: nobody may wait for it, or take it
// for a job that the service does not know.
func TestStartedJobWithoutReadableID(t *testing.T) {
	for _, id := range []string{"\xff", `j\ud83d`} {
		_, err := clientOf(t, serve(t, respondJSON(`{"errno":0,"requestId":"r1","data":[{"jobUuid":"`+id+`","type":"T"}]}`))).CreateImage(t.Context(), "gz", webImage)
		unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](err)
		require.True(t, found, "%v", err)
		require.Empty(t, unknown.Jobs)
	}
}

// What is only shown of a job costs neither its news nor a call that started it.
func TestJobsInOddSpelling(t *testing.T) {
	done := wrapper.Job{JobUUID: "j1", Done: true, Success: true, ResourceUUID: "i1"}
	for field, want := range map[string]wrapper.Job{
		`"progress":"100"`:             done,
		`"progress":100,"progress":99`: done,
		`"progress":1e400`:             done,
		`"result":{"code":0}`:          done,
		`"result":5,"x":1,"x":2`:       done,
		`"type":5,"status":[]`:         done,
		`"resourceType":true`:          done,
		"\"result\":\"a\tb\"":          {JobUUID: "j1", Done: true, Success: true, ResourceUUID: "i1", Result: "a\ufffdb"},
	} {
		t.Run(field, func(t *testing.T) {
			client := clientOf(t, serve(t, respondJSON(`{"errno":0,"data":[{"jobUuid":"j1","resourceUuid":"i1","done":true,"success":true,`+field+`}]}`)))
			jobs, err := client.JobResults(t.Context(), "gz", "j1")
			require.NoError(t, err)
			require.Equal(t, []wrapper.Job{want}, jobs)
			started, err := client.CreateImage(t.Context(), "gz", webImage)
			require.NoError(t, err)
			require.Equal(t, "i1", started.Ref.ResourceUUID)
		})
	}
	client := clientOf(t, serve(t, respondJSON(`{"errno":0,"data":[{"jobUuid":"j1","done":false,"success":"not yet","progress":50}]}`)))
	jobs, err := client.JobResults(t.Context(), "gz", "j1")
	require.NoError(t, err)
	require.Equal(t, []wrapper.Job{{JobUUID: "j1", Progress: 50}}, jobs, "before the end, success means nothing")

	failed := clientOf(t, serve(t, respondJSON(`{"errno":0,"data":[{"jobUuid":"j1","done":true,"success":false,"result":{"code":1}}]}`)))
	job, err := failed.Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
	require.NoError(t, err)
	_, err = job.Wait(t.Context())
	require.ErrorAs(t, err, new(*wrapper.JobFailedError))
}

// One of two jobs cannot be read, whatever is wrong with it.
func TestJobsThatCannotBeRead(t *testing.T) {
	good := wrapper.Job{JobUUID: "good", Type: "T", Progress: 100, Done: true, Success: true}
	const goodText = `{"jobUuid":"good","type":"T","progress":100,"done":true,"success":true}`
	for _, bad := range []string{
		`{"jobUuid":"bad","done":true}`, `{"jobUuid":"bad","done":true,"success":null}`, `{"success":"true","done":true,"jobUuid":"bad"}`,
		`{"jobUuid":"bad","done":true,"done":true}`, `{"jobUuid":"bad","x":{"a":1,"a":2},"done":7}`, `{"jobUuid":"bad","done":true,"success":true,"success":true}`,
		`{"jobUuid":"bad","done":"true"}`, `{"jobUuid":"bad","resourceUuid":["x"]}`, `{"jobUuid":"bad","resourceUuid":"a","progress":"x","resourceUuid":"a"}`,
	} {
		for _, data := range []string{bad + "," + goodText, goodText + "," + bad} {
			client := clientOf(t, serve(t, respondJSON(`{"errno":0,"requestId":"r1","data":[`+data+`]}`)))
			jobs, err := client.JobResults(t.Context(), "gz", "bad", "good")
			require.Equal(t, []wrapper.Job{good}, jobs, data)
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			require.ErrorContains(t, err, "job bad: ")
			require.ErrorContains(t, err, "request r1")

			// Nobody but this package looks at each job, so the generated client
			// must not read it as one that failed.
			_, err = client.Generated().GetJobResultWithResponse(t.Context(), &gen.GetJobResultParams{RegionID: "gz", JobUUIDs: "bad,good"})
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)

			// Here it is the response, and not news of one job.
			_, err = client.CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{webImage, {Name: "web-02", SnapUUID: snapshot}})
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](err)
			require.True(t, found)
			require.Len(t, unknown.Jobs, 2)
		}
	}
	var ids, states []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprint("job-", i))
		states = append(states, fmt.Sprintf(`{"jobUuid":"job-%d","done":true}`, i))
	}
	_, err := clientOf(t, serve(t, respondJSON(`{"errno":0,"data":[`+strings.Join(states, ",")+`]}`))).JobResults(t.Context(), "gz", ids...)
	require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
	require.ErrorContains(t, err, "job job-9: ")
	require.ErrorContains(t, err, "; and 990 more")
	require.Less(t, len(err.Error()), 12_000)

	// An entry that names no job, or two, may be of any that no other entry is of.
	for _, unnamed := range []string{`{}`, `null`, `7`, `{"jobUuid":null,"done":true}`, `{"jobUuid":"a,b"}`, `{"jobUuid":"good","jobUuid":"bad"}`} {
		client := clientOf(t, serve(t, respondJSON(`{"errno":0,"requestId":"r1","data":[`+unnamed+`,`+goodText+`]}`)))
		jobs, err := client.JobResults(t.Context(), "gz", "good")
		require.NoError(t, err, unnamed)
		require.Equal(t, []wrapper.Job{good}, jobs)
		jobs, err = client.JobResults(t.Context(), "gz", "bad", "good")
		require.Equal(t, []wrapper.Job{good}, jobs)
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse, unnamed)
		require.ErrorContains(t, err, "job bad: ")

		synctest.Test(t, func(t *testing.T) {
			client := clientThrough(t, func(*http.Request) (*http.Response, error) {
				return respond(`{"errno":0,"data":[` + unnamed + `,` + goodText + `]}`)
			})
			bad, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "bad"})
			require.NoError(t, err)
			_, err = bad.Wait(t.Context())
			require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
			require.NotErrorIs(t, err, wrapper.ErrJobUnknown)
		})
	}

	for _, data := range []string{`[7,{"jobUuid":""}]`, `[{"jobUuid":5,"type":"T"}]`, `[{"type":"T"}]`, `[null,{}]`, `[{"jobUuid":"\ud83d"}]`} {
		_, err := clientOf(t, serve(t, respondJSON(`{"errno":0,"data":`+data+`}`))).JobResults(t.Context(), "gz", "good")
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse, "of no job that the service knows")
	}
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
