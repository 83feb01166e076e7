package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// program is a small program that uses a client. Each has a folder of testdata/weight.
type program struct {
	client, folder string
	module         string // of the client, with its version
	local          string // where that module is, if it is not published
}

// programs start with the one to compare with.
var programs = []program{
	{client: "net/http", folder: "nethttp"},
	{client: "wrapper", folder: "wrapper", module: "github.com/cimg-go/cimg@v0.0.0", local: "../.."},
	{client: "ogen v1.14.0", folder: "ogen", module: "github.com/cimg-go/cimg/tests/contract/clients/ogen@v0.0.0", local: "../contract/clients/ogen"},
	{client: "hcloud-go v2.52.0", folder: "hcloud", module: "github.com/hetznercloud/hcloud-go/v2@v2.52.0"},
}

var weights = &section{name: "weight", want: len(programs), columns: []string{
	"client", "third-party modules", "their packages", "lines of go.sum", "binary", "times net/http's", "go build, from an empty cache",
}}

// BenchmarkWeight builds each program in a module of its own.
func BenchmarkWeight(b *testing.B) {
	var bare float64
	for _, p := range programs {
		b.Run(p.client, func(b *testing.B) {
			for b.Loop() {
				weight := p.build(b)
				if bare == 0 {
					bare = weight.binary
				}
				weights.set(p.client, strconv.Itoa(len(weight.modules)), strconv.Itoa(weight.packages), strconv.Itoa(weight.sums),
					fmt.Sprintf("%.1f MB", weight.binary/1e6), fmt.Sprintf("%.2f", weight.binary/bare), fmt.Sprintf("%.0f s", weight.took.Seconds()))
			}
		})
	}
}

type weight struct {
	modules        []string // third-party: neither the program's nor the client's own
	packages, sums int
	binary         float64 // bytes
	took           time.Duration
}

func (p program) build(b *testing.B) weight {
	b.Helper()
	dir := b.TempDir()
	run := func(command string, args ...string) string {
		b.Helper()
		cmd := exec.CommandContext(b.Context(), command, args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "GOCACHE="+filepath.Join(dir, "cache"), "GOWORK=off", "GOFLAGS=-mod=mod")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(b, err, "%s %q: %s", command, args, &stderr)
		return string(out)
	}
	require.NoError(b, os.CopyFS(dir, os.DirFS(filepath.Join("testdata/weight", p.folder))))
	run("go", "mod", "init", "example.com/"+p.folder)
	own, _, _ := strings.Cut(p.module, "@")
	if p.module != "" {
		run("go", "mod", "edit", "-require="+p.module)
	}
	if p.local != "" {
		local, err := filepath.Abs(p.local)
		require.NoError(b, err)
		run("go", "mod", "edit", "-replace="+own+"="+local)
	}
	run("go", "mod", "tidy")

	var w weight
	for module := range strings.FieldsSeq(run("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}")) {
		if module == own {
			continue
		}
		w.packages++
		if !slices.Contains(w.modules, module) {
			w.modules = append(w.modules, module)
		}
	}
	if sums, err := os.ReadFile(filepath.Join(dir, "go.sum")); err == nil { // net/http needs none
		w.sums = strings.Count(string(sums), "\n")
	}
	begin := time.Now()
	run("go", "build", "-o", "program")
	w.took = time.Since(begin)
	binary, err := os.Stat(filepath.Join(dir, "program"))
	require.NoError(b, err)
	w.binary = float64(binary.Size())
	return w
}
