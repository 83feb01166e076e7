package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
)

// command is the built program, shared by all tests.
var command struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if command.dir != "" {
		os.RemoveAll(command.dir)
	}
	os.Exit(code)
}

func commandPath(t *testing.T) string {
	t.Helper()
	command.once.Do(func() {
		if command.dir, command.err = os.MkdirTemp("", "cimg"); command.err != nil { //nolint:usetesting // it outlives the first test
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(command.dir, "cimg"), "../cmd/cimg").CombinedOutput()
		if err != nil {
			command.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	require.NoError(t, command.err)
	return filepath.Join(command.dir, "cimg")
}

func TestDemo(t *testing.T) {
	t.Parallel()
	program := commandPath(t)
	// The demo uses its own emulator, whatever the environment offers.
	var stray atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stray.Add(1) }))
	t.Cleanup(elsewhere.Close)
	const secret = "a-real-token-of-a-real-account"
	demo := exec.CommandContext(t.Context(), program, "demo")
	demo.Env = append(os.Environ(), "DIDIYUN_ACCESS_TOKEN="+secret,
		"HTTP_PROXY="+elsewhere.URL, "http_proxy="+elsewhere.URL, "HTTPS_PROXY="+elsewhere.URL, "https_proxy="+elsewhere.URL,
		"ALL_PROXY="+elsewhere.URL, "NO_PROXY=", "no_proxy=")
	raw, err := demo.CombinedOutput()
	require.NoError(t, err, string(raw))
	out := string(raw)

	require.Zero(t, stray.Load())
	require.NotContains(t, out, secret)
	require.Contains(t, out, snapshot)
	for _, region := range []string{"gz", "bj"} {
		require.Greater(t, len(regexp.MustCompile(`web-01 in `+region+`: running, \d+ %`).FindAllString(out, -1)), 2)
		require.Regexp(t, `(?m)^`+region+` +\w{32} +succeeded +web-01$`, out)
	}
	// The README shows a recording of it.
	recording := read(t, "docs/demo.svg")
	require.NotRegexp(t, `/(home|root|tmp|Users)\b`, recording)
	for line := range strings.Lines(out) {
		if regexp.MustCompile(`in (gz|bj): (started|running|succeeded)|\b[0-9a-f]{32} +succeeded|127\.0\.0\.1:\d{5}`).MatchString(line) {
			continue // differs from run to run
		}
		for _, word := range strings.Fields(line) {
			require.Contains(t, recording, ">"+word+"<", "docs/demo.svg is old; run: make recording")
		}
	}
	// What it suggests to type can be typed.
	script := ""
	for _, line := range regexp.MustCompile(`(?m)^  ((?:export|cimg) .*)$`).FindAllStringSubmatch(out, -1) {
		script += line[1] + "\n"
	}
	listed, _ := typed(t, script)
	require.Regexp(t, `(?m)^bj +\w{32} +Ready +web-01$`, listed)
}

// mock is a running `cimg mock`.
type mock struct {
	*exec.Cmd
	curl   string // the command it suggests
	banner string
	lines  chan string
	stderr bytes.Buffer // to read after stop
	stdout io.Closer
}

func startMock(t *testing.T, args ...string) *mock {
	t.Helper()
	return startMockProgram(t, exec.CommandContext(t.Context(), commandPath(t), append([]string{"mock", "--addr", "127.0.0.1:0"}, args...)...))
}

func startMockProgram(t *testing.T, program *exec.Cmd) *mock {
	t.Helper()
	m := &mock{Cmd: program}
	stdout, err := m.StdoutPipe()
	require.NoError(t, err)
	m.Stderr, m.stdout = &m.stderr, stdout
	require.NoError(t, m.Start())
	m.lines = make(chan string, 100)
	go func() {
		defer close(m.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			m.lines <- scanner.Text()
		}
	}()
	for line := range m.lines {
		m.banner += line + "\n"
		if strings.HasPrefix(line, "curl ") {
			m.curl = line
		}
		if strings.HasPrefix(line, "Stop with") {
			return m
		}
	}
	require.Fail(t, "cimg mock ended before it was ready")
	return nil
}

// url returns the address of a path.
func (m *mock) url(t *testing.T, path string) string {
	t.Helper()
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	return "http://" + r.URL.Host + path
}

// stop signals the mock and returns the last line it printed. The output must
// be read to its end before Wait, which closes the pipe.
func (m *mock) stop(t *testing.T, signal os.Signal) (last string) {
	t.Helper()
	require.NoError(t, m.Process.Signal(signal))
	for line := range m.lines {
		last = line
	}
	require.NoError(t, m.Wait(), "the exit status is 0")
	return last
}

