package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/tests/bench/handwritten"
	"github.com/cimg-go/cimg/wrapper"
)

// row is a call to compare, and at most how much of the hand-written client's the
// wrapper should take.
type row struct {
	operation string
	items     int
	memory    bool // a transport without network; otherwise over the loopback
	target    callCost
}

var rows = []row{
	{"getJobResult", 1, true, callCost{time: 1.15, allocations: 1.2}},
	{"getJobResult", 100, true, callCost{time: 0.6, allocations: 0.5, bytes: 1}},
	{"createCIMG", 1, true, callCost{time: 1.25, allocations: 1.3}},
	{"createCIMG", 20, true, callCost{time: 1.25, allocations: 1.3}},
	{"getJobResult", 1, false, callCost{time: 1.05}},
	{"getJobResult", 100, false, callCost{}},
	{"createCIMG", 1, false, callCost{}},
}

func (r row) String() string {
	item, transport := "job", "loopback"
	if r.operation == "createCIMG" {
		item = "image"
	}
	if r.items > 1 {
		item += "s"
	}
	if r.memory {
		transport = "in memory"
	}
	return fmt.Sprintf("%s, %d %s, %s", r.operation, r.items, item, transport)
}

// benchmark is the name of a benchmark, as benchstat reads it.
func (r row) benchmark(goroutines int, client string) string {
	return fmt.Sprintf("call=%s/goroutines=%d/client=%s", strings.ReplaceAll(r.String(), " ", "_"), goroutines, client)
}

// concurrency is how many goroutines call at the same time.
var concurrency = []int{1, 64}

// call sends a request and returns the number of jobs in the response.
type call func(context.Context) (jobs int, err error)

// connect returns the calls of a client of the server at a URL. Without a transport, it
// is the client's default.
type connect func(url string, transport http.RoundTripper, items int) (getJobResult, createCIMG call, err error)

type caller struct {
	name    string
	connect connect
}

// callers start with the one to compare with. The file for ogen adds its client.
var callers = []caller{{"hand-written", connectHandwritten}, {"wrapper", connectWrapper}, {"generated", connectGenerated}}

const token = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func jobUUIDs(n int) []string {
	uuids := make([]string, n)
	for i := range uuids {
		uuids[i] = fmt.Sprintf("%032x", i)
	}
	return uuids
}

// images returns images to create, of a client's own type.
func images[Image any](n int, image func(name, snapshot string) Image) []Image {
	images := make([]Image, n)
	for i := range images {
		images[i] = image(fmt.Sprintf("web-%02d", i), "3fd352092a3f553cb124223f6a7f09b4")
	}
	return images
}

func connectHandwritten(url string, transport http.RoundTripper, items int) (getJobResult, createCIMG call, err error) {
	client, uuids := handwritten.New(url, token, transport), jobUUIDs(items)
	create := images(items, func(name, snapshot string) handwritten.Image {
		return handwritten.Image{Name: name, SnapUUID: snapshot}
	})
	return func(ctx context.Context) (int, error) {
			jobs, err := client.JobResults(ctx, region, uuids...)
			return len(jobs), err
		}, func(ctx context.Context) (int, error) {
			jobs, err := client.CreateImages(ctx, region, create)
			return len(jobs), err
		}, nil
}

func connectWrapper(url string, transport http.RoundTripper, items int) (getJobResult, createCIMG call, err error) {
	options := []wrapper.Option{wrapper.WithBaseURL(url)}
	if transport != nil {
		options = append(options, wrapper.WithHTTPClient(&http.Client{Transport: transport}))
	}
	client, err := wrapper.New(wrapper.StaticToken(token), options...)
	uuids := jobUUIDs(items)
	create := images(items, func(name, snapshot string) wrapper.CreateImageInput {
		return wrapper.CreateImageInput{Name: name, SnapUUID: snapshot}
	})
	return func(ctx context.Context) (int, error) {
			jobs, err := client.JobResults(ctx, region, uuids...)
			return len(jobs), err
		}, func(ctx context.Context) (int, error) {
			handles, err := client.CreateImages(ctx, region, create)
			return len(handles), err
		}, err
}

// connectGenerated uses the generated client without the wrapper. A caller must look
// at the errno.
func connectGenerated(url string, transport http.RoundTripper, items int) (getJobResult, createCIMG call, err error) {
	client, err := gen.NewClientWithResponses(url, gen.WithHTTPClient(&http.Client{Transport: transport}),
		gen.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
			request.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
	uuids := jobUUIDs(items)
	create := images(items, func(name, snapshot string) gen.CreateCIMGInput {
		return gen.CreateCIMGInput{Name: name, SnapUUID: snapshot}
	})
	jobs := func(envelope *gen.JobsEnvelope) (int, error) {
		if envelope == nil || envelope.Errno != 0 {
			return 0, errors.New("no success")
		}
		return len(envelope.Data), nil
	}
	return func(ctx context.Context) (int, error) {
			response, err := client.GetJobResultWithResponse(ctx, &gen.GetJobResultParams{
				RegionID: region, JobUUIDs: strings.Join(uuids, ","),
			})
			if err != nil {
				return 0, err
			}
			return jobs(response.JSON200)
		}, func(ctx context.Context) (int, error) {
			response, err := client.CreateCIMGWithResponse(ctx, gen.CreateCIMGRequest{RegionID: region, CIMG: create})
			if err != nil {
				return 0, err
			}
			return jobs(response.JSON200)
		}, err
}

// prepared is the response to every request, with or without network.
type prepared struct {
	status int
	body   []byte
}

// RoundTrip implements [http.RoundTripper].
func (p prepared) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		_, _ = io.Copy(io.Discard, request.Body)
		request.Body.Close()
	}
	response := respond(request, p.body)
	response.StatusCode = p.status
	return response, nil
}

