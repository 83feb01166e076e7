package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

// The bodies of the published example requests, byte for byte.
const (
	createExample = `{
    	"cimg":{
        "name":"openapi自定义镜像",
        "snapUuid":"3fd352092a3f553cb124223f6a7f09b4",
        "description":"测试自定义镜像"
    		}
}`
	importExample = `{
    "cimg":{
        "name":"openapi自定义镜像跨地域",
        "originImageUuid":"4a48f88391134a01befe88ff98b68af8",
        "originRegionId":"bj",
        "description":"openapi测试"
    }
}`
)

func TestPublishedExamples(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	created := s.start(createPath, createExample)
	clock.Advance(time.Second)
	imported := s.start(importPath, importExample)
	require.Equal(t, "CreateCIMG", created.Type)
	require.Equal(t, "ImportCIMG", imported.Type)
	clock.Advance(time.Hour)
	require.Len(t, s.results("gz", created.JobUUID, imported.JobUUID), 2)
	require.Equal(t, []string{"openapi自定义镜像", "openapi自定义镜像跨地域"}, names(s.Images("gz")))
	require.Equal(t, "测试自定义镜像", s.Images("gz")[0].Description)

	require.Zero(t, s.post(listPath, `{"regionId":"bj","limit":5}`).Errno)
	require.Zero(t, s.post(changeNamePath, `{"regionId":"bj","cimg":{"cimgUuid":"`+listedImage+`","name":"n"}}`).Errno)
	require.Zero(t, s.post(deletePath, `{"regionId":"bj","cimg":{"cimgUuid":"`+listedImage+`"}}`).Errno)
}

func TestStrictRejectsTheExampleForm(t *testing.T) {
	s := newEmulator(t, emulator.Options{Strict: true})
	for _, test := range []struct{ path, body, reason string }{
		{createPath, `{"regionId":"gz","cimg":{"name":"a","snapUuid":"` + snapshot + `"}}`, `cimg: value must be an array`},
		{createPath, `{"cimg":[{"name":"a","snapUuid":"` + snapshot + `"}]}`, `regionId: property "regionId" is missing`},
		{listPath, `{"regionId":"gz","limit":5}`, `start: property "start" is missing`},
	} {
		rejected := s.post(test.path, test.body)
		require.EqualValues(t, 13, rejected.Errno)
		require.Equal(t, "调用方式有点小问题，请反馈客服: "+test.reason, rejected.Errmsg)
	}
	s.create("in the contract's form")
}

