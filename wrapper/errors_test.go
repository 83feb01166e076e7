package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/secrettest"
	"github.com/cimg-go/cimg/wrapper"
)

func TestAPIErrorSentinels(t *testing.T) {
	sentinels := []error{
		wrapper.ErrAuth, wrapper.ErrPermission, wrapper.ErrBadParameter, wrapper.ErrArrears, wrapper.ErrBalance,
		wrapper.ErrNotFound, wrapper.ErrRateLimited, wrapper.ErrServer,
	}
	rows := []struct {
		errno  int64
		status int
		is     error // the single sentinel that matches; nil: none
	}{
		{1, 200, wrapper.ErrBadParameter},
		{2, 200, wrapper.ErrServer},
		{3, 200, wrapper.ErrServer},
		{4, 200, wrapper.ErrAuth},
		{13, 200, wrapper.ErrBadParameter},
		{40000, 200, wrapper.ErrServer},
		{41017, 200, wrapper.ErrNotFound},
		{41026, 200, wrapper.ErrNotFound},
		{1000011, 200, wrapper.ErrArrears},
		{1100020, 200, wrapper.ErrBalance},
		{10000001, 200, wrapper.ErrPermission},
		{16000002, 200, wrapper.ErrNotFound},
		{0, 401, wrapper.ErrAuth},
		{0, 403, wrapper.ErrPermission},
		{0, 429, wrapper.ErrRateLimited},
		{0, 500, wrapper.ErrServer},
		{0, 504, wrapper.ErrServer},
		{7, 429, wrapper.ErrRateLimited},
		{7, 500, wrapper.ErrServer},
		{7, 499, nil},
		{7, 401, wrapper.ErrAuth},
		{7, 403, wrapper.ErrPermission},
		{7, 200, nil},
		{0, 302, nil},
		{0, 404, wrapper.ErrNotFound},
		{0, 431, wrapper.ErrBadParameter},
		{0, 494, wrapper.ErrBadParameter},
	}
	for _, row := range rows {
		t.Run(fmt.Sprintf("errno %d, HTTP %d", row.errno, row.status), func(t *testing.T) {
			err := fmt.Errorf("wrapped: %w", &wrapper.APIError{Errno: row.errno, HTTPStatus: row.status})
			var found []error
			for _, sentinel := range sentinels {
				if errors.Is(err, sentinel) {
					found = append(found, sentinel)
				}
			}
			if row.is == nil {
				require.Empty(t, found)
			} else {
				require.Equal(t, []error{row.is}, found)
			}
		})
	}
}

// Errno and HTTP status may each match a sentinel.
func TestAPIErrorMayMatchTwoSentinels(t *testing.T) {
	err := &wrapper.APIError{Errno: 13, HTTPStatus: 401}
	require.ErrorIs(t, err, wrapper.ErrAuth)
	require.ErrorIs(t, err, wrapper.ErrBadParameter)
	require.NotErrorIs(t, err, wrapper.ErrServer)
}

// errors.Is passes targets that cannot be hashed or compared.
func TestAPIErrorIsToleratesAnyTarget(t *testing.T) {
	err := &wrapper.APIError{Errno: 4, HTTPStatus: 200}
	require.NotErrorIs(t, err, manyErrors{wrapper.ErrAuth})
	require.False(t, (&wrapper.APIError{Errno: 7, HTTPStatus: 200}).Is(nil), "no sentinel")
}

// Users construct these errors in their own tests.
func TestZeroErrorsHaveMessages(t *testing.T) {
	for _, err := range []error{
		&wrapper.APIError{}, &wrapper.OutcomeUnknownError{}, &wrapper.WaitError{}, &wrapper.JobFailedError{}, &wrapper.InputError{},
	} {
		require.NotEmpty(t, err.Error())
	}
}

type manyErrors []error

func (manyErrors) Error() string { return "many" }

func TestErrorsAreOneLine(t *testing.T) {
	nasty := "line one\nline two\x00\x1b[31m" + strings.Repeat("很长的消息", 1000) + "\xff"
	ref := wrapper.JobRef{Region: nasty, JobUUID: nasty, Type: nasty}
	api := &wrapper.APIError{Op: "createCIMG", Errno: 1, Errmsg: nasty, RequestID: nasty, HTTPStatus: 500}
	wait := &wrapper.WaitError{Refs: []wrapper.JobRef{ref}, Cause: errors.New(nasty), LastPoll: api}
	broken := clientThrough(t, func(*http.Request) (*http.Response, error) { return nil, errors.New(nasty) })
	_, sent := broken.CreateImage(t.Context(), "gz", webImage)
	source := wrapper.TokenFunc(func(context.Context) (string, error) { return "", errors.New(nasty) })
	client, err := wrapper.New(source, wrapper.WithBaseURL(broken.BaseURL()))
	require.NoError(t, err)
	_, unsent := client.CreateImage(t.Context(), "gz", webImage)
	unlisted, err := http.NewRequestWithContext(t.Context(), http.MethodPost, broken.BaseURL()+"/x%0Ay"+strings.Repeat("z", 100_000), nil)
	require.NoError(t, err)
	_, strange := broken.Do(unlisted)
	for _, err := range []error{
		api, sent, unsent, strange,
		&wrapper.APIError{Op: nasty, Errno: 1},
		&wrapper.OutcomeUnknownError{Op: "createCIMG", Region: nasty, Names: []string{nasty, nasty, nasty, nasty}, RequestID: nasty, Cause: api},
		&wrapper.JobFailedError{Ref: ref, Job: wrapper.Job{Type: nasty, Result: nasty}},
		wait,
	} {
		text := err.Error()
		require.NotContains(t, text, "\n")
		require.NotContains(t, text, "\x1b")
		require.NotContains(t, text, "\x00")
		require.NotContains(t, text, "\xff")
		require.Less(t, len(text), 3000)
	}
}

