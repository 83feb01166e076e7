// Package prism runs the wrapper and the emulator against Prism, which other
// people made after the same specification: as the server, and in between.
package prism

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const contract = "../../../openapi.yaml"

// prism is a Prism that runs until the test ends.
type prism struct {
	url string

	marks int // for complaints

	mu  sync.Mutex
	log []string
}

var listening = regexp.MustCompile(`Prism is listening on (http://\S+)`)

// startPrism runs `prism mock` or `prism proxy` on a port of the system's
// choice.
func startPrism(t *testing.T, args ...string) *prism {
	t.Helper()
	program := filepath.Join("..", "node_modules", ".bin", "prism")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("Prism is not installed; run: make contract (%v)", err)
	}
	cmd := exec.Command("node", slices.Concat([]string{program}, args, []string{"--host", "127.0.0.1", "--port", "0"})...)
	cmd.Env = append(os.Environ(), "NO_COLOR=1")
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())

	p, ready, ended := &prism{}, make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		p.read(output, ready)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		cmd.Wait()
		if t.Failed() {
			t.Logf("Prism wrote:\n%s", strings.Join(p.log, "\n"))
		}
	})
	select {
	case p.url = <-ready:
	case <-ended:
		t.Fatal("Prism ended before it listened")
	case <-time.After(time.Minute):
		t.Fatal("Prism did not listen within a minute")
	}
	return p
}

// read keeps what Prism writes and tells once where it listens.
func (p *prism) read(output io.Reader, ready chan<- string) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		p.mu.Unlock()
		if found := listening.FindStringSubmatch(lines.Text()); found != nil {
			ready <- found[1]
		}
	}
}

// complaints returns the warnings and errors that Prism has written. It writes
// some time after it has answered: once it has complained about a path that does
// not exist, all that came before is there.
func (p *prism) complaints(t *testing.T) []string {
	t.Helper()
	p.marks++
	mark := fmt.Sprintf("/mark/%d ", p.marks)
	resp, err := http.Get(p.url + strings.TrimSpace(mark))
	require.NoError(t, err)
	resp.Body.Close()

	var complaints []string
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		complaints = nil
		marked := false
		for _, line := range p.log {
			switch {
			case strings.Contains(line, mark+"✖"):
				marked = true
			case strings.ContainsAny(line, "✖⚠") && !strings.Contains(line, "/mark/"):
				complaints = append(complaints, line)
			}
		}
		return marked
	}, 10*time.Second, 5*time.Millisecond)
	return complaints
}
