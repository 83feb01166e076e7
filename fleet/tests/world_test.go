package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

const (
	token    = "proof-0123456789abcdef0123456789abcdef" // of the account; must appear nowhere
	snapshot = "3fd352092a3f553cb124223f6a7f09b4"       // in region gz of the mock
	queue    = "proof"
)

// silent says nothing: what workers and servers say is in their files.
var silent = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// world is a service, a Temporal server and workers, each a process of its own.
type world struct {
	t                        testing.TB
	folder                   string // of the programs, the database and what the workers say
	mockURL, temporalAddress string
	temporal                 client.Client
	server                   *exec.Cmd

	workers []*exec.Cmd
	started int
}

// newWorld builds the programs and starts a mock with a scenario, a server and workers.
func newWorld(t testing.TB, scenario string, workers int) *world {
	t.Helper()
	w := &world{t: t, folder: t.TempDir(), mockURL: "http://" + freeAddress(t), temporalAddress: freeAddress(t)}
	w.build("../..", "./cmd/cimg")
	w.build("..", "./cmd/cimg-fleet")
	w.build(".", "./cmd/temporal-server")

	path := filepath.Join(w.folder, "scenario.yaml")
	require.NoError(t, os.WriteFile(path, []byte(scenario), 0o600))
	w.start("mock", w.command("cimg", "mock", "--addr", strings.TrimPrefix(w.mockURL, "http://"), "--token", token, "--scenario", path))
	w.startServer()
	var err error
	w.temporal, err = client.Dial(client.Options{HostPort: w.temporalAddress, Logger: silent})
	require.NoError(t, err)
	t.Cleanup(w.temporal.Close)
	said, err := w.command("cimg-fleet", "setup").CombinedOutput()
	require.NoError(t, err, string(said))
	for range workers {
		w.startWorker()
	}
	return w
}

func (w *world) build(module, program string) {
	w.t.Helper()
	cmd := exec.Command("go", "-C", module, "build", "-o", w.folder+"/", program) //nolint:noctx // it ends by itself
	said, err := cmd.CombinedOutput()
	require.NoError(w.t, err, string(said))
}

// command is one of the programs, with the environment of a worker.
func (w *world) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(w.folder, program), args...) //nolint:noctx // the test ends it
	cmd.Env = append(os.Environ(), "TEMPORAL_ADDRESS="+w.temporalAddress, "CIMG_TASK_QUEUE="+queue,
		"DIDIYUN_BASE_URL="+w.mockURL, "DIDIYUN_ACCESS_TOKEN="+token, "CIMG_VISIBILITY_WINDOW=10s")
	return cmd
}

// start starts a program, and ends it with the test. What it says is in a file.
func (w *world) start(name string, cmd *exec.Cmd) {
	w.t.Helper()
	said, err := os.Create(filepath.Join(w.folder, name+".log"))
	require.NoError(w.t, err)
	cmd.Stdout, cmd.Stderr = said, said
	require.NoError(w.t, cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		_ = said.Close()
		if content, _ := os.ReadFile(said.Name()); w.t.Failed() && len(content) > 0 {
			w.t.Logf("%s said: %s", name, content[max(0, len(content)-1000):])
		}
	})
}

func (w *world) startServer() {
	w.t.Helper()
	_, port, err := net.SplitHostPort(w.temporalAddress)
	require.NoError(w.t, err)
	w.server = w.command("temporal-server", "--file", filepath.Join(w.folder, "temporal.db"), "--port", port)
	w.started++
	w.start(fmt.Sprintf("server-%d", w.started), w.server)
	require.Eventually(w.t, func() bool {
		temporal, err := client.Dial(client.Options{HostPort: w.temporalAddress, Logger: silent})
		if err == nil {
			temporal.Close()
		}
		return err == nil
	}, time.Minute, 200*time.Millisecond)
}

// restartServer kills the server, and starts it again from its file.
func (w *world) restartServer() {
	w.t.Helper()
	require.NoError(w.t, w.server.Process.Kill())
	_, _ = w.server.Process.Wait()
	w.startServer()
}

func (w *world) startWorker() {
	w.t.Helper()
	worker := w.command("cimg-fleet", "worker")
	w.started++
	w.start(fmt.Sprintf("worker-%d", w.started), worker)
	w.workers = append(w.workers, worker)
}

// killWorker kills a worker and starts another. A worker that was started while there
// was no server has ended by itself: that counts for nothing.
func (w *world) killWorker(i int) (killed bool) {
	w.t.Helper()
	worker := w.workers[i]
	require.NoError(w.t, worker.Process.Kill())
	state, err := worker.Process.Wait()
	require.NoError(w.t, err)
	w.workers = slices.Delete(w.workers, i, i+1)
	w.startWorker()
	return state.ExitCode() == -1
}

// control calls the control API of the mock.
func (w *world) control(method, path, body string, result any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, w.mockURL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.Less(w.t, response.StatusCode, 300, string(content))
	if result != nil {
		require.NoError(w.t, json.Unmarshal(content, result), string(content))
	}
}

// images returns the names of all images of a region, by id.
func (w *world) images(region string) map[string]string {
	w.t.Helper()
	var images []struct {
		UUID string `json:"cimgUuid"`
		Name string `json:"name"`
	}
	w.control(http.MethodGet, "/_emulator/images?regionId="+region, "", &images)
	names := make(map[string]string)
	for _, image := range images {
		names[image.UUID] = image.Name
	}
	return names
}

// requests returns how often each operation was called.
func (w *world) requests() (requests map[string]int) {
	w.t.Helper()
	w.control(http.MethodGet, "/_emulator/requests", "", &requests)
	return requests
}

// job is a job of the mock.
type job struct {
	Type          string
	Done, Success bool
}

func (j job) hasFailed() bool { return j.Done && !j.Success }

// jobs returns how many jobs of a region are so.
func (w *world) jobs(region string, isSo func(job) bool) (n int) {
	w.t.Helper()
	var jobs []job
	w.control(http.MethodGet, "/_emulator/jobs?regionId="+region, "", &jobs)
	for _, j := range jobs {
		if isSo(j) {
			n++
		}
	}
	return n
}

// files returns those files of the world that hold a text.
func (w *world) files(text string) (holders []string) {
	w.t.Helper()
	files, err := os.ReadDir(w.folder)
	require.NoError(w.t, err)
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(w.folder, file.Name()))
		require.NoError(w.t, err)
		if file.Name() != "mock.log" && bytes.Contains(content, []byte(text)) {
			holders = append(holders, file.Name())
		}
	}
	return holders
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
