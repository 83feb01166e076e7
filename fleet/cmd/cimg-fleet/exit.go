package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
)

// exitCode is what a script sees of how a command ended; cimg-fleet --help lists them.
type exitCode int

const (
	exitOther       exitCode = 1
	exitUsage       exitCode = 2
	exitNotFound    exitCode = 3
	exitFailed      exitCode = 4
	exitInterrupted exitCode = 130
)

// usageError says that the command was not written as its help says.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func exitCodeOf(ctx context.Context, err error) exitCode {
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, new(usageError)), errors.As(err, new(*serviceerror.NamespaceNotFound)):
		return exitUsage
	case errors.As(err, new(*serviceerror.NotFound)):
		return exitNotFound
	case errors.As(err, new(*temporal.WorkflowExecutionError)):
		return exitFailed
	}
	return exitOther
}

// text returns an error in one line, without the names of the packages, workflows and
// activities that it went through.
func text(err error) string {
	application, isApplication := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case isApplication:
		return plain(application.Type() + ": " + application.Message())
	case temporal.IsCanceledError(err):
		return "cancelled"
	case errors.As(err, new(*serviceerror.NamespaceNotFound)):
		return plain(err.Error()) + "; name one that exists in TEMPORAL_NAMESPACE"
	case errors.As(err, new(*serviceerror.NotFound)):
		return plain(err.Error()) + "; cimg-fleet status lists those that run"
	}
	return plain(err.Error())
}

func plain(text string) string {
	return strings.NewReplacer(": cimg: ", ": ", "\n", "; ").Replace(strings.TrimPrefix(text, "cimg: "))
}