func TestMockServesAnybody(t *testing.T) {
	m := startMock(t, "--job-duration", "1ms")
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var response struct {
		Errno int
		Data  []struct{ Type string }
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&response))
	require.Zero(t, response.Errno)
	require.Equal(t, "CreateCIMG", response.Data[0].Type)
	m.stop(t, os.Interrupt)
}

// Each number is a seed, 0 as well.
func TestMockSeed(t *testing.T) {
	created := func(seed string) (response string) {
		m := startMock(t, "--seed", seed)
		r, err := requestOfCurl(m.curl)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		m.stop(t, os.Interrupt)
		return string(body)
	}
	zero := created("0")
	require.Contains(t, zero, `"errno":0`)
	require.Equal(t, zero, created("0"))
	require.NotEqual(t, zero, created("1"))
}

func TestDemoCanBeInterrupted(t *testing.T) {
	t.Parallel()
	demo := exec.CommandContext(t.Context(), commandPath(t), "demo")
	stderr, err := demo.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, demo.Start())
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), " %") {
			require.NoError(t, demo.Process.Signal(os.Interrupt))
			break
		}
	}
	var last []string
	for scanner.Scan() {
		last = append(last, scanner.Text())
	}
	require.Error(t, demo.Wait())
	require.Equal(t, 130, demo.ProcessState.ExitCode())
	require.Equal(t, []string{
		"cimg: interrupted",
		"cimg: the service would go on with the job, and cimg wait --resume would continue; the emulator of this demo has ended",
	}, slices.DeleteFunc(last, func(line string) bool { return !strings.HasPrefix(line, "cimg: ") }))
}

func TestMockPrintsAReachableAddress(t *testing.T) {
	m := startMock(t, "--addr", "0.0.0.0:0", "--token", "it's")
	require.Contains(t, m.curl, " http://127.0.0.1:")
	require.Contains(t, m.curl, `'Authorization: Bearer it'\''s'`)
	m.stop(t, os.Interrupt)
}

func TestMockStopsCleanly(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			require.Equal(t, "Stopped.", startMock(t).stop(t, signal))
		})
	}
}

func TestVersion(t *testing.T) {
	want := regexp.MustCompile(`^cimg version \S+ \(.*revision.*, contract (\S+), ` + regexp.QuoteMeta(runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH) + `\)\n$`)
	for _, argument := range []string{"version", "--version"} {
		out, err := exec.CommandContext(t.Context(), commandPath(t), argument).Output()
		require.NoError(t, err)
		require.Regexp(t, want, string(out))
		require.Contains(t, string(cimg.Spec), "\n  version: "+want.FindStringSubmatch(string(out))[1]+"\n")
	}
}

func TestSpecAsJSON(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), commandPath(t), "spec", "--output", "json").Output()
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(out, []byte("\n")), "one object a line")
	var contract struct{ OpenAPI string }
	require.NoError(t, json.Unmarshal(out, &contract))
	require.Equal(t, "3.0.3", contract.OpenAPI)
}

func TestCommandErrorsNameTheArgument(t *testing.T) {
	program := commandPath(t)
	rows := []struct {
		args string
		code int
		want string
	}{
		{"mock --addr nonsense", 2, `--addr: "nonsense" has no port`},
		{"mock --addr 127.0.0.1:99999", 2, "--addr: address 99999: invalid port"},
		{"mock --addr 127.0.0.1:-1", 2, "--addr: address -1: invalid port"},
		{"mock --addr 127.0.0.1:no-such", 2, "--addr: lookup tcp/no-such: unknown port"},
		{"mock --addr=", 2, `--addr: "" has no port`},
		{"mock --addr :", 2, `--addr: ":" has no port`},
		{"mock --addr 127.0.0.1:", 2, `--addr: "127.0.0.1:" has no port`},
		{"mock --addr [::1]:", 2, `--addr: "[::1]:" has no port`},
		{"mock --addr 127.0.0.1:0 --scenario no-such", 2, `"no-such"`},
		{"mock --addr 127.0.0.1:0 --scenario command_test.go", 2, "--scenario: command_test.go: line "},
		{"mock --addr 127.0.0.1:0 --scenario testdata/wrong-scenario.yaml", 2,
			`--scenario: testdata/wrong-scenario.yaml: jobs[1]: region: there is no "xx"; faults[0]: skip -1 is negative; faults[0]: it does nothing`},
		{"mock --addr 127.0.0.1:0 --cors *", 2, "--cors"},
		{"mock --job-duration -1s", 2, "--job-duration"},
		{"mock --job-duration soon", 2, "soon"},
		{"mock --no-such-flag", 2, "no-such-flag"},
		{"mock --token= --addr 127.0.0.1:0", 2, "--token"},
		{"mock --token é --addr 127.0.0.1:0", 2, "--token: it has a character"},
		{"mock --token=a\\x20b --addr 127.0.0.1:0", 2, "--token: it has a character"},
		{"mock --token=a\\x0ab --addr 127.0.0.1:0", 2, "--token: it has a character"},
		{"demo extra", 2, "extra"},
		{"version extra", 2, "extra"},
		{"mock extra", 2, "extra"},
		{"no-such-command", 2, "no-such-command"},
		{"completion tcsh", 2, `no command "tcsh"; see cimg completion --help`},
		{"list --output xml", 2, "xml"},
		{"--no-such-flag", 2, "no-such-flag"},
	}
	for _, row := range rows {
		t.Run(row.args, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // a mock started by mistake would serve forever
			defer cancel()
			arguments := strings.Fields(row.args)
			for i, argument := range arguments {
				arguments[i] = strings.NewReplacer(`\x20`, " ", `\x0a`, "\n").Replace(argument)
			}
			out, err := exec.CommandContext(ctx, program, arguments...).CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			require.Equal(t, row.code, exit.ExitCode(), string(out))
			require.Contains(t, string(out), row.want)
			require.Equal(t, 1, strings.Count(string(out), "\n"), "one line, not the whole help")
		})
	}
}

