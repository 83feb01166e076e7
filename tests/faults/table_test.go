package faults

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/cimg-go/cimg/wrapper"
)

const html = "<html><body>gateway</body></html>"

// Ends that several rows share.
var (
	accepted = end{outcome: wrapper.OutcomeAccepted, sends: 1}
	notSent  = end{outcome: wrapper.OutcomeNotSent, sends: 0}
	unknown  = end{outcome: wrapper.OutcomeUnknown, sends: 1}
	retried  = end{outcome: wrapper.OutcomeUnknown, sends: 3}
	once     = end{outcome: wrapper.OutcomeUnknown, sends: 1} // a read-single call that is not retried
)

func (want end) with(is error) end         { want.is = is; return want }
func (want end) withStatus(status int) end { want.status = status; return want }
func (want end) sent(n int) end            { want.sends = n; return want }
func (want end) orNotSent() end            { want.or = wrapper.OutcomeNotSent; return want }
func (want end) and(check func(*testing.T, error)) end {
	want.check = check
	return want
}

func rejected(status int, is error) end {
	return end{outcome: wrapper.OutcomeRejected, sends: 1, status: status, is: is}
}

// wantRetryAfter requires a delay from Retry-After.
func wantRetryAfter(delay time.Duration) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		var apiErr *wrapper.APIError
		require.ErrorAs(t, err, &apiErr)
		require.Equal(t, delay, apiErr.RetryAfter)
	}
}

// salvaged requires what an unknown outcome has from a response.
func salvaged(requestID string, jobs int) func(*testing.T, error) {
	return func(t *testing.T, err error) {
		var unknown *wrapper.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, requestID, unknown.RequestID)
		require.Len(t, unknown.Jobs, jobs)
	}
}

func errno(status int, number int64) http.HandlerFunc {
	return response(status, "application/json", fmt.Sprintf(`{"errno":%d,"errmsg":"no","requestId":"r1"}`, number))
}

func later(status int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		w.WriteHeader(status)
	}
}

// healthy responds like a service without faults.
func healthy(w http.ResponseWriter, r *http.Request) {
	var request struct {
		CIMG []any `json:"cimg"`
	}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			panic(err)
		}
	}
	if strings.HasSuffix(r.URL.Path, "/list") {
		respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"count":1,"items":[{"cimgUuid":"i1","name":"n"}]}}`)(w, r)
		return
	}
	jobs := []string{}
	for i := range request.CIMG {
		jobs = append(jobs, fmt.Sprintf(`{"jobUuid":"j%d","type":"T"}`, i))
	}
	respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":[`+strings.Join(jobs, ",")+`]}`)(w, r)
}

// huge is the size of a response of 200 MB.
const huge = 200 << 20

func hugeResponse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	block := bytes.Repeat([]byte(" "), 64<<10)
	for range huge / len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(bytes.Repeat([]byte(" "), 1<<20))
	z.Close()
	return bytes.Repeat(b.Bytes(), huge>>20) // concatenated gzip streams are a valid stream
})

func gzipBomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	w.Write(bomb())
}

func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"errno":0,`)
}

func cutShortInChunks(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"errno":0,`)
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset responds to each request with RST_STREAM.
func reset(code http2.ErrCode) func(*http2.Framer, uint32) {
	return func(f *http2.Framer, stream uint32) { f.WriteRSTStream(stream, code) }
}

