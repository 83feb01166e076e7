package tests

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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
	t.Parallel()
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

// What cimg --help tells a person to do, killed in the middle: one image in each region.
func TestReplicateContinuesAfterItWasKilled(t *testing.T) {
	t.Parallel()
	for _, killedIn := range []string{"gz", "bj"} {
		u := newUser(t, "--job-duration", "1s")
		help := u.run(t, "--help").stdout
		replicate := regexp.MustCompile(`(?m)^ +cimg (replicate .*)$`).FindStringSubmatch(help)[1]
		require.Contains(t, help, "cimg wait --resume")
		cmd := u.command(t, strings.Fields(replicate)...)
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool { return len(u.images(t, killedIn)) > 0 }, 20*time.Second, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())

		resumed := u.run(t, "wait --resume")
		require.Zero(t, resumed.code, resumed.stderr)
		require.Contains(t, resumed.stderr, "run it again for what it had not started: cimg "+replicate)
		again := u.run(t, replicate)
		require.Zero(t, again.code, again.stderr)
		for _, region := range []string{"gz", "bj"} {
			require.Equal(t, []string{"web-01"}, u.images(t, region))
		}
		journal, err := filepath.Glob(filepath.Join(u.state, "cimg", "*"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(journal), 2)
		for _, file := range journal {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NotContains(t, string(content), emulator.DefaultToken)
		}
	}
}

func TestCommandReconcilesALostResponse(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	lost := u.run(t, createWeb+"web-01")
	require.Equal(t, 5, lost.code, lost.stderr)
	require.Contains(t, lost.stderr, "cimg reconcile --resume")
	u.inject(t, `{operation: listCIMG, status: 503, count: 3}`)
	require.Equal(t, 5, u.run(t, "reconcile --resume").code, "it is still unknown")
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

// A response to any mutating call may be lost.
func TestCommandReconcilesARenameAndADelete(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.env = append(u.env, "CIMG_VISIBILITY_WINDOW=1s") // a rename under way may be another's
	u.inject(t, `{operation: changeNameCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, "rename --region bj 北京02 web-02").code)
	resumed := u.run(t, "wait --resume")
	require.Zero(t, resumed.code, resumed.stderr)
	u.inject(t, `{operation: deleteCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, "delete --yes --region bj web-02").code)
	resumed = u.run(t, "wait --resume")
	require.Zero(t, resumed.code, resumed.stderr)
	require.Empty(t, u.images(t, "bj"))
	require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"))
}

func TestCommandInterruptedWhileItCalls(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, after: true, delay: 30s}`)
	create := u.command(t, strings.Fields(createWeb+"web-01")...)
	var stderr strings.Builder
	create.Stderr = &stderr
	require.NoError(t, create.Start())
	require.Eventually(t, func() bool { return len(u.images(t, "gz")) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, create.Process.Signal(os.Interrupt))
	require.Error(t, create.Wait())
	require.Equal(t, 130, create.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "cimg reconcile --resume")
	found := u.run(t, "reconcile --resume")
	require.Zero(t, found.code, found.stderr)
	require.Contains(t, found.stdout, "found")

	u.inject(t, `{operation: createCIMG, after: true, delay: 30s}`)
	late := u.run(t, createWeb+"--timeout 100ms web-02")
	require.Equal(t, 5, late.code, "that the outcome is unknown is worse than a timeout: %s", late.stderr)
}

func TestCommandOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: getJobResult, status: 503, for: 500ms}`)
	created := u.run(t, createWeb+"web-01")
	require.Zero(t, created.code, created.stderr)
}

// With --ensure, a command continues what was left behind.
func TestEnsureContinues(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-01").code)
	u.run(t, createWeb+"--no-wait web-02")
	for _, name := range []string{"web-01", "web-02"} {
		ensured := u.run(t, createWeb+"--ensure "+name)
		require.Zero(t, ensured.code, ensured.stderr)
	}
	require.ElementsMatch(t, []string{"web-01", "web-02"}, u.images(t, "gz"))
	require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
}

