package cimgogen

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// What became of a change that was not accepted.
var (
	ErrRejected = errors.New("rejected, nothing was done")
	ErrNotSent  = errors.New("not sent, nothing was done")
	ErrUnknown  = errors.New("outcome unknown, look for it by name before it is sent again")
)

// rejections are the errnos that say: nothing was done. Of any other but 0,
// nobody knows.
var rejections = []generated.Errno{1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002}

// outcomeOf tells what became of a change of so many items.
func outcomeOf(items int, reply any, err error) ([]generated.Job, error) {
	jobs, err := jobsOf(reply, err)
	var dial *net.OpError
	switch {
	case err == nil && len(jobs) < items:
		return nil, fmt.Errorf("%w: %d jobs for %d items", ErrUnknown, len(jobs), items)
	case err == nil:
		return jobs, nil
	case errors.Is(err, ErrRejected):
		return nil, err
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
}

// jobsOf returns the jobs of a reply with errno 0. Every operation that replies
// with jobs has an interface of its own for its replies, of the same two types.
func jobsOf(reply any, err error) ([]generated.Job, error) {
	if err != nil {
		return nil, err // no reply, or one that the contract does not know
	}
	switch reply := reply.(type) {
	case *generated.JobsReply:
		if reply.Errno == 0 {
			return reply.Data.Value, nil
		}
		err = fmt.Errorf("errno %d (%s)", reply.Errno, reply.Errmsg)
		// Data would belie the refusal.
		if slices.Contains(rejections, reply.Errno) && len(reply.Data.Value) == 0 {
			err = fmt.Errorf("%w: %w", ErrRejected, err)
		}
	case *generated.Gateway:
		err = statusError(reply.StatusCode)
		switch reply.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
			err = fmt.Errorf("%w: %w", ErrRejected, err)
		}
	}
	return nil, err
}

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("HTTP %d", int(e)) }
