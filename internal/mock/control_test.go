package mock_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/mock"
)

// A scenario can be replaced and restored while images and jobs exist; a reset
// forgets them.
func TestControl(t *testing.T) {
	scenario, err := mock.Load("rejected", emulator.DefaultStock())
	require.NoError(t, err)
	s := serve(t, mock.Options{Scenario: scenario})
	started := s.control(http.MethodGet, "scenario", "")
	require.Contains(t, started, "1000011")

	require.JSONEq(t, `{"storeName": "x-*"}`, s.control(http.MethodPut, "scenario", `{storeName: "x-*"}`))
	require.JSONEq(t, `[]`, s.control(http.MethodGet, "faults", ""), "they were the old scenario's")
	job := s.create("a").JobUUID
	s.control(http.MethodPost, "faults", `{operation: listCIMG, errno: 2}`)
	s.control(http.MethodPost, "faults", `{operation: createCIMG, count: 2, errno: 2}`)
	require.EqualValues(t, 2, s.call(http.MethodPost, createPath, createBody("c")).Errno)
	require.Contains(t, s.control(http.MethodGet, "faults", ""), `{"count":2,"errno":2,"operation":"createCIMG"}`, "as it was queued")
	s.control(http.MethodDelete, "faults", "")
	require.JSONEq(t, `{"storeName": "x-*"}`, s.control(http.MethodGet, "scenario", ""))

	require.JSONEq(t, started, s.control(http.MethodDelete, "scenario", ""))
	require.EqualValues(t, 1000011, s.call(http.MethodPost, createPath, createBody("b")).Errno)
	require.Equal(t, []string{"x-a"}, s.images())
	s.advance(emulator.DefaultDuration)
	require.True(t, s.job(job).Success)
	require.JSONEq(t, `{"createCIMG": 3, "getJobResult": 1, "importCIMG": 0, "listCIMG": 0, "changeNameCIMG": 0, "deleteCIMG": 0}`,
		s.control(http.MethodGet, "requests", ""))
	require.Contains(t, s.control(http.MethodGet, "jobs?regionId=gz", ""), job)

	s.control(http.MethodPut, "scenario", `{storeName: "y-*"}`)
	require.JSONEq(t, started, s.control(http.MethodPost, "reset", ""))
	require.Empty(t, s.images())
	require.JSONEq(t, `[]`, s.control(http.MethodGet, "jobs?regionId=gz", ""))
	require.Contains(t, s.control(http.MethodGet, "requests", ""), `"createCIMG":0`)
	require.EqualValues(t, 1000011, s.call(http.MethodPost, createPath, createBody("b")).Errno)
	require.Contains(t, s.control(http.MethodGet, "images?regionId=bj", ""), "北京02")
}

func TestControlErrors(t *testing.T) {
	s := serve(t, mock.Options{})
	for _, test := range []struct {
		method, path, body string
		status             int
		want, allow        string
	}{
		{http.MethodPost, "/faults", "{operatoin: createCIMG}", 400, "line 1: there is no field operatoin", ""},
		{http.MethodPost, "/faults", "{skip: -1, status: 99}", 400, "skip -1 is negative; status 99 is not a final HTTP status, 200 to 599", ""},
		{http.MethodPost, "/faults", "{}", 400, "it does nothing: set delay, reset, status, errno, body, header or truncate", ""},
		{http.MethodPost, "/faults", "null", 400, "line 1: there is no value", ""},
		{http.MethodPost, "/faults", "# " + strings.Repeat("x", 1<<20), 400, "http: request body too large", ""},
		{http.MethodGet, "/images", "", 400, `regionId: there is no region ""`, ""},
		{http.MethodGet, "/jobs?regionId=xx", "", 400, `regionId: there is no region "xx"`, ""},
		{http.MethodPost, "/scenario", "{}", 405, "POST is not allowed on /_emulator/scenario; use DELETE, GET, HEAD, PUT", "DELETE, GET, HEAD, PUT"},
		{http.MethodGet, "/reset", "", 405, "GET is not allowed on /_emulator/reset; use POST", "POST"},
		{http.MethodPut, "/", "", 405, "PUT is not allowed on /_emulator/; use GET, HEAD", "GET, HEAD"},
		{http.MethodPost, "", "", 405, "POST is not allowed on /_emulator; use GET, HEAD", "GET, HEAD"},
		{http.MethodGet, "/no-such", "", 404, "no such path; GET /_emulator/ explains those of the control API", ""},
		{http.MethodGet, "//faults", "", 404, "no such path; GET /_emulator/ explains those of the control API", ""},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got := s.send(s.request(test.method, "/_emulator"+test.path, test.body))
			require.NoError(t, got.err)
			require.Equal(t, test.status, got.StatusCode)
			require.Equal(t, "application/json; charset=utf-8", got.Header.Get("Content-Type"))
			var failure struct{ Error string }
			require.NoError(t, json.Unmarshal([]byte(got.body), &failure))
			require.Equal(t, test.want, failure.Error)
			require.Equal(t, test.allow, got.Header.Get("Allow"))
		})
	}
	for _, path := range []string{"/_emulator", "/_emulator/"} {
		help := s.send(s.request(http.MethodGet, path, ""))
		require.Equal(t, http.StatusOK, help.StatusCode)
		require.Equal(t, mock.Help, help.body)
		require.Empty(t, s.send(s.request(http.MethodHead, path, "")).body)
	}
	require.JSONEq(t, `[]`, s.control(http.MethodGet, "faults", ""))
	require.Empty(t, s.send(s.request(http.MethodHead, "/_emulator/faults", "")).body)
}

