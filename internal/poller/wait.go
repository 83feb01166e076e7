package poller

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// Wait is what one caller learns of the jobs that it follows. One goroutine at a
// time may use it.
type Wait struct {
	poller   *Poller
	settings *Settings
	values   context.Context
	joined   instant.Time
	lastPoll instant.Time // 0: none
	changes  bool         // Next returns them, too

	// Guarded by the poller's mutex.
	subscriptions []subscription
	left          int             // jobs that Next did not report as finished
	finished      []*subscription // for Next to report, as are
	changed       []*subscription
	news          chan struct{} // holds something when finished or changed do
	panicked      error         // the policy did
}

// subscription is that of one wait to one job.
type subscription struct {
	wait       *Wait
	entry      *entry
	final      *Update       // if it ended before the job
	countsFrom time.Duration // since wait.joined: before that, a failure does not count
	failures   int32         // in a row that count
	index      int32         // in the list that is followed
	position   int32         // in the job's subscriptions
	changed    bool          // is in wait.changed
	finished   bool          // it has ended, with the job or before
}

// Update is what was learned of a job.
type Update struct {
	Index    int // in the list that is followed
	Job      gen.Job
	Finished bool  // the job, or the wait for it
	Cause    error // why the wait for it ended although the job did not finish
	LastPoll error // why the last poll failed, if it did
}

// What [Update].Cause can be, besides an error of a poll.
var (
	ErrMissing = errors.New("the service does not know the job")
	ErrStalled = errors.New("the job stays as it is")
)

// Next returns what was learned of one of the jobs: that it finished before what
// changed, and of several changes the newest. When there is nothing it waits,
// until ctx ends or all jobs have finished: then ok is false. After the end of
// ctx it returns the jobs that had finished before.
func (w *Wait) Next(ctx context.Context) (update Update, ok bool) {
	for {
		over := ctx.Err() != nil
		update, ok = w.take(!over)
		if ok || over || w.left == 0 {
			return update, ok
		}
		select {
		case <-w.news:
		case <-ctx.Done():
		}
	}
}

func (w *Wait) take(changes bool) (Update, bool) {
	w.poller.mu.Lock()
	defer w.poller.mu.Unlock()
	if len(w.finished) > 0 {
		s := w.finished[0]
		w.finished = w.finished[1:]
		w.left--
		return s.update(), true
	}
	for changes && len(w.changed) > 0 {
		s := w.changed[0]
		w.changed = w.changed[1:]
		s.changed = false
		if !s.finished {
			return s.update(), true
		}
	}
	return Update{}, false
}

// Leave ends the wait and returns how those jobs stand that Next has not reported
// as finished.
func (w *Wait) Leave() []Update {
	w.poller.mu.Lock()
	defer w.poller.mu.Unlock()
	var rest []Update
	for _, s := range w.finished {
		rest = append(rest, s.update())
	}
	w.finished, w.left = nil, 0
	for i := range w.subscriptions {
		s := &w.subscriptions[i]
		if !s.finished {
			rest = append(rest, s.update())
			s.finished = true
			if s.entry.unsubscribe(s); len(s.entry.subscriptions) == 0 {
				s.entry.region.drop(s.entry)
			}
			s.entry.region.arm(w.poller.clock.Now())
		}
	}
	return rest
}

func (s *subscription) update() Update {
	if s.final != nil {
		return *s.final
	}
	return Update{Index: int(s.index), Job: s.entry.state, Finished: s.finished, LastPoll: s.entry.lastPoll}
}

// losePatience counts a failed poll, and reports whether the wait has no patience left.
// One that comes sooner than the wait itself would poll again is others' doing, and
// does not count.
func (s *subscription) losePatience(now instant.Time, interval time.Duration) bool {
	if at := now.Sub(s.wait.joined); at >= s.countsFrom {
		s.failures++
		s.countsFrom = at + backoff(int(s.failures), interval)
	}
	return int(s.failures) > s.wait.settings.MaxFailures
}

// onChange makes the wait fetch the job's state.
func (s *subscription) onChange() {
	if s.wait.changes && !s.changed {
		s.changed = true
		s.wait.changed = append(s.wait.changed, s)
		s.wait.signal()
	}
}

// onFinish makes the wait fetch how the job finished or, if there is a cause, how
// it stands: it may go on, for others.
func (s *subscription) onFinish(cause error) {
	s.finished = true
	if cause == nil && !s.entry.state.Done {
		cause = s.wait.panicked
	}
	if cause != nil {
		final := s.update()
		final.Cause = cause
		s.final = &final
	}
	s.wait.finished = append(s.wait.finished, s)
	s.wait.signal()
}

// withLastPoll brings a due time forward to the wait's last poll, unless that
// was made: by a poll that began in its time.
func (s *subscription) withLastPoll(due, began instant.Time) instant.Time {
	if last := s.wait.lastPoll; last > began {
		return min(due, last)
	}
	return due
}

// pause asks the policy. A caller wrote it: if it panics or exits the goroutine,
// the wait ends.
func (w *Wait) pause(elapsed time.Duration, history polling.History) (pause time.Duration) {
	responded := false
	defer func() {
		if !responded {
			w.panicked, pause = fmt.Errorf("the policy panicked: %s", oneline.Panic(recover())), math.MaxInt64
		}
	}()
	pause = w.settings.Policy.Pause(elapsed, history)
	responded = true
	return pause
}

func (w *Wait) signal() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}
