package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

const badGateway = "<html><body><h1>502 Bad Gateway</h1></body></html>"

// overSocket switches the client to a server, with a new connection for each
// request: net/http repeats requests that fail on a reused one.
func (s *service) overSocket() {
	server := httptest.NewUnstartedServer(s.Emulator)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // net/http logs panics
	server.Start()
	s.t.Cleanup(server.Close)
	transport := &http.Transport{DisableKeepAlives: true}
	s.t.Cleanup(transport.CloseIdleConnections)
	s.client, s.base = &http.Client{Transport: transport}, server.URL
}

func inProcessAndOverSocket(t *testing.T, options emulator.Options, test func(*testing.T, *service)) {
	t.Run("in process", func(t *testing.T) { test(t, newEmulator(t, options)) })
	t.Run("over a socket", func(t *testing.T) {
		s := newEmulator(t, options)
		s.overSocket()
		test(t, s)
	})
}

// outcome is what a client sees of a response.
type outcome struct {
	status      int
	contentType string
	retryAfter  string
	body        string
}

// Each kind of fault, met by a createCIMG: what the client sees and whether the
// request was processed.
func TestFaults(t *testing.T) {
	const html, json = "text/html; charset=utf-8", "application/json; charset=utf-8"
	retryAfter := http.Header{"retry-after": {"7"}}
	for name, test := range map[string]struct {
		fault   emulator.Fault
		want    outcome
		err     error // of the request
		readErr error // of the response's body
		done    int   // images being built
	}{
		"delay":                {fault: emulator.Fault{Delay: time.Millisecond}, want: outcome{200, json, "", `"errno":0`}, done: 1},
		"delay after":          {fault: emulator.Fault{Delay: time.Millisecond, After: true}, want: outcome{200, json, "", `"errno":0`}, done: 1},
		"header":               {fault: emulator.Fault{Header: retryAfter}, want: outcome{200, json, "7", `"errno":0`}, done: 1},
		"status":               {fault: emulator.Fault{Status: 503}, want: outcome{503, "", "", ""}},
		"status after":         {fault: emulator.Fault{Status: 503, After: true}, want: outcome{503, "", "", ""}, done: 1},
		"no content":           {fault: emulator.Fault{Status: 204}, want: outcome{204, "", "", ""}},
		"throttled":            {fault: emulator.Fault{Status: 429, Header: retryAfter}, want: outcome{429, "", "7", ""}},
		"html":                 {fault: emulator.Fault{Status: 502, Body: badGateway}, want: outcome{502, html, "", badGateway}},
		"html, 200":            {fault: emulator.Fault{Body: badGateway}, want: outcome{200, html, "", badGateway}},
		"json":                 {fault: emulator.Fault{Body: "null", ContentType: json}, want: outcome{200, json, "", "null"}},
		"own content type":     {fault: emulator.Fault{Errno: 2, Header: http.Header{"content-type": {"text/plain"}}}, want: outcome{200, "text/plain", "", `"errno":2`}},
		"nothing":              {fault: emulator.Fault{Status: 200}, want: outcome{200, "", "", ""}},
		"errno":                {fault: emulator.Fault{Errno: 2}, want: outcome{200, json, "", `"errno":2,"errmsg":"服务开小差，请稍等"`}},
		"errno after":          {fault: emulator.Fault{Errno: 1000011, After: true}, want: outcome{200, json, "", `"errmsg":"账户已欠费，无法进行该操作"`}, done: 1},
		"errno of nobody":      {fault: emulator.Fault{Errno: -77}, want: outcome{200, json, "", `"errno":-77,"errmsg":"errno -77"`}},
		"errno and status":     {fault: emulator.Fault{Errno: 3, Status: 500}, want: outcome{500, json, "", `"errno":3`}},
		"reset":                {fault: emulator.Fault{Reset: true}, err: syscall.ECONNRESET},
		"reset after":          {fault: emulator.Fault{Reset: true, After: true}, err: syscall.ECONNRESET, done: 1},
		"late reset":           {fault: emulator.Fault{Reset: true, Delay: time.Millisecond}, err: syscall.ECONNRESET},
		"truncated":            {fault: emulator.Fault{Truncate: true}, want: outcome{200, json, "", `{"errno":0`}, readErr: io.ErrUnexpectedEOF, done: 1},
		"truncated html":       {fault: emulator.Fault{Truncate: true, Body: "1234567"}, want: outcome{200, html, "", "123"}, readErr: io.ErrUnexpectedEOF},
		"truncated to nothing": {fault: emulator.Fault{Truncate: true, Body: "1"}, want: outcome{200, html, "", ""}, readErr: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			inProcessAndOverSocket(t, emulator.Options{}, func(t *testing.T, s *service) {
				s.InjectFor(t, test.fault)
				response, err := s.do(http.MethodPost, createPath, createExample)
				require.Len(t, s.Images("gz"), test.done)
				require.Equal(t, 1, s.Requests("createCIMG"))
				if test.err != nil {
					require.ErrorIs(t, err, test.err)
					return
				}
				require.NoError(t, err)
				content, err := io.ReadAll(response.Body)
				require.ErrorIs(t, err, test.readErr)
				require.NoError(t, response.Body.Close())
				if test.readErr != nil {
					require.Greater(t, response.ContentLength, int64(len(content)))
				}
				require.Equal(t, test.want.status, response.StatusCode)
				require.Equal(t, test.want.contentType, response.Header.Get("Content-Type"))
				require.Equal(t, test.want.retryAfter, response.Header.Get("Retry-After"))
				require.Contains(t, string(content), test.want.body)
				require.Equal(t, test.want.body == "", len(content) == 0)

				require.Zero(t, s.post(createPath, createExample).Errno, "a fault is met once")
			})
		})
	}
}