// ServeHTTP implements [http.Handler].
func (p prepared) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	w.Write(p.body)
}

// response has the fields of captured responses.
func (r row) response() prepared {
	job := `{"done":true,"jobUuid":"%[1]s","progress":100,"resourceUuid":"c9ade20c2f485a7ead08a895eb601e37","success":true,"type":"CreateCIMG","uuid":"%[1]s"}`
	if r.operation == "createCIMG" {
		job = `{"done":false,"jobUuid":"%[1]s","progress":0,"resourceUuid":"c9ade20c2f485a7ead08a895eb601e37","success":false,"type":"CreateCIMG","result":"","resourceType":"cimg","status":"Processing"}`
	}
	var jobs []string
	for _, uuid := range jobUUIDs(r.items) {
		jobs = append(jobs, fmt.Sprintf(job, uuid))
	}
	return prepared{http.StatusOK, fmt.Appendf(nil, `{"errno":0,"errmsg":"ok","requestId":"0a60538a5b656e592104969f4b9ef2b0","data":[%s]}`, strings.Join(jobs, ","))}
}

// call connects a client to the response.
func (r row) call(tb testing.TB, connect connect) call {
	tb.Helper()
	url, transport := "http://127.0.0.1", http.RoundTripper(r.response())
	if !r.memory {
		server := httptest.NewServer(r.response())
		tb.Cleanup(server.Close)
		url, transport = server.URL, nil
	}
	getJobResult, createCIMG, err := connect(url, transport, r.items)
	require.NoError(tb, err)
	if r.operation == "createCIMG" {
		return createCIMG
	}
	return getJobResult
}

// The comparison is only fair if the hand-written client rejects what the wrapper
// rejects. Where they differ, a row has the name of the one that accepts the response.
func TestHandwrittenClientChecksTheSame(t *testing.T) {
	const job = `{"jobUuid":"00000000000000000000000000000000","type":"T","progress":0,"done":false,"success":false}`
	const both, handwritten, wrapper = "hand-written wrapper ", "hand-written ", "wrapper "
	success := func(data string) string { return `{"errno":0,"errmsg":"ok","requestId":"r","data":` + data + `}` }
	good := prepared{http.StatusOK, []byte(success("[" + job + "]"))}
	type acceptedBy struct{ getJobResult, createCIMG string }
	check := func(name string, handler http.Handler, want acceptedBy) {
		mux := http.NewServeMux()
		mux.Handle("/", handler)
		mux.Handle("/elsewhere", good)
		server := httptest.NewServer(mux)
		defer server.Close()
		var got acceptedBy
		for _, c := range callers[:2] {
			getJobResult, createCIMG, err := c.connect(server.URL, nil, 1)
			require.NoError(t, err)
			if _, err := getJobResult(t.Context()); err == nil {
				got.getJobResult += c.name + " "
			}
			if _, err := createCIMG(t.Context()); err == nil {
				got.createCIMG += c.name + " "
			}
		}
		assert.Equal(t, want, got, name)
	}
	check("a redirect", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect), acceptedBy{})
	// With 404, which is not retried after a pause.
	check("HTML of a gateway", prepared{http.StatusNotFound, []byte("<html>")}, acceptedBy{})
	check("success with a bad status", prepared{http.StatusNotFound, good.body}, acceptedBy{})
	check("too large", prepared{http.StatusOK, append(bytes.Repeat([]byte(" "), 4<<20), good.body...)}, acceptedBy{})
	check("nothing wrong", good, acceptedBy{both, both})
	for body, want := range map[string]acceptedBy{
		``: {}, `{}`: {}, `null`: {}, `[]`: {}, `{"errno":null}`: {}, `{"errno":"0"}`: {}, success("[" + job): {}, success("["+job+"]") + " {}": {},
		`{"errno":4,"errmsg":"no","requestId":"r"}`: {}, `{"errno":0,"errmsg":"ok","requestId":"r"}`: {}, success("{}"): {},
		success(`[{"type":"T"}]`): {}, success(`[{"jobUuid":1}]`): {}, success(strings.Replace("["+job+"]", `false,"success":false`, "true", 1)): {},
		success("[]"): {both, ""}, success("[" + job + "," + job + "]"): {both, ""},

		success("null"): {wrapper, ""}, success("[" + job + `,{"type":"T"}]`): {wrapper, ""},
		success(strings.Replace("["+job+"]", `"jobUuid"`, `"JobUUID"`, 1)):            {handwritten, handwritten},
		success(strings.Replace("["+job+"]", "{", `{"done":true,"success":true,`, 1)): {handwritten, handwritten},
		success(strings.Replace("["+job+"]", `"0`, `",0`, 1)):                         {handwritten, handwritten},
	} {
		check(body, prepared{http.StatusOK, []byte(body)}, want)
	}
}

// BenchmarkCalls compares clients that send the same calls. Run it several times, so
// that they take turns, and give the output to benchstat: `make bench` does.
func BenchmarkCalls(b *testing.B) {
	for _, r := range rows {
		for _, goroutines := range concurrency {
			for _, c := range callers {
				b.Run(r.benchmark(goroutines, c.name), func(b *testing.B) {
					call := r.call(b, c.connect)
					var failed atomic.Bool
					once := func() {
						if jobs, err := call(b.Context()); err != nil || jobs != r.items {
							failed.Store(true)
						}
					}
					b.ReportAllocs()
					if goroutines == 1 {
						for b.Loop() {
							once()
						}
					} else {
						b.SetParallelism((goroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
						b.RunParallel(func(pb *testing.PB) {
							for pb.Next() {
								once()
							}
						})
					}
					require.False(b, failed.Load())
				})
			}
		}
	}
}
