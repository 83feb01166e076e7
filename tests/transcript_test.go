package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// Each transcript is what a person types and reads: "$ " begins a command, and what
// follows is its output and, unless it is 0, its exit code. The first line gives the
// flags of the mock. With -update, the output is written anew.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			lines := strings.SplitAfter(string(content), "\n")
			flags, found := strings.CutPrefix(lines[0], "# cimg mock")
			require.True(t, found)
			u := newUser(t, strings.Fields(flags)...)
			got := lines[0]
			for _, line := range lines[1:] {
				if typed, isCommand := strings.CutPrefix(line, "$ "); isCommand {
					got += line + u.read(t, typed)
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
				return
			}
			require.Equal(t, string(content), got)
		})
	}
}

// read returns what a person reads after a command, without what differs from run to
// run.
func (u *user) read(t *testing.T, typed string) string {
	t.Helper()
	sh := u.shell(t, typed)
	out, err := sh.CombinedOutput()
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	text := string(out)
	for _, r := range []struct{ pattern, by string }{
		{`.*: running, .*\n`, ""}, // how many there are depends on the machine
		{`.*"state":"running".*\n`, ""},
		{u.url(t, ""), "http://127.0.0.1:8080"},
		{`127\.0\.0\.1:\d{5}->127\.0\.0\.1:\d{5}`, "127.0.0.1:54321->127.0.0.1:8080"},
		{regexp.QuoteMeta(u.state), "~/.local/state"},
		{`\d{8}-\d{6}\.\d{6}-\d{7}-\d+`, "20260102-030405.678901-0001234-1"},
		{`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "2026-01-02 03:04:05"},
		{`\d{4}-\d\d-\d\dT\d\d(:|%3A)\d\d(:|%3A)\d\d(\.\d+)?Z`, "2026-01-02T03${1}04${2}05Z"},
		{`\b[0-9a-f]{32}\b`, "0123456789abcdef0123456789abcdef"},
		{`\bcimg-[0-9a-z]{8}\b`, "cimg-01234567"},
		{`"(createTime|updateTime)":\d+`, `"$1":1600000000000`},
		{`(clock" *,"result":"|clock +- +).*?("?\n|"\})`, "$1...$2"},
		{`(latency" *,"result":"|latency +- +).*?("?\n|"\})`, "$1...$2"},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.by)
	}
	if code := sh.ProcessState.ExitCode(); code != 0 {
		text += "[" + strings.TrimSpace(sh.ProcessState.String()) + "]\n"
	}
	return text
}

// shell returns a shell in which the user can call cimg, in an empty directory.
func (u *user) shell(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	sh := u.command(t, "-c", script)
	sh.Path, sh.Args[0] = "/bin/sh", "sh"
	sh.Dir = u.state
	sh.Env = append(u.env, "PATH="+filepath.Dir(commandPath(t))+":"+os.Getenv("PATH"))
	return sh
}

// typed runs what a text tells a person to type, as it is printed, but for the port of
// the mock. The mock stands in for the service, too.
func typed(t *testing.T, script string) (string, *user) {
	t.Helper()
	mock := regexp.MustCompile(`(?m)^cimg mock(.*?) *&?\n`)
	require.Regexp(t, mock, script)
	flags := strings.ReplaceAll(mock.FindStringSubmatch(script)[1], ":8080", ":0")
	u := newUser(t, strings.Fields(flags)...)
	script = mock.ReplaceAllString(script, "")
	for _, service := range []string{"http://127.0.0.1:8080", wrapper.DefaultBaseURL} {
		script = strings.ReplaceAll(script, service, u.url(t, ""))
	}
	require.NoError(t, os.WriteFile(filepath.Join(u.state, ".didiyun-token"), []byte(emulator.DefaultToken), 0o600))
	sh := u.shell(t, "set -e; unset DIDIYUN_BASE_URL DIDIYUN_ACCESS_TOKEN; HOME=$PWD\n"+script)
	out, err := sh.CombinedOutput()
	require.NoError(t, err, "%s%s", script, out)
	return string(out), u
}

// Every --help has an example, and every example can be typed.
func TestExamplesOfHelp(t *testing.T) {
	u := newUser(t, "--job-duration", "10ms")
	helps := map[string]string{"": u.run(t, "--help").stdout}
	for _, match := range regexp.MustCompile(`(?m)^   ([a-z]+)(, h)?  +`).FindAllStringSubmatch(helps[""], -1) {
		if match[1] != "help" {
			helps[match[1]] = u.run(t, match[1]+" --help").stdout
		}
	}
	require.Greater(t, len(helps), 14)
	for command, help := range helps {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			u := newUser(t, "--job-duration", "10ms")
			examples := regexp.MustCompile(`(?m)^     (cimg .*)$`).FindAllStringSubmatch(help, -1)
			require.NotEmpty(t, examples)
			if command == "reconcile" {
				require.Zero(t, u.run(t, createWeb+"web-01").code)
			}
			if command == "" {
				script := ""
				for _, line := range regexp.MustCompile(`(?m)^     ((?:cimg|export) .*)$`).FindAllStringSubmatch(help, -1) {
					script += line[1] + "\n"
				}
				typed(t, script)
				return
			}
			for _, example := range examples {
				if flags, isMock := strings.CutPrefix(example[1], "cimg mock"); isMock {
					startMock(t, strings.Fields(flags)...).stop(t, os.Interrupt)
					continue
				}
				sh := u.shell(t, strings.ReplaceAll(example[1], "~", u.state))
				out, err := sh.CombinedOutput()
				require.NoError(t, err, "%s: %s", example[1], out)
			}
		})
	}
}