func TestConnectionRefused(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	s.InjectFor(t, emulator.Fault{Refuse: true})
	_, err := s.do(http.MethodPost, createPath, createExample)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Zero(t, s.Requests(""))
	require.Empty(t, s.Images("gz"))

	s.overSocket()
	s.InjectFor(t, emulator.Fault{Refuse: true})
	_, err = s.do(http.MethodPost, createPath, createExample)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Equal(t, 1, s.Requests(""))
	require.Empty(t, s.Images("gz"))
}

// If the connection cannot be hijacked, net/http breaks it.
func TestResetWithoutConnection(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	s.InjectFor(t, emulator.Fault{Reset: true})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, createPath, strings.NewReader(createExample)))
	})
}

func TestResetUnderTLS(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	server := httptest.NewTLSServer(s.Emulator)
	defer server.Close()
	s.client, s.base = server.Client(), server.URL
	s.InjectFor(t, emulator.Fault{Reset: true})
	_, err := s.do(http.MethodPost, createPath, createExample)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	s.create("after")
}

// Which requests meet which fault. Status 200 is the emulator's own response.
func TestFaultQueue(t *testing.T) {
	status := func(n int, fault emulator.Fault) emulator.Fault {
		fault.Status = n
		return fault
	}
	for name, test := range map[string]struct {
		faults []emulator.Fault
		calls  string // c: create, l: list
		want   []int
		unmet  int
	}{
		"none":            {nil, "cl", []int{200, 200}, 0},
		"any operation":   {[]emulator.Fault{status(500, emulator.Fault{})}, "lc", []int{500, 200}, 0},
		"one operation":   {[]emulator.Fault{status(500, emulator.Fault{Operation: "createCIMG"})}, "lcc", []int{200, 500, 200}, 0},
		"count":           {[]emulator.Fault{status(500, emulator.Fault{Count: 2})}, "ccc", []int{500, 500, 200}, 0},
		"skip":            {[]emulator.Fault{status(500, emulator.Fault{Skip: 2})}, "cccc", []int{200, 200, 500, 200}, 0},
		"skip, count":     {[]emulator.Fault{status(500, emulator.Fault{Skip: 1, Count: 2})}, "cccc", []int{200, 500, 500, 200}, 0},
		"skip others":     {[]emulator.Fault{status(500, emulator.Fault{Skip: 1, Operation: "createCIMG"})}, "lclc", []int{200, 200, 200, 500}, 0},
		"in turn":         {[]emulator.Fault{status(500, emulator.Fault{}), status(503, emulator.Fault{Skip: 1})}, "cccc", []int{500, 200, 503, 200}, 0},
		"skipped in turn": {[]emulator.Fault{status(500, emulator.Fault{Skip: 1}), status(503, emulator.Fault{})}, "ccc", []int{200, 500, 503}, 0},
		"side by side":    {[]emulator.Fault{status(500, emulator.Fault{Operation: "createCIMG"}), status(503, emulator.Fault{})}, "lc", []int{503, 500}, 0},
		"unmet":           {[]emulator.Fault{status(500, emulator.Fault{Operation: "deleteCIMG"}), status(503, emulator.Fault{})}, "c", []int{503}, 1},
		"partly met":      {[]emulator.Fault{status(500, emulator.Fault{Count: 3})}, "cc", []int{500, 500}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEmulator(t, emulator.Options{})
			for _, fault := range test.faults {
				require.NoError(t, s.Inject(fault))
			}
			var got []int
			for _, call := range test.calls {
				path, body := createPath, createExample
				if call == 'l' {
					path, body = listPath, `{"regionId":"gz","limit":1}`
				}
				response, err := s.do(http.MethodPost, path, body)
				require.NoError(t, err)
				got = append(got, response.StatusCode)
			}
			require.Equal(t, test.want, got)
			require.Len(t, s.UnmetFaults(), test.unmet)
		})
	}
}

