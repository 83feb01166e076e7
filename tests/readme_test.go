package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	return string(text)
}

// complete makes a program of a part of one, which runs against an emulator and
// prints what became of it.
func complete(part string) string {
	before := `created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	if err != nil { panic(err) }`
	after := "fmt.Println(job.Success, err)"
	if strings.Contains(part, "created, createErr :=") {
		before, after = "", "fmt.Println(len(outcomes), createErr, waitErr)"
	}
	return fmt.Sprintf(`package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/polling"
	"github.com/cimg-go/cimg/wrapper"
)

var _ polling.Policy

func main() {
	ctx, snapshot := context.Background(), %q
	service, err := emulator.New(emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Millisecond}
	}})
	if err != nil { panic(err) }
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: service.Transport()}),
		wrapper.WithPolling(wrapper.Polling{Gap: time.Millisecond}))
	if err != nil { panic(err) }
	{
		%s
		%s
		%s
	}
}
`, snapshot, before, strings.ReplaceAll(part, "5*time.Second", "5*time.Millisecond"), after)
}

// The README's programs compile, as they stand there; parts of one also run.
func TestReadmePrograms(t *testing.T) {
	programs := blocks(readme(t), "go")
	require.NotEmpty(t, programs)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for i, program := range programs {
		part := !strings.HasPrefix(program, "package main\n")
		if part {
			program = complete(program)
		}
		// An overlay shows the compiler a folder that is not there, so that
		// nothing is written into the checkout.
		dir := t.TempDir()
		source := filepath.Join(dir, "main.go")
		require.NoError(t, os.WriteFile(source, []byte(program), 0o600))
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
			filepath.Join(root, "cmd", "readme", "main.go"): source,
		}})
		require.NoError(t, err)
		overlayFile := filepath.Join(dir, "overlay.json")
		require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

		build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlayFile, "-o", filepath.Join(dir, "program"), "./cmd/readme")
		build.Dir = root
		out, err := build.CombinedOutput()
		require.NoError(t, err, "block %d:\n%s", i, out)
		if part {
			out, err = exec.CommandContext(t.Context(), filepath.Join(dir, "program")).CombinedOutput()
			require.NoError(t, err, "block %d:\n%s", i, out)
			require.Regexp(t, `^(true <nil>|500 <nil> <nil>)\n$`, string(out))
		}
	}
}

// The commands the README names are there, and so are the files.
func TestReadmeCommandsAndLinks(t *testing.T) {
	text := readme(t)
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	commands := regexp.MustCompile(`\bmake ([a-z]+)\b`).FindAllStringSubmatch(strings.Join(append(blocks(text, "sh"),
		regexp.MustCompile("`make [a-z]+`").FindAllString(text, -1)...), "\n"), -1)
	require.NotEmpty(t, commands)
	for _, command := range commands {
		require.Contains(t, string(makefile), fmt.Sprintf("\n%s: ## ", command[1]))
	}
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
		require.FileExists(t, filepath.Join("..", link[1]))
	}
}
