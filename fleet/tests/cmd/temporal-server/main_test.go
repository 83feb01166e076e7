package main

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/cimg-go/cimg/fleet"
)

// The test's binary is the program, too: a process of its own that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("CIMG_TEMPORAL_SERVER") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const queue = "greetings"

// greet sleeps between two activities; the second needs what the first returned.
func greet(ctx workflow.Context, name string, sleep time.Duration) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var greeting string
	if err := workflow.ExecuteActivity(ctx, prefix, name).Get(ctx, &greeting); err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, sleep); err != nil {
		return "", err
	}
	err := workflow.ExecuteActivity(ctx, prefix, greeting).Get(ctx, &greeting)
	return greeting, err
}

func prefix(_ context.Context, s string) (string, error) { return "hello " + s, nil }

// A killed server goes on from its file: a workflow that slept at that moment
// finishes, and search attributes are still known.
func TestServerGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.db")
	first := start(t, "--file", file, "--port", "0")
	c := connect(t, first.address)
	require.NoError(t, fleet.RegisterAttributes(t.Context(), c, "default"))
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "web-01", TaskQueue: queue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			fleet.AttributeImage.ValueSet("web-01"), fleet.AttributeRegion.ValueSet("bj"), fleet.AttributeState.ValueSet(fleet.StateWaiting)),
	}, greet, "world", time.Second)
	require.NoError(t, err)

	work(t, c)
	require.Eventually(t, func() bool { return sleeps(t, c, run) }, time.Minute, 10*time.Millisecond)
	require.NoError(t, first.process.Kill())
	_, err = first.process.Wait()
	require.NoError(t, err)

	_, port, _ := strings.Cut(first.address, ":")
	second := start(t, "--file", file, "--port", port)
	require.Equal(t, first.address, second.address)

	var got string
	require.NoError(t, run.Get(t.Context(), &got)) // the worker has reconnected
	require.Equal(t, "hello hello world", got)

	query := `CimgImage = "web-01" AND CimgRegion = "bj" AND CimgState = "waiting" AND ExecutionStatus = "Completed"`
	require.Eventually(t, func() bool { return len(list(t, c, query)) == 1 }, time.Minute, 10*time.Millisecond)
	require.Empty(t, list(t, c, `CimgState = "stuck"`))

	require.NoError(t, second.process.Signal(syscall.SIGTERM))
	status, err := second.process.Wait()
	require.NoError(t, err)
	require.Zero(t, status.ExitCode())
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	for _, flag := range []string{"--port", "--ui-port"} {
		output, err := program("--port", "0", "--file", filepath.Join(t.TempDir(), "temporal.db"), flag, port).CombinedOutput()
		require.Error(t, err)
		require.Regexp(t, `^temporal-server: engine: listen tcp .*: address already in use\n$`, string(output))
	}
}

// BenchmarkWorkflow runs workflows of two activities, 500 at a time.
func BenchmarkWorkflow(b *testing.B) {
	s := start(b, "--file", filepath.Join(b.TempDir(), "temporal.db"), "--port", "0")
	c := connect(b, s.address)
	work(b, c)
	var running errgroup.Group
	running.SetLimit(500)
	b.ResetTimer()
	for range b.N { // b.Loop would not count the last 500
		running.Go(func() error {
			run, err := c.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{TaskQueue: queue}, greet, "world", time.Duration(0))
			if err != nil {
				return err
			}
			return run.Get(b.Context(), nil)
		})
	}
	require.NoError(b, running.Wait())
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "workflows/s")
}

type server struct {
	process *os.Process
	address string
}

func program(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), "CIMG_TEMPORAL_SERVER=1")
	return command
}

// start starts the program and waits until it is ready.
func start(t testing.TB, args ...string) server {
	t.Helper()
	command := program(args...)
	command.Stderr = t.Output()
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, command.Start())
	t.Cleanup(func() { _ = command.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	t.Logf("ready after %v: %s", time.Since(began), line)
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, found, line)
	return server{command.Process, address}
}

func connect(t testing.TB, address string) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func work(t testing.TB, c client.Client) {
	t.Helper()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(greet)
	w.RegisterActivity(prefix)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
}

func sleeps(t *testing.T, c client.Client, run client.WorkflowRun) bool {
	t.Helper()
	events := c.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		if event.GetEventType() == enums.EVENT_TYPE_TIMER_STARTED {
			return true
		}
	}
	return false
}

// list returns the IDs of the workflows that match the query.
func list(t *testing.T, c client.Client, query string) []string {
	t.Helper()
	response, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	require.NoError(t, err)
	var ids []string
	for _, e := range response.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	return ids
}
