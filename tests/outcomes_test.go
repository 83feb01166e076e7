package tests

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
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

// The first row of the pages that matches a response says what it means.
func TestPollsMatchTheFirstRow(t *testing.T) {
	kinds := []string{"transient", "permanent", "bad id", "permanent", "transient"} // of the rows without done
	number := regexp.MustCompile(`\d+`)
	for file, start := range map[string]string{"docs/other-languages.md": "| response to a poll |", "docs/other-languages.zh-CN.md": "| 查询的响应 |"} {
		_, table, found := strings.Cut(read(t, file), start)
		require.True(t, found, file)
		table, _, _ = strings.Cut(table, "\n\n")
		rows := strings.Split(table, "\n")[4:]
		require.Len(t, rows, len(kinds), file)
		matches := func(row string, status int, errno *int64) bool {
			for _, part := range strings.FieldsFunc(strings.Split(row, "|")[1], func(r rune) bool { return r == ';' || r == '；' }) {
				numbers := number.FindAllString(part, -1)
				switch {
				case strings.Contains(part, "HTTP"):
					if slices.Contains(numbers, strconv.Itoa(status)) || strings.Contains(part, "5xx") && status >= 500 {
						return true
					}
				case strings.Contains(part, "errno") && errno != nil:
					anyOther := len(numbers) == 1 && numbers[0] == "0"
					if anyOther && *errno != 0 || !anyOther && slices.Contains(numbers, strconv.FormatInt(*errno, 10)) {
						return true
					}
				}
			}
			return false
		}
		for _, poll := range samples(t, "polls.json", 30) {
			var envelope struct{ Errno *int64 }
			_ = json.Unmarshal(poll.JSON, &envelope) // with an error, it is none
			first := slices.IndexFunc(rows, func(row string) bool { return matches(row, cmp.Or(poll.Status, http.StatusOK), envelope.Errno) })
			if first < 0 {
				first = len(rows) - 1 // anything else
			}
			require.Equal(t, poll.Kind, kinds[first], "%s: %s", file, poll.Name)
		}
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