// The list does not show a new image at once. The journal knows it.
func TestEnsureBelievesTheJournal(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, "listLag: 1h"))
	require.Zero(t, u.run(t, createWeb+"web-01").code)
	ensured := u.run(t, createWeb+"--ensure --visibility-window 1m web-01")
	require.Zero(t, ensured.code, ensured.stderr)
	require.Contains(t, ensured.stdout, "exists")
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// The journal has an image that the service does not: an emulator was started anew.
// A command that ensures looks, makes the image again, and says what it does.
func TestEnsureAsksTheService(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	ensure := createWeb + "--ensure --visibility-window 1s web-01"
	for range 2 {
		require.Zero(t, u.run(t, ensure).code)
	}
	resp, err := http.Post(u.url(t, "/_emulator/reset"), "", nil) //nolint:noctx // it ends with the mock
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	ensured := u.run(t, ensure)
	require.Zero(t, ensured.code, ensured.stderr)
	require.Regexp(t, `gz +\w{32} +succeeded +web-01`, ensured.stdout)
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))

	u.stop(t, os.Interrupt)
	without := u.run(t, createWeb+"--ensure --visibility-window 1h web-01")
	require.Equal(t, 1, without.code, without.stdout)
	require.Contains(t, without.stderr, "connection refused")
}

// Two that do the same at the same time make one image.
func TestTwoCommandsAtTheSameTime(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	codes := make([]int, 8)
	var group sync.WaitGroup
	for n := range codes {
		cmd := u.command(t, strings.Fields(createWeb+"--ensure web-01")...)
		group.Go(func() {
			if err := cmd.Run(); err != nil {
				codes[n] = cmd.ProcessState.ExitCode()
			}
		})
	}
	group.Wait()
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
	require.Contains(t, codes, 0)
	for _, code := range codes {
		require.Contains(t, []int{0, 1}, code, "1: another one is at work on it")
	}
}

// A command takes over only what it continues: what others left behind can be resumed
// meanwhile.
func TestUnrelatedCommandLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	require.Zero(t, u.run(t, createWeb+"--no-wait web-01").code)
	u.inject(t, `{operation: createCIMG, after: true, delay: 30s}`)
	unrelated := u.command(t, strings.Fields(createWeb+"--ensure web-02")...)
	require.NoError(t, unrelated.Start())
	require.Eventually(t, func() bool { return u.sent(t, "createCIMG") == "2" }, 10*time.Second, time.Millisecond)
	resumed := u.run(t, "wait --resume")
	require.Regexp(t, `succeeded +web-01`, resumed.stdout, resumed.stderr)
	require.NoError(t, unrelated.Process.Kill())
	require.Error(t, unrelated.Wait())
}

// Two processes wait for a job each: afterwards nothing is unfinished.
func TestTwoWaitsAtTheSameTime(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--job-duration", "2s")
	first := strings.TrimSpace(u.run(t, createWeb+"--no-wait web-01").stdout)
	second := strings.TrimSpace(u.run(t, createWeb+"--no-wait web-02").stdout)
	waiting := u.command(t, "wait", first)
	require.NoError(t, waiting.Start())
	require.Eventually(t, func() bool { return strings.Contains(u.run(t, "jobs").stdout, "under way") }, 10*time.Second, time.Millisecond)
	require.Zero(t, u.run(t, "wait "+second).code)
	require.NoError(t, waiting.Wait())
	require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
}

// Names come from the service.
func TestNamesThatWouldDrawOnTheTerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, `storeName: "*\e[31mred\nline\ttab"`))
	require.Equal(t, 1, u.run(t, createWeb+"web-01").code)
	listed := u.run(t, "list --region gz")
	require.Contains(t, listed.stdout, `web-01\x1b[31mred\nline\ttab`+"\n")
	uuid := regexp.MustCompile(`(\w{32}) .*red`).FindStringSubmatch(listed.stdout)[1]
	copied := u.run(t, "replicate --from gz --to bj "+uuid)
	require.Contains(t, copied.stderr, `web-01\x1b[31mred\nline\ttab in gz: exists`)
	require.NotContains(t, copied.stdout+copied.stderr, "\x1b")
	require.Contains(t, u.run(t, "list --output json --region gz").stdout, `"name":"web-01\u001b[31mred\nline\ttab"`)
}

