// Package prismtest starts Prism, which reads openapi.yaml on its own, for tests. It
// needs Node.js; `make contract` installs it.
package prismtest

import (
	"bufio"
	"io"
	"os/exec"
	"regexp"
	"testing"
)

// Start runs a command of Prism until the test ends, and returns its URL. Folder is
// where it is installed: tests/contract.
func Start(tb testing.TB, folder, command string, args ...string) string {
	tb.Helper()
	args = append([]string{command, "../../openapi.yaml", "--port", "0"}, args...)
	prism := exec.CommandContext(tb.Context(), "node_modules/.bin/prism", args...)
	prism.Dir = folder
	output, err := prism.StdoutPipe()
	if err == nil {
		err = prism.Start()
	}
	if err != nil {
		tb.Fatalf("%v. To install Prism: make contract", err)
	}
	tb.Cleanup(func() { _ = prism.Wait() })
	listening := regexp.MustCompile(`Prism is listening on (http://[\w.:]+)`)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return found[1]
		}
	}
	tb.Fatal("Prism did not start")
	return ""
}
