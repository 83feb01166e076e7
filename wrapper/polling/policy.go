// Package polling decides when to poll a job next: how long to pause between two
// polls of it, given what the polls so far have shown.
//
// A [Policy] is a pure function; package wrapper does the polling. It shares
// requests among jobs and callers, so that a job may be polled earlier than its
// policy says, and at most twice as late.
package polling

import "time"

// Policy decides how often a job is polled.
type Policy interface {
	// Pause returns the time from the last poll to the next, of a job that had
	// been running for elapsed when it was polled last. With an empty history,
	// elapsed is 0, and the pause is the time from the job's start to its first
	// poll.
	//
	// It must be a pure function, safe for concurrent use, and must not modify
	// seen. Pauses of zero or less mean as soon as possible.
	Pause(elapsed time.Duration, seen History) time.Duration
}

// History is what the polls of a job have shown.
type History struct {
	// Changes are the polls that showed a progress different from the one
	// before, the oldest first. If it is known when the job started, that is the
	// first of them: 0 after 0 s. Of a long history, the first and the latest are
	// kept, at most MaxChanges in all.
	Changes []Change
	// Unchanged is how many polls since the last change showed it again.
	Unchanged int
	// Polls is how many polls there were in all.
	Polls int
}

// Change is a new value of the progress.
type Change struct {
	Elapsed  time.Duration // since the job's start or, if that is not known, since the wait's
	Progress float64       // in percent, as the service reported it
}

// MaxChanges is how many changes a [History] keeps.
const MaxChanges = 8

// Add notes a poll, as package wrapper does before it asks a policy: to try a
// policy on the course of a job.
func (h *History) Add(elapsed time.Duration, progress float64) {
	h.Polls++
	last := len(h.Changes) - 1
	if last >= 0 && h.Changes[last].Progress == progress {
		h.Unchanged++
		return
	}
	if len(h.Changes) == MaxChanges { // the first stays: rates are counted from it
		copy(h.Changes[1:], h.Changes[2:])
		h.Changes = h.Changes[:last]
	}
	h.Changes = append(h.Changes, Change{elapsed, progress})
	h.Unchanged = 0
}