// Every hint has the flags without which it does not work.
func TestHintsHaveTheFlagsOfTheCommand(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	elsewhere := " --journal " + t.TempDir()
	require.Zero(t, u.run(t, createWeb+"--no-wait"+elsewhere+" web-01").code)
	r := u.run(t, createWeb+"--page-size 10"+elsewhere+" web-01")
	require.Equal(t, 5, r.code)
	require.Contains(t, r.stderr, "run cimg wait --resume --page-size 10"+elsewhere+"\n")
	u.inject(t, `{operation: createCIMG, reset: true}`)
	require.Contains(t, u.run(t, createWeb+elsewhere+" web-02").stderr, "cimg reconcile --resume"+elsewhere+"\n")
	require.Contains(t, u.run(t, createWeb+elsewhere+" web-02").stderr, "run cimg wait --resume"+elsewhere+"\n")

	other := newUser(t)
	r = other.run(t, "wait --resume"+elsewhere)
	require.Contains(t, r.stderr, "2 unfinished calls are of another service, "+u.url(t, "")+"; see cimg jobs"+elsewhere+"\n")
}

// An unknown outcome that the journal has, too, is no longer unknown.
func TestReconcileOfATextEndsItsEntry(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-01").code)
	var left struct{ Call string }
	require.NoError(t, json.Unmarshal([]byte(u.run(t, "jobs --output json").stdout), &left))
	require.Eventually(t, func() bool { return strings.Contains(u.run(t, "list --region gz").stdout, "Ready   web-01") }, 10*time.Second, time.Millisecond)
	found := outcomeOf(t, u.command(t, "reconcile", left.Call))
	require.Zero(t, found.code, found.stderr)
	require.Regexp(t, `found +web-01`, found.stdout)
	require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
}

func TestDoctorOnlyReads(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	require.Zero(t, u.run(t, "doctor --region gz").code)
	_, counts := fetch(t, u.url(t, "/_emulator/requests"))
	require.Regexp(t, `"changeNameCIMG":0,"createCIMG":0,"deleteCIMG":0,"getJobResult":\d+,"importCIMG":0,"listCIMG":\d+`, counts)
}

func TestMockWhoseAddressIsInUse(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	second := u.run(t, "mock --addr "+strings.TrimPrefix(u.url(t, ""), "http://"))
	require.Equal(t, 1, second.code)
	require.Regexp(t, `^cimg: cannot listen on .*in use; choose another address with --addr; port 0 takes a free one\n$`, second.stderr)
}

func TestMockAnnouncesItselfToPrograms(t *testing.T) {
	t.Parallel()
	mock := exec.CommandContext(t.Context(), commandPath(t), "mock", "--output", "json", "--addr", "127.0.0.1:0")
	stdout, err := mock.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, mock.Start())
	var announced struct{ BaseURL, Token string }
	require.NoError(t, json.NewDecoder(stdout).Decode(&announced))
	resp, _ := fetch(t, announced.BaseURL+"/healthz")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, emulator.DefaultToken, announced.Token)
	require.NoError(t, mock.Process.Signal(os.Interrupt))
	rest, err := io.ReadAll(stdout)
	require.NoError(t, err)
	require.Empty(t, rest)
	require.NoError(t, mock.Wait())
}

