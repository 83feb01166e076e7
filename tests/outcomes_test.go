package tests

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// sample is a response of the tables that the examples in other languages are
// tested with, too.
type sample struct {
	Name, Kind, ContentType, Location, Body string
	Status                                  int
	JSON                                    json.RawMessage
}

func samples(t *testing.T, file string, atLeast int) (table []sample) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(read(t, "tests/contract/clients/"+file)), &table))
	require.GreaterOrEqual(t, len(table), atLeast)
	return table
}

func (s sample) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	if s.Location != "" {
		w.Header().Set("Location", s.Location)
	}
	w.Header().Set("Content-Type", cmp.Or(s.ContentType, "application/json"))
	w.WriteHeader(cmp.Or(s.Status, http.StatusOK))
	_, _ = io.WriteString(w, cmp.Or(string(s.JSON), s.Body))
}

// The wrapper classifies the responses to a create of two images like the
// examples in other languages.
func TestOutcomesOfAllLanguages(t *testing.T) {
	for _, o := range samples(t, "outcomes.json", 50) {
		t.Run(o.Name, func(t *testing.T) {
			sent := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent++
				o.ServeHTTP(w, r)
			}))
			defer server.Close()
			client, err := wrapper.New(wrapper.StaticToken("a-token-of-this-test"), wrapper.WithBaseURL(server.URL))
			require.NoError(t, err)
			_, err = client.CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{{Name: "one", SnapUUID: "s"}, {Name: "two", SnapUUID: "s"}})
			require.EqualValues(t, o.Kind, wrapper.OutcomeOf(err), err)
			require.Equal(t, 1, sent)
		})
	}
}

// So it does with the responses to a poll of one job.
func TestPollsOfAllLanguages(t *testing.T) {
	for _, poll := range samples(t, "polls.json", 30) {
		t.Run(poll.Name, func(t *testing.T) {
			// What may be due to an id is no failure of the poll: it counts for the
			// grace of a job that the service does not know yet.
			kind := "permanent"
			switch {
			case waitOutlives(t, poll, wrapper.MaxFailures(0), wrapper.MissingGrace(time.Minute)):
				kind = "bad id"
			case waitOutlives(t, poll, wrapper.MaxFailures(1), wrapper.MissingGrace(0)):
				kind = "transient"
			}
			require.Equal(t, poll.Kind, kind)
		})
	}
}

// waitOutlives reports whether a wait goes on after a response to its first poll.
func waitOutlives(t *testing.T, first sample, options ...wrapper.WaitOption) (outlives bool) {
	t.Helper()
	done := sample{JSON: json.RawMessage(`{"errno":0,"errmsg":"ok","requestId":"r","data":[{"jobUuid":"a","type":"CreateCIMG","progress":100,"done":true,"success":true}]}`)}
	synctest.Test(t, func(t *testing.T) {
		polls := 0
		client, err := wrapper.New(wrapper.StaticToken("a-token-of-this-test"), wrapper.WithBaseURL("http://127.0.0.1"),
			wrapper.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) *http.Response {
				response := first
				if polls++; polls > 1 {
					response = done
				}
				recorder := httptest.NewRecorder()
				if r.Body == nil {
					r.Body = http.NoBody
				}
				response.ServeHTTP(recorder, r)
				return recorder.Result()
			})}))
		require.NoError(t, err)
		job, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "a"})
		require.NoError(t, err)
		_, err = job.Wait(t.Context(), options...)
		outlives = err == nil
	})
	return outlives
}

type roundTripper func(*http.Request) *http.Response

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// Users copy the list of errnos that mean "nothing was changed" with an
// example, or from the page. With one number too many, an image is created
// twice.
func TestRejectionsAreTheSameEverywhere(t *testing.T) {
	want := []string{}
	for _, row := range regexp.MustCompile(`(?m)^\s*\| (\d+) \| [^|]+ \| no \|`).FindAllStringSubmatch(read(t, "openapi.yaml"), -1) {
		want = append(want, row[1])
	}
	require.Len(t, want, 9)
	number := regexp.MustCompile(`\b\d+\b`)
	for file, list := range map[string]string{
		"docs/other-languages.md":                         "(?m)^\\| rejected \\| `errno` (.*?), with a status",
		"docs/other-languages.zh-CN.md":                   "(?m)^\\| 被拒绝 \\| `errno` 为 (.*?)，且状态码",
		"tests/contract/clients/rules/response.ts":        `rejections = new Set\(\[(.*)\]\)`,
		"tests/contract/clients/postman/scripts/rules.js": `rejections = \[(.*)\]`,
		"tests/contract/clients/python/cimg.py":           `REJECTIONS = {(.*)}`,
		"tests/contract/clients/shell/cimg.sh":            `is_server_failure \| not\) and \(\$errno \| IN\((.*)\)\)`,
	} {
		found := regexp.MustCompile(list).FindStringSubmatch(read(t, file))
		require.NotNil(t, found, file)
		got := number.FindAllString(found[1], -1)
		slices.SortFunc(got, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		require.Equal(t, want, got, file)
	}
}

// The pages and the Arazzo document list what a poll's response means. The
// programs are tested with the responses themselves.
func TestPollsAreTheSameEverywhere(t *testing.T) {
	want := map[string][]string{}
	for _, poll := range samples(t, "polls.json", 30) {
		alone := regexp.MustCompile(`^(?:errno|HTTP) (\d+)(?: with HTML)?$`).FindStringSubmatch(poll.Name)
		if alone != nil && alone[1] != "200" && poll.Status < http.StatusInternalServerError {
			want[poll.Kind] = append(want[poll.Kind], alone[1])
		}
	}
	number := regexp.MustCompile(`\b\d+\b`)
	for file, rows := range map[string]map[string]string{
		"docs/other-languages.md":                {"transient": `(?m)^\| no response.*`, "bad id": `(?m)^\| the job is not.*`},
		"docs/other-languages.zh-CN.md":          {"transient": `(?m)^\| 没有收到响应.*`, "bad id": `(?m)^\| .data. 中没有该任务.*`},
		"tests/contract/flow/images.arazzo.yaml": {"transient": `(?m)^ *\| .errno. 2, .*`, "bad id": `(?m)^ *\| .errno. 1, .*`},
	} {
		for kind, row := range rows {
			require.ElementsMatch(t, want[kind], number.FindAllString(regexp.MustCompile(row).FindString(read(t, file)), -1), "%s, %s", file, kind)
		}
	}
	document := read(t, "tests/contract/flow/images.arazzo.yaml")
	var retried []string
	for _, compared := range regexp.MustCompile(`== (\d+)`).FindAllStringSubmatch(document[strings.Index(document, "pollAgainAfterBadId:\n      name"):], -1) {
		retried = append(retried, compared[1])
	}
	require.ElementsMatch(t, append(want["bad id"], want["transient"]...), retried)
}
