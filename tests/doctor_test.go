package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// service is one that limits what clients may send, in ways that the mock does not.
type service struct {
	images   int
	maxLimit int           // larger ones are rejected; 0: none is
	maxPage  int           // how many images come at most; 0: as many as requested
	bare     bool          // lists are arrays
	tooMany  int           // errno of the rejection; 0: 1
	status   int           // of responses to getJobResult
	outage   *atomic.Int32 // how many of them fail with status; nil: all
	ahead    time.Duration
}

func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(s.ahead).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	errno := 0
	var data any = []any{}
	var list struct {
		RegionID     string
		Start, Limit int
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer a-token":
		errno = 4
	case r.Method == http.MethodGet && s.status != 0 && (s.outage == nil || s.outage.Add(-1) >= 0):
		w.WriteHeader(s.status)
		return
	case r.Method == http.MethodGet:
	case json.NewDecoder(r.Body).Decode(&list) != nil, s.maxLimit > 0 && list.Limit > s.maxLimit:
		errno = max(s.tooMany, 1)
	case list.RegionID != "gz":
		errno = 16000002
	default:
		items := []any{}
		for n := list.Start; n < s.images && len(items) < list.Limit && (s.maxPage == 0 || len(items) < s.maxPage); n++ {
			items = append(items, map[string]any{"cimgUuid": fmt.Sprintf("%032x", n), "name": fmt.Sprint("web-", n)})
		}
		data = map[string]any{"count": len(items), "items": items}
		if s.bare {
			data = items
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"errno": errno, "errmsg": "", "requestId": "1", "data": data})
}

// run runs a command that talks to the service.
func (s service) run(t *testing.T, line string) ran {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cmd := exec.CommandContext(t.Context(), commandPath(t), strings.Fields(line)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "DIDIYUN_BASE_URL="+server.URL, "DIDIYUN_ACCESS_TOKEN=a-token")
	return outcomeOf(t, cmd)
}

// The doctor helps with a service that limits what the mock does not.
func TestDoctorFindsLimits(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		service
		args string
		code int
		sees []string // patterns
	}{
		"rejects large pages": {service: service{images: 300, maxLimit: 50}, sees: []string{
			`page size +--page-size 50 +.*requests for 50 images are accepted, for 100 they are not: errno 1 with`, `errors +- +errno 16000002`, `wrong token +- +errno 4`,
		}},
		"rejects larger pages than the one set": {service: service{images: 300, maxLimit: 30}, args: "--page-size 30", sees: []string{
			`page size +--page-size 30 +.*requests for 30 images are accepted, for 50 they are not`,
		}},
		"rejects all but one": {service: service{images: 300, maxLimit: 1}, sees: []string{
			`page size +--page-size 1 +requests for 1 image are accepted, for 10 they are not`,
		}},
		"cuts pages, bare": {service: service{images: 300, maxPage: 20, bare: true}, sees: []string{
			`page size +--page-size 20 +at most 20 images come in a response; requests for 1000 images are accepted`,
		}},
		"cuts pages, with their count": {service: service{images: 300, maxPage: 20}, sees: []string{
			`list +- +.*count of those in the page`, `page size +--page-size 20 +at most 20 images come in a response`,
		}},
		"cuts pages and rejects large ones": {service: service{images: 300, maxPage: 20, maxLimit: 100}, sees: []string{
			`page size +--page-size 20 +at most 20 images come in a response; requests for 100 images are accepted, for 1000 they are not`,
		}},
		"has few images": {service: service{images: 3}, sees: []string{
			`page size +- +requests for 1000 images are accepted; the region has only 3 images`,
		}},
		"sends one at a time": {service: service{images: 3, maxPage: 1}, sees: []string{
			`page size +--page-size 1 +at most 1 image comes in a response`,
		}},
		"has many images": {service: service{images: 2000}, sees: []string{
			`page size +--page-size 1000 +at most 1000 images come`,
		}},
		"has none": {service: service{}, sees: []string{
			`page size +- +requests for 1000 images are accepted; the region has only 0 images`,
		}},
		"has an outage": {service: service{status: http.StatusServiceUnavailable}, code: 1, sees: []string{
			`unknown job +- +could not be checked`, `ids per poll +- +could not be checked`, `wrong token +- +errno 4`, `latency`,
		}},
		"has a short outage": {service: service{status: http.StatusServiceUnavailable, outage: new(atomic.Int32)}, sees: []string{
			`unknown job +- +it is left out`, `ids per poll +- +1600 ids are accepted`,
		}},
		"fails for large pages": {service: service{images: 300, maxLimit: 50, tooMany: 2}, sees: []string{
			`page size +--page-size 50 +requests for 50 images are accepted, for 100 they are not: errno 2`,
		}},
		"limits the rate": {service: service{status: http.StatusTooManyRequests}, code: 3, sees: []string{`unknown job +- +could not be checked`}},
		"rejects without an errno": {service: service{status: http.StatusBadRequest}, sees: []string{
			`unknown job +- +the request is rejected: HTTP status 400 without an errno`,
		}},
		"has the time":   {service: service{}, sees: []string{`clock +- +the service's clock is the same as this machine's, within \d+m?s`}},
		"is in a hurry":  {service: service{ahead: time.Hour}, sees: []string{`clock +- +the service's clock is (1h0m|59m59).* ahead of this machine's, give or take`}},
		"is in the past": {service: service{ahead: -time.Hour}, sees: []string{`clock +- +the service's clock is (1h0m|59m59).* behind this machine's, give or take`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.outage != nil {
				row.outage.Store(2)
			}
			doctor := row.run(t, "doctor --region gz "+row.args)
			require.Equal(t, row.code, doctor.code, doctor.stderr)
			for _, pattern := range row.sees {
				require.Regexp(t, `(?m)^`+pattern, doctor.stdout)
			}
			require.NotContains(t, doctor.stdout, "errno 0")
			if row.code != 0 {
				require.Regexp(t, `^cimg: unknown job: getJobResult: .*HTTP `, doctor.stderr)
				require.NotContains(t, doctor.stdout, "--jobs-per-poll")
			}
		})
	}
}

// A limit of a few ids is not taken for 1.
func TestDoctorFindsASmallLimitOfIDs(t *testing.T) {
	t.Parallel()
	for limit, sees := range map[string]string{
		"30": `ids per poll +--jobs-per-poll 20 +20 ids are accepted, 50 are not`,
		"3":  `ids per poll +--jobs-per-poll 1 +1 id is accepted, 10 are not`,
	} {
		u := newUser(t, "--scenario", scenario(t, "maxJobUuids: "+limit))
		require.Regexp(t, `(?m)^`+sees, u.run(t, "doctor --region gz").stdout)
	}
}

// A command has no flag that does nothing.
func TestFlagsThatDoNothing(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"list", "doctor"} {
		require.NotContains(t, outcomeOf(t, exec.CommandContext(t.Context(), commandPath(t), command, "--help")).stdout, "jobs-per-poll")
	}
}
