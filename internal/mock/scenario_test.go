package mock_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/mock"
)

// documented is the scenario that Help explains.
func documented(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(mock.Help, "2m:\n\n")
	document, _, found := strings.Cut(rest, "\nFaults break")
	require.True(t, found)
	return document
}

func TestHelpExplainsEveryField(t *testing.T) {
	s := serve(t, mock.Options{})
	inForce := s.control(http.MethodPut, "scenario", documented(t))
	require.JSONEq(t, inForce, s.control(http.MethodGet, "scenario", ""))
	require.JSONEq(t, inForce, s.control(http.MethodPut, "scenario", inForce), "the response is a scenario")
	for _, document := range []reflect.Type{reflect.TypeFor[mock.Scenario](), reflect.TypeFor[mock.JobRule](), reflect.TypeFor[mock.Fault]()} {
		for i := range document.NumField() {
			name, _, _ := strings.Cut(document.Field(i).Tag.Get("yaml"), ",")
			require.Contains(t, inForce, `"`+name+`":`)
		}
	}
}

// A field that the emulator's faults gain must not be missing here.
func TestScenariosHaveEveryFieldOfAFault(t *testing.T) {
	var fields []string
	for i := range reflect.TypeFor[emulator.Fault]().NumField() {
		fields = append(fields, reflect.TypeFor[emulator.Fault]().Field(i).Name)
	}
	var here []string
	for i := range reflect.TypeFor[mock.Fault]().NumField() {
		here = append(here, reflect.TypeFor[mock.Fault]().Field(i).Name)
	}
	require.ElementsMatch(t, fields, append(here, "Refuse"))
}

