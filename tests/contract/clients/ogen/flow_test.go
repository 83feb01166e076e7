package cimgogen_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
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
	var saved []string
	save := func(region generated.RegionId, jobs []generated.Job) error {
		saved = append(saved, fmt.Sprintf("%s %d", region, len(jobs)))
		return nil
	}
	imported, err := cimgogen.CreateAndCopy(t.Context(), client, image, "gz", "bj", quick, save)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(saved, []string{"gz 1", "bj 1"}) {
		t.Error(saved)
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

// outcome is a row of ../outcomes.json: a reply to a create of two images, and
// what it means. The other examples, and the wrapper, are held to the same.
type outcome struct {
	Name        string
	Kind        string
	Except      map[string]string
	Status      int
	ContentType string
	Location    string
	Reply       json.RawMessage
	Body        string
}

func (o outcome) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	if o.Location != "" {
		w.Header().Set("Location", o.Location)
	}
	reply(cmp.Or(o.Status, http.StatusOK), cmp.Or(o.ContentType, "application/json"), cmp.Or(string(o.Reply), o.Body))(w, r)
}

func TestOutcomes(t *testing.T) {
	text, err := os.ReadFile("../outcomes.json")
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []outcome
	if err := json.Unmarshal(text, &outcomes); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]error{"accepted": nil, "rejected": cimgogen.ErrRejected, "unknown": cimgogen.ErrUnknown}
	for _, o := range outcomes {
		t.Run(o.Name, func(t *testing.T) {
			server, requests := serve(t, o)
			jobs, err := cimgogen.CreateImages(t.Context(), connect(t, server), "gz", twoImages...)
			want := kinds[cmp.Or(o.Except["ogen"], o.Kind)]
			if want == nil && (err != nil || len(jobs) != 2) || !errors.Is(err, want) {
				t.Error(jobs, err)
			}
			if sent := requests(); !slices.Equal(sent, []string{create}) {
				t.Error(sent)
			}
		})
	}
	t.Run("a connection that breaks", func(t *testing.T) {
		server, requests := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		if _, err := cimgogen.CreateImages(t.Context(), connect(t, server), "gz", twoImages...); !errors.Is(err, cimgogen.ErrUnknown) {
			t.Error(err)
		}
		if sent := requests(); !slices.Equal(sent, []string{create}) {
			t.Error(sent)
		}
	})
}

func TestAnUnknownOutcomeKeepsWhatTheReplyNamed(t *testing.T) {
	server, _ := serve(t, reply(200, "application/json", `{"errno":0,"errmsg":"ok","requestId":"r","data":[{"jobUuid":"a","type":"CreateCIMG","progress":0,"done":false,"success":false}]}`))
	_, err := cimgogen.CreateImages(t.Context(), connect(t, server), "gz", twoImages...)
	var change *cimgogen.ChangeError
	if !errors.As(err, &change) || !errors.Is(change.Outcome, cimgogen.ErrUnknown) || len(change.Jobs) != 1 || change.Jobs[0].JobUuid != "a" || change.RequestID != "r" {
		t.Errorf("%+v", err)
	}
}

func TestNothingIsNotSent(t *testing.T) {
	server, requests := serve(t, html(500))
	client := connect(t, server)
	_, create := cimgogen.CreateImages(t.Context(), client, "gz")
	_, copied := cimgogen.ImportImages(t.Context(), client, "gz")
	if !errors.Is(create, cimgogen.ErrNotSent) || !errors.Is(copied, cimgogen.ErrNotSent) || len(requests()) > 0 {
		t.Error(create, copied, requests())
	}
}

func TestAListEndsAlthoughEachPageIsTheFirst(t *testing.T) {
	server, requests := serve(t, reply(200, "application/json",
		`{"errno":0,"errmsg":"ok","requestId":"r","data":{"count":2,"items":[{"cimgUuid":"a","name":"one"},{"cimgUuid":"b","name":"One"}]}}`))
	images, err := cimgogen.ImagesNamed(t.Context(), connect(t, server), "gz", "one")
	if err != nil || len(images) != 1 || len(requests()) != 2 {
		t.Error(images, err, requests())
	}
}

