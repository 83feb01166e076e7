package tests

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// image is what the Dockerfile describes.
type image struct {
	root       string // the directory that becomes /
	uid, gid   uint32
	exposed    string
	entrypoint []string
}

// buildImage carries out the steps of the Dockerfile, the only ones that it needs.
func buildImage(t *testing.T, context string) image {
	t.Helper()
	dockerfile, err := os.ReadFile("../cmd/cimg/Dockerfile")
	require.NoError(t, err)
	built := image{root: t.TempDir()}
	for line := range strings.Lines(string(dockerfile)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch words := strings.Fields(rest); instruction {
		case "", "#":
		case "FROM":
			require.Equal(t, "scratch", rest)
		case "ARG":
			require.Equal(t, "TARGETARCH", rest) // every builder sets it
		case "COPY":
			require.Len(t, words, 3)
			mode, err := strconv.ParseUint(strings.TrimPrefix(words[0], "--chmod="), 8, 32)
			require.NoError(t, err)
			content, err := os.ReadFile(filepath.Join(context, strings.ReplaceAll(words[1], "${TARGETARCH}", runtime.GOARCH)))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(built.root, words[2]), content, os.FileMode(mode)))
		case "USER":
			uid, gid, found := strings.Cut(rest, ":")
			require.True(t, found)
			built.uid, built.gid = id(t, uid), id(t, gid)
		case "EXPOSE":
			built.exposed = rest
		case "ENTRYPOINT":
			require.NoError(t, json.Unmarshal([]byte(rest), &built.entrypoint), "without a shell")
		default:
			require.Fail(t, "an instruction that the test does not know", line)
		}
	}
	return built
}

func id(t *testing.T, text string) uint32 {
	t.Helper()
	id, err := strconv.ParseUint(text, 10, 32)
	require.NoError(t, err)
	require.Positive(t, id, "not root")
	return uint32(id)
}

// isolate lets a command see nothing but the image, as its user.
func (i image) isolate(cmd *exec.Cmd) {
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: i.uid, Gid: i.gid}
		return
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER // in which anybody may chroot
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.uid), HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(i.gid), HostID: os.Getgid(), Size: 1}}
}

// The container image of the mock runs and stops, with nothing but its own files.
// DIST is where `make release` has put the programs.
func TestContainer(t *testing.T) {
	context := os.Getenv("DIST")
	if context == "" {
		context = t.TempDir()
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(context, "cimg-linux-"+runtime.GOARCH), "../cmd/cimg")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
		require.NoError(t, os.WriteFile(filepath.Join(context, "LICENSES.txt"), nil, 0o600))
	}
	image := buildImage(t, context)
	probe := exec.CommandContext(t.Context(), "/cimg", "--version")
	image.isolate(probe)
	out, err := probe.Output()
	if os.Getuid() != 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC)) {
		t.Skipf("this machine has no user namespaces, and only root may chroot: %v", err)
	}
	require.NoError(t, err)
	require.Contains(t, string(out), "cimg version")
	require.Contains(t, image.entrypoint, net.JoinHostPort("0.0.0.0", image.exposed))

	// Arguments after the image's name are appended. The port may be in use here.
	args := append(image.entrypoint, "--addr", "127.0.0.1:0")
	program := exec.CommandContext(t.Context(), args[0], args[1:]...)
	image.isolate(program)
	m := startMockProgram(t, program)
	resp, _ := fetch(t, m.url(t, "/healthz"))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(m.Process.Pid), "status"))
	require.NoError(t, err)
	require.Regexp(t, `\nCapEff:\t0+\n`, string(status), "without privileges")
	require.Equal(t, "Stopped.", m.stop(t, syscall.SIGTERM))
}
