package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// exitCode is what a script sees of how a command ended; cimg --help lists them.
type exitCode int

const (
	exitDone        exitCode = 0
	exitOther       exitCode = 1
	exitUsage       exitCode = 2
	exitRejected    exitCode = 3
	exitJobFailed   exitCode = 4
	exitUnknown     exitCode = 5
	exitTimedOut    exitCode = 6
	exitInterrupted exitCode = 130
)

var errInterrupted = errors.New("interrupted")

// ending is how a command ended that has more than one line to say.
type ending struct {
	errs []error
	next []string // what to do
}

// endingOf returns an error as an ending.
func endingOf(err error) *ending {
	if end, is := err.(*ending); is { //nolint:errorlint // as this program made it, the outermost
		return end
	}
	return &ending{errs: []error{err}}
}

func (e *ending) Error() string {
	var texts []string
	for _, err := range e.errs {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "\n")
}

func (e *ending) Unwrap() []error { return e.errs }

// exitCodeOf returns the exit code for an error. Of several errors, the one counts
// that needs the most care.
func exitCodeOf(err error, interrupted bool) exitCode {
	earlier, isEarlier := errors.AsType[*journal.EarlierError](err)
	switch {
	case err == nil:
		return exitDone
	case interrupted:
		return exitInterrupted
	case errors.As(err, new(*wrapper.OutcomeUnknownError)), errors.As(err, new(*unresolvedError)), isEarlier && !earlier.Entry.Live:
		return exitUnknown
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimedOut
	case errors.As(err, new(*wrapper.WaitError)):
		return exitUnknown
	case errors.As(err, new(*wrapper.JobFailedError)):
		return exitJobFailed
	case wrapper.OutcomeOf(err) == wrapper.OutcomeRejected:
		return exitRejected
	case commandline.IsUsageError(err), errors.As(err, new(*wrapper.InputError)):
		return exitUsage
	}
	return exitOther
}

// advice returns what to do about an error whose text does not say it.
func advice(err error) string {
	stored, isStored := errors.AsType[*reconcile.StoredNameError](err)
	response, isResponse := errors.AsType[*wrapper.APIError](err)
	network, isNetwork := errors.AsType[*net.OpError](err)
	switch {
	case errors.As(err, new(*wrapper.WaitError)), errors.As(err, new(*wrapper.OutcomeUnknownError)):
		return ""
	case isStored:
		return fmt.Sprintf("; from now on, request it as %q: a search for %q does not find it", stored.Image.Name, stored.Name)
	case errors.Is(err, wrapper.ErrAuth):
		return "; check the token in " + commandline.TokenVariable + " or in the file of --token-file"
	case isResponse && response.Errno == wrapper.ErrnoRegion:
		return "; check the id of the region"
	case isResponse && response.Errno == wrapper.ErrnoSnapshot:
		return "; check the id of the snapshot, and that it is in this region"
	case isNetwork && network.Op == "dial":
		return "; check --base-url and the network"
	}
	return ""
}
