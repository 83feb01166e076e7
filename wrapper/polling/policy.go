// Package polling says when to ask next for a job: how long to wait between two
// polls of it, given what the polls so far have shown.
//
// A [Policy] is a pure function; package wrapper does the asking. It shares
// polls among jobs and callers, so that a job may be asked for earlier than its
// policy says, and at most twice as late.
package polling

import "time"

// Policy decides how often a job is asked for.
type Policy interface {
	// Pause returns the time from the last poll to the next, of a job that had
	// been running for elapsed when it was polled last. With an empty history,
	// elapsed is 0 and the pause that from the job's start to its first poll.
	//
	// It must be a pure function, safe for concurrent use, and leave seen as it
	// is. Pauses of zero or less mean as soon as possible.
	Pause(elapsed time.Duration, seen History) time.Duration
}

// History is what the polls of a job have shown.
type History struct {
	// Changes are the polls that showed a progress other than the one before,
	// the oldest first. If it is known when the job started, that is the first of
	// them: 0 after 0 s. Of a long history, the first and the latest remain, at
	// most MaxChanges in all.
	Changes []Change
	// Unchanged is how many polls since the last change showed it again.
	Unchanged int
	// Polls is how many there were in all.
	Polls int
}

// Change is a progress that a poll showed first.
type Change struct {
	Elapsed  time.Duration // since the job's start, or if that is not known, since the wait's
	Progress float64       // in percent, as the service reported it
}

// MaxChanges is how many changes a [History] keeps.
const MaxChanges = 8
