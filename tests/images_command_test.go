package tests

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

// user is somebody at a command line: a mock to talk to, and a home directory.
type user struct {
	*mock
	state string
	env   []string
}

func newUser(t *testing.T, mockArgs ...string) *user {
	t.Helper()
	u := &user{mock: startMock(t, append([]string{"--quiet", "--job-duration", "150ms", "--seed", "1"}, mockArgs...)...)}
	u.state = t.TempDir()
	u.env = append(os.Environ(), "XDG_STATE_HOME="+u.state, "DIDIYUN_BASE_URL="+u.url(t, ""), "DIDIYUN_ACCESS_TOKEN="+emulator.DefaultToken,
		"CIMG_POLL_INTERVAL=20ms", "CIMG_VISIBILITY_WINDOW=0s")
	return u
}

// command returns a command to start.
func (u *user) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, commandPath(t), args...)
	cmd.Env = u.env
	return cmd
}

// ran is what came of a command.
type ran struct {
	stdout, stderr string
	code           int
}

// run runs a command; its words are separated by spaces.
func (u *user) run(t *testing.T, line string) ran {
	t.Helper()
	return outcomeOf(t, u.command(t, strings.Fields(line)...))
}

func outcomeOf(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// images returns the names in a region, those of the stock left out.
func (u *user) images(t *testing.T, region string) []string {
	t.Helper()
	_, body := fetch(t, u.url(t, "/_emulator/images?regionId="+region))
	var names []string
	for _, match := range regexp.MustCompile(`"name":"(web-[^"]+)"`).FindAllStringSubmatch(body, -1) {
		names = append(names, match[1])
	}
	return names
}

const createWeb = "create --region gz --snapshot " + snapshot + " "

func TestCommandContinuesAfterItWasKilled(t *testing.T) {
	u := newUser(t, "--job-duration", "2s")
	cmd := u.command(t, strings.Fields(createWeb+"web-01")...)
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return len(u.images(t, "gz")) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	again := u.run(t, createWeb+"web-01")
	require.Equal(t, 5, again.code, again.stderr)
	require.Contains(t, again.stderr, "nothing was sent")
	resumed := u.run(t, "wait --resume")
	require.Zero(t, resumed.code, resumed.stderr)
	require.Regexp(t, `gz +\w{32} +succeeded +web-01`, resumed.stdout)
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

func TestCommandReconcilesALostResponse(t *testing.T) {
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	lost := u.run(t, createWeb+"web-01")
	require.Equal(t, 5, lost.code, lost.stderr)
	require.Contains(t, lost.stderr, "cimg reconcile --resume")
	found := u.run(t, "reconcile --resume")
	require.Zero(t, found.code, found.stderr)
	require.Regexp(t, `gz +\w{32} +found +web-01`, found.stdout)
	require.Zero(t, u.run(t, "wait --resume").code)

	u.inject(t, `{operation: createCIMG, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-02").code)
	missing := u.run(t, "reconcile --resume")
	require.Equal(t, 1, missing.code)
	require.Contains(t, missing.stdout, "not observed")
	require.Zero(t, u.run(t, createWeb+"web-02").code)
	require.ElementsMatch(t, []string{"web-01", "web-02"}, u.images(t, "gz"))
}

// inject makes the mock fail.
func (u *user) inject(t *testing.T, fault string) {
	t.Helper()
	resp, err := http.Post(u.url(t, "/_emulator/faults"), "", strings.NewReader(fault)) //nolint:noctx // it ends with the mock
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// A file that may not grow is like a full disk.
func TestNothingIsSentIfTheDiskIsFull(t *testing.T) {
	u := newUser(t)
	full := u.command(t)
	full.Path, full.Args = "/bin/sh", []string{"sh", "-c", `ulimit -f 0; exec "$0" ` + createWeb + "web-01", full.Path}
	result := outcomeOf(t, full)
	require.Equal(t, 1, result.code, result.stderr)
	require.Contains(t, result.stderr, "journal: ")
	require.Empty(t, u.images(t, "gz"))
	left, err := filepath.Glob(filepath.Join(u.state, "cimg", "*.jsonl"))
	require.NoError(t, err)
	require.Empty(t, left)
}