func TestAListThatCannotBeReadIsNotEmpty(t *testing.T) {
	for _, answer := range []http.HandlerFunc{envelope(2, "null"), envelope(0, "null"), html(200), html(500)} {
		server, _ := serve(t, answer)
		if images, err := cimgogen.ImagesNamed(t.Context(), connect(t, server), "gz", "one"); err == nil {
			t.Error(images)
		}
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
	const short, long = 30 * time.Millisecond, time.Minute
	for _, c := range []struct {
		name            string
		replies         []http.HandlerFunc // the last for ever
		want            string             // the image, the job's result, or a part of the error
		polls           int                // 0: any number
		grace, deadline time.Duration
	}{
		{"bears trouble that may pass, and jobs that are not known yet", []http.HandlerFunc{
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			html(502),
			html(200),
			html(429),
			html(400),
			envelope(2, "null"),
			envelope(40000, "null"),
			envelope(1, "null"),
			envelope(0, "[]"),
			envelope(0, "null"),
			poll(`"progress": 100, "done": false, "success": false, "resourceUuid": "image i"`),
			// Told twice, in contradiction; and without what was told before.
			envelope(0, `[{"jobUuid": "a", "type": "CreateCIMG", "progress": 100, "done": true, "success": true, "resourceUuid": ""},
				{"jobUuid": "a", "type": "CreateCIMG", "progress": 99, "done": false, "success": false}]`),
		}, "image i", 12, long, long},
		{"does not take trouble for a job that is not known", []http.HandlerFunc{
			html(502), html(429), envelope(3, "null"), poll(`"progress": 100, "done": true, "success": true, "resourceUuid": "image i"`),
		}, "image i", 4, -1, long},
		{"ends with a job that fails half way", []http.HandlerFunc{
			poll(`"progress": 57, "done": true, "success": false, "result": "no space"`),
		}, "no space", 1, long, long},
		{"ends when a job stays unknown", []http.HandlerFunc{envelope(0, "[]")}, "job a is not known; left: a", 0, short, long},
		{"ends when its id stays refused", []http.HandlerFunc{envelope(13, "null")}, "job a is not known: errno 13", 0, short, long},
		{"ends at once when the token is rejected", []http.HandlerFunc{html(401)}, "is refused: HTTP 401; left: a", 1, long, long},
		{"ends at once when errno 4 says so", []http.HandlerFunc{envelope(4, "null")}, "is refused: errno 4", 1, long, long},
		{"ends at once when refused for good", []http.HandlerFunc{envelope(77, "null")}, "is refused: errno 77", 1, long, long},
		{"ends at once when there is no such path", []http.HandlerFunc{html(404)}, "is refused: HTTP 404", 1, long, long},
		{"ends at once at HTTP 408", []http.HandlerFunc{html(408)}, "is refused: HTTP 408", 1, long, long},
		{"does not mind a Retry-After that says nothing", []http.HandlerFunc{later("soon"), later("-1"), later("-9223372037"), later("0"), html(404)}, "HTTP 404", 5, long, long},
		{"ends at the deadline", []http.HandlerFunc{html(502)}, "deadline exceeded; left: a", 0, long, 100 * time.Millisecond},
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
				got = ended[0].ResourceUuid.Value
			default:
				got = ended[0].Result.Value
			}
			if !strings.Contains(got, c.want) {
				t.Error(got)
			}
			if sent := len(requests()); c.polls > 0 && sent != c.polls {
				t.Errorf("%d polls", sent)
			}
		})
	}
}