// A query of several jobs returns all of them, or says why not: nothing is ever
// taken from a part of it.
func TestQueriesOfSeveralJobs(t *testing.T) {
	for _, strict := range []bool{false, true} {
		s := newEmulator(t, emulator.Options{Strict: strict})
		a, b := s.create("a").JobUUID, s.create("b").JobUUID
		for _, ids := range []string{a + "," + b, a + "%2C" + b, a + "%2c" + b} {
			require.Len(t, s.jobs(s.call(http.MethodGet, resultPath+"?regionId=gz&jobUuids="+ids, "")), 2)
		}
		rejected := func(query, reason string) {
			t.Helper()
			rejected := s.call(http.MethodGet, resultPath+"?regionId=gz&"+query, "")
			require.EqualValues(t, 13, rejected.Errno, query)
			require.Equal(t, "调用方式有点小问题，请反馈客服: "+reason, rejected.Errmsg)
		}
		rejected("jobUuids="+a+","+b+",", `jobUuids: string doesn't match the regular expression "^[^,]+(,[^,]+)*$"`)
		rejected("jobUuids="+a+"&jobUuids=%zz", `the query is malformed: invalid URL escape "%zz"`)
		rejected("jobUuids="+a+"&jobUuids="+b+";regionId=gz", "the query is malformed: invalid semicolon separator in query")

		const once = "; send regionId and jobUuids once each, several ids joined by commas"
		for query, name := range map[string]string{
			"jobUuids=" + a + "&jobUuids=" + b:           "jobUuids",
			"jobUuids=" + a + "," + b + "&jobUuids=" + a: "jobUuids",
			"regionId=gz&jobUuids=" + a:                  "regionId",
		} {
			rejected(query, name+" was sent 2 times"+once)
		}
		for query, name := range map[string]string{
			"jobUuids[]=" + a + "&jobUuids[]=" + b:   "jobUuids[]",
			"jobUuids=" + a + "&jobUuids%5B%5D=" + b: "jobUuids[]",
			"jobUuids[0]=" + a + "&jobUuids[1]=" + b: "jobUuids[0]",
			"jobUuids=" + a + "&jobUuids.1=" + b:     "jobUuids.1",
			"jobUuids=" + a + "&jobuuids=" + b:       "jobuuids",
			"jobUuids=" + a + "&jobUuid=" + b:        "jobUuid",
			"jobUuids=" + a + "&" + b:                b,
			"jobUuids=" + a + "&trace=1":             "trace",
		} {
			rejected(query, `getJobResult has no query parameter "`+name+`"`+once)
		}
		for separator, shown := range map[string]string{
			"|": "|", "%7C": "|", "%20": " ", "+": " ", "%3B": ";", "/": "/", ":": ":", ".": ".", "%09": `\t`, "%0A": `\n`, "%00": `\x00`,
			"%252C": "%2C", "%EF%BC%8C": "，", "%E3%80%81": "、", "%C2%A0": `\u00a0`, "%E2%80%8B": `\u200b`, "%FF": `\xff`,
		} {
			rejected("jobUuids="+a+separator+b, `jobUuids/0: "`+a+shown+b+`" is not one id: ids have letters, digits, - and _ only, and are joined by commas`)
		}
		for ids, wrong := range map[string]string{
			a + ",+" + b:                        `jobUuids/1: " ` + b,
			a + "%20,%20" + b:                   `jobUuids/0: "` + a + " ",
			"[%22" + a + "%22,%22" + b + "%22]": `jobUuids/0: "[\"` + a,
			"[" + a + "," + b + "]":             `jobUuids/0: "[` + a,
			"%22" + a + "%22":                   `jobUuids/0: "\"` + a,
			"{" + a + "}":                       `jobUuids/0: "{` + a,
		} {
			response := s.call(http.MethodGet, resultPath+"?regionId=gz&jobUuids="+ids, "")
			require.EqualValues(t, 13, response.Errno, ids)
			require.Contains(t, response.Errmsg, wrong)
		}
		elsewhere := s.post(createPath+"?regionId=bj", createExample)
		require.EqualValues(t, 13, elsewhere.Errno)
		require.Contains(t, elsewhere.Errmsg, `: createCIMG has no query parameter "regionId"`)
	}
}

