package commandline

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/urfave/cli/v3"
)

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// UsageErrorf returns an error that says that a command was not written as its help says.
func UsageErrorf(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// IsUsageError reports whether an error is one of [UsageErrorf].
func IsUsageError(err error) bool { return errors.As(err, new(usageError)) }

// UnknownCommand runs without a command, or with an unknown one.
func UnknownCommand(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return UsageErrorf("no command %q; see %s --help", cmd.Args().First(), cmd.FullName())
	}
	if cmd != cmd.Root() {
		return cli.ShowSubcommandHelp(cmd)
	}
	return cli.ShowRootCommandHelp(cmd)
}

// NoArguments rejects arguments that a command would silently ignore.
func NoArguments(ctx context.Context, cmd *cli.Command) (context.Context, error) {
	if cmd.Args().Present() {
		return ctx, UsageErrorf("%s takes no argument, got %q", cmd.Name, cmd.Args().First())
	}
	return ctx, nil
}

// wrongUsage reports what is wrong with a flag; the library would report it twice,
// above and below the whole help.
func wrongUsage(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return UsageErrorf("%s; see %s --help", goWords.ReplaceAllString(err.Error(), ""), cmd.FullName())
}

// goWords are what the library and Go's parsers say of themselves.
var goWords = regexp.MustCompile(`strconv\.\w+: parsing "([^"\\]|\\.)*": |\btime: | as \S+ value\b`)
