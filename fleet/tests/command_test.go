package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/fleet"
)

// What a person at a shell does with workflows that run: each command against a server.
func TestCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "jobs: [{duration: 3s}]\n", 1)
	from := []string{"--from", "gz", "--snapshot", snapshot}

	t.Run("fleet", func(t *testing.T) {
		order := func(name string) string {
			return "{name: " + name + ", from: {region: gz, snapshot: " + snapshot + "}, regions: [bj]}"
		}
		list := fmt.Sprintf("{perRegion: 1, orders: [%s, %s, %s]}", order("a-1"), order("b-1"), order("c-1"))
		id := queue + "/fleet:weekly"
		start := []string{"start", "fleet", "--name", "weekly", "--file", "-"}
		require.Equal(t, said{stdout: id + "\n", stderr: "Started. See how far it is: cimg-fleet status " + id + "\n"}, w.say(t, list, start...))
		require.Equal(t, said{stdout: id + "\n", stderr: "It runs already. See how far it is: cimg-fleet status " + id + "\n"}, w.say(t, list, start...))
		require.Equal(t, said{code: 1, stderr: "cimg-fleet: " + id + ": it runs already, with another order: wait for its end, cancel it, or choose another name\n"},
			w.say(t, "orders: ["+order("a-1")+"]", start...))

		require.Equal(t, said{stderr: "Asked " + id + " to pause. Next: cimg-fleet resume " + id + "\n"}, w.say(t, "", "pause", id))
		var paused row
		require.Eventually(t, func() bool {
			paused = w.rows(t, "status", id)[0]
			return paused.Progress.Paused && paused.Progress.Running == 0
		}, time.Minute, 200*time.Millisecond)
		require.Positive(t, paused.Progress.Queued)
		require.Equal(t, row{ID: id, Type: "Fleet", Status: "Running", Progress: paused.Progress}, paused)
		require.Equal(t, paused.ID, w.rows(t, "status")[0].ID, "what runs on the task queue")
		require.Contains(t, w.say(t, "", "status", id).stdout, fmt.Sprintf("%d of 6 done, %d queued; paused\n", paused.Progress.Done, paused.Progress.Queued))

		require.Zero(t, w.say(t, "", "resume", id).code)
		followed := w.say(t, list, append(start, "--wait")...)
		require.Zero(t, followed.code, followed.stderr)
		require.Contains(t, followed.stdout, "6 of 6 done\n")
		require.Regexp(t, `(?m)^Running  \d of 6 done, `, followed.stderr)
	})

	t.Run("stuck and cancelled", func(t *testing.T) {
		w.control(http.MethodPost, "/_emulator/faults", "{operation: createCIMG, status: 429, count: 3, header: {Retry-After: '600'}}", nil)
		id := queue + "/replicate:stuck"
		waiting := w.command("cimg-fleet", append([]string{"start", "replicate", "--name", "stuck", "--to", "gz,bj", "--wait"}, from...)...)
		var stderr bytes.Buffer
		waiting.Stderr = &stderr
		require.NoError(t, waiting.Start())
		stuck := row{ID: fleet.ImageID(queue, "gz", "stuck"), Type: "Image", Status: "Running", Region: "gz", Name: "stuck", State: fleet.StatePostponed}
		require.Eventually(t, func() bool { return slices.Equal(w.rows(t, "status", "--stuck"), []row{stuck}) }, time.Minute, 200*time.Millisecond)
		require.Equal(t, []row{stuck}, w.rows(t, "status", "--stuck", id))
		require.Equal(t, []row{{ID: id, Type: "Replicate", Status: "Running"}, stuck}, w.rows(t, "status", id))

		require.Equal(t, said{code: 2, stderr: "cimg-fleet: " + id + ": only a fleet can pause, and this is a replicate\n"}, w.say(t, "", "pause", id))
		require.Equal(t, said{stderr: "Asked " + id + " to cancel. Next: cimg-fleet status " + id + "\n"}, w.say(t, "", "cancel", id))
		require.Equal(t, 4, codeOf(t, waiting.Wait()))
		require.True(t, strings.HasSuffix(stderr.String(), "\ncimg-fleet: cancelled\n"), stderr.String())
		require.Equal(t, []row{
			{ID: id, Type: "Replicate", Status: "Canceled", Error: "cancelled"},
			{Region: "gz", Name: "stuck", State: fleet.StateFailed, Error: "cancelled"},
		}, w.rows(t, "status", id))
		require.Equal(t, "Nothing is stuck on task queue "+queue+".\n", w.say(t, "", "status", "--stuck").stderr)
		w.control(http.MethodDelete, "/_emulator/faults", "", nil)
	})

	t.Run("cancelled while a job runs", func(t *testing.T) {
		w.control(http.MethodPut, "/_emulator/scenario", "jobs: [{name: slow, duration: 1h}, {duration: 3s}]\n", nil)
		id := queue + "/replicate:slow"
		require.Zero(t, w.say(t, "", append([]string{"start", "replicate", "--name", "slow", "--to", "gz"}, from...)...).code)
		require.Eventually(t, func() bool {
			images := w.rows(t, "status", id)[1:]
			return len(images) == 1 && images[0].State == fleet.StateWaiting
		}, time.Minute, 200*time.Millisecond)
		require.Zero(t, w.say(t, "", "cancel", id).code)
		var ended []row
		require.Eventually(t, func() bool { ended = w.rows(t, "status", id); return ended[0].Status == "Canceled" }, time.Minute, 200*time.Millisecond)
		require.Len(t, ended, 2)
		require.Equal(t, "slow", w.images("gz")[ended[1].Image], "the image that its job goes on to make")
	})

	t.Run("roll", func(t *testing.T) {
		roll := func(version string, flags ...string) said {
			return w.say(t, "", slices.Concat([]string{"start", "roll", "--family", "web", "--build", version, "--to", "gz", "--keep", "1", "--wait"}, from, flags)...)
		}
		require.Zero(t, roll("1", "--apply").code)
		dry := roll("2")
		require.Zero(t, dry.code)
		require.Regexp(t, `(?m)^gz +to be deleted +\w{32} +web-1$`, dry.stdout)
		require.Contains(t, dry.stderr, "Nothing was deleted. To delete what is listed, run it again with --apply.\n")
		applied := roll("2", "--apply")
		require.Zero(t, applied.code)
		require.Regexp(t, `(?m)^gz +exists +\w{32} +web-2$`, applied.stdout)
		require.Regexp(t, `(?m)^gz +deleted +\w{32} +web-1$`, applied.stdout)
		require.NotContains(t, w.images("gz"), "web-1")
	})

	t.Run("unknown", func(t *testing.T) {
		for _, args := range [][]string{{"status", "none"}, {"pause", "none"}, {"cancel", "none"}} {
			unknown := w.say(t, "", args...)
			require.Equal(t, 3, unknown.code, unknown.stderr)
			require.Regexp(t, "^cimg-fleet: none: .*; cimg-fleet status lists those that run\n$", unknown.stderr)
		}
	})

	t.Run("worker stopped", func(t *testing.T) {
		worker := w.command("cimg-fleet", "worker")
		stdout, err := worker.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, worker.Start())
		buffer := make([]byte, 4096)
		var shown string
		for !strings.Contains(shown, "Working.") {
			n, err := stdout.Read(buffer)
			shown += string(buffer[:n])
			require.NoError(t, err, shown)
		}
		require.NoError(t, worker.Process.Signal(syscall.SIGTERM))
		require.NoError(t, worker.Wait())
	})
}

// said is what a command wrote, and its exit code.
type said struct {
	stdout, stderr string
	code           int
}

// say runs cimg-fleet.
func (w *world) say(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	command := w.command("cimg-fleet", args...)
	command.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	code := codeOf(t, command.Run())
	return said{stdout.String(), stderr.String(), code}
}

func codeOf(t *testing.T, err error) int {
	t.Helper()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(t, err)
	return 0
}

// row is a line of the command's JSON, without the times.
type row struct {
	ID, Type, Status, Region, Name, State, Error string

	Progress *fleet.Progress
	Image    string `json:"cimgUuid"`
}

func (w *world) rows(t *testing.T, args ...string) (rows []row) {
	t.Helper()
	printed := w.say(t, "", append(args, "--output", "json")...)
	require.Zero(t, printed.code, printed.stderr)
	for line := range strings.Lines(printed.stdout) {
		var r row
		require.NoError(t, json.Unmarshal([]byte(line), &r), line)
		rows = append(rows, r)
	}
	return rows
}