func TestErrorsReadWell(t *testing.T) {
	ref := wrapper.JobRef{Region: "gz", JobUUID: "j1", Type: "CreateCIMG"}
	require.EqualError(t,
		&wrapper.APIError{Op: "createCIMG", Errno: 41017, Errmsg: "查询SNAP信息失败", RequestID: "r1", HTTPStatus: 200},
		"cimg: createCIMG: not found: errno 41017 (查询SNAP信息失败), request r1")
	require.EqualError(t,
		&wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"a\nb"}, Cause: &wrapper.APIError{Op: "createCIMG", Errno: 2, Errmsg: "c\nd", HTTPStatus: 200}},
		`cimg: createCIMG in gz of "a\nb": outcome unknown; check whether it took effect before calling again: createCIMG: server error: errno 2 (c\nd)`)
	require.EqualError(t,
		&wrapper.APIError{Op: "createCIMG", HTTPStatus: 502},
		"cimg: createCIMG: server error: HTTP 502 Bad Gateway")
	require.EqualError(t,
		&wrapper.APIError{Op: "createCIMG", HTTPStatus: 500},
		"cimg: createCIMG: server error: HTTP 500 Internal Server Error")
	require.EqualError(t,
		&wrapper.APIError{Op: "createCIMG", HTTPStatus: 429, RetryAfter: 90 * time.Second, RequestID: "r1"},
		"cimg: createCIMG: rate limited: HTTP 429 Too Many Requests, retry after 1m30s, request r1")
	require.EqualError(t,
		&wrapper.APIError{Op: "createCIMG", HTTPStatus: 499},
		"cimg: createCIMG: HTTP 499")
	require.EqualError(t,
		&wrapper.OutcomeUnknownError{Op: "deleteCIMG", ImageUUIDs: []string{"a", "b", "c"}, Cause: errors.New("EOF")},
		`cimg: deleteCIMG of "a", "b", "c": outcome unknown; check whether it took effect before calling again: EOF`)
	require.EqualError(t,
		&wrapper.OutcomeUnknownError{Op: "deleteCIMG", Cause: errors.New("unexpected EOF")},
		"cimg: deleteCIMG: outcome unknown; check whether it took effect before calling again: unexpected EOF")
	require.EqualError(t,
		&wrapper.JobFailedError{Ref: ref, Job: wrapper.Job{Type: "CreateCIMG", Progress: 57, Result: "snapshot unreadable"}},
		"cimg: job j1 (CreateCIMG in gz) failed at 57 %: snapshot unreadable")
	require.EqualError(t,
		&wrapper.WaitError{Refs: []wrapper.JobRef{ref}, Cause: wrapper.ErrJobUnknown},
		"cimg: waiting for job j1 in gz: job unknown to the service")
}

// Text from the service is truncated where it is too long for one line.
func TestLongTextInErrorsIsTruncated(t *testing.T) {
	whole := strings.Repeat("x", 200)
	require.EqualError(t, &wrapper.APIError{Op: "op", Errno: 7, Errmsg: whole, HTTPStatus: 200}, "cimg: op: errno 7 ("+whole+")")
	require.EqualError(t, &wrapper.APIError{Op: "op", Errno: 7, Errmsg: whole + "y", HTTPStatus: 200}, "cimg: op: errno 7 ("+whole+"...)")
}

// Unwrap returns the wrapped errors, and never a nil one.
func TestErrorsUnwrap(t *testing.T) {
	cause, last := errors.New("cause"), errors.New("last")
	require.Equal(t, []error{cause}, (&wrapper.WaitError{Cause: cause}).Unwrap())
	both := &wrapper.WaitError{Cause: cause, LastPoll: last}
	require.Equal(t, []error{cause, last}, both.Unwrap())
	require.EqualError(t, both, "cimg: waiting for 0 jobs: cause (last poll: last)")
	for _, handler := range []http.HandlerFunc{abort, respondJSON("{}")} {
		_, err := clientOf(t, serve(t, handler)).CreateImage(t.Context(), "gz", webImage)
		secrettest.EachError(err, func(err error) {
			if many, ok := err.(interface{ Unwrap() []error }); ok {
				require.NotContains(t, many.Unwrap(), nil)
			}
		})
	}
}

