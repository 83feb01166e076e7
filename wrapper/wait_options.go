package wrapper

import (
	"errors"
	"fmt"
	"time"

	"github.com/cimg-go/cimg/internal/poller"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// WaitOption is a choice for one wait, or with [WithWaiting] for all waits of a
// client. One that cannot be right makes the wait fail with an [*InputError],
// and [New] too.
type WaitOption func(*waitSettings) error

type waitSettings struct {
	polls    poller.Settings
	failFast bool
}

// WithWaiting sets the choices of waits that make no others.
func WithWaiting(options ...WaitOption) Option {
	return func(c *config) error {
		c.waitOptions = append(c.waitOptions, options...)
		return nil
	}
}

// PollPolicy says how often a job is asked for. The default is
// [polling.Adaptive], which follows the progress that the job reports; its
// shortest pause is the client's [Polling].Gap. Of several waits for one job,
// the shortest pause counts.
func PollPolicy(policy polling.Policy) WaitOption {
	return func(s *waitSettings) error {
		if policy == nil {
			return &InputError{Field: "PollPolicy", Reason: "it is nil"}
		}
		s.polls.Policy = policy
		return nil
	}
}

// MaxFailures is how many polls of a job in a row may fail for a passing reason
// (connection, server trouble, rate limit, a response that makes no sense) before
// the wait for it ends. The default is 8: with pauses that double from one
// [Polling].Gap to 60, an outage of three minutes is survived.
func MaxFailures(n int) WaitOption {
	return func(s *waitSettings) error {
		s.polls.MaxFailures = n
		return notNegative("MaxFailures", n)
	}
}

// MissingGrace is how long responses may lack a job before it is given up as
// [ErrJobUnknown], or the service may refuse its id before the wait ends with that
// [*APIError]: the service may lag behind a create. The default is 30 s.
func MissingGrace(d time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.MissingGrace = d
		return notNegative("MissingGrace", d)
	}
}

// StallTimeout ends the wait for a job with [ErrStalled] when it has stayed as it
// is for so long, counted from the wait's begin at the earliest. The default is
// 0: it may stay so for ever.
func StallTimeout(d time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.StallTimeout = d
		return notNegative("StallTimeout", d)
	}
}

// LastPoll is how long before the deadline of its context a wait asks once more,
// whatever the policy says: a job that ended meanwhile is then not reported as
// unfinished. The default is twice [Polling].Gap, and a gap more for each further
// request that the jobs need; 0 makes no such poll.
func LastPoll(before time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.LastPoll = before
		return notNegative("LastPoll", before)
	}
}

// FailFast ends [Client.WaitAll] and [Client.WatchAll] at the first job that does
// not succeed. The jobs that had not ended by then go on; waiting for them is a
// [*WaitError] with [ErrOtherFailed].
func FailFast() WaitOption {
	return func(s *waitSettings) error {
		s.failFast = true
		return nil
	}
}

func notNegative[T int | time.Duration](field string, n T) error {
	if n < 0 {
		return &InputError{Field: field, Reason: fmt.Sprintf("%v is negative", n)}
	}
	return nil
}

func newWaitSettings(p Polling, options []WaitOption) (*waitSettings, error) {
	defaults := &waitSettings{polls: poller.Settings{
		Policy:       polling.Adaptive{Min: p.Gap},
		MaxFailures:  8,
		MissingGrace: 30 * time.Second,
		LastPoll:     2 * p.Gap,
	}}
	return defaults.with(options)
}

// with returns the settings changed by options.
func (s *waitSettings) with(options []WaitOption) (*waitSettings, error) {
	if len(options) == 0 {
		return s, nil
	}
	changed := *s
	var errs []error
	for _, option := range options {
		if option == nil {
			errs = append(errs, &InputError{Field: "WaitOption", Reason: "it is nil"})
			continue
		}
		errs = append(errs, option(&changed))
	}
	return &changed, errors.Join(errs...)
}
