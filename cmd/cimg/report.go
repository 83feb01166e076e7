package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/cimg-go/cimg/internal/oneline"
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
	out, err := resultsOf(cmd), cmd.Root().ErrWriter
	if outputOf(cmd) == jsonLines {
		return &jsonReporter{out: newEncoder(out)}
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
	out      *stdout

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
	writeTable(r.out, rows)
}

// printAll prints items as lines of JSON, or as a table with a row for each.
func printAll[T any](cmd *cli.Command, items []T, columns []string, row func(T) []string) {
	out := resultsOf(cmd)
	if outputOf(cmd) == jsonLines {
		encoder := newEncoder(out)
		for _, item := range items {
			encoder.Encode(item) //nolint:errcheck // stdout keeps it
		}
		return
	}
	rows := [][]string{columns}
	for _, item := range items {
		rows = append(rows, row(item))
	}
	writeTable(out, rows)
}

// newEncoder returns an encoder of lines of JSON, which leaves & as it is: the text
// forms of references have many.
func newEncoder(out io.Writer) *json.Encoder {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder
}

// writeTable aligns columns. What may have wide characters belongs in the last one:
// tabwriter takes each character for one column. On a terminal that has no room for
// the last one, each cell is on a line of its own.
func writeTable(out *stdout, rows [][]string) {
	for _, row := range rows {
		for column, cell := range row {
			row[column] = oneline.Escape(cell) // names come from the service
		}
	}
	aligned := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if width := terminalWidth(out.Writer); width > 0 && width <= lastColumn(rows) {
		header := rows[0]
		for _, row := range rows[1:] {
			for column, cell := range row {
				fmt.Fprintf(aligned, "%s\t%s\n", header[column], cell)
			}
			fmt.Fprintln(aligned)
		}
	} else {
		for _, row := range rows {
			fmt.Fprintln(aligned, strings.Join(row, "\t"))
		}
	}
	aligned.Flush() //nolint:errcheck // stdout keeps it
}

// lastColumn returns where the last column of a table begins.
func lastColumn(rows [][]string) (at int) {
	for column := range len(rows[0]) - 1 {
		widest := 0
		for _, row := range rows {
			widest = max(widest, utf8.RuneCountInString(row[column]))
		}
		at += widest + 2
	}
	return at
}

// terminalWidth returns how many characters a terminal has in a row; 0 if out is none.
func terminalWidth(out io.Writer) int {
	file, isFile := out.(*os.File)
	if !isFile {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
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