// An invalid request is rejected with the errno for its kind of error. The errmsg
// is the published text and the reason.
func TestBadRequests(t *testing.T) {
	const (
		unreadable = "请求有点问题，请反馈客服: "
		violation  = "调用方式有点小问题，请反馈客服: "
	)
	item := func(name, snap string) string {
		return `{"regionId":"gz","cimg":[{"name":` + name + `,"snapUuid":` + snap + `}]}`
	}
	for name, test := range map[string]struct {
		method, target, body string
		errno                int64
		errmsg               string
	}{
		"no body":            {"POST", createPath, ``, 1, unreadable + `the body is not valid JSON: *`},
		"half a body":        {"POST", createPath, `{"regionId":`, 1, unreadable + `the body is not valid JSON: *`},
		"trailing bytes":     {"POST", createPath, `{} {}`, 1, unreadable + `the body is not valid JSON: invalid character '{' *`},
		"a form":             {"POST", createPath, `regionId=gz`, 1, unreadable + `the body is not valid JSON: invalid character 'r' *`},
		"a field twice":      {"POST", createPath, `{"regionId":"gz","regionId":"bj","cimg":[]}`, 1, unreadable + `the body is not valid JSON: duplicate *`},
		"invalid UTF-8":      {"POST", createPath, "{\"regionId\":\"\xff\"}", 1, unreadable + `the body is not valid JSON: invalid UTF-8 *`},
		"in another case":    {"POST", createPath, `{"REGIONID":"gz","CIMG":[]}`, 13, violation + `cimg: property "cimg" is missing`},
		"long body":          {"POST", createPath, `"` + strings.Repeat("x", 1<<20) + `"`, 1, unreadable + `the body is longer than 1048576 bytes`},
		"null":               {"POST", createPath, `null`, 13, violation + `the body: Value is not nullable`},
		"array":              {"POST", createPath, `[]`, 13, violation + `the body: value must be an object`},
		"empty object":       {"POST", createPath, `{}`, 13, violation + `cimg: property "cimg" is missing`},
		"empty list":         {"POST", createPath, `{"regionId":"gz","cimg":[]}`, 13, violation + `cimg: minimum number of items is 1`},
		"null list":          {"POST", createPath, `{"regionId":"gz","cimg":null}`, 13, violation + `cimg: Value is not nullable`},
		"list of a string":   {"POST", createPath, `{"regionId":"gz","cimg":["a"]}`, 13, violation + `cimg/0: value must be an object`},
		"no snapshot":        {"POST", createPath, `{"regionId":"gz","cimg":[{"name":"a"}]}`, 13, violation + `cimg/0/snapUuid: property "snapUuid" is missing`},
		"no name":            {"POST", createPath, `{"regionId":"gz","cimg":[{"snapUuid":"a"}]}`, 13, violation + `cimg/0/name: property "name" is missing`},
		"empty name":         {"POST", createPath, item(`""`, `"a"`), 13, violation + `cimg/0/name: minimum string length is 1`},
		"number as name":     {"POST", createPath, item(`1`, `"a"`), 13, violation + `cimg/0/name: value must be a string`},
		"comma in an id":     {"POST", createPath, item(`"a"`, `"a,b"`), 13, violation + `cimg/0/snapUuid: string doesn't match the regular expression "^[^,]+$"`},
		"empty region":       {"POST", createPath, `{"regionId":"","cimg":[{"name":"a","snapUuid":"b"}]}`, 13, violation + `regionId: minimum string length is 1`},
		"unknown region":     {"POST", createPath, `{"regionId":"xx","cimg":[{"name":"a","snapUuid":"b"}]}`, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"unknown snapshot":   {"POST", createPath, item(`"a"`, `"b\n"`), 41017, `查询SNAP信息失败: no snapshot "b\n" in region "gz"`},
		"no origin region":   {"POST", importPath, `{"regionId":"gz","cimg":[{"name":"a","originImageUuid":"b"}]}`, 13, violation + `cimg/0/originRegionId: property "originRegionId" is missing`},
		"unknown origin":     {"POST", importPath, `{"regionId":"gz","cimg":[{"name":"a","originImageUuid":"b","originRegionId":"xx"}]}`, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"unknown image":      {"POST", importPath, `{"regionId":"gz","cimg":[{"name":"a","originImageUuid":"b","originRegionId":"bj"}]}`, 41026, `查询镜像失败: no image "b" in region "bj"`},
		"rename to nothing":  {"POST", changeNamePath, `{"regionId":"bj","cimg":[{"cimgUuid":"b","name":""}]}`, 13, violation + `cimg/0/name: minimum string length is 1`},
		"rename nothing":     {"POST", changeNamePath, `{"regionId":"bj","cimg":[{"cimgUuid":"b","name":"a"}]}`, 41026, `查询镜像失败: no image "b" in region "bj"`},
		"delete nothing":     {"POST", deletePath, `{"regionId":"bj","cimg":[{"cimgUuid":"b"}]}`, 41026, `查询镜像失败: no image "b" in region "bj"`},
		"delete elsewhere":   {"POST", deletePath, `{"regionId":"gz","cimg":[{"cimgUuid":"` + listedImage + `"}]}`, 41026, `查询镜像失败: no image "` + listedImage + `" in region "gz"`},
		"delete in nowhere":  {"POST", deletePath, `{"regionId":"xx","cimg":[{"cimgUuid":"b"}]}`, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"rename in nowhere":  {"POST", changeNamePath, `{"regionId":"xx","cimg":[{"cimgUuid":"b","name":"a"}]}`, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"import to nowhere":  {"POST", importPath, importToNowhere, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"list nowhere":       {"POST", listPath, `{"regionId":"xx","start":0,"limit":1}`, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"no limit":           {"POST", listPath, `{"regionId":"bj","start":0}`, 13, violation + `limit: property "limit" is missing`},
		"limit 0":            {"POST", listPath, `{"regionId":"bj","start":0,"limit":0}`, 13, violation + `limit: number must be at least 1`},
		"negative start":     {"POST", listPath, `{"regionId":"bj","start":-1,"limit":1}`, 13, violation + `start: number must be at least 0`},
		"limit as text":      {"POST", listPath, `{"regionId":"bj","start":0,"limit":"1"}`, 13, violation + `limit: value must be an integer`},
		"limit 1.5":          {"POST", listPath, `{"regionId":"bj","start":0,"limit":1.5}`, 13, violation + `limit: value must be an integer`},
		"limit 1.0":          {"POST", listPath, `{"regionId":"bj","start":0,"limit":1.0}`, 13, violation + `write numbers as plain integers: *`},
		"empty name to list": {"POST", listPath, `{"regionId":"bj","start":0,"limit":1,"condition":{"names":[""]}}`, 13, violation + `condition/names/0: minimum string length is 1`},
		"no job region":      {"GET", resultPath + "?jobUuids=a", ``, 13, violation + `regionId: value is required but missing`},
		"empty job region":   {"GET", resultPath + "?regionId=&jobUuids=a", ``, 13, violation + `regionId: minimum string length is 1`},
		"unknown job region": {"GET", resultPath + "?regionId=xx&jobUuids=a", ``, 16000002, `查询地域与可用区信息失败: no region "xx"`},
		"no job ids":         {"GET", resultPath + "?regionId=gz", ``, 13, violation + `jobUuids: value is required but missing`},
		"empty job ids":      {"GET", resultPath + "?regionId=gz&jobUuids=", ``, 13, violation + `jobUuids: minimum string length is 1`},
		"empty job id":       {"GET", resultPath + "?regionId=gz&jobUuids=a,,b", ``, 13, violation + `jobUuids: string doesn't match the regular expression "^[^,]+(,[^,]+)*$"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEmulator(t, emulator.Options{})
			rejected := s.call(test.method, test.target, test.body)
			// The star stands for the text of a library.
			if known, open := strings.CutSuffix(test.errmsg, "*"); open {
				require.Truef(t, strings.HasPrefix(rejected.Errmsg, known), "%s", rejected.Errmsg)
			} else {
				require.Equal(t, test.errmsg, rejected.Errmsg)
			}
			require.Equal(t, test.errno, rejected.Errno)
			require.Empty(t, rejected.Data)
		})
	}
}

const importToNowhere = `{"regionId":"xx","cimg":[{"name":"a","originImageUuid":"b","originRegionId":"bj"}]}`

// The operation decodes exactly what was validated: a field in another case is
// unknown, and ignored.
func TestFieldsInAnotherCaseAreIgnored(t *testing.T) {
	s := newEmulator(t, emulator.Options{Strict: true})
	accepted := s.post(createPath, `{"regionId":"gz","cimg":[{"name":"a","snapUuid":"3fd352092a3f553cb124223f6a7f09b4"}],"CIMG":[],"REGIONID":"bj"}`)
	require.Zero(t, accepted.Errno)
	require.Len(t, s.Images("gz"), 1)
}

func TestReasonsAreShort(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	long := strings.Repeat("长", 5000)
	rejected := s.post(createPath, `{"regionId":"`+long+`","cimg":[{"name":"a","snapUuid":"b"}]}`)
	require.EqualValues(t, 16000002, rejected.Errno)
	require.Less(t, utf8.RuneCountInString(rejected.Errmsg), 250)
	require.True(t, strings.HasSuffix(rejected.Errmsg, "…"))
}

func TestContentType(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	for contentType, errno := range map[string]int64{
		"application/json":                  0,
		"application/json; charset=utf-8":   0,
		"Application/JSON":                  0,
		"":                                  1,
		"text/plain":                        1,
		"application/x-www-form-urlencoded": 1,
		"application/json;;":                1,
	} {
		request := s.exampleRequest(t.Context())
		request.Header.Set("Content-Type", contentType)
		response, err := s.client.Do(request)
		require.NoError(t, err)
		got := readEnvelope(t, response)
		require.Equal(t, errno, got.Errno, "%q: %s", contentType, got.Errmsg)
	}
}

func TestToken(t *testing.T) {
	s := newEmulator(t, emulator.Options{Token: "good"})
	for header, errno := range map[string]int64{
		"Bearer good":  0,
		"bearer good":  0,
		"":             4,
		"good":         4,
		"Basic good":   4,
		"Bearer":       4,
		"Bearer bad":   4,
		"Bearer good ": 4,
	} {
		request := s.exampleRequest(t.Context())
		request.Header["Authorization"] = []string{header}
		response, err := s.client.Do(request)
		require.NoError(t, err)
		got := readEnvelope(t, response)
		require.Equal(t, errno, got.Errno, "%q: %s", header, got.Errmsg)
		if errno != 0 {
			require.Contains(t, got.Errmsg, "认证错误/AccessDenied: ")
		}
	}
	require.Len(t, s.Jobs("gz"), 2)
}

func TestOtherPathsAndMethods(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	for _, test := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/", 404, ""},
		{"POST", "/dicloud/i/storage/cimg", 404, ""},
		{"POST", createPath + "/", 404, ""},
		{"GET", createPath, 405, "POST"},
		{"HEAD", listPath, 405, "POST"},
		{"POST", resultPath, 405, "GET"},
	} {
		response, err := s.do(test.method, test.target, "")
		require.NoError(t, err)
		content, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, test.status, response.StatusCode, "%s %s", test.method, test.target)
		require.Equal(t, test.allow, response.Header.Get("Allow"))
		if test.status == http.StatusNotFound {
			require.Contains(t, string(content), "GET "+resultPath)
			require.Contains(t, string(content), "POST "+createPath)
		} else {
			require.Equal(t, fmt.Sprintf("%s is not allowed on %s; use %s\n", test.method, test.target, test.allow), string(content))
		}
	}
	require.Equal(t, 6, s.Requests(""))
	require.Zero(t, s.Requests("createCIMG"))
}

func TestRequestsAreCounted(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	s.create("a")
	s.post(createPath, "nonsense")
	s.result("gz", s.create("b").JobUUID)
	s.token = "bad"
	s.post(listPath, `{"regionId":"gz","limit":1}`)
	require.Equal(t, 3, s.Requests("createCIMG"))
	require.Equal(t, 1, s.Requests("getJobResult"))
	require.Equal(t, 1, s.Requests("listCIMG"))
	require.Zero(t, s.Requests("deleteCIMG"))
	require.Equal(t, 5, s.Requests(""))
}

func FuzzServeHTTP(f *testing.F) {
	for _, body := range []string{
		createExample, importExample, `{}`, `null`, `[`, `{"cimg":{}}`, `{"cimg":[],"CIMG":null}`,
		`{"regionId":"bj","start":1e2,"limit":9223372036854775808}`,
		`{"regionId":"bj","cimg":[{"cimgUuid":"` + listedImage + `","name":"\ud800"}]}`,
	} {
		f.Add(createPath, body)
		f.Add(listPath, body)
		f.Add(changeNamePath, body)
	}
	f.Add(resultPath+"?regionId=gz&jobUuids=%2C%00", "")
	e, err := emulator.New(emulator.Options{CheckResponses: true})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, target, body string) {
		method := http.MethodPost
		if strings.HasPrefix(target, resultPath) {
			method = http.MethodGet
		}
		request := httptest.NewRequest(method, "/", strings.NewReader(body))
		request.URL.Path, request.URL.RawQuery, _ = strings.Cut(target, "?")
		request.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
		request.Header.Set("Content-Type", "application/json")
		response := httptest.NewRecorder()
		e.ServeHTTP(response, request)
		require.Empty(t, e.Violations())
		if response.Code == http.StatusOK {
			require.True(t, json.Valid(response.Body.Bytes()))
		}
	})
}