// Only this machine controls the mock, under a name that no page can claim.
func TestWhoMayControl(t *testing.T) {
	const forbidden, fine = http.StatusForbidden, http.StatusOK
	for _, test := range []struct {
		from, host, origin string
		local, anywhere    int // the status without and with ControlFromAnywhere
	}{
		{"127.0.0.1:1234", "127.0.0.1:8080", "", fine, fine},
		{"127.9.9.9:1234", "localhost:8080", "", fine, fine},
		{"[::1]:1234", "[::1]:8080", "", fine, fine},
		{"[::ffff:127.0.0.1]:1234", "LOCALHOST", "", fine, fine},
		{"127.0.0.1:1234", "mock.localhost:8080", "", fine, fine},
		{"127.0.0.1:1234", "localhost:8080", "http://localhost:3000", fine, fine},
		{"127.0.0.1:1234", "localhost:8080", "https://[::1]:3000", fine, fine},

		{"192.0.2.1:1234", "localhost:8080", "", forbidden, fine},
		{"192.0.2.1:1234", "192.0.2.2:8080", "", forbidden, fine},
		{"192.0.2.1:1234", "192.0.2.2:8080", "http://192.0.2.2:8080", forbidden, fine},
		{"127.0.0.1:1234", "evil.example:8080", "", forbidden, fine},
		{"127.0.0.1:1234", "localhost.evil.example", "", forbidden, fine},
		{"127.0.0.1:1234", "evillocalhost", "", forbidden, fine},
		{"@", "localhost", "", forbidden, fine}, // a Unix socket

		{"127.0.0.1:1234", "localhost:8080", "https://evil.example", forbidden, forbidden},
		{"127.0.0.1:1234", "localhost:8080", "http://localhost.evil.example", forbidden, forbidden},
		{"127.0.0.1:1234", "localhost:8080", "http://localhost@evil.example", forbidden, forbidden},
		{"127.0.0.1:1234", "localhost:8080", "null", forbidden, forbidden},
		{"127.0.0.1:1234", "localhost:8080", "extension://localhost", forbidden, forbidden},
	} {
		for anywhere, want := range map[bool]int{false: test.local, true: test.anywhere} {
			m, err := mock.New(mock.Options{ControlFromAnywhere: anywhere})
			require.NoError(t, err)
			r := httptest.NewRequest(http.MethodPost, "/_emulator/reset", nil)
			r.RemoteAddr, r.Host = test.from, test.host
			if test.origin != "" {
				r.Header.Set("Origin", test.origin)
			}
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			require.Equal(t, want, w.Code, "%+v, anywhere: %v", test, anywhere)
			if want == forbidden {
				require.Regexp(t, `^\{"error":"(only this machine .* --control-from-anywhere |pages of the origin .* serve them from a loopback origin )`, w.Body.String())
			}
		}
	}
}