// A person whose program loses the response of a create, from the command line
// alone: the image exists once, and the log says what happened.
func TestMockLosesAResponse(t *testing.T) {
	m := startMock(t, "--scenario", "lost-response")
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	r.Close = true
	_, err = http.DefaultClient.Do(r)
	require.Error(t, err)
	_, images := fetch(t, m.url(t, "/_emulator/images?regionId=gz"))
	require.Equal(t, 1, strings.Count(images, `"name":"web-01"`))
	_, counts := fetch(t, m.url(t, "/_emulator/requests"))
	require.Contains(t, counts, `"createCIMG":1,`)
	m.stop(t, os.Interrupt)
	require.Regexp(t, `(?m)^\d\d:\d\d:\d\d POST createCIMG no response \S+$`, m.stderr.String())
	require.NotContains(t, m.stderr.String(), "9a609744") // the token
}

func TestMockScenarioFile(t *testing.T) {
	m := startMock(t, "--scenario", scenario(t, "faults: [{status: 503, for: 1h}]"), "--quiet")
	resp, _ := fetch(t, m.url(t, "/dicloud/i/result?regionId=gz&jobUuids=a"))
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	resp, _ = fetch(t, m.url(t, "/healthz"))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	m.stop(t, os.Interrupt)
	require.Empty(t, m.stderr.String())
}

func TestMockListsItsImages(t *testing.T) {
	m := startMock(t)
	for _, region := range []string{"gz", "bj"} {
		var images []struct {
			UUID string `json:"cimgUuid"`
		}
		_, body := fetch(t, m.url(t, "/_emulator/images?regionId="+region))
		require.NoError(t, json.Unmarshal([]byte(body), &images))
		require.Len(t, images, 2)
		for _, image := range images {
			require.Contains(t, m.banner, image.UUID+" in "+region)
		}
	}
	m.stop(t, os.Interrupt)
}

func TestMockServesPagesOfOtherOrigins(t *testing.T) {
	m := startMock(t, "--cors", "https://a.example", "--cors", "https://b.example")
	for origin, path := range map[string]string{
		"http://localhost:3000": "/dicloud/i/result",
		"https://a.example":     "/openapi.yaml",
		"https://b.example":     "/no-such-page",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.url(t, path), nil)
		require.NoError(t, err)
		r.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, origin, resp.Header.Get("Access-Control-Allow-Origin"))
	}
	m.stop(t, os.Interrupt)
}

// cimg mock | head -1: the mock serves on, and stops as usual.
func TestMockOutlivesItsReader(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		m := startMock(t)
		require.NoError(t, m.stdout.Close())
		resp, _ := fetch(t, m.url(t, "/healthz"))
		require.Equal(t, http.StatusOK, resp.StatusCode)
		m.stop(t, signal)
	}
}

// The same with stderr: the lines about requests are lost, and nothing else.
func TestMockOutlivesTheReaderOfItsLog(t *testing.T) {
	mock := exec.CommandContext(t.Context(), commandPath(t), "mock", "--addr", "127.0.0.1:0")
	stdout, err := mock.StdoutPipe()
	require.NoError(t, err)
	stderr, err := mock.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, mock.Start())
	require.NoError(t, stderr.Close())
	banner := bufio.NewReader(stdout)
	line, err := banner.ReadString('\n')
	require.NoError(t, err)
	for range 3 {
		resp, _ := fetch(t, strings.TrimSpace(strings.TrimPrefix(line, "Base URL"))+"/_emulator/scenario")
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	require.NoError(t, mock.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, banner)
	require.NoError(t, err)
	require.NoError(t, mock.Wait())
}
