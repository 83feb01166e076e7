package main

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/cupwriter"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars shows a bar for each image on a terminal, redrawn in place. It uses no
// colours.
type bars struct {
	terminal *os.File

	mu            sync.Mutex
	container     *mpb.Progress // nil while nothing is shown
	shown         map[*image]*barState
	width, height int // of what the bars may take
}

// barState is what is drawn of an image: a copy, since drawing is concurrent.
type barState struct {
	bar *mpb.Bar
	mu  sync.Mutex
	now image
}

// barWriter draws on a terminal with fewer rows than there are bars, where mpb has
// two mistakes: it leaves no row to the cursor, and it counts the rows that it does
// not draw twice. Each would let bars scroll away.
type barWriter struct {
	*cupwriter.Writer
	terminal io.Writer
	rows     int // since the last flush
}

func (w *barWriter) GetTermSize() (width, height int, err error) {
	width, height, err = w.Writer.GetTermSize()
	return width, max(height-2, 1), err // and one to the line above: tmux saves a screen that is cleared from its top
}

func (w *barWriter) ReadFrom(row io.Reader) (n int64, err error) {
	if n, err = w.Writer.ReadFrom(row); n > 0 {
		w.rows++
	}
	return n, err
}

func (w *barWriter) Flush(int) error {
	rows := w.rows
	w.rows = 0
	fmt.Fprint(w.terminal, "\r") // the echo of Ctrl-C would stay, and shift the first bar
	return w.Writer.Flush(rows)
}

func newBars(terminal *os.File) *bars { return &bars{terminal: terminal} }

// start starts to draw.
func (b *bars) start() {
	writer := &barWriter{Writer: cupwriter.New(b.terminal, false), terminal: b.terminal}
	var err error
	if b.width, b.height, err = writer.GetTermSize(); err != nil {
		b.width, b.height = 80, 24
	}
	if b.shown == nil { // for the first time
		fmt.Fprintln(b.terminal, "Ctrl-C ends the waiting, not the jobs.")
	}
	b.container, b.shown = mpb.New(mpb.WithConsoleWriter(writer)), make(map[*image]*barState)
}

func (b *bars) show(i *image) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.container == nil {
		b.start()
	}
	s, place := b.shown[i], 2*i.order
	if s != nil && s.bar.Aborted() { // a further call gets a bar of its own, below
		s, place = nil, place+1
	}
	if s == nil {
		s = new(barState)
		s.now = *i
		s.bar = b.container.New(100, mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░"),
			mpb.BarPriority(place), mpb.BarFillerTrim(),
			mpb.BarOptional(mpb.BarRemoveOnComplete(), int(i.session.images.Load()) > b.height), // to make room
			mpb.PrependDecorators(decor.Name(b.label(i), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return s.text() }, decor.WCSyncSpace)),
		)
		b.shown[i] = s
	}
	s.mu.Lock()
	s.now = *i
	s.mu.Unlock()
	s.bar.SetCurrent(min(int64(i.Progress), 99)) // at 100 it would be complete
	switch i.State {
	case stateStarted, stateRunning, stateLooking:
	case stateSucceeded, stateExists, stateFound:
		s.bar.SetCurrent(100)
	default:
		s.bar.Abort(false)
	}
}

// label names the image, cut to what fits beside a bar.
func (b *bars) label(i *image) string {
	return runewidth.Truncate(i.subject(), max(b.width/2-8, 8), "…") + " " + i.Region
}

// text is what stands behind the bar.
func (s *barState) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch left := s.now.timeLeft(); {
	case s.now.State != stateRunning:
		return string(s.now.State)
	case left > 0:
		return fmt.Sprintf("%.0f %% %v", s.now.Progress, left)
	}
	return fmt.Sprintf("%.0f %%", s.now.Progress)
}

func (b *bars) close() { b.pause() }

func (b *bars) pause() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.container == nil {
		return
	}
	for _, s := range b.shown {
		s.bar.Abort(false) // no-op for those that are complete
	}
	b.container.Wait()
	b.container = nil
}