// An outage: every request meets it until it is over, by the emulator's clock.
func TestOutage(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	status := func() int {
		response, err := s.do(http.MethodPost, createPath, createExample)
		require.NoError(t, err)
		return response.StatusCode
	}
	s.InjectFor(t, emulator.Fault{Status: 503, Skip: 1, For: time.Minute})
	s.InjectFor(t, emulator.Fault{Status: 502})
	require.Equal(t, 200, status())
	for range 59 {
		require.Equal(t, 503, status())
		clock.Advance(time.Second)
	}
	require.Len(t, s.UnmetFaults(), 2)
	clock.Advance(time.Second)
	require.Equal(t, []emulator.Fault{{Status: 502}}, s.UnmetFaults())
	require.Equal(t, 502, status())
	require.Equal(t, 200, status())
}

// recorder is an emulator.TB that records failures.
type recorder struct {
	cleanups []func()
	failures []string
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func TestInjectFor(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	test := &recorder{}
	s.InjectFor(test, emulator.Fault{Operation: "createCIMG", Errno: 2})
	s.InjectFor(test, emulator.Fault{Operation: "listCIMG", Errno: 2})
	s.InjectFor(test, emulator.Fault{Operation: "deleteCIMG", Count: 2, Errno: 2})
	s.InjectFor(test, emulator.Fault{Operation: "importCIMG", For: time.Nanosecond, Errno: 2})
	s.post(createPath, createExample)
	s.post(deletePath, `{}`)
	for _, cleanup := range test.cleanups {
		cleanup()
	}
	require.Len(t, test.failures, 3)
	require.Contains(t, test.failures[0], "emulator: fault was met by 0 of 1 requests: {Operation:listCIMG ")
	require.Contains(t, test.failures[1], "emulator: fault was met by 1 of 2 requests: {Operation:deleteCIMG ")
	require.Contains(t, test.failures[2], "emulator: fault was met by 0 of 1 requests: {Operation:importCIMG ")
	require.Len(t, s.UnmetFaults(), 2)
}

func TestInjectCopiesTheFault(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	header := http.Header{"Retry-After": {"1"}}
	s.InjectFor(t, emulator.Fault{Header: header, Count: 2})
	header.Set("Retry-After", "changed")
	for range 2 {
		response, err := s.do(http.MethodPost, createPath, createExample)
		require.NoError(t, err)
		require.Equal(t, "1", response.Header.Get("Retry-After"))
		response.Header["Retry-After"][0] = "changed"
	}
}

// A delay ends with the request's context. Only with After has the request been
// processed by then.
func TestDelayEndsWithTheContext(t *testing.T) {
	for _, test := range []struct {
		fault emulator.Fault
		done  int
	}{
		{emulator.Fault{Delay: time.Hour}, 0},
		{emulator.Fault{Delay: time.Hour, After: true}, 1},
		{emulator.Fault{Delay: time.Hour, Refuse: true}, 0},
	} {
		t.Run("in process", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newEmulator(t, emulator.Options{})
				s.InjectFor(t, test.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				_, err := s.client.Do(s.exampleRequest(ctx))
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.Equal(t, time.Minute, time.Since(start))
				require.Len(t, s.Jobs("gz"), test.done)
			})
		})
		t.Run("over a socket", func(t *testing.T) {
			s := newEmulator(t, emulator.Options{})
			s.overSocket()
			s.InjectFor(t, test.fault)
			ctx, cancel := context.WithCancel(t.Context())
			request, failed := s.exampleRequest(ctx), make(chan error)
			go func() {
				_, err := s.client.Do(request)
				failed <- err
			}()
			require.Eventually(t, func() bool {
				return s.Requests("") == 1 && len(s.Jobs("gz")) == test.done
			}, time.Minute, time.Millisecond)
			cancel()
			require.ErrorIs(t, <-failed, context.Canceled)
			// Closing the server waits for the handler: the test would hang
			// if the delay were not cut short.
		})
	}
}

