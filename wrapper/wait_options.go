package wrapper

import (
	"fmt"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/internal/poller"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// WaitOption configures one wait or, with [WithWaitOptions], all waits of a
// client. An invalid option makes the wait fail with an [*InputError], and [New],
// too.
type WaitOption func(*waitSettings) error

type waitSettings struct {
	polls    poller.Settings
	failFast bool
}

// WithWaitOptions sets the defaults of all waits of the client.
func WithWaitOptions(options ...WaitOption) Option {
	return func(c *config) error {
		c.waitOptions = append(c.waitOptions, options...)
		return nil
	}
}

// PollPolicy decides how often a job is polled. The default is
// [polling.Adaptive], which follows the progress that the job reports; its
// shortest pause is the client's [Polling].RequestInterval. Of several waits for
// one job, the shortest pause counts.
func PollPolicy(policy polling.Policy) WaitOption {
	return func(s *waitSettings) error {
		if policy == nil {
			return &InputError{Field: "PollPolicy", Reason: "it is nil"}
		}
		s.polls.Policy = policy
		return nil
	}
}

// MaxFailures is how many failures in a row a wait tolerates for a job: polls that
// found no connection, a server error, a malformed response or one of a gateway, too
// many requests. The default is 8: with pauses that double from one
// [Polling].RequestInterval to 60, a wait survives an outage of three minutes.
//
// A poll of many jobs that fails is halved until the failure is one job's; what
// fails whatever the jobs counts for all of them. Failed polls that other waits caused
// do not count, nor do a pause that the service asks for (header Retry-After, see
// [Polling].MaxRetryAfter) and the time in the client's own rate limiter.
func MaxFailures(n int) WaitOption {
	return func(s *waitSettings) error {
		s.polls.MaxFailures = n
		return notNegative("MaxFailures", n)
	}
}

// MissingGrace is how long the service may not know a job, which it shows by
// leaving it out or by rejecting its id (errno 1, 13, 41017, 41026, 16000002), before
// the wait for it ends with [ErrJobUnknown], after a poll of this job alone: it may lag
// behind a create. The rejection is WaitError.LastPoll. The default is 30 s. A
// gateway's rejection, such as HTTP 404 without an envelope, counts as a failure, see
// [MaxFailures], but ends no wait before that time either.
func MissingGrace(d time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.MissingGrace = d
		return notNegative("MissingGrace", d)
	}
}

// StallTimeout ends the wait for a job with [ErrStalled] when its state has not
// changed for d, counted from the start of the wait at the earliest. The default
// is 0: no limit.
func StallTimeout(d time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.StallTimeout = d
		return notNegative("StallTimeout", d)
	}
}

// LastPoll is how long before the deadline of its context a wait polls once more,
// whatever the policy says: a job that finished meanwhile is then not reported as
// unfinished. The default is twice [Polling].RequestInterval, and one more for
// each further request that the jobs need; 0 disables this poll.
func LastPoll(before time.Duration) WaitOption {
	return func(s *waitSettings) error {
		s.polls.LastPoll = before
		return notNegative("LastPoll", before)
	}
}

// FailFast ends [Client.WaitAll] and [Client.WatchAll] at the first job that does
// not succeed. The other jobs continue; their outcome is a [*WaitError] with
// [ErrOtherFailed].
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
		Policy:       polling.Adaptive{Min: p.RequestInterval},
		MaxFailures:  8,
		MissingGrace: 30 * time.Second,
		LastPoll:     2 * p.RequestInterval,
	}}
	return defaults.with(options)
}

// with returns the settings with options applied.
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
	return &changed, oneline.Join(errs...)
}