func TestManyJobsAreAskedForInSeveralRequests(t *testing.T) {
	jobs := make([]generated.Job, 250)
	for i := range jobs {
		jobs[i].JobUuid = fmt.Sprintf("job-%d", i)
	}
	server, requests := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ended []string
		for id := range strings.SplitSeq(r.URL.Query().Get("jobUuids"), ",") {
			ended = append(ended, `{"jobUuid": "`+id+`", "type": "CreateCIMG", "progress": 100, "done": true, "success": true}`)
		}
		envelope(0, "["+strings.Join(ended, ",")+"]")(w, r)
	}))
	waiting := cimgogen.Waiting{PauseBefore: func(int) time.Duration { return 0 }, Deadline: time.Minute}
	if _, err := cimgogen.WaitForJobs(t.Context(), connect(t, server), "gz", jobs, waiting); err != nil || len(requests()) != 3 {
		t.Error(err, len(requests()))
	}
}

// No poll is sent before Retry-After: whoever waits has given up by then.
func TestRetryAfter(t *testing.T) {
	for name, value := range map[string]string{
		"seconds": "60",
		"a date":  time.Now().Add(time.Minute).UTC().Format(http.TimeFormat),
		"ages":    strings.Repeat("9", 30),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			server, requests := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				later(value)(w, r)
				time.AfterFunc(100*time.Millisecond, cancel)
			}))
			waiting := cimgogen.Waiting{PauseBefore: func(int) time.Duration { return 0 }, Deadline: time.Minute}
			_, err := cimgogen.WaitForJobs(ctx, connect(t, server), "gz", []generated.Job{{JobUuid: "a"}}, waiting)
			if !errors.Is(err, context.Canceled) || len(requests()) != 1 {
				t.Error(err, requests())
			}
		})
	}
}

// The service refuses polls that hold an id it does not know yet: it is asked for
// alone, and so are the others, until they are answered.
func TestRefusedIDsAreAskedForApart(t *testing.T) {
	const together = "good,better"
	for _, c := range []struct {
		grace time.Duration
		want  []string
		err   string
	}{
		{time.Minute, []string{"good,bad,better", "good", "bad", "better", "bad", together, "bad"}, ""},
		{-1, []string{"good,bad,better", "good", "bad", "better", "bad"}, "job bad is not known: errno 13"},
	} {
		var asked []string
		server, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ids := r.URL.Query().Get("jobUuids")
			known := slices.Contains(asked, together)
			asked = append(asked, ids)
			if strings.Contains(ids, "bad") && !known {
				envelope(13, "null")(w, r)
				return
			}
			var jobs []string
			for id := range strings.SplitSeq(ids, ",") {
				jobs = append(jobs, fmt.Sprintf(`{"jobUuid": %q, "type": "CreateCIMG", "progress": 0, "done": %t, "success": true}`, id, known || ids == together))
			}
			envelope(0, "["+strings.Join(jobs, ",")+"]")(w, r)
		}))
		waiting := cimgogen.Waiting{PauseBefore: func(int) time.Duration { return 0 }, Grace: c.grace, Deadline: time.Minute}
		_, err := cimgogen.WaitForJobs(t.Context(), connect(t, server), "gz", []generated.Job{{JobUuid: "good"}, {JobUuid: "bad"}, {JobUuid: "better"}}, waiting)
		if err != nil && c.err == "" || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Error(err)
		}
		if !slices.Equal(asked, c.want) {
			t.Error(asked)
		}
	}
}

func TestPausesGrow(t *testing.T) {
	for poll, want := range map[int]time.Duration{0: time.Second, 1: 1500 * time.Millisecond, 11: time.Minute, 1000: time.Minute} {
		if pause := cimgogen.Patient.PauseBefore(poll); pause != want {
			t.Error(poll, pause)
		}
	}
}

var (
	quick = cimgogen.Waiting{
		PauseBefore: func(int) time.Duration { return 50 * time.Millisecond },
		Grace:       20 * time.Second,
		Deadline:    time.Minute,
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

func later(retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", retryAfter)
		html(429)(w, r)
	}
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
	mock := exec.Command(program, "mock", "--addr", "127.0.0.1:0", "--token", token, "--strict", "--job-duration", "300ms")
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
