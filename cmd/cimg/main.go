// Command cimg shows the client at work and serves an emulator of the service
// for clients in any language. It never talks to the service itself.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().Run(ctx, os.Args)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "cimg: interrupted")
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "cimg:", strings.TrimPrefix(err.Error(), "cimg: "))
		os.Exit(1)
	}
}

// unknownCommand runs without a command, or with an unknown one.
func unknownCommand(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("no command %q; see cimg help", cmd.Args().First())
	}
	return cli.ShowRootCommandHelp(cmd)
}

// noArguments rejects arguments that a command would silently ignore.
func noArguments(ctx context.Context, cmd *cli.Command) (context.Context, error) {
	if cmd.Args().Present() {
		return ctx, fmt.Errorf("%s takes no argument, got %q", cmd.Name, cmd.Args().First())
	}
	return ctx, nil
}

// wrongUsage reports what is wrong with a flag; the library would report it twice,
// above and below the whole help.
func wrongUsage(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.FullName())
}

// command returns the command line.
func command() *cli.Command {
	root := &cli.Command{
		Name:           "cimg",
		Version:        version.Version(),
		Usage:          "DiDi Cloud custom images: a demo and an emulator of the service",
		Commands:       []*cli.Command{demoCommand(), mockCommand(), versionCommand()},
		Action:         unknownCommand,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // main reports errors
		OnUsageError:   wrongUsage,
	}
	for _, sub := range root.Commands {
		sub.OnUsageError = wrongUsage
	}
	return root
}