func TestCORS(t *testing.T) {
	m, err := mock.New(mock.Options{})
	require.NoError(t, err)
	handler, err := mock.AllowOrigins([]string{"https://app.example.com"}, m)
	require.NoError(t, err)
	send := func(method, origin string, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, createPath, strings.NewReader(createBody("a")))
		r.Header = header
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, "Origin", w.Header().Get("Vary"))
		return w
	}
	for origin, allowed := range map[string]bool{
		"":                             false,
		"null":                         false,
		"http://localhost:3000":        true,
		"http://127.0.0.1:3000":        true,
		"http://[::1]:3000":            true,
		"https://app.example.com":      true,
		"http://app.example.com":       false,
		"https://app.example.com:8443": false,
	} {
		granted := ""
		if allowed {
			granted = origin
		}
		w := send(http.MethodPost, origin, http.Header{"Authorization": {"Bearer " + emulator.DefaultToken}, "Content-Type": {"application/json"}})
		require.Contains(t, w.Body.String(), `"errno":0`, "CORS rejects nothing")
		require.Equal(t, granted, w.Header().Get("Access-Control-Allow-Origin"))

		w = send(http.MethodOptions, origin, http.Header{
			"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,content-type"},
		})
		require.Equal(t, granted, w.Header().Get("Access-Control-Allow-Origin"))
		if allowed {
			require.Equal(t, http.StatusNoContent, w.Code)
			require.Equal(t, "POST", w.Header().Get("Access-Control-Allow-Methods"))
			require.Equal(t, "authorization,content-type", w.Header().Get("Access-Control-Allow-Headers"))
		} else {
			require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		}
	}
	w := send(http.MethodOptions, "http://localhost:3000", http.Header{})
	require.Equal(t, http.StatusMethodNotAllowed, w.Code, "OPTIONS without a preflight's header is the service's")

	for origin, want := range map[string]int{"http://localhost:3000": http.StatusOK, "https://app.example.com": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080/_emulator/faults", nil)
		r.RemoteAddr = "127.0.0.1:1234"
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, "origins of --cors may not control the mock")
		require.Equal(t, origin, w.Header().Get("Access-Control-Allow-Origin"), "the page can read the reason")
	}
}

// An origin that no browser sends would never match.
func TestOriginsAreWrittenAsBrowsersDo(t *testing.T) {
	for _, origin := range []string{"https://app.example.com", "http://app.example.com:8080", "https://xn--bcher-kva.example", "http://192.0.2.1", "http://[2001:db8::1]:3000"} {
		_, err := mock.AllowOrigins([]string{origin}, http.NotFoundHandler())
		require.NoError(t, err)
	}
	for origin, use := range map[string]string{
		"https://app.example.com/":      "https://app.example.com",
		"https://app.example.com/path":  "https://app.example.com",
		"https://app.example.com?a":     "https://app.example.com",
		"https://app.example.com#a":     "https://app.example.com",
		"https://u@app.example.com":     "https://app.example.com",
		"https://App.example.com":       "https://app.example.com",
		"HTTPS://app.example.com":       "https://app.example.com",
		"https://app.example.com:443":   "https://app.example.com",
		"http://app.example.com:80":     "http://app.example.com",
		"http://app.example.com:443/":   "http://app.example.com:443",
		"http://app.example.com:":       "http://app.example.com",
		"http://app.example.com:08080":  "http://app.example.com:8080",
		"http://[2001:DB8:0::1]:3000":   "http://[2001:db8::1]:3000",
		"":                              "",
		"null":                          "",
		"*":                             "",
		"https://*":                     "",
		"https://*.example.com":         "",
		"app.example.com":               "",
		"localhost:3000":                "",
		"//app.example.com":             "",
		"https://":                      "",
		"https://:8080":                 "",
		"ftp://app.example.com":         "",
		"ws://app.example.com":          "",
		"file:///home/me/index.html":    "",
		"https://bücher.example":        "",
		"https://app.example.com:99999": "",
		"https://a.example,b.example":   "",
		"https://a.example https://b":   "",
	} {
		want := `"` + origin + `" is not an origin as browsers send it, such as https://app.example.com or http://192.0.2.1:8080`
		if use != "" {
			want = `"` + origin + `" is not an origin as browsers send it: use ` + use
		}
		_, err := mock.AllowOrigins([]string{origin}, http.NotFoundHandler())
		require.EqualError(t, err, want)
	}
}

func TestHealth(t *testing.T) {
	s := serve(t, mock.Options{})
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		require.Equal(t, http.StatusOK, s.send(s.request(method, "/healthz", "")).StatusCode)
	}
	require.Equal(t, http.StatusNotFound, s.send(s.request(http.MethodPost, "/healthz", "")).StatusCode)
}

