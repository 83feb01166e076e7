package cimgogen_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cimgogen "github.com/cimg-go/cimg/tests/contract/clients/ogen"
	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

const (
	create   = "POST /dicloud/i/storage/cimg/create"
	snapshot = "3fd352092a3f553cb124223f6a7f09b4"
)

func TestCreateAndCopy(t *testing.T) {
	client := connect(t, startMock(t))
	image := generated.CreateCIMGInput{Name: "copied", SnapUuid: snapshot}
	imported, err := cimgogen.CreateAndCopy(t.Context(), client, image, "gz", "bj", quick)
	if err != nil {
		t.Fatal(err)
	}
	for _, region := range []generated.RegionId{"gz", "bj"} {
		images, err := cimgogen.ImagesNamed(t.Context(), client, region, "copied")
		if err != nil || len(images) != 1 {
			t.Fatalf("in %s: %v, %v", region, images, err)
		}
		if region == "bj" && images[0].CimgUuid != imported {
			t.Errorf("copied %s, listed %s", imported, images[0].CimgUuid)
		}
	}
}

func TestRejectedByTheService(t *testing.T) {
	client := connect(t, startMock(t))
	_, err := cimgogen.CreateImages(t.Context(), client, "gz", generated.CreateCIMGInput{Name: "refused", SnapUuid: "unknown"})
	if !errors.Is(err, cimgogen.ErrRejected) || !strings.Contains(err.Error(), "errno 41017") {
		t.Error(err)
	}
}

func TestTwoJobsInOneRequest(t *testing.T) {
	mock, err := url.Parse(startMock(t))
	if err != nil {
		t.Fatal(err)
	}
	server, requests := serve(t, httputil.NewSingleHostReverseProxy(mock))
	client := connect(t, server)
	jobs, err := cimgogen.CreateImages(t.Context(), client, "gz", twoImages...)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := cimgogen.WaitForJobs(t.Context(), client, "gz", jobs, quick)
	if err != nil || !ended[0].Success || !ended[1].Success {
		t.Fatal(ended, err)
	}
	poll := "GET /dicloud/i/result?jobUuids=" + jobs[0].JobUuid + "%2C" + jobs[1].JobUuid + "&regionId=gz"
	if sent := requests(); sent[0] != create || sent[1] != poll {
		t.Error(sent)
	}
}

func TestALostReplyIsLookedUp(t *testing.T) {
	mock, err := url.Parse(startMock(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(mock)
	proxy.ModifyResponse = func(r *http.Response) error {
		if strings.HasSuffix(r.Request.URL.Path, "/create") {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	server, requests := serve(t, proxy)
	client := connect(t, server)
	image := generated.CreateCIMGInput{Name: "lost", SnapUuid: snapshot}
	if _, err := cimgogen.CreateImages(t.Context(), client, "gz", image); !errors.Is(err, cimgogen.ErrUnknown) {
		t.Error(err)
	}
	images, err := cimgogen.ImagesNamed(t.Context(), client, "gz", "lost")
	if err != nil || len(images) != 1 {
		t.Error(images, err)
	}
	if sent := requests(); sent[0] != create || slices.Contains(sent[1:], create) {
		t.Error(sent)
	}
}

func TestOutcomes(t *testing.T) {
	const job = `{"jobUuid": "a", "type": "CreateCIMG", "progress": 0, "done": false, "success": false}`
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"errno 0 with two jobs", envelope(0, "["+job+","+job+"]"), nil},
		{"errno 1000011", envelope(1000011, "null"), cimgogen.ErrRejected},
		{"HTTP 401", html(401), cimgogen.ErrRejected},
		{"HTTP 403", html(403), cimgogen.ErrRejected},
		{"HTTP 429", html(429), cimgogen.ErrRejected},
		{"a connection that breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, cimgogen.ErrUnknown},
		{"HTTP 502 with HTML", html(502), cimgogen.ErrUnknown},
		{"HTTP 200 with HTML", html(200), cimgogen.ErrUnknown},
		{"a redirect", http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, cimgogen.ErrUnknown},
		{"errno 2", envelope(2, "null"), cimgogen.ErrUnknown},
		{"an errno that is not listed", envelope(77, "null"), cimgogen.ErrUnknown},
		{"errno 41017 with a job", envelope(41017, "["+job+"]"), cimgogen.ErrUnknown},
		{"errno 0 with one job for two images", envelope(0, "["+job+"]"), cimgogen.ErrUnknown},
		{"errno 0 with jobs that are none", envelope(0, "[{}, {}]"), cimgogen.ErrUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, requests := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				c.answer(w, r)
			}))
			_, err := cimgogen.CreateImages(t.Context(), connect(t, server), "gz", twoImages...)
			if !errors.Is(err, c.want) {
				t.Error(err)
			}
			if sent := requests(); !slices.Equal(sent, []string{create}) {
				t.Error(sent)
			}
		})
	}
}

