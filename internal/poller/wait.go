package poller

import (
	"context"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// Wait is one caller's interest in some jobs, and what was learned of them and
// is still to be fetched. One goroutine at a time may use it.
type Wait struct {
	poller   *Poller
	settings *Settings
	values   context.Context
	joined   time.Time
	lastPoll time.Time // zero: none
	changes  bool      // Next returns them, too

	// Guarded by the poller's mutex.
	interests []interest
	left      int // jobs that were not reported as ended by Next
	ended     []*interest
	changed   []*interest
	news      chan struct{} // holds something when ended or changed do
}

// interest is that of one wait in one job.
type interest struct {
	wait     *Wait
	job      *job
	index    int
	failures int     // polls in a row that failed, since it joined
	changed  bool    // is in wait.changed
	ended    bool    // the job is, or the wait for it
	final    *Update // if the wait ended, but not the job
}

// Update is what was learned of a job.
type Update struct {
	Index    int // in the list that is followed
	Job      gen.Job
	Ended    bool
	Cause    error // why the wait for it ended although the job did not
	LastPoll error // why the last poll failed, if it did
}

// Reasons for which the wait for a job ends, besides errors of polls.
type reason string

func (r reason) Error() string { return string(r) }

// What [Update].Cause can be, besides an error of a poll.
const (
	ErrMissing reason = "the service does not know the job"
	ErrStalled reason = "the job stays as it is"
)

// Next returns what was learned of one of the jobs: ends before changes, and of
// several changes the newest. When there is nothing it waits, until ctx ends or
// all jobs have ended: then ok is false. After the end of ctx it returns the ends
// that came before.
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
	if n := len(w.ended); n > 0 {
		i := w.ended[0]
		w.ended = w.ended[1:]
		w.left--
		return i.update(), true
	}
	for changes && len(w.changed) > 0 {
		i := w.changed[0]
		w.changed = w.changed[1:]
		i.changed = false
		if !i.ended {
			return i.update(), true
		}
	}
	return Update{}, false
}

// Leave ends the wait and returns how those jobs stand whose end Next has not
// returned.
func (w *Wait) Leave() []Update {
	now := time.Now()
	w.poller.mu.Lock()
	defer w.poller.mu.Unlock()
	var rest []Update
	for _, i := range w.ended {
		rest = append(rest, i.update())
	}
	w.ended = nil
	touched := make(map[*region]bool)
	for k := range w.interests {
		i := &w.interests[k]
		if i.ended {
			continue
		}
		rest = append(rest, i.update())
		i.ended = true
		i.job.forget(i)
		touched[i.job.region] = true
	}
	w.left = 0
	for r := range touched {
		r.arm(now)
	}
	return rest
}

func (i *interest) update() Update {
	if i.final != nil {
		return *i.final
	}
	return Update{Index: i.index, Job: i.job.state, Ended: i.ended, LastPoll: i.job.lastPoll}
}

// notice makes the wait fetch the job's state.
func (i *interest) notice() {
	if i.wait.changes && !i.changed {
		i.changed = true
		i.wait.changed = append(i.wait.changed, i)
		i.wait.signal()
	}
}

// end makes the wait fetch the job's end. The caller takes the interest off the
// job's list.
func (i *interest) end(cause error) {
	i.ended = true
	if cause != nil { // the job may go on, for others
		final := i.update()
		final.Cause = cause
		i.final = &final
	}
	i.wait.ended = append(i.wait.ended, i)
	i.wait.signal()
}

func (w *Wait) signal() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}
