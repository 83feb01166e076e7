package cimgogen

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// What became of a change that was not accepted, for errors.Is.
var (
	ErrRejected = errors.New("rejected, nothing was changed")
	ErrNotSent  = errors.New("not sent, nothing was changed")
	ErrUnknown  = errors.New("outcome unknown, look for it before it is sent again")
)

// ChangeError is a change that was not accepted.
type ChangeError struct {
	Outcome   error           // one of the above
	Jobs      []generated.Job // that the reply named all the same
	RequestID string          // for the provider's support, if there is one
	Err       error           // why
}

func (e *ChangeError) Error() string   { return fmt.Sprintf("%v: %v", e.Outcome, e.Err) }
func (e *ChangeError) Unwrap() []error { return []error{e.Outcome, e.Err} }

// The errnos that say: nothing was changed.
var rejections = []generated.Errno{1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002}

// outcomeOf tells what became of a change of so many items.
func outcomeOf(items int, reply any, err error) ([]generated.Job, error) {
	a := answerOf(reply, err)
	var dial *net.OpError
	outcome := ErrUnknown
	switch {
	case a.err == nil && a.items == items && len(a.jobs) == items && distinct(a.jobs):
		return a.jobs, nil
	case a.err == nil:
		a.err = fmt.Errorf("%d proper jobs for %d items", len(a.jobs), items)
	case errors.As(err, &dial) && dial.Op == "dial":
		outcome = ErrNotSent
	case a.isRejection():
		outcome = ErrRejected
	}
	return nil, &ChangeError{Outcome: outcome, Jobs: a.jobs, RequestID: a.requestID, Err: a.err}
}

// answer is what a reply with jobs says. Every operation that replies with jobs
// has an interface of its own for its replies, of the same two types.
type answer struct {
	status    int // 0: there was no reply, or one that the contract does not know
	errno     generated.Errno
	items     int             // in the place of the jobs
	jobs      []generated.Job // those that are proper
	requestID string
	err       error // why it is no success
}

func answerOf(reply any, err error) answer {
	switch reply := reply.(type) {
	case *generated.JobsEnvelope:
		a := answer{status: http.StatusOK, errno: reply.Errno, items: len(reply.Data.Value), requestID: reply.RequestId}
		for _, job := range reply.Data.Value {
			if job.JobUuid != "" && !strings.Contains(job.JobUuid, ",") {
				a.jobs = append(a.jobs, job)
			}
		}
		if a.errno != 0 {
			a.err = fmt.Errorf("errno %d (%s)", reply.Errno, reply.Errmsg)
		}
		return a
	case *generated.Gateway:
		return answer{status: reply.StatusCode, err: fmt.Errorf("HTTP %d", reply.StatusCode)}
	}
	if err == nil {
		err = fmt.Errorf("an unknown reply: %T", reply)
	}
	return answer{err: err}
}

// isRejection tells whether an answer to a change says that nothing was changed.
// Of other statuses than 200, ogen keeps nothing else: an errno with HTTP 400 is
// not seen, nor jobs with HTTP 401.
func (a answer) isRejection() bool {
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	}
	return slices.Contains(rejections, a.errno) && a.items == 0 // jobs would belie it
}

type trouble int

const (
	passing trouble = iota // ask again
	ids                    // one of them may be the reason: what an unknown one does is not published
	refused                // give up
)

// trouble says why a poll brought no jobs.
func (a answer) trouble() trouble {
	switch {
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.errno == 4:
		return refused
	case a.status == 0, a.status == http.StatusTooManyRequests, a.status >= 500,
		a.errno == 2, a.errno == 3, a.errno == 40000:
		return passing
	case a.status == http.StatusBadRequest, a.status == http.StatusRequestEntityTooLarge, a.status == http.StatusRequestURITooLong,
		a.errno == 1, a.errno == 13:
		return ids
	}
	return refused
}

func distinct(jobs []generated.Job) bool {
	seen := map[string]bool{}
	for _, job := range jobs {
		seen[job.JobUuid] = true
	}
	return len(seen) == len(jobs)
}