// A request whose body breaks off is not counted.
func TestRequestBodyBreaksOff(t *testing.T) {
	broken := errors.New("broken")
	s := newEmulator(t, emulator.Options{})
	request := s.exampleRequest(t.Context())
	request.Body = io.NopCloser(io.MultiReader(strings.NewReader(createExample), brokenReader{broken}))
	_, err := s.client.Do(request)
	require.ErrorIs(t, err, broken)
	require.Zero(t, s.Requests(""))

	request = s.exampleRequest(t.Context())
	request.Body = io.NopCloser(brokenReader{broken})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.ServeHTTP(httptest.NewRecorder(), request) })
	require.Zero(t, s.Requests(""))
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

func TestInjectRejectsFaultsWithoutEffect(t *testing.T) {
	const nothing = "it does nothing: set delay, reset, status, errno, body, header or truncate"
	s := newEmulator(t, emulator.Options{})
	for name, test := range map[string]struct {
		fault emulator.Fault
		want  string
	}{
		"unknown operation":   {emulator.Fault{Operation: "createCimg", Errno: 2}, `operation "createCimg" is not one of changeNameCIMG, createCIMG, deleteCIMG, getJobResult, importCIMG, listCIMG`},
		"skip":                {emulator.Fault{Skip: -1, Errno: 2}, "skip -1 is negative"},
		"count":               {emulator.Fault{Count: -1, Errno: 2}, "count -1 is negative"},
		"delay":               {emulator.Fault{Delay: -1, Errno: 2}, "delay -1ns is negative"},
		"for":                 {emulator.Fault{For: -1, Errno: 2}, "for -1ns is negative"},
		"count and for":       {emulator.Fault{Count: 2, For: time.Second, Errno: 2}, "count and for exclude each other"},
		"low status":          {emulator.Fault{Status: 99}, "status 99 is not a final HTTP status, 200 to 599"},
		"high status":         {emulator.Fault{Status: 1000}, "status 1000 is not a final HTTP status, 200 to 599"},
		"interim status":      {emulator.Fault{Status: 100}, "status 100 is not a final HTTP status, 200 to 599"},
		"nothing":             {emulator.Fault{}, nothing},
		"a selection":         {emulator.Fault{Operation: "listCIMG", Skip: 1, Count: 2}, nothing},
		"after":               {emulator.Fault{After: true}, nothing},
		"content type":        {emulator.Fault{ContentType: "text/html"}, "contentType is that of a body, and there is none"},
		"content of errno":    {emulator.Fault{ContentType: "text/html", Errno: 2}, "contentType is that of a body, and there is none"},
		"empty and truncated": {emulator.Fault{Status: 503, Truncate: true}, "truncate needs a body, and the response has none: set errno or body"},
		"errno and body":      {emulator.Fault{Errno: 2, Body: "<html>"}, "errno and body exclude each other"},
		"204 with a body":     {emulator.Fault{Status: 204, Body: "<html>"}, "a response with status 204 has no body: leave out errno, body, contentType and truncate"},
		"304 with an errno":   {emulator.Fault{Status: 304, Errno: 2}, "a response with status 304 has no body: leave out errno, body, contentType and truncate"},
		"204 with a type":     {emulator.Fault{Status: 204, ContentType: "text/html"}, "a response with status 204 has no body: leave out errno, body, contentType and truncate"},
		"204, truncated":      {emulator.Fault{Status: 204, Truncate: true}, "a response with status 204 has no body: leave out errno, body, contentType and truncate"},
		"reset and a status":  {emulator.Fault{Reset: true, Status: 503, Truncate: true}, "a connection that breaks carries no response: leave out status, errno, body, contentType, header and truncate"},
		"refuse and a header": {emulator.Fault{Refuse: true, Header: http.Header{"A": {"b"}}}, "a connection that breaks carries no response: leave out status, errno, body, contentType, header and truncate"},
		"refuse after":        {emulator.Fault{Refuse: true, After: true}, "a refused connection carries no request: leave out after"},
		"header name":         {emulator.Fault{Header: http.Header{"Retry After": {"1"}}}, `header: "Retry After" is not the name of a header`},
		"no header name":      {emulator.Fault{Header: http.Header{"": {"1"}}}, `header: "" is not the name of a header`},
		"header value":        {emulator.Fault{Header: http.Header{"Retry-After": {"1\r\nA: b"}}}, `header: "1\r\nA: b" is not a value of Retry-After`},
		"content type value":  {emulator.Fault{Body: "a", ContentType: "text/html\n"}, `contentType "text/html\n" is not a value of a header`},
		"two things":          {emulator.Fault{Skip: -1, Count: -1, Errno: 2}, "skip -1 is negative\ncount -1 is negative"},
	} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, s.Inject(test.fault), "emulator: fault: "+test.want)
			require.EqualError(t, test.fault.Validate(), test.want)
			_, err := emulator.New(emulator.Options{Faults: []emulator.Fault{{Errno: 2}, test.fault}})
			require.EqualError(t, err, "emulator: options: Faults[1]: "+strings.ReplaceAll(test.want, "\n", "\nFaults[1]: "))
		})
	}
	require.Empty(t, s.UnmetFaults())
}

// A fault is for the operations: a browser that asks for an icon does not spend it.
func TestOtherPathsMeetNoFault(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	s.InjectFor(t, emulator.Fault{Status: 503})
	for method, path := range map[string]string{http.MethodGet: "/favicon.ico", http.MethodOptions: createPath, http.MethodPost: resultPath} {
		response, err := s.do(method, path, "")
		require.NoError(t, err)
		require.NotEqual(t, http.StatusServiceUnavailable, response.StatusCode)
	}
	response, err := s.do(http.MethodPost, createPath, createExample)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}
