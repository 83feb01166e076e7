//go:build slow

package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"
)

// terminal is a terminal in which a user has a shell. It needs tmux.
type terminal struct {
	t      *testing.T
	socket string
}

func newTerminal(t *testing.T, u *user, columns, rows int) *terminal {
	t.Helper()
	term := &terminal{t, filepath.Join(t.TempDir(), "tmux")}
	start := term.tmux("-f", os.DevNull, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "env -u ENV PS1='$ ' sh")
	start.Env = append(u.env, "PATH="+filepath.Dir(commandPath(t))+":"+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "CIMG_POLL_INTERVAL=100ms")
	out, err := start.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { term.tmux("kill-server").Run() })
	term.sees(`^\$`)
	return term
}

// clear begins with an empty screen, so that nothing old is seen.
func (term *terminal) clear() {
	term.t.Helper()
	term.types("clear", "Enter")
	term.sees(`^\$$`)
}

func (term *terminal) tmux(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-u", "-S", term.socket}, args...)...)
}

// types types keys, by tmux's names or literally.
func (term *terminal) types(keys ...string) {
	term.t.Helper()
	out, err := term.tmux(append([]string{"send-keys"}, keys...)...).CombinedOutput()
	require.NoError(term.t, err, string(out))
}

// screen returns what the terminal shows, and what has scrolled away.
func (term *terminal) screen(more ...string) string {
	term.t.Helper()
	out, err := term.tmux(append([]string{"capture-pane", "-p", "-S", "-"}, more...)...).Output()
	require.NoError(term.t, err)
	return strings.TrimRight(string(out), "\n")
}

// sees waits until the terminal shows a pattern, and returns its groups.
func (term *terminal) sees(pattern string) []string {
	term.t.Helper()
	expression := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if match := expression.FindStringSubmatch(term.screen()); match != nil {
			return match
		}
	}
	require.Fail(term.t, "not seen: "+pattern, term.screen())
	return nil
}

func TestTerminalShowsBarsInPlace(t *testing.T) {
	const long = "网站服务器镜像，名字很长，一行里放不下，只能显示开头几个字"
	for _, columns := range []int{40, 80} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			u := newUser(t, "--job-duration", "3s")
			term := newTerminal(t, u, columns, 24)
			term.types("cimg replicate --from gz --snapshot "+snapshot+" --to bj web-01 "+long+"; echo code $?", "Enter")
			early := term.sees(`(?m)^web-01 gz +█+░+ +(\d+) %`)
			require.Contains(t, term.screen(), "…")
			later := term.sees(`(?m)^web-01 gz +█+░* +([6-9]\d) %`)
			require.NotEqual(t, early[1], later[1])
			var bars int
			for line := range strings.Lines(term.screen()) {
				require.LessOrEqual(t, runewidth.StringWidth(strings.TrimSpace(line)), columns)
				if strings.ContainsAny(line, "█░") {
					bars++
				}
			}
			require.Equal(t, 2, bars, "one for each image, redrawn in place: %s", term.screen())

			term.sees(`(?m)^web-01 bj +█+░+ +\d+ %`)
			term.sees(`code 0`)
			screen := term.screen()
			require.Regexp(t, `(?m)^web-01 gz +█+ +succeeded$`, screen)
			require.Regexp(t, `(?m)^web-01 bj +█+ +succeeded$`, screen)
			require.Len(t, regexp.MustCompile(`█ +succeeded`).FindAllString(screen, -1), 4, screen)
			require.NotContains(t, term.screen("-e"), "\x1b[3", "no colours")
			if columns == 40 { // too narrow for a table
				require.Regexp(t, `(?m)^REGION  bj\nIMAGE   \w{32}\nRESULT  succeeded\nNAME    web-01\n\n`, screen)
			} else {
				require.Regexp(t, `(?m)^bj +\w{32}  succeeded  web-01$`, screen)
			}
		})
	}
}

