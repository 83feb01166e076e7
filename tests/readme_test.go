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

// The README's programs compile, as they stand there.
func TestReadmePrograms(t *testing.T) {
	programs := blocks(readme(t), "go")
	require.NotEmpty(t, programs)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for i, program := range programs {
		require.True(t, strings.HasPrefix(program, "package main\n"), "block %d is not a complete program", i)
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