// The disk has room for the intent only: the line about the job is lost, the job not.
func TestDiskThatFillsUpAfterTheCall(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	full := u.command(t)
	full.Path, full.Args = "/bin/sh", []string{"sh", "-c", `ulimit -f 2; exec "$0" ` + createWeb + "--description " + strings.Repeat("x", 500) + " web-01", full.Path}
	result := outcomeOf(t, full)
	require.Equal(t, 5, result.code, result.stderr)
	ref := regexp.MustCompile(`cimg wait '(cimg-job:\S+)'`).FindStringSubmatch(result.stderr)
	require.NotNil(t, ref, result.stderr)
	require.Zero(t, u.run(t, "wait "+ref[1]).code)
	resumed := u.run(t, "wait --resume")
	require.Zero(t, resumed.code, resumed.stderr)
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// What --forget cannot end is wrong usage, and changes nothing.
func TestForget(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-01").code)
	entry := strings.Fields(u.run(t, "jobs").stdout)[6]
	mistyped := u.run(t, "jobs --forget "+entry+"7")
	require.Equal(t, 2, mistyped.code)
	require.Contains(t, mistyped.stderr, `no entry "`+entry+`7"`)
	require.Zero(t, u.run(t, "jobs --forget "+entry).code)
	again := u.run(t, "jobs --forget "+entry)
	require.Equal(t, 2, again.code)
	require.Contains(t, again.stderr, "finished already: forgotten")

	u.inject(t, `{operation: createCIMG, after: true, delay: 30s}`)
	living := u.command(t, strings.Fields(createWeb+"web-01")...)
	require.NoError(t, living.Start())
	require.Eventually(t, func() bool { return len(u.images(t, "gz")) > 0 }, 10*time.Second, time.Millisecond)
	underWay := u.run(t, "jobs --forget "+strings.Fields(u.run(t, "jobs").stdout)[6])
	require.Equal(t, 2, underWay.code)
	require.Contains(t, underWay.stderr, "still runs")
	require.NoError(t, living.Process.Kill())
	require.Error(t, living.Wait())
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
	t.Parallel()
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

// Results that cannot be written are an error, and what was done can still be seen.
func TestResultsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const unwritten = "results could not be written: write /dev/stdout: no space left on device\n"
	const journalled = "cimg: see what the journal has of it with: cimg jobs --all\n"
	for line, rest := range map[string]string{
		"list --region gz":                      "",
		"jobs":                                  "",
		"spec":                                  "",
		"version":                               "",
		"--version":                             "",
		"--output json version":                 "",
		"--help":                                "",
		"completion bash":                       "",
		"doctor --region gz":                    "",
		"--output json list --region bj":        "",
		createWeb + "web-01":                    journalled,
		"--output json " + createWeb + "web-01": journalled,
		createWeb + "--no-wait web-01":          "cimg: 1 job is unfinished; continue with: cimg wait --resume\n" + journalled,
		createWeb + "--journal notes --ensure web-01": strings.TrimSpace(journalled) + " --journal notes\n",
		"rename --region bj no-such web-01":           "",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skip(err)
			}
			t.Cleanup(func() { full.Close() })
			u := newUser(t)
			cmd := u.command(t, strings.Fields(line)...)
			cmd.Dir, cmd.Stdout = u.state, full
			var stderr strings.Builder
			cmd.Stderr = &stderr
			require.ErrorAs(t, cmd.Run(), new(*exec.ExitError))
			if strings.Contains(line, "no-such") {
				require.NotContains(t, stderr.String(), "written", "nothing was to be written")
				return
			}
			require.Equal(t, 1, cmd.ProcessState.ExitCode())
			require.Equal(t, 1, strings.Count(stderr.String(), unwritten), stderr.String())
			require.True(t, strings.HasSuffix(stderr.String(), unwritten+rest), stderr.String())
			if rest != "" {
				require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
			}
		})
	}
}

