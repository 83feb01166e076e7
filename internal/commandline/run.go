// Package commandline is what the programs cimg and cimg-fleet have in common: how they
// run and are interrupted, report wrong usage, reach the service and print results.
package commandline

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

// Prepare makes a program's commands report errors to [Run], and results to [ResultsOf].
func Prepare(root *cli.Command) *cli.Command {
	root.Writer = &Stdout{Writer: os.Stdout}
	root.Flags = append(root.Flags, outputFlag())
	root.Action = UnknownCommand
	root.ExitErrHandler = func(context.Context, *cli.Command, error) {} // main reports errors
	Each(root, func(cmd *cli.Command) { cmd.OnUsageError = wrongUsage })
	return root
}

// Each calls do for a command and those beneath it.
func Each(cmd *cli.Command, do func(*cli.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands {
		Each(sub, do)
	}
}

// Run runs a program until it ends or is interrupted, and returns what went wrong, and
// why results could not be written.
func Run(root *cli.Command) (err, unwritten error, interrupted bool) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	results := ResultsOf(root)
	begun := false
	root.Before = func(ctx context.Context, _ *cli.Command) (context.Context, error) {
		begun = true
		return ctx, nil
	}
	err = root.Run(ctx, os.Args)
	// The library has no hook for what it finds wrong before it runs a command, nor for
	// an unknown topic of help.
	byLibrary := !begun || errors.As(err, new(cli.ExitCoder)) && results.Err == nil
	if err != nil && byLibrary && !IsUsageError(err) {
		err = wrongUsage(ctx, root, err, false)
	}
	return err, results.Err, err != nil && ctx.Err() != nil
}

// Plain returns a text without the prefixes of the packages that it comes from.
func Plain(text string) string {
	return strings.NewReplacer(": cimg: ", ": ", "; cimg: ", "; ").Replace(strings.TrimPrefix(text, "cimg: "))
}