func TestShippedScenarios(t *testing.T) {
	require.Contains(t, mock.Shipped(), "lost-response")
	for _, name := range mock.Shipped() {
		t.Run(name, func(t *testing.T) {
			scenario, err := mock.Load(name, emulator.DefaultStock())
			require.NoError(t, err)
			_, err = mock.New(mock.Options{Scenario: scenario})
			require.NoError(t, err)
			document, err := os.ReadFile(filepath.Join("scenarios", name+".yaml"))
			require.NoError(t, err)
			require.Regexp(t, `^# `, string(document), "it says what it is for")
		})
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	for name, content := range map[string]string{
		"a.yaml": "# slow\nlistLag: 10s\n",
		"a.json": `{"listLag": "10s"}`,
		"b.json": "{\n\t\"listLag\"\n\t:\t\"10s\", \"faults\": [\n\t\t{\n\t\t\t\"body\": \"a\\/\\ud83d\\ude00\"\n\t\t}\n\t]\n}",
	} {
		scenario, err := mock.Load(write(name, content), emulator.DefaultStock())
		require.NoError(t, err)
		require.EqualValues(t, 10*time.Second, scenario.ListLag)
	}
	wrong := write("wrong.yaml", "jobs:\n- {failure: x}\n")
	_, err := mock.Load(wrong, emulator.DefaultStock())
	require.EqualError(t, err, wrong+": line 2: there is no field failure")
	wrong = write("wrong.yaml", "jobs: [{region: bj}, {region: xx}]\nfaults: [{}]")
	_, err = mock.Load(wrong, emulator.DefaultStock())
	require.EqualError(t, err, wrong+`: jobs[1]: region: there is no "xx"; faults[0]: it does nothing: set delay, reset, status, errno, body, header or truncate`)
	_, err = mock.Load("no-such", emulator.DefaultStock())
	require.ErrorContains(t, err, `no file "no-such"`)
	require.ErrorContains(t, err, "slow-jobs")
	_, err = mock.Load(dir, emulator.DefaultStock())
	require.Error(t, err)
}

func TestWrongScenariosChangeNothing(t *testing.T) {
	const progress = "progress: neither linear, silent or backLoaded, nor a list of percentages from 0 to 100"
	s := serve(t, mock.Options{})
	s.control(http.MethodPut, "scenario", `{listLag: 10s, faults: [{operation: deleteCIMG, errno: 2}]}`)
	for document, want := range map[string]string{
		"":                                 "the document is empty",
		"# nothing":                        "the document is empty",
		"{}\n---\n{}":                      "there is more than one document",
		"{":                                "line 1: *",
		"listlag: 1s":                      "line 1: there is no field listlag",
		"{\n\"listLag\":\"1s\",\n\"x\":1}": "line 3: there is no field x",
		`{"storeName":"\ud83d\ude00\\ud83d",
			"x":1}`: "line 1: there is no field x",
		"listLag: 5":             "line 1: `5` is not a duration such as 300ms, 10s or 2m",
		"\nlistLag: -5s":         "line 2: `-5s` is not a duration such as 300ms, 10s or 2m",
		"listLag: [1s]":          "line 1: a list is not a duration such as 300ms, 10s or 2m",
		"[]":                     "line 1: a list is not an object",
		"a":                      "line 1: `a` is not an object",
		"jobs: {}":               "line 1: an object is not a list",
		"jobs: [a]":              "line 1: `a` is not an object",
		"jobs: [{fail: [a]}]":    "line 1: a list is not text",
		"jobs: [{failAt: half}]": "line 1: `half` is not a number",
		"listAsArray: 1":         "line 1: `1` is not true or false",
		"maxPageSize: many":      "line 1: `many` is not a whole number",
		"maxPageSize: 1.5\nmaxJobUuids: []\nx: 1": "line 1: `1.5` is not a whole number; line 2: a list is not a whole number; line 3: there is no field x",
		"maxPageSize: -1\nmaxJobUuids: -2":        "maxJobUuids: -2 is negative; maxPageSize: -1 is negative",
		"unknownJobs: ignore":                     `unknownJobs: "ignore" is neither omit nor reject`,
		"null":                                    "line 1: there is no value",
		"jobs: [{fail: }]":                        "line 1: there is no value",
		"faults:\n- ~":                            "line 2: there is no value",
		"jobs: [{fail: x, failAt: .nan}]":         "line 1: JSON cannot express `.nan`",
		"jobs: [{progress: [-.inf, .NaN]}]":       "line 1: JSON cannot express `-.inf`; line 1: JSON cannot express `.NaN`",
		"jobs: [{fail: !!binary gIGC}]":           "line 1: JSON cannot express `gIGC`",

		"maxJobUuids: 0":                     "line 1: `maxJobUuids: 0` means nothing: leave it out",
		"unknownJobs: ''\nstoreName: ''":     "line 1: `unknownJobs: \"\"` means nothing: leave it out; line 2: `storeName: \"\"` means nothing: leave it out",
		`{"jobs":[{"fail":""}]}`:             "line 1: `fail: \"\"` means nothing: leave it out",
		`{"faults":[{"count":0,"errno":2}]}`: "line 1: `count: 0` means nothing: leave it out",
		"faults:\n- reset: true\n  for: 0s":  "line 3: `for: 0s` means nothing: leave it out",
		`faults: [{delay: 1s, "body": ""}]`:  "line 1: `body: \"\"` means nothing: leave it out",
		"faults: [{status: 0, errno: 0x0}]":  "line 1: `status: 0` means nothing: leave it out; line 1: `errno: 0x0` means nothing: leave it out",

		"jobs: [{}, {operation: listCIMG}]": `jobs[1]: operation: "listCIMG" is not one of changeNameCIMG, createCIMG, deleteCIMG, importCIMG`,
		"jobs: [{region: xx}]":              `jobs[0]: region: there is no "xx"`,
		`jobs: [{name: "["}]`:               `jobs[0]: name: "[" is not a pattern such as web-*`,
		"jobs: [{progress: fast}]":          "jobs[0]: " + progress,
		"jobs: [{progress: []}]":            "jobs[0]: " + progress,
		"jobs: [{progress: [1, x]}]":        "jobs[0]: " + progress,
		"jobs: [{progress: [0, 100.5]}]":    "jobs[0]: " + progress,
		"jobs: [{progress: [-1]}]":          "jobs[0]: " + progress,
		"jobs: [{fail: x, failAt: 1.5}]":    "jobs[0]: failAt: 1.5 is not from 0 to 1",
		"jobs: [{failAt: 0.5}]":             "jobs[0]: failAt: there is no fail",
		"faults: [{}]":                      "faults[0]: it does nothing: set delay, reset, status, errno, body, header or truncate",
		"faults: [{errno: 2}, {status: 99, skip: -1}]\njobs: [{region: xx, name: '['}]": "jobs[0]: region: there is no \"xx\"; jobs[0]: name: \"[\" is not a pattern such as web-*; " +
			"faults[1]: skip -1 is negative; faults[1]: status 99 is not a final HTTP status, 200 to 599",
		"faults: [{count: 1.5}]":        "line 1: `1.5` is not a whole number",
		"faults: [{errno: 2.0}]":        "line 1: `2.0` is not a whole number",
		"faults: [{header: [a]}]":       "line 1: a list is not an object",
		"faults: [{header: {a: {}}}]":   "line 1: an object is not a list",
		"faults: [{header: {a: [{}]}}]": "line 1: an object is not text",
		"faults: [{refuse: true}]":      "line 1: there is no field refuse",
		"listLag: 1s\nlistLag: 2s":      `line 2: mapping key "listLag" already defined at line 1`,
	} {
		t.Run(document, func(t *testing.T) {
			got := s.send(s.request(http.MethodPut, "/_emulator/scenario", document))
			require.Equal(t, http.StatusBadRequest, got.StatusCode)
			var failure struct{ Error string }
			require.NoError(t, json.Unmarshal([]byte(got.body), &failure))
			// The star stands for the text of a library.
			if known, open := strings.CutSuffix(want, "*"); open {
				require.True(t, strings.HasPrefix(failure.Error, known), failure.Error)
			} else {
				require.Equal(t, want, failure.Error)
			}
		})
	}
	require.JSONEq(t, `{"listLag": "10s", "faults": [{"operation": "deleteCIMG", "errno": 2}]}`, s.control(http.MethodGet, "scenario", ""))
	require.JSONEq(t, `[{"operation": "deleteCIMG", "errno": 2}]`, s.control(http.MethodGet, "faults", ""))
}

// Each field of a rule, and that the first rule that matches decides alone.
func TestZerosThatMeanSomething(t *testing.T) {
	s := serve(t, mock.Options{})
	s.control(http.MethodPut, "scenario", `{listLag: 0s, jobs: [{duration: 0, missingFor: 0s, progress: [0], fail: x, failAt: 0}],
		faults: [{skip: 0, after: false, delay: 1s, header: {X-Empty: ""}}]}`)
}

func TestJobRules(t *testing.T) {
	s := serve(t, mock.Options{})
	s.control(http.MethodPut, "scenario", `
jobs:
  - {name: "web-*", region: bj, fail: not this one}
  - {name: "web-*", operation: importCIMG, fail: nor this one}
  - {name: web-fail, operation: createCIMG, region: gz, duration: 10s, fail: disk is full, failAt: 0.5}
  - {name: web-late, duration: 10s, fail: disk is full}
  - {name: "web-*", duration: 10s, progress: [0, 100, 50.5, 100]}
  - {name: silent, duration: 1m, progress: silent}
  - {name: back, duration: 10s, progress: backLoaded}
  - {name: now, duration: 0s}
  - {operation: changeNameCIMG, fail: names are final}
`)
	jobs := map[string]string{}
	for _, name := range []string{"web-fail", "web-late", "web-01", "silent", "back", "now", "else"} {
		jobs[name] = s.create(name).JobUUID
	}
	progress := func(name string) float64 { return s.job(jobs[name]).Progress }
	require.True(t, s.job(jobs["now"]).Success)
	s.advance(3 * time.Second)
	require.Equal(t, 100.0, progress("web-01"))
	require.False(t, s.job(jobs["web-01"]).Done)
	require.Equal(t, 0.0, progress("silent"))
	require.Equal(t, 37.0, progress("else"), "the default: 8 s, linear")
	s.advance(2 * time.Second)
	failed := s.job(jobs["web-fail"])
	require.True(t, failed.Done)
	require.False(t, failed.Success)
	require.Equal(t, "disk is full", failed.Result)
	require.Equal(t, 50.5, progress("web-01"))
	require.Equal(t, 12.0, progress("back"))
	require.False(t, s.job(jobs["web-late"]).Done)
	s.advance(5 * time.Second)
	require.Equal(t, "disk is full", s.job(jobs["web-late"]).Result)
	require.True(t, s.job(jobs["web-01"]).Success)

	image := s.job(jobs["now"]).ResourceUUID
	renamed := s.call(http.MethodPost, "/dicloud/i/storage/cimg/changeName", `{"regionId":"gz","cimg":[{"cimgUuid":"`+image+`","name":"b"}]}`)
	require.Zero(t, renamed.Errno)
	s.advance(8 * time.Second)
	require.Contains(t, s.control(http.MethodGet, "jobs?regionId=gz", ""), "names are final")
}

func TestJustCreated(t *testing.T) {
	scenario, err := mock.Load("just-created", emulator.DefaultStock())
	require.NoError(t, err)
	s := serve(t, mock.Options{Scenario: scenario})
	created := s.create("a").JobUUID
	errno, jobs := s.poll(created)
	require.Zero(t, errno)
	require.Empty(t, jobs)
	s.advance(5 * time.Second)
	require.False(t, s.job(created).Done)
	require.NotContains(t, string(s.call(http.MethodPost, listPath, listGZ).Data), `"a"`)
	require.Equal(t, []string{"a"}, s.images(), "the control API sees it at once")
	s.advance(5 * time.Second)
	require.Contains(t, string(s.call(http.MethodPost, listPath, listGZ).Data), `"a"`)

	image := s.job(created).ResourceUUID
	deleted := s.call(http.MethodPost, "/dicloud/i/storage/cimg/delete", `{"regionId":"gz","cimg":[{"cimgUuid":"`+image+`"}]}`)
	require.Zero(t, deleted.Errno)
	var ids []string
	for job := range strings.SplitSeq(string(deleted.Data), `"jobUuid":"`) {
		ids = append(ids, job[:min(32, len(job))])
	}
	errno, _ = s.poll(ids[1])
	require.EqualValues(t, 41026, errno)
	s.advance(5 * time.Second)
	errno, _ = s.poll(ids[1])
	require.Zero(t, errno)
}

func TestSettings(t *testing.T) {
	s := serve(t, mock.Options{})
	s.control(http.MethodPut, "scenario", `{unknownJobs: reject, maxJobUuids: 2, maxPageSize: 1, listAsArray: true, storeName: "acct-*"}`)
	a := s.create("a").JobUUID
	s.advance(time.Second)
	b := s.create("b").JobUUID
	require.Equal(t, []string{"acct-a", "acct-b"}, s.images())
	errno, _ := s.poll(a, "unknown")
	require.EqualValues(t, 1, errno)
	errno, _ = s.poll(a, b, a)
	require.EqualValues(t, 1, errno)
	errno, _ = s.poll(a, b)
	require.Zero(t, errno)
	list := string(s.call(http.MethodPost, listPath, listGZ).Data)
	require.Regexp(t, `^\[`, list)
	require.Equal(t, 1, strings.Count(list, `"acct-`))

	s.control(http.MethodPut, "scenario", `{unknownJobs: omit}`)
	errno, jobs := s.poll(a, "unknown", b)
	require.Zero(t, errno)
	require.Len(t, jobs, 2)
	require.Contains(t, string(s.call(http.MethodPost, listPath, listGZ).Data), `"count":2`)
}