// table returns the faults in the order of the list it follows, then others.
func table() []fault {
	malformed := unknown.with(wrapper.ErrMalformedResponse)
	malformedRead := once.with(wrapper.ErrMalformedResponse)
	tooLarge := unknown.with(wrapper.ErrResponseTooLarge)
	rows := []fault{
		{name: "no fault", endpoint: responding(healthy), mutating: accepted, readOnly: accepted},
		{row: 1, name: "name does not resolve", endpoint: unresolvable, mutating: notSent, readOnly: retried.sent(0)},
		{row: 1, name: "connection refused", endpoint: closedPort, mutating: notSent, readOnly: retried.sent(0).with(syscall.ECONNREFUSED)},
		{row: 1, name: "dial timeout", endpoint: undialable, mutating: notSent, readOnly: retried.sent(0)},
		{row: 2, name: "closed without response", endpoint: responding(hangUp(false)), mutating: unknown, readOnly: retried},
		{row: 2, name: "reset after processing", endpoint: responding(hangUp(true)), mutating: unknown, readOnly: retried},
		{row: 3, name: "reset before anything was read", endpoint: resetting, mutating: unknown.orNotSent(), readOnly: retried},
		{row: 4, name: "no response", endpoint: silent, mutating: unknown, readOnly: once, hangs: true},
		{row: 5, name: "RST_STREAM(PROTOCOL_ERROR)", endpoint: overHTTP2(reset(http2.ErrCodeProtocol)), mutating: unknown, readOnly: retried},
		{row: 5, name: "RST_STREAM(REFUSED_STREAM)", endpoint: overHTTP2(reset(http2.ErrCodeRefusedStream)), mutating: unknown, readOnly: retried},
		{row: 5, name: "GOAWAY(last=0)", endpoint: overHTTP2(func(f *http2.Framer, _ uint32) { f.WriteGoAway(0, http2.ErrCodeNo, nil) }), mutating: unknown, readOnly: retried},
		{row: 11, name: "201", endpoint: responding(response(201, "application/json", `{"errno":0,"data":[]}`)), mutating: malformed, readOnly: malformedRead},
		{row: 11, name: "204", endpoint: responding(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), mutating: malformed, readOnly: malformedRead},
		{row: 13, name: "truncated body", endpoint: responding(cutShort), mutating: unknown.with(io.ErrUnexpectedEOF), readOnly: retried.with(io.ErrUnexpectedEOF)},
		{row: 13, name: "truncated chunks", endpoint: responding(cutShortInChunks), mutating: unknown.with(io.ErrUnexpectedEOF), readOnly: retried.with(io.ErrUnexpectedEOF)},
		{row: 14, name: "200 HTML", endpoint: responding(response(200, "text/html", html)), mutating: malformed, readOnly: malformedRead},
		{row: 17, name: "200 MB", endpoint: responding(hugeResponse), mutating: tooLarge, readOnly: once.with(wrapper.ErrResponseTooLarge)},
		{row: 17, name: "gzip bomb", endpoint: responding(gzipBomb), mutating: tooLarge, readOnly: once.with(wrapper.ErrResponseTooLarge)},
		{row: 18, name: "errno 4", endpoint: responding(errno(200, 4)), mutating: rejected(200, wrapper.ErrAuth), readOnly: rejected(200, wrapper.ErrAuth)},
		{row: 22, name: "errno 424242", endpoint: responding(errno(200, 424242)), mutating: unknown.withStatus(200), readOnly: once.withStatus(200)},

		{name: "garbage instead of HTTP", endpoint: responding(raw("220 smtp ready\r\n")), mutating: unknown, readOnly: retried},
		{name: "an endless response", endpoint: trickling, mutating: unknown, readOnly: once, hangs: true},
		{name: "a header of 20 MB", endpoint: responding(raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 20<<20))), mutating: unknown, readOnly: retried},
		{name: "broken gzip", endpoint: responding(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "no gzip at all")
		}), mutating: unknown, readOnly: retried},
		{name: "101", endpoint: responding(raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")), mutating: malformed, readOnly: malformedRead},
		{name: "300", endpoint: responding(response(300, "text/html", html)), mutating: unknown.withStatus(300), readOnly: once.withStatus(300)},
		{name: "304", endpoint: responding(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }), mutating: unknown.withStatus(304), readOnly: once.withStatus(304)},
		{name: "404 HTML", endpoint: responding(response(404, "text/html", html)), mutating: unknown.withStatus(404), readOnly: once.withStatus(404)},
		{name: "errno 0 with HTTP 500", endpoint: responding(errno(500, 0)), mutating: unknown.withStatus(500).with(wrapper.ErrServer), readOnly: retried.withStatus(500).with(wrapper.ErrServer)},
		{name: "errno 13 with HTTP 502", endpoint: responding(errno(502, 13)), mutating: unknown.withStatus(502).with(wrapper.ErrServer), readOnly: retried.withStatus(502).with(wrapper.ErrServer)},
		{name: "errno 40000", endpoint: responding(errno(200, 40000)), mutating: unknown.withStatus(200).with(wrapper.ErrServer), readOnly: retried.withStatus(200).with(wrapper.ErrServer)},
		{name: "a rejection with a job", endpoint: responding(respondJSON(`{"errno":13,"requestId":"r1","data":[{"jobUuid":"j1"}]}`)),
			mutating: unknown.withStatus(200).and(salvaged("r1", 1)), readOnly: rejected(200, wrapper.ErrBadParameter)},
		{name: "the token in every place", endpoint: responding(func(w http.ResponseWriter, r *http.Request) {
			echo := r.Header.Get("Authorization")
			for _, name := range []string{"Server", "Via", "X-Request-Id", "Set-Cookie", "Retry-After"} {
				w.Header().Set(name, echo)
			}
			fmt.Fprintf(w, `{"errno":4,"errmsg":"%[1]s","requestId":"%[1]s"}`, strings.TrimPrefix(echo, "Bearer "))
		}), mutating: rejected(200, wrapper.ErrAuth), readOnly: rejected(200, wrapper.ErrAuth)},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		row := 6
		if status > 303 {
			row = 7
		}
		rows = append(rows,
			fault{row: row, name: fmt.Sprint(status, " elsewhere"), endpoint: redirecting(status), mutating: unknown.withStatus(status), readOnly: once.withStatus(status)},
			fault{row: row, name: fmt.Sprint(status, " to itself"), endpoint: redirectingHome(status), mutating: unknown.withStatus(status), readOnly: once.withStatus(status)})
	}
	for _, status := range []int{408, 425, 500, 502, 503, 504} {
		row := 8
		if status < 500 {
			row = 41
		}
		for body, handler := range map[string]http.HandlerFunc{"JSON": errno(status, 2), "HTML": response(status, "text/html", html)} {
			rows = append(rows, fault{row: row, name: fmt.Sprint(status, " ", body), endpoint: responding(handler),
				mutating: unknown.withStatus(status).with(wrapper.ErrServer), readOnly: retried.withStatus(status).with(wrapper.ErrServer)})
		}
		rows = append(rows, fault{row: row, name: fmt.Sprint(status, " HTTP/2"), endpoint: overTLS(response(status, "text/html", html)),
			mutating: unknown.withStatus(status).with(wrapper.ErrServer), readOnly: retried.withStatus(status).with(wrapper.ErrServer)})
	}
	for retryAfter, row := range map[string]struct {
		row   int
		delay time.Duration
		sends int // of a read-only call, which waits for at most 10 ms
	}{
		"":                              {9, 0, 3},
		"1":                             {9, time.Second, 1},
		"3600":                          {10, time.Hour, 1},
		"-3600":                         {10, 0, 3},
		"99999999999999999999":          {10, 9223372036 * time.Second, 1},
		"Thu, 01 Jan 1970 00:00:00 GMT": {10, 0, 3},
	} {
		limited := rejected(429, wrapper.ErrRateLimited).and(wantRetryAfter(row.delay))
		rows = append(rows, fault{row: row.row, name: "429 Retry-After " + retryAfter, endpoint: responding(later(429, retryAfter)),
			mutating: limited, readOnly: limited.sent(row.sends)})
	}
	for status, is := range map[int]error{401: wrapper.ErrAuth, 403: wrapper.ErrPermission} {
		rows = append(rows, fault{row: 12, name: fmt.Sprint(status, " HTML"), endpoint: responding(response(status, "text/html", html)),
			mutating: rejected(status, is), readOnly: rejected(status, is)})
	}
	for _, body := range []string{"", "null", "{}", "[]"} {
		rows = append(rows, fault{row: 15, name: "body " + body, endpoint: responding(respondJSON(body)), mutating: malformed, readOnly: malformedRead})
	}
	for _, number := range []string{`"0"`, "1e400", "1180591620717411303424", "null", "0.5", "true", "[0]", "9223372036854775808"} {
		rows = append(rows, fault{row: 16, name: "errno " + number, endpoint: responding(respondJSON(`{"errno":` + number + `,"errmsg":"ok","data":[]}`)),
			mutating: malformed, readOnly: malformedRead})
	}
	for _, number := range []int64{2, 3} {
		rows = append(rows, fault{row: 19, name: fmt.Sprint("errno ", number), endpoint: responding(errno(200, number)),
			mutating: unknown.withStatus(200).with(wrapper.ErrServer), readOnly: retried.withStatus(200).with(wrapper.ErrServer)})
	}
	for number, is := range map[int64]error{1: wrapper.ErrBadParameter, 13: wrapper.ErrBadParameter} {
		rows = append(rows, fault{row: 20, name: fmt.Sprint("errno ", number), endpoint: responding(errno(200, number)), mutating: rejected(200, is), readOnly: rejected(200, is)})
	}
	for number, is := range map[int64]error{1000011: wrapper.ErrArrears, 1100020: wrapper.ErrBalance, 10000001: wrapper.ErrPermission} {
		single := rejected(200, is).and(func(t *testing.T, err error) {
			for _, other := range []error{wrapper.ErrArrears, wrapper.ErrBalance, wrapper.ErrPermission} {
				require.Equal(t, errors.Is(is, other), errors.Is(err, other))
			}
		})
		rows = append(rows, fault{row: 21, name: fmt.Sprint("errno ", number), endpoint: responding(errno(200, number)), mutating: single, readOnly: single})
	}
	for body, jobs := range map[string]int{
		`{"errno":0,"errmsg":"ok","requestId":"r1"}`:                                                                0,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":null}`:                                                    0,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[]}`:                                                      0,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":""}]}`:                                        0,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"type":"CreateCIMG"},{"jobUuid":"j1"}]}`:                1,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1"},{"jobUuid":"j1"},{"jobUuid":"j2"}]}`:    3,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1"},{"jobUuid":"j2"},{"jobUuid":"j3"}]}`:    3,
		`{"errno":0,"errmsg":"ok","requestId":"r1","data":[{"jobUuid":"j1","progress":"5"},{"jobUuid":["j2"]}, 3]}`: 1,
	} {
		rows = append(rows, fault{row: 23, name: body, endpoint: responding(respondJSON(body)), mutating: malformed.and(salvaged("r1", jobs))})
	}
	for name, body := range map[string]string{
		"duplicate errno":   `{"errno":4,"errno":0,"data":[]}`,
		"errno in capitals": `{"ERRNO":0,"data":[]}`,
		"trailing bytes":    `{"errno":0,"data":[]}{}`,
		"byte order mark":   "\ufeff{\"errno\":0,\"data\":[]}",
	} {
		rows = append(rows, fault{name: name, endpoint: responding(respondJSON(body)), mutating: malformed, readOnly: malformedRead})
	}
	rows = append(rows, decodeRows()...)
	rows = append(rows, gatewayRows()...)
	return rows
}

// Each fault is tried with each call, over the wrapper's own transport and over
// the caller's.
func TestFaults(t *testing.T) {
	for _, f := range table() {
		t.Run(fmt.Sprintf("%02d %s", f.row, f.name), func(t *testing.T) {
			for name := range calls {
				for _, borrowed := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s borrowed=%t", name, borrowed), func(t *testing.T) { f.try(t, name, borrowed) })
				}
			}
		})
	}
}