func TestNotSent(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := cimgogen.CreateImages(t.Context(), connect(t, gone.URL), "gz", twoImages...); !errors.Is(err, cimgogen.ErrNotSent) {
		t.Error(err)
	}
}

func TestWaiting(t *testing.T) {
	poll := func(members string) http.HandlerFunc {
		return envelope(0, `[{"jobUuid": "a", "type": "CreateCIMG", `+members+`}]`)
	}
	for _, c := range []struct {
		name     string
		replies  []http.HandlerFunc // the last for ever
		want     string             // success, the job's result, or a part of the error
		grace    time.Duration
		deadline time.Duration
	}{
		{"bears trouble that may pass, and jobs that are not known yet", []http.HandlerFunc{
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			html(502),
			html(429),
			envelope(2, "null"),
			envelope(1, "null"),
			envelope(0, "[]"),
			poll(`"progress": 100, "done": false, "success": false`),
			poll(`"progress": 100, "done": true, "success": true`),
		}, "success", time.Minute, time.Minute},
		{"ends with a job that fails half way", []http.HandlerFunc{
			poll(`"progress": 57, "done": true, "success": false, "result": "no space"`),
		}, "no space", time.Minute, time.Minute},
		{"ends when a job stays unknown", []http.HandlerFunc{envelope(0, "[]")}, "job a is not known", 30 * time.Millisecond, time.Minute},
		{"ends when the token stays rejected", []http.HandlerFunc{html(401)}, "HTTP 401", 30 * time.Millisecond, time.Minute},
		{"ends at the deadline", []http.HandlerFunc{html(502)}, "deadline exceeded", time.Minute, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			replies := c.replies
			server, requests := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reply := replies[0]
				if len(replies) > 1 {
					replies = replies[1:]
				}
				reply(w, r)
			}))
			waiting := cimgogen.Waiting{
				PauseBefore: func(int) time.Duration { return time.Millisecond },
				Grace:       c.grace,
				Deadline:    c.deadline,
			}
			ended, err := cimgogen.WaitForJobs(t.Context(), connect(t, server), "gz", []generated.Job{{JobUuid: "a"}}, waiting)
			var got string
			switch {
			case err != nil:
				got = err.Error()
			case ended[0].Success:
				got = "success"
			default:
				got = ended[0].Result.Value
			}
			if !strings.Contains(got, c.want) {
				t.Error(got)
			}
			if sent := len(requests()); sent < len(c.replies) {
				t.Errorf("%d polls", sent)
			}
		})
	}
}

var (
	quick = cimgogen.Waiting{
		PauseBefore: func(int) time.Duration { return 50 * time.Millisecond },
		Grace:       time.Second,
		Deadline:    20 * time.Second,
	}
	twoImages = []generated.CreateCIMGInput{{Name: "one", SnapUuid: snapshot}, {Name: "two", SnapUuid: snapshot}}
)

// serve returns the URL of a server, and what was asked of it.
func serve(t *testing.T, handler http.Handler) (url string, requests func() []string) {
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.RequestURI)
		mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func envelope(errno int, data string) http.HandlerFunc {
	return reply(200, "application/json", fmt.Sprintf(`{"errno": %d, "errmsg": "", "requestId": "", "data": %s}`, errno, data))
}

func html(status int) http.HandlerFunc {
	return reply(status, "text/html", "<html><h1>Bad day</h1></html>")
}

func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

const token = "a-token-of-this-test"

func connect(t *testing.T, baseURL string) *generated.Client {
	client, err := cimgogen.Connect(baseURL, token)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// startMock runs `cimg mock` until the test ends and returns its base URL.
func startMock(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "cimg")
	build := exec.Command("go", "build", "-o", program, "./cmd/cimg")
	build.Dir = filepath.Join("..", "..", "..", "..")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	mock := exec.Command(program, "mock", "--addr", "127.0.0.1:0", "--token", token, "--job-duration", "300ms")
	out, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mock.Process.Kill(); mock.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "Base URL"); ok {
			return strings.TrimSpace(url)
		}
	}
	t.Fatal("cimg mock ended before it was ready")
	return ""
}
