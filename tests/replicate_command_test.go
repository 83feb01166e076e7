package tests

import (
	"bufio"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A copy that fails is named by its own region.
func TestFailedCopyIsNamedByItsRegion(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, "jobs: [{operation: importCIMG, fail: disk is full}]"))
	r := u.run(t, "replicate --from gz --to bj --snapshot "+snapshot+" web-01 web-02")
	require.Equal(t, 4, r.code)
	for _, name := range []string{"web-01", "web-02"} {
		require.Regexp(t, `(?m)^cimg: `+name+` in bj: job \w{32} \(ImportCIMG in bj\) failed at 99 %: disk is full$`, r.stderr)
	}
}

// An image that is being deleted or renamed is no original, unless that fails.
func TestReplicateOfAnImageThatIsBeingChanged(t *testing.T) {
	t.Parallel()
	const remove, rename = "delete --yes --no-wait --region gz web-01", "rename --no-wait --region gz web-01 other"
	const gone = "web-01 in gz: the original was deleted or renamed, or is being so"
	for name, row := range map[string]struct {
		line, jobs, stderr string
		code               int
		copies             string
	}{
		"deleted":           {line: remove, stderr: gone, code: 1, copies: "0"},
		"renamed":           {line: rename, stderr: gone, code: 1, copies: "0"},
		"delete fails":      {line: remove, jobs: "jobs: [{operation: deleteCIMG, fail: it is in use}]", copies: "1"},
		"delete is unknown": {line: remove, jobs: "jobs: [{operation: deleteCIMG, duration: 1h, missingFor: 1h}]", stderr: gone, code: 1, copies: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, "--job-duration", "1s", "--scenario", scenario(t, "listLag: 0s\n"+row.jobs))
			require.Zero(t, u.run(t, createWeb+"web-01").code)
			require.Zero(t, u.run(t, row.line).code)
			r := u.run(t, "replicate --from gz --to bj web-01")
			require.Equal(t, row.code, r.code, r.stderr)
			require.Contains(t, r.stderr, row.stderr)
			require.Equal(t, row.copies, u.sent(t, "importCIMG"))
		})
	}
}

// An original that an earlier command began to make is waited for, and then nothing is
// left to do about it.
func TestReplicateOfAnImageThatIsBeingMade(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--job-duration", "1s")
	require.Zero(t, u.run(t, createWeb+"--no-wait web-01").code)
	r := u.run(t, "replicate --from gz --to bj web-01")
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
}

// Also if nothing is unfinished, a replicate that was cut short says how to go on.
func TestReplicateInterruptedBetweenJobs(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, "listLag: 1h"))
	r := u.run(t, "replicate --timeout 3s --visibility-window 1h --from gz --to bj --snapshot "+snapshot+" web-01")
	require.Equal(t, 6, r.code, r.stderr)
	require.Contains(t, r.stderr, "\ncimg: run the same command again: it makes what is missing\n")
}

// An interruption hides no failure of another cause.
func TestFailureBeforeAnInterruption(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--job-duration", "30s", "--scenario", scenario(t, "jobs: [{name: web-01, duration: 0s, fail: disk is full}]"))
	replicate := u.command(t, strings.Fields("replicate --output json --from gz --to bj --snapshot "+snapshot+" web-01 web-02")...)
	var stderr strings.Builder
	replicate.Stderr = &stderr
	stdout, err := replicate.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, replicate.Start())
	lines := bufio.NewScanner(stdout)
	for failed, started := false, false; !(failed && started); {
		require.True(t, lines.Scan())
		failed = failed || strings.Contains(lines.Text(), `"failed"`)
		started = started || strings.Contains(lines.Text(), `"web-02"`) && strings.Contains(lines.Text(), `"started"`)
	}
	require.NoError(t, replicate.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, stdout)
	require.NoError(t, err)
	require.Error(t, replicate.Wait())
	require.Equal(t, 130, replicate.ProcessState.ExitCode())
	require.Regexp(t, `^cimg: interrupted\ncimg: web-01 in gz: job \w{32} .* disk is full\ncimg: 1 job is unfinished`, stderr.String())
}
