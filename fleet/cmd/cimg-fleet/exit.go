package main

import (
	"errors"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/cimg-go/cimg/internal/commandline"
)

// exitCodeOf returns what a script sees of how a command ended; cimg-fleet --help lists
// the codes.
func exitCodeOf(err error, interrupted bool) int {
	switch {
	case interrupted:
		return 130
	case commandline.IsUsageError(err), errors.As(err, new(*serviceerror.NamespaceNotFound)):
		return 2
	case errors.As(err, new(*serviceerror.NotFound)):
		return 3
	case errors.As(err, new(*temporal.WorkflowExecutionError)):
		return 4
	}
	return 1
}

// text returns an error in one line, without the names of the packages, workflows and
// activities that it went through.
func text(err error) string {
	application, isApplication := errors.AsType[*temporal.ApplicationError](err)
	said := err.Error()
	switch {
	case isApplication:
		said = application.Type() + ": " + application.Message()
	case temporal.IsCanceledError(err):
		said = "cancelled"
	case errors.As(err, new(*serviceerror.NamespaceNotFound)):
		said = strings.TrimSuffix(said, ".") + "; name one that exists in TEMPORAL_NAMESPACE"
	case errors.As(err, new(*serviceerror.NotFound)):
		said += "; cimg-fleet status lists those that run"
	}
	return commandline.Plain(strings.ReplaceAll(said, "\n", "; "))
}