// The error of a call without a response names the operation and the cause.
func TestErrorsWithoutAResponseReadWell(t *testing.T) {
	client, err := wrapper.New(wrapper.TokenFunc(func(context.Context) (string, error) { return "", errors.New("vault is sealed") }))
	require.NoError(t, err)
	require.EqualError(t, readOnce(t.Context(), client), "cimg: getJobResult: token source: vault is sealed")
	_, err = client.CreateImage(t.Context(), "gz", webImage)
	require.EqualError(t, err, "cimg: createCIMG: not sent: token source: vault is sealed")
}

// The error for a malformed response describes what is known of the response.
func TestMalformedResponsesReadWell(t *testing.T) {
	for body, want := range map[string]string{
		`{"requestId":"r1"}`: "(HTTP 200, application/json, 18 bytes, request r1): it has no errno",
		`{}`:                 "(HTTP 200, application/json, 2 bytes): it has no errno",
	} {
		_, err := clientOf(t, serve(t, respondJSON(body))).JobResults(t.Context(), "gz", "j1")
		require.EqualError(t, err, "cimg: getJobResult: malformed response "+want)
	}
}

// What a decoder says names no type of Go: it means nothing to who reads a log.
func TestErrorsNameNoTypeOfGo(t *testing.T) {
	for _, body := range []string{
		`5`, `[]`, `"x"`, `{"errno":"0"}`, `{"errno":0.5}`, `{"errno":[1]}`, `{"errno":0,"errmsg":5}`, `{"errno":0,"data":{"count":"x","items":[]}}`,
		`{"errno":0,"data":{"count":1,"items":[5]}}`, `{"errno":0,"data":[{"cimgUuid":5}]}`, `{"errno":0,"data":[{"cimgUuid":"i1","name":{}}]}`,
		`{"errno":0,"data":[5]}`, `{"errno":0,"data":[null,[]]}`, `{"errno":0,"data":[{"jobUuid":5}]}`, `{"errno":0,"data":[{"jobUuid":"j1","done":"x"}]}`,
		`{"errno":0,"data":[{"jobUuid":"j1","done":true,"success":1e400}]}`,
	} {
		client := clientOf(t, serve(t, respondJSON(body)))
		_, create := client.CreateImage(t.Context(), "gz", webImage)
		_, poll := client.JobResults(t.Context(), "gz", "j1")
		errs := []error{create, poll}
		for _, err := range client.Images(t.Context(), "gz") {
			errs = append(errs, err)
		}
		for _, err := range errs {
			if err != nil {
				require.NotRegexp(t, `\bGo\b|gen\.|plain\.|wrapper\.|jsontext|struct|u?int\d*\b|float|slice|bool\b`, err.Error())
			}
		}
	}
}

// A call whose context ended says so, and no more.
func TestErrorsOfEndedContexts(t *testing.T) {
	client := clientThrough(t, func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, readOnce(ctx, client), "cimg: getJobResult: context canceled")
	for _, err := range client.Images(ctx, "gz") {
		require.EqualError(t, err, "cimg: listCIMG: context canceled")
	}
	_, err := client.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: "gz"})
	require.EqualError(t, err, "cimg: listCIMG: context canceled")
	_, err = client.CreateImage(ctx, "gz", webImage)
	require.EqualError(t, err, "cimg: createCIMG: not sent: context canceled")
}

func TestAPIErrorLogsItsFields(t *testing.T) {
	var b strings.Builder
	logger := slog.New(slog.NewTextHandler(&b, nil))
	logger.Error("failed", "err", &wrapper.APIError{Op: "listCIMG", Errno: 13, Errmsg: "no", RequestID: "r1", HTTPStatus: 200})
	require.Contains(t, b.String(), "err.op=listCIMG err.errno=13 err.errmsg=no err.requestId=r1 err.httpStatus=200")
}

// A body that is not an envelope is described, not quoted.
func TestNoBodyInErrors(t *testing.T) {
	for _, status := range []int{200, 404, 502} {
		s := serve(t, response(status, "text/html", "<html>top secret "+strings.Repeat("x", 10_000)+"</html>"))
		_, err := clientOf(t, s).CreateImage(t.Context(), "gz", webImage)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		require.Less(t, len(err.Error()), 400)
		if status == http.StatusOK {
			require.ErrorContains(t, err, "text/html")
		}
	}
}

// The URL of a poll contains thousands of ids.
func TestNoURLInErrors(t *testing.T) {
	s := serve(t, abort)
	_, err := clientOf(t, s).JobResults(t.Context(), "gz", "j1", "j2")
	require.Error(t, err)
	require.NotContains(t, err.Error(), s.URL)
	require.NotContains(t, err.Error(), "j1")
}