// A line for each request but health checks: method, operation or else path, what
// came of it, and how long it took.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	m, err := mock.New(mock.Options{})
	require.NoError(t, err)
	pages := http.NewServeMux()
	pages.Handle("/", m)
	pages.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "page.html", time.Time{}, strings.NewReader("<html>"))
	})
	handler, err := mock.AllowOrigins(nil, pages)
	require.NoError(t, err)
	handler, err = mock.Logged(&log, handler)
	require.NoError(t, err)
	listening := httptest.NewServer(handler)
	s := &server{t: t, url: listening.URL}
	s.create("a")
	s.call(http.MethodPost, createPath, `{"regionId":"gz","cimg":[{"name":"a","snapUuid":"no\nsuch"}]}`)
	s.control(http.MethodPost, "faults", `{reset: true}`)
	s.send(s.request(http.MethodPost, listPath, listGZ))
	s.control(http.MethodPost, "faults", `{truncate: true}`)
	s.send(s.request(http.MethodPost, listPath, listGZ))
	s.control(http.MethodPost, "faults", `{status: 502, body: "<html>"}`)
	s.send(s.request(http.MethodPost, listPath, listGZ))
	s.send(s.request(http.MethodGet, "/no%0Asuch?token="+emulator.DefaultToken, ""))
	s.send(s.request(http.MethodGet, "/page", ""))
	s.send(s.request(http.MethodHead, "/page", ""))
	s.send(s.request(http.MethodGet, createPath, ""))
	preflight := s.request(http.MethodOptions, createPath, "")
	preflight.Header.Set("Origin", "http://localhost:3000")
	preflight.Header.Set("Access-Control-Request-Method", http.MethodPost)
	s.send(preflight)
	s.send(s.request(http.MethodOptions, createPath, ""))
	s.send(s.request(http.MethodGet, "/healthz", ""))
	s.send(s.request(http.MethodHead, "/healthz", ""))
	s.send(s.request(http.MethodPost, "/healthz", ""))
	s.send(s.request(http.MethodGet, "", ""))
	listening.Close() // waits for the handlers

	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	want := []string{
		`POST createCIMG HTTP 200 errno 0 "ok"`,
		`POST createCIMG HTTP 200 errno 41017 ".*no snapshot .*"`,
		`POST /_emulator/faults HTTP 200`,
		`POST listCIMG no response`,
		`POST /_emulator/faults HTTP 200`,
		`POST listCIMG HTTP 200 truncated`,
		`POST /_emulator/faults HTTP 200`,
		`POST listCIMG HTTP 502`,
		`GET /no%0Asuch HTTP 404`,
		`GET /page HTTP 200`,
		`HEAD /page HTTP 200`,
		`GET /dicloud/i/storage/cimg/create HTTP 405`,
		`OPTIONS createCIMG HTTP 204`,
		`OPTIONS /dicloud/i/storage/cimg/create HTTP 405`,
		`POST /healthz HTTP 404`,
		`GET / HTTP 404`,
	}
	require.Len(t, lines, len(want), log.String())
	for i, line := range lines {
		require.Regexp(t, `^\d\d:\d\d:\d\d `+want[i]+` \d[\dµms.]*$`, line)
	}
	require.NotContains(t, log.String(), emulator.DefaultToken)
}

// A request for the whole server has no path.
func TestLogOfARequestWithoutPath(t *testing.T) {
	var log bytes.Buffer
	handler, err := mock.Logged(&log, http.NotFoundHandler())
	require.NoError(t, err)
	handler.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodConnect, URL: &url.URL{Host: "example.com:443"}})
	require.Regexp(t, ` CONNECT / HTTP 404 \d`, log.String())
}

// The mock asks the emulator about the contract's operations: a new one must be in
// its tables, too.
func TestEveryOperationThatStartsAJobCanHaveARule(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(cimg.Spec)
	require.NoError(t, err)
	s := serve(t, mock.Options{})
	for _, item := range contract.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.OperationID != "listCIMG" && operation.OperationID != "getJobResult" {
				s.control(http.MethodPut, "scenario", "jobs: [{operation: "+operation.OperationID+"}]")
			}
		}
	}
}

func TestConcurrentControl(t *testing.T) {
	s := serve(t, mock.Options{})
	var all sync.WaitGroup
	for _, control := range []struct{ method, path, body string }{
		{http.MethodPut, "scenario", "{listLag: 1s, jobs: [{duration: 1s}], faults: [{operation: deleteCIMG, errno: 2}]}"},
		{http.MethodDelete, "scenario", ""},
		{http.MethodPost, "faults", "{operation: listCIMG, errno: 2}"},
		{http.MethodGet, "faults", ""},
		{http.MethodPost, "reset", ""},
		{http.MethodGet, "images?regionId=gz", ""},
	} {
		all.Go(func() {
			for range 20 {
				s.control(control.method, control.path, control.body)
				s.create("a")
				s.advance(time.Second)
			}
		})
	}
	all.Wait()
}