// More bars than rows: none scrolls away while it moves.
func TestTerminalWithFewRows(t *testing.T) {
	u := newUser(t, "--job-duration", "2s")
	term := newTerminal(t, u, 60, 10)
	term.types("S="+snapshot+" W=$(seq -f web-%02.0f 20)", "Enter")
	term.clear()
	term.types("clear; cimg replicate --from gz --snapshot $S --to bj $W > /dev/null; echo code $?", "Enter")
	term.sees(`web-20 bj +█+░+ +\d+ %`)
	for line := range strings.Lines(term.screen()) {
		require.NotContains(t, line, "web-01 gz", "it has no room, or has made some")
	}
	term.sees(`code 0`)
	require.LessOrEqual(t, strings.Count(term.screen(), "\n"), 14, term.screen())
	require.Len(t, u.images(t, "bj"), 20)
}

func TestTerminalInterruptAndResume(t *testing.T) {
	u := newUser(t, "--job-duration", "4s")
	term := newTerminal(t, u, 80, 24)
	term.types("cimg "+createWeb+"web-01; echo code $?", "Enter")
	term.sees(`web-01 gz +█+░+ +\d+ %`)
	term.types("C-c")
	term.sees(`(?s)cimg: interrupted\ncimg: 1 job is unfinished; continue with: cimg wait --resume\ncode 130`)
	require.Regexp(t, `(?m)^web-01 gz +█+░+ +unfinished$`, term.screen(), "whole, though the terminal echoes ^C")
	term.clear()
	term.types("cimg wait --resume; echo code $?", "Enter")
	term.sees(`web-01 gz +█+░+ +\d+ %`)
	term.sees(`(?s)gz +\w{32} +succeeded +web-01\ncode 0`)
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// An earlier call was not carried out, so its image is made after all.
func TestTerminalShowsASecondCall(t *testing.T) {
	u := newUser(t, "--job-duration", "3s")
	u.inject(t, `{operation: createCIMG, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-01").code)
	term := newTerminal(t, u, 80, 24)
	term.types("cimg "+createWeb+"--ensure web-01; echo code $?", "Enter")
	term.sees(`(?m)^web-01 gz +░+ +not observed\nweb-01 gz +█+░+ +\d+ %`)
	term.sees(`code 0`)
	require.Regexp(t, `(?m)^web-01 gz +█+ +succeeded$`, term.screen())
}

func TestTerminalAsksBeforeItDeletes(t *testing.T) {
	u := newUser(t)
	term := newTerminal(t, u, 80, 24)
	for _, row := range []struct{ key, seen string }{
		{"Enter", `(?s)nothing was deleted\ncode 1`},
		{"n", `(?s)nothing was deleted\ncode 1`},
		{"C-c", `(?s)cimg: interrupted\ncode 130`},
		{"y", `(?s)succeeded +北京02\ncode 0`},
	} {
		term.clear()
		term.types("cimg delete --region bj 北京02; echo code $?", "Enter")
		term.sees(`(?s)4a48f88391134a01befe88ff98b68a88 in bj, 北京02\nDelete 1 image\? .*\[y/N\]`)
		term.types(row.key)
		if len(row.key) == 1 {
			term.types("Enter")
		}
		term.sees(row.seen)
	}
	require.NotContains(t, u.run(t, "list --region bj").stdout, "北京02")
}

func TestTerminalWithoutAnAnswerInTime(t *testing.T) {
	term := newTerminal(t, newUser(t), 80, 24)
	term.types("cimg delete --timeout 1s --region bj 北京02; echo code $?", "Enter")
	term.sees(`(?s)cimg: timed out after 1s\ncode 6`)
}

func TestTerminalDemo(t *testing.T) {
	term := newTerminal(t, newUser(t), 80, 30)
	term.types("cimg demo; echo code $?", "Enter")
	term.sees(`(?m)^web-01 gz +█+░+ +\d+ %`)
	term.sees(`(?m)^web-01 bj +█+░+ +\d+ %`)
	term.sees(`(?m)^bj +\w{32} +succeeded +web-01`)
	term.sees(`code 0`)
}

func TestTerminalThatIsDumb(t *testing.T) {
	term := newTerminal(t, newUser(t), 80, 24)
	term.types("TERM=dumb cimg "+createWeb+"web-01; echo code $?", "Enter")
	term.sees(`(?s)web-01 in gz: started\n.*web-01 in gz: succeeded\n.*code 0`)
}
