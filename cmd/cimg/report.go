package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/cimg-go/cimg/internal/commandline"
)

// reporter shows how the work on images goes, to a person or to a program. It is
// safe for concurrent use.
type reporter interface {
	show(i *image) // whenever the state of an image changes
	pause()        // when something else is to be written
	close()        // when nothing changes any more; once more does nothing
}

// newReporter returns the reporter for the output that was asked for. A command that
// does not wait prints refs instead of a table.
func newReporter(cmd *cli.Command, waits bool) reporter {
	out, err := commandline.ResultsOf(cmd), cmd.Root().ErrWriter
	if commandline.IsJSON(cmd) {
		return &jsonReporter{out: commandline.NewEncoder(out)}
	}
	if !waits {
		return &refReporter{out: out}
	}
	progress := reporter(&lineReporter{err: err})
	if file, isFile := err.(*os.File); isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		progress = newBars(file)
	}
	return &tableReporter{progress: progress, out: out}
}

// jsonReporter writes each change as an object on a line.
type jsonReporter struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (r *jsonReporter) show(i *image) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Encode(i) //nolint:errcheck // stdout keeps it
}

func (r *jsonReporter) pause() {}
func (r *jsonReporter) close() {}

// refReporter prints the ref of each job that was started.
type refReporter struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *refReporter) show(i *image) {
	if i.Job != "" && (i.State == stateStarted || i.State == stateFound) {
		r.mu.Lock()
		defer r.mu.Unlock()
		fmt.Fprintln(r.out, i.Job)
	}
}

func (r *refReporter) pause() {}
func (r *refReporter) close() {}

// tableReporter shows progress, and at the end a table of the images.
type tableReporter struct {
	progress reporter
	out      *commandline.Stdout

	mu     sync.Mutex
	images []*image
}

func (r *tableReporter) show(i *image) {
	r.mu.Lock()
	if !slices.Contains(r.images, i) {
		r.images = append(r.images, i)
	}
	r.mu.Unlock()
	r.progress.show(i)
}

func (r *tableReporter) pause() { r.progress.pause() }

func (r *tableReporter) close() {
	r.progress.close()
	defer func() { r.images = nil }()
	if len(r.images) == 0 {
		return
	}
	slices.SortStableFunc(r.images, func(a, b *image) int { return a.order - b.order })
	rows := [][]string{{"REGION", "IMAGE", "RESULT", "NAME"}}
	for _, i := range r.images {
		rows = append(rows, []string{i.Region, cmp.Or(i.UUID, "-"), string(i.State), cmp.Or(i.Name, "-")})
	}
	commandline.WriteTable(r.out, rows)
}

// lineReporter writes a line for each change.
type lineReporter struct {
	mu  sync.Mutex
	err io.Writer
}

func (r *lineReporter) show(i *image) {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := fmt.Sprintf("%s in %s: %s", i.subject(), i.Region, i.State)
	if i.State == stateRunning {
		line += fmt.Sprintf(", %.0f %%", i.Progress)
		if left := i.timeLeft(); left > 0 {
			line += fmt.Sprintf(", about %v left", left)
		}
	}
	fmt.Fprintln(r.err, line)
}

func (r *lineReporter) pause() {}
func (r *lineReporter) close() {}

// timeLeft estimates how long the job will take, as if its progress went on as it
// did since its start; 0 if nothing is known.
func (i *image) timeLeft() time.Duration {
	if i.startedAt.IsZero() || i.Progress <= 0 || i.Progress >= 100 {
		return 0
	}
	took := i.changedAt.Sub(i.startedAt)
	left := time.Duration(float64(took)*(100-i.Progress)/i.Progress) - time.Since(i.changedAt)
	return max(left.Round(time.Second), 0)
}
