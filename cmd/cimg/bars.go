package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// bars shows a bar for each image on a terminal, redrawn in place. It uses no
// colours.
type bars struct {
	container *mpb.Progress
	narrow    bool

	mu    sync.Mutex
	shown map[*image]*barState
}

// barState is what is drawn of an image: a copy, since drawing is concurrent.
type barState struct {
	bar *mpb.Bar
	mu  sync.Mutex
	now image
}

func newBars(terminal *os.File) *bars {
	width, _, err := term.GetSize(int(terminal.Fd()))
	return &bars{
		container: mpb.New(mpb.WithOutput(terminal)),
		narrow:    err == nil && width < 60,
		shown:     make(map[*image]*barState),
	}
}

func (b *bars) show(i *image) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.shown[i]
	if s == nil {
		s = new(barState)
		s.now = *i
		s.bar = b.container.New(100, mpb.BarStyle().Lbound("").Rbound("").Filler("█").Tip("█").Padding("░"),
			mpb.BarPriority(i.order), mpb.BarFillerTrim(),
			mpb.PrependDecorators(decor.Name(b.label(i), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return s.text() }, decor.WC{C: decor.DindentRight | decor.DextraSpace})),
		)
		b.shown[i] = s
	}
	s.mu.Lock()
	s.now = *i
	s.mu.Unlock()
	s.bar.SetCurrent(min(int64(i.Progress), 99)) // at 100 it would be complete
	switch i.State {
	case stateStarted, stateRunning:
	case stateSucceeded, stateExists, stateFound:
		s.bar.SetCurrent(100)
	default:
		s.bar.Abort(false)
	}
}

// label names the image, cut to what fits beside a bar.
func (b *bars) label(i *image) string {
	longest := 40
	if b.narrow {
		longest = 14
	}
	return runewidth.Truncate(i.subject(), longest, "…") + " " + i.Region
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

func (b *bars) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.shown {
		s.bar.Abort(false) // no-op for those that are complete
	}
	b.container.Wait()
}
