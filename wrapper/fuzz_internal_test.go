package wrapper

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/secret"
)

// testdata/fuzz holds more inputs, which fuzzing found to reach more code.
// `make fuzz` looks for others.

// A body is an envelope only if encoding/json, which is lenient, decodes the
// same errno from it. No input yields invented data.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","type":"CreateCIMG","progress":0,"done":false,"success":false}]}`,
		`{"errno":41017,"errmsg":"查询SNAP信息失败","requestId":"r1"}`,
		`{"errno":0,"data":{"count":1,"items":[{"cimgUuid":"i1","name":"n","job":{"jobUuid":"j1"}}]}}`,
		``, `null`, `{}`, `[]`, `{"errno":null}`, `{"errno":"0"}`, `{"errno":1e400}`, `{"errno":1180591620717411303424}`,
		`{"errno":0,"errno":4}`, `{"errno":0}{}`, `{"ERRNO":0}`, "\ufeff{\"errno\":0}", "{\"errno\":0,\"errmsg\":\"\xff\"}",
		`{"errno":0,"data":[{"jobUuid":["j1"]},7,{"jobUuid":"j2"}]}`, `{"errno":0,"data":null}`, `{"errno":-0}`,
		`{"errno":0,"x":1,"x":2,"data":[{"jobUuid":"j1","done":true,"success":null,"success":true,"x":{"a":1,"a":2}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parseEnvelope(body)
		if err == nil {
			var lenient struct {
				Errno *int64 `json:"errno"`
			}
			require.NoError(t, json.Unmarshal(body, &lenient))
			require.Equal(t, *lenient.Errno, *e.Errno)
		}
		for _, items := range []int{0, 1, 2} {
			r := &response{header: http.Header{}, envelope: e}
			if r.decodeJobs(&call{op: opCreate, target: target{items: items}}) == nil {
				require.Len(t, r.jobs, items)
			}
			for _, job := range r.jobs {
				require.True(t, isJobUUID(job.JobUUID))
				require.NoError(t, JobRef{Region: "gz", JobUUID: job.JobUUID}.check())
			}
		}
		if page, err := decodeImages(e.Data); err == nil {
			for _, image := range page.images {
				require.NotEmpty(t, image.UUID)
			}
		}
		c := &call{op: opCreate, req: &http.Request{Method: http.MethodPost}}
		handler := func(*call) (*response, error) {
			return &response{status: http.StatusOK, header: http.Header{}, body: body}, nil
		}
		if _, err := decodeData(decodeEnvelope(handler))(c); err != nil {
			requireOneLine(t, err)
		}
		for _, c := range []*call{{op: opCreate, target: target{items: 1}}, {op: opDelete, target: target{items: 2}}, {op: opJobResult}} {
			whole := &response{status: http.StatusOK, body: body}
			if whole.decodeAtOnce(c) { // what the pieces say, too
				require.NoError(t, err)
				pieces := &response{status: http.StatusOK, envelope: e}
				require.NoError(t, pieces.decode(c))
				require.Equal(t, pieces.jobs, whole.jobs)
				head := e
				head.Data = nil
				require.Equal(t, head, whole.envelope)
			}
		}
	})
}

// A text that parses as a reference is formatted as one that parses the same.
func FuzzJobRef(f *testing.F) {
	for _, seed := range []string{
		"cimg-job:v1?job=j1&region=gz",
		"cimg-job:v1?job=j1&region=gz&resource=i1&started=2026-11-21T20%3A04%3A05.678Z&type=CreateCIMG",
		"cimg-job:v1?job=a%26b%3D%E4%BB%BB&region=gz&type=x%0Ay",
		"cimg-job:v1?", "cimg-job:v2?job=j1&region=gz", "cimg-job:v1?job=j1&region=gz&started=9999-12-31T23:59:59-23:59",
		"cimg-job:v1?job=j1&region=gz&job=j2", "cimg-job:v1?job=%zz", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var ref JobRef
		if err := ref.UnmarshalText([]byte(text)); err != nil {
			require.ErrorAs(t, err, new(*InputError))
			requireOneLine(t, err)
			require.Zero(t, ref)
			return
		}
		written, err := ref.MarshalText()
		require.NoError(t, err)
		requireOneLine(t, errors.New(string(written)))
		var again JobRef
		require.NoError(t, again.UnmarshalText(written))
		require.True(t, ref.StartedAt.Equal(again.StartedAt))
		ref.StartedAt, again.StartedAt = time.Time{}, time.Time{}
		require.Equal(t, ref, again)
	})
}

// Like FuzzJobRef, for unknown outcomes.
func FuzzUnknownOutcome(f *testing.F) {
	for _, seed := range []string{
		"cimg-unknown:v1?name=web-01&op=createCIMG&region=gz",
		"cimg-unknown:v1?image=i1&op=deleteCIMG&region=gz&sent=2026-11-21T20%3A04%3A05.678Z&cause=reset%0A&request=r1",
		"cimg-unknown:v1?image=i1&image=i2&name=a&name=b&op=changeNameCIMG&region=gz&job=cimg-job%3Av1%3Fjob%3Dj1%26region%3Dgz",
		"cimg-unknown:v1?", "cimg-unknown:v2?name=web-01&op=createCIMG&region=gz", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var unknown OutcomeUnknownError
		if err := unknown.UnmarshalText([]byte(text)); err != nil {
			require.ErrorAs(t, err, new(*InputError))
			requireOneLine(t, err)
			require.Zero(t, unknown)
			return
		}
		requireOneLine(t, &unknown)
		written, err := unknown.MarshalText()
		require.NoError(t, err)
		requireOneLine(t, errors.New(string(written)[:min(len(written), 1000)]))
		var again OutcomeUnknownError
		require.NoError(t, again.UnmarshalText(written))
		require.Equal(t, unknown.Names, again.Names)
		require.Equal(t, unknown.ImageUUIDs, again.ImageUUIDs)
		require.Equal(t, unknown.Error(), again.Error())
		require.Equal(t, unknown.RequestID, again.RequestID)
		require.True(t, unknown.SentAt.Equal(again.SentAt))
		require.Len(t, again.Jobs, len(unknown.Jobs))
		for i, job := range unknown.Jobs {
			require.Equal(t, job.String(), again.Jobs[i].String())
		}
	})
}

// The messages of errors are one line of bounded length, whatever the service
// or a transport returns.
func FuzzErrorTexts(f *testing.F) {
	f.Add("no", "r1", "connection reset", int64(4), 200)
	f.Add("two\nlines\r\n\x00\x1b[31m\u202e", "\xff", "cimg: cimg: x\ny", int64(0), 502)
	f.Add(strings.Repeat("长", 500), strings.Repeat("a", 5000), strings.Repeat("\n", 5000), int64(-1), 0)
	f.Fuzz(func(t *testing.T, errmsg, requestID, cause string, errno int64, status int) {
		apiErr := &APIError{Op: "createCIMG", Errno: errno, Errmsg: errmsg, RequestID: requestID, HTTPStatus: status}
		ref := JobRef{Region: errmsg, JobUUID: requestID, Type: cause}
		for _, err := range []error{
			apiErr,
			&OutcomeUnknownError{Op: errmsg, Region: requestID, Names: []string{errmsg, cause, requestID, cause}, RequestID: requestID, Cause: errors.New(cause)},
			&OutcomeUnknownError{Op: "createCIMG", Cause: apiErr},
			&JobFailedError{Ref: ref, Job: Job{Type: cause, Result: errmsg}},
			&WaitError{Refs: []JobRef{ref}, Cause: errors.New(cause), LastPoll: apiErr},
			&WaitError{Refs: []JobRef{ref, ref}, Cause: apiErr, LastPoll: errors.New(cause)},
			&callError{op: opCreate, what: ErrNotSent, cause: errors.New(cause)},
			oneline.Join(errors.New(errmsg), oneline.Wrap("before that", apiErr)),
			&jobErrors{jobs: 2, errs: []error{errors.New(cause), apiErr}},
			&InputError{Field: "JobUUID", Reason: oneline.Text(errmsg)},
			malformed(&call{op: opCreate}, &response{header: http.Header{"Content-Type": {errmsg}}, envelope: rawEnvelope{RequestID: requestID}}, errors.New(cause)),
		} {
			requireOneLine(t, err)
		}
	})
}

func requireOneLine(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	require.LessOrEqual(t, len(text), 12_000, "%T", err)
	if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Fatalf("%T: %q has an unprintable rune at %d", err, text, i)
	}
}

// A header can carry any token that is accepted; a rejected token is not shown.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "a", "a b", "a\nb", "a\r", "\x00", "令牌", "\x7f", "9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		err := checkToken(token)
		if err == nil {
			header := "Bearer " + token
			require.Equal(t, header, strings.TrimSpace(header))
			require.Equal(t, -1, strings.IndexFunc(header, func(r rune) bool { return r < ' ' || r > '~' }))
			return
		}
		requireOneLine(t, err)
		require.Equal(t, err.Error(), new(secret.Tokens).Use(token).Hide(err.Error()))
	})
}

// An id that is accepted survives the query, which joins ids with commas, and
// the path of a URL.
func FuzzID(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "a/b", "a,b", "a b", "a\r\nb", "\xff", "4a48f88391134a01befe88ff98b68af8", "北京", "a%2Cb", "?", "#", "&"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		var check inputCheck
		check.id(named("id"), id)
		if check.err != nil {
			requireOneLine(t, check.err)
			return
		}
		require.NotEmpty(t, id)
		require.NotContains(t, id, ",")
		require.NotContains(t, id, "/")
		require.True(t, isJobUUID(id))
		ref := JobRef{Region: id, JobUUID: id}
		var again JobRef
		require.NoError(t, again.UnmarshalText([]byte(ref.String())))
		require.Equal(t, ref, again)
		query, err := url.ParseQuery(jobsQuery(id, []string{id, "x"}))
		require.NoError(t, err)
		require.Equal(t, url.Values{"regionId": {id}, "jobUuids": {id + ",x"}}, query)
	})
}