// A journal whose lock cannot be opened, such as one in a directory that may only be
// read, can still be read.
func TestJournalThatCannotBeLocked(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	require.Zero(t, u.run(t, createWeb+"--no-wait web-01").code)
	lock := filepath.Join(u.state, "cimg", "lock")
	require.NoError(t, os.Remove(lock))
	require.NoError(t, os.Mkdir(lock, 0o700)) // root may write everywhere, but not to a directory
	jobs := u.run(t, "jobs")
	require.Zero(t, jobs.code, jobs.stderr)
	require.Regexp(t, `createCIMG +gz +accepted +web-01`, jobs.stdout)

	made := u.run(t, createWeb+"web-02")
	require.Equal(t, 1, made.code)
	require.Contains(t, made.stderr, "cimg: nothing was sent: journal: open "+lock+": is a directory; ")
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// An empty table would say that nothing is unfinished.
func TestJournalThatCannotBeRead(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	broken := filepath.Join(u.state, "cimg", "1.jsonl")
	require.NoError(t, os.MkdirAll(filepath.Dir(broken), 0o700))
	require.NoError(t, os.WriteFile(broken, []byte("{}\n{\"broken\n{}\n"), 0o600))
	jobs := u.run(t, "jobs")
	require.Equal(t, 1, jobs.code)
	require.Empty(t, jobs.stdout)
	require.Contains(t, jobs.stderr, "line 2 cannot be read")
}

// What keeps all images from being made is said once.
func TestOneReasonForManyImages(t *testing.T) {
	t.Parallel()
	const advice = "; free space or permit writing there, or choose another directory with --journal\n"
	for _, line := range []string{
		"replicate --from gz --snapshot " + snapshot + " --to bj,gz web-{1..9}",
		"replicate --from bj --to gz,gz --journal /dev/null/x openapi自定义镜像 北京02",
		createWeb + "web-1",
	} {
		u := newUser(t)
		full := u.command(t, "-c", `ulimit -f 0; exec "$0" `+line, commandPath(t))
		full.Path, full.Args[0] = "/bin/bash", "bash"
		result := outcomeOf(t, full)
		require.Equal(t, 1, result.code, result.stderr)
		require.Equal(t, 1, strings.Count(result.stderr, "cimg: "), result.stderr)
		require.Regexp(t, `(?m)^cimg: nothing was sent: journal: .*`+advice+`\z`, result.stderr)
		require.Empty(t, u.images(t, "gz"))
	}
}

// create --ensure --no-wait prints no ref for an image that exists.
func TestNothingToWaitFor(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for range 2 {
		sh := u.shell(t, "set -e; cimg "+createWeb+"--ensure --no-wait web-01 > refs; cimg wait --file - < refs; cimg wait --file refs")
		out, err := sh.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	empty := u.run(t, "wait --file /dev/null")
	require.Equal(t, ran{stderr: "cimg: nothing to wait for: no ref in /dev/null\n"}, empty)
	require.Equal(t, 2, u.run(t, "wait").code)
}

// The ref has all that a wait needs.
func TestWaitWithABrokenJournal(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	ref := strings.TrimSpace(u.run(t, createWeb+"--no-wait web-01").stdout)
	broken := filepath.Join(u.state, "cimg", "1.jsonl")
	require.NoError(t, os.WriteFile(broken, []byte("{}\n{\"broken\n{}\n"), 0o600))
	waited := u.run(t, "wait "+ref)
	require.Zero(t, waited.code, waited.stderr)
	require.Contains(t, waited.stderr, "cimg: going on without the journal: "+broken+", line 2 cannot be read")
	require.Contains(t, waited.stdout, "succeeded")
	require.Equal(t, 1, u.run(t, "wait --resume "+ref).code)
}

// What can be read is listed, whatever is wrong with another region.
func TestListOfSeveralRegions(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	both := u.run(t, "list --region gz,bj")
	require.Zero(t, both.code, both.stderr)
	for name, args := range map[string][]string{
		"twice":     {"list", "--region", "gz,bj,gz"},
		"blanks":    {"list", "--region", " gz, bj"},
		"two flags": {"list", "--region", "gz", "--region", "bj"},
	} {
		listed := outcomeOf(t, u.command(t, args...))
		require.Equal(t, both, listed, name)
	}
	for region, code := range map[string]int{"nowhere": 3, "a,b": 3, "a/b": 2} {
		partly := u.run(t, "list --region gz,"+region+",bj")
		require.Equal(t, code, partly.code, partly.stderr)
		require.Equal(t, both.stdout, partly.stdout)
		for part := range strings.SplitSeq(region, ",") {
			require.Regexp(t, `(?m)^cimg: `+part+`: `, partly.stderr)
		}
	}
	empty := u.run(t, "list --region gz,,bj")
	require.Equal(t, ran{stderr: "cimg: --region: an empty region in \"gz,,bj\"\n", code: 2}, empty)
	none := u.run(t, "list --region nowhere,nirgends")
	require.Equal(t, 3, none.code)
	require.Empty(t, none.stdout)
	require.Equal(t, 2, strings.Count(none.stderr, "cimg: "))
}
